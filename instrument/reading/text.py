"""Read comma- or tab-separated text into a raw table, with the line number of every row."""

from __future__ import annotations

import csv
import gc
import io
import re
from pathlib import Path

import numpy as np

from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.clock import option_of
from instrument.reading.raw import RawTable, count_of, name_rows
from instrument.reading.written_cells import MARKED, unmarked

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_DECLARED = re.compile(r'\ufeff?"?sep=(.)"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
MARKED_WITHIN = re.compile(MARKED.removeprefix("^"))
"""An apostrophe that `written_cells` may have put at the beginning of a field."""
UNSEEN_SIGNS = "\ufeff\u200b\u2060"
"""Signs that files put together carry within: they are part of no id, name or answer."""
UNSEEN = dict.fromkeys(map(ord, UNSEEN_SIGNS))
ZEROS_OF_UTF16 = 10
NEWLINE = b"\n"
_SIGNATURES = (
    (b"PK\x03\x04", "a workbook or zip archive", "rename it to .xlsx, or export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old or password-protected workbook", "save it as .xlsx without a password"),
    (b"PAR1", "a Parquet file", "rename it to .parquet"),
    (b"$FL2", "an SPSS file", "rename it to .sav"),
    (b"<stata_dta>", "a Stata file", "rename it to .dta"),
)


def read_delimited(
    path: Path,
    content: bytes,
    caller: str,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    rows_above: int = 0,
) -> RawTable:
    """Read a text table.

    Parameters
    ----------
    path
        The file; its suffix gives the delimiter unless one is named.
    content
        Its bytes.
    caller
        Public function named in a message.
    encoding
        Text encoding; a byte-order mark of UTF-8 is accepted.
    delimiter
        One character between fields.
    rows_above
        Records above the header that hold something else.

    Returns
    -------
    RawTable
        Every cell as text; lines as in the file, the header being line 1.

    Raises
    ------
    ResponseDataError
        The file is no such table.
    """
    text = _decode(path, content, caller, encoding)
    if not text.strip("\ufeff \t\r\n,;|"):
        raise _fault(caller, path, "the file is empty.", "check the export; it must begin with column names.")
    usual = SUFFIXES.get(path.suffix.lower(), ",")
    declared = declared_separator(text)
    delimiter = delimiter or declared
    first = _first_line(text)
    if delimiter in DELIMITERS and delimiter not in first and usual in first:
        delimiter = None  # one name serves several files; this one is split as its ending says
    if delimiter is None:
        delimiter = usual
        if not rows_above:
            _check_delimiter(path, text, caller, delimiter)
    collects = gc.isenabled()
    gc.disable()  # a million new lists make the collector look through all of them again and again
    try:
        rows, lines, n_blank = _split(path, text, caller, delimiter)
    finally:
        if collects:
            gc.enable()
    if declared is not None and len(rows) > 1:
        rows, lines = rows[1:], lines[1:]
    kept = min(rows_above, len(rows) - 1)
    rows, lines = rows[kept:], lines[kept:]
    if "'" in text and MARKED_WITHIN.search(text):
        rows = [[unmarked(cell) for cell in row] for row in rows]
    header, width = rows[0], len(rows[0])
    uneven = np.array([len(row) != width for row in rows[1:]], dtype=bool)
    if uneven.any():
        if width == 1 and not rows_above:
            _check_delimiter(path, text, caller, delimiter)
        where = name_rows(np.asarray(lines[1:])[uneven], "line")
        fact = f"{count_of(int(uneven.sum()), 'line')} ({where}) not of the {width} fields of the header."
        hint = "put quotes around text that holds the delimiter, and end no line early."
        raise _fault(caller, path, fact, hint)
    notes = [f"{count_of(n_blank, 'blank line')} left out"] if n_blank else []
    return RawTable(
        caller=caller,
        source=path.name,
        columns=list(header),
        cells=_turned(rows[1:], width),
        lines=np.asarray(lines[1:], dtype=np.int64),
        unit="line",
        is_text=True,
        notes=notes,
    )


def _turned(rows: list[list[str]], width: int) -> list[tuple[str, ...]]:
    """Columns of rows of equal length; some rows at a time, as a processor has them at hand."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for begin in range(0, len(rows), TURNED_AT_ONCE):
        some = zip(*rows[begin : begin + TURNED_AT_ONCE], strict=True)
        for column, cells in zip(columns, some, strict=True):
            column.extend(cells)
    return [tuple(column) for column in columns]


def _first_line(text: str) -> str:
    """First line that holds something, without taking a large file apart for it."""
    near = next((line for line in text[:LONGEST_HEADER].splitlines()[:-1] if line.strip()), None)
    return near if near is not None else next((line for line in text.splitlines() if line.strip()), "")


LONGEST_HEADER = 100_000
TURNED_AT_ONCE = 512
MOST_KNOWN = 100_000
"""Texts that are kept to be shared between cells; beyond, they are gathered anew."""


def declared_separator(text: str) -> str | None:
    """Separator that the first line of a file names for Excel (`sep=;`).

    Parameters
    ----------
    text
        The file.

    Returns
    -------
    str or None
        None where no such line stands first.

    Examples
    --------
    >>> declared_separator("sep=;\\na;b\\n"), declared_separator("a;b\\n")
    (';', None)
    """
    found = _DECLARED.match(text)
    return found.group(1) if found else None


def separator_in(path: Path, named: str | None, usual: str) -> str:
    """Give the separator of a text file: the one named, unless its first line holds only the usual one.

    Parameters
    ----------
    path
        The file.
    named
        Separator named for several files at once; None for the usual one.
    usual
        Separator that files of this ending have.

    Returns
    -------
    str
        One character.
    """
    if named is None:
        return usual
    with path.open("rb") as file:
        header = file.readline()
    return usual if named.encode() not in header and usual.encode() in header else named


def _fault(caller: str, path: Path, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(caller, f"{path.name}: {fact}", hint))


def _or_read(caller: str, encoding: str, how: str = "read it with") -> str:
    """Name the option for the encoding, where it concerns the file; it does not concern tables beside."""
    beside = caller.startswith("dta --")
    return "" if beside else f", or {how} {option_of(caller, 'encoding', encoding)}"


def _decode(path: Path, content: bytes, caller: str, encoding: str) -> str:
    for signature, what, hint in _SIGNATURES:
        if content.startswith(signature):
            raise _fault(caller, path, f"the file is {what}, not text.", f"{hint}.")
    plain = encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}
    zeros = content.count(0) if plain else 0
    if zeros and zeros < len(content) / ZEROS_OF_UTF16:
        line = content.count(NEWLINE, 0, content.index(0)) + 1
        fact = f"the text holds {count_of(zeros, 'byte')} of zero (line {line})."
        raise _fault(caller, path, fact, "the file is damaged there: export it again.")
    if plain and (content[:2] in {b"\xff\xfe", b"\xfe\xff"} or zeros):
        fact = "the text is not UTF-8 but UTF-16 or binary."
        hint = f'save it as "CSV UTF-8"{_or_read(caller, "utf-16")}.'
        raise _fault(caller, path, fact, hint)
    try:
        text = content.decode("utf-8-sig" if plain else encoding)
        return text.translate(UNSEEN) if any(sign in text for sign in UNSEEN_SIGNS) else text
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fact = f"the text is not {encoding.upper()}: byte {error.start} on line {line} cannot be decoded."
        hint = f'save it as "CSV UTF-8"{_or_read(caller, "latin-1", "name its encoding, such as")}.'
        raise _fault(caller, path, fact, hint) from None
    except LookupError:
        raise _fault(
            caller, path, f"there is no encoding {encoding!r}.", 'name one such as "utf-8".'
        ) from None


def _check_delimiter(path: Path, text: str, caller: str, expected: str) -> None:
    header = _first_line(text)
    if expected in header:
        return
    found = max(DELIMITERS, key=header.count)
    if header.count(found):
        fact = f"the header holds {DELIMITERS[found]} but none of the {DELIMITERS[expected]} expected here."
        hint = f"export with {DELIMITERS[expected]}, or read it with {option_of(caller, 'delimiter', found)}."
        raise _fault(caller, path, fact, hint)


def _split(path: Path, text: str, caller: str, delimiter: str) -> tuple[list[list[str]], list[int], int]:
    """Rows, the line each begins on, and how many blank lines were left out."""
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise _fault(caller, path, f"{delimiter!r} cannot separate fields.", "name one character.")
    rows: list[list[str]] = []
    lines: list[int] = []
    n_blank, pending, begins = 0, 0, 1
    known: dict[str, str] = {}  # each text once in memory: what reads, counts and compares cells is quicker
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                rows.append(list(map(known.setdefault, row, row)))
                lines.append(begins)
                n_blank, pending = n_blank + pending, 0
            else:
                pending += 1
            begins = reader.line_num + 1
            if len(known) > MOST_KNOWN:
                known = {}
    except csv.Error as error:
        fact = f"the record that begins on line {begins} cannot be split into fields ({error})."
        raise _fault(caller, path, fact, "close every quote; double the quotes inside a text.") from None
    return rows, lines, n_blank
