"""Change of R² by group of every item, one row per grouping, against the cut-offs of a flag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.common.rules import DIF_MODERATE, DIF_NEGLIGIBLE
from analysis.figures.base import BLUE, LINES, MUTED, ORANGE, PLUM, Chart, Figure, Section, table_of, wrapped
from instrument.common.formatting import format_value

SHORT = 120
"""Pixels of a name beside a mark; the whole stands in the table and the answer to the pointer."""
STATES = ("not significant", "significant, small", "flagged")


def fairness_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """One mark per item and grouping; flagged ones carry their name."""
    every = table_of(section, "items").dropna(subset=["nagelkerke_total"])
    table = every[["grouping", "item", "nagelkerke_total"]].copy()
    table["label"] = [wrapped(name) for name in every["grouping"]]
    table["state"] = [
        STATES[2] if flag != "none" else STATES[1] if significant else STATES[0]
        for flag, significant in zip(every["flag"], every["significant"], strict=True)
    ]
    flagged = table[table["state"] == STATES[2]]
    most = max(1.2 * DIF_MODERATE.cutoff, 1.05 * float(table["nagelkerke_total"].max()))
    told = "; ".join(
        f"{row.item} by {row.grouping} {format_value(row.nagelkerke_total, 'r3')}"
        for row in flagged.itertuples()
    )

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        x = alt.X(
            "nagelkerke_total:Q",
            title="Change of Nagelkerke's R² by group",
            scale=alt.Scale(domain=[0, most], nice=False),
        )
        states = list(STATES)
        points = (
            alt.Chart(table)
            .mark_point(filled=True, size=60, opacity=0.7)
            .encode(
                y=rows,
                x=x,
                color=alt.Color(
                    "state:N",
                    title=None,
                    sort=states,
                    scale=alt.Scale(domain=states, range=[BLUE, PLUM, ORANGE]),
                ),
                shape=alt.Shape(
                    "state:N",
                    title=None,
                    sort=states,
                    scale=alt.Scale(domain=states, range=["circle", "diamond", "square"]),
                ),
            )
        )
        cuts = pd.DataFrame({"cut": [DIF_NEGLIGIBLE.cutoff, DIF_MODERATE.cutoff]})
        rule = alt.Chart(cuts).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        names = alt.Chart(flagged).mark_text(dy=-11, limit=SHORT).encode(y=rows, x=x, text="item:N")
        drawn = rule.encode(x=alt.X("cut:Q")) + points + names
        return drawn.properties(width=width, height=52 * table["label"].nunique() + 70)

    largest = table.iloc[int(table["nagelkerke_total"].to_numpy(dtype=float).argmax())]
    value = format_value(largest["nagelkerke_total"], "r3")
    count = (
        f"{len(flagged) or 'None'} of {len(table)} tests {'flag' if len(flagged) > 1 else 'flags'} an item"
    )
    return Figure(
        title=f"{count}; the largest change of R² by group is {value} (“{largest['item']}”, "
        f"{largest['grouping']}); dashed lines: flags from {DIF_NEGLIGIBLE.printed} and "
        f"{DIF_MODERATE.printed}",
        alt=f"Dots of {len(table)} tests of items in {table['label'].nunique()} rows, one per grouping. "
        f"The largest change is {format_value(table['nagelkerke_total'].max(), 'r3')}. "
        + (f"Flagged: {told}." if len(flagged) else "None is flagged."),
        draw=draw,
        tables=("items",),
    )
