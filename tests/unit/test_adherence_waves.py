"""Repeated waves: each window is counted once, the two splits add up, and what cannot be told is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from analysis import relate_waves, summarise_usage
from analysis.adherence.waves import WavesResult, split_score
from analysis.adherence.windows import use_by_window
from analysis.simulation import StudyData, simulate_study
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError
from instrument.study import as_study


@pytest.fixture(scope="module")
def data() -> StudyData:
    return simulate_study("dta_example", n=250, seed=9)


@pytest.fixture(scope="module")
def scores(data: StudyData) -> pd.DataFrame:
    return instrument.score(data.responses, instrument.load("dta")).scores


def related(scores: pd.DataFrame, data: StudyData, **changes: Any) -> WavesResult:
    given = {"participants": data.enrolment, "predictors": ["total"], **changes}
    return relate_waves(scores, data.usage, data.study, data.outcomes, data.covariates, **given)


@pytest.fixture(scope="module")
def found(scores: pd.DataFrame, data: StudyData) -> WavesResult:
    return related(scores, data)


def test_windows_add_up_to_use_after_the_first_close(data: StudyData) -> None:
    study = as_study(data.study)
    windows = use_by_window(data.usage, study, participants=data.enrolment)
    table = windows.table
    assert (table["from_day"].iloc[1:].to_numpy() == table["to_day"].iloc[:-1].to_numpy()).all()
    assert table["to_day"].iloc[-1] == study.study_days
    summary = summarise_usage(data.usage, study, participants=data.enrolment)
    # the study's own landmark is the first close, so its count after it is the windows' sum
    assert summary.rule["landmark_day"] == table["from_day"].iloc[0]
    assert table["due"].sum() == summary.rule["intended_after"]
    after = summary.people.set_index(summary.people["participant"].astype(str))[
        f"{summary.rule['measure']}_after"
    ]
    parts = windows.use.groupby("participant")["done"].agg(["sum", "size"])
    stayed = parts.index[parts["size"] == len(table)]
    assert len(stayed) > 200
    np.testing.assert_array_equal(parts.loc[stayed, "sum"], after.reindex(stayed).astype(float))


def test_both_splits_of_every_predictor(found: WavesResult) -> None:
    assert found.failed.empty
    assert found.effects.groupby(["split", "part"]).size().eq(1).all()
    assert len(found.effects) == 4
    assert (found.effects["n_ratings"] == found.windows["rated"].sum()).all()
    inside = (found.effects["ci_lower"] < found.effects["effect"]) & (
        found.effects["effect"] < found.effects["ci_upper"]
    )
    assert inside.all()
    assert found.to_dict()["notes"]


def test_order_of_rows_and_scale_of_the_score_do_not_matter(
    found: WavesResult, scores: pd.DataFrame, data: StudyData
) -> None:
    numbers = ["effect", "se", "ci_lower", "ci_upper", "pvalue"]
    for other in (scores.sample(frac=1, random_state=1), scores.assign(total=scores["total"] * 25 - 25)):
        again = related(other, data)
        np.testing.assert_allclose(again.effects[numbers], found.effects[numbers], rtol=1e-6)


def test_splits_of_a_score() -> None:
    score, person = np.array([1.0, 3.0, 5.0, 2.0]), np.array([0, 0, 1, 1])
    for split, levels in (("person mean", [2, 2, 3.5, 3.5]), ("first rating", [1, 1, 5, 5])):
        level, difference = split_score(score, person, split)
        np.testing.assert_array_equal(level, levels)
        np.testing.assert_array_equal(level + difference, score)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.drop(columns="wave"), ResponseDataError, "no column"),
        (lambda s: pd.concat([s, s.head(2)]), ResponseDataError, "2 rows repeat"),
        (lambda s: s.assign(total=1.0), NotEstimableError, "one value only"),
        (lambda s: s.head(20), NotEstimableError, "people have a score|at least"),
    ],
)
def test_what_cannot_be_related_is_refused(
    scores: pd.DataFrame, data: StudyData, change: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        related(change(scores), data)
    assert "\nHint: " in str(caught.value)


def test_scores_without_names_are_refused(scores: pd.DataFrame, data: StudyData) -> None:
    with pytest.raises(ResponseDataError, match="no score is named"):
        related(scores, data, predictors=None)


def test_an_impossible_level_or_study_is_refused(scores: pd.DataFrame, data: StudyData) -> None:
    with pytest.raises(ResponseDataError, match=r"relate_waves: level is 95\."):
        related(scores, data, confidence=95)
    with pytest.raises(DefinitionError, match="a study is needed, got NoneType"):
        relate_waves(scores, data.usage, None)  # type: ignore[arg-type]
