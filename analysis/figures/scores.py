"""Mean scores over the waves, and retest with its intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.common.rules import ICC
from analysis.figures.base import (
    BARE,
    BLUE,
    INK,
    LINES,
    MUTED,
    ORANGE,
    SERIES,
    SHAPES,
    WIDE,
    Chart,
    Figure,
    Section,
    table_of,
    too_few,
    wrapped,
)
from instrument.common.formatting import format_value, with_interval

NAME = 200
"""Room for the name of a wave, in pixels: a name that is cut may be that of two waves."""


def scores_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Mean and spread of each score at each wave, one small panel per score."""
    table = table_of(section, "scores").dropna(subset=["mean"])
    table["sd"] = table["sd"].astype(float)  # one person has a mean and no spread
    table["label"] = [wrapped(title) for title in table["title"]]
    table["low"], table["high"] = table["mean"] - table["sd"], table["mean"] + table["sd"]
    ends = [float(table["lowest_possible"].min()), float(table["highest_possible"].max())]
    waves, titles = list(pd.unique(table["wave"])), list(pd.unique(table["title"]))
    first, last = table[table["wave"] == waves[0]], table[table["wave"] == waves[-1]]
    told = "; ".join(
        f"{row.title} {format_value(row.mean, 'd2')}"
        for row in first[["title", "mean"]].itertuples(index=False)
    )

    known = first.dropna(subset=["mean"]).sort_values("mean", kind="stable")
    low, high = (
        f"{format_value(row['mean'], 'd2')} ({row['title']})" for row in (known.iloc[0], known.iloc[-1])
    )
    said = f"mean scores run from {low} to {high}" if len(known) > 1 else f"the mean score is {low}"

    def draw(width: int) -> Chart:
        columns = 2 if width < 500 or len(titles) in (2, 4) else 3  # no axis under an empty place
        base = alt.Chart(table)
        x = alt.X(
            "wave:N", title=None, sort=waves, axis=alt.Axis(labelAngle=-40, labelLimit=NAME, grid=False)
        )
        y = alt.Y("mean:Q", title=None, scale=alt.Scale(domain=ends, nice=False), axis=alt.Axis(tickCount=5))
        spread = base.mark_rule(strokeWidth=2, color=MUTED).encode(
            x=x, y=alt.Y("low:Q", scale=alt.Scale(domain=ends, clamp=True), title=None), y2="high:Q"
        )
        point = base.mark_point(filled=True, size=70, color=BLUE, opacity=1).encode(x=x, y=y)
        panel = (spread + point).properties(width=round(width / columns - 50), height=110)
        head = alt.Header(labelExpr=LINES, labelAnchor="start", labelFontWeight="bold")
        return panel.facet(
            facet=alt.Facet("label:N", sort=[wrapped(title) for title in titles], title=None, header=head),
            columns=columns,
        )

    def live(width: int) -> Chart:
        return _rows(table, waves, ends, width)

    return Figure(
        title=f"At {waves[0]} {said}; lines: one standard deviation either side",
        alt=f"Small panels of mean scores by wave. At {waves[0]}: {told}. {len(last)} scores are shown at "
        f"{waves[-1]}.",
        draw=draw,
        tables=("scores",),
        live=live,
    )


def _rows(table: pd.DataFrame, waves: list[str], ends: list[float], width: int) -> Chart:
    """A row for each score and in it a mark for each wave: panels would not fit a page."""
    scale = alt.Scale(domain=ends, nice=False)
    place = [waves.index(wave) for wave in table["wave"]]
    rows = table.assign(form=[SHAPES[k % len(SHAPES)] for k in place])
    base = alt.Chart(rows).encode(
        y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES)),
        yOffset=alt.YOffset("wave:N", sort=waves),
        color=alt.Color(
            "wave:N",
            title=None,
            sort=waves,
            scale=alt.Scale(domain=waves, range=[SERIES[k % len(SERIES)] for k in range(len(waves))]),
            legend=None if len(waves) == 1 else alt.Legend(columns=1 if width < WIDE else 2),
        ),
    )
    spread = base.mark_rule(strokeWidth=2).encode(
        x=alt.X(
            "low:Q", scale=alt.Scale(domain=ends, nice=False, clamp=True), title="Mean, one SD either side"
        ),
        x2="high:Q",
    )
    point = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("mean:Q", scale=scale), shape=alt.Shape("form:N", scale=None)
    )
    legend = 18 * len(waves) if len(waves) > 1 else 0
    each = max(34, 15 * len(waves) + 8)
    return (spread + point).properties(
        width=width, height=each * len(dict.fromkeys(table["label"])) + 50 + legend
    )


def retest_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """ICC with its interval, one row per score."""
    table = table_of(section, "retest")
    table["label"] = [wrapped(title) for title in table["title"]]
    few = table["n"].map(too_few)
    table["mark"] = np.where(few, MUTED, np.where(table["icc"].map(ICC.holds), BLUE, ORANGE))
    table["shape"] = np.where(few, "diamond", np.where(table["icc"].map(ICC.holds), "circle", "square"))
    told = "; ".join(
        f"{row.title} {with_interval(row.icc, row.ci_lower, row.ci_upper, 'r2')}"
        for row in table.itertuples()
    )
    least = min(0.4, float(table["ci_lower"].min()) - 0.02)

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        scale = alt.Scale(domain=[least, 1.0], nice=False)
        base = alt.Chart(table)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows,
            x=alt.X("ci_lower:Q", scale=scale, title="ICC(A,1), 95% interval", axis=BARE),
            x2="ci_upper:Q",
        )
        point = base.mark_point(filled=True, size=110, opacity=1).encode(
            y=rows,
            x=alt.X("icc:Q", scale=scale),
            color=alt.Color("mark:N", scale=None),
            shape=alt.Shape("shape:N", scale=None),
        )
        cut = pd.DataFrame({"cut": [ICC.cutoff]})
        rule = alt.Chart(cut).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        rule = rule.encode(x=alt.X("cut:Q", scale=scale))
        drawn = line + point if few.all() else rule + line + point
        return drawn.properties(width=width, height=36 * len(table) + 50)

    below = (table["shape"] == "square").any()
    side = f"dashed line: {ICC.printed}" + ("; squares lie below it" if below else "")
    side += "; diamonds: too few people for a verdict" if few.any() else ""
    ordered = table.sort_values("icc", kind="stable")
    low, high = (
        f"{format_value(row['icc'], 'r2')} ({row['title']})" for row in (ordered.iloc[0], ordered.iloc[-1])
    )
    found = f"runs from {low} to {high}" if len(table) > 1 else f"is {low}"
    return Figure(
        title="Retest among the stable; too few people for a verdict"
        if few.all()
        else f"ICC among the stable {found}; {side}",
        alt=f"ICC with 95% interval by score: {told}.",
        draw=draw,
        tables=("retest",),
    )
