"""Who withdraws chooses: what was given stays, or is deleted; a no and an answer never pass each other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import HERE, Tab, at, place_of
from starlette.testclient import TestClient
from study_of_tests import open_study
from test_administer_interface import App, count
from test_consent_taken_back import SET, choose
from typer.testing import CliRunner

from instrument.administer.application import create_app
from instrument.administer.texts import page_texts, shipped_languages
from instrument.commands.study import app as study_commands
from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.funnel import standing_of
from instrument.store.intake import RefusedError, UsageEvent, keep_events, people_of
from instrument.store.people import Withdrawal, give_consent, withdraw_by_code, withdraw_person
from instrument.store.tokens import Keyring


@pytest.fixture
def app(engine: Engine, keyring: Keyring) -> Iterator[App]:
    made = App(engine, keyring)
    with made.client:
        yield made


def acts(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        assert broken_line(connection) is None
        lines = select(tables.audit_log.c.action, tables.audit_log.c.subject).order_by(tables.audit_log.c.id)
        return [(line.action, line.subject) for line in connection.execute(lines)]


def choices(engine: Engine) -> list[tuple[bool, str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(select(tables.consent).order_by(tables.consent.c.id))
        return [(row.granted, row.version, row.lang) for row in rows]


def withdraw(tab: Tab, code: str, choice: str | None) -> Tab:
    """Press the button of the withdrawal page of this tab."""
    tab.open(place_of(tab.response) + "/withdraw")
    sent = {"code": code} | ({} if choice is None else {"choice": choice})
    assert tab.page.main.choices == {"choice": ["keep", "delete"]}
    assert tab.page.main.ticked == {}
    return tab.take(tab.client.post(tab.page.main.action, data=sent, headers=HERE))


@pytest.mark.parametrize("lang", [tag for tag, _ in shipped_languages()])
def test_keep_leaves_the_answers_and_takes_no_more(engine: Engine, keyring: Keyring, lang: str) -> None:
    _, _, tokens = open_study(engine, keyring)
    t = page_texts(lang)
    with TestClient(create_app(engine, keyring)) as client:
        tab, code = Tab(client).begin_with_code(tokens[0])
        tab.press(tick="3")
        left_open = tab.page.main
        tab.press(("lang", lang) if ("lang", lang) in tab.page.main.buttons else ("go", "back"))
        withdraw(tab, code, None)
        assert (tab.response.status_code, t["withdraw_prompt"] in tab.page.said) == (422, True)
        assert f'value="{code}"' in tab.response.text
        assert choices(engine) == [(True, "1", "en")]
        withdraw(tab, code, "keep")
        assert (tab.response.status_code, t["withdraw_kept_title"] in tab.page.said) == (200, True)
        assert t["withdraw_kept"] in tab.page.said
        assert choices(engine) == [(True, "1", "en"), (False, "1", "en")]
        assert acts(engine)[-1] == ("person.withdraw", "study 1")
        tab.press(form=left_open, tick="4")
        assert tab.response.status_code == 409
        assert t["taken_back_title"] in tab.page.said
        with engine.connect() as connection:
            kept = select(tables.response.c.value).where(tables.response.c.state == "answered")
            assert list(connection.execute(kept).scalars()) == [3] * 6
            assert set(standing_of(connection, "trial")["todo"]) == {""}
        tab.open(f"/q/{tokens[0]}")
        assert t["consent_declined_title"] in tab.page.said
        before = acts(engine)
        withdraw(tab, code, "keep")
        assert (tab.response.status_code, acts(engine)) == (200, before)
        withdraw(tab, code, "delete")
        assert t["withdraw_done_title"] in tab.page.said
    assert [count(engine, name) for name in ("participant", "consent", "response")] == [0, 0, 0]


def test_keep_of_someone_else_leaves_the_open_questionnaire(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring, people=2)
    with TestClient(create_app(engine, keyring)) as client:
        one, code = Tab(client).begin_with_code(tokens[0])
        one.press(tick="3")
        other = Tab(client).begin(tokens[1])
        again = withdraw(Tab(client).open(place_of(other.response) + "/survey"), code, "keep")
        assert page_texts("en")["withdraw_kept_other"] in again.page.said
        other.press(tick="4")
        assert at(other.response) == "/survey/page/2"
        one.open(f"/q/{tokens[0]}")
        assert "You have chosen not to take part" in one.page.said


def test_nothing_is_done_without_a_choice_or_from_elsewhere(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        _, code = Tab(client).begin_with_code(tokens[0])
        before = acts(engine)
        for choice in ("", "KEEP", "erase", "keep delete"):
            sent = client.post("/withdraw", data={"code": code, "choice": choice}, headers=HERE)
            assert sent.status_code == 422
        for choice in ("keep", "delete"):
            sent = client.post("/withdraw", data={"code": code, "choice": choice})
            assert sent.status_code == 403
            wrong = client.post("/withdraw", data={"code": code[:-1] + "!", "choice": choice}, headers=HERE)
            assert (wrong.status_code, "This code is not known" in wrong.text) == (422, True)
    assert (acts(engine), choices(engine)) == (before, [(True, "1", "en")])


def test_who_was_never_asked_here_may_withdraw_too(app: App, engine: Engine, keyring: Keyring) -> None:
    assert app.post(SET, app.answers(app.scale)).status_code == 201
    number = choose(engine, app.someone)
    with engine.begin() as connection:
        assert withdraw_person(connection, number)
        assert not withdraw_person(connection, number)
        assert withdraw_by_code(connection, keyring, "AAAA", Withdrawal.KEEP) is None
    assert choices(engine) == [(False, "", "")]
    later = {**app.answers(app.scale), "identifier": [{"value": "set-2"}]}
    assert app.post(SET.replace("first", "second"), later).status_code == 409
    assert app.post("/events", {"source": "app", "events": [app.event(1)]}).status_code == 409
    assert count(engine, "administration") == 1


def test_the_command_line_records_a_withdrawal(tmp_path: Path, keyring: Keyring) -> None:
    from instrument.store.connect import open_store, upgrade_store

    url = str(tmp_path / "s.sqlite")
    engine = open_store(url)
    upgrade_store(engine)
    open_study(engine, keyring)
    with engine.connect() as connection:
        name = connection.execute(select(tables.participant.c.pseudonym)).scalar_one()
    command = ["withdraw", "trial", name, "--store", url]
    first, second = (CliRunner().invoke(study_commands, command) for _ in range(2))
    assert (first.exit_code, first.output.split(";")[0]) == (0, "Withdrawn")
    assert second.output.startswith("This person had withdrawn or declined already")
    assert (choices(engine), acts(engine)[-1]) == ([(False, "", "")], ("person.withdraw", "study 1"))
    unknown = CliRunner().invoke(study_commands, ["withdraw", "trial", "nobody", "--store", url])
    assert "has no person of that pseudonym" in str(unknown.exception)
    engine.dispose()


Deed = Callable[[], Any]


def waits_for(held: Connection, deed: Deed) -> Any:
    """Do something in another thread while a transaction is open, commit that, and give what came of it."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(deed())
        except RefusedError as error:
            outcome.append(error.faults)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.4)
    assert thread.is_alive(), "did not wait for the open transaction"
    held.commit()
    thread.join(20)
    assert len(outcome) == 1
    return outcome[0]


@pytest.mark.parametrize("way", ["page", "start", "set", "events", "table"])
def test_an_answer_that_comes_while_consent_is_taken_back_waits_and_is_refused(
    engine: Engine, keyring: Keyring, way: str
) -> None:
    app = App(engine, keyring)
    number = choose(engine, app.someone, True)
    with app.client as client:
        tab = Tab(client)
        tab.open(f"/q/{app.token}")
        if way == "page":
            tab.press()
        form = tab.page.main
        kept_before = count(engine, "administration")

        def deed() -> Any:
            if way in ("page", "start"):
                return tab.press(tick="4", form=form).page.said
            if way == "set":
                return app.post(SET, app.answers(app.scale)).status_code
            if way == "events":
                return app.post("/events", {"source": "app", "events": [app.event(1)]}).status_code
            return keep_one(app, engine, keyring)

        with engine.connect() as held:
            give_consent(held, number, "h", "1", "en", False)
            came = waits_for(held, deed)
    if way in ("page", "start"):
        assert "You have chosen not to take part" in came
    else:
        assert came == ("do not consent" if way == "table" else 409)
    assert (count(engine, "administration"), count(engine, "usage_event")) == (kept_before, 0)
    with engine.connect() as connection:
        seen = select(func.count()).select_from(tables.response).where(tables.response.c.state == "answered")
        assert connection.execute(seen).scalar_one() == 0


def keep_one(app: App, engine: Engine, keyring: Keyring) -> str:
    import pandas as pd

    from instrument.store.connect import StoreError
    from instrument.store.definitions import find_study
    from instrument.store.keyed_tables import keep_table

    table = pd.DataFrame({item: pd.array([4], dtype="Int64") for item in app.scale.item_ids})
    table.insert(0, "participant", [app.someone])
    table.insert(1, "wave", "first")
    try:
        with engine.begin() as connection:
            keep_table(connection, find_study(connection, "trial"), table, keyring, mode="paper", lang="en")
    except StoreError as error:
        return "do not consent" if "do not consent" in str(error) else str(error)
    return "kept"


def test_a_no_that_comes_while_an_answer_is_stored_waits_for_it(app: App, engine: Engine) -> None:
    number = choose(engine, app.someone, True)
    event = UsageEvent("e1", app.someone, "session", datetime.now(UTC))

    def deed() -> bool:
        with engine.begin() as connection:
            return withdraw_person(connection, number)

    with engine.connect() as held:
        assert keep_events(held, 1, "app", [event], {app.someone: number}) == 1
        assert waits_for(held, deed) is True
    assert (count(engine, "usage_event"), choices(engine)[-1][0]) == (1, False)


def test_an_event_of_a_person_erased_at_the_same_moment_is_refused_by_path(
    app: App, engine: Engine, keyring: Keyring
) -> None:
    from instrument.store.people import erase_person

    number = choose(engine, app.someone)
    event = UsageEvent("e1", app.someone, "session", datetime.now(UTC))

    def deed() -> int:
        with engine.begin() as connection:
            return keep_events(connection, 1, "app", [event], {app.someone: number})

    with engine.connect() as held:
        erase_person(held, number, keyring)
        came = waits_for(held, deed)
    assert came == [("events[0].participant", "is not in the study")]


def test_a_storm_of_answers_and_withdrawals_stores_nothing_after_a_no(
    app: App, engine: Engine, keyring: Keyring
) -> None:
    """Six senders of events for six people who withdraw meanwhile: every moment kept is before the no."""
    from instrument.store.people import invite

    with engine.begin() as connection:
        names = [link.pseudonym for link in invite(connection, 1, keyring, 6)]
        people = people_of(connection, 1, names)
    kept: dict[str, datetime] = {}
    refused: list[str] = []
    go = threading.Barrier(7)

    def send(k: int) -> None:
        go.wait()
        for round_ in range(12):
            batch = [
                UsageEvent(f"e{k}-{round_}-{name}", name, "session", datetime.now(UTC))
                for name in (names if k % 2 else names[::-1])
            ]
            for event in batch:
                try:
                    with engine.begin() as connection:
                        keep_events(connection, 1, "app", [event], people)
                        kept[event.source_id] = datetime.now(UTC)
                except RefusedError:
                    refused.append(event.source_id)

    def take_back() -> None:
        go.wait()
        for name in names:
            with engine.begin() as connection:
                assert withdraw_person(connection, people[name])

    threads = [threading.Thread(target=send, args=(k,)) for k in range(6)]
    threads.append(threading.Thread(target=take_back))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(kept) + len(refused) == 6 * 12 * 6
    assert refused
    with engine.connect() as connection:
        said = {row.participant_id: row.at for row in connection.execute(select(tables.consent))}
        stored = set(connection.execute(select(tables.usage_event.c.source_id)).scalars())
    assert stored == set(kept)
    late = [key for key, moment in kept.items() if moment > said[people[key.rsplit("-", 1)[1]]]]
    assert late == []
