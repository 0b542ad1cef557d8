"""Least-squares and likelihood discrepancies as functions of the uniquenesses, minimised by Newton steps.

For given uniquenesses the best loadings follow from an eigendecomposition, so only the uniquenesses are
searched, and the first two derivatives have closed forms in the eigenvalues and eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.factors.pattern import Array

LOWEST = 0.005
HIGHEST = 1.0
TIGHT = 1e-12


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


Discrepancy = Callable[[Array, int, Array], Local]


def _eigen(matrix: Array, n_factors: int) -> tuple[Array, Array, Array, Array]:
    """Split eigenvalues and vectors into kept and left."""
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    return values[:n_factors], vectors[:, :n_factors], values[n_factors:], vectors[:, n_factors:]


def _products(left: Array, right: Array, weights: Array) -> Array:
    """Sum over pairs (m, l) of weights[m, l] times (left_m * right_l)(left_m * right_l)'."""
    pairs = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
    return np.asarray((pairs * weights.ravel()) @ pairs.T)


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
    kept, kept_vectors, left, left_vectors = _eigen(correlations - np.diag(uniquenesses), n_factors)
    cautious = _products(left_vectors, left_vectors, np.ones((len(left), len(left))))
    gaps = np.minimum(left[:, None] - kept[None, :], -1e-12)
    return Local(
        value=float(np.sum(left**2)) / 2,
        gradient=-(left_vectors**2) @ left,
        hessian=cautious + _products(left_vectors, kept_vectors, 2 * left[:, None] / gaps),
        cautious=cautious,
        loadings=kept_vectors * np.sqrt(np.maximum(kept, 0)),
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
    kept, kept_vectors, left, left_vectors = _eigen(correlations / np.outer(scale, scale), n_factors)
    slopes = (left_vectors**2) @ (1 - left)
    cautious = _products(left_vectors, left_vectors, (left[:, None] + left[None, :]) / 2)
    gaps = np.maximum(kept[None, :] - left[:, None], 1e-12)
    ratio = (1 - left[:, None]) * (kept[None, :] + left[:, None]) / gaps
    curvature = cautious + _products(left_vectors, kept_vectors, ratio)
    by_uniqueness = np.outer(uniquenesses, uniquenesses)
    return Local(
        value=float(np.sum(left - np.log(left) - 1)),
        gradient=slopes / uniquenesses,
        hessian=(curvature - np.diag(slopes)) / by_uniqueness,
        cautious=cautious / by_uniqueness,
        loadings=scale[:, None] * kept_vectors * np.sqrt(np.maximum(kept - 1, 0)),
    )


def _free(uniquenesses: Array, gradient: Array) -> Array:
    """Items not held at a bound by their slope."""
    held = (uniquenesses <= LOWEST) & (gradient > 0) | (uniquenesses >= HIGHEST) & (gradient < 0)
    return np.asarray(~held)


def _direction(here: Local, free: Array) -> Array:
    """Newton direction, or the cautious one where the surface does not curve upward."""
    step = np.zeros(len(free))
    inside = np.ix_(free, free)
    ridge = 1e-10 * here.cautious.mean() * np.eye(len(free))
    for curvature in (here.hessian, here.cautious + ridge):
        try:
            factor = np.linalg.cholesky(curvature[inside])
        except np.linalg.LinAlgError:
            continue
        step[free] = -np.linalg.solve(factor.T, np.linalg.solve(factor, here.gradient[free]))
        return step
    step[free] = -here.gradient[free]
    return step


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
    for n_iter in range(max_iter + 1):
        free = _free(point, here.gradient)
        slope = float(np.abs(here.gradient[free]).max(initial=0.0))
        if slope < TIGHT or n_iter == max_iter:
            break
        step = _direction(here, free)
        for halving in range(30):
            trial = np.clip(point + step * 0.5**halving, LOWEST, HIGHEST)
            there = discrepancy(correlations, n_factors, trial)
            rounding = 1e-14 * max(1.0, abs(here.value))
            if there.value < here.value - 1e-4 * abs(here.gradient @ (trial - point)) or (
                abs(there.value - here.value) <= rounding
                and np.abs(there.gradient[free]).max(initial=0.0) < slope
            ):
                point, here = trial, there
                break
        else:
            break
    return Minimum(uniquenesses=point, value=here.value, gradient=slope, n_iter=n_iter)
