"""Invariance: levels order themselves, names come from the data, and bad input has one message."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.invariance import invariance
from analysis.structural.models import cfa
from instrument.errors import DefinitionError, NotEstimableError

DATA = Path(__file__).parents[1] / "reference" / "data" / "likert.csv"
MODEL = "f =~ q5 + q6 + q7 + q8"


@pytest.fixture(scope="module")
def likert() -> pd.DataFrame:
    return pd.read_csv(DATA)


def test_fit_never_improves_by_constraints(likert: pd.DataFrame) -> None:
    for ordered in (True, False):
        table = invariance(MODEL, likert, "group", ordered=ordered).table
        assert (np.diff(table["chisq"]) > -1e-6).all()
        assert (np.diff(table["df"]) > 0).all()


def test_the_order_of_people_and_the_names_of_groups_do_not_matter(likert: pd.DataFrame) -> None:
    first = invariance(MODEL, likert, "group").table
    renamed = likert.assign(group=likert["group"].map({"a": "site ä", "b": 7})).sample(frac=1, random_state=1)
    second = invariance(MODEL, renamed, "group").table
    pd.testing.assert_frame_equal(
        first.select_dtypes("number"), second.select_dtypes("number"), rtol=1e-5, atol=1e-6
    )


def test_three_groups_and_a_missing_label(likert: pd.DataFrame) -> None:
    holed = likert.assign(site=likert["site"].where(likert.index >= 5))
    result = invariance(MODEL, holed, "site", ordered=False, levels=["metric", "configural"])
    assert result.n_obs == len(likert) - 5
    assert list(result.fits) == ["configural", "metric"]


def test_partial_invariance_frees_what_is_named(likert: pd.DataFrame) -> None:
    full = invariance(MODEL, likert, "group")
    free = invariance(MODEL, likert, "group", partial=["q6|t2", "f=~q7", "q8~1"])
    df = full.table.set_index("level")["df"] - free.table.set_index("level")["df"]
    assert df.to_dict() == {"configural": 0, "thresholds": 1, "metric": 2, "scalar": 3, "strict": 3}


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (MODEL, {"group": "zz"}, r"no column 'zz'"),
        (MODEL, {"levels": ["weak"]}, r"unknown levels: 'weak'"),
        (MODEL, {"partial": ["f=~q1"]}, r"not in the model: 'f=~q1'"),
        ("f =~ q5 + q6\nf ~ q7", {}, r"f ~ q7"),
        ("f =~ 1*q5 + q6 + q7\ng =~ f", {}, r"factors are measured by factors"),
        ("f =~ q5 + zz + q7", {}, r"1 of 3 items are not in the data: 'zz'"),
    ],
)
def test_an_impossible_request_is_refused(
    likert: pd.DataFrame, model: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        invariance(model, likert, **{"group": "group", **options})


def test_what_the_data_cannot_bear_is_refused(likert: pd.DataFrame) -> None:
    one = likert.assign(group="a")
    with pytest.raises(NotEstimableError, match="holds 1 group"):
        invariance(MODEL, one, "group")
    lacking = likert.copy()
    lacking.loc[(lacking["group"] == "b") & (lacking["q6"] == 5), "q6"] = 4
    with pytest.raises(NotEstimableError, match="lack a category in a group: 'q6 in b'"):
        invariance(MODEL, lacking, "group")


@pytest.mark.parametrize(("left_free", "metric_df"), [(1, 14), (3, 12), (4, 12)])
def test_thresholds_left_free_are_no_longer_there_to_identify_the_item(
    likert: pd.DataFrame, left_free: int, metric_df: int
) -> None:
    """With one equal threshold or none of q1 its scale is not free; cfa(group_equal=...) says the same."""
    model, partial = "a =~ q1 + q2 + q3 + q4", [f"q1|t{k}" for k in range(1, left_free + 1)]
    table = invariance(model, likert, "group", partial=partial).table.set_index("level")
    assert table.loc["metric", "df"] == metric_df
    for level, equal in (
        ("thresholds", ["thresholds"]),
        ("scalar", ["thresholds", "loadings", "intercepts"]),
    ):
        if level == "scalar" and left_free == 4:
            continue  # without an equal threshold the loading of q1 is left free here, and tied there
        same = cfa(model, likert, group="group", group_equal=equal, group_partial=partial).fit
        assert table.loc[level, "df"] == same["df"]
        assert table.loc[level, "chisq"] == pytest.approx(same["chisq"], rel=1e-6)
    assert table["df"].is_monotonic_increasing
    assert table["chisq"].is_monotonic_increasing


def test_each_step_is_compared_with_the_one_above_and_the_first_that_fails_ends_it(
    likert: pd.DataFrame,
) -> None:
    """Changes are those of the scaled indices from row to row; levels that nothing tests are passed over."""
    found = invariance(MODEL, likert, "group", ordered=False)
    for index in ("cfi", "rmsea"):
        steps = np.diff(found.table[f"{index}_scaled"])
        np.testing.assert_allclose(found.table[f"{index}_diff"].iloc[1:].astype(float), steps, atol=1e-12)
    assert not np.allclose(np.diff(found.table["cfi"]), np.diff(found.table["cfi_scaled"]))
    names = ["configural", "metric", "scalar", "strict"]
    for cfi, rmsea, testable, reached in (
        ([True] * 4, [True] * 4, [None, True, True, True], "strict"),
        ([None, True, False, True], [None, True, True, True], [None, True, True, True], "metric"),
        ([None, True, True, True], [None, False, True, True], [None, True, True, True], "configural"),
        ([None, None, True, True], [None, None, True, False], [None, False, True, True], "scalar"),
    ):
        table = pd.DataFrame({"level": names, "testable": testable, "cfi_holds": cfi, "rmsea_holds": rmsea})
        assert dataclasses.replace(found, table=table).highest_level() == reached


def test_partial_invariance_of_numbers_frees_what_is_named(likert: pd.DataFrame) -> None:
    full = invariance(MODEL, likert, "group", ordered=False)
    free = invariance(MODEL, likert, "group", ordered=False, partial=["f=~q7", "q8~1"])
    df = full.table.set_index("level")["df"] - free.table.set_index("level")["df"]
    assert df.to_dict() == {"configural": 0, "metric": 1, "scalar": 2, "strict": 2}
