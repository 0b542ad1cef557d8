"""The proportional-odds model of an ordinal answer, fitted by Newton's method on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

MOST_STEPS = 60
MOST_HALVINGS = 40
DECREMENT = 1e-12
# Below this share of the largest eigenvalue the likelihood is flat: the maximum lies at infinity.
FLATTEST = 1e-9
SEPARATED = "the groups or the matching variable separate its answers, so the estimates have no finite value"
COLLINEAR = "the matching variable does not vary, or does not within a group"
UNFINISHED = f"the search did not end within {MOST_STEPS} steps"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProportionalOdds:
    """A fitted model logit P(Y ≤ k) = α_k − xβ.

    Attributes
    ----------
    thresholds
        α, ascending, shape (n_categories − 1,).
    coefficients
        β, shape (n_predictors,).
    covariance
        Of (α, β), from the observed information.
    loglik
        At the maximum.
    problem
        Why there is no estimate; empty where there is one.
    """

    thresholds: Array
    coefficients: Array
    covariance: Array
    loglik: float
    problem: str = ""


def thresholds_only(positions: Codes) -> float:
    """Log likelihood of the model without predictors.

    Parameters
    ----------
    positions
        Category of each person, 0 … k − 1, each at least once; shape (n_persons,).

    Returns
    -------
    float
        Σ n_k log(n_k/n).
    """
    counts = np.bincount(positions)
    return float(np.sum(counts * np.log(counts / len(positions))))


def fit_proportional_odds(positions: Codes, predictors: Array) -> ProportionalOdds:
    """Maximise the likelihood by Newton steps that are halved until they climb.

    The log likelihood is concave in thresholds and coefficients, so a point without slope is the maximum.

    Parameters
    ----------
    positions
        Category of each person, 0 … k − 1, each at least once; shape (n_persons,).
    predictors
        Shape (n_persons, n_predictors).

    Returns
    -------
    ProportionalOdds
        Estimates, or `problem` and NaN.
    """
    centre, spread = predictors.mean(axis=0), predictors.std(axis=0)
    k, n_predictors = int(positions.max()) + 1, predictors.shape[1]
    n_free = k - 1 + n_predictors
    scaled = (predictors - centre) / np.where(spread > 0, spread, 1.0)
    if np.linalg.matrix_rank(np.column_stack([np.ones(len(scaled)), scaled]), tol=1e-8) <= n_predictors:
        return _without_estimate(k, n_predictors, COLLINEAR)
    design = _designs(positions, scaled, k)
    below = np.cumsum(np.bincount(positions, minlength=k))[:-1] / len(positions)
    at = np.concatenate([np.log(below / (1 - below)), np.zeros(n_predictors)])
    loglik, slope, information = _derivatives(at, design, k)
    for _ in range(MOST_STEPS):
        direction, decrement = _direction(slope, information)
        if not decrement > 0:
            break
        new = _climb(at, direction, loglik, design, k)
        if new is None:
            break
        at, (loglik, slope, information) = new, _derivatives(new, design, k)
        if decrement < DECREMENT:
            break
    else:
        return _without_estimate(k, n_predictors, UNFINISHED)
    sizes = np.linalg.eigvalsh(information)
    if sizes[0] <= FLATTEST * sizes[-1] or abs(_direction(slope, information)[1]) > 1e-6:
        return _without_estimate(k, n_predictors, SEPARATED)
    back = np.eye(n_free)
    back[k - 1 :, k - 1 :] = np.diag(1 / spread)
    back[: k - 1, k - 1 :] = centre / spread
    estimates = back @ at
    return ProportionalOdds(
        thresholds=estimates[: k - 1],
        coefficients=estimates[k - 1 :],
        covariance=back @ np.linalg.inv(information) @ back.T,
        loglik=loglik,
    )


def category_probabilities(thresholds: Array, linear: Array) -> Array:
    """Probability of each category.

    Parameters
    ----------
    thresholds
        Shape (n_categories − 1,).
    linear
        xβ of each person, shape (n_persons,).

    Returns
    -------
    numpy.ndarray
        Shape (n_persons, n_categories), rows sum to 1.
    """
    cumulative = expit(thresholds - np.asarray(linear)[:, None])
    ends = np.zeros((len(cumulative), 1)), np.ones((len(cumulative), 1))
    probabilities: Array = np.diff(np.hstack([ends[0], cumulative, ends[1]]), axis=1)
    return probabilities


def _without_estimate(k: int, n_predictors: int, problem: str) -> ProportionalOdds:
    n_free = k - 1 + n_predictors
    return ProportionalOdds(
        thresholds=np.full(k - 1, np.nan),
        coefficients=np.full(n_predictors, np.nan),
        covariance=np.full((n_free, n_free), np.nan),
        loglik=np.nan,
        problem=problem,
    )


def _designs(positions: Codes, scaled: Array, k: int) -> tuple[Codes, Array, Array]:
    """Rows that take (α, β) to the upper and the lower end of each person's category."""
    n = len(positions)
    upper = np.hstack([np.zeros((n, k - 1)), -scaled])
    lower = upper.copy()
    rows = np.arange(n)
    capped, floored = positions < k - 1, positions > 0
    upper[rows[capped], positions[capped]] = 1.0
    lower[rows[floored], positions[floored] - 1] = 1.0
    return positions, upper, lower


def _ends(at: Array, design: tuple[Codes, Array, Array], k: int) -> tuple[Array, Array, Array]:
    """Upper end, lower end and probability of each person's own category."""
    positions, upper, lower = design
    high = np.where(positions < k - 1, upper @ at, np.inf)
    low = np.where(positions > 0, lower @ at, -np.inf)
    # F(high) − F(low), taken from the tail in which both are small.
    turned = low > 0
    probability = np.where(turned, expit(-low) - expit(-high), expit(high) - expit(low))
    return high, low, probability


def _derivatives(at: Array, design: tuple[Codes, Array, Array], k: int) -> tuple[float, Array, Array]:
    """Log likelihood, its slope, and the negative of its curvature."""
    high, low, probability = _ends(at, design, k)
    _, upper, lower = design
    at_high, at_low = expit(high), expit(low)
    dense_high, dense_low = at_high * (1 - at_high), at_low * (1 - at_low)
    by_high, by_low = dense_high / probability, -dense_low / probability
    slope: Array = upper.T @ by_high + lower.T @ by_low
    curve_high = by_high * (1 - 2 * at_high) - by_high**2
    curve_low = by_low * (1 - 2 * at_low) - by_low**2
    mixed = upper.T @ ((-by_high * by_low)[:, None] * lower)
    curvature = (
        upper.T @ (curve_high[:, None] * upper) + lower.T @ (curve_low[:, None] * lower) + mixed + mixed.T
    )
    return float(np.log(probability).sum()), slope, -curvature


def _direction(slope: Array, information: Array) -> tuple[Array, float]:
    """Newton's step and the climb it promises, twice; no step where the information is singular."""
    try:
        step = np.asarray(np.linalg.solve(information, slope), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros_like(slope), 0.0
    return step, float(slope @ step)


def _climb(
    at: Array, direction: Array, loglik: float, design: tuple[Codes, Array, Array], k: int
) -> Array | None:
    """The longest halved step that does not descend; None where none is left above rounding."""
    for halving in range(MOST_HALVINGS):
        new: Array = at + direction * 0.5**halving
        if (np.diff(new[: k - 1]) > 0).all():
            probability = _ends(new, design, k)[2]
            if (probability > 0).all() and np.log(probability).sum() >= loglik - 1e-10 * abs(loglik):
                return new
    return None
