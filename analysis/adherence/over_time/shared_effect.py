"""Likelihood of weekly counts and leaving that share one unseen propensity, with exact scores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.maximum import Maximum, maximise

Floats = NDArray[np.float64]
WIDEST, COARSE_NODES = 6.0, 61  # of the propensity in all: standard deviations, places
NEAR, NODES = 7.0, 41  # of each person's: standard deviations given the counts, places
ROUNDS, SAME = 5, 1e-7  # until places that follow the estimates leave them as they are
CELLS = 60_000  # of person, state and node that are held at once: what a cache holds
NO_SPREAD = 0.05  # standard deviation of the propensity below which people do not differ
LARGEST = 700.0  # logarithm of the largest number


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """Counts of people week by week, and what is known of their leaving.

    `counts`, shape (n, T): 0 after the watch. `watched`, shape (n,): weeks watched. `x`, shape (n, p):
    columns of people. `left`, shape (n,): week at whose end somebody left, 0 where nobody left while watched;
    None where leaving is hidden in silence: then anybody may have left at the end of any week from their last
    use on, or before the first.
    """

    counts: Floats
    watched: NDArray[np.int64]
    x: Floats
    left: NDArray[np.int64] | None

    @property
    def last(self) -> NDArray[np.int64]:
        """Last week with use, 0 where there was none."""
        weeks = np.arange(1, self.counts.shape[1] + 1)
        return np.asarray((weeks * (self.counts > 0)).max(axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Estimates of a shared-propensity model.

    `theta`: of use (constant, week, columns), of leaving (the same), association, logarithm of the standard
    deviation of the propensity. `covariance`: inverse information; `scores`, shape (n, q): by person. Where
    people do not differ (`alone`), the last two are no parameters, and NaN.
    """

    theta: Floats
    log_likelihood: float
    covariance: Floats
    scores: Floats
    alone: bool = False


class Likelihood:
    """Log likelihood and its derivatives.

    Notes
    -----
    Of person i with propensity `b = σu`, u standard normal, weeks t and slots l in which one can leave:

        counts:   y_it ~ Poisson(μ_it e^b)  while there,    log μ_it = β₀ + β₁ (t − t̄) + β'x_i
        leaving:  P(leave in l | there) = 1 − exp(−λ_il e^{αb}),  log λ_il = ζ₀ + ζ₁ (l − t̄) + ζ'x_i

    Summed over u by the trapezoidal rule, whose error falls faster than any power of its step, at places of
    each person's own, and over the slots in which somebody may have left. Scores are expected scores of the
    complete data (Louis 1982, doi 10.1111/j.2517-6161.1982.tb01203.x).
    """

    def __init__(self, courses: Courses, places: Floats | None = None) -> None:
        self.courses = courses
        y, watched = courses.counts, courses.watched
        n, weeks = y.shape
        if places is None:
            places = np.broadcast_to(np.linspace(-WIDEST, WIDEST, COARSE_NODES), (n, COARSE_NODES))
        self.u = places
        step = (places[:, 1] - places[:, 0])[:, None]
        self.log_w = -0.5 * places**2 - 0.5 * np.log(2 * np.pi) + np.log(step)
        centre = (weeks + 1) / 2
        self.week = np.arange(1, weeks + 1) - centre
        known = courses.left is not None
        # Slot l is the end of week l + 1 where leaving is seen, of week l where it is hidden.
        self.slot = self.week if known else self.week - 1
        self.offset = 1 if known else 0
        state = np.arange(weeks + 1)
        if courses.left is None:
            possible = (state >= courses.last[:, None]) & (state < watched[:, None])
            possible[:, -1] = True
        else:
            gone = courses.left > 0
            possible = np.zeros((n, weeks + 1), dtype=bool)
            possible[np.flatnonzero(gone), courses.left[gone] - 1] = True
            possible[~gone, -1] = True
        self.person, self.state = np.nonzero(possible)
        self.first = np.flatnonzero(np.diff(self.person, prepend=-1))
        self.here = np.arange(1, weeks + 1) <= watched[:, None]
        self.p = courses.x.shape[1]
        self._at: Floats | None = None
        self._sums = (0.0, np.empty(0))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 2 * (2 + self.p) + 2

    def start(self) -> Floats:
        """Where to begin, shape (q,)."""
        theta = np.zeros(self.size)
        theta[0] = np.log(max(self.courses.counts.sum() / self.here.sum(), 1e-3))
        theta[2 + self.p] = np.log(0.05)
        theta[-1] = np.log(0.7)
        return theta

    def total(self, theta: Floats) -> tuple[float, Floats]:
        """Log likelihood and its slope, shape (q,); asked for twice at one place, computed once."""
        if self._at is None or not np.array_equal(theta, self._at):
            own, scores = self.by_person(theta, slopes=True)
            self._at, self._sums = theta.copy(), (float(own.sum()), scores.sum(axis=0))
        return self._sums

    def by_person(self, theta: Floats, *, slopes: bool) -> tuple[Floats, Floats]:
        """Log likelihoods, shape (n,), and scores, shape (n, q) (empty without `slopes`)."""
        parts = [self._some(theta, rows, slopes) for rows in self._parts()]
        return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])

    def places(self, theta: Floats) -> Floats:
        """Places of each person's own, shape (n, NODES): around the mean of u given the data."""
        q = np.concatenate([self._given(theta, rows) for rows in self._parts()])
        mean = (q * self.u).sum(axis=1)
        spread = np.sqrt((q * (self.u - mean[:, None]) ** 2).sum(axis=1))
        least = 1 / np.sqrt(1 + np.exp(2 * theta[-1]) * self.courses.counts.sum(axis=1))
        return np.asarray(
            mean[:, None] + np.maximum(spread, least)[:, None] * np.linspace(-NEAR, NEAR, NODES)
        )

    def _parts(self) -> list[slice]:
        """People whose states are held at once."""
        each = max(1, CELLS // self.u.shape[1])
        ends = np.append(self.first[1:], len(self.person))
        cuts, start = [0], 0
        while start < len(self.first):
            start = max(int(np.searchsorted(ends, self.first[start] + each, side="right")), start + 1)
            cuts.append(start)
        return [slice(low, high) for low, high in pairwise(cuts)]

    def _given(self, theta: Floats, rows: slice) -> Floats:
        """Probability of each place given the data, shape (n, K)."""
        at = self._weights(theta, rows)
        each = np.add.reduceat(at.share, at.first, axis=0)
        return np.asarray(each / each.sum(axis=1, keepdims=True))

    def _weights(self, theta: Floats, rows: slice) -> _Weights:
        """All parts of the sum, one row for each state that a person may have been in."""
        k = 2 + self.p
        x, y, here = self.courses.x[rows], self.courses.counts[rows], self.here[rows]
        weeks = y.shape[1]
        cells = slice(self.first[rows.start], _end(self.first, rows.stop, len(self.person)))
        person, state = self.person[cells] - rows.start, self.state[cells]
        first = self.first[rows] - cells.start
        sigma, alpha = float(np.exp(theta[-1])), float(theta[-2])
        b = sigma * self.u[rows]
        eta = theta[0] + theta[1] * self.week + (x @ theta[2:k])[:, None]
        mu = np.where(here, np.exp(np.minimum(eta, LARGEST)), 0.0)
        line = theta[k] + theta[k + 1] * self.slot + (x @ theta[k + 2 : 2 * k])[:, None]
        rate = np.where(here, np.exp(np.minimum(line, LARGEST)), 0.0)
        last = np.minimum(state + self.offset, weeks)
        eb, ea = np.exp(np.minimum(b, LARGEST)), np.exp(np.clip(alpha * b, -LARGEST, LARGEST))
        leaves = state < weeks
        own_rate = np.where(leaves, rate[person, np.minimum(state, weeks - 1)], 0.0)
        gone, used = _until(rate)[person, state], _until(mu)[person, last]
        own_ea = ea[person]
        hazard = own_rate[:, None] * own_ea
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            leaving = -np.expm1(-hazard)  # probability of leaving in the slot, of those there
            weight = np.where(leaves[:, None], np.log(leaving), 0.0)
        weight -= gone[:, None] * own_ea
        weight -= used[:, None] * eb[person]
        weight += (self.log_w[rows] + y.sum(axis=1)[:, None] * b)[person]
        top = np.maximum.reduceat(weight.max(axis=1), first)
        with np.errstate(invalid="ignore"):
            share = np.exp(weight - np.where(np.isfinite(top), top, 0.0)[person, None])
        return _Weights(
            share=share,
            top=top,
            first=first,
            person=person,
            state=state,
            last=last,
            b=b,
            eb=eb,
            ea=own_ea,
            eta=eta,
            mu=mu,
            rate=rate,
            hazard=hazard,
            leaving=leaving,
            gone=gone,
            used=used,
        )

    def _some(self, theta: Floats, rows: slice, slopes: bool) -> tuple[Floats, Floats]:
        x, y, here = self.courses.x[rows], self.courses.counts[rows], self.here[rows]
        at, alpha = self._weights(theta, rows), float(theta[-2])
        first, person = at.first, at.person
        whole = np.add.reduceat(at.share.sum(axis=1), first)
        with np.errstate(divide="ignore"):
            log_sum = at.top + np.log(whole)
        own = log_sum + np.where(here, y * at.eta, 0.0).sum(axis=1)
        if not slopes:
            return own, np.empty((len(y), 0))
        p = at.share / whole[person, None]

        def summed(cells: Floats) -> Floats:
            """Over the states of each person, shape (n, K)."""
            return np.asarray(np.add.reduceat(cells, first, axis=0))

        # Use expected until the last week there, and the same with the number of the week.
        seen = np.where(here, y, 0.0)
        of_use = at.eb * summed(p * at.used[:, None])
        of_weeks = at.eb * summed(p * _until(at.mu * self.week)[person, at.last][:, None])
        d_use = seen.sum(axis=1) - of_use.sum(axis=1)
        d_weeks = seen @ self.week - of_weeks.sum(axis=1)
        # Leaving in the own slot, less having come past those before.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            left = np.where(at.hazard > 0, at.hazard * (1 - at.leaving) / at.leaving, 0.0)
        left = np.where(at.hazard > 0, left, (at.state < y.shape[1])[:, None])
        slot = np.append(self.slot, 0.0)[at.state]
        past = _until(at.rate * self.slot)[person, at.state]
        g = summed(p * (left - at.gone[:, None] * at.ea))
        d_slots = summed(p * (left * slot[:, None] - past[:, None] * at.ea)).sum(axis=1)
        d_leave = g.sum(axis=1)
        d_b = summed(p) * y.sum(axis=1)[:, None] - of_use + alpha * g
        columns = [
            d_use[:, None],
            d_weeks[:, None],
            d_use[:, None] * x,
            d_leave[:, None],
            d_slots[:, None],
            d_leave[:, None] * x,
            (g * at.b).sum(axis=1)[:, None],
            (d_b * at.b).sum(axis=1)[:, None],
        ]
        return own, np.concatenate(columns, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    """Parts of the sums of some people.

    Of each person, node and state, shape (n_states, K): `share` (of the whole, up to a factor of the person,
    whose logarithm is `top`), `hazard` and `leaving` of the own slot, `ea`. Of each state: `person`, `state`,
    `last` (week there), `gone` and `used` until then. `first`: state of each person. Of each person: `b`,
    `eb` at the nodes, `eta`, `mu`, `rate` by week.
    """

    share: Floats
    top: Floats
    first: NDArray[np.intp]
    person: NDArray[np.intp]
    state: NDArray[np.intp]
    last: NDArray[np.intp]
    b: Floats
    eb: Floats
    ea: Floats
    eta: Floats
    mu: Floats
    rate: Floats
    hazard: Floats
    leaving: Floats
    gone: Floats
    used: Floats


def _until(by_week: Floats) -> Floats:
    """Sums over the weeks before each, and over all of them at the end, shape (n, T + 1)."""
    return np.concatenate([np.zeros((len(by_week), 1)), by_week.cumsum(axis=1)], axis=1)


def _end(first: NDArray[np.intp], person: int, rows: int) -> int:
    return int(first[person]) if person < len(first) else rows


def fit_shared(courses: Courses) -> tuple[Shared | None, str]:
    """Maximise the likelihood.

    Parameters
    ----------
    courses
        Counts, weeks watched, columns of people on a like scale, leaving.

    Returns
    -------
    tuple
        The fit, or None and the reason why there is none. The log likelihood leaves out `log y!`. Where the
        propensity has no spread both parts are fitted alone.
    """
    likelihood = Likelihood(courses)
    found = _search(likelihood, likelihood.start())
    for _ in range(ROUNDS):
        if found.covariance is None:
            return _alone(courses) if np.exp(found.theta[-1]) < NO_SPREAD else (None, found.reason)
        before = found.theta
        likelihood = Likelihood(courses, likelihood.places(before))
        found = _search(likelihood, before)
        if np.abs(found.theta - before).max() < SAME:
            break
    if found.covariance is None:
        return None, found.reason
    scores = likelihood.by_person(found.theta, slopes=True)[1]
    return Shared(
        theta=found.theta, log_likelihood=found.log_likelihood, covariance=found.covariance, scores=scores
    ), ""


def _alone(courses: Courses) -> tuple[Shared | None, str]:
    """The same without a propensity: people differ no more than chance and their columns say."""
    likelihood = Likelihood(courses, np.tile([-1.0, 1.0], (len(courses.counts), 1)))
    likelihood.log_w = np.full((len(courses.counts), 2), -np.log(2.0))
    nothing = np.array([0.0, -np.inf])

    def whole(theta: Floats) -> Floats:
        return np.concatenate([theta, nothing])

    found = maximise(
        lambda theta: -likelihood.total(whole(theta))[0],
        lambda theta: -likelihood.total(whole(theta))[1][:-2],
        likelihood.start()[:-2],
        len(courses.counts),
    )
    if found.covariance is None:
        return None, found.reason
    q = len(found.theta)
    covariance = np.full((q + 2, q + 2), np.nan)
    covariance[:q, :q] = found.covariance
    return Shared(
        theta=np.concatenate([found.theta, [np.nan, np.nan]]),
        log_likelihood=found.log_likelihood,
        covariance=covariance,
        scores=likelihood.by_person(whole(found.theta), slopes=True)[1][:, :-2],
        alone=True,
    ), ""


def _search(likelihood: Likelihood, start: Floats) -> Maximum:
    return maximise(
        lambda theta: -likelihood.total(theta)[0],
        lambda theta: -likelihood.total(theta)[1],
        start,
        len(likelihood.courses.counts),
    )


def dispersion_of(courses: Courses, slope: float) -> float:
    """Give how much counts of one person vary from week to week, against Poisson counts (1).

    Parameters
    ----------
    courses
        The data.
    slope
        Change of the logarithm of the rate from one week to the next.

    Returns
    -------
    float
        Pearson's statistic of a person's counts given their sum, over weeks in which the person was certainly
        there (before the last week with use, where leaving is hidden), divided by its degrees of freedom; NaN
        where there are none.
    """
    until = courses.watched if courses.left is not None else courses.last - 1
    weeks = np.arange(1, courses.counts.shape[1] + 1)
    inside = weeks <= until[:, None]
    y = np.where(inside, courses.counts, 0.0)
    total = y.sum(axis=1)
    usable = (inside.sum(axis=1) >= 2) & (total > 0)
    shape = np.where(inside, np.exp(slope * (weeks - weeks.mean())), 0.0)[usable]
    mean = total[usable, None] * shape / shape.sum(axis=1, keepdims=True)
    square = np.divide((y[usable] - mean) ** 2, mean, out=np.zeros_like(mean), where=mean > 0)
    free = float((inside[usable].sum(axis=1) - 1).sum())
    return float(square.sum()) / free if free else float("nan")
