"""Invariance against semTools and lavaan: every index of every level, and every difference."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.structural.equal_measurement import InvarianceResult, invariance

HERE = Path(__file__).parent
# lavaan stops its search a little early: its own solution moves by up to 1e-6 of the chi-square
RELATIVE = 1e-5
ABSOLUTE = 1e-5
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    (
        "Invariance of ordinal items (Wu & Estabrook), every level and difference",
        "semTools 0.5-6, lavaan 0.6-14",
        RELATIVE,
    ),
    ("Invariance of continuous items (MLR)", "lavaan 0.6-14", RELATIVE),
]


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "values" / "invariance.json").read_text())
    assert loaded["meta"]["md5"] == hashlib.md5((HERE / "data" / "likert.csv").read_bytes()).hexdigest()
    return loaded


@pytest.fixture(scope="module")
def likert() -> pd.DataFrame:
    return pd.read_csv(HERE / "data" / "likert.csv")


@pytest.fixture(scope="module")
def ordinal(values: dict[str, Any], likert: pd.DataFrame) -> InvarianceResult:
    return invariance(values["model"], likert, "group")


@pytest.fixture(scope="module")
def continuous(values: dict[str, Any], likert: pd.DataFrame) -> InvarianceResult:
    return invariance(values["model"], likert, "group", ordered=False)


def check_levels(result: InvarianceResult, expected: dict[str, dict[str, float]]) -> None:
    table = result.table.set_index("level")
    assert list(table.index) == list(expected)
    for level, indices in expected.items():
        for name, value in indices.items():
            found = table.loc[level, name.replace(".", "_")]
            if name == "pvalue" and "thresholds" in expected:
                assert np.isnan(found)  # the uncorrected least-squares statistic follows no chi-square
                continue
            assert found == pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE), (level, name)


def check_differences(result: InvarianceResult, expected: dict[str, list[float | None]]) -> None:
    for name, column in expected.items():
        assert column[0] is None
        assert np.isnan(result.table[name].iloc[0])
        # the difference of two chi-squares carries the rounding of both
        np.testing.assert_allclose(
            result.table[name].iloc[1:].astype(float), column[1:], rtol=1e-4, atol=1e-5
        )


def test_every_index_of_every_ordinal_level(ordinal: InvarianceResult, values: dict[str, Any]) -> None:
    check_levels(ordinal, values["ordinal"])


def test_every_difference_of_the_ordinal_levels(ordinal: InvarianceResult, values: dict[str, Any]) -> None:
    check_differences(ordinal, values["ordinal_lrt"])


def test_every_index_of_every_continuous_level(continuous: InvarianceResult, values: dict[str, Any]) -> None:
    check_levels(continuous, values["continuous"])


def test_every_difference_of_the_continuous_levels(
    continuous: InvarianceResult, values: dict[str, Any]
) -> None:
    check_differences(continuous, values["continuous_lrt"])


def test_latent_means_of_the_scalar_model(
    ordinal: InvarianceResult, values: dict[str, Any], likert: pd.DataFrame
) -> None:
    parameters = ordinal.fits["scalar"].parameters
    means = parameters[(parameters["op"] == "~1") & parameters["lhs"].isin(["F1", "F2", "F3"])]
    labels = list(likert["group"].unique())
    for row in values["scalar_means"]:
        found = means[(means["lhs"] == row["lhs"]) & (means["group"] == labels[row["group"] - 1])].iloc[0]
        assert found["est"] == pytest.approx(row["est"], abs=1e-5 + 0.002 * row["se"])
        assert found["se"] == pytest.approx(row["se"], rel=1e-3)
