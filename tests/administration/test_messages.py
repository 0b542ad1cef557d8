"""Messages: thirty days with a fast clock and a real mail server that refuses, stalls and dies; stop and erase."""

from __future__ import annotations

import random
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from aiosmtpd.controller import Controller
from patient_servers import free_port
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab
from study_of_tests import open_study, raw_study
from test_days_brought import run
from test_mending import sheet
from test_new_links import acts_in

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.errors import DefinitionError
from instrument.messaging.messenger import by_mail, by_webhook, transport_of
from instrument.store import tables
from instrument.store.addresses import Contact, address_file, addresses_of, keep_addresses
from instrument.store.answers import Placement, start_administration
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study, item_numbers
from instrument.store.keyed_tables import keep_table
from instrument.store.notices import NotSentError
from instrument.store.outbox import Outgoing, send_due
from instrument.store.people import erase_person, invite, withdraw_person
from instrument.store.relinking import relink
from instrument.store.tokens import Keyring
from instrument.study import make_study

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 20, tzinfo=UTC)  # the clocks of Berlin change on the 29th
BODY = "Bitte: {link} bis {closes}. {stop} – {contact}"
LETTERS = {
    kind: {tag: {"subject": f"{kind} {tag} {{title}}", "body": BODY} for tag in ("en", "de")}
    for kind in ("first", "reminder", "last_call")
}
MESSAGES: dict[str, Any] = {
    "sender": "Team <team@example.org>",
    "zone": "Europe/Berlin",
    "quiet": [20, 8],
    "first": 0,
    "reminders": [3, 6],
    "last_call": 1,
    "texts": LETTERS,
}
WAVES = [
    {"id": "first", "day": 0, "opens": 0, "closes": 9},
    {"id": "second", "day": 15, "opens": 15, "closes": 24},
]
SCHEDULE = {"first": (0, 3, 6, 8), "second": (15, 18, 21, 23)}
"""Days of the four messages of each wave, worked out by hand."""


class Post:
    """What the mail server took: it has a message once it answered 250."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.mood = "well"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.mood == "refuses":
            return "451 try later"
        if address.startswith("nobody"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.mood == "dies":
            server.transport.abort()
            return "451 gone"
        if self.mood == "stalls":
            import asyncio

            await asyncio.sleep(0.25)
            return "451 too late"
        mail = message_from_bytes(envelope.content, policy=default)
        self.taken.append((envelope.rcpt_tos[0], str(mail["Subject"]), str(mail["Message-ID"])))
        self.last = mail.get_body().get_content()
        return "250 OK"


@pytest.fixture
def post() -> Iterator[tuple[Post, str]]:
    handler = Post()
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


@pytest.fixture(autouse=True)
def _addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTA_ADDRESSES", str(tmp_path / "addresses"))


class Site:
    """A study with messages and people whose addresses are kept."""

    def __init__(self, engine: Engine, keyring: Keyring, *names: str, **changes: Any) -> None:
        self.engine, self.keyring = engine, keyring
        open_study(engine, keyring, **{"waves": WAVES, "messages": MESSAGES, **changes})
        with engine.begin() as connection:
            links = invite(connection, 1, keyring, names)
            everyone = update(tables.participant)
            connection.execute(everyone.values(enrolled_at=START + timedelta(hours=5)))
        self.tokens = {link.pseudonym: link.token for link in links}
        self.address(*names)

    def address(self, *names: str) -> None:
        contacts = [Contact(name, f"{name}@example.org", self.tokens[name]) for name in names]
        keep_addresses(self.engine, "trial", contacts)

    def number(self, name: str) -> int:
        with self.engine.connect() as connection:
            query = select(tables.participant.c.id).where(tables.participant.c.pseudonym == name)
            return int(connection.execute(query).scalar_one())

    def send(self, transport: Any, now: datetime) -> Counter[str]:
        how = {"address": "https://q.example/", "now": now}
        return send_due(self.engine, self.keyring, "trial", transport, **how)

    def answer(self, name: str, wave: str) -> None:
        with self.engine.begin() as connection:
            row = find_study(connection, "trial")
            keep_table(connection, row, sheet((name, wave)), self.keyring, mode="import", lang="en")

    def states(self) -> Counter[str]:
        with self.engine.connect() as connection:
            return Counter(connection.execute(select(tables.message.c.state)).scalars())


def test_thirty_days_of_a_server_that_refuses_stalls_and_dies(
    engine: Engine, keyring: Keyring, post: tuple[Post, str]
) -> None:
    handler, server = post
    quiet_people = ("withdraws", "erased", "stops", "answers", "renewed")
    site = Site(engine, keyring, "p1", "p2", "p3", *quiet_people)
    patient, hasty = by_mail(server, seconds=30), by_mail(server, seconds=0.12)
    draw = random.Random(7)
    moods = ["well", "refuses", "stalls", "dies"]
    when: dict[tuple[str, str], list[datetime]] = {}
    tries = 0
    ends = {  # by hand: the moment after which nothing more may come
        "withdraws": START + timedelta(days=4, hours=12),
        "erased": START + timedelta(days=5, hours=12),
        "stops": START + timedelta(days=2, hours=12),
    }
    for hour in range(30 * 24):
        now = START + timedelta(hours=hour, minutes=7)
        local = now.astimezone(BERLIN).hour
        # the server is ill at random, and well at the end of each day's hours
        handler.mood = "well" if local in (11, 19) else draw.choice(moods)
        if now >= ends["withdraws"] > now - timedelta(hours=1):
            number = site.number("withdraws")
            with engine.begin() as connection:
                withdraw_person(connection, number)
        if now >= ends["erased"] > now - timedelta(hours=1):
            number = site.number("erased")
            with engine.begin() as connection:
                erase_person(connection, number, keyring)
        if now >= ends["stops"] > now - timedelta(hours=1):
            with TestClient(create_app(engine, keyring)) as client:
                assert client.post(f"/stop/{site.tokens['stops']}").status_code == 200
        if hour == 4 * 24 + 3:
            site.answer("answers", "first")
        if hour == 7 * 24:
            with engine.begin() as connection:
                site.tokens["renewed"] = relink(connection, 1, keyring, ["renewed"])[0].token
        if hour == 14 * 24:
            site.address("renewed")
        before = len(handler.taken)
        # only a server that stalls is left early: a busy machine must not make a well one look ill
        done = site.send(hasty if handler.mood == "stalls" else patient, now)
        tries += sum(done.values())
        for address, subject, _ in handler.taken[before:]:
            assert 8 <= local < 20, "in quiet hours"
            when.setdefault((address.partition("@")[0], subject), []).append(now)
        assert done["sent"] == len(handler.taken) - before
    assert len({one for _, _, one in handler.taken}) == len(handler.taken), "doubled"
    assert tries > 1.5 * len(handler.taken), "the server was ill often enough"
    days: dict[str, list[int]] = {}
    for (name, _), moments in when.items():
        days.setdefault(name, []).extend((moment.date() - START.date()).days for moment in moments)
    whole = sorted([*SCHEDULE["first"], *SCHEDULE["second"]])
    expected = {
        **dict.fromkeys(("p1", "p2", "p3"), whole),
        "withdraws": [0, 3],
        "erased": [0, 3],
        "stops": [0],
        "answers": [0, 3, *SCHEDULE["second"]],
        "renewed": [0, 3, 6, *SCHEDULE["second"]],
    }
    assert {name: sorted(found) for name, found in days.items()} == expected, "missed, late or unwanted"
    assert (
        site.states()["sent"] == len(handler.taken) - 2
    )  # those of the erased person are gone with the person
    lines = acts_in(engine)
    assert lines.count("message.sent") == len(handler.taken)
    assert lines.count("message.failed") == tries - len(handler.taken)
    with engine.connect() as connection:
        subjects = connection.execute(select(tables.audit_log.c.subject)).scalars().all()
    assert not [subject for subject in subjects if "@" in subject]


def test_what_a_letter_says_and_in_which_language(
    engine: Engine, keyring: Keyring, post: tuple[Post, str]
) -> None:
    handler, server = post
    named = {"titles": {"de": "Erprobung"}, "contacts": {"de": "hilfe@beispiel.de"}}
    site = Site(engine, keyring, "anna", "nobody", **named)
    with engine.begin() as connection:
        german = update(tables.participant).where(tables.participant.c.pseudonym == "anna")
        connection.execute(german.values(lang="de"))
    noon = START + timedelta(hours=11)
    assert site.send(by_mail(server), noon) == Counter(sent=1, refused=1, unknown=0)
    assert handler.taken[0][:2] == ("anna@example.org", "first de Erprobung")
    assert handler.last.rstrip().endswith("– hilfe@beispiel.de")
    token = site.tokens["anna"]
    assert f"https://q.example/q/{token} bis 2026-03-29. https://q.example/stop/{token}" in handler.last
    assert site.send(by_mail(server), noon + timedelta(hours=2)) == Counter(
        unknown=0
    )  # a refusal is for good
    assert site.send(by_mail("smtp://127.0.0.1:1"), noon + timedelta(days=3))["failed"] >= 1


def test_a_sender_that_was_killed_sends_nothing_twice(engine: Engine, keyring: Keyring) -> None:
    site = Site(engine, keyring, "anna")
    given: list[Outgoing] = []

    def killed(one: Outgoing) -> None:
        given.append(one)
        raise KeyboardInterrupt

    noon = START + timedelta(hours=11)
    with pytest.raises(KeyboardInterrupt):
        site.send(killed, noon)
    # another may still be at it for an hour; then nobody knows whether it arrived
    for later, state in ((1, "sending"), (59, "sending"), (61, "unknown"), (180, "unknown")):
        site.send(given.append, noon + timedelta(minutes=later))
        assert site.states() == Counter({state: 1})
    assert len(given) == 1
    site.send(given.append, noon + timedelta(days=3))
    assert [one.subject.split()[0] for one in given] == ["first", "reminder"]
    assert "anna@" not in repr(given[0])


def test_a_letter_that_failed_goes_out_the_same_day_though_others_were_passed_over(
    engine: Engine, keyring: Keyring
) -> None:
    """On day 7 both reminders are overdue with the first letter: they are passed over, and nothing went out yet."""
    site, given, noon = Site(engine, keyring, "anna"), [], START + timedelta(days=7, hours=9)

    def ill(one: Outgoing) -> None:
        raise NotSentError("451", for_good=False)

    assert site.send(ill, noon)["failed"] == 1
    assert site.states() == Counter(failed=1, skipped=2)
    assert site.send(given.append, noon + timedelta(hours=1))["sent"] == 1
    assert [one.subject.split()[0] for one in given] == ["first"]
    assert site.send(given.append, noon + timedelta(hours=2))["sent"] == 0


def test_who_has_begun_is_reminded_and_whose_link_has_ended_is_not(engine: Engine, keyring: Keyring) -> None:
    site, given = Site(engine, keyring, "begun", "ended", "ends"), []
    number = site.number("begun")
    with engine.begin() as connection:
        row = find_study(connection, "trial")
        version = int(row.instrument_version_id)
        layout = [Placement(n, k, 1) for k, n in enumerate(item_numbers(connection, version).values(), 1)]
        wave = connection.execute(select(tables.wave.c.id).order_by(tables.wave.c.position)).scalars().first()
        start_administration(connection, number, wave, version, layout, lang="en", order_seed=1)
        for name, hours in (("ended", 10), ("ends", 12)):
            people = update(tables.participant).where(tables.participant.c.pseudonym == name)
            connection.execute(people.values(expires_at=START + timedelta(hours=hours)))
    site.send(given.append, START + timedelta(hours=11))
    site.send(given.append, START + timedelta(days=3, hours=11))
    assert [one.address.partition("@")[0] for one in given] == ["begun", "ends", "begun"]


def test_each_try_is_counted(engine: Engine, keyring: Keyring) -> None:
    site = Site(engine, keyring, "anna")

    def ill(one: Outgoing) -> None:
        raise NotSentError("451", for_good=False)

    for hour in range(3):
        site.send(ill, START + timedelta(hours=11 + hour))
    with engine.connect() as connection:
        assert connection.execute(select(tables.message.c.attempts)).scalars().all() == [3]


def test_the_stop_page_asks_first_and_says_what_stays(engine: Engine, keyring: Keyring) -> None:
    site = Site(engine, keyring, "anna")
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/stop/{site.tokens['anna']}")
        assert "Send me no more messages" in tab.page.said
        given: list[Outgoing] = []
        site.send(given.append, START + timedelta(hours=11))
        assert len(given) == 1  # looking at the page stopped nothing
        tab.press()
        assert "You will get no more messages" in tab.page.said
        site.send(given.append, START + timedelta(days=3, hours=11))
        assert len(given) == 1
        assert client.get("/stop/nonsense").status_code == 404
        assert Tab(client).open(f"/q/{site.tokens['anna']}").response.status_code == 200
    assert acts_in(engine).count("person.stop_messages") == 1


def test_an_older_letter_stops_messages_too(engine: Engine, keyring: Keyring) -> None:
    site = Site(engine, keyring, "anna", "ben")
    number = site.number("anna")
    with engine.begin() as connection:
        relink(connection, find_study(connection, "trial").id, keyring, ["anna", "ben"])
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/stop/{site.tokens['anna']}")
        tab.press()
        assert "You will get no more messages" in tab.page.said
        with engine.begin() as connection:
            erase_person(connection, number, keyring)
        gone = Tab(client).open(f"/stop/{site.tokens['anna']}")
        assert gone.response.status_code == 404
        assert "erased for good" in gone.page.said
    with engine.connect() as connection:
        query = select(tables.participant.c.pseudonym).where(tables.participant.c.no_messages_at.is_not(None))
        assert connection.execute(query).all() == []
    assert acts_in(engine).count("person.stop_messages") == 1


def test_a_run_that_lasts_into_the_quiet_hours_ends_there(engine: Engine, keyring: Keyring) -> None:
    names = [f"p{k}" for k in range(6)]
    site, seconds, sent = Site(engine, keyring, *names), [0.0], []

    def slow(one: Outgoing) -> None:
        seconds[0] += 400.0
        sent.append(one)

    late = START + timedelta(hours=18, minutes=45)  # 19:45 in Berlin; quiet from 20
    send_due(engine, keyring, "trial", slow, address="https://q.example", now=late, clock=lambda: seconds[0])
    assert len(sent) == 3  # at 0, 400 and 800 seconds; the next would go out at 20:05
    with engine.connect() as connection:
        moments = set(connection.execute(select(tables.message.c.at)).scalars())
    assert moments == {late + timedelta(seconds=400 * k) for k in range(3)}
    site.send(sent.append, late + timedelta(hours=13))
    assert sorted(one.address for one in sent) == [f"{name}@example.org" for name in names]


def test_two_servers_that_send_at_once_send_each_message_once(engine: Engine, keyring: Keyring) -> None:
    names = [f"p{k}" for k in range(8)]
    site, sent = Site(engine, keyring, *names), []
    night = START + timedelta(days=9, hours=9)  # the day on which the clocks of Berlin change
    gate = threading.Barrier(3)

    def serve() -> None:
        gate.wait()
        site.send(sent.append, night)

    servers = [threading.Thread(target=serve) for _ in range(3)]
    for one in servers:
        one.start()
    for one in servers:
        one.join()
    assert sorted(one.address for one in sent) == [f"{name}@example.org" for name in names]
    assert site.states() == Counter(sent=8, skipped=24)


def test_an_address_is_erased_first_and_leaves_no_byte(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(engine, keyring, "anna", "ben")
    file = address_file(engine)
    assert file is not None
    assert file.stat().st_mode & 0o077 == 0
    token = site.tokens["anna"].encode()
    assert b"anna@example.org" in file.read_bytes()
    number = site.number("anna")
    monkeypatch.setattr("instrument.store.addresses.WAITS", 0.2)
    with closing(sqlite3.connect(file)) as holder:  # it cannot be written: nobody is erased
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="nothing was erased"), engine.begin() as connection:
            erase_person(connection, number, keyring)
    assert site.number("anna") == number
    with engine.begin() as connection:
        erase_person(connection, number, keyring)
    assert [one.participant for one in addresses_of(engine, "trial")] == ["ben"]
    assert b"anna@example.org" not in file.read_bytes()
    assert token not in file.read_bytes()


def test_a_webhook_takes_messages_for_telephones() -> None:
    taken: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response({"/ok": 204, "/gone": 410}.get(self.path, 503))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    one = Outgoing("+491711234567", "Hallo", "Text", "Team", "<a@b>")
    try:
        by_webhook(f"{base}/ok")(one)
        for path, for_good in (("/gone", True), ("/ill", False)):
            with pytest.raises(NotSentError) as refused:
                by_webhook(f"{base}{path}")(one)
            assert refused.value.for_good is for_good
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(taken) == 3
    assert b"+491711234567" in taken[0]
    with pytest.raises(NotSentError):
        by_webhook(f"{base}/ok", seconds=0.5)(one)
    for environment, words in (
        ({}, "no way to send"),
        ({"DTA_SMTP": "mail.example.org"}, "no address of a mail server"),
        ({"DTA_WEBHOOK": "http://sms.example.org"}, "no https:// address"),
    ):
        with pytest.raises(DefinitionError, match=words):
            transport_of(environment)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"zone": "Mars/Olympus"}, "is no time zone"),
    ({"reminders": [6, 3]}, "reminders: must rise"),
    ({"reminders": [0]}, "reminders: must rise"),
    ({"texts": {"first": LETTERS["first"]}}, "texts.reminder: is missing"),
    (
        {"texts": {**LETTERS, "first": {"en": {"subject": "s", "body": "no link {stop}"}}}},
        r"body: needs \{link\}",
    ),
    ({"texts": {**LETTERS, "first": {"en": {"subject": "s", "body": "{link}"}}}}, r"body: needs \{stop\}"),
    ({"texts": {**LETTERS, "first": {"en": {"subject": "{name}", "body": BODY}}}}, "'name' is none of"),
    ({"texts": {**LETTERS, "first": {"en": {"subject": "a { b", "body": BODY}}}}, "brace stands alone"),
    ({"quiet": [20, 25]}, "quiet"),
]


def test_impossible_messages_are_refused_by_path_and_lacking_languages_before_opening() -> None:
    for changes, words in FAULTS:
        with pytest.raises(DefinitionError, match=words):
            make_study({**raw_study(), "messages": {**MESSAGES, **changes}})
    english = {**LETTERS, "first": {"en": LETTERS["first"]["en"]}}
    study = make_study({**raw_study(), "messages": {**MESSAGES, "texts": english}})
    assert study.faults_before_opening() == ["messages.texts.first.de: is missing"]
    plain = make_study(raw_study())
    assert "messages" not in plain.to_json()  # files without messages keep their hash


def test_contacts_and_send_from_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store_url: str,
    capsys: pytest.CaptureFixture[str],
    post: tuple[Post, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    monkeypatch.setenv("DTA_STORE", store_url)
    never_quiet = {**MESSAGES, "quiet": [0, 0]}
    study = {**raw_study(), "waves": WAVES, "messages": never_quiet}
    Path("study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    Path("names.txt").write_text("anna\nben\n", encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    assert run("study", "invite", "trial", "--pseudonyms", "names.txt", "--out", "links.csv") == 0
    both = ("--links", "links.csv", "--contacts", "contacts.csv")
    Path("contacts.csv").write_text('participant,address\nanna,"a@x.org, b@x.org"\n', encoding="utf-8")
    assert run("study", "contacts", "trial", *both) == 2
    assert "1 addresses are none: of 'anna'" in capsys.readouterr().err
    Path("contacts.csv").write_text(
        "participant,address\nanna,a@x.org\nben,b@x.org\nanna,\n", encoding="utf-8"
    )
    assert run("study", "contacts", "trial", *both) == 2  # which of the two is hers, nobody can tell
    assert "contacts.csv names 1 people twice: 'anna'" in capsys.readouterr().err
    Path("contacts.csv").write_text(
        "participant,address\nanna,a@x.org\nbenn,b@x.org\ncleo,\n", encoding="utf-8"
    )
    assert run("study", "contacts", "trial", *both) == 0
    said = capsys.readouterr()
    assert "1 addresses kept" in said.out and "Note: 1 people have no row in links.csv: 'benn'" in said.err
    assert run("study", "send", "trial") == 2
    assert "no way to send" in capsys.readouterr().err
    monkeypatch.setenv("DTA_SMTP", post[1])
    for words in ("1 sent", "nothing was due"):
        assert run("study", "send", "trial") == 0
        said = capsys.readouterr()
        assert words in said.out
        assert "a@x.org" not in said.out + said.err
    assert [address for address, _, _ in post[0].taken] == ["a@x.org"]
    assert run("study", "relink", "trial", "anna", "--out", "new.csv") == 0
    assert run("study", "contacts", "trial", *both) == 2
    assert "1 of 1 links are not those of their people: 'anna'" in capsys.readouterr().err


def test_guessing_links_of_messages_is_slowed(engine: Engine, keyring: Keyring) -> None:
    site = Site(engine, keyring, "anna")
    with TestClient(create_app(engine, keyring, limit=GuessLimit(guesses=5))) as client:
        codes = [client.get(f"/stop/guess{k}").status_code for k in range(7)]
        assert codes == [404] * 5 + [429] * 2
        assert client.get(f"/stop/{site.tokens['anna']}").status_code == 200
