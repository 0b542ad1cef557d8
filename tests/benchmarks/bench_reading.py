"""Time of reading an export of Qualtrics, and a log of JSON lines beside one plain statement of DuckDB.

python tests/benchmarks/bench_reading.py [ROWS] [EVENTS]

The export has 60 columns, 40 of them items, once with numbers and once with the texts of choices; it is recognised
and read by its mapping, beside `pandas.read_csv`, which judges nothing. The log is one of Mixpanel; the statement counts the same sessions, days and minutes before and
after the landmark. Processor seconds, one thread. Exits 1 beyond 5 s for a hundred thousand rows, or 3 times the statement.
"""

from __future__ import annotations

import csv
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from analysis.usage import summarise_usage
from analysis.usage_mapping import LogMapping
from analysis.usage_reading import LogReading
from instrument.errors import ToolkitWarning
from instrument.loading import load
from instrument.recognition import recognise
from instrument.responses import read_responses
from tests.benchmarks.bench_usage import COUNTED, STUDY

SECONDS, TIMES = 5.0, 3.0
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


def time_export(rows: int, *, texts: bool) -> tuple[float, float]:
    """Seconds of the toolkit, recognising and reading together, and of pandas."""
    scale = load("dta")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        columns = make_export(path, rows, texts=texts)
        start = time.process_time()
        pd.read_csv(path, skiprows=[1, 2])
        plain = time.process_time() - start
        start = time.process_time()
        found = recognise(path, scale)
        known = time.process_time() - start
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)
            answers = read_responses(path, scale, mapping=found.mapping)
        both = time.process_time() - start
    print(
        f"{len(answers)} rows x {columns} columns, {'texts' if texts else 'numbers'}: recognised in {known:.2f} s, read in {both - known:.2f} s;"
    )
    print(f"  pandas.read_csv {plain:.2f} s, {both / plain:.1f} times that")
    return both, plain


def make_log(path: Path, events: int, people: int) -> None:
    """Write JSON lines of Mixpanel with DuckDB, from hashes of the row number."""
    con = duckdb.connect()
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


def time_log(events: int) -> tuple[float, float]:
    """Seconds of the toolkit and of one statement; their sessions must agree."""
    people = max(10, events // 100)
    enrolled = pd.DataFrame({"participant": [f"p{k:06d}" for k in range(people)], "enrolled": "2026-03-02"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        make_log(path, events, people)
        con = duckdb.connect()
        con.execute("SET threads = 1")
        start = time.process_time()
        plain = con.execute(STATEMENT.format(path=path)).df()
        statement = time.process_time() - start
        con.close()
        start = time.process_time()
        reading = LogReading(
            mapping=LogMapping.model_validate({"log": 1, "tool": "mixpanel"}), durations="min"
        )
        usage = summarise_usage(path, STUDY, participants=enrolled, reading=reading).people
        own = time.process_time() - start
    for late, period in ((False, "before"), (True, "after")):
        wanted = int(plain.loc[plain["late"] == late, "sessions"].sum())
        given = int(usage[f"sessions_{period}"].sum())
        if wanted != given:
            print(f"sessions {period}: {given}, the statement counts {wanted}")
            return float("inf"), statement
    print(f"{events} events of JSON lines: {own:.1f} s; one statement of DuckDB {statement:.1f} s")
    return own, statement


def main() -> int:
    """Measure once and say whether the limits hold."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    export = max(time_export(rows, texts=texts)[0] for texts in (False, True))
    if events == 0:
        return int(export > SECONDS * rows / 100_000)
    own, statement = time_log(events)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"peak {peak:.2f} GB; the log takes {own / statement:.1f} times the statement")
    return int(export > SECONDS * rows / 100_000 or own > TIMES * statement)


if __name__ == "__main__":
    sys.exit(main())
