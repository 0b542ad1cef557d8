"""Rules that need a trigger, for SQLite and for PostgreSQL: locked answers, an append-only log."""

from __future__ import annotations

LOCKED = "answers of a completed administration are locked"
APPEND_ONLY = "audit_log is append-only"
GOING_BACK = "a completed administration stays completed"
VOID_FOR_GOOD = "a void administration stays void"
KEPT = "what was replaced or done is kept as it was"
KEPT_TABLES = ("response_history", "administration_act")
FORM_HISTORY = "form_answer_history"
_ACTED = (
    "SELECT 1 FROM administration_act WHERE administration_id = OLD.id AND revision = OLD.revision "
    "AND ((NEW.status = 'void' AND act = 'void') OR (NEW.status = 'open' AND act IN ('reopen', 'correct')))"
)
"""An act with a reason, written for the state that the administration is in."""


def sqlite_triggers() -> dict[str, str]:
    """Statements that make each trigger on SQLite.

    Returns
    -------
    dict of str
        Trigger name to statement.
    """
    forms = {**form_triggers("sqlite"), **form_history_triggers("sqlite")}
    return {**_sqlite_log(), **act_triggers("sqlite"), **forms}


def postgresql_triggers() -> dict[str, str]:
    """Statements that make each function and trigger on PostgreSQL.

    Returns
    -------
    dict of str
        Name to statement; functions come before the triggers that call them.
    """
    forms = {**form_triggers("postgresql"), **form_history_triggers("postgresql")}
    return {**_postgresql_log(), **act_triggers("postgresql"), **forms}


def first_triggers(dialect: str) -> dict[str, str]:
    """Statements of the first schema, which had no acts on answers.

    Parameters
    ----------
    dialect
        `sqlite` or `postgresql`.

    Returns
    -------
    dict of str
        Name to statement.
    """
    log = _sqlite_log() if dialect == "sqlite" else _postgresql_log()
    return {**log, **act_triggers(dialect, acts=False)}


def act_triggers(dialect: str, *, acts: bool = True) -> dict[str, str]:
    """Statements of the rules about answers and administrations.

    Parameters
    ----------
    dialect
        `sqlite` or `postgresql`.
    acts
        Whether the schema has acts (correct, reopen, void).

    Returns
    -------
    dict of str
        Name to statement.
    """
    return _sqlite_acts(acts) if dialect == "sqlite" else _postgresql_acts(acts)


def form_triggers(dialect: str) -> dict[str, str]:
    """Statements of the rules about answers to forms, which are locked with their administration.

    Parameters
    ----------
    dialect
        `sqlite` or `postgresql`.

    Returns
    -------
    dict of str
        Name to statement.
    """
    if dialect == "postgresql":
        return {
            "form_answer_locked": (
                "CREATE TRIGGER form_answer_locked BEFORE INSERT OR UPDATE ON form_answer "
                "FOR EACH ROW EXECUTE FUNCTION response_locked()"
            )
        }
    return {
        f"form_answer_locked_{verb}": (
            f"CREATE TRIGGER form_answer_locked_{verb} BEFORE {verb.upper()} ON form_answer "
            "WHEN EXISTS (SELECT 1 FROM administration WHERE id = NEW.administration_id "
            f"AND status IN ('completed', 'void')) BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END"
        )
        for verb in ("insert", "update")
    }


def form_history_triggers(dialect: str) -> dict[str, str]:
    """Statements of the rule that keeps what answers to forms were before they were corrected.

    Parameters
    ----------
    dialect
        `sqlite` or `postgresql`.

    Returns
    -------
    dict of str
        Name to statement.
    """
    return {f"{FORM_HISTORY}_kept": _kept_rule(dialect, FORM_HISTORY)}


def _kept_rule(dialect: str, table: str) -> str:
    head = f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} "
    if dialect == "sqlite":
        return f"{head}BEGIN SELECT RAISE(ABORT, '{KEPT}'); END"
    return f"{head}FOR EACH ROW EXECUTE FUNCTION kept_as_it_was()"


def drop_act_triggers(dialect: str, *, acts: bool = True) -> list[str]:
    """Statements that remove the rules of `act_triggers`.

    Parameters
    ----------
    dialect, acts
        As for `act_triggers`.

    Returns
    -------
    list of str
        Statements in the order to run them.
    """
    made = act_triggers(dialect, acts=acts)
    if dialect == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in made]
    functions = [name.split()[1] for name in made if name.startswith("function ")]
    return [f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in functions]


def _sqlite_log() -> dict[str, str]:
    return {
        f"audit_no_{verb}": (
            f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON audit_log "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
        )
        for verb in ("update", "delete")
    }


def _sqlite_acts(acts: bool) -> dict[str, str]:
    shut = "status IN ('completed', 'void')" if acts else "status = 'completed'"
    made = {}
    for verb in ("insert", "update"):
        made[f"response_locked_{verb}"] = (
            f"CREATE TRIGGER response_locked_{verb} BEFORE {verb.upper()} ON response "
            f"WHEN EXISTS (SELECT 1 FROM administration WHERE id = NEW.administration_id AND {shut}) "
            f"BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END"
        )
    unless = f" AND NOT EXISTS ({_ACTED})" if acts else ""
    made["administration_stays_completed"] = (
        "CREATE TRIGGER administration_stays_completed BEFORE UPDATE ON administration "
        f"WHEN OLD.status = 'completed' AND NEW.status <> 'completed'{unless} "
        f"BEGIN SELECT RAISE(ABORT, '{GOING_BACK}'); END"
    )
    if not acts:
        return made
    made["administration_stays_void"] = (
        "CREATE TRIGGER administration_stays_void BEFORE UPDATE ON administration "
        "WHEN OLD.status = 'void' AND NEW.status <> 'void' "
        f"BEGIN SELECT RAISE(ABORT, '{VOID_FOR_GOOD}'); END"
    )
    for table in KEPT_TABLES:
        made[f"{table}_kept"] = _kept_rule("sqlite", table)
    return made


_FAIL = "RAISE EXCEPTION '{}' USING ERRCODE = 'integrity_constraint_violation'"


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _postgresql_log() -> dict[str, str]:
    return {
        "function audit_append_only": _function("audit_append_only", f"{_FAIL.format(APPEND_ONLY)};"),
        "audit_append_only": (
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
        ),
    }


def _postgresql_acts(acts: bool) -> dict[str, str]:
    shut = "status IN ('completed', 'void')" if acts else "status = 'completed'"
    unless = f" AND NOT EXISTS ({_ACTED})" if acts else ""
    made = {
        "function response_locked": _function(
            "response_locked",
            f"IF EXISTS (SELECT 1 FROM administration WHERE id = NEW.administration_id AND {shut}) "
            f"THEN {_FAIL.format(LOCKED)}; END IF; RETURN NEW;",
        ),
        "response_locked": (
            "CREATE TRIGGER response_locked BEFORE INSERT OR UPDATE ON response "
            "FOR EACH ROW EXECUTE FUNCTION response_locked()"
        ),
        "function administration_stays_completed": _function(
            "administration_stays_completed",
            f"IF OLD.status = 'completed' AND NEW.status <> 'completed'{unless} "
            f"THEN {_FAIL.format(GOING_BACK)}; END IF; RETURN NEW;",
        ),
        "administration_stays_completed": (
            "CREATE TRIGGER administration_stays_completed BEFORE UPDATE ON administration "
            "FOR EACH ROW EXECUTE FUNCTION administration_stays_completed()"
        ),
    }
    if not acts:
        return made
    made["function administration_stays_void"] = _function(
        "administration_stays_void",
        f"IF OLD.status = 'void' AND NEW.status <> 'void' THEN {_FAIL.format(VOID_FOR_GOOD)}; END IF; "
        "RETURN NEW;",
    )
    made["administration_stays_void"] = (
        "CREATE TRIGGER administration_stays_void BEFORE UPDATE ON administration "
        "FOR EACH ROW EXECUTE FUNCTION administration_stays_void()"
    )
    made["function kept_as_it_was"] = _function("kept_as_it_was", f"{_FAIL.format(KEPT)};")
    for table in KEPT_TABLES:
        made[f"{table}_kept"] = _kept_rule("postgresql", table)
    return made


def drop_statements(dialect: str) -> list[str]:
    """Statements that remove every trigger and function again.

    Parameters
    ----------
    dialect
        `sqlite` or `postgresql`.

    Returns
    -------
    list of str
        Statements in the order to run them.
    """
    if dialect == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in sqlite_triggers()]
    functions = [name.split()[1] for name in postgresql_triggers() if name.startswith("function ")]
    return [f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in functions]
