"""Who sends a request drop by drop holds no place for good, and whoever is only slow to think loses nothing."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from patient_servers import PATIENCE, free_port, until
from study_of_tests import open_study

from instrument.administer import patience
from instrument.administer.application import create_app
from instrument.administer.serving import _Server
from instrument.store.connect import open_store, require_newest_schema
from instrument.store.tokens import Keyring


@pytest.fixture
def port(tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    import uvicorn

    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.6)
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.6)
    engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
    require_newest_schema(engine)
    open_study(engine, keyring)
    number = free_port()
    config = uvicorn.Config(
        create_app(engine, keyring),
        port=number,
        access_log=False,
        log_level="error",
        http=patience.ImpatientProtocol,
        timeout_keep_alive=5,
    )
    server = _Server(config, engine.dispose)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield number
    server.should_exit = True
    thread.join(PATIENCE)


def seconds_until_closed(port: int, first: bytes, drop: bytes, most: float = 60.0) -> tuple[float, bytes]:
    """Send a beginning, then a drop every tenth of a second, until the server closes."""
    began, got = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(first)
        line.settimeout(0.1)
        while time.monotonic() - began < most:
            try:
                part = line.recv(4096)
                if not part:
                    return time.monotonic() - began, got
                got += part
            except TimeoutError:
                pass
            except ConnectionError:
                return time.monotonic() - began, got
            try:
                line.sendall(drop)
            except OSError:
                return time.monotonic() - began, got
    return most, got


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"GET", b""),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"b"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"G"),
    ],
)
def test_headers_that_never_end_are_cut_off(port: int, first: bytes, drop: bytes) -> None:
    taken, got = seconds_until_closed(port, first, drop)
    assert 0.4 < taken < 60  # the server closed; how soon after its limit hangs on the machine
    if first.endswith(b"\r\n\r\n"):
        assert b'{"status":"ok"}' in got


@pytest.mark.parametrize("path", ["/withdraw", "/events"])
def test_bodies_that_never_end_are_cut_off(port: int, path: str) -> None:
    kind = b"application/json" if path == "/events" else b"application/x-www-form-urlencoded"
    first = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 9000\r\n\r\n"
    taken, got = seconds_until_closed(port, first % (path.encode(), kind), b"a")
    assert 0.4 < taken < 60  # the server closed; how soon after its limit hangs on the machine
    assert got.startswith(b"HTTP/1.1 408") or got.startswith(b"HTTP/1.1 401")


def test_a_hundred_of_them_keep_no_one_out(port: int) -> None:
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for line in lines:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n")
    assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE).status_code == 200
    time.sleep(1)
    assert all(line.recv(10) == b"" for line in lines)
    for line in lines:
        line.close()


def test_a_connection_that_thinks_between_requests_stays(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            assert client.get("/health").status_code == 200
            time.sleep(0.8)
