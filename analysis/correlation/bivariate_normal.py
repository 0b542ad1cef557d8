"""Bivariate standard normal distribution on arrays: density, distribution function, rectangles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, owens_t

Array = npt.NDArray[np.float64]

ROOT_TWO_PI = np.sqrt(2 * np.pi)
MODERATE = 0.8
"""Correlations up to which integrating from independence is exact to the last digit with sixteen points."""
WIDE = np.polynomial.legendre.leggauss(16)
NEAR = 0.1
"""Change of the arc sine of a correlation over which six points give all digits."""
SHORT = np.polynomial.legendre.leggauss(6)


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
    """P(X ≤ h, Y ≤ k) of the standard bivariate normal.

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
    Where every |ρ| ≤ .8, the density by the arc sine of ρ is integrated from independence (Drezner and
    Wesolowsky, sixteen points); else, by Owen's T,
    Φ₂(h, k, ρ) = ½[Φ(h) + Φ(k)] − T(h, (k/h − ρ)/√(1−ρ²)) − T(k, (h/k − ρ)/√(1−ρ²)) − β, β = ½ where
    hk < 0, or hk = 0 and h + k < 0, else 0.

    References
    ----------
    Drezner, Z., & Wesolowsky, G. O. (1990). On the computation of the bivariate normal integral. Journal of
    Statistical Computation and Simulation, 35, 101–107. https://doi.org/10.1080/00949659008811236

    Owen, D. B. (1956). Tables for computing bivariate normal probabilities. Annals of Mathematical
    Statistics, 27, 1075–1090. https://doi.org/10.1214/aoms/1177728074

    Examples
    --------
    >>> float(bivariate_cdf(np.array(0.0), np.array(0.0), np.array(0.5)).round(12))  # 1/4 + asin(.5)/2π
    0.333333333333
    """
    h, k, rho = np.asarray(h, float), np.asarray(k, float), np.asarray(rho, float)
    if np.abs(rho).max(initial=0.0) <= MODERATE:
        finite = np.isfinite(h) & np.isfinite(k)
        at_h, at_k = np.where(finite, h, 0.0), np.where(finite, k, 0.0)
        added = gained(at_h * at_k, at_h * at_h + at_k * at_k, np.zeros_like(rho), np.arcsin(rho), WIDE)
        value = np.clip(ndtr(at_h) * ndtr(at_k) + added, 0.0, 1.0)
        return np.where(finite, value, ndtr(np.minimum(h, k)))
    return by_owen(h, k, rho)


def gained(
    product: Array, squares: Array, start: Array, end: Array, points: tuple[Array, Array] = SHORT
) -> Array:
    """What the distribution function gains between two correlations.

    Parameters
    ----------
    product, squares
        hk and h² + k² of finite points; broadcast together.
    start, end
        Arc sines of the correlations; broadcast.
    points
        Places and weights of a Gauss-Legendre rule on (-1, 1).

    Returns
    -------
    numpy.ndarray
        Φ₂ at `end` minus Φ₂ at `start`.

    Notes
    -----
    The derivative by the arc sine of ρ is exp((ρhk − (h² + k²)/2)/(1 − ρ²))/2π, which has no singularity.
    """
    half, halved = 0.5 * (end - start), 0.5 * squares
    total = np.zeros(np.broadcast_shapes(product.shape, squares.shape, half.shape))
    for place, weight in zip(*points, strict=True):
        sine = np.sin(start + half * (1.0 + place))
        total += weight * np.exp((product * sine - halved) / (1.0 - sine * sine))
    return total * (half / (2.0 * np.pi))


def by_owen(h: Array, k: Array, rho: Array) -> Array:
    """P(X ≤ h, Y ≤ k) by Owen's T, whatever the correlation.

    Parameters
    ----------
    h, k, rho
        As for `bivariate_cdf`.

    Returns
    -------
    numpy.ndarray
        Probabilities.
    """
    h, k, rho = np.broadcast_arrays(h, k, rho)
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
    return cells_below(corners, ndtr(h), ndtr(k))


def cells_below(corners: Array, rows: Array, columns: Array) -> Array:
    """Probabilities of cells from the distribution at their corners.

    Parameters
    ----------
    corners
        Φ₂ at the inner thresholds, shape (n_pairs, m, m).
    rows, columns
        Φ at the thresholds, shape (n_pairs, m).

    Returns
    -------
    numpy.ndarray
        Shape (n_pairs, m + 1, m + 1).
    """
    n_pairs, m = rows.shape
    grid = np.zeros((n_pairs, m + 2, m + 2))
    grid[:, 1:-1, 1:-1] = corners
    grid[:, 1:-1, -1] = rows
    grid[:, -1, 1:-1] = columns
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
