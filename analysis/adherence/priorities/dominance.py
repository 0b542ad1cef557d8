"""General dominance: how much each predictor adds to the explained variance, averaged over all models."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.chain.drawn_moments import drawn_covariances, percentile_limits
from analysis.adherence.models.clusters import Clusters

Floats = NDArray[np.float64]
MOST_PREDICTORS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Dominance:
    """Weights, shape (k,), with percentile limits, and what they add up to.

    `draws` has one row per bootstrap sample, so differences between weights have intervals too.
    """

    weights: Floats
    lower: Floats
    upper: Floats
    draws: Floats
    explained: float

    @property
    def shares(self) -> Floats:
        """Weights as shares of what all predictors explain together."""
        return self.weights / self.explained


def general_dominance(
    predictors: Floats,
    outcome: Floats,
    held: Floats | None = None,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 1,
    clusters: Clusters | None = None,
) -> Dominance:
    """Average what each predictor adds to R² over all subsets of the others.

    Parameters
    ----------
    predictors : array, shape (n, k)
        Compared with each other.
    outcome : array, shape (n,)
        Outcome.
    held : array, shape (n, p), optional
        Columns that are in every model.
    level
        Level of the percentile intervals.
    draws, seed
        Bootstrap samples of persons, and their seed.
    clusters
        Whole clusters are drawn; None draws persons.

    Returns
    -------
    Dominance
        Weights that add up to the R² of all predictors beyond the held columns.

    Notes
    -----
    With `R²(S)` of the linear model on subset `S` and the held columns, the weight of `j` is
    `mean over sizes s = 0 … k−1 of mean over |S| = s, j ∉ S of R²(S ∪ j) − R²(S)`. Contributions cannot be
    negative in a sample, so weights of weak predictors are overestimated in small samples, and their
    intervals do not reach zero.

    References
    ----------
    Budescu (1993), doi 10.1037/0033-2909.114.3.542. Azen & Budescu (2003), doi 10.1037/1082-989X.8.2.129.
    In R: `lm` on every subset, averaged by hand.
    """
    parts = [outcome[:, None], *([] if held is None else [held]), predictors]
    table = np.column_stack(parts)
    k = predictors.shape[1]
    weights = _weights(np.cov(table, rowvar=False)[None], k)[0]
    found = _weights(drawn_covariances(table, draws, seed, clusters), k)
    lower, upper = percentile_limits(found, level)
    return Dominance(weights=weights, lower=lower, upper=upper, draws=found, explained=float(weights.sum()))


def _weights(covariances: Floats, k: int) -> Floats:
    """General dominance of the last k columns for the first, those between always held; shape (draws, k)."""
    total = covariances[:, 0, 0]
    left = _without(covariances, covariances.shape[1] - 1 - k)
    explained = {
        subset: _explained(left, subset) for s in range(k + 1) for subset in combinations(range(k), s)
    }
    weights = np.zeros((len(covariances), k))
    for subset, value in explained.items():
        for j in subset:
            smaller = tuple(i for i in subset if i != j)
            weights[:, j] += (value - explained[smaller]) / (k * comb(k - 1, len(smaller)))
    return weights / total[:, None]


def _without(covariances: Floats, held: int) -> Floats:
    """Covariances of outcome and predictors after the held columns are taken out of both."""
    if held == 0:
        return covariances
    inside = slice(1, 1 + held)
    outside = [0, *range(1 + held, covariances.shape[1])]
    cross = covariances[:, outside, inside]
    slopes = np.linalg.solve(covariances[:, inside, inside], cross.transpose(0, 2, 1))
    return covariances[:, outside][:, :, outside] - cross @ slopes


def _explained(covariances: Floats, subset: tuple[int, ...]) -> Floats:
    """Variance of the outcome explained by a subset, shape (draws,)."""
    if not subset:
        return np.zeros(len(covariances))
    at = [1 + j for j in subset]
    cross = covariances[:, at, 0]
    solved = np.linalg.solve(covariances[:, at][:, :, at], cross[:, :, None])[:, :, 0]
    return np.asarray((cross * solved).sum(axis=1))
