"""Several tests of one question, and how strong a hidden cause would have to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.common.multiplicity import adjusted

Floats = NDArray[np.float64]
# Standardised mean difference to risk ratio, as the paper on E-values takes it.
PER_STANDARD_DIFFERENCE = 0.91


def adjust_within(table: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Add `p_adjusted` and `p_adjusted_bh`, adjusted within each family (the columns named)."""
    table = table.copy()
    table["p_adjusted"], table["p_adjusted_bh"] = np.nan, np.nan
    for _, rows in table.groupby(family, sort=False):
        p = rows["pvalue"].to_numpy(dtype=float)
        table.loc[rows.index, "p_adjusted"] = adjusted(p)
        table.loc[rows.index, "p_adjusted_bh"] = adjusted(p, "bh")
    return table


def e_value(ratio: float, kind: str) -> float:
    """Smallest risk ratio a hidden cause needs with both predictor and use to explain a ratio away.

    Parameters
    ----------
    ratio
        Effect as `kind` says.
    kind
        "risk" (also rate ratios, and odds or hazard ratios of rare outcomes); "odds" or "hazard" of a
        common outcome, put on the scale of risks by the published approximations; "difference", a
        standardised difference `d`, taken as the risk ratio `exp(0.91 d)`.

    Returns
    -------
    float
        1 when there is no effect.

    References
    ----------
    VanderWeele & Ding (2017), doi 10.7326/M16-2607.

    Examples
    --------
    A risk ratio of 3.9 has the E-value 7.26 in the paper; its square is the odds ratio of a common outcome.

    >>> round(e_value(3.9, "risk"), 2), round(e_value(3.9**2, "odds"), 2)
    (7.26, 7.26)
    """
    risk = _as_risk_ratio(ratio, kind)
    risk = max(risk, 1 / risk)
    return float(risk + np.sqrt(risk * (risk - 1)))


def _as_risk_ratio(ratio: float, kind: str) -> float:
    if kind == "odds":
        return float(np.sqrt(ratio))
    if kind == "hazard":
        return float((1 - 0.5 ** np.sqrt(ratio)) / (1 - 0.5 ** np.sqrt(1 / ratio)))
    if kind == "difference":
        return float(np.exp(PER_STANDARD_DIFFERENCE * ratio))
    return float(ratio)


def e_value_of_limit(lower: float, upper: float, kind: str) -> float:
    """E-value of the limit nearer to no effect; 1 when the interval holds no effect."""
    none = 0.0 if kind == "difference" else 1.0
    if lower <= none <= upper:
        return 1.0
    return e_value(lower if lower > none else upper, kind)
