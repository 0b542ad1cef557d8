"""Sandwich errors of structure after measurement: what each row contributes to the first step."""

from __future__ import annotations

import numpy as np

from analysis.structural.estimation.fiml import FimlDiscrepancy
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.information import parameter_scores
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.ram import Array, build_group
from analysis.structural.fitting import Prepared


def first_pulls(
    ready: Prepared,
    measurement: list[Fitted],
    places: list[tuple[np.ndarray, np.ndarray]],
    group: int,
    size: int,
) -> Array:
    """How far each row of a group moves the estimates of step 1, by the sandwich of each block.

    Parameters
    ----------
    ready
        The whole model with its rows.
    measurement
        The fitted blocks.
    places
        Per block the places of its parameters, there and in the whole model.
    group
        Number of the group.
    size
        Free parameters of the whole model.

    Returns
    -------
    numpy.ndarray
        Shape (n, size); zero for rows that answered nothing of a block.
    """
    rows = ready.rows.positions[group]
    total: Array = np.zeros((len(rows), size))
    for one, (mine, whole) in zip(measurement, places, strict=True):
        bread = one.reduction.basis @ _bread(one) @ one.reduction.basis.T
        sample, state = one.samples[group], one.states[group]
        model = build_group(one.table, group, one.exogenous_values[group])
        mu = state.mu if one.table.options.meanstructure else sample.mean
        pulls = parameter_scores(sample, model, state, len(one.x), mu) @ bread
        own = np.searchsorted(rows, one.data.positions[group])
        weights = [s.weights for s in ready.rows.sampling]
        n = float(sum(one.sizes))
        if weights and weights[0] is not None:  # weights of the rows in use add up to their number
            kept = [
                np.searchsorted(r, p) for r, p in zip(ready.rows.positions, one.data.positions, strict=True)
            ]
            n = float(sum(w[k].sum() for w, k in zip(weights, kept, strict=True) if w is not None))
        total[own[:, None], whole] += pulls[:, mine] / n
    return total


def _bread(one: Fitted) -> Array:
    """Inverse of the observed information per row of a measurement model, in its reduced parameters."""
    samples = one.samples
    groups = [build_group(one.table, g, values) for g, values in enumerate(one.exogenous_values)]
    size, means = one.table.n_free, one.table.options.meanstructure
    target: NormalDiscrepancy | FimlDiscrepancy = NormalDiscrepancy(
        groups, [Moments(s.n, s.mean, s.covariance) for s in samples], size, means
    )
    if one.missing == "fiml" and any(len(s.patterns.n) > 1 for s in samples):
        target = FimlDiscrepancy(
            groups, [s.patterns for s in samples], [(s.mean, s.covariance) for s in samples], size
        )
    basis = one.reduction.basis
    return np.asarray(np.linalg.inv(basis.T @ target.observed(one.x) @ basis / 2.0))
