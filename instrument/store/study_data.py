"""Everything of one study that an analysis takes, read from the store without writing to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, select, union

from instrument.definition import Instrument
from instrument.errors import fact_and_hint
from instrument.responses import check_responses
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
from instrument.store.instants import days_between
from instrument.store.people import latest_choices
from instrument.store.retrieval import BESIDE, responses_of
from instrument.store.tables import administration, consent, participant, study, usage_event
from instrument.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyData:
    """A study as an analysis takes it; trial links are left out.

    Attributes
    ----------
    scale, study
        What was asked, of whom.
    responses
        The checked wide table.
    usage
        participant, kind, day since enrolment, duration; None when no event was kept.
    enrolment
        participant, one row for everyone enrolled: who consented, and who has answers or use that came with a
        consent given elsewhere. Where someone took consent back and left what was given, `withdrawn_day`:
        the day since enrolment of that choice, missing for those who stayed.
    """

    scale: Instrument
    study: Study
    responses: pd.DataFrame
    usage: pd.DataFrame | None
    enrolment: pd.DataFrame


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
    engine = _opened(url)
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
        Its answers, checked, and what belongs to them.

    Raises
    ------
    StoreError
        There is no such store or study.
    ResponseDataError
        The study has no answers yet.
    """
    engine = _opened(url)
    try:
        with reading(engine) as connection:
            row: Any = find_study(connection, name)
            scale = instrument_of(connection, int(row.instrument_version_id))
            answers = responses_of(connection, name)
            people = _people(connection, int(row.id))
            events = usage_of(connection, int(row.id))
    finally:
        engine.dispose()
    return StudyData(
        scale=scale,
        study=study_written_as(row.definition),
        responses=check_responses(answers.drop(columns=BESIDE), scale),
        usage=events,
        enrolment=people,
    )


def _opened(url: str) -> Engine:
    """Open a store that is there; looking at it neither makes nor upgrades one."""
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


def _people(connection: Connection, study_id: int) -> pd.DataFrame:
    """Everyone enrolled: who ever consented here, and who has answers or use from elsewhere.

    An invitation alone enrols nobody, nor does a no. Answers and events of people who were not asked here
    come from paper or a program that took their consent. Who took consent back and left what was given stays
    enrolled until that day: those answers are analysed, so the person belongs to the denominator.
    """
    people = (
        select(participant.c.id, participant.c.pseudonym, participant.c.enrolled_at)
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
        days = [days_between(row.enrolled_at, left[row.id]) if row.id in left else pd.NA for row in rows]
        made["withdrawn_day"] = pd.array(days, dtype="Int64")
    return made


def usage_of(connection: Connection, study_id: int) -> pd.DataFrame | None:
    """Usage events of a study, in days since enrolment.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    pandas.DataFrame or None
        participant, kind, day (midnights in UTC since enrolment), duration; None when no event was kept.
        Trial links are left out.
    """
    query = (
        select(
            participant.c.pseudonym.label("participant"),
            usage_event.c.kind,
            usage_event.c.at,
            participant.c.enrolled_at,
            usage_event.c.duration,
        )
        .join(participant, participant.c.id == usage_event.c.participant_id)
        .where(usage_event.c.study_id == study_id, participant.c.is_test.is_(False))
        .order_by(participant.c.id, usage_event.c.at, usage_event.c.id)
    )
    rows = pd.DataFrame(connection.execute(query).mappings().all())
    if rows.empty:
        return None
    day = [days_between(start, at) for start, at in zip(rows["enrolled_at"], rows["at"], strict=True)]
    return rows[["participant", "kind"]].assign(day=day, duration=rows["duration"])
