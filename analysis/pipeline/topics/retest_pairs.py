"""How the scores of the two occasions of a retest go together: people counted by both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.disclosure.kinds import GIVEN, PERSON, TEXT, each
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table
from analysis.pipeline.topics.scores_spread import ends_of, places, step_of

PLACES = (7, 9)
"""Places between the two ends of a score: few enough that a cell holds people, not a person."""


def edges_of(context: Context, name: str) -> np.ndarray:
    """Edges of the places of a score."""
    low, high = ends_of(context, name)
    return places(low, high, step_of(context, name, low, high), PLACES)


def pairs_table(
    context: Context, before: pd.DataFrame, after: pd.DataFrame, names: Sequence[str]
) -> Table | None:
    """Count the stable by their score at the first and at the second occasion.

    Parameters
    ----------
    context
        Of the validation.
    before, after : shape (n_people, n_scores)
        Scores of the same people at the two occasions.
    names
        Scores that are told.

    Returns
    -------
    Table or None
        A row for each pair of places in which somebody stands; None where nobody has both scores. It is not
        shared: a cell may hold one person.
    """
    rows: list[dict[str, Any]] = []
    for name in names:
        both = pd.DataFrame({"first": before[name], "second": after[name]}).dropna()
        if both.empty:
            continue
        edges = edges_of(context, name)
        middles = (edges[:-1] + edges[1:]) / 2
        counts, _, _ = np.histogram2d(both["first"], both["second"], bins=[edges, edges])
        rows += [
            {
                "score": name,
                "title": context.title_of(name),
                "first": float(middles[one]),
                "second": float(middles[two]),
                "people": int(counts[one, two]),
                "share": float(counts[one, two] / len(both)),
            }
            for one, two in zip(*np.nonzero(counts), strict=True)
        ]
    if not rows:
        return None
    return Table(
        frame=pd.DataFrame(rows),
        kinds={**each(TEXT, "score title"), **each(GIVEN, "first second"), **each(PERSON, "people share")},
        title="Scores of the two occasions, people counted by both",
        columns={
            "title": ("Score", "text"),
            "first": ("First, about", "d2"),
            "second": ("Second, about", "d2"),
            "people": ("People", "int"),
            "share": ("Share", "percent"),
        },
        note="Scores in places of equal width, told by their middle; the first and the last place hold the "
        "lowest and the highest score alone.",
    )
