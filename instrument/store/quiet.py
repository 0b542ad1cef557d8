"""Errors of the database without what was stored: no answer, code or hash in logs, pages and terminals."""

from __future__ import annotations

import logging
import sqlite3

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import StatementError

REFUSED_VALUES = "22"  # class of SQLSTATE whose messages repeat the value


def keep_values_out(engine: Engine) -> None:
    """Take values out of every error of an engine, and statements with their rows out of every log.

    `hide_parameters` hides what SQLAlchemy itself would print; the server repeats values in the details of
    its own messages ("Failing row contains …"), and drivers do in theirs.

    Parameters
    ----------
    engine
        Made with `hide_parameters=True`.
    """
    for name in ("sqlalchemy.engine", "sqlalchemy.pool"):  # at INFO they print statements, at DEBUG rows
        log = logging.getLogger(name)
        log.setLevel(max(log.level, logging.WARNING))
    event.listen(engine, "handle_error", _without_values)


def _without_values(context: ExceptionContext) -> None:
    original = context.original_exception
    text = plain_text(original)
    if isinstance(original, UnicodeEncodeError):  # its words name a position, but it carries the text
        original.object = "?" * len(original.object)
    original.args = (text,)
    wrapped = context.sqlalchemy_exception
    if isinstance(wrapped, StatementError):
        wrapped.args = (f"({type(original).__name__}) {text}", *wrapped.args[1:])
        wrapped.params = None


def plain_text(error: BaseException) -> str:
    """What went wrong in the database, without any value.

    Parameters
    ----------
    error
        Of a driver, or raised while a value was made ready for it.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> plain_text(ValueError("invalid literal: 'secret'"))
    'a value was refused'
    >>> plain_text(sqlite3.OperationalError("database or disk is full"))
    'database or disk is full'
    """
    if isinstance(error, sqlite3.Error):
        return str(error).partition("\n")[0]
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    state = getattr(error, "sqlstate", None)
    if primary and state and not state.startswith(REFUSED_VALUES):
        return str(primary).partition("\n")[0]
    if state is None and type(error).__module__.startswith("psycopg") and not _of_a_value(error):
        return str(error).partition("\n")[0]
    return "a value was refused"


def _of_a_value(error: BaseException) -> bool:
    """Whether a driver's own error may speak of a value: all but those of the connection."""
    return not any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)
