"""Populations invented after all rules: fading, novelty, weeks, batches, selection, other units; with twins.

Most come twice: once the rating does nothing, once it does something to later use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import poisson

from tests.recovery.held_doubts import whole
from tests.recovery.held_populations import (
    DAYS,
    DUE,
    LANDMARK,
    POPULATIONS,
    Drawn,
    Held,
    Table,
    beta_binomial,
    counts,
    recovering,
    standard,
)

Draw = Callable[[np.random.Generator, int, Table], Drawn]
Made = Callable[[float], Draw]
EFFECT = 0.35
TRUE = "true effect, "
CALENDAR = {"observed_until": None}


def noise(rng: np.random.Generator, m: int, share: float) -> Table:
    return np.sqrt(1 - share**2) * rng.standard_normal(m)


def later(
    rng: np.random.Generator, line: Table, effect: float, score: Table, **drawn: Any
) -> tuple[Table, dict[str, Any]]:
    """Units of eight after the landmark, and what else is told of them."""
    line = line + effect * score
    slope = DUE * expit(line) * expit(-line) * effect
    return beta_binomial(rng, expit(line)), {"until": whole(len(line)), "slope": slope, **drawn}


def unknown_truth(m: int, effect: float) -> dict[str, Any]:
    """No slope where there is no effect; where there is one, its size in units has no simple form."""
    return {"slope": np.full(m, np.nan) if effect else None}


def by_weeks(rng: np.random.Generator, rate: Table, score: Table, use: Table, effect: float) -> Drawn:
    """Sessions of the weeks after the fourth, at a rate that the rating may raise; those before are given."""
    raised = rate[4:] * np.exp(effect * score)
    after = rng.poisson(raised)
    whole_rate = raised.sum(axis=0)
    return Drawn(
        score=score,
        sessions_before=use[:4].sum(axis=0),
        sessions_after=after.sum(axis=0),
        until=whole(len(score)),
        weekly=np.concatenate([use[:4], after]),
        slope=effect * whole_rate * poisson.cdf(DUE - 1, whole_rate),
    )


def fades_as_seen(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """All fade, the keen faster; the rating follows what was done in all."""
        level = rng.standard_normal(m)
        weeks = np.arange(12)[:, None]
        rate = np.exp(0.6 + 0.5 * level - np.maximum(0.08 + 0.06 * level, 0) * weeks)
        use = rng.poisson(rate)
        score = 0.5 * standard(np.log1p(use[:4].sum(axis=0))) + noise(rng, m, 0.5)
        return by_weeks(rng, rate, score, use, effect)

    return draw


def novelty(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who loves what is new uses it much at first and little later, and rates it high."""
        seeks = rng.standard_normal(m)
        weeks = np.arange(12)[:, None]
        rate = np.exp(0.1 + seeks * (0.6 * np.exp(-weeks / 1.5) - 0.25 * (weeks >= 4)))
        score = 0.4 * seeks + noise(rng, m, 0.4)
        return by_weeks(rng, rate, score, rng.poisson(rate), effect)

    return draw


def week_that_counts(which: int) -> Made:
    def made(effect: float) -> Draw:
        def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
            """One week before the landmark, which the log holds, moves rating and later use alike."""
            use = rng.poisson(1.5 * rng.gamma(1.0, 1.0, (12, m)))
            week = standard(np.log1p(use[which]))
            score = 0.6 * week + noise(rng, m, 0.6)
            after, told = later(rng, -0.2 + 0.8 * week, effect, score)
            placed = rng.multinomial(1, np.full(8, 1 / 8), (m, DUE)) * (
                np.arange(DUE)[None, :, None] < after[:, None, None]
            )
            weekly = np.concatenate([use[:4], placed.sum(axis=1).T])
            return Drawn(
                score=score,
                sessions_before=use[:4].sum(axis=0),
                sessions_after=after,
                weekly=weekly,
                **told,
            )

        return draw

    return made


def weekenders(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Four in ten come on two days of the week only, several times a day, and rate less."""
        weekend = rng.random(m) < 0.4
        before = counts(rng, np.full(m, 5.0), 0.6)
        early = standard(np.log1p(before))
        score = 0.5 * early - 0.3 * weekend + noise(rng, m, 0.5)
        after, told = later(rng, -0.2 + 0.6 * early, effect, score)
        parts = []
        for number, start, weeks in ((before, 0, 4), (after, LANDMARK, 8)):
            who = np.repeat(np.arange(m), number.astype(int))
            week = rng.integers(0, weeks, len(who))
            day = np.where(weekend[who], 5 + rng.integers(0, 2, len(who)), rng.integers(0, 7, len(who)))
            parts.append(pd.DataFrame({"participant": who, "day": start + 7.0 * week + day}))
        events = pd.concat(parts, ignore_index=True)
        events["day"] += rng.random(len(events)) * 0.99
        return Drawn(score=score, sessions_before=before, sessions_after=after, events=events, **told)

    return draw


def update(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """On one day of the calendar the app changes: whoever is asked after it rates higher, and uses more."""
        joined = np.floor(rng.uniform(0, 200, m))
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.3 * early + 0.8 * (joined + 21 >= 130) + 0.8 * rng.standard_normal(m)
        changed = np.clip((joined + DAYS - 130) / (DAYS - LANDMARK), 0, 1)
        after, told = later(rng, -0.6 + 0.4 * early + 1.2 * changed, effect, score)
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        return Drawn(score=score, sessions_before=before, sessions_after=after, enrolment=days, **told)

    return draw


def batches(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, study: Table) -> Drawn:
        """Twelve clinics enrol one after the other, each within three days; no column names them."""
        key = study * 12 + rng.integers(0, 12, m)
        size = int(key.max()) + 1
        rating, use = rng.standard_normal((2, size))[:, key]
        joined = 12.0 * (key % 12) + rng.integers(0, 3, m)
        before = counts(rng, np.exp(1.2 + 0.3 * use), 0.4)
        score = 0.6 * rating + 0.2 * standard(np.log1p(before)) + 0.75 * rng.standard_normal(m)
        after, told = later(rng, 0.7 * use + 0.4 * standard(np.log1p(before)), effect, score)
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        return Drawn(score=score, sessions_before=before, sessions_after=after, enrolment=days, **told)

    return draw


def holidays(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Three fortnights of a year in which people rate lower and use less."""
        joined = np.floor(rng.uniform(0, 330, m))
        away = sum(((joined >= day) & (joined < day + 14)).astype(float) for day in (60, 170, 300))
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.3 * early - 1.2 * away + 0.8 * rng.standard_normal(m)
        after, told = later(rng, 0.1 + 0.4 * early - 1.4 * away, effect, score)
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        return Drawn(score=score, sessions_before=before, sessions_after=after, enrolment=days, **told)

    return draw


def long_sessions(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Only after a long session is anyone asked; patience makes sessions long, and brings people back."""
        patience = rng.standard_normal(m)
        before = counts(rng, np.full(m, 5.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.4 * early + noise(rng, m, 0.4)
        asked = 1 - (1 - expit(-1 + 0.9 * patience + 0.5 * score)) ** before
        after, told = later(rng, -0.1 + 0.4 * early + 0.5 * patience, effect, score)
        score = np.where(rng.random(m) < asked, score, np.nan)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def careless(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """One in five ticks the middle throughout, and uses the app less before and after."""
        slack = rng.random(m) < 0.2
        before = counts(rng, np.exp(1.5 - 0.7 * slack), 0.5)
        early = standard(np.log1p(before))
        score = np.where(slack, 0.0, 0.3 + 0.4 * early + noise(rng, m, 0.4))
        after, told = later(rng, 0.1 + 0.5 * early - 0.7 * slack, effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def ceiling(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Half give the highest rating there is."""
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = np.minimum(np.round(4 * (4.9 + 0.2 * early + 0.8 * rng.standard_normal(m))) / 4, 5.0) - 4.5
        after, told = later(rng, -0.2 + 0.6 * early, effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def notified(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Early use comes of messages, which end at the landmark; need moves rating and later use."""
        follows, need = rng.standard_normal((2, m))
        before = counts(rng, np.exp(1.4 + 0.7 * follows + 0.15 * need), 0.2)
        score = 0.5 * need + noise(rng, m, 0.5)
        after, told = later(rng, -0.2 + 0.3 * follows + 0.8 * need, effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def shared(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A quarter share a telephone: the log holds two people's use, one of them rates."""
        other = rng.random(m) < 0.25
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.4 * early + noise(rng, m, 0.4)
        after, told = later(rng, -0.4 + 0.5 * early, effect, score)
        seen = after + np.where(other, rng.poisson(2.0, m), 0)
        told |= unknown_truth(m, effect)
        return Drawn(
            score=score,
            sessions_before=before + np.where(other, counts(rng, np.full(m, 2.0), 0.5), 0),
            sessions_after=seen,
            **told,
        )

    return draw


def minutes(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Minutes are intended; some stay for hours."""
        kind = rng.standard_normal(m)
        before = counts(rng, np.exp(1.2 + 0.4 * kind), 0.3)
        early = np.log1p(before)
        score = 0.4 * standard(early) + noise(rng, m, 0.4)
        after = counts(rng, np.exp(1.2 + 0.5 * standard(early) + effect * score), 0.3)
        parts = []
        for number, start, days in ((before, 0, LANDMARK), (after, LANDMARK, DAYS - LANDMARK)):
            who = np.repeat(np.arange(m), number.astype(int))
            parts.append(
                pd.DataFrame({"participant": who, "day": start + days * 0.98 * rng.random(len(who))})
            )
        events = pd.concat(parts, ignore_index=True)
        events["duration"] = np.minimum(np.exp(2.0 + 1.2 * rng.standard_normal(len(events))), 170.0)
        told = unknown_truth(m, effect)
        return Drawn(
            score=score, sessions_before=before, sessions_after=after, until=whole(m), events=events, **told
        )

    return draw


def either(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Four in ten never came; among them the rating follows hope, among the others what was done."""
        came = rng.random(m) < 0.6
        before = np.where(came, 1 + counts(rng, np.full(m, 5.0), 0.6), 0)
        early = np.where(came, standard(np.log1p(before)), 0.0)
        score = np.where(came, 0.3 + 0.7 * early, -0.4) + 0.8 * rng.standard_normal(m)
        after, told = later(rng, np.where(came, 0.4 + 0.9 * early, -1.2), effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def silent_leavers(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who will soon leave answers less often, whatever the rating would be."""
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.4 * early + noise(rng, m, 0.4)
        after, told = later(rng, -0.1 + 0.5 * early, effect, score)
        answered = rng.random(m) < expit(-0.6 + 0.45 * after)
        told |= unknown_truth(m, effect)
        score = np.where(answered, score, np.nan)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def installed_again(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """One in six installs the app again, is a new person to it, and rates once more."""
        early, rating, use = rng.standard_normal((3, m))
        twin = np.flatnonzero(rng.random(m) < 1 / 6)
        twin = twin[(twin > 0) & ~np.isin(twin - 1, twin)]
        for column in (early, rating, use):
            column[twin] = column[twin - 1]
        before = counts(rng, np.exp(1.2 + 0.6 * early), 0.2)
        score = 0.3 * standard(np.log1p(before)) + 0.7 * rating + 0.5 * rng.standard_normal(m)
        after, told = later(rng, 0.4 * standard(np.log1p(before)) + 0.8 * use, effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def unknown_severity(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Severity moves rating and use; of the most severe it is most often not known."""
        sick = rng.standard_normal(m)
        before = counts(rng, np.exp(1.4 - 0.2 * sick), 0.5)
        early = standard(np.log1p(before))
        score = 0.2 * early - 0.5 * sick + 0.8 * rng.standard_normal(m)
        after, told = later(rng, 0.4 * early - 0.6 * sick, effect, score)
        known = np.where(rng.random(m) < expit(-1.0 + 0.8 * sick), np.nan, sick)
        given = {"severity": known}
        return Drawn(score=score, sessions_before=before, sessions_after=after, covariates=given, **told)

    return draw


def recovering_unknown(rng: np.random.Generator, m: int, study: Table) -> Drawn:
    """A higher rating brings recovery, which ends use; of one in three a covariate is missing."""
    drawn = recovering(True)(rng, m, study)
    age = rng.standard_normal(m)
    drawn.covariates["age"] = np.where(rng.random(m) < 0.33, np.nan, age)
    return drawn


def exchanged(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Of one in six the rating of a later wave, which followed use, stands in the place of the first."""
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.3 * early + noise(rng, m, 0.3)
        after, told = later(rng, -0.1 + 0.5 * early, effect, score)
        other = 0.8 * standard(after.astype(float)) + noise(rng, m, 0.8)
        score = np.where(rng.random(m) < 1 / 6, other, score)
        told |= unknown_truth(m, effect)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def plans(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """From day 25 half are asked for three sessions a week, feel pressed, and rate lower."""
        pressed = rng.random(m) < 0.5
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.3 * early - 0.7 * pressed + 0.8 * rng.standard_normal(m)
        after, told = later(rng, -0.4 + 0.5 * early + 1.2 * pressed, effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


def forty(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Early use moves rating and later use; forty people."""
        before = counts(rng, np.full(m, 4.0), 0.5)
        early = standard(np.log1p(before))
        score = 0.5 * early + noise(rng, m, 0.5)
        after, told = later(rng, -0.2 + 0.7 * early, effect, score)
        return Drawn(score=score, sessions_before=before, sessions_after=after, **told)

    return draw


MINUTES = {
    "intended_use": {
        "unit": "minutes",
        "amount": 120,
        "weeks": 12,
        "justification": "ten minutes a week, 12 weeks",
    },
    "adherence": {
        "metric": "minutes",
        "threshold": 0.5,
        "justification": "half of the minutes at least",
    },
}
TWICE: dict[str, tuple[Made, dict[str, Any]]] = {
    "all fade, the keen faster": (fades_as_seen, {}),
    "the last week before the landmark moves rating and use": (week_that_counts(3), {}),
    "the first week moves rating and use": (week_that_counts(0), {}),
    "some come on two days of the week only": (weekenders, {}),
    "on one day the app changes for all": (update, {"study": CALENDAR}),
    "clinics enrol in batches, which no column names": (batches, {"study": CALENDAR}),
    "three fortnights of holidays": (holidays, {"study": CALENDAR}),
    "only after long sessions is anyone asked": (long_sessions, {}),
    "half rate as high as can be": (ceiling, {}),
    "a quarter share a telephone": (shared, {}),
    "minutes are intended, some stay for hours": (minutes, {"study": MINUTES}),
    "four in ten never came, and rate by hope": (either, {}),
    "who will soon leave does not answer": (silent_leavers, {}),
    "one in six installs the app again": (installed_again, {}),
    "severity is known of some": (unknown_severity, {"study": {"covariates": ["severity"]}}),
    "40 people": (forty, {"n": 40}),
}
HIDDEN: dict[str, tuple[Made, dict[str, Any]]] = {
    "who loves what is new rates it high and leaves": (novelty, {}),
    "one in five answers and uses carelessly": (careless, {}),
    "messages make early use, need makes rating and later use": (notified, {}),
    "one in six ratings is of a later wave": (exchanged, {}),
    "half are asked for more before the rating, and rate lower": (plans, {}),
}
INVENTIONS: dict[str, Held] = {}
for _name, (_made, _how) in TWICE.items():
    INVENTIONS[_name] = Held(draw=_made(0.0), **_how)
    INVENTIONS[TRUE + _name] = Held(draw=_made(EFFECT), **_how)
for _name, (_made, _how) in HIDDEN.items():
    INVENTIONS[_name] = Held(draw=_made(0.0), hidden=True, **_how)
INVENTIONS["recovery ends use, and a covariate is missing"] = Held(
    draw=recovering_unknown, study={"ends_well": ["recovered"], "covariates": ["age"]}, hidden=True
)
POPULATIONS.update(INVENTIONS)
