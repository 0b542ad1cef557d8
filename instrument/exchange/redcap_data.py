"""Answers to and from REDCap."""

from __future__ import annotations

import re

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.exchange.coding import coded_answers
from instrument.exchange.redcap import field_names
from instrument.responses import check_responses
from instrument.written_cells import csv_text

EVENT = re.compile(r"(?:wave_)?(.+?)(?:_arm_\d+)?")
COMPLETE = 2


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
        `record_id`, `redcap_event_name` (`wave_<wave>_arm_1`), the items, and `<form>_complete` (2).
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
    table[f"{_form(scale)}_complete"] = COMPLETE
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
        As `read_responses` gives it. The wave is the repeat instance or the event without `wave_` and
        `_arm_1`; without either, wave 1 is assumed and noted.

    Raises
    ------
    ResponseDataError
        No `record_id`, or the table breaks the contract of `check_responses`.
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
        table["wave"] = [_wave(name) for name in events]
    own = {
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_survey_identifier",
    }
    own |= {f"{_form(scale)}_complete", f"{_form(scale)}_timestamp"}
    table = table.drop(columns=[name for name in table.columns if name in own])
    if absent := [item for item in scale.item_ids if item not in table.columns]:
        fact = f"{len(absent)} of {len(scale.item_ids)} fields lack: {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "export every field of the form."))
    return check_responses(table, scale, covariates=covariates)


def _form(scale: Instrument) -> str:
    return re.sub(r"[^a-z0-9_]", "_", scale.id.lower())


def _event(wave: object) -> str:
    return f"wave_{re.sub(r'[^a-z0-9]+', '_', str(wave).lower()).strip('_')}_arm_1"


def _wave(event: object) -> str:
    found = EVENT.fullmatch(str(event))
    return found.group(1) if found else str(event)
