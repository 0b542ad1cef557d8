"""Sheets: one showing of a page of questions has an id, and where a study wants it a key for use off line."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from instrument.administer.entry import place_in, site_of
from instrument.administer.session import STUDY_MARK
from instrument.store.tokens import Keyring
from instrument.study import Study

FORGET = "DTA-Forget"
IV_BYTES = 12
LONGEST_SECONDS = 86_400.0
SLACK_SECONDS = 5.0
_SHEET = re.compile(r"([A-Za-z0-9]{1,16})\.[A-Za-z0-9_-]{16}\.([0-9]{13})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a page carries of itself.

    Attributes
    ----------
    id
        Known again when the page is sent again.
    timed
        Whether the script may say how long the page was seen.
    key, until
        Off line: key of this very page, and the last moment (milliseconds since 1970) its answers may wait.
    offline
        Address of the pages that are shown without a network; empty where the study wants none kept.
    """

    id: str
    timed: bool
    key: str = field(default="", repr=False)
    until: int = 0
    offline: str = ""

    @property
    def scripts(self) -> tuple[str, ...]:
        """Scripts of the page."""
        wanted = {"offline.js": bool(self.offline), "timing.js": self.timed}
        return tuple(name for name, used in wanted.items() if used)


def new_sheet(request: Request, study: Study, person: Any, until: datetime) -> Sheet | None:
    """Make the sheet of a page that is about to be shown.

    Parameters
    ----------
    request
        The request.
    study, person
        Study, and row of the participant.
    until
        Moment at which the questions close.

    Returns
    -------
    Sheet or None
        None where the study asks for neither times nor a page off line: the page then has no script at all.
    """
    if not (study.timing or study.offline):
        return None
    site, place = site_of(request), place_in(request)
    now = int(1000 * datetime.now(UTC).timestamp())
    name = f"{site.keyring.newest}.{secrets.token_urlsafe(12)}.{now}"
    if not study.offline:
        return Sheet(id=name, timed=study.timing)
    key = base64.urlsafe_b64encode(_key(site.keyring, person, name)).decode().rstrip("=")
    return Sheet(
        id=name,
        timed=study.timing,
        key=key,
        until=int(1000 * until.timestamp()),
        offline=f"{site.prefix}/offline/{place[:STUDY_MARK]}",
    )


def _key(keyring: Keyring, person: Any, sheet: str) -> bytes:
    """Key of a page: made from the server's keys and the person's link, so it ends with either."""
    subkey = keyring.subkey("off line", sheet.partition(".")[0])
    return hmac.new(subkey, f"{person.id}:{person.token_hash}:{sheet}".encode(), hashlib.sha256).digest()


def shown_at(keyring: Keyring, sheet: str) -> datetime | None:
    """Moment at which a page was shown.

    Parameters
    ----------
    keyring
        Keys.
    sheet
        Id of the page, as it came.

    Returns
    -------
    datetime.datetime or None
        None where it is no id of ours.
    """
    found = _SHEET.fullmatch(sheet)
    if found is None or found.group(1) not in keyring.keys:
        return None
    return datetime.fromtimestamp(int(found.group(2)) / 1000, UTC)


def opened_sheet(keyring: Keyring, person: Any, sheet: str, data: bytes) -> tuple[str, str] | None:
    """Open what a browser kept of a page while there was no network.

    Parameters
    ----------
    keyring
        Keys.
    person
        Row of the participant whose session sends it.
    sheet, data
        Id of the page, and what was kept: twelve bytes drawn at random, then the rest.

    Returns
    -------
    tuple or None
        Path of the page below the person's pages, and its form as text; None where it was not made for this
        person and page, or was altered.
    """
    if shown_at(keyring, sheet) is None or len(data) <= IV_BYTES:
        return None
    try:
        plain = AESGCM(_key(keyring, person, sheet)).decrypt(data[:IV_BYTES], data[IV_BYTES:], sheet.encode())
        kept = json.loads(plain)
        return str(kept["path"]), str(kept["body"])
    except (InvalidTag, ValueError, KeyError, TypeError):
        return None


def seconds_seen(keyring: Keyring, form: Any) -> tuple[str, float] | None:
    """Sheet and seconds that a page was seen, as its script says.

    Parameters
    ----------
    keyring
        Keys.
    form
        What was posted.

    Returns
    -------
    tuple or None
        None where no script ran, or it says what cannot be: more than a day, or than has passed.
    """
    sheet, said = str(form.get("sheet", "")), str(form.get("seen_ms", ""))
    shown = shown_at(keyring, sheet)
    if shown is None or not (said.isascii() and said.isdigit() and len(said) < 10):
        return None
    seconds = int(said) / 1000
    passed = (datetime.now(UTC) - shown).total_seconds() + SLACK_SECONDS
    return (sheet, seconds) if seconds <= min(LONGEST_SECONDS, passed) else None


def forgetting(response: Response, study: Study, place: str) -> Response:
    """Tell the browser to keep nothing more of a person; what can still be delivered is delivered first.

    Parameters
    ----------
    response
        The page that is sent.
    study, place
        Study, and place of the person's pages.

    Returns
    -------
    starlette.responses.Response
        The same.
    """
    if study.offline and place:
        response.headers[FORGET] = place
    return response
