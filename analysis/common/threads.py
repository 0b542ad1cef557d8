"""One thread of BLAS for many small matrices."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _libraries() -> ThreadpoolController:
    """Find the loaded libraries once: looking for them takes as long as fitting a small model."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Generator[None]:
    """Hold BLAS to one thread within the block.

    Models work on matrices of a few hundred rows: a second thread saves at most a tenth of the time on an
    idle machine, and on a busy one waiting for it costs up to fifteen times as much.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield
