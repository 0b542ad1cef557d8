"""The baseline model: variables are independent, exogenous ones covary freely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.structural import fiml
from analysis.structural.continuous_groups import Setting
from analysis.structural.information import GroupSample
from analysis.structural.optimise import Reduction, minimise
from analysis.structural.ram import Array, GroupModel, Places, evaluate, vech_places


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
    """Moments of the independence model of every group; auxiliary variables covary with everything."""
    if not setting.auxiliary:
        return [independence_moments(setting.exogenous, sample) for sample in setting.samples]
    p, beside = len(setting.table.names.observed), setting.auxiliary
    row, column = vech_places(p)
    kept = (row == column) | np.isin(row, beside) | np.isin(column, beside)
    row, column = row[kept], column[kept]
    nothing, q = np.zeros(0, dtype=np.int64), len(row) + p
    group = GroupModel(
        np.arange(p), np.zeros((p, p)), np.zeros((p, p)), np.zeros(p), Places(nothing, nothing, nothing),
        Places(np.arange(len(row)), row, column),
        Places(np.arange(len(row), q), np.arange(p), np.zeros(p, dtype=np.int64)),
    )  # fmt: skip
    found = []
    for sample in setting.samples:
        start = np.concatenate([np.where(row == column, sample.covariance[row, column], 0.0), sample.mean])
        moments = [(sample.mean, sample.covariance)]
        target = fiml.FimlDiscrepancy([group], [sample.patterns], moments, q)
        state = evaluate(group, minimise(target, Reduction(np.eye(q), np.zeros(q)), start).z)
        found.append((state.mu, state.sigma))
    return found


def _exogenous_places(setting: Setting) -> list[int]:
    at = {name: k for k, name in enumerate(setting.table.names.observed)}
    return [at[n] for n in setting.table.names.exogenous]


def independence_test(setting: Setting) -> tuple[float, int]:
    """Test of the independence model."""
    exogenous = setting.exogenous
    chisq = 0.0
    for sample, (mean, sigma) in zip(setting.samples, baseline_moments(setting), strict=True):
        gap = fiml.discrepancy(sample.patterns, sigma, mean)
        chisq += sample.n * (gap - fiml.discrepancy(sample.patterns, sample.covariance, sample.mean))
    own = len(setting.table.names.observed) - len(exogenous)
    per_group = len(setting.rows) - own - (own if setting.with_means else 0)
    per_group -= len(setting.auxiliary) * (2 * own - len(setting.auxiliary) - 1) // 2
    return chisq, per_group * len(setting.samples)


def independence_delta(
    p: int, exogenous: list[int], rows: np.ndarray, auxiliary: Sequence[int] = ()
) -> Array:
    """Derivatives of the kept moments by the parameters of the independence model."""
    row, column = vech_places(p)
    among = (row == column) | np.isin(row, auxiliary) | np.isin(column, auxiliary)
    free = np.concatenate([np.ones(p, dtype=bool), among])[rows]
    return np.eye(len(rows))[:, free]


def independence_trace(setting: Setting) -> float:
    """tr(B A^-1) of the independence model."""
    exogenous = setting.exogenous
    total = 0.0
    p = len(setting.table.names.observed)
    delta = independence_delta(p, exogenous, setting.rows)
    for sample in setting.samples:
        mean, sigma = independence_moments(exogenous, sample)
        place = np.ix_(setting.rows, setting.rows)
        bread = (
            delta.T @ fiml.saturated_information(sample.patterns, sigma, mean, observed=True)[place] @ delta
        )
        scores: Array
        if exogenous:
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
