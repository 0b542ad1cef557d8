"""A correlation matrix in place of answers: square, symmetric, with the number of people behind it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.answers import table_of
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders

Array = npt.NDArray[np.float64]

ROUNDED = 1e-6  # difference between two triangles, or of the diagonal from 1, that printing alone can make
FEWEST_ITEMS = 3


def given_correlations(caller: str, matrix: pd.DataFrame, n_obs: int | None) -> tuple[list[str], Array]:
    """Check a correlation matrix that takes the place of answers.

    Parameters
    ----------
    caller
        Public function that messages name.
    matrix : pandas.DataFrame, shape (n_items, n_items)
        Correlations; the columns name the items, and so does the index where it is not just numbers.
    n_obs
        Number of people behind it.

    Returns
    -------
    tuple of list and ndarray
        Labels, and the matrix with both triangles alike and a diagonal of 1.

    Raises
    ------
    DefinitionError
        The number of people is not given.
    ResponseDataError
        It is no correlation matrix: not square, not symmetric, a diagonal other than 1, an entry beyond ±1,
        missing or no number, or names of rows and columns that differ.

    Examples
    --------
    >>> labels, matrix = given_correlations("efa", pd.DataFrame(np.eye(3), columns=list("abc")), 100)
    >>> labels, matrix.trace().item()
    (['a', 'b', 'c'], 3.0)
    """
    if n_obs is None:
        fact = "a correlation matrix was given without the number of people behind it."
        raise DefinitionError(fact_and_hint(caller, fact, "give n_obs."))
    table = table_of(matrix, caller)
    labels = [str(name) for name in table.columns]
    fault = _fault(table, labels)
    if fault is not None:
        raise ResponseDataError(fact_and_hint(caller, *fault))
    values = table.to_numpy(dtype=float)
    made: Array = (values + values.T) / 2
    np.fill_diagonal(made, 1.0)
    return labels, made


def _fault(table: pd.DataFrame, labels: list[str]) -> tuple[str, str] | None:
    """What keeps a table from being a correlation matrix, with a hint; None where it is one."""
    rows, columns = table.shape
    if rows != columns:
        fact = f"the table given has {rows} rows and {columns} columns."
        return fact, 'give a square matrix, or answers with correlation="pearson" or "polychoric".'
    if columns < FEWEST_ITEMS:
        return f"{columns} items given, at least {FEWEST_ITEMS} are needed.", "add items."
    if len(set(labels)) < columns:
        return "an item is named twice in the matrix.", "rename its columns."
    named = [str(name) for name in table.index]
    if not isinstance(table.index, pd.RangeIndex) and named != labels:
        return "rows and columns of the matrix name other items, or in another order.", "align them."
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = [labels[j] for j in np.flatnonzero(~np.isfinite(numbers).all(axis=0))]
    if bad:
        return f"correlations are missing or no numbers for items {name_offenders(bad)}.", "drop these items."
    if np.abs(np.diag(numbers) - 1).max() > ROUNDED:
        return "the diagonal of the matrix is not 1.", "give correlations, not covariances."
    if np.abs(numbers - numbers.T).max() > ROUNDED:
        return "the matrix is not symmetric.", "give both triangles."
    if np.abs(numbers).max() > 1 + ROUNDED:
        return "a correlation is beyond ±1.", "check the matrix."
    return None
