"""A study of the store as files that every command reads: answers, use, enrolment, times, order, consent."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sqlalchemy import Connection, select

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint
from instrument.exchange.coding import missing_codes_of
from instrument.exchange.delimited import wide_csv
from instrument.reading.raw import ReasonTable
from instrument.reading.written_cells import csv_text
from instrument.store.connect import reading
from instrument.store.definitions import find_study, instrument_of, study_written_as
from instrument.store.form_answers import form_tables
from instrument.store.form_mending import corrections_of
from instrument.store.instants import utc
from instrument.store.sheets import page_times
from instrument.store.study_data import opened_store, study_data
from instrument.store.tables import administration, consent, item, participant, response
from instrument.store.times import live_places
from instrument.store.windows import days_of_people
from instrument.study import Study

CALLER = "dta study export"
RESPONSES, USAGE, ENROLMENT, TIMES = "responses.csv", "usage.csv", "enrolment.csv", "times.csv"
CONSENT, ORDER, PAGE_TIMES = "consent.csv", "order.csv", "page_times.csv"
CORRECTIONS = "corrections.csv"
STUDY, INSTRUMENT = "study.yaml", "instrument.yaml"


def study_files(
    url: str, name: str, *, identifying: bool = False, forms_alone: bool = False
) -> tuple[dict[str, str], list[str]]:
    """Give the files of a study.

    Parameters
    ----------
    url
        Of the store, which must be there.
    name
        Id of the study.
    identifying
        With those answers to forms that may tell who somebody is.
    forms_alone
        Give forms and consent where the scale has no answers yet, instead of refusing.

    Returns
    -------
    tuple
        Text of each file by its name, and notes: what was set aside. `responses.csv` holds what an analysis
        takes; `usage.csv`, `times.csv` and `page_times.csv` are absent where nothing is known,
        `corrections.csv` where the team corrected nothing; days count
        from the person's day 0, and no moment, address or link is in any of them. Trial links are left out.

    Raises
    ------
    StoreError
        There is no such store or study.
    ResponseDataError
        The study has no answers yet.
    """
    try:
        data = study_data(url, name)
    except ResponseDataError:
        found = _forms_alone(url, name, identifying=identifying) if forms_alone else None
        if found is None:
            raise
        return found
    engine = opened_store(url)
    try:
        with reading(engine) as connection:
            row: Any = find_study(connection, name)
            beside = {
                PAGE_TIMES: page_times(connection, int(row.id)),
                ORDER: _order(connection, int(row.id)),
                CONSENT: _choices(connection, row),
            }
            study = study_written_as(row.definition)
            forms = form_tables(connection, name, identifying=identifying) if study.forms else {}
            corrected = corrections_of(connection, int(row.id))
    finally:
        engine.dispose()
    kept = set(
        zip(data.responses["participant"].astype(str), data.responses["wave"].astype(str), strict=True)
    )
    for table in (PAGE_TIMES, ORDER):
        places = zip(beside[table]["participant"], beside[table]["wave"], strict=True)
        beside[table] = beside[table].loc[[place in kept for place in places]]
    files = {
        RESPONSES: wide_csv(_sayable(data.responses, data.scale), data.scale),
        STUDY: _yaml(_study_beside(study, data.scale).to_json()),
        INSTRUMENT: _yaml(data.scale.model_dump_json(by_alias=True)),
        ORDER: csv_text(beside[ORDER]),
        CONSENT: csv_text(beside[CONSENT]),
    }
    if data.usage is not None and len(data.usage):
        files[USAGE] = csv_text(data.usage[["participant", "day", "kind", "duration"]])
    tables = {ENROLMENT: data.enrolment, TIMES: data.times}
    files |= {name: csv_text(table) for name, table in tables.items() if table is not None}
    files |= {PAGE_TIMES: csv_text(beside[PAGE_TIMES])} if len(beside[PAGE_TIMES]) else {}
    files |= {f"form_{form}.csv": csv_text(table) for form, table in forms.items()}
    files |= {CORRECTIONS: csv_text(corrected)} if len(corrected) else {}
    return files, list(data.set_aside)


def _forms_alone(url: str, name: str, *, identifying: bool) -> tuple[dict[str, str], list[str]] | None:
    """Files of a study in which forms were answered and the scale was not; None where nothing was."""
    engine = opened_store(url)
    try:
        with reading(engine) as connection:
            row: Any = find_study(connection, name)
            scale = instrument_of(connection, int(row.instrument_version_id))
            tables = form_tables(connection, name, identifying=identifying)
            choices = _choices(connection, row)
            corrected = corrections_of(connection, int(row.id))
            asked_scale = connection.execute(_answers_to_scale(int(row.id))).first()
    finally:
        engine.dispose()
    if asked_scale is not None or all(table.empty for table in tables.values()):
        return None
    files = {
        STUDY: _yaml(str(row.definition)),
        INSTRUMENT: _yaml(scale.model_dump_json(by_alias=True)),
        CONSENT: csv_text(choices),
        **{f"form_{form}.csv": csv_text(table) for form, table in tables.items()},
        **({CORRECTIONS: csv_text(corrected)} if len(corrected) else {}),
    }
    return files, ["the scale has no answers yet; these are forms and consent alone"]


def _answers_to_scale(study_id: int) -> Any:
    rows = select(response.c.item_id).join(
        administration, administration.c.id == response.c.administration_id
    )
    people = rows.join(participant, participant.c.id == administration.c.participant_id)
    live = (administration.c.status != "void") & participant.c.is_test.is_(False)
    return people.where(participant.c.study_id == study_id, live).limit(1)


def write_study_files(
    url: str, name: str, folder: Path, *, identifying: bool = False, forms_alone: bool = False
) -> list[str]:
    """Write the files of a study into a new folder: all of them or none, for their owner only.

    Parameters
    ----------
    url, name, identifying, forms_alone
        As for `study_files`.
    folder
        Must not exist.

    Returns
    -------
    list of str
        Notes: what was set aside.

    Raises
    ------
    ResponseDataError
        The folder exists or cannot be made, or the study has no answers yet.
    """
    if folder.exists():
        fact = f"{folder.name} exists already."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give a new folder."))
    files, notes = study_files(url, name, identifying=identifying, forms_alone=forms_alone)
    scratch = None
    try:
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
        for file, text in files.items():
            (scratch / file).touch(0o600)
            (scratch / file).write_text(text, encoding="utf-8", newline="")
        os.replace(scratch, folder)
    except OSError as error:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        fact = f"{folder.name} cannot be written ({error.strerror})."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "choose another place.")) from None
    return notes


@contextmanager
def study_folder(url: str, name: str) -> Iterator[tuple[Path, list[str]]]:
    """Give the files of a study in a folder that only its owner can read, and that is gone afterwards.

    Parameters
    ----------
    url, name
        As for `study_files`.

    Yields
    ------
    tuple
        The folder, and notes.
    """
    with tempfile.TemporaryDirectory(prefix="dta-") as place:
        folder = Path(place) / "study"
        yield folder, write_study_files(url, name, folder)


def _study_beside(study: Study, scale: Instrument) -> Study:
    """Study file that names its instrument by id, as the path it had leads nowhere from here."""
    if study.instrument.partition("@")[0] == scale.id:
        return study
    return study.model_copy(update={"instrument": scale.id})


def _yaml(text: str) -> str:
    return yaml.safe_dump(yaml.safe_load(text), allow_unicode=True, sort_keys=False, width=100)


def _sayable(answers: pd.DataFrame, scale: Instrument) -> pd.DataFrame:
    """Answers whose reasons for missing ones all have a code in the instrument; others leave a blank cell."""
    reasons = answers.attrs.get("reasons")
    if reasons is None or reasons.empty:
        return answers
    sayable = {name: set(missing_codes_of(scale, name)) for name in scale.item_ids}
    known = [
        reason in sayable.get(str(name), set())
        for name, reason in zip(reasons["item"], reasons["reason"], strict=True)
    ]
    made = answers.copy()
    made.attrs = {**answers.attrs, "reasons": ReasonTable(reasons[known].reset_index(drop=True))}
    return made


def _order(connection: Connection, study_id: int) -> pd.DataFrame:
    """Place and page of each item as it was shown; nothing is known of the order on paper and in programs."""
    query = (
        live_places(item.c.name.label("item"), response.c.display_order, response.c.page)
        .join(response, response.c.administration_id == administration.c.id)
        .join(item, item.c.id == response.c.item_id)
        .where(participant.c.study_id == study_id, administration.c.mode == "web")
        .order_by(response.c.display_order)
    )
    columns = ["participant", "wave", "item", "position", "page"]
    return pd.DataFrame([tuple(row) for row in connection.execute(query)], columns=columns)


def _choices(connection: Connection, study_row: Any) -> pd.DataFrame:
    """Every choice about consent, with the day since the person's day 0."""
    query = (
        select(participant.c.id, participant.c.pseudonym, consent)
        .join(consent, consent.c.participant_id == participant.c.id)
        .where(participant.c.study_id == study_row.id, participant.c.is_test.is_(False))
        .order_by(participant.c.id, consent.c.id)
    )
    days = days_of_people(connection, study_row)
    rows = [
        (
            row.pseudonym,
            "yes" if row.granted else "no",
            row.version,
            row.lang,
            days[row.participant_id].day(utc(row.at).date()),
        )
        for row in connection.execute(query)
    ]
    made = pd.DataFrame(rows, columns=["participant", "consent", "consent_version", "language", "day"])
    made["day"] = made["day"].astype("Int64")
    return made
