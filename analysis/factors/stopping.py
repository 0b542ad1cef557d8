"""Stopping rules that read a correlation matrix: minimum average partial, empirical Kaiser, scree."""

from __future__ import annotations

import numpy as np

from analysis.factors.pattern import Array


def eigenvalues(correlations: Array) -> Array:
    """Eigenvalues from largest to smallest.

    Parameters
    ----------
    correlations : ndarray, shape (..., n_items, n_items)
        Symmetric matrices.

    Returns
    -------
    ndarray, shape (..., n_items)
        Eigenvalues.
    """
    return np.asarray(np.linalg.eigvalsh(correlations)[..., ::-1])


def leading(observed: Array, reference: Array) -> int:
    """Count the leading eigenvalues above their references, up to the first that is not.

    Parameters
    ----------
    observed, reference : ndarray, shape (n_items,)
        In decreasing order of `observed`.

    Returns
    -------
    int
        How many.

    Examples
    --------
    >>> leading(np.array([3.0, 1.5, 0.9, 0.6]), np.array([1.3, 1.1, 1.0, 0.5]))
    2
    """
    above = observed > reference
    return int(len(above) if above.all() else np.argmin(above))


def average_partials(correlations: Array, power: int) -> Array:
    """Average power of the partial correlations left after 0, 1, 2, … components.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Positive definite correlation matrix.
    power
        2 (Velicer 1976) or 4 (Velicer, Eaton and Fava 2000).

    Returns
    -------
    ndarray, shape (n_items - 1,)
        One entry for each number of components taken out, from 0; NaN where nothing of an item is left.
    """
    p = len(correlations)
    values, vectors = np.linalg.eigh(correlations)
    loadings = (vectors * np.sqrt(values))[:, ::-1]
    left = correlations.copy()
    averages = np.full(p - 1, np.nan)
    for n_components in range(p - 1):
        spread = np.diag(left)
        if (spread <= 1e-12).any():
            break
        partial = left / np.sqrt(np.outer(spread, spread))
        np.fill_diagonal(partial, 0.0)
        averages[n_components] = np.sum(np.abs(partial) ** power) / (p * (p - 1))
        left = left - np.outer(loadings[:, n_components], loadings[:, n_components])
    return averages


def empirical_kaiser(observed: Array, n_obs: int) -> Array:
    """References of the empirical Kaiser criterion, each given the eigenvalues before it.

    Parameters
    ----------
    observed : ndarray, shape (n_items,)
        Eigenvalues from largest to smallest.
    n_obs
        Sample size.

    Returns
    -------
    ndarray, shape (n_items,)
        max(1, remaining variance per remaining component × (1 + sqrt(p/n))²).
    """
    p = len(observed)
    taken = np.concatenate([[0.0], np.cumsum(observed)[:-1]])
    share = (p - taken) / (p - np.arange(p))
    return np.asarray(np.maximum(share * (1 + np.sqrt(p / n_obs)) ** 2, 1.0))


def acceleration(observed: Array) -> Array:
    """Second differences of the scree, NaN at both ends.

    Parameters
    ----------
    observed : ndarray, shape (n_items,)
        Eigenvalues from largest to smallest.

    Returns
    -------
    ndarray, shape (n_items,)
        Largest where the curve bends most; the factors before the bend are kept.
    """
    bend = np.full(len(observed), np.nan)
    bend[1:-1] = observed[2:] - 2 * observed[1:-1] + observed[:-2]
    return bend
