"""Items of a FHIR QuestionnaireResponse, read one way for files and for programs that send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from instrument.definition import Instrument
from instrument.exchange.coding import missing_codes_of
from instrument.exchange.fhir import ABSENT, EXTENSIONS

REASON_OF = {code: reason for reason, code in ABSENT.items()}
DEEPEST = 5
"""Groups within groups, and questions beneath answers, that are followed."""
SHOWN_ONLY = frozenset({"instructions", "time_frame"})
"""Items of our own questionnaire that are read and not answered."""
NEEDED = "needs one valueCoding.code or valueInteger of the response scale"
WHOLE = re.compile(r"[+-]?[0-9]{1,9}(\.0*)?")

Faults = list[tuple[str, str]]
Read = int | str | None
"""A code on the response scale, the reason why there is none, or None where nothing is said."""


def read_items(items: Any, path: str, scale: Instrument, faults: Faults) -> dict[str, Read]:
    """Read the answers of a response.

    Questions stand in groups, beneath other questions or beneath answers; each is found. What is only shown
    (a text without an answer) is passed over.

    Parameters
    ----------
    items
        The `item` list of the resource, as it came.
    path
        Where it stands, for the faults.
    scale
        The instrument.
    faults
        Path and message of each fault are added, never an answer.

    Returns
    -------
    dict
        Item id to what was read; items that do not occur are not in it.
    """
    found: dict[str, Read] = {}
    for where, item in _questions(items, path, scale, faults):
        link = item.get("linkId")
        if not isinstance(link, str) or link not in scale.item_ids:
            faults.append((f"{where}.linkId", "is not an item of the instrument"))
        elif link in found:
            faults.append((f"{where}.linkId", f"items are there twice: {link!r}"))
        else:
            found[link] = _read_answer(item, scale, link, where, faults)
    return found


def _questions(
    items: Any, path: str, scale: Instrument, faults: Faults, depth: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every item that asks something, each with its path."""
    if not isinstance(items, list) or depth > DEEPEST:
        faults.append((path, f"must be a list, at most {DEEPEST} groups deep"))
        return
    for place, item in enumerate(items):
        where = f"{path}[{place}]"
        if not isinstance(item, dict):
            faults.append((where, "must be an object"))
            continue
        within, answers = item.get("item"), item.get("answer")
        has_answer = answers not in (None, [])
        asks = has_answer or within is None or item.get("linkId") in scale.item_ids
        if asks and not _only_shown(item, has_answer):
            yield where, item
        if within is not None:
            yield from _questions(within, f"{where}.item", scale, faults, depth + 1)
        for k, answer in enumerate(answers if isinstance(answers, list) else []):
            if isinstance(answer, dict) and answer.get("item") is not None:
                yield from _questions(answer["item"], f"{where}.answer[{k}].item", scale, faults, depth + 1)


def _only_shown(item: dict[str, Any], has_answer: bool) -> bool:
    """Whether an item is a text to read: ours by name, another program's by text without answer or reason."""
    link = item.get("linkId")
    if has_answer or not isinstance(link, str):
        return False
    return link in SHOWN_ONLY or (bool(item.get("text")) and not item.get("extension"))


def _read_answer(item: dict[str, Any], scale: Instrument, item_id: str, where: str, faults: Faults) -> Read:
    given = item.get("answer")
    if given is None or given == []:
        return _absent(item)
    answer = given[0] if isinstance(given, list) and len(given) == 1 else None
    values = [name for name in answer if name.startswith("value")] if isinstance(answer, dict) else []
    if not isinstance(answer, dict) or len(values) != 1:
        faults.append((f"{where}.answer", NEEDED))
        return None
    value = answer[values[0]]
    code = _code(values[0], value)
    choices = scale.scale_of(item_id)
    reasons = {number: reason for reason, number in missing_codes_of(scale, item_id).items()}
    if code is None or (code not in choices.codes and code not in reasons):
        faults.append((f"{where}.answer", NEEDED))
        return None
    if isinstance(value, dict) and _labelled_otherwise(scale, item_id, code, value.get("display")):
        fault = "is the label of another code in the instrument"
        faults.append((f"{where}.answer[0].valueCoding.display", fault))
        return None
    return code if code in choices.codes else reasons[code]


def _code(kind: str, value: Any) -> int | None:
    """Whole number of a coding, an integer or a decimal without a fraction."""
    if kind == "valueCoding" and isinstance(value, dict):
        value = value.get("code")
    elif kind not in ("valueInteger", "valueDecimal"):
        return None
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value.partition(".")[0]) if kind == "valueCoding" and WHOLE.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _labelled_otherwise(scale: Instrument, item_id: str, code: int, display: Any) -> bool:
    """Whether a display text is our label of another code: the sender counts in another order."""
    if not isinstance(display, str):
        return False
    named = scale.item(item_id).scale or scale.scale_by_default
    wanted = display.strip().casefold()
    owners = {
        number
        for tag in scale.languages
        for number, label in scale.wording(tag).options[named].items()
        if label.strip().casefold() == wanted
    }
    return bool(owners) and code not in owners


def _absent(item: dict[str, Any]) -> str | None:
    extensions = item.get("extension")
    for extension in extensions if isinstance(extensions, list) else []:
        if isinstance(extension, dict) and extension.get("url") == f"{EXTENSIONS}data-absent-reason":
            reason = REASON_OF.get(str(extension.get("valueCode")))
            return None if reason == "unstated" else reason
    return None
