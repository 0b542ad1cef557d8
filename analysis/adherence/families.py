"""Several tests of one question, and how strong a hidden cause would have to be."""

from __future__ import annotations

import numpy as np
import pandas as pd


def adjust_within(table: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Add `p_holm` and `p_bh`, adjusted within each family (the columns named)."""
    from statsmodels.stats.multitest import multipletests

    table = table.copy()
    table["p_holm"], table["p_bh"] = np.nan, np.nan
    for _, rows in table.groupby(family, sort=False):
        for name, method in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
            table.loc[rows.index, name] = multipletests(rows["pvalue"], method=method)[1]
    return table


def e_value(ratio: float, kind: str) -> float:
    """Smallest risk ratio a hidden cause needs with both predictor and use to explain a ratio away.

    Parameters
    ----------
    ratio
        Odds ratio or hazard ratio of a common outcome.
    kind
        "odds" (the square root approximates the risk ratio) or "hazard".

    Returns
    -------
    float
        1 when the ratio is 1.

    References
    ----------
    VanderWeele & Ding (2017), doi 10.7326/M16-2607.

    Examples
    --------
    A risk ratio of 3.9 has the E-value 7.26 in the paper; its square is the odds ratio of a common outcome.

    >>> round(e_value(3.9**2, "odds"), 2)
    7.26
    """
    by_hazard = (1 - 0.5 ** np.sqrt(ratio)) / (1 - 0.5 ** np.sqrt(1 / ratio))
    risk = np.sqrt(ratio) if kind == "odds" else by_hazard
    risk = max(risk, 1 / risk)
    return float(risk + np.sqrt(risk * (risk - 1)))


def e_value_of_limit(lower: float, upper: float, kind: str) -> float:
    """E-value of the limit nearer to no effect; 1 when the interval holds no effect."""
    if lower <= 1 <= upper:
        return 1.0
    return e_value(lower if lower > 1 else upper, kind)
