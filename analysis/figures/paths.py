"""Path diagram of the model with a factor per theme: what loads on what, and what goes together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures.base import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PHONE,
    Chart,
    Figure,
    Section,
    letters_in,
    lines_of,
    table_of,
    type_size,
)
from instrument.common.formatting import format_value

FACTOR_AT, ITEM_AT = 0.36, 0.74  # places across the figure
ARC_STEPS = 25
LEFTMOST = 0.1  # of the width: left of an arc that reaches so far is no room for its number
ROW = 17  # pixels of an item


def paths_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Factors, their items and loadings; arcs join factors, the thicker the higher their correlation."""
    loadings = table_of(section, "loadings")
    between = table_of(section, "factor_correlations") if "factor_correlations" in section["tables"] else None
    edges = _placed(loadings)
    factors = edges.groupby("factor", sort=False)["low"].mean().rename("low").reset_index()
    factors["at"] = FACTOR_AT
    arcs = _arcs(between, factors)
    rows = len(edges) + len(factors)

    def draw(width: int) -> Chart:
        x = alt.Scale(domain=[0, 1], nice=False, zero=False)
        y = alt.Scale(domain=[rows, -1], nice=False, zero=False)
        thick = alt.Scale(domain=[0, 1], range=[0.3, 3.2])
        layers = []
        if len(arcs):
            layers.append(
                alt.Chart(arcs)
                .mark_line(color=MUTED, fill=None)
                .encode(
                    x=alt.X("at:Q", scale=x, axis=None),
                    y=alt.Y("low:Q", scale=y, axis=None),
                    detail="pair:N",
                    order=alt.Order("start:Q"),
                    strokeWidth=alt.StrokeWidth("strength:Q", scale=thick, legend=None),
                )
            )
            tops = arcs[arcs["start"].sub(np.pi / 2).abs() < 1e-9]
            outermost = tops["at"] < LEFTMOST  # its number stands inside of it, the others' left of theirs
            inside: dict[str, Any] = {"align": "left", "dx": 5}
            outside: dict[str, Any] = {"align": "right", "dx": -4}
            for side, look in ((tops[outermost], inside), (tops[~outermost], outside)):
                if len(side):
                    layers.append(
                        alt.Chart(side)
                        .mark_text(color=INK, **look)
                        .encode(
                            x=alt.X("at:Q", scale=x, axis=None),
                            y=alt.Y("low:Q", scale=y, axis=None),
                            text="printed:N",
                        )
                    )
        line = (
            alt.Chart(edges)
            .mark_rule()
            .encode(
                x=alt.X("start:Q", scale=x, axis=None),
                x2="end:Q",
                y=alt.Y("high:Q", scale=y, axis=None),
                y2="low:Q",
                strokeWidth=alt.StrokeWidth("strength:Q", scale=thick, legend=None),
                color=alt.condition("datum.loading < 0", alt.value(ORANGE), alt.value(BLUE)),
            )
        )
        room = round(width * (1 - ITEM_AT)) - 10  # a longer label is cut, never its number
        letters = letters_in(room, type_size(width))
        short = edges.assign(label=[_cut(label, letters) for label in edges["label"]])
        names = (
            alt.Chart(short)
            .mark_text(align="left", dx=6, color=INK, limit=room)
            .encode(
                x=alt.X("end:Q", scale=x, axis=None), y=alt.Y("low:Q", scale=y, axis=None), text="label:N"
            )
        )
        x_of, y_of = alt.X("at:Q", scale=x, axis=None), alt.Y("low:Q", scale=y, axis=None)
        told = factors.assign(
            label=["\n".join(lines_of(name, _letters(width))) for name in factors["factor"]]
        )
        told["high"] = told["low"] - 0.8 * told["label"].str.count("\n")  # first line of the label
        node = alt.Chart(factors).mark_point(filled=True, size=150, opacity=1, color=BLUE)
        named: dict[str, Any] = {
            "align": "center",
            "baseline": "bottom",
            "dy": -12,
            "lineBreak": "\n",
            "fontWeight": "bold",
        }
        titled = alt.Chart(told).encode(
            x=x_of, y=alt.Y("high:Q", scale=y, axis=None), text="label:N"
        )  # paper around the letters keeps them clear of the lines they cross
        clear = titled.mark_text(color=PAPER, stroke=PAPER, strokeWidth=4, **named)
        layers += [line, names, node.encode(x=x_of, y=y_of), clear, titled.mark_text(color=INK, **named)]
        return alt.layer(*layers).properties(width=width, height=ROW * (rows + 1))

    told = "; ".join(
        f"{name} {format_value(part['loading'].min(), 'r2')} to {format_value(part['loading'].max(), 'r2')}"
        for name, part in loadings.groupby("factor", sort=False)
    )
    ends = [format_value(end, "r2") for end in loadings["loading"].agg(["min", "max"])]
    title, more = f"Standardised loadings run from {ends[0]} to {ends[1]}", ""
    if between is not None:
        ends = [format_value(end, "r2") for end in between["r"].agg(["min", "max"])]
        more = f" Correlations between factors run from {ends[0]} to {ends[1]}."
        title += (
            f"; the factors correlate from {ends[0]} to {ends[1]} (arcs)"
            if len(between) > 1
            else f"; the factors correlate {ends[0]} (arc)"
        )
    return Figure(
        title=title,
        alt=f"Standardised loadings by factor: {told}.{more}",
        draw=draw,
        tables=("loadings",) if between is None else ("loadings", "factor_correlations"),
    )


def _letters(width: int) -> int:
    """Letters in a line of a factor's name: as many as keep it off the numbers of the arcs beside it."""
    return 22 if width >= PHONE else 13


def _cut(label: str, letters: int) -> str:
    return label if len(label) <= letters else f"{label[: letters - 1]}…"


def _placed(loadings: pd.DataFrame) -> pd.DataFrame:
    """Edges with their ends; a free row stands between the items of two factors."""
    block = loadings["factor"].ne(loadings["factor"].shift()).cumsum() - 1
    edges = loadings[["factor", "item", "loading"]].assign(
        low=np.arange(len(loadings)) + block.to_numpy(dtype=float),
        start=FACTOR_AT,
        end=ITEM_AT,
        strength=loadings["loading"].abs(),
    )
    edges["high"] = edges.groupby("factor", sort=False)["low"].transform("mean")
    edges["label"] = [
        f"{format_value(loading, 'r2')}  {item}"
        for item, loading in zip(edges["item"], edges["loading"], strict=True)
    ]
    return edges


def _arcs(between: pd.DataFrame | None, factors: pd.DataFrame) -> pd.DataFrame:
    """Half ellipses to the left of the factors, wider the farther these are apart."""
    columns = ["pair", "at", "low", "start", "strength", "printed"]
    if between is None:
        return pd.DataFrame(columns=columns)
    level = dict(zip(factors["factor"], factors["low"], strict=True))
    most = max(level.values()) - min(level.values()) or 1.0
    turn = np.linspace(0, np.pi, ARC_STEPS)
    parts = []
    for one, other, r in between[["one", "other", "r"]].itertuples(index=False):
        low, high = sorted((level[one], level[other]))
        reach = FACTOR_AT * 0.97 * (high - low) / most
        parts.append(
            pd.DataFrame(
                {
                    "pair": f"{one} with {other}",
                    "at": FACTOR_AT - reach * np.sin(turn),
                    "low": (low + high) / 2 - (high - low) / 2 * np.cos(turn),
                    "start": turn,
                    "strength": abs(r),
                    "printed": format_value(r, "r2"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[columns]
