"""Read answers out of the store into the wide table of the data contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, select

from instrument.keying import marked
from instrument.responses_raw import ReasonTable
from instrument.store.definitions import find_study, item_numbers
from instrument.store.instants import days_between
from instrument.store.people import latest_choices
from instrument.store.tables import administration, item, participant, response, wave

CONSENT = ["consent", "consent_version", "consent_day"]
"""Latest choice of the person (yes, no, or empty where never asked here), its text's version, and its day."""
BESIDE = ["day", "mode", "status", *CONSENT]
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
        participant, wave, item columns (Int64, NA for missing), then `BESIDE`: `day` (days since enrolment),
        `mode`, `status` (completed or open) and what the person last said to which version of the consent
        text on which day since enrolment; `attrs["reasons"]` says why each answer is missing.
    """
    study_row = find_study(connection, study_name)
    items = list(item_numbers(connection, int(study_row.instrument_version_id)))
    query = (
        select(
            participant.c.pseudonym.label("participant"),
            wave.c.name.label("wave"),
            wave.c.position,
            administration.c.id.label("administration"),
            administration.c.mode,
            administration.c.status,
            administration.c.started_at,
            administration.c.participant_id,
            participant.c.enrolled_at,
            item.c.name.label("item"),
            response.c.value,
            response.c.state,
        )
        .join(administration, administration.c.id == response.c.administration_id)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
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
    return _widen(long, items, latest_choices(connection, long["participant_id"].unique().tolist()))


def _widen(long: pd.DataFrame, items: list[str], choices: Mapping[int, Row[Any]]) -> pd.DataFrame:
    heads = long.drop_duplicates("administration").set_index("administration")
    values = long.pivot(index="administration", columns="item", values="value").reindex(heads.index)
    wide = heads[["participant", "wave"]].join(values[items].astype("Int64"))
    moments = zip(heads["enrolled_at"], heads["started_at"], strict=True)
    wide["day"] = [days_between(enrolled, started) for enrolled, started in moments]
    wide["mode"] = heads["mode"]
    wide["status"] = heads["status"]
    said = [choices.get(person) for person in heads["participant_id"]]
    wide["consent"] = [None if choice is None else "yes" if choice.granted else "no" for choice in said]
    wide["consent_version"] = [None if choice is None else choice.version for choice in said]
    days = [
        pd.NA if choice is None else days_between(enrolled, choice.at)
        for choice, enrolled in zip(said, heads["enrolled_at"], strict=True)
    ]
    wide["consent_day"] = pd.array(days, dtype="Int64")
    wide = wide.reset_index(drop=True)
    missing = long[long["state"] != "answered"].rename(columns={"state": "reason"})
    wide.attrs["reasons"] = ReasonTable(missing[REASON_COLUMNS].reset_index(drop=True))
    return marked(wide, {})
