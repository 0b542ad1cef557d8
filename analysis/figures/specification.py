"""A number along every path of a multiverse, in order of size, with the choices behind each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import (
    BARE,
    BLUE,
    INK,
    LINES,
    MUTED,
    ORANGE,
    Chart,
    Figure,
    Section,
    table_of,
    wrapped,
)
from instrument.common.formatting import form_of_row, format_value

PLANNED, OTHER = "as planned", "other decisions"
FIXED = (
    "path",
    "position",
    "headline",
    "bounded",
    "planned",
    "n",
    "estimate",
    "ci_lower",
    "ci_upper",
    "status",
    "reason",
)


def specification_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Specification curve: estimates with intervals above, the choice of each entry below."""
    table = table_of(section, "paths")
    headline = meta["part"]
    rows = table[(table["headline"] == headline) & table["estimate"].notna()].sort_values("position")
    rows = rows.assign(kind=[PLANNED if planned else OTHER for planned in rows["planned"]])
    if rows.empty:
        raise ValueError(f"no path of {headline} can be drawn")
    entries = [name for name in table.columns if name not in FIXED]
    chosen = pd.concat(
        [
            pd.DataFrame(
                {
                    "position": rows["position"],
                    "label": [wrapped(f"{entry.replace('_', ' ')}: {choice}", 30) for choice in rows[entry]],
                    "kind": rows["kind"],
                }
            )
            for entry in entries
        ],
        ignore_index=True,
    )
    bounded = bool(rows["bounded"].iloc[0])
    told = [format_value(end, form_of_row("b3", bounded)) for end in rows["estimate"].agg(["min", "max"])]
    axis = BARE if bounded else alt.Axis()

    def draw(width: int) -> Chart:
        places = alt.X("position:Q", axis=alt.Axis(title=None, labels=False, ticks=False, grid=False))
        colour = alt.Color(
            "kind:N",
            title=None,
            sort=[PLANNED, OTHER],
            scale=alt.Scale(domain=[PLANNED, OTHER], range=[ORANGE, BLUE]),
        )
        shape = alt.Shape(
            "kind:N",
            title=None,
            sort=[PLANNED, OTHER],
            scale=alt.Scale(domain=[PLANNED, OTHER], range=["square", "circle"]),
        )
        value = alt.Y("estimate:Q", title=headline, axis=axis, scale=alt.Scale(zero=False))
        base = alt.Chart(rows)
        points = base.mark_point(filled=True, size=36, opacity=1).encode(
            x=places, y=value, color=colour, shape=shape
        )
        limits = rows[rows["ci_lower"].notna()]
        curve: alt.LayerChart | alt.Chart = points
        if len(limits):
            ends = alt.Y("ci_lower:Q", title=headline, axis=axis, scale=alt.Scale(zero=False))
            curve = (
                alt.Chart(limits).mark_rule(color=MUTED).encode(x=places, y=ends, y2="ci_upper:Q") + points
            )
        order = list(dict.fromkeys(chosen["label"]))
        lines = alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelExpr=LINES))
        ticks = alt.Chart(chosen).mark_tick(color=INK, thickness=1.5).encode(x=places, y=lines)
        tall = sum(16 + 14 * label.count("\n") for label in order)
        return alt.vconcat(
            curve.properties(width=width - 190, height=180), ticks.properties(width=width - 190, height=tall)
        ).resolve_scale(x="shared")

    return Figure(
        title=f"{headline} along every path, in order of size; below: the choices behind each",
        alt=f"{headline} over {len(rows)} paths, from {told[0]} to {told[1]}.",
        draw=draw,
        tables=("paths",),
    )
