"""Bivariate standard normal distribution on arrays: density, distribution function, rectangles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, owens_t

Array = npt.NDArray[np.float64]

ROOT_TWO_PI = np.sqrt(2 * np.pi)


def normal_density(x: Array) -> Array:
    """Density of the standard normal; 0 at ±∞.

    Parameters
    ----------
    x
        Any shape.

    Returns
    -------
    numpy.ndarray
        Same shape.
    """
    return np.exp(-0.5 * x * x) / ROOT_TWO_PI


def bivariate_density(h: Array, k: Array, rho: Array) -> Array:
    """Density of the standard bivariate normal at (h, k); 0 where either is infinite.

    Parameters
    ----------
    h, k
        Points; broadcast together.
    rho
        Correlations, |rho| < 1; broadcast.

    Returns
    -------
    numpy.ndarray
        Density. Its value is also the derivative of the distribution function by rho.
    """
    finite = np.isfinite(h) & np.isfinite(k)
    h, k = np.where(finite, h, 0.0), np.where(finite, k, 0.0)
    spread = 1 - rho * rho
    exponent = -(h * h - 2 * rho * h * k + k * k) / (2 * spread)
    return np.where(finite, np.exp(exponent) / (2 * np.pi * np.sqrt(spread)), 0.0)


def bivariate_cdf(h: Array, k: Array, rho: Array) -> Array:
    """P(X ≤ h, Y ≤ k) of the standard bivariate normal, by Owen's T.

    Parameters
    ----------
    h, k
        Limits, may be infinite; broadcast together.
    rho
        Correlations, |rho| < 1; broadcast.

    Returns
    -------
    numpy.ndarray
        Probabilities, absolute error about 1e-16.

    Notes
    -----
    Φ₂(h, k, ρ) = ½[Φ(h) + Φ(k)] − T(h, (k/h − ρ)/√(1−ρ²)) − T(k, (h/k − ρ)/√(1−ρ²)) − β, β = ½ where
    hk < 0, or hk = 0 and h + k < 0, else 0.

    References
    ----------
    Owen, D. B. (1956). Tables for computing bivariate normal probabilities. Annals of Mathematical
    Statistics, 27, 1075–1090. https://doi.org/10.1214/aoms/1177728074

    Examples
    --------
    >>> float(bivariate_cdf(np.array(0.0), np.array(0.0), np.array(0.5)).round(12))  # 1/4 + asin(.5)/2π
    0.333333333333
    """
    h, k, rho = np.broadcast_arrays(np.asarray(h, float), np.asarray(k, float), np.asarray(rho, float))
    finite = np.isfinite(h) & np.isfinite(k)
    at_h, at_k = np.where(finite, h, 1.0), np.where(finite, k, 1.0)
    root = np.sqrt(1 - rho * rho)
    value = (
        0.5 * (ndtr(at_h) + ndtr(at_k))
        - _owen_term(at_h, at_k, rho, root)
        - _owen_term(at_k, at_h, rho, root)
    )
    product = at_h * at_k
    value = value - np.where((product < 0) | ((product == 0) & (at_h + at_k < 0)), 0.5, 0.0)
    return np.where(finite, np.clip(value, 0.0, 1.0), ndtr(np.minimum(h, k)))


def _owen_term(h: Array, k: Array, rho: Array, root: Array) -> Array:
    """T(h, (k − ρh)/(h√(1−ρ²))) with its limits: at h = 0 the slope is ±∞, or the one of ρ at h = k = 0."""
    zero = h == 0
    safe = np.where(zero, 1.0, h)
    slope = np.where(zero, np.where(k == 0, 0.0, np.sign(k) * 1e300), (k / safe - rho) / root)
    both = zero & (k == 0)
    slope = np.where(both, np.sqrt((1 - rho) / (1 + rho)), slope)
    return owens_t(h, slope)


def rectangle_probabilities(h: Array, k: Array, rho: Array) -> Array:
    """Probabilities of the cells that thresholds cut out of the plane.

    Parameters
    ----------
    h, k
        Inner thresholds of rows and columns, shape (n_pairs, m); absent ones +∞.
    rho
        Correlations, shape (n_pairs,).

    Returns
    -------
    numpy.ndarray
        Shape (n_pairs, m + 1, m + 1); each pair sums to 1, absent cells 0.
    """
    corners = bivariate_cdf(h[:, :, None], k[:, None, :], rho[:, None, None])
    n_pairs, m = h.shape
    grid = np.zeros((n_pairs, m + 2, m + 2))
    grid[:, 1:-1, 1:-1] = corners
    grid[:, 1:-1, -1] = ndtr(h)
    grid[:, -1, 1:-1] = ndtr(k)
    grid[:, -1, -1] = 1.0
    return cell_differences(grid)


def cell_differences(grid: Array) -> Array:
    """Difference values at the corners twice, giving the amounts of the cells.

    Parameters
    ----------
    grid
        Values at corners, shape (n_pairs, m + 2, m + 2).

    Returns
    -------
    numpy.ndarray
        Shape (n_pairs, m + 1, m + 1).
    """
    rows = grid[:, 1:, :] - grid[:, :-1, :]
    return rows[:, :, 1:] - rows[:, :, :-1]
