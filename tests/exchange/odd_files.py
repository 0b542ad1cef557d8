"""Answers that odd files hold, what each file must give, and how such files are written."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dta
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning
from instrument.loading import load

CASES = Path(__file__).resolve().parent / "data" / "cases"


SCALE: Instrument = load(str(CASES / "mini.yaml"))


ITEMS = [f"q{k}" for k in range(1, 7)]


WORDING = SCALE.wording("en").items


LABELS = {1: "Strongly disagree", 2: "Disagree", 3: "Neither", 4: "Agree", 5: "Strongly agree"}


GERMAN = {
    1: "Stimme überhaupt nicht zu",
    2: "Stimme nicht zu",
    3: "Weder noch",
    4: "Stimme zu",
    5: "Stimme voll zu",
}


N = 12


ANSWERS = pd.DataFrame(np.random.default_rng(5).integers(1, 6, (N, 6)), columns=ITEMS)


ANSWERS.iloc[0] = [1, 2, 3, 4, 5, 5]


ANSWERS.iloc[1] = [5, 4, 3, 2, 1, 1]


PEOPLE = [f"P{k:03d}" for k in range(1, N + 1)]


NUMBERS = [str(k + 1) for k in range(N)]


ROWS = [[int(code) for code in ANSWERS.iloc[k]] for k in range(N)]


@dataclass(frozen=True, kw_only=True)
class Gives:
    """What a file must give: answers, people and waves; or the words of a refusal and of its cure."""

    answers: pd.DataFrame | None = None
    people: Sequence[str] = ()
    waves: Sequence[str] = ()
    asks: str | None = ""
    words: str = ""
    cure: str = ""


def plain(
    people: Sequence[str] = PEOPLE, waves: Sequence[str] = (), asks: str | None = "", rows: Any = None
) -> Gives:
    """The plain answers; `asks` is what is said to be unsure: nothing where it is empty."""
    answers = ANSWERS if rows is None else rows
    return Gives(answers=answers, people=people, waves=waves or ["1"] * len(answers), asks=asks)


def refused(words: str, cure: str) -> Gives:
    return Gives(words=words, cure=cure)


@dataclass(frozen=True, kw_only=True)
class Odd:
    """One odd file."""

    shape: str
    write: Callable[[Path], Path]
    gives: Gives


ODD: dict[str, Odd] = {}


def odd(shape: str, gives: Gives) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def take(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
        assert write.__name__ not in ODD, f"two odd files are called {write.__name__}"
        ODD[write.__name__] = Odd(shape=shape, write=write, gives=gives)
        return write

    return take


def text(
    folder: Path, rows: Iterable[Sequence[Any]], sep: str = ",", encoding: str = "utf-8", name: str = "a.csv"
) -> Path:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=sep).writerows(rows)
    path = folder / name
    path.write_bytes(written.getvalue().encode(encoding))
    return path


def table(cell: Callable[[int], Any] = lambda code: code, first: str = "participant") -> list[list[Any]]:
    """Header and rows of a plain table."""
    return [[first, *ITEMS], *([PEOPLE[k], *map(cell, ROWS[k])] for k in range(N))]


def book(folder: Path, rows: Sequence[Sequence[Any]], merged: Sequence[str] = ()) -> Path:
    from openpyxl import Workbook

    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    for cells in merged:
        sheet.merge_cells(cells)
    workbook.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def sav(folder: Path, frame: pd.DataFrame, **kwargs: Any) -> Path:
    import pyreadstat

    pyreadstat.write_sav(frame, str(folder / "a.sav"), **kwargs)
    return folder / "a.sav"


TWICE = [PEOPLE[k // 2] for k in range(N)]


FRAME = ANSWERS.astype(float).assign(participant=PEOPLE)


def some_missing() -> pd.DataFrame:
    answers = ANSWERS.astype("Int64").copy()
    answers.loc[2, "q1"] = pd.NA
    answers.loc[3, "q2"] = pd.NA
    return answers


def beside(column: str, cell: Callable[[int], Any]) -> list[list[Any]]:
    """A plain table with a column that is not needed."""
    return [["participant", column, *ITEMS], *([PEOPLE[k], cell(k), *ROWS[k]] for k in range(N))]


def by_wave(person: Callable[[int], Any], wave: Callable[[int], Any]) -> list[list[Any]]:
    return [["participant", "wave", *ITEMS], *([person(k), wave(k), *ROWS[k]] for k in range(N))]


def with_cells(cells: dict[tuple[int, int], Any]) -> list[list[Any]]:
    """A plain table with other cells at (row below the header, column)."""
    rows = table()
    for (row, column), cell in cells.items():
        rows[row][column] = cell
    return rows


def changed(path: Path, change: Callable[[str], str]) -> Path:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def edited(folder: Path, edit: Callable[[Any, Any], None]) -> Path:
    """A plain workbook, changed."""
    from openpyxl import load_workbook

    path = book(folder, table())
    workbook = load_workbook(path)
    edit(workbook, workbook.worksheets[0])
    workbook.save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        dta.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out + err
