"""Who still used the app at each day looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from analysis.figures.base import BLUE, DASHES, INK, ORANGE, Chart, Figure, Section, table_of
from instrument.common.formatting import format_value


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

    last = table.iloc[-1]
    share = format_value(float(last["from_day"]), "percent")
    said = f"{share} of the people used the app on day {last['day']:.0f} or later"

    return Figure(
        title=said,
        alt=f"Line chart of the share of people who used the app then or later: {told}.",
        draw=draw,
        tables=("retention",),
        told=(("kind", "People who", "text"), ("share", "Share", "percent")),
    )


def daily_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Lines over all days: used on that very day, and used then or later."""
    table = table_of(section, "daily")
    names = {"from_day": "used it then or later", "on_day": "used it that very day"}
    order = list(names.values())
    long = table.melt(["day", "n"], list(names), var_name="kind", value_name="share")
    long["kind"] = long["kind"].map(names)
    long = long.dropna(subset=["share"])
    gone = table[table["from_day"] <= HALF]
    last, told = table.iloc[-1], table.dropna(subset=["from_day"])
    shares = [format_value(float(table["on_day"].iloc[place]), "percent") for place in (0, -1)]
    half = (
        f"From day {gone['day'].iloc[0]:.0f} on, no more than half of the people still use the app"
        if len(gone)
        else f"More than half of the people still use the app on day {told['day'].iloc[-1]:.0f} or later"
        if len(told)
        else f"{shares[0]} of the people use the app on the first day, {shares[1]} on the last"
    )

    def draw(width: int) -> Chart:
        base = alt.Chart(long).encode(
            x=alt.X("day:Q", title="Day", axis=alt.Axis(grid=False)),
            y=alt.Y(
                "share:Q", title="Share of people", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
            ),
            color=alt.Color(
                "kind:N", title=None, sort=order, scale=alt.Scale(domain=order, range=[BLUE, ORANGE])
            ),
            strokeDash=alt.StrokeDash(
                "kind:N", title=None, sort=order, scale=alt.Scale(domain=order, range=list(DASHES[:2]))
            ),
        )
        return base.mark_line(strokeWidth=2).properties(width=width, height=260)

    return Figure(
        title=half,
        alt=f"Two lines over {len(table)} days. On day {table['day'].iloc[0]:.0f} {shares[0]} of the people "
        f"used the app, on day {last['day']:.0f} {shares[1]}. {half}.",
        draw=draw,
        tables=("daily",),
        told=(("kind", "People who", "text"), ("share", "Share", "percent")),
    )


HALF = 0.5
