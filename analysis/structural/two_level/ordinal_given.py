"""Ordinal items of clustered rows given covariates: likelihoods row by row.

Limits of a row lie at the thresholds less its line x'b. Chances of two items are the tetrachoric series in
the correlation within clusters, whose terms are products of one term for each item: a row's chances at all
points of both parts between are one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr

from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.ordinal_items import (
    KNOWN,
    REACH,
    ItemAtLevels,
    climb,
    item_from,
    log_weights,
    points_for,
)
from analysis.structural.two_level.ordinal_pairs import PairAtLevels

EDGE_WITHIN, EDGE_BETWEEN = 0.98, 0.99  # largest correlations: series and grid grow without limit beyond
LEAST_CELL = 1e-12
TAIL = 1e-10  # power of the correlation at which the series ends
ALIASED = 36.0  # twice the exponent of what a grid may miss of a normal density
ROOM = 0.15  # how far a correlation may move before points and terms are planned anew
MOST_ENTRIES = 4_000_000  # of the terms of a series held at once


@dataclass(frozen=True, slots=True, eq=False)
class AlikeRows:
    """Rows of one cluster with the same covariates and answers, counted once; sorted by cluster.

    Attributes
    ----------
    cluster
        Code of each, shape (R,).
    begin
        Where each cluster that occurs begins, and which one that is.
    weight
        Rows that each stands for.
    x
        Covariates, shape (R, q).
    codes
        Answers, shape (R, items).
    """

    cluster: Ints
    begin: Ints
    present: Ints
    weight: Array
    x: Array
    codes: Ints

    def by_cluster(self, values: Array, n_clusters: int) -> Array:
        """Sum over the rows of each cluster; those without rows have zero."""
        found = np.zeros((n_clusters, *values.shape[1:]))
        found[self.present] = np.add.reduceat(values, self.begin, axis=0)
        return found


def alike(codes: Array, clusters: Ints, x: Array) -> AlikeRows:
    """Count rows that say the same.

    Parameters
    ----------
    codes
        0, 1, …, NaN where unanswered, shape (N, items); rows with a gap are left out.
    clusters
        Codes of clusters, shape (N,).
    x
        Covariates, shape (N, q).
    """
    seen = ~np.isnan(codes).any(axis=1)
    table = np.column_stack([clusters[seen], codes[seen], x[seen]])
    rows, weight = np.unique(table, axis=0, return_counts=True)
    cluster = rows[:, 0].astype(np.int64)
    present, begin = np.unique(cluster, return_index=True)
    k = codes.shape[1]
    return AlikeRows(
        cluster, begin, present, weight.astype(float), rows[:, 1 + k :], rows[:, 1 : 1 + k].astype(np.int64)
    )


def _limits(tau: Array, code: Ints, line: Array) -> tuple[Array, Array]:
    edges = np.concatenate([[-np.inf], tau, [np.inf]])
    return edges[code] - line, edges[code + 1] - line


def _between(lower: Array, upper: Array) -> Array:
    """P(lower < Z < upper) with digits in both tails."""
    turned = lower > 0.0
    low, high = np.where(turned, -upper, lower), np.where(turned, -lower, upper)
    return np.asarray(ndtr(high) - ndtr(low))


def _density(z: Array) -> Array:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))


def item_scores(
    x: Array, rows: AlikeRows, n_clusters: int, n_cuts: int, z: Array
) -> tuple[float, Array, Array]:
    """Log-likelihood, scores by (thresholds, slopes, deviation), and the expected part of each cluster.

    Parameters
    ----------
    x
        Thresholds, slopes, standard deviation between clusters.
    rows
        Answers to the item.
    n_clusters, n_cuts
        J and thresholds.
    z
        Points.
    """
    tau, slopes, deviation = x[:n_cuts], x[n_cuts:-1], x[-1]
    if np.any(np.diff(tau) <= 0.0):
        return -np.inf, np.zeros((n_clusters, len(x))), np.zeros(n_clusters)
    code = rows.codes[:, 0]
    lower, upper = (own[:, None] - deviation * z for own in _limits(tau, code, rows.x @ slopes))
    chance = np.maximum(_between(lower, upper), 1e-300)
    log_joint = rows.by_cluster(rows.weight[:, None] * np.log(chance), n_clusters) + log_weights(z**2)
    log_likelihood = logsumexp(log_joint, axis=1)
    posterior = np.exp(log_joint - log_likelihood[:, None])
    each = posterior[rows.cluster] * rows.weight[:, None] / chance
    at_upper, at_lower = each * _density(upper), each * _density(lower)
    moved = at_upper - at_lower
    by = np.zeros((len(code), len(x)))
    place = np.arange(len(code))
    inner = code < n_cuts
    by[place[inner], code[inner]] += at_upper.sum(axis=1)[inner]
    inner = code > 0
    by[place[inner], code[inner] - 1] -= at_lower.sum(axis=1)[inner]
    by[:, n_cuts:-1] = -moved.sum(axis=1)[:, None] * rows.x
    by[:, -1] = -moved @ z
    return (
        float(log_likelihood.sum()),
        rows.by_cluster(by, n_clusters),
        np.asarray(posterior @ (deviation * z)),
    )


def item_given(codes: Array, clusters: Ints, n_clusters: int, n_categories: int, x: Array) -> ItemAtLevels:
    """Estimate thresholds, slopes and the variance between clusters of one item given covariates.

    Parameters
    ----------
    codes
        0, 1, …, NaN where unanswered, shape (N,).
    clusters
        Codes of clusters, shape (N,).
    n_clusters, n_categories
        J and K + 1.
    x
        Covariates about zero, shape (N, q).
    """
    rows = alike(codes[:, None], clusters, x)
    place = rows.cluster * n_categories + rows.codes[:, 0]
    counts = np.bincount(place, rows.weight, n_clusters * n_categories).astype(np.float64)
    return item_from(
        counts.reshape(n_clusters, -1),
        lambda b, z: item_scores(b, rows, n_clusters, n_categories - 1, z),
        x.shape[1],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Points of one standardised part between, and terms of the series."""

    z: Array
    terms: int
    most: Array  # correlations within and between up to which they are close enough

    def log_weights(self, r: float) -> tuple[Array, Array]:
        """Logarithms of the weights of all pairs of points, and their derivative by r."""
        one, two = self.z[:, None], self.z[None, :]
        left = 1.0 - r * r
        weights = -0.5 * (one * one + two * two - 2.0 * r * one * two) / left
        by = ((1.0 + r * r) * one * two - r * (one * one + two * two)) / left**2
        weights = weights - logsumexp(weights)
        return weights, by - float(np.sum(np.exp(weights) * by))


def _plan(within: float, between: float, precision: float) -> _Plan:
    most = np.minimum(np.abs([within, between]) + ROOM, [EDGE_WITHIN, EDGE_BETWEEN])
    z = points_for(precision)
    widest = 2.0 * np.pi * np.sqrt(2.0 * (1.0 - most[1]) / ALIASED)
    if z[1] - z[0] > widest:
        z = np.linspace(-REACH, REACH, 2 * int(np.ceil(REACH / widest)) + 1)
    return _Plan(z, int(np.ceil(np.log(TAIL) / np.log(most[0]))) + 1, most)


def _series(lower: Array, upper: Array, terms: int) -> Array:
    """Terms of one item: differences between both limits, shape (R, points, terms)."""
    found = np.empty((*lower.shape, terms + 1))
    found[..., 0] = _between(lower, upper)
    last: list[Array] = []
    for limit, sign in ((lower, -1.0), (upper, 1.0)):
        finite = np.where(np.isfinite(limit), limit, 0.0)
        before = np.zeros_like(finite)
        now = np.where(np.isfinite(limit), _density(finite), 0.0)
        for m in range(1, terms + 1):  # Hermite polynomials over the root of their factorial, times density
            part = sign * now / np.sqrt(m)
            found[..., m] = part if sign < 0 else found[..., m] + part
            before, now = now, (finite * now - np.sqrt(m - 1.0) * before) / np.sqrt(m)
        last.append(now)
    return found


class _PairRows:
    """Rows of a pair with the limits of both items at every point."""

    def __init__(
        self, p: ItemAtLevels, q: ItemAtLevels, rows: AlikeRows, n_clusters: int, plan: _Plan
    ) -> None:
        self.rows, self.n_clusters, self.plan = rows, n_clusters, plan
        self.spread = np.sqrt([p.variance, q.variance])
        self.limits = [
            [
                own[:, None] - spread * plan.z
                for own in _limits(item.thresholds, rows.codes[:, k], rows.x @ item.slopes)
            ]
            for k, (item, spread) in enumerate(zip((p, q), self.spread, strict=True))
        ]
        size = max(MOST_ENTRIES // (len(plan.z) * (plan.terms + 1)), 1)
        self.parts = [slice(low, low + size) for low in range(0, len(rows.cluster), size)]
        self.kept: list[Array] | None = None

    def _terms(self, part: slice) -> list[Array]:
        if self.kept is not None:
            return self.kept
        found = [_series(own[0][part], own[1][part], self.plan.terms) for own in self.limits]
        if len(self.parts) == 1:
            self.kept = found
        return found

    def chances(self, within: float) -> tuple[Array, Array]:
        """Chances of the answers of each row at all pairs of points, and derivatives by the correlation."""
        n = len(self.plan.z)
        chance, by = (np.empty((len(self.rows.cluster), n, n)) for _ in range(2))
        order = np.arange(self.plan.terms + 1)
        power = float(within) ** order
        slope = order * np.concatenate([[0.0], power[:-1]])
        for part in self.parts:
            one, two = self._terms(part)
            turned = two.transpose(0, 2, 1)
            chance[part] = np.matmul(one * power, turned)
            by[part] = np.matmul(one * slope, turned)
        return np.maximum(chance, LEAST_CELL), by

    def posterior(self, chance: Array, between: float) -> tuple[float, Array, Array]:
        """Log-likelihood, weights of pairs of points in each cluster, scores by the correlation between."""
        weights, by = self.plan.log_weights(between)
        joint = (
            self.rows.by_cluster(self.rows.weight[:, None, None] * np.log(chance), self.n_clusters) + weights
        )
        flat = joint.reshape(self.n_clusters, -1)
        log_likelihood = logsumexp(flat, axis=1)
        found = np.exp(flat - log_likelihood[:, None])
        return float(log_likelihood.sum()), found.reshape(joint.shape), found @ by.ravel()

    def scores(self, within: float, between: float) -> tuple[float, Array, Array, Array]:
        """Log-likelihood, scores by both correlations, and what the thresholds' scores need."""
        chance, by = self.chances(within)
        value, posterior, by_between = self.posterior(chance, between)
        each = posterior[self.rows.cluster] * self.rows.weight[:, None, None] / chance
        by_within = self.rows.by_cluster((each * by).sum(axis=(1, 2))[:, None], self.n_clusters)[:, 0]
        return value, np.column_stack([by_within, by_between]), each, by_between

    def by_first(
        self, within: float, between: float, each: Array, by_between: Array, items: list[ItemAtLevels]
    ) -> Array:
        """Scores by what was held: thresholds, slopes and variance of p, then of q."""
        root = np.sqrt(1.0 - within * within)
        found: list[Array] = []
        for k, item in enumerate(items):
            (low, high), other = self.limits[k], self.limits[1 - k]
            weighed = each if k == 0 else each.transpose(0, 2, 1)
            edges = []
            for limit in (low, high):
                finite = np.where(np.isfinite(limit), limit, 0.0)
                given = [(own[:, None, :] - within * finite[:, :, None]) / root for own in other]
                inside = (weighed * _between(given[0], given[1])).sum(axis=2)
                edges.append(np.where(np.isfinite(limit), _density(finite), 0.0) * inside)
            at_lower, at_upper = edges
            moved, code, n_cuts = at_upper - at_lower, self.rows.codes[:, k], len(item.thresholds)
            by = np.zeros((len(code), n_cuts + len(item.slopes) + 1))
            place = np.arange(len(code))
            inner = code < n_cuts
            by[place[inner], code[inner]] += at_upper.sum(axis=1)[inner]
            inner = code > 0
            by[place[inner], code[inner] - 1] -= at_lower.sum(axis=1)[inner]
            by[:, n_cuts:-1] = -moved.sum(axis=1)[:, None] * self.rows.x
            by[:, -1] = -(moved @ self.plan.z) / (2.0 * self.spread[k])
            own = self.rows.by_cluster(by, self.n_clusters)
            own[:, -1] -= by_between * between / (2.0 * item.variance)  # the covariance is held
            found.append(own)
        return np.hstack(found)


def pair_given(
    p: ItemAtLevels, q: ItemAtLevels, rows: AlikeRows, n_clusters: int, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate a pair given thresholds, slopes and variances of both items.

    Parameters
    ----------
    p, q
        The items, already estimated.
    rows
        Answers to both.
    n_clusters
        J.
    start
        Correlations within and between to start from.
    """
    most = float(rows.by_cluster(rows.weight[:, None], n_clusters).max())
    precision = 1.0 + KNOWN * most * max(p.variance, q.variance)
    at = np.clip(start, -0.9, 0.9)
    unit = float(np.sqrt(p.variance * q.variance))
    for _ in range(8):
        plan = _plan(float(at[0]), float(at[1]), precision)
        pair = _PairRows(p, q, rows, n_clusters, plan)

        def evaluate(x: Array, pair: _PairRows = pair) -> tuple[float, Array]:
            value, scores, _, _ = pair.scores(*np.tanh(x))
            return value, scores * (1.0 - np.tanh(x) ** 2)

        peak = climb(evaluate, np.arctanh(at), np.arctanh(plan.most))
        at = np.tanh(peak.x)
        reached = np.abs(at) >= plan.most - 1e-9
        if not (reached & (plan.most < [EDGE_WITHIN, EDGE_BETWEEN])).any():
            break
    within, between = (float(value) for value in at)
    _, scores, each, by_between = pair.scores(within, between)
    first = pair.by_first(within, between, each, by_between, [p, q])
    scores = scores / np.array([1.0, unit])
    cross = scores.T @ first
    rest = scores - np.hstack([p.influence, q.influence]) @ cross.T
    influence = np.linalg.lstsq(scores.T @ scores, rest.T, rcond=1e-14)[0].T
    edge = [EDGE_WITHIN - 1e-9, EDGE_BETWEEN - 1e-9]
    return PairAtLevels(within, between * unit, influence, peak.converged, bool((np.abs(at) >= edge).any()))
