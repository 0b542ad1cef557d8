"""Scree with reference curves, and loadings as a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from analysis.common.rules import LOADING
from analysis.figures.base import BLUE, INK, MUTED, ORANGE, Chart, Figure, Section, table_of
from instrument.common.formatting import format_value

CURVES = {
    "observed": "observed",
    "permuted_percentile": "shuffled answers",
    "ekc": "empirical Kaiser",
}


def scree_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Eigenvalues of the answers beside those of shuffled answers; the first is cut so the rest is seen."""
    table = table_of(section, "eigenvalues").head(15)
    above = int((table["observed"] > table["permuted_percentile"]).cumprod().sum())
    long = table.melt("position", list(CURVES), var_name="curve", value_name="eigenvalue")
    long["curve"] = long["curve"].map(CURVES)
    names = list(CURVES.values())

    def draw(width: int) -> Chart:
        colour = alt.Color(
            "curve:N", title=None, sort=names, scale=alt.Scale(domain=names, range=[BLUE, ORANGE, MUTED])
        )
        base = alt.Chart(long).encode(
            x=alt.X("position:Q", title="Position", axis=alt.Axis(tickMinStep=1, grid=False, format="d")),
            y=alt.Y("eigenvalue:Q", title="Eigenvalue, log scale", scale=alt.Scale(type="log", nice=True)),
            color=colour,
        )
        dash = alt.StrokeDash(
            "curve:N", sort=names, title=None, scale=alt.Scale(domain=names, range=[[1, 0], [6, 3], [2, 3]])
        )
        shape = alt.Shape(
            "curve:N",
            sort=names,
            title=None,
            scale=alt.Scale(domain=names, range=["circle", "square", "triangle-up"]),
        )
        lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
        points = base.mark_point(filled=True, size=45, opacity=1).encode(shape=shape)
        return (lines + points).properties(width=width, height=300)

    return Figure(
        title="Scree: dimensions that stand out against shuffled answers",
        alt=f"Line chart of the first {len(table)} eigenvalues. {above} lie above those of "
        f"shuffled answers; the largest is {format_value(table['observed'].iloc[0], 'd1')}, "
        f"the next {format_value(table['observed'].iloc[1], 'd1')}.",
        draw=draw,
        tables=("eigenvalues",),
        told=(("curve", "Of", "text"), ("eigenvalue", "Eigenvalue", "d2")),
    )


def loadings_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Grid of loadings: the stronger, the darker; the sign is written."""
    table = table_of(section, "loadings")
    factors = [
        key
        for key in section["captions"]["loadings"]["columns"]
        if key not in ("item", "text", "communality")
    ]
    long = table.melt("item", factors, var_name="factor", value_name="loading")
    long["strength"] = long["loading"].abs().clip(upper=1.0)
    long["sign"] = ["positive" if value >= 0 else "negative" for value in long["loading"]]
    long["salient"] = long["strength"] >= LOADING.cutoff
    long["printed"] = [format_value(value, "r2") for value in long["loading"]]
    salient = int(long["salient"].sum())

    def draw(width: int) -> Chart:
        base = alt.Chart(long).encode(
            x=alt.X(
                "factor:N",
                title=None,
                sort=factors,
                axis=alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False),
            ),
            y=alt.Y("item:N", title=None, sort=None, axis=alt.Axis(ticks=False, domain=False)),
        )
        cells = base.mark_rect().encode(
            color=alt.Color(
                "sign:N", title=None, scale=alt.Scale(domain=["positive", "negative"], range=[BLUE, ORANGE])
            ),
            opacity=alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.0, 0.62]), legend=None),
        )
        text = base.mark_text(fontSize=10, color=INK).encode(
            text="printed:N",
            opacity=alt.condition("datum.salient", alt.value(1.0), alt.value(0.75)),
        )
        return (cells + text).properties(width=width, height=20 * len(table) + 60)

    return Figure(
        title="Loadings: the stronger, the darker",
        alt=f"Grid of {len(table)} items by {len(factors)} factors; {salient} loadings reach "
        f"{LOADING.printed}.",
        draw=draw,
        tables=("loadings",),
        told=(("factor", "Factor", "text"), ("loading", "Loading", "r2")),
    )
