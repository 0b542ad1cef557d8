"""What programs send: usage events in batches and whole sets of answers, each counted once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from instrument.errors import fact_and_hint, name_offenders
from instrument.responses import missing_reasons
from instrument.store.answers import (
    Answer,
    Placement,
    complete_administration,
    live_administration,
    save_answers,
    start_administration,
)
from instrument.store.audit import record
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.people import invite
from instrument.store.tables import STATES, administration, participant, study, usage_event
from instrument.store.tokens import Keyring, new_token


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One act of use, as an app reports it.

    Attributes
    ----------
    source_id
        The app's own id of the event; a second event of the same id is the same event.
    participant
        Pseudonym.
    kind
        What was done, such as `session`.
    at
        When, with time zone.
    duration
        Minutes, when known.
    """

    source_id: str
    participant: str
    kind: str
    at: datetime
    duration: float | None = None


def new_interface_key(connection: Connection, keyring: Keyring, study_name: str) -> str:
    """Make the key with which programs speak for a study; an earlier one ends.

    Parameters
    ----------
    connection
        An open transaction.
    keyring
        Keys of the hashes.
    study_name
        Id of the study.

    Returns
    -------
    str
        The key, shown once; the store keeps its hash.
    """
    row: Any = find_study(connection, study_name)
    key = new_token()
    connection.execute(update(study).where(study.c.id == row.id).values(interface_key=keyring.hash(key)))
    record(connection, "study.interface_key", study_name)
    return key


def study_of_key(connection: Connection, keyring: Keyring, key: str) -> Any:
    """Study that an interface key belongs to.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys of the hashes.
    key
        As sent.

    Returns
    -------
    sqlalchemy.Row or None
        None for an unknown key.
    """
    query = select(study).where(study.c.interface_key.in_(keyring.candidates(key[:128])))
    return connection.execute(query).first()


def people_of(connection: Connection, study_id: int, pseudonyms: Iterable[str]) -> dict[str, int]:
    """Numbers of the people of a study, by pseudonym.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.
    pseudonyms
        Whom to look for; unknown ones are left out.

    Returns
    -------
    dict of int
        Pseudonym to number.
    """
    wanted = list(dict.fromkeys(pseudonyms))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        query = select(participant.c.pseudonym, participant.c.id).where(
            participant.c.study_id == study_id, participant.c.pseudonym.in_(wanted[start : start + 500])
        )
        found |= {row.pseudonym: int(row.id) for row in connection.execute(query)}
    return found


def keep_events(
    connection: Connection, study_id: int, source: str, events: list[UsageEvent], people: Mapping[str, int]
) -> int:
    """Store a batch of events whose people are known; those already there are passed over.

    Parameters
    ----------
    connection
        An open transaction.
    study_id, source
        Study and the program that reports.
    events
        The batch.
    people
        Pseudonym to number.

    Returns
    -------
    int
        How many were new.
    """
    ids = [event.source_id for event in events]
    known: set[str] = set()
    for start in range(0, len(ids), 500):
        query = select(usage_event.c.source_id).where(
            usage_event.c.study_id == study_id,
            usage_event.c.source == source,
            usage_event.c.source_id.in_(ids[start : start + 500]),
        )
        known |= set(connection.execute(query).scalars())
    fresh = {event.source_id: event for event in events if event.source_id not in known}
    if fresh:
        connection.execute(
            insert(usage_event),
            [
                {
                    "study_id": study_id,
                    "participant_id": people[event.participant],
                    "source": source,
                    "source_id": event.source_id,
                    "kind": event.kind,
                    "at": event.at,
                    "duration": event.duration,
                }
                for event in fresh.values()
            ],
        )
        record(connection, "events.keep", f"study {study_id}", len(fresh))
    return len(fresh)


def keep_response_set(
    connection: Connection,
    study_row: Any,
    participant_id: int,
    wave_name: str,
    caller_id: str,
    answers: Mapping[str, Answer],
    *,
    lang: str,
    mode: str = "app",
) -> str:
    """Store a whole set of answers as a finished administration, once per caller's id.

    Parameters
    ----------
    connection
        An open transaction.
    study_row
        Row of the study.
    participant_id, wave_name
        Whose answers, at which wave.
    caller_id
        The sender's id of this set.
    answers
        Item id to answer; items left out count as not seen.
    lang, mode
        Kept with the administration.

    Returns
    -------
    str
        `created`, `known` when this very set is there already, or `conflict` when the wave holds another.
    """
    submit_key = hashlib.sha256(f"{study_row.id}:{caller_id}".encode()).hexdigest()
    same = select(administration.c.id).where(administration.c.submit_key == submit_key)
    if connection.execute(same).first() is not None:
        return "known"
    waves = {row.name: row.id for row in _rows(waves_of(connection, study_row.id))}
    wave_id = waves[wave_name]
    if live_administration(connection, participant_id, wave_id) is not None:
        return "conflict"
    version = int(study_row.instrument_version_id)
    numbers = item_numbers(connection, version)
    layout = [Placement(number, place, 1) for place, number in enumerate(numbers.values(), start=1)]
    made = start_administration(
        connection,
        participant_id,
        wave_id,
        version,
        layout,
        lang=lang,
        order_seed=secrets.randbelow(2**31),
        mode=mode,
    )
    save_answers(connection, made, {numbers[item]: answer for item, answer in answers.items()})
    complete_administration(connection, made, submit_key)
    return "created"


def _rows(rows: Iterable[Any]) -> list[Any]:
    return list(rows)


def keep_table(
    connection: Connection,
    study_row: Any,
    answers: pd.DataFrame,
    keyring: Keyring,
    *,
    mode: str,
    lang: str,
    enrol: bool = False,
) -> tuple[int, int]:
    """Store a checked response table, every row or none.

    Parameters
    ----------
    connection
        An open transaction.
    study_row
        Row of the study.
    answers
        As `read_responses` gives it.
    keyring
        Keys of the hashes, for people who are added.
    mode, lang
        Kept with each administration.
    enrol
        Add people the study does not know.

    Returns
    -------
    tuple of int
        Administrations kept, and those that were there already.

    Raises
    ------
    StoreError
        Unknown waves or people, or other answers are there already; nothing is kept.
    """
    waves = {str(row.name) for row in _rows(waves_of(connection, study_row.id))}
    if unknown := sorted({str(wave) for wave in answers["wave"]} - waves):
        fact = f"{len(unknown)} waves are not in the study: {name_offenders(unknown)}."
        raise StoreError(fact_and_hint("import", fact, f"its waves are {name_offenders(sorted(waves))}."))
    names = [str(name) for name in answers["participant"]]
    people = people_of(connection, study_row.id, names)
    absent = [name for name in dict.fromkeys(names) if name not in people]
    if absent and not enrol:
        fact = f"{len(absent)} people are not in the study: {name_offenders(absent)}."
        raise StoreError(fact_and_hint("import", fact, "add --enrol to add them, or check the pseudonyms."))
    if absent:
        invite(connection, study_row.id, keyring, absent)
        people |= people_of(connection, study_row.id, absent)
    outcomes = {"created": 0, "known": 0}
    conflicts = []
    for name, wave, given in _answer_sets(answers):
        caller_id = hashlib.sha256(repr((name, wave, sorted(given.items()))).encode()).hexdigest()
        done = keep_response_set(
            connection, study_row, people[name], wave, caller_id, given, lang=lang, mode=mode
        )
        if done == "conflict":
            conflicts.append(f"{name} at {wave}")
        else:
            outcomes[done] += 1
    if conflicts:
        named = name_offenders(conflicts)
        fact = f"{len(conflicts)} administrations are in the store with other answers: {named}."
        raise StoreError(fact_and_hint("import", fact, "take these rows out; nothing was imported."))
    return outcomes["created"], outcomes["known"]


def _answer_sets(answers: pd.DataFrame) -> Iterator[tuple[str, str, dict[str, Answer]]]:
    reasons = missing_reasons(answers).astype(str)
    keys = zip(reasons["participant"], reasons["wave"], reasons["item"], strict=True)
    why = dict(zip(keys, reasons["reason"], strict=True))
    items = [name for name in answers.columns if name not in ("participant", "wave")]
    for row in answers.to_dict("records"):
        name, wave = str(row["participant"]), str(row["wave"])
        given = {}
        for item in items:
            if pd.notna(row[item]):
                given[str(item)] = Answer("answered", int(row[item]))
            else:
                state = why.get((name, wave, str(item)), "skipped")
                given[str(item)] = Answer(state if state in STATES else "skipped")
        yield name, wave, given
