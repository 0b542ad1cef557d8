"""The team at work: what each role may, what is refused, and that every act stands in the audit."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study
from test_forms import FORMS, fill

import instrument
from instrument.administer.application import create_app
from instrument.errors import DefinitionError, ToolkitError
from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.definitions import WaveWindow, create_study, find_study
from instrument.store.tokens import load_keyring
from instrument.study import make_study
from instrument.team import MAY, Act, Member, Role, role_of

LISTS = {
    "DTA_TEAM_OWNERS": "ann@example.org",
    "DTA_TEAM_MANAGERS": "Ben@Example.org, ann@example.org",
    "DTA_TEAM_READERS": "cleo@example.org, @example.org, ",
}


def audit(engine: Engine) -> list[tuple[str, str, int]]:
    columns = (tables.audit_log.c.action, tables.audit_log.c.subject, tables.audit_log.c.n_rows)
    with engine.connect() as connection:
        assert broken_line(connection) is None
        lines = connection.execute(select(*columns).order_by(tables.audit_log.c.id))
        return [(row[0], row[1], row[2]) for row in lines if row[0].startswith("team.")]


def test_who_is_what() -> None:
    found = {
        name: role_of(f"{name}@example.org", LISTS) for name in ("ann", "ben", "BEN", "cleo", "dora", "")
    }
    assert found == {
        "ann": Role.OWNER,
        "ben": Role.MANAGER,
        "BEN": Role.MANAGER,
        "cleo": Role.READER,
        "dora": None,
        "": None,
    }
    assert role_of("@example.org", LISTS) is None
    assert role_of("", LISTS) is None
    assert role_of("ann@example.org", {}) is None
    assert MAY[Role.READER] < MAY[Role.MANAGER] < MAY[Role.OWNER]


def test_each_role_does_what_it_may_and_every_act_is_noted(
    engine: Engine, store_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "dta.keys"
    keyring = load_keyring(keys, {})
    open_study(engine, keyring, **FORMS)
    where = {"DTA_STORE": store_url, "DTA_KEY_FILE": str(keys)}
    owner = Member("ann@example.org", Role.OWNER, "trial", where)
    manager = Member("ben@example.org", Role.MANAGER, "trial", where)
    reader = Member("cleo@example.org", Role.READER, "trial", where)
    anna, _ = manager.invite(["anna", "ben"])
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(anna.token)
        fill(tab, used="0")
        fill(tab, age="40")
        fill(tab, since="2020-01-01")
        tab.press()
        tab.open(f"/q/{anna.token}").press()
        fill(tab, "continue")
        fill(tab, "continue")
        fill(tab, "continue")
        while at(tab.response).startswith("/survey/page"):
            tab.press(tick="4")
        fill(tab, hope="set", hope__place="2")
        tab.press()
        (newer,) = manager.relink(["anna"])
        assert Tab(client).open(f"/q/{anna.token}").response.status_code == 404
        assert Tab(client).open(f"/q/{newer.token}").response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(manager.export())) as archive:
        names = {Path(name).name for name in archive.namelist()}
        assert {"responses.csv", "form_baseline.csv", "form_states.csv", "study.yaml"} <= names
        assert "licence" not in archive.read("trial/form_baseline.csv").decode()
    manager.reopen("anna", "first", "asked to change an answer")
    manager.void("anna", "first", "given by somebody else")
    assert manager.withdraw("ben")
    assert not manager.withdraw("ben")
    forbidden: list[tuple[Any, Act]] = [
        (lambda: reader.invite(1), Act.INVITE),
        (lambda: reader.relink(["anna"]), Act.RELINK),
        (lambda: reader.withdraw("anna"), Act.WITHDRAW),
        (lambda: reader.void("anna", "start", "some reason"), Act.VOID),
        (lambda: reader.reopen("anna", "start", "some reason"), Act.REOPEN),
        (lambda: reader.export(), Act.EXPORT),
        (lambda: reader.erase("anna", "anna"), Act.ERASE),
        (lambda: reader.turn(Act.CLOSE), Act.CLOSE),
        (lambda: manager.erase("anna", "anna"), Act.ERASE),
        (lambda: manager.turn(Act.CLOSE), Act.CLOSE),
    ]
    before = audit(engine)
    for work, act in forbidden:
        with pytest.raises(DefinitionError, match=f"may not {act}"):
            work()
    refused = audit(engine)[len(before) :]
    assert [subject.split()[2] for _, subject, _ in refused] == [act for _, act in forbidden]
    assert {action for action, _, _ in refused} == {"team.refused"}
    with pytest.raises(ToolkitError, match="differ; nobody was erased"):
        owner.erase("anna", "ann")
    owner.erase("anna", "anna")
    owner.turn(Act.CLOSE)
    with engine.connect() as connection:
        row: Any = find_study(connection, "trial")
        left = connection.execute(select(tables.participant.c.pseudonym)).scalars().all()
        acts = connection.execute(select(tables.administration_act.c.made_by)).all()
    assert row.status == "closed"
    assert "anna" not in left
    assert acts == []  # gone with the person
    assert before == [
        ("team.invite", "study 1 by ben@example.org", 2),
        ("team.relink", "study 1 by ben@example.org", 1),
        ("team.export", "study 1 by ben@example.org", 0),
        ("team.reopen", "study 1 by ben@example.org", 1),
        ("team.void", "study 1 by ben@example.org", 1),
        ("team.withdraw", "study 1 by ben@example.org", 1),
        ("team.withdraw", "study 1 by ben@example.org", 0),
    ]
    assert [action for action, _, _ in audit(engine)[-2:]] == ["team.erase", "team.close"]


def test_what_fails_changes_nothing_and_notes_nothing(engine: Engine, store_url: str, tmp_path: Path) -> None:
    keys = tmp_path / "dta.keys"
    open_study(engine, load_keyring(keys, {}))
    who = Member("", Role.OWNER, "trial", {"DTA_STORE": store_url, "DTA_KEY_FILE": str(keys)})
    for work in (
        lambda: who.invite([]),
        lambda: who.invite(["anna", "anna"]),
        lambda: who.invite(1_001),
        lambda: who.relink(["nobody"]),
        lambda: who.withdraw("nobody"),
        lambda: who.void("nobody", "first", "some reason"),
        lambda: who.void("nobody", "first", ""),
        lambda: who.erase("nobody", "nobody"),
        lambda: who.turn(Act.OPEN),
    ):
        with pytest.raises(ToolkitError):
            work()
    with pytest.raises(ToolkitError, match="no row of answers"):
        who.export()
    assert audit(engine) == []
    who.turn(Act.CLOSE)
    assert audit(engine) == [("team.close", "study 1 by operator", 1)]
    study = make_study({**raw_study(), "id": "half", "crisis": {}})
    with engine.begin() as connection:
        create_study(
            connection, "half", instrument.load("dta"), [WaveWindow("first", 0, 9)], study.to_json(), "-"
        )
    half = Member("", Role.OWNER, "half", {"DTA_STORE": store_url, "DTA_KEY_FILE": str(keys)})
    with pytest.raises(DefinitionError, match=r"cannot open.\n  crisis.en: is empty"):
        half.turn(Act.OPEN)
