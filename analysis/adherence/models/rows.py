"""Rows of the tables of effects and coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.adherence.models.families import e_value, e_value_of_limit
from analysis.adherence.models.fit import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """How the effect of a score is reported.

    `measure` names the ratio or difference, `effect` is value and limits on a human scale in `unit`,
    `e_kind` the kind of effect for the E-value, `spread` the standard deviation that a difference is
    divided by first, `events` the number of events.
    """

    measure: str
    e_kind: str
    effect: tuple[float, float, float] | None = None
    unit: str = ""
    events: int | None = None
    spread: float = 1.0


def coefficient_rows(
    model: str, predictor: str, terms: Sequence[str], fit: Fit, level: float
) -> list[dict[str, Any]]:
    """Give one row per term of a fitted model; what one person alone has is without error (NaN)."""
    told = np.stack([fit.se, *fit.interval(level), fit.pvalues()])
    told[:, list(fit.alone)] = np.nan
    se, low, high, pvalues = told
    return [
        {
            "model": model,
            "predictor": predictor,
            "term": term,
            "estimate": float(fit.coefficients[j]),
            "se": float(se[j]),
            "pvalue": float(pvalues[j]),
            "ci_lower": float(low[j]),
            "ci_upper": float(high[j]),
            "dispersion": fit.dispersion,
        }
        for j, term in enumerate(terms)
    ]


def effect_row(
    model: str, predictor: str, fit: Fit, column: int, level: float, how: Reported
) -> dict[str, Any]:
    """Give the row of one score's effect in one model."""
    low, high = fit.interval(level)
    turn: Callable[[float], float] = float if how.measure == "difference" else lambda b: float(np.exp(b))
    ratio, lower, upper = (turn(v[column]) for v in (fit.coefficients, low, high))
    shown = how.effect or (float("nan"),) * 3
    return {
        "model": model,
        "predictor": predictor,
        "n": fit.n,
        "events": how.events,
        "measure": how.measure,
        "coefficient": float(fit.coefficients[column]),
        "se": float(fit.se[column]),
        "pvalue": float(fit.pvalues()[column]),
        "ratio": ratio,
        "ci_lower": lower,
        "ci_upper": upper,
        "effect": shown[0],
        "effect_lower": shown[1],
        "effect_upper": shown[2],
        "unit": how.unit,
        "e_value": e_value(ratio / how.spread, how.e_kind),
        "e_value_limit": e_value_of_limit(lower / how.spread, upper / how.spread, how.e_kind),
    }
