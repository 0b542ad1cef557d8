"""What programs send: usage events in batches and whole sets of answers, each counted once."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from instrument.errors import fact_and_hint
from instrument.store.answers import (
    Answer,
    Placement,
    answers_of,
    complete_administration,
    live_administration,
    save_answers,
    start_administration,
)
from instrument.store.audit import record
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.instants import InstantError, days_between, utc
from instrument.store.people import hold_people, without_consent
from instrument.store.tables import administration, participant, study, usage_event
from instrument.store.tokens import Keyring, new_token
from instrument.store.windows import days_of_people, in_window, rules_of

FAR_DAYS = 3_653
"""Ten years: a moment further from the days of a person's study comes from a clock that was never set."""
NOT_IN_STUDY = "is not in the study"
OUTSIDE = "the wave is not open for this person on the day of these answers"
NO_SCALE = "this wave does not ask the scale"
NO_CONSENT = "this person does not consent, or took consent back"


class RefusedError(StoreError):
    """What a program sent is not kept: each fault with its path.

    Attributes
    ----------
    faults
        Path into what was sent, and what is wrong there.
    clash
        Whether it clashes with what the store holds (HTTP 409), or is wrong in itself (422).
    """

    def __init__(self, faults: Sequence[tuple[str, str]], *, clash: bool) -> None:
        listed = "\n".join(f"  {path}: {message}" for path, message in faults[:5])
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        fact = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}; nothing was kept.\n{listed}{more}"
        super().__init__(fact_and_hint("intake", fact, "mend what is sent."))
        self.faults = list(faults)
        self.clash = clash


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

    An event is there already when its id, person, kind, moment and duration all are; the same id with
    anything else is another event, and nothing of the batch is kept.

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

    Raises
    ------
    RefusedError
        A person was erased meanwhile, an id was used for another event, a new event is of a person without
        consent, or a moment has no time zone or lies more than ten years from the days of its person's study.
    """
    held = hold_people(connection, people.values())
    if gone := [k for k, event in enumerate(events) if people[event.participant] not in held]:
        raise RefusedError([(f"events[{k}].participant", NOT_IN_STUDY) for k in gone], clash=False)
    stamped = _stamped(connection, study_id, events, people)
    known = _known_events(connection, study_id, source, [event.source_id for event in events])
    fresh: dict[str, dict[str, Any]] = {}
    barred = without_consent(connection, people.values())
    faults = []
    for place, row in enumerate(stamped):
        name = str(row["source_id"])
        before = known.get(name) or fresh.get(name)
        if before is None and row["participant_id"] in barred:
            faults.append((f"events[{place}].participant", NO_CONSENT))
        elif before is None:
            fresh[name] = {"study_id": study_id, "source": source, **row}
        elif any(before[key] != row[key] for key in ("participant_id", "kind", "at", "duration")):
            faults.append(
                (f"events[{place}].id", "was sent before with another person, kind, time or duration")
            )
    if faults:
        raise RefusedError(faults, clash=True)
    if fresh:
        try:
            with connection.begin_nested():
                connection.execute(insert(usage_event), list(fresh.values()))
        except IntegrityError:  # another batch with one of these ids was kept at the same moment
            faults = [("events", "another batch with the same ids came at the same moment; send it again")]
            raise RefusedError(faults, clash=True) from None
        record(connection, "events.keep", f"study {study_id}", len(fresh))
    return len(fresh)


def _stamped(
    connection: Connection, study_id: int, events: Sequence[UsageEvent], people: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Rows of events with their moments in UTC, each within reach of its person's study."""
    definition = connection.execute(select(study.c.definition).where(study.c.id == study_id)).scalar_one()
    length = _study_days(definition)
    enrolled = enrolled_at(connection, {people[event.participant] for event in events})
    rows, faults = [], []
    for place, event in enumerate(events):
        person = people[event.participant]
        fault, at = None, event.at
        try:
            at = utc(event.at)
            day = days_between(enrolled[person], at)
            if not -FAR_DAYS <= day <= length + FAR_DAYS:
                fault = "lies more than ten years from the study"
        except InstantError:
            fault = "needs a time zone, such as Z" if event.at.tzinfo is None else "lies outside the calendar"
        if fault is not None:
            faults.append((f"events[{place}].at", fault))
        rows.append(
            {
                "participant_id": person,
                "source_id": event.source_id,
                "kind": event.kind,
                "at": at,
                "duration": event.duration,
            }
        )
    if faults:
        raise RefusedError(faults, clash=False)
    return rows


def _study_days(definition: str) -> int:
    """Length of a study; a definition that was never checked has none."""
    known = json.loads(definition or "{}")
    return int(known.get("study_days", 0)) if isinstance(known, dict) else 0


def enrolled_at(connection: Connection, numbers: Iterable[int]) -> dict[int, datetime]:
    """Moments of enrolment, by number of the person."""
    wanted = sorted(numbers)
    found: dict[int, datetime] = {}
    for start in range(0, len(wanted), 500):
        query = select(participant.c.id, participant.c.enrolled_at).where(
            participant.c.id.in_(wanted[start : start + 500])
        )
        found |= {int(row.id): row.enrolled_at for row in connection.execute(query)}
    return found


def _known_events(
    connection: Connection, study_id: int, source: str, ids: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    known: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(ids), 500):
        query = select(usage_event).where(
            usage_event.c.study_id == study_id,
            usage_event.c.source == source,
            usage_event.c.source_id.in_(ids[start : start + 500]),
        )
        known |= {str(row["source_id"]): dict(row) for row in connection.execute(query).mappings()}
    return known


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
    system: str = "",
    completed_on: date | None = None,
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
    system
        Whose ids these are: the same id of another system is another id.
    completed_on
        Day on which the answers were given; the present one by default.

    Returns
    -------
    str
        `created`; `known` when this set is there already: id, person, wave, language, day and answers;
        `reused` when the id came before with anything else; `no consent` when the set is new and the
        person's latest choice about consent is no; `conflict` when the wave holds another set; `gone` when
        the person was erased meanwhile.

    Raises
    ------
    RefusedError
        The wave is not open for this person on the day of the answers; the transaction must end there.
    """
    if not hold_people(connection, [participant_id]):
        return "gone"
    keys = _submit_keys(int(study_row.id), caller_id, system)
    waves = {row.name: row.id for row in _rows(waves_of(connection, study_row.id))}
    wave_id = waves[wave_name]
    for place, key in enumerate(keys):
        same = select(administration).where(administration.c.submit_key == key)
        sent_before: Any = connection.execute(same).first()
        if sent_before is None:
            continue
        whose = (sent_before.participant_id, sent_before.wave_id, sent_before.lang)
        other_day = sent_before.completed_on is not None and sent_before.completed_on != completed_on
        same_place = whose == (participant_id, wave_id, lang) and not other_day
        if same_place and holds_answers(connection, int(sent_before.id), answers):
            return "known"
        if place == 0:
            return "reused"
    if without_consent(connection, [participant_id]):
        return "no consent"
    if wave_name in rules_of(study_row.definition).formal:
        raise RefusedError([("query.wave", NO_SCALE)], clash=False)
    if live_administration(connection, participant_id, wave_id) is not None:
        return "conflict"
    create_attempt(
        connection,
        study_row,
        participant_id,
        wave_id,
        answers,
        lang=lang,
        mode=mode,
        key=keys[0],
        completed_on=completed_on,
    )
    if outside_window_of(connection, study_row, [(participant_id, wave_name)]):
        path = "query.wave" if completed_on is None else "authored"
        raise RefusedError([(path, OUTSIDE)], clash=True)
    return "created"


def outside_window_of(
    connection: Connection, study_row: Any, places: Sequence[tuple[int, str]]
) -> list[tuple[int, str]]:
    """Which of the answers kept, each by person and wave, were given outside the window of their wave."""
    rules, days = (
        rules_of(study_row.definition),
        days_of_people(connection, study_row, {n for n, _ in places}),
    )
    waves = {str(row.name): row for row in _rows(waves_of(connection, study_row.id))}
    return [
        (number, name)
        for number, name in places
        if in_window(days[number], rules, name, waves[name].opens_day, waves[name].closes_day) == "no"
    ]


def create_attempt(
    connection: Connection,
    study_row: Any,
    participant_id: int,
    wave_id: int,
    answers: Mapping[str, Answer],
    *,
    lang: str,
    mode: str,
    key: str | None,
    completed_on: date | None = None,
) -> None:
    """Store a set of answers at a wave that has none; without a key it stays open."""
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
        completed_on=completed_on,
    )
    save_answers(connection, made, {numbers[item]: answer for item, answer in answers.items()})
    if key is not None:
        complete_administration(connection, made, key)


def _submit_keys(study_id: int, caller_id: str, system: str) -> tuple[str, ...]:
    """Keys of a set of answers: the present one, and the one of stores that did not yet keep the system."""
    named = json.dumps(["sent", study_id, system, caller_id])
    former = f"{study_id}:{caller_id}"
    return tuple(hashlib.sha256(text.encode()).hexdigest() for text in (named, former))


def holds_answers(connection: Connection, attempt: int, answers: Mapping[str, Answer]) -> bool:
    """Whether an attempt holds exactly these answers, and no other."""
    kept = {row.name: (row.state, row.value) for row in _rows(answers_of(connection, attempt))}
    given = {name: (answer.state, answer.value) for name, answer in answers.items()}
    return kept == {**dict.fromkeys(kept, ("not_seen", None)), **given}


def _rows(rows: Iterable[Any]) -> list[Any]:
    return list(rows)
