"""The questionnaire in a real browser: without JavaScript, by keyboard, on a small phone, and for axe."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, select
from starlette.responses import Response

sys.path.insert(0, str(Path(__file__).parents[1] / "administration"))
from patient_servers import PATIENCE, until
from study_of_tests import open_study, raw_study
from test_enrolling import ENROLMENT
from test_forms import FORMS

import instrument
from instrument.administer.application import create_app
from instrument.store.amending import amend_study
from instrument.store.connect import open_store, upgrade_store
from instrument.store.form_answers import form_tables
from instrument.store.mending import Because
from instrument.store.people import invite
from instrument.store.relinking import relink
from instrument.store.retrieval import responses_of
from instrument.store.tables import participant
from instrument.store.tokens import Keyring
from instrument.study import make_study

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("DTA_SCREENSHOTS")  # folder to save screenshots in; docs/images for the README


class Site:
    """A running questionnaire with fresh links on demand."""

    def __init__(self, engine: Engine, keyring: Keyring, address: str) -> None:
        self.engine = engine
        self._keyring = keyring
        self.address = address
        self.away = False

    def link(self) -> str:
        with self.engine.begin() as connection:
            (made,) = invite(connection, 1, self._keyring, 1)
        return f"{self.address}/q/{made.token}"


def site_of_study(folder: Path, **changes: Any) -> Iterator[Site]:
    """Serve a study of its own until the tests are done with it."""
    engine = open_store(str(folder / "s.sqlite"))
    upgrade_store(engine)
    keyring = Keyring({"k1": b"1" * 32})
    open_study(engine, keyring, **{"title": "Example study", "synthetic": True, **changes})
    app, made = create_app(engine, keyring), Site(engine, keyring, "")

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        """A proxy whose server may be down."""
        if made.away and scope["type"] == "http":
            await Response("down", 503)(scope, receive, send)
        else:
            await app(scope, receive, send)

    config = uvicorn.Config(behind, port=0, access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    made.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield made
    server.should_exit = True
    thread.join(PATIENCE)
    engine.dispose()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from site_of_study(tmp_path_factory.mktemp("store"))


def press(page: Page, selector: str = ".buttons button") -> None:
    """Click the first match and wait until the next page is loaded, its stylesheet included."""
    with page.expect_navigation(wait_until="load"):
        page.locator(selector).first.click()


def own_pages(page: Page) -> str:
    """Address at which the pages of the present person begin."""
    return "/".join(page.url.split("/")[:5])


def begin(page: Page, link: str) -> None:
    page.goto(link)
    page.check("#consent-yes")
    press(page)
    press(page)


def fill(page: Page, code: str = "4") -> None:
    for radio in page.locator(f"input[type=radio][value='{code}']").all():
        radio.check()


def test_without_javascript_a_person_reaches_the_end(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = context.new_page()
    begin(page, site.link())
    number = 0
    while "/survey/page/" in page.url:
        number += 1
        fill(page)
        press(page)
    assert number == 7
    press(page)
    assert "is not shown again" in page.inner_text("main")
    context.close()
    with site.engine.connect() as connection:
        wide = responses_of(connection, "trial", completed_only=True)
    assert (wide.filter(regex=r"\d$") == 4).all().all()


def test_the_keyboard_alone_is_enough(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 700})
    page = context.new_page()
    page.goto(site.link())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#consent-yes")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/survey/start")
    page.focus(".buttons button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/survey/page/1")
    first = page.locator("input[type=radio]").first
    first.focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("input:checked").get_attribute("value") == "2"
    page.keyboard.press("Enter")
    page.wait_for_selector(".summary")
    # The focus comes a moment after the page, later on a busy machine.
    page.wait_for_function("document.activeElement.className === 'summary'")
    assert page.locator("input:checked").count() == 1
    context.close()


@pytest.mark.parametrize(("width", "scale"), [(320, 1.0), (390, 1.0), (640, 2.0)])
def test_no_page_scrolls_sideways_and_targets_are_large(
    site: Site, browser: Browser, width: int, scale: float
) -> None:
    # 200 % zoom of a 640 px window leaves 320 CSS pixels
    context = browser.new_context(
        viewport={"width": int(width / scale), "height": 640}, device_scale_factor=scale
    )
    page = context.new_page()
    page.goto(site.link())
    for step in ("consent", "start", "questions", "review"):
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), step
        small = page.evaluate(
            "[...document.querySelectorAll('button:not(.skip), .option, header a, footer a, .languages button')]"
            ".filter(e => e.getBoundingClientRect().height < 44).length"
        )
        assert small == 0, step
        if step == "consent":
            page.check("#consent-yes")
        if step == "questions":
            page.goto(f"{own_pages(page)}/survey/review")
        elif step != "review":
            press(page)
    context.close()


def test_reload_back_button_and_two_tabs_lose_nothing(site: Site, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    begin(page, site.link())
    fill(page, "2")
    press(page)
    page.wait_for_url("**/survey/page/2")
    page.reload()
    fill(page, "3")
    press(page)
    page.wait_for_url("**/survey/page/3")
    page.go_back()
    page.go_back()
    page.reload()
    assert page.locator("input:checked[value='2']").count() == 6
    second = context.new_page()
    second.goto(f"{own_pages(page)}/survey/page/3")
    third = context.new_page()
    third.goto(f"{own_pages(page)}/survey/page/3")
    second.locator("fieldset").nth(0).locator("input").nth(0).check()
    press(second)
    third.locator("fieldset").nth(1).locator("input").nth(1).check()
    press(third)
    assert third.locator("input:checked").count() == 2
    context.close()


def test_a_second_device_resumes_by_link(site: Site, browser: Browser) -> None:
    link = site.link()
    first = browser.new_context()
    page = first.new_page()
    begin(page, link)
    fill(page)
    press(page)
    page.wait_for_url("**/survey/page/2")
    first.close()
    second = browser.new_context(locale="de-DE")
    page = second.new_page()
    page.goto(link)
    assert page.url.endswith("/survey/page/2")
    press(page, "button[name=lang][value=de]")
    assert page.locator("html").get_attribute("lang") == "de"
    second.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(site: Site, browser: Browser, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=scheme, bypass_csp=True, device_scale_factor=2
    )
    page = context.new_page()
    axe, found = Axe(), {}

    def check(name: str) -> None:
        results = axe.run(page)
        if results.violations_count:
            found[name] = [
                (v["id"], [n["html"] for n in v["nodes"]][:2]) for v in results.response["violations"]
            ]

    page.goto(site.link())
    check("consent")
    press(page)
    check("consent asked again")
    page.check("#consent-yes")
    press(page)
    check("start")
    press(page)
    check("questions")
    if scheme == "light" and SHOTS:
        page.locator("input[type=radio]").nth(3).check()
        page.screenshot(path=Path(SHOTS) / "questionnaire-phone.png")
    press(page)
    check("soft prompt")
    own = own_pages(page)
    for path in ("/survey/review", "/survey/page/2?from=review", "/help", "/withdraw", "/nowhere"):
        page.goto(own + path)
        check(path)
    page.goto(f"{own}/survey/review")
    press(page)
    check("done")
    page.goto(f"{own}/withdraw")
    press(page)
    check("choice asked for")
    assert page.locator(".summary a").get_attribute("href") == "#choice-keep"
    page.fill("#code", "AAAA")
    page.check("#choice-keep")
    press(page)
    check("unknown code")
    assert page.input_value("#code") == "AAAA"
    assert page.is_checked("#choice-keep")
    context.close()
    assert found == {}


def test_stop_replaced_link_and_changed_consent_for_everyone(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, bypass_csp=True)
    page, axe, found = context.new_page(), Axe(), {}

    def check(name: str, words: str) -> None:
        assert words in page.inner_text("main"), name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        assert "<script" not in page.content(), name  # so that each works without
        assert page.locator("header").get_by_text("Help now").count() == 1, name
        results = axe.run(page)
        if results.violations_count:
            found[name] = [v["id"] for v in results.response["violations"]]

    link = site.link()
    begin(page, link)
    fill(page)
    press(page)
    page.goto(link.replace("/q/", "/stop/"))
    check("stop", "you want no more messages")
    press(page)
    check("stopped", "You will get no more messages")
    with site.engine.begin() as connection:
        name = connection.execute(select(participant.c.pseudonym).order_by(participant.c.id.desc())).scalar()
        (made,) = relink(connection, 1, Keyring({"k1": b"1" * 32}), [str(name)])
    page.goto(link)
    check("replaced", "A newer link was made for you")
    consent = {"version": "2", "text": {"en": "You agree to more.", "de": "Sie stimmen mehr zu."}}
    changed = make_study({**raw_study(), "title": "Example study", "consent": consent})
    with site.engine.begin() as connection:
        amend_study(connection, "trial", changed, instrument.load("dta"), Because("a new text", "B. Jones"))
    page.goto(f"{site.address}/q/{made.token}")
    check("consent again", "This text has changed since you agreed")
    press(page)
    check("consent asked again", "Please choose one of the two answers.")
    page.check("#consent-no")
    press(page)
    check("refused", "You have chosen not to take part.")
    page.locator("main a").last.click()
    page.check("#consent-yes")
    press(page)
    check("on", "Page 2 of 7")
    context.close()
    assert found == {}


def test_forms_with_branching_and_slider_without_javascript(site: Site, browser: Browser) -> None:
    _, _, (token,) = open_study(site.engine, Keyring({"k1": b"1" * 32}), id="formed", **FORMS)
    plain = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    other = browser.new_context(viewport={"width": 320, "height": 640}, bypass_csp=True)
    page, found = plain.new_page(), {}

    def check(name: str) -> None:
        other.add_cookies(plain.cookies())
        seen = other.new_page()  # the same page with scripts, for axe alone
        seen.goto(page.url)
        assert seen.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        assert "<script" not in page.content(), name
        results = Axe().run(seen)
        if results.violations_count:
            found[name] = [(v["id"], [n["html"] for n in v["nodes"]]) for v in results.response["violations"]]
        seen.close()

    page.goto(f"{site.address}/q/{token}")
    page.check("#consent-yes")
    press(page)
    press(page)
    page.check("#form-used-1")
    check("single")
    press(page)
    press(page)
    assert "Some questions on this page have no answer yet" in page.inner_text(".summary")
    page.check("#form-which-2")
    page.fill("#form-age", "17")
    press(page)
    assert "from 18 to 99" in page.inner_text(".fault")
    assert page.is_checked("#form-which-2")
    page.fill("#form-age", "66")
    check("several and number")
    press(page)
    page.fill("#form-licence", "nothing")
    page.fill("#form-since", "2024-02-29")
    check("text and date")
    press(page)
    press(page)
    page.goto(f"{site.address}/q/{token}")
    press(page)
    page.check("#form-used-0")
    press(page)
    assert page.locator("#form-which-2").count() == 0
    press(page)
    press(page, ".summary button")
    press(page)
    press(page, ".summary button")
    for _ in range(7):
        fill(page)
        press(page)
    page.focus("#form-hope")
    page.keyboard.press("ArrowRight")
    check("slider")
    press(page)
    assert page.input_value("#form-hope") == "5.5"  # where it was left, and not yet an answer
    page.check("#form-hope-set")
    press(page)
    check("review")
    assert "5.5" in page.inner_text("main")
    press(page)
    plain.close()
    other.close()
    assert found == {}
    with site.engine.connect() as connection:
        made = form_tables(connection, "formed")
    assert made["closing"]["hope"].tolist() == ["5.5"]
    assert made["baseline"]["used"].tolist() == ["1", "0"]


def test_open_enrolment_on_a_phone_without_javascript(site: Site, browser: Browser) -> None:
    open_study(site.engine, Keyring({"k1": b"1" * 32}), id="joined", enrolment=ENROLMENT)
    plain = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    other = browser.new_context(viewport={"width": 320, "height": 640}, bypass_csp=True)
    page, seen, found = plain.new_page(), other.new_page(), {}

    def check(name: str, words: str) -> None:
        assert words in page.inner_text("main"), name
        assert "<script" not in page.content(), name
        assert page.locator("header").get_by_text("Help now").count() == 1, name
        seen.set_content(page.content().replace("<head>", f'<head><base href="{site.address}/">'))
        assert seen.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        results = Axe().run(seen)
        if results.violations_count:
            found[name] = [v["id"] for v in results.response["violations"]]

    def join(age: str, sex: str) -> None:
        page.goto(f"{site.address}/enrol/joined")
        page.fill("#form-age", age)
        page.check(f"#form-sex-{sex}")
        press(page)

    seen.goto(f"{site.address}/health")
    page.goto(f"{site.address}/enrol/joined")
    press(page)
    check("asked again", "so that we can see whether there is a place")
    join("12", "1")
    check("unsuited", "This says nothing about you.")
    join("33", "1")
    check("admitted", "The link below is yours alone.")
    link = page.inner_text(".code")
    assert link.startswith(f"{site.address}/q/")
    press(page, "main a.button")
    assert page.url.endswith("/survey/consent")
    join("34", "1")
    check("full", "There is no place left for now.")
    plain.close()
    other.close()
    assert found == {}
