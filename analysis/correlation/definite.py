"""The door to analyses of a correlation matrix: definite, smoothed by a stated rule, or refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.correlation.dependence import dependence_told, dependent_items
from analysis.correlation.pairs import BOUND
from analysis.correlation.smoothing import (
    Smoothing,
    checked_smooth,
    is_definite,
    size_of_smoothing,
    smoothed,
)
from instrument.common.formatting import format_value
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders, warn_user

Array = npt.NDArray[np.float64]

SINGULAR = -1e-8  # smallest eigenvalue above which a matrix is singular, not indefinite
FEWEST_JOINT = 20  # rows that answered both of two items; among fewer, equal answers are no repetition yet
SAME = 1 - 1e-10  # correlation of answers that say the same


def check_correlations(
    caller: str,
    correlations: Array,
    labels: list[str],
    values: Array | None = None,
    *,
    kind: str = "pearson",
    can_smooth: bool = False,
) -> None:
    """Refuse a matrix no factor can be taken from, and say why.

    Parameters
    ----------
    caller
        The public function that asks.
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    labels
        Item names.
    values : ndarray, shape (n_rows, n_items), optional
        Answers behind it, NaN where missing: items that follow from others are then found among them, also
        where the matrix is indefinite.
    kind
        "pearson", "polychoric" or "given".
    can_smooth
        Whether the caller has the option `smooth`.

    Raises
    ------
    NotEstimableError
        For missing entries, or an indefinite or singular matrix.
    """
    refuse_gaps(caller, correlations, labels)
    if not is_definite(correlations):
        raise _refusal(caller, correlations, labels, values, kind, can_smooth)


def _refusal(
    caller: str, correlations: Array, labels: list[str], values: Array | None, kind: str, can_smooth: bool
) -> NotEstimableError:
    """What is wrong with a matrix that is not positive definite, and what can be done."""
    refuse_dependence(caller, correlations, labels, values)
    lowest = float(np.linalg.eigvalsh(correlations)[0])
    i, j = np.unravel_index(np.argmax(np.abs(np.tril(correlations, -1))), correlations.shape)
    named = "singular" if lowest > SINGULAR else "not positive definite"
    return NotEstimableError(
        fact_and_hint(
            caller,
            f"the correlation matrix is {named} (smallest eigenvalue {lowest:.2e}; items {labels[j]!r} and"
            f" {labels[i]!r} correlate {format_value(correlations[i, j], 'r2')}).",
            _way_out(kind, lowest, float(correlations[i, j]), can_smooth),
        )
    )


def _way_out(kind: str, lowest: float, largest: float, can_smooth: bool) -> str:
    """Hint at what the reader can do, never at what was done already."""
    if abs(largest) > 0.95:
        return "drop one of them, or gather more complete answers."
    if lowest > SINGULAR and kind == "given":
        return "drop items that follow from others, or give the matrix as it was before it was smoothed."
    ways = ['choose smooth="nearest"'] if can_smooth and lowest <= SINGULAR else []
    if kind == "polychoric":
        ways.append("take Pearson correlations")
    elif kind == "pearson":
        ways.append("use complete rows")
    return ", ".join([*ways, "leave out items, or gather more people"]) + "."


def refuse_gaps(caller: str, correlations: Array, labels: list[str]) -> None:
    """Refuse a matrix with missing entries, naming their items.

    Parameters
    ----------
    caller
        The public function that asks.
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    labels
        Item names.
    """
    if np.isfinite(correlations).all():
        return
    holes = [labels[i] for i in np.flatnonzero(~np.isfinite(correlations).all(axis=1))]
    fact = f"correlations are missing for items {name_offenders(holes)}."
    raise NotEstimableError(fact_and_hint(caller, fact, "drop these items."))


def refuse_dependence(caller: str, correlations: Array, labels: list[str], values: Array | None) -> None:
    """Refuse items that repeat others or follow from them: no smoothing makes them items of their own.

    Parameters
    ----------
    caller
        The public function that asks.
    correlations : ndarray, shape (n_items, n_items)
        Matrix that is not positive definite.
    labels
        Item names.
    values : ndarray, shape (n_rows, n_items), optional
        Answers behind it.

    Raises
    ------
    NotEstimableError
        There are such items; the message names them with their parts.
    """
    dependent = dependent_answers(values, labels) if values is not None else {}
    if not dependent and np.linalg.eigvalsh(correlations)[0] > SINGULAR:
        dependent = dependent_items(correlations, labels)
    if not dependent:
        dependent = _at_one(correlations, labels)
    if dependent:
        fact = f"the correlation matrix is singular: {dependence_told(dependent)}."
        raise NotEstimableError(fact_and_hint(caller, fact, f"drop {name_offenders(list(dependent))}."))


def dependent_answers(values: Array, labels: list[str]) -> dict[str, list[str]]:
    """Find items whose answers are a linear combination of those to items before them.

    Sought among complete rows where there are more of them than items; among fewer everything follows from
    something, and only repeated items are found, by pairs of answers.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_items)
        Answers, NaN where missing.
    labels
        Item names.

    Returns
    -------
    dict of str to list of str
        Item to the items it follows from.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.integers(1, 6, (30, 3)).astype(float)
    >>> dependent_answers(np.column_stack([answers, answers[:, 0] + answers[:, 2]]), list("abcs"))
    {'s': ['a', 'c']}
    """
    complete = values[np.isfinite(values).all(axis=1)]
    if len(complete) > values.shape[1]:
        varies = np.flatnonzero(np.ptp(complete, axis=0) > 0)
        table = np.corrcoef(complete[:, varies], rowvar=False)
        if found := dependent_items(np.atleast_2d(table), [labels[i] for i in varies]):
            return found
    by_pairs = pd.DataFrame(values).corr(min_periods=FEWEST_JOINT).to_numpy()
    return _at_one(np.where(np.isfinite(by_pairs), by_pairs, 0.0), labels, SAME)


def _at_one(correlations: Array, labels: list[str], limit: float = BOUND - 1e-6) -> dict[str, list[str]]:
    """Items that correlate ±1 with one before them, with the first of those."""
    pairs = np.argwhere(np.abs(np.tril(correlations, -1)) >= limit)
    return {labels[row]: [labels[column]] for row, column in reversed(pairs.tolist())}


def definite_correlations(
    caller: str,
    correlations: Array,
    labels: list[str],
    smooth: Any,
    values: Array | None = None,
    *,
    kind: str = "pearson",
    consequence: str = "",
) -> tuple[Array, Smoothing | None]:
    """Give a matrix that can be inverted, smoothed by the stated rule where it has to be, with a warning.

    Parameters
    ----------
    caller
        The public function that asks.
    correlations : ndarray, shape (n_items, n_items)
        Correlation matrix.
    labels
        Item names.
    smooth
        As for `checked_smooth`; None for a caller that has no such option.
    values : ndarray, shape (n_rows, n_items), optional
        Answers behind it.
    kind
        "pearson", "polychoric" or "given".
    consequence
        What the caller does not report of a smoothed matrix, with a full stop.

    Returns
    -------
    tuple of ndarray and Smoothing or None
        The matrix, and how far it was moved; None where it stayed as it is.

    Raises
    ------
    NotEstimableError
        For missing entries, items that follow from others, a singular matrix; for an indefinite one where no
        smoothing was chosen.
    """
    method = None if smooth is None else checked_smooth(caller, smooth)
    refuse_gaps(caller, correlations, labels)
    if is_definite(correlations):
        return correlations, None
    if method is None or np.linalg.eigvalsh(correlations)[0] > SINGULAR:
        raise _refusal(caller, correlations, labels, values, kind, can_smooth=smooth is not None)
    refuse_dependence(caller, correlations, labels, values)
    moved = smoothed(correlations, method)
    size = size_of_smoothing(correlations, moved, labels, method)
    fact = f"the {kind} correlation matrix is not positive definite: {size.told()}.{consequence}"
    hint = "read the results as those of the changed matrix; fewer items or more people need no change."
    warn_user(fact_and_hint(caller, fact, hint))
    return moved, size
