"""From a table of items to an array, and labels for what is estimated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders


def item_matrix(items: pd.DataFrame, caller: str) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Take numbers out of a table of items, NaN for no answer.

    Parameters
    ----------
    items
        One row per person, one numeric column per item.
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
    if not isinstance(items, pd.DataFrame):
        raise ResponseDataError(
            fact_and_hint(
                caller, f"items is a {type(items).__name__}.", "give a DataFrame, one column per item."
            )
        )
    if items.empty:
        raise ResponseDataError(
            fact_and_hint(
                caller, f"the table has {len(items)} rows and {items.shape[1]} items.", "give answers."
            )
        )
    names = [str(column) for column in items.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ResponseDataError(
            fact_and_hint(
                caller, f"{len(twice)} item names occur twice: {name_offenders(twice)}.", "rename them."
            )
        )
    textual = [
        name
        for name, kind in zip(names, items.dtypes, strict=True)
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind)
    ]
    if textual:
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{len(textual)} of {len(names)} columns are not numeric: {name_offenders(textual)}.",
                "pass item columns only, with whole-number codes.",
            )
        )
    return items.to_numpy(dtype=np.float64, na_value=np.nan), names


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
