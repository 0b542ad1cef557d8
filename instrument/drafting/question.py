"""What a draft knows of a question before it is an item."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from instrument.definition import RESERVED_COLUMNS

LONGEST_ID = 60
FEWEST_OPTIONS, MOST_OPTIONS = 2, 11


@dataclass(slots=True, kw_only=True)
class DraftQuestion:
    """A question as a file has it.

    Attributes
    ----------
    name
        Its column in files of answers.
    text
        Its wording; the name where the file has none.
    options : dict
        Code to label, in order.
    outside : dict
        Code to label of what the file declares missing, or offers beside the scale.
    texts : dict
        What files of answers hold in place of a code, to the code.
    group
        Page, form or matrix that it belongs to.
    is_reversed
        Whether it is keyed against its group.
    guesses : list of str
        What the file did not say.
    """

    name: str
    text: str
    options: dict[int, str]
    outside: dict[int, str] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    group: str = ""
    is_reversed: bool = False
    also_in: tuple[str, ...] = ()
    guesses: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A question that is no item of a scale, and why."""

    name: str
    why: str


@dataclass(slots=True, kw_only=True)
class Draft:
    """Questions of a file, and what was left out.

    Attributes
    ----------
    title, language
        As the file says them.
    source
        Name of the file.
    questions, left_out
        In the order of the file.
    guesses : list of str
        About the whole.
    """

    title: str
    source: str
    language: str = "en"
    questions: list[DraftQuestion] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    guesses: list[str] = field(default_factory=list)


def plain_id(name: str, taken: set[str], first: str = "q") -> str:
    """Make an id of a name: letters, digits and `_`, unlike those that are taken.

    Parameters
    ----------
    name
        Any text.
    taken
        Ids that are there; the new one is added.
    first
        What stands before a digit.

    Returns
    -------
    str
        The name itself where it is an id.

    Examples
    --------
    >>> plain_id("müde.1", set()), plain_id("1st", set()), plain_id("Q1", {"Q1"})
    ('mude_1', 'q1st', 'Q1_2')
    """
    ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", ascii_text).strip("_")[:LONGEST_ID] or first
    plain = plain if name.rstrip("_") == name or plain != name.rstrip("_") else name[:LONGEST_ID]
    if not plain[0].isalpha():
        plain = f"{first}{plain}"
    if plain.lower() in RESERVED_COLUMNS:
        plain = f"{first}_{plain}"
    unique, k = plain, 1
    while unique in taken:
        k += 1
        unique = f"{plain}_{k}"
    taken.add(unique)
    return unique


def plain_text(text: str) -> str:
    """Give a text without tags, entities and doubled blanks.

    Parameters
    ----------
    text
        As a survey tool keeps it.

    Returns
    -------
    str
        On one line.

    Examples
    --------
    >>> plain_text("<p>I trust&nbsp;it.<br/></p>")
    'I trust it.'
    """
    import html

    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
