"""Make the letters of figures: `python tests/reference/make_letters.py` (asks for DejaVu Sans and fontTools)."""

from __future__ import annotations

from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FROM = Path("/usr/share/fonts/truetype/dejavu")
TO = Path(__file__).resolve().parents[2] / "analysis" / "figures" / "letters"
NAME = "Figure Sans"
LATIN, GREEK = (range(0x20, 0x7F), range(0xA0, 0x180)), range(0x391, 0x3CA)
PUNCTUATION = (*range(0x2010, 0x2028), 0x202F, *range(0x2030, 0x203B), 0x20AC, *range(0x2070, 0x2090))
SIGNS = (*range(0x2190, 0x2195), 0x2211, 0x2212, 0x221A, 0x221E, 0x2248, 0x2260, 0x2264, 0x2265)
WANTED = [*LATIN[0], *LATIN[1], *GREEK, *PUNCTUATION, *SIGNS]
FEATURES = ["kern", "liga", "ccmp", "locl", "mark", "mkmk", "calt", "clig", "rlig"]
NAMES_OF_FONT = {1: NAME, 3: f"{NAME}{{}}", 4: f"{NAME}{{}}", 6: f"{NAME}{{}}"}


def make(source: str, target: str, style: str) -> None:
    """Write one font."""
    options = subset.Options()
    options.hinting = options.glyph_names = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6]
    options.layout_features = FEATURES
    options.drop_tables += ["MATH", "FFTM", "gasp"]
    font = TTFont(FROM / source, recalcTimestamp=False)
    chooser = subset.Subsetter(options)
    chooser.populate(unicodes=WANTED)
    chooser.subset(font)
    for record in font["name"].names:
        if record.nameID in NAMES_OF_FONT:
            record.string = NAMES_OF_FONT[record.nameID].format(style)
    font.save(TO / target)


if __name__ == "__main__":
    make("DejaVuSans.ttf", "figure-sans.ttf", "")
    make("DejaVuSans-Bold.ttf", "figure-sans-bold.ttf", " Bold")
