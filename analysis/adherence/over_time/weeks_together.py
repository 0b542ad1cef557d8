"""Weekly use and leaving after the landmark, from the counts at landmarks a week apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.adherence.design.landmark import LandmarkDesign
from analysis.adherence.over_time.joint_model import JointResult, joint_model
from analysis.adherence.over_time.pauses import borne
from analysis.usage.course import UseCourse
from instrument.errors import NotEstimableError, ToolkitError, fact_and_hint
from instrument.reading.people import labels_as_text

WEEK, CALLER = 7, "use_course"
USE, TIME = "active days of the week", "week"


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Joint models, one for each score that stood up to it, and why others did not.

    `left_out`: columns of adjustment that those who fell silent do not bear. `weeks`: after the landmark.
    """

    made: dict[str, JointResult]
    failed: list[tuple[str, str]]
    left_out: list[str]
    weeks: int


def weekly_use(course: UseCourse, design: LandmarkDesign, study_days: float) -> pd.DataFrame:
    """Give active days of each whole week watched after the landmark.

    Parameters
    ----------
    course
        Summaries at landmarks a week apart, that of the design among them.
    design
        People with score and adjustment; those who had left at the landmark are not in the weeks.
    study_days
        Days that anybody is watched at most.

    Returns
    -------
    DataFrame
        participant, week (from 1), active days of the week, then the columns of the design.
    """
    day = int(design.day)
    edges = [day]
    while edges[-1] + WEEK in course.at:
        edges.append(edges[-1] + WEEK)
    at = {edge: course.at[edge].people.set_index("participant") for edge in edges}
    people = design.frame[design.frame["at_risk"].astype(bool)]
    who = labels_as_text(people["participant"]).to_numpy()
    for edge in edges:
        at[edge].index = at[edge].index.astype(str)
    so_far = [at[edge]["active_days_before"].reindex(who).to_numpy(dtype=float) for edge in edges]
    if edges[-1] + WEEK == study_days:
        so_far.append(so_far[-1] + at[edges[-1]]["active_days_after"].reindex(who).to_numpy(dtype=float))
    if len(so_far) < 2:
        fact = "no whole week lies after the landmark."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "choose an earlier landmark."))
    counts = np.diff(np.column_stack(so_far), axis=1)
    watched = np.floor((people["end_day"].to_numpy(dtype=float) - day) / WEEK).astype(int)
    watched = np.clip(watched, 0, counts.shape[1])
    row = np.repeat(np.arange(len(people)), watched)
    week = np.arange(len(row)) - np.repeat(np.cumsum(watched) - watched, watched)
    rows = people.iloc[row].reset_index(drop=True)
    return rows.assign(**{TIME: week + 1, USE: counts[row, week]})


def together(
    course: UseCourse,
    design: LandmarkDesign,
    predictors: Sequence[str],
    study_days: float,
    *,
    confidence: float = 0.95,
) -> Together:
    """Model weekly use and leaving hidden in silence, one score at a time.

    Parameters
    ----------
    course, design, study_days
        As for `weekly_use`.
    predictors
        Scores.
    confidence
        Level of the intervals.

    Returns
    -------
    Together
        Nothing in it is ever called supported.

    Raises
    ------
    NotEstimableError
        Nobody was using the app at the landmark.
    """
    rows = weekly_use(course, design, study_days)
    totals = rows.groupby("participant", sort=False)[USE].sum()
    last = rows[rows[USE] > 0].groupby("participant")[TIME].max().reindex(totals.index).fillna(0)
    weeks = rows.groupby("participant", sort=False).size()
    silent = int((last < weeks).sum())
    people = rows.drop_duplicates("participant")
    if people.empty:
        fact = "nobody of those who can be analysed was using the app at the landmark."
        raise NotEstimableError(fact_and_hint("use_course", fact, "see use day by day."))
    kept = borne(people, design, predictors, min(silent, len(weeks) - silent))
    made: dict[str, JointResult] = {}
    failed = []
    for name in predictors:
        try:
            made[name] = joint_model(
                rows,
                use=USE,
                predictors=[name],
                adjust_for=kept,
                time=TIME,
                numbers=kept,
                cluster=design.cluster,
                confidence=confidence,
            )
        except ToolkitError as error:
            failed.append((name, str(error).split("\n")[0].split(": ", 1)[-1]))
    if not made:
        raise NotEstimableError(failed[0][1] if failed else "no score was given.")
    return Together(
        made=made,
        failed=failed,
        left_out=[name for name in design.adjusters if name not in kept],
        weeks=int(rows[TIME].max()),
    )
