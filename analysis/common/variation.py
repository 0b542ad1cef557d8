"""Whether columns vary, told from what rounding leaves of a column that does not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-12
"""Distance between the ends of a column, as a share of its largest number, up to which it is one value."""


def varies(values: ArrayLike, *, beside: ArrayLike | None = None) -> Any:
    """Say whether each column has more than one value.

    The standard deviation of a hundred times 2.1 is 4e-16 and not nought, since the mean is rounded: dividing
    by it makes numbers out of nothing.

    Parameters
    ----------
    values : array, shape (n,) or (n, p)
        Columns; a missing value makes a column one that does not vary.
    beside
        What the values were computed from, if that is larger: it was rounded in its own size.

    Returns
    -------
    bool, or array of bool of shape (p,)
        False without any value.

    Examples
    --------
    >>> column = np.full(120, 2.1)
    >>> bool(column.std() > 0), varies(column), varies([2.1, 2.2])
    (True, False, True)
    >>> varies(np.array([3.1 - 3.0, 4.1 - 4.0]), beside=[3.1, 4.1])
    False
    """
    columns: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if not len(columns):
        return np.zeros(columns.shape[1:], dtype=bool) if columns.ndim > 1 else False
    size = np.abs(columns).max(axis=0) if beside is None else np.abs(np.asarray(beside, dtype=float)).max()
    found = np.ptp(columns, axis=0) > ROUNDING * size
    return found if columns.ndim > 1 else bool(found)
