"""Model matrices on arrays: implied moments and their first and second derivatives.

Every variable, observed or latent, stands in one vector v = A v + u with var(u) = S and
intercepts m, so that with B = (I - A)^-1 the moments of the observed part F v are
Sigma = F B S B' F' and mu = F B m. LISREL's Lambda and Beta are blocks of A, Theta and Psi blocks
of S. Ordinal items add thresholds tau and scales delta.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.structural.language.partable import ParameterTable, Row

Array = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Where free parameters of one kind sit: index in the parameter vector, row and column."""

    index: Ints
    row: Ints
    column: Ints


@dataclass(frozen=True, slots=True)
class GroupModel:
    """Templates of one group and the places of its free parameters."""

    observed: Ints
    directed: Array
    symmetric: Array
    intercepts: Array
    free_directed: Places
    free_symmetric: Places
    free_intercepts: Places


@dataclass(frozen=True, slots=True)
class State:
    """Matrices of one group at given parameter values (v variables, p observed)."""

    directed: Array
    symmetric: Array
    total: Array  # B, shape (v, v)
    covariance: Array  # B S B', shape (v, v)
    mean: Array  # B m, shape (v,)
    observed: Ints

    @property
    def sigma(self) -> Array:
        """Implied covariance of the observed variables, which come first."""
        p = len(self.observed)
        return self.covariance[:p, :p]

    @property
    def mu(self) -> Array:
        """Implied mean of the observed variables."""
        return self.mean[: len(self.observed)]


def variable_order(table: ParameterTable, group: int = 0) -> list[str]:
    """Give all variables of a group: observed first, then latent."""
    names = table.names_of(group)
    return [*names.observed, *names.latent]


def _places(found: list[tuple[int, int, int]]) -> Places:
    array = np.array(found, dtype=np.int64).reshape(-1, 3)
    return Places(array[:, 0], array[:, 1], array[:, 2])


def matrix_place(row: Row, at: dict[str, int]) -> tuple[str, int, int] | None:
    """Say in which matrix a row sits, and where."""
    if row.role in ("weight", "mean"):
        return None
    if row.op == "=~":
        return "directed", at[row.rhs], at[row.lhs]
    if row.op == "~":
        return "directed", at[row.lhs], at[row.rhs]
    if row.op == "~~":
        return "symmetric", at[row.lhs], at[row.rhs]
    if row.op == "~1":
        return "intercepts", at[row.lhs], 0
    return None


def build_group(
    table: ParameterTable, group: int, fixed_values: dict[tuple[str, str, str], float]
) -> GroupModel:
    """Turn the rows of one group into templates.

    Parameters
    ----------
    table
        The parameter table.
    group
        Number of the group.
    fixed_values
        Sample values of exogenous rows.
    """
    order = variable_order(table, group)
    at = {name: k for k, name in enumerate(order)}
    size = len(order)
    matrices = {
        "directed": np.zeros((size, size)),
        "symmetric": np.zeros((size, size)),
        "intercepts": np.zeros((size, 1)),
    }
    free: dict[str, list[tuple[int, int, int]]] = {"directed": [], "symmetric": [], "intercepts": []}
    for row in table.rows:
        place = matrix_place(row, at) if row.group == group else None
        if place is None:
            continue
        kind, i, j = place
        if row.free >= 0:
            free[kind].append((row.free, i, j))
            continue
        value = fixed_values[row.lhs, row.op, row.rhs] if row.exogenous else row.fixed
        if row.computed:
            value = 1.0
        matrices[kind][i, j] = value
        if kind == "symmetric":
            matrices[kind][j, i] = value
    return GroupModel(
        observed=np.arange(len(table.names_of(group).observed)),
        directed=matrices["directed"],
        symmetric=matrices["symmetric"],
        intercepts=matrices["intercepts"][:, 0],
        free_directed=_places(free["directed"]),
        free_symmetric=_places(free["symmetric"]),
        free_intercepts=_places(free["intercepts"]),
    )


def evaluate(group: GroupModel, x: Array) -> State:
    """Fill the templates with parameter values and compute the implied moments."""
    directed, symmetric = group.directed.copy(), group.symmetric.copy()
    intercepts = group.intercepts.copy()
    a, s, m = group.free_directed, group.free_symmetric, group.free_intercepts
    directed[a.row, a.column] = x[a.index]
    symmetric[s.row, s.column] = x[s.index]
    symmetric[s.column, s.row] = x[s.index]
    intercepts[m.row] = x[m.index]
    return propagate(directed, symmetric, intercepts, group.observed)


def propagate(directed: Array, symmetric: Array, intercepts: Array, observed: Ints) -> State:
    """Compute the implied moments of given matrices."""
    total = np.linalg.inv(np.eye(len(directed)) - directed)
    covariance = total @ symmetric @ total.T
    return State(directed, symmetric, total, (covariance + covariance.T) / 2, total @ intercepts, observed)


@dataclass(frozen=True, slots=True)
class Slopes:
    """First derivatives in factored form.

    The derivative of Sigma by parameter k is `left[:, k] right[:, k]' + right[:, k] left[:, k]'`,
    that of mu is `mean[:, k]`; all have shape (p, q).
    """

    index: Ints
    left: Array
    right: Array
    mean: Array


def slopes(group: GroupModel, state: State, everything: bool = False) -> Slopes:
    """Differentiate the implied moments by the free parameters of a group.

    Parameters
    ----------
    group, state
        The model and its matrices.
    everything
        Whether latent variables are among the rows.
    """
    a, s, m = group.free_directed, group.free_symmetric, group.free_intercepts
    n = len(state.total) if everything else len(state.observed)  # observed variables come first
    rows, cov = state.total[:n], state.covariance[:n]
    paths, both = len(a.index), len(a.index) + len(s.index)
    left, right, mean = np.zeros((3, n, both + len(m.index)))
    left[:, :paths] = rows[:, a.row]
    left[:, paths:both] = rows[:, s.row] * np.where(s.row == s.column, 0.5, 1.0)
    right[:, :paths] = cov[:, a.column]
    right[:, paths:both] = rows[:, s.column]
    mean[:, :paths] = left[:, :paths] * state.mean[a.column]
    mean[:, both:] = rows[:, m.row]
    return Slopes(np.concatenate([a.index, s.index, m.index]), left, right, mean)


def gradient(group: GroupModel, state: State, by_sigma: Array, by_mu: Array, n_free: int) -> Array:
    """Chain rule: tr(by_sigma dSigma) + by_mu' dmu for every free parameter (`by_sigma` symmetric)."""
    a, s, m = group.free_directed, group.free_symmetric, group.free_intercepts
    rows = state.total[state.observed]
    through = rows.T @ by_sigma
    by_directed = 2.0 * through @ state.covariance[state.observed] + np.outer(rows.T @ by_mu, state.mean)
    by_symmetric = through @ rows
    result = np.zeros(n_free)
    result[a.index] = by_directed[a.row, a.column]
    result[s.index] = by_symmetric[s.row, s.column] * np.where(s.row == s.column, 1.0, 2.0)
    result[m.index] = (rows.T @ by_mu)[m.row]
    return result


def curvature(group: GroupModel, state: State, by_sigma: Array, by_mu: Array, n_free: int) -> Array:
    """Sum of second derivatives of Sigma and mu, weighted by `by_sigma` and `by_mu`."""
    a, s, m = group.free_directed, group.free_symmetric, group.free_intercepts
    if not len(a.index):  # moments are linear in covariances and intercepts
        return np.zeros((n_free, n_free))
    rows = state.total[state.observed]
    inner = rows.T @ by_sigma @ rows  # B'F' G F B
    cov_in = state.covariance @ np.linalg.solve(state.total.T, inner)  # Omega F'GF B
    pull = rows.T @ by_mu
    total, mean = state.total, state.mean
    result = np.zeros((n_free, n_free))
    i, j = a.row[:, None], a.column[:, None]
    k, o = a.row[None, :], a.column[None, :]
    block = 2.0 * (
        cov_in[j, k] * total[o, i] + cov_in[o, i] * total[j, k] + inner[k, i] * state.covariance[j, o]
    )
    block = block + pull[k] * total[o, i] * mean[j] + pull[i] * total[j, k] * mean[o]
    result[np.ix_(a.index, a.index)] = block
    k, o = s.row[None, :], s.column[None, :]
    cross = 2.0 * (inner[o, i] * total[j, k] + inner[k, i] * total[j, o])
    cross = cross * np.where(s.row == s.column, 0.5, 1.0)
    result[np.ix_(a.index, s.index)] = cross
    result[np.ix_(s.index, a.index)] = cross.T
    if len(m.index):
        shift = pull[a.row][:, None] * total[np.ix_(a.column, m.row)]
        result[np.ix_(a.index, m.index)] = shift
        result[np.ix_(m.index, a.index)] = shift.T
    return result


@cache
def vech_places(p: int, diagonal: bool = True) -> tuple[Ints, Ints]:
    """Row and column of the lower triangle, column by column; not to be written to."""
    column, row = np.triu_indices(p, 0 if diagonal else 1)
    row.flags.writeable = column.flags.writeable = False
    return row, column


@cache
def vech_index(p: int) -> Ints:
    """Place of each entry of a symmetric matrix in its lower triangle; not to be written to."""
    row, column = vech_places(p)
    found = np.zeros((p, p), dtype=np.int64)
    found[row, column] = found[column, row] = np.arange(len(row))
    found.flags.writeable = False
    return found


def jacobian(group: GroupModel, state: State, n_free: int) -> tuple[Array, Array]:
    """Derivatives of vech(Sigma) (shape (p(p+1)/2, q)) and of mu (shape (p, q)), dense."""
    parts = slopes(group, state)
    p = len(state.observed)
    row, column = vech_places(p)
    sigma = np.zeros((len(row), n_free))
    mu = np.zeros((p, n_free))
    sigma[:, parts.index] = parts.left[row] * parts.right[column] + parts.right[row] * parts.left[column]
    mu[:, parts.index] = parts.mean
    return sigma, mu
