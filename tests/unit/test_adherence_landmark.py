"""The landmark design: who is counted where, what is refused, and what each figure is on."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.adherence.models.binomial import average_effect, beta_binomial, quasi_binomial
from analysis.adherence.models.counts import count_models
from analysis.adherence.models.families import e_value, e_value_of_limit
from analysis.adherence.models.survival import kaplan_meier
from analysis.adherence.models.threshold import area_under_curve
from analysis.adherence.relate_adherence import relate_adherence
from analysis.adherence.result import AdherenceResult
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=240, seed=8)


@pytest.fixture(scope="module")
def scores(data: SimulatedStudy) -> pd.DataFrame:
    answers = data.responses.drop(columns=["participant", "wave"]).astype(float)
    table = data.responses[["participant", "wave"]].copy()
    table["total"] = answers.iloc[:, :32].mean(axis=1)
    table["theme_a"] = answers.iloc[:, :8].mean(axis=1)
    table["theme_b"] = answers.iloc[:, 32:].mean(axis=1)
    return table


@pytest.fixture(scope="module")
def usage(data: SimulatedStudy) -> UsageSummary:
    return summarise_usage(data.usage, data.study, participants=data.enrolment)


@pytest.fixture(scope="module")
def result(data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary) -> AdherenceResult:
    return relate_adherence(scores, usage, data.study, data.outcomes, data.covariates)


def test_the_flow_adds_up(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary, result: AdherenceResult
) -> None:
    n = dict(zip(result.flow["step"].str.strip(" ,"), result.flow["n"], strict=False))
    rated = scores[(scores["wave"] == "week3") & scores[["total", "theme_a", "theme_b"]].notna().all(axis=1)]
    assert n["enrolled"] == 240
    lost = n["withdrawn before the landmark"] + n["no score at the landmark wave"]
    lost += n["no intended use was due after the landmark"] + n["not yet watched at the landmark"]
    assert n["analysed: remaining intended use"] == 240 - lost - n["scored, but a covariate is missing"]
    people = usage.people.set_index("participant")
    kept = people.loc[rated["participant"]].query("end_day > 28 and intended_after > 0")
    assert n["analysed: remaining intended use"] == len(kept)
    assert n["analysed: time to disengagement (still at risk)"] == int(kept["at_risk"].sum())
    assert n["of these, disengaged before the end"] == int(kept["disengaged"].sum())


def test_each_model_says_how_many_it_rests_on(result: AdherenceResult) -> None:
    n = dict(zip(result.flow["step"].str.strip(), result.flow["n"], strict=True))
    by_model = result.effects.groupby("model")["n"].unique()
    assert by_model["remaining use, logit"].tolist() == [n["analysed: remaining intended use"]]
    cox = by_model["time to disengagement, Cox"].tolist()
    assert cox == [n["analysed: time to disengagement (still at risk)"]]
    assert by_model["outcome at follow-up, linear"][0] < n["analysed: remaining intended use"]


def test_effects_are_per_standard_deviation_and_in_sessions(result: AdherenceResult) -> None:
    rows = result.effects[result.effects["model"] == "remaining use, logit"]
    assert (rows["unit"] == "sessions of 8").all()
    assert (rows["effect_lower"] < rows["effect"]).all()
    assert (rows["effect"] < rows["effect_upper"]).all()
    np.testing.assert_allclose(rows["ratio"], np.exp(rows["coefficient"]))
    assert set(result.design["standard_deviations"]) == {"total", "theme_a", "theme_b"}


def test_rescaling_a_score_changes_nothing(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary, result: AdherenceResult
) -> None:
    scaled = scores.assign(total=scores["total"] * 25 - 25)
    other = relate_adherence(scaled, usage, data.study, data.outcomes, data.covariates)
    numbers = result.effects.select_dtypes("number").columns
    np.testing.assert_allclose(other.effects[numbers], result.effects[numbers], rtol=1e-6, atol=1e-9)


def test_p_values_of_themes_are_one_family_and_the_total_is_apart(result: AdherenceResult) -> None:
    total = result.effects[result.effects["predictor"] == "total"]
    assert (total["p_adjusted"] == total["pvalue"]).all()
    themes = result.effects[result.effects["predictor"] != "total"]
    lowest = themes.loc[themes.groupby("model")["pvalue"].idxmin()]
    np.testing.assert_allclose(lowest["p_adjusted"], np.minimum(1, 2 * lowest["pvalue"]))


def test_adjustment_is_for_use_before_and_what_the_study_declares(result: AdherenceResult) -> None:
    adjusted = result.design["adjusted_for"]
    # with so many covariates these are what the data bear; enough people began late for the day of first use
    use = ["use_before", "idle_at_landmark", "first_use_before"]
    assert adjusted[:4] == [*use, "distress_baseline"]
    assert any(name.startswith("age_band:") for name in adjusted)
    terms = result.coefficients.query("model == 'remaining use, logit' and predictor == 'total'")[
        "term"
    ].tolist()
    early = [term for term in terms if term.startswith(tuple(use))]
    assert terms == ["(constant)", "total", *early, *adjusted[3:]]
    assert early[:2] == ["use_before, log", "idle_at_landmark, log"]


def test_without_covariates_it_says_what_it_did_not_adjust_for(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary
) -> None:
    bare = relate_adherence(scores, usage, data.study, predictors=["total"])
    assert any("not adjusted for" in note for note in bare.notes)
    assert bare.design["adjusted_for"] == [
        *("use_before", "active_days_before", "idle_at_landmark", "first_use_before"),
        *("first_week_before", "last_week_before"),
    ]


def test_the_naive_look_stands_beside_the_landmark_one(result: AdherenceResult) -> None:
    assert result.naive["analysis"].str.startswith("naive").tolist() == [True, False]
    assert "Associations, not proof of cause" in result.summary()
    assert result.failed.empty


def test_a_wave_that_closes_after_the_landmark_is_refused(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary
) -> None:
    with pytest.raises(DefinitionError, match="wave 'week6' closes on day 49, but use counts from day 28"):
        relate_adherence(scores, usage, data.study, wave="week6")


def test_a_study_without_landmark_is_refused(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary
) -> None:
    study = {k: v for k, v in data.study.items() if k != "landmark"}
    with pytest.raises(DefinitionError, match="names no landmark"):
        relate_adherence(scores, usage, study)


def test_a_summary_split_elsewhere_is_refused(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary
) -> None:
    study: dict[str, Any] = copy.deepcopy(data.study)
    study["landmark"]["day"] = 35
    with pytest.raises(DefinitionError, match="use was split at day 28, the landmark is day 35"):
        relate_adherence(scores, usage, study)


def test_bad_tables_are_refused(data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary) -> None:
    with pytest.raises(ResponseDataError, match="no column 'theme_z'"):
        relate_adherence(scores, usage, data.study, predictors=["theme_z"])
    with pytest.raises(ResponseDataError, match="nobody has a score at wave 'week3'"):
        relate_adherence(scores[scores["wave"] == "week6"], usage, data.study)
    twice = pd.concat([scores, scores[scores["wave"] == "week3"].head(2)])
    with pytest.raises(ResponseDataError, match="2 participants have several rows at wave 'week3'"):
        relate_adherence(twice, usage, data.study)
    with pytest.raises(ResponseDataError, match="no column 'income' to adjust for"):
        relate_adherence(scores, usage, data.study, data.outcomes, adjust_for=["income"])
    with pytest.raises(NotEstimableError, match="at least 30 are needed"):
        relate_adherence(scores[scores["wave"] == "week3"].head(20), usage, data.study)


def test_separation_is_not_reported_as_a_number() -> None:
    x = np.column_stack([np.ones(60), np.repeat([-1.0, 1.0], 30)])
    done = np.repeat([0.0, 8.0], 30)
    with pytest.raises(NotEstimableError, match="separate the outcome"):
        quasi_binomial(x, done, np.full(60, 8.0))


def test_beta_binomial_finds_the_spread_it_was_drawn_from() -> None:
    rng = np.random.default_rng(4)
    z = rng.standard_normal(4000)
    p = 1 / (1 + np.exp(-(0.3 + 0.5 * z)))
    total = (1 - 0.3) / 0.3
    done = rng.binomial(8, rng.beta(p * total, (1 - p) * total)).astype(float)
    x, due = np.column_stack([np.ones(4000), z]), np.full(4000, 8.0)
    fit = beta_binomial(x, done, due, np.zeros(2))
    assert np.all(np.abs(fit.coefficients - [0.3, 0.5]) < 4 * fit.se)
    assert fit.dispersion == pytest.approx(0.3, abs=0.03)


def test_curve_of_a_textbook_table() -> None:
    # Six times with two censored: survival 5/6, 5/6·3/4, 5/6·3/4·1/2 by hand.
    time = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    event = np.array([True, False, True, False, True, False])
    curve = kaplan_meier(time, event, np.full(6, "g", dtype=object))
    assert curve["surviving"].tolist() == pytest.approx([1, 5 / 6, 5 / 6, 5 / 8, 5 / 8, 5 / 16, 5 / 16])


def test_area_counts_ties_half() -> None:
    area, low, high = area_under_curve(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    assert area == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert 0 <= low <= area <= high <= 1


def test_e_values_do_not_depend_on_the_direction() -> None:
    assert e_value(2.0, "odds") == pytest.approx(e_value(0.5, "odds"))
    assert e_value(2.0, "hazard") == pytest.approx(e_value(0.5, "hazard"))
    assert e_value(1.0, "odds") == 1.0
    assert e_value_of_limit(0.9, 1.3, "odds") == 1.0
    assert e_value_of_limit(1.2, 2.0, "odds") == pytest.approx(e_value(1.2, "odds"))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"confidence": 2}, "confidence is 2"),
        ({"confidence": float("nan")}, "confidence is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
    ],
)
def test_impossible_options_are_refused(
    data: SimulatedStudy, scores: pd.DataFrame, usage: UsageSummary, option: dict[str, Any], message: str
) -> None:
    with pytest.raises(ResponseDataError, match=message):
        relate_adherence(scores, usage, data.study, data.outcomes, data.covariates, **option)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_logit_is_that_of_statsmodels(weighted: bool) -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(200), 300 + 40 * rng.standard_normal(200), rng.random(200)])
    done = rng.binomial(8, expit(0.02 * (x[:, 1] - 300) + x[:, 2])).astype(float)
    due, weights = np.full(200, 8.0), rng.uniform(0.5, 2, 200) if weighted else None
    fit = quasi_binomial(x, done, due, weights)
    scale = due if weights is None else due * weights
    theirs = sm.GLM(done / due, x, family=sm.families.Binomial(), var_weights=scale).fit(
        scale="X2", tol=1e-13
    )
    np.testing.assert_allclose(fit.coefficients, theirs.params, rtol=1e-8)
    if weights is None:
        np.testing.assert_allclose(fit.covariance, theirs.cov_params(), rtol=1e-7)


def test_columns_that_repeat_each_other_leave_the_score_as_it_is() -> None:
    rng = np.random.default_rng(4)
    x = np.column_stack([np.ones(100), rng.standard_normal((100, 2))])
    done = rng.binomial(8, expit(x[:, 1])).astype(float)
    once, twice = (quasi_binomial(m, done, np.full(100, 8.0)) for m in (x, x[:, [0, 1, 2, 2]]))
    np.testing.assert_allclose(twice.coefficients[:2], once.coefficients[:2], rtol=1e-6)


def test_a_predictor_that_separates_is_refused() -> None:
    x = np.column_stack([np.ones(40), np.arange(40) - 19.5])
    with pytest.raises(NotEstimableError, match="separate"):
        quasi_binomial(x, np.where(x[:, 1] > 0, 8.0, 0.0), np.full(40, 8.0))


def test_an_app_nobody_used_has_no_count_model() -> None:
    x = np.column_stack([np.ones(50), np.linspace(-1, 1, 50)])
    with pytest.raises(NotEstimableError, match="0 of 50 people used the app"):
        count_models(x, np.zeros(50))


def test_the_weighted_effect_averages_over_those_the_weights_stand_for() -> None:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(300), rng.standard_normal(300)])
    done, due = rng.binomial(8, expit(x[:, 1])).astype(float), np.full(300, 8.0)
    weights = rng.integers(1, 4, 300).astype(float)
    fit = quasi_binomial(x, done, due, weights)
    again = np.repeat(np.arange(300), weights.astype(int))
    weighted = average_effect(fit, x, due, 1, weights=weights)
    repeated = average_effect(fit, x[again], due[again], 1)
    np.testing.assert_allclose(weighted, repeated)
