"""Texts from right to left are kept apart from the English around them, and nothing else is touched."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.directions import END, FIRST_STRONG, isolated, isolated_tree, isolated_whole

TRUST, TALK = "\u0627\u0644\u062b\u0642\u0629", "\u0627\u0644\u062a\u0648\u0627\u0635\u0644"
HEBREW = "\u05e9\u05dc\u05d5\u05dd"
LETTERS = "".join(map(chr, (*range(0x5D0, 0x5EB), *range(0x620, 0x64B))))


def _kept(text: str) -> str:
    return f"{FIRST_STRONG}{text}{END}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"at most ({TRUST}).", f"at most ({_kept(TRUST)})."),
        (f"{TALK} and {TRUST}: .54", f"{_kept(TALK)} and {_kept(TRUST)}: .54"),
        (f"{TALK}, {TRUST}", f"{_kept(TALK)}, {_kept(TRUST)}"),
        (f"{TALK} {TRUST}.", _kept(f"{TALK} {TRUST}.")),  # the stop of a sentence is part of it
        (f"{HEBREW} 12 {HEBREW} (2.0%)", f"{_kept(f'{HEBREW} 12 {HEBREW}')} (2.0%)"),
        ("Ich schlafe gut, meistens.", "Ich schlafe gut, meistens."),
        ("", ""),
    ],
)
def test_runs_are_kept_apart(text: str, wanted: str) -> None:
    assert isolated(text) == wanted
    assert isolated(wanted) == wanted


@given(st.text(alphabet=LETTERS + "ab .,%()[]12:;\u201c\u201d", max_size=40))
def test_every_letter_stands_in_one_isolate_and_no_number_beside_it_does(text: str) -> None:
    made = isolated(text)
    assert made.replace(FIRST_STRONG, "").replace(END, "") == text
    assert isolated(made) == made
    outside = re.sub(f"{FIRST_STRONG}[^{END}]*{END}", "", made)
    assert not set(outside) & {*LETTERS, FIRST_STRONG, END}
    for inside in re.findall(f"{FIRST_STRONG}([^{END}]*){END}", made):
        assert inside[0] in LETTERS and not set(inside) & set("ab%()[]\u201c\u201d")


@given(st.recursive(st.text(alphabet="ab1 ", max_size=6) | st.integers() | st.none(), st.lists, max_leaves=8))
def test_a_tree_without_such_texts_stays_as_it_is(tree: Any) -> None:
    assert isolated_tree({"part": tree}) == {"part": tree}


def test_keys_and_numbers_of_a_tree_stay() -> None:
    tree = {TRUST: [1, 0.5, None, TRUST]}
    assert isolated_tree(tree) == {TRUST: [1, 0.5, None, _kept(TRUST)]}
    assert json.dumps(tree) == json.dumps({TRUST: [1, 0.5, None, TRUST]})


@pytest.mark.parametrize("text", ["ثقة (10 دقائق).", "أثق بما تقوله App كل يوم", "(10) ثقة …", "اثق, كل يوم"])
def test_a_text_that_begins_from_the_right_is_one_piece(text: str) -> None:
    assert isolated_whole(text) == f"{FIRST_STRONG}{text}{END}"
    assert isolated_whole(isolated_whole(text)) == isolated_whole(isolated(text)) == isolated_whole(text)
    assert isolated_tree([text, f"Item: {text}"], {text}) == [isolated_whole(text), isolated(f"Item: {text}")]


@pytest.mark.parametrize("text", ["Trust (ثقة)", "trust", "2.0%", "", "für ثقة"])
def test_a_text_that_begins_from_the_left_stays(text: str) -> None:
    assert isolated_whole(text) == text
