"""Who is lost when tables are joined, and what becomes of a covariate: counts and edges made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from analysis.pipeline.covariates import (
    Use,
    _as_planned,
    planned_groups,
    sentinels,
    sorted_out,
    suspected_covariates,
)
from analysis.pipeline.joining import (
    people_who_answered,
    refuse_joins_without_ids,
    refuse_like_waves,
    whole_labels,
)
from analysis.planning.definition import Grouping, Plan
from instrument.errors import ResponseDataError, ToolkitWarning


def people(*names: Any) -> pd.DataFrame:
    return pd.DataFrame({"participant": list(names)})


def joined(responses: pd.DataFrame, measures: Any = (), *, usage: bool = False, **tables: Any) -> list[str]:
    return refuse_joins_without_ids(responses, tables, measures, usage=usage)


def test_people_who_are_lost_are_counted_on_the_side_that_should_hold_them() -> None:
    answers = people("a", "b", "b", "c", "d")  # four people, one of them twice
    assert joined(answers, covariates=people("a", "b", "x")) == [
        "2 of 4 people who answered are not in the table of covariates"
    ]
    assert joined(answers, enrolment=people("a", "b", "c", "d", "e")) == []
    assert joined(answers, outcomes=people("a", "x", "y", None)) == [
        "2 of 3 people in the table of outcomes are not in the answers"
    ]
    # Who is enrolled, or has covariates, is known though nothing was answered.
    assert joined(answers, outcomes=people("a", "x", "y"), enrolment=people("a", "b", "c", "d", "x")) == [
        "1 of 3 people in the table of outcomes are not in the answers or the table of enrolment"
    ]
    assert joined(answers, outcomes=people("a", "x"), covariates=people("a", "b", "c", "d", "x")) == []
    assert joined(answers, outcomes=people("a", "x"), events=people("a", "x", "z")) == [
        "1 of 2 people in the table of outcomes are not in the answers",
        "2 of 3 people in the table of events are not in the answers",
    ]
    assert joined(people(1, 2), outcomes=people("1", "2"), covariates=None) == []
    assert joined(answers, outcomes=people()) == []
    answers.attrs["notes"] = ("2 of 4 people who answered are not in the table of covariates, as was said",)
    assert joined(answers, covariates=people("a", "b")) == []


def test_tables_that_share_nobody_or_name_nobody_are_refused() -> None:
    with pytest.raises(
        ResponseDataError, match="none of the 2 people of the table of outcomes is among the 1 who"
    ):
        joined(people("a"), outcomes=people("x", "y"))
    with pytest.raises(ResponseDataError, match="'outcomes' has no participant column"):
        joined(people("a"), outcomes=pd.DataFrame({"mood": [1]}))


def test_people_that_a_measure_shares_are_counted() -> None:
    other = SimpleNamespace(id="other", title="Other scale", item_ids=())
    assert joined(people("a", "b"), [(people("b", "b", "c", "x"), other)]) == [
        "Other scale: 1 of 3 people answered the scale too"
    ]
    assert joined(people("a", "b"), [(people(), other)]) == ["Other scale: nobody answered it"]
    with pytest.raises(ResponseDataError, match="none of the 2 people of measure 'other' is among the 1 who"):
        joined(people("a"), [(people("x", "y"), other)])


def test_who_has_a_row_and_no_answer_did_not_answer() -> None:
    """Rows without any answer counted as people who answered, on both sides."""
    scale = cast(Any, SimpleNamespace(item_ids=("q1", "q2")))
    answers = people("a", "b", "c", "d").assign(q1=[1, None, None, 3], q2=[None, None, 2, 4])
    assert people_who_answered(answers, scale) == {"a", "c", "d"}
    other = SimpleNamespace(id="other", title="Other scale", item_ids=("z1",))
    theirs = people("a", "b", "c", "d", "x").assign(z1=[1, 2, None, 4, 5])
    notes = refuse_joins_without_ids(
        answers,
        {"covariates": people("a"), "outcomes": people("b")},
        [(theirs, other)],
        usage=False,
        scale=scale,
    )
    assert notes == [
        "2 of 3 people who answered are not in the table of covariates",
        "Other scale: 2 of 4 people answered the scale too",  # a and d; b has a row alone
    ]


def test_a_measure_of_the_same_people_under_other_ids_is_refused() -> None:
    """Half of the people were lost where a file wrote 7 for 007, and a note said "70 of 120" and no more."""
    other = SimpleNamespace(id="other", title="Other scale", item_ids=())
    own = [f"{k:03d}" for k in range(1, 41)]
    odd = [name.lstrip("0") if k < 3 else name for k, name in enumerate(own)]
    with pytest.raises(
        ResponseDataError, match="3 of 40 people of measure 'other' would match but for leading"
    ):
        joined(people(*own), [(people(*odd), other)])
    one = [own[0].lstrip("0"), *own[1:]]
    assert joined(people(*own), [(people(*one), other)]) == [
        "suspicion: 1 of 40 people of measure 'other' would match but for leading zeros",
        "Other scale: 39 of 40 people answered the scale too",
    ]


def test_a_measure_that_writes_a_wave_otherwise_is_refused() -> None:
    """Answers at "Week2" met none at "week2": correlations with them were left out without a word."""
    other = SimpleNamespace(id="other", title="Other scale", item_ids=())
    own = people("a", "b", "a", "b").assign(wave=["week2", "week2", "week8", "week8"])
    odd = own.assign(wave=["Week2", "Week2", "week8", "week8"])
    with pytest.raises(ResponseDataError, match="writes waves otherwise than the scale: 'Week2' for 'week2'"):
        joined(own, [(odd, other)])
    assert joined(own, [(own.assign(wave=["intake", "intake", "week8", "week8"]), other)]) == [
        "Other scale: 2 of 2 people answered the scale too"
    ]


def test_a_wave_in_two_writings_is_refused_where_one_of_them_is_right() -> None:
    """Rows at "Week2" beside rows at "week2" met none, and nothing was said since the other did."""
    other = SimpleNamespace(id="other", title="Other scale", item_ids=())
    own = people("a", "b", "a", "b").assign(wave=["week2", "week2", "week8", "week8"])
    both = people("a", "b", "a", "b").assign(wave=["week2", "Week2", "week8", "week8"])
    with pytest.raises(ResponseDataError, match="writes waves otherwise than the scale: 'Week2' for 'week2'"):
        joined(own, [(both, other)])
    assert len(joined(both, [(both, other)])) == 1  # the scale itself has both
    plan = cast(Any, SimpleNamespace(waves=[SimpleNamespace(name="week2"), SimpleNamespace(name="week8")]))
    with pytest.raises(ResponseDataError, match="write waves otherwise than the study: 'Week2' for 'week2'"):
        refuse_like_waves(both, plan)
    assert refuse_like_waves(own, plan) == []
    assert refuse_like_waves(own.assign(wave=["week2", "later", "later", "later"]), plan) == []
    assert refuse_like_waves(own.assign(wave="later"), plan) == [
        "suspicion: the study holds none of the waves of the answers: 'week2', 'week8' and 'later'"
    ]


def test_one_in_twenty_may_almost_match_and_rows_of_nobody_repeat_nobody() -> None:
    other = SimpleNamespace(id="other", title="Other scale", item_ids=())
    own = [f"p{k:02d}" for k in range(20)]
    for n, refused in ((20, False), (19, True)):  # one of twenty is 5 %, one of nineteen is more
        odd = people(*own[: n - 1], own[n - 1].upper())
        if refused:
            with pytest.raises(ResponseDataError, match=f"1 of {n} people .* would match but for capitals"):
                joined(people(*own[:n]), [(odd, other)])
        else:
            assert joined(people(*own[:n]), [(odd, other)])[0].startswith("suspicion: 1 of 20 people")
    assert joined(people("a", "b"), covariates=people("a", "b", None, None)) == []
    with pytest.raises(ResponseDataError, match="2 rows of the table of covariates repeat a participant"):
        joined(people("a", "b"), covariates=people("a", "a", "a", "b"))
    twice = people("a", "a", "b").assign(wave=[1, 2, 1])
    assert joined(people("a", "b"), outcomes=twice) == []
    with pytest.raises(
        ResponseDataError, match="1 rows of the table of outcomes repeat a participant at a w"
    ):
        joined(people("a", "b"), outcomes=twice.assign(wave=1))
    with pytest.raises(ResponseDataError, match="1 rows of the table of covariates repeat a participant"):
        joined(people("a", "b"), covariates=twice)


AS_NUMBERS = {
    "decimals": lambda ids: [float(one) for one in ids],
    "objects": lambda ids: pd.Series([float(ids[0]), *map(int, ids[1:])], dtype=object),
    "categories": lambda ids: pd.Categorical([float(one) for one in ids]),
    "nullable": lambda ids: pd.array([float(one) for one in ids], dtype="Float64"),
    "Arrow": lambda ids: pd.array([float(one) for one in ids], dtype="double[pyarrow]"),
}


@pytest.mark.parametrize("kind", AS_NUMBERS)
def test_ids_and_waves_that_pandas_gave_decimals_are_those_that_were_given(kind: str) -> None:
    plain = pd.DataFrame({"participant": ["7", "8", "10"], "wave": ["1", "1", "2"], "mood": [3.0, 4.5, 7.0]})
    odd = plain.assign(
        participant=AS_NUMBERS[kind](list(plain["participant"])), wave=AS_NUMBERS[kind](list(plain["wave"]))
    )
    made = whole_labels(odd)
    assert made.astype({"participant": str, "wave": str}).equals(
        plain.astype({"participant": str, "wave": str})
    )
    assert whole_labels(plain) is plain  # nothing is copied where nothing is to be done
    numbers = plain.astype({"participant": int})
    assert whole_labels(numbers) is numbers


def test_no_id_and_half_an_id_are_left_as_they_are() -> None:
    odd = pd.DataFrame({"participant": [7.0, np.nan, 8.5]})
    assert whole_labels(odd)["participant"].isna().tolist() == [False, True, False]
    assert whole_labels(odd)["participant"].dropna().tolist() == ["7", "8.5"]


def of_levels(**sizes: int) -> pd.Series:
    return pd.Series([name for name, size in sizes.items() for _ in range(size)])


def test_groups_are_two_to_four_levels_of_a_hundred_and_twenty() -> None:
    two = sorted_out("sex", of_levels(f=120, m=120))
    assert (two.use, two.compared, two.reason) == (Use.GROUPS, ("f", "m"), "")
    rest = sorted_out("sex", of_levels(x=119, f=120, m=200))
    assert (rest.use, rest.compared) == (Use.GROUPS, ("f", "m"))
    assert rest.reason == "levels of fewer than 120 people are left out"
    assert rest.groups.notna().sum() == 320 and set(rest.groups.dropna()) == {"f", "m"}
    one = sorted_out("sex", of_levels(f=119, m=120))
    assert (one.use, one.reason) == (Use.LEFT_OUT, "fewer than two levels have 120 people or more")
    assert sorted_out("site", of_levels(a=120, b=120, c=120, d=120)).use == Use.GROUPS
    five = sorted_out("site", of_levels(a=120, b=120, c=120, d=120, e=120))
    assert (five.use, five.reason) == (
        Use.LEFT_OUT,
        "5 levels have 120 people or more; at most 4 are compared",
    )


def test_amounts_are_numbers_of_more_than_seven_values_known_of_thirty() -> None:
    values = pd.Series([k % 8 for k in range(30)] + [None] * 5)
    amounts = sorted_out("age", values)
    assert amounts.use == Use.CONTINUOUS and amounts.values.isna().sum() == 5
    assert sorted_out("age", values.iloc[1:]).reason == "fewer than 30 people have a value"
    seven = sorted_out("age", pd.Series([float(k % 7) for k in range(700)]))
    assert seven.use == Use.LEFT_OUT and "fewer than two levels" in seven.reason
    assert sorted_out("x", pd.Series([None, None])).reason == "nobody who answered has a value"
    assert sorted_out("x", pd.Series([3, 3, None])).reason == "one value for everyone"
    days = pd.Series(pd.date_range("2026-01-01", periods=40))
    assert sorted_out("x", days).reason == "a date is neither a group nor an amount"
    text = pd.Series([str(k) for k in range(39)] + ["many"])
    assert sorted_out("x", text).use == Use.LEFT_OUT


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([18, 44, 71, 999, 999], {999: 2}),
        ([18, 44, 71, 999], {}),  # once is no mark
        ([18, 44, 99, 99, 71], {}),  # nearer than the whole range
        ([18, 44, 99, 99], {99: 2}),
        ([0, 10, 49.5, 99, 99], {99: 2}),  # as far away as they reach
        ([0, 10, 49.6, 99, 99], {}),
        ([20, 30, -9, -9], {-9: 2}),
        ([0, 30, -9, -9], {-9: 2}),  # nothing else is below zero
        ([-3, 30, -9, -9], {}),  # below zero where others are too
        ([-3, 5, -99, -99], {-99: 2}),  # and far below them
        ([0, 1, 9, 9], {}),  # nine visits are an amount
        ([1, 2, 8887, 8887], {}),
        ([99, 99], {}),
    ],
)
def test_marks_of_missing_values_among_amounts(values: list[float], found: dict[float, int]) -> None:
    assert sentinels(np.array([*values, np.nan], dtype=float)) == found


def test_a_suspicion_names_covariate_code_and_count() -> None:
    table = pd.DataFrame(
        {
            "participant": ["a", "b", "c", "d"],
            "age": [20, 30, 999, 999],
            "ok": [True, False] * 2,
            "town": ["x", "y"] * 2,
        }
    )
    with pytest.warns(ToolkitWarning, match="2 people have 999 in covariate 'age'"):
        notes = suspected_covariates(SimpleNamespace(known_covariates=table, outcomes=None))  # type: ignore[arg-type]
    assert notes == ("suspicion: 2 people have 999 in covariate 'age', far from the other values",)
    none = SimpleNamespace(known_covariates=None, outcomes=None)
    assert suspected_covariates(none) == ()  # type: ignore[arg-type]


def test_a_mark_among_outcomes_is_suspected_too_and_people_are_counted_once() -> None:
    outcomes = pd.DataFrame(
        {"participant": ["a", "a", "b", "c", "d"], "wave": [1, 2, 1, 1, 999], "mood": [999, 999, 999, 4, 7]}
    )
    context = SimpleNamespace(known_covariates=outcomes[["participant"]].drop_duplicates(), outcomes=outcomes)
    with pytest.warns(ToolkitWarning, match="2 people have 999 in outcome 'mood'"):
        notes = suspected_covariates(context)  # type: ignore[arg-type]
    assert notes == ("suspicion: 2 people have 999 in outcome 'mood', far from the other values",)


def test_a_grouping_of_a_plan_may_ask_for_other_sizes_than_the_rest() -> None:
    values = of_levels(a=30, b=40, c=50)
    plan = Plan.model_validate(
        {"schema": 1, "smallest_group": 45, "groups": {"site": {"smallest": 31}, "plain": {}}}
    )
    found = {name: _as_planned(name, values, plan) for name in ("site", "plain", "other")}
    assert found["site"].compared == ("b", "c")
    assert found["plain"].reason.endswith("fewer than two levels have 45 people or more")
    assert found["other"].use == Use.LEFT_OUT  # too small by the size of the plan, and not named in it
    large = _as_planned("other", of_levels(a=45, b=46), plan)
    assert (large.use, large.reason) == (Use.LEFT_OUT, "the plan compares other groups")


def test_true_and_false_are_two_groups() -> None:
    found = sorted_out("paid", pd.Series([True] * 120 + [False] * 121), smallest=120)
    assert (found.use, found.compared) == (Use.GROUPS, (True, False))


def test_planned_groups_are_formed_as_the_plan_names_them() -> None:
    values = of_levels(a=30, b=40, c=50, d=29)
    found = planned_groups("site", values, Grouping(reference="c", leave_out=("b",)), 30)
    assert (found.use, found.compared) == (Use.GROUPS, ("c", "a"))
    assert found.reason == "left out by the plan: b; levels of fewer than 30 people are left out: d"
    assert found.groups.notna().sum() == 80
    plain = planned_groups("site", values, Grouping(), 29)
    assert (plain.compared, plain.reason) == (("a", "b", "c", "d"), "")
    two = planned_groups("site", values, Grouping(), 40)
    assert two.use == Use.GROUPS and two.compared == ("b", "c")
    one = planned_groups("site", values, Grouping(leave_out=("z",)), 41)
    assert one.use == Use.LEFT_OUT
    assert one.reason == (
        "nobody is in the planned levels z; levels of fewer than 41 people are left out: a, b, d; "
        "fewer than two levels have 41 people or more"
    )
    some = planned_groups("site", values, Grouping(leave_out=("z", "b")), 30)
    assert some.reason == (
        "left out by the plan: b; nobody is in the planned levels z; levels of fewer than 30 people are left out: d"
    )
    numbers = planned_groups("arm", pd.Series([1.0] * 5 + [2.0] * 5), Grouping(reference="2"), 5)
    assert numbers.compared == (2.0, 1.0)
