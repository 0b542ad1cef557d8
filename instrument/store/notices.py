"""Notices to a program of the team, kept in the transaction of what they tell and sent by a later run."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from instrument.errors import DefinitionError, fact_and_hint
from instrument.messaging.messages import Notices
from instrument.store.audit import record
from instrument.store.connect import reading
from instrument.store.definitions import KEPT_DEFINITIONS, find_study
from instrument.store.purge import mark_erased
from instrument.store.tables import notice, participant, study, wave

UNDER_WAY = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=30)
MOST_FAILURES = 3
"""Failures one after the other at which a run ends: the program at the other end is away."""


class NotSentError(Exception):
    """A message or notice was not taken.

    Attributes
    ----------
    for_good
        It never will be, at this address.
    unwanted
        Its receiver told the other end to send nothing more.
    """

    def __init__(self, why: str, *, for_good: bool = False, unwanted: bool = False) -> None:
        super().__init__(why)
        self.for_good, self.unwanted = for_good, unwanted


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: its code stays the same when it is sent again, so that the receiver can know it.

    Attributes
    ----------
    code
        Drawn at random.
    content
        What is sent, without any answer.
    """

    code: str
    content: dict[str, str] = field(repr=False)


def note_completion(connection: Connection, participant_id: int, wave_id: int) -> None:
    """Keep a notice that a questionnaire was sent, where the study wants one; trial links make none.

    Parameters
    ----------
    connection
        The transaction that completes it.
    participant_id, wave_id
        Whose, and at which wave.
    """
    named = select(wave.c.name).where(wave.c.id == wave_id).scalar_subquery()
    _keep(connection, participant_id, "completed", wave=named)


def note_withdrawal(connection: Connection, participant_id: int, *, deleted: bool) -> None:
    """Keep a notice that a person withdrew, where the study wants one.

    Parameters
    ----------
    connection
        The transaction that records it, before the person is gone.
    participant_id
        Whose withdrawal.
    deleted
        Whether the answers go too. Such a notice outlives the person until it is delivered; earlier ones of
        the person go with the person.
    """
    answers = "deleted" if deleted else "kept"
    _keep(connection, participant_id, "withdrawn", answers=answers, outlives=deleted)


def _keep(
    connection: Connection, participant_id: int, kind: str, *, outlives: bool = False, **more: Any
) -> None:
    query = (
        select(participant.c.pseudonym, participant.c.is_test, participant.c.study_id, study.c.definition)
        .join(study, study.c.id == participant.c.study_id)
        .where(participant.c.id == participant_id)
    )
    person: Any = connection.execute(query).first()
    wanted = None if person is None else _wanted(str(person.definition))
    if person is None or wanted is None or kind not in wanted.kinds or person.is_test:
        return
    now = datetime.now(UTC)
    connection.execute(
        insert(notice).values(
            study_id=person.study_id,
            participant_id=None if outlives else participant_id,
            code=secrets.token_hex(16),
            kind=kind,
            pseudonym=person.pseudonym if wanted.pseudonym else None,
            at=now,
            state="waiting",
            attempts=0,
            next_at=now,
            **more,
        )
    )


@lru_cache(maxsize=KEPT_DEFINITIONS)
def _wanted(definition: str) -> Notices | None:
    """What a stored definition says of notices; the rest of it is not needed here."""
    said = json.loads(definition).get("notices")
    return None if said is None else Notices.model_validate(said)


def deliver_notices(
    engine: Engine, study_name: str, transport: Callable[[Notice], None], *, now: datetime | None = None
) -> Counter[str]:
    """Send the notices of a study that are due; each at least once, in their order where nothing fails.

    A notice is gone from the store once it was taken. One that was not is tried again after 2, 4, 8 …
    minutes, at last every six hours, and given up after thirty days. Where a sender was killed in the
    middle, the notice is sent again with its code.

    Parameters
    ----------
    engine
        The store.
    study_name
        Id of the study.
    transport
        Sends one notice, or raises `NotSentError`.
    now
        Moment to judge by, the present one by default.

    Returns
    -------
    collections.Counter
        sent, failed (tried again later) and given_up.

    Raises
    ------
    DefinitionError
        The study file has no notices.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    done: Counter[str] = Counter()
    with reading(engine) as connection:
        row: Any = find_study(connection, study_name)
        due = (notice.c.study_id == row.id) & (notice.c.next_at <= moment)
        numbers = list(connection.execute(select(notice.c.id).where(due).order_by(notice.c.id)).scalars())
    if _wanted(str(row.definition)) is None and not numbers:
        fact = f"study {study_name!r} has no notices."
        raise DefinitionError(fact_and_hint("dta study notify", fact, "write `notices:` into its file."))
    failures = 0
    for number in numbers:
        with engine.begin() as connection:
            kept = _reserve(connection, int(number), moment)
        if kept is None:
            continue
        try:
            transport(_made(kept, study_name))
        except NotSentError:
            state = "given_up" if moment - kept.at > GIVEN_UP_AFTER else "failed"
            failures += 1
        else:
            state, failures = "sent", 0
        with engine.begin() as connection:
            _settle(connection, kept, state, moment)
        done[state] += 1
        if failures == MOST_FAILURES:
            break
    return done


def _reserve(connection: Connection, number: int, moment: datetime) -> Any:
    """Take a notice for this sender; None where another has it, or it went with its person."""
    query = select(notice).where(notice.c.id == number, notice.c.next_at <= moment).with_for_update()
    kept: Any = connection.execute(query).first()
    if kept is not None:
        taken = {"state": "sending", "attempts": kept.attempts + 1, "next_at": moment + UNDER_WAY}
        connection.execute(update(notice).where(notice.c.id == number).values(**taken))
    return kept


def _made(kept: Any, study_name: str) -> Notice:
    content = {
        "id": kept.code,
        "kind": kept.kind,
        "study": study_name,
        "at": kept.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    beside = {"wave": kept.wave, "answers": kept.answers, "participant": kept.pseudonym}
    return Notice(kept.code, {**content, **{key: text for key, text in beside.items() if text is not None}})


def _settle(connection: Connection, kept: Any, state: str, moment: datetime) -> None:
    of_notice = notice.c.id == kept.id
    if state == "failed":
        pause = min(timedelta(minutes=2 ** min(kept.attempts + 1, 10)), LONGEST_PAUSE)
        connection.execute(update(notice).where(of_notice).values(state="waiting", next_at=moment + pause))
    else:
        if kept.participant_id is None and kept.pseudonym is not None:
            mark_erased(connection)  # the last place that named someone who was erased
        connection.execute(delete(notice).where(of_notice))
    record(connection, f"notice.{state}", f"notice {kept.code}")
