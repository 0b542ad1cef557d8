"""Noncentrality of a chi-square statistic, on which every interval of the RMSEA rests."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

from scipy.optimize import brentq
from scipy.special import chdtr, chndtr
from scipy.stats import ncx2

DIGITS = 1e-10  # of a probability, which the quick function has only since SciPy takes it from Boost
TRIED = tuple(product((0.5, 5.0, 30.0, 200.0, 1500.0), (1.0, 10.0, 300.0), (0.1, 5.0, 100.0, 1000.0)))
FAR = 1e-3  # a probability below which one minus the other side would lose digits


def chi_square_noncentrality(statistic: float, df: float, probability: float) -> float:
    """Noncentrality λ at which the statistic has `probability` below it, 0 where no λ ≥ 0 does.

    Solves P(χ²(df, λ) ≤ statistic) = probability.

    Parameters
    ----------
    statistic
        Chi-square statistic, 0 or more.
    df
        Degrees of freedom, above 0.
    probability
        Between 0 and 1: .95 gives the lower, .05 the upper limit of a 90 % interval.

    Returns
    -------
    float
        Noncentrality.

    References
    ----------
    Browne, M. W. & Cudeck, R. (1992). Sociological Methods & Research, 21, 230-258.
    https://doi.org/10.1177/0049124192021002005

    Examples
    --------
    >>> round(chi_square_noncentrality(30.0, 10, 0.95), 3)
    7.211
    """
    if chdtr(df, statistic) <= probability:
        return 0.0

    found = _solve(_quick, statistic, df, probability)
    if _believed(chndtr) or abs(float(ncx2.cdf(statistic, df, found)) - probability) <= DIGITS:
        return found
    return _solve(ncx2.cdf, statistic, df, probability)


def _quick(statistic: float, df: float, noncentrality: float) -> float:
    return float(chndtr(statistic, df, noncentrality))


@cache
def _believed(quick: Callable[..., Any]) -> bool:
    """Whether a quick distribution function is exact wherever it was tried."""
    return all(abs(float(quick(x, df, nc)) - float(ncx2.cdf(x, df, nc))) <= 1e-14 for x, df, nc in TRIED)


def _solve(
    distribution: Callable[[float, float, float], float], statistic: float, df: float, probability: float
) -> float:
    """Find the noncentrality at which a distribution function has a probability."""

    def surplus(noncentrality: float) -> float:
        return float(distribution(statistic, df, noncentrality)) - probability

    above = max(statistic, 10.0)
    while surplus(above) > 0:
        above *= 2
    return float(brentq(surplus, math.ulp(0.0), above, xtol=1e-10, rtol=1e-13))


def noncentral_above(statistic: float, df: float, noncentrality: float) -> float:
    """Probability of a larger noncentral chi-square.

    Parameters
    ----------
    statistic, df, noncentrality
        Value, degrees of freedom and noncentrality.

    Returns
    -------
    float
        As `scipy.stats.ncx2.sf`.

    Examples
    --------
    >>> round(noncentral_above(30.0, 10, 5.0), 5)
    0.02253
    """
    above = 1.0 - _quick(statistic, df, noncentrality) if _believed(chndtr) else 0.0
    return above if above > FAR else float(ncx2.sf(statistic, df, noncentrality))


def noncentrality_limits(statistic: float, df: float, level: float) -> tuple[float, float]:
    """Lower and upper limit of the noncentrality at a confidence level.

    Parameters
    ----------
    statistic, df
        Chi-square statistic and its degrees of freedom.
    level
        Confidence level, customarily .90.

    Returns
    -------
    tuple of float
        Lower and upper limit. The RMSEA's are √(limit / (df · n)), with the n (or n − 1) and the number of
        groups that its program uses.

    Examples
    --------
    >>> lower, upper = noncentrality_limits(30.0, 10, 0.90)
    >>> round(lower, 3), round(upper, 3)
    (7.211, 40.403)
    """
    below, above = 0.5 + level / 2, 0.5 - level / 2
    return chi_square_noncentrality(statistic, df, below), chi_square_noncentrality(statistic, df, above)


def rmsea_and_limits(
    statistic: float, df: float, scale: float, level: float, correction: float = 1.0
) -> tuple[float, float, float]:
    """Root mean square error of approximation with the limits of its interval.

    Parameters
    ----------
    statistic, df
        Chi-square statistic and its degrees of freedom, above 0.
    scale
        df times the number of people (n or n - 1, as its program has it), over the number of groups.
    level
        Confidence level, customarily .90.
    correction
        Factor c of a corrected test: statistic / c is referred to chi-square, and the population value is c
        times as large.

    Returns
    -------
    tuple of float
        Estimate, lower and upper limit.

    Examples
    --------
    >>> [round(value, 4) for value in rmsea_and_limits(30.0, 10, 10 * 100, 0.90)]
    [0.1414, 0.0849, 0.201]
    """
    limits = noncentrality_limits(statistic / correction, df, level)
    lower, upper = (math.sqrt(correction * limit / scale) for limit in limits)
    return math.sqrt(max(statistic - correction * df, 0.0) / scale), lower, upper
