"""Factor scores of two-level models with ordinal items: the joint mode of all latents of a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.answered import interval_slopes, is_indefinite, root_of
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array, Ints
from analysis.structural.two_level.ordinal_model import (
    TwoLevelOrdinalGroup,
    TwoLevelOrdinalState,
    level_variables,
)
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

    lower: Array  # (N, p), infinite where nothing is answered and of continuous variables
    upper: Array
    points: Array  # (N, p), values of continuous variables, NaN elsewhere
    by_between: Array  # (p, r): L of the items over the residual's standard deviation
    by_within: Array  # (p, m)
    clusters: Ints
    n_clusters: int
    alone_lower: Array  # (J, q), of ordinal items that clusters alone have
    alone_upper: Array
    by_alone: Array  # (q, r)


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
    P(y <= k) = Phi((tau_k - v_j - lambda'eta_ij)/theta), and a continuous variable is normal about
    v_j + lambda'eta_ij; covariates move the means of all of them. What clusters alone have is known without
    error where it is continuous, and conditioned on; an ordinal one is an answer of the cluster, of the
    response less its residual.

    Parameters
    ----------
    fitted
        A two-level model with ordinal items.
    group
        Number of the group.
    template, state
        Of that group, given the covariates.
    loadings, errors
        Of variables at level 1: reduced-form loadings, shape (p, m), and error covariance, of which the
        diagonal is used.

    Raises
    ------
    NotEstimableError
        A residual variance that is not positive, outcomes that predict what scores take as given, or an
        implied covariance between clusters that has a negative eigenvalue.
    """
    data, ordered = fitted.data, fitted.table.options.ordered
    names_w, names_b = fitted.table.level_names
    own = level_variables(fitted.table)
    within, between = state.within.base, state.between
    p, p_b = len(names_w.observed), len(names_b.observed)
    clusters = data.sampling_of(group).clusters
    if clusters is None:
        raise ValueError("a two-level model has clusters")
    alone = own.between[own.both :]
    below = template.place[own.both :]
    judged = below[[name in ordered for name in alone]]
    _refuse_predictors(within.directed[p:, template.items], between.directed[:, judged])
    residual = between.symmetric[judged, judged]
    if not (np.all(np.diag(errors) > 0.0) and np.all(residual > 0.0)):
        raise NotEstimableError(
            fact_and_hint("factor_scores", "a residual variance is not positive.", "respecify the model.")
        )
    symmetric = between.symmetric.copy()
    symmetric[judged], symmetric[:, judged] = 0.0, 0.0
    spread = between.total @ symmetric @ between.total.T
    values = data.values[group]
    at = {name: k for k, name in enumerate(data.variables)}
    x = values[:, [at[name] for name in names_w.exogenous]]
    first = np.unique(clusters, return_index=True)[1]  # covariates of clusters have one value in each
    w = values[first][:, [at[name] for name in names_b.exogenous]]
    to_rows = within.total[:, template.within.covariates].T
    means = between.mean + w @ between.total[:, template.covariates].T  # (J, v)
    deviation, place = np.sqrt(np.diag(errors)), template.place[: own.both]
    shared = np.array([name in own.between for name in own.within], dtype=bool)
    line = within.mu[template.items] + x @ to_rows[:, template.items]
    line[:, shared] = (x @ to_rows[:, template.items])[:, shared] + means[clusters][:, place]
    answers = values[:, [at[name] for name in own.within]]
    normal = np.array([name not in ordered for name in own.within], dtype=bool)
    lower, upper = np.full(answers.shape, -np.inf), np.full(answers.shape, np.inf)
    for k in np.flatnonzero(~normal):
        level = place[int(shared[:k].sum())] if shared[k] else template.items[k]
        mine = (template.above == shared[k]) & (template.item == level)
        lower[:, k], upper[:, k] = _limits(state.thresholds[mine], answers[:, k])
    points = np.where(normal, answers, np.nan)
    roots = root_of(within.covariance[p:, p:])
    codes = values[first][:, [at[name] for name in alone]]
    told = np.array([name not in ordered for name in alone], dtype=bool)
    ends = np.empty((2, len(codes), len(judged)))
    for number, (k, column) in enumerate(zip(judged, codes[:, ~told].T, strict=True)):
        ends[:, :, number] = _limits(state.thresholds[template.above & (template.item == k)], column)
    ends = (ends - means[:, judged]) / np.sqrt(residual)
    shape = (len(values), len(names_w.latent)), (len(first), len(names_b.latent))
    found = LevelScores(*(np.empty(one) for one in (shape[0], shape[0], shape[1], shape[1])))
    patterns, member = np.unique(~np.isnan(codes[:, told]), axis=0, return_inverse=True)
    for number, seen in enumerate(patterns):
        chosen = np.flatnonzero(member.ravel() == number)
        known = below[told][seen]
        gain = np.linalg.solve(spread[np.ix_(known, known)], spread[known]).T
        moved = means[chosen] + (codes[chosen][:, told][:, seen] - means[np.ix_(chosen, known)]) @ gain.T
        above = _root_between(spread - gain @ spread[known])
        rows = np.flatnonzero(np.isin(clusters, chosen))
        inside = np.searchsorted(chosen, clusters[rows])
        shift = line[rows]
        shift[:, shared] += (moved - means[chosen])[inside][:, place]
        offset = (moved - means[chosen])[:, judged] / np.sqrt(residual)
        by_between = np.zeros((len(shared), above.shape[1]))
        by_between[shared] = above[place]
        part = _Answers(
            (lower[rows] - shift) / deviation,
            (upper[rows] - shift) / deviation,
            (points[rows] - shift) / deviation,
            by_between / deviation[:, None],
            loadings @ roots / deviation[:, None],
            inside,
            len(chosen),
            ends[0, chosen] - offset,
            ends[1, chosen] - offset,
            above[judged] / np.sqrt(residual)[:, None],
        )
        xi, zeta, point = _mode(part)
        inner, carried, _ = _eliminated(part, point)
        of_clusters = np.linalg.inv(inner)
        of_rows = np.linalg.inv(point.within)
        of_rows = of_rows + carried @ of_clusters[inside] @ carried.transpose(0, 2, 1)
        found.within[rows] = within.mean[p:] + x[rows] @ to_rows[:, p:] + zeta @ roots.T
        found.within_se[rows] = _errors(roots, of_rows)
        found.between[chosen] = moved[:, p_b:] + xi @ above[p_b:].T
        found.between_se[chosen] = _errors(above[p_b:], of_clusters)
    return found


def _errors(onto: Array, spread: Array) -> Array:
    found = np.einsum("ma,jab,mb->jm", onto, spread, onto, optimize=True)
    return np.asarray(np.sqrt(np.maximum(found, 0.0)))


def _limits(thresholds: Array, codes: Array) -> tuple[Array, Array]:
    """Thresholds below and above answers, infinite where nothing was answered."""
    bounds = np.concatenate([[-np.inf], thresholds, [np.inf]])
    seen = ~np.isnan(codes)
    index = np.where(seen, codes, 0).astype(int)
    return np.where(seen, bounds[index], -np.inf), np.where(seen, bounds[index + 1], np.inf)


def _root_between(covariance: Array) -> Array:
    """Root of the covariance between clusters.

    Raises
    ------
    NotEstimableError
        Where it is no covariance.
    """
    if is_indefinite(covariance):
        fact = "the model implies a negative variance between clusters; there are no scores."
        hint = "hold negative residual variances of level 2 at zero, as in 'y1 ~~ 0*y1'."
        raise NotEstimableError(fact_and_hint("factor_scores", fact, hint))
    return root_of(covariance)


def _refuse_predictors(factors_by_outcomes: Array, by_judged: Array) -> None:
    """Refuse where the factors of a row, or anything between, follow answers that are not known exactly."""
    if np.any(factors_by_outcomes) or np.any(by_judged):
        fact = "observed outcomes predict factors or other outcomes, which scores do not take into account."
        hint = "measure the outcome by a factor of its own, as in 'g =~ y'."
        raise NotEstimableError(fact_and_hint("factor_scores", fact, hint))


def _evaluate(answers: _Answers, xi: Array, zeta: Array) -> _Point:
    by_between, by_within, clusters = answers.by_between, answers.by_within, answers.clusters
    shift = (xi @ by_between.T)[clusters] + zeta @ by_within.T
    log_mass, first, second = interval_slopes(answers.lower - shift, answers.upper - shift)
    known = ~np.isnan(answers.points)
    gap = np.where(known, answers.points - shift, 0.0)
    log_mass, first, second = log_mass - 0.5 * gap**2, first + gap, second + known
    by_alone, moved = answers.by_alone, xi @ answers.by_alone.T
    alone, pull, bend = interval_slopes(answers.alone_lower - moved, answers.alone_upper - moved)
    n_clusters, r = answers.n_clusters, by_between.shape[1]
    rows = log_mass.sum(axis=1) - 0.5 * np.einsum("ij,ij->i", zeta, zeta)
    value = np.bincount(clusters, rows, n_clusters) - 0.5 * np.einsum("ij,ij->i", xi, xi) + alone.sum(axis=1)
    pulled, weight = np.zeros((n_clusters, first.shape[1])), np.zeros((n_clusters, first.shape[1]))
    np.add.at(pulled, clusters, first)
    np.add.at(weight, clusters, second)
    return _Point(
        value,
        pulled @ by_between + pull @ by_alone - xi,
        first @ by_within - zeta,
        np.einsum("jk,ka,kb->jab", weight, by_between, by_between, optimize=True)
        + np.einsum("jk,ka,kb->jab", bend, by_alone, by_alone, optimize=True)
        + np.eye(r),
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
