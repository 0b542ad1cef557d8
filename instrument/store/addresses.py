"""Addresses and links of people, in a file of their own: nothing in the store says who anyone is."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from instrument.errors import fact_and_hint
from instrument.store.connect import StoreError, sqlite_file

PLACE = "DTA_ADDRESSES"
WAITS = 30.0
"""Seconds to wait for another program that writes addresses."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS address (study TEXT NOT NULL, participant TEXT NOT NULL, "
    "address TEXT NOT NULL, token TEXT NOT NULL, number TEXT NOT NULL DEFAULT '', "
    "PRIMARY KEY (study, participant))"
)
_NUMBER = "ALTER TABLE address ADD COLUMN number TEXT NOT NULL DEFAULT ''"
"""Files that were made before there were telephone numbers lack the column."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a person is reached (mail address, telephone number) and the secret part of their link.

    None of the three is ever printed.
    """

    participant: str
    address: str = field(repr=False)
    token: str = field(repr=False)
    number: str = field(repr=False, default="")


def number_in(text: str) -> str | None:
    """Telephone number of a text, as networks write it.

    Parameters
    ----------
    text
        With + and the country; blanks, hyphens, dots, slashes and brackets are taken out.

    Returns
    -------
    str or None
        + and 7 to 15 digits; empty for an empty text, None for anything else.

    Examples
    --------
    >>> number_in("+49 (171) 123-4567"), number_in("0171 1234567"), number_in(" ")
    ('+491711234567', None, '')
    """
    plain = re.sub(r"[\s()./\u2010-\u2015-]", "", text)
    return plain if not plain or re.fullmatch(r"\+[1-9][0-9]{6,14}", plain) else None


def address_file(engine: Engine) -> Path | None:
    """File of the addresses: `DTA_ADDRESSES`, else beside an SQLite store; None for a server without it."""
    if named := os.environ.get(PLACE):
        return Path(named)
    file = sqlite_file(engine)
    return None if file is None else file.with_name(file.name + ".addresses")


def _connected(file: Path) -> sqlite3.Connection:
    with suppress(FileExistsError):  # opened here only where it is new: see `connect._keep_private`
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(file, timeout=WAITS)
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute(_TABLE)
    if "number" not in {row[1] for row in connection.execute("PRAGMA table_info(address)")}:
        with suppress(sqlite3.OperationalError):  # another program added it at this moment
            connection.execute(_NUMBER)
    return connection


def keep_addresses(engine: Engine, study: str, contacts: Iterable[Contact]) -> int:
    """Keep where people are reached; an earlier address or link of the same person is replaced.

    Returns
    -------
    int
        How many.

    Raises
    ------
    StoreError
        A server has no file for them, or it cannot be written.
    """
    file = address_file(engine)
    if file is None:
        hint = f"say where addresses are kept: {PLACE}=FILE."
        raise StoreError(fact_and_hint("addresses", "there is no file for addresses.", hint))
    rows = [(study, one.participant, one.address, one.token, one.number) for one in contacts]
    try:
        with closing(_connected(file)) as connection, connection:
            columns = "(study, participant, address, token, number)"
            connection.executemany(f"INSERT OR REPLACE INTO address {columns} VALUES (?, ?, ?, ?, ?)", rows)
    except (sqlite3.Error, OSError):
        fact = f"{file.name} cannot be written."
        raise StoreError(fact_and_hint("addresses", fact, "check folder and disk.")) from None
    return len(rows)


def addresses_of(engine: Engine, study: str) -> list[Contact]:
    """Everyone of a study who is reached; empty where no addresses are kept."""
    file = address_file(engine)
    if file is None or not file.exists():
        return []
    with closing(_connected(file)) as connection:
        query = "SELECT participant, address, token, number FROM address WHERE study = ? ORDER BY participant"
        return [Contact(*row) for row in connection.execute(query, (study,))]


def forget_address(engine: Engine, study: str, participant: str) -> None:
    """Erase where a person is reached, before anything else of the person is erased.

    Raises
    ------
    StoreError
        It cannot be erased: nothing is erased then, and the person is told to try again.
    """
    file = address_file(engine)
    if file is None or not file.exists():
        return
    try:
        with closing(_connected(file)) as connection, connection:
            connection.execute(
                "DELETE FROM address WHERE study = ? AND participant = ?", (study, participant)
            )
    except sqlite3.Error:
        fact = f"{file.name} cannot be written; nothing was erased."
        raise StoreError(fact_and_hint("erase_person", fact, "check folder and disk.")) from None
