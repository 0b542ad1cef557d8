"""Errors of people in clusters against R (jackknife steps of glm and coxph, lme4) and statsmodels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit

from analysis.adherence.models.binomial import beta_binomial, quasi_binomial
from analysis.adherence.models.clusters import Clusters, jackknife, of_linear_predictor, of_scores
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.models.poisson import quasi_poisson
from analysis.adherence.models.survival import cox
from analysis.adherence.models.threshold import logistic

HERE = Path(__file__).parent
TABLE = HERE / "data" / "adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "adherence_clusters.json").read_text(encoding="utf-8"))
# The same Newton step by other programs: rounding only.
COMPARED = [
    ("landmark models in clusters: errors of refits without each", "R glm, coxph", 1e-6),
    ("linear random intercept", "lme4", 1e-4),
    ("sums over clusters", "statsmodels", 1e-7),
]
SAME_STEP = 1e-6


def scaled(column: pd.Series) -> np.ndarray:
    return ((column - column.mean()) / column.std()).to_numpy(float)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    frame = pd.read_csv(TABLE)
    i = np.arange(1, len(frame) + 1)
    # Twenty clinics of twelve, alike in use: as the script makes them.
    order = 8 * frame["done"] / frame["due"] + 8 * ((i * 37) % 101) / 101
    frame["clinic"] = (stats.rankdata(order, method="ordinal") - 1) // 12
    return frame


@pytest.fixture(scope="module")
def x(table: pd.DataFrame) -> np.ndarray:
    columns = [scaled(table["score"]), scaled(table["before"]), scaled(table["distress"])]
    return np.column_stack([np.ones(len(table)), *columns, (table["sex"] == "man").astype(float)])


@pytest.fixture(scope="module")
def clinics(table: pd.DataFrame) -> Clusters:
    return Clusters(table["clinic"].to_numpy(np.int64), 20)


def agrees(fit: Fit, wanted: dict[str, Any]) -> None:
    np.testing.assert_allclose(fit.se, wanted["se"], rtol=SAME_STEP)
    assert fit.df_resid == wanted["df"][0] == 19


def test_the_data_are_those_of_the_script() -> None:
    assert hashlib.md5(TABLE.read_bytes()).hexdigest() == VALUES["md5"][0]


def test_remaining_use(table: pd.DataFrame, x: np.ndarray, clinics: Clusters) -> None:
    done, due = table["done"].to_numpy(float), table["due"].to_numpy(float)
    fit = quasi_binomial(x, done, due, clusters=clinics)
    agrees(fit, VALUES["quasi"])
    np.testing.assert_array_equal(fit.coefficients, quasi_binomial(x, done, due).coefficients)


def test_threshold(table: pd.DataFrame, x: np.ndarray, clinics: Clusters) -> None:
    agrees(logistic(x, table["reached"].to_numpy(bool), clusters=clinics), VALUES["threshold"])


def test_counts(table: pd.DataFrame, x: np.ndarray, clinics: Clusters) -> None:
    wanted, days = VALUES["poisson"], table["days"].to_numpy(float)
    agrees(quasi_poisson(x, days, clinics), wanted)
    plain = quasi_poisson(x, days)
    np.testing.assert_allclose(plain.coefficients, wanted["coefficients"], rtol=SAME_STEP)
    np.testing.assert_allclose(plain.se, wanted["plain_se"], rtol=SAME_STEP)
    assert plain.dispersion == pytest.approx(wanted["dispersion"][0], rel=SAME_STEP)


def test_time_to_disengagement(table: pd.DataFrame, x: np.ndarray, clinics: Clusters) -> None:
    here = table["time"].notna().to_numpy()
    time, event = table["time"].to_numpy(float)[here], table["event"].to_numpy(float)[here] == 1
    fit = cox(x[here, 1:], time, event, clinics.where(here))
    agrees(fit, VALUES["cox"])
    # Without any correction for few clusters, `cluster()` of the survival package is smaller.
    ratio = fit.se / np.array(VALUES["cox"]["robust_se"])
    assert (ratio > 1).all() and (ratio < 1.15).all()


def test_random_intercept(table: pd.DataFrame, x: np.ndarray, clinics: Clusters) -> None:
    wanted = VALUES["mixed"]
    fit = random_intercept(x, (8 * table["done"] / table["due"]).to_numpy(float), clinics.of_row)
    # lmer stops at about 1e-6 of its criterion.
    np.testing.assert_allclose(fit.coefficients, wanted["coefficients"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fit.se, wanted["se"], rtol=1e-4)
    np.testing.assert_allclose([fit.between_people, fit.residual], wanted["variances"], rtol=1e-3)


def test_a_linear_model_is_the_jackknife_itself_and_near_what_statsmodels_calls_clustered(
    table: pd.DataFrame, x: np.ndarray, clinics: Clusters
) -> None:
    y = (8 * table["done"] / table["due"]).to_numpy(float)
    whole = sm.OLS(y, x).fit()
    again = np.array([sm.OLS(y[k], x[k]).fit().params for k in (clinics.of_row != g for g in range(20))])
    moved = of_linear_predictor(x, y - x @ whole.params, np.ones(len(y)), clinics)
    np.testing.assert_allclose(moved, again - whole.params, rtol=1e-9, atol=1e-12)


def test_sums_over_clusters_are_those_of_statsmodels(
    table: pd.DataFrame, x: np.ndarray, clinics: Clusters
) -> None:
    reached = table["reached"].to_numpy(float)
    other = sm.Logit(reached, x).fit(disp=0, tol=1e-12)
    p = expit(x @ other.params)
    sums = clinics.sums(x * (reached - p)[:, None])
    bread = np.linalg.inv(x.T @ (x * (p * (1 - p))[:, None]))
    n, k = x.shape
    plain = 20 / 19 * (n - 1) / (n - k) * bread @ sums.T @ sums @ bread
    groups = {"groups": clinics.of_row, "use_correction": True}
    robust = sm.Logit(reached, x).fit(disp=0, tol=1e-12, cov_type="cluster", cov_kwds=groups)
    np.testing.assert_allclose(plain, robust.cov_params(), rtol=1e-7)
    own = logistic(x, reached == 1, clusters=clinics)
    ratio = own.se / robust.bse
    assert (ratio > 1).all() and (ratio < 1.25).all()


def test_scores_by_difference_are_scores_by_formula(
    table: pd.DataFrame, x: np.ndarray, clinics: Clusters
) -> None:
    reached = table["reached"].to_numpy(float)
    theta = logistic(x, reached == 1).coefficients
    p = expit(x @ theta)
    formula = of_linear_predictor(x, reached - p, p * (1 - p), clinics)
    found = of_scores(lambda t: x * (reached - expit(x @ t))[:, None], theta, clinics)
    np.testing.assert_allclose(found, formula, rtol=1e-6, atol=1e-9)


def test_the_beta_binomial_in_clusters_is_near_its_refits(
    table: pd.DataFrame, x: np.ndarray, clinics: Clusters
) -> None:
    done, due = table["done"].to_numpy(float), table["due"].to_numpy(float)
    fit = beta_binomial(x, done, due, np.zeros(5), clinics)
    kept = [clinics.of_row != g for g in range(20)]
    again = np.array([beta_binomial(x[k], done[k], due[k], fit.coefficients).coefficients for k in kept])
    # One step without a clinic against the whole way.
    refits = jackknife(fit, again - fit.coefficients)
    np.testing.assert_allclose(fit.se, refits.se, rtol=0.05)
