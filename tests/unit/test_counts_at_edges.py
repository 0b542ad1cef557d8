"""Counts, limits and words at their edges: three targets, no person in a direction, an item without gaps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.common.result import _glance
from analysis.power.expected_sizes import ALLIANCE_OUTCOME, expected_odds_ratio
from analysis.power.plan_power import plan_power
from analysis.power.result import needed
from analysis.simulation.population import load_population
from instrument.definition import Instrument
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError
from instrument.exchange.codebook import codebook_json
from instrument.exchange.fhir import questionnaire
from instrument.exchange.framework import framework_matrix
from instrument.exchange.several import put_together
from instrument.exchange.xlsform import xlsform_bytes
from tests.unit.test_content_records import MINI

DE = MINI["translations"]["de"]  # type: ignore[index]
STUDY = load_population("dta_example").study


def scale_with(**changes: object) -> Instrument:
    return Instrument.model_validate({**MINI, **changes})


def test_three_targets_have_an_icc_and_two_have_none() -> None:
    long = pd.DataFrame(
        [
            (who, wave, score)
            for who, pair in zip("abc", ((1, 2), (3, 3), (5, 6)), strict=True)
            for wave, score in enumerate(pair)
        ],
        columns=["who", "wave", "score"],
    )
    given = {"targets": "who", "raters": "wave", "ratings": "score"}
    assert analysis.icc(long, **given).n_targets == 3
    with pytest.raises(NotEstimableError, match="2 of 2 targets have every rating, at least 3"):
        analysis.icc(long[long["who"] != "c"], **given)


def test_a_direction_of_change_that_nobody_took_counts_nobody() -> None:
    first = pd.Series([1.0, 2.0, 3.0, 4.0])
    found = analysis.reliable_change(first, pd.Series([10.0, 2.0, 3.0, 13.0]), sem=0.5).to_frame()
    assert found["n"].to_dict() == {"higher": 2, "no reliable change": 2, "lower": 0}
    assert found["share"].tolist() == [0.5, 0.5, 0.0]


def test_an_item_without_gaps_has_none_for_any_reason() -> None:
    scale = scale_with(translations={})
    answers = pd.DataFrame(
        {"participant": list("pqrs"), "wave": 1, "q1": [1, 2, 1, 2], "q2": [1, None, 2, 2], "q3": 1}
    )
    found = analysis.screen(answers, scale).missing_items
    assert found.loc["q1", ["n_asked", "n_answered", "missing_share"]].tolist() == [4, 4, 0.0]
    assert found.loc["q2", ["n_asked", "n_answered", "missing_share"]].tolist() == [4, 3, 0.25]
    gaps = found.filter(like="missing_").drop(columns="missing_share").sum(axis=1)
    assert gaps.to_dict() == {"q1": 0, "q2": 1, "q3": 0}


def test_a_glance_spells_out_numbers_and_never_what_may_be_people() -> None:
    assert _glance((1, 2.5)) == "(1, 2.5)" and _glance((1.0,)) == "(1)"
    assert _glance((1, "anna")) == "2 entries" and _glance(("anna",)) == "1 entry"
    assert (
        _glance((1, 2, 3)) == "(1, 2, 3)"
        and _glance((1, 2, 3, 4)) == "4 entries"
        and _glance(()) == "0 entries"
    )


def test_a_column_that_is_absent_and_one_that_stands_there_twice_are_told_apart() -> None:
    data = pd.DataFrame(np.random.default_rng(1).normal(size=(40, 4)), columns=["a", "b", "c", "w"])
    with pytest.raises(DefinitionError, match="'x' of sampling_weights is not in the data"):
        analysis.cfa("f =~ a + b + c", data, "ML", sampling_weights="x")
    with pytest.raises(DefinitionError, match="'w' of sampling_weights is in the data twice"):
        analysis.cfa(
            "f =~ a + b + c",
            data.set_axis(["a", "b", "c", "w", "w"][:4], axis=1)
            .assign(v=1.0)
            .set_axis(["a", "b", "c", "w", "w"], axis=1),
            "ML",
            sampling_weights="w",
        )


def test_published_sizes_and_what_to_choose_where_none_is_known() -> None:
    assert dict(ALLIANCE_OUTCOME) == {"Total": 0.21, "Task": 0.25, "Goal": 0.19, "Bond": 0.12}
    with pytest.raises(
        DefinitionError, match=r"choose total, humanness, meaningfulness, progression, using\."
    ):
        expected_odds_ratio(instrument.load("dta"), "a", 0.85)
    with pytest.raises(DefinitionError, match=r"choose total\."):
        expected_odds_ratio(scale_with(), "a", 0.85)


def test_a_level_of_one_and_a_share_of_one_are_outside_their_range() -> None:
    for name in ("alpha", "done"):
        with pytest.raises(DefinitionError, match=f"outside their range: {name}"):
            plan_power(STUDY, n=(60,), replications=1, **{name: 1.0})
        with pytest.raises(DefinitionError, match=f"outside their range: {name}"):
            plan_power(STUDY, n=(60,), replications=1, **{name: 0.0})


def test_a_number_is_named_only_where_some_power_is_above_chance() -> None:
    table = pd.DataFrame(
        {"n": [100.0, 200.0], "power": [0.3, 0.5], "replications": 400, "ci_lower": [0.26, 0.45]}
    )
    assert 200 < needed(table, 0.05, 0.8) < 600
    assert np.isnan(needed(table.assign(ci_lower=0.05), 0.05, 0.8))  # as often as chance would
    assert needed(table.assign(power=1.0, ci_lower=0.99), 0.05, 0.8) == 50


def test_letters_of_other_languages_stand_in_a_codebook_as_they_are() -> None:
    scale = scale_with(title="Fragen für Größe")
    assert "Fragen für Größe" in codebook_json(scale) and json.loads(codebook_json(scale))


def test_a_text_that_a_language_lacks_has_no_empty_translation() -> None:
    scale = scale_with(translations={"de": {**DE, "instructions": ""}}, instructions="Please answer.")  # type: ignore[dict-item]
    text = json.dumps(questionnaire(scale))
    assert '"valueString": ""' not in text and '"valueString": true' not in text
    assert "Mit dieser App" in text


def test_the_grade_of_a_theme_is_told_where_there_is_one() -> None:
    graded = framework_matrix(instrument.load("dta"))["theme_grade"]
    assert set(graded) == {theme.grade or "" for theme in instrument.load("dta").themes} != {""}
    assert set(framework_matrix(scale_with())["theme_grade"]) == {""}


def test_a_few_ids_written_otherwise_in_another_file_pass_and_many_are_refused() -> None:
    def file(names: list[str], wave: int) -> pd.DataFrame:
        return pd.DataFrame({"participant": names, "wave": wave, "q1": 1})

    people = [f"p{k:02d}" for k in range(60)]
    one = ["P00", *people[1:]]
    several = [name.upper() for name in people[:5]] + people[5:]
    assert len(put_together([file(people, 1), file(one, 2)], ["a", "b"], (), "f")) == 120
    with pytest.raises(ResponseDataError, match="5 pairs of ids differ in 'capitals' alone"):
        put_together([file(people, 1), file(several, 2)], ["a", "b"], (), "f")


def test_instructions_in_one_language_alone_are_still_a_note(tmp_path: Path) -> None:
    for texts, n in ((("Please answer.", ""), 1), (("", ""), 0), (("Please answer.", "Bitte."), 1)):
        scale = scale_with(instructions=texts[0], translations={"de": {**DE, "instructions": texts[1]}})  # type: ignore[dict-item]
        (tmp_path / "a.xlsx").write_bytes(xlsform_bytes(scale))
        survey = pd.read_excel(tmp_path / "a.xlsx", sheet_name="survey")
        assert (survey["type"] == "note").sum() == n
