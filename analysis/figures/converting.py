"""From Vega-Lite to SVG, in this process or, for many figures, in two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

# tick labels that would overlap stay in the drawing unseen: who copies or hears it would still get them
_HIDDEN = re.compile(r'<text\b[^>]*\sopacity="0"[^>]*>[^<]*</text>')
# a picture is told as a whole by its words: marks that claim to be pictures of their own would lack theirs
_ROLES = re.compile(r'\s(?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')
_AHEAD: ContextVar[dict[str, str] | None] = ContextVar("drawings made ahead", default=None)


def svg_of(spec: str) -> str:
    """Draw a specification.

    Parameters
    ----------
    spec
        Vega-Lite with its data.

    Returns
    -------
    str
        An `<svg>` element, without what nobody sees.
    """
    ahead = _AHEAD.get() or {}
    return ahead[spec] if spec in ahead else _converted(spec)


@lru_cache(maxsize=128)
def _converted(spec: str) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec)
    return _ROLES.sub("", _HIDDEN.sub("", svg))


def _all_of(specs: Sequence[str]) -> list[str]:
    return [_converted(spec) for spec in specs]


@contextmanager
def drawn_ahead(specs: Sequence[str], workers: int) -> Iterator[None]:
    """Draw specifications in two processes, for `svg_of` to give within the block.

    Parameters
    ----------
    specs
        Every second one is drawn in the other process.
    workers
        Processes that may be used; with one nothing is drawn before it is asked for.

    Yields
    ------
    None
        The drawings are there.
    """
    if workers < 2 or len(specs) < 2:
        yield
        return
    from joblib import Parallel, delayed

    running = Parallel(n_jobs=2, return_as="generator")([delayed(_all_of)(specs[1::2])])
    try:
        made = dict(zip(specs[::2], _all_of(specs[::2]), strict=True))
        made |= dict(zip(specs[1::2], next(running), strict=True))
    finally:
        running.close()
    token = _AHEAD.set(made)
    try:
        yield
    finally:
        _AHEAD.reset(token)
