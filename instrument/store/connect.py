"""Open a store: SQLite by default, PostgreSQL by URL; upgrade its schema, never serve an older one."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError

from instrument.errors import ToolkitError, fact_and_hint
from instrument.store.purge import ERASED, empty_log, purge_after_commits
from instrument.store.quiet import keep_values_out

DEFAULT_URL = "sqlite:///dta.sqlite"
BUSY_MILLISECONDS = 15_000
CONNECT_SECONDS = 5
REST_SECONDS = 1.0
ANSWERED = "dta_answered"
PRIVATE = 0o600
BESIDE = ("-wal", "-shm", "-journal", ".erasures")
RESTORING = ".restoring"
PENDING = "restore_pending"


class StoreError(ToolkitError):
    """The store cannot be opened, is of another schema, or refuses what was asked."""


def open_store(url: str = DEFAULT_URL) -> Engine:
    """Open the database behind a URL, without touching its schema.

    Parameters
    ----------
    url
        `sqlite:///file.sqlite`, `postgresql+psycopg://…`, or the path of an SQLite file.

    Returns
    -------
    sqlalchemy.Engine
        For SQLite: WAL, full synchronisation, foreign keys, secure delete, immediate transactions.

    Raises
    ------
    StoreError
        The URL names no supported database, or the server does not answer.
    """
    address = url if "://" in url else f"sqlite:///{url}"
    try:
        parsed = make_url(address)
    except ArgumentError:
        raise StoreError(_no_store(url)) from None
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=10,
            hide_parameters=True,
            connect_args={"connect_timeout": CONNECT_SECONDS},
        )
        purge_after_commits(engine)
        _ask_after_a_rest(engine)
    elif kind == "sqlite":
        engine = create_engine(
            parsed, connect_args={"timeout": BUSY_MILLISECONDS / 1000}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        _take_turns(engine)
    else:
        raise StoreError(_no_store(kind))
    keep_values_out(engine)
    _keep_private(engine)
    try:
        engine.connect().close()
    except (SQLAlchemyError, sqlite3.Error):
        shown = parsed.render_as_string(hide_password=True)
        fact = f"the store {shown} does not open."
        raise StoreError(
            fact_and_hint("open_store", fact, "check the folder, or that the server runs.")
        ) from None
    return engine


def _ask_after_a_rest(engine: Engine) -> None:
    """Ask a server whether a connection still stands, unless it answered a moment ago.

    To ask each time costs every page a way to the server and back. A connection that breaks within the moment
    fails one request, and the pool then opens new ones.
    """

    def check_in(_raw: Any, record: Any) -> None:
        record.info[ANSWERED] = time.monotonic()

    def check_out(raw: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(ANSWERED, 0.0) < REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(raw)
        except engine.dialect.loaded_dbapi.Error:
            raise DisconnectionError from None

    event.listen(engine, "checkin", check_in)
    event.listen(engine, "checkout", check_out)


def _keep_private(engine: Engine) -> None:
    """Make a store's file readable by its owner only, and those beside it; SQLite's own take its rights."""
    file = sqlite_file(engine)
    if file is None or os.name != "posix":
        return
    # Only a file that is not there yet is opened: closing another one would give up every lock that this
    # process holds on it (POSIX), and the next program to close the store would delete the log of ours.
    with suppress(OSError):  # it is there; an absent folder, or someone else's: connecting tells
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    for ending in ("", *BESIDE):
        beside = file.with_name(file.name + ending)
        with suppress(OSError):
            if stat.S_IMODE(beside.stat().st_mode) & 0o077:
                beside.chmod(PRIVATE)


def _no_store(what: str) -> str:
    hint = "give a file for SQLite, or postgresql://user@host/name."
    return fact_and_hint("open_store", f"{what!r} names no supported database.", hint)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy, not the driver, begins the transactions
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        f"busy_timeout = {BUSY_MILLISECONDS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _take_turns(engine: Engine) -> None:
    """Let one thread write at a time: SQLite makes waiting writers sleep, a lock wakes the next at once."""
    turn = threading.Lock()

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        connection.info["has_turn"] = turn.acquire(timeout=BUSY_MILLISECONDS / 1000)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            end(connection)
            raise

    due = threading.Event()  # a log that could not be emptied is emptied after a later commit

    def commit(connection: Connection) -> None:
        connection.exec_driver_sql("COMMIT")  # here, because this event comes before the driver's commit
        if connection.info.pop(ERASED, False):
            due.set()
        if due.is_set() and empty_log(connection.connection.driver_connection):
            due.clear()
        end(connection)

    def end(connection: Connection) -> None:
        connection.info.pop(ERASED, None)
        if connection.info.pop("has_turn", False):
            turn.release()

    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", commit)
    event.listen(engine, "rollback", end)


def reading(engine: Engine) -> Connection:
    """Connect to look only: on SQLite, readers then do not queue behind writers.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    sqlalchemy.Connection
        To be used in a `with` block.
    """
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    return engine.connect().execution_options(read_only=True, **options)


def _migrations(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", "instrument.store:migrations")
    config.attributes["engine"] = engine
    return config


def schema_of(engine: Engine) -> str | None:
    """Revision of the schema in the database; None for an empty one.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    str or None
        Alembic's revision.
    """
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache  # a program knows one, and reading all migrations takes long
def newest_schema() -> str:
    """Revision this code works with.

    Returns
    -------
    str
        Alembic's head revision.
    """
    config = Config()
    config.set_main_option("script_location", "instrument.store:migrations")
    head = ScriptDirectory.from_config(config).get_current_head()
    return str(head)


def upgrade_store(engine: Engine, revision: str = "head") -> str | None:
    """Bring the schema to a revision; an empty database gets all tables.

    Parameters
    ----------
    engine
        The store.
    revision
        Target, `head` by default.

    Returns
    -------
    str or None
        The revision before.
    """
    before = schema_of(engine)
    command.upgrade(_migrations(engine), revision)
    return before


def downgrade_store(engine: Engine, revision: str) -> None:
    """Take the schema back to an older revision.

    Parameters
    ----------
    engine
        The store.
    revision
        Target, `base` for an empty database.
    """
    command.downgrade(_migrations(engine), revision)


def require_newest_schema(engine: Engine) -> None:
    """Refuse a store of another schema than this code's; an empty store is set up.

    Parameters
    ----------
    engine
        The store.

    Raises
    ------
    StoreError
        The schema is older or unknown, or the store was being restored when that ended.
    """
    refuse_half_restored(engine)
    found, needed = schema_of(engine), newest_schema()
    if found is None:
        upgrade_store(engine)
    elif found != needed:
        fact = f"the store has schema {found}, this version needs {needed}."
        raise StoreError(fact_and_hint("open_store", fact, "run `dta store upgrade`; it backs up first."))


def require_store(url: str) -> None:
    """Refuse an SQLite file that is not there: looking at a store does not make one.

    Parameters
    ----------
    url
        As for `open_store`.

    Raises
    ------
    StoreError
        There is no such file.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError:
        return  # opening it says so
    file = Path(parsed.database or "")
    if parsed.get_backend_name() == "sqlite" and not file.is_file():
        raise StoreError(fact_and_hint("open_store", f"there is no store {file.name!r}.", "check DTA_STORE."))


def refuse_half_restored(engine: Engine) -> None:
    """Refuse a store whose restoring was interrupted: people who were erased could be in it.

    Parameters
    ----------
    engine
        The store.

    Raises
    ------
    StoreError
        A restore began and did not end.
    """
    hint = "run `dta store restore` again; it ends what was begun."
    file = sqlite_file(engine)
    if file is None:
        half = inspect(engine).has_table(PENDING)
    else:
        left = file.with_name(file.name + RESTORING)
        half = left.exists()
        hint = f"run `dta store restore` again, or delete {left.name} to keep the store as it was."
    if half:
        fact = "a restore of this store was interrupted; it may hold people who were erased."
        raise StoreError(fact_and_hint("open_store", fact, hint))


def inserted_number(result: CursorResult[Any]) -> int:
    """Number the database gave to a row that was just inserted.

    Parameters
    ----------
    result
        Of inserting one row.

    Returns
    -------
    int
        Its primary key.
    """
    key = result.inserted_primary_key
    if key is None:
        raise StoreError(fact_and_hint("store", "the database gave no number to a new row.", "report it."))
    return int(key[0])


def sqlite_file(engine: Engine) -> Path | None:
    """File of an SQLite store; None for a server.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    pathlib.Path or None
        The file.
    """
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        return None
    return Path(str(engine.url.database))
