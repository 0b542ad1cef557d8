"""A plan is refused where a number would be of something else than its words say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from analysis.common.rules import planned_rules
from analysis.pipeline import validate
from analysis.planning.checking import refuse_unfitting
from analysis.planning.definition import shared_items
from analysis.planning.loading import make_plan, settle
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError


@pytest.fixture(scope="module")
def first(answers: pd.DataFrame) -> pd.DataFrame:
    return answers[answers["wave"] == 1].reset_index(drop=True)


def hypothesis(**said: Any) -> dict[str, Any]:
    return {"hypotheses": [{"id": "h", "text": "They go together.", "expected": ">= 0.3", **said}]}


def other_scale(theme: str) -> Instrument:
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "other",
            "version": "1",
            "title": "Other",
            "response_scales": {"agree": {"options": {1: "no", 2: "partly", 3: "yes"}}},
            "themes": [{"id": theme, "title": "T", "items": [{"id": f"z{k}", "text": "-"} for k in "123"]}],
        }
    )


def other_answers(first: pd.DataFrame, scale: Instrument, wave: Any = 1) -> pd.DataFrame:
    codes = np.random.default_rng(2).integers(1, 4, (len(first), 3))
    table = pd.DataFrame(codes, columns=scale.item_ids).assign(participant=first["participant"], wave=wave)
    return instrument.check_responses(table, scale)


@pytest.mark.parametrize(
    ("score", "other", "shared"),
    [("total", "north", 4), ("north", "north", 4), ("north", "total", 4), ("total", "total", 8)],
)
def test_a_score_is_not_expected_to_go_with_a_part_of_itself(
    first: pd.DataFrame, scale: Instrument, score: str, other: str, shared: int
) -> None:
    assert shared_items(scale, score, other) == shared
    said = rf"hypotheses\[0\].with: '{score}' and '{other}' share {shared} items"
    with pytest.raises(DefinitionError, match=said):
        refuse_unfitting(make_plan(hypothesis(score=score, **{"with": other})), scale)
    if score == "total":  # the score by default
        with pytest.raises(DefinitionError, match=said):
            validate(first, scale, plan=hypothesis(**{"with": other}), topics=["flow"])


def test_scores_that_share_no_item_are_related(scale: Instrument) -> None:
    for score, other in (("north", "south"), ("total", "west"), ("west", "total")):
        assert shared_items(scale, score, other) == 0
        refuse_unfitting(make_plan(hypothesis(score=score, **{"with": other})), scale)


def test_a_name_of_two_things_is_refused_wherever_they_come_from(
    first: pd.DataFrame, scale: Instrument
) -> None:
    column = pd.DataFrame({"participant": first["participant"], "south": np.arange(len(first)) * 1.0})
    said = r"hypotheses\[0\].with: 'south' is the name of 2 things"
    plan = hypothesis(score="north", **{"with": "south"})
    other = other_scale("south")
    beside: list[dict[str, Any]] = [
        {"covariates": column},
        {"outcomes": column},
        {"measures": [(other_answers(first, other), other)]},
    ]
    for given in beside:
        with pytest.raises(DefinitionError, match=said):
            validate(first, scale, plan=plan, topics=["flow"], **given)
    with pytest.raises(DefinitionError, match=said):  # before any data are seen
        refuse_unfitting(make_plan(plan), scale, [other])
    total = column.rename(columns={"south": "other_total"})
    with pytest.raises(DefinitionError, match="'other_total' is the name of 2 things"):
        validate(
            first,
            scale,
            plan=hypothesis(score="north", **{"with": "other_total"}),
            topics=["flow"],
            covariates=total,
            **beside[2],
        )


def test_a_name_of_two_things_is_said_where_no_hypothesis_needs_it(
    first: pd.DataFrame, scale: Instrument
) -> None:
    column = pd.DataFrame({"participant": first["participant"], "south": np.arange(len(first)) * 1.0})
    notes = validate(first, scale, topics=["flow"], covariates=column).tree["meta"]["notes"]
    assert [note for note in notes if note.startswith("'south' is the name of 2 things")]


def test_a_bare_yes_in_a_plan_is_no_level() -> None:
    for said in (
        hypothesis(groups="app", higher=True, lower="no"),
        hypothesis(groups="app", higher="yes", lower=False),
        {"groups": {"app": {"reference": False}}},
        {"groups": {"app": {"leave_out": [True]}}},
    ):
        with pytest.raises(DefinitionError, match=r"in quotes: YAML reads a bare (yes|no) as"):
            settle(said)
    settle({"groups": {"app": {"reference": "no", "leave_out": [1, 2.0]}}})


@pytest.mark.parametrize(
    ("merged", "said"),
    [
        ({5: 1}, "1 and 5 become one category, and 2, 3, 4 between them do not"),
        ({2: 4}, "2 and 4 become one category, and 3 between them does not"),
        ({1: 2, 5: 2}, "1 and 2 and 5 become one category, and 3, 4 between them do not"),
    ],
)
def test_categories_with_another_between_them_are_not_merged(
    scale: Instrument, merged: dict[int, int], said: str
) -> None:
    for item in ("q1", "q4", "all"):
        with pytest.raises(DefinitionError, match=rf"collapse.{item}: {said}"):
            refuse_unfitting(make_plan({"collapse": {item: merged}}), scale)
    for good in ({5: 4}, {1: 3, 2: 3}, {1: 2, 5: 4}, {2: 1, 3: 1}, {1: 2, 3: 2}):
        refuse_unfitting(make_plan({"collapse": {"all": good}}), scale)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("outcomes", "repeat a participant"),
        ("covariates", "repeat a participant"),
        ("enrolment", "repeat a participant"),
        ("times", "repeat a participant at a wave"),
    ],
)
def test_nobody_counts_twice_in_a_table_beside_the_answers(
    first: pd.DataFrame, scale: Instrument, name: str, said: str
) -> None:
    rows = pd.DataFrame({"participant": first["participant"], "mood": np.arange(len(first)) * 1.0})
    if name == "times":
        rows = rows.assign(wave=1, seconds=100.0)
    twice = pd.concat([rows, rows.head(7)], ignore_index=True)
    with pytest.raises(ResponseDataError, match=rf"7 rows of the table of {name} {said}\.\nHint: keep"):
        validate(first, scale, topics=["flow"], **{name: twice})
    validate(first, scale, topics=["flow"], **{name: rows})


def test_outcomes_of_two_waves_are_one_row_for_each(first: pd.DataFrame, scale: Instrument) -> None:
    rows = pd.DataFrame({"participant": first["participant"], "mood": np.arange(len(first)) * 1.0})
    both = pd.concat([rows.assign(wave=1), rows.assign(wave=2)])
    plan = hypothesis(score="north", **{"with": "mood"})
    tree = validate(first, scale, topics=["flow"], outcomes=both, plan=plan).tree
    scored = instrument.score(first, scale).scores["north"].notna().sum()
    assert tree["sections"]["planned_hypotheses"]["tables"]["hypotheses"]["n"] == [scored]


def test_a_measure_at_no_wave_of_the_scale_is_refused(first: pd.DataFrame, scale: Instrument) -> None:
    other = other_scale("zeal")
    late = other_answers(first, other, wave=2)
    with pytest.raises(
        ResponseDataError, match=r"nobody answered measure 'other' at a wave of the scale: 2 and 1\.\nHint: "
    ):
        validate(first, scale, topics=["flow"], measures=[(late, other)])


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (">= 30", "no correlation can lie there"),
        ("> 1", "no correlation can lie there"),
        ("< -1", "no correlation can lie there"),
        ("30 to 50", "no correlation can lie there"),
        ("|r| > 1", "no correlation can lie there"),
        ("|r| < 0", "no correlation can lie there"),
        ("<= 1", "every correlation lies there"),
        ("|r| < 2", "every correlation lies there"),
        ("|r| > 0", "every correlation lies there"),
        ("-1 to 1", "every correlation lies there"),
    ],
)
def test_a_range_of_every_or_no_correlation_is_no_expectation(expected: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make_plan({"hypotheses": [asked(expected, **{"with": "south"})]})
    make_plan({"hypotheses": [asked(expected, groups="site", higher="a", lower="b")]})  # Hedges' g has no end


@pytest.mark.parametrize("expected", [">= 0.3", "< 0", "> -1", "< 1", "|r| < 1", "0.2 to 1"])
def test_a_range_that_can_come_out_either_way_is_one(expected: str) -> None:
    make_plan({"hypotheses": [asked(expected, **{"with": "south"})]})


@pytest.mark.parametrize("expected", ["not > 0.3", "r not > 0.3", "unlike > 0.3", "> 0.3 or < -0.3"])
def test_a_negation_is_not_read_as_its_contrary(expected: str) -> None:
    with pytest.raises(DefinitionError, match="is no range"):
        make_plan({"hypotheses": [asked(expected, **{"with": "south"})]})


def asked(expected: str, **said: Any) -> dict[str, Any]:
    return {"id": "h", "text": "They go together.", "expected": expected, **said}


@pytest.mark.parametrize("rules", [{"ALPHA": 80}, {"CFI": 95}, {"RMSEA": 6}, {"FLOOR_CEILING": 15}])
def test_a_cut_off_in_percent_of_a_statistic_that_ends_at_one_is_refused(rules: dict[str, float]) -> None:
    name = next(iter(rules))
    with pytest.raises(DefinitionError, match=rf"rules.{name}: \d+ is beyond what it is compared with"):
        make_plan({"rules": rules})
    make_plan({"rules": {name: rules[name] / 100}})


def test_every_published_cut_off_could_be_that_of_a_plan() -> None:
    make_plan({"rules": {name: rule.published for name, rule in planned_rules().items()}})


@pytest.mark.parametrize("text", ["", "- a\n- b\n"])
def test_the_hint_for_a_file_without_entries_serves_a_plan_too(tmp_path: Path, text: str) -> None:
    """It said to begin with `id`, which no plan has."""
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(DefinitionError, match="holds no mapping") as refused:
        settle(file)
    assert str(refused.value).endswith("Hint: begin with 'schema: 1', then one 'entry: value' a line.")
    file.write_text("schema: 1\nseed: 4\n")
    assert settle(file).plan.seed == 4
