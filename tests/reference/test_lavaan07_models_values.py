"""Constraints and bounds against lavaan 0.7-2, every parameter, standardised value and index."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import sem

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "lavaan07_models.json").read_text())
# lavaan's search stops within two thousandths of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
STANDARD_ERROR = 1e-3  # relative
CHI_SQUARE = 1e-5  # relative
INDEX = 1e-5  # absolute
COMPARED = [
    ("nonlinear and inequality constraints, bounds: every parameter and index", "lavaan 0.7-2", INDEX)
]
THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
LABELLED = THREE.replace("x1 + x2 + x3", "x1 + b2*x2 + b3*x3")
CASES = {
    "aux_constraints:nonlinear": (f"{LABELLED}\nb2 == b3^2 + .1\nr := b2/b3", "holzinger1939.csv", {}),
    "aux_constraints:inequality": (f"{LABELLED}\nb2 > .7", "holzinger1939.csv", {}),
    "aux_constraints:bounds": (THREE, "holzinger1939.csv", {"bounds": "standard"}),
}


@cache
def fitted(case):
    model, file, options = CASES[case]
    return sem(model, pd.read_csv(HERE / "data" / file), **{"estimator": "ML", **options})


def aligned(frame, wanted, groups):
    """Rows of a result in lavaan's order; covariances are found either way round."""
    at = {}
    for k, row in enumerate(frame[["lhs", "op", "rhs", "group"]].itertuples(index=False)):
        group = groups.index(row.group) + 1 if row.group in groups and row.op != ":=" else 1
        at[row.lhs, row.op, row.rhs, group] = k
        if row.op == "~~":
            at[row.rhs, row.op, row.lhs, group] = k
    where = wanted.get("group", [1] * len(wanted["lhs"]))
    keys = list(zip(wanted["lhs"], wanted["op"], wanted["rhs"], where, strict=True))
    places = [at[lhs, op, rhs.replace(" ", ""), max(group, 1)] for lhs, op, rhs, group in keys]
    assert sorted(places) == list(range(len(frame)))
    return frame.iloc[places]


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def test_the_data_are_those_of_the_reference():
    assert set(VALUES) - {"made_by"} == set(CASES)
    for file, checksum in VALUES["made_by"]["md5"].items():
        assert hashlib.md5((HERE / "data" / file).read_bytes()).hexdigest() == checksum


@pytest.mark.parametrize("case", CASES)
def test_parameters(case):
    wanted, fit = VALUES[case]["parameters"], fitted(case)
    groups = list(fit.groups)
    found = aligned(fit.parameters, wanted, groups)
    se = np.nan_to_num(numbers(wanted["se"]))
    off = np.abs(found["est"].to_numpy(dtype=float) - numbers(wanted["est"]))
    assert (off <= ESTIMATE[0] + ESTIMATE[1] * se).all()
    assert found["se"].to_numpy(dtype=float) == pytest.approx(se, rel=STANDARD_ERROR, abs=1e-9)
    target = VALUES[case]["standardized"]
    assert (target["lhs"], target["rhs"]) == (wanted["lhs"], wanted["rhs"])
    standard = aligned(fit.standardized(), wanted, groups)
    se = np.nan_to_num(numbers(target["se"]))
    off = np.abs(standard["est"].to_numpy(dtype=float) - numbers(target["est.std"]))
    assert (off <= ESTIMATE[0] + ESTIMATE[1] * se).all()
    assert standard["se"].to_numpy(dtype=float) == pytest.approx(se, rel=STANDARD_ERROR, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_fit(case):
    wanted, fit = VALUES[case]["fit"], fitted(case)
    assert fit.n_obs == VALUES[case]["n_obs"]
    assert fit.n_parameters == wanted["npar"]
    compared = 0
    for index, value in wanted.items():
        mine = fit.fit.get(index.replace(".", "_"))
        if mine is None:
            continue
        compared += 1
        if index.startswith("chisq") or index in ("aic", "bic", "logl", "df"):
            assert mine == pytest.approx(value, rel=CHI_SQUARE), index
        else:
            assert mine == pytest.approx(value, abs=INDEX, rel=0), index
    assert compared >= (13 if fit.estimator == "ML" else 20)
