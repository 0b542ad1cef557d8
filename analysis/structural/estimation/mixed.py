"""Estimation with ordinal items beside continuous variables and covariates, which are conditioned on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from analysis.correlation.given_covariates import LeastSquaresMoments, moments_given
from analysis.structural.estimation.categorical import (
    OrdinalGroup,
    OrdinalState,
    build_ordinal_group,
    evaluate_ordinal,
    ordinal_jacobian,
    pairs_below,
)
from analysis.structural.estimation.continuous_groups import ExogenousValues
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fitted import (
    Fitted,
    parameter_names,
    refuse_negative_df,
    refuse_unconverged,
)
from analysis.structural.estimation.information import Block
from analysis.structural.estimation.least_squares import LeastSquaresDiscrepancy
from analysis.structural.estimation.optimise import minimise_from, settle
from analysis.structural.estimation.ordinal import (
    independence,
    indices_without_robust,
    sandwich,
    scaled_shifted,
)
from analysis.structural.estimation.ram import Array, State, propagate
from analysis.structural.estimation.rotating import turn_blocks
from analysis.structural.estimation.running_off import refuse_running_off
from analysis.structural.estimation.several_minima import lowest_where_improper
from analysis.structural.estimation.starting import drawn_starts, other_side, start_values
from analysis.structural.language.partable import ParameterTable
from instrument.errors import NotEstimableError, fact_and_hint


def fit_mixed(table: ParameterTable, data: ModelData, estimator: str, missing: str, caller: str) -> Fitted:
    """Estimate a model of ordinal items beside continuous variables or covariates.

    Parameters
    ----------
    table
        The completed parameter table.
    data
        Codes of ordinal items and numbers per group; covariates complete.
    estimator
        "WLSMV" (diagonal weights) or "ULSMV" (equal weights).
    missing
        "pairwise" or "listwise".
    caller
        The public function named in messages.

    Notes
    -----
    Moments are those given the covariates: thresholds and means, slopes, residual variances and covariances
    (Muthen 1984, doi 10.1007/BF02294210). The baseline has no residual covariances and is free otherwise.
    Robust indices are not defined for these models and are NaN.
    """
    groups = [build_ordinal_group(table, g) for g in range(len(data.values))]
    data = _with_answers(data, groups)
    found = [_summarise(data, g, group, caller) for g, group in enumerate(groups)]
    pairs = [pairs_below(group) for group in groups]
    sample = [_stacked(m, group) for m, group in zip(found, groups, strict=True)]
    gammas: list[Array] = [m.acov for m in found]
    weights: list[Array] = [1.0 / np.diag(g) if estimator == "WLSMV" else np.ones(len(g)) for g in gammas]
    sizes = [float(m.n_obs) for m in found]
    reduction = reduce_parameters(table, caller)
    n_moments = sum(map(len, sample))
    refuse_negative_df(n_moments, reduction.n_parameters, caller)
    target = LeastSquaresDiscrepancy(groups, sample, weights, sizes, table.n_free)
    fixed = [_covariate_values(table, data.values[g], g) for g in range(len(groups))]
    covariances = [
        _sample_covariance(m, group, data.values[g])
        for g, (m, group) in enumerate(zip(found, groups, strict=True))
    ]
    means, thresholds = _starting_moments(table, found, groups)
    starts = (start_values(table, covariances, means, thresholds, one_factor=way) for way in (False, True))
    beyond: Callable[[Array], Array | None] = partial(other_side, table, covariances=covariances)
    further = drawn_starts(table, covariances, means, thresholds)
    minimum = minimise_from(target, reduction, starts, beyond, further=further)
    minimum = lowest_where_improper(
        target,
        reduction,
        minimum,
        table,
        lambda: start_values(table, covariances, means, thresholds),
        lambda x: [evaluate_ordinal(group, x).base for group in groups],
    )
    reduction, minimum = settle(reduction, minimum)
    reduction, minimum = turn_blocks(table, groups, reduction, minimum, caller)
    x = reduction.expand(minimum.z)
    names = parameter_names(table, data.group_labels)
    states = [evaluate_ordinal(group, x) for group in groups]
    refuse_running_off(
        table, data.group_labels, [s.base for s in states], caller, converged=minimum.converged
    )
    refuse_unconverged(minimum, caller, names, np.zeros(len(x)) if minimum.converged else target.gradient(x))
    n = float(sum(sizes))
    blocks = [
        Block(ordinal_jacobian(group, state, table.n_free), gamma, weight, size / n)
        for group, state, gamma, weight, size in zip(groups, states, gammas, weights, sizes, strict=True)
    ]
    reduced = [Block(b.delta @ reduction.basis, b.gamma, b.weight, b.share) for b in blocks]
    vcov = sandwich(reduced, reduction.basis, names, sizes, caller)
    test = scaled_shifted(minimum.value * n, n_moments - reduction.n_parameters, reduced)
    n_first = len(sample[0]) - len(pairs[0][0])
    baseline = independence(sample, gammas, weights, sizes, n_first)
    squares = [_residual_square(*parts) for parts in zip(found, groups, states, strict=True)]
    residuals = {"srmr": float(np.array(sizes) / n @ np.sqrt(squares))}
    fit = indices_without_robust(test, baseline, sizes, residuals)
    return Fitted(
        caller=caller,
        estimator=estimator,
        missing=missing,
        table=table,
        data=data,
        reduction=reduction,
        minimum=minimum,
        x=x,
        vcov=vcov,
        states=[
            with_covariates(s.base, own, table.names.observed) for s, own in zip(states, fixed, strict=True)
        ],
        scales=[s.scales for s in states],
        sample_means=[],
        sample_covariances=covariances,
        sample_thresholds=[s[: len(states[0].thresholds)] for s in sample],
        sizes=[m.n_obs for m in found],
        totals=sizes,
        test=test,
        baseline=baseline,
        fit=fit,
        blocks=blocks,
        thresholds=[s.thresholds for s in states],
        exogenous_values=fixed,
        sample_moments=sample,
    )


def _with_answers(data: ModelData, groups: list[OrdinalGroup]) -> ModelData:
    """Leave out rows that answered nothing but covariates."""
    kept = [
        ~np.isnan(values[:, group.explained]).all(axis=1)
        for values, group in zip(data.values, groups, strict=True)
    ]
    return replace(
        data,
        values=[v[k] for v, k in zip(data.values, kept, strict=True)],
        positions=[p[k] for p, k in zip(data.positions, kept, strict=True)],
    )


def _summarise(data: ModelData, g: int, group: OrdinalGroup, caller: str) -> LeastSquaresMoments:
    values, explained = data.values[g].astype(np.float64), group.explained
    found = moments_given(
        values[:, explained],
        np.isin(explained, group.ordinal),
        values[:, group.covariates],
        [data.variables[k] for k in explained],
        caller,
    )
    variances = np.diag(found.acov)
    if not np.isfinite(variances).all() or (variances <= 0).any():
        label = data.group_labels[g]
        where = "" if label is None else f" in group {label!s}"
        fact = f"the asymptotic covariance of the moments is degenerate{where}."
        raise NotEstimableError(
            fact_and_hint(caller, fact, "collect more answers, or merge rare categories.")
        )
    return found


def _stacked(m: LeastSquaresMoments, group: OrdinalGroup) -> Array:
    """The sample's moments in the order of the model's."""
    line = np.isin(group.explained, group.continuous)
    row, column = np.tril_indices(len(m.covariance), -1)
    order = np.lexsort((row, column))
    below = m.covariance[row[order], column[order]]
    variances = np.diag(m.covariance)[line]
    return np.concatenate([*m.thresholds, m.means, m.slopes.ravel(), variances, below])


def _sample_covariance(m: LeastSquaresMoments, group: OrdinalGroup, values: Array) -> Array:
    """Residual covariances, beside the covariances of the covariates, in the order of the variables."""
    size = values.shape[1]
    found = np.zeros((size, size))
    found[np.ix_(group.explained, group.explained)] = m.covariance
    if len(group.covariates):
        own = np.atleast_2d(np.cov(values[:, group.covariates], rowvar=False))
        found[np.ix_(group.covariates, group.covariates)] = own
    return found


def _covariate_values(table: ParameterTable, values: Array, group: int) -> ExogenousValues:
    at = {name: k for k, name in enumerate(table.names.observed)}
    found: ExogenousValues = {}
    for row in table.rows:
        if row.exogenous and row.group == group:
            left = values[:, at[row.lhs]]
            mean = row.op == "~1"
            found[row.lhs, row.op, row.rhs] = float(
                left.mean() if mean else np.cov(left, values[:, at[row.rhs]])[0, 1]
            )
    return found


def _starting_moments(
    table: ParameterTable, found: list[LeastSquaresMoments], groups: list[OrdinalGroup]
) -> tuple[list[Array], list[dict[str, Array]]]:
    means: list[Array] = []
    thresholds: list[dict[str, Array]] = []
    for m, group in zip(found, groups, strict=True):
        mean = np.zeros(len(table.names.observed))
        mean[group.continuous] = m.means
        means.append(mean)
        names = [table.names.observed[k] for k in group.ordinal]
        thresholds.append(dict(zip(names, m.thresholds, strict=True)))
    return means, thresholds


def with_covariates(state: State, fixed: ExogenousValues, names: list[str]) -> State:
    """Give the matrices with the moments that the covariates have in the sample.

    Parameters
    ----------
    state
        The model given the covariates.
    fixed
        Means and covariances of the covariates.
    names
        Observed variables.
    """
    if not fixed:
        return state
    symmetric, intercepts = state.symmetric.copy(), np.linalg.solve(state.total, state.mean)
    at = {name: k for k, name in enumerate(names)}
    for (left, op, right), value in fixed.items():
        if op == "~1":
            intercepts[at[left]] = value
        else:
            symmetric[at[left], at[right]] = symmetric[at[right], at[left]] = value
    return propagate(state.directed, symmetric, intercepts, state.observed)


def _residual_square(m: LeastSquaresMoments, group: OrdinalGroup, state: OrdinalState) -> float:
    """Mean squared residual of the covariances, on the scale of the sample's standard deviations."""
    explained = group.explained
    scales = state.scales[explained]
    implied = state.base.sigma[np.ix_(explained, explained)] * np.outer(scales, scales)
    spread = np.sqrt(np.diag(m.covariance))
    gap = (m.covariance - implied) / np.outer(spread, spread)
    p = len(explained)
    return float(np.sum(np.tril(gap) ** 2) / (p * (p + 1) / 2))
