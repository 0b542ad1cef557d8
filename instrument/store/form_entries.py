"""Forms that a team enters, from paper or another program: read, kept, compared with a second entry."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.forms import Form, Question, read_value, visible_questions
from instrument.reading.dates_given import COMPLETED_ON, DATED, dates_given, enrolment_days
from instrument.standing import COMPLETED, STATUS, status_of
from instrument.store.answers import (
    answers_of,
    complete_administration,
    live_administration,
    revise,
    start_administration,
)
from instrument.store.definitions import study_of_version, study_written_as
from instrument.store.double_entry import DIFFERS, ONLY_FIRST, ONLY_SECOND, Comparison, compared, paper_of
from instrument.store.form_answers import HEADS, form_answers_of, put_answers
from instrument.store.form_mending import DOT
from instrument.store.intake import create_attempt
from instrument.store.keyed_tables import date_attempt, keep_sets
from instrument.store.mending import Because, acting
from instrument.store.tokens import Keyring
from instrument.store.windows import day_given
from instrument.study import Study

SET_ASIDE = ("day", "study_version")
"""Columns of our own export that an import does not take: the store counts days and versions itself."""
CALLER = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenForm:
    """One row of a table of answers to a form.

    Attributes
    ----------
    participant, wave
        Whose, at which wave.
    form
        The form, as the study asks it now.
    answers
        Answers by question, None for a blank of a form that was finished; none of a question that is hidden.
    finished
        Whether the form was.
    completed_on
        Day of the answers, where it is known.
    """

    participant: str
    wave: str
    form: Form
    answers: Mapping[str, str | None]
    finished: bool
    completed_on: date | None


def form_named(study: Study, name: str, caller: str) -> Form:
    """Give a form of a study by its id.

    Parameters
    ----------
    study, name, caller
        Study, id of the form, and the command that a message names.

    Returns
    -------
    Form
        As the study asks it now.

    Raises
    ------
    DefinitionError
        There is none of this id.
    """
    found = {form.id: form for form in study.forms}
    if name not in found:
        fact = f"study {study.id!r} asks no form {name!r}; it asks: {name_offenders(found) or 'none'}."
        raise DefinitionError(fact_and_hint(caller, fact, "check --form."))
    return found[name]


def read_form_table(table: pd.DataFrame, study: Study, form: Form, caller: str) -> list[GivenForm]:
    """Read a table of answers to a form, in the shape in which the store exports it.

    Parameters
    ----------
    table : pandas.DataFrame
        Texts: participant, wave, each column of the form, perhaps `status` and `completed_on`. An empty cell
        is a blank; of several choices each option has a column with 1, or 0 or nothing.
    study, form
        The study, and its form.
    caller
        Named in messages.

    Returns
    -------
    list of GivenForm
        In the order of the table.

    Raises
    ------
    ResponseDataError
        Columns lack or are strange, a place is named twice or does not ask the form, an answer is none of its
        question, or a question has one that another answer hides; with counts and ids, never an answer.
    """
    columns = [column for question in form.questions for column in question.columns]
    needed = ["participant", "wave", *columns]
    _refuse_columns(table, needed, caller)
    days = dates_given(table, COMPLETED_ON, caller)
    finished = (status_of(table, caller) == COMPLETED).tolist()
    asked = [wave.name for wave in study.waves if form.id in {one.id for one in study.forms_at(wave.name)}]
    made, faults = [], _Faults()
    met: set[tuple[str, str]] = set()
    for row, done, day in zip(table.to_dict("records"), finished, days, strict=True):
        name, wave = str(row["participant"]).strip(), str(row["wave"]).strip()
        faults.add(not name, "rows have no participant", "")
        faults.add((name, wave) in met, "people are named twice at a wave", f"{name} at {wave}")
        faults.add(wave not in asked, f"waves do not ask form {form.id!r}", wave)
        met.add((name, wave))
        answers: dict[str, str | None] = {}
        for question in form.questions:
            value, is_one = _cell(question, [str(row[column]).strip() for column in question.columns])
            faults.add(not is_one, "answers are none of their question", f"{name} at {wave}: {question.id}")
            if value is not None:
                answers[question.id] = value
        shown = [question.id for question in visible_questions(form, _said(answers))]
        for question_id in answers:
            faults.add(
                question_id not in shown,
                "answers belong to questions that another answer hides",
                f"{name} at {wave}: {question_id}",
            )
        kept = {q: answers.get(q) for q in shown if done or q in answers}
        faults.add(not kept, "rows are open and hold no answer", f"{name} at {wave}")
        made.append(
            GivenForm(participant=name, wave=wave, form=form, answers=kept, finished=done, completed_on=day)
        )
    faults.refuse(caller)
    return made


def keep_form_table(
    connection: Connection,
    study_row: Any,
    table: pd.DataFrame,
    form: str,
    keyring: Keyring,
    *,
    mode: str,
    lang: str,
    enrol: bool = False,
    readmit: bool = False,
    outside_window: bool = False,
) -> tuple[int, int]:
    """Store a table of answers to a form, every row or none, beside the scale where the wave asks both.

    A questionnaire counts as finished once all that its wave asks is there. Answers that came to one that is
    finished already are kept under an act of their own; other answers than those there are refused.

    Parameters
    ----------
    connection, study_row, keyring, mode, lang, enrol, readmit, outside_window
        As for `keep_table`.
    table, form
        As for `read_form_table`; with `enrolled_on` where people are added.

    Returns
    -------
    tuple of int
        Forms kept, and those that were there already.

    Raises
    ------
    StoreError, ResponseDataError
        As for `keep_table` and `read_form_table`.
    """
    study = study_written_as(study_row.definition)
    given = read_form_table(table, study, form_named(study, form, CALLER), CALLER)
    return keep_sets(
        connection,
        study_row,
        given,
        enrolment_days(table, CALLER),
        keyring,
        _keep_form,
        mode=mode,
        lang=lang,
        enrol=enrol,
        readmit=readmit,
        outside_window=outside_window,
    )


def compare_forms(
    connection: Connection, study_row: Any, second: Sequence[GivenForm], form: str
) -> Comparison:
    """Compare a second entry of a form on paper with what the store holds of it.

    Parameters
    ----------
    connection
        An open transaction; a line of the audit log says that entries were compared.
    study_row
        Row of the study.
    second
        As `read_form_table` gives it.
    form
        Id of the form.

    Returns
    -------
    Comparison
        `item` is `form.question`; a question that neither entry asks is not counted.
    """
    attempts = paper_of(connection, int(study_row.id))
    held = {
        place: form_answers_of(connection, int(kept.id)).get(form, {}) for place, kept in attempts.items()
    }
    first = {place: answers for place, answers in held.items() if answers}
    rows: list[tuple[str, str, str, str]] = []
    n_compared = n_both = 0
    for one in second:
        place = (one.participant, one.wave)
        if place not in first:
            rows.append((*place, "", ONLY_SECOND))
            continue
        n_both += 1
        both = [q.id for q in one.form.questions if q.id in one.answers or q.id in first[place]]
        n_compared += len(both)
        rows += [
            (*place, f"{form}{DOT}{q}", DIFFERS) for q in both if first[place].get(q) != one.answers.get(q)
        ]
        if one.completed_on is not None and one.completed_on != day_given(attempts[place]):
            rows.append((*place, COMPLETED_ON, DIFFERS))
        if one.finished != _is_whole(one.form, first[place]):
            rows.append((*place, STATUS, DIFFERS))
    met = {(one.participant, one.wave) for one in second}
    rows += [(*place, "", ONLY_FIRST) for place in first if place not in met]
    return compared(connection, study_row, rows, n_compared, n_both)


class _Faults:
    """Faults of a table by kind, so that each is told once with its places."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, is_one: bool, kind: str, place: str) -> None:
        if is_one:
            self._found.setdefault(kind, []).append(place)

    def refuse(self, caller: str) -> None:
        if not self._found:
            return
        parts = []
        for kind, places in self._found.items():
            named = name_offenders(list(dict.fromkeys(place for place in places if place)))
            parts.append(f"{len(places)} {kind}{f': {named}' if named else ''}")
        fact = "; ".join(parts) + "."
        raise ResponseDataError(fact_and_hint(caller, fact, "mend these rows; nothing was imported."))


def _refuse_columns(table: pd.DataFrame, needed: Sequence[str], caller: str) -> None:
    given = list(table.columns)
    if absent := [name for name in needed if name not in given]:
        fact = f"the table lacks the columns {name_offenders(absent)}."
        hint = "each question has its column, left empty where nothing was given (export with --identifying)."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))
    ours = {*needed, *HEADS, *DATED}
    if strange := [name for name in given if name not in ours]:
        fact = f"{len(strange)} columns are none of the form: {name_offenders(strange)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "take them out, or check their names."))
    if table.empty:
        raise ResponseDataError(fact_and_hint(caller, "the table has no row.", "give one for each person."))


def _cell(question: Question, cells: Sequence[str]) -> tuple[str | None, bool]:
    """Answer of a question, and whether its cells hold one or nothing."""
    if question.kind != "several":
        value, fault = read_value(question, cells)
        return value, not fault
    if any(cell not in ("", "0", "1") for cell in cells):
        return None, False
    chosen = [str(one.code) for one, cell in zip(question.choices, cells, strict=True) if cell == "1"]
    value, fault = read_value(question, chosen)
    return value, not fault


def _said(answers: Mapping[str, str | None]) -> dict[str, str]:
    return {question: value for question, value in answers.items() if value is not None}


def _is_whole(form: Form, answers: Mapping[str, str | None]) -> bool:
    """Whether every question that is asked was dealt with."""
    return all(question.id in answers for question in visible_questions(form, _said(answers)))


def _keep_form(
    connection: Connection, study_row: Any, place: tuple[int, int], one: GivenForm, lang: str, mode: str
) -> str:
    """Keep a row: `kept`, `known` when the store holds all of it, `conflict` when it holds something else."""
    live: Any = live_administration(connection, *place)
    if live is None:
        _begin(connection, study_row, place, one, lang, mode)
        live = live_administration(connection, *place)
    number, form = int(live.id), one.form.id
    study = study_of_version(connection, int(study_row.id), int(live.study_version))
    own = {known.id: known for known in study.forms_at(one.wave)}.get(form)
    before = form_answers_of(connection, number).get(form, {})
    stored_day = day_given(live)
    if (
        own is None
        or live.mode == "web"
        or (one.completed_on not in (None, stored_day) and stored_day is not None)
    ):
        return "conflict"
    if visible_ids(own, one.answers) != visible_ids(one.form, one.answers):
        return "conflict"  # begun in a version that asked other questions
    later_day = one.completed_on is not None and stored_day is None
    if before == one.answers:
        if later_day:
            date_attempt(connection, number, one.completed_on)
        return "kept" if later_day else "known"
    if any(value is not None and one.answers.get(q) != value for q, value in before.items()):
        return "conflict"
    if live.status == "completed":
        if before:
            return "conflict"
        with acting(connection, live, Because(f"answers to form {form} came later"), len(one.answers)) as now:
            put_answers(connection, number, form, before, one.answers, now)
    else:
        revise(connection, number)
        put_answers(connection, number, form, before, one.answers, datetime.now(UTC))
    if later_day:
        date_attempt(connection, number, one.completed_on)
    _finish(connection, number, live, study, one.wave)
    return "kept"


def visible_ids(form: Form, answers: Mapping[str, str | None]) -> list[str]:
    """Ids of the questions that are asked, given the answers.

    Parameters
    ----------
    form, answers
        The form, and answers to it by question.

    Returns
    -------
    list of str
        In the order of the form.
    """
    return [question.id for question in visible_questions(form, _said(answers))]


def _begin(
    connection: Connection, study_row: Any, place: tuple[int, int], one: GivenForm, lang: str, mode: str
) -> None:
    study = study_written_as(study_row.definition)
    if study.asks_scale(one.wave):
        create_attempt(
            connection, study_row, *place, {}, lang=lang, mode=mode, key=None, completed_on=one.completed_on
        )
        return
    start_administration(
        connection,
        *place,
        int(study_row.instrument_version_id),
        [],
        lang=lang,
        order_seed=0,
        mode=mode,
        completed_on=one.completed_on,
    )


def _finish(connection: Connection, number: int, live: Any, study: Study, wave: str) -> None:
    """Complete a questionnaire once all that its wave asks is there."""
    if live.status == "completed":
        return
    kept = form_answers_of(connection, number)
    forms = study.forms_at(wave)
    whole = all(form.id in kept and _is_whole(form, kept[form.id]) for form in forms)
    rows: list[Any] = list(_rows(answers_of(connection, number)))
    if whole and all(row.state != "not_seen" for row in rows):
        complete_administration(connection, number, secrets.token_hex(32))


def _rows(rows: Any) -> Iterator[Any]:
    yield from rows
