"""Effects of each score on remaining use, and who still used the app by thirds of a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import (
    BLUE,
    DASHES,
    INK,
    LINES,
    MUTED,
    SERIES,
    Chart,
    Figure,
    Section,
    level_told,
    table_of,
    wrapped,
)
from instrument.common.formatting import with_interval


def forest_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Points with intervals, one row per score; the dashed line is no effect."""
    table = table_of(section, "effects")
    table["label"] = [wrapped(title) for title in table["title"]]
    unit, level = str(table["unit"].iloc[0]), level_told(section)
    told = "; ".join(
        f"{row.title} {with_interval(row.effect, row.effect_lower, row.effect_upper, 'd2')}"
        for row in table.itertuples()
    )

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        title = f"More {unit}, per SD" if width >= 500 else f"Per SD, {level} interval"
        base = alt.Chart(table)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows, x=alt.X("effect_lower:Q", title=title), x2="effect_upper:Q"
        )
        point = base.mark_point(filled=True, size=110, opacity=1, color=BLUE).encode(y=rows, x="effect:Q")
        zero = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(
            color=MUTED, strokeDash=[5, 4], strokeWidth=1.5
        )
        return (zero.encode(x="none:Q") + line + point).properties(width=width, height=38 * len(table) + 60)

    return Figure(
        title="Remaining use, one standard deviation more of each score",
        alt=f"Difference in {unit} with {level} interval: {told}.",
        draw=draw,
        tables=("effects",),
    )


def survival_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Kaplan-Meier curves from the landmark by thirds of the first score, with the people at risk below."""
    table, risk = table_of(section, "curves"), table_of(section, "at_risk")
    groups = list(dict.fromkeys(table["third"]))
    last = table.groupby("third", sort=False).last()
    told = "; ".join(f"{group} {last.loc[group, 'surviving']:.0%}" for group in groups)
    # steps of few people are left out of a shared copy: the last one shown may be long before the end
    where = "at the end" if section.get("suppressed") is None else "after the last step shown"
    palette, dashes = list(SERIES[: len(groups)]), [list(dash) for dash in DASHES[: len(groups)]]
    end = float(table["time"].max())

    def draw(width: int) -> Chart:
        inner = width - 60  # the labels of two drawings above each other stand outside
        days = alt.X("time:Q", title="Days after the landmark", scale=alt.Scale(domain=[0, end], nice=False))
        curves = (
            alt.Chart(table)
            .mark_line(interpolate="step-after", strokeWidth=2)
            .encode(
                x=days,
                y=alt.Y(
                    "surviving:Q",
                    title="Still using the app",
                    axis=alt.Axis(format="%"),
                    scale=alt.Scale(domain=[0, 1]),
                ),
                color=alt.Color(
                    "third:N", title=None, sort=groups, scale=alt.Scale(domain=groups, range=palette)
                ),
                strokeDash=alt.StrokeDash(
                    "third:N", title=None, sort=groups, scale=alt.Scale(domain=groups, range=dashes)
                ),
            )
            .properties(width=inner, height=260)
        )
        labels = risk.assign(label=[wrapped(name, 14) for name in risk["third"]])
        below = (
            alt.Chart(labels)
            .mark_text(color=INK, align="left", dx=4)
            .encode(
                x=alt.X(
                    "time:Q", title="People at risk", axis=alt.Axis(labels=False, ticks=False, grid=False)
                ),
                y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES, ticks=False)),
                text="at_risk:Q",
            )
            .properties(width=inner, height=38 * len(groups))
        )
        return alt.vconcat(curves, below)

    return Figure(
        title="Still using the app, by thirds of the score at the landmark",
        alt=f"Kaplan-Meier curves. Still using the app {where}: {told}.",
        draw=draw,
        tables=("curves", "at_risk"),
    )
