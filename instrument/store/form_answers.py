"""Answers to forms: saved a page at a time; a hidden question keeps none, a blank replaces none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from instrument.forms import Form, Question, visible_questions
from instrument.store.answers import revise
from instrument.store.definitions import find_study, study_of_version, study_written_as
from instrument.store.tables import administration, form_answer, participant, wave
from instrument.store.windows import days_of_people
from instrument.study import Study

Kept = Mapping[str, Mapping[str, str | None]]
"""By form and question: the answer, None where the person went on without one."""

HEADS = ["participant", "wave", "day", "status", "study_version"]
"""Columns of the table of a form before those of its questions."""
_KEPT = select(form_answer.c.form, form_answer.c.question, form_answer.c.value).where(
    form_answer.c.administration_id == bindparam("of_attempt")
)


def form_answers_of(connection: Connection, administration_id: int) -> dict[str, dict[str, str | None]]:
    """Answers to forms of an administration.

    Parameters
    ----------
    connection
        An open connection.
    administration_id
        Number of the attempt.

    Returns
    -------
    dict of dict
        By form and question; None where the person went on without an answer.
    """
    found: dict[str, dict[str, str | None]] = {}
    for row in connection.execute(_KEPT, {"of_attempt": administration_id}):
        found.setdefault(str(row.form), {})[str(row.question)] = row.value
    return found


def save_form(
    connection: Connection,
    administration_id: int,
    form: Form,
    answers: Mapping[str, str | None],
    *,
    taken_back: Iterable[str] = (),
) -> dict[str, str | None]:
    """Save answers of a form; then drop those of questions that are hidden by what now stands.

    What a person takes back is gone, as it may say who somebody is: no history of forms is kept.

    Parameters
    ----------
    connection
        An open transaction.
    administration_id
        Number of the attempt.
    form
        The form.
    answers
        Question to answer, None to go on without; a None never replaces an answer.
    taken_back
        Questions whose answer the person was shown and has removed.

    Returns
    -------
    dict
        What is kept of the form afterwards.

    Raises
    ------
    LockedError
        The attempt is complete.
    """
    revise(connection, administration_id)
    kept = form_answers_of(connection, administration_id).get(form.id, {})
    removed = set(taken_back) - {q for q, v in answers.items() if v is not None}
    left = {q: v for q, v in kept.items() if q not in removed}
    merged = {**left, **{q: v for q, v in answers.items() if v is not None or left.get(q) is None}}
    wanted = asked_answers(form, merged)
    put_answers(connection, administration_id, form.id, kept, wanted, datetime.now(UTC))
    return wanted


def asked_answers(form: Form, answers: Mapping[str, str | None]) -> dict[str, str | None]:
    """Those of some answers whose questions are asked, given the answers themselves.

    Parameters
    ----------
    form, answers
        The form, and answers to it by question.

    Returns
    -------
    dict
        Without answers to questions that are hidden, or that the form does not have.
    """
    shown = {question.id for question in visible_questions(form, _said(answers))}
    return {question: value for question, value in answers.items() if question in shown}


def put_answers(
    connection: Connection,
    administration_id: int,
    form: str,
    before: Mapping[str, str | None],
    wanted: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Put answers to a form in place of those that are kept, in as few statements as that takes.

    Parameters
    ----------
    connection
        An open transaction that holds the attempt, which is open.
    administration_id, form
        Number of the attempt, and id of the form.
    before, wanted
        What is kept, and what is to be.
    now
        Moment of the change.
    """
    here = (form_answer.c.administration_id == administration_id) & (form_answer.c.form == form)
    if gone := [q for q in before if q not in wanted]:
        connection.execute(delete(form_answer).where(here, form_answer.c.question.in_(gone)))
    for question, value in wanted.items():
        values = {"state": "skipped" if value is None else "answered", "value": value, "saved_at": now}
        if question not in before:
            place = {"administration_id": administration_id, "form": form, "question": question}
            connection.execute(insert(form_answer).values(**place, **values))
        elif before[question] != value:
            connection.execute(
                update(form_answer).where(here, form_answer.c.question == question).values(values)
            )


def _said(values: Mapping[str, str | None]) -> dict[str, str]:
    return {question: value for question, value in values.items() if value is not None}


def said_in(kept: Kept, form: Form) -> dict[str, str]:
    """Answers that were given to a form.

    Parameters
    ----------
    kept
        As `form_answers_of` gives them.
    form
        The form.

    Returns
    -------
    dict of str
        By question.
    """
    return _said(kept.get(form.id, {}))


def form_tables(
    connection: Connection, study_name: str, *, identifying: bool = False
) -> dict[str, pd.DataFrame]:
    """Answers to each form of a study, one row per administration at which it is asked.

    Parameters
    ----------
    connection
        An open connection.
    study_name
        Id of the study.
    identifying
        With the answers that may tell who somebody is.

    Returns
    -------
    dict of pandas.DataFrame
        By id of the form: participant, wave, day, status, study_version, then a column for each question
        (for each option of `several`: 1 or 0); an empty cell has its reason under `states`, long:
        participant, wave, form, question, state (answered, skipped, hidden by an earlier answer, not_seen,
        or not_asked where the version of the questionnaire had no such question). Trial links and void
        questionnaires are left out, and so are sets of answers that came without this form.
    """
    row: Any = find_study(connection, study_name)
    study = study_written_as(row.definition)
    query = (
        select(
            administration.c.id,
            administration.c.participant_id,
            participant.c.pseudonym,
            wave.c.name,
            administration.c.status,
            administration.c.mode,
            administration.c.study_version,
            form_answer.c.form,
            form_answer.c.question,
            form_answer.c.value,
        )
        .select_from(administration)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .outerjoin(form_answer, form_answer.c.administration_id == administration.c.id)
        .where(
            participant.c.study_id == row.id,
            participant.c.is_test.is_(False),
            administration.c.status != "void",
        )
        .order_by(participant.c.id, wave.c.position)
    )
    heads: dict[int, Any] = {}
    kept: dict[int, dict[str, dict[str, str | None]]] = {}
    for one in connection.execute(query):
        heads[one.id] = one
        if one.form is not None:
            kept.setdefault(one.id, {}).setdefault(one.form, {})[one.question] = one.value
    days = days_of_people(connection, row, {head.participant_id for head in heads.values()})
    versions = {head.study_version for head in heads.values()}
    asked = {number: study_of_version(connection, int(row.id), number) for number in versions}
    return _tables(study, asked, heads, kept, days, identifying)


def _tables(
    study: Study,
    versions: Mapping[int, Study],
    heads: Mapping[int, Any],
    kept: Mapping[int, Kept],
    days: Mapping[int, Any],
    identifying: bool,
) -> dict[str, pd.DataFrame]:
    made: dict[str, pd.DataFrame] = {}
    states: list[tuple[str, str, str, str, str]] = []
    for form in study.forms:
        asked = [question for question in form.questions if identifying or not question.is_identifying]
        rows = []
        for number, head in heads.items():
            begun_in = {one.id: one for one in versions[head.study_version].forms_at(head.name)}.get(form.id)
            own = kept.get(number, {}).get(form.id, {})
            if begun_in is None or (head.mode != "web" and not own):
                continue
            person = days[head.participant_id]
            day = person.day(person.given.get(head.name))
            cells = [cell for question in asked for cell in _cells(question, own.get(question.id))]
            rows.append((head.pseudonym, head.name, day, head.status, head.study_version, *cells))
            known = {question.id for question in begun_in.questions}
            shown = {question.id for question in visible_questions(begun_in, _said(own))}
            states += [
                (head.pseudonym, head.name, form.id, q.id, _state(q, own, shown, known))
                for q in form.questions
            ]
        columns = [*HEADS, *(c for q in asked for c in q.columns)]
        made[form.id] = pd.DataFrame(rows, columns=columns).astype({"day": "Int64", "study_version": "Int64"})
    made["states"] = pd.DataFrame(states, columns=["participant", "wave", "form", "question", "state"])
    return made


def _cells(question: Question, value: str | None) -> Iterable[str | None]:
    if question.kind != "several":
        return [value]
    if value is None:
        return [None] * len(question.choices)
    chosen = set(value.split())
    return ["1" if str(choice.code) in chosen else "0" for choice in question.choices]


def _state(question: Question, own: Mapping[str, str | None], shown: set[str], known: set[str]) -> str:
    if question.id not in known:
        return "not_asked"
    if question.id not in shown:
        return "hidden"
    if question.id not in own:
        return "not_seen"
    return "skipped" if own[question.id] is None else "answered"
