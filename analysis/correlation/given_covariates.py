"""Moments of ordinal and continuous variables given covariates, with their Γ, for weighted least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from analysis.correlation.bivariate_normal import normal_density
from analysis.correlation.continuous_pairs import (
    SMALLEST,
    between_scores,
    fit_between,
    fit_moment,
    moment_scores,
)
from analysis.correlation.counts import pair_indices
from analysis.correlation.pairs import BOUND
from analysis.correlation.rectangles import Rectangles, Side, distinct
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
Alike = tuple[Array, Places]  # covariates of each pattern, and the pattern of each person
TOLERANCE = 1e-10  # largest gradient per person of a regression
MAX_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeastSquaresMoments:
    """Sample moments for weighted least squares, given covariates where there are any.

    Attributes
    ----------
    thresholds
        Per ordinal variable, in order.
    means
        Intercepts of the continuous variables.
    slopes
        Shape (p, n_covariates); without covariates (p, 0).
    covariance
        Residual covariance, correlations among ordinal variables, shape (p, p).
    acov
        Γ times `n_obs` of [thresholds, means, slopes row by row, variances of continuous variables,
        covariances below the diagonal column by column].
    n_obs
        Persons used.
    """

    thresholds: list[Array]
    means: Array
    slopes: Array
    covariance: Array
    acov: Array
    n_obs: int


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """One variable after its regression on the covariates.

    `design` holds the derivatives of its limits (ordinal) or of its mean (continuous) by the covariates.
    """

    ordered: bool
    answered: Mask
    category: npt.NDArray[np.intp]
    lower: Array
    upper: Array
    z: Array
    deviation: float
    first: Array  # thresholds, or the intercept
    slopes: Array
    design: Array  # (n_covariates, n)
    pattern: npt.NDArray[np.intp]  # of the covariates, per person
    pull: Array  # of the covariates, per pattern
    kinds: Array  # covariates of each pattern

    def spread(self, by_lower: Array, by_upper: Array, joint: Mask) -> Array:
        """Turn derivatives by a person's limits into those by thresholds and slopes."""
        step = np.arange(len(self.first))[:, None]
        category = self.category[joint]
        by_threshold = by_upper * (category == step) + by_lower * (category == step + 1)
        return np.vstack([by_threshold, -(by_lower + by_upper) * self.design[:, joint]])

    def spread_moments(self, by_moments: Array, joint: Mask) -> Array:
        """Turn derivatives by mean and variance into those by intercept, slopes and variance."""
        by_mean, by_variance = by_moments
        return np.vstack([by_mean, by_mean * self.design[:, joint], by_variance])

    def scores(self) -> Array:
        """Derivatives of the regression's log likelihood, zero for persons without an answer."""
        seen = self.answered
        found = np.zeros((len(self.first) + len(self.slopes) + (not self.ordered), len(seen)))
        if self.ordered:
            p = np.maximum(ndtr(self.upper[seen]) - ndtr(self.lower[seen]), SMALLEST)
            found[:, seen] = self.spread(
                -_density(self.lower[seen]) / p, _density(self.upper[seen]) / p, seen
            )
        else:
            z = self.z[seen]
            moments = np.array([z / self.deviation, (z * z - 1) / (2 * self.deviation**2)])
            found[:, seen] = self.spread_moments(moments, seen)
        return found


def moments_given(
    values: Array, ordered: Mask, covariates: Array, names: list[str], caller: str
) -> LeastSquaresMoments:
    """Estimate thresholds, slopes and residual covariances in two steps, with Γ.

    Parameters
    ----------
    values
        Codes 0, 1, … of ordinal and numbers of continuous variables, NaN for none, shape (n, p).
    ordered
        Which columns are ordinal, shape (p,).
    covariates
        Complete, shape (n, n_covariates).
    names
        Names of the variables.
    caller
        The public function that complains.

    Returns
    -------
    LeastSquaresMoments
        Thresholds and slopes from all who answered the variable, covariances from all who answered both.

    Raises
    ------
    ResponseDataError
        A pair without joint answers that vary.
    NotEstimableError
        Covariates that are linear functions of each other, a failed search, a correlation of 1.

    Notes
    -----
    First step: ordered probit and linear regressions by maximum likelihood. Second step: the residual
    correlation of each pair maximises its likelihood with the first step held. Γ = n B⁻¹ (Σ s s') B⁻ᵀ, s the
    derivatives of both steps per person and B their products within a step.

    References
    ----------
    Muthén, B. (1984). A general structural equation model with dichotomous, ordered categorical, and
    continuous latent variable indicators. Psychometrika, 49, 115–132. https://doi.org/10.1007/BF02294210
    """
    n, p = values.shape
    centre, unit = covariates.mean(axis=0), covariates.std(axis=0)
    scaled = (covariates - centre) / unit
    if covariates.shape[1] and np.linalg.cond(np.column_stack([np.ones(n), scaled])) > 1e8:
        fact = "the predictors are linear functions of each other."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop one of them."))
    kinds, pattern = np.unique(scaled, axis=0, return_inverse=True)
    if not covariates.shape[1]:
        kinds, pattern = scaled[:1], np.zeros(n, dtype=np.intp)
    alike = kinds, pattern.ravel()
    given = [
        (_ordered_probit if kind else _linear)(column, scaled, alike, name, caller)
        for column, kind, name in zip(values.T, ordered, names, strict=True)
    ]
    first, second = pair_indices(p)
    expected = [_generalised(one) for one in given]
    pairs = [
        _fit_pair(given[a], given[b], (expected[a], expected[b]), f"{names[a]}-{names[b]}", caller)
        for a, b in zip(first, second, strict=True)
    ]
    rho = np.array([pair.rho for pair in pairs])
    at_bound = np.abs(rho) > BOUND - 1e-6
    if at_bound.any():
        labels = [f"{names[first[k]]}-{names[second[k]]}" for k in np.flatnonzero(at_bound)]
        fact = f"correlations at 1 or -1: {name_offenders(labels)}."
        hint = "drop one variable of each pair, or merge rare categories."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    gamma = _gamma(given, pairs)
    change = _to_units(given, rho, centre, unit)
    deviations = np.array([g.deviation for g in given])
    covariance = np.eye(p)
    covariance[first, second] = covariance[second, first] = rho
    covariance = covariance * np.outer(deviations, deviations)
    slopes = np.array([g.slopes for g in given]).reshape(p, -1) / unit
    moved = np.array([g.slopes @ (centre / unit) for g in given]) if covariates.shape[1] else np.zeros(p)
    return LeastSquaresMoments(
        thresholds=[g.first + moved[k] for k, g in enumerate(given) if g.ordered],
        means=np.array([g.first[0] - moved[k] for k, g in enumerate(given) if not g.ordered]),
        slopes=slopes,
        covariance=covariance,
        acov=change @ gamma @ change.T,
        n_obs=n,
    )


def _density(x: Array) -> Array:
    finite = np.isfinite(x)
    return np.where(finite, normal_density(np.where(finite, x, 0.0)), 0.0)


def _linear(column: Array, covariates: Array, alike: Alike, name: str, caller: str) -> _Given:
    seen = ~np.isnan(column)
    design = np.column_stack([np.ones(int(seen.sum())), covariates[seen]])
    found: Array = np.linalg.lstsq(design, column[seen], rcond=None)[0].astype(np.float64)
    left = column[seen] - design @ found
    deviation = float(np.sqrt(np.mean(left**2)))
    if deviation <= 1e-8 * float(np.std(column[seen])):
        fact = f"{name!r} is a linear function of the predictors."
        raise NotEstimableError(fact_and_hint(caller, fact, "drop it, or one of them."))
    z = np.zeros(len(column))
    z[seen] = left / deviation
    nothing = np.zeros(len(column))
    return _Given(
        False,
        seen,
        np.full(len(column), -1),
        nothing,
        nothing,
        z,
        deviation,
        found[:1],
        found[1:],
        covariates.T,
        alike[1],
        alike[0] @ found[1:],
        alike[0],
    )


def _ordered_probit(column: Array, covariates: Array, alike: Alike, name: str, caller: str) -> _Given:
    """Thresholds and slopes of one ordinal variable by maximum likelihood."""
    seen = ~np.isnan(column)
    category = np.full(len(column), -1, dtype=np.intp)
    category[seen] = column[seen].astype(np.intp)
    n_cuts = int(category.max())
    shares = np.cumsum(np.bincount(category[seen], minlength=n_cuts + 1)) / seen.sum()
    point = np.concatenate([ndtri(shares[:-1]), np.zeros(covariates.shape[1])])
    cell, member = distinct(
        alike[1][seen] * (n_cuts + 1) + category[seen], len(alike[0]) * (n_cuts + 1)
    )  # people alike in answer and covariates count once
    counts = np.bincount(member).astype(float)
    own, x = cell % (n_cuts + 1), alike[0][cell // (n_cuts + 1)]
    step = np.arange(n_cuts)
    at_upper, at_lower = own[:, None] == step, own[:, None] == step + 1
    value = -np.inf
    for _ in range(MAX_STEPS):
        lower, upper = _limits(point, own, x, n_cuts)
        p = np.maximum(ndtr(upper) - ndtr(lower), SMALLEST)
        value = float(counts @ np.log(p))
        low, high = -_density(lower) / p, _density(upper) / p
        by = np.zeros((len(own), len(point)))
        by[:, :n_cuts] = high[:, None] * at_upper + low[:, None] * at_lower
        by[:, n_cuts:] = -(low + high)[:, None] * x
        weighed = counts[:, None] * by
        gradient = weighed.sum(axis=0)
        if np.abs(gradient).max(initial=0.0) <= TOLERANCE * len(member):
            break
        bend_high = -np.where(np.isfinite(upper), upper, 0.0) * high * counts
        bend_low = -np.where(np.isfinite(lower), lower, 0.0) * low * counts
        up = np.hstack([at_upper, -x]) * np.isfinite(upper)[:, None]
        down = np.hstack([at_lower, -x]) * np.isfinite(lower)[:, None]
        second = up.T @ (bend_high[:, None] * up) + down.T @ (bend_low[:, None] * down) - by.T @ weighed
        move = -np.linalg.solve(second, gradient)
        for _ in range(40):
            trial = point + move
            rising = bool((np.diff(trial[:n_cuts]) > 0).all())
            low_t, high_t = _limits(trial, own, x, n_cuts)
            reached = float(counts @ np.log(np.maximum(ndtr(high_t) - ndtr(low_t), SMALLEST)))
            if rising and reached >= value - 1e-9:
                break
            move = move / 2
        point = point + move
    else:
        fact = f"the regression of {name!r} on the predictors did not converge."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories, or drop a predictor."))
    lower, upper = np.full(len(column), -np.inf), np.full(len(column), np.inf)
    lower[seen], upper[seen] = _limits(point, category[seen], covariates[seen], n_cuts)
    return _Given(
        True,
        seen,
        category,
        lower,
        upper,
        np.zeros(len(column)),
        1.0,
        point[:n_cuts],
        point[n_cuts:],
        covariates.T,
        alike[1],
        alike[0] @ point[n_cuts:],
        alike[0],
    )


def _limits(point: Array, category: npt.NDArray[np.intp], x: Array, n_cuts: int) -> tuple[Array, Array]:
    cuts = np.concatenate(([-np.inf], point[:n_cuts], [np.inf]))
    pull = x @ point[n_cuts:]
    return cuts[category] - pull, cuts[category + 1] - pull


def _generalised(one: _Given) -> Array:
    """Expected residual of each person, to start searches from."""
    if not one.ordered:
        return one.z
    p = np.maximum(ndtr(one.upper) - ndtr(one.lower), SMALLEST)
    found: Array = (_density(one.lower) - _density(one.upper)) / p
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A residual correlation, who answered both, and derivatives of their log likelihoods.

    `by_first` and `by_second` are the sums of the products of the derivatives by the correlation and by the
    parameters of either first step.
    """

    rho: float
    joint: Mask
    by_rho: Array
    by_first: Array
    by_second: Array


def _fit_pair(a: _Given, b: _Given, expected: tuple[Array, Array], label: str, caller: str) -> _Pair:
    joint = a.answered & b.answered
    left, right = expected[0][joint], expected[1][joint]
    if len(left) < 3 or left.min() == left.max() or right.min() == right.max():
        fact = f"the joint answers to {label} ({int(joint.sum())} persons) do not vary in both."
        raise ResponseDataError(fact_and_hint(caller, fact, "drop one of the two."))
    left, right = left - left.mean(), right - right.mean()
    product = float(np.sqrt((left @ left) * (right @ right)))
    start = float(left @ right) / product
    rectangles = None
    if a.ordered and b.ordered:
        spread = max(product / len(left), 0.1)
        rectangles = Rectangles(_side(a, joint), _side(b, joint))
        rho, done = rectangles.search(start / spread**0.5)
    elif a.ordered:
        rho, done = fit_between(a.lower[joint], a.upper[joint], b.z[joint], start)
    elif b.ordered:
        rho, done = fit_between(b.lower[joint], b.upper[joint], a.z[joint], start)
    else:
        rho, done = fit_moment(a.z[joint], b.z[joint])
    if not done:
        fact = f"the correlation of {label} given the predictors did not converge."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories of the two."))
    if abs(rho) > BOUND - 1e-6:  # refused, with all others like it
        return _Pair(rho, joint, np.zeros(0), np.zeros(0), np.zeros(0))
    if rectangles is not None:
        return _Pair(rho, joint, *rectangles.scores(rho))
    return _Pair(rho, joint, *_line_scores(a, b, joint, rho))


def _side(one: _Given, joint: Mask) -> Side:
    return Side(one.category[joint], one.pattern[joint], one.first, one.pull, one.kinds)


def _line_scores(a: _Given, b: _Given, joint: Mask, rho: float) -> tuple[Array, Array, Array]:
    """Derivatives where one of the two is continuous, or both are: by ρ, and the sums of products."""
    if a.ordered or b.ordered:
        cut, line = (a, b) if a.ordered else (b, a)
        by_rho, by_lower, by_upper, by_moments = between_scores(
            cut.lower[joint], cut.upper[joint], line.z[joint], line.deviation, rho
        )
        by_cut = cut.spread(by_lower, by_upper, joint) @ by_rho
        by_line = line.spread_moments(by_moments, joint) @ by_rho
        return by_rho, *((by_cut, by_line) if a.ordered else (by_line, by_cut))
    found = moment_scores(a.z[joint], b.z[joint], (a.deviation, b.deviation), rho)
    sides = (a.spread_moments(found.first, joint), b.spread_moments(found.second, joint))
    return found.rho, sides[0] @ found.rho, sides[1] @ found.rho


def _places(given: list[_Given]) -> tuple[list[npt.NDArray[np.intp]], int]:
    """Where the parameters of each variable stand: thresholds, means, slopes, variances."""
    q = len(given[0].slopes)
    counts = [len(g.first) if g.ordered else 0 for g in given]
    n_cuts, n_line = sum(counts), sum(not g.ordered for g in given)
    starts = np.concatenate([[0], np.cumsum(counts)])
    places, line = [], 0
    for k, g in enumerate(given):
        slopes = n_cuts + n_line + k * q + np.arange(q)
        if g.ordered:
            places.append(np.concatenate([starts[k] + np.arange(counts[k]), slopes]).astype(np.intp))
        else:
            variance = n_cuts + n_line + len(given) * q + line
            places.append(np.concatenate([[n_cuts + line], slopes, [variance]]).astype(np.intp))
            line += 1
    return places, n_cuts + 2 * n_line + len(given) * q


def _gamma(given: list[_Given], pairs: list[_Pair]) -> Array:
    places, n_single = _places(given)
    first, second = pair_indices(len(given))
    n = len(given[0].answered)
    scores = np.zeros((n_single + len(pairs), n))
    bread = np.zeros((len(scores), len(scores)))
    for one, place in zip(given, places, strict=True):
        scores[place] = one.scores()
        bread[np.ix_(place, place)] = scores[place] @ scores[place].T
    for k, (a, b, pair) in enumerate(zip(first, second, pairs, strict=True)):
        row = n_single + k
        scores[row, pair.joint] = pair.by_rho
        bread[row, row] = pair.by_rho @ pair.by_rho
        bread[row, places[a]] = pair.by_first
        bread[row, places[b]] = pair.by_second
    half = np.linalg.solve(bread, scores)
    gamma: Array = half @ half.T * n
    return gamma


def _to_units(given: list[_Given], rho: Array, centre: Array, unit: Array) -> Array:
    """Derivatives of the moments in the units of the data by those with standardised covariates."""
    places, n_single = _places(given)
    first, second = pair_indices(len(given))
    change = np.eye(n_single + len(rho))
    q = len(unit)
    for one, place in zip(given, places, strict=True):
        n_first = len(one.first)
        slopes = place[n_first : n_first + q]
        change[slopes, slopes] = 1.0 / unit
        for row in place[:n_first]:
            change[row, slopes] = (1.0 if one.ordered else -1.0) * centre / unit
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        row, product = n_single + pair, given[a].deviation * given[b].deviation
        change[row, row] = product
        for k in (a, b):
            if not given[k].ordered:
                change[row, places[k][-1]] = rho[pair] * product / (2 * given[k].deviation ** 2)
    return change
