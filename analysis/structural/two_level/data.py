"""What a two-level model needs of the answers: means of clusters, and scatter within them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.language.partable import ParameterTable
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

LEAST_SHARE = 1e-8  # of a variance, below which a level has none


@dataclass(frozen=True, slots=True)
class LevelPlaces:
    """Where the variables of both levels stand among all variables of the model.

    Attributes
    ----------
    n_variables
        p, of both levels together.
    within, between
        Places of the variables of each level, in the order of its model.
    """

    n_variables: int
    within: Ints
    between: Ints


def places_of(table: ParameterTable) -> LevelPlaces:
    """Give the places of both levels' variables."""
    at = {name: k for k, name in enumerate(table.names.observed)}
    within, between = (np.array([at[n] for n in names.observed]) for names in table.level_names)
    return LevelPlaces(len(at), within, between)


@dataclass(frozen=True, slots=True, repr=False)
class ClusterSample:
    """One group of clusters, every row complete.

    Attributes
    ----------
    places
        Variables of both levels.
    n_rows
        N; `n_clusters` is J.
    means
        Of each cluster, shape (J, p); a variable between clusters is its own mean.
    scatter
        Sums of squares and products about the cluster's mean, shape (J, p_w, p_w).
    size
        Rows of each cluster, shape (J,).
    sizes, member
        The distinct sizes, and which of them each cluster has.
    counts, size_means, size_covariances
        Clusters of each size, the mean of their means and the covariance of these, divided by their number.
    whole_scatter
        Scatter of all clusters.
    """

    places: LevelPlaces
    n_rows: int
    means: Array
    scatter: Array
    size: Array
    sizes: Array
    member: Ints
    counts: Array
    size_means: Array
    size_covariances: Array
    whole_scatter: Array

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.size)

    @property
    def pooled(self) -> Array:
        """Pooled covariance within clusters, divided by N - J."""
        return np.asarray(self.whole_scatter / (self.n_rows - self.n_clusters))

    def part(self, variables: list[list[int]]) -> ClusterSample:
        """Take some variables within and between, by their places among all."""
        kept = list(dict.fromkeys(variables[0] + variables[1]))
        at = {place: k for k, place in enumerate(kept)}
        within, between = (np.array([at[v] for v in own], dtype=np.int64) for own in variables)
        rows = [int(np.flatnonzero(self.places.within == v)[0]) for v in variables[0]]
        return sample_of(
            LevelPlaces(len(kept), within, between),
            self.n_rows,
            self.means[:, kept],
            self.scatter[:, rows][:, :, rows],
            self.size,
        )

    def rough_moments(self) -> tuple[Array, Array, Array]:
        """Moments by the analysis of variance: within, between, means.

        Variables within only have their whole covariance within, those between count each cluster once.
        """
        places, size = self.places, self.size
        mean = size @ self.means / self.n_rows
        only_between = np.setdiff1d(places.between, places.within)
        mean[only_between] = self.means[:, only_between].mean(axis=0)
        distance = self.means - mean
        pooled = self.pooled
        total = self.whole_scatter
        spread = distance[:, places.within]
        whole = (total + (size[:, None] * spread).T @ spread) / self.n_rows
        alone = ~np.isin(places.within, places.between)
        within = np.where(alone[:, None] & alone[None, :], whole, pooled)
        by_row = (size[:, None] * distance).T @ distance / (self.n_clusters - 1)
        by_cluster = distance.T @ distance / self.n_clusters
        each = (self.n_rows - (size @ size) / self.n_rows) / (self.n_clusters - 1)
        between = by_cluster[np.ix_(places.between, places.between)]
        at = {int(place): k for k, place in enumerate(places.within)}
        both = [k for k, place in enumerate(places.between) if int(place) in at]
        own = [at[int(places.between[k])] for k in both]
        joint = places.between[both]
        between[np.ix_(both, both)] = (by_row[np.ix_(joint, joint)] - pooled[np.ix_(own, own)]) / each
        return within, between, mean


def cluster_sample(values: Array, clusters: Ints, places: LevelPlaces) -> ClusterSample:
    """Compute means and scatter of every cluster.

    Parameters
    ----------
    values
        Complete rows, shape (N, p).
    clusters
        Codes 0, 1, …, shape (N,).
    places
        Variables of both levels.
    """
    order = np.argsort(clusters, kind="stable")
    size = np.bincount(clusters).astype(float)
    starts = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    ordered = values[order]
    means = np.add.reduceat(ordered, starts, axis=0) / size[:, None]
    deviation = (ordered - np.repeat(means, size.astype(np.int64), axis=0))[:, places.within]
    scatter = np.empty((len(size), deviation.shape[1], deviation.shape[1]))
    for k, column in enumerate(deviation.T):  # one variable at a time: memory stays that of the answers
        scatter[:, k] = np.add.reduceat(column[:, None] * deviation, starts, axis=0)
    return sample_of(places, len(values), means, scatter, size)


def sample_of(places: LevelPlaces, n_rows: int, means: Array, scatter: Array, size: Array) -> ClusterSample:
    """Sort clusters by their size."""
    sizes, member = np.unique(size, return_inverse=True)
    member = member.ravel()
    counts = np.bincount(member).astype(float)
    size_means = np.zeros((len(sizes), means.shape[1]))
    np.add.at(size_means, member, means)
    size_means /= counts[:, None]
    distance = means - size_means[member]
    covariances = np.empty((len(sizes), means.shape[1], means.shape[1]))
    for k in range(len(sizes)):
        own = distance[member == k]
        covariances[k] = own.T @ own / counts[k]
    return ClusterSample(
        places,
        n_rows,
        means,
        scatter,
        size,
        sizes,
        member,
        counts,
        size_means,
        covariances,
        scatter.sum(axis=0),
    )


def carry_to_rows(data: ModelData, columns: list[int]) -> ModelData:
    """Give every row of a cluster the value that one of its rows has.

    What stands at level 2 only is one value of the cluster, which files often hold in its first row alone.
    Values that differ stay as they are, to be refused.

    Parameters
    ----------
    data
        Rows with their clusters.
    columns
        Variables of level 2 only.
    """
    if not columns:
        return data
    filled = []
    for group, values in enumerate(data.values):
        clusters = data.sampling_of(group).clusters
        if clusters is None:
            raise ValueError("a two-level model has clusters")
        own = values.copy()
        for k in columns:
            seen = np.flatnonzero(~np.isnan(own[:, k]))
            known, first = np.unique(clusters[seen], return_index=True)
            value = np.full(int(clusters.max(initial=0)) + 1, np.nan)
            value[known] = own[seen[first], k]
            own[:, k] = np.where(np.isnan(own[:, k]), value[clusters], own[:, k])
        filled.append(own)
    return replace(data, values=filled)


def check_levels(data: ModelData, table: ParameterTable, caller: str) -> None:
    """Refuse variables that vary where their level has no place for them.

    Raises
    ------
    ResponseDataError
        A variable between clusters that differs within one.
    NotEstimableError
        A variable without variance at one of its levels, or fewer clusters than variables between.
    """
    places = places_of(table)
    names = table.names.observed
    only_between = np.setdiff1d(places.between, places.within)
    for group, values in enumerate(data.values):
        clusters = data.sampling_of(group).clusters
        if clusters is None:
            raise ValueError("a two-level model has clusters")
        where = "" if len(data.values) == 1 else f" in group {data.group_labels[group]!s}"
        n_clusters = refuse_wrong_level(values, clusters, names, (places.within, only_between), where, caller)
        _refuse_flat_between(values, clusters, places, names, where, caller)
        if n_clusters <= len(places.between):
            raise NotEstimableError(
                fact_and_hint(
                    caller,
                    f"{n_clusters} clusters for {len(places.between)} variables at level 2{where}.",
                    "collect more clusters, or model fewer variables between them.",
                )
            )


def refuse_wrong_level(
    values: Array, clusters: Ints, names: list[str], places: tuple[Ints, Ints], where: str, caller: str
) -> int:
    """Refuse what differs within a cluster though it is one of clusters, and what never does; count clusters.

    Parameters
    ----------
    values
        Shape (N, p).
    clusters
        Codes 0, 1, …, shape (N,).
    names
        Of the columns.
    places
        Columns that must vary within clusters, and columns that must not.
    where, caller
        The group and the public function named in messages.
    """
    lowest, highest = _extremes(values, clusters)
    spread = np.nan_to_num(highest - lowest)
    varying = [(names[k], int((spread[:, k] > 0).sum())) for k in places[1] if spread[:, k].any()]
    if varying:
        told = [f"{name} in {count}" for name, count in varying]
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"level 2 variables differ within clusters{where}: {name_offenders(told)}.",
                "name them at level 1, too, or give each cluster one value.",
            )
        )
    flat = [names[k] for k in places[0] if not spread[:, k].any()]
    if flat:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"{name_offenders(flat)} does not vary within clusters{where}.",
                "name it at level 2 only.",
            )
        )
    return len(lowest)


def _starts(clusters: Ints) -> tuple[Ints, Ints]:
    """Order of rows by cluster, and where each cluster begins in it."""
    order = np.argsort(clusters, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(clusters))[:-1]])


def _extremes(values: Array, clusters: Ints) -> tuple[Array, Array]:
    """Least and greatest answer of every cluster, NaN without any."""
    order, starts = _starts(clusters)
    ordered = values[order]
    return np.fmin.reduceat(ordered, starts, axis=0), np.fmax.reduceat(ordered, starts, axis=0)


def _refuse_flat_between(
    values: Array, clusters: Ints, places: LevelPlaces, names: list[str], where: str, caller: str
) -> None:
    both = np.intersect1d(places.within, places.between)
    order, starts = _starts(clusters)
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    count = np.add.reduceat(seen[order].astype(float), starts, axis=0)
    total = np.add.reduceat(filled[order], starts, axis=0)
    means = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    spread, whole = np.nanvar(means, axis=0), np.nanvar(values, axis=0)
    flat = [names[k] for k in both if spread[k] <= LEAST_SHARE * whole[k]]
    if flat:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"the cluster means of {name_offenders(flat)} do not vary{where}.",
                "name it at level 1 only: centred variables have no level between.",
            )
        )
