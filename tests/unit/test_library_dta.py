"""The shipped scale keeps the rules of its content that a program can check."""

from __future__ import annotations

import re
from functools import cache
from io import StringIO
from itertools import combinations
from pathlib import Path

import pandas as pd
import pyphen
import pytest

import instrument
from instrument.exchange.framework import framework_csv, framework_matrix
from instrument.loading import LIBRARY

SCALE = instrument.load("dta")
ITEMS = {item.id: item.text for item in SCALE.items}

THEME_TITLES = [
    "Humanness of the app",
    "Personal meaningfulness",
    "Progression towards goals",
    "How is it to use the app",
    "Flexibility enhances relationship",
]
ALLIANCE = {"Bond", "Openness", "Task", "Goal", "Partnership", "Initiative", "Confidence"}

# What a text must not say, each with the reason.
FORBIDDEN = {
    "clinic": r"therap\w*|clinician\w*|doctor\w*|counsell\w*|treatment",
    "surveillance": r"watch\w*|monitor\w*|track\w*|spy\w*|spies|observ\w*|notic\w*|record\w*|listen\w*|hear\w*"
    r"|behind|secret\w*|follow\w*|detect\w*",
    "mind of the app": r"understands?|intend\w*|intent\w*|knows|remembers?|cares about|wants|tries"
    r"|(?:know|see|seen?|read|get)s? me",
    "format of the app": r"chat\w*|bot|robot|avatar|conversation\w*|talk\w*|voice|type|reply|replies",
    "amount of use": r"often|frequent\w*|hours?|minutes?|sessions?|how (?:much|long)|every (?:day|week)|log in",
    "metaphor": r"journey|companion|friend|partner|bond|connect\w*|heart|path|mirror|home|click",
    "negation": r"not|never|no|none|nothing|cannot|hardly|\w+n't",
    "two ideas": r"and|or|but|;|as well as|both",
    "past": r"was|were|had|did|has|been|felt|helped|made me|learned|used",
    "absolute": r"always|all|completely|totally|very|extremely",
}
SMALL_WORDS = re.split(
    " ", "i me my this the a in of to that is it for with when while can app use what how at as"
)
APP_WITH_A_MIND = (
    r"\b(?:app|it|program)\s+(?:\w+ly\s+)?"
    r"(?:knows?|feels|thinks|wants|sees|hears|cares|likes|believes|tries|decides|hopes|means|looks (?:at|after|for))\b"
)


@cache
def hyphenation() -> pyphen.Pyphen:
    """Where words of the language are broken; reading the rules takes long, so only for a test that asks."""
    return pyphen.Pyphen(lang="en_US")


def syllables(word: str) -> int:
    """Larger of hyphenation and vowel groups, so that an undercount cannot pass a hard word."""
    silent = re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])e(?=d$)|(?<=[^aeiouysxzcg])e(?=s$)", "", word.lower())
    groups = re.findall(r"[aeiouy]+", silent)
    return max(len(hyphenation().inserted(word.lower()).split("-")), len(groups), 1)


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z][A-Za-z'’]*", text)


def reading_grade(text: str) -> float:
    """Flesch–Kincaid grade (Kincaid et al. 1975)."""
    spoken = words(text)
    sentences = len(re.findall(r"[.!?](?=\s|$)", text)) or 1
    return 0.39 * len(spoken) / sentences + 11.8 * sum(map(syllables, spoken)) / len(spoken) - 15.59


def broken_rules(text: str) -> set[str]:
    """Names of the wording rules that a text breaks."""
    broken = {
        name
        for name, pattern in FORBIDDEN.items()
        if re.search(rf"(?<![\w'])(?:{pattern})(?![\w'])", text, re.I)
    }
    if re.search(APP_WITH_A_MIND, text, re.I):
        broken.add("mind of the app")
    if not re.search(r"\b(?:I|me|[Mm]y|mine|myself)\b", text):
        broken.add("first person")
    if len(words(text)) > 15:
        broken.add("length")
    if reading_grade(text) > 6:
        broken.add("reading grade")
    if not re.fullmatch(r"[A-Z][^.!?]*\.", text):
        broken.add("one sentence")
    return broken


def content_words(text: str) -> frozenset[str]:
    return frozenset(word.lower().rstrip("s") for word in words(text) if word.lower() not in SMALL_WORDS)


def overlap(first: str, second: str) -> float:
    """Share of content words that two texts have in common (Jaccard)."""
    one, two = content_words(first), content_words(second)
    return len(one & two) / len(one | two)


@pytest.mark.parametrize("item_id", SCALE.item_ids)
def test_item_keeps_every_wording_rule(item_id: str) -> None:
    assert broken_rules(ITEMS[item_id]) == set()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("My therapist is kind to me.", "clinic"),
        ("This app listens to me.", "surveillance"),
        ("This app tracks how I feel.", "surveillance"),
        ("This app knows me.", "mind of the app"),
        ("This app really cares for me.", "mind of the app"),
        ("I think it wants me to do well.", "mind of the app"),
        ("I like to chat with this app.", "format of the app"),
        ("I open this app often.", "amount of use"),
        ("My journey with this app is good.", "metaphor"),
        ("This app does not judge me.", "negation"),
        ("I don't feel bad in this app.", "negation"),
        ("This app is kind to me and helps me.", "two ideas"),
        ("I felt good in this app.", "past"),
        ("This app always helps me.", "absolute"),
        ("This app is easy to use.", "first person"),
        ("I feel that it is good for me to do the things that are in this app now.", "length"),
        ("The personalisation facilitates my rehabilitation.", "reading grade"),
        ("I like it. It is good.", "one sentence"),
    ],
)
def test_checker_catches_a_text_that_breaks_the_rule(text: str, rule: str) -> None:
    assert rule in broken_rules(text)


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("app", 1),
        ("manage", 2),
        ("used", 1),
        ("treated", 2),
        ("comfortable", 4),
        ("interesting", 4),
        ("little", 2),
    ],
)
def test_syllables_of_words_with_known_counts(word: str, count: int) -> None:
    assert syllables(word) == count


def test_reading_grade_follows_the_formula() -> None:
    assert reading_grade("I like this app.") == pytest.approx(0.39 * 4 + 11.8 * 4 / 4 - 15.59, abs=1e-12)


def test_no_two_items_say_the_same() -> None:
    assert len({text.lower() for text in ITEMS.values()}) == len(ITEMS)
    near = [(a, b) for a, b in combinations(ITEMS, 2) if overlap(ITEMS[a], ITEMS[b]) >= 0.6]
    assert near == []


def test_overlap_sees_a_near_duplicate() -> None:
    first, second = "I feel less alone while I use this app.", "When I use this app, I feel less alone."
    assert overlap(first, second) >= 0.6


def test_pool_has_five_themes_with_the_titles_of_the_source() -> None:
    assert [theme.title for theme in SCALE.themes] == THEME_TITLES
    assert SCALE.dimension_themes == [theme.id for theme in SCALE.themes[:4]]
    assert SCALE.context_themes == [SCALE.themes[4].id]
    assert SCALE.total_themes == SCALE.dimension_themes
    assert 38 <= len(SCALE.items) <= 42


def test_every_facet_has_one_or_two_items() -> None:
    counts = pd.Series([item.facet for item in SCALE.items]).value_counts()
    facets = [facet.id for theme in SCALE.themes for facet in theme.facets]
    assert [len(theme.facets) for theme in SCALE.themes] == [7, 7, 7, 8, 7]
    assert sorted(counts.index) == sorted(facets)
    assert set(counts) <= {1, 2}


def test_grades_promise_no_more_than_the_source_gives() -> None:
    assert {theme.grade for theme in SCALE.themes} == {"S"}
    assert {facet.grade for theme in SCALE.themes for facet in theme.facets} == {"P"}
    assert {item.grade for item in SCALE.items} == {"P"}
    assert "not yet validated in people" in SCALE.notice
    assert "proposals" in SCALE.notice
    assert SCALE.status == "candidate"


def test_items_name_known_dimensions_and_principles() -> None:
    principles = instrument.load("psd_audit").item_ids
    for theme in SCALE.themes:
        for item in theme.items:
            assert set(item.alliance) <= ALLIANCE
            assert bool(item.alliance) == (theme.role == "dimension"), item.id
            assert item.psd, item.id
            assert {name.replace(" ", "_").replace("-", "_") for name in item.psd} <= set(principles)
    assert {name for item in SCALE.items for name in item.alliance} == ALLIANCE


def test_every_item_has_a_rationale_of_one_sentence_of_its_own() -> None:
    rationales = [item.rationale for item in SCALE.items]
    assert all(re.fullmatch(r"[A-Z][^.!?]*\.", text) for text in rationales)
    assert len(set(rationales)) == len(rationales)


def test_answers_are_five_labelled_options_with_two_outside() -> None:
    assert list(SCALE.response_scales) == ["agreement"]
    responses = SCALE.response_scales["agreement"]
    assert responses.codes == (1, 2, 3, 4, 5)
    assert [(option.label, option.reason) for option in responses.outside] == [
        ("Does not apply to me", "not_applicable"),
        ("Prefer not to answer", "declined"),
    ]
    assert set(SCALE.missing_codes) == {"skipped", "not_seen", "not_applicable", "declined"}
    assert SCALE.reversed_items == []


def test_instructions_are_plain_and_say_that_everything_is_voluntary() -> None:
    assert reading_grade(SCALE.instructions) <= 6
    assert SCALE.time_frame == "In the past two weeks"
    for phrase in ("past two weeks", "leave out any question", "no right or wrong", "stop at any point"):
        assert phrase in SCALE.instructions
    assert not re.search(FORBIDDEN["surveillance"] + "|" + FORBIDDEN["clinic"], SCALE.instructions, re.I)


def test_instructions_quote_the_labels_outside_the_scale_in_every_language() -> None:
    for language in SCALE.languages:
        wording = SCALE.wording(language)
        for option in SCALE.response_scales["agreement"].outside:
            assert wording.options["agreement"][option.code] in wording.instructions


def test_translation_is_whole_and_marked_as_unvalidated() -> None:
    german = SCALE.wording("de")
    assert german.status == "unvalidated"
    assert german.notice.startswith("Nicht validierte Übersetzung")
    assert set(german.items) == set(SCALE.item_ids)
    assert set(german.themes) == {theme.id for theme in SCALE.themes}
    assert len(set(german.items.values())) == len(german.items)
    assert not set(german.items.values()) & set(ITEMS.values())
    forbidden = r"\b(?:therap|beobacht|überwach|belausch|mithör|Arzt|Ärzt|Chat|Roboter)"
    texts = [*german.items.values(), german.instructions]
    assert [text for text in texts if re.search(forbidden, text, re.I)] == []
    assert all(re.search(r"\b(?:ich|mich|mir|mein\w*)\b", text, re.I) for text in german.items.values())


def test_provenance_file_is_the_framework_matrix_of_the_definition() -> None:
    path: Path = LIBRARY / "dta" / "provenance.csv"
    assert path.read_text(encoding="utf-8") == framework_csv(SCALE)


def test_framework_matrix_can_be_read_back_whole() -> None:
    matrix = framework_matrix(SCALE)
    read = pd.read_csv(StringIO(framework_csv(SCALE)), keep_default_na=False, dtype=object)
    pd.testing.assert_frame_equal(read.astype(object), matrix, check_dtype=False)
    assert matrix["item"].tolist() == SCALE.item_ids
    assert matrix.loc[matrix["item"] == "hum4", "alliance_dimensions"].item() == "Bond; Openness"


def test_framework_matrix_of_a_bare_scale_has_empty_cells(tmp_path: Path) -> None:
    file = tmp_path / "bare.yaml"
    file.write_text(
        "schema: 1\nid: bare\nversion: '1'\ntitle: Bare\n"
        "response_scales: {yes_no: {options: {0: 'No', 1: 'Yes'}}}\n"
        "themes: [{id: only, title: Only, items: [{id: q1, text: 'One, two?'}]}]\n",
        encoding="utf-8",
    )
    row = framework_matrix(instrument.load(file)).iloc[0]
    assert (row["facet"], row["alliance_dimensions"], row["item_grade"]) == ("", "", "")
