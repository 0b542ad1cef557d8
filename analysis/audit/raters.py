"""Agreement of two raters on categories, corrected for chance in three ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
KINDS = ("kappa", "ac1", "pabak")
NO_SPREAD = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A coefficient of agreement, its standard error and limits; NaN where chance leaves nothing open."""

    estimate: float
    se: float
    lower: float
    upper: float


def cross_table(first: NDArray[np.int64], second: NDArray[np.int64], categories: int) -> Floats:
    """Shares of pairs of ratings, shape (categories, categories).

    Parameters
    ----------
    first, second : array, shape (n,)
        Category of each thing rated, from 0.
    categories
        Number of categories, used or not.
    """
    cells = np.zeros((categories, categories))
    np.add.at(cells, (first, second), 1.0)
    return cells / len(first)


def chance_of(cells: Floats, kind: str) -> tuple[float, Floats]:
    """Agreement expected by chance, and its derivative by each cell.

    Parameters
    ----------
    cells : array, shape (q, q)
        Shares of pairs.
    kind
        "kappa": both raters keep their own shares. "ac1": only things that are hard to rate are rated by
        chance. "pabak": every category alike.
    """
    q = len(cells)
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    if kind == "kappa":
        return float(rows @ columns), columns[:, None] + rows[None, :]
    if kind == "ac1":
        share = (rows + columns) / 2
        slope = (1 - 2 * share) / 2
        return float((share * (1 - share)).sum()) / (q - 1), (slope[:, None] + slope[None, :]) / (q - 1)
    return 1 / q, np.zeros((q, q))


def agreement_of(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    categories: int,
    kind: str,
    level: float = 0.95,
    cluster: NDArray[np.int64] | None = None,
) -> Coefficient:
    """Agreement beyond chance with a large-sample interval.

    Parameters
    ----------
    first, second : array, shape (n,)
        Category of each thing rated, from 0.
    categories
        Number of categories.
    kind
        "kappa" (Cohen), "ac1" (Gwet) or "pabak" (prevalence- and bias-adjusted).
    level
        Level of the interval.
    cluster : array, shape (n,), optional
        Things of one cluster (an app) may go together.

    Returns
    -------
    Coefficient
        Limits cut at -1 and 1. Kappa is NaN where both raters used one category throughout; limits are NaN
        where agreement is perfect, or one rater used one category (kappa is 0 then, whatever the other did).

    Notes
    -----
    `(a − e)/(1 − e)`, `a` the share of equal ratings, `e` that expected by chance: `Σ p_i. p_.i` (kappa),
    `Σ π(1 − π)/(q − 1)` with the mean share `π` of each of q categories (AC1), `1/q` (PABAK). The standard
    error is that of the delta method for multinomial cells; for kappa it is the one of Fleiss, Cohen and
    Everitt, for AC1 that of Gwet. With clusters, influences are added up within each first.

    References
    ----------
    Cohen (1960), doi 10.1177/001316446002000104. Fleiss, Cohen & Everitt (1969), doi 10.1037/h0028106. Gwet
    (2008), doi 10.1348/000711006X126600. Byrt, Bishop & Carlin (1993), doi 10.1016/0895-4356(93)90018-V. In
    R: `psych::cohen.kappa`.

    Examples
    --------
    Two raters who agree on 70 of 100, with even shares of two categories:

    >>> first = np.repeat([0, 1], 50)
    >>> second = np.concatenate([np.repeat([0, 1], [35, 15]), np.repeat([0, 1], [15, 35])])
    >>> [round(agreement_of(first, second, 2, kind).estimate, 6) for kind in KINDS]
    [0.4, 0.4, 0.4]
    """
    cells = cross_table(first, second, categories)
    seen = float((first == second).mean())
    chance, slope = chance_of(cells, kind)
    if not chance < 1 - 1e-12:
        return Coefficient(estimate=float("nan"), se=float("nan"), lower=float("nan"), upper=float("nan"))
    estimate = 1 - (1 - seen) / (1 - chance)
    gradient = np.eye(categories) / (1 - chance) - (1 - seen) / (1 - chance) ** 2 * slope
    influence = gradient[first, second] - float((cells * gradient).sum())
    se = float(np.sqrt(_variance(influence, cluster)))
    if not se > NO_SPREAD:  # all alike, or one rater with one category: a width of zero would be no certainty
        se = float("nan")
    half = float(stats.norm.ppf(0.5 + level / 2)) * se
    lower, upper = np.clip([estimate - half, estimate + half], -1.0, 1.0)
    return Coefficient(estimate=estimate, se=se, lower=float(lower), upper=float(upper))


def _variance(influence: Floats, cluster: NDArray[np.int64] | None) -> float:
    n = len(influence)
    if cluster is None:
        return float((influence**2).sum()) / n**2
    sums = np.bincount(cluster, weights=influence)
    m = len(sums)
    return float((sums**2).sum()) / n**2 * m / (m - 1)
