"""What programs send: usage events in batches and whole sets of answers, each counted once."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from instrument.dates_given import COMPLETED_ON, DATED, dates_given, enrolment_days
from instrument.errors import fact_and_hint, name_offenders
from instrument.responses import missing_reasons
from instrument.standing import COMPLETED, STATUS, status_of
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
from instrument.store.people import hold_people, invite, without_consent
from instrument.store.tables import STATES, administration, participant, study, usage_event
from instrument.store.tokens import Keyring, new_token
from instrument.store.windows import day_given, days_of_people, in_window, rules_of

KEYED_MODES = ("import", "paper")
"""Administrations that a team enters; what it left open a later import may carry on."""
FAR_DAYS = 3_653
"""Ten years: a moment further from the days of a person's study comes from a clock that was never set."""
NOT_IN_STUDY = "is not in the study"
OUTSIDE = "the wave is not open for this person on the day of these answers"
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
    enrolled = _enrolled(connection, {people[event.participant] for event in events})
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


def _enrolled(connection: Connection, numbers: Iterable[int]) -> dict[int, datetime]:
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
        if same_place and _holds(connection, int(sent_before.id), answers):
            return "known"
        if place == 0:
            return "reused"
    if without_consent(connection, [participant_id]):
        return "no consent"
    if live_administration(connection, participant_id, wave_id) is not None:
        return "conflict"
    _create(
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
    if _outside(connection, study_row, [(participant_id, wave_name)]):
        path = "query.wave" if completed_on is None else "authored"
        raise RefusedError([(path, OUTSIDE)], clash=True)
    return "created"


def _outside(
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


def _create(
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


def _holds(connection: Connection, attempt: int, answers: Mapping[str, Answer]) -> bool:
    """Whether an attempt holds exactly these answers, and no other."""
    kept = {row.name: (row.state, row.value) for row in _rows(answers_of(connection, attempt))}
    given = {name: (answer.state, answer.value) for name, answer in answers.items()}
    return kept == {**dict.fromkeys(kept, ("not_seen", None)), **given}


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
        or other answers, another day or another enrolment are there already; nothing is kept.
    ResponseDataError
        A date cannot be read, lies in the future, or a person has two days of enrolment.
    """
    given = list(_answer_sets(answers))
    enrolled_on = enrolment_days(answers, "import")
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
    held = hold_people(connection, people.values())
    if gone := [name for name, number in people.items() if number not in held]:
        fact = f"{len(gone)} people were erased at this moment: {name_offenders(gone)}."
        raise StoreError(fact_and_hint("import", fact, "take their rows out; nothing was imported."))
    if absent:
        invite(connection, study_row.id, keyring, absent, readmit=readmit)
        people |= people_of(connection, study_row.id, absent)
        _enrol_on(connection, {people[name]: enrolled_on[name] for name in absent if name in enrolled_on})
    _refuse_other_enrolment(connection, people, enrolled_on)
    wave_ids = {str(row.name): int(row.id) for row in _rows(waves_of(connection, study_row.id))}
    barred = without_consent(connection, people.values())
    kept, conflicts, refused = 0, [], []
    stored: list[tuple[int, str]] = []
    for one in given:
        done = _keep_one(
            connection, study_row, people[one.participant], wave_ids[one.wave], one, lang=lang, mode=mode
        )
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
    if not outside_window and (outside := _outside(connection, study_row, stored)):
        names_of = {number: name for name, number in people.items()}
        named = name_offenders([f"{names_of[number]} at {wave}" for number, wave in outside])
        fact = f"{len(outside)} administrations were given outside the window of their wave: {named}."
        hint = "mend completed_on, or add --outside-window to keep them marked; nothing was imported."
        raise StoreError(fact_and_hint("import", fact, hint))
    return kept, len(given) - kept


def _enrol_on(connection: Connection, days: Mapping[int, date]) -> None:
    """Give people who were just added the day on which they were enrolled."""
    for number, day in days.items():
        at = datetime.combine(day, time(), tzinfo=UTC)
        connection.execute(update(participant).where(participant.c.id == number).values(enrolled_at=at))


def _refuse_other_enrolment(
    connection: Connection, people: Mapping[str, int], enrolled_on: Mapping[str, date]
) -> None:
    known = _enrolled(connection, [people[name] for name in enrolled_on])
    others = [name for name, day in enrolled_on.items() if utc(known[people[name]]).date() != day]
    if others:
        fact = (
            f"{len(others)} people are in the store with another day of enrolment: {name_offenders(others)}."
        )
        hint = "leave enrolled_on out for people whom the study knows; nothing was imported."
        raise StoreError(fact_and_hint("import", fact, hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class _GivenSet:
    """One row of a table of answers."""

    participant: str
    wave: str
    answers: Mapping[str, Answer]
    finished: bool
    completed_on: date | None


def _keep_one(
    connection: Connection,
    study_row: Any,
    participant_id: int,
    wave_id: int,
    one: _GivenSet,
    *,
    lang: str,
    mode: str,
) -> str:
    """Keep a row: `kept`, `known` when the store holds all of it, or `conflict` when it holds something else.

    What an earlier import left open is carried on by a later one that takes no answer back; a day that an
    earlier import did not know may come later.
    """
    live: Any = live_administration(connection, participant_id, wave_id)
    if live is None:
        key = secrets.token_hex(32) if one.finished else None
        _create(
            connection,
            study_row,
            participant_id,
            wave_id,
            one.answers,
            lang=lang,
            mode=mode,
            key=key,
            completed_on=one.completed_on,
        )
        return "kept"
    stored_day, all_the_same = day_given(live), (live.status == "completed") == one.finished
    all_the_same = all_the_same and _holds(connection, int(live.id), one.answers)
    if all_the_same and one.completed_on in (None, stored_day):
        return "known"
    keyed = live.mode in KEYED_MODES
    if all_the_same and keyed and (stored_day is None or not one.finished):
        _date(connection, int(live.id), one.completed_on)
        return "kept"
    if live.status != "open" or not keyed:
        return "conflict"
    numbers = item_numbers(connection, int(live.instrument_version_id))
    save_answers(connection, int(live.id), {numbers[name]: value for name, value in one.answers.items()})
    if not _holds(connection, int(live.id), one.answers):
        return "conflict"
    if one.completed_on is not None:
        _date(connection, int(live.id), one.completed_on)
    if one.finished:
        complete_administration(connection, int(live.id), secrets.token_hex(32))
    return "kept"


def _date(connection: Connection, attempt: int, day: date | None) -> None:
    """Say on which day answers were given that were stored before."""
    connection.execute(update(administration).where(administration.c.id == attempt).values(completed_on=day))
    record(connection, "administration.date", f"administration {attempt}")


def _answer_sets(answers: pd.DataFrame) -> Iterator[_GivenSet]:
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
        yield _GivenSet(participant=name, wave=wave, answers=given, finished=done, completed_on=day)
