"""Fits end, whatever the counts: a number, or a reason; what one model cannot do stops no other."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from statsmodels.discrete.discrete_model import NegativeBinomial

from analysis.adherence.models import run as m
from analysis.adherence.models.binomial import (
    beta_binomial,
    of_one_person,
    quasi_binomial,
    quasi_binomials,
    sandwich,
)
from analysis.adherence.models.clusters import Clusters, of_one_cluster
from analysis.adherence.models.context import HAZARD, REMAINING
from analysis.adherence.models.counts import count_models
from analysis.adherence.models.discrete import discrete_time
from analysis.adherence.models.maximum import maximise
from analysis.adherence.models.poisson import excess_spread, quasi_poisson
from analysis.adherence.models.rows import coefficient_rows
from analysis.adherence.models.survival import cox, share_tied
from analysis.adherence.models.threshold import logistic
from analysis.adherence.relate_adherence import relate_adherence
from analysis.adherence.result import AdherenceResult
from analysis.usage.summarise_usage import summarise_usage
from instrument.errors import NotEstimableError
from tests.recovery.held_populations import base_study

EVERY = {
    REMAINING,
    m.BETA,
    m.WEIGHTED,
    m.IMPUTED,
    m.SHAPE,
    HAZARD,
    m.DISCRETE,
    m.COUNT,
    m.CHOSEN,
    m.OF_DAYS,
    m.REACHED,
}


def columns(n: int, seed: int = 1) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, np.column_stack([np.ones(n), rng.standard_normal((n, 3))])


UNDER: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "nearly every day": lambda rng, x: rng.binomial(56, expit(2.2 + 0.2 * x[:, 1])),
    "few days, bounded": lambda rng, x: rng.binomial(8, expit(0.5 + 0.4 * x[:, 1])),
    "all alike": lambda rng, x: 50 + rng.integers(0, 3, len(x)),
    "one day each": lambda rng, x: (rng.random(len(x)) < 0.7).astype(int),
}


@pytest.mark.parametrize("n", [60, 4000])
@pytest.mark.parametrize("kind", UNDER)
def test_counts_that_vary_less_than_poisson_are_told_at_once(kind: str, n: int) -> None:
    rng, x = columns(n)
    counts = UNDER[kind](rng, x).astype(float)
    with pytest.raises(NotEstimableError, match="vary less than Poisson counts") as error:
        count_models(x, counts)
    fit = quasi_poisson(x, counts)
    assert fit.dispersion < 1
    assert f"dispersion {fit.dispersion:.2f}" in str(error.value)
    assert excess_spread(x, counts, fit) < 0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(40, 400),
    level=st.floats(-1.0, 4.0),
    alpha=st.sampled_from([0.0, 0.2, 1.5]),
)
def test_quasi_poisson_is_what_statsmodels_finds(seed: int, n: int, level: float, alpha: float) -> None:
    rng, x = columns(n, seed)
    mean = np.exp(level + x @ [0.0, 0.3, -0.2, 0.0])
    counts = rng.poisson(mean * (rng.gamma(1 / alpha, alpha, n) if alpha else 1.0)).astype(float)
    if counts.sum() < 10:
        return
    fit = quasi_poisson(x, counts)
    other = sm.GLM(counts, x, family=sm.families.Poisson()).fit(scale="X2", tol=1e-12, maxiter=200)
    np.testing.assert_allclose(fit.coefficients, other.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.se, other.bse, rtol=1e-6)
    assert fit.dispersion == pytest.approx(other.scale, rel=1e-6)
    assert fit.df_resid == n - 4


def test_excess_spread_by_hand() -> None:
    counts = np.array([1.0, 3.0, 8.0, 0.0])
    fit = quasi_poisson(np.ones((4, 1)), counts)
    # Mean 3: (4 − 1) + (0 − 3) + (25 − 8) + (9 − 0) = 26, over the root of 2 · 4 · 9.
    assert excess_spread(np.ones((4, 1)), counts, fit) == pytest.approx(26 / np.sqrt(72))


@pytest.mark.parametrize("alpha", [0.05, 0.5, 3.0])
def test_the_negative_binomial_is_what_statsmodels_finds(alpha: float) -> None:
    rng, x = columns(600, 3)
    counts = rng.poisson(np.exp(1.5 + 0.3 * x[:, 1]) * rng.gamma(1 / alpha, alpha, 600)).astype(float)
    fit = count_models(x, counts).negative_binomial
    other = NegativeBinomial(counts, x).fit(
        start_params=[*fit.coefficients, fit.dispersion], method="newton", disp=0
    )
    # Newton's steps of the other end at about 1e-8.
    np.testing.assert_allclose(fit.coefficients, other.params[:-1], atol=1e-6)
    np.testing.assert_allclose(fit.se, other.bse[:-1], rtol=1e-4)
    assert fit.log_likelihood == pytest.approx(other.llf, rel=1e-10)


def test_a_log_linear_model_without_a_maximum_has_a_reason() -> None:
    x = np.column_stack([np.ones(60), np.repeat([0.0, 1.0], 30)])
    with pytest.raises(NotEstimableError, match="tell apart who used the app"):
        quasi_poisson(x, np.repeat([0.0, 5.0], 30))
    with pytest.raises(NotEstimableError, match="every count is 0"):
        quasi_poisson(x, np.zeros(60))
    with pytest.raises(NotEstimableError, match="every count is 12"):
        quasi_poisson(x, np.full(60, 12.0))
    with pytest.raises(NotEstimableError, match="every count is 12"):
        count_models(x, np.full(60, 12.0))


@pytest.mark.parametrize("rho", [0.05, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("n", [300, 20_000])
def test_the_beta_binomial_is_found_at_every_size_and_spread(rho: float, n: int) -> None:
    rng, x = columns(n, 7)
    p, total = expit(x @ [0.2, 0.3, 0.0, 0.0]), (1 - rho) / rho
    done, due = rng.binomial(8, rng.beta(p * total, (1 - p) * total)).astype(float), np.full(n, 8.0)
    fit = beta_binomial(x, done, due, quasi_binomial(x, done, due).coefficients)
    assert fit.dispersion == pytest.approx(rho, abs=5 * np.sqrt(rho * (1 - rho) / n))
    assert abs(fit.coefficients[1] - 0.3) < 4 * fit.se[1]


def test_units_no_more_spread_than_binomial_have_no_beta_binomial() -> None:
    rng, x = columns(500)
    # Everyone does half, give or take one: less than binomial.
    done, due = 4.0 + rng.integers(-1, 2, 500), np.full(500, 8.0)
    with pytest.raises(NotEstimableError, match=r"beta-binomial model .* no more than a binomial"):
        beta_binomial(x, done, due, np.zeros(4))


def test_a_search_ends_in_time_and_says_so() -> None:
    def slow(theta: np.ndarray) -> float:
        time.sleep(0.02)
        return float((theta**2).sum())

    found = maximise(slow, lambda theta: 2 * theta * 1e-3, np.ones(2), 1, seconds=0.1)
    assert found.covariance is None and found.reason == "it was given up after 0.1 seconds"


def test_a_search_without_a_maximum_says_so() -> None:
    found = maximise(lambda t: -float(t.sum()), lambda t: -np.ones(2), np.zeros(2), 1)
    assert found.covariance is None and found.reason == "the likelihood has no interior maximum"
    lost = maximise(lambda t: float("nan"), lambda t: np.full(2, np.nan), np.zeros(2), 1)
    assert lost.covariance is None and lost.reason


def study_of(
    days: np.ndarray, score: np.ndarray, before: np.ndarray | None = None, **changes: Any
) -> AdherenceResult:
    """Relate a score to a log in which each person is active on so many days after the landmark."""
    n = len(days)
    rng = np.random.default_rng(4)
    before = rng.integers(1, 15, n) if before is None else before
    events = [
        pd.DataFrame({"participant": f"p{k:03d}", "day": np.concatenate([b, a]) + 0.5})
        for k in range(n)
        for b, a in [
            (rng.choice(28, int(before[k]), False), 28 + rng.choice(56, min(56, int(days[k])), False))
        ]
    ]
    log = pd.concat(events, ignore_index=True).assign(kind="session_completed", duration=10.0)
    people = pd.DataFrame({"participant": [f"p{k:03d}" for k in range(n)]})
    study = base_study(**changes)
    usage = summarise_usage(log, study, participants=people)
    scores = pd.DataFrame({"participant": people["participant"], "wave": "1", "total": score}).dropna()
    return relate_adherence(scores, usage, study)


@pytest.mark.parametrize(
    "kind", ["nearly every day", "all alike", "a third never", "long tail", "nobody", "every day"]
)
def test_no_model_is_absent_in_silence(kind: str) -> None:
    n = 120
    rng = np.random.default_rng(5)
    score = rng.standard_normal(n)
    days = {
        "nearly every day": lambda: rng.binomial(56, expit(2.0 + 0.3 * score)),
        "all alike": lambda: 30 + rng.integers(0, 3, n),
        "a third never": lambda: np.where(rng.random(n) < 0.33, 0, rng.poisson(6, n)),
        "long tail": lambda: rng.poisson(rng.gamma(0.8, 8.0, n)),
        "nobody": lambda: np.where(np.arange(n) < 5, 3, 0),
        "every day": lambda: np.full(n, 56),
    }[kind]()
    if kind == "every day":
        with pytest.raises(NotEstimableError, match="none of the models"):
            study_of(days, score)
        return
    found = study_of(days, score)
    told = {
        name for name in EVERY if any(name in note for note in found.notes if note.startswith("not fitted"))
    }
    shown = set(found.effects["model"]) | ({m.SHAPE} if len(found.shape) else set())
    failed = set(found.failed["model"])
    assert shown | failed | told >= EVERY
    assert not shown & failed
    assert (found.failed["reason"].str.len() > 10).all()
    assert np.isfinite(found.effects[["coefficient", "se", "pvalue", "ratio"]]).all(axis=None)


def test_under_dispersed_days_are_read_by_models_that_fit_them() -> None:
    rng = np.random.default_rng(6)
    score = rng.standard_normal(150)
    found = study_of(rng.binomial(56, expit(0.8 + 0.5 * score)), score)
    effects = found.effects.set_index("model")
    assert m.COUNT not in effects.index and m.CHOSEN not in effects.index
    reasons = found.failed.set_index("model")["reason"]
    assert "vary less than Poisson counts would" in reasons[m.COUNT]
    assert reasons[m.COUNT] == reasons[m.CHOSEN]
    spread = score.std(ddof=1)
    # The days were drawn with 0.5 log odds per point.
    of_days = effects.loc[m.OF_DAYS]
    assert of_days["coefficient"] == pytest.approx(0.5 * spread, abs=4 * of_days["se"])
    assert of_days["measure"] == "odds ratio" and of_days["unit"] == "active days"
    p = expit(0.8 + 0.5 * score)
    assert of_days["effect"] == pytest.approx(56 * (p * (1 - p)).mean() * 0.5 * spread, rel=0.15)
    quasi = effects.loc[m.QUASI]
    assert quasi["measure"] == "rate ratio"
    assert quasi["effect"] == pytest.approx(of_days["effect"], rel=0.1)
    assert (found.coefficients.query("model == @m.QUASI")["dispersion"] < 1).all()


def test_a_model_that_breaks_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    monkeypatch.setattr(m, "beta_binomial", broken)
    rng = np.random.default_rng(8)
    found = study_of(rng.poisson(rng.gamma(1.0, 9.0, 80)), rng.standard_normal(80))
    reason = found.failed.set_index("model").loc[m.BETA, "reason"]
    assert reason == "its equations could not be solved (Eigenvalues did not converge)."
    assert REMAINING in set(found.effects["model"])


def test_the_reason_of_failed_weights_is_about_answering() -> None:
    rng = np.random.default_rng(9)
    score = rng.standard_normal(80)
    score[:4] = np.nan
    found = study_of(rng.poisson(rng.gamma(1.0, 9.0, 80)), score)
    reason = found.failed.set_index("model").loc[m.WEIGHTED, "reason"]
    assert reason == "4 of 80 people are on the rarer side (answered at the landmark or not)."
    assert "threshold" not in reason


def test_a_score_in_which_one_person_alone_differs_has_no_effect_to_tell() -> None:
    rng = np.random.default_rng(11)
    score = np.full(80, 3.0)
    score[7] = 4.0
    found = study_of(rng.poisson(rng.gamma(1.0, 9.0, 80)), score)
    assert REMAINING not in set(found.effects["model"]) and m.OF_DAYS not in set(found.effects["model"])
    reasons = found.failed.set_index("model")["reason"]
    for name in (REMAINING, m.OF_DAYS):
        assert reasons[name] == "the fit gives no standard error of the score."


def test_where_nobody_is_missing_weights_and_imputation_are_not_fitted_and_told() -> None:
    rng = np.random.default_rng(10)
    found = study_of(rng.poisson(rng.gamma(1.0, 9.0, 80)), rng.standard_normal(80))
    for name in (m.WEIGHTED, m.IMPUTED):
        assert f"not fitted, since nothing is missing: {name}" in found.notes
        assert name not in set(found.failed["model"])


def test_the_log_linear_search_is_not_stopped_by_rounding() -> None:
    # Near the maximum of many large counts a step gains less than the last digit of the sum.
    for seed in range(300):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(40, 400))
        x = np.column_stack([np.ones(n), rng.standard_normal((n, 3))])
        counts = rng.poisson(np.exp(rng.uniform(1, 4) + 0.3 * x[:, 1]) * rng.gamma(2.0, 0.5, n)).astype(float)
        fit = quasi_poisson(x, counts)
        slope = x.T @ (counts - np.exp(x @ fit.coefficients))
        assert np.abs(slope).max() < 1e-6 * counts.sum()


def test_a_person_alone_in_a_category_moves_no_other_error() -> None:
    rng = np.random.default_rng(3)
    score, n = rng.standard_normal(60), 60
    alone = np.zeros(n)
    alone[17] = 1.0
    x = np.column_stack([np.ones(n), score, alone])
    y = 0.3 * score + rng.standard_normal(n)
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    found = sandwich(x, left, np.ones(n))
    rest = np.delete(np.arange(n), 17)
    wanted = sm.OLS(y[rest], x[rest, :2]).fit(cov_type="HC3").cov_params()
    np.testing.assert_allclose(found[:2, :2], wanted, rtol=1e-9)


def test_what_one_person_alone_has_is_told_without_an_error() -> None:
    """HC3 of a category of one is the error of the others: p = .02 of a difference that nobody repeats."""
    rng, x = columns(120)
    x[:, 3] = np.arange(120) == 17
    time, event = np.ceil(rng.exponential(20, 120)), rng.random(120) < 0.6
    time[17], event[17] = 20.0, True
    counts = rng.negative_binomial(1, 0.1, 120).astype(float)
    counts[17], due = 9.0, np.full(120, 28.0)
    done = rng.binomial(28, 0.4, 120).astype(float)
    fits = {
        "logit": quasi_binomial(x, done, due, robust=True),
        "counts": count_models(x, counts, robust=True).negative_binomial,
        "poisson": quasi_poisson(x, counts, robust=True),
        "week": discrete_time(x[:, 1:], time, event, robust=True).fit,
        "hazard": cox(x[:, 1:], time, event, robust=True),
    }
    for name, fit in fits.items():
        terms = [str(k) for k in range(len(fit.coefficients))]
        rows = pd.DataFrame(coefficient_rows(name, "total", terms, fit, 0.95))
        empty = rows[["se", "pvalue", "ci_lower", "ci_upper"]].isna()
        assert empty.to_numpy().tolist() == [[False] * 4] * (len(rows) - 1) + [[True] * 4], name
    assert of_one_person(x) == (3,)
    assert of_one_person(np.column_stack([x, np.arange(120) < 2])) == (3,)
    x[0, 3] = 1.0
    assert of_one_person(x) == () and quasi_binomial(x, done, due, robust=True).alone == ()


@pytest.mark.parametrize("part", [1.0, 0.5])
def test_what_one_cluster_alone_has_is_told_without_an_error(part: float) -> None:
    """Nothing tells a site's own difference apart from its people: a jackknife without it leaves it where it is."""
    rng, x = columns(240)
    clinics = Clusters(np.arange(240) % 12, 12)
    own = clinics.of_row == 3
    x[:, 3] = own & (np.arange(240) < 240 * part)
    level = rng.normal(size=12)[clinics.of_row]
    time, event = np.ceil(rng.exponential(20, 240)), rng.random(240) < 0.6
    counts, due = rng.negative_binomial(1, 0.1, 240).astype(float), np.full(240, 28.0)
    done = rng.binomial(28, 1 / (1 + np.exp(-0.6 * level))).astype(float)
    fits = {
        "logit": quasi_binomial(x, done, due, clusters=clinics),
        "beta": beta_binomial(x, done, due, np.zeros(4), clinics),
        "threshold": logistic(x, done > 14, clusters=clinics),
        "counts": count_models(x, counts, clinics).negative_binomial,
        "poisson": quasi_poisson(x, counts, clinics),
        "week": discrete_time(x[:, 1:], time, event, clusters=clinics).fit,
        "hazard": cox(x[:, 1:], time, event, clinics),
    }
    for name, fit in fits.items():
        terms = [str(k) for k in range(len(fit.coefficients))]
        rows = pd.DataFrame(coefficient_rows(name, "total", terms, fit, 0.95))
        empty = rows[["se", "pvalue", "ci_lower", "ci_upper"]].isna()
        assert empty.to_numpy().tolist() == [[False] * 4] * (len(rows) - 1) + [[True] * 4], name
        assert np.isfinite(rows["estimate"]).all()
    assert of_one_cluster(x, clinics) == (3,)
    assert of_one_cluster(x * [1.0, 1e-6, 1e6, 1e-6], clinics) == (3,)  # whatever the units
    x[4, 3] = 1.0  # somebody of another clinic
    assert of_one_cluster(x, clinics) == () and quasi_binomial(x, done, due, clusters=clinics).alone == ()


def test_errors_where_less_was_due_of_some_are_those_of_weights_of_one() -> None:
    rng = np.random.default_rng(4)
    x = np.column_stack([np.ones(90), rng.standard_normal(90)])
    due = rng.integers(1, 9, 90).astype(float)
    done = rng.binomial(due.astype(int), 0.5).astype(float)
    found, wanted = quasi_binomial(x, done, due, robust=True), quasi_binomial(x, done, due, np.ones(90))
    np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-12)
    assert not np.allclose(found.covariance, quasi_binomial(x, done, due).covariance, rtol=1e-3)


def test_an_interval_in_which_everybody_left_spoils_no_standard_error() -> None:
    """Estimates and errors of R 4.2's glm (binomial, cloglog, epsilon 1e-14) on the same rows."""
    x = [
        0.3,
        -1.2,
        0.8,
        1.5,
        -0.4,
        0.1,
        -0.9,
        1.1,
        0.6,
        -1.6,
        0.2,
        0.9,
        -0.3,
        -0.7,
        1.3,
        0.4,
        -1.1,
        0.7,
        -0.2,
    ]
    score = np.array([*x, 1.0])
    time_to = np.array([3, 1, 10, 20, 4, 12, 2, 20, 9, 5, 18, 20, 11, 6, 20, 16, 8, 19, 13, 20], dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = discrete_time(score[:, None], time_to, np.ones(20, dtype=bool)).fit
    errors = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(
        fit.coefficients[[0, 1, 3]], [-1.5393922547, 0.3222104493, -1.9292004990], rtol=1e-8
    )
    np.testing.assert_allclose(errors[[0, 1, 3]], [0.6039749965, 0.5149102944, 0.6070631958], rtol=1e-7)


@given(seed=st.integers(0, 10_000), tables=st.integers(1, 5), clustered=st.booleans())
@settings(max_examples=25, deadline=None)
def test_fits_of_several_tables_at_once_are_those_of_each_alone(
    seed: int, tables: int, clustered: bool
) -> None:
    """Coefficients and robust covariances, whatever the others in the stack need in steps."""
    rng = np.random.default_rng(seed)
    _, x = columns(120, seed)
    stack = np.stack([x + 0.3 * k * rng.standard_normal(x.shape) * [0, 1, 1, 1] for k in range(tables)])
    due = rng.integers(1, 9, 120).astype(float)
    done = rng.binomial(due.astype(int), expit(0.4 + 0.6 * x[:, 1])).astype(float)
    clusters = Clusters(rng.permutation(np.arange(120) % 15), 15) if clustered else None
    coefficients, covariances = quasi_binomials(stack, done, due, clusters)
    for own, b, covariance in zip(stack, coefficients, covariances, strict=True):
        alone = quasi_binomial(own, done, due, clusters=clusters, robust=True)
        assert b == pytest.approx(alone.coefficients, abs=1e-10)
        assert covariance == pytest.approx(alone.covariance, rel=1e-9, abs=1e-14)
        glm = sm.GLM(done / due, own, sm.families.Binomial(), var_weights=due).fit(tol=1e-12)
        assert b == pytest.approx(glm.params, abs=1e-8)


def test_one_table_that_cannot_be_fitted_refuses_the_stack() -> None:
    _, x = columns(80)
    due = np.ones(80)
    done = (x[:, 1] > 0).astype(float)
    apart = x.copy()
    apart[:, 1] = np.random.default_rng(3).standard_normal(80)
    quasi_binomials(apart[None], done, due)
    with pytest.raises(NotEstimableError, match="separate the outcome"):
        quasi_binomials(np.stack([apart, x]), done, due)


def test_hazards_of_people_who_all_leave_at_once_have_no_error_of_zero() -> None:
    _, x = columns(120)
    x[:, 3] = np.arange(120) < 30
    everybody = np.ones(120, dtype=bool)
    for held in (everybody, np.arange(120) >= 60):  # or others were censored sooner
        with pytest.raises(NotEstimableError, match="at one moment"):
            cox(x[:, 1:], np.where(held, 7.0, 2.0), held, robust=True)
    with pytest.raises(NotEstimableError, match="left in one interval"):
        discrete_time(x[:, 1:], np.full(120, 7.0), everybody, robust=True)


@pytest.mark.parametrize("robust", [True, False])
def test_hazards_of_people_who_mostly_leave_together_are_left_to_the_model_of_grouped_times(
    robust: bool,
) -> None:
    """Efron's rule draws ratios towards 1 there: .3 became .23 where four in five left in each moment."""
    rng, x = columns(400)
    hazard = np.exp(0.3 * x[:, 1])
    time = rng.exponential(1 / hazard)
    grouped = np.floor(time / -np.log(0.2)) + 1.0
    event = grouped <= 4
    grouped = np.minimum(grouped, 4.0)
    with pytest.raises(NotEstimableError, match=r"8\d% of those still there left in the same moment"):
        cox(x[:, 1:], grouped, event, robust=robust)
    by_hand = [
        (event & (grouped == t)).sum() * ((event & (grouped == t)).sum() - 1) / (grouped >= t).sum()
        for t in range(1, 5)
    ]
    assert share_tied(grouped, event) == pytest.approx(sum(by_hand) / event.sum(), abs=1e-12)
    alone = np.argsort(np.argsort(time)) + 1.0
    assert share_tied(alone, np.ones(400, dtype=bool)) == 0.0
    assert share_tied(
        np.array([1.0, 1, 2, 3, 3]), np.array([True, True, False, True, True])
    ) == pytest.approx(0.35)
    cox(x[:, 1:], alone, event, robust=robust)  # the same people, in the order in which they left
    weekly = discrete_time(x[:, 1:], grouped, event, width=1.0, robust=robust).fit
    n_blocks = len(weekly.coefficients) - x.shape[1] + 1
    assert abs(weekly.coefficients[n_blocks] - 0.3) < 2 * weekly.se[n_blocks]


def test_a_group_that_leaves_whole_in_the_first_week_has_no_narrow_hazard_ratio() -> None:
    """It tells nothing of the others: their coefficients are those of a fit without it."""
    rng, x = columns(120)
    x[:, 3] = np.arange(120) < 30
    time, event = np.ceil(rng.exponential(20, 120)), rng.random(120) < 0.6
    time[:30], event[:30] = 5.0, True
    fit = discrete_time(x[:, 1:], time, event, robust=True).fit
    others = discrete_time(x[30:, 1:3], time[30:], event[30:], robust=True).fit
    assert np.isnan(fit.se).tolist() == [False] * (len(fit.se) - 1) + [True]
    np.testing.assert_allclose(fit.coefficients[-3:-1], others.coefficients[-2:], rtol=1e-7)
    np.testing.assert_allclose(fit.se[:-1], others.se, rtol=1e-6)
    with pytest.raises(NotEstimableError, match="predictors separate who left"):
        discrete_time(x[:, 3:], time, event, robust=True)
    time[0] = 12.0  # one of them stays a week longer
    fit = discrete_time(x[:, 1:], time, event, robust=True).fit
    assert fit.se[-1] > 0.3
