"""Pairs with a continuous member: likelihoods of polyserial and product-moment correlations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.correlation.bivariate_normal import ROOT_TWO_PI, normal_density
from analysis.correlation.pairs import BOUND, FLAT, MAX_STEPS, TOLERANCE

Array = npt.NDArray[np.float64]

SMALLEST = 1e-300
NEWTON_ENOUGH = 1e-6  # the error of Newton's method after so small a step is about 1e-12
SINGULAR = 1 - 1e-9  # beyond this, what is left of one variable is rounding error of the other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairScores:
    """Derivatives of the log likelihood of one pair, per person.

    Attributes
    ----------
    rho
        By the correlation, shape (n,).
    first, second
        By the parameters of the two variables: thresholds, or mean and variance; shape (m, n).
    """

    rho: Array
    first: Array
    second: Array


def fit_polyserial(category: npt.NDArray[np.intp], z: Array, thresholds: Array) -> tuple[float, bool]:
    """Correlation of a cut normal variable with a standardised continuous one, by maximum likelihood.

    Parameters
    ----------
    category
        Positions 0 … k − 1, shape (n,).
    z
        Standardised values, shape (n,).
    thresholds
        Shape (k − 1,).

    Returns
    -------
    tuple
        ρ and whether the search converged.

    Notes
    -----
    ρ maximises Σ log[Φ(u_c) − Φ(u_{c−1})], u_c = (τ_c − ρz)/√(1 − ρ²), thresholds, mean and variance
    held: the two-step estimate.
    """
    cuts = np.concatenate(([-np.inf], thresholds, [np.inf]))
    start = float(np.corrcoef(category, z)[0, 1])
    return fit_between(cuts[category], cuts[category + 1], z, start)


def fit_between(lower: Array, upper: Array, z: Array, start: float) -> tuple[float, bool]:
    """Correlation of a normal variable known to lie between limits with a standardised continuous one.

    Parameters
    ----------
    lower, upper
        Limits of each person, may be infinite, shape (n,).
    z
        Standardised values, shape (n,).
    start
        Where the search begins.

    Returns
    -------
    tuple
        ρ and whether the search converged.
    """

    cut = np.array([upper, lower])
    known = np.isfinite(cut)
    tau, beyond, dense = np.where(known, cut, 0.0), (cut > 0).astype(float), known / ROOT_TWO_PI

    def derivatives(rho: float) -> tuple[float, float]:
        spread = 1 - rho * rho
        u = (tau - rho * z) / np.sqrt(spread)
        slope = (rho * tau - z) / spread**1.5
        density = dense * np.exp(-0.5 * u * u)
        first = density * slope
        second = density * (tau / spread**1.5 + slope * (3 * rho / spread) - u * slope * slope)
        value = np.where(known, ndtr(u), beyond)
        p = np.maximum(value[0] - value[1], SMALLEST)
        by = (first[0] - first[1]) / p
        return float(by.sum()), float(((second[0] - second[1]) / p - by * by).sum())

    return search_correlation(start, derivatives, enough=NEWTON_ENOUGH)


def _conditional(cut: Array, z: Array, rho: float) -> tuple[Array, Array]:
    """Φ(u) and its derivative by ρ; 0 at infinite cuts."""
    spread = 1 - rho * rho
    finite = np.isfinite(cut)
    tau = np.where(finite, cut, 0.0)
    u = (tau - rho * z) / np.sqrt(spread)
    slope = (tau * rho - z) / spread**1.5
    density = np.where(finite, normal_density(u), 0.0)
    return np.where(finite, ndtr(u), cut > 0), density * slope


def fit_moment(z1: Array, z2: Array) -> tuple[float, bool]:
    """Correlation of two standardised continuous variables, means and variances held.

    Parameters
    ----------
    z1, z2
        Standardised by each variable's own mean and standard deviation, shape (n,).

    Returns
    -------
    tuple
        ρ and whether the search converged; the product-moment correlation when no answers are missing.
        ±1 where one variable is a linear function of the other: there the likelihood has no maximum.
    """
    observed = float(np.corrcoef(z1, z2)[0, 1])
    if abs(observed) > SINGULAR:
        return float(np.sign(observed)), True
    n, squares, product = len(z1), float(z1 @ z1 + z2 @ z2), float(z1 @ z2)

    def derivatives(rho: float) -> tuple[float, float]:
        spread = 1 - rho * rho
        core = product * (1 + rho * rho) - rho * squares
        first = n * rho / spread + core / spread**2
        second = n * (1 + rho * rho) / spread**2 + (2 * product * rho - squares) / spread**2
        return first, second + 4 * rho * core / spread**3

    return search_correlation(observed, derivatives, SINGULAR, SINGULAR)


def search_correlation(
    start: float,
    derivatives: Callable[[float], tuple[float, float]],
    bound: float = BOUND,
    farthest_start: float = 0.9,
    enough: float = TOLERANCE,
) -> tuple[float, bool]:
    """Find a correlation by safeguarded Newton steps on the derivatives of its log likelihood.

    A step smaller than `enough` is the last; Newton's error after it is about its square.
    """
    rho, low, high = min(max(start, -farthest_start), farthest_start), -bound, bound
    for _ in range(MAX_STEPS):
        slope, curvature = derivatives(rho)
        low, high = (rho if slope > 0 else low), (rho if slope < 0 else high)
        proposal = _next(rho, slope, curvature, low, high)
        if abs(proposal - rho) <= enough:
            return proposal, True
        rho = proposal
    return rho, False


def _next(here: float, slope: float, curvature: float, low: float, high: float) -> float:
    """`next_point` of one pair, which spares the arrays."""
    reach = math.tanh(math.atanh(here) + math.copysign(1.0, slope))
    nearest = min(reach, high) if slope > 0 else max(reach, low)
    if abs(curvature) < FLAT and abs(slope) < FLAT:
        return math.copysign(BOUND, here)
    if curvature < 0:
        newton = here - slope / curvature
        if min(here, nearest) <= newton <= max(here, nearest):
            return newton
    return here if slope == 0 else 0.5 * (here + nearest)


def polyserial_scores(
    category: npt.NDArray[np.intp], z: Array, thresholds: Array, deviation: float, rho: float
) -> PairScores:
    """Derivatives of the polyserial log likelihood, per person.

    Parameters
    ----------
    category
        Positions, shape (n,).
    z
        Standardised values, shape (n,).
    thresholds
        Shape (k − 1,).
    deviation
        Standard deviation of the continuous variable.
    rho
        Correlation.

    Returns
    -------
    PairScores
        First: thresholds; second: mean and variance.
    """
    cuts = np.concatenate(([-np.inf], thresholds, [np.inf]))
    by_rho, by_lower, by_upper, by_moments = between_scores(
        cuts[category], cuts[category + 1], z, deviation, rho
    )
    step = np.arange(len(thresholds))[:, None]
    by_threshold = by_upper * (category == step) + by_lower * (category == step + 1)
    return PairScores(rho=by_rho, first=by_threshold, second=by_moments)


def between_scores(
    lower: Array, upper: Array, z: Array, deviation: float, rho: float
) -> tuple[Array, Array, Array, Array]:
    """Derivatives of the likelihood of `fit_between`, per person.

    Parameters
    ----------
    lower, upper
        Limits, shape (n,).
    z
        Standardised values, shape (n,).
    deviation
        Standard deviation of the continuous variable.
    rho
        Correlation.

    Returns
    -------
    tuple
        By ρ, by the lower and by the upper limit, shape (n,); by mean and variance, shape (2, n).
    """
    high, high_1 = _conditional(upper, z, rho)
    low, low_1 = _conditional(lower, z, rho)
    p = np.maximum(high - low, SMALLEST)
    root = np.sqrt(1 - rho * rho)
    by_lower = -_dense(lower, z, rho, root) / (p * root)
    by_upper = _dense(upper, z, rho, root) / (p * root)
    pull = rho * (by_lower + by_upper)
    by_moments = np.array([(pull + z) / deviation, (z * pull + z * z - 1) / (2 * deviation**2)])
    return (high_1 - low_1) / p, by_lower, by_upper, by_moments


def _dense(cut: Array, z: Array, rho: float, root: float) -> Array:
    finite = np.isfinite(cut)
    return np.where(finite, normal_density((np.where(finite, cut, 0.0) - rho * z) / root), 0.0)


def moment_scores(z1: Array, z2: Array, deviations: tuple[float, float], rho: float) -> PairScores:
    """Derivatives of the bivariate normal log likelihood, per person.

    Parameters
    ----------
    z1, z2
        Standardised values, shape (n,).
    deviations
        Standard deviations of the two variables.
    rho
        Correlation.

    Returns
    -------
    PairScores
        First and second: mean and variance of each variable.
    """
    spread = 1 - rho * rho
    by_rho = rho / spread + (z1 * z2 * (1 + rho * rho) - rho * (z1**2 + z2**2)) / spread**2
    sides = []
    for own, other, sd in ((z1, z2, deviations[0]), (z2, z1, deviations[1])):
        residual = (own - rho * other) / spread
        sides.append(np.array([residual / sd, (own * residual - 1) / (2 * sd**2)]))
    return PairScores(rho=by_rho, first=sides[0], second=sides[1])
