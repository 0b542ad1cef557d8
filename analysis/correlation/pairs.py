"""Polychoric correlations of all pairs at once: second step of two-step maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import (
    MODERATE,
    NEAR,
    bivariate_cdf,
    bivariate_density,
    cell_differences,
    cells_below,
    gained,
)

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

BOUND = 0.9999
SMALLEST_PROBABILITY = 1e-15
PAIRS_AT_ONCE = 512
MAX_STEPS = 100
TOLERANCE = 1e-11
CLOSE = 1e-6
"""A step of Newton's search this small, in units of 1 − ρ², leaves an error of the order of its square."""
FLAT = 1e-4  # an information below this is a standard error above 100: the likelihood has no maximum inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairFit:
    """Estimates of all pairs.

    Attributes
    ----------
    rho
        Correlations, shape (n_pairs,).
    at_bound
        Pairs whose likelihood rises up to ±`BOUND`, shape (n_pairs,).
    converged
        Pairs whose next step would be below `TOLERANCE`, shape (n_pairs,).
    """

    rho: Array
    at_bound: npt.NDArray[np.bool_]
    converged: npt.NDArray[np.bool_]


def fit_pairs(tables: Array, row_thresholds: Array, column_thresholds: Array) -> PairFit:
    """Maximise Σ n log π(ρ) of every table over its correlation, thresholds held fixed.

    Newton steps inside a shrinking bracket; where the curvature is not negative or a step leaves the
    bracket, the bracket is halved. Pairs leave the iteration as they converge. Where the likelihood only
    flattens towards ±1, as an empty corner of a 2 × 2 table makes it, the estimate is the bound.

    Parameters
    ----------
    tables
        Counts, shape (n_pairs, k, k).
    row_thresholds, column_thresholds
        Shape (n_pairs, k − 1), absent ones +∞.

    Returns
    -------
    PairFit
        Correlations with their state.
    """
    rho = np.empty(len(tables))
    converged = np.empty(len(tables), dtype=bool)
    for start in range(0, len(tables), PAIRS_AT_ONCE):
        block = slice(start, start + PAIRS_AT_ONCE)
        rho[block], converged[block] = _fit_block(
            tables[block], row_thresholds[block], column_thresholds[block]
        )
    return PairFit(rho=rho, at_bound=np.abs(rho) > BOUND - 1e-6, converged=converged)


def _fit_block(tables: Array, rows: Array, columns: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    rho = _starting_values(tables)
    low, high = np.full(len(rho), -BOUND), np.full(len(rho), BOUND)
    active, corners = np.arange(len(rho)), _Corners(rows, columns)
    for _ in range(MAX_STEPS):
        here = rho[active]
        slope, curvature = corners.derivatives(tables[active], active, here)
        low[active] = np.where(slope > 0, here, low[active])
        high[active] = np.where(slope < 0, here, high[active])
        proposal = next_point(here, slope, curvature, low[active], high[active])
        rho[active] = proposal
        step = np.abs(proposal - here)
        with np.errstate(divide="ignore", invalid="ignore"):  # no curvature: no step of Newton's was made
            close = (step < CLOSE * (1 - here**2)) & (proposal == here - slope / curvature)
        active = active[(step > TOLERANCE) & ~close]
        if not active.size:
            break
    converged = np.ones(len(rho), dtype=bool)
    converged[active] = False
    return rho, converged


def next_point(here: Array, slope: Array, curvature: Array, low: Array, high: Array) -> Array:
    """Step of a safeguarded Newton search for correlations.

    Parameters
    ----------
    here
        Correlations now, any shape.
    slope, curvature
        First and second derivatives of the log likelihood there.
    low, high
        Bracket of the maximum.

    Returns
    -------
    numpy.ndarray
        The next correlations.
    """
    concave = curvature < 0
    newton = here - slope / np.where(concave, curvature, -1.0)
    reach = np.tanh(np.arctanh(here) + np.sign(slope))
    nearest = np.where(slope > 0, np.minimum(reach, high), np.maximum(reach, low))
    halved = np.where(slope == 0, here, 0.5 * (here + nearest))
    flat = (np.abs(curvature) < FLAT) & (np.abs(slope) < FLAT)
    halved = np.where(flat, np.copysign(BOUND, here), halved)
    inside = concave & ~flat & (newton >= np.minimum(here, nearest)) & (newton <= np.maximum(here, nearest))
    return np.where(inside, newton, halved)


def _starting_values(tables: Array) -> Array:
    """Product-moment correlation of the category positions, a little enlarged."""
    n = tables.sum((1, 2))
    levels = np.arange(tables.shape[1], dtype=float)
    rows, columns = tables.sum(2), tables.sum(1)
    mean_r, mean_c = rows @ levels / n, columns @ levels / n
    covariance = np.einsum("pab,a,b->p", tables, levels, levels) / n - mean_r * mean_c
    spread = (rows @ levels**2 / n - mean_r**2) * (columns @ levels**2 / n - mean_c**2)
    start = 1.1 * covariance / np.sqrt(np.maximum(spread, 1e-12))
    return np.clip(np.nan_to_num(start), -0.9, 0.9)


def cell_derivative(rows: Array, columns: Array, rho: Array) -> Array:
    """Derivative of the cell probabilities by the correlation.

    Parameters
    ----------
    rows, columns
        Thresholds, shape (n_pairs, k − 1).
    rho
        Correlations, shape (n_pairs,).

    Returns
    -------
    numpy.ndarray
        Shape (n_pairs, k, k).
    """
    return cell_differences(
        _framed(bivariate_density(rows[:, :, None], columns[:, None, :], rho[:, None, None]))
    )


def _framed(corners: Array) -> Array:
    """Surround corner values with zeros: densities vanish at infinity."""
    n_pairs, rows, columns = corners.shape
    framed = np.zeros((n_pairs, rows + 2, columns + 2))
    framed[:, 1:-1, 1:-1] = corners
    return framed


class _Corners:
    """Crossed thresholds of pairs, and the distribution there: what is added from step to step is integrated.

    Parameters
    ----------
    rows, columns
        Thresholds, shape (n_pairs, k − 1), absent ones +∞.
    """

    def __init__(self, rows: Array, columns: Array) -> None:
        h, k = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
        self.finite = np.isfinite(h) & np.isfinite(k)
        self.h, self.k = np.where(self.finite, h, 0.0), np.where(self.finite, k, 0.0)
        self.product, self.squares = self.h * self.k, self.h**2 + self.k**2
        self.rows, self.columns = ndtr(rows), ndtr(columns)
        self.single = ndtr(np.minimum(h, k))
        self.angle = np.full(len(rows), np.inf)
        self.below = np.empty(h.shape)

    def derivatives(self, tables: Array, pairs: Places, rho: Array) -> tuple[Array, Array]:
        """First and second derivatives of the log likelihood of some pairs at their correlations."""
        self._move(pairs, rho)
        below = np.where(self.finite[pairs], np.clip(self.below[pairs], 0.0, 1.0), self.single[pairs])
        probability = cells_below(below, self.rows[pairs], self.columns[pairs])
        probability = np.maximum(probability, SMALLEST_PROBABILITY)
        product, squares, r = self.product[pairs], self.squares[pairs], rho[:, None, None]
        spread = 1 - r * r
        dense = np.exp((r * product - 0.5 * squares) / spread) / (2 * np.pi * np.sqrt(spread))
        dense *= self.finite[pairs]
        change = dense * (r / spread + (product * (1 + r * r) - r * squares) / spread**2)
        first = cell_differences(_framed(dense)) / probability
        second = cell_differences(_framed(change)) / probability
        return np.sum(tables * first, (1, 2)), np.sum(tables * (second - first * first), (1, 2))

    def _move(self, pairs: Places, rho: Array) -> None:
        """Bring the distribution of some pairs to new correlations."""
        angle, before = np.arcsin(rho), self.angle[pairs]
        moderate = np.abs(rho) <= MODERATE
        near = moderate & (np.abs(angle - before) <= NEAR) & (np.abs(before) <= np.arcsin(MODERATE))
        if (own := pairs[near]).size:
            start, end = before[near][:, None, None], angle[near][:, None, None]
            self.below[own] += gained(self.product[own], self.squares[own], start, end)
        if (own := pairs[~near]).size:
            for kind in (moderate[~near], ~moderate[~near]):  # apart: one large correlation slows all others
                some, r = own[kind], rho[~near][kind]
                self.below[some] = bivariate_cdf(self.h[some], self.k[some], r[:, None, None])
        self.angle[pairs] = angle
