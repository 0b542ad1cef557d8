"""What a fitted model gives to be reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEAST_ERROR = 1e-9
"""Smallest standard error of a score that is more than what rounding leaves where all did the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Coefficients, shape (p,), their covariance (p, p), and what the inference rests on.

    `alone`: coefficients of what one person alone has, whose own error nothing tells.
    """

    coefficients: Floats
    covariance: Floats
    dispersion: float
    df_resid: float
    log_likelihood: float
    n: int
    alone: tuple[int, ...] = ()

    @property
    def se(self) -> Floats:
        """Standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Limits by Student's t with `df_resid` (normal where that is infinite)."""
        half = stats.t.ppf(0.5 + level / 2, self.df_resid) * self.se
        return self.coefficients - half, self.coefficients + half

    def pvalues(self) -> Floats:
        """Two-sided p values on the same distribution."""
        return 2 * stats.t.sf(np.abs(self.coefficients / self.se), self.df_resid)
