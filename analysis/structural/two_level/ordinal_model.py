"""Implied moments of a two-level model of ordinal items, and its least-squares discrepancy.

Responses are y* = v + e with the model of level 1 for e and that of level 2 for v. The sample's moments are
those where e has variance one, so that with delta the scale of e (one over its standard deviation) they are
(tau - mu) delta, sigma_b,ij delta_i delta_j and the correlations of e.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.categorical import (
    OrdinalGroup,
    OrdinalState,
    build_ordinal_group,
    evaluate_ordinal,
    moment_slopes,
    ordinal_slopes,
    total_slopes,
)
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
class TwoLevelOrdinalGroup:
    """Templates of both levels of one group.

    Attributes
    ----------
    within, between
        Models of both levels; thresholds stand apart.
    items, place
        Where the items stand among the variables of level 1, and among those of level 2.
    covariates
        Places of the covariates of level 2 there.
    item
        Item of each threshold.
    thresholds, free_thresholds
        Fixed values, and which are free.
    """

    within: OrdinalGroup
    between: GroupModel
    items: Ints
    place: Ints
    covariates: Ints
    item: Ints
    thresholds: Array
    free_thresholds: Places


@dataclass(frozen=True, slots=True)
class TwoLevelOrdinalState:
    """Matrices of both levels at given values, thresholds and implied moments."""

    within: OrdinalState
    between: State
    thresholds: Array
    moments: Array

    @property
    def scales(self) -> Array:
        """One over the standard deviation of each response within clusters, one for covariates."""
        return self.within.scales


def scales_between(group: TwoLevelOrdinalGroup, state: TwoLevelOrdinalState) -> Array:
    """Give the scale within clusters of each variable of level 2, one for covariates."""
    scales = np.ones(len(state.between.observed))
    scales[group.place] = state.scales[group.items]
    return scales


def build_two_level_group(table: ParameterTable, group: int) -> TwoLevelOrdinalGroup:
    """Turn the rows of both levels of one group into templates.

    Parameters
    ----------
    table
        The parameter table, thresholds among the rows of level 2.
    group
        Number of the group.
    """
    within, below = table.level_names[0].observed, table.level_names[1].observed
    items = [name for name in within if name in table.options.ordered]
    given = {(r.lhs, r.op, r.rhs): 0.0 for r in table.rows if r.exogenous}
    cuts = [table.options.ordered[name] - 1 for name in items]
    offset = np.concatenate([[0], np.cumsum(cuts)])
    at = {name: k for k, name in enumerate(items)}
    tau = np.zeros(offset[-1])
    free: list[tuple[int, int, int]] = []
    for row in table.rows:
        if row.group == 2 * group + 1 and row.op == "|":
            place = int(offset[at[row.lhs]]) + int(row.rhs[1:]) - 1
            if row.free >= 0:
                free.append((row.free, place, 0))
            else:
                tau[place] = row.fixed
    return TwoLevelOrdinalGroup(
        within=build_ordinal_group(table, 2 * group),
        between=build_group(table, 2 * group + 1, given),
        items=np.array([within.index(name) for name in items]),
        covariates=np.array([below.index(name) for name in table.level_names[1].exogenous], dtype=np.int64),
        place=np.array([below.index(name) for name in items]),
        item=np.repeat(np.arange(len(items)), cuts),
        thresholds=tau,
        free_thresholds=Places(*np.array(free, dtype=np.int64).reshape(-1, 3).T),
    )


def evaluate_two_level(group: TwoLevelOrdinalGroup, x: Array) -> TwoLevelOrdinalState:
    """Compute the implied moments, in the order of `TwoLevelOrdinalMoments.vector`."""
    within, between = evaluate_ordinal(group.within, x), evaluate(group.between, x)
    tau = group.thresholds.copy()
    tau[group.free_thresholds.row] = x[group.free_thresholds.index]
    scales, place = within.scales[group.items], group.place
    spread = between.sigma[np.ix_(place, place)] * np.outer(scales, scales)
    below = vech_places(len(scales), False)
    shifted = (tau - between.mu[place][group.item]) * scales[group.item]
    rest = within.moments[len(group.within.item) :]  # slopes on covariates, then correlations
    n_slopes = len(rest) - len(below[0])
    slopes = between.total[place[:, None], group.covariates] * scales[:, None]
    moments = np.concatenate(
        [shifted, rest[:n_slopes], slopes.ravel(), np.diag(spread), rest[n_slopes:], spread[below]]
    )
    return TwoLevelOrdinalState(within, between, tau, moments)


def two_level_jacobian(group: TwoLevelOrdinalGroup, state: TwoLevelOrdinalState, n_free: int) -> Array:
    """Derivatives of the implied moments by the free parameters, shape (m, q)."""
    by = ordinal_slopes(group.within, state.within, n_free)
    rest_by = moment_slopes(group.within, state.within, by)[len(group.within.item) :]
    sigma_by, mu_by = jacobian(group.between, state.between, n_free)
    place, item, n_given = group.place, group.item, len(group.covariates)
    p, scales, scales_by = len(place), state.scales[group.items], by.scales[group.items]
    where = vech_index(len(state.between.observed))
    below = vech_places(p, False)
    i, j = (np.concatenate([np.arange(p), own]) for own in below)  # variances first, then what is below them
    sigma = state.between.sigma[place[i], place[j]]
    spread_by = sigma_by[where[place[i], place[j]]] * (scales[i] * scales[j])[:, None]
    spread_by += scales_by[i] * (sigma * scales[j])[:, None] + scales_by[j] * (sigma * scales[i])[:, None]
    tau_by = np.zeros((len(item), n_free))
    tau_by[group.free_thresholds.row, group.free_thresholds.index] = 1.0
    centred = state.thresholds - state.between.mu[place][item]
    shifted_by = (tau_by - mu_by[place][item]) * scales[item][:, None] + scales_by[item] * centred[:, None]
    slopes = state.between.total[place[:, None], group.covariates]
    slopes_by = total_slopes(state.between, group.between, place, group.covariates, n_free)
    slopes_by *= np.repeat(scales, n_given)[:, None]
    slopes_by += np.repeat(scales_by, n_given, axis=0) * slopes.ravel()[:, None]
    n_slopes = len(rest_by) - len(below[0])
    return np.vstack(
        [shifted_by, rest_by[:n_slopes], slopes_by, spread_by[:p], rest_by[n_slopes:], spread_by[p:]]
    )


class TwoLevelLeastSquares:
    """F = sum over groups of (n_g - 1)/N (s - m)' W (s - m) with diagonal W.

    Parameters
    ----------
    groups
        Model templates.
    sample
        Sample moments, one vector per group.
    weights
        Diagonal of W, one vector per group.
    sizes
        Rows per group.
    n_free
        Length of the parameter vector.
    """

    def __init__(
        self,
        groups: list[TwoLevelOrdinalGroup],
        sample: list[Array],
        weights: list[Array],
        sizes: list[float],
        n_free: int,
    ) -> None:
        self.groups, self.sample, self.weights, self.n_free = groups, sample, weights, n_free
        self.sizes, self.n = sizes, float(sum(sizes))
        self.shares = [(size - 1.0) / self.n for size in sizes]
        self._last: tuple[bytes, list[tuple[Array, Array]]] = (b"", [])

    def value(self, x: Array) -> float:
        """Discrepancy; infinite where an implied variance is not positive."""
        gaps = [s - evaluate_two_level(g, x).moments for g, s in zip(self.groups, self.sample, strict=True)]
        parts = [float((w * gap) @ gap) for w, gap in zip(self.weights, gaps, strict=True)]
        total = float(np.array(self.shares) @ np.array(parts))
        return total if np.isfinite(total) else float("inf")

    def _points(self, x: Array) -> list[tuple[Array, Array]]:
        """Gaps and derivatives at x, kept until another x is asked for."""
        key = x.tobytes()
        if self._last[0] != key:
            points: list[tuple[Array, Array]] = []
            for group, sample in zip(self.groups, self.sample, strict=True):
                state = evaluate_two_level(group, x)
                points.append((sample - state.moments, two_level_jacobian(group, state, self.n_free)))
            self._last = (key, points)
        return self._last[1]

    def gradient(self, x: Array) -> Array:
        """First derivatives."""
        result = np.zeros(self.n_free)
        for (gap, delta), weight, share in zip(self._points(x), self.weights, self.shares, strict=True):
            result -= 2.0 * share * delta.T @ (weight * gap)
        return result

    def expected(self, x: Array) -> Array:
        """Gauss-Newton second derivatives."""
        result = np.zeros((self.n_free, self.n_free))
        for (_, delta), weight, share in zip(self._points(x), self.weights, self.shares, strict=True):
            result += delta.T @ ((2.0 * share * weight)[:, None] * delta)
        return result

    def observed(self, x: Array) -> Array:
        """Those of Gauss and Newton, too."""
        return self.expected(x)
