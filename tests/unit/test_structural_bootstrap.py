"""Bootstrap of fitted models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.inference.bootstrap_model import bootstrap_model
from analysis.structural.models import cfa

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv")
L = pd.read_csv(DATA / "likert.csv")


def test_bootstrap_agrees_with_the_sandwich():
    result = cfa("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6", C, "MLR")
    found = bootstrap_model(result, draws=200, seed=4)
    free = result.parameters["se"] > 0
    ratio = found.table["se"][free] / result.parameters["se"][free]
    # 200 draws give a standard deviation within 5 percent, one standard error; four of them here
    assert np.abs(ratio - 1).max() < 0.25
    inside = (found.table["ci_lower"] <= found.table["est"]) & (found.table["est"] <= found.table["ci_upper"])
    assert inside.all()
    assert found.n_failed == 0
    assert (found.table["se"][~free] == 0).all()


def test_the_seed_decides_the_draws():
    result = cfa("a =~ q1 + q2 + q3 + q4", L)
    one, two, other = (bootstrap_model(result, draws=5, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    assert one.table["se"].to_numpy() != pytest.approx(other.table["se"].to_numpy())
