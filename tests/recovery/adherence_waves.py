"""Repeated ratings and use after each, with known effects between people and within a person.

Use after a rating is drawn from the observed level and the observed difference, so both parts are known. In
the split by the first rating people who used little leave before the next. The truth of the models of the first
and of each new rating is their line through many people; the split by the person's mean is the example that the
result warns of, and nobody leaves there. The third population has shares of few units, whose
spread depends on the mean: its truth is the straight line through many people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.adherence.over_time.relate_waves import by_person_mean, first_effect, new_effect
from tests.recovery.adherence_studies import MANY, Line, Study, Truth

PARTS = ("between people", "within a person")
WAVES, BETWEEN, WITHIN = 3, 8.0, 4.0  # percentage points per unit of the score
SHIFT = np.array([0.0, -5.0, -12.0])
UNITS = 4
Table = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One row per person and wave, in wave order."""

    frame: pd.DataFrame
    split: str


def ratings(rng: np.random.Generator, n: int) -> tuple[Table, Table]:
    """Use before, shape (n,), and scores, shape (n, waves), of a person who changes slowly."""
    before = rng.binomial(4, expit(0.3 + rng.standard_normal(n))).astype(float)
    level = 0.3 * (before - 2) + 0.6 * rng.standard_normal(n)
    score = 3.5 + level[:, None] + 0.45 * rng.standard_normal((n, WAVES))
    return before, np.clip(np.round(8 * score) / 8, 1, 5)


def draw(rng: np.random.Generator, n: int, *, split: str, bounded: bool, leave: bool) -> Rated:
    before, score = ratings(rng, n)
    level = score.mean(axis=1) if split == "person mean" else score[:, 0]
    difference = score - level[:, None]
    own = rng.standard_normal(n)
    if bounded:
        line = 0.1 + 0.5 * (level - 3.5) + 0.3 * (before - 2) + 0.9 * own
        line = line[:, None] + 0.3 * difference + SHIFT / 20
        percent = 100 * rng.binomial(UNITS, expit(line)) / UNITS
    else:
        line = 55 + BETWEEN * (level - 3.5) + 3 * (before - 2) + 12 * own
        percent = line[:, None] + WITHIN * difference + SHIFT + 18 * rng.standard_normal((n, WAVES))
    there = np.ones((n, WAVES), dtype=bool)
    if leave:
        for k in range(1, WAVES):
            there[:, k] = there[:, k - 1] & (rng.random(n) < expit(1.2 + 0.04 * (percent[:, k - 1] - 50)))
    frame = pd.DataFrame(
        {
            "participant": np.repeat(np.arange(n), WAVES),
            "order": np.tile(np.arange(WAVES), n),
            "score": score.ravel(),
            "percent": percent.ravel(),
            "done": np.maximum(percent.ravel(), 0.0) * UNITS / 100,
            "use_before": np.repeat(before, WAVES),
        }
    )
    return Rated(frame=frame[there.ravel()].reset_index(drop=True), split=split)


def effects_of(rated: Rated) -> dict[str, dict[str, Any]]:
    if rated.split == "person mean":
        return {row["part"]: row for row in by_person_mean(rated.frame, "score", ["use_before"], 0.95)}
    first, _ = first_effect(rated.frame, "score", ["use_before"], 0.95)
    new = new_effect(rated.frame, "score", ["use_before"], 0.95)
    return {str(row["rating"]): row for row in (first, new)}


def estimate(rated: Rated) -> list[Line]:
    name = f"repeated waves, {rated.split}"
    numbers = ("effect", "se", "ci_lower", "ci_upper")
    return [(name, part, *(row[n] for n in numbers)) for part, row in effects_of(rated).items()]  # type: ignore[misc]


def truth(split: str, bounded: bool, leave: bool) -> Truth:
    rated = draw(np.random.default_rng(5), MANY // 10, split=split, bounded=bounded, leave=leave)
    name = f"repeated waves, {split}"
    if not bounded and split == "person mean":
        sd = float(rated.frame["score"].std())
        return {(name, PARTS[0]): BETWEEN * sd, (name, PARTS[1]): WITHIN * sd}
    return {(name, part): row["effect"] for part, row in effects_of(rated).items()}


def _study(n: int, **how: Any) -> Study:
    return Study(draw=partial(draw, **how), estimate=estimate, truth=partial(truth, **how), n=n)  # type: ignore[arg-type]


KINDS = {
    "waves, normal": {"bounded": False},
    "waves, shares of 4 units": {"bounded": True},
}
WAVE_STUDIES = {
    f"{kind}, {split}, {'some leave, ' if split == 'first rating' else ''}n = 150": _study(
        150, split=split, leave=split == "first rating", **how
    )
    for (kind, how), split in product(KINDS.items(), ("person mean", "first rating"))
}
