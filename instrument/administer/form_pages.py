"""Routes of forms: a page is shown and saved; what depends on an answer stands on a later page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.entry import remember_language, seal, site_of
from instrument.administer.pages import Form, go
from instrument.administer.questions import (
    Asked,
    Number,
    asked_by_form,
    asked_now,
    in_language,
    next_path,
    note_seen,
)
from instrument.administer.rendering import form_fields, in_words, render
from instrument.administer.session import comes_from_here
from instrument.administer.steps import REVIEW, Step, place_among
from instrument.forms import Question, read_value
from instrument.store.answers import save_answers
from instrument.store.connect import reading
from instrument.store.form_answers import said_in, save_form
from instrument.store.people import set_language

router = APIRouter(include_in_schema=False)
REMOVABLE = ("several", "number", "date", "text")
"""Kinds whose answer can be cleared on the page; a radio button cannot be."""


def form_step(asked: Asked, form: str, number: int) -> Step | None:
    """Give the page of a form, where something is asked on it now.

    Parameters
    ----------
    asked, form, number
        Whose questions, id of the form, and number of the page.

    Returns
    -------
    Step or None
        None for a page that is not there, or whose questions are hidden.
    """
    path = f"/survey/form/{form}/{number}"
    return next((step for step in asked.steps if step.path == path), None)


def _form_page(
    request: Request,
    asked: Asked,
    step: Step,
    status: int = 200,
    *,
    from_review: bool = False,
    typed: dict[str, list[str]] | None = None,
    faults: dict[str, str] | None = None,
    open_ids: list[str] | None = None,
    help_asked: bool = False,
) -> Response:
    page, form = asked.page, step.form
    if form is None:
        return go(page, "/survey")
    fields = form_fields(
        step.questions, page, said_in(asked.kept, form), typed or {}, faults or {}, open_ids or []
    )
    place, _, after = place_among(asked.steps, step.path)
    return render(
        "form.html",
        page,
        status,
        title=form.title[page.lang],
        lead=form.lead.get(page.lang, "") if step.number == 1 else "",
        where=page.t["page_of"].format(page=place, total=len(asked.steps)),
        action=step.path,
        items=fields,
        open_items=[field for field in fields if field["open"] or field["fault"]],
        again=status == 403,
        forward="next",
        forward_label=page.t["save_check"] if after == REVIEW or from_review else page.t["next"],
        from_review=from_review,
        own_form=True,
        help_asked=help_asked,
        sheet=asked.sheet(request),
        seal=seal(request, asked.here, f"attempt {asked.attempt}"),
    )


@router.get("/s/{place}/survey/form/{form_id}/{number}")
def show_form(request: Request, form_id: str, number: Number) -> Response:
    """Show a page of a form with the answers given so far."""
    with reading(site_of(request).engine) as connection:
        asked = asked_now(request, connection)
    step = form_step(asked, form_id, number)
    if step is None:
        return go(asked.page, "/survey")
    return _form_page(request, asked, step, from_review=request.query_params.get("from") == "review")


def read_fields(questions: Sequence[Question], form: Any) -> tuple[dict[str, str], dict[str, str], Any]:
    """Read the fields of a page.

    Parameters
    ----------
    questions, form
        Those of the page, and what was posted.

    Returns
    -------
    tuple
        Answers, names of faults, and fields as they were typed, each by question.
    """
    answers, faults, typed = {}, {}, {}
    for question in questions:
        field = f"form-{question.id}"
        given = [str(text) for text in form.getlist(field)]
        if question.kind == "slider":  # it counts once the person says so: a slider always stands somewhere
            typed[question.id] = [str(text) for text in form.getlist(f"{field}-place")]
            given = typed[question.id] if "set" in given else []
        else:
            typed[question.id] = given
        value, fault = read_value(question, given)
        if fault:
            faults[question.id] = fault
        elif value is not None:
            answers[question.id] = value
    return answers, faults, typed


@router.post("/s/{place}/survey/form/{form_id}/{number}")
def post_form(request: Request, form_id: str, number: Number, form: Form) -> Response:
    """Save a page of a form, then lead on; blanks are asked about once, softly."""
    with site_of(request).engine.begin() as connection:
        asked = asked_by_form(request, connection, form)
        return save_form_page(request, connection, asked, form_id, number, form)


def save_form_page(
    request: Request, connection: Any, asked: Asked, form_id: str, number: int, form: Any
) -> Response:
    """Save a page of a form and lead on.

    Parameters
    ----------
    request, connection, asked
        The request, an open transaction, and whose page it is.
    form_id, number, form
        Id of the form, number of the page, and what was posted.

    Returns
    -------
    starlette.responses.Response
        Leads on, or shows the page again.
    """
    from_review = form.get("from") == "review"
    page, step = asked.page, form_step(asked, form_id, number)
    if step is None or step.form is None:  # another tab has hidden these questions meanwhile
        return go(page, "/survey")
    answers, faults, typed = read_fields(step.questions, form)
    language, pressed = form.get("lang"), form.get("go")
    if not comes_from_here(request):
        again: dict[str, Any] = {"typed": typed, "faults": faults, "help_asked": pressed == "help"}
        return _form_page(request, asked, step, 403, from_review=from_review, **again)
    said = asked.kept.get(step.form.id, {})
    shown_before = {str(text) for text in form.getlist("had")}
    removed = [
        q.id
        for q in step.questions
        if q.id in shown_before and q.kind in REMOVABLE and q.id not in answers and q.id not in faults
    ]
    open_ids = [
        q.id
        for q in step.questions
        if q.id not in answers and (said.get(q.id) is None or q.id in removed or q.id in faults)
    ]
    open_ids = [name for name in open_ids if not (from_review and name in said)]
    onward = language is None and pressed in ("next", "continue")
    stays = onward and pressed == "next" and (bool(open_ids) or bool(faults))
    blanks = dict.fromkeys(open_ids) if pressed == "continue" else {}
    new = {**blanks, **answers}
    kept = save_form(connection, asked.attempt, step.form, new, taken_back=removed)
    note_seen(request, connection, asked, step.path, form)
    asked = replace(asked, kept={**asked.kept, step.form.id: kept})
    if isinstance(language, str) and language in dict(page.languages):
        if faults:  # what was typed is nowhere else: a new page would show what was stored before
            here = asked.here
            asked = replace(asked, page=in_words(page, here.study, language, here.scale))
            set_language(connection, here.person.id, language)
            shown_again = {"typed": typed, "faults": faults}
            response = _form_page(request, asked, step, 422, from_review=from_review, **shown_again)
            remember_language(request, response, language)
            return response
        return in_language(connection, request, asked, step.path, language, from_review)
    if stays:
        shown: dict[str, Any] = {"typed": typed, "faults": faults, "open_ids": open_ids}
        return _form_page(request, asked, step, 422, from_review=from_review, **shown)
    path = next_path(asked.steps, step.path, str(pressed), onward, from_review)
    if onward and path == "/survey/page/1":  # only now are the first items of the scale seen
        save_answers(connection, asked.attempt, {}, show_page=1)
    return go(page, path)
