"""Answers: a page is saved in one transaction, nothing is discarded, a finished questionnaire is locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from instrument.errors import fact_and_hint
from instrument.store.audit import record
from instrument.store.connect import StoreError, inserted_number
from instrument.store.tables import administration, item, response, response_history, wave


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
        wave_id, opens_day, closes_day, administration_id and status; the last two None before the start.
    """
    live = and_(
        administration.c.wave_id == wave.c.id,
        administration.c.participant_id == participant_id,
        administration.c.status != "void",
    )
    query = (
        select(
            wave.c.id.label("wave_id"),
            wave.c.opens_day,
            wave.c.closes_day,
            administration.c.id.label("administration_id"),
            administration.c.status,
        )
        .select_from(wave.outerjoin(administration, live))
        .where(wave.c.study_id == study_id)
        .order_by(wave.c.position)
    )
    return list(connection.execute(query))


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
                    instrument_version_id=version_id,
                    mode=mode,
                    lang=lang,
                    order_seed=order_seed,
                    started_at=now,
                )
            )
    except IntegrityError:  # two tabs began at once: the database kept one of them
        running = live_administration(connection, participant_id, wave_id)
        if running is None:
            raise
        return int(running.id)
    number = inserted_number(made)
    connection.execute(
        insert(response),
        [
            {
                "administration_id": number,
                "item_id": place.item_id,
                "state": "not_seen",
                "display_order": place.display_order,
                "page": place.page,
                "shown_at": now if place.page == 1 else None,
                "saved_at": now,
            }
            for place in layout
        ],
    )
    return number


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
        name, item_id, state, value, display_order, page, shown_at.
    """
    kept = response.c
    query = (
        select(
            item.c.name, kept.item_id, kept.state, kept.value, kept.display_order, kept.page, kept.shown_at
        )
        .join(item, item.c.id == response.c.item_id)
        .where(response.c.administration_id == administration_id)
        .order_by(response.c.display_order)
    )
    return list(connection.execute(query))


def save_answers(
    connection: Connection,
    administration_id: int,
    answers: Mapping[int, Answer],
    *,
    show_page: int | None = None,
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

    Returns
    -------
    int
        The new revision.

    Raises
    ------
    LockedError
        The attempt is complete.
    """
    attempt = _locked_row(connection, administration_id)
    if attempt.status == "completed":
        hint = "nothing more to do; the answers are in the store."
        raise LockedError(fact_and_hint("save_answers", "this questionnaire is complete.", hint))
    now = datetime.now(UTC)
    query = select(response).where(
        response.c.administration_id == administration_id, response.c.item_id.in_(list(answers))
    )
    kept = {row.item_id: row for row in connection.execute(query)} if answers else {}
    changed, history = [], []
    for number, answer in answers.items():
        before = kept[number]
        if (before.state, before.value) == (answer.state, answer.value):
            continue
        if answer.state in ("skipped", "not_seen") and before.state not in ("skipped", "not_seen"):
            continue
        if before.state != "not_seen":
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
                "number": number,
                "new_state": answer.state,
                "new_value": answer.value,
                "when_answered": before.answered_at if answer.state == "skipped" else now,
            }
        )
    if changed:
        connection.execute(
            update(response)
            .where(
                response.c.administration_id == administration_id,
                response.c.item_id == bindparam("number"),
            )
            .values(
                state=bindparam("new_state"),
                value=bindparam("new_value"),
                saved_at=now,
                answered_at=bindparam("when_answered"),
            ),
            changed,
        )
    if history:
        connection.execute(insert(response_history), history)
    if show_page is not None:
        connection.execute(
            update(response)
            .where(
                response.c.administration_id == administration_id,
                response.c.page == show_page,
                response.c.shown_at.is_(None),
            )
            .values(shown_at=now)
        )
    revision = int(attempt.revision) + 1
    connection.execute(
        update(administration).where(administration.c.id == administration_id).values(revision=revision)
    )
    return revision


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
    attempt = _locked_row(connection, administration_id)
    if attempt.status == "completed":
        return False
    connection.execute(
        update(administration)
        .where(administration.c.id == administration_id)
        .values(status="completed", completed_at=datetime.now(UTC), submit_key=submit_key)
    )
    record(connection, "administration.complete", f"administration {administration_id}")
    return True


def _locked_row(connection: Connection, administration_id: int) -> Row[tuple[object, ...]]:
    """Row of an attempt, held until the transaction ends (SQLite holds the whole file anyway)."""
    query = select(administration).where(administration.c.id == administration_id)
    found = connection.execute(query.with_for_update()).first()
    if found is None:
        fact = "the questionnaire is no longer in the store."
        raise StoreError(fact_and_hint("save_answers", fact, "it may have been withdrawn."))
    return found
