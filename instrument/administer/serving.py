"""Run the questionnaire with uvicorn: quiet about addresses, graceful at the end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import uvicorn

from instrument.administer.patience import ImpatientProtocol
from instrument.errors import ToolkitError, fact_and_hint

GRACE_SECONDS = 10
THREADS = 4  # more only take turns at the interpreter, and everyone waits longer


class ServingError(ToolkitError):
    """The server cannot start as asked."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only.

    Parameters
    ----------
    host
        Name or address.

    Returns
    -------
    bool
        True for localhost, 127.0.0.0/8 and ::1.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def free_port(host: str, port: int) -> None:
    """Refuse a port that is taken, before anything starts.

    Parameters
    ----------
    host, port
        Where to listen.

    Raises
    ------
    ServingError
        It is taken or may not be opened.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fact = f"port {port} on {host} cannot be opened ({error.strerror})."
            raise ServingError(fact_and_hint("dta serve", fact, "choose another with --port.")) from None


class _Server(uvicorn.Server):
    """Closes the store while it shuts down: afterwards the signal ends the process at once."""

    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._at_end = at_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way, then close."""
        await super().shutdown(sockets)
        self._at_end()


def _nothing() -> None:
    """Nothing is left to close."""


def run(
    app: Any,
    host: str,
    port: int,
    *,
    behind_proxy: bool = False,
    at_end: Callable[[], None] = _nothing,
) -> None:
    """Serve until stopped; requests under way are finished first.

    Parameters
    ----------
    app
        ASGI application.
    host, port
        Where to listen.
    behind_proxy
        Trust the forwarded address of a proxy on this machine.
    at_end
        Called when the last request is done, such as the store's `dispose`.

    Raises
    ------
    ServingError
        The port is taken.
    """
    free_port(host, port)
    ours = logging.getLogger("dta.questionnaire")
    if not ours.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=behind_proxy,
        forwarded_allow_ips="127.0.0.1" if behind_proxy else None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=ImpatientProtocol,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(_Server(config, at_end)))


async def _serve(server: uvicorn.Server) -> None:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    await server.serve()
