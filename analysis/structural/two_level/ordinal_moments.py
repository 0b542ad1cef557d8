"""Moments of ordinal items at two levels with their asymptotic covariance over clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.ram import Array, Ints, vech_places
from analysis.structural.two_level.ordinal_given import EDGE_WITHIN, alike, item_given, pair_given
from analysis.structural.two_level.ordinal_items import FLAT, ItemAtLevels, item_at_levels
from analysis.structural.two_level.ordinal_pairs import EDGE, cell_counts, pair_at_levels
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders

CONSTANT = 1e-10  # share of a variance below which there is none
WITHIN_OF_CODES = 1.15  # latent correlations within are about so much larger than those of the codes


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
        self, thresholds: list[Array], slopes: Array, influence: list[Array]
    ) -> tuple[list[Array], Array, list[Array]]:
        """Bring thresholds, slopes and influence to covariates as they were measured."""
        q = len(self.mean)
        own = slopes / self.deviation
        moved, found = [], []
        for tau, slope, part in zip(thresholds, own, influence, strict=True):
            k = len(tau)
            by_slopes = part[:, k : k + q] / self.deviation
            moved.append(tau + slope @ self.mean)
            first = part[:, :k] + (by_slopes @ self.mean)[:, None]
            found.append(np.hstack([first, by_slopes, part[:, k + q :]]))
        return moved, own, found


def covariates_given(x: Array, n_within: int, names: list[str], caller: str, where: str) -> Given | None:
    """Standardise covariates; None where there are none.

    Parameters
    ----------
    x
        Those of rows, then those of clusters, shape (N, q).
    n_within
        Covariates of rows.
    names
        Columns, as messages name them.
    caller, where
        The public function and the group named in messages.

    Raises
    ------
    NotEstimableError
        Covariates that are constant or linear functions of each other.
    """
    if not x.shape[1]:
        return None
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    flat = [
        name for name, one in zip(names, deviation <= CONSTANT * (1.0 + np.abs(mean)), strict=True) if one
    ]
    if flat:
        fact = f"{name_offenders(flat)} is constant{where}."
        raise NotEstimableError(fact_and_hint(caller, fact, "leave it out of the model."))
    own = (x - mean) / deviation
    if np.linalg.eigvalsh(own.T @ own / len(own))[0] < CONSTANT:
        fact = f"the predictors are linear functions of each other{where}."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop one of them."))
    return Given(own, n_within, mean, deviation)


@dataclass(frozen=True, slots=True, eq=False)
class TwoLevelOrdinalMoments:
    """Thresholds and covariances of both levels of p items in J clusters.

    Attributes
    ----------
    thresholds
        Item by item, where the variance within is one.
    within
        Correlations within clusters, shape (p, p).
    between
        Covariances between clusters, shape (p, p).
    influence
        What each cluster moves the moments by, in the order of `vector`, shape (J, m).
    n_obs
        Rows.
    at_edge
        Pairs whose correlation between clusters is held at its edge (.999, given covariates .99), by place.
    slopes
        On covariates of rows and on those of clusters, where the variance within is one, shapes (p, q).
    """

    thresholds: list[Array]
    within: Array
    between: Array
    influence: Array
    n_obs: int
    at_edge: list[tuple[int, int]]
    slopes: tuple[Array, Array]

    @property
    def vector(self) -> Array:
        """Thresholds, slopes on covariates of rows and of clusters (item by item), variances between,
        correlations within, covariances between (below, by column)."""
        below = vech_places(len(self.within), False)
        slopes = [own.ravel() for own in self.slopes]
        return np.concatenate(
            [*self.thresholds, *slopes, np.diag(self.between), self.within[below], self.between[below]]
        )

    @property
    def acov(self) -> Array:
        """N times the covariance of the moments, J/(J - 1) for the mean that scores have by fitting."""
        j = len(self.influence)
        return np.asarray(self.n_obs * j / (j - 1.0) * self.influence.T @ self.influence)


def two_level_ordinal_moments(
    codes: Array,
    clusters: Ints,
    sizes: list[int],
    names: list[str],
    caller: str,
    where: str,
    given: Given | None = None,
) -> TwoLevelOrdinalMoments:
    """Estimate items, then pairs given the items, by maximum likelihood over clusters.

    Parameters
    ----------
    codes
        0, 1, …, NaN where unanswered, shape (N, p).
    clusters
        Any whole numbers, shape (N,).
    sizes
        Categories of each item.
    names
        Items, as messages name them.
    caller, where
        The public function and the group named in messages.
    given
        Covariates; None where there are none.

    Raises
    ------
    NotEstimableError
        An item without variance within or between clusters, items never answered together, a correlation
        within at one, or a search that fails.

    References
    ----------
    Asparouhov, T., & Muthen, B. (2007). Computationally efficient estimation of multilevel high-dimensional
    latent variable models. Proceedings of the 2007 Joint Statistical Meetings, Section on Statistics in
    Epidemiology, 2531-2535.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    n_clusters, p = int(clusters.max()) + 1, codes.shape[1]
    _refuse_unseen(codes, clusters, names, caller, where)
    items = items_at_levels(codes, clusters, sizes, names, caller, where, given)
    _refuse_flat(items, names, caller, where)
    within, between = np.eye(p), np.diag([item.variance for item in items])
    starts_within, starts_between = _rough_correlations(codes, clusters, items)
    influence = [item.influence for item in items]
    at_edge, failed, beyond = [], [], []
    pairs: list[Array] = []
    for i, j in zip(*vech_places(p, False), strict=True):
        start = (float(starts_within[i, j]), float(starts_between[i, j]))
        if given is None:
            counts = cell_counts(codes[:, [j, i]], clusters, n_clusters, (sizes[j], sizes[i]))
            pair = pair_at_levels(items[j], items[i], counts, start)
        else:
            rows = alike(codes[:, [j, i]], clusters, given.x)
            pair = pair_given(items[j], items[i], rows, n_clusters, start)
        within[i, j] = within[j, i] = pair.within
        between[i, j] = between[j, i] = pair.between
        pairs.append(pair.influence)
        name = f"{names[j]}-{names[i]}"
        if not pair.converged:
            failed.append(name)
        elif abs(pair.within) >= (EDGE if given is None else EDGE_WITHIN) - 1e-9:
            beyond.append(name)
        elif pair.at_edge:
            at_edge.append((int(j), int(i)))
    if failed:
        fact = f"the search for the correlations of a pair does not settle{where}: {name_offenders(failed)}."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories, or drop an item."))
    if beyond:
        fact = f"correlations within clusters at 1 or -1{where}: {name_offenders(beyond)}."
        hint = "drop one item of each pair, or merge rare categories."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    thresholds = [item.thresholds for item in items]
    slopes = np.array([item.slopes for item in items])
    if given is not None:
        thresholds, slopes, influence = given.as_measured(thresholds, slopes, influence)
    q_within = 0 if given is None else given.n_within
    cuts = [len(own) for own in thresholds]
    whole = np.hstack(
        [
            *(own[:, :k] for own, k in zip(influence, cuts, strict=True)),
            *(own[:, k : k + q_within] for own, k in zip(influence, cuts, strict=True)),
            *(own[:, k + q_within : -1] for own, k in zip(influence, cuts, strict=True)),
            *(own[:, -1:] for own in influence),
            *(own[:, :1] for own in pairs),
            *(own[:, 1:] for own in pairs),
        ]
    )
    apart = (slopes[:, :q_within], slopes[:, q_within:])
    return TwoLevelOrdinalMoments(thresholds, within, between, whole, len(codes), at_edge, apart)


def _refuse_unseen(codes: Array, clusters: Ints, names: list[str], caller: str, where: str) -> None:
    """Refuse items that are the same throughout every cluster, and pairs that no row answers both of."""
    seen = ~np.isnan(codes)
    order = np.argsort(clusters, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(clusters))[:-1]])
    low, high = (np.full(codes.shape, fill) for fill in (np.inf, -np.inf))
    low[seen], high[seen] = codes[seen], codes[seen]
    spread = np.maximum.reduceat(high[order], starts) - np.minimum.reduceat(low[order], starts)
    flat = [
        name for name, varies in zip(names, np.any(spread > 0.0, axis=0).tolist(), strict=True) if not varies
    ]
    if flat:
        fact = f"{name_offenders(flat)} does not vary within clusters{where}."
        raise NotEstimableError(fact_and_hint(caller, fact, "leave it out: it says nothing of rows."))
    together = seen.T.astype(float) @ seen
    never = [
        f"{names[i]}-{names[j]}"
        for j, i in zip(*vech_places(len(names), False), strict=True)
        if together[i, j] == 0.0
    ]
    if never:
        fact = f"{len(never)} pairs never answered by one row{where}: {name_offenders(never)}."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop one item of each pair."))


def items_at_levels(
    codes: Array,
    clusters: Ints,
    sizes: list[int],
    names: list[str],
    caller: str,
    where: str,
    given: Given | None = None,
) -> list[ItemAtLevels]:
    """Estimate thresholds and variance between clusters of every item; as `two_level_ordinal_moments`.

    Raises
    ------
    NotEstimableError
        A search that fails.
    """
    n_clusters = int(clusters.max()) + 1
    items = [
        item_at_levels(codes[:, k], clusters, n_clusters, size)
        if given is None
        else item_given(codes[:, k], clusters, n_clusters, size, given.x)
        for k, size in enumerate(sizes)
    ]
    failed = [n for n, item in zip(names, items, strict=True) if not item.converged]
    if failed:
        fact = (
            f"the search for thresholds and variance between clusters does not settle{where}: "
            f"{name_offenders(failed)}."
        )
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories, or drop the item."))
    return items


def _refuse_flat(items: list[ItemAtLevels], names: list[str], caller: str, where: str) -> None:
    flat = [n for n, item in zip(names, items, strict=True) if item.variance < FLAT]
    if flat:
        fact = f"{name_offenders(flat)} does not vary between clusters beyond chance{where}."
        hint = "leave it out, or fit one level with cluster= and no level blocks."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))


def _rough_correlations(codes: Array, clusters: Ints, items: list[ItemAtLevels]) -> tuple[Array, Array]:
    """Correlations to start from: codes about their cluster's mean, and expected parts between."""
    seen = ~np.isnan(codes)
    filled = np.where(seen, codes, 0.0)
    n_clusters = int(clusters.max()) + 1
    away = np.zeros_like(filled)
    for k in range(codes.shape[1]):
        count = np.bincount(clusters, seen[:, k], n_clusters)
        mean = np.bincount(clusters, filled[:, k], n_clusters) / np.maximum(count, 1.0)
        away[:, k] = np.where(seen[:, k], filled[:, k] - mean[clusters], 0.0)
    product = away.T @ away
    spread = np.sqrt(np.maximum(np.diag(product), 1e-12))
    expected = np.array([item.expected for item in items])
    return WITHIN_OF_CODES * product / np.outer(spread, spread), np.atleast_2d(np.corrcoef(expected))
