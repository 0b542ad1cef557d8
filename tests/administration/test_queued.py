"""A page that a browser kept without a network: taken once, of its own person, and never over later answers."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx2 as httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, func, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import HERE, Tab, place_of
from study_of_tests import open_study, raw_study
from test_forms import FORMS

from instrument.administer import sheets
from instrument.administer.application import create_app
from instrument.administer.sheets import opened_sheet
from instrument.store import tables
from instrument.store.form_answers import form_answers_of
from instrument.store.people import erase_person, withdraw_person
from instrument.store.relinking import relink
from instrument.store.sheets import page_times
from instrument.store.study_files import study_files
from instrument.store.tokens import Keyring
from instrument.study import make_study


@pytest.fixture
def site(engine: Engine, keyring: Keyring) -> Iterator[tuple[TestClient, list[str]]]:
    _, _, tokens = open_study(engine, keyring, 2, offline=True, timing=True)
    with TestClient(create_app(engine, keyring)) as client:
        yield client, tokens


def kept(
    tab: Tab, ticks: str | dict[str, str], go: str = "next", **more: str
) -> tuple[str, dict[str, str], bytes]:
    """What the worker would keep of a page: where to send it, its header, and the bytes."""
    form = tab.page.main
    chosen = dict.fromkeys(form.choices, ticks) if isinstance(ticks, str) else ticks
    fields = {**form.hidden, **chosen, "go": go, **more}
    key = base64.urlsafe_b64decode(fields.pop("queue_key") + "=")
    del fields["queue_until"]
    place = place_of(tab.response)
    path = tab.path.removeprefix(place)
    plain = json.dumps({"path": path, "body": urlencode(fields)}).encode()
    iv = os.urandom(12)
    data = iv + AESGCM(key).encrypt(iv, plain, fields["sheet"].encode())
    return f"{place}/survey/queued", {"dta-sheet": fields["sheet"], **HERE}, data


def send(client: httpx.Client, one: tuple[str, dict[str, str], bytes]) -> tuple[int, str]:
    address, headers, data = one
    answer = client.post(address, headers=headers, content=data)
    return answer.status_code, answer.json()["said"]


def values(engine: Engine) -> dict[int, list[int]]:
    """Answers by person."""
    query = (
        select(tables.administration.c.participant_id, tables.response.c.value)
        .join(tables.response, tables.response.c.administration_id == tables.administration.c.id)
        .where(tables.response.c.value.is_not(None))
    )
    found: dict[int, list[int]] = {}
    with engine.connect() as connection:
        for person, value in connection.execute(query):
            found.setdefault(int(person), []).append(int(value))
    return found


def test_the_same_page_is_known_and_another_one_is_refused(
    engine: Engine, keyring: Keyring, site: tuple[TestClient, list[str]]
) -> None:
    client, tokens = site
    tab = Tab(client).begin(tokens[0])
    one = kept(tab, "3")
    assert send(client, one) == (200, "stored")
    before = values(engine)
    assert list(before) == [1] and len(before[1]) == 6 and set(before[1]) == {3}
    assert send(client, one) == (200, "known")
    assert send(client, kept(tab, "3")) == (200, "known"), "encrypted anew, the same page"
    other = kept(tab, "5")
    assert send(client, other) == (409, "conflict")
    assert values(engine) == before
    tab.open(f"/q/{tokens[0]}")
    assert tab.path.endswith("/survey/page/2")
    for _ in range(6):
        tab.press(tick="3")
    tab.press()
    assert send(client, one) == (200, "known"), "also after everything was sent"
    assert send(client, other) == (409, "conflict"), "and what it said otherwise stays refused for what it is"
    page = client.get(f"{one[0]}?said=conflict")
    assert page.status_code == 409 and "Your later answers stay" in page.text
    assert "This page is out of date" in client.get(f"{one[0]}?said=<b>").text


def test_answers_given_elsewhere_meanwhile_stay(
    engine: Engine, keyring: Keyring, site: tuple[TestClient, list[str]]
) -> None:
    client, tokens = site
    tab = Tab(client).begin(tokens[0])
    first = next(iter(tab.page.main.choices))
    waiting = kept(tab, {first: "2"})
    with TestClient(client.app) as other_device:
        Tab(other_device).open(f"/q/{tokens[0]}").press(tick={first: "4"}, button=("go", "help"))
    assert send(client, waiting) == (409, "conflict")
    assert values(engine) == {1: [4]}
    fresh = tab.open(tab.path)
    assert send(client, kept(fresh, {first: "2"})) == (200, "stored"), "shown after it, so it is a change"
    assert values(engine) == {1: [2]}


def test_nobody_sends_or_reads_the_page_of_another(
    engine: Engine, keyring: Keyring, site: tuple[TestClient, list[str]]
) -> None:
    client, (mine, other) = site
    waiting = kept(Tab(client).begin(mine), "3")
    with TestClient(client.app) as stranger:
        assert send(stranger, waiting) == (403, "session")
    tab = Tab(client).begin(other)  # the same browser: the cookie is the other person's now
    assert send(client, waiting) == (403, "other")
    own = kept(tab, "5")
    _, headers, data = waiting
    assert send(client, (own[0], headers, data)) == (409, "stale"), "of another link: cannot be opened"
    assert send(client, (own[0], own[1], data)) == (409, "stale")
    assert send(client, (own[0], own[1], own[2][:-1] + bytes([own[2][-1] ^ 1]))) == (409, "stale"), "altered"
    for unfit in ("", "x", "k2.aaaaaaaaaaaaaaaa.0", own[1]["dta-sheet"][:-1]):
        assert send(client, (own[0], {**own[1], "dta-sheet": unfit}, own[2]))[0] == 409
    away = {**own[1], "sec-fetch-site": "cross-site"}
    assert send(client, (own[0], away, own[2])) == (403, "session")
    assert values(engine) == {}
    Tab(client).open(f"/q/{mine}")
    assert send(client, waiting) == (200, "stored")
    assert list(values(engine)) == [1]
    assert tab.open(f"/q/{other}").page.main.hidden["queue_key"] not in (waiting[2].hex(), ""), "keys are new"


@pytest.mark.parametrize("end", ["kept", "erased", "relinked", "declined page"])
def test_after_a_withdrawal_or_a_new_link_nothing_is_taken(
    engine: Engine, keyring: Keyring, site: tuple[TestClient, list[str]], end: str
) -> None:
    client, tokens = site
    waiting = kept(Tab(client).begin(tokens[0]), "3")
    with engine.begin() as connection:
        if end == "erased":
            erase_person(connection, 1, keyring)
        elif end == "relinked":
            who = select(tables.participant.c.pseudonym).where(tables.participant.c.id == 1)
            name = connection.execute(who).scalar_one()
            relink(connection, 1, keyring, [name])
        else:
            withdraw_person(connection, 1)
    gone = end in ("erased", "relinked")
    assert send(client, waiting) == ((410, "stale") if gone else (409, "taken_back"))
    assert values(engine) == {}
    if end == "declined page":
        place = waiting[0].split("/")[2]
        assert client.get(f"/s/{place}/survey").headers["dta-forget"] == place


def test_pages_tell_the_browser_when_to_keep_nothing_more(
    engine: Engine, keyring: Keyring, site: tuple[TestClient, list[str]]
) -> None:
    client, tokens = site
    tab, code = Tab(client).begin_with_code(tokens[0])
    place = place_of(tab.response).removeprefix("/s/")
    assert "dta-forget" not in tab.response.headers
    assert client.post(f"/stop/{tokens[0]}").headers["dta-forget"] == place
    Tab(client).begin(tokens[1])  # someone else's browser by now; the code tells whose queue ends
    tab.open("/withdraw")
    tab.press(tick={"code": code, "choice": "delete"})
    assert "are erased" in tab.page.said and tab.response.headers["dta-forget"] == place
    tab = Tab(client).open(f"/q/{tokens[1]}")
    while "/survey/page" in tab.path:
        tab.press(tick="3")
    assert tab.press().response.headers["dta-forget"] == place_of(tab.response).removeprefix("/s/")
    assert Tab(client).open(f"/q/{tokens[1]}").response.headers.get("dta-forget"), "nothing more to answer"


def test_only_studies_that_ask_for_it_have_scripts_and_the_policy_stays_strict(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (plain,) = open_study(engine, keyring)
    _, _, (offline,) = open_study(engine, keyring, id="away", offline=True)
    _, _, (timed,) = open_study(engine, keyring, id="timed", timing=True)
    with TestClient(create_app(engine, keyring)) as client:
        shown = {}
        for token in (plain, offline, timed):
            tab = Tab(client).begin(token)
            shown[token] = tab.response
            tab.open("/withdraw")
            assert "script" not in tab.response.text
            assert "script-src" not in tab.response.headers["content-security-policy"]
        for token, scripts in ((plain, []), (offline, ["offline.js"]), (timed, ["timing.js"])):
            text, policy = shown[token].text, shown[token].headers["content-security-policy"]
            assert re.findall(r'<script src="/static/([^"]+)" defer></script>', text) == scripts
            assert len(re.findall("<script", text)) == len(scripts)
            assert ("script-src 'self'" in policy) == bool(scripts) and "unsafe" not in policy
            assert not re.search(r"\son[a-z]+=", text)
        text = shown[offline].text
        mark = re.search(r'data-offline="(/offline/\w+)"', text)
        assert mark is not None
        for lang, words in (("en", "encrypted"), ("de", "verschlüsselt")):
            page = client.get(f"{mark.group(1)}/kept?lang={lang}")
            assert words in page.text and "000" in page.text, "help is there without a network"
            assert "Trial of the app" not in page.text and "team@example.org" not in page.text
        assert client.get("/offline/0000000000/kept").status_code == 404
        assert client.get(f"{mark.group(1)}/other").status_code == 404
        worker = client.get("/worker.js")
        assert worker.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"
        own = client.get("/own", follow_redirects=False).headers["location"]
        assert own == f"{place_of(shown[timed])}/survey"
        client.cookies.clear()
        assert client.get("/own").status_code == 403
    with TestClient(create_app(engine, keyring, prefix="/alliance")) as client:
        manifest = client.get("/manifest.webmanifest?lang=de").json()
        said = (manifest["name"], manifest["start_url"], manifest["icons"][0]["src"])
        assert said == ("Fragebogen", "/alliance/own", "/alliance/static/icon.svg")
    assert make_study(raw_study()).content_hash == make_study({**raw_study(), "offline": False}).content_hash


def test_a_page_of_a_form_comes_from_the_queue_too(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring, offline=True, timing=True, **FORMS)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(tokens[0])
        assert "/survey/form/" in tab.path
        name = tab.path.split("/form/")[1].split("/")[0]
        choice = next(field for field in tab.page.main.choices)
        code = tab.page.main.choices[choice][0]
        waiting = kept(tab, {choice: code}, go="help", seen_ms="1500")
        assert send(client, waiting) == (200, "stored")
        assert send(client, waiting) == (200, "known")
        with engine.connect() as connection:
            rows: list[Any] = list(connection.execute(select(tables.form_answer)))
            seen = page_times(connection, 1)
        assert [(row.form, row.question, row.value) for row in rows] == [
            (name, choice.removeprefix("form-"), code)
        ]
        assert seen[["page", "visits", "seconds"]].to_numpy().tolist() == [[f"form-{name}-1", 1, 1.5]]
        later = kept(tab.reload(), {choice: tab.page.main.choices[choice][1]})
        client.post(
            tab.path, data={**tab.page.main.hidden, choice: code, "go": "help"}, headers=HERE
        )  # said again elsewhere: the same, so not later
        assert send(client, later) == (200, "stored")


def test_times_are_kept_where_the_script_says_them_and_never_what_cannot_be(
    engine: Engine, keyring: Keyring, site: tuple[TestClient, list[str]]
) -> None:
    client, tokens = site
    tab = Tab(client).begin(tokens[0])
    first, hidden = tab.path, dict(tab.page.main.hidden)

    def post(seen: str, **changes: str) -> None:
        sent = {**hidden, "seen_ms": seen, "go": "help", **changes}
        assert client.post(first, data=sent, headers=HERE).status_code == 200

    for unfit in ("", "-1", "1.5", "nan", "1e3", "9" * 30, "90000000", "60000", "٣"):
        post(unfit)
    post("100", sheet="x")
    post("100", sheet=hidden["sheet"][:-13] + "0000000000000")  # another page than the one shown: its own row
    with engine.connect() as connection:
        assert page_times(connection, 1)["seconds"].tolist() == [0.1]
    post("2000")
    post("1200")  # sent twice, and late: counted once, the longest
    tab.reload().press(tick="3", button=("go", "next"))
    hidden = dict(tab.page.main.hidden)
    with engine.connect() as connection:
        found = page_times(connection, 1)
        assert connection.execute(select(func.count()).select_from(tables.page_time)).scalar_one() == 2
    assert found[["wave", "page", "visits", "seconds"]].to_numpy().tolist() == [["first", "page-1", 2, 2.1]]
    if engine.dialect.name == "sqlite":
        files, _ = study_files(str(engine.url), "trial")
        who = files["page_times.csv"].splitlines()[1].split(",")[0]
        assert files["page_times.csv"].split() == [
            "participant,wave,page,visits,seconds",
            f"{who},first,page-1,2,2.1",
        ]
    with engine.begin() as connection:
        erase_person(connection, 1, keyring)
        assert connection.execute(select(func.count()).select_from(tables.page_time)).scalar_one() == 0


def test_the_key_of_a_page_is_of_one_person_one_link_and_one_page(keyring: Keyring) -> None:
    person, name = SimpleNamespace(id=7, token_hash="k2:abc"), f"k2.{'a' * 16}.1800000000000"
    key = sheets._key(keyring, person, name)
    iv = bytes(12)
    data = iv + AESGCM(key).encrypt(iv, b'{"path": "/survey/page/1", "body": "a=1"}', name.encode())
    assert opened_sheet(keyring, person, name, data) == ("/survey/page/1", "a=1")
    for other in (SimpleNamespace(id=8, token_hash="k2:abc"), SimpleNamespace(id=7, token_hash="k2:abd")):
        assert opened_sheet(keyring, other, name, data) is None
    assert opened_sheet(keyring, person, name.replace("aa", "ab", 1), data) is None
    assert opened_sheet(keyring, person, name.replace("k2", "k1"), data) is None
    assert opened_sheet(Keyring({"k2": b"2" * 32}), person, name, data) is None, "another server's keys"
    for odd in (b"[]", b'"x"', b"1", b'{"path": 1}'):
        sealed = iv + AESGCM(key).encrypt(iv, odd, name.encode())
        assert opened_sheet(keyring, person, name, sealed) is None


def test_a_form_answered_elsewhere_meanwhile_stays_and_a_closed_study_takes_nothing(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (token,) = open_study(engine, keyring, offline=True, **FORMS)
    with TestClient(create_app(engine, keyring)) as client, TestClient(client.app) as elsewhere:
        tab = Tab(client).open(f"/q/{token}").press(tick={"consent": "yes"})
        tab.press()
        assert "Used an app?" in tab.page.said
        waiting, later = kept(tab, {"form-used": "1"}), kept(tab, {"form-used": "1"}, "help")
        Tab(elsewhere).open(f"/q/{token}").press(tick={"form-used": "0"})
        assert send(client, waiting) == (409, "conflict")
        assert said_of_form(engine) == {"used": "0"}
        with engine.begin() as connection:
            connection.execute(update(tables.study).values(status="closed"))
        assert send(client, later) == (409, "over"), "the browser keeps nothing for a study that has ended"


def said_of_form(engine: Engine) -> dict[str, str | None]:
    with engine.connect() as connection:
        return form_answers_of(connection, 1)["baseline"]
