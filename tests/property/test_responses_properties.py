"""What holds for every table of answers: order does not matter, and each format gives back what was written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.reading.read_responses import check_responses, missing_reasons, read_responses

SCALE = Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {
            "agree": {"options": {1: "never", 2: "at times", 3: "often", 4: "always"}},
            "two": {"options": {0: "no", 1: "yes"}},
        },
        "missing_codes": {"skipped": -1, "not_seen": -2, "not_applicable": 8, "declined": 9},
        "themes": [
            {
                "id": "t",
                "title": "T",
                "items": [
                    {"id": "a1", "text": "A."},
                    {"id": "a2", "text": "B.", "reverse": True},
                    {"id": "b1", "text": "C.", "scale": "two"},
                ],
            }
        ],
    }
)
CODES = {"a1": [1, 2, 3, 4], "a2": [1, 2, 3, 4], "b1": [0, 1]}
# No zeros: ids that differ in leading zeros alone are refused where they never share a wave.
NOBODY = ("NA", "-", "--")  # what a cell without an id holds
ID = st.text(alphabet="abcdefXYZ123456789_-", min_size=1, max_size=8).filter(lambda text: text not in NOBODY)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Raw frame with the file's own codes, blanks included."""
    n = draw(st.integers(1, 12))
    keys = draw(st.lists(st.tuples(ID, st.integers(1, 4)), min_size=n, max_size=n, unique=True))
    frame = pd.DataFrame({"participant": [k[0] for k in keys], "wave": [k[1] for k in keys]})
    for item, codes in CODES.items():
        values = st.sampled_from([*codes, -1, -2, 8, 9, None])
        frame[item] = pd.array(draw(st.lists(values, min_size=n, max_size=n)), dtype="Int64")
    return frame


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["participant", "wave"]).reset_index(drop=True)


@given(raw=tables(), seed=st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_and_columns_does_not_matter(raw: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = raw.iloc[rng.permutation(len(raw)), rng.permutation(raw.shape[1])]
    one, other = check_responses(raw, SCALE), check_responses(shuffled, SCALE)
    pd.testing.assert_frame_equal(ordered(one), ordered(other))
    by = ["participant", "wave", "item"]
    first, second = (missing_reasons(frame).sort_values(by) for frame in (one, other))
    assert first.to_dict("list") == second.to_dict("list")


@given(raw=tables())
@settings(max_examples=40, deadline=None)
def test_every_cell_is_an_answer_or_has_one_reason(raw: pd.DataFrame) -> None:
    checked = check_responses(raw, SCALE)
    reasons = missing_reasons(checked)
    # A wave of which every cell is blank was an event without the form.
    filled = raw.groupby("wave")[list(CODES)].transform("count").sum(axis=1) > 0
    asked = raw[filled | ~filled.any()].reset_index(drop=True)
    assert len(checked) == len(asked)
    assert len(reasons) == int(checked[SCALE.item_ids].isna().sum().sum())
    assert not reasons.duplicated(["participant", "wave", "item"]).any()
    for item, codes in CODES.items():
        assert set(checked[item].dropna()) <= set(codes)
        kept = asked[item].isin(codes)
        assert checked[item][kept].to_list() == asked[item][kept].to_list()


@given(raw=tables())
@settings(max_examples=20, deadline=None)
def test_checking_twice_changes_nothing(raw: pd.DataFrame) -> None:
    once = check_responses(raw, SCALE)
    twice = check_responses(once, SCALE)
    pd.testing.assert_frame_equal(once, twice)
    pd.testing.assert_frame_equal(missing_reasons(once), missing_reasons(twice))


def write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        import pyreadstat

        numbers = frame.drop(columns="participant").astype(float)
        pyreadstat.write_sav(pd.concat([frame[["participant"]], numbers], axis=1), str(path))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet", ".sav"])
@given(raw=tables())
@settings(max_examples=12, deadline=None)
def test_each_format_gives_back_what_was_written(suffix: str, raw: pd.DataFrame) -> None:
    expected = check_responses(raw, SCALE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answers{suffix}"
        write(raw, path)
        got = read_responses(path, SCALE)
    pd.testing.assert_frame_equal(expected, got)
    pd.testing.assert_frame_equal(missing_reasons(expected), missing_reasons(got))


@given(raw=tables(), code=st.integers(-1000, 1000), item=st.sampled_from(["a1", "a2", "b1"]))
@settings(max_examples=40, deadline=None)
def test_a_foreign_code_is_refused_wherever_it_stands(raw: pd.DataFrame, code: int, item: str) -> None:
    if code in {*CODES[item], -1, -2, 8, 9}:
        code += 5000
    raw.loc[len(raw) - 1, item] = code
    with pytest.raises(ResponseDataError, match=f"'{item}'; row {len(raw)}"):
        check_responses(raw, SCALE)
