"""What files call items and answers, as the instrument itself says it: every reader takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.loading import load
from instrument.reading.read_responses import check_responses, read_responses
from instrument.recognition import recognise

NAMES = {"a1": "müde.1", "a2": "scale@2", "a3": ["3) fühlt sich an", "Q7_3"]}
LABELS = {"Trifft zu": 3, "Trifft nicht zu": 1, "12": 2, "k. A.": 9}


def made(column: dict[str, Any] = NAMES, labels: dict[str, int] = LABELS) -> Instrument:
    items = [
        {
            "id": k,
            "text": f"Text {k}.",
            **({"column": column[k]} if k in column else {}),
            **({"labels": labels} if labels else {}),
        }
        for k in ("a1", "a2", "a3")
    ]
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "mini",
            "version": "1",
            "title": "Mini",
            "response_scales": {
                "agree": {
                    "options": {1: "Not at all", 2: "Partly", 3: "Very much"},
                    "outside": [{"code": 9, "label": "Declined", "reason": "declined"}],
                }
            },
            "missing_codes": {"declined": 9},
            "themes": [{"id": "t", "title": "T", "items": items}],
        }
    )


FRAME = pd.DataFrame(
    {
        "participant": ["p.1", "ü@2", "p3"],
        "müde.1": ["Trifft zu", "12", "1"],
        "scale@2": ["2", "k. A.", "Trifft nicht zu"],
        "3) fühlt sich an": ["3", "", "12"],
    }
)
EXPECTED = [[3, 2, 3], [2, None, None], [1, 1, 2]]


def codes(frame: pd.DataFrame) -> list[list[int | None]]:
    return [
        [None if code is pd.NA else int(code) for code in row] for row in frame[["a1", "a2", "a3"]].values
    ]


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_columns_and_labels_that_the_instrument_names_are_read_by_every_reader(
    suffix: str, tmp_path: Path
) -> None:
    scale, path = made(), tmp_path / f"a.{suffix}"
    if suffix == "csv":
        FRAME.to_csv(path, index=False)
    elif suffix == "xlsx":
        FRAME.to_excel(path, index=False)
    else:
        FRAME.to_parquet(path, index=False)
    direct = read_responses(path, scale)
    found = recognise(path, scale)
    assert found.mapping.unsure == ()
    assert found.mapping.items["a2"] == "scale@2"
    mapped = read_responses(path, scale, mapping=found.mapping)
    for frame in (direct, mapped, check_responses(FRAME, scale)):
        assert codes(frame) == EXPECTED
        assert list(frame["participant"]) == ["p.1", "ü@2", "p3"]
    reasons = direct.attrs["reasons"]
    assert reasons[["participant", "item", "reason"]].values.tolist() == [
        ["ü@2", "a2", "declined"],
        ["ü@2", "a3", "unstated"],
    ]


def test_numbers_of_a_file_mean_what_the_instrument_says(tmp_path: Path) -> None:
    scale = made(labels={"11": 1, "12": 2, "13": 3})
    frame = pd.DataFrame({"a1": [11.0, 13.0], "a2": [12, 2], "a3": ["11", "13"]})
    assert codes(check_responses(frame, scale)) == [[1, 2, 1], [3, 2, 3]]
    with pytest.raises(ResponseDataError, match="1 answer is no code of its item"):
        check_responses(frame.replace(11.0, 14.0), scale)


def test_the_name_of_one_item_is_not_that_of_another(tmp_path: Path) -> None:
    both = FRAME.assign(a1=["1", "1", "1"])
    with pytest.raises(ResponseDataError, match=r"'müde\.1', 'a1' are columns of one item each"):
        check_responses(both, made())
    other = FRAME.rename(columns={"3) fühlt sich an": "Q7_3"})
    assert codes(check_responses(other, made())) == EXPECTED
    with pytest.raises(ResponseDataError, match="absent: 'a3'"):
        check_responses(FRAME.rename(columns={"3) fühlt sich an": "Q7.3"}), made())


@pytest.mark.parametrize(
    ("column", "labels", "words"),
    [
        ({"a1": "x", "a2": "x"}, {}, "column 'x' is named by two items"),
        ({"a1": "a2"}, {}, "column 'a2' is the name of another column"),
        ({"a1": "wave"}, {}, "column 'wave' is the name of another column"),
        ({}, {"Ja": 7}, "items.a1.labels: 7 is no code of its scale"),
        ({}, {"Partly": 3}, "'Partly' has a meaning on its scale already"),
        ({}, {"1": 3}, "'1' has a meaning on its scale already"),
    ],
)
def test_names_and_labels_that_mean_two_things_are_refused(
    column: dict[str, Any], labels: dict[str, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        made(column, labels)


def test_a_definition_without_these_keys_keeps_its_hash_and_with_them_survives_its_file(
    tmp_path: Path,
) -> None:
    bare = made({}, {})
    assert "column" not in bare.content["themes"][0]["items"][0]
    assert bare.content_hash == "06d7c7b0d798d93f67713fcad2f8d270f2fd6a33c974cc5583c882a919a8162c"
    full = made()
    assert full.content_hash != bare.content_hash
    path = tmp_path / "mini.yaml"
    path.write_text(yaml.safe_dump(full.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    assert load(str(path)).content_hash == full.content_hash


def test_an_id_that_cannot_be_one_says_where_the_name_goes(tmp_path: Path) -> None:
    content = made().model_dump(mode="json", by_alias=True)
    content["themes"][0]["items"][0]["id"] = "müde.1"
    path = tmp_path / "mini.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"items\[0\]\.id: must begin with a letter .* under `column`"):
        load(str(path))
