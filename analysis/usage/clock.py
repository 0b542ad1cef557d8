"""Days of a study: calendar days by its clock, whatever time of day a date comes with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.usage.reading import MICROSECONDS_PER_DAY, LogReading
from instrument.reading.side_columns import Place, points_in_time

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)

Shifts = tuple[tuple[int, int], ...]
"""From which microsecond in UTC on a clock is ahead of UTC, and by how many microseconds."""
UTC_SHIFTS: Shifts = ((0, 0),)


def shifts_of(zone: str, first: int, last: int) -> Shifts:
    """Say how far the clock of a zone is ahead of UTC, and when that changes.

    Parameters
    ----------
    zone
        Name of the zone, such as `Europe/Berlin`.
    first, last
        Microseconds since 1970 in UTC between which changes matter.

    Returns
    -------
    tuple of pairs
        Microsecond in UTC and shift; the first shift holds for everything before it too.

    Examples
    --------
    >>> spring = 1_774_742_400_000_000  # 2026-03-29
    >>> [(at - spring, shift) for at, shift in shifts_of("Europe/Berlin", spring, spring + 86_400_000_000)]
    [(0, 3600000000), (3600000000, 7200000000)]
    """
    clock = ZoneInfo(zone)

    def ahead(moment: datetime) -> timedelta:
        return moment.astimezone(clock).utcoffset() or timedelta()

    start, end = (_ZERO + timedelta(microseconds=int(at)) for at in (first, last))
    days = [start]
    while days[-1] < end:
        days.append(days[-1] + _DAY)
    found = [(int(first), ahead(start))]
    for low, high in pairwise(days):
        if ahead(low) == ahead(high):
            continue
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) // 2
            low, high = (middle, high) if ahead(middle) == ahead(low) else (low, middle)
        found.append(
            ((high - _ZERO) // timedelta(seconds=1) * 1_000_000, ahead(high))
        )  # clocks change on a second
    return tuple((at, round(shift.total_seconds()) * 1_000_000) for at, shift in found)


def on_clock(micros: Any, shifts: Shifts) -> Any:
    """Put microseconds in UTC on a clock.

    Parameters
    ----------
    micros
        Column of an engine.
    shifts
        From `shifts_of`.

    Returns
    -------
    ibis column
        Microseconds that the clock showed, as if it stood in UTC.
    """
    if all(shift == 0 for _, shift in shifts):
        return micros
    later = [(micros >= at, micros + shift) for at, shift in reversed(shifts[1:])]
    earliest = micros + shifts[0][1]
    return ibis.cases(*later, else_=earliest) if later else earliest


def moments_by_clock(
    column: pd.Series, name: str, place: Place, zone: str, reading: LogReading
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Read a column of days or moments as what the clock of a study showed.

    Parameters
    ----------
    column : Series of shape (n,)
        Dates, moments with or without an offset (those without are taken as UTC), or numbers of them.
    name, place
        Where it stands.
    zone
        Clock of the study.
    reading
        Form of the dates; what is said of times of day is appended to its notes.

    Returns
    -------
    tuple of arrays, shape (n,)
        Microseconds on that clock; which cells are days without a time of day; which are empty. A date is the
        start of that day on the clock. Midnight is a date.
    """
    micros, is_day, empty, aware = on_its_clock(column, name, place, zone, reading.dates)
    if (~empty & ~is_day).any():
        taken = "with their offset" if aware else "taken as UTC, for they have no offset"
        clock = "UTC" if zone == "UTC" else f"the clock of {zone}"
        reading.notes.append(f"{name!r} holds times of day ({taken}), put on {clock}: {MEANT[name]}")
    return micros, is_day, empty


def on_its_clock(
    column: pd.Series, name: str, place: Place, zone: str, dates: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_], bool]:
    """Read a column of days or moments as what a clock showed, without a word about it.

    Parameters
    ----------
    column, name, place, zone
        As of `moments_by_clock`.
    dates
        How dates are written.

    Returns
    -------
    tuple
        What `moments_by_clock` gives, and whether the column carries offsets from UTC.
    """
    stamps, aware = points_in_time(column, name, place, dates)
    empty = stamps.isna().to_numpy(dtype=bool)
    micros = stamps.to_numpy(dtype="datetime64[us]").astype(np.int64)
    micros = np.where(empty, 0, micros)
    is_day = ~empty & (micros % MICROSECONDS_PER_DAY == 0) & (not aware)
    timed = ~empty & ~is_day
    if timed.any() and zone != "UTC":
        shifts = shifts_of(zone, int(micros[timed].min()), int(micros[timed].max()))
        starts, ahead = (np.array(part, dtype=np.int64) for part in zip(*shifts, strict=True))
        which = np.maximum(np.searchsorted(starts, micros, side="right") - 1, 0)
        micros = np.where(timed, micros + ahead[which], micros)
    if aware:
        is_day = ~empty & (micros % MICROSECONDS_PER_DAY == 0)
    return micros, is_day, empty, aware


MEANT = {
    "enrolled": "day 0 is the whole calendar day of enrolment, and what was used on it before that time is "
    "set aside as before enrolment",
    "withdrawn": "use until that time counts; of a date without a time nothing of that day does",
    "observed_until": "people were watched until that time; a date without a time counts to its end",
}
"""What a time of day changes, by column."""
