"""From Vega-Lite to SVG."""

from __future__ import annotations

import re
from functools import lru_cache

# tick labels that would overlap stay in the drawing unseen: who copies or hears it would still get them
_HIDDEN = re.compile(r'<text\b[^>]*\sopacity="0"[^>]*>[^<]*</text>')
# a picture is told as a whole by its words: marks that claim to be pictures of their own would lack theirs
_ROLES = re.compile(r'\s(?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')


@lru_cache(maxsize=128)
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
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec)
    return _ROLES.sub("", _HIDDEN.sub("", svg))
