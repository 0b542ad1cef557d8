"""Pairs in which a variable is continuous or stands at one level: likelihoods with at most one integral.

A continuous variable tells of its own part between by a normal posterior, so that given its values the
response of an ordinal item is M_j + D_j t + (line of the row) + the rest, with one standard normal t for
each cluster: only t is integrated. What is held are the parameters of both variables; scores are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import bivariate_cdf, bivariate_density
from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.mixed_items import (
    by_limits,
    curvature_of,
    interval,
    limits_of,
    slopes_of,
    summed,
)
from analysis.structural.two_level.ordinal_items import (
    KNOWN,
    LEAST_CELL,
    ItemAtLevels,
    climb,
    density,
    log_weights,
    points_for,
)
from analysis.structural.two_level.ordinal_pairs import EDGE, PairAtLevels

LEAST_DEVIATION = 1e-7  # of what is integrated
ROOM = 0.4  # how far a correlation (z-transformed) may move before points are planned anew
HELD = 2_000_000  # entries of rows times points at once


@dataclass(frozen=True, slots=True, eq=False)
class PairRows:
    """Rows that tell of both variables, sorted by unit.

    Attributes
    ----------
    values
        Of both variables, shape (R, 2).
    x
        Covariates, shape (R, q).
    unit
        0, 1, … for every row; a unit is what the likelihood is a product over.
    cluster
        Of every unit, shape (U,).
    n_clusters
        J.
    """

    values: Array
    x: Array
    unit: Ints
    cluster: Ints
    n_clusters: int

    @property
    def begin(self) -> Ints:
        """Where each unit begins."""
        return np.searchsorted(self.unit, np.arange(len(self.cluster)))

    @property
    def size(self) -> Array:
        """Rows of each unit."""
        return np.bincount(self.unit).astype(float)


def pair_rows(values: Array, x: Array, clusters: Ints, n_clusters: int, *, apart: bool) -> PairRows:
    """Take the rows that tell of both variables.

    Parameters
    ----------
    values
        NaN where missing, shape (R, 2).
    x
        Shape (R, q).
    clusters
        Code of every row.
    n_clusters
        J.
    apart
        Whether every row is a unit, not every cluster.
    """
    seen = np.flatnonzero(~np.isnan(values).any(axis=1))
    seen = seen[np.argsort(clusters[seen], kind="stable")]
    own = clusters[seen]
    cluster, unit = (own, np.arange(len(own))) if apart else np.unique(own, return_inverse=True)
    return PairRows(values[seen], x[seen], unit, cluster, n_clusters)


def held_of(item: ItemAtLevels) -> Array:
    """Everything that is held of a variable, in the order of its influence."""
    inner = [item.inner] if not item.ordinal and item.within else []
    outer = [item.variance] if item.between and not (item.ordinal and not item.within) else []
    return np.concatenate([item.thresholds, item.slopes, inner, outer])


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held of a variable, read from a vector; complex where it is differentiated."""

    cuts: Array
    slopes: Array
    inner: Array
    outer: Array


def _read(item: ItemAtLevels, own: Array) -> _Held:
    k, q = len(item.thresholds), len(item.slopes)
    rest = own[k + q :]
    inner = rest[0] if not item.ordinal and item.within else np.asarray(item.inner)
    outer = rest[-1] if len(held_of(item)) > k + q + (not item.ordinal and item.within) else item.variance
    return _Held(own[:k], own[k : k + q], inner, np.asarray(outer))


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Log-likelihood with the scores of units, by covariances and by what is held of both variables."""

    value: float
    own: Array  # (U, covariances)
    first: Array  # (U, held)


def _estimate(
    p: ItemAtLevels,
    q: ItemAtLevels,
    rows: PairRows,
    scored: Callable[[Array, bool], _Scored],
    start: Array,
    units: Array,
    curvature: Callable[[Array], tuple[Array, Array]] | None = None,
) -> tuple[Array, Array, bool]:
    """Maximise by correlations; covariances, influence of clusters on them, and whether the search settled.

    Parameters
    ----------
    p, q
        The variables.
    rows
        Their rows.
    scored
        Gives the likelihood at covariances, and scores by what is held if these are asked for.
    start, units
        Correlations to start from, and the product of deviations that makes covariances of them.
    curvature
        Gives negative second derivatives by covariances, and by these and what is held; products of scores
        unless given.
    """

    def evaluate(z: Array) -> tuple[float, Array]:
        found = scored(np.tanh(z) * units, False)
        return found.value, found.own * (units * (1.0 - np.tanh(z) ** 2))

    limit = np.full(len(start), np.arctanh(EDGE))
    peak = climb(evaluate, np.arctanh(np.clip(start, -0.9, 0.9)), limit)
    point = np.tanh(peak.x) * units
    found = scored(point, True)
    if curvature is None:
        bread: Array = found.own.T @ found.own
        cross: Array = found.own.T @ found.first
    else:
        bread, cross = curvature(point)
    rest = summed(found.own, rows.cluster, rows.n_clusters)
    rest -= np.hstack([p.influence, q.influence]) @ cross.T
    influence = np.linalg.lstsq(bread, rest.T, rcond=1e-14)[0].T
    return point, influence, peak.converged


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Mean of the response of every row less its threshold, and deviation of what is integrated."""

    line: Array  # (R,)
    mean: Array  # (U,)
    deviation: Array  # (U,)
    root: Array  # of what is left of the variance of one


def conditional_pieces(
    p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, covariances: Array, held: Array
) -> _Pieces:
    """Response of an ordinal item given a continuous variable.

    With m_j and s_j^2 mean and variance of the part between of the continuous variable given its values, c
    and b the covariances within and between, rho = c / sigma_w and beta = b / sigma_b^2:
    M_j = (beta - rho/sigma_w) m_j, D_j^2 = (beta - rho/sigma_w)^2 s_j^2 + sigma_p^2 - beta b, and the line
    of a row is x'b + rho (y - mu)/sigma_w.

    Parameters
    ----------
    p, q
        The ordinal item, with a part within, and the continuous variable.
    rows
        Their rows.
    covariances
        Those that both have: within, between.
    held
        What is held of both.
    """
    own, other = (
        _read(item, part) for item, part in zip((p, q), np.split(held, [len(held_of(p))]), strict=True)
    )
    size, n_units = rows.size, len(rows.cluster)
    left = rows.values[:, 1] - other.cuts[0] - rows.x @ other.slopes
    line = rows.x @ own.slopes
    at = 0
    rho: Array = np.asarray(0.0)
    if q.within:
        rho = covariances[0] / np.sqrt(other.inner)
        at = 1
    both = p.between and q.between
    beta = covariances[at] / other.outer if both else np.asarray(0.0)
    if not q.within:
        mean, spread = beta * left[rows.begin], np.zeros(n_units)
    else:
        line = line + rho * left / np.sqrt(other.inner)
        total = other.inner + size * other.outer
        pull = beta - rho / np.sqrt(other.inner)
        mean = pull * other.outer * summed(left, rows.unit, n_units) / total
        spread = pull**2 * other.inner * other.outer / total
    spread = spread + own.outer - (beta * covariances[at] if both else 0.0)
    return _Pieces(line, mean, np.sqrt(spread + LEAST_DEVIATION**2), np.sqrt(1.0 - rho**2))


def _sharpest(p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, correlation: float) -> float:
    """Largest precision of what is integrated, up to a correlation within."""
    size = rows.size
    pull = (np.sqrt(p.variance / q.variance) if q.variance > 0 else 0.0) + (
        correlation / np.sqrt(q.inner) if q.within else 0.0
    )
    known = q.inner * q.variance / (q.inner + size * q.variance) if q.within else 0.0
    spread = p.variance + pull**2 * known
    return 1.0 + KNOWN * float(np.max(size * spread)) / (1.0 - correlation**2)


def _score_integral(
    tau: Array,
    codes: Array,
    at: _Pieces,
    by: list[_Pieces],
    rows: PairRows,
    z: Array,
    extra: _Extra | None = None,
) -> tuple[float, Array, Array]:
    """Log-likelihood, scores by thresholds, and by what moves the pieces (and the factor of each cluster)."""
    n_units, begin = len(rows.cluster), rows.begin
    by_tau, by_rest = np.zeros((n_units, len(tau))), np.zeros((n_units, len(by)))
    by_extra = np.zeros((n_units, 0 if extra is None else len(extra.slopes)))
    value = 0.0
    ends = np.append(begin[1:], len(rows.unit))
    weights = log_weights(z**2)
    low = 0
    while low < n_units:
        high = max(int(np.searchsorted(ends, begin[low] + HELD // len(z), side="right")), low + 1)
        part, units = slice(int(begin[low]), int(ends[high - 1])), slice(low, high)
        own = rows.unit[part] - low
        middle = at.line[part] + at.mean[units][own]
        shift = middle[:, None] + at.deviation[units][own][:, None] * z
        lower, upper = limits_of(tau, codes[part][:, None], shift)
        lower, upper = lower / at.root, upper / at.root
        chance, by_low, by_high = interval(lower, upper)
        joint = np.add.reduceat(np.log(chance), begin[units] - begin[low], axis=0) + weights
        if extra is not None:
            joint = joint + np.log(extra.chance[units])
        top = joint.max(axis=1, keepdims=True)
        posterior = np.exp(joint - top)
        total = posterior.sum(axis=1, keepdims=True)
        posterior /= total
        value += float((top + np.log(total)).sum())
        each = posterior[own] / chance
        by_low, by_high = each * by_low, each * by_high
        moved = by_high - by_low
        by_tau[units] = summed(
            by_limits(by_low.sum(axis=1) / at.root, by_high.sum(axis=1) / at.root, codes[part], len(tau)),
            own,
            high - low,
        )
        plain, tilted = moved.sum(axis=1) / at.root, (moved @ z) / at.root
        stretched = (upper * by_high - lower * by_low).sum(axis=1) / at.root
        for k, piece in enumerate(by):
            change = (
                -plain * (piece.line[part] + piece.mean[units][own]) - tilted * piece.deviation[units][own]
            )
            by_rest[units, k] = summed(change - stretched * piece.root, own, high - low)
        if extra is not None:
            own_posterior = posterior / extra.chance[units]
            for k, slope in enumerate(extra.slopes):
                by_extra[units, k] = (own_posterior * slope[units]).sum(axis=1)
        low = high
    return value, by_tau, np.hstack([by_rest, by_extra])


@dataclass(frozen=True, slots=True, eq=False)
class _Extra:
    """Chance of what a cluster alone tells at every point, and derivatives."""

    chance: Array  # (U, points)
    slopes: list[Array]


def ordinal_with_continuous(
    p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate an ordinal item that varies within units beside a continuous variable.

    Parameters
    ----------
    p, q
        The ordinal item and the continuous variable, already estimated.
    rows
        Their rows.
    start
        Correlations within and between to start from.
    """
    has = (q.within, p.between and q.between)
    chosen = np.flatnonzero(has)
    units = np.sqrt([max(q.inner, 1e-300), max(p.variance * q.variance, 1e-300)])[chosen]
    held, n_own, n_cuts = np.concatenate([held_of(p), held_of(q)]), len(chosen), len(p.thresholds)
    codes, begin = rows.values[:, 0], np.array(start)[chosen]
    furthest = np.tanh(np.arctanh(min(abs(start[0]), 0.9)) + ROOM)

    def pieces(at: Array) -> _Pieces:
        return conditional_pieces(p, q, rows, at[:n_own], at[n_own:])

    for _ in range(8):
        integrated = p.variance > 0.0 or (q.within and q.between)
        z = points_for(_sharpest(p, q, rows, furthest)) if integrated else np.zeros(1)

        def scored(covariances: Array, everything: bool, z: Array = z) -> _Scored:
            point = np.concatenate([covariances, held])
            moving = range(len(point)) if everything else range(n_own)
            moving_rest = [k for k in moving if not n_own <= k < n_own + n_cuts]  # thresholds are told apart
            by = [_imaginary(pieces, point, k) for k in moving_rest]
            value, by_tau, rest = _score_integral(p.thresholds, codes, pieces(point), by, rows, z)
            return _Scored(value, rest[:, :n_own], np.hstack([by_tau, rest[:, n_own:]]))

        point, influence, settled = _estimate(p, q, rows, scored, begin, units)
        begin = point / units
        reached = abs(begin[0]) if q.within else 0.0
        if reached <= furthest or furthest >= EDGE:
            break
        furthest = min(float(np.tanh(np.arctanh(reached) + ROOM)), EDGE)
    return _placed(has, point, influence, settled, begin)


def _imaginary(pieces: Callable[[Array], _Pieces], point: Array, k: int) -> _Pieces:
    """Derivatives of all pieces by one parameter."""
    moved: Any = point.astype(np.complex128)
    moved[k] += 1e-30j
    found = pieces(moved)
    line, mean, deviation, root = (
        np.imag(part) / 1e-30 for part in (found.line, found.mean, found.deviation, found.root)
    )
    return _Pieces(line, mean, deviation, root)


def _placed(
    has: tuple[bool, bool], point: Array, influence: Array, settled: bool, correlations: Array
) -> PairAtLevels:
    """Put covariances at their levels; zero where a level has none."""
    chosen = np.flatnonzero(has)
    whole, moves = np.zeros(2), np.zeros((len(influence), 2))
    whole[chosen], moves[:, chosen] = point, influence
    at_edge = bool((np.abs(correlations) >= EDGE - 1e-9).any())
    return PairAtLevels(float(whole[0]), float(whole[1]), moves, settled, at_edge)


def ordinal_with_ordinal_of_clusters(
    p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate an ordinal item of both levels beside one that clusters alone have.

    Parameters
    ----------
    p, q
        The item of both levels and that of level 2.
    rows
        Their rows; a cluster's answer stands in each of them.
    start
        As for other pairs; the second counts.
    """
    held, n_cuts, size = np.concatenate([held_of(p), held_of(q)]), len(p.thresholds), rows.size
    split = len(held_of(p))
    z = points_for(1.0 + KNOWN * float(size.max()) * p.variance + 1.0 / (1.0 - 0.95**2))
    answers, given = rows.values[rows.begin, 1], rows.x[rows.begin]

    def pieces(at: Array) -> _Pieces:
        own = _read(p, at[1 : 1 + split])
        deviation = np.full(len(rows.cluster), np.sqrt(own.outer))
        return _Pieces(
            rows.x @ own.slopes, np.zeros(len(deviation)), deviation, np.asarray(1.0 + 0.0 * at[0])
        )

    def extra(covariance: float, everything: bool) -> _Extra:
        r = covariance / np.sqrt(p.variance)
        root = np.sqrt(1.0 - r * r)
        line = given @ q.slopes
        lower, upper = limits_of(q.thresholds, answers[:, None], line[:, None] + r * z)
        far = np.abs(lower) >= 30.0, np.abs(upper) >= 30.0
        lower, upper = lower / root, upper / root
        chance, low, high = interval(lower, upper)

        def moved(by_low: Array, by_high: Array) -> Array:
            return np.where(far[1], 0.0, high * by_high) - np.where(far[0], 0.0, low * by_low)

        by_r = moved(-z / root + lower * r / root**2, -z / root + upper * r / root**2)
        slopes = [by_r / np.sqrt(p.variance)]
        if everything:
            slopes.append(-by_r * covariance / (2.0 * p.variance**1.5))
            code = answers.astype(int)[:, None]
            for k in range(len(q.thresholds)):
                slopes.append((np.where(code == k, high, 0.0) - np.where(code == k + 1, low, 0.0)) / root)
            slopes += [-(high - low) / root * given[:, k, None] for k in range(given.shape[1])]
        return _Extra(chance, slopes)

    def scored(covariances: Array, everything: bool) -> _Scored:
        point = np.concatenate([covariances, held])
        moving = range(1 + n_cuts, 1 + split) if everything else range(0)
        by = [_imaginary(pieces, point, k) for k in moving]
        beside = extra(float(covariances[0]), everything)
        value, by_tau, rest = _score_integral(
            p.thresholds, rows.values[:, 0], pieces(point), by, rows, z, beside
        )
        of_p, of_extra = rest[:, : len(by)], rest[:, len(by) :]
        if everything:  # the variance of p moves the correlation that the cluster's answer has with it
            of_p[:, -1] += of_extra[:, 1]
        return _Scored(value, of_extra[:, :1], np.hstack([by_tau, of_p, of_extra[:, 2:]]))

    units = np.sqrt([p.variance])
    point, influence, settled = _estimate(p, q, rows, scored, np.array([start[1]]), units)
    return _placed((False, True), point, influence, settled, point / units)


def continuous_with_ordinal_of_clusters(
    p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate a continuous variable of both levels beside an ordinal item that clusters alone have.

    Given the values of a cluster the response is normal with mean beta m_j and variance
    1 - beta (c - beta s_j^2).

    Parameters
    ----------
    p, q
        The continuous variable and the ordinal item.
    rows, start
        As for the other pairs.
    """
    held, split, size = np.concatenate([held_of(p), held_of(q)]), len(held_of(p)), rows.size
    code, given, n_units = rows.values[rows.begin, 1].astype(int), rows.x[rows.begin], len(rows.cluster)
    k = len(q.thresholds)

    def each(at: Array) -> Array:
        own, other = _read(p, at[1 : 1 + split]), _read(q, at[1 + split :])
        left = rows.values[:, 0] - own.cuts[0] - rows.x @ own.slopes
        total = own.inner + size * own.outer
        beta = at[0] / own.outer
        mean = beta * own.outer * summed(left, rows.unit, n_units) / total + given @ other.slopes
        root = np.sqrt(1.0 - beta * at[0] + beta**2 * own.inner * own.outer / total)
        upper = ndtr((other.cuts[np.minimum(code, k - 1)] - mean) / root)
        lower = ndtr((other.cuts[np.maximum(code - 1, 0)] - mean) / root)
        chance = np.where(code < k, upper, 1.0) - np.where(code > 0, lower, 0.0)
        return np.asarray(np.log(np.where(chance.real > LEAST_CELL, chance, LEAST_CELL)))

    def scored(covariances: Array, everything: bool) -> _Scored:
        point = np.concatenate([covariances, held])
        scores = slopes_of(each, point, None if everything else [0])
        return _Scored(float(each(point).real.sum()), scores[:, :1], scores[:, 1:])

    units = np.sqrt([p.variance])
    point, influence, settled = _estimate(p, q, rows, scored, np.array([start[1]]), units)
    return _placed((False, True), point, influence, settled, point / units)


def continuous_pair(
    p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate two continuous variables, of which the first has a part within.

    Errors rest on second derivatives, so that they hold whether or not the variables are normal.

    Parameters
    ----------
    p, q
        Both variables.
    rows, start
        As for the other pairs.
    """
    has = (q.within, p.between and q.between)
    chosen = np.flatnonzero(has)
    units = np.sqrt([max(p.inner * q.inner, 1e-300), max(p.variance * q.variance, 1e-300)])[chosen]
    held, split, size = np.concatenate([held_of(p), held_of(q)]), len(held_of(p)), rows.size
    n_own, n_units = len(chosen), len(rows.cluster)

    def each(at: Array) -> Array:
        own, other = _read(p, at[n_own : n_own + split]), _read(q, at[n_own + split :])
        cov = dict(zip(chosen.tolist(), at[:n_own], strict=True))
        left = [rows.values[:, k] - one.cuts[0] - rows.x @ one.slopes for k, one in enumerate((own, other))]
        distance = [summed(part, rows.unit, n_units) / size for part in left]
        away = [part - mean[rows.unit] for part, mean in zip(left, distance, strict=True)]
        square = [[summed(a * b, rows.unit, n_units) for b in away] for a in away]
        inner, both = cov.get(0, 0.0), cov.get(1, 0.0)
        if q.within:
            area = own.inner * other.inner - inner**2
            scatter = other.inner * square[0][0] + own.inner * square[1][1] - 2.0 * inner * square[0][1]
            found = (size - 1.0) * np.log(area) + scatter / area
        else:
            found = (size - 1.0) * np.log(own.inner) + square[0][0] / own.inner
        first = own.outer + own.inner / size
        second = other.outer + (other.inner / size if q.within else 0.0)
        mixed = both + inner / size
        area = first * second - mixed**2
        gap = second * distance[0] ** 2 + first * distance[1] ** 2 - 2.0 * mixed * distance[0] * distance[1]
        return np.asarray(-0.5 * (found + np.log(area) + gap / area))

    def scored(covariances: Array, everything: bool) -> _Scored:
        point = np.concatenate([covariances, held])
        scores = slopes_of(each, point, None if everything else list(range(n_own)))
        return _Scored(float(each(point).real.sum()), scores[:, :n_own], scores[:, n_own:])

    def curvature(covariances: Array) -> tuple[Array, Array]:
        point = np.concatenate([covariances, held])
        scale = np.full(len(point), min(p.inner, units.min()))
        whole = curvature_of(lambda at: slopes_of(each, at, list(range(n_own))), point, scale)
        return whole[:, :n_own], whole[:, n_own:]

    begin = np.array(start)[chosen]
    point, influence, settled = _estimate(p, q, rows, scored, begin, units, curvature)
    return _placed(has, point, influence, settled, point / units)


def ordinal_pair_of_one_level(
    p: ItemAtLevels, q: ItemAtLevels, rows: PairRows, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate two ordinal items of one level, as if each row stood by itself.

    Parameters
    ----------
    p, q
        Both items.
    rows
        Their rows, each a unit.
    start
        As for other pairs; the first counts.
    """
    lines = [rows.x @ item.slopes for item in (p, q)]
    limits = [
        [side.astype(np.float64) for side in limits_of(item.thresholds, rows.values[:, k], lines[k])]
        for k, item in enumerate((p, q))
    ]

    def scored(covariances: Array, everything: bool) -> _Scored:
        rho = np.asarray(float(covariances[0]))
        root = np.sqrt(1.0 - rho**2)
        chance, by_rho = np.zeros(len(rows.unit)), np.zeros(len(rows.unit))
        for a, h in zip((-1.0, 1.0), limits[0], strict=True):
            for b, k in zip((-1.0, 1.0), limits[1], strict=True):
                chance += a * b * bivariate_cdf(h, k, rho)
                by_rho += a * b * bivariate_density(h, k, rho)
        chance = np.maximum(chance, 1e-15)
        first: list[Array] = []
        for own, item in enumerate((p, q) if everything else ()):
            low, high = (
                density(h)
                * (ndtr((limits[1 - own][1] - rho * h) / root) - ndtr((limits[1 - own][0] - rho * h) / root))
                / chance
                for h in limits[own]
            )
            first.append(by_limits(low, high, rows.values[:, own], len(item.thresholds)))
            first.append((low - high)[:, None] * rows.x)
        return _Scored(
            float(np.log(chance).sum()),
            (by_rho / chance)[:, None],
            np.hstack(first) if first else np.zeros((0, 0)),
        )

    point, influence, settled = _estimate(p, q, rows, scored, np.array([start[0]]), np.ones(1))
    return _placed((True, False), point, influence, settled, point)
