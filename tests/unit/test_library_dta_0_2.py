"""The second draft of the scale keeps the rules of its content in both languages, and what came before still scores."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyphen
import pytest

import instrument
from instrument.errors import DefinitionError
from instrument.exchange.framework import framework_csv
from instrument.loading import LIBRARY, versions
from tests.recovery.scale_information import (
    ENOUGH,
    GRID,
    HARD,
    MEANS,
    NEW,
    REFLECTIVE,
    draw_answers,
    information_of,
    steps_for,
)
from tests.unit.test_library_dta import (
    ALLIANCE,
    FORBIDDEN,
    THEME_TITLES,
    broken_rules,
    overlap,
    reading_grade,
)

BEFORE = instrument.load("dta@0.1.0")
NOW = instrument.load("dta")
ITEMS = {item.id: item.text for item in NEW.items}
GERMAN = NEW.wording("de").items
GAPS = {
    "own_account": ["pro9"],
    "feelings": ["hum11", "hum15"],
    "safe_place": ["hum12"],
    "expectation": ["use11"],
    "repair": ["use12", "use13"],
    "other_care": ["mea11"],
    "other_people": ["mea12"],
    "program": ["hum13"],
}
OPEN = ["hum12", "hum13", "mea12", "use12", "neg3", "neg4", "neg6"]
GERMAN_WORDS = re.compile(r"[A-Za-zÄÖÜäöüß]+")


@cache
def german_hyphens() -> pyphen.Pyphen:
    """Where words of the language are broken; reading the rules takes long, so only for a test that asks."""
    return pyphen.Pyphen(lang="de_DE")


def german_ease(text: str) -> float:
    """Flesch's reading ease as Amstad (1978) fitted it to German; 60 is plain."""
    words = GERMAN_WORDS.findall(text)
    groups = [len(re.findall(r"[aeiouyäöü]+", word.lower())) for word in words]
    breaks = [len(german_hyphens().inserted(word.lower()).split("-")) for word in words]
    syllables = sum(max((*pair, 1)) for pair in zip(groups, breaks, strict=True))
    sentences = len(re.findall(r"[.!?](?=\s|$)", text)) or 1
    return 180 - len(words) / sentences - 58.5 * syllables / len(words)


@pytest.mark.parametrize("item_id", NEW.item_ids)
def test_item_keeps_every_wording_rule(item_id: str) -> None:
    assert broken_rules(ITEMS[item_id]) == set()


@pytest.mark.parametrize("item_id", NEW.item_ids)
def test_german_item_is_plain_and_keeps_the_rules(item_id: str) -> None:
    text = GERMAN[item_id]
    assert len(GERMAN_WORDS.findall(text)) <= 15
    assert german_ease(text) >= 60
    assert re.fullmatch(r"[A-ZÄÖÜ][^.!?]*\.", text)
    assert re.search(r"\b(?:ich|mich|mir|mein\w*)\b", text, re.I)
    assert not re.search(r"\b(?:und|oder|aber|sowie|nicht|nie|kein\w*|immer|alle|völlig|sehr)\b", text)
    watched = r"\b(?:therap|beobacht|überwach|belausch|mithör|Arzt|Ärzt|Chat|Roboter|weiß von|Gedanken lesen)"
    assert not re.search(watched, text, re.I)


def test_german_ease_follows_the_formula() -> None:
    assert german_ease("Ich mag diese App.") == pytest.approx(180 - 4 - 58.5 * 5 / 4, abs=1e-12)
    assert german_ease("Die Personalisierung erleichtert Rehabilitation.") < 60


@pytest.mark.parametrize("texts", [ITEMS, GERMAN], ids=["en", "de"])
def test_no_two_items_say_the_same(texts: dict[str, str]) -> None:
    assert len({text.lower() for text in texts.values()}) == len(texts)
    if texts is ITEMS:
        assert [(a, b) for a, b in combinations(texts, 2) if overlap(texts[a], texts[b]) >= 0.6] == []


def test_no_english_item_names_a_mind_a_watcher_or_a_thought_put_into_the_reader() -> None:
    inserted = (
        r"\b(?:gives? me|puts?) (?:new )?(?:ideas?|thoughts?)|\bare (?:handled|treated|kept|read)\b|by people"
    )
    assert [text for text in ITEMS.values() if re.search(inserted, text)] == []


def test_structure_is_that_of_the_source_with_a_module_of_negative_alliance_beside_it() -> None:
    titles = {theme.id: theme.title for theme in NEW.themes}
    assert [titles[name] for name in (*NEW.dimension_themes, "flexibility")] == THEME_TITLES
    assert NEW.total_themes == ["humanness", "meaningfulness", "progression", "using"]
    assert (NEW.composite_themes, NEW.context_themes) == (["flexibility"], ["flexibility"])
    negative = NEW.theme("negative")
    assert (negative.role, negative.grade) == ("plain", "P")
    assert len(negative.items) == 8
    assert Counter(item.facet for item in negative.items) == dict.fromkeys(
        ("irritation", "distrust", "reliance", "flattery"), 2
    )
    assert NEW.reversed_items == []
    assert {theme.id: len(theme.items) for theme in NEW.themes} == {
        "humanness": 13,
        "meaningfulness": 12,
        "progression": 11,
        "using": 13,
        "negative": 8,
        "flexibility": 8,
    }


def test_every_gap_is_a_facet_of_its_own_with_source_and_grade() -> None:
    facets = {facet.id: facet for theme in NEW.themes for facet in theme.facets}
    of = {name: [item.id for item in NEW.items if item.facet == name] for name in facets}
    assert {name: of[name] for name in GAPS} == GAPS
    for name in (*GAPS, "irritation", "distrust", "reliance", "flattery"):
        assert facets[name].grade == "P"
        assert re.search(r"doi 10\.\d{4}|arXiv \d{4}\.\d{5}", facets[name].source), name
    assert set(map(len, of.values())) <= {1, 2}
    assert {facet.grade for facet in facets.values()} == {"P"}
    assert {item.grade for item in NEW.items} == {"P"}
    assert NEW.status == "candidate"


def test_sources_that_were_not_read_say_so() -> None:
    sources = {facet.source for theme in NEW.themes for facet in theme.facets if "doi" in facet.source}
    for source in sources:
        assert source.endswith(("(abstract).", "(from memory, not read for this version).")), source


def test_frame_is_one_and_no_statement_has_another() -> None:
    assert NEW.time_frame == "As this app is for me now"
    assert NEW.wording("de").time_frame == "So wie diese App jetzt für mich ist"
    texts = [NEW.instructions, *ITEMS.values()]
    assert [text for text in texts if re.search(r"past|weeks?|lately|recent", text)] == []
    german = [NEW.wording("de").instructions, *GERMAN.values()]
    assert [text for text in german if re.search(r"Wochen?|letzte|zuletzt", text)] == []
    assert reading_grade(NEW.instructions) <= 6
    for phrase in ("leave out any question", "no right or wrong", "stop at any point"):
        assert phrase in NEW.instructions
    assert not re.search(FORBIDDEN["surveillance"] + "|" + FORBIDDEN["clinic"], NEW.instructions, re.I)


def test_options_of_both_languages_have_the_same_steps() -> None:
    english, german = (NEW.wording(tag).options["agreement"] for tag in ("en", "de"))
    assert [german[code] for code in range(1, 6)] == [
        "Lehne stark ab",
        "Lehne ab",
        "Weder noch",
        "Stimme zu",
        "Stimme stark zu",
    ]
    assert [english[code] for code in range(1, 6)] == [
        "Strongly disagree",
        "Disagree",
        "Neither agree nor disagree",
        "Agree",
        "Strongly agree",
    ]
    # a word of strength on the ends only, the two sides mirrored, none that softens
    assert [("trongly" in english[c], "stark" in german[c]) for c in range(1, 6)] == [
        (True, True),
        (False, False),
        (False, False),
        (False, False),
        (True, True),
    ]
    assert not re.search("eher|teils", " ".join(german.values()), re.I)
    wording = NEW.wording("de")
    assert (wording.status, wording.notice[:27]) == ("unvalidated", "Nicht validierte Übersetzun")
    for tag in ("en", "de"):
        options = NEW.wording(tag).options["agreement"]
        assert all(options[code] in NEW.wording(tag).instructions for code in (96, 97))


def test_tags_are_from_the_closed_lists_and_use_more_principles_than_before() -> None:
    principles = instrument.load("psd_audit").item_ids
    named = {name for item in NEW.items for name in item.psd}
    assert {name.replace(" ", "_").replace("-", "_") for name in named} <= set(principles)
    assert len(named) == 22
    assert len({name for item in BEFORE.items for name in item.psd}) == 17
    for theme in NEW.themes:
        assert all(bool(item.alliance) == (theme.role != "context") for item in theme.items)
    assert {name for item in NEW.items for name in item.alliance} == ALLIANCE


def test_items_near_the_criterion_are_flagged() -> None:
    assert NEW.near_criterion("outcome") == ["hum11", "mea14", "pro3", "pro4", "pro7", "pro10", "pro11"]
    assert NEW.near_criterion("use") == ["pro6", "pro9", "use13"]


def test_every_item_says_whether_a_doubt_is_open_and_the_readme_lists_those_that_are() -> None:
    assert all(item.reader is not None for item in NEW.items)
    assert NEW.open_items == OPEN
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    line = re.search(r"In `dta@0\.2\.0` open: ([^.]*)\.", readme)
    assert line is not None
    assert re.findall(r"`(\w+)`", line[1]) == OPEN


def test_an_item_whose_wording_changed_has_a_new_id_and_no_id_comes_back() -> None:
    shared = set(NEW.item_ids) & set(BEFORE.item_ids)
    assert {item: ITEMS[item] for item in shared} == {item: BEFORE.item(item).text for item in shared}
    gone = {"hum3", "hum8", "mea5", "mea6", "use7", "use8", "flx1", "flx2", "flx3", "flx7", "flx8"}
    assert set(BEFORE.item_ids) - shared == gone
    assert len(shared) == 29


def test_rationales_and_provenance_are_whole() -> None:
    rationales = [item.rationale for item in NEW.items]
    assert all(re.fullmatch(r"[A-Z][^.!?]*\.", text) for text in rationales)
    assert len(set(rationales)) == len(rationales)
    written = (LIBRARY / "dta" / "0.2.0" / "provenance.csv").read_text(encoding="utf-8")
    assert written == framework_csv(NEW)


def test_versions_are_loaded_by_name_and_the_usual_one_stays() -> None:
    assert versions("dta") == ["0.1.1", "0.1.0", "0.2.0"]
    assert (NOW.version, BEFORE.version, NEW.version) == ("0.1.1", "0.1.0", "0.2.0")
    assert instrument.load("dta@0.1.1").content_hash == NOW.content_hash
    assert versions("psd_audit") == ["0.1.1"]
    with pytest.raises(DefinitionError, match=r"not shipped in version '9'.*\nHint: choose among 0\.1\.1"):
        instrument.load("dta@9")


def test_the_first_version_is_what_it_was() -> None:
    kept = "956aaa96a0a70827a725a8e46e386571818e2f5b1fcaac8c27def7c27e0e1495"  # as its own program gave it
    assert BEFORE.content_hash == kept


def test_answers_to_the_first_version_score_as_they_did() -> None:
    rng = np.random.default_rng(5)
    codes = rng.choice([1, 2, 3, 4, 5, 96, 98], size=(60, 40), p=[0.1, 0.1, 0.2, 0.3, 0.2, 0.05, 0.05])
    table = pd.DataFrame(codes, columns=BEFORE.item_ids).assign(participant=range(60), wave="w1")
    answers = instrument.check_responses(table, BEFORE)
    first, usual = (instrument.score(answers, scale).scores for scale in (BEFORE, NOW))
    pd.testing.assert_frame_equal(first, usual)
    plain = table[BEFORE.theme_items("humanness")].where(lambda frame: frame < 90)
    applicable = (table[BEFORE.theme_items("humanness")] != 96).sum(axis=1)
    mean = plain.mean(axis=1).where(plain.notna().sum(axis=1) >= 0.8 * applicable - 1e-9)
    np.testing.assert_allclose(first["humanness"], mean, atol=1e-12)
    assert 10 < mean.notna().sum() < 60


def test_answers_to_one_version_do_not_pass_for_answers_to_the_other() -> None:
    table = pd.DataFrame(3, index=range(3), columns=BEFORE.item_ids).assign(participant=range(3), wave="w1")
    with pytest.raises(
        instrument.ToolkitError, match=r"36 of 65 item columns of instrument 'dta' 0\.2\.0 are absent"
    ):
        instrument.score(instrument.check_responses(table, NEW), NEW)


@pytest.mark.parametrize("theme", REFLECTIVE)
def test_information_suffices_up_to_a_high_trait_where_hard_items_are_in(theme: str) -> None:
    """Under the assumptions of the simulation: reliability .70 or more from -2 to +1.5, means of 3.8 to 4.05."""
    answers = draw_answers(NEW, theme, n=1000, seed=31)
    ordinary = answers.drop(columns=[item for item in HARD if item in answers]).mean()
    assert ordinary.between(MEANS[0] - 0.1, MEANS[1] + 0.1).all()
    found = dict(zip(GRID.tolist(), information_of(answers), strict=True))
    assert min(value for at, value in found.items() if -2 <= at <= 1.5) >= ENOUGH


@pytest.mark.parametrize(("mean", "options"), [(3.9, 5), (2.8, 5), (3.9, 7)])
def test_steps_give_the_mean_they_are_made_for(mean: float, options: int) -> None:
    steps = steps_for(mean, options)
    assert (np.diff(steps) > 0).all()
    latent = np.random.default_rng(1).standard_normal(200_000)
    score = (latent[:, None] > steps).sum(axis=1) / (options - 1)
    assert score.mean() == pytest.approx((mean - 1) / 4, abs=0.005)


def test_every_reflective_theme_has_two_hard_items() -> None:
    assert {
        theme: sum(item in HARD for item in NEW.theme_items(theme)) for theme in REFLECTIVE
    } == dict.fromkeys(REFLECTIVE, 2)
