"""The first page: one sentence from the states, the same in every form, and never more than they hold."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from printed import words_of_page

from analysis.common.verdicts import Property, State
from analysis.disclosure.shared import shared_tree
from analysis.report import opening_words
from analysis.report.html import render_html
from analysis.report.markdown import render_markdown
from analysis.report.opening import STEPS, Opening, _sentence, opening, opening_lines
from analysis.report.pdf import _opening_lines
from analysis.report.short import short_parts
from analysis.report.short_forms import plain

pytestmark = pytest.mark.usefixtures("figures_once")

WORDS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(State), min_size=9, max_size=9), st.booleans())
def test_the_sentence_counts_each_of_the_nine_once(states: list[State], synthetic: bool) -> None:
    said = _sentence(states, synthetic)
    assert ("made-up" in said) is synthetic
    shown, *rest = re.split(r"[;,] ", said.removesuffix("."))
    assert f"show {WORDS[states.count(State.SHOWN)]} of nine" in shown
    told = [WORDS.index(part.split()[0]) for part in rest]
    others = (State.PARTLY, State.NOT_SHOWN, State.UNTESTABLE, State.NOT_ASKED, State.DOES_NOT_APPLY)
    others += (State.LEFT_OUT,)
    assert told == [states.count(state) for state in others if state in states]
    assert states.count(State.SHOWN) + sum(told) == 9
    for part, number in zip(rest, told, strict=True):
        assert (re.search(r"\b(is|was|does)\b", part) is not None) or number > 1 or "could not" in part


def test_points_are_the_states_of_the_tree(tree: dict[str, Any]) -> None:
    page = opening(tree)
    assert [point.prop for point in page.points] == list(Property)
    for point in page.points:
        held = tree["properties"][point.prop.value]
        assert (point.state.value, point.met, point.not_met) == (held["state"], held["met"], held["not_met"])
        assert point.asked == held["met"] + held["not_met"] + held["untested"]
        assert not point.section or point.section in tree["sections"]


def test_themes_are_those_of_the_first_wave_with_their_intervals(tree: dict[str, Any]) -> None:
    page = opening(tree)
    table = tree["sections"]["scores"]["tables"]["scores"]
    assert [level.title for level in page.levels] == [
        theme["title"] for theme in tree["meta"]["instrument"]["themes"]
    ]
    for level in page.levels:
        assert table["wave"][level.row] == tree["sections"]["scores"]["values"]["first_wave"]
        assert (level.mean, level.lower, level.upper) == tuple(
            table[key][level.row] for key in ("mean", "mean_lower", "mean_upper")
        )
        low, high, middle = level.bar
        assert 0 <= low < middle < high <= 1
        assert low == pytest.approx((level.lower - 1) / 4)


def test_the_same_page_opens_every_form(tree: dict[str, Any]) -> None:
    page = opening(tree)
    markdown = render_markdown(tree)
    terminal = "\n".join(opening_lines(tree))
    short = "\n".join(plain(words) for part in short_parts(tree) for words in (*part.lines, *part.points))
    for text in (markdown, terminal, short):
        assert page.sentence in text
        assert text.index(page.sentence) < min(text.index(step.text) for step in page.steps)
        for step in page.steps:
            assert step.text in text
    assert 1 <= len(page.steps) <= STEPS


def changed(tree: dict[str, Any], **meta: Any) -> dict[str, Any]:
    made = copy.deepcopy(tree)
    made["meta"] |= meta
    return made


def texts(page: Opening) -> list[str]:
    return [step.text for step in page.steps]


def test_what_is_broken_comes_first_then_who_is_missing(tree: dict[str, Any]) -> None:
    broken = changed(tree, synthetic=True)
    part = broken["sections"]["scores"]
    part |= {"status": "failed", "message": "x", "tables": {}, "values": {}, "findings": []}
    assert texts(opening(broken))[:2] == [
        opening_words.FAILED.format(part["title"]),
        opening_words.REAL_PEOPLE,
    ]
    assert opening(broken).levels == ()
    assert opening_words.REAL_PEOPLE not in texts(opening(changed(tree, synthetic=False)))


def test_a_property_that_does_not_hold_is_mended_one_left_open_is_asked_again(tree: dict[str, Any]) -> None:
    made = changed(tree, synthetic=False)
    claims = [f for s in made["sections"].values() for f in s["findings"] if f["property"] == "consistency"]
    assert claims
    for claim in claims:
        claim |= {"verdict": "met", "passed": True, "cause": None}
    claims[0] |= {"verdict": "not_met", "passed": False}
    assert opening_words.MEND[Property.CONSISTENCY] in texts(opening(made))
    claims[0] |= {"verdict": "untested", "passed": None, "cause": "improper"}
    if len(claims) > 1:
        assert opening_words.MEND[Property.CONSISTENCY] not in texts(opening(made))


def test_numbers_taken_out_are_left_out(tree: dict[str, Any]) -> None:
    made = shared_tree(tree)
    table = made["sections"]["scores"]["tables"]["scores"]
    titles = [level.title for level in opening(made).levels]
    table["mean"][opening(made).levels[0].row] = None
    assert [level.title for level in opening(made).levels] == titles[1:]
    made["meta"]["participants"] = None
    assert opening(made).counted.startswith("– people")


@pytest.mark.parametrize("gone", ["scores", "flow", "reliability"])
def test_without_a_section_the_page_stands(tree: dict[str, Any], gone: str) -> None:
    made = copy.deepcopy(tree)
    del made["sections"][gone]
    assert opening_lines(made)[-1].endswith("items.")


def test_a_theme_that_is_no_part_of_the_total_is_counted_apart(tree: dict[str, Any]) -> None:
    themes = tree["meta"]["instrument"]["themes"]
    for roles, apart in (
        (["dimension", "plain", "context"], [False, True, True]),
        (["plain", "plain", "plain"], [False, False, False]),  # no total, so nothing to be apart from
    ):
        changed = [dict(theme, role=role) for theme, role in zip(themes, roles, strict=True)]
        meta = {**tree["meta"], "instrument": {**tree["meta"]["instrument"], "themes": changed}}
        page = opening({**tree, "meta": meta})
        assert [level.apart for level in page.levels] == apart
        assert [level.label.endswith("(counted apart)") for level in page.levels] == apart


def test_what_to_do_next_stands_before_the_nine_in_every_form(tree: dict[str, Any]) -> None:
    marked = render_markdown(tree)
    page = words_of_page(render_html(tree))
    for form in (marked, page):
        assert form.index(opening_words.NEXT) < form.index(opening_words.HEADING)
    assert [part.heading for part in short_parts(tree)][1:3] == [opening_words.NEXT, opening_words.HEADING]
    lines = list(_opening_lines(tree))
    places = [next(k for k, line in enumerate(lines) if words in line) for words in ("steps(", "nine(")]
    assert places == sorted(places)
