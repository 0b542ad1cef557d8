"""The link at the end of every message: no more of them. Looking at it changes nothing; a button does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.entry import client_of, frame_of, person_numbered, shut, site_of
from instrument.administer.journey import circumstances_of
from instrument.administer.rendering import Page, render
from instrument.administer.session import place_of
from instrument.administer.sheets import forgetting
from instrument.store.erasures import was_erased
from instrument.store.outbox import stop_messages
from instrument.store.people import link_of
from instrument.store.relinking import person_of_former_link

router = APIRouter(include_in_schema=False)


def _who(request: Request, connection: Any, token: str) -> tuple[Any, Page]:
    site = site_of(request)
    link: Any = link_of(connection, site.keyring, token)
    number = person_of_former_link(connection, site.keyring, token) if link is None else int(link.id)
    person = None if number is None else person_numbered(connection, number)
    if person is None and was_erased(connection, site.keyring, token):
        raise shut(request, "withdrawn", 404)
    if person is None:
        if site.limit.blocked(client_of(request)):
            raise shut(request, "many", 429)
        site.limit.failed(client_of(request))
        raise shut(request, "lost", 404)
    return person, replace(frame_of(request, circumstances_of(person)), form_token="", path="")


@router.get("/stop/{token}")
def show_stop(request: Request, token: str) -> Response:
    """Ask whether messages shall end: programs that open every link of a mail stop nothing."""
    with site_of(request).engine.connect() as connection:
        _, page = _who(request, connection, token)
    return render("stop.html", page, title=page.t["stop_title"], token=token)


@router.post("/stop/{token}")
def post_stop(request: Request, token: str) -> Response:
    """Note that the person wants no more messages; mail programs may do it with one press (RFC 8058)."""
    with site_of(request).engine.begin() as connection:
        person, page = _who(request, connection, token)
        stop_messages(connection, int(person.id))
    made = render("message.html", page, title=page.t["stop_title"], lines=[page.t["stopped_lead"]])
    place = place_of(site_of(request).keyring, person.study_id, person.token_hash)
    return forgetting(made, circumstances_of(person).study, place)
