"""What came in with a file: rows, people, days and the look of its first lines, not what stands there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from instrument.dates_given import date_written
from instrument.ids import ids_alike
from instrument.recognition.answers import cell_text
from instrument.recognition.beside_items import ColumnMeaning, holds_one_of
from instrument.recognition.mapping import Mapping
from instrument.responses_cells import number_of
from instrument.responses_raw import RawTable, name_rows

FIRST_LINES = 3


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
    said = []
    for label, texts in mapping.without_rows.items():
        here = kept & holds_one_of(raw.column(label), texts)
        kept &= ~here
        if here.any():
            said.append(f"{int(here.sum())} left out by {label!r}")
    lines = [", ".join([f"rows: {len(kept)} read", f"{int(kept.sum())} kept", *said])]
    if mapping.participant is not None:
        ids = {ids_alike(text, mapping.ids_alike) for text in _texts(raw, mapping.participant, kept)} - {""}
        waves = [_texts(raw, label, kept) for label in mapping.wave_columns()]
        number = len(set(zip(*waves, strict=True))) if waves else len(mapping.waves)
        lines.append(f"people: {len(ids)}{f', waves: {number}' if number else ''}")
    if mapping.completed_on is not None:
        days = [day for text in _texts(raw, mapping.completed_on, kept) if (day := date_written(text))]
        if days:
            of = "every row" if len(days) == kept.sum() else f"{len(days)} of {int(kept.sum())} rows"
            lines.append(f"days of answers: {min(days)} to {max(days)}, in {of}")
    for k in np.flatnonzero(kept)[:FIRST_LINES]:
        here = [c.column for c in columns if c.column in raw.columns]  # items in rows have none of their own
        looks = [f"{name!r} {_look(raw, name, int(k))}" for name in here]
        lines.append(f"{name_rows([raw.lines[k]], raw.unit)}: {', '.join(looks)}")
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
