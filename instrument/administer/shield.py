"""Around every page: security headers, a limit on bodies, logs without tokens or answers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

log = logging.getLogger("dta.questionnaire")

MOST_BYTES = 65_536
MOST_BYTES_OF_PROGRAMS = 1_048_576
INTERFACE = ("/events", "/fhir/", "/openapi.json")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def for_programs(path: str) -> bool:
    """Whether a path belongs to the interface for programs.

    Parameters
    ----------
    path
        Path of the request.

    Returns
    -------
    bool
        True for events, FHIR and the description of the interface.
    """
    return path.startswith(INTERFACE)


class BodyTooLargeError(HTTPException):
    """More was sent than any page or program of ours sends."""

    def __init__(self) -> None:
        super().__init__(413, detail="the body is too large")


class Shield:
    """ASGI layer that adds headers, bounds bodies and logs the route, never the address."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, received = time.perf_counter(), 500, 0
        most = MOST_BYTES_OF_PROGRAMS if for_programs(scope["path"]) else MOST_BYTES

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise BodyTooLargeError
            return message

        async def dressed(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message.get("headers", [])}
                added = [
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in given
                ]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        try:
            await self._app(scope, bounded, dressed)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            line = {
                "route": route,
                "method": scope["method"],
                "status": status,
                "ms": round(1000 * (time.perf_counter() - began), 1),
            }
            log.info(json.dumps(line))
