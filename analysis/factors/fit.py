"""How well an exploratory solution reproduces the correlations."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import eigh
from scipy.stats import chi2

from analysis.common.noncentrality import rmsea_and_limits
from analysis.factors.extraction import degrees_of_freedom
from analysis.factors.pattern import Array

NAN = float("nan")
FIELDS = (
    *("chisq", "df", "pvalue", "objective", "null_chisq", "null_df", "null_objective", "tli", "cfi"),
    *("rmsea", "rmsea_ci_lower", "rmsea_ci_upper", "rmsr", "crms", "empirical_chisq", "empirical_pvalue"),
    *("bic", "sabic", "empirical_bic", "empirical_sabic", "fit", "fit_off"),
)


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
    if df <= 0 or not math.isfinite(chisq):
        return NAN, NAN, NAN
    _, lower, upper = rmsea_and_limits(chisq, df, df * (n_obs - 1), level)
    estimate = math.sqrt(max(chisq / (df * n_obs) - 1 / (n_obs - 1), 0.0))
    return estimate, lower, upper


def _discrepancy(observed: Array, implied: Array) -> float:
    """Likelihood discrepancy, from the roots of the observed relative to the implied matrix."""
    try:
        roots = eigh(observed, implied, eigvals_only=True)
    except np.linalg.LinAlgError:
        return NAN
    if roots[0] <= 0:
        return NAN
    return float(np.sum(roots - np.log(roots) - 1))


def _bartlett_weight(n_obs: int, n_items: int, n_factors: int) -> float:
    """Multiplier that brings a discrepancy to chi-square; NaN where the sample is too small for one."""
    weight = n_obs - 1 - (2 * n_items + 5) / 6 - 2 * n_factors / 3
    return weight if weight > 0 else NAN


def _tail(chisq: float, df: int) -> float:
    return float(chi2.sf(chisq, df)) if df > 0 else NAN


def _information(name: str, chisq: float, df: int, n_obs: int) -> dict[str, float]:
    """Schwarz's criterion as an excess over the saturated model, and Sclove's with the smaller n."""
    return {
        f"{name}bic": chisq - df * math.log(n_obs),
        f"{name}sabic": chisq - df * math.log((n_obs + 2) / 24),
    }


def _against_null(found: dict[str, float], weight: float) -> dict[str, float]:
    """Tucker and Lewis's and Bentler's indices."""
    tli = NAN
    if found["df"] > 0 and math.isfinite(weight):
        null_ratio = found["null_objective"] / found["null_df"]
        tli = (null_ratio - found["objective"] / found["df"]) / (null_ratio - 1 / weight)
    excess = max(found["chisq"] - found["df"], 0.0)
    most = max(found["null_chisq"] - found["null_df"], excess)
    if not math.isfinite(found["chisq"] + found["null_chisq"]):
        return {"tli": tli, "cfi": NAN}
    return {"tli": tli, "cfi": 1 - excess / most if most > 0 else 1.0}


def _from_residuals(correlations: Array, common: Array, df: int, n_obs: int) -> dict[str, float]:
    """Measures that need the residual correlations and no distribution."""
    squares, totals = (correlations - common) ** 2, correlations**2
    off = ~np.eye(len(correlations), dtype=bool)
    misfit, total = float(squares[off].sum()), float(totals[off].sum())
    chisq = n_obs * misfit
    return {
        "rmsr": math.sqrt(misfit / off.sum()),
        "crms": math.sqrt(misfit / (2 * df)) if df > 0 else NAN,
        "empirical_chisq": chisq,
        "empirical_pvalue": _tail(chisq, df),
        **_information("empirical_", chisq, df, n_obs),
        "fit": 1 - float(squares.sum() / totals.sum()),
        "fit_off": 1 - misfit / total if total > 0 else NAN,
    }


def fit_measures(
    correlations: Array,
    common: Array,
    n_factors: int,
    n_obs: int,
    level: float = 0.90,
    *,
    invertible: bool = True,
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
    invertible
        False for a smoothed matrix, whose determinant is that of its floor: measures of likelihood are NaN.

    Returns
    -------
    dict
        Measures by name.
    """
    n_items = len(correlations)
    df, null_df = degrees_of_freedom(n_items, n_factors), n_items * (n_items - 1) // 2
    implied = common.copy()
    np.fill_diagonal(implied, 1.0)
    objective, null_objective = (
        (
            _discrepancy(correlations, implied),
            -float(np.linalg.slogdet(correlations)[1]),
        )
        if invertible
        else (NAN, NAN)
    )
    weight = _bartlett_weight(n_obs, n_items, n_factors)
    chisq = weight * objective
    rmsea, lower, upper = rmsea_interval(chisq, df, n_obs, level)
    likelihood = {
        "chisq": chisq,
        "df": float(df),
        "pvalue": _tail(chisq, df),
        "objective": objective,
        "null_chisq": _bartlett_weight(n_obs, n_items, 0) * null_objective,
        "null_df": float(null_df),
        "null_objective": null_objective,
    }
    residual = _from_residuals(correlations, common, df, n_obs)
    values = {
        **likelihood,
        **_against_null(likelihood, weight),
        "rmsea": rmsea,
        "rmsea_ci_lower": lower,
        "rmsea_ci_upper": upper,
        **_information("", chisq, df, n_obs),
        **residual,
    }
    return {name: values[name] for name in FIELDS}
