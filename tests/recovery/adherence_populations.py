"""People whose use after a landmark follows from their observed score in a known way.

Every outcome is drawn from the observed score and the observed adjustment columns, so that the effect each
model states is known exactly: the coefficient times the standard deviation of the score among those the
model is about. Scores are means of eight answers from 1 to 5 with a ceiling; who answers depends on use
before and on being idle; severity has gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.adherence.design.landmark import LandmarkDesign

Table = np.ndarray
DUE, BEFORE = 8.0, 4
DAYS, WEEKS = 56.0, 8
MIDDLE, SPREAD = 3.6, 0.7  # of the score


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Coefficients of the centred score, centred use before, severity (and context, and its product)."""

    constant: float
    score: float
    before: float
    severity: float
    context: float = 0.0
    product: float = 0.0

    def line(self, people: People) -> Table:
        """Linear predictor of everyone."""
        score = people.score - MIDDLE
        return (
            self.constant
            + (self.score + self.product * people.context) * score
            + self.before * (people.before - BEFORE / 2)
            + self.severity * people.severity
            + self.context * people.context
        )


USE = Effects(constant=-0.2, score=0.5, before=0.35, severity=-0.2)
COUNT = Effects(constant=2.2, score=0.35, before=0.2, severity=-0.1)
REACH = Effects(constant=-0.1, score=0.7, before=0.35, severity=-0.2)
LEAVE = Effects(constant=-4.4, score=-0.45, before=-0.2, severity=0.15)
GATE = Effects(constant=1.1, score=0.6, before=0.3, severity=0.0)
MODERATED_USE = Effects(constant=-0.2, score=0.5, before=0.35, severity=-0.2, context=0.3, product=0.25)
MODERATED_LEAVE = Effects(constant=-4.4, score=-0.45, before=-0.2, severity=0.15, context=-0.2, product=-0.2)
INTRACLASS, ALPHA, NEVER, WEIBULL = 0.35, 0.7, 0.25, 0.9


@dataclass(slots=True, kw_only=True)
class People:
    """Everyone enrolled, column by column."""

    score: Table
    before: Table
    severity: Table
    context: Table
    idle: Table
    answered: Table
    severity_known: Table
    outcome: dict[str, Table] = field(default_factory=dict)

    @property
    def analysed(self) -> Table:
        """Who has a score and every adjustment column."""
        return self.answered & self.severity_known


def enrol(rng: np.random.Generator, n: int, *, gaps: bool = True) -> People:
    """Draw people with everything that precedes the outcome."""
    habit = rng.standard_normal(n)
    p = expit(0.3 + 0.9 * habit)
    before = rng.binomial(BEFORE, rng.beta(4 * p, 4 * (1 - p))).astype(float)
    early = (before - BEFORE / 2) / 1.4
    severity = rng.standard_normal(n)
    latent = 0.35 * early - 0.15 * severity + 0.9 * rng.standard_normal(n)
    score = np.clip(np.round(8 * (MIDDLE + SPREAD * latent)) / 8, 1.0, 5.0)
    context = 0.4 * latent + np.sqrt(1 - 0.16) * rng.standard_normal(n)
    idle = rng.random(n) < expit(-1.6 - 0.9 * early)
    answered = rng.random(n) < expit(1.4 + 0.7 * early - 1.0 * idle)
    known = rng.random(n) > 0.1
    if not gaps:
        answered, known = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    return People(
        score=score,
        before=before,
        severity=severity,
        context=context,
        idle=idle,
        answered=answered,
        severity_known=known,
    )


def sessions(rng: np.random.Generator, p: Table) -> Table:
    """Beta-binomial sessions of those due."""
    total = (1 - INTRACLASS) / INTRACLASS
    return rng.binomial(int(DUE), rng.beta(p * total, (1 - p) * total)).astype(float)


def negative_binomial(rng: np.random.Generator, mean: Table) -> Table:
    """Counts with variance `m + alpha m²`."""
    return rng.poisson(mean * rng.gamma(1 / ALPHA, ALPHA, len(mean))).astype(float)


def above_zero(rng: np.random.Generator, mean: Table) -> Table:
    """The same counts given that they are not zero: zeros are drawn again."""
    out = negative_binomial(rng, mean)
    while (zero := out == 0).any():
        out[zero] = negative_binomial(rng, mean[zero])
    return out


def leaving(rng: np.random.Generator, line: Table) -> tuple[Table, Table]:
    """Whole days to leaving with proportional hazards, watched for eight weeks; a tenth withdraws earlier."""
    n = len(line)
    when = np.ceil((rng.exponential(size=n) / np.exp(line)) ** (1 / WEIBULL))
    end = np.where(rng.random(n) < 0.1, np.ceil(rng.uniform(0, DAYS, n)), DAYS)
    return np.minimum(when, end), when <= end


def landmark_design(people: People) -> LandmarkDesign:
    """The people as `relate_adherence` hands them to its models."""
    n = len(people.score)
    outcome = {
        "done": np.zeros(n),
        "active_days_after": np.zeros(n),
        "disengaged_after": np.full(n, DAYS),
        "disengaged": np.zeros(n, dtype=bool),
        "adherent_after": np.zeros(n, dtype=bool),
        **people.outcome,
    }
    frame = pd.DataFrame(
        {
            "score": np.where(people.answered, people.score, np.nan),
            "context": people.context,
            "use_before": people.before,
            "severity": np.where(people.severity_known, people.severity, np.nan),
            "at_risk": ~people.idle,
            "answered": people.answered,
            "due": np.full(n, DUE),
            **outcome,
        }
    )
    return LandmarkDesign(
        frame=frame[people.analysed].reset_index(drop=True),
        everyone=frame[people.severity_known].reset_index(drop=True),
        watched=frame,
        predictors=["score"],
        adjusters=["use_before", "severity"],
        flow=pd.DataFrame(),
        notes=[],
        wave="week3",
        day=28.0,
        due=DUE,
        unit="sessions",
    )
