"""Intraclass correlations against psych, limits of agreement against R's t test and regression."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.agreement.icc import SHROUT_FLEISS, IccResult, icc
from analysis.agreement.measurement_error import limits_of_agreement

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "agreement.json").read_text())
RATINGS = pd.DataFrame([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
# Closed formulas; only F quantiles differ between R and scipy, by less than this.
EXACT = 1e-10
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("ICC in six forms with intervals, SEM, SDC, limits of agreement", "psych 2.2.9, R", EXACT),
]


def read(name: str, columns: list[str]) -> pd.DataFrame:
    assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == VALUES["meta"]["md5"][name]
    return pd.read_csv(HERE / "data" / name)[columns]


def long(wide: pd.DataFrame) -> pd.DataFrame:
    return wide.rename_axis("target").reset_index().melt("target", var_name="rater", value_name="rating")


def coefficients(wide: pd.DataFrame, level: float = 0.95) -> IccResult:
    return icc(long(wide), targets="target", raters="rater", ratings="rating", confidence=level)


def assert_six(result: IccResult, node: dict[str, Any]) -> None:
    assert list(result.table["shrout_fleiss"]) == node["type"] == list(SHROUT_FLEISS.values())
    assert set(node) == set(result.table.columns) - {"shrout_fleiss"} | {"type"}
    for column in set(node) - {"type"}:
        wanted = np.asarray(node[column], dtype=float)
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(result.table[column], wanted, rtol=EXACT, atol=EXACT, err_msg=column)


def test_shrout_and_fleiss() -> None:
    assert_six(coefficients(RATINGS), VALUES["shrout_fleiss"])
    assert_six(coefficients(RATINGS, level=0.9), VALUES["shrout_fleiss_90"])


def test_complete_items() -> None:
    assert_six(coefficients(read("likert.csv", ["q1", "q2", "q3"])), VALUES["likert"])


def test_incomplete_targets_are_dropped_and_counted() -> None:
    wide = read("likert_missing.csv", ["q1", "q2", "q3"])
    result = coefficients(wide)
    assert_six(result, VALUES["dropped"])
    assert (result.n_targets, result.n_dropped) == (len(wide.dropna()), len(wide) - len(wide.dropna()))


def test_two_occasions() -> None:
    assert_six(coefficients(read("continuous_missing.csv", ["x1", "x2"])), VALUES["two"])


def test_limits_of_agreement() -> None:
    wide = read("continuous_missing.csv", ["x1", "x2"])
    result = limits_of_agreement(wide["x1"], wide["x2"])
    node = VALUES["differences"]
    found = {
        "bias": result.bias,
        "ci_lower": result.bias_ci.lower,
        "ci_upper": result.bias_ci.upper,
        "sd": result.sd,
        "n": result.n_pairs,
        "slope": result.slope,
        "slope_pvalue": result.slope_pvalue,
    }
    assert set(node) == set(found)
    for name, wanted in node.items():
        assert found[name] == pytest.approx(wanted, rel=EXACT, abs=EXACT), name
