"""Tables of a page: numbers sort as numbers, an interval stands with its estimate, the first column stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.report.view import Cell, TableView

INTERVALS = {("95% from", "to"): "95% interval", ("90% from", "to"): "90% interval"}
"""Heads of the ends of an interval, and what their estimate is called beside them."""
MOST_INTERVALS = 80
"""Rows of a table up to which intervals stand with their estimates: each is formatted by itself."""


ROOM = 810
"""Pixels of a table beside the sidebar on a page 1280 pixels wide."""
MARK = 36
"""Pixels of the column in which rows are chosen."""
LETTER, EDGES = 6.7, 20
"""Pixels of a letter, and of what a cell keeps free on both sides."""
LEAST, LINE, ABOVE_AND_BELOW = 130, 20, 15
"""Pixels of a narrow column of words, of a line, and of what a row keeps free above and below its lines."""
MOST_LINES, BREAKING = 6, 66
"""Lines of a row at most; pixels of a row from which Streamlit breaks words into lines (more than 4rem)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Pixels of the columns of a table (None: as wide as its content) and of a row."""

    widths: tuple[int | None, ...]
    row: int | None = None


def fit(
    heads: Sequence[str], texts: Sequence[Sequence[str]], numeric: Sequence[bool], *, chosen: bool = False
) -> Fit:
    """Break long words into lines where a table would run past the edge of the page.

    Parameters
    ----------
    heads
        Of the columns.
    texts
        Printed texts of each column.
    numeric
        Whether a column holds numbers: these are never broken.
    chosen
        Whether rows can be chosen, which takes a column of marks at their start.

    Returns
    -------
    Fit
        Nothing is set where all fits. Where numbers alone leave no room, words have the least there is, so
        that a reader has to move as little as can be.

    Examples
    --------
    >>> fit(["Theme", "n"], [["North"], ["12"]], [False, True])
    Fit(widths=(None, None), row=None)
    >>> fit(["If it held", "n"], [["So many words. " * 12], ["12"]], [False, True])
    Fit(widths=(777, None), row=66)
    >>> fit(["If it held", "n"], [["So many words. " * 12], ["12"]], [False, True], chosen=True)
    Fit(widths=(741, None), row=66)
    """
    needed = [
        round(LETTER * max(len(head), *map(len, own)) + EDGES) for head, own in zip(heads, texts, strict=True)
    ]
    nothing = Fit(widths=(None,) * len(needed))
    broken = [place for place, is_number in enumerate(numeric) if not is_number and needed[place] > LEAST]
    room = ROOM - (MARK if chosen else 0)
    left = room - sum(width for place, width in enumerate(needed) if place not in broken)
    if sum(needed) <= room or not broken:
        return nothing
    widths = _shared(max(left, LEAST * len(broken)), {place: needed[place] for place in broken})
    lines = max(-(-needed[place] * 11 // (width * 10)) for place, width in widths.items())
    row = max(BREAKING, LINE * min(lines, MOST_LINES) + ABOVE_AND_BELOW)
    return Fit(widths=tuple(widths.get(place) for place in range(len(needed))), row=row)


def _shared(left: int, needed: dict[int, int]) -> dict[int, int]:
    """Share the room: who needs less than an equal part gets that, the others share what is left."""
    for place, width in sorted(needed.items(), key=lambda one: one[1]):
        if width <= left / len(needed) and len(needed) > 1:
            others = {other: need for other, need in needed.items() if other != place}
            return {place: width, **_shared(left - width, others)}
    return dict.fromkeys(needed, left // len(needed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as a page shows it: its head, what it sorts by, and what is printed."""

    head: str
    numeric: bool
    values: tuple[Any, ...]
    texts: tuple[str, ...]


def columns_of(view: TableView) -> list[Column]:
    """Arrange a table for a page.

    Parameters
    ----------
    view
        As every form of the report prints it.

    Returns
    -------
    list of Column
        The ends of an interval are put with the estimate before them, where the three are printed alike.
    """
    heads = [head or "Name" for head, _ in view.heads]
    joined = _intervals(view, heads) if len(view.rows) <= MOST_INTERVALS else {}
    ends = {place for start in joined.values() for place in (start, start + 1)}
    made = []
    for place, (head, (_, numeric)) in enumerate(zip(heads, view.heads, strict=True)):
        if place in ends:
            continue
        cells = [row[place] for row in view.rows]
        texts = [cell.text for cell in cells]
        if place in joined:
            start = joined[place]
            texts = [_with_interval(row[place], row[start], row[start + 1]) for row in view.rows]
            head = f"{head} ({INTERVALS[heads[start], heads[start + 1]]})"
        made.append(
            Column(
                head=head,
                numeric=numeric and all(_is_number(cell.value) for cell in cells),
                values=tuple(cell.value for cell in cells),
                texts=tuple(texts),
            )
        )
    return made


def _intervals(view: TableView, heads: Sequence[str]) -> dict[int, int]:
    """Place of an estimate to the place where its interval starts."""
    return {
        place - 1: place
        for place in range(1, len(heads) - 1)
        if tuple(heads[place : place + 2]) in INTERVALS
        and view.heads[place - 1][1]
        and not any(heads[place - 1] in ends for ends in INTERVALS)
    }


def _with_interval(estimate: Cell, low: Cell, high: Cell) -> str:
    told = low.value is not None and high.value is not None
    return f"{estimate.text} ({low.text} to {high.text})" if told else estimate.text


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def frame_of(columns: Sequence[Column]) -> Any:
    """Give a styled frame: what it holds are numbers, what it shows is the print of every form.

    Parameters
    ----------
    columns
        From `columns_of`.

    Returns
    -------
    pandas.io.formats.style.Styler
        Columns are named by their place, since two may share a head.
    """
    data = {
        str(place): pd.Series(list(column.values), dtype=float)
        if column.numeric
        else pd.Series(list(column.texts), dtype=object)
        for place, column in enumerate(columns)
    }
    frame = pd.DataFrame(data)
    styled = frame.style
    for place, column in enumerate(columns):
        if not column.numeric:
            continue
        name = str(place)
        by_value = dict(zip(column.values, column.texts, strict=True))
        if all(by_value[value] == text for value, text in zip(column.values, column.texts, strict=True)):
            styled = styled.format(_printer(by_value), subset=[name], na_rep=by_value.get(None, "–"))
            continue
        for row, text in enumerate(column.texts):  # the same estimate with two intervals
            styled = styled.format(_always(text), subset=pd.IndexSlice[[row], [name]], na_rep=text)
    return styled


def _always(text: str) -> Callable[[Any], str]:
    return lambda _: text


def _printer(texts: dict[Any, str]) -> Callable[[Any], str]:
    return lambda value: texts.get(value, str(value))
