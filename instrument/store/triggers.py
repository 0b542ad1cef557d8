"""Rules that need a trigger, for SQLite and for PostgreSQL: locked answers, an append-only log."""

from __future__ import annotations

LOCKED = "answers of a completed administration are locked"
APPEND_ONLY = "audit_log is append-only"
GOING_BACK = "a completed administration stays completed"


def sqlite_triggers() -> dict[str, str]:
    """Statements that make each trigger on SQLite.

    Returns
    -------
    dict of str
        Trigger name to statement.
    """
    completed = "SELECT 1 FROM administration WHERE id = {row}.administration_id AND status = 'completed'"
    made = {}
    for verb, row in (("insert", "NEW"), ("update", "NEW")):
        made[f"response_locked_{verb}"] = (
            f"CREATE TRIGGER response_locked_{verb} BEFORE {verb.upper()} ON response "
            f"WHEN EXISTS ({completed.format(row=row)}) BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END"
        )
    made["administration_stays_completed"] = (
        "CREATE TRIGGER administration_stays_completed BEFORE UPDATE ON administration "
        "WHEN OLD.status = 'completed' AND NEW.status <> 'completed' "
        f"BEGIN SELECT RAISE(ABORT, '{GOING_BACK}'); END"
    )
    for verb in ("update", "delete"):
        made[f"audit_no_{verb}"] = (
            f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON audit_log "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
        )
    return made


def postgresql_triggers() -> dict[str, str]:
    """Statements that make each function and trigger on PostgreSQL.

    Returns
    -------
    dict of str
        Name to statement; functions come before the triggers that call them.
    """
    return {
        "function response_locked": (
            "CREATE FUNCTION response_locked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF EXISTS (SELECT 1 FROM administration WHERE id = NEW.administration_id "
            f"AND status = 'completed') THEN RAISE EXCEPTION '{LOCKED}' "
            "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
        ),
        "response_locked": (
            "CREATE TRIGGER response_locked BEFORE INSERT OR UPDATE ON response "
            "FOR EACH ROW EXECUTE FUNCTION response_locked()"
        ),
        "function administration_stays_completed": (
            "CREATE FUNCTION administration_stays_completed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF OLD.status = 'completed' AND NEW.status <> 'completed' THEN "
            f"RAISE EXCEPTION '{GOING_BACK}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
            "RETURN NEW; END $$"
        ),
        "administration_stays_completed": (
            "CREATE TRIGGER administration_stays_completed BEFORE UPDATE ON administration "
            "FOR EACH ROW EXECUTE FUNCTION administration_stays_completed()"
        ),
        "function audit_append_only": (
            "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION '{APPEND_ONLY}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        ),
        "audit_append_only": (
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
        ),
    }


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
