"""Expected answers by group along a theme: of each grouping the item on which groups part most."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.disclosure.kinds import TEXT, each, statistic
from analysis.pipeline.section import Table

KEYS = ["grouping", "title", "item"]
_COLUMNS = {
    "grouping": ("Groups", "text"),
    "title": ("Theme", "text"),
    "item": ("Item", "text"),
    "group": ("Group", "text"),
    "at": ("Standing", "d2"),
    "expected": ("Expected answer", "d2"),
}
EVERY = 4
"""Points of a curve are so many that every fourth is as good."""


def curves_table(items: pd.DataFrame, curves: Sequence[pd.DataFrame]) -> dict[str, Table]:
    """Give the curves of one item of each grouping: that with the most points between its groups.

    Parameters
    ----------
    items
        One row per grouping and item, with `unsigned_difference`.
    curves
        From `DifResult.expected_scores`, with grouping and title of the theme.

    Returns
    -------
    dict
        Table `curves`; nothing where no item could be tested.
    """
    known = items.dropna(subset=["unsigned_difference"])
    if known.empty or not curves:
        return {}
    most = known.loc[known.groupby("grouping", sort=False)["unsigned_difference"].idxmax(), KEYS]
    whole = pd.concat(curves, ignore_index=True).rename(columns={"matching": "at"})
    chosen = most.merge(whole, on=KEYS, how="inner", sort=False)
    place = chosen.groupby([*KEYS, "group"], sort=False).cumcount()
    frame = chosen[place % EVERY == 0].reset_index(drop=True)
    frame["group"] = frame["group"].astype(str)
    return {
        "curves": Table(
            frame=frame[list(_COLUMNS)],
            kinds={**each(TEXT, "grouping title item group"), **each(statistic(), "at expected")},
            title="Expected answer of each group along the theme, of the item on which groups part most",
            columns=_COLUMNS,
            note="From the model with a slope of its own for each group, between the standings that 5 and 95 "
            "of 100 people lie below.",
        )
    }
