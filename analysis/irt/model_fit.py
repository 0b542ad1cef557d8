"""C2: a limited-information test of fit from category shares and products of item pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from analysis.correlation.counts import pair_indices
from analysis.irt.graded_model import GradedItems, category_probabilities, derivatives
from analysis.irt.quadrature import Quadrature

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """First moments by category and mixed second moments of item pairs.

    Attributes
    ----------
    expected
        [P(X_j = c), c ≥ 1, item by item; E(X_i X_j) pair by pair], shape (m,).
    covariance
        Of one person's statistics, shape (m, m).
    correlations
        Of the items, shape (n_pairs,).
    """

    expected: Array
    covariance: Array
    correlations: Array


def model_moments(probability: Array, weights: Array, n_categories: npt.NDArray[np.int64]) -> Moments:
    """Moments of the statistics under conditional independence.

    Parameters
    ----------
    probability
        Shape (n_items, k, q).
    weights
        Of the nodes, shape (q,).
    n_categories
        Categories per item.

    Returns
    -------
    Moments
        Positions 0, 1, … serve as item values.
    """
    n_items, k, _ = probability.shape
    values = np.arange(k, dtype=float)[None, :, None]
    mean, square = (probability * values).sum(1), (probability * values**2).sum(1)
    owner, category = single_places(n_categories)
    first, second = pair_indices(n_items)
    single = probability[owner, category]
    product = mean[first] * mean[second]
    stacked = np.vstack([single, product])
    raw = (stacked * weights) @ stacked.T
    n_single = len(owner)
    for item in range(n_items):
        own = np.flatnonzero(owner == item)
        mine = np.flatnonzero((first == item) | (second == item))
        partner = mean[np.where(first[mine] == item, second[mine], first[mine])]
        raw[np.ix_(own, own)] = np.diag(single[own] @ weights)
        crossed = (single[own] * category[own, None] * weights) @ partner.T
        raw[np.ix_(own, n_single + mine)] = crossed
        raw[np.ix_(n_single + mine, own)] = crossed.T
        raw[np.ix_(n_single + mine, n_single + mine)] = (partner * square[item] * weights) @ partner.T
    at = n_single + np.arange(len(first))
    raw[at, at] = (square[first] * square[second]) @ weights
    expected = stacked @ weights
    centre, spread = mean @ weights, square @ weights
    deviation = np.sqrt(spread - centre**2)
    correlations = (expected[n_single:] - centre[first] * centre[second]) / (
        deviation[first] * deviation[second]
    )
    return Moments(
        expected=expected, covariance=raw - np.outer(expected, expected), correlations=correlations
    )


def single_places(n_categories: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Item and category of each first moment.

    Parameters
    ----------
    n_categories
        Categories per item.

    Returns
    -------
    tuple
        Two index arrays.
    """
    places = [(item, c) for item, size in enumerate(n_categories) for c in range(1, size)]
    table = np.array(places, dtype=np.intp)
    return table[:, 0], table[:, 1]


def moment_slopes(items: GradedItems, grid: Quadrature) -> Array:
    """Derivatives of the expected statistics by the model's parameters.

    Parameters
    ----------
    items
        Parameters.
    grid
        Quadrature.

    Returns
    -------
    numpy.ndarray
        Shape (m, n_parameters).
    """
    n_items, k = len(items.slopes), items.intercepts.shape[1] + 1
    d = derivatives(items, grid.nodes)
    mean = (category_probabilities(items, grid.nodes) * np.arange(k)[None, :, None]).sum(1)
    change = (d.first * np.arange(k)[None, None, :, None]).sum(2)
    owner, category = single_places(items.n_categories)
    first, second = pair_indices(n_items)
    slopes = np.zeros((len(owner) + len(first), n_items, k))
    slopes[np.arange(len(owner)), owner] = d.first[owner, :, category] @ grid.weights
    at = len(owner) + np.arange(len(first))
    slopes[at, first] = np.einsum("rpq,rq->rp", change[first], mean[second] * grid.weights)
    slopes[at, second] = np.einsum("rpq,rq->rp", change[second], mean[first] * grid.weights)
    return slopes.reshape(len(slopes), -1)[:, items.free.ravel()]


def observed_moments(
    positions: npt.NDArray[np.int8], n_categories: npt.NDArray[np.int64]
) -> tuple[Array, Array]:
    """Statistics of complete answers, and their correlations.

    Parameters
    ----------
    positions
        Shape (n_items, n_persons).
    n_categories
        Categories per item.

    Returns
    -------
    tuple
        As `Moments.expected`, and the correlations of the pairs.
    """
    values = positions.astype(float)
    owner, category = single_places(n_categories)
    first, second = pair_indices(len(values))
    shares = (positions[owner] == category[:, None]).mean(1)
    products = (values @ values.T / values.shape[1])[first, second]
    return np.concatenate([shares, products]), np.corrcoef(values)[first, second]


def residual_statistic(residual: Array, covariance: Array, slopes: Array, n: int) -> tuple[float, int]:
    """Weighted distance of the residuals from what parameters could explain.

    Parameters
    ----------
    residual
        Observed less expected, shape (m,).
    covariance
        Shape (m, m).
    slopes
        Shape (m, n_parameters).
    n
        Persons.

    Returns
    -------
    tuple
        Statistic and degrees of freedom, m less the rank of the slopes.
    """
    factor = cho_factor(covariance)
    weighted, pull = cho_solve(factor, residual), cho_solve(factor, slopes)
    taken = slopes.T @ weighted
    statistic = residual @ weighted - taken @ np.linalg.solve(slopes.T @ pull, taken)
    return float(n * statistic), len(residual) - slopes.shape[1]


def independence_statistic(
    shares: Array, observed: Array, n_categories: npt.NDArray[np.int64], n: int
) -> tuple[float, int]:
    """The statistic of the model in which items are independent.

    Parameters
    ----------
    shares
        Observed category shares, shape (n_items, k).
    observed
        Statistics as in `observed_moments`.
    n_categories
        Categories per item.
    n
        Persons.

    Returns
    -------
    tuple
        Statistic and degrees of freedom.
    """
    moments = model_moments(shares[:, :, None], np.ones(1), n_categories)
    owner, category = single_places(n_categories)
    first, second = pair_indices(len(shares))
    mean = shares @ np.arange(shares.shape[1])
    slopes = np.zeros((len(observed), len(owner)))
    slopes[: len(owner)] = np.eye(len(owner))
    below = len(owner) + np.arange(len(first))
    for item in range(len(shares)):
        own = np.flatnonzero(owner == item)
        for mine, other in ((first, second), (second, first)):
            at = np.flatnonzero(mine == item)
            slopes[np.ix_(below[at], own)] = np.outer(mean[other[at]], category[own])
    return residual_statistic(observed - moments.expected, moments.covariance, slopes, n)
