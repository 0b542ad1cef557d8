"""How many people have which score: whole groups of the scores that answers can add up to."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from analysis.disclosure.kinds import GIVEN, PERSON, TEXT, each
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table

MOST_BINS, FEWEST_BINS = 12, 7
"""Places between the two ends of a score."""


def places(
    lowest: float,
    highest: float,
    step: float | None,
    between_ends: tuple[int, int] = (FEWEST_BINS, MOST_BINS),
) -> np.ndarray:
    """Give the edges of the places by which scores are counted.

    Parameters
    ----------
    lowest, highest
        Ends of the score.
    step
        Between two scores that complete answers can add up to; None where they lie densely.
    between_ends
        Fewest and most places between the two ends.

    Returns
    -------
    numpy.ndarray, shape (n_places + 1,)
        The first place holds the lowest score alone and the last the highest; those between hold equally many
        possible scores, but perhaps the last of them. Edges lie halfway between possible scores.

    Examples
    --------
    >>> places(1.0, 4.0, 1.0).tolist()
    [0.5, 1.5, 2.5, 3.5, 4.5]
    >>> len(places(1.0, 5.0, 4 / 52)) - 1
    11
    """
    if step is None:
        step = (highest - lowest) / 120
    between = round((highest - lowest) / step) - 1
    fewest, most = between_ends
    widths = [w for w in range(1, between + 1) if fewest <= ceil(between / w) <= most]
    width = min(widths, key=lambda w: (-between % w / w, w)) if widths else 1
    inner = [lowest + step * (0.5 + min(k, between)) for k in range(0, between + width, width)]
    return np.unique(np.array([lowest - step / 2, *inner, highest + step / 2]).round(9))


def step_of(context: Context, name: str, lowest: float, highest: float) -> float | None:
    """Give the distance of two neighbouring scores that complete answers add up to; None for a total."""
    if name == "total":
        return None
    items = context.themes[name]
    options = {context.scale.scale_of(item).n_options for item in items}
    if len(options) > 1:
        return None
    return (highest - lowest) / (len(items) * (options.pop() - 1))


def ends_of(context: Context, name: str) -> tuple[float, float]:
    """Give the lowest and the highest value that a score can have."""
    if context.rescale:
        return 0.0, 100.0
    items = context.total_items if name == "total" else context.themes[name]
    scale = context.scale.scale_of(items[0])
    times = len(items) if context.card.rule.method == "sum" and name != "total" else 1
    return float(scale.minimum * times), float(scale.maximum * times)


def spread_table(context: Context, first: pd.DataFrame) -> Table | None:
    """Count people by score at the first wave.

    Parameters
    ----------
    context
        Of the validation.
    first
        Rows of the table of scores at the first wave.

    Returns
    -------
    Table or None
        A row for each place of each score. It is not shared: with the mean beside it, few could be told.
    """
    rows: list[dict[str, Any]] = []
    for name, title, low, high in first[["score", "title", "lowest_possible", "highest_possible"]].itertuples(
        index=False
    ):
        scores = context.scores_at(context.first_wave)[name].dropna().to_numpy(dtype=float)
        if not len(scores):
            continue
        edges = places(low, high, step_of(context, name, low, high))
        counts, _ = np.histogram(scores, bins=edges)
        rows += [
            {"score": name, "title": title, "start": start, "end": end, "people": int(count)}
            | {"share": float(count / len(scores))}
            for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ]
    if not rows:
        return None
    return Table(
        frame=pd.DataFrame(rows),
        kinds={**each(TEXT, "score title"), **each(GIVEN, "start end"), **each(PERSON, "people share")},
        title="How many people have which score",
        columns={
            "title": ("Score", "text"),
            "start": ("Above", "d2"),
            "end": ("to", "d2"),
            "people": ("People", "int"),
            "share": ("Share", "percent"),
        },
        note="At the first wave. The first place of each score holds its lowest value alone, the last its "
        "highest; edges lie halfway between scores that complete answers can add up to.",
    )
