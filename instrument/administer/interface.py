"""The same questionnaire for programs: FHIR questionnaire and responses, and usage events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request

from instrument.administer.entry import client_of, site_of
from instrument.common.storable import NO_TEXT, unstorable_paths
from instrument.definition import Instrument
from instrument.reading.dates_given import date_written
from instrument.store.answers import Answer
from instrument.store.connect import reading
from instrument.store.definitions import instrument_of, waves_of
from instrument.store.intake import (
    NO_CONSENT,
    NOT_IN_STUDY,
    RefusedError,
    UsageEvent,
    keep_events,
    keep_response_set,
    people_of,
    study_of_key,
)

router = APIRouter()
MOST_EVENTS = 1_000
FHIR_JSON = "application/fhir+json"
DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]")


def _dated_text(given: object) -> object:
    """Refuse numbers: seconds and milliseconds since 1970 cannot be told apart for certain."""
    if isinstance(given, datetime) or (isinstance(given, str) and DATED.match(given)):
        return given
    raise ValueError("must be a text in ISO 8601 with a time zone, such as 2026-03-01T09:10:00Z")


class Strict(BaseModel):
    """Unknown keys are faults: a misspelt key cannot be lost."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Event(Strict):
    """One act of use."""

    id: Annotated[
        str, Field(min_length=1, max_length=128, description="The app's own id; sent twice, kept once.")
    ]
    participant: Annotated[str, Field(min_length=1, max_length=64, description="Pseudonym in the study.")]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Such as session.")]
    at: Annotated[
        datetime, BeforeValidator(_dated_text), Field(strict=False, description="ISO 8601 with time zone.")
    ]
    duration: Annotated[float | None, Field(ge=0, le=1440, allow_inf_nan=False, description="Minutes.")] = (
        None
    )


class EventBatch(Strict):
    """Events of one program, all kept or none."""

    source: Annotated[
        str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$", description="Name of the program.")
    ]
    events: Annotated[list[Event], Field(min_length=1, max_length=MOST_EVENTS)]


class Kept(BaseModel):
    """What became of a batch."""

    kept: int
    known: int


class Outcome(BaseModel):
    """What became of a set of answers."""

    outcome: Literal["created", "known"]


class Fault(BaseModel):
    """One thing wrong, with its path into what was sent."""

    path: str
    message: str


class Faults(BaseModel):
    """Nothing was kept."""

    faults: list[Fault]


def _refuse(status: int, *faults: tuple[str, str]) -> HTTPException:
    return HTTPException(status, detail=[{"path": path, "message": message} for path, message in faults])


def study_of_request(
    request: Request, authorization: Annotated[str | None, Header(description="Bearer KEY")] = None
) -> Any:
    """Study whose key came with the request.

    Parameters
    ----------
    request
        The request.
    authorization
        Header `Authorization: Bearer KEY`.

    Returns
    -------
    sqlalchemy.Row
        The study.

    Raises
    ------
    HTTPException
        401 without a valid key, 429 after too many wrong ones, 409 when the study is not open.
    """
    site, client = site_of(request), client_of(request)
    scheme, _, key = (authorization or "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and key:
        with reading(site.engine) as connection:
            found = study_of_key(connection, site.keyring, key.strip())
    if found is None:
        if site.limit.blocked(client):  # only wrong keys: others may sit behind the same address
            raise _refuse(429, ("header.authorization", "too many wrong keys; try again in a few minutes"))
        site.limit.failed(client)
        raise _refuse(401, ("header.authorization", "no valid key; make one with `dta study key`"))
    if found.status != "open":
        raise _refuse(409, ("study", f"the study is {found.status}"))
    return found


def faults_of_request(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Put what the framework found wrong into paths and messages, without the values sent.

    Parameters
    ----------
    errors
        Of a RequestValidationError.

    Returns
    -------
    list of dict
        path and message.
    """
    faults = []
    for error in errors[:100]:
        path = ""
        for step in [step for step in error["loc"] if step != "body"]:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
        faults.append({"path": path, "message": str(error["msg"])})
    return faults


StudyRow = Annotated[Any, Depends(study_of_request)]


async def storable_body(request: Request, _study: StudyRow) -> None:
    """Refuse texts that no database keeps, with the path of each.

    Parameters
    ----------
    request
        The request.

    Raises
    ------
    HTTPException
        422 for a NUL or a lone surrogate anywhere in the body.
    """
    if request.method == "POST":
        paths = unstorable_paths(await request.json())
        if paths:
            raise _refuse(422, *((path, NO_TEXT) for path in paths))


KEEPS = [Depends(storable_body)]
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Faults, "description": text}
    for status, text in [
        (400, "Not to be read as JSON"),
        (401, "No valid key"),
        (409, "Not possible now"),
        (413, "Too large"),
        (422, "Nothing was kept; each fault has its path"),
        (429, "Too many wrong keys"),
    ]
}


@router.post("/events", responses=REFUSALS, dependencies=KEEPS)
def post_events(request: Request, batch: EventBatch, study: StudyRow) -> Kept:
    """Keep a batch of usage events: all of them, or none and the path of each fault.

    An event sent again is known; the same id with another person, kind, time or duration is refused (409),
    and so is a new event of a person whose latest choice about consent is no.
    """
    with site_of(request).engine.begin() as connection:
        people = people_of(connection, study.id, (event.participant for event in batch.events))
        faults = [
            (f"events[{k}].participant", NOT_IN_STUDY)
            for k, event in enumerate(batch.events)
            if event.participant not in people
        ]
        if faults:
            raise _refuse(422, *faults[:100])
        events = [UsageEvent(e.id, e.participant, e.kind, e.at, e.duration) for e in batch.events]
        try:
            kept = keep_events(connection, study.id, batch.source, events, people)
        except RefusedError as error:
            raise _refuse(409 if error.clash else 422, *error.faults[:100]) from None
    return Kept(kept=kept, known=len(events) - kept)


@router.get(
    "/fhir/Questionnaire/{name}",
    responses={
        200: {"content": {FHIR_JSON: {"schema": {"type": "object"}}}},
        404: {"model": Faults, "description": "The study asks another instrument"},
        **REFUSALS,
    },
    response_class=Response,  # has no media type of its own, so faults stay described as plain JSON
)
def get_questionnaire(
    request: Request,
    name: Annotated[str, Path(max_length=64)],
    study: StudyRow,
    lang: Annotated[str | None, Query(max_length=32)] = None,
) -> JSONResponse:
    """Give the study's instrument as a FHIR R5 Questionnaire."""
    from instrument.exchange.fhir import questionnaire

    with reading(site_of(request).engine) as connection:
        scale = instrument_of(connection, int(study.instrument_version_id))
    if name != scale.id:
        raise HTTPException(404, detail=[{"path": "name", "message": f"this study asks {scale.id}"}])
    if lang is not None and lang not in scale.languages:
        raise _refuse(422, ("query.lang", f"the instrument has {', '.join(scale.languages)}"))
    return JSONResponse(questionnaire(scale, language=lang), media_type=FHIR_JSON)


@router.post(
    "/fhir/QuestionnaireResponse",
    status_code=201,
    dependencies=KEEPS,
    responses={
        200: {"model": Outcome, "description": "The same answers were there already"},
        201: {"model": Outcome, "description": "The answers are kept"},
        **REFUSALS,
    },
)
def post_response(
    request: Request,
    resource: dict[str, Any],
    study: StudyRow,
    wave: Annotated[str, Query(max_length=64, description="Wave of the study the answers belong to.")],
) -> JSONResponse:
    """Keep a whole set of answers, once per identifier: 201 when new, 200 when it is there already.

    It is there already when system and value of the identifier, person, wave, language and answers all are;
    the same identifier with anything else is refused (409), as are another set at a wave that has one, a set
    from outside the days on which the wave is open for the person (`authored`, else the present day), and a
    new set of a person whose latest choice about consent is no.
    """
    with site_of(request).engine.begin() as connection:
        scale = instrument_of(connection, int(study.instrument_version_id))
        (system, caller_id), pseudonym, lang, faults = _heading(resource, scale)
        answers = _answers(resource, scale, faults)
        if wave not in {str(row.name) for row in _named(waves_of(connection, study.id))}:
            faults.append(("query.wave", "is not a wave of the study"))
        completed_on = _authored(resource, faults)
        people = people_of(connection, study.id, [pseudonym] if pseudonym else [])
        if pseudonym and pseudonym not in people:
            faults.append(("subject.identifier.value", NOT_IN_STUDY))
        if faults:
            raise _refuse(422, *faults[:100])
        try:
            outcome = keep_response_set(
                connection,
                study,
                people[pseudonym],
                wave,
                caller_id,
                answers,
                lang=lang,
                mode="app",
                system=system,
                completed_on=completed_on,
            )
        except RefusedError as error:
            raise _refuse(409, *error.faults) from None
    if outcome == "reused":
        raise _refuse(
            409, ("identifier.value", "was sent before with another person, wave, language or answers")
        )
    if outcome == "gone":
        raise _refuse(422, ("subject.identifier.value", NOT_IN_STUDY))
    if outcome == "no consent":
        raise _refuse(409, ("subject.identifier.value", NO_CONSENT))
    if outcome == "conflict":
        raise _refuse(409, ("query.wave", "this person has other answers at this wave"))
    return JSONResponse({"outcome": outcome}, status_code=201 if outcome == "created" else 200)


def _named(rows: Any) -> list[Any]:
    return list(rows)


def _text_at(resource: dict[str, Any], path: str, faults: list[tuple[str, str]], most: int) -> str:
    place: Any = resource
    for step in path.split("."):
        place = place.get(step) if isinstance(place, dict) else None
    if not isinstance(place, str) or not 0 < len(place) <= most:
        faults.append((path, f"needs a text of 1 to {most} characters"))
        return ""
    return place


def _heading(
    resource: dict[str, Any], scale: Instrument
) -> tuple[tuple[str, str], str, str, list[tuple[str, str]]]:
    faults: list[tuple[str, str]] = []
    if resource.get("resourceType") != "QuestionnaireResponse":
        faults.append(("resourceType", "must be QuestionnaireResponse"))
    if resource.get("status") not in ("completed", "amended"):
        faults.append(("status", "must be completed or amended"))
    about = str(resource.get("questionnaire", ""))
    if about.rpartition("/")[2].split("|")[0] != scale.id:
        faults.append(("questionnaire", f"must end in {scale.id} or {scale.id}|{scale.version}"))
    elif "|" in about and about.rpartition("|")[2] != scale.version:
        faults.append(("questionnaire", f"the study asks version {scale.version}"))
    identifier = resource.get("identifier")
    first = identifier[0] if isinstance(identifier, list) and identifier else identifier
    holder = {"identifier": first}
    caller_id = _text_at(holder, "identifier.value", faults, 200)
    system = first.get("system", "") if isinstance(first, dict) else ""
    if not isinstance(system, str) or len(system) > 400:
        faults.append(("identifier.system", "needs a text of at most 400 characters"))
    pseudonym = _text_at(resource, "subject.identifier.value", faults, 64)
    lang = resource.get("language", scale.language)
    if lang not in scale.languages:
        faults.append(("language", f"the instrument has {', '.join(scale.languages)}"))
    return (str(system), caller_id), pseudonym, str(lang), faults


def _authored(resource: dict[str, Any], faults: list[tuple[str, str]]) -> date | None:
    """Day in UTC on which the answers were given, where the resource says it."""
    given = resource.get("authored")
    if given is None:
        return None
    day = date_written(given) if isinstance(given, str) else None
    if day is None:
        faults.append(("authored", "must be a date, or a moment in ISO 8601"))
    elif day > datetime.now(UTC).date() + timedelta(days=1):
        faults.append(("authored", "lies in the future"))
    return day


def _answers(resource: dict[str, Any], scale: Instrument, faults: list[tuple[str, str]]) -> dict[str, Answer]:
    from instrument.exchange.fhir_reading import read_items

    known = len(faults)
    read = read_items(resource.get("item"), "item", scale, faults)
    if not read and len(faults) == known:
        faults.append(("item", "holds no item of the instrument, so this is no set of answers"))
    return {
        name: Answer("answered", found) if isinstance(found, int) else Answer(found or "skipped")
        for name, found in read.items()
    }
