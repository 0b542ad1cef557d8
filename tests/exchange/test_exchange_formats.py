"""Every named format writes whole files, the same bytes each time, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, ToolkitError
from instrument.exchange import formats
from instrument.exchange.formats import FORMATS, export_file
from instrument.reading.read_responses import read_responses


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_something_and_leaves_no_scratch(
    name: str, answers: pd.DataFrame, awkward: Instrument, tmp_path: Path
) -> None:
    target = export_file(name, tmp_path / "out", awkward, answers if FORMATS[name].answers else None)
    assert os.listdir(tmp_path) == ["out"]
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_size > 0 for path in files)


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].answers])
def test_formats_of_answers_need_answers(name: str, awkward: Instrument, tmp_path: Path) -> None:
    with pytest.raises(ResponseDataError, match="writes answers, and there are none"):
        export_file(name, tmp_path / "out", awkward)
    assert os.listdir(tmp_path) == []


def test_csv_is_read_again(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> None:
    path = export_file("csv-wide", tmp_path / "wide.csv", awkward, answers)
    again = read_responses(path, awkward, covariates=("site", "age"))
    pd.testing.assert_frame_equal(again, answers, check_dtype=False)


def test_unknown_format_lists_the_known(awkward: Instrument, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="'sas' is not known"):
        export_file("sas", tmp_path / "x", awkward)


def test_failed_export_leaves_the_old_file(
    answers: pd.DataFrame, awkward: Instrument, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "book.csv"
    path.write_text("old")
    with pytest.raises(ToolkitError):
        export_file("codebook-csv", path, awkward, language="fr")
    monkeypatch.setattr(formats.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(ResponseDataError, match=r"book.csv cannot be written \(disk full\)"):
        export_file("codebook-csv", path, awkward)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["book.csv"]


def test_folder_is_never_written_over(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> None:
    export_file("bids", tmp_path / "set", awkward, answers)
    with pytest.raises(ResponseDataError, match="set cannot be written"):
        export_file("bids", tmp_path / "set", awkward, answers)
    with pytest.raises(ResponseDataError, match="cannot be written"):
        export_file("paper", tmp_path / "no folder" / "form.html", awkward)
