"""What is done about empty cells: lavaan's way, which keeps margins, and psych's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analysis.correlation.counts import pair_indices

Array = npt.NDArray[np.float64]


def keep_margins(tables: Array, n_categories: npt.NDArray[np.int64], zero_add: tuple[float, float]) -> Array:
    """Add to empty cells as lavaan's `zero.add` with `zero.keep.margins` does.

    Parameters
    ----------
    tables
        Pair tables, shape (n_pairs, k, k).
    n_categories
        Categories per item.
    zero_add
        Amounts for 2 × 2 tables, whose margins are kept, and for larger ones.

    Returns
    -------
    numpy.ndarray
        Tables, changed copies where something was added.
    """
    first, second = pair_indices(len(n_categories))
    rows, columns = n_categories[first], n_categories[second]
    dichotomous = (rows == 2) & (columns == 2)
    small, large = zero_add
    changed = tables.copy()
    if small > 0 and dichotomous.any():
        changed[dichotomous] = _fill_small(tables[dichotomous], small)
    if large > 0:
        k = np.arange(tables.shape[1])
        inside = (k < rows[:, None])[:, :, None] & (k < columns[:, None])[:, None, :]
        changed += large * (inside & (tables == 0) & ~dichotomous[:, None, None])
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
