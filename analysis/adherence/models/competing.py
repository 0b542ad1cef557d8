"""Ends of use that compete: Fine and Gray's model of one end, and the share that met each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.models.binomial import Fit
from analysis.adherence.models.clusters import Clusters, summed
from analysis.adherence.models.survival import FEWEST_EVENTS, LARGEST_LOG_HAZARD, MOST_STEPS
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SMALLEST = 1e-9  # of the score, per event


def fine_gray(design: Floats, time: Floats, cause: Ints, end: int, clusters: Clusters | None = None) -> Fit:
    """Proportional hazards of the subdistribution: how columns change the share that ever meets one end.

    Parameters
    ----------
    design : array, shape (n, p)
        Columns without a constant.
    time, cause : array, shape (n,)
        When watching or use ended, and how: 0 for not seen to end.
    end
        The end that is modelled; every other is a competing one.
    clusters
        Clusters of the people; None where they are independent.

    Returns
    -------
    Fit
        With the covariance that counts the estimated censoring.

    Raises
    ------
    NotEstimableError
        Fewer than 10 people met the end, or there is no maximum.

    Notes
    -----
    Who met another end at `T` stays in the risk set of every later `t` with the weight `G(t−)/G(T−)`, `G` the
    product-limit estimate of not yet being censored. Ties as by Breslow. The covariance is
    `I⁻¹ Σ (η + ψ)(η + ψ)' I⁻¹`; `η` a person's part of the score, `ψ` what the person moves through `G`. In
    clusters these are summed by cluster (Zhou et al. 2012) times `√(G/(G − 1))`; Student's t with G − 1.

    References
    ----------
    Fine & Gray (1999), doi 10.1080/01621459.1999.10474144. Zhou et al. (2012), doi
    10.1093/biostatistics/kxr032. In R: `cmprsk::crr`, `crrSC::crrc`.
    """
    mine = cause == end
    if mine.sum() < FEWEST_EVENTS:
        fact = f"{int(mine.sum())} of {len(time)} people at risk ended their use so."
        hint = f"a hazard model needs at least {FEWEST_EVENTS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    when, place = np.unique(time[mine], return_inverse=True)
    count = np.bincount(place)
    free_until = _Uncensored(time, cause == 0)
    weight = np.where(time[:, None] >= when[None, :], 1.0, 0.0)
    other = (cause != 0) & ~mine
    ratio = free_until(when)[None, :] / np.maximum(free_until(time[other]), 1e-300)[:, None]
    weight[other] = np.where(time[other][:, None] >= when[None, :], 1.0, ratio)
    coefficients = np.zeros(design.shape[1])
    for _ in range(MOST_STEPS):
        risk = np.exp(design @ coefficients)
        total = risk @ weight
        mean = (weight.T @ (risk[:, None] * design)) / total[:, None]
        score = design[mine].sum(axis=0) - count @ mean
        at_risk = risk * (weight @ (count / total))
        information = design.T @ (at_risk[:, None] * design) - (mean * count[:, None]).T @ mean
        if np.abs(score).max() < SMALLEST * mine.sum():
            break
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            raise _no_maximum() from None
        coefficients = coefficients + step / max(1.0, float(np.abs(design @ step).max()) / 2)
        if np.abs(design @ coefficients).max() > LARGEST_LOG_HAZARD:
            raise _no_maximum()
    else:
        raise _no_maximum()
    hazard = count / total
    own = -risk[:, None] * (design * (weight @ hazard)[:, None] - weight @ (hazard[:, None] * mean))
    own[mine] += design[mine] - mean[place]
    own += _through_censoring(design, time, cause, other, weight, risk, when, hazard, mean)
    bread = np.linalg.inv(information)
    own, df = summed(own, clusters)
    return Fit(
        coefficients=coefficients,
        covariance=np.asarray(bread @ (own.T @ own) @ bread, dtype=np.float64),
        dispersion=1.0,
        df_resid=df,
        log_likelihood=float((design[mine] @ coefficients).sum() - count @ np.log(total)),
        n=len(time),
    )


def _through_censoring(
    design: Floats,
    time: Floats,
    cause: Ints,
    other: NDArray[np.bool_],
    weight: Floats,
    risk: Floats,
    when: Floats,
    hazard: Floats,
    mean: Floats,
) -> Floats:
    """What each person moves in the score through the estimate of not being censored, shape (n, p)."""
    moments, lost = np.unique(time[cause == 0], return_counts=True)
    if not len(moments) or not other.any():
        return np.zeros_like(design)
    later = when[None, :] >= moments[:, None]
    before = time[other][None, :] < moments[:, None]
    # Σ over people who met another end by u, and event times after u, of (z − z̄) w e dΛ.
    pulled = weight[other] * risk[other][:, None] * hazard[None, :]
    of_people = (before.astype(float) @ pulled) * later
    of_columns = np.stack(
        [((before * design[other][:, j]) @ pulled * later).sum(axis=1) for j in range(design.shape[1])],
        axis=1,
    )
    pull = of_columns - of_people @ mean
    at_risk = (time[None, :] >= moments[:, None]).sum(axis=1)
    step = pull * (lost / at_risk**2)[:, None]
    seen = time[:, None] >= moments[None, :]
    moved = -(seen.astype(float) @ step)
    censored = np.nonzero(cause == 0)[0]
    at = np.searchsorted(moments, time[censored])
    moved[censored] += pull[at] / at_risk[at][:, None]
    return np.asarray(moved)


class _Uncensored:
    """Product-limit estimate of not being censored before a time."""

    def __init__(self, time: Floats, censored: NDArray[np.bool_]) -> None:
        self._when, lost = np.unique(time[censored], return_counts=True)
        at_risk = len(time) - np.searchsorted(np.sort(time), self._when, side="left")
        self._left = np.concatenate([[1.0], np.cumprod(1 - lost / at_risk)])

    def __call__(self, time: Floats) -> Floats:
        return np.asarray(self._left[np.searchsorted(self._when, time, side="left")])


def _no_maximum() -> NotEstimableError:
    fact = "the model of one end among several did not converge, or a predictor orders the times perfectly."
    return NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))


def cumulative_incidence(
    time: Floats, cause: Ints, ends: dict[int, str], level: float = 0.95
) -> pd.DataFrame:
    """Share that met each end by every time.

    Parameters
    ----------
    time, cause : array, shape (n,)
        As in `fine_gray`.
    ends
        Number to name of the ends.
    level
        Level of the intervals, on the scale of log(−log).

    Returns
    -------
    DataFrame
        end, time, at_risk, events, incidence, se, ci_lower, ci_upper; a row at time 0 and one per distinct
        time.

    Notes
    -----
    `F_k(t) = Σ S(t_{j−1}) d_kj/n_j` over times up to t, S the share with no end yet. One less the
    product-limit estimate would count people who met another end as if they could still meet this one. Errors
    are those of the infinitesimal jackknife.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5, 141. In R: `survival::survfit` with a
    factor, `cmprsk::cuminc`.
    """
    z = float(stats.norm.ppf(0.5 + level / 2))
    when = np.unique(time)
    seen = time[:, None] >= when[None, :]
    at_risk = seen.sum(axis=0)
    at = np.searchsorted(when, time)
    number = {k: np.bincount(at[cause == k], minlength=len(when)) for k in ends}
    whole = np.sum(list(number.values()), axis=0)
    left = np.concatenate([[1.0], np.cumprod(1 - whole / at_risk)])[:-1]

    def influence(counts: Ints, mine: NDArray[np.bool_]) -> Floats:
        found = -(seen * 1.0) * (counts / at_risk)
        found[np.nonzero(mine)[0], at[mine]] += 1
        return np.asarray(found / at_risk)

    of_all = influence(whole, cause != 0)
    shrunk = np.divide(of_all, 1 - whole / at_risk, out=np.zeros_like(of_all), where=whole < at_risk)
    moved = -np.cumsum(shrunk, axis=1)
    moved = left * np.column_stack([np.zeros(len(time)), moved[:, :-1]])
    tables = []
    for k, name in ends.items():
        share = np.cumsum(left * number[k] / at_risk)
        each = np.cumsum(moved * (number[k] / at_risk) + left * influence(number[k], cause == k), axis=1)
        se = np.sqrt((each**2).sum(axis=0))
        table = pd.DataFrame(
            {"end": name, "time": when, "at_risk": at_risk, "events": number[k], "incidence": share, "se": se}
        )
        inner = ((share > 0) & (share < 1)).astype(bool)
        safe = np.where(inner, share, 0.5)
        half = z * se / np.abs(safe * np.log(safe))
        table["ci_lower"] = np.where(inner, safe ** np.exp(half), share)
        table["ci_upper"] = np.where(inner, safe ** np.exp(-half), share)
        start = pd.DataFrame([{"end": name, "time": 0.0, "at_risk": len(time), "events": 0}])
        start = start.assign(incidence=0.0, se=0.0, ci_lower=0.0, ci_upper=0.0)
        tables.append(pd.concat([start, table[table["time"] > 0]], ignore_index=True))
    return pd.concat(tables, ignore_index=True)
