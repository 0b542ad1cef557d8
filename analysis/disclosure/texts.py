"""Numbers in words made elsewhere, and the digits that a shared results tree keeps."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import ROUND_05UP, Context, Decimal
from typing import Any

from analysis.disclosure.counts import is_number
from instrument.common.formatting import Coarse

_QUOTED = re.compile(r"\[[^\]]*\]|(?<!\w)'[^'\n]*'(?!\w)|\"[^\"\n]*\"")
_NUMBER = re.compile(r"[^\s()\[\],;:“”\"']*\d[^\s()\[\],;:“”\"']*")
_PLACE = re.compile(r"\{([A-Za-z_][\w.]*)(?::([A-Za-z]\w*))?\}")
ABSENT = "–"
_DECIMALS = re.compile(r"[bdr]\d")
_WIDE = Context(prec=400)


def masked(text: str, spared: Collection[str] = ()) -> str:
    """Take every number and every quoted or listed name out of words that were made elsewhere.

    No list of phrases decides: whatever holds a digit goes, and so does what stands in quotes or brackets.

    Parameters
    ----------
    text
        A warning, a note, a reason or the message of a failure.
    spared
        Names that the instrument lays down, such as ids of its items.

    Returns
    -------
    str
        The words with dashes.

    Examples
    --------
    >>> masked("2 rows dropped: participants ['p1', 'p2'].")
    '– rows dropped: participants –.'
    >>> masked("only 3 of 494 people; item q7 is constant.", ["q7"])
    'only – of – people; item q7 is constant.'
    """

    def quoted(match: re.Match[str]) -> str:
        return match.group(0) if match.group(0)[1:-1] in spared else ABSENT

    def number(match: re.Match[str]) -> str:
        word = match.group(0).rstrip(".!?")
        tail = match.group(0)[len(word) :]
        return match.group(0) if word in spared and not word.isdigit() else ABSENT + tail

    return _NUMBER.sub(number, _QUOTED.sub(quoted, text))


def places(sentence: str) -> dict[str, str]:
    """Give the values that a sentence prints, with their formats."""
    return {match.group(1): match.group(2) or "text" for match in _PLACE.finditer(sentence)}


def says_nothing(text: Any, shown: Any) -> bool:
    """Say whether a text told numbers and none of them may be shown: dashes in place of all are no sentence.

    Examples
    --------
    >>> says_nothing("6 of 546 ids are unknown", "– of – ids are unknown"), says_nothing("as told", "as told")
    (True, False)
    """
    if not isinstance(text, str) or not isinstance(shown, str):
        return False
    return any(map(str.isdigit, text)) and ABSENT in shown and not any(map(str.isdigit, shown))


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
        The rounded number, `Coarse` where it lacks digits that its format prints; anything else as it is.

    Examples
    --------
    >>> rounded(0.38664987, "percent"), rounded(0.38664987, "percent", coarse=True), rounded(3.147, "d2")
    (0.387, 0.39, 3.15)
    >>> type(rounded(3.147, "d2", coarse=True)).__name__
    'Coarse'
    """
    if not isinstance(value, float) or not is_number(value):
        return value
    kept = digits(form, coarse=coarse)
    if kept < digits(form):
        return Coarse(round(value, kept))
    if form == "percent":  # as it is printed: the share and a hundred times it may part at a tie
        return float(f"{100 * value:.1f}") / 100
    if form is not None and _DECIMALS.fullmatch(form):
        return round(value, kept)
    # printed with fewer digits, if at all: only a whole number of steps ends in 0 or 5, so that no print is
    # rounded twice
    return float(Decimal(value).quantize(Decimal(1).scaleb(-kept), ROUND_05UP, _WIDE))


def digits(form: str | None, *, coarse: bool = False) -> int:
    """Give the number of decimals that a format prints."""
    if form == "percent":
        return 2 if coarse else 3
    if form == "p":
        return 4
    most = int(form[1]) if form is not None and _DECIMALS.fullmatch(form) else 3
    return min(most, 1) if coarse else most


def value_forms(section: Mapping[str, Any]) -> dict[str, str]:
    """Give the formats in which the sentences of a section print its values."""
    return {key: form for sentence in section["prose"] for key, form in places(sentence).items()}
