"""A log that holds events twice, under two names, or under ids of nobody is refused or told, never counted in silence."""

from __future__ import annotations

import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.usage import suspicions as module
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from analysis.usage.suspicions import ZONES, looked_at, on_another_clock, within_a_minute
from instrument.errors import ResponseDataError
from tests.unit.test_usage_reading import STUDY

N = 60
IDS = [f"P{k:03d}" for k in range(1, N + 1)]
JOINED = pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(N) % 40, unit="D")
PEOPLE = pd.DataFrame({"participant": IDS, "enrolled": JOINED.strftime("%Y-%m-%d")})
DATED = {**STUDY, "observed_until": "2026-12-01"}


def log_of(seed: int = 1, kind: str = "session_completed") -> pd.DataFrame:
    """Fourteen sessions or so each, at any second of any day, of three to thirty minutes."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(N), rng.poisson(14, N))
    at = JOINED[who] + pd.to_timedelta(np.floor(rng.uniform(0, 83 * 86_400, len(who))), unit="s")
    return pd.DataFrame(
        {
            "participant": np.array(IDS)[who],
            "at": at,
            "kind": kind,
            "duration": rng.integers(30, 300, len(who)) / 10,
        }
    )


LOG = log_of()


def read(log: pd.DataFrame, **how: Any) -> UsageSummary:
    return summarise_usage(log, DATED, participants=PEOPLE, reading=LogReading(**how))


def with_copy(**changed: Any) -> pd.DataFrame:
    return pd.concat([LOG, LOG.assign(**changed)], ignore_index=True)


def test_the_plain_log_is_read_without_a_suspicion() -> None:
    found = read(LOG)
    assert found.people["completed_whole"].sum() == len(LOG)
    assert found.notes == [] and found.rule["lost"] == ""


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"])
def test_a_second_copy_on_the_clock_of_another_zone_is_refused(zone: str) -> None:
    """Twice as many sessions were counted; where clocks change, by two differences."""
    local = LOG["at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    with pytest.raises(ResponseDataError, match=r"time zones, to the second .*second copy on another clock"):
        read(with_copy(at=local))
    some = pd.concat([LOG, LOG.assign(at=local).iloc[: len(LOG) // 8]], ignore_index=True)
    with pytest.raises(ResponseDataError, match="another clock"):
        read(some)
    assert read(with_copy(at=local), retry_seconds=0.0).people["completed_whole"].sum() > 1.5 * len(LOG)


@pytest.mark.parametrize(
    "changed",
    [
        {"at": LOG["at"].dt.floor("min")},
        {"duration": LOG["duration"].round()},
        {"at": LOG["at"].dt.floor("min"), "duration": LOG["duration"].round()},
        {"at": LOG["at"] + pd.to_timedelta(np.arange(len(LOG)) % 40 + 3, unit="s")},
    ],
)
def test_a_second_copy_with_rounded_cells_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ResponseDataError, match="within a minute: they may stand there twice"):
        read(with_copy(**changed))


def test_a_few_copies_are_a_suspicion() -> None:
    copy = LOG.assign(at=LOG["at"].dt.floor("min")).iloc[: len(LOG) // 8]
    found = read(pd.concat([LOG, copy], ignore_index=True))
    assert any("within a minute; they may stand there twice" in note for note in found.notes)


@settings(max_examples=40, deadline=None)
@given(
    shift=st.sampled_from(ZONES),
    seconds=st.lists(st.integers(0, 10**7), min_size=1, max_size=60, unique=True),
)
def test_every_difference_of_zones_is_found_and_counted(shift: int, seconds: list[int]) -> None:
    """Against a search of all pairs."""
    at = np.array([*seconds, *(second + shift for second in seconds)])
    like = np.zeros(len(at), dtype=np.int64)
    known = set(at.tolist())
    by_hand = sum(any(int(second) + zone in known for zone in ZONES) for second in at)
    assert on_another_clock(like, at)[0] == by_hand >= len(seconds)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 400), st.integers(1, 2)), min_size=1, max_size=40)
)
def test_events_within_a_minute_are_counted_as_by_a_loop(rows: list[tuple[int, int, int]]) -> None:
    person, seconds, lasting = (np.array(part, dtype=np.int64) for part in zip(*rows, strict=True))
    ordered = sorted(zip(person, seconds, lasting, strict=True))
    by_hand = 0
    for one, other in pairwise(ordered):
        double = other[1] - one[1] <= 2 and one[2] == other[2]
        by_hand += one[0] == other[0] and other[1] - one[1] <= 60 and not double
    assert within_a_minute(person, seconds, lasting) == by_hand


def test_one_kind_under_two_names_of_two_apps_is_told() -> None:
    """A third of the people had done nothing, in silence."""
    log = LOG.copy()
    log.loc[log["participant"].isin(IDS[::3]), "kind"] = "session_finished"
    found = read(log)
    said = [note for note in found.notes if "one app may call it otherwise" in note]
    assert len(said) == 1 and "of 20 people looked at" in said[0]
    assert "session_finished" in found.rule["lost"]
    named = summarise_usage(log, DATED, participants=PEOPLE, completed_kind="session_completed")
    assert named.rule["lost"] == ""
    both = pd.concat([LOG, log_of(2, "page_opened")], ignore_index=True)
    assert read(both).rule["lost"] == ""


@pytest.mark.parametrize("days", [-365 * 20, 365])
def test_clocks_that_are_far_off_are_told(days: int) -> None:
    log = LOG.copy()
    off = log["participant"].isin(IDS[::10])
    log.loc[off, "at"] += pd.Timedelta(days=days)
    found = read(log)
    assert any("all events of 6 of 60 people looked at lie more than half a year" in n for n in found.notes)
    assert found.rule["lost"]


def test_ids_that_belong_to_nobody_are_lost_use() -> None:
    log = LOG.copy()
    again = log["participant"].isin(IDS[:12]) & (log["at"] > JOINED[0] + pd.Timedelta(days=50))
    log.loc[again, "participant"] = "new-" + log["participant"] + "-b"
    found = read(log)
    assert found.rule["lost"].startswith(f"{log.loc[again, 'participant'].nunique()} ids of the log belong")
    few = LOG.copy()
    few.loc[few.index[:2], "participant"] = "stranger"
    assert read(few).rule["lost"] == ""


def test_a_second_device_that_writes_ids_otherwise_is_refused() -> None:
    """Their people stand in the log under both writings, so that no id of theirs was missing."""
    log = LOG.copy()
    second = log["participant"].isin(IDS[:12]) & (log.index % 2 == 0)
    log.loc[second, "participant"] = log["participant"].str.lower()
    with pytest.raises(ResponseDataError, match="12 are those of people but for capitals"):
        read(log)


def test_logs_of_whole_days_and_of_quarters_of_an_hour_tell_nothing_of_copies() -> None:
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "participant": np.repeat(IDS, 30),
            "day": rng.integers(0, 84, N * 30) + rng.integers(0, 4, N * 30) / 4,
            "kind": "session_completed",
        }
    )
    found = summarise_usage(rows, {**STUDY, "observed_until": 84}, participants=PEOPLE[["participant"]])
    assert found.notes == [] and found.rule["lost"] == ""


def two_apps() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A log of 400 people; of one in six the app calls a session otherwise."""
    rng = np.random.default_rng(8)
    who = np.repeat(np.arange(400), 20)
    kind = np.where(who % 6 == 0, "session_done", "session_completed")
    names = np.char.add("person ", who.astype(str))
    log = pd.DataFrame({"participant": names, "day": rng.uniform(0, 80, len(who)), "kind": kind})
    return log.assign(duration=5.0), pd.DataFrame({"participant": np.unique(names)})


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
@pytest.mark.parametrize("named", [True, False])
def test_who_is_looked_at_hangs_on_ids_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """Whatever holds the log, whatever the order of its rows; 2,000 of 8,000 events, a quarter of the people."""
    monkeypatch.setattr(module, "LOOKED_AT", 2000)
    log, people = two_apps()
    log.to_csv(tmp_path / "log.csv", index=False)
    log.iloc[::-1].to_parquet(tmp_path / "log.parquet")
    with duckdb.connect(str(tmp_path / "log.duckdb")) as file:
        file.execute("CREATE TABLE events AS FROM read_parquet(?)", [str(tmp_path / "log.parquet")])
    study = {**STUDY, "observed_until": None}
    given = {"participants": people} if named else {}
    found = [
        summarise_usage(log, study, **given),
        summarise_usage(tmp_path / "log.csv", study, **given),
        summarise_usage(tmp_path / "log.parquet", study, **given),
        summarise_usage("events", study, f"duckdb://{tmp_path / 'log.duckdb'}", **given),
    ]
    first = found[0]
    assert all(one.notes == first.notes and one.rule["lost"] == first.rule["lost"] for one in found[1:])
    lowest = sorted(people["participant"], key=lambda name: (zlib.crc32(name.encode()), name))[:100]
    otherwise = sum(int(name.split()[1]) % 6 == 0 for name in lowest)
    assert f"of {otherwise} people looked at" in first.rule["lost"]


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
@pytest.mark.parametrize(
    ("events", "people", "expected"), [(60_000, 7, 7), (60_001, 7, 4), (60_001, 1, 1), (600_000, 7, 1)]
)
def test_of_a_large_log_some_people_are_looked_at_one_at_least(
    events: int, people: int, expected: int
) -> None:
    ids = np.arange(people)
    table = pd.DataFrame({"participant": ids, "day": 1.0, "kind": "done", "minutes": 1.0})
    flags = {"is_unreadable": False, "is_unknown": False, "is_set_aside": False}
    con = ibis.duckdb.connect()
    clocked = ibis.memtable(table.assign(**flags))
    known = pd.DataFrame({"participant": ids.astype(str)})
    assert len(looked_at(clocked, events, con, known)) == expected
    assert len(looked_at(clocked, events, con)) == expected


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
def test_of_copies_of_an_id_the_first_by_time_is_looked_at_whatever_their_order() -> None:
    table = pd.DataFrame({"participant": "a", "day": [3.0, 1.0, 2.0], "kind": "x", "minutes": 1.0})
    table["event_id"] = ["one", "one", "two"]
    flags = {"is_unreadable": False, "is_unknown": False, "is_set_aside": False}
    con = ibis.duckdb.connect()
    clocked = ibis.memtable(table.assign(**flags))
    assert looked_at(clocked, 3, con)["day"].tolist() == [1.0, 2.0]
