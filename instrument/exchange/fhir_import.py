"""Answers from FHIR QuestionnaireResponse resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.exchange.coding import missing_codes_of
from instrument.exchange.fhir import ABSENT, EXTENSIONS
from instrument.responses import check_responses

REASON_OF = {code: reason for reason, code in ABSENT.items()}
DEEPEST = 5


def from_fhir(resource: dict[str, Any], scale: Instrument) -> pd.DataFrame:
    """Turn a QuestionnaireResponse, or a Bundle of them, into a checked response table.

    Reads R4, R4B and R5. The participant is `subject.identifier.value` and the wave the part after the last
    "/" of `identifier.value`; without it, wave 1 is assumed.

    Parameters
    ----------
    resource
        JSON of the resource.
    scale
        The instrument.

    Returns
    -------
    pandas.DataFrame
        As `read_responses` gives it.

    Raises
    ------
    ResponseDataError
        The resource is of another type or another questionnaire; with the path of each fault, never with
        an answer.
    """
    faults: list[str] = []
    rows = [
        _row(response, path, scale, faults)
        for path, response in _responses(resource, faults)
        if _belongs(response, path, scale, faults)
    ]
    if not rows and not faults:
        faults.append("entry: there is no QuestionnaireResponse")
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:5])
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        fact = f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in the resource.\n{shown}{more}"
        raise ResponseDataError(fact_and_hint("from_fhir", fact, "mend the resource; nothing was read."))
    frame = pd.DataFrame(rows, columns=["participant", "wave", *scale.item_ids])
    frame[scale.item_ids] = frame[scale.item_ids].astype("Int64")
    return check_responses(frame, scale)


def _responses(resource: dict[str, Any], faults: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind == "QuestionnaireResponse":
        yield "", resource
    elif kind == "Bundle" and isinstance(entries := resource.get("entry", []), list):
        for k, entry in enumerate(entries):
            inner = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(inner, dict) and inner.get("resourceType") == "QuestionnaireResponse":
                yield f"entry[{k}].resource.", inner
            elif not isinstance(inner, dict):
                faults.append(f"entry[{k}].resource: is no resource")
    else:
        faults.append("resourceType: must be QuestionnaireResponse or a Bundle of them")


def _belongs(response: dict[str, Any], path: str, scale: Instrument, faults: list[str]) -> bool:
    name, _, version = str(response.get("questionnaire", "")).partition("|")
    if name.rpartition("/")[2] != scale.id:
        faults.append(f"{path}questionnaire: is not {scale.id}")
    elif version and version != scale.version:
        faults.append(f"{path}questionnaire: is version {version}, the instrument is {scale.version}")
    else:
        return True
    return False


def _row(response: dict[str, Any], path: str, scale: Instrument, faults: list[str]) -> dict[str, Any]:
    given = response.get("identifier")
    first = given[0] if isinstance(given, list) and given else given
    subject = _at(response, "subject", "identifier", "value")
    if not isinstance(subject, str) or not subject:
        faults.append(f"{path}subject.identifier.value: is missing")
    name = str(_at(first, "value") or "")
    row: dict[str, Any] = {"participant": subject, "wave": name.rpartition("/")[2] if "/" in name else "1"}
    seen: list[str] = []
    for where, item in _leaves(response.get("item", []), f"{path}item", faults):
        link = item.get("linkId")
        if link not in scale.item_ids:
            faults.append(f"{where}.linkId: is not an item of {scale.id}")
        else:
            seen.append(link)
            row[link] = _value(item, scale, link, where, faults)
    if doubled := sorted({link for link in seen if seen.count(link) > 1}):
        faults.append(f"{path}item: items are there twice: {name_offenders(doubled)}")
    return row


def _leaves(items: Any, path: str, faults: list[str], depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(items, list) or depth > DEEPEST:
        faults.append(f"{path}: must be a list, at most {DEEPEST} groups deep")
        return
    for k, item in enumerate(items):
        where = f"{path}[{k}]"
        if not isinstance(item, dict):
            faults.append(f"{where}: must be an object")
        elif "item" in item:
            yield from _leaves(item["item"], f"{where}.item", faults, depth + 1)
        else:
            yield where, item


def _value(
    item: dict[str, Any], scale: Instrument, item_id: str, where: str, faults: list[str]
) -> int | None:
    given = item.get("answer") or []
    if not given:
        return _absent(item, scale, item_id)
    answer = given[0] if isinstance(given, list) and len(given) == 1 else None
    code = _at(answer, "valueCoding", "code") or _at(answer, "valueInteger")
    if isinstance(answer, dict) and answer.get("valueInteger") == 0:
        code = 0
    known = {str(c): c for c in (*scale.scale_of(item_id).codes, *missing_codes_of(scale, item_id).values())}
    if isinstance(code, bool) or str(code) not in known:
        faults.append(f"{where}.answer: needs one valueCoding.code or valueInteger of the response scale")
        return None
    return known[str(code)]


def _absent(item: dict[str, Any], scale: Instrument, item_id: str) -> int | None:
    for extension in item.get("extension") or []:
        if _at(extension, "url") == f"{EXTENSIONS}data-absent-reason":
            reason = REASON_OF.get(str(_at(extension, "valueCode")), "unstated")
            return missing_codes_of(scale, item_id).get(reason)
    return None


def _at(place: Any, *steps: str) -> Any:
    for step in steps:
        place = place.get(step) if isinstance(place, dict) else None
    return place
