"""Erased is gone: from the files, byte by byte, and from every way back; and no one else may read the files."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, func, select, text

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from instrument.store import tables
from instrument.store.answers import Answer
from instrument.store.backup import back_up, restore
from instrument.store.connect import (
    StoreError,
    downgrade_store,
    open_store,
    reading,
    require_newest_schema,
    sqlite_file,
    upgrade_store,
)
from instrument.store.definitions import find_study
from instrument.store.intake import UsageEvent, keep_events, keep_response_set
from instrument.store.people import erase_person, give_consent, invite, issue_withdrawal_code
from instrument.store.study_data import studies_in
from instrument.store.tokens import Keyring


def populate(engine: Engine, keyring: Keyring, people: int, seed: int) -> dict[str, int]:
    """People with consent, events and answers, each known by a word no one else has."""
    draw = random.Random(seed)
    _, scale, _ = open_study(engine, keyring)
    names = [f"p{draw.getrandbits(64):016x}" for _ in range(people)]
    numbers: dict[str, int] = {}
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        invite(connection, row.id, keyring, names)
    for name in names:
        with engine.begin() as connection:
            query = select(tables.participant.c.id).where(tables.participant.c.pseudonym == name)
            number = numbers[name] = int(connection.execute(query).scalar_one())
            give_consent(connection, number, f"{name:x<64}", name, "en", True)
            issue_withdrawal_code(connection, keyring, number)
            events = [
                UsageEvent(f"{name}-{k}", name, f"kind_{name}", datetime.now(UTC))
                for k in range(draw.randint(0, 12))
            ]
            keep_events(connection, row.id, "app", events, {name: number})
            answers = {item: Answer("answered", 3) for item in scale.item_ids}
            keep_response_set(connection, row, number, "first", name, answers, lang="en")
    return numbers


def bytes_of(engine: Engine) -> bytes:
    """Everything the database's files hold of its tables."""
    file = sqlite_file(engine)
    if file is not None:
        beside = [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-journal"))]
        return b"".join(part.read_bytes() for part in beside if part.exists())
    query = text(
        "SELECT pg_read_binary_file(pg_relation_filepath(c.oid)) FROM pg_class c "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i', 't')"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("CHECKPOINT")
        return b"".join(bytes(part) for part in connection.execute(query).scalars())


@pytest.mark.parametrize("seed", [1, 2])
def test_no_byte_of_an_erased_person_is_left(engine: Engine, keyring: Keyring, seed: int) -> None:
    people = populate(engine, keyring, 24, seed)
    order = random.Random(seed).sample(list(people), 12)
    before = bytes_of(engine)
    assert all(name.encode() in before for name in people)
    for name in order:
        with engine.begin() as connection:
            erase_person(connection, people[name])
        if sqlite_file(engine) is not None:
            assert name.encode() not in bytes_of(engine)
    after = bytes_of(engine)
    assert not [name for name in order if name.encode() in after]
    assert all(name.encode() in after for name in set(people) - set(order))
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.participant)).scalar_one() == 13


def test_an_erasure_that_is_taken_back_purges_nothing_and_keeps_all(engine: Engine, keyring: Keyring) -> None:
    people = populate(engine, keyring, 2, 3)
    with pytest.raises(ValueError, match="not now"), engine.begin() as connection:
        for number in people.values():
            erase_person(connection, number)
        raise ValueError("not now")
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.response)).scalar_one() > 0


def test_who_reads_meanwhile_delays_the_end_of_the_traces_and_no_longer(
    tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instrument.store.purge.WAIT_MILLISECONDS", 50)
    engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
    require_newest_schema(engine)
    people = populate(engine, keyring, 4, 4)
    name, number = next(iter(people.items()))
    with reading(engine) as reader:
        reader.execute(select(tables.participant.c.id)).all()
        with engine.begin() as connection:
            erase_person(connection, number)
        assert name.encode() in bytes_of(engine)
    with engine.begin() as connection:
        invite(connection, 1, keyring, 1)
    assert name.encode() not in bytes_of(engine)
    engine.dispose()


def test_commands_leave_no_log_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from instrument.store.tokens import load_keyring

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    engine = open_store("dta.sqlite")
    require_newest_schema(engine)
    people = populate(engine, load_keyring("dta.keys", {}), 3, 5)
    engine.dispose()
    name = next(iter(people))
    assert name.encode() in Path("dta.sqlite").read_bytes()
    with pytest.raises(SystemExit) as stopped:
        dta.main(["study", "erase", "trial", name, "--yes"])
    assert stopped.value.code == 0
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(("-wal", "-shm"))]
    assert name.encode() not in Path("dta.sqlite").read_bytes()


def test_files_of_the_store_are_its_owners_alone(tmp_path: Path, keyring: Keyring) -> None:
    before = os.umask(0o000)
    try:
        engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
        require_newest_schema(engine)
        people = populate(engine, keyring, 2, 6)
        with engine.begin() as connection:
            erase_person(connection, next(iter(people.values())))
            invite(connection, 1, keyring, 1)
        back_up(engine, tmp_path / "copy")
        made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(made) >= {"s.sqlite", "s.sqlite-wal", "s.sqlite-shm", "s.sqlite.erasures", "copy"}
    assert set(made.values()) == {0o600}
    engine.dispose()


def test_a_store_that_others_could_read_is_shut_to_them(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    engine = open_store(str(file))
    require_newest_schema(engine)
    engine.dispose()
    for path in (file, tmp_path / "s.sqlite.erasures"):
        path.touch()
        path.chmod(0o664)
    open_store(str(file)).dispose()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "s.sqlite.erasures").stat().st_mode) == 0o600


KILLED = """
import os, signal, sys
from instrument.store import backup
from instrument.store.connect import open_store
real = getattr(backup, sys.argv[3])
def die(*given, **named):
    if sys.argv[4] == "after":
        real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(backup, sys.argv[3], die)
backup.restore(sys.argv[1], open_store(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("step", "when"),
    [("upgrade_store", "before"), ("_erase_again", "before"), ("_erase_again", "after")],
)
def test_a_restore_that_was_killed_is_not_served_and_can_be_ended(
    engine: Engine, store_url: str, keyring: Keyring, tmp_path: Path, step: str, when: str
) -> None:
    people = populate(engine, keyring, 3, 7)
    copy = back_up(engine, tmp_path / "copy")
    name, number = next(iter(people.items()))
    with engine.begin() as connection:
        erase_person(connection, number)
    engine.dispose()
    command = [sys.executable, "-c", KILLED, str(copy), store_url, step, when]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    for attempt in (lambda: require_newest_schema(engine), lambda: studies_in(store_url)):
        with pytest.raises(StoreError, match="restore of this store was interrupted"):
            attempt()
    engine.dispose()
    assert restore(copy, engine) == 1
    require_newest_schema(engine)
    with engine.connect() as connection:
        names = connection.execute(select(tables.participant.c.pseudonym)).scalars().all()
        assert name not in names
        assert len(names) == 3
    assert name.encode() not in bytes_of(engine)


def test_a_store_in_use_is_replaced_for_all_or_not_at_all(
    engine: Engine, store_url: str, keyring: Keyring, tmp_path: Path
) -> None:
    people = populate(engine, keyring, 2, 8)
    copy = back_up(engine, tmp_path / "copy")
    with engine.begin() as connection:
        erase_person(connection, next(iter(people.values())))
        invite(connection, 1, keyring, ["latecomer-9031"])
    serving = open_store(store_url)
    names = select(tables.participant.c.pseudonym)
    with serving.connect() as other:
        other.execute(names).all()
        other.rollback()
        if engine.dialect.name == "postgresql":
            with pytest.raises(StoreError, match="the store is in use"):
                restore(copy, engine)
        else:
            assert restore(copy, engine) == 1
            assert set(other.execute(names).scalars()) & {*people, "latecomer-9031"} == {list(people)[1]}
    serving.dispose()
    assert restore(copy, engine) == 1
    require_newest_schema(engine)
    for name in (next(iter(people)), "latecomer-9031"):
        assert name.encode() not in bytes_of(engine)


def test_a_damaged_copy_leaves_the_store_as_it_was(engine: Engine, keyring: Keyring, tmp_path: Path) -> None:
    people = populate(engine, keyring, 3, 9)
    copy = back_up(engine, tmp_path / "copy")
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(StoreError):
        restore(copy, engine)
    engine.dispose()
    if engine.dialect.name == "postgresql":  # the mark says so until a whole copy is back
        copy.write_bytes(whole)
        assert restore(copy, engine) == 0
    require_newest_schema(engine)
    with engine.connect() as connection:
        names = connection.execute(select(tables.participant.c.pseudonym)).scalars().all()
    assert set(people) < set(names)


def test_looking_at_a_copy_changes_nothing_of_it(tmp_path: Path, keyring: Keyring) -> None:
    engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
    require_newest_schema(engine)
    (tmp_path / "copies").mkdir()
    copy = back_up(engine, tmp_path / "copies" / "copy")
    before = copy.read_bytes()
    restore(copy, engine)
    assert copy.read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]
    engine.dispose()


def test_erasures_known_to_the_store_alone_reach_the_list_outside(tmp_path: Path, keyring: Keyring) -> None:
    engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
    require_newest_schema(engine)
    people = populate(engine, keyring, 2, 10)
    copy = back_up(engine, tmp_path / "copy")
    with engine.begin() as connection:
        erase_person(connection, next(iter(people.values())))
    noted = (tmp_path / "s.sqlite.erasures").read_text()
    (tmp_path / "s.sqlite.erasures").unlink()
    assert restore(copy, engine) == 1
    assert (tmp_path / "s.sqlite.erasures").read_text().split("\t")[1] == noted.split("\t")[1]
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as store:
        assert store.execute("SELECT count(*) FROM erasure").fetchone() == (1,)


def test_a_copy_of_an_older_schema_comes_back_over_a_newer_one(
    engine: Engine, keyring: Keyring, tmp_path: Path
) -> None:
    people = populate(engine, keyring, 2, 11)
    downgrade_store(engine, "0001")
    copy = back_up(engine, tmp_path / "copy")
    upgrade_store(engine)
    with engine.begin() as connection:
        erase_person(connection, next(iter(people.values())))
    assert restore(copy, engine) == 1
    require_newest_schema(engine)
    with engine.connect() as connection:
        names = set(connection.execute(select(tables.participant.c.pseudonym)).scalars())
        assert names & set(people) == {list(people)[1]}
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
