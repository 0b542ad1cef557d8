"""Ordinal items: implied thresholds and correlations of the latent responses, and least squares on them.

The latent response y* of an item has scale delta: in the delta parameterisation delta is a parameter
(1 in a single group) and the residual variance follows from var(y*) = 1/delta^2; in the theta
parameterisation the residual variance is a parameter and delta = var(y*)^(-1/2). The moments are
(tau - mu) delta, item by item, and delta_i delta_j sigma_ij, lower triangle column by column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.partable import ParameterTable
from analysis.structural.ram import (
    Array,
    GroupModel,
    Ints,
    Places,
    State,
    build_group,
    evaluate,
    jacobian,
    propagate,
    vech_places,
)


@dataclass(frozen=True, slots=True)
class OrdinalGroup:
    """Templates of one group of ordinal items."""

    base: GroupModel
    item: Ints  # item of each threshold
    thresholds: Array
    free_thresholds: Places
    scales: Array
    free_scales: Places
    theta: bool


@dataclass(frozen=True, slots=True)
class OrdinalState:
    """Matrices of one group at given values, residual variances filled in."""

    base: State
    scales: Array
    thresholds: Array
    moments: Array


def build_ordinal_group(table: ParameterTable, group: int) -> OrdinalGroup:
    """Turn the rows of one group into templates.

    Parameters
    ----------
    table
        The parameter table; every observed variable is ordinal.
    group
        Number of the group.
    """
    items = table.names.observed
    categories = table.options.ordered
    offset = np.concatenate([[0], np.cumsum([categories[n] - 1 for n in items])])
    at = {name: k for k, name in enumerate(items)}
    tau, scales = np.zeros(offset[-1]), np.ones(len(items))
    free_tau: list[tuple[int, int, int]] = []
    free_scales: list[tuple[int, int, int]] = []
    for row in table.rows:
        if row.group != group or row.op not in ("|", "~*~"):
            continue
        place = at[row.lhs]
        target, free = (tau, free_tau) if row.op == "|" else (scales, free_scales)
        if row.op == "|":
            place = int(offset[place]) + int(row.rhs[1:]) - 1
        if row.free >= 0:
            free.append((row.free, place, 0))
        else:
            target[place] = row.fixed
    pack = [np.array(f, dtype=np.int64).reshape(-1, 3).T for f in (free_tau, free_scales)]
    return OrdinalGroup(
        base=build_group(table, group, {}),
        item=np.repeat(np.arange(len(items)), np.diff(offset)),
        thresholds=tau,
        free_thresholds=Places(*pack[0]),
        scales=scales,
        free_scales=Places(*pack[1]),
        theta=table.options.parameterization == "theta",
    )


def evaluate_ordinal(group: OrdinalGroup, x: Array) -> OrdinalState:
    """Compute implied thresholds and correlations."""
    tau, scales = group.thresholds.copy(), group.scales.copy()
    tau[group.free_thresholds.row] = x[group.free_thresholds.index]
    scales[group.free_scales.row] = x[group.free_scales.index]
    state = evaluate(group.base, x)
    if group.theta:
        with np.errstate(invalid="ignore", divide="ignore"):
            scales = 1.0 / np.sqrt(np.diag(state.sigma))
    else:
        state = _fill_residuals(state, scales)
    row, column = vech_places(len(scales), diagonal=False)
    correlations = state.sigma[row, column] * scales[row] * scales[column]
    shifted = (tau - state.mu[group.item]) * scales[group.item]
    return OrdinalState(state, scales, tau, np.concatenate([shifted, correlations]))


def _fill_residuals(state: State, scales: Array) -> State:
    """Choose residual variances of the items so that var(y*) = 1/delta^2."""
    items = state.observed
    symmetric = state.symmetric.copy()
    symmetric[items, items] = 0.0
    rest = state.total[items] @ symmetric @ state.total[items].T
    squared = state.total[np.ix_(items, items)] ** 2
    symmetric[items, items] = np.linalg.solve(squared, 1.0 / scales**2 - np.diag(rest))
    intercepts = np.linalg.solve(state.total, state.mean)
    return propagate(state.directed, symmetric, intercepts, items)


@dataclass(frozen=True, slots=True)
class OrdinalSlopes:
    """First derivatives of all pieces by the free parameters."""

    sigma: Array  # vech, residual variances filled in
    mu: Array
    scales: Array
    thresholds: Array


def ordinal_slopes(group: OrdinalGroup, state: OrdinalState, n_free: int) -> OrdinalSlopes:
    """Differentiate covariances, means, scales and thresholds of the latent responses."""
    sigma_by, mu_by = jacobian(group.base, state.base, n_free)
    p = len(state.scales)
    row, column = vech_places(p)
    scale_by: Array
    if group.theta:
        scale_by = -0.5 * state.scales[:, None] ** 3 * sigma_by[np.flatnonzero(row == column)]
    else:
        residual_by, scale_by = residual_slopes(group, state, n_free, sigma_by)
        rows = state.base.total[np.ix_(state.base.observed, state.base.observed)]
        sigma_by = sigma_by + (rows[row] * rows[column]) @ residual_by
    tau_by = np.zeros((len(group.item), n_free))
    tau_by[group.free_thresholds.row, group.free_thresholds.index] = 1.0
    return OrdinalSlopes(sigma_by, mu_by, scale_by, tau_by)


def moment_slopes(group: OrdinalGroup, state: OrdinalState, by: OrdinalSlopes) -> Array:
    """Derivatives of thresholds and correlations, shape (moments, q)."""
    scales = state.scales
    row, column = vech_places(len(scales))
    below = np.flatnonzero(row != column)
    r, c = row[below], column[below]
    sigma = state.base.sigma[r, c]
    correlation_by = by.sigma[below] * (scales[r] * scales[c])[:, None]
    if by.scales.any():
        correlation_by += by.scales[r] * (sigma * scales[c])[:, None]
        correlation_by += by.scales[c] * (sigma * scales[r])[:, None]
    centred = state.thresholds - state.base.mu[group.item]
    threshold_by = (by.thresholds - by.mu[group.item]) * scales[group.item][:, None]
    threshold_by += by.scales[group.item] * centred[:, None]
    return np.vstack([threshold_by, correlation_by])


def ordinal_jacobian(group: OrdinalGroup, state: OrdinalState, n_free: int) -> Array:
    """Derivatives of thresholds and correlations by the free parameters, shape (moments, q)."""
    return moment_slopes(group, state, ordinal_slopes(group, state, n_free))


def residual_slopes(
    group: OrdinalGroup, state: OrdinalState, n_free: int, sigma_by: Array | None = None
) -> tuple[Array, Array]:
    """Derivatives of the computed residual variances and of the scales (delta parameterisation)."""
    if sigma_by is None:
        sigma_by = jacobian(group.base, state.base, n_free)[0]
    p = len(state.scales)
    row, column = vech_places(p)
    scale_by = np.zeros((p, n_free))
    scale_by[group.free_scales.row, group.free_scales.index] = 1.0
    items = state.base.observed
    squared = state.base.total[np.ix_(items, items)] ** 2
    wanted = -2.0 * scale_by / state.scales[:, None] ** 3 - sigma_by[np.flatnonzero(row == column)]
    return np.linalg.solve(squared, wanted), scale_by
