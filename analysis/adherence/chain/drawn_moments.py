"""Covariances of many resamples of persons at once, by counting how often each person is drawn."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.clusters import Clusters

Floats = NDArray[np.float64]
AT_ONCE = 100  # samples held as numbers with decimals


@lru_cache(maxsize=1)
def drawn_counts(units: int, draws: int, seed: int) -> NDArray[np.uint16]:
    """How often each person (or cluster) is drawn in each sample, shape (draws, units).

    Parameters
    ----------
    units
        Persons or clusters.
    draws, seed
        Number of samples, and their seed.

    Returns
    -------
    array, shape (draws, units)
        Not to be changed: the parts of a chain share it.
    """
    rng, share = np.random.default_rng(seed), np.full(units, 1 / units)
    counts = np.empty((draws, units), dtype=np.uint16)
    for start in range(0, draws, AT_ONCE):
        rows = counts[start : start + AT_ONCE]
        rows[:] = rng.multinomial(units, share, size=len(rows))
    counts.flags.writeable = False
    return counts


def drawn_sums(columns: Floats, draws: int, seed: int, clusters: Clusters | None = None) -> Floats:
    """Sums of columns over bootstrap samples.

    Parameters
    ----------
    columns : array, shape (n, m)
        One row per person.
    draws, seed
        Number of samples, and their seed.
    clusters
        Whole clusters are drawn; None draws persons.

    Returns
    -------
    array, shape (draws, m)
        The same samples for the same number of persons (or clusters), draws and seed.
    """
    summed = _by_unit(columns, clusters)
    counts = drawn_counts(len(summed), draws, seed)
    parts = [counts[k : k + AT_ONCE].astype(np.float64) @ summed for k in range(0, draws, AT_ONCE)]
    return np.concatenate(parts)


def paired_products(table: Floats) -> tuple[Floats, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Products of every two columns, each pair once, shape (n, q (q + 1) / 2), and which two they are."""
    pairs = np.triu_indices(table.shape[1])
    return table[:, pairs[0]] * table[:, pairs[1]], pairs


def squared(sums: Floats, pairs: tuple[NDArray[np.intp], NDArray[np.intp]], q: int) -> Floats:
    """Sums of products of every two columns as symmetric matrices, shape (draws, q, q)."""
    made = np.empty((len(sums), q, q))
    made[:, pairs[0], pairs[1]] = made[:, pairs[1], pairs[0]] = sums
    return made


def drawn_covariances(table: Floats, draws: int, seed: int, clusters: Clusters | None = None) -> Floats:
    """Covariances of bootstrap samples.

    Parameters
    ----------
    table : array, shape (n, q)
        One row per person.
    draws, seed
        Number of samples, and their seed.
    clusters
        Whole clusters are drawn; None draws persons.

    Returns
    -------
    array, shape (draws, q, q)
        Divisor: the persons of each sample.
    """
    columns, pairs = _columns(table)
    return _covariances(drawn_sums(columns, draws, seed, clusters), pairs, table)


def left_out_covariances(table: Floats, clusters: Clusters | None = None) -> Floats:
    """Covariances with each person (or cluster) left out once, shape (n, q, q) or (G, q, q)."""
    columns, pairs = _columns(table)
    summed = _by_unit(columns, clusters)
    return _covariances(summed.sum(axis=0) - summed, pairs, table)


def _columns(table: Floats) -> tuple[Floats, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """One, the centred columns and their products: what the sums of a sample are taken of."""
    centred = table - table.mean(axis=0)
    products, pairs = paired_products(centred)
    return np.column_stack([np.ones(len(table)), centred, products]), pairs


def _by_unit(columns: Floats, clusters: Clusters | None) -> Floats:
    """Columns as they are, or their sums over the people of each cluster, shape (G, m)."""
    if clusters is None:
        return columns
    made = np.zeros((clusters.count, columns.shape[1]))
    np.add.at(made, clusters.of_row, columns)
    return made


def _covariances(sums: Floats, pairs: tuple[NDArray[np.intp], NDArray[np.intp]], table: Floats) -> Floats:
    q = table.shape[1]
    people = sums[:, 0]
    means = sums[:, 1 : q + 1] / people[:, None]
    squares = squared(sums[:, q + 1 :], pairs, q) / people[:, None, None]
    # A tiny ridge keeps samples solvable in which a rare category was not drawn; it changes no digit shown.
    ridge = np.diag(1e-9 * (table - table.mean(axis=0)).var(axis=0))
    return squares - means[:, :, None] * means[:, None, :] + ridge


def percentile_limits(drawn: Floats, level: float) -> tuple[Floats, Floats]:
    """Quantiles of draws, shape (draws, m), column by column."""
    tail = (1 - level) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return lower, upper
