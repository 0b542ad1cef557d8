"""Where a person stands, by hand: what a field says, what is shown as chosen, until when, and what was seen."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab
from study_of_tests import open_study
from test_forms import FORMS, fill

import instrument
from instrument.administer.application import create_app
from instrument.administer.entry import person_numbered
from instrument.administer.journey import chosen_code, occasion_of, read_form
from instrument.store import tables
from instrument.store.answers import Answer
from instrument.store.tokens import Keyring

SCALE = instrument.load("dta")
SHOWN = {"hum1": 11, "hum2": 12}


@pytest.mark.parametrize(
    ("sent", "answers", "wrong"),
    [
        ({}, {}, []),
        ({"item-hum1": ""}, {}, []),
        ({"item-hum1": "3", "item-mea1": "2"}, {11: Answer("answered", 3)}, []),
        ({"item-hum1": "96"}, {11: Answer("not_applicable")}, []),
        ({"item-hum1": "97", "item-hum2": "5"}, {11: Answer("declined"), 12: Answer("answered", 5)}, []),
        *(({"item-hum1": odd}, {}, ["hum1"]) for odd in ("0", "6", "98", "3.0", "03", " 3", "three", "٣")),
        ({"item-hum1": "9", "item-hum2": "1"}, {12: Answer("answered", 1)}, ["hum1"]),
    ],
)
def test_a_field_says_one_thing(sent: dict[str, str], answers: dict[int, Answer], wrong: list[str]) -> None:
    assert read_form(SCALE, SHOWN, sent) == (answers, wrong)


def test_what_was_stored_is_shown_as_the_choice_it_was() -> None:
    stored = [
        ("answered", 4),
        ("not_applicable", None),
        ("declined", None),
        ("skipped", None),
        ("not_seen", None),
    ]
    assert [chosen_code(SCALE, "hum1", *one) for one in stored] == [4, 96, 97, None, None]


def test_a_wave_is_open_to_the_end_of_its_last_day(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.connect() as connection:
        person = person_numbered(connection, 1)
        first = person.enrolled_at.date()
        found = occasion_of(connection, person, first)
        last = occasion_of(connection, person, first + timedelta(days=9))
        over = occasion_of(connection, person, first + timedelta(days=10))
    day_after: date = first + timedelta(days=10)
    assert found.until == last.until == datetime(day_after.year, day_after.month, day_after.day, tzinfo=UTC)
    assert (found.wave, last.wave, over.wave, over.until) == ("first", "first", "", None)
    assert over.next_opens == first + timedelta(days=20)


def test_questions_count_as_seen_when_they_are_shown_and_not_while_a_form_stands_before_them(
    engine: Engine, keyring: Keyring
) -> None:
    def seen() -> list[int]:
        query = select(tables.response.c.page).where(tables.response.c.shown_at.is_not(None)).distinct()
        with engine.connect() as connection:
            return list(connection.execute(query).scalars())

    whole = {**FORMS, "waves": FORMS["waves"][1:]}  # scale and form in one wave
    forms = [{**form, "waves": ["first"]} for form in FORMS["forms"]]
    _, _, (token,) = open_study(engine, keyring, **{**whole, "forms": forms})
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}").press(tick={"consent": "yes"})
        tab.press()
        assert "Used an app?" in tab.page.said
        assert seen() == []
        fill(tab, used="0")
        fill(tab, age="30")
        assert seen() == []
        fill(tab, since="2020-01-01")
        assert "Question 1 of" in tab.page.said
        assert seen() == [1]
