"""A table as it came: names, cells and where each row stands, before anything is judged."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from instrument.errors import MOST_NAMED, ResponseDataError, fact_and_hint

REASON_COLUMNS = ["participant", "wave", "item", "reason"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HollowCells:
    """Cells of a column that hold less than they show: formulas without a value, or parts of merged cells."""

    column: str
    lines: np.ndarray
    one: str
    several: str
    hint: str
    is_merged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class RawTable:
    """Columns and cells of one file or frame, untouched.

    `cells` holds one array-like per column, each of length `len(lines)`; `lines` is the number by
    which a user finds a row again, and `unit` says of what ("line" of a text file, "row").
    `hollow` are cells that must not be taken for empty where their column is needed;
    `column_labels` holds the texts that SPSS, SAS and Stata keep of a variable; `is_mapped` says that a
    mapping named columns and answers. `left` says why how many rows were left out, and of what: rows of the
    file, or administrations where the table `is_reshaped`; `came_in` what the file held before.
    """

    caller: str
    source: str
    columns: list[str]
    cells: list[Any]
    lines: np.ndarray
    unit: str = "row"
    is_text: bool = False
    checksum: str | None = None
    notes: list[str] = field(default_factory=list)
    value_labels: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    user_missing: Mapping[str, list[tuple[Any, Any]]] = field(default_factory=dict)
    reasons: pd.DataFrame | None = None
    keyed: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    column_labels: Mapping[str, str] = field(default_factory=dict)
    is_mapped: bool = False
    hollow: tuple[HollowCells, ...] = ()
    left: tuple[tuple[str, int, str], ...] = ()
    is_reshaped: bool = False
    came_in: Mapping[str, Any] | None = None

    def left_too(self, number: int, why: str) -> tuple[tuple[str, int, str], ...]:
        """What was left out, and so many more."""
        what = "administrations" if self.is_reshaped else "rows"
        return (*self.left, (why, int(number), what)) if number else self.left

    def fault(self, fact: str, hint: str) -> ResponseDataError:
        """Error about this table: source first, then the fact, then the hint."""
        return ResponseDataError(fact_and_hint(self.caller, f"{self.source}: {fact}", hint))

    def column(self, name: str) -> Any:
        """Cells of the column with this name."""
        return self.cells[self.columns.index(name)]

    def refuse_hollow(self, needed: Iterable[str], filled: Iterable[str]) -> None:
        """Refuse needed cells that would pass for empty; merged ones not where that is seen to."""
        names, seen_to, kept = set(needed), set(filled), set(self.lines.tolist())
        for cells in self.hollow:
            if cells.is_merged and cells.column in seen_to:
                continue
            rows = [line for line in cells.lines.tolist() if line in kept]
            if rows and cells.column in names:
                what = f"{len(rows)} {cells.one if len(rows) == 1 else cells.several}"
                where = f"column {cells.column!r}; {name_rows(rows, self.unit)}"
                raise self.fault(f"{what} ({where}).", cells.hint)

    def where(self, chosen: np.ndarray) -> str:
        """Name the rows that a boolean mask chooses, by file line where there is one."""
        return name_rows(self.lines[chosen], self.unit)


def name_rows(numbers: Iterable[Any], unit: str) -> str:
    """Name at most five rows and count the rest.

    Parameters
    ----------
    numbers
        Line or row numbers.
    unit
        "line" or "row".

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> name_rows([4], "line")
    'line 4'
    >>> name_rows(range(2, 10), "row")
    'rows 2, 3, 4, 5, 6 and 3 more'
    """
    listed = [int(number) for number in numbers]
    shown = ", ".join(map(str, listed[:MOST_NAMED]))
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return f"{unit}{'s' if len(listed) != 1 else ''} {shown}{more}"


def count_of(number: int, noun: str) -> str:
    """Write a count with its noun.

    Parameters
    ----------
    number
        How many.
    noun
        What, in the singular.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> count_of(1, "cell"), count_of(3, "cell")
    ('1 cell', '3 cells')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class ReasonTable(pd.DataFrame):
    """Long table of missing answers that can travel in `frame.attrs`.

    pandas copies and compares `attrs` whenever it makes a frame from a frame; a plain table there is
    copied each time and makes `concat` and `merge` fail. This one is shared and compares as a whole.
    Working with it gives plain frames.
    """

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> ReasonTable:
        """Share: the table is never changed in place."""
        return self

    def __eq__(self, other: object) -> bool:  # type: ignore[override] # attrs are compared as a whole
        """Whether both tables hold the same."""
        return self is other or (isinstance(other, pd.DataFrame) and self.equals(other))

    __hash__ = None


def missing_reasons(responses: pd.DataFrame) -> pd.DataFrame:
    """Give the long table of missing answers of a checked response table.

    Parameters
    ----------
    responses
        Frame that `read_responses` or `check_responses` gave.

    Returns
    -------
    pandas.DataFrame
        One row per missing answer: `participant`, `wave`, `item`, `reason` (skipped, not_seen,
        not_applicable, declined, or unstated where the file says nothing). Empty when the frame
        carries none.

    Examples
    --------
    >>> missing_reasons(pd.DataFrame({"participant": ["a"], "wave": [1]})).columns.to_list()
    ['participant', 'wave', 'item', 'reason']
    """
    table = reasons_of_table(responses)
    return pd.DataFrame(columns=REASON_COLUMNS) if table is None else table


def reasons_of_table(responses: pd.DataFrame) -> pd.DataFrame | None:
    """Long table of missing answers that a response table carries.

    Parameters
    ----------
    responses
        In memory, or read from the Parquet file that such a table was written to.

    Returns
    -------
    pandas.DataFrame or None
        `participant`, `wave`, `item`, `reason`; None where the table carries none.
    """
    told = responses.attrs.get("reasons")
    if isinstance(told, pd.DataFrame):
        return pd.DataFrame(copy.copy(told))
    return pd.DataFrame(told, columns=REASON_COLUMNS) if isinstance(told, list) else None
