"""Bring a usage log to an engine: files, frames, tables and connection strings become an Ibis table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
from ibis.common.exceptions import TableNotFound

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.written_cells import MARKED

CALLER = "summarise_usage"
REQUIRED = ("participant", "kind")


@contextmanager
def quiet_driver() -> Iterator[None]:
    """Silence what Ibis is told about old names it uses of DuckDB and pandas; users can do nothing."""
    with warnings.catch_warnings():
        for old_name in ("fetch_(arrow_table|record_batch|arrow_reader)", "The 'future.infer_string' option"):
            warnings.filterwarnings("ignore", old_name, DeprecationWarning)
        yield


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
        con = ibis.duckdb.connect()
        con.raw_sql("SET preserve_insertion_order = false; SET memory_limit = '2500MB'")
        return con
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


def events_table(events: Any, con: Any) -> Any:
    """Give the log as an Ibis table of the backend, with its required columns checked.

    Parameters
    ----------
    events
        A DataFrame, an Ibis table, a path (or glob) of CSV or Parquet, or the name of a table of `con`.
    con
        Ibis backend.

    Returns
    -------
    ibis table
        At least `participant`, `kind`, and `day` or `at`.
    """
    table = _open(events, con)
    columns = set(table.columns)
    absent = [column for column in REQUIRED if column not in columns]
    if not {"day", "at"} & columns:
        absent.append("day or at")
    if absent:
        fact = f"the log has no column {name_offenders(absent)}; it has {name_offenders(table.columns)}."
        hint = "name the columns participant, at or day, kind, duration."
        raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
    return table


def _open(events: Any, con: Any) -> Any:
    if isinstance(events, pd.DataFrame):
        return ibis.memtable(_plain_types(events))
    if isinstance(events, (str, Path)):
        name = str(events)
        if name.endswith((".parquet", ".pq")):
            return con.read_parquet(_existing(name))
        if name.endswith((".csv", ".tsv", ".csv.gz")):
            if con.name == "pyspark":
                separator = "\t" if name.endswith(".tsv") else ","
                return _without_marks(
                    con.read_csv(_existing(name), header=True, inferSchema=True, sep=separator)
                )
            return _without_marks(con.read_csv(_existing(name)))
        try:
            return con.table(name)
        except TableNotFound:
            fact = f"there is no file or table {Path(name).name!r}."
            hint = "give a .csv or .parquet file, or the name of a table of the engine."
            raise ResponseDataError(fact_and_hint(CALLER, fact, hint)) from None
    return events


def _without_marks(table: Any) -> Any:
    """Take off the apostrophe that marks text a spreadsheet would run (`instrument.written_cells`)."""
    columns = [table[name] for name in ("participant", "kind") if name in table.columns]
    plain = {
        column.get_name(): ibis.ifelse(
            column.startswith("'") & column.re_search(MARKED), column.substr(1), column
        )
        for column in columns
        if column.type().is_string()
    }
    return table.mutate(**plain) if plain else table


def _existing(name: str) -> str:
    path = Path(name)
    local = "://" not in name and "*" not in name
    if local and not path.exists():
        fact = f"there is no file {path.name!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "check the path."))
    return name


def _plain_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Give participant and kind as plain text, so that every engine reads the same types."""
    plain = frame.copy()
    for column in ("participant", "kind"):
        if column in plain and not pd.api.types.is_integer_dtype(plain[column]):
            plain[column] = plain[column].astype("object")
    return plain


def people_table(participants: pd.DataFrame | None) -> pd.DataFrame | None:
    """Check the table of participants: one row each.

    Parameters
    ----------
    participants
        `participant`, and where known `enrolled` (timestamp) and `withdrawn_day` or `withdrawn`.

    Returns
    -------
    DataFrame or None
        participant, enrolled, withdrawn_day; columns that are not known are absent.
    """
    if participants is None:
        return None
    if "participant" not in participants:
        fact = "the table of participants has no column 'participant'."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one row per participant."))
    known = participants[
        [c for c in ("participant", "enrolled", "withdrawn_day", "withdrawn") if c in participants]
    ]
    known = known.copy()
    doubled = known["participant"][known["participant"].duplicated()].unique()
    if len(doubled):
        fact = f"{len(doubled)} participants have several rows: {name_offenders(doubled)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one row per participant."))
    if "enrolled" in known:
        known["enrolled"] = pd.to_datetime(known["enrolled"])
        if "withdrawn" in known:
            gone = pd.to_datetime(known.pop("withdrawn"))
            known["withdrawn_day"] = (gone - known["enrolled"]).dt.total_seconds() / 86_400
    if "withdrawn_day" in known:
        known["withdrawn_day"] = known["withdrawn_day"].astype("Float64").astype(float)
    return known.reset_index(drop=True)
