"""Text that every database, file and page can hold: no NUL, no half of a character."""

from __future__ import annotations

import re
from typing import Any

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
NO_TEXT = "holds a NUL or half of a character"


def is_storable(text: str) -> bool:
    """Whether a text can be kept.

    Parameters
    ----------
    text
        Any.

    Returns
    -------
    bool
        False with a NUL, which PostgreSQL refuses, or a lone surrogate, which no encoding holds.

    Examples
    --------
    >>> is_storable("é ✓"), is_storable("a\\0b"), is_storable("\\ud800")
    (True, False, False)
    """
    return _UNSTORABLE.search(text) is None


def unstorable_paths(content: Any, most: int = 100) -> list[str]:
    """Where in plain data a text cannot be kept.

    Parameters
    ----------
    content
        Of mappings, lists and scalars.
    most
        How many paths at most.

    Returns
    -------
    list of str
        Such as `events[2].id`; a key that cannot be kept is named by the mapping it is in.

    Examples
    --------
    >>> unstorable_paths({"a": [{"b": "x\\0"}], "\\ud800": 1})
    ['', 'a[0].b']
    """
    found: list[str] = []
    left: list[tuple[str, Any]] = [("", content)]
    seen: set[int] = set()  # aliases of YAML may repeat a part, or hold themselves
    while left and len(found) < most:
        path, part = left.pop()
        if isinstance(part, str):
            if not is_storable(part):
                found.append(path)
            continue
        if not isinstance(part, (dict, list)) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list):
            left += [(f"{path}[{place}]", entry) for place, entry in enumerate(part)]
            continue
        if not all(is_storable(key) for key in part if isinstance(key, str)):
            found.append(path)
        left += [
            (f"{path}.{key}" if path else str(key), entry)
            for key, entry in part.items()
            if not isinstance(key, str) or is_storable(key)
        ]
    return sorted(found)
