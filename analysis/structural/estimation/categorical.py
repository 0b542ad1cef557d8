"""Models with ordinal items: implied moments for least squares, given covariates where there are any.

The latent response y* of an item has scale delta: in the delta parameterisation delta is a parameter
(1 in a single group) and the residual variance follows from var(y*) = 1/delta^2; in the theta
parameterisation the residual variance is a parameter and delta = var(y*)^(-1/2). The moments are
(tau - mu) delta, item by item; the means of continuous variables; slopes on covariates, delta_i pi_ix; the
variances of continuous variables; and delta_i delta_j sigma_ij, lower triangle column by column. Covariates
have no moments of their own: mu and sigma are those given the covariates, and delta of a continuous variable
is 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.structural.estimation.ram import (
    Array,
    GroupModel,
    Ints,
    Places,
    State,
    build_group,
    evaluate,
    jacobian,
    vech_index,
    vech_places,
)
from analysis.structural.language.partable import ParameterTable


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
    ordinal: Ints  # places of the ordinal items among the observed variables
    continuous: Ints  # of continuous variables that are no covariates
    covariates: Ints

    explained: Ints  # of everything that is no covariate
    below: tuple[Ints, Ints]  # row and column of their covariances, lower triangle column by column

    @property
    def mixed(self) -> bool:
        """Whether there is anything beside ordinal items."""
        return bool(len(self.continuous) or len(self.covariates))


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
        The parameter table.
    group
        Number of the group.
    """
    names = table.names_of(group)
    items = names.observed
    categories = table.ordered_of(group)
    cuts = [categories[n] - 1 if n in categories else 0 for n in items]
    offset = np.concatenate([[0], np.cumsum(cuts)])
    at = {name: k for k, name in enumerate(items)}
    tau, scales = np.zeros(offset[-1]), np.ones(len(items))
    free_tau: list[tuple[int, int, int]] = []
    free_scales: list[tuple[int, int, int]] = []
    for row in table.rows:
        if row.group != group or row.op not in ("|", "~*~") or row.lhs not in categories:
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
    given = {(r.lhs, r.op, r.rhs): 0.0 for r in table.rows if r.exogenous}
    covariates = [at[name] for name in names.exogenous]
    rest = [k for k, name in enumerate(items) if name not in categories and k not in covariates]
    explained: Ints = np.array([k for k in range(len(items)) if k not in covariates], dtype=np.int64)
    below = vech_places(len(explained), diagonal=False)
    return OrdinalGroup(
        base=build_group(table, group, given),
        item=np.repeat(np.arange(len(items)), np.diff(offset)),
        thresholds=tau,
        free_thresholds=Places(*pack[0]),
        scales=scales,
        free_scales=Places(*pack[1]),
        theta=table.options.parameterization == "theta",
        ordinal=np.array([k for k, name in enumerate(items) if name in categories], dtype=np.int64),
        continuous=np.array(rest, dtype=np.int64),
        covariates=np.array(covariates, dtype=np.int64),
        explained=explained,
        below=(explained[below[0]], explained[below[1]]),
    )


def pairs_below(group: OrdinalGroup) -> tuple[Ints, Ints]:
    """Row and column of the covariances among what is no covariate, lower triangle column by column."""
    return group.below


def evaluate_ordinal(group: OrdinalGroup, x: Array) -> OrdinalState:
    """Compute implied thresholds and correlations."""
    tau, scales = group.thresholds.copy(), group.scales.copy()
    tau[group.free_thresholds.row] = x[group.free_thresholds.index]
    scales[group.free_scales.row] = x[group.free_scales.index]
    state = evaluate(group.base, x)
    if group.theta:
        with np.errstate(invalid="ignore", divide="ignore"):
            scales[group.ordinal] = 1.0 / np.sqrt(np.diag(state.sigma)[group.ordinal])
    else:
        state = _fill_residuals(state, scales, group.ordinal)
    row, column = group.below
    sigma = state.sigma
    correlations = sigma[row, column] * scales[row] * scales[column]
    shifted = (tau - state.mu[group.item]) * scales[group.item]
    if not group.mixed:
        return OrdinalState(state, scales, tau, np.concatenate([shifted, correlations]))
    line, explained = group.continuous, group.explained
    slopes = state.total[explained[:, None], group.covariates] * scales[explained, None]
    moments = [shifted, state.mu[line], slopes.ravel(), sigma[line, line], correlations]
    return OrdinalState(state, scales, tau, np.concatenate(moments))


def _fill_residuals(state: State, scales: Array, items: Ints) -> State:
    """Choose residual variances of the items so that var(y*) = 1/delta^2."""
    symmetric = state.symmetric.copy()
    symmetric[items, items] = 0.0
    own = state.total[items]
    rest = np.sum((own @ symmetric) * own, axis=1)
    symmetric[items, items] = _through(own[:, items] ** 2, 1.0 / scales[items] ** 2 - rest)
    covariance = state.total @ symmetric @ state.total.T
    return replace(state, symmetric=symmetric, covariance=(covariance + covariance.T) / 2)


def _through(squared: Array, wanted: Array) -> Array:
    """Residual variances that add up to those wanted; their own where no item predicts another."""
    alone = np.count_nonzero(squared) == len(squared) and bool((squared.diagonal() == 1.0).all())
    return wanted if alone else np.linalg.solve(squared, wanted)


@dataclass(frozen=True, slots=True)
class OrdinalSlopes:
    """First derivatives of all pieces by the free parameters."""

    sigma: Array  # vech, residual variances filled in
    mu: Array
    scales: Array
    thresholds: Array
    paths: Array  # of the slopes on covariates, row by row


def ordinal_slopes(group: OrdinalGroup, state: OrdinalState, n_free: int) -> OrdinalSlopes:
    """Differentiate covariances, means, scales and thresholds of the latent responses."""
    sigma_by, mu_by = jacobian(group.base, state.base, n_free)
    p = len(state.scales)
    row, column = vech_places(p)
    scale_by: Array
    if group.theta:
        scale_by = np.zeros((p, n_free))
        own = sigma_by[np.flatnonzero(row == column)][group.ordinal]
        scale_by[group.ordinal] = -0.5 * state.scales[group.ordinal, None] ** 3 * own
    else:
        residual_by, scale_by = residual_slopes(group, state, n_free, sigma_by)
        rows = state.base.total[np.ix_(state.base.observed, state.base.observed)]
        sigma_by = sigma_by + (rows[row] * rows[column]) @ residual_by
    tau_by = np.zeros((len(group.item), n_free))
    tau_by[group.free_thresholds.row, group.free_thresholds.index] = 1.0
    return OrdinalSlopes(sigma_by, mu_by, scale_by, tau_by, _path_slopes(group, state, n_free))


def _path_slopes(group: OrdinalGroup, state: OrdinalState, n_free: int) -> Array:
    """Derivatives of the total effects of covariates: d pi_yx = B_yi B_jx for a path from j to i."""
    return total_slopes(state.base, group.base, group.explained, group.covariates, n_free)


def total_slopes(state: State, group: GroupModel, explained: Ints, covariates: Ints, n_free: int) -> Array:
    """Derivatives of the total effects of covariates on what they explain, row by row.

    Parameters
    ----------
    state, group
        Matrices at parameter values, and their template.
    explained, covariates
        Places among the observed variables.
    n_free
        Length of the parameter vector.
    """
    total, places = state.total, group.free_directed
    found = np.zeros((len(explained) * len(covariates), n_free))
    if not len(covariates):
        return found
    by = total[explained[:, None], places.row][:, None, :] * total[places.column[:, None], covariates].T[None]
    found[:, places.index] = by.reshape(len(found), len(places.index))
    return found


def moment_slopes(group: OrdinalGroup, state: OrdinalState, by: OrdinalSlopes) -> Array:
    """Derivatives of thresholds and correlations, shape (moments, q)."""
    scales = state.scales
    where = vech_index(len(scales))
    r, c = group.below
    sigma = state.base.sigma
    correlation_by = by.sigma[where[r, c]] * (scales[r] * scales[c])[:, None]
    if by.scales.any():
        correlation_by += by.scales[r] * (sigma[r, c] * scales[c])[:, None]
        correlation_by += by.scales[c] * (sigma[r, c] * scales[r])[:, None]
    centred = state.thresholds - state.base.mu[group.item]
    threshold_by = (by.thresholds - by.mu[group.item]) * scales[group.item][:, None]
    threshold_by += by.scales[group.item] * centred[:, None]
    if not group.mixed:
        return np.vstack([threshold_by, correlation_by])
    line, explained = group.continuous, group.explained
    slopes = state.base.total[explained[:, None], group.covariates]
    n_covariates = len(group.covariates)
    path_by = by.paths * np.repeat(scales[explained], n_covariates)[:, None]
    path_by += np.repeat(by.scales[explained], n_covariates, axis=0) * slopes.ravel()[:, None]
    return np.vstack([threshold_by, by.mu[line], path_by, by.sigma[where[line, line]], correlation_by])


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
    scale_by = np.zeros((p, n_free))
    scale_by[group.free_scales.row, group.free_scales.index] = 1.0
    items = group.ordinal
    squared = state.base.total[items[:, None], items] ** 2
    own = sigma_by[vech_index(p)[items, items]]
    wanted = -2.0 * scale_by[items] / state.scales[items, None] ** 3 - own
    residual_by = np.zeros((p, n_free))
    residual_by[items] = _through(squared, wanted)
    return residual_by, scale_by
