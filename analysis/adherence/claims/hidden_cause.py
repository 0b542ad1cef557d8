"""How an indirect effect would change if something unmeasured moved both the middle and the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.chain.drawn_moments import percentile_limits

Floats = NDArray[np.float64]
GRID = np.round(np.arange(-0.9, 0.901, 0.05), 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenCause:
    """Indirect effect by the correlation of the two error terms.

    `at_zero` is the correlation at which the estimate is nothing; `at_limit` the one nearest to none at
    which the interval reaches zero (0 where it does already).
    """

    rho: Floats
    estimate: Floats
    lower: Floats
    upper: Floats
    at_zero: float
    at_limit: float

    @property
    def shared(self) -> float:
        """Product of the shares of unexplained variance a hidden cause would need of middle and end."""
        return self.at_zero**2


def indirect_given_rho(covariances: Floats, rho: Floats) -> Floats:
    """Indirect effect of the third last variable through the second last on the last.

    Parameters
    ----------
    covariances : array, shape (draws, q, q)
        Columns: held constant, then predictor, mediator, outcome.
    rho : array, shape (m,)
        Supposed correlations of the errors of mediator and outcome, between -1 and 1.

    Returns
    -------
    array, shape (draws, m)
        `b σ₁/σ₂ (ρ̃ − ρ √((1 − ρ̃²)/(1 − ρ²)))`.
    """
    slope, ratio, seen = _parts(covariances)
    shrunk = np.sqrt((1 - seen[:, None] ** 2) / (1 - rho**2))
    return np.asarray((slope * ratio)[:, None] * (seen[:, None] - rho * shrunk))


def _parts(covariances: Floats) -> tuple[Floats, Floats, Floats]:
    """Slope of mediator on predictor, ratio of error deviations, and their correlation, per draw."""
    before = slice(0, covariances.shape[1] - 2)
    last = slice(covariances.shape[1] - 2, None)
    cross = covariances[:, before, last]
    solved = np.linalg.solve(covariances[:, before, before], cross)
    left = covariances[:, last, last] - cross.transpose(0, 2, 1) @ solved
    ratio = np.sqrt(left[:, 1, 1] / left[:, 0, 0])
    seen = left[:, 0, 1] / np.sqrt(left[:, 0, 0] * left[:, 1, 1])
    return np.asarray(solved[:, -1, 0]), np.asarray(ratio), np.asarray(seen)


def under_hidden_cause(whole: Floats, drawn: Floats, level: float = 0.95) -> HiddenCause:
    """Follow an indirect effect over supposed correlations of the errors.

    Parameters
    ----------
    whole : array, shape (q, q)
        Covariances: held constant, then predictor, mediator, outcome.
    drawn : array, shape (draws, q, q)
        Those of bootstrap samples.
    level
        Level of the percentile intervals.

    Returns
    -------
    HiddenCause
        Over -0.9 to 0.9 in steps of 0.05.

    Notes
    -----
    Linear models of mediator and outcome, no interaction. With the errors `e₁` of the outcome without the
    mediator and `e₂` of the mediator, `ρ̃ = corr(e₁, e₂)`, `σ₁`, `σ₂` their deviations and `b` the slope of
    the mediator on the predictor, a correlation `ρ` between the errors of mediator and outcome makes the
    indirect effect `b σ₁/σ₂ (ρ̃ − ρ √((1 − ρ̃²)/(1 − ρ²)))`. It is nothing at `ρ = ρ̃`. A hidden cause that
    explains the shares `R²_M` and `R²_Y` of what is left unexplained has `ρ² = R²_M R²_Y`. The predictor
    itself is taken to be without hidden causes, which a questionnaire never is: this is the mildest of the
    doubts.

    References
    ----------
    Imai, Keele & Yamamoto (2010), doi 10.1214/10-STS321, theorem 4. In R: the two `lm`, then the formula.
    """
    estimate = indirect_given_rho(whole[None], GRID)[0]
    lower, upper = percentile_limits(indirect_given_rho(drawn, GRID), level)
    open_to_none = (lower <= 0) & (upper >= 0)
    distances = np.where(open_to_none, np.abs(GRID), np.inf)
    nearest = int(np.argmin(distances))
    return HiddenCause(
        rho=GRID,
        estimate=estimate,
        lower=lower,
        upper=upper,
        at_zero=float(_parts(whole[None])[2][0]),
        at_limit=float(GRID[nearest]) if np.isfinite(distances[nearest]) else float("nan"),
    )
