"""Populations that a stated factor model fits, and those it misses by declared degrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.ram import Array, State

RESIDUAL_CORRELATION = 0.3  # McNeish & Wolf 2023, one-factor models
ITEMS_PER_LEVEL = (1 / 3, 2 / 3, 1.0)  # share of items with a correlated residual, as there
LEAST_RESIDUAL = 0.05  # share of an item's own residual variance that a cross-loading must leave


@dataclass(frozen=True, slots=True)
class Standardised:
    """A model without cross-loadings and correlated residuals, all variances one.

    Attributes
    ----------
    home
        Factor of every item, shape (p,).
    loadings
        Loading of every item on its factor, shape (p,).
    factors
        Correlations of the factors, shape (f, f).
    scale
        Standard deviations of the items, shape (p,).
    """

    home: np.ndarray
    loadings: Array
    factors: Array
    scale: Array

    def correlations(self) -> Array:
        """Implied correlations of the items."""
        implied: Array = np.outer(self.loadings, self.loadings) * self.factors[np.ix_(self.home, self.home)]
        np.fill_diagonal(implied, 1.0)
        return implied


@dataclass(frozen=True, slots=True)
class Addition:
    """One path that the stated model leaves out; `other` is a factor or, for residuals, an item."""

    item: int
    other: int
    magnitude: float


@dataclass(frozen=True, slots=True)
class Level:
    """A degree of misfit: what is added, and the correlations of the items that follow."""

    added: list[Addition]
    correlations: Array


def standardise_state(state: State) -> Standardised:
    """Standardise the matrices of a model in which every item loads on one factor."""
    p = len(state.observed)
    items, factors = np.sqrt(np.diag(state.covariance))[:p], np.sqrt(np.diag(state.covariance))[p:]
    pattern = state.directed[:p, p:] * factors / items[:, None]
    home = np.argmax(np.abs(pattern), axis=1)
    correlations = state.covariance[p:, p:] / np.outer(factors, factors)
    return Standardised(home, pattern[np.arange(p), home], correlations, items)


def coefficient_h(loadings: Array) -> float:
    """Reliability of the best weighted sum of items of one factor (Hancock & Mueller 2001)."""
    signal = float(np.sum(loadings**2 / (1.0 - loadings**2)))
    return signal / (1.0 + signal)


def wrong_levels(model: Standardised) -> list[Level]:
    """Give the populations, from the least misfit to the most."""
    if len(model.factors) == 1:
        return list(_residual_levels(model))
    return list(_cross_loading_levels(model))


def pairs_per_level(n_items: int) -> list[int]:
    """Count the pairs of correlated residuals per level; levels that add none are left out."""
    counts = [int(n_items * share / 2 + 1e-9) for share in ITEMS_PER_LEVEL]
    return sorted({count for count in counts if count > 0})


def _from_weak_to_strong(model: Standardised) -> np.ndarray:
    """Order items by loading; equal ones stay in the order of the model, whatever the last digits say."""
    return np.argsort(np.round(np.abs(model.loadings), 8), kind="stable")


def _residual_levels(model: Standardised) -> Iterator[Level]:
    """Correlate residuals of neighbours in the order of loadings, the weakest pair first."""
    order = _from_weak_to_strong(model)
    residual = np.sqrt(1.0 - model.loadings**2)
    for count in pairs_per_level(len(order)):
        correlations = model.correlations()
        added = []
        for one, two in order[: 2 * count].reshape(-1, 2):
            correlations[one, two] += RESIDUAL_CORRELATION * residual[one] * residual[two]
            correlations[two, one] = correlations[one, two]
            added.append(Addition(int(one), int(two), RESIDUAL_CORRELATION))
        yield Level(added, correlations)


def _cross_loading_levels(model: Standardised) -> Iterator[Level]:
    """Let the items with the weakest loadings load as much on the most reliable other factor."""
    n_factors = len(model.factors)
    reliability = np.array([coefficient_h(model.loadings[model.home == f]) for f in range(n_factors)])
    order = _from_weak_to_strong(model)
    pattern = np.zeros((len(order), n_factors))
    pattern[np.arange(len(order)), model.home] = model.loadings
    added: list[Addition] = []
    for item in order[: n_factors - 1]:
        own = model.home[item]
        other = int(np.argmax(np.where(np.arange(n_factors) == own, -np.inf, reliability)))
        value = cross_loading(float(model.loadings[item]), float(model.factors[own, other]))
        pattern[item, other] = value
        added.append(Addition(int(item), other, value))
        correlations = pattern @ model.factors @ pattern.T
        np.fill_diagonal(correlations, 1.0)
        yield Level(list(added), correlations)


def cross_loading(loading: float, correlation: float) -> float:
    """Give a second loading as large as the first, or the largest that leaves residual variance.

    Its sign is the one in which both factors pull the item the same way, whichever way they are keyed.
    """
    overlap = abs(loading * correlation)
    room = (1.0 - LEAST_RESIDUAL) * (1.0 - loading**2)
    largest = float(np.sqrt(overlap**2 + room) - overlap)
    sign = np.sign(loading) * (-1.0 if correlation < 0 else 1.0)
    return float(sign * min(abs(loading), largest))
