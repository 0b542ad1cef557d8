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
BESIDE = ("SE", "df")
"""Heads of what stands in brackets behind the number before it where a table is too wide."""


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
    needed = [_pixels(head, own) for head, own in zip(heads, texts, strict=True)]
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


def _pixels(head: str, texts: Sequence[str]) -> int:
    """Width that the longest text of a column takes in one line."""
    return round(LETTER * max(len(head), *map(len, texts)) + EDGES)


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
    if len(view.rows) <= MOST_INTERVALS and apart(made)[1]:
        return folded(made)
    return made


def folded(columns: Sequence[Column]) -> list[Column]:
    """Put an error, degrees of freedom or the end of a range with the number before it.

    Examples
    --------
    >>> slope = Column(head="Slope", numeric=True, values=(1.3,), texts=("1.30",))
    >>> error = Column(head="SE", numeric=True, values=(0.3,), texts=("0.30",))
    >>> made, = folded([slope, error])
    >>> made.head, made.texts, made.values
    ('Slope (SE)', ('1.30 (0.30)',), (1.3,))
    """
    made: list[Column] = []
    for column in columns:
        before = made[-1] if made else None
        if before is not None and before.numeric and column.numeric:
            if column.head in BESIDE and "(" not in before.head:
                made[-1] = _together(before, column, f"{before.head} ({column.head})", "{} ({})")
                continue
            if column.head == "to" and before.head.endswith(" from"):
                made[-1] = _together(before, column, before.head.removesuffix(" from"), "{} to {}")
                continue
        made.append(column)
    return made


def _together(one: Column, other: Column, head: str, form: str) -> Column:
    texts = tuple(
        mine if None in (own, theirs) else form.format(mine, beside)
        for mine, own, beside, theirs in zip(one.texts, one.values, other.texts, other.values, strict=True)
    )
    return Column(head=head, numeric=True, values=one.values, texts=texts)


def apart(columns: Sequence[Column], *, chosen: bool = False) -> tuple[list[Column], list[Column]]:
    """Divide a table that is wider than its place: what fits, and the other columns beside the names of rows.

    Parameters
    ----------
    columns
        From `columns_of`.
    chosen
        Whether rows can be chosen, which takes a column of marks at their start.

    Returns
    -------
    tuple
        Columns shown, and those of a second table, which is empty where all fit.

    Examples
    --------
    >>> name = Column(head="Theme", numeric=False, values=("North",), texts=("North",))
    >>> heads = [f"A number, adjusted {k}" for k in range(8)]
    >>> wide = [Column(head=head, numeric=True, values=(0.5,), texts=(".5",)) for head in heads]
    >>> shown, others = apart([name, *wide])
    >>> [column.head[-1] for column in shown], [column.head[-1] for column in others]
    (['e', '0', '1', '2', '3'], ['e', '4', '5', '6', '7'])
    """
    room = ROOM - (MARK if chosen else 0)
    least = [
        _pixels(column.head, column.texts)
        if column.numeric
        else min(_pixels(column.head, column.texts), LEAST)
        for column in columns
    ]
    if sum(least) <= room:
        return list(columns), []
    names = next((place for place, column in enumerate(columns) if column.numeric), len(columns))
    fits = names
    while fits < len(columns) and sum(least[: fits + 1]) <= room:
        fits += 1
    if fits in (names, len(columns)):  # one number alone is too wide: it moves under its names
        return list(columns), []
    return list(columns[:fits]), [*columns[:names], *columns[fits:]]


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
