"""Long labels of figures: as many lines as a row holds, told apart by their last, on wide and narrow paper."""

from __future__ import annotations

import re

import altair as alt
import pandas as pd
import pytest

from analysis.figures.base import LINES, MOST_LINES, NAMES, NARROW, WIDE, lines_of, live_spec, wrapped
from analysis.figures.converting import svg_of
from analysis.figures.paths import paths_figure

LONG = "Trust in what was recommended, and in whoever recommended it, for the reasons given, of app number {}"


def bars(labels: list[str]) -> alt.Chart:
    rows = pd.DataFrame({"label": [wrapped(label) for label in labels], "strength": 1.0, "kind": labels})
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(x="strength:Q", y=alt.Y("label:N", sort=None, axis=alt.Axis(labelExpr=LINES)), color="kind:N")
    )


@pytest.mark.parametrize(
    "text", ["Short", "Two lines of words, no more", LONG.format(1), LONG.format(12) * 3]
)
def test_the_axis_breaks_a_label_as_python_does(text: str) -> None:
    spec = bars([text]).to_json()
    drawn = [re.findall(r"<tspan[^>]*>([^<]*)</tspan>", part) for part in svg_of(spec).split("<text")]
    lines = lines_of(text, 24)
    assert len(lines) == min(MOST_LINES, len(wrapped(text).split("\n")))
    assert lines in drawn or (len(lines) == 1 and f">{text}<" in svg_of(spec))


def test_labels_that_begin_alike_stay_apart() -> None:
    first, second = (lines_of(LONG.format(number), 24) for number in (1, 2))
    assert first[0] == second[0] and first[1].endswith(" …") and first[-1] != second[-1]
    svg = svg_of(bars([LONG.format(1), LONG.format(2)]).to_json())
    assert first[-1] in svg and second[-1] in svg


def test_a_legend_on_a_page_ends_where_the_page_does() -> None:
    spec = live_spec(bars(["a"]), dark=False)
    assert spec["config"]["legend"]["labelLimit"] == {"expr": f"{1 - NAMES} * width - 34"}
    panels = live_spec(alt.hconcat(bars(["a"]), bars(["b"])), dark=False, width=NARROW)
    assert panels["config"]["legend"]["labelLimit"] == NARROW - round(NARROW * NAMES) - 34


def test_names_in_a_path_diagram_are_short_on_a_phone() -> None:
    loadings = {"factor": [LONG.format(1)] * 3, "item": ["a", "b", "c"], "loading": [0.5, 0.6, 0.7]}
    figure = paths_figure({"tables": {"loadings": loadings}}, {})
    for width, letters in ((WIDE, 22), (NARROW, 13)):
        data = figure.draw(width).to_dict()["datasets"].values()
        labels = {row["label"] for rows in data for row in rows if "factor" in row and "label" in row}
        assert "\n".join(lines_of(LONG.format(1), letters)) in labels
