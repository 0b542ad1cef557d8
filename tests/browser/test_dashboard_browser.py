"""The dashboard in a real browser: every page, wide and narrow, light and dark, for axe and offline."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboard"))
from small_study import small_validation

from dashboard.catalogue import PAGES

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("DTA_SCREENSHOTS")
PATHS = ["", *(page.path for page in PAGES), "report", "provenance"]
# Streamlit 1.67.0 puts group headings as direct children into the list of its own navigation
STREAMLITS_OWN = {"list": "stSidebarNav", "listitem": "<li class="}
SERVE = (
    "import sys, pathlib, uvicorn, dta; "
    "uvicorn.run(dta.compose(pathlib.Path(sys.argv[1])), host='127.0.0.1', port=int(sys.argv[2]), "
    "log_level='warning')"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = Path(os.environ.get("DTA_RESULTS") or tmp_path_factory.mktemp("board") / "results")
    if not folder.exists():
        small_validation().write(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)])
    for _ in range(150):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}/dashboard/"
    server.terminate()
    server.wait(10)


def _faults(page: Page) -> list[tuple[str, str]]:
    found = [
        (fault["id"], node["html"])
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"]
    ]
    return [(rule, html) for rule, html in found if STREAMLITS_OWN.get(rule, "\0") not in html]


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
def test_every_page_is_accessible_fits_and_asks_nothing_of_the_network(
    address: str, browser: Browser, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    outside: list[str] = []

    def guard(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1":
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    found = {}
    for path in PATHS:
        page.goto(address + path)
        page.wait_for_selector("h1")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_timeout(600)  # fonts and the drawing of tables
        if faults := _faults(page):
            found[path or "overview"] = faults
        assert page.locator("[data-testid=stException]").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"dashboard-{path or 'overview'}-{width}-{scheme}.png")
    context.close()
    assert outside == []
    assert found == {}
