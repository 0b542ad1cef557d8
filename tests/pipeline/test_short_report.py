"""The short report: plain words that a word list and a reading grade check, and only numbers of the tree."""

from __future__ import annotations

import copy
import html
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyphen
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fewer_draws import draw_few
from printed import numbers, rendered, words_of_page

import instrument
from analysis.pipeline import validate
from analysis.report import opening_words, short_words
from analysis.report.short import Number, honest_lines, short_parts
from analysis.report.short_forms import plain, render_short_html, render_short_pdf
from analysis.report.standards import PROPERTIES
from analysis.simulation.simulate_study import simulate_study

JARGON = (
    r"reliab\w+|valid\w+|consisten\w+|alpha|omega|coefficient\w*|factor\w*|dimension\w*|construct\w*|item\w*|"
    r"latent|loading\w*|invarian\w+|bias\w*|variance|covaria\w+|correlat\w+|regress\w+|model\w*|landmark|hazard|"
    r"odds|ratio\w*|signific\w+|confidence|interval\w*|p|n|SD|SE|CI|standard deviation\w*|estimat\w+|parameter\w*|"
    r"hypothes\w+|psychometr\w+|metric\w*|likert|respondent\w*|participant\w*|sample\w*|cohort|adheren\w+|"
    r"engage\w*|retention|attrition|disengage\w*|association\w*|predict\w*|cosmin|wave\w*|instrument\w*|"
    r"questionnaire\w*|scale\w*|median|percentile\w*|distribution\w*|null|cut-?off\w*|threshold\w*"
)


@cache
def hyphenation() -> pyphen.Pyphen:
    """Where words of the language are broken; reading the rules takes long, so only for a test that asks."""
    return pyphen.Pyphen(lang="en_US")


def syllables(word: str) -> int:
    silent = re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])e(?=d$)|(?<=[^aeiouysxzcg])e(?=s$)", "", word.lower())
    groups = re.findall(r"[aeiouy]+", silent)
    return max(len(hyphenation().inserted(word.lower()).split("-")), len(groups), 1)


def grade(text: str) -> float:
    """Flesch-Kincaid grade (Kincaid et al. 1975)."""
    spoken = re.findall(r"[A-Za-z][A-Za-z'’]*", text)
    sentences = len(re.findall(r"[.!?:](?=\s|$)", text)) or 1
    return 0.39 * len(spoken) / sentences + 11.8 * sum(map(syllables, spoken)) / len(spoken) - 15.59


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    data = simulate_study("dta_example", n=250, seed=3)
    topics = ("flow", "scores", "reliability", "retest", "use", "priority")
    with pytest.MonkeyPatch.context() as patch:
        draw_few(patch)
        return validate(
            data.responses,
            instrument.load("dta"),
            usage=data.usage,
            outcomes=data.outcomes,
            covariates=data.covariates,
            study=data.study,
            enrolment=data.enrolment,
            topics=topics,
        ).to_dict()


@pytest.fixture(scope="module")
def parts(tree: dict[str, Any]) -> list[Any]:
    return short_parts(tree)


def own_words(tree: dict[str, Any]) -> str:
    """Sentences, points and headings; names of themes and waves are the study's own."""
    lines = [*honest_lines(tree)]
    for part in short_parts(tree):
        lines += [f"{part.heading}."]
        lines += [plain(words) for words in (*part.lines, *part.points, *part.after)]
        if part.grid:
            lines += [f"{plain(cell)}." for row in part.grid.rows for cell in (row[0], row[-1])]
    titles = [theme["title"] for theme in tree["meta"]["instrument"]["themes"]]
    titles += tree["sections"]["flow"]["tables"]["flow"]["wave"]
    titles += tree["meta"]["instrument"]["items"].values()
    text = "\n".join(lines)
    for title in sorted(titles, key=len, reverse=True):
        text = text.replace(title, "it")
    return text


def test_it_reads_easily_and_uses_no_term_of_the_trade(tree: dict[str, Any]) -> None:
    text = own_words(tree)
    found = re.findall(rf"(?<![\w-])(?:{JARGON})(?![\w-])", text, re.I)
    assert found == []
    assert grade(text) < 6
    for sentence in re.split(r"(?<=[.!?])\s", text):
        assert len(sentence.split()) <= 30, sentence


def test_every_stock_sentence_is_plain() -> None:
    stock = [value for value in vars(short_words).values() if isinstance(value, str) and value.endswith(".")]
    stock = [sentence for sentence in stock if not sentence.startswith("Plain words of")]
    stock += [*short_words.UNTESTED.values(), *opening_words.POINTS.values()]
    stock += [*opening_words.MEND.values(), *opening_words.ASK.values()]
    stock += [opening_words.MORE_PEOPLE, opening_words.REAL_PEOPLE, opening_words.NOTHING]
    assert len(stock) > 35
    for sentence in stock:
        assert not re.search(rf"(?<![\w-])(?:{JARGON})(?![\w-])", sentence, re.I), sentence
        assert grade(sentence) < 9, sentence
    assert set(opening_words.POINTS) == set(opening_words.MEND) == set(PROPERTIES)
    assert set(opening_words.ASK) < set(PROPERTIES)


def test_every_number_is_the_one_at_its_path(
    tree: dict[str, Any], parts: list[Any], at_path: Callable[[Any, str], Any]
) -> None:
    count = 0
    for part in parts:
        cells = [cell for row in part.grid.rows for cell in row] if part.grid else []
        for words in (*part.lines, *part.points, *part.after, *cells):
            for piece in words:
                if not isinstance(piece, Number):
                    continue
                count += 1
                if piece.path.startswith("met:"):
                    key = piece.path.removeprefix("met:")
                    claims = [f for s in tree["sections"].values() for f in s["findings"]]
                    passed = [f["passed"] for f in claims if f["property"] == key]
                    tested = passed.count(True) + passed.count(False)
                    assert piece.text in (str(passed.count(True)), str(tested), str(passed.count(None)))
                    continue
                value = at_path(tree, piece.path)
                value = len(value) if isinstance(value, dict | list) else value
                assert piece.text in {rendered(value, form) for form in ("int", "d1", "d2", "r2")}, piece.path
    assert count > 30


def test_page_and_paper_say_the_same(tree: dict[str, Any], parts: list[Any]) -> None:
    page = render_short_html(tree)
    said = " ".join(words_of_page(page).split())
    for part in parts:
        for words in (*part.lines, *part.points, *part.after):
            assert " ".join(plain(words).split()) in said
    marked = re.findall(r'<span data-path="([^"]+)">([^<]+)</span>', page)
    assert len(marked) > 30
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext is not installed: apt install poppler-utils")
    paper = render_short_pdf(tree)
    text = subprocess.run(
        [reader, "-raw", "-", "-"], input=paper, capture_output=True, check=True
    ).stdout.decode()
    assert 1 <= text.count("\f") <= 2
    pages = sum((numbers(str(k)) for k in range(1, text.count("\f") + 1)), numbers(""))
    footer = numbers(words_of_page(page[page.index("<footer>") :]))
    extra = {key: count * (text.count("\f") - 1) for key, count in footer.items()}  # it stands on each page
    assert numbers(text) == numbers(words_of_page(page[page.index("<body>") :])) + pages + type(footer)(extra)
    assert render_short_pdf(tree) == paper and render_short_html(copy.deepcopy(tree)) == page


def test_the_honest_lines_come_first(tree: dict[str, Any]) -> None:
    page = render_short_html(tree)
    assert page.index(short_words.MADE_UP) < page.index(short_words.DRAFT) < page.index("data-path")
    assert html.escape(short_words.NOT_CAUSE) in page
    real = copy.deepcopy(tree)
    real["meta"]["synthetic"] = False
    assert short_words.MADE_UP not in render_short_html(real)
    assert short_words.CHANGE_REAL not in render_short_html(real)


def test_the_page_asks_nothing_of_the_network_and_names_its_tables(tree: dict[str, Any]) -> None:
    page = render_short_html(tree)
    assert not re.search(r"<(?:script|link|iframe|img)|url\(|@import|https?:", page)
    assert page.count("<table") == page.count("<table aria-labelledby=") >= 4
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_theme_is_said_to_go_with_staying_only_where_the_range_leaves_out_none(
    tree: dict[str, Any],
) -> None:
    made = copy.deepcopy(tree)
    table = made["sections"]["priority"]["tables"]["themes"]
    table["effect_lower"][:3] = [0.1, -0.5, -0.3]
    table["effect_upper"][:3] = [0.5, -0.1, 0.4]
    table["place"][0] = "look at first"
    part = next(part for part in short_parts(made) if part.heading == "Which theme goes with staying")
    assert [plain(row[2]) for row in part.grid.rows[:3]] == [
        "goes with staying",
        "goes with leaving",
        "we cannot tell",
    ]
    assert f"“{table['title'][0]}”" in plain(part.after[0])


APP_WORDS = re.compile(
    r"\b(?:app|apps|use|used|uses|using|stay|stays|staying|leave|leaving|sessions?)\b", re.I
)


@pytest.fixture(scope="module")
def foreign(request: pytest.FixtureRequest) -> Callable[[int], dict[str, Any]]:
    """A scale about no app, one wave, answered by so many."""
    answers = request.getfixturevalue("answers")
    scale = request.getfixturevalue("scale")
    first = answers[answers["wave"] == 1]
    made: dict[int, dict[str, Any]] = {}

    def tree_of(n: int) -> dict[str, Any]:
        if n not in made:
            found = validate(first.head(n), scale, topics=("flow", "items", "scores", "reliability"))
            made[n] = found.to_dict()
        return made[n]

    return tree_of


@pytest.mark.parametrize("n", [20, 300])
def test_a_scale_about_no_app_gets_no_word_of_one(foreign: Any, n: int) -> None:
    tree = foreign(n)
    page = words_of_page(render_short_html(tree))
    assert not APP_WORDS.findall(page)
    assert "for the people who ask the questions" in page
    assert (short_words.FEW in page) == (n == 20)
    headings = [part.heading for part in short_parts(tree)]
    assert ("The weakest questions" in headings) == (n == 300)
    asked = next(part for part in short_parts(tree) if part.heading == "What was asked").grid
    assert [plain(row[-1]) for row in asked.rows] == ["“Words of q1”", "“Words of q5”", "“Words of q9”"]
    assert len(asked.heads) == 2  # this scale says nothing of its themes
    assert "wave" not in page and page.count(f"{n} people") == 2
    render_short_pdf(tree)


def test_a_theme_has_a_plain_line_and_a_question(foreign: Any) -> None:
    tree = copy.deepcopy(foreign(300))
    tree["meta"]["instrument"]["themes"][0]["description"] = "What lies to the north. More is said later."
    asked = next(part for part in short_parts(tree) if part.heading == "What was asked").grid
    assert [plain(row[1]) for row in asked.rows] == ["What lies to the north.", "", ""]


def test_the_weakest_questions_are_those_of_the_table_and_named_weak_only_below_the_rule(
    foreign: Any,
) -> None:
    tree = copy.deepcopy(foreign(300))

    def weakest() -> Any:
        return next(part for part in short_parts(tree) if part.heading == "The weakest questions")

    table = tree["sections"]["items"]["tables"]["statistics"]
    table["item_rest_r"] = [0.5 + row / 100 for row in range(len(table["item"]))]
    assert weakest().lines[0] == [short_words.WEAK_NONE] and len(weakest().grid.rows) == 3
    table["item_rest_r"][7], table["item_rest_r"][2] = 0.21, 0.30
    assert weakest().lines[0] == [short_words.WEAK]
    texts = tree["meta"]["instrument"]["items"]
    assert [(plain(a), plain(b)) for a, b in weakest().grid.rows] == [(f"“{texts[table['item'][7]]}”", ".21")]
    table["n"] = [29] * len(table["n"])
    assert "The weakest questions" not in [part.heading for part in short_parts(tree)]


@pytest.mark.parametrize("gone", ["priority", "scores", "flow", "reliability"])
def test_without_a_section_the_rest_stands(tree: dict[str, Any], gone: str) -> None:
    made = copy.deepcopy(tree)
    section = made["sections"][gone]
    section |= {"status": "failed", "message": "x", "tables": {}, "values": {}, "findings": []}
    assert len(short_parts(made)) >= 5
    render_short_html(made)
    del made["sections"][gone]
    render_short_html(made)
    if gone == "priority":
        assert short_words.CHANGE_USE in render_short_html(made)


def test_numbers_taken_out_are_not_guessed(tree: dict[str, Any]) -> None:
    made = copy.deepcopy(tree)
    for section, table in (("scores", "scores"), ("priority", "themes"), ("flow", "flow")):
        for key, column in made["sections"][section]["tables"][table].items():
            if all(isinstance(value, int | float) or value is None for value in column):
                made["sections"][section]["tables"][table][key] = [None] * len(column)
    made["sections"]["priority"]["values"] = dict.fromkeys(made["sections"]["priority"]["values"])
    headings = [part.heading for part in short_parts(made)]
    assert "How each theme is rated" not in headings
    assert "Which theme goes with staying" not in headings
    render_short_html(made)
