"""Slope of a later outcome on an observed score, and the same corrected for the score's unreliability."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.latent.after_measurement import CALLER, Slope
from analysis.adherence.models.clusters import Clusters, summed
from instrument.common.formatting import format_value
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]


def observed_slope(
    score: Floats, outcome: Floats, adjusters: Floats, clusters: Clusters | None = None
) -> Slope:
    """Regress an outcome on a score and adjusters; standard errors hold for any distribution.

    Parameters
    ----------
    score, outcome, adjusters
        Complete, shapes (n,), (n,) and (n, q).
    clusters
        Clusters of the rows; None where people are independent.

    Returns
    -------
    Slope
        Per standard deviation of the score; `reliability` is 1.
    """
    return _from_moments(score, outcome, adjusters, None, clusters)


def corrected_slope(
    score: Floats,
    parts: Floats,
    outcome: Floats,
    adjusters: Floats,
    clusters: Clusters | None = None,
) -> Slope:
    """Regress an outcome on what a score would be without error: regression with errors in variables.

    Parameters
    ----------
    score, outcome, adjusters, clusters
        As in `observed_slope`.
    parts
        What the score is the mean of, NaN for no answer, shape (n, k).

    Returns
    -------
    Slope
        Per standard deviation of the true score; `reliability` is alpha of the parts.

    Raises
    ------
    NotEstimableError
        Alpha is too low for the correction: nothing of the score is left beside the adjusters.

    Notes
    -----
    The score's variance V is replaced by αV, α = k/(k − 1) · (1 − Σ s_jj / Σ s_jk) from pairwise covariances
    of the parts. Standard errors are those of a smooth function of moments: alpha is not taken as known.

    References
    ----------
    Fuller (1987). Measurement error models. doi 10.1002/9780470316665. In R: by hand on `cov`.
    """
    return _from_moments(score, outcome, adjusters, parts, clusters)


def _from_moments(
    score: Floats, outcome: Floats, adjusters: Floats, parts: Floats | None, clusters: Clusters | None
) -> Slope:
    table = np.column_stack([score, outcome, adjusters])
    n, width = table.shape
    centred = table - table.mean(axis=0)
    first, second = np.triu_indices(width)
    influence = centred[:, first] * centred[:, second]
    values = influence.mean(axis=0)
    influence = influence - values
    extra = np.zeros(0) if parts is None else np.zeros(2)
    if parts is not None:
        extra, own = _spread_of(parts)
        values, influence = np.append(values, extra), np.column_stack([influence, own])

    def both(moments: Floats) -> tuple[float, float]:
        return _slope(moments, width, None if parts is None else parts.shape[1])

    estimate, standardized = both(values)
    slopes = _gradient(both, values)
    error, df = summed(influence @ slopes, clusters)
    se, standardized_se = np.sqrt((error**2).sum(axis=0)) / n
    reliability = 1.0 if parts is None else _alpha(extra, parts.shape[1])
    return Slope(
        estimate=estimate,
        se=float(se),
        standardized=standardized,
        standardized_se=float(standardized_se),
        reliability=reliability,
        n=n,
        df=df,
    )


def _gradient(function: Callable[[Floats], tuple[float, float]], values: Floats) -> Floats:
    """Derivatives by each moment, central differences, shape (n_moments, 2)."""
    rows = []
    for k, value in enumerate(values):
        step = 1e-6 * max(1e-3, abs(float(value)))
        high, low = values.copy(), values.copy()
        high[k] += step
        low[k] -= step
        rows.append((np.array(function(high)) - np.array(function(low))) / (2 * step))
    return np.array(rows)


def _alpha(extra: Floats, k: int) -> float:
    return float(k / (k - 1) * (1 - extra[0] / extra[1]))


def _spread_of(parts: Floats) -> tuple[Floats, Floats]:
    """Sum of variances and of all covariances of the parts, pairwise, with each person's influence."""
    answered = np.isfinite(parts)
    centred = np.where(answered, parts - np.nanmean(parts, axis=0), 0.0)
    share = (answered.T.astype(float) @ answered) / len(parts)
    cross = (centred.T @ centred) / len(parts) / share
    # A pair's influence is spread over those who answered both, hence the division by their share.
    own = (centred**2 - answered * np.diag(cross)) / np.diag(share)
    every = np.einsum("ij,jk,ik->i", centred, 1 / share, centred)
    every -= np.einsum("ij,jk,ik->i", answered.astype(float), cross / share, answered.astype(float))
    return np.array([np.trace(cross), cross.sum()]), np.column_stack([own.sum(axis=1), every])


def _slope(moments: Floats, width: int, k: int | None) -> tuple[float, float]:
    """Slope per standard deviation of the (true) score: in the outcome's units, and standardised."""
    square = np.zeros((width, width))
    square[np.triu_indices(width)] = moments[: width * (width + 1) // 2]
    square = square + square.T - np.diag(np.diag(square))
    reliability = 1.0 if k is None else _alpha(moments[-2:], k)
    true = reliability * square[0, 0]
    predictors = [0, *range(2, width)]
    matrix = square[np.ix_(predictors, predictors)]
    matrix[0, 0] = true
    if true <= 0 or np.linalg.eigvalsh(_correlations(matrix)).min() < 1e-6:
        told = format_value(reliability, "r2")
        fact = f"with a reliability of {told} nothing of the score is left beside the adjusters."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less, or use a longer scale."))
    slope = float(np.linalg.solve(matrix, square[predictors, 1])[0] * np.sqrt(true))
    return slope, slope / float(np.sqrt(square[1, 1]))


def _correlations(matrix: Floats) -> Floats:
    spread = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    return np.asarray(matrix / np.outer(spread, spread))
