"""Small numbers in free sentences, and the digits that a shared results tree keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from analysis.report.disclosure_counts import is_number
from analysis.report.small_cells import LIMIT

PEOPLE = (
    r"(?:people|persons?|participants?|respondents?|administrations?|rows?|answers?|responses?|events?"
    r"|cases?|pairs?|observations?|patients?|individuals?)"
)
_OF = re.compile(rf"\b(\d[\d,]*) of (?:the )?(\d[\d,]*)(?= (?:\w+ )?{PEOPLE}\b)")
_COUNT = re.compile(rf"(?<![\d.,])([0-4])( (?:\w+ )?{PEOPLE})\b")
_LIST = re.compile(r"\[[^\]]*\]")
_NAMED = re.compile(r"\b(participants?|persons?|people|respondents?)\b", re.IGNORECASE)
_PLACE = re.compile(r"\{([A-Za-z_][\w.]*)(?::([A-Za-z]\w*))?\}")


def vague(text: str) -> str:
    """Take small numbers of people and names of persons out of a sentence.

    Parameters
    ----------
    text
        A warning, note or message.

    Returns
    -------
    str
        The sentence with `some` and `fewer than 5` where a small number stood.

    Examples
    --------
    >>> vague("2 rows dropped: participants ['p1', 'p2'].")
    'fewer than 5 rows dropped: participants [names not shown].'
    >>> vague("492 of 494 people answered."), vague("120 of 494 people answered.")
    ('some of 494 people answered.', '120 of 494 people answered.')
    """

    def of(match: re.Match[str]) -> str:
        part, whole = (int(group.replace(",", "")) for group in match.groups())
        return f"some of {match.group(2)}" if part < LIMIT or 0 <= whole - part < LIMIT else match.group(0)

    said = _COUNT.sub(rf"fewer than {LIMIT}\2", _OF.sub(of, text))
    return _LIST.sub("[names not shown]", said) if _NAMED.search(said) else said


_GROUP = re.compile(r"\((?:([^()]*?), )?(\d+)\)")


def groups_vague(text: str, everyone: int | None) -> str:
    """Take numbers of people out of a list of groups where one is small, or those in none of them are few.

    Parameters
    ----------
    text
        Such as `woman (293), man (189)`.
    everyone
        Number of people; None when the groups are not all of one grouping.

    Returns
    -------
    str
        The list with its numbers, or without any of them.

    Examples
    --------
    >>> groups_vague("woman (293), man (189)", 494), groups_vague("woman (293), man (189)", 485)
    ('woman (293), man (189)', 'woman (–), man (–)')
    >>> groups_vague("another (sex, 3) and south (site, 170)", None)
    'another (sex, –) and south (site, 170)'
    """
    counts = [int(match.group(2)) for match in _GROUP.finditer(text)]
    alone = everyone is None
    rest = 0 if everyone is None else everyone - sum(counts)
    close = not alone and (0 < rest < LIMIT or any(count < LIMIT for count in counts))

    def told(match: re.Match[str]) -> str:
        hidden = close or (alone and int(match.group(2)) < LIMIT)
        head = f"{match.group(1)}, " if match.group(1) else ""
        return f"({head}–)" if hidden else match.group(0)

    return _GROUP.sub(told, text)


def places(sentence: str) -> dict[str, str]:
    """Give the values that a sentence prints, with their formats."""
    return {match.group(1): match.group(2) or "text" for match in _PLACE.finditer(sentence)}


def rounded(value: Any, form: str | None, *, coarse: bool = False) -> Any:
    """Keep the digits that are printed; fewer where the number of people is hidden.

    Parameters
    ----------
    value
        Value of the tree.
    form
        Its format; None for a column that is not printed.
    coarse
        Whether the digits would tell the hidden number of people.

    Returns
    -------
    object
        The rounded number; anything else as it is.

    Examples
    --------
    >>> rounded(0.38664987, "percent"), rounded(0.38664987, "percent", coarse=True), rounded(3.147, "d2")
    (0.387, 0.39, 3.15)
    """
    if not isinstance(value, float) or not is_number(value):
        return value
    return round(value, digits(form, coarse=coarse))


def digits(form: str | None, *, coarse: bool = False) -> int:
    """Give the number of decimals that a format prints."""
    if form == "percent":
        return 2 if coarse else 3
    if form == "p":
        return 4
    most = int(form[1]) if form is not None and re.fullmatch(r"[dr]\d", form) else 3
    return min(most, 1) if coarse else most


def value_forms(section: Mapping[str, Any]) -> dict[str, str]:
    """Give the formats in which the sentences of a section print its values."""
    return {key: form for sentence in section["prose"] for key, form in places(sentence).items()}
