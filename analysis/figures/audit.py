"""Agreement of two raters, by group of principles and by three coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.figures.base import BARE, INK, LINES, SERIES, SHAPES, Chart, Figure, Section, table_of, wrapped
from instrument.common.formatting import format_value

NAMES = {"kappa": "kappa", "ac1": "AC1", "pabak": "PABAK"}


def audit_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Three points with intervals per group; one that is not defined is left out."""
    table = table_of(section, "agreement")
    rows = [
        {
            "label": wrapped(row["title"]),
            "coefficient": name,
            "estimate": row[kind],
            "lower": row[f"{kind}_lower"],
            "upper": row[f"{kind}_upper"],
        }
        for row in table.to_dict("records")
        for kind, name in NAMES.items()
        if pd.notna(row[kind])
    ]
    long = pd.DataFrame(rows, columns=["label", "coefficient", "estimate", "lower", "upper"])
    names = list(NAMES.values())
    told = "; ".join(
        f"{row['title']} "
        + ", ".join(
            f"{name} {format_value(row[kind], 'r2')}" for kind, name in NAMES.items() if pd.notna(row[kind])
        )
        for row in table.to_dict("records")
    )

    def draw(width: int) -> Chart:
        base = alt.Chart(long).encode(
            y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES)),
            yOffset=alt.YOffset("coefficient:N", sort=names),
        )
        line = base.mark_rule(color=INK, strokeWidth=1.5).encode(
            x=alt.X("lower:Q", title="Agreement beyond chance, 95% interval", axis=BARE),
            x2="upper:Q",
        )
        point = base.mark_point(filled=True, size=80, opacity=1).encode(
            x="estimate:Q",
            color=alt.Color(
                "coefficient:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(SERIES[:3]))
            ),
            shape=alt.Shape(
                "coefficient:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(SHAPES[:3]))
            ),
        )
        return (line + point).properties(width=width, height=52 * len(table) + 40)

    return Figure(
        title="Agreement of the two raters",
        alt=f"Agreement beyond chance with 95% intervals: {told}.",
        draw=draw,
        tables=("agreement",),
        told=(
            ("label", "Principles", "text"),
            ("coefficient", "Coefficient", "text"),
            ("estimate", "Agreement", "r2"),
            ("lower", "95% from", "r2"),
            ("upper", "to", "r2"),
        ),
    )
