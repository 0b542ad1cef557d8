"""Ordinal items of clustered rows given covariates: likelihoods row by row.

Limits of a row lie at the thresholds less its line x'b. Chances of two items are the tetrachoric series in
the correlation within clusters, whose terms are products of one term for each item: a row's chances at all
points of both parts between are one product of matrices. An item without a part between needs the points of
the other alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.given_points import (
    COARSE,
    EDGE_BETWEEN,
    EDGE_WITHIN,
    FINE,
    Place,
    Plan,
    plan_line,
    plan_points,
)
from analysis.structural.two_level.ordinal_items import (
    KNOWN,
    ItemAtLevels,
    chance_between,
    climb,
    density,
    item_from,
    log_weights,
    points_for,
)
from analysis.structural.two_level.ordinal_pairs import PairAtLevels

LEAST_CELL = 1e-12
LEAST_SPREAD = 1e-3  # of a part between
MOST_ENTRIES = 8_000_000  # of the terms of a series kept between evaluations
TOGETHER = 20  # chances whose product has digits
ROWS_AT_ONCE = 500  # of an item at all points: what a cache holds
HELD = 40_000  # entries of rows times pairs of points at once: what a cache holds


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


def alike(codes: Array, clusters: Ints, x: Array, *, distinct: bool = False) -> AlikeRows:
    """Count rows that say the same.

    Parameters
    ----------
    codes
        0, 1, …, NaN where unanswered, shape (N, items); rows with a gap are left out.
    clusters
        Codes of clusters, shape (N,).
    x
        Covariates, shape (N, q).
    distinct
        Whether no two rows of a cluster have the same covariates, so that none are alike.
    """
    seen = ~np.isnan(codes).any(axis=1)
    if distinct:
        order = np.flatnonzero(seen)[np.argsort(clusters[seen], kind="stable")]
        cluster = clusters[order]
        present, begin = np.unique(cluster, return_index=True)
        once = np.ones(len(order))
        return AlikeRows(cluster, begin, present, once, x[order], codes[order].astype(np.int64))
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


def _by_parameters(at: tuple[Array, Array], code: Ints, x: Array, n_cuts: int, z: Array) -> Array:
    """Scores of rows by thresholds, slopes and the deviation between, from those by both limits at points."""
    at_lower, at_upper = at
    moved = at_upper - at_lower
    by = np.zeros((len(code), n_cuts + x.shape[1] + 1))
    place = np.arange(len(code))
    inner = code < n_cuts
    by[place[inner], code[inner]] += at_upper.sum(axis=1)[inner]
    inner = code > 0
    by[place[inner], code[inner] - 1] -= at_lower.sum(axis=1)[inner]
    by[:, n_cuts:-1] = -moved.sum(axis=1)[:, None] * x
    by[:, -1] = -(moved * z).sum(axis=1)
    return by


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
    limits, moved = _limits(tau, code, rows.x @ slopes), deviation * z
    pieces = [slice(k, k + ROWS_AT_ONCE) for k in range(0, len(code), ROWS_AT_ONCE)]
    chance = np.empty((len(code), len(z)))
    for piece in pieces:
        lower, upper = (own[piece, None] - moved for own in limits)
        np.maximum(chance_between(lower, upper), 1e-300, out=chance[piece])
    log_joint = rows.by_cluster(rows.weight[:, None] * np.log(chance), n_clusters) + log_weights(z**2)
    log_likelihood = logsumexp(log_joint, axis=1)
    posterior = np.exp(log_joint - log_likelihood[:, None])
    by = np.empty((len(code), len(x)))
    for piece in pieces:
        each = posterior[rows.cluster[piece]] * rows.weight[piece, None] / chance[piece]
        at = tuple(each * density(own[piece, None] - moved) for own in limits)
        by[piece] = _by_parameters((at[0], at[1]), code[piece], rows.x[piece], n_cuts, z)
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


def place_of(item: ItemAtLevels, rows: AlikeRows, k: int, n_clusters: int) -> Place:
    """Mean and deviation of the part between of a cluster given its answers to one item of a pair.

    Parameters
    ----------
    item
        The item, already estimated.
    rows
        Answers to the pair.
    k
        Which of both items it is.
    n_clusters
        J.
    """
    most = float(rows.by_cluster(rows.weight[:, None], n_clusters).max())
    z = points_for(1.0 + KNOWN * most * item.variance)
    limits = _limits(item.thresholds, rows.codes[:, k], rows.x @ item.slopes)
    lower, upper = (own[:, None] - np.sqrt(item.variance) * z for own in limits)
    chance = np.maximum(chance_between(lower, upper), LEAST_CELL)
    joint = rows.by_cluster(rows.weight[:, None] * np.log(chance), n_clusters) + log_weights(z**2)
    posterior = np.exp(joint - logsumexp(joint, axis=1)[:, None])
    mean = posterior @ z
    second = posterior @ z**2
    deviation = np.sqrt(np.maximum(second - mean**2, LEAST_SPREAD**2))
    third = posterior @ z**3 - 3.0 * mean * second + 2.0 * mean**3
    return Place(mean, deviation, float(np.abs(third / deviation**3).max()))


def _series(lower: Array, upper: Array, terms: int) -> Array:
    """Terms of one item times the root of their order: differences between limits, (R, terms, points)."""
    found = np.empty((len(lower), terms + 1, lower.shape[1]))
    found[:, 0] = chance_between(lower, upper)
    for m, now in enumerate(_hermite(np.stack([lower, upper]), terms - 1), 1):
        np.subtract(now[1], now[0], out=found[:, m])
    return found


def _hermite(limits: Array, terms: int) -> Iterator[Array]:
    """Hermite polynomials over the root of their factorial, times density, in an array used again."""
    there = np.isfinite(limits)
    finite = np.where(there, limits, 0.0)
    before, now, moved = np.zeros_like(finite), np.where(there, density(finite), 0.0), np.empty_like(finite)
    for m in range(1, terms + 1):
        yield now
        np.multiply(finite, now, out=moved)
        moved *= 1.0 / np.sqrt(m)
        before *= -np.sqrt((m - 1.0) / m)
        before += moved
        before, now = now, before
    yield now


def _edge(limits: Array, other: Array) -> Array:
    """Sum of the derivatives of the terms by each limit, times those of the other item.

    Limits have shape (2, R, points), the terms of the other item (R, terms, points).
    """
    total = np.zeros_like(limits)
    for m, now in enumerate(_hermite(limits, other.shape[1] - 1)):
        if m:
            total -= now * other[:, m]
        else:
            total += now * other[:, 0]
    return total


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some clusters that follow each other, with their rows."""

    rows: slice
    clusters: Ints  # codes
    begin: Ints  # where each begins, from the first row of the part
    own: Ints  # which of them each row belongs to


def _parts(rows: AlikeRows, n: int) -> list[_Part]:
    """Cut rows between clusters so that what is held of a part at all pairs of points stays small."""
    ends = np.append(rows.begin[1:], len(rows.cluster))
    found, low = [], 0
    while low < len(rows.begin):
        first = int(rows.begin[low])
        high = max(int(np.searchsorted(ends, first + HELD // (n * n), side="right")), low + 1)
        begin = rows.begin[low:high] - first
        size = np.diff(np.append(begin, ends[high - 1] - first))
        found.append(
            _Part(
                slice(first, int(ends[high - 1])),
                rows.present[low:high],
                begin,
                np.repeat(np.arange(high - low), size),
            )
        )
        low = high
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What a part of the rows tells: log-likelihood, posterior over chances, scores of its clusters."""

    value: float
    each: Array  # posterior weight of a pair of points over the chance of the row there
    by_within: Array
    by_between: Array


def _log_products(chance: Array, weight: Array, begin: Ints) -> Array:
    """Logarithms of products of chances over the rows of each cluster; few where all rows count once."""
    if (weight != 1.0).any():
        return np.asarray(np.add.reduceat(weight * np.log(chance), begin, axis=0))
    size = np.diff(np.append(begin, len(chance)))
    if size.max() <= TOGETHER:
        return np.asarray(np.log(np.multiply.reduceat(chance, begin, axis=0)))
    pieces = (size + TOGETHER - 1) // TOGETHER
    first = np.concatenate([[0], np.cumsum(pieces)[:-1]])
    place = np.arange(pieces.sum()) - np.repeat(first, pieces)
    cuts = np.repeat(begin, pieces) + TOGETHER * place
    return np.asarray(np.add.reduceat(np.log(np.multiply.reduceat(chance, cuts, axis=0)), first, axis=0))


class _PairRows:
    """Rows of a pair with the limits of both items at every point."""

    def __init__(
        self, p: ItemAtLevels, q: ItemAtLevels, rows: AlikeRows, n_clusters: int, plan: Plan
    ) -> None:
        self.rows, self.n_clusters, self.plan, self.items = rows, n_clusters, plan, (p, q)
        self.spread = np.sqrt([p.variance, q.variance])
        self.limits = [
            [
                own[:, None] - spread * plan.points[k][rows.cluster]
                for own in _limits(item.thresholds, rows.codes[:, k], rows.x @ item.slopes)
            ]
            for k, (item, spread) in enumerate(zip((p, q), self.spread, strict=True))
        ]
        n = plan.points[0].shape[1]
        self.parts = _parts(rows, n)
        few = len(rows.cluster) * n * (plan.terms + 1) <= MOST_ENTRIES
        self.kept = [self._series(part) for part in self.parts] if few else None
        self.last: tuple[float, float, list[_Told]] = (np.nan, np.nan, [])  # at the last correlations

    def _series(self, part: _Part) -> list[Array]:
        return [_series(own[0][part.rows], own[1][part.rows], self.plan.terms) for own in self.limits]

    def chances(self, within: float, terms: list[Array]) -> tuple[Array, Array]:
        """Chances of the answers of rows at all pairs of points, and derivatives by the correlation."""
        one, two = terms
        order = np.arange(1, self.plan.terms + 1)
        power = float(within) ** order / order
        slope = float(within) ** (order - 1)
        n = one.shape[2]
        weighed = np.empty((len(one), one.shape[1], 2 * n))
        np.multiply(one, np.append(1.0, power)[:, None], out=weighed[:, :, :n])
        np.multiply(one, np.append(0.0, slope)[:, None], out=weighed[:, :, n:])
        both = np.matmul(weighed.transpose(0, 2, 1), two)
        chance, by = both[:, :n], both[:, n:]
        return np.maximum(chance, LEAST_CELL, out=chance), by

    def scores(
        self, within: float, between: float, *, everything: bool = False
    ) -> tuple[float, Array, Array]:
        """Log-likelihood, scores of clusters by both correlations, and by what was held: p, then q.

        What was held are thresholds, slopes and variance; nothing unless `everything` is asked for.
        """
        value, found = 0.0, np.zeros((self.n_clusters, 2))
        known = self.last[2] if self.last[:2] == (within, between) else []
        kept: list[_Told] = []
        width = sum(item.influence.shape[1] for item in self.items) if everything else 0
        first = np.zeros((self.n_clusters, width))
        for k, part in enumerate(self.parts):
            terms = self._series(part) if self.kept is None else self.kept[k]
            told = known[k] if known else self._told(part, terms, within, between)
            if self.kept is not None:
                kept.append(told)
            value += told.value
            found[part.clusters, 0], found[part.clusters, 1] = told.by_within, told.by_between
            if everything:
                first[part.clusters] = self._by_first(part, terms, within, between, told)
        self.last = within, between, kept
        return value, found, first

    def _told(self, part: _Part, terms: list[Array], within: float, between: float) -> _Told:
        """What the rows of a part tell at given correlations."""
        chance, by = self.chances(within, terms)
        weight = self.rows.weight[part.rows, None, None]
        weights, turned = self.plan.log_weights(between, part.clusters)
        joint = _log_products(chance, weight, part.begin) + weights
        top = joint.max(axis=(1, 2), keepdims=True)
        posterior = np.exp(joint - top)
        total = posterior.sum(axis=(1, 2), keepdims=True)
        posterior /= total
        each = posterior[part.own]
        if (weight != 1.0).any():
            each *= weight
        each /= chance
        return _Told(
            float((top + np.log(total)).sum()),
            each,
            np.add.reduceat(np.einsum("rij,rij->r", each, by), part.begin),
            np.einsum("jab,jab->j", posterior, turned),
        )

    def _by_first(self, part: _Part, terms: list[Array], within: float, between: float, told: _Told) -> Array:
        """Scores by what was held of both items."""
        order = np.arange(self.plan.terms + 1)
        power = float(within) ** order / np.sqrt(np.maximum(order, 1))
        found: list[Array] = []
        for k, item in enumerate(self.items):
            each = told.each.transpose(0, 2, 1) if k == 0 else told.each
            other = np.matmul(terms[1 - k] * power[:, None], each)
            lower, upper = _edge(np.stack([limit[part.rows] for limit in self.limits[k]]), other)
            rows, cluster = self.rows, self.rows.cluster[part.rows]
            z, n_cuts = self.plan.points[k][cluster], len(item.thresholds)
            by = _by_parameters((lower, upper), rows.codes[part.rows, k], rows.x[part.rows], n_cuts, z)
            if item.variance == 0.0:
                found.append(np.add.reduceat(by[:, :-1], part.begin, axis=0))
                continue
            by[:, -1] /= 2.0 * self.spread[k]  # by the variance
            own = np.add.reduceat(by, part.begin, axis=0)
            own[:, -1] -= told.by_between * between / (2.0 * item.variance)  # the covariance is held
            found.append(own)
        return np.hstack(found)


def pair_given(
    p: ItemAtLevels,
    q: ItemAtLevels,
    rows: AlikeRows,
    n_clusters: int,
    start: tuple[float, float],
    places: tuple[Place, Place] | None = None,
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
    places
        Where the parts of both are likely to be, if that is known.
    """
    places = places or (place_of(p, rows, 0, n_clusters), place_of(q, rows, 1, n_clusters))
    at = np.clip(start, -0.9, 0.9)
    unit = float(np.sqrt(p.variance * q.variance))
    care, curve = COARSE, None
    for _ in range(12):
        plan = plan_points(float(at[0]), float(at[1]), places, care)
        pair = _PairRows(p, q, rows, n_clusters, plan)

        def evaluate(x: Array, pair: _PairRows = pair) -> tuple[float, Array]:
            value, scores, _ = pair.scores(*np.tanh(x))
            return value, scores * (1.0 - np.tanh(x) ** 2)

        peak = climb(evaluate, np.arctanh(at), np.arctanh(plan.most), care.settled, curve)
        at, curve = np.tanh(peak.x), peak.curve if peak.converged else None
        reached = np.abs(at) >= plan.most - 1e-9
        if (reached & (plan.most < [EDGE_WITHIN, EDGE_BETWEEN])).any():
            continue
        if care is FINE:
            break
        care = FINE
    within, between = (float(value) for value in at)
    _, scores, first = pair.scores(within, between, everything=True)
    scores = scores / np.array([1.0, unit])
    cross = scores.T @ first
    rest = scores - np.hstack([p.influence, q.influence]) @ cross.T
    influence = np.linalg.lstsq(scores.T @ scores, rest.T, rcond=1e-14)[0].T
    edge = [EDGE_WITHIN - 1e-9, EDGE_BETWEEN - 1e-9]
    return PairAtLevels(within, between * unit, influence, peak.converged, bool((np.abs(at) >= edge).any()))


def pair_with_one_within(
    p: ItemAtLevels, q: ItemAtLevels, rows: AlikeRows, n_clusters: int, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate an item of both levels beside one without a part between.

    Parameters
    ----------
    p, q
        The item of both levels and that of level 1 only.
    rows, n_clusters, start
        As for `pair_given`.
    """
    place = place_of(p, rows, 0, n_clusters)
    at = float(np.clip(start[0], -0.9, 0.9))
    for _ in range(12):
        plan = plan_line(at, place)
        pair = _PairRows(p, q, rows, n_clusters, plan)

        def evaluate(x: Array, pair: _PairRows = pair) -> tuple[float, Array]:
            value, scores, _ = pair.scores(float(np.tanh(x[0])), 0.0)
            return value, scores[:, :1] * (1.0 - np.tanh(x) ** 2)

        peak = climb(evaluate, np.arctanh([at]), np.arctanh(plan.most[:1]))
        at = float(np.tanh(peak.x[0]))
        if abs(at) < plan.most[0] - 1e-9 or plan.most[0] >= EDGE_WITHIN:
            break
    _, scores, first = pair.scores(at, 0.0, everything=True)
    own = scores[:, :1]
    rest = own - np.hstack([p.influence, q.influence]) @ first.T @ own
    influence = np.hstack([rest / (own.T @ own), np.zeros_like(own)])
    return PairAtLevels(at, 0.0, influence, peak.converged, abs(at) >= EDGE_WITHIN - 1e-9)
