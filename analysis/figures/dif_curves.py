"""Expected answers of groups along a theme, of the items on which people alike part most by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import (
    BLUE,
    DASHES,
    INK,
    MUTED,
    ORANGE,
    PHONE,
    PLUM,
    Chart,
    Figure,
    Section,
    lines_of,
    table_of,
)
from instrument.common.formatting import format_value

TINTS = (BLUE, ORANGE, PLUM, MUTED)


def dif_curves_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """One panel per grouping, in it a line per group: what people of equal standing would answer."""
    table = table_of(section, "curves")
    low, high = float(table["expected"].min()), float(table["expected"].max())
    parts = list(table.groupby("grouping", sort=False))
    widest = max((_widest(part) for _, part in parts), key=lambda found: found["gap"])
    said = (
        f"“{widest['item']}” by {widest['grouping']}: at a standing of {format_value(widest['at'], 'd2')}, "
        f"{format_value(widest['most'], 'd2')} ({widest['upper']}) against "
        f"{format_value(widest['least'], 'd2')} ({widest['lower']})"
    )

    tests = table_of(section, "items")
    own_test = tests[(tests["grouping"] == widest["grouping"]) & (tests["item"] == widest["item"])]
    chance = "" if own_test["significant"].fillna(False).astype(bool).any() else "; not told from chance"

    def panel(grouping: str, own: pd.DataFrame, width: int) -> Chart:
        groups = list(pd.unique(own["group"]))
        head = lines_of(f"“{own['item'].iloc[0]}” by {grouping}", 36)
        # a fifth group and more share the looks of the first: the answer to the pointer names them all
        looks = [
            [choices[place % len(choices)] for place in range(len(groups))] for choices in (TINTS, DASHES)
        ]
        return (
            alt.Chart(own)
            .mark_line(strokeWidth=2, interpolate="monotone")
            .encode(
                x=alt.X("at:Q", title="Standing on the theme", axis=alt.Axis(grid=False, tickCount=5)),
                y=alt.Y(
                    "expected:Q",
                    title="Expected answer",
                    scale=alt.Scale(domain=[low, high], nice=True, zero=False),
                    axis=alt.Axis(tickCount=5),
                ),
                color=alt.Color(
                    "group:N", title=None, sort=groups, scale=alt.Scale(domain=groups, range=looks[0])
                ),
                strokeDash=alt.StrokeDash(
                    "group:N", title=None, sort=groups, scale=alt.Scale(domain=groups, range=looks[1])
                ),
            )
            .properties(
                width=width,
                height=150,
                title=alt.TitleParams(head, color=INK, fontSize=11, anchor="start"),
            )
        )

    def draw(width: int) -> Chart:
        across = 1 if width < PHONE or len(parts) == 1 else 2
        each = round(width / across - 60)
        panels = [panel(str(grouping), own, each) for grouping, own in parts]
        rows = [alt.hconcat(*panels[start : start + across]) for start in range(0, len(panels), across)]
        return alt.vconcat(*rows).resolve_scale(color="independent", strokeDash="independent")

    return Figure(
        title=f"People of equal standing part most by group on {said}{chance}",
        alt=f"Lines of the expected answer along the theme, one per group, in {len(parts)} "
        f"{'panel' if len(parts) == 1 else 'panels'}. Furthest apart: {said}{chance}.",
        draw=draw,
        tables=("curves",),
    )


def _widest(part: pd.DataFrame) -> dict[str, Any]:
    """Give the standing at which the groups of one grouping lie furthest apart, and which two they are."""
    wide = part.pivot_table(index="at", columns="group", values="expected", sort=False)
    gap = wide.max(axis=1) - wide.min(axis=1)
    place = int(gap.to_numpy(dtype=float).argmax())
    row = wide.iloc[place]
    return {
        "grouping": part["grouping"].iloc[0],
        "item": part["item"].iloc[0],
        "at": wide.index[place],
        "gap": float(gap.iloc[place]),
        "most": row.max(),
        "least": row.min(),
        "upper": row.idxmax(),
        "lower": row.idxmin(),
    }
