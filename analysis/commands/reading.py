"""Tables beside the answers, read for the command line: usage, outcomes, covariates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.commands.reading_options import said_of
from instrument.errors import ResponseDataError, columns_there, fact_and_hint, name_offenders
from instrument.reading.clock import option_of
from instrument.reading.people import id_text
from instrument.reading.side_columns import Place, amounts, check_marks, in_hours, points_in_time
from instrument.reading.side_variables import variable
from instrument.reading.text import read_delimited, separator_in

READERS = {".csv": ",", ".tsv": "\t", ".parquet": None}
OWN_TEXTS = ("participant", "wave", "app", "version", "rater", "principle", "evidence", "kind")
STAMPS = ("enrolled", "withdrawn", "observed_until")
OF_STORE = {"enrolled_on": "enrolled", "withdrawn_on": "withdrawn"}
"""Names that imports and exports of a study give to days of enrolment and withdrawal."""
SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
HOURS = "h:mm:ss"
LONG_SECONDS = 7_200.0
"""Half of the people do not sit over a questionnaire for two hours: such times are hardly seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideReading:
    """How tables beside the answers are to be understood where their cells do not say it.

    Attributes
    ----------
    dates : str, optional
        How dates are written where they are not ISO 8601, such as `D.M.Y`.
    decimal : str
        Decimal mark.
    thousands : str, optional
        Mark between groups of three digits: `,`, `.`, `'` or `space`.
    percent : bool
        Whether percent signs are taken off: 45 % is 45.
    delimiter : str, optional
        Between fields; None: a comma, or a tab in `.tsv`.
    na : tuple of str
        Texts besides the empty cell that mean a missing value.
    times_in : str, optional
        Unit of the column `seconds`: `ms`, `s`, `min`, `h` or `h:mm:ss`; None: seconds, refused where that is
        implausible.
    command : str
        Named in messages.
    """

    dates: str | None = None
    decimal: str = "."
    thousands: str | None = None
    percent: bool = False
    delimiter: str | None = None
    na: tuple[str, ...] = ("NA",)
    times_in: str | None = None
    command: str = "dta validate"

    def of(self, what: str) -> SideReading:
        """The same for one table, where an option says something else of it."""
        return replace(
            self,
            dates=said_of(self.dates, what),
            decimal=said_of(self.decimal, what) or ".",
            thousands=said_of(self.thousands, what),
            delimiter=said_of(self.delimiter, what),
        )


def read_side_table(
    path: Path, what: str, needed: tuple[str, ...] = ("participant",), how: SideReading | None = None
) -> pd.DataFrame:
    """Read a table of one row per participant or per event; every cell is read or refused.

    Parameters
    ----------
    path
        CSV, TSV or Parquet.
    what
        Named in messages: `enrolment`, `outcomes`, `covariates`, `times`, `audit`.
    needed
        Columns without which it cannot be used.
    how
        Decimal mark, form of dates and so on.

    Returns
    -------
    pandas.DataFrame
        Participants as text, dates as timestamps, numbers as numbers; `attrs["checksum"]` is the file's
        SHA-256, `attrs["notes"]` says what is suspected.

    Raises
    ------
    ResponseDataError
        The file is absent, empty, not readable, lacks a column, or holds a cell that cannot be read; with
        line and column, never with what stands there.
    """
    how = (how or SideReading()).of(what)
    check_marks(how.decimal, how.thousands, how.command)
    if not path.is_file():
        raise _fault(what, f"there is no file {str(path)!r}.", "check the path.")
    if path.suffix.lower() not in READERS:
        raise _fault(what, f"{path.name}: {path.suffix!r} is not read.", "give .csv, .tsv or .parquet.")
    raw, place = _parse(path, what, how)
    if what == "enrolment":
        alike = {given: name for given, name in OF_STORE.items() if name not in raw.columns}
        raw = raw.rename(columns=alike)
    if absent := [name for name in needed if name not in raw.columns]:
        fact = f"{path.name}: columns are absent: {name_offenders(absent)}; {columns_there(raw)}."
        raise _fault(what, fact, _rename_or_split(raw, how))
    if raw.empty:
        raise _fault(what, f"{path.name} has no rows.", "check the file.")
    if doubled := sorted({str(name) for name in raw.columns if list(raw.columns).count(name) > 1}):
        raise _fault(what, f"{path.name}: columns are there twice: {name_offenders(doubled)}.", "drop one.")
    notes: list[str] = []
    columns = {str(name): _column(raw[name], str(name), what, place, how, notes) for name in raw.columns}
    frame = pd.DataFrame(columns)
    frame.attrs = {"checksum": hashlib.sha256(path.read_bytes()).hexdigest(), "notes": notes}
    return frame


def _rename_or_split(raw: pd.DataFrame, how: SideReading) -> str:
    header = str(raw.columns[0])
    mark = next((m for m in ";\t|" if len(raw.columns) == 1 and m in header), None)
    if mark is None:
        return "rename the columns; check the delimiter."
    return f"say what separates its fields with {option_of(how.command, 'delimiter', mark)}."


def _column(
    column: pd.Series, name: str, what: str, place: Place, how: SideReading, notes: list[str]
) -> pd.Series:
    """Read one column by what its name says it holds."""
    if name in OWN_TEXTS:
        return _ids(column, name, place)
    if (what == "enrolment" and name in STAMPS) or (what == "times" and name == "at"):
        stamps, aware = points_in_time(column, name, place, how.dates)
        return stamps.dt.tz_localize("UTC") if aware else stamps
    if what == "enrolment" and name == "withdrawn_day":
        days = amounts(column, name, place, how.decimal, how.na, thousands=how.thousands)
        if (early := days < 0).any():
            hint = "leave it empty for those who stayed; days count from enrolment."
            raise place.fault(name, early, "lie before enrolment", hint)
        return pd.Series(days)
    if what == "times" and name == "seconds":
        return pd.Series(_seconds(column, name, place, how))
    marks: dict[str, Any] = {"thousands": how.thousands, "percent": how.percent}
    return variable(column, name, place, how.decimal, how.na, notes, **marks)


def _ids(column: pd.Series, name: str, place: Place) -> pd.Series:
    texts = [id_text(cell) for cell in column]
    absent = np.array([text is None for text in texts], dtype=bool)
    if name == "participant" and absent.any():
        raise place.fault(name, absent, "hold no id", "name everyone, or delete the row.")
    return pd.Series(texts, dtype="str")


def _seconds(column: pd.Series, name: str, place: Place, how: SideReading) -> np.ndarray:
    """Read how long administrations took, in seconds."""
    if how.times_in == HOURS:
        return in_hours(column, name, place)
    if how.times_in is not None and how.times_in not in SECONDS:
        fact = f"{how.times_in!r} is no unit of times."
        raise ResponseDataError(
            fact_and_hint(how.command, fact, f"give one of {', '.join((*SECONDS, HOURS))}.")
        )
    hint = f"say so with {option_of(how.command, 'times_in', HOURS)}."
    found = amounts(column, name, place, how.decimal, how.na, thousands=how.thousands, ask_hours=lambda: hint)
    if (negative := found < 0).any():
        raise place.fault(name, negative, "lie below 0", "leave a time that is not known empty.")
    known = found[~np.isnan(found)]
    if how.times_in is None and len(known) and float(np.median(known)) > LONG_SECONDS:
        fact = f"{place.column(name)}: half of the {len(known)} times would be longer than two hours."
        units = " or ".join(option_of(how.command, "times_in", unit) for unit in ("ms", "s"))
        raise ResponseDataError(fact_and_hint(how.command, fact, f"say what they are with {units}."))
    return found * SECONDS[how.times_in or "s"]


def read_usage(path: Path, how: SideReading | None = None) -> pd.DataFrame:
    """Read usage events whose use cannot be summarised for want of a study; cells stay as they are.

    Parameters
    ----------
    path
        CSV, TSV or Parquet.
    how
        How it is split.

    Returns
    -------
    pandas.DataFrame
        One row per event.

    Raises
    ------
    ResponseDataError
        A column is absent, or the file cannot be read.
    """
    how = (how or SideReading()).of("usage")
    if not path.is_file():
        raise _fault("usage", f"there is no file {str(path)!r}.", "check the path.")
    if path.suffix.lower() not in READERS:
        raise _fault("usage", f"{path.name}: {path.suffix!r} is not read.", "give .csv, .tsv or .parquet.")
    frame, _ = _parse(path, "usage", how)
    absent = [name for name in ("participant", "kind") if name not in frame.columns]
    if absent:
        fact = f"{path.name}: columns are absent: {name_offenders(absent)}; {columns_there(frame)}."
        raise _fault("usage", fact, _rename_or_split(frame, how))
    if not {"day", "at"} & set(frame.columns):
        fact = f"{path.name} has neither a column 'day' nor 'at'."
        raise _fault("usage", fact, "give days since enrolment as 'day', or timestamps as 'at'.")
    frame.attrs["checksum"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return frame


def read_audit(path: Path) -> pd.DataFrame:
    """Read the ratings of an app's features by two raters, and check them whole.

    Parameters
    ----------
    path
        CSV, TSV or Parquet: app, version, rater, principle, rating, evidence.

    Returns
    -------
    pandas.DataFrame
        One row per rating.

    Raises
    ------
    ResponseDataError
        A column is absent, a principle or rating is unknown, or there are not two raters per app.
    """
    from analysis.audit.ratings import NEEDED, paired_ratings
    from instrument.loading import load

    frame = read_side_table(path, "audit", NEEDED)
    paired_ratings(frame, load("psd_audit"), "dta --audit")
    return frame


def _parse(path: Path, what: str, how: SideReading) -> tuple[pd.DataFrame, Place]:
    """Cells as they stand, text for text files, and where each row is found again."""
    try:
        if path.suffix.lower() == ".parquet":
            read = pd.read_parquet(path).reset_index(drop=True)
            return read, Place(caller=f"dta --{what}", source=path.name, lines=np.arange(1, len(read) + 1))
        usual = READERS[path.suffix.lower()]
        mark = separator_in(path, how.delimiter, usual or ",")
        raw = read_delimited(path, path.read_bytes(), f"dta --{what}", delimiter=mark)
    except (OSError, ValueError) as error:
        kind = type(error).__name__
        raise _fault(what, f"{path.name} cannot be read ({kind}).", "check the file.") from None
    names = [name.strip() for name in raw.columns]
    read = (
        pd.concat([pd.Series(cells, dtype="str") for cells in raw.cells], axis=1) if names else pd.DataFrame()
    )
    read.columns = pd.Index(names)
    place = Place(caller=f"dta --{what}", source=path.name, lines=raw.lines, unit="line")
    return read, place


def one_row_each(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """Refuse a table that names a participant twice.

    Parameters
    ----------
    frame
        Table with a column `participant`.
    what
        Named in messages.

    Returns
    -------
    pandas.DataFrame
        The same table.

    Raises
    ------
    ResponseDataError
        Somebody stands there more than once.
    """
    doubled = frame.loc[frame["participant"].duplicated(), "participant"].unique()
    if len(doubled):
        fact = f"{len(doubled)} participant(s) have more than one row: {name_offenders(doubled)}."
        raise _fault(what, fact, "keep one row per participant.")
    return frame


def _fault(what: str, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(f"dta --{what}", fact, hint))
