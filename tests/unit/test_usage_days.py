"""Days of a study: what a time of day, an offset or the clock of a zone changes, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import dta
from analysis.simulation.simulate_study import simulate_study
from analysis.usage.clock import shifts_of
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import ResponseDataError
from tests.unit.test_usage_reading import STUDY as SMALL

STUDY: dict[str, Any] = {
    **SMALL,
    "observed_until": "2026-12-31",
    "intended_use": {**SMALL["intended_use"], "unit": "active_days"},
    "adherence": {**SMALL["adherence"], "metric": "active_days"},
}
COUNTED = ["participant", "events_whole", "active_days_whole", "first_use_whole", "last_use_whole", "end_day"]
ANY = {"most_set_aside": 1.0}
# By hand: day 0 of a is 2 March. Its events lie on days 0 (09:00 and 20:00), 1 (00:30), 27 (23:30), 28 (00:30).
LOG = pd.DataFrame(
    {
        "participant": ["a"] * 5 + ["b"] * 3,
        "at": [
            "2026-03-02T09:00:00",
            "2026-03-02T20:00:00",
            "2026-03-03T00:30:00",
            "2026-03-29T23:30:00",
            "2026-03-30T00:30:00",
            "2026-03-10T12:00:00",
            "2026-03-14T11:00:00",
            "2026-03-14T13:00:00",
        ],
        "kind": "tap",
        "duration": 1.0,
    }
)
READERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "frame": lambda frame, _: frame,
    "csv": lambda frame, folder: _file(frame, folder / "log.csv"),
    "parquet": lambda frame, folder: _file(
        frame.assign(at=pd.to_datetime(frame["at"])), folder / "log.parquet"
    ),
}


def _file(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


def found(events: Any, study: dict[str, Any] = STUDY, **people: Any) -> UsageSummary:
    table = pd.DataFrame({"participant": ["a", "b"], **people})
    return summarise_usage(events, study, participants=table, reading=LogReading(**ANY))


def counted(summary: UsageSummary) -> list[list[Any]]:
    rows = summary.people[COUNTED].round(6).to_numpy().tolist()
    return [[None if cell != cell else cell for cell in row] for row in rows]


BY_HAND = [["a", 5, 4, 0.375, 28.020833, 84.0], ["b", 3, 2, 0.5, 4.541667, 84.0]]


@pytest.mark.parametrize("reader", READERS)
def test_a_time_of_day_leaves_day_0_where_it_is_and_is_said(reader: str, tmp_path: Path) -> None:
    events = READERS[reader](LOG, tmp_path)
    dates = found(events, enrolled=["2026-03-02", "2026-03-10"])
    assert counted(dates) == BY_HAND
    assert not [note for note in dates.notes if "times of day" in note]
    # a was enrolled at 08:00, before all events; b at noon, when the first event was
    timed = found(events, enrolled=["2026-03-02T08:00:00", "2026-03-10T12:00:00"])
    pd.testing.assert_frame_equal(timed.people, dates.people)
    assert timed.counts == dates.counts
    said = [note for note in timed.notes if "times of day" in note]
    assert len(said) == 1
    assert "'enrolled' holds times of day (taken as UTC, for they have no offset)" in said[0]
    assert "day 0 is the whole calendar day of enrolment" in said[0]
    # at 10:00 the event of 09:00 is before enrolment: set aside and counted, and no other number moves
    later = found(events, enrolled=["2026-03-02T10:00:00", "2026-03-10"])
    assert counted(later) == [["a", 4, 4, 0.833333, 28.020833, 84.0], BY_HAND[1]]
    assert later.counts["before_enrolment"] == 1


@pytest.mark.parametrize("reader", READERS)
def test_withdrawal_and_the_end_of_watching_count_to_their_time_of_day(reader: str, tmp_path: Path) -> None:
    events = READERS[reader](LOG, tmp_path)
    enrolled = ["2026-03-02", "2026-03-10"]
    for name, at, b_row, note in (
        ("withdrawn", "2026-03-14", ["b", 1, 1, 0.5, 0.5, 4.0], None),
        ("withdrawn", "2026-03-14T12:00:00", ["b", 2, 2, 0.5, 4.458333, 4.5], "use until that time counts"),
        ("withdrawn", "2026-03-15", ["b", 3, 2, 0.5, 4.541667, 5.0], None),
        ("observed_until", "2026-03-14", ["b", 3, 2, 0.5, 4.541667, 5.0], None),
        ("observed_until", "2026-03-14T12:00:00", ["b", 2, 2, 0.5, 4.458333, 4.5], "watched until that time"),
        ("observed_until", "2026-03-13", ["b", 1, 1, 0.5, 0.5, 4.0], None),
    ):
        summary = found(events, enrolled=enrolled, **{name: [None, at]})
        assert counted(summary)[1] == b_row, (name, at)
        said = [text for text in summary.notes if "times of day" in text]
        assert len(said) == (note is not None), (name, at)
        assert note is None or (note in said[0] and f"'{name}'" in said[0])
    # a date of withdrawal on the day of enrolment is not before it; a time before that of enrolment is
    same = found(events, enrolled=["2026-03-02", "2026-03-10T12:00:00"], withdrawn=[None, "2026-03-10"])
    assert same.people["end_day"].tolist()[1] == 0
    with pytest.raises(ResponseDataError, match="lies before enrolment"):
        found(events, enrolled=["2026-03-02", "2026-03-10T12:00:00"], withdrawn=[None, "2026-03-10T11:00:00"])


# Berlin is an hour ahead, two from 29 March 02:00 on: 23:30 UTC of 29 March is 01:30 of day 28 there.
# New York is five behind, four from 8 March 02:00 on: 00:30 UTC of 3 March is 19:30 of day 0.
BERLIN = [["a", 5, 3, 0.416667, 28.104167, 84.0], ["b", 3, 2, 0.541667, 4.583333, 84.0]]
NEW_YORK = [["a", 5, 2, 0.166667, 27.854167, 84.0], ["b", 3, 2, 0.333333, 4.375, 84.0]]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("zone", "rows"), [("Europe/Berlin", BERLIN), ("America/New_York", NEW_YORK)])
def test_days_are_those_of_the_clock_of_the_study(
    reader: str, zone: str, rows: list[list[Any]], tmp_path: Path
) -> None:
    study = {**STUDY, "zone": zone}
    events = READERS[reader](LOG, tmp_path)
    assert counted(found(events, study, enrolled=["2026-03-02", "2026-03-10"])) == rows
    # midnight there, written with its offset, is the date; and so is the moment, on a log with offsets
    local = [pd.Timestamp(day, tz=zone).isoformat() for day in ("2026-03-02", "2026-03-10")]
    exact = found(events, study, enrolled=local)
    assert counted(exact) == rows
    assert not [note for note in exact.notes if "times of day" in note]
    ahead = LOG.assign(
        at=[pd.Timestamp(at, tz="UTC").tz_convert("Asia/Kolkata").isoformat() for at in LOG["at"]]
    )
    shifted = found(ahead, study, enrolled=["2026-03-02", "2026-03-10"])
    assert counted(shifted) == rows
    assert [note for note in shifted.notes if f"days are those of the clock of {zone}" in note]


def test_an_evening_far_west_is_the_day_on_the_clock_of_the_study() -> None:
    """The evening of 1 March in Los Angeles is 2 March in UTC, and the note says by which clock."""
    enrolled = ["2026-03-01T23:30:00-08:00", "2026-03-10T12:00:00+00:00"]
    summary = found(LOG, enrolled=enrolled)
    assert counted(summary) == BY_HAND
    said = [note for note in summary.notes if "times of day" in note]
    assert said[0].startswith("'enrolled' holds times of day (with their offset), put on UTC")


def test_stamps_of_one_log_with_and_without_offsets_are_refused() -> None:
    log = LOG.assign(received=LOG["at"], at=LOG["at"] + "+02:00")
    with pytest.raises(ResponseDataError, match="'at' carry an offset from UTC and those of 'received' none"):
        found(log, enrolled=["2026-03-01", "2026-03-01"])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    st.integers(0, 3 * 365 * 86_400),
)
def test_shifts_are_those_of_the_clock(zone: str, second: int) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    moment = start + timedelta(seconds=second)
    first, at, end = (
        round(t.timestamp()) * 10**6 for t in (start, moment, start + timedelta(days=3 * 365 + 1))
    )
    shift = [ahead for since, ahead in shifts_of(zone, first, end) if since <= at][-1]
    assert timedelta(microseconds=shift) == moment.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_says_what_times_of_day_mean(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through files too an offset of the enrolled is kept, and terminal and report say what it means."""
    data = simulate_study("dta_example", n=60, seed=3)
    data.write(tmp_path)
    start = pd.Timestamp("2026-01-05")
    (tmp_path / "study.yaml").write_text(
        yaml.safe_dump({**data.study, "observed_until": "2026-12-31"}), encoding="utf-8"
    )
    usage = data.usage.assign(at=start + pd.to_timedelta(data.usage["day"], unit="D")).drop(columns="day")
    usage.to_csv(tmp_path / "usage.csv", index=False)
    everyone = data.enrolment[["participant"]].assign(enrolled="2026-01-05T01:00:00+01:00")
    if ending == "parquet":
        everyone["enrolled"] = pd.to_datetime(everyone["enrolled"])
    _file(everyone, tmp_path / f"who.{ending}")
    said = []
    for enrolled in ("2026-01-05T01:00:00+01:00", "2026-01-05T01:00:01+01:00"):
        everyone["enrolled"] = pd.to_datetime(enrolled) if ending == "parquet" else enrolled
        path = _file(everyone, tmp_path / f"who.{ending}")
        given = ["validate", str(tmp_path / "responses.csv"), "--instrument", "dta"]
        given += ["--study", str(tmp_path / "study.yaml"), "--usage", str(tmp_path / "usage.csv")]
        with pytest.raises(SystemExit) as stop:
            dta.main([*given, "--enrolment", str(path), "--topics", "use", "--out", str(tmp_path / "out")])
        assert not stop.value.code
        page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        said.append(("holds times of day" in capsys.readouterr().err, "holds times of day" in page))
    assert said == [(False, False), (True, True)]  # an hour after midnight there is midnight in UTC
