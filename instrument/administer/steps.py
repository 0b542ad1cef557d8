"""The way through a wave: forms before the scale, the scale, forms after it; empty pages are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from instrument.administer.journey import Circumstances, Occasion, in_words_of
from instrument.administer.layout import page_sizes
from instrument.forms import Form, Question, pages_of, visible_questions
from instrument.store.answers import answers_of
from instrument.store.form_answers import Kept, form_answers_of, said_in
from instrument.study import Study

REVIEW = "/survey/review"


@dataclass(frozen=True, slots=True)
class Step:
    """One page of questions.

    Attributes
    ----------
    path
        Below the person's pages.
    number
        Of the page within the scale or the form.
    open
        Whether a question on it was neither answered nor left out.
    form
        None on pages of the scale.
    questions
        Those of the form that are asked there now.
    """

    path: str
    number: int
    open: bool
    form: Form | None = None
    questions: tuple[Question, ...] = ()


def steps_of(study: Study, wave: str, rows: Sequence[Any], kept: Kept) -> list[Step]:
    """Pages of a wave in their order, given the answers so far.

    Parameters
    ----------
    study, wave
        Study, and name of the wave.
    rows
        Stored answers of the scale.
    kept
        Stored answers of the forms.

    Returns
    -------
    list of Step
        Without pages on which every question is hidden.
    """
    per_page = study.item_order.per_page
    numbers = sorted({int(row.page) for row in rows})
    unseen = {int(row.page) for row in rows if row.state == "not_seen"}
    scale = [Step(f"/survey/page/{number}", number, number in unseen) for number in numbers]
    before = [step for form in study.forms_at(wave, "before") for step in _steps_of(form, per_page, kept)]
    after = [step for form in study.forms_at(wave, "after") for step in _steps_of(form, per_page, kept)]
    return [*before, *scale, *after]


def _steps_of(form: Form, per_page: int, kept: Kept) -> list[Step]:
    shown = {question.id for question in visible_questions(form, said_in(kept, form))}
    dealt_with = kept.get(form.id, {})
    steps = []
    for number, page in enumerate(pages_of(form, per_page), start=1):
        asked = tuple(question for question in page if question.id in shown)
        if asked:
            unseen = any(question.id not in dealt_with for question in asked)
            steps.append(Step(f"/survey/form/{form.id}/{number}", number, unseen, form, asked))
    return steps


def place_among(steps: Sequence[Step], path: str) -> tuple[int, str, str]:
    """Where a page stands.

    Parameters
    ----------
    steps
        As `steps_of` gives them.
    path
        Of a page among them.

    Returns
    -------
    tuple
        Its place counted from 1; the path before it (its own for the first), and the one after it (the review
        for the last).
    """
    place = next(k for k, step in enumerate(steps) if step.path == path)
    before = steps[max(place - 1, 0)].path
    return place + 1, before, steps[place + 1].path if place + 1 < len(steps) else REVIEW


def first_open_step(connection: Connection, here: Circumstances, occasion: Occasion) -> str:
    """Path of the first page with a question that was neither answered nor left out.

    Parameters
    ----------
    connection
        An open connection.
    here, occasion
        Who, and the wave with its attempt.

    Returns
    -------
    str
        The review where there is none.
    """
    attempt = int(occasion.administration or 0)
    kept = form_answers_of(connection, attempt)
    begun_in = in_words_of(connection, here, occasion).study
    steps = steps_of(begun_in, occasion.wave, answers_of(connection, attempt), kept)
    return next((step.path for step in steps if step.open), REVIEW)


def how_much(here: Circumstances, wave: str, t: Mapping[str, str]) -> str:
    """Say how many questions and pages a wave has, at most.

    Parameters
    ----------
    here, wave
        Study, and name of the wave.
    t
        Texts of the pages.

    Returns
    -------
    str
        A sentence or two.
    """
    per_page, forms = here.study.item_order.per_page, here.study.forms_at(wave)
    items = len(here.scale.item_ids) if here.study.asks_scale(wave) else 0
    pages = len(page_sizes(items, per_page)) if items else 0
    questions = items + sum(len(form.questions) for form in forms)
    pages += sum(len(pages_of(form, per_page)) for form in forms)
    hides = any(question.shown_if is not None for form in forms for question in form.questions)
    return t["start_facts_at_most" if hides else "start_facts"].format(items=questions, pages=pages)
