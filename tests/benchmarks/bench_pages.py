"""How long a page of the questionnaire takes to be saved when fifty people press Next at once.

Beside it, in the same run and on the same database: a POST of FastAPI that does nothing but one durable commit.

    python tests/benchmarks/bench_pages.py                 # a PostgreSQL cluster of its own, where it is installed
    python tests/benchmarks/bench_pages.py --people 20
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx2 as httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "administration"))
from server_user import as_server_user
from study_of_tests import open_study

from instrument.store.connect import open_store, upgrade_store
from instrument.store.tokens import load_keyring

SERVERS = {
    "pages": (
        "import sys; from instrument.administer.application import create_app; "
        "from instrument.administer.serving import run; from instrument.store.connect import open_store; "
        "from instrument.store.tokens import load_keyring; import logging; "
        "logging.getLogger('dta.questionnaire').addHandler(logging.NullHandler()); "
        "run(create_app(open_store(sys.argv[1]), load_keyring(sys.argv[2], {})), '127.0.0.1', int(sys.argv[3]))"
    ),
    "trivial": (
        "import sys; from fastapi import FastAPI, Form; from sqlalchemy import text; "
        "from instrument.administer.serving import run; from instrument.store.connect import open_store; "
        "engine = open_store(sys.argv[1]); app = FastAPI()\n"
        "with engine.begin() as c: c.execute(text('CREATE TABLE IF NOT EXISTS bench_row (body TEXT)'))\n"
        "@app.post('/')\n"
        "def post(body: str = Form()) -> dict[str, bool]:\n"
        "    with engine.begin() as c: c.execute(text('INSERT INTO bench_row VALUES (:b)'), {'b': body})\n"
        "    return {'kept': True}\n"
        "run(app, '127.0.0.1', int(sys.argv[3]))"
    ),
}
PAGES = 7


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(which: str, url: str, keys: Path) -> Iterator[int]:
    port = free_port()
    code = SERVERS[which]
    server = subprocess.Popen(
        [sys.executable, "-c", code, url, str(keys), str(port)], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def postgres(folder: Path) -> Iterator[str | None]:
    """URL of a cluster of its own that commits durably; None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        yield None
        return
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    port, data, bin_ = free_port(), folder / "data", found[-1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    quiet = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(as_server_user([f"{bin_}/initdb", "-D", str(data), "-U", "bench", "-A", "trust"]), **quiet)
    start = [f"{bin_}/pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start"]
    subprocess.run(as_server_user(start), **quiet)
    try:
        yield f"postgresql+psycopg://bench@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(as_server_user([f"{bin_}/pg_ctl", "-D", str(data), "-m", "fast", "stop"]), **quiet)


def begun(port: int, token: str) -> tuple[str, str, list[tuple[str, bytes]]]:
    """Walk to the first page; give cookie, place and the posts of the seven pages."""
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(
        base_url=base, follow_redirects=True, headers={"sec-fetch-site": "same-origin"}
    ) as client:
        text = client.get(f"/q/{token}").text
        place = re.findall(r'action="(/s/[^/]+)/survey/consent"', text)[0]

        def sealed(page: str) -> str:
            return re.findall(r'name="form_token" value="([^"]+)"', page)[-1]

        text = client.post(
            f"{place}/survey/consent", data={"form_token": sealed(text), "consent": "yes"}
        ).text
        text = client.post(f"{place}/survey/start", data={"form_token": sealed(text)}).text
        seal, posts = sealed(text), []
        for number in range(1, PAGES + 1):
            fields = set(re.findall(r'name="(item-[^"]+)"', client.get(f"{place}/survey/page/{number}").text))
            body = urlencode(
                {"form_token": seal, "go": "next", **dict.fromkeys(sorted(fields), "4")}
            ).encode()
            posts.append((f"{place}/survey/page/{number}", body))
        return client.cookies["dta_session"], place, posts


async def person(
    port: int, cookie: str, posts: list[tuple[str, bytes]], gate: asyncio.Barrier
) -> list[float]:
    """One person on one connection: each post is sent when the answer to the one before has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    await gate.wait()
    for path, body in posts:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n"
            f"Cookie: dta_session={cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", answer)
        await reader.readexactly(int(length.group(1)) if length else 0)
        took.append(time.perf_counter() - began)
        if not answer.startswith(("http/1.1 303", "http/1.1 200")):
            raise SystemExit(f"not kept: {answer.splitlines()[0]}")
    writer.close()
    return took


async def crowd(port: int, everyone: list[tuple[str, list[tuple[str, bytes]]]]) -> list[float]:
    gate = asyncio.Barrier(len(everyone))
    rows = await asyncio.gather(*(person(port, cookie, posts, gate) for cookie, posts in everyone))
    return [one for row in rows for one in row]


def line(name: str, took: list[float]) -> float:
    took = sorted(1000 * one for one in took)
    p95 = took[int(0.95 * (len(took) - 1))]
    print(f"  {name:8} n={len(took):4}  median {statistics.median(took):6.1f} ms  p95 {p95:6.1f} ms")
    return statistics.median(took)


def measure(name: str, url: str, folder: Path, people: int, rounds: int) -> None:
    print(name)
    engine, keys = open_store(url), folder / f"{name}.keys"
    upgrade_store(engine)
    _, _, tokens = open_study(engine, load_keyring(keys, {}), people * rounds)
    medians: dict[str, list[float]] = {"pages": [], "trivial": []}
    every: dict[str, list[float]] = {"pages": [], "trivial": []}
    with served("pages", url, keys) as pages, served("trivial", url, keys) as trivial:
        for turn in range(rounds):
            met = [begun(pages, token) for token in tokens[turn * people : (turn + 1) * people]]
            posts = [(cookie, posts) for cookie, _, posts in met]
            plain = [("-", [("/", urlencode({"body": "4" * 200}).encode())] * PAGES) for _ in range(people)]
            for which, port, sent in (("trivial", trivial, plain), ("pages", pages, posts)):
                took = asyncio.run(crowd(port, sent))
                every[which] += took
                medians[which].append(statistics.median(took))
    engine.dispose()
    line("trivial", every["trivial"])
    line("pages", every["pages"])
    ratios = [p / t for p, t in zip(medians["pages"], medians["trivial"], strict=True)]
    print(
        f"  ratio of the medians: {statistics.median(ratios):.2f} (rounds: {', '.join(f'{r:.2f}' for r in ratios)})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(
        f"{given.people} at once, {PAGES} pages each, load before {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory(prefix="bench") as scratch:
        work = Path(scratch)
        measure("sqlite", f"sqlite:///{work / 'store.sqlite'}", work, given.people, given.rounds)
    place = Path(tempfile.mkdtemp(prefix="benchpg"))
    with tempfile.TemporaryDirectory(prefix="bench") as scratch, postgres(place) as address:
        if address is not None:
            measure("postgresql", address, Path(scratch), given.people, given.rounds)
    shutil.rmtree(place, ignore_errors=True)
