"""How long a connection may take: whoever sends a request drop by drop holds no place for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ImpatientProtocol(H11Protocol):
    """HTTP of uvicorn that closes a connection whose request line and headers are not there in time.

    The clock starts with the connection, and again when something more comes after a complete answer; it does
    not start anew with each byte.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._clock: asyncio.TimerHandle | None = None
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when a request is under way."""
        self._start_clock()
        super().data_received(data)
        if self._under_way():
            self._stop_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def _under_way(self) -> bool:
        taken_over = self.transport.get_protocol() is not self  # a socket has its own rules
        return taken_over or (self.cycle is not None and not self.cycle.response_complete)

    def _start_clock(self) -> None:
        if self._clock is None and not self._under_way():
            self._clock = self.loop.call_later(HEADER_SECONDS, self._end)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _end(self) -> None:
        self._clock = None
        if not self._under_way():
            self.transport.close()


class SlowBodyError(Exception):
    """The body of a request did not arrive in time."""


def patient_for(seconds: float, receive: Receive) -> Receive:
    """Bound the time in which a whole body arrives, however it is parted.

    Parameters
    ----------
    seconds
        For the body.
    receive
        Of the server.

    Returns
    -------
    callable
        As `receive`; raises SlowBodyError when the time is over.
    """
    ends = time.monotonic() + seconds
    complete = False

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal complete
        if complete:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, ends - time.monotonic()))
        except TimeoutError:
            raise SlowBodyError from None
        complete = not message.get("more_body", False)
        return message

    return bounded
