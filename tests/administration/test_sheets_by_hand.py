"""Pages of a browser's queue and the seconds in which pages were seen, showing by showing and person by person."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

sys.path.insert(0, str(Path(__file__).parent))
from test_form_answers_by_hand import END, FORM, Begun

from instrument.errors import ResponseDataError
from instrument.store import tables
from instrument.store.answers import Answer, save_answers
from instrument.store.definitions import find_study
from instrument.store.intake import people_of
from instrument.store.mending import Because, void_administration
from instrument.store.people import erase_person
from instrument.store.relinking import relink
from instrument.store.sheets import (
    answered_since,
    ended_links,
    keep_time,
    note_queued,
    page_times,
    queued_before,
)
from instrument.store.tokens import Keyring


def test_the_longest_time_of_a_showing_counts_and_showings_add_up(engine: Engine, keyring: Keyring) -> None:
    begun = Begun(engine, keyring)
    anna, ben = begun.begin("anna", "first"), begun.begin("ben", "first")
    tried, void = begun.begin("tried", "first", is_test=True), begun.begin("void", "first")
    seen = [
        (anna, "page-1", "s1", 3.0),
        (anna, "page-1", "s1", 5.0),
        (anna, "page-1", "s1", 4.0),
        (anna, "page-1", "s2", 2.04),
        (anna, "page-2", "s3", 1.26),
        (ben, "page-1", "s1", 9.0),
        (tried, "page-1", "s4", 8.0),
        (void, "page-1", "s5", 7.0),
    ]
    with engine.begin() as connection:
        for attempt, page, sheet, seconds in seen:
            keep_time(connection, attempt, page, sheet, seconds)
        row: Any = find_study(connection, "trial")
        number = int(row.id)
    with engine.begin() as connection:
        void_administration(connection, row, "void", "first", Because("a sheet of another study"))
    with engine.connect() as connection:
        assert page_times(connection, number).to_numpy().tolist() == [
            ["anna", "first", "page-1", 2, 7.0],
            ["anna", "first", "page-2", 1, 1.3],
            ["ben", "first", "page-1", 1, 9.0],
        ]
        assert page_times(connection, number + 1).empty


def test_a_page_is_known_by_what_it_holds_and_by_whose_it_is(engine: Engine, keyring: Keyring) -> None:
    begun = Begun(engine, keyring)
    anna, ben = begun.begin("anna", "first"), begun.begin("ben", "first")
    with engine.begin() as connection:
        note_queued(connection, keyring, anna, "s1", "one")
        for attempts, sheet, content, wanted in (
            ([anna], "s1", "one", "known"),
            ([ben, anna], "s1", "one", "known"),
            ([anna], "s1", "two", "other"),
            ([anna], "s2", "one", "new"),
            ([ben], "s1", "one", "new"),
            ([], "s1", "one", "new"),
        ):
            assert queued_before(connection, keyring, attempts, sheet, content) == wanted
        assert queued_before(connection, keyring.rotated(), [anna], "s1", "one") == "known"


def test_only_another_answer_given_after_the_page_was_shown_goes_before_it(
    engine: Engine, keyring: Keyring
) -> None:
    begun = Begun(engine, keyring)
    attempt = begun.begin("anna", "first")
    with engine.begin() as connection:
        items = connection.execute(select(tables.response.c.item_id).order_by(tables.response.c.item_id))
        one, other, *_ = items.scalars()
        save_answers(connection, attempt, {one: Answer("answered", 4), other: Answer("skipped")})
    begun.save(attempt, END, {"hope": "5"})
    begun.save(attempt, FORM, {"used": "1", "age": None})
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    early, late = moment - timedelta(seconds=1), moment + timedelta(seconds=1)
    with engine.begin() as connection:
        for table in (tables.response, tables.form_answer):
            connection.execute(update(table).values(saved_at=moment))

    def later(
        at: datetime, scale: dict[int, Answer], form: str = "", said: dict[str, str] | None = None
    ) -> bool:
        with engine.connect() as connection:
            return answered_since(connection, attempt, at, scale, form, said)

    assert later(early, {one: Answer("answered", 5)})
    assert later(early, {one: Answer("skipped")})
    assert not later(early, {one: Answer("answered", 4)})
    assert not later(early, {other: Answer("answered", 4)})  # a blank is not another answer
    assert not later(moment, {one: Answer("answered", 5)})  # shown at the very moment: not after
    assert not later(late, {one: Answer("answered", 5)})
    assert later(early, {}, "closing", {"hope": "6"})
    assert not later(early, {}, "closing", {"hope": "5"})
    assert not later(moment, {}, "closing", {"hope": "6"})
    assert not later(early, {}, "baseline", {"hope": "6"})  # of another form
    assert not later(early, {}, "baseline", {"age": "30"})  # gone on without: the page holds
    assert later(early, {}, "baseline", {"used": "0", "age": "30"})
    assert not later(early, {}, "baseline", {"which": "1"})


def test_links_that_ended_are_those_replaced_and_those_of_people_who_were_erased(
    engine: Engine, keyring: Keyring
) -> None:
    begun = Begun(engine, keyring)
    for name in ("anna", "ben", "cleo"):
        begun.begin(name, "first")
    person = tables.participant

    def hashes() -> dict[str, str]:
        with engine.connect() as connection:
            rows = connection.execute(select(person.c.pseudonym, person.c.token_hash))
            return {str(name): str(token_hash) for name, token_hash in rows}

    before = hashes()
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        relink(connection, int(row.id), keyring, ["anna"])
    with engine.begin() as connection:
        erase_person(connection, people_of(connection, row.id, ["ben"])["ben"], keyring)
    after = hashes()
    with engine.connect() as connection:
        ended = ended_links(connection)
    assert {before["anna"], before["ben"]} <= ended
    assert not {after["anna"], after["cleo"]} & ended
    assert "ben" not in after and after["anna"] != before["anna"]


@pytest.mark.parametrize(
    ("reason", "by", "fits"),
    [
        ("x" * 4, "", False),
        ("x" * 5, "", True),
        ("x" * 500, "", True),
        ("x" * 501, "", False),
        ("  " + "x" * 4, "", False),
        ("x" * 500 + "  ", "", True),
        ("x" * 5, "y" * 64, True),
        ("x" * 5, "y" * 65, False),
        ("x" * 5, "y" * 64 + " ", True),
        ("xxxx\0x", "", False),
        ("x" * 5, "y\0", False),
    ],
)
def test_a_reason_says_something_and_not_too_much(reason: str, by: str, fits: bool) -> None:
    if fits:
        Because(reason, by)
        return
    with pytest.raises(ResponseDataError, match="reason"):
        Because(reason, by)
