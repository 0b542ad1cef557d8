"""Ways to hand over messages (a mail server, a webhook to telephones) and signed notices to programs."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from instrument.errors import DefinitionError, fact_and_hint
from instrument.store.notices import Notice, NotSentError
from instrument.store.outbox import Outgoing

SERVER, HOOK = "DTA_SMTP", "DTA_WEBHOOK"
GATEWAY, GATEWAY_SECRET = "DTA_SMS", "DTA_SMS_SECRET"
NOTICES, NOTICES_SECRET = "DTA_NOTICES", "DTA_NOTICES_SECRET"
SHORTEST_SECRET = 32
SIGNATURE = "DTA-Signature"
SECONDS = 15.0


class Ways:
    """Ways to people by their channel; called with a message, it is sent by the way of its channel.

    Parameters
    ----------
    by_channel
        `mail`, `sms` or both: each sends one message, or raises `NotSentError`.
    """

    def __init__(self, by_channel: Mapping[str, Callable[[Outgoing], None]]) -> None:
        self._by_channel = dict(by_channel)

    @property
    def channels(self) -> frozenset[str]:
        """Channels that there are."""
        return frozenset(self._by_channel)

    def __call__(self, one: Outgoing) -> None:
        """Send one message."""
        self._by_channel[one.channel](one)


def transport_of(environment: Mapping[str, str] | None = None) -> Ways:
    """Give the ways that the environment names.

    Parameters
    ----------
    environment
        `DTA_SMTP` (`smtp://user:password@host:587`, `smtps://…`) or `DTA_WEBHOOK` (`https://…`) for letters,
        `DTA_SMS` (`https://…`) with `DTA_SMS_SECRET` for short messages; the process's by default.

    Returns
    -------
    Ways
        One or both.

    Raises
    ------
    DefinitionError
        None is set, or an address or a secret is unfit.
    """
    known, caller = os.environ if environment is None else environment, "dta study send"
    made: dict[str, Callable[[Outgoing], None]] = {}
    if named := known.get(SERVER):
        made["mail"] = by_mail(named)
    elif named := known.get(HOOK):
        made["mail"] = by_webhook(named)
    if named := known.get(GATEWAY):
        _refuse_open_address(named, GATEWAY, caller, "messages hold links, which are secrets.")
        secret = known.get(GATEWAY_SECRET, "")
        _refuse_short_secret(secret, GATEWAY_SECRET, caller)
        made["sms"] = by_sms(named, secret)
    if not made:
        fact = "there is no way to send messages."
        hint = f"set {SERVER}=smtp://user:password@host:587, {HOOK}=https://… or {GATEWAY}=https://…"
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    return Ways(made)


def by_sms(
    address: str, secret: str, *, seconds: float = SECONDS, clock: Callable[[], float] = time.time
) -> Callable[[Outgoing], None]:
    """Hand short messages to a gateway: a signed POST of `id`, `number`, `text`, `language` and `template`.

    Signed as notices are. Whoever sends them on knows a message again by its `id` and sends it once, answers
    2xx when it has taken it, 410 when the number wants no more, and 422 when it is none.

    Parameters
    ----------
    address
        `https://…`, or `http://` on this machine.
    secret
        Shared with the gateway.
    seconds
        How long it may be silent.
    clock
        Seconds since 1970.

    Returns
    -------
    callable
        Sends one message; anything but an answer of 2xx counts as not sent.
    """

    def send(one: Outgoing) -> None:
        said = {"id": one.message_id, "number": one.address, "text": one.body}
        body = json.dumps(said | {"language": one.lang, "template": one.template}, sort_keys=True).encode()
        headers = {SIGNATURE: signature_of(body, secret, int(clock()))}
        _post(address, body, headers, seconds, for_good=(410, 422), unwanted=(410,))

    return send


def by_mail(server: str, *, seconds: float = SECONDS) -> Callable[[Outgoing], None]:
    """Send through a mail server; encrypted where the server offers it, and always where a password is sent.

    Parameters
    ----------
    server
        Address such as `smtp://user:password@host:587` or `smtps://host`.
    seconds
        How long the server may be silent.

    Returns
    -------
    callable
        Sends one message.
    """
    parts = urlsplit(server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        fact = f"{SERVER} is no address of a mail server."
        raise DefinitionError(fact_and_hint("dta study send", fact, "write smtp://user:password@host:587."))
    secure, host = parts.scheme == "smtps", parts.hostname
    port = parts.port or (465 if secure else 25)

    def send(one: Outgoing) -> None:
        try:
            opened: smtplib.SMTP = (
                smtplib.SMTP_SSL(host, port, timeout=seconds, context=ssl.create_default_context())
                if secure
                else smtplib.SMTP(host, port, timeout=seconds)
            )
            with opened as link:
                if not secure and link.has_extn("starttls") is False:
                    link.ehlo()
                if not secure and link.has_extn("starttls"):
                    link.starttls(context=ssl.create_default_context())
                    link.ehlo()
                elif not secure and parts.username:
                    raise NotSentError("the server offers no encryption, so no password is sent")
                if parts.username:
                    link.login(unquote(parts.username), unquote(parts.password or ""))
                link.send_message(letter_of(one), to_addrs=[one.address])
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise NotSentError(
                "the address was refused", for_good=all(code >= 500 for code in codes)
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotSentError(type(error).__name__) from None

    return send


def letter_of(one: Outgoing) -> EmailMessage:
    """Give a message the form of a mail.

    Parameters
    ----------
    one
        The message.

    Returns
    -------
    email.message.EmailMessage
        Plain text; its id stays the same when it is tried again, so that servers know it.
    """
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = one.sender, one.address, one.subject
    mail["Message-ID"], mail["Date"] = one.message_id, format_datetime(datetime.now(UTC))
    mail["Auto-Submitted"] = "auto-generated"
    if one.stop:  # mail programs show a button for it; the page behind it takes one press (RFC 8058)
        mail["List-Unsubscribe"] = f"<{one.stop}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(one.body)
    return mail


def by_webhook(address: str, *, seconds: float = SECONDS) -> Callable[[Outgoing], None]:
    """Hand messages to a service: a POST of JSON with `id`, `to`, `subject` and `text`.

    Parameters
    ----------
    address
        `https://…`, or `http://` on this machine.
    seconds
        How long it may be silent.

    Returns
    -------
    callable
        Sends one message; anything but an answer of 2xx counts as not sent.
    """
    _refuse_open_address(address, HOOK, "dta study send", "messages hold links, which are secrets.")

    def send(one: Outgoing) -> None:
        body = {"id": one.message_id, "to": one.address, "subject": one.subject, "text": one.body}
        _post(address, json.dumps(body).encode(), {}, seconds)

    return send


def notifier_of(environment: Mapping[str, str] | None = None) -> Callable[[Notice], None]:
    """Give the way of notices that the environment names.

    Parameters
    ----------
    environment
        `DTA_NOTICES` (`https://…`) and `DTA_NOTICES_SECRET` (32 characters or more); the process's by
        default.

    Returns
    -------
    callable
        Sends one notice, or raises `NotSentError`.

    Raises
    ------
    DefinitionError
        One of the two is missing or unfit.
    """
    known, caller = os.environ if environment is None else environment, "dta study notify"
    address, secret = known.get(NOTICES, ""), known.get(NOTICES_SECRET, "")
    if not address:
        fact = "there is no address to send notices to."
        raise DefinitionError(fact_and_hint(caller, fact, f"set {NOTICES}=https://…"))
    _refuse_open_address(address, NOTICES, caller, "a notice says that somebody takes part.")
    _refuse_short_secret(secret, NOTICES_SECRET, caller)
    return by_signed_webhook(address, secret)


def _refuse_short_secret(secret: str, setting: str, caller: str) -> None:
    if len(secret) < SHORTEST_SECRET:
        fact = f"{setting} has {len(secret)} characters; it needs {SHORTEST_SECRET}."
        raise DefinitionError(fact_and_hint(caller, fact, "draw one: openssl rand -hex 32."))


def by_signed_webhook(
    address: str, secret: str, *, seconds: float = SECONDS, clock: Callable[[], float] = time.time
) -> Callable[[Notice], None]:
    """Hand notices to a program: a POST of JSON with a signature that only who has the secret can make.

    The header `DTA-Signature: t=SECONDS,v1=HEX` holds the moment of sending and the HMAC-SHA-256 of
    `SECONDS.BODY`. Whoever receives it makes the same, compares both in constant time, refuses what is older
    than five minutes, and knows a notice again by its `id`.

    Parameters
    ----------
    address
        `https://…`, or `http://` on this machine.
    secret
        Shared with the program that receives them.
    seconds
        How long it may be silent.
    clock
        Seconds since 1970.

    Returns
    -------
    callable
        Sends one notice; anything but an answer of 2xx counts as not sent.
    """

    def send(one: Notice) -> None:
        body = json.dumps(one.content, sort_keys=True).encode()
        _post(address, body, {SIGNATURE: signature_of(body, secret, int(clock()))}, seconds)

    return send


def signature_of(body: bytes, secret: str, moment: int) -> str:
    """Sign the body of a notice.

    Parameters
    ----------
    body
        As sent.
    secret
        Shared with the receiver.
    moment
        Seconds since 1970, signed too.

    Returns
    -------
    str
        Value of the header.

    Examples
    --------
    >>> signature_of(b"{}", "secret", 1)[:20]
    't=1,v1=1122767b19311'
    """
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _refuse_open_address(address: str, setting: str, caller: str, why: str) -> None:
    parts = urlsplit(address)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if (parts.scheme != "https" and not (parts.scheme == "http" and local)) or not parts.hostname:
        fact = f"{setting} is no https:// address."
        raise DefinitionError(fact_and_hint(caller, fact, why))


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Where a POST is led elsewhere, Python would fetch that page instead and call it sent."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: the answer then counts as an error."""


def _post(
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    *,
    for_good: tuple[int, ...] = (400, 404, 410, 422),
    unwanted: tuple[int, ...] = (),
) -> None:
    """Post JSON; raise `NotSentError` for anything but an answer of 2xx from this very address."""
    wanted = {"Content-Type": "application/json", **headers}
    asked = urllib.request.Request(address, body, wanted, method="POST")
    try:
        with urllib.request.build_opener(_StayHere).open(asked, timeout=seconds):
            return
    except urllib.error.HTTPError as error:
        error.close()
        last, opted_out = error.code in for_good, error.code in unwanted
        raise NotSentError("refused", for_good=last, unwanted=opted_out) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotSentError(type(error).__name__) from None
