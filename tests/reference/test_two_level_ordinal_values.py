"""Two-level models of ordinal items: lme4 for single items, a direct calculation in R for the rest."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import cfa, cross_level_invariance, intraclass_correlations
from analysis.structural.two_level.ordinal_items import item_at_levels
from analysis.structural.two_level.ordinal_moments import two_level_ordinal_moments

HERE = Path(__file__).parent
FILE = HERE / "data" / "two_level_ordinal.csv"
REFERENCE = json.loads((HERE / "values" / "two_level_ordinal.json").read_text())
ITEMS = ["y1", "y2", "y3", "y4"]
# points of the integrals differ: 1e-5 of a log-likelihood, which is 1e-4 of a standard error at most
ESTIMATE = 1e-4  # standard errors
STANDARD_ERROR = 1e-4  # relative
CHI_SQUARE = 1e-4  # relative
PROBIT = 1e-5  # lme4 with 25 adaptive points
COMPARED = [
    ("two-level probit of single items, intraclass correlations of ordinal items", "lme4 1.1-31", PROBIT),
    ("two-level WLSMV: moments, errors, estimates, test", "a direct calculation in R 4.2.2", CHI_SQUARE),
]
FREE = "level: 1\nfw =~ y1 + y2 + y3 + y4\nlevel: 2\nfb =~ y1 + y2 + y3 + y4"
EQUAL = (
    "level: 1\nfw =~ a*y1 + b*y2 + c*y3 + d*y4\nfw ~~ 1*fw\n"
    "level: 2\nfb =~ a*y1 + b*y2 + c*y3 + d*y4\nfb ~~ NA*fb"
)


@cache
def table():
    return pd.read_csv(FILE)


@cache
def codes():
    return table()[ITEMS].to_numpy() - 1.0


@cache
def fitted(case):
    return cfa({"free": FREE, "equal": EQUAL}[case], table(), cluster="cluster", ordered=True, std_lv=True)


def test_the_data_are_those_of_the_reference():
    assert hashlib.md5(FILE.read_bytes()).hexdigest() == REFERENCE["made_by"]["md5"]


@pytest.mark.parametrize("k", range(4))
def test_single_items_of_two_categories_are_those_of_lme4(k):
    """glmer(high ~ 1 + (1 | cluster), family = binomial("probit"), nAGQ = 25)."""
    wanted, own = REFERENCE["binary"][k], codes()[:, k]
    high = np.where(np.isnan(own), np.nan, own >= 1)
    clusters = table()["cluster"].to_numpy() - 1
    found = item_at_levels(high, clusters, clusters.max() + 1, 2)
    assert found.thresholds[0] == pytest.approx(wanted["threshold"], abs=PROBIT)
    assert found.variance == pytest.approx(wanted["variance"], abs=PROBIT)
    answers = pd.DataFrame({"q": high, "cluster": clusters})
    row = intraclass_correlations(answers, "cluster", ordered=True).table.iloc[0]
    assert row["icc"] == pytest.approx(wanted["variance"] / (1 + wanted["variance"]), abs=PROBIT)


def test_moments_of_both_levels_and_their_errors():
    found = two_level_ordinal_moments(codes(), table()["cluster"].to_numpy(), [3] * 4, ITEMS, "cfa", "")
    wanted, errors = np.array(REFERENCE["moments"]), np.array(REFERENCE["errors"])
    assert np.abs((found.vector - wanted) / errors).max() <= ESTIMATE
    assert np.sqrt(np.diag(found.acov) / found.n_obs) == pytest.approx(errors, rel=STANDARD_ERROR)
    assert found.at_edge == []


@pytest.mark.parametrize("case", ["free", "equal"])
def test_estimates_errors_and_test_of_a_model(case):
    fit, wanted = fitted(case), REFERENCE[case]
    own = fit.parameters
    loadings = own.query("op == '=~'")
    if case == "equal":
        loadings = pd.concat([loadings.head(4), own.query("lhs == 'fb' and rhs == 'fb'")])
    residuals = own.query("op == '~~' and level == 2 and lhs != 'fb'")
    order = pd.concat([loadings, residuals, own.query("op == '|'")])
    assert len(order) == len(wanted["est"])
    assert np.abs((order["est"] - wanted["est"]) / wanted["se"]).max() <= ESTIMATE
    assert order["se"].to_numpy() == pytest.approx(np.array(wanted["se"]), rel=STANDARD_ERROR)
    for name in ("chisq", "df", "chisq_scaled", "pvalue_scaled"):
        assert fit.fit[name] == pytest.approx(wanted[name], rel=CHI_SQUARE)


def test_invariance_across_levels_of_ordinal_items():
    """Metric invariance is the model with equal loadings, by a marker in place of a unit variance."""
    model, levels = "f =~ y1 + y2 + y3 + y4", ["configural", "metric"]
    found = cross_level_invariance(model, table(), "cluster", "WLSMV", levels=levels).table
    assert found["df"].tolist() == [REFERENCE["free"]["df"], REFERENCE["equal"]["df"]]
    wanted = [REFERENCE["free"]["chisq_scaled"], REFERENCE["equal"]["chisq_scaled"]]
    assert found["chisq_scaled"].to_numpy() == pytest.approx(wanted, rel=CHI_SQUARE)


def test_the_test_of_independence_at_both_levels():
    base, wanted = fitted("free")._fitted.baseline, REFERENCE["baseline"]
    assert (base.chisq, base.scaled) == pytest.approx(
        (wanted["chisq"], wanted["chisq_scaled"]), rel=CHI_SQUARE
    )
    assert base.df == wanted["df"]
