"""Ask the people of a simulated study: which wave reaches whom, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.simulation.draws import Draws, Floats, cut
from analysis.simulation.log import UsageTruth
from analysis.simulation.people import People, Standing, coded
from analysis.simulation.population import Companion, Population, WaveTruth
from instrument.definition import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Response table, when each was given, the rating of change, and the companions' tables."""

    responses: pd.DataFrame
    administrations: pd.DataFrame
    change_rating: pd.Series
    companions: dict[str, pd.DataFrame]
    standing: dict[str, dict[str, Floats]]


def ask(population: Population, scale: Instrument, people: People, usage: UsageTruth, seed: int) -> Answers:
    """Draw every wave in order; a retest follows the person's own answer to its parent wave."""
    early = usage.completed[:, :3].sum(axis=1).astype(float)
    spread = early.std() or 1.0
    feedback = population.structure.use_feedback * (early - early.mean()) / spread
    latent = Standing(population, people, feedback, seed)
    n = len(people.ids)
    days: dict[str, Floats] = {}
    tables, stamps, standing = [], [], {}
    rating = pd.Series(pd.array([pd.NA] * n, dtype="Int64"))
    for wave in population.waves:
        draws = Draws(seed, f"wave {wave.id}")
        days[wave.id] = _day(wave, usage, days, draws, n)
        change = None
        if wave.retest_of:
            direction = _direction(wave, draws, n)
            change = wave.change * direction
            answered = np.isfinite(days[wave.id])
            rating = rating.where(~answered, _rating(direction, draws))
        standing[wave.id] = latent.at(wave.id, change, wave.retest_of)
        chosen = latent.answers(wave.id, standing[wave.id], people.groups, population.shifts)
        here = np.nonzero(np.isfinite(days[wave.id]))[0]
        table = coded(chosen, scale, population, people, draws)
        table.insert(0, "participant", people.ids)
        table.insert(1, "wave", wave.id)
        tables.append(table.iloc[here])
        stamps.append(_stamps(wave, days[wave.id], people, len(chosen), draws).iloc[here])
    responses = _by_participant(tables)
    return Answers(
        responses=responses,
        administrations=_by_participant(stamps),
        change_rating=rating,
        companions={
            name: _companion(name, companion, population, people, standing, days, seed)
            for name, companion in population.companions.items()
        },
        standing=standing,
    )


def _by_participant(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables).sort_values("participant", kind="stable", ignore_index=True)


def _day(wave: WaveTruth, usage: UsageTruth, days: dict[str, Floats], draws: Draws, n: int) -> Floats:
    """Day of each person's answer; infinite for those who gave none."""
    if wave.retest_of and wave.after:
        first, last = wave.after
        day = days[wave.retest_of] + np.floor(first + draws.uniform(n) * (last - first + 1))
    else:
        day = np.floor(wave.opens + draws.uniform(n) ** 1.5 * (wave.closes - wave.opens))
    there = draws.happens(wave.share, n) & (day < usage.withdrawn_day)
    if wave.only_users:
        there &= usage.left_day >= wave.opens
    elif not wave.retest_of:
        # People who stopped using the app answer half as often.
        there &= (usage.left_day >= wave.opens) | draws.happens(0.5, n)
    return np.where(there & np.isfinite(day), day, np.inf)


def _direction(wave: WaveTruth, draws: Draws, n: int) -> Floats:
    moved = ~draws.happens(wave.stable, n)
    return np.where(moved, np.where(draws.happens(0.6, n), 1.0, -1.0), 0.0)


def _rating(direction: Floats, draws: Draws) -> pd.Series:
    n = len(direction)
    felt = 1.5 * direction + 0.35 * draws.normal(n)
    return pd.Series(np.clip(np.rint(felt), -3, 3)).astype("Int64")


def _stamps(wave: WaveTruth, day: Floats, people: People, n_items: int, draws: Draws) -> pd.DataFrame:
    """Day and seconds of each administration; careless people are fast."""
    n = len(people.ids)
    pace = np.where(people.careless, 1.2, 5.5) * np.exp(0.35 * draws.normal(n))
    return pd.DataFrame(
        {
            "participant": people.ids,
            "wave": wave.id,
            "day": pd.array(np.where(np.isfinite(day), day, 0.0), dtype="Float64").astype("Int64"),
            "seconds": np.rint(pace * n_items).astype(np.int64),
        }
    )


def _companion(
    name: str,
    companion: Companion,
    population: Population,
    people: People,
    standing: dict[str, dict[str, Floats]],
    days: dict[str, Floats],
    seed: int,
) -> pd.DataFrame:
    draws = Draws(seed, f"companion {name}")
    scale = Instrument.model_validate(companion.instrument)
    n = len(people.ids)
    there = standing[companion.wave]
    factor = np.zeros(n)
    for theme, weight in companion.weights.items():
        factor = factor + weight * there[theme]
    explained = sum(weight**2 for weight in companion.weights.values())
    factor = factor + np.sqrt(max(0.0, 1.0 - explained)) * draws.normal(n)
    loading = companion.loading
    chosen = {
        item: cut(
            loading * factor + np.sqrt(1 - loading**2) * draws.normal(n),
            np.array(companion.thresholds) + 0.15 * (k % 3 - 1),
        )
        for k, item in enumerate(scale.item_ids)
    }
    table = coded(chosen, scale, population, people, draws)
    table.insert(0, "participant", people.ids)
    table.insert(1, "wave", companion.wave)
    return table[np.isfinite(days[companion.wave])].reset_index(drop=True)
