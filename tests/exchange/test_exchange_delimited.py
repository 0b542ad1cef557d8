"""CSV, wide and long: every code comes back, and every kind of missing stays apart."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.exchange.coding import reasons_wide
from instrument.exchange.delimited import long_csv, wide_csv
from instrument.reading.read_responses import missing_reasons, read_responses


def test_wide_file_read_again_is_the_same_table(
    answers: pd.DataFrame, awkward: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(wide_csv(answers, awkward), encoding="utf-8")
    again = read_responses(path, awkward, covariates=("site", "age"))
    pd.testing.assert_frame_equal(again, answers, check_dtype=False)
    order = ["participant", "wave", "item"]
    pd.testing.assert_frame_equal(
        missing_reasons(again).sort_values(order, ignore_index=True),
        missing_reasons(answers).sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_wide_file_holds_a_code_for_each_kind_of_missing(answers: pd.DataFrame, awkward: Instrument) -> None:
    read = pd.read_csv(StringIO(wide_csv(answers, awkward)), dtype=str, keep_default_na=False)
    assert read["a1"].tolist() == ["1", "0", "97", ""]
    assert read["A_2"].tolist() == ["0", "98", "1", "96"]
    assert read["b1"].tolist() == ["10", "0", "99", "7"]
    assert read["site"].tolist() == ["Zürich", "Zürich", "B, C", "D"]


def test_long_file_has_a_row_for_each_item_in_order(answers: pd.DataFrame, awkward: Instrument) -> None:
    read = pd.read_csv(StringIO(long_csv(answers, awkward)), dtype=str, keep_default_na=False)
    assert read.columns.tolist() == ["participant", "wave", "item", "code", "state"]
    assert read["item"].tolist() == ["a1", "A_2", "b1"] * 4
    assert read["participant"].tolist() == [p for p in ("p1", "p1", "p2", "p3") for _ in range(3)]
    assert read["code"].tolist() == ["1", "0", "10", "0", "98", "0", "97", "1", "99", "", "96", "7"]
    assert read["state"].tolist() == [
        *["answered"] * 4,
        *[
            "declined",
            "answered",
            "not_applicable",
            "answered",
            "not_seen",
            "unstated",
            "skipped",
            "answered",
        ],
    ]


def test_order_of_rows_and_index_do_not_matter(answers: pd.DataFrame, awkward: Instrument) -> None:
    shuffled = answers.iloc[[2, 0, 3, 1]].set_index(pd.Index([7, 7, 8, 9]))
    shuffled.attrs = answers.attrs
    lines, expected = wide_csv(shuffled, awkward).splitlines(), wide_csv(answers, awkward).splitlines()
    assert lines[0] == expected[0]
    assert lines[1:] == [expected[k + 1] for k in (2, 0, 3, 1)]


def test_reason_without_a_code_is_refused(awkward: Instrument, answers: pd.DataFrame) -> None:
    poorer = awkward.model_copy(update={"missing_codes": {}})
    with pytest.raises(DefinitionError, match="declares no code for 'not_seen', 'skipped'"):
        wide_csv(answers, poorer)


def test_foreign_or_doubled_table_is_refused(awkward: Instrument, answers: pd.DataFrame) -> None:
    with pytest.raises(ResponseDataError, match="2 of 5 columns lack: 'A_2', 'b1'"):
        wide_csv(answers.drop(columns=["A_2", "b1"]), awkward)
    with pytest.raises(ResponseDataError, match="4 of 8 rows repeat"):
        long_csv(pd.concat([answers, answers]), awkward)


def test_answer_with_a_reason_for_missing_is_refused(awkward: Instrument, answers: pd.DataFrame) -> None:
    mended = answers.copy()
    mended.attrs = answers.attrs
    mended.loc[0, "a1"] = pd.NA
    filled = mended.fillna({"a1": 1})
    filled.attrs = answers.attrs
    with pytest.raises(ResponseDataError, match="2 answers have a reason"):
        wide_csv(filled, awkward)


def test_without_reasons_every_missing_answer_is_unstated(awkward: Instrument, answers: pd.DataFrame) -> None:
    bare = answers.copy()
    bare.attrs = {}
    states = reasons_wide(bare, awkward, "test")
    assert states.isna().to_numpy().tolist() == answers[awkward.item_ids].notna().to_numpy().tolist()
    assert set(states.to_numpy().ravel()) == {None, "unstated"}


def test_rows_that_were_chosen_keep_their_own_state(answers: pd.DataFrame, awkward: Instrument) -> None:
    """A table whose first rows were left out is numbered from where it begins."""
    whole = answers.assign(status=["completed", "open", "open", "completed"])
    whole.attrs = answers.attrs
    rows = whole.iloc[[1, 3]]
    rows.attrs = {}
    long = pd.read_csv(StringIO(long_csv(rows, awkward)))
    assert long.groupby(["participant", "wave"])["status"].unique().map(list).to_dict() == {
        ("p1", 2): ["open"],
        ("p3", 1): ["completed"],
    }
    assert long.loc[long["participant"] == "p1", "code"].dropna().tolist() == [0, 0]
