"""Commands that read answers take the options of the reader, say its notes and keep the columns they were given."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import dta

SCALE = """schema: 1
id: mini
version: "1"
title: Mini
response_scales:
  agree: {options: {1: never, 2: often, 3: always}}
themes:
  - {id: t, title: T, items: [{id: a1, text: One}, {id: a2, text: Two}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mini.yaml").write_text(SCALE)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        dta.main([str(argument) for argument in arguments])
    written = capsys.readouterr()
    return int(stop.value.code or 0), written.err


def test_score_writes_the_covariates_it_was_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text("participant,wave,a1,a2,site,age\np1,1,1,3,north,30\np2,1,2,2,south,41\n")
    command = ("score", folder / "a.csv", "-i", folder / "mini.yaml", "-o", folder / "out.csv")
    assert run(capsys, *command, "--covariates", "site,age")[0] == 0
    table = pd.read_csv(folder / "out.csv")
    assert table["site"].tolist() == ["north", "south"]
    assert table["age"].tolist() == [30, 41]
    assert table["t"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize("command", ["score", "import", "export"])
def test_every_option_of_the_reader_is_one_of_the_command(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "code;visit;a1;a2\nMü;1;never;always\nP2;1;-;often\n"
    (folder / "a.csv").write_text(text, encoding="latin-1")
    first = {
        "score": ("score", folder / "a.csv"),
        "import": ("import", folder / "a.csv"),
        "export": ("export", "csv-wide", "--responses", folder / "a.csv"),
    }[command]
    call = (*first, "-i", folder / "mini.yaml", "-o", folder / "out.csv")
    options: tuple[str, ...] = ()
    for fault, cure in (
        ("--encoding latin-1", ("--encoding", "latin-1")),
        ("--delimiter ';'", ("--delimiter", ";")),
        ("unknown column", ("--participant", "code", "--wave", "visit")),
        ("add --labels", ("--labels",)),
        ("--na", ("--na", "-,NA")),
    ):
        status, error = run(capsys, *call, *options)
        assert status == 2
        assert fault in error
        assert f"dta {command}" in error
        options += cure
    assert run(capsys, *call, *options)[0] == 0
    assert pd.read_csv(folder / "out.csv")["participant"].tolist() == ["Mü", "P2"]


@pytest.mark.parametrize("command", ["score", "import", "export"])
def test_the_notes_of_the_reader_are_said(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.csv").write_text("a1,a2\n1,3\n2,2\n")
    first = {
        "score": ("score", folder / "a.csv"),
        "import": ("import", folder / "a.csv"),
        "export": ("export", "csv-wide", "--responses", folder / "a.csv"),
    }[command]
    status, error = run(capsys, *first, "-i", folder / "mini.yaml", "-o", folder / "out.csv")
    assert status == 0
    assert "Note: no participant column: row numbers taken, so every row is another person" in error
    assert "Note: no wave column: wave 1 assumed" in error


def test_an_instrument_that_the_study_file_does_not_lead_to_can_be_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.csv").write_text("participant,wave,a1,a2\np1,1,1,3\n")
    (folder / "log.csv").write_text("participant,day,kind,duration\np1,1,session,3\n")
    (folder / "study.yaml").write_text(
        "schema: 1\nid: s\ntitle: S\ninstrument: other\nwaves: [{id: 1, day: 1, opens: 1, closes: 2}]\n"
        "landmark: {wave: 1, day: 3}\nstudy_days: 30\n"
        "intended_use: {unit: sessions, amount: 4, weeks: 4, justification: one a week for everybody}\n"
        "adherence: {metric: sessions, threshold: 0.5, justification: half of the sessions at least}\n"
    )
    base = ("adherence", folder / "a.csv", "--study", folder / "study.yaml", "--usage", folder / "log.csv")
    status, said = run(capsys, *base, "-o", folder / "out")
    assert status == 2
    assert "names instrument 'other', which is neither shipped nor beside" in said
    assert said.rstrip().endswith("; or give --instrument FILE.")
    status, said = run(capsys, *base, "-o", folder / "out", "-i", folder / "mini.yaml")
    assert "names instrument 'other'" not in said
