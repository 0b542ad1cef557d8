"""Secrets that open doors: link tokens, withdrawal codes and study keys, stored only as keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from instrument.errors import ToolkitError, fact_and_hint

TOKEN_BYTES = 20  # 160 bits
KEY_BYTES = 32
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no 0 O 1 I L: copied by hand
CODE_LENGTH = 16


class SecretKeyError(ToolkitError):
    """The key of the hashes is absent, readable by others, or unknown."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by name; the newest makes hashes, all of them verify.

    Attributes
    ----------
    keys
        Name to key; the last one is the newest.
    """

    keys: Mapping[str, bytes]

    @property
    def newest(self) -> str:
        """Name of the key that makes new hashes."""
        return list(self.keys)[-1]

    def hash(self, secret: str, name: str | None = None) -> str:
        """Keyed hash of a secret, led by the name of its key.

        Parameters
        ----------
        secret
            A token or code; case and separators of codes are the caller's affair.
        name
            Key to use, the newest by default.

        Returns
        -------
        str
            `name:hex`.
        """
        chosen = name or self.newest
        digest = hmac.new(self.keys[chosen], secret.encode(), hashlib.sha256).hexdigest()
        return f"{chosen}:{digest}"

    def candidates(self, secret: str) -> list[str]:
        """Hashes of a secret under every key, to look it up by equality.

        Parameters
        ----------
        secret
            A token or code.

        Returns
        -------
        list of str
            One hash per key, the newest first.
        """
        return [self.hash(secret, name) for name in reversed(list(self.keys))]

    def code_for(self, subject: str, name: str | None = None) -> str:
        """Withdrawal code of a person, derived and so shown again without being kept.

        Parameters
        ----------
        subject
            Whose.
        name
            Key to use, the newest by default.

        Returns
        -------
        str
            Four groups of four letters and digits (79 bits).
        """
        purpose = f"withdrawal:{subject}"
        digest = hmac.new(self.keys[name or self.newest], purpose.encode(), hashlib.sha512).digest()
        number, letters = int.from_bytes(digest), []
        for _ in range(CODE_LENGTH):
            number, rest = divmod(number, len(CODE_ALPHABET))
            letters.append(CODE_ALPHABET[rest])
        drawn = "".join(letters)
        return "-".join(drawn[k : k + 4] for k in range(0, CODE_LENGTH, 4))

    def rotated(self) -> Keyring:
        """A keyring with one more, newest key.

        Returns
        -------
        Keyring
            Old keys still verify.
        """
        return Keyring({**self.keys, next_name(self.keys): secrets.token_bytes(KEY_BYTES)})

    def subkey(self, purpose: str, name: str | None = None) -> bytes:
        """Key for one other purpose, such as signing cookies.

        Parameters
        ----------
        purpose
            Its name.
        name
            Key to derive it from, the newest by default.

        Returns
        -------
        bytes
            32 bytes.
        """
        return hmac.new(self.keys[name or self.newest], purpose.encode(), hashlib.sha256).digest()


def next_name(names: Iterable[str]) -> str:
    """Name of a further key, which no other has.

    Parameters
    ----------
    names
        Those that are taken.

    Returns
    -------
    str
        Such as `k2`.

    Examples
    --------
    >>> next_name(["k1", "k4", "env"])
    'k5'
    """
    numbers = [int(name[1:]) for name in names if name[:1] == "k" and name[1:].isdecimal()]
    return f"k{max(numbers, default=0) + 1}"


def new_token() -> str:
    """Make a link token of 160 random bits.

    Returns
    -------
    str
        URL-safe text.
    """
    return secrets.token_urlsafe(TOKEN_BYTES)


def plain_code(code: str) -> str:
    """Bring a typed withdrawal code to the form that is hashed.

    Parameters
    ----------
    code
        As typed: case, blanks and hyphens do not matter.

    Returns
    -------
    str
        Letters and digits, upper case.

    Examples
    --------
    >>> plain_code(" abcd-2345 efgh-6789")
    'ABCD2345EFGH6789'
    """
    return "".join(letter for letter in code.upper() if letter.isalnum())[:64]


def given_key(environment: Mapping[str, str] | None = None) -> str | None:
    """The key that the environment gives, if any.

    Parameters
    ----------
    environment
        The process's by default.

    Returns
    -------
    str or None
        Value of `DTA_SECRET_KEY`.
    """
    return (os.environ if environment is None else environment).get("DTA_SECRET_KEY")


def load_keyring(path: str | Path, environment: Mapping[str, str] | None = None) -> Keyring:
    """Read the keys from `DTA_SECRET_KEY` or a file, which is made on first use.

    Parameters
    ----------
    path
        Key file, one `name hex` per line; only its owner may read it.
    environment
        Where `DTA_SECRET_KEY` is looked up, the process's by default.

    Returns
    -------
    Keyring
        Keys, oldest first.

    Raises
    ------
    SecretKeyError
        The variable is too short, or the file is unreadable, malformed or readable by others.
    """
    given = given_key(environment)
    if given is not None:
        if len(given) < KEY_BYTES:
            fact = f"DTA_SECRET_KEY has {len(given)} characters, {KEY_BYTES} are needed."
            raise SecretKeyError(fact_and_hint("load_keyring", fact, "make one: openssl rand -hex 32."))
        return Keyring({"env": hashlib.sha256(given.encode()).digest()})
    file = Path(path)
    if not file.exists():
        _make_first(file)
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        fact = f"the key file {file.name} can be read by others."
        raise SecretKeyError(fact_and_hint("load_keyring", fact, f"chmod 600 {file.name}"))
    try:
        pairs = [line.split() for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
        keys = {name: bytes.fromhex(key) for name, key in pairs}
    except (ValueError, OSError):
        keys = {}
    if not keys or any(len(key) < KEY_BYTES for key in keys.values()):
        fact = f"the key file {file.name} holds no key."
        raise SecretKeyError(fact_and_hint("load_keyring", fact, "restore it from your backup of secrets."))
    return Keyring(keys)


def first_keyring(name: str = "k1") -> Keyring:
    """Make a keyring of one new key.

    Parameters
    ----------
    name
        Of the key.

    Returns
    -------
    Keyring
        Not written anywhere yet.
    """
    return Keyring({name: secrets.token_bytes(KEY_BYTES)})


def _make_first(file: Path) -> None:
    """Make a key file unless another process just did: a key that hashes were made with is never replaced."""
    own = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    save_keyring(first_keyring(), own)
    try:
        os.link(own, file)
    except FileExistsError:
        pass
    finally:
        own.unlink()


def save_keyring(keyring: Keyring, path: str | Path) -> None:
    """Write the keys to a file that only its owner can read.

    Parameters
    ----------
    keyring
        Keys.
    path
        File; replaced in one step.
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.writelines(f"{name} {key.hex()}\n" for name, key in keyring.keys.items())
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
