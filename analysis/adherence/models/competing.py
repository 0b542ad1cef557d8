"""Ends of use that compete: Fine and Gray's model of one end, and the share that met each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.models.binomial import alone_in
from analysis.adherence.models.clusters import Clusters, summed, without_each
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import FEWEST_EVENTS, LARGEST_LOG_HAZARD, MOST_STEPS
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SMALLEST = 1e-9  # of the score, per event
MOST_TIED = 0.1
"""Share of those at risk who meet the end together with one who meets it, on average: Breslow's rule makes
coefficients 3 % too small there, at .2 6 %, at .4 14 % (300 people, a logarithm of .4)."""


def fine_gray(
    design: Floats,
    time: Floats,
    cause: Ints,
    end: int,
    clusters: Clusters | None = None,
    *,
    left_out: bool = False,
) -> Fit:
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
    left_out
        Errors by leaving out each person (or cluster): its part of the score over the information without
        it. The plain sandwich, which is that of R, is 8 % too small for 150 people.

    Returns
    -------
    Fit
        With the covariance that counts the estimated censoring.

    Raises
    ------
    NotEstimableError
        Fewer than 10 people met the end, most of them together, or there is no maximum.

    Notes
    -----
    Who met another end at `T` stays in the risk set of every later `t` with the weight `G(t−)/G(T−)`, `G` the
    product-limit estimate of not yet being censored. Ties as by Breslow. The covariance is
    `I⁻¹ Σ (η + ψ)(η + ψ)' I⁻¹`; `η` a person's part of the score, `ψ` what the person moves through `G`. In
    clusters these are summed by cluster (Zhou et al. 2012) times `√(G/(G − 1))`; Student's t with G − 1.
    Weights are a product of what belongs to the person and what to the moment, so that running sums over
    people and over moments are all that is held.

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
    sets = _RiskSets(time, cause, end)
    tied = float(((sets.count - 1) / sets.sums(np.ones(len(time))) * sets.count).sum() / mine.sum())
    if tied > MOST_TIED:
        fact = f"on average {tied:.0%} of those who could met this end in the same moment as one who did."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, "record time in finer steps."))
    coefficients = np.zeros(design.shape[1])
    for _ in range(MOST_STEPS):
        risk = np.exp(design @ coefficients)
        total = sets.sums(risk)
        mean = sets.sums(risk[:, None] * design) / total[:, None]
        hazard = sets.count / total
        score = design[mine].sum(axis=0) - sets.count @ mean
        at_risk = risk * sets.over_moments(hazard)
        information = design.T @ (at_risk[:, None] * design) - (mean * sets.count[:, None]).T @ mean
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
    first = sets.over_moments(hazard[:, None] * mean)
    own = -risk[:, None] * (design * sets.over_moments(hazard)[:, None] - first)
    own[mine] += design[mine] - mean[sets.place]
    own += sets.through_censoring(design, risk, hazard, mean)
    alone: tuple[int, ...] = ()
    if left_out:
        second = sets.over_moments(hazard[:, None, None] * mean[:, :, None] * mean[:, None, :])
        crossed = design[:, :, None] * first[:, None, :]
        squared = sets.over_moments(hazard)[:, None, None] * design[:, :, None] * design[:, None, :]
        each = risk[:, None, None] * (squared - crossed - np.swapaxes(crossed, 1, 2) + second)
        if clusters is not None:
            own = clusters.sums(own)
            each = clusters.sums(each)
        moved = without_each(own, each, information)
        grow, df = 1.0, float("inf")
        if clusters is not None:
            grow, df = (clusters.count - 1) / clusters.count, float(clusters.count - 1)
        covariance = grow * moved.T @ moved
        lone = alone_in(np.column_stack([np.ones(len(design)), design]), clusters)
        alone = tuple(place - 1 for place in lone if place)
    else:
        own, df = summed(own, clusters)
        bread = np.linalg.inv(information)
        covariance = bread @ (own.T @ own) @ bread
    return Fit(
        coefficients=coefficients,
        covariance=np.asarray(covariance, dtype=np.float64),
        dispersion=1.0,
        df_resid=df,
        log_likelihood=float((design[mine] @ coefficients).sum() - sets.count @ np.log(total)),
        n=len(time),
        alone=alone,
    )


class _RiskSets:
    """Who is at risk of one end at each moment of it, and with which weight.

    `count`: how many meet it at each moment; `place`: at which moment each of them does.
    """

    def __init__(self, time: Floats, cause: Ints, end: int) -> None:
        mine = cause == end
        self._time = time
        self._when, self.place = np.unique(time[mine], return_inverse=True)
        self.count = np.bincount(self.place)
        uncensored = _Uncensored(time, cause == 0)
        self._free = uncensored(self._when)
        self._other = (cause != 0) & ~mine
        self._own_free = np.maximum(uncensored(time), 1e-300)
        self._reached = np.searchsorted(self._when, time, side="right")
        self._lost = np.nonzero(cause == 0)[0]

    def sums(self, values: Floats) -> Floats:
        """Weighted sums over the people at risk at each moment; `values` have one row per person."""
        there = self._by_moment(values, np.ones(len(values), dtype=bool))
        gone = self._by_moment(values / _along(self._own_free, values), self._other)
        after = np.cumsum(there[::-1], axis=0)[::-1][1:]
        before = np.cumsum(gone, axis=0)[:-1]
        return np.asarray(after + before * _along(self._free, before))

    def over_moments(self, values: Floats) -> Floats:
        """Weighted sums over the moments at which each person is at risk; `values` are rows of moments."""
        none = np.zeros_like(values[:1])
        so_far = np.concatenate([none, np.cumsum(values, axis=0)])
        found = so_far[self._reached]
        weighted = np.concatenate([none, np.cumsum(values * _along(self._free, values), axis=0)])
        rest = (weighted[-1] - weighted)[self._reached[self._other]]
        found[self._other] += rest / _along(self._own_free[self._other], rest)
        return np.asarray(found)

    def through_censoring(self, design: Floats, risk: Floats, hazard: Floats, mean: Floats) -> Floats:
        """What each person moves in the score through the estimate of not being censored, shape (n, p)."""
        moments, lost = np.unique(self._time[self._lost], return_counts=True)
        if not len(moments) or not self._other.any():
            return np.zeros_like(design)
        # Σ over people who met another end before u, and event times from u on, of (z − z̄) w e dΛ.
        heavy = (risk / self._own_free)[self._other]
        order = np.argsort(self._time[self._other], kind="stable")
        ended = np.searchsorted(self._time[self._other][order], moments, side="left")
        people = _sums_to(heavy[order], ended)
        columns = _sums_to((heavy[:, None] * design[self._other])[order], ended)
        first = np.searchsorted(self._when, moments, side="left")
        steps = self._free * hazard
        still = steps.sum() - _sums_to(steps, first)
        means = (steps[:, None] * mean).sum(axis=0) - _sums_to(steps[:, None] * mean, first)
        pull = columns * still[:, None] - people[:, None] * means
        at_risk = len(self._time) - np.searchsorted(np.sort(self._time), moments, side="left")
        step = np.concatenate(
            [np.zeros_like(pull[:1]), np.cumsum(pull * (lost / at_risk**2)[:, None], axis=0)]
        )
        moved = -step[np.searchsorted(moments, self._time, side="right")]
        at = np.searchsorted(moments, self._time[self._lost])
        moved[self._lost] += pull[at] / at_risk[at][:, None]
        return np.asarray(moved)

    def _by_moment(self, values: Floats, kept: NDArray[np.bool_]) -> Floats:
        """Sums of rows by how many moments they reached, one more than there are moments."""
        found = np.zeros((len(self._when) + 1, *values.shape[1:]))
        np.add.at(found, self._reached[kept], values[kept])
        return found


def _along(weights: Floats, values: Floats) -> Floats:
    """Weights of rows, in as many dimensions as the values have."""
    return weights.reshape(-1, *(1,) * (values.ndim - 1))


def _sums_to(values: Floats, ends: NDArray[np.intp]) -> Floats:
    """Sums of the first rows, as many as each end says."""
    return np.asarray(np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])[ends])


def _no_maximum() -> NotEstimableError:
    fact = "the model of one end among several did not converge, or a predictor orders the times perfectly."
    return NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))


class _Uncensored:
    """Product-limit estimate of not being censored before a time."""

    def __init__(self, time: Floats, censored: NDArray[np.bool_]) -> None:
        self._when, lost = np.unique(time[censored], return_counts=True)
        at_risk = len(time) - np.searchsorted(np.sort(time), self._when, side="left")
        self._left = np.concatenate([[1.0], np.cumprod(1 - lost / at_risk)])

    def __call__(self, time: Floats) -> Floats:
        return np.asarray(self._left[np.searchsorted(self._when, time, side="left")])


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
