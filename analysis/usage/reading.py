"""Read the columns of a log on its engine: stamps, numbers and ids, recognised or named, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt
import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.clock import (
    EARLIEST,
    EXCEL,
    EXCEL_ZERO,
    HALF_DAY,
    LATEST,
    LOOKED_AT,
    MICROSECONDS,
    ClockForm,
    named_form,
    option_of,
    recognised_form,
    recognised_number,
)
from instrument.reading.people import NO_ID
from instrument.reading.side_columns import OFFSET, THOUSANDS, Place, amounts, check_marks, grouped_number

if TYPE_CHECKING:
    from analysis.usage.mapping import LogMapping

MINUTES = {"ms": 1 / 60_000, "s": 1 / 60, "min": 1.0, "h": 60.0}
HOURS = "h:mm:ss"
LONG_MINUTES = 240.0
"""Events longer than four hours are rare: where many are, the numbers are hardly minutes."""
MANY_LONG = 0.01
MICROSECONDS_PER_DAY = 86_400_000_000
MOST_EXACT = 2.0**53
"""From here on not every whole number is a decimal of its own: ids next to each other become one."""
CLOCKS = ("at", "received")
DAY_ALONE = "day_alone_"
"""Before the name of a column of stamps: whether a cell is a day without a time, which no clock moves."""
DAY_IN_TEXT = r"\s*(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}|\d{8})\s*"
NO_TIME = (
    "{0!r} holds days without a time: events of one day are one session, "
    "and those alike in all else count once"
)
NUMBERS = ("day", "received_day", "duration")
_MARKS = ("", "NA", *" \t\n\r\v\f", *NO_ID, *(word.upper() for word in NO_ID))
LAST_OF_NO_ID = tuple(sorted({mark[-1:] for mark in _MARKS}))
"""Letters with which a cell that names nobody can end; `NA` is none, and blanks around it go."""
NOBODY, AS_WRITTEN = "is_nobody", "written"
"""Whether words stand for an id that name nobody, and the id before such words became null."""
OWN = frozenset({"participant", "kind", *CLOCKS, *NUMBERS, "event_id"})


@ibis.udf.scalar.builtin(name="epoch_us")
def _epoch_us(stamp: dt.Timestamp(timezone="UTC")) -> dt.int64: ...  # type: ignore[valid-type]


@ibis.udf.scalar.builtin(name="unix_micros")
def _unix_micros(stamp: dt.Timestamp(timezone="UTC")) -> dt.int64: ...  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """How a log is to be understood where its cells do not say it.

    Attributes
    ----------
    dates : str, optional
        How stamps are written (`D.M.Y`, `M/D/Y`, `s`, `ms`, `us`, `ns`, `excel`); None: ISO 8601 or an epoch
        number recognised by its range.
    decimal : str
        Decimal mark of numbers in text.
    thousands : str, optional
        Mark between groups of three digits in text: `,`, `.`, `'` or `space`.
    durations : str, optional
        Unit of `duration`: `ms`, `s`, `min`, `h` or `h:mm:ss`; None: minutes, refused where that is
        implausible.
    event_id : str, optional
        Column that names each event, so that one sent twice counts once; None: `event_id` where there is one.
    retry_seconds : float, optional
        Events of one kind and duration this close together are one; None: only exact copies are.
    most_set_aside : float
        Share of events that may be set aside before the reading stops.
    delimiter : str, optional
        Between the fields of a text file; None: a comma, or a tab in `.tsv`.
    mapping : LogMapping, optional
        What its fields mean (`analysis.usage.mapping`), where they have other names or are JSON lines.
    caller, source : str
        Named in messages.
    notes : list of str
        What was left out while opening the log is appended here.
    left : list of tuple
        The same as numbers: the field of each rule and how many events it left out.
    """

    dates: str | None = None
    decimal: str = "."
    thousands: str | None = None
    durations: str | None = None
    event_id: str | None = None
    retry_seconds: float | None = None
    most_set_aside: float = 0.5
    delimiter: str | None = None
    mapping: LogMapping | None = None
    caller: str = "summarise_usage"
    source: str = "the log"
    notes: list[str] = field(default_factory=list)
    left: list[tuple[str, int]] = field(default_factory=list)

    def fault(self, fact: str, hint: str) -> ResponseDataError:
        """Error about this log."""
        return ResponseDataError(fact_and_hint(self.caller, fact, hint))

    def option(self, name: str, value: str) -> str:
        """Say how an option is given where the reader stands."""
        return option_of(self.caller, name, value)


def checked_reading(reading: LogReading) -> LogReading:
    """Refuse options that mean nothing."""
    check_marks(reading.decimal, reading.thousands, reading.caller)
    if reading.durations is not None and reading.durations not in (*MINUTES, HOURS):
        fact = f"{reading.durations!r} is no unit of durations."
        raise reading.fault(fact, f"give one of {', '.join((*MINUTES, HOURS))}.")
    if not 0 < reading.most_set_aside <= 1:
        fact = f"the share of events that may be set aside is {reading.most_set_aside!r}."
        raise reading.fault(fact, "give a share above 0, up to 1.")
    if reading.retry_seconds is not None and not 0 <= reading.retry_seconds < 3600:
        fact = f"retries within {reading.retry_seconds!r} seconds cannot be told."
        raise reading.fault(fact, "give seconds from 0, such as 2.")
    return reading


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadLog:
    """A log whose columns have one type each, on its engine.

    Attributes
    ----------
    table : ibis table
        participant (integer or text), kind (text), `at_us` and `received_us` (microseconds in UTC),
        `day`, `received_day` and `minutes` (float), `event_id` and `content` where there are; then flags
        per event: `is_misread_…` for each column read from text.
    forms : dict
        Form of each clock column.
    offsets : dict
        Columns of stamps that must either all carry an offset or none.
    raw : ibis table
        The columns as they stand in the log.
    """

    table: Any
    forms: dict[str, str]
    offsets: tuple[str, ...]
    misread: tuple[str, ...]
    raw: Any

    def with_ids_as_written(self) -> ReadLog:
        """Take the ids as they stand: for a log of which it is known that none of them names nobody.

        To look at the end of each id takes as long as all else that is asked of an event.
        """
        if NOBODY not in self.table.columns:
            return self
        return replace(self, table=self.table.mutate(participant=self.table[AS_WRITTEN]))


def read_log(table: Any, con: Any, reading: LogReading) -> ReadLog:
    """Give every column of a log one type, by what its first cells show or the caller names.

    Parameters
    ----------
    table
        Ibis table with `participant`, `kind`, and `day` or `at`.
    con
        Its backend.
    reading
        How it is to be understood.

    Returns
    -------
    ReadLog
        Typed columns; cells not of the form are flagged, and counted by the pass that follows.

    Raises
    ------
    ResponseDataError
        The form of a column is not plain.
    """
    person = _id(table, con, reading)
    columns: dict[str, Any] = {"participant": person, "kind": _text(table["kind"])}
    if table["participant"].type().is_string():
        columns |= {
            AS_WRITTEN: table["participant"],
            NOBODY: is_absent(person) & is_there(table["participant"]),
        }
    forms: dict[str, str] = {}
    misread: list[str] = []
    offsets: list[str] = []
    for name in CLOCKS:
        if name not in table.columns:
            continue
        cells = _text(table[name]) if table[name].type().is_string() else table[name]
        form = _clock_form(cells, name, con, reading)
        forms[name] = form.name if form else "timestamp"
        value = _clock(cells, form, con)
        columns[f"{name}_us"] = value
        columns[f"{DAY_ALONE}{name}"] = _is_day_alone(cells, form, value, con)
        if form is not None:
            columns[f"is_misread_{name}"] = is_there(cells) & is_absent(value)
            misread.append(name)
        if form is not None and form.is_text:
            columns[f"is_offset_{name}"] = cells.re_search(OFFSET).fill_null(False)
            offsets.append(name)
    for name in NUMBERS:
        if name not in table.columns:
            continue
        to = "minutes" if name == "duration" else name
        columns[to], wrong = _number(table, name, con, reading)
        if wrong is not None:
            columns[f"is_misread_{name}"] = wrong
            misread.append(name)
    columns |= _identity(table, reading)
    return ReadLog(
        table=table.select(**columns), forms=forms, offsets=tuple(offsets), misread=tuple(misread), raw=table
    )


def is_absent(column: Any) -> Any:
    """Whether a cell is null."""
    return column.isnull()  # noqa: PD003 (a column of Ibis, which has no isna)


def is_there(column: Any) -> Any:
    """Whether a cell is not null."""
    return column.notnull()  # noqa: PD004 (a column of Ibis, which has no notna)


def _text(column: Any) -> Any:
    return column.cast("string").nullif("").nullif("NA")


def _id(table: Any, con: Any, reading: LogReading) -> Any:
    column = table["participant"]
    kind = column.type()
    if kind.is_integer():
        return column
    if kind.is_floating():
        column = ibis.cases((column.isnan() | column.isinf(), ibis.null("float64")), else_=column)
        if con.execute((column.abs() >= MOST_EXACT).any()) is True:
            fact = f"{reading.source}: column 'participant' holds decimals that lost digits of longer ids."
            raise reading.fault(fact, "give ids as text or whole numbers.")
        whole = column == column.floor()
        return ibis.cases((whole, column.cast("int64").cast("string")), else_=column.cast("string"))
    if kind.is_boolean() or kind.is_temporal():
        fact = f"{reading.source}: column 'participant' holds {kind}, not ids."
        raise reading.fault(fact, "give each person a text or a whole number.")
    text = _text(column)
    # most ids end as no such mark can: one letter is looked at, where the whole is taken apart otherwise
    cell = column.cast("string")
    plain = is_there(cell) & cell.right(1).notin(LAST_OF_NO_ID)
    none = text.strip().lower().isin(("", *NO_ID))
    return ibis.cases((plain, cell), (none, ibis.null("string")), else_=text)


def _clock_form(cells: Any, name: str, con: Any, reading: LogReading) -> ClockForm | None:
    """Form of a column of stamps; None where the engine holds timestamps already."""
    kind, where = cells.type(), f"{reading.source}: column {name!r}"
    if kind.is_timestamp() or kind.is_date():
        if kind.is_date():
            reading.notes.append(NO_TIME.format(name))
        return None
    named = named_form(reading.dates, reading.caller) if reading.dates is not None else None
    if kind.is_string():
        first = con.execute(cells.name("cell").as_table().filter(lambda t: is_there(t.cell)).limit(LOOKED_AT))
        if not len(first):
            fact = f"{where} is empty."
            raise reading.fault(fact, "give timestamps there, or days since enrolment as `day`.")
        if first["cell"].str.fullmatch(DAY_IN_TEXT).all():
            reading.notes.append(NO_TIME.format(name))
        return recognised_form(first["cell"].tolist(), reading.caller, where, named)
    if kind.is_numeric():
        if named is not None and not named.is_text:
            return named
        ends = con.execute(
            cells.name("cell").as_table().aggregate(low=lambda t: t.cell.min(), high=lambda t: t.cell.max())
        )
        low, high = ends["low"].item(), ends["high"].item()
        if pd.isna(low):
            raise reading.fault(
                f"{where} is empty.", "give timestamps there, or days since enrolment as `day`."
            )
        return recognised_number(float(low), float(high), reading.caller, where)
    raise reading.fault(f"{where} holds {kind}, not points in time.", "give timestamps or ISO 8601 texts.")


def _is_day_alone(cells: Any, form: ClockForm | None, value: Any, con: Any) -> Any:
    """Whether each cell is a day without a time; of stamps of an engine, where the first are all midnight."""
    kind = cells.type()
    if kind.is_date():
        return is_there(cells)
    if form is not None and form.is_text:
        return cells.re_search(f"^{DAY_IN_TEXT}$").fill_null(False)
    if form is not None:
        if form.name != EXCEL:
            return ibis.literal(False)
        number = cells.try_cast("float64") if kind.is_string() else cells
        return (number == number.floor()).fill_null(False)
    if getattr(kind, "timezone", None) is not None:
        return ibis.literal(False)
    midnight = value % MICROSECONDS_PER_DAY == 0
    first = con.execute(midnight.name("cell").as_table().filter(lambda t: is_there(t.cell)).limit(LOOKED_AT))
    return midnight.fill_null(False) if len(first) and bool(first["cell"].all()) else ibis.literal(False)


def _micros_of(stamp: Any, con: Any) -> Any:
    stamp = stamp.cast("timestamp('UTC')")
    if con.name == "duckdb":
        return _epoch_us(stamp)
    if con.name == "pyspark":
        return _unix_micros(stamp)
    return stamp.epoch_seconds() * 1_000_000 + stamp.microsecond()


def _clock(cells: Any, form: ClockForm | None, con: Any) -> Any:
    """Microseconds since 1970 in UTC; null where the cell cannot be read."""
    if form is None:
        return _micros_of(cells, con)
    if not form.is_text:
        return _sane(_of_number(cells, form))
    text = cells.strip()
    rewriting = form.rewriting()
    half = None
    if rewriting is not None:
        half = text.upper().right(2)
        text = text.re_replace("(?i) ?[ap]m$", "")
        pattern, replacement = rewriting
        fits = text.re_search(pattern)
        text = text.re_replace(
            pattern, replacement.replace("\\", "$") if con.name == "pyspark" else replacement
        )
        text = ibis.cases((fits, text.replace(", ", " ")), else_=ibis.null("string"))
    dated = (text.substr(4, 1) == "-").fill_null(False)
    text = ibis.cases((dated, text), else_=ibis.null("string"))
    value = _micros_of(text.try_cast("timestamp('UTC')"), con)
    if half is not None:
        hour = (value // 3_600_000_000) % 24
        late, early = (half == "PM") & (hour < 12), (half == "AM") & (hour == 12)
        value = ibis.cases((late, value + HALF_DAY), (early, value - HALF_DAY), else_=value)
    return _sane(value)


def _of_number(cells: Any, form: ClockForm) -> Any:
    if cells.type().is_integer() and form.name in ("us", "ns"):
        return cells.cast("int64") if form.name == "us" else _thousandth(cells.cast("int64"))
    number = cells.try_cast("float64") if cells.type().is_string() else cells.cast("float64")
    if form.name == EXCEL:
        return ((number * 86_400_000.0).round() * 1000.0).cast("int64") + EXCEL_ZERO
    return (number * MICROSECONDS[form.name]).round().cast("int64")


def _thousandth(nanos: Any) -> Any:
    """Whole microseconds of nanoseconds: engines divide as decimals, which hold too few digits."""
    seconds = nanos // 1_000_000_000
    return seconds * 1_000_000 + (nanos - seconds * 1_000_000_000) // 1000


def _sane(value: Any) -> Any:
    return ibis.cases(((value >= EARLIEST) & (value < LATEST), value), else_=ibis.null("int64"))


def _number(table: Any, name: str, con: Any, reading: LogReading) -> tuple[Any, Any]:
    """Column of numbers, in minutes where it is the duration, and which cells are none (None: cannot be)."""
    column = table[name]
    kind = column.type()
    in_hours = name == "duration" and reading.durations == HOURS
    worth = MINUTES[reading.durations or "min"] if name == "duration" and not in_hours else 1.0
    if kind.is_numeric() and not in_hours:
        value = column.cast("float64")
        if kind.is_floating():
            value = ibis.cases((value.isnan() | value.isinf(), ibis.null("float64")), else_=value)
        return (value if worth == 1.0 else value * worth), None
    if not kind.is_string():
        fact = f"{reading.source}: column {name!r} holds {kind}, not numbers."
        raise reading.fault(fact, "give numbers there.")
    cells = _text(column).strip()
    if in_hours:
        parts = [cells.re_extract(r"^([0-9]+):([0-5]?[0-9]):([0-5]?[0-9](\.[0-9]+)?)$", k) for k in (1, 2, 3)]
        hours, minutes, seconds = (part.nullif("").try_cast("float64") for part in parts)
        value = hours * 60.0 + minutes + seconds / 60.0
    else:
        _look_at_numbers(cells, name, con, reading)
        plain = cells
        if reading.thousands is not None:
            marked = cells.re_search(THOUSANDS[reading.thousands])
            odd = marked & ~cells.re_search(grouped_number(reading.decimal, reading.thousands))
            bare = cells.re_replace(THOUSANDS[reading.thousands], "")
            plain = ibis.cases((odd, ibis.null("string")), else_=bare)
        if reading.decimal == ",":
            plain = ibis.cases((plain.contains("."), ibis.null("string")), else_=plain.replace(",", "."))
        value = plain.try_cast("float64") * worth
        odd = value.isnan() | value.isinf()
        value = ibis.cases((odd, ibis.null("float64")), else_=value)
    return value, (is_there(cells) & is_absent(value)).fill_null(False)


def _look_at_numbers(cells: Any, name: str, con: Any, reading: LogReading) -> None:
    """Refuse at once what the first cells show to be no plain numbers."""
    column = con.execute(cells.name("cell").as_table().limit(LOOKED_AT))["cell"]
    place = Place(
        caller=reading.caller, source=reading.source, lines=column.index.to_numpy() + 1, unit="event"
    )
    hint = f"say so with {reading.option('durations', HOURS)}."
    hours = (lambda: hint) if name == "duration" else None
    amounts(column, name, place, reading.decimal, thousands=reading.thousands, ask_hours=hours)


def _identity(table: Any, reading: LogReading) -> dict[str, Any]:
    """What tells one event from another beside its time, kind and duration."""
    name = reading.event_id or "event_id"
    if reading.event_id is not None and name not in table.columns:
        fact = f"{reading.source} has no column {name!r} that names its events."
        raise reading.fault(fact, "name a column of the log.")
    columns: dict[str, Any] = {}
    if name in table.columns:
        columns["event_id"] = _text(table[name])
    others = [
        table[other].cast("string").fill_null("")
        for other in table.columns
        if other not in OWN and other != name and _is_plain(table[other].type())
    ]
    if others:
        columns["content"] = ibis.literal("\x1f").join(others).hash()
    return columns


def _is_plain(kind: Any) -> bool:
    return bool(kind.is_string() or kind.is_numeric() or kind.is_boolean() or kind.is_temporal())
