"""Copies of the store: made while it runs, and erasures kept when an old copy comes back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, insert, select

from instrument.errors import fact_and_hint
from instrument.store.audit import record
from instrument.store.connect import StoreError, open_store, sqlite_file, upgrade_store
from instrument.store.erasures import Erasure, noted_erasures
from instrument.store.people import erase_person
from instrument.store.tables import erasure, participant


def back_up(engine: Engine, target: str | Path) -> Path:
    """Copy the whole store to a file while it is in use.

    Parameters
    ----------
    engine
        The store.
    target
        New file: an SQLite database, or the archive of pg_dump.

    Returns
    -------
    pathlib.Path
        The file, readable by its owner only.

    Raises
    ------
    StoreError
        The file exists, or the copy failed; nothing half written stays.
    """
    path = Path(target)
    if path.exists():
        fact = f"{path.name} exists already."
        raise StoreError(fact_and_hint("back_up", fact, "give a new file; copies are never overwritten."))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _copy(engine, draft)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path)
    return path


def _copy(engine: Engine, draft: Path) -> None:
    file = sqlite_file(engine)
    if file is not None:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
        return
    _run_client("pg_dump", engine, ["--format=custom", f"--file={draft}"])


def _run_client(program: str, engine: Engine, options: list[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise StoreError(
            fact_and_hint("back_up", f"{program} is not installed.", "apt install postgresql-client.")
        )
    url = engine.url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    secret = {"PGPASSWORD": str(engine.url.password)} if engine.url.password else {}
    done = subprocess.run(
        [found, f"--dbname={url}", *options], env={**os.environ, **secret}, capture_output=True, check=False
    )
    if done.returncode != 0:
        fact = f"{program} ended with status {done.returncode}."
        raise StoreError(fact_and_hint("back_up", fact, "check the server's log and its version."))


def restore(source: str | Path, engine: Engine) -> int:
    """Bring a copy back and erase again everyone who was erased since it was made.

    Parameters
    ----------
    source
        File made by `back_up`.
    engine
        The store to replace; for SQLite nothing else may have it open.

    Returns
    -------
    int
        How many people were erased again.

    Raises
    ------
    StoreError
        The file is no copy of a store, or the list of erasures is damaged.
    """
    path = Path(source)
    if not path.is_file():
        raise StoreError(fact_and_hint("restore", f"there is no file {path.name}.", "check the path."))
    erased = _erasures(engine)
    file = sqlite_file(engine)
    engine.dispose()
    if file is None:
        _run_client("pg_restore", engine, ["--clean", "--if-exists", "--single-transaction", str(path)])
    else:
        _check_sqlite(path)
        with closing(sqlite3.connect(path)) as copy, closing(sqlite3.connect(file)) as live:
            copy.backup(live)
    upgrade_store(engine)
    return _erase_again(engine, erased)


def _erasures(engine: Engine) -> list[Erasure]:
    """Everyone on the store's list or on the one beside it, each once."""
    with engine.connect() as connection:
        rows = connection.execute(select(erasure.c.token_hash, erasure.c.at))
        kept: list[Erasure] = [{"token_hash": row.token_hash, "at": row.at} for row in rows]
    return list({entry["token_hash"]: entry for entry in [*noted_erasures(engine), *kept]}.values())


def _check_sqlite(path: Path) -> None:
    try:
        with open_store(f"sqlite:///{path}").connect() as copy:
            copy.execute(select(participant.c.id).limit(1)).all()
            sound = copy.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    except Exception as error:
        fact = f"{path.name} is not a copy of a store."
        raise StoreError(fact_and_hint("restore", fact, "give a file made by `dta store backup`.")) from error
    if not sound:
        raise StoreError(fact_and_hint("restore", f"{path.name} is damaged.", "take an older copy."))


def _erase_again(engine: Engine, erased: list[Erasure]) -> int:
    again = 0
    with engine.begin() as connection:
        known = {row.token_hash for row in connection.execute(select(erasure.c.token_hash))}
        for entry in erased:
            query = select(participant.c.id).where(participant.c.token_hash == entry["token_hash"])
            person = connection.execute(query).first()
            if person is not None:
                erase_person(connection, int(person.id))
                again += 1
            elif entry["token_hash"] not in known:
                connection.execute(insert(erasure).values(**entry))
        record(connection, "store.restore", "store", again)
    return again
