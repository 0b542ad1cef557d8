"""After consent was taken back nothing more of that person is stored, whichever way it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, select

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab
from starlette.testclient import TestClient
from study_of_tests import open_study
from test_administer_interface import App, count

from instrument.administer.application import create_app
from instrument.store import tables
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study
from instrument.store.intake import NO_CONSENT
from instrument.store.keyed_tables import keep_table
from instrument.store.people import give_consent, without_consent
from instrument.store.tokens import Keyring

SET = "/fhir/QuestionnaireResponse?wave=first"


@pytest.fixture
def app(engine: Engine, keyring: Keyring) -> Iterator[App]:
    made = App(engine, keyring)
    with made.client:
        yield made


def choose(engine: Engine, pseudonym: str, *choices: bool) -> int:
    with engine.begin() as connection:
        query = select(tables.participant.c.id).where(tables.participant.c.pseudonym == pseudonym)
        number = int(connection.execute(query).scalar_one())
        for granted in choices:
            give_consent(connection, number, "h", "1", "en", granted)
    return number


def test_the_latest_choice_counts_and_who_was_never_asked_is_not_barred(app: App, engine: Engine) -> None:
    one, other = choose(engine, app.someone, True, False), choose(engine, app.other)
    with engine.connect() as connection:
        assert without_consent(connection, [one, other]) == {one}
    choose(engine, app.someone, True)
    choose(engine, app.other, False)
    with engine.connect() as connection:
        assert without_consent(connection, [one, other]) == {other}
        assert without_consent(connection, [one]) == set()


def test_programs_send_no_new_answers_of_a_person_who_took_consent_back(app: App, engine: Engine) -> None:
    choose(engine, app.someone, True)
    first = app.answers(app.scale)
    assert app.post(SET, first).status_code == 201
    choose(engine, app.someone, False)
    later = {**first, "identifier": [{"value": "set-2"}]}
    sent = app.post(SET.replace("first", "second"), later)
    assert sent.status_code == 409
    assert sent.json()["faults"] == [{"path": "subject.identifier.value", "message": NO_CONSENT}]
    assert app.post(SET, first).json() == {"outcome": "known"}
    assert count(engine, "administration") == 1
    other = {**later, "subject": {"identifier": {"value": app.other}}}
    assert app.post(SET, other).status_code == 201
    choose(engine, app.someone, True)
    again = {**first, "identifier": [{"value": "set-3"}]}
    assert app.post(SET.replace("first", "second"), again).status_code == 201


def test_programs_send_no_new_events_of_a_person_who_took_consent_back(app: App, engine: Engine) -> None:
    assert app.post("/events", {"source": "app", "events": [app.event(1)]}).json() == {"kept": 1, "known": 0}
    choose(engine, app.someone, True, False)
    batch = [app.event(1), app.event(2, participant=app.other), app.event(3, duration=None)]
    sent = app.post("/events", {"source": "app", "events": batch})
    assert sent.status_code == 409
    assert sent.json()["faults"] == [{"path": "events[2].participant", "message": NO_CONSENT}]
    assert count(engine, "usage_event") == 1
    rest = app.post("/events", {"source": "app", "events": batch[:2]})
    assert rest.json() == {"kept": 1, "known": 1}


def test_an_import_with_new_answers_of_such_a_person_keeps_nothing(
    app: App, engine: Engine, keyring: Keyring
) -> None:
    table = pd.DataFrame({item: pd.array([4, 2], dtype="Int64") for item in app.scale.item_ids})
    table.insert(0, "participant", [app.someone, app.other])
    table.insert(1, "wave", "first")

    def keep(rows: pd.DataFrame) -> tuple[int, int]:
        with engine.begin() as connection:
            row = find_study(connection, "trial")
            return keep_table(connection, row, rows, keyring, mode="paper", lang="en")

    assert keep(table[:1]) == (1, 0)
    choose(engine, app.someone, True, False)
    assert keep(table) == (1, 1)  # what was there before is known, not new
    with pytest.raises(StoreError, match=f"1 people do not consent, or took consent back: '{app.someone}'"):
        keep(table.assign(wave="second"))
    assert count(engine, "administration") == 2
    unfinished = table[:1].assign(wave="second", status="open")
    with pytest.raises(StoreError, match="Hint: take their rows out"):
        keep(unfinished)
    assert count(engine, "response") == 2 * len(app.scale.item_ids)


def test_a_page_left_open_is_refused_and_says_why(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        questions, choice = Tab(client).begin(tokens[0]), Tab(client)
        choice.open(questions.path.replace("/page/1", "/consent")).press(tick={"consent": "no"})
        questions.press(tick="4")
        assert questions.response.status_code == 409
        assert "You have chosen not to take part" in questions.page.said
        assert "nothing from this page was stored" in questions.page.said
        with engine.connect() as connection:
            assert set(connection.execute(select(tables.response.c.state)).scalars()) == {"not_seen"}
