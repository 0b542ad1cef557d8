"""Time to disengagement in whole periods: complementary log-log regression of leaving in each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.binomial import LARGEST_LOG_ODDS, NO_INFORMATION, alone_in
from analysis.adherence.models.clusters import (
    MANY,
    Clusters,
    jackknife,
    of_linear_predictor,
    without_each,
    without_each_of_many,
)
from analysis.adherence.models.delta import delta_interval
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import AT_ONCE, FEWEST_EVENTS
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
WEEK = 7.0
MOST_STEPS, SAME, STILL = 300, 1e-13, 3  # steps; of the log likelihood from one to the next, and how often
LEAST_WEIGHT = 1e-6  # of the rows that a coefficient rests on: below, who left and who stayed are told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPeriods:
    """One row per person and period at risk.

    `person` (rows,) points into the people, `period` (rows,) counts from 0, `left` (rows,) says whether
    the person left in it, `baseline` (rows, k) has one 0/1 column per block of periods, and
    `block_of` (n_periods,) names each period's block.
    """

    person: NDArray[np.int64]
    period: NDArray[np.int64]
    left: NDArray[np.bool_]
    baseline: Floats
    block_of: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteTime:
    """Fit with the baseline first and the predictors after it, and the rows it rests on.

    `covariance` is that of `fit` without its gaps: coefficients that grow without end have none of their own.
    """

    fit: Fit
    rows: PersonPeriods
    covariance: Floats

    @property
    def first(self) -> int:
        """Position of the first predictor among the coefficients."""
        return self.rows.baseline.shape[1]


def periods_seen(time: Floats, event: NDArray[np.bool_], width: float = WEEK) -> NDArray[np.int64]:
    """Periods of each person that are whole, or end in the event: those that a model of them holds."""
    ends = np.where(event, np.ceil(time / width - 1e-9), np.floor(time / width + 1e-9))
    return np.asarray(ends, dtype=np.int64)


def person_periods(time: Floats, event: NDArray[np.bool_], width: float = WEEK) -> PersonPeriods:
    """Split times into periods `(k − 1)·width < t ≤ k·width`.

    A person counts in the period of leaving and in those watched to their end; the part of a period in
    which watching stopped is left out. A period in which nobody left shares the baseline of the next that
    somebody left in (the last ones that of the one before).
    """
    ends = periods_seen(time, event, width)
    person = np.repeat(np.arange(len(time)), ends)
    starts = np.concatenate([[0], np.cumsum(ends)[:-1]])
    period = np.arange(len(person)) - np.repeat(starts, ends)
    left = event[person] & (period == ends[person] - 1)
    n_periods = int(ends.max(initial=0))
    some = np.bincount(period[left], minlength=n_periods) > 0
    block_of = np.concatenate([[0], np.cumsum(some)[:-1]]) if n_periods else np.zeros(0)
    block_of = np.minimum(block_of, max(int(some.sum()) - 1, 0)).astype(np.int64)
    blocks = int(some.sum())
    baseline = (block_of[period][:, None] == np.arange(blocks)[None, :]).astype(float)
    return PersonPeriods(person=person, period=period, left=left, baseline=baseline, block_of=block_of)


def discrete_time(
    design: Floats,
    time: Floats,
    event: NDArray[np.bool_],
    width: float = WEEK,
    clusters: Clusters | None = None,
    *,
    robust: bool = False,
) -> DiscreteTime:
    """Fit `cloglog P(leaves in period k | there) = a_k + b'x`; `exp(b)` is a hazard ratio.

    Parameters
    ----------
    design : array, shape (n_persons, p)
        Predictors without a constant.
    time : array, shape (n_persons,)
        Time from the landmark.
    event : array, shape (n_persons,)
        Whether it ended by leaving.
    width
        Length of a period, in the unit of time.
    clusters
        Clusters of the people; None where they are independent.
    robust
        Errors by a jackknife over people, one Newton step without the periods of each, instead of those
        that trust the model; see `cox`.

    Returns
    -------
    DiscreteTime
        `fit.n` counts people with a period: who was watched for less has none. A coefficient that grows
        without end, as of a group that left whole in one interval, has no standard error (NaN); the others
        keep theirs.

    Raises
    ------
    NotEstimableError
        Too few left, or the fit did not converge.

    Notes
    -----
    Proportional hazards in continuous time give this model exactly for grouped times. In R:
    `glm(left ~ 0 + factor(period) + x, family = binomial("cloglog"))` on one row per person and period.

    References
    ----------
    Prentice & Gloeckler (1978), doi 10.2307/2529588.
    """
    if event.sum() < FEWEST_EVENTS:
        fact = f"{int(event.sum())} of {len(time)} people at risk disengaged after the landmark."
        hint = f"a hazard model needs at least {FEWEST_EVENTS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    rows = person_periods(time, event, width)
    columns = _Columns.of(rows, design)
    try:
        coefficients, log_likelihood = _scored(columns, rows.left)
    except np.linalg.LinAlgError as error:
        raise _failed(str(error)) from None
    line = columns.along(coefficients)
    if not np.abs(line).max() <= LARGEST_LOG_ODDS:
        raise _failed("it did not converge, or predictors separate who left")
    rate = np.exp(line)
    mean = -np.expm1(-rate)
    # Expected information; the link is not the canonical one, so R's glm reports this and not the Hessian.
    # With d mean / d predictor = rate * (1 - mean), a factor 1 - mean cancels: where everybody left in an
    # interval it is 0 in double precision.
    weights = rate**2 * np.exp(-rate) / mean
    information = columns.products(weights)
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    # The link comes to 1 at a predictor of 3.6: who all leave at once keep within LARGEST_LOG_ODDS.
    even = np.linalg.pinv(columns.products(np.ones(len(line))), hermitian=True)
    endless = np.diag(covariance) * LEAST_WEIGHT > np.diag(even)
    if endless[rows.baseline.shape[1] :].all():
        raise _failed("predictors separate who left, or everybody left in one interval")
    fit = Fit(
        coefficients=coefficients,
        covariance=covariance,
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=log_likelihood,
        n=len(columns.x),
    )
    residual = rate * (rows.left - mean) / mean
    if clusters is not None:
        matrix = np.hstack([rows.baseline, design[rows.person]])
        fit = jackknife(fit, of_linear_predictor(matrix, residual, weights, clusters.repeated(rows.person)))
    elif robust:
        moved = _moves_of_people(columns, residual, weights, information)
        fit = replace(fit, covariance=np.asarray(moved.T @ moved, dtype=np.float64))
    if clusters is not None or robust:  # of people, whatever the week
        present = np.unique(rows.person)
        whose = None if clusters is None else Clusters(clusters.of_row[present], clusters.count)
        lone = alone_in(np.column_stack([np.ones(len(present)), design[present]]), whose)
        fit = replace(fit, alone=tuple(rows.baseline.shape[1] + place - 1 for place in lone if place))
    known = np.where(endless[:, None] | endless[None, :], np.nan, fit.covariance)
    return DiscreteTime(fit=replace(fit, covariance=known), rows=rows, covariance=fit.covariance)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Columns of person-periods without writing them out: a 0/1 column for each block, then the person's.

    `x`: of the people with a row, shape (n, p). Of each row: `place` of the person among them and `block`.
    """

    x: Floats
    place: NDArray[np.intp]
    block: NDArray[np.int64]
    blocks: int

    @classmethod
    def of(cls, rows: PersonPeriods, design: Floats) -> _Columns:
        present, place = np.unique(rows.person, return_inverse=True)
        return cls(
            x=design[present],
            place=place,
            block=rows.block_of[rows.period],
            blocks=rows.baseline.shape[1],
        )

    def along(self, moves: Floats) -> Floats:
        """Columns times coefficients, shape (rows,): the same for all, or a row for each person."""
        own = np.broadcast_to(moves, (len(self.x), moves.shape[-1]))
        by_person = np.einsum("ij,ij->i", self.x, own[:, self.blocks :])
        return np.asarray(own[self.place, self.block] + by_person[self.place])

    def by_block(self, each: Floats) -> Floats:
        """Sums of numbers of rows over person and block, shape (n, blocks)."""
        shape = len(self.x), self.blocks
        cell = self.place * self.blocks + self.block
        return np.asarray(np.bincount(cell, each, shape[0] * shape[1]).reshape(shape), dtype=np.float64)

    def summed(self, each: Floats) -> Floats:
        """Sums over the rows of each person of a number times the row's columns, shape (n, blocks + p)."""
        sums = self.by_block(each)
        return np.hstack([sums, self.x * sums.sum(axis=1)[:, None]])

    def products(self, weights: Floats) -> Floats:
        """Weighted sums of products of the columns, shape (blocks + p, blocks + p)."""
        sums = self.by_block(weights)
        mixed = sums.T @ self.x
        own = self.x.T @ (self.x * sums.sum(axis=1)[:, None])
        return np.block([[np.diag(sums.sum(axis=0)), mixed], [mixed.T, own]])

    def written_out(self, rows: NDArray[np.intp]) -> Floats:
        """Columns of some rows, shape (k, blocks + p)."""
        first = (self.block[rows][:, None] == np.arange(self.blocks)).astype(float)
        return np.hstack([first, self.x[self.place[rows]]])


def _scored(columns: _Columns, left: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Fisher's scoring until the log likelihood stays as it is: coefficients and log likelihood.

    Coefficients that grow without end grow until nothing of the likelihood is left to gain.
    """
    mean = np.where(left, 0.75, 0.25)
    line, theta = np.log(-np.log1p(-mean)), np.zeros(columns.blocks + columns.x.shape[1])
    first, before, still = True, -np.inf, 0
    for _ in range(MOST_STEPS):
        rate = np.exp(line)
        mean = -np.expm1(-rate)
        weights = rate**2 * np.exp(-rate) / mean
        score = rate * (left - mean) / mean
        aim = columns.summed(score + weights * line if first else score).sum(axis=0)
        products = columns.products(weights)
        size = np.sqrt(np.diag(products))
        if not (np.isfinite(size).all() and (size > 0).all()):
            break
        inverse = np.linalg.pinv(products / np.outer(size, size), rcond=NO_INFORMATION, hermitian=True)
        theta = theta + (inverse @ (aim / size)) / size
        line, first = columns.along(theta), False
        if not np.abs(line).max() <= 2 * LARGEST_LOG_ODDS:
            break
        rate = np.exp(line)
        now = float(np.where(left, np.log(-np.expm1(-rate)), -rate).sum())
        # Rounding hides the last of the gain: steps that show none still bring coefficients nearer.
        still = still + 1 if abs(now - before) <= max(SAME, 4 * np.spacing(abs(now))) else 0
        if still == STILL:
            return theta, now
        before = now
    raise _failed("it did not converge, or predictors separate who left")


def _moves_of_people(columns: _Columns, residual: Floats, weights: Floats, whole: Floats) -> Floats:
    """How the coefficients move without the periods of each person: shape (n, p)."""
    scores = columns.summed(residual)
    begins = np.flatnonzero(np.diff(columns.place, prepend=-1))  # rows come person by person
    ends = np.append(begins[1:], len(columns.place))

    def alone(people: NDArray[np.intp]) -> Floats:
        moved = []
        for first in range(0, len(people), AT_ONCE):
            some = people[first : first + AT_ONCE]
            length = ends[some] - begins[some]
            start = np.cumsum(length) - length
            own = np.repeat(begins[some] - start, length) + np.arange(length.sum())
            matrix = columns.written_out(own)
            squares = matrix[:, :, None] * (matrix * weights[own, None])[:, None, :]
            moved.append(without_each(scores[some], np.add.reduceat(squares, start), whole))
        return np.concatenate(moved)

    if len(scores) < MANY:
        return alone(np.arange(len(scores)))
    return without_each_of_many(
        scores, lambda moves: columns.summed(weights * columns.along(moves)), whole, alone
    )


def still_using(
    model: DiscreteTime, design: Floats, column: int, level: float = 0.95
) -> tuple[float, float, float]:
    """Change of the share still using the app at the end, in percentage points per unit of a predictor.

    The derivative of `S_i = exp(−exp(b'x_i) Σ exp(a_k))`, averaged over people.
    """
    first, block_of = model.first, model.rows.block_of

    def average(theta: Floats) -> float:
        hazard = np.exp(theta[:first])[block_of].sum() * np.exp(design @ theta[first:])
        return float(-100 * theta[first + column] * (hazard * np.exp(-hazard)).mean())

    fit = model.fit
    value, _, low, high = delta_interval(average, fit.coefficients, model.covariance, level, fit.df_resid)
    return value, low, high


def _failed(reason: str) -> NotEstimableError:
    fact = f"the discrete-time model failed: {reason}."
    return NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
