"""Short messages: signed to a real gateway that refuses, stalls and dies; numbers stay in their own file."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import logging
import random
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, select, update

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import raw_study
from test_days_brought import run
from test_messages import BERLIN, LETTERS, MESSAGES, SCHEDULE, START, WAVES, Site, _addresses
from test_new_links import acts_in

from instrument.errors import DefinitionError
from instrument.messaging.messenger import by_sms, signature_of, transport_of
from instrument.messaging.text_messages import length_of
from instrument.store import tables
from instrument.store.addresses import Contact, address_file, addresses_of, keep_addresses, number_in
from instrument.store.notices import NotSentError
from instrument.store.outbox import MOST_TRIES, Outgoing
from instrument.store.people import erase_person, withdraw_person
from instrument.store.tokens import Keyring
from instrument.study import make_study

__all__ = ["_addresses"]
SECRET = "k" * 32
TEXT = "{title}: {link} bis {closes}, Ende: {stop}"
SMS = {
    kind: {"en": f"{kind} {TEXT}", "de": {"text": f"{kind} de {TEXT}", "template": f"t-{kind}"}}
    for kind in LETTERS
}
ONLY_SMS: dict[str, Any] = {k: v for k, v in MESSAGES.items() if k not in ("texts", "sender")} | {"sms": SMS}


class Gateway:
    """A gateway on localhost. It has taken a message once it answered 2xx, and sends each id once."""

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []
        self.headers: list[str] = []
        self.mood = "well"
        self.unwanted: set[str] = set()
        self.go_on = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said, mood = json.loads(body), outer.mood
                seconds, _, digest = self.headers["DTA-Signature"].removeprefix("t=").partition(",v1=")
                wanted = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
                assert hmac.compare_digest(digest, wanted)
                if mood == "dies":
                    self.connection.close()
                    return
                if mood == "stalls":
                    outer.go_on.wait(20)
                    self.connection.close()
                    return
                status = {"well": 204, "refuses": 503, "none": 422, "lost": 404, "moved": 302}[mood]
                status = 410 if said["number"] in outer.unwanted else status
                if status == 204:
                    outer.taken.append(said)
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}/sms"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.go_on.set()
    made.server.shutdown()
    made.server.server_close()


class Phones(Site):
    """A study whose people are reached by telephone."""

    def __init__(self, engine: Engine, keyring: Keyring, *names: str, **changes: Any) -> None:
        self.numbers = {name: f"+49171000{place:04}" for place, name in enumerate(names)}
        super().__init__(engine, keyring, *names, **{"messages": ONLY_SMS, **changes})

    def address(self, *names: str) -> None:
        contacts = [Contact(name, "", self.tokens[name], self.numbers[name]) for name in names]
        keep_addresses(self.engine, "trial", contacts)

    def name(self, number: str) -> str:
        return next(name for name, known in self.numbers.items() if known == number)


def test_ten_days_of_a_gateway_that_refuses_stalls_and_dies(
    engine: Engine, keyring: Keyring, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site = Phones(engine, keyring, "p1", "p2", "answers", "erased", "withdraws", "unwanted")
    patient, hasty = by_sms(gateway.address, SECRET), by_sms(gateway.address, SECRET, seconds=0.05)
    draw = random.Random(3)
    days: dict[str, list[int]] = {}
    tries = 0
    for hour in (day * 24 + clock for day in range(10) for clock in (5, 7, 9, 11, 14, 18, 20, 23)):
        now = START + timedelta(hours=hour, minutes=7)
        local = now.astimezone(BERLIN).hour
        gateway.mood = (
            "well" if local in (12, 19) else draw.choice(["well", "refuses", "stalls", "dies", "lost"])
        )
        if hour == 2 * 24 + 5:
            site.answer("answers", "first")
            gateway.unwanted.add(site.numbers["unwanted"])
            erased, withdraws = site.number("erased"), site.number("withdraws")
            with engine.begin() as connection:
                erase_person(connection, erased, keyring)
                withdraw_person(connection, withdraws)
        before = len(gateway.taken)
        done = site.send(hasty if gateway.mood == "stalls" else patient, now)
        assert 8 <= local < 20 or not sum(done.values())
        tries += done["sent"] + done["failed"] + done["refused"]
        for said in gateway.taken[before:]:
            days.setdefault(site.name(said["number"]), []).append((now.date() - START.date()).days)
        assert done["sent"] == len(gateway.taken) - before
    first = list(SCHEDULE["first"])
    assert days == {
        "p1": first,
        "p2": first,
        "answers": [0],
        "erased": [0],
        "withdraws": [0],
        "unwanted": [0],
    }
    assert len({said["id"] for said in gateway.taken}) == len(gateway.taken) == 12
    assert tries > len(gateway.taken) + 2
    lines = acts_in(engine)
    assert lines.count("person.stop_messages") == 1, "who wants no more is asked no more"
    assert lines.count("message.sent") == 12
    with engine.connect() as connection:
        told = repr(connection.execute(select(tables.audit_log)).all()) + caplog.text
        stored = repr(connection.execute(select(tables.message)).all())
    assert "+49171" not in told + stored
    file = address_file(engine)
    assert file is not None and site.numbers["erased"].encode() not in file.read_bytes()


def test_what_a_gateway_is_given(engine: Engine, keyring: Keyring, gateway: Gateway) -> None:
    site = Phones(engine, keyring, "anna", "ben")
    with engine.begin() as connection:
        german = update(tables.participant).where(tables.participant.c.pseudonym == "anna")
        connection.execute(german.values(lang="de"))
    site.send(by_sms(gateway.address, SECRET), START + timedelta(hours=11))
    link, stop = (f"https://q.example/{door}/{site.tokens['anna']}" for door in ("q", "stop"))
    assert gateway.taken[0] == {
        "id": "trial.1",
        "number": site.numbers["anna"],
        "text": f"first de Trial of the app: {link} bis 2026-03-29, Ende: {stop}",
        "language": "de",
        "template": "t-first",
    }
    assert [gateway.taken[1][key] for key in ("language", "template")] == ["en", "trial.first.en"]
    shown = repr(Outgoing(site.numbers["anna"], "", "text", "", "trial.1", channel="sms"))
    assert site.numbers["anna"] not in shown + repr(addresses_of(engine, "trial"))
    assert signature_of(b"{}", SECRET, 5).startswith("t=5,v1=")


def test_tries_are_spaced_and_bounded_and_the_next_reminder_follows(
    engine: Engine, keyring: Keyring, gateway: Gateway
) -> None:
    site, noon = Phones(engine, keyring, "anna"), START + timedelta(hours=8)
    send = by_sms(gateway.address, SECRET)
    gateway.mood = "refuses"
    assert site.send(send, noon)["failed"] == 1
    moment = noon
    for wait in (2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60):
        early, late = (moment + timedelta(minutes=wait + more) for more in (-1, 1))
        assert site.send(send, early)["failed"] == 0
        done, moment = site.send(send, late), late
        assert done["failed"] + done["refused"] == 1
    assert site.send(send, moment + timedelta(hours=1))["failed"] == 0
    assert site.states() == Counter(refused=1)  # the twelfth try was the last
    with engine.connect() as connection:
        assert connection.execute(select(tables.message.c.attempts)).scalar_one() == MOST_TRIES
    gateway.mood = "well"
    assert site.send(send, noon + timedelta(days=3))["sent"] == 1
    assert gateway.taken[0]["text"].startswith("reminder")


def test_a_gateway_that_is_away_ends_its_run_and_letters_go_on(
    engine: Engine, keyring: Keyring, gateway: Gateway
) -> None:
    both = {**MESSAGES, "sms": SMS}
    site = Phones(engine, keyring, "a", "b", "c", "d", "e", messages=both)
    keep_addresses(engine, "trial", [Contact("e", "e@example.org", site.tokens["e"])])
    keep_addresses(engine, "trial", [Contact("d", "d@example.org", site.tokens["d"], site.numbers["d"])])
    gateway.mood = "dies"
    ways, letters = by_sms(gateway.address, SECRET), []

    def send(one: Outgoing) -> None:
        (letters.append if one.channel == "mail" else ways)(one)

    assert site.send(send, START + timedelta(hours=11)) == Counter(failed=3, sent=1, unknown=0, unreached=0)
    assert [one.address for one in letters] == ["e@example.org"]  # who has a number gets a short message
    gateway.mood = "well"
    assert site.send(send, START + timedelta(hours=12))["sent"] == 4
    for mood, state in (("none", "refused"), ("lost", "failed"), ("moved", "failed")):
        gateway.mood = mood
        with pytest.raises(NotSentError) as refused:
            ways(Outgoing("+491", "", "x", "", "i", channel="sms"))
        assert refused.value.for_good is (state == "refused")
        assert "+491" not in str(refused.value)


def test_who_has_no_way_is_counted_and_not_reserved(engine: Engine, keyring: Keyring) -> None:
    site = Phones(engine, keyring, "anna")
    from instrument.store.outbox import send_due

    how: dict[str, Any] = {"address": "https://q.example", "now": START + timedelta(hours=11)}
    done = send_due(engine, keyring, "trial", lambda one: None, channels={"mail"}, **how)
    assert done["unreached"] == 1
    assert site.states() == Counter()


def test_files_of_addresses_from_before_are_read_and_take_numbers(engine: Engine, keyring: Keyring) -> None:
    site = Phones(engine, keyring, "anna")
    file = address_file(engine)
    assert file is not None
    file.unlink()
    with sqlite3.connect(file) as old:
        old.execute(
            "CREATE TABLE address (study TEXT NOT NULL, participant TEXT NOT NULL, address TEXT NOT NULL, "
            "token TEXT NOT NULL, PRIMARY KEY (study, participant))"
        )
        old.execute("INSERT INTO address VALUES ('trial', 'ben', 'b@x.org', 't')")
    old.close()
    assert addresses_of(engine, "trial") == [Contact("ben", "b@x.org", "t")]
    site.address("anna")
    assert [one.number for one in addresses_of(engine, "trial")] == [site.numbers["anna"], ""]


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"sms": {"first": SMS["first"]}}, "sms.reminder: is missing"),
    ({"sms": {**SMS, "first": {"en": "no link {stop}"}}}, r"sms.first.en: needs \{link\}"),
    ({"sms": {**SMS, "first": {"en": "{link}"}}}, r"sms.first.en: needs \{stop\}"),
    ({"sms": {**SMS, "first": {"en": "{link} {stop} {name}"}}}, "'name' is none of"),
    ({"sms": {**SMS, "first": {"en": "{link} {stop} {"}}}, "brace stands alone"),
    ({"sms": {}}, "texts.first: is missing"),
    ({"texts": LETTERS}, "sender: is missing"),
]


def test_impossible_texts_are_refused_and_older_files_keep_their_hash() -> None:
    for changes, words in FAULTS:
        with pytest.raises(DefinitionError, match=words):
            make_study({**raw_study(), "messages": {**ONLY_SMS, **changes}})
    english = {**SMS, "first": {"en": SMS["first"]["en"]}}
    study = make_study({**raw_study(), "messages": {**ONLY_SMS, "sms": english}})
    assert study.faults_before_opening() == ["messages.sms.first.de: is missing"]
    assert '"sms"' not in make_study({**raw_study(), "messages": MESSAGES}).to_json()


LENGTHS = [  # by hand: GSM 03.38 has 160 letters alone and 153 in each part, UCS-2 70 and 67
    ("", (0, 1, False)),
    ("ä" * 160, (160, 1, False)),
    ("a" * 306, (306, 2, False)),
    ("a" * 307, (307, 3, False)),
    ("€" * 80, (160, 1, False)),
    ("a" * 152 + "€" * 5, (162, 2, False)),
    ("a" * 152 + "€" + "a" * 152, (306, 3, False)),  # the sign that takes two places is not cut
    ("ę" + "a" * 69, (70, 1, True)),
    ("ę" + "a" * 70, (71, 2, True)),
    ("🙂" * 35, (70, 1, True)),
    ("🙂" * 67, (134, 3, True)),
]


def test_parts_are_counted_as_a_network_does() -> None:
    for text, wanted in LENGTHS:
        assert tuple(length_of(text)) == wanted, text[:3]


def test_numbers_are_read_in_one_way_only() -> None:
    given = ["+49 171-123 45 67", "0049171", "+0171234567", "+49171123456789012", "4.9E+11", "+49١٧١١٢٣٤", ""]
    assert [number_in(text) for text in given] == ["+491711234567", None, None, None, None, None, ""]


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gateway: Gateway
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    monkeypatch.setenv("DTA_STORE", f"sqlite:///{tmp_path / 's.sqlite'}")
    study = {**raw_study(), "waves": WAVES, "messages": {**ONLY_SMS, "quiet": [0, 0]}}
    Path("study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    Path("names.txt").write_text("anna\nben\n", encoding="utf-8")
    assert run("study", "check", "study.yaml", "--address", "https://survey.example.org") == 0
    said = capsys.readouterr().out
    title_and_rest = "first Trial of the app:  bis 2026-12-31, Ende: "
    characters = len(title_and_rest) + len("https://survey.example.org") * 2 + len("/q/") + len("/stop/") + 54
    assert f"sms first en: {characters} characters, 2 parts (links under https://survey.example.org)" in said
    for step in (("create", "study.yaml"), ("open", "trial")):
        assert run("study", *step) == 0
    assert run("study", "invite", "trial", "--pseudonyms", "names.txt", "--out", "links.csv") == 0
    both = ("--links", "links.csv", "--contacts", "contacts.csv")
    Path("contacts.csv").write_text("participant,number\nanna,0171 1234567\n", encoding="utf-8")
    assert run("study", "contacts", "trial", *both) == 2
    assert "1 telephone numbers are none: of 'anna'" in capsys.readouterr().err
    Path("contacts.csv").write_text("participant;number\nanna;+49 171 1234567\nben;+4930123456\n", "utf-8")
    assert run("study", "contacts", "trial", *both) == 0
    assert run("study", "merge", "trial", *both, "--out", "letters.csv") == 0
    letters = list(csv.DictReader(io.StringIO(Path("letters.csv").read_text(encoding="utf-8"))))
    assert [letter["number"] for letter in letters] == ["+491711234567", "+4930123456"]
    monkeypatch.setenv("DTA_SMS", gateway.address)
    assert run("study", "send", "trial") == 2
    assert "DTA_SMS_SECRET has 0 characters" in capsys.readouterr().err
    monkeypatch.setenv("DTA_SMS_SECRET", SECRET)
    assert run("study", "send", "trial") == 0
    Path("replies.csv").write_text("number\n+49 171 1234567\n+331111111\n", encoding="utf-8")
    assert run("study", "stop", "trial", "replies.csv") == 0
    Path("replies.csv").write_text("participant\nben\nzoe\n", encoding="utf-8")
    assert run("study", "stop", "trial", "replies.csv") == 0
    told = capsys.readouterr()
    assert "2 sent" in told.out
    assert told.out.count("1 people get no more messages; 1 of the file are not known") == 2
    assert "171" not in told.out + told.err
    assert {said["number"] for said in gateway.taken} == {"+491711234567", "+4930123456"}
    with pytest.raises(DefinitionError, match="DTA_SMS is no https:// address"):
        transport_of({"DTA_SMS": "http://sms.example.org", "DTA_SMS_SECRET": SECRET})
