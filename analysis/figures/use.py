"""Who still used the app at each day looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from analysis.figures.base import BLUE, INK, ORANGE, Chart, Figure, Section, table_of


def retention_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Lines: used on that very day, and used then or later."""
    table = table_of(section, "retention")
    names = {"from_day": "used it then or later", "on_day": "used it that very day"}
    long = table.melt("day", list(names), var_name="kind", value_name="share")
    long["kind"] = long["kind"].map(names)
    told = "; ".join(f"day {row.day:.0f} {row.from_day:.0%}" for row in table.itertuples())
    order = list(names.values())

    def draw(width: int) -> Chart:
        base = alt.Chart(long).encode(
            x=alt.X("day:Q", title="Day", axis=alt.Axis(grid=False)),
            y=alt.Y(
                "share:Q", title="Share of people", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
            ),
            color=alt.Color(
                "kind:N", title=None, sort=order, scale=alt.Scale(domain=order, range=[BLUE, ORANGE])
            ),
        )
        shape = alt.Shape(
            "kind:N", title=None, sort=order, scale=alt.Scale(domain=order, range=["circle", "square"])
        )
        text = (
            base.mark_text(dy=-12, color=INK)
            .transform_filter(alt.datum.kind == order[0])
            .encode(text=alt.Text("share:Q", format=".0%"), color=alt.value(INK))
        )
        points = base.mark_point(filled=True, size=60, opacity=1).encode(shape=shape)
        return (base.mark_line(strokeWidth=2) + points + text).properties(width=width, height=260)

    return Figure(
        title="Who still used the app",
        alt=f"Line chart of the share of people who used the app then or later: {told}.",
        draw=draw,
        tables=("retention",),
        told=(("kind", "People who", "text"), ("share", "Share", "percent")),
    )
