"""Kernel of categorical omega: covariances of ordinal scores from thresholds and latent correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import bivariate_cdf
from analysis.reliability.inputs import Array

CLOSEST_TO_ONE = 1 - 1e-9


def score_covariances(
    thresholds: Sequence[Array], steps: Sequence[Array], correlations: Array, *, unit_diagonal: bool
) -> Array:
    """Covariances of ordinal items whose latent responses are standard normal.

    Parameters
    ----------
    thresholds
        Ascending thresholds of each item.
    steps
        Differences between adjacent codes of each item, same lengths.
    correlations
        Latent correlations, shape (n_items, n_items). The diagonal is used unless `unit_diagonal`.
    unit_diagonal
        Whether an item's covariance with itself is its variance. Otherwise the diagonal of `correlations` is
        the correlation of two parallel latent responses, as with communalities.

    Returns
    -------
    numpy.ndarray
        Shape (n_items, n_items).

    Notes
    -----
    A score is a sum of steps passed, so a covariance is the sum over both items' thresholds of
    step × step × (Φ₂(τ, τ', ρ) - Φ(τ)Φ(τ')).

    Examples
    --------
    Two items cut at their medians with latent correlation 1/2: 1/3 - 1/4.

    >>> cuts, ones = [np.zeros(1), np.zeros(1)], [np.ones(1), np.ones(1)]
    >>> score_covariances(cuts, ones, np.array([[1, 0.5], [0.5, 1]]), unit_diagonal=True).round(6)
    array([[0.25    , 0.083333],
           [0.083333, 0.25    ]])
    """
    owner = np.repeat(np.arange(len(thresholds)), [len(cuts) for cuts in thresholds])
    cuts, weight = np.concatenate(list(thresholds)), np.concatenate(list(steps))
    rho = np.clip(correlations[np.ix_(owner, owner)], -CLOSEST_TO_ONE, CLOSEST_TO_ONE)
    joint = bivariate_cdf(cuts[:, None], cuts[None, :], rho)
    if unit_diagonal:
        own = owner[:, None] == owner[None, :]
        joint = np.where(own, ndtr(np.minimum(cuts[:, None], cuts[None, :])), joint)
    passed = (joint - np.outer(ndtr(cuts), ndtr(cuts))) * np.outer(weight, weight)
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    return np.asarray(np.add.reduceat(np.add.reduceat(passed, starts, axis=0), starts, axis=1))


def categorical_share(
    thresholds: Sequence[Array], steps: Sequence[Array], correlations: Array, common: Array
) -> float:
    """Reliability of the sum of ordinal scores (Green and Yang 2009).

    Parameters
    ----------
    thresholds, steps
        As in `score_covariances`.
    correlations
        Polychoric correlations, shape (n_items, n_items).
    common
        Part of them due to the factors in question, communalities on the diagonal.

    Returns
    -------
    float
        Variance of the sum due to the factors over its variance.

    References
    ----------
    Green, S. B., & Yang, Y. (2009). doi:10.1007/s11336-008-9099-3
    """
    true = score_covariances(thresholds, steps, common, unit_diagonal=False).sum()
    all_of_it = score_covariances(thresholds, steps, correlations, unit_diagonal=True).sum()
    return float(true / all_of_it)
