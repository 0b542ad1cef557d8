"""Frozen instrument versions and studies in the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from instrument.definition import Instrument
from instrument.errors import fact_and_hint, name_offenders
from instrument.store.audit import record
from instrument.store.connect import StoreError, inserted_number
from instrument.store.tables import (
    instrument_version,
    item,
    item_text,
    option_label,
    study,
    study_version,
    wave,
)
from instrument.study import Study

KEPT_DEFINITIONS = 32


@dataclass(frozen=True, slots=True)
class WaveWindow:
    """When a wave may be answered, in days since enrolment.

    Attributes
    ----------
    name
        Label of the wave.
    opens_day, closes_day
        First and last day, counted from the day of enrolment, which is day 0.
    """

    name: str
    opens_day: int
    closes_day: int


def keep_instrument(connection: Connection, scale: Instrument) -> int:
    """Store an instrument once per content hash.

    Parameters
    ----------
    connection
        An open transaction.
    scale
        The instrument.

    Returns
    -------
    int
        Number of its version in the store.

    Raises
    ------
    StoreError
        The same id and version number is kept with other content.
    """
    same = select(instrument_version).where(
        instrument_version.c.instrument == scale.id, instrument_version.c.version == scale.version
    )
    for kept in connection.execute(same):
        if kept.sha256 == scale.content_hash:
            return int(kept.id)
        fact = f'instrument "{scale.id}" {scale.version} is kept with other content.'
        raise StoreError(fact_and_hint("keep_instrument", fact, "give the changed file a new version."))
    definition = json.dumps(scale.model_dump(mode="json", by_alias=True), ensure_ascii=False, sort_keys=True)
    made = connection.execute(
        insert(instrument_version).values(
            instrument=scale.id, version=scale.version, sha256=scale.content_hash, definition=definition
        )
    )
    version_id = inserted_number(made)
    _keep_items(connection, version_id, scale)
    record(connection, "instrument.keep", f"{scale.id} {scale.version}", len(scale.item_ids))
    return version_id


def _keep_items(connection: Connection, version_id: int, scale: Instrument) -> None:
    numbers: dict[str, int] = {}
    for theme in scale.themes:
        for entry in theme.items:
            made = connection.execute(
                insert(item).values(
                    instrument_version_id=version_id,
                    name=entry.id,
                    theme=theme.id,
                    position=len(numbers) + 1,
                    reverse=entry.reverse,
                )
            )
            numbers[entry.id] = inserted_number(made)
    texts, labels = [], []
    for language in scale.languages:
        wording = scale.wording(language)
        texts += [{"item_id": n, "lang": language, "text": wording.items[i]} for i, n in numbers.items()]
        labels += [
            {
                "instrument_version_id": version_id,
                "scale": name,
                "code": code,
                "lang": language,
                "label": label,
            }
            for name, options in wording.options.items()
            for code, label in options.items()
        ]
    connection.execute(insert(item_text), texts)
    connection.execute(insert(option_label), labels)


def instrument_of(connection: Connection, version_id: int) -> Instrument:
    """Instrument of a version, exactly as it was kept.

    Parameters
    ----------
    connection
        An open connection.
    version_id
        Number of the version.

    Returns
    -------
    Instrument
        The definition.
    """
    query = select(instrument_version.c.definition).where(instrument_version.c.id == version_id)
    return instrument_written_as(connection.execute(query).scalar_one())


@lru_cache(maxsize=KEPT_DEFINITIONS)
def instrument_written_as(definition: str) -> Instrument:
    """Instrument of a stored definition; read once, for the models are frozen.

    Parameters
    ----------
    definition
        JSON as `keep_instrument` kept it.

    Returns
    -------
    Instrument
        The same object for the same text.
    """
    return Instrument.model_validate(json.loads(definition))


@lru_cache(maxsize=KEPT_DEFINITIONS)
def study_written_as(definition: str) -> Study:
    """Study of a stored definition.

    Parameters
    ----------
    definition
        JSON as `create_study` kept it.

    Returns
    -------
    Study
        The same object for the same text.
    """
    return Study.model_validate(json.loads(definition))


def item_numbers(connection: Connection, version_id: int) -> dict[str, int]:
    """Number in the store of each item of a version, in the instrument's order.

    Parameters
    ----------
    connection
        An open connection.
    version_id
        Number of the version.

    Returns
    -------
    dict of int
        Item id to number.
    """
    query = select(item.c.name, item.c.id).where(item.c.instrument_version_id == version_id)
    return {row.name: int(row.id) for row in connection.execute(query.order_by(item.c.position))}


def create_study(
    connection: Connection,
    name: str,
    scale: Instrument,
    waves: Sequence[WaveWindow],
    definition: str,
    sha256: str,
) -> int:
    """Put a study into the store as a draft.

    Parameters
    ----------
    connection
        An open transaction.
    name
        Id of the study, unique in the store.
    scale
        The instrument it administers.
    waves
        Its waves in order.
    definition, sha256
        The study file's content and hash, kept for the record.

    Returns
    -------
    int
        Number of the study.

    Raises
    ------
    StoreError
        A study of this name exists, or two waves bear one name.
    """
    if connection.execute(select(study.c.id).where(study.c.name == name)).first():
        fact = f"study {name!r} is in the store already."
        raise StoreError(fact_and_hint("create_study", fact, "choose another id, or open that one."))
    names = [window.name for window in waves]
    if doubled := sorted({n for n in names if names.count(n) > 1}) or ([] if names else ["none given"]):
        fact = f"waves need names of their own: {name_offenders(doubled)}."
        raise StoreError(fact_and_hint("create_study", fact, "mend the waves of the study file."))
    version_id, now = keep_instrument(connection, scale), datetime.now(UTC)
    kept = {"instrument_version_id": version_id, "definition": definition, "sha256": sha256}
    study_id = inserted_number(connection.execute(insert(study).values(name=name, created_at=now, **kept)))
    first = {"number": 1, "reason": "", "made_by": "", "at": now}
    connection.execute(insert(study_version).values(study_id=study_id, **first, **kept))
    connection.execute(
        insert(wave),
        [
            {
                "study_id": study_id,
                "name": window.name,
                "position": position,
                "opens_day": window.opens_day,
                "closes_day": window.closes_day,
            }
            for position, window in enumerate(waves, start=1)
        ],
    )
    record(connection, "study.create", name)
    return study_id


def find_study(connection: Connection, name: str) -> Row[tuple[object, ...]]:
    """Row of a study by name.

    Parameters
    ----------
    connection
        An open connection.
    name
        Id of the study.

    Returns
    -------
    sqlalchemy.Row
        Its columns.

    Raises
    ------
    StoreError
        There is none of this name.
    """
    found = connection.execute(select(study).where(study.c.name == name)).first()
    if found is None:
        kept = [row.name for row in connection.execute(select(study.c.name).order_by(study.c.name))]
        fact = f"there is no study {name!r}; the store holds: {name_offenders(kept) or 'none'}."
        raise StoreError(fact_and_hint("find_study", fact, "check the id, or create it first."))
    return found


def study_of_version(connection: Connection, study_id: int, number: int) -> Study:
    """Give a study as one of its versions said it: a questionnaire keeps the version it was begun in.

    Parameters
    ----------
    connection
        An open connection.
    study_id, number
        Of the study, and of the version.

    Returns
    -------
    Study
        The present one where the store does not know the version.
    """
    wanted = (study_version.c.study_id == study.c.id) & (study_version.c.number == number)
    query = (
        select(func.coalesce(study_version.c.definition, study.c.definition))
        .select_from(study.outerjoin(study_version, wanted))
        .where(study.c.id == study_id)
    )
    return study_written_as(str(connection.execute(query).scalar_one()))


def refuse_closed(found: Row[Any]) -> None:
    """Refuse to invite anyone to a study that takes no answers any more.

    Parameters
    ----------
    found
        Row of the study.

    Raises
    ------
    StoreError
        It is closed.
    """
    if found.status == "closed":
        fact = f"study {found.name!r} is closed: its links would lead to a closing page."
        hint = f"`dta study open {found.name}` opens it again."
        raise StoreError(fact_and_hint("invite", fact, hint))


def set_study_status(connection: Connection, name: str, status: str) -> None:
    """Open or close a study.

    Parameters
    ----------
    connection
        An open transaction.
    name
        Id of the study.
    status
        `open` or `closed`.

    Raises
    ------
    StoreError
        The step is not one of draft → open → closed (a closed study may be opened again).
    """
    found = find_study(connection, name)
    steps = {("draft", "open"), ("closed", "open"), ("open", "closed")}
    if (found.status, status) not in steps:
        fact = f"study {name!r} is {found.status}, it cannot become {status}."
        raise StoreError(fact_and_hint("set_study_status", fact, "see `dta study status`."))
    stamp = {"opened_at" if status == "open" else "closed_at": datetime.now(UTC)}
    connection.execute(update(study).where(study.c.id == found.id).values(status=status, **stamp))
    record(connection, f"study.{status}", name)


def waves_of(connection: Connection, study_id: int) -> list[Row[tuple[object, ...]]]:
    """Waves of a study, in order.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    list of sqlalchemy.Row
        id, name, position, opens_day, closes_day.
    """
    return list(connection.execute(select(wave).where(wave.c.study_id == study_id).order_by(wave.c.position)))
