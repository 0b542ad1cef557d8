"""A file dropped in and a validation run, in a real browser: wide and narrow, for axe and offline."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboard"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "administration"))
sys.path.insert(0, str(Path(__file__).parent))
from patient_servers import ended, free_port, listening
from quiet_pages import outside_of, settled, wears
from small_study import DATA, SCALE, small_validation

from analysis.jobs.control import running

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("DTA_SCREENSHOTS")
# Streamlit 1.67.0 puts group headings as direct children into the list of its own navigation, and gives its
# own place to drop files the role of presentation with a place in the order of focus
STREAMLITS_OWN = {
    "list": "stSidebarNav",
    "listitem": "<li class=",
    "presentation-role-conflict": 'data-testid="stFileUploaderDropzone"',
}
SERVE = (
    "import sys, pathlib, uvicorn, dta; "
    "uvicorn.run(dta.compose(pathlib.Path(sys.argv[1])), host='127.0.0.1', port=int(sys.argv[2]), "
    "log_level='warning')"
)
OWN = "An instrument of my own (YAML)"
PATIENCE = 90_000
expect.set_options(timeout=PATIENCE)


def answers() -> bytes:
    """The answers of a hundred people as the data contract has them."""
    frame = pd.read_csv(DATA, dtype=str).rename(columns={"id": "participant"}).head(100)
    return frame.drop(columns=["group", "site"]).to_csv(index=False).encode()


@dataclass
class Board:
    """A dashboard that is served, and what its pages asked of the network."""

    folder: Path
    port: int = 0
    contexts: list[list[str]] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Serve, at the same address as before if there was one."""
        if not self.port:
            self.port = free_port()
        command = [sys.executable, "-c", SERVE, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, env={**os.environ, "DTA_JOBS": "yes"})
        try:
            listening(self.port, self.process)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Stop serving."""
        if self.process is not None:
            ended(self.process)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/dashboard/{path}"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    folder = tmp_path / "results"
    small_validation("one respondent").write(folder, forms=[])
    made = Board(folder)
    made.begin()
    yield made
    made.end()
    assert [outside for outside in made.contexts if outside] == []


def opened(browser: Browser, board: Board, path: str, width: int, scheme: str = "light") -> Page:
    view = {"width": width, "height": 900}
    context = browser.new_context(viewport=view, accept_downloads=True, color_scheme=scheme)
    board.contexts.append(outside_of(context))
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(board.address(path))
    page.wait_for_selector("h1")
    wears(page, scheme)
    settled(page)
    return page


def sound(page: Page, name: str, width: int) -> None:
    """No fault that axe finds, no page wider than the screen, no exception; a picture when asked."""
    if SHOTS:
        page.set_viewport_size({"width": width, "height": 2400})  # the page scrolls inside itself
        settled(page)
        page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png")
        page.set_viewport_size({"width": width, "height": 900})
    settled(page)  # what is fading away has no contrast
    found = [
        (fault["id"], node["html"])
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"]
    ]
    assert [(rule, html) for rule, html in found if STREAMLITS_OWN.get(rule, "\0") not in html] == []
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def own_instrument(page: Page) -> None:
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name=OWN).click()
    settled(page)
    give(page, "Instrument file", "mine.yaml", yaml.safe_dump(SCALE).encode())


def uploader(page: Page, label: str) -> Locator:
    return page.locator("[data-testid=stFileUploader]").filter(has_text=label)


def give(page: Page, label: str, name: str, content: bytes) -> None:
    """Choose a file in an uploader; once more where the page drew itself anew in the same moment."""
    for _ in range(3):
        chooser = uploader(page, label).locator("input[type=file]")
        chooser.set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        settled(page)
        if uploader(page, label).get_by_text(name).is_visible():
            break
    expect(uploader(page, label).get_by_text(name)).to_be_visible()
    settled(page)


def drop(page: Page, label: str, name: str, content: bytes) -> None:
    """Drag a file in and let it go."""
    carried = page.evaluate_handle(
        "([name, text]) => { const all = new DataTransfer(); all.items.add(new File([text], name)); return all; }",
        [name, content.decode()],
    )
    zone = uploader(page, label).locator("[data-testid=stFileUploaderDropzone]")
    for kind in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(kind, {"dataTransfer": carried})
    expect(uploader(page, label).get_by_text(name)).to_be_visible()
    settled(page)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_file_is_dropped_in_and_its_scores_taken_away(
    board: Board, browser: Browser, width: int, scheme: str
) -> None:
    page = opened(browser, board, "score-file", width, scheme)
    sound(page, "score-file-empty", width)
    own_instrument(page)
    (drop if width > 1000 else give)(page, "Answers (", "answers.csv", b"participant,q1\np1,1\n")
    expect(page.get_by_text("11 of 12 item columns")).to_be_visible()
    expect(page.get_by_text("What to do:")).to_be_visible()
    sound(page, "score-file-bad", width)
    page.get_by_role("button", name="Remove answers.csv").click()
    settled(page)
    (drop if width > 1000 else give)(page, "Answers (", "answers.csv", answers())
    expect(page.get_by_role("heading", name="Scores", exact=True)).to_be_visible()
    sound(page, "score-file", width)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Scores as CSV").click()
    scores = pd.read_csv(taken.value.path())
    assert taken.value.suggested_filename == "answers-scores.csv"
    assert len(scores) == 100
    assert {"participant", "wave", "north", "south", "west", "total"} <= set(scores)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Scores as XLSX").click()
    book = pd.read_excel(io.BytesIO(Path(taken.value.path()).read_bytes()), sheet_name=None)
    assert list(book) == ["scores", "about", "codebook"]
    page.context.close()


def begin_validation(page: Page) -> None:
    own_instrument(page)
    give(page, "Answers (", "answers.csv", answers())
    page.get_by_role("button", name="Start the validation").click()
    expect(page.get_by_role("heading", name="A new validation is running")).to_be_visible()


def participants(board: Board) -> int:
    tree = json.loads((board.folder / "results.json").read_text(encoding="utf-8"))
    return int(tree["meta"]["participants"])


@contextlib.contextmanager
def held(board: Board) -> Iterator[None]:
    """Hold the running validation, so that it cannot end before its pages were looked at, however busy the machine."""
    job = running(board.folder)
    assert job is not None
    process = json.loads((job.folder / "process.json").read_text(encoding="utf-8"))["pid"]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_validation_survives_a_reload_and_a_restart_and_ends(board: Board, browser: Browser) -> None:
    page = opened(browser, board, "validation", 1280)
    sound(page, "validation", 1280)
    begin_validation(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    with held(board):
        sound(page, "validation-running", 1280)
        page.reload()
        expect(page.get_by_role("heading", name="A new validation is running")).to_be_visible()
        board.end()
        board.begin()
        page.goto(board.address("items"))
        expect(page.get_by_text("These are the last good results")).to_be_visible()
        sound(page, "items-meanwhile", 1280)
    page.goto(board.address("validation"))
    expect(page.get_by_text("✓ Done", exact=False)).to_be_visible()
    sound(page, "validation-done", 1280)
    assert participants(board) == 100
    page.goto(board.address(""))
    expect(page.get_by_text("100 people, 1 wave, 12 items.")).to_be_visible()
    page.context.close()


def test_a_validation_is_stopped_on_a_phone_and_the_results_stand(board: Board, browser: Browser) -> None:
    page = opened(browser, board, "validation", 390, "dark")
    sound(page, "validation", 390)
    begin_validation(page)
    with held(board):
        sound(page, "validation-running", 390)
    page.get_by_role("button", name="Cancel the validation").click()
    expect(page.get_by_text("Stopped on request.", exact=False)).to_be_visible()
    sound(page, "validation-cancelled", 390)
    assert participants(board) == 1
    page.context.close()
