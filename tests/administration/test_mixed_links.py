"""Links of many people mixed in shared browsers, a server that is killed and a database that goes away.

Each person always gives the same answer to an item, drawn for that person, and has two minds about what other
questions of a form depend on: a stored answer that is another one came from someone else. The ledger is the
test's own: what a person pressed and was led on for; which answers of a form are hidden is written by hand.
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
from patient_servers import PATIENCE
from sqlalchemy import Engine, func, select, text

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Form, Sent, Tab, at
from large_runs import note_run
from server_user import as_server_user
from study_of_tests import open_study
from test_forms import BASELINE, CLOSING, WAVES, both
from test_nothing_lost import KilledServer

import instrument
from instrument.forms import questions_of_instrument
from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.connect import sqlite_file
from instrument.store.tokens import Keyring, save_keyring

KEYRING = Keyring({"k1": b"1" * 32})
ACTIONS = ["next"] * 12 + [
    "twice",
    "back",
    "back",
    "lang",
    "old",
    "old",
    "reload",
    "help",
    *["change"] * 3,
    *["clear"] * 2,
]
OUTCOME = {
    "id": "outcome",
    "title": both("Outcome"),
    "waves": ["start", "first"],
    "questions": [
        question.model_dump(mode="json", exclude_defaults=True)
        for question in questions_of_instrument(instrument.load("dta@0.1.0"), ["en", "de"])[:6]
    ],
}
STUDY = {"waves": WAVES, "forms": [BASELINE, OUTCOME, CLOSING]}
Held = dict[str, dict[str, str | None]]
"""Answers to forms, by form and question; None where the person went on without one."""


class PatientTransport(httpx.BaseTransport):
    """Try again while the server is killed (no answer) or its database is away (503)."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self.unanswered, self.away = 0, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(3600):
            try:
                response = self._inner.handle_request(request)
                response.read()  # it may be killed between the head of an answer and its body, too
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


def hidden_in(form: str, held: dict[str, str | None]) -> list[str]:
    """Answers that the study's file hides: kinds of apps without an app, the licence below 65."""
    hidden = {"which": held.get("used") != "1", "licence": int(held.get("age") or 0) < 65}
    return [
        question for question, hides in hidden.items() if form == "baseline" and hides and question in held
    ]


@dataclass
class Person:
    """One person: link, the answer to every item, what was acknowledged, and what of a form stands."""

    token: str
    draw: random.Random
    tab: Tab
    pattern: dict[str, str] = field(default_factory=dict)
    minds: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    mind: int = 0
    wave: int = 0
    acknowledged: dict[str, int] = field(default_factory=dict)
    held: tuple[Held, Held] = field(default_factory=lambda: ({}, {}))
    forms: list[Form] = field(default_factory=list)
    reviews: int = 0
    hidden: int = 0
    taken_back: int = 0
    done: bool = False

    def answers(self, form: Form) -> dict[str, str]:
        names = [name for name in form.choices if name.startswith("item-")]
        return {name: self.pattern.setdefault(name, str(self.draw.randint(1, 5))) for name in names}

    def says(self, question: str, codes: list[str]) -> str | None:
        """Answer to a question of a form, the same each time the person is of one mind."""
        if question not in self.minds:
            drawn: dict[str, tuple[str | None, ...]] = {
                "used": ("1", "0"),
                "which": (self.draw.choice(["9", "1", "2", "1 2"]),),
                "age": (str(self.draw.randint(65, 99)), str(self.draw.randint(18, 64))),
                "licence": (f"{self.draw.getrandbits(48):x}",),
                "since": (None if self.draw.random() < 0.2 else f"20{self.draw.randint(10, 25)}-03-07",),
                "hope": (self.draw.choice(["0", "2.5", "7", "10"]),),
            }
            self.minds[question] = drawn.get(question) or (self.draw.choice(codes or ["-"]),)
        minds = self.minds[question]
        return minds[self.mind % len(minds)]

    def press(self, button: tuple[str, str], form: Form, *, clear: bool = False) -> None:
        """Press a button of a page of questions, and note what was acknowledged."""
        given = self.answers(form)
        names = [name.removeprefix("form-") for name in (*form.choices, *form.written) if "form-" in name]
        questions = dict.fromkeys(name.removesuffix("-place") for name in names)
        said = {name: self.says(name, form.choices.get(f"form-{name}", [])) for name in questions}
        sliders = {name for name in questions if f"form-{name}-place" in form.written}
        said |= {name: None for name in questions if clear and name not in sliders}
        fields: Sent = {**given}
        for name, value in said.items():
            if name in sliders:
                fields |= {f"form-{name}-place": value or "", f"form-{name}": "set"}
            else:
                fields[f"form-{name}"] = (value or "").split() if name == "which" else value or ""
        self.tab.press(button, tick=fields, form=form)
        first = (*self.tab.response.history, self.tab.response)[0]
        led = urlsplit(first.headers.get("location", "")).path
        if first.status_code == 303 and not led.endswith("/survey"):
            self.acknowledged |= {name.removeprefix("item-"): int(code) for name, code in given.items()}
        if questions and (
            first.status_code == 422 or (first.status_code == 303 and not led.endswith("/survey"))
        ):
            name = form.action.split("/survey/form/")[1].split("/")[0]
            self.note(name, said, form.hidden.get("had", []), went_on=button[1] == "continue")

    def note(self, form: str, said: dict[str, str | None], had: str | list[str], *, went_on: bool) -> None:
        held = self.held[self.wave].setdefault(form, {})
        single = {"used", *(question["id"] for question in OUTCOME["questions"])}
        for question, value in said.items():
            if value is not None:
                held[question] = value
            elif question in had and question not in single:
                self.taken_back += held.pop(question, None) is not None
        if went_on:
            held |= {question: None for question in said if question not in held}
        for question in hidden_in(form, held):
            self.hidden += held.pop(question) is not None


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
    with httpx.Client(base_url=base, transport=transport, timeout=PATIENCE) as client:
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
    elif where.startswith("/survey/form/"):
        person.forms.append(form)
        if tab.response.status_code == 422 and draw.random() < 0.8:
            person.press(("go", "continue"), form)
        else:
            press_page(person, draw.choice(ACTIONS), form, draw)
    elif "consent" in form.choices:
        tab.press(tick={"consent": "yes"})
    elif where == "/survey/review":
        changes = [way for way in tab.page.ways if way.endswith("?from=review")]
        person.reviews += 1
        if person.reviews <= 2:  # everyone hides once what was asked, and takes back once what can be
            person.mind = 1
            tab.open(next(way for way in changes if f"/baseline/{2 * person.reviews - 1}" in way))
            if tab.response.status_code == 200 and "/survey/form" in at(tab.response):
                person.press(("go", "next"), tab.page.main, clear=person.reviews == 2)
            return
        if draw.random() < 0.2:
            tab.open(draw.choice(changes))
            return
        tab.press(form=form)
        if draw.random() < 0.3:
            tab.press(form=form)
        person.wave += at(tab.response) == "/survey/done"
    else:
        tab.press(form=form)


def finish(person: Person, tally: Tally) -> None:
    person.done = True
    with tally.lock:
        tally.finished += 1


def press_page(person: Person, action: str, form: Form, draw: random.Random) -> None:
    tab = person.tab
    languages = [button for button in form.buttons if button[0] == "lang"]
    person.mind += action == "change"
    if action == "reload":
        tab.reload()
    elif action == "old":
        person.press(("go", "next"), draw.choice(person.forms))
    elif action == "lang":
        person.press(languages[0], form)
    elif action in ("back", "help"):
        button = ("go", action)
        person.press(button if button in form.buttons else ("go", "next"), form)
    elif action == "clear":
        person.press(("go", "next"), form, clear=bool(form.hidden.get("had")))
    else:
        person.press(("go", "next"), form)
        if action == "twice":
            person.press(("go", "next"), form)


def database_away(engine: Engine, seconds: float) -> None:
    """Restart the PostgreSQL server without a farewell; hold SQLite's file for so long."""
    file = sqlite_file(engine)
    if file is not None:
        held = sqlite3.connect(file, isolation_level=None, timeout=PATIENCE)
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
        as_server_user([*control, "restart"]),
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def storm(
    engine: Engine, url: str, folder: Path, *, people: int, browsers: int, kills: int, restarts: int
) -> tuple[str, list[Person]]:
    """Run the storm and compare the store with the ledger; gives one line about it, and the ledger."""
    keyring = KEYRING
    save_keyring(keyring, folder / "keys")
    _, scale, tokens = open_study(engine, keyring, people=people, **STUDY)
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
    expected = people * 30
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
    assert [repr(fault) for fault in tally.faults] == []
    assert (len(ledgers), tally.finished) == (people, people)
    wrong, lost, stored = compare(engine, keyring, ledgers)
    astray, missing, left_over, of_forms = compare_forms(engine, keyring, ledgers)
    assert (wrong, lost, astray, missing, left_over) == (0, 0, 0, 0, 0)
    assert stored == people * len(scale.item_ids)
    assert of_forms > people * 2 * len(OUTCOME["questions"])
    hidden, taken_back = (sum(getattr(one, what) for one in ledgers) for what in ("hidden", "taken_back"))
    assert min(hidden, taken_back) > 0  # answers were hidden by a later one, and removed by their person
    assert tally.refused > browsers  # the browsers were shared: pages of earlier links were pressed
    unanswered = sum(transport.unanswered for transport in transports)
    assert unanswered >= kills
    log = (folder / "log").read_bytes()
    assert not any(token.encode() in log for token in tokens)
    line = (
        f"{engine.dialect.name}: {people} people, {browsers} browsers, {tally.presses} acts, {tally.refused} pages "
        f"refused, {kills} kills, {restarts} times without database, {unanswered} requests unanswered; "
        f"{stored} answers stored, {wrong} under another person, {lost} lost, 0 twice; "
        f"{of_forms} answers to forms stored, {astray} under another person, {missing} lost, {left_over} left over "
        f"({hidden} hidden by a later answer, {taken_back} taken back); "
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
        assert len(rows) == 2 * len({row.participant_id for row in rows}) == 2 * len(ledgers)
        assert {row.status for row in rows} == {"completed"}
        finished = select(func.count()).where(tables.audit_log.c.action == "administration.complete")
        assert connection.execute(finished).scalar_one() == 2 * len(ledgers)
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


def compare_forms(engine: Engine, keyring: Keyring, ledgers: list[Person]) -> tuple[int, int, int, int]:
    """Answers to forms that their person never gave, that should stand and do not, that should not; and all."""
    by_hash = {keyring.hash(person.token): person for person in ledgers}
    query = (
        select(tables.participant.c.token_hash, tables.wave.c.name, tables.form_answer)
        .join(tables.administration, tables.administration.c.participant_id == tables.participant.c.id)
        .join(tables.wave, tables.wave.c.id == tables.administration.c.wave_id)
        .join(tables.form_answer, tables.form_answer.c.administration_id == tables.administration.c.id)
    )
    wanted = {
        (key, WAVES[wave]["id"], form, question): value
        for key, person in by_hash.items()
        for wave, forms in enumerate(person.held)
        for form, answers in forms.items()
        for question, value in answers.items()
    }
    found: dict[tuple[str, ...], str | None] = {}
    astray = 0
    with engine.connect() as connection:
        for row in connection.execute(query):
            where = (row.token_hash, row.name, row.form, row.question)
            assert where not in found
            assert (row.value is None) == (row.state == "skipped")
            found[where] = row.value
            astray += row.value not in (None, *by_hash[row.token_hash].minds.get(row.question, ()))
    missing = sum(where not in found or found[where] != value for where, value in wanted.items())
    return astray, missing, len(found.keys() - wanted.keys()), len(found)


def test_a_small_storm_of_mixed_links_and_a_ledger_that_would_tell(
    engine: Engine, store_url: str, tmp_path: Path
) -> None:
    line, ledgers = storm(engine, store_url, tmp_path, people=6, browsers=2, kills=1, restarts=1)
    print(line)
    assert "0 under another person, 0 lost, 0 twice" in line
    assert "0 under another person, 0 lost, 0 left over" in line
    one = ledgers[0]
    name, code = next(iter(one.pattern.items()))
    kept = one.acknowledged[name.removeprefix("item-")]
    one.acknowledged[name.removeprefix("item-")] = kept % 5 + 1
    assert compare(engine, KEYRING, ledgers)[:2] == (0, 1)
    one.pattern[name] = str(int(code) % 5 + 1)
    assert compare(engine, KEYRING, ledgers)[:2] == (1, 1)
    question = OUTCOME["questions"][0]["id"]
    one.held[0]["outcome"][question] = "17"
    assert compare_forms(engine, KEYRING, ledgers)[:3] == (0, 1, 0)
    del one.held[0]["outcome"][question]
    assert compare_forms(engine, KEYRING, ledgers)[:3] == (0, 0, 1)
    one.minds[question] = ("17",)
    assert compare_forms(engine, KEYRING, ledgers)[0] == 2  # at each of the two waves


@pytest.mark.slow
def test_three_hundred_people_in_sixty_browsers(engine: Engine, store_url: str, tmp_path: Path) -> None:
    line, _ = storm(engine, store_url, tmp_path, people=300, browsers=60, kills=3, restarts=2)
    note_run("storm of mixed links", engine.dialect.name, line)
