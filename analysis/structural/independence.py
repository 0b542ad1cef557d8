"""The baseline model: variables are independent, exogenous ones covary freely."""

from __future__ import annotations

import numpy as np

from analysis.structural import fiml
from analysis.structural.continuous_groups import Setting
from analysis.structural.information import GroupSample
from analysis.structural.ram import Array, vech_places


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


def _exogenous_places(setting: Setting) -> list[int]:
    at = {name: k for k, name in enumerate(setting.table.names.observed)}
    return [at[n] for n in setting.table.names.exogenous]


def independence_test(setting: Setting) -> tuple[float, int]:
    """Test of the independence model."""
    exogenous = setting.exogenous
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
