"""An option that nobody chose moves no other boundary; an ICC without spread is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import graded_response, icc
from instrument.errors import NotEstimableError, ResponseDataError


def answers() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    person = rng.normal(size=600)
    latent = 1.2 * person[:, None] + rng.normal(size=(600, 4))
    codes = 1 + (latent[:, :, None] > np.array([-1.8, -0.6, 0.6, 1.8])).sum(axis=2)
    return pd.DataFrame(codes, columns=["a", "b", "c", "d"])


@pytest.mark.parametrize(
    ("absent", "into", "places"), [(1, 2, [2, 3, 4]), (3, 2, [1, 3, 4]), (5, 4, [1, 2, 3]), (2, 1, [2, 3, 4])]
)
def test_boundaries_keep_their_numbers(absent: int, into: int, places: list[int]) -> None:
    full = answers()
    items = full.assign(a=full["a"].replace(absent, into))
    whole = graded_response(full).parameters.loc["a"]
    for options in (None, {name: [1, 2, 3, 4, 5] for name in items}):
        found = graded_response(items, options=options)
        row = found.parameters.loc["a"]
        kept = [k for k in range(1, 5) if np.isfinite(row[f"difficulty_{k}"])]
        assert kept == places
        for k in places:
            # Merging options leaves the other boundaries where they were, up to sampling in the slope.
            assert row[f"difficulty_{k}"] == pytest.approx(whole[f"difficulty_{k}"], abs=0.1)
            assert np.isfinite(found.standard_errors.loc["a", f"difficulty_{k}"])
        assert [label for label in found.covariance.index if label.startswith("a:")] == [
            "a:a",
            *(f"a:d{k}" for k in places),
        ]
        assert found.parameters.drop("a").notna().all().all()


def test_options_that_no_item_uses_are_told_by_the_scale() -> None:
    items = answers().clip(lower=2)
    own = graded_response(items).parameters
    assert own.columns.tolist() == ["discrimination", *(f"difficulty_{k}" for k in (1, 2, 3))]
    told = graded_response(items, options={name: [1, 2, 3, 4, 5] for name in items}).parameters
    assert told["difficulty_1"].isna().all()
    for k in (1, 2, 3):
        np.testing.assert_array_equal(told[f"difficulty_{k + 1}"], own[f"difficulty_{k}"])
    with pytest.raises(ResponseDataError, match="item 'a' has answers that are none of its options: 1 codes"):
        graded_response(items, options={name: [1, 2, 3, 4] for name in items})


def test_scales_of_unlike_length_keep_their_own_numbers() -> None:
    items = answers()
    items["b"] = (items["b"] > 3).astype(int)
    found = graded_response(items).parameters
    assert found.loc["b"].notna().tolist() == [True, True, False, False, False]
    assert found.drop("b").notna().all().all()


def test_targets_that_do_not_differ_have_no_icc() -> None:
    ratings = pd.DataFrame([[1, 2, 3], [2, 3, 1], [3, 1, 2]], columns=["x", "y", "z"]).rename_axis("target")
    long = ratings.reset_index().melt("target", var_name="rater", value_name="score")
    with pytest.raises(NotEstimableError, match="the 3 targets do not differ"):
        icc(long, targets="target", raters="rater", ratings="score")
