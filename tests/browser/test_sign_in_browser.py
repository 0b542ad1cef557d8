"""Sign-in walked in a real browser with a provider on loopback: who sees what, and when no longer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboard"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "administration"))
from patient_servers import ended, free_port, listening
from small_study import small_validation
from sqlalchemy import select
from study_of_tests import open_study

from instrument.store.connect import open_store, reading, upgrade_store
from instrument.store.tables import audit_log, participant
from instrument.store.tokens import load_keyring

pytestmark = pytest.mark.browser
CLIENT, SECRET = "dashboard-of-tests", "word-that-nobody-may-print"
# what a proxy does that strips a prefix, around the real command
SERVE = """
import sys
import dta
from instrument.administer import serving

def stripped(app):
    async def inner(scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            assert scope["path"].startswith("/alliance/"), scope["path"]
            path = scope["path"].removeprefix("/alliance")
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)
    return inner

run = serving.run
serving.run = lambda app, *given, **more: run(stripped(app), *given, **more)
dta.main(sys.argv[1:])
"""
TOLD = ("Twelve questions", "What has been shown", "Words of q1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A dashboard with sign-in, and what its process wrote."""

    address: str
    log: Path
    results: Path
    store: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the dashboard as behind a proxy that strips a prefix, on the loopback address."""
    folder = tmp_path_factory.mktemp("signing-in")
    results = folder / "results"
    small_validation(topics=("flow", "items")).write(results, forms=["markdown"])
    provider, port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}/alliance/dashboard"
    settings = {
        "DTA_OIDC_PROVIDER": f"http://127.0.0.1:{provider}",
        "DTA_OIDC_CLIENT_ID": CLIENT,
        "DTA_OIDC_CLIENT_SECRET": SECRET,
        "DTA_OIDC_ADDRESS": address,
        "DTA_OIDC_ALLOWED": "anna@example.org, cleo@example.org, olga@example.org, mia@example.org, "
        "rita@example.org",
        "DTA_SECRET_KEY": "a key of tests that is long enough for anything",
        "DTA_TEAM_OWNERS": "olga@example.org, ben@elsewhere.example",
        "DTA_TEAM_MANAGERS": "mia@example.org, cleo@example.org",
        "DTA_TEAM_READERS": "rita@example.org",
    }
    engine = open_store(str(folder / "store.sqlite"))
    upgrade_store(engine)
    open_study(engine, load_keyring(folder / "none", settings), 2)
    engine.dispose()
    log = folder / "log.txt"
    command = [sys.executable, "-c", SERVE, "serve", "--port", str(port), "--behind-proxy"]
    command += ["--prefix", "/alliance"]
    command += ["--results", str(results), "--store", str(folder / "store.sqlite")]
    with log.open("w", encoding="utf-8") as written:
        there = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fake_provider.py")), str(provider), CLIENT, SECRET]
        )
        here = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=written, stderr=subprocess.STDOUT
        )
        try:
            listening(provider, there)
            listening(port, here)
            yield Served(address=address, log=log, results=results, store=folder / "store.sqlite")
        finally:
            for process in (here, there):
                ended(process)


@dataclass(slots=True, kw_only=True)
class Visit:
    """A browser without memory of others, all that came over its sockets, and where it went."""

    context: BrowserContext
    page: Page
    received: list[bytes]
    outside: list[str]

    def text(self) -> str:
        return self.page.inner_text("body")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    made = Visit(context=context, page=page, received=[], outside=[])

    def note(payload: str | bytes) -> None:
        made.received.append(payload if isinstance(payload, bytes) else payload.encode())

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.on(
        "request",
        lambda request: (
            made.outside.append(request.url)
            if urlsplit(request.url).hostname not in ("127.0.0.1", None)
            else None
        ),
    )
    yield made
    context.close()
    assert made.outside == []


def arrive(visit: Visit, address: str) -> None:
    visit.page.goto(address)
    visit.page.wait_for_selector("h1")
    visit.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def sign_in(visit: Visit, served: Served, name: str) -> None:
    arrive(visit, f"{served.address}/")
    visit.page.get_by_role("button", name="Sign in").click()
    visit.page.wait_for_selector(f"#{name}")
    visit.page.click(f"#{name}")
    visit.page.wait_for_url(f"{served.address}/**")
    visit.page.wait_for_selector("h1")
    visit.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def sign_out(visit: Visit) -> None:
    """Leave; the page says so at once, the cookies go with the address that follows."""
    visit.page.get_by_role("button", name="Sign out").click()
    for _ in range(900):
        if not any(str(cookie["name"]).startswith("_streamlit_user") for cookie in visit.context.cookies()):
            break
        visit.page.wait_for_timeout(200)
    else:
        raise AssertionError("cookies of the sign-in are still there")
    visit.page.wait_for_function("document.querySelector('h1')?.innerText === 'Sign in'")


def test_a_stranger_sees_the_sign_in_page_and_nothing_else(served: Served, visit: Visit) -> None:
    for path in ("", "items", "provenance", "score-file", "validation"):
        arrive(visit, f"{served.address}/{path}")
        assert visit.page.inner_text("h1") == "Sign in"
        assert visit.page.locator("[data-testid=stSidebarNav]").count() == 0
    everything = b"".join(visit.received)
    assert everything
    for words in TOLD:
        assert words.encode() not in everything
        assert words not in visit.text()
    faults = Axe().run(visit.page).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in faults] == []
    for path in ("media/x.json", "_stcore/upload_file/a/b", "_stcore/metrics", "component/a/b"):
        assert httpx.get(f"{served.address}/{path}").status_code == 401, path
    assert httpx.put(f"{served.address}/_stcore/upload_file/a/b").status_code == 401
    assert httpx.get(f"{served.address}/_stcore/health").status_code == 200


def test_a_person_on_the_list_sees_the_dashboard_until_signed_out(served: Served, visit: Visit) -> None:
    sign_in(visit, served, "anna")
    assert visit.page.inner_text("h1") == "Twelve questions"
    assert "Signed in as anna@example.org" in visit.text()
    cookies = {cookie["name"]: cookie for cookie in visit.context.cookies()}
    assert cookies["_streamlit_user"]["path"] == "/alliance/dashboard"
    assert cookies["_streamlit_user"]["httpOnly"]
    arrive(visit, f"{served.address}/report")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Download results.json").click()
    media = download.value.url
    assert '"shared"' in Path(download.value.path()).read_text(encoding="utf-8")
    assert httpx.get(media).status_code == 401
    kept = {name: str(cookie["value"]) for name, cookie in cookies.items()}
    assert httpx.get(media, cookies=kept).status_code == 200
    forged = {**kept, "_streamlit_user": kept["_streamlit_user"][:-2] + "xx"}
    assert httpx.get(media, cookies=forged).status_code == 401
    sign_out(visit)
    arrive(visit, f"{served.address}/items")
    assert visit.page.inner_text("h1") == "Sign in"


@pytest.mark.parametrize("name", ["ben", "cleo"])
def test_a_person_not_on_the_list_or_not_verified_sees_a_polite_page(
    served: Served, visit: Visit, name: str
) -> None:
    sign_in(visit, served, name)
    assert visit.page.inner_text("h1") == "No access"
    assert visit.page.locator("[data-testid=stSidebarNav]").count() == 0
    everything = b"".join(visit.received)
    assert not any(words.encode() in everything for words in TOLD)
    kept = {str(cookie["name"]): str(cookie["value"]) for cookie in visit.context.cookies()}
    assert "_streamlit_user" in kept
    assert httpx.get(f"{served.address}/media/x.json", cookies=kept).status_code == 401
    sign_out(visit)


def audit(served: Served) -> list[str]:
    """Acts of the team, each with who did it."""
    engine = open_store(str(served.store))
    with reading(engine) as connection:
        lines = connection.execute(select(audit_log.c.action, audit_log.c.subject).order_by(audit_log.c.id))
        found = [f"{action} {subject}" for action, subject in lines if action.startswith("team.")]
    engine.dispose()
    return found


def team_page(visit: Visit, served: Served, last: str) -> list[str]:
    """Headings of the team page, once the last of them is there and nothing more comes."""
    visit.page.goto(f"{served.address}/team")
    visit.page.get_by_role("heading", name=last).wait_for()
    visit.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return [head.strip() for head in visit.page.locator("h2").all_inner_texts()]


LOOKS = ["Progress", "Who is due"]
MANAGES = [
    "Links",
    "A questionnaire that must not count, or must be changed",
    "A single answer that is wrong",
    "A person who withdraws",
]


@pytest.mark.parametrize(
    ("name", "heads", "refused"),
    [
        (
            "rita",
            LOOKS,
            ["Make new links", "Make the PDF", "Make the files", "Erase for good", "Close the study"],
        ),
        (
            "mia",
            [*LOOKS, *MANAGES, "What a person agreed to", "Export"],
            ["Erase for good", "Close the study"],
        ),
        ("olga", [*LOOKS, *MANAGES, "What a person agreed to", "Export", "The study itself"], []),
    ],
)
def test_each_role_finds_what_it_may_behind_the_sign_in(
    served: Served, visit: Visit, name: str, heads: list[str], refused: list[str]
) -> None:
    sign_in(visit, served, name)
    visit.page.get_by_text("Signed in as").first.wait_for()  # the redirect of the sign-in is behind us
    assert team_page(visit, served, heads[-1]) == heads
    everything = b"".join(visit.received)
    for words in refused:
        assert words.encode() not in everything, "it does not even reach the browser"
    before = audit(served)
    if name == "mia":
        visit.page.get_by_role("button", name="Invite").click()
        visit.page.get_by_text("shown only here").wait_for()
        assert audit(served) == [*before, "team.invite study 1 by mia@example.org"]
    if name == "olga":
        engine = open_store(str(served.store))
        with reading(engine) as connection:
            whom = connection.execute(select(participant.c.pseudonym).limit(1)).scalar_one()
        engine.dispose()
        visit.page.get_by_label("Pseudonym of whom to erase").fill(whom)
        visit.page.get_by_label("The same once more").fill(whom)
        visit.page.get_by_role("button", name="Erase for good").click()
        visit.page.get_by_text("Erased.").wait_for()
        assert audit(served) == [*before, "team.erase study 1 by Olga@example.org"]


def test_nothing_of_it_is_logged_and_the_results_are_as_they_were(served: Served) -> None:
    written = served.log.read_text(encoding="utf-8")
    for words in (SECRET, "anna@", "ben@", "code=", "id_token", "eyJ"):
        assert words not in written, words
    assert not list(served.results.parent.rglob("secrets.toml"))
