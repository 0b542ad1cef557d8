"""Whether the store can be read and written: for those who watch the server."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import ExceptionContext

from instrument.store.connect import newest_schema, reading, schema_of, sqlite_file

log = logging.getLogger("dta.questionnaire")
LEAST_FREE = 64 * 1024**2
FULL_SECONDS = 60.0
DISK_FULL = "53100"  # SQLSTATE


class Health:
    """Looks at a store; remembers that a disk was full, and says each change once in the log."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._full_until = float("-inf")
        self._said: str | None = None
        event.listen(engine, "handle_error", self._note)

    def fault(self) -> str | None:
        """What is wrong now: `store` (away), `schema` or `disk`; None when people can answer."""
        found = self._look()
        if found != self._said:
            log.warning("health: %s", f"the {found} is not as it must be" if found else "well again")
            self._said = found
        return found

    def _look(self) -> str | None:
        try:
            with reading(self._engine) as connection:
                connection.execute(text("SELECT 1"))
            if schema_of(self._engine) != newest_schema():
                return "schema"
        except Exception:
            return "store"
        file = sqlite_file(self._engine)
        if file is not None and shutil.disk_usage(file.resolve().parent).free < LEAST_FREE:
            return "disk"
        return "disk" if time.monotonic() < self._full_until else None

    def _note(self, context: ExceptionContext) -> None:
        error = context.original_exception
        full = isinstance(error, sqlite3.OperationalError) and "full" in str(error)
        if full or getattr(error, "sqlstate", None) == DISK_FULL:
            self._full_until = time.monotonic() + FULL_SECONDS
