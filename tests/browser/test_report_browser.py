"""The written reports in a real browser: accessible, fitting, and asking nothing of any network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboard"))
from small_study import small_validation

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("report") / "results"
    small_validation().write(target)
    return target


@pytest.mark.parametrize("name", ["report.html", "report_supplement.html", "report_short.html"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (390, "light")])
def test_a_report_is_accessible_and_fits(
    name: str, width: int, scheme: str, folder: Path, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto((folder / name).as_uri())
    faults = {
        (fault["id"], node["html"][:200])
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"]
    }
    fits = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
    assert faults == set()
    assert fits
    assert {url for url in asked if not url.startswith(("file:", "data:"))} == set()
