"""Open enrolment: screening, quotas without two people on one place, and nothing left of who gets none."""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import HERE, Tab, at
from study_of_tests import open_study, raw_study
from test_amending import amend
from test_days_brought import run
from test_forms import both, choices
from test_new_links import acts_in

from instrument.administer.application import create_app
from instrument.administer.session import Pace
from instrument.errors import DefinitionError
from instrument.store import tables
from instrument.store.connect import downgrade_store, open_store, upgrade_store
from instrument.store.definitions import set_study_status
from instrument.store.enrolling import enrol, enrolment_counts, new_ticket, token_of_ticket
from instrument.store.people import erase_person, link_of
from instrument.store.relinking import relink
from instrument.store.tokens import Keyring
from instrument.study import make_study

ENROLMENT: dict[str, Any] = {
    "places": 3,
    "lead": both("For people who use the app."),
    "questions": [
        {"id": "age", "kind": "number", "text": both("Age?"), "whole": True, "minimum": 0, "maximum": 120},
        {"id": "sex", "kind": "single", "text": both("Sex?"), "choices": choices(c1="female", c2="male")},
    ],
    "admits": [{"question": "age", "at_least": 18}],
    "quotas": [{"id": "women", "places": 1, "when": [{"question": "sex", "codes": [1]}]}],
}


def join(tab: Tab, age: str, sex: str, ticket: str | None = None) -> Tab:
    tab.open("/enrol/trial")
    ticket = ticket or re.findall(r'name="ticket" value="([^"]+)"', tab.response.text)[0]
    sent = {"ticket": ticket, "form-age": age, "form-sex": sex}
    origin = {**HERE, "origin": "http://testserver"}
    return tab.take(tab.client.post("/enrol/trial", data=sent, headers=origin))


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return enrolment_counts(connection, 1)


def people(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(tables.participant)).all()) - 1  # one is invited by name


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        tables_kept = [t for t in tables.metadata.sorted_tables if t.name != "instrument_version"]
        return repr([connection.execute(select(table)).all() for table in tables_kept])


def test_who_suits_gets_a_link_and_who_does_not_leaves_a_count(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, enrolment=ENROLMENT)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open("/enrol/trial")
        assert "looked at once and not stored" in tab.page.said
        assert "made-up line 000" in tab.page.said
        before = everything(engine)
        for wrong in ({"age": "", "sex": "1"}, {"age": "x", "sex": "1"}, {"age": "30", "sex": "7"}):
            assert join(tab, **wrong).response.status_code == 422
        assert everything(engine) == before
        assert "in other circumstances" in join(tab, "17", "1").page.said
        assert counts(engine) == {"unsuited": 1}
        assert people(engine) == 0
        assert everything(engine).replace("[(1, 'unsuited', 1)]", "[]") == before
        assert "There is a place for you" in join(tab, "30", "1").page.said
        (link,) = set(re.findall(r"http://testserver(/q/[\w-]+)", tab.response.text))
        assert tab.page.links["Next"] == link
        assert at(tab.follow("Next").response) == "/survey/consent"
        assert "All places are taken" in join(tab, "31", "1").page.said  # the place of women
        assert "There is a place" in join(tab, "32", "2").page.said
        assert "There is a place" in join(tab, "33", "2").page.said
        assert "All places are taken" in join(tab, "34", "2").page.said
        assert people(engine) == 3
        assert counts(engine) == {"admitted": 3, "full": 2, "quota women": 1, "unsuited": 1}
        assert amend(engine, enrolment={**ENROLMENT, "places": 4}) == 2
        assert "There is a place" in join(tab, "35", "2").page.said
        with engine.begin() as connection:
            set_study_status(connection, "trial", "closed")
        assert "This study is closed" in tab.open("/enrol/trial").page.said
        assert join(tab, "36", "2", new_ticket(keyring)).response.status_code == 403
        assert tab.open("/enrol/other").response.status_code == 404
    assert acts_in(engine).count("study.enrol") == 4
    downgrade_store(engine, "0008")
    upgrade_store(engine)


def test_a_button_pressed_twice_takes_one_place(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, enrolment=ENROLMENT)
    with TestClient(create_app(engine, keyring)) as client:
        tab, ticket = Tab(client), new_ticket(keyring)
        first = join(tab, "30", "2", ticket).page.links["Next"]
        assert join(tab, "30", "2", ticket).page.links["Next"] == first
        assert join(tab, "12", "2", ticket).page.links["Next"] == first  # the person is in already
        assert counts(engine) == {"admitted": 1}
        for strange in (
            "",
            "k9.aaaaaaaaaaaaaaaaaaaaaaaa",
            ticket.split(".")[1],
            "k2.a",
            "k2.\x7f" + "a" * 22,
        ):
            assert join(tab, "30", "2", strange or " ").response.status_code == 403
        sent = {"ticket": new_ticket(keyring), "form-age": "30", "form-sex": "2"}
        foreign = client.post("/enrol/trial", data=sent, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
        with engine.begin() as connection:
            erase_person(connection, 2, keyring)
        assert "erased for good" in join(tab, "30", "2", ticket).page.said
        another = new_ticket(keyring)
        join(tab, "30", "2", another)
        with engine.begin() as connection:
            number = link_of(connection, keyring, str(token_of_ticket(keyring, 1, another)))
            relink(connection, 1, keyring, [number.pseudonym])
        assert "A newer link was made" in join(tab, "30", "2", another).page.said
        assert people(engine) == 1
        newer = create_app(engine, keyring.rotated())
    with TestClient(newer) as client:  # a page that was open while the keys were changed
        assert "There is a place" in join(Tab(client), "30", "2", new_ticket(keyring)).page.said


def test_who_reads_german_is_asked_and_led_on_in_german(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, enrolment=ENROLMENT)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open("/enrol/trial?lang=de")
        assert "Age? (de)" in tab.page.said
        form = tab.page.main
        for age, status in (("", 422), ("30", 200)):
            sent = {**form.hidden, "form-age": age, "form-sex": "2"}
            tab.take(client.post(form.action, data=sent, headers=HERE))
            assert tab.response.status_code == status
            assert tab.page.lang == "de"
            if status == 422:
                assert ("lang", "en") in tab.page.main.buttons
        assert tab.follow("Weiter").page.lang == "de"


def test_no_two_people_on_one_place_when_forty_press_at_once(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    rules = make_study({**raw_study(), "enrolment": {**ENROLMENT, "places": 7}}).enrolment
    assert rules is not None
    open_study(engine, keyring)
    other, gate, said = open_store(store_url), threading.Barrier(8), []
    tickets = [new_ticket(keyring) for _ in range(4)]

    def press(which: int) -> None:
        gate.wait()
        for turn in range(5):
            token = token_of_ticket(keyring, 1, new_ticket(keyring) if turn else tickets[which % 4])
            with (engine if which % 2 else other).begin() as connection:
                sex = "1" if which == turn else "2"
                said.append(enrol(connection, 1, keyring, rules, str(token), {"age": "40", "sex": sex}))

    crowd = [threading.Thread(target=press, args=(which,)) for which in range(8)]
    threading.excepthook, kept = lambda _: said.append("again"), threading.excepthook
    try:
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
    finally:
        threading.excepthook = kept
        other.dispose()
    assert people(engine) == 7
    assert counts(engine)["admitted"] == 7
    assert counts(engine).get("quota women", 0) <= 1
    assert counts(engine)["full"] == said.count("full")


def without(**keys: Any) -> dict[str, Any]:
    return {"enrolment": {**ENROLMENT, **keys}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    (without(places=0), "enrolment.places"),
    (without(quotas=[]), "'sex' decides nothing"),
    (without(admits=[{"question": "age", "codes": [18]}]), "'age' needs at_least or at_most"),
    (
        without(admits=[{"question": "age", "at_least": 18}, {"question": "name", "codes": [1]}]),
        "'name' is no question",
    ),
    (
        without(quotas=[{"id": "w", "places": 1, "when": [{"question": "sex", "codes": [3]}]}]),
        "a code is none of 'sex'",
    ),
    (
        without(questions=[{"id": "x", "kind": "text", "text": both("?")}]),
        "must be single, several or number",
    ),
]


def test_impossible_enrolments_are_refused() -> None:
    for changes, words in REFUSED:
        with pytest.raises(DefinitionError, match=words):
            make_study({**raw_study(), **changes})
    half = make_study({**raw_study(), **without(lead={"en": "Only English"})})
    assert half.faults_before_opening() == ["enrolment.lead.de: is empty"]


def test_the_open_link_as_a_code_and_the_counts_from_the_command_line(
    engine: Engine, store_url: str, keyring: Keyring, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_study(engine, keyring, enrolment=ENROLMENT)
    with TestClient(create_app(engine, keyring)) as client:
        join(Tab(client), "30", "1")
    out = str(tmp_path / "poster.svg")
    asked = (
        "study",
        "poster",
        "trial",
        "--address",
        "https://q.example/",
        "--store",
        store_url,
        "--out",
        out,
    )
    assert run(*asked) == 0
    assert "https://q.example/enrol/trial" in capsys.readouterr().out
    assert "<svg" in Path(out).read_text()
    assert run(*asked) == 2  # nothing is written over
    capsys.readouterr()
    assert run("study", "status", "trial", "--store", store_url) == 0
    assert "Open enrolment: admitted 1, quota women 1" in capsys.readouterr().out


def test_the_brake_counts_each_study_and_each_network_apart_and_lets_go_after_its_time() -> None:
    now = [0.0]
    pace = Pace(seconds=60.0, clock=lambda: now[0])
    assert [pace.take(1, "203.0.113.7", 2) for _ in range(3)] == [True, True, False]
    assert pace.take(2, "203.0.113.7", 2), "another study of the same network has its own count"
    assert pace.take(1, "198.51.100.7", 2), "another network has its own count"
    assert not pace.take(1, "203.0.113.8", 2), "a neighbour in the same part of the network has the same"
    now[0] = 60.0
    assert pace.take(1, "203.0.113.7", 2)


def test_a_script_is_slowed_and_a_reload_counts_nobody(engine: Engine, keyring: Keyring) -> None:
    women = {"id": "women", "places": 50, "when": [{"question": "sex", "codes": [1]}]}
    open_study(engine, keyring, enrolment={**ENROLMENT, "places": 50, "per_hour": 5, "quotas": [women]})
    app, now = create_app(engine, keyring), [0.0]
    pace = Pace(clock=lambda: now[0])
    app.state.site = replace(app.state.site, pace=pace)

    def visitor(address: str) -> Tab:
        return Tab(TestClient(app, client=(address, 50_000)))

    with engine.connect() as connection:
        row: Any = connection.execute(select(tables.study)).one()
    tickets = [new_ticket(keyring) for _ in range(8)]
    for place, ticket in enumerate(tickets[:4]):
        assert join(visitor(f"203.0.113.{place}"), "30", "1", ticket).response.status_code == 200
    for _ in range(3):  # one page that is sent again and again
        assert "in other circumstances" in join(visitor("203.0.113.9"), "17", "1", tickets[4]).page.said
    assert counts(engine) == {"admitted": 4, "quota women": 4, "unsuited": 1}
    blocked = join(visitor("203.0.113.200"), "30", "1", tickets[5])
    assert blocked.response.status_code == 429 and "team@example.org" in blocked.page.said
    assert join(visitor("::ffff:203.0.113.5"), "30", "1", tickets[5]).response.status_code == 429
    assert join(visitor("203.0.113.9"), "71", "1", tickets[4]).response.status_code == 429, (
        "a typo mended later"
    )
    for ticket in tickets[:4]:  # who was admitted finds the link again, and takes no other place
        assert "There is a place for you" in join(visitor("203.0.113.1"), "30", "1", ticket).page.said
    assert counts(engine) == {"admitted": 4, "quota women": 4, "unsuited": 1}
    pace._decided.clear()  # as after a restart: whose link is known is led to it, however busy the hour was
    assert "There is a place for you" in join(visitor("203.0.113.1"), "30", "1", tickets[0]).page.said
    assert counts(engine) == {"admitted": 4, "quota women": 4, "unsuited": 1}
    assert join(visitor("198.51.100.1"), "30", "2", tickets[5]).response.status_code == 200
    for place in range(6):
        status = join(visitor(f"2001:db8:7:{place}::1"), "30", "2").response.status_code
        assert status == (200 if place < 5 else 429)
    now[0] = 3600.0
    assert join(visitor("203.0.113.200"), "71", "1", tickets[4]).response.status_code == 200
    assert not any(
        part in everything(engine) + repr(vars(pace)) for part in ("203.0.113", "2001:db8", "198.51")
    )
    older = make_study({**raw_study(), "enrolment": {**ENROLMENT, "per_hour": 60}})
    assert older.content_hash == make_study({**raw_study(), "enrolment": ENROLMENT}).content_hash
    assert "per_hour" in str(row.definition) and "per_hour" not in older.to_json()


def test_another_language_keeps_what_was_typed_and_takes_no_place(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, enrolment=ENROLMENT)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open("/enrol/trial?lang=en")
        ticket = tab.page.main.hidden["ticket"]
        assert tab.page.main.buttons[0] == ("", ""), "Enter in a field must not change the language"
        sent = {**tab.page.main.hidden, "form-age": "thirty", "form-sex": "2", "lang": "de"}
        tab.take(client.post(tab.page.main.action, data=sent, headers=HERE))
        assert (tab.page.lang, tab.response.status_code) == ("de", 200)
        assert 'value="thirty"' in tab.response.text and tab.page.main.ticked["form-sex"] == "2"
        assert tab.page.main.hidden["ticket"] == ticket and counts(engine) == {}
        assert tab.page.main.action.endswith("lang=de")
        sent |= {"form-age": "30"}
        del sent["lang"]
        assert (
            "Es gibt einen Platz"
            in tab.take(client.post(tab.page.main.action, data=sent, headers=HERE)).page.said
        )


def test_studies_of_one_store_count_their_places_apart(engine: Engine, keyring: Keyring) -> None:
    """One place in each study: the first person of each gets it, and the same ticket is another link in each."""
    one, other = ({**ENROLMENT, "places": 1, "quotas": []} | {"questions": ENROLMENT["questions"][:1]},) * 2
    open_study(engine, keyring, enrolment=one)
    open_study(engine, keyring, id="second_trial", enrolment=other)
    rules = make_study(raw_study() | {"enrolment": one}).enrolment
    assert rules is not None
    ended = []
    for number in (1, 2, 1, 2):
        with engine.begin() as connection:
            token = str(token_of_ticket(keyring, number, new_ticket(keyring)))
            ended.append(enrol(connection, number, keyring, rules, token, {"age": "40"}))
            if number == 2:
                enrol(connection, 2, keyring, rules, "t" * 40, {"age": "4"})
    assert ended == ["admitted", "admitted", "full", "full"]
    with engine.connect() as connection:
        assert enrolment_counts(connection, 1) == {"admitted": 1, "full": 1}
        assert enrolment_counts(connection, 2) == {"admitted": 1, "full": 1, "unsuited": 2}
    ticket = new_ticket(keyring)
    tokens = {token_of_ticket(keyring, number, ticket) for number in (1, 2)}
    assert len(tokens) == 2 and None not in tokens
    assert tokens == {token_of_ticket(keyring.rotated(), number, ticket) for number in (1, 2)}
