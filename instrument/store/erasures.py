"""List of erasures kept outside the store, so that losing the store does not bring erased people back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from sqlalchemy import Connection, Engine, select

from instrument.errors import fact_and_hint
from instrument.store.connect import StoreError, sqlite_file
from instrument.store.tables import erasure
from instrument.store.tokens import Keyring

PLACE = "DTA_ERASURES"
ENDED_LINK = "-ended"
"""Stands for the hash of a person where only a link ended: its person has a newer one."""


class Erasure(TypedDict):
    """A person erased: the keyed hash of the link, when, and that of study and pseudonym where known."""

    token_hash: str
    at: datetime
    person_hash: str | None


def list_file(engine: Engine) -> Path | None:
    """File of the list: `DTA_ERASURES`, else beside an SQLite store.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    pathlib.Path or None
        None for a server without the setting: its list is in the store alone.
    """
    named = os.environ.get(PLACE)
    if named:
        return Path(named)
    file = sqlite_file(engine)
    return None if file is None else file.with_name(file.name + ".erasures")


def note_erasure(engine: Engine, token_hash: str, at: datetime, person_hash: str | None = None) -> None:
    """Add a person to the list, on disk before the rows go.

    Parameters
    ----------
    engine
        The store.
    token_hash, at, person_hash
        Whom, and when; without the key the hashes open nothing and name no one.

    Raises
    ------
    StoreError
        The file cannot be written: nothing is erased then, and the person is told to try again.
    """
    file = list_file(engine)
    if file is None:
        return
    fields = [at.astimezone(UTC).isoformat(), token_hash, *([person_hash] if person_hash else [])]
    line = ("\t".join(fields) + "\n").encode()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        fact = f"the list of erasures {file.name} cannot be written ({error.strerror})."
        raise StoreError(fact_and_hint("erase_person", fact, f"mend the folder, or set {PLACE}.")) from None


def noted_erasures(engine: Engine) -> list[Erasure]:
    """Everyone on the list outside the store.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    list of Erasure
        Empty without a file.

    Raises
    ------
    StoreError
        A line is damaged: going on could bring an erased person back.
    """
    file = list_file(engine)
    if file is None or not file.exists():
        return []
    found: list[Erasure] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        at, token_hash, person_hash = [*line.split("\t"), "", ""][:3]
        try:
            moment = datetime.fromisoformat(at)
            found.append({"token_hash": token_hash, "at": moment, "person_hash": person_hash or None})
        except ValueError:
            fact = f"line {number} of {file.name} is damaged."
            raise StoreError(fact_and_hint("restore", fact, "mend or remove the line.")) from None
    return found


def was_erased(connection: Connection, keyring: Keyring, token: str) -> bool:
    """Whether the person behind a link was erased.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys of the token hashes; each is tried.
    token
        Secret part of the link.

    Returns
    -------
    bool
        True for a link that ended with a withdrawal; only who holds the link can ask.
    """
    query = select(erasure.c.id).where(erasure.c.token_hash.in_(keyring.candidates(token[:128])))
    return connection.execute(query).first() is not None
