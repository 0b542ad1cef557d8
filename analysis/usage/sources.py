"""Bring a usage log to an engine: files, frames, tables and connection strings become an Ibis table."""

from __future__ import annotations

import csv
import datetime
import gzip
import tempfile
import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from ibis.common.exceptions import TableNotFound
from pandas.api.types import is_datetime64_any_dtype

from analysis.usage.clock import MICROSECONDS_PER_DAY, moments_by_clock
from analysis.usage.mapping import JSON_LINES, fields_of_first_line, tool_of_fields, with_mapping
from analysis.usage.reading import LogReading
from instrument.errors import ResponseDataError, columns_there, fact_and_hint, kind_of, name_offenders
from instrument.reading.people import as_label, id_text, is_rounded
from instrument.reading.raw import count_of
from instrument.reading.side_columns import Place, amounts
from instrument.reading.text import separator_in
from instrument.reading.written_cells import MARKED

CALLER = "summarise_usage"
PLAIN = LogReading()
REQUIRED = ("participant", "kind")
ENGINES = ("duckdb", "_duckdb", "pyspark", "py4j")
SAVED_AS = (".csv", ".tsv", ".jsonl")
LIMITS = {"memory_limit": "1500MB", "preserve_insertion_order": "false", "enable_progress_bar": "false"}
"""Of our own DuckDB: a process holds about half a gigabyte beside what its engine counts."""
TEXT_FILES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


@contextmanager
def quiet_driver() -> Iterator[None]:
    """Silence what Ibis is told about old names it uses of DuckDB and pandas; users can do nothing."""
    with warnings.catch_warnings():
        for old_name in ("fetch_(arrow_table|record_batch|arrow_reader)", "The 'future.infer_string' option"):
            warnings.filterwarnings("ignore", old_name, DeprecationWarning)
        yield


@contextmanager
def clock_on_utc(con: Any) -> Iterator[None]:
    """Let an engine read stamps without an offset as UTC, whatever the machine's zone; put back after."""
    if con.name == "duckdb":
        before = con.raw_sql("SELECT current_setting('TimeZone')").fetchone()[0]
        con.raw_sql("SET TimeZone = 'UTC'")
        try:
            yield
        finally:
            con.raw_sql(f"SET TimeZone = '{before}'")
    elif con.name == "pyspark":
        wanted = {
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.legacy.parquet.nanosAsLong": "true",
        }
        settings = con._session.conf
        kept = {name: settings.get(name, None) for name in wanted}
        for name, value in wanted.items():
            settings.set(name, value)
        try:
            yield
        finally:
            for name, earlier in kept.items():
                settings.unset(name) if earlier is None else settings.set(name, earlier)
    else:
        yield


@contextmanager
def faults_in_words(reading: LogReading, events: Any = None) -> Iterator[None]:
    """Say that an engine could not read the log; its own words may hold cells of it."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ENGINES:
            raise
        fact = f"{reading.source} cannot be read by the engine ({type(error).__name__})"
        fact += f"{_uneven_line(events, reading)}."
        hint = "see that every line has the fields of the header, and that quotes are closed."
        raise reading.fault(fact, hint) from None


def _uneven_line(events: Any, reading: LogReading) -> str:
    """Say which record of a text file is the first with other fields than its header; else empty."""
    name = str(events) if isinstance(events, (str, Path)) else ""
    if not name.endswith(TEXT_FILES) or not Path(name).is_file():
        return ""
    unzip = gzip.open if name.endswith(".gz") else open
    begins, width = 1, 0
    try:
        with unzip(name, "rt", encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=separator_of(name, reading), strict=True)
            for row in rows:
                width = width or len(row)
                if row and len(row) != width:
                    return f": line {begins} has {count_of(len(row), 'field')}, and the header {width}"
                begins = rows.line_num + 1
    except csv.Error:
        return f": the record that begins on line {begins} cannot be split into fields"
    except (OSError, EOFError, UnicodeDecodeError):
        return ""
    return ""


def connect(engine: Any = None) -> Any:
    """Give an Ibis backend.

    Parameters
    ----------
    engine
        None for DuckDB in memory; a connection string (`spark://host:7077`, `spark:local[2]`,
        `duckdb://file`, `postgres://…`); or an Ibis backend.

    Returns
    -------
    ibis backend
        Connected.
    """
    if engine is None:
        return _own_engine()
    if not isinstance(engine, str):
        return engine
    if engine.startswith("spark"):
        from pyspark.sql import SparkSession

        master = engine.removeprefix("spark:") if engine.startswith("spark:local") else engine
        builder = SparkSession.builder.master(master).appName("usage")
        if master.startswith("local"):
            builder = builder.config("spark.sql.shuffle.partitions", "8").config("spark.ui.enabled", "false")
        session = builder.getOrCreate()
        return ibis.pyspark.connect(session)
    try:
        return ibis.connect(engine)
    except Exception as error:
        fact = f"the engine could not be reached ({type(error).__name__})."
        hint = "give a connection string that Ibis knows, such as 'duckdb://file.db' or 'spark:local[2]'."
        raise ResponseDataError(fact_and_hint(CALLER, fact, hint)) from None


def _own_engine() -> Any:
    """DuckDB in memory, bounded; what does not fit lies in a folder of its own, which goes with it."""
    con = ibis.duckdb.connect()
    folder = tempfile.TemporaryDirectory(prefix="dta-")
    weakref.finalize(con, folder.cleanup)
    settings = {**LIMITS, "temp_directory": folder.name}
    con.raw_sql("; ".join(f"SET {name} = '{value}'" for name, value in settings.items()))
    return con


def events_table(events: Any, con: Any, reading: LogReading = PLAIN) -> Any:
    """Give the log as an Ibis table of the backend, with its required columns checked.

    Parameters
    ----------
    events
        A DataFrame, an Ibis table, a path (or glob) of CSV or Parquet, or the name of a table of `con`.
    con
        Ibis backend.
    reading
        How a text file is split.

    Returns
    -------
    ibis table
        At least `participant`, `kind`, and `day` or `at`; every column of a text file is text.
    """
    table = _open(events, con, reading)
    if reading.mapping is not None:
        table, left_out = with_mapping(table, reading.mapping, con, reading)
        reading.notes.extend(left_out)
    elif isinstance(table, str):
        fact = f"{reading.source} holds JSON lines, and nothing says what their fields mean."
        raise reading.fault(fact, _say_fields(reading, fields_of_first_line(table)))
    columns = set(table.columns)
    absent = [column for column in REQUIRED if column not in columns]
    if not {"day", "at"} & columns:
        absent.append("day or at")
    if absent:
        fact = f"the log has no column {name_offenders(absent)}; {columns_there(table.columns)}."
        hint = "name the columns participant, at or day, kind, duration; or "
        hint += _say_fields(reading, table.columns)
        mark = next((m for m in ";\t|" if len(columns) == 1 and m in next(iter(columns))), None)
        if mark is not None:
            hint = f"say what separates its fields with {reading.option('delimiter', mark)}."
        raise reading.fault(fact, hint)
    return table


def _say_fields(reading: LogReading, names: Iterable[str]) -> str:
    """How to say what the fields of a log mean; with the tool where it is known by them."""
    given = "--log log.yaml" if reading.caller.startswith("dta") else "mapping=load_log_mapping(…)"
    if (tool := tool_of_fields(names)) is not None:
        return f"write the lines `log: 1` and `tool: {tool}` into a short file, and give it with {given}."
    return f"say in a short file what its fields mean, and give it with {given}; see docs/data_contract.md."


def _open(events: Any, con: Any, reading: LogReading) -> Any:
    if isinstance(events, pd.DataFrame):
        return _in_memory(events, reading)
    if isinstance(events, (str, Path)):
        name = str(events)
        if name.endswith((".parquet", ".pq")):
            return con.read_parquet(_existing(name, reading))
        if name.endswith(JSON_LINES):
            return _existing(name, reading)
        if name.endswith(TEXT_FILES):
            return _without_marks(_read_text(_existing(name, reading), con, reading))
        if Path(name).suffix and Path(name).is_file():
            fact = f"{Path(name).name!r} has the ending {Path(name).suffix!r}, which no log has."
            raise reading.fault(fact, f"save it as {', '.join(SAVED_AS)}, or .parquet.")
        try:
            return con.table(name)
        except TableNotFound:
            fact = f"there is no file or table {Path(name).name!r}."
            hint = "give a .csv or .parquet file, or the name of a table of the engine."
            raise reading.fault(fact, hint) from None
    if isinstance(events, ibis.Table):
        return events
    known = nw.from_native(events, pass_through=True)
    if not isinstance(known, nw.DataFrame):
        hint = "give a pandas DataFrame, an Ibis table, a file, or the name of a table of the engine."
        raise ResponseDataError(fact_and_hint(CALLER, f"events is {kind_of(events)}.", hint))
    return _in_memory(known.to_pandas(), reading)


def _in_memory(events: pd.DataFrame, reading: LogReading) -> Any:
    if not len(events):  # its columns have no types, either
        raise reading.fault(f"{reading.source} holds no event.", "give the log of the people enrolled.")
    return ibis.memtable(_plain_types(events))


def _without_marks(table: Any) -> Any:
    """Take off the apostrophe that marks text which a spreadsheet would run."""
    columns = [table[name] for name in ("participant", "kind") if name in table.columns]
    plain = {
        column.get_name(): ibis.ifelse(
            column.startswith("'") & column.re_search(MARKED), column.substr(1), column
        )
        for column in columns
        if column.type().is_string()
    }
    return table.mutate(**plain) if plain else table


def separator_of(name: str, reading: LogReading) -> str:
    """Character between the fields of a text file."""
    usual = "\t" if ".tsv" in Path(name).name else ","
    if reading.delimiter is None or not Path(name).is_file() or name.endswith(".gz"):
        return reading.delimiter or usual
    return separator_in(Path(name), reading.delimiter, usual)


def _read_text(name: str, con: Any, reading: LogReading) -> Any:
    """Read a text file with every column as text: what a cell means is not left to the engine."""
    mark = separator_of(name, reading)
    if con.name == "pyspark":
        return con.read_csv(
            name, header=True, inferSchema=False, sep=mark, quote='"', escape='"', mode="FAILFAST"
        )
    how: dict[str, Any] = {"header": True, "delim": mark, "quote": '"', "escape": '"', "nullstr": ""}
    if not Path(name).is_file():
        return con.read_csv(name, all_varchar=True, **how)
    header = header_of(Path(name), mark, reading)
    return con.read_csv(name, auto_detect=False, columns=dict.fromkeys(header, "VARCHAR"), **how)


def header_of(path: Path, mark: str, reading: LogReading) -> list[str]:
    """Names of the columns of a text file, read by us: an engine that looks for a header may miss it."""
    unzip = gzip.open if path.suffix == ".gz" else open
    try:
        with unzip(path, "rt", encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader(file, delimiter=mark), [])]
    except (UnicodeDecodeError, OSError, EOFError):
        raise reading.fault(f"{path.name} is not UTF-8 text.", "save it as UTF-8.") from None
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise reading.fault(f"{path.name}: columns are there twice: {name_offenders(doubled)}.", "drop one.")
    if not names or "" in names:
        fact = f"{path.name}: a column has no name." if names else f"{path.name} is empty."
        raise reading.fault(fact, "give every column a name in the first line.")
    return names


def _existing(name: str, reading: LogReading) -> str:
    path = Path(name)
    local = "://" not in name and "*" not in name
    if local and not path.exists():
        fact = f"there is no file {path.name!r}."
        raise reading.fault(fact, "check the path.")
    return name


def _plain_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each column one type that every engine reads alike: text, numbers, or instants in UTC."""
    plain = frame.copy()
    plain.attrs = {}
    for name in plain.columns:
        column = plain[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.cat.categories.dtype)
        if is_datetime64_any_dtype(column.dtype):
            if getattr(column.dt, "tz", None) is not None:  # instants: a midnight of theirs is no day alone
                column = column.dt.tz_convert("UTC")
            plain[name] = column.dt.as_unit("us")
        elif name == "participant" and column.dtype == object and not _are_dates(column.dropna()):
            written = column.map(as_label, na_action="ignore")  # exactly: decimals hold too few digits
            plain[name] = written.astype("object").where(column.notna(), None)
        elif column.dtype == object or isinstance(column.dtype, pd.StringDtype):
            plain[name] = _plain_objects(column)
    return plain


def _plain_objects(column: pd.Series) -> pd.Series:
    present = column.dropna()
    if _are_dates(present):
        instants = pd.to_datetime(column, utc=True).dt.as_unit("us")
        is_aware = any(getattr(cell, "tzinfo", None) is not None for cell in present)
        return instants if is_aware else instants.dt.tz_localize(None)
    if len(present) and all(
        isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in present
    ):
        return pd.to_numeric(column)
    return column.map(str, na_action="ignore").astype("object").where(column.notna(), None)


def _are_dates(present: pd.Series) -> bool:
    return len(present) > 0 and all(isinstance(cell, datetime.date) for cell in present)


def people_table(
    participants: pd.DataFrame | None, reading: LogReading, zone: str = "UTC"
) -> pd.DataFrame | None:
    """Check the table of participants: one row each, with dates and days that can be read.

    Parameters
    ----------
    participants
        `participant`, and where known `enrolled` (timestamp), `withdrawn_day` or `withdrawn`, and `reason`.
    reading
        Who asks, and how dates and numbers in text are written; what times of day mean is added to its notes.
    zone
        Clock by which the study counts its days.

    Returns
    -------
    DataFrame or None
        participant (text), enrolled_us (Int64 microseconds at the start of the day of enrolment, as the clock
        shows them), began_day (how much of that day had passed; only where a time of day is given),
        withdrawn_day (float), reason (text); columns that are not known are absent.
    """
    if participants is None:
        return None
    if "participant" not in participants:
        fact = "the table of participants has no column 'participant'."
        raise reading.fault(fact, "give one row per participant.")
    place = Place(
        caller=reading.caller, source="the table of participants", lines=np.arange(1, len(participants) + 1)
    )
    ids = [id_text(cell) for cell in participants["participant"]]
    if (absent := np.array([name is None for name in ids], dtype=bool)).any():
        raise place.fault("participant", absent, "hold no id", "name everyone, or delete the row.")
    known = pd.DataFrame({"participant": pd.Series(ids, dtype="object")})
    doubled = known["participant"][known["participant"].duplicated()].unique()
    if rounded := sum(map(is_rounded, doubled)):
        fact = f"{count_of(rounded, 'id')} rounded by a spreadsheet stand for several participants."
        raise reading.fault(fact, "export the ids again, as text.")
    if len(doubled):
        fact = f"{len(doubled)} participants have several rows: {name_offenders(doubled)}."
        raise reading.fault(fact, "give one row per participant.")
    early = np.zeros(len(known), dtype=bool)
    enrolled = None
    if "enrolled" in participants:
        enrolled, is_day, empty = moments_by_clock(participants["enrolled"], "enrolled", place, zone, reading)
        start = enrolled - enrolled % MICROSECONDS_PER_DAY
        known["enrolled_us"] = pd.Series(start, dtype="Int64").mask(empty)
        if not is_day[~empty].all():
            began = (enrolled - start) / MICROSECONDS_PER_DAY
            known["began_day"] = np.where(empty, np.nan, began)
    if "withdrawn_day" in participants:
        known["withdrawn_day"] = amounts(participants["withdrawn_day"], "withdrawn_day", place)
    elif "withdrawn" in participants and enrolled is not None:
        gone, gone_day, stayed = moments_by_clock(
            participants["withdrawn"], "withdrawn", place, zone, reading
        )
        passed = (gone - start) / MICROSECONDS_PER_DAY
        known["withdrawn_day"] = np.where(stayed | empty, np.nan, passed)
        early = ~stayed & ~empty & ~gone_day & ~is_day & (gone < enrolled)
    if "withdrawn_day" in known and (early := early | (known["withdrawn_day"] < 0).to_numpy()).any():
        name = "withdrawn_day" if "withdrawn_day" in participants else "withdrawn"
        hint = "leave it empty for those who stayed; days count from enrolment."
        raise place.fault(name, early, "lie before enrolment", hint)
    if "reason" in participants:
        texts = participants["reason"].astype("object")
        known["reason"] = texts.map(lambda cell: str(cell).strip() or None, na_action="ignore")
        known["reason"] = known["reason"].where(known["reason"].notna(), None)
    return known
