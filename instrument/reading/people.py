"""Participants, waves and covariates of a raw table."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from instrument.reading.cells import number_of
from instrument.reading.columns import or_say
from instrument.reading.raw import RawTable, count_of

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"(\+[0-9]|0[0-9]*[ /()-])[0-9 /().-]{6,}")
_FULL_NAME = re.compile(r"[^\W\d_]{2,}(['’-][^\W\d_]+)*,? +[^\W\d_]{2,}(['’-][^\W\d_]+)*")
_ROUNDED = re.compile(r"[0-9]\.[0-9]+[eE]\+[0-9]+|[1-9][0-9]{14}0+")


# fmt: off
NO_ID = frozenset((
    "null", "none", "nan", "n/a", "<na>", "#n/a", "#null!", "#ref!", "#value!",
    "#div/0!", "#name?", "#num!", "-", "--", "–", "—",
))
# fmt: on
"""Texts that programs, spreadsheets and people write where nothing stands, or where a formula failed."""
LARGEST_WHOLE = 2**63 - 1
NUMBERED = "numbered"
"""Key of `frame.attrs`: the participants are row numbers, since the table had no column of them."""


def participants(raw: RawTable, name: str, notes: list[str]) -> pd.Series:
    """Give the participant of every row as text; the row number where the table has no such column.

    Parameters
    ----------
    raw
        The table.
    name
        Name of the column.
    notes
        What was assumed is appended here.

    Returns
    -------
    pandas.Series
        Texts, shape (n_rows,).

    Raises
    ------
    ResponseDataError
        A participant is missing, or is a date or a truth value.
    """
    if name not in raw.columns:
        notes.append("no participant column: row numbers taken, so every row is another person")
        return pd.Series([str(i) for i in range(1, len(raw.lines) + 1)], dtype=str)
    texts = _labels(raw, name)
    trimmed = sum(isinstance(v, str) and v != v.strip() for v in raw.column(name))
    if trimmed:
        notes.append(f"blanks around {count_of(trimmed, 'participant id')} were taken off")
    return pd.Series(texts, dtype=str)


def waves(raw: RawTable, name: str, notes: list[str]) -> pd.Series:
    """Give the wave of every row: whole numbers when all are, else texts; 1 where there is no column.

    Parameters
    ----------
    raw
        The table.
    name
        Name of the column.
    notes
        What was assumed is appended here.

    Returns
    -------
    pandas.Series
        int64 or text, shape (n_rows,).

    Raises
    ------
    ResponseDataError
        A wave is missing, or is a date or a truth value; or waves differ in capitals, blanks and marks alone.
    """
    if name not in raw.columns:
        notes.append("no wave column: wave 1 assumed")
        return pd.Series(np.ones(len(raw.lines), dtype=np.int64))
    texts = _labels(raw, name)
    numbers = {text: number_of(text) for text in set(texts)}
    if all(isinstance(number, int) for number in numbers.values()):
        return pd.Series([numbers[text] for text in texts], dtype=np.int64)
    _refuse_alike(raw, name, texts)
    return pd.Series(texts, dtype=str)


def _refuse_alike(raw: RawTable, name: str, texts: list[str]) -> None:
    """Refuse waves that differ only in capitals, blanks and marks: change would be lost between them."""
    ways: dict[str, Counter[str]] = {}
    for text in texts:
        ways.setdefault(wave_key(text), Counter())[text] += 1
    rarer = {way for group in ways.values() for way, _ in group.most_common()[1:]}
    if rarer:
        chosen = np.array([text in rarer for text in texts], dtype=bool)
        fact = f"{count_of(int(chosen.sum()), 'row')} ({raw.where(chosen)}) of column {name!r}"
        said = f"{fact} write a wave in other capitals, blanks or marks than the rest."
        said = said.replace(" write ", " writes ", 1) if chosen.sum() == 1 else said
        raise raw.fault(said, f"write each wave in one way{or_say(raw, 'wave_names: {OTHER: WAVE}')}.")


def wave_key(text: str) -> str:
    """Give what two writings of one wave share: no capitals, blanks and marks; numbers by what they are.

    A point or comma between digits stays: the first repetition of week 1, week_1.1, is not week_11.

    Examples
    --------
    >>> wave_key("Week 3"), wave_key("week-3"), wave_key("1.0"), wave_key("10"), wave_key("week_1,1")
    ('week3', 'week3', '1', '10', 'week1.1')
    """
    number = number_of(text)
    if isinstance(number, int):
        return str(number)
    pointed = re.sub(r"(?<=\d)[.,](?=\d)", ".", text.casefold())
    return re.sub(r"(?<!\d)\.|\.(?!\d)|[^\w.]|_", "", pointed) or text


def _labels(raw: RawTable, name: str) -> list[str]:
    values = list(raw.column(name))
    shown = {value: id_text(value) for value in set(filter(_hashable, values))}
    labels = [shown.get(value) if _hashable(value) else None for value in values]
    if not raw.is_text and any(isinstance(value, (bool, np.bool_)) for value in values):
        raise raw.fault(f"column {name!r} holds true or false.", "write an id or a label there.")
    if any(isinstance(value, (datetime.date, np.datetime64)) and not pd.isna(value) for value in shown):
        hint = "write a label there, and keep day offsets in a covariate."
        raise raw.fault(f"column {name!r} holds dates.", hint)
    absent = np.array([label is None for label in labels], dtype=bool)
    if absent.any():
        fact = f"{name} is missing in {count_of(int(absent.sum()), 'row')} ({raw.where(absent)})."
        filled = or_say(raw, "fill_down: [COLUMN]") if not absent[:1].any() and len(set(labels)) > 1 else ""
        raise raw.fault(fact, f"fill column {name!r} in every row, or leave the whole column out{filled}.")
    return [label for label in labels if label is not None]


def _hashable(value: Any) -> bool:
    return not isinstance(value, (list, dict, set, np.ndarray))


def id_text(value: Any) -> str | None:
    """Give an id or a wave as text; a whole number without its decimals.

    Parameters
    ----------
    value
        A cell.

    Returns
    -------
    str or None
        None when missing.

    Examples
    --------
    >>> id_text(" p1 "), id_text(3.0), id_text(""), id_text("#N/A"), id_text("-")
    ('p1', '3', None, None, None)
    """
    if isinstance(value, str):
        text = value.strip()
        return None if text in {"", "NA"} or text.casefold() in NO_ID else text
    if value is None or pd.isna(value):
        return None
    if isinstance(value, (float, np.floating)) and np.isfinite(value) and value == int(value):
        return str(int(value))
    return None if isinstance(value, (float, np.floating)) and not np.isfinite(value) else str(value)


def labels_as_text(column: pd.Series) -> pd.Series:
    """Give ids or waves as text, so that those of two tables can be compared.

    pandas makes numbers with decimals of whole ones as soon as a cell is empty: 7 becomes 7.0.

    Parameters
    ----------
    column : Series of shape (n,)
        Ids or waves of any type.

    Returns
    -------
    Series of shape (n,)
        Texts; a whole number stands without its decimals, every other value as `str` writes it.

    Examples
    --------
    >>> labels_as_text(pd.Series([7.0, None])).tolist(), labels_as_text(pd.Series(["7.0", 7.5])).tolist()
    (['7', 'nan'], ['7.0', '7.5'])
    """
    plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    if not (pd.api.types.is_float_dtype(plain) or pd.api.types.is_object_dtype(plain)):
        return plain.astype(str)
    return plain.map(as_label).astype(str)


def as_label(value: Any) -> str:
    """Give one id or wave as text, as `labels_as_text` does for a column."""
    whole = isinstance(value, (float, np.floating)) and np.isfinite(value) and value == int(value)
    return str(int(value)) if whole else str(value)


def is_rounded(name: str) -> bool:
    """Whether an id is a number that a spreadsheet has rounded, such as `1.23457E+11`.

    Parameters
    ----------
    name
        An id.

    Returns
    -------
    bool
        True where digits were lost.

    Examples
    --------
    >>> is_rounded("1.23457E+11"), is_rounded("123457")
    (True, False)
    """
    return _ROUNDED.fullmatch(name) is not None


def personal_ids(ids: pd.Series) -> list[str]:
    """Say which kinds of personal data the participant ids look like; the ids are never shown.

    Parameters
    ----------
    ids
        Participant ids.

    Returns
    -------
    list of str
        Suspicions in words, with counts.

    Examples
    --------
    >>> personal_ids(pd.Series(["p1", "someone@example.org"]))
    ['1 participant id looks like an e-mail address']
    """
    distinct = [str(value) for value in ids.unique()]
    kinds = (
        (_EMAIL, "an e-mail address"),
        (_PHONE, "a telephone number"),
        (_FULL_NAME, "a person's name"),
        (_ROUNDED, "a number rounded by a spreadsheet"),
    )
    found = []
    for pattern, what in kinds:
        if n := sum(pattern.fullmatch(value) is not None for value in distinct):
            found.append(f"{count_of(n, 'participant id')} {'looks' if n == 1 else 'look'} like {what}")
    return found


def covariate(raw: RawTable, name: str, na: tuple[str, ...], notes: list[str]) -> pd.Series:
    """Give a covariate: numbers when every value is one, else as it stands; labels of an SPSS file.

    Parameters
    ----------
    raw
        The table.
    name
        Name of the column.
    na
        Texts read as missing.
    notes
        What was done is appended here.

    Returns
    -------
    pandas.Series
        Shape (n_rows,).
    """
    column = pd.Series(raw.column(name))
    column = column.reset_index(drop=True)
    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        return _labelled(raw, name, column, notes)
    if raw.is_text or column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        blank = column.map(lambda value: isinstance(value, str) and value.strip() in {"", *na})
        column = column.mask(blank.astype(bool), None)
        return _as_numbers(name, column, notes)
    return column


def _labelled(raw: RawTable, name: str, column: pd.Series, notes: list[str]) -> pd.Series:
    for low, high in raw.user_missing.get(name, []):
        chosen = column.between(low, high)
        if chosen.any():
            notes.append(
                f"covariate {name!r}: {count_of(int(chosen.sum()), 'user-missing value')} taken as missing"
            )
            column = column.mask(chosen)
    labels = raw.value_labels.get(name, {})
    present = column.dropna().unique()
    if labels and len(present) and all(value in labels for value in present):
        notes.append(f"covariate {name!r}: codes shown by the value labels of the file")
        return column.map(labels).astype(str).where(column.notna(), None)
    return column


def _as_numbers(name: str, column: pd.Series, notes: list[str]) -> pd.Series:
    present = column.dropna()
    texts = [value.strip() for value in present if isinstance(value, str)]
    if len(present) == 0 or len(texts) < len(present):
        numeric = len(present) > 0 and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) for v in present
        )
        if numeric and all(isinstance(v, int) and abs(v) <= LARGEST_WHOLE for v in present):
            return column.astype("Int64")  # of integers beside an empty cell pandas makes decimals
        return pd.to_numeric(column) if numeric else column
    kinds = {text: number_of(text) for text in set(texts)}
    if any(kind == "comma" for kind in kinds.values()):
        notes.append(f"covariate {name!r} holds decimal commas: kept as text")
    padded = any(len(text) > 1 and text.startswith("0") and text.isdigit() for text in kinds)
    whole = [text for text, kind in kinds.items() if isinstance(kind, int)]
    exact = {text: int(Decimal(text)) for text in whole}  # a float holds 15 digits
    if not padded and len(whole) == len(kinds) and all(abs(v) <= LARGEST_WHOLE for v in exact.values()):
        return pd.Series(
            pd.array([pd.NA if pd.isna(v) else exact[v.strip()] for v in column], dtype="Int64"), column.index
        )
    if not padded and all(isinstance(kind, int) or kind == "not_whole" for kind in kinds.values()):
        if all("e" in text.lower() or float(value) == value for text, value in exact.items()):
            return pd.to_numeric(column).astype(float)
        notes.append(f"covariate {name!r} holds numbers of more digits than a decimal keeps: kept as text")
    return column.map(str.strip, na_action="ignore").astype(object)
