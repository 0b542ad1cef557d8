"""What every frozen result shares: conversion to plain data and a rounded summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def to_plain(value: Any) -> Any:
    """Turn a result, table or array into plain JSON data without rounding.

    Parameters
    ----------
    value
        A result, a pandas or numpy object, a mapping, a sequence or a scalar.

    Returns
    -------
    object
        Dictionaries, lists, strings, numbers, booleans and None (for NaN, infinities and NA).

    Examples
    --------
    >>> to_plain(pd.Series([0.5, float("nan")], index=["a", "b"]))
    {'a': 0.5, 'b': None}
    """
    if isinstance(value, Result):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)  # type: ignore[arg-type]
            if not field.name.startswith("_")
        }
    if isinstance(value, pd.DataFrame):
        plain = value.reset_index() if value.index.nlevels > 1 or value.index.name else value
        records = {str(column): to_plain(plain[column].tolist()) for column in plain.columns}
        if plain is value and not isinstance(value.index, pd.RangeIndex):
            return {"index": [str(label) for label in value.index], **records}
        return records
    if isinstance(value, pd.Series):
        return {_key(label): to_plain(entry) for label, entry in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {_key(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(entry) for entry in value]
    return _scalar(value)


def _key(label: Any) -> str:
    return ":".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _scalar(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, (bool, int, str)):
        return value
    return str(value)


class Result:
    """Base of every result: frozen, full precision in data, rounding only in `summary()`.

    Subclasses are `@dataclass(frozen=True, slots=True, kw_only=True, eq=False)` and override
    `to_frame` to give their main table.
    """

    __slots__ = ()

    def to_frame(self) -> pd.DataFrame:
        """Give the main table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per unit of the analysis.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Give every field as plain JSON data, unrounded.

        Returns
        -------
        dict
            Field name to plain value.
        """
        plain: dict[str, Any] = to_plain(self)
        return plain

    def summary(self, digits: int = 3) -> str:
        """Give the main table as text, rounded.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            The table.
        """
        return str(self.to_frame().round(digits).to_string())
