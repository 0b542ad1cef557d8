"""A PostgreSQL database that one test gives back is as new for the next, or is not used again."""

from __future__ import annotations

import psycopg
import pytest
from databases_again import Databases

ERASURE = "INSERT INTO erasure (token_hash, at) VALUES ('t', now()) RETURNING id"
LOGGED = "INSERT INTO audit_log (at, action, subject, previous_hash, hash) VALUES ('a', 'b', 'c', 'd', 'e') RETURNING id"
pytestmark = pytest.mark.postgres


def inside(databases: Databases, name: str) -> psycopg.Connection[tuple[int, ...]]:
    return psycopg.connect(f"{databases.server.replace('+psycopg', '')}/{name}", autocommit=True)


def test_rows_are_gone_and_their_numbers_begin_at_one(newest_databases: Databases) -> None:
    name = newest_databases.taken()
    with inside(newest_databases, name) as connection:
        assert [connection.execute(written).fetchone() for written in (ERASURE, LOGGED)] == [(1,), (1,)]
    newest_databases.given_back(name)
    assert newest_databases.taken() == name
    with inside(newest_databases, name) as connection:
        with pytest.raises(psycopg.Error):  # what forbids it is in force again
            connection.execute("TRUNCATE audit_log")
        assert connection.execute(
            "SELECT (SELECT count(*) FROM erasure) + (SELECT count(*) FROM audit_log)"
        ).fetchone() == (0,)
        assert [connection.execute(written).fetchone() for written in (ERASURE, LOGGED)] == [(1,), (1,)]
    newest_databases.given_back(name)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE one_more (id integer)",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "ALTER TABLE erasure DROP COLUMN at",
        "UPDATE alembic_version SET version_num = '0001'",
        "DROP TABLE erasure",
        "ALTER SEQUENCE erasure_id_seq INCREMENT BY 2",
    ],
)
def test_a_database_with_another_schema_is_not_used_again(newest_databases: Databases, change: str) -> None:
    name = newest_databases.taken()
    with inside(newest_databases, name) as connection:
        connection.execute(change)
    newest_databases.given_back(name)
    assert name not in newest_databases.free


def test_a_database_in_which_somebody_stays_is_not_used_again(newest_databases: Databases) -> None:
    name = newest_databases.taken()
    staying = inside(newest_databases, name)
    newest_databases.given_back(name)
    assert name not in newest_databases.free
    staying.close()
