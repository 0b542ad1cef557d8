"""Figures that only the pages show: each from one table of its section, with the finding as its title."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures.base import (
    BLUE,
    GRID,
    INK,
    LINES,
    MUTED,
    ORANGE,
    PAPER,
    SERIES,
    SHAPES,
    WIDE,
    Chart,
    Figure,
    Section,
    table_of,
    wrapped,
)
from instrument.common.formatting import format_value, with_interval

ROW = 17
"""Pixels of a row that is named in one line."""
NO_FLAG = "none"


def _rows(room: int) -> alt.Axis:
    return alt.Axis(ticks=False, domain=False, labelLimit=room)


def _most(table: pd.DataFrame, size: pd.Series) -> dict[Any, Any]:
    """Row of the largest size."""
    return dict(table.iloc[int(size.to_numpy(dtype=float).argmax())])


def thresholds_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Steps between the options of each item along its theme."""
    table = table_of(section, "parameters")
    steps = [key for key in map(str, table) if key.startswith("difficulty_") and not key.endswith("_se")]
    long = table.melt([key for key in table if key not in steps], steps, var_name="key", value_name="place")
    long = long.dropna(subset=["place"])
    long["step"] = [int(key.removeprefix("difficulty_")) for key in long["key"]]
    titles = list(dict.fromkeys(table["title"]))
    tints = alt.Scale(domain=titles, range=[SERIES[k % len(SERIES)] for k in range(len(titles))])
    forms = alt.Scale(
        domain=titles, range=[SHAPES[(k + k // len(SERIES)) % len(SHAPES)] for k in range(len(titles))]
    )
    ends = long.groupby("item", sort=False)["place"].agg(["min", "max"]).reset_index()
    last = _most(long, long["place"])
    first = _most(long, -long["place"])

    def draw(width: int) -> Chart:
        y = alt.Y("item:N", sort=list(table["item"]), title=None, axis=_rows(round(width * 0.4)))
        line = alt.Chart(ends).mark_rule(color=GRID, strokeWidth=2).encode(y=y, x="min:Q", x2="max:Q")
        legend = alt.Legend(columns=1) if width < WIDE else alt.Legend(columns=2)
        point = (
            alt.Chart(long)
            .mark_point(filled=True, size=40, opacity=1)
            .encode(
                y=y,
                x=alt.X("place:Q", title="Standing on the theme, in standard deviations"),
                color=alt.Color("title:N", title=None, sort=titles, scale=tints, legend=legend),
                shape=alt.Shape("title:N", title=None, sort=titles, scale=forms, legend=legend),
            )
        )
        return (line + point).properties(width=width, height=ROW * len(table) + 60 + 18 * len(titles))

    low, high = (format_value(end, "d1") for end in (first["place"], last["place"]))
    return Figure(
        title=f"Steps between options lie from {low} (first of “{first['item']}”) to {high} "
        f"(last of “{last['item']}”)",
        alt=f"For {len(table)} items the standings at which half of the people choose the next option or a "
        f"higher one; they run from {low} to {high}.",
        draw=draw,
        tables=("parameters",),
        told=(("step", "Step to the next option, number", "int"), ("place", "Standing", "d2")),
    )


def functioning_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """How far groups of equal standing lie apart on each item, in points of the answers."""
    table = table_of(section, "items")
    table["apart"] = table["unsigned_difference"].astype(float)
    table["flagged"] = [FLAGGED[flag != NO_FLAG] for flag in table["flag"]]
    groupings, items = list(dict.fromkeys(table["grouping"])), list(dict.fromkeys(table["item"]))
    most, number = _most(table, table["apart"]), int((table["flagged"] == FLAGGED[True]).sum())
    value = format_value(most["apart"], "d2")

    def draw(width: int) -> Chart:
        cells = (
            alt.Chart(table)
            .mark_rect(stroke=PAPER, strokeWidth=1)
            .encode(
                x=alt.X("grouping:N", sort=groupings, title=None, axis=alt.Axis(labelAngle=0, ticks=False)),
                y=alt.Y("item:N", sort=items, title=None, axis=_rows(round(width * 0.4))),
                opacity=alt.Opacity(
                    "apart:Q",
                    legend=None,
                    scale=alt.Scale(domain=[0, float(most["apart"]) or 1.0], range=[0.05, 0.9]),
                ),
                color=alt.Color(
                    "flagged:N",
                    title=None,
                    sort=list(FLAGGED.values()),
                    scale=alt.Scale(domain=list(FLAGGED.values()), range=[BLUE, ORANGE]),
                ),
            )
        )
        return cells.properties(width=width, height=ROW * len(items) + 70)

    flags = f"{number or 'none'} of {len(table)} comparisons {'is' if number <= 1 else 'are'} flagged"
    return Figure(
        title=f"Groups of equal standing are furthest apart on “{most['item']}” by {most['grouping']}: "
        f"{value} points; {flags}",
        alt=f"Grid of {len(items)} items by {len(groupings)} groupings: the darker, the further apart are "
        f"groups of equal standing, at most {value} points.",
        draw=draw,
        tables=("items",),
    )


FLAGGED = {False: "no flag", True: "flagged"}


def differences_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Standardised differences between groups with their intervals."""
    table = table_of(section, "differences")
    table["label"] = [f"{row.title}: {row.compared}" for row in table.itertuples()]
    table["side"] = [
        CLEAR[not low <= 0 <= high] for low, high in zip(table["g_lower"], table["g_upper"], strict=True)
    ]
    sides = [side for side in CLEAR.values() if side in set(table["side"])]
    most = _most(table, table["hedges_g"].abs())
    told = with_interval(most["hedges_g"], most["g_lower"], most["g_upper"], "d2")
    marks = {CLEAR[True]: (BLUE, "circle"), CLEAR[False]: (MUTED, "diamond")}

    def draw(width: int) -> Chart:
        base = alt.Chart(table).encode(
            y=alt.Y("label:N", sort=list(table["label"]), title=None, axis=_rows(round(width * 0.45))),
            color=alt.Color(
                "side:N", title=None, scale=alt.Scale(domain=sides, range=[marks[side][0] for side in sides])
            ),
        )
        line = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("g_lower:Q", title="Hedges' g, 95% interval"), x2="g_upper:Q"
        )
        point = base.mark_point(filled=True, size=70, opacity=1).encode(
            x="hedges_g:Q",
            shape=alt.Shape(
                "side:N", title=None, scale=alt.Scale(domain=sides, range=[marks[side][1] for side in sides])
            ),
        )
        zero = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(color=INK, strokeWidth=1).encode(x="none:Q")
        return (zero + line + point).properties(width=width, height=(ROW + 3) * len(table) + 80)

    who = f"{most['title']}, {most['compared']}"
    return Figure(
        title=f"The largest difference between groups: Hedges' g {told}, {who}"
        if CLEAR[True] in sides
        else f"No difference between groups is clear of zero; the largest: Hedges' g {told}, {who}",
        alt=f"{len(table)} standardised differences of scores between groups, with intervals; the largest is "
        f"{told} ({who}).",
        draw=draw,
        tables=("differences",),
        told=(("label", "Score and groups", "text"),),
    )


CLEAR = {True: "interval without zero", False: "interval with zero"}


def missing_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Share of people without an answer to each item."""
    table = table_of(section, "statistics")
    table["missing_share"] = table["missing_share"].astype(float)
    most = _most(table, table["missing_share"])
    worst = format_value(most["missing_share"], "percent")
    if not most["missing_share"]:
        raise ValueError("no answer is missing")

    def draw(width: int) -> Chart:
        return (
            alt.Chart(table)
            .mark_bar(height=11, color=BLUE)
            .encode(
                y=alt.Y("item:N", sort=list(table["item"]), title=None, axis=_rows(round(width * 0.4))),
                x=alt.X(
                    "missing_share:Q", title="Without an answer", axis=alt.Axis(format="~%", tickCount=5)
                ),
            )
            .properties(width=width, height=ROW * len(table) + 50)
        )

    return Figure(
        title=f"Answers are missing most for “{most['item']}”: {worst}",
        alt=f"Bars of the share without an answer to {len(table)} items, at most {worst}.",
        draw=draw,
        tables=("statistics",),
    )


def chain_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """The supposed chain as a path diagram: each step with its strength, from left to right."""
    table = table_of(section, "routes")
    steps = table[(table["kind"] == "direct") & table["standardized"].notna()].copy()
    names = list(dict.fromkeys([*steps["start"], *steps["end"]]))
    turn = np.linspace(np.pi, 0.0, len(names))
    at = {name: ((1 + np.cos(angle)) / 2, np.sin(angle)) for name, angle in zip(names, turn, strict=True)}
    for end, key in (("start", "from"), ("end", "to")):
        steps[f"x_{key}"] = [at[name][0] for name in steps[end]]
        steps[f"y_{key}"] = [at[name][1] for name in steps[end]]
    steps["x_label"] = steps["x_from"] + NEAR * (steps["x_to"] - steps["x_from"])
    steps["y_label"] = steps["y_from"] + NEAR * (steps["y_to"] - steps["y_from"])
    steps["printed"] = [format_value(value, "d2") for value in steps["standardized"]]
    steps["strength"] = steps["standardized"].abs()
    clear = [not low <= 0 <= high for low, high in zip(steps["boot_lower"], steps["boot_upper"], strict=True)]
    steps["side"] = [CLEAR[one] for one in clear]
    nodes = pd.DataFrame({"name": names, "x": [at[n][0] for n in names], "y": [at[n][1] for n in names]})
    most = _most(steps, steps["strength"])
    told = "; ".join(f"{row.route} {row.printed}" for row in steps.itertuples())

    def draw(width: int) -> Chart:
        across = alt.Scale(domain=[-0.18, 1.18], nice=False, zero=False)
        up = alt.Scale(domain=[-0.16, 1.22], nice=False, zero=False)
        line = (
            alt.Chart(steps)
            .mark_rule()
            .encode(
                x=alt.X("x_from:Q", scale=across, axis=None),
                x2="x_to:Q",
                y=alt.Y("y_from:Q", scale=up, axis=None),
                y2="y_to:Q",
                strokeWidth=alt.StrokeWidth(
                    "strength:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[1, 8])
                ),
                color=alt.condition("datum.standardized < 0", alt.value(ORANGE), alt.value(BLUE)),
                strokeDash=alt.StrokeDash(
                    "side:N",
                    title=None,
                    sort=list(CLEAR.values()),
                    scale=alt.Scale(domain=list(CLEAR.values()), range=[[1, 0], [5, 4]]),
                ),
            )
        )
        base = alt.Chart(steps).encode(
            x=alt.X("x_label:Q", scale=across, axis=None), y=alt.Y("y_label:Q", scale=up, axis=None)
        )
        paper = base.mark_point(filled=True, size=700, opacity=1, color=PAPER)
        number = base.mark_text(color=INK, fontWeight="bold").encode(text="printed:N")
        node = alt.Chart(nodes).encode(
            x=alt.X("x:Q", scale=across, axis=None), y=alt.Y("y:Q", scale=up, axis=None)
        )
        circle = node.mark_point(filled=True, size=160, opacity=1, color=INK)
        named = [
            alt.Chart(nodes[nodes["y"] > LOW] if above else nodes[nodes["y"] <= LOW])
            .mark_text(color=INK, dy=-16 if above else 18, fontWeight="bold")
            .encode(
                x=alt.X("x:Q", scale=across, axis=None), y=alt.Y("y:Q", scale=up, axis=None), text="name:N"
            )
            for above in (True, False)
        ]
        return alt.layer(line, paper, number, circle, *named).properties(width=width, height=320)

    return Figure(
        title=f"The strongest step of the supposed chain is {most['route']}: {most['printed']} standard "
        "deviations",
        alt=f"Path diagram, from left to right, standardised: {told}. Orange steps are negative.",
        draw=draw,
        tables=("routes",),
    )


LOW = 0.01
"""Height up to which a name stands under its place, so that no step runs through it."""
NEAR = 0.36
"""How far along a step its number stands: in the middle, those of two that cross would lie on each other."""


def general_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """What of each sum all items share, what is left to the theme alone, and the rest."""
    table = table_of(section, "general_factor")
    table["rest"] = 1.0 - table["omega"].astype(float)
    names = {"omega_general": "shared by all items", "omega_group": "the theme alone", "rest": "error"}
    long = table.melt(
        [key for key in table if key not in names], list(names), var_name="key", value_name="share"
    )
    long["part_of"], long["place"] = long["key"].map(names), long["key"].map(list(names).index)
    order, parts = list(names.values()), table.iloc[1:]
    own = parts["omega_group"].to_numpy(dtype=float)
    ends = [
        f"{format_value(float(own[row]), 'percent')} ({parts['title'].iloc[row]})"
        for row in (int(own.argmin()), int(own.argmax()))
    ]
    long["label"] = [wrapped(title) for title in long["title"]]

    def draw(width: int) -> Chart:
        return (
            alt.Chart(long)
            .mark_bar(height=18)
            .encode(
                y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelExpr=LINES)),
                x=alt.X(
                    "share:Q",
                    stack="zero",
                    title="Share of the differences between people",
                    axis=alt.Axis(format=".0%", tickCount=5),
                    scale=alt.Scale(domain=[0, 1], clamp=True),
                ),
                color=alt.Color(
                    "part_of:N",
                    title=None,
                    sort=order,
                    scale=alt.Scale(domain=order, range=[BLUE, ORANGE, MUTED]),
                ),
                order=alt.Order("place:Q"),
            )
            .properties(width=width, height=38 * len(table) + 60)
        )

    return Figure(
        title=f"What is left to a theme alone runs from {ends[0]} to {ends[1]}",
        alt=f"Bars of each sum, split into what all items share, the theme alone and error. The theme alone: "
        f"{ends[0]} to {ends[1]}.",
        draw=draw,
        tables=("general_factor",),
        told=(("part_of", "Part", "text"), ("share", "Share", "percent")),
    )


def steps_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """How many people there were at each step from enrolment to the analysis."""
    table = table_of(section, "flow")
    table["label"] = [wrapped(step, 40) for step in table["step"]]
    by_step = dict(zip(table["id"], table["n"], strict=True))
    whole, used = by_step.get("enrolled"), by_step.get("analysed")
    known = whole is not None and used is not None
    title = (
        f"{used:.0f} of {whole:.0f} people enrolled could be analysed" if known else "Who could be analysed"
    )

    def draw(width: int) -> Chart:
        base = alt.Chart(table).encode(
            y=alt.Y(
                "label:N",
                sort=None,
                title=None,
                axis=alt.Axis(labelExpr=LINES, labelLimit=round(width * 0.5)),
            )
        )
        bars = base.mark_bar(color=BLUE, height=14).encode(
            x=alt.X("n:Q", title="People", axis=alt.Axis(tickMinStep=1, tickCount=4, format=",d"))
        )
        numbers = base.mark_text(align="left", dx=4, color=INK).encode(
            x="n:Q", text=alt.Text("n:Q", format=",d")
        )
        tall = sum(14 * label.count("\n") + 22 for label in table["label"])
        return (bars + numbers).properties(width=width, height=tall + 50)

    return Figure(
        title=title,
        alt="; ".join(f"{step}: {n:.0f}" for step, n in zip(table["step"], table["n"], strict=True)) + ".",
        draw=draw,
        tables=("flow",),
    )


HALF = 0.5 - 1e-9


def spread_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """How many people have which score, one small panel for each score."""
    table = table_of(section, "spread")
    table["label"] = [wrapped(title) for title in table["title"]]
    labels = list(dict.fromkeys(table["label"]))
    half: dict[str, float] = {}  # upper end of the place where half of the people are reached
    for title, own in table.groupby("title", sort=False):
        step = own["end"].iloc[0] - own["start"].iloc[0]
        lowest, highest = own["start"] + step / 2, own["end"] - step / 2
        table.loc[own.index, "told"] = [
            format_value(low, "d2")
            if high - low < step / 2
            else f"{format_value(low, 'd2')} to {format_value(high, 'd2')}"
            for low, high in zip(lowest, highest, strict=True)
        ]
        half[str(title)] = float(highest[own["share"].cumsum() >= HALF].iloc[0])
    table["none"] = 0.0
    least, most = min(half, key=lambda title: half[title]), max(half, key=lambda title: half[title])
    said = f"{format_value(half[least], 'd2')} or less on {least}"
    if half[most] > half[least]:
        said += f", {format_value(half[most], 'd2')} or less on {most}"

    def draw(width: int) -> Chart:
        columns = 1 if width < WIDE - 100 else 2 if len(labels) in (2, 4) else 3
        panel = (
            alt.Chart(table)
            .mark_bar(color=BLUE, stroke=PAPER, strokeWidth=1)
            .encode(
                x=alt.X(
                    "start:Q", title=None, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(tickCount=5)
                ),
                x2="end:Q",
                y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%", tickCount=3)),
                y2="none:Q",
            )
            .properties(width=round(width / columns - 60), height=110)
        )
        head = alt.Header(labelExpr=LINES, labelAnchor="start", labelFontWeight="bold")
        facet = alt.Facet("label:N", sort=labels, title=None, header=head)
        return panel.facet(facet=facet, columns=columns).resolve_scale(x="independent")

    return Figure(
        title=f"At least half of the people score {said}",
        alt=f"Histograms of {len(labels)} scores at the first wave. At least half of the people score "
        f"{said}.",
        draw=draw,
        tables=("spread",),
        told=(("told", "Score", "text"),),
    )
