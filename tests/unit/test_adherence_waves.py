"""Repeated waves: each window is counted once, the two splits add up, and what cannot be told is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import instrument
from analysis import relate_waves, summarise_usage
from analysis.adherence.design.windows import use_by_window
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.over_time.relate_waves import WavesResult
from analysis.adherence.over_time.sequential import Window, new_rating
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError
from instrument.study import as_study, make_study


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=250, seed=9)


@pytest.fixture(scope="module")
def scores(data: SimulatedStudy) -> pd.DataFrame:
    return instrument.score(data.responses, instrument.load("dta")).scores


def related(scores: pd.DataFrame, data: SimulatedStudy, **changes: Any) -> WavesResult:
    given = {"participants": data.enrolment, "predictors": ["total"], **changes}
    return relate_waves(scores, data.usage, data.study, data.outcomes, data.covariates, **given)


@pytest.fixture(scope="module")
def found(scores: pd.DataFrame, data: SimulatedStudy) -> WavesResult:
    return related(scores, data)


def test_windows_add_up_to_use_after_the_first_close(data: SimulatedStudy) -> None:
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


def test_waves_that_ask_forms_alone_divide_no_use(data: SimulatedStudy) -> None:
    said = as_study(data.study).model_dump(mode="json", by_alias=True)
    form = {"id": "mood", "title": {"en": "Mood"}, "waves": ["now"]}
    form["questions"] = [{"id": "n", "kind": "number", "text": {"en": "?"}}]
    prompts = [{"id": "now", "days": [20, 60], "times": ["09:00", "19:00"], "minutes": 30}]
    sampled = make_study({**said, "forms": [form], "prompts": prompts})
    assert len(sampled.waves) == len(said["waves"]) + 82
    plain, other = (
        use_by_window(data.usage, study, participants=data.enrolment)
        for study in (as_study(data.study), sampled)
    )
    pd.testing.assert_frame_equal(plain.table, other.table)
    pd.testing.assert_frame_equal(plain.use, other.use)


def test_the_first_and_each_new_rating_of_every_predictor(found: WavesResult) -> None:
    assert found.failed.empty
    assert found.effects["rating"].tolist() == ["first rating", "new rating"]
    first, new = found.effects.to_dict("records")
    rated = found.windows["rated"].tolist()
    # everyone rated first counts in every window they are rated in; new ratings need the first one too
    assert first["n_people"] == rated[0] and first["n_ratings"] < sum(rated)
    assert new["n_people"] == new["n_ratings"] == first["n_ratings"] - rated[0]
    # of those rated at the second wave, who was rated at the first one, too
    assert found.windows["first"].tolist() == [rated[0], new["n_people"]] and new["n_people"] < rated[1]
    assert found.windows["history"].tolist() == [0, new["n_people"]]
    inside = (found.effects["ci_lower"] < found.effects["effect"]) & (
        found.effects["effect"] < found.effects["ci_upper"]
    )
    assert inside.all()
    assert any("not proof" in note for note in found.to_dict()["notes"])


def test_the_split_by_means_is_a_warning_only(found: WavesResult) -> None:
    assert "mean over the ratings" not in set(found.effects["described"])
    example = found.warning_example
    assert example["part"].tolist() == ["between people", "within a person"]
    assert example["warning"].str.startswith("an example of what misleads, not a result").all()


def test_order_of_rows_and_scale_of_the_score_do_not_matter(
    found: WavesResult, scores: pd.DataFrame, data: SimulatedStudy
) -> None:
    numbers = ["effect", "se", "ci_lower", "ci_upper", "pvalue"]
    for other in (scores.sample(frac=1, random_state=1), scores.assign(total=scores["total"] * 25 - 25)):
        again = related(other, data)
        np.testing.assert_allclose(again.effects[numbers], found.effects[numbers], rtol=1e-6)


def fed_back(rng: np.random.Generator, n: int, effect: float) -> list[Window]:
    """Three waves: a lasting habit moves use, use moves the next rating, the rating moves use by `effect`."""
    habit, trait = rng.standard_normal((2, n))
    before = np.log1p(rng.poisson(np.exp(1.2 + 0.5 * habit) * rng.gamma(2, 0.5, n)))
    score = 0.5 * before + 0.5 * trait + 0.6 * rng.standard_normal(n)
    history, windows = [np.ones(n), before, before**2], []
    for _ in range(3):
        use = 55 + 18 * habit + 6 * before + effect * score + 18 * rng.standard_normal(n)
        windows.append(Window(person=np.arange(n), score=score, use=use, before=np.column_stack(history)))
        history += [score, use / 100]
        score = 0.5 * trait + use / 30 + 0.6 * rng.standard_normal(n)
    return windows[1:]


def of_means(windows: list[Window]) -> np.ndarray:
    """P values of the split by a person's mean over the same ratings."""
    n = len(windows[0].use)
    score = np.column_stack([w.score for w in windows])
    level = np.repeat(score.mean(axis=1), 2)
    columns = [np.ones(2 * n), level, score.ravel() - level, np.tile([0.0, 1.0], n)]
    columns.append(np.repeat(windows[0].before[:, 1], 2))
    use = np.column_stack([w.use for w in windows]).ravel()
    fit = random_intercept(np.column_stack(columns), use, np.repeat(np.arange(n), 2))
    return fit.pvalues()[1:3]


def test_feedback_from_use_to_rating_is_no_effect_of_rating() -> None:
    rng = np.random.default_rng(6)
    drawn = [fed_back(rng, 200, 0.0) for _ in range(1500)]
    level = np.mean([new_rating(windows)[0].pvalues()[0] < 0.05 for windows in drawn])
    assert 0.034 < level < 0.066  # 5 %, three Monte-Carlo errors
    assert np.mean([of_means(windows) for windows in drawn[:50]] < np.float64(0.05)) > 0.9


def test_an_effect_under_feedback_comes_back() -> None:
    rng = np.random.default_rng(7)
    fits = [new_rating(fed_back(rng, 300, 5.0))[0] for _ in range(400)]
    estimates = np.array([fit.coefficients[0] for fit in fits])
    error = estimates.std() / np.sqrt(len(fits))
    assert abs(estimates.mean() - 5.0) < 3 * error < 0.3
    covered = np.mean([low[0] < 5.0 < high[0] for low, high in (fit.interval() for fit in fits)])
    assert 0.917 < covered < 0.983


def test_the_slope_is_that_of_one_regression_with_all_columns_crossed() -> None:
    windows = fed_back(np.random.default_rng(3), 60, 4.0)
    blocks = [w.before for w in windows]
    zeros = [[np.zeros((60, b.shape[1])) if j != k else b for j, b in enumerate(blocks)] for k in range(2)]
    design = np.column_stack([np.concatenate([w.score for w in windows]), np.block(zeros)])
    use = np.concatenate([w.use for w in windows])
    plain = sm.OLS(use, design).fit(
        cov_type="cluster", cov_kwds={"groups": np.tile(np.arange(60), 2)}, use_t=True
    )
    fit, people = new_rating(windows)
    assert people == 60 and fit.df_resid == 59
    assert fit.coefficients[0] == pytest.approx(plain.params[0], rel=1e-9)
    assert fit.se[0] == pytest.approx(plain.bse[0], rel=1e-9)
    assert fit.pvalues()[0] == pytest.approx(plain.pvalues[0], rel=1e-9)


def test_too_short_or_unchanging_histories_are_refused() -> None:
    windows = fed_back(np.random.default_rng(3), 24, 0.0)
    with pytest.raises(NotEstimableError, match="too few people were rated after the first wave"):
        new_rating(windows)
    window = fed_back(np.random.default_rng(3), 60, 0.0)[0]
    same = Window(person=window.person, score=window.before[:, 1], use=window.use, before=window.before)
    with pytest.raises(NotEstimableError, match="do not change beyond what came before"):
        new_rating([same])


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
    scores: pd.DataFrame, data: SimulatedStudy, change: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        related(change(scores), data)
    assert "\nHint: " in str(caught.value)


def test_scores_without_names_are_refused(scores: pd.DataFrame, data: SimulatedStudy) -> None:
    with pytest.raises(ResponseDataError, match="no score is named"):
        related(scores, data, predictors=None)


def test_an_impossible_level_or_study_is_refused(scores: pd.DataFrame, data: SimulatedStudy) -> None:
    with pytest.raises(ResponseDataError, match=r"relate_waves: confidence is 95\."):
        related(scores, data, confidence=95)
    with pytest.raises(DefinitionError, match="study is nothing"):
        relate_waves(scores, data.usage, None)  # type: ignore[arg-type]


def test_a_log_in_a_table_of_an_engine_gives_the_same(
    scores: pd.DataFrame, data: SimulatedStudy, found: WavesResult, tmp_path: Path
) -> None:
    address = f"duckdb://{tmp_path / 'log.duckdb'}"
    con = ibis.connect(address)
    data.usage.to_parquet(tmp_path / "log.parquet")
    con.raw_sql(f"CREATE TABLE app_events AS SELECT * FROM read_parquet('{tmp_path / 'log.parquet'}')")
    con.disconnect()
    again = relate_waves(
        scores,
        "app_events",
        data.study,
        data.outcomes,
        data.covariates,
        participants=data.enrolment,
        predictors=["total"],
        engine=address,
    )
    pd.testing.assert_frame_equal(again.effects, found.effects, rtol=1e-9)


def test_everybody_due_is_counted_once_and_the_whole_score_is_a_family_of_its_own(
    found: WavesResult, scores: pd.DataFrame, data: SimulatedStudy
) -> None:
    baseline = as_study(data.study).baseline[0]
    outcomes = data.outcomes.copy()
    without = outcomes["participant"].astype(str).isin(scores["participant"].astype(str).unique()[:12])
    outcomes.loc[without, baseline] = np.nan
    themes = ["using", "progression"]
    again = relate_waves(
        scores,
        data.usage,
        data.study,
        outcomes,
        data.covariates,
        participants=data.enrolment,
        predictors=["total", *themes],
    )
    counted = again.windows
    reasons = ["not_watched", "nothing_due", "no_score", "no_covariate", "rated"]
    assert (counted[reasons].sum(axis=1) == counted["people"]).all()
    assert (found.windows["no_covariate"] == 0).all() and counted["no_covariate"].iloc[0] > 0
    assert (counted["rated"] + counted["no_covariate"] == found.windows["rated"]).all()
    assert counted["first"].iloc[0] == counted["rated"].iloc[0] and counted["history"].iloc[0] == 0
    assert (counted["first"].iloc[1:] <= counted["rated"].iloc[1:]).all()
    for _, rows in again.effects.groupby("rating"):
        p = rows.set_index("predictor")
        assert p.loc["total", "p_adjusted"] == p.loc["total", "pvalue"]
        smaller, larger = sorted(p.loc[themes, "pvalue"])
        holm = sorted(p.loc[themes, "p_adjusted"])
        assert holm == pytest.approx([min(2 * smaller, 1), min(max(2 * smaller, larger), 1)])


@pytest.mark.parametrize("amount", [0.0, 1.0, 200 / 3])
def test_use_that_is_alike_in_everybody_has_no_effect_to_tell(amount: float) -> None:
    """Nothing left to explain ended in a division by nought, or in what rounding had left."""
    rng = np.random.default_rng(4)
    design = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    person = np.repeat(np.arange(20), 2)
    with pytest.raises(NotEstimableError, match="the outcome has no differences"):
        random_intercept(design, np.full(40, amount), person)
    with pytest.raises(NotEstimableError, match="or the columns explain them wholly"):
        random_intercept(design, design @ [amount, 2.0, -1.0], person)
    assert random_intercept(design, amount + rng.normal(size=40) / 100, person).residual > 0
