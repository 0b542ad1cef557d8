"""Answers to and from REDCap."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.exchange.coding import coded_answers
from instrument.exchange.redcap import field_names
from instrument.reading.dates_given import date_written, with_days
from instrument.reading.read_responses import check_responses
from instrument.reading.written_cells import csv_text
from instrument.recognition.tools import STATUS_OF, wave_of_event
from instrument.standing import COMPLETED, status_of, with_status

COMPLETE, INCOMPLETE = 2, 0
NOT_COMPLETED = "[not completed]"
"""What REDCap writes in place of the moment at which a survey was sent."""
REDCAPS_OWN = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_survey_identifier",
    "redcap_data_access_group",
)


def redcap_data(responses: pd.DataFrame, scale: Instrument) -> str:
    """Write answers as the CSV that REDCap imports into a longitudinal project.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table (see `read_responses`); covariates are left out, as the dictionary has no
        field for them.
    scale
        The instrument.

    Returns
    -------
    str
        `record_id`, `redcap_event_name` (`wave_<wave>_arm_1`), the items, and `<form>_complete` (2, or 0
        where the column `status` says open).
        Kinds of missing answers that respondents cannot choose have to be declared in REDCap as missing
        data codes.

    Raises
    ------
    DefinitionError
        Ids differ by case only, or a reason occurs for which the instrument declares no code.
    ResponseDataError
        The table is no response table of this instrument, or two waves make one event.
    """
    caller = "redcap_data"
    names = field_names(scale, caller)
    coded = coded_answers(responses, scale, caller).rename(columns=names)
    events = responses["wave"].map(_event)
    if events.nunique() != responses["wave"].nunique():
        fact = f"{responses['wave'].nunique()} waves make {events.nunique()} names of events in REDCap."
        raise ResponseDataError(fact_and_hint(caller, fact, "rename the waves with letters and digits."))
    table = pd.concat(
        [responses["participant"].rename("record_id"), events.rename("redcap_event_name"), coded], axis=1
    )
    finished = status_of(responses, caller) == COMPLETED
    table[f"{_form(scale)}_complete"] = [COMPLETE if done else INCOMPLETE for done in finished]
    return csv_text(table)


def from_redcap(exported: pd.DataFrame, scale: Instrument, covariates: tuple[str, ...] = ()) -> pd.DataFrame:
    """Turn an export of REDCap (raw values) into a checked response table.

    Parameters
    ----------
    exported : pandas.DataFrame
        Rows as REDCap exports them, read as text (`pd.read_csv(path, dtype=str)`).
    scale
        The instrument whose dictionary the project uses.
    covariates
        Further fields to keep; others are refused, except REDCap's own.

    Returns
    -------
    pandas.DataFrame
        As `read_responses` gives it; then `completed_on`, the day of `<form>_timestamp` as REDCap's own clock
        has it, when the export has time stamps, and `status` (completed or open) when `<form>_complete` is 0,
        1 or empty somewhere. Rows of events without the form (no answer, not complete) are left out and
        noted. The wave is the repeat instance or the event without `wave_` and
        `_arm_1`; without either, wave 1 is assumed and noted.

    Raises
    ------
    ResponseDataError
        No `record_id`, a time stamp that holds no date, or the table breaks the contract of
        `check_responses`.
    """
    caller = "from_redcap"
    if "record_id" not in exported.columns:
        fact = "there is no column 'record_id'."
        raise ResponseDataError(fact_and_hint(caller, fact, "export raw values from REDCap as CSV."))
    table = exported.rename(columns={field: item for item, field in field_names(scale, caller).items()})
    table = table.rename(columns={"record_id": "participant"})
    events, instances = table.get("redcap_event_name"), table.get("redcap_repeat_instance")
    if instances is not None and instances.notna().any():
        if events is not None and len(set(events)) > 1:
            fact = "rows have both events and repeat instances, so the wave is not plain."
            raise ResponseDataError(fact_and_hint(caller, fact, "keep one of the two columns."))
        table["wave"] = instances
    elif events is not None:
        table["wave"] = [wave_of_event(str(name)) for name in events]
    fields = {field.lower() for field in field_names(scale, caller).values()} | {"participant", "wave"}
    forms = [
        name
        for name in table.columns
        if name.endswith("_complete") and name.lower() not in fields and name not in covariates
    ]
    own = f"{_form(scale)}_complete"
    chosen = own if own in forms else forms[0] if len(forms) == 1 else None
    states = _states(table, chosen, caller)
    days = _days(table, chosen, caller)
    stamps = [f"{name.removesuffix('_complete')}_timestamp" for name in forms]
    dropped = [
        name
        for name in table.columns
        if name in {*REDCAPS_OWN, *forms, *stamps} and name not in {"participant", "wave", *covariates}
    ]
    table = table.drop(columns=dropped)
    if absent := [item for item in scale.item_ids if item not in table.columns]:
        fact = f"{len(absent)} of {len(scale.item_ids)} fields lack: {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "export every field of the form."))
    untouched = table[scale.item_ids].isna().all(axis=1).to_numpy() & (states != COMPLETED)
    if untouched.all() and len(table):
        fact = f"none of {len(table)} rows holds an answer."
        raise ResponseDataError(
            fact_and_hint(caller, fact, "export the event in which the form is filled in.")
        )
    made = check_responses(table[~untouched], scale, covariates=covariates)
    notes = (
        [f"{int(untouched.sum())} of {len(table)} rows without the form left out"] if untouched.any() else []
    )
    if chosen is None:
        notes.append(f"no column {own}: every row counts as completed")
    made.attrs["notes"] = [*made.attrs["notes"], *notes]
    given = [day for day, blank in zip(days, untouched, strict=True) if not blank]
    made = with_days(made, given, caller, "the time stamps")
    return with_status(made, [str(state) for state in states[~untouched]])


def _days(table: pd.DataFrame, form: str | None, caller: str) -> list[date | None]:
    """Day of each row's survey; None where it was entered by the team, or is not complete."""
    column = "" if form is None else f"{form.removesuffix('_complete')}_timestamp"
    if column not in table.columns:
        return [None] * len(table)
    cells = table[column].fillna("").astype(str).str.strip()
    stamps = ["" if cell.lower() == NOT_COMPLETED else cell for cell in cells]
    days = [date_written(stamp) for stamp in stamps]
    if unread := sum(day is None and stamp != "" for day, stamp in zip(days, stamps, strict=True)):
        fact = f"column {column!r} holds no date in {unread} of {len(table)} rows."
        raise ResponseDataError(fact_and_hint(caller, fact, "export dates as 2026-03-31 (raw data)."))
    return days


def _states(table: pd.DataFrame, column: str | None, caller: str) -> np.ndarray:
    """State of the form in each row: completed or open."""
    if column is None:
        return np.full(len(table), COMPLETED, dtype=object)
    given = table[column].fillna("").astype(str).str.strip().str.lower().str.removesuffix(".0")
    states = given.map(STATUS_OF)
    if wrong := int(states.isna().sum()):
        fact = f"column {column!r} holds none of 0, 1, 2 in {wrong} of {len(table)} rows."
        raise ResponseDataError(fact_and_hint(caller, fact, "export the state of the form as REDCap has it."))
    return states.to_numpy(dtype=object)


def _form(scale: Instrument) -> str:
    return re.sub(r"[^a-z0-9_]", "_", scale.id.lower())


def _event(wave: object) -> str:
    return f"wave_{re.sub(r'[^a-z0-9]+', '_', str(wave).lower()).strip('_')}_arm_1"
