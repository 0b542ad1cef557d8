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
ROUNDING = 1e-13
# Below this information per person the likelihood is flat: its maximum lies at infinity.
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
    scaled = (predictors - centre) / np.where(spread > 0, spread, 1.0)
    together = np.linalg.eigvalsh(scaled.T @ scaled / len(scaled))
    if together[0] <= FLATTEST * together[-1]:
        return _without_estimate(k, n_predictors, COLLINEAR)
    below = np.cumsum(np.bincount(positions, minlength=k))[:-1] / len(positions)
    at = np.concatenate([np.log(below / (1 - below)), np.zeros(n_predictors)])
    data = _Data(positions=positions, predictors=scaled, k=k)
    ends = _ends(at, data)
    for _ in range(MOST_STEPS):
        slope, information = _derivatives(ends, data)
        direction, decrement = _direction(slope, information)
        if not decrement > DECREMENT:
            break
        at, ends = _climb(at, direction, ends, data)
    else:
        return _without_estimate(k, n_predictors, UNFINISHED)
    sizes = np.linalg.eigvalsh(information)
    if sizes[0] <= FLATTEST * len(scaled):
        return _without_estimate(k, n_predictors, SEPARATED)
    back = np.eye(k - 1 + n_predictors)
    back[k - 1 :, k - 1 :] = np.diag(1 / spread)
    back[: k - 1, k - 1 :] = centre / spread
    estimates = back @ (at + direction)
    return ProportionalOdds(
        thresholds=estimates[: k - 1],
        coefficients=estimates[k - 1 :],
        covariance=back @ np.linalg.inv(information) @ back.T,
        loglik=ends.loglik,
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    positions: Codes
    predictors: Array
    k: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ends:
    """F at the upper and the lower end of each person's own category, and what lies between."""

    high: Array
    low: Array
    probability: Array
    loglik: float


def _ends(at: Array, data: _Data) -> _Ends:
    cuts = np.concatenate([[-np.inf], at[: data.k - 1], [np.inf]])
    linear = data.predictors @ at[data.k - 1 :]
    high, low = cuts[data.positions + 1] - linear, cuts[data.positions] - linear
    at_high, at_low = expit(high), expit(low)
    # F(high) − F(low), taken from the tail in which both are small.
    probability = np.where(low > 0, expit(-low) - expit(-high), at_high - at_low)
    loglik = float(np.log(probability).sum()) if (probability > 0).all() else -np.inf
    return _Ends(high=at_high, low=at_low, probability=probability, loglik=loglik)


def _derivatives(ends: _Ends, data: _Data) -> tuple[Array, Array]:
    """Slope of the log likelihood and the negative of its curvature.

    Each person adds to two thresholds at most, so sums over persons of one category fill them.
    """
    k, x, own = data.k, data.predictors, data.positions
    dense_high, dense_low = ends.high * (1 - ends.high), ends.low * (1 - ends.low)
    by_high, by_low = dense_high / ends.probability, -dense_low / ends.probability
    curve_high = by_high**2 - by_high * (1 - 2 * ends.high)
    curve_low = by_low**2 - by_low * (1 - 2 * ends.low)
    mixed = by_high * by_low

    def summed(values: Array) -> Array:
        return np.asarray(np.bincount(own, weights=values, minlength=k), dtype=np.float64)

    slope = np.concatenate([summed(by_high)[:-1] + summed(by_low)[1:], -x.T @ (by_high + by_low)])
    information = np.zeros((len(slope), len(slope)))
    cut = np.arange(k - 1)
    information[cut, cut] = summed(curve_high)[:-1] + summed(curve_low)[1:]
    beside = summed(mixed)[1:-1]
    information[cut[1:], cut[:-1]] = information[cut[:-1], cut[1:]] = beside
    to_high, to_low = curve_high + mixed, curve_low + mixed
    for place, column in enumerate(x.T, start=k - 1):
        across = summed(to_high * column)[:-1] + summed(to_low * column)[1:]
        information[place, : k - 1] = information[: k - 1, place] = -across
    information[k - 1 :, k - 1 :] = x.T @ ((to_high + to_low)[:, None] * x)
    return slope, information


def _direction(slope: Array, information: Array) -> tuple[Array, float]:
    """Newton's step and twice the climb it promises; none where the information is singular."""
    try:
        step = np.asarray(np.linalg.solve(information, slope), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros_like(slope), 0.0
    return step, float(slope @ step)


def _climb(at: Array, direction: Array, ends: _Ends, data: _Data) -> tuple[Array, _Ends]:
    """The longest halved step that does not descend; the thresholds stay in order."""
    for halving in range(MOST_HALVINGS):
        new = at + direction * 0.5**halving
        if (np.diff(new[: data.k - 1]) > 0).all():
            found = _ends(new, data)
            if found.loglik >= ends.loglik - ROUNDING * abs(ends.loglik):
                return new, found
    return at, ends
