"""Around every page: security headers, a limit on bodies, logs without tokens or answers."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer import patience
from instrument.administer.patience import SlowBodyError, patient_for

log = logging.getLogger("dta.questionnaire")

MOST_BYTES = 65_536
MOST_BYTES_OF_PROGRAMS = 1_048_576
OURS = "/instrument/"
INTERFACE = ("/events", "/fhir/", "/openapi.json")
CLOSE = {"connection": "close"}
POLICY_HEADER = "Content-Security-Policy"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
POLICY_OF_SCRIPTS = "script-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'"
"""Only where a study asks for times or for a page off line: files of this server, nothing inline."""
HEADERS = {
    POLICY_HEADER: POLICY,
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


def place_of(error: BaseException) -> str:
    """Where an error was raised, in our own files where it came through one.

    Parameters
    ----------
    error
        As caught.

    Returns
    -------
    str
        Such as `store/answers.py:210`; never a value.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if OURS in frame.filename.replace("\\", "/")] or frames
    if not ours:
        return "an unknown place"
    name = ours[-1].filename.replace("\\", "/")
    return f"{name.rpartition(OURS)[2]}:{ours[-1].lineno}"


class Shield:
    """ASGI layer that adds headers, bounds bodies and logs the route, never the address.

    Errors end here: what a server prints of them could hold what was posted, so the log gets their kind and
    place, and the browser a page.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        fault: Callable[[Request, Exception], Response],
    ) -> None:
        self._app = app
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, received, answering = time.perf_counter(), 500, 0, False
        most = MOST_BYTES_OF_PROGRAMS if for_programs(scope["path"]) else MOST_BYTES

        timely = patient_for(patience.BODY_SECONDS, receive)

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal received
            try:
                message = await timely()
            except SlowBodyError:
                raise HTTPException(408, detail="the body took too long", headers=CLOSE) from None
            received += len(message.get("body", b""))
            if received > most:
                raise BodyTooLargeError
            return message

        async def dressed(message: MutableMapping[str, Any]) -> None:
            nonlocal status, answering
            if message["type"] == "http.response.start":
                answering = True
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
        except Exception as error:
            log.error("%s at %s", type(error).__name__, place_of(error))
            if not answering:
                response = await run_in_threadpool(self._fault, Request(scope, receive), error)
                await response(scope, receive, dressed)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            line = {
                "route": route,
                "method": scope["method"],
                "status": status,
                "ms": round(1000 * (time.perf_counter() - began), 1),
            }
            log.info(json.dumps(line))
