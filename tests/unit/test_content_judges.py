"""Krippendorff's alpha, sizes of panels, rounds and feedback against print, hand and an independent count."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from instrument.content.krippendorff import krippendorff_alpha
from instrument.content.panels import plan_panel, smallest_panel
from instrument.content.rounds import compare_rounds, feedback_sheet
from instrument.content.validity_indices import content_validity_indices
from instrument.errors import NotEstimableError, ResponseDataError

N = np.nan
# Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C: four observers, twelve units
PRINTED = pd.DataFrame(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_the_printed_one(level: str, alpha: float) -> None:
    found = krippendorff_alpha(PRINTED, level)
    assert found.alpha == pytest.approx(alpha, abs=5e-4)
    assert (found.n_units, found.n_judges, found.n_values, found.n_units_left_out) == (11, 4, 40, 1)
    # the printed matrix of coincidences
    printed = [
        [7, 4 / 3, 1 / 3, 1 / 3, 0],
        [4 / 3, 10, 4 / 3, 1 / 3, 0],
        [1 / 3, 4 / 3, 8, 1 / 3, 0],
        [1 / 3, 1 / 3, 1 / 3, 4, 0],
        [0, 0, 0, 0, 3],
    ]
    np.testing.assert_allclose(found.to_frame().to_numpy(), printed, atol=1e-12)
    assert found.to_dict()["alpha"] == found.alpha
    assert f"({level})" in found.summary() and "one rating or none left out" in found.summary()


def by_pairs(table: pd.DataFrame, level: str) -> float:
    """Alpha from every pair of ratings, one by one, as its definition says."""
    units = [column.dropna().tolist() for _, column in table.items() if column.notna().sum() > 1]
    every = [value for unit in units for value in unit]
    count = {value: every.count(value) for value in every}

    def apart(a: float, b: float) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = sorted((a, b))
        between = sum(n for value, n in count.items() if low <= value <= high)
        return (between - (count[a] + count[b]) / 2) ** 2 if a != b else 0.0

    observed = sum(
        apart(a, b) / (len(unit) - 1) for unit in units for a, b in itertools.permutations(unit, 2)
    )
    expected = sum(apart(a, b) for a, b in itertools.permutations(every, 2)) / (len(every) - 1)
    return 1 - observed / expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 5, None]), min_size=20, max_size=20), st.permutations(range(4)))
def test_alpha_is_that_of_every_pair_whatever_the_order_of_judges(
    cells: list[int | None], order: list[int]
) -> None:
    table = pd.DataFrame(np.array(cells, dtype=float).reshape(4, 5))
    rated = [unit for unit in table if table[unit].notna().sum() > 1]
    if pd.unique(pd.Series(table[rated].to_numpy().ravel()).dropna()).size < 2:
        with pytest.raises(NotEstimableError, match="units were rated twice"):
            krippendorff_alpha(table)
        return
    for level in ("nominal", "ordinal", "interval"):
        expected = by_pairs(table, level)
        assert krippendorff_alpha(table, level).alpha == pytest.approx(expected, abs=1e-10)
        assert krippendorff_alpha(table.iloc[order], level).alpha == pytest.approx(expected, abs=1e-10)


def test_names_are_nominal_only_and_numbers_are_one_name() -> None:
    letters = PRINTED.map(lambda value: None if pd.isna(value) else "abcde"[int(value) - 1])
    assert krippendorff_alpha(letters).alpha == pytest.approx(krippendorff_alpha(PRINTED).alpha, abs=1e-12)
    assert krippendorff_alpha(PRINTED.astype("Int64")).alpha == krippendorff_alpha(PRINTED).alpha
    with pytest.raises(ResponseDataError, match="krippendorff_alpha"):
        krippendorff_alpha(letters, "ordinal")
    with pytest.raises(ResponseDataError, match="level is 'ratio'"):
        krippendorff_alpha(PRINTED, "ratio")  # type: ignore[arg-type]
    with pytest.raises(ResponseDataError, match="used twice"):
        krippendorff_alpha(PRINTED.set_axis([0] * 12, axis=1))


def test_panels_are_those_of_the_binomial_distribution() -> None:
    table = plan_panel(range(2, 41), good=0.9, poor=0.5).set_index("n")
    for n, row in table.iterrows():
        # all of five or fewer; else the smallest share of .78 or more, counted up one by one
        needed = n if n <= 5 else next(k for k in range(n + 1) if 9 * k >= 7 * n)
        assert row["votes_needed"] == needed
        assert row["passes_good"] == pytest.approx(binom.sf(needed - 1, n, 0.9), abs=1e-10)
        assert row["passes_poor"] == pytest.approx(binom.sf(needed - 1, n, 0.5), abs=1e-10)
        if pd.notna(row["cvr_votes"]):
            assert row["cvr_good"] == pytest.approx(binom.sf(row["cvr_votes"] - 1, n, 0.9), abs=1e-10)
        else:
            assert n < 5 and row["cvr_good"] == 0
    # the table of Lynn (1986): all of five, then 5 of 6, 6 of 7, 7 of 8, 7 of 9 (printed as .78), 8 of 10
    assert [table.loc[n, "votes_needed"] for n in range(5, 11)] == [5, 5, 6, 7, 7, 8]
    # the interval is the one of the indices: eight judges, 24 steps, 20 of which are taken
    eight = plan_panel([8], expected_v=20 / 24).iloc[0]
    ratings = pd.DataFrame({"q1": [4, 4, 4, 4, 3, 3, 3, 3]})
    found = content_validity_indices(ratings).items.iloc[0]
    assert found["aiken_v"] == pytest.approx(20 / 24)
    assert [eight["v_lower"], eight["v_upper"]] == pytest.approx(
        [found["aiken_v_lower"], found["aiken_v_upper"]]
    )


def test_the_smallest_panel_holds_with_every_larger_one() -> None:
    table = pd.DataFrame(
        {"n": [3, 4, 5, 6], "passes_good": [0.9, 0.7, 0.8, 0.9], "passes_poor": [0.1, 0.1, 0.2, 0.1]}
    )
    assert smallest_panel(table) == 5
    assert smallest_panel(table.sample(frac=1, random_state=1)) == 5
    assert smallest_panel(table, error=0.15) == 6
    assert smallest_panel(table, power=0.95) is None
    assert smallest_panel(table.iloc[[0, 3]]) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizes": [1]}, "sizes are 1"),
        ({"sizes": []}, "there is no size"),
        ({"sizes": [2.5]}, "sizes are 2.5"),
        ({"good": 0.5, "poor": 0.6}, "good is 0.5 and poor 0.6"),
        ({"good": 0.5, "poor": 0.5}, "good is 0.5 and poor 0.5"),
        ({"expected_v": 1.2}, "expected_v 1.2"),
        ({"n_options": 1}, "n_options 1"),
    ],
)
def test_impossible_panels_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ResponseDataError, match=said):
        plan_panel(**options)  # type: ignore[arg-type]


JUDGES = [f"j{k}" for k in range(8)]
FIRST = pd.DataFrame({"q1": [2, 2, 2, 3, 3, 4, 4, 1], "q2": [4] * 8, "q3": [1] * 8}, index=JUDGES)
SECOND = pd.DataFrame({"q2": [4] * 7 + [N], "q1": [3, 3, 3, 3, 2, 4, 4, 1]}, index=JUDGES).iloc[::-1]


def test_rounds_are_compared_on_judges_of_both_by_hand() -> None:
    found = compare_rounds(FIRST, SECOND, reworded=["q2"]).set_index("item")
    assert list(found.index) == ["q1", "q2"]
    one = found.loc["q1"]
    assert one[["n_both", "i_cvi_first", "i_cvi_second", "gained", "lost", "moved"]].tolist() == [
        *(8, 4 / 8, 6 / 8, 3, 1, 4 / 8)
    ]
    assert one["pvalue"] == pytest.approx(binomtest(1, 4).pvalue, abs=1e-12)
    # first 1:1 2:3 3:2 4:2, second 1:1 2:1 3:4 4:2: differences 2 and 2, half of their sum over 8
    assert one["shift"] == pytest.approx(2 / 8)
    assert not one["stable"] and not one["reworded"]
    two = found.loc["q2"]
    assert two[["n_both", "gained", "lost", "pvalue", "shift", "moved"]].tolist() == [7, 0, 0, 1.0, 0.0, 0.0]
    assert two["reworded"] and not two["stable"]
    same = compare_rounds(FIRST, FIRST).set_index("item")
    assert same["stable"].all() and (same["pvalue"] == 1).all()
    turned = compare_rounds(SECOND, FIRST).set_index("item").loc["q1"]
    assert (turned["gained"], turned["lost"], turned["pvalue"]) == (1, 3, one["pvalue"])


def test_rounds_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(NotEstimableError, match="none of 1 items of both rounds"):
        compare_rounds(FIRST[["q1"]], SECOND[["q1"]].set_axis([f"x{k}" for k in range(8)]))
    with pytest.raises(ResponseDataError, match="1 judges stand twice in the second round"):
        compare_rounds(FIRST, pd.concat([SECOND, SECOND.iloc[:1]]))
    with pytest.raises(ResponseDataError, match="outside 1–4"):
        compare_rounds(FIRST * 3, SECOND)


def test_feedback_holds_the_others_and_no_name() -> None:
    sheet = feedback_sheet(FIRST, "j7").set_index("item")
    one = sheet.loc["q1"]
    # the others of j7 on q1: 2 2 2 3 3 4 4
    figures = ["own", "n_others", "lower_quartile", "median", "upper_quartile"]
    assert one[figures].tolist() == [1, 7, 2, 3, 3.5]
    assert one["share_relevant"] == pytest.approx(4 / 7)
    assert sheet["apart"].tolist() == [True, False, False]
    assert not set(JUDGES) & set(sheet.astype(str).to_numpy().ravel())
    few = feedback_sheet(FIRST.iloc[:4], "j0").set_index("item").loc["q1"]
    assert few["n_others"] == 3 and few[["median", "share_relevant"]].isna().all() and few["apart"] is None
    left_out = FIRST.assign(q1=[N, *FIRST["q1"][1:]])
    assert feedback_sheet(left_out, "j0")["apart"].iloc[0] is None
    with pytest.raises(ResponseDataError, match="judge 'nobody' stands in 0 of 8 rows"):
        feedback_sheet(FIRST, "nobody")


def test_judges_are_those_whose_ratings_are_compared() -> None:
    """C rated only what nobody else rated: that unit and its judge count for nothing."""
    gap = np.nan
    table = pd.DataFrame({"u": [1, 1, gap], "v": [1, 2, gap], "w": [gap, gap, 2]}, index=list("abc"))
    found = krippendorff_alpha(table)
    assert (found.n_judges, found.n_units, found.n_units_left_out, found.n_values) == (2, 2, 1, 4)
    # pairs within units differ 2 of 4 times; of the ratings 1, 1, 1, 2 drawn two by two 6 of 12 times
    assert found.alpha == pytest.approx(1 - (2 / 4) / (6 / 12))


def test_fifteen_in_a_hundred_who_moved_are_no_stable_round() -> None:
    """Of 20 judges three went from 4 to 3 (shift .15), then two (.10); who moved both ways shifts nothing."""
    first = pd.DataFrame({"q": [4] * 20, "r": [4] * 20, "s": [4] * 10 + [3] * 10})
    second = pd.DataFrame({"q": [3] * 3 + [4] * 17, "r": [3] * 2 + [4] * 18, "s": [3] * 10 + [4] * 10})
    found = compare_rounds(first, second).set_index("item")
    assert found["shift"].tolist() == [0.15, 0.1, 0.0]
    assert found["moved"].tolist() == [0.15, 0.1, 1.0]
    assert found["stable"].tolist() == [False, True, True]


def test_a_judge_above_the_others_is_apart_as_one_below() -> None:
    """The four others of q say 2, so of r; the one of r says 1, of q 4, of s the same."""
    table = pd.DataFrame({"q": [4, 2, 2, 2, 2], "r": [1, 2, 2, 2, 2], "s": [2] * 5}, index=list("abcde"))
    assert feedback_sheet(table, "a")["apart"].tolist() == [True, True, False]
