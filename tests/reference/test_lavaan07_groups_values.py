"""Groups of ordinal and continuous items against lavaan 0.7-2, where its conventions changed after 0.6-14."""

import hashlib
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.inference.compare_models import compare_models
from analysis.structural.models import cfa

HERE = Path(__file__).parent
DATA = HERE / "data" / "bfi_covariates.csv"
REFERENCE = json.loads((HERE / "values" / "lavaan07_groups_ordinal.json").read_text())
# lavaan's search stops within a thousandth of a standard error of the optimum
ESTIMATE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
STANDARD_ERROR = 1e-3  # relative
CHI_SQUARE = 1e-5  # relative
INDEX = 1e-5  # absolute
COMPARED = [("CFA in groups, conventions of 2026: every field", "lavaan 0.7-2", INDEX)]

MODEL = "A =~ A1 + A2 + A3 + A4 + A5"
EQUAL = {
    "configural": [],
    "thresholds": ["thresholds"],
    "th_load": ["thresholds", "loadings"],
    "th_load_int": ["thresholds", "loadings", "intercepts"],
    "strict": ["thresholds", "loadings", "intercepts", "residuals"],
    "loadings": ["loadings"],
    "scalar": ["loadings", "intercepts"],
}
CASES = [name for name in REFERENCE if name not in ("made_by", "lrt")]
# docs/adr/0003: the baseline's expectation, and the robust indices of equal thresholds
OTHER_BASELINE = ("cfi.robust", "tli.robust")
OTHER_ROBUST = {"thresholds", "th_load", "th_load_int", "strict"}


@cache
def fitted(case):
    level, _, kind = case.rpartition("_")
    options = {"parameterization": kind}
    if case.startswith("ML_"):
        level, options = kind, {"estimator": "MLR"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return cfa(MODEL, pd.read_csv(DATA), group="gender01", group_equal=EQUAL[level], **options)


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def test_the_data_are_those_of_the_reference():
    assert hashlib.md5(DATA.read_bytes()).hexdigest() == REFERENCE["made_by"]["md5"]
    assert len(CASES) == 15


@pytest.mark.parametrize("case", CASES)
def test_parameters(case):
    wanted, found = REFERENCE[case]["parameters"], fitted(case).parameters
    for column in ("lhs", "op", "rhs"):
        assert found[column].tolist() == wanted[column]
    assert [int(g) + 1 for g in found["group"]] == wanted["group"]
    se = np.nan_to_num(numbers(wanted["se"]))
    allowed = {
        "est": ESTIMATE[0] + ESTIMATE[1] * se,
        "se": STANDARD_ERROR * se + 1e-12,
        "ci.lower": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
        "ci.upper": ESTIMATE[0] + 2 * ESTIMATE[1] * se,
        "z": 0.01 + STANDARD_ERROR * np.abs(numbers(wanted["z"])),
        "pvalue": np.full(len(se), 0.004),
    }
    for column, tolerance in allowed.items():
        target, mine = numbers(wanted[column]), found[column.replace(".", "_")].to_numpy(dtype=float)
        assert np.array_equal(np.isnan(mine), np.isnan(target)), column
        known = ~np.isnan(target)
        assert (np.abs(mine - target)[known] <= np.broadcast_to(tolerance, target.shape)[known]).all(), column


@pytest.mark.parametrize("case", CASES)
def test_fit(case):
    wanted, found = dict(REFERENCE[case]["fit"]), fitted(case).fit
    assert fitted(case).n_obs == REFERENCE[case]["n_obs"]
    assert fitted(case).n_parameters == wanted.pop("npar")
    ordinal = not case.startswith("ML_")
    level = case.rpartition("_")[0]
    for index, value in wanted.items():
        mine = found[index.replace(".", "_")] if index != "df.scaled" else found["df"]
        if ordinal and index in OTHER_BASELINE:
            continue
        if ordinal and index.endswith("robust") and level in OTHER_ROBUST:
            continue
        if value is None:
            assert np.isnan(mine), index
        elif index.startswith("chisq") or index in ("aic", "bic", "logl"):
            assert mine == pytest.approx(value, rel=CHI_SQUARE), index
        else:
            assert mine == pytest.approx(value, abs=1e-4 if "pvalue" in index else INDEX, rel=0), index


def test_the_expectation_of_the_baseline_is_all_that_differs():
    """With tr(Gamma_g) N / n_g in its place the robust CFI of 0.7-2 comes out."""
    for case in ("configural_delta", "loadings_delta", "configural_theta", "loadings_theta"):
        found = fitted(case)._fitted
        n, p = found.n_obs, len(found.table.names.observed)
        base = -sum(
            size * np.linalg.slogdet(r)[1]
            for r, size in zip(found.sample_covariances, found.sizes, strict=True)
        )
        traces = np.array([np.trace(b.gamma[-p * (p - 1) // 2 :, -p * (p - 1) // 2 :]) for b in found.blocks])
        excess = (1 - found.fit["cfi_robust"]) * (base - traces.sum())
        other = 1 - excess / (base - traces @ (n / np.array(found.sizes)))
        assert other == pytest.approx(REFERENCE[case]["fit"]["cfi.robust"], abs=INDEX)


def test_differences():
    fits = {k: fitted(k) for k in ("configural_delta", "thresholds_delta", "th_load_delta")}
    found, wanted = compare_models(fits).table, REFERENCE["lrt"]
    assert found["df"].tolist() == wanted["Df"]
    assert found["df_diff"].tolist()[1:] == wanted["Df diff"][1:]
    assert found["chisq_diff"].to_numpy()[1:] == pytest.approx(wanted["Chisq diff"][1:], rel=1e-4)
    assert found["pvalue"].to_numpy()[1:] == pytest.approx(wanted["Pr(>Chisq)"][1:], abs=1e-4)
