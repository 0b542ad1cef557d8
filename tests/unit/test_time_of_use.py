"""Hours and weekdays of early use are those of the study's clock, and are held constant where use or score ask for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.design.recorded_use import recorded_use
from analysis.usage.course import use_course
from analysis.usage.summarise_usage import summarise_usage
from instrument.study import as_study
from tests.unit.test_usage_reading import STUDY

ZONE = "Europe/Berlin"
N = 25
HOURS = {"night": (0, 6), "morning": (6, 12), "afternoon": (12, 18)}
IDS = [f"P{k:02d}" for k in range(N)]
JOINED = pd.Timestamp("2026-03-20") + pd.to_timedelta(np.arange(N) % 11, unit="D")
PEOPLE = pd.DataFrame({"participant": IDS, "enrolled": JOINED.strftime("%Y-%m-%d")})
PLAN = {**STUDY, "observed_until": "2026-12-01", "zone": ZONE}


def log_of(seed: int) -> pd.DataFrame:
    """Sessions at any second, over the night in which the clocks of the zone change."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(N), rng.poisson(20, N))
    local = JOINED[who] + pd.to_timedelta(np.floor(rng.uniform(0, 60 * 86_400, len(who))), unit="s")
    at = local.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")
    return pd.DataFrame(
        {"participant": np.array(IDS)[who], "at": at, "kind": "session_completed", "duration": 5.0}
    )


def by_hand(log: pd.DataFrame, where: Callable[[pd.Series], pd.Series], landmark: int = 28) -> list[int]:
    local = log["at"].dt.tz_convert(ZONE).dt.tz_localize(None)
    start = log["participant"].map(dict(zip(IDS, JOINED, strict=True)))
    early = (local.dt.normalize() - start).dt.days < landmark
    found = (early & where(local)).groupby(log["participant"]).sum()
    return found.reindex(IDS).fillna(0).astype(int).tolist()


def test_hours_and_weekdays_are_those_of_the_clock_of_the_study() -> None:
    log = log_of(1)
    people = summarise_usage(log, PLAN, participants=PEOPLE).people
    assert people["participant"].tolist() == IDS
    for name, (start, end) in HOURS.items():
        wanted = by_hand(log, lambda at, a=start, b=end: (at.dt.hour >= a) & (at.dt.hour < b))
        assert people[f"{name}_before"].tolist() == wanted
    for day in range(7):
        wanted = by_hand(log, lambda at, k=day: at.dt.day_of_week == k)
        assert people[f"weekday_{day + 1}_before"].tolist() == wanted
    weekdays = [f"weekday_{day + 1}_before" for day in range(7)]
    assert people[weekdays].sum(axis=1).tolist() == people["completed_before"].tolist()
    course = use_course(log, as_study(PLAN), [28, 35], longest=7.0, participants=PEOPLE)
    columns = [*weekdays, *(f"{name}_before" for name in HOURS)]
    pd.testing.assert_frame_equal(course.at[28].people[columns], people[columns])
    later = course.at[35].people
    assert later["night_before"].tolist() == by_hand(log, lambda at: at.dt.hour < 6, 35)


def test_where_no_day_of_enrolment_is_known_there_are_no_weekdays() -> None:
    log = pd.DataFrame({"participant": "a", "day": [0.1, 0.3, 8.6, 8.9, 40.0], "kind": "session_completed"})
    row = summarise_usage(log, {**STUDY, "observed_until": None}).people.iloc[0]
    assert not any(name.startswith("weekday") for name in row.index)
    assert [row[f"{name}_before"] for name in HOURS] == [1, 1, 1]


@pytest.mark.parametrize("name", ["night_before", "weekday_6_before"])
def test_when_people_use_an_app_is_held_constant_where_later_use_goes_with_it(name: str) -> None:
    rng = np.random.default_rng(4)
    n = 300
    count = 2.0 + rng.poisson(6, n)
    part = np.round(count * rng.beta(1, 1, n))
    frame = pd.DataFrame({"use_before": count, name: part})
    later = 1.5 * part / count + rng.standard_normal(n)
    line, everyone = np.log1p(count)[:, None], np.ones(n, dtype=bool)
    found = recorded_use(frame, everyone, line, [later])
    assert list(found) == [f"{name}, share"]
    assert np.array_equal(found[f"{name}, share"], part / count)
    assert recorded_use(frame.drop(columns="use_before"), everyone, line, [later]) == {}
    assert not recorded_use(frame, everyone, line, [rng.standard_normal(n)])
