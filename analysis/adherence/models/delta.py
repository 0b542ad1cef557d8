"""Intervals for what is computed from coefficients, by the delta method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def gradient_of(function: Callable[[Floats], float], point: Floats) -> Floats:
    """Derivative of a smooth function by central differences."""
    slope = np.empty(len(point))
    for j in range(len(point)):
        step = 1e-5 * max(1.0, abs(float(point[j])))
        high, low = point.copy(), point.copy()
        high[j] += step
        low[j] -= step
        slope[j] = (function(high) - function(low)) / (2 * step)
    return slope


def delta_interval(
    function: Callable[[Floats], float],
    point: Floats,
    covariance: Floats,
    level: float = 0.95,
    df: float = np.inf,
    slope: Floats | None = None,
) -> tuple[float, float, float, float]:
    """Value, standard error and limits of a function of estimated coefficients.

    Parameters
    ----------
    function
        Of the coefficients.
    point : array, shape (p,)
        Estimates.
    covariance : array, shape (p, p)
        Their covariance.
    level
        Level of the interval.
    df
        Degrees of freedom of Student's t; infinite for the normal.
    slope : array, shape (p,)
        Derivative of the function at the estimates, where it is known; by central differences where not.

    Returns
    -------
    tuple of float
        Value, standard error, lower and upper limit.

    Notes
    -----
    `se² = g' V g` with the gradient `g` at the estimates.

    Examples
    --------
    The logarithm of an estimate of 2 with standard error 0.1 has the standard error 0.05.

    >>> estimate, variance = np.array([2.0]), np.array([[0.01]])
    >>> value, se, low, high = delta_interval(lambda b: float(np.log(b[0])), estimate, variance)
    >>> round(se, 6)
    0.05
    """
    value = function(point)
    slope = gradient_of(function, point) if slope is None else slope
    se = float(np.sqrt(slope @ covariance @ slope))
    half = float(stats.t.ppf(0.5 + level / 2, df)) * se
    return value, se, value - half, value + half
