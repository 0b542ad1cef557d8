"""Thresholds: where the latent normal is cut, from the cumulated shares of the categories."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Array = npt.NDArray[np.float64]


def normal_thresholds(counts: Array, n_categories: npt.NDArray[np.int64]) -> Array:
    """Cut the standard normal at the cumulated shares of each item's categories.

    Parameters
    ----------
    counts
        Answers per item and category, shape (n_items, k).
    n_categories
        Categories each item has, shape (n_items,).

    Returns
    -------
    numpy.ndarray
        Shape (n_items, k − 1), ascending; places beyond an item's last threshold hold +∞.

    Examples
    --------
    >>> normal_thresholds(np.array([[50.0, 50.0, 0.0]]), np.array([2]))
    array([[ 0., inf]])
    """
    cumulated = np.cumsum(counts, axis=1)
    shares = cumulated[:, :-1] / cumulated[:, -1:]
    beyond = np.arange(counts.shape[1] - 1)[None, :] >= n_categories[:, None] - 1
    return np.where(beyond, np.inf, ndtri(np.where(beyond, 0.5, shares)))


def threshold_list(thresholds: Array, n_categories: npt.NDArray[np.int64]) -> list[Array]:
    """Drop the padding.

    Parameters
    ----------
    thresholds
        From `normal_thresholds`.
    n_categories
        Categories each item has.

    Returns
    -------
    list of numpy.ndarray
        Finite thresholds per item.
    """
    return [row[: k - 1].copy() for row, k in zip(thresholds, n_categories, strict=True)]
