"""Courses of people under a strategy: every step drawn from a regression on what came before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analysis.adherence.models.binomial import logit_regression
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
Strategy = Callable[[Floats, int], Floats]
CALLER = "g_formula"
EXPOSURE, OUTCOME, STAYS = "(exposure)", "(outcome)", "(goes on)"
FEWEST_EACH, FEWEST_BEYOND = 10, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What was seen: shape (people, times) each, NaN where not known; `baseline` (people, q)."""

    exposure: Floats
    outcome: Floats
    varying: Mapping[str, Floats]
    baseline: Floats
    inside: NDArray[np.bool_]

    def of(self, rows: NDArray[np.int64]) -> People:
        """Give these people, in this order."""
        return People(
            exposure=self.exposure[rows],
            outcome=self.outcome[rows],
            varying={name: column[rows] for name, column in self.varying.items()},
            baseline=self.baseline[rows],
            inside=self.inside[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """A regression of one variable at one time: `residuals` of a number, None of a 0/1 variable."""

    coefficients: Floats
    residuals: Floats | None

    def mean(self, x: Floats) -> Floats:
        """Expected values for rows of columns."""
        line = x @ self.coefficients
        return np.asarray(line if self.residuals is not None else expit(line))

    def draw(self, x: Floats, noise: Floats) -> Floats:
        """Values by uniform numbers: a residual that was seen is added, or a side is chosen."""
        expected = self.mean(x)
        if self.residuals is None:
            return (noise < expected).astype(float)
        n = len(self.residuals)
        return np.asarray(expected + self.residuals[np.minimum((noise * n).astype(int), n - 1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Means at each time: `outcome`, `exposure`, each of `varying`; `beyond`, share of exposures nobody had.

    `weighted` holds the same of outcome, exposure and varying among those who would go on by themselves.
    """

    outcome: Floats
    exposure: Floats
    varying: Mapping[str, Floats]
    weighted: Mapping[str, Floats]
    beyond: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Equations:
    """Regressions of every step, by variable and time, learned from people.

    `unlike`: times at which people left and who goes on could not be modelled.
    """

    people: People
    lags: int
    products: int
    zero_one: frozenset[str]
    known: Mapping[tuple[str, int], Equation]
    seen: Floats
    unlike: tuple[int, ...] = ()

    @classmethod
    def learn(cls, people: People, *, lags: int, products: int, zero_one: frozenset[str]) -> Equations:
        """Fit one regression for each variable and time.

        Parameters
        ----------
        people
            Those followed from the first time.
        lags
            Earlier points in time that a regression holds.
        products
            Highest order of products of its columns (1: none).
        zero_one
            Variables of two values.

        Returns
        -------
        Equations
            Variables of the first time are taken as they were seen, but for exposure and outcome.

        Raises
        ------
        NotEstimableError
            Too few people at a time for the columns of a regression, or a logit without a maximum.
        """
        made = cls(
            people=people, lags=lags, products=products, zero_one=zero_one, known={}, seen=_range_of(people)
        )
        known: dict[tuple[str, int], Equation] = {}
        unlike: list[int] = []
        times = people.exposure.shape[1]
        for k in range(times):
            here = people.inside[:, k]
            # Who leaves may do so by the causes of this time: these are learned before anybody leaves.
            there = people.inside[:, k - 1] if made.told(k) else here
            for name, column in people.varying.items():
                if k > 0:
                    known[name, k] = made._fit(name, k, column[:, k], there)
            known[EXPOSURE, k] = made._fit(EXPOSURE, k, people.exposure[:, k], here)
            told = here & np.isfinite(people.outcome[:, k])
            if told.any():
                known[OUTCOME, k] = made._fit(OUTCOME, k, people.outcome[:, k], told)
            if k > 0:
                before = people.inside[:, k - 1]
                going = here[before]
                try:
                    if min(going.sum(), (~going).sum()) >= FEWEST_EACH:
                        known[STAYS, k] = made._fit(STAYS, k, here.astype(float), before)
                    elif not going.all():
                        unlike.append(k)
                except NotEstimableError:
                    unlike.append(k)  # only the comparison with what was seen rests on it
        return replace(made, known=known, unlike=tuple(unlike))

    def told(self, k: int) -> bool:
        """Whether the causes of a time are known of everybody who was there the time before."""
        before = self.people.inside[:, k - 1]
        return k > 0 and all(np.isfinite(column[before, k]).all() for column in self.people.varying.values())

    def _fit(self, name: str, k: int, target: Floats, rows: NDArray[np.bool_]) -> Equation:
        people = self.people
        state = {EXPOSURE: people.exposure, **people.varying}
        x = self._columns({v: c[rows] for v, c in state.items()}, people.baseline[rows], name, k)
        y = target[rows]
        if len(y) < x.shape[1] + FEWEST_BEYOND:
            fact = f"{len(y)} people at one point in time are too few for {x.shape[1]} columns."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "name fewer causes, or gather more people."))
        if name == STAYS or name in self.zero_one:
            if len(np.unique(y)) == 1:
                # Nobody differs: a logit would run off, and what was seen is what is drawn.
                return Equation(coefficients=np.r_[y[0], np.zeros(x.shape[1] - 1)], residuals=np.zeros(1))
            return Equation(coefficients=logit_regression(x, y, np.ones(len(y)), _failed)[0], residuals=None)
        solved, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
        coefficients = np.asarray(solved, dtype=np.float64)
        left = y - x @ coefficients
        free = len(y) - int(rank)
        return Equation(coefficients=coefficients, residuals=left * np.sqrt(len(y) / max(free, 1)))

    def _columns(self, state: Mapping[str, Floats], baseline: Floats, name: str, k: int) -> Floats:
        """A constant, what came before the variable at this time, and products."""
        varying = list(self.people.varying)
        parts = [baseline[:, j] for j in range(baseline.shape[1])]
        for lag in range(1, self.lags + 1):
            if k - lag >= 0:
                parts += [state[v][:, k - lag] for v in (*varying, EXPOSURE)]
        if name in varying:
            parts += [state[v][:, k] for v in varying[: varying.index(name)]]
        elif name in (EXPOSURE, OUTCOME) or (name == STAYS and self.told(k)):
            parts += [state[v][:, k] for v in varying]
        if name == OUTCOME:
            parts.append(state[EXPOSURE][:, k])
        crossed = [
            np.prod(chosen, axis=0)
            for order in range(2, self.products + 1)
            for chosen in combinations(parts, order)
        ]
        return np.column_stack([np.ones(len(baseline)), *parts, *crossed])

    def follow(self, rows: NDArray[np.int64], noise: Floats, strategy: Strategy | None = None) -> Course:
        """Draw the courses of people, who start as these rows did.

        Parameters
        ----------
        rows : array, shape (m,)
            Whose baseline and first causes each starts with.
        noise : array, shape (m, times, variables)
            Uniform numbers; the same for all strategies, so that these differ by nothing else.
        strategy
            From the exposure that would come by itself, and the time, to the one given; None leaves it.

        Returns
        -------
        Course
            With nobody leaving; `weighted` is among those who would go on.
        """
        people = self.people
        m, times = len(rows), people.exposure.shape[1]
        baseline = people.baseline[rows]
        state = {name: np.full((m, times), np.nan) for name in (*people.varying, EXPOSURE)}
        outcome, goes_on = np.full(times, np.nan), np.ones(m)
        weighted: dict[str, list[float]] = {name: [] for name in (*people.varying, EXPOSURE, OUTCOME)}
        beyond = np.zeros(times)
        for k in range(times):
            for j, name in enumerate(people.varying):
                if k == 0:
                    state[name][:, 0] = people.varying[name][rows, 0]
                else:
                    x = self._columns(state, baseline, name, k)
                    state[name][:, k] = self.known[name, k].draw(x, noise[:, k, j])
            if (STAYS, k) in self.known:
                goes_on = goes_on * self.known[STAYS, k].mean(self._columns(state, baseline, STAYS, k))
            x = self._columns(state, baseline, EXPOSURE, k)
            itself = self.known[EXPOSURE, k].draw(x, noise[:, k, -1])
            given = itself if strategy is None else strategy(itself, k)
            state[EXPOSURE][:, k] = given
            low, high = self.seen[:, k]
            beyond[k] = float(((given < low) | (given > high)).mean())
            expected = None
            if (OUTCOME, k) in self.known:
                expected = self.known[OUTCOME, k].mean(self._columns(state, baseline, OUTCOME, k))
                outcome[k] = float(expected.mean())
            for name in weighted:
                values = expected if name == OUTCOME else state[name][:, k]
                weighted[name].append(
                    float("nan") if values is None else float(np.average(values, weights=goes_on))
                )
        return Course(
            outcome=outcome,
            exposure=state[EXPOSURE].mean(axis=0),
            varying={name: state[name].mean(axis=0) for name in people.varying},
            weighted={name: np.array(column) for name, column in weighted.items()},
            beyond=beyond,
        )


def _range_of(people: People) -> Floats:
    """Lowest and highest exposure that was seen at each time, shape (2, times)."""
    seen = np.where(people.inside, people.exposure, np.nan)
    return np.array([np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)])


def _failed(reason: str) -> NotEstimableError:
    fact = f"a regression of a 0/1 variable failed: {reason}."
    return NotEstimableError(fact_and_hint(CALLER, fact, "name fewer causes, or gather more people."))


def observed_means(people: People) -> dict[str, tuple[list[float], list[float]]]:
    """Mean and standard deviation of each variable at each time, among those followed so far.

    Parameters
    ----------
    people
        What was seen.

    Returns
    -------
    dict
        Variable → means, standard deviations.
    """
    found = {}
    for name, column in {EXPOSURE: people.exposure, **people.varying, OUTCOME: people.outcome}.items():
        seen = [column[people.inside[:, k], k] for k in range(column.shape[1])]
        told = [values[np.isfinite(values)] for values in seen]
        means = [float(v.mean()) if len(v) else float("nan") for v in told]
        found[name] = (means, [float(v.std(ddof=1)) if len(v) > 1 else float("nan") for v in told])
    return found
