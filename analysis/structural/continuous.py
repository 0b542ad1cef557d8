"""Estimation with continuous variables: ML and MLR, complete rows or full information."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.structural import fiml
from analysis.structural.data import ModelData
from analysis.structural.expressions import reduce_parameters
from analysis.structural.fiml import FimlDiscrepancy, Patterns, find_patterns, saturated_moments
from analysis.structural.fitted import (
    Fitted,
    ScaledTest,
    parameter_names,
    refuse_negative_df,
    refuse_unconverged,
)
from analysis.structural.indices import Statistic, index_set, residual_square, rmsea
from analysis.structural.information import (
    Block,
    GroupSample,
    invert_information,
    moment_jacobian,
    moment_rows,
    parameter_scores,
    saturated_pieces,
    saturated_trace,
)
from analysis.structural.normal import Moments, NormalDiscrepancy
from analysis.structural.normal import saturated_information as complete_information
from analysis.structural.optimise import Minimum, Reduction, minimise
from analysis.structural.partable import ParameterTable
from analysis.structural.ram import Array, GroupModel, State, build_group, evaluate, vech_places
from analysis.structural.starting import start_values
from instrument.errors import NotEstimableError, fact_and_hint

LOG_2_PI = math.log(2.0 * math.pi)
ExogenousValues = dict[tuple[str, str, str], float]


def summarise_groups(data: ModelData, full_information: bool, caller: str) -> list[GroupSample]:
    """Compute moments of every group: sample moments, or the EM estimates with missing answers."""
    samples = []
    for label, values in zip(data.group_labels, data.values, strict=True):
        where = "" if label is None else f" in group {label!s}"
        if len(values) <= values.shape[1]:
            raise NotEstimableError(
                fact_and_hint(
                    caller, f"{len(values)} rows for {values.shape[1]} variables{where}.", "collect more answers."
                )
            )
        patterns = find_patterns(values)
        if len(patterns.n) == 1:
            mean, covariance = patterns.mean[0], patterns.covariance[0]
        else:
            if not full_information:
                raise AssertionError("incomplete rows must be dropped before")
            start = np.diag(np.nanvar(values, axis=0))
            mean, covariance, _, done = saturated_moments(patterns, np.nanmean(values, axis=0), start)
            if not done:
                raise NotEstimableError(
                    fact_and_hint(
                        caller, f"EM for the saturated model did not converge{where}.",
                        "check for variables never answered together.",
                    )
                )  # fmt: skip
        _refuse_singular(covariance, data.variables, where, caller)
        samples.append(GroupSample(len(values), values, mean, covariance, patterns))
    return samples


def _refuse_singular(covariance: Array, names: list[str], where: str, caller: str) -> None:
    scale = np.sqrt(np.diag(covariance))
    correlations = covariance / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlations)[0] < 1e-10:
        below = np.abs(np.tril(correlations, -1))
        i, j = np.unravel_index(np.argmax(below), below.shape)
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"the covariance matrix is singular{where} ('{names[j]}' and '{names[i]}' correlate "
                f"{correlations[i, j]:.2f}).",
                "drop one of them.",
            )
        )


@dataclass(frozen=True, slots=True)
class _Setting:
    """Short-hands shared by the steps below."""

    table: ParameterTable
    samples: list[GroupSample]
    groups: list[GroupModel]
    reduction: Reduction
    rows: np.ndarray
    with_means: bool
    full_information: bool

    @property
    def n(self) -> int:
        return sum(s.n for s in self.samples)

    def mu(self, state: State, sample: GroupSample) -> Array:
        return state.mu if self.with_means else sample.mean


def exogenous_values(table: ParameterTable, samples: list[GroupSample]) -> list[ExogenousValues]:
    """Sample values of the fixed exogenous rows, per group."""
    at = {name: k for k, name in enumerate(table.names.observed)}
    found: list[ExogenousValues] = []
    for group, sample in enumerate(samples):
        values: ExogenousValues = {}
        for row in table.rows:
            if row.exogenous and row.group == group:
                value = (
                    sample.mean[at[row.lhs]] if row.op == "~1" else sample.covariance[at[row.lhs], at[row.rhs]]
                )
                values[row.lhs, row.op, row.rhs] = float(value)
        found.append(values)
    return found


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
    setting = _Setting(table, samples, groups, reduction, rows, with_means, full_information)
    refuse_negative_df(len(rows) * len(groups), reduction.basis.shape[1], caller)
    target, minimum = _search(setting)
    x = reduction.expand(minimum.z)
    names = parameter_names(table, data.group_labels)
    refuse_unconverged(minimum, caller, names, minimum_slope(target, x, minimum))
    states = [evaluate(group, x) for group in groups]
    test, baseline, vcov, traces = _inference(setting, target, minimum, x, states, estimator, names, caller)
    fit = _indices(setting, states, test, baseline, estimator, traces)
    return Fitted(
        caller=caller, estimator=estimator, missing="fiml" if full_information else "listwise", table=table,
        data=data, reduction=reduction, minimum=minimum, x=x, vcov=vcov, states=states,
        scales=[np.ones(len(at)) for _ in groups],
        sample_means=[s.mean for s in samples], sample_covariances=[s.covariance for s in samples],
        sample_thresholds=[], sizes=[s.n for s in samples], test=test, baseline=baseline, fit=fit,
        blocks=[], samples=samples, exogenous_values=fixed,
    )  # fmt: skip


def minimum_slope(target: NormalDiscrepancy | FimlDiscrepancy, x: Array, minimum: Minimum) -> Array:
    """Gradient where the search ended, zeros where it converged."""
    if minimum.converged or not np.isfinite(minimum.value):
        return np.zeros(len(x))
    return target.gradient(x)


def _search(setting: _Setting) -> tuple[NormalDiscrepancy | FimlDiscrepancy, Minimum]:
    """Fit the saturated moments first; with missing answers that is where the full search starts."""
    samples, table = setting.samples, setting.table
    moments = [Moments(s.n, s.mean, s.covariance) for s in samples]
    complete = NormalDiscrepancy(setting.groups, moments, table.n_free, setting.with_means)
    start = start_values(table, [s.covariance for s in samples], [s.mean for s in samples], [])
    minimum = minimise(complete, setting.reduction, setting.reduction.contract(start))
    if not setting.full_information or all(len(s.patterns.n) == 1 for s in samples):
        return complete, minimum
    target = FimlDiscrepancy(
        setting.groups, [s.patterns for s in samples], [(s.mean, s.covariance) for s in samples], table.n_free
    )
    begin = minimum.z if minimum.converged else setting.reduction.contract(start)
    return target, minimise(target, setting.reduction, begin)


def _inference(
    setting: _Setting, target: NormalDiscrepancy | FimlDiscrepancy, minimum: Minimum, x: Array,
    states: list[State], estimator: str, names: list[str], caller: str,
) -> tuple[ScaledTest, ScaledTest, Array, tuple[float, float]]:  # fmt: skip
    """Tests and the covariance of the estimates."""
    n, basis = setting.n, setting.reduction.basis
    robust = estimator == "MLR"
    observed = robust or setting.full_information
    second = target.observed(x) if observed else target.expected(x)
    free_names = [names[int(np.argmax(np.abs(column)))] for column in basis.T]
    bread = invert_information(basis.T @ second @ basis / 2.0, free_names, caller)
    df = len(setting.rows) * len(setting.samples) - basis.shape[1]
    chisq = max(minimum.value, 0.0) * n
    base_chisq, base_df = _independence(setting)
    if not robust:
        vcov = basis @ bread @ basis.T / n
        return (
            ScaledTest(chisq=chisq, df=df), ScaledTest(chisq=base_chisq, df=base_df), vcov, (math.nan, math.nan),
        )  # fmt: skip
    meat = np.zeros((len(x), len(x)))
    for sample, group, state in zip(setting.samples, setting.groups, states, strict=True):
        scores = parameter_scores(sample, group, state, len(x), setting.mu(state, sample))
        meat += scores.T @ scores / n
    meat = basis.T @ meat @ basis
    vcov = basis @ bread @ meat @ bread @ basis.T / n
    whole = sum(saturated_trace(s, setting.rows, setting.with_means) for s in setting.samples)
    own = float(np.sum(bread * meat))
    base = whole - _independence_trace(setting)
    test = ScaledTest(chisq=chisq, df=df, factor=(whole - own) / df if df else math.nan)
    return test, ScaledTest(chisq=base_chisq, df=base_df, factor=base / base_df), vcov, (whole, own)


def independence_moments(setting_rows: list[int], sample: GroupSample) -> tuple[Array, Array]:
    """Moments of the independence model: own variances and means; exogenous variables covary freely."""
    total = sample.patterns.n @ sample.patterns.observed
    mean = sample.patterns.n @ sample.patterns.mean / total
    distance = (sample.patterns.mean - mean) * sample.patterns.observed
    inside = np.diagonal(sample.patterns.covariance, axis1=1, axis2=2)
    variance = sample.patterns.n @ (inside + distance**2) / total
    sigma = np.diag(variance)
    block = np.ix_(setting_rows, setting_rows)
    sigma[block] = sample.covariance[block]
    mean[setting_rows] = sample.mean[setting_rows]
    return mean, sigma


def _exogenous_places(setting: _Setting) -> list[int]:
    at = {name: k for k, name in enumerate(setting.table.names.observed)}
    return [at[n] for n in setting.table.names.exogenous]


def _independence(setting: _Setting) -> tuple[float, int]:
    """Test of the independence model."""
    exogenous = _exogenous_places(setting)
    chisq = 0.0
    for sample in setting.samples:
        mean, sigma = independence_moments(exogenous, sample)
        gap = fiml.discrepancy(sample.patterns, sigma, mean)
        chisq += sample.n * (gap - fiml.discrepancy(sample.patterns, sample.covariance, sample.mean))
    own = len(setting.table.names.observed) - len(exogenous)
    per_group = len(setting.rows) - own - (own if setting.with_means else 0)
    return chisq, per_group * len(setting.samples)


def independence_delta(p: int, exogenous: list[int], rows: np.ndarray) -> Array:
    """Derivatives of the kept moments by the parameters of the independence model."""
    row, column = vech_places(p)
    free = np.concatenate([np.ones(p, dtype=bool), row == column])[rows]
    return np.eye(len(rows))[:, free]


def _independence_trace(setting: _Setting) -> float:
    """tr(B A^-1) of the independence model."""
    exogenous = _exogenous_places(setting)
    total = 0.0
    p = len(setting.table.names.observed)
    delta = independence_delta(p, exogenous, setting.rows)
    for sample in setting.samples:
        mean, sigma = independence_moments(exogenous, sample)
        place = np.ix_(setting.rows, setting.rows)
        bread = delta.T @ fiml.saturated_information(sample.patterns, sigma, mean, observed=True)[place] @ delta
        if exogenous:
            scores = fiml.casewise_scores(sample.values, sample.patterns, sigma, mean)[:, setting.rows] @ delta
        else:
            scores = _independent_scores(sample, mean, np.diag(sigma), setting.with_means)
        total += float(np.trace(np.linalg.solve(bread, scores.T @ scores / sample.n)))
    return total


def _independent_scores(sample: GroupSample, mean: Array, variance: Array, with_means: bool) -> Array:
    seen = ~np.isnan(sample.values)
    deviation = np.where(seen, sample.values - mean, 0.0)
    by_variance = 0.5 * (deviation**2 / variance - seen) / variance
    return np.hstack([deviation / variance, by_variance]) if with_means else by_variance


def _log_likelihood(setting: _Setting, states: list[State]) -> float:
    """Log-likelihood given the fixed exogenous variables."""
    exogenous = _exogenous_places(setting)
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


def _indices(
    setting: _Setting, states: list[State], test: ScaledTest, baseline: ScaledTest, estimator: str,
    traces: tuple[float, float],
) -> dict[str, float]:  # fmt: skip
    """All fit indices by name."""
    n, g = setting.n, len(setting.samples)
    plain = Statistic(chisq=test.chisq, df=test.df, baseline=baseline.chisq, baseline_df=baseline.df)
    fit = {"chisq": test.chisq, "df": float(test.df), "pvalue": test.pvalue, **index_set(plain, n, g)}
    squares = [
        residual_square(s.covariance, state.sigma, s.mean, setting.mu(state, s), setting.with_means)
        for s, state in zip(setting.samples, states, strict=True)
    ]
    shares = np.array([s.n for s in setting.samples]) / n
    fit["srmr"] = float(shares @ np.sqrt(squares))
    log_likelihood = _log_likelihood(setting, states)
    q = setting.reduction.basis.shape[1]
    fit |= {
        "aic": 2.0 * q - 2.0 * log_likelihood,
        "bic": math.log(n) * q - 2.0 * log_likelihood,
        "logl": log_likelihood,
    }
    if estimator == "MLR":
        scaled = Statistic(
            chisq=test.scaled, df=test.df, baseline=baseline.scaled, baseline_df=baseline.df
        )
        fit |= {"chisq_scaled": test.scaled, "df_scaled": float(test.df), "pvalue_scaled": test.scaled_pvalue}
        fit["chisq_scaling_factor"] = test.factor
        fit |= index_set(scaled, n, g, "_scaled")
        # the interval refers the uncorrected statistic to chi-square with tr(U Gamma) degrees of freedom
        spread = Statistic(chisq=test.chisq, df=test.df * test.factor, baseline=0.0, baseline_df=1)
        fit |= {f"{k}_scaled": v for k, v in rmsea(spread, n, g).items()}
    if setting.full_information:
        fit |= index_set(_complete_data_statistic(setting, states, estimator), n, g, "_robust")
    elif estimator == "MLR":
        robust = Statistic(
            chisq=test.chisq, df=test.df, baseline=baseline.chisq, baseline_df=baseline.df,
            correction=test.factor, baseline_correction=baseline.factor,
        )  # fmt: skip
        fit |= index_set(robust, n, g, "_robust")
    return fit


def _complete_data_statistic(setting: _Setting, states: list[State], estimator: str) -> Statistic:
    """Statistic the complete data would have given (Zhang & Savalei 2023), with its expectation."""
    exogenous, p = _exogenous_places(setting), len(setting.table.names.observed)
    basis, n = setting.reduction.basis, setting.n
    model: list[Block] = []
    base_sum = np.zeros(2)
    chisq, df = 0.0, len(setting.rows) * len(states) - basis.shape[1]
    weights: list[Array] = []
    delta_base = independence_delta(p, exogenous, setting.rows)
    for sample, group, state in zip(setting.samples, setting.groups, states, strict=True):
        information, meat = saturated_pieces(sample, setting.rows)
        gamma = np.linalg.inv(information)
        if estimator == "MLR":
            gamma = gamma @ meat @ gamma
        weight = complete_information(np.linalg.inv(sample.covariance), True)[np.ix_(setting.rows, setting.rows)]
        delta = moment_jacobian(group, state, setting.table.n_free, setting.rows) @ basis
        model.append(Block(delta, gamma, information, sample.n / n))
        weights.append(weight)
        chisq += sample.n * _complete_gap(sample, state.sigma, state.mu)
        mean, sigma = independence_moments(exogenous, sample)
        base = Block(delta_base, gamma, information, sample.n / n)
        base_sum += [sample.n * _complete_gap(sample, sigma, mean), projected_trace([base], [weight])]
    base_df = (len(setting.rows) - delta_base.shape[1]) * len(states)
    return Statistic(
        chisq=chisq, df=df, baseline=float(base_sum[0]), baseline_df=base_df,
        correction=projected_trace(model, weights) / df if df else math.nan,
        baseline_correction=float(base_sum[1]) / base_df,
    )  # fmt: skip


def _complete_gap(sample: GroupSample, sigma: Array, mu: Array) -> float:
    distance = sample.mean - mu
    target = sample.covariance + np.outer(distance, distance)
    inverse = np.linalg.inv(sigma)
    log_det = np.linalg.slogdet(sigma)[1] - np.linalg.slogdet(sample.covariance)[1]
    return float(log_det + np.sum(inverse * target) - len(mu))


def projected_trace(blocks: list[Block], weights: list[Array]) -> float:
    """tr of weight times the covariance of residuals e = (I - D (D'WD)^-1 D'W)(s - sigma).

    Parameters
    ----------
    blocks
        Per group D, Gamma, W and the share of rows.
    weights
        Per group the weight of the quadratic form.
    """
    bread = np.linalg.inv(sum(b.share * b.delta.T @ b.weight @ b.delta for b in blocks))
    total = 0.0
    middle = np.zeros_like(bread)
    outer = np.zeros_like(bread)
    for block, weight in zip(blocks, weights, strict=True):
        pulled = block.weight @ block.delta
        total += float(np.sum(weight * block.gamma))
        moved = block.gamma @ pulled
        total -= 2.0 * block.share * float(np.sum((bread @ block.delta.T @ weight) * moved.T))
        middle += block.share * pulled.T @ moved
        outer += block.share * block.delta.T @ weight @ block.delta
    return total + float(np.trace(bread @ middle @ bread @ outer))
