"""Maximum likelihood for complete rows: discrepancy, derivatives and casewise scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from analysis.structural.estimation.ram import (
    Array,
    GroupModel,
    Slopes,
    State,
    curvature,
    evaluate,
    gradient,
    slopes,
    vech_places,
)


@dataclass(frozen=True, slots=True)
class Moments:
    """Sample moments of one group; the covariance divides by n."""

    n: float
    mean: Array
    covariance: Array

    @property
    def log_det(self) -> float:
        """Logarithm of the determinant of the covariance."""
        return float(np.linalg.slogdet(self.covariance)[1])


def invert(sigma: Array) -> tuple[Array, float] | None:
    """Inverse and log determinant, or None when the matrix is not positive definite."""
    try:
        factor = cho_factor(sigma, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    inverse = cho_solve(factor, np.eye(len(sigma)), check_finite=False)
    log_det = 2.0 * float(np.log(np.diag(factor[0])).sum())
    if not np.isfinite(log_det):
        return None
    return (inverse + inverse.T) / 2, log_det


def trace_form(parts: Slopes, one: Array, two: Array) -> Array:
    """tr(dSigma_a one dSigma_b two) for all pairs of parameters; leading axes are batched."""
    left, right = parts.left, parts.right
    left_one, right_one = left.T @ one, right.T @ one
    left_two, right_two = (left_one, right_one) if two is one else (left.T @ two, right.T @ two)
    return (
        (right_one @ left) * (left_two @ right)
        + (right_one @ right) * (left_two @ left)
        + (left_one @ left) * (right_two @ right)
        + (left_one @ right) * (right_two @ left)
    )


class NormalDiscrepancy:
    """F = sum over groups of n_g/N [log|Sigma| + tr(T Sigma^-1) - log|S| - p], T = S + d d'.

    Parameters
    ----------
    groups
        Model templates, one per group.
    moments
        Sample moments, one per group.
    n_free
        Length of the parameter vector.
    with_means
        Whether d = mean - mu enters.
    """

    def __init__(
        self, groups: list[GroupModel], moments: list[Moments], n_free: int, with_means: bool
    ) -> None:
        self.groups, self.moments, self.n_free, self.with_means = groups, moments, n_free, with_means
        self.n = sum(m.n for m in moments)
        self._saturated = [m.log_det + len(m.mean) for m in moments]

    def states(self, x: Array) -> list[State]:
        """Evaluate every group."""
        return [evaluate(group, x) for group in self.groups]

    def _weight(self, state: State, moments: Moments) -> tuple[Array, Array, Array, float] | None:
        """Sigma^-1, T, d and the discrepancy of one group."""
        found = invert(state.sigma)
        if found is None:
            return None
        inverse, log_det = found
        distance = moments.mean - state.mu if self.with_means else np.zeros(len(moments.mean))
        target = moments.covariance + np.outer(distance, distance)
        return inverse, target, distance, log_det + float(np.sum(inverse * target))

    def value(self, x: Array) -> float:
        """Discrepancy; infinite where an implied covariance is not positive definite."""
        total = 0.0
        for state, moments, saturated in zip(self.states(x), self.moments, self._saturated, strict=True):
            found = self._weight(state, moments)
            if found is None:
                return float("inf")
            total += moments.n / self.n * (found[3] - saturated)
        return total

    def group_values(self, x: Array) -> Array:
        """Discrepancy of every group."""
        values = []
        for state, moments, saturated in zip(self.states(x), self.moments, self._saturated, strict=True):
            found = self._weight(state, moments)
            values.append(np.inf if found is None else found[3] - saturated)
        return np.array(values)

    def gradient(self, x: Array) -> Array:
        """First derivatives of the discrepancy."""
        result = np.zeros(self.n_free)
        for group, state, moments in zip(self.groups, self.states(x), self.moments, strict=True):
            inverse, target, distance, _ = self._found(state, moments)
            by_sigma = inverse - inverse @ target @ inverse
            by_mu = -2.0 * inverse @ distance
            result += moments.n / self.n * gradient(group, state, by_sigma, by_mu, self.n_free)
        return result

    def expected(self, x: Array) -> Array:
        """Expected second derivatives (Fisher scoring)."""
        result = np.zeros((self.n_free, self.n_free))
        for group, state, moments in zip(self.groups, self.states(x), self.moments, strict=True):
            inverse = self._found(state, moments)[0]
            parts = slopes(group, state)
            block = trace_form(parts, inverse, inverse)
            if self.with_means:
                block = block + 2.0 * parts.mean.T @ inverse @ parts.mean
            result[np.ix_(parts.index, parts.index)] += moments.n / self.n * block
        return result

    def observed(self, x: Array) -> Array:
        """Observed second derivatives."""
        result = np.zeros((self.n_free, self.n_free))
        for group, state, moments in zip(self.groups, self.states(x), self.moments, strict=True):
            inverse, target, distance, _ = self._found(state, moments)
            weight = moments.n / self.n
            swept = inverse @ target @ inverse
            parts = slopes(group, state)
            mixed = trace_form(parts, inverse, swept)
            block = mixed + mixed.T - trace_form(parts, inverse, inverse)
            block = block + mean_curvature(parts, inverse, distance)
            by_mu = -2.0 * inverse @ distance
            result[np.ix_(parts.index, parts.index)] += weight * block
            result += weight * curvature(group, state, inverse - swept, by_mu, self.n_free)
        return result

    def _found(self, state: State, moments: Moments) -> tuple[Array, Array, Array, float]:
        found = self._weight(state, moments)
        if found is None:
            raise np.linalg.LinAlgError("implied covariance is not positive definite")
        return found


def mean_curvature(parts: Slopes, inverse: Array, distance: Array) -> Array:
    """Second-derivative terms that involve the means."""
    pull = inverse @ distance
    swung = parts.left * (pull @ parts.right) + parts.right * (pull @ parts.left)  # dSigma_b V d
    cross = 2.0 * parts.mean.T @ inverse @ swung
    block: Array = cross + cross.T + 2.0 * parts.mean.T @ inverse @ parts.mean
    return block


def casewise_scores(values: Array, mu: Array, inverse: Array, with_means: bool) -> Array:
    """Scores of complete rows by (mu, vech Sigma); shape (n, p + p(p+1)/2) or without the means."""
    row, column = vech_places(len(mu))
    pulled = (values - mu) @ inverse
    twice = np.where(row == column, 0.5, 1.0)
    by_sigma = (pulled[:, row] * pulled[:, column] - inverse[row, column]) * twice
    return np.hstack([pulled, by_sigma]) if with_means else by_sigma


def saturated_information(inverse: Array, with_means: bool) -> Array:
    """Expected information of (mu, vech Sigma) for one row."""
    p = len(inverse)
    row, column = vech_places(p)
    block = 0.5 * (
        inverse[np.ix_(row, row)] * inverse[np.ix_(column, column)]
        + inverse[np.ix_(row, column)] * inverse[np.ix_(column, row)]
    )
    twice = np.where(row == column, 1.0, 2.0)
    block = block * np.outer(twice, twice) / 2.0
    if not with_means:
        return block
    size = p + len(row)
    full = np.zeros((size, size))
    full[:p, :p] = inverse
    full[p:, p:] = block
    return full
