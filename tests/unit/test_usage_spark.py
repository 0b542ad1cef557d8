"""The same expressions on Spark give the same table as on DuckDB, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.simulation import simulate_study
from analysis.usage import summarise_usage
from analysis.usage_reading import LogReading

PROGRAM = """
import sys
from pathlib import Path
import json, pandas as pd
from analysis.usage import summarise_usage
folder = Path(sys.argv[1])
study = json.loads((folder / "study.json").read_text())
usage = summarise_usage(
    folder / "log.parquet", study, "spark:local[1]", participants=pd.read_parquet(folder / "people.parquet")
)
usage.people.to_parquet(folder / "spark.parquet")
(folder / "counts.json").write_text(json.dumps(usage.counts))
(folder / "retention.json").write_text(usage.retention.to_json(double_precision=15))
"""


@pytest.mark.spark
def test_spark_gives_the_same_table_as_duckdb(tmp_path: Path) -> None:
    data = simulate_study("dta_example", n=60, seed=11)
    data.usage.to_parquet(tmp_path / "log.parquet")
    data.enrolment.to_parquet(tmp_path / "people.parquet")
    (tmp_path / "study.json").write_text(json.dumps(data.study))
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    here = summarise_usage(data.usage, data.study, participants=data.enrolment)
    there = pd.read_parquet(tmp_path / "spark.parquet")
    # Sums of minutes may be taken in another order: 1e-9 is rounding.
    pd.testing.assert_frame_equal(there, here.people, check_dtype=False, rtol=0, atol=1e-9)
    assert json.loads((tmp_path / "counts.json").read_text()) == here.counts
    retention = pd.DataFrame(json.loads((tmp_path / "retention.json").read_text()))
    for column in here.retention:
        assert retention[column].tolist() == pytest.approx(here.retention[column].tolist(), abs=1e-12)


WRITINGS = """
import sys, json, pandas as pd
from pathlib import Path
from analysis.usage import summarise_usage
from analysis.usage_reading import LogReading
from analysis.usage_reading import LogReading
folder = Path(sys.argv[1])
study = json.loads((folder / "study.json").read_text())
people = pd.read_csv(folder / "people.csv", dtype=str)
for name, how in json.loads((folder / "how.json").read_text()).items():
    found = summarise_usage(folder / name, study, "spark:local[1]", participants=people, reading=LogReading(**how))
    found.people.to_parquet(folder / f"{name}.found")
try:
    summarise_usage(folder / "german.csv", study, "spark:local[1]", participants=people)
except Exception as error:
    (folder / "refused.txt").write_text(str(error))
"""


@pytest.mark.spark
def test_spark_reads_stamps_and_ids_as_duckdb_does(tmp_path: Path) -> None:
    data = simulate_study("dta_example", n=10, seed=2)
    people = pd.DataFrame(
        {"participant": ["007", "008"], "enrolled": ["2026-03-28T00:00:00Z", "2026-03-29T01:00:00+01:00"]}
    )
    at = pd.date_range("2026-03-29 00:10", periods=200, freq="5h17min", tz="Europe/Berlin").repeat(2)
    log = pd.DataFrame({"participant": ["007", "007", "008", "008"] * 100, "kind": "tap", "duration": 2.5})
    micros = pd.Series(at).dt.as_unit("us") + pd.to_timedelta([0, 1, 250_000, 250_001] * 100, unit="us")
    local = micros.map(lambda stamp: stamp.isoformat(timespec="microseconds"))
    utc = micros.dt.tz_convert("UTC")
    writings = {
        "offset.csv": (log.assign(at=local), {"retry_seconds": 0}),
        "zulu.csv": (log.assign(at=utc.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")), {"retry_seconds": 0}),
        "micros.csv": (log.assign(at=utc.astype("int64")), {"retry_seconds": 0}),
        "stamps.parquet": (log.assign(at=utc), {"retry_seconds": 0}),
        "plain.parquet": (log.assign(at=utc.dt.tz_localize(None)), {"retry_seconds": 0}),
        "nanos.parquet": (log.assign(at=utc.astype("int64") * 1000), {"retry_seconds": 0}),
        "german.csv": (
            log.assign(at=utc.dt.strftime("%d.%m.%Y %H:%M:%S.%f")),
            {"dates": "D.M.Y", "retry_seconds": 0},
        ),
    }
    people.to_csv(tmp_path / "people.csv", index=False)
    study = data.study | {"observed_until": None}  # a day of the study's own clock; here people join on dates
    (tmp_path / "study.json").write_text(json.dumps(study))
    (tmp_path / "how.json").write_text(json.dumps({name: how for name, (_, how) in writings.items()}))
    for name, (frame, _) in writings.items():
        if name.endswith(".csv"):
            frame.to_csv(tmp_path / name, index=False)
        else:
            frame.to_parquet(tmp_path / name)
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "America/Denver",
    }
    done = subprocess.run(
        [sys.executable, "-c", WRITINGS, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    each = LogReading(retry_seconds=0)
    wanted = summarise_usage(log.assign(at=local), study, participants=people, reading=each).people
    assert wanted["events_whole"].tolist() == [200, 200]
    for name, (frame, how) in writings.items():
        here = summarise_usage(tmp_path / name, study, participants=people, reading=LogReading(**how)).people
        again = summarise_usage(frame, study, participants=people, reading=LogReading(**how)).people
        there = pd.read_parquet(tmp_path / f"{name}.found")
        for found in (here, again, there):
            # Sums of minutes may be taken in another order: 1e-9 is rounding.
            pd.testing.assert_frame_equal(found, wanted, check_dtype=False, rtol=0, atol=1e-9, obj=name)
    assert "dates='D.M.Y'" in (tmp_path / "refused.txt").read_text()
