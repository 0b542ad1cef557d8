"""Files that keep the contract: what is read, what is noted, what is suspected."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from instrument.definition import Instrument
from instrument.errors import ToolkitWarning
from instrument.reading.read_responses import check_responses, missing_reasons, read_responses


def mini(**changes: Any) -> Instrument:
    items = [{"id": f"a{i}", "text": f"Item {i}.", "reverse": i == 3} for i in range(1, 4)]
    return Instrument.model_validate(
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
                "two": {"options": {0: "no", 1: "yes"}},
            },
            "missing_codes": {"skipped": -1, "declined": 9},
            "themes": [
                {"id": "first", "title": "First", "items": items},
                {
                    "id": "second",
                    "title": "Second",
                    "role": "context",
                    "items": [{"id": "b1", "text": "B.", "scale": "two"}],
                },
            ],
            **changes,
        }
    )


SCALE = mini()
TEXT = "participant,wave,a1,a2,a3,b1\np1,1,1,2,3,0\np2,1,4,8,-1,1\np3,1,,9,NA,\n"


def csv(folder: Path, text: str, name: str = "answers.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_codes_are_whole_numbers_and_missing_answers_carry_their_reason(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, TEXT), SCALE)
    assert frame.columns.to_list() == ["participant", "wave", "a1", "a2", "a3", "b1"]
    assert (frame[SCALE.item_ids].dtypes == "Int64").all()
    assert frame["wave"].to_list() == [1, 1, 1]
    assert frame["a1"].to_list() == [1, 4, pd.NA]
    reasons = missing_reasons(frame)
    assert reasons.to_dict("list") == {
        "participant": ["p2", "p2", "p3", "p3", "p3", "p3"],
        "wave": [1] * 6,
        "item": ["a2", "a3", "a1", "a2", "a3", "b1"],
        "reason": ["not_applicable", "skipped", "unstated", "declined", "unstated", "unstated"],
    }
    assert frame.attrs["notes"] == ["1 of 3 rows hold no answer: kept (line 4)"]


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    import hashlib

    path = csv(tmp_path, TEXT)
    assert read_responses(path, SCALE).attrs["checksum"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    plain = read_responses(csv(tmp_path, TEXT), SCALE)
    marked = read_responses(csv(tmp_path, "\ufeff" + TEXT.replace("\n", "\r\n"), "b.csv"), SCALE)
    pd.testing.assert_frame_equal(plain.reset_index(drop=True), marked)


@pytest.mark.parametrize(("encoding", "name"), [("latin-1", "latin-1"), ("utf-16", "utf-16")])
def test_another_encoding_is_read_when_named(tmp_path: Path, encoding: str, name: str) -> None:
    path = csv(tmp_path, TEXT.replace("p1", "Zoë"), encoding=encoding)
    assert read_responses(path, SCALE, encoding=name)["participant"][0] == "Zoë"


def test_another_delimiter_is_read_when_named(tmp_path: Path) -> None:
    path = csv(tmp_path, TEXT.replace(",", ";"))
    assert len(read_responses(path, SCALE, delimiter=";")) == 3


def test_without_participant_and_wave_rows_are_numbered_and_the_notes_say_so(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, "a1,a2,a3,b1\n1,2,3,0\n4,3,2,1\n"), SCALE)
    assert frame["participant"].to_list() == ["1", "2"]
    assert frame["wave"].to_list() == [1, 1]
    assert frame.attrs["notes"] == [
        "no participant column: row numbers taken, so every row is another person",
        "no wave column: wave 1 assumed",
    ]


def test_other_names_of_participant_and_wave(tmp_path: Path) -> None:
    path = csv(tmp_path, TEXT.replace("participant,wave", "pid,visit"))
    frame = read_responses(path, SCALE, participant="pid", wave="visit")
    assert frame.columns.to_list()[:2] == ["participant", "wave"]
    assert frame["participant"].to_list() == ["p1", "p2", "p3"]


def test_waves_may_be_words(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, TEXT.replace("p2,1", "p2,retest")), SCALE)
    assert frame["wave"].to_list() == ["1", "retest", "1"]


def test_leading_zeros_of_participants_stay(tmp_path: Path) -> None:
    assert read_responses(csv(tmp_path, TEXT.replace("p1", "007")), SCALE)["participant"][0] == "007"


def test_whole_decimals_count_as_codes(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, TEXT.replace("p1,1,1,2", "p1,1,1.0,2e0")), SCALE)
    assert frame.loc[0, ["a1", "a2"]].to_list() == [1, 2]


def test_blank_lines_and_empty_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, TEXT.replace("p2,", "\n,,,,,\np2,") + "\n\n"), SCALE)
    assert frame["participant"].to_list() == ["p1", "p2", "p3"]
    assert frame.attrs["notes"][:2] == [
        "1 blank line left out",
        "1 row without any content left out (line 4)",
    ]


def test_a_quoted_line_break_keeps_line_numbers_right(tmp_path: Path) -> None:
    text = 'participant,wave,a1,a2,a3,b1,site\np1,1,1,2,3,0,"one\ntwo"\np2,1,7,2,3,0,x\n'
    with pytest.raises(Exception, match="line 4"):
        read_responses(csv(tmp_path, text), SCALE, covariates=["site"])


def test_covariates_are_kept_as_they_stand(tmp_path: Path) -> None:
    header, *rows = TEXT.splitlines()
    text = "\n".join(
        [
            header + ",age,plz,site,bmi",
            *(r + x for r, x in zip(rows, [",30,01067,b,2.5", ",41,1,a,3", ",,2,,"], strict=True)),
        ]
    )
    frame = read_responses(csv(tmp_path, text), SCALE, covariates=["site", "age", "plz", "bmi"])
    assert frame.columns.to_list()[-4:] == ["site", "age", "plz", "bmi"]
    assert frame["age"].to_list() == [30, 41, pd.NA]
    assert frame["plz"].to_list() == ["01067", "1", "2"]
    assert frame["site"].to_list()[:2] == ["b", "a"]
    assert pd.isna(frame["site"][2])
    assert frame["bmi"].to_list()[:2] == [2.5, 3.0]


def test_labels_are_mapped_when_asked(tmp_path: Path) -> None:
    text = "participant,wave,a1,a2,a3,b1\np1,1,never,does not apply,3,no\n"
    frame = read_responses(csv(tmp_path, text), SCALE, labels=True)
    assert frame.loc[0, SCALE.item_ids].to_list() == [1, pd.NA, 3, 0]
    assert missing_reasons(frame)["reason"].to_list() == ["not_applicable"]


def test_labels_of_a_translation_are_mapped(tmp_path: Path) -> None:
    german = {
        "language": "de",
        "title": "Klein",
        "items": {"a1": "A.", "a2": "B.", "a3": "C.", "b1": "D."},
        "options": {
            "agree": {1: "nie", 2: "manchmal", 3: "oft", 4: "immer", 8: "trifft nicht zu"},
            "two": {0: "nein", 1: "ja"},
        },
    }
    scale = mini(translations={"de": german})
    text = "participant,wave,a1,a2,a3,b1\np1,1,nie,often,4,ja\n"
    assert read_responses(csv(tmp_path, text), scale, labels=True).loc[0, scale.item_ids].to_list() == [
        1,
        3,
        4,
        1,
    ]


def test_a_declared_mark_of_missing_is_read(tmp_path: Path) -> None:
    path = csv(tmp_path, TEXT.replace("NA", "."))
    assert missing_reasons(read_responses(path, SCALE, na=["."])).shape == (6, 4)


def test_a_checked_frame_stays_as_it_is_when_checked_again(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, TEXT), SCALE)
    again = check_responses(frame, SCALE)
    pd.testing.assert_frame_equal(frame, again)
    pd.testing.assert_frame_equal(missing_reasons(frame), missing_reasons(again))
    assert again.attrs["checksum"] == frame.attrs["checksum"]


def test_checked_frames_can_be_joined_and_split(tmp_path: Path) -> None:
    frame = read_responses(csv(tmp_path, TEXT), SCALE)
    other = read_responses(csv(tmp_path, TEXT.replace("p1", "q1").replace("p2,", "q2,")), SCALE)
    assert len(pd.concat([frame, other])) == 6
    assert len(frame.merge(other, on="participant")) == 1
    assert frame.iloc[:1].attrs["reasons"] is frame.attrs["reasons"]


def test_a_frame_in_memory_may_use_any_integer_like_type() -> None:
    frame = pd.DataFrame(
        {
            "b1": pd.array([True, False], dtype="boolean").astype("Int8"),
            "a1": [1.0, np.nan],
            "a2": pd.Categorical(["2", "4"]),
            "a3": pd.Series([3, None], dtype=object),
            "participant": [11, 12],
        }
    )
    checked = check_responses(frame, SCALE)
    assert checked["participant"].to_list() == ["11", "12"]
    assert checked["a2"].to_list() == [2, 4]
    assert checked["b1"].to_list() == [1, 0]


def test_a_category_of_a_covariate_keeps_its_order() -> None:
    frame = pd.DataFrame({"a1": [1, 2], "a2": [1, 2], "a3": [1, 2], "b1": [1, 0]})
    frame["age"] = pd.Categorical(["old", "young"], categories=["young", "old"], ordered=True)
    assert check_responses(frame, SCALE, covariates="age")["age"].cat.categories.to_list() == ["young", "old"]


def keyed_sample(n: int, already_reversed: bool) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    trait = rng.integers(1, 4, n)
    noise = [np.clip(trait + rng.integers(0, 2, n), 1, 4) for _ in range(3)]
    columns = {f"a{i + 1}": values for i, values in enumerate(noise)}
    if not already_reversed:
        columns["a3"] = 5 - columns["a3"]
    return pd.DataFrame(columns | {"b1": rng.integers(0, 2, n)})


def test_answers_reversed_before_are_suspected_not_changed() -> None:
    sample = keyed_sample(200, already_reversed=True)
    with pytest.warns(ToolkitWarning, match="'a3': negative item-rest correlation after reverse keying"):
        checked = check_responses(sample, SCALE)
    assert any(note.startswith("suspicion: 'a3'") for note in checked.attrs["notes"])
    assert checked["a3"].to_list() == sample["a3"].to_list()


def test_answers_as_given_raise_no_suspicion() -> None:
    assert check_responses(keyed_sample(200, already_reversed=False), SCALE).attrs["suspicions"] == []


def test_an_item_worded_against_its_theme_but_not_marked_is_suspected() -> None:
    sample = keyed_sample(200, already_reversed=False)
    sample["a1"] = 5 - sample["a1"]
    with pytest.warns(ToolkitWarning, match="not marked reverse"):
        check_responses(sample, SCALE)


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        (["ann@example.org", "bob@example.org"], "2 participant ids look like an e-mail address"),
        (["+49 351 1234567", "x"], "1 participant id looks like a telephone number"),
        (["Ada Example", "x"], "1 participant id looks like a person's name"),
        (["1.23457E+15", "x"], "1 participant id looks like a number rounded"),
    ],
)
def test_personal_ids_are_suspected_and_never_shown(ids: list[str], what: str) -> None:
    frame = pd.DataFrame({"participant": ids, "a1": [1, 2], "a2": [1, 2], "a3": [1, 2], "b1": [0, 1]})
    with pytest.warns(ToolkitWarning, match=what) as caught:
        checked = check_responses(frame, SCALE)
    shown = str(caught[0].message) + " ".join(checked.attrs["notes"])
    assert not any(person in shown for person in ids if person != "x")


def test_ordinary_ids_raise_no_suspicion() -> None:
    frame = pd.DataFrame({"a1": [1, 2, 3], "a2": [1, 2, 3], "a3": [1, 2, 3], "b1": [0, 1, 1]})
    frame["participant"] = ["P-0001", "550e8400-e29b-41d4-a716-446655440000", "0351123456"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_responses(frame, SCALE).attrs["suspicions"] == []


def test_a_workbook_with_one_filled_sheet(tmp_path: Path) -> None:
    path = tmp_path / "answers.xlsx"
    plain = read_responses(csv(tmp_path, TEXT), SCALE)
    with pd.ExcelWriter(path) as writer:
        plain.to_excel(writer, sheet_name="answers", index=False)
        pd.DataFrame().to_excel(writer, sheet_name="empty", index=False)
    frame = read_responses(path, SCALE)
    assert frame["a1"].to_list() == [1, 4, pd.NA]


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "answers.xlsx"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame({"key": ["x"]}).to_excel(writer, sheet_name="key", index=False)
        pd.DataFrame({"a1": [1], "a2": [2], "a3": [3], "b1": [0]}).to_excel(
            writer, sheet_name="data", index=False
        )
    assert len(read_responses(path, SCALE, sheet="data")) == 1


def spss(folder: Path, frame: pd.DataFrame, **options: Any) -> Path:
    import pyreadstat

    path = folder / "answers.sav"
    pyreadstat.write_sav(frame, str(path), **options)
    return path


def test_spss_labels_and_user_missing_codes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "participant": ["p1", "p2", "p3"],
            "wave": [1.0, 1.0, 1.0],
            "a1": [1.0, 8.0, 99.0],
            "a2": [4.0, 9.0, np.nan],
            "a3": [1.0, 2.0, 3.0],
            "b1": [0.0, 1.0, 1.0],
            "sex": [1.0, 2.0, 9.0],
        }
    )
    path = spss(
        tmp_path,
        frame,
        variable_value_labels={"a1": {1.0: "never", 4.0: "always"}, "sex": {1.0: "female", 2.0: "male"}},
        missing_ranges={"a1": [{"lo": 8, "hi": 99}], "a2": [9], "sex": [9]},
    )
    checked = read_responses(path, SCALE, covariates=["sex"])
    assert missing_reasons(checked)["reason"].to_list() == [
        "not_applicable",
        "declined",
        "unstated",
        "unstated",
    ]
    assert checked["sex"].to_list()[:2] == ["female", "male"]
    assert pd.isna(checked["sex"][2])
    assert "covariate 'sex': 1 user-missing value taken as missing" in checked.attrs["notes"]


def test_parquet_leaves_out_an_unnamed_index_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    pd.DataFrame({"a1": [1, 2], "a2": [1, None], "a3": [1, 2], "b1": [0, 1]}, index=[4, 9]).to_parquet(path)
    frame = read_responses(path, SCALE)
    assert frame["a2"].to_list() == [1, pd.NA]
    assert frame.attrs["notes"][0] == "an unnamed row index stored in the file was left out"


def test_a_frame_without_reasons_has_an_empty_table() -> None:
    assert missing_reasons(pd.DataFrame({"a1": [1]})).empty


def test_a_frame_of_another_library_is_checked_as_one_of_pandas() -> None:
    items = {"a1": [1, 4, None], "a2": [2, 8, 9], "a3": [3, -1, 2], "b1": [0, 1, None]}
    given = {"participant": ["007", "p2", "p3"], "wave": [1, 1, 1], **items}
    plain = check_responses(pd.DataFrame(given), SCALE)
    for other in (pl.DataFrame(given), pa.table(given)):
        found = check_responses(other, SCALE)
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(plain))
        pd.testing.assert_frame_equal(missing_reasons(found), missing_reasons(plain))
