"""Notices to a program of the team: signed, without answers, each delivered although the receiver fails."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab
from study_of_tests import open_study, raw_study
from test_days_brought import run
from test_erasure_traces import bytes_of
from test_mending import sheet
from test_new_links import acts_in

from instrument.administer.application import create_app
from instrument.errors import DefinitionError
from instrument.messaging.messenger import by_signed_webhook, notifier_of, signature_of
from instrument.store import tables
from instrument.store.answers import Answer
from instrument.store.definitions import find_study
from instrument.store.intake import keep_response_set
from instrument.store.keyed_tables import keep_table
from instrument.store.notices import Notice, NotSentError, deliver_notices
from instrument.store.people import erase_person, give_consent, invite, withdraw_person
from instrument.store.tokens import Keyring
from instrument.study import make_study

SECRET = "s" * 32
BOTH = {"kinds": ["completed", "withdrawn"], "pseudonym": True}


class Receiver:
    """A program that takes notices: its answers are given in advance, what it got is kept."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((body, self.headers["DTA-Signature"]))
                status = outer.answers.pop(0) if outer.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                outer.got.append((b"GET", ""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def contents(self) -> list[dict[str, str]]:
        return [json.loads(body) for body, _ in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def waiting(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(tables.notice).order_by(tables.notice.c.id)))


def people(engine: Engine, keyring: Keyring, *names: str, is_test: bool = False) -> dict[str, Any]:
    with engine.begin() as connection:
        made = invite(connection, 1, keyring, names, is_test=is_test)
        query = select(tables.participant.c.pseudonym, tables.participant.c.id)
        numbers = {str(name): int(number) for name, number in connection.execute(query)}
    return {link.pseudonym: (numbers[link.pseudonym], link.token) for link in made}


def finish(tab: Tab) -> Tab:
    while "/survey/page" in tab.path:
        tab.press(tick="3")
    return tab.press()


def test_what_people_do_is_told_once_signed_and_without_answers(
    engine: Engine, keyring: Keyring, receiver: Receiver
) -> None:
    _, scale, _ = open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, "anna", "ben", "carl", "paper")
    people(engine, keyring, "trial1", is_test=True)
    with TestClient(create_app(engine, keyring)) as client:
        tab = finish(Tab(client).begin(known["anna"][1]))
        assert tab.path.endswith("/survey/done")
        assert receiver.got == [], "a page waits for no other program"
        tab.open("/withdraw")
        assert len(waiting(engine)) == 1
    answers = {item: Answer("answered", 3) for item in scale.item_ids}
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        keep_response_set(connection, row, known["ben"][0], "first", "x", answers, lang="en")
        keep_table(connection, row, sheet(("paper", "first")), keyring, mode="paper", lang="en")
    with engine.begin() as connection:
        give_consent(connection, known["carl"][0], "h", "1", "en", False)  # declined: takes part in nothing
    with engine.begin() as connection:
        give_consent(connection, known["carl"][0], "h", "1", "en", True)
        give_consent(connection, known["carl"][0], "h", "1", "en", False)
        assert not withdraw_person(connection, known["carl"][0]), "once only"
    with engine.begin() as connection:
        withdraw_person(connection, known["paper"][0])
    with engine.begin() as connection:
        erase_person(connection, known["ben"][0], keyring)
    send = by_signed_webhook(receiver.address, SECRET, clock=lambda: 1_800_000_000.7)
    assert deliver_notices(engine, "trial", send) == {"sent": 4}
    assert deliver_notices(engine, "trial", send) == {}
    told = [
        (one["kind"], one.get("wave"), one.get("answers"), one["participant"]) for one in receiver.contents
    ]
    assert told == [
        ("completed", "first", None, "anna"),
        ("withdrawn", None, "kept", "carl"),
        ("withdrawn", None, "kept", "paper"),
        ("withdrawn", None, "deleted", "ben"),  # what ben had sent is told no more
    ]
    for (body, signature), content in zip(receiver.got, receiver.contents, strict=True):
        assert set(content) <= {"id", "kind", "study", "at", "wave", "answers", "participant"}
        assert abs(datetime.fromisoformat(content["at"]) - datetime.now(UTC)) < timedelta(minutes=5)
        expected = hmac.new(SECRET.encode(), b"1800000000." + body, hashlib.sha256).hexdigest()
        assert signature == f"t=1800000000,v1={expected}"
    assert waiting(engine) == []
    assert sum(act == "notice.sent" for act in acts_in(engine)) == 4


def test_trial_links_and_studies_that_want_none_make_no_notice(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, notices={"kinds": ["withdrawn"]})
    known = people(engine, keyring, "anna") | people(engine, keyring, "trial1", is_test=True)
    with TestClient(create_app(engine, keyring)) as client:
        finish(Tab(client).begin(known["anna"][1]))
    with engine.begin() as connection:
        withdraw_person(connection, known["trial1"][0])
    assert waiting(engine) == []
    with engine.begin() as connection:
        withdraw_person(connection, known["anna"][0])
    (one,) = waiting(engine)
    assert (one.kind, one.pseudonym) == ("withdrawn", None)


def test_a_receiver_that_fails_is_asked_again_later_and_every_notice_arrives(
    engine: Engine, keyring: Keyring
) -> None:
    """A random receiver over three days: each notice arrives, by the receiver's own ledger."""
    open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, *(f"p{k}" for k in range(12)))
    with engine.begin() as connection:
        for number, _ in known.values():
            withdraw_person(connection, number)
    expected = {one.code for one in waiting(engine)}
    draw, taken, tries = random.Random(4), Counter[str](), 0

    def send(one: Notice) -> None:
        nonlocal tries
        tries += 1
        if draw.random() < 0.7:
            if draw.random() < 0.3:
                taken[one.code] += 1  # taken, and the answer was lost on its way
            raise NotSentError("away", for_good=True)
        taken[one.code] += 1

    now, gaps = datetime.now(UTC), []
    for _ in range(3 * 24 * 12):
        now += timedelta(minutes=5)
        before = tries
        deliver_notices(engine, "trial", send, now=now)
        gaps.append(tries - before)
    assert waiting(engine) == [] and set(taken) == expected, "missed"
    assert max(gaps) <= 12 and sum(1 for gap in gaps if gap == 0) > 100, "pauses between tries grow"
    assert max(taken.values()) > 1, "a lost answer was met"


def test_a_sender_that_was_killed_a_run_beside_it_and_the_end_of_patience(
    engine: Engine, keyring: Keyring, receiver: Receiver
) -> None:
    open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, "anna")
    with engine.begin() as connection:
        withdraw_person(connection, known["anna"][0])
    now = datetime.now(UTC) + timedelta(seconds=1)

    class Killed(BaseException):
        pass

    def killed(_: Notice) -> None:
        assert deliver_notices(engine, "trial", send, now=now) == {}, "another run leaves it alone"
        raise Killed

    send = by_signed_webhook(receiver.address, SECRET)
    with pytest.raises(Killed):
        deliver_notices(engine, "trial", killed, now=now)
    assert deliver_notices(engine, "trial", send, now=now + timedelta(minutes=9)) == {}
    receiver.answers = [302, 500]  # led elsewhere is not taken
    late = now + timedelta(minutes=11)
    assert deliver_notices(engine, "trial", send, now=late) == {"failed": 1}
    assert deliver_notices(engine, "trial", send, now=late) == {}
    assert deliver_notices(engine, "trial", send, now=now + timedelta(days=31)) == {"given_up": 1}
    assert len(receiver.got) == 2 and len({one["id"] for one in receiver.contents}) == 1
    assert waiting(engine) == []
    assert {"notice.failed", "notice.given_up"} <= set(acts_in(engine))


def test_a_program_that_is_away_ends_a_run(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, *(f"p{k}" for k in range(5)))
    with engine.begin() as connection:
        for number, _ in known.values():
            withdraw_person(connection, number)
    closed = by_signed_webhook("http://127.0.0.1:9/hook", SECRET)
    assert deliver_notices(engine, "trial", closed) == {"failed": 3}


def test_failures_that_do_not_follow_each_other_end_no_run_and_pauses_grow(
    engine: Engine, keyring: Keyring
) -> None:
    open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, *(f"p{k}" for k in range(6)))
    with engine.begin() as connection:
        for number, _ in known.values():
            withdraw_person(connection, number)
    taken = iter([False, False, True, False, False, True])

    def sometimes(notice: Notice) -> None:
        if not next(taken):
            raise NotSentError("away")

    assert deliver_notices(engine, "trial", sometimes) == {"failed": 4, "sent": 2}
    left = waiting(engine)
    assert len(left) == 4
    pauses = []
    for _ in range(11):
        (row,) = [one for one in waiting(engine) if one.id == left[0].id]
        tried = row.next_at
        with engine.begin() as connection:  # the others wait, so that each run is of this one alone
            others = tables.notice.c.id != row.id
            connection.execute(update(tables.notice).where(others).values(next_at=tried + timedelta(days=60)))

        def never(notice: Notice) -> None:
            raise NotSentError("away")

        assert deliver_notices(engine, "trial", never, now=tried.replace(tzinfo=UTC)) == {"failed": 1}
        (row,) = [one for one in waiting(engine) if one.id == left[0].id]
        pauses.append((row.next_at - tried) / timedelta(minutes=1))
    assert pauses == [4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360]  # at last every six hours


def test_a_notice_that_another_sender_took_meanwhile_is_left_to_it(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, "p1", "p2")
    with engine.begin() as connection:
        for number, _ in known.values():
            withdraw_person(connection, number)
    told: list[str] = []

    def taking(notice: Notice) -> None:
        told.append(notice.code)
        with engine.begin() as connection:  # as the run beside this one marks what it has begun to send
            later = datetime.now(UTC) + timedelta(minutes=10)
            connection.execute(
                update(tables.notice).where(tables.notice.c.code != told[0]).values(next_at=later)
            )

    assert deliver_notices(engine, "trial", taking) == {"sent": 1} and len(told) == 1
    assert [row.state for row in waiting(engine)] == ["waiting"]


def test_settings_and_study_files_are_checked(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = {"DTA_NOTICES": "https://x.example/hook", "DTA_NOTICES_SECRET": SECRET}
    notifier_of(fit)
    for unfit, words in [
        ({}, "no address"),
        ({**fit, "DTA_NOTICES": "http://x.example/hook"}, "no https"),
        ({**fit, "DTA_NOTICES": "https://"}, "no https"),
        ({**fit, "DTA_NOTICES_SECRET": "short"}, "has 5 characters"),
    ]:
        with pytest.raises(DefinitionError, match=words):
            notifier_of(unfit)
    assert make_study(raw_study()).content_hash == make_study({**raw_study(), "notices": None}).content_hash
    for wrong in ({"kinds": []}, {"kinds": ["opened"]}, {"address": "https://x.example"}):
        with pytest.raises(DefinitionError, match="notices"):
            make_study({**raw_study(), "notices": wrong})
    open_study(engine, keyring)
    with pytest.raises(DefinitionError, match="has no notices"):
        deliver_notices(engine, "trial", lambda _: None)
    for name, value in fit.items():
        monkeypatch.setenv(name, value)
    url = engine.url.render_as_string(hide_password=False)
    if engine.dialect.name == "sqlite":
        assert run("study", "notify", "trial", "--store", url) == 2
    assert signature_of(b"a", SECRET, 1) != signature_of(b"a", SECRET, 2) != signature_of(b"b", SECRET, 2)


def test_a_notice_of_someone_erased_names_no_one_once_it_is_delivered(
    engine: Engine, keyring: Keyring
) -> None:
    open_study(engine, keyring, notices=BOTH)
    known = people(engine, keyring, "wordnobodyelsehas")
    with engine.begin() as connection:
        erase_person(connection, known["wordnobodyelsehas"][0], keyring)
    told: list[Notice] = []
    assert deliver_notices(engine, "trial", told.append) == {"sent": 1}
    assert told[0].content["participant"] == "wordnobodyelsehas"
    assert b"wordnobodyelsehas" not in bytes_of(engine)
