"""The same expressions on Spark give the same table as on DuckDB, in one process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from analysis.simulation.simulate_study import simulate_study
from analysis.usage import suspicions
from analysis.usage.reading import LogReading, read_log
from analysis.usage.sources import events_table
from analysis.usage.summarise_usage import summarise_usage
from tests.unit.test_usage_suspicions import two_apps

pytestmark = pytest.mark.spark
# Each start of Spark costs more than all it computes here: one process does everything that is asked of it.
PROGRAM = """
import sys, json, pandas as pd
from pathlib import Path
from analysis.usage.summarise_usage import summarise_usage
from analysis.usage.reading import LogReading, read_log
from analysis.usage.sources import connect, events_table
from analysis.usage import suspicions
folder = Path(sys.argv[1])
study = json.loads((folder / "study.json").read_text())
usage = summarise_usage(
    folder / "log.parquet", study, "spark:local[1]", participants=pd.read_parquet(folder / "people.parquet")
)
usage.people.to_parquet(folder / "spark.parquet")
(folder / "counts.json").write_text(json.dumps(usage.counts))
(folder / "retention.json").write_text(usage.retention.to_json(double_precision=15))
con = connect("spark:local[1]")
for name, how in json.loads((folder / "how.json").read_text()).items():
    reading = LogReading(**how)
    found = read_log(events_table(folder / name, con, reading), con, reading)
    con.execute(found.table).to_parquet(folder / f"{name}.found")
people = pd.read_csv(folder / "people.csv", dtype=str)
study["observed_until"] = None  # a day of the study's own clock; here people join on dates
zoned = {**study, "zone": "Europe/Berlin"}
people["enrolled"] = "2026-03-28T00:30:00Z"
summarise_usage(
    folder / "zulu.csv", zoned, "spark:local[1]", participants=people,
    reading=LogReading(most_set_aside=1.0, retry_seconds=0),
).people.to_parquet(folder / "zoned.parquet")
suspicions.LOOKED_AT = 2000
found = summarise_usage(
    folder / "apps.parquet", study, "spark:local[1]", participants=pd.read_parquet(folder / "many.parquet")
)
(folder / "notes.json").write_text(json.dumps([found.notes, found.rule["lost"]]))
try:
    summarise_usage(folder / "german.csv", study, "spark:local[1]", participants=people)
except Exception as error:
    (folder / "refused.txt").write_text(str(error))
"""


def writings() -> tuple[pd.DataFrame, dict[str, tuple[pd.DataFrame, dict[str, Any]]]]:
    """One log as it is meant, and as files write it."""
    at = pd.date_range("2026-03-29 00:10", periods=200, freq="5h17min", tz="Europe/Berlin").repeat(2)
    log = pd.DataFrame({"participant": ["007", "007", "008", "008"] * 100, "kind": "tap", "duration": 2.5})
    micros = pd.Series(at).dt.as_unit("us") + pd.to_timedelta([0, 1, 250_000, 250_001] * 100, unit="us")
    local = micros.map(lambda stamp: stamp.isoformat(timespec="microseconds"))
    utc = micros.dt.tz_convert("UTC")
    meant = log.assign(at_us=utc.astype("int64"), minutes=2.5)
    return meant, {
        "offset.csv": (log.assign(at=local), {}),
        "zulu.csv": (log.assign(at=utc.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")), {}),
        "micros.csv": (log.assign(at=utc.astype("int64")), {}),
        "stamps.parquet": (log.assign(at=utc), {}),
        "plain.parquet": (log.assign(at=utc.dt.tz_localize(None)), {}),
        "nanos.parquet": (log.assign(at=utc.astype("int64") * 1000), {}),
        "german.csv": (log.assign(at=utc.dt.strftime("%d.%m.%Y %H:%M:%S.%f")), {"dates": "D.M.Y"}),
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which Spark left what it found, in a place with another clock."""
    folder = tmp_path_factory.mktemp("spark")
    data = simulate_study("dta_example", n=60, seed=11)
    data.usage.to_parquet(folder / "log.parquet")
    data.enrolment.to_parquet(folder / "people.parquet")
    (folder / "study.json").write_text(json.dumps(data.study))
    pd.DataFrame({"participant": ["007", "008"], "enrolled": "2026-03-28T00:00:00Z"}).to_csv(
        folder / "people.csv", index=False
    )
    log, people = two_apps()
    log.to_parquet(folder / "apps.parquet")
    people.to_parquet(folder / "many.parquet")
    files = writings()[1]
    (folder / "how.json").write_text(json.dumps({name: how for name, (_, how) in files.items()}))
    for name, (frame, _) in files.items():
        if name.endswith(".csv"):
            frame.to_csv(folder / name, index=False)
        else:
            frame.to_parquet(folder / name)
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # So little is computed that translating the machine's code thoroughly would take most of the time.
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "TZ": "America/Denver",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return folder


def test_spark_gives_the_same_table_as_duckdb(done: Path) -> None:
    data = simulate_study("dta_example", n=60, seed=11)
    here = summarise_usage(data.usage, data.study, participants=data.enrolment)
    there = pd.read_parquet(done / "spark.parquet")
    # Sums of minutes may be taken in another order: 1e-9 is rounding.
    pd.testing.assert_frame_equal(there, here.people, check_dtype=False, rtol=0, atol=1e-9)
    assert json.loads((done / "counts.json").read_text()) == here.counts
    retention = pd.DataFrame(json.loads((done / "retention.json").read_text()))
    for column in here.retention:
        assert retention[column].tolist() == pytest.approx(here.retention[column].tolist(), abs=1e-12)


def test_spark_counts_days_by_the_clock_of_the_study_as_duckdb_does(done: Path) -> None:
    study = json.loads((done / "study.json").read_text()) | {"observed_until": None, "zone": "Europe/Berlin"}
    people = pd.DataFrame({"participant": ["007", "008"], "enrolled": "2026-03-28T00:30:00Z"})
    everything = LogReading(most_set_aside=1.0, retry_seconds=0)
    here = summarise_usage(done / "zulu.csv", study, participants=people, reading=everything).people
    there = pd.read_parquet(done / "zoned.parquet")
    pd.testing.assert_frame_equal(there, here, check_dtype=False, rtol=0, atol=1e-9)
    # the first event, at 00:10 in Berlin on 29 March, is at 00:10 of day 1 there; the night is an hour shorter
    assert here["first_use_whole"].iloc[0] == pytest.approx(1 + 10 / 1440, abs=1e-6)


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
@pytest.mark.parametrize("name", list(writings()[1]))
def test_spark_reads_stamps_and_ids_as_duckdb_does(done: Path, name: str) -> None:
    meant, files = writings()
    con = ibis.duckdb.connect()
    wanted = _sorted(meant)
    for events in (done / name, files[name][0]):
        reading = LogReading(**files[name][1])
        here = con.execute(read_log(events_table(events, con, reading), con, reading).table)
        for found in (here, pd.read_parquet(done / f"{name}.found")):
            pd.testing.assert_frame_equal(_sorted(found), wanted, check_dtype=False, rtol=0, atol=0)
            flags = found[[column for column in found if column.startswith("is_misread")]]
            assert not flags.to_numpy().any()


def test_what_is_told_of_a_part_of_the_people_is_the_same_on_spark(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspicions, "LOOKED_AT", 2000)
    log, people = two_apps()
    study = json.loads((done / "study.json").read_text()) | {"observed_until": None}
    here = summarise_usage(log, study, participants=people)
    assert json.loads((done / "notes.json").read_text()) == [here.notes, here.rule["lost"]]
    assert "session_done" in here.rule["lost"]


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    columns = ["participant", "at_us", "kind", "minutes"]
    return frame[columns].sort_values(columns, ignore_index=True)


def test_a_spelling_of_dates_that_is_not_named_is_refused(done: Path) -> None:
    assert "dates='D.M.Y'" in (done / "refused.txt").read_text()
