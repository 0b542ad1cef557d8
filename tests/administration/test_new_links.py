"""A new link for the same person: old ones end at once, answers stay; who is due, and letters to them."""

from __future__ import annotations

import csv
import re
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study
from test_days_brought import run

from instrument.administer.application import create_app
from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.backup import back_up, restore
from instrument.store.checking import faults_of_store
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study
from instrument.store.erasures import noted_erasures
from instrument.store.funnel import due_of
from instrument.store.keys import give_up_keys
from instrument.store.people import erase_by_code, erase_person, invite, withdraw_person
from instrument.store.relinking import links_held, relink
from instrument.store.tokens import Keyring, first_keyring, load_keyring, next_name


def now_day() -> date:
    """Asked for in each test: a run may begin before midnight and end after it."""
    return datetime.now(UTC).date()


def names_of(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        query = select(tables.participant.c.pseudonym).order_by(tables.participant.c.id)
        return list(connection.execute(query).scalars())


def new_link(engine: Engine, keyring: Keyring, *names: str, **how: Any) -> list[str]:
    with engine.begin() as connection:
        return [link.token for link in relink(connection, 1, keyring, names, **how)]


def answers_in(engine: Engine) -> list[tuple[Any, ...]]:
    columns = (tables.response.c.administration_id, tables.response.c.item_id, tables.response.c.value)
    with engine.connect() as connection:
        query = select(*columns).where(tables.response.c.value.is_not(None)).order_by(*columns[:2])
        return [tuple(row) for row in connection.execute(query)]


def acts_in(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        assert broken_line(connection) is None
        return list(connection.execute(select(tables.audit_log.c.action)).scalars())


def test_old_links_pages_and_sessions_end_at_once_and_answers_stay(engine: Engine, keyring: Keyring) -> None:
    _, _, (mine, other) = open_study(engine, keyring, 2)
    name = names_of(engine)[0]
    with TestClient(create_app(engine, keyring)) as client, TestClient(create_app(engine, keyring)) as phone:
        old, phone_tab = Tab(client), Tab(phone)
        _, code = old.begin_with_code(mine)
        old.press(tick="4")
        phone_tab.open(f"/q/{mine}")
        before = answers_in(engine)
        assert before
        (token,) = new_link(engine, keyring, name)
        for tab in (old, phone_tab):  # a page that was open, pressed after the link ended
            tab.press(tick="2")
            assert tab.response.status_code == 403
            assert "Please open your link again" in tab.page.said
            assert "team@example.org" in tab.page.said
        assert answers_in(engine) == before
        shown = Tab(client).open(f"/q/{mine}")
        assert shown.response.status_code == 404
        assert "This link was replaced" in shown.page.said
        assert "Your answers are kept" in shown.page.said
        assert "team@example.org" in shown.page.said
        assert at(client.get(f"/q/{other}")) == "/survey/consent"
        again = Tab(phone).open(f"/q/{token}")
        assert at(again.response) == "/survey/page/2"  # where the person was
        again.press(tick="5")
        assert len(answers_in(engine)) == 2 * len(before)
        assert answers_in(engine)[: len(before)] == before
        (newest,) = new_link(engine, keyring, name)
        for ended in (mine, token):
            assert "This link was replaced" in Tab(phone).open(f"/q/{ended}").page.said
        assert at(phone.get(f"/q/{newest}")) == "/survey/page/3"
    assert acts_in(engine).count("person.relink") == 2
    with engine.begin() as connection:
        assert erase_by_code(connection, keyring, code)  # the code shown with the first link stays good
    assert answers_in(engine) == []


def test_who_has_not_begun_is_shown_another_code(engine: Engine, keyring: Keyring) -> None:
    _, _, (first,) = open_study(engine, keyring)
    found = re.compile(r"(?:\w{4}-){3}\w{4}")
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{first}")
        tab.press(tick={"consent": "yes"})
        old = found.search(tab.response.text)
        (token,) = new_link(engine, keyring, *names_of(engine))
        tab.open(f"/q/{token}")
        new = found.search(tab.response.text)
    assert old is not None
    assert new is not None
    assert old.group() != new.group()
    with engine.begin() as connection:
        assert not erase_by_code(connection, keyring, old.group())
        assert erase_by_code(connection, keyring, new.group())


def test_all_or_none_get_new_links(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        old = [link.token for link in invite(connection, 1, keyring, ["anna", "ben"])]
        ended = invite(connection, 1, keyring, ["late"], expires_at=yesterday)[0].token
    for names, words in (
        ([], "no one is named"),
        (["anna", "nobody"], "1 pseudonyms are not in the study, or named twice: 'nobody'"),
        (["anna", "anna"], "named twice: 'anna'"),
        (["anna", "late"], r"the time of 1 links is over: 'late'.\nHint: add --days"),
    ):
        with pytest.raises(StoreError, match=words):
            new_link(engine, keyring, *names)
    with engine.connect() as connection:
        assert links_held(connection, 1, keyring, dict(zip(("anna", "ben"), old, strict=True))) == []
        assert links_held(connection, 1, keyring, {"late": ended, "anna": old[1]}) == ["late", "anna"]
    made = new_link(engine, keyring, "late", "anna", expires_at=datetime.now(UTC) + timedelta(days=2))
    with engine.connect() as connection:
        assert links_held(connection, 1, keyring, dict(zip(("late", "anna"), made, strict=True))) == []
        assert links_held(connection, 1, keyring, {"ben": old[1], "anna": old[0]}) == ["anna"]
    assert acts_in(engine).count("person.relink") == 1


@pytest.mark.parametrize("renewed", ["before the copy", "after the copy", "twice"])
def test_an_old_copy_brings_back_neither_the_erased_nor_an_ended_link(
    engine: Engine, keyring: Keyring, tmp_path: Path, renewed: str
) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection:
        first = {
            link.pseudonym: link.token for link in invite(connection, 1, keyring, ["anna", "ben", "cleo"])
        }
    if renewed != "after the copy":
        new_link(engine, keyring, "anna")
    copy = back_up(engine, tmp_path / "copy")
    if renewed != "before the copy":
        new_link(engine, keyring, "anna", "ben")
        new_link(engine, keyring, "ben")
    with engine.begin() as connection:
        number = connection.execute(
            select(tables.participant.c.id).where(tables.participant.c.pseudonym == "anna")
        ).scalar_one()
        erase_person(connection, number, keyring)
    for _ in range(2):
        assert restore(copy, engine) == 1
        assert [name for name in names_of(engine) if name in first] == ["ben", "cleo"]
        with engine.connect() as connection:
            revived = [n for n in ("ben", "cleo") if not links_held(connection, 1, keyring, {n: first[n]})]
        assert revived == (["ben", "cleo"] if renewed == "before the copy" else ["cleo"])
        assert faults_of_store(engine, keyring)["erasures"] == []
        with TestClient(create_app(engine, keyring)) as client:
            said = Tab(client).open(f"/q/{first['anna']}").page.said
            assert "These answers are erased" in said
    (token,) = new_link(engine, keyring, "ben")
    with engine.connect() as connection:
        assert links_held(connection, 1, keyring, {"ben": token}) == []
    lines = [(entry["token_hash"], entry["person_hash"]) for entry in noted_erasures(engine)]
    assert len(lines) == len(set(lines))  # a restore writes nothing down twice


def test_a_lost_link_says_whom_to_ask_and_names_no_study_of_several(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        said = Tab(client).open("/q/nonsense").page.said
        assert "ask the study team for a new one" in said
        assert "team@example.org" in said
        open_study(engine, keyring, id="second_one", title="A secret matter", contact="other@example.org")
        said = Tab(client).open("/q/nonsense").page.said
        assert "team@example.org; other@example.org" in said
        assert "A secret matter" not in said
        assert "Trial of the app" not in said


def enrolled(engine: Engine, name: str, days_ago: int) -> None:
    at_noon = datetime.now(UTC) - timedelta(days=days_ago)
    with engine.begin() as connection:
        connection.execute(
            update(tables.participant)
            .where(tables.participant.c.pseudonym == name)
            .values(enrolled_at=at_noon)
        )


def test_who_is_due_from_when_to_when(engine: Engine, keyring: Keyring) -> None:
    """Wave first is open on days 0 to 9, second on days 20 to 29."""
    today = now_day()
    open_study(engine, keyring)
    with engine.begin() as connection:
        invite(connection, 1, keyring, ["new", "mid", "late", "gone"])
        invite(connection, 1, keyring, ["try"], is_test=True)
        number = find_study(connection, "trial").id
        people = {row.pseudonym: row.id for row in connection.execute(select(*_names()))}
        withdraw_person(connection, people["gone"])
        ended = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(
            update(tables.participant)
            .where(tables.participant.c.pseudonym == "late")
            .values(expires_at=ended)
        )
    assert number == 1
    for name, ago in (("new", 0), ("mid", 9), ("late", 25)):
        enrolled(engine, name, ago)

    def rows(day: date, **how: bool) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            found = due_of(connection, "trial", day, **how)
        return [
            tuple(row)
            for row in found[found["participant"].isin(["new", "mid", "late", "gone", "try"])].to_numpy()
        ]

    def window(ago: int, first: int, last: int) -> tuple[date, date]:
        start = today - timedelta(days=ago)
        return start + timedelta(days=first), start + timedelta(days=last)

    assert rows(today) == [
        ("new", "first", *window(0, 0, 9), "due", "no", "open"),
        ("mid", "first", *window(9, 0, 9), "due", "no", "open"),
        ("late", "first", *window(25, 0, 9), "overdue", "no", "ended"),
        ("late", "second", *window(25, 20, 29), "due", "no", "ended"),
    ]
    assert [row[4] for row in rows(today + timedelta(days=1))] == ["due", "overdue", "overdue", "due"]
    assert [row[:2] for row in rows(today, upcoming=True) if row[4] == "upcoming"] == [
        ("new", "second"),
        ("mid", "second"),
    ]


def _names() -> tuple[Any, Any]:
    return tables.participant.c.pseudonym, tables.participant.c.id


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    monkeypatch.setenv("DTA_STORE", store_url)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    (tmp_path / "names.txt").write_text("anna\nben\ncleo\n", encoding="utf-8")
    assert run("study", "invite", "trial", "--pseudonyms", "names.txt", "--out", "links.csv") == 0
    return tmp_path


def read(name: str) -> list[dict[str, str]]:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_relink_due_and_merge_from_the_command_line(
    folder: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "some.txt").write_text("ben\n", encoding="utf-8")
    how = ("--pseudonyms", "some.txt", "--address", "https://q.example/")
    assert run("study", "relink", "trial", "anna", *how, "--out", "new.csv") == 0
    assert (folder / "new.csv").stat().st_mode & 0o077 == 0
    new, old = read("new.csv"), read("links.csv")
    assert [row["participant"] for row in new] == ["anna", "ben"]
    assert all(row["link"].startswith("https://q.example/q/") for row in new)
    assert not any(row["link"].rpartition("/")[2] in capsys.readouterr().out for row in new)
    for wrong, words in (
        (("zoe", "--out", "zoe.csv"), "'zoe'"),
        (("anna", "--out", "new.csv"), "new.csv exists already"),
        (("--out", "none.csv"), "no one is named"),
        (("cleo", "--out", "nowhere/x.csv"), "nothing was changed"),
    ):
        assert run("study", "relink", "trial", *wrong) == 2
        assert words in capsys.readouterr().err
    assert not (folder / "zoe.csv").exists()
    with engine.connect() as connection:
        keyring = load_keyring("dta.keys")
        tokens = {row["participant"]: row["link"].rpartition("/")[2] for row in [*new, old[2]]}
        assert links_held(connection, 1, keyring, tokens) == []

    today = now_day()
    assert run("study", "due", "trial", "--out", "due.csv") == 0
    assert (folder / "due.csv").stat().st_mode & 0o077 == 0
    last = (today + timedelta(days=9)).isoformat()
    assert read("due.csv") == [
        {"participant": name, "wave": "first", "from": today.isoformat(), "to": last}
        | {"state": "due", "begun": "no", "link": "open"}
        for name in ("anna", "ben", "cleo")
    ]
    capsys.readouterr()
    assert run("study", "due", "trial", "--on", (today + timedelta(days=30)).isoformat()) == 0
    assert capsys.readouterr().out.count("overdue") == 6
    assert run("study", "due", "trial", "--on", "tomorrow") == 2

    contacts = "participant;e-mail;greeting\nanna;anna@example.org;=Dear; Anna\n"
    (folder / "c.csv").write_text(contacts.replace("; Anna", " Anna") + "cleo;c@x.org;Hi\n", encoding="utf-8")
    both = ("--contacts", "c.csv", "--out", "letters.csv")
    assert run("study", "merge", "trial", "--links", "links.csv", *both) == 2
    assert "2 of 3 links are not those of their people: 'anna', 'ben'" in capsys.readouterr().err
    assert run("study", "merge", "trial", "--links", "new.csv", *both) == 0
    said = capsys.readouterr()
    assert "1 people have no row in c.csv: 'ben'" in said.err
    letters = read("letters.csv")
    assert letters == [
        {"participant": "anna", "wave": "first", "from": today.isoformat(), "to": last, "state": "due"}
        | {"begun": "no", "link": new[0]["link"], "e-mail": "anna@example.org", "greeting": "'=Dear Anna"}
    ]
    with engine.begin() as connection:
        number = connection.execute(
            select(tables.participant.c.id).where(tables.participant.c.pseudonym == "anna")
        ).scalar_one()
        withdraw_person(connection, number)
    for mode, count in (((), 0), (("--everyone",), 0)):
        out = ("--contacts", "c.csv", "--out", f"none{len(mode)}.csv")
        assert run("study", "merge", "trial", "--links", "new.csv", *mode, *out) == 0
        assert len(read(f"none{len(mode)}.csv")) == count  # nobody writes to who withdrew
    for text, words in (
        ("name\nanna\n", "lacks the columns 'participant'"),
        ("participant,state\nanna,x\n", "has the columns 'state'"),
        ("participant,x\nanna,1\nanna,2\n", "names 1 people twice: 'anna'"),
    ):
        (folder / "c.csv").write_text(text, encoding="utf-8")
        out = ("--contacts", "c.csv", "--out", "bad.csv")
        assert run("study", "merge", "trial", "--links", "new.csv", *out) == 2
        assert words in capsys.readouterr().err
        assert not Path("bad.csv").exists()
    assert "example.org" not in str(pd.DataFrame(read("due.csv")))


@pytest.mark.parametrize("begun", [True, False])
def test_after_the_keys_were_lost_new_links_lead_to_where_people_were(
    engine: Engine, keyring: Keyring, begun: bool
) -> None:
    _, _, (token,) = open_study(engine, keyring)
    (name,) = names_of(engine)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client)
        if begun:
            tab.begin(token).press(tick="4")
        else:
            tab.open(f"/q/{token}").press(tick={"consent": "yes"})
    before = answers_in(engine)
    with engine.begin() as connection:
        fresh = first_keyring(next_name(give_up_keys(connection)))
    with TestClient(create_app(engine, fresh)) as client:
        assert Tab(client).open(f"/q/{token}").response.status_code == 404
        (new,) = new_link(engine, fresh, name)
        tab = Tab(client).open(f"/q/{new}")
        assert answers_in(engine) == before
        if begun:
            assert at(tab.response) == "/survey/page/2"
            tab.press(tick="5")
            assert len(answers_in(engine)) == 2 * len(before)
            tab.open(tab.path.replace("/survey/page/3", "/survey/consent"))  # a choice made anew
            assert at(tab.press(tick={"consent": "yes"}).response) == "/survey/page/3"
        else:
            shown = re.search(r"(?:\w{4}-){3}\w{4}", tab.response.text)
            assert shown is not None
            with engine.begin() as connection:
                assert erase_by_code(connection, fresh, shown.group())
