"""Time to disengagement in whole periods: complementary log-log regression of leaving in each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.binomial import LARGEST_LOG_ODDS, alone_in, separation_seen_later
from analysis.adherence.models.clusters import Clusters, jackknife, of_linear_predictor, without_each
from analysis.adherence.models.delta import delta_interval
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import AT_ONCE, FEWEST_EVENTS
from analysis.common.software import used
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
WEEK = 7.0
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


def person_periods(time: Floats, event: NDArray[np.bool_], width: float = WEEK) -> PersonPeriods:
    """Split times into periods `(k − 1)·width < t ≤ k·width`.

    A person counts in the period of leaving and in those watched to their end; the part of a period in
    which watching stopped is left out. A period in which nobody left shares the baseline of the next that
    somebody left in (the last ones that of the one before).
    """
    ends = np.where(event, np.ceil(time / width - 1e-9), np.floor(time / width + 1e-9)).astype(np.int64)
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
        `fit.n` counts people. A coefficient that grows without end, as of a group that left whole in one
        interval, has no standard error (NaN); the others keep theirs.

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
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    if event.sum() < FEWEST_EVENTS:
        fact = f"{int(event.sum())} of {len(time)} people at risk disengaged after the landmark."
        hint = f"a hazard model needs at least {FEWEST_EVENTS}; watch for longer."
        raise NotEstimableError(fact_and_hint("relate_adherence", fact, hint))
    rows = person_periods(time, event, width)
    matrix = np.column_stack([rows.baseline, design[rows.person]])
    used("statsmodels")
    link = families.links.CLogLog()
    try:
        with separation_seen_later():
            found = GLM(rows.left.astype(float), matrix, family=families.Binomial(link=link)).fit(
                tol=1e-13, maxiter=300
            )
    except (np.linalg.LinAlgError, ValueError) as error:
        raise _failed(str(error)) from None
    coefficients = np.asarray(found.params, dtype=float)
    if not found.converged or np.abs(matrix @ coefficients).max() > LARGEST_LOG_ODDS:
        raise _failed("it did not converge, or predictors separate who left")
    rate = np.exp(matrix @ coefficients)
    mean = -np.expm1(-rate)
    # Expected information; the link is not the canonical one, so R's glm reports this and not the Hessian.
    # With d mean / d predictor = rate * (1 - mean), a factor 1 - mean cancels: where everybody left in an
    # interval it is 0 in double precision.
    weights = rate**2 * np.exp(-rate) / mean
    information = matrix.T @ (matrix * weights[:, None])
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    # The link comes to 1 at a predictor of 3.6: who all leave at once keep within LARGEST_LOG_ODDS.
    even = np.linalg.pinv(matrix.T @ matrix, hermitian=True)
    endless = np.diag(covariance) * LEAST_WEIGHT > np.diag(even)
    if endless[rows.baseline.shape[1] :].all():
        raise _failed("predictors separate who left, or everybody left in one interval")
    fit = Fit(
        coefficients=coefficients,
        covariance=covariance,
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=float(found.llf),
        n=len(time),
    )
    residual = rate * (rows.left - mean) / mean
    if clusters is not None:
        fit = jackknife(fit, of_linear_predictor(matrix, residual, weights, clusters.repeated(rows.person)))
    elif robust:
        moved = _moves_of_people(matrix, residual, weights, rows.person, information)
        fit = replace(fit, covariance=np.asarray(moved.T @ moved, dtype=np.float64))
    if clusters is not None or robust:  # of people, whatever the week
        lone = alone_in(np.column_stack([np.ones(len(design)), design]), clusters)
        fit = replace(fit, alone=tuple(rows.baseline.shape[1] + place - 1 for place in lone if place))
    known = np.where(endless[:, None] | endless[None, :], np.nan, fit.covariance)
    return DiscreteTime(fit=replace(fit, covariance=known), rows=rows, covariance=fit.covariance)


def _moves_of_people(
    matrix: Floats, residual: Floats, weights: Floats, person: NDArray[np.int64], whole: Floats
) -> Floats:
    """How the coefficients move without the periods of each person, some people at a time: shape (n, p)."""
    present, begins = np.unique(person, return_index=True)  # who left within no whole period has no row
    scores = np.add.reduceat(matrix * residual[:, None], begins)
    ends = np.append(begins[1:], len(person))
    moved = []
    for first in range(0, len(present), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        rows = slice(begins[first], ends[some][-1])
        squares = matrix[rows, :, None] * (matrix[rows] * weights[rows, None])[:, None, :]
        information = np.add.reduceat(squares, begins[some] - begins[first])
        moved.append(without_each(scores[some], information, whole))
    return np.concatenate(moved)


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
