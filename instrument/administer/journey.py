"""Where a person stands: which wave is open, which page comes next, what the form said."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection

from instrument.administer.layout import lay_out
from instrument.definition import Instrument
from instrument.store.answers import Answer, attempts_of, start_administration
from instrument.store.definitions import (
    instrument_of,
    instrument_written_as,
    item_numbers,
    study_of_version,
    study_written_as,
)
from instrument.store.windows import PersonDays, day_given, day_zero, events_of, first_use_of, rules_of
from instrument.store.windows import today as present_day
from instrument.study import DayZero, Study


@dataclass(frozen=True, slots=True)
class Occasion:
    """The wave a person may answer now, or when the next one opens.

    Attributes
    ----------
    wave_id
        Number of the open wave, None when none is open.
    administration
        Number of the attempt, None before its start.
    next_opens
        First day of the next wave when none is open.
    version_id, study_version
        Numbers of the versions of instrument and study of the attempt, None before its start.
    wave
        Name of the open wave.
    next_at
        Clock at which the next prompt opens; empty where it is no prompt.
    until
        Moment at which the open wave closes for the person, None when none is open.
    """

    wave_id: int | None
    administration: int | None = None
    next_opens: date | None = None
    version_id: int | None = None
    study_version: int | None = None
    wave: str = ""
    next_at: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What every page of a person needs.

    Attributes
    ----------
    person
        Row of the participant.
    study
        Definition of the study.
    scale
        Its instrument.
    version_id
        Number of the instrument version.
    """

    person: Any
    study: Study
    scale: Instrument
    version_id: int


def must_consent_again(here: Circumstances) -> bool:
    """Whether a person agreed to another version of the text than the present one.

    Parameters
    ----------
    here
        The person.

    Returns
    -------
    bool
        False also before the first choice, and after a no.
    """
    present = here.study.consent
    agreed = bool(here.person.consent_granted)
    return agreed and present is not None and here.person.consent_version != present.version


def in_words_of(connection: Connection, here: Circumstances, occasion: Occasion) -> Circumstances:
    """Give the circumstances with the wording and the forms in which a questionnaire was begun.

    Parameters
    ----------
    connection
        An open connection.
    here
        The person.
    occasion
        The questionnaire.

    Returns
    -------
    Circumstances
        The same where the study was not amended since.
    """
    begun_in = occasion.study_version
    if begun_in is not None and begun_in != here.person.study_version:
        forms = study_of_version(connection, here.person.study_id, begun_in).forms
        here = replace(here, study=here.study.model_copy(update={"forms": forms}))
    version_id = occasion.version_id
    if version_id is None or version_id == here.version_id:
        return here
    return replace(here, scale=instrument_of(connection, version_id), version_id=version_id)


def circumstances_of(person: Any) -> Circumstances:
    """Study and instrument of a person.

    Parameters
    ----------
    person
        Row of the participant with the definitions of study and instrument.

    Returns
    -------
    Circumstances
        What pages need.
    """
    scale = instrument_written_as(person.instrument_definition)
    study = study_written_as(person.study_definition)
    return Circumstances(person, study, scale, int(person.instrument_version_id))


def occasion_of(
    connection: Connection, person: Any, today: date | None = None, moment: datetime | None = None
) -> Occasion:
    """Find what a person may answer now and has not completed: a prompt first, as it will be over soon.

    Parameters
    ----------
    connection
        An open connection.
    person
        Row of the participant, with the definition of the study.
    today, moment
        Day in UTC, and moment for prompts, to judge by; the present ones by default.

    Returns
    -------
    Occasion
        The wave, or when to come again.
    """
    found, upcoming = _occasions(connection, person, today, moment)
    if found:
        hours = rules_of(person.study_definition).hours
        return min(found, key=lambda one: one.wave not in hours)
    return Occasion(None) if upcoming is None else Occasion(None, next_opens=upcoming[0], next_at=upcoming[1])


def open_attempts(connection: Connection, person: Any, made: list[Any] | None = None) -> dict[int, Occasion]:
    """Attempts that a person may go on with now.

    Parameters
    ----------
    connection
        An open connection.
    person
        Row of the participant, with the definition of the study.

    Returns
    -------
    dict of Occasion
        By number of the attempt.
    """
    found, _ = _occasions(connection, person, None, None, made)
    return {one.administration: one for one in found if one.administration is not None}


def _occasions(
    connection: Connection,
    person: Any,
    today: date | None,
    moment: datetime | None,
    made: list[Any] | None = None,
) -> tuple[list[Occasion], tuple[date, str] | None]:
    """Open waves in their order, and day and clock (empty for a whole day) of the next one that opens."""
    now, rules = today or present_day(), rules_of(person.study_definition)
    local = (moment or datetime.now(UTC)).astimezone(rules.zone)
    rows = attempts_of(connection, person.study_id, person.id) if made is None else made
    given = {row.name: day_given(row, rules, row.name) for row in rows if row.administration_id is not None}
    used = first_use_of(connection, person.id) if rules.zero is DayZero.FIRST_USE else None
    zero = day_zero(rules, person.enrolled_at, used, given)
    begins = zero is None and rules.zero is DayZero.FIRST_ANSWER  # the first answer, today, makes day 0
    events = events_of(connection, person.study_id, rules, [person.id]).get(person.id, {})
    days = PersonDays(zero=now if begins else zero, given=given, events=events)
    found: list[Occasion] = []
    upcoming: list[tuple[date, str]] = []
    for row in rows:
        window = days.window(rules, row.name, row.opens_day, row.closes_day)
        if window is None or row.status == "completed":
            continue
        hours, day = rules.hours.get(row.name), None
        if hours is None:
            is_open, later = window.holds(now), window.opens > now
        else:
            begun = row.administration_id is not None
            day = hours.day(local, begun=begun)
            is_open = day is not None and window.holds(day)
            to_come = f"{local:%H:%M}" < hours.start
            later = window.opens > local.date() or (window.opens == local.date() and to_come)
        if is_open:
            midnight = datetime.combine(window.closes + timedelta(days=1), time(), UTC)
            found.append(
                Occasion(
                    row.wave_id,
                    row.administration_id,
                    version_id=row.instrument_version_id,
                    study_version=row.study_version,
                    wave=row.name,
                    until=midnight if hours is None or day is None else hours.ends(day, rules.zone),
                )
            )
        elif later and not begins:
            upcoming.append((window.opens, "" if hours is None else hours.start))
    return found, min(upcoming, default=None)


def attempts_made(connection: Connection, person: Any) -> list[Any]:
    """Attempts of a person at any wave of the study, whether open, completed or past their days.

    Parameters
    ----------
    connection
        An open connection.
    person
        Row of the participant.

    Returns
    -------
    list of sqlalchemy.Row
        As `attempts_of`, without the waves that were not begun.
    """
    rows: list[Any] = attempts_of(connection, person.study_id, person.id)
    return [row for row in rows if row.administration_id is not None]


def begin(connection: Connection, here: Circumstances, occasion: Occasion, language: str) -> int:
    """Start the attempt of an open wave with an order of its own.

    Parameters
    ----------
    connection
        An open transaction.
    here, occasion
        Who, and at which wave.
    language
        Language the person reads in.

    Returns
    -------
    int
        Number of the administration.
    """
    if occasion.wave_id is None:
        raise ValueError("no wave is open")
    seed = secrets.randbelow(2**31)
    asked = here.study.asks_scale(occasion.wave)
    numbers = item_numbers(connection, here.version_id) if asked else {}
    return start_administration(
        connection,
        here.person.id,
        occasion.wave_id,
        here.version_id,
        lay_out(here.scale, numbers, here.study.item_order, seed) if asked else [],
        lang=language,
        order_seed=seed,
        study_version=int(here.person.study_version),
        shows_first=not here.study.forms_at(occasion.wave, "before"),
    )


def field_of(item_id: str) -> str:
    """Name of the form field of an item.

    Parameters
    ----------
    item_id
        Id of the item.

    Returns
    -------
    str
        Such as `item-a1`.
    """
    return f"item-{item_id}"


def read_form(
    scale: Instrument, shown: Mapping[str, int], form: Mapping[str, Any]
) -> tuple[dict[int, Answer], list[str]]:
    """Read the answers of a page from its form.

    Parameters
    ----------
    scale
        The instrument.
    shown
        Id and number of the items on the page.
    form
        What was posted; fields of other items are ignored.

    Returns
    -------
    tuple
        Item number to answer, for each item with a choice; then ids of items whose choice does not exist.
    """
    answers, wrong = {}, []
    for item_id, number in shown.items():
        given = form.get(field_of(item_id))
        if given is None or given == "":
            continue
        choices = scale.scale_of(item_id)
        outside = {str(option.code): option.reason for option in choices.outside}
        if given in outside:
            answers[number] = Answer(outside[given])
        elif given in {str(code) for code in choices.codes}:
            answers[number] = Answer("answered", int(given))
        else:
            wrong.append(item_id)
    return answers, wrong


def chosen_code(scale: Instrument, item_id: str, state: str, value: int | None) -> int | None:
    """Code to show as chosen for a stored answer.

    Parameters
    ----------
    scale
        The instrument.
    item_id, state, value
        Stored answer.

    Returns
    -------
    int or None
        None when nothing was chosen.
    """
    if state == "answered":
        return value
    outside = scale.scale_of(item_id).outside
    return next((option.code for option in outside if option.reason == state), None)
