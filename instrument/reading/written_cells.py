"""Cells as they are written to CSV and workbooks: text that a spreadsheet would run is marked as text.

A cell that begins with `=`, `+`, `-`, `@` or a control character is a formula to a spreadsheet, whoever typed
it: a pseudonym, a label, a free text. In CSV such text gets an apostrophe in front, the spreadsheets' mark of
text; our readers take it off again. Numbers stay numbers. In a workbook the cell's type says that it is text.
"""

from __future__ import annotations

import csv
import re
from typing import Any

import pandas as pd

_RUN = "=+\\-@\t\r\n＝＋－＠"
_FORMULA = re.compile(rf"'*[{_RUN}]")
MARKED = rf"^'+[{_RUN}]"
_MARKED = re.compile(MARKED)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")


def marked(value: Any) -> Any:
    """Mark text that a spreadsheet would run.

    Parameters
    ----------
    value
        Any; what is no text stays as it is.

    Returns
    -------
    object
        With an apostrophe in front where it begins like a formula and is no number; text that had the mark
        gets one more, so that `unmarked` gives back every text.

    Examples
    --------
    >>> marked("=1+1"), marked("'=1"), marked("-2.5"), marked("r1")
    ("'=1+1", "''=1", '-2.5', 'r1')
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def unmarked(value: Any) -> Any:
    """Take off the mark that `marked` gave.

    Parameters
    ----------
    value
        Any; what is no text stays as it is.

    Returns
    -------
    object
        The text as it was.

    Examples
    --------
    >>> unmarked("'=1+1"), unmarked("''=1"), unmarked("'tis")
    ('=1+1', "'=1", "'tis")
    """
    return value[1:] if isinstance(value, str) and _MARKED.match(value) else value


def csv_text(frame: pd.DataFrame, *, separator: str = ",", missing: str = "") -> str:
    """Write a table as CSV text, with text that a spreadsheet would run marked.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; its index is left out.
    separator
        Between fields.
    missing
        For cells without a value.

    Returns
    -------
    str
        Header and rows, lines ended by a line feed.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"participant": ["@a", "b"], "n": [-1, 2]}))
    "participant,n\\n'@a,-1\\nb,2\\n"
    """
    texts = [_may_hold_text(kind) for kind in frame.dtypes]
    columns = [
        pd.Series([marked(value) for value in column], index=column.index, dtype=object)
        if is_text
        else column
        for (_, column), is_text in zip(frame.items(), texts, strict=True)
    ]
    written = pd.concat(columns, axis=1) if columns else frame.copy()
    written.columns = pd.Index([marked(str(name)) for name in frame.columns], dtype=object)
    # csv leaves a lone carriage return bare unless it ends the lines, and no reader would take it
    held = [column for column, is_text in zip(columns, texts, strict=True) if is_text]
    returns = any(isinstance(v, str) and "\r" in v for part in (written.columns, *held) for v in part)
    return written.to_csv(
        index=False,
        sep=separator,
        na_rep=missing,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL,
    )


def _may_hold_text(kind: Any) -> bool:
    known = pd.api.types
    return known.is_object_dtype(kind) or known.is_string_dtype(kind) or isinstance(kind, pd.CategoricalDtype)


def without_marks(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the marks off a table that was read from CSV.

    Parameters
    ----------
    frame : pandas.DataFrame
        As read.

    Returns
    -------
    pandas.DataFrame
        Names and texts as they were before `csv_text`.
    """
    kept = frame.copy()
    kept.columns = pd.Index([unmarked(name) for name in frame.columns])
    for place, kind in enumerate(kept.dtypes):
        column = kept.iloc[:, place]
        if _may_hold_text(kind) and any(isinstance(value, str) and value[:1] == "'" for value in column):
            texts = pd.Series([unmarked(value) for value in column], index=column.index, dtype=object)
            kept.isetitem(place, texts.astype(kind).array)
    return kept


def text_cell(sheet: Any, value: Any) -> Any:
    """Make a cell of a workbook; text is text, whatever it begins with.

    Parameters
    ----------
    sheet
        Of a workbook of openpyxl.
    value
        What it holds.

    Returns
    -------
    object
        For `sheet.append`.
    """
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
    cell.data_type = "s"
    return cell
