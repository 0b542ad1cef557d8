"""Dynamic cut-offs against the authors' published one-factor example.

Standardised loadings, n and cut-offs of the extraversion example are those of the authors' tutorial
(https://melissagwolf.github.io/dynamic-book, chapters on the model statement and on reporting; `cfaOne` of
the R package dynamic 1.1.0). The answers are not needed: cut-offs depend on the loadings and on n only.
"""

import numpy as np
import pandas as pd
import pytest

from analysis.structural.dynamic import dynamic_cutoffs
from analysis.structural.models import cfa

LOADINGS = np.array([0.671, -0.705, 0.704, -0.702, 0.750, -0.572, 0.744, -0.514, 0.605, -0.703])
N = 1222
PUBLISHED = {"srmr": (0.025, 0.037, 0.043), "rmsea": (0.040, 0.075, 0.095), "cfi": (0.986, 0.953, 0.928)}

# 0.0005 of rounding, and a standard error of about 0.0004 of a 5 % quantile of 500 draws on either side
TOLERANCE = 0.0015
# statistic, program, tolerance: the README's table is made of these
COMPARED = [("Dynamic cut-offs of fit indices, one-factor example", "dynamic 1.1.0 (published)", TOLERANCE)]


def test_the_published_example():
    covariance = np.outer(LOADINGS, LOADINGS)
    np.fill_diagonal(covariance, 1.0)
    rows = np.random.default_rng(1).normal(size=(N, 10))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(rows.T @ rows / N)).T @ np.linalg.cholesky(covariance).T
    items = pd.DataFrame(rows, columns=[f"e{k}" for k in range(1, 11)])
    found = dynamic_cutoffs(cfa("f =~ " + " + ".join(items), items, "ML"), replications=500)
    table = found.table.pivot(index="level", columns="index", values="cutoff")
    for index, published in PUBLISHED.items():
        assert table[index].to_numpy() == pytest.approx(np.array(published), abs=TOLERANCE)
