"""Answers to each item as diverging bars: below the middle to the left, above it to the right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import (
    BLUES,
    GRID,
    INK,
    MUTED,
    ORANGES,
    PAPER,
    Chart,
    Figure,
    Section,
    of_what_is_shown,
    table_of,
)
from instrument.common.formatting import format_value


def distribution_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """One row per item; a neutral middle option stands apart at the right."""
    name = f"distribution_{meta['part']}"
    table = table_of(section, name)
    if table.empty:  # no row is told in a shared copy
        raise ValueError(name)
    labels = {
        key: column["label"]
        for key, column in section["captions"][name]["columns"].items()
        if key.startswith("share_")
    }
    bars, neutral = _bars(table, list(labels), labels)
    key, option = list(labels.items())[-1]
    told = _most_and_least(table, key, option) + of_what_is_shown(section, name)

    def draw(width: int) -> Chart:
        return _diverging(bars, neutral, list(labels.values()), width, len(table))

    def live(width: int) -> Chart:
        return _stacked(table, labels, width)

    return Figure(
        title=told + ("; the middle option in grey" if neutral is not None else ""),
        alt=f"Diverging bars of the answers to {len(table)} {'item' if len(table) == 1 else 'items'}. "
        f"{_upper(table, list(labels))}",
        draw=draw,
        tables=(name,),
        told=(("option", "Answer", "text"), ("share", "Share of answers", "percent")),
        live=None if neutral is None else live,
    )


def _upper(table: pd.DataFrame, keys: list[str]) -> str:
    """Say of which items the upper options were chosen most and least; nothing of those without an answer."""
    answered = table.dropna(subset=keys, how="all").reset_index(drop=True)
    if answered.empty:
        return "Nobody answered."
    agree = answered[keys[-(len(keys) // 2) :]].sum(axis=1)
    high, low = answered["item"][int(agree.argmax())], answered["item"][int(agree.argmin())]
    return (
        f"Answers on the upper options are most frequent for {high} ({agree.max():.0%}) and least for {low} "
        f"({agree.min():.0%})."
    )


def _most_and_least(table: pd.DataFrame, key: str, option: str) -> str:
    """Say of which items an option was chosen most and least often."""
    shares = table.dropna(subset=[key])
    if shares.empty:
        return "Answers to each item"
    values = shares[key].to_numpy(dtype=float)
    ends = [shares.iloc[int(values.argmax())], shares.iloc[int(values.argmin())]]
    highest, lowest = (format_value(row[key], "percent") for row in ends)
    most, least = f"“{ends[0]['item']}” ({highest})", f"“{ends[1]['item']}” ({lowest})"
    if values.max() == 0:
        return f"Nobody answers “{option}” to any item ({highest})"
    if len(shares) == 1:
        return f"“{option}” is the answer to {most}"
    if highest == lowest:
        return f"“{option}” is answered to every item alike often ({highest})"
    return f"“{option}” is answered most often to {most}, least often to {least}"


def _bars(
    table: pd.DataFrame, keys: list[str], labels: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Place each share: from the centre outwards, lower options to the left."""
    half = len(keys) // 2
    lower, upper = keys[:half], keys[-half:]
    rows = []
    for _, row in table.iterrows():
        for side, sign in ((lower[::-1], -1), (upper, 1)):
            start = 0.0
            for key in side:
                share = float(row[key] or 0.0)
                place = {"start": sign * start, "end": sign * (start + share)}
                rows.append({"item": row["item"], "option": labels[key], "share": share, **place})
                start += share
    middle = None
    if len(keys) % 2:
        key = keys[half]
        middle = pd.DataFrame(
            {"item": table["item"], "option": labels[key], "share": table[key].astype(float), "start": 0.0}
        )
    return pd.DataFrame(rows), middle


def _stacked(table: pd.DataFrame, labels: Mapping[str, str], width: int) -> Chart:
    """Whole bars, option after option: what a page draws where the middle option would stand apart."""
    options, half = list(labels.values()), len(labels) // 2
    steps = [round(4 * step / max(half - 1, 1)) for step in range(half)]
    colours = [ORANGES[step] for step in steps] + [MUTED] + [BLUES[step] for step in steps[::-1]]
    rows = table[["item", "n", *labels]].melt(["item", "n"], list(labels), var_name="key", value_name="share")
    rows["option"], rows["place"] = rows["key"].map(dict(labels)), rows["key"].map(list(labels).index)
    side_by_side = max(1, int(width / (LETTER * max(map(len, options)) + KEY)))
    legend = alt.Legend(columns=side_by_side if side_by_side < len(options) else 0)
    return (
        alt.Chart(rows.drop(columns="key"))
        .mark_bar(height=12, stroke=PAPER, strokeWidth=0.5)
        .encode(
            y=alt.Y("item:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False)),
            x=alt.X(
                "share:Q",
                stack="zero",
                title="Share of answers",
                axis=alt.Axis(format="%", tickCount=5),
                scale=alt.Scale(domain=[0, 1], clamp=True),
            ),
            color=alt.Color(
                "option:N",
                title=None,
                scale=alt.Scale(domain=options, range=colours),
                sort=options,
                legend=legend,
            ),
            order=alt.Order("place:Q"),
        )
        .properties(width=width, height=17 * len(table) + 60 + 18 * -(-len(options) // side_by_side))
    )


LETTER, KEY = 6.5, 30
"""Pixels of a letter, and of a colour with its distances, in the legend."""


def _diverging(
    bars: pd.DataFrame, neutral: pd.DataFrame | None, options: list[str], width: int, n_items: int
) -> Chart:
    half = len(options) // 2
    sides = [*options[:half], *options[-half:]]
    steps = [round(4 * step / max(half - 1, 1)) for step in range(half)]
    colours = [ORANGES[step] for step in steps] + [BLUES[step] for step in steps[::-1]]
    height = 17 * n_items
    side_by_side = max(1, int(width / (LETTER * max(map(len, sides)) + KEY)))
    legend = alt.Legend(columns=side_by_side if side_by_side < len(sides) else 0)
    rows = alt.Y("item:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False))
    main_width = round((width - 60) * (0.75 if neutral is not None else 1))
    main = (
        alt.Chart(bars)
        .mark_bar(height=12, stroke=PAPER, strokeWidth=0.5)
        .encode(
            y=rows,
            x=alt.X(
                "start:Q", title="Share of answers", axis=alt.Axis(format="%", tickCount=5), scale=_span(bars)
            ),
            x2="end:Q",
            color=alt.Color(
                "option:N",
                title=None,
                scale=alt.Scale(domain=sides, range=colours),
                sort=sides,
                legend=legend,
            ),
        )
    )
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=INK, strokeWidth=1).encode(x="at:Q")
    left = (main + zero).properties(width=main_width, height=height)
    if neutral is None:
        return left
    middle = (
        alt.Chart(neutral)
        .mark_bar(height=12, color=MUTED, opacity=0.75)
        .encode(
            y=alt.Y("item:N", sort=None, title=None, axis=None),
            x=alt.X(
                "share:Q",
                title=options[half],
                axis=alt.Axis(format="%", tickCount=2, gridColor=GRID),
                scale=alt.Scale(domain=[0, max(0.1, float(neutral["share"].max()))], nice=True),
            ),
        )
        .properties(width=round((width - 60) * 0.25 - 24), height=height)
    )
    return alt.hconcat(left, middle, spacing=14)


def _span(bars: pd.DataFrame) -> alt.Scale:
    most = float(bars["end"].abs().max())
    return alt.Scale(domain=[-max(0.1, -float(bars["end"].min())), max(0.1, most)], nice=True)
