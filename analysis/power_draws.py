"""One replication of a planned study: draw it from assumptions, analyse it, give a line of numbers.

Nothing here depends on how many processes run or on a linear algebra library: each replication has its
own seed, sums are taken in one order, and the normal equations are solved by elimination. Studies of one
size are analysed side by side: every array has one row per study.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
STEPS = 50
FEWEST = 10
LARGEST = 15.0  # log odds from which predictors count as separating the outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is supposed of a study that has not been done.

    `effect` is the log odds of a due unit per standard deviation of true alliance; `reliability` that
    of the mean of the ratings; `answered` the share who answer at the landmark; `left` the share of
    those who had left by then and do nothing more; `done` the share of due units done by an average
    person who has not left; `spread` the intraclass correlation of units within a person; `earlier` the
    log odds per standard deviation of the habit behind early and later use; `before_alliance` the
    correlation of use before, as it is measured, with true alliance; `hidden_cause` that of the habit itself
    with the rest of alliance, which no adjustment for use before takes away.
    """

    effect: float
    reliability: float
    answered: float
    left: float
    done: float
    spread: float
    earlier: float
    before_alliance: float
    hidden_cause: float
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
    drawn = [_draw(np.random.default_rng(seed), n, truth) for seed in seeds]
    score, before, done, here = (np.array(part) for part in zip(*drawn, strict=True))
    return _analyse(score, before, done, here.astype(bool), float(truth.due_after))


def _draw(rng: np.random.Generator, n: int, truth: Assumptions) -> tuple[Floats, Floats, Floats, Floats]:
    """Score, units before, units after, and who has a score: shape (n,) each."""
    habit = rng.standard_normal(n)
    base = np.log(truth.done / (1 - truth.done))
    before = _units(rng, base + habit, truth.due_before, truth.spread)
    early = np.log1p(before)
    early = _scaled(early[None], np.ones((1, n), dtype=bool))[0]
    rest = truth.hidden_cause * habit + np.sqrt(1 - truth.hidden_cause**2) * rng.standard_normal(n)
    alliance = truth.before_alliance * early + np.sqrt(1 - truth.before_alliance**2) * rest
    score = np.sqrt(truth.reliability) * alliance + np.sqrt(1 - truth.reliability) * rng.standard_normal(n)
    logit = base + truth.effect * alliance + truth.earlier * habit
    after = _units(rng, logit, truth.due_after, truth.spread)
    gone = rng.random(n) < truth.left
    here = rng.random(n) < truth.answered
    return score, before, np.where(gone, 0.0, after), here.astype(float)


def _units(rng: np.random.Generator, logit: Floats, due: int, spread: float) -> Floats:
    """Beta-binomial counts with mean `expit(logit)` and the given intraclass correlation."""
    p = 1 / (1 + np.exp(-logit))
    if spread > 0:
        total = (1 - spread) / spread
        p = rng.beta(p * total, (1 - p) * total)
    return rng.binomial(due, p).astype(float)


def _analyse(score: Floats, before: Floats, done: Floats, here: NDArray[np.bool_], due: float) -> Floats:
    """Logit with overdispersion of done on the score (per standard deviation), for m studies at once.

    Held constant are the logarithm of use before and, where it takes three values or more, its plain count.

    Parameters
    ----------
    score, before, done, here : array, shape (m, n)
        Columns of each study, and who of it has a score.
    due
        Units due of everyone.

    Returns
    -------
    array, shape (m, 4)
        As `replicate`.
    """
    n = here.sum(axis=1).astype(float)
    x = np.stack([here.astype(float), *(_scaled(v, here) for v in (score, np.log1p(before), before))], axis=1)
    kept = np.ones(x.shape[:2], dtype=bool)
    kept[:, 1:] = x[:, 1:].any(axis=2)
    kept[:, 3] = [len(np.unique(b[h])) > 2 for b, h in zip(before, here, strict=True)]
    x = x * kept[:, :, None]
    share = (done * here).sum(axis=1) / np.maximum(n, 1) / due
    fine = (n >= FEWEST) & kept[:, 1] & (share > 0) & (share < 1)
    beta = np.zeros(kept.shape)
    beta[fine, 0] = np.log(share[fine] / (1 - share[fine]))
    open_ = fine.copy()
    inverse, p, weight = np.zeros((*kept.shape, 4)), np.zeros(here.shape), np.zeros(here.shape)
    for _ in range(STEPS):
        rows = np.nonzero(open_)[0]
        if not len(rows):
            break
        mine = x[rows]
        eta = (beta[rows, :, None] * mine).sum(axis=1)
        p[rows] = 1 / (1 + np.exp(-np.clip(eta, -30, 30)))
        weight[rows] = due * p[rows] * (1 - p[rows]) * here[rows]
        slope = (mine * (done[rows] - due * p[rows])[:, None, :]).sum(axis=2)
        inverse[rows] = _inverse(_information(mine, weight[rows], kept[rows]))
        step = (inverse[rows] * slope[:, None, :]).sum(axis=2)
        beta[rows] += step
        fine[rows] = np.isfinite(beta[rows]).all(axis=1) & (np.abs(beta[rows]).max(axis=1) <= 2 * LARGEST)
        open_[rows] = fine[rows] & (np.abs(step).max(axis=1) >= 1e-10)
    fine &= ~open_ & (np.abs(beta).max(axis=1) <= LARGEST)
    lines = np.full((len(n), 4), np.nan)
    lines[:, 3] = n
    for j in np.nonzero(fine)[0]:
        w, h = weight[j], here[j]
        freedom = n[j] - kept[j].sum()
        dispersion = ((done[j] - due * p[j])[h] ** 2 / w[h]).sum() / freedom
        se = float(np.sqrt(dispersion * inverse[j, 1, 1]))
        lines[j, :3] = beta[j, 1], se, 2 * stats.t.sf(abs(beta[j, 1]) / se, freedom)
    return lines


def _information(x: Floats, weight: Floats, kept: NDArray[np.bool_]) -> Floats:
    """`X' W X` of each study, shape (m, k, k); 1 on the diagonal of columns that are left out."""
    k = x.shape[1]
    out = np.empty((len(x), k, k))
    for a in range(k):
        weighted = x[:, a] * weight
        for b in range(a, k):
            out[:, a, b] = out[:, b, a] = (weighted * x[:, b]).sum(axis=1)
    left = ~kept
    out[:, range(k), range(k)] += left
    return out


def _scaled(column: Floats, here: NDArray[np.bool_]) -> Floats:
    """Standardise each row over those who are here; 0 for others, and for rows of one value."""
    n = np.maximum(here.sum(axis=1, keepdims=True), 2)
    centred = (column - (column * here).sum(axis=1, keepdims=True) / n) * here
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / (n - 1))
    return np.asarray(np.where(spread > 1e-9, centred / np.where(spread > 1e-9, spread, 1.0), 0.0))


def _inverse(matrices: Floats) -> Floats:
    """Inverses of small positive definite matrices by Gauss-Jordan elimination; NaN where there is none."""
    k = matrices.shape[1]
    work = np.concatenate([matrices, np.broadcast_to(np.eye(k), matrices.shape)], axis=2)
    for j in range(k):
        pivot = work[:, j, j]
        work[:, j] = work[:, j] / np.where(pivot > 1e-10, pivot, np.nan)[:, None]
        for i in range(k):
            if i != j:
                work[:, i] = work[:, i] - work[:, i, j, None] * work[:, j]
    return np.asarray(work[:, :, k:])
