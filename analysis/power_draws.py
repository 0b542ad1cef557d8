"""One replication of a planned study: draw it from assumptions, analyse it, give a line of numbers.

Nothing here depends on how many processes run or on a linear algebra library: each replication has its
own seed, sums are taken in one order, and the three normal equations are solved by elimination.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is supposed of a study that has not been done.

    `effect` is the log odds of a due unit per standard deviation of true alliance; `reliability` that
    of the mean of the ratings; `answered` the share who answer at the landmark; `left` the share of
    those who had left by then and do nothing more; `done` the share of due units done by an average
    person who has not left; `spread` the intraclass correlation of units within a person; `earlier` the
    log odds per standard deviation of use before; `before_alliance` the correlation of use before with
    true alliance.
    """

    effect: float
    reliability: float
    answered: float
    left: float
    done: float
    spread: float
    earlier: float
    before_alliance: float
    due_before: int
    due_after: int
    alpha: float


def replicate(seeds: list[np.random.SeedSequence], n: int, truth: Assumptions) -> Floats:
    """Draw and analyse one study per seed.

    Returns
    -------
    array, shape (len(seeds), 4)
        Estimate, standard error, p value, people analysed; NaN where the model could not be estimated.
    """
    return np.array([_once(np.random.default_rng(seed), n, truth) for seed in seeds])


def _once(rng: np.random.Generator, n: int, truth: Assumptions) -> tuple[float, float, float, float]:
    alliance = rng.standard_normal(n)
    score = np.sqrt(truth.reliability) * alliance + np.sqrt(1 - truth.reliability) * rng.standard_normal(n)
    own = truth.before_alliance
    habit = own * alliance + np.sqrt(1 - own**2) * rng.standard_normal(n)
    base = np.log(truth.done / (1 - truth.done))
    before = _units(rng, base + habit, truth.due_before, truth.spread)
    logit = base + truth.effect * alliance + truth.earlier * habit
    after = _units(rng, logit, truth.due_after, truth.spread)
    gone = rng.random(n) < truth.left
    done = np.where(gone, 0, after).astype(float)
    here = rng.random(n) < truth.answered
    return _analyse(score[here], before[here].astype(float), done[here], float(truth.due_after))


def _units(rng: np.random.Generator, logit: Floats, due: int, spread: float) -> NDArray[np.int64]:
    """Beta-binomial counts with mean `expit(logit)` and the given intraclass correlation."""
    p = 1 / (1 + np.exp(-logit))
    if spread > 0:
        total = (1 - spread) / spread
        p = rng.beta(p * total, (1 - p) * total)
    return rng.binomial(due, p)


def _analyse(score: Floats, before: Floats, done: Floats, due: float) -> tuple[float, float, float, float]:
    """Logit with overdispersion of done on the score (per standard deviation), adjusted for use before."""
    n = len(done)
    failed = (np.nan, np.nan, np.nan, float(n))
    if n < 10 or np.ptp(score) == 0 or np.ptp(done) == 0:
        return failed
    columns = [np.ones(n), _scaled(score)]
    if np.ptp(before) > 0:
        columns.append(_scaled(before))
    k = len(columns)
    beta = np.zeros(k)
    share = done.mean() / due
    beta[0] = np.log(share / (1 - share)) if 0 < share < 1 else 0.0
    for _ in range(STEPS):
        eta = sum(b * c for b, c in zip(beta, columns, strict=True))
        p = 1 / (1 + np.exp(-np.clip(eta, -30, 30)))
        weight = due * p * (1 - p)
        score_vector = np.array([(c * (done - due * p)).sum() for c in columns])
        information = np.array([[(a * b * weight).sum() for b in columns] for a in columns])
        inverse = _inverse(information)
        if inverse is None:
            return failed
        step = (inverse * score_vector).sum(axis=1)
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    else:
        return failed
    if np.abs(beta).max() > 15:
        return failed
    dispersion = float(((done - due * p) ** 2 / weight).sum() / (n - k))
    se = float(np.sqrt(dispersion * inverse[1, 1]))
    return float(beta[1]), se, float(2 * stats.t.sf(abs(beta[1]) / se, n - k)), float(n)


def _scaled(column: Floats) -> Floats:
    centred = column - column.mean()
    return np.asarray(centred / np.sqrt((centred**2).sum() / (len(column) - 1)))


def _inverse(matrix: Floats) -> Floats | None:
    """Inverse of a small positive definite matrix by Gauss-Jordan elimination."""
    k = len(matrix)
    work = np.concatenate([matrix, np.eye(k)], axis=1)
    for j in range(k):
        if not work[j, j] > 1e-10:
            return None
        work[j] = work[j] / work[j, j]
        for i in range(k):
            if i != j:
                work[i] = work[i] - work[i, j] * work[j]
    return work[:, k:]
