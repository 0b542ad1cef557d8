"""The baseline model: variables are independent; predictors covary freely, auxiliary variables with all."""

from __future__ import annotations

import numpy as np

from analysis.structural.estimation import fiml
from analysis.structural.estimation.continuous_groups import Setting
from analysis.structural.estimation.information import GroupSample
from analysis.structural.estimation.optimise import Reduction, minimise
from analysis.structural.estimation.ram import Array, GroupModel, Places, evaluate, vech_places


def independence_moments(exogenous: list[int], sample: GroupSample) -> tuple[Array, Array]:
    """Moments of the independence model: own variances and means; exogenous variables covary freely."""
    total = sample.patterns.n @ sample.patterns.observed
    mean = sample.patterns.n @ sample.patterns.mean / total
    distance = (sample.patterns.mean - mean) * sample.patterns.observed
    inside = np.diagonal(sample.patterns.covariance, axis1=1, axis2=2)
    variance = sample.patterns.n @ (inside + distance**2) / total
    sigma = np.diag(variance)
    block = np.ix_(exogenous, exogenous)
    sigma[block] = sample.covariance[block]
    mean[exogenous] = sample.mean[exogenous]
    return mean, sigma


def baseline_moments(setting: Setting) -> list[tuple[Array, Array]]:
    """Moments of the independence model of every group."""
    p, kept = len(setting.table.names.observed), covarying(setting)
    if kept.sum() == p:
        return [independence_moments(setting.exogenous, sample) for sample in setting.samples]
    row, column = (places[kept] for places in vech_places(p))
    nothing, q = np.zeros(0, dtype=np.int64), len(row) + p
    group = GroupModel(
        np.arange(p),
        np.zeros((p, p)),
        np.zeros((p, p)),
        np.zeros(p),
        Places(nothing, nothing, nothing),
        Places(np.arange(len(row)), row, column),
        Places(np.arange(len(row), q), np.arange(p), np.zeros(p, dtype=np.int64)),
    )
    found = []
    for sample in setting.samples:
        start = np.concatenate([np.where(row == column, sample.covariance[row, column], 0.0), sample.mean])
        moments = [(sample.mean, sample.covariance)]
        target = fiml.FimlDiscrepancy([group], [sample.patterns], moments, q)
        state = evaluate(group, minimise(target, Reduction(np.eye(q), np.zeros(q)), start).z)
        found.append((state.mu, state.sigma))
    return found


def covarying(setting: Setting) -> np.ndarray:
    """Say which entries of vech the baseline leaves free.

    Variances, all that auxiliary variables have to do with, and covariances among modelled predictors.
    """
    row, column = vech_places(len(setting.table.names.observed))
    beside, predictors = setting.auxiliary, setting.predictors
    among = np.isin(row, predictors) & np.isin(column, predictors)
    return np.asarray((row == column) | np.isin(row, beside) | np.isin(column, beside) | among)


def independence_test(setting: Setting) -> tuple[float, int]:
    """Test of the independence model."""
    chisq = 0.0
    for sample, (mean, sigma) in zip(setting.samples, baseline_moments(setting), strict=True):
        gap = fiml.discrepancy(sample.patterns, sigma, mean)
        chisq += sample.n * (gap - fiml.discrepancy(sample.patterns, sample.covariance, sample.mean))
    moments, parameters = independence_delta(setting).shape
    return chisq, (moments - parameters) * len(setting.samples)


def independence_delta(setting: Setting) -> Array:
    """Derivatives of the kept moments by the parameters of the independence model."""
    means = np.ones(len(setting.table.names.observed), dtype=bool)
    free = np.concatenate([means, covarying(setting)])[setting.rows]
    return np.eye(len(setting.rows))[:, free]


def independence_trace(setting: Setting) -> float:
    """tr(B A^-1) of the independence model."""
    total = 0.0
    delta = independence_delta(setting)
    tied = setting.exogenous or setting.predictors or setting.auxiliary
    for sample, (mean, sigma) in zip(setting.samples, baseline_moments(setting), strict=True):
        place = np.ix_(setting.rows, setting.rows)
        bread = (
            delta.T @ fiml.saturated_information(sample.patterns, sigma, mean, observed=True)[place] @ delta
        )
        scores: Array
        if tied:
            scores = (
                fiml.casewise_scores(sample.values, sample.patterns, sigma, mean)[:, setting.rows] @ delta
            )
        else:
            scores = _independent_scores(sample, mean, np.diag(sigma), setting.with_means)
        total += float(np.trace(np.linalg.solve(bread, sample.sampling.products(scores) / sample.n)))
    return total


def _independent_scores(sample: GroupSample, mean: Array, variance: Array, with_means: bool) -> Array:
    seen = ~np.isnan(sample.values)
    deviation = np.where(seen, sample.values - mean, 0.0)
    by_variance = 0.5 * (deviation**2 / variance - seen) / variance
    return np.hstack([deviation / variance, by_variance]) if with_means else by_variance
