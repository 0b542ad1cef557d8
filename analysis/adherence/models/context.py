"""A score that is context rather than part of alliance: held constant, and as moderator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.adherence.models.binomial import average_effect, quasi_binomial
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.delta import delta_interval
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import cox

Floats = NDArray[np.float64]
REMAINING, HAZARD = "remaining use, logit", "time to disengagement, Cox"
LEVELS = {"one SD below its mean": -1.0, "at its mean": 0.0, "one SD above its mean": 1.0}


def context_in_use(
    score: Floats,
    context: Floats,
    others: Floats,
    done: Floats,
    due: Floats,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> list[dict[str, Any]]:
    """Effects of a score and its context on remaining use, together and in interaction.

    Parameters
    ----------
    score, context : array, shape (n,)
        Both standardised.
    others : array, shape (n, p)
        Adjustment columns.
    done, due : array, shape (n,)
        Units done and due.
    level
        Level of the intervals.
    clusters
        Clusters of the people; None where they are independent.

    Returns
    -------
    list of dict
        `quantity`, `ratio` with limits (odds ratio; for the interaction, ratio of odds ratios), `pvalue`,
        and `effect` with limits in units done.

    Notes
    -----
    `logit p = a + b x + c z + d x z + …`. The effect at a level `z₀` of the context is the average over
    everyone of `due · p(1 − p) · (b + d z₀)` with the context set to `z₀`.
    """
    constant = np.ones(len(score))
    together = np.column_stack([constant, score, context, others])
    fit = quasi_binomial(together, done, due, clusters=clusters, robust=True)
    rows = [
        {
            "quantity": name,
            **_ratio(fit, column, level),
            **_units(average_effect(fit, together, due, column, level)),
        }
        for name, column in (("score, context held constant", 1), ("context, score held constant", 2))
    ]
    crossed = np.column_stack([together[:, :3], score * context, others])
    fit = quasi_binomial(crossed, done, due, clusters=clusters, robust=True)
    for name, at in LEVELS.items():
        rows.append({"quantity": f"score, context {name}", **_at_level(fit, crossed, due, at, level)})
    rows.append({"quantity": "interaction", **_ratio(fit, 3, level), **_units((np.nan,) * 3)})
    return [{"model": REMAINING, "n": fit.n, **row} for row in rows]


def context_in_hazard(
    score: Floats,
    context: Floats,
    others: Floats,
    time: Floats,
    event: NDArray[np.bool_],
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> list[dict[str, Any]]:
    """The same in the hazard of disengagement; effects are hazard ratios only."""
    together = np.column_stack([score, context, others])
    fit = cox(together, time, event, clusters, robust=True)
    rows = [
        {"quantity": name, **_ratio(fit, column, level)}
        for name, column in (("score, context held constant", 0), ("context, score held constant", 1))
    ]
    fit = cox(np.column_stack([together[:, :2], score * context, others]), time, event, clusters, robust=True)
    for name, at in LEVELS.items():
        rows.append({"quantity": f"score, context {name}", **_combined(fit, 0, 2, at, level)})
    rows.append({"quantity": "interaction", **_ratio(fit, 2, level)})
    return [{"model": HAZARD, "n": fit.n, **row, **_units((np.nan,) * 3)} for row in rows]


def _ratio(fit: Fit, column: int, level: float) -> dict[str, float]:
    low, high = fit.interval(level)
    ratio, lower, upper = (float(np.exp(v[column])) for v in (fit.coefficients, low, high))
    return {
        "ratio": ratio,
        "ci_lower": lower,
        "ci_upper": upper,
        "pvalue": float(fit.pvalues()[column]),
    }


def _combined(fit: Fit, score: int, product: int, at: float, level: float) -> dict[str, float]:
    """Ratio of the score where the context has a given value."""
    weights = np.zeros(len(fit.coefficients))
    weights[score], weights[product] = 1.0, at
    turned = Fit(
        coefficients=np.array([weights @ fit.coefficients]),
        covariance=np.array([[weights @ fit.covariance @ weights]]),
        dispersion=fit.dispersion,
        df_resid=fit.df_resid,
        log_likelihood=fit.log_likelihood,
        n=fit.n,
    )
    return _ratio(turned, 0, level)


def _at_level(fit: Fit, design: Floats, due: Floats, at: float, level: float) -> dict[str, float]:
    here = design.copy()
    here[:, 2], here[:, 3] = at, at * design[:, 1]

    def units(theta: Floats) -> float:
        p = expit(here @ theta)
        return float((due * p * (1 - p)).mean() * (theta[1] + at * theta[3]))

    value, _, low, high = delta_interval(units, fit.coefficients, fit.covariance, level, fit.df_resid)
    return {**_combined(fit, 1, 3, at, level), **_units((value, low, high))}


def _units(effect: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(("effect", "effect_lower", "effect_upper"), effect, strict=True))
