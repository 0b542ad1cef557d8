"""Factor scores of two-level models of ordinal items: the joint mode of all latent variables of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.answered import interval_slopes, is_indefinite, root_of
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.ordinal_model import TwoLevelOrdinalGroup, TwoLevelOrdinalState
from analysis.structural.two_level.scores import LevelScores
from instrument.errors import NotEstimableError, fact_and_hint

MAX_STEPS = 100
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """Limits of the responses of every row, on the scale of their residuals, and what moves them.

    With xi and zeta standard normal, s_j = mean + L xi_j stands at level 2, and the factors of a row are
    mean + T zeta_ij.
    """

    lower: Array  # (N, p)
    upper: Array
    by_between: Array  # (p, r): L of the items over the residual's standard deviation
    by_within: Array  # (p, m)
    clusters: Ints
    n_clusters: int


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """Log posterior of each cluster with slopes and curvature, those of rows apart."""

    value: Array  # (J,)
    slope_between: Array  # (J, r)
    slope_within: Array  # (N, m)
    between: Array  # (J, r, r), negative second derivatives
    cross: Array  # (N, r, m)
    within: Array  # (N, m, m)


def ordinal_level_scores(
    fitted: Fitted,
    group: int,
    template: TwoLevelOrdinalGroup,
    state: TwoLevelOrdinalState,
    loadings: Array,
    errors: Array,
) -> LevelScores:
    """Mode of the posterior of rows' and clusters' latent variables together, by Newton steps.

    Answers are independent given v_j and the factors of the row:
    P(y <= k) = Phi((tau_k - v_j - lambda'eta_ij)/theta); covariates move the means of all of them.

    Parameters
    ----------
    fitted
        A two-level model of ordinal items.
    group
        Number of the group.
    template, state
        Of that group, given the covariates.
    loadings, errors
        Of items at level 1: reduced-form loadings, shape (p, m), and error covariance, of which the diagonal
        is used.

    Raises
    ------
    NotEstimableError
        A residual variance of level 1 that is not positive, or an implied covariance between clusters that
        has a negative eigenvalue.
    """
    data = fitted.data
    names_w, names_b = fitted.table.level_names
    within, between = state.within.base, state.between
    p, p_b = len(names_w.observed), len(names_b.observed)
    clusters = data.sampling_of(group).clusters
    if clusters is None:
        raise ValueError("a two-level model has clusters")
    if not np.all(np.diag(errors) > 0.0):
        raise NotEstimableError(
            fact_and_hint("factor_scores", "a residual variance is not positive.", "respecify the model.")
        )
    if is_indefinite(between.covariance):
        fact = "the model implies a negative variance between clusters; there are no scores."
        hint = "hold negative residual variances of level 2 at zero, as in 'y1 ~~ 0*y1'."
        raise NotEstimableError(fact_and_hint("factor_scores", fact, hint))
    place, values = template.place, data.values[group]
    at = {name: k for k, name in enumerate(data.variables)}
    x = values[:, [at[name] for name in names_w.exogenous]]
    w = values[:, [at[name] for name in names_b.exogenous]]
    to_rows = within.total[:, template.within.covariates].T
    to_clusters = between.total[:, template.covariates].T
    deviation = np.sqrt(np.diag(errors))
    above, roots = root_of(between.covariance), root_of(within.covariance[p:, p:])
    columns = [at[names_w.observed[k]] for k in template.items]
    lower, upper = _limits(template, state, values[:, columns], between.mu[place], deviation)
    line = (x @ to_rows[:, template.items] + w @ to_clusters[:, place]) / deviation
    lower, upper = lower - line, upper - line
    first = np.unique(clusters, return_index=True)[1]  # covariates of clusters have one value in each
    answers = _Answers(
        lower,
        upper,
        above[place] / deviation[:, None],
        loadings @ roots / deviation[:, None],
        clusters,
        int(clusters.max()) + 1,
    )
    xi, zeta, point = _mode(answers)
    inner, carried, _ = _eliminated(answers, point)
    spread_between = np.linalg.inv(inner)
    spread_within = np.linalg.inv(point.within) + carried @ spread_between[clusters] @ carried.transpose(
        0, 2, 1
    )
    factors = above[p_b:]
    return LevelScores(
        within.mean[p:] + x @ to_rows[:, p:] + zeta @ roots.T,
        _errors(roots, spread_within),
        between.mean[p_b:] + w[first] @ to_clusters[:, p_b:] + xi @ factors.T,
        _errors(factors, spread_between),
    )


def _errors(onto: Array, spread: Array) -> Array:
    found = np.einsum("ma,jab,mb->jm", onto, spread, onto, optimize=True)
    return np.asarray(np.sqrt(np.maximum(found, 0.0)))


def _limits(
    template: TwoLevelOrdinalGroup, state: TwoLevelOrdinalState, codes: Array, mean: Array, deviation: Array
) -> tuple[Array, Array]:
    """Limits of the responses of every row, infinite where nothing was answered."""
    cuts = np.bincount(template.item, minlength=len(mean))
    bounds = np.full((len(mean), max(cuts) + 2), np.inf)
    bounds[:, 0] = -np.inf
    ends = np.cumsum(cuts)
    for item, (end, count) in enumerate(zip(ends, cuts, strict=True)):
        own = state.thresholds[end - count : end]
        bounds[item, 1 : count + 1] = (own - mean[item]) / deviation[item]
    seen = ~np.isnan(codes)
    index = np.where(seen, codes, 0).astype(int)
    items = np.arange(len(mean))
    return np.where(seen, bounds[items, index], -np.inf), np.where(seen, bounds[items, index + 1], np.inf)


def _evaluate(answers: _Answers, xi: Array, zeta: Array) -> _Point:
    by_between, by_within, clusters = answers.by_between, answers.by_within, answers.clusters
    shift = (xi @ by_between.T)[clusters] + zeta @ by_within.T
    log_mass, first, second = interval_slopes(answers.lower - shift, answers.upper - shift)
    n_clusters, r = answers.n_clusters, by_between.shape[1]
    rows = log_mass.sum(axis=1) - 0.5 * np.einsum("ij,ij->i", zeta, zeta)
    value = np.bincount(clusters, rows, n_clusters) - 0.5 * np.einsum("ij,ij->i", xi, xi)
    pulled, weight = np.zeros((n_clusters, first.shape[1])), np.zeros((n_clusters, first.shape[1]))
    np.add.at(pulled, clusters, first)
    np.add.at(weight, clusters, second)
    return _Point(
        value,
        pulled @ by_between - xi,
        first @ by_within - zeta,
        np.einsum("jk,ka,kb->jab", weight, by_between, by_between, optimize=True) + np.eye(r),
        np.einsum("ik,ka,kb->iab", second, by_between, by_within, optimize=True),
        np.einsum("ik,ka,kb->iab", second, by_within, by_within, optimize=True) + np.eye(by_within.shape[1]),
    )


def _eliminated(answers: _Answers, point: _Point) -> tuple[Array, Array, Array]:
    """Curvature of level 2 without the rows, what factors of rows move with it, and the slope left."""
    solved = np.linalg.solve(
        point.within, np.concatenate([point.cross.transpose(0, 2, 1), point.slope_within[:, :, None]], axis=2)
    )
    carried, own = solved[:, :, :-1], solved[:, :, -1]  # (N, m, r), (N, m)
    inner, slope = point.between.copy(), point.slope_between.copy()
    np.subtract.at(inner, answers.clusters, point.cross @ carried)
    np.subtract.at(slope, answers.clusters, np.einsum("iab,ib->ia", point.cross, own))
    return inner, carried, slope


def _mode(answers: _Answers) -> tuple[Array, Array, _Point]:
    xi = np.zeros((answers.n_clusters, answers.by_between.shape[1]))
    zeta = np.zeros((len(answers.lower), answers.by_within.shape[1]))
    point = _evaluate(answers, xi, zeta)
    for _ in range(MAX_STEPS):
        inner, carried, slope = _eliminated(answers, point)
        step = np.linalg.solve(inner, slope[:, :, None])[:, :, 0]
        own = np.linalg.solve(point.within, point.slope_within[:, :, None])[:, :, 0]
        own -= np.einsum("iab,ib->ia", carried, step[answers.clusters])
        largest = max(float(np.abs(step).max(initial=0.0)), float(np.abs(own).max(initial=0.0)))
        if largest <= TOLERANCE:
            return xi, zeta, point
        share = np.ones(answers.n_clusters)
        for _ in range(30):
            trial = xi + share[:, None] * step, zeta + share[answers.clusters, None] * own
            new = _evaluate(answers, *trial)
            worse = new.value < point.value - 1e-12 * np.abs(point.value)
            if not worse.any():
                break
            share[worse] *= 0.5
        (xi, zeta), point = trial, new
    raise NotEstimableError(
        fact_and_hint("factor_scores", "the search for scores does not settle.", "respecify the model.")
    )
