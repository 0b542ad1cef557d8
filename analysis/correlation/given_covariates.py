"""Moments of ordinal and continuous variables given covariates, with their Γ, for weighted least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from analysis.correlation.bivariate_normal import bivariate_cdf, bivariate_density, normal_density
from analysis.correlation.continuous_pairs import (
    SMALLEST,
    between_scores,
    fit_between,
    fit_moment,
    moment_scores,
    search_correlation,
)
from analysis.correlation.counts import pair_indices
from analysis.correlation.pairs import BOUND
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
Alike = tuple[Array, Places]  # covariates of each pattern, and the pattern of each person
TOLERANCE = 1e-10  # largest gradient per person of a regression
MAX_STEPS = 100
NEWTON_ENOUGH = 1e-6  # the error of Newton's method after so small a step is about 1e-12


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
    rho = np.array(
        [
            _fit_pair(given[a], given[b], f"{names[a]}-{names[b]}", caller)
            for a, b in zip(first, second, strict=True)
        ]
    )
    at_bound = np.abs(rho) > BOUND - 1e-6
    if at_bound.any():
        pairs = [f"{names[first[k]]}-{names[second[k]]}" for k in np.flatnonzero(at_bound)]
        fact = f"correlations at 1 or -1: {name_offenders(pairs)}."
        hint = "drop one variable of each pair, or merge rare categories."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    gamma = _gamma(given, rho)
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
    )


def _ordered_probit(column: Array, covariates: Array, alike: Alike, name: str, caller: str) -> _Given:
    """Thresholds and slopes of one ordinal variable by maximum likelihood."""
    seen = ~np.isnan(column)
    category = np.full(len(column), -1, dtype=np.intp)
    category[seen] = column[seen].astype(np.intp)
    n_cuts = int(category.max())
    shares = np.cumsum(np.bincount(category[seen], minlength=n_cuts + 1)) / seen.sum()
    point = np.concatenate([ndtri(shares[:-1]), np.zeros(covariates.shape[1])])
    own, x = category[seen], covariates[seen]
    value = -np.inf
    for _ in range(MAX_STEPS):
        lower, upper = _limits(point, own, x, n_cuts)
        p = np.maximum(ndtr(upper) - ndtr(lower), SMALLEST)
        value = float(np.log(p).sum())
        low, high = -_density(lower) / p, _density(upper) / p
        step = np.arange(n_cuts)
        by = np.zeros((len(own), len(point)))
        at_upper, at_lower = own[:, None] == step, own[:, None] == step + 1
        by[:, :n_cuts] = high[:, None] * at_upper + low[:, None] * at_lower
        by[:, n_cuts:] = -(low + high)[:, None] * x
        gradient = by.sum(axis=0)
        if np.abs(gradient).max(initial=0.0) <= TOLERANCE * len(own):
            break
        bend_high = -np.where(np.isfinite(upper), upper, 0.0) * high
        bend_low = -np.where(np.isfinite(lower), lower, 0.0) * low
        up = np.hstack([at_upper, -x]) * np.isfinite(upper)[:, None]
        down = np.hstack([at_lower, -x]) * np.isfinite(lower)[:, None]
        second = up.T @ (bend_high[:, None] * up) + down.T @ (bend_low[:, None] * down) - by.T @ by
        move = -np.linalg.solve(second, gradient)
        for _ in range(40):
            trial = point + move
            rising = bool((np.diff(trial[:n_cuts]) > 0).all())
            low_t, high_t = _limits(trial, own, x, n_cuts)
            if rising and np.log(np.maximum(ndtr(high_t) - ndtr(low_t), SMALLEST)).sum() >= value - 1e-9:
                break
            move = move / 2
        point = point + move
    else:
        fact = f"the regression of {name!r} on the predictors did not converge."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories, or drop a predictor."))
    lower, upper = np.full(len(column), -np.inf), np.full(len(column), np.inf)
    lower[seen], upper[seen] = _limits(point, own, x, n_cuts)
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
    )


def _limits(point: Array, category: npt.NDArray[np.intp], x: Array, n_cuts: int) -> tuple[Array, Array]:
    cuts = np.concatenate(([-np.inf], point[:n_cuts], [np.inf]))
    pull = x @ point[n_cuts:]
    return cuts[category] - pull, cuts[category + 1] - pull


def _generalised(one: _Given, joint: Mask) -> Array:
    """Expected residual of each person, to start a search from."""
    if not one.ordered:
        return one.z[joint]
    lower, upper = one.lower[joint], one.upper[joint]
    p = np.maximum(ndtr(upper) - ndtr(lower), SMALLEST)
    found: Array = (_density(lower) - _density(upper)) / p
    return found


def _fit_pair(a: _Given, b: _Given, label: str, caller: str) -> float:
    joint = a.answered & b.answered
    left, right = _generalised(a, joint), _generalised(b, joint)
    if joint.sum() < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:
        fact = f"the joint answers to {label} ({int(joint.sum())} persons) do not vary in both."
        raise ResponseDataError(fact_and_hint(caller, fact, "drop one of the two."))
    start = float(np.corrcoef(left, right)[0, 1])
    if a.ordered and b.ordered:
        spread = max(float(np.std(left) * np.std(right)), 0.1)
        rho, done = _fit_rectangles(a, b, joint, start / spread**0.5)
    elif a.ordered:
        rho, done = fit_between(a.lower[joint], a.upper[joint], b.z[joint], start)
    elif b.ordered:
        rho, done = fit_between(b.lower[joint], b.upper[joint], a.z[joint], start)
    else:
        rho, done = fit_moment(a.z[joint], b.z[joint])
    if not done:
        fact = f"the correlation of {label} given the predictors did not converge."
        raise NotEstimableError(fact_and_hint(caller, fact, "merge rare categories of the two."))
    return rho


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Two ordinal variables: people alike in both answers and in the covariates count once.

    Corners of the rectangles are shared by neighbours; at infinite ones the distribution is that of one
    variable alone.
    """

    member: Places  # cell of each person with both answers
    counts: Array
    limits: tuple[tuple[Array, Array], tuple[Array, Array]]  # lower and upper of both variables, per cell
    corner: Places  # (4, n_cells)
    h: Array  # of the finite corners
    k: Array
    finite: Mask  # of all corners
    fixed: Array  # distribution at the others

    def probability(self, rho: float) -> Array:
        """Probability of each cell."""
        value = self.fixed.copy()
        value[self.finite] = bivariate_cdf(self.h, self.k, np.array(rho))
        found: Array = np.maximum(_SIGN @ value[self.corner], SMALLEST)
        return found

    def difference(self, values: Array) -> Array:
        """Difference of values at the finite corners, zero at the others."""
        spread = np.zeros(len(self.finite))
        spread[self.finite] = values
        found: Array = _SIGN @ spread[self.corner]
        return found


_SIGN = np.array([1.0, -1.0, -1.0, 1.0])
_UP = np.array([[1], [1], [0], [0]]), np.array([[1], [0], [1], [0]])


def _cells(a: _Given, b: _Given, joint: Mask) -> _Cells:
    size_a, size_b = len(a.first) + 2, len(b.first) + 2
    key = (a.pattern[joint] * size_a + a.category[joint]) * size_b + b.category[joint]
    own, member, counts = np.unique(key, return_inverse=True, return_counts=True)
    pattern, at_a, at_b = own // (size_a * size_b), own // size_b % size_a, own % size_b
    ids = (pattern * size_a + at_a + _UP[0]) * size_b + at_b + _UP[1]
    corners, place = np.unique(ids, return_inverse=True)
    where, i, j = corners // (size_a * size_b), corners // size_b % size_a, corners % size_b
    cuts_a = np.concatenate(([-np.inf], a.first, [np.inf]))
    cuts_b = np.concatenate(([-np.inf], b.first, [np.inf]))
    h, k = cuts_a[i] - a.pull[where], cuts_b[j] - b.pull[where]
    finite = np.isfinite(h) & np.isfinite(k)
    limits = tuple(
        (cuts[at] - one.pull[pattern], cuts[at + 1] - one.pull[pattern])
        for cuts, at, one in ((cuts_a, at_a, a), (cuts_b, at_b, b))
    )
    return _Cells(
        member,
        counts.astype(float),
        (limits[0], limits[1]),
        place.reshape(4, -1),
        h[finite],
        k[finite],
        finite,
        ndtr(np.minimum(h, k)),
    )


def _fit_rectangles(a: _Given, b: _Given, joint: Mask, start: float) -> tuple[float, bool]:
    """Residual correlation of two ordinal variables."""
    cells = _cells(a, b, joint)
    h, k = cells.h, cells.k

    def derivatives(rho: float) -> tuple[float, float]:
        p = cells.probability(rho)
        dense = bivariate_density(h, k, np.array(rho))
        spread = 1 - rho * rho
        core = (h * k * (1 + rho * rho) - rho * (h * h + k * k)) / spread**2
        first = cells.difference(dense) / p
        second = cells.difference(dense * (rho / spread + core)) / p
        return float(cells.counts @ first), float(cells.counts @ (second - first**2))

    return search_correlation(start, derivatives, enough=NEWTON_ENOUGH)


def _pair_scores(a: _Given, b: _Given, rho: float) -> tuple[Mask, Array, Array, Array]:
    """Who answered both, and derivatives by ρ and by the parameters of both first steps."""
    joint = a.answered & b.answered
    if a.ordered and b.ordered:
        cells = _cells(a, b, joint)
        p = cells.probability(rho)
        by_rho = cells.difference(bivariate_density(cells.h, cells.k, np.array(rho))) / p
        sides = []
        for one, (low, high), other in ((a, *cells.limits), (b, *cells.limits[::-1])):
            by_low, by_high = (_edge(x, *other, rho) / p for x in (low, high))
            sides.append(one.spread(-by_low[cells.member], by_high[cells.member], joint))
        return joint, by_rho[cells.member], sides[0], sides[1]
    if a.ordered or b.ordered:
        cut, line = (a, b) if a.ordered else (b, a)
        by_rho, by_lower, by_upper, by_moments = between_scores(
            cut.lower[joint], cut.upper[joint], line.z[joint], line.deviation, rho
        )
        by_cut, by_line = cut.spread(by_lower, by_upper, joint), line.spread_moments(by_moments, joint)
        return joint, by_rho, *((by_cut, by_line) if a.ordered else (by_line, by_cut))
    found = moment_scores(a.z[joint], b.z[joint], (a.deviation, b.deviation), rho)
    return joint, found.rho, a.spread_moments(found.first, joint), b.spread_moments(found.second, joint)


def _edge(x: Array, lower: Array, upper: Array, rho: float) -> Array:
    """Density at an edge of the rectangle: φ(x) [Φ((u − ρx)/√(1−ρ²)) − Φ((l − ρx)/√(1−ρ²))]."""
    at = np.where(np.isfinite(x), x, 0.0)
    root = np.sqrt(1 - rho * rho)
    found: Array = _density(x) * (ndtr((upper - rho * at) / root) - ndtr((lower - rho * at) / root))
    return found


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


def _gamma(given: list[_Given], rho: Array) -> Array:
    places, n_single = _places(given)
    first, second = pair_indices(len(given))
    n = len(given[0].answered)
    scores = np.zeros((n_single + len(rho), n))
    bread = np.zeros((len(scores), len(scores)))
    for one, place in zip(given, places, strict=True):
        scores[place] = one.scores()
        bread[np.ix_(place, place)] = scores[place] @ scores[place].T
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        joint, by_rho, by_first, by_second = _pair_scores(given[a], given[b], rho[pair])
        row = n_single + pair
        scores[row, joint] = by_rho
        bread[row, row] = by_rho @ by_rho
        bread[row, places[a]] = by_first @ by_rho
        bread[row, places[b]] = by_second @ by_rho
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
