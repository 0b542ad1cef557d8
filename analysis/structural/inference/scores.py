"""Factor scores with standard errors: regression, Bartlett, and the posterior mode for ordinal items."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.common.threads import one_thread
from analysis.structural.estimation.answered import interval_slopes, is_indefinite, root_of
from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array, State
from analysis.structural.inference.measurement import measurement
from analysis.structural.inference.mixed_scores import mixed_posterior
from analysis.structural.two_level.ordinal_model import (
    build_two_level_group,
    evaluate_two_level,
    level_variables,
)
from analysis.structural.two_level.ordinal_scores import ordinal_level_scores
from analysis.structural.two_level.scores import linear_level_scores
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, name_offenders, warn_user

CHUNK = 20_000
MAX_STEPS = 100
TOLERANCE = 1e-9
DETERMINED = 1e-10  # least eigenvalue, of the largest, of what answers tell of factors


@one_thread()
def score_table(fitted: Fitted, method: str | None, level: int | None = None) -> pd.DataFrame:
    """Score every row in use; the index gives row positions in the data, or clusters for level 2."""
    if not fitted.table.names.latent:
        fact, hint = "the model has no factor.", "score the factors of a model with =~."
        raise DefinitionError(fact_and_hint("factor_scores", fact, hint))
    if fitted.table.level_names:
        return _level_table(fitted, method, level)
    if level is not None:
        fact, hint = "the model has one level.", "leave out level=."
        raise DefinitionError(fact_and_hint("factor_scores", fact, hint))
    allowed = ("ebm",) if fitted.ordinal else ("regression", "bartlett")
    if fitted.table.names.composites:  # components leave no residual in the direction of the weights
        allowed = ("regression",)
    used = _method(fitted, method, allowed)
    latent = fitted.table.names.latent
    blocks = []
    for group in range(len(fitted.sizes)):
        if fitted.mixed:
            scores, errors = _mixed_scores(fitted, group)
        else:
            scores, errors = (
                _ordinal_scores(fitted, group) if fitted.ordinal else _linear(fitted, group, used)
            )
        frame = pd.DataFrame(scores, columns=latent, index=fitted.data.positions[group])
        for k, name in enumerate(latent):
            frame[f"{name}_se"] = errors[:, k]
        blocks.append(frame)
    return pd.concat(blocks).sort_index()


def _method(fitted: Fitted, method: str | None, allowed: tuple[str, ...]) -> str:
    used = method or allowed[0]
    if used not in allowed:
        raise DefinitionError(
            fact_and_hint(
                "factor_scores", f"method {used!r} does not suit {fitted.estimator}.", f"use {list(allowed)}."
            )
        )
    return used


def _level_table(fitted: Fitted, method: str | None, level: int | None) -> pd.DataFrame:
    """Scores of one level of a two-level model."""
    if level not in (None, 1, 2):
        fact, hint = f"level is {level!r}.", "use 1 for rows or 2 for clusters."
        raise DefinitionError(fact_and_hint("factor_scores", fact, hint))
    _method(fitted, method, ("ebm",) if fitted.ordinal else ("regression",))
    place = 0 if level is None else level - 1
    names = fitted.table.level_names[place]
    if not names.latent:
        fact = f"level {place + 1} has no factor."
        raise DefinitionError(fact_and_hint("factor_scores", fact, f"use level={2 - place}."))
    blocks = []
    for group in range(len(fitted.data.values)):
        if fitted.ordinal:
            template = build_two_level_group(fitted.table, group)
            state, items = evaluate_two_level(template, fitted.x), template.items
            loadings, errors = measurement(state.within.base, len(fitted.table.level_names[0].observed))[:2]
            if group == 0:
                _warn_of_dependence(errors[np.ix_(items, items)], level_variables(fitted.table).within)
                _warn_of_answers_of_clusters(fitted, state.between.symmetric)
            found = ordinal_level_scores(
                fitted, group, template, state, loadings[items], errors[np.ix_(items, items)]
            )
        else:
            found = linear_level_scores(fitted, group)
        scores, errors = (found.between, found.between_se) if place else (found.within, found.within_se)
        index = fitted.data.sampling_of(group).names if place else fitted.data.positions[group]
        frame = pd.DataFrame(scores, columns=names.latent, index=index)
        for k, name in enumerate(names.latent):
            frame[f"{name}_se"] = errors[:, k]
        blocks.append(frame)
    return pd.concat(blocks) if place else pd.concat(blocks).sort_index()


def _warn_of_answers_of_clusters(fitted: Fitted, symmetric: Array) -> None:
    """Say that residual covariances of ordinal variables that clusters alone have do not enter the scores."""
    own, names = level_variables(fitted.table), fitted.table.level_names[1]
    alone = [n for n in own.between[own.both :] if n in fitted.table.options.ordered]
    places = [names.observed.index(name) for name in alone]
    outside = np.zeros_like(symmetric)
    outside[places] = symmetric[places]
    _warn_of_dependence(outside + outside.T, [*names.observed, *names.latent])


def _linear(fitted: Fitted, group: int, method: str) -> tuple[Array, Array]:
    """Regression or Bartlett scores; rows with missing answers use what is there."""
    p = len(fitted.table.names.observed)
    state = fitted.states[group]
    values = fitted.data.values[group]
    with_means = fitted.table.options.meanstructure
    mean = state.mu if with_means else fitted.sample_means[group]
    loadings, errors, _, latent_mean, prior = measurement(state, p)
    if not with_means:  # intercepts of latent variables are 0, but observed predictors move their means
        own = np.eye(len(prior)) - state.directed[p:, p:]
        latent_mean = np.linalg.solve(own, state.directed[p:, :p] @ mean)
    scores = np.full((len(values), len(prior)), np.nan)
    spread = np.full_like(scores, np.nan)
    patterns, member = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    for k, seen in enumerate(patterns):
        rows = np.flatnonzero(member.ravel() == k)
        deviation = values[np.ix_(rows, np.flatnonzero(seen))] - mean[seen]
        if method == "regression":
            weights, covariance = _regression_weights(state, seen, p)
        else:
            weights, covariance = _bartlett_weights(
                loadings[seen], errors[np.ix_(seen, seen)], bool(seen.all())
            )
        scores[rows] = latent_mean + deviation @ weights.T
        spread[rows] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return scores, spread


def _regression_weights(state: State, seen: Array, p: int) -> tuple[Array, Array]:
    cross = state.covariance[p:, :p][:, seen]
    weights = np.linalg.solve(state.sigma[np.ix_(seen, seen)], cross.T).T
    return weights, state.covariance[p:, p:] - weights @ cross.T


def _bartlett_weights(loadings: Array, errors: Array, whole: bool) -> tuple[Array, Array]:
    """Weights and covariance; NaN for a factor that the answers of these rows do not determine."""
    told: Exception | None = None
    try:
        precise = np.linalg.solve(errors, loadings)
        information = loadings.T @ precise
        scale = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
        inverse = np.linalg.pinv(information / np.outer(scale, scale), rcond=DETERMINED, hermitian=True)
        # a factor whose scores the information determines is left as it is by the projection on its range
        share = np.diag(inverse @ (information / np.outer(scale, scale)))
        lost = ~(share > 1.0 - 1e-6)
    except np.linalg.LinAlgError as error:
        told, lost = error, np.ones(loadings.shape[1], dtype=bool)
    if told is not None or (whole and lost.any()):
        raise NotEstimableError(
            fact_and_hint(
                "factor_scores",
                "no Bartlett scores: an error variance is 0 or a factor has no items.",
                "use method='regression'.",
            )
        ) from told
    covariance = inverse / np.outer(scale, scale)
    weights = covariance @ precise.T
    weights[lost], covariance[lost] = np.nan, np.nan
    return weights, covariance


def _ordinal_scores(fitted: Fitted, group: int) -> tuple[Array, Array]:
    """Mode of the posterior of the latent variables, by Newton steps for all rows at once.

    Answers are independent given the latent variables: P(y <= k) = Phi((tau_k - nu - lambda'eta) / theta).
    """
    p = len(fitted.table.names.observed)
    template = build_ordinal_group(fitted.table, group)
    state = evaluate_ordinal(template, fitted.x)
    loadings, errors, intercepts, latent_mean, prior = measurement(state.base, p)
    if group == 0:
        _warn_of_dependence(errors, fitted.table.names.observed)
    deviation = np.sqrt(np.diag(errors))
    if not np.all(np.diag(errors) > 0):
        raise NotEstimableError(
            fact_and_hint("factor_scores", "a residual variance is not positive.", "respecify the model.")
        )
    bounds = np.full((p, max(fitted.table.options.ordered.values()) + 1), np.inf)
    bounds[:, 0] = -np.inf
    for item in range(p):
        own = state.thresholds[template.item == item]
        bounds[item, 1 : len(own) + 1] = (own - intercepts[item]) / deviation[item]
    slopes = loadings / deviation[:, None]
    codes = fitted.data.values[group]
    results = [
        _posterior_mode(codes[k : k + CHUNK], bounds, slopes, latent_mean, prior)
        for k in range(0, len(codes), CHUNK)
    ]
    return np.vstack([r[0] for r in results]), np.vstack([r[1] for r in results])


def _mixed_scores(fitted: Fitted, group: int) -> tuple[Array, Array]:
    """Posterior modes given covariates, continuous variables and ordinal items."""
    found = mixed_posterior(fitted, group)
    if group == 0:
        _warn_of_dependence(found.errors, fitted.table.names.observed)
    m = found.slopes.shape[1]
    scores, errors = np.empty((len(found.codes), m)), np.empty((len(found.codes), m))
    for part in found.parts:
        for k in range(0, len(part.rows), CHUNK):
            own = slice(k, k + CHUNK)
            rows = part.rows[own]
            scores[rows], errors[rows] = _posterior_mode(
                found.codes[rows], found.bounds, found.slopes, part.mean[own], part.prior, part.shift[own]
            )
    return scores, errors


def _warn_of_dependence(errors: Array, names: list[str]) -> None:
    """Say that residual covariances of ordinal items do not enter the scores."""
    row, column = np.nonzero(np.triu(np.abs(errors) > 1e-12, 1))
    if len(row):
        pairs = [f"{names[a]} ~~ {names[b]}" for a, b in zip(row, column, strict=True)]
        fact = (
            "scores of ordinal items take answers as independent given the factors, and leave out residual "
            f"covariances of the model: {name_offenders(pairs)}; the standard errors of scores are too small."
        )
        hint = "score without the items concerned, or use estimator='MLR' for scores."
        warn_user(fact_and_hint("factor_scores", fact, hint))


def _posterior_mode(
    codes: Array, bounds: Array, slopes: Array, mean: Array, prior: Array, shift: Array | float = 0.0
) -> tuple[Array, Array]:
    """Modes and their errors; `mean` may differ between rows, and `shift` moves the responses."""
    seen = ~np.isnan(codes)
    index = np.where(seen, codes, 0).astype(int)
    items = np.arange(len(bounds))
    lower = np.where(seen, bounds[items, index], -np.inf)
    upper = np.where(seen, bounds[items, index + 1], np.inf)
    if is_indefinite(prior):
        fact, hint = (
            "the factors have no positive definite covariance; there are no scores.",
            "merge factors.",
        )
        raise NotEstimableError(fact_and_hint("factor_scores", fact, hint))
    roots = root_of(prior)  # eta = mean + roots xi, so that what has no variance stays where it is
    moved = mean @ slopes.T + shift
    lower, upper, slopes = lower - moved, upper - moved, slopes @ roots
    eta = np.zeros((len(codes), roots.shape[1]))
    value, gradient, curvature = _log_posterior(eta, lower, upper, slopes)
    active = np.arange(len(codes))
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(curvature[active], gradient[active][:, :, None])[:, :, 0]
        active, step = (
            active[np.abs(step).max(axis=1) > TOLERANCE],
            step[np.abs(step).max(axis=1) > TOLERANCE],
        )
        if not len(active):
            break
        trial = eta[active] + step
        new = _log_posterior(trial, lower[active], upper[active], slopes)
        worse = new[0] < value[active] - 1e-12 * np.abs(value[active])
        for _ in range(30):
            if not worse.any():
                break
            step[worse] *= 0.5
            trial = eta[active] + step
            new = _log_posterior(trial, lower[active], upper[active], slopes)
            worse = new[0] < value[active] - 1e-12 * np.abs(value[active])
        eta[active] = trial
        value[active], gradient[active], curvature[active] = new
    spread = roots @ np.linalg.inv(curvature) @ roots.T
    return mean + eta @ roots.T, np.sqrt(np.maximum(np.diagonal(spread, axis1=1, axis2=2), 0.0))


def _log_posterior(eta: Array, lower: Array, upper: Array, slopes: Array) -> tuple[Array, Array, Array]:
    """Log posterior, gradient and negative second derivatives of every row, the prior standard normal."""
    shift = eta @ slopes.T
    log_mass, first, second = interval_slopes(lower - shift, upper - shift)
    value = log_mass.sum(axis=1) - 0.5 * np.einsum("ij,ij->i", eta, eta)
    gradient = first @ slopes - eta
    curvature = np.einsum("ni,ik,il->nkl", second, slopes, slopes, optimize=True) + np.eye(eta.shape[1])
    return value, gradient, curvature
