"""Correlation matrices that are not positive definite: detected, and repaired on request."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SMALLEST_EIGENVALUE = 1e-12


def smooth_correlations(matrix: Array) -> Array:
    """Lift eigenvalues below `SMALLEST_EIGENVALUE` and rescale to a correlation matrix.

    Parameters
    ----------
    matrix
        Symmetric, shape (p, p), unit diagonal.

    Returns
    -------
    numpy.ndarray
        The matrix itself when it is positive definite, else a positive definite one with the same
        eigenvectors but for a rescaling: small eigenvalues become 100 times the limit, all are scaled to sum
        to p, the diagonal is set to 1. It is close, not the nearest correlation matrix (Higham 2002).

    Examples
    --------
    >>> bad = np.array([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]])
    >>> bool(np.linalg.eigvalsh(smooth_correlations(bad)).min() > 0)
    True
    """
    values, vectors = np.linalg.eigh(matrix)
    if values.min() >= SMALLEST_EIGENVALUE:
        return matrix
    lifted = np.where(values < SMALLEST_EIGENVALUE, 100 * SMALLEST_EIGENVALUE, values)
    lifted *= len(matrix) / lifted.sum()
    rebuilt = (vectors * lifted) @ vectors.T
    scale = np.sqrt(np.diag(rebuilt))
    smooth: Array = rebuilt / np.outer(scale, scale)
    np.fill_diagonal(smooth, 1.0)
    return smooth


def smallest_eigenvalue(matrix: Array) -> float:
    """Smallest eigenvalue of a symmetric matrix.

    Parameters
    ----------
    matrix
        Shape (p, p).

    Returns
    -------
    float
        At most 1 for a correlation matrix; below 0 it is not one of any data.
    """
    return float(np.linalg.eigvalsh(matrix)[0])
