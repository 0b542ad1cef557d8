"""In whose name a model is fitted: messages name the public function that was called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NAME: ContextVar[str | None] = ContextVar("name", default=None)


@contextmanager
def acting_for(caller: str) -> Iterator[None]:
    """Fit models in the name of a public function; the outermost name holds.

    Parameters
    ----------
    caller
        Such as "invariance".

    Examples
    --------
    >>> with acting_for("invariance"):
    ...     named("cfa")
    'invariance'
    >>> named("cfa")
    'cfa'
    """
    token = _NAME.set(_NAME.get() or caller)
    try:
        yield
    finally:
        _NAME.reset(token)


def named(own: str) -> str:
    """Give the name that messages bear: of the function acted for, else the own one.

    Parameters
    ----------
    own
        Name of the function that fits.

    Returns
    -------
    str
        A public function.
    """
    return _NAME.get() or own
