"""Invariance against semTools and lavaan: every index of every level, and every difference."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.invariance import InvarianceResult, invariance

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


FEW = json.loads((HERE / "values" / "invariance_few_categories.json").read_text())


@pytest.mark.parametrize("kind", ["two", "three"])
def test_items_with_few_categories(kind: str, likert: pd.DataFrame) -> None:
    """With three categories thresholds restrict nothing, with two neither do loadings beside them."""
    assert FEW["meta"]["md5"] == hashlib.md5((HERE / "data" / "likert.csv").read_bytes()).hexdigest()
    rows = likert.copy()
    for item in [f"q{k}" for k in range(1, 9)]:
        cut = likert[item].clip(2, 4) if kind == "three" else (likert[item] > likert[item].median())
        rows[item] = cut.astype(int)
    result = invariance(FEW["model"], rows, "group")
    table = result.table.set_index("level")
    untestable = ["thresholds"] if kind == "three" else ["thresholds", "metric"]
    assert table["testable"].tolist() == [None, *[level not in untestable for level in table.index[1:]]]
    for level, indices in FEW[kind]["levels"].items():
        for name, value in indices.items():
            found = table.loc[level, name.replace(".", "_")]
            assert found == pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE), (level, name)
    for level in untestable:
        assert table.loc[level, "chisq"] == pytest.approx(table.loc["configural", "chisq"], rel=1e-6)
        assert table.loc[level, ["cfi_diff", "rmsea_diff", "chisq_diff", "pvalue_diff"]].isna().all()
        assert table.loc[level, "cfi_holds"] is None
    tested = table.loc[[level for level in FEW[kind]["levels"] if level != "configural"]]
    for name, column in FEW[kind]["lrt"].items():
        assert tested[name].to_numpy(dtype=float) == pytest.approx(column[1:], rel=1e-4, abs=1e-5), name


def test_the_highest_level_is_one_that_was_tested(likert: pd.DataFrame) -> None:
    """Two categories whose intercepts differ: thresholds and metric hold by nature, not by evidence."""
    generator = np.random.default_rng(12)
    factor = generator.normal(size=1200)
    group = np.repeat(["a", "b"], 600)
    shift = np.where(group == "b", 0.8, 0.0)
    rows = pd.DataFrame({"group": group})
    for k in range(1, 6):
        own = factor + generator.normal(size=1200) + (shift if k == 1 else 0.0) - 0.5 + 0.2 * k
        rows[f"y{k}"] = (own > 0).astype(int)
    result = invariance("f =~ y1 + y2 + y3 + y4 + y5", rows, "group")
    scalar = result.table.set_index("level").loc["scalar"]
    assert scalar["testable"] and scalar["pvalue_diff"] < 1e-3
    assert result.highest_level() == "configural"
