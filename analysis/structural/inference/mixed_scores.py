"""Factor scores where ordinal items stand beside continuous variables or covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array
from analysis.structural.inference.measurement import measurement
from instrument.errors import NotEstimableError, fact_and_hint


@dataclass(frozen=True, slots=True, eq=False)
class RowsAlike:
    """Rows whose continuous variables have the same gaps, and what is left to learn from their ordinal items.

    Attributes
    ----------
    rows
        Their places, shape (n,).
    mean, prior
        Of the factors given covariates and continuous variables: shapes (n, m) and (m, m).
    shift
        What covariates add to the responses over their residual deviation, shape (n, p).
    """

    rows: np.ndarray
    mean: Array
    prior: Array
    shift: Array


@dataclass(frozen=True, slots=True, eq=False)
class MixedPosterior:
    """Ordinal items of one group with what the rest says of the factors.

    Attributes
    ----------
    codes
        Of the ordinal items, NaN where unanswered, shape (n, p).
    bounds
        Thresholds less intercepts over the residual deviation, shape (p, categories + 1).
    slopes
        Loadings over the residual deviation, shape (p, m).
    errors
        Covariance of the errors of all observed variables that the scores leave out but for its diagonal.
    parts
        Rows with the same gaps.
    """

    codes: Array
    bounds: Array
    slopes: Array
    errors: Array
    parts: list[RowsAlike]


def mixed_posterior(fitted: Fitted, group: int) -> MixedPosterior:
    """Take in covariates and continuous variables, which leave a normal distribution of the factors.

    With prior mean a = m + Gamma x and covariance Psi, and y = nu + Lambda eta + K x + e continuous, factors
    given x and y have mean a + G (y - nu - K x - Lambda a) and covariance Psi - G Lambda Psi,
    G = Psi Lambda'(Lambda Psi Lambda' + Theta)^-1.

    Parameters
    ----------
    fitted
        A mixed model.
    group
        Number of the group.

    Raises
    ------
    NotEstimableError
        Factors that observed outcomes predict, or a residual variance that is not positive.
    """
    template = build_ordinal_group(fitted.table, group)
    base = (state := evaluate_ordinal(template, fitted.x)).base
    p = len(fitted.table.names.observed)
    ordinal, line, covariates = template.ordinal, template.continuous, template.covariates
    if np.any(base.directed[p:, template.explained]):
        fact = "factors are predicted by observed outcomes, which scores do not take into account."
        hint = "measure the outcome by a factor of its own, as in 'g =~ y'."
        raise NotEstimableError(fact_and_hint("factor_scores", fact, hint))
    loadings, errors, intercepts, latent_mean, prior = measurement(base, p)
    deviation = np.sqrt(np.maximum(np.diag(errors)[ordinal], 0.0))
    if not np.all(deviation > 0.0):
        raise NotEstimableError(
            fact_and_hint("factor_scores", "a residual variance is not positive.", "respecify the model.")
        )
    values = fitted.data.values[group]
    x = values[:, covariates]
    direct = np.linalg.inv(np.eye(p) - base.directed[:p, :p])[:, covariates]
    mean = latent_mean + x @ base.total[p:, covariates].T
    bounds = np.full((len(ordinal), max(fitted.table.options.ordered.values()) + 1), np.inf)
    bounds[:, 0] = -np.inf
    for k, item in enumerate(ordinal):
        own = state.thresholds[template.item == item]
        bounds[k, 1 : len(own) + 1] = (own - intercepts[item]) / deviation[k]
    left = values[:, line] - intercepts[line] - x @ direct[line].T - mean @ loadings[line].T
    shift = x @ direct[ordinal].T / deviation
    parts = []
    patterns, member = np.unique(~np.isnan(left), axis=0, return_inverse=True)
    for k, seen in enumerate(patterns):
        rows, own = np.flatnonzero(member.ravel() == k), line[seen]
        onto = loadings[own]
        spread = onto @ prior @ onto.T + errors[np.ix_(own, own)]
        gain = np.linalg.solve(spread, onto @ prior).T
        told = mean[rows] + left[np.ix_(rows, np.flatnonzero(seen))] @ gain.T
        parts.append(RowsAlike(rows, told, prior - gain @ onto @ prior, shift[rows]))
    outside = errors.copy()
    outside[np.ix_(line, line)] = np.diag(np.diag(errors)[line])
    return MixedPosterior(values[:, ordinal], bounds, loadings[ordinal] / deviation[:, None], outside, parts)
