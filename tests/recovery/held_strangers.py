"""Populations by a hostile epidemiologist: each names an unrelated feature, so that a claim can be made and be wrong.

What is at fault lies in who is asked and when, in columns that are known but not taken as they work, in the
log, or in the answers. The feature is moved by leisure, which moves all use, and by nothing else unless said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from tests.recovery.held_doubts import slope, whole
from tests.recovery.held_inventions import Draw, noise, unknown_truth
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

Made = Callable[[float], Draw]
EFFECT = 0.5
TRUE = "true effect, "
NAMED: dict[str, Any] = {"unrelated_kind": UNRELATED}
CALENDAR = {**NAMED, "observed_until": None}


def feature(rng: np.random.Generator, leisure: Table) -> Table:
    return counts(rng, np.exp(1.4 + 0.8 * leisure), 0.1)


def early_of(rng: np.random.Generator, leisure: Table, mean: float = 1.3) -> tuple[Table, Table]:
    before = counts(rng, np.exp(mean + 0.5 * leisure), 0.5)
    return before, standard(np.log1p(before))


def told(
    rng: np.random.Generator,
    score: Table,
    before: Table,
    line: Table,
    effect: float,
    leisure: Table,
    **more: Any,
) -> Drawn:
    """Use after the landmark by a line that the score may raise."""
    line = line + effect * score
    return Drawn(
        score=score,
        sessions_before=before,
        sessions_after=beta_binomial(rng, expit(line)),
        until=whole(len(score)),
        **{"slope": slope(line, effect), "unrelated": feature(rng, leisure), **more},
    )


def by_mood(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Asked only after a session; the mood of the day makes it long, colours the rating, and is gone."""
        leisure, mood = rng.standard_normal((2, m))
        before, early = early_of(rng, leisure)
        score = 0.3 * early + 0.5 * mood + noise(rng, m, 0.6)
        asked = rng.random(m) < 1 - (1 - expit(-0.5 + 0.9 * mood)) ** before
        line = 0.4 * early + 0.9 * leisure
        drawn = told(rng, score, before, line, effect, leisure)
        drawn.score = np.where(asked, score, np.nan)
        return drawn

    return draw


def reminded(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who rates low gets a message a week after the landmark, which brings them back for a while."""
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure)
        score = rng.standard_normal(m)
        line = 0.9 * leisure + 1.2 * (score < -0.3)
        # What the rating does through the message has no one size for a unit of it.
        return told(rng, score, before, line, effect, leisure, slope=np.full(m, np.nan))

    return draw


def another_scale(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """From one day on a new version asks with seven steps in the place of five, and is used more."""
        joined = np.floor(rng.uniform(0, 200, m))
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        new = joined + 21 >= 120
        alliance = 0.3 * early + noise(rng, m, 0.3)
        score = np.where(new, 4.6 + 1.3 * alliance, 3.4 + 0.8 * alliance)
        line = -0.4 + 0.9 * leisure + 0.8 * new + effect * alliance
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        drawn = told(rng, score, before, line, 0.0, leisure, enrolment=days)
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def weekdays(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """On working days a nurse enrols, at weekends people enrol themselves: they rate lower and use less."""
        joined = np.floor(rng.uniform(0, 150, m))
        alone = joined % 7 >= 5
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure)
        score = 0.8 * rng.standard_normal(m) - 1.0 * alone
        line = 0.3 + 0.9 * leisure - 1.4 * alone
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        return told(rng, score, before, line, effect, leisure, enrolment=days)

    return draw


def households(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, study: Table) -> Drawn:
        """Two of a household rate alike and use alike; a column names it, which nobody declared."""
        home = np.arange(m) // 2
        size = int(home.max()) + 1
        rating, use = rng.standard_normal((2, size))[:, home]
        leisure = 0.7 * use + noise(rng, m, 0.7)
        before, _early = early_of(rng, leisure)
        score = 0.9 * rating + 0.4 * rng.standard_normal(m)
        line = 0.5 * leisure + 1.3 * use
        names = np.array([f"home {k}" for k in home])
        return told(rng, score, before, line, effect, leisure, covariates={"household": names})

    return draw


def rated_late(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A quarter answer two weeks after the landmark; the rating then follows what was done meanwhile."""
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure)
        first = rng.standard_normal(m)
        drawn = told(rng, first, before, 0.9 * leisure, effect, leisure)
        late = rng.random(m) < 0.25
        done = 0.7 * standard(drawn.sessions_after.astype(float)) + noise(rng, m, 0.7)
        drawn.score = np.where(late, done, first)
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def sent_on_sundays(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Telephones send what was done up to a week later: some of it is stamped after the landmark."""
        leisure = rng.standard_normal(m)
        keen = counts(rng, np.exp(0.4 * leisure), 0.3)[None, :] + rng.poisson(0.5, (12, m))
        score = 0.5 * standard(np.log1p(keen[:4].sum(axis=0))) + noise(rng, m, 0.5)
        after = rng.poisson(np.exp(-0.3 + 0.6 * leisure + effect * score)[None, :], (8, m))
        true = np.concatenate([keen[:4], after])
        late = rng.binomial(true, 0.5)
        seen = true - late
        seen[1:] += late[:-1]
        return Drawn(
            score=score,
            sessions_before=seen[:4].sum(axis=0),
            sessions_after=seen[4:].sum(axis=0),
            until=whole(m),
            weekly=seen,
            unrelated=feature(rng, leisure),
            **unknown_truth(m, effect),
        )

    return draw


def robots(plays: bool) -> Made:
    def made(effect: float) -> Draw:
        def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
            """Eight of a hundred accounts are scripts: every day a session, the highest rating."""
            script = rng.random(m) < 0.08
            leisure = rng.standard_normal(m)
            before, _early = early_of(rng, leisure)
            score = rng.standard_normal(m)
            drawn = told(rng, score, before, 0.9 * leisure, effect, leisure)
            drawn.score = np.where(script, 2.0, np.minimum(score, 2.0))
            drawn.sessions_before = np.where(script, 28, before)
            drawn.sessions_after = np.where(script, 56, drawn.sessions_after)
            if not plays:
                drawn.unrelated = np.where(script, 0, drawn.unrelated)
            drawn.slope = None if not effect else np.full(m, np.nan)
            return drawn

        return draw

    return made


def at_the_top(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Half give the highest rating; early use moves rating and later use."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        raw = 5.0 + 0.5 * early + 0.8 * rng.standard_normal(m)
        score = np.minimum(np.round(4 * raw) / 4, 5.0) - 4.5
        return told(rng, score, before, 0.7 * early + 0.6 * leisure, effect, leisure)

    return draw


def hasty(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """The score is the mean of what was answered; who used little skips the hard items, which come last."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        alliance = noise(rng, m, 0.0)
        items = alliance[:, None] - np.array([-0.8, -0.5, 0.0, 0.2, 0.9, 1.2]) + rng.standard_normal((m, 6))
        skipped = rng.random((m, 6)) < expit(-1.5 - 0.9 * early)[:, None] * np.array([0, 0, 0, 1, 1, 1])
        score = np.nanmean(np.where(skipped, np.nan, items), axis=1)
        drawn = told(rng, alliance, before, 0.6 * early + 0.7 * leisure, effect, leisure)
        drawn.score = score
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def moved_control(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """The alliance moves use of the feature as well: the control is none."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early + noise(rng, m, 0.3)
        return told(
            rng, score, before, 0.9 * leisure, effect, leisure, unrelated=feature(rng, leisure + 0.5 * score)
        )

    return draw


def instead(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A hidden need moves rating and use; of the feature it leaves use as it was."""
        leisure, need = rng.standard_normal((2, m))
        before, _early = early_of(rng, leisure)
        score = 0.5 * need + noise(rng, m, 0.5)
        line = 0.2 + 0.9 * leisure + 1.0 * need
        return told(rng, score, before, line, effect, leisure)

    return draw


def followed_score(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Time runs backwards: the score of everyone was asked of after use, by two weeks, for all."""
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure)
        drawn = told(rng, np.zeros(m), before, 0.9 * leisure, 0.0, leisure)
        done = standard(drawn.sessions_after.astype(float))
        drawn.score = 0.35 * done + noise(rng, m, 0.35)
        drawn.slope = None
        return drawn

    return draw


def curved_age(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """The young and the old rate higher and use more than those between; age is held constant."""
        leisure = rng.standard_normal(m)
        age = rng.uniform(18, 75, m)
        bend = standard((age - 46) ** 2)
        before, _early = early_of(rng, leisure)
        score = 0.6 * bend + 0.75 * rng.standard_normal(m)
        line = 0.9 * leisure + 0.9 * bend
        return told(rng, score, before, line, effect, leisure, covariates={"age": age})

    return draw


def two_devices(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """On telephones early use raises rating and later use, on tablets it lowers both; the device is held."""
        leisure = rng.standard_normal(m)
        tablet = rng.random(m) < 0.5
        before, early = early_of(rng, leisure)
        turned = np.where(tablet, -1.0, 1.0) * early
        score = 0.6 * turned + 0.7 * rng.standard_normal(m)
        line = 0.9 * turned + 0.5 * leisure
        names = np.where(tablet, "tablet", "telephone")
        return told(rng, score, before, line, effect, leisure, covariates={"device": names})

    return draw


def many_columns(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Forty-eight people and a dozen columns held constant, some skewed, some rare."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        parts = rng.standard_normal((12, m))
        parts[:4] = np.exp(1.2 * parts[:4])
        parts[4:8] = parts[4:8] > 1.0
        score = 0.3 * early + 0.2 * standard(parts[0]) + 0.2 * parts[9] + 0.8 * rng.standard_normal(m)
        line = 0.6 * leisure + 0.3 * standard(parts[0]) + 0.4 * parts[9]
        return told(
            rng, score, before, line, effect, leisure, covariates={f"x{k}": parts[k] for k in range(12)}
        )

    return draw


def paydays(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """Who enrols in the first days of a month, when the insurer writes, rates higher and uses more."""
        joined = np.floor(rng.uniform(0, 180, m))
        written = joined % 30 < 5
        leisure = rng.standard_normal(m)
        before, _early = early_of(rng, leisure)
        score = 1.0 * written + 0.8 * rng.standard_normal(m)
        line = -0.3 + 0.9 * leisure + 1.4 * written
        days = {"enrolled_day": joined, "observed_until_day": whole(m)}
        return told(rng, score, before, line, effect, leisure, enrolment=days)

    return draw


def left_before(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
        """A tenth have left for good before the landmark, most of them unhappy; some of them still answer."""
        leisure = rng.standard_normal(m)
        gone = rng.random(m) < 0.25
        before, early = early_of(rng, leisure)
        score = 0.3 * early - 0.9 * gone + noise(rng, m, 0.4)
        answers = ~gone | (rng.random(m) < 0.4)
        drawn = told(rng, score, before, 0.3 + 0.9 * leisure, effect, leisure)
        drawn.sessions_after = np.where(gone, 0, drawn.sessions_after)
        drawn.unrelated = np.where(gone, 0, drawn.unrelated)
        drawn.score = np.where(answers, score, np.nan)
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


LARGE = {"n": 1000}
MADE: dict[str, tuple[Made, dict[str, Any], bool]] = {
    "asked after sessions that a mood makes long": (by_mood, {}, False),
    "who rates low gets a message": (reminded, {}, True),
    "a new version asks with more steps": (another_scale, {"study": CALENDAR}, False),
    "at weekends people enrol themselves": (weekdays, {"study": CALENDAR}, False),
    "two of a household, named by an undeclared column": (households, {}, True),
    "a quarter answer two weeks after the landmark": (rated_late, {}, True),
    "telephones send up to a week later": (sent_on_sundays, {}, True),
    "eight accounts of a hundred are scripts, which use everything": (robots(True), {}, True),
    "eight accounts of a hundred are scripts, which leave the feature alone": (robots(False), {}, True),
    "half rate as high as can be, unrelated use is known": (at_the_top, {}, False),
    "the hard items are skipped by who used little": (hasty, {}, False),
    "the alliance moves the unrelated feature": (moved_control, {}, False),
    "a need moves rating and use, and leaves unrelated use alone": (instead, {}, True),
    "all answer after the use": (followed_score, {}, True),
    "the young and the old rate higher and use more": (
        curved_age,
        {"study": {**NAMED, "covariates": ["age"]}},
        False,
    ),
    "early use works otherwise on tablets": (
        two_devices,
        {"study": {**NAMED, "covariates": ["device"]}},
        False,
    ),
    "48 people, a dozen columns held constant": (
        many_columns,
        {"n": 48, "study": {**NAMED, "covariates": [f"x{k}" for k in range(12)]}},
        False,
    ),
    "the first days of a month": (paydays, {"study": CALENDAR}, False),
    "some have left and still answer": (left_before, {}, True),
}
STRANGERS: dict[str, Held] = {}
MANY = ", 1,000 people"
ALONE = ", and leaves unrelated use alone"


def _large(name: str) -> str:
    """Names end in what a claim may pass, where it may."""
    return name.removesuffix(ALONE) + MANY + (ALONE if name.endswith(ALONE) else "")


# At 1,000 people a claim is made where there is nothing, or where there is something, if ever.
TOO = (
    "at weekends people enrol themselves",
    "the young and the old rate higher and use more",
    "early use works otherwise on tablets",
    "a need moves rating and use" + ALONE,
    "who rates low gets a message",
)
WITH_EFFECT = (
    *TOO[:3],
    "the first days of a month",
    "a new version asks with more steps",
    "the alliance moves the unrelated feature",
    "the hard items are skipped by who used little",
)
for _name, (_made, _how, _hidden) in MADE.items():
    _both = {"study": NAMED, **_how}
    STRANGERS[_name] = Held(draw=_made(0.0), hidden=_hidden, **_both)
    if _name in TOO:
        STRANGERS[_large(_name)] = Held(draw=_made(0.0), hidden=_hidden, **_both | LARGE)
    if _name in WITH_EFFECT:
        STRANGERS[TRUE + _name] = Held(draw=_made(EFFECT), hidden=_hidden, **_both | LARGE)
POPULATIONS.update(STRANGERS)
