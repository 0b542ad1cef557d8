"""Copies of the store: made while it runs, and erasures kept when an old copy comes back."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from instrument.errors import fact_and_hint
from instrument.store.audit import record
from instrument.store.connect import (
    PENDING,
    PRIVATE,
    RESTORING,
    StoreError,
    open_store,
    sqlite_file,
    upgrade_store,
)
from instrument.store.erasures import ENDED_LINK, Erasure, note_erasure, noted_erasures
from instrument.store.people import erase_person
from instrument.store.purge import empty_log
from instrument.store.relinking import end_link
from instrument.store.tables import erasure, former_link, metadata, participant
from instrument.store.triggers import drop_statements


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


def _client(program: str, engine: Engine) -> tuple[list[str], dict[str, str]]:
    """A program of PostgreSQL with the address of the store, and its environment."""
    found = shutil.which(program)
    if found is None:
        raise StoreError(
            fact_and_hint("back_up", f"{program} is not installed.", "apt install postgresql-client.")
        )
    url = engine.url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    secret = {"PGPASSWORD": str(engine.url.password)} if engine.url.password else {}
    return [found, f"--dbname={url}"], {**os.environ, **secret}


def _run_client(program: str, engine: Engine, options: list[str]) -> None:
    command, environment = _client(program, engine)
    done = subprocess.run([*command, *options], env=environment, capture_output=True, check=False)
    _refuse_failure(program, done.returncode)


def _refuse_failure(program: str, status: int) -> None:
    if status != 0:
        fact = f"{program} ended with status {status}."
        raise StoreError(fact_and_hint("back_up", fact, "check the server's log and its version."))


def restore(source: str | Path, engine: Engine) -> int:
    """Bring a copy back and erase again everyone who was erased since it was made.

    A restore that is killed leaves the store as it was, or one that is refused until a restore has ended.

    Parameters
    ----------
    source
        File made by `back_up`.
    engine
        The store to replace; on a server nothing else may use it.

    Returns
    -------
    int
        How many people were erased again.

    Raises
    ------
    StoreError
        The file is no copy of a store, the server's store is in use, or the list of erasures is damaged.
    """
    path = Path(source)
    if not path.is_file():
        raise StoreError(fact_and_hint("restore", f"there is no file {path.name}.", "check the path."))
    file = sqlite_file(engine)
    if file is not None:
        _check_sqlite(path)
        return _restore_file(path, engine, file)
    return _restore_server(path, engine)


def _restore_file(path: Path, engine: Engine, file: Path) -> int:
    """Make the restored store beside the old one, without the erased; then it takes its place in one step."""
    erased = _erasures(engine)
    engine.dispose()
    made = file.with_name(file.name + RESTORING)
    _remove(made)
    os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    with closing(sqlite3.connect(path)) as copy, closing(sqlite3.connect(made)) as new:
        copy.backup(new)
    restored = open_store(f"sqlite:///{made}")
    try:
        upgrade_store(restored)
        with restored.begin() as connection:
            again = _erase_again(connection, erased)
    finally:
        restored.dispose()
    with closing(sqlite3.connect(made)) as new, closing(sqlite3.connect(file)) as live:
        new.backup(live)  # one transaction: it is there whole or not at all, also for who has it open
        empty_log(live)
    _remove(made)
    return again


def _remove(file: Path) -> None:
    for ending in ("-wal", "-shm", "-journal", ""):  # the file that marks a restore goes last
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _restore_server(path: Path, engine: Engine) -> int:
    """Replace all tables in one transaction of the server; a mark outlives it until the erased are gone."""
    _run_listing(path)
    erased = _erasures(engine)
    _refuse_company(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {PENDING} "
            "(token_hash varchar(160), at timestamptz, person_hash varchar(160))"
        )
        if erased:
            connection.execute(
                text(f"INSERT INTO {PENDING} VALUES (:token_hash, :at, :person_hash)"),
                [dict(entry) for entry in erased],
            )
    engine.dispose()
    _replace_tables(path, engine)
    upgrade_store(engine)
    with engine.begin() as connection:
        again = _erase_again(connection, erased)
        connection.exec_driver_sql(f"DROP TABLE {PENDING}")
    return again


def _run_listing(path: Path) -> None:
    program = shutil.which("pg_restore")
    listed = program and subprocess.run([program, "--list", str(path)], capture_output=True, check=False)
    if listed and (listed.returncode != 0 or b"TABLE DATA public participant" not in listed.stdout):
        fact = f"{path.name} is not a copy of a store."
        raise StoreError(fact_and_hint("restore", fact, "give a file made by `dta store backup`."))


def _refuse_company(engine: Engine) -> None:
    """Refuse to replace a store that other programs use: they would meet people who were erased."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    engine.dispose()
    for _ in range(20):  # connections just closed take a moment to go
        with engine.connect() as connection:
            others = connection.execute(query).scalar_one()
        if not others:
            return
        time.sleep(0.1)
    fact = f"the store is in use by {others} other connection(s)."
    raise StoreError(fact_and_hint("restore", fact, "stop `dta serve` and other programs first."))


def _replace_tables(path: Path, engine: Engine) -> None:
    """Drop what this version has and load the copy, at once: the copy may be of an older schema."""
    names = ", ".join(f'"{name}"' for name in [*metadata.tables, "alembic_version"])
    functions = [statement + ";" for statement in drop_statements("postgresql")]
    first = "\n".join([f"DROP TABLE IF EXISTS {names} CASCADE;", *functions])
    reading, environment = _client("pg_restore", engine)
    writing, _ = _client("psql", engine)
    load = [*writing, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-"]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(
        load, env=environment, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere
    ) as loading:
        if loading.stdin is None:
            raise ValueError("no pipe")
        with suppress(BrokenPipeError):
            loading.stdin.write(first.encode() + b"\n")
            loading.stdin.flush()
            done = subprocess.run(
                [reading[0], "--file=-", str(path)], stdout=loading.stdin, stderr=nowhere, check=False
            )
            if done.returncode != 0:
                loading.stdin.write(b"\nSELECT the_copy_is_damaged;\n")
            loading.stdin.close()
    _refuse_failure("pg_restore", loading.returncode)


def _erasures(engine: Engine) -> list[Erasure]:
    """Everyone on the store's lists or on the one outside it, each once; the latter gets whom it lacks.

    Links that ended are among them; where their person was erased too, that counts.
    """
    noted = noted_erasures(engine)
    kept: list[Erasure] = []
    with suppress(SQLAlchemyError), engine.connect() as connection:  # absent before links could be renewed
        for row in connection.execute(select(former_link.c.token_hash, former_link.c.ended_at)):
            kept.append({"token_hash": row.token_hash, "at": row.ended_at, "person_hash": ENDED_LINK})
    for table in (PENDING, str(erasure.name)):
        with suppress(SQLAlchemyError), engine.connect() as connection:  # absent, or a damaged store
            columns = {column["name"] for column in inspect(connection).get_columns(table)}
            person = "person_hash" if "person_hash" in columns else "NULL"  # older schemas lack it
            query = text(f"SELECT token_hash, at, {person} FROM {table}")
            rows = connection.execute(
                query.columns(erasure.c.token_hash, erasure.c.at, erasure.c.person_hash)
            )
            kept += [
                {"token_hash": token_hash, "at": at, "person_hash": person_hash}
                for token_hash, at, person_hash in rows
            ]
    known: dict[str, Erasure] = {}
    for entry in noted:
        _take(known, entry)
    lacking = [entry for entry in kept if _take(known, entry)]
    for entry in lacking:
        note_erasure(engine, entry["token_hash"], entry["at"], entry["person_hash"])
    return list(known.values())


def _take(known: dict[str, Erasure], entry: Erasure) -> bool:
    """Take an entry in unless its link is listed already; an erasure goes before the end of a link."""
    before = known.get(entry["token_hash"])
    only_ended = before is not None and before["person_hash"] == ENDED_LINK != entry["person_hash"]
    if before is None or only_ended:
        known[entry["token_hash"]] = entry
        return True
    return False


def _check_sqlite(path: Path) -> None:
    """Look at a copy without touching it."""
    try:
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as copy:
            copy.execute("SELECT id FROM participant LIMIT 1").fetchall()
            sound = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    except sqlite3.Error:
        fact = f"{path.name} is not a copy of a store."
        raise StoreError(fact_and_hint("restore", fact, "give a file made by `dta store backup`.")) from None
    if not sound:
        raise StoreError(fact_and_hint("restore", f"{path.name} is damaged.", "take an older copy."))


def _erase_again(connection: Connection, erased: list[Erasure]) -> int:
    again = 0
    for entry in erased:
        present = select(participant).where(participant.c.token_hash == entry["token_hash"])
        person = connection.execute(present).first()
        if entry["person_hash"] == ENDED_LINK:
            if person is not None:  # nobody knows the link that this hash would belong to
                nothing = f"{entry['token_hash'].partition(':')[0]}:{secrets.token_hex(32)}"
                end_link(connection, person, nothing, entry["at"])
            continue
        if person is None:
            former = select(former_link.c.participant_id.label("id"))
            person = connection.execute(former.where(former_link.c.token_hash == entry["token_hash"])).first()
        if person is not None:
            erase_person(connection, int(person.id), noted=entry)
            again += 1
        known = select(erasure.c.id).where(erasure.c.token_hash == entry["token_hash"])
        if connection.execute(known).first() is None:
            connection.execute(insert(erasure).values(**entry))
    record(connection, "store.restore", "store", again)
    return again
