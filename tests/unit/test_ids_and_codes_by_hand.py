"""Ids that almost match, waves, covariates and codes that mark nothing: small tables worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import ResponseDataError
from instrument.reading.ids import alike_ids, compare_ids, split_people, sums_up
from instrument.reading.people import covariate, id_text, participants, waves
from instrument.reading.raw import RawTable
from instrument.reading.side_columns import Place
from instrument.reading.side_variables import variable
from instrument.reading.suspicions import _runs_against, keying_suspicions, suspicious_codes
from instrument.reading.wave_order import waves_in_time


def table(**columns: Any) -> RawTable:
    lines = np.arange(1, len(next(iter(columns.values()))) + 1)
    return RawTable(
        caller="dta", source="s", columns=list(columns), cells=list(columns.values()), lines=lines
    )


@pytest.mark.parametrize(
    ("these", "others", "near"),
    [
        (["P1 ", "p1"], ["P1"], 1),  # the one that is nearer takes it
        (["P1 "], ["P1", "p1"], 1),  # and counts once
        (["Ab", "aB"], ["AB"], 0),  # two would be one
        (["AB"], ["Ab", "aB"], 0),  # which of the two it is nobody knows
        (["x", "ab"], ["AB", "y"], 1),
    ],
)
def test_an_id_almost_matches_one_other_and_counts_once(
    these: list[str], others: list[str], near: int
) -> None:
    assert compare_ids(these, others).near == near


def test_pairs_of_ids_are_counted_once_and_a_prefix_makes_none() -> None:
    def pairs(*ids: str) -> int:
        return split_people(pd.Series(ids), pd.Series(range(len(ids)))).pairs

    assert (pairs("1", "01"), pairs("p1", "p1 "), pairs("A1", "B1"), pairs("1", "01", "001")) == (1, 1, 0, 2)
    assert alike_ids(pd.Series(["1", "1.0", "001", "2", "2", "p3", "P3"])) == 5
    assert [sums_up(name, surely=sure) for name in ("Max", "Grand total") for sure in (False, True)] == [
        True,
        False,
        True,
        True,
    ]
    assert [id_text(cell) for cell in ("#N/A", "-", "NA", " a ", 7.0)] == [None, None, None, "a", "7"]


def test_waves_in_two_writings_are_refused_and_gaps_below_an_id_may_be_filled() -> None:
    with pytest.raises(ResponseDataError, match=r"1 row .* writes a wave in other capitals"):
        waves(table(wave=["Week 2", "week 2", "Week 2"]), "wave", [])
    for ids, said in ((["a", None, "b"], True), ([None, "a", "b"], False), (["a", None, "a"], True)):
        with pytest.raises(ResponseDataError, match="id is missing in 1 row") as error:
            participants(table(id=ids), "id", [])
        assert ("fill_down" in str(error.value)) is said


def test_a_covariate_keeps_its_codes_unless_each_has_a_label() -> None:
    raw = table(sex=[1.0, 2.0, np.nan])
    for labels, kept in (({1.0: "f", 2.0: "m"}, ["f", "m"]), ({1.0: "f"}, [1.0, 2.0])):
        named = RawTable(
            caller="c", source="s", columns=raw.columns, cells=raw.cells, lines=raw.lines,
            value_labels={"sex": labels},
        )  # fmt: skip
        assert covariate(named, "sex", (), []).dropna().tolist() == kept
    numbers = covariate(table(n=["0", "1", "12"]), "n", (), [])
    assert (str(numbers.dtype), numbers.tolist()) == ("Int64", [0, 1, 12])
    assert covariate(table(n=["01", "1", "12"]), "n", (), []).tolist() == ["01", "1", "12"]
    empty = covariate(table(n=[None, "", None]), "n", (), [])
    assert empty.isna().all() and not pd.api.types.is_numeric_dtype(empty)


def read(*cells: str) -> tuple[pd.Series, list[str]]:
    notes: list[str] = []
    place = Place(caller="f", source="s.csv", lines=np.arange(2, 2 + len(cells)), unit="line")
    return variable(pd.Series(cells, dtype=object), "x", place, ".", ("NA",), notes), notes


def test_numbers_with_three_figures_behind_their_point_are_doubted_from_three_on() -> None:
    assert [len(read(*cells)[1]) for cells in (("1.234", "2.345"), ("1.234", "2.345", "3.456"))] == [0, 1]
    assert read("1.234", "2.345", "3.45")[1] == []


def test_more_than_ten_texts_with_figures_may_be_numbers() -> None:
    def doubts(n: int, without: int = 0) -> int:
        return len(read(*(f"no {chr(97 + k)}{'' if k < without else k}" for k in range(n)))[1])

    assert (doubts(10), doubts(11), doubts(11, without=1)) == (0, 1, 0)


CODES = [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ([*CODES, 99, 99], {99: 2}),
        ([1] * 10 + [9, 10], {}),  # beside answers that are all alike one cell is no mark
        ([*range(1, 8), 9, 9], {9: 2}),  # two steps from the last answer
        ([*CODES, 7, 7], {}),  # seven takes three steps
        ([*CODES, 8, 8], {8: 2}),
        ([1, 2] * 4 + [11, 12] * 3 + [11] + [99] * 6, {}),  # most answers lie in no run
        ([*CODES * 3, 1, 2, 3, 20, 20], {20: 2}),  # twenty answers are enough for a code nobody knows
        ([*CODES * 3, 1, 2, 20, 20], {}),
        ([*range(21), *range(21), 30, 39, 88, 88], {}),  # a count with a long tail
        ([*range(21), *range(21), 30, 39, 99, 99], {99: 2}),
    ],
)
def test_codes_that_look_like_marks(column: list[int], found: dict[int, int]) -> None:
    codes = suspicious_codes(np.array(column, dtype=float)[:, None])
    assert codes == {float(code): {0: n} for code, n in found.items()}


def test_a_mark_in_two_columns_is_one_mark() -> None:
    answers = np.array([[1.0, 2], [2, 3], [3, 1], [99, 2], [2, 99]])
    assert suspicious_codes(answers) == {99.0: {0: 1, 1: 1}}


def test_a_correlation_near_nought_is_never_called_negative() -> None:
    x = np.tile([1.0, 2, 3, 4], 2500)
    for share, told in ((0.05, False), (0.2, True)):
        y = np.where(np.arange(10_000) < 10_000 * share, 5 - x, np.roll(x, 1))
        z = y - np.polyval(np.polyfit(x, y, 1), x)
        item = -share * x / x.std() + z / z.std()
        r = np.corrcoef(item, x)[0, 1]
        assert r == pytest.approx(-share / np.sqrt(1 + share**2))
        assert r < -4 / np.sqrt(10_000)
        assert _runs_against(item, x[:, None]) is told


def scale_of(items: int, reverse: int) -> Instrument:
    listed = [{"id": f"i{k}", "text": f"Words {k}.", "reverse": k < reverse} for k in range(items)]
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "small",
            "version": "1",
            "title": "Small",
            "response_scales": {"agree": {"options": {1: "no", 2: "little", 3: "much", 4: "very"}}},
            "themes": [{"id": "t", "title": "T", "items": listed}],
        }
    )


def test_two_items_do_not_say_which_of_them_runs_against_the_other() -> None:
    codes = np.tile([1, 2, 3, 4], 50)
    for items, doubted in ((2, 0), (3, 1)):
        answers = pd.DataFrame(
            {f"i{k}": codes for k in range(items)}
        )  # the first is reversed, and was before
        assert len(keying_suspicions(answers, scale_of(items, 1))) == doubted


def test_items_reversed_alike_do_not_hide_one_another_behind_three_that_are_not() -> None:
    codes = np.tile([1, 2, 3, 4], 50)
    answers = pd.DataFrame({f"i{k}": codes for k in range(8)})  # the first five are reversed, and were before
    found = keying_suspicions(answers, scale_of(8, 5))
    assert len(found) == 1
    assert found[0].startswith(
        "'i0', 'i1', 'i2', 'i3', 'i4': negative item-rest correlation after reverse keying"
    )


def test_who_came_late_and_once_does_not_hide_the_order_of_those_who_came_twice() -> None:
    """With half of the people new at the end, the median day of the first wave lay after that of the second."""
    rows = [(f"p{k}", "start", k) for k in range(5)] + [(f"p{k}", "end", k + 20) for k in range(5)]
    rows += [(f"q{k}", "start", 200 + k) for k in range(9)]
    times = pd.DataFrame(rows, columns=["participant", "wave", "day"])
    for present in (["start", "end"], ["end", "start"]):
        assert waves_in_time(times, present) == ("start", "end")
    third = pd.DataFrame([("p1", "later", 90), ("p2", "later", 91)], columns=times.columns)
    assert waves_in_time(pd.concat([times, third]), ["later", "end", "start"]) == ("start", "end", "later")
    back = pd.DataFrame([("p3", "later", 1), ("p4", "later", 91)], columns=times.columns)
    assert waves_in_time(pd.concat([times, back]), ["later", "end", "start"]) is None
    # a before b, b before c and c before a, each in other people: no order
    ring = [("x", "a", 1), ("x", "b", 2), ("y", "b", 1), ("y", "c", 2), ("z", "c", 1), ("z", "a", 2)]
    frame = pd.DataFrame(ring, columns=times.columns)
    assert waves_in_time(frame, ["a", "b", "c"]) is None
    # neighbours that share nobody: c comes after a, where it stands beside b is not known
    apart = pd.DataFrame([*ring[:2], ("y", "a", 1), ("y", "c", 9)], columns=times.columns)
    assert waves_in_time(apart, ["a", "b", "c"]) is None
