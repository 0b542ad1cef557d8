"""Ratios between themes with their intervals, against the named cut-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.common.rules import HTMT
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
    level_told,
    table_of,
    wrapped,
)
from instrument.common.formatting import with_interval

CLASSES = ("below the cut-off", "at or above the cut-off", "too few people for a verdict")


def htmt_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """HTMT of each pair of themes, one row per pair; the further left, the further apart."""
    table = table_of(section, "htmt")
    table = table[table["within_scale"]].sort_values("htmt", ascending=False)  # other measures are not judged
    table["label"] = [wrapped(f"{row.one} with {row.other}", 30) for row in table.itertuples()]
    judged = not any(
        claim["rule"] == str(HTMT) and claim["cause"] is not None for claim in section.get("findings", ())
    )
    table["apart"] = [
        (CLASSES[0] if HTMT.holds(value) else CLASSES[1]) if judged else CLASSES[2] for value in table["htmt"]
    ]
    classes = list(CLASSES[:2] if judged else CLASSES[2:])
    told = "; ".join(
        f"{row.one} with {row.other} {with_interval(row.htmt, row.htmt_ci_lower, row.htmt_ci_upper, 'r2')}"
        for row in table.itertuples()
    )
    most = max(1.0, float(table["htmt_ci_upper"].max()) * 1.02)

    def draw(width: int) -> Chart:
        rows = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelExpr=LINES))
        scale = alt.Scale(domain=[0, most], nice=False)
        base = alt.Chart(table)
        line = base.mark_rule(color=INK, strokeWidth=2).encode(
            y=rows,
            x=alt.X("htmt_ci_lower:Q", scale=scale, title=f"HTMT, {level_told(section)} interval", axis=BARE),
            x2="htmt_ci_upper:Q",
        )
        colour = alt.Scale(domain=classes, range=[BLUE, ORANGE] if judged else [MUTED])
        shape = alt.Scale(domain=classes, range=["circle", "square"] if judged else ["diamond"])
        point = base.mark_point(filled=True, size=100, opacity=1).encode(
            y=rows,
            x=alt.X("htmt:Q", scale=scale),
            color=alt.Color("apart:N", title=None, scale=colour),
            shape=alt.Shape("apart:N", title=None, scale=shape),
        )
        cut = pd.DataFrame({"cut": [HTMT.cutoff]})
        rule = alt.Chart(cut).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        rule = rule.encode(x=alt.X("cut:Q", scale=scale))
        return (rule + line + point).properties(width=width, height=44 * len(table) + 60)

    kinds = set(table["apart"])
    reaching = int((table["htmt_ci_upper"] >= HTMT.cutoff).sum())
    below = f"Every pair of themes stays below {HTMT.printed} (dashed line)"
    finding = {
        CLASSES[0]: f"{below}, so it can be told apart"
        if not reaching
        else f"The pair of themes stays below {HTMT.printed} (dashed line), but its interval reaches it"
        if len(table) == 1
        else f"{below}, but intervals reach it: {reaching} of {len(table)}",
        CLASSES[1]: f"No pair of themes stays below {HTMT.printed} (dashed line)",
        CLASSES[2]: "How near two themes come to being one: too few people for a verdict",
    }
    return Figure(
        title=finding[kinds.pop()]
        if len(kinds) == 1
        else f"Some pairs of themes reach {HTMT.printed} (dashed line): they can hardly be told apart",
        alt=f"HTMT with {level_told(section)} interval by pair of themes: {told}.",
        draw=draw,
        tables=("htmt",),
    )
