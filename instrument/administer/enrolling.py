"""The open link of a study: screening questions, and for who is admitted a link of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.entry import client_of, remember_language, shut, site_of, stranger_page
from instrument.administer.form_pages import read_fields
from instrument.administer.pages import Form
from instrument.administer.rendering import Page, form_fields, in_words, render
from instrument.administer.session import comes_from_here
from instrument.enrolment import Enrolment
from instrument.store.connect import StoreError, reading
from instrument.store.definitions import find_study, study_written_as
from instrument.store.enrolling import ADMITTED, UNSUITED, enrol, new_ticket, token_of_ticket
from instrument.store.erasures import was_erased
from instrument.store.people import link_of, set_language
from instrument.store.relinking import study_of_former_link

router = APIRouter(include_in_schema=False)


def _study(request: Request, name: str) -> tuple[Any, Page, Enrolment]:
    """Row of the study, frame and rules; a page that says why there is nothing to join."""
    try:
        with reading(site_of(request).engine) as connection:
            row: Any = find_study(connection, name)
    except StoreError:
        raise shut(request, "lost", 404) from None
    study = study_written_as(row.definition)
    page = stranger_page(request, study)
    page = replace(page, path=f"{page.prefix}/enrol/{name}")
    if study.enrolment is None:
        raise shut(request, "lost", 404, page)
    if row.status != "open":
        raise shut(request, row.status, 403, page)
    return row, page, study.enrolment


def _page(
    request: Request, page: Page, rules: Enrolment, name: str, ticket: str, status: int = 200, **shown: Any
) -> Response:
    tongues, page = page, replace(page, languages=())  # chosen by a button of the form: nothing is lost
    fields = form_fields(
        rules.questions, page, {}, shown.get("typed", {}), shown.get("faults", {}), shown.get("open_ids", [])
    )
    return render(
        "enrol.html",
        page,
        status,
        title=page.t["enrol_title"],
        lead=rules.lead.get(page.lang, ""),
        action=f"/enrol/{name}?lang={page.lang}",
        items=fields,
        open_items=[field for field in fields if field["open"] or field["fault"]],
        again=status == 403,
        ticket=ticket,
        tongues=tongues,
        crisis=page.crisis or page.t["help_none"],
    )


@router.get("/enrol/{name}")
def show_enrolment(request: Request, name: str) -> Response:
    """Show what the study asks before anyone joins."""
    _, page, rules = _study(request, name)
    return _page(request, page, rules, name, new_ticket(site_of(request).keyring))


@router.post("/enrol/{name}")
def post_enrolment(request: Request, name: str, form: Form) -> Response:
    """Admit a person, or say kindly that there is no place; answers are looked at and not stored."""
    row, page, rules = _study(request, name)
    site, ticket = site_of(request), str(form.get("ticket", ""))
    token = token_of_ticket(site.keyring, int(row.id), ticket)
    if token is None:
        raise shut(request, "stale", 403, page)
    answers, faults, typed = read_fields(rules.questions, form)
    wanted = form.get("lang")
    if isinstance(wanted, str) and wanted in dict(page.languages):
        spoken = in_words(page, study_written_as(row.definition), wanted)
        response = _page(request, spoken, rules, name, ticket, typed=typed, faults=faults)
        remember_language(request, response, wanted)
        return response
    if not comes_from_here(request):
        return _page(request, page, rules, name, ticket, 403, typed=typed)
    missing = [question.id for question in rules.questions if question.id not in answers]
    if missing:
        shown = {"typed": typed, "faults": faults, "open_ids": missing}
        return _page(request, page, rules, name, ticket, 422, **shown)
    found = site.pace.decided(ticket, answers)
    if found is None:
        with reading(site.engine) as connection:
            known = link_of(connection, site.keyring, token) is not None
        if not known and not site.pace.take(int(row.id), client_of(request), rules.per_hour):
            raise shut(request, "many", 429, page)
    for last in (False, True) if found in (None, ADMITTED) else ():
        try:
            with site.engine.begin() as connection:
                if was_erased(connection, site.keyring, token):
                    raise shut(request, "withdrawn", 404, page)
                if study_of_former_link(connection, site.keyring, token) is not None:
                    raise shut(request, "replaced", 404, page)
                found = enrol(connection, int(row.id), site.keyring, rules, token, answers)
                joined: Any = link_of(connection, site.keyring, token) if found == ADMITTED else None
                if joined is not None and joined.lang is None:
                    set_language(connection, int(joined.id), page.lang)
            break
        except IntegrityError:  # the button was pressed twice: the other press was first
            if last:
                raise
    site.pace.decide(ticket, answers, str(found))
    if found != ADMITTED:
        kind = "unsuited" if found == UNSUITED else "full"
        raise shut(request, kind, 200, page)
    own, origin = f"{site.prefix}/q/{token}", request.headers.get("origin", "")
    address = f"{origin}{own}" if origin.partition("://")[2] == request.headers.get("host") else ""
    return render("enrolled.html", page, title=page.t["enrolled_title"], own=own, address=address)
