"""Answers from FHIR QuestionnaireResponse resources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint
from instrument.exchange.coding import missing_codes_of
from instrument.exchange.fhir import ADMINISTRATIONS
from instrument.exchange.fhir_reading import Faults, read_items
from instrument.reading.dates_given import date_written, with_days
from instrument.reading.raw import count_of
from instrument.reading.read_responses import check_responses
from instrument.standing import COMPLETED, OPEN, with_status

PARTIAL = re.compile(r"[0-9]{4}(-[0-9]{2})?")
"""A year or a month, which FHIR allows where a day is not known."""
FINISHED = ("completed", "amended")
UNFINISHED = ("in-progress", "draft")
NOT_ANSWERS = ("stopped", "entered-in-error")


def from_fhir(resource: dict[str, Any], scale: Instrument) -> pd.DataFrame:
    """Turn a QuestionnaireResponse, or a Bundle of them, into a checked response table.

    Reads R4, R4B and R5. The participant is `subject.identifier.value`. The wave comes from the identifier
    that `questionnaire_responses` writes (system `…/administrations`, value `participant/wave`) and from no
    other; without it, wave 1 is assumed and noted. Responses that are `stopped` or `entered-in-error` are
    left out and noted; `in-progress` and `draft` are read as not finished. Questions in groups, beneath
    questions and beneath answers are found; whole decimals are codes; texts that are only shown are passed
    over.

    Parameters
    ----------
    resource
        JSON of the resource.
    scale
        The instrument.

    Returns
    -------
    pandas.DataFrame
        As `read_responses` gives it; then `completed_on`, the day of `authored` in UTC, when one says it, and
        `status` (completed or open) when one was not finished.

    Raises
    ------
    ResponseDataError
        The resource is of another type or another questionnaire; with the path of each fault, never with
        an answer.
    """
    faults: Faults = []
    rows, statuses, days, left_out = [], [], [], dict.fromkeys(NOT_ANSWERS, 0)
    places: list[str] = []
    notes: list[str] = []
    for path, response in _responses(resource, faults):
        status = _status(response, path, faults)
        if status in NOT_ANSWERS:
            left_out[status] += 1
        elif _belongs(response, path, scale, faults):
            rows.append(_row(response, path, scale, faults))
            days.append(_authored(response, path, faults))
            places.append(path)
            statuses.append(OPEN if status in UNFINISHED else COMPLETED)
    unstated = sum("status" not in response for _, response in _responses(resource, []))
    if not rows and not faults:
        faults.append(("entry", "there is no QuestionnaireResponse with answers"))
    faults += [] if faults else _told_apart(rows, places)
    if faults:
        shown = "\n".join(f"  {path}: {message}" for path, message in faults[:5])
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        fact = f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in the resource.\n{shown}{more}"
        raise ResponseDataError(fact_and_hint("from_fhir", fact, "mend the resource; nothing was read."))
    notes += [f"{n} responses with status {status} left out" for status, n in left_out.items() if n]
    notes += [f"{unstated} responses without a status, taken as completed"] if unstated else []
    if without := sum(row["wave"] is None for row in rows):
        notes.append(f"{count_of(without, 'response')} without an identifier of ours: wave 1 assumed")
    frame = pd.DataFrame(rows, columns=["participant", "wave", *scale.item_ids])
    frame["wave"] = [row["wave"] or "1" for row in rows]
    frame[scale.item_ids] = frame[scale.item_ids].astype("Int64")
    made = check_responses(frame, scale)
    made.attrs["notes"] = [*made.attrs["notes"], *notes]
    return with_status(with_days(made, days, "from_fhir", "authored"), statuses)


def _told_apart(rows: list[dict[str, Any]], places: list[str]) -> Faults:
    """Responses of one person that share a wave, or have none that could be told apart by."""
    keys = [(row["participant"], row["wave"] or "1") for row in rows]
    words = (
        f"another response of this person is of the same wave; give each an identifier whose system ends in "
        f"{ADMINISTRATIONS} and whose value is subject.identifier.value, / and its wave"
    )
    counts = Counter(keys)
    return [(f"{p}identifier", words) for p, key in zip(places, keys, strict=True) if counts[key] > 1]


def _responses(resource: dict[str, Any], faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind == "QuestionnaireResponse":
        yield "", resource
    elif kind == "Bundle":
        entries = resource.get("entry", [])
        if not isinstance(entries, list):
            faults.append(("entry", "must be a list"))
            return
        for k, entry in enumerate(entries):
            inner = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(inner, dict) and inner.get("resourceType") == "QuestionnaireResponse":
                yield f"entry[{k}].resource.", inner
            elif not isinstance(inner, dict):
                faults.append((f"entry[{k}].resource", "is no resource"))
    else:
        faults.append(("resourceType", "must be QuestionnaireResponse or a Bundle of them"))


def _status(response: dict[str, Any], path: str, faults: Faults) -> str:
    status = response.get("status", "completed")
    if not isinstance(status, str) or status not in (*FINISHED, *UNFINISHED, *NOT_ANSWERS):
        known = ", ".join((*FINISHED, *UNFINISHED, *NOT_ANSWERS))
        faults.append((f"{path}status", f"is none of {known}"))
        return "completed"
    return status


def _belongs(response: dict[str, Any], path: str, scale: Instrument, faults: Faults) -> bool:
    name, _, version = str(response.get("questionnaire", "")).partition("|")
    if name.rpartition("/")[2] != scale.id:
        faults.append((f"{path}questionnaire", f"is not {scale.id}"))
    elif version and version != scale.version:
        faults.append((f"{path}questionnaire", f"is version {version}, the instrument is {scale.version}"))
    else:
        return True
    return False


def _row(response: dict[str, Any], path: str, scale: Instrument, faults: Faults) -> dict[str, Any]:
    subject = _at(response, "subject", "identifier", "value")
    if not isinstance(subject, str) or not subject:
        if _at(response, "subject", "reference") is not None:
            fault = "names a record of another server; the pseudonym is read from subject.identifier.value"
            faults.append((f"{path}subject.reference", fault))
        else:
            faults.append((f"{path}subject.identifier.value", "is missing"))
    row: dict[str, Any] = {"participant": subject, "wave": _wave(response, path, subject, faults)}
    known = len(faults)
    read = read_items(response.get("item", []), f"{path}item", scale, faults)
    if not read and len(faults) == known and response.get("status") not in UNFINISHED:
        faults.append((f"{path}item", "holds no item of the instrument, so this is no set of answers"))
    for item_id, found in read.items():
        row[item_id] = missing_codes_of(scale, item_id).get(found) if isinstance(found, str) else found
    return row


def _authored(response: dict[str, Any], path: str, faults: Faults) -> date | None:
    """Day of the answers in UTC; None where only month or year is known, or nothing."""
    given = response.get("authored")
    if given is None or (isinstance(given, str) and PARTIAL.fullmatch(given)):
        return None
    day = date_written(given) if isinstance(given, str) else None
    if day is None:
        faults.append((f"{path}authored", "must be a date, or a moment in ISO 8601"))
    return day


def _wave(response: dict[str, Any], path: str, subject: Any, faults: Faults) -> str | None:
    """Wave in our own identifier, `participant/wave` under `…/administrations`; no other is guessed at."""
    given = response.get("identifier")
    for one in given if isinstance(given, list) else [given]:
        system, value = _at(one, "system"), _at(one, "value")
        if not isinstance(system, str) or not system.endswith(ADMINISTRATIONS) or not isinstance(value, str):
            continue
        whose, parted, wave = value.rpartition("/")
        if not parted or not wave or whose != subject:
            faults.append((f"{path}identifier.value", "is not subject.identifier.value, / and a wave"))
            return None
        return wave
    return None


def _at(place: Any, *steps: str) -> Any:
    for step in steps:
        place = place.get(step) if isinstance(place, dict) else None
    return place
