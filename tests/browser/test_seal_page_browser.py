"""The page on which a seal is verified: it hashes files by itself and loads nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import instrument
from analysis.planning.loading import load_plan
from analysis.planning.sealing import seal, seal_path, write_page


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text("schema: 1\nquestion: Grün – why?\n" + "# filler\n" * 40, encoding="utf-8")
    scale = instrument.load("dta")
    seal(path, load_plan(path), [("scale", scale)], files=[path])
    path.write_text(path.read_text(encoding="utf-8") + "factors: 2\n", encoding="utf-8")
    seal(path, load_plan(path), [("scale", scale)], files=[path], reason="A reviewer asked.")
    write_page(path)
    return path


def verified(browser: Browser, plan: Path, files: list[Path]) -> list[tuple[str, str]]:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    address = plan.with_name("plan.verify.html").as_uri()
    page.goto(address)
    page.set_input_files("#files", [str(file) for file in files])
    page.wait_for_selector("#result li")
    page.wait_for_timeout(100)
    rows = [
        (row.get_attribute("class") or "", row.inner_text()) for row in page.query_selector_all("#result li")
    ]
    assert asked == [address]
    page.close()
    return rows


def test_a_seal_and_its_files_are_verified(browser: Browser, plan: Path) -> None:
    rows = verified(browser, plan, [seal_path(plan), plan])
    assert [kind for kind, _ in rows] == ["good", "good", "good"]
    assert rows[1][1].startswith("✓ 2. amendment of") and "A reviewer asked." in rows[1][1]
    assert rows[2][1] == "✓ plan.yaml is the file that was locked."


def test_what_was_altered_is_told(browser: Browser, plan: Path) -> None:
    plan.write_text(plan.read_text(encoding="utf-8").replace("2", "3"), encoding="utf-8")
    rows = verified(browser, plan, [seal_path(plan), plan])
    assert [kind for kind, _ in rows] == ["good", "good", "bad"]
    path = seal_path(plan)
    path.write_text(path.read_text(encoding="utf-8").replace("A reviewer", "Nobody"), encoding="utf-8")
    assert [kind for kind, _ in verified(browser, plan, [path])] == ["good", "bad", "bad"]
    assert verified(browser, plan, [plan]) == [("bad", "✗ No seal is among these files.")]
