"""Which keys a store's hashes were made with: a missing or other key file is refused, not remade."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, update

from instrument.errors import fact_and_hint, name_offenders
from instrument.store.audit import record
from instrument.store.connect import reading
from instrument.store.tables import erasure, participant, store_key, study
from instrument.store.tokens import Keyring, SecretKeyError, given_key, load_keyring

PURPOSE = b"which key this is"
LOST = "if it is lost for good: `dta store rotate-key --lost`."


def mark_of(keyring: Keyring, name: str) -> str:
    """Mark by which a store knows a key again; it tells nothing of the key.

    Parameters
    ----------
    keyring, name
        Which key.

    Returns
    -------
    str
        Hexadecimal.
    """
    return hmac.new(keyring.keys[name], PURPOSE, hashlib.sha256).hexdigest()


def keys_for(engine: Engine, path: str | Path, environment: Mapping[str, str] | None = None) -> Keyring:
    """Load the keys of a store; they are made only for a store that has none.

    Parameters
    ----------
    engine
        The store.
    path, environment
        As in `load_keyring`.

    Returns
    -------
    Keyring
        Keys, oldest first, all that the store needs among them.

    Raises
    ------
    SecretKeyError
        The file is missing although the store knows its key, or holds other keys than the store's.
    """
    if given_key(environment) is None and not Path(path).exists():
        with reading(engine) as connection:
            needed = sorted(_needed(connection))
        if needed:
            fact = (
                f"there is no key file {Path(path).name}, and the store knows its key ({', '.join(needed)})."
            )
            raise SecretKeyError(fact_and_hint("keys_for", fact, f"restore the file, or name it; {LOST}"))
    keyring = load_keyring(path, environment)
    know_keys(engine, keyring)
    return keyring


def know_keys(engine: Engine, keyring: Keyring) -> None:
    """Check keys against a store, and make it know those that are new.

    Parameters
    ----------
    engine
        The store.
    keyring
        Keys.

    Raises
    ------
    SecretKeyError
        A key that the store needs is not among them, or is another one of the same name.
    """
    with reading(engine) as connection:
        if not (absent := faults_of_keys(connection, keyring)) and not _unknown(connection, keyring):
            return
    if absent:
        fact = f"the keys are not those of the store: {name_offenders(absent)}."
        raise SecretKeyError(fact_and_hint("keys_for", fact, f"restore the key file; {LOST}"))
    with engine.begin() as connection:
        for name in _unknown(connection, keyring):
            connection.execute(insert(store_key).values(name=name, mark=mark_of(keyring, name), lost=False))
            record(connection, "store.know_key", name)


def faults_of_keys(connection: Connection, keyring: Keyring) -> list[str]:
    """Say which keys of a store are not in a keyring.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys.

    Returns
    -------
    list of str
        Such as `k1 is missing`; empty when links, codes and study keys all can be verified.
    """
    marks = {row.name: row.mark for row in connection.execute(select(store_key))}
    faults = []
    for name in sorted(_needed(connection)):
        if name not in keyring.keys:
            faults.append(f"{name} is missing")
        elif name in marks and not hmac.compare_digest(marks[name], mark_of(keyring, name)):
            faults.append(f"{name} is another key")
    return faults


def give_up_keys(connection: Connection) -> set[str]:
    """Note that the keys of a store are lost: no link and no code made with them opens anything any more.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    set of str
        Names that are taken.
    """
    needed = _needed(connection)
    known = {row.name for row in connection.execute(select(store_key))}
    connection.execute(update(store_key).values(lost=True))
    for name in sorted(needed - known):
        connection.execute(insert(store_key).values(name=name, mark="", lost=True))
    record(connection, "store.lost_keys", "store", len(needed))
    return needed | known


def _needed(connection: Connection) -> set[str]:
    """Names of keys that the store knows or that a hash in it names, but for those given up."""
    rows = list(connection.execute(select(store_key)))
    named = {row.name for row in rows}
    for column in (
        participant.c.token_hash,
        participant.c.erasure_hash,
        study.c.interface_key,
        erasure.c.token_hash,
    ):
        hashes = connection.execute(select(column).where(column.is_not(None)).distinct()).scalars()
        named |= {str(value).partition(":")[0] for value in hashes if ":" in str(value)}
    return named - {row.name for row in rows if row.lost}


def _unknown(connection: Connection, keyring: Keyring) -> list[str]:
    known = {row.name for row in connection.execute(select(store_key))}
    return [name for name in keyring.keys if name not in known]
