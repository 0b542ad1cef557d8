"""What the store gives back, value by value: names, places in lists, chains, days and the edges of batches."""

from __future__ import annotations

import logging
import re
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, select

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import instrument
from instrument.reading.people import id_text
from instrument.store.answers import attempts_of
from instrument.store.audit import broken_line, record
from instrument.store.connect import StoreError, reading
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.funnel import standing_of
from instrument.store.instants import Instant
from instrument.store.intake import RefusedError, UsageEvent, keep_events
from instrument.store.people import (
    aware,
    consent_of,
    expired,
    give_consent,
    hold_people,
    invite,
    latest_choices,
    without_consent,
)
from instrument.store.quiet import keep_values_out
from instrument.store.tables import audit_log, item, participant
from instrument.store.tokens import Keyring
from instrument.store.triggers import drop_statements, postgresql_triggers
from instrument.store.windows import (
    EVENT,
    PersonDays,
    Rules,
    Window,
    day_given,
    day_zero,
    days_of_people,
    events_of,
    first_use_of,
    in_window,
)
from instrument.study import DayZero

DAY = date(2026, 3, 1)


@pytest.fixture(params=["sqlite"])
def store_url(newest_file: Path, tmp_path: Path) -> str:
    """SQLite alone: what is compared here is the same on every database."""
    return f"sqlite:///{shutil.copyfile(newest_file, tmp_path / 'store.sqlite')}"


def test_people_invited_by_number_are_named_r_and_ten_digits(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, people=3)
    with engine.connect() as connection:
        names = list(connection.execute(select(participant.c.pseudonym)).scalars())
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"r[0-9a-f]{10}", name) for name in names)


@pytest.mark.parametrize(("faults", "said"), [(1, ""), (5, ""), (6, "and 1 more"), (8, "and 3 more")])
def test_five_faults_are_listed_and_the_rest_counted(faults: int, said: str) -> None:
    error = RefusedError([(f"events[{k}]", "is late") for k in range(faults)], clash=True)
    text = str(error)
    assert f"{faults} fault{'' if faults == 1 else 's'}; nothing was kept." in text
    assert text.count("is late") == min(faults, 5) and ("more" in text) is bool(said) and said in text
    assert len(error.faults) == faults and error.clash


def test_a_name_that_stands_twice_in_a_list_is_refused_by_name(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, people=1)
    with engine.begin() as connection:
        number = int(find_study(connection, "trial").id)
        with pytest.raises(StoreError, match="1 pseudonyms are doubled or in the study already: 'ben'"):
            invite(connection, number, keyring, ["anna", "ben", "ben"])
        assert [one.pseudonym for one in invite(connection, number, keyring, ["anna", "ben"])] == [
            "anna",
            "ben",
        ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.0, "7"),
        (7.5, "7.5"),
        (-0.5, "-0.5"),
        (7, "7"),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
        (" 7 ", "7"),
        ("7.0", "7.0"),
        ("NA", None),
        ("", None),
        ("-", None),
        (" – ", None),
        ("--", None),
        ("-1", "-1"),
        ("a-", "a-"),
        (True, "True"),
    ],
)
def test_an_id_is_written_one_way(value: Any, text: str | None) -> None:
    assert id_text(value) == text


@pytest.mark.parametrize("column", ["previous_hash", "hash", "action", "subject", "at", "n_rows"])
def test_a_line_changed_in_any_column_is_the_first_that_does_not_fit(engine: Engine, column: str) -> None:
    with engine.begin() as connection:
        for k in range(12):
            record(connection, "thing.do", f"thing {k}", k)
        lines = connection.execute(select(audit_log).order_by(audit_log.c.id)).all()
        assert [line.n_rows for line in lines] == list(range(12))
        assert all(late.previous_hash == early.hash for early, late in pairwise(lines))
        assert broken_line(connection) is None
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        changed = "n_rows + 1" if column == "n_rows" else f"{column} || 'x'"
        connection.exec_driver_sql(f"UPDATE audit_log SET {column} = {changed} WHERE id = {lines[10].id}")
        assert broken_line(connection) == lines[10].id


def test_items_have_their_places_from_one_on_in_the_order_of_the_scale(
    engine: Engine, keyring: Keyring
) -> None:
    open_study(engine, keyring)
    scale = instrument.load("dta")
    with engine.connect() as connection:
        version = find_study(connection, "trial").instrument_version_id  # type: ignore[attr-defined]
        rows = connection.execute(select(item).where(item.c.instrument_version_id == version)).all()
        numbers = item_numbers(connection, version)
    assert {row.name: row.position for row in rows} == {name: k + 1 for k, name in enumerate(scale.item_ids)}
    assert {row.name: row.theme for row in rows} == {e.id: t.id for t in scale.themes for e in t.items}
    assert {row.name: row.reverse for row in rows} == {e.id: e.reverse for t in scale.themes for e in t.items}
    assert numbers == {row.name: row.id for row in rows}


def test_people_of_more_than_one_batch_are_all_found(engine: Engine, keyring: Keyring) -> None:
    """Five hundred are asked for at a time: nobody at an edge is lost or taken twice."""
    open_study(engine, keyring)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        invite(connection, row.id, keyring, [f"p{k:04d}" for k in range(1001)])
        numbers = list(connection.execute(select(participant.c.id).order_by(participant.c.id)).scalars())
        assert len(numbers) == 1002
        assert hold_people(connection, [*numbers, *numbers, 99_999]) == set(numbers)
        assert hold_people(connection, numbers[3:5]) == set(numbers[3:5])
        assert set(days_of_people(connection, row, numbers)) == set(numbers)
        assert set(days_of_people(connection, row, numbers[2:4])) == set(numbers[2:4])
        assert set(days_of_people(connection, row)) == set(numbers)
        edges = [numbers[k] for k in (0, 499, 500, 501, 999, 1000, 1001)]
        for number in edges:
            give_consent(connection, number, "h", "1", "en", granted=True)
        for number in edges[1::2]:
            give_consent(connection, number, "h", "2", "de", granted=False)
        choices = latest_choices(connection, numbers)
        assert {number: choice.granted for number, choice in choices.items()} == {
            number: k % 2 == 0 for k, number in enumerate(edges)
        }
        assert without_consent(connection, numbers) == set(edges[1::2])
        assert without_consent(connection, edges[:1]) == set()
        last: Any = consent_of(connection, edges[1])
        assert (last.version, last.lang, last.granted) == ("2", "de", False)
        assert consent_of(connection, numbers[7]) is None
        standing = standing_of(connection, "trial", DAY)
    of_wave = [mine["participant"].tolist() for _, mine in standing.groupby("wave", sort=False)]
    assert [names[1:] for names in of_wave] == [[f"p{k:04d}" for k in range(1001)]] * 2


def test_trial_links_and_links_that_end_are_marked(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    end = datetime(2030, 1, 1, tzinfo=UTC)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        invite(connection, row.id, keyring, ["a"], is_test=True)
        invite(connection, row.id, keyring, ["b"], expires_at=end)
        kept = {p.pseudonym: p for p in connection.execute(select(participant)).all()}
        assert (kept["a"].is_test, kept["a"].expires_at, kept["b"].is_test, kept["b"].expires_at) == (
            True,
            None,
            False,
            end,
        )
        assert "a" not in set(standing_of(connection, "trial", DAY)["participant"])
    assert expired(None) is False
    assert expired(datetime.now(UTC) - timedelta(seconds=1)) and not expired(
        datetime.now(UTC) + timedelta(minutes=1)
    )
    assert aware(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)
    east = datetime.fromisoformat("2026-01-01T05:00:00+05:00")
    assert aware(east) == east


def test_who_only_looks_does_not_wait_for_who_writes(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.begin() as writing:
        record(writing, "thing.do", "thing", 1)
        with reading(engine) as looking:
            seen = looking.execute(select(audit_log.c.action)).scalars().all()
        assert "thing.do" not in seen  # and it was seen while the other still writes


def test_moments_come_back_in_utc_whatever_the_database_kept() -> None:
    kind: Any = Instant()
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert kind.process_result_value(datetime(2026, 3, 1, 12), None) == noon
    east = kind.process_result_value(datetime.fromisoformat("2026-03-01T14:00:00+02:00"), None)
    assert east == noon and east.utcoffset() == timedelta(0)
    assert kind.process_result_value(None, None) is None and kind.process_bind_param(None, None) is None


def test_windows_are_counted_from_day_zero_or_from_another_wave() -> None:
    rules = Rules(zero=DayZero.ENROLMENT, after={"retest": ("first", 10, 14)})
    days = PersonDays(zero=DAY, given={"first": DAY + timedelta(days=3), "retest": DAY + timedelta(days=17)})
    assert days.window(rules, "first", 2, 5) == Window(DAY + timedelta(days=2), DAY + timedelta(days=5))
    assert days.window(rules, "retest", 0, 99) == Window(DAY + timedelta(days=13), DAY + timedelta(days=17))
    assert days.day(DAY + timedelta(days=3)) == 3 and days.day(None) is None
    assert PersonDays(zero=None, given={}).day(DAY) is None
    assert PersonDays(zero=None, given={}).window(rules, "first", 2, 5) is None
    assert PersonDays(zero=DAY, given={}).window(rules, "retest", 0, 99) is None
    assert [in_window(days, rules, "first", *edge) for edge in ((3, 5), (1, 3), (4, 5), (1, 2))] == [
        "yes",
        "yes",
        "no",
        "no",
    ]
    assert in_window(days, rules, "retest", 0, 0) == "yes" and in_window(days, rules, "absent", 0, 9) is None
    assert in_window(PersonDays(zero=None, given=days.given), rules, "first", 0, 9) is None


def test_a_window_after_an_event_may_be_one_day_and_none_where_the_study_closes_before() -> None:
    """The event falls on day 4; the window is its days 3 to 5 within the study's own days."""
    rules = Rules(zero=DayZero.ENROLMENT, after={"w": (f"{EVENT}done", 3, 5)})
    days = PersonDays(zero=DAY, given={}, events={"done": DAY + timedelta(days=4)})

    def window(opens: int, closes: int) -> tuple[int, int] | None:
        found = days.window(rules, "w", opens, closes)
        return None if found is None else ((found.opens - DAY).days, (found.closes - DAY).days)

    assert [window(*own) for own in ((0, 30), (8, 30), (0, 8), (9, 30), (0, 7), (10, 30), (0, 6))] == [
        (7, 9),
        (8, 9),
        (7, 8),
        (9, 9),
        (7, 7),
        None,
        None,
    ]


def test_day_zero_and_the_day_of_answers() -> None:
    late = datetime.fromisoformat("2026-03-01T23:30:00-08:00")  # the second of March in UTC
    given = {"a": DAY + timedelta(days=4), "b": None, "c": DAY + timedelta(days=2)}
    for zero, wanted in (
        (DayZero.ENROLMENT, DAY + timedelta(days=1)),
        (DayZero.FIRST_USE, DAY),
        (DayZero.FIRST_ANSWER, DAY + timedelta(days=2)),
    ):
        assert day_zero(Rules(zero=zero, after={}), late, datetime(2026, 3, 1, tzinfo=UTC), given) == wanted
    assert day_zero(Rules(zero=DayZero.FIRST_USE, after={}), late, None, given) is None
    assert day_zero(Rules(zero=DayZero.FIRST_ANSWER, after={}), late, None, {"b": None}) is None
    attempt = SimpleNamespace(completed_on=None, mode="web", started_at=late)
    assert day_given(attempt) == DAY + timedelta(days=1)
    assert day_given(SimpleNamespace(completed_on=None, mode="paper", started_at=late)) is None
    assert day_given(SimpleNamespace(completed_on=DAY, mode="paper", started_at=late)) == DAY


def test_the_rules_of_both_databases_are_removed_by_their_names(engine: Engine) -> None:
    with engine.connect() as connection:
        there = (
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .scalars()
            .all()
        )
    assert sorted(drop_statements("sqlite")) == sorted(f"DROP TRIGGER IF EXISTS {name}" for name in there)
    made = re.findall(r"CREATE FUNCTION (\w+)\(\)", " ".join(postgresql_triggers().values()))
    assert drop_statements("postgresql") == [f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in made]


def test_the_first_use_is_day_zero_where_the_study_says_so(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, people=2, day_zero="first_use")
    late = datetime.fromisoformat("2026-03-01T23:30:00-08:00")
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        first, second = connection.execute(select(participant).order_by(participant.c.id)).all()
        events = [
            UsageEvent(f"e{k}", first.pseudonym, "session", late + timedelta(days=k)) for k in (9, 0, 4)
        ]
        keep_events(connection, row.id, "app", events, {first.pseudonym: first.id})
        days = days_of_people(connection, row)
        assert (days[first.id].zero, days[second.id].zero) == (DAY + timedelta(days=1), None)
        assert days_of_people(connection, row, [second.id]) == {second.id: PersonDays(zero=None, given={})}
        assert first_use_of(connection, first.id) == late and first_use_of(connection, second.id) is None
        after = Rules(zero=DayZero.ENROLMENT, after={"w": (f"{EVENT}session", 1, 2)})
        assert events_of(connection, row.id, after) == {first.id: {"session": DAY + timedelta(days=1)}}


def test_waves_and_attempts_come_in_the_order_of_the_study(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, people=1)
    with engine.connect() as connection:
        row: Any = find_study(connection, "trial")
        person = connection.execute(select(participant.c.id)).scalar_one()
        assert [wave.name for wave in waves_of(connection, row.id)] == ["first", "second"]
        found: Any = attempts_of(connection, row.id, person)
        assert [(one.name, one.opens_day, one.closes_day, one.administration_id) for one in found] == [
            ("first", 0, 9, None),
            ("second", 20, 29, None),
        ]


def test_statements_are_not_logged_below_warnings(engine: Engine) -> None:
    for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
        log = logging.getLogger(name)
        before = log.level
        for given, kept in ((logging.DEBUG, logging.WARNING), (logging.ERROR, logging.ERROR)):
            log.setLevel(given)
            keep_values_out(engine)
            assert log.level == kept
        log.setLevel(before)
