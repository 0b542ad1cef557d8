"""Databases of a PostgreSQL server of the tests: one that a test used is emptied for the next, as a copy costs more."""

from __future__ import annotations

import time
import uuid

import psycopg
from psycopg import sql
from sqlalchemy import create_engine, text

_WAIT = 1.0
"""Seconds in which connections that were closed must have gone."""
_SCHEMA = """
SELECT md5(coalesce(string_agg(part, E'\\n' ORDER BY part), '')) FROM (
  SELECT concat_ws(' ', 'class', c.oid, relname, relkind, relowner, relacl, relpersistence, relhastriggers,
                   relrowsecurity, relforcerowsecurity, reloptions) AS part
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'column ' || a::text FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'default ' || d::text FROM pg_attrdef d
  UNION ALL SELECT 'index ' || i::text FROM pg_index i JOIN pg_class c ON c.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'constraint ' || k::text FROM pg_constraint k WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT 'trigger ' || t::text FROM pg_trigger t
  UNION ALL SELECT 'function ' || p::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT 'policy ' || p::text FROM pg_policy p
  UNION ALL SELECT 'namespace ' || n::text FROM pg_namespace n WHERE nspname !~ '^pg_(toast_)?temp'
  UNION ALL SELECT 'type ' || t::text FROM pg_type t WHERE typnamespace = 'public'::regnamespace
  UNION ALL SELECT 'enumeration ' || e::text FROM pg_enum e
  UNION ALL SELECT 'sequence ' || s::text FROM pg_sequences s
  UNION ALL SELECT 'extension ' || x::text FROM pg_extension x
  UNION ALL SELECT 'on event ' || v::text FROM pg_event_trigger v
  UNION ALL SELECT 'setting ' || s::text FROM pg_db_role_setting s
    JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()
) parts
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def on_server(server: str, statement: str) -> None:
    """Run a statement that belongs to no transaction, beside the databases of the tests."""
    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


class Databases:
    """Databases that are as one was when it was made: by copying it, or by emptying one that was given back."""

    def __init__(self, server: str, pattern: str) -> None:
        self.server, self.pattern = server, pattern
        self.free: list[str] = []
        with self._in(pattern) as connection:
            self.tables = [
                name
                for (name,) in connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                )
            ]
            self.filled = self._filled(connection)
        self.new: dict[str, tuple[str, ...]] = {}

    def taken(self) -> str:
        """Name of a database that is as new."""
        if self.free:
            return self.free.pop()
        name = f"t{uuid.uuid4().hex}"
        on_server(self.server, f"CREATE DATABASE {name} TEMPLATE {self.pattern} STRATEGY FILE_COPY")
        with self._in(name) as connection:
            self.new[name] = self._state(connection)
        return name

    def given_back(self, name: str) -> None:
        """Keep a database if it can be made as new; whatever else a test did to it, it is dropped."""
        try:
            with self._in(name) as connection:
                as_new = self._left_alone(connection) and self._emptied(connection) == self.new[name]
        except psycopg.Error:
            as_new = False
        if as_new:
            self.free.append(name)
        else:
            on_server(self.server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _in(self, name: str) -> psycopg.Connection[tuple[str, ...]]:
        plain = self.server.replace("+psycopg", "")
        return psycopg.connect(f"{plain}/{name}", autocommit=True)

    def _left_alone(self, connection: psycopg.Connection[tuple[str, ...]]) -> bool:
        """Say whether nobody else is in a database; who has just gone may still be counted."""
        end = time.monotonic() + _WAIT
        while connection.execute(_OTHERS).fetchone() != (0,):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def _filled(self, connection: psycopg.Connection[tuple[str, ...]]) -> set[str]:
        """Tables that hold rows."""
        asked = [
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
            for name in self.tables
        ]
        return {name for (name,) in connection.execute(sql.SQL(" UNION ALL ").join(asked))}

    def _emptied(self, connection: psycopg.Connection[tuple[str, ...]]) -> tuple[str, ...]:
        """Take out what a test wrote, also where a trigger forbids it, and tell what is there then."""
        connection.execute("SET session_replication_role = replica")
        if written := sorted(self._filled(connection) - self.filled):
            named = sql.SQL(", ").join([sql.Identifier(name) for name in written])
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(named))
        connection.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
            " FROM pg_sequences WHERE last_value IS NOT NULL"
        )
        return self._state(connection)

    def _state(self, connection: psycopg.Connection[tuple[str, ...]]) -> tuple[str, ...]:
        """Sums over the schema and over the rows of every table."""
        asked = [
            sql.SQL(
                "SELECT {0} || count(*) || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {1} t"
            ).format(sql.Literal(f"{name} "), sql.Identifier(name))
            for name in sorted(self.tables)
        ]
        rows = [found for (found,) in connection.execute(sql.SQL(" UNION ALL ").join(asked))]
        (schema,) = connection.execute(_SCHEMA).fetchone() or ("",)
        return (schema, *sorted(rows))
