"""Flags of differential item functioning: how often they are wrong without it, and how often right with it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.fairness.dif import dif
from instrument.errors import ToolkitWarning

SLOPES = np.array([1.6, 1.3, 1.7, 2.1, 1.1, 1.5, 1.8, 1.4])
CUTS = np.array([-1.5, -0.5, 0.4, 1.3])
ITEMS = list("abcdefgh")


def drawn(
    rng: np.random.Generator, n: int, impact: float, shift: float, slope: float
) -> tuple[pd.DataFrame, np.ndarray]:
    """Eight graded items of two groups of n/2; the second lies `impact` higher, item `a` differs for it."""
    second = np.arange(n) % 2 == 1
    theta = rng.standard_normal(n) + impact * second
    slopes, hard = SLOPES[:, None] * np.ones(n), np.zeros((8, n))
    slopes[0] *= np.where(second, slope, 1.0)
    hard[0] = np.where(second, shift, 0.0)
    above = 1 / (1 + np.exp(-slopes[..., None] * (theta[None, :, None] - CUTS - hard[..., None])))
    codes = 1 + (rng.random((8, n, 1)) < above).sum(axis=2)
    return pd.DataFrame(codes.T, columns=ITEMS), np.where(second, "second", "first")


def rates(
    samples: int, n: int = 800, impact: float = 0.0, shift: float = 0.0, slope: float = 1.0, **options: Any
) -> dict[str, float]:
    """Shares over samples: item `a` found or flagged, the other seven items found or flagged."""
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(samples):
        answers, group = drawn(rng, n, impact, shift, slope)
        with warnings.catch_warnings():
            # A search for anchors that wanders is part of what is studied.
            warnings.simplefilter("ignore", ToolkitWarning)
            table = dif(answers, group, **options).table
        flagged = table["flag"].isin(["moderate", "large"])
        rows.append(
            {
                "found": table.loc["a", "p_adjusted_total"] < 0.05,
                "nonuniform": table.loc["a", "p_adjusted_nonuniform"] < 0.05,
                "flagged": flagged["a"],
                "others_p": (table["p_total"].iloc[1:] < 0.05).mean(),
                "others_found": (table["p_adjusted_total"].iloc[1:] < 0.05).any(),
                "others_flagged": flagged.iloc[1:].mean(),
                "change": table.loc["a", "nagelkerke_total"],
                "points": table.loc["a", "signed_difference"],
            }
        )
    return {str(name): float(value) for name, value in pd.DataFrame(rows).astype(float).mean().items()}


@pytest.mark.slow
@pytest.mark.parametrize("matching", ["theta", "total"])
@pytest.mark.parametrize("impact", [0.0, 0.5])
def test_without_dif_hardly_anything_is_flagged(matching: str, impact: float) -> None:
    found = rates(100, impact=impact, matching=matching)
    # 700 items: 3.3 binomial standard errors of 5 % are 2.7 %.
    assert found["others_p"] == pytest.approx(0.05, abs=0.027)
    assert found["others_found"] <= 0.05 + 0.072
    assert found["others_flagged"] == found["flagged"] == 0


@pytest.mark.slow
def test_the_rest_score_is_misled_by_groups_of_unlike_means() -> None:
    assert rates(60, impact=0.5, matching="rest")["others_p"] > 0.09
    assert rates(60, impact=0.0, matching="rest")["others_p"] < 0.09


@pytest.mark.slow
@pytest.mark.parametrize("matching", ["theta", "total"])
def test_a_shift_is_found_and_does_not_taint_the_others(matching: str) -> None:
    half = rates(60, impact=0.5, shift=0.5, matching=matching)
    assert half["found"] > 0.9
    assert half["others_p"] == pytest.approx(0.05, abs=0.035)
    assert half["points"] < -0.2
    whole = rates(60, shift=1.0, matching=matching)
    assert whole["found"] > 0.99
    assert whole["flagged"] > 0.9
    assert whole["others_flagged"] == 0


@pytest.mark.slow
def test_a_flat_item_is_seen_by_the_rest_score_alone() -> None:
    # The matching score of `total` and `theta` holds the item itself, which hides its slope.
    assert rates(60, n=1600, slope=0.25, matching="rest")["nonuniform"] > 0.6
    assert rates(60, n=1600, slope=0.25, matching="total")["nonuniform"] < 0.2
