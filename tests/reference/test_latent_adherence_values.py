"""Latent, observed and corrected slopes of later use against lavaan, boot and linear algebra in R."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.latent.after_measurement import Slope, latent_slope
from analysis.adherence.latent.attenuation import corrected_slope, observed_slope
from analysis.structural.models import cfa

HERE = Path(__file__).parent
TABLE = HERE / "data" / "latent_adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "latent_adherence.json").read_text(encoding="utf-8"))
ITEMS = [f"q{k}" for k in range(1, 10)]
# Loadings and polyserials of both sides stop at about 1e-7; the slope carries that.
STEPWISE = 1e-6
# R differentiates by weights of 1 + 1e-6, which leaves eight digits.
JACKKNIFE = 1e-6
COMPARED = [
    ("Latent effect on later use, structure after measurement", "R lavaan cfa, lavCor", STEPWISE),
    ("Observed and reliability-corrected effect on later use, standard errors", "R boot", JACKKNIFE),
]
MODELS = {
    "one": ("f =~ " + " + ".join(ITEMS[:6]), "f", ITEMS[:6]),
    "two": ("a =~ q1 + q2 + q3\nb =~ q4 + q5 + q6\nc =~ q7 + q8 + q9\ng =~ a + b + c", "g", ITEMS),
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(TABLE)


@pytest.fixture(scope="module")
def later(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["done"].to_numpy(float), table[["before", "distress"]].to_numpy(float)


def close(found: Slope, wanted: dict[str, list[float]], names: list[str], tolerance: float) -> None:
    assert set(names) <= set(wanted)
    for name in names:
        assert getattr(found, name) == pytest.approx(wanted[name][0], rel=tolerance), name


def test_the_values_belong_to_the_committed_table() -> None:
    assert VALUES["meta"]["md5"] == [hashlib.md5(TABLE.read_bytes()).hexdigest()]
    assert set(VALUES) == {"meta", "observed", "items", "themes", "one", "two", "joint"}


def test_slopes_of_scores(table: pd.DataFrame, later: tuple[np.ndarray, np.ndarray]) -> None:
    answers = table[ITEMS].to_numpy(float)
    score, themes = answers.mean(axis=1), answers.reshape(-1, 3, 3).mean(axis=2)
    names = ["estimate", "standardized", "reliability", "se", "standardized_se"]
    close(observed_slope(score, *later), VALUES["observed"], names, JACKKNIFE)
    close(corrected_slope(score, answers, *later), VALUES["items"], names, JACKKNIFE)
    close(corrected_slope(score, themes, *later), VALUES["themes"], names, JACKKNIFE)


@pytest.mark.parametrize("node", MODELS)
def test_latent_slopes(node: str, table: pd.DataFrame, later: tuple[np.ndarray, np.ndarray]) -> None:
    model, focal, items = MODELS[node]
    found = latent_slope(cfa(model, table[items], std_lv=True)._fitted, focal, *later)
    close(found, VALUES[node], ["estimate", "standardized", "reliability"], STEPWISE)


def test_two_steps_stay_near_the_one_step_estimate(
    table: pd.DataFrame, later: tuple[np.ndarray, np.ndarray]
) -> None:
    """Both are consistent; the joint fit weights residuals of the structural part too.

    The joint standard error rests on a normal outcome; ours does not, and sessions pile up at 0 and 8.
    """
    model, focal, items = MODELS["one"]
    found = latent_slope(cfa(model, table[items], std_lv=True)._fitted, focal, *later)
    assert found.estimate == pytest.approx(VALUES["joint"]["estimate"][0], rel=0.01)
    assert found.se == pytest.approx(VALUES["joint"]["se"][0], rel=0.15)
