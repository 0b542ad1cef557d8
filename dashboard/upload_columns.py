"""Columns of a file of answers: read from its first line, offered as choices, left out where not chosen."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from dashboard.uploads import Upload
from instrument.definition import Instrument

WHO, WAVE = "participant", "wave"
TIMES = ("at", "day")
"""Columns that tell when an administration was, which their reader knows."""
LONGEST_HEADER = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns of a file stand for.

    Attributes
    ----------
    who, wave
        Column of the person and of the wave; empty where the file has none.
    covariates
        Columns that are kept beside the answers.
    left_out
        Columns that are passed over.
    """

    who: str = WHO
    wave: str = WAVE
    covariates: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def header_of(upload: Upload) -> tuple[str, ...]:
    """Read the names of the columns of a text file.

    Parameters
    ----------
    upload
        The file.

    Returns
    -------
    tuple of str
        Empty for another kind of file, and for one whose first line names columns twice or not at all: what
        is wrong with it is said by its reader.

    Examples
    --------
    >>> header_of(Upload(name="a.csv", content=b"participant,sex\\n1,f\\n"))
    ('participant', 'sex')
    """
    if PurePosixPath(upload.plain_name).suffix.lower() not in (".csv", ".tsv"):
        return ()
    line = upload.content[:LONGEST_HEADER].partition(b"\n")[0]
    try:
        text = line.decode("utf-8-sig").strip("\r")
    except UnicodeDecodeError:
        return ()
    named = next(csv.reader([text], delimiter=_sign(upload)), [])
    names = [name.strip() for name in named]
    sound = len(names) > 1 and all(names) and len(set(names)) == len(names)
    return tuple(names) if sound and names == named else ()


def _sign(upload: Upload) -> str:
    if PurePosixPath(upload.plain_name).suffix.lower() == ".tsv":
        return "\t"
    line = upload.content[:LONGEST_HEADER].partition(b"\n")[0]
    return ";" if b";" in line and b"," not in line else ","


def others(header: Sequence[str], scale: Instrument) -> tuple[str, ...]:
    """Give the columns that hold no answer of an instrument and no time.

    Parameters
    ----------
    header
        Names of the columns.
    scale
        The instrument.

    Returns
    -------
    tuple of str
        In the order of the file; person and wave among them.
    """
    known = {name for item in scale.items for name in (item.id, *item.column)} | set(TIMES)
    return tuple(name for name in header if name not in known)


def arranged(upload: Upload, columns: Columns) -> Upload:
    """Give the file with the names and columns that were chosen.

    Parameters
    ----------
    upload
        The file, of which `header_of` read the columns.
    columns
        What they stand for.

    Returns
    -------
    Upload
        The same bytes where nothing is renamed or left out; cells are never changed.
    """
    names = {columns.who: WHO, columns.wave: WAVE}
    names.pop("", None)
    if not columns.left_out and all(old == new for old, new in names.items()):
        return upload
    sign, made = _sign(upload), io.StringIO()
    rows = csv.reader(io.StringIO(upload.content.decode("utf-8-sig"), newline=""), delimiter=sign)
    writer = csv.writer(made, delimiter=sign, lineterminator="\n")
    header = next(rows)
    kept = [place for place, name in enumerate(header) if name not in columns.left_out]
    writer.writerow([names.get(header[place], header[place]) for place in kept])
    for row in rows:
        if len(row) == len(header):
            writer.writerow([row[place] for place in kept])
        else:
            writer.writerow(row)  # a line of another length is refused by the reader, with its number
    return replace(upload, content=made.getvalue().encode("utf-8"))
