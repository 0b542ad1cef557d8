"""An append-only log in which each line seals the one before; it names acts and never a value."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from instrument.store.tables import audit_log

GENESIS = "0" * 64


def _seal(previous: str, at: str, action: str, subject: str, count: int) -> str:
    line = "\x1f".join([previous, at, action, subject, str(count)])
    return hashlib.sha256(line.encode()).hexdigest()


def record(connection: Connection, action: str, subject: str, count: int = 0) -> None:
    """Append a line inside the caller's transaction.

    Parameters
    ----------
    connection
        An open transaction.
    action
        What was done, such as `study.open`.
    subject
        Of what: a study or an internal number, never a token, name or answer.
    count
        How many rows it concerned.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE audit_log IN EXCLUSIVE MODE")
    last = select(audit_log.c.hash).order_by(audit_log.c.id.desc()).limit(1)
    previous = connection.execute(last).scalar_one_or_none() or GENESIS
    at = datetime.now(UTC).isoformat()
    connection.execute(
        insert(audit_log).values(
            at=at,
            action=action,
            subject=subject,
            n_rows=count,
            previous_hash=previous,
            hash=_seal(previous, at, action, subject, count),
        )
    )


def broken_line(connection: Connection) -> int | None:
    """Check the whole chain.

    Parameters
    ----------
    connection
        An open connection.

    Returns
    -------
    int or None
        Number of the first line that does not fit the one before it; None when all do.
    """
    previous = GENESIS
    for line in connection.execute(select(audit_log).order_by(audit_log.c.id)):
        sealed = _seal(previous, line.at, line.action, line.subject, line.n_rows)
        if line.previous_hash != previous or line.hash != sealed:
            return int(line.id)
        previous = line.hash
    return None
