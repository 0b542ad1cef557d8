"""Links of many people mixed in shared browsers, a server that is killed and a database that goes away.

Each person always gives the same answer to an item, drawn for that person: a stored answer that is another
one came from someone else. The ledger is the test's own: what a person pressed and was led on for.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from sqlalchemy import Engine, func, select, text

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Form, Tab, at
from server_user import as_server_user
from study_of_tests import open_study
from test_nothing_lost import KilledServer

from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.connect import sqlite_file
from instrument.store.tokens import Keyring, save_keyring

KEYRING = Keyring({"k1": b"1" * 32})
ACTIONS = ["next"] * 12 + ["twice", "back", "lang", "old", "reload", "help"]


class PatientTransport(httpx.BaseTransport):
    """Try again while the server is killed (no answer) or its database is away (503)."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self.unanswered, self.away = 0, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(1200):
            try:
                response = self._inner.handle_request(request)
            except httpx.TransportError:
                self.unanswered += 1
            else:
                if response.status_code != 503:
                    return response
                response.close()
                self.away += 1
            time.sleep(0.05)
        raise TimeoutError(str(request.url))

    def close(self) -> None:
        self._inner.close()


@dataclass
class Person:
    """One person: link, the answer to every item, and what was acknowledged."""

    token: str
    draw: random.Random
    tab: Tab
    pattern: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    forms: list[Form] = field(default_factory=list)
    done: bool = False

    def answers(self, form: Form) -> dict[str, str]:
        return {name: self.pattern.setdefault(name, str(self.draw.randint(1, 5))) for name in form.choices}

    def press(self, button: tuple[str, str], form: Form) -> None:
        """Press a button of a page of questions, and note what was acknowledged."""
        given = self.answers(form)
        self.tab.press(button, tick=given, form=form)
        led = self.tab.response.history[:1]
        if (
            led
            and led[0].status_code == 303
            and not urlsplit(led[0].headers["location"]).path.endswith("/survey")
        ):
            self.acknowledged |= {name.removeprefix("item-"): int(code) for name, code in given.items()}


@dataclass
class Tally:
    """What happened, over all browsers."""

    presses: int = 0
    refused: int = 0
    finished: int = 0
    faults: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def use_browser(
    base: str, tokens: list[str], seed: int, tally: Tally
) -> tuple[list[Person], PatientTransport]:
    """Several people take turns in one browser, each in a tab of their own, until all have sent."""
    draw, transport = random.Random(seed), PatientTransport()
    with httpx.Client(base_url=base, transport=transport, timeout=60) as client:
        people = [Person(token, random.Random(f"{seed}-{k}"), Tab(client)) for k, token in enumerate(tokens)]
        while left := [person for person in people if not person.done]:
            step(draw.choice(left), draw, tally)
    return people, transport


def step(person: Person, draw: random.Random, tally: Tally) -> None:
    """One thing that a person does: whatever page the tab shows, whoever has the browser by now."""
    tab, where = person.tab, at(person.tab.response) if person.tab.path else ""
    with tally.lock:
        tally.presses += 1
    if tab.response.status_code in (403, 404, 409) or not tab.page.has_form:
        if tab.response.status_code in (403, 409):
            with tally.lock:
                tally.refused += 1
        tab.open(f"/q/{person.token}")
        if at(tab.response) == "/survey" and tab.response.status_code == 200:
            finish(person, tally)  # nothing to answer today: the next wave opens later
        return
    form = tab.page.main
    if where.startswith("/survey/page/"):
        person.forms.append(form)
        press_page(person, draw.choice(ACTIONS), form, draw)
    elif "consent" in form.choices:
        tab.press(tick={"consent": "yes"})
    elif where == "/survey/review":
        tab.press(form=form)
        if draw.random() < 0.3:
            tab.press(form=form)
        if at(tab.response) == "/survey/done":
            finish(person, tally)
    else:
        tab.press(form=form)


def finish(person: Person, tally: Tally) -> None:
    person.done = True
    with tally.lock:
        tally.finished += 1


def press_page(person: Person, action: str, form: Form, draw: random.Random) -> None:
    tab = person.tab
    languages = [button for button in form.buttons if button[0] == "lang"]
    if action == "reload":
        tab.reload()
    elif action == "old":
        person.press(("go", "next"), draw.choice(person.forms))
    elif action == "lang":
        person.press(languages[0], form)
    elif action in ("back", "help"):
        button = ("go", action)
        person.press(button if button in form.buttons else ("go", "next"), form)
    else:
        person.press(("go", "next"), form)
        if action == "twice":
            person.press(("go", "next"), form)


def database_away(engine: Engine, seconds: float) -> None:
    """Restart the PostgreSQL server without a farewell; hold SQLite's file for so long."""
    file = sqlite_file(engine)
    if file is not None:
        held = sqlite3.connect(file, isolation_level=None, timeout=30)
        held.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        held.execute("ROLLBACK")
        held.close()
        return
    with engine.connect() as connection:
        data = connection.execute(text("SHOW data_directory")).scalar_one()
    engine.dispose()
    with open(f"{data}/postmaster.opts") as options:
        program = options.read().split()[0]
    control = [f"{Path(program).parent}/pg_ctl", "-D", data, "-w", "-m", "immediate", "-l", f"{data}/../log"]
    subprocess.run(
        as_server_user([*control, "restart"]), check=True, cwd="/", stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def storm(
    engine: Engine, url: str, folder: Path, *, people: int, browsers: int, kills: int, restarts: int
) -> tuple[str, list[Person]]:
    """Run the storm and compare the store with the ledger; gives one line about it, and the ledger."""
    keyring = KEYRING
    save_keyring(keyring, folder / "keys")
    _, scale, tokens = open_study(engine, keyring, people=people)
    server, tally = KilledServer(url, folder / "keys", folder / "log"), Tally()
    ledgers: list[Person] = []
    transports: list[PatientTransport] = []
    began = time.monotonic()

    def browse(number: int) -> None:
        try:
            mine = tokens[number::browsers]
            found, transport = use_browser(f"http://127.0.0.1:{server.port}", mine, number, tally)
            with tally.lock:
                ledgers.extend(found)
                transports.append(transport)
        except BaseException as error:  # shown by the test, which would wait for ever otherwise
            tally.faults.append(error)

    threads = [threading.Thread(target=browse, args=(k,)) for k in range(browsers)]
    for thread in threads:
        thread.start()
    blows = ["kill", "restart"] * max(kills, restarts)
    blows = [blow for k, blow in enumerate(blows) if k // 2 < (kills if blow == "kill" else restarts)]
    expected = people * 13
    try:
        for k, blow in enumerate(blows):
            target = expected * (k + 1) // (len(blows) + 1)
            while tally.presses < target and any(thread.is_alive() for thread in threads):
                time.sleep(0.02)
            if blow == "restart":
                database_away(engine, 1.0)
            else:
                server.kill()
                time.sleep(0.2)
                server.start()
        for thread in threads:
            thread.join(900)
    finally:
        server.stop()
    assert tally.faults == []
    assert (len(ledgers), tally.finished) == (people, people)
    wrong, lost, stored = compare(engine, keyring, ledgers)
    assert (wrong, lost) == (0, 0)
    assert stored == people * len(scale.item_ids)
    assert tally.refused > browsers  # the browsers were shared: pages of earlier links were pressed
    unanswered = sum(transport.unanswered for transport in transports)
    assert unanswered >= kills
    log = (folder / "log").read_bytes()
    assert not any(token.encode() in log for token in tokens)
    line = (
        f"{engine.dialect.name}: {people} people, {browsers} browsers, {tally.presses} acts, {tally.refused} pages "
        f"refused, {kills} kills, {restarts} times without database, {unanswered} requests unanswered; "
        f"{stored} answers stored, {wrong} under another person, {lost} lost, 0 twice; "
        f"{time.monotonic() - began:.0f} s"
    )
    return line, ledgers


def compare(engine: Engine, keyring: Keyring, ledgers: list[Person]) -> tuple[int, int, int]:
    """Answers that are not their person's, acknowledged ones that are not there, and all that are stored."""
    by_hash = {keyring.hash(person.token): person for person in ledgers}
    query = (
        select(tables.participant.c.token_hash, tables.item.c.name, tables.response.c.value)
        .join(tables.administration, tables.administration.c.participant_id == tables.participant.c.id)
        .join(tables.response, tables.response.c.administration_id == tables.administration.c.id)
        .join(tables.item, tables.item.c.id == tables.response.c.item_id)
        .where(tables.response.c.value.is_not(None))
    )
    wrong = stored = 0
    found: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            stored += 1
            pattern = by_hash[row.token_hash].pattern
            wrong += pattern.get(f"item-{row.name}") != str(row.value)
            held = found.setdefault(row.token_hash, {})
            assert row.name not in held, "an item is stored twice"
            held[row.name] = row.value
        attempts = select(tables.administration.c.participant_id, tables.administration.c.status)
        rows = connection.execute(attempts).all()
        assert len(rows) == len({row.participant_id for row in rows}) == len(ledgers)
        assert {row.status for row in rows} == {"completed"}
        finished = select(func.count()).where(tables.audit_log.c.action == "administration.complete")
        assert connection.execute(finished).scalar_one() == len(ledgers)
        replaced = select(func.count()).select_from(tables.response_history)
        assert connection.execute(replaced).scalar_one() == 0  # an answer is never replaced by another
        assert connection.execute(select(func.count()).where(tables.consent.c.granted)).scalar_one() >= len(
            ledgers
        )
        assert broken_line(connection) is None
    lost = sum(
        found.get(key, {}).get(name) != value
        for key, person in by_hash.items()
        for name, value in person.acknowledged.items()
    )
    return wrong, lost, stored


def test_a_small_storm_of_mixed_links_and_a_ledger_that_would_tell(
    engine: Engine, store_url: str, tmp_path: Path
) -> None:
    line, ledgers = storm(engine, store_url, tmp_path, people=8, browsers=2, kills=1, restarts=1)
    assert "0 under another person, 0 lost, 0 twice" in line
    one = ledgers[0]
    name, code = next(iter(one.pattern.items()))
    kept = one.acknowledged[name.removeprefix("item-")]
    one.acknowledged[name.removeprefix("item-")] = kept % 5 + 1
    assert compare(engine, KEYRING, ledgers)[:2] == (0, 1)
    one.pattern[name] = str(int(code) % 5 + 1)
    assert compare(engine, KEYRING, ledgers)[:2] == (1, 1)


@pytest.mark.slow
def test_three_hundred_people_in_sixty_browsers(engine: Engine, store_url: str, tmp_path: Path) -> None:
    print(storm(engine, store_url, tmp_path, people=300, browsers=60, kills=3, restarts=2)[0])
