"""Estimation with ordinal items: diagonally weighted or unweighted least squares with robust tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np

from analysis.correlation.moments import OrdinalMoments, ordinal_moments
from analysis.structural.estimation.categorical import (
    OrdinalState,
    build_ordinal_group,
    evaluate_ordinal,
    ordinal_jacobian,
)
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fitted import (
    Fitted,
    ScaledTest,
    parameter_names,
    refuse_negative_df,
    refuse_unconverged,
)
from analysis.structural.estimation.indices import Statistic, index_set
from analysis.structural.estimation.information import (
    Block,
    invert_information,
    projected_trace,
    residual_traces,
)
from analysis.structural.estimation.least_squares import LeastSquaresDiscrepancy
from analysis.structural.estimation.normal import saturated_information
from analysis.structural.estimation.optimise import minimise_from, settle
from analysis.structural.estimation.ram import Array, vech_places
from analysis.structural.estimation.rotating import turn_blocks
from analysis.structural.estimation.running_off import refuse_running_off
from analysis.structural.estimation.several_minima import lowest_where_improper
from analysis.structural.estimation.starting import (
    drawn_starts,
    free_markers,
    may_have_several_minima,
    on_markers,
    other_side,
    start_values,
)
from analysis.structural.language.partable import ParameterTable
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders


def summarise_ordinal(data: ModelData, missing: str, caller: str) -> list[OrdinalMoments]:
    """Compute thresholds, polychorics and their Gamma per group; degenerate pairs are refused."""
    found = []
    for g, (label, values) in enumerate(zip(data.group_labels, data.values, strict=True)):
        where = "" if label is None else f" in group {label!s}"
        moments = ordinal_moments(
            values,
            "listwise" if missing == "listwise" else "pairwise",
            True,
            names=data.variables,
            caller=caller,
            sampling=data.sampling_of(g),
        )
        if moments.at_bound.any():
            first, second = np.triu_indices(len(data.variables), 1)
            pairs = [
                f"{data.variables[first[k]]}-{data.variables[second[k]]}"
                for k in np.flatnonzero(moments.at_bound)
            ]
            raise NotEstimableError(
                fact_and_hint(
                    caller,
                    f"polychoric correlations at 1 or -1{where}: {name_offenders(pairs)}.",
                    "drop one item of each pair, or merge rare categories.",
                )
            )
        degenerate = np.any(np.diag(gamma_of(moments)) <= 0.0) or not np.isfinite(gamma_of(moments)).all()
        if degenerate:
            raise NotEstimableError(
                fact_and_hint(
                    caller,
                    f"the asymptotic covariance of the correlations is degenerate{where}.",
                    "collect more answers, or merge rare categories.",
                )
            )
        found.append(moments)
    return found


def fit_ordinal(
    table: ParameterTable,
    data: ModelData,
    estimator: str,
    missing: str,
    caller: str,
    moments: list[OrdinalMoments] | None = None,
) -> Fitted:
    """Estimate a model of ordinal items.

    Parameters
    ----------
    table
        The completed parameter table; all observed variables are ordinal.
    data
        Codes per group.
    estimator
        "WLSMV" (diagonal weights) or "ULSMV" (equal weights).
    missing
        "pairwise" or "listwise".
    caller
        The public function named in messages.
    moments
        Sample moments from an earlier call on the same data.
    """
    found = moments or summarise_ordinal(data, missing, caller)
    sample = [
        np.concatenate([*m.thresholds, m.correlations[vech_places(len(data.variables), False)]])
        for m in found
    ]
    gammas = [gamma_of(m) for m in found]
    weights = [least_squares_weights(m, estimator) for m in found]
    sizes = [m.total for m in found]
    groups = [build_ordinal_group(table, g) for g in range(len(found))]
    reduction = reduce_parameters(table, caller)
    n_moments = sum(map(len, sample))
    refuse_negative_df(n_moments, reduction.n_parameters, caller)
    target = LeastSquaresDiscrepancy(groups, sample, weights, sizes, table.n_free)
    correlations: list[Array] = [m.correlations for m in found]
    means: list[Array] = [np.zeros(len(data.variables)) for _ in found]
    thresholds: list[dict[str, Array]] = [
        dict(zip(table.names.observed, m.thresholds, strict=True)) for m in found
    ]
    starts = chain(
        (start_values(table, correlations, means, thresholds, one_factor=way) for way in (False, True)),
        _with_unit_variances(table, target, correlations, means, thresholds),
    )
    beyond = partial(other_side, table, covariances=correlations)
    further = (
        _with_unit_variances(table, target, correlations, means, thresholds)
        if may_have_several_minima(table) and free_markers(table) is not None
        else drawn_starts(table, correlations, means, thresholds)
    )
    minimum = minimise_from(target, reduction, starts, beyond, further=further)
    minimum = lowest_where_improper(
        target,
        reduction,
        minimum,
        table,
        lambda: start_values(table, correlations, means, thresholds),
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
    slope = np.zeros(len(x)) if minimum.converged else target.gradient(x)
    refuse_unconverged(minimum, caller, names, slope)
    n = float(sum(sizes))
    blocks = [
        Block(ordinal_jacobian(group, state, table.n_free), gamma, weight, size / n)
        for group, state, gamma, weight, size in zip(groups, states, gammas, weights, sizes, strict=True)
    ]
    reduced = [Block(b.delta @ reduction.basis, b.gamma, b.weight, b.share) for b in blocks]
    vcov = sandwich(reduced, reduction.basis, names, sizes, caller)
    test = scaled_shifted(minimum.value * n, n_moments - reduction.n_parameters, reduced)
    n_thresholds = len(sample[0]) - len(data.variables) * (len(data.variables) - 1) // 2
    baseline = independence(sample, gammas, weights, sizes, n_thresholds)
    fit = _indices(test, baseline, sample, states, reduced, sizes, n_thresholds)
    fit["pvalue"] = math.nan  # the uncorrected statistic follows no chi-square distribution
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
        states=[s.base for s in states],
        scales=[s.scales for s in states],
        sample_means=[],
        sample_covariances=[m.correlations for m in found],
        sample_thresholds=[s[:n_thresholds] for s in sample],
        sizes=[m.n_obs for m in found],
        test=test,
        baseline=baseline,
        fit=fit,
        totals=sizes,
        blocks=blocks,
        thresholds=[s.thresholds for s in states],
    )


def indices_without_robust(
    test: ScaledTest, baseline: ScaledTest, sizes: list[float], residuals: dict[str, float]
) -> dict[str, float]:
    """Give plain and scaled indices where robust ones are not defined: these are NaN.

    Parameters
    ----------
    test, baseline
        Of the model and of independence.
    sizes
        Rows of every group.
    residuals
        SRMR, by name.
    """
    n, g = float(sum(sizes)), len(sizes)
    plain = Statistic(chisq=test.chisq, df=test.df, baseline=baseline.chisq, baseline_df=baseline.df)
    scaled = Statistic(chisq=test.scaled, df=test.df, baseline=baseline.scaled, baseline_df=baseline.df)
    fit = {"chisq": test.chisq, "df": float(test.df), "pvalue": math.nan, **index_set(plain, n - g, g)}
    fit |= residuals
    fit |= {"chisq_scaled": test.scaled, "df_scaled": float(test.df), "pvalue_scaled": test.scaled_pvalue}
    fit["chisq_scaling_factor"] = test.factor
    fit |= index_set(scaled, n - g, g, "_scaled")
    return fit | dict.fromkeys(index_set(scaled, n - g, g, "_robust"), math.nan)


def _with_unit_variances(
    table: ParameterTable,
    target: LeastSquaresDiscrepancy,
    correlations: list[Array],
    means: list[Array],
    thresholds: list[dict[str, Array]],
) -> Iterator[Array]:
    """Search with unit variances, and give where that ended as a start; nothing where it failed."""
    found = free_markers(table)
    if found is None:
        return
    other, markers = found
    groups = [build_ordinal_group(other, g) for g in range(len(target.sample))]
    moved = LeastSquaresDiscrepancy(groups, target.sample, target.weights, target.sizes, other.n_free)
    starts = (start_values(other, correlations, means, thresholds, one_factor=way) for way in (False, True))
    reduction = reduce_parameters(other, "cfa")
    further = drawn_starts(other, correlations, means, thresholds)
    minimum = minimise_from(moved, reduction, starts, lambda _: None, further=further)
    if minimum.converged:
        yield on_markers(table, other, markers, reduction.expand(minimum.z))


def gamma_of(moments: OrdinalMoments) -> Array:
    """Give the asymptotic covariance of thresholds and correlations."""
    if moments.acov is None:
        raise ValueError("moments were computed without their asymptotic covariance")
    return moments.acov


def _spread(moments: OrdinalMoments) -> Array:
    if moments.independent_acov is None:
        raise ValueError("moments were computed without their asymptotic covariance")
    return moments.independent_acov


def least_squares_weights(moments: OrdinalMoments, estimator: str) -> Array:
    """Give the diagonal of the weight matrix: inverse variances for WLSMV, ones for ULSMV."""
    spread = _spread(moments)
    return 1.0 / spread if estimator == "WLSMV" else np.ones(len(spread))


def sandwich(blocks: list[Block], basis: Array, names: list[str], sizes: list[float], caller: str) -> Array:
    """Covariance of the estimates: (D'WD)^-1 D'W Gamma W D (D'WD)^-1 / (N - groups)."""
    second = np.sum([b.share * b.delta.T @ (b.weight[:, None] * b.delta) for b in blocks], axis=0)
    free_names = [names[int(np.argmax(np.abs(column)))] for column in basis.T]
    bread = invert_information(second, free_names, caller)
    meat = np.zeros_like(bread)
    for block in blocks:
        pulled = block.weight[:, None] * block.delta
        meat += block.share * pulled.T @ block.gamma @ pulled
    covariance: Array = basis @ bread @ meat @ bread @ basis.T / (sum(sizes) - len(sizes))
    return covariance


def scaled_shifted(chisq: float, df: int, blocks: list[Block]) -> ScaledTest:
    """Mean and variance adjustment that keeps df (Asparouhov & Muthen 2010)."""
    if df == 0:
        return ScaledTest(chisq=chisq, df=0)
    first, second = residual_traces(blocks)
    scale = math.sqrt(df / second)
    return ScaledTest(chisq=chisq, df=df, factor=1.0 / scale, shift=df - scale * first)


def independence(
    sample: list[Array], gammas: list[Array], weights: list[Array], sizes: list[float], n_thresholds: int
) -> ScaledTest:
    """Test of zero correlations with free thresholds."""
    part = slice(n_thresholds, None)
    chisq = sum(
        (n - 1) * float(w[part] @ s[part] ** 2) for s, w, n in zip(sample, weights, sizes, strict=True)
    )
    df = sum(len(s) - n_thresholds for s in sample)
    if df == 0:  # one ordinal variable given covariates has no correlation
        return ScaledTest(chisq=chisq, df=0)
    products = [w[part, None] * g[part, part] for w, g in zip(weights, gammas, strict=True)]
    first = sum(float(np.trace(m)) for m in products)
    second = sum(float(np.sum(m * m.T)) for m in products)
    scale = math.sqrt(df / second)
    return ScaledTest(chisq=chisq, df=df, factor=1.0 / scale, shift=df - scale * first)


def _indices(
    test: ScaledTest,
    baseline: ScaledTest,
    sample: list[Array],
    states: list[OrdinalState],
    blocks: list[Block],
    sizes: list[float],
    n_thresholds: int,
) -> dict[str, float]:
    """All fit indices by name."""
    n, g = sum(sizes), len(sizes)
    plain = Statistic(chisq=test.chisq, df=test.df, baseline=baseline.chisq, baseline_df=baseline.df)
    fit = {"chisq": test.chisq, "df": float(test.df), "pvalue": test.pvalue, **index_set(plain, n - g, g)}
    p = len(states[0].scales)
    squares = [
        np.sum((s - state.moments)[n_thresholds:] ** 2) / (p * (p + 1) / 2)
        for s, state in zip(sample, states, strict=True)
    ]
    fit["srmr"] = float(np.array(sizes) / n @ np.sqrt(squares))
    scaled = Statistic(chisq=test.scaled, df=test.df, baseline=baseline.scaled, baseline_df=baseline.df)
    fit |= {"chisq_scaled": test.scaled, "df_scaled": float(test.df), "pvalue_scaled": test.scaled_pvalue}
    fit["chisq_scaling_factor"] = test.factor
    fit |= index_set(scaled, n - g, g, "_scaled")
    robust = robust_statistic(sample, states, blocks, sizes, n_thresholds)
    return fit | index_set(robust, n, g, "_robust")


def robust_statistic(
    sample: list[Array],
    states: list[OrdinalState],
    blocks: list[Block],
    sizes: list[float],
    n_thresholds: int,
) -> Statistic:
    """Give the normal-theory discrepancy at the least-squares estimates, with its expectation (Savalei 2021).

    It speaks of the correlations, so its degrees of freedom are the correlations less the rank of their
    derivatives: constraints on thresholds alone leave them as they are. NaN where a matrix of polychorics is
    not positive definite.

    Parameters
    ----------
    sample
        Thresholds and correlations, per group.
    states
        Implied ones.
    blocks
        With derivatives by the parameters that are free of constraints.
    sizes
        Rows.
    n_thresholds
        Of all items.
    """
    g, p = len(sizes), len(states[0].scales)
    row, column = vech_places(p)
    below = np.flatnonzero(row != column)
    chisq = base = base_expected = 0.0
    weights = []
    df = sum(len(s) - n_thresholds for s in sample) - _rank(blocks, n_thresholds)
    for s, state, block, size in zip(sample, states, blocks, sizes, strict=True):
        observed, implied = (
            _correlation_matrix(s[n_thresholds:], p),
            _correlation_matrix(state.moments[n_thresholds:], p),
        )
        if np.linalg.eigvalsh(observed)[0] <= 0 or np.linalg.eigvalsh(implied)[0] <= 0:
            return Statistic(
                chisq=math.nan, df=max(df, 1), baseline=math.nan, baseline_df=1, correction=math.nan
            )
        inverse = np.linalg.inv(implied)
        log_det = np.linalg.slogdet(observed)[1]
        chisq += size * float(np.linalg.slogdet(implied)[1] - log_det + np.sum(inverse * observed) - p)
        weight = np.zeros_like(block.gamma)
        weight[n_thresholds:, n_thresholds:] = saturated_information(inverse, False)[np.ix_(below, below)]
        weights.append(weight)
        base -= size * float(log_det)
        base_expected += float(np.trace(block.gamma[n_thresholds:, n_thresholds:]))
    base_df = len(below) * g
    return Statistic(
        chisq=chisq,
        df=df,
        baseline=base,
        baseline_df=base_df,
        correction=projected_trace(blocks, weights) / df if df else math.nan,
        baseline_correction=base_expected / base_df,
    )


def _rank(blocks: list[Block], n_thresholds: int) -> int:
    """Rank of the derivatives of all correlations."""
    return int(np.linalg.matrix_rank(np.vstack([b.delta[n_thresholds:] for b in blocks])))


def _correlation_matrix(below: Array, p: int) -> Array:
    matrix = np.eye(p)
    row, column = vech_places(p, False)
    matrix[row, column] = below
    matrix[column, row] = below
    return matrix
