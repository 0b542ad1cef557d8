"""Correlations of many pairs at once, first step held: ordinal with continuous, ordinal with ordinal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import ROOT_TWO_PI, normal_density, rectangle_probabilities
from analysis.correlation.continuous_pairs import NEWTON_ENOUGH, SMALLEST
from analysis.correlation.pairs import BOUND, MAX_STEPS, cell_derivative, next_point

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FARTHEST_START = 0.9
CELLS_AT_ONCE = 200_000  # pairs times people


class Between:
    """Normal variables known to lie between limits, each beside a standardised continuous one.

    Parameters
    ----------
    lower, upper
        Limits of each person, shape (n_pairs, n); minus and plus infinity for who is not to count.
    z
        Standardised values, shape (n_pairs, n); any number for who is not to count.
    """

    def __init__(self, lower: Array, upper: Array, z: Array) -> None:
        cut = np.array([upper, lower])
        known = np.isfinite(cut)
        self.z = z
        self.tau = np.where(known, cut, 0.0)
        self.beyond = np.where(known, 0.0, cut > 0)
        self.known = known.astype(float)

    def search(self, start: Array) -> tuple[Array, Mask]:
        """Find the correlations by maximum likelihood.

        Parameters
        ----------
        start
            Where the searches begin, shape (n_pairs,).

        Returns
        -------
        tuple
            ρ and whether the search converged, shape (n_pairs,).
        """
        rho = np.clip(start, -FARTHEST_START, FARTHEST_START)
        low, high = np.full(len(rho), -BOUND), np.full(len(rho), BOUND)
        active = np.arange(len(rho))
        for _ in range(MAX_STEPS):
            here = rho[active]
            slope, curvature = self._derivatives(here, active)
            low[active] = np.where(slope > 0, here, low[active])
            high[active] = np.where(slope < 0, here, high[active])
            rho[active] = next_point(here, slope, curvature, low[active], high[active])
            active = active[np.abs(rho[active] - here) > NEWTON_ENOUGH]
            if not active.size:
                break
        converged = np.ones(len(rho), dtype=bool)
        converged[active] = False
        return rho, converged

    def _derivatives(self, rho: Array, active: npt.NDArray[np.intp]) -> tuple[Array, Array]:
        """First and second derivatives of the log likelihoods by ρ."""
        whole = len(active) == len(self.z)
        tau, z = (self.tau, self.z) if whole else (self.tau[:, active], self.z[active])
        r = rho[:, None]
        spread = 1 - r * r
        u = (tau - r * z) / np.sqrt(spread)
        slope = (r * tau - z) / spread**1.5
        density, p = self._density_and_mass(u, active, whole)
        first = density * slope
        second = density * (tau / spread**1.5 + slope * (3 * r / spread - u * slope))
        by = (first[0] - first[1]) / p
        return by.sum(axis=1), ((second[0] - second[1]) / p - by * by).sum(axis=1)

    def _density_and_mass(
        self, u: Array, active: npt.NDArray[np.intp], whole: bool = False
    ) -> tuple[Array, Array]:
        known, beyond = (
            (self.known, self.beyond) if whole else (self.known[:, active], self.beyond[:, active])
        )
        density = known * np.exp(-0.5 * u * u) / ROOT_TWO_PI
        value = known * ndtr(u) + beyond
        return density, np.maximum(value[0] - value[1], SMALLEST)

    def scores(self, rho: Array) -> tuple[Array, Array, Array]:
        """Derivatives of the log likelihoods, per person.

        Parameters
        ----------
        rho
            Correlations, shape (n_pairs,).

        Returns
        -------
        tuple
            By ρ, by the lower and by the upper limit; shape (n_pairs, n), zero for who does not count.
        """
        r = rho[:, None]
        spread = 1 - r * r
        root = np.sqrt(spread)
        u = (self.tau - r * self.z) / root
        density, p = self._density_and_mass(u, np.arange(len(rho)), whole=True)
        by = density * (r * self.tau - self.z) / spread**1.5
        return (by[0] - by[1]) / p, -density[1] / (p * root), density[0] / (p * root)


def table_scores(tables: Array, rows: Array, columns: Array, rho: Array) -> tuple[Array, Array, Array]:
    """Derivatives of the log likelihoods of contingency tables of two cut normal variables.

    Parameters
    ----------
    tables
        Counts, shape (n_pairs, k, k).
    rows, columns
        Thresholds, shape (n_pairs, k − 1), absent ones +∞.
    rho
        Correlations, shape (n_pairs,).

    Returns
    -------
    tuple
        By ρ for one person of each cell, shape (n_pairs, k, k); sums over people of its products with the
        derivatives by the thresholds of rows and of columns, shape (n_pairs, k − 1).
    """
    p = np.maximum(rectangle_probabilities(rows, columns, rho), SMALLEST)
    by_rho = cell_derivative(rows, columns, rho) / p
    weight = tables * by_rho / p
    by_rows = _edges(rows, columns, rho) * (weight[:, :-1] - weight[:, 1:])
    turned = weight.transpose(0, 2, 1)
    by_columns = _edges(columns, rows, rho) * (turned[:, :-1] - turned[:, 1:])
    return by_rho, by_rows.sum(axis=2), by_columns.sum(axis=2)


def _edges(own: Array, other: Array, rho: Array) -> Array:
    """φ(τ) times the share of each cell of the other variable at τ; shape (n_pairs, k − 1, k)."""
    finite = np.isfinite(own)
    at = np.where(finite, own, 0.0)[:, :, None]
    r = rho[:, None, None]
    value = np.zeros((*own.shape, other.shape[1] + 2))
    value[:, :, 1:-1] = ndtr((other[:, None, :] - r * at) / np.sqrt(1 - r * r))
    value[:, :, -1] = 1.0
    found: Array = np.where(finite, normal_density(own), 0.0)[:, :, None] * np.diff(value, axis=2)
    return found
