"""Importance of several scores, comparable across models, and dominance weights against R."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.priorities.dominance import general_dominance
from analysis.adherence.priorities.several_scores import (
    compare_with_mean,
    joint_effects,
    separate_effects,
    standardized,
)

HERE = Path(__file__).parent
TABLE = HERE / "data" / "latent_adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "priorities.json").read_text(encoding="utf-8"))
# The gradient of the effects is differentiated numerically in R, which leaves eight digits or so.
TOLERANCE = 1e-6
# Sums of squares on both sides.
EXACT = 1e-10
COMPARED = [
    ("Effects of several scores on later use, alone and together", "R glm(quasibinomial)", TOLERANCE),
    (
        "Covariance of effects across models, differences from their mean",
        "R glm, sandwich by hand",
        TOLERANCE,
    ),
    ("General dominance weights", "R lm on every subset", EXACT),
]
Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def parts() -> Parts:
    table = pd.read_csv(TABLE)
    themes = table[[f"q{k}" for k in range(1, 10)]].to_numpy(float).reshape(-1, 3, 3).mean(axis=2)
    held = standardized(table[["before", "distress"]].to_numpy(float))
    return themes, held, table["done"].to_numpy(float), np.full(len(table), 8.0)


def agree(found: Any, wanted: dict[str, Any], tolerance: float) -> None:
    for name, value in wanted.items():
        mine, theirs = np.atleast_1d(getattr(found, name)), np.atleast_1d(np.squeeze(value))
        assert mine.shape == theirs.shape, name
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=0, err_msg=name)


def test_the_values_belong_to_the_committed_table() -> None:
    assert VALUES["meta"]["md5"] == [hashlib.md5(TABLE.read_bytes()).hexdigest()]
    assert set(VALUES) == {"meta", "alone", "joint", "comparison", "dominance"}


def test_effects_alone_and_their_covariance(parts: Parts) -> None:
    agree(separate_effects(*parts), VALUES["alone"], TOLERANCE)


def test_effects_together(parts: Parts) -> None:
    agree(joint_effects(*parts), VALUES["joint"], TOLERANCE)


def test_differences_from_the_mean(parts: Parts) -> None:
    alone = separate_effects(*parts)
    agree(compare_with_mean(alone.estimate, alone.covariance, alone.df), VALUES["comparison"], TOLERANCE)


def test_dominance(parts: Parts) -> None:
    themes, held, done, _ = parts
    agree(general_dominance(themes, done, held, draws=20), VALUES["dominance"], EXACT)
