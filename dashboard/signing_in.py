"""Sign-in by OpenID Connect: what is configured, and who may look."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from instrument.administer.serving import is_loopback
from instrument.errors import DefinitionError, fact_and_hint

PROVIDER = "DTA_OIDC_PROVIDER"
CLIENT = "DTA_OIDC_CLIENT_ID"
SECRET, SECRET_FILE = "DTA_OIDC_CLIENT_SECRET", "DTA_OIDC_CLIENT_SECRET_FILE"
ADDRESS = "DTA_OIDC_ADDRESS"
ALLOWED = "DTA_OIDC_ALLOWED"
UNVERIFIED = "DTA_OIDC_UNVERIFIED"
METADATA = "/.well-known/openid-configuration"
CALLBACK = "/oauth2callback"
HOURS = 12
_HINT = 'see docs/deploy.md, "Sign-in".'


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A provider, this dashboard's registration with it, and who may look.

    Attributes
    ----------
    metadata : str
        Address of the provider's description of itself.
    client_id, client_secret : str
        Of this dashboard; the secret is in no printed form of this object.
    address : str
        Where a browser finds the dashboard, without a slash at the end.
    allowed : tuple of str
        E-mail addresses, and domains as `@example.org`, in small letters.
    unverified : bool
        Whether an address counts of which the provider does not say that it is verified.
    cookie_secret : str
        Signs the cookies; new at each start, so a restart signs everyone out.
    """

    metadata: str
    client_id: str
    client_secret: str = field(repr=False)
    address: str
    allowed: tuple[str, ...]
    unverified: bool = False
    cookie_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def path(self) -> str:
        """Path of the public address, such as `/alliance/dashboard`."""
        return urlsplit(self.address).path

    @property
    def encrypted(self) -> bool:
        """Whether a browser reaches the dashboard by TLS."""
        return self.address.startswith("https://")

    def for_streamlit(self) -> dict[str, Any]:
        """Give what Streamlit expects below `auth` in its secrets.

        Returns
        -------
        dict
            Kept in memory; nothing is written to a file.
        """
        return {
            "redirect_uri": self.address + CALLBACK,
            "cookie_secret": self.cookie_secret,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "server_metadata_url": self.metadata,
        }

    def admits(self, user: Mapping[str, Any]) -> bool:
        """Say whether a signed-in person may look.

        Parameters
        ----------
        user
            Claims of the provider.

        Returns
        -------
        bool
            False without an address, for one that is not verified, not on the list, or for a sign-in of more
            than twelve hours ago.
        """
        email = user.get("email")
        signed_in = user.get("is_logged_in") is True and self.recent(user)
        if not signed_in or not isinstance(email, str) or email.count("@") != 1 or email.startswith("@"):
            return False
        if user.get("email_verified") is not True and not (
            self.unverified and user.get("email_verified") is None
        ):
            return False
        name = email.strip().lower()
        return name in self.allowed or name[name.index("@") :] in self.allowed

    @staticmethod
    def recent(user: Mapping[str, Any]) -> bool:
        """Say whether the provider vouched for the person within the last twelve hours."""
        issued = user.get("iat")
        return isinstance(issued, int | float) and time.time() - issued < HOURS * 3600


def sign_in_from(environment: Mapping[str, str] | None = None) -> SignIn | None:
    """Read the settings of the sign-in.

    Parameters
    ----------
    environment
        Names and values; that of the process when left out.

    Returns
    -------
    SignIn or None
        None when nothing is set.

    Raises
    ------
    DefinitionError
        Some of it is set and some missing, or an address is not encrypted.
    """
    given = {name: value.strip() for name, value in (environment or os.environ).items() if value.strip()}
    secret = _secret(given)
    needed = {PROVIDER: given.get(PROVIDER), CLIENT: given.get(CLIENT), SECRET: secret}
    needed |= {ADDRESS: given.get(ADDRESS), ALLOWED: given.get(ALLOWED)}
    found = {name: value for name, value in needed.items() if value}
    if not found:
        return None
    if missing := [name for name in needed if name not in found]:
        raise _refused(f"of the sign-in, {', '.join(missing)} is not set.")
    allowed = tuple(part.strip().lower() for part in found[ALLOWED].split(",") if part.strip())
    if wrong := [name for name in allowed if name.count("@") != 1 or name.endswith("@")]:
        raise _refused(f"{len(wrong)} of {len(allowed)} entries of {ALLOWED} are no address and no @domain.")
    made = SignIn(
        metadata=_metadata(found[PROVIDER]),
        client_id=found[CLIENT],
        client_secret=found[SECRET],
        address=found[ADDRESS].rstrip("/"),
        allowed=allowed,
        unverified=given.get(UNVERIFIED, "no").lower() in ("yes", "true", "1"),
    )
    for name, address in ((PROVIDER, made.metadata), (ADDRESS, made.address)):
        _check_address(name, address)
    _check_installed()
    return made


def _secret(given: Mapping[str, str]) -> str | None:
    """Take the secret from the environment, else from a file."""
    if SECRET in given or SECRET_FILE not in given:
        return given.get(SECRET)
    try:
        return Path(given[SECRET_FILE]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(
            f"the file that {SECRET_FILE} names cannot be read ({type(error).__name__})."
        ) from None


def _metadata(provider: str) -> str:
    return provider if METADATA in provider else provider.rstrip("/") + METADATA


def _check_address(name: str, address: str) -> None:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not host or parts.query or parts.fragment or parts.scheme not in ("http", "https"):
        raise _refused(f"{name} is no address of a page.")
    if parts.scheme == "http" and not is_loopback(host):
        raise _refused(f"{name} is not encrypted: it must begin with https://.")


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("authlib") is None:
        fact = "sign-in is set, but Authlib is not installed."
        raise DefinitionError(fact_and_hint("dta serve", fact, "pip install 'dta-toolkit[auth]'."))


def _refused(fact: str) -> DefinitionError:
    return DefinitionError(fact_and_hint("dta serve", fact, _HINT))
