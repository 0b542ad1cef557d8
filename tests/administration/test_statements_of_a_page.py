"""Ways to the database and back that one press of Next costs: each is paid by everyone who waits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study
from test_forms import FORMS, fill

from instrument.administer.application import create_app
from instrument.store import connect
from instrument.store.connect import open_store
from instrument.store.tokens import Keyring

PAGE = [
    "hold participant",
    "select participant",
    "select wave",
    "select item",
    "update administration",
    "update response",
    "update response",
]
FORM = [
    *PAGE[:3],
    "select form_answer",
    "select item",
    "update administration",
    "select form_answer",
    "insert form_answer",
]


def brief(statement: str) -> str:
    """Verb and first table of a statement; empty for the beginning and the end of a transaction."""
    words = statement.split()
    verb = words[0].lower()
    if verb == "update":
        return f"update {words[1]}"
    if verb == "insert":
        return f"insert {words[2]}"
    if verb != "select":
        return ""
    return (
        "hold participant" if "participant.id FROM" in " ".join(words) else f"select {words[1].split('.')[0]}"
    )


def test_one_press_of_next_costs_seven_statements(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring, **FORMS)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(brief(given[2])))
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}")
        tab.press(tick={"consent": "yes"}).press()
        form = tab.page.main

        def costs(action: str, fields: dict[str, Any]) -> list[str]:
            asked.clear()
            how = {"headers": {"sec-fetch-site": "same-origin"}, "follow_redirects": False}
            assert client.post(action, data=fields, **how).status_code == 303
            return [one for one in asked if one]

        assert costs(form.action, {**form.hidden, "form-used": "0", "go": "next"}) == FORM
        tab.open(f"/q/{token}")
        fill(tab, age="30")
        fill(tab, "continue", since="2024-02-29").press()
        tab.open(f"/q/{token}").press()
        fill(tab, used="0")
        fill(tab, age="30")
        fill(tab, since="2024-02-29")
        assert at(tab.response) == "/survey/page/1"
        form = tab.page.main
        ticks = dict.fromkeys(form.choices, "4")
        page = [*PAGE[:3], "select form_answer", *PAGE[3:]]
        assert costs(form.action, {**form.hidden, **ticks, "go": "next"}) == page


@pytest.mark.postgres
def test_a_connection_is_asked_after_a_rest_and_not_each_time(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_store(f"{postgres_server}/postgres")
    asked: list[int] = []
    ping = engine.dialect.do_ping
    monkeypatch.setattr(engine.dialect, "do_ping", lambda raw: asked.append(1) or ping(raw))

    def ways() -> int:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    first = ways()
    asked.clear()
    assert (ways(), asked) == (first, [])
    monkeypatch.setattr(connect, "REST_SECONDS", 0.0)
    assert (ways(), asked) == (first, [1])
    other = open_store(f"{postgres_server}/postgres")
    with other.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({first})")
    other.dispose()
    assert ways() != first  # it was asked, did not answer, and another took its place
    monkeypatch.setattr(connect, "REST_SECONDS", 60.0)
    broken = ways()
    other = open_store(f"{postgres_server}/postgres")
    with other.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({broken})")
    other.dispose()
    with pytest.raises(OperationalError):
        ways()
    assert ways() != broken  # one request at most meets a broken connection
    engine.dispose()
