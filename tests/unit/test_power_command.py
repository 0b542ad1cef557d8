"""`dta plan power`: table and sentence, refusals, and the same bits however the work is spread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dta
import instrument
from analysis.power.expected_sizes import expected_odds_ratio

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "tests" / "example_0_1" / "study.yaml"
SHORT = ["--n", "60,120", "--replications", "60"]
PROGRAM = """
import sys
from distributed import LocalCluster
import dta
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        dta.main([*sys.argv[1:], "--scheduler", cluster.scheduler_address])
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        dta.main(["plan", "power", *arguments])
    return int(end.value.code or 0)


def figures(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("power") / "serial.json"
    assert run(str(STUDY), *SHORT, "--out", str(out)) == 0
    return figures(out)


def test_two_processes_give_the_same_figures(serial: Any, tmp_path: Path) -> None:
    out = tmp_path / "two.json"
    assert run(str(STUDY), *SHORT, "--workers", "2", "--out", str(out)) == 0
    # JSON holds the shortest text that gives back the same bits.
    assert figures(out) == serial


def test_a_dask_cluster_of_two_gives_the_same_figures(serial: Any, tmp_path: Path) -> None:
    program, out = tmp_path / "spread.py", tmp_path / "dask.json"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), "plan", "power", str(STUDY), *SHORT, "--out", str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert figures(out) == serial


def test_the_answer_is_a_table_and_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "power.csv"
    how = ["--n", "60,120", "--replications", "250", "--odds-ratio", "2.5"]
    assert run(str(STUDY), *how, "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "power" in said and "ci_lower" in said
    assert "people enrolled are needed to find an effect of odds ratio 2.5" in said
    assert "Supposed, not known" in said
    assert "calls nothing supported, whatever the number of people" in said
    assert "(unrelated_kind)" in said and "(unrelated_rating), as this one does not." in said
    assert out.read_text(encoding="utf-8").startswith("n,asked,analysed,replications,failed,power")


def test_no_effect_is_never_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(STUDY), "--n", "60", "--replications", "40", "--odds-ratio", "1") == 0
    assert "the table shows the level only" in capsys.readouterr().out


def test_a_design_without_its_level_gets_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(STUDY), "--n", "400", "--replications", "250", "--hidden-cause", "0.3") == 0
    said = capsys.readouterr().out
    assert "No number of people is named" in said and "counts confounding" in said
    assert "people enrolled are needed" not in said
    assert "off" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--n", "60,many"], "whole numbers"),
        (["--n", "60,60"], "give different n"),
        (["--reliability", "1.2"], "outside their range: reliability"),
        (["--out", "power.xlsx"], "is not written"),
        (["--out", "nowhere/power.json"], "no folder"),
        (["--scheduler", "tcp://127.0.0.1:9", "--replications", "2"], "no Dask scheduler answers"),
    ],
)
def test_bad_input_ends_with_status_two(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(STUDY), *arguments) == 2
    error = capsys.readouterr().err
    assert said in error and "Hint:" in error


def test_a_study_without_landmark_cannot_be_planned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = STUDY.read_text(encoding="utf-8")
    head, _, tail = text.partition("landmark:")
    rest = tail.split("\n", 1)[1]
    kept = [line for line in rest.split("\n") if not line.startswith(("  wave", "  day: 28"))]
    bare = tmp_path / "study.yaml"
    bare.write_text(head + "\n".join(kept), encoding="utf-8")
    assert run(str(bare)) == 2
    assert "names no landmark" in capsys.readouterr().err


def test_clusters_and_rolling_enrolment_are_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(STUDY), "--n", "200", "--replications", "20", "--odds-ratio", "1"]
    out = tmp_path / "plan.json"
    how = ["--cluster-size", "20", "--cluster-use", "0.1", "--enrolment-days", "100", "--read-day", "130"]
    assert run(*given, *how, "--out", str(out)) == 0
    supposed = figures(out)["assumptions"]
    assert {name: supposed[name] for name in ("cluster_size", "cluster_use", "cluster_alliance")} == {
        "cluster_size": 20,
        "cluster_use": 0.1,
        "cluster_alliance": 0.05,
    }
    assert (supposed["enrolment_days"], supposed["read_day"]) == (100, 130)
    assert "read_day 130" in capsys.readouterr().out
    assert run(*given, "--read-day", "130") == 2
    assert "give enrolment_days too" in capsys.readouterr().err


def test_a_theme_gives_the_size_and_says_what_is_assumed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "theme.json"
    how = ["--n", "60", "--replications", "20", "--theme", "progression", "--reliability", "0.8"]
    assert run(str(STUDY), *how, "--out", str(out)) == 0
    expected = expected_odds_ratio(instrument.load("dta"), "progression", 0.8)
    assert figures(out)["assumptions"]["odds_ratio"] == pytest.approx(expected)
    assert "is an assumption" in capsys.readouterr().out
    assert run(str(STUDY), *how, "--odds-ratio", "2") == 2
    assert "both give the size" in capsys.readouterr().err
    assert run(str(STUDY), "--theme", "flexibility") == 2
    assert "no published size is known for 'flexibility'" in capsys.readouterr().err
