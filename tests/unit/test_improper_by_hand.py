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
