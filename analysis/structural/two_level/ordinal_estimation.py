"""Two-level models with ordinal items by diagonally weighted least squares on the moments of both levels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np

from analysis.structural.estimation.continuous_groups import ExogenousValues
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fitted import (
    Fitted,
    parameter_names,
    refuse_negative_df,
    refuse_unconverged,
)
from analysis.structural.estimation.indices import correlation_residual
from analysis.structural.estimation.information import Block
from analysis.structural.estimation.mixed import with_covariates
from analysis.structural.estimation.optimise import minimise, minimise_from, settle
from analysis.structural.estimation.ordinal import (
    independence,
    indices_without_robust,
    sandwich,
    scaled_shifted,
)
from analysis.structural.estimation.ram import Array
from analysis.structural.estimation.running_off import refuse_running_off
from analysis.structural.estimation.starting import free_markers, on_markers, other_side, start_values
from analysis.structural.language.partable import ParameterTable
from analysis.structural.two_level.any_pair import Levels
from analysis.structural.two_level.data import refuse_wrong_level
from analysis.structural.two_level.estimation import LEAST_MARKER, proper, variances_of_both_levels
from analysis.structural.two_level.ordinal_model import (
    TwoLevelLeastSquares,
    TwoLevelOrdinalGroup,
    TwoLevelOrdinalState,
    build_two_level_group,
    evaluate_two_level,
    level_variables,
    two_level_jacobian,
)
from analysis.structural.two_level.ordinal_moments import (
    TwoLevelOrdinalMoments,
    covariates_given,
    two_level_ordinal_moments,
)
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders, warn_user


def items_of(table: ParameterTable) -> list[str]:
    """Ordinal items: those of level 1 in its order, then those of level 2 only."""
    return [name for name in level_variables(table).all if name in table.options.ordered]


def summarise_two_levels(data: ModelData, table: ParameterTable, caller: str) -> list[TwoLevelOrdinalMoments]:
    """Estimate the moments of every group.

    Raises
    ------
    NotEstimableError
        Too few clusters, or what `two_level_ordinal_moments` refuses.
    """
    own = level_variables(table)
    names, n_above = own.all, len(own.between)
    within, between = (level.exogenous for level in table.level_names)
    sizes = [table.options.ordered.get(name, 0) for name in names]
    levels = Levels(len(own.within), np.array([names.index(name) for name in own.between], dtype=np.int64))
    found = []
    for g, (label, values) in enumerate(zip(data.group_labels, data.values, strict=True)):
        where = "" if label is None else f" in group {label!s}"
        clusters = data.sampling_of(g).clusters
        if clusters is None:
            raise ValueError("a two-level model has clusters")
        n_clusters = len(np.unique(clusters))
        if n_clusters <= n_above:
            fact = f"{n_clusters} clusters for {n_above} variables at level 2{where}."
            hint = "collect more clusters, or model fewer variables between them."
            raise NotEstimableError(fact_and_hint(caller, fact, hint))
        if n_clusters == len(values):
            fact = f"every cluster has one row{where}: levels cannot be told apart."
            raise NotEstimableError(fact_and_hint(caller, fact, "leave out the level blocks."))
        at = {name: k for k, name in enumerate(data.variables)}
        of_clusters = [*between, *own.between[own.both :]]
        if within or of_clusters:
            places = [np.array([at[n] for n in chosen], dtype=np.int64) for chosen in (within, of_clusters)]
            refuse_wrong_level(values, clusters, data.variables, (places[0], places[1]), where, caller)
        x = values[:, [at[name] for name in (*within, *between)]].astype(np.float64)
        given = covariates_given(x, len(within), [*within, *between], caller, where)
        codes = values[:, [at[name] for name in names]]
        moments = two_level_ordinal_moments(codes, clusters, sizes, names, caller, where, given, levels)
        if moments.at_edge:
            pairs = [f"{names[i]}-{names[j]}" for i, j in moments.at_edge]
            fact = (
                f"correlations between clusters at the edge of what is possible{where}: "
                f"{name_offenders(pairs)}; standard errors and test are approximate."
            )
            hint = "hold residual variances of level 2 at zero where theory says so, or add clusters."
            warn_user(fact_and_hint(caller, fact, hint))
        found.append(moments)
    return found


def fit_two_level_ordinal(
    table: ParameterTable, data: ModelData, estimator: str, missing: str, caller: str
) -> Fitted:
    """Estimate a two-level model with ordinal items.

    Parameters
    ----------
    table
        The completed parameter table, with level names.
    data
        Codes of ordinal items and numbers per group, with their clusters.
    estimator
        "WLSMV" (diagonal weights) or "ULSMV" (equal weights).
    missing
        "pairwise" or "listwise".
    caller
        The public function named in messages.
    """
    found = summarise_two_levels(data, table, caller)
    sample, gammas = [m.vector for m in found], [m.acov for m in found]
    weights = [1.0 / np.diag(g) if estimator == "WLSMV" else np.ones(len(g)) for g in gammas]
    sizes = [float(m.n_obs) for m in found]
    n, n_groups = float(sum(sizes)), len(sizes)
    groups = [build_two_level_group(table, g) for g in range(n_groups)]
    reduction = reduce_parameters(table, caller)
    n_moments = sum(map(len, sample))
    refuse_negative_df(n_moments, reduction.n_parameters, caller)
    target = TwoLevelLeastSquares(groups, sample, weights, sizes, table.n_free)
    fixed = [_covariate_values(table, data, block) for block in range(2 * n_groups)]
    covariances, means, thresholds = _starting(table, found, fixed)
    starts = chain(
        _with_unit_variances(table, target, covariances, means, thresholds),
        (start_values(table, covariances, means, thresholds, one_factor=way) for way in (False, True)),
    )
    minimum = minimise_from(target, reduction, starts, partial(other_side, table, covariances=covariances))
    reduction, minimum = settle(reduction, minimum)
    x = reduction.expand(minimum.z)
    names = parameter_names(table, data.group_labels)
    states = [evaluate_two_level(group, x) for group in groups]
    both = [own for state in states for own in (state.within.base, state.between)]
    refuse_running_off(table, data.group_labels, both, caller, converged=minimum.converged)
    refuse_unconverged(minimum, caller, names, np.zeros(len(x)) if minimum.converged else target.gradient(x))
    blocks = [
        Block(two_level_jacobian(group, state, table.n_free), gamma, weight, size / n)
        for group, state, gamma, weight, size in zip(groups, states, gammas, weights, sizes, strict=True)
    ]
    reduced = [Block(b.delta @ reduction.basis, b.gamma, b.weight, b.share) for b in blocks]
    vcov = sandwich(reduced, reduction.basis, names, sizes, caller)
    test = scaled_shifted(minimum.value * n, n_moments - reduction.n_parameters, reduced)
    baseline = independence(sample, gammas, weights, sizes, found[0].n_first)
    residuals = _residuals(found, list(zip(groups, states, strict=True)), sizes)
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
            with_covariates(own, fixed[block], table.names_of(block).observed)
            for block, own in enumerate(s for state in states for s in (state.within.base, state.between))
        ],
        scales=[s for state in states for s in (state.scales, state.above.scales)],
        sample_means=[],
        sample_covariances=_sample_covariances(table, found, fixed),
        sample_thresholds=[np.concatenate(m.thresholds) for m in found],
        sizes=[m.n_obs for m in found],
        totals=sizes,
        test=test,
        baseline=baseline,
        fit=fit,
        blocks=blocks,
        thresholds=[s.thresholds for s in states],
        exogenous_values=fixed,
        two_level_moments=sample,
    )


def _covariate_values(table: ParameterTable, data: ModelData, block: int) -> ExogenousValues:
    """Means and covariances of the covariates of one level: of rows, or of clusters that count once each."""
    rows = [row for row in table.rows if row.exogenous and row.group == block]
    values, group = data.values[block // 2], block // 2
    if block % 2:
        clusters = data.sampling_of(group).clusters
        if clusters is None:
            raise ValueError("a two-level model has clusters")
        values = values[np.unique(clusters, return_index=True)[1]]
    at = {name: k for k, name in enumerate(data.variables)}
    found: ExogenousValues = {}
    for row in rows:
        left = values[:, at[row.lhs]]
        spread = left.mean() if row.op == "~1" else np.cov(left, values[:, at[row.rhs]])[0, 1]
        found[row.lhs, row.op, row.rhs] = float(spread)
    return found


def _sample_covariances(
    table: ParameterTable, found: list[TwoLevelOrdinalMoments], fixed: list[ExogenousValues]
) -> list[Array]:
    """Covariances given covariates, beside those of the covariates, for both levels of every group."""
    names = level_variables(table)
    covariances: list[Array] = []
    for block, given in enumerate(fixed):
        at = {name: k for k, name in enumerate(table.names_of(block).observed)}
        place = [at[name] for name in (names.between if block % 2 else names.within)]
        own = np.zeros((len(at), len(at)))
        own[np.ix_(place, place)] = found[block // 2].between if block % 2 else found[block // 2].within
        for (left, op, right), value in given.items():
            if op == "~~":
                own[at[left], at[right]] = own[at[right], at[left]] = value
        covariances.append(own)
    return covariances


def _starting(
    table: ParameterTable, found: list[TwoLevelOrdinalMoments], fixed: list[ExogenousValues]
) -> tuple[list[Array], list[Array], list[dict[str, Array]]]:
    """Covariances, means and thresholds to start from, for both levels of every group."""
    covariances = _sample_covariances(table, found, fixed)
    whole = variances_of_both_levels(table, covariances)
    covariances = [proper(own, whole[k]) if k % 2 else own for k, own in enumerate(covariances)]
    names = level_variables(table)
    line = [name for name in names.all if name not in table.options.ordered]
    means: list[Array] = []
    thresholds: list[dict[str, Array]] = []
    for g, m in enumerate(found):
        mean = dict(zip(line, m.means.tolist(), strict=True))
        for block in (2 * g, 2 * g + 1):
            above = names.between if block % 2 else [n for n in names.within if n not in names.between]
            observed = table.names_of(block).observed
            means.append(np.array([mean.get(n, 0.0) if n in above else 0.0 for n in observed]))
        thresholds += [dict(zip(items_of(table), m.thresholds, strict=True))] * 2
    return covariances, means, thresholds


def _with_unit_variances(
    table: ParameterTable,
    target: TwoLevelLeastSquares,
    covariances: list[Array],
    means: list[Array],
    thresholds: list[dict[str, Array]],
) -> Iterator[Array]:
    """Search with unit variances, and give where that ended as a start; nothing where it failed."""
    found = free_markers(table)
    if found is None:
        return
    other, markers = found
    groups = [build_two_level_group(other, g) for g in range(len(target.sample))]
    moved = TwoLevelLeastSquares(groups, target.sample, target.weights, target.sizes, other.n_free)
    start = start_values(other, covariances, means, thresholds, one_factor=True)
    reduction = reduce_parameters(other, "sem")
    minimum = minimise(moved, reduction, reduction.contract(start))
    x = reduction.expand(minimum.z)
    if minimum.converged and all(abs(x[other.rows[k].free]) > LEAST_MARKER for k in markers.values()):
        yield on_markers(table, other, markers, x)


def _residuals(
    found: list[TwoLevelOrdinalMoments],
    fitted: list[tuple[TwoLevelOrdinalGroup, TwoLevelOrdinalState]],
    sizes: list[float],
) -> dict[str, float]:
    """SRMR of both levels, of correlations, and their sum; over groups the mean weighted by rows."""
    roots = np.zeros((len(found), 2))
    for k, (m, (group, state)) in enumerate(zip(found, fitted, strict=True)):
        place = group.place
        roots[k] = (
            correlation_residual(m.within, state.within.base.sigma[np.ix_(group.items, group.items)]),
            correlation_residual(m.between, state.between.sigma[np.ix_(place, place)]),
        )
    within, between = np.array(sizes) @ roots / sum(sizes)
    return {
        "srmr": float(within + between),
        "srmr_within": float(within),
        "srmr_between": float(between),
    }
