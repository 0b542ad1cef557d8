"""Contingency tables of all pairs of items in one pass, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.correlation.codes import CategoryCodes

CELLS_AT_ONCE = 4_000_000

Counts = npt.NDArray[np.float64]


def cross_counts(coded: CategoryCodes, weights: npt.NDArray[np.floating[Any]] | None = None) -> Counts:
    """Count joint answers of every category of every item with every other.

    One-hot blocks of at most `CELLS_AT_ONCE` single-precision cells are multiplied with themselves;
    products of one block stay far below 2²⁴, so the sums are exact.

    Parameters
    ----------
    coded
        Category positions.
    weights
        What each person counts, shape (n_persons,); 1 by default.

    Returns
    -------
    numpy.ndarray
        Shape (n_items, k, n_items, k), k the largest number of categories; absent categories count 0.
    """
    n_items, n_persons = coded.codes.shape
    k = coded.missing_code
    total = np.zeros((n_items * k, n_items * k))
    step = max(1, CELLS_AT_ONCE // (n_items * k))
    levels = np.arange(k, dtype=np.int8)[None, :, None]
    kind = np.float32 if weights is None else np.float64
    onehot = np.empty((n_items, k, min(step, n_persons)), dtype=kind)
    for start in range(0, n_persons, step):
        block = coded.codes[:, None, start : start + step]
        width = block.shape[2]
        view = onehot if width == onehot.shape[2] else np.empty((n_items, k, width), dtype=kind)
        np.equal(block, levels, out=view, casting="unsafe")
        flat = view.reshape(n_items * k, width)
        total += flat @ (flat.T if weights is None else (flat * weights[start : start + width]).T)
    return total.reshape(n_items, k, n_items, k)


def item_counts(cross: Counts) -> Counts:
    """Take the univariate counts out of the joint ones.

    Parameters
    ----------
    cross
        From `cross_counts`.

    Returns
    -------
    numpy.ndarray
        Shape (n_items, k).
    """
    items = np.arange(cross.shape[0])
    return np.diagonal(cross[items, :, items, :], axis1=1, axis2=2).copy()


def pair_tables(cross: Counts) -> Counts:
    """Take the contingency tables of all pairs, first item in rows.

    Parameters
    ----------
    cross
        From `cross_counts`.

    Returns
    -------
    numpy.ndarray
        Shape (n_pairs, k, k), pairs in the order of `pair_indices`.
    """
    first, second = pair_indices(cross.shape[0])
    return cross[first, :, second, :]


def pair_indices(n_items: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """List the pairs of items: below the diagonal, column by column (lavaan's order).

    Parameters
    ----------
    n_items
        Number of items.

    Returns
    -------
    tuple
        Two index arrays: the column and the row of each pair, column < row.

    Examples
    --------
    >>> [list(map(int, index)) for index in pair_indices(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    first, second = np.triu_indices(n_items, 1)
    return first, second
