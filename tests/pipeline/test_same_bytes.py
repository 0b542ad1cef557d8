"""Two processes with other hash seeds, time zones and languages write the same bytes in every form."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from instrument.definition import Instrument

ALL = "html,pdf,docx,markdown"
SETTINGS = (
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "LANG": "C"},
    {"PYTHONHASHSEED": "98765", "TZ": "Pacific/Chatham", "LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"},
)
# the first wave alone is enough for every form; the second brings retest and change
TOPICS = "flow,screening,items,scores,reliability,retest,sampling,retention,exploration,models"
RUN = """
import sys, instrument, pandas as pd
from analysis.pipeline import validate
from instrument.definition import Instrument
scale = Instrument.model_validate_json(open(sys.argv[1], encoding="utf-8").read())
answers = instrument.read_responses(sys.argv[2], scale)
validate(answers, scale, seed=3, topics=sys.argv[4].split(",")).write(sys.argv[3], forms=sys.argv[5].split(","))
"""


def checksums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, scale: Instrument, answers: pd.DataFrame
) -> list[dict[str, str]]:
    """Checksums of the files of two runs."""
    room = tmp_path_factory.mktemp("bytes")
    (room / "scale.json").write_text(scale.model_dump_json(by_alias=True), encoding="utf-8")
    answers[answers["wave"] < 3].to_csv(room / "answers.csv", index=False)
    found = []
    for number, settings in enumerate(SETTINGS):
        target = room / f"run{number}"
        arguments = [room / "scale.json", room / "answers.csv", target, TOPICS, ALL]
        place = room / f"from{number}"
        place.mkdir()
        subprocess.run(
            [sys.executable, "-c", RUN, *map(str, arguments)],
            check=True,
            cwd=place,
            env={**os.environ, **settings, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        found.append(checksums(target))
        if number == 0:
            tree = json.loads((target / "results.json").read_text("utf-8"))
            assert {section["status"] for section in tree["sections"].values()} <= {"ok", "not_applicable"}
    return found


def test_two_processes_write_the_same_bytes(runs: list[dict[str, str]]) -> None:
    one, other = runs
    wanted = {"results.json", "report.html", "report.pdf", "report.docx", "report.md"}
    wanted |= {"report_short.html", "report_short.pdf", "report_supplement.html"}
    wanted |= {"report_supplement.pdf", "report_supplement.docx"}
    assert wanted <= set(one)
    assert sum(name.endswith(".csv") for name in one) >= 10
    assert [name for name in one | other if one.get(name) != other.get(name)] == []


@pytest.mark.slow
def test_the_example_gives_the_same_bytes_in_every_topic(tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[2] / "data" / "example"
    given = ["validate", str(example / "responses.csv"), "--instrument", "dta@0.2.0", "--forms", ALL]
    for name, suffix in (("usage", "csv"), ("outcomes", "csv"), ("covariates", "csv"), ("study", "yaml")):
        given += [f"--{name}", str(example / f"{name}.{suffix}")]
    found = []
    for number, settings in enumerate(SETTINGS):
        command = [sys.executable, "-m", "dta", *given, "--out", str(tmp_path / str(number))]
        place = {"PYTHONPATH": str(example.parents[1])}
        subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, **settings, **place})
        found.append(checksums(tmp_path / str(number)))
    assert [name for name in found[0] | found[1] if found[0].get(name) != found[1].get(name)] == []
