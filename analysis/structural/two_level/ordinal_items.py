"""Ordinal items of clustered rows: thresholds and variance between clusters, item by item.

The latent response is y* = v_j + e_ij with e of variance one within clusters and v normal between them. Rows
of one cluster are independent given v_j, which is integrated out over evenly spaced points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from analysis.structural.estimation.ram import Array, Ints

REACH = 5.5  # standard deviations to either side that points cover
STEP = 1.0  # between points, in standard deviations of the sharpest posterior: error about 1e-7
KNOWN = 0.9  # most that one answer can tell of a latent response, as a share of seeing it
FLAT = 4e-4  # variance between clusters below which an item has none
NEARLY_FLAT = 0.1  # standard deviation between clusters below which it is asked whether there is any
LEAST_CELL = 1e-300
MOST_STEPS = 200
FURTHEST = 1.0  # change of a parameter in one step
SETTLED = 1e-12  # gain in log-likelihood that one more step would bring
NEAR = 1e-5  # the same where all is planned anew
SETTLED_BY_SCORES = 1e-7  # the same by the products of scores
LEAST_MOVE = 1e-10

Evaluate = Callable[[Array], tuple[float, Array]]
Scores = Callable[[Array, Array], tuple[float, Array, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Peak:
    """Where a likelihood is highest: parameters, scores of clusters, and whether the search settled."""

    x: Array
    scores: Array
    converged: bool
    curve: Array  # negative second derivatives, as far as the search has learnt them


@dataclass(frozen=True, slots=True, eq=False)
class ItemAtLevels:
    """One variable: thresholds and variance between, each cluster's part in their errors, its part between.

    Attributes
    ----------
    thresholds
        Shape (K,), where the variance within is one and covariates are zero; a continuous variable's mean.
    variance
        Between clusters; 1 of an ordinal item of level 2 only, 0 of what stands at level 1 only.
    influence
        What each cluster moves thresholds, slopes, the variance within of a continuous variable and the
        variance between (where there is one to estimate) by, shape (J, number of these).
    expected
        Expected v_j of each cluster given its answers, shape (J,).
    converged
        Whether the search settled.
    slopes
        On covariates, shape (q,).
    ordinal, within, between
        Its kind, and the levels it stands at.
    inner
        Variance within clusters; 1 of ordinal items, 0 of what stands at level 2 only.
    """

    thresholds: Array
    variance: float
    influence: Array
    expected: Array
    converged: bool
    slopes: Array = field(default_factory=lambda: np.zeros(0))
    ordinal: bool = True
    within: bool = True
    between: bool = True
    inner: float = 1.0


def points_for(precision: float) -> Array:
    """Evenly spaced points for a standard normal variable that answers tell this much of.

    Parameters
    ----------
    precision
        Largest precision of a posterior, that of the prior being one.
    """
    half = int(np.ceil(REACH * np.sqrt(precision) / STEP)) + 1
    return np.linspace(-REACH, REACH, 2 * half + 1)


def log_weights(squares: Array) -> Array:
    """Logarithms of normal weights at points whose squared distances from zero are given."""
    return np.asarray(-0.5 * squares - logsumexp(-0.5 * squares))


def chance_between(lower: Array, upper: Array) -> Array:
    """P(lower < Z < upper) with digits in both tails."""
    turned = lower > 0.0
    low, high = np.where(turned, -upper, lower), np.where(turned, -lower, upper)
    return np.asarray(ndtr(high) - ndtr(low))


def density(z: Array) -> Array:
    """Density of a standard normal variable."""
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))


def climb(
    evaluate: Evaluate,
    start: Array,
    most: Array | None = None,
    settled: float = SETTLED,
    curve: Array | None = None,
) -> Peak:
    """Maximise a sum of log-likelihoods of clusters: scores' products first, then secant curvature.

    Parameters
    ----------
    evaluate
        Gives the log-likelihood (-inf outside) and the scores, shape (J, q).
    start
        Start, inside.
    most
        Largest absolute values; one that is reached and pulls outwards stays there.
    settled
        Gain in log-likelihood of one more step at which the search ends.
    curve
        Negative second derivatives to begin with, from a search that came near.
    """
    x = start.copy()
    value, scores = evaluate(x)
    fresh = curve is None
    if curve is None:
        curve = scores.T @ scores
    for _ in range(MOST_STEPS):
        slope = scores.sum(axis=0)
        held = np.zeros(len(x), dtype=bool) if most is None else (np.abs(x) >= most) & (x * slope > 0.0)
        step = _step(curve, slope, ~held)
        gain = float(slope @ step)
        if gain < settled:
            own = scores.T @ scores
            if float(slope @ _step(own, slope, ~held)) < max(SETTLED_BY_SCORES, settled):
                return Peak(x, scores, True, curve)
            if fresh:
                break
            curve, fresh = own, True  # the secants have led astray
            continue
        share, furthest = min(1.0, FURTHEST / float(np.abs(step).max())), float(np.abs(step).max())
        while share * furthest > LEAST_MOVE:
            trial = x + share * step if most is None else np.clip(x + share * step, -most, most)
            new, found = evaluate(trial)
            if new >= value - 1e-10 * abs(value):
                break
            share /= 2.0
        else:
            if fresh:
                break
            curve, fresh = scores.T @ scores, True
            continue
        moved, bent = trial - x, slope - found.sum(axis=0)
        x, value, scores, fresh = trial, new, found, False
        inner, stiff = float(moved @ bent), curve @ moved
        if inner > 1e-12 * float(moved @ stiff):
            curve = curve + np.outer(bent, bent) / inner - np.outer(stiff, stiff) / float(moved @ stiff)
    return Peak(x, scores, False, curve)


def _step(curve: Array, slope: Array, free: Array) -> Array:
    """Newton step in the free directions."""
    step = np.zeros(len(slope))
    own = curve[np.ix_(free, free)]
    step[free] = np.linalg.solve(own + 1e-10 * np.diag(np.diag(own)), slope[free])
    return step


def item_at_levels(codes: Array, clusters: Ints, n_clusters: int, n_categories: int) -> ItemAtLevels:
    """Estimate thresholds and the variance between clusters of one item.

    Parameters
    ----------
    codes
        0, 1, …, NaN where unanswered, shape (N,).
    clusters
        Codes of clusters, shape (N,).
    n_clusters, n_categories
        J and K + 1.
    """
    seen = ~np.isnan(codes)
    cells = clusters[seen] * n_categories + codes[seen].astype(np.int64)
    counts = np.bincount(cells, minlength=n_clusters * n_categories).astype(float)
    counts = counts.reshape(n_clusters, n_categories)
    return item_from(counts, lambda x, z: _item_scores(x, counts, z))


def item_from(counts: Array, scores_at: Scores, n_slopes: int = 0) -> ItemAtLevels:
    """Maximise the likelihood of one item.

    Parameters
    ----------
    counts
        Answers of each cluster in each category, shape (J, K + 1).
    scores_at
        Gives log-likelihood, scores and expected parts between at parameters, for points.
    n_slopes
        Covariates.
    """
    n_cuts = counts.shape[1] - 1
    share = np.cumsum(counts.sum(axis=0))[:-1] / counts.sum()
    deviation = _rough_deviation(counts)
    start = np.concatenate([ndtri(share) * np.sqrt(1.0 + deviation**2), np.zeros(n_slopes), [deviation]])
    most = float(counts.sum(axis=1).max())
    curve = None
    if n_slopes:  # rows are evaluated one by one: come near with every second point
        z = points_for(1.0 + KNOWN * most * max(start[-1], 0.3) ** 2)[::2]
        near = climb(lambda x, z=z: scores_at(x, z)[:2], start, settled=NEAR)  # type: ignore[misc]
        if near.converged and abs(near.x[-1]) > NEARLY_FLAT:
            start, curve = np.append(near.x[:-1], abs(near.x[-1])), near.curve
    for _ in range(4):  # until the points are close enough for the variance that was found
        planned = max(start[-1], 0.3) ** 2 * 1.2
        z = points_for(1.0 + KNOWN * most * planned)
        peak = climb(lambda x, z=z: scores_at(x, z)[:2], start, curve=curve)  # type: ignore[misc]
        start = np.append(peak.x[:-1], abs(peak.x[-1]))
        if start[-1] ** 2 <= planned:
            break
    settled = peak.converged
    if start[-1] < NEARLY_FLAT:  # a deviation of zero is flat in itself; the variance tells which way is up
        edge = np.concatenate([ndtri(share), start[n_cuts:-1], [np.sqrt(FLAT) / 2.0]])
        _, scores, _ = scores_at(edge, z)
        if scores[:, -1].sum() <= 0.0:
            start, settled = edge, True
    _, scores, expected = scores_at(start, z)
    scores[:, -1] /= 2.0 * max(start[-1], 1e-12)  # by the variance, not the standard deviation
    information = scores.T @ scores
    influence = np.linalg.lstsq(information, scores.T, rcond=1e-14)[0].T
    variance, slopes = float(start[-1] ** 2), start[n_cuts:-1]
    return ItemAtLevels(start[:n_cuts], variance, influence, expected, settled, slopes)


def _rough_deviation(counts: Array) -> float:
    """Standard deviation between clusters from the variance of cluster means over that of answers."""
    size = counts.sum(axis=1)
    code = np.arange(counts.shape[1])
    mean = counts.sum(axis=0) @ code / size.sum()
    total = counts.sum(axis=0) @ (code - mean) ** 2 / size.sum()
    used = size > 0
    means = counts[used] @ code / size[used]
    between = np.average((means - mean) ** 2, weights=size[used]) - total * used.sum() / size.sum()
    icc = float(np.clip(between / max(total, 1e-12), 0.05, 0.8))
    return float(np.sqrt(icc / (1.0 - icc)))


def _item_scores(x: Array, counts: Array, z: Array) -> tuple[float, Array, Array]:
    """Log-likelihood, scores by thresholds and deviation, and the expected part of each cluster."""
    tau, deviation = x[:-1], x[-1]
    if np.any(np.diff(tau) <= 0.0):
        return -np.inf, np.zeros((len(counts), len(x))), np.zeros(len(counts))
    edges = tau[None, :] - deviation * z[:, None]
    chance = np.maximum(_steps_between(ndtr(edges), ndtr(-edges)), LEAST_CELL)
    density = np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi)
    log_joint = counts @ np.log(chance).T + log_weights(z**2)
    log_likelihood = logsumexp(log_joint, axis=1)
    posterior = np.exp(log_joint - log_likelihood[:, None])
    scores = np.empty((len(counts), len(x)))
    scores[:, :-1] = counts[:, :-1] * (posterior @ (density / chance[:, :-1]))
    scores[:, :-1] -= counts[:, 1:] * (posterior @ (density / chance[:, 1:]))
    moved = np.diff(density, axis=1, prepend=0.0, append=0.0) / chance
    scores[:, -1] = -(counts * (posterior @ (moved * z[:, None]))).sum(axis=1)
    return float(log_likelihood.sum()), scores, np.asarray(posterior @ (deviation * z))


def _steps_between(below: Array, above: Array) -> Array:
    """Chances of categories from the chances below and above each threshold, with digits in both tails."""
    from_below = np.diff(below, axis=1, prepend=0.0, append=1.0)
    from_above = -np.diff(above, axis=1, prepend=1.0, append=0.0)
    upper = np.concatenate([below, np.ones((len(below), 1))], axis=1) > 0.5
    return np.where(upper, from_above, from_below)
