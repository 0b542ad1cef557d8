"""Kernel of agreement: mean squares and variance components of a complete targets × raters table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.reliability.inputs import Array, Interval
from analysis.reliability.resampling import jackknife_half


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Two-way analysis of variance without replication.

    Attributes
    ----------
    targets, raters, error
        Mean squares between targets, between raters, and of the residual.
    within
        Mean square within targets: raters and residual together.
    n, k
        Targets and raters.
    """

    targets: float
    raters: float
    error: float
    within: float
    n: int
    k: int

    @property
    def target_variance(self) -> float:
        """Variance between targets, zero when its estimate is negative."""
        return max((self.targets - self.error) / self.k, 0.0)

    @property
    def rater_variance(self) -> float:
        """Variance between raters (systematic differences), zero when its estimate is negative."""
        return max((self.raters - self.error) / self.n, 0.0)

    @property
    def error_variance(self) -> float:
        """Residual variance."""
        return self.error


def mean_squares(ratings: Array) -> MeanSquares:
    """Split the variation of a complete table into targets, raters and residual.

    Parameters
    ----------
    ratings
        Shape (n_targets, n_raters), no NaN.

    Returns
    -------
    MeanSquares
        Mean squares of the two-way layout.

    Examples
    --------
    Ratings of Shrout and Fleiss (1979), table 4: 11.24, 32.49 and 1.02.

    >>> import numpy as np
    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> found = mean_squares(np.array(table, dtype=float))
    >>> print(f"{found.targets:.2f} {found.raters:.2f} {found.error:.2f}")
    11.24 32.49 1.02
    """
    n, k = ratings.shape
    grand = ratings.mean()
    rows, columns = ratings.mean(axis=1), ratings.mean(axis=0)
    residual = ratings - rows[:, None] - columns + grand
    between_raters = n * float(((columns - grand) ** 2).sum())
    left = float((residual**2).sum())
    return MeanSquares(
        targets=k * float(((rows - grand) ** 2).sum()) / (n - 1),
        raters=between_raters / (k - 1),
        error=left / ((n - 1) * (k - 1)),
        within=(between_raters + left) / (n * (k - 1)),
        n=n,
        k=k,
    )


def jackknife_intervals(ratings: Array, level: float) -> dict[str, Interval]:
    """Intervals of the six intraclass correlations that ask nothing of how ratings are distributed.

    Parameters
    ----------
    ratings
        Shape (n_targets, n_raters), no NaN.
    level
        Coverage.

    Returns
    -------
    dict
        Name of McGraw and Wong to interval; NaN where a coefficient does not exist without one target.

    Notes
    -----
    `½ log((1 + (k − 1) r)/(1 − r))` of single ratings without each target; means of k ratings by the formula
    of Spearman and Brown.
    """
    n, k = ratings.shape
    centred = ratings - ratings.mean()
    rows, squares = centred.sum(axis=1) ** 2, (centred**2).sum(axis=1)
    whole = _single(n, centred.sum(axis=0), float(rows.sum()), float(squares.sum()))
    rest = _single(n - 1, centred.sum(axis=0) - centred, rows.sum() - rows, squares.sum() - squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_all, of_rest = (np.log((1 + (k - 1) * r) / (1 - r)) / 2 for r in (whole, rest))
    half = jackknife_half(of_rest.T, level)
    found: dict[str, Interval] = {}
    for name, middle, width in zip(("1", "A", "C"), of_all, half, strict=True):
        ratios = np.exp(2 * (middle + np.array([-width, width])))
        single = (ratios - 1) / (ratios + k - 1)
        found[f"ICC({name},1)"] = Interval(*single.tolist())
        found[f"ICC({name},k)"] = Interval(*(1 - 1 / ratios).tolist())
    return found


def _single(n: int, columns: Array, rows: Array | float, squares: Array | float) -> Array:
    """ICC(1,1), ICC(A,1) and ICC(C,1) from sums: shape (3,) or (3, n) where sums are those without each."""
    k = columns.shape[-1]
    grand = columns.sum(axis=-1) ** 2 / (n * k)
    targets, raters = rows / k - grand, (columns**2).sum(axis=-1) / n - grand
    within = squares - rows / k
    msr, msw, msc = targets / (n - 1), within / (n * (k - 1)), raters / (k - 1)
    mse = (within - raters) / ((n - 1) * (k - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(
            [
                (msr - msw) / (msr + (k - 1) * msw),
                (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n),
                (msr - mse) / (msr + (k - 1) * mse),
            ]
        )


def coefficient_intervals(squares: MeanSquares, level: float) -> dict[str, Interval]:
    """Intervals of the six intraclass correlations.

    Parameters
    ----------
    squares
        Mean squares; the residual must not be zero.
    level
        Coverage.

    Returns
    -------
    dict
        Name of McGraw and Wong to interval.
    """
    n, k = squares.n, squares.k
    one_way = _ratio_interval(squares.targets / squares.within, n - 1, n * (k - 1), level)
    two_way = _ratio_interval(squares.targets / squares.error, n - 1, (n - 1) * (k - 1), level)
    agreement = _agreement_interval(squares, level)
    return {
        "ICC(1,1)": Interval(*((f - 1) / (f + k - 1) for f in one_way)),
        "ICC(A,1)": agreement,
        "ICC(C,1)": Interval(*((f - 1) / (f + k - 1) for f in two_way)),
        "ICC(1,k)": Interval(*(1 - 1 / f for f in one_way)),
        "ICC(A,k)": Interval(*(k * r / (1 + (k - 1) * r) for r in agreement)),
        "ICC(C,k)": Interval(*(1 - 1 / f for f in two_way)),
    }


def _quantile(p: float, df1: float, df2: float) -> float:
    return float(stats.f.ppf(p, df1, df2))


def _ratio_interval(ratio: float, df1: int, df2: int, level: float) -> Interval:
    upper = (1 + level) / 2
    return Interval(ratio / _quantile(upper, df1, df2), ratio * _quantile(upper, df2, df1))


def _agreement_interval(squares: MeanSquares, level: float) -> Interval:
    """Interval of absolute agreement with Satterthwaite's degrees of freedom (McGraw & Wong 1996)."""
    n, k = squares.n, squares.k
    msr, msc, mse = squares.targets, squares.raters, squares.error
    rho = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    a = k * rho / (n * (1 - rho))
    b = 1 + k * rho * (n - 1) / (n * (1 - rho))
    df = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    upper = (1 + level) / 2
    low, high = _quantile(upper, n - 1, df), _quantile(upper, df, n - 1)
    others = k * msc + (k * n - k - n) * mse
    return Interval(
        n * (msr - low * mse) / (low * others + n * msr), n * (high * msr - mse) / (others + n * high * msr)
    )
