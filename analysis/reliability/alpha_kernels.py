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
    standardized: float
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
    n_items = len(covariance)
    own, total = np.trace(covariance), covariance.sum()
    return float(n_items / (n_items - 1) * (total - own) / total)


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
    n_items = len(covariance)
    row_sums = covariance.sum(axis=1)
    total, own = row_sums.sum(), np.trace(covariance)
    squares, through = (covariance**2).sum(), row_sums @ row_sums  # tr C^2 and 1'C^2 1 of a symmetric C
    spread = total * (squares + own**2) - 2.0 * own * through
    return float(2.0 * (n_items / (n_items - 1)) ** 2 * spread / total**3)


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
    n_items = len(correlation)
    between = correlation[np.tril_indices(n_items, -1)]
    mean = float(between.mean())
    unique = 1.0 - squared_multiple_correlations(correlation)
    return AlphaParts(
        alpha=alpha_of(covariance),
        standardized=n_items * mean / (1.0 + (n_items - 1) * mean),
        lambda6=float(1.0 - unique.sum() / correlation.sum()),
        average_r=mean,
        signal_noise=n_items * mean / (1.0 - mean),
        variance=sampling_variance(covariance),
        var_r=float(between.var(ddof=1)) if len(between) > 1 else float("nan"),
        median_r=float(np.median(between)),
        one_factor_fit=float(1.0 - ((correlation - mean) ** 2).sum() / (correlation**2).sum()),
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
    tail = (1.0 - level) / 2.0
    ratios = stats.f.ppf([1.0 - tail, tail], n_obs - 1, (n_obs - 1) * (n_items - 1))
    return Interval(*(1.0 - (1.0 - alpha) * np.asarray(ratios)).tolist())


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
    half = float(stats.norm.isf((1.0 - level) / 2.0)) * standard_error
    return Interval(estimate - half, estimate + half)


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
    own = np.diag(covariance)
    with_total = covariance.sum(axis=1)
    rest_variance = covariance.sum() - 2.0 * with_total + own
    return np.asarray((with_total - own) / (np.sqrt(own) * _root(rest_variance)))


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
    with_total = correlation.sum(axis=1)
    plain = with_total / _root(correlation.sum())
    shared = with_total - 1.0 + squared_multiple_correlations(correlation)
    return np.asarray(plain), np.asarray(shared / _root(shared.sum()))


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
    _, vectors = np.linalg.eigh(correlation)
    signs = np.sign(vectors[:, -1])
    return np.asarray(signs if signs.sum() >= 0 else -signs)
