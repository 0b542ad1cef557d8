"""Exact observed information of the graded response model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.irt.graded_model import GradedItems, derivatives, weighted_second
from analysis.irt.quadrature import PERSONS_AT_ONCE, Expectation, Quadrature, log_table, one_hot, posterior

Array = npt.NDArray[np.float64]


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
    used = np.flatnonzero(expected.counts.sum((0, 1)) > 1e-9 * expected.counts.sum())
    joint = np.zeros((len(used), n_items * k, n_items * k))
    for start in range(0, positions.shape[1], PERSONS_AT_ONCE):
        marks = one_hot(positions[:, start : start + PERSONS_AT_ONCE], k)
        weight, _ = posterior(marks, table, prior)
        root = np.sqrt(weight)
        for at, node in enumerate(used):
            weighted = marks * root[:, node, None]
            joint[at] += weighted.T @ weighted
        mean = np.zeros((len(marks), n_items * k))
        for item in range(n_items):
            block = slice(item * k, (item + 1) * k)
            own = marks[:, block]
            mean[:, block] = np.einsum("nc,nq,pcq->np", own, weight, scores[item], optimize=True)
        total += mean.T @ mean
    spread = np.zeros((n_items * k, n_items * k))
    for at, node in enumerate(used):
        wide = np.zeros((n_items * k, n_items * k))
        for item in range(n_items):
            block = slice(item * k, (item + 1) * k)
            wide[block, block] = scores[item, :, :, node]
        spread += wide @ joint[at] @ wide.T
    free = items.free.ravel()
    information = (total - spread)[np.ix_(free, free)]
    return 0.5 * (information + information.T)
