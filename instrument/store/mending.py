"""Correct, reopen and void an administration: with a reason, an audit line, and what was there before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from instrument.common.storable import is_storable
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.store.answers import (
    Answer,
    answers_of,
    differing,
    live_administration,
    locked_attempt,
    replace_answers,
)
from instrument.store.audit import record
from instrument.store.connect import StoreError
from instrument.store.definitions import instrument_of, item_numbers, waves_of
from instrument.store.form_mending import DOT, FormChange, form_changes, keep_changes
from instrument.store.intake import people_of
from instrument.store.people import hold_people
from instrument.store.tables import STATES, administration, administration_act, participant, wave

Act = Literal["correct", "reopen", "void"]
CORRECTION_COLUMNS = ("participant", "wave", "item", "code")
ACT_COLUMNS = ["participant", "wave", "attempt", "act", "reason", "by", "at", "answers"]
SHORTEST_REASON, LONGEST_REASON = 5, 500
_WHOLE = re.compile(r"-?[0-9]{1,9}")


class Corrected(NamedTuple):
    """Counts of a correction.

    Attributes
    ----------
    changed, same
        Answers that were changed, and those that were so already.
    fell_away
        Answers to questions of a form that are not asked any more, given what was corrected.
    now_asked
        Questions of a form that are asked now and have no answer.
    """

    changed: int
    same: int
    fell_away: int
    now_asked: int

    @property
    def said(self) -> str:
        """The counts in words."""
        parts = [f"{self.changed} answers corrected, {self.same} were so already."]
        if self.fell_away:
            parts.append(f"{self.fell_away} answers to questions that are not asked any more were removed.")
        if self.now_asked:
            parts.append(f"{self.now_asked} questions are asked now and have no answer: not_seen.")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Because:
    """Why something that was stored is changed, and who decided it.

    Attributes
    ----------
    reason
        In the team's words; never an answer.
    by
        Who, as the team names its members; may be empty.
    """

    reason: str
    by: str = ""

    def __post_init__(self) -> None:
        """Refuse a reason that says nothing, or too much."""
        words, by = self.reason.strip(), self.by.strip()
        if not SHORTEST_REASON <= len(words) <= LONGEST_REASON or len(by) > 64:
            fact = f"a reason has {SHORTEST_REASON} to {LONGEST_REASON} characters, a name at most 64."
            raise ResponseDataError(fact_and_hint("reason", fact, "say why, without any answer."))
        if not is_storable(words) or not is_storable(by):
            fact = "the reason holds a NUL or half of a character."
            raise ResponseDataError(fact_and_hint("reason", fact, "write it anew."))


def void_administration(
    connection: Connection, study_row: Any, pseudonym: str, wave_name: str, why: Because
) -> int:
    """Take a questionnaire out of every export and count; its answers stay in the store, marked void.

    The wave is then open for the person again as if nothing had been given, where its days are not over.

    Parameters
    ----------
    connection
        An open transaction, which has held no one yet.
    study_row
        Row of the study.
    pseudonym, wave_name
        Whose, at which wave.
    why
        Reason.

    Returns
    -------
    int
        Number of the administration.

    Raises
    ------
    StoreError
        No such person, wave or questionnaire.
    """
    attempt = _attempt(connection, study_row, pseudonym, wave_name, "void")
    _turn(connection, attempt, "void", "void", why)
    record(connection, "administration.void", f"administration {attempt.id}")
    return int(attempt.id)


def reopen_administration(
    connection: Connection, study_row: Any, pseudonym: str, wave_name: str, why: Because
) -> int:
    """Open a finished questionnaire again: its person, or a later import, may change it and send it anew.

    Parameters
    ----------
    connection, study_row, pseudonym, wave_name, why
        As for `void_administration`.

    Returns
    -------
    int
        Number of the administration.

    Raises
    ------
    StoreError
        No such person, wave or questionnaire, or it is not finished.
    """
    attempt = _attempt(connection, study_row, pseudonym, wave_name, "reopen")
    if attempt.status != "completed":
        fact = f"the questionnaire of {pseudonym!r} at {wave_name!r} is open already."
        raise StoreError(fact_and_hint("reopen", fact, "nothing needs to be done."))
    _turn(connection, attempt, "reopen", "open", why)
    record(connection, "administration.reopen", f"administration {attempt.id}")
    return int(attempt.id)


def correct_answers(
    connection: Connection, study_row: Any, corrections: pd.DataFrame, why: Because
) -> Corrected:
    """Correct single answers, all of them or none; what they were is kept in the history.

    A question of a form is named `form.question`. What was said to a question that may tell who somebody is
    goes for good, as a correction may be there to remove it.

    Parameters
    ----------
    connection
        An open transaction, which has held no one yet.
    study_row
        Row of the study.
    corrections : pandas.DataFrame
        Texts in `CORRECTION_COLUMNS`, one row for each answer: `code` is a code of the item, a code of the
        instrument for a missing answer, or the reason itself (skipped, not_applicable, …). Of a question of
        a form it is the answer: a code, codes with blanks between, a number, a date as 2026-03-31, a text; or
        skipped, or not_seen.
    why
        Reason.

    Returns
    -------
    Corrected
        Counts.

    Raises
    ------
    ResponseDataError
        Columns lack, a cell is named twice, an item or code is none, or a question is not asked of a person;
        with counts and ids, never a value.
    StoreError
        No such person, wave or questionnaire.
    """
    wanted = _by_questionnaire(corrections)
    attempts = {
        place: _attempt(connection, study_row, *place, "correct", hold=False)
        for place in _held(connection, study_row, wanted)
    }
    changed = same = fell_away = now_asked = 0
    for place, every in wanted.items():
        attempt = attempts[place]
        cells = {item: code for item, code in every.items() if DOT not in item}
        asked = {item: code for item, code in every.items() if DOT in item}
        scale = instrument_of(connection, int(attempt.instrument_version_id))
        numbers = item_numbers(connection, int(attempt.instrument_version_id))
        answers = {numbers[item]: _answer(scale, item, code) for item, code in _known(scale, cells, place)}
        _refuse_unasked(connection, attempt, answers, place)
        forms = form_changes(connection, study_row, attempt, asked, place)
        done = _correct(connection, attempt, answers, forms, why)
        changed += done
        same += len(every) - done
        fell_away += sum(len(one.fell_away) for one in forms)
        now_asked += sum(len(one.now_asked) for one in forms)
    return Corrected(changed, same, fell_away, now_asked)


def acts_of(connection: Connection, study_id: int) -> pd.DataFrame:
    """List what was corrected, reopened or made void, and why; no answer is in it.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    pandas.DataFrame
        `ACT_COLUMNS`, in the order of the acts; `answers` is how many were changed.
    """
    query = (
        select(
            participant.c.pseudonym,
            wave.c.name,
            administration.c.attempt,
            administration_act.c.act,
            administration_act.c.reason,
            administration_act.c.made_by,
            administration_act.c.at,
            administration_act.c.n_answers,
        )
        .join(administration, administration.c.id == administration_act.c.administration_id)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .where(participant.c.study_id == study_id)
        .order_by(administration_act.c.id)
    )
    rows = [[*row[:6], row[6].isoformat(timespec="seconds"), row[7]] for row in connection.execute(query)]
    return pd.DataFrame(rows, columns=ACT_COLUMNS)


def _attempt(
    connection: Connection, study_row: Any, pseudonym: str, wave_name: str, caller: str, *, hold: bool = True
) -> Any:
    """Row of the live questionnaire of a person at a wave, held until the transaction ends."""
    people = people_of(connection, int(study_row.id), [pseudonym])
    waves: dict[str, Any] = {row.name: row for row in _rows(waves_of(connection, int(study_row.id)))}
    fact, hint = "", "check pseudonym and wave; see dta study status."
    if pseudonym not in people:
        fact = f"the study has no person {pseudonym!r}."
    elif wave_name not in waves:
        fact = f"the study has no wave {wave_name!r}; its waves are {name_offenders(waves)}."
    else:
        if hold and not hold_people(connection, people.values()):
            fact = f"{pseudonym!r} was erased at this moment."
            raise StoreError(fact_and_hint(caller, fact, hint))
        live: Any = live_administration(connection, people[pseudonym], int(waves[wave_name].id))
        if live is not None:
            return locked_attempt(connection, int(live.id))
        fact = f"{pseudonym!r} has no questionnaire at {wave_name!r}."
    raise StoreError(fact_and_hint(caller, fact, hint))


def _rows(rows: Any) -> list[Any]:
    return list(rows)


def _act(connection: Connection, attempt: Any, act: Act, why: Because, n_answers: int = 0) -> datetime:
    now = datetime.now(UTC)
    connection.execute(
        insert(administration_act).values(
            administration_id=attempt.id,
            act=act,
            reason=why.reason.strip(),
            made_by=why.by.strip(),
            at=now,
            revision=attempt.revision,
            n_answers=n_answers,
        )
    )
    return now


def _turn(connection: Connection, attempt: Any, act: Act, status: str, why: Because) -> None:
    """Change the status of an attempt; the database asks for an act that was written for its revision."""
    _act(connection, attempt, act, why)
    _set(connection, attempt, status, None, int(attempt.revision) + 1)


def _set(connection: Connection, attempt: Any, status: str, at: datetime | None, revision: int) -> None:
    changed = update(administration).where(administration.c.id == attempt.id)
    connection.execute(changed.values(status=status, completed_at=at, revision=revision))


def _correct(
    connection: Connection,
    attempt: Any,
    answers: Mapping[int, Answer],
    forms: Sequence[FormChange],
    why: Because,
) -> int:
    """Replace the answers of one attempt that differ; it is as finished afterwards as it was before."""
    others = differing(connection, int(attempt.id), answers)
    fallen = sum(len(one.fell_away) for one in forms)
    done = len(others) + sum(len(one.changed) for one in forms)
    if not done:
        return 0
    with acting(connection, attempt, why, done + fallen) as now:
        replace_answers(connection, int(attempt.id), others, now)
        for one in forms:
            keep_changes(connection, int(attempt.id), one, now)
    return done


@contextmanager
def acting(connection: Connection, attempt: Any, why: Because, n_answers: int) -> Iterator[datetime]:
    """Change answers of an attempt under an act `correct`; it is as finished afterwards as it was before.

    Parameters
    ----------
    connection
        An open transaction that holds the attempt.
    attempt
        Its row.
    why, n_answers
        Reason, and how many answers are changed.

    Yields
    ------
    datetime
        Moment of the act, which what is replaced must bear.
    """
    now = _act(connection, attempt, "correct", why, n_answers)
    if attempt.status == "completed":
        _set(connection, attempt, "open", None, int(attempt.revision) + 1)
    yield now
    _set(connection, attempt, attempt.status, attempt.completed_at, int(attempt.revision) + 2)
    record(connection, "administration.correct", f"administration {attempt.id}", n_answers)


def _refuse_unasked(
    connection: Connection, attempt: Any, answers: Mapping[int, Answer], place: tuple[str, str]
) -> None:
    """Refuse items of the scale where the wave asks forms alone."""
    if answers and not answers_of(connection, int(attempt.id)):
        fact = f"wave {place[1]!r} does not ask the scale."
        hint = "check the wave; a question of a form is named form.question."
        raise ResponseDataError(fact_and_hint("correct", fact, hint))


def _by_questionnaire(corrections: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    if absent := [name for name in CORRECTION_COLUMNS if name not in corrections.columns]:
        fact = f"the corrections lack the columns {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint("correct", fact, "give participant, wave, item and code."))
    if corrections.empty:
        raise ResponseDataError(fact_and_hint("correct", "there is no correction.", "give one row for each."))
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    twice = []
    for row in corrections[list(CORRECTION_COLUMNS)].astype(str).itertuples(index=False):
        name, wave_name, item, code = (cell.strip() for cell in row)
        cells = wanted.setdefault((name, wave_name), {})
        if item in cells:
            twice.append(f"{name} at {wave_name}: {item}")
        cells[item] = code
    if twice:
        fact = f"{len(twice)} answers are named twice: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint("correct", fact, "leave one row for each."))
    return wanted


def _held(
    connection: Connection, study_row: Any, wanted: Mapping[tuple[str, str], Any]
) -> Sequence[tuple[str, str]]:
    people = people_of(connection, int(study_row.id), [name for name, _ in wanted])
    hold_people(connection, people.values())
    return list(wanted)


def _known(scale: Any, cells: Mapping[str, str], place: tuple[str, str]) -> list[tuple[str, str]]:
    """Cells of items that the questionnaire has, with codes that they know."""
    if strange := [item for item in cells if item not in scale.item_ids]:
        fact = f"{len(strange)} items are not in instrument {scale.id!r} {scale.version}: "
        raise ResponseDataError(
            fact_and_hint(
                "correct",
                f"{fact}{name_offenders(strange)}.",
                "check the ids of the items; a question of a form is named form.question.",
            )
        )
    if wrong := [item for item, code in cells.items() if _answer(scale, item, code) is None]:
        fact = (
            f"{len(wrong)} codes of {place[0]} at {place[1]} are none of their item: {name_offenders(wrong)}."
        )
        hint = "give a code of the scale, a code for a missing answer, or its reason."
        raise ResponseDataError(fact_and_hint("correct", fact, hint))
    return list(cells.items())


def _answer(scale: Any, item: str, code: str) -> Any:
    """Answer that a code or a reason stands for; None where it is none of the item."""
    choices = scale.scale_of(item)
    if code in STATES and code != "answered":
        return Answer(code)
    if _WHOLE.fullmatch(code) is None:
        return None
    number = int(code)
    if number in choices.codes:
        return Answer("answered", number)
    reasons = {option.code: option.reason for option in choices.outside}
    reasons |= {value: reason for reason, value in scale.missing_codes.items()}
    return Answer(reasons[number]) if number in reasons else None
