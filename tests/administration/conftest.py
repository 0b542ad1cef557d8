"""Stores to test on: a fresh SQLite file, and a database of a private PostgreSQL cluster."""

from __future__ import annotations

import glob
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

sys.path.insert(0, str(Path(__file__).parent))
from databases_again import Databases, on_server
from patient_servers import free_port
from server_user import as_server_user

from instrument.store.connect import open_store, upgrade_store
from instrument.store.tokens import Keyring


@event.listens_for(Engine, "connect")
def _without_an_order_of_its_own(connection: Any, _record: Any) -> None:
    """Rows that nobody asked to be ordered come backwards: what relies on luck with SQLite shows."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA reverse_unordered_selects = ON")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server of the tests' own, on a free loopback port."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not folders:
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    home = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        shutil.chown(home, "postgres", "postgres")
    port = free_port()
    data, programs = home / "data", folders[-1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off -c autovacuum=off"

    def run(*command: str) -> None:
        subprocess.run(
            as_server_user(list(command)),
            check=True,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    run(f"{programs}/initdb", "-D", str(data), "-U", "tests", "-A", "trust", "--encoding=UTF8")
    run(f"{programs}/pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(home / "log"), "start")
    try:
        yield f"postgresql+psycopg://tests@127.0.0.1:{port}"
    finally:
        run(f"{programs}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def newest_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and nothing in it, to be copied: migrating takes most of a test."""
    path = tmp_path_factory.mktemp("newest") / "store.sqlite"
    made = open_store(f"sqlite:///{path}")
    upgrade_store(made)
    made.dispose()
    return path


@pytest.fixture(scope="session")
def newest_databases(postgres_server: str) -> Databases:
    """PostgreSQL databases with the newest schema and nothing in them."""
    on_server(postgres_server, "CREATE DATABASE newest")
    made = open_store(f"{postgres_server}/newest")
    upgrade_store(made)
    made.dispose()
    return Databases(postgres_server, "newest")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database of each kind: empty, or of the newest schema where the test asks for `engine`."""
    filled = "engine" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "store.sqlite"
        if filled:
            shutil.copyfile(request.getfixturevalue("newest_file"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    if filled:
        newest = request.getfixturevalue("newest_databases")
        name = newest.taken()
        yield f"{server}/{name}"
        newest.given_back(name)
        return
    name = f"t{uuid.uuid4().hex}"
    on_server(server, f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """A store with the newest schema."""
    made = open_store(store_url)
    yield made
    made.dispose()


@pytest.fixture
def keyring() -> Keyring:
    """Two keys, the second the newest."""
    return Keyring({"k1": b"1" * 32}).rotated()
