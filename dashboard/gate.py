"""Keep everything but the sign-in page from those who are not signed in, below Streamlit itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.signing_in import SignIn

OPEN = frozenset(
    {
        "",
        "auth/login",
        "auth/logout",
        "oauth2callback",
        "_stcore/health",
        "_stcore/host-config",
        "_stcore/stream",  # carries the sign-in page; the script stops there (views/door.py)
    }
)
COOKIE = "_streamlit_user"


class Gate:
    """ASGI layer before the dashboard: no file, no upload, no tool without a sign-in that is on the list.

    The pages themselves come by the stream, and `dashboard.views.door` keeps them. Cookies are bound to the
    dashboard's path, and to TLS where the public address has it.
    """

    def __init__(self, app: ASGIApp, sign_in: SignIn) -> None:
        self.app = app
        self.sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass what is open or allowed, at the path a browser sees; refuse the rest."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        inner = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        if not is_open(inner) and not self.sign_in.admits(user_of(HTTPConnection(scope), self.sign_in)):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await PlainTextResponse("Sign in first.", status_code=401)(scope, receive, send)
            return
        path = f"{self.sign_in.path}/{inner}"
        there = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        await self.app(there, receive, self._bound(send, hosts))

    def _bound(self, send: Send, hosts: list[bytes]) -> Send:
        def bind(name: bytes, value: bytes) -> bytes:
            if name.lower() == b"set-cookie":
                return self._cookie(value)
            return without_host(value, hosts) if name.lower() == b"location" else value

        async def bound(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(name, bind(name, value)) for name, value in message.get("headers", [])]
            await send(message)

        return bound

    def _cookie(self, value: bytes) -> bytes:
        text = value.decode("latin-1")
        if self.sign_in.path:
            ends = [
                f"Path={self.sign_in.path}" if part.strip().lower() == "path=/" else part
                for part in text.split("; ")
            ]
            text = "; ".join(ends)
        if self.sign_in.encrypted and "; secure" not in text.lower():
            text += "; Secure"
        return text.encode("latin-1")


def without_host(location: bytes, hosts: list[bytes]) -> bytes:
    """Make a redirect to this server relative: the name in the request is the asker's word.

    Parameters
    ----------
    location
        Where a response leads.
    hosts
        Values of the request's Host header.

    Returns
    -------
    bytes
        The path alone where the address repeats a Host header; else as it was.

    Examples
    --------
    >>> without_host(b"http://evil.example/static/", [b"evil.example"])
    b'/static/'
    >>> without_host(b"https://id.example.org/login", [b"study.example.org"])
    b'https://id.example.org/login'
    """
    for host in hosts:
        for scheme in (b"http://", b"https://"):
            if location.lower().startswith(scheme + host.lower() + b"/"):
                return b"/" + location[len(scheme + host) :].lstrip(b"/")
    return location


def is_open(path: str) -> bool:
    """Say whether anyone may ask for a path: the sign-in, the look of the pages, and their empty frame.

    Parameters
    ----------
    path
        Below the dashboard, without a slash at either end.

    Returns
    -------
    bool
        False for media, uploads, components, files of the app and tools.

    Examples
    --------
    >>> is_open("static/js/index.js"), is_open("reliability"), is_open("media/3f.csv")
    (True, True, False)
    """
    if path in OPEN or path.startswith("static/"):
        return ".." not in path
    return "/" not in path and path not in ("media", "component", "app", "_stcore")


def user_of(connection: HTTPConnection, sign_in: SignIn) -> Mapping[str, Any]:
    """Read the claims that Streamlit's signed cookie holds.

    Parameters
    ----------
    connection
        Request or socket.
    sign_in
        Knows the key of the signature.

    Returns
    -------
    mapping
        Empty without a cookie, or with one that was not signed here.
    """
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

    def single(name: str) -> bytes | None:
        raw = connection.cookies.get(name)
        return (
            None if raw is None else decode_signed_value(sign_in.cookie_secret, name, raw.encode("latin-1"))
        )

    try:
        value = get_cookie_with_chunks(single, COOKIE)
        claims = json.loads(value) if value else {}
    except (ValueError, TypeError, UnicodeError):
        return {}
    return claims if isinstance(claims, dict) else {}
