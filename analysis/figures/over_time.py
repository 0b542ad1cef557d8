"""Means over the waves with their intervals, and differences of a retest by level."""

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
    ORANGE,
    Chart,
    Figure,
    Section,
    of_what_is_shown,
    table_of,
    too_few,
    wrapped,
)
from instrument.common.formatting import format_value, with_interval


def trajectories_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Mean of each score at each wave with its interval, of all who answered and of those who stayed."""
    table = table_of(section, "trajectories")
    table["label"] = [wrapped(title) for title in table["title"]]
    waves, who = list(pd.unique(table["wave"])), list(pd.unique(table["who"]))
    titles = [wrapped(title) for title in pd.unique(table["title"])]
    low, high = float(table["ci_lower"].min()), float(table["ci_upper"].max())
    told = "; ".join(
        f"{title} {format_value(part['mean'].iloc[0], 'd2')} to {format_value(part['mean'].iloc[-1], 'd2')}"
        for title, part in table[table["who"] == who[0]].groupby("title", sort=False)
    )

    def draw(width: int) -> Chart:
        columns = 3 if width >= 500 else 2
        y = alt.Scale(domain=[low, high], nice=True, zero=False)
        x = alt.X("wave:N", title=None, sort=waves, axis=alt.Axis(labelAngle=-40, labelLimit=90, grid=False))
        colour = alt.Color("who:N", title=None, sort=who, scale=alt.Scale(domain=who, range=_first(who)))
        base = alt.Chart(table).encode(x=x, xOffset=alt.XOffset("who:N", sort=who), color=colour)
        rule = base.mark_rule(strokeWidth=2).encode(
            y=alt.Y("ci_lower:Q", scale=y, title=None, axis=alt.Axis(tickCount=5)), y2="ci_upper:Q"
        )
        point = base.mark_point(filled=True, size=55, opacity=1).encode(
            y=alt.Y("mean:Q", scale=y, title=None),
            shape=alt.Shape(
                "who:N",
                title=None,
                sort=who,
                scale=alt.Scale(domain=who, range=["circle", "square"][: len(who)]),
            ),
        )
        line = base.mark_line(strokeWidth=1.5).encode(
            y=alt.Y("mean:Q", scale=y, title=None),
            strokeDash=alt.StrokeDash(
                "who:N", title=None, sort=who, scale=alt.Scale(domain=who, range=list(DASHES[: len(who)]))
            ),
        )
        panel = (line + rule + point).properties(width=round(width / columns - 50), height=120)
        head = alt.Header(labelExpr=LINES, labelAnchor="start", labelFontWeight="bold")
        return panel.facet(facet=alt.Facet("label:N", sort=titles, title=None, header=head), columns=columns)

    return Figure(
        title=_moves_most(table, waves, who) + of_what_is_shown(section, "trajectories"),
        alt=f"Small panels of mean scores from {waves[0]} to {waves[-1]}, {who[0]}: {told}.",
        draw=draw,
        tables=("trajectories",),
    )


def _moves_most(table: pd.DataFrame, waves: list[str], who: list[str]) -> str:
    """Say which score moves most from the first wave to the last, among those who have it at every wave."""
    every = table[(table["who"] == who[-1]) & ~table["n"].map(too_few).astype(bool)]
    start, end = (every[every["wave"] == wave].set_index("title")["mean"] for wave in (waves[0], waves[-1]))
    change = (end - start).dropna()
    if change.empty or len(waves) < 2 or len(who) < 2:
        return "Means over the waves with 95% intervals"
    title = str(change.abs().idxmax())
    ends = [format_value(mean[title], "d2") for mean in (start, end)]
    most = f"“{title}” moves most" if len(change) > 1 else f"“{title}” moves"
    return (
        f"From {waves[0]} to {waves[-1]} {most}, from {ends[0]} to {ends[1]} among those with a score at "
        "every wave; lines: 95% intervals"
    )


def _first(who: list[str]) -> list[str]:
    return [BLUE, ORANGE][: len(who)]


def bland_altman_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Differences between test and retest against the level of the score, in groups of people."""
    table = table_of(section, "levels")
    table["label"] = [wrapped(title) for title in table["title"]]
    titles = [wrapped(title) for title in pd.unique(table["title"])]
    ends = [
        float(table[["spread_lower", "loa_lower"]].min().min()),
        float(table[["spread_upper", "loa_upper"]].max().max()),
    ]
    one = table.groupby("title", sort=False).first()
    told = "; ".join(
        f"{row.Index} {with_interval(row.bias, row.loa_lower, row.loa_upper, 'd2')}"
        for row in one.itertuples()
    )

    def draw(width: int) -> Chart:
        columns = 3 if width >= 500 else 2
        scale = alt.Scale(domain=ends, nice=True, zero=False)
        base = alt.Chart(table)
        y = alt.Y("bias:Q", scale=scale, title=None, axis=alt.Axis(tickCount=5))
        layers = [base.mark_rule(color=INK, strokeWidth=1.2).encode(y=y)]
        for name in ("loa_lower", "loa_upper"):
            dashed = base.mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.2)
            layers.append(dashed.encode(y=alt.Y(f"{name}:Q", scale=scale, title=None)))
        x = alt.X("mean:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4, grid=False))
        spread = base.mark_rule(color=BLUE, strokeWidth=2).encode(
            x=x, y=alt.Y("spread_lower:Q", scale=scale, title=None), y2="spread_upper:Q"
        )
        point = base.mark_point(filled=True, size=60, opacity=1, color=BLUE).encode(
            x=x, y=alt.Y("difference:Q", scale=scale, title=None)
        )
        panel = alt.layer(*layers, spread, point).properties(width=round(width / columns - 50), height=130)
        head = alt.Header(labelExpr=LINES, labelAnchor="start", labelFontWeight="bold")
        return panel.facet(facet=alt.Facet("label:N", sort=titles, title=None, header=head), columns=columns)

    return Figure(
        title=_widest(one, table.groupby("title", sort=False)["n"].sum(min_count=1))
        + of_what_is_shown(section, "levels"),
        alt=f"Mean difference with limits of agreement by score: {told}.",
        draw=draw,
        tables=("levels",),
    )


def _widest(themes: pd.DataFrame, people: pd.Series) -> str:
    """Say for which score the retest of one person may lie farthest from the test."""
    if people.map(too_few).any():
        return "Retest minus test by level of the score; too few people for a verdict"
    width = (themes["loa_upper"] - themes["loa_lower"]).dropna()
    if width.empty:
        return "Retest minus test by level of the score"
    title = str(width.idxmax())
    low, high = (format_value(themes.loc[title, end], "d2") for end in ("loa_lower", "loa_upper"))
    widest = ", the widest limits" if len(width) > 1 else ""
    return (
        f"Retest minus test lies between {low} and {high} for 95 of 100 people on “{title}”{widest} (dashed; "
        "line: mean difference)"
    )
