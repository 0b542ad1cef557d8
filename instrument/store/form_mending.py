"""Corrections of answers to forms: checked as the page checks them, the branches followed, what was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, insert, select

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.forms import Form, Question, read_value, visible_questions
from instrument.store.definitions import study_of_version
from instrument.store.form_answers import asked_answers, form_answers_of, put_answers
from instrument.store.tables import (
    administration,
    administration_act,
    form_answer,
    form_answer_history,
    item,
    participant,
    response_history,
    wave,
)

DOT = "."
"""Between the id of a form and that of its question; no id of either holds one."""
SKIPPED, NOT_SEEN = "skipped", "not_seen"
CORRECTIONS = ["participant", "wave", "item", "times"]


@dataclass(frozen=True, slots=True)
class FormChange:
    """What a correction makes of one form of a questionnaire.

    Attributes
    ----------
    form
        In the version in which the questionnaire was begun.
    before, after
        Answers by question, None for one that was passed over.
    """

    form: Form
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]

    @property
    def changed(self) -> list[str]:
        """Questions that were named and have another answer, or none, afterwards."""
        different = [q for q in self._ids if self._of(self.before, q) != self._of(self.after, q)]
        return [question for question in different if question not in self.fell_away]

    @property
    def fell_away(self) -> list[str]:
        """Questions with an answer or a blank that are not asked any more."""
        shown = self._shown(self.after)
        return [question for question in self._ids if question in self.before and question not in shown]

    @property
    def now_asked(self) -> list[str]:
        """Questions that were hidden before, are asked now, and have no answer."""
        shown = self._shown(self.after) - self._shown(self.before)
        return [question for question in shown if question not in self.after]

    @property
    def _ids(self) -> list[str]:
        return [question.id for question in self.form.questions]

    def _shown(self, answers: Mapping[str, str | None]) -> set[str]:
        said = {question: value for question, value in answers.items() if value is not None}
        return {question.id for question in visible_questions(self.form, said)}

    @staticmethod
    def _of(answers: Mapping[str, str | None], question: str) -> tuple[str, str | None]:
        return state_of(answers, question), answers.get(question)


def state_of(answers: Mapping[str, str | None], question: str) -> str:
    """State of a question as the store names it: answered, skipped or not_seen."""
    if question not in answers:
        return NOT_SEEN
    return SKIPPED if answers[question] is None else "answered"


def form_changes(
    connection: Connection, study_row: Any, attempt: Any, cells: Mapping[str, str], place: tuple[str, str]
) -> list[FormChange]:
    """Work out what corrections of forms make of a questionnaire; nothing is stored yet.

    Parameters
    ----------
    connection
        An open transaction that holds the attempt.
    study_row, attempt
        Rows of the study and of the attempt.
    cells
        `form.question` to the answer as a text.
    place
        Person and wave, for messages.

    Returns
    -------
    list of FormChange
        One for each form.

    Raises
    ------
    ResponseDataError
        A form or question is none, an answer is none of its question, or a question is not asked; with counts
        and ids, never an answer.
    """
    if not cells:
        return []
    study = study_of_version(connection, int(study_row.id), int(attempt.study_version))
    forms = {form.id: form for form in study.forms_at(place[1])}
    known = {
        f"{form.id}{DOT}{question.id}": question for form in forms.values() for question in form.questions
    }
    if strange := [name for name in cells if name not in known]:
        fact = f"{len(strange)} questions are in no form of wave {place[1]!r}: {name_offenders(strange)}."
        hint = "name them form.question; several choices are one question, its codes with blanks between."
        raise ResponseDataError(fact_and_hint("correct", fact, hint))
    given: dict[str, dict[str, str | None]] = {}
    wrong = []
    for name, text in cells.items():
        form, _, question = name.partition(DOT)
        answer, is_one = answer_in(known[name], text)
        if not is_one:
            wrong.append(name)
        given.setdefault(form, {})[question] = answer
    if wrong:
        fact = f"{len(wrong)} answers of {place[0]} at {place[1]} are none of their question: "
        hint = "give what the page would take, or skipped."
        raise ResponseDataError(fact_and_hint("correct", f"{fact}{name_offenders(wrong)}.", hint))
    kept = form_answers_of(connection, int(attempt.id))
    unseen = {name for name, text in cells.items() if text == NOT_SEEN}
    changes = [_change(forms[name], kept.get(name, {}), given[name], unseen) for name in given]
    hidden = [
        f"{one.form.id}{DOT}{question}"
        for one in changes
        for question in given[one.form.id]
        if question not in asked_answers(one.form, {**one.after, question: None})
    ]
    if hidden:
        fact = f"{len(hidden)} questions are not asked of {place[0]} at {place[1]}: {name_offenders(hidden)}."
        hint = "another answer hides them: correct that one too, or leave these out."
        raise ResponseDataError(fact_and_hint("correct", fact, hint))
    return changes


def _change(
    form: Form, before: Mapping[str, str | None], given: Mapping[str, str | None], unseen: set[str]
) -> FormChange:
    merged = {**before, **given}
    left = {q: value for q, value in merged.items() if f"{form.id}{DOT}{q}" not in unseen}
    return FormChange(form, before, asked_answers(form, left))


def answer_in(question: Question, text: str) -> tuple[str | None, bool]:
    """Answer that a text of a correction stands for.

    Parameters
    ----------
    question
        The question.
    text
        A code, codes with blanks between, a number, a date, a text, `skipped` or `not_seen`.

    Returns
    -------
    tuple
        The answer, None for a blank; and whether the text is one at all.
    """
    if text in (SKIPPED, NOT_SEEN):
        return None, True
    value, fault = read_value(question, text.split() if question.kind == "several" else [text])
    return value, not fault and value is not None


def keep_changes(connection: Connection, administration_id: int, change: FormChange, now: datetime) -> None:
    """Store a change, and what was there before it.

    Parameters
    ----------
    connection
        An open transaction that holds the attempt, which is open.
    administration_id
        Number of the attempt.
    change
        As worked out.
    now
        Moment of the act.
    """
    touched = [*change.changed, *change.fell_away]
    if not touched:
        return
    here = (form_answer.c.administration_id == administration_id) & (form_answer.c.form == change.form.id)
    saved = dict(connection.execute(select(form_answer.c.question, form_answer.c.saved_at).where(here)).all())
    private = {question.id for question in change.form.questions if question.is_identifying}
    connection.execute(
        insert(form_answer_history),
        [
            {
                "administration_id": administration_id,
                "form": change.form.id,
                "question": question,
                "state": state_of(change.before, question),
                "value": None if question in private else change.before.get(question),
                "saved_at": saved.get(question),
                "replaced_at": now,
            }
            for question in touched
        ],
    )
    put_answers(connection, administration_id, change.form.id, change.before, change.after, now)


def corrections_of(connection: Connection, study_id: int) -> pd.DataFrame:
    """Which answers the team corrected; no answer and no reason is in it.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    pandas.DataFrame
        `CORRECTIONS`: a question of a form is named `form.question`; `times` is how often. Void
        questionnaires and trial links are left out.
    """
    by_act = (administration_act.c.administration_id == response_history.c.administration_id) & (
        administration_act.c.at == response_history.c.replaced_at
    )
    of_scale = (
        _places(item.c.name, func.count(response_history.c.id))
        .join(response_history, response_history.c.administration_id == administration.c.id)
        .join(administration_act, by_act)
        .join(item, item.c.id == response_history.c.item_id)
        .where(administration_act.c.act == "correct")
        .group_by(item.c.id, item.c.name)
    )
    kept = form_answer_history
    of_forms = (
        _places(kept.c.form + DOT + kept.c.question, func.count(kept.c.id))
        .join(kept, kept.c.administration_id == administration.c.id)
        .group_by(kept.c.form, kept.c.question)
    )
    grouped = (participant.c.id, participant.c.pseudonym, wave.c.id, wave.c.name, wave.c.position)
    rows: list[Any] = []
    for query in (of_scale, of_forms):
        asked = query.where(participant.c.study_id == study_id).group_by(*grouped)
        rows += [tuple(row) for row in connection.execute(asked)]
    return pd.DataFrame([row[2:] for row in sorted(rows)], columns=CORRECTIONS)


def _places(*columns: Any) -> Any:
    return (
        select(participant.c.id, wave.c.position, participant.c.pseudonym, wave.c.name, *columns)
        .select_from(administration)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .where(administration.c.status != "void", participant.c.is_test.is_(False))
    )
