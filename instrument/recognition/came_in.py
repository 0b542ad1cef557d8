"""What came in with a file: rows, people, days and the look of its first lines, not what stands there."""

from __future__ import annotations

from collections.abc import Mapping as Entries
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from instrument.reading.cells import number_of
from instrument.reading.dates_given import date_written
from instrument.reading.ids import ids_alike
from instrument.reading.raw import RawTable, name_rows
from instrument.recognition.answers import cell_text
from instrument.recognition.beside_items import ColumnMeaning, holds_one_of
from instrument.recognition.mapping import Mapping

FIRST_LINES = 3
CAME_IN = "came_in"
"""Entry of `attrs` of a table of answers that says what its file held."""
OF_ANSWERS = "of_answers"
"""Entry of `attrs` of a table that was made of columns of the answers."""


def came_in(raw: RawTable, mapping: Mapping, columns: Sequence[ColumnMeaning]) -> list[str]:
    """Say in words what came in; no answer, no id and no date of one person is shown.

    Parameters
    ----------
    raw
        The table below its header.
    mapping
        How it is understood.
    columns
        Those that are read.

    Returns
    -------
    list of str
        Rows read, kept and left out with the reason; people and waves; days from and to; what the first
        lines look like.

    Examples
    --------
    >>> raw = RawTable(
    ...     caller="f",
    ...     source="a.csv",
    ...     columns=["id", "a"],
    ...     lines=np.array([2, 3]),
    ...     unit="line",
    ...     cells=[["p1", "test"], ["4", ""]],
    ... )
    >>> mapping = Mapping(
    ...     instrument="mini", participant="id", items={"a": "a"}, without_rows={"id": ("test",)}
    ... )
    >>> columns = [
    ...     ColumnMeaning(column=name, meaning=name, n=1, why="", is_sure=True) for name in ("id", "a")
    ... ]
    >>> for line in came_in(raw, mapping, columns):
    ...     print(line)
    rows: 2 read, 1 kept, 1 left out by 'id'
    people: 1
    line 2: 'id' a text, 'a' a number
    """
    kept = np.ones(len(raw.lines), dtype=bool)
    left = []
    for label, texts in mapping.without_rows.items():
        here = kept & holds_one_of(raw.column(label), texts)
        kept &= ~here
        left += [(f"by {label!r}", int(here.sum()), "rows")] if here.any() else []
    picture = arrived(raw, [column.column for column in columns], mapping.completed_on, kept)
    rows, *days = in_words({**picture, "left": left})
    lines = [rows]
    if mapping.participant is not None:
        ids = {ids_alike(text, mapping.ids_alike) for text in _texts(raw, mapping.participant, kept)} - {""}
        waves = [_texts(raw, label, kept) for label in mapping.wave_columns()]
        number = len(set(zip(*waves, strict=True))) if waves else len(mapping.waves)
        lines.append(f"people: {len(ids)}{f', waves: {number}' if number else ''}")
    lines += days
    for k, line in enumerate(picture["lines"]):
        looks = [f"{name!r} {seen[k]}" for name, *seen in picture["looks"]]
        lines.append(f"{name_rows([line], raw.unit)}: {', '.join(looks)}")
    return lines


def arrived(
    raw: RawTable, columns: Sequence[str], dated: str | None, kept: np.ndarray | None = None
) -> dict[str, Any]:
    """Give what a file held, as plain data: no answer and no id is in it.

    Parameters
    ----------
    raw
        The table below its header.
    columns
        Those that are read.
    dated
        Column of the day of the answers, where there is one.
    kept
        Rows that are read; all by default.

    Returns
    -------
    dict
        `source`; `rows` read and the `unit` they are numbered by; first and last day (`from`, `to`) of the
        `dated` rows; numbers of the first `lines`, and for each column its name and how it `looks` in each.

    Examples
    --------
    >>> raw = RawTable(
    ...     caller="f",
    ...     source="a.csv",
    ...     columns=["a", "on"],
    ...     lines=np.array([2, 3]),
    ...     unit="line",
    ...     cells=[["4", ""], ["2026-03-02", "2026-03-01"]],
    ... )
    >>> picture = arrived(raw, ["a", "on"], "on")
    >>> picture["rows"], picture["from"], picture["to"]
    (2, '2026-03-01', '2026-03-02')
    >>> picture["looks"]
    [['a', 'a number', 'empty'], ['on', 'a date', 'a date']]
    """
    kept = np.ones(len(raw.lines), dtype=bool) if kept is None else kept
    days: list[Any] = []
    if dated is not None:
        texts = pd.Series(_texts(raw, dated, kept), dtype=object)
        read = {text: date_written(text) for text in texts.unique()}
        days = [day for day in texts.map(read) if day]
    first = np.flatnonzero(kept)[:FIRST_LINES]
    here = [name for name in dict.fromkeys(columns) if name in raw.columns]  # items in rows have none
    return {
        "source": raw.source,
        "rows": len(raw.lines),
        "unit": raw.unit,
        "from": str(min(days)) if days else None,
        "to": str(max(days)) if days else None,
        "dated": len(days),
        "lines": [int(raw.lines[k]) for k in first],
        "looks": [[name, *(_look(raw, name, int(k)) for k in first)] for name in here],
    }


def in_words(picture: Entries[str, Any]) -> list[str]:
    """Say how many rows a file held, what was left out, and the days of its answers.

    Parameters
    ----------
    picture
        As `arrived` gives it, with what was `left`: why, how many, and of what.

    Returns
    -------
    list of str
        One or two lines.

    Examples
    --------
    >>> in_words({"rows": 9, "left": [("by 'Status'", 2, "rows")], "dated": 0})
    ["rows: 9 read, 7 kept, 2 left out by 'Status'"]
    """
    left = picture["left"]
    kept = picture["rows"] - sum(number for _, number, what in left if what == "rows")
    said = [
        f"{number} left out {why}" if what == "rows" else f"{number} {what} left out {why}"
        for why, number, what in left
    ]
    lines = [", ".join([f"rows: {picture['rows']} read", f"{kept} kept", *said])]
    if dated := picture["dated"]:
        of = "every row" if dated == kept else f"{dated} of {kept} rows"
        lines.append(f"days of answers: {picture['from']} to {picture['to']}, in {of}")
    return lines


def _texts(raw: RawTable, label: str, kept: np.ndarray) -> list[str]:
    cells = pd.Series(raw.column(label), dtype=object)
    return [cell_text(cell) for cell in cells[kept]]


def _look(raw: RawTable, label: str, k: int) -> str:
    """What kind of thing a cell holds."""
    column = raw.column(label)
    text = cell_text(column.iloc[k] if hasattr(column, "iloc") else column[k])
    if not text:
        return "empty"
    if date_written(text) is not None:
        return "a date"
    return "a text" if isinstance(number_of(text), str) else "a number"
