"""Points in time as files write them: recognised without guessing, or named by whoever knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint

ISO = "iso"
MICROSECONDS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
"""What one step of each epoch unit is worth."""
EXCEL = "excel"
EXCEL_ZERO = -25_569 * 86_400_000_000
"""1899-12-30, the day that Excel counts from, in microseconds since 1970."""
EARLIEST, LATEST = 631_152_000_000_000, 4_102_444_800_000_000
"""1990-01-01 and 2100-01-01 in microseconds: nothing outside is a stamp of a study."""
HALF_DAY = 43_200_000_000
LOOKED_AT = 10_000
"""Cells by which the form is recognised; every other cell must then be of that form."""

DIGITS = str.maketrans("123456789", "0" * 9)
_OFFSET = r" ?(?:Z|z|UTC|GMT|[+-]00(?::?00)?)"
_TIME = r"[T ]00?:00(?::00(?:[.,]0{1,9})?)?"
_ISO = re.compile(rf"0000-00?-00?(?:{_TIME}({_OFFSET})?)?")
_PARTS = re.compile(rf"00?([./-])00?\1(?:0000|00)(?:,?{_TIME}(?: ?[AaPp][Mm])?)?")
_YEAR_FIRST = re.compile(rf"0000([./])00?\1(?:00?)(?:{_TIME}(?: ?[AaPp][Mm])?)?")
_NUMBER = re.compile(r"0+(?:\.0*)?")
_NAMED = re.compile(r"[DMYy][./-]?[DMYy][./-]?[DMYy]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockForm:
    """How a column writes points in time.

    Attributes
    ----------
    name : str
        `iso`, an epoch unit (`s`, `ms`, `us`, `ns`), `excel`, or an order of parts such as `D.M.Y`.
    """

    name: str

    @property
    def is_text(self) -> bool:
        """Whether it is written in parts, not as one number."""
        return self.name not in MICROSECONDS and self.name != EXCEL

    def rewriting(self) -> tuple[str, str] | None:
        """Give pattern and replacement that turn its date into ISO; None where it is ISO already."""
        if self.name == ISO or not self.is_text:
            return None
        parts = re.split("([./-])", self.name) if re.search("[./-]", self.name) else list(self.name)
        fixed = not re.search("[./-]", self.name)
        pattern, order, number = "", {}, 0
        for part in parts:
            if part in "./-":
                pattern += re.escape(part)
                continue
            number += 1
            digits = {"Y": 4, "y": 2}.get(part)
            pattern += f"([0-9]{{{digits}}})" if digits else "([0-9]{2})" if fixed else "([0-9]{1,2})"
            order[part.upper()] = number
        century = "20" if "y" in self.name else ""
        return f"^{pattern}(,?[T ].*)?$", f"{century}\\{order['Y']}-\\{order['M']}-\\{order['D']}\\4"


PAGE = {
    "delimiter": "“Sign between the fields”",
    "encoding": "“Encoding”",
    "sheet": "“Sheet of a workbook”",
}
"""Fields of the page by the names of options."""


def option_of(caller: str, name: str, value: str) -> str:
    """Say how an option is given where the reader stands: on the command line, on the page or in Python.

    Parameters
    ----------
    caller
        Command or function named in a message.
    name
        Name of the option.
    value
        Its value.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> option_of("dta validate", "dates", "D.M.Y"), option_of("summarise_usage", "dates", "D.M.Y")
    ('--dates D.M.Y', "dates='D.M.Y'")
    """
    if caller == "upload":
        return PAGE.get(name, f"the field for {name}")
    shown = value if re.fullmatch(r"[\w.,/:-]+", value) and value != "," else repr(value)
    return f"--{name.replace('_', '-')} {shown}" if caller.startswith("dta") else f"{name}={value!r}"


def named_form(name: str, caller: str) -> ClockForm:
    """Give the form that somebody named.

    Parameters
    ----------
    name
        `iso`, `s`, `ms`, `us`, `ns`, `excel`, or an order of D, M and Y (y: two digits) such as `D.M.Y`.
    caller
        Named in a message.

    Returns
    -------
    ClockForm
        The form.

    Raises
    ------
    ResponseDataError
        There is no such form.
    """
    known = {ISO, EXCEL, *MICROSECONDS}
    plain = re.sub("[./-]", "", name).upper()
    marks = re.sub("[DMYy]", "", name)
    whole = _NAMED.fullmatch(name) and sorted(plain) == ["D", "M", "Y"] and len(marks) in (0, 2)
    if name not in known and not (whole and len(set(marks)) <= 1):
        fact = f"{name!r} names no way of writing dates."
        hint = "name iso, s, ms, us, ns, excel, or the order of the parts such as D.M.Y, D/M/Y or M/D/Y."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    return ClockForm(name=name)


def shape_of(text: str) -> str:
    """Give the shape of a text: every digit becomes 0, blanks around it go.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        Its shape.

    Examples
    --------
    >>> shape_of(" 11.03.2026 12:17")
    '00.00.0000 00:00'
    """
    return text.strip().translate(DIGITS)


def recognised_form(
    cells: Iterable[str], caller: str, source: str, named: ClockForm | None = None
) -> ClockForm:
    """Recognise how a column writes points in time: ISO 8601 and epoch numbers; the rest must be named.

    Parameters
    ----------
    cells
        Texts that are not blank.
    caller
        Named in messages.
    source
        File and column, named in messages.
    named
        Form of the columns that are not plainly ISO 8601: one name serves several tables.

    Returns
    -------
    ClockForm
        ISO or an epoch unit.

    Raises
    ------
    ResponseDataError
        The form is not plain, or there are several.
    """
    found = [text.strip() for text in cells]
    shapes = Counter(map(shape_of, found))
    if all(map(_ISO.fullmatch, shapes)):
        return ClockForm(name=ISO)
    if named is not None:
        return named
    if all(map(_NUMBER.fullmatch, shapes)):
        return _epoch_form(np.array([float(text) for text in found]), caller, source)
    raise _not_plain(found, shapes, caller, source)


def _epoch_form(numbers: np.ndarray, caller: str, source: str) -> ClockForm:
    for name, worth in MICROSECONDS.items():
        if ((numbers * worth >= EARLIEST) & (numbers * worth < LATEST)).all():
            return ClockForm(name=name)
    excel = (numbers >= 32_874) & (numbers < 73_051)
    if excel.all():
        fact = f"{source} holds numbers such as Excel counts days with, not dates."
        hint = f"write dates as 2026-03-31, or say that it is so with {option_of(caller, 'dates', EXCEL)}."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    fact = f"{source} holds {len(numbers)} numbers that are no single kind of epoch time (s, ms, us, ns)."
    raise ResponseDataError(fact_and_hint(caller, fact, "write dates as 2026-03-31T12:00:00."))


def recognised_number(low: float, high: float, caller: str, source: str) -> ClockForm:
    """Recognise the epoch unit of a column of numbers by its range.

    Parameters
    ----------
    low, high
        Least and greatest.
    caller, source
        Named in messages.

    Returns
    -------
    ClockForm
        An epoch unit.

    Raises
    ------
    ResponseDataError
        No unit puts both between 1990 and 2100.

    Examples
    --------
    >>> recognised_number(1773231468000, 1773566201000, "f", "at").name
    'ms'
    """
    return _epoch_form(np.array([low, high], dtype=float), caller, source)


def _not_plain(found: list[str], shapes: Counter[str], caller: str, source: str) -> ResponseDataError:
    """Say why a column is not read, by counts and shapes; never by what stands there."""
    n = len(found)
    parts = {shape: count for shape, count in shapes.items() if _PARTS.fullmatch(shape)}
    if sum(parts.values()) == n:
        return _ambiguous(found, caller, source)
    if all(map(_YEAR_FIRST.fullmatch, shapes)):
        mark = next(iter(shapes))[4]
        fact = f"{source} writes its {n} dates as Y{mark}M{mark}D, which is not ISO 8601."
        hint = f"say so with {option_of(caller, 'dates', f'Y{mark}M{mark}D')}."
        return ResponseDataError(fact_and_hint(caller, fact, hint))
    kinds = {
        "as ISO 8601": sum(c for s, c in shapes.items() if _ISO.fullmatch(s)),
        "as numbers": sum(c for s, c in shapes.items() if _NUMBER.fullmatch(s)),
        "in days, months and years": sum(parts.values()),
    }
    kinds["as other text"] = n - sum(kinds.values())
    listed = ", ".join(f"{count} {how}" for how, count in kinds.items() if count)
    fact = f"{source} is not read as dates: of {n} looked at, {listed}."
    return ResponseDataError(fact_and_hint(caller, fact, "write every one as 2026-03-31T12:00:00."))


def _ambiguous(found: list[str], caller: str, source: str) -> ResponseDataError:
    split = [re.split("[./-]", text, maxsplit=2) for text in found]
    day_first = sum(int(first) > 12 for first, _, _ in split)
    month_first = sum(int(second) > 12 for _, second, _ in split)
    either = len(found) - day_first - month_first
    marks = Counter(re.sub(r"\d", "", text)[0] for text in found)
    mark = marks.most_common(1)[0][0]
    year = "y" if all(re.match(r"\d{1,2}(?:\D|$)", rest) for _, _, rest in split) else "Y"
    day, month = f"D{mark}M{mark}{year}", f"M{mark}D{mark}{year}"
    fact = (
        f"{source} writes dates in parts: of {len(found)} looked at, {day_first} can only be day first, "
        f"{month_first} only month first, {either} either."
    )
    if (day_first and month_first) or len(marks) > 1:
        return ResponseDataError(fact_and_hint(caller, fact, "write every one as 2026-03-31T12:00:00."))
    if year == "y" and _years_lead(split):
        fact = fact.replace("day first", "day or year first")
        hint = f"say which with {option_of(caller, 'dates', day)} or "
        hint += f"{option_of(caller, 'dates', f'y{mark}M{mark}D')}."
    elif day_first or month_first:
        hint = f"say so with {option_of(caller, 'dates', day if day_first else month)}."
    else:
        hint = f"say which with {option_of(caller, 'dates', day)} or {option_of(caller, 'dates', month)}."
    return ResponseDataError(fact_and_hint(caller, fact, hint))


def _years_lead(split: list[list[str]]) -> bool:
    """Whether dates of three short numbers may begin with the year: it changes less often than the end."""
    parts = [tuple(int(part) for part in re.findall(r"\d+", "-".join(one))[:3]) for one in split]
    possible = all(1 <= month <= 12 and 1 <= day <= 31 for _, month, day in parts)
    return possible and len({year for year, _, _ in parts}) < len({day for _, _, day in parts})


def microseconds(texts: pd.Series, form: ClockForm) -> tuple[np.ndarray, np.ndarray]:
    """Read texts of one form as microseconds since 1970 in UTC.

    Parameters
    ----------
    texts : Series of shape (n,)
        Texts, blank where missing.
    form
        How they are written.

    Returns
    -------
    tuple of arrays, shape (n,)
        int64 microseconds, and whether the cell could be read.
    """
    texts = texts.astype("string").str.strip()
    if not form.is_text:
        return _of_numbers(pd.to_numeric(texts, errors="coerce").astype(float).to_numpy(), form)
    half = texts.str.extract(r"([AaPp])[Mm]$")[0].str.lower()
    texts = texts.str.replace(r" ?[AaPp][Mm]$", "", regex=True)
    rewriting = form.rewriting()
    if rewriting is not None:
        pattern, replacement = rewriting
        fits = texts.str.match(pattern)
        texts = texts.str.replace(pattern, replacement, regex=True)
        texts = texts.str.replace("^([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}),", r"\1", regex=True)
        texts = texts.where(fits)
    shaped = texts.str.replace("[0-9]", "0", regex=True).str.fullmatch(_ISO.pattern)
    texts = texts.where(shaped)
    texts = texts.str.replace(r"^(\d{4})-(\d)-", r"\1-0\2-", regex=True)
    texts = texts.str.replace(r"^(\d{4}-\d{2})-(\d)(?=\D|$)", r"\1-0\2", regex=True)
    texts = texts.str.replace(r"[T ](\d):", r"T0\1:", regex=True)
    texts = texts.str.replace(" ?(?:UTC|GMT|z)$", "Z", regex=True).str.replace(",", ".", regex=False)
    texts = texts.str.replace(r" (Z|[+-]\d{2}(?::?\d{2})?)$", r"\1", regex=True)
    stamps = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    read = stamps.notna().to_numpy()
    values = stamps.to_numpy(dtype="datetime64[us]").astype(np.int64)
    hour = values // 3_600_000_000 % 24
    values = values + np.where((half == "p").fillna(False).to_numpy(bool) & (hour < 12), HALF_DAY, 0)
    values = values - np.where((half == "a").fillna(False).to_numpy(bool) & (hour == 12), HALF_DAY, 0)
    inside = read & (values >= EARLIEST) & (values < LATEST)
    return np.where(inside, values, 0), inside


def _of_numbers(numbers: np.ndarray, form: ClockForm) -> tuple[np.ndarray, np.ndarray]:
    if form.name == EXCEL:
        values = np.round(numbers * 86_400_000.0) * 1_000.0 + EXCEL_ZERO
    else:
        values = np.round(numbers * MICROSECONDS[form.name])
    inside = np.isfinite(values) & (values >= EARLIEST) & (values < LATEST)
    return np.where(inside, values, 0).astype(np.int64), inside
