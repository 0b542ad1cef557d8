"""Careless-response indices against textbook definitions written out in R (values/careless.json)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.screening import kernels

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "careless.json").read_text())
ITEMS = [f"q{i}" for i in range(1, 13)]
# Sums and one matrix inverse in double precision.
EXACT = 1e-9
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Careless-response indices", "definitions written out in R", EXACT),
]


def answers(name: str) -> np.ndarray:
    assert hashlib.md5((HERE / "data" / name).read_bytes()).hexdigest() == VALUES["meta"]["md5"][name]
    return pd.read_csv(HERE / "data" / name)[ITEMS].to_numpy(dtype=float)


def wanted(node: str, name: str) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in VALUES[node][name]], dtype=float)


@pytest.mark.parametrize(("node", "name"), [("complete", "likert.csv"), ("missing", "likert_missing.csv")])
def test_every_index(node: str, name: str) -> None:
    raw = answers(name)
    keyed = raw.copy()
    keyed[:, [3, 8]] = 6 - keyed[:, [3, 8]]
    runs = kernels.runs_of_identical_answers(raw)
    distances = kernels.mahalanobis_distances(raw)
    assert distances is not None
    found = {
        "longstring": runs.longest,
        "average_string": runs.average,
        "irv": kernels.individual_variability(raw),
        "mahalanobis": distances.squared,
        "mahalanobis_df": distances.df,
        "mahalanobis_p": distances.pvalue,
        "even_odd": kernels.even_odd_consistency(keyed, [range(0, 4), range(4, 8), range(8, 12)]),
    }
    assert set(VALUES[node]) == set(found)
    for index, values in found.items():
        target = wanted(node, index)
        assert np.isfinite(target).mean() > 0.85, index
        np.testing.assert_allclose(values, target, rtol=EXACT, atol=EXACT, err_msg=index, equal_nan=True)
