"""Indices of judges' ratings against published tables, other programs and their own algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from instrument.content.validity_indices import (
    content_validity_indices,
    content_validity_ratio,
    critical_votes,
)
from instrument.errors import NotEstimableError, ResponseDataError

# No deadline: how fast a machine is says nothing on what is tested.
QUICK = settings(max_examples=40, deadline=None)

# Polit, Beck & Owen (2007), table of I-CVI, chance agreement and kappa, printed with two or three decimals.
POLIT = [
    (3, 3, 1.00, 0.125, 1.00),
    (3, 2, 0.67, 0.375, 0.47),
    (4, 4, 1.00, 0.063, 1.00),
    (4, 3, 0.75, 0.25, 0.67),
    (5, 4, 0.80, 0.156, 0.76),
    (6, 5, 0.83, 0.094, 0.81),
    (6, 4, 0.67, 0.234, 0.57),
    (7, 6, 0.86, 0.055, 0.85),
    (7, 5, 0.71, 0.164, 0.65),
    (8, 7, 0.88, 0.031, 0.88),
    (8, 6, 0.75, 0.109, 0.72),
    # printed for ten and nine judges, table 10 of doi 10.1186/s12913-017-2469-8
    (10, 9, 0.90, 0.010, 0.90),
    (10, 8, 0.80, 0.044, 0.79),
    (10, 7, 0.70, 0.117, 0.66),
    (9, 8, 0.89, 0.018, 0.89),
    (9, 7, 0.78, 0.070, 0.76),
    (9, 6, 0.67, 0.164, 0.60),
]
# Ayre & Scally (2014): votes needed of N judges at .05, one-sided.
AYRE = {5: 5, 6: 6, 7: 7, 8: 7, 9: 8, 10: 9, 11: 9, 12: 10, 13: 10, 14: 11, 15: 12, 20: 15}


def votes(n: int, agreed: int) -> pd.DataFrame:
    return pd.DataFrame({"q": [4] * agreed + [2] * (n - agreed)})


@pytest.mark.parametrize(("n", "agreed", "index", "chance", "kappa"), POLIT)
def test_kappa_agrees_with_the_published_table(
    n: int, agreed: int, index: float, chance: float, kappa: float
) -> None:
    row = content_validity_indices(votes(n, agreed)).items.iloc[0]
    assert row["n_experts"] == n
    assert row["n_relevant"] == agreed
    # Printed to two decimals (half a unit), chance to three.
    assert row["i_cvi"] == pytest.approx(index, abs=0.005 + 1e-9)
    assert row["chance_agreement"] == pytest.approx(chance, abs=0.0005 + 1e-9)
    # The table computes kappa from rounded I-CVI and chance, hence up to one unit of the second decimal.
    assert row["kappa"] == pytest.approx(kappa, abs=0.01)


@pytest.mark.parametrize(("n", "needed"), AYRE.items())
def test_lawshe_critical_value_agrees_with_the_published_table(n: int, needed: int) -> None:
    assert critical_votes(n) == needed


@QUICK
@given(n=st.integers(2, 60), level=st.floats(0.001, 0.2))
def test_critical_votes_are_the_smallest_the_binomial_allows(n: int, level: float) -> None:
    allowed = [c for c in range(n + 1) if binom.sf(c - 1, n, 0.5) <= level]
    assert critical_votes(n, level) == (min(allowed) if allowed else None)


def test_lawshe_ratio_runs_from_minus_one_to_one() -> None:
    table = pd.DataFrame({"none": [0] * 8, "half": [0, 1] * 4, "six": [1] * 6 + [0] * 2, "all": [True] * 8})
    result = content_validity_ratio(table)
    assert result["cvr"].tolist() == [-1.0, 0.0, 0.5, 1.0]
    assert result["met"].tolist() == [False, False, False, True]
    assert result["critical_cvr"].tolist() == [0.75] * 4


def test_too_small_a_panel_has_no_critical_value() -> None:
    result = content_validity_ratio(pd.DataFrame({"q": [1, 1, 1, 1]}))
    assert result["critical_n"].isna().all()
    assert result["critical_cvr"].isna().all()
    assert not result["met"].any()


def test_scale_indices_are_mean_and_share_of_full_agreement() -> None:
    table = pd.DataFrame({"a": [4, 4, 3, 4, 3, 4], "b": [4, 4, 3, 4, 2, 3], "c": [4, 2, 2, 1, 4, 3]})
    result = content_validity_indices(table)
    assert result.s_cvi_ave == pytest.approx((1 + 5 / 6 + 3 / 6) / 3, abs=1e-15)
    assert result.s_cvi_ua == pytest.approx(1 / 3, abs=1e-15)
    assert result.items["i_cvi_met"].tolist() == [True, True, False]
    assert result.items["kappa_met"].tolist() == [True, True, False]
    assert "S-CVI/Ave .78 (≥ .90 not met), S-CVI/UA .33" in result.summary()


def test_five_judges_must_all_agree() -> None:
    table = pd.DataFrame({"all": [4] * 5, "four": [4, 4, 4, 4, 2]})
    assert content_validity_indices(table).items["i_cvi_met"].tolist() == [True, False]


def test_missing_ratings_leave_the_denominator_of_their_item_only() -> None:
    table = pd.DataFrame({"a": [4, 4, np.nan, 2], "b": [4, 4, 4, 2]})
    items = content_validity_indices(table).items
    assert items["n_experts"].tolist() == [3, 4]
    assert items["i_cvi"].tolist() == [2 / 3, 3 / 4]
    alone = content_validity_indices(table[["a"]].dropna()).items.iloc[0]
    assert items.iloc[0].to_dict() == alone.to_dict()


@QUICK
@given(st.lists(st.integers(0, 1), min_size=2, max_size=40), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_interval_of_aiken_is_wilsons_on_two_points(ratings: list[int], confidence: float) -> None:
    table = pd.DataFrame({"q": ratings})
    row = content_validity_indices(table, 1, 0, 1, confidence).items.iloc[0]
    lower, upper = proportion_confint(sum(ratings), len(ratings), 1 - confidence, method="wilson")
    assert row["aiken_v"] == pytest.approx(np.mean(ratings), abs=1e-15)
    # statsmodels computes the same closed form: rounding error only.
    assert row["aiken_v_lower"] == pytest.approx(float(lower), abs=1e-12)
    assert row["aiken_v_upper"] == pytest.approx(float(upper), abs=1e-12)


@QUICK
@given(st.lists(st.integers(1, 5), min_size=3, max_size=20))
def test_aiken_solves_its_score_equation(ratings: list[int]) -> None:
    row = content_validity_indices(pd.DataFrame({"q": ratings}), 4, 1, 5).items.iloc[0]
    trials = 4 * len(ratings)
    for limit in (row["aiken_v_lower"], row["aiken_v_upper"]):
        # Score interval: (V − L)² = z² L(1 − L) / (Nk) at each end.
        left, right = (row["aiken_v"] - limit) ** 2, 1.959963984540054**2 * limit * (1 - limit) / trials
        assert left == pytest.approx(right, abs=1e-12)
    assert 0 <= row["aiken_v_lower"] <= row["aiken_v"] <= row["aiken_v_upper"] <= 1


@QUICK
@given(st.permutations(list(range(6))))
def test_order_of_judges_does_not_matter(order: list[int]) -> None:
    table = pd.DataFrame({"a": [4, 3, 2, 4, 1, 3], "b": [1, 4, 4, 4, 4, np.nan]})
    first, second = (
        content_validity_indices(table).items,
        content_validity_indices(table.iloc[order]).items,
    )
    pd.testing.assert_frame_equal(first, second)


def test_result_gives_plain_data_and_a_copy() -> None:
    result = content_validity_indices(votes(6, 5))
    plain = result.to_dict()
    assert plain["items"]["i_cvi"] == [5 / 6]
    assert plain["n_items"] == 1
    table = result.to_frame()
    table.loc[0, "i_cvi"] = 0.0
    assert result.items.loc[0, "i_cvi"] == 5 / 6


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (pd.DataFrame(), ResponseDataError, "no table with a column for each item"),
        (pd.DataFrame({"q": [1, 2, 5]}), ResponseDataError, "1 of 1 items have ratings outside 1–4"),
        (pd.DataFrame({"q": [1, 2.5, 3]}), ResponseDataError, "between its codes: 'q'"),
        (pd.DataFrame({"q": ["4", "3"]}), ResponseDataError, "1 of 1 columns are not numeric: 'q'"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["q", "q"]), ResponseDataError, "used twice: 'q'"),
        (pd.DataFrame({"q": [4.0, np.nan]}), NotEstimableError, "fewer than two ratings: 'q'"),
        (pd.DataFrame({"q": [None, None]}), NotEstimableError, "fewer than two ratings: 'q'"),
    ],
)
def test_bad_ratings_are_refused(table: pd.DataFrame, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        content_validity_indices(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"relevant_from": 1}, "relevant_from 1"), ({"confidence": 95}, "confidence is 95")],
)
def test_bad_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        content_validity_indices(votes(6, 5), **options)  # type: ignore[arg-type]


def test_lawshe_refuses_relevance_ratings() -> None:
    with pytest.raises(ResponseDataError, match="outside 0–1"):
        content_validity_ratio(votes(6, 5))


def test_seven_of_nine_judges_suffice_as_in_the_table_of_lynn() -> None:
    votes = {f"q{k}": [4] * k + [1] * (9 - k) for k in (6, 7, 8)}
    found = content_validity_indices(pd.DataFrame(votes)).items
    assert found["i_cvi_met"].tolist() == [False, True, True]


def test_kappa_is_met_by_kappa_not_by_the_share() -> None:
    """Three of four: .75, of which 4 / 16 by chance, so .667; eight of nine: .889, kappa .887."""
    found = content_validity_indices(pd.DataFrame({"few": [4, 4, 4, 1] + [None] * 5, "many": [4] * 8 + [1]}))
    items = found.items.set_index("item")
    assert items["kappa"].tolist() == pytest.approx([0.5 / 0.75, (8 / 9 - 9 / 512) / (1 - 9 / 512)])
    assert items["kappa_met"].tolist() == items["i_cvi_met"].tolist() == [False, True]
    said = found.summary()
    assert "S-CVI/Ave .82 (≥ .90 not met), S-CVI/UA .00" in said
    assert "I-CVI met by 1, modified kappa > .74 by 1 of 2 items" in said


def test_judges_who_rated_nothing_are_none_and_a_tail_of_just_the_level_counts() -> None:
    ratings = pd.DataFrame({"a": [4, 3, None, 4], "b": [4, None, None, 2]})
    assert content_validity_indices(ratings).n_experts == 3
    essential = pd.DataFrame({"a": [1, 1, 1, 1, 1]})  # five of five by chance: 1 / 32
    for level, met in ((1 / 32, True), (0.03, False)):
        assert content_validity_ratio(essential, alpha=level)["met"].tolist() == [met]
