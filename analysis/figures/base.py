"""What every figure shares: colours, type, alternative text and the table behind it."""

from __future__ import annotations

import json
import re
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd
from altair.utils import schemapi

from analysis.common.rules import FEWEST_PEOPLE
from analysis.figures.converting import FONT, svg_of

# Each colour keeps 3:1 or more against both papers; DARK gives its counterpart on dark paper.
INK, MUTED, GRID, PAPER = "#1c2430", "#5b6472", "#e2dfd6", "#fdfcf9"
BLUE, ORANGE, GREEN, PLUM = "#1f5f8b", "#b5500f", "#2f7d5b", "#7a4a8c"
DARK = {
    INK: "#eceae4",
    MUTED: "#a7b0be",
    GRID: "#39424f",
    PAPER: "#14181f",
    BLUE: "#6fb3e0",
    ORANGE: "#f0a060",
    GREEN: "#6cc79c",
    PLUM: "#c79bd8",
}


def _steps(strong: str, mild: str, count: int = 5) -> list[str]:
    """Colours from strong to mild, evenly in RGB."""
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (strong, mild)]
    parts = [step / (count - 1) for step in range(count)]
    return [
        "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(*ends, strict=True))
        for part in parts
    ]


# Five steps each side of the middle, outermost first; light paper and dark.
BLUES, ORANGES = _steps("#0f3a5a", "#4b8cb9"), _steps("#6e2d05", "#cb6d2d")
DARK |= dict(zip(BLUES, _steps("#cfe8fa", "#3f83b3"), strict=True))
DARK |= dict(zip(ORANGES, _steps("#fbdcc0", "#bb662c"), strict=True))
SERIES = (BLUE, ORANGE, GREEN, PLUM)
SHAPES = ("circle", "square", "triangle-up", "diamond")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
NARROW, WIDE = 350, 800

Section = Mapping[str, Any]
Chart = alt.Chart | alt.LayerChart | alt.VConcatChart | alt.HConcatChart | alt.FacetChart


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that can be drawn at any width, with its words and its numbers.

    Attributes
    ----------
    title
        What it shows.
    alt
        What a reader who cannot see it needs to know.
    draw
        Given a width in pixels, gives the chart.
    tables
        Names of the section's tables that hold every plotted value.
    told
        Field, title and format of what a mark tells the pointer beside columns of the tables.
    live
        Given a width, gives the chart of a page where `draw` sets several side by side, too wide for it.
    """

    title: str
    alt: str
    draw: Callable[[int], Chart]
    tables: tuple[str, ...]
    told: tuple[tuple[str, str, str], ...] = ()
    live: Callable[[int], Chart] | None = None


Builder = Callable[[Section, Mapping[str, Any]], Figure]


def level_told(section: Section) -> str:
    """Confidence level of the intervals of a section: that of a result that is drawn alone, else 95%.

    Examples
    --------
    >>> level_told({}), level_told({"level": 0.975})
    ('95%', '97.5%')
    """
    return f"{100 * section.get('level', 0.95):g}%"


def table_of(section: Section, name: str) -> pd.DataFrame:
    """Give a table of a section as a data frame."""
    return pd.DataFrame(section["tables"][name])


def of_what_is_shown(section: Section, table: str) -> str:
    """Say that a finding is one of the rows left in a shared copy; empty where none was left out."""
    gone = (section.get("suppressed") or {}).get(table, {})
    return ", of what is shown here" if any(gone[key] for key in gone if key not in ("n", "text")) else ""


def too_few(n: float | None) -> bool:
    """Say whether a row rests on too few people for a verdict; a number that is not told is no reason."""
    return n is not None and not pd.isna(n) and not FEWEST_PEOPLE.holds(n)


def wrapped(text: str, at: int = 24) -> str:
    """Break a long label into lines; an axis splits them again with `LINES`."""
    return "\n".join(textwrap.wrap(text, at)) or text


MOST_LINES = 3
"""Lines of a label that a row of a figure has room for."""
_SPLIT = "split(datum.label, '\\n')"
LINES = f"length({_SPLIT}) > {MOST_LINES} ? [{_SPLIT}[0], {_SPLIT}[1] + ' …', peek({_SPLIT})] : {_SPLIT}"
"""Lines of a label; of too many the first two and the last, which tells alike beginnings apart."""


def lines_of(text: str, at: int) -> list[str]:
    """Break a long label into as many lines as a row holds, as `LINES` does.

    Examples
    --------
    >>> lines_of("one two three four", 5), lines_of("one two", 5)
    (['one', 'two …', 'four'], ['one', 'two'])
    """
    lines = wrapped(text, at).split("\n")
    return lines if len(lines) <= MOST_LINES else [lines[0], f"{lines[1]} …", lines[-1]]


BARE = alt.Axis(labelExpr="replace(datum.label, /^([−-]?)0[.](?=.*[1-9])/, '$1.')")
"""Ticks of a statistic that cannot pass 1: without the zero before the point, as in print."""


LEGEND_MARK = 34
"""Pixels beside the words of a legend: its mark, and what stands free on both sides."""
PHONE = 500
"""Pixels of a figure from which it is no longer that of a phone."""
NAMES = 0.45
"""Share of the width that the names of rows may take."""
NARROW_LETTER = 0.52
"""Width of a letter against the size of its type, where letters are narrow."""


def type_size(width: int) -> int:
    """Pixels of the type of a figure of some width."""
    return 11 if width >= PHONE else 10


def letters_in(room: float, size: float) -> int:
    """How many narrow letters a place of some pixels holds.

    Vega cuts what is too long by measuring it again and again, which was a third of the time that the figures
    of a report took. What is cut to so many letters first is measured once or twice, and looks the same but
    for a letter or two.
    """
    return max(2, int(room / (NARROW_LETTER * size)))


def styled(chart: Chart, width: int) -> Chart:
    """Give a chart the house style; colours are those a style sheet can exchange for the dark."""
    size = type_size(width)
    room = round(width * NAMES)
    if not has_panels(chart):
        chart = chart.properties(autosize=alt.AutoSizeParams(type="fit", contains="padding"))
    made = chart.copy(deep=False)
    made.config = alt.Config(
        background="transparent",
        font=FONT,
        padding=4,
        aria=False,
        view=alt.ViewConfig(strokeWidth=0),
        axis=alt.AxisConfig(
            labelColor=INK,
            titleColor=MUTED,
            gridColor=GRID,
            domainColor=MUTED,
            tickColor=MUTED,
            labelFontSize=size,
            titleFontSize=size,
            titleFontWeight="normal",
            labelLimit=room,
            labelExpr=f"truncate(datum.label, {letters_in(room, size)})",
        ),
        legend=alt.LegendConfig(
            labelColor=INK,
            titleColor=MUTED,
            labelFontSize=size,
            titleFontSize=size,
            titleFontWeight="normal",
            orient="top",
            symbolStrokeWidth=2,
            columns=1 if width < PHONE else 0,
            labelLimit=width - room - LEGEND_MARK,  # it begins where the names of rows end
        ),
        header=alt.HeaderConfig(labelColor=INK, titleColor=MUTED, labelFontSize=size),
        text=alt.MarkConfig(color=INK, fontSize=size),
    )
    return made


_UNCHECKED = threading.Lock(), [0]


@contextmanager
def unchecked() -> Iterator[None]:
    """Build charts without holding each part against the schema of Vega-Lite, as tests do for all of them.

    The switch is Altair's, for the whole process: it is turned back when the last that wanted it off ends.
    """
    lock, inside = _UNCHECKED
    with lock:
        inside[0] += 1
        schemapi.disable_debug_mode()
    try:
        yield
    finally:
        with lock:
            inside[0] -= 1
            if not inside[0]:
                schemapi.enable_debug_mode()


AHEAD: ContextVar[Mapping[tuple[Figure, int], str] | None] = ContextVar("drawings made ahead", default=None)
"""Drawings that another process made, by figure and width."""


def to_svg(figure: Figure, width: int = WIDE) -> str:
    """Draw a figure as SVG, without a browser.

    Parameters
    ----------
    figure
        The figure.
    width
        Width of the plotting area in pixels.

    Returns
    -------
    str
        An `<svg>` element in the light colours.
    """
    made = (AHEAD.get() or {}).get((figure, width))
    return _svg(figure, width) if made is None else made


@lru_cache(maxsize=128)
def _svg(figure: Figure, width: int) -> str:
    return svg_of(spec_of(figure, width))


@lru_cache(maxsize=128)
def spec_of(figure: Figure, width: int) -> str:
    """Write a figure of some width down in Vega-Lite.

    Parameters
    ----------
    figure
        The figure.
    width
        Width of the plotting area in pixels.

    Returns
    -------
    str
        A specification with its data.
    """
    with unchecked():
        return _spec(styled(figure.draw(width), width))


def has_panels(chart: Chart) -> bool:
    """Say whether a chart is of several side by side, each with a width of its own."""
    return isinstance(chart, alt.HConcatChart | alt.VConcatChart | alt.FacetChart)


def live_spec(chart: Chart, *, dark: bool, width: int = WIDE) -> dict[str, Any]:
    """Give a chart for a page that draws it: as wide as its place, in the house style; panels keep theirs.

    Parameters
    ----------
    chart
        A single or layered chart without a width of its own.
    dark
        Whether it stands on dark paper.
    width
        For which it was drawn, in pixels: narrow figures have smaller letters and longer legends.

    Returns
    -------
    dict
        A Vega-Lite specification with its data.
    """
    with unchecked():
        made = styled(chart, width)
        if not has_panels(chart):  # rows keep their height: legends and names of columns stand outside of it
            made = made.properties(
                width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
            )
        spec = _spec(made)
    for light, other in DARK.items() if dark else ():
        spec = spec.replace(f'"{light}"', f'"{other}"')
    whole: dict[str, Any] = json.loads(spec)
    whole["config"]["aria"] = True  # drawn by the page, each mark is told to who cannot see it
    if not has_panels(chart):  # a legend begins where the names of rows end, however wide the page is
        limit = f"{1 - NAMES} * width - {LEGEND_MARK}"
        whole["config"]["legend"]["labelLimit"] = {"expr": limit}
    return whole


_OPEN, _WHITE = re.compile(r"<svg\b[^>]*>"), '<rect width="100%" height="100%" fill="#ffffff"/>'
_SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"')


def proportion(figure: Figure) -> float:
    """Height over width of a figure as it is drawn for a wide page.

    Parameters
    ----------
    figure
        The figure.

    Returns
    -------
    float
        1 where it is as high as wide.
    """
    size = _SIZE.search(to_svg(figure, WIDE))
    if size is None:
        raise ValueError("a drawing without a size")
    return float(size[2]) / float(size[1])


def _spec(chart: Chart) -> str:
    """Write a chart down with all its rows: Altair's limit is for pages that are sent to a browser."""
    with alt.data_transformers.enable("default", max_rows=None):
        return json.dumps(chart.to_dict(validate=schemapi.DEBUG_MODE))


def to_png(figure: Figure, width: int = WIDE, scale: float = 2.0) -> bytes:
    """Draw a figure as PNG on white paper, without a browser.

    Parameters
    ----------
    figure
        The figure.
    width
        Width of the plotting area in pixels.
    scale
        Pixels per pixel.

    Returns
    -------
    bytes
        The file.
    """
    return _png_of(to_svg(figure, width), scale)


@lru_cache(maxsize=64)
def _png_of(svg: str, scale: float) -> bytes:
    import vl_convert

    made: bytes = vl_convert.svg_to_png(_OPEN.sub(rf"\g<0>{_WHITE}", svg, count=1), scale=scale)
    return made
