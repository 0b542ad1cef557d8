"""Each theme along its latent variable: information, and where people and items stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.common.rules import ICC
from analysis.figures.base import BLUE, INK, MUTED, ORANGE, PAPER, Chart, Figure, Section, lines_of, table_of
from instrument.common.formatting import format_value


def information_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """One small curve per theme; above the dashed line a score is precise."""
    table = table_of(section, "information")
    needed = 1 / (1 - ICC.cutoff)
    titles = list(pd.unique(table["title"]))
    peaks = table.loc[table.groupby("title", sort=False)["information"].idxmax()]
    told = "; ".join(
        f"{row.title} {format_value(row.information, 'd1')} at {format_value(row.theta, 'd1')}"
        for row in peaks.itertuples()
    )
    most = 1.1 * max(float(table["information"].max()), needed)
    best = peaks.iloc[int(peaks["information"].to_numpy(dtype=float).argmax())]
    top, place = best["title"], format_value(best["theta"], "d1")

    def one(title: str, width: int) -> Chart:
        own = table[table["title"] == title]
        x = alt.X("theta:Q", title="Standing, in standard deviations", axis=alt.Axis(grid=False))
        y = alt.Y("information:Q", title="Information", scale=alt.Scale(domain=[0, most], nice=False))
        area = alt.Chart(own).mark_area(color=BLUE, opacity=0.18).encode(x=x, y=y)
        line = alt.Chart(own).mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y)
        cut = pd.DataFrame({"cut": [needed]})
        rule = alt.Chart(cut).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5).encode(y="cut:Q")
        head = alt.TitleParams(lines_of(title, 32), color=INK, fontSize=11, anchor="start")
        return alt.layer(area, line, rule).properties(width=width, height=120, title=head)

    def draw(width: int) -> Chart:
        across = 1 if width < 500 else 2
        each = round((width - 60 * across) / across)
        rows = [titles[at : at + across] for at in range(0, len(titles), across)]
        return alt.vconcat(*(alt.hconcat(*(one(title, each) for title in row)) for row in rows))

    of = "1 theme" if len(titles) == 1 else f"{len(titles)} themes"
    return Figure(
        title=f"Information is highest for {top}, at a standing of {place}; above the dashed line "
        f"reliability is {ICC.printed} or more",
        alt=f"Curves of information for {of}. Highest: {told}.",
        draw=draw,
        tables=("information",),
    )


def person_item_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Person-item map: people above the line, steps between options below, one panel for each theme."""
    table = table_of(section, "standing").assign(none=0.0)
    titles = list(pd.unique(table["title"]))
    beyond = {}  # share of the people who stand above the highest step, told in whole places
    for title in titles:
        own = table[table["title"] == title]
        top = own.loc[own["steps"] > 0, "end"].max()
        beyond[title] = float(own.loc[own["start"] >= top, "share"].sum())
    most = max(beyond, key=lambda title: beyond[title])
    share = format_value(beyond[most], "percent")
    whose = "Every theme here" if len(titles) > 1 else titles[0]
    said = (
        f"Up to {share} of the people stand above every step of a theme ({most})"
        if beyond[most] > 0
        else f"{whose} has steps as high as its highest people stand"
    )
    ends = [float(table["start"].min()), float(table["end"].max())]
    high, deep = float(table["people"].max()), float(table["steps"].max())

    def one(title: str, width: int) -> Chart:
        own = table[table["title"] == title]
        x = alt.X(
            "start:Q",
            title="Standing, in standard deviations",
            scale=alt.Scale(domain=ends, nice=False),
            axis=alt.Axis(grid=False, values=[-3, -2, -1, 0, 1, 2, 3]),
        )
        none = alt.Axis(tickCount=3, tickMinStep=1, grid=False)
        people = (
            alt.Chart(own)
            .mark_bar(color=BLUE, stroke=PAPER, strokeWidth=1)
            .encode(
                x=x.title(None).axis(None),
                x2="end:Q",
                y=alt.Y("people:Q", title="People", scale=alt.Scale(domain=[0, high]), axis=none),
                y2="none:Q",
            )
            .properties(width=width, height=90)
        )
        steps = (
            alt.Chart(own)
            .mark_bar(color=ORANGE, stroke=PAPER, strokeWidth=1)
            .encode(
                x=x,
                x2="end:Q",
                y=alt.Y("steps:Q", title="Steps", scale=alt.Scale(domain=[deep, 0]), axis=none),
                y2="none:Q",
            )
            .properties(width=width, height=60)
        )
        head = alt.TitleParams(lines_of(title, 32), color=INK, fontSize=11, anchor="start")
        return alt.vconcat(people.properties(title=head), steps, spacing=2)

    def draw(width: int) -> Chart:
        across = 1 if width < 500 else 2
        each = round((width - 60 * across) / across)
        rows = [titles[at : at + across] for at in range(0, len(titles), across)]
        return alt.vconcat(*(alt.hconcat(*(one(title, each) for title in row)) for row in rows))

    return Figure(
        title=said,
        alt=f"Person-item map of {len(titles)} themes: people by standing above the line, steps between "
        f"options below it. {said}.",
        draw=draw,
        tables=("standing",),
    )
