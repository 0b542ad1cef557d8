"""Tables of answers that a team imports or keys from paper: every row or none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import pandas as pd
from sqlalchemy import Connection, update

from instrument.errors import fact_and_hint, name_offenders
from instrument.reading.dates_given import COMPLETED_ON, DATED, dates_given, enrolment_days
from instrument.reading.read_responses import missing_reasons
from instrument.standing import COMPLETED, STATUS, status_of
from instrument.store.answers import (
    Answer,
    complete_administration,
    live_administration,
    save_answers,
)
from instrument.store.audit import record
from instrument.store.connect import StoreError
from instrument.store.definitions import item_numbers, waves_of
from instrument.store.instants import utc
from instrument.store.intake import (
    create_attempt,
    enrolled_at,
    holds_answers,
    outside_window_of,
    people_of,
)
from instrument.store.people import hold_people, invite, without_consent
from instrument.store.tables import STATES, administration, participant
from instrument.store.tokens import Keyring
from instrument.store.windows import day_given, rules_of
from instrument.study import DayZero

KEYED_MODES = ("import", "paper")
"""Administrations that a team enters; what it left open a later import may carry on."""


class KeyedSet(Protocol):
    """What every set that a team enters says: whose, at which wave, and on which day."""

    @property
    def participant(self) -> str:
        """Pseudonym."""

    @property
    def wave(self) -> str:
        """Name of the wave."""

    @property
    def completed_on(self) -> date | None:
        """Day of the answers, where it is known."""


KeepOne = Callable[[Connection, Any, tuple[int, int], Any, str, str], str]
"""Connection, row of the study, person and wave by number, the set, language, mode."""


def keep_table(
    connection: Connection,
    study_row: Any,
    answers: pd.DataFrame,
    keyring: Keyring,
    *,
    mode: str,
    lang: str,
    enrol: bool = False,
    readmit: bool = False,
    outside_window: bool = False,
) -> tuple[int, int]:
    """Store a checked response table, every row or none.

    Parameters
    ----------
    connection
        An open transaction.
    study_row
        Row of the study.
    answers
        As `read_responses` gives it; an administration that its column `status` calls open stays open.
        Columns `completed_on` and `enrolled_on` say on which day answers were given and their person was
        enrolled.
    keyring
        Keys of the hashes, for people who are added.
    mode, lang
        Kept with each administration.
    enrol, readmit
        Add people the study does not know, and among them those who were erased and asked to come back.
    outside_window
        Keep answers that were given outside the window of their wave; exports mark them.

    Returns
    -------
    tuple of int
        Administrations kept (new, or open ones of an earlier import carried on), and those that were there
        already: person, wave, answers, status and day.

    Raises
    ------
    StoreError
        Unknown waves or people, people who were erased or do not consent, answers from outside their window,
        or other answers, another day or another enrolment are there already, or people are added with
        dated answers and no day of enrolment in a study that counts from it; nothing is kept.
    ResponseDataError
        A date cannot be read, lies in the future, or a person has two days of enrolment.
    """
    given = list(answer_sets(answers))
    enrolled_on = enrolment_days(answers, "import")
    if formal := sorted({str(wave) for wave in answers["wave"]} & rules_of(study_row.definition).formal):
        fact = f"{len(formal)} waves do not ask the scale: {name_offenders(formal)}."
        raise StoreError(fact_and_hint("import", fact, "check the column wave."))
    return keep_sets(
        connection,
        study_row,
        given,
        enrolled_on,
        keyring,
        _keep_one,
        mode=mode,
        lang=lang,
        enrol=enrol,
        readmit=readmit,
        outside_window=outside_window,
    )


def keep_sets(
    connection: Connection,
    study_row: Any,
    given: Sequence[KeyedSet],
    enrolled_on: Mapping[str, date],
    keyring: Keyring,
    keep_one: KeepOne,
    *,
    mode: str,
    lang: str,
    enrol: bool = False,
    readmit: bool = False,
    outside_window: bool = False,
) -> tuple[int, int]:
    """Store sets that a team enters, of the scale or of a form, every one or none.

    Parameters
    ----------
    connection, study_row, keyring
        As for `keep_table`.
    given
        The sets.
    enrolled_on
        Day of enrolment by pseudonym, where it is given.
    keep_one
        Keeps one set of a person at a wave: `kept`, `known` or `conflict`.
    mode, lang, enrol, readmit, outside_window
        As for `keep_table`.

    Returns
    -------
    tuple of int
        Sets kept, and those that were there already.

    Raises
    ------
    StoreError
        As for `keep_table`.
    """
    waves = {str(row.name) for row in _waves(connection, study_row)}
    if unknown := sorted({one.wave for one in given} - waves):
        fact = f"{len(unknown)} waves are not in the study: {name_offenders(unknown)}."
        raise StoreError(fact_and_hint("import", fact, f"its waves are {name_offenders(sorted(waves))}."))
    names = [one.participant for one in given]
    people = people_of(connection, study_row.id, names)
    absent = [name for name in dict.fromkeys(names) if name not in people]
    if absent and not enrol:
        fact = f"{len(absent)} people are not in the study: {name_offenders(absent)}."
        raise StoreError(fact_and_hint("import", fact, "add --enrol to add them, or check the pseudonyms."))
    held = hold_people(connection, people.values())
    if gone := [name for name, number in people.items() if number not in held]:
        fact = f"{len(gone)} people were erased at this moment: {name_offenders(gone)}."
        raise StoreError(fact_and_hint("import", fact, "take their rows out; nothing was imported."))
    if absent:
        _refuse_unknown_day_zero(study_row, absent, given, enrolled_on)
        invite(connection, study_row.id, keyring, absent, readmit=readmit)
        people |= people_of(connection, study_row.id, absent)
        _enrol_on(connection, {people[name]: enrolled_on[name] for name in absent if name in enrolled_on})
    _refuse_other_enrolment(connection, people, enrolled_on)
    wave_ids = {str(row.name): int(row.id) for row in _waves(connection, study_row)}
    barred = without_consent(connection, people.values())
    kept, conflicts, refused = 0, [], []
    stored: list[tuple[int, str]] = []
    for one in given:
        place = (people[one.participant], wave_ids[one.wave])
        done = keep_one(connection, study_row, place, one, lang, mode)
        kept += done == "kept"
        if done == "kept":
            stored.append((people[one.participant], one.wave))
        if done == "kept" and people[one.participant] in barred:
            refused.append(one.participant)
        if done == "conflict":
            conflicts.append(f"{one.participant} at {one.wave}")
    if refused:
        named = name_offenders(list(dict.fromkeys(refused)))
        fact = f"{len(set(refused))} people do not consent, or took consent back: {named}."
        raise StoreError(fact_and_hint("import", fact, "take their rows out; nothing was imported."))
    if conflicts:
        named = name_offenders(conflicts)
        fact = (
            f"{len(conflicts)} administrations are in the store with other answers or another day: {named}."
        )
        raise StoreError(fact_and_hint("import", fact, "take these rows out; nothing was imported."))
    if not outside_window and (outside := outside_window_of(connection, study_row, stored)):
        names_of = {number: name for name, number in people.items()}
        named = name_offenders([f"{names_of[number]} at {wave}" for number, wave in outside])
        fact = f"{len(outside)} administrations were given outside the window of their wave: {named}."
        hint = "mend completed_on, or add --outside-window to keep them marked; nothing was imported."
        raise StoreError(fact_and_hint("import", fact, hint))
    return kept, len(given) - kept


def _waves(connection: Connection, study_row: Any) -> list[Any]:
    return list(waves_of(connection, study_row.id))


def _enrol_on(connection: Connection, days: Mapping[int, date]) -> None:
    """Give people who were just added the day on which they were enrolled."""
    for number, day in days.items():
        at = datetime.combine(day, time(), tzinfo=UTC)
        connection.execute(update(participant).where(participant.c.id == number).values(enrolled_at=at))


def _refuse_unknown_day_zero(
    study_row: Any, added: Sequence[str], given: Sequence[KeyedSet], enrolled_on: Mapping[str, date]
) -> None:
    """Refuse dated answers of people whose day 0 would be the day of the import."""
    if rules_of(study_row.definition).zero is not DayZero.ENROLMENT:
        return
    dated = {one.participant for one in given if one.completed_on is not None}
    undated = [name for name in added if name in dated and name not in enrolled_on]
    if undated:
        fact = (
            f"{len(undated)} people are added with dated answers and no day of enrolment, "
            f"so their days would count from today: {name_offenders(undated)}."
        )
        hint = "add a column enrolled_on, or --enrolment FILE; nothing was imported."
        raise StoreError(fact_and_hint("import", fact, hint))


def _refuse_other_enrolment(
    connection: Connection, people: Mapping[str, int], enrolled_on: Mapping[str, date]
) -> None:
    known = enrolled_at(connection, [people[name] for name in enrolled_on])
    others = [name for name, day in enrolled_on.items() if utc(known[people[name]]).date() != day]
    if others:
        fact = (
            f"{len(others)} people are in the store with another day of enrolment: {name_offenders(others)}."
        )
        hint = "leave enrolled_on out for people whom the study knows; nothing was imported."
        raise StoreError(fact_and_hint("import", fact, hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSet:
    """One row of a table of answers.

    Attributes
    ----------
    participant, wave
        Whose, at which wave.
    answers
        Item id to answer.
    finished
        Whether the questionnaire was.
    completed_on
        Day of the answers, where it is known.
    """

    participant: str
    wave: str
    answers: Mapping[str, Answer]
    finished: bool
    completed_on: date | None


def _keep_one(
    connection: Connection,
    study_row: Any,
    place: tuple[int, int],
    one: GivenSet,
    lang: str,
    mode: str,
) -> str:
    """Keep a row: `kept`, `known` when the store holds all of it, or `conflict` when it holds something else.

    What an earlier import left open is carried on by a later one that takes no answer back; a day that an
    earlier import did not know may come later.
    """
    live: Any = live_administration(connection, *place)
    if live is None:
        key = secrets.token_hex(32) if one.finished else None
        create_attempt(
            connection,
            study_row,
            *place,
            one.answers,
            lang=lang,
            mode=mode,
            key=key,
            completed_on=one.completed_on,
        )
        return "kept"
    stored_day, all_the_same = day_given(live), (live.status == "completed") == one.finished
    all_the_same = all_the_same and holds_answers(connection, int(live.id), one.answers)
    if all_the_same and one.completed_on in (None, stored_day):
        return "known"
    keyed = live.mode in KEYED_MODES
    if all_the_same and keyed and (stored_day is None or not one.finished):
        date_attempt(connection, int(live.id), one.completed_on)
        return "kept"
    if live.status != "open" or not keyed:
        return "conflict"
    numbers = item_numbers(connection, int(live.instrument_version_id))
    save_answers(connection, int(live.id), {numbers[name]: value for name, value in one.answers.items()})
    if not holds_answers(connection, int(live.id), one.answers):
        return "conflict"
    if one.completed_on is not None:
        date_attempt(connection, int(live.id), one.completed_on)
    if one.finished:
        complete_administration(connection, int(live.id), secrets.token_hex(32))
    return "kept"


def date_attempt(connection: Connection, attempt: int, day: date | None) -> None:
    """Say on which day answers were given that were stored before.

    Parameters
    ----------
    connection, attempt, day
        An open transaction, number of the attempt, and the day.
    """
    connection.execute(update(administration).where(administration.c.id == attempt).values(completed_on=day))
    record(connection, "administration.date", f"administration {attempt}")


def answer_sets(answers: pd.DataFrame) -> Iterator[GivenSet]:
    """Give each row of a table of answers as a set.

    Parameters
    ----------
    answers : pandas.DataFrame
        As `read_responses` gives it, perhaps with `status` and the columns of dates.

    Yields
    ------
    GivenSet
        In the order of the table.
    """
    reasons = missing_reasons(answers).astype(str)
    keys = zip(reasons["participant"], reasons["wave"], reasons["item"], strict=True)
    why = dict(zip(keys, reasons["reason"], strict=True))
    items = [name for name in answers.columns if name not in ("participant", "wave", STATUS, *DATED)]
    dates = dates_given(answers, COMPLETED_ON, "import")
    finished = (status_of(answers, "import") == COMPLETED).tolist()
    for row, done, day in zip(answers.to_dict("records"), finished, dates, strict=True):
        name, wave = str(row["participant"]), str(row["wave"])
        blank = Answer("skipped" if done else "not_seen")
        given = {}
        for item in items:
            if pd.notna(row[item]):
                given[str(item)] = Answer("answered", int(row[item]))
            else:
                state = why.get((name, wave, str(item)))
                given[str(item)] = Answer(state) if state in STATES else blank
        yield GivenSet(participant=name, wave=wave, answers=given, finished=done, completed_on=day)
