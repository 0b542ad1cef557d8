"""Populations with late starters, passing states, fading use, couples, testers and payers; no effect in any."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from tests.recovery.held_populations import (
    DAYS,
    LANDMARK,
    POPULATIONS,
    Drawn,
    Held,
    Table,
    beta_binomial,
    counts,
    standard,
)


def whole(m: int) -> Table:
    return np.full(m, float(DAYS))


def late_starters(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """Some begin weeks after enrolment: whatever is new is rated higher, and is used more for a while."""
    begun = np.where(rng.random(m) < 0.5, 0.0, rng.uniform(0, 24, m))
    fresh = standard(begun)
    rate = counts(rng, np.full(m, 6.0), 0.4) / 6.0 * 0.2
    before = rng.poisson(rate * (LANDMARK - begun))
    score = 0.5 * fresh + 0.85 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(-0.2 + 0.6 * fresh + 0.5 * standard(np.log1p(rate))))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m), begun=begun)


def passing_state(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A state that lasts for weeks moves use of the weeks before, the rating, and use of the weeks after."""
    state = rng.standard_normal((12, m))
    for week in range(1, 12):
        state[week] = 0.8 * state[week - 1] + 0.6 * state[week]
    use = rng.poisson(np.exp(-0.1 + 0.6 * state))
    score = 0.5 * state[3] + np.sqrt(0.75) * rng.standard_normal(m)
    return Drawn(
        score=score,
        sessions_before=use[:4].sum(axis=0),
        sessions_after=use[4:].sum(axis=0),
        until=whole(m),
        weekly=use,
    )


def fading(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """People fade at a pace of their own; whoever is fading rates lower, whatever the sum of use was."""
    level, pace = rng.standard_normal(m), np.abs(0.25 + 0.2 * rng.standard_normal(m))
    weeks = np.arange(12)[:, None]
    use = rng.poisson(np.exp(0.9 + 0.4 * level - pace * weeks))
    score = -0.5 * standard(pace) + np.sqrt(0.75) * rng.standard_normal(m)
    return Drawn(
        score=score,
        sessions_before=use[:4].sum(axis=0),
        sessions_after=use[4:].sum(axis=0),
        until=whole(m),
        weekly=use,
    )


def couples(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """Two and two live together: they rate alike and use it alike, for reasons of their own."""
    pair = np.arange(m) // 2
    rating, use = rng.standard_normal((2, int(pair.max()) + 1))[:, pair]
    before = counts(rng, np.exp(1.2 + 0.5 * use), 0.3)
    score = 0.8 * rating + 0.6 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(0.9 * use))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))


def testers(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """One account in twenty belongs to the team: the highest ratings, used every day until the launch."""
    team = rng.random(m) < 0.05
    before = np.where(team, 60 + rng.poisson(40, m), counts(rng, np.full(m, 4.0), 0.6))
    after = np.where(team, rng.binomial(8, 0.1, m), beta_binomial(rng, np.full(m, 0.5)))
    score = np.where(team, 2.5, 0.2 * standard(np.log1p(before)) + rng.standard_normal(m))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))


def payers(rng: np.random.Generator, m: int, _study: Table) -> Drawn:
    """A third paid for the year in the third week: they rate higher, and want their money's worth."""
    paid = rng.random(m) < 0.33
    before = counts(rng, np.full(m, 4.0), 0.5)
    score = 1.1 * (paid - 0.33) + 0.3 * standard(np.log1p(before)) + 0.8 * rng.standard_normal(m)
    after = beta_binomial(rng, expit(-0.4 + 1.2 * paid + 0.4 * standard(np.log1p(before))))
    return Drawn(score=score, sessions_before=before, sessions_after=after, until=whole(m))


STARTS: dict[str, Held] = {
    "late starters rate what is new higher, and use it more": Held(draw=late_starters, hidden=True),
    "a state that lasts for weeks moves rating and use": Held(draw=passing_state, hidden=True),
    "use fades at a pace of one's own, which moves the rating": Held(draw=fading, hidden=True),
    "couples rate alike and use alike": Held(draw=couples),
    "one account in twenty belongs to the team": Held(draw=testers),
    "a third paid for the year shortly before the rating": Held(draw=payers, hidden=True),
}
POPULATIONS.update(STARTS)
