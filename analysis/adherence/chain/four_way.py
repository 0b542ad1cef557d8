"""Where the middle step matters more or less with the start: VanderWeele's four parts of a total effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.chain.drawn_moments import drawn_sums, paired_products, percentile_limits, squared
from analysis.adherence.models.clusters import Clusters
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
DIRECT, REFERENCE = "direct, the middle at its reference", "interaction with the middle at its reference"
MEDIATED, PURE = "interaction by way of the middle", "by way of the middle alone"
TOTAL, THROUGH, TOGETHER = "total", "all by way of the middle", "all interaction"
PARTS = (DIRECT, REFERENCE, MEDIATED, PURE)
# rows: what is told; columns: the four parts of which it is the sum
SUMS = {
    **{part: np.eye(4)[k] for k, part in enumerate(PARTS)},
    TOTAL: np.ones(4),
    THROUGH: np.array([0.0, 0.0, 1.0, 1.0]),
    TOGETHER: np.array([0.0, 1.0, 1.0, 0.0]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Triple:
    """Start, middle and end of a route with what is held constant, shape (n,) and (n, p)."""

    start: Floats
    middle: Floats
    end: Floats
    held: Floats


def four_way(
    route: Triple,
    *,
    reference: float,
    draws: int,
    seed: int,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> pd.DataFrame:
    """Split the difference that one unit of the start makes into four parts.

    Parameters
    ----------
    route
        Complete people.
    reference
        Value of the middle at which the direct part is told.
    draws, seed
        Bootstrap samples of persons (or clusters), and their seed.
    confidence
        Level of the percentile intervals.
    clusters
        Who belongs together.

    Returns
    -------
    DataFrame
        part, estimate, se (delta method, independent persons), ci_lower, ci_upper, share (of the total).

    Raises
    ------
    NotEstimableError
        A column says what others say.

    Notes
    -----
    `Y = θ₀ + θ₁A + θ₂M + θ₃AM + θ₄'C`, `M = β₀ + β₁A + β₂'C` by least squares, from A = 0 to A = 1, at the
    mean of C. With m* the reference and m₀ the middle expected at A = 0: `θ₁ + θ₃m*` would be there were the
    middle held at m*; `θ₃(m₀ − m*)` because the middle is not there; `θ₃β₁` because the start moves the
    middle and the two interact; `θ₂β₁` because the start moves the middle. They add up to the total.

    References
    ----------
    VanderWeele (2014), doi 10.1097/EDE.0000000000000121. In R: `CMAverse::cmest(model = "rb")`, or the two
    `lm` and the formulae.
    """
    held = route.held - route.held.mean(axis=0)
    ones = np.ones((len(route.start), 1))
    for_middle = np.column_stack([ones, route.start, held])
    for_end = np.column_stack([ones, route.start, route.middle, route.start * route.middle, held])
    if np.linalg.matrix_rank(for_end) < for_end.shape[1]:
        raise NotEstimableError("start, middle and their product say what other columns say.")
    beta, theta = (
        np.asarray(np.linalg.solve(x.T @ x, x.T @ y))
        for x, y in ((for_middle, route.middle), (for_end, route.end))
    )
    parts = _parts(beta[None], theta[None], reference)[0]
    gradient = _gradient(beta, theta, reference)
    covariance = np.zeros((5, 5))
    covariance[:2, :2] = _covariance(for_middle, route.middle, beta)[:2, :2]
    covariance[2:, 2:] = _covariance(for_end, route.end, theta)[1:4, 1:4]
    columns = np.column_stack([for_end, route.end])
    products, pairs = paired_products(columns)
    squares = squared(drawn_sums(products, draws, seed, clusters), pairs, columns.shape[1])
    whole = np.diag((columns**2).sum(axis=0))
    last = columns.shape[1] - 1
    of_middle = [0, 1, *range(4, last)]
    drawn = _parts(
        _slopes(squares, whole, of_middle, 2), _slopes(squares, whole, list(range(last)), last), reference
    )
    sums = np.array(list(SUMS.values()))
    lower, upper = percentile_limits(drawn @ sums.T, confidence)
    told, total = sums @ parts, float(parts.sum())
    return pd.DataFrame(
        {
            "part": list(SUMS),
            "estimate": told,
            "se": np.sqrt(np.einsum("ij,jk,ik->i", sums @ gradient, covariance, sums @ gradient)),
            "ci_lower": lower,
            "ci_upper": upper,
            "share": told / total if total else np.nan,
        }
    )


def _parts(beta: Floats, theta: Floats, reference: float) -> Floats:
    """The four parts for slopes of shape (draws, …): intercept, start; intercept, start, middle, product."""
    expected, moved = beta[:, 0], beta[:, 1]
    direct, through, product = theta[:, 1], theta[:, 2], theta[:, 3]
    return np.column_stack(
        [
            direct + product * reference,
            product * (expected - reference),
            product * moved,
            through * moved,
        ]
    )


def _gradient(beta: Floats, theta: Floats, reference: float) -> Floats:
    """Of the parts by β₀, β₁, θ₁, θ₂, θ₃, shape (4, 5)."""
    expected, moved, through, product = beta[0], beta[1], theta[2], theta[3]
    return np.array(
        [
            [0.0, 0.0, 1.0, 0.0, reference],
            [product, 0.0, 0.0, 0.0, expected - reference],
            [0.0, product, 0.0, 0.0, moved],
            [0.0, through, 0.0, moved, 0.0],
        ]
    )


def _slopes(squares: Floats, whole: Floats, predictors: list[int], outcome: int) -> Floats:
    """Least squares from sums of products of columns, shape (draws, p); `whole`: those of everybody."""
    at = np.ix_(predictors, predictors)
    # A tiny ridge keeps samples solvable in which a rare category was not drawn; it changes no digit shown.
    inner = squares[:, at[0], at[1]] + 1e-10 * whole[at]
    return np.asarray(np.linalg.solve(inner, squares[:, predictors, outcome][:, :, None])[:, :, 0])


def _covariance(x: Floats, y: Floats, slopes: Floats) -> Floats:
    left = y - x @ slopes
    return np.asarray(np.linalg.inv(x.T @ x) * (left @ left) / (len(y) - x.shape[1]))
