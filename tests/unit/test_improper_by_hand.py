"""What makes a solution no ground for a judgement: each limit from both sides, and who is named."""

from __future__ import annotations

import re
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.structural.inference import improper
from analysis.structural.inference.improper import (
    Fault,
    faults_of,
    warn_few_clusters,
    warn_improper,
    warn_indefinite,
    warn_small_groups,
    warn_uneven_weights,
)


def told(of: Any, **given: Any) -> tuple[tuple[Fault, ...], str]:
    """Faults and the words of the warning; no warning where there is none."""
    fitted: Any = SimpleNamespace(caller="cfa", **given)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = of(fitted)
    assert bool(found) == bool(caught)
    return found, " ".join(re.sub(r"\s+", " ", str(one.message)) for one in caught)


def of_parameters(n: int) -> Any:
    return SimpleNamespace(n_parameters=n)


@pytest.mark.parametrize("n", [8, 9, 10])
def test_as_many_rows_or_clusters_as_parameters_are_enough(n: int) -> None:
    found, words = told(warn_small_groups, sizes=[n], n_obs=n, reduction=of_parameters(9))
    assert found == ((Fault.FEW_ROWS,) if n < 9 else ())
    assert n >= 9 or "cfa: 8 rows for 9 parameters." in words
    found, words = told(warn_few_clusters, n_clusters=n, reduction=of_parameters(9))
    assert found == ((Fault.FEW_CLUSTERS,) if n < 9 else ())
    assert n >= 9 or "cfa: 8 clusters for 9 parameters." in words
    assert told(warn_few_clusters, n_clusters=0, reduction=of_parameters(9)) == ((), "")


@pytest.mark.parametrize("n", [7, 8, 9])
def test_a_group_needs_two_rows_for_each_of_its_parameters(n: int) -> None:
    rows = [SimpleNamespace(group=g) for g in (0, 0, 0, 0, 1, 1)]
    table = SimpleNamespace(n_levels=1, free_rows=lambda: rows)
    given = {"sizes": [n, 4], "table": table, "data": SimpleNamespace(group_labels=["north", "south"])}
    found, words = told(warn_small_groups, n_obs=n + 4, reduction=of_parameters(6), **given)
    assert found == ((Fault.SMALL_GROUP,) if n < 8 else ())
    assert n >= 8 or "'north (7 rows, 4 parameters)'." in words


def test_weights_are_worth_as_many_rows_as_their_unevenness_leaves() -> None:
    one = SimpleNamespace(weights=np.array([8.0, 1.0, 1.0]))
    given = {"data": SimpleNamespace(sampling=[one, SimpleNamespace(weights=None)])}
    worth = 10**2 / (64 + 1 + 1)
    found, words = told(warn_uneven_weights, reduction=of_parameters(2), **given)
    assert found == (Fault.FEW_ROWS,) and 1 < worth < 2
    assert "weights in use are worth 1.5 of 3 rows, for 2 parameters." in words
    assert told(warn_uneven_weights, reduction=of_parameters(1), **given) == ((), "")


def test_latent_correlations_and_negative_variances_are_named_with_their_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(improper, "variable_order", lambda *_: ["a", "b", "F", "G", "H"])
    covariance = np.eye(5)
    covariance[2, 4] = covariance[4, 2] = -1.2
    sound = SimpleNamespace(observed=[0, 1], symmetric=np.eye(5), covariance=np.eye(5))
    bent = SimpleNamespace(observed=[0, 1], symmetric=np.diag([1, -0.1, 1, 1, 1]), covariance=covariance)
    table = SimpleNamespace(block_name=lambda block, _: ("girls", "boys")[block])
    given = {"table": table, "data": SimpleNamespace(group_labels=["girls", "boys"])}
    found, words = told(warn_improper, states=[sound, bent], **given)
    assert found == (Fault.NEGATIVE_VARIANCE, Fault.CORRELATION_BEYOND_ONE)
    assert "negative variances (Heywood cases): 'b (boys)'." in words
    assert "latent correlations beyond 1: 'F-H (boys)'." in words
    assert told(warn_improper, states=[sound, sound], **given) == ((), "")


def solution(monkeypatch: pytest.MonkeyPatch, symmetric: np.ndarray, latent: np.ndarray) -> Any:
    """Two observed variables and three factors, with these residual covariances and those of the factors."""
    monkeypatch.setattr(improper, "variable_order", lambda *_: ["a", "b", "F", "G", "H"])
    covariance = np.eye(5)
    covariance[2:, 2:] = latent
    table = SimpleNamespace(block_name=lambda *_: None)
    state = SimpleNamespace(observed=[0, 1], symmetric=symmetric, covariance=covariance)
    return {"states": [state], "table": table, "data": SimpleNamespace(group_labels=[None])}


@pytest.mark.parametrize("r", [-0.99, 0.99, -1.01, 1.01])
def test_residuals_correlate_within_one(r: float, monkeypatch: pytest.MonkeyPatch) -> None:
    symmetric = np.diag([4.0, 9.0, 1, 1, 1])
    symmetric[0, 1] = symmetric[1, 0] = 6 * r
    found, words = told(warn_improper, **solution(monkeypatch, symmetric, np.eye(3)))
    assert found == ((Fault.CORRELATION_BEYOND_ONE,) if abs(r) > 1 else ())
    assert ("residual correlations beyond 1: 'a-b'." in words) == (abs(r) > 1)
    assert "latent" not in words and "no variables" not in words


@pytest.mark.parametrize("r", [0.49, 0.51])
def test_factors_whose_correlations_exclude_each_other_are_told(
    r: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    among = np.array([[1, r, -r], [r, 1, r], [-r, r, 1]])  # smallest root 1 - 2 r
    symmetric = np.diag([1.0, 1, 4, 1, 9])
    symmetric[2:, 2:] = among * np.outer([2, 1, 3], [2, 1, 3])
    found, words = told(warn_improper, **solution(monkeypatch, symmetric, symmetric[2:, 2:]))
    assert found == ((Fault.IMPOSSIBLE,) if r > 0.5 else ())
    assert ("although each correlation lies within 1: 'F, G, H'." in words) == (r > 0.5)


@pytest.mark.parametrize("r", [0.49, 0.51])
def test_correlations_hardly_indefinite_are_indefinite(r: float) -> None:
    matrix = np.array([[1, r, -r], [r, 1, r], [-r, r, 1]])  # smallest eigenvalue 1 - 2 r
    given = {"sample_covariances": [matrix], "table": SimpleNamespace(n_levels=1)}
    found, words = told(warn_indefinite, ordinal=True, data=SimpleNamespace(group_labels=[None]), **given)
    assert found == ((Fault.INDEFINITE,) if r > 0.5 else ())
    assert r < 0.5 or "(smallest eigenvalue -0.020)" in words


@pytest.mark.parametrize(("variance", "known"), [(0.1, True), (0.0, True), (-0.1, False), (np.nan, False)])
def test_errors_below_zero_are_not_known(
    variance: float, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "improper",
        "indefinite",
        "small_groups",
        "few_clusters",
        "uneven_weights",
        "several_minima",
    ):
        monkeypatch.setattr(improper, f"warn_{name}", lambda _: ())
    fitted: Any = SimpleNamespace(vcov=np.diag([0.2, variance]))
    assert faults_of(fitted) == (() if known else (Fault.UNKNOWN_ERRORS,))
