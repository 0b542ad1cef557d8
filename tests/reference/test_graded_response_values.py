"""Graded response model against mirt on five items of the public bfi data, with and without gaps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import graded_response
from analysis.irt.graded_result import GradedResponseResult

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "graded_response.json").read_text())
DATA = "bfi_agreeableness.csv"
# mirt stops when no parameter moves by more than 1e-6 in a cycle; EM creeps, so it is up to 1e-4 from the top.
PARAMETERS = 2e-4
# Standard errors of both come from the observed information, mirt's by numerical differentiation.
ERRORS = 1e-3
LOGLIK = 1e-6
FIT = 1e-4
COMPARED = [
    ("Graded response: log likelihood, AIC, BIC", "mirt 1.45.1", LOGLIK),
    ("Graded response: parameters, scores, information", "mirt 1.45.1 (stops early)", PARAMETERS),
    ("Graded response: standard errors", "mirt 1.45.1", ERRORS),
    ("Graded response: C2 with RMSEA, CFI, TLI, SRMSR", "mirt 1.45.1 (stops early)", FIT),
]


def keyed() -> pd.DataFrame:
    path = HERE / "data" / DATA
    assert hashlib.md5(path.read_bytes()).hexdigest() == VALUES["meta"]["md5"][DATA]
    table = pd.read_csv(path)
    table["A1"] = 7 - table["A1"]
    return table


@pytest.fixture(scope="module", params=["complete", "missing"])
def case(request: pytest.FixtureRequest) -> tuple[GradedResponseResult, dict[str, Any]]:
    table = keyed()
    items = table.dropna() if request.param == "complete" else table
    return graded_response(items), VALUES[request.param]


Case = tuple[GradedResponseResult, dict[str, Any]]


def test_log_likelihood_and_counts(case: Case) -> None:
    found, wanted = case
    assert found.loglik == pytest.approx(wanted["logLik"], abs=LOGLIK)
    assert found.aic == pytest.approx(wanted["AIC"], abs=2 * LOGLIK)
    assert found.bic == pytest.approx(wanted["BIC"], abs=2 * LOGLIK)
    assert (found.n_obs, found.n_parameters) == (wanted["nobs"], wanted["nest"])
    # Ours is the top: no smaller than where mirt stopped.
    assert found.loglik >= wanted["logLik"] - 1e-9


def test_every_parameter_and_standard_error(case: Case) -> None:
    found, wanted = case
    for item in found.parameters.index:
        values, errors = wanted["coef_IRT_SE"][item]["data"]
        np.testing.assert_allclose(found.parameters.loc[item], values, atol=PARAMETERS)
        np.testing.assert_allclose(found.standard_errors.loc[item], errors, rtol=ERRORS)
        slopes = wanted["coef_slopeint_SE"][item]["data"][1]
        own = [name for name in found.covariance.index if name.startswith(f"{item}:")]
        np.testing.assert_allclose(np.sqrt(np.diag(found.covariance.loc[own, own])), slopes, rtol=ERRORS)


def test_scores_of_persons(case: Case) -> None:
    found, wanted = case
    eap = np.array(wanted["scores_EAP"]["data"])
    np.testing.assert_allclose(found.scores().to_numpy()[: len(eap)], eap, atol=PARAMETERS)


def test_information_and_category_probabilities(case: Case) -> None:
    found, wanted = case
    theta = wanted["theta"]
    np.testing.assert_allclose(found.information(theta), wanted["testinfo"], atol=1e-3, rtol=PARAMETERS)
    np.testing.assert_allclose(found.item_information(theta), wanted["iteminfo"]["data"], atol=1e-3)
    first = found.probabilities("A1", theta)
    np.testing.assert_allclose(first, wanted["probtrace_item1"]["data"], atol=PARAMETERS)
    expected = sum(
        found.probabilities(item, theta).to_numpy() @ np.arange(1, 7) for item in found.parameters.index
    )
    np.testing.assert_allclose(expected, wanted["expected_test"], atol=1e-3)


def test_fit_of_the_model(case: Case) -> None:
    found, wanted = case
    if "C2" not in wanted:
        return
    fit, mirt = found.model_fit(), {key: value[0] for key, value in wanted["C2"].items()}
    assert fit.statistic == pytest.approx(mirt["M2"], rel=FIT)
    assert fit.df == mirt["df"]
    # mirt prints p as 0 where it is below the smallest it keeps.
    assert fit.pvalue == pytest.approx(mirt["p"], abs=1e-12)
    assert fit.rmsea == pytest.approx(mirt["RMSEA"], rel=FIT)
    # mirt searches the ends of the interval with a tolerance of about 1e-4.
    assert fit.rmsea_ci_lower == pytest.approx(mirt["RMSEA_5"], abs=1e-4)
    assert fit.rmsea_ci_upper == pytest.approx(mirt["RMSEA_95"], abs=1e-4)
    assert fit.srmsr == pytest.approx(mirt["SRMSR"], rel=FIT)
    assert fit.cfi == pytest.approx(mirt["CFI"], abs=FIT)
    assert fit.tli == pytest.approx(mirt["TLI"], abs=FIT)
