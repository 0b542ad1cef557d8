"""Which likelihood a variable, and a pair of variables, of a two-level model has: by kinds and by levels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.given_points import Place
from analysis.structural.two_level.mixed_items import at_level_one, at_level_two, flat_item, normal_item
from analysis.structural.two_level.mixed_pairs import (
    continuous_pair,
    continuous_with_ordinal_of_clusters,
    ordinal_pair_of_one_level,
    ordinal_with_continuous,
    ordinal_with_ordinal_of_clusters,
    pair_rows,
)
from analysis.structural.two_level.ordinal_given import (
    AlikeRows,
    alike,
    item_given,
    pair_given,
    pair_with_one_within,
    place_of,
)
from analysis.structural.two_level.ordinal_items import ItemAtLevels, item_at_levels
from analysis.structural.two_level.ordinal_pairs import PairAtLevels, cell_counts, pair_at_levels


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Covariates in standard units: those of rows first, then those of clusters.

    Attributes
    ----------
    x
        Shape (N, q).
    n_within
        Covariates of rows.
    mean, deviation
        Of the columns as they were measured.
    """

    x: Array
    n_within: int
    mean: Array
    deviation: Array

    def as_measured(
        self, thresholds: list[Array], slopes: Array, influence: list[Array], signs: list[float] | None = None
    ) -> tuple[list[Array], Array, list[Array]]:
        """Bring thresholds, slopes and influence to covariates as they were measured; means have sign -1."""
        q = len(self.mean)
        own = slopes / self.deviation
        moved, found = [], []
        signs = signs or [1.0] * len(thresholds)
        for tau, slope, part, sign in zip(thresholds, own, influence, signs, strict=True):
            k = len(tau)
            by_slopes = part[:, k : k + q] / self.deviation
            moved.append(tau + sign * slope @ self.mean)
            first = part[:, :k] + sign * (by_slopes @ self.mean)[:, None]
            found.append(np.hstack([first, by_slopes, part[:, k + q :]]))
        return moved, own, found


@dataclass(frozen=True, slots=True)
class Levels:
    """Which columns stand at level 1, and which at level 2; columns of level 2 alone come last.

    Attributes
    ----------
    within
        Level 1 has the columns before this one.
    between
        Columns of level 2: those of both levels, then those of level 2 alone.
    """

    within: int
    between: Ints

    @classmethod
    def all_of(cls, p: int) -> Levels:
        """Every column at both levels."""
        return cls(p, np.arange(p))

    def kind(self, k: int) -> str:
        """Level of a column: both, within or between."""
        if k >= self.within:
            return "between"
        return "both" if k in self.between else "within"


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of rows to all variables, with what is known of them.

    Attributes
    ----------
    codes
        0, 1, … of ordinal items, numbers with a standard deviation near one of continuous ones, NaN where
        missing, shape (N, p).
    clusters
        Codes 0, 1, …, shape (N,).
    n_clusters
        J.
    sizes
        Categories, 0 of continuous variables.
    given
        Covariates.
    levels
        Where variables stand.
    places
        What is known of parts between, by item and the rows that tell of it.
    """

    codes: Array
    clusters: Ints
    n_clusters: int
    sizes: list[int]
    given: Given | None
    levels: Levels
    places: dict[tuple[int, bytes], Place] = field(default_factory=dict)

    @property
    def x(self) -> Array:
        """Covariates, none of them where there are none."""
        return np.zeros((len(self.codes), 0)) if self.given is None else self.given.x

    @cached_property
    def distinct(self) -> bool:
        """Whether no two rows of a cluster have the same covariates."""
        return len(np.unique(np.column_stack([self.clusters, self.x]), axis=0)) == len(self.x)

    def place(self, item: ItemAtLevels, k: int, other: int, rows: AlikeRows, at: int) -> Place:
        """Where the part between of an item is likely to be, told by rows that tell of another too."""
        seen = ~np.isnan(self.codes[:, [k, other]]).any(axis=1)
        key = k, seen.tobytes()
        if key not in self.places:
            self.places[key] = place_of(item, rows, at, self.n_clusters)
        return self.places[key]

    def of_clusters(self, columns: list[int]) -> tuple[Array, Array, Ints]:
        """Values of variables that clusters alone have, their covariates, and the clusters."""
        cluster, first = np.unique(self.clusters, return_index=True)
        return self.codes[first][:, columns], self.x[first], cluster


def variable_of(answers: Answers, k: int) -> ItemAtLevels:
    """Estimate one variable.

    Parameters
    ----------
    answers
        Of all variables.
    k
        Its column.
    """
    kind, size, n = answers.levels.kind(k), answers.sizes[k], answers.n_clusters
    codes, clusters, x = answers.codes[:, k], answers.clusters, answers.x
    if kind == "both" and size:
        if answers.given is None:
            return item_at_levels(codes, clusters, n, size)
        return item_given(codes, clusters, n, size, x)
    if kind == "both":
        return normal_item(codes, clusters, n, x)
    n_within = 0 if answers.given is None else answers.given.n_within
    own = np.arange(x.shape[1]) < n_within
    if kind == "within":
        return _padded(flat_item(codes, size, x[:, own], clusters, n), own)
    values, given, cluster = answers.of_clusters([k])
    return at_level_two(_padded(flat_item(values[:, 0], size, given[:, ~own], cluster, n), ~own))


def _padded(item: ItemAtLevels, own: npt.NDArray[np.bool_]) -> ItemAtLevels:
    """Give a variable of one level slopes of zero on the covariates of the other."""
    cuts, slopes = len(item.thresholds), np.zeros(len(own))
    slopes[own] = item.slopes
    n = len(item.slopes)
    moves = np.zeros((len(item.influence), len(own)))
    moves[:, own] = item.influence[:, cuts : cuts + n]
    influence = np.hstack([item.influence[:, :cuts], moves, item.influence[:, cuts + n :]])
    return replace(item, slopes=slopes, influence=influence)


def pair_of(
    answers: Answers, items: list[ItemAtLevels], one: int, two: int, start: tuple[float, float]
) -> PairAtLevels:
    """Estimate the covariances of two variables, of which the first has the lower column.

    Parameters
    ----------
    answers
        Of all variables.
    items
        All variables, already estimated.
    one, two
        Both columns.
    start
        Correlations within and between to start from.
    """
    p, q, n = items[one], items[two], answers.n_clusters
    codes, clusters, x = answers.codes[:, [one, two]], answers.clusters, answers.x
    if p.ordinal and q.ordinal and p.within and q.within and (p.between or q.between):
        if not p.between or not q.between:
            (first, second), order = ((p, q), [0, 1]) if p.between else ((q, p), [1, 0])
            return pair_with_one_within(first, second, alike(codes[:, order], clusters, x), n, start)
        if answers.given is not None:
            own = alike(codes, clusters, x, distinct=answers.distinct)
            places = answers.place(p, one, two, own, 0), answers.place(q, two, one, own, 1)
            return pair_given(p, q, own, n, start, places)
        sizes = (answers.sizes[one], answers.sizes[two])
        return pair_at_levels(p, q, cell_counts(codes, clusters, n, sizes), start)
    if not p.within:  # both of clusters alone: each is a row of its own
        values, given, cluster = answers.of_clusters([one, two])
        found = _one_level(at_level_one(p), at_level_one(q), values, given, cluster, n, start[::-1])
        turned = found.influence[:, ::-1]
        return replace(found, within=0.0, between=found.within, influence=turned)
    if not p.between and not q.between:
        return _one_level(p, q, codes, x, clusters, n, start)
    if p.ordinal != q.ordinal and (q if q.ordinal else p).within:
        order = [0, 1] if p.ordinal else [1, 0]
        (first, second) = (p, q) if p.ordinal else (q, p)
        rows = pair_rows(codes[:, order], x, clusters, n, apart=False)
        return ordinal_with_continuous(first, second, rows, start)
    rows = pair_rows(codes, x, clusters, n, apart=False)
    if q.ordinal:
        of_clusters = ordinal_with_ordinal_of_clusters if p.ordinal else continuous_with_ordinal_of_clusters
        return of_clusters(p, q, rows, start)
    return continuous_pair(p, q, rows, start)


def _one_level(
    p: ItemAtLevels,
    q: ItemAtLevels,
    codes: Array,
    x: Array,
    clusters: Ints,
    n_clusters: int,
    start: tuple[float, float],
) -> PairAtLevels:
    """Estimate two variables of one level, every row by itself."""
    if p.ordinal != q.ordinal and not p.ordinal:
        p, q, codes = q, p, codes[:, ::-1]
    rows = pair_rows(codes, x, clusters, n_clusters, apart=True)
    if p.ordinal and q.ordinal:
        return ordinal_pair_of_one_level(p, q, rows, start)
    return (ordinal_with_continuous if p.ordinal else continuous_pair)(p, q, rows, start)
