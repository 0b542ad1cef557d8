"""Columns held constant and stretches away from an app, counted by hand: edges, gaps, ties and repeats."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.claims.claims import Claim
from analysis.adherence.design import covariates as made
from analysis.adherence.over_time import pauses
from instrument.errors import NotEstimableError, ToolkitError

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1, 2, 3] * 3, True),
        ([1, 2] * 9, False),  # two values are alike either way
        ([1, 2, 3] * 2 + [1, 2], False),  # fewer than three people for each
        ([1, 2, 3.5] * 3, False),
        ([1, 2, 3] * 3 + [None] * 20, True),
        ([1, 2, 3] * 2 + [None] * 20, False),
        (list(range(30)) * 3, True),
        (list(range(31)) * 3, False),
    ],
)
def test_whole_numbers_of_few_values_are_codes(values: list[Any], code: bool) -> None:
    assert made.is_code(pd.Series(values, dtype="Float64")) is code


FRAME = pd.DataFrame(
    {
        "clinic": [20, 20, 20, 20, 7, 7, 7, 11, 11, 11, None, 20],
        "place": ["b", "a", "a", "b", "c", None, "a", "b", "c", "a", "b", "a"],
        "pays": [True, False] * 6,
        "age": [30.5, 41, 22, 35, None, 50, 61, 33, 28, 44, 39, 40],
    }
)


def test_labels_and_codes_become_a_column_for_each_level_but_the_commonest() -> None:
    frame, names, codes = made.coded_columns(FRAME, ["age", "clinic", "place", "pays"])
    # the commonest are left out: 20, a, and of yes and no, which are as many, the first by name
    assert names == ["age", "clinic:11", "clinic:7", "place:b", "place:c", "pays:True"]
    assert codes == ["clinic"]
    np.testing.assert_array_equal(frame["clinic:11"], [0] * 7 + [1, 1, 1, NAN, 0])
    np.testing.assert_array_equal(frame["place:c"], [0, 0, 0, 0, 1, NAN, 0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(frame["age"], FRAME["age"])
    as_number = made.coded_columns(FRAME, ["clinic"], quantities=["clinic"])
    assert as_number[1:] == (["clinic"], [])
    # few are left of each, and all people together had said that it is a category
    few = made.coded_columns(FRAME.iloc[[0, 4, 7]], ["clinic"], categories=["clinic"])
    assert few[1:] == (["clinic:20", "clinic:7"], ["clinic"])


def people(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"done": [0, 0, 4, 8, 8, 3, 2, 5], "due": 8, **columns})


def test_labels_whose_people_all_did_nothing_or_all_count_as_missing() -> None:
    frame = people(sex=["x", "x", "f", "f", "m", "m", "f", "m"], age=[1.5, 2, 3, 4, 5, 6, 7, 8])
    every = pd.Series(True, index=frame.index)
    found, touched = made.without_decided(frame, ["sex", "age"], (), every)
    assert touched == ["sex"] and found["sex"].isna().tolist() == [True, True] + [False] * 6
    assert frame["sex"].notna().all()
    # who is not analysed says nothing, and one of them who used the app saves the label only if analysed
    frame.loc[1, "done"] = 4
    left_out = pd.Series([True, False] + [True] * 6)
    assert made.without_decided(frame, ["sex"], (), every)[1] == []
    assert made.without_decided(frame, ["sex"], (), left_out)[1] == ["sex"]
    # all that was due, and labels that lose their people one after the other
    done_all = people(clinic=["a", "a", "b", "c", "c", "b", "b", "b"], ward=list("uuvwwvvv"))
    done, names = made.without_decided(done_all, ["clinic", "ward"], (), every)
    assert names == ["clinic"] and done["clinic"].isna().tolist() == [
        *[True, True, False, True, True],
        *[False] * 3,
    ]
    # a quantity is no label, but two values of one are
    number = people(level=[1, 1, 2, 2, 3, 3, 2, 3], half=[0, 0, 1, 1, 1, 1, 1, 1])
    assert made.without_decided(number, ["level"], ("level",), every)[1] == []
    assert made.without_decided(number, ["half"], ("half",), every)[1] == ["half"]
    nine = pd.DataFrame({"done": [0, 0, 0, 4, 8, 3, 2, 5, 6], "due": 8, "level": np.repeat([1, 2, 3], 3)})
    assert made.without_decided(nine, ["level"], ("level",), nine["due"] > 0)[1] == []
    assert made.without_decided(nine, ["level"], (), nine["due"] > 0)[1] == ["level"]
    # where all others are alike too the label is not to blame
    alike = people(sex=["x"] * 4 + ["m"] * 4).assign(done=0)
    assert made.without_decided(alike, ["sex"], (), every)[1] == []


def test_a_column_that_says_what_a_score_or_another_says_is_left_out_with_a_sentence() -> None:
    rng = np.random.default_rng(3)
    score, a, b = rng.standard_normal((3, 200))
    frame = pd.DataFrame({"score": score, "a": a, "b": b, "again": -score + 0.05 * b})
    frame["twin"], frame["total"], frame["near"] = a + 0.05 * b, 2 * a - b, a + 0.3 * b
    kept, said = made.without_repeats(frame, ["score"], ["a", "b", "again", "twin", "total", "near"])
    assert kept == ["a", "b"]
    r = [np.corrcoef(score, frame["again"])[0, 1], np.corrcoef(a, frame["twin"])[0, 1]]
    assert "again repeats the score score (correlation −" in said[0] and f"{-r[0]:.3f}"[1:] in said[0]
    assert "twin repeats a (correlation" in said[1] and f"{r[1]:.3f}".lstrip("0") in said[1]
    assert said[2].endswith("total is a sum of other columns held constant")
    assert said[3].endswith("near is a sum of other columns held constant") and len(said) == 4
    assert made.without_repeats(frame, ["score"], ["near", "a"])[0] == ["near", "a"]
    assert made.without_repeats(frame, [], ["score", "again"])[0] == ["score"]


def test_shares_of_its_own_and_the_condition_are_those_of_the_books() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 50))
    r = np.corrcoef(x, y)[0, 1]
    assert made.own_share(x + 3, y[:, None]) == pytest.approx(1 - r**2)
    design = np.column_stack([np.full(50, 2.0), x])
    unit = design / np.linalg.norm(design, axis=0)
    roots = np.sqrt(np.linalg.eigvalsh(unit.T @ unit))
    assert made.condition_number(design) == pytest.approx(roots[1] / roots[0])
    assert made.condition_number(np.ones((4, 2))) > 1e7


# pauses


def test_stretches_away_begin_a_pause_after_use_and_not_before_the_landmark() -> None:
    found = pauses.stretches_away(
        pd.DataFrame(
            {"participant": [2, 1, 1, 1], "last_use": [5.0, 2, 22, 40], "back": [30.0, 12, 40, 60.5]}
        ),
        pd.DataFrame(
            {
                "participant": [1.0, 2, 3, 4, 5],
                "last_use_whole": [76.0, 30, NAN, 20, 78],
                "end_day": [84.0, 84, 84, 26, 84],
            }
        ),
        longest=7,
        landmark=28,
    )
    assert found.values.tolist() == [
        ["1", 29.0, 40.0, 1.0],
        ["1", 47.0, 60.5, 1.0],
        ["1", 83.0, 84.0, 0.0],
        ["2", 28.0, 30.0, 1.0],
        ["2", 37.0, 84.0, 0.0],
    ]


def design(**given: Any) -> Any:
    return SimpleNamespace(
        **{"cluster": None, "lost": "", "early": ["a", "b", "curve"], "adjusters": ["a", "b", "curve", "c"]}
        | given
    )


def test_columns_are_held_as_far_as_returns_bear_them() -> None:
    rng = np.random.default_rng(8)
    rows = pd.DataFrame(rng.standard_normal((60, 5)), columns=["a", "b", "c", "curve", "score"])
    ask = lambda returns, **c: pauses.borne(rows.assign(**c), design(), ["score"], returns)  # noqa: E731
    assert ask(0) == ["a", "b"] and ask(39) == ["a", "b"]
    assert ask(40) == ["a", "b", "c"] and ask(50) == ["a", "b", "c", "curve"]
    assert ask(50, b=1.0) == ["a", "c", "curve"]
    assert ask(50, b=rows["a"] * 2) == ["a", "c", "curve"]
    like = rows.assign(c=rows["score"] + 0.01 * rows["a"], other=rng.standard_normal(60))
    for scores in (["score"], ["other", "score"], ["score", "other"]):
        assert pauses.borne(like, design(), scores, 50) == ["a", "b", "curve"]


def test_returns_are_of_people_who_can_be_analysed_and_are_never_supported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = pd.DataFrame(
        {
            "participant": ["p1", "p1", "p2", "gone"],
            "away_from": [28.0, 50, 30, 40],
            "away_to": [30.0, 60, 84, 50],
            "came_back": [1.0, 1.0, 0.0, 1.0],
        }
    )
    frame = pd.DataFrame(
        {"participant": ["p1", "p2", "p3"], "score": [1.0, 2, 3], "other": 1.0, "a": [1.0, 2, 4]}
    )
    limits = {"score": (0.8, 1.2), "other": (1.1, 1.5)}
    asked: list[dict[str, Any]] = []

    def recurrent(rows: pd.DataFrame, **given: Any) -> Any:
        asked.append({"rows": rows, **given})
        name = given["predictors"][0]
        if name == "bad":
            raise ToolkitError("recurrent_events: nothing moves.\nHint: none.")
        low, high = limits[name]
        effects = pd.DataFrame({"term": [name, "a"], "ci_lower": low, "ci_upper": high})
        return SimpleNamespace(effects=effects, people=pd.DataFrame({"events": [0], "n": [2]}))

    monkeypatch.setattr(pauses, "recurrent_events", recurrent)
    monkeypatch.setattr(pauses, "borne", lambda *_: ["a"])
    frame["bad"] = 0.0
    given = design(frame=frame, adjusters=["a", "b"])
    found = pauses.returns_of(away, given, ["score", "other", "bad"], confidence=0.9)
    assert (found.n_people, found.n_stretches, found.n_returns) == (2, 3, 2)
    assert found.failed == [("bad", "nothing moves.")] and found.left_out == ["b"]
    assert found.effects["predictor"].tolist() == ["score", "other"]
    assert found.effects["claim"].tolist() == [str(Claim.NOT_FOUND), str(Claim.UNTOLD)]
    assert asked[0]["confidence"] == 0.9 and asked[0]["adjust_for"] == ["a"] and len(asked[0]["rows"]) == 3
    limits["score"] = (1.0, 1.2)
    assert pauses.returns_of(away, given, ["score"]).effects["claim"].tolist() == [str(Claim.NOT_FOUND)]
    lost = design(frame=frame, adjusters=["a"], lost="ids of nobody")
    assert pauses.returns_of(away, lost, ["score"]).effects["claim"].tolist() == [str(Claim.UNTOLD)]
    with pytest.raises(NotEstimableError, match="nothing moves"):
        pauses.returns_of(away, given, ["bad"])
    with pytest.raises(NotEstimableError, match="nobody of those who can be analysed paused"):
        pauses.returns_of(away, design(frame=frame.iloc[2:]), ["score"])
