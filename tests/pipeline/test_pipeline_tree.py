"""The results tree: plain, whole, repeatable, and the same numbers as the functions behind it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from three_themes import make_scale

from analysis.common.rules import ALPHA
from analysis.common.verdicts import Question
from analysis.disclosure.kinds import people, statistic
from analysis.figures.registry import FIGURES
from analysis.pipeline import Validation, run, validate
from analysis.pipeline.section import Finding, Section, Topic
from analysis.reliability.cronbach_alpha import cronbach_alpha
from instrument.definition import Instrument
from instrument.errors import NotEstimableError, ResponseDataError
from instrument.scoring.score import reverse_key, score
from instrument.study import make_study


def test_the_tree_is_plain_data_without_nan(tree: dict[str, Any]) -> None:
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    assert set(tree) == {"schema", "meta", "sections", "properties"}


def test_a_second_run_gives_the_same_tree(
    tree: dict[str, Any], scale: Instrument, answers: pd.DataFrame, study: dict[str, Any]
) -> None:
    again = validate(answers.copy(), scale, study=make_study(study), seed=3).to_dict()
    assert json.dumps(again) == json.dumps(tree)


def test_every_section_names_how_it_was_made(tree: dict[str, Any]) -> None:
    for name, section in tree["sections"].items():
        method = section["method"]
        assert set(method) == {"estimator", "n", "missing", "seed", "options", "software", "data"}, name
        assert method["data"] == tree["meta"]["checksums"]["responses"]
        assert "dta-toolkit" in method["software"]
        if section["status"] == "ok":
            assert method["estimator"] and method["missing"] and method["n"] > 0, name


def test_the_parts_of_every_section_fit_each_other(tree: dict[str, Any]) -> None:
    for name, section in tree["sections"].items():
        for sentence in section["prose"]:
            for key in re.findall(r"\{(\w+)", sentence):
                assert key in section["values"], f"{name}: {key}"
        assert list(section["tables"]) == list(section["captions"]), name
        for table, columns in section["tables"].items():
            assert set(section["captions"][table]["columns"]) <= set(columns), f"{name}.{table}"
            assert len({len(column) for column in columns.values()}) == 1
        for figure in section["figures"]:
            assert figure.split("@")[0] in FIGURES


def test_every_finding_rests_on_the_number_at_its_path(
    tree: dict[str, Any], at_path: Callable[[Any, str], Any]
) -> None:
    count = 0
    for section in tree["sections"].values():
        for finding in section["findings"]:
            assert at_path(tree, finding["path"]) == finding["value"]
            assert finding["source"]
            count += 1
    assert count >= 10


def test_numbers_are_those_of_the_functions(
    tree: dict[str, Any], scale: Instrument, answers: pd.DataFrame
) -> None:
    first = reverse_key(answers[answers["wave"] == 1], scale)
    table = tree["sections"]["reliability"]["tables"]["alpha"]
    for position, theme in enumerate(table["theme"]):
        items = first[scale.theme_items(theme)].astype(float)
        direct = cronbach_alpha(items, missing="listwise", interval="jackknife")
        assert table["alpha"][position] == direct.estimate
        assert table["ci_lower"][position] == direct.ci.lower
        assert table["n"][position] == direct.n_obs
    scores = tree["sections"]["scores"]["tables"]["scores"]
    card = score(answers, scale).scores
    row = scores["score"].index("south")
    assert scores["mean"][row] == pytest.approx(card.loc[card["wave"] == 1, "south"].mean(), abs=1e-12)


def test_structure_is_estimated_on_the_first_declared_wave(tree: dict[str, Any]) -> None:
    assert tree["meta"]["structure_wave"] == "1"
    assert tree["meta"]["waves"] == ["1", "2", "3"]
    assert tree["sections"]["exploration"]["method"]["options"]["wave"] == 1
    assert tree["sections"]["flow"]["values"]["first_wave"] == "Start"


def test_without_a_study_what_needs_it_says_so(scale: Instrument, answers: pd.DataFrame) -> None:
    needing = ("retest", "use")
    sections = validate(answers, scale, seed=3, topics=needing).to_dict()["sections"]
    for name in needing:
        assert sections[name]["status"] == "not_applicable"
        assert "study file" in sections[name]["message"]


def test_what_an_item_without_differences_keeps_from_an_answer_is_marked_and_the_rest_stands(
    scale: Instrument, answers: pd.DataFrame
) -> None:
    stuck = answers.assign(q5=pd.array([3] * len(answers), dtype="Int64"))
    result = validate(stuck, scale, seed=3)
    sections = result.to_dict()["sections"]
    assert (sections["exploration"]["status"], sections["exploration"]["cause"]) == (
        "untestable",
        "no_variation",
    )
    assert "q5" in sections["exploration"]["message"]
    assert result.tree["meta"]["without_variation"] == ["q5"]
    assert sections["exploration"]["tables"] == {}
    assert sections["reliability"]["problems"] == []
    assert {"what": "Theme of the south", "cause": "no_variation"} in sections["reliability"]["untested"]
    assert sections["reliability"]["tables"]["alpha"]["theme"] == ["north", "west"]
    assert sections["flow"]["status"] == "ok"


def test_one_respondent_gives_words_not_a_crash(scale: Instrument, answers: pd.DataFrame) -> None:
    sections = validate(answers.head(1), scale).to_dict()["sections"]
    assert sections["flow"]["values"]["participants"] == 1
    for name in ("exploration", "sampling", "retention"):
        assert (sections[name]["status"], sections[name]["cause"]) == ("untestable", "few_people")


def test_a_topic_added_to_the_list_is_in_the_tree(
    scale: Instrument, answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(context: Any) -> Section:
        asked = Question(text="?")
        path = "sections.half.values.x"
        finding = Finding(claim="c", value=float("nan"), rule=ALPHA, path=path, question=asked)
        return Section(
            estimator="e",
            n=1,
            n_kind=people(),
            missing="m",
            prose=["{x:d1}"],
            values={"x": 0.5},
            value_kinds={"x": statistic()},
            findings=[finding],
        )

    def broken(context: Any) -> Section:
        raise NotEstimableError("half: nothing to see.\nHint: look elsewhere.")

    topics = (
        Topic(name="half", title="Half", question="?", run=half),
        Topic(name="broken", title="Broken", question="?", run=broken),
    )
    monkeypatch.setattr(run, "TOPICS", topics)
    seen: list[tuple[str, int, int]] = []
    result = validate(answers, scale, progress=lambda *step: seen.append(step))
    assert seen == [("Half", 1, 2), ("Broken", 2, 2)]
    sections = result.to_dict()["sections"]
    assert sections["half"]["findings"][0]["passed"] is None
    assert sections["half"]["findings"][0]["verdict"] == "untested"
    assert sections["broken"]["message"] == "half: nothing to see.\nHint: look elsewhere."
    assert isinstance(result, Validation)
    assert result.to_frame()["verdict"].tolist() == ["untested"]


def test_an_error_that_is_no_finding_about_the_data_is_raised(
    scale: Instrument, answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(context: Any) -> Section:
        raise ZeroDivisionError

    monkeypatch.setattr(run, "TOPICS", (Topic(name="w", title="W", question="?", run=wrong),))
    with pytest.raises(ZeroDivisionError):
        validate(answers, scale)


def test_tables_that_break_their_contract_are_refused(scale: Instrument, answers: pd.DataFrame) -> None:
    with pytest.raises(ResponseDataError, match=r"validate: 1 of 14 columns are absent: 'q3'"):
        validate(answers.drop(columns="q3"), scale)
    with pytest.raises(ResponseDataError, match="no rows"):
        validate(answers.head(0), scale)


def test_every_number_of_answers_with_nine_options_has_a_kind(
    answers: pd.DataFrame, study: dict[str, Any]
) -> None:
    """Robust maximum likelihood brings other fit indices than ordinal models do."""
    from analysis.disclosure.shared import shared_tree

    scale = make_scale(response_scales={"agree": {"options": {k: str(k) for k in range(1, 10)}}})
    noise = np.random.default_rng(1)
    wide = answers.copy()
    for item in scale.item_ids:
        doubled = wide[item] * 2 - 1 + pd.array(noise.integers(0, 2, len(wide)), dtype="Int64")
        wide[item] = doubled.clip(1, 9).astype("Int64")
    persons = pd.DataFrame({"participant": wide["participant"].unique()})
    persons["sex"] = np.where(noise.random(len(persons)) < 0.5, "w", "m")
    topics = ("exploration", "models", "groups", "longitudinal")
    found = validate(
        wide, scale, covariates=persons, study=make_study(study), seed=3, topics=topics
    ).to_dict()
    assert {part["status"] for part in found["sections"].values()} == {"ok"}
    assert shared_tree(found)["meta"]["shared"] == {"smallest": 5}
