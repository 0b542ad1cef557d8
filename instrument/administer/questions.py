"""Routes of the questions themselves: a page is shown, saved, reviewed and sent."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.entry import (
    RequestEndedError,
    enter,
    fits,
    remember_language,
    seal,
    site_of,
    visit,
)
from instrument.administer.journey import (
    Circumstances,
    Occasion,
    attempts_made,
    chosen_code,
    in_words_of,
    must_consent_again,
    open_attempts,
    read_form,
)
from instrument.administer.pages import Form, go, ready, stale
from instrument.administer.rendering import Page, question_fields, render, review_sections
from instrument.administer.session import comes_from_here
from instrument.administer.sheets import Sheet, new_sheet, seconds_seen
from instrument.administer.steps import REVIEW, Step, place_among, steps_of
from instrument.store.answers import (
    Answer,
    LockedError,
    answers_of,
    complete_administration,
    save_answers,
)
from instrument.store.connect import reading
from instrument.store.form_answers import form_answers_of
from instrument.store.instants import utc
from instrument.store.people import set_language
from instrument.store.sheets import keep_time

router = APIRouter(include_in_schema=False)
Number = Annotated[int, Path(ge=1, le=10_000)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A person in the middle of a questionnaire.

    Attributes
    ----------
    here, page
        Person and frame, in the wording of the attempt.
    attempt, wave
        Number of the attempt, and name of its wave.
    rows, kept
        Its answers to the scale and to forms.
    until
        Moment at which the wave closes for the person.
    """

    here: Circumstances
    page: Page
    attempt: int
    wave: str
    rows: list[Any]
    kept: dict[str, dict[str, str | None]]
    until: datetime

    @property
    def steps(self) -> list[Step]:
        """Pages of questions, in their order."""
        return steps_of(self.here.study, self.wave, self.rows, self.kept)

    def sheet(self, request: Request) -> Sheet | None:
        """Sheet of a page that is about to be shown; None where the study asks for none."""
        return new_sheet(request, self.here.study, self.here.person, self.until)


def _asked(connection: Any, here: Circumstances, page: Page, occasion: Occasion) -> Asked:
    attempt = int(occasion.administration or 0)
    here = in_words_of(connection, here, occasion)
    kept = form_answers_of(connection, attempt) if here.study.forms else {}
    ends = [moment for moment in (occasion.until, here.person.expires_at) if moment is not None]
    until = min((utc(moment) for moment in ends), default=datetime.now(UTC))
    return Asked(here, page, attempt, occasion.wave, answers_of(connection, attempt), kept, until)


def note_seen(request: Request, connection: Any, asked: Asked, path: str, form: Any) -> None:
    """Keep how long a page was seen, where the study wants it and the script of the page ran.

    Parameters
    ----------
    request, connection, asked
        The request, the transaction that stored the page, and whose it is.
    path
        Of the page, below the person's pages.
    form
        What was posted.
    """
    seen = seconds_seen(site_of(request).keyring, form) if asked.here.study.timing else None
    if seen is not None:
        page = path.removeprefix("/survey/").replace("/", "-")
        keep_time(connection, asked.attempt, page, *seen)


def asked_now(request: Request, connection: Any) -> Asked:
    """Person and open attempt, to be shown; anyone else is led on.

    Parameters
    ----------
    request, connection
        The request, and an open connection.

    Returns
    -------
    Asked
        Whose questions these are.

    Raises
    ------
    RequestEndedError
        There is nothing to answer now.
    """
    here, page, occasion = ready(request, connection)
    if occasion.administration is None:
        raise RequestEndedError(go(page, "/survey/start"))
    return _asked(connection, here, page, occasion)


def asked_by_form(request: Request, connection: Any, form: Any) -> Asked:
    """Person and attempt, where the posted form was made for that attempt and it is open.

    A form of an earlier wave, of an attempt that was sent, or of anyone else is refused: nothing of it is
    kept, and the page says so.

    Parameters
    ----------
    request, connection, form
        The request, an open transaction, and what was posted.

    Returns
    -------
    Asked
        Whose questions these are.

    Raises
    ------
    RequestEndedError
        The form is refused.
    """
    here, page = enter(connection, request)
    made = attempts_made(connection, here.person)
    for row in made:
        if fits(request, here, form, f"attempt {row.administration_id}"):
            if row.status == "completed":
                raise stale(request, page, "sent", 409)
            if here.person.consent_granted is False:
                raise stale(request, page, "taken_back", 409)
            if must_consent_again(here):
                raise stale(request, page, "reconsent", 409)
            open_ones = open_attempts(connection, here.person, made)
            if row.administration_id not in open_ones or not here.person.consent_granted:
                raise stale(request, page, "over", 409)
            return _asked(connection, here, page, open_ones[int(row.administration_id)])
    raise stale(request, page)


def _question_page(
    request: Request, asked: Asked, number: int, status: int = 200, *, from_review: bool = False, **shown: Any
) -> Response:
    here, page, steps = asked.here, asked.page, asked.steps
    on_page = [row for row in asked.rows if row.page == number]
    chosen, wrong, open_ids = (shown.get(k, v) for k, v in (("chosen", {}), ("wrong", []), ("open_ids", [])))
    fields = question_fields(here, page, on_page, len(asked.rows), chosen, wrong, open_ids)
    wording = here.scale.wording(page.lang)
    place, _, after = place_among(steps, f"/survey/page/{number}")
    forward = page.t["save_check"] if after == REVIEW or from_review else page.t["next"]
    return render(
        "questions.html",
        page,
        status,
        title=wording.title,
        where=page.t["page_of"].format(page=place, total=len(steps)),
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
        sheet=asked.sheet(request),
        seal=seal(request, here, f"attempt {asked.attempt}"),
    )


@router.get("/s/{place}/survey/page/{number}")
def show_questions(request: Request, number: Number) -> Response:
    """Show a page of questions with the answers given so far."""
    with reading(site_of(request).engine) as connection:
        asked = asked_now(request, connection)
    if number not in {row.page for row in asked.rows}:
        return go(asked.page, "/survey")
    from_review = request.query_params.get("from") == "review"
    return _question_page(request, asked, number, from_review=from_review)


@router.post("/s/{place}/survey/page/{number}")
def post_questions(request: Request, number: Number, form: Form) -> Response:
    """Save a page, then lead on; blanks are asked about once, softly."""
    with site_of(request).engine.begin() as connection:
        asked = asked_by_form(request, connection, form)
        return save_questions(request, connection, asked, number, form)


def save_questions(request: Request, connection: Any, asked: Asked, number: int, form: Any) -> Response:
    """Save a page of the scale and lead on.

    Parameters
    ----------
    request, connection, asked
        The request, an open transaction, and whose page it is.
    number, form
        Of the page, and what was posted.

    Returns
    -------
    starlette.responses.Response
        Leads on, or shows the page again.
    """
    from_review = form.get("from") == "review"
    here, page, attempt = asked.here, asked.page, asked.attempt
    on_page = {row.name: row for row in asked.rows if row.page == number}
    if not on_page:
        return go(page, "/survey")
    answers, wrong = read_form(here.scale, {name: row.item_id for name, row in on_page.items()}, form)
    language, step = form.get("lang"), form.get("go")
    path = f"/survey/page/{number}"
    if not comes_from_here(request):
        by_number = {row.item_id: name for name, row in on_page.items()}
        chosen = {
            by_number[k]: chosen_code(here.scale, by_number[k], a.state, a.value) for k, a in answers.items()
        }
        kept = {"chosen": chosen, "help_asked": step == "help"}
        return _question_page(request, asked, number, 403, from_review=from_review, **kept)
    unsaid = ("not_seen",) if from_review else ("not_seen", "skipped")
    left_open = [name for name, row in on_page.items() if row.item_id not in answers and row.state in unsaid]
    onward = language is None and step in ("next", "continue")
    if step == "continue":
        answers |= {on_page[name].item_id: Answer("skipped") for name in left_open if name not in wrong}
    leads_on = onward and not wrong and (step == "continue" or not left_open)
    shown_next = number + 1 if leads_on and not from_review else None
    save_answers(connection, attempt, answers, show_page=shown_next, held=on_page.values())
    note_seen(request, connection, asked, path, form)
    if isinstance(language, str) and language in dict(page.languages):
        return in_language(connection, request, asked, path, language, from_review)
    if onward and not leads_on:
        asked = replace(asked, rows=answers_of(connection, attempt))
        found: dict[str, Any] = {"wrong": wrong, "open_ids": left_open}
        return _question_page(request, asked, number, 422, from_review=from_review, **found)
    return go(page, next_path(asked.steps, path, str(step), onward, from_review))


def in_language(
    connection: Any, request: Request, asked: Asked, path: str, language: str, from_review: bool
) -> Response:
    """Keep the language chosen on a page of questions and show that page again.

    Parameters
    ----------
    connection, request, asked
        An open transaction, the request, and whose questions.
    path, language
        Of the page below the person's pages, and tag, one of the study's.
    from_review
        Whether the page was opened from the review.

    Returns
    -------
    starlette.responses.Response
        Leads to the same page.
    """
    set_language(connection, asked.here.person.id, language)
    response = go(asked.page, path + ("?from=review" if from_review else ""))
    remember_language(request, response, language)
    return response


def next_path(steps: list[Step], path: str, step: str, onward: bool, from_review: bool) -> str:
    """Where a saved page leads: help, the review it came from, the next page or the one before.

    Parameters
    ----------
    steps
        Pages as they stand after the page was saved.
    path
        Of the page.
    step
        Button that was pressed.
    onward
        Whether it leads forward.
    from_review
        Whether the page was opened from the review.

    Returns
    -------
    str
        Below the person's pages.
    """
    name = path.removeprefix("/survey/").replace("/", "-")
    if step in ("help", "withdraw"):
        return f"/{step}?back={name}" + ("-review" if from_review else "")
    place, before, after = place_among(steps, path)
    if from_review:
        opened = [one.path for one in steps[place:] if one.form is not None and one.open]
        return opened[0] if onward and opened else f"{REVIEW}#{name}"
    return after if onward else before


def _review_page(request: Request, asked: Asked, status: int = 200) -> Response:
    page = asked.page
    return render(
        "review.html",
        page,
        status,
        title=page.t["review_title"],
        sections=review_sections(asked.here, page, asked.rows, asked.steps, asked.kept),
        submit_key=secrets.token_urlsafe(16),
        again=status == 403,
        seal=seal(request, asked.here, f"attempt {asked.attempt}"),
    )


@router.get("/s/{place}/survey/review")
def show_review(request: Request) -> Response:
    """Show every answer before the end."""
    with reading(site_of(request).engine) as connection:
        asked = asked_now(request, connection)
    return _review_page(request, asked)


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
        asked = asked_by_form(request, connection, form)
        if not comes_from_here(request):
            return _review_page(request, asked, 403)
        skipped = {
            row.item_id: Answer("skipped") for row in asked.rows if row.state == "not_seen" and row.shown_at
        }
        try:
            save_answers(connection, asked.attempt, skipped)
        except LockedError:  # another press of the same button came first
            return go(page, "/survey/done")
        sent = f"{asked.attempt}:{form.get('submit_key', '')}"
        complete_administration(connection, asked.attempt, hashlib.sha256(sent.encode()).hexdigest())
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
