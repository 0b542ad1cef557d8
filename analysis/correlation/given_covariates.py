"""Moments of ordinal and continuous variables given covariates, with their Γ, for weighted least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from analysis.correlation.bivariate_normal import normal_density
from analysis.correlation.continuous_pairs import SMALLEST, fit_moment, moment_scores
from analysis.correlation.counts import pair_indices
from analysis.correlation.many_pairs import CELLS_AT_ONCE, Between, table_scores
from analysis.correlation.pairs import BOUND, fit_pairs
from analysis.correlation.rectangles import Rectangles, Side, distinct
from instrument.errors import (
    ConvergenceError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
Alike = tuple[Array, Places]  # covariates of each pattern, and the pattern of each person
TOLERANCE = 1e-10  # largest gradient per person of a regression
MAX_STEPS = 100
_NONE: Array = np.zeros(0)


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
    pairs = _fit_pairs(given, names, caller)
    rho = pairs.rho
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
    answers = column[seen]
    found: Array = np.array([answers.mean()])
    if covariates.shape[1]:
        design = np.column_stack([np.ones(len(answers)), covariates[seen]])
        found = np.linalg.lstsq(design, answers, rcond=None)[0].astype(np.float64)
        left = answers - design @ found
    else:
        left = answers - found[0]
    deviation = float(np.sqrt(np.mean(left**2)))
    if deviation <= 1e-8 * float(np.std(answers)):
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
    if covariates.shape[1]:  # without any the shares themselves are the maximum
        point = _climb(point, counts, own, x, n_cuts, name, caller)
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


def _climb(
    point: Array,
    counts: Array,
    own: npt.NDArray[np.intp],
    x: Array,
    n_cuts: int,
    name: str,
    caller: str,
) -> Array:
    """Thresholds and slopes at the maximum of the likelihood."""
    step = np.arange(n_cuts)
    at_upper, at_lower = own[:, None] == step, own[:, None] == step + 1
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
        if np.abs(gradient).max(initial=0.0) <= TOLERANCE * counts.sum():
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
        raise ConvergenceError(fact_and_hint(caller, fact, "merge rare categories, or drop a predictor."))
    return point


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
class _Pairs:
    """Residual correlations of all pairs, and derivatives of their log likelihoods.

    `by_rho` holds the derivatives by the correlation per person, zero for who did not answer both; `by_first`
    and `by_second` the sums of their products with those by the parameters of either first step.
    """

    rho: Array
    by_rho: Array  # (n_pairs, n)
    by_first: list[Array]
    by_second: list[Array]


def _fit_pairs(given: list[_Given], names: list[str], caller: str) -> _Pairs:
    """Search the correlations of all pairs, at once where one is continuous or nothing is given."""
    first, second = pair_indices(len(given))
    labels = [f"{names[a]}-{names[b]}" for a, b in zip(first, second, strict=True)]
    answered = np.array([one.answered for one in given])
    joint = answered[first] & answered[second]
    start, spread = _starts(given, answered, joint, labels, caller)
    n, n_pairs = len(given[0].answered), len(first)
    found = _Pairs(np.zeros(n_pairs), np.zeros((n_pairs, n)), [_NONE] * n_pairs, [_NONE] * n_pairs)
    done = np.ones(n_pairs, dtype=bool)
    ordered = np.array([one.ordered for one in given])
    both, one = ordered[first] & ordered[second], ordered[first] != ordered[second]
    alike = both if not given[0].kinds.shape[1] else np.zeros(n_pairs, dtype=bool)
    for kind, search in ((alike, _search_tables), (one, _search_lines)):
        per_block = max(1, CELLS_AT_ONCE // n)
        places = np.flatnonzero(kind)
        for at in range(0, len(places), per_block):
            search(given, places[at : at + per_block], joint, start, found, done)
    for k in np.flatnonzero(both & ~alike):
        a, b = given[first[k]], given[second[k]]
        rectangles = Rectangles(_side(a, joint[k]), _side(b, joint[k]))
        found.rho[k], done[k] = rectangles.search(start[k] / max(spread[k], 0.1) ** 0.5)
        if abs(found.rho[k]) <= BOUND - 1e-6:
            found.by_rho[k, joint[k]], found.by_first[k], found.by_second[k] = rectangles.scores(found.rho[k])
    for k in np.flatnonzero(~both & ~one):
        a, b = given[first[k]], given[second[k]]
        found.rho[k], done[k] = fit_moment(a.z[joint[k]], b.z[joint[k]])
        if abs(found.rho[k]) <= BOUND - 1e-6:
            found.by_rho[k, joint[k]], found.by_first[k], found.by_second[k] = _moment_scores(
                a, b, joint[k], found.rho[k]
            )
    if not done.all():
        label = labels[int(np.flatnonzero(~done)[0])]
        fact = f"the correlation of {label} given the predictors did not converge."
        raise ConvergenceError(fact_and_hint(caller, fact, "merge rare categories of the two."))
    return found


def _starts(
    given: list[_Given], answered: Mask, joint: Mask, labels: list[str], caller: str
) -> tuple[Array, Array]:
    """Correlations of the expected residuals and their scale; pairs that do not vary are refused."""
    first, second = pair_indices(len(given))
    expected = np.where(answered, [_generalised(one) for one in given], 0.0)
    counts = joint.sum(axis=1)
    here = answered.astype(float)
    sums, squares = expected @ here.T, expected**2 @ here.T
    with np.errstate(divide="ignore", invalid="ignore"):
        left = squares[first, second] - sums[first, second] ** 2 / counts
        right = squares[second, first] - sums[second, first] ** 2 / counts
        product = (expected @ expected.T)[first, second]
        product -= sums[first, second] * sums[second, first] / counts
        scale = np.sqrt(np.maximum(left, 0.0) * np.maximum(right, 0.0))
        start = np.nan_to_num(product / scale)
    least = 1e-12 * np.minimum(squares[first, second], squares[second, first])
    for k in np.flatnonzero((counts < 3) | (np.minimum(left, right) <= least)):
        values = (expected[first[k], joint[k]], expected[second[k], joint[k]])
        if counts[k] < 3 or any(np.ptp(v) == 0 for v in values):
            fact = f"the joint answers to {labels[k]} ({counts[k]} persons) do not vary in both."
            raise ResponseDataError(fact_and_hint(caller, fact, "drop one of the two."))
    return np.clip(start, -1.0, 1.0), scale / np.maximum(counts, 1)


def _search_tables(
    given: list[_Given], places: Places, joint: Mask, start: Array, found: _Pairs, done: Mask
) -> None:
    """Pairs of ordinal variables whose limits are the same for everybody."""
    first, second = pair_indices(len(given))
    ends = [(given[first[k]], given[second[k]]) for k in places]
    most = max(len(one.first) for pair in ends for one in pair)
    cuts = np.full((2, len(places), most), np.inf)
    tables = np.zeros((len(places), most + 1, most + 1))
    cells = []
    for own, (k, (a, b)) in enumerate(zip(places, ends, strict=True)):
        cuts[0, own, : len(a.first)], cuts[1, own, : len(b.first)] = a.first, b.first
        cells.append(a.category[joint[k]] * (most + 1) + b.category[joint[k]])
        tables[own] = np.bincount(cells[-1], minlength=(most + 1) ** 2).reshape(most + 1, most + 1)
    fit = fit_pairs(tables, cuts[0], cuts[1])
    found.rho[places], done[places] = fit.rho, fit.converged
    by_rho, by_rows, by_columns = table_scores(tables, cuts[0], cuts[1], fit.rho)
    for own, (k, (a, b)) in enumerate(zip(places, ends, strict=True)):
        found.by_rho[k, joint[k]] = by_rho[own].ravel()[cells[own]]
        found.by_first[k], found.by_second[k] = by_rows[own, : len(a.first)], by_columns[own, : len(b.first)]


def _search_lines(
    given: list[_Given], places: Places, joint: Mask, start: Array, found: _Pairs, done: Mask
) -> None:
    """Pairs of an ordinal and a continuous variable."""
    first, second = pair_indices(len(given))
    turned = [not given[first[k]].ordered for k in places]
    ends = [
        (given[second[k]], given[first[k]]) if t else (given[first[k]], given[second[k]])
        for k, t in zip(places, turned, strict=True)
    ]
    seen = joint[places]
    pairs = Between(
        np.where(seen, [cut.lower for cut, _ in ends], -np.inf),
        np.where(seen, [cut.upper for cut, _ in ends], np.inf),
        np.where(seen, [line.z for _, line in ends], 0.0),
    )
    rho, done[places] = pairs.search(start[places])
    found.rho[places] = rho
    by_rho, by_lower, by_upper = pairs.scores(rho)
    found.by_rho[places] = by_rho
    low, high, deviation = (
        by_lower * by_rho,
        by_upper * by_rho,
        np.array([line.deviation for _, line in ends]),
    )
    both = low + high
    pull = rho[:, None] * both + pairs.z * by_rho
    bend = (pairs.z * pull - by_rho).sum(axis=1) / (2 * deviation**2)
    design = given[0].design.T
    by_slopes, by_mean = -both @ design, pull / deviation[:, None]
    means, line_slopes = by_mean.sum(axis=1), by_mean @ design
    for own, (k, (cut, _)) in enumerate(zip(places, ends, strict=True)):
        category, n_cuts = np.maximum(cut.category, 0), len(cut.first)
        by_threshold = np.bincount(category, high[own], n_cuts + 1)[:-1]
        by_threshold = by_threshold + np.bincount(category, low[own], n_cuts + 1)[1:]
        by_cut = np.concatenate([by_threshold, by_slopes[own]])
        by_line = np.concatenate([means[own : own + 1], line_slopes[own], bend[own : own + 1]])
        found.by_first[k], found.by_second[k] = (by_line, by_cut) if turned[own] else (by_cut, by_line)


def _side(one: _Given, joint: Mask) -> Side:
    return Side(one.category[joint], one.pattern[joint], one.first, one.pull, one.kinds)


def _moment_scores(a: _Given, b: _Given, joint: Mask, rho: float) -> tuple[Array, Array, Array]:
    """Derivatives of two continuous variables: by ρ, and the sums of products."""
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


def _gamma(given: list[_Given], pairs: _Pairs) -> Array:
    places, n_single = _places(given)
    first, second = pair_indices(len(given))
    n = len(given[0].answered)
    scores = np.vstack([np.zeros((n_single, n)), pairs.by_rho])
    bread = np.zeros((len(scores), len(scores)))
    for one, place in zip(given, places, strict=True):
        scores[place] = one.scores()
        bread[np.ix_(place, place)] = scores[place] @ scores[place].T
    own = n_single + np.arange(len(first))
    bread[own, own] = np.sum(pairs.by_rho**2, axis=1)
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        bread[n_single + k, places[a]] = pairs.by_first[k]
        bread[n_single + k, places[b]] = pairs.by_second[k]
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
