"""Pairs of ordinal items of clustered rows: correlation within clusters and covariance between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import (
    bivariate_cdf,
    bivariate_density,
    cell_differences,
    normal_density,
)
from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.ordinal_items import (
    KNOWN,
    REACH,
    ItemAtLevels,
    climb,
    log_weights,
    points_for,
)

EDGE = 0.999  # largest correlation, within and between
LEAST_CELL = 1e-15  # differences of four probabilities have no more digits
MODERATE = 0.8  # correlation up to which the points below give twelve digits
ANGLES = np.polynomial.legendre.leggauss(14)
CHUNK = 3_000_000  # entries of clusters times points at once


@dataclass(frozen=True, slots=True, eq=False)
class PairAtLevels:
    """One pair: correlation within, covariance between, and each cluster's part in their errors, (J, 2)."""

    within: float
    between: float
    influence: Array
    converged: bool
    at_edge: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes:
    """Points of two independent standard normal variables."""

    first: Array
    second: Array
    log_weight: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Chances of the cells at every point, and their derivatives; items are p (rows) and q (columns)."""

    chance: Array  # (n, cells)
    by_within: Array  # by the correlation within
    moved_p: Array  # by the part between of p, negative
    moved_q: Array
    edge_p: Array  # by each threshold of p: what the category below it gains, (n, K_p, C_q)
    edge_q: Array  # (n, C_p, K_q)


def nodes_for(precision: float) -> _Nodes:
    """Points on a grid within a circle."""
    z = points_for(precision)
    first, second = (m.ravel() for m in np.meshgrid(z, z, indexing="ij"))
    squares = first**2 + second**2
    inside = squares <= (REACH + 0.1) ** 2
    return _Nodes(first[inside], second[inside], log_weights(squares[inside]))


def pair_at_levels(
    p: ItemAtLevels, q: ItemAtLevels, counts: Array, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate a pair given thresholds and variances of both items.

    Parameters
    ----------
    p, q
        The items, already estimated.
    counts
        Rows in every cell of the pair, shape (J, C_p, C_q).
    start
        Correlations within and between to start from.
    """
    most = float(counts.sum(axis=(1, 2)).max())
    nodes = nodes_for(1.0 + KNOWN * most * (p.variance + q.variance / 2.0))
    flat = counts.reshape(len(counts), -1)
    unit = np.sqrt(p.variance * q.variance)

    def evaluate(x: Array) -> tuple[float, Array]:
        within, between = np.tanh(x)
        value, scores, _ = _pair_scores(within, between, p, q, flat, nodes, everything=False)
        return value, scores * np.array([1.0 - within**2, unit * (1.0 - between**2)])

    limit = np.arctanh(EDGE)
    peak = climb(evaluate, np.arctanh(np.clip(start, -0.9, 0.9)), np.array([limit, limit]))
    within, between = np.tanh(peak.x)
    _, scores, first = _pair_scores(within, between, p, q, flat, nodes, everything=True)
    cross = scores.T @ first
    rest = scores - np.hstack([p.influence, q.influence]) @ cross.T
    influence = np.linalg.lstsq(scores.T @ scores, rest.T, rcond=1e-14)[0].T
    at_edge = bool((np.abs([within, between]) >= EDGE - 1e-9).any())
    return PairAtLevels(float(within), float(between * unit), influence, peak.converged, at_edge)


def cell_counts(codes: Array, clusters: Ints, n_clusters: int, sizes: tuple[int, int]) -> Array:
    """Count rows of every cluster in every cell of a pair; shape (J, C_p, C_q).

    Parameters
    ----------
    codes
        Of both items, NaN where unanswered, shape (N, 2).
    clusters
        Codes of clusters.
    n_clusters
        J.
    sizes
        Categories of both items.
    """
    seen = ~np.isnan(codes).any(axis=1)
    one, two = codes[seen].astype(np.int64).T
    place = (clusters[seen] * sizes[0] + one) * sizes[1] + two
    length = n_clusters * sizes[0] * sizes[1]
    return np.bincount(place, minlength=length).astype(float).reshape(n_clusters, *sizes)


def _pair_scores(
    within: float,
    between: float,
    p: ItemAtLevels,
    q: ItemAtLevels,
    flat: Array,
    nodes: _Nodes,
    *,
    everything: bool,
) -> tuple[float, Array, Array]:
    """Log-likelihood, scores by (correlation within, covariance between), and by what is held: p, then q.

    The parts between are v_p = s_p z_1 and v_q = a z_1 + b z_2, with a = s_pq / s_p and a^2 + b^2 = s_q^2.
    """
    spread_p, spread_q = np.sqrt(p.variance), np.sqrt(q.variance)
    a, b = between * spread_q, spread_q * np.sqrt(1.0 - between**2)
    cells = _cells_at(
        p.thresholds[None, :] - (spread_p * nodes.first)[:, None],
        q.thresholds[None, :] - (a * nodes.first + b * nodes.second)[:, None],
        within,
        everything=everything,
    )
    log_chance = np.log(cells.chance).T
    by_between = nodes.first / spread_p - nodes.second * a / (spread_p * b)
    slopes = [cells.by_within, -cells.moved_q * by_between[:, None]]
    if everything:  # by the variances of p and of q
        along = (nodes.second * a**2 / b - nodes.first * a) / (2.0 * p.variance)
        of_p = cells.moved_p * (nodes.first / (2.0 * spread_p))[:, None]
        slopes += [
            -of_p - cells.moved_q * along[:, None],
            -cells.moved_q * (nodes.second / (2.0 * b))[:, None],
        ]
    n_slopes = len(slopes)
    whole = np.hstack([slope / cells.chance for slope in slopes])
    value = 0.0
    scores = np.empty((len(flat), n_slopes))
    k_p, k_q = len(p.thresholds), len(q.thresholds)
    first = np.empty((len(flat), k_p + k_q + 2)) if everything else np.empty((0, 0))
    rows = max(CHUNK // len(nodes.first), 1)
    for low in range(0, len(flat), rows):
        part = slice(low, low + rows)
        own = flat[part]
        joint = own @ log_chance
        joint += nodes.log_weight
        top = joint.max(axis=1)
        joint -= top[:, None]
        np.exp(joint, out=joint)
        total = joint.sum(axis=1)
        value += float((top + np.log(total)).sum())
        weighed = own / total[:, None]
        expected = (joint @ whole).reshape(len(own), n_slopes, -1)
        scores[part] = np.einsum("jc,jkc->jk", weighed, expected)
        if everything:
            by_p, by_q = _by_thresholds(joint, weighed, cells, k_p, k_q)
            first[part] = np.hstack([by_p, scores[part, 2:3], by_q, scores[part, 3:4]])
    return value, scores[:, :2], first


def _by_thresholds(posterior: Array, own: Array, cells: _Cells, k_p: int, k_q: int) -> tuple[Array, Array]:
    """Scores by the thresholds of both items."""
    n, j = len(cells.chance), len(own)
    chance = cells.chance.reshape(n, k_p + 1, k_q + 1)
    counts = own.reshape(j, k_p + 1, k_q + 1)

    def weighed(ratio: Array) -> Array:
        return (posterior @ ratio.reshape(n, -1)).reshape(j, *ratio.shape[1:])

    by_p = counts[:, :-1] * weighed(cells.edge_p / chance[:, :-1])
    by_p -= counts[:, 1:] * weighed(cells.edge_p / chance[:, 1:])
    by_q = counts[:, :, :-1] * weighed(cells.edge_q / chance[:, :, :-1])
    by_q -= counts[:, :, 1:] * weighed(cells.edge_q / chance[:, :, 1:])
    return by_p.sum(axis=2), by_q.sum(axis=1)


def _below(h: Array, k: Array, rho: float) -> Array:
    """P(X <= h, Y <= k) for all pairs of limits at a point, (n, K_p, K_q).

    Up to a moderate correlation r = sin(u) is integrated from 0 (Drezner & Wesolowsky 1990,
    doi 10.1080/00949659008811236), which takes a third of the time of the general function.
    """
    first, second = h[:, :, None].astype(np.float64), k[:, None, :].astype(np.float64)
    if abs(rho) > MODERATE:
        return bivariate_cdf(first, second, np.array(rho))
    whole = np.arcsin(rho)
    total = np.zeros((len(h), h.shape[1], k.shape[1]))
    product, squares = first * second, 0.5 * (first * first + second * second)
    for place, weight in zip(*ANGLES, strict=True):
        sine = np.sin(0.5 * whole * (1.0 + place))
        total += weight * np.exp((product * sine - squares) / (1.0 - sine * sine))
    return np.asarray(ndtr(first) * ndtr(second) + total * whole / (4.0 * np.pi))


def _cells_at(limits_p: Array, limits_q: Array, rho: float, *, everything: bool) -> _Cells:
    """Chances of cells between limits of p, (n, K_p), and of q, (n, K_q)."""
    h, k = limits_p.astype(np.float64), limits_q.astype(np.float64)
    n, k_p, k_q = len(h), h.shape[1], k.shape[1]
    grid = np.zeros((n, k_p + 2, k_q + 2))
    grid[:, 1:-1, 1:-1] = _below(h, k, rho)
    grid[:, 1:-1, -1], grid[:, -1, 1:-1], grid[:, -1, -1] = ndtr(h), ndtr(k), 1.0
    chance = np.maximum(cell_differences(grid), LEAST_CELL)
    turned = np.zeros_like(grid)
    turned[:, 1:-1, 1:-1] = bivariate_density(h[:, :, None], k[:, None, :], np.array(rho))
    root = np.sqrt(1.0 - rho * rho)
    edge_q = normal_density(k)[:, None, :] * np.diff(
        ndtr((h[:, :, None] - rho * k[:, None, :]) / root), axis=1, prepend=0.0, append=1.0
    )
    moved_q = np.diff(edge_q, axis=2, prepend=0.0, append=0.0)
    edge_p, moved_p = np.empty((0, 0, 0)), np.empty((0, 0, 0))
    if everything:
        edge_p = normal_density(h)[:, :, None] * np.diff(
            ndtr((k[:, None, :] - rho * h[:, :, None]) / root), axis=2, prepend=0.0, append=1.0
        )
        moved_p = np.diff(edge_p, axis=1, prepend=0.0, append=0.0)
    return _Cells(
        chance.reshape(n, -1),
        cell_differences(turned).reshape(n, -1),
        moved_p.reshape(n, -1),
        moved_q.reshape(n, -1),
        edge_p,
        edge_q,
    )
