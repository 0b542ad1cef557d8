"""Populations in which studies of alliance and use go wrong; use is drawn without any upper bound.

Every population gives people with early use, a rating and later use, as a log of events of their own. They
are drawn many studies at a time, so that one reading of the log serves them all. In most of them the rating
does nothing. What drives rating and use alike is said by each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

Table = np.ndarray
LANDMARK, DAYS, DUE = 28, 84, 8
UNRELATED = "radio_played"


@dataclass(slots=True, kw_only=True)
class Drawn:
    """People of many studies, one entry each.

    `sessions_before`, `sessions_after`: counts without a bound. `until`: day after which nothing happens.
    """

    score: Table
    sessions_before: Table
    sessions_after: Table
    until: Table
    covariates: dict[str, Table] = field(default_factory=dict)
    enrolment: dict[str, Table] = field(default_factory=dict)
    # change of the expected units done by one unit of the score, where the score does something
    slope: Table | None = None
    # what the score is the mean of, shape (people, k), and the same slope by one unit of what they measure
    parts: Table | None = None
    latent_slope: Table | None = None
    # day of the first use; sessions of each week, shape (12, people), where the sums do not say it all
    begun: Table | None = None
    weekly: Table | None = None
    # sessions with moments of their own: participant (place), day and, where it matters, duration
    events: pd.DataFrame | None = None
    # uses of an unrelated feature after the landmark; active days before enrolment
    unrelated: Table | None = None
    earlier: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A population, the size of one study, and how its study file differs."""

    draw: Callable[[np.random.Generator, int, Table], Drawn]
    n: int = 300
    study: dict[str, Any] = field(default_factory=dict)
    hidden: bool = False  # nothing that was measured can take the confounding away
    note: str = ""


def base_study(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "id": "held",
        "title": "Held",
        "instrument": "dta",
        "waves": [{"id": 1, "day": 21, "opens": 21, "closes": 28}],
        "study_days": DAYS,
        "landmark": {"wave": 1, "day": LANDMARK},
        "intended_use": {
            "unit": "sessions",
            "amount": 12,
            "weeks": 12,
            "justification": "one session a week, 12 weeks",
        },
        "adherence": {
            "metric": "sessions",
            "threshold": 0.5,
            "justification": "half of the sessions at least",
        },
        "observed_until": DAYS,
        **changes,
    }


def logs(drawn: Drawn, rng: np.random.Generator) -> pd.DataFrame:
    """One event per session, at random moments of its period while the person was there, and the controls."""
    parts = [_sessions(drawn, rng)]
    for kind, number, start, days in (
        (UNRELATED, drawn.unrelated, LANDMARK, DAYS - LANDMARK),
        ("session_completed", drawn.earlier, -60, 60),
    ):
        if number is not None:
            who = np.repeat(np.arange(len(number)), number.astype(int))
            day = start + days * 0.99 * rng.random(len(who))
            parts.append(pd.DataFrame({"participant": who, "day": day, "kind": kind, "duration": 3.0}))
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _sessions(drawn: Drawn, rng: np.random.Generator) -> pd.DataFrame:
    ids = np.arange(len(drawn.score))
    if drawn.events is not None:
        return drawn.events.assign(kind="session_completed", **_lasting(drawn.events))
    if drawn.weekly is not None:
        return _by_week(drawn.weekly, rng)
    begun = np.zeros(len(ids)) if drawn.begun is None else drawn.begun
    before = np.repeat(ids, drawn.sessions_before.astype(int))
    after = np.repeat(ids, drawn.sessions_after.astype(int))
    early_end = np.minimum(drawn.until, LANDMARK)[before]
    late_end = np.minimum(drawn.until, DAYS)[after]
    day = np.concatenate(
        [
            begun[before] + rng.random(len(before)) * (early_end - begun[before]),
            LANDMARK + rng.random(len(after)) * np.maximum(late_end - LANDMARK, 1e-6),
        ]
    )
    who = np.concatenate([before, after])
    return pd.DataFrame({"participant": who, "day": day, "kind": "session_completed", "duration": 20.0})


def _lasting(events: pd.DataFrame) -> dict[str, Any]:
    return {} if "duration" in events else {"duration": 20.0}


def _by_week(weekly: Table, rng: np.random.Generator) -> pd.DataFrame:
    """Sessions at random moments of their weeks."""
    weeks, m = weekly.shape
    who = np.tile(np.arange(m), weeks)
    start = np.repeat(7.0 * np.arange(weeks), m)
    number = weekly.astype(int).ravel()
    day = np.repeat(start, number) + 7.0 * rng.random(int(number.sum()))
    who = np.repeat(who, number)
    return pd.DataFrame({"participant": who, "day": day, "kind": "session_completed", "duration": 20.0})


def beta_binomial(rng: np.random.Generator, p: Table, due: Any = DUE, rho: float = 0.3) -> Table:
    total = (1 - rho) / rho
    return rng.binomial(due, rng.beta(np.maximum(p * total, 1e-9), np.maximum((1 - p) * total, 1e-9)))


def counts(rng: np.random.Generator, mean: Table, alpha: float = 0.5) -> Table:
    """Counts with variance m + alpha m²."""
    return rng.poisson(mean * rng.gamma(1 / alpha, alpha, len(mean)))


def standard(x: Table) -> Table:
    return (x - x.mean()) / x.std()


def _null(
    rng: np.random.Generator,
    m: int,
    *,
    mean: float,
    shape: Callable[[Table], Table] = np.log1p,
    strength: float = 0.6,
    later: float = 0.8,
    effect: float = 0.0,
    unbounded: bool = False,
    zero: float = 0.0,
) -> Drawn:
    before = counts(rng, np.full(m, mean), 0.8)
    early = standard(shape(before.astype(float)))
    score = strength * early + np.sqrt(1 - strength**2) * rng.standard_normal(m)
    line = -0.2 + effect * score + later * early
    if unbounded:
        after = counts(rng, np.exp(1.6 + effect * score + 0.6 * np.minimum(early, 3.0)), 0.4)
    else:
        after = beta_binomial(rng, expit(line))
    if zero:
        after = np.where(rng.random(m) < zero, 0, after)
    slope = (1 - zero) * DUE * expit(line) * expit(-line) * effect
    until = np.full(m, float(DAYS))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=until, slope=slope)


def simple(**how: Any) -> Callable[[np.random.Generator, int, Table], Drawn]:
    return lambda rng, m, _study: _null(rng, m, **how)


def habit(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A lasting habit nobody measured drives early use, rating and later use."""
    h = rng.standard_normal(m)
    before = counts(rng, np.exp(1.0 + 0.6 * h), 0.3)
    score = 0.5 * h + np.sqrt(0.75) * rng.standard_normal(m)
    after = counts(rng, np.exp(1.4 + 0.6 * h), 0.3)
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=np.full(m, float(DAYS)))


def sicker(measured: bool) -> Callable[[np.random.Generator, int, Table], Drawn]:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Sicker people leave, and rate lower."""
        sick = rng.standard_normal(m)
        until = np.minimum(rng.exponential(120 * np.exp(-0.6 * sick)), DAYS)
        rate = counts(rng, np.full(m, 8.0), 0.3) / 8.0 * 0.2
        before = rng.poisson(rate * np.minimum(until, LANDMARK))
        after = rng.poisson(rate * np.maximum(until - LANDMARK, 0))
        score = -0.5 * sick + np.sqrt(0.75) * rng.standard_normal(m)
        score[until < 14] = np.nan
        given = {"severity": sick} if measured else {}
        return Drawn(score=score, sessions_before=before, sessions_after=after, until=until, covariates=given)

    return draw


def rolling(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """People enrol over 100 days, the log is exported on day 130, and later people rate higher."""
    joined = np.floor(rng.uniform(0, 100, m))
    seen = np.minimum(130.0 - joined, DAYS)
    rate = counts(rng, np.full(m, 8.0), 0.4) / 8.0 * 0.15
    before = rng.poisson(rate * np.minimum(seen, LANDMARK))
    after = rng.poisson(rate * np.maximum(seen - LANDMARK, 0))
    score = 0.6 * standard(joined) + 0.3 * standard(np.log1p(before)) + 0.7 * rng.standard_normal(m)
    score[seen < LANDMARK] = np.nan
    return Drawn(
        score=score,
        sessions_before=before,
        sessions_after=after,
        until=seen,
        enrolment={"enrolled_day": joined, "observed_until_day": seen},
    )


def trend(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """The app gets worse over a year of enrolment while people rate it ever lower."""
    joined = np.floor(rng.uniform(0, 365, m))
    before = counts(rng, np.full(m, 4.0), 0.5)
    score = -0.5 * standard(joined) + 0.8 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(0.2 - 0.7 * standard(joined) + 0.4 * standard(np.log1p(before))))
    return Drawn(
        score=score,
        sessions_before=before,
        sessions_after=after,
        until=np.full(m, float(DAYS)),
        enrolment={"enrolled_day": joined, "observed_until_day": np.full(m, float(DAYS))},
    )


def clinics(rng: np.random.Generator, m: int, study: Table) -> Drawn:
    """Twenty clinics, numbered, differ in ratings and in use."""
    place = rng.integers(0, 20, m)
    key = study * 20 + place
    size = int(key.max()) + 1
    ratings, use = rng.standard_normal(size)[key], rng.standard_normal(size)[key]
    before = counts(rng, np.exp(1.2 + 0.3 * use), 0.4)
    score = 0.5 * ratings + 0.85 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(0.6 * use + 0.5 * standard(np.log1p(before))))
    return Drawn(
        score=score,
        sessions_before=before,
        sessions_after=after,
        until=np.full(m, float(DAYS)),
        covariates={"clinic": place + 1},
    )


def withdrawing(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A third withdraws at random times, so that less was due of them."""
    gone = np.where(rng.random(m) < 0.33, np.floor(rng.uniform(10, DAYS, m)), np.nan)
    seen = np.where(np.isnan(gone), DAYS, gone)
    rate = counts(rng, np.full(m, 8.0), 0.5) / 8.0 * 0.12
    before = rng.poisson(rate * np.minimum(seen, LANDMARK))
    after = rng.poisson(rate * np.maximum(seen - LANDMARK, 0))
    score = 0.5 * standard(np.log1p(before)) + 0.85 * rng.standard_normal(m)
    return Drawn(
        score=score,
        sessions_before=before,
        sessions_after=after,
        until=seen,
        enrolment={"withdrawn_day": gone},
    )


def fed_back(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A lasting habit moves use; use so far, and nothing else of the habit, moves the rating."""
    h = rng.standard_normal(m)
    before = counts(rng, np.exp(1.2 + 0.6 * h), 0.3)
    score = 0.6 * standard(np.log1p(before)) + 0.8 * rng.standard_normal(m)
    after = counts(rng, np.exp(1.4 + 0.6 * h), 0.3)
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=np.full(m, float(DAYS)))


def recovering(told: bool) -> Callable[[np.random.Generator, int, Table], Drawn]:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A higher rating brings recovery sooner, and who recovers deletes the app; others leave at random."""
        rate = counts(rng, np.full(m, 8.0), 0.3) / 8.0 * 0.35
        before = rng.poisson(rate * LANDMARK)
        score = 0.4 * standard(np.log1p(before)) + 0.9 * rng.standard_normal(m)
        better = LANDMARK + rng.exponential(90 * np.exp(-0.6 * score))
        bored = LANDMARK + rng.exponential(110, m)
        until = np.minimum(np.minimum(better, bored), DAYS)
        after = rng.poisson(rate * (until - LANDMARK))
        reason = np.where(until >= DAYS, "", np.where(better < bored, "recovered", "bored"))
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=after,
            until=until,
            enrolment={"reason": reason} if told else {},
        )

    return draw


def often(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """Three sessions a week are intended, and few do as many."""
    before = counts(rng, np.full(m, 9.0), 0.6)
    score = 0.4 * standard(np.log1p(before)) + 0.9 * rng.standard_normal(m)
    p = expit(-1.0 + 0.6 * standard(np.log1p(before)))
    after = beta_binomial(rng, p, due=24)
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=np.full(m, float(DAYS)))


def with_error(effect: float) -> Callable[[np.random.Generator, int, Table], Drawn]:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Later use follows what four answers measure (reliability 0.7), not the answers."""
        before = counts(rng, np.full(m, 5.0), 0.8)
        true = rng.standard_normal(m)
        parts = true[:, None] + np.sqrt(4 * 0.3 / 0.7) * rng.standard_normal((m, 4))
        line = -0.2 + effect * true + 0.6 * standard(np.log1p(before))
        slope = DUE * expit(line) * expit(-line) * effect
        score = parts.mean(axis=1)
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=beta_binomial(rng, expit(line)),
            until=np.full(m, float(DAYS)),
            # of what the score measures a unit of it holds its reliability
            slope=slope * 0.7,
            parts=parts,
            latent_slope=slope,
        )

    return draw


def silent(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """Who rates low and will use little does not answer."""
    before = counts(rng, np.full(m, 4.0), 0.5)
    will = rng.standard_normal(m)
    score = 0.4 * standard(np.log1p(before)) + 0.9 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(0.8 * will + 0.5 * standard(np.log1p(before))))
    answered = rng.random(m) < expit(0.8 + 1.2 * score + 1.2 * will)
    return Drawn(
        score=np.where(answered, score, np.nan),
        sessions_before=before,
        sessions_after=after,
        until=np.full(m, float(DAYS)),
    )


def heavy(effect: float = 0.0, strength: float = 0.5) -> Callable[[np.random.Generator, int, Table], Drawn]:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A few people use the app a hundred times as much as most."""
        before = np.floor(np.minimum(np.exp(1.0 + 1.4 * rng.standard_normal(m)), 400.0))
        early = standard(np.log1p(before))
        score = strength * early + np.sqrt(1 - strength**2) * rng.standard_normal(m)
        line = 0.6 * early + effect * score
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=beta_binomial(rng, expit(line)),
            until=np.full(m, float(DAYS)),
            slope=DUE * expit(line) * expit(-line) * effect,
        )

    return draw


def weekly(effect: float = 0.0) -> Callable[[np.random.Generator, int, Table], Drawn]:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Most come once a week and go on so; the others come less and less."""
        steady = rng.random(m) < 0.6
        before = np.where(steady, 4, rng.binomial(4, 0.5, m))
        score = 0.5 * standard(before.astype(float)) + 0.85 * rng.standard_normal(m)
        line = -1.5 + 0.7 * before + effect * score
        after = rng.binomial(DUE, expit(line))
        slope = DUE * expit(line) * expit(-line) * effect
        until = np.full(m, float(DAYS))
        return Drawn(score=score, sessions_before=before, sessions_after=after, until=until, slope=slope)

    return draw


def seasons(days: int) -> Callable[[np.random.Generator, int, Table], Drawn]:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """In winter people rate lower and use less; they enrol all the year round."""
        joined = np.floor(rng.uniform(0, days, m))
        winter = np.cos(2 * np.pi * (joined - 20) / 365.25)
        before = counts(rng, np.full(m, 4.0), 0.5)
        score = -0.6 * winter + 0.8 * rng.standard_normal(m)
        after = beta_binomial(rng, expit(0.2 - 0.8 * winter + 0.4 * standard(np.log1p(before))))
        return Drawn(
            score=score,
            sessions_before=before,
            sessions_after=after,
            until=np.full(m, float(DAYS)),
            enrolment={"enrolled_day": joined, "observed_until_day": np.full(m, float(DAYS))},
        )

    return draw


def half_told(rng: np.random.Generator, m: int, study: Table) -> Drawn:
    """As where recovery ends use, but half of those who leave give no reason."""
    drawn = recovering(True)(rng, m, study)
    silent = rng.random(m) < 0.5
    drawn.enrolment["reason"] = np.where(silent, "", drawn.enrolment["reason"])
    return drawn


def quick(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A higher rating brings recovery; some people are quick to recover and quick to be bored alike."""
    rate = counts(rng, np.full(m, 8.0), 0.3) / 8.0 * 0.35
    before = rng.poisson(rate * LANDMARK)
    score = 0.4 * standard(np.log1p(before)) + 0.9 * rng.standard_normal(m)
    pace = rng.gamma(0.5, 2.0, m) + 0.05
    better = LANDMARK + rng.exponential(40 * np.exp(-0.9 * score)) / pace
    bored = LANDMARK + rng.exponential(60, m) / pace
    until = np.minimum(np.minimum(better, bored), DAYS)
    return Drawn(
        score=score,
        sessions_before=before,
        sessions_after=rng.poisson(rate * (until - LANDMARK)),
        until=until,
        enrolment={"reason": np.where(until >= DAYS, "", np.where(better < bored, "recovered", "bored"))},
    )


def feigned(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A hidden habit, and no effect, with the correlations, mean and variance of "true effect".

    The five numbers were found by least squares on 200,000 people each: correlations of the rating with use
    before and after, and of use before with use after, .59, .59 and .49 there and here.
    """
    h = rng.standard_normal(m)
    early = 0.861 * h + np.sqrt(1 - 0.861**2) * rng.standard_normal(m)
    pool = np.sort(counts(np.random.default_rng(0), np.full(20001, 5.0), 0.8))
    score = 0.706 * h + np.sqrt(1 - 0.706**2) * rng.standard_normal(m)
    return Drawn(
        score=score,
        sessions_before=pool[(norm.cdf(early) * 20001).astype(int)],
        sessions_after=beta_binomial(rng, expit(-0.212 + 1.319 * h), rho=0.242),
        until=np.full(m, float(DAYS)),
    )


POPULATIONS: dict[str, Held] = {
    "no effect, early use mostly as intended": Held(draw=simple(mean=2.0)),
    "no effect, early use far beyond": Held(draw=simple(mean=9.0)),
    "no effect, early use drives nearly everything": Held(draw=simple(mean=9.0, strength=0.85, later=1.6)),
    "no effect, as early use itself counts": Held(draw=simple(mean=9.0, shape=lambda x: np.minimum(x, 40.0))),
    "no effect, later use without bound": Held(draw=simple(mean=6.0, unbounded=True)),
    "no effect, a third never comes back": Held(draw=simple(mean=4.0, zero=0.33)),
    "no effect, 60 people": Held(draw=simple(mean=5.0), n=60),
    "no effect, 5,000 people": Held(draw=simple(mean=5.0), n=5000),
    "sicker people leave and rate lower, severity known": Held(
        draw=sicker(True), study={"covariates": ["severity"]}
    ),
    "sicker people leave and rate lower, severity hidden": Held(draw=sicker(False), hidden=True),
    "a hidden habit": Held(draw=habit, hidden=True),
    "rolling enrolment, export before the end": Held(draw=rolling, study={"observed_until": None}),
    "ratings and use fall over the year": Held(draw=trend, study={"observed_until": None}),
    "clinics, which no model knows of": Held(draw=clinics, hidden=True),
    "clinics, declared": Held(draw=clinics, study={"cluster": "clinic"}),
    "clinics, held constant by their numbers": Held(draw=clinics, study={"covariates": ["clinic"]}),
    "some withdraw, less was due": Held(draw=withdrawing),
    "silence depends on rating and on later use": Held(draw=silent, hidden=True),
    "early use moves the rating, a habit moves use": Held(draw=fed_back),
    "no effect, three sessions a week are intended": Held(
        draw=often,
        study={
            "intended_use": {
                "unit": "sessions",
                "amount": 36,
                "weeks": 12,
                "justification": "three sessions a week, 12 weeks",
            }
        },
    ),
    "recovery ends use, no reason is known": Held(draw=recovering(False), hidden=True),
    "recovery ends use, reasons are known": Held(
        draw=recovering(True), study={"ends_well": ["recovered"]}, hidden=True
    ),
    "a hidden habit, 5,000 people": Held(draw=habit, n=5000, hidden=True),
    "true effect": Held(draw=simple(mean=5.0, effect=0.35)),
    "true effect, a third never comes back": Held(draw=simple(mean=5.0, effect=0.35, zero=0.33)),
    "true effect, 60 people": Held(draw=simple(mean=5.0, effect=0.5), n=60),
    "true effect, 5,000 people": Held(draw=simple(mean=5.0, effect=0.15), n=5000),
    "true effect, rating apart from early use": Held(draw=simple(mean=5.0, effect=0.35, strength=0.0)),
    "true effect, rating nearly apart from early use, 5,000 people": Held(
        draw=simple(mean=5.0, effect=0.35, strength=0.1), n=5000
    ),
    "true effect of what the score measures with error": Held(draw=with_error(0.5)),
    "a hidden habit with the correlations of the true effect": Held(draw=feigned, hidden=True),
    "recovery ends use, half give no reason": Held(
        draw=half_told, study={"ends_well": ["recovered"]}, hidden=True
    ),
    "recovery ends use, the quick are quick in everything": Held(
        draw=quick, study={"ends_well": ["recovered"]}, hidden=True
    ),
    "no effect, a few use it a hundred times as much": Held(draw=heavy()),
    "no effect, most come once a week": Held(draw=weekly()),
    "ratings and use follow the seasons of a year": Held(draw=seasons(365), study={"observed_until": None}),
    "ratings and use follow the seasons of two years": Held(
        draw=seasons(730), study={"observed_until": None}
    ),
    "true effect, a few use it a hundred times as much": Held(draw=heavy(0.35, 0.0)),
    "true effect, most come once a week": Held(draw=weekly(0.35)),
}
