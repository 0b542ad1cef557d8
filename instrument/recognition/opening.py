"""Find out how a file is written: encoding, separator, sheet; and split its header from its rows."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
from collections import Counter
from pathlib import Path

import numpy as np

from instrument.reading.files import read_raw
from instrument.reading.raw import RawTable, count_of
from instrument.reading.text import DELIMITERS, SUFFIXES, declared_separator
from instrument.recognition.mapping import FileForm, Mapping
from instrument.recognition.tools import plain_name

LOOKED_AT = 200
MOST_ABOVE = 15
"""Rows above a header that are passed over."""
LOOKED_AT_SIGNS = 500_000
"""Records, and signs, by which the separator is recognised."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a file is written, as far as it shows.

    Attributes
    ----------
    form : FileForm
        Encoding, separator and sheet.
    unsure : tuple of str
        What of it was not plain.
    """

    form: FileForm
    unsure: tuple[str, ...] = ()


def writing_of(path: Path, said: FileForm | None = None) -> Writing:
    """Recognise encoding and separator of a text file, or the sheet of a workbook.

    Parameters
    ----------
    path
        The file.
    said
        What somebody said of it; that is taken as it is.

    Returns
    -------
    Writing
        The usual form for other files, and for those that their reader will refuse.
    """
    suffix = path.suffix.lower()
    if suffix == ".xlsx" and path.is_file():
        sheet = said.sheet if said is not None and said.sheet is not None else _visible_sheet(path)
        return Writing(form=FileForm(sheet=sheet))
    if suffix not in SUFFIXES or not path.is_file():
        return Writing(form=said or FileForm())
    content = path.read_bytes()
    encoding, is_sure = encoding_of(content)
    if said is not None and said.encoding != "utf-8":
        encoding, is_sure = said.encoding, True
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (UnicodeDecodeError, LookupError):
        return Writing(form=FileForm(encoding=encoding))
    named = said.delimiter if said is not None else None
    delimiter = named or separator_of(text, SUFFIXES[suffix])
    above = rows_above_of(text, delimiter) if declared_separator(text) is None else 0
    usual = None if delimiter == SUFFIXES[suffix] and not above else delimiter
    unsure = () if is_sure else (f"file.encoding: {encoding}, as signs beyond ASCII are not UTF-8",)
    form = FileForm(encoding=encoding, delimiter=usual, rows_above=above)
    if above:
        unsure = (*unsure, f"file.rows_above: {count_of(above, 'row')} above the header hold something else")
    return Writing(form=form, unsure=unsure)


def encoding_of(content: bytes) -> tuple[str, bool]:
    """Recognise the encoding of a text, and say whether it is plain.

    Parameters
    ----------
    content
        The file.

    Returns
    -------
    tuple
        Name of the encoding; False where only the signs that people use speak for it.

    Examples
    --------
    >>> encoding_of("Müller".encode()), encoding_of("Müller".encode("cp1252"))
    (('utf-8', True), ('cp1252', False))
    """
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32", True
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", True
    head = content[:4000]
    if head[1::2].count(0) > len(head) / 4:
        return "utf-16-le", True
    if head[::2].count(0) > len(head) / 4:
        return "utf-16-be", True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        try:
            content.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1", False
        return "cp1252", False
    return "utf-8", True


def separator_of(text: str, usual: str) -> str:
    """Recognise the separator: the one that cuts the first records into equally many fields, at least two.

    Parameters
    ----------
    text
        The file.
    usual
        Separator that files of this ending have; it is taken where several or none do.

    Returns
    -------
    str
        One character.

    Examples
    --------
    >>> separator_of("a;b\\n1,5;2\\n", ",")
    ';'
    """
    if (named := declared_separator(text)) is not None:
        return named
    fields = {mark: _fields(text, mark) for mark in DELIMITERS}
    even = _even(fields)
    if not even:  # the first records may be a title
        fields = {mark: _below(counts) for mark, counts in fields.items()}
        even = _even(fields)
    if usual in even or not even:
        return (
            usual
            if usual in even or not any(len(c) and c[0] > 1 for c in fields.values())
            else max(fields, key=lambda mark: (fields[mark][:1] or [0])[0])
        )
    return max(even, key=lambda mark: fields[mark][0])


def _even(fields: dict[str, list[int]]) -> list[str]:
    return [mark for mark, counts in fields.items() if len(set(counts)) == 1 and counts[0] > 1]


def rows_above_of(text: str, mark: str) -> int:
    """Count the records above a table that are no part of it, such as a title: they have fewer fields.

    Parameters
    ----------
    text
        The file.
    mark
        Its separator.

    Returns
    -------
    int
        0 where the first record has as many fields as the rest, or where the rest are not even.

    Examples
    --------
    >>> rows_above_of("Export of May\\na,b\\n1,2\\n", ","), rows_above_of("a,b\\n1,2\\n", ",")
    (1, 0)
    """
    counts = _fields(text, mark)
    return len(counts) - len(_below(counts))


def _below(counts: list[int]) -> list[int]:
    """Fields of the records from the first one on that has as many as the rest, where all of these have."""
    if not counts or counts[0] >= counts[-1]:
        return counts
    k = next(k for k, n in enumerate(counts) if n == counts[-1])
    if max(counts[:k]) > counts[-1] / 2:
        return counts  # not a title, but a header that lost a field
    return counts[k:] if k <= MOST_ABOVE and len(counts) - k > 1 and len(set(counts[k:])) == 1 else counts


def _fields(text: str, mark: str) -> list[int]:
    """Fields of each of the first records."""
    head = text[:LOOKED_AT_SIGNS]
    counts = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=mark):
            if row and (len(row) > 1 or row[0].strip()):
                counts.append(len(row))
            if len(counts) >= LOOKED_AT:
                return counts
    except csv.Error:
        return []
    return counts[:-1] if len(head) < len(text) else counts


def _visible_sheet(path: Path) -> str | None:
    """Name of the only sheet that is not hidden, where others are."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True)
    except Exception:
        return None
    try:
        shown = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
        return shown[0] if len(shown) == 1 < len(book.worksheets) else None
    finally:
        book.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadedTable:
    """A table whose header was split from its rows.

    Attributes
    ----------
    raw : RawTable
        Columns by unique labels, rows of answers only.
    headers : list of tuple
        Texts of the header above each column, from the first row on; a text of the first row that stands
        over several columns (a merged cell, a matrix of questions) stands at each of them.
    """

    raw: RawTable
    headers: list[tuple[str, ...]]


def open_table(path: Path, form: FileForm, caller: str) -> RawTable:
    """Read a file in the form that is named; its first row is taken for the header.

    Parameters
    ----------
    path
        The file.
    form
        How it is written.
    caller
        Named in messages.

    Returns
    -------
    RawTable
        As it came.
    """
    return read_raw(path, form.sheet, form.encoding, form.delimiter, caller, form.rows_above)


def first_rows(raw: RawTable, number: int = 5) -> list[list[str]]:
    """Give the header and the rows below it as texts.

    Parameters
    ----------
    raw
        As it came.
    number
        How many rows at most.

    Returns
    -------
    list of list of str
        Empty texts where nothing stands.
    """
    below = min(number - 1, len(raw.lines))
    return [list(raw.columns), *[[_text(column, k) for column in raw.cells] for k in range(below)]]


def _text(column: object, k: int) -> str:
    cell = column.iloc[k] if hasattr(column, "iloc") else column[k]  # type: ignore[index]
    return "" if cell is None or cell != cell else str(cell)


def headed(raw: RawTable, form: FileForm) -> HeadedTable:
    """Split the header from the rows and label every column.

    Parameters
    ----------
    raw
        As it came.
    form
        Rows of the header, and which of them names the columns.

    Returns
    -------
    HeadedTable
        A column without a name is labelled by its place (`column 9`), a name used twice by its number.
    """
    k = min(form.header_rows - 1, len(raw.lines))
    rows = first_rows(raw, k + 1)
    if k:
        rows[0] = _carried_on(rows)
    headers = [tuple(cell.strip() for cell in cells) for cells in zip(*rows, strict=True)]
    kept_texts = [raw.column_labels.get(name) for name in raw.columns]
    headers = [(*texts, text) if text else texts for texts, text in zip(headers, kept_texts, strict=True)]
    named = min(form.names_row, k + 1) - 1
    names = [
        texts[named] or next((t for t in texts if t), f"column {n}") for n, texts in enumerate(headers, 1)
    ]
    names = [" ".join(_seen(name).split()) or f"column {n}" for n, name in enumerate(names, 1)]
    labels = unique_labels(names)
    cells = [column.iloc[k:] if hasattr(column, "iloc") else column[k:] for column in raw.cells]
    kept = dataclasses.replace(raw, columns=labels, cells=cells, lines=np.asarray(raw.lines)[k:])
    labelled = dict(zip(raw.columns, labels, strict=True))
    by_label = {labelled[name]: texts for name, texts in raw.value_labels.items() if name in labelled}
    missing = {labelled[name]: spans for name, spans in raw.user_missing.items() if name in labelled}
    hollow = tuple(
        dataclasses.replace(cells, column=label)
        for label, name in zip(labels, raw.columns, strict=True)
        for cells in raw.hollow
        if cells.column == name
    )
    return HeadedTable(
        raw=dataclasses.replace(kept, value_labels=by_label, user_missing=missing, hollow=hollow),
        headers=headers,
    )


def _seen(name: str) -> str:
    """A name without signs that cannot be seen."""
    return "".join(sign for sign in name if sign not in "\u200b\u200c\u200d\u2060\ufeff")


def _carried_on(rows: list[list[str]]) -> list[str]:
    """First row with each text carried over the columns to its right that have none but a second row."""
    carried, last = [], ""
    for top, *below in zip(*rows, strict=True):
        last = top or (last if any(below) else "")
        carried.append(last)
    return carried


def unique_labels(names: list[str]) -> list[str]:
    """Number the names that are there more than once.

    Parameters
    ----------
    names
        In the order of the columns.

    Returns
    -------
    list of str
        Each once.

    Examples
    --------
    >>> unique_labels(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    counts: Counter[str] = Counter()
    labels = []
    for name in names:
        counts[name] += 1
        labels.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return labels


def read_headed(path: Path, mapping: Mapping, caller: str) -> HeadedTable:
    """Read a file as its mapping says it is written.

    Parameters
    ----------
    path
        The file.
    mapping
        How it is understood.
    caller
        Named in messages.

    Returns
    -------
    HeadedTable
        Columns by label.
    """
    return headed(open_table(path, mapping.file, caller), mapping.file)


def by_plain_name(raw: RawTable) -> dict[str, str]:
    """Labels of the columns by their plain names; the first where several are alike."""
    found: dict[str, str] = {}
    for label in raw.columns:
        found.setdefault(plain_name(label), label)
    return found
