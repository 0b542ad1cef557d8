"""Weights that turn standardised answers into factor scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.factors.pattern import Array, Pattern


def _power(matrix: Array, exponent: float) -> Array:
    """Symmetric power of a positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values**exponent) @ vectors.T)


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
    return np.asarray(np.linalg.solve(correlations, pattern.structure))


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
    scaled = pattern.loadings / (1 - pattern.communalities)[:, None]
    return np.asarray(scaled @ np.linalg.inv(pattern.loadings.T @ scaled))


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
    scaled = pattern.loadings / (1 - pattern.communalities)[:, None]
    return np.asarray(scaled @ _power(scaled.T @ correlations @ scaled, -0.5))


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
    root = _power(pattern.factor_correlations, 0.5)
    spread = pattern.loadings @ root
    inverse = np.linalg.inv(correlations)
    return np.asarray(inverse @ spread @ _power(spread.T @ inverse @ spread, -0.5) @ root)


WEIGHTS: dict[str, Callable[[Array, Pattern], Array]] = {
    "regression": regression_weights,
    "bartlett": bartlett_weights,
    "anderson_rubin": anderson_rubin_weights,
    "ten_berge": ten_berge_weights,
}


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
    return np.asarray(np.sqrt(np.sum(weights * pattern.structure, axis=0)))
