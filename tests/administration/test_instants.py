"""Every moment is kept in UTC by one type: two databases give the same table for the same events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import DateTime, Engine, create_engine, select, text, update
from sqlalchemy.exc import StatementError

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

from instrument.store import tables
from instrument.store.connect import open_store, upgrade_store
from instrument.store.instants import Instant, InstantError, days_between, utc
from instrument.store.intake import UsageEvent, keep_events, people_of
from instrument.store.study_data import usage_of
from instrument.store.tokens import Keyring

ENROLLED = datetime(2024, 2, 28, 12, tzinfo=UTC)


def test_every_moment_of_every_table_has_the_one_type() -> None:
    moments = [c for t in tables.metadata.tables.values() for c in t.columns if isinstance(c.type, DateTime)]
    assert moments == []
    kept = [c for t in tables.metadata.tables.values() for c in t.columns if isinstance(c.type, Instant)]
    assert len(kept) >= 15


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-03-11T07:30:00+14:00", 0),
        ("2026-03-10T09:30:00-08:00", 0),
        ("2026-03-10T17:30:00Z", 0),
        ("2026-03-10T23:59:59.999999Z", 0),
        ("2026-03-11T00:00:00Z", 1),
        ("2026-03-10T13:59:59+14:00", -1),
    ],
)
def test_offsets_of_one_moment_give_one_day(engine: Engine, keyring: Keyring, at: str, day: int) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection:
        moment = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
        connection.execute(update(tables.participant).values(enrolled_at=moment))
        name = connection.execute(select(tables.participant.c.pseudonym)).scalar_one()
        events = [UsageEvent("e", name, "session", datetime.fromisoformat(at))]
        keep_events(connection, 1, "app", events, people_of(connection, 1, [name]))
    with engine.connect() as connection:
        kept = usage_of(connection, 1)
        stored = connection.execute(select(tables.usage_event.c.at)).scalar_one()
    assert kept is not None
    assert kept["day"].tolist() == [day]
    assert stored == datetime.fromisoformat(at)
    assert stored.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused_by_the_type(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection, pytest.raises(StatementError, match="InstantError"):
        connection.execute(update(tables.participant).values(enrolled_at=datetime(2026, 1, 1)))
    with pytest.raises(InstantError, match="outside the calendar"):
        utc(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))
    with pytest.raises(InstantError, match="no time zone"):
        utc(datetime(2026, 1, 1))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[tuple[Engine, Engine]]:
    """The same study on both databases."""
    admin = create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE instants"))
    admin.dispose()
    file = tmp_path_factory.mktemp("instants") / "s.sqlite"
    engines = open_store(str(file)), open_store(f"{postgres_server}/instants")
    for made in engines:
        upgrade_store(made)
        open_study(made, Keyring({"k1": b"1" * 32}), people=2)
        with made.begin() as connection:
            connection.execute(update(tables.participant).values(enrolled_at=ENROLLED))
            for number in (1, 2):
                named = update(tables.participant).where(tables.participant.c.id == number)
                connection.execute(named.values(pseudonym=f"p{number}"))
    yield engines
    for made in engines:
        made.dispose()


ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
OFFSETS = st.one_of(
    st.sampled_from([timezone(timedelta(hours=14)), timezone(timedelta(hours=-8)), UTC]),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ZONES.map(ZoneInfo),
)
# Around the turns of the clock, leap days and turns of the year as much as anywhere else.
CENTRES = st.sampled_from(
    [
        datetime(2024, 2, 29, 0, tzinfo=UTC),
        datetime(2024, 3, 31, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 1, tzinfo=UTC),
        datetime(2024, 11, 3, 6, tzinfo=UTC),
        datetime(2025, 1, 1, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 23, tzinfo=UTC),
    ]
)
MOMENTS = st.one_of(
    st.builds(
        lambda centre, seconds: centre + timedelta(seconds=seconds), CENTRES, st.integers(-200_000, 200_000)
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.tuples(st.sampled_from(["p1", "p2"]), MOMENTS, OFFSETS, st.none() | st.floats(0, 1440, width=32)),
        min_size=1,
        max_size=6,
    )
)
@example(
    events=[
        ("p1", datetime(2024, 2, 29, 17, 30, tzinfo=UTC), zone, None)
        for zone in (timezone(timedelta(hours=14)), timezone(timedelta(hours=-8)), UTC)
    ]
)
def test_both_databases_give_the_same_table_for_the_same_events(
    pair: tuple[Engine, Engine], events: list[tuple[str, datetime, timezone, float | None]]
) -> None:
    sent = [
        UsageEvent(f"e{k}", person, "session", moment.astimezone(zone), duration)
        for k, (person, moment, zone, duration) in enumerate(events)
    ]
    tables_read = []
    for made in pair:
        with made.connect() as connection:
            people = people_of(connection, 1, ["p1", "p2"])
            assert keep_events(connection, 1, "app", sent, people) == len(sent)
            assert keep_events(connection, 1, "app", sent, people) == 0
            read = usage_of(connection, 1)
            connection.rollback()
        assert read is not None
        tables_read.append(read)
    pd.testing.assert_frame_equal(*tables_read)
    by_hand = sorted(
        (person, moment, k, (moment.date() - ENROLLED.date()).days)
        for k, (person, moment, _, _) in enumerate(events)
    )
    assert tables_read[0]["participant"].tolist() == [row[0] for row in by_hand]
    assert np.floor(tables_read[0]["day"]).tolist() == [row[3] for row in by_hand]


@given(moment=MOMENTS, one=OFFSETS, other=OFFSETS)
def test_days_do_not_depend_on_how_a_moment_is_written(
    moment: datetime, one: timezone, other: timezone
) -> None:
    assert days_between(ENROLLED, moment.astimezone(one)) == days_between(
        ENROLLED.astimezone(other), moment.astimezone(other)
    )
    assert days_between(ENROLLED, moment + timedelta(days=1)) == days_between(ENROLLED, moment) + 1


def test_what_a_database_gives_is_in_utc_whatever_its_offset() -> None:
    for hours in (-8, 0, 2, 14):
        given = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=hours)))
        found = Instant().process_result_value(given, cast(Any, None))
        assert found is not None
        assert (found, found.utcoffset()) == (given, timedelta(0))
    plain = Instant().process_result_value(datetime(2026, 3, 1, 1, 30), cast(Any, None))
    assert plain == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)


def test_days_are_midnights_and_not_spans_of_24_hours() -> None:
    late, early = datetime(2026, 3, 1, 23, 59, tzinfo=UTC), datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
    assert (days_between(late, early), days_between(early, late)) == (1, -1)
    assert days_between(late, early + timedelta(hours=23)) == 1


def test_a_zone_that_says_no_offset_is_no_zone() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

    with pytest.raises(InstantError, match="a moment has no time zone"):
        utc(datetime(2026, 3, 1, 12, tzinfo=Nowhere()))
