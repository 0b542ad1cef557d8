"""Every named format writes whole files, the same bytes each time, or nothing."""

from __future__ import annotations

import json
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
    with pytest.raises(ResponseDataError, match=r"set cannot be written \(disk full\)"):
        export_file("bids", tmp_path / "set", awkward, answers)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["book.csv"]


def test_folder_is_never_written_over(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> None:
    export_file("bids", tmp_path / "set", awkward, answers)
    with pytest.raises(ResponseDataError, match="set cannot be written"):
        export_file("bids", tmp_path / "set", awkward, answers)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResponseDataError, match=r"empty cannot be written \(it exists\)"):
        export_file("psych-ds", tmp_path / "empty", awkward, answers)
    with pytest.raises(ResponseDataError, match="cannot be written"):
        export_file("paper", tmp_path / "no folder" / "form.html", awkward)


def written(name: str, path: Path) -> str:
    """Everything a format wrote, as one text."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return "\n".join(file.read_bytes().decode("utf-8", "replace") for file in files)


OF_ONE_LANGUAGE = [name for name in FORMATS if name not in ("framework", "xlsform", "csv-wide", "csv-long")]


@pytest.mark.parametrize(
    "name", [one for one in OF_ONE_LANGUAGE if one != "redcap-data" and not one.endswith("-answers")]
)
def test_texts_are_in_the_language_asked_for(
    name: str, answers: pd.DataFrame, awkward: Instrument, tmp_path: Path
) -> None:
    german, other = "Ich bewerte es", "I rate it"
    for language, wanted, unwanted in (("de", german, other), ("en", other, german)):
        said = written(name, export_file(name, tmp_path / language, awkward, answers, language))
        assert wanted in said
        assert unwanted not in said


def test_each_release_of_fhir_is_written_by_its_own_name(
    answers: pd.DataFrame, awkward: Instrument, tmp_path: Path
) -> None:
    for release, kind, weight in (
        ("r4", "choice", "ordinalValue"),
        ("r4b", "choice", "ordinalValue"),
        ("r5", "coding", "itemWeight"),
    ):
        asked = json.loads(export_file(f"fhir-{release}", tmp_path / release, awkward).read_text())
        question = asked["item"][-1]["item"][0]
        assert question["type"] == kind
        urls = {e["url"] for o in question["answerOption"] for e in o["valueCoding"].get("extension", [])}
        assert [url for url in urls if url.endswith(weight)]
        path = export_file(f"fhir-{release}-answers", tmp_path / f"{release}a", awkward, answers)
        for entry in json.loads(path.read_text())["entry"]:
            assert isinstance(entry["resource"]["identifier"], list if release == "r5" else dict)


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
@pytest.mark.parametrize("name", ["csv-wide", "bids", "psych-ds", "spss"])
def test_what_is_written_is_for_its_owner_alone(
    name: str, answers: pd.DataFrame, awkward: Instrument, tmp_path: Path
) -> None:
    target = export_file(name, tmp_path / "out", awkward, answers)
    for path in (target, *target.rglob("*")):
        if path.is_file() or path == target:
            assert path.stat().st_mode & 0o077 == 0
    assert sorted(os.listdir(tmp_path)) == ["out"]
