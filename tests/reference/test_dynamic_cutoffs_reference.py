"""Dynamic cut-offs against the authors' published one-factor example, and against a simulation with lavaan.

Standardised loadings, n and cut-offs of the extraversion example are those of the authors' tutorial
(https://melissagwolf.github.io/dynamic-book, chapters on the model statement and on reporting; `cfaOne` of
the R package dynamic 1.1.0). The answers are not needed: cut-offs depend on the loadings and on n only.

The three-factor populations are this toolkit's reading of the method, drawn and fitted by lavaan: script
`scripts/dynamic_cutoffs.R`.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.inference.dynamic_cutoffs import dynamic_cutoffs
from analysis.structural.models import cfa

LOADINGS = np.array([0.671, -0.705, 0.704, -0.702, 0.750, -0.572, 0.744, -0.514, 0.605, -0.703])
N = 1222
PUBLISHED = {"srmr": (0.025, 0.037, 0.043), "rmsea": (0.040, 0.075, 0.095), "cfi": (0.986, 0.953, 0.928)}
LAVAAN = json.loads((Path(__file__).parent / "values" / "dynamic_cutoffs.json").read_text())
THREE = "a =~ x1 + x2 + x3 + x4\nb =~ x5 + x6 + x7 + x8\nc =~ x9 + x10 + x11 + x12"

# 0.0005 of rounding, and a standard error of about 0.0004 of a 5 % quantile of 500 draws on either side
TOLERANCE = 0.0015
# 5 % quantiles of 1,000 draws on either side: where n = 300 their standard errors are about 0.0004 (srmr),
# 0.0010 (rmsea) and 0.0015 (cfi) each; two of the difference for the cfi, more for the others
SIMULATED = 0.004
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    ("Dynamic cut-offs of fit indices, one-factor example", "dynamic 1.1.0 (published)", TOLERANCE),
    ("Dynamic cut-offs of fit indices, three factors", "simulation with lavaan 0.6-14", SIMULATED),
]


def exact(covariance: np.ndarray, n: int, name: str) -> pd.DataFrame:
    """Rows whose covariance (divisor n) is the given matrix."""
    rows = np.random.default_rng(1).normal(size=(n, len(covariance)))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(rows.T @ rows / n)).T @ np.linalg.cholesky(covariance).T
    return pd.DataFrame(rows, columns=[f"{name}{k + 1}" for k in range(len(covariance))])


def test_the_published_example():
    covariance = np.outer(LOADINGS, LOADINGS)
    np.fill_diagonal(covariance, 1.0)
    items = exact(covariance, N, "e")
    found = dynamic_cutoffs(cfa("f =~ " + " + ".join(items), items, "ML"), replications=500)
    table = found.table.pivot(index="level", columns="index", values="cutoff")
    for index, published in PUBLISHED.items():
        assert table[index].to_numpy() == pytest.approx(np.array(published), abs=TOLERANCE)


def test_three_factors_as_simulated_with_lavaan():
    pattern = np.zeros((12, 3))
    pattern[np.arange(12), np.repeat([0, 1, 2], 4)] = LAVAAN["loadings"]
    covariance = pattern @ np.array(LAVAAN["factors"]) @ pattern.T
    np.fill_diagonal(covariance, 1.0)
    fit = cfa(THREE, exact(covariance, LAVAAN["n"], "x"), "ML")
    found = dynamic_cutoffs(fit, replications=LAVAAN["replications"]).table.set_index(["level", "index"])
    assert LAVAAN["not_converged"] == [0, 0, 0]
    for level, wrong in enumerate(LAVAAN["wrong"], 1):
        for index in ("srmr", "rmsea", "cfi"):
            row = found.loc[(level, index)]
            assert row["correct"] == pytest.approx(LAVAAN["correct"][index], abs=SIMULATED)
            assert row["wrong"] == pytest.approx(wrong[index], abs=SIMULATED)
            # every one of lavaan's limits keeps right and wrong apart
            assert row["rule"] == "95/5"
