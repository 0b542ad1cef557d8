"""How rows were drawn: people in clusters and sampling weights, and what both do to sums of scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)

Array = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sampling:
    """Cluster and weight of every row of one group; None where rows are independent or count alike.

    Attributes
    ----------
    clusters
        Codes 0, 1, …, shape (n,).
    weights
        Positive, shape (n,); their sum over all groups is the number of rows.
    names
        Labels of the clusters, by code.
    """

    clusters: Ints | None = None
    weights: Array | None = None
    names: list[object] = field(default_factory=list)

    @property
    def simple(self) -> bool:
        """Whether rows are independent and count alike."""
        return self.clusters is None and self.weights is None

    @property
    def n_clusters(self) -> int:
        """Number of clusters, 0 without."""
        return 0 if self.clusters is None else int(self.clusters.max()) + 1

    def take(self, kept: Any) -> Sampling:
        """Keep rows.

        Parameters
        ----------
        kept
            What picks rows: booleans of shape (n,), places, or a slice.
        """
        clusters, names = self.clusters, self.names
        if clusters is not None:
            present, clusters = np.unique(clusters[kept], return_inverse=True)
            names = [names[code] for code in present]
        return Sampling(clusters, None if self.weights is None else self.weights[kept], names)

    def products(self, scores: Array, n_clusters: int | None = None) -> Array:
        """Sum of outer products of weighted scores; those of one cluster are added up first.

        With J clusters the sum is multiplied by J/(J - 1), since scores sum to zero over the clusters.

        Parameters
        ----------
        scores
            Shape (n, q), one row per row of data.
        n_clusters
            J, where these are some of the clusters only.

        Returns
        -------
        numpy.ndarray
            Shape (q, q).
        """
        if self.weights is not None:
            scores = scores * self.weights[:, None]
        if self.clusters is None:
            return np.asarray(scores.T @ scores)
        sums = self.cluster_sums(scores)
        number = n_clusters or len(sums)
        return np.asarray(sums.T @ sums * (number / (number - 1.0)))

    def cluster_sums(self, scores: Array) -> Array:
        """Add up the rows of each cluster, shape (n_clusters, q)."""
        if self.clusters is None:
            return scores
        order = np.argsort(self.clusters, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.clusters))[:-1]])
        return np.asarray(np.add.reduceat(scores[order], starts, axis=0))


def read_sampling(
    data: pd.DataFrame,
    places: list[np.ndarray],
    cluster: str | None,
    weights: str | None,
    variables: list[str],
    caller: str,
) -> list[Sampling]:
    """Take clusters and weights of the rows in use; empty where neither is asked for.

    Parameters
    ----------
    data
        The table.
    places
        Rows in use, per group.
    cluster, weights
        Names of the columns, or None.
    variables
        Variables of the model.
    caller
        The public function named in messages.

    Raises
    ------
    DefinitionError
        A name that is no column, or one of the model's variables.
    ResponseDataError
        Missing clusters, clusters in several groups, weights that are missing, infinite or not positive.
    NotEstimableError
        Fewer than two clusters in a group, or none with two rows.
    """
    if cluster is None and weights is None:
        return []
    for what, name in (("cluster", cluster), ("sampling_weights", weights)):
        _check_column(data, what, name, variables, caller)
    used = np.concatenate(places) if places else np.zeros(0, dtype=int)
    codes: list[Ints | None] = [None] * len(places)
    names: list[list[object]] = [[] for _ in places]
    if cluster is not None:
        codes, names = _read_clusters(data[cluster], places, used, cluster, caller)
    shares: list[Array | None] = [None] * len(places)
    if weights is not None:
        values = _read_weights(data[weights], used, weights, caller)
        values = values * (len(used) / values.sum())
        shares = list(np.split(values, np.cumsum([len(p) for p in places])[:-1]))
    return [Sampling(c, w, n) for c, w, n in zip(codes, shares, names, strict=True)]


def rescaled(sampling: list[Sampling]) -> list[Sampling]:
    """Let the weights of the rows in use add up to their number, over all groups.

    Parameters
    ----------
    sampling
        Of every group, after rows were dropped.

    Returns
    -------
    list of Sampling
        The same where there are no weights.
    """
    weights = [one.weights for one in sampling if one.weights is not None]
    total = float(sum(w.sum() for w in weights))
    if not total:
        return sampling
    factor = sum(map(len, weights)) / total
    return [replace(one, weights=None if one.weights is None else one.weights * factor) for one in sampling]


def _check_column(data: pd.DataFrame, what: str, name: str | None, variables: list[str], caller: str) -> None:
    if name is None:
        return
    count = list(data.columns).count(name) if isinstance(name, str) else 0
    if count != 1:
        fact = f"the column {name!r} of {what} is {'in the data twice' if count else 'not in the data'}."
        raise DefinitionError(fact_and_hint(caller, fact, "name one column of the data."))
    if name in variables:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"{name!r} of {what} is a variable of the model, too.",
                "take it out of one of the two.",
            )
        )


def _read_clusters(
    column: pd.Series, places: list[np.ndarray], used: np.ndarray, name: str, caller: str
) -> tuple[list[Ints | None], list[list[object]]]:
    missing = int(column.iloc[used].isna().sum())
    if missing:
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{missing} of {len(used)} rows have no cluster in {name!r}.",
                "fill in the cluster of these rows, or drop them.",
            )
        )
    codes: list[Ints | None] = []
    names: list[list[object]] = []
    for place in places:
        own, labels = pd.factorize(column.iloc[place])
        codes.append(np.asarray(own, dtype=np.int64))
        names.append(list(labels))
    owners = pd.Series([label for labels in names for label in labels], dtype=object)
    shared = list(pd.unique(owners[owners.duplicated()]))
    if shared:
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{len(shared)} clusters in {name!r} have rows in several groups: "
                f"{name_offenders([str(label) for label in shared])}.",
                "give clusters of different groups different names, or leave group= out.",
            )
        )
    few = [labels for labels in names if len(labels) < 2]
    if few:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"{name!r} has {len(few[0])} cluster(s){' in a group' if len(places) > 1 else ''}.",
                "two or more are needed; drop cluster=.",
            )
        )
    if len(owners) == len(used):
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"each of the {len(used)} clusters in {name!r} has one row.",
                "drop cluster=: independent rows need no correction.",
            )
        )
    return codes, names


def _read_weights(column: pd.Series, used: np.ndarray, name: str, caller: str) -> Array:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
        raise ResponseDataError(
            fact_and_hint(caller, f"the weights {name!r} are no numbers.", "give positive numbers.")
        )
    values = column.iloc[used].to_numpy(dtype=float, na_value=np.nan)
    faults = {"missing": np.isnan(values), "infinite": np.isinf(values), "negative": values < 0}
    for what, wrong in {**faults, "zero": values == 0}.items():
        if wrong.any():
            raise ResponseDataError(
                fact_and_hint(
                    caller,
                    f"{int(wrong.sum())} of {len(used)} weights in {name!r} are {what}.",
                    "give every row a positive weight, or drop the rows that should not count.",
                )
            )
    return np.asarray(values)
