"""Edges of reading files, one cell at a time: what is a date, an id, a number, a sum, a row, a sign nobody sees."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

import instrument
from instrument.answers import with_numbers
from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.reading.clock import ClockForm
from instrument.reading.ids import compare_ids
from instrument.reading.people import covariate
from instrument.reading.raw import RawTable
from instrument.reading.sheets import look_at_sheet
from instrument.reading.suspicions import _keyed
from instrument.recognition import recognise
from instrument.study import make_study
from tests.recovery.held_populations import base_study
from tests.unit.test_recognition_by_hand import scale_of


def table(**columns: Any) -> RawTable:
    n = len(next(iter(columns.values())))
    return RawTable(
        caller="c", source="s", columns=list(columns), cells=list(columns.values()), lines=np.arange(1, n + 1)
    )


def read(folder: Path, text: str, scale: Instrument, **options: Any) -> pd.DataFrame:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return instrument.read_responses(path, scale, **options)


def rows_of(people: list[str], answers: str = "1,2,3,1") -> str:
    return "\n".join(["participant,a1,a2,a3,a4", *(f"{name},{answers}" for name in people)])


def test_a_date_without_marks_has_two_figures_a_part_and_one_with_marks_one_or_two() -> None:
    for name, text, found in (
        ("DMY", "03042026", "2026-04-03"),
        ("DMY", "3042026", None),
        ("YMD", "20260403", "2026-04-03"),
        ("D.M.Y", "3.4.2026", "2026-4-3"),
        ("M/D/y", "4/3/26", "2026-4-3"),
    ):
        pattern, written = ClockForm(name=name).rewriting() or ("", "")
        matched = re.match(pattern, text)
        assert (None if matched is None else matched.expand(written)) == found


def test_the_hint_names_three_of_the_columns_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ResponseDataError, match=r"such as 'a1', 'a2', 'a3'; check the instrument"):
        read(tmp_path, "participant,x\np,1\n", scale_of())


def test_whole_numbers_beside_gaps_stay_whole_and_the_largest_of_them_exact(tmp_path: Path) -> None:
    largest = 2**64 - 1
    columns = {name: pa.array([1, 2, None], pa.int64()) for name in ("a1", "a2", "a3", "a4")}
    who = {"participant": pa.array([largest, 2**53 + 1, 7], pa.uint64())}
    pq.write_table(pa.table({**who, **columns}), tmp_path / "a.parquet")
    found = instrument.read_responses(tmp_path / "a.parquet", scale_of())
    assert found["participant"].tolist() == [str(largest), str(2**53 + 1), "7"]
    assert found["a1"].tolist()[:2] == [1, 2] and found["a1"].isna()[2] and found["a1"].dtype == "Int64"


def test_the_share_of_ids_that_almost_match_is_of_those_known_and_near() -> None:
    assert compare_ids(["p1", "P2", "x"], ["p1", "p2"]).near_share == 0.5
    assert compare_ids(["x"], ["p1"]).near_share == 0.0
    assert compare_ids(["p1"], ["p1"]).near_share == 0.0


def test_a_covariate_of_texts_and_numbers_stays_as_it_is_and_one_of_texts_is_read() -> None:
    notes: list[str] = []
    mixed = covariate(table(x=np.array([1, "2", None, "b"], dtype=object)), "x", (), notes)
    assert mixed.tolist()[:2] == [1, "2"] and mixed.dtype == object
    few = covariate(table(x=np.array([1, "2"], dtype=object)), "x", (), notes)
    assert few.tolist() == [1, "2"] and few.dtype == object
    assert covariate(table(x=np.array(["1", "2"], dtype=object)), "x", (), notes).tolist() == [1, 2]
    assert covariate(table(x=np.array([None, None], dtype=object)), "x", (), notes).isna().all()
    assert notes == []


def test_nothing_left_out_is_no_reason() -> None:
    plain = table(x=[1])
    assert plain.left_too(0, "by 'State'") == ()
    assert plain.left_too(2, "by 'State'") == (("by 'State'", 2, "rows"),)


def test_rows_of_a_sheet_that_are_not_numbered_are_counted() -> None:
    book = openpyxl.Workbook()
    for row in ("ab", "cd", "ef", "gh"):
        book.active.append([*row])
    book.active.row_dimensions[3].hidden = True
    book.active.merge_cells("B2:C4")
    whole, bare = io.BytesIO(), io.BytesIO()
    book.save(whole)
    with zipfile.ZipFile(whole) as held, zipfile.ZipFile(bare, "w") as copy:
        for name in held.namelist():
            content = held.read(name)
            if name.endswith("sheet1.xml"):
                content = re.sub(rb'<row r="\d+"', b"<row", content)
                assert b"<row r=" not in content
            copy.writestr(name, content)
    for written in (whole, bare):
        look = look_at_sheet(written.getvalue(), "Sheet")
        assert look.hidden_rows == {3} and look.merged == [(1, 2, 2, 4)]


def test_answers_in_shares_of_their_range_run_from_nought_to_one() -> None:
    scale = scale_of({3: "no", 5: "partly", 7: "yes"})
    answers = pd.DataFrame({"participant": ["p", "q", "r"], "wave": 1, "a1": [3, 5, 7], "a2": [7, None, 3]})
    found = _keyed(answers, scale, ["a1", "a2"])
    np.testing.assert_array_equal(found, [[0, 1], [0.5, np.nan], [1, 0]])


@pytest.mark.parametrize("sign", ["\u200b", "\u2060", "\ufeff"])
def test_each_sign_that_nobody_sees_is_taken_out_by_itself(tmp_path: Path, sign: str) -> None:
    found = read(tmp_path, f"participant,a1{sign},a2,a3,a4\np{sign}1,1,2{sign},3,1\n", scale_of())
    assert found["participant"].tolist() == ["p1"] and found["a2"].tolist() == [2]


def test_waves_at_which_nobody_answered_are_named_and_no_others(tmp_path: Path) -> None:
    text = "participant,wave,a1,a2,a3,a4\np,base,1,2,3,1\np,event,,,,\nq,base,1,1,1,1\nq,event,,,,\n"
    found = read(tmp_path, text, scale_of())
    assert found["wave"].tolist() == ["base", "base"]
    (note,) = [note for note in found.attrs["notes"] if "left out" in note]
    assert note == "2 rows of 'event', where nobody answered, left out: no administrations"


def test_somebody_called_max_at_the_end_is_a_person_and_a_total_is_none(tmp_path: Path) -> None:
    people = [f"p{k}" for k in range(8)]
    assert len(read(tmp_path, rows_of([*people, "Max"]), scale_of())) == 9
    assert len(read(tmp_path, rows_of(["Total", *people]), scale_of())) == 9  # not at the end
    with pytest.raises(
        ResponseDataError, match=r"1 row at the end seem to sum up the people above \(line 10\)"
    ):
        read(tmp_path, rows_of([*people, "Total"]), scale_of())


def test_ids_that_are_one_but_for_capitals_are_asked_about_only_where_there_are_ids(tmp_path: Path) -> None:
    first = [f"p{k},1,1,2,3,1" for k in range(5)]
    second = [f"P{k},2,1,2,3,1" for k in range(5)]
    text = "\n".join(["participant,wave,a1,a2,a3,a4", *first, *second])
    with pytest.raises(ResponseDataError, match="5 pairs of participant ids, of 10 ids, differ in capitals"):
        read(tmp_path, text, scale_of())
    nameless = "\n".join(["wave,a1,a2,a3,a4", *(line.split(",", 1)[1] for line in (*first, *second))])
    assert len(read(tmp_path, nameless, scale_of())) == 10


def test_named_columns_become_numbers_and_the_others_are_kept() -> None:
    frame = pd.DataFrame({"a": pd.array(["1", None], dtype="object"), "b": ["x", "y"]})
    given = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": ["x", "y"]})
    found = with_numbers(given, "f", ["a", "absent"])
    assert found["a"].dtype == float and found["a"].tolist()[0] == 1.0 and found["b"].tolist() == ["x", "y"]
    assert with_numbers(frame, "f", ["absent"]) is frame


@pytest.mark.parametrize("place", ["..", "a/../b", "/a", "~/a", "a\\b", "c:/a", "\\\\a\\b"])
def test_a_folder_that_a_file_names_lies_beside_it(place: str) -> None:
    study = {**base_study(), "content": "work/content"}
    assert make_study(study).content == "work/content"
    with pytest.raises((instrument.errors.DefinitionError, ValidationError), match="must be a folder beside"):
        make_study({**study, "content": place})


def test_people_and_waves_of_a_file_are_counted_by_what_tells_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,Welle,a1,a2,a3,a4\np,1,1,2,3,1\np,2,1,2,3,1\nq,1,1,2,3,1\n")
    lines = recognise(path, scale_of()).came_in
    assert any(re.search(r"people: 2, waves: 2$", line) for line in lines)


def test_the_likest_wording_counts_not_the_least_like(tmp_path: Path) -> None:
    """A header that holds a question before the wording shares little with it as a whole."""
    scale = scale_of(texts={"a1": "I can rely on what it tells me every day.", "a2": "It leaves me cold."})
    path = tmp_path / "a.csv"
    head = "Please say how much you agree with this - I can rely on what it told me every day."
    path.write_text(f'id,"{head}",It leaves me cold.\np,1,2\nq,2,1\n')
    found = recognise(path, scale)
    assert found.mapping.items == {"a1": head, "a2": "It leaves me cold."}
