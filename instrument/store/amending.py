"""Amend a study that runs: what may change, and the version kept beside each questionnaire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, insert, select, update

from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint
from instrument.store.amended_forms import form_faults
from instrument.store.audit import record
from instrument.store.definitions import (
    find_study,
    instrument_of,
    keep_instrument,
    study_written_as,
    waves_of,
)
from instrument.store.mending import Because
from instrument.store.tables import instrument_version, study, study_version, wave
from instrument.study import Study

MAY_CHANGE = (
    "title",
    "notice",
    "instrument",
    "waves",
    "forms",
    "item_order",
    "consent",
    "crisis",
    "contact",
    "messages",
    "enrolment",
    "notices",
    "timing",
    "offline",
    "titles",
    "contacts",
)
"""Keys of a study file that do not change what the numbers mean."""
VERSION_COLUMNS = ["version", "at", "instrument_version", "consent_version", "changed", "reason", "by"]
CALLER = "dta study amend"


def amend_study(connection: Connection, name: str, changed: Study, scale: Instrument, why: Because) -> int:
    """Put an amended study file in place of the present one; earlier versions are kept.

    Questionnaires that were begun go on in the wording they were begun in; whoever consented to another
    version of the text is asked again before anything more is stored on the pages.

    Parameters
    ----------
    connection
        An open transaction.
    name
        Id of the study.
    changed, scale
        The amended file, and its instrument.
    why
        Reason.

    Returns
    -------
    int
        Number of the new version.

    Raises
    ------
    DefinitionError
        Nothing is changed, or something that must not be; each by its path.
    """
    row: Any = find_study(connection, name)
    before = study_written_as(row.definition)
    scale_before = instrument_of(connection, int(row.instrument_version_id))
    same = changed.content_hash == before.content_hash and scale.content_hash == scale_before.content_hash
    faults = ["nothing is changed"] if same else _faults(before, changed, scale_before, scale)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        fact = f"study {name!r} cannot be amended so.\n{listed}"
        raise DefinitionError(fact_and_hint(CALLER, fact, f"these may change: {', '.join(MAY_CHANGE)}."))
    version_id = keep_instrument(connection, scale)
    number = 1 + int(connection.execute(_newest(int(row.id))).scalar_one())
    values = {"definition": changed.to_json(), "sha256": changed.content_hash}
    connection.execute(
        update(study).where(study.c.id == row.id).values(instrument_version_id=version_id, **values)
    )
    connection.execute(
        insert(study_version).values(
            study_id=row.id,
            number=number,
            instrument_version_id=version_id,
            reason=why.reason.strip(),
            made_by=why.by.strip(),
            at=datetime.now(UTC),
            **values,
        )
    )
    _set_waves(connection, int(row.id), changed)
    record(connection, "study.amend", name, number)
    return number


def versions_of(connection: Connection, name: str) -> pd.DataFrame:
    """List the versions of a study.

    Parameters
    ----------
    connection
        An open connection.
    name
        Id of the study.

    Returns
    -------
    pandas.DataFrame
        `VERSION_COLUMNS`; `changed` names the keys that differ from the version before.
    """
    row: Any = find_study(connection, name)
    query = (
        select(study_version, instrument_version.c.version.label("of_instrument"))
        .join(instrument_version, instrument_version.c.id == study_version.c.instrument_version_id)
        .where(study_version.c.study_id == row.id)
        .order_by(study_version.c.number)
    )
    rows: list[tuple[Any, ...]] = []
    before: Study | None = None
    for kept in connection.execute(query):
        now = study_written_as(kept.definition)
        differ: list[str] = []
        if before is not None:
            old, new = _said(before), _said(now)
            differ = [key for key in MAY_CHANGE if old[key] != new[key]]
        consent = "" if now.consent is None else now.consent.version
        at = kept.at.isoformat(timespec="seconds")
        rows.append(
            (kept.number, at, kept.of_instrument, consent, " ".join(differ), kept.reason, kept.made_by)
        )
        before = now
    return pd.DataFrame(rows, columns=VERSION_COLUMNS)


def _newest(study_id: int) -> Any:
    return select(func.coalesce(func.max(study_version.c.number), 1)).where(
        study_version.c.study_id == study_id
    )


def _said(of: Study) -> dict[str, Any]:
    return of.model_dump(mode="json", by_alias=True)


def _faults(before: Study, now: Study, scale_before: Instrument, scale: Instrument) -> list[str]:
    old, new = _said(before), _said(now)
    faults = [f"{key}: must stay as it is" for key in new if key not in MAY_CHANGE and old[key] != new[key]]
    ids_before, ids = [one.name for one in before.waves], [one.name for one in now.waves]
    if ids[: len(ids_before)] != ids_before:
        faults.append(f"waves: {', '.join(ids_before)} must stay in their order; others may follow")
    asked = {one.name: one.scale for one in before.waves}
    faults += [
        f"waves: {one.name} must ask the scale as before"
        for one in now.waves
        if asked.get(one.name, one.scale) != one.scale
    ]
    if before.consent is not None and now.consent is not None:
        texts_differ = before.consent.text != now.consent.text
        if texts_differ and before.consent.version == now.consent.version:
            faults.append("consent.version: a changed text needs a version of its own")
    faults += form_faults(before, now)
    faults += now.faults_before_opening()
    if scale.content_hash != scale_before.content_hash:
        faults += _scale_faults(scale_before, scale)
    return faults


def _scale_faults(before: Instrument, now: Instrument) -> list[str]:
    faults = []
    if now.id != before.id:
        faults.append(f"instrument: is {now.id}, not {before.id}")
    if now.version == before.version:
        faults.append("instrument: changed wording needs a version of its own")
    old, new = _meaning(before), _meaning(now)
    faults += [
        f"instrument: {part} must stay as they are; only wording may change"
        for part in old
        if old[part] != new[part]
    ]
    return faults


def _meaning(scale: Instrument) -> dict[str, Any]:
    """What makes an answer mean what it means, apart from words."""
    return {
        "items": [
            (
                theme.id,
                [(item.id, item.reverse, scale.scale_name(item.id), item.also_in) for item in theme.items],
            )
            for theme in scale.themes
        ],
        "roles of themes": [(theme.id, theme.role, theme.measurement) for theme in scale.themes],
        "codes": {
            name: (options.codes, [(one.code, one.reason) for one in options.outside])
            for name, options in scale.response_scales.items()
        },
        "codes of missing answers": dict(scale.missing_codes),
        "rules of scoring": scale.scoring.model_dump(),
        "languages": scale.languages,
    }


def _set_waves(connection: Connection, study_id: int, now: Study) -> None:
    known: dict[str, Any] = {str(row.name): row for row in _rows(waves_of(connection, study_id))}
    for position, one in enumerate(now.waves, start=1):
        days = {"opens_day": one.opens, "closes_day": one.closes}
        if one.name in known:
            connection.execute(update(wave).where(wave.c.id == known[one.name].id).values(**days))
        else:
            connection.execute(
                insert(wave).values(study_id=study_id, name=one.name, position=position, **days)
            )


def _rows(rows: Any) -> list[Any]:
    return list(rows)
