"""How strong a hidden cause must be, by shares of variance, and what one as strong as a measured one does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a hidden cause `k` times as strong as a measured one would leave.

    `r2_score` and `r2_use`: shares of the variance it would explain of the score, given what is held
    constant, and of use, given the score too. `estimate`, `se`, `t`: what would be left at the worst sign.
    """

    r2_score: float
    r2_use: float
    estimate: float
    se: float
    t: float


def robustness_value(t: float, df: float, level: float | None = None) -> float:
    """Share of what is left of score and use that a hidden cause must explain to overturn it.

    Parameters
    ----------
    t, df
        Estimate over standard error, and residual degrees of freedom.
    level
        None asks what makes the estimate nothing, a level what lets the interval of it include zero.

    Returns
    -------
    float
        Between 0 and 1; 0 where the interval includes zero already.

    Notes
    -----
    With `f = |t|/√df`, less `t_crit/√(df − 1)` where a level is given: `½(√(f⁴ + 4f²) − f²)`.

    References
    ----------
    Cinelli & Hazlett (2020), doi 10.1111/rssb.12348. In R: `sensemakr::robustness_value`.

    Examples
    --------
    The paper's study of attitudes in Darfur: t = 4.18 with 783 degrees of freedom, 13.9 % and 7.6 %.

    >>> round(robustness_value(4.184, 783), 3), round(robustness_value(4.184, 783, 0.95), 3)
    (0.139, 0.076)
    """
    whole = abs(t) / np.sqrt(df)
    needed = 0.0 if level is None else float(stats.t.ppf(0.5 + level / 2, df - 1)) / np.sqrt(df - 1)
    f = whole - needed
    if f <= 0:
        return 0.0
    if needed and whole > 1 / needed:
        return float((whole**2 - needed**2) / (1 + whole**2))
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


def as_strong_as(
    estimate: float, se: float, df: float, r2_score: float, r2_use: float, k: float = 1.0
) -> Bound:
    """Give what is left if a hidden cause were `k` times as strong as a measured one.

    Parameters
    ----------
    estimate, se, df
        Of the score, everything measured held constant.
    r2_score, r2_use
        Partial shares of variance that the measured cause explains of the score, given the others, and of
        use, given the others and the score.
    k
        Times as strong.

    Returns
    -------
    Bound
        At the sign that takes most away; shares are cut at 1.

    Notes
    -----
    Hidden and measured cause are taken to be unrelated given the others. The hidden one explains
    `k f²` of the score, `f² = R²/(1 − R²)`; of use `η² f²`, `η = (√k + √c)/√(1 − c)`,
    `c = k R⁴/((1 − kR²)(1 − R²))`. Bias: `se √df √(R²_use R²_score/(1 − R²_score))`, of the hidden.

    References
    ----------
    Cinelli & Hazlett (2020), doi 10.1111/rssb.12348. In R: `sensemakr::ovb_bounds`.

    Examples
    --------
    The paper's bound by being female: 0.9 % of exposure, 12.5 % of attitude; an estimate of 0.075 is left.

    >>> left = as_strong_as(0.09732, 0.02326, 783, 0.00908, 0.1093)
    >>> round(left.r2_score, 3), round(left.r2_use, 3), round(left.estimate, 3)
    (0.009, 0.125, 0.075)
    """
    score = min(k * r2_score / (1 - r2_score), 1.0) if r2_score < 1 else 1.0
    use = 1.0
    if k * r2_score < 1 and r2_use < 1:
        share = k * r2_score**2 / ((1 - k * r2_score) * (1 - r2_score))
        if share < 1:
            use = min((np.sqrt(k) + np.sqrt(share)) ** 2 / (1 - share) * r2_use / (1 - r2_use), 1.0)
    return left_by(estimate, se, df, float(score), float(use))


def left_by(estimate: float, se: float, df: float, score: float, use: float) -> Bound:
    """Give what is left if a hidden cause explained these shares.

    Parameters
    ----------
    estimate, se, df
        Of the score, everything measured held constant.
    score, use
        Shares of variance that it explains of what is left of the score, and of use given the score too.

    Returns
    -------
    Bound
        At the sign that takes most away.

    Notes
    -----
    Equations 12 and 13 of Cinelli & Hazlett (2020), doi 10.1111/rssb.12348. In R:
    `sensemakr::adjusted_estimate`, `adjusted_se`.
    """
    if score >= 1:
        return Bound(r2_score=1.0, r2_use=use, estimate=-np.inf, se=np.inf, t=-np.inf)
    bias = float(se * np.sqrt(df) * np.sqrt(use * score / (1 - score)))
    left = abs(estimate) - bias
    spread = float(se * np.sqrt((1 - use) / (1 - score)) * np.sqrt(df / (df - 1)))
    t = left / spread if spread > 0 else float(np.copysign(np.inf, left))
    return Bound(
        r2_score=float(score),
        r2_use=use,
        estimate=float(np.copysign(1.0, estimate) * left),
        se=spread,
        t=float(t),
    )


def partial_r2(outcome: Floats, group: Floats, others: Floats) -> float:
    """Share of what the other columns leave of an outcome that a group of columns explains.

    Parameters
    ----------
    outcome : array, shape (n,)
    group, others : array, shape (n, q), (n, p)

    Returns
    -------
    float
        Between 0 and 1.
    """
    short = _residual(outcome, others)
    full = _residual(outcome, np.column_stack([others, group]))
    return float(1 - (full @ full) / (short @ short)) if short @ short > 0 else 0.0


def _residual(outcome: Floats, columns: Floats) -> Floats:
    return np.asarray(outcome - columns @ np.linalg.lstsq(columns, outcome, rcond=None)[0])
