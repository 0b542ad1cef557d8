"""Score tests of equality constraints against lavaan 0.6-14."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.models import cfa
from instrument.errors import DefinitionError
from tests.reference.conventions import as_since_06_20

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "values" / "structural_score_tests.json").read_text())
SCORE = 1e-3  # relative: a score is zero at the optimum, so it shows where lavaan's search stopped
COMPARED = [("CFA and SEM: score tests of equality constraints", "lavaan 0.6-14", SCORE)]

THREE = "f1 =~ y1 + y2 + y3\nf2 =~ y4 + y5 + y6\nf3 =~ y7 + y8 + y9"
TWO = "fd =~ d1 + d2 + d3 + d4\nfe =~ e1 + e2 + e3 + e4"
LINEAR = "f1 =~ y1 + a*y2 + b*y3\nf2 =~ y4 + c*y5 + y6\na == c\na + b == 1.6"
SEX = {"group": "sex", "group_equal": ["loadings"]}
CASES = {
    "scalar": (
        THREE,
        "battery",
        {"estimator": "ML", "group": "sex", "group_equal": ["loadings", "intercepts"]},
    ),
    "linear": (LINEAR, "battery", {"estimator": "ML"}),
    "ordinal": (TWO, "battery", {"group": "site", "group_equal": ["loadings", "thresholds"]}),
    "ordinal_pairwise": (TWO, "battery_missing", SEX),
    "fiml": (THREE, "battery_missing", {"estimator": "ML", **SEX}),
    "mlr": (THREE, "battery", {"estimator": "MLR", **SEX}),
}


@cache
def table(name):
    return pd.read_csv(HERE / "data" / f"{name}.csv")


@cache
def released(case):
    model, data, options = CASES[case]
    return cfa(model, table(data), **as_since_06_20(options)).constraint_tests()


def test_the_data_are_those_of_the_reference():
    made = REFERENCE["made_by"]
    for name, wanted in zip(made["files"], made["md5"], strict=True):
        assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == wanted


@pytest.mark.parametrize("case", CASES)
def test_each_constraint_and_all_together(case):
    wanted, found = REFERENCE[case], released(case)
    if case == "linear":
        order = np.arange(2)
    else:  # lavaan lists parameter by parameter, the labels are its row numbers
        order = np.argsort([float(label.strip(".p")) for label in found.table["label"]], kind="stable")
        assert found.table["label"].to_numpy()[order].tolist() == wanted["lhs"]
    score = found.table["score"].to_numpy()[order]
    assert score == pytest.approx(wanted["score"], rel=SCORE, abs=1e-4)
    assert found.table["pvalue"].to_numpy()[order] == pytest.approx(wanted["pvalue"], abs=2e-3)
    assert found.score == pytest.approx(wanted["total"], rel=SCORE)


def test_constraints_that_identify_the_model_do_not_count():
    """Without equal intercepts the three latent means are not identified: 15 constraints test 12 differences."""
    assert released("scalar").df == 12
    assert len(released("scalar").table) == 15


def test_the_expected_difference_is_near_what_releasing_gives():
    worst = released("mlr").table.sort_values("score").iloc[-1]
    assert (worst["lhs"], worst["rhs"]) == ("f3 =~ y9 (1)", "f3 =~ y9 (2)")
    freed = cfa(THREE, table("battery"), "MLR", **SEX, group_partial=["f3=~y9"]).parameters
    loading = freed[(freed["op"] == "=~") & (freed["rhs"] == "y9")]["est"].to_numpy()
    assert worst["expected_difference"] == pytest.approx(loading[0] - loading[1], rel=0.3)


def test_a_model_without_constraints_is_refused():
    with pytest.raises(DefinitionError, match="no equality constraints"):
        cfa(THREE, table("battery"), "ML").constraint_tests()
