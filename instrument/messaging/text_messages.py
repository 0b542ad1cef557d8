"""Texts for telephones: what they must hold, and in how many parts a network carries them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from instrument.definition import Model, Text

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""Alphabet of GSM 03.38: a text in it is carried in seven bits a letter."""
GSM_TWICE = "^{}\\[~]|€\f"
"""Letters of its extension, which count twice."""
GSM_SIZES, WIDE_SIZES = (160, 153), (70, 67)
"""Room of a single part, and of each of several."""


class Sms(Model):
    """Text of a short message with `{link}` and `{stop}`; `template` is the gateway's id of it."""

    text: Text
    template: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        return {"text": given} if isinstance(given, str) else given


class Length(NamedTuple):
    """How long a short message is.

    Attributes
    ----------
    characters
        As a network counts them: some count twice.
    parts
        Messages that are carried and paid.
    wide
        Whether a letter outside the alphabet of telephones makes every letter take twice the room.
    """

    characters: int
    parts: int
    wide: bool


def length_of(text: str) -> Length:
    """Count a short message as a network does.

    Parameters
    ----------
    text
        With its places filled.

    Returns
    -------
    Length
        A letter that takes two places is never cut by the end of a part.

    Examples
    --------
    >>> length_of("a" * 160), length_of("a" * 161)
    (Length(characters=160, parts=1, wide=False), Length(characters=161, parts=2, wide=False))
    >>> length_of("€" * 81)[:2], length_of("ř" * 70)
    ((162, 2), Length(characters=70, parts=1, wide=True))
    """
    wide = any(letter not in GSM and letter not in GSM_TWICE for letter in text)
    if wide:
        return Length(*_packed([len(letter.encode("utf-16-be")) // 2 for letter in text], *WIDE_SIZES), wide)
    return Length(*_packed([2 if letter in GSM_TWICE else 1 for letter in text], *GSM_SIZES), wide)


def _packed(sizes: Sequence[int], one: int, several: int) -> tuple[int, int]:
    total = sum(sizes)
    if total <= one:
        return total, 1
    parts, room = 1, several
    for size in sizes:
        if size > room:
            parts, room = parts + 1, several
        room -= size
    return total, parts
