"""Scores of persons and information of items on the latent variable."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.irt.graded_model import GradedItems, derivatives
from analysis.irt.quadrature import PERSONS_AT_ONCE, Quadrature, log_table, one_hot, posterior

Array = npt.NDArray[np.float64]


def expected_a_posteriori(
    positions: npt.NDArray[np.int8], items: GradedItems, grid: Quadrature
) -> tuple[Array, Array]:
    """Mean and standard deviation of each person's posterior.

    Parameters
    ----------
    positions
        Shape (n_items, n_persons).
    items
        Parameters.
    grid
        Quadrature.

    Returns
    -------
    tuple
        Two arrays of shape (n_persons,).
    """
    k = items.intercepts.shape[1] + 1
    table, prior = log_table(items, grid.nodes), np.log(grid.weights)
    means, spreads = np.empty(positions.shape[1]), np.empty(positions.shape[1])
    for start in range(0, positions.shape[1], PERSONS_AT_ONCE):
        rows = slice(start, start + PERSONS_AT_ONCE)
        weight, _ = posterior(one_hot(positions[:, rows], k), table, prior)
        means[rows] = weight @ grid.nodes
        spreads[rows] = np.sqrt(np.sum(weight * (grid.nodes - means[rows, None]) ** 2, axis=1))
    return means, spreads


def item_information(items: GradedItems, theta: Array) -> Array:
    """Fisher information of each item about the latent variable: Σ (∂P/∂θ)²/P.

    Parameters
    ----------
    items
        Parameters.
    theta
        Shape (q,).

    Returns
    -------
    numpy.ndarray
        Shape (n_items, q).
    """
    d = derivatives(items, theta)
    # ∂P/∂θ is a times the sum of ∂P/∂d over an item's intercepts
    change = items.slopes[:, None, None] * d.first[:, 1:].sum(1)
    information: Array = np.sum(change**2 / d.probability, axis=1)
    return information
