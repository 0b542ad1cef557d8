"""Second score against first: people in places of the scale, the larger the more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from analysis.figures.base import BLUE, INK, MUTED, WIDE, Chart, Figure, Section, table_of, wrapped
from instrument.common.formatting import format_value


def retest_pairs_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """One panel for each score; people on the line have the same score twice."""
    table = table_of(section, "pairs")
    table["label"] = [wrapped(title) for title in table["title"]]
    labels = list(dict.fromkeys(table["label"]))
    same = {
        str(title): float(own.loc[own["first"].sub(own["second"]).abs() < 1e-9, "share"].sum())
        for title, own in table.groupby("title", sort=False)
    }
    least, most = min(same, key=lambda one: same[one]), max(same, key=lambda one: same[one])
    low, high = (format_value(same[one], "percent") for one in (least, most))
    said = (
        f"From {low} ({least}) to {high} ({most}) of the people stand in the same part of the scale again"
        if len(same) > 1
        else f"{low} of the people stand in the same part of the scale again ({least})"
    )

    def draw(width: int) -> Chart:
        columns = 3 if width >= WIDE - 300 else 2
        each = round(width / columns - 55)
        largest = float(table["share"].max())

        def one(label: str) -> Chart:
            own = table[table["label"] == label]
            places = np.unique(own[["first", "second"]].to_numpy(dtype=float))
            scale = alt.Scale(domain=[float(places[0]), float(places[-1])], nice=True, zero=False, padding=8)
            line = pd.DataFrame({"first": places[[0, -1]], "second": places[[0, -1]]})
            x = alt.X("first:Q", title="First", scale=scale, axis=alt.Axis(tickCount=4, grid=False))
            y = alt.Y("second:Q", title="Second", scale=scale, axis=alt.Axis(tickCount=4, grid=False))
            diagonal = alt.Chart(line).mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.2)
            points = (
                alt.Chart(own)
                .mark_point(filled=True, opacity=0.9, color=BLUE)
                .encode(
                    x=x,
                    y=y,
                    size=alt.Size(
                        "share:Q", legend=None, scale=alt.Scale(domain=[0, largest], range=[6, 420])
                    ),
                )
            )
            head = alt.TitleParams(label.split("\n"), color=INK, fontSize=11, anchor="start")
            return alt.layer(diagonal.encode(x=x, y=y), points).properties(
                width=each, height=each, title=head
            )

        rows = [labels[at : at + columns] for at in range(0, len(labels), columns)]
        return alt.vconcat(*(alt.hconcat(*(one(label) for label in row)) for row in rows))

    return Figure(
        title=said,
        alt=f"Scatter of the second score against the first for {len(labels)} scores, people counted in "
        f"places of the scale. {said}.",
        draw=draw,
        tables=("pairs",),
    )
