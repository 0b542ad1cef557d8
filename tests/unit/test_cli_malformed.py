"""Malformed input ends with status 2, one message, no traceback and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import dta

SCALE = """
schema: 1
id: mini
version: "1"
title: Six questions
status: candidate
missing_codes: {skipped: -9}
response_scales:
  agree:
    options: {1: never, 2: rarely, 3: often, 4: always}
themes:
  - id: calm
    title: Calm
    items: [{id: a1, text: One}, {id: a2, text: Two}, {id: a3, text: Three, reverse: true}]
  - id: brave
    title: Brave
    items: [{id: b1, text: Four}, {id: b2, text: Five}, {id: b3, text: Six}]
"""
HEAD = "participant,wave,a1,a2,a3,b1,b2,b3\n"
ROWS = "".join(
    f"p{i:02d},1,{1 + i % 4},{1 + (i + i // 5) % 4},{4 - i % 3},{1 + i % 3},{1 + (i * 7) % 4},{2 + i % 3}\n"
    for i in range(40)
)
STUDY = """
schema: 1
id: try
title: A trial
instrument: mini
study_days: 84
waves: [{id: 1, day: 21, opens: 21, closes: 28}]
intended_use: {unit: sessions, amount: 12, weeks: 12, justification: The program has one session a week.}
adherence: {metric: sessions, threshold: 0.66, justification: Eight sessions hold every technique.}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mini.yaml").write_text(SCALE)
    (tmp_path / "good.csv").write_text(HEAD + ROWS)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        dta.main(arguments)
    written = capsys.readouterr()
    return int(stop.value.code or 0), written.out, written.err


def csv(text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "bad.csv"
        path.write_text(text)
        return path

    return write


def raw(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return write


BAD_ANSWERS = {
    "no such file": (lambda folder: folder / "absent.csv", "absent.csv"),
    "empty file": (csv(""), "bad.csv"),
    "heading only": (csv(HEAD), "row"),
    "wrong delimiter": (csv((HEAD + ROWS).replace(",", ";")), "';'"),
    "wrong encoding": (
        raw("bad.csv", (HEAD + ROWS).encode() + "pü,1,1,1,1,1,1,1\n".encode("latin-1")),
        "UTF-8",
    ),
    "unknown column": (csv(HEAD.replace("\n", ",zz\n") + ROWS.replace("\n", ",1\n")), "zz"),
    "item absent": (csv("".join(line.rsplit(",", 1)[0] + "\n" for line in (HEAD + ROWS).split())), "b3"),
    "out of range": (csv(HEAD + ROWS + "p99,1,7,1,1,1,1,1\n"), "a1"),
    "no whole number": (csv(HEAD + ROWS + "p99,1,2.5,1,1,1,1,1\n"), "a1"),
    "label instead of code": (csv(HEAD + ROWS + "p99,1,often,1,1,1,1,1\n"), "a1"),
    "twice the same administration": (csv(HEAD + ROWS + "p01,1,1,1,1,1,1,1\n"), "lines 3, 42"),
    "nameless participant": (csv(HEAD + ROWS + ",1,1,1,1,1,1,1\n"), "participant"),
    "ragged row": (csv(HEAD + ROWS + "p99,1,1,1\n"), "42"),
    "heading twice": (csv((HEAD + ROWS).replace("a2", "a1", 1)), "a1"),
    "no workbook": (raw("bad.xlsx", b"no workbook at all"), "bad.xlsx"),
    "no parquet": (raw("bad.parquet", b"PAR1 is not enough"), "bad.parquet"),
    "unknown kind of file": (raw("bad.docx", b"x"), "docx"),
}


@pytest.mark.parametrize("case", list(BAD_ANSWERS))
@pytest.mark.parametrize("command", ["validate", "score"])
def test_malformed_answers_are_refused(
    case: str, command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, named = BAD_ANSWERS[case]
    path = write(folder)
    before = sorted(folder.iterdir())
    target = folder / ("report" if command == "validate" else "scores.csv")
    status, out, err = run(
        [command, str(path), "--instrument", str(folder / "mini.yaml"), "--out", str(target)], capsys
    )
    assert status == 2
    assert out == ""
    assert named in err
    assert err.count("Hint:") == 1
    assert "Traceback" not in err
    assert sorted(folder.iterdir()) == before


OPTIONS = {
    "instrument unknown": (["--instrument", "nobody"], "nobody"),
    "instrument no YAML": (["--instrument", "{folder}/good.csv"], "good.csv"),
    "study absent": (["--study", "{folder}/none.yaml"], "none.yaml"),
    "study of another instrument": (["--study", "{folder}/other.yaml"], "instrument"),
    "usage without columns": (["--usage", "{folder}/empty_usage.csv"], "day"),
    "usage absent": (["--usage", "{folder}/none.csv"], "none.csv"),
    "outcomes twice": (["--outcomes", "{folder}/twice.csv"], "p01"),
    "covariates of another kind": (["--covariates", "{folder}/people.csv"], "participant"),
    "covariate not there": (["--covariates", "height"], "height"),
    "form unknown": (["--forms", "html,papyrus"], "papyrus"),
    "seed no number": (["--seed", "lucky"], "seed"),
    "option unknown": (["--magic"], "--magic"),
}


@pytest.mark.parametrize("case", list(OPTIONS))
def test_impossible_options_are_refused(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.yaml").write_text(STUDY.replace("instrument: mini", "instrument: other"))
    (folder / "empty_usage.csv").write_text("participant,kind\np01,login\n")
    (folder / "twice.csv").write_text("participant,outcome\np01,1\np01,2\n")
    (folder / "people.csv").write_text("person,sex\np01,a\n")
    options, named = OPTIONS[case]
    given = [option.format(folder=folder) for option in options]
    instrument = [] if "--instrument" in given else ["--instrument", str(folder / "mini.yaml")]
    before = sorted(folder.iterdir())
    status, out, err = run(
        ["validate", str(folder / "good.csv"), *instrument, "--out", str(folder / "report"), *given], capsys
    )
    assert (status, out) == (2, "")
    assert named in err
    assert err.count("Hint:") == 1
    assert sorted(folder.iterdir()) == before


def test_a_folder_of_something_else_is_refused_before_any_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "report").mkdir()
    (folder / "report" / "thesis.txt").write_text("years of work")
    status, _, err = run(
        ["validate", str(folder / "good.csv"), "-i", str(folder / "mini.yaml"), "-o", str(folder / "report")],
        capsys,
    )
    assert status == 2
    assert "not empty" in err
    assert [path.name for path in (folder / "report").iterdir()] == ["thesis.txt"]


def test_an_answer_is_never_repeated_in_a_message(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "i-feel-terrible"
    (folder / "bad.csv").write_text(HEAD + ROWS + f"p99,1,{secret},1,1,1,1,1\n")
    _, out, err = run(
        ["score", str(folder / "bad.csv"), "-i", str(folder / "mini.yaml"), "-o", str(folder / "s.csv")],
        capsys,
    )
    assert secret not in out + err
