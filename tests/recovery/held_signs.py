"""Populations in which something shows only to who asks: needs, badges, columns that nobody declared, two accounts.

Each names an unrelated feature and an unrelated rating (of the telephone); the rating does nothing where
`effect` is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from tests.recovery import held_logs
from tests.recovery.held_inventions import Draw, noise
from tests.recovery.held_logs import RATED
from tests.recovery.held_outsiders import moments
from tests.recovery.held_populations import POPULATIONS, Drawn, Held, Table, counts, standard
from tests.recovery.held_strangers import LARGE, TRUE, Made, early_of, told, whole

EFFECT = 0.5
SITES = 6


def phone(rng: np.random.Generator, m: int, style: Table | None = None) -> Table:
    """A rating of the telephone, by a way of answering where there is one."""
    return rng.standard_normal(m) if style is None else 0.6 * style + noise(rng, m, 0.6)


def need(own: float) -> Made:
    def made(effect: float) -> Draw:
        def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
            """A need moves rating and use, leaves the feature alone, and colours the unrelated rating or not."""
            leisure, needed = rng.standard_normal((2, m))
            before, _early = early_of(rng, leisure)
            score = 0.5 * needed + noise(rng, m, 0.5)
            line = 0.2 + 0.9 * leisure + needed
            other = own * needed + noise(rng, m, own)
            return told(rng, score, before, line, effect, leisure, covariates={"telephone": other})

        return draw

    return made


def by_style(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A way of answering is in both ratings and in no use; alliance is apart from early use."""
        leisure, style, alliance = rng.standard_normal((3, m))
        before = counts(rng, np.exp(1.6 + 0.7 * leisure), 0.2)
        drawn = told(rng, alliance, before, leisure, effect, leisure)
        drawn.score = np.sqrt(0.75) * alliance + 0.5 * style
        drawn.covariates = {"telephone": phone(rng, m, style)}
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def badge(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """The fifth session wins a badge: from there on people rate higher and use more."""
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure, 1.6)
        won = (before >= 5).astype(float)
        score = won + 0.8 * rng.standard_normal(m)
        line = 0.6 * leisure + 1.3 * won - 0.6
        return told(rng, score, before, line, effect, leisure, covariates={"telephone": phone(rng, m)})

    return draw


def sites(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Six sites enrol one after the other, with one of two versions, which moves rating and use."""
        site = rng.integers(0, SITES, m)
        joined = np.floor(20 * site + rng.uniform(0, 90, m))
        version = np.where(site % 2 == 0, 0.8, -0.8)
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early + 0.7 * version + 0.8 * rng.standard_normal(m)
        return told(
            rng,
            score,
            before,
            0.8 * leisure + 0.8 * version,
            effect,
            leisure,
            enrolment={"enrolled_day": joined, "observed_until_day": whole(m)},
            covariates={"telephone": phone(rng, m), "site": np.array([f"site {k}" for k in site])},
        )

    return draw


def paying(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A third pay: they rate higher and use more; of the others most do nothing any more."""
        pays = rng.random(m) < 0.35
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early + 0.9 * pays + 0.8 * rng.standard_normal(m)
        columns = {"telephone": phone(rng, m), "pays": np.where(pays, "yes", "no")}
        drawn = told(
            rng, score, before, 0.5 * leisure + 1.2 * pays - 0.4, effect, leisure, covariates=columns
        )
        drawn.sessions_after = np.where(~pays & (rng.random(m) < 0.6), 0, drawn.sessions_after)
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def two_accounts(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Some have a second account: it rates as the first did and is used as the first is."""
        second = rng.random(m) < 0.1
        second[0] = False
        owner = np.where(second & ~np.roll(second, 1), np.arange(m) - 1, np.arange(m))
        leisure, rating, own = (column[owner] for column in rng.standard_normal((3, m)))
        before, _early = early_of(rng, leisure)
        score = 0.95 * rating + 0.3 * rng.standard_normal(m)
        line = 0.6 * leisure + 1.3 * own
        return told(rng, score, before, line, effect, leisure, covariates={"telephone": phone(rng, m)})

    return draw


def heavy_tails(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Early use has tails of Student's t with two degrees of freedom, up to 2,000 sessions."""
        leisure = rng.standard_normal(m)
        before = np.floor(np.minimum(np.exp(0.5 + 0.9 * leisure + 1.2 * rng.standard_t(2, m)), 2000))
        early = standard(np.log1p(before))
        score = 0.6 * early + noise(rng, m, 0.6)
        line = 0.6 * leisure + 0.6 * early
        return told(rng, score, before, line, effect, leisure, covariates={"telephone": phone(rng, m)})

    return draw


def asked_by_both(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who rates high and uses much later, or neither, answers: silence hangs on the two together."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early + noise(rng, m, 0.3)
        drawn = told(rng, score, before, 0.9 * leisure, effect, leisure)
        late = standard(drawn.sessions_after.astype(float))
        drawn.score = np.where(rng.random(m) < expit(0.4 + 1.5 * late * score), score, np.nan)
        drawn.covariates = {"telephone": phone(rng, m)}
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def when_used(at_night: bool) -> Made:
    def made(effect: float) -> Draw:
        def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
            """What share of early use falls into nights, or weekends, moves rating and later use."""
            leisure = rng.standard_normal(m)
            before, _early = early_of(rng, leisure, 1.8)
            before = before + 2
            joined = np.floor(rng.uniform(0, 100, m))
            who = np.repeat(np.arange(m), before.astype(int))
            then = rng.random(len(who)) < rng.random(m)[who]
            week = 7 * rng.integers(0, 4, len(who))
            if at_night:
                day = week + rng.integers(0, 7, len(who))
                within = np.where(then, rng.uniform(0, 0.2, len(who)), rng.uniform(0.35, 0.95, len(who)))
            else:
                of_week = np.where(then, rng.integers(5, 7, len(who)), rng.integers(0, 5, len(who)))
                day = week + (of_week - joined[who]) % 7
                within = 0.99 * rng.random(len(who))
            share = standard(np.bincount(who, then, m) / before)
            score = 0.6 * share + 0.75 * rng.standard_normal(m)
            drawn = told(
                rng,
                score,
                before,
                0.6 * leisure + 0.9 * share,
                effect,
                leisure,
                enrolment={"enrolled_day": joined, "observed_until_day": whole(m)},
                covariates={"telephone": phone(rng, m)},
            )
            later = moments(rng, np.zeros(m, dtype=int), drawn.sessions_after)
            early = pd.DataFrame({"participant": who, "day": day + within})
            drawn.events = pd.concat([early, later], ignore_index=True)
            return drawn

        return draw

    return made


CALENDAR: dict[str, Any] = {"study": {**RATED["study"], "observed_until": None}}
WITH_SITE: dict[str, Any] = {"study": {**CALENDAR["study"], "covariates": ["site"]}}
WITH_PAY: dict[str, Any] = {"study": {**RATED["study"], "covariates": ["pays"]}}
MADE: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "a way of answering is in both ratings": (by_style, RATED, False),
    "a need moves rating and use, the unrelated rating is of no kin": (need(0.0), RATED, True),
    "a need moves rating and use, and a little the unrelated rating": (need(0.2), RATED, True),
    "the fifth session wins a badge": (badge, RATED, False),
    "sites have versions of their own, which are declared": (sites, WITH_SITE, False),
    "sites have versions of their own, which nobody declared": (sites, CALENDAR, True),
    "a third pay, which is declared": (paying, WITH_PAY, False),
    "a third pay, which nobody declared": (paying, RATED, True),
    "some have two accounts": (two_accounts, RATED, True),
    "early use has heavy tails": (heavy_tails, RATED, False),
    "who answers hangs on rating and later use together": (asked_by_both, RATED, True),
    "use by night moves rating and later use": (when_used(True), CALENDAR, False),
    "use at weekends moves rating and later use": (when_used(False), CALENDAR, False),
}
MANY = held_logs.MANY
STYLE = "a way of answering is in both ratings"
WITH_EFFECT = (STYLE, "the fifth session wins a badge", "a third pay, which is declared")
SIGNS: dict[str, Held] = {}
for _name, (_made, _how, _hidden) in MADE.items():
    SIGNS[_name] = Held(draw=_made(0.0), hidden=_hidden, **_how)
    SIGNS[_name + MANY] = Held(draw=_made(0.0), hidden=_hidden, **_how | LARGE)
    if _name in WITH_EFFECT:
        SIGNS[TRUE + _name] = Held(draw=_made(EFFECT), hidden=_hidden, **_how | LARGE)
POPULATIONS.update(SIGNS)
