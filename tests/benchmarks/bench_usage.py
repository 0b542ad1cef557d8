"""Adherence table of a log made on the spot: 100 million events of a million people, with time and memory.

Beside it, on the same file, one plain statement of DuckDB that counts the same sessions, days and minutes. Each
runs in a process of its own, so that the peak of one is not that of the other.

Run: python tests/benchmarks/bench_usage.py [events] [people]. Exits 1 beyond 1.2 times the
statement by processor seconds, or 3 GB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np

from analysis.usage.expressions import MINUTES_PER_DAY, ROUNDING
from analysis.usage.summarise_usage import summarise_usage
from tests.benchmarks.alone import alone

STUDY = {
    "schema": 1,
    "id": "bench",
    "title": "Benchmark",
    "instrument": "dta",
    "waves": [{"id": 1, "day": 21, "opens": 21, "closes": 28}],
    "study_days": 84,
    "landmark": {"wave": 1, "day": 28},
    "intended_use": {
        "unit": "sessions",
        "amount": 12,
        "weeks": 12,
        "justification": "one session a week for twelve weeks",
    },
    "adherence": {"metric": "sessions", "threshold": 0.66, "justification": "two thirds of the sessions"},
}
MOST_TIMES = 1.2
MOST_GIGABYTES = 3.0


COUNTED = """, ended AS (
    SELECT *, max(day + m / 1440) OVER (PARTITION BY who ORDER BY day
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_end
    FROM once WHERE day >= 0 AND day < 84
)
SELECT who, day >= 28 AS late, count(*) AS events,
       count(*) FILTER (before_end IS NULL OR (day - before_end) * 1440 > {gap}) AS sessions,
       count(*) FILTER (kind = 'session_completed') AS completed,
       count(DISTINCT floor(day)) AS days, sum(m) AS minutes
FROM ended GROUP BY ALL
""".replace("{gap}", repr(30 + ROUNDING * MINUTES_PER_DAY))
"""End of a plain statement that has named its events `once`: who, kind, m (minutes), day."""
STATEMENT = (
    "WITH once AS (SELECT DISTINCT participant AS who, kind, duration AS m, day FROM '{path}')" + COUNTED
)
SUMS = ("events", "sessions", "completed", "active_days", "minutes")
"""What both are asked for, before and after the landmark: nothing that the statement counts is left out of it."""


def make_log(path: Path, events: int, people: int) -> None:
    """Write a Parquet log with DuckDB, from hashes of the row number."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute("SET memory_limit = '1GB'; SET preserve_insertion_order = false")
    con.execute(
        f"""
        COPY (
            SELECT 'p' || lpad((hash(i) % {people})::VARCHAR, 7, '0') AS participant,
                   round((hash(i + 1000000007) % 8400000) / 100000.0, 4) AS day,
                   CASE hash(i + 77) % 4 WHEN 0 THEN 'session_completed' WHEN 1 THEN 'login'
                        ELSE 'activity' END AS kind,
                   ((hash(i + 31) % 400) / 10.0)::DOUBLE AS duration
            FROM range({events}) t(i)
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
        """
    )
    con.close()


def run_statement(path: str, folder: str, limit: str = "2GB") -> list[list[float]]:
    """Sums of what is counted of each person, before and after the landmark, by one plain statement."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(f"SET temp_directory = '{folder}'; SET memory_limit = '{limit}'")
    con.execute("SET preserve_insertion_order = false")
    sums = ", ".join(f"sum({name.replace('active_', '')})" for name in SUMS)
    counted = con.execute(
        f"SELECT late, {sums} FROM ({STATEMENT.format(path=path)}) GROUP BY late ORDER BY late"
    ).fetchall()
    con.close()
    return [[float(value) for value in row[1:]] for row in counted]


def run_ours(path: str) -> tuple[int, list[list[float]]]:
    """People, and the same sums by the toolkit."""
    people = summarise_usage(path, STUDY).people
    periods = ("before", "after")
    return len(people), [[float(people[f"{name}_{when}"].sum()) for name in SUMS] for when in periods]


def main() -> int:
    """Measure once and say whether the limits hold."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        alone(make_log, path, events, people)
        plain = alone(run_statement, str(path), folder)
        own = alone(run_ours, str(path))
    n, counted = own.gave
    times = own.processor / plain.processor
    print(f"{events} events of Parquet, {n} people")
    print(
        f"one statement of DuckDB: {plain.processor:.1f} s of processors, {plain.seconds:.1f} s by the clock, "
        f"peak {plain.gigabytes:.2f} GB"
    )
    print(f"the toolkit: {own.processor:.1f} s (at most {MOST_TIMES} times that: {times:.2f}),")
    print(f"  {own.seconds:.1f} s by the clock, peak {own.gigabytes:.2f} GB (at most {MOST_GIGABYTES:g})")
    if not np.allclose(counted, plain.gave, rtol=1e-12, atol=0.0):  # minutes are added in any order
        print(f"{', '.join(SUMS)}: {counted}, the statement counts {plain.gave}")
        return 1
    return int(times > MOST_TIMES or own.gigabytes > MOST_GIGABYTES)


if __name__ == "__main__":
    sys.exit(main())
