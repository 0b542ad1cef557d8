"""Who is at the door: a signed cookie after the link, a form token that does not expire, slow guessing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from starlette.requests import Request

from instrument.store.tokens import Keyring

COOKIE = "dta_session"
LANGUAGE_COOKIE = "dta_language"
COOKIE_SECONDS = 60 * 60 * 24 * 30
STUDY_MARK, PERSON_MARK = 10, 16
GUESSES = 20
PER_SECONDS = 300.0
MOST_CLIENTS = 10_000


def _sign(keyring: Keyring, purpose: str, text: str, name: str | None = None) -> str:
    digest = hmac.new(keyring.subkey(purpose, name), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _signed(keyring: Keyring, purpose: str, text: str, given: str) -> bool:
    """Whether one of the keys signed this: a new key throws nobody out."""
    return any(same(given, _sign(keyring, purpose, text, name)) for name in keyring.keys)


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


def is_cookie_of(keyring: Keyring, value: str, participant_id: int, token_hash: str) -> bool:
    """Whether a cookie was made for this person's link.

    Parameters
    ----------
    keyring
        Keys; each is tried.
    value
        As sent.
    participant_id, token_hash
        Whose session it would be.

    Returns
    -------
    bool
        False for another person, an altered signature, or the link before a new one was made.
    """
    _, _, signature = value.partition(".")
    same_person = cookie_number(value) == participant_id
    return _signed(keyring, "cookie", f"{participant_id}:{token_hash}", signature) and same_person


def _study_mark(keyring: Keyring, study_id: int, name: str | None = None) -> str:
    return hmac.new(keyring.subkey("study", name), str(study_id).encode(), hashlib.sha256).hexdigest()[
        :STUDY_MARK
    ]


def _person_mark(token_hash: str) -> str:
    return hashlib.sha256(f"place:{token_hash}".encode()).hexdigest()[:PERSON_MARK]


def place_of(keyring: Keyring, study_id: int, token_hash: str) -> str:
    """Part of every path of a person's pages: it says whose page it is, and opens nothing.

    One browser may have opened links of several people. A page that only followed the cookie would change
    its owner when the next link is opened; its path does not.

    Parameters
    ----------
    keyring
        Keys.
    study_id, token_hash
        Whose pages.

    Returns
    -------
    str
        A mark of the study, which only this server can tell, then a mark of the person's link.
    """
    return _study_mark(keyring, study_id) + _person_mark(token_hash)


def is_place_of(place: str, token_hash: str) -> bool:
    """Whether a path belongs to a person's link.

    Parameters
    ----------
    place
        From the path.
    token_hash
        Of the person whose cookie came.

    Returns
    -------
    bool
        False for the pages of anyone else.
    """
    return len(place) == STUDY_MARK + PERSON_MARK and same(place[STUDY_MARK:], _person_mark(token_hash))


def is_in_study(keyring: Keyring, place: str, study_id: int) -> bool:
    """Whether a path belongs to a study, also when its person is no longer known.

    Parameters
    ----------
    keyring
        Keys; each is tried.
    place
        From the path.
    study_id
        Number of the study.

    Returns
    -------
    bool
        False for other studies and for marks that this server did not make.
    """
    return any(same(place[:STUDY_MARK], _study_mark(keyring, study_id, name)) for name in keyring.keys)


def form_token(keyring: Keyring, participant_id: int, token_hash: str, made_for: str) -> str:
    """Token that a form carries: whose it is and what it was made for. It lasts as long as the link.

    Parameters
    ----------
    keyring
        Keys.
    participant_id, token_hash
        Whose form it is.
    made_for
        Such as `attempt 12`: a page of one wave stores nothing at the next.

    Returns
    -------
    str
        Text for a hidden field.
    """
    return _sign(keyring, "form", f"{participant_id}:{token_hash}:{made_for}")


def is_form_of(keyring: Keyring, given: object, participant_id: int, token_hash: str, made_for: str) -> bool:
    """Whether a form was made for this person and this purpose.

    Parameters
    ----------
    keyring
        Keys; each is tried.
    given
        What came in the hidden field.
    participant_id, token_hash, made_for
        As for `form_token`.

    Returns
    -------
    bool
        Whether it fits.
    """
    text = f"{participant_id}:{token_hash}:{made_for}"
    return isinstance(given, str) and _signed(keyring, "form", text, given)


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
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


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


def part_of_network(client: str) -> str:
    """Part of the network that an address lies in: one house, clinic or provider.

    Parameters
    ----------
    client
        Address of the client.

    Returns
    -------
    str
        The first three numbers of an IPv4 address, the first 48 bits of an IPv6 address; another name whole.

    Examples
    --------
    >>> part_of_network("203.0.113.9"), part_of_network("2001:db8:1:2::9"), part_of_network("-")
    ('203.0.113.0/24', '2001:db8:1::/48', '-')
    """
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


class Pace:
    """Brake on scripts at an open link: decisions of an hour by part of the network, and each once.

    An address is never kept: only a hash with a salt that ends with the process, for an hour, in memory.
    """

    def __init__(self, seconds: float = 3600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._salt = secrets.token_bytes(32)
        self._times: OrderedDict[bytes, deque[float]] = OrderedDict()
        self._decided: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def _hash(self, *parts: object) -> bytes:
        return hmac.new(self._salt, repr(parts).encode(errors="replace"), hashlib.sha256).digest()

    def take(self, study_id: int, client: str, most: int) -> bool:
        """Count one more decision; False, and not counted, where the hour has had so many."""
        name = self._hash("from", study_id, part_of_network(client))
        with self._lock:
            times, now = self._times.setdefault(name, deque()), self._clock()
            self._times.move_to_end(name)
            while times and now - times[0] >= self._seconds:
                times.popleft()
            if len(times) >= most:
                return False
            times.append(now)
            while len(self._times) > MOST_CLIENTS:
                self._times.popitem(last=False)
            return True

    def decided(self, ticket: str, answers: Mapping[str, str]) -> str | None:
        """What was said to this page with these answers before, None for nothing: a reload counts nobody."""
        with self._lock:
            return self._decided.get(self._hash("page", ticket, sorted(answers.items())))

    def decide(self, ticket: str, answers: Mapping[str, str], outcome: str) -> None:
        """Remember what was said."""
        with self._lock:
            self._decided[self._hash("page", ticket, sorted(answers.items()))] = outcome
            while len(self._decided) > MOST_CLIENTS:
                self._decided.popitem(last=False)


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
