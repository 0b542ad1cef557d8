"""More populations in which studies of alliance and use go wrong: shocks, jumps, silence, lost events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from tests.recovery.held_populations import (
    DAYS,
    DUE,
    POPULATIONS,
    Drawn,
    Held,
    Table,
    beta_binomial,
    counts,
    standard,
)

Draw = Callable[[np.random.Generator, int, Table], Drawn]


def whole(m: int) -> Table:
    return np.full(m, float(DAYS))


def slope(line: Table, effect: float) -> Table:
    return np.asarray(DUE * expit(line) * expit(-line) * effect)


def never_came(effect: float = 0.0) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Three in ten never came before the rating, and rate politely; a few came hundreds of times."""
        many = np.floor(np.minimum(np.exp(1.5 + 1.8 * rng.standard_normal(m)), 800))
        before = np.where(rng.random(m) < 0.3, 0, many)
        early, never = standard(np.log1p(before)), before == 0
        score = 0.6 * early + 0.8 * never + 0.8 * rng.standard_normal(m)
        line = -0.2 + 0.9 * early - 0.8 * never + effect * score
        after = beta_binomial(rng, expit(line))
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=after,
            until=whole(m),
            slope=slope(line, effect),
        )

    return draw


def in_time(last: int, when: Callable[[Table], Table], rating: float, use: float, effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """People who join in some days rate otherwise and use otherwise after it."""
        joined = np.floor(rng.uniform(0, last, m))
        hit = when(joined).astype(float)
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.3 * early + rating * hit + 0.8 * rng.standard_normal(m)
        line = 0.4 * early + use * hit + effect * score
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=beta_binomial(rng, expit(line)),
            until=whole(m),
            enrolment={"enrolled_day": joined, "observed_until_day": whole(m)},
            slope=slope(line, effect),
        )

    return draw


def version(effect: float = 0.0) -> Draw:
    return in_time(200, lambda joined: joined >= 140, 1.0, 1.2, effect)


def shock(effect: float = 0.0) -> Draw:
    return in_time(150, lambda joined: (joined > 60) & (joined < 90), -1.2, -1.4, effect)


def silent_where(kind: str) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who answers depends on rating and on what use will be, in two directions."""
        before = counts(rng, np.full(m, 4.0), 0.5)
        early, will = standard(np.log1p(before)), rng.standard_normal(m)
        score = 0.4 * early + 0.9 * rng.standard_normal(m)
        line = {
            "at odds": 1.3 + 1.3 * score * will,
            "extreme": 0.5 + 1.2 * np.abs(will) - 1.2 * np.abs(score),
        }[kind]
        return Drawn(
            score=np.where(rng.random(m) < expit(line), score, np.nan),
            sessions_before=before,
            sessions_after=beta_binomial(rng, expit(0.8 * will + 0.5 * early)),
            until=whole(m),
        )

    return draw


def relapse(strength: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Something befalls people in the third week: they rate lower and use less, and did not before."""
        befallen = rng.standard_normal(m)
        before = counts(rng, np.full(m, 4.0), 0.5)
        score = strength * befallen + np.sqrt(1 - strength**2) * rng.standard_normal(m)
        line = 0.1 + 0.4 * standard(np.log1p(before)) + 2.2 * strength * befallen
        after = beta_binomial(rng, expit(line))
        return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))

    return draw


def at_the_top(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A third gives the highest rating there is; early use moves rating and later use."""
    before = counts(rng, np.full(m, 4.0), 0.5)
    early = standard(np.log1p(before))
    score = np.minimum(np.round(8 * (4.6 + 0.4 * early + 0.64 * rng.standard_normal(m))) / 8, 5.0)
    after = beta_binomial(rng, expit(-0.2 + 0.7 * early))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))


def lost(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """Each telephone loses its own share of all events; what was truly done moves rating and later use."""
    true, kept = counts(rng, np.full(m, 8.0), 0.8), rng.beta(1.5, 1.0, m)
    early = standard(np.log1p(true))
    after = beta_binomial(rng, expit(0.3 + 0.9 * early), due=12)
    return Drawn(
        score=0.6 * early + 0.6 * rng.standard_normal(m),
        sessions_before=rng.binomial(true.astype(int), kept),
        sessions_after=rng.binomial(after, kept),
        until=whole(m),
    )


def paywall(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """From day 30 the app costs money: those keen before pay, the others come once or never."""
    before = counts(rng, np.full(m, 5.0), 0.8)
    early = standard(np.log1p(before))
    score = 0.6 * early + 0.8 * rng.standard_normal(m)
    pays = rng.random(m) < expit(-1 + 1.5 * early)
    after = np.where(pays, rng.binomial(DUE, 0.85, m), rng.random(m) < 0.3)
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))


def late_raters(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """Who rates late rates higher, and is reminded after the landmark; the day of rating is not held."""
    day = rng.uniform(-1.7, 1.7, m)
    before = counts(rng, np.full(m, 4.0), 0.5)
    early = standard(np.log1p(before))
    score = 0.8 * day + 0.2 * early + 0.7 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(-0.2 + 0.4 * early + 0.7 * day))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))


CALENDAR = {"observed_until": None}
DOUBTS: dict[str, Held] = {
    "no effect, three in ten never came before": Held(draw=never_came()),
    "true effect, three in ten never came before": Held(draw=never_came(0.35)),
    "a new version changes ratings and use": Held(draw=version(), study=CALENDAR),
    "a new version changes ratings and use, true effect": Held(draw=version(0.35), study=CALENDAR),
    "a month of holidays lowers ratings and use": Held(draw=shock(), study=CALENDAR),
    "a month of holidays lowers ratings and use, 1,000 people": Held(draw=shock(), study=CALENDAR, n=1000),
    "a month of holidays lowers ratings and use, true effect": Held(draw=shock(0.35), study=CALENDAR),
    "silent where rating and use are at odds": Held(draw=silent_where("at odds"), hidden=True),
    "silent where ratings are extreme and use is not": Held(draw=silent_where("extreme")),
    "something befalls people shortly before the rating": Held(draw=relapse(0.3), hidden=True),
    "something grave befalls people shortly before the rating": Held(draw=relapse(0.5), hidden=True),
    "no effect, a third rates as high as can be": Held(draw=at_the_top),
    "each telephone loses its own share of events": Held(draw=lost, hidden=True),
    "no effect, the app costs money from day 30": Held(draw=paywall),
    "who rates late is reminded": Held(draw=late_raters, hidden=True),
}
POPULATIONS.update(DOUBTS)
