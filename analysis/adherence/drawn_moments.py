"""Covariances of many resamples of persons at once, by counting how often each person is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

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


def accelerated_limits(
    estimate: Floats, drawn: Floats, left_out: Floats, level: float
) -> tuple[Floats, Floats]:
    """Bias-corrected and accelerated limits.

    Parameters
    ----------
    estimate : array, shape (m,)
        Estimates of the whole sample.
    drawn : array, shape (draws, m)
        Those of bootstrap samples.
    left_out : array, shape (n, m)
        Those with each person left out.
    level
        Level of the interval.

    Returns
    -------
    tuple of array
        Lower and upper limits, shape (m,).

    Notes
    -----
    `z₀ = Φ⁻¹(share of draws below the estimate)`; `a = Σ u³ / 6(Σ u²)^1.5`, `u` the jackknife mean minus
    each value; the limits are the quantiles `Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z)))`. In R:
    `boot::boot.ci(type = "bca")`.

    References
    ----------
    Efron (1987), doi 10.1080/01621459.1987.10478410.
    """
    draws = len(drawn)
    below = ((drawn < estimate).sum(axis=0) + 0.5 * (drawn == estimate).sum(axis=0)) / draws
    shift = ndtri(np.clip(below, 0.5 / draws, 1 - 0.5 / draws))
    apart = left_out.mean(axis=0) - left_out
    bend = (apart**3).sum(axis=0) / (6 * (apart**2).sum(axis=0) ** 1.5)
    limits = []
    for z in (ndtri((1 - level) / 2), ndtri((1 + level) / 2)):
        at = ndtr(shift + (shift + z) / (1 - bend * (shift + z)))
        limits.append(np.array([np.quantile(drawn[:, j], at[j]) for j in range(len(estimate))]))
    return limits[0], limits[1]
