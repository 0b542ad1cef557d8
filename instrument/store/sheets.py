"""Pages that came from a browser's queue, each taken once; and the seconds in which pages were seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Connection, func, insert, select, update

from instrument.store.answers import UNSAID, Answer
from instrument.store.tables import (
    administration,
    erasure,
    form_answer,
    former_link,
    page_time,
    participant,
    queued_page,
    response,
    wave,
)
from instrument.store.tokens import Keyring

TIME_COLUMNS = ["participant", "wave", "page", "visits", "seconds"]


def queued_before(
    connection: Connection, keyring: Keyring, attempts: Iterable[int], sheet: str, content: str
) -> Literal["new", "known", "other"]:
    """Whether a page came from the queue before.

    Parameters
    ----------
    connection
        An open transaction that holds the person.
    keyring
        Keys of the hashes: a plain hash of a few answers could be guessed.
    attempts
        Numbers of the person's attempts.
    sheet, content
        Id of the page, and what it holds.

    Returns
    -------
    str
        `known` where it held the same, `other` where it held something else.
    """
    query = select(queued_page.c.content_hash).where(
        queued_page.c.administration_id.in_(list(attempts)), queued_page.c.sheet == sheet
    )
    found = connection.execute(query).scalars().first()
    if found is None:
        return "new"
    return "known" if found in keyring.candidates(content) else "other"


def note_queued(connection: Connection, keyring: Keyring, attempt: int, sheet: str, content: str) -> None:
    """Note that a page came from the queue.

    Parameters
    ----------
    connection
        The transaction that stores its answers.
    keyring, attempt, sheet, content
        As for `queued_before`, and the attempt it belongs to.
    """
    values = {"administration_id": attempt, "sheet": sheet, "content_hash": keyring.hash(content)}
    connection.execute(insert(queued_page).values(**values, at=datetime.now(UTC)))


def answered_since(
    connection: Connection,
    attempt: int,
    moment: datetime,
    answers: Mapping[int, Answer],
    form: str = "",
    said: Mapping[str, str] | None = None,
) -> bool:
    """Whether another answer was stored to a question of a page after it was shown: the later one holds.

    Parameters
    ----------
    connection
        An open transaction.
    attempt
        Number of the attempt.
    moment
        When the page was shown.
    answers
        Item number to answer, of a page of the scale.
    form, said
        Id of the form, and question to answer, of a page of a form.

    Returns
    -------
    bool
        False where what was stored since says the same.
    """
    later = select(response).where(response.c.administration_id == attempt, response.c.saved_at > moment)
    rows: list[Any] = list(connection.execute(later.where(response.c.item_id.in_(list(answers)))))
    if any(
        row.state not in UNSAID
        and (row.state, row.value) != (answers[row.item_id].state, answers[row.item_id].value)
        for row in rows
    ):
        return True
    since = select(form_answer).where(
        form_answer.c.administration_id == attempt,
        form_answer.c.form == form,
        form_answer.c.saved_at > moment,
        form_answer.c.value.is_not(None),
    )
    given = said or {}
    kept: list[Any] = list(connection.execute(since)) if given else []
    return any(row.question in given and row.value != given[row.question] for row in kept)


def ended_links(connection: Connection) -> set[str]:
    """Hashes of links that were replaced, and of those whose people were erased.

    Parameters
    ----------
    connection
        An open connection.

    Returns
    -------
    set of str
        As the store keeps them.
    """
    erased = connection.execute(select(erasure.c.token_hash)).scalars()
    return {*erased, *connection.execute(select(former_link.c.token_hash)).scalars()}


def keep_time(connection: Connection, attempt: int, page: str, sheet: str, seconds: float) -> None:
    """Keep how long a page was seen; sent again, the longest counts, as the script counts on.

    Parameters
    ----------
    connection
        The transaction that stores the page.
    attempt
        Number of the attempt.
    page, sheet
        Which page, and which showing of it.
    seconds
        In which it was seen.
    """
    same = (page_time.c.administration_id == attempt) & (page_time.c.sheet == sheet)
    kept = connection.execute(select(page_time.c.seconds).where(same)).scalar_one_or_none()
    if kept is None:
        values = {"administration_id": attempt, "sheet": sheet, "page": page, "seconds": seconds}
        connection.execute(insert(page_time).values(**values, saved_at=datetime.now(UTC)))
    elif kept < seconds:
        connection.execute(update(page_time).where(same).values(seconds=seconds, saved_at=datetime.now(UTC)))


def page_times(connection: Connection, study_id: int) -> pd.DataFrame:
    """Seconds in which pages were seen, where their script ran; trial links and void attempts are left out.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    pandas.DataFrame
        participant, wave, page (such as `page-2`, or `form-baseline-1`), visits (showings of it that were
        sent) and seconds of all of them together.
    """
    query = (
        select(
            participant.c.pseudonym,
            wave.c.name,
            page_time.c.page,
            func.count(page_time.c.sheet),
            func.sum(page_time.c.seconds),
        )
        .select_from(page_time)
        .join(administration, administration.c.id == page_time.c.administration_id)
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .where(
            participant.c.study_id == study_id,
            participant.c.is_test.is_(False),
            administration.c.status != "void",
        )
        .group_by(participant.c.id, participant.c.pseudonym, wave.c.position, wave.c.name, page_time.c.page)
        .order_by(participant.c.id, wave.c.position, page_time.c.page)
    )
    rows = [
        (who, where, page, int(n), round(float(total), 1))
        for who, where, page, n, total in connection.execute(query)
    ]
    return pd.DataFrame(rows, columns=TIME_COLUMNS)
