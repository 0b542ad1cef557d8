"""Moments of use as days without the time of day: pauses within a day stay, so sessions can be counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from instrument.store.instants import utc
from instrument.store.windows import PersonDays

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Use:
    """One event: whose, when it began, and how many minutes it took, where known."""

    person: int
    at: datetime
    minutes: float | None


def days_of_use(
    events: Sequence[Use], days: Mapping[int, PersonDays], session_gap_minutes: float
) -> list[float]:
    """Give the day of each event since the person's day 0, counted by midnights in UTC.

    The first event of a day stands at its beginning and the others as long after it as they were, so that a
    table says how long pauses were, and not at what time of day anyone used the app. Where a session goes
    past midnight, or else two sessions would look like one, the times of that day are left as they were.

    Parameters
    ----------
    events
        In order of the person and the moment.
    days
        Day 0 of each person.
    session_gap_minutes
        Pause that ends a session.

    Returns
    -------
    list of float
        Days, to six decimals (a tenth of a second); not a number where day 0 is not known.

    Notes
    -----
    Two events are in one session here if and only if they were, and the whole number of days is that of the
    calendar.
    """
    found: list[float] = []
    for person, of_person in groupby(events, key=lambda event: event.person):
        found += _of_one(
            [(utc(event.at), event.minutes) for event in of_person], days[person], session_gap_minutes
        )
    return found


Moment = tuple[datetime, timedelta]


def _of_one(
    events: list[tuple[datetime, float | None]], days: PersonDays, session_gap_minutes: float
) -> list[float]:
    pause = timedelta(minutes=session_gap_minutes)
    by_day: list[tuple[date, list[Moment]]] = [
        (day, [(at, timedelta(minutes=minutes or 0.0)) for at, minutes in of_day])
        for day, of_day in groupby(events, key=lambda event: event[0].date())
    ]
    found: list[float] = []
    end: datetime | None = None
    shown_end: datetime | None = None
    for place, (day, of_day) in enumerate(by_day):
        midnight = datetime.combine(day, datetime.min.time(), tzinfo=of_day[0][0].tzinfo)
        follows = by_day[place + 1][1][0][0] if place + 1 < len(by_day) else None
        goes_on = follows is not None and follows - max(at + lasted for at, lasted in of_day) <= pause
        true, end = _opening(of_day, end, pause)
        shift = timedelta(0) if goes_on else of_day[0][0] - midnight
        before = shown_end
        shown, shown_end = _opening([(at - shift, lasted) for at, lasted in of_day], before, pause)
        if shown != true:  # an end of an earlier day would fall between other events than it did
            shift = timedelta(0)
            _, shown_end = _opening(of_day, before, pause)
        number = days.day(day)
        for at, _ in of_day:
            into = (at - midnight - shift) / DAY
            found.append(float("nan") if number is None else round(number + min(into, 0.999999), 6))
    return found


def _opening(
    of_day: Sequence[Moment], end: datetime | None, pause: timedelta
) -> tuple[list[bool], datetime | None]:
    """Which events open a session, and the latest end after them."""
    opens = []
    for at, lasted in of_day:
        opens.append(end is None or at - end > pause)
        end = at + lasted if end is None else max(end, at + lasted)
    return opens, end
