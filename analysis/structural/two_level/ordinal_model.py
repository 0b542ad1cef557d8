"""Implied moments of a two-level model with ordinal items, and its least-squares discrepancy.

Responses are y* = v + e with the model of level 1 for e and that of level 2 for v. The sample's moments are
those where e of an ordinal item has variance one, so that with delta the scale of e (one over its standard
deviation) they are (tau - mu) delta, sigma_b,ij delta_i delta_j and the correlations of e. A continuous
variable has delta = 1, and a mean and a variance within in place of thresholds. Variables of level 2 only are
those of one level: an ordinal one has a scale of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.structural.estimation.categorical import (
    OrdinalGroup,
    OrdinalSlopes,
    OrdinalState,
    build_ordinal_group,
    evaluate_ordinal,
    ordinal_slopes,
    total_slopes,
)
from analysis.structural.estimation.ram import Array, Ints, Places, State, vech_index, vech_places
from analysis.structural.language.partable import ParameterTable

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LevelVariables:
    """What is modelled at either level, covariates apart.

    Attributes
    ----------
    within
        Variables of level 1, in its order.
    between
        Those of both levels, in the order of level 1, then those of level 2 alone.
    both
        How many stand at both.
    """

    within: list[str]
    between: list[str]
    both: int

    @property
    def all(self) -> list[str]:
        """Variables of level 1, then those of level 2 alone."""
        return [*self.within, *self.between[self.both :]]


def level_variables(table: ParameterTable) -> LevelVariables:
    """List what is modelled at either level."""
    one, two = ([n for n in names.observed if n not in names.exogenous] for names in table.level_names)
    both = [name for name in one if name in two]
    return LevelVariables(one, [*both, *(name for name in two if name not in both)], len(both))


@dataclass(frozen=True, slots=True)
class TwoLevelOrdinalGroup:
    """Templates of both levels of one group.

    Attributes
    ----------
    within, between
        Models of both levels; thresholds stand apart.
    items, place
        Where variables stand among those of level 1, and those of `LevelVariables.between` at level 2.
    shared
        Places at level 1 of the first of `place`, which stand at both levels.
    covariates
        Places of the covariates of level 2 there.
    above, item
        Of each threshold: whether its item has a part at level 2, and the item's place there or at level 1.
    thresholds, free_thresholds
        Fixed values, and which are free.
    mean_above, mean_place
        The same of each mean of a continuous variable.
    line, line_between
        Places at level 1 of continuous variables; places at level 2 of what has a variance there.
    """

    within: OrdinalGroup
    between: OrdinalGroup
    items: Ints
    place: Ints
    shared: Ints
    covariates: Ints
    above: Flags
    item: Ints
    thresholds: Array
    free_thresholds: Places
    mean_above: Flags
    mean_place: Ints
    line: Ints
    line_between: Ints


@dataclass(frozen=True, slots=True)
class TwoLevelOrdinalState:
    """Matrices of both levels at given values, thresholds and implied moments."""

    within: OrdinalState
    above: OrdinalState
    thresholds: Array
    moments: Array

    @property
    def between(self) -> State:
        """Matrices of level 2."""
        return self.above.base

    @property
    def scales(self) -> Array:
        """One over the standard deviation of each response within clusters, one for what is not ordinal."""
        return self.within.scales


def scales_between(group: TwoLevelOrdinalGroup, state: TwoLevelOrdinalState) -> Array:
    """Give the scale of each variable of level 2: that within clusters, or of one of level 2 only its own."""
    scales = state.above.scales.copy()
    scales[group.place[: len(group.shared)]] *= state.scales[group.shared]
    return scales


def build_two_level_group(table: ParameterTable, group: int) -> TwoLevelOrdinalGroup:
    """Turn the rows of both levels of one group into templates.

    Parameters
    ----------
    table
        The parameter table, thresholds of what stands at both levels among the rows of level 2.
    group
        Number of the group.
    """
    within, below = table.level_names[0].observed, table.level_names[1].observed
    names, ordered = level_variables(table), table.options.ordered
    items = [name for name in names.all if name in ordered]
    line = [name for name in names.all if name not in ordered]
    cuts = [ordered[name] - 1 for name in items]
    offset = np.concatenate([[0], np.cumsum(cuts)])
    at = {name: k for k, name in enumerate(items)}
    tau = np.zeros(offset[-1])
    free: list[tuple[int, int, int]] = []
    for row in table.rows:
        if row.group // 2 == group and row.op == "|":
            place = int(offset[at[row.lhs]]) + int(row.rhs[1:]) - 1
            if row.free >= 0:
                free.append((row.free, place, 0))
            else:
                tau[place] = row.fixed

    def places(own: list[str]) -> tuple[Flags, Ints]:
        above = np.array([name in names.between for name in own], dtype=bool)
        found = [(below if name in names.between else within).index(name) for name in own]
        return above, np.array(found, dtype=np.int64)

    above, item = places(items)
    mean_above, mean_place = places(line)
    varies = [n for k, n in enumerate(names.between) if k < names.both or n not in ordered]
    return TwoLevelOrdinalGroup(
        within=build_ordinal_group(table, 2 * group),
        between=build_ordinal_group(table, 2 * group + 1),
        items=np.array([within.index(name) for name in names.within]),
        place=np.array([below.index(name) for name in names.between]),
        shared=np.array([within.index(name) for name in names.between[: names.both]]),
        covariates=np.array([below.index(name) for name in table.level_names[1].exogenous], dtype=np.int64),
        above=np.repeat(above, cuts),
        item=np.repeat(item, cuts),
        thresholds=tau,
        free_thresholds=Places(*np.array(free, dtype=np.int64).reshape(-1, 3).T),
        mean_above=mean_above,
        mean_place=mean_place,
        line=np.array([within.index(n) for n in names.within if n not in ordered], dtype=np.int64),
        line_between=np.array([below.index(n) for n in varies], dtype=np.int64),
    )


def _chosen(above: Flags, place: Ints, two: Array, one: Array) -> Array:
    """Take values of level 2 where something stands there, else those of level 1."""
    found = np.empty((len(place), *two.shape[1:]))
    found[above], found[~above] = two[place[above]], one[place[~above]]
    return found


def evaluate_two_level(group: TwoLevelOrdinalGroup, x: Array) -> TwoLevelOrdinalState:
    """Compute the implied moments, in the order of `TwoLevelOrdinalMoments.vector`."""
    within, above = evaluate_ordinal(group.within, x), evaluate_ordinal(group.between, x)
    tau = group.thresholds.copy()
    tau[group.free_thresholds.row] = x[group.free_thresholds.index]
    found = TwoLevelOrdinalState(within, above, tau, np.zeros(0))
    one, two = within.scales, scales_between(group, found)
    inner, outer, place = within.base, above.base, group.place
    mean = _chosen(group.above, group.item, outer.mu, inner.mu)
    (r, c), (i, j) = group.within.below, _below(place)
    moments = [
        (tau - mean) * _chosen(group.above, group.item, two, one),
        _chosen(group.mean_above, group.mean_place, outer.mu, inner.mu),
        (inner.total[group.items[:, None], group.within.covariates] * one[group.items, None]).ravel(),
        (outer.total[place[:, None], group.covariates] * two[place, None]).ravel(),
        inner.sigma[group.line, group.line],
        outer.sigma[group.line_between, group.line_between] * two[group.line_between] ** 2,
        inner.sigma[r, c] * one[r] * one[c],
        outer.sigma[i, j] * two[i] * two[j],
    ]
    return TwoLevelOrdinalState(within, above, tau, np.concatenate(moments))


def _below(place: Ints) -> tuple[Ints, Ints]:
    """Places of row and column of what lies below the diagonal, column by column."""
    row, column = vech_places(len(place), False)
    return place[row], place[column]


def two_level_jacobian(group: TwoLevelOrdinalGroup, state: TwoLevelOrdinalState, n_free: int) -> Array:
    """Derivatives of the implied moments by the free parameters, shape (m, q)."""
    by_one = ordinal_slopes(group.within, state.within, n_free)
    by_two = ordinal_slopes(group.between, state.above, n_free)
    one, two = state.scales, scales_between(group, state)
    first = group.place[: len(group.shared)]
    two_by = by_two.scales.copy()
    two_by[first] = two_by[first] * one[group.shared, None]
    two_by[first] += state.above.scales[first, None] * by_one.scales[group.shared]
    inner, outer = state.within.base, state.between
    tau_by = np.zeros((len(group.item), n_free))
    tau_by[group.free_thresholds.row, group.free_thresholds.index] = 1.0
    at = (group.above, group.item)
    centred = state.thresholds - _chosen(*at, outer.mu, inner.mu)
    shifted_by = (tau_by - _chosen(*at, by_two.mu, by_one.mu)) * _chosen(*at, two, one)[:, None]
    shifted_by += _chosen(*at, two_by, by_one.scales) * centred[:, None]
    paths = total_slopes(outer, group.between.base, group.place, group.covariates, n_free)
    return np.vstack(
        [
            shifted_by,
            _chosen(group.mean_above, group.mean_place, by_two.mu, by_one.mu),
            _scaled_paths(by_one.paths, inner, (group.items, group.within.covariates), one, by_one.scales),
            _scaled_paths(paths, outer, (group.place, group.covariates), two, two_by),
            _scaled_spread(by_one, inner, (group.line, group.line), one, by_one.scales),
            _scaled_spread(by_two, outer, (group.line_between, group.line_between), two, two_by),
            _scaled_spread(by_one, inner, group.within.below, one, by_one.scales),
            _scaled_spread(by_two, outer, _below(group.place), two, two_by),
        ]
    )


def _scaled_paths(
    paths: Array, state: State, at: tuple[Ints, Ints], scales: Array, scales_by: Array
) -> Array:
    """Derivatives of slopes on covariates times scales."""
    rows, covariates = at
    n, slopes = len(covariates), state.total[rows[:, None], covariates]
    found = paths * np.repeat(scales[rows], n)[:, None]
    return np.asarray(found + np.repeat(scales_by[rows], n, axis=0) * slopes.ravel()[:, None])


def _scaled_spread(
    by: OrdinalSlopes, state: State, at: tuple[Ints, Ints], scales: Array, scales_by: Array
) -> Array:
    """Derivatives of covariances times both scales."""
    i, j = at
    sigma = state.sigma[i, j]
    found = by.sigma[vech_index(len(scales))[i, j]] * (scales[i] * scales[j])[:, None]
    found += scales_by[i] * (sigma * scales[j])[:, None] + scales_by[j] * (sigma * scales[i])[:, None]
    return np.asarray(found)


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
