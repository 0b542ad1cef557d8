"""Adherence table of a log made on the spot: 100 million events of a million people, with time and memory.

Beside it, in the same run, one plain statement of DuckDB that counts the same sessions, days and minutes.

Run: python tests/benchmarks/bench_usage.py [events] [people]. Exits 1 beyond 60 s or 4 GB.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from analysis.usage import summarise_usage

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
LONGEST_SECONDS = 60.0
MOST_BYTES = 4 * 1024**3


COUNTED = """, ended AS (
    SELECT *, max(day + m / 1440) OVER (PARTITION BY who ORDER BY day
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_end
    FROM once WHERE day >= 0 AND day < 84
)
SELECT who, day >= 28 AS late, count(*) AS events,
       count(*) FILTER (before_end IS NULL OR (day - before_end) * 1440 > 30) AS sessions,
       count(*) FILTER (kind = 'session_completed') AS completed,
       count(DISTINCT floor(day)) AS days, sum(m) AS minutes
FROM ended GROUP BY ALL
"""
"""End of a plain statement that has named its events `once`: who, kind, m (minutes), day."""
STATEMENT = (
    "WITH once AS (SELECT DISTINCT participant AS who, kind, duration AS m, day FROM '{path}')" + COUNTED
)


def make_log(path: Path, events: int, people: int) -> None:
    """Write a Parquet log with DuckDB, from hashes of the row number."""
    con = duckdb.connect()
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


def main() -> int:
    """Measure once and say whether the limits hold."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        make_log(path, events, people)
        con = duckdb.connect()
        con.execute(f"SET temp_directory = '{folder}'; SET memory_limit = '3GB'")
        start = time.perf_counter()
        plain = con.execute(
            f"SELECT late, sum(sessions) FROM ({STATEMENT.format(path=path)}) GROUP BY late ORDER BY late"
        ).fetchall()
        statement = time.perf_counter() - start
        con.close()
        start = time.perf_counter()
        usage = summarise_usage(path, STUDY)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{events} events, {len(usage.people)} people: {seconds:.1f} s, peak {peak / 1024**3:.2f} GB")
    print(f"one statement of DuckDB {statement:.1f} s; the table takes {seconds / statement:.2f} times that")
    counted = [int(usage.people[f"sessions_{period}"].sum()) for period in ("before", "after")]
    if counted != [int(sessions) for _, sessions in plain]:
        print(f"sessions {counted}, the statement counts {[int(sessions) for _, sessions in plain]}")
        return 1
    return int(seconds > LONGEST_SECONDS or peak > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
