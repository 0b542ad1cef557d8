"""Read a data frame that R saved (.rds, .rda) into a raw table."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.formats import MOST_UNPACKED
from instrument.reading.raw import RawTable
from instrument.reading.sheets import PIECE

SUFFIXES_OF_R = (".rds", ".rda", ".rdata")
_FRAMES = ("data.frame", "tbl_df", "tbl", "data.table")
_LABELLED = ("haven_labelled", "haven_labelled_spss", "labelled", "labelled_spss")
_MOMENTS = ("Date", "POSIXct", "POSIXt")
_PACKED: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Column:
    """A vector with a class, as R has it: values, and attributes by name."""

    values: Any
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frame:
    columns: dict[str, Any]


def read_r(path: Path, content: bytes, caller: str) -> RawTable:
    """Read the data frame of an .rds file, or the only one of an .rda file.

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
        Numbers as stored, factors as the texts of their levels, dates as ISO text; labels and missing codes
        of haven's labelled vectors with their columns. Rows are counted from 1; names of rows are left out.

    Raises
    ------
    ResponseDataError
        rdata is not installed, the file cannot be read, or it does not hold one data frame.
    """
    try:
        import rdata
    except ImportError:
        fact = "files of R need the package rdata, which is not installed."
        raise _fault(caller, path, fact, 'pip install "dta-toolkit[r]".') from None
    _refuse_large(path, content, caller)
    made: dict[str | bytes, Any] = {name: lambda values, _: _Frame(columns=dict(values)) for name in _FRAMES}
    made |= {
        name: lambda values, attributes: _Column(values=values, attributes=dict(attributes))
        for name in (*_LABELLED, *_MOMENTS)
    }
    try:
        with warnings.catch_warnings():
            # rdata warns of classes it does not know; their values come as they are stored.
            warnings.simplefilter("ignore")
            parsed = rdata.parser.parse_data(content)
            held = rdata.conversion.convert(parsed, {**rdata.conversion.DEFAULT_CLASS_MAP, **made})
    except Exception as error:
        fact = f"the file is no readable file of R ({type(error).__name__})."
        raise _fault(caller, path, fact, "save it again with saveRDS(frame, file).") from None
    frames = [held] if isinstance(held, _Frame) else []
    if not frames and isinstance(held, dict):
        frames = [value for value in held.values() if isinstance(value, _Frame)]
    if len(frames) != 1:
        fact = f"the file holds {len(frames) or 'no'} data frame{'s' if len(frames) > 1 else ''}."
        raise _fault(caller, path, fact, "save the one of the answers with saveRDS(frame, file).")
    return _table(path, frames[0], caller)


def _fault(caller: str, path: Path, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(caller, f"{path.name}: {fact}", hint))


def _refuse_large(path: Path, content: bytes, caller: str) -> None:
    """Refuse what unpacks to more than a table of answers does, before it is kept anywhere."""
    opener = next((opener for mark, opener in _PACKED if content.startswith(mark)), None)
    if opener is None:
        return
    unpacked = 0
    try:
        with opener(path) as file:
            while piece := file.read(PIECE):
                unpacked += len(piece)
                if unpacked > MOST_UNPACKED:
                    fact = f"the file unpacks to more than {MOST_UNPACKED // 1024**2} MB."
                    raise _fault(caller, path, fact, "save only the columns of the answers.")
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        fact = "the file is damaged: it cannot be unpacked."
        raise _fault(caller, path, fact, "save it again with saveRDS(frame, file).") from None


def _table(path: Path, frame: _Frame, caller: str) -> RawTable:
    names, cells = [], []
    labels: dict[str, dict[Any, str]] = {}
    missing: dict[str, list[tuple[Any, Any]]] = {}
    lengths = set()
    for named, column in frame.columns.items():
        name = str(named)
        held = column
        if isinstance(column, _Column):
            held = column.values
            if texts := _labels(column):
                labels[name] = texts
            if spans := _spans(column):
                missing[name] = spans
            held = _moments(column) if "tzone" in column.attributes or _is_day(column) else held
        if not isinstance(held, (np.ndarray, pd.Categorical, pd.api.extensions.ExtensionArray, pd.Series)):
            fact = f"column {name!r} holds other than one value in each row."
            raise _fault(caller, path, fact, "leave such columns out.")
        names.append(name)
        cells.append(_plain(held))
        lengths.add(len(cells[-1]))
    if len(lengths) > 1:
        fact = "the columns of the data frame are not equally long."
        raise _fault(caller, path, fact, "leave out columns that are matrices or frames.")
    n = lengths.pop() if lengths else 0
    return RawTable(
        caller=caller,
        source=path.name,
        columns=names,
        cells=cells,
        lines=np.arange(1, n + 1),
        value_labels=labels,
        user_missing=missing,
    )


def _plain(held: Any) -> pd.Series:
    """Values of a vector: NaN, NA and masked entries are None."""
    if np.ma.isMaskedArray(held):
        held = [
            None if hidden else value
            for value, hidden in zip(held.data, np.ma.getmaskarray(held), strict=True)
        ]
    column = pd.Series(held).astype(object)
    return column.where(column.notna(), None)


def _classes(column: _Column) -> set[str]:
    return set(map(str, np.atleast_1d(column.attributes.get("class", ()))))


def _is_day(column: _Column) -> bool:
    return bool({"Date", "POSIXct"} & _classes(column))


def _moments(column: _Column) -> np.ndarray:
    """Days since 1970 as dates, seconds since 1970 as moments in UTC."""
    is_day = "Date" in _classes(column)
    values = np.asarray(column.values, dtype=float)
    known = np.isfinite(values)
    texts = np.full(len(values), None, dtype=object)
    stamps = pd.to_datetime(values[known], unit="D" if is_day else "s", utc=True)
    texts[known] = stamps.strftime("%Y-%m-%d" if is_day else "%Y-%m-%dT%H:%M:%SZ")
    return texts


def _labels(column: _Column) -> dict[Any, str]:
    """Code to label, as haven keeps them."""
    given = column.attributes.get("labels")
    if given is None or not hasattr(given, "coords") or not given.coords:
        return {}
    texts = next(iter(given.coords.values())).to_numpy()
    return {
        (code.item() if hasattr(code, "item") else code): str(text)
        for code, text in zip(given.to_numpy(), texts, strict=True)
    }


def _spans(column: _Column) -> list[tuple[Any, Any]]:
    """Codes that SPSS called missing."""
    values = np.atleast_1d(column.attributes.get("na_values", ()))
    spans: list[tuple[Any, Any]] = [(code.item(), code.item()) for code in values]
    between = np.atleast_1d(column.attributes.get("na_range", ()))
    return [*spans, (between[0].item(), between[1].item())] if len(between) == 2 else spans
