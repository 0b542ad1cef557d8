"""What a sheet of a workbook hides or merges: nothing of it is passed over in silence."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from instrument.errors import name_offenders
from instrument.reading.raw import HollowCells, count_of, name_rows

PIECE = 1024**2
_TAG = re.compile(rb"<(?:\w+:)?(row|col|mergeCell|filterColumn|f)\b([^>]*)>")
_HIDDEN = re.compile(rb"\bhidden=[\"'](?:1|true)[\"']")
SAVE = "open the workbook in a spreadsheet program and save the values."
UNMERGE = "take the merged cells apart, and write into each what is meant there."


@dataclass(slots=True, kw_only=True)
class SheetLook:
    """What the chosen sheet of a workbook hides or merges.

    Attributes
    ----------
    name : str
        Of the sheet.
    is_hidden, is_filtered, has_formulas : bool
        Whether the sheet is hidden, a filter is set, and any cell is a formula.
    hidden_rows : set of int
        As the sheet counts them.
    hidden_columns, merged : list of tuple
        First and last column from 0; first column and row, last column and row.
    others : tuple of str
        Names of other sheets that are hidden.
    """

    name: str
    is_hidden: bool = False
    is_filtered: bool = False
    has_formulas: bool = False
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    others: tuple[str, ...] = ()

    def notes(self, header: Sequence[str], lines: Sequence[int]) -> list[str]:
        """Say what is hidden though it was read, with counts."""
        said = [f"sheet {self.name!r} is hidden, and was read"] if self.is_hidden else []
        if self.others:
            hidden = count_of(len(self.others), "hidden sheet")
            said.append(f"{hidden} of the workbook not read: {name_offenders(self.others)}")
        if rows := [line for line in lines if line in self.hidden_rows]:
            by = "a filter hides or somebody hid" if self.is_filtered else "hidden"
            fact = (
                f"{count_of(len(rows), 'row')} {by}"
                if self.is_filtered
                else count_of(len(rows), "hidden row")
            )
            said.append(f"{fact} ({name_rows(rows, 'row')}): read like the others")
        columns = [
            name
            for i, name in enumerate(header)
            if any(first <= i <= last for first, last in self.hidden_columns)
        ]
        if columns:
            fact = count_of(len(columns), "hidden column")
            said.append(f"{fact} ({name_offenders(columns)}): read like the others")
        return said

    def hollow(self, header: Sequence[str], uncomputed: dict[int, list[int]]) -> tuple[HollowCells, ...]:
        """Cells that look empty to a reader and are not: formulas without a value, parts of merged cells."""
        one, several = "formula without a stored value", "formulas without a stored value"
        found = [
            HollowCells(column=header[i], lines=np.array(rows), one=one, several=several, hint=SAVE)
            for i, rows in sorted(uncomputed.items())
            if i < len(header)
        ]
        one, several = "cell is merged with the one above or beside it", "cells are merged with others"
        covered: dict[int, set[int]] = {}
        for left, top, right, bottom in self.merged:
            for i in range(left, min(right, len(header) - 1) + 1):
                covered.setdefault(i, set()).update(range(top, bottom + 1))
                if i == left:
                    covered[i].discard(top)
        found += [
            HollowCells(
                column=header[i],
                lines=np.array(sorted(rows)),
                one=one,
                several=several,
                hint=UNMERGE,
                is_merged=True,
            )
            for i, rows in sorted(covered.items())
            if rows
        ]
        return tuple(found)


def look_at_sheet(content: bytes, name: str) -> SheetLook:
    """Look through the parts of a workbook for what its cells do not tell.

    Parameters
    ----------
    content
        The workbook.
    name
        The sheet that is read.

    Returns
    -------
    SheetLook
        What it hides or merges.
    """
    from openpyxl import load_workbook

    book: Any = load_workbook(io.BytesIO(content), read_only=True)
    try:
        sheet = book[name]
        hidden = tuple(other.title for other in book.worksheets if other.sheet_state != "visible")
        part = str(sheet._worksheet_path)
        found = SheetLook(
            name=name, is_hidden=name in hidden, others=tuple(other for other in hidden if other != name)
        )
    finally:
        book.close()
    row = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for tag, attributes in _tags(archive, part):
            if tag == b"f":
                found.has_formulas = True
            elif tag == b"filterColumn":
                found.is_filtered = True
            elif tag == b"mergeCell":
                corners = [_place(cell) for cell in _value(attributes, b"ref").split(":")]
                if corners[0] is not None and corners[-1] is not None:
                    found.merged.append((*corners[0], *corners[-1]))
            elif tag == b"row":
                row = _number(attributes, b"r") or row + 1
                if _HIDDEN.search(attributes):
                    found.hidden_rows.add(row)
            elif _HIDDEN.search(attributes):
                ends = _number(attributes, b"min") - 1, _number(attributes, b"max") - 1
                found.hidden_columns.append(ends)
    return found


def _tags(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[bytes, bytes]]:
    """Tags of a part and what stands in them, without holding the whole part."""
    rest = b""
    with archive.open(part) as stream:
        while piece := stream.read(PIECE):
            text = rest + piece
            end = text.rfind(b">") + 1
            rest = text[end:]
            for found in _TAG.finditer(text, 0, end):
                yield found[1], found[2]


def _value(attributes: bytes, name: bytes) -> str:
    found = re.search(rb"(?<![\w:])" + name + rb"=[\"']([^\"']*)[\"']", attributes)
    return found[1].decode() if found else ""


def _number(attributes: bytes, name: bytes) -> int:
    text = _value(attributes, name)
    return int(text) if text.isdecimal() else 0


def _place(cell: str) -> tuple[int, int] | None:
    """Column from 0 and row of a cell such as B3."""
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d{1,9})", cell)
    if found is None:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return column - 1, int(found[2])
