"""Which packages a computation truly ran, told by the kernels that call them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_RECORD: ContextVar[set[str] | None] = ContextVar("software", default=None)


def used(*packages: str) -> None:
    """Tell that packages are about to be called; outside of `recorded` nothing is kept.

    Parameters
    ----------
    *packages
        Names as installed, such as "scikit-learn".
    """
    record = _RECORD.get()
    if record is not None:
        record.update(packages)


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Keep the names of the packages that are called meanwhile, also for the record around this one.

    Yields
    ------
    set of str
        Grows as kernels tell what they call.

    Examples
    --------
    >>> with recorded() as names:
    ...     used("pingouin")
    >>> names
    {'pingouin'}
    """
    mine: set[str] = set()
    token = _RECORD.set(mine)
    try:
        yield mine
    finally:
        _RECORD.reset(token)
        used(*mine)
