"""Likelihood of weekly counts and leaving that share one unseen propensity, with exact scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from analysis.adherence.models.maximum import Maximum, maximise

Floats = NDArray[np.float64]
WIDEST, COARSE_NODES = 6.0, 61  # of the propensity in all: standard deviations, places
NEAR, NODES = 7.0, 41  # of each person's: standard deviations given the counts, places
ROUNDS, SAME = 5, 1e-7  # until places that follow the estimates leave them as they are
CELLS = 500_000  # of person, node and state that are held at once
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
        self.possible = possible
        self.here = np.arange(1, weeks + 1) <= watched[:, None]
        self.p = courses.x.shape[1]

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

    def by_person(self, theta: Floats, *, slopes: bool) -> tuple[Floats, Floats]:
        """Log likelihoods, shape (n,), and scores, shape (n, q) (empty without `slopes`)."""
        n, weeks = self.courses.counts.shape
        each = max(1, CELLS // (self.u.shape[1] * (weeks + 1)))
        parts = [self._some(theta, slice(k, k + each), slopes) for k in range(0, n, each)]
        return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])

    def places(self, theta: Floats) -> Floats:
        """Places of each person's own, shape (n, NODES): around the mean of u given the data."""
        n, weeks = self.courses.counts.shape
        each = max(1, CELLS // (self.u.shape[1] * (weeks + 1)))
        q = np.concatenate([self._given(theta, slice(k, k + each)) for k in range(0, n, each)])
        mean = (q * self.u).sum(axis=1)
        spread = np.sqrt((q * (self.u - mean[:, None]) ** 2).sum(axis=1))
        least = 1 / np.sqrt(1 + np.exp(2 * theta[-1]) * self.courses.counts.sum(axis=1))
        return np.asarray(
            mean[:, None] + np.maximum(spread, least)[:, None] * np.linspace(-NEAR, NEAR, NODES)
        )

    def _given(self, theta: Floats, rows: slice) -> Floats:
        """Probability of each place given the data, shape (n, K)."""
        weight = self._weights(theta, rows)[0]
        each = np.asarray(logsumexp(weight, axis=2))
        return np.asarray(np.exp(each - np.asarray(logsumexp(each, axis=1))[:, None]))

    def _weights(
        self, theta: Floats, rows: slice
    ) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, float]:
        """Logarithms of all parts of the sum, shape (n, K, T + 1), and what scores need."""
        k = 2 + self.p
        x, y = self.courses.x[rows], self.courses.counts[rows]
        here, possible = self.here[rows], self.possible[rows]
        sigma, alpha = float(np.exp(theta[-1])), float(theta[-2])
        b = sigma * self.u[rows]
        eta = theta[0] + theta[1] * self.week + (x @ theta[2:k])[:, None]
        mu = np.where(here, np.exp(np.minimum(eta, LARGEST)), 0.0)
        line = theta[k] + theta[k + 1] * self.slot + (x @ theta[k + 2 : 2 * k])[:, None]
        rate = np.where(here, np.exp(np.minimum(line, LARGEST)), 0.0)
        nothing = np.zeros((len(y), 1))
        m = np.concatenate([nothing, mu.cumsum(axis=1)], axis=1)
        gone = np.concatenate([nothing, rate.cumsum(axis=1)], axis=1)
        weeks = y.shape[1]
        active = np.minimum(np.arange(weeks + 1) + self.offset, weeks)
        eb, ea = np.exp(np.minimum(b, LARGEST)), np.exp(np.clip(alpha * b, -LARGEST, LARGEST))
        a = rate[:, None, :] * ea[:, :, None]  # (n, K, T)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            leaves = np.log(-np.expm1(-a)) - gone[:, None, :-1] * ea[:, :, None]
        stays = -gone[:, None, -1:] * ea[:, :, None]
        weight = np.concatenate([leaves, stays], axis=2) - m[:, active][:, None, :] * eb[:, :, None]
        weight = np.where(possible[:, None, :], weight, -np.inf)
        weight += (self.log_w[rows] + y.sum(axis=1)[:, None] * b)[:, :, None]
        return weight, b, eta, mu, eb, a, alpha

    def _some(self, theta: Floats, rows: slice, slopes: bool) -> tuple[Floats, Floats]:
        x, y, here = self.courses.x[rows], self.courses.counts[rows], self.here[rows]
        weight, b, eta, mu, eb, a, alpha = self._weights(theta, rows)
        total = y.sum(axis=1)
        log_sum = np.asarray(logsumexp(weight, axis=(1, 2)))
        fixed = np.where(here, y * eta, 0.0).sum(axis=1)
        if not slopes:
            return log_sum + fixed, np.empty((len(y), 0))
        p = np.exp(weight - log_sum[:, None, None])
        # probability of being there in week t, and of having come past slot l
        from_here = p[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
        past = from_here[:, :, 1:]
        there = from_here[:, :, :-1] if self.offset else past
        of_use = eb[:, :, None] * mu[:, None, :] * there
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            leaving = np.where(a > 0, a / np.expm1(a), 1.0)
        of_leaving = leaving * p[:, :, :-1] - a * past
        d_use = np.where(here, y - of_use.sum(axis=1), 0.0)
        d_leave = np.where(here, of_leaving.sum(axis=1), 0.0)
        g = of_leaving.sum(axis=2)
        d_b = p.sum(axis=2) * total[:, None] - of_use.sum(axis=2) + alpha * g
        columns = [
            d_use.sum(axis=1)[:, None],
            (d_use @ self.week)[:, None],
            d_use.sum(axis=1)[:, None] * x,
            d_leave.sum(axis=1)[:, None],
            (d_leave @ self.slot)[:, None],
            d_leave.sum(axis=1)[:, None] * x,
            (g * b).sum(axis=1)[:, None],
            (d_b * b).sum(axis=1)[:, None],
        ]
        return log_sum + fixed, np.concatenate(columns, axis=1)


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

    def score(theta: Floats) -> Floats:
        return likelihood.by_person(np.concatenate([theta, nothing]), slopes=True)[1][:, :-2]

    found = maximise(
        lambda theta: -float(likelihood.by_person(np.concatenate([theta, nothing]), slopes=False)[0].sum()),
        lambda theta: -np.asarray(score(theta).sum(axis=0)),
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
        scores=score(found.theta),
        alone=True,
    ), ""


def _search(likelihood: Likelihood, start: Floats) -> Maximum:
    return maximise(
        lambda theta: -float(likelihood.by_person(theta, slopes=False)[0].sum()),
        lambda theta: -np.asarray(likelihood.by_person(theta, slopes=True)[1].sum(axis=0)),
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
