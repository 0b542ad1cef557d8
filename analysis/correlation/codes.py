"""Answers as small integers: category positions per item, with checks of what the answers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders

ROWS_AT_ONCE = 65_536
MOST_CATEGORIES = 127


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoryCodes:
    """Positions of answers among the categories observed per item.

    Attributes
    ----------
    codes
        int8, shape (n_items, n_persons): 0 … k−1, and `missing_code` for no answer.
    categories
        Per item the observed codes, ascending.
    missing_code
        The position that stands for no answer: the largest number of categories of any item.
    """

    codes: npt.NDArray[np.int8]
    categories: list[npt.NDArray[np.int64]]
    missing_code: int

    @property
    def n_categories(self) -> npt.NDArray[np.int64]:
        """Number of observed categories per item, shape (n_items,)."""
        return np.array([len(c) for c in self.categories], dtype=np.int64)


def category_codes(
    values: npt.NDArray[Any], names: list[str], *, caller: str, listwise: bool
) -> CategoryCodes:
    """Turn whole-number answers into category positions, in chunks of bounded memory.

    Parameters
    ----------
    values
        Answers with NaN for none, shape (n_persons, n_items).
    names
        Item names for messages, length n_items.
    caller
        The public function that complains.
    listwise
        Drop persons with any missing answer.

    Returns
    -------
    CategoryCodes
        Positions; rows without any answer are dropped.

    Raises
    ------
    ResponseDataError
        Answers that are not whole numbers, no rows left, items without answers or with one category.
    """
    values = np.asarray(values)
    lowest = _lowest_codes(values, names, caller)
    kept = _rows_kept(values, listwise)
    if not kept.any():
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"0 of {len(values)} persons answered every item.",
                "use missing='pairwise' or drop items that few answered.",
            )
        )
    positions = _positions(values, kept, lowest)
    present = [
        np.flatnonzero(np.bincount(row, minlength=MOST_CATEGORIES)[:MOST_CATEGORIES]) for row in positions
    ]
    _refuse(
        [len(p) < 2 for p in present],
        names,
        caller,
        "have a single answer category",
        "drop these items; a constant has no correlation.",
    )
    most = max(len(p) for p in present)
    for row, places in zip(positions, present, strict=True):
        table = np.full(MOST_CATEGORIES + 1, most, dtype=np.int8)
        table[places] = np.arange(len(places), dtype=np.int8)
        row[:] = table[row]
    categories = [places + int(low) for places, low in zip(present, lowest, strict=True)]
    return CategoryCodes(codes=positions, categories=categories, missing_code=most)


def _positions(
    values: npt.NDArray[Any], kept: npt.NDArray[np.bool_], lowest: npt.NDArray[Any]
) -> npt.NDArray[np.int8]:
    """Distance of every answer from its item's lowest code; `MOST_CATEGORIES` for no answer."""
    positions = np.empty((values.shape[1], int(kept.sum())), dtype=np.int8)
    at = 0
    for start in range(0, len(values), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        chunk = values[rows][kept[rows]] - lowest
        block = np.nan_to_num(chunk, nan=float(MOST_CATEGORIES)).astype(np.int8).T
        positions[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    return positions


def _lowest_codes(values: npt.NDArray[Any], names: list[str], caller: str) -> npt.NDArray[Any]:
    n_items = values.shape[1]
    lowest, highest = np.full(n_items, np.inf), np.full(n_items, -np.inf)
    broken = np.zeros(n_items, dtype=bool)
    for start in range(0, len(values), ROWS_AT_ONCE):
        chunk = values[start : start + ROWS_AT_ONCE]
        lowest = np.fmin(lowest, np.fmin.reduce(chunk, axis=0))
        highest = np.fmax(highest, np.fmax.reduce(chunk, axis=0))
        broken |= ((chunk != np.rint(chunk)) & ~np.isnan(chunk)).any(axis=0)
    answered = lowest <= highest
    infinite = answered & (np.isinf(lowest) | np.isinf(highest))
    _refuse(
        broken | infinite,
        names,
        caller,
        "hold answers that are not whole numbers",
        "give category codes such as 1 to 5, or treat these columns as continuous.",
    )
    _refuse(~answered, names, caller, "have no answer at all", "drop these items.")
    _refuse(
        highest - lowest >= MOST_CATEGORIES,
        names,
        caller,
        f"span {MOST_CATEGORIES} codes or more",
        "treat these columns as continuous, or recode file codes for missing answers to NA.",
    )
    return lowest


def _rows_kept(values: npt.NDArray[Any], listwise: bool) -> npt.NDArray[np.bool_]:
    kept = np.empty(len(values), dtype=bool)
    for start in range(0, len(values), ROWS_AT_ONCE):
        missing = np.isnan(values[start : start + ROWS_AT_ONCE])
        kept[start : start + ROWS_AT_ONCE] = ~(missing.any(axis=1) if listwise else missing.all(axis=1))
    return kept


def _refuse(faulty: npt.ArrayLike, names: list[str], caller: str, what: str, hint: str) -> None:
    at_fault = np.flatnonzero(np.asarray(faulty))
    if at_fault.size:
        offenders = name_offenders([names[i] for i in at_fault])
        fact = f"{at_fault.size} of {len(names)} items {what}: {offenders}."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
