"""Items that follow from others: repeated items, and sums that stand beside their parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from instrument.errors import name_offenders

Array = npt.NDArray[np.float64]

NOTHING_LEFT = 1e-8  # share of an item's variance that is rounding, not the item's own
NO_PART = 1e-4  # weight below which an item takes no part in another


def dependent_items(correlations: Array, names: Sequence[str]) -> dict[str, list[str]]:
    """Find items that are exact linear combinations of items before them.

    Parameters
    ----------
    correlations : ndarray, shape (n_items, n_items)
        Correlation or covariance matrix without gaps.
    names
        Item names.

    Returns
    -------
    dict of str to list of str
        Item to the items it follows from, in their order; empty where none does. An item with less than no
        variance left, as an indefinite matrix has it, follows from nothing.

    Examples
    --------
    >>> half = np.sqrt(0.5)
    >>> table = np.array([[1, 0, half], [0, 1, half], [half, half, 1.0]])
    >>> dependent_items(table, ["a", "b", "sum"])
    {'sum': ['a', 'b']}
    """
    scale = np.sqrt(np.diag(correlations))
    matrix = correlations / np.outer(scale, scale)
    kept: list[int] = []
    found: dict[str, list[str]] = {}
    for item in range(len(matrix)):
        weights = np.linalg.lstsq(matrix[np.ix_(kept, kept)], matrix[kept, item], rcond=None)[0]
        if kept and abs(1.0 - float(weights @ matrix[kept, item])) < NOTHING_LEFT:
            found[names[item]] = [
                names[k] for k, weight in zip(kept, weights, strict=True) if abs(weight) > NO_PART
            ]
        else:
            kept.append(item)
    return found


def dependence_told(found: dict[str, list[str]]) -> str:
    """Say which items follow from which, five at most.

    Examples
    --------
    >>> dependence_told({"sum": ["a", "b"], "copy": ["a"]})
    "'sum' follows from 'a', 'b'; 'copy' repeats 'a'"
    """
    told = [
        f"{item!r} {'repeats' if len(parts) == 1 else 'follows from'} {name_offenders(parts)}"
        for item, parts in list(found.items())[:5]
    ]
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return "; ".join(told) + more
