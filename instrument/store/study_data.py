"""Everything of one study that an analysis takes, read from the store without writing to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, select, union

from instrument.errors import fact_and_hint
from instrument.reading.read_responses import check_responses
from instrument.store.connect import (
    StoreError,
    newest_schema,
    open_store,
    reading,
    refuse_half_restored,
    require_store,
    schema_of,
)
from instrument.store.definitions import find_study, instrument_of, study_written_as
from instrument.store.instants import utc
from instrument.store.people import latest_choices
from instrument.store.retrieval import BESIDE, responses_of
from instrument.store.tables import administration, consent, participant, study, usage_event
from instrument.store.times import times_of
from instrument.store.use_days import Use, days_of_use
from instrument.store.windows import PersonDays, days_of_people, rules_of
from instrument.study import DayZero
from instrument.study_data import StudyData


def studies_in(url: str) -> list[str]:
    """Name the studies of a store.

    Parameters
    ----------
    url
        Of the store, which must be there.

    Returns
    -------
    list of str
        Ids, sorted.

    Raises
    ------
    StoreError
        There is no such store, or it has another schema.
    """
    engine = opened_store(url)
    try:
        with reading(engine) as connection:
            return [str(name) for name in connection.scalars(select(study.c.name).order_by(study.c.name))]
    finally:
        engine.dispose()


def study_data(url: str, name: str) -> StudyData:
    """Read a study from a store.

    Parameters
    ----------
    url
        Of the store, which must be there.
    name
        Id of the study.

    Returns
    -------
    StudyData
        Its answers, checked, and what belongs to them; trial links are left out. `usage` counts days
        since the person's day 0 and is None when no event was kept, `times` when no time is known.
        `enrolment` has one row for everyone enrolled: who consented, and who has answers or use that came
        with a consent given elsewhere. Where someone took consent back and left what was given,
        `withdrawn_day` is the day of that choice, missing for those who stayed. `set_aside` says what was
        left out of the answers, and what differs among them.

    Raises
    ------
    StoreError
        There is no such store or study.
    ResponseDataError
        The study has no answers yet.
    """
    engine = opened_store(url)
    try:
        with reading(engine) as connection:
            row: Any = find_study(connection, name)
            scale = instrument_of(connection, int(row.instrument_version_id))
            days = days_of_people(connection, row)
            answers = responses_of(connection, name)
            people = _people(connection, int(row.id), days)
            events = usage_of(connection, int(row.id), days)
            times = times_of(connection, int(row.id))
            names = _undated(connection, row, days)
    finally:
        engine.dispose()
    inside = answers["in_window"] != "no"
    told = ~answers["participant"].isin(names)
    notes = []
    if n := int((~inside & told).sum()):
        notes.append(
            f"{n} of {len(answers)} administrations lie outside their wave's window and are set aside"
        )
    versions = answers["instrument_version"].value_counts(sort=False)
    if len(versions) > 1:
        counts = ", ".join(f"{version} ({n})" for version, n in versions.items())
        notes.append(f"answers were given in {len(versions)} wordings of the instrument: {counts}")
    placeless = people["participant"].isin(names)
    if n := int(placeless.sum()):
        who, are = ("1 person has", "is") if n == 1 else (f"{n} people have", "are")
        notes.append(f"{who} no day 0, which is their first answer, and {are} set aside")
        people = people[~placeless].reset_index(drop=True)
        events = None if events is None else events[~events["participant"].isin(names)].reset_index(drop=True)
    checked = check_responses(answers[inside & told].reset_index(drop=True).drop(columns=BESIDE), scale)
    kept = set(zip(checked["participant"].astype(str), checked["wave"].astype(str), strict=True))
    times = times.loc[[place in kept for place in zip(times["participant"], times["wave"], strict=True)]]
    if notes:
        checked.attrs["notes"] = [*checked.attrs.get("notes", []), *notes]
    return StudyData(
        scale=scale,
        study=study_written_as(row.definition),
        responses=checked,
        usage=events,
        times=times if len(times) else None,
        enrolment=people,
        set_aside=tuple(notes),
    )


def _undated(connection: Connection, row: Any, days: Mapping[int, PersonDays]) -> set[str]:
    """People whose days cannot be counted, as their first answer is day 0 and has no date."""
    if rules_of(str(row.definition)).zero is not DayZero.FIRST_ANSWER:
        return set()
    query = select(participant.c.id, participant.c.pseudonym).where(participant.c.study_id == row.id)
    return {str(one.pseudonym) for one in connection.execute(query) if days[one.id].zero is None}


def opened_store(url: str) -> Engine:
    """Open a store that is there; looking at it neither makes nor upgrades one.

    Parameters
    ----------
    url
        Of the store.

    Returns
    -------
    sqlalchemy.Engine
        To be disposed of.

    Raises
    ------
    StoreError
        There is no such store, it has another schema, or its restoring was interrupted.
    """
    require_store(url)
    engine = open_store(url)
    try:
        refuse_half_restored(engine)
    except StoreError:
        engine.dispose()
        raise
    found, needed = schema_of(engine), newest_schema()
    if found != needed:
        engine.dispose()
        fact = f"the store has schema {found or 'none'}, this version needs {needed}."
        raise StoreError(fact_and_hint("open_store", fact, "run `dta store upgrade`; it backs up first."))
    return engine


def _people(connection: Connection, study_id: int, days: Mapping[int, PersonDays]) -> pd.DataFrame:
    """Everyone enrolled: who ever consented here, and who has answers or use from elsewhere.

    An invitation alone enrols nobody, nor does a no. Answers and events of people who were not asked here
    come from paper or a program that took their consent. Who took consent back and left what was given stays
    enrolled until that day: those answers are analysed, so the person belongs to the denominator.
    """
    people = (
        select(participant.c.id, participant.c.pseudonym)
        .where(participant.c.study_id == study_id, participant.c.is_test.is_(False))
        .order_by(participant.c.id)
    )
    agreed = select(consent.c.participant_id).where(consent.c.granted)
    answers = select(administration.c.participant_id).where(administration.c.status != "void")
    use = select(usage_event.c.participant_id).where(usage_event.c.study_id == study_id)
    enrolled = {int(number) for number in connection.scalars(union(agreed, answers, use))}
    rows: list[Any] = [row for row in connection.execute(people) if row.id in enrolled]
    choices = latest_choices(connection, [row.id for row in rows])
    made = pd.DataFrame({"participant": [str(row.pseudonym) for row in rows]}, dtype=object)
    left = {number: choice.at for number, choice in choices.items() if not choice.granted}
    if left:
        gone = [days[row.id].day(utc(left[row.id]).date()) if row.id in left else None for row in rows]
        made["withdrawn_day"] = pd.array([pd.NA if day is None else day for day in gone], dtype="Int64")
    return made


def usage_of(
    connection: Connection, study_id: int, days: Mapping[int, PersonDays] | None = None
) -> pd.DataFrame | None:
    """Usage events of a study, in days since the person's day 0.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.
    days
        Days of everyone, where they are known already.

    Returns
    -------
    pandas.DataFrame or None
        participant, kind, day (since day 0 by midnights in UTC, see `days_of_use`; missing before day 0 is
        known), duration;
        None when no event was kept. Trial links are left out.
    """
    query = (
        select(
            participant.c.pseudonym.label("participant"),
            usage_event.c.kind,
            usage_event.c.at,
            usage_event.c.participant_id,
            usage_event.c.duration,
        )
        .join(participant, participant.c.id == usage_event.c.participant_id)
        .where(usage_event.c.study_id == study_id, participant.c.is_test.is_(False))
        .order_by(participant.c.id, usage_event.c.at, usage_event.c.id)
    )
    rows = pd.DataFrame(connection.execute(query).mappings().all())
    if rows.empty:
        return None
    row = connection.execute(select(study).where(study.c.id == study_id)).one()
    if days is None:
        days = days_of_people(connection, row)
    told = json.loads(row.definition or "{}")
    pause = float(told.get("session_gap_minutes", 30.0)) if isinstance(told, dict) else 30.0
    events = [
        Use(int(person), at, None if pd.isna(lasted) else float(lasted))
        for person, at, lasted in zip(rows["participant_id"], rows["at"], rows["duration"], strict=True)
    ]
    counted = days_of_use(events, days, pause)
    return rows[["participant", "kind"]].assign(day=counted, duration=rows["duration"])
