"""After an erasure: no trace of the rows in the files of the database."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection, Engine, event

TABLES_OF_PEOPLE = (
    "participant",
    "consent",
    "administration",
    "response",
    "response_history",
    "form_answer",
    "form_answer_history",
    "queued_page",
    "page_time",
    "administration_act",
    "former_link",
    "message",
    "notice",
    "usage_event",
    "score",
)
WAIT_MILLISECONDS = 2_000
ERASED = "dta_erased"
log = logging.getLogger("dta.store")


def mark_erased(connection: Connection) -> None:
    """Note that the open transaction erases someone; once it is committed, the traces go too.

    Parameters
    ----------
    connection
        An open transaction.
    """
    connection.info[ERASED] = True


def empty_log(connection: Any) -> bool:
    """Move SQLite's log into its file and cut it to nothing: it holds rows as they were before.

    Parameters
    ----------
    connection
        Of the driver, outside a transaction.

    Returns
    -------
    bool
        False while another connection still reads what was; the log is cut at a later commit then.
    """
    before = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {WAIT_MILLISECONDS}")
    try:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before}")
    return not busy


def purge_after_commits(engine: Engine) -> None:
    """Clear the traces whenever a transaction that erased someone was committed on PostgreSQL.

    The tables of people are written anew: a deleted row stays in its page until then. The connection does it
    on its way back to the pool, after everything is committed. (SQLite: see `connect._take_turns`.)

    Parameters
    ----------
    engine
        Of PostgreSQL.
    """

    def forget(connection: Connection) -> None:
        if not connection.invalidated:  # what a broken connection knew is gone, and asking it hides why
            connection.info.pop(ERASED, None)

    def check_in(raw: Any, record: Any) -> None:
        if raw is None or not record.info.pop(ERASED, False):
            return
        raw.autocommit = True
        try:
            _rewrite(raw)
        finally:
            raw.autocommit = False

    event.listen(engine, "rollback", forget)
    event.listen(engine, "checkin", check_in)


def _rewrite(raw: Any) -> None:
    """Write each table anew, or at least mark its space free where someone reads it for long."""
    for table in TABLES_OF_PEOPLE:
        for how in ("(FULL, ANALYZE)", ""):
            try:
                raw.execute(f"SET lock_timeout = {WAIT_MILLISECONDS}")
                raw.execute(f"VACUUM {how} {table}")
                break
            except Exception as error:
                log.warning("table %s was not written anew: %s", table, type(error).__name__)
    raw.execute("RESET lock_timeout")
