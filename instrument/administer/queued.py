"""Off line: the worker that keeps a page's answers without a network, and the door by which they come in."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from instrument.administer.entry import (
    RequestEndedError,
    enter,
    person_of,
    place_in,
    shut,
    site_of,
    stranger_page,
    study_with_mark,
)
from instrument.administer.form_pages import form_step, read_fields, save_form_page
from instrument.administer.journey import attempts_made, read_form
from instrument.administer.pages import MOST_FIELDS
from instrument.administer.questions import asked_by_form, save_questions
from instrument.administer.rendering import FOLDER, render
from instrument.administer.session import comes_from_here, is_place_of, place_of
from instrument.administer.sheets import opened_sheet, shown_at
from instrument.administer.texts import page_texts
from instrument.common.storable import is_storable
from instrument.store.connect import reading
from instrument.store.sheets import answered_since, ended_links, note_queued, queued_before

router = APIRouter(include_in_schema=False)
WORKER_POLICY = "default-src 'none'; connect-src 'self'"
KEPT_FOR_LATER = ("session", "other", "draft", "reconsent")
"""Refusals after which the page may still be taken: the person has something to do first."""
REFUSED = ("conflict", "sent", "over", "taken_back", "stale")


async def _raw(request: Request) -> bytes:
    return await request.body()


def _said(outcome: str, status: int) -> JSONResponse:
    return JSONResponse({"said": outcome}, status_code=status)


@router.post("/s/{place}/survey/queued")
def post_queued(request: Request, raw: Annotated[bytes, Depends(_raw)]) -> Response:
    """Take a page that a browser kept: once, for the person whose session sends it, and as any other page.

    200 when it is stored or was before. 409 when it is refused for good, with the reason, and 410 where its
    link has ended or its person was erased: the browser then keeps nothing of it. 403 when the person has to
    open the link, or choose about consent, first.
    """
    site, sheet = site_of(request), request.headers.get("dta-sheet", "")
    try:
        with site.engine.begin() as connection:
            here, _ = enter(connection, request)
            if not comes_from_here(request):
                return _said("session", 403)
            found = opened_sheet(site.keyring, here.person, sheet, raw)
            shown = shown_at(site.keyring, sheet)
            form = None if found is None else _form(found[1])
            if found is None or form is None or shown is None:
                return _said("stale", 409)
            attempts = [int(row.administration_id) for row in attempts_made(connection, here.person)]
            content = f"{found[0]}\n{found[1]}"
            before = queued_before(connection, site.keyring, attempts, sheet, content)
            if before != "new":
                return _said("known", 200) if before == "known" else _said("conflict", 409)
            asked = asked_by_form(request, connection, form)
            outcome = _take(request, connection, asked, found[0], form, shown)
            if outcome == "stored":
                note_queued(connection, site.keyring, asked.attempt, sheet, content)
        return _said(outcome, 200 if outcome == "stored" else 409)
    except RequestEndedError as refused:
        if refused.kind in ("session", "other"):
            with reading(site.engine) as connection:
                if any(is_place_of(place_in(request), ended) for ended in ended_links(connection)):
                    return _said("stale", 410)
        if refused.kind in KEPT_FOR_LATER:
            return _said(refused.kind, 403)
        return _said(refused.kind if refused.kind in REFUSED else "over", 409)


def _form(body: str) -> FormData | None:
    try:
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    sound = all(is_storable(name + value) for name, value in fields)
    return FormData([(name, value) for name, value in fields]) if sound else None


def _take(request: Request, connection: Any, asked: Any, path: str, form: FormData, shown: Any) -> str:
    """Store the answers of a page, unless later ones are there."""
    kind, _, rest = path.removeprefix("/survey/").partition("/")
    if kind == "page" and rest.isascii() and rest.isdigit():
        on_page = {row.name: row.item_id for row in asked.rows if row.page == int(rest)}
        if not on_page:
            return "stale"
        answers, _ = read_form(asked.here.scale, on_page, form)
        if answered_since(connection, asked.attempt, shown, answers):
            return "conflict"
        save_questions(request, connection, asked, int(rest), form)
        return "stored"
    name, _, number = rest.partition("/")
    step = form_step(asked, name, int(number)) if number.isascii() and number.isdigit() else None
    if kind != "form" or step is None:
        return "stale"
    said, _, _ = read_fields(step.questions, form)
    if answered_since(connection, asked.attempt, shown, {}, name, said):
        return "conflict"
    save_form_page(request, connection, asked, name, int(number), form)
    return "stored"


@router.get("/s/{place}/survey/queued")
def show_refusal(request: Request, said: Annotated[str, Query(max_length=16)] = "") -> Response:
    """Say why what this device kept was not taken."""
    with reading(site_of(request).engine) as connection:
        _, page = enter(connection, request)
    kind = said if said in REFUSED else "stale"
    link = {"path": "/survey", "label": page.t["go_on"]}
    raise shut(request, kind, 409, page, link=link)


@router.get("/own")
def open_own(request: Request) -> Response:
    """Lead a browser that has opened a link to its person's pages: an installed page begins here."""
    site = site_of(request)
    with reading(site.engine) as connection:
        person = person_of(connection, request)
    if person is None:
        raise shut(request, "session", 403)
    place = place_of(site.keyring, person.study_id, person.token_hash)
    return RedirectResponse(f"{site.prefix}/s/{place}/survey", status_code=303)


@router.get("/worker.js")
def get_worker() -> Response:
    """Give the worker; it may speak with this server and nobody else."""
    file = FOLDER / "static" / "worker.js"
    headers = {"Content-Security-Policy": WORKER_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(file, media_type="text/javascript", headers=headers)


@router.get("/manifest.webmanifest")
def get_manifest(request: Request, lang: Annotated[str, Query(max_length=32)] = "en") -> Response:
    """Describe the page to a device that installs it: a plain name, no study, no person."""
    prefix, t = site_of(request).prefix, page_texts(lang)
    icon = {"src": f"{prefix}/static/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    said = {
        "name": t["installed_name"],
        "short_name": t["installed_name"],
        "lang": lang,
        "start_url": f"{prefix}/own",
        "scope": f"{prefix}/",
        "display": "minimal-ui",
        "background_color": "#fbfaf7",
        "theme_color": "#205f63",
        "icons": [icon],
    }
    return JSONResponse(said, media_type="application/manifest+json")


@router.get("/offline/{mark}/{kind}")
def get_offline_page(request: Request, mark: str, kind: str) -> Response:
    """Give the page that is shown without a network: where help is found, and no study and no person."""
    study = study_with_mark(request, mark)
    if kind not in ("kept", "none") or study is None or not study.offline:
        raise shut(request, "lost", 404)
    about = stranger_page(request, study)
    page = replace(about, study_title="", contact="", synthetic=False, languages=())
    return render(
        "offline.html",
        page,
        title=page.t["offline_title"],
        lines=[page.t[f"offline_{kind}"]],
        crisis=page.crisis or page.t["help_none"],
        scripts=("offline.js",),
        onward=f"{page.prefix}/own",
    )
