"""How two plans, or two instruments, differ: every place by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = "–"
ORDERED = ("models",)  # mappings whose first entry is judged
NAMES = ("id", "code", "tag")  # by which the members of a list are known


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place at which something else stands.

    Attributes
    ----------
    path
        Such as `hypotheses.h1.expected`.
    before, after
        What stands there; None where nothing does.
    """

    path: str
    before: Any
    after: Any

    @property
    def added(self) -> bool:
        """Whether there was nothing before."""
        return self.before in (None, "", [], {}) and self.after not in (None, "", [], {})

    @property
    def removed(self) -> bool:
        """Whether there is nothing now."""
        return self.after in (None, "", [], {}) and self.before not in (None, "", [], {})


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """Name every place at which two parts of plain data differ.

    Parameters
    ----------
    before, after
        Mappings, lists and scalars; members of lists with an `id` or `code` are compared by it, and their
        order counts as a place of its own.
    path
        Where they stand.

    Returns
    -------
    list of Difference
        Empty where they say the same.

    Examples
    --------
    >>> found = differences({"a": [{"id": "x", "b": 1}]}, {"a": [{"id": "x", "b": 2}]})
    >>> [(one.path, one.before, one.after) for one in found]
    [('a.x.b', 1, 2)]
    """
    return list(_walk(before, after, path))


def _walk(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if _same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _walk(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        if path in ORDERED:
            yield from _order(before, after, path)
        return
    name = _name_of(before, after)
    if name is not None:
        first, second = ({str(part[name]): part for part in parts} for parts in (before, after))
        yield from _walk(first, second, path)
        yield from _order(first, second, path)
        return
    yield Difference(path=path, before=before, after=after)


def _order(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Difference]:
    """Name another order of what both have."""
    shared = [key for key in before if key in after]
    again = [key for key in after if key in before]
    if shared != again:
        yield Difference(path=f"{path}.order", before=", ".join(shared), after=", ".join(again))


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, bool) != isinstance(after, bool):
        return False
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return list(before) == list(after) and all(_same(before[key], after[key]) for key in before)
    return bool(before == after)


def _name_of(before: Any, after: Any) -> str | None:
    """Key by which the members of both lists are known, where there is one."""
    if not (isinstance(before, list) and isinstance(after, list) and (before or after)):
        return None
    for name in NAMES:
        if all(isinstance(part, Mapping) and name in part for part in (*before, *after)):
            parts = [[part[name] for part in side] for side in (before, after)]
            if all(len(set(map(str, side))) == len(side) for side in parts):
                return name
    return None
