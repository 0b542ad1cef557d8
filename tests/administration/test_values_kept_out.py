"""What people gave, and their codes, in no error of the database: not printed, not logged, not shown."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from instrument.administer.application import create_app
from instrument.store import tables
from instrument.store.tokens import Keyring

SECRET = "Quartz-7731"
NUMBER = 7731_7731
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def told(error: BaseException) -> str:
    """Everything that printing an error would print."""
    return (
        "".join(traceback.format_exception(error))
        + repr(error)
        + str(error)
        + repr(vars(error).get("params"))
    )


def doubled(connection: Any) -> None:
    connection.execute(
        insert(tables.instrument_version),
        [{"instrument": "i", "version": "v", "sha256": SECRET, "definition": SECRET}] * 2,
    )


def against_a_rule(connection: Any) -> None:
    connection.execute(
        insert(tables.study).values(
            name=SECRET,
            instrument_version_id=1,
            definition=SECRET,
            sha256="x",
            status=SECRET[:9],
            created_at=NOW,
        )
    )


def without_parent(connection: Any) -> None:
    connection.execute(insert(tables.item_text).values(item_id=NUMBER, lang="en", text=SECRET))


def too_long(connection: Any) -> None:
    values = {"item_id": NUMBER, "lang": SECRET * 9, "text": SECRET}
    connection.execute(insert(tables.item_text).values(**values))


def no_text_at_all(connection: Any) -> None:
    connection.execute(insert(tables.item_text).values(item_id=NUMBER, lang="en", text=f"{SECRET}\0\ud800"))


def no_number(connection: Any) -> None:
    connection.execute(insert(tables.item_text).values(item_id=SECRET, lang="en", text="x"))


def too_large(connection: Any) -> None:
    connection.execute(insert(tables.item_text).values(item_id=NUMBER * 10**18, lang=SECRET, text=SECRET))


def no_date(connection: Any) -> None:
    connection.execute(
        insert(tables.study).values(
            name=SECRET, instrument_version_id=1, definition="", sha256="x", created_at=SECRET
        )
    )


WAYS = [doubled, against_a_rule, without_parent, too_long, no_text_at_all, no_number, too_large, no_date]


@pytest.mark.parametrize("way", WAYS)
def test_errors_of_the_database_hold_no_value(
    engine: Engine, way: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception) as caught, engine.begin() as connection:
        way(connection)
    assert isinstance(caught.value, (SQLAlchemyError, UnicodeError, OverflowError))
    shown = told(caught.value) + caplog.text
    shown = "".join(line for line in shown.splitlines() if "SECRET" not in line)  # the source of this test
    assert SECRET not in shown
    assert str(NUMBER) not in shown
    assert SECRET[:9] not in shown


def test_what_is_left_still_names_the_rule(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        doubled(connection)
    assert "sha256" in str(caught.value)
    assert "unique" in str(caught.value).lower()


def test_statements_and_rows_are_not_logged_at_any_level(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), engine.begin() as connection:
        doubled_once = {"instrument": "i", "version": "v", "sha256": SECRET, "definition": SECRET}
        connection.execute(insert(tables.instrument_version).values(**doubled_once))
        assert connection.execute(select(tables.instrument_version.c.sha256)).scalar_one() == SECRET
    assert SECRET not in caplog.text


def test_a_page_and_its_log_hold_no_value(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, (token,) = open_study(engine, keyring)

    def fail(connection: Any, *_: Any, **__: Any) -> Any:
        try:
            doubled(connection)
        except SQLAlchemyError as error:
            raise ValueError(f"while keeping {SECRET}") from error

    monkeypatch.setattr("instrument.administer.pages.link_of", fail)
    with caplog.at_level(logging.DEBUG), TestClient(create_app(engine, keyring)) as client:
        page = client.get(f"/q/{token}")
    assert page.status_code == 500
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert SECRET not in page.text + caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name == "dta.questionnaire"]
    assert any(line.startswith("ValueError at ") for line in ours)
    assert not any("Traceback" in record.getMessage() or record.exc_info for record in caplog.records)


def test_a_store_that_is_away_is_said_to_be_away(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def fail(*_: Any, **__: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr("instrument.administer.pages.link_of", fail)
    with TestClient(create_app(engine, keyring)) as client:
        assert client.get("/q/x").status_code == 503


def test_the_command_line_says_one_thing_without_values(
    engine: Engine, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    keys = tmp_path / "dta.keys"
    from instrument.store.tokens import load_keyring

    open_study(engine, load_keyring(keys, {}))
    if engine.dialect.name == "sqlite":
        rule = (
            "CREATE TRIGGER stop BEFORE INSERT ON participant WHEN NEW.pseudonym LIKE 'Quartz%' "
            "BEGIN SELECT RAISE(ABORT, 'a rule of this test'); END"
        )
    else:
        rule = "ALTER TABLE participant ADD CONSTRAINT stop CHECK (pseudonym NOT LIKE 'Quartz%%')"
    with engine.begin() as connection:
        connection.exec_driver_sql(rule)
    engine.dispose()
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    (tmp_path / "names").write_text(f"{SECRET}\n")
    with pytest.raises(SystemExit) as stopped:
        names, links = str(tmp_path / "names"), str(tmp_path / "l.csv")
        command = ["study", "invite", "trial", "--pseudonyms", names, "--out", links]
        dta.main(["--log-level", "debug", *command, "--store", store_url, "--keys", str(keys)])
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert said.err.startswith("dta: the database refused (")
    assert said.err.count("\n") == 2
    assert said.err.count("Hint: ") == 1
    assert SECRET not in said.err + said.out
    assert not (tmp_path / "l.csv").exists()
