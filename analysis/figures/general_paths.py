"""Path diagrams of the structures with a general factor: over the themes, and beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures.base import (
    BLUE,
    INK,
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

GENERAL, GENERAL_AT = "General factor", 0.04
OVER = {"factor": 0.36, "item": 0.62}
BESIDE = {"item": 0.3, "factor": 0.93}
"""Places across the figure: of factors, and of the words of items."""
ROW = 17
"""Pixels of an item."""
X = alt.Scale(domain=[0, 1], nice=False, zero=False)
THICK = alt.Scale(domain=[0, 1], range=[0.3, 3.2])


def second_order_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """A general factor over the factors of the themes, and these over their items."""
    table = table_of(section, "second_order")
    upper = table[table["factor"] == GENERAL]
    lower = table[table["factor"] != GENERAL].copy()
    factors = _rows(lower)
    level = dict(zip(factors["factor"], factors["low"], strict=True))
    upper = upper.assign(low=[level[name] for name in upper["item"]])
    middle = float(upper["low"].mean())
    paths = [
        _edges(upper["loading"], [GENERAL_AT, OVER["factor"]], middle, upper["low"]),
        _edges(lower["loading"], [OVER["factor"], OVER["item"]], lower["high"], lower["low"]),
    ]
    numbers = pd.DataFrame(
        {
            "at": GENERAL_AT + 0.55 * (OVER["factor"] - GENERAL_AT),
            "low": middle + 0.55 * (upper["low"] - middle),
            "printed": [format_value(value, "r2") for value in upper["loading"]],
        }
    )
    nodes = pd.concat(
        [
            factors.assign(at=OVER["factor"]),
            pd.DataFrame({"factor": [GENERAL], "low": [middle], "at": [GENERAL_AT]}),
        ]
    )
    lower["label"] = [
        f"{format_value(value, 'r2')}  {item}"
        for item, value in zip(lower["item"], lower["loading"], strict=True)
    ]
    height = len(lower) + len(factors)

    def draw(width: int) -> Chart:
        room = round(width * (1 - OVER["item"])) - 10
        names = _words(lower, OVER["item"], "left", 6, room, width)
        found = [*map(_lines, paths), names, *_nodes(nodes, width), *_clear(numbers)]
        return _whole(found, width, height)

    ends = [format_value(end, "r2") for end in upper["loading"].agg(["min", "max"])]
    least = upper.iloc[int(upper["loading"].to_numpy(dtype=float).argmin())]["item"]
    return Figure(
        title=f"The themes load on a general factor from {ends[0]} ({least}) to {ends[1]}",
        alt=f"Path diagram of a general factor over {len(factors)} themes, standardised: "
        + "; ".join(
            f"{name} {format_value(value, 'r2')}"
            for name, value in zip(upper["item"], upper["loading"], strict=True)
        )
        + f". The items load on their themes from {_ends(lower)}.",
        draw=draw,
        tables=("second_order",),
    )


def bifactor_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Items between a general factor, to the left, and what is left to the factor of their theme."""
    table = table_of(section, "bifactor")
    general = table[table["factor"] == GENERAL].set_index("item")["loading"]
    own = table[table["factor"] != GENERAL].copy()
    factors = _rows(own)
    own["general"] = [float(general.get(item, np.nan)) for item in own["item"]]
    middle = float(factors["low"].mean())
    known = own.dropna(subset=["general"])
    paths = [
        _edges(known["general"], [GENERAL_AT, BESIDE["item"]], middle, known["low"]),
        _edges(own["loading"], [BESIDE["factor"], BESIDE["factor"] - 0.16], own["high"], own["low"]),
    ]
    own["label"] = [
        f"{format_value(None if np.isnan(value) else value, 'r2')}  {item}"
        for item, value in zip(own["item"], own["general"], strict=True)
    ]
    numbers = own.assign(label=[format_value(value, "r2") for value in own["loading"]])
    nodes = pd.concat(
        [
            factors.assign(at=BESIDE["factor"]),
            pd.DataFrame({"factor": [GENERAL], "low": [middle], "at": [GENERAL_AT]}),
        ]
    )
    heads = pd.DataFrame(  # in the free row above the items of each theme
        {
            "label": factors["factor"],
            "low": own.groupby("factor", sort=False)["low"].min().to_numpy() - 1.0,
        }
    )
    height = len(own) + len(factors)

    def draw(width: int) -> Chart:
        room = round(width * (BESIDE["factor"] - 0.16 - BESIDE["item"])) - 40  # and the number beside it
        names = _words(own, BESIDE["item"], "left", 6, room, width)
        right = _words(numbers, BESIDE["factor"] - 0.16, "right", -4, 60, width)
        above = _words(heads, 1.0, "right", 0, round(width * 0.6), width).encode(text=alt.Text("label:N"))
        above.mark.fontWeight = "bold"
        return _whole([*map(_lines, paths), names, right, above, *_nodes(nodes, width)], width, height)

    stronger = int((known["general"].abs() > known["loading"].abs()).sum())
    return Figure(
        title=f"{stronger} of {len(known)} items load on the general factor more than on what is left to "
        "their theme",
        alt=f"Path diagram of {len(own)} items between a general factor (loadings from "
        f"{_ends(known.assign(loading=known['general']))}) and {len(factors)} factors of themes (from "
        f"{_ends(own)}), standardised.",
        draw=draw,
        tables=("bifactor",),
    )


def _ends(table: pd.DataFrame) -> str:
    low, high = (format_value(end, "r2") for end in table["loading"].agg(["min", "max"]))
    return f"{low} to {high}"


def _rows(lower: pd.DataFrame) -> pd.DataFrame:
    """Give each item its row, a free one between themes, and each factor the middle of its items."""
    block = lower["factor"].ne(lower["factor"].shift()).cumsum() - 1
    lower["low"] = np.arange(len(lower)) + block.to_numpy(dtype=float)
    lower["high"] = lower.groupby("factor", sort=False)["low"].transform("mean")
    return lower.groupby("factor", sort=False)["low"].mean().reset_index()


def _edges(loading: pd.Series, across: Sequence[float], start: Any, end: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "loading": loading.to_numpy(dtype=float),
            "start": across[0],
            "end": across[1],
            "high": start if np.isscalar(start) else np.asarray(start),
            "low": np.asarray(end),
            "strength": np.minimum(loading.abs().to_numpy(dtype=float), 1.0),
        }
    )


def _at(field: str) -> alt.X:
    return alt.X(f"{field}:Q", scale=X, axis=None)


def _up(field: str = "low") -> alt.Y:
    return alt.Y(f"{field}:Q", axis=None)


def _lines(edges: pd.DataFrame) -> alt.Chart:
    return (
        alt.Chart(edges)
        .mark_rule()
        .encode(
            x=_at("start"),
            x2="end:Q",
            y=_up("high"),
            y2="low:Q",
            strokeWidth=alt.StrokeWidth("strength:Q", scale=THICK, legend=None),
            color=alt.condition("datum.loading < 0", alt.value(ORANGE), alt.value(BLUE)),
        )
    )


def _words(table: pd.DataFrame, at: float, align: Any, dx: int, room: int, width: int) -> alt.Chart:
    letters = letters_in(room, type_size(width))
    short = [text if len(text) <= letters else f"{text[: letters - 1]}…" for text in table["label"]]
    return (
        alt.Chart(table[["low"]].assign(at=at, label=short))
        .mark_text(align=align, dx=dx, color=INK, limit=room)
        .encode(x=_at("at"), y=_up(), text="label:N")
    )


def _nodes(nodes: pd.DataFrame, width: int) -> list[alt.Chart]:
    """Dots of the factors, and their names above them on paper that keeps lines off the letters."""
    told = nodes.assign(
        label=["\n".join(lines_of(name, 18 if width >= PHONE else 11)) for name in nodes["factor"]]
    )
    told["high"] = told["low"] - 0.8 * told["label"].str.count("\n")  # the first line of a name
    found = [
        alt.Chart(told).mark_point(filled=True, size=150, opacity=1, color=BLUE).encode(x=_at("at"), y=_up())
    ]
    for side, part in (
        ("left", told[told["at"] < 0.1]),
        ("center", told[told["at"].between(0.1, 0.8)]),
    ):
        if not len(part):
            continue
        look: dict[str, Any] = {
            "align": side,
            "baseline": "bottom",
            "dx": {"left": -12, "center": 0}[side],
            "dy": -12,
            "lineBreak": "\n",
            "fontWeight": "bold",
        }
        named = alt.Chart(part).encode(x=_at("at"), y=_up("high"), text="label:N")
        found += [
            named.mark_text(color=PAPER, stroke=PAPER, strokeWidth=4, **look),
            named.mark_text(color=INK, **look),
        ]
    return found


def _clear(numbers: pd.DataFrame) -> list[alt.Chart]:
    """Numbers on their paths, on paper of their own."""
    base = alt.Chart(numbers).encode(x=_at("at"), y=_up(), text="printed:N")
    return [base.mark_text(color=PAPER, stroke=PAPER, strokeWidth=5), base.mark_text(color=INK)]


def _whole(layers: Sequence[alt.Chart], width: int, height: int) -> Chart:
    y = alt.Scale(domain=[height, -2], nice=False, zero=False)
    made = [layer.encode(y=layer.encoding.y.scale(y)) for layer in layers]
    return alt.layer(*made).properties(width=width, height=ROW * (height + 2))
