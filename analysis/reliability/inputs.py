"""Item tables at the door: checked, numeric, rows counted before and after they are dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.correlation.dependence import dependence_told, dependent_items
from instrument.answers import answers_of
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders, warn_user

Missing = Literal["listwise", "pairwise"]
Array = npt.NDArray[np.float64]

LARGEST_CORRELATION = 1 - 1e-10


class Interval(NamedTuple):
    """A confidence interval."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemTable:
    """Numeric answers after the missing-data rule.

    Attributes
    ----------
    names
        Item names, in column order.
    values
        Answers, shape (n_obs, n_items); NaN only under the pairwise rule.
    n_dropped
        Rows left out: incomplete ones (listwise) or those without any answer (pairwise).
    """

    names: tuple[str, ...]
    values: Array
    n_dropped: int


def numeric_items(
    items: pd.DataFrame, caller: str, least: int = 2, constant_allowed: bool = False
) -> pd.DataFrame:
    """Give the items as a float frame with NaN for missing, or say why that cannot be.

    Parameters
    ----------
    items
        One row per person, one column per item.
    caller
        Public function that the message names.
    least
        Fewest items the caller can work with.
    constant_allowed
        Whether an item may have one answer only.

    Returns
    -------
    pandas.DataFrame
        Shape (n_rows, n_items), columns as text, index kept.

    Raises
    ------
    ResponseDataError
        The table is no frame, too narrow or empty, repeats a column, or holds text, infinities, an item
        without any answer or a constant item.
    """
    frame = answers_of(items, caller, least)
    _refuse_useless_columns(frame, caller, constant_allowed)
    return frame


def _refuse_useless_columns(frame: pd.DataFrame, caller: str, constant_allowed: bool) -> None:
    answered = frame.notna().sum()
    if empty := [c for c in frame.columns if answered[c] == 0]:
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{len(empty)} of {frame.shape[1]} items have no answer in {len(frame)} rows: "
                f"{name_offenders(empty)}.",
                "drop these items or check the column names.",
            )
        )
    constant = _constant_columns(frame)
    if constant and not constant_allowed:
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{len(constant)} of {frame.shape[1]} items have one answer only: "
                f"{name_offenders(constant)}.",
                "drop items without variance.",
            )
        )


def _constant_columns(frame: pd.DataFrame) -> list[str]:
    return [str(c) for c in frame.columns[(frame.min() == frame.max()).to_numpy()]]


def item_table(items: pd.DataFrame, missing: str, caller: str, least: int = 2) -> ItemTable:
    """Apply the missing-data rule and count what it left out.

    Parameters
    ----------
    items
        One row per person, one column per item.
    missing
        `"listwise"` keeps complete rows, `"pairwise"` every row with at least one answer.
    caller
        Public function that messages name.
    least
        Fewest items the caller can work with.

    Returns
    -------
    ItemTable
        Answers and the number of rows dropped.

    Raises
    ------
    ResponseDataError
        The table cannot be used, or the rule is unknown.
    NotEstimableError
        Fewer than three rows are left, or an item is constant among those left.
    """
    if missing not in ("listwise", "pairwise"):
        raise ResponseDataError(
            fact_and_hint(caller, f"missing is {missing!r}.", 'choose "listwise" or "pairwise".')
        )
    frame = numeric_items(items, caller, least)
    kept = frame.dropna(how="any" if missing == "listwise" else "all")
    if len(kept) < 3:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"{len(kept)} of {len(frame)} rows are left under the {missing} rule.",
                'use missing="pairwise" or drop the items with most gaps.',
            )
        )
    if constant := _constant_columns(kept):
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"among the {len(kept)} rows left by the {missing} rule, items have one answer only: "
                f"{name_offenders(constant)}.",
                "drop items without variance.",
            )
        )
    return ItemTable(names=tuple(kept.columns), values=kept.to_numpy(), n_dropped=len(frame) - len(kept))


def pairwise_covariance(values: Array) -> Array:
    """Covariance of each pair of columns over the rows that answered both, as R's `cov(use = "pairwise")`.

    Parameters
    ----------
    values
        Shape (n_rows, n_items), NaN for missing.

    Returns
    -------
    numpy.ndarray
        Shape (n_items, n_items); NaN where fewer than two rows answered both.

    Notes
    -----
    Means are taken over the rows of the pair and the divisor is the number of these rows minus one. The
    diagonal is each item's own variance. The matrix need not be positive definite.

    Examples
    --------
    >>> pairwise_covariance(np.array([[1.0, 2.0], [2.0, 1.0], [3.0, np.nan]]))
    array([[ 1. , -0.5],
           [-0.5,  0.5]])
    """
    present = np.isfinite(values)
    centred = values - np.nanmean(values, axis=0)
    centred[~present] = 0.0
    answered = present.astype(np.float64)
    n = answered.T @ answered
    sums = centred.T @ answered  # sum of the row item over the rows in which the column item is answered
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = (centred.T @ centred - sums * sums.T / n) / (n - 1)
    covariance[n < 2] = np.nan
    return np.asarray((covariance + covariance.T) / 2)


def covariances_without_each(values: Array, some: slice) -> Array:
    """`pairwise_covariance` without each of some of the rows, from sums of products.

    Parameters
    ----------
    values
        Shape (n_rows, n_items), NaN for missing.
    some
        Rows that are left out one at a time.

    Returns
    -------
    numpy.ndarray
        Shape (n_some, n_items, n_items); NaN where fewer than two rows answered both.
    """
    present = np.isfinite(values)
    centred = values - np.nanmean(values, axis=0)
    centred[~present] = 0.0
    answered = present.astype(np.float64)
    here, moved = answered[some], centred[some]
    n = answered.T @ answered - here[:, :, None] * here[:, None, :]
    sums = centred.T @ answered - moved[:, :, None] * here[:, None, :]
    products = centred.T @ centred - moved[:, :, None] * moved[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (products - sums * np.swapaxes(sums, 1, 2) / n) / (n - 1)
    found[n < 2] = np.nan
    return np.asarray(found)


def correlation_of(covariance: Array) -> Array:
    """Scale a covariance matrix to unit diagonal.

    Parameters
    ----------
    covariance
        Shape (n_items, n_items), positive diagonal.

    Returns
    -------
    numpy.ndarray
        Same shape.
    """
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def checked_covariance(table: ItemTable, caller: str) -> Array:
    """Covariance of a table; refuses pairs that nobody answered and warns of copies.

    Parameters
    ----------
    table
        Checked answers.
    caller
        Public function that messages name.

    Returns
    -------
    numpy.ndarray
        Shape (n_items, n_items), finite.

    Raises
    ------
    NotEstimableError
        A pair of items was answered together by fewer than two people.
    """
    covariance = pairwise_covariance(table.values)
    if not np.isfinite(covariance).all():
        i, j = np.argwhere(~np.isfinite(covariance))[0]
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"fewer than two people answered both {table.names[i]!r} and {table.names[j]!r}.",
                "leave one of them out.",
            )
        )
    if dependent := dependent_items(covariance, table.names):
        warn_user(
            fact_and_hint(
                caller,
                f"items that follow from others: {dependence_told(dependent)}; Guttman's lambda 6 is not "
                "reported.",
                f"drop {name_offenders(list(dependent))}: they count the same answers twice.",
            )
        )
    return covariance


def squared_multiple_correlations(correlation: Array) -> Array:
    """Share of each item's variance that the others predict.

    Parameters
    ----------
    correlation
        Shape (n_items, n_items).

    Returns
    -------
    numpy.ndarray
        Shape (n_items,); NaN when the matrix is singular or has a negative eigenvalue.

    Notes
    -----
    One minus the reciprocal of the diagonal of the inverse.
    """
    roots = np.linalg.eigvalsh(correlation)
    if roots[0] < 1e-12 * roots[-1]:
        return np.full(len(correlation), np.nan)
    return np.asarray(1.0 - 1.0 / np.diag(np.linalg.inv(correlation)))
