"""Two ordinal variables whose limits differ between people: their correlation and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import MODERATE, NEAR, bivariate_cdf, gained, normal_density
from analysis.correlation.continuous_pairs import NEWTON_ENOUGH, SMALLEST, search_correlation

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
DENSE = 16  # places per person up to which counting is quicker than sorting
_SIGN = np.array([1.0, -1.0, -1.0, 1.0])
_UP = np.array([[1], [1], [0], [0]]), np.array([[1], [0], [1], [0]])


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One ordinal variable of those who answered both.

    Attributes
    ----------
    category
        0, 1, …, shape (n,).
    pattern
        Of the covariates, shape (n,).
    thresholds
        Shape (K,).
    pull
        Of the covariates on the response, per pattern.
    kinds
        Covariates of each pattern, shape (n_patterns, q).
    """

    category: Places
    pattern: Places
    thresholds: Array
    pull: Array
    kinds: Array

    def cuts(self) -> Array:
        """Thresholds between minus and plus infinity."""
        return np.concatenate(([-np.inf], self.thresholds, [np.inf]))


class Rectangles:
    """The rectangles that two ordinal variables cut out of the plane, given each person's covariates.

    People alike in both answers and in the covariates count once. Corners are shared by neighbours; at
    infinite ones the distribution is that of one variable alone.

    Parameters
    ----------
    a, b
        Both variables.
    """

    def __init__(self, a: Side, b: Side) -> None:
        self.sides = a, b
        n_a, n_b = len(a.thresholds) + 1, len(b.thresholds) + 1
        n_patterns = len(a.pull)
        key = (a.pattern * n_a + a.category) * n_b + b.category
        own, self.member = distinct(key, n_patterns * n_a * n_b)
        self.counts = np.bincount(self.member).astype(float)
        self.pattern, self.at = own // (n_a * n_b), (own // n_b % n_a, own % n_b)
        ids = (self.pattern * (n_a + 1) + self.at[0] + _UP[0]) * (n_b + 1) + self.at[1] + _UP[1]
        corners, place = distinct(ids.ravel(), n_patterns * (n_a + 1) * (n_b + 1))
        self.corner = place.reshape(4, -1)
        where = corners // ((n_a + 1) * (n_b + 1))
        self.h = a.cuts()[corners // (n_b + 1) % (n_a + 1)] - a.pull[where]
        self.k = b.cuts()[corners % (n_b + 1)] - b.pull[where]
        self.finite = np.isfinite(self.h) & np.isfinite(self.k)
        self.fixed = ndtr(np.minimum(self.h, self.k))
        self.inner = self.h[self.finite], self.k[self.finite]
        self.product, self.squares = self.inner[0] * self.inner[1], self.inner[0] ** 2 + self.inner[1] ** 2
        self._known: tuple[float, Array] | None = None

    def search(self, start: float) -> tuple[float, bool]:
        """Find the correlation by maximum likelihood.

        Parameters
        ----------
        start
            Where the search begins.

        Returns
        -------
        tuple
            ρ and whether the search converged.
        """

        def derivatives(rho: float) -> tuple[float, float]:
            p = self.probability(rho)
            dense = self._density(rho)
            spread = 1 - rho * rho
            core = (self.product * (1 + rho * rho) - rho * self.squares) / spread**2
            first = self._difference(dense) / p
            second = self._difference(dense * (rho / spread + core)) / p
            return float(self.counts @ first), float(self.counts @ (second - first**2))

        return search_correlation(start, derivatives, enough=NEWTON_ENOUGH)

    def probability(self, rho: float) -> Array:
        """Probability of each cell.

        Parameters
        ----------
        rho
            Correlation.
        """
        value = self.fixed.copy()
        value[self.finite] = self._below(rho)
        found: Array = np.maximum(_SIGN @ value[self.corner], SMALLEST)
        return found

    def scores(self, rho: float) -> tuple[Array, Array, Array]:
        """Derivatives by the correlation per person, and sums of their products with those by the first step.

        Parameters
        ----------
        rho
            Correlation.

        Returns
        -------
        tuple
            By ρ, shape (n,); its products with the derivatives by thresholds and slopes of either variable.
        """
        p = self.probability(rho)
        by_rho = self._difference(self._density(rho)) / p
        weight = self.counts * by_rho / p
        products = []
        for one, at, x, y, (high, other) in zip(
            self.sides, self.at, (self.h, self.k), (self.k, self.h), ((0, 1), (0, 2)), strict=True
        ):
            edge = _edge(x, y, rho)[self.corner]
            upper, lower = weight * (edge[high] - edge[other]), weight * (edge[3 - other] - edge[3])
            n_cuts = len(one.thresholds)
            by_threshold = np.bincount(at, upper, n_cuts + 1)[:-1] - np.bincount(at, lower, n_cuts + 1)[1:]
            products.append(np.concatenate([by_threshold, (lower - upper) @ one.kinds[self.pattern]]))
        return by_rho[self.member], products[0], products[1]

    def _below(self, rho: float) -> Array:
        """Distribution at the finite corners; after the first time, what was added since is integrated."""
        angle = float(np.arcsin(rho))
        known = self._known
        if known is None or abs(angle - known[0]) > NEAR or abs(rho) > MODERATE:
            value = bivariate_cdf(*self.inner, np.array(rho))
        elif angle == known[0]:
            value = known[1]
        else:
            ends = np.array(known[0]), np.array(angle)
            value = known[1] + gained(self.product, self.squares, *ends)
        self._known = angle, value
        return value

    def _density(self, rho: float) -> Array:
        spread = 1.0 - rho * rho
        exponent = (rho * self.product - 0.5 * self.squares) / spread
        found: Array = np.exp(exponent) / (2.0 * np.pi * np.sqrt(spread))
        return found

    def _difference(self, values: Array) -> Array:
        """Difference of values at the finite corners, zero at the others."""
        spread = np.zeros(len(self.finite))
        spread[self.finite] = values
        found: Array = _SIGN @ spread[self.corner]
        return found


def distinct(key: Places, most: int) -> tuple[Places, Places]:
    """Distinct values in order, and which of them each key is.

    Parameters
    ----------
    key
        Whole numbers from zero, shape (n,).
    most
        What they are below.
    """
    if most > DENSE * len(key):
        own, member = np.unique(key, return_inverse=True)
        return own, member.ravel()
    seen = np.zeros(most, dtype=bool)
    seen[key] = True
    own = np.flatnonzero(seen)
    number = np.empty(most, dtype=np.intp)
    number[own] = np.arange(len(own))
    return own, number[key]


def _edge(x: Array, y: Array, rho: float) -> Array:
    """φ(x) Φ((y − ρx)/√(1 − ρ²)), zero where x is infinite."""
    at = np.where(np.isfinite(x), x, 0.0)
    found: Array = np.where(
        np.isfinite(x), normal_density(at) * ndtr((y - rho * at) / np.sqrt(1.0 - rho * rho)), 0.0
    )
    return found
