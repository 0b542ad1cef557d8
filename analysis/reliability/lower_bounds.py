"""Guttman's lambdas, ten Berge and Zegers' series, and reliabilities of split halves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.options import checked_seed
from analysis.common.result import Result
from analysis.reliability.direction import opposed_items, warn_of_opposed
from analysis.reliability.inputs import (
    Array,
    Missing,
    checked_covariance,
    correlation_of,
    item_table,
    squared_multiple_correlations,
)
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint

MOST_SPLITS = 20000


def guttman_lambdas(covariance: Array) -> dict[str, float]:
    """Guttman's lower bounds 1, 2, 3, 5, 6 and the series of ten Berge and Zegers.

    Parameters
    ----------
    covariance
        Shape (n_items, n_items); pass correlations for standardised items.

    Returns
    -------
    dict
        lambda1, lambda2, lambda3 (alpha), lambda5, lambda5_plus, lambda6, mu0 to mu3.

    Notes
    -----
    With V the variance of the sum and c the covariances: λ1 = 1 - tr C/V; λ2 = λ1 + √(k/(k-1) Σc²)/V;
    λ3 = k/(k-1) λ1; λ5 = λ1 + 2√(max over items of Σc²)/V, its plus form with k/(k-1) before the second term;
    λ6 = 1 - Σ residual variances of each item on the others / V. μ0 = λ3 and μ1 = λ2.

    References
    ----------
    Guttman, L. (1945). doi:10.1007/BF02288892
    ten Berge, J. M. F., & Zegers, F. E. (1978). doi:10.1007/BF02293815
    """
    k = len(covariance)
    variance = float(covariance.sum())
    between = covariance - np.diag(np.diag(covariance))
    first = 1 - float(np.trace(covariance)) / variance
    widest = 2 * float(np.sqrt((between**2).sum(axis=0).max())) / variance
    smc = squared_multiple_correlations(correlation_of(covariance))
    unique = float((np.diag(covariance) * (1 - smc)).sum())
    series = {f"mu{r}": _ten_berge(between, r) / variance for r in range(4)}
    return {
        "lambda1": first,
        "lambda2": series["mu1"],
        "lambda3": series["mu0"],
        "lambda5": first + widest,
        "lambda5_plus": first + k / (k - 1) * widest,
        "lambda6": 1 - unique / variance,
        **series,
    }


def _ten_berge(between: Array, depth: int) -> float:
    """Nested roots of sums of powers of the covariances."""
    k = len(between)
    value = k / (k - 1) * float((between ** (2**depth)).sum())
    for level in range(depth - 1, -1, -1):
        value = float((between ** (2**level)).sum()) + float(np.sqrt(value))
    return value


def split_half_reliabilities(
    covariance: Array, *, most_splits: int = MOST_SPLITS, seed: int = 1
) -> tuple[npt.NDArray[np.bool_], Array]:
    """Reliability of the sum from each split into halves, 4 × covariance of the halves / variance.

    Parameters
    ----------
    covariance
        Shape (n_items, n_items).
    most_splits
        Every split is tried when there are no more than this; else as many are drawn at random.
    seed
        Of the draw.

    Returns
    -------
    tuple of numpy.ndarray
        Membership of the first half, shape (n_splits, n_items), and reliabilities, shape (n_splits,).

    Notes
    -----
    With an odd number of items the halves differ by one item.
    """
    k = len(covariance)
    half = k // 2
    count = comb(k, half) // (2 if k % 2 == 0 else 1)
    members = _every_split(k, half) if count <= most_splits else _some_splits(k, half, most_splits, seed)
    one, other = members.astype(np.float64), (~members).astype(np.float64)
    return members, np.asarray(4 * np.einsum("si,ij,sj->s", one, covariance, other) / covariance.sum())


def _every_split(k: int, half: int) -> npt.NDArray[np.bool_]:
    even = k % 2 == 0
    chosen = (
        [(0, *rest) for rest in combinations(range(1, k), half - 1)] if even else combinations(range(k), half)
    )
    positions = np.array(list(chosen))
    members = np.zeros((len(positions), k), dtype=bool)
    np.put_along_axis(members, positions, True, axis=1)
    return members


def _some_splits(k: int, half: int, n: int, seed: int) -> npt.NDArray[np.bool_]:
    order = np.random.default_rng(checked_seed(seed, "lower_bounds")).random((n, k)).argsort(axis=1)
    return np.asarray(order < half)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LambdasResult(Result):
    """Lower bounds of reliability and split halves.

    Attributes
    ----------
    table
        Index: lambda1 to lambda6, lambda5_plus, mu0 to mu3, split_half_mean, split_half_min, split_half_max;
        column `estimate`. lambda4 is the best split.
    splits
        Reliability of every split tried, rising.
    best_half, worst_half
        Items of one half of the best and the worst split.
    every_split
        Whether all splits were tried.
    standardized
        Whether correlations were used in place of covariances.
    n_obs, n_items, n_dropped
        As in `cronbach_alpha`.
    """

    table: pd.DataFrame
    splits: Array
    best_half: tuple[str, ...]
    worst_half: tuple[str, ...]
    every_split: bool
    standardized: bool
    missing: str
    n_obs: int
    n_items: int
    n_dropped: int

    def to_frame(self) -> pd.DataFrame:
        """Give one row per coefficient."""
        return self.table.copy()


def lower_bounds(
    items: pd.DataFrame,
    missing: Missing = "listwise",
    *,
    standardized: bool = False,
    most_splits: int = MOST_SPLITS,
    seed: int = 1,
) -> LambdasResult:
    """Guttman's lambdas 1 to 6 and split-half reliabilities.

    Each is a lower bound of reliability in the population when errors are uncorrelated; in samples lambda 4
    capitalises on chance. Use them beside omega, not to pick the largest.

    Parameters
    ----------
    items
        Shape (n_persons, n_items): numeric codes, NA for missing, reversed items already reversed.
    missing
        `"listwise"` or `"pairwise"`.
    standardized
        Work on correlations.
    most_splits, seed
        Splits are drawn at random beyond this many.

    Returns
    -------
    LambdasResult
        Coefficients and splits.

    Raises
    ------
    ResponseDataError
        An unusable table, or fewer than ten splits asked for.
    NotEstimableError
        Too few rows, or a total without variance.

    Warns
    -----
    ToolkitWarning
        Items that oppose the others, or repeat them.

    Notes
    -----
    Formulas in `guttman_lambdas` and `split_half_reliabilities`. In R: `psych::splitHalf(raw = TRUE)` and
    `psych::guttman`, which work on correlations.

    References
    ----------
    Guttman, L. (1945). doi:10.1007/BF02288892
    ten Berge, J. M. F., & Zegers, F. E. (1978). doi:10.1007/BF02293815

    Examples
    --------
    Ratings of Shrout and Fleiss (1979), the judges as items; numbers from R.

    >>> ratings = pd.DataFrame(
    ...     [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    ...     columns=["j1", "j2", "j3", "j4"],
    ... )
    >>> lower_bounds(ratings).table.loc["lambda3", "estimate"].round(4).item()
    0.9093
    """
    caller = "lower_bounds"
    if most_splits < 10:
        raise ResponseDataError(fact_and_hint(caller, f"most_splits is {most_splits}.", "try at least 10."))
    table = item_table(items, missing, caller)
    covariance = checked_covariance(table, caller)
    warn_of_opposed(caller, opposed_items(correlation_of(covariance), table.names))
    if standardized:
        covariance = correlation_of(covariance)
    if covariance.sum() <= 1e-12 * np.trace(covariance):
        raise NotEstimableError(
            fact_and_hint(caller, "the sum of the items has no variance.", "reverse negative items.")
        )
    members, splits = split_half_reliabilities(covariance, most_splits=most_splits, seed=seed)
    found = guttman_lambdas(covariance)
    found["lambda4"] = float(splits.max())
    found["split_half_mean"] = float(splits.mean())
    found["split_half_min"] = float(splits.min())
    found["split_half_max"] = float(splits.max())
    ordered = dict(sorted(found.items(), key=lambda pair: (not pair[0].startswith("lambda"), pair[0])))
    names, k = np.array(table.names), len(table.names)
    return LambdasResult(
        table=pd.DataFrame({"estimate": ordered}),
        splits=np.sort(splits),
        best_half=tuple(names[members[splits.argmax()]].tolist()),
        worst_half=tuple(names[members[splits.argmin()]].tolist()),
        every_split=len(splits) == comb(k, k // 2) // (2 if k % 2 == 0 else 1),
        standardized=standardized,
        missing=missing,
        n_obs=len(table.values),
        n_items=k,
        n_dropped=table.n_dropped,
    )
