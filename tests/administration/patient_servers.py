"""Waiting for other processes as long as a busy machine may need; how long is in this file alone."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 180.0
"""Seconds after which a test gives up what others do; no test says how fast a machine is."""


def until(condition: Callable[[], Any], seconds: float = PATIENCE, pause: float = 0.03) -> Any:
    """The first true value of a condition; it must be complete once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(pause)
    raise TimeoutError


def free_port() -> int:
    """A port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until something listens on a port; a process that ended before will not."""

    def heard() -> bool:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", port)) == 0

    until(heard, pause=0.1)


def ended(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to end and wait for it."""
    process.terminate()
    return process.wait(PATIENCE)
