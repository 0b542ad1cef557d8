"""Off line in a real browser: the network goes, answers are given, the browser is killed, the network comes back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "administration"))
from test_questionnaire_browser import SHOTS, Site, begin, own_pages, press, site_of_study

from instrument.store.tables import administration, page_time, participant, queued_page, response

pytestmark = pytest.mark.browser
QUEUE = """async () => {
  const base = await new Promise((ok) => {
    const asked = indexedDB.open("dta-queue", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("queue", { keyPath: "sheet" });
    asked.onsuccess = () => ok(asked.result);
  });
  const rows = await new Promise((ok) => {
    const asked = base.transaction("queue").objectStore("queue").getAll();
    asked.onsuccess = () => ok(asked.result);
  });
  base.close();
  return rows.map((row) => [row.place, Array.from(row.data)]);
}"""

OVER = """async () => {
  const base = await new Promise((ok) => {
    const asked = indexedDB.open("dta-queue", 1);
    asked.onsuccess = () => ok(asked.result);
  });
  const row = { sheet: "old", place: "elsewhere", until: Date.now() - 1, data: new Uint8Array(20) };
  await new Promise((ok) => {
    const change = base.transaction("queue", "readwrite");
    change.objectStore("queue").put(row);
    change.oncomplete = ok;
  });
  base.close();
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from site_of_study(
        tmp_path_factory.mktemp("store"), offline=True, timing=True, item_order={"per_page": 8}
    )


def opened(playwright: Playwright, folder: Path, chromium: dict[str, Any]) -> BrowserContext:
    small = {"width": 320, "height": 640}
    return playwright.chromium.launch_persistent_context(str(folder), viewport=small, **chromium)


def kill(folder: Path) -> None:
    """Kill every process of this very browser, as a device that loses its power."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"--user-data-dir={folder}".encode() in words:
            os.kill(int(process.name), signal.SIGKILL)


def until(page: Page, holds: str) -> None:
    """Wait until what a page's script looks up, which takes promises, holds."""
    for _ in range(3600):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    raise AssertionError(holds)


def ready(page: Page) -> None:
    """Wait until the worker looks after the page and has the pages it shows without a network."""
    until(
        page,
        """async () => !!navigator.serviceWorker.controller
           && (await navigator.serviceWorker.ready).active.state === "activated"
           && (await (await caches.open("dta-shell")).keys()).length >= 4""",
    )


def tick(page: Page, code: str) -> None:
    page.evaluate("code => document.querySelectorAll(`input[value='${code}']`).forEach(o => o.click())", code)


def stored(site: Site) -> dict[int, list[int]]:
    query = select(administration.c.participant_id, response.c.value).join(
        response, response.c.administration_id == administration.c.id
    )
    found: dict[int, list[int]] = {}
    with site.engine.connect() as connection:
        for person, value in connection.execute(query.where(response.c.value.is_not(None))):
            found.setdefault(int(person), []).append(int(value))
        return found


def test_answers_given_off_line_outlive_the_browser_and_reach_their_own_person(
    site: Site, tmp_path: Path, chromium: dict[str, Any]
) -> None:
    mine, others = site.link(), site.link()
    with sync_playwright() as playwright:
        context = opened(playwright, tmp_path / "profile", chromium)
        page = context.pages[0]
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if "Policy" in said.text else None)
        begin(page, mine)
        ready(page)
        assert faults == [], "the policy of the page refuses nothing that it needs"
        base = own_pages(page)
        context.set_offline(True)
        tick(page, "4")
        press(page)
        assert "nobody can read them here" in page.inner_text("main")
        assert "made-up line 000" in page.inner_text("main"), "help is there without a network"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/offline-320.png", full_page=True)
        kill(tmp_path / "profile")
        with suppress(Error):  # it is gone already
            context.close()
        assert stored(site) == {}

        context = opened(playwright, tmp_path / "profile", chromium)
        page = context.pages[0]
        begin(page, others)  # another person opens a link on the same device
        ((place, data),) = page.evaluate(QUEUE)
        assert base.endswith(place) and b"item-" not in bytes(data), "it waits, and cannot be read"
        tick(page, "2")
        press(page)
        assert "/survey/page/2" in page.url
        assert set(stored(site)) == {3} and len(page.evaluate(QUEUE)) == 1, "hers only"

        page.goto(f"{base}/survey")  # the page of the first, without that link: nothing is sent
        assert "belongs to another link" in page.inner_text("main") and set(stored(site)) == {3}

        page.evaluate(OVER)
        page.goto(mine)
        assert "/survey/page/2" in page.url, "what waited was stored before the page was shown"
        found = stored(site)
        assert found == {2: [4] * 8, 3: [2] * 8}
        assert page.evaluate(QUEUE) == [], "delivered, and what is past its time is gone, whoever's it is"
        ready(page)
        tick(page, "1")
        site.away = True  # something answers, and it is not the questionnaire
        press(page)
        assert "nobody can read them here" in page.inner_text("main")
        assert len(page.evaluate(QUEUE)) == 1
        site.away = False
        page.goto(f"{base}/survey/page/2")
        assert sorted(stored(site)[2]) == [1] * 8 + [4] * 8
        context.set_offline(True)
        tick(page, "5")
        press(page)
        assert len(page.evaluate(QUEUE)) == 1
        with page.expect_navigation(url="**/survey/page/3"):  # by itself, as the page is still open
            context.set_offline(False)
        assert sorted(stored(site)[2]) == [4] * 8 + [5] * 8

        for _ in range(3):
            tick(page, "3")
            press(page)
        press(page)
        assert page.url.endswith("/survey/done")
        until(page, "async () => (await caches.keys()).length + (await indexedDB.databases()).length === 0")
        context.close()
    with site.engine.connect() as connection:
        assert len(list(connection.execute(select(queued_page)))) == 3
        times = list(connection.execute(select(page_time.c.page, page_time.c.seconds)))
        assert len(list(connection.execute(select(participant)))) == 3
    assert len(times) == 7 and all(0 < seconds < 3600 for _, seconds in times)
