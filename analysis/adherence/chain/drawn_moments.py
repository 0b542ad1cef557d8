"""Covariances of many resamples of persons at once, by counting how often each person is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.clusters import Clusters

Floats = NDArray[np.float64]


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
    n = len(table) if clusters is None else clusters.count
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    if clusters is not None:
        counts = counts[:, clusters.of_row]
    return _weighted(table, counts.astype(float))


def left_out_covariances(table: Floats, clusters: Clusters | None = None) -> Floats:
    """Covariances with each person (or cluster) left out once, shape (n, q, q) or (G, q, q)."""
    of_row = np.arange(len(table)) if clusters is None else clusters.of_row
    units = len(table) if clusters is None else clusters.count
    return _weighted(table, (of_row[None, :] != np.arange(units)[:, None]).astype(float))


def _weighted(table: Floats, counts: Floats) -> Floats:
    n, q = table.shape
    centred = table - table.mean(axis=0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, q * q)
    people = counts.sum(axis=1)
    means = counts @ centred / people[:, None]
    squares = (counts @ products).reshape(len(counts), q, q) / people[:, None, None]
    # A tiny ridge keeps samples solvable in which a rare category was not drawn; it changes no digit shown.
    ridge = np.diag(1e-9 * centred.var(axis=0))
    return squares - means[:, :, None] * means[:, None, :] + ridge


def percentile_limits(drawn: Floats, level: float) -> tuple[Floats, Floats]:
    """Quantiles of draws, shape (draws, m), column by column."""
    tail = (1 - level) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return lower, upper
