"""Judge answer cells: a code of the scale, a missing answer with its reason, or a fault."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype, is_bool_dtype, is_datetime64_any_dtype

from instrument.definition import Instrument

REASONS = ("skipped", "not_seen", "not_applicable", "declined", "unstated")
ANSWERED = 0
UNSTATED = REASONS.index("unstated") + 1
MISSING_MARKERS = {"nan", "na", "n/a", "#n/a", "null", "none", "nil", ".", "-", "missing", "<na>"}
SHEET_ERRORS = {"#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!"}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+,[0-9]+")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ].*)?|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}"
    r"|[0-9]{1,2}[- ](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*([- ][0-9]{2,4})?"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*-[0-9]{1,4}",
    re.IGNORECASE,
)
_NESTED = "<nested value>"


@dataclass(frozen=True, slots=True)
class CellFault:
    """A kind of cell that is refused: what it is and how it is mended."""

    singular: str
    plural: str
    hint: str


FAULTS: dict[str, CellFault] = {
    "out_of_range": CellFault(
        "answer is no code of its item",
        "answers are no code of their item",
        "correct these cells, or declare the code of a missing answer under missing_codes in the "
        "instrument file.",
    ),
    "label": CellFault(
        "cell holds label text where a code is expected",
        "cells hold label text where codes are expected",
        "export codes, or pass labels=True to map the exact option labels of the instrument to their codes.",
    ),
    "near_label": CellFault(
        "cell differs from an option label in capitals or blanks",
        "cells differ from an option label in capitals or blanks",
        "export codes, or write the labels exactly as in the instrument and pass labels=True.",
    ),
    "ambiguous_label": CellFault(
        "cell holds a label that means different codes in two languages",
        "cells hold labels that mean different codes in two languages",
        "export codes.",
    ),
    "not_whole": CellFault(
        "cell holds a number that is not whole",
        "cells hold numbers that are not whole",
        "answers are whole codes; give the answers as given, not means or imputed values.",
    ),
    "comma": CellFault(
        "cell holds a decimal comma",
        "cells hold a decimal comma",
        "write whole codes without decimals.",
    ),
    "boolean": CellFault(
        "cell holds true or false",
        "cells hold true or false",
        "write the codes of the response scale, such as 0 and 1.",
    ),
    "date": CellFault(
        "cell holds a date",
        "cells hold a date",
        "a spreadsheet may have turned codes into dates: set the columns to numbers and export again.",
    ),
    "infinite": CellFault(
        "cell is infinite",
        "cells are infinite",
        "leave missing answers empty.",
    ),
    "sheet_error": CellFault(
        "cell holds a spreadsheet error",
        "cells hold a spreadsheet error",
        "mend the formulas and save the values.",
    ),
    "marker": CellFault(
        "cell holds an undeclared mark of a missing value",
        "cells hold an undeclared mark of a missing value",
        "leave missing answers empty, write NA, or name the marks with na=(…).",
    ),
    "user_missing": CellFault(
        "answer on the scale is declared missing in the file",
        "answers on the scale are declared missing in the file",
        "the file's user-missing values and the instrument's codes must not overlap.",
    ),
    "text": CellFault(
        "cell holds text that is neither a code nor an option label",
        "cells hold text that is neither a code nor an option label",
        "answers are whole codes of the response scale.",
    ),
}
KINDS = tuple(FAULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBook:
    """What the cells of one item may hold."""

    states: Mapping[int, int]
    labels: Mapping[str, int | None]
    na: frozenset[str]
    map_labels: bool
    named: Mapping[str, int] = field(default_factory=dict)
    """Texts and numbers that the instrument itself gives a code in files of this item."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedColumn:
    """Codes and states of one item column, each of shape (n_rows,).

    `states` is 0 for an answer, r for a missing answer with reason `REASONS[r - 1]`, and -k for a
    fault of kind `KINDS[k - 1]`; `codes` counts only where the state is 0.
    """

    codes: np.ndarray
    states: np.ndarray


def code_books(scale: Instrument, na: Iterable[str], map_labels: bool) -> dict[str, CodeBook]:
    """Make the code book of each response scale of an instrument.

    Parameters
    ----------
    scale
        The instrument.
    na
        Texts read as a missing answer without a reason.
    map_labels
        Whether exact option labels are mapped to codes.

    Returns
    -------
    dict of str to CodeBook
        By name of the response scale.
    """
    books = {}
    shared = {code: REASONS.index(reason) + 1 for reason, code in scale.missing_codes.items()}
    for name, responses in scale.response_scales.items():
        states = shared | {option.code: REASONS.index(option.reason) + 1 for option in responses.outside}
        states |= dict.fromkeys(responses.codes, ANSWERED)
        labels: dict[str, int | None] = {}
        for language in scale.languages:
            for code, label in scale.wording(language).options.get(name, {}).items():
                labels[label] = code if labels.get(label, code) == code else None
        books[name] = CodeBook(states=states, labels=labels, na=frozenset(na), map_labels=map_labels)
    return books


def judge_column(
    values: Any, book: CodeBook, ranges: Iterable[tuple[Any, Any]] = (), is_text: bool = False
) -> JudgedColumn:
    """Judge every cell of an item column; each distinct value is looked at once.

    Parameters
    ----------
    values
        Array-like of shape (n_rows,) of any type.
    book
        What the cells may hold.
    ranges
        Closed ranges that the file declares user-missing.
    is_text
        Whether every cell is known to be text.

    Returns
    -------
    JudgedColumn
        Codes and states.
    """
    column = pd.Series(values, dtype=object) if isinstance(values, (tuple, list)) else pd.Series(values)
    if is_bool_dtype(column.dtype):
        return _uniform(len(column), column.isna().to_numpy(), "boolean")
    if is_datetime64_any_dtype(column.dtype):
        return _uniform(len(column), column.isna().to_numpy(), "date")
    if column.dtype == object and not is_text:
        column = _without_lookalikes(column)
    positions, distinct = pd.factorize(column)
    judged = [_judge(value, book, list(ranges)) for value in distinct]
    states = np.array([state for state, _ in judged] + [UNSTATED], dtype=np.int8)
    codes = np.array([code for _, code in judged] + [0], dtype=np.int64)
    return JudgedColumn(codes=codes[positions], states=states[positions])


def _uniform(n: int, absent: np.ndarray, kind: str) -> JudgedColumn:
    states = np.where(absent, UNSTATED, _state_of(kind)).astype(np.int8)
    return JudgedColumn(codes=np.zeros(n, dtype=np.int64), states=states)


def _without_lookalikes(column: pd.Series) -> pd.Series:
    """Keep True from counting as 1, and lists from stopping the search for distinct values."""
    if infer_dtype(column, skipna=True) in {"string", "integer", "floating", "mixed-integer-float", "empty"}:
        return column
    return column.map(_distinguishable)


def _distinguishable(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, Hashable):
        try:
            hash(value)
        except TypeError:
            return _NESTED
        return value
    return _NESTED


def _state_of(kind: str) -> int:
    return -(KINDS.index(kind) + 1)


def _judge(value: Any, book: CodeBook, ranges: list[tuple[Any, Any]]) -> tuple[int, int]:
    """State and code of one distinct value."""
    if isinstance(value, str):
        text = value.strip()
        if text in book.named:
            return _judge_code(book.named[text], book, [])
        if text == "" or text in book.na or any(low == text == high for low, high in ranges):
            return UNSTATED, 0
        if text in book.labels:
            return _judge_label(text, book)
        number = number_of(text)
    else:
        number = number_of(value)
        if str(number) in book.named:
            return _judge_code(book.named[str(number)], book, [])
        if str(number) in book.na:
            return UNSTATED, 0
    if isinstance(number, str):
        near = number == "text" and _folded(str(value)) in {_folded(label) for label in book.labels}
        return _state_of("near_label" if near else number), 0
    return _judge_code(number, book, ranges)


def _folded(text: str) -> str:
    return "".join(text.casefold().split())


def _judge_label(text: str, book: CodeBook) -> tuple[int, int]:
    code = book.labels[text]
    plain = number_of(text)
    if isinstance(plain, int) and plain != code:
        return _judge_code(plain, book, [])
    if isinstance(plain, int) and code is not None:
        return _judge_code(code, book, [])
    if not book.map_labels or code is None:
        return _state_of("ambiguous_label" if book.map_labels else "label"), 0
    return _judge_code(code, book, [])


def _judge_code(code: int, book: CodeBook, ranges: list[tuple[Any, Any]]) -> tuple[int, int]:
    state = book.states.get(code)
    if any(_within(code, low, high) for low, high in ranges):
        if state == ANSWERED:
            return _state_of("user_missing"), 0
        return (UNSTATED if state is None else state), 0
    if state is None:
        return _state_of("out_of_range"), 0
    return state, (code if state == ANSWERED else 0)


def _within(code: int, low: Any, high: Any) -> bool:
    return isinstance(low, (int, float)) and isinstance(high, (int, float)) and low <= code <= high


def number_of(value: Any) -> int | str:
    """Read a whole number, or name the kind of fault.

    Parameters
    ----------
    value
        A scalar of any type; texts are stripped.

    Returns
    -------
    int or str
        The number, or a key of `FAULTS`.

    Examples
    --------
    >>> number_of("3.0"), number_of("2.5"), number_of("2,5"), number_of(True)
    (3, 'not_whole', 'comma', 'boolean')
    """
    if isinstance(value, (bool, np.bool_)):
        return "boolean"
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)):
        return "date"
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating, decimal.Decimal)):
        if not np.isfinite(float(value)):
            return "infinite"
        return int(value) if float(value).is_integer() else "not_whole"
    return _number_of_text(value.strip()) if isinstance(value, str) else "text"


def _number_of_text(text: str) -> int | str:
    if _NUMBER.fullmatch(text):
        if text.lstrip("+-").isdigit():
            return int(text) if len(text) <= 18 else "out_of_range"
        return number_of(float(text))
    lower = text.lower()
    if lower.lstrip("+-") in {"inf", "infinity"}:
        return "infinite"
    if lower in {"true", "false"}:
        return "boolean"
    if lower in MISSING_MARKERS:
        return "marker"
    if lower in SHEET_ERRORS:
        return "sheet_error"
    if _COMMA_NUMBER.fullmatch(text):
        return "comma"
    return "date" if _DATE.fullmatch(text) else "text"
