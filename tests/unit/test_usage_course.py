"""One reading of a log for many landmarks gives what a reading for each would, and the pauses in it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import summarise_usage
from analysis.adherence.over_time.pauses import stretches_away
from analysis.usage.course import UseCourse, use_course
from instrument.errors import DefinitionError
from instrument.study import as_study, make_study
from tests.recovery.held_populations import base_study

DAYS, LONGEST = (28, 35, 63), 7.0


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Whole days, copies, events sent twice, too early, too late, of strangers and of those who withdrew."""
    rng = np.random.default_rng(11)
    who = rng.integers(0, 40, 900)
    day = np.where(rng.random(900) < 0.4, rng.integers(0, 84, 900), rng.uniform(-2, 90, 900).round(3))
    kind = rng.choice(["session_completed", "login", "tap", "read"], 900)
    made = pd.DataFrame(
        {"participant": who, "day": day, "kind": kind, "duration": rng.choice([0.0, 12.5], 900)}
    )
    twins = made.iloc[:30].assign(day=lambda t: t["day"] + 1e-5)
    return pd.concat([made, made.iloc[:50], twins], ignore_index=True)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    gone = np.where(rng.random(38) < 0.3, rng.integers(5, 80, 38), np.nan)
    seen = np.where(rng.random(38) < 0.3, rng.uniform(20, 84, 38).round(2), 84.0)
    return pd.DataFrame({"participant": range(38), "withdrawn_day": gone, "observed_until_day": seen})


@pytest.fixture(scope="module")
def course(log: pd.DataFrame, people: pd.DataFrame) -> UseCourse:
    return use_course(log, as_study(base_study()), DAYS, longest=LONGEST, participants=people)


@pytest.mark.parametrize("day", DAYS)
def test_each_landmark_is_the_summary_made_for_it(
    course: UseCourse, log: pd.DataFrame, people: pd.DataFrame, day: int
) -> None:
    alone = summarise_usage(log, base_study(landmark={"wave": 1, "day": day}), participants=people)
    pd.testing.assert_frame_equal(course.at[day].people, alone.people)
    assert course.at[day].rule == alone.rule
    assert course.at[day].counts == alone.counts
    assert course.at[day].notes == alone.notes


def by_hand(log: pd.DataFrame, people: pd.DataFrame) -> list[tuple[str, float, float]]:
    ends = people.set_index("participant")
    found = []
    for who, mine in log.groupby("participant"):
        if who not in ends.index:
            continue
        last = min(x for x in (ends.loc[who, "withdrawn_day"], ends.loc[who, "observed_until_day"]) if x == x)
        days = sorted(day for day in mine["day"] if 0 <= day < 84 and day <= last)
        found += [(str(who), a, b) for a, b in pairwise(days) if b - a > LONGEST]
    return sorted(found)


def test_pauses_are_those_counted_by_hand(course: UseCourse, log: pd.DataFrame, people: pd.DataFrame) -> None:
    found = [tuple(row) for row in course.pauses.itertuples(index=False)]
    expected = by_hand(log, people)
    assert len(expected) > 60
    assert sorted(found) == expected


def ledger(**changes: Any) -> pd.DataFrame:
    row = {"participant": ["a"], "last_use": [20.0], "back": [40.0], **changes}
    return pd.DataFrame(row)


def last(use: float, end: float = 84.0) -> pd.DataFrame:
    return pd.DataFrame({"participant": ["a"], "last_use_whole": [use], "end_day": [end]})


@pytest.mark.parametrize(
    ("pauses", "people", "expected"),
    [
        # away at the landmark: counted from it; the last silence ends with the watch
        (ledger(), last(60.0), [(28.0, 40.0, 1.0), (67.0, 84.0, 0.0)]),
        # back before the landmark: no stretch
        (ledger(back=[28.0]), last(80.0), []),
        (ledger(last_use=[30.0], back=[38.5]), last(38.5, 45.0), [(37.0, 38.5, 1.0)]),
        # withdrew on the day on which the pause would begin
        (ledger(back=[27.0]), last(50.0, 57.0), []),
        # never came: nobody can come back
        (ledger().iloc[:0], last(float("nan")), []),
    ],
)
def test_stretches_of_a_hand_made_ledger(
    pauses: pd.DataFrame, people: pd.DataFrame, expected: list[tuple[float, float, float]]
) -> None:
    away = stretches_away(pauses, people, longest=7, landmark=28)
    assert [tuple(row[1:]) for row in away.itertuples(index=False)] == expected


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 83.9), min_size=1, max_size=12, unique=True),
    st.floats(1, 30),
    st.integers(1, 80),
)
def test_a_day_is_in_a_stretch_exactly_where_somebody_had_been_silent_for_long(
    uses: list[float], longest: float, landmark: int
) -> None:
    days = sorted(uses)
    apart = [(a, b) for a, b in pairwise(days) if b - a > longest]
    pauses = pd.DataFrame(apart, columns=["last_use", "back"]).assign(participant="a")
    away = stretches_away(pauses, last(days[-1]), longest=longest, landmark=landmark)
    for moment in np.linspace(landmark + 0.013, 83.98, 41):
        before = [day for day in days if day < moment]
        silent = bool(before) and moment - before[-1] > longest
        inside = ((away["away_from"] < moment) & (moment <= away["away_to"])).any()
        assert inside == silent


def test_a_pause_as_long_as_the_study_is_refused_and_the_key_is_not_needed() -> None:
    with pytest.raises(DefinitionError, match="pause_days: is as long as the study"):
        make_study(base_study(pause_days=84), "study.yaml")
    plain, said = as_study(base_study()), as_study(base_study(pause_days=5))
    assert plain.longest_without_pause == plain.gap_days == 14
    assert said.longest_without_pause == 5
    assert "pause_days" not in plain.to_json() and '"pause_days": 5' in said.to_json()


def test_what_lies_exactly_a_gap_apart_is_told_as_that_at_every_time_of_day() -> None:
    """Half an hour is not more than half an hour, and fourteen days are fourteen, whatever fractions say of it."""
    minutes = np.arange(0, 1440, 5)
    who = [f"p{k:04d}" for k in minutes]
    begun = pd.Timestamp("2026-03-02") + pd.to_timedelta(minutes, unit="min")
    after = ("0min", "37min", "20D", "34D")  # half an hour after the end of the first, and fourteen days
    log = pd.concat(
        pd.DataFrame({"participant": who, "at": begun + pd.Timedelta(time), "kind": "tap", "duration": 7.0})
        for time in after
    )
    people = pd.DataFrame({"participant": who, "enrolled": "2026-03-02"})
    study = as_study(base_study(observed_until="2026-12-31"))
    course = use_course(log, study, (28,), longest=14.0, participants=people)
    found = course.at[28].people
    assert found["sessions_before"].tolist() == [2] * len(who)
    np.testing.assert_allclose(found["disengaged_after"], 6 + minutes / 1440, atol=1e-9)
    assert course.pauses["back"].lt(21).all() and len(course.pauses) == len(who)
