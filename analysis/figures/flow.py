"""Participant flow: how many answered at each wave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from analysis.figures.base import BLUE, INK, LINES, Chart, Figure, Section, table_of, wrapped


def flow_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Bars of people with any answer at each wave, over those who answered everything."""
    table = table_of(section, "flow")
    table["label"] = [wrapped(wave, 18) for wave in table["wave"]]
    parts = ", ".join(f"{wave} {n:,}" for wave, n in zip(table["wave"], table["answered"], strict=True))

    def draw(width: int) -> Chart:
        base = alt.Chart(table).encode(
            y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        )
        bars = base.mark_bar(color=BLUE, height=18, fillOpacity=0.45, stroke=BLUE).encode(
            x=alt.X("answered:Q", title="People", axis=alt.Axis(tickMinStep=1, tickCount=5, format=",d"))
        )
        complete = base.mark_bar(color=BLUE, height=8).encode(x="complete:Q")
        labels = base.mark_text(align="left", dx=5, color=INK).encode(
            x="answered:Q", text=alt.Text("answered:Q", format=",d")
        )
        return (bars + complete + labels).properties(width=width, height=40 * len(table) + 40)

    return Figure(
        title="People who answered at each wave (thin bar: every item)",
        alt=f"Bar chart of people with any answer: {parts}.",
        draw=draw,
        tables=("flow",),
    )
