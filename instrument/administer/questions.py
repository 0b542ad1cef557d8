"""Routes of the questions themselves: a page is shown, saved, reviewed and sent."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.doors import ShutError, enter, fits, remember_language, seal, site_of, visit
from instrument.administer.journey import (
    Circumstances,
    attempts_made,
    chosen_code,
    in_words_of,
    must_consent_again,
    occasion_of,
    read_form,
)
from instrument.administer.pages import Form, go, ready, stale
from instrument.administer.rendering import Page, question_fields, render, review_sections
from instrument.administer.session import comes_from_here
from instrument.store.answers import (
    Answer,
    LockedError,
    answers_of,
    complete_administration,
    save_answers,
)
from instrument.store.connect import reading
from instrument.store.people import set_language

router = APIRouter(include_in_schema=False)
Number = Annotated[int, Path(ge=1, le=10_000)]
REVIEW = "review"


def _questions(request: Request, connection: Any) -> tuple[Circumstances, Page, int, list[Any]]:
    """Person, frame, open attempt and its answers, to be shown; anyone else is led on."""
    here, page, occasion = ready(request, connection)
    if occasion.administration is None:
        raise ShutError(go(page, "/survey/start"))
    here = in_words_of(connection, here, occasion.version_id or here.version_id)
    return here, page, occasion.administration, answers_of(connection, occasion.administration)


def _posted(request: Request, connection: Any, form: Any) -> tuple[Circumstances, Page, int, list[Any]]:
    """Person, frame, attempt and its answers, where the form was made for that attempt and it is open.

    A form of an earlier wave, of an attempt that was sent, or of anyone else is refused: nothing of it is
    kept, and the page says so.
    """
    here, page = enter(connection, request)
    for row in attempts_made(connection, here.person):
        if fits(request, here, form, f"attempt {row.administration_id}"):
            if row.status == "completed":
                raise stale(request, page, "sent", 409)
            if here.person.consent_granted is False:
                raise stale(request, page, "taken_back", 409)
            if must_consent_again(here):
                raise stale(request, page, "reconsent", 409)
            occasion = occasion_of(connection, here.person)
            if occasion.administration != row.administration_id or not here.person.consent_granted:
                raise stale(request, page, "over", 409)
            attempt = int(row.administration_id)
            here = in_words_of(connection, here, int(row.instrument_version_id))
            return here, page, attempt, answers_of(connection, attempt)
    raise stale(request, page)


def _question_page(
    request: Request,
    here: Circumstances,
    page: Page,
    attempt: int,
    number: int,
    rows: list[Any],
    status: int = 200,
    *,
    from_review: bool = False,
    **shown: Any,
) -> Response:
    on_page, last = [row for row in rows if row.page == number], max(row.page for row in rows)
    chosen, wrong, open_ids = (shown.get(k, v) for k, v in (("chosen", {}), ("wrong", []), ("open_ids", [])))
    fields = question_fields(here, page, on_page, len(rows), chosen, wrong, open_ids)
    wording = here.scale.wording(page.lang)
    forward = page.t["next"] if number < last and not from_review else page.t["save_check"]
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
        forward_label=forward,
        from_review=from_review,
        own_form=True,
        help_asked=shown.get("help_asked", False),
        seal=seal(request, here, f"attempt {attempt}"),
    )


@router.get("/s/{place}/survey/page/{number}")
def show_questions(request: Request, number: Number) -> Response:
    """Show a page of questions with the answers given so far."""
    with reading(site_of(request).engine) as connection:
        here, page, attempt, rows = _questions(request, connection)
    if number > max(row.page for row in rows):
        return go(page, "/survey")
    from_review = request.query_params.get("from") == REVIEW
    return _question_page(request, here, page, attempt, number, rows, from_review=from_review)


@router.post("/s/{place}/survey/page/{number}")
def post_questions(request: Request, number: Number, form: Form) -> Response:
    """Save a page, then lead on; blanks are asked about once, softly."""
    from_review = form.get("from") == REVIEW
    with site_of(request).engine.begin() as connection:
        here, page, attempt, rows = _posted(request, connection, form)
        last = max(row.page for row in rows)
        on_page = {row.name: row for row in rows if row.page == number}
        if not on_page:
            return go(page, "/survey")
        answers, wrong = read_form(here.scale, {name: row.item_id for name, row in on_page.items()}, form)
        language, step = form.get("lang"), form.get("go")
        if not comes_from_here(request):
            by_number = {row.item_id: name for name, row in on_page.items()}
            chosen = {
                by_number[k]: chosen_code(here.scale, by_number[k], a.state, a.value)
                for k, a in answers.items()
            }
            kept = {"chosen": chosen, "help_asked": step == "help"}
            return _question_page(
                request, here, page, attempt, number, rows, 403, from_review=from_review, **kept
            )
        unsaid = ("not_seen",) if from_review else ("not_seen", "skipped")
        left_open = [
            name for name, row in on_page.items() if row.item_id not in answers and row.state in unsaid
        ]
        onward = language is None and step in ("next", "continue")
        if step == "continue":
            answers |= {on_page[name].item_id: Answer("skipped") for name in left_open if name not in wrong}
        leads_on = onward and not wrong and (step == "continue" or not left_open)
        shown_next = number + 1 if leads_on and not from_review else None
        save_answers(connection, attempt, answers, show_page=shown_next)
        if isinstance(language, str) and language in dict(page.languages):
            set_language(connection, here.person.id, language)
            response = go(page, f"/survey/page/{number}" + ("?from=review" if from_review else ""))
            remember_language(request, response, language)
            return response
        if onward and not leads_on:
            rows = answers_of(connection, attempt)
            return _question_page(
                request,
                here,
                page,
                attempt,
                number,
                rows,
                422,
                from_review=from_review,
                wrong=wrong,
                open_ids=left_open,
            )
    return go(page, _next_path(number, last, str(step), onward, from_review))


def _next_path(number: int, last: int, step: str, onward: bool, from_review: bool) -> str:
    """Where a saved page leads: help, the review it came from, the next page or the one before."""
    if step in ("help", "withdraw"):
        return f"/{step}?back=page-{number}" + ("-review" if from_review else "")
    if from_review:
        return f"/survey/review#page-{number}"
    if onward:
        return f"/survey/page/{number + 1}" if number < last else "/survey/review"
    return f"/survey/page/{max(number - 1, 1)}"


def _review_page(
    request: Request, here: Circumstances, page: Page, attempt: int, rows: list[Any], status: int = 200
) -> Response:
    return render(
        "review.html",
        page,
        status,
        title=page.t["review_title"],
        sections=review_sections(here, page, rows),
        submit_key=secrets.token_urlsafe(16),
        again=status == 403,
        seal=seal(request, here, f"attempt {attempt}"),
    )


@router.get("/s/{place}/survey/review")
def show_review(request: Request) -> Response:
    """Show every answer before the end."""
    with reading(site_of(request).engine) as connection:
        here, page, attempt, rows = _questions(request, connection)
    return _review_page(request, here, page, attempt, rows)


@router.post("/s/{place}/survey/submit")
def post_submit(request: Request, form: Form) -> Response:
    """Finish; a second press changes nothing."""
    with site_of(request).engine.begin() as connection:
        here, page = enter(connection, request)
        if any(
            row.status == "completed" and fits(request, here, form, f"attempt {row.administration_id}")
            for row in attempts_made(connection, here.person)
        ):
            return go(page, "/survey/done")
        here, page, attempt, rows = _posted(request, connection, form)
        if not comes_from_here(request):
            return _review_page(request, here, page, attempt, rows, 403)
        skipped = {row.item_id: Answer("skipped") for row in rows if row.state == "not_seen" and row.shown_at}
        try:
            save_answers(connection, attempt, skipped)
        except LockedError:  # another press of the same button came first
            return go(page, "/survey/done")
        sent = f"{attempt}:{form.get('submit_key', '')}"
        complete_administration(connection, attempt, hashlib.sha256(sent.encode()).hexdigest())
    return go(page, "/survey/done")


def locked_page(request: Request, _error: Exception) -> Response:
    """Answer a post to a questionnaire that another tab finished meanwhile.

    Parameters
    ----------
    request
        The request.
    _error
        A LockedError.

    Returns
    -------
    starlette.responses.Response
        A page that says that the answers were sent before.
    """
    with reading(site_of(request).engine) as connection:
        page = visit(connection, request).page
    return stale(request, page, "sent", 409).response


__all__ = ["LockedError", "locked_page", "router"]
