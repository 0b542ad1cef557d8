"""Open enrolment: a place is taken in one step of the database, and who gets none leaves only a count."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, text, update

from instrument.enrolment import Enrolment
from instrument.store.audit import record
from instrument.store.people import invite, link_of
from instrument.store.tables import enrolment_count
from instrument.store.tokens import Keyring

ADMITTED, UNSUITED, FULL = "admitted", "unsuited", "full"
_TICKET = re.compile(r"([A-Za-z0-9]{1,16})\.[A-Za-z0-9_-]{20,40}")
_MAKE = text(
    "INSERT INTO enrolment_count (study_id, name, n) VALUES (:study, :name, 0) ON CONFLICT DO NOTHING"
)


def new_ticket(keyring: Keyring) -> str:
    """Make the ticket of a page of enrolment: posted twice, it enrols one person.

    Parameters
    ----------
    keyring
        Keys.

    Returns
    -------
    str
        Name of the key, and something drawn at random.
    """
    return f"{keyring.newest}.{secrets.token_urlsafe(20)}"


def token_of_ticket(keyring: Keyring, study_id: int, ticket: str) -> str | None:
    """Secret part of the link that a ticket leads to.

    Parameters
    ----------
    keyring
        Keys; without them the token cannot be told from the ticket.
    study_id
        Number of the study.
    ticket
        As posted.

    Returns
    -------
    str or None
        None where it is no ticket of ours.
    """
    found = _TICKET.fullmatch(ticket)
    if found is None or found.group(1) not in keyring.keys:
        return None
    key = keyring.subkey("enrolment", found.group(1))
    digest = hmac.new(key, f"{study_id}:{ticket}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def enrol(
    connection: Connection,
    study_id: int,
    keyring: Keyring,
    rules: Enrolment,
    token: str,
    answers: Mapping[str, str],
) -> str:
    """Admit a person where the answers suit and a place is left in every quota that counts.

    Parameters
    ----------
    connection
        An open transaction, which ends right after.
    study_id, keyring
        Number of the study, and keys of the token hashes.
    rules
        Whom the study admits.
    token
        Secret part of the link, from the ticket.
    answers
        To the screening questions; they are stored nowhere.

    Returns
    -------
    str
        `admitted` (also where this ticket was admitted before), `unsuited` or `full`.

    Raises
    ------
    sqlalchemy.exc.IntegrityError
        The same ticket was posted at this very moment; nothing of this call is kept, and a second one finds
        the person.
    """
    if link_of(connection, keyring, token) is not None:
        return ADMITTED
    if not rules.suits(answers):
        _count(connection, study_id, UNSUITED)
        return UNSUITED
    places = {quota.id: quota.places for quota in rules.quotas}
    wanted = {ADMITTED: rules.places} | {f"quota {name}": places[name] for name in rules.counted_as(answers)}
    with connection.begin_nested() as taking:
        for name, most in wanted.items():
            if not _count(connection, study_id, name, most):
                taking.rollback()
                break
        else:
            invite(connection, study_id, keyring, 1, token=token)
            record(connection, "study.enrol", f"study {study_id}", 1)
            return ADMITTED
    _count(connection, study_id, FULL)
    return FULL


def _count(connection: Connection, study_id: int, name: str, most: int | None = None) -> bool:
    """Count one more, unless that would be more than there are places."""
    connection.execute(_MAKE, {"study": study_id, "name": name})
    change = update(enrolment_count).where(
        enrolment_count.c.study_id == study_id, enrolment_count.c.name == name
    )
    if most is not None:
        change = change.where(enrolment_count.c.n < most)
    return bool(connection.execute(change.values(n=enrolment_count.c.n + 1)).rowcount)


def enrolment_counts(connection: Connection, study_id: int) -> dict[str, int]:
    """How many were admitted, how many of each quota, and how many did not suit or came too late.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.

    Returns
    -------
    dict of int
        By `admitted`, `quota ID`, `unsuited` and `full`; what was never counted is left out.
    """
    query = select(enrolment_count.c.name, enrolment_count.c.n).where(enrolment_count.c.study_id == study_id)
    rows: Any = connection.execute(query.order_by(enrolment_count.c.name))
    return {str(name): int(n) for name, n in rows}
