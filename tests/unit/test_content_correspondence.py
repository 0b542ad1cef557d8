"""Hinkin and Tracey's correspondence and distinctiveness against hand computation and their formulas."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.content.correspondence import definition_correspondence
from instrument.errors import NotEstimableError, ResponseDataError

INTENDED = {"q1": "bond", "q2": "bond", "q3": "task"}
BY_HAND = {  # item: definition to the ratings of three judges
    "q1": {"bond": [7, 6, 5], "task": [2, 3, 1], "goal": [1, 4, 2]},
    "q2": {"bond": [4, 4, 4], "task": [5, 6, 4], "goal": [4, 4, 4]},
    "q3": {"bond": [1, 1, 1], "task": [7, 7, 7], "goal": [1, 1, 1]},
}


def long(ratings: dict[str, dict[str, list[int]]]) -> pd.DataFrame:
    rows = [
        {"judge": judge, "item": item, "definition": name, "rating": value}
        for item, of in ratings.items()
        for name, values in of.items()
        for judge, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_values_are_those_computed_by_hand() -> None:
    found = definition_correspondence(long(BY_HAND), INTENDED)
    table = found.items.set_index("item")
    assert table["correspondence"].to_dict() == pytest.approx({"q1": 6 / 7, "q2": 4 / 7, "q3": 1.0})
    # q1: bond - task = 5, 3, 4; bond - goal = 6, 2, 3: sum 23 over 6 gaps of 6 steps
    # q2: -1, -2, 0; 0, 0, 0: sum -3
    assert table["distinctiveness"].to_dict() == pytest.approx({"q1": 23 / 36, "q2": -3 / 36, "q3": 1.0})
    assert table["rival"].to_dict() == {"q1": "goal", "q2": "task", "q3": "bond"}
    scales = found.definitions.set_index("definition")
    assert scales.loc["bond"].tolist() == pytest.approx([2, 5 / 7, 20 / 72])
    assert scales.loc["task"].tolist() == pytest.approx([1, 1.0, 1.0])
    assert (found.n_judges, found.n_options) == (3, 7)
    assert found.to_dict()["items"]["item"] == ["q1", "q2", "q3"]


# Sums of 24 ratings from 1 to 5 (definitions A, B, C) and the indices to the digits that another program prints for them:
# R package contentvalidR, article "Construct-rating content validation", tables of htc(), htd() and of the contrasts.
PRINTED = {
    "A1": ("A", {"A": 105, "B": 57, "C": 46}, 0.8750000, 0.5572917, "B"),
    "A2": ("A", {"A": 107, "B": 48, "C": 45}, 0.8916667, 0.6302083, "B"),
    "A3": ("A", {"A": 106, "B": 53, "C": 54}, 0.8833333, 0.5468750, "C"),
    "B1": ("B", {"A": 50, "B": 110, "C": 52}, 0.9166667, 0.6145833, "C"),
}


def spread(total: int, judges: int = 24) -> list[int]:
    """Whole ratings of that sum; the indices hang on the sums alone."""
    low, more = divmod(total, judges)
    return [low + 1] * more + [low] * (judges - more)


def test_values_are_those_that_an_independent_program_printed() -> None:
    ratings = {
        item: {name: spread(sum_) for name, sum_ in of.items()} for item, (_, of, *_) in PRINTED.items()
    }
    found = definition_correspondence(long(ratings), {item: row[0] for item, row in PRINTED.items()}, 5)
    table = found.items.set_index("item")
    for item, (own, _, correspondence, distinctiveness, rival) in PRINTED.items():
        row = table.loc[item]
        assert (row["intended"], row["n_judges"], row["rival"]) == (own, 24, rival)
        assert row["correspondence"] == pytest.approx(correspondence, abs=5e-8)
        assert row["distinctiveness"] == pytest.approx(distinctiveness, abs=5e-8)
    scales = found.definitions.set_index("definition")
    assert scales.loc["A"].tolist() == pytest.approx([3, 0.8833333, 0.5781250], abs=5e-8)
    assert scales.loc["B"].tolist() == pytest.approx([1, 0.9166667, 0.6145833], abs=5e-8)


def test_a_judge_without_every_definition_does_not_count_for_the_item() -> None:
    table = long(BY_HAND)
    gone = (table["item"] == "q1") & (table["judge"] == 2) & (table["definition"] == "goal")
    for part in (table[~gone], table.assign(rating=table["rating"].where(~gone))):
        row = definition_correspondence(part, INTENDED).items.iloc[0]
        assert row["n_judges"] == 2
        assert row["correspondence"] == pytest.approx(13 / 14)
        assert row["distinctiveness"] == pytest.approx((5 + 3 + 6 + 2) / 24)


RATINGS = st.lists(st.integers(1, 5), min_size=9, max_size=9)


@settings(max_examples=40, deadline=None)
@given(RATINGS)
def test_bounds_order_and_turning_round(values: list[int]) -> None:
    cells = list(itertools.product(range(3), ["a", "b", "c"]))
    table = pd.DataFrame(
        [
            {"judge": j, "item": "q", "definition": d, "rating": v}
            for (j, d), v in zip(cells, values, strict=True)
        ]
    )
    one = definition_correspondence(table, {"q": "a"}, 5).items.iloc[0]
    assert 1 / 5 <= one["correspondence"] <= 1
    assert -1 <= one["distinctiveness"] <= 1
    mixed = table.sample(frac=1, random_state=1)
    again = definition_correspondence(mixed, {"q": "a"}, 5).items.iloc[0]
    assert again["distinctiveness"] == pytest.approx(one["distinctiveness"])
    turned = definition_correspondence(table.assign(rating=6 - table["rating"]), {"q": "a"}, 5).items.iloc[0]
    assert turned["distinctiveness"] == pytest.approx(-one["distinctiveness"])
    assert turned["correspondence"] == pytest.approx(6 / 5 - one["correspondence"])
    # with every definition intended in turn the distinctiveness sums to nought
    every = [definition_correspondence(table, {"q": d}, 5).items["distinctiveness"][0] for d in "abc"]
    assert np.sum(every) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "given_", "error", "words"),
    [
        ({"rating": 8}, {}, ResponseDataError, "27 of 27 ratings are no whole number from 1 to 7"),
        ({"rating": 2.5}, {}, ResponseDataError, "no whole number"),
        ({"rating": "good"}, {}, ResponseDataError, "no whole number"),
        ({"judge": 1}, {}, ResponseDataError, "18 ratings are given twice"),
        (
            {},
            {"intended": {"q1": "bond", "q2": "bond"}},
            ResponseDataError,
            "no definition is intended for 'q3'",
        ),
        ({"definition": "bond"}, {}, ResponseDataError, "given twice"),
        ({}, {"n_options": 1}, ResponseDataError, "n_options is 1"),
        ({}, {"intended": {**INTENDED, "q3": "hope"}}, ResponseDataError, "nobody rated for 'hope'"),
        ({}, {"intended": {**INTENDED, "q4": "bond"}}, NotEstimableError, "no judge rated 'q4'"),
    ],
)
def test_bad_input_is_refused(
    change: dict[str, Any], given_: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"definition_correspondence: .*{words}"):
        definition_correspondence(long(BY_HAND).assign(**change), **{"intended": INTENDED, **given_})


def test_one_definition_and_absent_columns_are_refused() -> None:
    one = {"q1": {"bond": [7, 6]}}
    with pytest.raises(NotEstimableError, match="there is one definition"):
        definition_correspondence(long(one), {"q1": "bond"})
    with pytest.raises(ResponseDataError, match="columns are absent: 'judge'"):
        definition_correspondence(long(one).drop(columns="judge"), {"q1": "bond"})
