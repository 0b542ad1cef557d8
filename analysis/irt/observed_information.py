"""Exact observed information of the graded response model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from analysis.irt.graded_model import GradedItems, derivatives, weighted_second
from analysis.irt.quadrature import PERSONS_AT_ONCE, Expectation, Quadrature, log_table, one_hot, posterior

Array = npt.NDArray[np.float64]
Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def observed_information(
    positions: npt.NDArray[np.int8], items: GradedItems, grid: Quadrature, expected: Expectation
) -> Array:
    """Exact observed information of the marginal likelihood (Louis, 1982).

    Parameters
    ----------
    positions
        Shape (n_items, n_persons).
    items
        Parameters.
    grid
        Quadrature.
    expected
        Expected counts at `items`.

    Returns
    -------
    numpy.ndarray
        Complete-data information less the variance of the persons' scores given their answers, over
        `items.vector()`.
    """
    n_items, k, _ = expected.counts.shape
    d = derivatives(items, grid.nodes)
    scores = d.scores
    outer = np.einsum("jcq,jpcq,jrcq->jpr", expected.counts, scores, scores)
    curvature = weighted_second(d, expected.counts / d.probability, grid.nodes) - outer
    total = np.zeros((n_items * k, n_items * k))
    for item in range(n_items):
        block = slice(item * k, (item + 1) * k)
        total[block, block] = -curvature[item]
    table, prior = log_table(items, grid.nodes), np.log(grid.weights)
    pairs = np.triu_indices(n_items, 1)
    together = np.zeros((len(pairs[0]) * k * k, len(grid.nodes)))
    for start in range(0, positions.shape[1], PERSONS_AT_ONCE):
        part = positions[:, start : start + PERSONS_AT_ONCE]
        marks = one_hot(part, k)
        weight, _ = posterior(marks, table, prior)
        together += _pair_marks(part, pairs, k).T @ weight
        mean = np.zeros((len(marks), n_items * k))
        for item in range(n_items):
            block = slice(item * k, (item + 1) * k)
            own = marks[:, block]
            mean[:, block] = np.einsum("nc,nq,pcq->np", own, weight, scores[item], optimize=True)
        total += mean.T @ mean
    blocks = np.zeros((n_items, k, n_items, k))
    blocks[np.arange(n_items), :, np.arange(n_items)] = outer
    between = _between(together.reshape(-1, k, k, len(grid.nodes)), scores, pairs)
    blocks[pairs[0], :, pairs[1]] = between
    blocks[pairs[1], :, pairs[0]] = between.transpose(0, 2, 1)
    spread = blocks.reshape(n_items * k, n_items * k)
    free = items.free.ravel()
    information = (total - spread)[np.ix_(free, free)]
    return 0.5 * (information + information.T)


def _pair_marks(positions: npt.NDArray[np.int8], pairs: Pairs, k: int) -> csr_array:
    """Mark the pair of categories that each person gave to each pair of items, where both were answered.

    Shape (n_persons, n_pairs · k²). A sum over persons touches one cell of each pair of items, not k².
    """
    first, second = (positions[list(items)].T.astype(np.int32) for items in pairs)
    given = (first < k) & (second < k)
    cells = np.where(given, first * k + second, 0) + k * k * np.arange(len(pairs[0]), dtype=np.int32)
    starts = np.arange(len(cells) + 1, dtype=np.int32) * len(pairs[0])
    shape = (len(cells), len(pairs[0]) * k * k)
    return csr_array((given.ravel().astype(np.float64), cells.ravel(), starts), shape=shape)


def _between(together: Array, scores: Array, pairs: Pairs) -> Array:
    """Expected products of the scores of two items, from how many gave which two answers at each node."""
    half = np.einsum("xpcq,xcdq->xpdq", scores[pairs[0]], together)
    made: Array = np.einsum("xpdq,xrdq->xpr", half, scores[pairs[1]])
    return made
