"""Ordinal items of clustered rows given covariates: likelihoods row by row.

Limits of a row lie at the thresholds less its line x'b. Chances of two items are the tetrachoric series in
the correlation within clusters, whose terms are products of one term for each item: a row's chances at all
points of both parts between are one product of matrices. An item without a part between needs the points of
the other alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from analysis.structural.estimation.ram import Array, Ints
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

EDGE_WITHIN, EDGE_BETWEEN = 0.98, 0.99  # largest correlations: series and grid grow without limit beyond
LEAST_CELL = 1e-12
LEAST_SPREAD = 1e-3  # of a part between
ROOM = np.array([0.15, 0.3])  # how far correlations (z-transformed) may move before all is planned anew
MOST_ENTRIES = 8_000_000  # of the terms of a series kept between evaluations
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
    lower, upper = (own[:, None] - deviation * z for own in _limits(tau, code, rows.x @ slopes))
    chance = np.maximum(chance_between(lower, upper), 1e-300)
    log_joint = rows.by_cluster(rows.weight[:, None] * np.log(chance), n_clusters) + log_weights(z**2)
    log_likelihood = logsumexp(log_joint, axis=1)
    posterior = np.exp(log_joint - log_likelihood[:, None])
    each = posterior[rows.cluster] * rows.weight[:, None] / chance
    by = _by_parameters((each * density(lower), each * density(upper)), code, rows.x, n_cuts, z)
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


@dataclass(frozen=True, slots=True)
class _Care:
    """How much a plan may miss."""

    around: float  # posterior deviations to either side that points cover
    tail: float  # power of the correlation at which the series ends
    aliased: float  # twice the exponent of what a grid may miss of a normal density


FINE, COARSE = _Care(7.5, 1e-10, 36.0), _Care(5.0, 1e-5, 16.0)  # to settle on; to come near with


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where one standardised part between is likely to be, given one item's answers; (J,) each."""

    mean: Array
    deviation: Array


def place_of(item: ItemAtLevels, rows: AlikeRows, k: int, n_clusters: int) -> _Place:
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
    return _Place(mean, np.sqrt(np.maximum(posterior @ z**2 - mean**2, LEAST_SPREAD**2)))


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Points of both standardised parts between of every cluster, and terms of the series."""

    points: tuple[Array, Array]  # (J, n) each, evenly spaced
    terms: int
    most: Array  # correlations within and between up to which they are close enough

    def log_weights(self, r: float, clusters: Ints) -> tuple[Array, Array]:
        """Logarithms of the weights of all pairs of points of some clusters, and their derivative by r."""
        one, two = self.points[0][clusters, :, None], self.points[1][clusters, None, :]
        left = 1.0 - r * r
        product, squares = one * two, one * one + two * two
        area = (one[:, 1, 0] - one[:, 0, 0]) * (two[:, 0, 1] - two[:, 0, 0]) / (2.0 * np.pi * np.sqrt(left))
        weights = (r * product - 0.5 * squares) / left + np.log(area)[:, None, None]
        return weights, ((1.0 + r * r) * product - r * squares) / left**2 + r / left


@dataclass(frozen=True, slots=True, eq=False)
class _LinePlan(_Plan):
    """Points of the part between of the first item; the second has none."""

    def log_weights(self, r: float, clusters: Ints) -> tuple[Array, Array]:
        """Logarithms of the weights of the points of some clusters; no correlation moves them."""
        z = self.points[0][clusters]
        step = (z[:, 1] - z[:, 0])[:, None]
        weights = (np.log(step / np.sqrt(2.0 * np.pi)) - 0.5 * z * z)[:, :, None]
        return weights, np.zeros_like(weights)


def _line_plan(within: float, place: _Place) -> _LinePlan:
    """Centre points where the one part between is likely to be."""
    most = min(float(np.tanh(np.arctanh(abs(within)) + ROOM[0])), EDGE_WITHIN)
    step = 2.0 * np.pi / np.sqrt(FINE.aliased) * place.deviation
    half = int(np.ceil(np.max(FINE.around * place.deviation / step)))
    way = np.arange(-half, half + 1) / half
    points = place.mean[:, None] + FINE.around * place.deviation[:, None] * way
    terms = int(np.ceil(np.log(FINE.tail) / np.log(most))) + 1
    return _LinePlan((points, np.zeros((len(points), 1))), terms, np.array([most, 0.0]))


def _plan(within: float, between: float, places: tuple[_Place, _Place], care: _Care = FINE) -> _Plan:
    """Centre points where the part between is likely to be: one posterior deviation apart, or closer.

    The parts of both items are taken for normal given the answers. Evenly spaced points miss exp(-2π²s²) of
    it, with s its deviation in steps, along each axis and along both diagonals.
    """
    most = np.minimum(np.tanh(np.arctanh(np.abs([within, between])) + ROOM), [EDGE_WITHIN, EDGE_BETWEEN])
    deviation = np.stack([place.deviation for place in places])
    told = np.maximum(1.0 / deviation**2 - 1.0, 0.0)  # by the answers alone
    pull = np.stack([place.mean for place in places]) / deviation**2
    _, mean = _both_parts(told, between, pull)
    (one, two, both), _ = _both_parts(told, float(most[1]), pull)
    crossing = np.sqrt(2.0 * (1.0 - both / np.sqrt(one * two)))
    step = 2.0 * np.pi / np.sqrt(care.aliased) * np.minimum(crossing, 1.0) * np.sqrt([one, two])
    half = int(np.ceil(np.max(care.around * deviation / step)))
    way = np.arange(-half, half + 1) / half
    points = mean[:, :, None] + care.around * deviation[:, :, None] * way
    terms = int(np.ceil(np.log(care.tail) / np.log(most[0]))) + 1
    return _Plan((points[0], points[1]), terms, most)


def _both_parts(told: Array, r: float, pull: Array) -> tuple[tuple[Array, Array, Array], Array]:
    """Variances, covariance and means of both parts between, correlated with r, given what answers tell."""
    left = 1.0 - r * r
    first, second = told + 1.0 / left
    determinant = first * second - (r / left) ** 2
    one, two, both = second / determinant, first / determinant, r / left / determinant
    return (one, two, both), np.stack([one * pull[0] + both * pull[1], both * pull[0] + two * pull[1]])


def _series(lower: Array, upper: Array, terms: int) -> Array:
    """Terms of one item: differences between both limits, shape (R, points, terms)."""
    found = np.empty((*lower.shape, terms + 1))
    found[..., 0] = chance_between(lower, upper)
    for limit, sign in ((lower, -1.0), (upper, 1.0)):
        finite = np.where(np.isfinite(limit), limit, 0.0)
        before = np.zeros_like(finite)
        now = np.where(np.isfinite(limit), density(finite), 0.0)
        for m in range(1, terms + 1):  # Hermite polynomials over the root of their factorial, times density
            part = sign * now / np.sqrt(m)
            found[..., m] = part if sign < 0 else found[..., m] + part
            before, now = now, (finite * now - np.sqrt(m - 1.0) * before) / np.sqrt(m)
    return found


def _edge(limit: Array, other: Array) -> Array:
    """Sum of the derivatives of the terms by a limit, (R, points), times those of the other item."""
    finite = np.where(np.isfinite(limit), limit, 0.0)
    before, now = np.zeros_like(finite), np.where(np.isfinite(limit), density(finite), 0.0)
    total = now * other[..., 0]
    for m in range(1, other.shape[-1]):
        before, now = now, (finite * now - np.sqrt(m - 1.0) * before) / np.sqrt(m)
        total -= now * other[..., m]
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


class _PairRows:
    """Rows of a pair with the limits of both items at every point."""

    def __init__(
        self, p: ItemAtLevels, q: ItemAtLevels, rows: AlikeRows, n_clusters: int, plan: _Plan
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

    def _series(self, part: _Part) -> list[Array]:
        return [_series(own[0][part.rows], own[1][part.rows], self.plan.terms) for own in self.limits]

    def chances(self, within: float, terms: list[Array]) -> tuple[Array, Array]:
        """Chances of the answers of rows at all pairs of points, and derivatives by the correlation."""
        one, two = terms
        turned = two.transpose(0, 2, 1)
        order = np.arange(self.plan.terms + 1)
        power = float(within) ** order
        slope = order * np.concatenate([[0.0], power[:-1]])
        chance, by = np.matmul(one * power, turned), np.matmul(one * slope, turned)
        return np.maximum(chance, LEAST_CELL, out=chance), by

    def scores(
        self, within: float, between: float, *, everything: bool = False
    ) -> tuple[float, Array, Array]:
        """Log-likelihood, scores of clusters by both correlations, and by what was held: p, then q.

        What was held are thresholds, slopes and variance; nothing unless `everything` is asked for.
        """
        value, found = 0.0, np.zeros((self.n_clusters, 2))
        width = sum(item.influence.shape[1] for item in self.items) if everything else 0
        first = np.zeros((self.n_clusters, width))
        for k, part in enumerate(self.parts):
            terms = self._series(part) if self.kept is None else self.kept[k]
            chance, by = self.chances(within, terms)
            weight = self.rows.weight[part.rows, None, None]
            weights, turned = self.plan.log_weights(between, part.clusters)
            joint = np.add.reduceat(weight * np.log(chance), part.begin, axis=0) + weights
            top = joint.max(axis=(1, 2), keepdims=True)
            posterior = np.exp(joint - top)
            total = posterior.sum(axis=(1, 2), keepdims=True)
            posterior /= total
            value += float((top + np.log(total)).sum())
            each = posterior[part.own] * weight / chance
            by_within = np.einsum("rij,rij->r", each, by)
            found[part.clusters, 0] = np.add.reduceat(by_within, part.begin)
            found[part.clusters, 1] = by_between = np.einsum("jab,jab->j", posterior, turned)
            if everything:
                first[part.clusters] = self._by_first(part, terms, within, between, each, by_between)
        return value, found, first

    def _by_first(
        self, part: _Part, terms: list[Array], within: float, between: float, each: Array, by_between: Array
    ) -> Array:
        """Scores by what was held of both items."""
        power = float(within) ** np.arange(self.plan.terms + 1)
        found: list[Array] = []
        for k, item in enumerate(self.items):
            other = np.matmul(each if k == 0 else each.transpose(0, 2, 1), terms[1 - k] * power)
            lower, upper = (_edge(limit[part.rows], other) for limit in self.limits[k])
            rows, cluster = self.rows, self.rows.cluster[part.rows]
            z, n_cuts = self.plan.points[k][cluster], len(item.thresholds)
            by = _by_parameters((lower, upper), rows.codes[part.rows, k], rows.x[part.rows], n_cuts, z)
            if item.variance == 0.0:
                found.append(np.add.reduceat(by[:, :-1], part.begin, axis=0))
                continue
            by[:, -1] /= 2.0 * self.spread[k]  # by the variance
            own = np.add.reduceat(by, part.begin, axis=0)
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
    places = (place_of(p, rows, 0, n_clusters), place_of(q, rows, 1, n_clusters))
    at = np.clip(start, -0.9, 0.9)
    unit = float(np.sqrt(p.variance * q.variance))
    care = COARSE
    for _ in range(12):
        plan = _plan(float(at[0]), float(at[1]), places, care)
        pair = _PairRows(p, q, rows, n_clusters, plan)

        def evaluate(x: Array, pair: _PairRows = pair) -> tuple[float, Array]:
            value, scores, _ = pair.scores(*np.tanh(x))
            return value, scores * (1.0 - np.tanh(x) ** 2)

        peak = climb(evaluate, np.arctanh(at), np.arctanh(plan.most))
        at = np.tanh(peak.x)
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
        plan = _line_plan(at, place)
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
