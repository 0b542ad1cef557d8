"""Days of a study: where each person's day 0 lies, and when a wave is open for whom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select

from instrument.messaging.prompts import Between
from instrument.store.definitions import waves_of
from instrument.store.instants import utc
from instrument.store.tables import administration, participant, study_version, usage_event
from instrument.study import DayZero

UNDATED = ("import", "paper")
"""Modes whose moment of storing says nothing about the day of the answers."""
EVENT = "event "


@dataclass(frozen=True, slots=True)
class Rules:
    """What a study file says about days.

    Attributes
    ----------
    zero
        What a person's day 0 is.
    after
        Wave to the wave it follows (or to `event ` and a kind of event), and the first and last day after the
        person's own answers there.
    formal
        Waves at which only forms are asked, not the scale.
    hours, zone
        Hours of prompts, by wave, and the clock they are read on.
    """

    zero: DayZero
    after: Mapping[str, tuple[str, int, int]]
    formal: frozenset[str] = frozenset()
    hours: Mapping[str, Between] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @property
    def events(self) -> set[str]:
        """Kinds of events that waves follow."""
        return {first.removeprefix(EVENT) for first, _, _ in self.after.values() if first.startswith(EVENT)}


@dataclass(frozen=True, slots=True)
class Window:
    """First and last day of a wave for one person."""

    opens: date
    closes: date

    def holds(self, day: date) -> bool:
        """Whether a day lies in the window; both ends belong to it."""
        return self.opens <= day <= self.closes


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDays:
    """Day 0 of a person, and the day of each wave's answers.

    Attributes
    ----------
    zero
        None before the person's first use or answer, where the study counts from that.
    given
        Waves with a live attempt; the day is None where answers came from paper or an import without it.
    events
        Day of the first event of each kind that a wave follows.
    """

    zero: date | None
    given: Mapping[str, date | None]
    events: Mapping[str, date] = field(default_factory=dict)

    def day(self, moment: date | None) -> int | None:
        """Days from day 0 to a date in UTC; None where one of the two is not known."""
        return None if moment is None or self.zero is None else (moment - self.zero).days

    def window(self, rules: Rules, wave: str, opens: int, closes: int) -> Window | None:
        """Window of a wave.

        Parameters
        ----------
        rules
            Of the study.
        wave, opens, closes
            Name of the wave, and its days counted from day 0.

        Returns
        -------
        Window or None
            None where it cannot be told yet: day 0, or the answers it counts from, are not there.
        """
        if wave not in rules.after:
            if self.zero is None:
                return None
            return Window(self.zero + timedelta(days=opens), self.zero + timedelta(days=closes))
        first, low, high = rules.after[wave]
        if first.startswith(EVENT):
            return self._after_event(self.events.get(first.removeprefix(EVENT)), (low, high), (opens, closes))
        start = self.given.get(first)
        if start is None:
            return None
        return Window(start + timedelta(days=low), start + timedelta(days=high))

    def _after_event(
        self, start: date | None, days: tuple[int, int], within: tuple[int, int]
    ) -> Window | None:
        """Days after an event, as far as they lie in the wave's days of the study; None where none does."""
        if start is None or self.zero is None:
            return None
        opens = max(start + timedelta(days=days[0]), self.zero + timedelta(days=within[0]))
        closes = min(start + timedelta(days=days[1]), self.zero + timedelta(days=within[1]))
        return Window(opens, closes) if opens <= closes else None


@lru_cache(maxsize=32)
def rules_of(definition: str) -> Rules:
    """Rules of a stored definition; one that was never checked counts from enrolment.

    Parameters
    ----------
    definition
        JSON as `create_study` kept it.

    Returns
    -------
    Rules
        The same object for the same text.
    """
    said = json.loads(definition or "{}")
    said = said if isinstance(said, dict) else {}
    after = {}
    for wave in said.get("waves", []):
        if follows := wave.get("after"):
            low, high = follows["days"]
            kind = follows.get("event")
            first = str(follows["wave"]) if kind is None else f"{EVENT}{kind}"
            after[str(wave["id"])] = (first, int(low), int(high))
    formal = frozenset(str(wave["id"]) for wave in said.get("waves", []) if not wave.get("scale", True))
    hours = {
        str(wave["id"]): Between.model_validate(wave["between"])
        for wave in said.get("waves", [])
        if wave.get("between")
    }
    zero, zone = DayZero(said.get("day_zero", DayZero.ENROLMENT)), ZoneInfo(said.get("zone", "UTC"))
    return Rules(zero=zero, after=after, formal=formal, hours=hours, zone=zone)


Windows = Mapping[int, tuple[Rules, Mapping[str, tuple[int, int]]]]
"""By version of a study: its rules, and the first and last day of each wave."""


def windows_by_version(connection: Connection, study_row: Any) -> Windows:
    """Give the windows of each version of a study; answers are judged by the one they were given under.

    Parameters
    ----------
    connection
        An open connection.
    study_row
        Row of the study: id and definition.

    Returns
    -------
    dict
        By number of the version, the present one the last.
    """
    present = {str(row.name): (row.opens_day, row.closes_day) for row in _waves(connection, study_row)}
    query = select(study_version.c.number, study_version.c.definition)
    kept = connection.execute(
        query.where(study_version.c.study_id == study_row.id).order_by(study_version.c.number)
    )
    found = {}
    for number, definition in kept:
        said = json.loads(definition or "{}")
        waves = said.get("waves", []) if isinstance(said, dict) else []
        days = {str(wave["id"]): (int(wave["opens"]), int(wave["closes"])) for wave in waves}
        found[int(number)] = (rules_of(definition), {**present, **days})
    newest = max(found, default=1)
    return {**found, newest: (rules_of(study_row.definition), present)}


def _waves(connection: Connection, study_row: Any) -> list[Any]:
    return _listed(waves_of(connection, int(study_row.id)))


def day_given(attempt: Any, rules: Rules | None = None, wave: str = "") -> date | None:
    """Day in UTC on which the answers of an attempt were given; of a prompt, the day of the study's clock.

    Parameters
    ----------
    attempt
        Row with `completed_on`, `mode` and `started_at`.
    rules, wave
        Of the study, and name of the wave; needed where it may be a prompt.

    Returns
    -------
    datetime.date or None
        The date given with the answers; on pages and in apps else the day they came in; None for paper and
        imports without a date.
    """
    if attempt.completed_on is not None:
        found: date = attempt.completed_on
        return found
    if attempt.mode in UNDATED:
        return None
    moment = utc(attempt.started_at)
    return (moment.astimezone(rules.zone) if rules is not None and wave in rules.hours else moment).date()


def days_of_people(
    connection: Connection,
    study_row: Any,
    numbers: Iterable[int] | None = None,
    *,
    waves: Iterable[Any] | None = None,
) -> dict[int, PersonDays]:
    """Day 0 and the days of the answers of several people.

    Parameters
    ----------
    connection
        An open connection.
    study_row
        Row of the study: id and definition.
    numbers
        Numbers of the people; everyone of the study by default.
    waves
        Rows of the study's waves, where they are at hand.

    Returns
    -------
    dict of PersonDays
        By number of the person.
    """
    rules = rules_of(study_row.definition)
    wanted = None if numbers is None else sorted(set(numbers))
    people: list[Any] = _rows(
        connection,
        select(participant.c.id, participant.c.enrolled_at).where(participant.c.study_id == study_row.id),
        participant.c.id,
        wanted,
    )
    every = _listed(waves_of(connection, int(study_row.id)) if waves is None else waves)
    names = {int(row.id): str(row.name) for row in every}
    attempts = select(
        administration.c.participant_id,
        administration.c.wave_id,
        administration.c.mode,
        administration.c.started_at,
        administration.c.completed_on,
    ).where(administration.c.status != "void", administration.c.wave_id.in_(names))
    given: dict[int, dict[str, date | None]] = {int(row.id): {} for row in people}
    for row in _rows(connection, attempts, administration.c.participant_id, wanted):
        given[row.participant_id][names[row.wave_id]] = day_given(row, rules, names[row.wave_id])
    events = events_of(connection, study_row.id, rules, wanted)
    used: dict[int, datetime] = {}
    if rules.zero is DayZero.FIRST_USE:
        first = (
            select(usage_event.c.participant_id, func.min(usage_event.c.at).label("at"))
            .where(usage_event.c.study_id == study_row.id)
            .group_by(usage_event.c.participant_id)
        )
        used = {
            row.participant_id: row.at
            for row in _rows(connection, first, usage_event.c.participant_id, wanted)
        }
    return {
        int(row.id): PersonDays(
            zero=day_zero(rules, row.enrolled_at, used.get(row.id), given[row.id]),
            given=given[row.id],
            events=events.get(row.id, {}),
        )
        for row in people
    }


def events_of(
    connection: Connection, study_id: int, rules: Rules, numbers: Iterable[int] | None = None
) -> dict[int, dict[str, date]]:
    """Day of the first event of each kind that a wave follows.

    Parameters
    ----------
    connection
        An open connection.
    study_id, rules
        Of the study.
    numbers
        Numbers of the people; everyone of the study by default.

    Returns
    -------
    dict of dict
        By number of the person and kind; who had none is left out.
    """
    found: dict[int, dict[str, date]] = {}
    if not rules.events:
        return found
    first = (
        select(usage_event.c.participant_id, usage_event.c.kind, func.min(usage_event.c.at).label("at"))
        .where(usage_event.c.study_id == study_id, usage_event.c.kind.in_(sorted(rules.events)))
        .group_by(usage_event.c.participant_id, usage_event.c.kind)
    )
    wanted = None if numbers is None else sorted(set(numbers))
    for row in _rows(connection, first, usage_event.c.participant_id, wanted):
        found.setdefault(row.participant_id, {})[str(row.kind)] = utc(row.at).date()
    return found


def first_use_of(connection: Connection, participant_id: int) -> datetime | None:
    """Moment of a person's first usage event.

    Parameters
    ----------
    connection
        An open connection.
    participant_id
        Number of the person.

    Returns
    -------
    datetime.datetime or None
        None before it.
    """
    query = select(usage_event.c.at).where(usage_event.c.participant_id == participant_id)
    return connection.execute(query.order_by(usage_event.c.at).limit(1)).scalar_one_or_none()


def day_zero(
    rules: Rules, enrolled_at: datetime, first_use: datetime | None, given: Mapping[str, date | None]
) -> date | None:
    """Day 0 of a person.

    Parameters
    ----------
    rules
        Of the study.
    enrolled_at, first_use
        When the person was enrolled and first used the app.
    given
        Days of the person's answers, by wave.

    Returns
    -------
    datetime.date or None
        None before the first use or answer.
    """
    if rules.zero is DayZero.ENROLMENT:
        return utc(enrolled_at).date()
    if rules.zero is DayZero.FIRST_USE:
        return None if first_use is None else utc(first_use).date()
    return min((day for day in given.values() if day is not None), default=None)


def in_window(days: PersonDays, rules: Rules, wave: str, opens: int, closes: int) -> str | None:
    """Whether a person's answers at a wave were given inside its window.

    Parameters
    ----------
    days, rules
        Of the person and the study.
    wave, opens, closes
        Name of the wave, and its days counted from day 0.

    Returns
    -------
    str or None
        `yes` or `no`; None where day or window are not known: what cannot be told is not held against
        answers.
    """
    day, window = days.given.get(wave), days.window(rules, wave, opens, closes)
    if day is None or window is None:
        return None
    return "yes" if window.holds(day) else "no"


def today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


def _listed(rows: Iterable[Any]) -> list[Any]:
    return list(rows)


def _rows(connection: Connection, query: Any, column: Any, wanted: list[int] | None) -> list[Row[Any]]:
    """Rows of a query, for everyone or for the people wanted, five hundred at a time."""
    if wanted is None:
        return list(connection.execute(query))
    found: list[Row[Any]] = []
    for start in range(0, len(wanted), 500):
        found += connection.execute(query.where(column.in_(wanted[start : start + 500])))
    return found
