"""From item columns to a correlation matrix, with every row and pair accounted for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.common.options import is_whole
from analysis.correlation.definite import definite_correlations
from analysis.correlation.given import given_correlations
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.smoothing import Smooth, Smoothing
from analysis.factors.pattern import Array
from instrument.answers import answers_of
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)

CORRELATIONS = ("pearson", "polychoric")
WITH_GIVEN = (*CORRELATIONS, "given")
MISSING = ("listwise", "pairwise")
FEWEST_PERSONS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Correlations of items and the rows behind them.

    Attributes
    ----------
    labels : list of str
        Item names.
    values : ndarray, shape (n_rows, n_items)
        Answers of the rows used, NaN where missing (pairwise only).
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    n_obs : int
        Rows used: complete rows (listwise), or rows with at least two answers (pairwise). Thresholds behind
        polychoric correlations rest on every answer there is when pairwise.
    n_pairs : int
        Smallest number of rows behind any correlation; equals n_obs when listwise.
    correlation, missing : str
        What was asked for; a matrix that was given has no rows and says nothing of missing answers.
    smoothing : Smoothing, optional
        How far the matrix was moved to become positive definite; None where it is as estimated.
    """

    labels: list[str]
    values: Array
    correlations: Array
    n_obs: int
    n_pairs: int
    correlation: str
    missing: str
    smoothing: Smoothing | None = None


def choose(caller: str, what: str, given: str, allowed: tuple[str, ...]) -> str:
    """Check that an option is one of those allowed.

    Parameters
    ----------
    caller, what
        Function and argument that the message names.
    given
        Value to check.
    allowed
        Values that are allowed.

    Returns
    -------
    str
        The value.
    """
    if given not in allowed:
        raise DefinitionError(
            fact_and_hint(caller, f"{what} is {given!r}.", f"choose one of {', '.join(allowed)}.")
        )
    return given


def checked_size(caller: str, n_obs: int | None) -> None:
    """Refuse a number of persons that is none.

    Parameters
    ----------
    caller
        Function that the message names.
    n_obs
        Number of persons given in place of the one counted; None leaves it to the count.
    """
    if n_obs is not None and not (is_whole(n_obs) and n_obs >= FEWEST_PERSONS):
        fact = f"n_obs is {n_obs!r}."
        raise DefinitionError(fact_and_hint(caller, fact, "give the number of persons, or leave it out."))


def item_values(caller: str, items: pd.DataFrame, least: int = 3) -> tuple[list[str], Array]:
    """Turn item columns into numbers, NaN where missing, or say why not.

    Parameters
    ----------
    caller
        Function that the message names.
    items
        One column per item.
    least
        Fewest items allowed.

    Returns
    -------
    tuple of list and ndarray
        Labels and values of shape (n_rows, n_items).
    """
    frame = answers_of(items, caller, least)
    return list(frame.columns), frame.to_numpy()


def _rows_used(caller: str, values: Array, missing: str) -> Array:
    answered = np.isfinite(values)
    kept = values[answered.all(axis=1) if missing == "listwise" else answered.sum(axis=1) >= 2]
    if len(kept) <= 3:
        hint = (
            'use missing="pairwise", or gather more rows.' if missing == "listwise" else "gather more rows."
        )
        raise ResponseDataError(
            fact_and_hint(caller, f"{len(kept)} of {len(values)} rows can be used ({missing}).", hint)
        )
    return kept


def _refuse_constant(caller: str, labels: list[str], values: Array) -> None:
    with np.errstate(invalid="ignore"):
        lowest = np.min(np.where(np.isnan(values), np.inf, values), axis=0)
        highest = np.max(np.where(np.isnan(values), -np.inf, values), axis=0)
    flat = [label for label, same in zip(labels, highest <= lowest, strict=True) if same]
    if flat:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"{len(flat)} of {len(labels)} items have no variance in the rows used:"
                f" {name_offenders(flat)}.",
                "drop these items.",
            )
        )


def pearson(values: Array) -> Array:
    """Product-moment correlations, over pairs of answers where values are missing.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_items)
        Numbers, NaN where missing.

    Returns
    -------
    ndarray, shape (n_items, n_items)
        Correlations; NaN where a pair has no variance in common rows.
    """
    if np.isnan(values).any():
        return _pairwise_pearson(values)
    centred = values - values.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=0)
    correlations = np.asarray(centred.T @ centred, dtype=float)
    np.fill_diagonal(correlations, 1.0)
    return correlations


FEWEST_COMMON_ROWS = 3
FAINT = 1e-10
"""Share of an item's variation left in common rows below which sums of products are not exact enough."""


def _pairwise_pearson(values: Array) -> Array:
    """Correlations over pairs of answers by sums of products.

    Where an item hardly varies among common rows, pandas' slower sums are taken.
    """
    found = PairSums(values).correlations()
    if found is None:
        return np.array(pd.DataFrame(values).corr(min_periods=FEWEST_COMMON_ROWS), dtype=float)
    return found


class PairSums:
    """Sums of answers and of their products over the rows in which two items were answered.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_items)
        Numbers, NaN where missing.
    """

    def __init__(self, values: Array) -> None:
        answered = np.isfinite(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of items without any answer: pandas gives NaN
            self._moved = np.where(answered, values - np.nanmean(values, axis=0), 0.0)
        self._here = answered.astype(float)
        self._parts = np.hstack([self._here, self._moved, self._moved**2])
        self._whole = self._sums(self._here, self._moved, self._parts)
        # Most rows answered both items of a pair: what those leave out who did not is taken from all.
        self._gaps = [np.flatnonzero(column) for column in ~answered.T]
        # of numbers that cancel: an item that never varies in some rows leaves rounding alone there
        self._least = FAINT * np.diag(self._whole[0]) * np.diag(self._whole[2])

    def correlations(self) -> Array | None:
        """Product-moment correlations of all rows; None where sums of products are not exact enough."""
        return self._correlated(self._whole)

    def drawn(self, times: Array) -> list[Array | None]:
        """The same with each row counted so often in each of some draws, shape (n_draws, n_rows)."""
        items, width = self._here.shape[1], self._parts.shape[1]
        of_all = (times @ self._parts).reshape(len(times), 3, items, 1)
        not_both = np.empty((items, len(times), width))
        for without, rows in zip(not_both, self._gaps, strict=True):
            without[:] = times[:, rows] @ self._parts[rows]
        first = of_all - not_both.reshape(items, len(times), 3, items).transpose(1, 2, 3, 0)
        found = []
        for three, row in zip(first, times, strict=True):
            there = np.flatnonzero(row)
            moved = self._moved[there] * np.sqrt(row[there])[:, None]
            found.append(self._correlated(np.concatenate([three, (moved.T @ moved)[None]])))
        return found

    @staticmethod
    def _sums(here: Array, moved: Array, parts: Array) -> Array:
        """Common rows, sums, squares (of the row's item where the column's was answered) and products."""
        items = here.shape[1]
        first = (parts.T @ here).reshape(3, items, items)
        return np.concatenate([first, (parts[:, items : 2 * items].T @ moved)[None]])

    def _correlated(self, found: Array) -> Array | None:
        common, sums, squares, products = found
        variation = common * squares - sums**2
        least = np.maximum(FAINT * np.diag(variation), self._least)
        if not (variation > least[:, None]).all() or common.min() < FEWEST_COMMON_ROWS:
            return None
        together = common * products - sums * sums.T
        correlations = np.clip(together / np.sqrt(variation * variation.T), -1.0, 1.0)
        np.fill_diagonal(correlations, 1.0)
        return np.asarray(correlations)


def polychoric_correlations(caller: str, values: Array, labels: list[str]) -> Array:
    """Polychoric correlations of whole-number codes, over pairs of answers where values are missing.

    Parameters
    ----------
    caller
        Function that messages name.
    values : ndarray, shape (n_rows, n_items)
        Codes, NaN where missing.
    labels
        Item names.

    Returns
    -------
    ndarray, shape (n_items, n_items)
        Correlations.
    """
    found = ordinal_moments(values, missing="pairwise", acov=False, names=labels, caller=caller)
    return np.asarray(found.correlations, dtype=float)


def moments(
    caller: str, items: pd.DataFrame, *, correlation: str = "pearson", missing: str = "listwise"
) -> Moments:
    """Check item columns and correlate them.

    Parameters
    ----------
    caller
        Function that messages name.
    items
        One column per item.
    correlation
        "pearson" or "polychoric".
    missing
        "listwise" or "pairwise".

    Returns
    -------
    Moments
        Correlations with the rows behind them.
    """
    choose(caller, "correlation", correlation, CORRELATIONS)
    choose(caller, "missing", missing, MISSING)
    labels, values = item_values(caller, items)
    used = _rows_used(caller, values, missing)
    _refuse_constant(caller, labels, used)
    answered = np.isfinite(used).astype(float)
    if correlation == "pearson":
        correlations = pearson(used)
    else:  # a threshold rests on all who answered its item, also on those who answered no other
        whole = used if missing == "listwise" else values
        correlations = polychoric_correlations(caller, whole, labels)
    return Moments(
        labels=labels,
        values=used,
        correlations=correlations,
        n_obs=len(used),
        n_pairs=int((answered.T @ answered).min()),
        correlation=correlation,
        missing=missing,
    )


def definite_moments(
    caller: str,
    items: pd.DataFrame,
    *,
    correlation: str,
    missing: str,
    smooth: Smooth | None,
    n_obs: int | None,
    consequence: str = "",
) -> Moments:
    """Correlate item columns, or take a correlation matrix, and see that it can be inverted.

    Parameters
    ----------
    caller
        Function that messages name.
    items
        One column per item; with `correlation="given"` the square matrix of their correlations.
    correlation
        "pearson", "polychoric" or "given".
    missing
        "listwise" or "pairwise".
    smooth
        What becomes of an indefinite matrix: `False` refuses it; None for a caller without that option.
    n_obs
        Number of persons behind a given matrix.
    consequence
        What the caller does not report of a smoothed matrix.

    Returns
    -------
    Moments
        With a positive definite matrix.
    """
    choose(caller, "correlation", correlation, WITH_GIVEN)
    checked_size(caller, n_obs)
    if correlation == "given":
        labels, matrix = given_correlations(caller, items, n_obs)
        size = n_obs or 0
        found = Moments(
            labels=labels,
            values=np.empty((0, len(labels))),
            correlations=matrix,
            n_obs=size,
            n_pairs=size,
            correlation=correlation,
            missing="given",
        )
    else:
        found = moments(caller, items, correlation=correlation, missing=missing)
    matrix, smoothing = definite_correlations(
        caller,
        found.correlations,
        found.labels,
        smooth,
        found.values if len(found.values) else None,
        kind=correlation,
        consequence=consequence,
    )
    return replace(found, correlations=matrix, smoothing=smoothing)
