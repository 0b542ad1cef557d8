"""What omega hands back: shares of variance, their intervals and the loadings behind them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.common.result import Result
from analysis.correlation.smoothing import Smoothing
from analysis.reliability.inputs import Interval
from analysis.reliability.resampling import Draws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OmegaResult(Result):
    """Omega coefficients of one set of items.

    Attributes
    ----------
    total, hierarchical, asymptotic
        Share of the variance of the sum due to all common factors, due to the general factor, and their
        ratio. From polychoric correlations they speak of sums of latent responses, not of people's scores.
    ecv
        Share of the common variance due to the general factor.
    categorical, categorical_hierarchical
        Total and hierarchical share for the sum of the ordinal answers (Green and Yang); None with Pearson.
    total_ci, hierarchical_ci, asymptotic_ci, ecv_ci, categorical_ci, categorical_hierarchical_ci
        Intervals of the kind named by `interval`; None without draws, NaN limits where a logit interval does
        not exist (estimates not inside 0 and 1, as with one factor).
    alpha, lambda6
        Standardised alpha and Guttman's lambda 6 of the same correlations (NaN where they were smoothed).
    groups
        One row per group factor: `total`, `general`, `group` share of the variance of its own items (those
        that load highest on it), `n_items`; and a first row `g` for the whole.
    schmid_leiman
        One row per item: `g`, group factors `F1*`…, `communality`, `uniqueness`, `general_share`.
    pattern, factor_correlations, second_order
        Oblique solution and the loadings of its factors on the general one.
    keys
        1 or -1: the direction in which each item entered.
    negative_items
        Items with a negative general loading, as they entered.
    heywood
        Items whose uniqueness lies at its bound.
    identified
        False with two factors, whose second-order loadings are set equal.
    n_obs, n_items, n_dropped, n_pair_least
        As in `cronbach_alpha`.
    smoothing, draws_smoothed
        How far the correlations were moved to become positive definite (None where they are as estimated),
        and in how many draws of the bootstrap they were.
    """

    total: float
    hierarchical: float
    asymptotic: float
    ecv: float
    categorical: float | None
    categorical_hierarchical: float | None
    total_ci: Interval | None
    hierarchical_ci: Interval | None
    asymptotic_ci: Interval | None
    ecv_ci: Interval | None
    categorical_ci: Interval | None
    categorical_hierarchical_ci: Interval | None
    interval: str
    confidence: float
    alpha: float
    lambda6: float
    groups: pd.DataFrame
    schmid_leiman: pd.DataFrame
    pattern: pd.DataFrame
    factor_correlations: pd.DataFrame
    second_order: pd.Series
    keys: pd.Series
    negative_items: tuple[str, ...]
    heywood: tuple[str, ...]
    identified: bool
    n_factors: int
    correlation: str
    extraction: str
    rotation: str
    missing: str
    n_obs: int
    n_items: int
    n_dropped: int
    n_pair_least: int
    draws: Draws | None
    smoothing: Smoothing | None
    draws_smoothed: int

    def to_frame(self) -> pd.DataFrame:
        """Give one row per coefficient with its interval; NaN where there is none."""
        names = ["total", "hierarchical", "asymptotic", "ecv"]
        if self.categorical is not None:
            names += ["categorical", "categorical_hierarchical"]
        rows = []
        for name in names:
            interval = getattr(self, f"{name}_ci")
            limits = interval if interval is not None else (float("nan"), float("nan"))
            rows.append((getattr(self, name), *limits))
        return pd.DataFrame(rows, index=names, columns=["estimate", "ci_lower", "ci_upper"])
