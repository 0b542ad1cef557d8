"""Texts that run from right to left, kept apart from what stands around them.

Without it the numbers and brackets of an English sentence are set on the wrong side of such a text: “(2.0%)”
is read as “(%2.0)”, before the text that it follows.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

FIRST_STRONG, END = "\u2068", "\u2069"  # not seen; they take the direction of their text
_LETTER = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"  # Hebrew, Arabic, Syriac, Thaana and their forms
_RUN = re.compile(
    rf"{FIRST_STRONG}[^{END}]*{END}|([{_LETTER}](?:[{_LETTER}\s\d.'’/–-]*[{_LETTER}])?(?:[.!?…]+$)?)"
)
_FROM_THE_RIGHT = re.compile(rf"[\W\d_]*[{_LETTER}]")  # its first letter says where a text begins


def isolated(text: str) -> str:
    """Keep each run of letters from right to left apart from what stands around it.

    Parameters
    ----------
    text
        Any text; one without such letters is given back as it is.

    Returns
    -------
    str
        With an isolate around each run; what is isolated already stays as it is.

    Examples
    --------
    >>> isolated("missing: ثقة (2%)") == "missing: \\u2068ثقة\\u2069 (2%)"
    True
    >>> isolated("nothing of it")
    'nothing of it'
    """
    return _RUN.sub(lambda found: f"{FIRST_STRONG}{found[1]}{END}" if found[1] else found[0], text)


def isolated_whole(text: str) -> str:
    """Keep a text that begins from the right apart as a whole, with its brackets, numbers and foreign words.

    Parameters
    ----------
    text
        A text of the questionnaire, such as the wording of an item: nothing of ours stands in it.

    Returns
    -------
    str
        With one isolate around it; as it is where its first letter runs from left to right.

    Examples
    --------
    >>> isolated_whole("ثقة (10 دقائق).") == "\\u2068ثقة (10 دقائق).\\u2069"
    True
    >>> isolated_whole("Trust (ثقة)")
    'Trust (ثقة)'
    """
    if text.isascii() or not _FROM_THE_RIGHT.match(text):
        return text
    return FIRST_STRONG + text.replace(FIRST_STRONG, "").replace(END, "") + END


def isolated_tree(part: Any, whole: Container[str] = ()) -> Any:
    """Keep such runs apart in every text of a tree; keys, numbers and places stay as they are.

    Texts of `whole` stay in one piece, see `isolated_whole`.
    """
    if isinstance(part, str):
        if part.isascii():
            return part
        return isolated_whole(part) if part in whole else isolated(part)
    if isinstance(part, list):
        return [isolated_tree(one, whole) for one in part]
    if isinstance(part, dict):
        return {key: isolated_tree(one, whole) for key, one in part.items()}
    return part
