"""Tetrads: differences of products of correlations that vanish where one common cause stands behind items."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import chi2, norm

from analysis.structural.estimation.ram import Array, Ints


@dataclass(frozen=True, slots=True)
class TetradTests:
    """All tetrads of a set of items.

    Attributes
    ----------
    items
        The four items g, h, i, j of each, shape (n_tetrads, 4); the tetrad is r_gh r_ij − r_gi r_hj.
    value, se, pvalue
        Shape (n_tetrads,).
    chisq, df, joint
        Test of all together: a statistic with as many (fractional) degrees of freedom, and its p.
    """

    items: Ints
    value: Array
    se: Array
    pvalue: Array
    chisq: float
    df: float
    joint: float


def tetrad_tests(correlations: Array, gamma: Array, n: float) -> TetradTests:
    """Test whether tetrads vanish, each alone and all together.

    Parameters
    ----------
    correlations
        Shape (p, p), p ≥ 4.
    gamma
        Asymptotic covariance, times n, of the correlations below the diagonal, column by column.
    n
        Persons.

    Notes
    -----
    With D the derivatives of the tetrads t by the correlations, cov(t) = DΓD'/n. All together: n t't has,
    where all vanish, expectation a = tr(DΓD') and variance 2b, b = tr((DΓD')²); n t't a / b is referred to
    chi-square with a²/b degrees of freedom, so that no set of independent tetrads has to be chosen.
    """
    p = len(correlations)
    four = np.array(list(combinations(range(p), 4)), dtype=np.int64)
    a, b, c, d = four.T
    # the three tetrads of four items: ab·cd − ac·bd, ab·cd − ad·bc, ac·bd − ad·bc
    items = np.concatenate([four, np.stack([a, b, d, c], 1), np.stack([a, c, d, b], 1)])
    g, h, i, j = items.T
    r = correlations
    value = r[g, h] * r[i, j] - r[g, i] * r[h, j]
    place = np.zeros((p, p), dtype=np.int64)
    row, column = np.triu_indices(p, 1)
    place[row, column] = place[column, row] = np.arange(len(row))
    by = np.zeros((len(items), len(row)))
    at = np.arange(len(items))
    products = [((g, h), (i, j), 1.0), ((i, j), (g, h), 1.0), ((g, i), (h, j), -1.0), ((h, j), (g, i), -1.0)]
    for one, other, sign in products:
        by[at, place[one]] += sign * r[other]
    moved = by @ gamma
    se = np.sqrt(np.maximum(np.einsum("ij,ij->i", moved, by), 0.0) / n)
    inner = gamma @ (by.T @ by)
    first, second = float(np.trace(inner)), float(np.sum(inner * inner.T))
    df = first**2 / second
    chisq = n * float(value @ value) * first / second
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(se > 0, value / se, 0.0)
    return TetradTests(items, value, se, 2.0 * norm.sf(np.abs(z)), chisq, df, float(chi2.sf(chisq, df)))
