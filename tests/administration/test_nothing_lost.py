"""Many people at once, reloads, double presses, and the server killed: what was acknowledged is stored."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest
from patient_servers import PATIENCE, ended, free_port, listening
from sqlalchemy import Engine, func, select

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import form_token, place_of
from study_of_tests import open_study

from instrument.store import tables
from instrument.store.audit import broken_line
from instrument.store.connect import open_store, upgrade_store
from instrument.store.people import invite
from instrument.store.tokens import Keyring, load_keyring, save_keyring

SERVER = Path(__file__).parent / "server_of_tests.py"
HERE = {"sec-fetch-site": "same-origin"}
CODES = ("1", "2", "3", "4", "5")


class KilledServer:
    """A server process that can be killed without warning and started again on the same port."""

    def __init__(self, url: str, keys: Path, log: Path) -> None:
        self.port = free_port()
        self._command = [sys.executable, str(SERVER), url, str(keys), str(self.port)]
        self._log = log.open("ab")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        listening(self.port, self._process)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        code = ended(self._process)
        self._log.close()
        return code


async def _send(client: httpx.AsyncClient, method: str, path: str, **sent: object) -> httpx.Response:
    """Try until the server answers, as a person with a poor connection does."""
    for _ in range(3600):
        try:
            return await client.request(method, path, **sent)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise TimeoutError(path)


async def _respond(
    base: str, token: str, draw: random.Random, acknowledged: dict[str, dict[str, int]], waits: list[float]
) -> None:
    """One person: six pages, some reloads and double presses; notes what was answered with a redirect."""
    async with httpx.AsyncClient(base_url=base, headers=HERE, timeout=PATIENCE) as client:
        page = await _send(client, "GET", f"/q/{token}", follow_redirects=True)
        place = place_of(page)
        consent = {"form_token": form_token(page.text), "consent": "yes"}
        page = await _send(client, "POST", f"{place}/survey/consent", data=consent, follow_redirects=True)
        await _send(client, "POST", f"{place}/survey/start", data={"form_token": form_token(page.text)})
        for number in range(1, 7):
            page = await _send(client, "GET", f"{place}/survey/page/{number}")
            if draw.random() < 0.1:
                page = await _send(client, "GET", f"{place}/survey/page/{number}")
            hidden = {"form_token": form_token(page.text)}
            fields = dict.fromkeys(re.findall(r'name="(item-\w+)"', page.text))
            assert fields, page.status_code
            answers = {field: draw.choice(CODES) for field in fields}
            sent = {**hidden, "go": "next", **answers}
            times = 2 if draw.random() < 0.1 else 1
            for _ in range(times):
                began = time.perf_counter()
                saved = await _send(client, "POST", f"{place}/survey/page/{number}", data=sent)
                waits.append(time.perf_counter() - began)
                if saved.status_code == 303:
                    known = acknowledged.setdefault(token, {})
                    known.update({field.removeprefix("item-"): int(code) for field, code in answers.items()})
            await asyncio.sleep(draw.random() * 0.05)
        await _send(client, "POST", f"{place}/survey/submit", data={**hidden, "submit_key": token})
        await _send(client, "POST", f"{place}/survey/submit", data={**hidden, "submit_key": token})


def _stored(engine: Engine, keyring: Keyring, tokens: list[str]) -> tuple[dict[str, dict[str, int]], int]:
    by_hash = {keyring.hash(token): token for token in tokens}
    query = (
        select(tables.participant.c.token_hash, tables.item.c.name, tables.response.c.value)
        .join(tables.administration, tables.administration.c.participant_id == tables.participant.c.id)
        .join(tables.response, tables.response.c.administration_id == tables.administration.c.id)
        .join(tables.item, tables.item.c.id == tables.response.c.item_id)
        .where(tables.response.c.value.is_not(None))
    )
    found: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            found.setdefault(by_hash[row.token_hash], {})[row.name] = row.value
        completed = select(func.count()).where(tables.administration.c.status == "completed")
        assert broken_line(connection) is None
        return found, int(connection.execute(completed).scalar_one())


def _storm(engine: Engine, store_url: str, folder: Path, people: int, kills: int) -> list[float]:
    """Run the storm and check that nothing acknowledged is lost; gives the waits of page posts."""
    keys = folder / "keys"
    keyring = Keyring({"k1": b"1" * 32})
    save_keyring(keyring, keys)
    assert load_keyring(keys, {}) == keyring
    _, _, tokens = open_study(engine, keyring, people=people)
    server = KilledServer(store_url, keys, folder / "log")
    acknowledged: dict[str, dict[str, int]] = {}
    waits: list[float] = []

    async def all_at_once() -> None:
        base = f"http://127.0.0.1:{server.port}"
        crowd = asyncio.gather(
            *(_respond(base, token, random.Random(k), acknowledged, waits) for k, token in enumerate(tokens))
        )
        for kill in range(kills):
            target = people * 6 * (kill + 1) // (kills + 2)
            while sum(len(a) for a in acknowledged.values()) < target * 5 and not crowd.done():
                await asyncio.sleep(0.02)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await crowd

    try:
        asyncio.run(all_at_once())
    finally:
        server.stop()
    stored, completed = _stored(engine, keyring, tokens)
    assert set(acknowledged) == set(tokens)
    for token, answers in acknowledged.items():
        assert answers.items() <= stored[token].items()
    assert completed == people
    log = (folder / "log").read_bytes()
    assert not any(token.encode() in log for token in tokens)
    assert b"Traceback" not in log
    return waits


def test_a_small_storm_with_two_kills_loses_nothing(engine: Engine, store_url: str, tmp_path: Path) -> None:
    _storm(engine, store_url, tmp_path, people=30, kills=2)


@pytest.mark.slow
def test_two_hundred_people_and_three_kills_lose_nothing(
    engine: Engine, store_url: str, tmp_path: Path
) -> None:
    _storm(engine, store_url, tmp_path, people=200, kills=3)


@pytest.mark.slow
def test_fifty_people_at_once_wait_little(engine: Engine, store_url: str, tmp_path: Path) -> None:
    waits = _storm(engine, store_url, tmp_path, people=50, kills=0)
    p95 = statistics.quantiles(waits, n=20)[-1]
    print(
        f"page POST p95 {1000 * p95:.0f} ms, median {1000 * statistics.median(waits):.0f} ms, n {len(waits)}"
    )


def test_a_store_opened_again_beside_a_server_keeps_what_is_written_later(
    tmp_path: Path, keyring: Keyring
) -> None:
    """The team page opens the store in the server's process; then another program opens and closes it."""
    url = str(tmp_path / "s.sqlite")
    serving = open_store(url)
    upgrade_store(serving)
    open_study(serving, keyring)
    elsewhere = (
        "import sys; from instrument.store.connect import open_store, upgrade_store\n"
        "engine = open_store(sys.argv[1]); upgrade_store(engine); engine.dispose()"
    )
    open_store(url).dispose()  # the server keeps its own connection meanwhile
    subprocess.run([sys.executable, "-c", elsewhere, url], check=True)
    with serving.begin() as connection:
        invite(connection, 1, keyring, ["acknowledged"])
    counted = (
        "import sqlite3, sys\n"
        "print(*sqlite3.connect(sys.argv[1]).execute('select count(*) from participant').fetchone())"
    )
    seen = subprocess.run([sys.executable, "-c", counted, url], check=True, capture_output=True, text=True)
    serving.dispose()
    assert seen.stdout.strip() == "2", "acknowledged, and gone"
