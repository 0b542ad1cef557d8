"""Two-level models against lavaan 0.7-2: every parameter, standard error, standardised value and index."""

import dataclasses
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from analysis import sem
from analysis.structural.estimation.ram import build_group, jacobian
from analysis.structural.two_level.normal import cluster_scores
from instrument.errors import ToolkitWarning
from tests.reference.two_level_data import complete, incomplete

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "values" / "two_levels.json").read_text())
# lavaan's search stops within a thousandth of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
STANDARD_ERROR, CHI_SQUARE = 1e-3, 1e-5  # relative
INDEX = 1e-5  # absolute
COMPARED = [
    ("two-level models, ML, MLR, full information: every field", "lavaan 0.7-2", INDEX),
    ("two-level models with predictors of both levels: paths, errors, fit", "lavaan 0.6-14", 5e-5),
]
CASES = [f"{model}_{estimator}" for model in ("w1", "w2", "w3", "w4", "w5") for estimator in ("ML", "MLR")]
# lavaan's cluster scores leave out that covariates within move the means of the items: see the test below
OTHER_SCORES = {"w2_MLR": ("chisq.scaled", "chisq.scaling.factor", "pvalue.scaled")}


@cache
def fitted(case):
    model, _, estimator = case.partition("_")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return sem(REFERENCE["syntax"][model], complete(), estimator=estimator, cluster="cluster")


MISSING = {"w1_fiml": "ML", "w4_fiml_MLR": "MLR"}


@cache
def fitted_with_missing(case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return sem(
            REFERENCE["syntax"][case[:2]], incomplete(), MISSING[case], cluster="cluster", missing="fiml"
        )


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def wanted_rows(case):
    """Rows of the reference without the equalities that lavaan lists."""
    rows = REFERENCE[case]["parameters"]
    kept = [k for k, op in enumerate(rows["op"]) if op != "=="]
    return {name: [column[k] for k in kept] for name, column in rows.items()}, kept


@pytest.mark.parametrize("case", CASES)
def test_parameters(case):
    (wanted, _), found = wanted_rows(case), fitted(case).parameters
    for column in ("lhs", "op", "rhs", "level"):
        assert found[column].tolist() == wanted[column]
    se = np.nan_to_num(numbers(wanted["se"]))
    allowed = {
        "est": ESTIMATE[0] + ESTIMATE[1] * se,
        "se": STANDARD_ERROR * se + 1e-12,
        "z": 0.01 + STANDARD_ERROR * np.abs(numbers(wanted["z"])),
        "pvalue": np.full(len(se), 0.004),
        "ci.lower": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
        "ci.upper": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
    }
    for column, tolerance in allowed.items():
        target, mine = numbers(wanted[column]), found[column.replace(".", "_")].to_numpy(dtype=float)
        assert np.array_equal(np.isnan(mine), np.isnan(target)), column
        known = ~np.isnan(target)
        assert (np.abs(mine - target)[known] <= np.broadcast_to(tolerance, target.shape)[known]).all(), column


@pytest.mark.parametrize("case", CASES)
def test_standardised(case):
    kept, found = wanted_rows(case)[1], fitted(case).standardized()
    wanted = REFERENCE[case]["standardized"]
    values = numbers(wanted["est.std"])[: len(kept)]
    errors = np.nan_to_num(numbers(wanted["se"]))[: len(kept)]
    assert (np.abs(found["est"] - values) <= ESTIMATE[0] + ESTIMATE[1] * errors).all()
    assert (np.abs(found["se"] - errors) <= STANDARD_ERROR * errors + 1e-7).all()


@pytest.mark.parametrize("case", CASES)
def test_fit(case):
    wanted, found = REFERENCE[case], fitted(case)
    equalities = wanted["parameters"]["op"].count("==")  # lavaan counts parameters before them
    assert (found.n_obs, found.n_parameters + equalities) == (wanted["n_obs"], wanted["n_parameters"])
    assert found.n_clusters == 200
    compared = 0
    for index, value in wanted["fit"].items():
        mine = found.fit.get(index.replace(".", "_"))
        if mine is None or index in OTHER_SCORES.get(case, ()):
            continue
        compared += 1
        if wanted["fit"]["df"] == 0 and index.startswith(("rmsea", "cfi", "tli")):
            assert mine == (0 if "rmsea" in index else 1) or np.isnan(mine)  # lavaan: no number
        elif value is None:
            assert np.isnan(mine), index
        elif index.startswith("chisq") or index in ("aic", "bic", "logl"):
            assert mine == pytest.approx(value, rel=CHI_SQUARE, abs=1e-4), index
        else:
            assert mine == pytest.approx(value, abs=1e-4 if "pvalue" in index else INDEX, rel=0), index
    assert compared >= (15 if case.endswith("ML") else 23)


def test_what_lavaan_leaves_out_of_cluster_scores_is_all_that_differs():
    """Without the means that covariates within bring to items, its scaling factor comes out to 1e-6."""
    fit = fitted("w2_MLR")._fitted
    models = [build_group(fit.table, block, fit.exogenous_values[block]) for block in (0, 1)]
    target = fit.clusters[0].discrepancy(*models, fit.table.n_free)
    states, moments, point = target.at(fit.x)
    sample = fit.clusters[0].sample
    by, only_between = target._jacobian(fit.x), np.zeros((8, fit.table.n_free))
    only_between[sample.places.between] = jacobian(models[1], states[1], fit.table.n_free)[1]
    bread = np.linalg.inv(target.observed(fit.x) / 2)

    def trace(jacobian_used):
        scores = cluster_scores(sample, point, moments, jacobian_used)
        return float(np.sum(bread * (scores.T @ scores / 2500)))

    theirs = REFERENCE["w2_MLR"]["fit"]["scaling.factor.h0"] * 20
    assert trace(dataclasses.replace(by, mu=only_between)) == pytest.approx(theirs, rel=1e-5)
    assert trace(by) == pytest.approx(theirs - 0.00103, abs=1e-5)


def test_correlations_within_clusters_are_those_of_the_unrestricted_model():
    """Variance between over total variance, item by item."""
    fit = fitted("w5_ML")._fitted
    within, between = (np.diag(m) for m in fit.sample_covariances)
    shares = dict(zip(fit.table.level_names[1].observed, between / (within + between), strict=True))
    assert shares == pytest.approx(REFERENCE["icc"], abs=INDEX)


def test_missing_answers_need_no_option():
    assert sem(REFERENCE["syntax"]["w1"], incomplete(), cluster="cluster").missing == "fiml"


@pytest.mark.parametrize("case", MISSING)
def test_full_information(case):
    """Lavaan ended 2e-5 (w1) and 3e-5 (w4) above the minimum of -2 log L: estimates get twice the tolerance."""
    (wanted, _), fit = wanted_rows(case), fitted_with_missing(case)
    found = fit.parameters
    for column in ("lhs", "op", "rhs", "level"):
        assert found[column].tolist() == wanted[column]
    se = np.nan_to_num(numbers(wanted["se"]))
    assert (np.abs(found["est"] - numbers(wanted["est"])) <= ESTIMATE[0] + 2 * ESTIMATE[1] * se).all()
    assert (np.abs(found["se"] - se) <= STANDARD_ERROR * se + 1e-12).all()
    target = REFERENCE[case]["fit"]
    assert fit.n_obs == {"w1_fiml": 2499, "w4_fiml_MLR": 2500}[case]  # one row lacks y1, y2 and y3
    assert fit.fit["logl"] >= target["logl"]
    for index in ("chisq", "logl", "aic", "bic"):
        assert fit.fit[index] == pytest.approx(target[index], rel=CHI_SQUARE, abs=3e-5), index
    assert fit._fitted.baseline.chisq == pytest.approx(target["baseline.chisq"], rel=CHI_SQUARE)
    for index in ("cfi", "tli", "rmsea", "rmsea.ci.upper"):
        assert fit.fit[index.replace(".", "_")] == pytest.approx(target[index], abs=INDEX), index
    for index in ("srmr", "srmr_within", "srmr_between"):
        assert fit.fit[index] == pytest.approx(target[index], abs=6e-5), index


def test_at_the_estimates_of_lavaan_errors_and_correction_are_those_of_lavaan():
    """What is left between the two is where the searches ended."""
    fit = fitted_with_missing("w4_fiml_MLR")._fitted
    (wanted, _), target = wanted_rows("w4_fiml_MLR"), REFERENCE["w4_fiml_MLR"]["fit"]
    keys = zip(wanted["lhs"], wanted["op"], wanted["rhs"], wanted["level"], strict=True)
    at = dict(zip(keys, zip(wanted["est"], wanted["se"], strict=True), strict=True))
    theirs = np.array([at[r.lhs, r.op, r.rhs, r.group + 1] for r in fit.table.free_rows()])
    models = [build_group(fit.table, block, fit.exogenous_values[block]) for block in (0, 1)]
    found = fit.clusters[0].discrepancy(*models, fit.table.n_free)
    bread, scores = np.linalg.inv(found.observed(theirs[:, 0]) / 2), found.scores(theirs[:, 0])
    meat = scores.T @ scores / 2500
    assert np.sqrt(np.diag(bread @ meat @ bread) / 2500) == pytest.approx(theirs[:, 1], rel=1e-5)
    assert np.sum(bread * meat) == pytest.approx(target["scaling.factor.h0"] * 33, rel=1e-6)
    whole = fit.test.factor * 21 + np.trace(_own(fit, found))
    assert whole == pytest.approx(target["scaling.factor.h1"] * 54, rel=1e-6)
    baseline = fit.baseline.factor
    assert baseline == pytest.approx(target["baseline.chisq.scaling.factor"], rel=1e-5)


def _own(fit, target):
    scores = target.scores(fit.x)
    return np.linalg.solve(target.observed(fit.x) / 2, scores.T @ scores / 2500)


SCORES = json.loads((HERE / "values" / "two_level_scores.json").read_text())
# its scores of clusters leave out part of what covariates between tell of a factor, those here are the expected
# values given everything observed in the cluster (tests/unit/test_two_level_scores.py)
CLUSTERS = ["w1"]


@pytest.mark.parametrize("model", ["w1", "w2", "w4"])
def test_scores_of_rows_and_clusters(model):
    """Lavaan 0.6-14, covariates centred: lavPredict(fit, level = 1) and, without covariates, level = 2."""
    wanted, data = SCORES[model], complete()
    covariates = ["x1", "x2", "x3", "w1", "w2"]
    data[covariates] = (data[covariates] - data[covariates].mean()).round(6)
    fit = sem(REFERENCE["syntax"][model], data, "ML", cluster="cluster")
    rows = fit.factor_scores(level=1)[wanted["row_factors"]].to_numpy()[:25]
    assert rows == pytest.approx(np.array(wanted["rows"]), abs=1e-4)
    if model in CLUSTERS:
        clusters = fit.factor_scores(level=2).loc[wanted["cluster_labels"], wanted["cluster_factors"]]
        assert clusters.to_numpy() == pytest.approx(np.array(wanted["clusters"]), abs=1e-4)


# ---- observed predictors of both levels: lavaan 0.6-14 with fixed.x = FALSE, scripts/two_level_predictors.R ----

PREDICTORS = json.loads((HERE / "values" / "two_level_predictors.json").read_text())
PREDICTOR_CASES = [case for case in PREDICTORS if case not in ("made_by", "syntax")]
OWN_ESTIMATE = 0.005  # of a standard error: its search stops before ours
OWN_CHI_SQUARE = 2e-3  # relative
OWN_INDEX, OWN_SRMR = 5e-5, 1e-3  # absolute; its unrestricted model stops first
# an outcome of level 1 is uncorrelated with w1 at level 2, too, in lavaan's baseline; here predictors of a level covary
OTHER_BASELINE = ("baseline.chisq", "baseline.df", "cfi", "tli")


def first_clusters(data):
    return data[data["cluster"] <= 70].reset_index(drop=True)


@cache
def with_predictors(case):
    data = incomplete() if "gaps" in case else complete()
    if "gaps" in case:
        data = data.assign(y4=complete()["y4"])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ToolkitWarning
        )  # of 70 clusters some variances between fall below zero
        model = PREDICTORS["syntax"][PREDICTORS[case]["model"]]
        return sem(model, first_clusters(data), "MLR" if "MLR" in case else "ML", cluster="cluster")


@pytest.mark.parametrize("case", PREDICTOR_CASES)
def test_paths_from_predictors_of_both_levels(case):
    wanted, fit = PREDICTORS[case]["parameters"], with_predictors(case)
    assert fit.n_obs == PREDICTORS[case]["n_obs"]
    found, standard = (f[f["op"].isin(["=~", "~", ":="])] for f in (fit.parameters, fit.standardized()))
    for column in ("lhs", "op", "rhs", "level"):
        assert found[column].tolist() == wanted[column]
    se = np.array(wanted["se"])
    assert np.abs(found["est"] - wanted["est"]).le(1e-5 + OWN_ESTIMATE * se).all()
    assert found["se"].tolist() == pytest.approx(wanted["se"], rel=STANDARD_ERROR, abs=1e-12)
    assert np.abs(standard["est"] - wanted["std"]).le(1e-5 + OWN_ESTIMATE * np.array(wanted["std_se"])).all()
    if "alone" in case:  # with x1 and w1 lavaan counts, here, that their variances were estimated too
        assert standard["se"].tolist() == pytest.approx(wanted["std_se"], rel=2 * STANDARD_ERROR, abs=1e-9)


@pytest.mark.parametrize("case", PREDICTOR_CASES)
def test_fit_with_predictors_of_both_levels(case):
    fit, baseline = with_predictors(case).fit, with_predictors(case)._fitted.baseline
    for name, value in PREDICTORS[case]["fit"].items():
        if case == "outcome_within" and name in OTHER_BASELINE:
            continue
        if name.startswith("baseline"):
            found = baseline.df if name == "baseline.df" else baseline.chisq
        else:
            found = fit[name.replace(".", "_")]
        if "chisq" in name:
            assert found == pytest.approx(value, rel=OWN_CHI_SQUARE, abs=1e-3), name
        elif name.startswith("srmr"):
            assert found == pytest.approx(value, abs=OWN_SRMR), name
        elif value is not None:
            assert found == pytest.approx(value, abs=OWN_INDEX), name


def test_moments_of_a_predictor_of_one_level_stay_those_of_the_data():
    held = with_predictors("both").parameters.set_index(["lhs", "op", "rhs", "level"])["se"]
    assert held["x1", "~~", "x1", 1] == held["w1", "~~", "w1", 2] == held["w1", "~1", "", 2] == 0.0
    for free in (("y2", "~~", "y2", 1), ("y2", "~~", "x1", 1), ("y2", "~~", "y2", 2), ("y2", "~1", "", 2)):
        assert held[free] > 0.0
    assert held["y2", "~1", "", 1] == 0.0  # the mean of both parts stands at level 2
