"""Routes of a chain with intervals, and what a hidden cause would do to them."""

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
from instrument.common.formatting import format_value, with_interval


def mechanism_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Standardised strength of every route, direct steps first; the dashed line is none."""
    table, level = table_of(section, "routes"), level_told(section)
    table = table[table["kind"].isin(["direct", "indirect"])].copy()
    # limits on the scale of the point: a route's limits are scaled by the same two deviations
    turn = (table["standardized"] / table["estimate"]).where(table["estimate"] != 0, 1.0)
    table["low"], table["high"] = table["boot_lower"] * turn, table["boot_upper"] * turn
    table["label"] = [wrapped(route, 30) for route in table["route"]]
    told = "; ".join(
        f"{row['route']} {with_interval(row['standardized'], row['low'], row['high'], 'd2')}"
        for row in table.to_dict("records")
    )

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        base = alt.Chart(table)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows, x=alt.X("low:Q", title=f"Standardised, {level} interval"), x2="high:Q"
        )
        point = base.mark_point(filled=True, size=90, opacity=1, color=BLUE).encode(
            y=rows, x="standardized:Q"
        )
        zero = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(
            color=MUTED, strokeDash=[5, 4], strokeWidth=1.5
        )
        return (zero.encode(x="none:Q") + line + point).properties(width=width, height=32 * len(table) + 60)

    return Figure(
        title="How strong each route of the supposed chain is",
        alt=f"Standardised strength with {level} bootstrap interval: {told}.",
        draw=draw,
        tables=("routes",),
    )


def hidden_cause_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Indirect effects over the supposed correlation of two error terms."""
    table = table_of(section, "sensitivity")
    routes = list(dict.fromkeys(table["route"]))
    known = table_of(section, "robustness") if "robustness" in section["tables"] else None
    points = {} if known is None else dict(zip(known["route"], known["rho_at_zero"], strict=True))
    told = "; ".join(
        f"{route} is nothing at {format_value(points[route], 'r2')}" for route in routes if route in points
    )
    palette, dashes = list(SERIES[: len(routes)]), [list(dash) for dash in DASHES[: len(routes)]]
    near = table[table["rho"].abs() <= 0.6]

    def draw(width: int) -> Chart:
        colour = alt.Color("route:N", title=None, sort=routes, scale=alt.Scale(domain=routes, range=palette))
        dash = alt.StrokeDash(
            "route:N", title=None, sort=routes, scale=alt.Scale(domain=routes, range=dashes)
        )
        base = alt.Chart(near).encode(
            x=alt.X("rho:Q", title="Supposed correlation of what is left unexplained")
        )
        bands = [
            alt.Chart(near[near["route"] == route])
            .mark_area(fill=shade, fillOpacity=0.18, stroke=shade, strokeWidth=1)
            .encode(x="rho:Q", y="ci_lower:Q", y2="ci_upper:Q")
            for route, shade in zip(routes, palette, strict=True)
        ]
        line = base.mark_line(strokeWidth=2).encode(
            y=alt.Y("estimate:Q", title="Indirect effect"), color=colour, strokeDash=dash
        )
        zero = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(
            color=MUTED, strokeDash=[5, 4], strokeWidth=1.5
        )
        return alt.layer(*bands, line, zero.encode(y="none:Q")).properties(width=width, height=260)

    return Figure(
        title="What a hidden cause would do to the routes",
        alt=f"Indirect effect with 95% band by the correlation a hidden cause leaves between errors: {told}.",
        draw=draw,
        tables=("sensitivity", "robustness"),
    )
