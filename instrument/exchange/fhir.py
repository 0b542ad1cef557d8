"""FHIR Questionnaire and QuestionnaireResponse in releases R4, R4B and R5."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

import pandas as pd

from instrument.definition import Instrument, Theme, Wording
from instrument.errors import DefinitionError, fact_and_hint
from instrument.exchange.coding import offered_labels, reasons_wide, scale_name, wording_in
from instrument.standing import COMPLETED, status_of

Release = Literal["R4", "R4B", "R5"]
RELEASES: tuple[Release, ...] = ("R4", "R4B", "R5")
BASE_URL = "https://example.org/fhir"
EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"
ADMINISTRATIONS = "/administrations"
"""Ending of the system under which the identifier of a response is `participant/wave`."""
ABSENT = {
    "skipped": "asked-unknown",
    "not_seen": "not-asked",
    "not_applicable": "not-applicable",
    "declined": "asked-declined",
    "unstated": "unknown",
}


def questionnaire(
    scale: Instrument, language: str | None = None, release: Release = "R5", base_url: str = BASE_URL
) -> dict[str, Any]:
    """Give an instrument as a FHIR Questionnaire.

    Parameters
    ----------
    scale
        The instrument.
    language
        Only the texts of this language; None gives the source with every translation beside it.
    release
        R4, R4B or R5.
    base_url
        Where the resource is published; the default is a placeholder that belongs to nobody.

    Returns
    -------
    dict
        JSON of the resource: one group per theme, one choice per item (`linkId` is the item id), with the
        answers outside the scale as options without a weight.

    Raises
    ------
    DefinitionError
        Unknown release or language.

    References
    ----------
    HL7 FHIR R4, R4B and R5, resource Questionnaire.

    Examples
    --------
    >>> import instrument
    >>> resource = questionnaire(instrument.load("dta"))
    >>> resource["url"], resource["item"][1]["item"][0]["linkId"]
    ('https://example.org/fhir/Questionnaire/dta', 'hum1')
    """
    _check_release(release, "questionnaire")
    wording = wording_in(scale, language, "questionnaire")
    others = [scale.wording(tag) for tag in scale.languages[1:]] if language is None else []
    candidate = scale.status == "candidate"
    resource: dict[str, Any] = {
        "resourceType": "Questionnaire",
        "id": re.sub(r"[^A-Za-z0-9.-]", "-", scale.id),
        "language": wording.language,
        "url": canonical(scale, base_url),
        "identifier": [{"system": f"{base_url}/content-hash", "value": scale.content_hash}],
        "version": scale.version,
        "name": scale.id[0].upper() + scale.id[1:] + ("_" if len(scale.id) == 1 else ""),
        **_text("title", wording.title, [(other.language, other.title) for other in others]),
        "status": "draft" if candidate else "active",
        "experimental": candidate,
        "subjectType": ["Patient"],
        **({"description": wording.notice} if wording.notice else {}),
        **({"copyright": scale.licence} if scale.licence else {}),
        "item": [],
    }
    resource["item"] += _instructions(wording, others)
    resource["item"] += [_group(scale, wording, others, theme, release, base_url) for theme in scale.themes]
    return resource


def questionnaire_responses(
    responses: pd.DataFrame, scale: Instrument, release: Release = "R5", base_url: str = BASE_URL
) -> dict[str, Any]:
    """Give answers as a FHIR Bundle of QuestionnaireResponse.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table (see `read_responses`); further columns are left out.
    scale
        The instrument.
    release
        R4, R4B or R5.
    base_url
        Where the questionnaire is published.

    Returns
    -------
    dict
        JSON of a Bundle of type collection, one resource per administration in the order of the table.
        Answers outside the scale that were chosen have their code as answer; other missing answers have
        no answer and a data-absent-reason. The wave is the last part of the identifier. An administration
        that the column `status` calls open is `in-progress`.

    Raises
    ------
    DefinitionError
        Unknown release.
    ResponseDataError
        The table is no response table of this instrument.
    """
    _check_release(release, "questionnaire_responses")
    reasons = reasons_wide(responses, scale, "questionnaire_responses").reset_index(drop=True)
    statuses = status_of(responses, "questionnaire_responses").tolist()
    entries = []
    for row, (participant, wave) in enumerate(zip(responses["participant"], responses["wave"], strict=True)):
        values = responses.iloc[row]
        identifier = {"system": f"{base_url}{ADMINISTRATIONS}", "value": f"{participant}/{wave}"}
        resource = {
            "resourceType": "QuestionnaireResponse",
            "identifier": [identifier] if release == "R5" else identifier,
            "questionnaire": f"{canonical(scale, base_url)}|{scale.version}",
            "status": "completed" if statuses[row] == COMPLETED else "in-progress",
            "subject": {"identifier": {"system": f"{base_url}/participants", "value": str(participant)}},
            "item": [
                _answered_group(scale, theme, values, reasons.iloc[row], base_url) for theme in scale.themes
            ],
        }
        entries.append({"resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def fhir_json(resource: dict[str, Any]) -> str:
    """Write a resource as JSON text.

    Parameters
    ----------
    resource
        What `questionnaire` or `questionnaire_responses` gave.

    Returns
    -------
    str
        The text.
    """
    return json.dumps(resource, ensure_ascii=False, indent=2) + "\n"


def canonical(scale: Instrument, base_url: str = BASE_URL) -> str:
    """URL that names the questionnaire, without its version."""
    return f"{base_url}/Questionnaire/{scale.id}"


def _check_release(release: str, caller: str) -> None:
    if release not in RELEASES:
        fact = f"FHIR release {release!r} is not known."
        raise DefinitionError(fact_and_hint(caller, fact, f"choose one of {', '.join(RELEASES)}."))


def _text(key: str, text: str, translations: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Give a text element, with its translations as extensions of the element."""
    extensions = [
        {
            "url": f"{EXTENSIONS}translation",
            "extension": [
                {"url": "lang", "valueCode": tag},
                {"url": "content", "valueString": translated},
            ],
        }
        for tag, translated in translations
    ]
    return {key: text, **({f"_{key}": {"extension": extensions}} if extensions else {})}


def _instructions(wording: Wording, others: list[Wording]) -> list[dict[str, Any]]:
    return [
        {
            "linkId": name,
            **_text("text", text, [(o.language, getattr(o, name)) for o in others if getattr(o, name)]),
            "type": "display",
        }
        for name in ("instructions", "time_frame")
        if (text := getattr(wording, name))
    ][:1]


def _group(
    scale: Instrument,
    wording: Wording,
    others: list[Wording],
    theme: Theme,
    release: Release,
    base_url: str,
) -> dict[str, Any]:
    # Theme titles are no part of what respondents read, so the group has no text.
    return {
        "linkId": theme.id,
        "type": "group",
        "item": [
            {
                "linkId": item.id,
                **_text("text", wording.items[item.id], [(o.language, o.items[item.id]) for o in others]),
                "type": "coding" if release == "R5" else "choice",
                "required": False,
                "answerOption": _options(scale, wording, others, item.id, release, base_url),
            }
            for item in theme.items
        ],
    }


def _options(
    scale: Instrument,
    wording: Wording,
    others: list[Wording],
    item_id: str,
    release: Release,
    base_url: str,
) -> list[dict[str, Any]]:
    on_scale = scale.scale_of(item_id).codes
    weight = f"{EXTENSIONS}{'itemWeight' if release == 'R5' else 'ordinalValue'}"
    translated = [(other.language, offered_labels(scale, other, item_id)) for other in others]
    options = []
    for code, label in offered_labels(scale, wording, item_id).items():
        extension = [{"url": weight, "valueDecimal": code}] if code in on_scale else []
        coding = {
            **({"extension": extension} if extension else {}),
            **_code(scale, item_id, code, base_url),
            **_text("display", label, [(tag, labels[code]) for tag, labels in translated]),
        }
        options.append({"valueCoding": coding})
    return options


def _code(scale: Instrument, item_id: str, code: int, base_url: str) -> dict[str, str]:
    return {"system": f"{base_url}/CodeSystem/{scale.id}-{scale_name(scale, item_id)}", "code": str(code)}


def _answered_group(
    scale: Instrument, theme: Theme, values: pd.Series, reasons: pd.Series, base_url: str
) -> dict[str, Any]:
    return {
        "linkId": theme.id,
        "item": [
            _answered(scale, item.id, values[item.id], reasons[item.id], base_url) for item in theme.items
        ],
    }


def _answered(scale: Instrument, item_id: str, value: Any, reason: Any, base_url: str) -> dict[str, Any]:
    chosen = {option.reason: option.code for option in scale.scale_of(item_id).outside}
    code = chosen.get(reason) if pd.isna(value) else int(value)
    if code is None:
        absent = {"url": f"{EXTENSIONS}data-absent-reason", "valueCode": ABSENT[reason]}
        return {"extension": [absent], "linkId": item_id}
    coding = _code(scale, item_id, code, base_url)
    label = scale.scale_of(item_id).label_of(code)
    return {"linkId": item_id, "answer": [{"valueCoding": {**coding, "display": label}}]}
