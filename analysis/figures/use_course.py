"""Effects at landmark after landmark with their band, and rates of coming back after a pause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import (
    BLUE,
    INK,
    LINES,
    MUTED,
    Chart,
    Figure,
    Section,
    level_told,
    table_of,
    wrapped,
)
from instrument.common.formatting import with_interval


def scan_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Points over the landmarks: thin lines hold at all at once, thick ones alone; dashed: no effect."""
    table = table_of(section, "scan")
    told = "; ".join(
        f"day {row.day:.0f} {with_interval(row.estimate, row.band_lower, row.band_upper, 'd1')}"
        for row in table.itertuples()
    )

    def draw(width: int) -> Chart:
        days = alt.X("day:Q", title="Landmark, day of the study", axis=alt.Axis(grid=False, tickMinStep=7))
        base = alt.Chart(table).encode(x=days)
        band = base.mark_rule(color=INK, strokeWidth=1.5).encode(
            y=alt.Y("band_lower:Q", title="Percentage points, per SD"), y2="band_upper:Q"
        )
        alone = base.mark_rule(color=BLUE, strokeWidth=5).encode(y="ci_lower:Q", y2="ci_upper:Q")
        points = base.mark_point(filled=True, size=90, opacity=1, color=INK).encode(y="estimate:Q")
        zero = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(
            color=MUTED, strokeDash=[5, 4], strokeWidth=1.5
        )
        return (zero.encode(y="none:Q") + band + alone + points).properties(width=width, height=280)

    return Figure(
        title="What is still done of what is due, landmark after landmark, one standard deviation more of "
        "the last rating",
        alt=f"Difference in percentage points with the band that holds at all landmarks at once: {told}.",
        draw=draw,
        tables=("scan",),
    )


def returns_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Points with intervals, one row per score; the dashed line is the same rate."""
    table = table_of(section, "returns")
    table["label"] = [wrapped(title) for title in table["title"]]
    told = "; ".join(
        f"{row.title} {with_interval(row.ratio, row.ci_lower, row.ci_upper, 'd2')}"
        for row in table.itertuples()
    )

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        base = alt.Chart(table)
        scale = alt.Scale(type="log")
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows, x=alt.X("ci_lower:Q", title="Rate ratio, per SD", scale=scale), x2="ci_upper:Q"
        )
        point = base.mark_point(filled=True, size=110, opacity=1, color=BLUE).encode(y=rows, x="ratio:Q")
        one = alt.Chart(pd.DataFrame({"same": [1.0]})).mark_rule(
            color=MUTED, strokeDash=[5, 4], strokeWidth=1.5
        )
        return (one.encode(x=alt.X("same:Q", scale=scale)) + line + point).properties(
            width=width, height=38 * len(table) + 60
        )

    return Figure(
        title="Coming back after a pause, one standard deviation more of each score",
        alt=f"Ratio of rates of coming back with {level_told(section)} interval: {told}.",
        draw=draw,
        tables=("returns",),
    )
