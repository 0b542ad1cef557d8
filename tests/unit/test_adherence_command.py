"""`dta adherence`: the example study in one folder, the same bytes again, bad input refused whole."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import analysis.pipeline
import dta
from analysis.pipeline import Validation, validate
from instrument.errors import DefinitionError
from instrument.study_data import StudyData

EXAMPLE = Path(__file__).resolve().parents[1] / "example_0_1"
TABLES = ("responses", "usage", "outcomes", "covariates", "enrolment")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first people of the example study, so that a run takes seconds."""
    here = tmp_path_factory.mktemp("study")
    for name in TABLES:
        table = pd.read_csv(EXAMPLE / f"{name}.csv", dtype=str, keep_default_na=False)
        table[table["participant"] <= "syn0140"].to_csv(here / f"{name}.csv", index=False)
    (here / "study.yaml").write_bytes((EXAMPLE / "study.yaml").read_bytes())
    return here


def arguments(folder: Path, out: Path, **changes: Any) -> list[str]:
    options = {
        "usage": folder / "usage.csv",
        "study": folder / "study.yaml",
        "outcomes": folder / "outcomes.csv",
        "covariates": folder / "covariates.csv",
        "enrolment": folder / "enrolment.csv",
        "out": out,
        **changes,
    }
    given = [
        part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))
    ]
    return ["adherence", str(folder / "responses.csv"), *given]


def run(given: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        dta.main(given)
    return int(stop.value.code or 0)


ANALYSED: list[tuple[dict[str, Any], Validation]] = []


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of one run and what the run said; what it analysed is kept."""

    def keeping(data: StudyData, **given: Any) -> Validation:
        ANALYSED.append((tables_of(data) | given, validate(data, **given)))
        return ANALYSED[-1][1]

    out = tmp_path_factory.mktemp("reports") / "first"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis.pipeline, "validate", keeping)
        assert run(arguments(folder, out)) == 0
    return out, said.getvalue()


def tables_of(data: StudyData) -> dict[str, Any]:
    return {field.name: getattr(data, field.name) for field in fields(data)}


def kept(data: StudyData, **options: Any) -> Validation:
    """The analysis of the first run again, where exactly the same is asked: it takes most of a run."""
    ((before, found),) = ANALYSED
    given = tables_of(data) | options
    assert given.keys() == before.keys()
    for name in given.keys() - {"progress", "use_by_wave", "use_over_time"}:
        if isinstance(given[name], pd.DataFrame):
            pd.testing.assert_frame_equal(given[name], before[name])
        elif name == "usage":
            pd.testing.assert_frame_equal(given[name].people, before[name].people)
        else:
            assert given[name] == before[name], name
    return Validation(tree=copy.deepcopy(found.tree))


def test_the_folder_holds_use_models_and_figures(made: tuple[Path, str]) -> None:
    out, _ = made
    tree = json.loads((out / "results.json").read_text("utf-8"))
    assert list(tree["sections"])[:3] == ["flow", "use", "adherence"]
    assert {"reliability", "models", "screening"}.isdisjoint(tree["sections"])
    assert all(section["status"] == "ok" for section in tree["sections"].values())
    people = pd.read_csv(EXAMPLE / "enrolment.csv")
    assert tree["sections"]["use"]["values"]["people"] == (people["participant"] <= "syn0140").sum()
    assert tree["sections"]["use"]["values"]["threshold"] == 0.66
    assert tree["sections"]["adherence"]["figures"] == ["forest", "survival"]
    assert set(tree["meta"]["checksums"]) == set(TABLES)
    assert {"use-periods.csv", "adherence-effects.csv"} <= {p.name for p in (out / "tables").iterdir()}
    page, supplement = ((out / f"{n}.html").read_text("utf-8") for n in ("report", "report_supplement"))
    assert "Kaplan-Meier curves" in supplement and "not proof" in page


def test_the_last_lines_say_what_is_claimed_and_what_is_not(made: tuple[Path, str]) -> None:
    out, said = made
    section = json.loads((out / "results.json").read_text("utf-8"))["sections"]["adherence"]
    claim = section["values"]["claim"]
    assert claim in ("supported", "not found", "cannot be told from these data")
    assert section["tables"]["standing"]["claim"][0] == claim
    assert sum(claim in line for line in said.splitlines()[-30:]) == 1
    assert "nobody was given an alliance at random" in said
    measured, waves = section["tables"]["measured"], section["tables"]["waves"]
    assert len(measured["told"]) == 3 and set(waves["rating"]) == {"first rating", "new rating"}
    lines = [line.strip() for line in said.splitlines()]
    for row, told in enumerate(measured["told"]):
        number = f"{measured['estimate'][row]:.2f}".replace("-", "−")
        assert sum(line.startswith(told) and f" {number} (" in line for line in lines) == 1
    assert (out / "tables" / "adherence-measured.csv").is_file()
    assert (out / "tables" / "adherence-wave-people.csv").is_file()
    page = (out / "report.html").read_text("utf-8")
    assert claim in page and "nobody was given an alliance at random" in page


def test_a_log_read_by_an_engine_gives_the_same_sections(
    made: tuple[Path, str], folder: Path, tmp_path: Path
) -> None:
    pd.read_csv(folder / "usage.csv").to_parquet(tmp_path / "log.parquet")
    assert run(arguments(folder, tmp_path / "out", usage=tmp_path / "log.parquet")) == 0
    first, other = (json.loads((f / "results.json").read_text()) for f in (made[0], tmp_path / "out"))
    assert other["sections"] == first["sections"]
    assert other["meta"]["checksums"]["usage"] != first["meta"]["checksums"]["usage"]
    for pattern in ("tables/*.csv", "report_short.html", "reproduce.R"):  # a second run writes the same bytes
        one, two = (
            {p.name: p.read_bytes() for p in sorted(f.glob(pattern))} for f in (made[0], tmp_path / "out")
        )
        assert one == two and one


def test_a_folder_to_pass_on_hides_small_counts(
    made: tuple[Path, str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis.pipeline, "validate", kept)
    given = arguments(folder, tmp_path / "out")
    assert run([*given, "--shared"]) == 0
    first, other = (json.loads((f / "results.json").read_text()) for f in (made[0], tmp_path / "out"))
    assert list(other["sections"]) == list(first["sections"])
    counts = other["sections"]["adherence"]["tables"]["flow"]["n"]
    small = [n for n in counts if isinstance(n, int) and 0 < n < 5]
    assert not small and counts != first["sections"]["adherence"]["tables"]["flow"]["n"]


def without_landmark(study: dict[str, Any]) -> None:
    del study["landmark"]


def early_landmark(study: dict[str, Any]) -> None:
    study["landmark"]["day"] = 22


def other_wave(study: dict[str, Any]) -> None:
    study["waves"] = [{"id": "x", "day": 5, "opens": 4, "closes": 6}]
    study["landmark"] = {"wave": "x", "day": 28}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_landmark, "dta adherence: the study names no landmark"),
        (early_landmark, "lies before the close of its wave"),
        (other_wave, "nobody has a score at wave 'x'"),
    ],
)
def test_a_study_that_cannot_answer_is_refused_whole(
    change: Any, message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = yaml.safe_load((folder / "study.yaml").read_text("utf-8"))
    change(study)
    bad = tmp_path / "study.yaml"
    bad.write_text(yaml.safe_dump(study), encoding="utf-8")
    assert run(arguments(folder, tmp_path / "out", study=bad)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("Hint:") == 1 and "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usage": None}, "usage"),
        ({"study": None}, "study"),
        ({"usage": "absent.csv"}, "there is no file"),
        ({"usage": "absent.parquet"}, "dta adherence: there is no file 'absent.parquet'"),
        ({"engine": "nowhere://x"}, "engine could not be reached"),
        ({"forms": "rtf"}, "rtf"),
        ({"instrument": "psd_audit"}, "not 'psd_audit'"),
    ],
)
def test_bad_options_are_refused(
    changes: Any, message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(folder, tmp_path / "out", **changes)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("Hint:") == 1 and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_an_unknown_topic_is_refused(folder: Path) -> None:
    import instrument

    scale = instrument.load("dta")
    answers = instrument.read_responses(folder / "responses.csv", scale)
    with pytest.raises(DefinitionError, match=r"there is no topic 'weather'\.\nHint: choose among flow, "):
        validate(answers, scale, topics=["flow", "weather"])
