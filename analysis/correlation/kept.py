"""Moments of the same answers, estimated once for all that ask for them inside one run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
_KEPT: ContextVar[dict[Any, Any] | None] = ContextVar("kept", default=None)


@contextmanager
def kept_moments() -> Iterator[None]:
    """Keep moments until the block ends: models of the same answers then share them.

    Yields
    ------
    None
        Inside, `once` gives what an equal call gave before.
    """
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def once(codes: npt.NDArray[Any], options: tuple[Any, ...], make: Callable[[], T]) -> T:
    """Estimate something, or give what was estimated from the same codes with the same options.

    Parameters
    ----------
    codes
        Answers.
    options
        All else that the result depends on.
    make
        Estimates it. What is kept is a data class whose arrays nobody may write to any more.

    Returns
    -------
    object
        What `make` gave, now or before. Errors are not kept.
    """
    kept = _KEPT.get()
    if kept is None:
        return make()
    stored = np.ascontiguousarray(codes)
    key = (stored.shape, stored.dtype.str, hashlib.sha256(stored.tobytes()).digest(), options)
    if key not in kept:
        made = make()
        for part in fields(made):  # type: ignore[arg-type]
            if isinstance(value := getattr(made, part.name), np.ndarray):
                value.flags.writeable = False
        kept[key] = made
    found: T = kept[key]
    return found
