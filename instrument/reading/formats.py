"""Read a workbook, a Parquet file, an SPSS or a Stata file into a raw table."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.clock import option_of
from instrument.reading.raw import RawTable, reasons_of_table
from instrument.reading.sheets import look_at_sheet
from instrument.scoring.keying import keyed_items

MOST_UNPACKED = 500 * 1024**2
MOST_BESIDE = 16 * 1024**2
"""Bytes of a workbook's parts beside sheets and texts, which are read whole: styles, names, relations."""
PARTS_OF_TABLES = ("xl/worksheets/sheet", "xl/sharedStrings", "xl/media/", "xl/charts/", "docProps/thumbnail")
MOST_SHEET_CELLS = 20_000_000
LEAST_PER_ROW = 20  # an empty row costs time too; no sheet has more than a million
MOST_CELLS = 400_000_000
_STORED_INDEX = re.compile(r"__index_level_\d+__")


def _fault(caller: str, path: Path, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(caller, f"{path.name}: {fact}", hint))


def read_workbook(
    path: Path, content: bytes, caller: str, sheet: str | None = None, rows_above: int = 0
) -> RawTable:
    """Read one sheet of an .xlsx workbook.

    Parameters
    ----------
    path
        The file.
    content
        Its bytes.
    caller
        Public function named in a message.
    sheet
        Name of the sheet; needed when several hold something.
    rows_above
        Rows that hold something above the header.

    Returns
    -------
    RawTable
        Cells as stored; `lines` are the row numbers of the sheet, the header being row 1.

    Raises
    ------
    ResponseDataError
        The workbook cannot be read, or which sheet is meant is not plain.
    """
    refuse_bomb(path, content, caller)
    sheets = _sheets(path, content, caller)
    chosen = _choose_sheet(path, caller, {name: rows for name, rows in sheets.items() if rows}, sheet)
    rows = sheets[chosen]
    book = look_at_sheet(content, chosen)
    uncomputed = _uncomputed(path, content, caller, chosen, rows) if book.has_formulas else {}
    rows = rows[min(rows_above, len(rows) - 1) :]
    numbers = [number for number, _ in rows]
    width = max(len(cells) for _, cells in rows)
    padded = [cells + [None] * (width - len(cells)) for _, cells in rows]
    header = ["" if name is None else str(name) for name in padded[0]]
    body = padded[1:]
    return RawTable(
        caller=caller,
        source=path.name,
        columns=header,
        cells=[pd.Series([row[i] for row in body], dtype=object) for i in range(width)],
        lines=np.asarray(numbers[1:], dtype=np.int64),
        notes=book.notes(header, numbers[1:]),
        hollow=book.hollow(header, uncomputed),
    )


def _uncomputed(
    path: Path, content: bytes, caller: str, sheet: str, rows: list[tuple[int, list[Any]]]
) -> dict[int, list[int]]:
    """Rows of formulas whose value was never stored, by place of the column: they would pass for empty."""
    values = dict(rows)
    workbook = _open(path, content, caller, values=False)
    found: dict[int, list[int]] = {}
    for number, row in enumerate(workbook[sheet].iter_rows(values_only=True), start=1):
        stored = values.get(number, [])
        for i, cell in enumerate(row):
            is_formula = isinstance(cell, str) and cell.startswith("=")
            if is_formula and (stored[i] if i < len(stored) else None) is None:
                found.setdefault(i, []).append(number)
    workbook.close()
    return found


def _open(path: Path, content: bytes, caller: str, values: bool) -> Any:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that have no bearing on values.
            warnings.simplefilter("ignore", UserWarning)
            return load_workbook(io.BytesIO(content), read_only=True, data_only=values)
    except Exception as error:
        kind = "an old or password-protected" if content.startswith(b"\xd0\xcf\x11\xe0") else "no readable"
        fact = f"the file is {kind} workbook ({type(error).__name__})."
        raise _fault(caller, path, fact, "open it and save it as .xlsx without a password.") from None


def _sheets(path: Path, content: bytes, caller: str) -> dict[str, list[tuple[int, list[Any]]]]:
    """Rows that hold something in each sheet: (row number, cells) without empty cells at the end."""
    workbook = _open(path, content, caller, values=True)
    sheets = {}
    try:
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()
            rows = ((n, _trim(row)) for n, row in enumerate(_counted(path, caller, sheet), start=1))
            sheets[sheet.title] = [(n, cells) for n, cells in rows if cells]
    except ResponseDataError:
        raise
    except Exception as error:
        fact = f"the workbook is damaged ({type(error).__name__})."
        raise _fault(caller, path, fact, "open it and save it again as .xlsx.") from None
    finally:
        workbook.close()
    return sheets


def _counted(path: Path, caller: str, sheet: Any) -> Iterator[tuple[Any, ...]]:
    """Rows of a sheet while they are few enough: one cell far out makes a row of thousands."""
    cells = 0
    for row in sheet.iter_rows(values_only=True):
        cells += max(len(row), LEAST_PER_ROW)
        refuse_giant(path, caller, cells, MOST_SHEET_CELLS)
        yield row


def refuse_giant(path: Path, caller: str, cells: int, most: int) -> None:
    """Refuse a table of more cells than would be looked at.

    Parameters
    ----------
    path, caller
        As in `read_workbook`.
    cells, most
        How many there are, and may be.

    Raises
    ------
    ResponseDataError
        There are more.
    """
    if cells > most:
        fact = f"the table spans more than {most:,} cells."
        hint = "delete what stands far from the answers, or give the rows in several files."
        raise _fault(caller, path, fact, hint)


def refuse_bomb(path: Path, content: bytes, caller: str) -> None:
    """Refuse a workbook that unpacks to more than a table of answers does; nothing is unpacked for this.

    Parameters
    ----------
    path, content, caller
        As in `read_workbook`.

    Raises
    ------
    ResponseDataError
        A part, or all of them together, are too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return  # its reader says what it is
    largest = {entry.filename: entry.file_size for entry in entries}
    beside = [size for name, size in largest.items() if not name.startswith(PARTS_OF_TABLES)]
    total = sum(entry.file_size for entry in entries)
    if total > MOST_UNPACKED or sum(beside) > MOST_BESIDE:
        fact = f"the workbook unpacks to {total / 1024**2:,.0f} MB from {len(content) / 1024**2:,.1f} MB."
        hint = "save only the sheet of the answers, or export it as CSV."
        raise _fault(caller, path, fact, hint)


def _trim(row: tuple[Any, ...]) -> list[Any]:
    cells = list(row)
    while cells and (cells[-1] is None or (isinstance(cells[-1], str) and not cells[-1].strip())):
        cells.pop()
    return cells


def _choose_sheet(path: Path, caller: str, filled: Mapping[str, Any], sheet: str | None) -> str:
    if sheet is not None and sheet not in filled:
        fact = f"there is no sheet {sheet!r} with content; there are {name_offenders(filled) or 'none'}."
        raise _fault(caller, path, fact, "name a sheet of the workbook.")
    if not filled:
        raise _fault(caller, path, "the file is empty.", "check the export; row 1 must hold column names.")
    if sheet is None and {"survey", "choices"} <= {name.casefold() for name in filled}:
        fact = "the workbook is a form (XLSForm), and holds no answers."
        hint = "give the answers to it; `dta instrument draft` makes an instrument file of the form."
        raise _fault(caller, path, fact, hint)
    if sheet is None and len(filled) > 1:
        fact = f"{len(filled)} sheets hold something: {name_offenders(filled)}."
        raise _fault(
            caller, path, fact, f"name the sheet of the answers with {option_of(caller, 'sheet', 'NAME')}."
        )
    return sheet if sheet is not None else next(iter(filled))


def read_parquet_table(path: Path, content: bytes, caller: str) -> RawTable:
    """Read a Parquet file.

    Parameters
    ----------
    path
        The file.
    content
        Its bytes.
    caller
        Public function named in a message.

    Returns
    -------
    RawTable
        Columns as stored; rows are counted from 1.

    Raises
    ------
    ResponseDataError
        The file cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        refuse_giant(path, caller, file.metadata.num_rows * file.metadata.num_columns, MOST_CELLS)
        table = file.read()
    except ResponseDataError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        fact = f"the file is no readable Parquet file ({type(error).__name__})."
        raise _fault(caller, path, fact, "write it again.") from None
    kept = [i for i, name in enumerate(table.column_names) if not _STORED_INDEX.fullmatch(name)]
    left_out = table.num_columns - len(kept)
    # What a table knew when pandas wrote it: `frame.attrs`, as text.
    known = pd.DataFrame(columns=table.column_names)
    known.attrs = _written_attributes(table.schema.metadata or {})
    return RawTable(
        caller=caller,
        source=path.name,
        columns=[table.column_names[i] for i in kept],
        cells=[_arrow_column(table.column(i)) for i in kept],
        lines=np.arange(1, table.num_rows + 1),
        notes=["an unnamed row index stored in the file was left out"] if left_out else [],
        reasons=reasons_of_table(known),
        keyed=keyed_items(known),
    )


def _written_attributes(metadata: Mapping[bytes, bytes]) -> dict[Any, Any]:
    try:
        attributes = json.loads(metadata.get(b"PANDAS_ATTRS", b"{}"))
    except ValueError:
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _arrow_column(column: Any) -> pd.Series:
    """Keep whole numbers whole beside missing values."""
    import pyarrow

    if pyarrow.types.is_integer(column.type) and not pyarrow.types.is_uint64(column.type):
        return pd.Series(column.to_pandas(integer_object_nulls=True)).astype("Int64")
    return pd.Series(column.to_pandas())


def read_spss(path: Path, caller: str) -> RawTable:
    """Read an SPSS or SAS file with its value labels and user-missing codes.

    Parameters
    ----------
    path
        The file.
    caller
        Public function named in a message.

    Returns
    -------
    RawTable
        Codes as stored; those that a .sav file declares missing are included, portable files (.por) hold them
        blank. Rows are counted from 1.

    Raises
    ------
    ResponseDataError
        pyreadstat is not installed, or the file cannot be read.
    """
    try:
        import pyreadstat
    except ImportError:
        fact = "SPSS and SAS files need the package pyreadstat, which is not installed."
        raise _fault(caller, path, fact, 'pip install "dta-toolkit[spss]".') from None
    try:
        read: Any = pyreadstat.read_sav
        options: dict[str, Any] = {"user_missing": True, "apply_value_formats": False}
        if path.suffix.lower() == ".por":
            read, options = pyreadstat.read_por, {"apply_value_formats": False}
        elif path.suffix.lower() == ".xpt":
            read, options = pyreadstat.read_xport, {}
        _, known = read(str(path), metadataonly=True)
        refuse_giant(path, caller, (known.number_rows or 0) * (known.number_columns or 0), MOST_CELLS)
        frame, meta = read(str(path), **options)
    except ResponseDataError:
        raise
    except Exception as error:
        kind = "SPSS" if path.suffix.lower() in (".sav", ".zsav", ".por") else "SAS"
        fact = f"the file is no readable {kind} file ({type(error).__name__})."
        raise _fault(caller, path, fact, "save it again as .sav, or as CSV.") from None
    return RawTable(
        caller=caller,
        source=path.name,
        columns=list(meta.column_names),
        cells=[frame.iloc[:, i] for i in range(frame.shape[1])],
        lines=np.arange(1, len(frame) + 1),
        value_labels={name: dict(labels) for name, labels in meta.variable_value_labels.items()},
        user_missing=_spans(meta.missing_ranges),
        column_labels=_told(meta),
    )


def read_stata(path: Path, caller: str) -> RawTable:
    """Read a Stata file with its value labels and extended missing values.

    Parameters
    ----------
    path
        The file.
    caller
        Public function named in a message.

    Returns
    -------
    RawTable
        Codes as stored; `.a` to `.z` are the texts `.a` to `.z`; rows are counted from 1.

    Raises
    ------
    ResponseDataError
        pyreadstat is not installed, or the file cannot be read.
    """
    try:
        import pyreadstat
    except ImportError:
        fact = "Stata files need the package pyreadstat, which is not installed."
        raise _fault(caller, path, fact, 'pip install "dta-toolkit[spss]".') from None
    try:
        _, known = pyreadstat.read_dta(str(path), metadataonly=True)
        refuse_giant(path, caller, (known.number_rows or 0) * (known.number_columns or 0), MOST_CELLS)
        frame, meta = pyreadstat.read_dta(str(path), user_missing=True, apply_value_formats=False)
    except ResponseDataError:
        raise
    except Exception as error:
        fact = f"the file is no readable Stata file ({type(error).__name__})."
        raise _fault(caller, path, fact, "save it again as .dta.") from None
    extended = {name: set(map(str, letters)) for name, letters in meta.missing_user_values.items()}
    cells = [_dotted(frame[name], extended.get(name, set())) for name in meta.column_names]
    labels = {
        name: {(f".{code}" if code in extended.get(name, ()) else code): text for code, text in texts.items()}
        for name, texts in meta.variable_value_labels.items()
    }
    return RawTable(
        caller=caller,
        source=path.name,
        columns=list(meta.column_names),
        cells=cells,
        lines=np.arange(1, len(frame) + 1),
        value_labels=labels,
        column_labels=_told(meta),
    )


def _told(meta: Any) -> dict[str, str]:
    """Texts that a file keeps of its variables."""
    return {name: str(text) for name, text in meta.column_names_to_labels.items() if text}


def _dotted(column: pd.Series, letters: set[str]) -> pd.Series:
    """Write extended missing values as Stata does, so that no text is taken for one."""
    if not letters or column.dtype != object:
        return column
    return column.map(lambda cell: f".{cell}" if isinstance(cell, str) and cell in letters else cell)


def _spans(missing_ranges: Mapping[str, Any]) -> dict[str, list[tuple[Any, Any]]]:
    return {name: [(span["lo"], span["hi"]) for span in spans] for name, spans in missing_ranges.items()}
