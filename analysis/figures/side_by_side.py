"""Figures that set waves, groups or studies side by side, and people who changed beyond error as slopes."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from analysis.figures.base import BLUE, INK, LINES, MUTED, ORANGE, Chart, wrapped
from instrument.common.formatting import format_value, with_interval

TINTS = (BLUE, ORANGE, INK, MUTED)
SHAPES = ("circle", "square", "diamond", "triangle-up")
LETTERS = 30
"""Letters of names that stand side by side above a figure on a phone."""
RISE = 0.34
"""How far a slope goes up or down within its row."""
WAYS = (("higher", -RISE, BLUE), ("neither", 0.0, MUTED), ("lower", RISE, ORANGE))


def means_chart(
    titles: Sequence[str],
    names: Sequence[str],
    means: Sequence[tuple[float, float, float]],
    ends: tuple[float, float],
) -> Chart:
    """Draw a row for each score and name: the mean with its interval.

    Parameters
    ----------
    titles, names
        Of the score, and of the wave, group or study.
    means
        Mean with the ends of its interval.
    ends
        Of the scale.

    Returns
    -------
    altair.LayerChart
        With a tooltip for each mark.
    """
    table = pd.DataFrame(means, columns=["mean", "low", "high"])
    table["title"], table["name"] = [wrapped(title) for title in titles], list(names)
    table["told"] = [with_interval(*row, "d2") for row in means]
    order = list(dict.fromkeys(names))
    beneath = alt.Legend(columns=1) if sum(map(len, order)) > LETTERS else alt.Legend()
    tints = alt.Scale(domain=order, range=[TINTS[place % len(TINTS)] for place in range(len(order))])
    shapes = alt.Scale(domain=order, range=[SHAPES[place % len(SHAPES)] for place in range(len(order))])
    scale = alt.Scale(domain=list(ends), nice=False)
    rows = alt.Y("title:N", sort=None, title=None, axis=alt.Axis(labelExpr=LINES))
    apart = alt.YOffset("name:N", sort=order)
    tips = [
        alt.Tooltip("title:N", title="Score"),
        alt.Tooltip("name:N", title="Of"),
        alt.Tooltip("told:N", title="Mean (95% interval)"),
    ]
    base = alt.Chart(table)
    line = base.mark_rule(strokeWidth=2).encode(
        y=rows,
        yOffset=apart,
        x=alt.X("low:Q", scale=scale, title="Mean, 95% interval"),
        x2="high:Q",
        color=alt.Color("name:N", scale=tints, title=None, sort=order, legend=beneath),
        tooltip=tips,
    )
    point = base.mark_point(filled=True, size=80, opacity=1).encode(
        y=rows,
        yOffset=apart,
        x=alt.X("mean:Q", scale=scale),
        color=alt.Color("name:N", scale=tints, title=None, sort=order, legend=beneath),
        shape=alt.Shape("name:N", scale=shapes, title=None, sort=order, legend=beneath),
        tooltip=tips,
    )
    lines = int(table["title"].str.count("\n").max()) + 1
    height = max(24 * len(order), 15 * lines + 10) * len(dict.fromkeys(titles)) + 60 + 16 * len(order)
    return (line + point).properties(height=height)


def slopes_chart(titles: Sequence[str], shares: Sequence[tuple[float, float, float]]) -> Chart:
    """Draw three lines for each score: who rose, who stayed and who fell, the thicker the more people.

    Parameters
    ----------
    titles
        Of the scores.
    shares
        Of people higher, neither, and lower by more than error.

    Returns
    -------
    altair.LayerChart
        With a tooltip for each line.
    """
    rows = [
        {
            "title": wrapped(title),
            "way": way,
            "share": share,
            "told": f"{format_value(share, 'percent')} {way}",
            "from": place,
            "to": place + rise,
            "tint": tint,
            "start": 0.0,
            "end": 1.0,
        }
        for place, (title, kept) in enumerate(zip(titles, shares, strict=True))
        for (way, rise, tint), share in zip(WAYS, kept, strict=True)
    ]
    table = pd.DataFrame(rows)
    heads = table.drop_duplicates("from")
    down = alt.Scale(domain=[-0.6, len(titles) - 0.4], nice=False, zero=False, reverse=True)
    across = alt.Scale(domain=[-1.1, 1.6], nice=False, zero=False)
    tips = [alt.Tooltip("title:N", title="Score"), alt.Tooltip("told:N", title="People")]
    x, y = alt.X("start:Q", scale=across, axis=None), alt.Y("from:Q", scale=down, axis=None)
    line = (
        alt.Chart(table)
        .mark_rule(strokeCap="butt")
        .encode(
            x=x,
            x2="end:Q",
            y=y,
            y2="to:Q",
            strokeWidth=alt.StrokeWidth(
                "share:Q", scale=alt.Scale(domain=[0, 1], range=[0.8, 9]), legend=None
            ),
            color=alt.Color("tint:N", scale=None),
            tooltip=tips,
        )
    )
    words = (
        alt.Chart(table)
        .mark_text(align="left", dx=8, color=INK)
        .encode(
            x=alt.X("end:Q", scale=across, axis=None), y=alt.Y("to:Q", scale=down, axis=None), text="told:N"
        )
    )
    names = (
        alt.Chart(heads)
        .mark_text(align="right", dx=-8, color=INK, lineBreak="\n")
        .encode(x=x, y=y, text="title:N")
    )
    return (line + words + names).properties(height=72 * len(titles) + 20)
