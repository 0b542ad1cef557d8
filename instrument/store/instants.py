"""Moments in the store: one type, always UTC, the same on every database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator

from instrument.errors import ToolkitError, fact_and_hint


class InstantError(ToolkitError, ValueError):
    """A moment without a time zone, or one that no calendar in UTC holds."""


class Instant(TypeDecorator[datetime]):
    """A moment in UTC.

    PostgreSQL keeps offsets itself; SQLite would drop them without a word, so that +14:00 and −08:00 of one
    moment became three days. Both are given UTC and give back UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Moment as the database is given it."""
        return None if value is None else utc(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Moment as the database gives it; what SQLite kept without a zone is UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def utc(moment: datetime) -> datetime:
    """Give a moment in UTC.

    Parameters
    ----------
    moment
        With its time zone.

    Returns
    -------
    datetime.datetime
        The same moment in UTC.

    Raises
    ------
    InstantError
        It has no time zone, or lies outside the years 1 to 9999 in UTC.

    Examples
    --------
    >>> utc(datetime.fromisoformat("2026-03-01T07:30:00+14:00")).isoformat()
    '2026-02-28T17:30:00+00:00'
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        fact = "a moment has no time zone."
        raise InstantError(fact_and_hint("utc", fact, "write it with its offset, such as Z or +01:00."))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        fact = "a moment lies outside the calendar."
        raise InstantError(fact_and_hint("utc", fact, "check its year.")) from None


def days_between(start: datetime, moment: datetime) -> int:
    """Count the midnights in UTC from one moment to another.

    Parameters
    ----------
    start, moment
        With their time zones.

    Returns
    -------
    int
        0 on the same day in UTC, negative before it.

    Examples
    --------
    >>> night = datetime.fromisoformat("2024-02-28T23:30:00-08:00")
    >>> days_between(datetime.fromisoformat("2024-02-28T12:00:00Z"), night)
    1
    """
    return (utc(moment).date() - utc(start).date()).days
