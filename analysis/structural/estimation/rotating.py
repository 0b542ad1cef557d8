"""Rotate the exploratory blocks of a fitted model: factors turn, moments stay.

With F the factors of a block, T the rotation (T'T their correlations) and F* = T'F, every path, covariance
and mean that involves F follows from A* = M A M^-1, S* = M S M', m* = M m, where M is T' at the block and
the identity elsewhere. The rotated solution is the point at which the criterion Q is stationary: with L the
rotated loadings, Phi the correlations and G = dQ/dL, the matrix L'G Phi^-1 is diagonal (oblique) or L'G
symmetric (orthogonal). These conditions, differentiated, leave the directions in which the rotated estimates
vary, so that tests and standard errors are those of a model with constraints (Jennrich 1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space
from scipy.optimize import linear_sum_assignment

from analysis.factors.multistart import from_many_starts, warn_lonely
from analysis.factors.pattern import Pattern
from analysis.structural.estimation.categorical import OrdinalGroup, evaluate_ordinal, residual_slopes
from analysis.structural.estimation.exploratory_blocks import tied_groups
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.optimise import Minimum, Reduction
from analysis.structural.estimation.ram import Array, GroupModel, State, evaluate, variable_order
from analysis.structural.language.partable import ParameterTable
from analysis.structural.language.rotation_options import BIFACTOR, Rotation
from instrument.errors import NotEstimableError, fact_and_hint

Order = NDArray[np.intp]
Doubles = NDArray[np.float64]
STEP = 1e-20  # of complex differences
NEAR_LARGEST = 0.8  # of the largest loading: these items place a factor


@dataclass(frozen=True, slots=True)
class _Block:
    """One exploratory block: where its items and factors stand among the variables of a group."""

    name: str
    items: list[int]
    factors: list[int]


def turn_blocks(
    table: ParameterTable,
    groups: Sequence[GroupModel | OrdinalGroup],
    reduction: Reduction,
    minimum: Minimum,
    caller: str,
) -> tuple[Reduction, Minimum]:
    """Rotate every exploratory block; without any, nothing changes.

    Parameters
    ----------
    table
        The parameter table.
    groups
        Templates of every group.
    reduction, minimum
        The search of the unrotated solution and where it ended.
    caller
        The public function named in messages.

    Returns
    -------
    tuple
        Constraints whose basis holds the directions in which the rotated estimates vary, and the minimum.
    """
    rotation = table.options.rotation
    if rotation is None or not minimum.converged:
        return reduction, minimum
    x = reduction.expand(minimum.z)
    tied = tied_groups(table.options)
    found: dict[tuple[str, int], Pattern] = {}
    turned = x.copy()
    for g, group in enumerate(groups):
        base, state = _matrices(group, x)
        move = np.eye(len(state.directed))
        for block in _blocks(table, g):
            if len(block.factors) < 2:
                continue
            pattern = (
                found[block.name, 0] if tied and g else _rotated(rotation, block, state, found, g, caller)
            )
            found[block.name, g] = pattern
            move[np.ix_(block.factors, block.factors)] = pattern.rotation.T
        a, s, m = base.free_directed, base.free_symmetric, base.free_intercepts
        directed = np.linalg.solve(move.T, (move @ state.directed).T).T
        symmetric = move @ state.symmetric @ move.T
        intercepts = move @ np.linalg.solve(state.total, state.mean)
        turned[a.index] = directed[a.row, a.column]
        turned[s.index] = symmetric[s.row, s.column]
        turned[m.index] = intercepts[m.row]
    conditions = np.vstack(
        [_conditions(table, g, groups[g], rotation, turned) for g in range(1 if tied else len(groups))]
    )
    whole = reduce_parameters(table, caller, anchored=False).basis
    slopes = conditions @ whole
    lengths = np.linalg.norm(slopes, axis=1)
    basis = whole @ null_space(slopes / np.where(lengths > 0, lengths, 1.0)[:, None])
    if basis.shape[1] != reduction.basis.shape[1]:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"{rotation.method} does not determine the rotation of an exploratory block.",
                "choose another rotation, or fewer factors.",
            )
        )
    return Reduction(basis, turned), replace(minimum, z=np.zeros(basis.shape[1]))


def resembling(table: ParameterTable, states: Sequence[State]) -> ParameterTable:
    """Give a table whose rotated factors are put in the order, and with the signs, of a fitted model's.

    Parameters
    ----------
    table
        The parameter table.
    states
        Matrices of the fitted model, per group.
    """
    if table.options.rotation is None:
        return table
    like = {
        (block.name, g): np.asarray(state.directed[np.ix_(block.items, block.factors)], dtype=np.float64)
        for g, state in enumerate(states)
        for block in _blocks(table, g)
    }
    return replace(table, options=replace(table.options, rotation=replace(table.options.rotation, like=like)))


def _matrices(group: GroupModel | OrdinalGroup, x: Array) -> tuple[GroupModel, State]:
    if isinstance(group, OrdinalGroup):
        return group.base, evaluate_ordinal(group, x).base
    return group, evaluate(group, x)


def _blocks(table: ParameterTable, group: int) -> list[_Block]:
    at = {name: k for k, name in enumerate(variable_order(table, group))}
    homes = table.names.exploratory
    found = []
    for block in dict.fromkeys(homes.values()):
        factors = [name for name, own in homes.items() if own == block]
        items = [r.rhs for r in table.rows if r.op == "=~" and r.lhs == factors[0] and r.group == group]
        found.append(_Block(block, [at[n] for n in items], [at[n] for n in factors]))
    return found


def _rotated(
    rotation: Rotation,
    block: _Block,
    state: State,
    found: dict[tuple[str, int], Pattern],
    group: int,
    caller: str,
) -> Pattern:
    """Rotate one block from many starts and put its factors in order."""
    loadings = state.directed[np.ix_(block.items, block.factors)]
    errors = np.diag(state.symmetric)[block.items]
    spread = np.sqrt((loadings**2).sum(axis=1) + errors) if rotation.standardized else np.ones(len(loadings))
    pattern = from_many_starts(
        caller,
        loadings / spread[:, None],
        rotation.criterion(block.name, *loadings.shape),
        oblique=not rotation.orthogonal,
        normalize=rotation.kaiser,
        random_starts=rotation.starts,
        seed=1,
    )
    warn_lonely(pattern, rotation.method, caller)
    shown = replace(pattern, loadings=pattern.loadings * spread[:, None])
    like = rotation.like.get((block.name, group))
    if like is None and group:
        like = found[block.name, 0].loadings
    if like is None:
        return shown.rearranged(*_arrangement(rotation, block.name, pattern.loadings))
    staying = {"target": len(block.factors), **dict.fromkeys(BIFACTOR, 1)}.get(rotation.method, 0)
    near = np.asarray(like, dtype=np.float64) / spread[:, None]  # an item's unit decides nothing
    return shown.rearranged(*_resemblance(pattern.loadings, near, staying))


def _resemblance(loadings: Array, like: Array, staying: int) -> tuple[Order, Doubles]:
    """Order and signs that bring loadings nearest to others; the first `staying` factors keep their place."""
    congruence = like.T @ loadings / np.linalg.norm(loadings, axis=0)
    _, rest = linear_sum_assignment(np.abs(congruence[staying:, staying:]), maximize=True)
    order = np.concatenate([np.arange(staying), staying + rest]).astype(np.intp)
    signs = np.ones(len(order))
    signs[order] = np.where(congruence[np.arange(len(order)), order] < 0, -1.0, 1.0)
    return order, signs


def _arrangement(rotation: Rotation, block: str, loadings: Array) -> tuple[Order, Doubles]:
    """Order factors by the place of the items that load highest, each with a positive sum of loadings.

    The general factor of a bifactor rotation comes first, and a target decides the order by itself; where it
    wants loadings other than zero it decides the signs.
    """
    size = loadings.shape[1]
    signs = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    if rotation.method == "target":
        wanted = rotation.targets[block]
        signs = np.where((np.where(np.isfinite(wanted), wanted, 0.0) != 0.0).any(axis=0), 1.0, signs)
        return np.arange(size), signs
    high = np.abs(loadings) >= NEAR_LARGEST * np.abs(loadings).max(axis=0)
    places = np.array([float(np.flatnonzero(column).mean()) for column in high.T])
    if rotation.method in BIFACTOR:
        places[0] = -1.0
    return np.argsort(places, kind="stable"), signs


def _conditions(
    table: ParameterTable, group: int, template: GroupModel | OrdinalGroup, rotation: Rotation, x: Array
) -> Array:
    """Derivatives of the rotation's conditions in all blocks of a group by the free parameters."""
    base, state = _matrices(template, x)
    a, s = base.free_directed, base.free_symmetric
    size = len(state.directed)
    by_directed, by_symmetric = np.full((size, size), -1), np.full((size, size), -1)
    by_directed[a.row, a.column] = a.index
    by_symmetric[s.row, s.column] = by_symmetric[s.column, s.row] = s.index
    computed = None
    if isinstance(template, OrdinalGroup) and not template.theta:
        computed = residual_slopes(template, evaluate_ordinal(template, x), len(x))[0]
    found = [np.zeros((0, len(x)))]
    for block in _blocks(table, group):
        if len(block.factors) < 2:
            continue
        loadings = state.directed[np.ix_(block.items, block.factors)]
        correlations = state.symmetric[np.ix_(block.factors, block.factors)]
        errors = np.diag(state.symmetric)[block.items]
        by_loading, by_correlation, by_error = _slopes(rotation, block.name, loadings, correlations, errors)
        rows = np.zeros((len(by_loading), len(x)))
        free = by_directed[np.ix_(block.items, block.factors)].ravel()
        rows[:, free] += by_loading
        one, two = np.tril_indices(len(block.factors), -1)
        places = by_symmetric[np.array(block.factors)[one], np.array(block.factors)[two]]
        rows[:, places[places >= 0]] += by_correlation[:, places >= 0]
        own = by_symmetric[block.items, block.items]
        rows[:, own[own >= 0]] += by_error[:, own >= 0]
        if computed is not None:
            rows += by_error @ computed[block.items]
        found.append(rows)
    return np.vstack(found)


def _slopes(
    rotation: Rotation, block: str, loadings: Array, correlations: Array, errors: Array
) -> tuple[Array, Array, Array]:
    """Derivatives of the conditions by loadings (row by row), correlations below the diagonal and errors."""
    n_items, m = loadings.shape
    one, two = np.tril_indices(m, -1)
    sizes = [loadings.size, len(one), n_items]
    steps = 1j * STEP * np.eye(sum(sizes))
    moved = loadings + steps[:, : sizes[0]].reshape(-1, n_items, m)
    phi = np.broadcast_to(correlations, (len(steps), m, m)).astype(complex)
    phi[:, one, two] += steps[:, sizes[0] : sizes[0] + sizes[1]]
    phi[:, two, one] += steps[:, sizes[0] : sizes[0] + sizes[1]]
    theta = errors + steps[:, sizes[0] + sizes[1] :]
    within = phi if rotation.errors == "delta" else np.eye(m)
    if rotation.standardized:
        moved = moved / np.sqrt(((moved @ within) * moved).sum(axis=-1) + theta)[..., None]
    if rotation.kaiser:
        moved = moved / np.sqrt(((moved @ within) * moved).sum(axis=-1))[..., None]
    gradients = rotation.criterion(block, n_items, m)(moved)[1]
    pulled = np.swapaxes(moved, -1, -2) @ gradients
    if rotation.orthogonal:
        gaps = (pulled - np.swapaxes(pulled, -1, -2))[:, one, two]
    else:
        own = np.einsum("kii->ki", pulled)
        apart = ~np.eye(m, dtype=bool)
        gaps = (pulled - phi * own[:, :, None])[:, apart]
    slopes = gaps.imag.T / STEP
    first, second = np.cumsum(sizes)[:2]
    return slopes[:, :first], slopes[:, first:second], slopes[:, second:]
