"""Agreement of judges who name categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import inter_rater

from instrument.content.item_sorting import cohen_kappa, fleiss_kappa, item_sorting
from instrument.errors import NotEstimableError, ResponseDataError

# No deadline: how fast a machine is says nothing on what is tested.
QUICK = settings(max_examples=40, deadline=None)

# Ten subjects, fourteen raters, five categories: a widely printed example of Fleiss' kappa, .210.
FOURTEEN_RATERS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
VOTES = pd.DataFrame(
    {
        "q1": ["bond"] * 9 + ["task"],
        "q2": ["task"] * 6 + ["bond"] * 3 + ["goal"],
        "q3": ["goal"] * 4 + ["bond"] * 3 + ["task"] * 3,
    }
)
INTENDED = {"q1": "bond", "q2": "task", "q3": "goal"}


def test_fleiss_kappa_of_the_printed_example() -> None:
    # Printed with three decimals.
    assert fleiss_kappa(FOURTEEN_RATERS) == pytest.approx(0.210, abs=0.0005)


@QUICK
@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=2, max_size=12))
def test_fleiss_kappa_agrees_with_statsmodels(ratings: list[list[int]]) -> None:
    if len({code for row in ratings for code in row}) == 1:
        return
    counts, _ = inter_rater.aggregate_raters(np.array(ratings))
    assert fleiss_kappa(counts) == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-12)


def test_kappa_of_a_category_is_kappa_of_it_against_the_rest() -> None:
    result = item_sorting(VOTES, INTENDED)
    for label in ("bond", "goal", "task"):
        own = np.array([(VOTES[name] == label).sum() for name in VOTES])
        collapsed = np.column_stack([own, len(VOTES) - own])
        assert result.kappa_by_category[label] == pytest.approx(fleiss_kappa(collapsed), abs=1e-12)


def test_substantive_agreement_and_coefficient_by_hand() -> None:
    items = item_sorting(VOTES, INTENDED).items.set_index("item")
    assert items["agreement"].tolist() == [0.9, 0.6, 0.4]
    assert items["coefficient"].tolist() == pytest.approx([0.8, 0.3, 0.1], abs=1e-15)
    assert items["rival"].tolist() == ["task", "bond", "bond / task"]
    # Ten judges: nine votes are needed (binomial tail .011; eight: .055), 2 · 9 / 10 − 1 = .8.
    assert items["critical_coefficient"].tolist() == [0.8, 0.8, 0.8]
    assert items["met"].tolist() == [True, False, False]


def test_item_without_votes_on_its_theme_has_a_negative_coefficient() -> None:
    votes = pd.DataFrame({"q1": ["task"] * 8, "q2": ["bond"] * 8})
    items = item_sorting(votes, {"q1": "bond", "q2": "bond"}).items
    assert items["coefficient"].tolist() == [-1.0, 1.0]
    assert items.loc[1, "rival"] == ""


def test_items_that_a_judge_left_out_are_not_in_kappa() -> None:
    votes = VOTES.assign(q1=[None, *VOTES["q1"][1:]])
    result = item_sorting(votes, INTENDED)
    assert (result.n_items, result.n_items_in_kappa) == (3, 2)
    assert result.items.loc[0, "n_judges"] == 9
    assert result.kappa == item_sorting(VOTES[["q2", "q3"]], INTENDED).kappa
    assert "3 items sorted by 10 judges" in result.summary()


def test_unused_category_has_no_kappa() -> None:
    votes = pd.DataFrame({"q1": ["a", "a", "b"], "q2": ["b", "b", "b"]})
    result = item_sorting(votes, {"q1": "a", "q2": "unused"})
    assert np.isnan(result.kappa_by_category["unused"])
    assert result.to_dict()["kappa_by_category"]["unused"] is None
    assert result.to_frame().equals(result.items)


# Fleiss, Cohen & Everitt and statsmodels share the formula: rounding error only.
@QUICK
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=4, max_size=40))
def test_cohen_kappa_agrees_with_statsmodels(pairs: list[tuple[int, int]]) -> None:
    first, second = (pd.Series(side) for side in zip(*pairs, strict=True))
    if len(set(first) | set(second)) < 2:
        return
    table, _ = inter_rater.to_table(np.array(pairs), bins=np.arange(4) - 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):  # statsmodels' z value, not compared here
        expected = inter_rater.cohens_kappa(table)
    result = cohen_kappa(first, second)
    assert result["n"] == len(pairs)
    assert result["agreement"] == pytest.approx(float(np.mean(first == second)), abs=1e-12)
    assert result["kappa"] == pytest.approx(expected.kappa, abs=1e-12)
    assert result["se"] ** 2 == pytest.approx(max(expected.var_kappa, 0), abs=1e-12)


def test_cohen_kappa_matches_subjects_by_name_and_drops_what_one_left_out() -> None:
    first = pd.Series({"a": 0, "b": 1, "c": 2, "d": None})
    second = pd.Series({"c": 2, "b": 1, "a": 0, "d": 1})
    result = cohen_kappa(first, second)
    assert (result["n"], result["kappa"]) == (3, 1.0)


@pytest.mark.parametrize(
    ("votes", "intended", "error", "message"),
    [
        (VOTES, {"q1": "bond"}, ResponseDataError, "2 of 3 items have no intended category: 'q2', 'q3'"),
        (VOTES.head(1), INTENDED, NotEstimableError, "sorted by fewer than two judges"),
        (pd.DataFrame([["a", "b"]] * 2, columns=["q", "q"]), {"q": "a"}, ResponseDataError, "used twice"),
        (pd.DataFrame({"q1": ["a"] * 3}), {"q1": "a"}, NotEstimableError, "all votes are in one category"),
        (
            pd.DataFrame({"q1": ["a", "a", None], "q2": [None, "b", "b"]}),
            {"q1": "a", "q2": "b"},
            NotEstimableError,
            "none of 2 items was sorted by all 3 judges",
        ),
    ],
)
def test_bad_sorting_is_refused(
    votes: pd.DataFrame, intended: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        item_sorting(votes, intended)


@pytest.mark.parametrize("counts", [[[1, 2], [2, 2]], [[-1, 4], [1, 2]], [[0.5, 1.5], [1, 1]], [1, 2]])
def test_fleiss_refuses_what_are_no_counts(counts: list[list[float]]) -> None:
    with pytest.raises(ResponseDataError, match="same number of judges"):
        fleiss_kappa(np.array(counts))


def test_cohen_refuses_other_subjects_and_constant_codes() -> None:
    with pytest.raises(ResponseDataError, match="same subjects"):
        cohen_kappa(pd.Series([0, 1]), pd.Series([0, 1], index=[1, 2]))
    with pytest.raises(NotEstimableError, match="kappa is not defined"):
        cohen_kappa(pd.Series([1, 1]), pd.Series([1, 1]))


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_the_critical_coefficient_is_that_of_the_level_asked_for(level: float) -> None:
    found = item_sorting(VOTES, INTENDED, significance=level)
    needed = next(m for m in range(11) if stats.binom.sf(m - 1, 10, 0.5) <= level)
    assert found.items["critical_coefficient"].tolist() == [2 * needed / 10 - 1] * 3
    assert found.items["met"].tolist() == [2 * needed / 10 - 1 <= 0.8, False, False]


def test_the_summary_tells_the_share_on_the_intended_theme() -> None:
    told = item_sorting(VOTES, INTENDED).summary()
    assert ".63" in told and "1 items above" in told  # (.9 + .6 + .4) / 3; coefficients have .40
