"""Read answers out of the store into the wide table of the data contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, select

from instrument.reading.raw import ReasonTable
from instrument.scoring.keying import marked
from instrument.store.definitions import find_study, item_numbers
from instrument.store.instants import utc
from instrument.store.people import latest_choices
from instrument.store.tables import administration, instrument_version, item, participant, response, wave
from instrument.store.windows import PersonDays, Windows, days_of_people, in_window, windows_by_version

CONSENT = ["consent", "consent_version", "consent_day"]
"""Latest choice of the person (yes, no, or empty where never asked here), its text's version, and its day."""
VERSIONS = ["instrument_version", "study_version"]
"""In which wording the answers were given, and under which version of the study file."""
BESIDE = ["day", "in_window", "mode", "status", *CONSENT, *VERSIONS]
"""Columns that the store puts beside the answers and no instrument asks for."""
REASON_COLUMNS = ["participant", "wave", "item", "reason"]


def responses_of(
    connection: Connection, study_name: str, *, completed_only: bool = False, with_tests: bool = False
) -> pd.DataFrame:
    """Answers of a study, one row per administration.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.
    completed_only
        Leave out questionnaires that were begun and not finished.
    with_tests
        Include trial links.

    Returns
    -------
    pandas.DataFrame
        participant, wave, item columns (Int64, NA for missing), then `BESIDE`: `day` (of the answers, from
        the person's day 0; missing where it is not known, as for paper without a date), `in_window` (yes, no,
        or empty where it cannot be told), `mode`, `status` (completed or open), what the person last said
        to which version of the consent text on which day, and the versions of wording and study file under
        which the questionnaire was begun (its window is judged by that version); `attrs["reasons"]` says why
        each answer is missing.
    """
    study_row = find_study(connection, study_name)
    items = list(item_numbers(connection, int(study_row.instrument_version_id)))
    query = (
        select(
            participant.c.pseudonym.label("participant"),
            wave.c.name.label("wave"),
            wave.c.position,
            instrument_version.c.version.label("instrument_version"),
            administration.c.study_version,
            administration.c.id.label("administration"),
            administration.c.mode,
            administration.c.status,
            administration.c.participant_id,
            item.c.name.label("item"),
            response.c.value,
            response.c.state,
        )
        .join(administration, administration.c.id == response.c.administration_id)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .join(instrument_version, instrument_version.c.id == administration.c.instrument_version_id)
        .join(item, item.c.id == response.c.item_id)
        .where(participant.c.study_id == study_row.id, administration.c.status != "void")
        .order_by(participant.c.id, wave.c.position)
    )
    if completed_only:
        query = query.where(administration.c.status == "completed")
    if not with_tests:
        query = query.where(participant.c.is_test.is_(False))
    long = pd.DataFrame(connection.execute(query).mappings().all())
    if long.empty:
        empty = pd.DataFrame(columns=["participant", "wave", *items, *BESIDE])
        empty.attrs["reasons"] = ReasonTable(pd.DataFrame(columns=REASON_COLUMNS))
        return marked(empty, {})
    people = long["participant_id"].unique().tolist()
    days = days_of_people(connection, study_row, people)
    choices = latest_choices(connection, people)
    return _widen(long, items, choices, days, windows_by_version(connection, study_row))


def _widen(
    long: pd.DataFrame,
    items: list[str],
    choices: Mapping[int, Row[Any]],
    days: Mapping[int, PersonDays],
    windows: Windows,
) -> pd.DataFrame:
    heads = long.drop_duplicates("administration").set_index("administration")
    values = long.pivot(index="administration", columns="item", values="value").reindex(heads.index)
    wide = heads[["participant", "wave"]].join(values[items].astype("Int64"))
    columns = (heads[name].tolist() for name in ("participant_id", "wave", "study_version"))
    places: list[tuple[int, str, int]] = list(zip(*columns, strict=True))
    given = [days[person].day(days[person].given[name]) for person, name, _ in places]
    wide["day"] = pd.array([pd.NA if day is None else day for day in given], dtype="Int64")
    wide["in_window"] = [
        in_window(days[person], windows[version][0], name, *windows[version][1][name])
        for person, name, version in places
    ]
    wide["mode"] = heads["mode"]
    wide["status"] = heads["status"]
    said = [choices.get(person) for person in heads["participant_id"]]
    wide["consent"] = [None if choice is None else "yes" if choice.granted else "no" for choice in said]
    wide["consent_version"] = [None if choice is None else choice.version for choice in said]
    consented = [
        None if choice is None else days[person].day(utc(choice.at).date())
        for choice, person in zip(said, heads["participant_id"], strict=True)
    ]
    wide["consent_day"] = pd.array([pd.NA if day is None else day for day in consented], dtype="Int64")
    wide["instrument_version"] = heads["instrument_version"]
    wide["study_version"] = pd.array(heads["study_version"].tolist(), dtype="Int64")
    wide = wide.reset_index(drop=True)
    missing = long[long["state"] != "answered"].rename(columns={"state": "reason"})
    wide.attrs["reasons"] = ReasonTable(missing[REASON_COLUMNS].reset_index(drop=True))
    return marked(wide, {})
