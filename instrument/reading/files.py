"""Open a file of answers by its ending: text, workbook, Parquet, SPSS, SAS, Stata or R."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from weakref import WeakValueDictionary

from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.formats import read_parquet_table, read_spss, read_stata, read_workbook
from instrument.reading.r_files import SUFFIXES_OF_R, read_r
from instrument.reading.raw import RawTable
from instrument.reading.text import SUFFIXES, read_delimited

KNOWN = (*SUFFIXES, ".xlsx", ".parquet", ".sav", ".zsav", ".por", ".xpt", ".dta", *SUFFIXES_OF_R)


SAVE_AS = {
    **dict.fromkeys((".xls", ".xlsm", ".ods"), "save it as .xlsx."),
    ".jasp": "open it in JASP and export its data: File, Export Data, as CSV.",
    ".json": "answers in FHIR are read by dta import --from fhir; of anything else save it as CSV (UTF-8).",
    ".omv": "open it in jamovi and export its data: menu, Export, as .sav or CSV.",
}
"""How a file of an ending that is not read is saved as one that is."""
OPENED: WeakValueDictionary[tuple[object, ...], RawTable] = WeakValueDictionary()
"""Tables that somebody still holds, by content and by how they were read: a file is not taken apart twice."""


def read_raw(
    path: Path, sheet: str | None, encoding: str, delimiter: str | None, caller: str, rows_above: int = 0
) -> RawTable:
    """Read a file as it stands; nothing is judged.

    Parameters
    ----------
    path
        The file.
    sheet
        Of a workbook.
    encoding, delimiter
        Of a text file.
    caller
        Named in messages.
    rows_above
        Rows of a text file or a sheet that stand above the header.

    Returns
    -------
    RawTable
        Columns and cells.

    Raises
    ------
    ResponseDataError
        The file cannot be read.
    """
    suffix = path.suffix.lower()
    fact, hint = "", ""
    if path.is_dir():
        fact, hint = "is a folder, not a file.", "name the file of the answers."
    elif not path.is_file():
        fact, hint = "does not exist.", "check the path."
    elif suffix not in KNOWN:
        fact = f"has the ending {suffix!r}, which is none of {', '.join(KNOWN)}."
        hint = SAVE_AS.get(suffix, "save it as CSV (UTF-8).")
    elif sheet is not None and suffix != ".xlsx":
        fact, hint = "is no workbook, yet a sheet is named.", "leave sheet out."
    if fact:
        raise ResponseDataError(fact_and_hint(caller, f"{path.name} {fact}", hint))
    try:
        content = path.read_bytes()
    except OSError as error:
        fact = f"{path.name} cannot be read ({error.strerror})."
        raise ResponseDataError(fact_and_hint(caller, fact, "check its permissions.")) from None
    if not content:
        fact = f"{path.name}: the file is empty."
        raise ResponseDataError(fact_and_hint(caller, fact, "check the export."))
    checksum = hashlib.sha256(content).hexdigest()
    key = (checksum, path.name, sheet, encoding, delimiter, rows_above)
    if (opened := OPENED.get(key)) is not None:
        return dataclasses.replace(opened, caller=caller)
    if suffix in SUFFIXES:
        raw = read_delimited(path, content, caller, encoding, delimiter, rows_above)
    elif suffix == ".xlsx":
        raw = read_workbook(path, content, caller, sheet, rows_above)
    elif suffix == ".parquet":
        raw = read_parquet_table(path, content, caller)
    elif suffix in SUFFIXES_OF_R:
        raw = read_r(path, content, caller)
    else:
        raw = read_stata(path, caller) if suffix == ".dta" else read_spss(path, caller)
    raw = dataclasses.replace(raw, checksum=checksum)
    OPENED[key] = raw
    return raw
