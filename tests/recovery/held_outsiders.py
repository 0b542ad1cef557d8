"""Populations of apps in the field: roll-outs, follow-up of unequal length, sessions of unequal length, clocks.

Each names an unrelated feature, which is moved by leisure and by nothing else unless said; the rating does
nothing where `effect` is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from tests.recovery import held_starts  # noqa: F401  the order of populations is that of their seeds
from tests.recovery.held_doubts import whole
from tests.recovery.held_inventions import Draw, noise, unknown_truth
from tests.recovery.held_populations import (
    DAYS,
    DUE,
    LANDMARK,
    POPULATIONS,
    Drawn,
    Held,
    Table,
    standard,
)
from tests.recovery.held_strangers import CALENDAR, EFFECT, LARGE, NAMED, TRUE, Made, early_of, feature, told

WEEKS = DAYS // 7


def fading_use(
    rng: np.random.Generator, leisure: Table, score: Table, effect: float, pace: float = 0.18
) -> Table:
    """Sessions of each week, ever fewer, alike for all but for their leisure."""
    week = np.arange(WEEKS)[:, None]
    rate = np.exp(0.7 + 0.4 * leisure - pace * week + effect * score * (week >= LANDMARK // 7))
    return rng.poisson(rate)


def by_week(score: Table, use: Table, **more: Any) -> Drawn:
    return Drawn(
        score=score,
        sessions_before=use[: LANDMARK // 7].sum(axis=0),
        sessions_after=use[LANDMARK // 7 :].sum(axis=0),
        weekly=use,
        **more,
    )


def two_lengths(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Half are watched for eight weeks, half for twelve, all enrolled alike; use fades in all."""
        short = rng.random(m) < 0.5
        leisure = rng.standard_normal(m)
        score = 0.9 * short + 0.8 * rng.standard_normal(m)
        until = np.where(short, 56.0, float(DAYS))
        use = fading_use(rng, leisure, score, effect)
        use[8:, short] = 0
        days = {"observed_until_day": until}
        return by_week(
            score,
            use,
            until=until,
            enrolment=days,
            unrelated=feature(rng, leisure),
            **unknown_truth(m, effect),
        )

    return draw


def leavers_by_rating(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who rates low withdraws from the study sooner; use fades in all, and is as it is till then."""
        leisure = rng.standard_normal(m)
        score = rng.standard_normal(m)
        gone = np.floor(LANDMARK + 7 + rng.exponential(40 * np.exp(0.8 * score)))
        use = fading_use(rng, leisure, score, effect)
        seen = np.minimum(gone, DAYS)
        use[7 * np.arange(1, WEEKS + 1)[:, None] > seen] = 0
        days = {"withdrawn_day": np.where(gone < DAYS, gone, np.nan)}
        return by_week(
            score,
            use,
            until=seen,
            enrolment=days,
            unrelated=feature(rng, leisure),
            **unknown_truth(m, effect),
        )

    return draw


def platforms(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A new version reaches one platform three months before the other; the platform is held constant."""
        joined = np.floor(rng.uniform(0, 200, m))
        first = rng.random(m) < 0.5
        new = joined >= np.where(first, 60, 150)
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early + 1.1 * new + 0.7 * rng.standard_normal(m)
        line = -0.6 + 0.8 * leisure + 1.3 * new
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        names = np.where(first, "one", "other")
        return told(rng, score, before, line, effect, leisure, enrolment=days, covariates={"platform": names})

    return draw


def keen_on_new(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """From one day on the app rewards those who use it much: they rate higher and use more, others less."""
        joined = np.floor(rng.uniform(0, 200, m))
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        new = joined >= 100
        turned = np.where(new, 1.0, -0.6) * early
        score = 0.6 * turned + 0.7 * rng.standard_normal(m)
        line = 0.8 * turned + 0.5 * leisure
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        return told(rng, score, before, line, effect, leisure, enrolment=days)

    return draw


def moments(rng: np.random.Generator, before: Table, after: Table) -> pd.DataFrame:
    parts = []
    for number, start, days in ((before, 0, LANDMARK), (after, LANDMARK, DAYS - LANDMARK)):
        who = np.repeat(np.arange(len(number)), number.astype(int))
        parts.append(pd.DataFrame({"participant": who, "day": start + days * 0.99 * rng.random(len(who))}))
    return pd.concat(parts, ignore_index=True)


def long_stays(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """How long early sessions last, not how many there are, moves rating and later use."""
        leisure, depth = rng.standard_normal((2, m))
        before, _early = early_of(rng, leisure)
        before = 1 + before
        early = moments(rng, before, np.zeros(m, dtype=int))
        who = early["participant"].to_numpy()
        lasting = np.exp(2.5 + 0.7 * depth[who] + 0.4 * rng.standard_normal(len(who)))
        early["duration"] = np.clip(lasting, 1, 170)
        stays = standard(np.log(np.bincount(who, early["duration"], m) / before))
        score = 0.6 * stays + noise(rng, m, 0.6)
        drawn = told(rng, score, before, 0.6 * leisure + 0.9 * stays, effect, leisure)
        later = moments(rng, np.zeros(m, dtype=int), drawn.sessions_after).assign(duration=20.0)
        drawn.events = pd.concat([early, later], ignore_index=True)
        return drawn

    return draw


def second_week(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """What was done in the second week alone moves rating and later use."""
        use = rng.poisson(1.5 * rng.gamma(1.0, 1.0, (12, m)))
        leisure = rng.standard_normal(m)
        week = standard(np.log1p(use[1]))
        score = 0.6 * week + noise(rng, m, 0.6)
        drawn = told(rng, score, use[:4].sum(axis=0), 0.8 * week + 0.6 * leisure, effect, leisure)
        placed = rng.multinomial(1, np.full(8, 1 / 8), (m, DUE)) * (
            np.arange(DUE)[None, :, None] < drawn.sessions_after[:, None, None]
        )
        drawn.weekly = np.concatenate([use[:4], placed.sum(axis=1).T])
        return drawn

    return draw


def paused(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Some pause for twelve days in the second and third week and come back: they rate lower, use less."""
        away = rng.random(m) < 0.35
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure, 1.8)
        before = before + 2
        score = -0.9 * away + 0.8 * rng.standard_normal(m)
        drawn = told(rng, score, before, 0.3 + 0.7 * leisure - 1.2 * away, effect, leisure)
        events = moments(rng, before, drawn.sessions_after)
        who, day = events["participant"].to_numpy(), events["day"].to_numpy(copy=True)
        early = (day < LANDMARK) & away[who]
        day[early] = np.where(day[early] < 14, day[early] / 2, 19 + (day[early] - 14) * 9 / 14)
        drawn.events = events.assign(day=day)
        return drawn

    return draw


def lost_logs(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """The app breaks for one in six: they rate low, install it again, and later use counts for nobody."""
        broken = rng.random(m) < 1 / 6
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early - 1.0 * broken + 0.8 * rng.standard_normal(m)
        drawn = told(rng, score, before, 0.8 * leisure, effect, leisure)
        kept = np.where(broken, 0.2, 1.0)
        drawn.sessions_after = rng.binomial(drawn.sessions_after.astype(int), kept)
        assert drawn.unrelated is not None
        drawn.unrelated = rng.binomial(drawn.unrelated.astype(int), kept)
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def reminders_off(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who used little turns reminders off, is rarely asked for a rating, and comes less often."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        off = rng.random(m) < expit(-0.8 - 1.2 * early)
        score = 0.4 * early + noise(rng, m, 0.4)
        drawn = told(rng, score, before, 0.3 + 0.7 * leisure - 1.0 * off, effect, leisure)
        asked = rng.random(m) < np.where(off, expit(-1.0 + 1.0 * score), 0.85)
        drawn.score = np.where(asked, score, np.nan)
        return drawn

    return draw


def wrong_clocks(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A third of the devices have clocks that are up to five days fast or slow; early use moves rating and use."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure, 1.6)
        score = 0.5 * early + noise(rng, m, 0.5)
        drawn = told(rng, score, before, 0.5 * early + 0.5 * leisure, effect, leisure)
        events = moments(rng, before, drawn.sessions_after)
        off = np.where(rng.random(m) < 0.33, rng.uniform(-5, 5, m), 0.0)
        drawn.events = events.assign(
            day=np.clip(events["day"] + off[events["participant"].to_numpy()], 0.0, DAYS - 0.01)
        )
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


MADE: dict[str, tuple[Made, dict[str, Any], bool]] = {
    "half are watched for eight weeks, half for twelve, and use fades": (two_lengths, {}, False),
    "who rates low withdraws sooner, and use fades": (leavers_by_rating, {}, True),
    "a new version reaches one platform before the other": (
        platforms,
        {"study": {**CALENDAR, "covariates": ["platform"]}},
        False,
    ),
    "from one day on the app rewards much use": (keen_on_new, {"study": CALENDAR}, False),
    "how long early sessions last moves rating and use": (long_stays, {}, False),
    "the second week moves rating and use": (second_week, {}, False),
    "some paused and came back, which shows in part": (paused, {}, True),
    "who installs the app again is lost to the log": (lost_logs, {}, True),
    "who used little turns reminders off, and is rarely asked": (reminders_off, {}, True),
    "clocks of a third are days off": (wrong_clocks, {}, True),
}
MANY = ", 1,000 people"
WITH_EFFECT = tuple(MADE)[:7]
OUTSIDERS: dict[str, Held] = {}
for _name, (_made, _how, _hidden) in MADE.items():
    _both = {"study": NAMED, **_how}
    OUTSIDERS[_name] = Held(draw=_made(0.0), hidden=_hidden, **_both)
    OUTSIDERS[_name + MANY] = Held(draw=_made(0.0), hidden=_hidden, **_both | LARGE)
    if _name in WITH_EFFECT:
        OUTSIDERS[TRUE + _name] = Held(draw=_made(EFFECT), hidden=_hidden, **_both | LARGE)
POPULATIONS.update(OUTSIDERS)
