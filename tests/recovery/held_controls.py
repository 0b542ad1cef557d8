"""Populations whose log holds negative controls: use of an unrelated feature, and use before enrolment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from tests.recovery.held_doubts import Draw, slope, whole
from tests.recovery.held_populations import (
    POPULATIONS,
    UNRELATED,
    Drawn,
    Held,
    Table,
    beta_binomial,
    counts,
    standard,
)


def controlled(effect: float, strength: float, of_feature: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """What befalls people before the rating moves rating, later use and, more or less, the feature's."""
        befallen, leisure = rng.standard_normal((2, m))
        before = counts(rng, np.exp(1.3 + 0.6 * leisure), 0.5)
        score = strength * befallen + np.sqrt(1 - strength**2) * rng.standard_normal(m)
        use = 0.1 + leisure + 2.2 * strength * befallen
        line = use + effect * score
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=beta_binomial(rng, expit(line)),
            unrelated=counts(rng, np.exp(1.4 + 0.8 * leisure + of_feature * 1.8 * strength * befallen), 0.1),
            until=whole(m),
            slope=slope(line, effect),
        )

    return draw


def fading(of_feature: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """All use fades at a pace of one's own, which moves the rating; the feature's as the app's."""
        level, pace = rng.standard_normal(m), np.abs(0.25 + 0.2 * rng.standard_normal(m))
        weeks = np.arange(12)[:, None]
        use = rng.poisson(np.exp(0.9 + 0.4 * level - pace * weeks))
        feature = rng.poisson(np.exp(0.9 + 0.4 * level - of_feature * pace * weeks)[4:].sum(axis=0))
        return Drawn(
            score=-0.5 * standard(pace) + np.sqrt(0.75) * rng.standard_normal(m),
            sessions_before=use[:4].sum(axis=0),
            sessions_after=use[4:].sum(axis=0),
            unrelated=feature,
            until=whole(m),
            weekly=use,
        )

    return draw


def known_before(effect: float, of_habit: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A habit that the weeks after enrolment hide moves use before it, the rating, and later use."""
        habit = rng.standard_normal(m)
        score = 0.5 * of_habit * habit + np.sqrt(1 - 0.25 * of_habit**2) * rng.standard_normal(m)
        before = counts(rng, np.full(m, 4.0), 0.8)
        line = 0.8 * habit + 0.5 * standard(np.log1p(before)) + effect * score
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=beta_binomial(rng, expit(line)),
            unrelated=counts(rng, np.exp(1.4 + 0.8 * habit), 0.1),
            earlier=rng.poisson(np.exp(1.0 + 0.6 * habit)),
            until=whole(m),
            slope=slope(line, effect),
        )

    return draw


NAMED = {"unrelated_kind": UNRELATED}
GRAVE = "something grave befalls people shortly before the rating"
FADING = "use fades at a pace of one's own, which moves the rating"
MADE: dict[str, tuple[Callable[[np.random.Generator, int, Table], Drawn], bool]] = {
    f"{GRAVE}, unrelated use is known": (controlled(0.0, 0.5, 1.0), True),
    f"{GRAVE}, and moves unrelated use half as much": (controlled(0.0, 0.5, 0.5), True),
    f"{GRAVE}, and leaves unrelated use alone": (controlled(0.0, 0.5, 0.0), True),
    f"{FADING}, unrelated use is known": (fading(1.0), True),
    "true effect, unrelated use is known": (controlled(0.5, 0.0, 0.0), False),
    "a habit of before enrolment, which the log holds": (known_before(0.0, 1.0), True),
    "true effect, the log holds use before enrolment": (known_before(0.5, 0.0), False),
}
LARGE = 1000  # where there is an effect: to set it apart takes people
CONTROLS = {
    name: Held(draw=draw, hidden=hidden, study=NAMED, n=300 if hidden else LARGE)
    for name, (draw, hidden) in MADE.items()
}
POPULATIONS.update(CONTROLS)
