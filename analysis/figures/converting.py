"""From Vega-Lite to SVG."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FONT = "Verdana, DejaVu Sans, sans-serif"
"""Letters of figures, as pages are asked for them."""

# the converter opens the file of a font several times for each letter it measures, which was most of the time
# that the figures of a report took: a small one with the letters that figures have, as wide as those of FONT
LETTERS = Path(__file__).with_name("letters")
_OURS = "Figure Sans"
_ASKED, _MEASURED = f'"font": "{FONT}"', f'"font": "{_OURS}"'
_FAMILY = f'font-family="{_OURS}"', f'font-family="{FONT}"'
# those of tests/reference/make_letters.py; a text with any other is measured with the fonts of the machine
_OTHER = re.compile("[^\n -~\u00a0-\u017f\u0391-\u03a1\u03a3-\u03c9‐-\u2027\u202f‰-›€⁰ⁱ⁴-₎←-↔∑−√∞≈≠≤≥]")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u([0-9a-fA-F]{4})")

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
    return _ROLES.sub("", _HIDDEN.sub("", _drawn(spec)))


def _drawn(spec: str) -> str:
    import vl_convert

    if _ASKED not in spec or not _has_letters_for(spec):
        drawn: str = vl_convert.vegalite_to_svg(spec)
        return drawn
    _register()
    drawn = vl_convert.vegalite_to_svg(spec.replace(_ASKED, _MEASURED))
    return drawn.replace(*_FAMILY)


def _has_letters_for(spec: str) -> bool:
    """Say whether every letter of a specification, written out or by its number, is among ours."""
    numbered = {chr(int(number, 16)) for number in _ESCAPED.findall(spec)}
    return not _OTHER.search(spec) and not _OTHER.search("".join(numbered))


@lru_cache(maxsize=1)
def _register() -> None:
    import vl_convert

    vl_convert.register_font_directory(str(LETTERS))
