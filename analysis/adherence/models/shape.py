"""Is the effect of a score a straight line? A restricted cubic spline against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, xlogy

from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.delta import delta_interval
from analysis.adherence.models.fit import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
# Places of the knots as the book proposes them, by the number of knots.
KNOTS_AT = {3: (0.10, 0.50, 0.90), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.50, 0.725, 0.95)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Test of curvature, and the fitted curve.

    `f`, `df1`, `df2`, `pvalue`: spline against straight line. `at` (g,) are values of the score, `fitted`,
    `lower`, `upper` (g,) the units done by people like those studied with that score.
    """

    knots: Floats
    f: float
    df1: int
    df2: float
    pvalue: float
    at: Floats
    fitted: Floats
    lower: Floats
    upper: Floats


def knots_of(score: Floats, count: int = 4) -> Floats:
    """Give the knots at the usual percentiles; fewer where a percentile repeats."""
    for size in range(count, 2, -1):
        knots = np.quantile(score, KNOTS_AT[size])
        if len(np.unique(knots)) == size:
            return np.asarray(knots, dtype=np.float64)
    fact = "the score has too few distinct values for a curve."
    raise NotEstimableError(fact_and_hint("relate_adherence", fact, "read the straight line only."))


def restricted_cubic(score: Floats, knots: Floats) -> Floats:
    """Curved columns of a restricted cubic spline, shape (n, k − 2): linear beyond the outer knots.

    Notes
    -----
    `(x − t_j)³₊ − (x − t_{k−1})³₊ (t_k − t_j)/(t_k − t_{k−1}) + (x − t_k)³₊ (t_{k−1} − t_j)/(t_k − t_{k−1})`,
    over `(t_k − t_1)²`. With the score itself it spans what `splines::ns` spans in R.

    References
    ----------
    Durrleman & Simon (1989), doi 10.1002/sim.4780080504.
    """
    cubes = np.maximum(score[:, None] - knots[None, :], 0.0) ** 3
    last, before = knots[-1], knots[-2]
    columns = [
        cubes[:, j]
        - cubes[:, -2] * (last - knots[j]) / (last - before)
        + cubes[:, -1] * (before - knots[j]) / (last - before)
        for j in range(len(knots) - 2)
    ]
    return np.column_stack(columns) / (last - knots[0]) ** 2


def compare_shapes(
    score: Floats,
    others: Floats,
    done: Floats,
    due: Floats,
    level: float = 0.95,
    points: int = 41,
    clusters: Clusters | None = None,
) -> Shape:
    """Compare a spline of the score with a straight line in the logit of remaining use.

    Parameters
    ----------
    score : array, shape (n,)
        The predictor.
    others : array, shape (n, p)
        Adjustment columns without a constant.
    done, due : array, shape (n,)
        Units done and due.
    level
        Level of the curve's interval.
    points
        Number of values at which the curve is given, between the outer knots.
    clusters
        Clusters of the people; None where they are independent.

    Returns
    -------
    Shape
        F test by the deviances over the larger model's dispersion, and the curve. In clusters it is Wald's,
        by the covariance of a jackknife, with G − 1 degrees of freedom.

    Notes
    -----
    In R: `anova(glm(… x …), glm(… splines::ns(x, …) …), test = "F")`.
    """
    knots = knots_of(score)
    constant = np.ones((len(score), 1))
    straight = np.column_stack([constant, score, others])
    bent = np.column_stack([constant, score, restricted_cubic(score, knots), others])
    small, large = quasi_binomial(straight, done, due), quasi_binomial(bent, done, due, clusters=clusters)
    df1, df2 = len(knots) - 2, large.df_resid
    drop = _deviance(small, straight, done, due) - _deviance(large, bent, done, due)
    f = drop / df1 / large.dispersion
    if clusters is not None:
        curved = slice(2, 2 + df1)
        own = large.coefficients[curved]
        f = float(own @ np.linalg.solve(large.covariance[curved, curved], own)) / df1
    at = np.linspace(knots[0], knots[-1], points)
    curve = np.array([_at(large, value, knots, others, due, level) for value in at])
    return Shape(
        knots=knots,
        f=f,
        df1=df1,
        df2=df2,
        pvalue=float(stats.f.sf(f, df1, df2)),
        at=at,
        fitted=curve[:, 0],
        lower=curve[:, 1],
        upper=curve[:, 2],
    )


def _deviance(fit: Fit, design: Floats, done: Floats, due: Floats) -> float:
    p = expit(design @ fit.coefficients)
    share = done / due
    pieces = due * (xlogy(share, share / p) + xlogy(1 - share, (1 - share) / (1 - p)))
    return float(2 * pieces.sum())


def _at(
    fit: Fit, value: float, knots: Floats, others: Floats, due: Floats, level: float
) -> tuple[float, float, float]:
    """Units done if everyone studied had this score; limits are set on the logit scale, within bounds."""
    same = np.concatenate([[1.0, value], restricted_cubic(np.array([value]), knots)[0]])
    own, rest = fit.coefficients[: len(same)], fit.coefficients[len(same) :]
    p = expit(others @ rest + same @ own)
    share = float(due @ p / due.sum())
    moved = due * p * (1 - p) / due.sum()
    slope = np.concatenate([moved.sum() * same, moved @ others]) / (share * (1 - share))
    logit = float(np.log(share / (1 - share)))
    how = (fit.coefficients, fit.covariance, level, fit.df_resid, slope)
    middle, _, low, high = delta_interval(lambda _: logit, *how)
    mean_due = float(due.mean())
    units = mean_due * expit(np.array([middle, low, high]))
    return float(units[0]), float(units[1]), float(units[2])
