"""The parts of a plan that need no validation: differences, halves, merged categories, groups, intervals outside."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.common.rules import ALPHA, in_force, planned_rules
from analysis.pipeline.covariates import Use, planned_groups
from analysis.planning.applying import collapse_answers
from analysis.planning.definition import Grouping, Plan, Split, same_label
from analysis.planning.differences import differences
from analysis.planning.halves import half_of
from analysis.validity.check_hypotheses import check_hypotheses
from analysis.validity.expectation import Expectation
from instrument.common.nearest import nearest, nearest_key
from instrument.errors import DefinitionError


@pytest.mark.parametrize(
    ("expected", "limits", "inside", "outside"),
    [
        (">= 0.3", (0.3, 0.5), True, False),
        (">= 0.3", (0.1, 0.3), False, False),
        (">= 0.3", (0.1, 0.299), False, True),
        ("> 0.3", (0.1, 0.3), False, True),
        ("> 0.3", (0.3, 0.5), False, False),
        ("<= -0.2", (-0.5, -0.2), True, False),
        ("<= -0.2", (-0.2, 0.1), False, False),
        ("< -0.2", (-0.2, 0.1), False, True),
        ("0.2 to 0.4", (0.2, 0.4), True, False),
        ("0.2 to 0.4", (0.41, 0.6), False, True),
        ("0.2 to 0.4", (0.3, 0.6), False, False),
        ("|r| < 0.2", (-0.1, 0.15), True, False),
        ("|r| < 0.2", (-0.3, 0.1), False, False),
        ("|r| < 0.2", (-0.5, -0.2), False, True),
        ("|r| < 0.2", (0.25, 0.4), False, True),
        ("|r| >= 0.3", (-0.2, 0.25), False, True),
        ("|r| >= 0.3", (-0.6, 0.6), False, False),
        ("|r| >= 0.3", (-0.5, -0.3), True, False),
        (">= 0.3", (math.nan, 0.2), False, False),
        (">= 0.3", (0.1, math.nan), False, False),
    ],
)
def test_an_interval_lies_inside_outside_or_on_both_sides(
    expected: str, limits: tuple[float, float], inside: bool, outside: bool
) -> None:
    wanted = Expectation.parse(expected)
    assert wanted.holds_throughout(*limits) is inside
    assert wanted.fails_throughout(*limits) is outside
    plan = [{"id": "h", "measure": "an effect", "expected": expected}]
    if not any(map(math.isnan, limits)):
        status = "confirmed" if inside else "not confirmed" if outside else "cannot be told"
        middle = (limits[0] + limits[1]) / 2
        found = check_hypotheses(plan, values={"h": (middle, *limits)}, judged_by="interval")
        assert found.table.loc["h", "status"] == status
        assert found.n_evaluated == (0 if status == "cannot be told" else 1)
        assert math.isnan(found.share) == (status == "cannot be told")


def test_a_hypothesis_without_an_interval_cannot_be_told_by_it() -> None:
    plan = [{"id": "h", "measure": "an effect", "expected": ">= 0.3"}]
    assert (
        check_hypotheses(plan, values={"h": 0.9}, judged_by="interval").table.loc["h", "status"]
        == "cannot be told"
    )
    assert check_hypotheses(plan, values={"h": 0.9}).table.loc["h", "status"] == "confirmed"
    with pytest.raises(DefinitionError, match="judged_by"):
        check_hypotheses(plan, values={"h": 0.9}, judged_by="luck")


def test_differences_are_named_by_path() -> None:
    before = {
        "a": 1,
        "b": [{"id": "x", "v": 1}, {"id": "y", "v": 2}],
        "c": {"k": 1},
        "d": [1, 2],
        "e": None,
        "f": True,
    }
    after = {
        "a": 1,
        "b": [{"id": "y", "v": 3}, {"id": "x", "v": 1}],
        "c": {"k": 1, "l": 2},
        "d": [2],
        "e": "new",
        "f": 1,
    }
    found = {one.path: (one.before, one.after, one.added, one.removed) for one in differences(before, after)}
    assert found == {
        "b.y.v": (2, 3, False, False),
        "b.order": ("x, y", "y, x", False, False),
        "c.l": (None, 2, True, False),
        "d": ([1, 2], [2], False, False),
        "e": (None, "new", True, False),
        "f": (True, 1, False, False),
    }
    assert [one.removed for one in differences({"a": [{"id": "x"}]}, {"a": []})] == [True]
    one, two = {"id": "x", "b": 1}, {"id": "y", "b": 2}
    assert [one.path for one in differences({"a": []}, {"a": [one, two]})] == ["a.x", "a.y"]
    assert [one.path for one in differences({"a": [one, two]}, {"a": []})] == ["a.x", "a.y"]
    assert differences({"a": []}, {"a": []}) == []
    assert differences(before, before) == []
    assert [one.path for one in differences({"models": {"a": 1, "b": 2}}, {"models": {"b": 2, "a": 1}})] == [
        "models.order"
    ]
    assert differences({"rules": {"a": 1, "b": 2}}, {"rules": {"b": 2, "a": 1}}) == []
    doubled = [{"id": "x"}, {"id": "x"}]
    assert [one.path for one in differences({"a": doubled}, {"a": doubled[:1]})] == ["a"]


def test_halves_depend_on_seed_and_id_alone() -> None:
    ids = pd.Series([f"p{k}" for k in range(4000)])
    whole = half_of(ids, Split(seed=1))
    assert abs((whole == "exploration").mean() - 0.5) < 0.03
    assert abs((half_of(ids, Split(seed=1, explore=0.2)) == "exploration").mean() - 0.2) < 0.03
    shuffled = ids.sample(frac=0.3, random_state=2)
    assert (half_of(shuffled, Split(seed=1)) == whole[shuffled.index]).all()
    assert set(whole) == {"exploration", "confirmation"}
    assert 0.4 < (half_of(ids, Split(seed=2)) != whole).mean() < 0.6
    assert (
        half_of(pd.Series([1, 2, 3]), Split(seed=1)).tolist()
        == half_of(pd.Series(["1", "2", "3"]), Split(seed=1)).tolist()
    )


def test_categories_are_merged_and_gaps_stay() -> None:
    table = pd.DataFrame({"a": pd.array([1, 2, None, 5], dtype="Int64"), "b": [5, 5, 1, 1]})
    made = collapse_answers(table, {"a": {5: 4, 1: 2}, "z": {1: 2}})
    assert made["a"].tolist()[:2] == [2, 2] and made["a"].isna().tolist() == [False, False, True, False]
    assert made["a"].iloc[3] == 4 and made["b"].tolist() == [5, 5, 1, 1] and table["a"].iloc[0] == 1
    assert made.dtypes.tolist() == table.dtypes.tolist()


def test_planned_groups() -> None:
    values = pd.Series(["a"] * 30 + ["b"] * 20 + ["c"] * 9 + [None] * 5)
    found = planned_groups("g", values, Grouping(reference="b"), 10)
    assert found.use is Use.GROUPS and found.compared == ("b", "a")
    assert found.reason == "levels of fewer than 10 people are left out: c"
    assert planned_groups("g", values, Grouping(leave_out=("a",)), 9).compared == ("b", "c")
    assert planned_groups("g", values, Grouping(leave_out=("a",)), 10).use is Use.LEFT_OUT
    assert (
        "nobody is in the planned levels d" in planned_groups("g", values, Grouping(reference="d"), 10).reason
    )
    codes = pd.Series(np.repeat([1.0, 2.0, 3.0], 20))
    assert planned_groups("g", codes, Grouping(reference=2, leave_out=(3,)), 10).compared == (2.0, 1.0)
    assert same_label(1.0) == same_label(1) == same_label("1") == "1" and same_label(1.5) == "1.5"


def test_the_order_of_models_is_sealed_and_that_of_groups_is_not() -> None:
    one, other = {"a": "f =~ x + y", "b": "g =~ x + y"}, {"b": "g =~ x + y", "a": "f =~ x + y"}
    assert Plan(models=one).to_json() != Plan(models=other).to_json()
    groups = ({"s": {}, "t": {}}, {"t": {}, "s": {}})
    assert len({Plan.model_validate({"groups": given}).to_json() for given in groups}) == 1


def test_cut_offs_hold_within_and_only_there() -> None:
    with in_force({"ALPHA": 0.9}), in_force({"CFI": 0.9}):
        assert ALPHA.cutoff == 0.7  # the inner plan lays nothing down about it
    with in_force({"ALPHA": 0.9}):
        assert not ALPHA.holds(0.85) and ALPHA.holds(0.9) and ALPHA.planned == 0.9
    assert ALPHA.holds(0.85) and ALPHA.planned is None
    with pytest.raises(DefinitionError, match="FEWEST_PEOPLE"), in_force({"FEWEST_PEOPLE": 5}):
        pass
    names = [rule.published_name for rule in planned_rules().values()]
    assert len(set(names)) == len(names)


def test_the_nearest_key_is_that_of_the_place() -> None:
    assert nearest_key(Plan, ("hypotheses", 0, "exspected")) == "expected"
    assert nearest_key(Plan, ("hypotheses", 0, "wth")) == "with"
    assert nearest_key(Plan, ("groups", "sex", "smalest")) == "smallest"
    assert nearest_key(Plan, ("split", "sed")) == "seed"
    assert nearest_key(Plan, ("qqqqqq",)) is None and nearest("", ["a"]) is None
