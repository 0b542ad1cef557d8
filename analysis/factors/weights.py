"""Weights that turn standardised answers into factor scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.factors.pattern import Array, Pattern


def _root(matrix: Array, *, inverse: bool = False) -> Array:
    """Symmetric square root of a positive definite matrix, or the inverse of that root."""
    values, vectors = np.linalg.eigh(matrix)
    stretched = vectors * values ** (-0.25 if inverse else 0.25)
    return stretched @ stretched.T


def _by_precision(pattern: Pattern) -> Array:
    """Loadings divided by the uniqueness of their item."""
    uniquenesses = 1 - pattern.communalities
    return pattern.loadings / uniquenesses[:, None]


def regression_weights(correlations: Array, pattern: Pattern) -> Array:
    """Thurstone's weights: the scores correlate most with their factors.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Observed correlations.
    pattern
        Rotated solution.

    Returns
    -------
    ndarray, shape (n_items, n_factors)
        inv(R) times the structure.
    """
    return np.asarray(np.linalg.solve(correlations, pattern.structure), dtype=float)


def bartlett_weights(correlations: Array, pattern: Pattern) -> Array:
    """Bartlett's weights: conditionally unbiased scores.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Observed correlations (not used).
    pattern
        Rotated solution.

    Returns
    -------
    ndarray, shape (n_items, n_factors)
        inv(Psi) L inv(L' inv(Psi) L).
    """
    weighted = _by_precision(pattern)
    information = pattern.loadings.T @ weighted
    return np.asarray(np.linalg.solve(information, weighted.T).T, dtype=float)


def anderson_rubin_weights(correlations: Array, pattern: Pattern) -> Array:
    """Anderson and Rubin's weights: uncorrelated scores of unit variance.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Observed correlations.
    pattern
        Rotated solution.

    Returns
    -------
    ndarray, shape (n_items, n_factors)
        inv(Psi) L (L' inv(Psi) R inv(Psi) L)^(-1/2).
    """
    weighted = _by_precision(pattern)
    return weighted @ _root(weighted.T @ correlations @ weighted, inverse=True)


def ten_berge_weights(correlations: Array, pattern: Pattern) -> Array:
    """Weights of ten Berge and colleagues: scores correlate exactly as the factors do.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Observed correlations.
    pattern
        Rotated solution.

    Returns
    -------
    ndarray, shape (n_items, n_factors)
        R^(-1/2) C Phi^(1/2) with C = R^(-1/2) L* (L*' inv(R) L*)^(-1/2), L* = L Phi^(1/2).
    """
    shape = _root(pattern.factor_correlations)
    spread = pattern.loadings @ shape
    # R^(-1/2) C is inv(R) L* (L*' inv(R) L*)^(-1/2): the root of R itself is never needed.
    solved = np.linalg.solve(correlations, spread)
    return solved @ _root(spread.T @ solved, inverse=True) @ shape


WEIGHTS: dict[str, Callable[[Array, Pattern], Array]] = {
    "regression": regression_weights,
    "bartlett": bartlett_weights,
    "anderson_rubin": anderson_rubin_weights,
    "ten_berge": ten_berge_weights,
}

NEED_INVERSE = ("regression", "ten_berge")  # of the observed correlations


def determinacy(correlations: Array, pattern: Pattern) -> Array:
    """Correlation of each factor with its best estimate from the items.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Observed correlations.
    pattern
        Rotated solution.

    Returns
    -------
    ndarray, shape (n_factors,)
        Square root of the multiple R² of each factor.
    """
    weights = regression_weights(correlations, pattern)
    return np.asarray(np.sqrt(np.einsum("ij,ij->j", pattern.structure, weights)))
