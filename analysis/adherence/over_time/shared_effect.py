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
VANISHING = 0.01  # below, with a likelihood that rises towards none, there is no maximum to wait for
FEW = 1000  # people whose estimates are near enough to begin with
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
        self._curve: Floats = np.empty((0, 0))

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
        self._ask(theta)
        return self._sums

    def curve(self, theta: Floats) -> Floats:
        """Second derivative of the log likelihood, shape (q, q); computed with the slope."""
        self._ask(theta)
        return self._curve

    def _ask(self, theta: Floats) -> None:
        if self._at is not None and np.array_equal(theta, self._at):
            return
        value, slope, curve = 0.0, np.zeros(self.size), np.zeros((self.size, self.size))
        for rows in self._parts():
            own, towards, second = self._moments(theta, rows)
            value += float(own.sum())
            slope += self._along(towards, rows).sum(axis=0)
            curve += self._crossed(second - towards[:, :, None] * towards[:, None, :], rows)
        self._at, self._sums, self._curve = theta.copy(), (value, slope), curve

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
        if slopes:
            own, towards, _ = self._moments(theta, rows)
            return own, self._along(towards, rows)
        at = self._weights(theta, rows)
        return self._own(at, np.add.reduceat(at.share.sum(axis=1), at.first), rows), np.empty((len(at.b), 0))

    def _own(self, at: _Weights, whole: Floats, rows: slice) -> Floats:
        with np.errstate(divide="ignore"):
            log_sum = at.top + np.log(whole)
        seen = np.where(self.here[rows], self.courses.counts[rows] * at.eta, 0.0)
        return np.asarray(log_sum + seen.sum(axis=1))

    def _moments(self, theta: Floats, rows: slice) -> tuple[Floats, Floats, Floats]:
        """Log likelihoods and what Louis' formula takes of them, towards six directions.

        The directions: use as a whole and by week, leaving as a whole and by slot, association, logarithm of
        the spread. Shape (n,); means of the complete data's slopes, shape (n, 6); means of their curves and
        of products of their slopes, shape (n, 6, 6).
        """
        at, alpha = self._weights(theta, rows), float(theta[-2])
        y, here = self.courses.counts[rows], self.here[rows]
        first, person = at.first, at.person
        whole = np.add.reduceat(at.share.sum(axis=1), first)
        p = at.share / whole[person, None]

        def summed(cells: Floats) -> Floats:
            """Over the states of each person, shape (n, K)."""
            return np.asarray(np.add.reduceat(cells, first, axis=0))

        # Of each state: use until the last week there, leaving until the own slot, times weeks and slots.
        used, week, slot = at.used, self.week, np.append(self.slot, 0.0)[at.state]
        by_week = _until(at.mu * week)[person, at.last]
        by_square = _until(at.mu * week**2)[person, at.last]
        past = _until(at.rate * self.slot)[person, at.state]
        past_square = _until(at.rate * self.slot**2)[person, at.state]
        # Of each cell: leaving in the own slot, less having come past those before, and how both change.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            left = np.where(at.hazard > 0, at.hazard * (1 - at.leaving) / at.leaving, 0.0)
        left = np.where(at.hazard > 0, left, (at.state < y.shape[1])[:, None])
        with np.errstate(over="ignore", invalid="ignore"):
            bent = np.where(left > 0, left * (1 - left - at.hazard), 0.0)
        whole_c = left - at.gone[:, None] * at.ea
        slots_d = left * slot[:, None] - past[:, None] * at.ea
        by_c, by_d = p * whole_c, p * slots_d
        all_p, all_used, all_week = summed(p), summed(p * used[:, None]), summed(p * by_week[:, None])
        all_c, all_d = summed(by_c), summed(by_d)
        total, in_weeks = y.sum(axis=1)[:, None], (np.where(here, y, 0.0) @ week)[:, None]
        eb, b = at.eb, at.b
        slope_a, slope_b = total * all_p - eb * all_used, in_weeks * all_p - eb * all_week
        square = {
            "aa": total**2 * all_p - eb * (1 + 2 * total) * all_used + eb**2 * summed(p * (used**2)[:, None]),
            "ab": total * in_weeks * all_p
            - eb * ((1 + total) * all_week + in_weeks * all_used)
            + eb**2 * summed(p * (used * by_week)[:, None]),
            "bb": in_weeks**2 * all_p
            - eb * (summed(p * by_square[:, None]) + 2 * in_weeks * all_week)
            + eb**2 * summed(p * (by_week**2)[:, None]),
            "ac": total * all_c - eb * summed(by_c * used[:, None]),
            "ad": total * all_d - eb * summed(by_d * used[:, None]),
            "bc": in_weeks * all_c - eb * summed(by_c * by_week[:, None]),
            "bd": in_weeks * all_d - eb * summed(by_d * by_week[:, None]),
            "cc": summed(p * (bent - at.gone[:, None] * at.ea + whole_c**2)),
            "cd": summed(p * (bent * slot[:, None] - past[:, None] * at.ea + whole_c * slots_d)),
            "dd": summed(p * (bent * (slot**2)[:, None] - past_square[:, None] * at.ea + slots_d**2)),
        }
        # The propensity moves use as a whole, and leaving as a whole by the association.
        with_b = {name: b * cells for name, cells in square.items()}
        slope_spread = b * (slope_a + alpha * all_c)
        towards = [slope_a, slope_b, all_c, all_d, b * all_c, slope_spread]
        second = [
            [square["aa"], square["ab"], square["ac"], square["ad"], with_b["ac"]],
            [square["ab"], square["bb"], square["bc"], square["bd"], with_b["bc"]],
            [square["ac"], square["bc"], square["cc"], square["cd"], with_b["cc"]],
            [square["ad"], square["bd"], square["cd"], square["dd"], with_b["cd"]],
            [with_b["ac"], with_b["bc"], with_b["cc"], with_b["cd"], b * with_b["cc"]],
        ]
        by_spread = [
            with_b["aa"] + alpha * with_b["ac"],
            with_b["ab"] + alpha * with_b["bc"],
            with_b["ac"] + alpha * with_b["cc"],
            with_b["ad"] + alpha * with_b["cd"],
            b * (all_c + with_b["ac"] + alpha * with_b["cc"]),
        ]
        last = slope_spread + b * (with_b["aa"] + 2 * alpha * with_b["ac"] + alpha**2 * with_b["cc"])
        square_rows = [[*row, end] for row, end in zip(second, by_spread, strict=True)] + [[*by_spread, last]]
        curves = [np.stack([cells.sum(axis=1) for cells in row], axis=1) for row in square_rows]
        return (
            self._own(at, whole, rows),
            np.stack([cells.sum(axis=1) for cells in towards], axis=1),
            np.stack(curves, axis=1),
        )

    def _along(self, towards: Floats, rows: slice) -> Floats:
        """Slopes by parameter, shape (n, q), of slopes towards the six directions."""
        columns = self._columns(rows)
        scores = np.empty((len(towards), self.size))
        for k, (places, x) in enumerate(columns):
            scores[:, places] = towards[:, k, None] * x
        return scores

    def _crossed(self, second: Floats, rows: slice) -> Floats:
        """Sum over people of curves by parameter, shape (q, q), of those between the six directions."""
        columns = self._columns(rows)
        curve = np.empty((self.size, self.size))
        for j, (one, x) in enumerate(columns):
            for k, (other, z) in enumerate(columns):
                curve[np.ix_(one, other)] = x.T @ (second[:, j, k, None] * z)
        return curve

    def _columns(self, rows: slice) -> list[tuple[list[int], Floats]]:
        """Parameters that move each direction, and what each person's direction moves by them."""
        k, x = 2 + self.p, self.courses.x[rows]
        one = np.ones((len(x), 1))
        whole = np.column_stack([one, x])
        use, leave = [0, *range(2, k)], [k, *range(k + 2, 2 * k)]
        return [
            (use, whole),
            ([1], one),
            (leave, whole),
            ([k + 1], one),
            ([2 * k], one),
            ([2 * k + 1], one),
        ]


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
    found = _search(likelihood, _begun(courses))
    if found.covariance is None and np.exp(found.theta[-1]) < NO_SPREAD:
        alone, reason = _alone(courses)
        if alone is None:
            return None, reason
        # A search may have passed a maximum by: does the likelihood rise from no spread, untied?
        start = np.concatenate([alone.theta[:-2], [0.0, np.log(NO_SPREAD)]])
        if likelihood.total(start)[1][-1] <= 0:
            return alone, ""
        found = _search(likelihood, start)
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
        curve=lambda theta: -likelihood.curve(whole(theta))[:-2, :-2],
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


class _NoSpreadError(Exception):
    """The likelihood rises towards people who do not differ."""


def _begun(courses: Courses) -> Floats:
    """Where to begin, shape (q,): with many people, near the estimates of some of them."""
    every = len(courses.counts) // FEW
    if every < 2:
        return Likelihood(courses).start()
    left = None if courses.left is None else courses.left[::every]
    some = Courses(
        counts=courses.counts[::every], watched=courses.watched[::every], x=courses.x[::every], left=left
    )
    likelihood = Likelihood(some)
    start, found = likelihood.start(), _search(likelihood, likelihood.start())
    if found.covariance is None:  # what ties them is not known from these
        found.theta[-2:] = start[-2:]
    return found.theta if np.isfinite(found.theta).all() else Likelihood(courses).start()


def _search(likelihood: Likelihood, start: Floats) -> Maximum:
    last = start

    def curve(theta: Floats) -> Floats:
        nonlocal last
        last = theta
        if np.exp(theta[-1]) < VANISHING and likelihood.total(theta)[1][-1] <= 0:
            raise _NoSpreadError
        return -likelihood.curve(theta)

    try:
        return maximise(
            lambda theta: -likelihood.total(theta)[0],
            lambda theta: -likelihood.total(theta)[1],
            start,
            len(likelihood.courses.counts),
            curve=curve,
        )
    except _NoSpreadError:
        return Maximum(
            theta=last.copy(), log_likelihood=float("nan"), covariance=None, reason="people do not differ"
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
