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
    """RMSEA of each proper solution with its 90% interval, robust where there is one; smaller is better."""
    table = table_of(section, "fit")
    ending = "_robust" if "rmsea_robust" in table else ""
    rmsea, lower, upper = (f"rmsea{part}{ending}" for part in ("", "_ci_lower", "_ci_upper"))
    name = "Robust RMSEA" if ending else "RMSEA"
    table = table[table["proper"].astype(bool) & table[rmsea].notna()].copy()
    sets = list(pd.unique(table["items"]))
    table["label"] = [wrapped(title, 26) for title in table["title"]]
    told = "; ".join(
        f"{row['title']}, {row['items']} {format_value(row[rmsea], 'r3')}" for row in table.to_dict("records")
    )
    ordered = table.sort_values(rmsea, kind="stable")
    low, high = (
        f"{format_value(row[rmsea], 'r3')} ({row['title']})" for row in (ordered.iloc[0], ordered.iloc[-1])
    )
    said = f"{name} runs from {low} to {high}" if len(table) > 1 else f"{name} is {low}"
    lines = int(table["label"].str.count("\n").max()) + 1
    most = max(0.1, float(table[upper].max()) * 1.05)

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
        x = alt.X(f"{lower}:Q", scale=scale, title=f"{name}, 90% interval", axis=BARE)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(y=rows, yOffset=apart, x=x, x2=f"{upper}:Q")
        point = base.mark_point(filled=True, size=90, opacity=1).encode(
            y=rows, yOffset=apart, x=alt.X(f"{rmsea}:Q", scale=scale), color=colour, shape=shape
        )
        cut = pd.DataFrame({"cut": [RMSEA.cutoff]})
        rule = alt.Chart(cut).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        rule = rule.encode(x=alt.X("cut:Q", scale=scale))
        return (rule + line + point).properties(
            width=width, height=max(44, 14 * lines + 8) * table["label"].nunique() + 70
        )

    return Figure(
        title=f"{said}; dashed line: {RMSEA.printed}, smaller is better",
        alt=f"{name} by structure: {told}.",
        draw=draw,
        tables=("fit",),
    )
