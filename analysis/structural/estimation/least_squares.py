"""Least squares on thresholds and correlations with diagonal weights: discrepancy and derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.categorical import (
    OrdinalGroup,
    OrdinalSlopes,
    OrdinalState,
    evaluate_ordinal,
    moment_slopes,
    ordinal_slopes,
)
from analysis.structural.estimation.ram import Array, Ints, curvature, vech_places


@dataclass(frozen=True, slots=True)
class _Point:
    """One group at given parameter values; `delta` holds only the columns the group depends on."""

    state: OrdinalState
    slopes: OrdinalSlopes
    delta: Array
    gap: Array


class LeastSquaresDiscrepancy:
    """F = sum over groups of (n_g - 1)/N (s - m)' W (s - m) with diagonal W.

    Parameters
    ----------
    groups
        Model templates.
    sample
        Sample thresholds and correlations, one vector per group.
    weights
        Diagonal of W, one vector per group.
    sizes
        Rows per group.
    n_free
        Length of the parameter vector.
    """

    def __init__(
        self,
        groups: list[OrdinalGroup],
        sample: list[Array],
        weights: list[Array],
        sizes: list[float],
        n_free: int,
    ) -> None:
        self.groups, self.sample, self.weights, self.n_free = groups, sample, weights, n_free
        self.sizes = sizes
        self.n = float(sum(sizes))
        self.shares = [(size - 1.0) / self.n for size in sizes]
        self.columns = [_columns(group) for group in groups]
        self._last: tuple[bytes, list[_Point]] = (b"", [])
        self._seen: tuple[bytes, list[OrdinalState]] = (b"", [])

    def value(self, x: Array) -> float:
        """Discrepancy; infinite where an implied variance is not positive."""
        total = float(np.array(self.shares) @ self._gaps(x))
        return total if np.isfinite(total) else float("inf")

    def group_values(self, x: Array) -> Array:
        """Discrepancy of every group, scaled so that n_g times it is its part of chi-square."""
        sizes = np.array(self.sizes, dtype=float)
        return self._gaps(x) * np.array(self.shares) * self.n / sizes

    def _gaps(self, x: Array) -> Array:
        found = []
        for state, sample, weight in zip(self._states(x), self.sample, self.weights, strict=True):
            gap = sample - state.moments
            found.append(float((weight * gap) @ gap))
        return np.array(found)

    def _states(self, x: Array) -> list[OrdinalState]:
        """Implied moments at x, kept until another x is asked for."""
        key = x.tobytes()
        if self._seen[0] != key:
            self._seen = (key, [evaluate_ordinal(group, x) for group in self.groups])
        return self._seen[1]

    def _points(self, x: Array) -> list[_Point]:
        """Derivatives at x, kept until another x is asked for."""
        key = x.tobytes()
        if self._last[0] != key:
            points = []
            for group, state, sample, columns in zip(
                self.groups, self._states(x), self.sample, self.columns, strict=True
            ):
                by = ordinal_slopes(group, state, self.n_free)
                parts = (by.sigma, by.mu, by.scales, by.thresholds, by.paths)
                by = OrdinalSlopes(*(m[:, columns] for m in parts))
                points.append(_Point(state, by, moment_slopes(group, state, by), sample - state.moments))
            self._last = (key, points)
        return self._last[1]

    def gradient(self, x: Array) -> Array:
        """First derivatives."""
        result = np.zeros(self.n_free)
        for point, weight, share, columns in self._each(x):
            result[columns] -= 2.0 * share * point.delta.T @ (weight * point.gap)
        return result

    def expected(self, x: Array) -> Array:
        """Gauss-Newton second derivatives."""
        result = np.zeros((self.n_free, self.n_free))
        for point, weight, share, columns in self._each(x):
            weighted = (2.0 * share * weight)[:, None] * point.delta
            result[columns[:, None], columns] += point.delta.T @ weighted
        return result

    def observed(self, x: Array) -> Array:
        """Second derivatives; where items regress on each other, without the change of their residuals.

        With covariates those of Gauss and Newton.
        """
        result = self.expected(x)
        if any(len(group.covariates) for group in self.groups):
            return result
        for group, (point, weight, share, columns) in zip(self.groups, self._each(x), strict=True):
            pull = -2.0 * share * weight * point.gap
            by_sigma, by_mu, block = _second_order(group, point, pull)
            result[columns[:, None], columns] += block
            result += curvature(group.base, point.state.base, by_sigma, by_mu, self.n_free)
        return result

    def _each(self, x: Array) -> list[tuple[_Point, Array, float, Ints]]:
        return list(zip(self._points(x), self.weights, self.shares, self.columns, strict=True))


def _columns(group: OrdinalGroup) -> Ints:
    base = group.base
    places = (
        base.free_directed,
        base.free_symmetric,
        base.free_intercepts,
        group.free_thresholds,
        group.free_scales,
    )
    return np.unique(np.concatenate([place.index for place in places]))


def _second_order(group: OrdinalGroup, point: _Point, pull: Array) -> tuple[Array, Array, Array]:
    """Second derivatives of the moments times `pull`: weights for Sigma and mu, and products of slopes.

    With m = delta_i delta_j sigma_ij and m = (tau - mu_i) delta_i the products are those of
    d delta with d sigma, d tau and d mu; in the theta parameterisation delta bends with sigma_ii.
    """
    state, by = point.state, point.slopes
    scales, sigma = state.scales, state.base.sigma
    p, n_thresholds, line = len(scales), len(group.item), group.continuous
    of_means, of_variances, of_pairs = np.split(pull[n_thresholds:], [len(line), 2 * len(line)])
    row, column = vech_places(p)
    below = np.flatnonzero(row != column)
    r, c = row[below], column[below]
    pairs = np.zeros((p, p))
    pairs[r, c] = pairs[c, r] = of_pairs
    by_sigma = pairs * np.outer(scales, scales) / 2.0
    by_sigma[line, line] = of_variances
    onto_item = np.zeros((p, n_thresholds))
    onto_item[group.item, np.arange(n_thresholds)] = pull[:n_thresholds]
    by_mu = -onto_item.sum(axis=1) * scales
    by_mu[line] = of_means
    size = by.scales.shape[1]
    if not by.scales.any():
        return by_sigma, by_mu, np.zeros((size, size))
    spread = np.zeros((p, size))
    weighted = of_pairs[:, None] * by.sigma[below]
    np.add.at(spread, r, weighted * scales[c][:, None])
    np.add.at(spread, c, weighted * scales[r][:, None])
    spread += onto_item @ (by.thresholds - by.mu[group.item])
    cross = by.scales.T @ spread
    block = cross + cross.T + by.scales.T @ (pairs * sigma) @ by.scales
    if group.theta:
        centred = state.thresholds - state.base.mu[group.item]
        bend = (pairs * sigma) @ scales + onto_item @ centred
        bend[line] = 0.0
        by_sigma = by_sigma + np.diag(-0.5 * bend * scales**3)
        own = by.sigma[np.flatnonzero(row == column)]
        block = block + own.T @ ((0.75 * bend * scales**5)[:, None] * own)
    return by_sigma, by_mu, block
