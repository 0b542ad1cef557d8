"""Fit indices from a test statistic, its degrees of freedom and the baseline model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.common.noncentrality import noncentral_above, rmsea_and_limits
from analysis.structural.estimation.ram import Array, vech_places

CLOSE_FIT = 0.05  # RMSEA under the hypothesis of close fit (Browne & Cudeck 1993)
NOTHING = 1e-6  # chi-square of a model that holds every moment, up to rounding
LEVEL = 0.90  # confidence of the RMSEA interval (Browne & Cudeck 1993)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One test with its baseline; `correction` c means chisq/c is referred to chi-square."""

    chisq: float
    df: float
    baseline: float
    baseline_df: int
    correction: float = 1.0
    baseline_correction: float = 1.0

    @property
    def held_back(self) -> bool:
        """Whether there is misfit without degrees of freedom: an inequality that is reached costs none."""
        return bool(self.chisq > NOTHING)


def comparative(test: Statistic) -> tuple[float, float]:
    """CFI and TLI of a (corrected) statistic.

    A model without degrees of freedom fits perfectly unless an inequality holds it back; TLI is then NaN.
    Both are NaN where a statistic or correction is unknown, or a correction is not above zero.
    """
    if test.df == 0:
        if not test.held_back:
            return 1.0, 1.0
        gain = test.baseline - test.baseline_correction * test.baseline_df
        return 1.0 - test.chisq / max(test.chisq, gain), float("nan")
    corrections = (test.correction, test.baseline_correction)
    if np.isnan([test.chisq, test.baseline, *corrections]).any() or min(corrections) <= 0.0:
        return float("nan"), float("nan")
    excess = test.chisq - test.correction * test.df
    excess_base = test.baseline - test.baseline_correction * test.baseline_df
    above, below = max(excess, 0.0), max(excess, excess_base, 0.0)
    cfi = 1.0 if above == 0.0 else 1.0 - above / below
    tli = 1.0
    if excess_base != 0.0:
        tli = 1.0 - (excess * test.baseline_df) / (excess_base * test.df)
    return cfi, tli


def rmsea(test: Statistic, n: float, n_groups: int) -> dict[str, float]:
    """RMSEA, its 90 % interval and the test of close fit.

    Parameters
    ----------
    test
        The statistic; with a correction c the population value is c times as large.
    n
        Rows the statistic was multiplied by.
    n_groups
        Number of groups.
    """
    if test.df == 0 and test.held_back:
        return dict.fromkeys(("rmsea", "rmsea_ci_lower", "rmsea_ci_upper", "rmsea_pvalue"), float("nan"))
    if test.df == 0:
        return {"rmsea": 0.0, "rmsea_ci_lower": 0.0, "rmsea_ci_upper": 0.0, "rmsea_pvalue": float("nan")}
    c, df = test.correction, test.df
    if not (np.isfinite(test.chisq) and c > 0 and df > 0):
        return dict.fromkeys(("rmsea", "rmsea_ci_lower", "rmsea_ci_upper", "rmsea_pvalue"), float("nan"))
    unit = n_groups / (n * df)
    point, lower, upper = rmsea_and_limits(test.chisq, df, 1.0 / unit, LEVEL, c)
    return {
        "rmsea": point,
        "rmsea_ci_lower": lower,
        "rmsea_ci_upper": upper,
        "rmsea_pvalue": noncentral_above(test.chisq / c, df, CLOSE_FIT**2 / (unit * c)),
    }


def index_set(test: Statistic, n: float, n_groups: int, suffix: str = "") -> dict[str, float]:
    """CFI, TLI and RMSEA with a suffix on every name."""
    cfi, tli = comparative(test)
    return {f"{k}{suffix}": v for k, v in {"cfi": cfi, "tli": tli, **rmsea(test, n, n_groups)}.items()}


def correlation_residual(covariance: Array, sigma: Array) -> float:
    """Root of the squared residuals of correlations below the diagonal, over p(p + 1)/2."""
    row, column = vech_places(len(covariance), False)
    gap = _correlations(covariance)[row, column] - _correlations(sigma)[row, column]
    p = len(covariance)
    return float(np.sqrt(np.sum(gap**2) / (p * (p + 1) / 2)))


def _correlations(covariance: Array) -> Array:
    with np.errstate(invalid="ignore"):  # NaN where a variance of level 2 is below zero
        scale = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(scale, scale))


def residual_square(covariance: Array, sigma: Array, mean: Array, mu: Array, with_means: bool) -> float:
    """Mean squared standardised residual of one group (its root is the SRMR)."""
    row, column = vech_places(len(covariance))
    with np.errstate(invalid="ignore"):  # NaN where a variance of level 2 is below zero
        scale = np.sqrt(np.diag(covariance))
    gaps = (covariance - sigma)[row, column] / (scale[row] * scale[column])
    if with_means:
        gaps = np.concatenate([(mean - mu) / scale, gaps])
    return float(np.mean(gaps**2))
