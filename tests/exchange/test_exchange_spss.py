"""SPSS files read back by pyreadstat: codes, labels, user-missing values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.codebook import codebook
from instrument.exchange.spss import (
    VALUE_LABEL_BYTES,
    VARIABLE_LABEL_BYTES,
    missing_ranges,
    sav_bytes,
    shortened,
)
from instrument.reading.read_responses import check_responses, missing_reasons, read_responses


@pytest.fixture
def sav(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> Path:
    path = tmp_path / "answers.sav"
    path.write_bytes(sav_bytes(answers, awkward))
    return path


def test_codes_come_back_with_every_kind_of_missing_apart(sav: Path) -> None:
    frame, _ = pyreadstat.read_sav(sav, user_missing=True)
    assert frame["A_2"].tolist() == [0, 98, 1, 96]
    assert frame["b1"].tolist() == [10, 0, 99, 7]
    assert frame["a1"].tolist()[:3] == [1, 0, 97]
    assert pd.isna(frame["a1"].tolist()[3])
    assert frame["site"].tolist() == ["Zürich", "Zürich", "B, C", "D"]
    assert frame["age"].tolist() == [31.5, 31.5, 40.0, 52.0]


def test_spss_itself_leaves_user_missing_values_out(sav: Path) -> None:
    frame, _ = pyreadstat.read_sav(sav, user_missing=False)
    assert frame[["a1", "A_2", "b1"]].notna().sum().tolist() == [2, 2, 3]


def test_every_label_comes_back(sav: Path, awkward: Instrument) -> None:
    _, meta = pyreadstat.read_sav(sav, user_missing=True)
    for variable in codebook(awkward)["variables"]:
        labels = {value["code"]: value["label"] for value in variable["values"]}
        assert meta.variable_value_labels[variable["variable"]] == labels
        assert meta.column_names_to_labels[variable["variable"]] == shortened(
            variable["text"], VARIABLE_LABEL_BYTES
        )
        assert meta.variable_measure[variable["variable"]] == "ordinal"
        assert meta.original_variable_types[variable["variable"]] == "F4.0"  # 10 shows no decimals
    assert meta.missing_ranges["a1"] == [{"lo": 96.0, "hi": 99.0}]


def test_long_label_is_cut_with_a_mark_and_the_codebook_has_it_whole(sav: Path, awkward: Instrument) -> None:
    _, meta = pyreadstat.read_sav(sav)
    label = meta.column_names_to_labels["a1"]
    assert len(awkward.item("a1").text.encode()) > VARIABLE_LABEL_BYTES
    assert len(label.encode()) <= VARIABLE_LABEL_BYTES
    assert label.endswith("…")
    assert awkward.item("a1").text.startswith(label.removesuffix("…"))
    assert codebook(awkward)["variables"][0]["text"] == awkward.item("a1").text


def test_long_value_label_is_cut(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> None:
    raw = awkward.model_dump(by_alias=True)
    raw["response_scales"]["yes_no"]["options"][0]["label"] = "ü" * 100
    raw["translations"] = {}
    path = tmp_path / "long.sav"
    path.write_bytes(sav_bytes(answers, Instrument.model_validate(raw)))
    _, meta = pyreadstat.read_sav(path)
    label = meta.variable_value_labels["a1"][0]
    assert label == shortened("ü" * 100, VALUE_LABEL_BYTES)
    assert len(label.encode()) <= VALUE_LABEL_BYTES


def test_reader_of_the_toolkit_gives_the_same_table(
    sav: Path, answers: pd.DataFrame, awkward: Instrument
) -> None:
    again = read_responses(sav, awkward, covariates=("site", "age"))
    pd.testing.assert_frame_equal(again, answers, check_dtype=False)
    order = ["participant", "wave", "item"]
    pd.testing.assert_frame_equal(
        missing_reasons(again).sort_values(order, ignore_index=True),
        missing_reasons(answers).sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_translated_labels(answers: pd.DataFrame, awkward: Instrument, tmp_path: Path) -> None:
    path = tmp_path / "de.sav"
    path.write_bytes(sav_bytes(answers, awkward, "de"))
    _, meta = pyreadstat.read_sav(path)
    assert meta.variable_value_labels["A_2"][1] == "Ja"
    assert meta.column_names_to_labels["A_2"] == "Ich tue es, „so“."


@pytest.mark.parametrize(
    ("codes", "declared"),
    [
        ([97, 98], [97, 98]),
        ([-4, -3, -2, -1], [{"lo": -4, "hi": -1}]),
        ([-1, 96, 97, 98], [{"lo": 96, "hi": 98}, -1]),
        ([-3, -2, -1, 99], [{"lo": -3, "hi": -1}, 99]),
    ],
)
def test_missing_codes_are_declared_as_spss_can(
    awkward: Instrument, codes: list[int], declared: list
) -> None:
    reasons = ("skipped", "not_seen", "not_applicable", "declined")
    scale = awkward.model_copy(update={"missing_codes": dict(zip(reasons, codes, strict=False))})
    assert missing_ranges(scale, "b1", "test") == declared


def test_missing_codes_between_answers_are_refused(awkward: Instrument) -> None:
    codes = {"skipped": -2, "not_seen": -1, "not_applicable": 98, "declined": 99}
    scale = awkward.model_copy(update={"missing_codes": codes})
    with pytest.raises(DefinitionError, match="the 4 of item 'b1' stand on both sides"):
        missing_ranges(scale, "b1", "test")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NOT", "reserved word"),
        ("A1", "differ by case only: 'a1'"),
        ("WAVE", "differ by case only: 'wave'"),
        ("ä" * 33, "is no name of a variable in SPSS"),
    ],
)
def test_names_that_spss_cannot_hold_are_refused(
    answers: pd.DataFrame, awkward: Instrument, name: str, message: str
) -> None:
    renamed = answers.rename(columns={"site": name})
    renamed.attrs = answers.attrs
    with pytest.raises(DefinitionError, match=message):
        sav_bytes(renamed, awkward)


def test_missing_codes_on_both_sides_of_the_answers_are_written_while_spss_can_hold_them(
    tmp_path: Path,
) -> None:
    scale = Instrument.model_validate(
        {
            "schema": 1,
            "id": "sides",
            "version": "1",
            "title": "Sides",
            "response_scales": {"agree": {"options": {1: "no", 2: "partly", 3: "yes"}}},
            "missing_codes": {"skipped": -1, "not_seen": -2, "not_applicable": 8, "declined": 9},
            "themes": [
                {"id": "t", "title": "T", "items": [{"id": "a", "text": "A."}, {"id": "b", "text": "B."}]}
            ],
        }
    )
    frame = pd.DataFrame({"participant": list("wxyz"), "wave": 1, "a": [1, 3, -1, 9], "b": [2, 2, 8, -2]})
    path = tmp_path / "a.sav"
    path.write_bytes(sav_bytes(check_responses(frame, scale), scale))
    read, meta = pyreadstat.read_sav(str(path), user_missing=True)
    assert read["a"].tolist() == [1, 3, -1, 9]
    assert [(r["lo"], r["hi"]) for r in meta.missing_ranges["a"]] == [(-1, -1), (9, 9)]
    assert pyreadstat.read_sav(str(path))[0]["b"].isna().tolist() == [False, False, True, True]
    many = frame.assign(a=[-1, -2, 8, 9])
    with pytest.raises(
        DefinitionError, match="SPSS declares three missing codes, or one range and one code; the 4 of"
    ):
        sav_bytes(check_responses(many, scale), scale)
