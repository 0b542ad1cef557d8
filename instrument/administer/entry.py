"""Open the session of a request: person, study, language; or show why it stays shut."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Engine, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.journey import Circumstances, circumstances_of
from instrument.administer.rendering import Page, offered_languages, page_of_person, render
from instrument.administer.session import (
    COOKIE,
    COOKIE_SECONDS,
    LANGUAGE_COOKIE,
    GuessLimit,
    Pace,
    cookie_number,
    form_token,
    is_cookie_of,
    is_form_of,
    is_in_study,
    is_place_of,
    place_of,
)
from instrument.administer.texts import FALL_BACK, page_texts, shipped_languages
from instrument.store.connect import reading
from instrument.store.definitions import study_written_as
from instrument.store.people import expired, hold_people
from instrument.store.tables import consent, instrument_version, participant, study, study_version
from instrument.store.tokens import Keyring
from instrument.study import Study

MOST_CONTACTS = 5
log = logging.getLogger("dta.questionnaire")
Standing = Literal["known", "session", "other", "expired", "draft", "closed"]

_PERSON = (
    select(
        participant,
        select(consent.c.granted)
        .where(consent.c.participant_id == participant.c.id)
        .order_by(consent.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("consent_granted"),
        select(consent.c.version)
        .where(consent.c.participant_id == participant.c.id)
        .order_by(consent.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("consent_version"),
        study.c.status.label("study_status"),
        study.c.definition.label("study_definition"),
        study.c.instrument_version_id,
        select(func.coalesce(func.max(study_version.c.number), 1))
        .where(study_version.c.study_id == participant.c.study_id)
        .scalar_subquery()
        .label("study_version"),
        instrument_version.c.definition.label("instrument_definition"),
    )
    .join(study, study.c.id == participant.c.study_id)
    .join(instrument_version, instrument_version.c.id == study.c.instrument_version_id)
    .where(participant.c.id == bindparam("number"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages share.

    Attributes
    ----------
    engine, keyring
        The store and the keys of its hashes.
    prefix
        Path under which a proxy shows the site.
    secure
        Whether cookies are sent over TLS only.
    limit
        Brake on guessing.
    pace
        Brake on scripts at the open link.
    """

    engine: Engine
    keyring: Keyring
    prefix: str
    secure: bool
    limit: GuessLimit
    pace: Pace = field(default_factory=Pace)


class RequestEndedError(Exception):
    """The request ends here with a page that says why."""

    def __init__(self, response: Response, kind: str = "") -> None:
        super().__init__("shut")
        self.response, self.kind = response, kind


def site_of(request: Request) -> Site:
    """Give the site a request belongs to.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    Site
        As given to `create_app`.
    """
    site: Site = request.app.state.site
    return site


def client_of(request: Request) -> str:
    """Address the brake on guessing counts by.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    str
        The client's address, `-` when the server knows none.
    """
    return request.client.host if request.client else "-"


def place_in(request: Request) -> str:
    """Place of the pages a request is about.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    str
        From its path; empty elsewhere.
    """
    parts = request.url.path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "s" else ""


def _study_shown(request: Request) -> tuple[Study | None, list[Study]]:
    """Study that a stranger's page may name: that of its path, or the only one; else those there are.

    Where several studies share the server their contacts are given, and not their names.
    """
    site, place = site_of(request), place_in(request)
    try:
        with reading(site.engine) as connection:
            query = (
                select(study.c.id, study.c.definition).where(study.c.status != "draft").order_by(study.c.id)
            )
            kept: list[Any] = list(connection.execute(query))
    except SQLAlchemyError as error:
        log.error("the store does not answer: %s", type(error).__name__)
        return None, []
    found = [row for row in kept if place and is_in_study(site.keyring, place, row.id)]
    if not found and not place and len(kept) == 1:
        found = kept
    if found:
        return study_written_as(found[0].definition), []
    return None, [study_written_as(row.definition) for row in kept]


def _whom_to_ask(studies: list[Study], lang: str) -> str:
    """Contacts of several studies, each once; nothing where there are too many to help."""
    contacts = dict.fromkeys(one.contact_in(lang).strip() for one in studies)
    named = [contact for contact in contacts if contact]
    return "; ".join(named) if len(named) <= MOST_CONTACTS else ""


def study_with_mark(request: Request, mark: str) -> Study | None:
    """Study that begins the places of its people with a mark.

    Parameters
    ----------
    request
        The request.
    mark
        From a path.

    Returns
    -------
    Study or None
        None for a mark that this server did not make, and for drafts.
    """
    site = site_of(request)
    with reading(site.engine) as connection:
        kept: list[Any] = list(
            connection.execute(select(study.c.id, study.c.definition).where(study.c.status != "draft"))
        )
    found = [row for row in kept if is_in_study(site.keyring, mark, row.id)]
    return study_written_as(found[0].definition) if found else None


def _wanted_languages(request: Request) -> list[str]:
    """Languages a browser asks for: by a link of the page, the last choice, then its settings."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    chosen = [request.query_params.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, "")]
    return [tag for tag in [*chosen, *accepted] if tag]


def _language_for(request: Request, tags: list[str], fall_back: str) -> str:
    """Language among those offered that the browser asks for first, or one near to it (`de` for `de-AT`)."""
    for want in _wanted_languages(request):
        near = [tag for tag in tags if tag.split("-")[0].lower() == want.split("-")[0].lower()]
        if near:
            return want if want in near else near[0]
    return fall_back


def stranger_page(request: Request, about: Study | None = None) -> Page:
    """Frame of a page whose person is not known, in the browser's language.

    Parameters
    ----------
    request
        The request.
    about
        Study of the page; by default that of the path.

    Returns
    -------
    Page
        The frame; with name, contact and languages of the study where its path tells which, else with the
        contacts of the few studies there are.
    """
    known, others = _study_shown(request) if about is None else (about, [])
    languages = shipped_languages() if known is None else offered_languages(known)
    tags = [tag for tag, _ in languages]
    lang = _language_for(request, tags, FALL_BACK if known is None else tags[0])
    site, place = site_of(request), place_in(request)
    return Page(
        lang=lang,
        t=page_texts(lang),
        prefix=site.prefix,
        base=f"{site.prefix}/s/{place}" if place else site.prefix,
        path="" if request.method == "GET" else f"{site.prefix}/s/{place}/survey" if place else "/withdraw",
        study_title="" if known is None else known.title_in(lang),
        contact=_whom_to_ask(others, lang) if known is None else known.contact_in(lang),
        crisis="" if known is None else known.crisis.get(lang, ""),
        synthetic=known is not None and known.synthetic,
        languages=languages,
    )


def shut(
    request: Request, kind: str, status: int, page: Page | None = None, **shown: Any
) -> RequestEndedError:
    """Make the page that ends a request: what happened, what to do, and where help is found.

    Parameters
    ----------
    request
        The request.
    kind
        Its texts are `kind_title` and `kind_lead`, and `kind_todo` where there is one.
    status
        HTTP status.
    page
        Frame, that of a stranger by default.
    **shown
        What else the page shows, such as a link.

    Returns
    -------
    RequestEndedError
        To be raised.
    """
    frame = page or stranger_page(request)
    keys = [f"{kind}_lead", f"{kind}_todo"]
    lines = [frame.t[key] for key in keys if key in frame.t]
    values: dict[str, Any] = {"lines": lines, "crisis": frame.crisis or frame.t["help_none"], **shown}
    made = render("message.html", frame, status, title=frame.t[f"{kind}_title"], **values)
    return RequestEndedError(made, kind)


def person_numbered(connection: Connection, number: int) -> Any:
    """Person of a number with what pages need of study and instrument.

    Parameters
    ----------
    connection
        An open connection.
    number
        Of the participant.

    Returns
    -------
    sqlalchemy.Row or None
        Participant with the latest choice about consent (`consent_granted`, None before the first, and
        `consent_version`, to which text), and the
        status and the definitions of study and instrument; also when the link has ended.
    """
    return connection.execute(_PERSON, {"number": number}).first()


def person_of(connection: Connection, request: Request) -> Any:
    """Person whose signed cookie came with the request.

    Parameters
    ----------
    connection
        An open connection.
    request
        The request.

    Returns
    -------
    sqlalchemy.Row or None
        As `person_numbered`.
    """
    given = request.cookies.get(COOKIE)
    number = cookie_number(given)
    if number is None or given is None:
        return None
    found = person_numbered(connection, number)
    if found is None or not is_cookie_of(site_of(request).keyring, given, number, found.token_hash):
        return None
    return found


@dataclass(frozen=True, slots=True)
class Visit:
    """Who stands at the door, and whether it opens.

    Attributes
    ----------
    standing
        `known` may go on. `session`: no cookie, or one that is no longer good. `other`: the browser has
        opened another link since this page was made. `expired`, `draft`, `closed`: as it says.
    page
        Frame of the page.
    here
        Circumstances of the person; None for `session` and `other`.
    """

    standing: Standing
    page: Page
    here: Circumstances | None


def visit(connection: Connection, request: Request) -> Visit:
    """See who stands at the door; refuses no one.

    Parameters
    ----------
    connection
        An open connection.
    request
        The request.

    Returns
    -------
    Visit
        Person and frame. A page is its owner's alone: where the cookie speaks of someone else than the path,
        no one is known.
    """
    person = person_of(connection, request)
    if person is None or not is_place_of(place_in(request), person.token_hash):
        return Visit("session" if person is None else "other", stranger_page(request), None)
    here = circumstances_of(person)
    page = frame_of(request, here)
    if expired(person.expires_at):
        return Visit("expired", page, here)
    return Visit("known" if person.study_status == "open" else person.study_status, page, here)


def frame_of(request: Request, here: Circumstances) -> Page:
    """Frame of the pages of a known person.

    Parameters
    ----------
    request
        The request.
    here
        The person.

    Returns
    -------
    Page
        The frame.
    """
    site, person = site_of(request), here.person
    tags = [tag for tag, _ in offered_languages(here.study, here.scale)]
    lang = person.lang if person.lang in tags else _language_for(request, tags, tags[0])
    place = place_of(site.keyring, person.study_id, person.token_hash)
    return page_of_person(
        here,
        lang,
        prefix=site.prefix,
        base=f"{site.prefix}/s/{place}",
        path=request.url.path.partition(place_in(request) or "-")[2],
        form_token=seal(request, here, "language"),
    )


def enter(connection: Connection, request: Request) -> tuple[Circumstances, Page]:
    """Know the person and make the frame of the page; in a transaction that writes, hold the person.

    A choice about consent that comes at the same moment is then read either as it was before or as it is
    after this request, and nothing is stored after a no.

    Parameters
    ----------
    connection
        An open connection.
    request
        The request.

    Returns
    -------
    tuple
        Circumstances and page.

    Raises
    ------
    RequestEndedError
        No one is known, the browser has opened another link, or link or study take no answers.
    """
    number = cookie_number(request.cookies.get(COOKIE))
    if number is not None and not connection.get_execution_options().get("read_only", False):
        hold_people(connection, [number])
    came = visit(connection, request)
    if came.standing != "known" or came.here is None:
        raise shut(request, came.standing, 403, came.page)
    return came.here, came.page


def seal(request: Request, here: Circumstances, made_for: str) -> str:
    """Token for a form of a person: it fits nobody else, and nothing else.

    Parameters
    ----------
    request
        The request.
    here
        The person.
    made_for
        What the form is for, such as `attempt 12`.

    Returns
    -------
    str
        For a hidden field.
    """
    return form_token(site_of(request).keyring, here.person.id, here.person.token_hash, made_for)


def fits(request: Request, here: Circumstances, form: Mapping[str, Any], made_for: str) -> bool:
    """Whether what was posted is a form of this person for this purpose.

    Parameters
    ----------
    request, here, form, made_for
        The request, the person, what was posted, and what it would be for.

    Returns
    -------
    bool
        False: nothing of it may be kept, not even on the page.
    """
    person = here.person
    keyring = site_of(request).keyring
    return is_form_of(keyring, form.get("form_token"), person.id, person.token_hash, made_for)


def remember_language(request: Request, response: Response, lang: str) -> None:
    """Keep a choice of language in the browser, for pages on which no person is known.

    Parameters
    ----------
    request, response
        The request, and its answer.
    lang
        Language tag.
    """
    site = site_of(request)
    response.set_cookie(
        LANGUAGE_COOKIE,
        lang,
        max_age=COOKIE_SECONDS,
        path=site.prefix or "/",
        httponly=True,
        secure=site.secure,
        samesite="lax",
    )
