"""Routes of the questionnaire: GET shows, POST saves in one transaction and then redirects."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from instrument.administer.doors import (
    ShutError,
    client_of,
    enter,
    posted_from_here,
    shut,
    site_of,
    stranger_page,
)
from instrument.administer.journey import (
    Circumstances,
    Occasion,
    begin,
    chosen_code,
    first_open_page,
    occasion_of,
    read_form,
)
from instrument.administer.layout import page_sizes
from instrument.administer.rendering import Page, question_fields, render, review_sections
from instrument.administer.session import COOKIE, comes_from_here, cookie_value
from instrument.storable import is_storable
from instrument.store.answers import (
    Answer,
    LockedError,
    answers_of,
    complete_administration,
    save_answers,
)
from instrument.store.connect import reading
from instrument.store.people import (
    by_token,
    erase_by_code,
    give_consent,
    issue_withdrawal_code,
    set_language,
)

router = APIRouter(include_in_schema=False)
MOST_FIELDS = 100


async def read_posted(request: Request) -> FormData:
    """Read a form; files and long lists of fields are no form of ours.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    starlette.datastructures.FormData
        Its fields.
    """
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    if not all(isinstance(v, str) and is_storable(name + v) for name, v in form.multi_items()):
        raise HTTPException(422)  # a charset of its own can bring in half a character
    return form


Form = Annotated[FormData, Depends(read_posted)]
Number = Annotated[int, Path(ge=1, le=10_000)]


def _go(request: Request, path: str) -> RedirectResponse:
    return RedirectResponse(f"{site_of(request).prefix}{path}", status_code=303)


@router.get("/q/{token}")
@router.get("/q/{token}/")
def open_link(request: Request, token: str) -> Response:
    """Turn a link into a session, on any device."""
    site = site_of(request)
    if site.limit.blocked(client_of(request)):
        raise shut(request, "many", 429)
    with reading(site.engine) as connection:
        person: Any = by_token(connection, site.keyring, token)
    if person is None:
        site.limit.failed(client_of(request))
        raise shut(request, "lost", 404)
    response = _go(request, "/survey")
    response.set_cookie(
        COOKIE,
        cookie_value(site.keyring, person.id, person.token_hash),
        max_age=60 * 60 * 24 * 30,
        path=site.prefix or "/",
        httponly=True,
        secure=site.secure,
        samesite="lax",
    )
    return response


@router.get("/survey")
def resume(request: Request) -> Response:
    """Lead to the step where the person stands."""
    with reading(site_of(request).engine) as connection:
        here, page = enter(connection, request)
        if here.person.consent_granted is None:
            return _go(request, "/survey/consent")
        if not here.person.consent_granted:
            link = {"path": "/survey/consent", "label": page.t["consent_change"]}
            lines = [page.t["consent_declined"]]
            return render(
                "message.html", page, title=page.t["consent_declined_title"], lines=lines, link=link
            )
        occasion = occasion_of(connection, here.person)
        if occasion.wave_id is None:
            return _nothing(page, occasion)
        if occasion.administration is None:
            return _go(request, "/survey/start")
        number = first_open_page(connection, occasion.administration)
    return _go(request, "/survey/review" if number is None else f"/survey/page/{number}")


def _nothing(page: Page, occasion: Occasion) -> Response:
    line = page.t["nothing_last"]
    if occasion.next_opens is not None:
        line = page.t["nothing_next"].format(date=occasion.next_opens.isoformat())
    return render("message.html", page, title=page.t["nothing_title"], lines=[line])


def _crisis(here: Circumstances, page: Page) -> str:
    return here.study.crisis.get(page.lang) or page.t["help_none"]


def _consent_page(here: Circumstances, page: Page, status: int = 200) -> Response:
    consent = here.study.consent
    text = consent.text.get(page.lang, "") if consent else ""
    return render(
        "consent.html",
        page,
        status,
        title=page.t["consent_title"],
        consent_text=text,
        crisis=_crisis(here, page),
        asked_again=status == 422,
    )


@router.get("/survey/consent")
def show_consent(request: Request) -> Response:
    """Show the consent text."""
    with reading(site_of(request).engine) as connection:
        return _consent_page(*enter(connection, request))


@router.post("/survey/consent")
def post_consent(request: Request, form: Form) -> Response:
    """Keep the choice with the hash of the text that was shown."""
    with site_of(request).engine.begin() as connection:
        here, page = enter(connection, request)
        if not posted_from_here(request, page, form):
            return _consent_page(here, page, 403)
        choice, consent = form.get("consent"), here.study.consent
        if choice not in ("yes", "no") or consent is None:
            return _consent_page(here, page, 422)
        text_hash = consent.hash_of(page.lang)
        give_consent(connection, here.person.id, text_hash, consent.version, page.lang, choice == "yes")
        issue_withdrawal_code(connection, site_of(request).keyring, here.person.id)
    return _go(request, "/survey")


def _ready(request: Request, connection: Any) -> tuple[Circumstances, Page, Occasion]:
    """Person with consent at an open wave; anyone else is led to where they stand."""
    here, page = enter(connection, request)
    occasion = occasion_of(connection, here.person)
    if not here.person.consent_granted or occasion.wave_id is None:
        raise ShutError(_go(request, "/survey"))
    return here, page, occasion


@router.get("/survey/start")
def show_start(request: Request) -> Response:
    """Show the instructions and the withdrawal code."""
    site = site_of(request)
    with reading(site.engine) as connection:
        here, page, _ = _ready(request, connection)
        code = issue_withdrawal_code(connection, site.keyring, here.person.id)
    n_items = len(here.scale.item_ids)
    pages = len(page_sizes(n_items, here.study.item_order.per_page))
    return render(
        "start.html",
        page,
        title=page.t["start_title"],
        instructions=here.scale.wording(page.lang).instructions,
        facts=page.t["start_facts"].format(items=n_items, pages=pages),
        code_keep=page.t["code_keep"].format(code=code),
    )


@router.post("/survey/start")
def post_start(request: Request, form: Form) -> Response:
    """Begin the questionnaire of the open wave."""
    with site_of(request).engine.begin() as connection:
        here, page, occasion = _ready(request, connection)
        if not posted_from_here(request, page, form):
            return _go(request, "/survey/start")
        begin(connection, here, occasion, page.lang)
    return _go(request, "/survey")


def _questions(request: Request, connection: Any) -> tuple[Circumstances, Page, int, list[Any]]:
    here, page, occasion = _ready(request, connection)
    if occasion.administration is None:
        raise ShutError(_go(request, "/survey/start"))
    return here, page, occasion.administration, answers_of(connection, occasion.administration)


def _question_page(
    here: Circumstances, page: Page, number: int, rows: list[Any], status: int = 200, **shown: Any
) -> Response:
    on_page, last = [row for row in rows if row.page == number], max(row.page for row in rows)
    chosen, wrong, open_ids = (shown.get(k, v) for k, v in (("chosen", {}), ("wrong", []), ("open_ids", [])))
    fields = question_fields(here, page, on_page, len(rows), chosen, wrong, open_ids)
    wording = here.scale.wording(page.lang)
    return render(
        "questions.html",
        page,
        status,
        title=wording.title,
        where=page.t["page_of"].format(page=number, total=last),
        number=number,
        time_frame=wording.time_frame,
        items=fields,
        open_items=[field for field in fields if field["open"]],
        again=status == 403,
        forward="next",
        forward_label=page.t["next"] if number < last else page.t["save_check"],
        own_form=True,
    )


@router.get("/survey/page/{number}")
def show_questions(request: Request, number: Number) -> Response:
    """Show a page of questions with the answers given so far."""
    with reading(site_of(request).engine) as connection:
        here, page, _, rows = _questions(request, connection)
    if number > max(row.page for row in rows):
        return _go(request, "/survey")
    return _question_page(here, page, number, rows)


@router.post("/survey/page/{number}")
def post_questions(request: Request, number: Number, form: Form) -> Response:
    """Save a page, then lead on; blanks are asked about once, softly."""
    with site_of(request).engine.begin() as connection:
        here, page, attempt, rows = _questions(request, connection)
        last = max(row.page for row in rows)
        on_page = {row.name: row for row in rows if row.page == number}
        if not on_page:
            return _go(request, "/survey")
        answers, wrong = read_form(here.scale, {name: row.item_id for name, row in on_page.items()}, form)
        if not posted_from_here(request, page, form):
            by_number = {row.item_id: name for name, row in on_page.items()}
            chosen = {
                by_number[k]: chosen_code(here.scale, by_number[k], a.state, a.value)
                for k, a in answers.items()
            }
            return _question_page(here, page, number, rows, 403, chosen=chosen)
        language, step = form.get("lang"), form.get("go")
        left_open = [
            name
            for name, row in on_page.items()
            if row.item_id not in answers and row.state in ("not_seen", "skipped")
        ]
        onward = language is None and step in ("next", "continue")
        if step == "continue":
            answers |= {on_page[name].item_id: Answer("skipped") for name in left_open if name not in wrong}
        leads_on = onward and not wrong and (step == "continue" or not left_open)
        save_answers(connection, attempt, answers, show_page=number + 1 if leads_on else None)
        if isinstance(language, str) and language in dict(page.languages):
            set_language(connection, here.person.id, language)
            return _go(request, f"/survey/page/{number}")
        if onward and not leads_on:
            rows = answers_of(connection, attempt)
            return _question_page(here, page, number, rows, 422, wrong=wrong, open_ids=left_open)
    if not onward:
        return _go(request, f"/survey/page/{number - 1}" if number > 1 else "/survey/page/1")
    return _go(request, f"/survey/page/{number + 1}" if number < last else "/survey/review")


@router.post("/language")
def post_language(request: Request, form: Form) -> Response:
    """Change the language and come back to the same page."""
    with site_of(request).engine.begin() as connection:
        here, page = enter(connection, request)
        wanted, back = form.get("lang"), form.get("back")
        if posted_from_here(request, page, form) and wanted in dict(page.languages):
            set_language(connection, here.person.id, str(wanted))
    known = {"/survey", "/survey/consent", "/survey/start", "/survey/review", "/survey/done", "/help"}
    return _go(request, str(back) if back in known else "/survey")


@router.get("/survey/review")
def show_review(request: Request) -> Response:
    """Show every answer before the end."""
    with reading(site_of(request).engine) as connection:
        here, page, _, rows = _questions(request, connection)
    sections = review_sections(here, page, rows)
    key = secrets.token_urlsafe(16)
    return render("review.html", page, title=page.t["review_title"], sections=sections, submit_key=key)


@router.post("/survey/submit")
def post_submit(request: Request, form: Form) -> Response:
    """Finish; a second press changes nothing."""
    with site_of(request).engine.begin() as connection:
        here, page = enter(connection, request)
        occasion = occasion_of(connection, here.person)
        if not posted_from_here(request, page, form):
            return _go(request, "/survey/review")
        if occasion.administration is not None:
            attempt = occasion.administration
            rows: list[Any] = answers_of(connection, attempt)
            skipped = {
                row.item_id: Answer("skipped") for row in rows if row.state == "not_seen" and row.shown_at
            }
            save_answers(connection, attempt, skipped)
            sent = f"{attempt}:{form.get('submit_key', '')}"
            complete_administration(connection, attempt, hashlib.sha256(sent.encode()).hexdigest())
    return _go(request, "/survey/done")


@router.get("/survey/done")
def show_done(request: Request) -> Response:
    """Thank the person and show the withdrawal code once more."""
    site = site_of(request)
    with reading(site.engine) as connection:
        here, page = enter(connection, request)
        occasion = occasion_of(connection, here.person)
        if occasion.administration is not None or here.person.erasure_hash is None:
            return _go(request, "/survey")
        code = issue_withdrawal_code(connection, site.keyring, here.person.id)
    lines = [page.t["done_lead"]]
    if occasion.next_opens is not None:
        lines.append(page.t["nothing_next"].format(date=occasion.next_opens.isoformat()))
    crisis = _crisis(here, page)
    return render("message.html", page, title=page.t["done_title"], lines=lines, code=code, crisis=crisis)


@router.get("/help")
def show_help(request: Request) -> Response:
    """Show where help is found; the same for everyone, whatever they answered."""
    try:
        with reading(site_of(request).engine) as connection:
            here, page = enter(connection, request)
    except ShutError:
        page = stranger_page(request)
        return render("message.html", page, title=page.t["help_title"], lines=[page.t["help_none"]])
    link = {"path": "/survey", "label": page.t["back_to_questions"]}
    lead = [page.t["help_lead"]]
    return render(
        "message.html", page, title=page.t["help_title"], lines=lead, crisis=_crisis(here, page), link=link
    )


@router.get("/withdraw")
def show_withdraw(request: Request) -> Response:
    """Ask for a withdrawal code."""
    page = stranger_page(request)
    return render("withdraw.html", page, title=page.t["withdraw_title"], unknown=False)


@router.post("/withdraw")
def post_withdraw(request: Request, form: Form) -> Response:
    """Erase the person of a withdrawal code."""
    site, page = site_of(request), stranger_page(request)
    if site.limit.blocked(client_of(request)):
        raise shut(request, "many", 429)
    if not comes_from_here(request):
        return render("withdraw.html", page, 403, title=page.t["withdraw_title"], unknown=False)
    with site.engine.begin() as connection:
        erased = erase_by_code(connection, site.keyring, str(form.get("code", "")))
    if not erased:
        site.limit.failed(client_of(request))
        return render("withdraw.html", page, 422, title=page.t["withdraw_title"], unknown=True)
    response = render(
        "message.html", page, title=page.t["withdraw_done_title"], lines=[page.t["withdraw_done"]]
    )
    response.delete_cookie(COOKIE, path=site.prefix or "/")
    return response


def locked_page(request: Request, _error: Exception) -> Response:
    """Answer a post to a questionnaire that another tab finished.

    Parameters
    ----------
    request
        The request.
    _error
        A LockedError.

    Returns
    -------
    starlette.responses.Response
        A redirect to the thank-you page.
    """
    return _go(request, "/survey/done")


__all__ = ["LockedError", "locked_page", "router"]
