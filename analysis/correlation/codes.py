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
    lowest, highest = _range_of(values, names, caller)
    kept = _rows_kept(values, listwise)
    n_kept = int(kept.sum())
    if n_kept == 0:
        what = "no person answered every item" if listwise else "no person answered any item"
        raise ResponseDataError(
            fact_and_hint(
                caller, f"{what}, of {len(values)}.", "use missing='pairwise' or drop items few answered."
            )
        )
    shifted = np.empty((values.shape[1], n_kept), dtype=np.int8)
    tallies = np.zeros((values.shape[1], MOST_CATEGORIES + 1), dtype=np.int64)
    at = 0
    for start in range(0, len(values), ROWS_AT_ONCE):
        chunk = values[start : start + ROWS_AT_ONCE]
        chunk = chunk[kept[start : start + ROWS_AT_ONCE]] - lowest
        block = np.nan_to_num(chunk, nan=float(MOST_CATEGORIES)).astype(np.int8).T
        shifted[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    for item in range(values.shape[1]):
        tallies[item] = np.bincount(shifted[item], minlength=MOST_CATEGORIES + 1)
    present = [np.flatnonzero(tally[:MOST_CATEGORIES]) for tally in tallies]
    _refuse_constant(present, names, caller)
    most = max(len(p) for p in present)
    for item, positions in enumerate(present):
        table = np.full(MOST_CATEGORIES + 1, most, dtype=np.int8)
        table[positions] = np.arange(len(positions), dtype=np.int8)
        shifted[item] = table[shifted[item]]
    categories = [positions + int(low) for positions, low in zip(present, lowest, strict=True)]
    return CategoryCodes(codes=shifted, categories=categories, missing_code=most)


def _range_of(
    values: npt.NDArray[Any], names: list[str], caller: str
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    n_items = values.shape[1]
    lowest, highest = np.full(n_items, np.inf), np.full(n_items, -np.inf)
    broken = np.zeros(n_items, dtype=bool)
    for start in range(0, len(values), ROWS_AT_ONCE):
        chunk = values[start : start + ROWS_AT_ONCE]
        lowest = np.fmin(lowest, np.fmin.reduce(chunk, axis=0))
        highest = np.fmax(highest, np.fmax.reduce(chunk, axis=0))
        broken |= ((chunk != np.rint(chunk)) & ~np.isnan(chunk)).any(axis=0)
    broken |= np.isinf(lowest) & (lowest < 0) | np.isinf(highest) & (highest > 0)
    if broken.any():
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{int(broken.sum())} of {n_items} items hold answers that are not whole numbers: "
                f"{name_offenders([names[i] for i in np.flatnonzero(broken)])}.",
                "give category codes such as 1 to 5, or treat these columns as continuous.",
            )
        )
    unanswered = np.isinf(lowest)
    if unanswered.any():
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{int(unanswered.sum())} of {n_items} items have no answer at all: "
                f"{name_offenders([names[i] for i in np.flatnonzero(unanswered)])}.",
                "drop these items.",
            )
        )
    wide = highest - lowest >= MOST_CATEGORIES
    if wide.any():
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{int(wide.sum())} of {n_items} items span {MOST_CATEGORIES} codes or more: "
                f"{name_offenders([names[i] for i in np.flatnonzero(wide)])}.",
                "treat these columns as continuous, or recode file codes for missing answers to NA.",
            )
        )
    return lowest, highest


def _rows_kept(values: npt.NDArray[Any], listwise: bool) -> npt.NDArray[np.bool_]:
    kept = np.empty(len(values), dtype=bool)
    for start in range(0, len(values), ROWS_AT_ONCE):
        missing = np.isnan(values[start : start + ROWS_AT_ONCE])
        kept[start : start + ROWS_AT_ONCE] = ~(missing.any(axis=1) if listwise else missing.all(axis=1))
    return kept


def _refuse_constant(present: list[npt.NDArray[Any]], names: list[str], caller: str) -> None:
    constant = [name for name, positions in zip(names, present, strict=True) if len(positions) < 2]
    if constant:
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{len(constant)} of {len(names)} items have a single answer category: {name_offenders(constant)}.",
                "drop these items; a constant has no correlation.",
            )
        )
