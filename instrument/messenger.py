"""Ways to hand a message over: a mail server, or a webhook for services that send texts to telephones."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from instrument.errors import DefinitionError, fact_and_hint
from instrument.store.outbox import NotSentError, Outgoing

SERVER, HOOK = "DTA_SMTP", "DTA_WEBHOOK"
SECONDS = 15.0


def transport_of(environment: Mapping[str, str] | None = None) -> Callable[[Outgoing], None]:
    """Give the way that the environment names.

    Parameters
    ----------
    environment
        `DTA_SMTP` (`smtp://user:password@host:587`, `smtps://…`) or `DTA_WEBHOOK` (`https://…`); the
        process's by default.

    Returns
    -------
    callable
        Sends one message, or raises `NotSentError`.

    Raises
    ------
    DefinitionError
        Neither is set, or its address is none.
    """
    known = os.environ if environment is None else environment
    if named := known.get(SERVER):
        return by_mail(named)
    if named := known.get(HOOK):
        return by_webhook(named)
    fact = "there is no way to send messages."
    hint = f"set {SERVER}=smtp://user:password@host:587, or {HOOK}=https://…"
    raise DefinitionError(fact_and_hint("dta study send", fact, hint))


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
    parts = urlsplit(address)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        fact = f"{HOOK} is no https:// address."
        raise DefinitionError(
            fact_and_hint("dta study send", fact, "messages hold links, which are secrets.")
        )

    def send(one: Outgoing) -> None:
        body = {"id": one.message_id, "to": one.address, "subject": one.subject, "text": one.body}
        asked = urllib.request.Request(
            address, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(asked, timeout=seconds):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise NotSentError("refused", for_good=error.code in (400, 404, 410, 422)) from None
        except (OSError, ValueError) as error:
            raise NotSentError(type(error).__name__) from None

    return send
