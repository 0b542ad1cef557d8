"""Tables beside the answers, read for the command line: usage, outcomes, covariates."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.written_cells import without_marks

TEXTS = ("participant", "app", "version", "rater")
READERS = {".csv": ",", ".tsv": "\t", ".parquet": None}


def read_side_table(path: Path, what: str, needed: tuple[str, ...] = ("participant",)) -> pd.DataFrame:
    """Read a table of one row per participant or per event.

    Parameters
    ----------
    path
        CSV, TSV or Parquet.
    what
        Named in messages: `usage`, `outcomes`, `covariates`.
    needed
        Columns without which it cannot be used.

    Returns
    -------
    pandas.DataFrame
        Participants as text; `attrs["checksum"]` is the file's SHA-256.

    Raises
    ------
    ResponseDataError
        The file is absent, empty, not readable, or lacks a column.
    """
    if not path.is_file():
        raise _fault(what, f"there is no file {str(path)!r}.", "check the path.")
    if path.suffix.lower() not in READERS:
        raise _fault(what, f"{path.name}: {path.suffix!r} is not read.", "give .csv, .tsv or .parquet.")
    frame = _parse(path, what)
    if absent := [name for name in needed if name not in frame.columns]:
        fact = f"{path.name}: columns are absent: {name_offenders(absent)}; it has {name_offenders(frame)}."
        raise _fault(what, fact, "rename the columns; check the delimiter.")
    if frame.empty:
        raise _fault(what, f"{path.name} has no rows.", "check the file.")
    if doubled := sorted({str(name) for name in frame.columns if list(frame.columns).count(name) > 1}):
        raise _fault(what, f"{path.name}: columns are there twice: {name_offenders(doubled)}.", "drop one.")
    frame.attrs["checksum"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return frame


def read_usage(path: Path) -> pd.DataFrame:
    """Read usage events: participant, kind, and `day` or `at`.

    Parameters
    ----------
    path
        CSV, TSV or Parquet.

    Returns
    -------
    pandas.DataFrame
        One row per event.

    Raises
    ------
    ResponseDataError
        A column is absent, or the file cannot be read.
    """
    frame = read_side_table(path, "usage", ("participant", "kind"))
    if not {"day", "at"} & set(frame.columns):
        fact = f"{path.name} has neither a column 'day' nor 'at'."
        raise _fault("usage", fact, "give days since enrolment as 'day', or timestamps as 'at'.")
    return frame


def read_audit(path: Path) -> pd.DataFrame:
    """Read the ratings of an app's features by two raters, and check them whole.

    Parameters
    ----------
    path
        CSV, TSV or Parquet: app, version, rater, principle, rating, evidence.

    Returns
    -------
    pandas.DataFrame
        One row per rating.

    Raises
    ------
    ResponseDataError
        A column is absent, a principle or rating is unknown, or there are not two raters per app.
    """
    from analysis.audit.ratings import NEEDED, paired_ratings
    from instrument.loading import load

    frame = read_side_table(path, "audit", NEEDED)
    paired_ratings(frame, load("psd_audit"), "dta --audit")
    return frame


def _parse(path: Path, what: str) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path).astype({"participant": str}, errors="ignore")
        delimiter = READERS[path.suffix.lower()]
        read = pd.read_csv(path, sep=delimiter, dtype=dict.fromkeys(TEXTS, str), encoding="utf-8-sig")
        return without_marks(read)
    except UnicodeDecodeError:
        raise _fault(what, f"{path.name} is not UTF-8 text.", "save it as UTF-8.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise _fault(what, f"{path.name} cannot be read: {error}.", "check the file.") from None
    except (OSError, ValueError) as error:
        kind = type(error).__name__
        raise _fault(what, f"{path.name} cannot be read ({kind}).", "check the file.") from None


def one_row_each(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """Refuse a table that names a participant twice.

    Parameters
    ----------
    frame
        Table with a column `participant`.
    what
        Named in messages.

    Returns
    -------
    pandas.DataFrame
        The same table.

    Raises
    ------
    ResponseDataError
        Somebody stands there more than once.
    """
    doubled = frame.loc[frame["participant"].duplicated(), "participant"].unique()
    if len(doubled):
        fact = f"{len(doubled)} participant(s) have more than one row: {name_offenders(doubled)}."
        raise _fault(what, fact, "keep one row per participant.")
    return frame


def _fault(what: str, fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(f"dta --{what}", fact, hint))
