"""Logs of days without a time, and events at the very moment at which a day, a watch or a stay ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import summarise_usage
from tests.unit.test_usage_by_hand import STUDY, log_of


@pytest.mark.parametrize("column", ["withdrawn", "observed_until", "study"])
def test_of_a_log_of_days_nothing_counts_from_the_day_of_leaving_on_and_none_after_the_last_day_watched(
    column: str,
) -> None:
    """The day of withdrawal counted, and the day after the last one watched, where the log holds days alone."""
    days = ["2026-01-05", "2026-01-19", "2026-01-20", "2026-01-21", "2026-01-22"]
    events = pd.DataFrame({"participant": "a", "at": days, "kind": "tap", "duration": 0.0})
    people = pd.DataFrame({"participant": ["a"], "enrolled": ["2026-01-01"]})
    study = STUDY | {"observed_until": "2026-01-20"} if column == "study" else STUDY
    people = people if column == "study" else people.assign(**{column: "2026-01-20"})
    seen = summarise_usage(events, study, participants=people, reading=LogReading(most_set_aside=1.0))
    counted, end = (2, 19) if column == "withdrawn" else (3, 20)
    row = seen.people.iloc[0]
    assert (row["events_whole"], row["end_day"], row["last_use_day"]) == (counted, end, end - 1)
    name = "after_withdrawal" if column == "withdrawn" else "after_observation"
    assert seen.counts[name] == 5 - counted


DAYS = ["2026-01-01", "2026-01-05", "2026-01-31"]


@pytest.mark.parametrize(
    ("at", "dates"),
    [
        (DAYS, None),
        ([f"{day[8:]}.{day[5:7]}.{day[:4]}" for day in DAYS], "D.M.Y"),
        ([day.replace("-", "/") for day in DAYS], "Y/M/D"),
        ([day.replace("-", "") for day in DAYS], "YMD"),
        (pd.to_datetime(DAYS).date, None),
        (pd.to_datetime(DAYS), None),
        ([46023, 46027, 46053], "excel"),
        (["46023", "46027.0", "46053"], "excel"),
    ],
)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_a_day_without_a_time_is_that_day_on_whatever_clock(at: Any, dates: str | None, zone: str) -> None:
    """West of Greenwich a log of days alone lay a day too early, its first day "before enrolment"."""
    events = pd.DataFrame({"participant": "a", "at": at, "kind": "tap"})
    people = pd.DataFrame({"participant": ["a"], "enrolled": DAYS[:1], "withdrawn": DAYS[2:]})
    people = people if dates is None else people.assign(enrolled=at[0], withdrawn=at[2])
    how = LogReading(dates=dates, most_set_aside=1.0)
    seen = summarise_usage(events, STUDY | {"zone": zone}, participants=people, reading=how)
    assert (seen.counts["before_enrolment"], seen.counts["after_withdrawal"]) == (0, 1)
    row = seen.people.iloc[0]
    assert (row["first_use_whole"], row["last_use_whole"], row["events_whole"]) == (0, 4, 2)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (["2026-01-02T03:00:00", "2026-01-06"], [0 + 22 / 24, 5.0]),  # a text that says both
        (["2026-01-02T00:00:00Z", "2026-01-06T00:00:00Z"], [0 + 19 / 24, 4 + 19 / 24]),
        (pd.to_datetime(["2026-01-02T00:00:00Z", "2026-01-06T00:00:00Z"]), [0 + 19 / 24, 4 + 19 / 24]),
        (pd.to_datetime(["2026-01-02T03:00:00", "2026-01-06T00:00:00"]), [0 + 22 / 24, 4 + 19 / 24]),
        (
            pd.Series([pd.Timestamp(f"2026-01-0{k}", tz="UTC") for k in (2, 6)], dtype=object),
            [0 + 19 / 24, 4 + 19 / 24],
        ),
        (pd.Series([pd.Timestamp(f"2026-01-0{k}") for k in (2, 6)], dtype=object), [1.0, 5.0]),
        ([46024.125, 46028.0], [0 + 22 / 24, 5.0]),
        ([1767322800, 1767657600], [0 + 22 / 24, 4 + 19 / 24]),
    ],
)
def test_stamps_with_a_time_are_put_on_the_clock(at: Any, day: list[float]) -> None:
    """New York, five hours behind: of stamps that an engine holds a midnight is a day only where all are."""
    events = pd.DataFrame({"participant": ["a", "b"], "at": at, "kind": "tap"})
    excel = isinstance(at, list) and isinstance(at[0], float)
    enrolled: Any = 46023 if excel else "2026-01-01"
    people = pd.DataFrame({"participant": ["a", "b"], "enrolled": enrolled})
    how = LogReading(dates="excel") if excel else None
    if isinstance(at, list) and isinstance(at[0], int):
        people["enrolled"] = 1767225600
    seen = summarise_usage(
        events, STUDY | {"zone": "America/New_York"}, participants=people, reading=how
    ).people
    np.testing.assert_allclose(seen["first_use_whole"], day, atol=1e-9)


def test_days_alone_are_neither_before_an_hour_of_enrolment_nor_after_the_day_they_came() -> None:
    """An event of a day alone lay "before enrolment" at ten that day; one that came that day was "skewed"."""
    people = pd.DataFrame({"participant": ["a"], "enrolled": ["2026-01-01T10:00:00"]})
    events = pd.DataFrame({"participant": "a", "at": ["2026-01-01", "2026-01-02"], "kind": "tap"})
    seen = summarise_usage(events, STUDY, participants=people)
    assert seen.counts["before_enrolment"] == 0 and seen.people["events_whole"].item() == 2
    events["at"] = ["2026-01-01T09:59:00", "2026-01-02T23:00:00"]
    events["received"] = ["2026-01-01", "2026-01-02"]
    seen = summarise_usage(events, STUDY, participants=people)
    assert (seen.counts["before_enrolment"], seen.counts["skewed"]) == (1, 0)
    assert seen.people["first_use_whole"].item() == pytest.approx(1 + 23 / 24)
    events["received"] = ["2026-01-01", "2026-01-01"]
    assert summarise_usage(events, STUDY, participants=people).counts["skewed"] == 1
    events["received"] = ["2026-01-01T10:00:00", "2026-01-02T22:54:00"]
    assert summarise_usage(events, STUDY, participants=people).counts["skewed"] == 1


@pytest.mark.parametrize("column", ["withdrawn_day", "observed_until_day"])
@pytest.mark.parametrize(("end", "counted"), [(10.0, 1), (10.25, 2), (9.75, 1), (11.0, 3)])
def test_a_day_begins_with_its_midnight_and_a_time_of_day_still_counts(
    column: str, end: float, counted: int
) -> None:
    events = log_of({"a": [(3.0, "tap", 0), (10.25, "tap", 0), (10.75, "tap", 0), (11.0, "tap", 0)]})
    if end == 10.0:
        events.loc[1, "day"] = 10.0
    people = pd.DataFrame({"participant": ["a"], "enrolled_day": [0.0], column: [end]})
    seen = summarise_usage(events, STUDY, participants=people, reading=LogReading(most_set_aside=1.0))
    assert seen.people["events_whole"].item() == counted


def test_of_people_watched_up_to_a_day_none_uses_the_app_on_it() -> None:
    """Two of one person used it: 200 % of those watched."""
    events = log_of({"a": [(1.0, "tap", 0), (30.0, "tap", 0)], "b": [(30.0, "tap", 0)]})
    people = pd.DataFrame(
        {"participant": ["a", "b"], "enrolled_day": 0.0, "observed_until_day": [30.0, 84.0]}
    )
    seen = summarise_usage(events, STUDY, participants=people, retention_days=(1, 30))
    assert seen.retention["n"].tolist() == [2, 1] and seen.retention["on_day"].tolist() == [0.5, 1.0]
