"""Answers: a page is saved in one transaction, nothing is discarded, a finished questionnaire is locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Row, ScalarSelect, and_, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from instrument.errors import fact_and_hint
from instrument.store.audit import record
from instrument.store.connect import StoreError, inserted_number
from instrument.store.notices import note_completion
from instrument.store.tables import (
    administration,
    item,
    response,
    response_history,
    study_version,
    wave,
)

# What every page of the questionnaire asks is written once: building a statement costs as much as running it.
_ATTEMPTS = (
    select(
        wave.c.id.label("wave_id"),
        wave.c.name,
        wave.c.opens_day,
        wave.c.closes_day,
        administration.c.id.label("administration_id"),
        administration.c.status,
        administration.c.mode,
        administration.c.started_at,
        administration.c.completed_on,
        administration.c.instrument_version_id,
        administration.c.study_version,
    )
    .select_from(
        wave.outerjoin(
            administration,
            and_(
                administration.c.wave_id == wave.c.id,
                administration.c.participant_id == bindparam("person"),
                administration.c.status != "void",
            ),
        )
    )
    .where(wave.c.study_id == bindparam("study"))
    .order_by(wave.c.position)
)
_ANSWERS = (
    select(
        item.c.name,
        response.c.item_id,
        response.c.state,
        response.c.value,
        response.c.display_order,
        response.c.page,
        response.c.shown_at,
        response.c.answered_at,
        response.c.saved_at,
    )
    .join(item, item.c.id == response.c.item_id)
    .where(response.c.administration_id == bindparam("of_attempt"))
    .order_by(response.c.display_order)
)
_KEPT = select(response).where(
    response.c.administration_id == bindparam("of_attempt"),
    response.c.item_id.in_(bindparam("items", expanding=True)),
)
_CHANGE = (
    update(response)
    .where(
        response.c.administration_id == bindparam("of_attempt"),
        response.c.item_id == bindparam("number"),
    )
    .values(
        state=bindparam("new_state"),
        value=bindparam("new_value"),
        saved_at=bindparam("now"),
        answered_at=bindparam("when_answered"),
    )
)
_SHOW = (
    update(response)
    .where(
        response.c.administration_id == bindparam("of_attempt"),
        response.c.page == bindparam("shown_page"),
        response.c.shown_at.is_(None),
    )
    .values(shown_at=bindparam("now"))
)
_REVISE = (
    update(administration)
    .where(administration.c.id == bindparam("of_attempt"), administration.c.status == "open")
    .values(revision=administration.c.revision + 1)
    .returning(administration.c.revision)
)
_LOCK = select(administration).where(administration.c.id == bindparam("of_attempt")).with_for_update()


UNSAID = ("skipped", "not_seen")
NOTICED_MODES = ("web", "app")
"""How answers come of which other programs of the team are told; what the team itself brings in it knows."""


class LockedError(StoreError):
    """The questionnaire is complete; its answers no longer change."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item is shown.

    Attributes
    ----------
    item_id
        Number of the item in the store.
    display_order, page
        Counted from 1.
    """

    item_id: int
    display_order: int
    page: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, or the reason why there is none.

    Attributes
    ----------
    state
        answered, skipped, not_seen, not_applicable or declined.
    value
        Code on the scale when answered.
    """

    state: str
    value: int | None = None


def live_administration(
    connection: Connection, participant_id: int, wave_id: int
) -> Row[tuple[object, ...]] | None:
    """The one open or completed attempt of a person at a wave.

    Parameters
    ----------
    connection
        An open connection.
    participant_id, wave_id
        Whose, and at which wave.

    Returns
    -------
    sqlalchemy.Row or None
        None before the start.
    """
    query = select(administration).where(
        administration.c.participant_id == participant_id,
        administration.c.wave_id == wave_id,
        administration.c.status != "void",
    )
    return connection.execute(query).first()


def attempts_of(connection: Connection, study_id: int, participant_id: int) -> list[Row[tuple[object, ...]]]:
    """Waves of a study in order, each with the person's live attempt.

    Parameters
    ----------
    connection
        An open connection.
    study_id, participant_id
        Which study, and whose attempts.

    Returns
    -------
    list of sqlalchemy.Row
        wave_id, name, opens_day, closes_day, then administration_id, status, mode, started_at,
        completed_on, instrument_version_id and study_version: None before the start.
    """
    return list(connection.execute(_ATTEMPTS, {"study": study_id, "person": participant_id}))


def start_administration(
    connection: Connection,
    participant_id: int,
    wave_id: int,
    version_id: int,
    layout: Sequence[Placement],
    *,
    lang: str,
    order_seed: int,
    mode: str = "web",
    completed_on: date | None = None,
    study_version: int | None = None,
    shows_first: bool = True,
) -> int:
    """Begin an attempt, with every item placed and not seen; a running one is returned instead.

    Parameters
    ----------
    connection
        An open transaction.
    participant_id, wave_id, version_id
        Who, when, and which version of the instrument.
    layout
        Place of every item.
    lang, order_seed, mode
        Kept with the attempt.
    completed_on
        Day on which the answers were given, where it is not the day of storing.
    study_version
        Number of the version of the study that the person was shown; the newest by default.
    shows_first
        Whether the first page is shown at once; not where a form comes before it.

    Returns
    -------
    int
        Number of the administration.
    """
    running = live_administration(connection, participant_id, wave_id)
    if running is not None:
        return int(running.id)
    now = datetime.now(UTC)
    try:
        with connection.begin_nested():
            made = connection.execute(
                insert(administration).values(
                    participant_id=participant_id,
                    wave_id=wave_id,
                    attempt=_next_attempt(participant_id, wave_id),
                    study_version=_present_version(wave_id) if study_version is None else study_version,
                    instrument_version_id=version_id,
                    mode=mode,
                    lang=lang,
                    order_seed=order_seed,
                    started_at=now,
                    completed_on=completed_on,
                )
            )
    except IntegrityError:  # two tabs began at once: the database kept one of them
        running = live_administration(connection, participant_id, wave_id)
        if running is None:
            raise
        return int(running.id)
    number = inserted_number(made)
    rows = [
        {
            "administration_id": number,
            "item_id": place.item_id,
            "state": "not_seen",
            "display_order": place.display_order,
            "page": place.page,
            "shown_at": now if shows_first and place.page == 1 else None,
            "saved_at": now,
        }
        for place in layout
    ]
    if rows:
        connection.execute(insert(response), rows)
    return number


def _next_attempt(participant_id: int, wave_id: int) -> ScalarSelect[int]:
    """Number of a further attempt: those that were made void keep theirs."""
    earlier = select(func.coalesce(func.max(administration.c.attempt), 0) + 1).where(
        administration.c.participant_id == participant_id, administration.c.wave_id == wave_id
    )
    return earlier.scalar_subquery()


def _present_version(wave_id: int) -> ScalarSelect[int]:
    """Number of the newest version of the study of a wave."""
    newest = select(func.coalesce(func.max(study_version.c.number), 1))
    of_wave = select(wave.c.study_id).where(wave.c.id == wave_id).scalar_subquery()
    return newest.where(study_version.c.study_id == of_wave).scalar_subquery()


def answers_of(connection: Connection, administration_id: int) -> list[Row[tuple[object, ...]]]:
    """Every item of an attempt in the order shown, with its answer.

    Parameters
    ----------
    connection
        An open connection.
    administration_id
        Number of the attempt.

    Returns
    -------
    list of sqlalchemy.Row
        name, item_id, state, value, display_order, page, shown_at, answered_at, saved_at.
    """
    return list(connection.execute(_ANSWERS, {"of_attempt": administration_id}))


def save_answers(
    connection: Connection,
    administration_id: int,
    answers: Mapping[int, Answer],
    *,
    show_page: int | None = None,
    held: Iterable[Row[tuple[object, ...]]] | None = None,
) -> int:
    """Save a page: each item that changed is replaced and its old answer kept in the history.

    A blank never replaces an answer: an old tab that posts late loses nothing.

    Parameters
    ----------
    connection
        An open transaction.
    administration_id
        Number of the attempt.
    answers
        Item number to answer.
    show_page
        Page the person sees next; its items get their time of showing.
    held
        What :func:`answers_of` gave in this transaction after the person was held: nobody can have changed it
        since, so that it is not read again. Read here by default.

    Returns
    -------
    int
        The new revision.

    Raises
    ------
    LockedError
        The attempt is complete.
    """
    revision = revise(connection, administration_id)
    now = datetime.now(UTC)
    if held is None:
        kept = _kept(connection, administration_id, answers)
    else:
        kept = {row.item_id: row for row in held}
    changed = {
        number: answer
        for number, answer in answers.items()
        if (kept[number].state, kept[number].value) != (answer.state, answer.value)
        and not (answer.state in UNSAID and kept[number].state not in UNSAID)
    }
    _write(connection, administration_id, changed, kept, now)
    if show_page is not None:
        connection.execute(_SHOW, {"of_attempt": administration_id, "shown_page": show_page, "now": now})
    return revision


def revise(connection: Connection, administration_id: int) -> int:
    """Count a change of an open attempt, which is held until the transaction ends.

    Parameters
    ----------
    connection
        An open transaction, which stores the change afterwards.
    administration_id
        Number of the attempt.

    Returns
    -------
    int
        The new revision.

    Raises
    ------
    LockedError
        The attempt is complete.
    """
    revision = connection.execute(_REVISE, {"of_attempt": administration_id}).scalar_one_or_none()
    if revision is None:
        locked_attempt(connection, administration_id)  # says so where it is no longer in the store
        hint = "nothing more to do; the answers are in the store."
        raise LockedError(fact_and_hint("save_answers", "this questionnaire is complete.", hint))
    return int(revision)


def _write(
    connection: Connection,
    administration_id: int,
    answers: Mapping[int, Answer],
    kept: Mapping[int, Row[tuple[object, ...]]],
    now: datetime,
    *,
    whole_history: bool = False,
) -> None:
    """Put answers in place of those that are kept, which go into the history."""
    changed, history = [], []
    for number, answer in answers.items():
        before = kept[number]
        if whole_history or before.state != "not_seen":
            history.append(
                {
                    "administration_id": administration_id,
                    "item_id": number,
                    "value": before.value,
                    "state": before.state,
                    "saved_at": before.saved_at,
                    "replaced_at": now,
                }
            )
        changed.append(
            {
                "of_attempt": administration_id,
                "number": number,
                "new_state": answer.state,
                "new_value": answer.value,
                "now": now,
                "when_answered": before.answered_at if answer.state == "skipped" else now,
            }
        )
    if changed:
        connection.execute(_CHANGE, changed)
    if history:
        connection.execute(insert(response_history), history)


def differing(
    connection: Connection, administration_id: int, answers: Mapping[int, Answer]
) -> dict[int, Answer]:
    """Those of some answers that an attempt does not hold.

    Parameters
    ----------
    connection
        An open connection.
    administration_id
        Number of the attempt.
    answers
        Item number to answer.

    Returns
    -------
    dict of Answer
        By item number.
    """
    kept = _kept(connection, administration_id, answers)
    return {
        number: answer
        for number, answer in answers.items()
        if (kept[number].state, kept[number].value) != (answer.state, answer.value)
    }


def replace_answers(
    connection: Connection, administration_id: int, answers: Mapping[int, Answer], now: datetime
) -> None:
    """Put answers in place of others, blanks too; what was there is kept in the history.

    Parameters
    ----------
    connection
        An open transaction that holds the attempt, which is open.
    administration_id
        Number of the attempt.
    answers
        Item number to answer.
    now
        Moment of the act under which it is done; the history bears it.
    """
    kept = _kept(connection, administration_id, answers)
    _write(connection, administration_id, answers, kept, now, whole_history=True)


def _kept(
    connection: Connection, administration_id: int, answers: Mapping[int, Answer]
) -> dict[int, Row[tuple[object, ...]]]:
    if not answers:
        return {}
    asked = {"of_attempt": administration_id, "items": list(answers)}
    return {row.item_id: row for row in connection.execute(_KEPT, asked)}


def complete_administration(connection: Connection, administration_id: int, submit_key: str) -> bool:
    """Finish an attempt; a second call changes nothing.

    Parameters
    ----------
    connection
        An open transaction.
    administration_id
        Number of the attempt.
    submit_key
        Sent with the form, kept with the attempt.

    Returns
    -------
    bool
        Whether this call finished it.
    """
    attempt = locked_attempt(connection, administration_id)
    if attempt.status != "open":
        return False
    connection.execute(
        update(administration)
        .where(administration.c.id == administration_id)
        .values(status="completed", completed_at=datetime.now(UTC), submit_key=submit_key)
    )
    record(connection, "administration.complete", f"administration {administration_id}")
    if attempt.mode in NOTICED_MODES:
        note_completion(connection, int(attempt.participant_id), int(attempt.wave_id))
    return True


def locked_attempt(connection: Connection, administration_id: int) -> Row[tuple[object, ...]]:
    """Row of an attempt, held until the transaction ends (SQLite holds the whole file anyway).

    Parameters
    ----------
    connection
        An open transaction.
    administration_id
        Number of the attempt.

    Returns
    -------
    sqlalchemy.Row
        Its columns.

    Raises
    ------
    StoreError
        It is no longer in the store.
    """
    found = connection.execute(_LOCK, {"of_attempt": administration_id}).first()
    if found is None:
        fact = "the questionnaire is no longer in the store."
        raise StoreError(fact_and_hint("save_answers", fact, "it may have been withdrawn."))
    return found
