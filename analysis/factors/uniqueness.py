"""Least-squares and likelihood discrepancies as functions of the uniquenesses, minimised by Newton steps.

For given uniquenesses the best loadings follow from an eigendecomposition, so only the uniquenesses are
searched, and the first two derivatives have closed forms in the eigenvalues and eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.factors.pattern import Array

LOWEST = 0.005
HIGHEST = 1.0
TIGHT = 1e-12
HALVINGS = 40
SUFFICIENT = 1e-4  # share of the predicted decrease that a step must bring
NOISE = 256 * np.finfo(float).eps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Local:
    """A discrepancy and its derivatives at one point.

    Attributes
    ----------
    value : float
        Discrepancy with the best loadings.
    gradient : ndarray, shape (n_items,)
        First derivatives by uniqueness.
    hessian : ndarray, shape (n_items, n_items)
        Second derivatives.
    cautious : ndarray, shape (n_items, n_items)
        The part of the second derivatives that is never negative.
    loadings : ndarray, shape (n_items, n_factors)
        Best loadings.
    """

    value: float
    gradient: Array
    hessian: Array
    cautious: Array
    loadings: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Uniquenesses where the discrepancy is least.

    Attributes
    ----------
    uniquenesses : ndarray, shape (n_items,)
        Within [0.005, 1].
    value : float
        Discrepancy.
    gradient : float
        Largest slope among those free to move.
    n_iter : int
        Newton steps.
    """

    uniquenesses: Array
    value: float
    gradient: float
    n_iter: int


Flags = NDArray[np.bool_]
Discrepancy = Callable[[Array, int, Array], Local]


def _roots(matrix: Array, n_factors: int, floor: float) -> tuple[Array, Array, Flags]:
    """Eigenvalues from the largest, their vectors, and which of them make a factor (only above `floor`)."""
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    return values, vectors, (np.arange(len(values)) < n_factors) & (values > floor)


def _divided_differences(values: Array, missed: Array, is_factor: Flags) -> Array:
    """Change of what is missed, from one eigenvalue to another; its derivative where they coincide."""
    gaps = values[:, None] - values
    slopes = np.where(is_factor, 0.0, 1.0)
    tied = np.abs(gaps) < 1e-10 * (1 + np.abs(values))
    quotients = (missed[:, None] - missed) / np.where(tied, 1.0, gaps)
    return np.where(tied, (slopes[:, None] + slopes) / 2, quotients)


def _curvature(vectors: Array, weights: Array) -> tuple[Array, Array]:
    """Sum over pairs of vectors of weight times (v * w)(v * w)', of all weights and of the positive ones."""
    n_items = len(vectors)
    row, column = np.triu_indices(n_items)
    products = vectors[row] * vectors[column]
    made = np.empty((2, n_items, n_items))
    for sums, chosen in zip(made, (weights, np.maximum(weights, 0.0)), strict=True):
        sums[row, column] = sums[column, row] = np.einsum("am,am->a", products @ chosen, products)
    return made[0], made[1]


def _leading_vectors(vectors: Array, lengths: Array, n_factors: int) -> Array:
    return np.asarray(vectors[:, :n_factors] * np.sqrt(np.maximum(lengths[:n_factors], 0.0)))


def minimum_residuals(correlations: Array, n_factors: int, uniquenesses: Array) -> Local:
    """Half the sum of squared residual correlations.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    n_factors
        Number of factors.
    uniquenesses : ndarray, shape (n_items,)
        Where to evaluate.

    Returns
    -------
    Local
        Value and derivatives.
    """
    values, vectors, is_factor = _roots(correlations - np.diag(uniquenesses), n_factors, 0.0)
    missed = np.where(is_factor, 0.0, values)
    hessian, cautious = _curvature(vectors, _divided_differences(values, missed, is_factor))
    return Local(
        value=float(missed @ missed) / 2,
        gradient=-(vectors**2) @ missed,
        hessian=hessian,
        cautious=cautious,
        loadings=_leading_vectors(vectors, values, n_factors),
    )


def maximum_likelihood(correlations: Array, n_factors: int, uniquenesses: Array) -> Local:
    """Likelihood discrepancy, tr(S inv(Sigma)) - log|S inv(Sigma)| - p.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    n_factors
        Number of factors.
    uniquenesses : ndarray, shape (n_items,)
        Where to evaluate.

    Returns
    -------
    Local
        Value and derivatives.
    """
    scale = np.sqrt(uniquenesses)
    values, vectors, is_factor = _roots(correlations / np.outer(scale, scale), n_factors, 1.0)
    # Lengths are kept apart so that a root at or below zero is an infinite discrepancy, never a warning.
    values = np.maximum(values, np.finfo(float).tiny)
    missed = np.where(is_factor, 0.0, values - 1)
    by_logarithm = -(vectors**2) @ missed
    weights = _divided_differences(values, missed, is_factor) * (values[:, None] + values) / 2
    units = np.outer(uniquenesses, uniquenesses)
    hessian, cautious = (part / units for part in _curvature(vectors, weights))
    return Local(
        value=float(np.sum(np.where(is_factor, 0.0, missed - np.log(values)))),
        gradient=by_logarithm / uniquenesses,
        hessian=hessian - np.diag(by_logarithm / uniquenesses**2),
        cautious=cautious,
        loadings=scale[:, None] * _leading_vectors(vectors, values - 1, n_factors),
    )


def _movable(point: Array, gradient: Array) -> Flags:
    """Tell the items that no bound holds against their slope."""
    held_below = (point <= LOWEST) & (gradient > 0)
    held_above = (point >= HIGHEST) & (gradient < 0)
    return ~(held_below | held_above)


def steepness(point: Array, here: Local) -> float:
    """Give the largest slope among the uniquenesses that no bound holds.

    Parameters
    ----------
    point : ndarray, shape (n_items,)
        Uniquenesses.
    here
        The discrepancy there.

    Returns
    -------
    float
        0 at a minimum.
    """
    return float(np.max(np.abs(here.gradient), initial=0.0, where=_movable(point, here.gradient)))


def _directions(point: Array, here: Local) -> Iterator[Array]:
    """Newton's direction where the surface curves upward, then the cautious one, then straight downhill."""
    movable = np.flatnonzero(_movable(point, here.gradient))
    slope = here.gradient[movable]
    ridge = 1e-8 * np.trace(here.cautious) / len(point) * np.eye(len(movable))
    block = np.ix_(movable, movable)
    for curvature in (here.hessian[block], here.cautious[block] + ridge, np.eye(len(movable))):
        try:
            np.linalg.cholesky(curvature)
        except np.linalg.LinAlgError:
            continue
        direction = np.zeros_like(point)
        direction[movable] = -np.linalg.solve(curvature, slope)
        yield direction


def _step(
    discrepancy: Discrepancy, correlations: Array, n_factors: int, point: Array, here: Local
) -> tuple[Array, Local] | None:
    """Go along the first direction that leads down; None where rounding hides any way down."""
    noise = NOISE * (1 + abs(here.value))
    for direction in _directions(point, here):
        for length in 0.5 ** np.arange(HALVINGS):
            candidate = np.clip(point + length * direction, LOWEST, HIGHEST)
            if np.array_equal(candidate, point):
                break
            there = discrepancy(correlations, n_factors, candidate)
            predicted = float(here.gradient @ (candidate - point))
            if predicted < 0 and there.value <= here.value + SUFFICIENT * predicted - noise:
                return candidate, there
            flatter = steepness(candidate, there) < 0.5 * steepness(point, here)
            if flatter and there.value <= here.value + noise:
                return candidate, there
    return None


def polish(
    discrepancy: Discrepancy, correlations: Array, n_factors: int, start: Array, max_iter: int = 200
) -> Minimum:
    """Minimise a discrepancy within the bounds of the uniquenesses.

    Parameters
    ----------
    discrepancy
        `minimum_residuals` or `maximum_likelihood`.
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    n_factors
        Number of factors.
    start : ndarray, shape (n_items,)
        First uniquenesses.
    max_iter
        Newton steps allowed.

    Returns
    -------
    Minimum
        The uniquenesses and the slope that is left.
    """
    point = np.clip(start, LOWEST, HIGHEST)
    here = discrepancy(correlations, n_factors, point)
    taken = 0
    while taken < max_iter and steepness(point, here) > TIGHT:
        found = _step(discrepancy, correlations, n_factors, point, here)
        if found is None:
            break
        point, here = found
        taken += 1
    return Minimum(uniquenesses=point, value=here.value, gradient=steepness(point, here), n_iter=taken)
