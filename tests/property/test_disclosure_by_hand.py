"""Small counts worked out on paper: which cell goes with which, which stays, and what words keep."""

from __future__ import annotations

import io
import itertools
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.disclosure.answers import hide_distributions
from analysis.disclosure.counts import Ledger, enter, is_number, share_of, small
from analysis.disclosure.kinds import (
    FEW,
    FOREIGN,
    GIVEN,
    TEXT,
    Kind,
    KindError,
    Moment,
    N,
    each,
    option,
    people,
    read_kind,
    refuse_unsaid,
    share,
    statistic,
    words,
)
from analysis.disclosure.ledger import Account, cell, known, value
from analysis.disclosure.shared import shared_tree
from analysis.disclosure.small_cells import hidden_run, hide_small, possible
from analysis.disclosure.texts import digits, masked, rounded
from analysis.report.markdown import render_markdown
from analysis.report.short_forms import render_short_html
from dashboard.sharing import handouts, tables_zip
from instrument.common.formatting import format_value

sys.path.insert(0, str(Path(__file__).parent))
from trees_to_share import caption, section

# which cells go


def hide(
    values: list[int],
    relations: list[list[int]],
    *,
    unseen: tuple[int, ...] = (),
    weights: list[int] | None = None,
) -> list[int]:
    shown = np.array([place not in unseen for place in range(len(values))])
    found = hide_small(
        np.array(values, dtype=np.int64),
        np.array(relations, dtype=float),
        shown=shown,
        weights=np.array(weights or [0] * len(values), dtype=np.int64),
    )
    return np.flatnonzero(found).tolist()


def test_the_lightest_goes_with_a_small_cell_then_the_smallest() -> None:
    whole = [[1, 1, 1, -1]]
    assert hide([3, 20, 10, 33], whole, weights=[0, 0, 1, 9]) == [0, 1]
    assert hide([3, 20, 10, 33], whole, weights=[0, 1, 1, 9]) == [0, 2]
    assert hide([3, 10, 10, 23], whole, weights=[0, 1, 1, 9]) == [0, 1]
    assert hide([5, 20, 10, 35], whole) == []
    assert hide([4, 20, 10, 34], whole, weights=[0, 0, 0, 9]) == [0, 2]


def test_two_small_cells_that_cannot_reach_four_need_a_third() -> None:
    """3 + 0 = 3 is known where 5 of 8 is printed: the first could not be 4."""
    assert hide([3, 0, 5, 8], [[1, 1, 1, -1]], weights=[0, 0, 0, 9]) == [0, 1, 2]
    assert hide([3, 1, 5, 9], [[1, 1, 1, -1]], weights=[0, 0, 0, 9]) == [0, 1]


def test_a_small_sum_follows_no_part_that_has_too_little_to_give() -> None:
    """2 + 2 are four whatever each is, since 6 of 10 is printed: nought, two and two are never fewer than four."""
    relations = [[1, 1, 1, -1, 0, 0], [0, 1, 1, 0, 1, -1]]
    gone = hide([0, 2, 2, 4, 6, 10], relations, weights=[0, 0, 0, 0, 1, 2])
    assert gone == [0, 1, 2, 3, 4]


def test_a_rest_of_five_cannot_take_two_that_rise_together() -> None:
    """Where a + b + rest = 10 and b = a + 5, the rest of 5 holds a at two at the most."""
    relations = [[1, 1, 1, 0, -1], [1, -1, 0, 1, 0]]
    gone = hide([0, 5, 5, 5, 10], relations, unseen=(1, 2), weights=[0, 0, 0, 1, 2])
    assert 3 in gone
    assert hide([0, 5, 14, 5, 19], relations, unseen=(1, 2), weights=[0, 0, 0, 1, 2]) == [0, 1, 2]


def by_going_through(counts: list[int], codes: list[int], run: list[int], place: int) -> set[int]:
    people_, points = sum(counts[k] for k in run), sum(counts[k] * codes[k] for k in run)
    found = set()
    for others in itertools.product(range(people_ + 1), repeat=len(run)):
        if sum(others) == people_ and sum(n * codes[k] for n, k in zip(others, run, strict=True)) == points:
            found.add(others[run.index(place)])
    return {v for v in found if v < 5}


@pytest.mark.parametrize(
    "counts", [[10, 3, 9], [0, 9, 8], [8, 9, 0], [6, 0, 5, 6], [9, 2, 1, 5], [5, 0, 9, 7], [6, 6, 2, 5]]
)
def test_the_run_of_answers_that_goes(counts: list[int]) -> None:
    """The shortest run from the small ones outwards in which each could be 0 to 4; else all, and the mean if need be."""
    codes = list(range(1, len(counts) + 1))
    few = [k for k, n in enumerate(counts) if n < 5]
    run, without_mean = hidden_run(counts, codes)
    assert set(few) <= set(run) and run == list(range(run[0], run[-1] + 1))
    left = {place: by_going_through(counts, codes, run, place) for place in few}
    assert {place: set(possible(place, run, counts, codes)) for place in few} == left
    if len(run) < len(counts):
        assert all(len(found) == 5 for found in left.values()) and not without_mean
    else:
        assert without_mean == any(len(found) == 1 for found in left.values())


def test_runs_by_hand() -> None:
    assert hidden_run([5, 5, 5], [1, 2, 3]) == ([], False)
    assert hidden_run([20, 0], [1, 2]) == ([0, 1], True)  # two options: number and mean tell both
    assert hidden_run([9, 20, 3], [1, 2, 3])[0] == [0, 1, 2]
    # among three neighbours one can rise by t where the middle falls by 2 t: 0 to 4 all fit
    assert hidden_run([30, 40, 50, 3, 20, 10], [1, 2, 3, 4, 5, 6])[0] == [3, 4, 5]
    assert hidden_run([9, 9, 9, 9, 9, 9, 3], list(range(1, 8)))[0] == [4, 5, 6]
    assert hidden_run([3, 9, 9, 9, 9, 9, 9], list(range(1, 8)))[0] == [0, 1, 2]


def distribution(counts: list[int], *, options: int, item: str = "q1", lists: bool = True) -> dict[str, Any]:
    n = sum(counts)
    shares = {f"share_{k + 1}": [0.2, count / n] for k, count in enumerate(counts)}
    kinds = {"item": TEXT, "n": people(), **{f"share_{k + 1}": option(k + 1, "n") for k in range(options)}}
    kinds = dict(sorted(kinds.items(), reverse=True))  # the order of columns says nothing
    statistics = {"item": ["other", "q0", item], "n": [n] * 3}
    statistics |= {key: [1.0, 2.0, 3.0] for key in ("mean", "sd", "floor")}
    said = {"item": TEXT, "n": people(), "mean": statistic("n", moment=Moment.MEAN)}
    said |= {"sd": statistic("n", moment=Moment.SPREAD), "floor": statistic("n", moment=Moment.END)}
    return section(
        "items",
        n=n,
        tables={"d": {"item": ["q0", item], "n": [n, n], **shares}, "s": statistics},
        captions={
            "d": caption({}, kinds, **({"answers_of": ["s", "item"]} if lists else {})),
            "s": caption({}, said),
        },
    )


def gone_of(made: dict[str, Any], row: int = 1) -> set[tuple[str, str]]:
    rows = {"d": row, "s": 2}
    return {
        (str(path[1]), str(path[2])) for path in hide_distributions(made) if path[-1] == rows[str(path[1])]
    }


def test_the_moments_that_tell_a_hidden_answer_go_with_it() -> None:
    middle = distribution([30, 40, 50, 3, 20, 30, 40], options=7)
    run = hidden_run([30, 40, 50, 3, 20, 30, 40], range(1, 8))[0]
    shares = {("d", f"share_{k + 1}") for k in run}
    assert 0 not in run and 6 not in run
    assert gone_of(middle) == shares | {("s", "sd")}
    low = distribution([3, 40, 50, 60], options=4)
    assert ("s", "floor") in gone_of(low) and ("s", "mean") not in gone_of(low)
    high = distribution([60, 50, 40, 3], options=4)
    assert ("s", "floor") in gone_of(high)  # the lowest of a reversed item is the other end
    two = distribution([20, 3], options=2)
    assert gone_of(two) == {("d", "share_1"), ("d", "share_2"), ("s", "mean"), ("s", "sd"), ("s", "floor")}
    assert {path[-1] for path in hide_distributions(low) if path[1] == "s"} == {2}
    unlisted = distribution([3, 40, 50, 60], options=4, lists=False)
    assert {table for table, _ in gone_of(unlisted)} == {"d"}


def test_answers_without_a_number_are_hidden_whole_and_rounding_finds_their_counts() -> None:
    made = distribution([20, 30, 40], options=3)
    assert gone_of(made) == set()
    made["tables"]["d"]["share_2"][1] = None
    assert gone_of(made) == {("d", f"share_{k}") for k in (1, 2, 3)}
    # 5/49 × 49 is a little below five in floating point: it is five, and nothing is small
    share_ = 5 / 49
    near = distribution([5, 20, 24], options=3)
    near["tables"]["d"]["share_1"][1] = np.nextafter(share_, 0.0)
    assert gone_of(near) == set()


def test_options_beyond_nine_stand_in_the_order_of_their_numbers() -> None:
    counts = [30, 30, 30, 30, 30, 30, 30, 30, 30, 3]
    run = hidden_run(counts, range(1, 11))[0]
    made = distribution(counts, options=10)
    assert {key for table, key in gone_of(made) if table == "d"} == {f"share_{k + 1}" for k in run}


# the ledger of counts


def entered(*sections: tuple[str, dict[str, Any]]) -> Ledger:
    ledger = Ledger()
    enter(ledger, dict(sections))
    return ledger


def table_of(
    columns: dict[str, list[Any]],
    kinds: dict[str, Kind],
    n: int = 100,
    account: Account | None = None,
    **more: Any,
) -> dict[str, Any]:
    sums = more.pop("sums", None)
    shown = caption(dict.fromkeys(columns, "d2"), kinds, **({"sums": sums} if sums else {}))
    return section("s", n=n, tables={"t": columns}, captions={"t": shown}, account=account, **more)


def hidden_cells(made: dict[str, Any], key: str) -> list[int]:
    hidden = entered(("s", made)).hide()
    rows = range(len(made["tables"]["t"][key]))
    return [row for row in rows if hidden.holds(("s", "tables", "t", key, row))]


def test_the_edge_of_small() -> None:
    assert [small(value_) for value_ in (0, 4, 4.99, 5, None, True, "3")] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert is_number(0) and is_number(0.5) and not is_number(False) and not is_number("1")


def test_the_count_behind_a_share() -> None:
    assert [share_of(share_, 20) for share_ in (0, 1, 0.35, 0.333, 1.05, -0.05, None)] == [
        0,
        20,
        7,
        None,
        None,
        None,
        None,
    ]
    assert share_of(0.5, None) is None and share_of(1 / 3, 3) == 1


def test_a_sum_told_by_a_caption_counts_in_the_rows_that_have_all_its_terms() -> None:
    """Row by row: where one of the terms is not known nothing follows from the others."""
    kinds = dict.fromkeys(("up", "same", "down", "n"), people())
    columns = {"up": [3, 3, 3], "same": [30, None, 31], "down": [20, 21, 22], "n": [53, 54, None]}
    made = table_of(columns, kinds, sums=[[["up", "same", "down"], "n"]])
    assert {key: hidden_cells(made, key) for key in columns} == {
        "up": [0, 1, 2],
        "same": [],
        "down": [0],
        "n": [],
    }


def test_a_share_tells_its_part_and_its_rest() -> None:
    kinds = {"n": people(), "share": share("n")}
    made = table_of({"n": [40, 41, 42], "share": [0.9, 39 / 41, 20 / 42]}, kinds)
    assert hidden_cells(made, "share") == [0, 1]  # 4 and 2 are left; 20 of 42 tells nobody
    loose = table_of({"n": [40], "share": [0.95]}, {"n": people(), "share": share("n", protects_rest=False)})
    assert hidden_cells(loose, "share") == []
    answers = {"n": people(), "share": share("n", times=10, protects_rest=False)}
    made = table_of({"n": [40, 40], "share": [0.01, 0.02]}, answers)
    assert hidden_cells(made, "share") == [0]  # 4 and 8 of 400 answers
    sure = {"n": people(), "share": share("n", certain=[0])}
    made = table_of({"n": [40, 40], "share": [1.0, 1.0]}, sure)
    assert hidden_cells(made, "share") == [1]


def test_what_nobody_can_place_is_shut() -> None:
    kinds = {"n": people(), "share": share("n"), "lost": share("gone"), "gone": GIVEN}
    made = table_of({"n": [40], "share": [0.333], "lost": [0.5], "gone": [3]}, kinds)
    assert hidden_cells(made, "share") == [0] and hidden_cells(made, "lost") == [0]
    ledger = Ledger(shut={("x",)})
    assert ledger.hide().paths == {("x",)}
    ledger.add(50, ("y",))
    assert ledger.hide().paths == {("x",)}


def test_a_hidden_number_goes_wherever_it_stands_unless_both_have_names() -> None:
    ledger = Ledger()
    small_, large, whole = (ledger.add(n, (key,)) for n, key in ((3, "a"), (20, "b"), (23, "c")))
    ledger.weights[whole] = 9
    elsewhere = ledger.add(20, ("d",))
    ledger.counted |= {small_, large, whole, elsewhere}
    ledger.total([small_, large], whole)
    assert ledger.hide().paths == {("a",), ("b",), ("d",)}
    named = Ledger()
    small_ = named.add(3, ("a",))
    large, elsewhere = (named.add(20, (key,), name=name) for key, name in (("b", "one"), ("d", "other")))
    whole = named.add(23, ("c",), weight=9)
    named.counted |= {small_, large, whole, elsewhere}
    named.total([small_, large], whole)
    assert named.hide().paths == {("a",), ("b",)}


def test_one_name_with_two_numbers_is_two_counts_and_the_heavier_weight_stays() -> None:
    ledger = Ledger()
    first = ledger.add(20, ("a",), weight=3, name="same")
    assert ledger.add(20, ("b",), weight=1, name="same") == first and ledger.weights[first] == 3
    assert ledger.add(20, ("b",), weight=8, name="same") == first and ledger.weights[first] == 8
    assert ledger.add(21, ("c",), name="same") != first
    assert ledger.values == [20, 21]


def test_parts_and_their_rest() -> None:
    ledger = Ledger()
    whole, part = ledger.add(30, ("w",), weight=9), ledger.add(30, ("p",))
    ledger.part([part], whole, certain=True)
    assert len(ledger.values) == 2  # nobody is left, by what it means
    ledger.part([part], whole)
    assert ledger.values == [30, 30, 0] and ("p",) in ledger.hide().paths
    with pytest.raises(ValueError, match="more than their whole"):
        ledger.part([part], ledger.add(29, ("x",)))
    with pytest.raises(ValueError, match="do not"):
        ledger.total([whole], part, [2])
    hidden = ledger.hide()
    assert hidden.is_small(("p",)) is False and hidden.is_small(("nowhere",)) is False
    few = Ledger()
    few.add(3, ("first",))
    assert few.hide().is_small(("first",))
    few.add(2, name="left")
    assert few.hide().holds(("known", "left")) and not few.hide().holds(("known", "stayed"))


def test_those_who_left_between_two_rows_are_protected_within_their_group() -> None:
    columns = {"group": ["a", "a", "b", "b"], "n": [40, 37, 80, 60]}
    apart = {"group": TEXT, "n": people(falls=True, by="group")}
    assert hidden_cells(table_of(columns, apart, n=500), "n") in ([0], [1], [0, 1])
    steady = {"group": ["a", "b", "a", "b"], "n": [40, 38, 20, 18]}
    assert hidden_cells(table_of(steady, apart, n=500), "n") == []  # 38 is no part of 40
    as_one = {"group": TEXT, "n": people(falls=True)}
    assert hidden_cells(table_of(steady, as_one, n=500), "n") != []


def test_a_part_of_everyone_and_nobody_left() -> None:
    of_n = {"n": people(N)}
    assert hidden_cells(table_of({"n": [97]}, of_n), "n") == [0]
    assert hidden_cells(table_of({"n": [95]}, of_n), "n") == []
    assert hidden_cells(table_of({"n": [100]}, of_n), "n") == [0]
    assert hidden_cells(table_of({"n": [100]}, {"n": people(N, open_at_zero=True)}), "n") == []


def test_a_share_and_the_count_beside_it_are_one_number() -> None:
    columns = {"n": [50, 50], "left": [7, 3], "share": [0.14, 0.06]}
    kinds = {"n": people(weight=9), "left": people(), "share": share("n", count="left")}
    made = table_of(columns, kinds)
    assert hidden_cells(made, "left") == hidden_cells(made, "share") == [1]
    ledger = entered(("s", made))
    places = [ledger.where["s", "tables", "t", key, 0] for key in ("left", "share")]
    one = {frozenset(terms) for terms in ledger.sums}
    assert frozenset(places) in one
    # by chance the same number, without a word: below five it is not taken for the same
    unsaid = {"n": people(), "left": people(), "share": share("n")}
    ledger = entered(("s", table_of(columns, unsaid)))
    pairs = [
        frozenset(ledger.where["s", "tables", "t", key, row] for key in ("left", "share")) for row in (0, 1)
    ]
    held = {frozenset(terms) for terms in ledger.sums}
    assert [pair in held for pair in pairs] == [True, False]


def test_declared_sums_hide_the_next_and_half_a_sum_tells_nothing() -> None:
    columns = {"a": [30, 3], "b": [40, 50], "c": [70, 53]}
    kinds = {"a": people(), "b": people(weight=1), "c": people(weight=9)}
    assert hidden_cells(table_of(columns, kinds, sums=[[["a", "b"], "c"]]), "b") == [1]
    assert hidden_cells(table_of(columns, kinds), "b") == []
    account = Account()
    account.total([cell("t", "a", 1), cell("t", "b", 1)], cell("t", "c", 1))
    assert hidden_cells(table_of(columns, kinds, account=account), "b") == [1]
    missing = Account()
    missing.total([cell("t", "a", 0), cell("t", "b", 1), value("not there")], cell("t", "c", 1))
    assert hidden_cells(table_of(columns, kinds, account=missing), "b") == []
    twice = Account()
    twice.total([cell("t", "a", 0), cell("t", "b", 0)], known("double"), times=[2, 1])
    twice.population(known("double"), 100)
    table_of(columns, kinds, account=twice)
    assert len(entered(("s", table_of(columns, kinds, account=twice))).sums) >= 1
    rest = Account()
    rest.part(N, cell("t", "b", 0), cell("t", "b", 1))
    assert rest.plain()["sums"][0]["rest"] is True
    assert hidden_cells(table_of(columns, kinds, n=92, account=rest), "b") != []
    assert hidden_cells(table_of(columns, kinds, n=99, account=rest), "b") == []


def test_a_population_keeps_its_last_number() -> None:
    account = Account()
    assert account.population(known("wave", 1), 30) == ("known", "wave/1")
    account.population(known("wave", 1), 31)
    assert account.plain()["populations"] == {"wave/1": 31}


def test_groups_that_make_up_everyone_tell_each_other_unsaid() -> None:
    kinds = {"n": people()}
    assert hidden_cells(table_of({"n": [57, 3]}, kinds, n=60), "n") == [0, 1]
    assert hidden_cells(table_of({"n": [57, 3]}, kinds, n=66), "n") == [1]
    columns = {"whole": [60], "a": [57], "b": [3]}
    parts = {"whole": people(weight=9), "a": people("whole", rest="b"), "b": people("whole", rest="a")}
    assert hidden_cells(table_of(columns, parts, n=90), "a") == [0]


# what a kind says


def test_kinds_go_to_plain_data_and_back() -> None:
    for kind in (
        people("n", weight=2, names=["x"], falls=True, by="g", rest="r", open_at_zero=True, weights=[1, 2]),
        share(N, times=3, count="c", protects_rest=False, tells=["t"], certain=[0]),
        statistic("n", tells=[value("x")], ends=["floor"]),
        statistic("n", moment=Moment.MEAN),
        words(["{0} of {1}"], [[1, 2]], names=["a", "b"]),
        option(0, "n"),
    ):
        assert read_kind(kind.plain()) == kind
    assert statistic().on == (N,) and statistic("n").on == ("n",)
    assert statistic("n", moment=Moment.MEAN).fraction and statistic("n", ends=["f"]).fraction
    assert not statistic("n").fraction and statistic("n", fraction=True).fraction
    with pytest.raises(ValueError, match="no part 'other'"):
        read_kind({"what": "text", "other": 1})
    with pytest.raises(KindError, match="'b' has no kind"):
        refuse_unsaid("table", ["a", "b"], {"a": TEXT})


# words


@pytest.mark.parametrize(
    ("text", "spared", "left"),
    [
        ("2 rows: ['p1'].", (), "– rows: –."),
        ("item 'q7' of 'Ann'", ["q7"], "item 'q7' of –"),
        ("q7 and q8 have 3.5 people", ["q7"], "q7 and – have – people"),
        ("4 of 4", ["4"], "– of –"),
        ('the group "north" (n=3)', (), "the group – (–)"),
        ("nothing to hide", (), "nothing to hide"),
    ],
)
def test_numbers_and_names_in_words_made_elsewhere(text: str, spared: Any, left: str) -> None:
    assert masked(text, spared) == left


def test_digits_that_are_kept() -> None:
    assert [digits(form) for form in ("percent", "p", "d2", "r3", "b1", "int", None)] == [3, 4, 2, 3, 1, 3, 3]
    assert [digits(form, coarse=True) for form in ("percent", "p", "d2", "b3", None)] == [2, 4, 1, 1, 1]
    assert rounded(0.12345, "r2") == 0.12 and rounded(7, "d2") == 7 and rounded(True, "d2") is True


NUMBERS = st.one_of(
    st.floats(-1e6, 1e6),
    st.fractions(-3, 3, max_denominator=400).map(float),
    st.integers(-99_999, 99_999).map(lambda whole: whole / 100_000),
    st.integers(0, 400).map(lambda people: people / 400),  # shares that lie between two prints
)


@given(NUMBERS)
def test_a_shared_copy_prints_what_the_whole_prints(value: float) -> None:
    """A number is rounded once, whatever it is printed with later: .0012348 is .00, not .01 by way of .005."""
    for form in ("percent", "p", "d1", "d2", "d3", "r2", "r3", "int"):
        assert format_value(rounded(value, form), form) == format_value(value, form), form
    for form in ("int", "d1", "d2", "r2"):
        assert format_value(rounded(value, None), form) == format_value(value, form), form


# a whole tree


def shown(
    *, participants: int = 200, meta: dict[str, Any] | None = None, **sections: dict[str, Any]
) -> dict[str, Any]:
    held = {
        "participants": participants,
        "administrations": participants,
        "notes": [],
        "without_variation": ["q1"],
    }
    return shared_tree({"schema": 1, "meta": held | (meta or {}), "sections": sections, "properties": {}})


def test_a_section_of_four_is_closed_whole_and_one_of_four_apps_is_not() -> None:
    claims = [{"value": None, "verdict": "met", "property": "structure", "cause": None}]
    closed = shown(s=section("s", n=4, findings=claims, figures=["f"], values={}))["sections"]["s"]
    assert closed["status"] == "not_applicable" and closed["findings"] == [] and closed["method"]["n"] is None
    assert shown(s=section("s", n=5))["sections"]["s"]["status"] == "ok"
    assert shown(s=section("s", n=4, n_kind=GIVEN))["sections"]["s"]["status"] == "ok"
    assert shown(participants=4)["meta"]["without_variation"] == []
    assert shown(participants=5)["meta"]["without_variation"] == ["q1"]
    twice = shown(participants=4, meta={"administrations": 8})
    assert (twice["meta"]["participants"], twice["meta"]["administrations"]) == (None, None)
    few_left = shown(s=section("s", n=197, n_kind=people(known("participants"))))
    assert few_left["meta"]["participants"] == 200 and few_left["sections"]["s"]["method"]["n"] is None


def test_messages_of_sections_that_gave_nothing_hold_no_number() -> None:
    for status in ("failed", "untestable"):
        part = section("s", n=100) | {"status": status, "message": "only 3 of 40 in 'north'."}
        assert shown(s=part)["sections"]["s"]["message"] == "only – of – in –."


def test_what_tells_a_hidden_number_goes_though_that_number_is_large() -> None:
    kinds = {"stayed": people(N), "mean": statistic(tells=["stayed"])}
    table = shown(s=table_of({"stayed": [98, 60], "mean": [1.5, 2.5]}, kinds))["sections"]["s"]["tables"]["t"]
    assert table == {"stayed": [None, 60], "mean": [None, 2.5]}


def test_a_share_of_a_hidden_whole_goes_where_the_count_behind_it_is_printed() -> None:
    """98 of 100 are hidden; 49 and 50 % tell them, though each alone does not."""
    kinds = {"stayed": people(N), "done": share("stayed", protects_rest=False), "whole": people()}
    columns = {"stayed": [98, 60], "done": [0.5, 0.5], "whole": [49, 33]}
    table = shown(s=table_of(columns, kinds))["sections"]["s"]["tables"]["t"]
    assert table == {"stayed": [None, 60], "done": [None, 0.5], "whole": [49, 33]}
    table = shown(s=table_of(columns | {"whole": [48, 30]}, kinds))["sections"]["s"]["tables"]["t"]
    assert table == {"stayed": [None, 60], "done": [0.5, 0.5], "whole": [48, 30]}
    # where the count is hidden itself, three of 52 left, its number tells nothing
    apart = table_of({"stayed": [98, 60], "done": [0.5, 0.5]}, kinds)
    beside = table_of({"here": [49]}, {"here": people(N)}, n=52)
    found = shown(s=apart, u=beside)["sections"]
    assert found["u"]["tables"]["t"] == {"here": [None]}
    assert found["s"]["tables"]["t"] == {"stayed": [None, 60], "done": [0.5, 0.5]}


def test_a_share_of_a_hidden_whole_goes_where_what_it_leaves_is_printed() -> None:
    """60 of 64 are hidden; 52 who answered and 13.3 % who did not tell them."""
    kinds = {"all": people(N), "left": people(N, rest="all"), "n": people()}
    kinds["missing"] = share("all", rest="n")
    columns = {"all": [60], "left": [4], "n": [52], "missing": [8 / 60]}
    table = shown(s=table_of(columns, kinds, n=64))["sections"]["s"]["tables"]["t"]
    assert table == {"all": [None], "left": [None], "n": [52], "missing": [None]}
    columns = {"all": [160], "left": [40], "n": [150], "missing": [1 / 16]}
    table = shown(s=table_of(columns, kinds, n=200))["sections"]["s"]["tables"]["t"]
    assert table == {"all": [160], "left": [40], "n": [150], "missing": [0.06]}


def test_a_share_goes_with_a_count_that_goes_for_its_number() -> None:
    """98 of 100 are hidden elsewhere, and may be these 98: 49 % of 200 told them."""
    kinds = {"n": people(), "count": people(), "share": share("n", count="count", protects_rest=False)}
    mine = table_of({"n": [200, 200], "count": [98, 90], "share": [0.49, 0.45]}, kinds, n=300)
    found = shown(s=mine, u=table_of({"here": [98]}, {"here": people(N)}))["sections"]
    assert found["u"]["tables"]["t"] == {"here": [None]}
    assert found["s"]["tables"]["t"] == {"n": [200, 200], "count": [None, 90], "share": [None, 0.45]}


def test_a_share_of_the_answers_of_four_people_goes() -> None:
    kinds = {"n": people(), "share": share("n", times=10, protects_rest=False)}
    table = shown(s=table_of({"n": [4, 40], "share": [0.5, 0.5]}, kinds))["sections"]["s"]["tables"]["t"]
    assert table == {"n": [None, 40], "share": [None, 0.5]}


def test_properties_are_judged_anew_by_what_is_left() -> None:
    claim = {
        "verdict": "met",
        "passed": True,
        "cause": None,
        "property": "structure",
        "path": "sections.s.values.r",
    }
    made = section("s", n=100, values={"r": 0.91234}, value_kinds={"r": statistic(value("few"))})
    made["values"]["few"], made["kinds"]["values"]["few"] = 3, people().plain()
    made |= {"findings": [claim | {"value": 0.91234}], "prose": ["r = {r:r2}.", "Always."]}
    seen = shown(s=made)
    assert seen["properties"]["structure"]["state"] == "left_out"
    assert seen["sections"]["s"]["findings"][0]["verdict"] == "hidden"
    assert seen["sections"]["s"]["prose"][0] == "Always." and len(seen["sections"]["s"]["prose"]) == 2
    assert "kinds" not in seen["sections"]["s"] and "account" not in seen["sections"]["s"]
    made["values"]["few"] = 30
    kept = shown(s=made)
    assert kept["properties"]["structure"]["met"] == 1
    assert kept["sections"]["s"]["values"]["r"] == 0.91 and kept["sections"]["s"]["prose"][0] == "r = {r:r2}."


def test_a_share_that_is_hidden_is_hidden_wherever_the_same_digits_stand() -> None:
    columns = {"n": [90, 90], "share": [2 / 90, 0.5]}
    made = table_of(columns, {"n": people(), "share": share("n")}, n=90)
    made["values"], made["kinds"]["values"] = (
        {"top": 2 / 90, "mid": 0.5},
        each(statistic().plain(), "top mid"),
    )  # type: ignore[arg-type]
    made["tables"]["u"] = {"share": [2 / 90, 0.25]}
    made["captions"]["u"] = caption({"share": "percent"}, {"share": share(known("nobody"))})
    made["account"]["populations"] = {"nobody": 900}
    seen = shown(s=made)["sections"]["s"]
    assert seen["values"]["top"] is None and seen["values"]["mid"] == 0.5
    assert seen["tables"]["u"]["share"] == [None, 0.25]


def test_options_and_words_with_counts() -> None:
    made = section("s", n=100)
    made["method"]["options"] = {"few": 3, "many": 30, "rest": 97, "reason": "3 of them", "names": ["a 4"]}
    said = {"few": people(), "many": people(), "rest": people(N), "reason": FOREIGN, "names": FOREIGN}
    made["kinds"]["options"] = {key: kind.plain() for key, kind in said.items()}
    counts = words(["{0} here, {1} there"], [[30, 2]])
    made["values"], made["kinds"]["values"] = {"who": "30 here, 2 there"}, {"who": counts.plain()}
    seen = shown(s=made)["sections"]["s"]
    assert seen["method"]["options"] == {
        "few": "fewer than 5",
        "many": 30,
        "rest": "–",
        "reason": "– of them",
        "names": ["a –"],
    }
    assert seen["values"]["who"] == "30 here, – there"


def test_words_of_few_people_go_with_their_sentence() -> None:
    made = section("s", n=100, values={"w": "rare"}, value_kinds={"w": FEW}, prose=["Rarely: {w}.", "So."])
    seen = shown(s=made)["sections"]["s"]
    assert seen["values"]["w"] is None and seen["prose"][0] == "So."


def test_a_note_of_dashes_alone_goes_and_one_that_says_something_stays() -> None:
    said = {
        "first": "6 of 546 ids are unknown.",
        "second": "Nobody was lost.",
        "third": "On day 3 and later.",
    }
    made = section(
        "s",
        n=100,
        values=said,
        value_kinds=dict.fromkeys(said, FOREIGN),
        prose=["{first}", "{second}", "They came as told. {third}"],
    )
    seen = shown(s=made)["sections"]["s"]
    assert seen["values"] == {
        "first": "– of – ids are unknown.",
        "second": "Nobody was lost.",
        "third": "On day – and later.",
    }
    assert seen["prose"][:2] == ["{second}", "They came as told. {third}"]
    assert "Left out here" in seen["prose"][2] and len(seen["prose"]) == 3


def test_digits_of_a_mean_do_not_tell_the_hidden_number_it_rests_on() -> None:
    columns = {"n": [97, 50], "mean": [3.123456, 3.123456], "slope": [0.123456, 0.123456]}
    kinds = {"n": people(N), "mean": statistic("n", fraction=True), "slope": statistic("n")}
    table = shown(s=table_of(columns, kinds))["sections"]["s"]["tables"]["t"]
    assert table == {"n": [None, 50], "mean": [3.1, 3.12], "slope": [0.12, 0.12]}


def curve(events: list[int], at_risk: list[int], groups: str | None = None) -> list[float]:
    rows = range(len(events))
    columns = {"g": list(groups or "a" * len(events)), "day": [float(k) for k in rows], "risk": at_risk}
    columns |= {"gone": events, "left": [0.5] * len(events)}
    kinds = {"g": TEXT, "day": GIVEN, "risk": people(), "gone": people(), "left": statistic()}
    made = table_of(columns, kinds, n=500)
    made["captions"]["t"]["curve"] = {"time": "day", "at_risk": "risk", "events": "gone", "by": "g"}
    seen = shown(participants=500, s=made)["sections"]["s"]
    assert set(seen["tables"]["t"]["gone"]) | set(seen["tables"]["t"]["risk"]) <= {None}
    assert {"gone", "risk"}.isdisjoint(seen["captions"]["t"]["columns"])
    return seen["tables"]["t"]["day"]


def test_steps_of_a_curve_wait_for_five_and_end_where_four_are_at_risk() -> None:
    assert curve([0, 1, 1, 3, 4, 1, 9], [40, 40, 39, 38, 35, 31, 30]) == [0, 3, 5, 6]
    assert curve([0, 5, 5, 1], [14, 14, 9, 4]) == [0, 1, 2]
    assert curve([0, 5, 5], [13, 13, 4]) == [0, 1]
    assert curve([0, 0, 4, 4, 1, 1], [60, 70, 60, 70, 56, 66], "ababab") == [0, 1, 4, 5]


# files to take away


def test_files_of_a_shared_view_hold_what_is_shown() -> None:
    instrument = {
        "id": "s",
        "version": "1",
        "title": "Scale",
        "status": "validated",
        "notice": "",
        "themes": [],
    }
    meta = {
        "synthetic": False,
        "waves": [1],
        "instrument": instrument | {"items": {"q1": "x"}},
        "study": None,
    }
    meta |= {"checksums": {"responses": "0" * 64}, "versions": {}, "seed": 1, "structure_wave": 1}
    made = section("s", n=100, tables={"one": {"a": [1, None]}, "two_b": {"b": ["x"]}}, title="Section")
    made["captions"] = {
        "one": caption({"a": "int"}, {"a": GIVEN}),
        "two_b": caption({"b": "text"}, {"b": TEXT}),
    }
    made["method"]["software"] = {"numpy": "2"}
    tree = shown(meta=meta, s=made)
    packed = zipfile.ZipFile(io.BytesIO(tables_zip(tree).content))
    assert packed.namelist() == ["s-one.csv", "s-two-b.csv"]
    assert packed.read("s-two-b.csv").decode().split() == ["b", "x"]
    assert {info.date_time for info in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    files = {file.name: file for file in handouts(tree)}
    assert list(files) == ["report_short.html", "report.md", "tables.zip", "results.json"]
    assert files["report.md"].content.decode() == render_markdown(tree)
    assert files["report_short.html"].content.decode() == render_short_html(tree)


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_as_many_as_a_hidden_count_goes_in_whatever_order_it_was_said(turned: bool) -> None:
    """57 of 60 is hidden, and 57 elsewhere; of two shares of as many the second stayed in one order."""
    ledger = Ledger()
    whole, most, other = (
        ledger.add(n, ("s", name)) for n, name in ((60, "whole"), (57, "most"), (57, "other"))
    )
    ledger.weights[whole] = 9
    ledger.counted |= {whole, most, other}
    ledger.part([most], whole)
    near, far = ledger.add(57, ("s", "near")), ledger.add(57, ("s", "far"))
    said = [(other, near), (near, far)]
    for one, same in reversed(said) if turned else said:
        ledger.total([one], same)
    hidden = ledger.hide()
    assert {most, other, near, far} <= hidden.counts
    assert whole not in hidden.counts
