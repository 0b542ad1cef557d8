"""How a command was called, told so that it can be called again: without paths of the machine or passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from analysis.commands.source import source_of_run
from analysis.commands.validate import app


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "data").mkdir(parents=True)
    for name in ("here/data/answers.csv", "here/log.csv", "people.csv", "here/other.csv", "here/other.yaml"):
        (tmp_path / name).write_text("x\n")
    monkeypatch.chdir(tmp_path / "here")


def told(*words: str) -> dict[str, Any] | None:
    command: Any = typer.main.get_command(app)
    validate = command.get_command(command.make_context("dta", ["validate"]), "validate")
    return source_of_run(validate.make_context("validate", [*words, "--out", "report"]))


def test_what_was_said_is_told_again_and_what_was_not_said_is_left_out(tmp_path: Path) -> None:
    found = told(
        "data/answers.csv",
        *("--instrument", "dta", "--usage", str(tmp_path / "here" / "log.csv")),
        *("--covariates", "../people.csv", "--seed", "7", "--percent", "--participant", "person"),
        *("--measure", "other.csv=other.yaml", "--na", "NA, -9", "--forms", "html", "--shared"),
    )
    assert found is not None
    assert found["command"][0] == "validate"
    pairs = [tuple(pair) for pair in zip(found["command"], found["command"][1:], strict=False)]
    for pair in (
        ("--instrument", "dta"),
        ("--usage", "log.csv"),
        ("--covariates", "people.csv"),
        ("--seed", "7"),
        ("--participant", "person"),
        ("--measure", "other.csv=other.yaml"),
        ("--na", "NA, -9"),
    ):
        assert pair in pairs
    assert "--percent" in found["command"] and "data/answers.csv" in found["command"]
    assert not {"--out", "report", "--forms", "--shared", "--wave", "--encoding"} & set(found["command"])
    assert not [word for word in found["command"] if str(tmp_path) in word]
    assert sorted(found["arguments_of_files"]) == [
        "data/answers.csv",
        "log.csv",
        "other.csv=other.yaml",
        "people.csv",
    ]
    assert found["files"] == {
        "responses": "data/answers.csv",
        "usage": "log.csv",
        "covariates": "people.csv",
        "measure 1": "other.csv",
    }
    assert (found["participant"], found["wave"]) == ("person", "wave")
    assert found["missing"] == ["NA", "-9"]
    assert (found["separator"], found["decimal"], found["encoding"]) == (None, ".", "UTF-8-BOM")


def test_marks_are_those_of_the_answers_and_not_of_other_tables() -> None:
    found = told(
        "data/answers.csv", "--instrument", "dta", "--delimiter", "; usage=,", "--decimal", ", usage=."
    )
    assert found is not None
    assert (found["separator"], found["decimal"]) == (";", ",")
    other = told("data/answers.csv", "--instrument", "dta", "--delimiter", "usage=;", "--encoding", "latin-1")
    assert other is not None
    assert (other["separator"], other["decimal"], other["encoding"]) == (None, ".", "iso8859-1")


def test_names_of_columns_are_no_files_and_answers_read_by_labels_are_not_read_in_r() -> None:
    found = told(
        *("data/answers.csv", "--instrument", "dta", "--covariates", "age,site", "--labels"),
        *("--measure", "other.csv=other.yaml", "--usage", "log.csv"),
    )
    assert found is not None
    assert found["files"] == {"usage": "log.csv"}
    assert "age,site" not in found["arguments_of_files"]
    assert "--labels" in found["command"]


def test_an_address_is_not_told() -> None:
    assert told("--store", "postgresql://me:secret@host/db", "--study", "trial") is None
