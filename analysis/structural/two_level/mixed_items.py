"""Variables beside ordinal items of both levels: continuous ones, and those that stand at one level only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.ordinal_items import (
    FLAT,
    LEAST_CELL,
    ItemAtLevels,
    chance_between,
    climb,
    density,
)

TINY = 1e-30  # imaginary step: derivatives without a difference
NEARLY_NONE = 0.05  # standard deviation between, of that within, below which it is asked whether there is any
OUT_OF_REACH = 40.0  # limit beyond which a normal variable has no chance

Complex = Callable[[Any], Any]  # of real or complex parameters


def slopes_of(value: Complex, x: Array, chosen: list[int] | None = None) -> Array:
    """Derivatives of numbers by parameters through an imaginary step, shape (units, parameters).

    Parameters
    ----------
    value
        Analytic function of complex parameters.
    x
        Parameters.
    chosen
        Which of them; all unless given.

    References
    ----------
    Squire, W., & Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM
    Review, 40(1), 110-112. https://doi.org/10.1137/S003614459631241X
    """
    columns = []
    for k in range(len(x)) if chosen is None else chosen:
        moved: Any = x.astype(np.complex128)
        moved[k] += 1j * TINY
        columns.append(value(moved).imag / TINY)
    return np.array(columns).T


def curvature_of(scores: Callable[[Array], Array], x: Array, scale: Array) -> Array:
    """Negative derivatives of summed scores, by central differences, shape (scores, parameters)."""
    step = 1e-5 * scale
    found = []
    for k, own in enumerate(step):
        ways = [scores(x + sign * own * np.eye(len(x))[k]).sum(axis=0) for sign in (1.0, -1.0)]
        found.append((ways[1] - ways[0]) / (2.0 * own))
    return np.array(found).T


def summed(values: Array, units: Ints, n_units: int) -> Array:
    """Sum rows of each unit, complex numbers too."""
    found = np.zeros((n_units, *values.shape[1:]), dtype=values.dtype)
    np.add.at(found, units, values)
    return found


def normal_log_likelihood(
    mean: Array, slopes: Array, inner: Array, outer: Array, y: Array, x: Array, clusters: Ints, size: Array
) -> Array:
    """Log-likelihood of every cluster of a normal variable with parts within and between."""
    left = y - mean - x @ slopes
    distance = summed(left, clusters, len(size)) / size
    scatter = summed((left - distance[clusters]) ** 2, clusters, len(size))
    spread = outer + inner / size
    own = (size - 1.0) * np.log(inner) + scatter / inner
    return np.asarray(-0.5 * (own + np.log(spread) + distance**2 / spread))


def normal_item(y: Array, clusters: Ints, n_clusters: int, x: Array) -> ItemAtLevels:
    """Estimate mean, slopes and both variances of a continuous variable of both levels.

    Parameters
    ----------
    y
        Values with a standard deviation near one, NaN where missing, shape (N,).
    clusters
        Codes of clusters, shape (N,).
    n_clusters
        J.
    x
        Covariates about zero, shape (N, q).

    Notes
    -----
    Influence is -H^-1 s with the observed H: it holds whether or not the variable is normal.
    """
    seen = ~np.isnan(y)
    present, own = np.unique(clusters[seen], return_inverse=True)
    size = np.bincount(own).astype(float)
    values, given = y[seen], x[seen]
    q = x.shape[1]

    def each(at: Array) -> Array:
        return normal_log_likelihood(at[0], at[1 : 1 + q], at[-2], at[-1], values, given, own, size)

    def by_deviation(at: Array) -> Array:
        return np.concatenate([at[:-2], at[-2:] ** 2])

    def evaluate(at: Array) -> tuple[float, Array]:
        if at[-2] == 0.0:
            return -np.inf, np.zeros((len(size), len(at)))
        point = by_deviation(at)
        scores = slopes_of(each, point)
        scores[:, -2:] *= 2.0 * at[-2:]
        return float(each(point).sum()), scores

    start = np.concatenate([[values.mean()], np.zeros(q), [0.8 * values.std(), 0.4 * values.std()]])
    peak = climb(evaluate, start)
    point, settled = by_deviation(peak.x), peak.converged
    if point[-1] < NEARLY_NONE**2 * point[-2]:
        edge = point.copy()
        edge[-1] = FLAT / 2.0 * point[-2]
        if slopes_of(each, edge, [q + 2]).sum() <= 0.0:
            point, settled = edge, True
    scores = slopes_of(each, point)
    bread = curvature_of(lambda at: slopes_of(each, at), point, np.ones(len(point)) * point[-2])
    influence = np.zeros((n_clusters, len(point)))
    influence[present] = np.linalg.lstsq(bread, scores.T, rcond=1e-14)[0].T
    left = values - point[0] - given @ point[1 : 1 + q]
    expected = np.zeros(n_clusters)
    expected[present] = point[-1] * np.bincount(own, left) / (point[-2] + size * point[-1])
    return ItemAtLevels(
        point[:1],
        float(point[-1]),
        influence,
        expected,
        settled,
        point[1 : 1 + q],
        ordinal=False,
        inner=float(point[-2]),
    )


def limits_of(tau: Array, codes: Array, line: Array) -> tuple[Array, Array]:
    """Limits between which the rest of a response lies, far away where there is none."""
    edges = np.concatenate([[-OUT_OF_REACH], tau, [OUT_OF_REACH]])
    code = codes.astype(np.int64)
    lower, upper = (np.clip(edges[code + k] - line, -OUT_OF_REACH, OUT_OF_REACH) for k in (0, 1))
    return lower, upper


def flat_item(values: Array, n_categories: int, x: Array, units: Ints, n_clusters: int) -> ItemAtLevels:
    """Estimate a variable of one level: rows of level 1, or clusters of level 2, as if each stood by itself.

    Scores of units make the information, sums over clusters the influence, so that errors of what stands at
    level 1 hold in clusters.

    Parameters
    ----------
    values
        Codes 0, 1, …, or numbers with a standard deviation near one, NaN where missing, shape (U,).
    n_categories
        K + 1 of an ordinal item, 0 of a continuous variable.
    x
        Covariates of its level about zero, shape (U, q).
    units
        Cluster of every unit.
    n_clusters
        J.

    Returns
    -------
    ItemAtLevels
        As of level 1 only: the caller says which level it is.
    """
    seen = ~np.isnan(values)
    y, given, own = values[seen], x[seen], units[seen]
    if not n_categories:
        design = np.column_stack([np.ones(len(y)), given])
        line = np.linalg.lstsq(design, y, rcond=None)[0]
        left = y - design @ line
        spread = float(left @ left) / len(y)
        scores = np.column_stack(
            [design * (left / spread)[:, None], (left**2 / spread - 1.0) / (2.0 * spread)]
        )
        bread = np.zeros((len(line) + 1,) * 2)
        bread[:-1, :-1], bread[-1, -1] = design.T @ design / spread, len(y) / (2.0 * spread**2)
        influence = np.linalg.lstsq(bread, summed(scores, own, n_clusters).T, rcond=1e-14)[0].T
        count = np.maximum(np.bincount(own, minlength=n_clusters), 1)
        expected = np.bincount(own, left, n_clusters) / count
        return ItemAtLevels(
            line[:1], 0.0, influence, expected, True, line[1:], ordinal=False, between=False, inner=spread
        )
    n_cuts = n_categories - 1
    share = np.cumsum(np.bincount(y.astype(np.int64), minlength=n_categories))[:-1] / len(y)

    def evaluate(at: Array) -> tuple[float, Array]:
        if np.any(np.diff(at[:n_cuts]) <= 0.0):
            return -np.inf, np.zeros((len(y), len(at)))
        chance, low, high = interval(*limits_of(at[:n_cuts], y, given @ at[n_cuts:]))
        by = by_limits(low / chance, high / chance, y, n_cuts)
        return float(np.log(chance).sum()), np.column_stack([by, ((low - high) / chance)[:, None] * given])

    peak = climb(evaluate, np.concatenate([ndtri(share), np.zeros(x.shape[1])]))
    rows = peak.scores
    influence = np.linalg.lstsq(rows.T @ rows, summed(rows, own, n_clusters).T, rcond=1e-14)[0].T
    middle = np.bincount(own, y, n_clusters) / np.maximum(np.bincount(own, minlength=n_clusters), 1)
    return ItemAtLevels(
        peak.x[:n_cuts], 0.0, influence, middle, peak.converged, peak.x[n_cuts:], between=False
    )


def interval(lower: Array, upper: Array) -> tuple[Array, Array, Array]:
    """Chance of a standard normal variable between limits, and its density at both."""
    return np.maximum(chance_between(lower, upper), LEAST_CELL), density(lower), density(upper)


def by_limits(at_lower: Array, at_upper: Array, codes: Array, n_cuts: int) -> Array:
    """Scores by thresholds from those by both limits of each unit."""
    by = np.zeros((len(codes), n_cuts))
    place, code = np.arange(len(codes)), codes.astype(np.int64)
    inner = code < n_cuts
    by[place[inner], code[inner]] += at_upper[inner]
    inner = code > 0
    by[place[inner], code[inner] - 1] -= at_lower[inner]
    return by


def at_level_two(item: ItemAtLevels) -> ItemAtLevels:
    """Take a variable of one level for one of level 2 only."""
    variance = 1.0 if item.ordinal else item.inner
    return replace(item, within=False, between=True, inner=0.0, variance=variance)


def at_level_one(item: ItemAtLevels) -> ItemAtLevels:
    """Take a variable of level 2 only for one of a single level, whose rows are the clusters."""
    inner = 1.0 if item.ordinal else item.variance
    return replace(item, within=True, between=False, inner=inner, variance=0.0)
