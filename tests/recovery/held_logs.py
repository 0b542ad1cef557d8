"""Populations whose log or side tables hide something: new ids, withdrawal by use, columns lost by later use.

Each names an unrelated feature; the rating does nothing where `effect` is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from tests.recovery import held_outsiders
from tests.recovery.held_inventions import Draw, noise
from tests.recovery.held_outsiders import by_week, fading_use, moments
from tests.recovery.held_populations import DAYS, LANDMARK, POPULATIONS, Drawn, Held, standard
from tests.recovery.held_strangers import LARGE, NAMED, TRUE, early_of, feature, told

EFFECT = 0.5


def new_ids(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Any) -> Drawn:
        """The app breaks for one in six: they rate low, install it again, and go on under an id of their own."""
        broken = rng.random(m) < 1 / 6
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early - 1.0 * broken + 0.8 * rng.standard_normal(m)
        drawn = told(rng, score, before, 0.8 * leisure, effect, leisure)
        events = moments(rng, before, drawn.sessions_after)
        who, day = events["participant"].to_numpy(copy=True), events["day"].to_numpy()
        again = broken[who] & (day > LANDMARK + 7)
        who[again] += 10 * m  # ids that nobody enrolled has
        drawn.events = events.assign(participant=who)
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def low_use_withdraws(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Any) -> Drawn:
        """Who used little withdraws sooner, whatever the rating; early use moves the rating; use fades."""
        leisure = rng.standard_normal(m)
        use = fading_use(rng, leisure, np.zeros(m), 0.0)
        early = standard(np.log1p(use[: LANDMARK // 7].sum(axis=0).astype(float)))
        score = 0.5 * early + noise(rng, m, 0.5)
        use = use if not effect else fading_use(rng, leisure, score, effect)
        gone = np.floor(LANDMARK + 7 + rng.exponential(50 * np.exp(0.6 * leisure)))
        seen = np.minimum(gone, DAYS)
        use[7 * np.arange(1, len(use) + 1)[:, None] > seen] = 0
        days = {"withdrawn_day": np.where(gone < DAYS, gone, np.nan)}
        more = {"slope": None if not effect else np.full(m, np.nan)}
        return by_week(score, use, until=seen, enrolment=days, unrelated=feature(rng, leisure), **more)

    return draw


def told_by_the_keen(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Any) -> Drawn:
        """Age is asked for at the end: known of those who still use the app, or who rated high."""
        leisure = rng.standard_normal(m)
        before, early = early_of(rng, leisure)
        score = 0.3 * early + noise(rng, m, 0.3)
        drawn = told(rng, score, before, 0.3 + 0.9 * leisure, effect, leisure)
        age = rng.uniform(18, 75, m)
        late = standard(drawn.sessions_after.astype(float))
        known = rng.random(m) < expit(0.6 + 1.3 * late + 1.3 * score)
        drawn.covariates = {"age": np.where(known, age, np.nan)}
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


def agreeing(known: bool) -> Any:
    def made(effect: float) -> Draw:
        def draw(rng: np.random.Generator, m: int, _study: Any) -> Drawn:
            """A need moves ratings and use and leaves unrelated use alone; it colours an unrelated rating too."""
            leisure, need = rng.standard_normal((2, m))
            before, _early = early_of(rng, leisure)
            score = 0.5 * need + noise(rng, m, 0.5)
            other = 0.5 * need + noise(rng, m, 0.5)
            line = 0.2 + 0.9 * leisure + 1.0 * need
            drawn = told(rng, score, before, line, effect, leisure)
            drawn.covariates = {"telephone": other} if known else {}
            return drawn

        return draw

    return made


def alike_in_style(effect: float) -> Draw:
    def draw(rng: np.random.Generator, m: int, _study: Any) -> Drawn:
        """A way of answering moves the score and an unrelated rating, and no use."""
        leisure, style = rng.standard_normal((2, m))
        before, early = early_of(rng, leisure)
        alliance = 0.2 * early + noise(rng, m, 0.2)
        score = 0.85 * alliance + 0.5 * style
        other = 0.5 * style + noise(rng, m, 0.5)
        line = 0.9 * leisure
        drawn = told(rng, alliance, before, line, effect, leisure)
        drawn.score, drawn.covariates = score, {"telephone": other}
        drawn.slope = None if not effect else np.full(m, np.nan)
        return drawn

    return draw


RATED: dict[str, Any] = {"study": {**NAMED, "unrelated_rating": "telephone"}}
WITH_AGE: dict[str, Any] = {"study": {**NAMED, "covariates": ["age"], "numbers": ["age"]}}
MADE: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "who installs the app again goes on under a new id": (new_ids, {}, True),
    "who used little withdraws sooner, and use fades": (low_use_withdraws, {}, True),
    "age is known of those who stay or rate high": (told_by_the_keen, WITH_AGE, True),
    "a need moves rating, use and an unrelated rating": (agreeing(True), RATED, True),
    "a way of answering moves rating and unrelated rating": (alike_in_style, RATED, False),
}
MANY = held_outsiders.MANY
WITH_EFFECT = ("a way of answering moves rating and unrelated rating",)
LOGS: dict[str, Held] = {}
for _name, (_made, _how, _hidden) in MADE.items():
    _both = {"study": NAMED, **_how}
    LOGS[_name] = Held(draw=_made(0.0), hidden=_hidden, **_both)
    LOGS[_name + MANY] = Held(draw=_made(0.0), hidden=_hidden, **_both | LARGE)
    if _name in WITH_EFFECT:
        LOGS[TRUE + _name] = Held(draw=_made(EFFECT), hidden=_hidden, **_both | LARGE)
POPULATIONS.update(LOGS)
