"""Persons integrated over the latent variable: nodes, posterior weights, expected counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.irt.graded_model import SMALLEST, GradedItems, category_probabilities

Array = npt.NDArray[np.float64]

PERSONS_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quadrature:
    """Nodes of the latent variable and their normal weights, which sum to 1."""

    nodes: Array
    weights: Array


def normal_quadrature(points: int, limit: float) -> Quadrature:
    """Equally spaced nodes on [−limit, limit] weighted by the standard normal density.

    Parameters
    ----------
    points
        Number of nodes.
    limit
        Largest node.

    Returns
    -------
    Quadrature
        Nodes and weights.
    """
    nodes = np.linspace(-limit, limit, points)
    density = np.exp(-0.5 * nodes**2)
    return Quadrature(nodes=nodes, weights=density / density.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation:
    """What one pass over the persons gives.

    Attributes
    ----------
    loglik
        Marginal log likelihood.
    counts
        Expected answers per item, category and node, shape (n_items, k, q).
    """

    loglik: float
    counts: Array


def one_hot(positions: npt.NDArray[np.int8], k: int) -> Array:
    """Mark each answer's category.

    Parameters
    ----------
    positions
        Shape (n_items, n_persons); k for no answer.
    k
        Largest number of categories.

    Returns
    -------
    numpy.ndarray
        Shape (n_persons, n_items · k); a missing answer is all zeros.
    """
    marks = positions[:, None, :] == np.arange(k, dtype=np.int8)[None, :, None]
    return marks.reshape(-1, positions.shape[1]).T.astype(float)


def log_table(items: GradedItems, theta: Array) -> Array:
    """Log probabilities as a table to be multiplied with `one_hot`.

    Parameters
    ----------
    items
        Parameters.
    theta
        Shape (q,).

    Returns
    -------
    numpy.ndarray
        Shape (n_items · k, q).
    """
    probability = category_probabilities(items, theta)
    return np.log(np.maximum(probability, SMALLEST)).reshape(-1, len(theta))


def posterior(marks: Array, table: Array, log_weights: Array) -> tuple[Array, Array]:
    """Posterior weights of the nodes for each person.

    Parameters
    ----------
    marks
        From `one_hot`.
    table
        From `log_table`.
    log_weights
        Log of the prior weights, shape (q,).

    Returns
    -------
    tuple
        Weights of shape (n_persons, q), and log likelihoods of shape (n_persons,).
    """
    joint = marks @ table + log_weights
    top = joint.max(1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(1, keepdims=True)
    return weight / total, (np.log(total) + top)[:, 0]


def expectation(positions: npt.NDArray[np.int8], items: GradedItems, grid: Quadrature) -> Expectation:
    """Sum posterior weights over persons.

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
    Expectation
        Log likelihood and expected counts.
    """
    k = items.intercepts.shape[1] + 1
    table, prior = log_table(items, grid.nodes), np.log(grid.weights)
    counts, loglik = np.zeros_like(table), 0.0
    for start in range(0, positions.shape[1], PERSONS_AT_ONCE):
        marks = one_hot(positions[:, start : start + PERSONS_AT_ONCE], k)
        weight, persons = posterior(marks, table, prior)
        counts += marks.T @ weight
        loglik += float(persons.sum())
    return Expectation(loglik=loglik, counts=counts.reshape(len(items.slopes), k, -1))
