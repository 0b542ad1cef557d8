"""Models of use after the landmark against R: glm, survival, MASS, and likelihoods maximised there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.adherence.models.binomial import average_effect, beta_binomial, quasi_binomial
from analysis.adherence.models.counts import count_models
from analysis.adherence.models.families import adjust_within
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import cox, kaplan_meier, proportionality
from analysis.adherence.models.threshold import area_under_curve, logistic

HERE = Path(__file__).parent
TABLE = HERE / "data" / "adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "adherence.json").read_text(encoding="utf-8"))
NAMES = ["z", "b", "w", "man"]
# Both sides solve the same equations to their own stopping rule; 1e-6 is the project's limit.
SAME_LIKELIHOOD = 1e-6
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    (
        "Use after the landmark: quasi-binomial and beta-binomial logit, Cox, negative binomial",
        "R glm, survival, MASS",
        SAME_LIKELIHOOD,
    ),
]


def scaled(column: pd.Series) -> np.ndarray:
    return ((column - column.mean()) / column.std()).to_numpy(float)


def close(found: Any, wanted: Any, tolerance: float = SAME_LIKELIHOOD) -> None:
    wanted = np.array([np.nan if v is None else v for v in wanted], dtype=float)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(np.atleast_1d(found), wanted, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(TABLE)


@pytest.fixture(scope="module")
def x(table: pd.DataFrame) -> np.ndarray:
    columns = [scaled(table["score"]), scaled(table["before"]), scaled(table["distress"])]
    return np.column_stack([np.ones(len(table)), *columns, (table["sex"] == "man").astype(float)])


@pytest.fixture(scope="module")
def quasi(table: pd.DataFrame, x: np.ndarray) -> Fit:
    return quasi_binomial(x, table["done"].to_numpy(float), table["due"].to_numpy(float))


def test_the_values_belong_to_the_committed_table() -> None:
    assert VALUES["meta"]["md5"] == [hashlib.md5(TABLE.read_bytes()).hexdigest()]
    assert set(VALUES) == {
        "meta",
        "quasi",
        "weighted",
        "beta",
        "cox",
        "cox_tied",
        "kaplan_meier",
        "counts",
        "threshold",
        "outcome",
        "adjusted",
    }


def test_logit_with_overdispersion(quasi: Fit, table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["quasi"]
    close(quasi.coefficients, wanted["coefficients"])
    close(quasi.se, wanted["se"])
    close(quasi.dispersion, wanted["dispersion"])
    close(quasi.pvalues(), wanted["pvalues"])
    assert quasi.df_resid == wanted["df"][0]
    effect, low, high = average_effect(quasi, x, table["due"].to_numpy(float), 1)
    close(effect, wanted["ame"])
    from scipy import stats

    close((high - low) / 2 / stats.t.ppf(0.975, quasi.df_resid), wanted["ame_se"])


def test_weighted_logit_with_sandwich(table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["weighted"]
    weights = 0.5 + expit(x[:, 3])
    close(weights, wanted["weights"], 1e-12)
    fit = quasi_binomial(x, table["done"].to_numpy(float), table["due"].to_numpy(float), weights)
    close(fit.coefficients, wanted["coefficients"])
    close(fit.se, wanted["se"])


def test_beta_binomial(quasi: Fit, table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["beta"]
    fit = beta_binomial(x, table["done"].to_numpy(float), table["due"].to_numpy(float), quasi.coefficients)
    close(fit.log_likelihood, wanted["loglik"], 1e-9)
    # R's general optimiser and its Hessian by differences stop at about 1e-5 here.
    close(fit.coefficients, wanted["coefficients"], 2e-5)
    close(fit.dispersion, wanted["rho"], 2e-5)
    close(fit.se, wanted["se"], 2e-5)


@pytest.mark.parametrize("node", ["cox", "cox_tied"])
def test_cox_and_proportionality(node: str, table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES[node]
    here = table["time"].notna().to_numpy()
    time = table["time"].to_numpy(float)[here]
    time = np.ceil(time / 7) if node == "cox_tied" else time
    event = table["event"].to_numpy(bool)[here]
    design = x[here][:, 1:]
    fit = cox(design, time, event)
    close(fit.coefficients, wanted["coefficients"])
    close(fit.se, wanted["se"])
    close(fit.log_likelihood, wanted["loglik"], 1e-9)
    assert [fit.n, int(event.sum())] == [wanted["n"][0], wanted["events"][0]]
    test = proportionality(fit, design, time, event, NAMES)
    close(test["chisq"], wanted["zph_chisq"])
    close(test["pvalue"], wanted["zph_p"])


def test_kaplan_meier(table: pd.DataFrame) -> None:
    wanted = VALUES["kaplan_meier"]
    here = table["time"].notna().to_numpy()
    time, event = table["time"].to_numpy(float)[here], table["event"].to_numpy(bool)[here]
    curve = kaplan_meier(time, event, np.full(len(time), "all", dtype=object)).iloc[1:]
    for found, name in (
        ("time", "time"),
        ("at_risk", "at_risk"),
        ("events", "events"),
        ("surviving", "surviving"),
        ("se", "se"),
        ("ci_lower", "ci_lower"),
        ("ci_upper", "ci_upper"),
    ):
        close(curve[found], wanted[name], 1e-10)


def test_counts(table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["counts"]
    models = count_models(x, table["days"].to_numpy(float))
    fit = models.negative_binomial
    close(fit.log_likelihood, wanted["loglik"], 1e-9)
    close(
        fit.coefficients, wanted["coefficients"], 1e-5
    )  # glm.nb alternates and stops at about 1e-6 of theta
    close(fit.dispersion, wanted["alpha"], 1e-5)
    close(fit.se, wanted["se"], 1e-4)  # R's Hessian by differences
    logl = models.comparison.set_index("model")["log_likelihood"]
    close(logl["zero-inflated"], wanted["loglik_zero_inflated"])
    close(logl["hurdle"], wanted["loglik_hurdle"])
    assert models.comparison["converged"].all()
    assert models.comparison["chosen"].sum() == 1


def test_threshold_and_its_area(table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["threshold"]
    reached = table["reached"].to_numpy(bool)
    fit = logistic(x, reached)
    close(fit.coefficients, wanted["coefficients"])
    close(fit.se, wanted["se"])
    area = area_under_curve(expit(x @ fit.coefficients), reached)
    close(area, [wanted["auc"][0], wanted["auc_lower"][0], wanted["auc_upper"][0]])


def test_outcome_with_robust_errors(table: pd.DataFrame, x: np.ndarray) -> None:
    import statsmodels.api as sm

    wanted = VALUES["outcome"]
    have = table["followup"].notna().to_numpy()
    fit = sm.OLS(table["followup"].to_numpy(float)[have], x[have]).fit(cov_type="HC3")
    close(fit.params, wanted["coefficients"])
    close(fit.bse, wanted["se"])


def test_families_of_tests() -> None:
    wanted = VALUES["adjusted"]
    table = adjust_within(pd.DataFrame({"pvalue": wanted["p"], "model": "m"}), ["model"])
    close(table["p_adjusted"], wanted["holm"], 1e-12)
    close(table["p_adjusted_bh"], wanted["bh"], 1e-12)
