"""Reliability of each theme with its interval, against the named cut-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.common.rules import ALPHA
from analysis.common.verdicts import Cause
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
    too_few,
    wrapped,
)
from instrument.common.formatting import with_interval


def reliability_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """Points with intervals, one row per theme; nothing is said of a cut-off where people are too few."""
    table = table_of(section, "alpha")
    table["reached"] = [
        SIDES[2] if too_few(n) else SIDES[0] if ALPHA.holds(value) else SIDES[1]
        for value, n in zip(table["alpha"], table["n"], strict=True)
    ]
    sides = [side for side in SIDES if side in set(table["reached"])]
    table["label"] = [wrapped(title) for title in table["title"]]
    told = "; ".join(
        f"{row.title} {with_interval(row.alpha, row.ci_lower, row.ci_upper, 'r2')}"
        for row in table.itertuples()
    )
    least = min(0.4, float(table["ci_lower"].min()) - 0.02)

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        scale = alt.Scale(domain=[least, 1.0], nice=False)
        base = alt.Chart(table)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows,
            x=alt.X("ci_lower:Q", scale=scale, title="Alpha, 95% interval", axis=BARE),
            x2="ci_upper:Q",
        )
        point = base.mark_point(filled=True, size=110, opacity=1).encode(
            y=rows,
            x=alt.X("alpha:Q", scale=scale),
            color=alt.Color("reached:N", title=None, scale=_marks(sides, COLOURS)),
            shape=alt.Shape("reached:N", title=None, scale=_marks(sides, SHAPES)),
        )
        cut = pd.DataFrame({"cut": [ALPHA.cutoff]})
        rule = (
            alt.Chart(cut)
            .mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
            .encode(x=alt.X("cut:Q", scale=scale))
        )
        drawn = line + point if sides == [SIDES[2]] else rule + line + point
        return drawn.properties(width=width, height=38 * len(table) + 60)

    return Figure(
        title=_finding(sides, every=not _lost(section)),
        alt=f"Alpha with 95% interval by theme: {told}.",
        draw=draw,
        tables=("alpha",),
    )


def _lost(section: Section) -> bool:
    """Say whether the alpha of a theme that should have one could not be had."""
    return any(
        claim["rule"] == str(ALPHA)
        and claim["value"] is None
        and claim["cause"] not in (None, Cause.COMPOSITE)
        for claim in section.get("findings", ())
    )


def _finding(sides: list[str], *, every: bool) -> str:
    """Say what the figure shows; of themes that too few people answered nothing but that."""
    theme = "theme" if every else "theme that could be tested"
    found = {
        SIDES[:1]: f"Alpha of every {theme} reaches the dashed line: {ALPHA.printed}",
        SIDES[1:2]: f"Alpha of no {theme} reaches the dashed line: {ALPHA.printed}",
        SIDES[:2]: f"Alpha of some themes stays below the dashed line: {ALPHA.printed}",
        SIDES[2:]: "Alpha of each theme: too few people for a verdict",
    }
    return found.get(tuple(sides), f"Alpha of each theme; dashed line: {ALPHA.printed}")


SIDES = ("reaches the cut-off", "below the cut-off", "too few people for a verdict")
COLOURS = dict(zip(SIDES, (BLUE, ORANGE, MUTED), strict=True))
SHAPES = dict(zip(SIDES, ("circle", "square", "diamond"), strict=True))


def _marks(sides: list[str], marks: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=sides, range=[marks[side] for side in sides])
