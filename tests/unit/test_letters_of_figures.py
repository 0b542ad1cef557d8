"""Figures are laid out with letters of their own, as wide as those of DejaVu Sans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import vl_convert
from fontTools.ttLib import TTFont

from analysis.figures.converting import _ROLES, FONT, LETTERS, _has_letters_for, svg_of

DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
PAIRS = {"figure-sans.ttf": "DejaVuSans.ttf", "figure-sans-bold.ttf": "DejaVuSans-Bold.ttf"}


def widths(font: TTFont) -> dict[int, float]:
    size = font["head"].unitsPerEm
    return {letter: font["hmtx"][glyph][0] / size for letter, glyph in font.getBestCmap().items()}


def spec(labels: list[str], title: str = "People", font: str = FONT) -> str:
    chart: dict[str, Any] = {
        "config": {"font": font},
        "data": {"values": [{"what": label, "n": place + 1} for place, label in enumerate(labels)]},
        "mark": "bar",
        "encoding": {
            "x": {"field": "n", "type": "quantitative", "title": title},
            "y": {"field": "what", "type": "nominal", "title": None, "axis": {"labelLimit": 240}},
        },
    }
    return json.dumps(chart)


@pytest.mark.parametrize("ours", PAIRS)
def test_each_letter_is_as_wide_as_that_of_dejavu(ours: str) -> None:
    here, theirs = widths(TTFont(LETTERS / ours)), widths(TTFont(DEJAVU / PAIRS[ours]))
    assert len(here) == 454
    assert {letter: theirs[letter] for letter in here} == here


@pytest.mark.parametrize("ours", PAIRS)
def test_the_letters_taken_for_ours_are_those_that_the_fonts_hold(ours: str) -> None:
    held = set(TTFont(LETTERS / ours).getBestCmap())
    taken = {number for number in range(0x20, 0x10000) if _has_letters_for(chr(number))}
    assert taken == held


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("Ich fühle mich verstanden – „ja“ …", True),
        ("α = .86 → ω ≥ .90", True),
        (r"a \u0416 written with a backslash", True),
        ("Я доверяю приложению", False),
        ("أثق بالتطبيق", False),
        ("I trust it 🙂", False),
    ],
)
def test_a_text_with_any_other_letter_is_measured_with_the_fonts_of_the_machine(
    text: str, ours: bool
) -> None:
    assert _has_letters_for(spec([text])) is ours
    assert _has_letters_for(json.dumps(text, ensure_ascii=False)) is ours
    if not ours:
        assert svg_of(spec([text])) == _ROLES.sub("", vl_convert.vegalite_to_svg(spec([text])))


def test_a_figure_is_drawn_as_with_dejavu_and_asks_pages_for_the_same_fonts() -> None:
    vl_convert.register_font_directory(str(DEJAVU))
    labels = [
        "AVATAR Waffle difficult",
        "Übergröße, ça va, Łódź",
        "β ≥ .30 → yes",
        "W" * 60,
        "fi fl ffi Ta To",
    ]
    drawn = svg_of(spec(labels, "An office of one’s own"))
    theirs = vl_convert.vegalite_to_svg(spec(labels, "An office of one’s own", "DejaVu Sans"))
    assert drawn == _ROLES.sub("", theirs.replace('font-family="DejaVu Sans"', f'font-family="{FONT}"'))
    assert drawn.count(f'font-family="{FONT}"') > len(labels)
