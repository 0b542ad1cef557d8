"""Figures: every plotted value is in a table, every colour has a counterpart on dark paper, contrast is enough."""

from __future__ import annotations

import io
import re
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image

from analysis.figures.base import DARK, GRID, NARROW, PAPER, WIDE, _spec, styled, to_png, to_svg
from analysis.figures.converting import svg_of
from analysis.figures.registry import FIGURES, build_figures

ON_DARK = DARK[PAPER]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def figures(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}/{key}": (section, figure)
        for name, section in tree["sections"].items()
        for key, figure in build_figures(section, tree["meta"]).items()
    }


@pytest.mark.parametrize("colour", [c for c in DARK if c not in (GRID, PAPER)])
def test_contrast_is_three_to_one_on_either_paper(colour: str) -> None:
    assert contrast(colour, PAPER) >= 3
    assert contrast(DARK[colour], ON_DARK) >= 3


def test_every_figure_is_drawn_at_both_widths(figures: dict[str, Any]) -> None:
    assert len(figures) >= 7
    for name, (_, figure) in figures.items():
        for width in (NARROW, WIDE):
            svg = to_svg(figure, width)
            assert svg.startswith("<svg"), name
            drawn = float(re.search(r'width="([\d.]+)"', svg)[1])  # type: ignore[index]
            assert drawn <= width * 1.12 + 30, f"{name}: {drawn} at {width}"


def test_every_colour_has_its_counterpart_on_dark_paper(figures: dict[str, Any]) -> None:
    for name, (_, figure) in figures.items():
        used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-fA-F]{6})"', to_svg(figure)))
        assert used <= set(DARK), f"{name}: {used - set(DARK)}"


def test_every_plotted_number_is_in_a_table_it_names(figures: dict[str, Any]) -> None:
    """Numbers that place or label a mark come from the named tables, or are sums of a row's shares."""
    derived = {"start", "end", "low", "high", "strength", "cut", "at"}
    for name, (section, figure) in figures.items():
        known = {
            round(float(value), 12)
            for table in figure.tables
            for column in section["tables"][table].values()
            for value in column
            if isinstance(value, int | float)
        }
        charts = [figure.draw(WIDE)]
        frames = []
        while charts:
            chart = charts.pop()
            frames += [chart.data] if isinstance(chart.data, pd.DataFrame) else []
            for part in ("layer", "hconcat", "vconcat"):
                charts += getattr(chart, part, None) or []
            spec = getattr(chart, "spec", None)
            charts += [spec] if hasattr(spec, "data") else []
        frames = [frame for frame in frames if isinstance(frame, pd.DataFrame)]
        assert frames, name
        for frame in frames:
            for column in frame.select_dtypes("number").columns.difference(list(derived)):
                drawn = {round(float(v), 12) for v in frame[column].dropna()}
                assert drawn <= known, f"{name}: {column}"


def test_words_name_the_numbers(figures: dict[str, Any]) -> None:
    for name, (_, figure) in figures.items():
        assert re.search(r"\d", figure.alt), name
        assert figure.title and figure.tables


def test_a_png_needs_no_browser(figures: dict[str, Any]) -> None:
    """Its points are those of a drawing made for white paper from the start, also under half-seen areas."""
    _, figure = figures["irt/information"]
    plain = styled(figure.draw(NARROW), NARROW).properties(background="#ffffff")
    expected = vl_convert.vegalite_to_png(_spec(plain), scale=1.0)
    made, wanted = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
        for png in (to_png(figure, NARROW, 1.0), expected)
    )
    assert made.shape == wanted.shape and (made[..., 3] == 255).all() and (made[0, 0] == 255).all()
    assert np.array_equal(made, wanted)


def test_the_registry_is_sorted() -> None:
    assert list(FIGURES) == sorted(FIGURES)


def test_a_long_label_is_cut_to_its_place_and_a_short_one_is_whole() -> None:
    """Fewer letters than Vega would have to try are lost to the cut that goes before it."""
    words = "The words in this app feel friendly to me and to everyone I know"
    table = pd.DataFrame({"item": [words, "Short"], "share": [0.4, 0.6]})
    chart = alt.Chart(table).mark_bar().encode(y=alt.Y("item:N", sort=None), x="share:Q")
    for width, fewest in ((NARROW, 24), (WIDE, 57)):
        svg = svg_of(_spec(styled(chart.properties(width=width, height=60), width)))
        shown = re.findall(r">([^<>]*)</text>", svg)
        cut = next(text for text in shown if text.startswith("The words"))
        assert cut == words or (cut.endswith("…") and words.startswith(cut[:-1]) and len(cut) > fewest)
        assert "Short" in shown
