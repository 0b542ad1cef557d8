"""Who is at the door: a signed cookie after the link, a form token that does not expire, slow guessing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections import OrderedDict, deque

from starlette.requests import Request

from instrument.store.tokens import Keyring

COOKIE = "dta_session"
GUESSES = 20
PER_SECONDS = 300.0
MOST_CLIENTS = 10_000


def _sign(keyring: Keyring, purpose: str, text: str) -> str:
    digest = hmac.new(keyring.subkey(purpose), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def cookie_value(keyring: Keyring, participant_id: int, token_hash: str) -> str:
    """Signed value of the session cookie; it holds no token and ends with the person's row.

    Parameters
    ----------
    keyring
        Keys.
    participant_id, token_hash
        Whose session it is.

    Returns
    -------
    str
        `number.signature`.
    """
    return f"{participant_id}.{_sign(keyring, 'cookie', f'{participant_id}:{token_hash}')}"


def cookie_number(value: str | None) -> int | None:
    """Number of the person a cookie speaks of, before its signature is checked.

    Parameters
    ----------
    value
        As sent.

    Returns
    -------
    int or None
        None when it has not the form of a cookie of ours.
    """
    number, dot, _ = (value or "").partition(".")
    ascii_digits = number.isascii() and number.isdigit() and len(number) < 16
    return int(number) if dot and ascii_digits else None


def form_token(keyring: Keyring, participant_id: int, token_hash: str) -> str:
    """Token that each form of a session carries; it lasts as long as the link.

    Parameters
    ----------
    keyring
        Keys.
    participant_id, token_hash
        Whose session it is.

    Returns
    -------
    str
        Text for a hidden field.
    """
    return _sign(keyring, "form", f"{participant_id}:{token_hash}")


def same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time.

    Parameters
    ----------
    given, expected
        Texts.

    Returns
    -------
    bool
        Whether they are equal.
    """
    return hmac.compare_digest(given.encode(), expected.encode())


def comes_from_here(request: Request) -> bool:
    """Whether a form was posted from a page of this very site.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    bool
        True when Sec-Fetch-Site says same-origin, or Origin names this host.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return False
    _, _, host = origin.partition("://")
    return bool(host) and host == request.headers.get("host")


class GuessLimit:
    """Counts failed tokens and codes of each client; memory is bounded."""

    def __init__(self, guesses: int = GUESSES, seconds: float = PER_SECONDS) -> None:
        self._guesses = guesses
        self._seconds = seconds
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def blocked(self, client: str) -> bool:
        """Whether this client has guessed too often of late."""
        with self._lock:
            times = self._failures.get(client)
            if times is None:
                return False
            now = time.monotonic()
            while times and now - times[0] > self._seconds:
                times.popleft()
            return len(times) >= self._guesses

    def failed(self, client: str) -> None:
        """Count one failure."""
        with self._lock:
            times = self._failures.setdefault(client, deque(maxlen=self._guesses))
            times.append(time.monotonic())
            self._failures.move_to_end(client)
            while len(self._failures) > MOST_CLIENTS:
                self._failures.popitem(last=False)
