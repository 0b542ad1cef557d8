"""What reading makes of a table of answers: which rows are kept, why an answer lacks, what the table knows."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.reading.people import NUMBERED
from instrument.reading.read_responses import check_responses, read_responses
from instrument.recognition.came_in import CAME_IN
from tests.unit.test_responses_reading import SCALE, mini

HEAD = "participant,wave,a1,a2,a3,b1\n"


def read(folder: Path, text: str, scale: Instrument = SCALE, **options: Any) -> pd.DataFrame:
    path = folder / "answers.csv"
    path.write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_responses(path, scale, **options)


def reasons(table: pd.DataFrame) -> dict[tuple[str, int, str], str]:
    found = table.attrs["reasons"]
    return {(row.participant, row.wave, row.item): row.reason for row in found.itertuples()}


def test_a_wave_without_any_answer_leaves_and_the_rows_of_the_others_stay_whole(tmp_path: Path) -> None:
    """The middle rows go: answers, reasons and covariates of those that stay are still those of their people."""
    text = HEAD.replace("\n", ",site\n")
    text += "p1,1,1,2,3,0,north\np1,2,,,,,x\n,,,,,,\np2,1,4,,1,1,south\np3,2,,,,,x\np3,1,-1,3,9,1,east\n"
    found = read(tmp_path, text, covariates=["site"])
    assert found[["participant", "wave", "a1", "site"]].to_numpy(dtype=object).tolist() == [
        ["p1", 1, 1, "north"],
        ["p2", 1, 4, "south"],
        ["p3", 1, pd.NA, "east"],
    ]
    assert found["b1"].tolist() == [0, 1, 1] and found.index.tolist() == [0, 1, 2]
    assert reasons(found) == {
        ("p2", 1, "a2"): "unstated",
        ("p3", 1, "a1"): "skipped",
        ("p3", 1, "a3"): "declined",
    }
    assert any(
        note.startswith("2 rows of '2', where nobody answered, left out") for note in found.attrs["notes"]
    )
    came = found.attrs[CAME_IN]
    assert came["rows"] == 6 and came["administrations"] == 3
    assert came["left"] == [
        ["without any content", 1, "rows"],
        ["of waves at which nobody answered", 2, "rows"],
    ]


def test_rows_that_hold_no_answer_are_kept_and_counted_where_the_wave_was_asked(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "p1,1,1,2,3,0\np2,1,,,,\np3,1,-1,-1,-1,-1\np4,1,,2,,\n")
    assert len(found) == 4
    assert any(note.startswith("2 of 4 rows hold no answer: kept") for note in found.attrs["notes"])
    none = read(tmp_path, HEAD + "p1,1,1,2,3,0\np2,1,,2,,\n")
    assert not any("hold no answer" in note for note in none.attrs["notes"])


def test_one_person_at_one_wave_stands_once(tmp_path: Path) -> None:
    with pytest.raises(ResponseDataError, match="participant × wave is not unique: 2 rows share one"):
        read(tmp_path, HEAD + "p1,1,1,2,3,0\np1,1,1,2,3,1\np1,2,1,2,3,1\n")
    with pytest.raises(ResponseDataError, match="without a wave column, is not unique: 3 rows share one"):
        read(tmp_path, "participant,a1,a2,a3,b1\n" + "p1,1,2,3,0\n" * 3)


def test_why_an_answer_lacks_is_kept_by_person_wave_and_item_when_a_table_is_checked_again(
    tmp_path: Path,
) -> None:
    first = read(tmp_path, HEAD + "p1,1,-1,2,3,0\np1,2,,9,3,0\np2,1,8,,9,-1\np2,2,1,1,1,1\n")
    kept = reasons(first)
    assert kept == {
        ("p1", 1, "a1"): "skipped",
        ("p1", 2, "a1"): "unstated",
        ("p1", 2, "a2"): "declined",
        ("p2", 1, "a1"): "not_applicable",
        ("p2", 1, "a2"): "unstated",
        ("p2", 1, "a3"): "declined",
        ("p2", 1, "b1"): "skipped",
    }
    again = check_responses(first, SCALE)
    assert reasons(again) == kept
    assert reasons(check_responses(first.iloc[::-1].reset_index(drop=True), SCALE)) == kept
    other = first.copy()
    other.loc[0, "a1"] = 4  # answered since: there is nothing to give a reason for
    other.loc[3, "a2"] = pd.NA
    changed = {key: why for key, why in kept.items() if key != ("p1", 1, "a1")}
    assert reasons(check_responses(other, SCALE)) == changed | {("p2", 2, "a2"): "unstated"}


def test_a_reason_that_is_stated_goes_before_one_that_was(tmp_path: Path) -> None:
    first = read(tmp_path, HEAD + "p1,1,-1,2,3,0\np2,1,1,2,3,0\n")
    coded = pd.DataFrame(first).astype({"a1": "Float64"})
    coded.attrs = dict(first.attrs)
    coded.loc[0, "a1"] = 9
    assert reasons(check_responses(coded, SCALE))["p1", 1, "a1"] == "declined"


def test_a_table_knows_whether_its_people_are_row_numbers(tmp_path: Path) -> None:
    bare = read(tmp_path, "a1,a2,a3,b1\n1,2,3,0\n2,2,2,1\n")
    assert bare.attrs.get(NUMBERED) is True and bare["participant"].tolist() == ["1", "2"]
    assert check_responses(bare, SCALE).attrs.get(NUMBERED) is True
    named = read(tmp_path, HEAD + "p1,1,1,2,3,0\n")
    assert NUMBERED not in named.attrs and NUMBERED not in check_responses(named, SCALE).attrs


def test_labels_of_an_item_count_as_its_own_and_mixed_ones_are_suspected(tmp_path: Path) -> None:
    items = [{"id": "a1", "text": "A1.", "labels": {"low": 1, "high": 4}}, {"id": "a2", "text": "A2."}]
    themes = [{"id": "first", "title": "First", "items": items}]
    scale = mini(
        themes=themes,
        response_scales={"agree": {"options": {1: "never", 2: "at times", 3: "often", 4: "always"}}},
    )
    found = read(tmp_path, "participant,a1,a2\np1,low,never\np2,high,always\n", scale, labels=True)
    assert found[["a1", "a2"]].to_numpy().tolist() == [[1, 1], [4, 4]]
    assert found.attrs["suspicions"] == []
    mixed = read(tmp_path, "participant,a1,a2\np1,low,never\np2,high,3\n", scale, labels=True)
    assert mixed["a2"].tolist() == [1, 3]
    assert any(
        "1 column ('a2') hold labels and bare codes side by side" in one for one in mixed.attrs["suspicions"]
    )


def test_lines_of_a_frame_are_counted_from_one() -> None:
    frame = pd.DataFrame({"participant": ["p1", "p2"], "wave": 1, "a1": [1, 7], "a2": 2, "a3": 3, "b1": 0})
    with pytest.raises(ResponseDataError, match=r"1 answer is no code of its item \(column 'a1'; row 2\)"):
        check_responses(frame, SCALE)
