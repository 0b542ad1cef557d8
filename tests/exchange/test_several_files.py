"""Several files at once: put below each other as they are, or refused where people could be taken for others."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dta
from instrument.errors import ToolkitWarning

CASES = Path(__file__).resolve().parent / "data" / "cases"
ITEMS = [f"q{k}" for k in range(1, 7)]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        dta.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out + err


def saved(folder: Path, name: str, people: list[str], code: int, **more: Any) -> Path:
    frame = pd.DataFrame({"participant": people, **more} | dict.fromkeys(ITEMS, code))
    frame.loc[0, "q6"] = 9  # declined
    frame.to_csv(folder / name, index=False)
    return folder / name


@pytest.fixture
def base() -> tuple[object, ...]:
    return ("--instrument", CASES / "mini.yaml")


def test_waves_in_files_of_their_own_become_one_table(
    tmp_path: Path, base: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = saved(tmp_path, "pre.csv", ["a", "b", "c"], 2), saved(tmp_path, "post.csv", ["c", "a"], 4)
    out = tmp_path / "out.csv"
    status, said = run(capsys, "import", first, second, *base, "--file-waves", "pre,post", "--out", out)
    assert status == 0, said
    assert "rows: 3 of pre.csv, 2 of post.csv" in said
    read = pd.read_csv(out, dtype=str)
    assert read[["participant", "wave", "q1", "q6"]].to_numpy().tolist() == [
        ["a", "pre", "2", "9"],
        ["b", "pre", "2", "2"],
        ["c", "pre", "2", "2"],
        ["c", "post", "4", "9"],
        ["a", "post", "4", "4"],
    ]


def test_batches_that_name_their_waves_are_put_below_each_other(
    tmp_path: Path, base: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (
        saved(tmp_path, "n.csv", ["a", "b"], 2, wave=1),
        saved(tmp_path, "s.csv", ["a", "d"], 3, wave="follow-up"),
    )
    out = tmp_path / "out.csv"
    assert run(capsys, "import", first, second, *base, "--out", out)[0] == 0
    assert pd.read_csv(out, dtype=str)["wave"].tolist() == ["1", "1", "follow-up", "follow-up"]
    status, said = run(capsys, "import", first, second, *base, "--file-waves", "a,b", "--out", tmp_path / "n")
    assert status == 2
    assert "n.csv names its waves itself" in said


def test_exports_are_read_in_the_way_that_the_first_is_recognised(
    tmp_path: Path, base: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    source = (CASES / "qualtrics/numeric.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, rows in (("one.csv", source[3:20]), ("two.csv", source[20:])):
        (tmp_path / name).write_text("".join([*source[:3], *rows]), encoding="utf-8")
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    mapping = ("--write-mapping", tmp_path / "m.yaml")
    files = (tmp_path / "one.csv", tmp_path / "two.csv")
    status, said = run(capsys, "import", *files, *base, *mapping, "--yes", "--out", out)
    assert status == 0, said
    (tmp_path / "m.yaml").unlink()
    run(capsys, "import", CASES / "qualtrics/numeric.csv", *base, *mapping, "--yes", "--out", whole)
    assert out.read_text() == whole.read_text()


@pytest.mark.parametrize(
    ("people", "more", "words", "cure"),
    [
        (["a", "d"], (), "1 administration stand both in one.csv and in two.csv", "--file-waves"),
        (["A", "B"], ("--file-waves", "1,2"), "2 pairs of ids differ in 'capitals' alone", "in one way"),
        (["c"], ("--file-waves", "1"), "1 wave named for 2 files", "one for each file"),
    ],
)
def test_people_who_could_be_taken_for_others_are_refused(
    people: list[str],
    more: tuple[str, ...],
    words: str,
    cure: str,
    tmp_path: Path,
    base: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = saved(tmp_path, "one.csv", ["a", "b"], 2), saved(tmp_path, "two.csv", people, 4)
    out = tmp_path / "out.csv"
    status, said = run(capsys, "import", first, second, *base, *more, "--out", out)
    assert status == 2
    assert words in said
    assert cure in said.partition("Hint: ")[2]
    assert not out.exists()


def test_rows_without_people_are_not_numbered_over_files(
    tmp_path: Path, base: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name in ("one.csv", "two.csv"):
        frame = pd.read_csv(saved(tmp_path, name, ["a", "b"], 2)).drop(columns="participant")
        frame.to_csv(tmp_path / name, index=False)
        paths.append(tmp_path / name)
    status, said = run(capsys, "import", *paths, *base, "--file-waves", "a,b", "--out", tmp_path / "o.csv")
    assert status == 2
    assert "cannot be told apart by their numbers" in said
