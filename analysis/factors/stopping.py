"""Stopping rules that read a correlation matrix: minimum average partial, empirical Kaiser, scree."""

from __future__ import annotations

import numpy as np

from analysis.factors.pattern import Array

NOTHING_LEFT = 1e-10  # of an item's unit variance


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
    return np.flip(np.linalg.eigvalsh(correlations), axis=-1)


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
    return int(np.logical_and.accumulate(observed > reference).sum())


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
    n_items = len(correlations)
    roots, vectors = np.linalg.eigh(correlations)
    pairs = np.tril_indices(n_items, -1)
    averages = np.full(n_items - 1, np.nan)
    remaining = correlations.copy()
    for taken in range(n_items - 1):
        variances = np.diag(remaining)
        if variances.min() > NOTHING_LEFT:
            scale = np.sqrt(variances)
            partials = (remaining / scale / scale[:, None])[pairs]
            averages[taken] = np.mean(partials**power)
        component = vectors[:, -1 - taken]
        remaining = remaining - roots[-1 - taken] * np.outer(component, component)
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
    n_items = len(observed)
    earlier = np.concatenate([[0.0], np.cumsum(observed)[:-1]])
    per_component = (n_items - earlier) / np.arange(n_items, 0, -1)
    # Largest eigenvalue of independent items (Marchenko and Pastur), for the variance not yet used.
    return np.maximum(per_component * (1 + np.sqrt(n_items / n_obs)) ** 2, 1.0)


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
    return np.pad(np.diff(observed, n=2), 1, constant_values=np.nan)
