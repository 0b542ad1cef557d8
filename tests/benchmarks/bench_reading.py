"""Time of reading an export of Qualtrics, and a log of JSON lines beside one plain statement of DuckDB.

python tests/benchmarks/bench_reading.py [ROWS] [EVENTS]

The export has 60 columns, 40 of them items, once with numbers and once with the texts of choices; it is recognised
and read by its mapping, beside `pandas.read_csv`, which judges nothing. The log is one of Mixpanel; the statement counts the same sessions, days and minutes before and
after the landmark; each runs in a process of its own. Processor seconds. Exits 1 beyond 5 s for a hundred thousand rows, or 30
times what pandas takes; beyond 3 times the statement, or 2 GB.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
import warnings
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from analysis.usage.mapping import LogMapping
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import summarise_usage
from instrument.errors import ToolkitWarning
from instrument.loading import load
from instrument.reading.read_responses import read_responses
from instrument.recognition import recognise
from tests.benchmarks.alone import alone
from tests.benchmarks.bench_usage import COUNTED, STUDY

SECONDS, TIMES_PANDAS, TIMES, GIGABYTES = 5.0, 30.0, 3.0, 2.0
META = [
    "StartDate",
    "EndDate",
    "Status",
    "IPAddress",
    "Progress",
    "Duration",
    "Finished",
    "RecordedDate",
    "ResponseId",
    "RecipientLastName",
    "RecipientFirstName",
    "RecipientEmail",
    "ExternalReference",
    "LocationLatitude",
    "LocationLongitude",
    "DistributionChannel",
    "UserLanguage",
]
DAY = "2026-03-01 10:00:00"


def make_export(path: Path, rows: int, *, texts: bool) -> int:
    """Write answers to the shipped scale in Qualtrics' shape; gives the number of columns."""
    scale = load("dta")
    wording = scale.wording().items
    draw = np.random.default_rng(1)
    codes = draw.integers(1, 6, (rows, len(wording)))
    if texts:
        labels = {option.code: option.label for option in scale.scale_of(scale.items[0].id).options}
        codes = np.array([labels.get(code) for code in range(6)], dtype=object)[codes]
    answers = codes.tolist()
    further = ["note", "colour", "device"]
    head = [*META, *wording, *further]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(head)
        out.writerow([*META, *wording.values(), *further])
        out.writerow([f'{{"ImportId":"{name}"}}' for name in head])
        for k, row in enumerate(answers):
            start = [DAY, DAY, 0, "10.0.0.1", 100, 300, 1, DAY, f"R_{k:07d}", "", "", "", f"P{k:06d}"]
            out.writerow([*start, 52.1, 13.1, "anonymous", "EN", *row, "t", "red", "phone"])
    return len(head)


def run_pandas(path: str) -> None:
    """What pandas takes, which judges nothing."""
    pd.read_csv(path, skiprows=[1, 2])


def run_reading(path: str) -> tuple[int, float]:
    """Recognise an export and read it; gives its rows, and the processor seconds of recognising."""
    scale = load("dta")
    start = time.process_time()
    found = recognise(path, scale)
    known = time.process_time() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        return len(read_responses(path, scale, mapping=found.mapping)), known


def time_export(rows: int, *, texts: bool) -> bool:
    """Say whether recognising and reading together keep to the limits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        columns = make_export(path, rows, texts=texts)
        plain, own = alone(run_pandas, str(path)), alone(run_reading, str(path))
    n, known = own.gave
    times, most = own.processor / plain.processor, SECONDS * rows / 100_000
    print(f"{n} rows x {columns} columns of Qualtrics, {'texts' if texts else 'numbers'}")
    print(f"pandas.read_csv: {plain.processor:.2f} s, peak {plain.gigabytes:.2f} GB")
    print(f"the toolkit: {own.processor:.2f} s (at most {most:.2f}), {known:.2f} s of it to recognise,")
    print(f"  {times:.1f} times that (at most {TIMES_PANDAS:g}), peak {own.gigabytes:.2f} GB")
    return n == rows and own.processor <= most and times <= TIMES_PANDAS


def make_log(path: Path, events: int, people: int) -> None:
    """Write JSON lines of Mixpanel with DuckDB, from hashes of the row number."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(
        f"""
        COPY (
            SELECT CASE hash(i + 77) % 4 WHEN 0 THEN 'session_completed' ELSE 'activity' END AS event,
                   {{'time': 1772409600 + hash(i + 1000000007) % 7257600,
                     'distinct_id': 'p' || lpad((hash(i) % {people})::VARCHAR, 6, '0'),
                     '$insert_id': 'e' || i::VARCHAR,
                     'duration': (hash(i + 31) % 400) / 10.0}} AS properties
            FROM range({events}) t(i)
        ) TO '{path}' (FORMAT json)
        """
    )
    con.close()


STATEMENT = (
    """
WITH once AS (
    SELECT properties->>'$.distinct_id' AS who, event AS kind, (properties->>'$.duration')::DOUBLE AS m,
           ((properties->>'$.time')::BIGINT - epoch(DATE '2026-03-02')) / 86400.0 AS day
    FROM read_json('{path}', columns={{event: 'VARCHAR', properties: 'JSON'}}, format='newline_delimited')
    WHERE who LIKE 'p%'
    QUALIFY row_number() OVER (PARTITION BY who, properties->>'$."$insert_id"' ORDER BY day) = 1
)"""
    + COUNTED
)


def run_statement(path: str, folder: str) -> list[int]:
    """Sessions before and after the landmark by one plain statement."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(f"SET threads = 1; SET preserve_insertion_order = false; SET temp_directory = '{folder}'")
    con.execute("SET memory_limit = '1500MB'")
    plain = con.execute(
        f"SELECT late, sum(sessions) FROM ({STATEMENT.format(path=path)}) GROUP BY late ORDER BY late"
    ).fetchall()
    con.close()
    return [int(sessions) for _, sessions in plain]


def run_ours(path: str, people: int) -> list[int]:
    """The same by the toolkit."""
    enrolled = pd.DataFrame({"participant": [f"p{k:06d}" for k in range(people)], "enrolled": "2026-03-02"})
    reading = LogReading(mapping=LogMapping.model_validate({"log": 1, "tool": "mixpanel"}), durations="min")
    usage = summarise_usage(path, STUDY, participants=enrolled, reading=reading).people
    return [int(usage[f"sessions_{period}"].sum()) for period in ("before", "after")]


def time_log(events: int) -> bool:
    """Say whether the toolkit keeps to its limits beside one statement; their sessions must agree."""
    people = max(10, events // 100)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        alone(make_log, path, events, people)
        plain = alone(run_statement, str(path), folder)
        own = alone(run_ours, str(path), people)
    times = own.processor / plain.processor
    print(f"{events} events of JSON lines, {people} people")
    print(f"one statement of DuckDB: {plain.processor:.1f} s, peak {plain.gigabytes:.2f} GB")
    print(f"the toolkit: {own.processor:.1f} s (at most {TIMES:g} times that: {times:.2f}),")
    print(f"  peak {own.gigabytes:.2f} GB (at most {GIGABYTES:g})")
    if own.gave != plain.gave:
        print(f"sessions {own.gave}, the statement counts {plain.gave}")
        return False
    return times <= TIMES and own.gigabytes <= GIGABYTES


def main() -> int:
    """Measure once and say whether the limits hold."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    held = [time_export(rows, texts=texts) for texts in (False, True)]
    return int(not (all(held) and (events == 0 or time_log(events))))


if __name__ == "__main__":
    sys.exit(main())
