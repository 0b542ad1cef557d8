"""Look a store over: its tables, the chain of its log, its keys, and that the erased are gone."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, select

from instrument.store.audit import broken_line
from instrument.store.connect import newest_schema, reading, schema_of
from instrument.store.erasures import ENDED_LINK, noted_erasures
from instrument.store.keys import faults_of_keys
from instrument.store.tables import erasure, metadata, participant
from instrument.store.tokens import Keyring
from instrument.store.triggers import postgresql_triggers, sqlite_triggers


def faults_of_store(engine: Engine, keyring: Keyring | None) -> dict[str, list[str]]:
    """Check a store without changing it.

    Parameters
    ----------
    engine
        The store.
    keyring
        Its keys; None when they are missing.

    Returns
    -------
    dict of list
        For schema, file, log, keys and erasures: what is wrong, in words without names of people.
    """
    found, needed = schema_of(engine), newest_schema()
    if found != needed:
        return {"schema": [f"it is {found or 'none'}, this version needs {needed}"]}
    with reading(engine) as connection:
        line = broken_line(connection)
        return {
            "schema": _schema(connection),
            "file": _file(connection),
            "log": [] if line is None else [f"line {line} does not fit the one before it"],
            "keys": ["there are none"] if keyring is None else faults_of_keys(connection, keyring),
            "erasures": _erasures(connection, engine),
        }


def _schema(connection: Connection) -> list[str]:
    differences: list[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
    faults = [f"{len(differences)} tables or columns differ from this version's"] if differences else []
    if connection.dialect.name == "sqlite":
        wanted = set(sqlite_triggers())
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        wanted = {name for name in postgresql_triggers() if not name.startswith("function ")}
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    present = set(connection.exec_driver_sql(query).scalars())
    return faults + [f"the rule {name} is missing" for name in sorted(wanted - present)]


def _file(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []  # the server checks its own
    whole = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one() == "ok"
    orphans = len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())
    return ([] if whole else ["the file is damaged"]) + (
        [f"{orphans} rows belong to nothing"] if orphans else []
    )


def _erasures(connection: Connection, engine: Engine) -> list[str]:
    listed = set(connection.execute(select(erasure.c.token_hash)).scalars())
    noted = {entry["token_hash"] for entry in noted_erasures(engine) if entry["person_hash"] != ENDED_LINK}
    people = set(connection.execute(select(participant.c.token_hash)).scalars())
    faults = []
    if back := len(people & (listed | noted)):
        faults.append(f"{back} people are there who were erased")
    if absent := len(noted - listed):
        faults.append(f"{absent} erasures of the list outside are not in the store")
    return faults
