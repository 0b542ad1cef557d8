"""How well an exploratory solution reproduces the correlations."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from analysis.factors.extraction import degrees_of_freedom
from analysis.factors.pattern import Array


def _noncentrality(chisq: float, df: int, tail: float) -> float:
    """Noncentrality at which a statistic as large as this one or smaller has probability `tail`."""

    def excess(noncentrality: float) -> float:
        below = chi2.cdf(chisq, df) if noncentrality == 0 else ncx2.cdf(chisq, df, noncentrality)
        return float(below) - tail

    if excess(0.0) <= 0:
        return 0.0
    upper = max(chisq, 1.0)
    while excess(upper) > 0:
        upper *= 2
    return float(brentq(excess, 0.0, upper, xtol=1e-10, rtol=1e-14))


def rmsea_interval(chisq: float, df: int, n_obs: int, level: float) -> tuple[float, float, float]:
    """Root mean square error of approximation with its interval.

    Parameters
    ----------
    chisq, df
        Test of the model.
    n_obs
        Sample size.
    level
        Confidence level, customarily .90.

    Returns
    -------
    tuple of float
        Estimate, lower and upper limit.
    """
    if df <= 0 or not np.isfinite(chisq):
        return float("nan"), float("nan"), float("nan")
    estimate = np.sqrt(max(chisq / (df * n_obs) - 1 / (n_obs - 1), 0.0))
    tail = (1 - level) / 2
    limits = [np.sqrt(_noncentrality(chisq, df, t) / (df * (n_obs - 1))) for t in (1 - tail, tail)]
    return float(estimate), float(limits[0]), float(limits[1])


def _log_determinant(matrix: Array) -> float:
    sign, value = np.linalg.slogdet(matrix)
    return float(value) if sign > 0 else float("nan")


def _ratio(value: float, df: int) -> float:
    """Value per degree of freedom; NaN where there is none."""
    return value / df if df > 0 else float("nan")


def _positive(weight: float) -> float:
    """Weight of a chi-square; NaN where the sample is too small for Bartlett's correction."""
    return weight if weight > 0 else float("nan")


def _comparative(excess: float, null_excess: float) -> float:
    """Comparative fit from the excesses of chi-square over df; NaN stays NaN."""
    if np.isnan(excess) or np.isnan(null_excess):
        return float("nan")
    worst = max(null_excess, excess, 0.0)
    return 1 - max(excess, 0.0) / worst if worst > 0 else 1.0


def fit_measures(
    correlations: Array, common: Array, n_factors: int, n_obs: int, level: float = 0.90
) -> dict[str, float]:
    """Compute the fit of reproduced correlations.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Observed correlations.
    common : ndarray, shape (n_items, n_items)
        Reproduced correlations with communalities on the diagonal.
    n_factors
        Number of factors.
    n_obs
        Sample size.
    level
        Confidence level of the RMSEA interval.

    Returns
    -------
    dict
        Measures by name.
    """
    p = len(correlations)
    df, null_df = degrees_of_freedom(p, n_factors), p * (p - 1) // 2
    implied = common.copy()
    np.fill_diagonal(implied, np.diag(correlations))
    residual = correlations - common
    off = residual - np.diag(np.diag(residual))
    off_correlations = correlations - np.diag(np.diag(correlations))
    implied_log = _log_determinant(implied)
    observed_log = _log_determinant(correlations)
    objective = float(np.trace(np.linalg.solve(implied, correlations))) + implied_log - observed_log - p
    null_weight = _positive(n_obs - 1 - (2 * p + 5) / 6)
    weight = _positive(null_weight - 2 * n_factors / 3)
    chisq, null_chisq = weight * objective, -null_weight * observed_log
    squares = float(np.sum(off**2))
    empirical = n_obs * squares
    rmsea, lower, upper = rmsea_interval(chisq, df, n_obs, level)
    null_ratio = -observed_log / null_df
    log_n, log_adjusted = np.log(n_obs), np.log((n_obs + 2) / 24)
    return {
        "chisq": chisq,
        "df": float(df),
        "pvalue": float(chi2.sf(chisq, df)) if df > 0 else float("nan"),
        "objective": objective,
        "null_chisq": null_chisq,
        "null_df": float(null_df),
        "null_objective": -observed_log,
        "tli": (null_ratio - _ratio(objective, df)) / (null_ratio - 1 / weight),
        "cfi": _comparative(chisq - df, null_chisq - null_df),
        "rmsea": rmsea,
        "rmsea_ci_lower": lower,
        "rmsea_ci_upper": upper,
        "rmsr": float(np.sqrt(squares / (p * (p - 1)))),
        "crms": float(np.sqrt(_ratio(squares / 2, df))),
        "empirical_chisq": empirical,
        "empirical_pvalue": float(chi2.sf(empirical, df)) if df > 0 else float("nan"),
        "bic": chisq - df * log_n,
        "sabic": chisq - df * log_adjusted,
        "empirical_bic": empirical - df * log_n,
        "empirical_sabic": empirical - df * log_adjusted,
        "fit": 1 - float(np.sum(residual**2) / np.sum(correlations**2)),
        "fit_off": 1 - squares / float(np.sum(off_correlations**2)),
    }
