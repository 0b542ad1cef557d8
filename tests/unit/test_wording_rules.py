"""Rules of wording: what each flags, what it leaves, and that a flag follows the text and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import instrument
from dta import app
from instrument.content.wording_rules import (
    WORDING_RULES,
    _flags,
    check_wording,
    reading_ease_german,
    reading_grade,
    resemblance,
)
from instrument.definition import Instrument


def scale_of(texts: list[str], language: str = "en") -> Instrument:
    items = [{"id": f"q{k}", "text": text} for k, text in enumerate(texts, start=1)]
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "draft",
            "version": "1",
            "title": "Draft",
            "language": language,
            "response_scales": {"yes_no": {"options": {0: "No", 1: "Yes"}}},
            "themes": [{"id": "all_of_it", "title": "All", "items": items}],
        }
    )


def rules(text: str, language: str = "en") -> list[str]:
    return check_wording(scale_of([text], language))["rule"].tolist()


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("I like this app.", "en", []),
        ("I am interested in this app.", "en", []),
        ("My plans are made by me.", "en", []),
        ("This app is kind and clear to me.", "en", ["two ideas"]),
        ("I like the colours or the sounds.", "en", ["two ideas"]),
        ("I do not like this app.", "en", ["negation"]),
        ("I don't like this app.", "en", ["negation"]),
        ("I don’t like this app.", "en", ["negation"]),
        ("This app always helps me.", "en", ["absolute word"]),
        ("My answers are handled with care.", "en", ["passive without agent"]),
        ("My background is really treated well.", "en", ["passive without agent"]),
        ("My adherence is good.", "en", ["jargon"]),
        ("I use the module.", "en", ["jargon"]),
        ("I feel that it is good for me to do the things that are in it now.", "en", ["length"]),
        ("Considerable deterioration characterises relationships.", "en", ["reading grade"]),
        ("Ich mag diese App.", "de", []),
        ("Ich mag Farben und Klang.", "de", ["two ideas"]),
        ("Ich mag diese App nicht.", "de", ["negation"]),
        ("Ich habe keine Angst.", "de", ["negation"]),
        ("Diese App hilft mir immer.", "de", ["absolute word"]),
        ("Es wird gut mit mir umgegangen.", "de", ["passive without agent"]),
        ("Mir ist wohl damit, wie damit umgegangen wird.", "de", ["passive without agent"]),
        ("Der Text wird von mir gelesen.", "de", []),
        ("Ich werde ruhig in dieser App.", "de", []),
        ("Ich mag das Modul.", "de", ["jargon"]),
        ("Verantwortungsbewusstsein charakterisiert Beziehungen.", "de", ["reading grade"]),
    ],
)
def test_each_rule_flags_its_fault_and_only_that(text: str, language: str, expected: list[str]) -> None:
    assert rules(text, language) == expected


def test_a_flag_names_what_it_found_with_advice_and_source() -> None:
    table = check_wording(scale_of(["I like this app.", "I never like it."]))
    assert list(table.columns) == ["item", "language", "rule", "found", "advice", "source"]
    row = table.iloc[0]
    assert (len(table), row["item"], row["language"], row["found"]) == (1, "q2", "en", "never")
    assert "10.1509/jmkr.45.1.116" in row["source"]
    assert all(rule.source and rule.advice for rule in WORDING_RULES)
    assert len({rule.name for rule in WORDING_RULES}) == len(WORDING_RULES) == 5


def test_a_grade_just_above_six_is_told_and_a_word_found_twice_stands_once() -> None:
    text = "I talk about my daily worries with my doctor before my dinner."
    grade = 0.39 * 12 + 11.8 * 18 / 12 - 15.59  # 6.79: twelve words of eighteen syllables
    shorter = text.replace(" dinner", " meals")
    told = {flag[2]: flag[3] for flag in _flags({"q": text}, "en")}
    assert told["reading grade"] == f"grade {grade:.1f}"
    assert "reading grade" not in {flag[2] for flag in _flags({"q": shorter}, "en")}
    negated = {flag[2]: flag[3] for flag in _flags({"q": "It is not fun, not at all, never."}, "en")}
    assert negated["negation"] == "not, never"


def test_grades_follow_their_formulas() -> None:
    assert reading_grade("I like this app.") == pytest.approx(0.39 * 4 + 11.8 * 4 / 4 - 15.59, abs=1e-12)
    two = "I like it. It is good."  # 6 words, 2 sentences, 6 syllables
    assert reading_grade(two) == pytest.approx(0.39 * 3 + 11.8 - 15.59, abs=1e-12)
    assert reading_ease_german("Ich mag diese App.") == pytest.approx(180 - 4 - 58.5 * 5 / 4, abs=1e-12)
    assert reading_ease_german("Heute scheint die Sonne.") == pytest.approx(180 - 4 - 58.5 * 6 / 4, abs=1e-12)


def test_resemblance_counts_shared_trigrams() -> None:
    # " ab ", " ac ": {" ab", "ab "} and {" ac", "ac "} share none; " abc " has " ab", "abc", "bc "
    assert resemblance("ab", "ac") == 0
    assert resemblance("abc", "ab") == pytest.approx(1 / 4)
    assert resemblance("I like it.", "i LIKE  it") == 1


def test_near_duplicates_are_told_once_with_their_share() -> None:
    table = check_wording(
        scale_of(["I feel calm in this app.", "This app is mine.", "I feel calm in the app."])
    )
    assert table["rule"].tolist() == ["near duplicate"]
    assert table["item"].tolist() == ["q3"]
    assert re.fullmatch(r"\d\d% like q1", table["found"][0])


def test_other_languages_are_checked_for_length_and_duplicates_only() -> None:
    long = " ".join(["mot"] * 16) + "."
    table = check_wording(scale_of(["Je ne suis pas bien et seul.", long, long], "fr"))
    assert table["rule"].tolist() == ["length", "length", "near duplicate"]
    with pytest.raises(KeyError):
        check_wording(scale_of(["I like it."]), "de")


WORDS = st.lists(
    st.sampled_from(["I", "like", "this", "app", "it", "helps", "me", "with", "my", "plans", "today"]),
    min_size=3,
    max_size=8,
)
FAULTS = {"and": "two ideas", "never": "negation", "always": "absolute word", "usability": "jargon"}


@settings(max_examples=40, deadline=None)
@given(WORDS, st.sampled_from(sorted(FAULTS)), st.integers(0, 8))
def test_a_faulty_word_is_flagged_wherever_it_stands(words: list[str], fault: str, place: int) -> None:
    plain = " ".join(words) + "."
    assert not set(rules(plain)) & set(FAULTS.values())
    made = [*words[:place], fault, *words[place:]]
    for text in (" ".join(made) + ".", " ".join(made).upper() + "."):
        assert set(rules(text)) & set(FAULTS.values()) == {FAULTS[fault]}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_resemblance_is_symmetric_and_bounded(first: str, second: str) -> None:
    share = resemblance(first, second)
    assert share == resemblance(second, first)
    assert 0 <= share <= 1
    assert resemblance(first, first) == 1


def test_texts_without_a_letter_resemble_only_themselves() -> None:
    assert (resemblance("", ""), resemblance("!", "?"), resemblance("", "I like it.")) == (1, 0, 0)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60))
def test_no_text_breaks_the_check(text: str) -> None:
    if text.strip():
        table = check_wording(scale_of([text]))
        assert set(table["item"]) <= {"q1"}


def test_the_shipped_drafts_have_the_flags_that_were_looked_at() -> None:
    before = check_wording(instrument.load("dta"))
    named = list(zip(before["item"], before["language"], before["rule"], strict=True))
    assert named == [
        ("hum5", "en", "negation"),
        ("hum5", "de", "negation"),
        ("mea6", "en", "passive without agent"),
        ("mea6", "de", "two ideas"),
        ("mea6", "de", "passive without agent"),
        ("mea6", "de", "reading grade"),
        ("pro4", "de", "reading grade"),
        ("use7", "en", "passive without agent"),
        ("use7", "de", "passive without agent"),
        ("flx5", "de", "reading grade"),
    ]
    after = check_wording(instrument.load("dta@0.2.0"))
    assert list(zip(after["item"], after["language"], after["rule"], strict=True)) == [
        ("hum5", "en", "negation"),
        ("hum5", "de", "negation"),
        ("hum11", "de", "near duplicate"),
        ("neg5", "en", "negation"),
        ("neg5", "de", "negation"),
    ]


def test_command_says_flags_and_stays_quiet_without_the_option(tmp_path: Path) -> None:
    file = tmp_path / "draft.yaml"
    content = scale_of(["I like this app.", "I never like it."]).model_dump(mode="json", by_alias=True)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    said = CliRunner().invoke(app, ["instrument", "check", str(file), "--wording"])
    assert said.exit_code == 0
    assert "  wording: 1 flag in 2 items (en)" in said.output
    assert "  q2 (en) negation: never; say what is there" in said.output
    assert "wording:" not in CliRunner().invoke(app, ["instrument", "check", str(file)]).output
