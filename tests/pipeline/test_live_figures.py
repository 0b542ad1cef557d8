"""Figures of the page answer the pointer in the words and numbers of the tables, and maps show what they hold."""

from __future__ import annotations

import copy
import json
import re
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.disclosure.shared import shared_tree
from analysis.figures.base import NARROW, WIDE, has_panels, live_spec, table_of, to_svg
from analysis.figures.converting import svg_of
from analysis.figures.live import MOST_TOLD, live_chart
from analysis.figures.maps import HELD, correlations_figure, invariance_figure, maps_of
from analysis.figures.page_figures import CLEAR
from analysis.figures.registry import build_figures
from analysis.pipeline.topics.scores_spread import places
from analysis.report.view import table_view
from instrument.common.formatting import format_value

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
    for width in (NARROW, WIDE):  # the height holds legend and axis too: each row keeps its place
        drawn = live_chart(figure, section, {}, width)
        svg = svg_of(json.dumps(live_spec(drawn, dark=False, width=width) | {"width": width}))
        tops = sorted({float(top) for top in re.findall(r"M[\d.]+,([\d.]+)h[\d.]+v12h", svg)})
        assert len(tops) == len(table) and min(after - before for before, after in pairwise(tops)) >= 16


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
    assert figure.alt.endswith("Not held: South, by sex, metric.")
    tiles = figure.draw(WIDE).to_dict()["datasets"]
    held = [row["held"] for rows in tiles.values() for row in rows]
    assert held == [HELD[0], HELD[1], HELD[2], HELD[3], HELD[3]]
    assert "<svg" in to_svg(figure, NARROW)


def test_a_tile_of_waves_says_what_the_section_says_of_time() -> None:
    waves = {key: column for key, column in LEVELS.items() if key != "grouping"}
    findings = [{"claim": "East, over time: equal up to intercepts", "cause": "few_people"}]
    section: dict[str, Any] = {"status": "ok", "tables": {"levels": waves}, "findings": findings}
    (figure,) = maps_of("longitudinal", section, {})
    assert figure.title == "Where answers mean the same over time: 1 of 3 steps hold by both indices"
    assert figure.alt.endswith("Not held: South, over time, metric.")
    tiles = figure.draw(WIDE).to_dict()["datasets"]
    held = [row["held"] for rows in tiles.values() for row in rows]
    assert held == [HELD[0], HELD[1], HELD[2], HELD[3], HELD[3]]


def test_a_histogram_tells_where_half_of_the_people_are_and_is_not_shared(tree: dict[str, Any]) -> None:
    table = {
        "title": ["North"] * 3 + ["South"] * 3,
        "start": [0.5, 1.5, 3.5] * 2,
        "end": [1.5, 3.5, 4.5] * 2,
        "people": [10, 8, 2, 1, 8, 11],
        "share": [0.5, 0.4, 0.1, 0.05, 0.4, 0.55],
    }
    heads = {"title": {"label": "Score", "format": "text"}, "share": {"label": "Share", "format": "percent"}}
    section: dict[str, Any] = {
        "status": "ok",
        "tables": {"spread": table},
        "captions": {"spread": {"columns": heads}},
    }
    (figure,) = maps_of("scores", section, {})
    assert figure.title == "At least half of the people score 1.00 or less on North, 4.00 or less on South"
    spec = json.dumps(live_spec(live_chart(figure, section, {}, WIDE), dark=False))
    for told in ("1.00", "2.00 to 3.00", "4.00", "55.0%"):
        assert f'"{told}"' in spec
    whole = tree["sections"]["scores"]["tables"]
    first = [row for row, wave in enumerate(whole["scores"]["wave"]) if wave == whole["scores"]["wave"][0]]
    for row in first:
        title, n = whole["scores"]["title"][row], whole["scores"]["n"][row]
        own = [place for place, name in enumerate(whole["spread"]["title"]) if name == title]
        assert sum(whole["spread"]["people"][place] for place in own) == n
        assert whole["spread"]["share"][own[0]] == pytest.approx(whole["scores"]["floor"][row])
        assert whole["spread"]["share"][own[-1]] == pytest.approx(whole["scores"]["ceiling"][row])
    assert "spread" not in shared_tree(tree)["sections"]["scores"]["tables"]
    assert maps_of("scores", shared_tree(tree)["sections"]["scores"], {}) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(2, 11), st.integers(-2, 3), st.booleans())
def test_places_of_a_histogram_hold_every_possible_score_once(
    n_items: int, n_options: int, lowest: int, summed: bool
) -> None:
    """The ends stand alone, places between them hold equally many scores, and no score lies on an edge."""
    times = n_items if summed else 1
    low, high = float(lowest * times), float((lowest + n_options - 1) * times)
    step = (high - low) / (n_items * (n_options - 1))
    edges = places(low, high, step)
    possible = low + step * np.arange(n_items * (n_options - 1) + 1)
    counts = np.histogram(possible, edges)[0]
    assert counts.sum() == len(possible) and (counts > 0).all()
    assert counts[0] == counts[-1] == 1
    assert len(set(counts[1:-2])) <= 1 and (len(counts) == 2 or counts[-2] <= counts[1])
    assert len(counts) <= 14
    assert np.abs(possible[:, None] - edges).min() > step / 4


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
    assert maps_of("relations", section, {}) != []
    hidden = copy.deepcopy(section) | {"suppressed": {"correlations": {"r": [0]}}}
    assert maps_of("relations", hidden, {}) == []
    assert maps_of("relations", section | {"status": "failed"}, {}) == []
    assert maps_of("scores", section, {}) == []
    table["r"] = [None] * 3
    assert maps_of("relations", section, {}) == []


def test_what_a_shared_copy_leaves_out_is_not_drawn_and_the_title_says_of_what_it_speaks() -> None:
    table = {
        "item": ["One", "Two", "Three"],
        "n": [90, 88, 50],
        "missing_share": [0.02, 0.04, 0.4],
    }
    section: dict[str, Any] = {"status": "ok", "tables": {"statistics": table}}
    (whole,) = maps_of("items", section, {})
    assert whole.title == "Answers are missing most for “Three”: 40.0%"
    (shared,) = maps_of("items", section | {"suppressed": {"statistics": {"missing_share": [2]}}}, {})
    assert shared.title == "Answers are missing most for “Two”: 4.0%, of what is shown here"
    assert "Three" not in json.dumps(shared.draw(WIDE).to_dict())
    assert (
        maps_of("items", {**section, "tables": {"statistics": {**table, "missing_share": [0.0] * 3}}}, {})
        == []
    )


def _made(table: str, **columns: list[Any]) -> dict[str, Any]:
    """A section of one table, each column printed as it is."""
    told = {key: {"label": key, "format": "text"} for key in columns}
    captions = {table: {"title": "", "columns": told, "note": ""}}
    return {"status": "ok", "tables": {table: columns}, "captions": captions, "findings": []}


CHAIN = _made(
    "routes",
    kind=["direct", "direct", "direct", "indirect"],
    start=["alliance", "use", "alliance", "alliance"],
    end=["use", "outcome", "outcome", "outcome"],
    route=["alliance → use", "use → outcome", "alliance → outcome", "alliance → use → outcome"],
    standardized=[0.31, -0.42, 0.05, -0.13],
    boot_lower=[0.1, -0.6, -0.1, -0.2],
    boot_upper=[0.5, -0.2, 0.2, -0.01],
)
MADE = {
    "mechanism": (
        CHAIN,
        "The strongest step of the supposed chain is use → outcome: −0.42 standard deviations",
    ),
    "fairness": (
        _made(
            "items",
            item=["One", "Two", "One", "Two"],
            grouping=["sex", "sex", "site", "site"],
            unsigned_difference=[0.1, 0.02, 0.31, 0.0],
            flag=["none", "none", "moderate", "none"],
        ),
        "Groups of equal standing are furthest apart on “One” by site: 0.31 points; 1 of 4 comparisons is flagged",
    ),
    "adherence": (
        _made("flow", id=["enrolled", "analysed"], step=["enrolled", "analysed: remaining use"], n=[60, 46]),
        "46 of 60 people enrolled could be analysed",
    ),
    "reliability": (
        _made(
            "general_factor",
            title=["Total", "North", "South"],
            omega=[0.9, 0.8, 0.82],
            omega_general=[0.7, 0.6, 0.42],
            omega_group=[0.2, 0.2, 0.4],
        ),
        "What is left to a theme alone runs from 20.0% (North) to 40.0% (South)",
    ),
    "relations": (
        _made(
            "differences",
            title=["North", "South"],
            compared=["a minus b", "a minus b"],
            hedges_g=[0.1, -0.55],
            g_lower=[-0.1, -0.9],
            g_upper=[0.3, -0.2],
        ),
        "The largest difference between groups: Hedges' g −0.55 (−0.90 to −0.20), South, a minus b",
    ),
    "irt": (
        _made(
            "parameters",
            title=["North", "North"],
            item=["One", "Two"],
            discrimination=[1.2, 1.4],
            difficulty_1=[-2.0, -0.5],
            difficulty_1_se=[0.1, 0.1],
            difficulty_2=[1.24, None],
            difficulty_2_se=[0.1, None],
        ),
        "Steps between options lie from −2.0 (first of “One”) to 1.2 (last of “One”)",
    ),
}


@pytest.mark.parametrize("name", list(MADE))
def test_a_figure_of_a_page_has_its_finding_as_title_and_fits(name: str) -> None:
    section, title = MADE[name]
    (figure,) = maps_of(name, section, {})
    assert figure.title == title
    for width in (NARROW, WIDE):
        assert '"tooltip"' in json.dumps(
            live_spec(live_chart(figure, section, {}, width), dark=True, width=width)
        )
        assert "<svg" in to_svg(figure, width)
    assert set(figure.tables) <= set(section["tables"])


def test_numbers_of_a_chain_are_those_of_its_table() -> None:
    (figure,) = maps_of("mechanism", CHAIN, {})
    routes = CHAIN["tables"]["routes"]
    drawn = {
        (row["start"], row["end"]): row
        for rows in figure.draw(WIDE).to_dict()["datasets"].values()
        for row in rows
        if "side" in row
    }
    assert len(drawn) == 3  # an indirect route is made of steps that stand there
    for row in range(3):
        step = drawn[routes["start"][row], routes["end"][row]]
        assert step["printed"] == format_value(routes["standardized"][row], "d2")
        assert step["side"] == CLEAR[not routes["boot_lower"][row] <= 0 <= routes["boot_upper"][row]]
    hidden = CHAIN | {"suppressed": {"routes": {"boot_lower": [1]}}}
    assert maps_of("mechanism", hidden, {}) == []  # a chain without a step would say that there is none
