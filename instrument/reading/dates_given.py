"""Dates that come with answers: when they were given, and when their person was enrolled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders

COMPLETED_ON, ENROLLED_ON = "completed_on", "enrolled_on"
DATED = (COMPLETED_ON, ENROLLED_ON)
"""Columns that an import may carry beside the answers."""
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def date_written(given: Any) -> date | None:
    """Date of a cell or a text; None where it holds none.

    Parameters
    ----------
    given
        A date, a moment, or text such as `2026-03-31`.

    Returns
    -------
    datetime.date or None
        A moment with an offset gives its day in UTC; one without gives the day as it stands.

    Examples
    --------
    >>> date_written("2026-03-31"), date_written("31.03.2026")
    (datetime.date(2026, 3, 31), None)
    >>> date_written("2026-03-31T23:30:00-08:00")
    datetime.date(2026, 4, 1)
    """
    if isinstance(given, datetime):
        return given.date() if given.tzinfo is None else given.astimezone(UTC).date()
    if isinstance(given, date):
        return given
    text = str(given).strip()
    if _ISO.match(text) is None:
        return None
    try:
        if _ISO.fullmatch(text):
            return date.fromisoformat(text)
        return date_written(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def dates_given(answers: pd.DataFrame, column: str, caller: str) -> list[date | None]:
    """Date of each row of a table of answers.

    Parameters
    ----------
    answers : pandas.DataFrame
        Wide response table.
    column
        Name of the column; without it no row has a date.
    caller
        Named in messages.

    Returns
    -------
    list of datetime.date or None
        One for each row; None where the cell is empty.

    Raises
    ------
    ResponseDataError
        A cell holds no date, or one that lies in the future.
    """
    if column not in answers.columns:
        return [None] * len(answers)
    cells = [None if pd.isna(cell) or str(cell).strip() == "" else cell for cell in answers[column]]
    found = [None if cell is None else date_written(cell) for cell in cells]
    unread = sum(cell is not None and day is None for cell, day in zip(cells, found, strict=True))
    if unread:
        fact = f"column {column!r} holds no date in {unread} of {len(cells)} rows."
        raise ResponseDataError(fact_and_hint(caller, fact, "write dates as 2026-03-31."))
    latest = datetime.now(UTC).date() + timedelta(days=1)  # east of Greenwich the day begins earlier
    if late := sum(day is not None and day > latest for day in found):
        fact = f"column {column!r} lies in the future in {late} of {len(cells)} rows."
        raise ResponseDataError(fact_and_hint(caller, fact, "check day, month and year."))
    return found


def with_days(frame: pd.DataFrame, days: Sequence[date | None], caller: str, source: str) -> pd.DataFrame:
    """Put the day of the answers beside them, where the file of another program says it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Checked response table.
    days
        One for each row; None where the file does not say.
    caller, source
        Public function and part of the file that messages name.

    Returns
    -------
    pandas.DataFrame
        With a column `completed_on` where a row has a day, and a note of how many have none; else as it was.

    Raises
    ------
    ResponseDataError
        A day lies in the future.
    """
    if all(day is None for day in days):
        return frame
    kept = dict(frame.attrs)
    made = frame.copy()
    made[COMPLETED_ON] = [None if day is None else day.isoformat() for day in days]
    notes = list(kept.get("notes", []))
    if without := sum(day is None for day in days):
        notes.append(f"{without} of {len(days)} rows without a day in {source}: left empty")
    made.attrs = {**kept, "notes": notes}
    dates_given(made, COMPLETED_ON, caller)
    return made


def with_enrolment(frame: pd.DataFrame, enrolled: pd.DataFrame, caller: str) -> pd.DataFrame:
    """Put days of enrolment, which another file says, beside answers.

    Parameters
    ----------
    frame : pandas.DataFrame
        Checked response table.
    enrolled : pandas.DataFrame
        Columns `participant` and `enrolled_on`, one row for each person; people without answers are passed
        over.
    caller
        Public function named in messages.

    Returns
    -------
    pandas.DataFrame
        With a column `enrolled_on`.

    Raises
    ------
    ResponseDataError
        A column lacks, a date is none, or a person has two; or the answers have such a column already.
    """
    absent = [name for name in ("participant", ENROLLED_ON) if name not in enrolled.columns]
    if absent or ENROLLED_ON in frame.columns:
        fact = f"the file of enrolment lacks {name_offenders(absent)}."
        if not absent:
            fact = f"column {ENROLLED_ON!r} is in the answers already."
        raise ResponseDataError(fact_and_hint(caller, fact, "give participant and enrolled_on once."))
    known = enrolment_days(enrolled, caller)
    kept = dict(frame.attrs)
    made = frame.copy()
    days = [known.get(str(name)) for name in frame["participant"]]
    made[ENROLLED_ON] = [None if day is None else day.isoformat() for day in days]
    made.attrs = kept
    return made


def enrolment_days(answers: pd.DataFrame, caller: str) -> dict[str, date]:
    """Day of enrolment of each person of a table.

    Parameters
    ----------
    answers : pandas.DataFrame
        Wide response table with `participant` and, where given, `enrolled_on`.
    caller
        Named in messages.

    Returns
    -------
    dict of datetime.date
        People without a date are left out.

    Raises
    ------
    ResponseDataError
        As `dates_given`, or a person has two days of enrolment.
    """
    found: dict[str, date] = {}
    twice = []
    days = dates_given(answers, ENROLLED_ON, caller)
    for name, day in zip(answers["participant"].astype(str), days, strict=True):
        if day is not None and found.setdefault(name, day) != day:
            twice.append(name)
    if twice:
        named = name_offenders(list(dict.fromkeys(twice)))
        fact = f"{len(set(twice))} people have more than one day of enrolment: {named}."
        raise ResponseDataError(fact_and_hint(caller, fact, "write one enrolled_on for each person."))
    return found
