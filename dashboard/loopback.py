"""Without sign-in the dashboard answers this machine alone: by one of its own names, and never passed on."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
PASSED_ON = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "x-original-host", "x-original-url"})
PREFIX_OF_PROXIES = "x-forwarded"
BY_NAME = "The dashboard answers at localhost, 127.0.0.1 and [::1] only."
NOT_PASSED_ON = "The dashboard has no sign-in and answers no request that a proxy passed on."
FROM_ELSEWHERE = "The dashboard answers no request that a page of another site makes."
Headers = Iterable[tuple[bytes, bytes]]


class Loopback:
    """ASGI layer before a dashboard without sign-in: pages, tools, media, uploads and sockets alike.

    A name that someone points at the loopback address makes a browser read this server for a foreign page:
    the name in `Host` tells. A proxy makes the loopback address everyone's: its headers tell. A foreign page
    may also ask by the right name: `Origin` and `Sec-Fetch-Site` tell; a link that was followed is fine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass what this machine asks for; refuse the rest."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        reason = refusal(scope["headers"], method=scope.get("method", "GET"))
        if reason is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(reason, status_code=403)(scope, receive, send)


def refusal(headers: Headers, *, method: str = "GET") -> str | None:
    """Say why a request is not answered.

    Parameters
    ----------
    headers
        Names and values as they came.
    method
        Of the request; a socket counts as GET.

    Returns
    -------
    str or None
        The reason; None for a request of this machine's own.

    Examples
    --------
    >>> refusal([(b"host", b"127.0.0.1:8000")])
    >>> refusal([(b"host", b"rebound.example:8000")])
    'The dashboard answers at localhost, 127.0.0.1 and [::1] only.'
    """
    given = [(name.decode("latin-1").lower(), value.decode("latin-1").strip()) for name, value in headers]
    hosts = [value for name, value in given if name == "host"]
    if len(hosts) != 1 or not _is_ours(hosts[0]):
        return BY_NAME
    if any(name in PASSED_ON or name.replace("_", "-").startswith(PREFIX_OF_PROXIES) for name, _ in given):
        return NOT_PASSED_ON
    origins = [value for name, value in given if name == "origin"]
    if any(not _is_origin_of(origin, hosts[0]) for origin in origins):
        return FROM_ELSEWHERE
    fetch = {name: value.lower() for name, value in given if name.startswith("sec-fetch-")}
    followed = method in ("GET", "HEAD") and fetch.get("sec-fetch-dest") == "document"
    if fetch.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
        return FROM_ELSEWHERE
    return None


def _is_ours(host: str) -> bool:
    """Whether a Host header is one of the three names, with a port or without."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        name = host
    return name.lower() in NAMES and (not colon or (port.isascii() and port.isdigit() and len(port) <= 5))


def _is_origin_of(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
