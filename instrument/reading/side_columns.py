"""Columns beside the answers: points in time and numbers, read whole or refused with line and column."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.cells import MISSING_MARKERS
from instrument.reading.clock import (
    LOOKED_AT,
    ClockForm,
    microseconds,
    named_form,
    option_of,
    recognised_form,
    recognised_number,
)
from instrument.reading.raw import count_of, name_rows

OFFSET = r":\d.*(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)$"
"""A time of day with its distance from UTC at the end."""
HOURS = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)")
PLAIN_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
THOUSANDS = {",": ",", ".": r"\.", "'": "['’]", "space": "[ \u00a0\u202f]"}
"""Marks between groups of three digits, and the signs that count as each."""
SINGULAR = {"hold": "holds", "lie": "lies", "are": "is"}
_KINDS: tuple[tuple[str, str, str], ...] = (
    (
        r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}"
        r"|[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}([ '’]\d{3})+([.,]\d+)?",
        "hold a thousands mark",
        "",
    ),
    (r"[+-]?\d*,\d+", "hold a comma", ""),
    (r"[+-]?[\d.,]+ ?%", "hold a percent sign", ""),
    (r"\d+:\d{1,2}(:\d{1,2}(\.\d+)?)?", "hold hours and minutes", ""),
    (r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}.*", "hold dates", "write numbers there."),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where a column stands, for messages: caller, file, and the line of each row."""

    caller: str
    source: str
    lines: np.ndarray
    unit: str = "row"

    def column(self, name: str) -> str:
        """Name a column with its file."""
        return f"{self.source}: column {name!r}"

    def rows(self, chosen: np.ndarray) -> str:
        """Name at most five rows."""
        return name_rows(self.lines[np.asarray(chosen, dtype=bool)], self.unit)

    def fault(self, name: str, chosen: np.ndarray, what: str, hint: str) -> ResponseDataError:
        """Error about cells of a column; what stands in them is not shown."""
        chosen = np.asarray(chosen, dtype=bool)
        first, _, rest = what.partition(" ")
        verb = SINGULAR.get(first, first) if chosen.sum() == 1 else first
        cells = f"{count_of(int(chosen.sum()), 'cell')} {verb} {rest}"
        fact = f"{self.column(name)}: {cells} ({self.rows(chosen)})."
        return ResponseDataError(fact_and_hint(self.caller, fact, hint))


def is_blank(column: pd.Series, na: tuple[str, ...] = ("NA",)) -> np.ndarray:
    """Say which cells hold nothing.

    Parameters
    ----------
    column : Series of shape (n,)
        Any type.
    na
        Texts that mean so too.

    Returns
    -------
    array of bool, shape (n,)
        True where nothing stands.
    """
    absent = column.isna().to_numpy(dtype=bool)
    if is_numeric_dtype(column.dtype) or is_datetime64_any_dtype(column.dtype):
        return absent
    texts = column.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return absent | texts.isin(["", *na]).to_numpy(dtype=bool)


def points_in_time(
    column: pd.Series, name: str, place: Place, dates: str | None = None
) -> tuple[pd.Series, bool]:
    """Read a column of points in time: ISO 8601, epoch numbers by their range, or the form that is named.

    Parameters
    ----------
    column : Series of shape (n,)
        Texts, numbers or timestamps.
    name
        Its name.
    place
        Where it stands.
    dates
        Form named by the caller (see `instrument.reading.clock.named_form`); None to recognise it.

    Returns
    -------
    Series of datetime64[us], shape (n,)
        In UTC without a zone, NaT where the cell is blank.
    bool
        Whether the column carries offsets from UTC.

    Raises
    ------
    ResponseDataError
        The form is not plain, cells are not of it, or only some carry an offset.
    """
    blank = is_blank(column)
    form = named_form(dates, place.caller) if dates is not None else None
    if is_datetime64_any_dtype(column.dtype):
        return _naive(column), getattr(column.dt, "tz", None) is not None
    if is_bool_dtype(column.dtype):
        raise place.fault(name, ~blank, "hold true or false, not dates", "write dates as 2026-03-31.")
    if is_numeric_dtype(column.dtype):
        return _of_numbers(column, name, place, form, blank), False
    if all(isinstance(cell, (datetime.date, pd.Timestamp)) for cell in column[~blank]) and not blank.all():
        stamps = pd.Series(pd.to_datetime(column.where(~blank), utc=True)).reset_index(drop=True)
        aware = any(getattr(cell, "tzinfo", None) is not None for cell in column[~blank])
        return _naive(stamps), aware
    texts = column.where(~blank).map(str, na_action="ignore").astype("string").str.strip()
    present = texts[~blank]
    if not len(present):
        return pd.Series(pd.NaT, index=range(len(column)), dtype="datetime64[us]"), False
    step = max(1, len(present) // LOOKED_AT)
    form = recognised_form(list(present.iloc[::step]), place.caller, place.column(name), form)
    values, read = microseconds(texts.reset_index(drop=True), form)
    if (bad := ~read & ~blank).any():
        hint = "write dates as 2026-03-31 or 2026-03-31T12:00:00."
        raise place.fault(name, bad, f"cannot be read as dates ({_form_in_words(form)})", hint)
    offset = texts.str.contains(OFFSET, regex=True).fillna(False).to_numpy(dtype=bool)
    offset = offset if form.is_text else np.zeros(len(texts), dtype=bool)
    if (mixed := offset & ~blank).any() and not mixed[~blank].all():
        hint = "write the offset at every stamp, or at none."
        raise place.fault(name, ~blank & ~offset, "hold no offset from UTC where others do", hint)
    stamps = pd.Series(values.astype("datetime64[us]")).mask(blank)
    return stamps, bool(offset.any())


def _form_in_words(form: ClockForm) -> str:
    return {"iso": "ISO 8601", "excel": "days as Excel counts them"}.get(form.name, form.name)


def _naive(stamps: pd.Series) -> pd.Series:
    if getattr(stamps.dt, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return stamps.dt.as_unit("us").reset_index(drop=True)


def _of_numbers(
    column: pd.Series, name: str, place: Place, form: ClockForm | None, blank: np.ndarray
) -> pd.Series:
    numbers = column.astype("Float64").astype(float)
    present = numbers[~blank]
    if not len(present):
        return pd.Series(pd.NaT, index=range(len(column)), dtype="datetime64[us]")
    if form is None:
        form = recognised_number(float(present.min()), float(present.max()), place.caller, place.column(name))
    texts = column.where(~blank).map(
        lambda cell: str(int(cell)) if float(cell).is_integer() else repr(float(cell)), na_action="ignore"
    )
    values, read = microseconds(texts.astype("string").reset_index(drop=True), form)
    if (bad := ~read & ~blank).any():
        raise place.fault(
            name,
            bad,
            f"cannot be read as dates ({_form_in_words(form)})",
            "write dates as 2026-03-31 or 2026-03-31T12:00:00.",
        )
    return pd.Series(values.astype("datetime64[us]")).mask(blank)


def amounts(
    column: pd.Series,
    name: str,
    place: Place,
    decimal: str = ".",
    na: tuple[str, ...] = ("NA",),
    *,
    thousands: str | None = None,
    percent: bool = False,
    ask_hours: Callable[[], str] | None = None,
) -> np.ndarray:
    """Read a column of numbers; marks that were not named (thousands, percent, hours, decimals) are refused.

    Parameters
    ----------
    column : Series of shape (n,)
        Texts or numbers.
    name
        Its name.
    place
        Where it stands.
    decimal
        Decimal mark, `.` or `,`.
    na
        Texts that mean a missing number.
    thousands
        Mark between groups of three digits: `,`, `.`, `'` or `space`; None: there is none.
    percent
        Whether percent signs are taken off (45 % is 45), where every number of the column has one.
    ask_hours
        Gives the hint for cells such as 1:30:00.

    Returns
    -------
    array of float, shape (n,)
        NaN where the cell is blank.

    Raises
    ------
    ResponseDataError
        A cell is no number.
    """
    blank = is_blank(column, na)
    if is_bool_dtype(column.dtype):
        raise place.fault(name, ~blank, "hold true or false", "write numbers there.")
    if is_numeric_dtype(column.dtype):
        values = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        return _finite(values, name, place)
    if is_datetime64_any_dtype(column.dtype):
        raise place.fault(name, ~blank, "hold dates", "write numbers there.")
    texts = column.where(~blank).map(_as_text, na_action="ignore").astype("string").str.strip()
    texts = texts.reset_index(drop=True)
    bare = _without_percent(texts, blank, name, place) if percent else texts
    plain = plain_numbers(bare, decimal, thousands)
    fits = plain.str.fullmatch(PLAIN_NUMBER).fillna(False).to_numpy(dtype=bool)
    if (bad := ~fits & ~blank).any():
        raise _no_numbers(bare, bad, name, place, (decimal, thousands), ask_hours)
    values = np.full(len(texts), np.nan)
    values[fits] = plain[fits].astype(float).to_numpy()
    return _finite(values, name, place)


def check_marks(decimal: str, thousands: str | None, caller: str) -> None:
    """Refuse marks of numbers that are none, or are one and the same.

    Parameters
    ----------
    decimal, thousands
        As in `amounts`.
    caller
        Named in messages.

    Raises
    ------
    ResponseDataError
        A mark is not known, or both are one.
    """
    if decimal not in (".", ","):
        fact = f"the decimal mark is {decimal!r}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give a point or a comma."))
    if thousands is not None and (thousands not in THOUSANDS or thousands == decimal):
        same = "the decimal mark too" if thousands == decimal else "no mark between thousands"
        fact = f"{thousands!r} is {same}."
        hint = f"give one of {', '.join(mark for mark in THOUSANDS if mark != decimal)}."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))


def grouped_number(decimal: str, thousands: str) -> str:
    """Give the pattern of a number with marks between its thousands, each before three digits."""
    return rf"^[+-]?[0-9]{{1,3}}(?:{THOUSANDS[thousands]}[0-9]{{3}})+(?:{re.escape(decimal)}[0-9]+)?$"


def plain_numbers(texts: pd.Series, decimal: str = ".", thousands: str | None = None) -> pd.Series:
    """Write numbers with a point and without other marks; what is no number stays none.

    Parameters
    ----------
    texts : Series of shape (n,)
        Texts, missing where blank.
    decimal, thousands
        As in `amounts`.

    Returns
    -------
    Series of shape (n,)
        Texts.

    Examples
    --------
    >>> plain_numbers(pd.Series(["1.234,5", "12.34", "7"], dtype="string"), ",", ".").to_list()
    ['1234.5', 'marks', '7']
    """
    plain = texts
    if thousands is not None:
        marked = plain.str.contains(THOUSANDS[thousands], regex=True).fillna(False)
        grouped = plain.str.contains(grouped_number(decimal, thousands), regex=True).fillna(False)
        plain = plain.str.replace(THOUSANDS[thousands], "", regex=True).mask(marked & ~grouped, "marks")
    if decimal == ",":
        plain = plain.mask(plain.str.contains(".", regex=False).fillna(False), "point")
        plain = plain.str.replace(",", ".", n=1, regex=False)
    return plain


def _without_percent(texts: pd.Series, blank: np.ndarray, name: str, place: Place) -> pd.Series:
    """Take percent signs off, where all cells have one or none has."""
    signed = texts.str.endswith("%").fillna(False).to_numpy(dtype=bool)
    if (bare := ~signed & ~blank).any() and signed.any():
        hint = "write the sign at every number of the column, or at none."
        raise place.fault(name, bare, "hold no percent sign where others do", hint)
    return texts.str.replace(r" ?%$", "", regex=True)


def _as_text(cell: object) -> str:
    return "true" if cell is True else "false" if cell is False else str(cell)


def _finite(values: np.ndarray, name: str, place: Place) -> np.ndarray:
    if (wild := np.isinf(values)).any():
        raise place.fault(name, wild, "are infinite", "leave missing numbers empty.")
    return values


def _no_numbers(
    texts: pd.Series,
    bad: np.ndarray,
    name: str,
    place: Place,
    marks: tuple[str, str | None],
    ask_hours: Callable[[], str] | None,
) -> ResponseDataError:
    """Name the commonest kind of cell that is no number."""
    decimal, thousands = marks
    if thousands is not None:
        odd = bad & (plain_numbers(texts, decimal, thousands) == "marks").fillna(False).to_numpy(dtype=bool)
        if odd.any():
            what = "hold the mark of thousands elsewhere than before three digits"
            return place.fault(name, odd, what, "write plain numbers with one kind of mark.")
    if decimal == "," and thousands != ".":
        pointed = bad & texts.str.contains(".", regex=False).fillna(False).to_numpy(dtype=bool)
        if pointed.any():
            what = "hold a point, though the decimal mark is a comma"
            hint = "write plain numbers with one kind of mark"
            if place.caller.startswith("dta"):
                table = place.caller.partition("--")[2] or "usage"
                hint += f", or say that this table has another with --decimal ', {table}=.'"
            return place.fault(name, pointed, what, f"{hint}.")
    for pattern, what, hint in _KINDS:
        these = bad & texts.str.fullmatch(pattern).fillna(False).to_numpy(dtype=bool)
        if these.any():
            if what == "hold a comma":
                hint = f"say that it is the decimal mark with {option_of(place.caller, 'decimal', ',')}"
                either = texts[these].str.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}").all()
                other = f", or that it parts thousands with {option_of(place.caller, 'thousands', ',')}"
                hint = f"{hint}{other if either else ''}."
            elif what.startswith("hold hours"):
                hint = ask_hours() if ask_hours else "write plain numbers."
            elif what == "hold a thousands mark":
                hint = _thousands_hint(texts[these], place.caller, decimal)
            elif what == "hold a percent sign":
                flag = "say that they are percent with --percent."
                hint = flag if place.caller.startswith("dta --") else "write plain numbers without the sign."
            return place.fault(name, these, what, hint)
    absent = bad & texts.str.lower().isin(MISSING_MARKERS).fillna(False).to_numpy(dtype=bool)
    if absent.any() and (absent == bad).all():
        hint = "leave missing numbers empty, or write NA."
        return place.fault(name, absent, "hold an undeclared mark of a missing value", hint)
    return place.fault(name, bad, "hold text where a number is expected", "write numbers, or leave it empty.")


def _thousands_hint(texts: pd.Series, caller: str, decimal: str) -> str:
    """Name the mark between the thousands, and the decimal mark where the other one stands there."""
    for mark in THOUSANDS:
        for point in (decimal, "." if decimal == "," else ","):
            if mark == point or not texts.str.contains(grouped_number(point, mark), regex=True).all():
                continue
            too = "" if point == decimal else f" and {option_of(caller, 'decimal', point)}"
            return f"say so with {option_of(caller, 'thousands', mark)}{too}."
    return "write plain numbers such as 1234.5."


def in_hours(column: pd.Series, name: str, place: Place) -> np.ndarray:
    """Read a column of h:mm:ss as seconds.

    Parameters
    ----------
    column : Series of shape (n,)
        Texts.
    name
        Its name.
    place
        Where it stands.

    Returns
    -------
    array of float, shape (n,)
        Seconds; NaN where the cell is blank.

    Raises
    ------
    ResponseDataError
        A cell is not of that form.
    """
    blank = is_blank(column)
    texts = column.where(~blank).map(_as_text, na_action="ignore").astype("string").str.strip()
    found = texts.reset_index(drop=True).str.extract(f"^{HOURS.pattern}$").astype("Float64")
    seconds = (found[0] * 3600 + found[1] * 60 + found[2]).to_numpy(dtype=float, na_value=np.nan)
    if (bad := np.isnan(seconds) & ~blank).any():
        raise place.fault(name, bad, "are not of the form h:mm:ss", "write every one so, or none.")
    return seconds
