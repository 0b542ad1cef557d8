"""Draw the symptom score of a simulated study before and after."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.simulation.draws import Draws, Floats
from analysis.simulation.log import UsageTruth
from analysis.simulation.people import People
from analysis.simulation.population import OutcomeTruth, Population


def draw_outcomes(population: Population, people: People, usage: UsageTruth, seed: int) -> pd.DataFrame:
    """Baseline and follow-up; those who left the app are missing more often."""
    truth, n = population.outcome, len(people.ids)
    draws = Draws(seed, "outcome")
    baseline = truth.mean + truth.sd * people.severity
    sessions = usage.completed.sum(axis=1)
    follow_up = (
        truth.mean
        + truth.stability * (baseline - truth.mean)
        + truth.per_session * sessions
        + truth.follow_up_general * people.general
        + truth.sd * np.sqrt(1 - truth.stability**2) * draws.normal(n)
    )
    left = usage.left_day < 7.0 * population.use.weeks
    rate = np.where(left, truth.missing_left, truth.missing)
    missing = draws.happens(rate, n) | np.isfinite(usage.withdrawn_day)
    return pd.DataFrame(
        {
            "participant": people.ids,
            f"{truth.name}_baseline": _whole(baseline, truth, np.zeros(n, dtype=bool)),
            f"{truth.name}_followup": _whole(follow_up, truth, missing),
        }
    )


def _whole(score: Floats, truth: OutcomeTruth, missing: NDArray[np.bool_]) -> pd.Series:
    whole = pd.Series(np.clip(np.rint(score), 0, truth.maximum)).astype("Int64")
    return whole.mask(missing)
