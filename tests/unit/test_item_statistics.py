"""Item statistics: bounds, missing answers, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.items.item_statistics import item_statistics
from instrument.errors import ResponseDataError, ToolkitWarning

ITEMS = pd.DataFrame(
    {"a": [1, 2, 5, 5, None, 4], "b": [2, 2, 4, 5, 3, None], "c": [1, None, 4, 4, 3, 2]}, dtype="Float64"
)


def test_shares_count_those_who_answered() -> None:
    result = item_statistics(ITEMS, bounds=(1, 5))
    assert result.table.loc["a", "floor_share"] == pytest.approx(1 / 5)
    assert result.table.loc["a", "ceiling_share"] == pytest.approx(2 / 5)
    assert result.table.loc["a", "missing"] == 1
    assert result.table.loc["a", "missing_share"] == pytest.approx(1 / 6)
    assert result.category_shares is not None
    assert result.category_shares.drop(columns="missing").sum(axis=1).to_numpy() == pytest.approx(1)


def test_bounds_say_where_they_come_from() -> None:
    observed = item_statistics(ITEMS)
    assert observed.bounds_from == "observed"
    assert observed.table.loc["c", "ceiling_share"] == 0
    assert item_statistics(ITEMS, bounds=(0, 6)).table[["floor_share", "ceiling_share"]].to_numpy().sum() == 0


def test_rows_without_any_answer_are_counted_and_left_out() -> None:
    longer = pd.concat([ITEMS, pd.DataFrame([[None] * 3], columns=list("abc"), dtype="Float64")])
    result = item_statistics(longer, bounds=(1, 5))
    assert (result.n_rows, result.n_dropped) == (6, 1)
    assert result.table.loc["a", "missing"] == 2


def test_item_rest_correlation_is_the_correlation_with_the_sum_of_the_others() -> None:
    complete = ITEMS.dropna().astype(float)
    table = item_statistics(complete, bounds=(1, 5)).table
    wanted = np.corrcoef(complete["a"], complete["b"] + complete["c"])[0, 1]
    assert table.loc["a", "item_rest_r"] == pytest.approx(wanted, abs=1e-12)


def test_one_item_has_no_relations() -> None:
    result = item_statistics(ITEMS[["a"]], bounds=(1, 5))
    assert np.isnan(result.average_inter_item_r)
    assert np.isnan(result.table.loc["a", "item_rest_r"])
    assert result.table.loc["a", "mean"] == pytest.approx(3.4)


def test_constant_items_are_described_and_the_others_related_without_them() -> None:
    with pytest.warns(ToolkitWarning, match=r"1 item has one answer only: 'd'"):
        result = item_statistics(ITEMS.assign(d=5), bounds=(1, 5))
    assert result.table.loc["d", "ceiling_share"] == 1
    assert np.isnan(result.table.loc["d", ["skew", "item_rest_r"]].to_numpy(dtype=float)).all()
    without = item_statistics(ITEMS, bounds=(1, 5))
    pd.testing.assert_frame_equal(result.table.drop(index="d"), without.table)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (ITEMS.assign(b="x"), r"1 of 3 columns are not numeric: 'b'"),
        (ITEMS.assign(b=np.nan), r"no answer in 6 rows: 'b'"),
        (ITEMS.assign(b=9), r"6 answers lie outside the response scale, in 'b'"),
    ],
)
def test_unusable_items_are_refused(items: pd.DataFrame, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        item_statistics(items, bounds=(1, 5))
