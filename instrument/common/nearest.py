"""The known key that a misspelt one most likely means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

LIKENESS = 0.5
"""Share of letters in common from which a known key is worth naming (as difflib counts it)."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that is most like this one; None where none is like it.

    Examples
    --------
    >>> nearest("estimater", ["estimator", "missing"]), nearest("xyz", ["estimator"])
    ('estimator', None)
    """
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=LIKENESS)
    return by_lower[found[0]] if found else None


def nearest_key(model: type[BaseModel], place: Sequence[str | int]) -> str | None:
    """Give the key that a model would take at a place where an unknown one stands.

    Parameters
    ----------
    model
        What the whole file is.
    place
        Steps to the unknown key, which is the last one.

    Returns
    -------
    str or None
        Nearest of the keys known there.
    """
    *before, last = place
    parts: list[Any] = [model]
    for step in before:
        parts = [inner for part in parts for inner in _inside(part, step)]
    known = [
        field.alias or name
        for part in parts
        if isinstance(part, type) and issubclass(part, BaseModel)
        for name, field in part.model_fields.items()
    ]
    return nearest(str(last), known)


def _inside(part: Any, step: str | int) -> list[Any]:
    """Types that may stand one step further in."""
    if not (isinstance(part, type) and issubclass(part, BaseModel)):
        return []
    for name, field in part.model_fields.items():
        if step in (name, field.alias):
            return _unfolded(field.annotation)
    return [part]  # a number of a list, or a key of a mapping, or the name of a member of a union


def _unfolded(annotation: Any) -> list[Any]:
    """Models within an annotation: those of lists, mappings and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, tuple, list, dict) or get_args(annotation):
        return [inner for part in get_args(annotation) for inner in _unfolded(part)]
    return []
