"""Days of answers follow from moments and dates of enrolment, by the clock of the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.commands.reading import SideReading, read_side_table
from analysis.pipeline.context import Context, build_context
from analysis.pipeline.in_time import card_in_time, days_of
from instrument.definition import Instrument
from instrument.study import make_study
from instrument.study_data import StudyData

PEOPLE = ["p001", "p002", "p003", "p004", "p005"]
ENROLLED = ["2028-01-31", "2028-02-01", "2028-02-28", "2028-03-01", None]
AT = [  # by the clock of Berlin, an hour or two ahead of UTC
    "2028-02-28T22:59:59Z",  # still Feb 28: day 28, when the landmark's answers are in time
    "2028-02-29T23:30:00Z",  # Mar 1 there: 29 days from Feb 1, the leap day among them
    "2028-03-26T22:30:00Z",  # 00:30 on Mar 27, the night after clocks went forward
    "2028-02-29T23:00:00Z",  # midnight of Mar 1, the day of enrolment
    "2028-03-01T12:00:00Z",
]
DAYS = [28.0, 29.0, 28.0, 0.0, None]


def context_of(
    answers: pd.DataFrame, scale: Instrument, study: dict[str, Any], times: pd.DataFrame, zone: str
) -> Context:
    plan = make_study({**study, "zone": zone, "landmark": {"wave": 1, "day": 28}})
    enrolment = pd.DataFrame({"participant": PEOPLE, "enrolled": ENROLLED})
    mine = answers[answers["participant"].isin(PEOPLE) & (answers["wave"] == 1)]
    data = StudyData(responses=mine, scale=scale, study=plan, times=times, enrolment=enrolment)
    return build_context(data, seed=1)


@pytest.mark.parametrize("source", ["texts", "stamps", "offsets", "file"])
def test_a_rating_after_the_landmark_is_late_by_the_clock_of_the_study(
    source: str, answers: pd.DataFrame, scale: Instrument, study: dict[str, Any], tmp_path: Path
) -> None:
    """Moments and dates of enrolment were given, and late ratings entered as if their days were not known."""
    times = pd.DataFrame({"participant": PEOPLE, "wave": 1, "at": AT})
    if source == "stamps":
        times["at"] = pd.to_datetime(times["at"])
    if source in ("offsets", "file"):
        stamps = pd.to_datetime(times["at"]).dt.tz_convert("America/New_York")
        times["at"] = [stamp.isoformat() for stamp in stamps]
    if source == "file":
        times.to_csv(tmp_path / "times.csv", index=False)
        times = read_side_table(tmp_path / "times.csv", "times", ("participant", "wave"), SideReading())
    context = context_of(answers, scale, study, times, "Europe/Berlin")
    days = days_of(context)
    assert days is not None
    assert [None if pd.isna(day) else day for day in days["day"]] == DAYS
    assert card_in_time(context).scores["participant"].tolist() == ["p001", "p003", "p004", "p005"]


def test_days_by_another_clock_and_those_that_are_given(
    answers: pd.DataFrame, scale: Instrument, study: dict[str, Any]
) -> None:
    times = pd.DataFrame({"participant": PEOPLE, "wave": 1, "at": AT})
    days = days_of(context_of(answers, scale, study, times, "UTC"))
    assert days is not None and days["day"].tolist()[:4] == [28, 28, 27, -1]
    given = times.assign(day=[1, 2, 3, 4, 5])
    told = days_of(context_of(answers, scale, study, given, "UTC"))
    assert told is not None and told["day"].tolist() == [1, 2, 3, 4, 5]
    dates = times.assign(at=[text[:10] for text in AT])
    east = days_of(context_of(answers, scale, study, dates, "Pacific/Auckland"))
    assert east is not None and east["day"].tolist()[:4] == [28, 28, 27, -1]  # a date is that day anywhere
    alone = context_of(answers, scale, study, times, "UTC")
    alone.enrolment = None
    assert days_of(alone) is None
