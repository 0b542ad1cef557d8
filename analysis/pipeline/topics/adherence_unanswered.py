"""What the section on later use says of people without a score, had they rated otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.section import Table
from analysis.pipeline.topics.adherence_measured import Part

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

WHAT = (
    "What people still watched without a score would have said is not known. Had they rated up to one "
    "standard deviation lower or higher than people alike who answered, the effect of {unanswered_of} would "
    "lie between {unanswered_low:d2} and {unanswered_high:d2} units, and its interval would "
)
ALWAYS = "exclude zero wherever they stand."
NEVER = "include zero wherever they stand."
SOMETIMES = (
    "exclude zero for some of these and include it for others: the answer depends on what nobody said."
)
SIDES = "lie on either side of zero: the answer depends on what nobody said."


def unanswered_of(found: AdherenceResult, first: str, titles: Mapping[str, str]) -> Part:
    """Say within which limits the first effect lies, and show the shifts of every score."""
    if not len(found.unanswered):
        return Part()
    mine = found.unanswered[found.unanswered["predictor"] == first]
    tables = {"unanswered": _table(found, titles)}
    if not len(mine):
        return Part(tables=tables)
    values: dict[str, Any] = {
        "unanswered_of": titles[first],
        "unanswered_low": float(mine["effect"].min()),
        "unanswered_high": float(mine["effect"].max()),
    }
    kinds = {**each(TEXT, "unanswered_of"), **each(statistic(), "unanswered_low unanswered_high")}
    return Part(sentences=[WHAT + _verdict(mine)], values=values, kinds=kinds, tables=tables)


def _verdict(rows: pd.DataFrame) -> str:
    above, below = rows["effect_lower"] > 0, rows["effect_upper"] < 0
    if above.all() or below.all():
        return ALWAYS
    if above.any() and below.any():
        return SIDES
    return SOMETIMES if above.any() or below.any() else NEVER


def _table(found: AdherenceResult, titles: Mapping[str, str]) -> Table:
    frame = found.unanswered.drop(columns="imputed")
    frame = frame.assign(title=frame["predictor"].map(titles))
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "predictor title"),
            "shift": GIVEN,
            "n": people(weight=1),
            **each(statistic("n"), "effect effect_lower effect_upper pvalue"),
        },
        title="Had people without a score rated otherwise than people alike",
        columns={
            "title": ("Score", "text"),
            "shift": ("Shift, SD", "d1"),
            "n": ("n", "int"),
            "effect": ("In units", "d2"),
            "effect_lower": ("95% from", "d2"),
            "effect_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
        },
        note="Everyone still watched; scores that are missing are imputed 20 times, shifted and pooled. No "
        "data tell the shift; at 0 people without a score are taken to rate as people alike do.",
    )
