"""What is done about empty cells before a correlation is estimated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.correlation.counts import pair_indices

Array = npt.NDArray[np.float64]


def fill_empty_cells(
    tables: Array, n_categories: npt.NDArray[np.int64], zero_add: tuple[float, float], keep_margins: bool
) -> Array:
    """Add to empty cells; thresholds are never changed by it.

    Parameters
    ----------
    tables
        Pair tables, shape (n_pairs, k, k).
    n_categories
        Categories per item.
    zero_add
        Amounts for 2 × 2 tables and for larger ones: lavaan's `zero.add`.
    keep_margins
        Whether 2 × 2 tables keep their margins: lavaan's `zero.keep.margins`. Without, and with equal
        amounts, this is the `correct` of psych's tetrachoric.

    Returns
    -------
    numpy.ndarray
        Changed copy of the tables.
    """
    first, second = pair_indices(len(n_categories))
    rows, columns = n_categories[first], n_categories[second]
    dichotomous = (rows == 2) & (columns == 2)
    k = np.arange(tables.shape[1])
    inside = (k < rows[:, None])[:, :, None] & (k < columns[:, None])[:, None, :]
    amount = np.where(dichotomous, zero_add[0], zero_add[1])[:, None, None]
    changed = tables + amount * (inside & (tables == 0))
    if keep_margins and dichotomous.any():
        changed[dichotomous] = _fill_small(tables[dichotomous], zero_add[0])
    return changed


def _fill_small(tables: Array, amount: float) -> Array:
    """Add to an empty cell and its diagonal fellow, take the same from the other two cells."""
    filled = tables.copy()
    diagonal = (tables[:, 0, 0] == 0) | (tables[:, 1, 1] == 0)
    off = (tables[:, 0, 1] == 0) | (tables[:, 1, 0] == 0)
    shift = amount * (diagonal.astype(float) - off.astype(float))
    for row, column, sign in ((0, 0, 1), (1, 1, 1), (0, 1, -1), (1, 0, -1)):
        filled[:, row, column] += sign * shift
    return filled
