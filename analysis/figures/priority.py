"""Themes by level and importance, with intervals in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    Chart,
    Figure,
    Section,
    level_told,
    table_of,
    wrapped,
)
from instrument.common.formatting import with_interval


def priority_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Numbered points with intervals both ways; dashed lines are the averages, the key names the numbers."""
    table = table_of(section, "themes")
    table["number"] = [str(k) for k in range(1, len(table) + 1)]
    unit = str(table["unit"].iloc[0])
    told = "; ".join(
        f"{row['title']} level {with_interval(row['level'], row['level_lower'], row['level_upper'], 'd1')}, "
        f"importance {with_interval(row['effect'], row['effect_lower'], row['effect_upper'], 'd2')}, "
        f"{row['place']}"
        for row in table.to_dict("records")
    )

    def draw(width: int) -> Chart:
        level = alt.X("level:Q", title="Level, 0 to 100", scale=alt.Scale(zero=False))
        importance = alt.Y(
            "effect:Q",
            title=f"More {unit} per SD" if width >= 500 else "Importance",
            scale=alt.Scale(zero=True),
        )
        base = alt.Chart(table)
        across = base.mark_rule(color=INK, strokeWidth=1.5).encode(
            x=alt.X("level_lower:Q"), x2="level_upper:Q", y=importance
        )
        up = base.mark_rule(color=INK, strokeWidth=1.5).encode(
            x=level, y=alt.Y("effect_lower:Q"), y2="effect_upper:Q"
        )
        point = base.mark_point(filled=True, size=300, opacity=1, color=BLUE).encode(x=level, y=importance)
        number = base.mark_text(color=PAPER, fontWeight="bold").encode(x=level, y=importance, text="number:N")
        means = pd.DataFrame({"level": [table["level"].mean()], "effect": [table["effect"].mean()]})
        dashed = alt.Chart(means).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        chart = (
            dashed.encode(x="level:Q") + dashed.encode(y="effect:Q") + across + up + point + number
        ).properties(width=width, height=320)
        return alt.vconcat(chart, _key(table, width))

    return Figure(
        title="Themes by level and importance",
        alt=f"Level on 0 to 100 and difference in {unit} per standard deviation, with "
        f"{level_told(section)} intervals: {told}.",
        draw=draw,
        tables=("themes",),
    )


def _key(table: pd.DataFrame, width: int) -> Chart:
    """Number and title of each theme, in rows below the map."""
    rows = table.assign(
        label=[wrapped(f"{n}  {title}", 60) for n, title in zip(table["number"], table["title"], strict=True)]
    )
    return (
        alt.Chart(rows)
        .mark_text(align="left", color=INK, x=4, lineBreak="\n")
        .encode(y=alt.Y("number:N", title=None, axis=None), text="label:N")
        .properties(width=width, height=22 * len(rows))
    )
