"""Cluster-robust errors and tests, and sampling weights: lavaan 0.7-2, and 0.6-14 for what goes together.

0.6-14 takes no notice of clusters of ordinal items; those are compared with 0.7-2 only.
"""

import hashlib
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from analysis import sem
from analysis.structural.estimation import complete_data
from tests.reference.two_level_data import FILE, complete, incomplete, ordinal

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "values" / "two_levels.json").read_text())
OLDER = json.loads((HERE / "values" / "clusters_014.json").read_text())
ONE = REFERENCE["syntax"]["one"]
# lavaan's search stops within a thousandth of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
STANDARD_ERROR, CHI_SQUARE = 1e-3, 1e-5  # relative
INDEX = 1e-5  # absolute
COMPARED = [("people in clusters, sampling weights: every field", "lavaan 0.7-2, 0.6-14", INDEX)]
CASES = {
    "one_cluster_MLR": (complete, {"estimator": "MLR", "cluster": "cluster"}),
    "one_cluster_fiml": (incomplete, {"estimator": "MLR", "cluster": "cluster"}),
    "one_weights_MLR": (complete, {"estimator": "MLR", "sampling_weights": "wt"}),
    "one_ordinal_cluster": (ordinal, {"cluster": "cluster"}),
    "one_ordinal_weights": (ordinal, {"sampling_weights": "wt"}),
}


def in_groups(table):
    return table.assign(side=np.where(table["cluster"] % 3 == 0, "b", "a"))


BOTH = {"cluster": "cluster", "sampling_weights": "wt"}
OLDER_CASES = {
    "weights_cluster": (complete, {"estimator": "MLR", **BOTH}),
    "weights_cluster_fiml": (incomplete, {"estimator": "MLR", **BOTH}),
    "weights_groups": (complete, {"estimator": "MLR", "sampling_weights": "wt", "group": "side"}),
    "cluster_groups": (
        complete,
        {"estimator": "MLR", "cluster": "cluster", "group": "side", "group_equal": "loadings"},
    ),
    "ordinal_weights_groups": (ordinal, {"sampling_weights": "wt", "group": "side"}),
}


@cache
def fitted(case):
    make, options = {**CASES, **OLDER_CASES}[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return sem(ONE, in_groups(make()), **options)


def numbers(values):
    return np.array([np.nan if v in (None, "NA") else v for v in values], dtype=float)


def test_the_data_are_those_of_the_reference():
    md5 = hashlib.md5(FILE.read_bytes()).hexdigest()
    assert md5 == REFERENCE["made_by"]["md5"] == OLDER["made_by"]["md5"]
    assert (len(CASES), len(OLDER_CASES)) == (5, 5)


@pytest.mark.parametrize("case", CASES)
def test_parameters(case):
    wanted, found = REFERENCE[case]["parameters"], fitted(case).parameters
    assert all(found[column].tolist() == wanted[column] for column in ("lhs", "op", "rhs"))
    se = np.nan_to_num(numbers(wanted["se"]))
    allowed = {
        "est": ESTIMATE[0] + ESTIMATE[1] * se,
        "se": STANDARD_ERROR * se + 1e-12,
        "ci.lower": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
        "ci.upper": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
    }
    for column, tolerance in allowed.items():
        mine = found[column.replace(".", "_")].to_numpy(dtype=float)
        assert (np.abs(mine - numbers(wanted[column])) <= tolerance).all(), column
    std = found["std_all"].to_numpy(dtype=float)
    assert std == pytest.approx(numbers(REFERENCE[case]["standardized"]["est.std"]), abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_fit(case):
    wanted, found = REFERENCE[case], fitted(case)
    assert (found.n_obs, found.n_parameters) == (wanted["n_obs"], wanted["n_parameters"])
    compared = 0
    for index, value in wanted["fit"].items():
        mine = found.fit.get(index.replace(".", "_"))
        if mine is None:
            continue
        compared += 1
        if value is None:
            assert np.isnan(mine), index
        elif index.startswith("chisq") or index in ("aic", "bic", "logl"):
            assert mine == pytest.approx(value, rel=CHI_SQUARE), index
        else:
            assert mine == pytest.approx(value, abs=1e-4 if "pvalue" in index else INDEX, rel=0), index
    assert compared >= (24 if "ordinal" in case else 27)


@pytest.mark.parametrize("case", OLDER_CASES)
def test_what_goes_together(case):
    wanted, found = OLDER[case], fitted(case)
    rows = found.parameters
    se = np.nan_to_num(numbers(wanted["se"]))
    assert (np.abs(rows["est"] - numbers(wanted["est"])) <= ESTIMATE[0] + ESTIMATE[1] * se).all()
    assert (np.abs(rows["se"] - se) <= STANDARD_ERROR * se + 1e-12).all()
    for index, value in wanted["fit"].items():
        if index == "baseline.chisq.scaled":
            assert found._fitted.baseline.scaled == pytest.approx(value, rel=CHI_SQUARE)
        elif index.startswith(("chisq", "logl", "bic")):
            assert found.fit[index.replace(".", "_")] == pytest.approx(value, rel=CHI_SQUARE), index
        elif index != "df":
            assert found.fit[index] == pytest.approx(value, abs=INDEX), index


def test_robust_indices_of_weighted_groups_differ_where_whole_rows_are_counted(monkeypatch):
    """0.6-14 gives the sums of weights to a second fit as numbers of rows, which cuts them to whole numbers."""
    wanted = OLDER["weights_fiml_groups"]
    model, options = "f =~ y1 + y2 + y3 + y4 + y5 + y6", {"sampling_weights": "wt", "group": "side"}
    plain = sem(model, in_groups(incomplete()), "MLR", **options)
    se = numbers(wanted["se"])
    assert (np.abs(plain.parameters["est"] - numbers(wanted["est"])) <= ESTIMATE[0] + ESTIMATE[1] * se).all()
    assert plain.parameters["se"].to_numpy() == pytest.approx(se, rel=STANDARD_ERROR)
    assert plain.fit["chisq_scaled"] == pytest.approx(wanted["fit"]["chisq.scaled"], rel=CHI_SQUARE)
    assert list(wanted["weight_sums"]) == pytest.approx(plain._fitted.totals, abs=1e-6)
    assert not any(total.is_integer() for total in plain._fitted.totals)
    gap = complete_data._complete_gap
    monkeypatch.setattr(complete_data, "_complete_gap", lambda s, *given: gap(s, *given) * int(s.n) / s.n)
    cut = sem(model, in_groups(incomplete()), "MLR", **options)
    for index, value in wanted["robust"].items():
        name = index.replace(".", "_")
        assert cut.fit[name] == pytest.approx(value, abs=INDEX), index
    assert abs(plain.fit["rmsea_robust"] - wanted["robust"]["rmsea.robust"]) > INDEX


def test_clusters_are_told_and_ml_becomes_robust():
    found = sem(ONE, complete(), estimator="ML", cluster="cluster")
    assert (found.estimator, found.n_clusters) == ("MLR", 200)
    assert "2,500 rows, 200 clusters" in repr(found) and "n = 2,500 in 200 clusters" in found.summary()
    assert found.fit["chisq_scaled"] == fitted("one_cluster_MLR").fit["chisq_scaled"]
    assert sem(ONE, complete(), estimator="ML").n_clusters == 0
