"""Effects of several scores on remaining use, one at a time and together, comparable with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.models.binomial import average_effect, quasi_binomial
from analysis.adherence.models.clusters import Clusters, summed
from analysis.adherence.models.fit import Fit
from analysis.common.standing import Side

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Effects in units done per standard deviation of a score, arrays of shape (k,).

    `covariance`, shape (k, k), is that of the effects across models: by it they can be compared.
    """

    estimate: Floats
    lower: Floats
    upper: Floats
    pvalue: Floats
    covariance: Floats
    df: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Differences from the mean of all, shape (k,), with limits that hold for all at once, and one test."""

    difference: Floats
    se: Floats
    lower: Floats
    upper: Floats
    pvalue: float
    criterion: float

    @property
    def sides(self) -> list[Side]:
        """Higher or lower than the mean of all where the limits say so, else unclear."""
        return [_side(low, high) for low, high in zip(self.lower, self.upper, strict=True)]


def _side(low: float, high: float) -> Side:
    if low > 0:
        return Side.HIGHER
    return Side.LOWER if high < 0 else Side.UNCLEAR


def standardized(columns: Floats) -> Floats:
    """Columns with mean 0 and standard deviation 1."""
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0, ddof=1))


def separate_effects(
    scores: Floats,
    adjusters: Floats,
    done: Floats,
    due: Floats,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> Effects:
    """Average marginal effect of each score in a model of its own.

    Parameters
    ----------
    scores : array, shape (n, k)
        Raw scores.
    adjusters : array, shape (n, p)
        Columns in every model.
    done, due : array, shape (n,)
        Units done and due.
    level
        Level of the intervals.
    clusters
        Clusters of the people; None where they are independent.

    Returns
    -------
    Effects
        Estimates and intervals as in `relate_adherence`.

    Notes
    -----
    Each model is the quasi-binomial logit; limits are its own. Across models the covariance is the sandwich
    of the stacked estimating equations: with `ψ_j` the influence of a person on effect `j`,
    `cov = Σ ψ ψ' · n/(n − q)`, `q` coefficients per model. `ψ` holds three parts: coefficients, average
    over people, standard deviation of the score. In clusters `ψ` is summed by cluster and gives the
    correlations between effects only; their errors are those of the jackknife over clusters.
    """
    rows, influences = [], []
    df = np.inf
    for column in standardized(scores).T:
        design = np.column_stack([np.ones(len(done)), column, adjusters])
        fit = quasi_binomial(design, done, due, clusters=clusters, robust=True)
        rows.append((*average_effect(fit, design, due, 1, level), float(fit.pvalues()[1])))
        influences.append(_influence(fit, design, done, due, 1))
        df = fit.df_resid
    return _gathered(rows, np.column_stack(influences), df, level, clusters)


def joint_effects(
    scores: Floats,
    adjusters: Floats,
    done: Floats,
    due: Floats,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> Effects:
    """Average marginal effect of each score with all the others in the same model.

    Parameters
    ----------
    scores, adjusters, done, due, level, clusters
        As `separate_effects`.

    Returns
    -------
    Effects
        As `separate_effects`.
    """
    design = np.column_stack([np.ones(len(done)), standardized(scores), adjusters])
    fit = quasi_binomial(design, done, due, clusters=clusters, robust=True)
    columns = range(1, 1 + scores.shape[1])
    rows = [(*average_effect(fit, design, due, c, level), float(fit.pvalues()[c])) for c in columns]
    influences = np.column_stack([_influence(fit, design, done, due, c) for c in columns])
    return _gathered(rows, influences, fit.df_resid, level, clusters)


def _gathered(
    rows: Sequence[tuple[float, ...]],
    influences: Floats,
    df: float,
    level: float,
    clusters: Clusters | None,
) -> Effects:
    estimate, lower, upper, pvalue = np.array(rows).T
    n = len(influences)
    if clusters is None:
        covariance = influences.T @ influences * (n / df)
    else:
        by_cluster, _ = summed(influences, clusters)
        covariance = by_cluster.T @ by_cluster
        errors = (upper - lower) / (2 * stats.t.ppf(0.5 + level / 2, df))
        grow = errors / np.sqrt(np.diag(covariance))
        covariance = covariance * np.outer(grow, grow)
    return Effects(
        estimate=estimate, lower=lower, upper=upper, pvalue=pvalue, covariance=covariance, df=df, n=n
    )


def _influence(fit: Fit, design: Floats, done: Floats, due: Floats, column: int) -> Floats:
    """Change of the average effect that each person makes, shape (n,)."""
    p = expit(design @ fit.coefficients)
    slope = due * p * (1 - p)
    gradient = (fit.coefficients[column] * slope * (1 - 2 * p)) @ design / len(due)
    gradient[column] += slope.mean()
    bread = (design * slope[:, None]).T @ design
    by_fit = (design * (done - due * p)[:, None]) @ np.linalg.solve(bread, gradient)
    own = fit.coefficients[column] * slope
    by_average = (own - own.mean()) / len(due)
    by_spread = own.mean() * (design[:, column] ** 2 - 1) / (2 * len(due))
    return np.asarray(by_fit + by_average + by_spread)


def compare_with_mean(
    estimate: Floats, covariance: Floats, df: float = np.inf, level: float = 0.95
) -> Comparison:
    """Compare each of several estimates with their mean.

    Parameters
    ----------
    estimate : array, shape (k,)
        Estimates.
    covariance : array, shape (k, k)
        Their covariance.
    df
        Degrees of freedom of Student's t; infinite for the normal.
    level
        Level at which all k intervals hold together.

    Returns
    -------
    Comparison
        Limits by Bonferroni; Wald test that all are equal.

    Notes
    -----
    `d = C b`, `C = I − 1 1'/k`; limits `d ± t(1 − α/2k) se`. The Wald statistic of any k − 1 of the
    differences, divided by k − 1, is referred to F(k − 1, df).

    Examples
    --------
    >>> found = compare_with_mean(np.array([0.0, 0.1, 2.0]), 0.01 * np.eye(3))
    >>> [str(side) for side in found.sides]
    ['lower', 'lower', 'higher']
    """
    k = len(estimate)
    centre = np.eye(k) - 1 / k
    difference, spread = centre @ estimate, centre @ covariance @ centre
    se = np.sqrt(np.diag(spread))
    criterion = float(stats.t.ppf(1 - (1 - level) / (2 * k), df))
    free = slice(0, k - 1)
    wald = float(difference[free] @ np.linalg.solve(spread[free, free], difference[free])) / (k - 1)
    pvalue = stats.chi2.sf(wald * (k - 1), k - 1) if np.isinf(df) else stats.f.sf(wald, k - 1, df)
    return Comparison(
        difference=difference,
        se=se,
        lower=difference - criterion * se,
        upper=difference + criterion * se,
        pvalue=float(pvalue),
        criterion=criterion,
    )
