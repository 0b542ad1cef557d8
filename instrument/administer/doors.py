"""Open the session of a request: person, study, language; or show why it stays shut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.journey import Circumstances, circumstances_of
from instrument.administer.rendering import Page, page_of_person, render
from instrument.administer.session import (
    COOKIE,
    GuessLimit,
    comes_from_here,
    cookie_number,
    cookie_value,
    form_token,
    same,
)
from instrument.administer.texts import FALL_BACK, FOLDER, page_texts
from instrument.store.people import expired
from instrument.store.tables import consent, instrument_version, participant, study
from instrument.store.tokens import Keyring

_PERSON = (
    select(
        participant,
        select(consent.c.granted)
        .where(consent.c.participant_id == participant.c.id)
        .order_by(consent.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("consent_granted"),
        study.c.status.label("study_status"),
        study.c.definition.label("study_definition"),
        study.c.instrument_version_id,
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
    """

    engine: Engine
    keyring: Keyring
    prefix: str
    secure: bool
    limit: GuessLimit


class ShutError(Exception):
    """The request ends here with a page that says why."""

    def __init__(self, response: Response) -> None:
        super().__init__("shut")
        self.response = response


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


def stranger_page(request: Request) -> Page:
    """Frame of a page before the person is known, in the browser's language.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    Page
        The frame.
    """
    shipped = {file.stem for file in FOLDER.glob("*.yaml")}
    wanted = [
        part.split(";")[0].strip()[:2] for part in request.headers.get("accept-language", "").split(",")
    ]
    lang = next((tag for tag in wanted if tag in shipped), FALL_BACK)
    return Page(lang=lang, t=page_texts(lang), prefix=site_of(request).prefix, path=request.url.path)


def shut(request: Request, kind: str, status: int) -> ShutError:
    """Make the page that ends a request.

    Parameters
    ----------
    request
        The request.
    kind
        `lost`, `many`, `large` or `fault`.
    status
        HTTP status.

    Returns
    -------
    ShutError
        To be raised.
    """
    page = stranger_page(request)
    return ShutError(
        render("message.html", page, status, title=page.t[f"{kind}_title"], lines=[page.t[f"{kind}_lead"]])
    )


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
        Participant with the latest choice about consent (`consent_granted`, None before the first), and the
        status and the definitions of study and instrument.
    """
    given = request.cookies.get(COOKIE)
    number = cookie_number(given)
    if number is None or given is None:
        return None
    found = connection.execute(_PERSON, {"number": number}).first()
    if found is None or expired(found.expires_at):
        return None
    keyring = site_of(request).keyring
    return found if same(given, cookie_value(keyring, number, found.token_hash)) else None


def enter(connection: Connection, request: Request) -> tuple[Circumstances, Page]:
    """Know the person and make the frame of the page.

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
    ShutError
        No one is known, or the study is closed.
    """
    person = person_of(connection, request)
    if person is None:
        raise shut(request, "lost", 403)
    here = circumstances_of(person)
    offered = [tag for tag in here.study.languages if tag in here.scale.languages] or [here.scale.language]
    lang = person.lang if person.lang in offered else offered[0]
    token = form_token(site_of(request).keyring, person.id, person.token_hash)
    path = request.url.path
    page = page_of_person(here, lang, prefix=site_of(request).prefix, path=path, form_token=token)
    if person.study_status != "open" and path != "/help":
        raise ShutError(
            render("message.html", page, 403, title=page.t["closed_title"], lines=[page.t["closed_lead"]])
        )
    return here, page


def posted_from_here(request: Request, page: Page, form: Mapping[str, Any]) -> bool:
    """Whether a form came from a page of this session.

    Parameters
    ----------
    request, page, form
        The request, the frame of its page, and what was posted.

    Returns
    -------
    bool
        Same site and the session's own token.
    """
    given = form.get("form_token")
    return comes_from_here(request) and isinstance(given, str) and same(given, page.form_token)
