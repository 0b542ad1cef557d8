"""Draw the people of a simulated study: groups, latent standing, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.simulation.draws import Draws, Floats, Integers, cut
from analysis.simulation.population import Population, Shift
from instrument.definition import Instrument, MissingReason
from instrument.scoring.keying import turned


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who takes part, and what is true of each."""

    ids: NDArray[np.object_]
    groups: pd.DataFrame
    general: Floats
    severity: Floats
    careless: NDArray[np.bool_]


def draw_people(population: Population, n: int, seed: int) -> People:
    """Draw groups, the general factor before any use, symptom severity (standardised) and care."""
    draws = Draws(seed, "people")
    groups = pd.DataFrame({name: draws.one_of(levels, n) for name, levels in population.covariates.items()})
    general = draws.normal(n)
    for effect in population.group_effects:
        general = general + effect.by * (groups[effect.covariate] == effect.level).to_numpy()
    tie = population.outcome.general
    severity = tie * general + np.sqrt(1 - tie**2) * draws.normal(n)
    width = max(4, len(str(n)))
    return People(
        ids=np.array([f"{population.prefix}{k + 1:0{width}d}" for k in range(n)], dtype=object),
        groups=groups,
        general=general,
        severity=severity,
        careless=draws.happens(population.answers.careless, n),
    )


class Standing:
    """Latent standing of everyone: a lasting part and a part that is drawn anew at each wave."""

    def __init__(self, population: Population, people: People, feedback: Floats, seed: int) -> None:
        self._structure = population.structure
        self._general = people.general + feedback
        self._n = len(people.ids)
        self._seed = seed
        self._lasting = self._factors(Draws(seed, "lasting factors"))
        self._items = population.items
        facets = sorted({item.facet for item in self._items.values() if item.facet})
        lasting = Draws(seed, "lasting answers")
        self._facets = {facet: lasting.normal(self._n) for facet in facets}
        self._specific = {item: lasting.normal(self._n) for item in self._items}

    def _factors(self, draws: Draws) -> dict[str, Floats]:
        return {name: draws.normal(self._n) for name in ("", *self._structure.themes)}

    def at(self, wave: str, change: Floats | None = None, parent: str | None = None) -> dict[str, Floats]:
        """Give the standing on each theme, and under `""` on the general factor.

        A retest takes the passing part of its `parent` wave, moved by `change`.
        """
        fresh = self._factors(Draws(self._seed, f"factors {parent or wave}"))
        keep = self._structure.stability
        mixed = {
            name: np.sqrt(keep) * lasting + np.sqrt(1 - keep) * fresh[name]
            for name, lasting in self._lasting.items()
        }
        moved = np.zeros(self._n) if change is None else change
        themes = self._structure.themes
        context = sum((t.context_effect or 0.0) ** 2 for t in themes.values())
        # The person's own standing makes half of what neither context nor the moment explains.
        own = np.sqrt(0.5) * self._general + np.sqrt(0.5) * mixed[""]
        general = np.sqrt(1 - context) * own + moved
        for name, theme in themes.items():
            if theme.context_effect is not None:
                general = general + theme.context_effect * mixed[name]
        standing = {"": general}
        for name, theme in themes.items():
            if theme.loading is None:
                standing[name] = mixed[name] + (0.5 * moved if theme.context_effect is not None else 0.0)
            else:
                standing[name] = theme.loading * general + np.sqrt(1 - theme.loading**2) * mixed[name]
        return standing

    def answers(
        self, wave: str, standing: Mapping[str, Floats], groups: pd.DataFrame, shifts: tuple[Shift, ...]
    ) -> dict[str, Integers]:
        """Give the category (from 0) each person would choose on each item with full care."""
        draws = Draws(self._seed, f"answers {wave}")
        share, keep = self._structure.facet_share, self._structure.item_stability
        chosen = {}
        for name, item in self._items.items():
            rest = np.sqrt(keep) * self._specific[name] + np.sqrt(1 - keep) * draws.normal(self._n)
            if item.facet is not None:
                rest = np.sqrt(1 - share) * rest + np.sqrt(share) * self._facets[item.facet]
            latent = item.loading * standing[item.theme] + np.sqrt(1 - item.loading**2) * rest
            for shift in shifts:
                if shift.item == name:
                    latent = latent - shift.by * (groups[shift.covariate] == shift.level).to_numpy()
            chosen[name] = cut(latent, np.array(item.thresholds))
        return chosen


def coded(
    chosen: Mapping[str, Integers],
    scale: Instrument,
    population: Population,
    people: People,
    draws: Draws,
) -> pd.DataFrame:
    """Turn categories into file codes, with careless answers and missing answers by reason."""
    n, ids = len(people.ids), list(chosen)
    runs = draws.happens(0.5, n)
    line = draws.uniform(n)
    skips_often = draws.uniform(n) ** 3 * 4 * population.answers.skipped
    seen = np.where(
        draws.happens(population.answers.break_off, n), 5 + draws.uniform(n) * (len(ids) - 5), len(ids)
    )
    columns = {}
    for position, item in enumerate(ids):
        codes = np.array(scale.scale_of(item).codes)
        category = chosen[item]
        if scale.item(item).reverse:
            category = turned(category, 0, len(codes) - 1)
        random = np.minimum((draws.uniform(n) * len(codes)).astype(np.int64), len(codes) - 1)
        wobble = draws.happens(0.08, n)
        straight = np.minimum((line * len(codes)).astype(np.int64), len(codes) - 1)
        lazy = np.where(runs & ~wobble, straight, random)
        values = codes[np.where(people.careless, lazy, category)].astype(float)
        rates: list[tuple[MissingReason, float | Floats]] = [
            ("not_applicable", population.items[item].not_applicable if item in population.items else 0.0),
            ("declined", population.answers.declined),
            ("skipped", skips_often),
        ]
        for reason, rate in rates:
            missing = draws.happens(rate, n) & ~people.careless
            values[missing] = _file_code(scale, reason)
        values[position >= seen] = _file_code(scale, "not_seen")
        columns[item] = pd.array(values, dtype="Float64").astype("Int64")
    return pd.DataFrame(columns)


def _file_code(scale: Instrument, reason: MissingReason) -> float:
    code = scale.missing_codes.get(reason)
    return np.nan if code is None else float(code)
