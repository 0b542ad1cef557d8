"""Draw a usage log: who is still there each week, which sessions are done, and what a log gets wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.simulation.draws import Draws, Floats, expit
from analysis.simulation.people import People
from analysis.simulation.population import Population

COMPLETED = "session_completed"
MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTruth:
    """Log and what lies behind it."""

    events: pd.DataFrame
    completed: NDArray[np.bool_]
    left_day: Floats
    withdrawn_day: Floats


def draw_usage(population: Population, people: People, seed: int) -> UsageTruth:
    """Draw weekly presence, completed sessions (n, weeks), and the events they leave."""
    use, n = population.use, len(people.ids)
    draws = Draws(seed, "use")
    person = use.general * people.general + use.severity * people.severity
    probability = expit(use.base + person + use.spread * draws.normal(n))
    hazard = expit(use.leave + use.leave_general * people.general + use.leave_severity * people.severity)
    leaves = draws.uniform(n, use.weeks) < hazard[:, None]
    present = np.cumsum(leaves, axis=1) == 0
    withdrawn = draws.happens(use.withdrawn, n)
    withdrawn_day = np.where(withdrawn, np.floor(7 + draws.uniform(n) * (use.weeks * 7 - 14)), np.inf)
    week_end = 7.0 * np.arange(1, use.weeks + 1)
    present &= week_end[None, :] <= withdrawn_day[:, None]
    active = present & (draws.uniform(n, use.weeks) >= use.pause)
    completed = active & (draws.uniform(n, use.weeks) < probability[:, None])
    events = _events(population, people, active, completed, Draws(seed, "events"))
    events = _with_faults(population, people, events, withdrawn_day, Draws(seed, "log faults"))
    return UsageTruth(
        events=events,
        completed=completed,
        left_day=7.0 * present.sum(axis=1),
        withdrawn_day=withdrawn_day,
    )


def _events(
    population: Population,
    people: People,
    active: NDArray[np.bool_],
    completed: NDArray[np.bool_],
    draws: Draws,
) -> pd.DataFrame:
    n, weeks = active.shape
    extra = draws.counts(np.full((n, weeks), population.use.visits)) * active
    parts = []
    who, week = np.nonzero(completed)
    parts.append(_visit(draws, who, week, COMPLETED, 18.0, 45.0))
    who, week = (np.repeat(axis.ravel(), extra.ravel()) for axis in np.indices((n, weeks)))
    parts.append(_visit(draws, who, week, "activity", 2.0, 14.0))
    events = pd.concat(parts, ignore_index=True)
    events.insert(0, "participant", people.ids[events.pop("who").to_numpy()])
    return events


def _visit(
    draws: Draws, who: NDArray[Any], week: NDArray[Any], kind: str, least: float, most: float
) -> pd.DataFrame:
    """Two events per visit: the login, and what was done after it."""
    size = len(who)
    hour = 7.0 + 16.0 * (draws.uniform(size) + draws.uniform(size)) / 2.0
    start = 7.0 * week + np.floor(7.0 * draws.uniform(size)) + hour / 24.0
    minutes = least + (most - least) * (draws.uniform(size) + draws.uniform(size)) / 2.0
    lag = (1.0 + 2.0 * draws.uniform(size)) / MINUTES_PER_DAY
    late = np.where(draws.happens(0.1, size), draws.uniform(size) * 1.5, 0.0)
    logins = pd.DataFrame(
        {"who": who, "day": start, "kind": "login", "duration": 0.0, "received_day": start + late}
    )
    deeds = pd.DataFrame(
        {
            "who": who,
            "day": start + lag,
            "kind": kind,
            "duration": minutes,
            "received_day": start + lag + late,
        }
    )
    return pd.concat([logins, deeds], ignore_index=True)


def _with_faults(
    population: Population, people: People, events: pd.DataFrame, withdrawn_day: Floats, draws: Draws
) -> pd.DataFrame:
    """Add what real logs contain: doubled, early, late, unknown and future-stamped events."""
    use, k = population.use, population.use.misplaced
    doubled = events[draws.happens(use.duplicated, len(events))]

    def some() -> NDArray[Any]:
        return people.ids[(draws.uniform(k) * len(people.ids)).astype(np.int64)]

    def stray(participant: NDArray[Any], day: Floats) -> pd.DataFrame:
        return pd.DataFrame(
            {"participant": participant, "day": day, "kind": "login", "duration": 0.0, "received_day": day}
        )

    last = 7.0 * use.weeks
    early = stray(some(), -2.0 * draws.uniform(k))
    unknown = np.array([f"{population.prefix}x{j + 1:02d}" for j in range(k)], dtype=object)
    strangers = stray(unknown, last * draws.uniform(k))
    skewed = stray(some(), last * draws.uniform(k))
    skewed["received_day"] = np.maximum(skewed["day"] - 0.2 - draws.uniform(k), 0.0)
    gone = np.nonzero(np.isfinite(withdrawn_day))[0][:k]
    late = stray(people.ids[gone], withdrawn_day[gone] + 1.0 + 3.0 * draws.uniform(len(gone)))
    events = pd.concat([events, doubled, early, strangers, skewed, late], ignore_index=True)
    events["day"] = events["day"].round(4)
    events["received_day"] = events["received_day"].round(4)
    events["duration"] = events["duration"].round(1)
    return events.sort_values(["participant", "day", "kind", "duration"], kind="stable", ignore_index=True)
