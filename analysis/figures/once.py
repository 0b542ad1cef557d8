"""The documents of one report share their figures: each is built once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_BUILT: ContextVar[dict[str, Any] | None] = ContextVar("built figures", default=None)


@contextmanager
def built_once() -> Iterator[None]:
    """Keep the figures of a section for all documents that are written meanwhile."""
    token = _BUILT.set({})
    try:
        yield
    finally:
        _BUILT.reset(token)


def kept_figures() -> dict[str, Any] | None:
    """Give the figures built so far, by section and meta as text; None outside of `built_once`."""
    return _BUILT.get()
