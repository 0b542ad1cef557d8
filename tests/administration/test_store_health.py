"""What those who watch a server are told: a store that is away, a full disk, and a store that is not in order."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import sys
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from instrument.administer.application import create_app
from instrument.administer.health import Health
from instrument.store import tables
from instrument.store.checking import faults_of_store
from instrument.store.erasures import note_erasure, noted_erasures
from instrument.store.people import erase_person, invite
from instrument.store.tokens import Keyring, load_keyring

Usage = namedtuple("Usage", ["total", "used", "free"])


def test_a_store_that_is_away_is_said_once(
    engine: Engine, keyring: Keyring, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("gone with p4ssword"))

    with TestClient(create_app(engine, keyring)) as client, caplog.at_level(logging.DEBUG):
        assert client.get("/health").json() == {"status": "ok"}
        monkeypatch.setattr("instrument.administer.health.reading", away)
        for _ in range(3):
            answer = client.get("/health")
            assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "fault": "store"})
        monkeypatch.undo()
        assert client.get("/health").status_code == 200
    ours = [record for record in caplog.records if record.getMessage().startswith("health: ")]
    assert [record.getMessage() for record in ours] == [
        "health: the store is not as it must be",
        "health: well again",
    ]
    assert "p4ssword" not in caplog.text
    assert not any(record.exc_info for record in caplog.records)


def test_a_full_disk_is_told(engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(create_app(engine, keyring)) as client:
        if engine.dialect.name == "sqlite":
            monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 64 * 1024**2 - 1))
            assert client.get("/health").json()["fault"] == "disk"
            monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 64 * 1024**2))
            assert client.get("/health").status_code == 200
            with pytest.raises(OperationalError), engine.begin() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 1")
                big = {"instrument": "i", "version": "v", "sha256": "s", "definition": "x" * 9_000_000}
                connection.execute(insert(tables.instrument_version).values(**big))
        else:
            rule = "DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$"
            with pytest.raises(OperationalError), engine.begin() as connection:
                connection.exec_driver_sql(rule)
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["fault"]) == (503, "disk")
        later = __import__("time").monotonic() + 61
        monkeypatch.setattr("instrument.administer.health.time.monotonic", lambda: later)
        assert client.get("/health").status_code == 200


def whole(engine: Engine, keyring: Keyring) -> dict[str, list[str]]:
    return {part: faults for part, faults in faults_of_store(engine, keyring).items() if faults}


def test_each_fault_of_a_store_is_found(
    engine: Engine, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTA_ERASURES", str(tmp_path / "erasures"))
    open_study(engine, keyring, people=3)
    create_app(engine, keyring)
    with engine.begin() as connection:
        erase_person(connection, 1, keyring)
    assert whole(engine, keyring) == {}
    assert whole(engine, Keyring({"k1": b"1" * 32})) == {"keys": ["k2 is missing"]}
    assert whole(engine, None) == {"keys": ["there are none"]}  # type: ignore[arg-type]
    with (tmp_path / "erasures").open("a") as file:
        with engine.connect() as connection:
            row = connection.execute(tables.participant.select().where(tables.participant.c.id == 2)).one()
        file.write(f"2026-01-01T00:00:00+00:00\t{row.token_hash}\n")
    assert whole(engine, keyring)["erasures"] == [
        "1 people are there who were erased",
        "1 erasures of the list outside are not in the store",
    ]
    (tmp_path / "erasures").unlink()
    sqlite = engine.dialect.name == "sqlite"
    drop = "DROP TRIGGER audit_no_update" if sqlite else "DROP TRIGGER audit_append_only ON audit_log"
    with engine.begin() as connection:
        connection.exec_driver_sql(drop)
        connection.exec_driver_sql("UPDATE audit_log SET n_rows = n_rows + 1 WHERE id = 2")
        connection.exec_driver_sql("CREATE TABLE foreign_thing (x integer)")
    found = whole(engine, keyring)
    assert found["log"] == ["line 2 does not fit the one before it"]
    assert found["schema"] == [
        "1 tables or columns differ from this version's",
        f"the rule {'audit_no_update' if sqlite else 'audit_append_only'} is missing",
    ]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert list(faults_of_store(engine, keyring)) == ["schema"]


def test_the_command_checks_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as stopped:
            dta.main(list(arguments))
        return int(stopped.value.code or 0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    assert run("store", "check") == 2
    assert "there is no store 'dta.sqlite'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    from instrument.store.connect import open_store, require_newest_schema

    engine = open_store("dta.sqlite")
    require_newest_schema(engine)
    open_study(engine, load_keyring("dta.keys", {}))
    with engine.begin() as connection:
        invite(connection, 1, load_keyring("dta.keys", {}), 2)
    engine.dispose()
    before = Path("dta.sqlite").read_bytes()
    assert run("store", "check") == 0
    assert capsys.readouterr().out.count("in order") == 5
    assert Path("dta.sqlite").read_bytes() == before
    with sqlite3.connect("dta.sqlite") as store:
        store.execute("PRAGMA foreign_keys = OFF")
        store.execute("DELETE FROM study")
        owned = [
            table
            for (table,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if "study" in {row[2] for row in store.execute(f"PRAGMA foreign_key_list({table})")}
        ]
        orphans = sum(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in owned)
    store.close()
    assert run("store", "check") == 2
    assert orphans > 2
    assert f"{orphans} rows belong to nothing" in capsys.readouterr().out


def test_a_server_without_room_is_remembered_for_a_minute(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("instrument.administer.health.time.monotonic", lambda: clock[0])
    health = Health(engine)
    for state, fault in (
        ("57014", None),
        ("53100", "disk"),
    ):  # a query that was cancelled, a disk that is full
        error = type("ServerError", (Exception,), {"sqlstate": state})("full of words")
        health._note(cast(Any, SimpleNamespace(original_exception=error)))
        assert health.fault() == fault
    clock[0] += 59.9
    assert health.fault() == "disk"
    clock[0] += 0.1
    assert health.fault() is None


def test_the_list_outside_the_store_is_read_as_it_was_written(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTA_ERASURES", str(tmp_path / "erased"))
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    note_erasure(engine, "k1:aa", at)
    note_erasure(engine, "k1:bb", at + timedelta(days=1), "k1:cc")
    assert noted_erasures(engine) == [
        {"token_hash": "k1:aa", "at": at, "person_hash": None},
        {"token_hash": "k1:bb", "at": at + timedelta(days=1), "person_hash": "k1:cc"},
    ]
    lines = (tmp_path / "erased").read_text().splitlines()
    assert lines == ["2026-02-28T23:30:00+00:00\tk1:aa", "2026-03-01T23:30:00+00:00\tk1:bb\tk1:cc"]
