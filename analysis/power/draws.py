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
FEWEST, FEWEST_CLUSTERS = 10, 8
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
    with the rest of alliance, which no adjustment for use before takes away. With a `cluster_size` above 1
    people come in clusters that share `cluster_use` of the variance of habit and `cluster_alliance` of that
    of alliance. People enrol over `enrolment_days`; the log is read on `read_day` after the first.
    `landmark_day` and `use_days` say when units are due.
    """

    @property
    def rolling(self) -> bool:
        """Whether people join at different times, so that the time of enrolment is held constant."""
        return self.enrolment_days > 0

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
    cluster_size: int = 1
    cluster_use: float = 0.0
    cluster_alliance: float = 0.0
    enrolment_days: float = 0.0
    read_day: float = float("inf")
    landmark_day: float = 0.0
    use_days: float = 1.0


def replicate(seeds: list[np.random.SeedSequence], n: int, truth: Assumptions) -> Floats:
    """Draw and analyse one study per seed.

    Returns
    -------
    array, shape (len(seeds), 4)
        Estimate, standard error, p value, people analysed; NaN where the model could not be estimated.
    """
    drawn = [_draw(np.random.default_rng(seed), n, truth) for seed in seeds]
    score, before, done, here, due, joined = (np.array(part) for part in zip(*drawn, strict=True))
    if truth.cluster_size == 1 and not truth.rolling:
        return _analyse(score, before, done, here.astype(bool), float(truth.due_after))
    columns = [np.log1p(before), before, *([joined] if truth.rolling else [])]
    place = np.arange(n) // truth.cluster_size if truth.cluster_size > 1 else None
    return analyse_spread(score, columns, done, here.astype(bool), due, place)


def _draw(rng: np.random.Generator, n: int, truth: Assumptions) -> tuple[Floats, ...]:
    """Score, units before, units after, who can be analysed, units due, day of joining: shape (n,) each."""
    habit = _shared(rng, rng.standard_normal(n), truth.cluster_use, truth.cluster_size)
    base = np.log(truth.done / (1 - truth.done))
    before = _units(rng, base + habit, truth.due_before, truth.spread)
    early = np.log1p(before)
    early = _scaled(early[None], np.ones((1, n), dtype=bool))[0]
    own = _shared(rng, rng.standard_normal(n), truth.cluster_alliance, truth.cluster_size)
    rest = truth.hidden_cause * habit + np.sqrt(1 - truth.hidden_cause**2) * own
    alliance = truth.before_alliance * early + np.sqrt(1 - truth.before_alliance**2) * rest
    score = np.sqrt(truth.reliability) * alliance + np.sqrt(1 - truth.reliability) * rng.standard_normal(n)
    logit = base + truth.effect * alliance + truth.earlier * habit
    due, joined = np.full(n, truth.due_after), np.zeros(n)
    if truth.rolling:
        joined = rng.random(n) * truth.enrolment_days
        seen = np.clip((truth.read_day - joined - truth.landmark_day), 0, truth.use_days)
        due = np.floor(truth.due_after * seen / truth.use_days + 1e-9).astype(np.int64)
    after = _units(rng, logit, due, truth.spread)
    gone = rng.random(n) < truth.left
    here = (rng.random(n) < truth.answered) & (due > 0)
    return score, before, np.where(gone, 0.0, after), here.astype(float), due.astype(float), joined


def _shared(rng: np.random.Generator, own: Floats, share: float, size: int) -> Floats:
    """A variable of variance 1 of which people of one cluster share a part."""
    if size == 1:
        return own
    place = np.arange(len(own)) // size
    return np.asarray(np.sqrt(1 - share) * own + np.sqrt(share) * rng.standard_normal(place[-1] + 1)[place])


def _units(rng: np.random.Generator, logit: Floats, due: int | NDArray[np.int64], spread: float) -> Floats:
    """Beta-binomial counts with mean `expit(logit)` and the given intraclass correlation."""
    p = 1 / (1 + np.exp(-logit))
    if spread > 0:
        total = (1 - spread) / spread
        p = rng.beta(p * total, (1 - p) * total)
    return rng.binomial(due, p).astype(float)


def _analyse(score: Floats, before: Floats, done: Floats, here: NDArray[np.bool_], due: float) -> Floats:
    """Logit of done on the score (per standard deviation), errors HC3, for m studies at once.

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
        towards = (inverse[j][:, :, None] * x[j]).sum(axis=1)
        leverage = (x[j] * towards).sum(axis=0) * w
        moved = towards[1] * (done[j] - due * p[j]) / (1 - leverage)
        se = float(np.sqrt((moved[h] ** 2).sum()))
        lines[j, :3] = beta[j, 1], se, 2 * stats.t.sf(abs(beta[j, 1]) / se, freedom)
    return lines


def analyse_spread(
    score: Floats,
    columns: list[Floats],
    done: Floats,
    here: NDArray[np.bool_],
    due: Floats,
    place: NDArray[np.int64] | None,
) -> Floats:
    """The same logit where people come in clusters or less was due of some, one study after another.

    Parameters
    ----------
    score, done, here, due : array, shape (m, n)
        Score, units done, who can be analysed, units due.
    columns : list of array, shape (m, n)
        Held constant; one that has few values or repeats others is left out.
    place : array, shape (n,), optional
        Cluster of each person: errors by the jackknife over clusters with `G − 1` degrees of freedom, as in
        the report. Without clusters HC3.

    Returns
    -------
    array, shape (m, 4)
        As `replicate`; NaN below 8 clusters too, which the report refuses.
    """
    lines = np.full((len(score), 4), np.nan)
    for j, h in enumerate(here):
        lines[j, 3] = h.sum()
        mine = [score[j][h], *(column[j][h] for column in columns)]
        kept = [v for k, v in enumerate(mine) if len(np.unique(v)) > (2 if k == 2 else 1)]
        if h.sum() < FEWEST or len(np.unique(mine[0])) < 2:
            continue
        x = np.stack([np.ones(int(h.sum())), *((v - v.mean()) / v.std(ddof=1) for v in kept)])
        codes = None if place is None else np.unique(place[h], return_inverse=True)[1]
        if codes is not None and codes.max() + 1 < FEWEST_CLUSTERS:
            continue
        found = _one(x, done[j][h], due[j][h], codes)
        if found is not None:
            lines[j, :3] = found
    return lines


def _one(
    x: Floats, done: Floats, due: Floats, codes: NDArray[np.int64] | None
) -> tuple[float, float, float] | None:
    """Estimate, error and p value of the second row of x, shape (k, n); None where there is no maximum."""
    k, n = x.shape
    share = done.sum() / due.sum()
    if not 0 < share < 1:
        return None
    beta = np.zeros(k)
    beta[0] = np.log(share / (1 - share))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip((beta[:, None] * x).sum(axis=0), -30, 30)))
        weight = due * p * (1 - p)
        inverse = _inverse((x[:, None] * x[None] * weight).sum(axis=2)[None])[0]
        step = (inverse * (x * (done - due * p)).sum(axis=1)).sum(axis=1)
        beta = beta + step
        if not np.isfinite(beta).all() or np.abs(beta).max() > LARGEST:
            return None
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    left = done - due * p
    if codes is None:
        leverage = (x * (inverse[:, :, None] * x[None]).sum(axis=1)).sum(axis=0) * weight
        moved = (inverse[:, :, None] * (x * left / (1 - leverage))[None]).sum(axis=1)
        variance, freedom = float((moved[1] ** 2).sum()), float(n - k)
    else:
        groups = int(codes.max()) + 1
        scores = np.stack([np.bincount(codes, weights=row * left, minlength=groups) for row in x], axis=1)
        own = np.zeros((groups, k, k))
        np.add.at(own, codes, (x[:, None] * x[None] * weight).transpose(2, 0, 1))
        moved = (_inverse(own.sum(axis=0)[None] - own) * scores[:, None, :]).sum(axis=2)
        variance = float((groups - 1) / groups * (moved[:, 1] ** 2).sum())
        freedom = float(groups - 1)
    if not variance > 0:
        return None
    se = float(np.sqrt(variance))
    return float(beta[1]), se, float(2 * stats.t.sf(abs(beta[1]) / se, freedom))


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
