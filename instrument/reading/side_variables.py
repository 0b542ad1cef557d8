"""Covariates and outcomes: a column is numbers or categories, and what looks wrong in it is said aloud."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from instrument.reading.cells import SHEET_ERRORS
from instrument.reading.raw import count_of
from instrument.reading.side_columns import Place, amounts, is_blank

SENTINELS = (-999.0, -998.0, -99.0, -98.0, -9.0, -8.0, 88.0, 99.0, 888.0, 998.0, 999.0, 8888.0, 9999.0)
"""Numbers with which files mark a missing value."""
FAR = 3.0
"""A sentinel is suspected when it lies further than this many standard deviations from the others."""
MANY_CATEGORIES = 10
"""More categories than these, each with a figure, are rather numbers with a sign or a unit beside them."""
IN_THREES = r"[+-]?[1-9]\d{0,2}\.\d{3}"
"""A number that could as well be of thousands."""
NUMBER_LIKE = "[+-]?[\\d.,'’ \u00a0\u202f]*\\d ?%?"
MARKS = SHEET_ERRORS | {"nan", "n/a", "#n/a", "null", "<na>", "nil"}
SAYS_NOTHING = r"[.?…_–—-]+"
"""A point, dashes, question marks; beside a plus a minus is a category."""
UNTOLD = {"none", "missing", "unknown", "notknown", "noanswer", "ka", "keineangabe", "unbekannt", "na"}
"""What may mean that nothing is known, and may be a category: small letters, without blanks and marks."""


def variable(
    column: pd.Series,
    name: str,
    place: Place,
    decimal: str,
    na: tuple[str, ...],
    notes: list[str],
    *,
    thousands: str | None = None,
    percent: bool = False,
) -> pd.Series:
    """Read a covariate or an outcome: numbers where most cells are, else categories.

    Parameters
    ----------
    column : Series of shape (n,)
        Texts or typed cells.
    name
        Its name.
    place
        Where it stands.
    decimal
        Decimal mark.
    na
        Texts that mean a missing value.
    notes
        Suspicions are appended here.
    thousands, percent
        As in `amounts`.

    Returns
    -------
    Series of shape (n,)
        Whole numbers, decimals, or text, missing where the cell is blank.

    Raises
    ------
    ResponseDataError
        Some cells are numbers and others are not, or categories differ only in capitals or blanks.
    """
    if is_datetime64_any_dtype(column.dtype) or is_bool_dtype(column.dtype):
        return column.reset_index(drop=True)
    if is_numeric_dtype(column.dtype):
        numbers = column.reset_index(drop=True)
        notes += sentinel_suspicions(numbers.astype("Float64").to_numpy(float, na_value=np.nan), name, place)
        return numbers
    blank = is_blank(column, na)
    texts = column.where(~blank).map(str, na_action="ignore").astype("string").str.strip()
    texts = texts.reset_index(drop=True)
    present = texts[~blank]
    padded = present.str.fullmatch(r"0\d+").fillna(False).any()
    like = present.str.fullmatch(NUMBER_LIKE).fillna(False)
    if len(present) and like.mean() > 0.5 and not padded:
        values = amounts(column, name, place, decimal, na, thousands=thousands, percent=percent)
        notes += sentinel_suspicions(values, name, place)
        if (
            thousands is None
            and decimal == "."
            and len(present) > 2
            and present.str.fullmatch(IN_THREES).all()
        ):
            words = (
                "every number has three figures behind its point, and is read with decimals, not thousands"
            )
            notes.append(f"suspicion: {place.column(name)}: {words}")
        whole = not blank.any() and present.str.fullmatch(r"[+-]?\d{1,15}").all()
        return pd.Series(values.astype(np.int64) if whole else values)
    marks = hollow_cells(texts) & ~blank
    if marks.any():
        hint = "leave missing values empty, or write NA."
        raise place.fault(name, marks, "hold an undeclared mark of a missing value", hint)
    _refuse_twins(texts, name, place)
    notes += _untold_suspicions(texts, name, place)
    notes += _figure_suspicions(texts, like.reindex(texts.index, fill_value=False), name, place)
    return texts.astype("str").where(~blank)


def hollow_cells(texts: pd.Series) -> np.ndarray:
    """Say which categories say nothing: a point, dashes, N/A; beside a plus a minus is one.

    Parameters
    ----------
    texts : Series of shape (n,)
        Categories, NA where blank.

    Returns
    -------
    array of bool, shape (n,)
        True where a cell says nothing.

    Examples
    --------
    >>> hollow_cells(pd.Series(["north", ".", "N/A"])).tolist(), hollow_cells(pd.Series(["+", "-"])).tolist()
    ([False, True, True], [False, False])
    """
    plain = texts.str.strip()
    hollow = plain.str.lower().isin(MARKS).fillna(False)
    if not plain.str.fullmatch(r"\++").fillna(False).any():
        hollow = hollow | plain.str.fullmatch(SAYS_NOTHING).fillna(False)
    return np.array(hollow, dtype=bool)


def twin_categories(texts: pd.Series) -> np.ndarray:
    """Say which cells write a category in other capitals or blanks than most do.

    Parameters
    ----------
    texts : Series of shape (n,)
        Categories, NA where blank.

    Returns
    -------
    array of bool, shape (n,)
        True at the rarer writings.

    Examples
    --------
    >>> twin_categories(pd.Series(["north", "North", "north", "south"])).tolist()
    [False, True, False, False]
    """
    counts = texts.value_counts()
    folded = Counter("".join(str(text).casefold().split()) for text in counts.index)
    twins = [text for text in counts.index if folded["".join(str(text).casefold().split())] > 1]
    usual = {"".join(text.casefold().split()): text for text in reversed(twins)}
    rarer = [text for text in twins if usual["".join(text.casefold().split())] != text]
    return texts.isin(rarer).fillna(False).to_numpy(dtype=bool)


def _refuse_twins(texts: pd.Series, name: str, place: Place) -> None:
    """Refuse categories that are one but for capitals and blanks: they would be compared as groups."""
    chosen = twin_categories(texts)
    if chosen.any():
        what = "hold a category that another cell writes with other capitals or blanks"
        raise place.fault(name, chosen, what, "write each category in one way.")


def _untold_suspicions(texts: pd.Series, name: str, place: Place) -> list[str]:
    """Say which categories may mean that nothing is known: they are compared with the others as a group."""
    plain = texts.str.casefold().str.replace(r"[\W_]+", "", regex=True)
    chosen = plain.isin(UNTOLD).fillna(False).to_numpy(dtype=bool)
    if not chosen.any():
        return []
    n = int(chosen.sum())
    verb = "is" if n == 1 else "are"
    what = f"may mean that nothing is known, and {verb} taken for a category"
    where = f"{count_of(n, 'cell')} {what} ({place.rows(chosen)})"
    return [f"suspicion: {place.column(name)}: {where}"]


def _figure_suspicions(texts: pd.Series, like: pd.Series, name: str, place: Place) -> list[str]:
    """Say which categories may be meant as numbers: some cells are, or each holds a figure of its own."""
    among = like.to_numpy(dtype=bool) & texts.notna().to_numpy()
    if among.any():
        n = int(among.sum())
        verb = "is a number" if n == 1 else "are numbers"
        where = f"{count_of(n, 'cell')} {verb} among words, and taken for categories ({place.rows(among)})"
        return [f"suspicion: {place.column(name)}: {where}"]
    known = texts.dropna()
    distinct = known.unique()
    if len(distinct) <= MANY_CATEGORIES or not known.str.contains(r"\d").all():
        return []
    words = f"{len(distinct)} different texts with figures are taken for categories, not for numbers"
    return [f"suspicion: {place.column(name)}: {words}"]


def sentinel_suspicions(values: np.ndarray, name: str, place: Place) -> list[str]:
    """Say which numbers look like marks of a missing value: -99, 999 and their like, far from the others.

    Parameters
    ----------
    values : array of shape (n,)
        Numbers, NaN where missing.
    name
        Name of the column.
    place
        Where it stands.

    Returns
    -------
    list of str
        A suspicion in words, with lines; empty where there is none.

    Examples
    --------
    >>> place = Place(caller="f", source="ages.csv", lines=np.arange(2, 9), unit="line")
    >>> sentinel_suspicions(np.array([21.0, 35.0, 28.0, 40.0, -99.0, 33.0, 999.0]), "age", place)
    ["suspicion: ages.csv: column 'age': 2 cells look like marks of a missing value (lines 6, 8)"]
    """
    known = values[~np.isnan(values)]
    candidates = np.isin(values, SENTINELS)
    others = known[~np.isin(known, SENTINELS)]
    if not candidates.any() or len(others) < 2:
        return []
    spread = float(others.std(ddof=1))
    far = np.abs(values - others.mean()) > FAR * spread
    outside = (values < others.min()) | (values > others.max())
    chosen = candidates & far & outside
    if not chosen.any():
        return []
    n = int(chosen.sum())
    verb = "looks like a mark" if n == 1 else "look like marks"
    where = f"{count_of(n, 'cell')} {verb} of a missing value ({place.rows(chosen)})"
    return [f"suspicion: {place.column(name)}: {where}"]
