"""Files that break the contract: one clear message each, with counts and rows, never an answer."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.reading.read_responses import check_responses, read_responses

SCALE = Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1.2",
        "title": "Mini",
        "response_scales": {
            "agree": {
                "options": {1: "never", 2: "at times", 3: "often", 4: "always"},
                "outside": [{"code": 8, "label": "does not apply", "reason": "not_applicable"}],
            },
        },
        "missing_codes": {"declined": 9},
        "themes": [
            {"id": "t", "title": "T", "items": [{"id": f"a{i}", "text": f"Item {i}."} for i in range(1, 4)]}
        ],
    }
)
GOOD = "participant,wave,a1,a2,a3\np1,1,1,2,3\np2,1,4,3,2\np3,1,2,2,2\n"


def change(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


TEXTS: dict[str, tuple[str, str]] = {
    "nothing": ("", "answers.csv: the file is empty"),
    "only blanks": (" \n\n  \n", "the file is empty"),
    "only delimiters": (",,,,\n,,,,\n", "the file is empty"),
    "header only": ("participant,wave,a1,a2,a3\n", "there is a header but no row of answers"),
    "header and empty rows": ("participant,wave,a1,a2,a3\n,,,,\n", "there is a header but no row of answers"),
    "semicolons": (
        GOOD.replace(",", ";"),
        r"the header holds semicolons but none of the commas.*\n.*delimiter=';'",
    ),
    "tabs": (GOOD.replace(",", "\t"), "the header holds tabs but none of the commas"),
    "bars": (GOOD.replace(",", "|"), "the header holds vertical bars"),
    "no header": ("p1,1,1,2,3\np2,1,4,3,2\n", "none of the 3 item columns of instrument 'mini' is there"),
    "other case": (GOOD.replace("a", "A"), "names that differ only in case do not count"),
    "short line": (change("p2,1,4,3,2", "p2,1,4,3"), r"1 line \(line 3\) not of the 5 fields of the header"),
    "long lines": (change("2\n", "2,7\n"), r"2 lines \(lines 3, 4\) not of the 5 fields"),
    "open quote": (change("p2", '"p2'), "the record that begins on line 3 cannot be split into fields"),
    "empty column name": (change("wave", ""), "1 column without a name, at position 2"),
    "row index": (
        ",participant,wave,a1,a2,a3\n0,p1,1,1,2,3\n",
        r"1 column without a name, at position 1.\nHint:.*without the row index",
    ),
    "doubled column": (change("a3", "a2"), "1 column name used more than once: 'a2'"),
    "missing item": (
        "participant,wave,a1,a2\np1,1,1,2\n",
        "1 of 3 item columns of instrument 'mini' 1.2 are absent: 'a3'",
    ),
    "misspelt item": (change("a3", "A3"), "'a3'. Is 'A3' meant as 'a3'?"),
    "unknown column": (
        "participant,wave,a1,a2,a3,age\np1,1,1,2,3,40\n",
        r"1 unknown column: 'age'.\nHint: .*covariates",
    ),
    "misspelt participant": (
        change("participant", "Participant"),
        "Is 'Participant' meant as 'participant'?",
    ),
    "participant missing": (change("p2,", ","), r"participant is missing in 1 row \(line 3\)"),
    "participant NA": (change("p2,", "NA,"), "participant is missing in 1 row"),
    "wave missing": (change("p2,1", "p2,"), r"wave is missing in 1 row \(line 3\)"),
    "same person twice": (
        change("p2", "p1"),
        r"participant × wave is not unique: 2 rows share one \(lines 2, 3\)",
    ),
    "same person, blanks": (change("p2", " p1 "), "participant × wave is not unique"),
    "same wave written twice": (change("p2,1", "p1,01"), "participant × wave is not unique"),
    "no wave column, repeated": (
        "participant,a1,a2,a3\np1,1,2,3\np1,2,2,2\n",
        r"participant, without a wave column, is not unique.*\n.*a wave of their own",
    ),
    "out of range": (
        change("4,3,2", "7,0,2"),
        r"2 answers are no code of their item \(columns 'a1', 'a2'; line 3\)",
    ),
    "undeclared missing code": (
        change("4,3,2", "-99,3,2"),
        "1 answer is no code of its item.*\n.*missing_codes",
    ),
    "very long number": (change("4,3,2", "9" * 40 + ",3,2"), "1 answer is no code of its item"),
    "labels": (
        change("4,3,2", "always,often,2"),
        r"2 cells hold label text where codes are expected.*\n.*labels=True",
    ),
    "labels in capitals": (
        change("4,3,2", "ALWAYS,At  times,2"),
        r"2 cells differ from an option label in capitals or blanks.*\n.*exactly",
    ),
    "other text": (
        change("4,3,2", "sometimes,3,2"),
        "1 cell holds text that is neither a code nor an option label",
    ),
    "half": (change("4,3,2", "2.5,3,2"), r"1 cell holds a number that is not whole \(column 'a1'; line 3\)"),
    "decimal comma": (change("4,3,2", '"2,5",3,2'), "1 cell holds a decimal comma"),
    "whole with comma": (change("4,3,2", '"3,0",3,2'), "1 cell holds a decimal comma"),
    "truth": (change("4,3,2", "TRUE,3,2"), "1 cell holds true or false"),
    "date": (change("4,3,2", "2024-01-02,3,2"), "1 cell holds a date"),
    "date of a spreadsheet": (change("4,3,2", "02-Jan,3,2"), "1 cell holds a date"),
    "infinite": (change("4,3,2", "inf,3,2"), "1 cell is infinite"),
    "spreadsheet error": (change("4,3,2", "#REF!,3,2"), "1 cell holds a spreadsheet error"),
    "marker": (
        change("4,3,2", "nan,3,2"),
        r"1 cell holds an undeclared mark of a missing value.*\n.*na=\(…\)",
    ),
    "several kinds": (
        change("4,3,2", "7,2.5,often"),
        r"no code of its item \(column 'a1'.*; .*label text.*; .*not whole",
    ),
    "seven rows": (
        "participant,a1,a2,a3\n" + "".join(f"p{i},1,1,6\n" for i in range(7)),
        "lines 2, 3, 4, 5, 6 and 2 more",
    ),
}


@pytest.mark.parametrize("case", TEXTS)
def test_malformed_text_is_refused(case: str, tmp_path: Path) -> None:
    text, message = TEXTS[case]
    path = tmp_path / "answers.csv"
    path.write_bytes(text.encode())
    with pytest.raises(ResponseDataError, match=message) as caught:
        read_responses(path, SCALE)
    lines = str(caught.value).split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("read_responses: answers.csv")
    assert lines[1].startswith("Hint: ")


BYTES: dict[str, tuple[str, bytes, str]] = {
    "latin-1": (
        "a.csv",
        change("p2", "Zoë").encode("latin-1"),
        r"not UTF-8: byte \d+ on line 3.*\n.*latin-1",
    ),
    "utf-16": ("a.csv", GOOD.encode("utf-16"), r"not UTF-8 but UTF-16 or binary.*\n.*CSV UTF-8"),
    "utf-16 without mark": ("a.csv", GOOD.encode("utf-16-le"), "not UTF-8 but UTF-16 or binary"),
    "workbook as csv": ("a.csv", b"PK\x03\x04 zip", r"is a workbook or zip archive, not text.*\n.*xlsx"),
    "parquet as csv": ("a.csv", b"PAR1....", "is a Parquet file, not text"),
    "spss as csv": ("a.csv", b"$FL2@(#)", "is an SPSS file, not text"),
    "commas in tsv": ("a.tsv", GOOD.encode(), "the header holds commas but none of the tabs"),
    "no workbook": ("a.xlsx", GOOD.encode(), "is no readable workbook"),
    "old workbook": ("a.xlsx", b"\xd0\xcf\x11\xe0....", "an old or password-protected workbook"),
    "damaged workbook": ("a.xlsx", b"PK\x03\x04 damaged", "is no readable workbook"),
    "empty workbook": ("a.xlsx", b"", "the file is empty"),
    "no parquet": ("a.parquet", GOOD.encode(), "is no readable Parquet file"),
    "no spss": ("a.sav", GOOD.encode(), "is no readable SPSS file"),
    "old suffix": ("a.xls", GOOD.encode(), r"has the ending '.xls'.*\nHint: save it as .xlsx"),
    "unknown suffix": ("a.json", b"{}", r"has the ending '.json', which is none of .csv"),
    "no suffix": ("answers", GOOD.encode(), "has the ending ''"),
}


@pytest.mark.parametrize("case", BYTES)
def test_malformed_files_are_refused(case: str, tmp_path: Path) -> None:
    name, content, message = BYTES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ResponseDataError, match=message):
        read_responses(path, SCALE)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResponseDataError, match=r"read_responses: gone.csv does not exist"):
        read_responses(tmp_path / "gone.csv", SCALE)
    with pytest.raises(ResponseDataError, match="is a folder, not a file"):
        read_responses(tmp_path, SCALE)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "absent covariate": ({"covariates": ["age"]}, "1 covariate not among the columns: 'age'"),
    "covariate twice": ({"covariates": ["x", "x"]}, "covariates name 'x' twice"),
    "item as covariate": ({"covariates": ["a1"]}, "'a1' cannot be a covariate"),
    "wave as covariate": ({"covariates": ["wave"]}, "'wave' cannot be a covariate"),
    "no encoding": ({"encoding": "utf-99"}, "there is no encoding 'utf-99'"),
    "no delimiter": ({"delimiter": ";;"}, "';;' cannot separate fields"),
    "sheet of a text": ({"sheet": "x"}, "is no workbook, yet a sheet is named"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_do_not_fit_are_refused(case: str, tmp_path: Path) -> None:
    options, message = OPTIONS[case]
    path = tmp_path / "answers.csv"
    path.write_text(GOOD)
    with pytest.raises(ResponseDataError, match=message):
        read_responses(path, SCALE, **options)


def table(**changes: Any) -> pd.DataFrame:
    columns = {"participant": ["p1", "p2"], "wave": [1, 1], "a1": [1, 2], "a2": [3, 4], "a3": [1, 1]}
    return pd.DataFrame(columns | changes)


FRAMES: dict[str, tuple[Callable[[], Any], str]] = {
    "no frame": (lambda: [1, 2], "a table is needed, got a list"),
    "booleans": (lambda: table(a1=[True, False]), r"2 cells hold true or false \(column 'a1'; rows 1, 2\)"),
    "boolean among codes": (
        lambda: table(a1=pd.Series([1, True], dtype=object)),
        r"1 cell holds true or false \(column 'a1'; row 2\)",
    ),
    "dates": (lambda: table(a1=pd.to_datetime(["2024-01-01", "2024-01-02"])), "2 cells hold a date"),
    "python dates": (lambda: table(a1=[datetime.date(2024, 1, 1), 1]), "1 cell holds a date"),
    "infinite": (lambda: table(a1=[np.inf, 1.0]), r"1 cell is infinite \(column 'a1'; row 1\)"),
    "not whole": (lambda: table(a1=[1.5, 1.0]), "1 cell holds a number that is not whole"),
    "boolean participant": (
        lambda: table(participant=pd.Series([1, True], dtype=object)),
        "column 'participant' holds true or false",
    ),
    "lists": (lambda: table(a1=[[1], 1]), "1 cell holds text that is neither"),
    "index": (
        lambda: table().set_index("participant"),
        r"'participant' stands in the index.*\n.*reset_index",
    ),
    "two levels": (lambda: pd.concat({"x": table()}, axis=1), "on two levels"),
    "doubled": (
        lambda: pd.concat([table(), table()[["a1"]]], axis=1),
        "1 column name used more than once: 'a1'",
    ),
    "participant date": (
        lambda: table(participant=pd.to_datetime(["2024-01-01", "2024-01-02"])),
        "column 'participant' holds dates",
    ),
    "wave date": (lambda: table(wave=pd.to_datetime(["2024-01-01"] * 2)), "column 'wave' holds dates"),
    "wave boolean": (lambda: table(wave=[True, False]), "column 'wave' holds true or false"),
    "participant absent": (lambda: table(participant=["p1", None]), "participant is missing in 1 row"),
    "wave infinite": (lambda: table(wave=[1, np.inf]), "wave is missing in 1 row"),
    "no rows": (lambda: table().iloc[:0], "no row of answers"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_malformed_frames_are_refused(case: str) -> None:
    make, message = FRAMES[case]
    with pytest.raises(ResponseDataError, match=message) as caught:
        check_responses(make(), SCALE)
    assert str(caught.value).startswith("check_responses: ")


def test_two_filled_sheets_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.xlsx"
    with pd.ExcelWriter(path) as writer:
        for name in ("one", "two"):
            table().to_excel(writer, sheet_name=name, index=False)
    with pytest.raises(ResponseDataError, match="2 sheets hold something: 'one', 'two'"):
        read_responses(path, SCALE)
    with pytest.raises(ResponseDataError, match="there is no sheet 'three' with content"):
        read_responses(path, SCALE, sheet="three")


def test_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.xlsx"
    pd.DataFrame().to_excel(path, index=False)
    with pytest.raises(ResponseDataError, match="the file is empty"):
        read_responses(path, SCALE)


def test_formulas_that_were_never_computed_do_not_pass_for_missing_answers(tmp_path: Path) -> None:
    from openpyxl import Workbook

    path = tmp_path / "answers.xlsx"
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["participant", "a1", "a2", "a3"], ["p1", 1, 2, "=B2+1"], ["p2", 1, 2, 3]):
        sheet.append(row)
    book.save(path)
    with pytest.raises(ResponseDataError, match=r"1 formula without a stored value \(column 'a3'; row 2\)"):
        read_responses(path, SCALE)


def test_dates_in_a_workbook_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.xlsx"
    table(a1=[datetime.datetime(2024, 1, 2), 1]).to_excel(path, index=False)
    with pytest.raises(ResponseDataError, match=r"1 cell holds a date \(column 'a1'; row 2\)"):
        read_responses(path, SCALE)


def test_without_pyreadstat_the_message_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "answers.sav"
    path.write_bytes(b"$FL2")
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(ResponseDataError, match=r"pyreadstat.*\nHint: pip install \"dta-toolkit\[spss\]\""):
        read_responses(path, SCALE)


def spss(folder: Path, **options: Any) -> Path:
    import pyreadstat

    path = folder / "answers.sav"
    pyreadstat.write_sav(table(), str(path), **options)
    return path


def test_an_spss_file_with_labels_at_other_codes_is_refused(tmp_path: Path) -> None:
    path = spss(tmp_path, variable_value_labels={"a1": {1: "Always", 4: "Never"}})
    with pytest.raises(ResponseDataError, match=r"value labels of 1 column \('a1'\) stand at other codes"):
        read_responses(path, SCALE)


def test_an_answer_declared_missing_in_an_spss_file_is_refused(tmp_path: Path) -> None:
    path = spss(tmp_path, missing_ranges={"a2": [4]})
    with pytest.raises(ResponseDataError, match="1 answer on the scale is declared missing in the file"):
        read_responses(path, SCALE)


@pytest.mark.parametrize("answer", ["77123", "sometimes-secret", "-98765", "3.14159", "2031-07-04", "1,77"])
def test_no_message_shows_an_answer(answer: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(change("4,3,2", f'"{answer}",3,2'))
    with pytest.raises(ResponseDataError) as caught:
        read_responses(path, SCALE)
    assert answer not in str(caught.value)


def test_a_file_without_header_shows_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("ann@example.org,1,4444,2,3\nbob,1,4,3,2\n")
    with pytest.raises(ResponseDataError) as caught:
        read_responses(path, SCALE)
    assert not re.search("ann|4444|bob", str(caught.value))


def test_a_label_that_means_two_codes_is_not_guessed(tmp_path: Path) -> None:
    raw = SCALE.model_dump(mode="python", by_alias=True)
    raw["translations"] = {
        "de": {
            "language": "de",
            "title": "M",
            "items": dict.fromkeys(SCALE.item_ids, "I."),
            "options": {"agree": {1: "often", 2: "b", 3: "c", 4: "d", 8: "e"}},
        }
    }
    path = tmp_path / "answers.csv"
    path.write_text(change("4,3,2", "often,3,2"))
    with pytest.raises(
        ResponseDataError, match="1 cell holds a label that means different codes in two languages"
    ):
        read_responses(path, Instrument.model_validate(raw), labels=True)
