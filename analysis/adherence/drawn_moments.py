"""Covariances of many resamples of persons at once, by counting how often each person is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def drawn_covariances(table: Floats, draws: int, seed: int) -> Floats:
    """Covariances of bootstrap samples.

    Parameters
    ----------
    table : array, shape (n, q)
        One row per person.
    draws, seed
        Number of samples, and their seed.

    Returns
    -------
    array, shape (draws, q, q)
        Divisor n.
    """
    n = len(table)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return _weighted(table, counts.astype(float))


def left_out_covariances(table: Floats) -> Floats:
    """Covariances with each person left out once, shape (n, q, q)."""
    n = len(table)
    return _weighted(table, (1 - np.eye(n)) * n / (n - 1))


def _weighted(table: Floats, counts: Floats) -> Floats:
    n, q = table.shape
    centred = table - table.mean(axis=0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, q * q)
    means = counts @ centred / n
    squares = (counts @ products).reshape(len(counts), q, q) / n
    # A tiny ridge keeps samples solvable in which a rare category was not drawn; it changes no digit shown.
    ridge = np.diag(1e-9 * centred.var(axis=0))
    return squares - means[:, :, None] * means[:, None, :] + ridge


def percentile_limits(drawn: Floats, level: float) -> tuple[Floats, Floats]:
    """Quantiles of draws, shape (draws, m), column by column."""
    tail = (1 - level) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return lower, upper
