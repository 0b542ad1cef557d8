"""Misfit of the stated structures, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.common.rules import RMSEA
from analysis.figures.base import (
    BARE,
    BLUE,
    INK,
    LINES,
    MUTED,
    ORANGE,
    Chart,
    Figure,
    Section,
    table_of,
    wrapped,
)
from instrument.common.formatting import format_value


def models_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Robust RMSEA of each proper solution with its 90% interval; the further left, the better."""
    table = table_of(section, "fit")
    table = table[table["proper"].astype(bool) & table["rmsea_robust"].notna()].copy()
    sets = list(pd.unique(table["items"]))
    table["label"] = [wrapped(title, 26) for title in table["title"]]
    told = "; ".join(
        f"{row.title}, {row.items} {format_value(row.rmsea_robust, 'r3')}" for row in table.itertuples()
    )
    ordered = table.sort_values("rmsea_robust", kind="stable")
    low, high = (
        f"{format_value(row['rmsea_robust'], 'r3')} ({row['title']})"
        for row in (ordered.iloc[0], ordered.iloc[-1])
    )
    said = f"Robust RMSEA runs from {low} to {high}" if len(table) > 1 else f"Robust RMSEA is {low}"
    lines = int(table["label"].str.count("\n").max()) + 1
    most = max(0.1, float(table["rmsea_ci_upper_robust"].max()) * 1.05)

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        scale = alt.Scale(domain=[0, most], nice=True)
        colour = alt.Color(
            "items:N", title=None, sort=sets, scale=alt.Scale(domain=sets, range=[BLUE, ORANGE])
        )
        shape = alt.Shape(
            "items:N", title=None, sort=sets, scale=alt.Scale(domain=sets, range=["circle", "square"])
        )
        apart = alt.YOffset("items:N", sort=sets)
        base = alt.Chart(table)
        x = alt.X("rmsea_ci_lower_robust:Q", scale=scale, title="Robust RMSEA, 90% interval", axis=BARE)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows, yOffset=apart, x=x, x2="rmsea_ci_upper_robust:Q"
        )
        point = base.mark_point(filled=True, size=90, opacity=1).encode(
            y=rows, yOffset=apart, x=alt.X("rmsea_robust:Q", scale=scale), color=colour, shape=shape
        )
        cut = pd.DataFrame({"cut": [RMSEA.cutoff]})
        rule = alt.Chart(cut).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        rule = rule.encode(x=alt.X("cut:Q", scale=scale))
        return (rule + line + point).properties(
            width=width, height=max(44, 14 * lines + 8) * table["label"].nunique() + 70
        )

    return Figure(
        title=f"{said}; dashed line: {RMSEA.printed}, smaller is better",
        alt=f"Robust RMSEA by structure: {told}.",
        draw=draw,
        tables=("fit",),
    )
