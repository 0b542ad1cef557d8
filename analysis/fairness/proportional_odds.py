"""The proportional-odds model of an ordinal answer, fitted by Newton's method on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    return fit_growing(positions, predictors, [predictors.shape[1]])[0]


def fit_growing(positions: Codes, predictors: Array, sizes: Sequence[int]) -> list[ProportionalOdds]:
    """Fit models with the first few predictors, each search beginning where the one before ended.

    Parameters
    ----------
    positions
        Category of each person, 0 … k − 1, each at least once; shape (n_persons,).
    predictors
        Shape (n_persons, n_predictors).
    sizes
        How many predictors each model has, ascending.

    Returns
    -------
    list of ProportionalOdds
        One for each size; estimates, or `problem` and NaN.
    """
    centre, spread = predictors.mean(axis=0), predictors.std(axis=0)
    scaled = (predictors - centre) / np.where(spread > 0, spread, 1.0)
    together = scaled.T @ scaled / len(scaled)
    data = _split(positions, scaled)
    below = np.cumsum(np.bincount(positions))[:-1] / len(positions)
    nothing = np.log(below / (1 - below))
    at, found = nothing, []
    for size in sizes:
        sizes_of = np.linalg.eigvalsh(together[:size, :size])
        if sizes_of[0] <= FLATTEST * sizes_of[-1]:
            found.append(_without_estimate(data.k, size, COLLINEAR))
            continue
        begin = np.concatenate([at, np.zeros(data.k - 1 + size - len(at))])
        fit, ended = _search(begin, data.first_of(size), len(scaled), centre[:size], spread[:size])
        at = nothing if fit.problem else ended
        found.append(fit)
    return found


def _search(at: Array, data: _Data, n: int, centre: Array, spread: Array) -> tuple[ProportionalOdds, Array]:
    """Newton steps on scaled predictors; the fit to the predictors as given, and where the search ended."""
    k, size = data.k, len(spread)
    ends = _ends(at, data)
    for _ in range(MOST_STEPS):
        slope, information = _derivatives(at, ends, data)
        direction, decrement = _direction(slope, information)
        if not decrement > DECREMENT:
            break
        at, ends = _climb(at, direction, ends, data)
    else:
        return _without_estimate(k, size, UNFINISHED), at
    if np.linalg.eigvalsh(information)[0] <= FLATTEST * n:
        return _without_estimate(k, size, SEPARATED), at
    back = np.eye(k - 1 + size)
    back[k - 1 :, k - 1 :] = np.diag(1 / spread)
    back[: k - 1, k - 1 :] = centre / spread
    estimates = back @ (at + direction)
    fit = ProportionalOdds(
        thresholds=estimates[: k - 1],
        coefficients=estimates[k - 1 :],
        covariance=back @ np.linalg.inv(information) @ back.T,
        loglik=ends.loglik,
    )
    return fit, at + direction


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
    """Each person at the upper and at the lower end of the own category, those of one threshold together."""

    threshold: Codes
    """Threshold that each end is about, ascending."""
    first: Codes
    """First end of each threshold."""
    side: Array
    """1 where the person is below the threshold, −1 where above."""
    predictors: Array
    """Shape (n_predictors, n_ends)."""
    inner: Array
    """Persons in each category that has two ends."""
    k: int

    def first_of(self, size: int) -> _Data:
        """The same with so many predictors."""
        return replace(self, predictors=self.predictors[:size])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ends:
    """Share of each end's logistic curve on the person's own side of the threshold."""

    own: Array
    loglik: float


def _split(positions: Codes, predictors: Array) -> _Data:
    k = int(positions.max()) + 1
    below, above = np.flatnonzero(positions < k - 1), np.flatnonzero(positions > 0)
    threshold = np.concatenate([positions[below], positions[above] - 1])
    small = threshold.astype(np.uint8) if k <= np.iinfo(np.uint8).max else threshold
    order = np.argsort(small, kind="stable")
    side = np.concatenate([np.ones(len(below)), -np.ones(len(above))])
    counts = np.bincount(threshold, minlength=k - 1)
    return _Data(
        threshold=threshold[order],
        first=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp),
        side=side[order],
        predictors=np.ascontiguousarray(predictors[np.concatenate([below, above])[order]].T),
        inner=np.bincount(positions, minlength=k)[1:-1].astype(np.float64),
        k=k,
    )


def _ends(at: Array, data: _Data) -> _Ends:
    """Log likelihood: with ends h > l of a category, F(h) − F(l) = F(h) F(−l) (1 − exp(l − h)).

    The last factor depends on thresholds alone, so each end enters by itself and nothing is subtracted.
    """
    cuts = at[: data.k - 1]
    own = expit(data.side * (cuts[data.threshold] - at[data.k - 1 :] @ data.predictors))
    between = float(data.inner @ np.log(-np.expm1(-np.diff(cuts))))
    return _Ends(own=own, loglik=float(np.log(own).sum()) + between if own.min() > 0 else -np.inf)


def _derivatives(at: Array, ends: _Ends, data: _Data) -> tuple[Array, Array]:
    """Slope of the log likelihood and the negative of its curvature."""
    k, x = data.k, data.predictors
    beyond = 1 - ends.own
    pull, weights = data.side * beyond, ends.own * beyond
    apart = np.exp(-np.diff(at[: k - 1]))
    push = data.inner * apart / (1 - apart)
    slope = np.concatenate([np.add.reduceat(pull, data.first), -x @ pull])
    slope[1 : k - 1] += push
    slope[: k - 2] -= push
    information = np.zeros((len(slope), len(slope)))
    cut = np.arange(k - 1)
    weighted = weights * x
    bend = push / (1 - apart)
    information[cut, cut] = np.add.reduceat(weights, data.first)
    information[cut[1:], cut[1:]] += bend
    information[cut[:-1], cut[:-1]] += bend
    information[cut[1:], cut[:-1]] = information[cut[:-1], cut[1:]] = -bend
    across = -np.add.reduceat(weighted, data.first, axis=1)
    information[k - 1 :, : k - 1], information[: k - 1, k - 1 :] = across, across.T
    information[k - 1 :, k - 1 :] = weighted @ x.T
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
