"""Figures of the page answer the pointer in the words and numbers of the tables, and maps show what they hold."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import altair as alt
import pandas as pd
import pytest

from analysis.figures.base import NARROW, WIDE, has_panels, live_spec, table_of, to_svg
from analysis.figures.converting import svg_of
from analysis.figures.live import MOST_TOLD, live_chart
from analysis.figures.maps import HELD, correlations_figure, invariance_figure, map_of
from analysis.figures.registry import build_figures
from analysis.report.view import table_view

SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"')
CHANGES = {"alpha": "reliability", "htmt": "validity", "loadings": "exploration"}


def marks(chart: Any, above: Any = None) -> list[tuple[pd.DataFrame, list[Any]]]:
    """Data and answers of every mark that has some."""
    data = chart.data if isinstance(chart.data, pd.DataFrame) else above
    if isinstance(chart, alt.LayerChart):
        return [found for layer in chart.layer for found in marks(layer, data)]
    told = chart.encoding.tooltip
    return [] if isinstance(told, alt.utils.schemapi.UndefinedType) else [(data, list(told))]


@pytest.fixture(scope="module")
def alpha(tree: dict[str, Any]) -> tuple[Any, Any]:
    section = tree["sections"]["reliability"]
    figure = build_figures(section, tree["meta"])["reliability"]
    return section, live_chart(figure, section, tree["meta"]["instrument"]["items"])


def test_a_mark_tells_its_row_as_the_table_prints_it(alpha: tuple[Any, Any]) -> None:
    section, chart = alpha
    view = table_view("reliability", section, "alpha")
    heads = [head for head, _ in view.heads]
    found = marks(chart)
    assert len(found) == 2  # interval and point; the cut-off tells nothing
    for data, told in found:
        titles = {tip["title"]: tip["shorthand"].removesuffix(":N") for tip in told}
        assert list(titles)[:3] == ["Theme", "Items", "n"] and len(titles) <= MOST_TOLD
        for place, row in enumerate(view.rows):
            texts = {head: cell.text for head, cell in zip(heads, row, strict=True)}
            start = heads.index("Alpha")
            ends = f"{row[start].text} ({row[start + 1].text} to {row[start + 2].text})"
            at = int(data.index[data["title"] == row[0].text][0])
            assert data.loc[at, titles["Theme"]] == row[0].text, place
            assert data.loc[at, titles["n"]] == texts["n"]
            assert data.loc[at, titles["Alpha (95% interval)"]] == ends


def test_an_item_is_told_by_its_wording_and_a_live_figure_takes_the_width_of_its_place(
    tree: dict[str, Any],
) -> None:
    section, items = tree["sections"]["models"], tree["meta"]["instrument"]["items"]
    chart = live_chart(build_figures(section, tree["meta"])["paths"], section, items)
    asked = [(data, tip) for data, told in marks(chart) for tip in told if tip["title"] == "Question"]
    assert asked
    for data, tip in asked:
        assert set(data[tip["shorthand"].removesuffix(":N")]) <= set(items.values())
    assert live_spec(chart, dark=True)["width"] == "container"


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_every_figure_is_live_tells_the_pointer_and_fits_its_page(tree: dict[str, Any], width: int) -> None:
    room = {NARROW: 358, WIDE: 820}[width]  # of a page 390 and 1280 pixels wide
    seen = set()
    for section in tree["sections"].values():
        if section["status"] != "ok":
            continue
        for name, figure in build_figures(section, tree["meta"]).items():
            chart = live_chart(figure, section, tree["meta"]["instrument"]["items"], width)
            spec = live_spec(chart, dark=False, width=width)
            assert '"tooltip"' in json.dumps(spec), name
            if has_panels(chart):
                across, _ = map(float, SIZE.search(svg_of(json.dumps(spec))).groups())  # type: ignore[union-attr]
                assert across <= room, (name, across)
                assert "container" not in json.dumps(spec)
            else:
                assert spec["width"] == "container"
            seen.add(name.partition("@")[0])
    assert {"scores", "distribution", "information", "trajectories", "reliability", "paths"} <= seen


def test_a_line_tells_its_places_and_not_its_first_row_wherever_it_is_touched(tree: dict[str, Any]) -> None:
    section = tree["sections"]["irt"]
    chart = live_chart(build_figures(section, tree["meta"])["information"], section, {})
    panel = chart.vconcat[0].hconcat[0].to_dict()
    lines = [layer for layer in panel["layer"] if "layer" in layer]
    assert lines and all("tooltip" not in layer["layer"][0]["encoding"] for layer in lines)
    unseen = lines[0]["layer"][1]
    assert unseen["mark"]["type"] == "point" and unseen["mark"]["opacity"] == 0
    assert unseen["encoding"].keys() == {"x", "y", "tooltip"}


def test_answers_are_whole_bars_in_the_order_of_the_options(tree: dict[str, Any]) -> None:
    section = tree["sections"]["items"]
    name, figure = next(iter(build_figures(section, tree["meta"]).items()))
    chart = live_chart(figure, section, tree["meta"]["instrument"]["items"])
    table = table_of(section, f"distribution_{name.partition('@')[2]}")
    labels = [
        column["label"]
        for key, column in section["captions"][figure.tables[0]]["columns"].items()
        if key.startswith("share_")
    ]
    for place, item in enumerate(table["item"]):
        own = chart.data[chart.data["item"] == item].sort_values("place")
        assert list(own["option"]) == labels
        assert list(own["share"]) == [table[key][place] for key in table if key.startswith("share_")]
    assert chart.to_dict()["encoding"]["color"]["scale"]["domain"] == labels


LEVELS = {
    "title": ["North", "North", "South", "South", "West", "East", "North"],
    "grouping": ["sex"] * 7,
    "level": ["configural", "metric", "metric", "scalar", "metric", "metric", "strict"],
    "cfi_diff": [None, 0.0, -0.02, -0.001, 0.0, 0.0, -0.03],
    "rmsea_diff": [None, 0.0, 0.001, 0.03, 0.0, 0.0, 0.03],
    "pvalue_diff": [None, 0.4, 0.01, 0.2, 0.5, 0.5, 0.001],
    "cfi_holds": [None, True, False, True, True, True, False],
    "rmsea_holds": [None, True, True, False, True, True, False],
    "faults": ["", "", "", "", "negative variance", "", ""],
}


def test_a_tile_says_what_the_section_says() -> None:
    """Both indices, no chance, no improper solution, no claim that could not be tested, no equal residuals."""
    findings = [
        {"claim": "South, by sex: equal up to intercepts", "cause": "undecided"},
        {"claim": "East, by sex: equal up to intercepts", "cause": "few_people"},
    ]
    section: dict[str, Any] = {"status": "ok", "tables": {"levels": LEVELS}, "findings": findings}
    figure = invariance_figure(section, {})
    assert figure.title.endswith("1 of 3 steps hold by both indices")
    assert figure.alt.endswith("Not held: South by sex, metric.")
    tiles = figure.draw(WIDE).to_dict()["datasets"]
    held = [row["held"] for rows in tiles.values() for row in rows]
    assert held == [HELD[0], HELD[1], HELD[2], HELD[3], HELD[3]]
    assert "<svg" in to_svg(figure, NARROW)


def test_a_map_prints_each_correlation_and_a_shared_tree_without_its_numbers_has_none() -> None:
    table = {
        "one_title": ["A", "A", "B"],
        "other_title": ["B", "C", "C"],
        "r": [0.5, -0.62, None],
        "n": [90] * 3,
    }
    section: dict[str, Any] = {"status": "ok", "tables": {"correlations": table}}
    figure = correlations_figure(section, {})
    assert figure.alt == "Grid of 2 correlations; the strongest is that of A with C, −.62."
    svg = to_svg(figure, WIDE)
    assert ">.50<" in svg and ">−.62<" in svg
    assert map_of("relations", section, {}) is not None
    hidden = copy.deepcopy(section) | {"suppressed": {"correlations": {"r": [0]}}}
    assert map_of("relations", hidden, {}) is None
    assert map_of("relations", section | {"status": "failed"}, {}) is None
    assert map_of("scores", section, {}) is None
    table["r"] = [None] * 3
    assert map_of("relations", section, {}) is None
