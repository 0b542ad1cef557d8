"""Weekly use and leaving in one model: what is said of it, and its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.adherence.claims.claims import Claim
from analysis.adherence.over_time.joint_model import CLUMPED
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline import populations
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Table
from analysis.pipeline.topics.adherence_measured import Part

if TYPE_CHECKING:
    from analysis.adherence.over_time.joint_model import JointResult
    from analysis.adherence.over_time.weeks_together import Together

WIDEST = 1000.0  # ends of an interval of a ratio: wider, and it says nothing
WHAT = (
    "Weeks after somebody has left say nothing of how the app was used while people were there, and a "
    "silence may be a pause or the end. So use of the {joint_weeks:int} weeks after day {joint_from:int} "
    "(active days) and leaving were put into one model, for {joint_people:int} people who still used the "
    "app then: leaving is not seen but read off silence ({joint_silent:int} had no use in their last week)."
)
BOTH = (
    "While people are there, one standard deviation more of {joint_title} goes with {joint_use:d2} times the "
    "weekly use (95% interval {joint_use_lower:d2} to {joint_use_upper:d2}): {joint_use_claim}. It goes with "
    "{joint_leave:d2} times the rate of leaving ({joint_leave_lower:d2} to {joint_leave_upper:d2}): "
    "{joint_leave_claim}."
)
TIED = (
    "Whoever uses the app twice as often as what is held constant tells leaves at {joint_tie:d2} "
    "times the rate "
    "({joint_tie_lower:d2} to {joint_tie_upper:d2})."
)
ALONE = (
    "People differ in weekly use no more than chance and what is held constant say: nothing unseen "
    "ties use to "
    "leaving here, and both parts stand alone."
)
LOOSE = (
    "How unseen differences between people tie use to leaving cannot be told: in weekly use they differ "
    "little beyond what is held constant."
)
UNEVEN = (
    "A person's use varies {joint_dispersion:d1} times as much from week to week as the model "
    "supposes, so that "
    "it reads a silence as leaving too often or too seldom: nothing can be told of either."
)
MEANT = (
    "Neither says that the score is the reason: one lasting habit behind rating and use would do the same."
)


def together_part(found: Together, titles: Mapping[str, str], day: int) -> Part:
    """Sentences on the first score, the table of all, and what could not be estimated.

    Parameters
    ----------
    found
        Joint models by score.
    titles
        Titles of the scores.
    day
        The landmark.

    Returns
    -------
    Part
        For the section on use over the course of the study.
    """
    first = next(iter(titles))
    said, values = told(found, first, titles, day) if first in found.made else ([], {})
    numbers = [name for name in values if name.startswith(("joint_use", "joint_leave", "joint_tie"))]
    kinds = {
        **each(GIVEN, "joint_weeks joint_from"),
        **each(TEXT, "joint_title joint_use_claim joint_leave_claim"),
        "joint_people": people(weight=3, names=[populations.label(populations.step("together"))]),
        "joint_silent": people("joint_people"),
        "joint_dispersion": statistic("joint_people"),
        **{name: statistic("joint_people", "joint_silent") for name in numbers if not name.endswith("claim")},
    }
    return Part(
        sentences=said,
        values=values,
        kinds={key: kinds[key] for key in values},
        tables={"together": _table(found.made, titles)},
        problems=by_reason([(f"use and leaving, {titles[name]}", reason) for name, reason in found.failed]),
    )


def told(found: Together, name: str, titles: Mapping[str, str], day: int) -> tuple[list[str], dict[str, Any]]:
    """Say what one model tells, and give the values in the sentences."""
    made = found.made[name]
    rows = made.effects[made.effects["term"] == name].set_index("part").to_dict("index")
    values: dict[str, Any] = {
        "joint_weeks": found.weeks,
        "joint_from": day,
        "joint_people": made.n_people,
        "joint_silent": made.n_left,
        "joint_title": titles[name],
    }
    for part, key in (("use", "joint_use"), ("leaving", "joint_leave")):
        values |= {
            key: float(rows[part]["ratio"]),
            f"{key}_lower": float(rows[part]["ci_lower"]),
            f"{key}_upper": float(rows[part]["ci_upper"]),
            f"{key}_claim": str(rows[part]["claim"]),
        }
    said = [WHAT, BOTH]
    tie = made.shared.iloc[0]
    if pd.isna(tie["ratio"]):
        said.append(ALONE)
    elif not float(tie["ci_upper"]) < WIDEST * float(tie["ci_lower"]):
        said.append(LOOSE)
    else:
        said.append(TIED)
        ends = {"": "ratio", "_lower": "ci_lower", "_upper": "ci_upper"}
        values |= {f"joint_tie{end}": float(tie[column]) for end, column in ends.items()}
    if not 1 / CLUMPED <= made.dispersion <= CLUMPED:
        said.append(UNEVEN)
        values["joint_dispersion"] = made.dispersion
    if any(rows[part]["claim"] == str(Claim.UNTOLD) for part in rows):
        said.append(MEANT)
    return said, values


def _table(made: Mapping[str, JointResult], titles: Mapping[str, str]) -> Table:
    parts = []
    for name, one in made.items():
        mine = one.effects[one.effects["term"] == name].drop(columns="term")
        mine.insert(0, "title", titles[name])
        mine.insert(0, "predictor", name)
        mine["n_people"], mine["n_left"] = one.n_people, one.n_left
        parts.append(mine)
    return Table(
        frame=pd.concat(parts, ignore_index=True),
        kinds={
            **each(TEXT, "predictor title part claim"),
            "n_people": people(weight=1),
            "n_left": people("n_people"),
            **each(
                statistic("n_people", "n_left"), "coefficient se se_model ratio ci_lower ci_upper df pvalue"
            ),
        },
        title="Weekly use and leaving in one model, one standard deviation more of a score",
        columns={
            "title": ("Score", "text"),
            "part": ("Part", "text"),
            "ratio": ("Ratio", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
            "claim": ("Claim", "text"),
        },
        note="Ratios of weekly use while people are there, and of the rate of leaving, of people with one "
        "and the same unseen propensity; errors by person. Never called supported.",
    )
