"""Estimation with continuous variables: ML and MLR, complete rows or full information."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np

from analysis.structural.estimation import fiml
from analysis.structural.estimation.complete_data import complete_data_statistic
from analysis.structural.estimation.composite_search import search_composites
from analysis.structural.estimation.continuous_groups import Setting, exogenous_values, summarise_groups
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fiml import FimlDiscrepancy
from analysis.structural.estimation.fitted import (
    Fitted,
    ScaledTest,
    parameter_names,
    refuse_negative_df,
    refuse_unconverged,
)
from analysis.structural.estimation.independence import independence_test, independence_trace
from analysis.structural.estimation.indices import Statistic, index_set, residual_square, rmsea
from analysis.structural.estimation.information import (
    invert_information,
    moment_rows,
    parameter_scores,
    saturated_trace,
)
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import Minimum, Reduction, minimise, minimise_from, settle
from analysis.structural.estimation.ram import Array, State, build_group, evaluate
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

LOG_2_PI = math.log(2.0 * math.pi)


def fit_continuous(
    table: ParameterTable, data: ModelData, estimator: str, full_information: bool, caller: str
) -> Fitted:
    """Estimate a model of continuous variables.

    Parameters
    ----------
    table
        The completed parameter table.
    data
        Rows per group, complete unless `full_information`.
    estimator
        "ML" or "MLR".
    full_information
        Whether incomplete rows are used.
    caller
        The public function named in messages.
    """
    samples = summarise_groups(data, full_information, caller)
    fixed = exogenous_values(table, samples)
    groups = [build_group(table, g, fixed[g]) for g in range(len(samples))]
    with_means = table.options.meanstructure
    at = {name: k for k, name in enumerate(table.names.observed)}
    rows = moment_rows(len(at), [at[n] for n in table.names.exogenous], with_means)
    reduction = reduce_parameters(table, caller)
    setting = Setting(table, samples, groups, reduction, rows, with_means, full_information)
    explained = len(rows) * len(groups) - sum(row.role == "block" for row in table.rows)
    refuse_negative_df(explained, reduction.n_parameters, caller)
    if table.names.composites:
        target, minimum, reduction = search_composites(setting, estimator, caller)
    else:
        target, minimum = _search(setting)
        reduction, minimum = settle(reduction, minimum)
        reduction, minimum = turn_blocks(table, groups, reduction, minimum, caller)
    setting = replace(setting, reduction=reduction)
    x = reduction.expand(minimum.z)
    names = parameter_names(table, data.group_labels)
    states = [evaluate(group, x) for group in groups]
    refuse_running_off(table, data.group_labels, states, caller, converged=minimum.converged)
    refuse_unconverged(minimum, caller, names, minimum_slope(target, x, minimum))
    test, baseline, vcov, traces = _inference(setting, target, minimum, x, states, estimator, names, caller)
    fit = indices_at(setting, states, test, baseline, estimator, traces)
    return Fitted(
        caller=caller,
        estimator=estimator,
        missing="fiml" if full_information else "listwise",
        table=table,
        data=data,
        reduction=reduction,
        minimum=minimum,
        x=x,
        vcov=vcov,
        states=states,
        scales=[np.ones(len(at)) for _ in groups],
        sample_means=[s.mean for s in samples],
        sample_covariances=[s.covariance for s in samples],
        sample_thresholds=[],
        sizes=[len(s.values) for s in samples],
        totals=[s.n for s in samples],
        test=test,
        baseline=baseline,
        fit=fit,
        blocks=[],
        samples=samples,
        exogenous_values=fixed,
    )


def minimum_slope(target: NormalDiscrepancy | FimlDiscrepancy, x: Array, minimum: Minimum) -> Array:
    """Gradient where the search ended, zeros where it converged."""
    if minimum.converged or not np.isfinite(minimum.value):
        return np.zeros(len(x))
    return target.gradient(x)


def _search(setting: Setting) -> tuple[NormalDiscrepancy | FimlDiscrepancy, Minimum]:
    """Fit the saturated moments first; with missing answers that is where the full search starts."""
    samples, table = setting.samples, setting.table
    moments = [Moments(s.n, s.mean, s.covariance) for s in samples]
    complete = NormalDiscrepancy(setting.groups, moments, table.n_free, setting.with_means)
    covariances, means = [s.covariance for s in samples], [s.mean for s in samples]
    starts = chain(
        (start_values(table, covariances, means, [], one_factor=way) for way in (False, True)),
        _with_unit_variances(setting, moments),
    )
    beyond = partial(other_side, table, covariances=covariances)
    further = (
        _with_unit_variances(setting, moments)
        if may_have_several_minima(table) and free_markers(table) is not None
        else drawn_starts(table, covariances, means, [])
    )
    minimum = minimise_from(complete, setting.reduction, starts, beyond, further=further)
    minimum = lowest_where_improper(
        complete,
        setting.reduction,
        minimum,
        table,
        lambda: start_values(table, covariances, means, []),
        lambda x: [evaluate(group, x) for group in setting.groups],
    )
    if not setting.full_information or all(len(s.patterns.n) == 1 for s in samples):
        return complete, minimum
    target = FimlDiscrepancy(
        setting.groups, [s.patterns for s in samples], [(s.mean, s.covariance) for s in samples], table.n_free
    )
    if minimum.converged:
        return target, replace(minimise(target, setting.reduction, minimum.z), lower=minimum.lower)
    again = (start_values(table, covariances, means, [], one_factor=way) for way in (False, True))
    return target, minimise_from(target, setting.reduction, again, beyond)


def _with_unit_variances(setting: Setting, moments: list[Moments]) -> Iterator[Array]:
    """Search with unit variances, and give where that ended as a start; nothing where it failed."""
    found = free_markers(setting.table)
    if found is None:
        return
    other, markers = found
    groups = [
        build_group(other, g, fixed) for g, fixed in enumerate(exogenous_values(other, setting.samples))
    ]
    target = NormalDiscrepancy(groups, moments, other.n_free, setting.with_means)
    covariances, means = [m.covariance for m in moments], [m.mean for m in moments]
    starts = (start_values(other, covariances, means, [], one_factor=way) for way in (False, True))
    reduction = reduce_parameters(other, "cfa")
    further = drawn_starts(other, covariances, means, [])
    minimum = minimise_from(target, reduction, starts, lambda _: None, further=further)
    if minimum.converged:
        yield on_markers(setting.table, other, markers, reduction.expand(minimum.z))


def _inference(
    setting: Setting,
    target: NormalDiscrepancy | FimlDiscrepancy,
    minimum: Minimum,
    x: Array,
    states: list[State],
    estimator: str,
    names: list[str],
    caller: str,
) -> tuple[ScaledTest, ScaledTest, Array, tuple[float, float]]:
    """Tests and the covariance of the estimates."""
    n, basis = setting.n, setting.reduction.basis
    robust = estimator == "MLR"
    observed = robust or setting.full_information
    second = target.observed(x) if observed else target.expected(x)
    chosen = np.array([[not row.implied] for row in setting.table.free_rows()])
    free_names = [names[int(np.argmax(np.abs(column)))] for column in (basis * chosen).T]
    inner = basis.T @ second @ basis
    if observed and setting.reduction.bend is not None:
        inner += setting.reduction.bend
    bread = invert_information(inner / 2.0, free_names, caller)
    df = len(setting.rows) * len(setting.samples) - setting.reduction.n_parameters - setting.reduction.given
    chisq = max(minimum.value, 0.0) * n
    base_chisq, base_df = independence_test(setting)
    if not robust:
        vcov = basis @ bread @ basis.T / n
        plain, independent = ScaledTest(chisq=chisq, df=df), ScaledTest(chisq=base_chisq, df=base_df)
        return plain, independent, vcov, (math.nan, math.nan)
    meat = np.zeros((len(x), len(x)))
    for sample, group, state in zip(setting.samples, setting.groups, states, strict=True):
        scores = parameter_scores(sample, group, state, len(x), setting.mu(state, sample))
        meat += sample.sampling.products(scores) / n
    own = _own_trace(setting.reduction, second, meat)
    meat = basis.T @ meat @ basis
    vcov = basis @ bread @ meat @ bread @ basis.T / n
    whole = sum(saturated_trace(s, setting.rows, setting.with_means) for s in setting.samples)
    base = whole - independence_trace(setting)
    test = ScaledTest(chisq=chisq, df=df, factor=(whole - own) / df if df else math.nan)
    base_factor = base / base_df if base_df else math.nan
    return test, ScaledTest(chisq=base_chisq, df=base_df, factor=base_factor), vcov, (whole, own)


def _own_trace(reduction: Reduction, second: Array, meat: Array) -> float:
    """tr(B A^-1) of everything that was estimated, covariances of components included."""
    basis = reduction.whole
    inner = basis.T @ second @ basis
    if reduction.joint_bend is not None:
        inner = inner + reduction.joint_bend
    return float(np.trace(np.linalg.solve(inner / 2.0, basis.T @ meat @ basis)))


def _log_likelihood(setting: Setting, states: list[State]) -> float:
    """Log-likelihood given the fixed exogenous variables."""
    exogenous = setting.exogenous
    total = 0.0
    for sample, state in zip(setting.samples, states, strict=True):
        mu = setting.mu(state, sample)
        entries = float(sample.patterns.n @ sample.patterns.observed.sum(axis=1))
        total -= 0.5 * (sample.n * fiml.discrepancy(sample.patterns, state.sigma, mu) + entries * LOG_2_PI)
        if exogenous:
            block = np.ix_(exogenous, exogenous)
            log_det = float(np.linalg.slogdet(sample.covariance[block])[1])
            total += 0.5 * sample.n * (len(exogenous) * (1.0 + LOG_2_PI) + log_det)
    return total


def indices_at(
    setting: Setting,
    states: list[State],
    test: ScaledTest,
    baseline: ScaledTest,
    estimator: str,
    traces: tuple[float, float],
) -> dict[str, float]:
    """All fit indices by name."""
    n, g = setting.n, len(setting.samples)
    fit = likelihood_indices(test, baseline, n, g, estimator, setting.full_information)
    squares = [
        residual_square(s.covariance, state.sigma, s.mean, setting.mu(state, s), setting.with_means)
        for s, state in zip(setting.samples, states, strict=True)
    ]
    shares = np.array([s.n for s in setting.samples]) / n
    fit["srmr"] = float(shares @ np.sqrt(squares))
    log_likelihood = _log_likelihood(setting, states)
    q = setting.reduction.n_parameters
    fit |= {
        "aic": 2.0 * q - 2.0 * log_likelihood,
        "bic": math.log(n) * q - 2.0 * log_likelihood,
        "logl": log_likelihood,
    }
    if setting.full_information:
        fit |= index_set(complete_data_statistic(setting, states, estimator), n, g, "_robust")
    return fit


def likelihood_indices(
    test: ScaledTest, baseline: ScaledTest, n: float, g: int, estimator: str, robust_elsewhere: bool = False
) -> dict[str, float]:
    """Test and indices of a likelihood, with those of its corrected statistic for MLR.

    Parameters
    ----------
    test, baseline
        Of the model and of independence.
    n, g
        Rows and groups.
    estimator
        "ML" or "MLR".
    robust_elsewhere
        Whether the robust indices come from the complete data.
    """
    plain = Statistic(chisq=test.chisq, df=test.df, baseline=baseline.chisq, baseline_df=baseline.df)
    fit = {"chisq": test.chisq, "df": float(test.df), "pvalue": test.pvalue, **index_set(plain, n, g)}
    if estimator != "MLR":
        return fit
    scaled = Statistic(chisq=test.scaled, df=test.df, baseline=baseline.scaled, baseline_df=baseline.df)
    fit |= {"chisq_scaled": test.scaled, "df_scaled": float(test.df), "pvalue_scaled": test.scaled_pvalue}
    fit["chisq_scaling_factor"] = math.nan if test.uncorrectable else test.factor
    fit |= index_set(scaled, n, g, "_scaled")
    # the interval refers the uncorrected statistic to chi-square with tr(U Gamma) degrees of freedom
    spread = Statistic(
        chisq=test.chisq, df=test.df * test.factor if test.df else 0, baseline=0.0, baseline_df=1
    )
    fit |= {f"{k}_scaled": v for k, v in rmsea(spread, n, g).items()}
    if not robust_elsewhere:
        robust = Statistic(
            chisq=test.chisq,
            df=test.df,
            baseline=baseline.chisq,
            baseline_df=baseline.df,
            correction=test.factor,
            baseline_correction=baseline.factor,
        )
        fit |= index_set(robust, n, g, "_robust")
    return fit
