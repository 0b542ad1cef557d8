"""The team page: what each role finds there, and that nobody else finds it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "administration"))
from study_of_tests import open_study

from dashboard import team
from instrument.store.connect import open_store, upgrade_store
from instrument.store.tokens import load_keyring
from instrument.team import Role

HEADS = {
    Role.READER: ["Progress", "Who is due"],
    Role.MANAGER: [
        "Links",
        "A questionnaire that must not count, or must be changed",
        "A single answer that is wrong",
        "A person who withdraws",
        "What a person agreed to",
        "Export",
    ],
    Role.OWNER: ["The study itself"],
}


def _page() -> None:
    from dashboard.views import team

    team.show()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    url, keys = f"sqlite:///{tmp_path / 'store.sqlite'}", tmp_path / "dta.keys"
    engine = open_store(url)
    upgrade_store(engine)
    open_study(engine, load_keyring(keys, {}), 2)
    engine.dispose()
    monkeypatch.setenv("DTA_STORE", url)
    monkeypatch.setenv("DTA_KEY_FILE", str(keys))
    monkeypatch.setenv("DTA_SHARED", "no")
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    return url


def opened(monkeypatch: pytest.MonkeyPatch, role: Role | None) -> AppTest:
    monkeypatch.setattr("dashboard.team.role", lambda user: role)
    test = AppTest.from_function(_page, default_timeout=60).run()
    assert not test.exception, [entry.message for entry in test.exception]
    return test


def test_each_role_finds_what_it_may(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[str] = []
    for role in Role:
        wanted += HEADS[role]
        test = opened(monkeypatch, role)
        assert [entry.value for entry in test.header] == wanted
        assert ("Erase for good" in [entry.label for entry in test.button]) == (role is Role.OWNER)
    nobody = opened(monkeypatch, None)
    assert not nobody.header
    assert not nobody.dataframe
    assert "not a member" in nobody.error[0].value


def test_links_are_shown_once_and_a_fault_is_explained(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test = opened(monkeypatch, Role.MANAGER)
    test.text_input(key="team-address").set_value("https://q.example")
    next(entry for entry in test.button if entry.label == "Invite").click().run()
    (shown,) = test.code
    assert shown.value.startswith("participant,link\n")
    assert "https://q.example/q/" in shown.value
    test.run()
    assert not test.code
    test.text_area[0].set_value("nobody")
    next(entry for entry in test.button if entry.label == "Make new links").click().run()
    assert "not in the study" in test.error[0].value
    assert not test.code


def test_who_works_with_it(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert team.role(None) is Role.OWNER  # on the operator's own machine
    monkeypatch.setenv("DTA_SHARED", "yes")
    assert team.role(None) is None
    monkeypatch.setenv("DTA_TEAM_MANAGERS", "ben@example.org")
    users: list[tuple[dict[str, Any], Role | None]] = [
        ({"email": "ben@example.org"}, Role.MANAGER),
        ({"email": "eve@example.org"}, None),
        ({"email": None}, None),
        ({}, None),
    ]
    assert [team.role(user) for user, _ in users] == [found for _, found in users]
    monkeypatch.delenv("DTA_STORE")
    assert team.role({"email": "ben@example.org"}) is None
