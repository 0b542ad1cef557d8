"""From a table of items to an array, and labels for what is estimated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.answers import answers_of


def item_matrix(items: pd.DataFrame, caller: str) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Take numbers out of a table of items, NaN for no answer.

    Parameters
    ----------
    items
        One row per person, one column per item, of any kind that `instrument.answers` admits.
    caller
        The public function that complains.

    Returns
    -------
    tuple
        Values of shape (n_persons, n_items), and the item names.

    Raises
    ------
    ResponseDataError
        No table, no rows, columns named twice or without numbers.
    """
    frame = answers_of(items, caller)
    return frame.to_numpy(), list(frame.columns)


def estimate_labels(names: Sequence[str], n_thresholds: Sequence[int]) -> list[str]:
    """Name thresholds and correlations in the order of the asymptotic covariance.

    Parameters
    ----------
    names
        Item names.
    n_thresholds
        Thresholds per item.

    Returns
    -------
    list of str
        `item|t1` … then `item~~item`.

    Examples
    --------
    >>> estimate_labels(["a", "b"], [1, 2])
    ['a|t1', 'b|t1', 'b|t2', 'a~~b']
    """
    thresholds = [
        f"{name}|t{t}" for name, k in zip(names, n_thresholds, strict=True) for t in range(1, k + 1)
    ]
    pairs = [f"{a}~~{b}" for i, a in enumerate(names) for b in names[i + 1 :]]
    return thresholds + pairs
