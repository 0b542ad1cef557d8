"""Omega, lambdas and split halves against psych; one-factor omega against lavaan and semTools."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment

from analysis.correlation.moments import ordinal_moments
from analysis.reliability.congeneric import composite_reliability, congeneric_omega
from analysis.reliability.lower_bounds import lower_bounds
from analysis.reliability.omega import omega
from analysis.reliability.omega_result import OmegaResult
from analysis.reliability.ordinal_scores import categorical_share

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "reliability.json").read_text())
MODELS: dict[str, Any] = json.loads((HERE / "values" / "reliability_models.json").read_text())
ITEMS = [f"q{i}" for i in range(1, 13)]
THEMES = {"first": ITEMS[:4], "second": ITEMS[4:8], "third": ITEMS[8:]}
# Closed formulas in double precision.
EXACT = 1e-10
# psych stops its extraction and rotation at gradients of about 1e-5; ours go on until they vanish.
ROTATED = 5e-5
# psych's polychoric correlations are off by up to 2e-5 each; 66 of them enter.
POLYCHORIC = 2e-4
# lavaan stops at a relative change of 1e-14 of the discrepancy: about 1e-6 in a loading.
FITTED = 3e-6
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Lambdas, split halves", "psych 2.2.9", EXACT),
    ("One-factor omega", "lavaan, semTools", FITTED),
    ("Omega total and hierarchical, ECV", "psych 2.2.9 (rotation stops early)", ROTATED),
]


def raw(name: str = "likert.csv") -> pd.DataFrame:
    assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == VALUES["meta"]["md5"][name]
    return pd.read_csv(HERE / "data" / name)[ITEMS]


def keyed(name: str = "likert.csv") -> pd.DataFrame:
    frame = raw(name)
    frame[["q4", "q9"]] = 6 - frame[["q4", "q9"]]
    return frame


def assert_close(actual: Any, expected: Any, tolerance: float, what: str) -> None:
    found, wanted = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == wanted.shape, what
    assert np.isfinite(wanted).all(), what
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance, err_msg=what)


def columns(node: dict[str, list[float]], names: list[str]) -> np.ndarray:
    return np.column_stack([node[name] for name in names])


def order_and_signs(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    products = theirs.T @ ours
    _, order = linear_sum_assignment(-np.abs(products))
    return order, np.sign(products[np.arange(len(order)), order])


def assert_node(result: OmegaResult, node: dict[str, Any], tolerance: float) -> None:
    k = result.n_factors
    scalars = {
        "hierarchical": result.hierarchical,
        "asymptotic": result.asymptotic,
        "total": result.total,
        "alpha": result.alpha,
        "lambda6": result.lambda6,
        "ecv": result.ecv,
    }
    assert set(node) == {*scalars, "group", "schmid", "oblique", "phi", "key"}
    for name, found in scalars.items():
        assert_close(found, node[name], tolerance, name)
    group_names = [f"F{j + 1}*" for j in range(k)]
    theirs = columns(node["schmid"], group_names)
    order, signs = order_and_signs(result.schmid_leiman[group_names].to_numpy(), theirs)
    table = result.schmid_leiman
    turn = np.sign(np.dot(table["g"], node["schmid"]["g"]))
    assert_close(turn * table["g"], node["schmid"]["g"], tolerance, "general loadings")
    assert_close(table[group_names].to_numpy()[:, order] * signs, theirs, tolerance, "group loadings")
    for ours, column in {"communality": "h2", "uniqueness": "u2", "general_share": "p2"}.items():
        assert_close(table[ours], node["schmid"][column], tolerance, column)
    assert_close(
        result.groups[["total", "general", "group"]].to_numpy()[np.r_[0, 1 + order]],
        columns(node["group"], ["total", "general", "group"]),
        tolerance,
        "groups",
    )
    assert result.keys.tolist() == np.atleast_1d(node["key"]).tolist()
    assert_oblique(result, node, tolerance)


def assert_oblique(result: OmegaResult, node: dict[str, Any], tolerance: float) -> None:
    theirs = np.column_stack(list(node["oblique"].values())) * result.keys.to_numpy()[:, None]
    order, signs = order_and_signs(result.pattern.to_numpy(), theirs)
    assert_close(result.pattern.to_numpy()[:, order] * signs, theirs, tolerance, "pattern")
    if node["phi"] is None:
        assert result.n_factors == 1
        return
    ours = result.factor_correlations.to_numpy()[np.ix_(order, order)] * np.outer(signs, signs)
    assert_close(ours, np.column_stack(list(node["phi"].values())), tolerance, "factor correlations")


def test_complete_items() -> None:
    assert_node(omega(keyed(), 3, draws=0), VALUES["omega"]["keyed"], ROTATED)


def test_flipped_items() -> None:
    result = omega(raw(), 3, flip=True, draws=0)
    assert_node(result, VALUES["omega"]["flipped"], ROTATED)
    assert result.keys.index[result.keys < 0].tolist() == ["q4", "q9"]
    unflipped = omega(keyed(), 3, draws=0)
    assert result.hierarchical == pytest.approx(unflipped.hierarchical, abs=1e-9)


def test_missing_answers_pairwise() -> None:
    items = keyed("likert_missing.csv")
    assert_node(omega(items, 3, missing="pairwise", draws=0), VALUES["omega"]["pairwise"], ROTATED)


def test_polychoric_correlations() -> None:
    result = omega(keyed(), 3, correlation="polychoric", draws=0)
    assert_node(result, VALUES["omega"]["polychoric"], POLYCHORIC)
    assert result.categorical is not None and result.categorical_hierarchical is not None
    assert result.categorical_hierarchical < result.categorical < result.total


def test_one_factor() -> None:
    assert_node(omega(keyed()[ITEMS[:4]], 1, draws=0), VALUES["omega"]["one"], ROTATED)


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("kind", ["correlation", "covariance"])
def test_split_halves(theme: str, kind: str) -> None:
    result = lower_bounds(keyed()[THEMES[theme]], standardized=kind == "correlation")
    node, table = VALUES["halves"][theme][kind], result.table["estimate"]
    assert set(node) == {"values", "lambda2", "lambda6", "alpha"}
    assert result.every_split
    assert_close(result.splits, node["values"], EXACT, "splits")
    assert_close(table["lambda2"], node["lambda2"], EXACT, "lambda2")
    assert_close(table["lambda6"], node["lambda6"], EXACT, "lambda6")
    assert_close(table["lambda3"], node["alpha"], EXACT, "alpha")
    assert_close(table["split_half_mean"], np.mean(node["values"]), EXACT, "mean")


@pytest.mark.parametrize("theme", list(THEMES))
def test_lambdas(theme: str) -> None:
    table = lower_bounds(keyed()[THEMES[theme]], standardized=True).table["estimate"]
    names = {f"lambda.{i}": f"lambda{i}" for i in range(1, 7)} | {"lambda.5p": "lambda5_plus"}
    names |= {f"mu{i}": f"mu{i}" for i in range(4)}
    node = VALUES["guttman"][theme]
    assert set(node) == set(names)
    for theirs, ours in names.items():
        assert_close(table[ours], node[theirs], EXACT, theirs)


@pytest.mark.parametrize("theme", list(THEMES))
def test_one_factor_by_maximum_likelihood(theme: str) -> None:
    items = keyed()[THEMES[theme]]
    result, node = congeneric_omega(items, draws=0), MODELS[theme]["ml"]
    assert MODELS["meta"]["md5"]["likert.csv"] == VALUES["meta"]["md5"]["likert.csv"]
    found = {
        "omega": result.estimate,
        "omega_model": congeneric_omega(items, draws=0, denominator="model").estimate,
        "ave": result.ave,
        "maximal": result.maximal,
        # lavaan divides covariances by n
        "loading": result.loadings["loading"] * np.sqrt((len(items) - 1) / len(items)),
        "standardized": result.loadings["standardized"],
    }
    assert set(node) == set(found)
    for name, value in found.items():
        assert_close(value, node[name], FITTED, name)
    model = composite_reliability(
        result.loadings["loading"],
        result.loadings["uniqueness"] * items.var(),
    )
    assert_close(model, node["omega_model"], FITTED, "composite")


@pytest.mark.parametrize("theme", list(THEMES))
def test_categorical_omega_of_a_confirmatory_model(theme: str) -> None:
    node = MODELS[theme]["ordinal"]
    loading = np.array(node["standardized"])
    found = ordinal_moments(keyed()[THEMES[theme]].to_numpy(dtype=float), acov=False)
    steps = [np.diff(codes).astype(float) for codes in found.categories]
    share = categorical_share(found.thresholds, steps, found.correlations, np.outer(loading, loading))
    assert_close(share, node["categorical"], 1e-7, "categorical")  # lavaan's polychorics are off by 4e-8


def test_nothing_is_warned_of_for_keyed_items() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        omega(keyed(), 3, draws=0)
