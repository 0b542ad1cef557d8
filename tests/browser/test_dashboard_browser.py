"""Dashboard and reports in a real browser: every page, wide and narrow, light and dark, for axe and offline.

What a visitor chooses stands in the address: a reload keeps it, Back undoes it, other pages take it along.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboard"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "administration"))
sys.path.insert(0, str(Path(__file__).parent))
from patient_servers import ended, free_port, listening
from quiet_pages import outside_of, settled, wears
from small_study import small_validation
from study_of_tests import open_study
from text_boxes import unreadable

from analysis.report.opening_words import HEADING, NEXT
from dashboard.catalogue import PAGES
from instrument.store.connect import open_store, upgrade_store
from instrument.store.tables import audit_log
from instrument.store.tokens import load_keyring

pytestmark = pytest.mark.browser
MOST_HIGH = 1.5 * 800 + 24
"""Pixels of the first page: one and a half screens, and the second line of the long title in the study of tests."""
MAIN = "[data-testid=stMainBlockContainer]"
WITHOUT_FIGURES = """main => {
  const figures = [...main.querySelectorAll("svg, canvas, .vega-embed")];
  figures.forEach(one => { one.dataset.shown = one.style.display; one.style.display = "none"; });
  const words = main.innerText;
  figures.forEach(one => { one.style.display = one.dataset.shown; });
  return words;
}"""
SHOTS = os.environ.get("DTA_SCREENSHOTS")
PATHS = ["", *(page.path for page in PAGES), "compare", "report", "provenance"]
# Streamlit 1.67.0 puts group headings as direct children into the list of its own navigation
STREAMLITS_OWN = {"list": "stSidebarNav", "listitem": "<li class="}
SERVE = (
    "import sys, pathlib, uvicorn, dta; "
    "uvicorn.run(dta.compose(pathlib.Path(sys.argv[1])), host='127.0.0.1', port=int(sys.argv[2]), "
    "log_level='warning')"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the small study, written once for dashboard and reports."""
    folder = Path(os.environ.get("DTA_RESULTS") or tmp_path_factory.mktemp("board") / "results")
    if not folder.exists():
        small_validation("long words").write(folder)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)])
    listening(port, server)
    yield f"http://127.0.0.1:{port}/dashboard/"
    ended(server)


def _faults(page: Page) -> list[tuple[str, str]]:
    found = [
        (fault["id"], node["html"])
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"]
    ]
    return [(rule, html) for rule, html in found if STREAMLITS_OWN.get(rule, "\0") not in html]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_accessible_fits_and_asks_nothing_of_the_network(
    address: str, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    outside = outside_of(context)
    page = context.new_page()
    page.set_default_timeout(90_000)  # a busy machine is no fault
    found, unread, figures = {}, {}, 0
    for path in PATHS:
        page.goto(address + path)
        page.wait_for_selector("h1")
        wears(page, scheme)
        settled(page)
        if faults := _faults(page):
            found[path or "overview"] = faults
        drawn, words = unreadable(page)
        figures += drawn
        if words:
            unread[path or "overview"] = words
        assert page.locator("[data-testid=stException]").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"dashboard-{path or 'overview'}-{width}-{scheme}.png")
    context.close()
    assert outside == []
    assert found == {}
    assert unread == {}
    assert figures > 4  # what was measured was there


def _parts(folder: Path) -> list[str]:
    """Address of every part of a page that is not its first."""
    sections = json.loads((folder / "results.json").read_text("utf-8"))["sections"]
    found = []
    for one in PAGES:
        present = [name for name in one.topics if name in sections]
        if len(present) > 1:
            found += [f"{one.path}?tab={name}" for name in present[1:] if sections[name]["status"] == "ok"]
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_every_word_of_the_parts_behind_tabs_can_be_read(
    folder: Path, address: str, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(90_000)
    unread, figures, parts = {}, 0, _parts(folder)
    for path in parts:
        page.goto(address + path)
        wears(page, scheme)
        settled(page)
        drawn, words = unreadable(page)
        figures += drawn
        if words:
            unread[path] = words
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    context.close()
    assert unread == {}
    assert len(parts) > 5 and figures > 8


FIGURES = (
    "() => [...document.querySelectorAll('[class*=st-key-fig-],[class*=st-key-panels-]')]"
    ".map(one => [...one.classList].find(name => name.startsWith('st-key-')).split('-').slice(2, 4).join(' '))"
)


def test_figures_are_sent_in_the_size_of_the_window_and_tables_when_their_door_opens(
    address: str, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(address + "dimensionality?tab=irt")
    settled(page)
    assert set(page.evaluate(FIGURES)) == {"panels wide", "fig wide"}
    tables = page.locator("[data-testid=stDataFrame]")
    before = tables.count()
    page.get_by_text("This figure in words and numbers").first.click()
    tables.nth(before).wait_for()
    assert tables.count() == before + 1
    for size, sent in (
        (1100, {"panels narrow", "fig wide"}),
        (390, {"panels narrow", "fig narrow"}),
        (1280, {"panels wide", "fig wide"}),
    ):
        page.set_viewport_size({"width": size, "height": 900})
        page.wait_for_function(f"sent => (({FIGURES})()).every(one => sent.includes(one))", arg=sorted(sent))
        settled(page)
        assert set(page.evaluate(FIGURES)) == sent
    context.close()


def test_the_first_page_is_short_and_a_phone_shows_what_to_do_before_the_nine(
    address: str, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(90_000)  # a busy machine is no fault
    page.goto(address)
    page.wait_for_selector("[data-testid=stExpander]")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    measured = "document.querySelector('[data-testid=stMainBlockContainer]').getBoundingClientRect().height"
    with contextlib.suppress(PlaywrightTimeoutError):  # a page is taller before its style has come
        page.wait_for_function(f"{measured} <= {MOST_HIGH}", timeout=30_000)
    height = page.evaluate(measured)
    page.set_viewport_size({"width": 390, "height": 844})
    tops = page.locator("[data-testid=stMainBlockContainer] h3").evaluate_all(
        "all => all.map(head => head.getBoundingClientRect().top)"
    )
    heads = page.locator("[data-testid=stMainBlockContainer] h3").all_inner_texts()
    page.close()
    assert height <= MOST_HIGH
    assert heads[:2] == [NEXT, HEADING]
    assert 0 < tops[0] < tops[1] <= 844


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(90_000)  # a busy machine is no fault
    expect.set_options(timeout=90_000)
    yield made
    made.close()


def words_of(page: Page) -> str:
    """Words of the page without those of figures, which are drawn when they are ready."""
    return str(page.locator(MAIN).evaluate(WITHOUT_FIGURES))


def choose(page: Page, label: str, option: str) -> None:
    page.locator(f"{MAIN} [data-testid=stSelectbox]", has_text=label).first.locator("input").click()
    page.get_by_role("option", name=option, exact=True).click()


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(f"{MAIN} h1")
    settled(page)


def test_a_filter_acts_on_sentences_figures_tables_and_rules_and_back_undoes_it(
    address: str, page: Page
) -> None:
    opened(page, address + "change")
    before = words_of(page)
    choose(page, "Wave", "wave 2")
    expect(page).to_have_url(re.compile(r"[?&]wave=wave"))
    page.get_by_text("Figures, tables and rules below are of wave 2").wait_for()
    settled(page)
    after = words_of(page)
    assert after != before
    page.reload()
    page.get_by_text("Figures, tables and rules below are of wave 2").wait_for()
    page.go_back()
    expect(page.get_by_text("Figures, tables and rules below are of wave 2")).to_have_count(0)
    settled(page)
    assert "wave=" not in page.url
    assert words_of(page) == before


def test_compare_has_the_filters_of_the_other_pages_and_takes_them_along(address: str, page: Page) -> None:
    opened(page, address + "compare")
    page.get_by_role("heading", name="Ratings").wait_for()
    choose(page, "Wave", "wave 2")
    page.get_by_text("Of wave 2 alone nothing can be set side by side").wait_for()
    page.get_by_role("link", name="Change").click()
    page.get_by_text("Figures, tables and rules below are of wave 2").wait_for()
    expect(page).to_have_url(re.compile(r"/change\?.*wave=wave"))
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("Of wave 2 alone nothing can be set side by side").wait_for()
    page.reload()
    page.get_by_text("Of wave 2 alone nothing can be set side by side").wait_for()
    choose(page, "Wave", "All")
    page.get_by_role("heading", name="Ratings").wait_for()


def test_a_tab_and_an_item_survive_a_reload_and_back_undoes_them(address: str, page: Page) -> None:
    opened(page, address + "dimensionality")
    first = page.locator(f"{MAIN} [data-testid=stButtonGroup] [aria-checked=true]")
    start = first.inner_text()
    page.locator(f"{MAIN} [data-testid=stButtonGroup] [role=radio]").nth(1).click()
    expect(page).to_have_url(re.compile(r"[?&]tab="))
    second = first.inner_text()
    assert second != start
    page.reload()
    expect(first).to_have_text(second)
    page.go_back()
    expect(first).to_have_text(start)
    opened(page, address + "items")
    choose(page, "Item", "Words of q3")
    expect(page).to_have_url(re.compile(r"[?&]item=q3"))
    heading = page.get_by_role("heading", name="“Words of q3”")
    heading.wait_for()
    page.reload()
    heading.wait_for()
    page.go_back()
    expect(heading).to_have_count(0)


DOORS = (
    f"{MAIN} details[data-testid=stExpander] > summary, {MAIN} [data-testid=stExpander] > details > summary"
)
NUMBERED = """
doors => doors.filter(door => door.checkVisibility()).map((door, at) => { door.dataset.door = at; return at; })
"""
ON_DOOR = "() => { const at = document.activeElement; return at === document.body ? 'end' : at.dataset.door ?? ''; }"


@pytest.mark.parametrize("path", ["", "items", "reliability"])
def test_every_door_is_reached_opened_and_closed_by_the_keyboard(address: str, page: Page, path: str) -> None:
    opened(page, address + path)
    doors = page.locator(DOORS).evaluate_all(NUMBERED)
    assert len(doors) > 1
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        on = page.evaluate(ON_DOOR)
        if on == "end":
            break
        reached += [int(on)] if on else []
    assert reached == doors, "in the order in which they stand"
    for door in reversed(
        doors
    ):  # what a door shows may hold doors, and then stands behind those still to be opened
        summary = page.locator(f"[data-door='{door}']")
        settled(page)
        summary.focus()
        for key, state in (("Enter", True), ("Space", False)):
            page.wait_for_function(f"() => ({ON_DOOR})() === '{door}'")  # a key is of what has the focus
            page.keyboard.press(key)
            page.wait_for_function(
                "state => document.activeElement.closest('details')?.open === state", arg=state
            )
            settled(page)
            assert page.evaluate(ON_DOOR) == str(door), "the focus stays on the door"


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
    if name != "report_supplement.html":  # a manager sees on the first screen what to do next
        box = page.get_by_role("heading", name=NEXT).bounding_box()
        assert box is not None and box["y"] + box["height"] < 800
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    figures, unread = unreadable(page)
    context.close()
    assert faults == set()
    assert fits
    assert unread == []
    assert figures > {"report.html": 4, "report_supplement.html": 3, "report_short.html": -1}[name]
    assert {url for url in asked if not url.startswith(("file:", "data:"))} == set()


def test_the_team_page_fits_a_telephone(tmp_path: Path, browser: Browser) -> None:
    """As the operator on the own machine: look, invite, a fault, and the audit behind it."""
    url, keys = f"sqlite:///{tmp_path / 'store.sqlite'}", tmp_path / "dta.keys"
    engine = open_store(url)
    upgrade_store(engine)
    open_study(engine, load_keyring(keys, {}), 3)
    port = free_port()
    environment = {**os.environ, "DTA_STORE": url, "DTA_KEY_FILE": str(keys), "DTA_SHARED": "no"}
    environment.pop("DTA_SECRET_KEY", None)
    code = SERVE.replace("pathlib.Path(sys.argv[1])", "None, shared=False")
    server = subprocess.Popen([sys.executable, "-c", code, "-", str(port)], env=environment)
    try:
        listening(port, server)
        context = browser.new_context(viewport={"width": 320, "height": 800})
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(f"http://127.0.0.1:{port}/dashboard/team")
        page.get_by_role("heading", name="The study itself").wait_for()
        settled(page)  # a button that is drawn anew in this moment takes no click
        page.get_by_role("button", name="Invite").click()
        page.get_by_text("They are shown only here.").wait_for()
        settled(page)
        page.get_by_role("button", name="Record the withdrawal").click()
        page.get_by_text("the study has no person").wait_for()
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert _faults(page) == []
        context.close()
    finally:
        ended(server)
    with engine.connect() as connection:
        acts = connection.execute(select(audit_log.c.action, audit_log.c.subject)).all()
    engine.dispose()
    assert ("team.invite", "study 1 by operator") in [tuple(act) for act in acts]
