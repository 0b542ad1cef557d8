"""Answers that say in which interval a normal response lies: their log chance and its slopes."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from analysis.structural.estimation.ram import Array

INDEFINITE = 1e-6  # share of the largest, below minus which an eigenvalue is no rounding error
NOTHING = 1e-12  # share of the largest, up to which a variance is none


def interval_slopes(lower: Array, upper: Array) -> tuple[Array, Array, Array]:
    """Log chance that a standard normal variable lies between limits, with slopes by a shift of both down.

    Parameters
    ----------
    lower, upper
        Limits, may be infinite; the same shape.

    Returns
    -------
    tuple
        Log chance, its first derivative and its negative second derivative.
    """
    flip = lower > -upper  # work in the lower tail, where differences of Phi keep their digits
    low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    log_high, log_low = log_ndtr(high), log_ndtr(low)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mass = np.where(
            np.isinf(low) & (low < 0), log_high, log_high + np.log1p(-np.exp(log_low - log_high))
        )
    density_a, density_b = (
        np.exp(-0.5 * edge**2 - log_mass) / np.sqrt(2.0 * np.pi) for edge in (lower, upper)
    )
    first = density_a - density_b
    finite_a, finite_b = (np.where(np.isfinite(edge), edge, 0.0) for edge in (lower, upper))
    second = finite_b * density_b - finite_a * density_a + first**2
    return log_mass, first, second


def is_indefinite(covariance: Array) -> bool:
    """Whether some sum of the variables has a negative variance, beyond rounding.

    Parameters
    ----------
    covariance
        Symmetric.
    """
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] < -INDEFINITE * abs(values[-1]))


def root_of(covariance: Array) -> Array:
    """Matrix T with T T' = covariance, a column for each direction that has variance, shape (m, rank).

    Parameters
    ----------
    covariance
        Positive semidefinite; what is below zero is taken for none.
    """
    if not len(covariance):
        return np.zeros((0, 0))
    values, vectors = np.linalg.eigh(covariance)
    kept = values > NOTHING * max(float(values[-1]), NOTHING)
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))
