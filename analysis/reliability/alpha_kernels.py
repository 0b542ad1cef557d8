"""Kernels of coefficient alpha on covariance matrices: no tables, no names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.reliability.inputs import Array, Interval, correlation_of, squared_multiple_correlations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlphaParts:
    """Everything that one covariance matrix says about internal consistency."""

    alpha: float
    standardised: float
    lambda6: float
    average_r: float
    signal_noise: float
    variance: float
    var_r: float
    median_r: float
    one_factor_fit: float


def alpha_of(covariance: Array) -> float:
    """Coefficient alpha of a covariance matrix.

    Parameters
    ----------
    covariance
        Shape (n_items, n_items).

    Returns
    -------
    float
        At most one; negative when the items covary negatively on average.
    """
    k = len(covariance)
    return float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))


def sampling_variance(covariance: Array) -> float:
    """Large-sample variance of alpha times the sample size (van Zyl, Neudecker & Nel 2000).

    Parameters
    ----------
    covariance
        Shape (n_items, n_items).

    Returns
    -------
    float
        Divide by the sample size and take the root for the standard error.
    """
    k = len(covariance)
    total = covariance.sum()
    trace = np.trace(covariance)
    squared = covariance @ covariance
    inner = total * (np.trace(squared) + trace**2) - 2 * trace * squared.sum()
    return float(2 * k**2 / ((k - 1) ** 2 * total**3) * inner)


def alpha_parts(covariance: Array) -> AlphaParts:
    """Alpha and the indices that travel with it.

    Parameters
    ----------
    covariance
        Shape (n_items, n_items), at least two items.

    Returns
    -------
    AlphaParts
        All from this one matrix and the correlations that it implies.
    """
    correlation = correlation_of(covariance)
    k = len(correlation)
    total = correlation.sum()
    average = float((total - k) / (k * (k - 1)))
    below = correlation[np.tril_indices(k, -1)]
    residual = correlation - average
    return AlphaParts(
        alpha=alpha_of(covariance),
        standardised=float(k / (k - 1) * (1 - k / total)),
        lambda6=float(1 - (k - squared_multiple_correlations(correlation).sum()) / total),
        average_r=average,
        signal_noise=k * average / (1 - average) if average < 1 else float("inf"),
        variance=sampling_variance(covariance),
        var_r=float(np.var(below, ddof=1)) if len(below) > 1 else float("nan"),
        median_r=float(np.median(below)),
        one_factor_fit=float(1 - (residual**2).sum() / (correlation**2).sum()),
    )


def feldt_interval(alpha: float, n_obs: int, n_items: int, level: float) -> Interval:
    """Feldt's exact interval for alpha under compound symmetry.

    Parameters
    ----------
    alpha
        Estimate.
    n_obs
        People.
    n_items
        Items.
    level
        Coverage, such as 0.95.

    Returns
    -------
    Interval
        Limits.

    Notes
    -----
    (1 - population alpha) / (1 - estimate) follows F with n - 1 and (n - 1)(k - 1) degrees of freedom.

    Examples
    --------
    The same limits as R's `psych::alpha.ci(.7, n.obs = 500, n.var = 5)`.

    >>> print("{:.6f} {:.6f}".format(*feldt_interval(0.7, 500, 5, 0.95)))
    0.656322 0.739657
    """
    tail = (1 - level) / 2
    df = n_obs - 1
    upper, lower = (float(stats.f.ppf(q, df, df * (n_items - 1))) for q in (1 - tail, tail))
    return Interval(1 - (1 - alpha) * upper, 1 - (1 - alpha) * lower)


def normal_interval(estimate: float, standard_error: float, level: float) -> Interval:
    """Symmetric large-sample interval.

    Parameters
    ----------
    estimate, standard_error
        Of the statistic.
    level
        Coverage.

    Returns
    -------
    Interval
        Limits; not kept inside [-1, 1].
    """
    z = float(stats.norm.ppf((1 + level) / 2))
    return Interval(estimate - z * standard_error, estimate + z * standard_error)


def item_rest_correlations(covariance: Array) -> Array:
    """Correlation of each item with the sum of the others.

    Parameters
    ----------
    covariance
        Shape (n_items, n_items), at least two items.

    Returns
    -------
    numpy.ndarray
        Shape (n_items,).
    """
    variance = np.diag(covariance)
    with_rest = covariance.sum(axis=0) - variance
    rest_variance = covariance.sum() - 2 * covariance.sum(axis=0) + variance
    return np.asarray(with_rest / _root(variance * rest_variance))


def _root(variance: Array) -> Array:
    """Square root, NaN where a variance is not positive (pairwise covariances, items that oppose)."""
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def item_total_correlations(correlation: Array) -> tuple[Array, Array]:
    """Correlations of each item with the standardised total, as it is and corrected for overlap.

    Parameters
    ----------
    correlation
        Shape (n_items, n_items).

    Returns
    -------
    tuple of numpy.ndarray
        With the total, and with the total whose unit diagonal is replaced by squared multiple correlations.
    """
    reduced = correlation.copy()
    np.fill_diagonal(reduced, squared_multiple_correlations(correlation))
    return (
        np.asarray(correlation.sum(axis=0) / _root(correlation.sum())),
        np.asarray(reduced.sum(axis=0) / _root(reduced.sum())),
    )


def first_component_signs(correlation: Array) -> Array:
    """Signs of the loadings on the first principal component, the majority positive.

    Parameters
    ----------
    correlation
        Shape (n_items, n_items).

    Returns
    -------
    numpy.ndarray
        Shape (n_items,), entries -1, 0 or 1.
    """
    loading = np.linalg.eigh(correlation)[1][:, -1]
    return np.asarray(np.sign(loading if loading.sum() >= 0 else -loading))
