"""Maximum likelihood with missing answers: one batch over missing patterns, EM for the saturated model.

Every pattern enters as a p x p matrix whose missing rows and columns are those of the identity, so
all patterns are inverted together. With V_k the inverse restricted to the observed part, T_k the
sample covariance of the pattern about mu and d_k its mean deviation,
G = sum w_k (V_k - V_k T_k V_k) and h = -2 sum w_k V_k d_k are the derivatives of the discrepancy by
Sigma and mu, and one EM step is mu - Sigma h / 2, Sigma - Sigma G Sigma - (step)(step)'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.structural.estimation.ram import (
    Array,
    GroupModel,
    Ints,
    State,
    curvature,
    evaluate,
    gradient,
    jacobian,
    vech_places,
)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Sufficient statistics per missing pattern; missing entries are zero."""

    n: Array  # (k,)
    observed: Array  # (k, p) of 0 and 1
    mean: Array  # (k, p)
    covariance: Array  # (k, p, p)
    member: np.ndarray  # pattern of each row

    @property
    def total(self) -> float:
        """Rows."""
        return float(self.n.sum())


def find_patterns(values: Array, weights: Array | None = None) -> Patterns:
    """Group rows by which answers are missing; weighted rows enter with their weights."""
    seen = ~np.isnan(values)
    packed = np.packbits(seen, axis=1)
    _, first, member = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    member = member.ravel()
    observed = seen[first].astype(float)
    rows = np.bincount(member)
    count = np.bincount(member, weights).astype(float)
    filled = np.where(seen, values, 0.0)
    order = np.argsort(member, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(rows)])
    weighted = filled if weights is None else filled * weights[:, None]
    mean = np.add.reduceat(weighted[order], bounds[:-1], axis=0) / count[:, None]
    centred = filled[order] - mean[member[order]]
    if weights is not None:
        centred *= np.sqrt(weights[order])[:, None]
    covariance = np.empty((len(count), values.shape[1], values.shape[1]))
    for k in range(len(count)):
        block = centred[bounds[k] : bounds[k + 1]]
        covariance[k] = block.T @ block / count[k]
    return Patterns(count, observed, mean, covariance, member)


@dataclass(frozen=True, slots=True)
class Swept:
    """Inverses and deviations of all patterns at given moments."""

    inverse: Array  # (k, p, p), zero where missing
    distance: Array  # (k, p)
    log_det: Array  # (k,)
    target: Array  # (k, p, p)

    @property
    def pulled(self) -> Array:
        """V d of every pattern."""
        result: Array = np.einsum("kij,kj->ki", self.inverse, self.distance)
        return result


def sweep(patterns: Patterns, sigma: Array, mu: Array) -> Swept | None:
    """Invert the observed part of sigma for every pattern; None when not positive definite."""
    p = len(mu)
    mask = patterns.observed
    padded = sigma * (mask[:, :, None] * mask[:, None, :])
    padded[:, np.arange(p), np.arange(p)] += 1.0 - mask
    try:
        factor = np.linalg.cholesky(padded)
    except np.linalg.LinAlgError:
        return None
    log_det = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    inverse = np.linalg.inv(padded)
    inverse[:, np.arange(p), np.arange(p)] -= 1.0 - mask
    distance = (patterns.mean - mu) * mask
    target = patterns.covariance + distance[:, :, None] * distance[:, None, :]
    return Swept(inverse, distance, log_det, target)


def discrepancy(patterns: Patterns, sigma: Array, mu: Array) -> float:
    """Minus twice the mean log-likelihood of a row, without the constant."""
    found = sweep(patterns, sigma, mu)
    if found is None:
        return float("inf")
    values = found.log_det + np.einsum("kij,kij->k", found.inverse, found.target)
    return float(patterns.n @ values / patterns.total)


def moment_slopes(patterns: Patterns, found: Swept) -> tuple[Array, Array]:
    """Derivatives G and h of the discrepancy by Sigma and mu."""
    return summed_slopes(patterns.n / patterns.total, found)


def summed_slopes(weight: Array, found: Swept) -> tuple[Array, Array]:
    """Weighted sums over patterns of the derivatives by Sigma and mu."""
    pulled = found.inverse @ found.target @ found.inverse
    by_sigma = np.tensordot(weight, found.inverse - pulled, axes=1)
    by_mu = -2.0 * weight @ found.pulled
    return (by_sigma + by_sigma.T) / 2, by_mu


def saturated_moments(
    patterns: Patterns, start_mean: Array, start_cov: Array, tolerance: float = 1e-10, max_steps: int = 2000
) -> tuple[Array, Array, int, bool]:
    """EM for mean and covariance, sped up by squared extrapolation.

    Returns
    -------
    mean, covariance, steps, converged
    """
    mean, cov = start_mean.copy(), start_cov.copy()

    def em(mean: Array, cov: Array) -> tuple[Array, Array] | None:
        found = sweep(patterns, cov, mean)
        if found is None:
            return None
        by_sigma, by_mu = moment_slopes(patterns, found)
        step = -0.5 * cov @ by_mu
        new = cov - cov @ by_sigma @ cov - np.outer(step, step)
        return mean + step, (new + new.T) / 2

    scale = np.sqrt(np.diag(start_cov))
    for step in range(1, max_steps + 1):
        one = em(mean, cov)
        if one is None:
            return mean, cov, step, False
        change = _distance(one, (mean, cov), scale)
        if change < tolerance:
            return one[0], one[1], step, True
        two = em(*one)
        if two is None:
            return mean, cov, step, False
        mean, cov = _extrapolate((mean, cov), one, two, patterns)
    return mean, cov, max_steps, False


def _distance(one: tuple[Array, Array], two: tuple[Array, Array], scale: Array) -> float:
    by_mean = np.max(np.abs((one[0] - two[0]) / scale))
    return float(max(by_mean, np.max(np.abs((one[1] - two[1]) / np.outer(scale, scale)))))


def _extrapolate(
    zero: tuple[Array, Array], one: tuple[Array, Array], two: tuple[Array, Array], patterns: Patterns
) -> tuple[Array, Array]:
    first = [b - a for a, b in zip(zero, one, strict=True)]
    second = [c - b - f for b, c, f in zip(one, two, first, strict=True)]
    below = sum(float(np.sum(s * s)) for s in second)
    if below <= 0.0:
        return two
    length = -np.sqrt(sum(float(np.sum(f * f)) for f in first) / below)
    if length >= -1.0:
        return two
    mean, cov = (z - 2.0 * length * f + length**2 * s for z, f, s in zip(zero, first, second, strict=True))
    better = discrepancy(patterns, cov, mean) < discrepancy(patterns, two[1], two[0])
    return (mean, cov) if better else two


class FimlDiscrepancy:
    """Casewise likelihood of rows with missing answers, relative to the saturated model."""

    def __init__(
        self,
        groups: list[GroupModel],
        patterns: list[Patterns],
        saturated: list[tuple[Array, Array]],
        n_free: int,
    ) -> None:
        self.groups, self.patterns, self.n_free = groups, patterns, n_free
        self.n = sum(p.total for p in patterns)
        self._saturated = [discrepancy(p, s[1], s[0]) for p, s in zip(patterns, saturated, strict=True)]

    def group_values(self, x: Array) -> Array:
        """Discrepancy of every group."""
        states = [evaluate(group, x) for group in self.groups]
        return np.array(
            [
                discrepancy(p, s.sigma, s.mu) - h
                for p, s, h in zip(self.patterns, states, self._saturated, strict=True)
            ]
        )

    def value(self, x: Array) -> float:
        """Discrepancy over all groups."""
        weights = np.array([p.total for p in self.patterns]) / self.n
        return float(weights @ self.group_values(x))

    def gradient(self, x: Array) -> Array:
        """First derivatives."""
        result = np.zeros(self.n_free)
        for group, patterns in zip(self.groups, self.patterns, strict=True):
            state = evaluate(group, x)
            by_sigma, by_mu = moment_slopes(patterns, _swept(patterns, state))
            result += patterns.total / self.n * gradient(group, state, by_sigma, by_mu, self.n_free)
        return result

    def expected(self, x: Array) -> Array:
        """Second derivatives expected for the patterns at hand."""
        return self._second(x, observed=False)

    def observed(self, x: Array) -> Array:
        """Observed second derivatives."""
        return self._second(x, observed=True)

    def _second(self, x: Array, *, observed: bool) -> Array:
        result = np.zeros((self.n_free, self.n_free))
        for group, patterns in zip(self.groups, self.patterns, strict=True):
            state = evaluate(group, x)
            found = _swept(patterns, state)
            weight = patterns.total / self.n
            by_sigma, by_mu = jacobian(group, state, self.n_free)
            delta = np.vstack([by_mu, by_sigma])
            result += weight * delta.T @ _moment_curvature(patterns, found, observed=observed) @ delta
            if observed:
                slope_sigma, slope_mu = moment_slopes(patterns, found)
                result += weight * curvature(group, state, slope_sigma, slope_mu, self.n_free)
        return result


def _swept(patterns: Patterns, state: State) -> Swept:
    found = sweep(patterns, state.sigma, state.mu)
    if found is None:
        raise np.linalg.LinAlgError("implied covariance is not positive definite")
    return found


def saturated_information(patterns: Patterns, sigma: Array, mu: Array, *, observed: bool) -> Array:
    """Information of one row about (mu, vech Sigma) at given moments, over the patterns at hand."""
    found = sweep(patterns, sigma, mu)
    if found is None:
        raise np.linalg.LinAlgError("covariance is not positive definite")
    return _moment_curvature(patterns, found, observed=observed) / 2.0


def _moment_curvature(patterns: Patterns, found: Swept, *, observed: bool) -> Array:
    """Second derivatives of the discrepancy by (mu, vech Sigma)."""
    return summed_curvature(patterns.n / patterns.total, found, observed=observed)


@cache
def _places_of_pairs(p: int) -> Ints:
    """Where the four terms of each pair of covariances stand in a matrix of shape (p, p, p, p), made flat."""
    row, column = vech_places(p)
    ra, ca, rb, cb = row[:, None], column[:, None], row[None, :], column[None, :]
    four = ((ca, cb, ra, rb), (ca, rb, ra, cb), (ra, cb, ca, rb), (ra, rb, ca, cb))
    return np.stack([((a * p + b) * p + c) * p + d for a, b, c, d in four])


def summed_curvature(weight: Array, found: Swept, *, observed: bool) -> Array:
    """Weighted sum over patterns of the second derivatives by (mu, vech Sigma)."""
    result: Array = summed_curvatures(weight[None], found, observed=observed)[0]
    return result


def summed_curvatures(weights: Array, found: Swept, *, observed: bool) -> Array:
    """Several weighted sums over patterns of the second derivatives by (mu, vech Sigma).

    The sum of Kronecker products over patterns is one matrix product; entries are looked up after.
    """
    p, m = found.inverse.shape[1], len(weights)
    row, column = vech_places(p)
    weighted = weights[:, :, None, None] * found.inverse
    swept = found.inverse / 2.0
    if observed:
        swept = found.inverse @ found.target @ found.inverse - swept
    flat = weighted.reshape(m, -1, p * p)
    product = np.swapaxes(flat, 1, 2) @ swept.reshape(-1, p * p)
    product = (product + np.swapaxes(product, 1, 2)).reshape(m, -1)
    block = product[:, _places_of_pairs(p)].sum(axis=1)
    twice = np.where(row == column, 0.5, 1.0)
    result = np.zeros((m, p + len(row), p + len(row)))
    result[:, p:, p:] = block * np.outer(twice, twice)
    result[:, :p, :p] = 2.0 * weighted.sum(axis=1)
    if observed:
        pull = (np.swapaxes(flat, 1, 2) @ found.pulled).reshape(m, p, p, p)
        cross = 2.0 * (pull[:, :, row, column] + pull[:, :, column, row]) * twice
        result[:, :p, p:] = cross
        result[:, p:, :p] = np.swapaxes(cross, 1, 2)
    return result


def casewise_scores(values: Array, patterns: Patterns, sigma: Array, mu: Array) -> Array:
    """Scores of rows by (mu, vech Sigma), shape (n, p + p(p+1)/2)."""
    found = sweep(patterns, sigma, mu)
    if found is None:
        raise np.linalg.LinAlgError("covariance is not positive definite")
    row, column = vech_places(len(mu))
    twice = np.where(row == column, 0.5, 1.0)
    deviation = np.where(np.isnan(values), 0.0, values - mu)
    pulled = np.empty_like(deviation)
    scores = np.empty((len(values), len(mu) + len(row)))
    for k in range(len(patterns.n)):
        rows = np.flatnonzero(patterns.member == k)
        pulled[rows] = deviation[rows] @ found.inverse[k]
        scores[rows, len(mu) :] = -found.inverse[k][row, column] * twice
    scores[:, : len(mu)] = pulled
    scores[:, len(mu) :] += pulled[:, row] * pulled[:, column] * twice
    return scores
