"""Rotation criteria with their gradients, for many loading matrices at once.

Every criterion maps loadings of shape (n_starts, n_items, n_factors) to values of shape (n_starts,)
and gradients of the loadings' shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.factors.pattern import Array

Criterion = Callable[[Array], tuple[Array, Array]]


def _other_factors(squares: Array) -> Array:
    """Sum the squared loadings of the same item on the other factors."""
    return squares.sum(axis=-1, keepdims=True) - squares


def oblimin_family(gamma: float) -> Criterion:
    """Make the direct oblimin criterion; `gamma=0` is quartimin.

    Parameters
    ----------
    gamma
        0 quartimin, 0.5 biquartimin, 1 covarimin; above 0 the factors get more correlated.

    Returns
    -------
    callable
        Sum over pairs of factors of the cross-products of squared loadings, partly centred over items.
    """

    def criterion(loadings: Array) -> tuple[Array, Array]:
        squares = loadings**2
        crossed = _other_factors(squares)
        crossed = crossed - gamma * crossed.mean(axis=-2, keepdims=True)
        return (squares * crossed).sum(axis=(-2, -1)) / 4, loadings * crossed

    return criterion


def crawford_ferguson(kappa: float) -> Criterion:
    """Make the Crawford-Ferguson criterion: row complexity against column complexity.

    Parameters
    ----------
    kappa
        Weight of column complexity: 0 quartimax, 1/n_items varimax, n_factors/(2 n_items) equamax.

    Returns
    -------
    callable
        The criterion.
    """

    def criterion(loadings: Array) -> tuple[Array, Array]:
        squares = loadings**2
        by_row = _other_factors(squares)
        by_column = squares.sum(axis=-2, keepdims=True) - squares  # the same factor in the other items
        weighted = (1 - kappa) * by_row + kappa * by_column
        return (squares * weighted).sum(axis=(-2, -1)) / 4, loadings * weighted

    return criterion


def geometric_mean(delta: float) -> Criterion:
    """Make the geomin criterion: the geometric mean of an item's squared loadings, summed over items.

    Parameters
    ----------
    delta
        Small positive constant added to each squared loading.

    Returns
    -------
    callable
        The criterion.
    """

    def criterion(loadings: Array) -> tuple[Array, Array]:
        raised = loadings**2 + delta
        means = np.exp(np.log(raised).mean(axis=-1))
        slopes = (2.0 / loadings.shape[-1]) * means[..., None] * loadings / raised
        return means.sum(axis=-1), slopes

    return criterion


def group_factors(inner: Criterion) -> Criterion:
    """Make a bifactor criterion: the first factor is free, `inner` judges the others.

    Parameters
    ----------
    inner
        Criterion for the group factors.

    Returns
    -------
    callable
        The criterion.
    """

    def criterion(loadings: Array) -> tuple[Array, Array]:
        values, slopes = inner(loadings[..., 1:])
        return values, np.concatenate([np.zeros_like(loadings[..., :1]), slopes], axis=-1)

    return criterion


def towards(target: Array) -> Criterion:
    """Make the criterion of partially specified target rotation.

    Parameters
    ----------
    target : ndarray, shape (n_items, n_factors)
        Desired loadings; NaN where the loading is free.

    Returns
    -------
    callable
        Sum of squared distances from the specified cells.
    """
    specified = np.isfinite(target)
    wanted = np.where(specified, target, 0.0)

    def criterion(loadings: Array) -> tuple[Array, Array]:
        misses = np.where(specified, loadings - wanted, 0.0)
        return (misses**2).sum(axis=(-2, -1)), 2.0 * misses

    return criterion
