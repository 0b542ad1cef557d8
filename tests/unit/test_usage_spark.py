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
