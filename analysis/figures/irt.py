"""Information of each theme along its latent variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from analysis.common.rules import ICC
from analysis.figures.base import BLUE, INK, MUTED, Chart, Figure, Section, table_of, wrapped
from instrument.common.formatting import format_value


def information_figure(section: Section, meta: Mapping[str, Any]) -> Figure:
    """One small curve per theme; above the dashed line a score is precise."""
    table = table_of(section, "information")
    fit = table_of(section, "fit")
    needed = 1 / (1 - ICC.cutoff)
    titles = list(pd.unique(table["title"]))
    peaks = table.loc[table.groupby("title", sort=False)["information"].idxmax()]
    told = "; ".join(
        f"{row.title} {format_value(row.information, 'd1')} at {format_value(row.theta, 'd1')}"
        for row in peaks.itertuples()
    )
    most = 1.1 * max(float(table["information"].max()), needed)

    def one(title: str, width: int) -> Chart:
        own = table[table["title"] == title]
        x = alt.X("theta:Q", title="Standing, in standard deviations", axis=alt.Axis(grid=False))
        y = alt.Y("information:Q", title="Information", scale=alt.Scale(domain=[0, most], nice=False))
        area = alt.Chart(own).mark_area(color=BLUE, opacity=0.18).encode(x=x, y=y)
        line = alt.Chart(own).mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y)
        cut = pd.DataFrame({"cut": [needed]})
        rule = alt.Chart(cut).mark_rule(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5).encode(y="cut:Q")
        head = alt.TitleParams(
            "\n".join(wrapped(title, 32).split("\n")), color=INK, fontSize=11, anchor="start"
        )
        return alt.layer(area, line, rule).properties(width=width, height=120, title=head)

    def draw(width: int) -> Chart:
        across = 1 if width < 500 else 2
        each = round((width - 60 * across) / across)
        rows = [titles[at : at + across] for at in range(0, len(titles), across)]
        return alt.vconcat(*(alt.hconcat(*(one(title, each) for title in row)) for row in rows))

    return Figure(
        title=f"Information by standing; above the dashed line reliability is {ICC.printed} or more",
        alt=f"Curves of information for {len(fit)} themes. Highest: {told}.",
        draw=draw,
        tables=("information",),
    )
