"""Covariates and outcomes, column by column: what a number is, what a category is, what is suspected."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from instrument.errors import ResponseDataError
from instrument.reading.clock import recognised_form
from instrument.reading.side_columns import Place, points_in_time
from instrument.reading.side_variables import SENTINELS, sentinel_suspicions, variable

MISSING = (-999, -998, -99, -98, -9, -8, 88, 99, 888, 998, 999, 8888, 9999)


def place(n: int) -> Place:
    return Place(caller="f", source="t.csv", lines=np.arange(2, n + 2), unit="line")


def read(cells: list[object], notes: list[str] | None = None) -> pd.Series:
    return variable(
        pd.Series(cells, dtype=object), "v", place(len(cells)), ".", (), [] if notes is None else notes
    )


def test_the_numbers_that_mark_a_missing_value_are_these() -> None:
    assert SENTINELS == MISSING


@pytest.mark.parametrize("mark", MISSING)
def test_each_is_suspected_far_from_the_others_alone(mark: int) -> None:
    others = [1.0, 2.0, 3.0, 4.0, 2.0, 3.0]
    cells = np.array([*others, float(mark), float(mark), np.nan])
    assert sentinel_suspicions(cells, "v", place(9)) == [
        "suspicion: t.csv: column 'v': 2 cells look like marks of a missing value (lines 8, 9)"
    ]
    near = np.array([mark - 1.0, mark + 1.0, mark + 2.0, float(mark), mark - 2.0])
    assert sentinel_suspicions(near, "v", place(5)) == []


@pytest.mark.parametrize("number", [-7, 9, 77, 98, 100, 889, 997, 1000])
def test_any_other_number_is_a_number(number: int) -> None:
    assert sentinel_suspicions(np.array([1.0, 2.0, 3.0, 4.0, number]), "v", place(5)) == []


def test_far_is_three_standard_deviations_and_outside() -> None:
    others = [70.0, 80.0, 90.0]  # mean 80, standard deviation 10
    for mark, far in ((88.0, False), (99.0, False), (-8.0, True)):
        assert bool(sentinel_suspicions(np.array([*others, mark]), "v", place(4))) is far
    wide = [*[0.0] * 40, 1000.0]  # 888 lies within the range although 5.5 standard deviations above the mean
    assert sentinel_suspicions(np.array([*wide, 888.0]), "v", place(42)) == []
    exact = np.array([96.0 - 1, 96.0, 96.0 + 1, 99.0])  # 3 standard deviations exactly
    assert sentinel_suspicions(exact, "v", place(4)) == []
    assert sentinel_suspicions(np.array([5.0, 99.0]), "v", place(2)) == []  # one other says nothing


def test_whole_numbers_stay_whole_where_no_cell_is_blank() -> None:
    assert read(["1", "-2", "30"]).dtype == np.int64
    assert read(["1", "-2", "30"]).tolist() == [1, -2, 30]
    gap = read(["1", "", "30"])
    assert gap.dtype == np.float64
    np.testing.assert_array_equal(gap, [1.0, np.nan, 30.0])
    assert read(["1", "2.5"]).tolist() == [1.0, 2.5]


def test_mostly_numbers_with_words_is_refused_and_mostly_words_are_categories() -> None:
    with pytest.raises(ResponseDataError, match="line 4"):
        read(["1", "2", "many"])
    assert read(["a1", "b", "2"]).tolist() == ["a1", "b", "2"]
    assert read(["a", "1"]).tolist() == ["a", "1"]  # half are not most
    assert read(["007", "008", "012"]).tolist() == ["007", "008", "012"]  # codes, not quantities


def test_blank_cells_of_categories_are_missing() -> None:
    got = read(["app", None, " web ", ""])
    assert got.isna().tolist() == [False, True, False, True]
    assert got.dropna().tolist() == ["app", "web"]


def test_dates_typed_by_another_reader_keep_their_day_offset_and_gaps() -> None:
    days = pd.Series([datetime.date(2026, 3, 2), None, datetime.date(2026, 3, 4)], dtype=object)
    got, aware = points_in_time(days, "day", place(3))
    assert got.tolist() == [pd.Timestamp("2026-03-02"), pd.NaT, pd.Timestamp("2026-03-04")]
    assert aware is False
    east = datetime.timezone(datetime.timedelta(hours=14))
    stamps = pd.Series([pd.Timestamp("2026-03-02T01:00", tz=east), None], dtype=object)
    got, aware = points_in_time(stamps, "day", place(2))
    assert got.tolist() == [pd.Timestamp("2026-03-01T11:00"), pd.NaT]
    assert aware is True


@pytest.mark.parametrize("mark", [".", "-", "--", "?", "…", "—", "#NULL!", "nil", "N/A"])
def test_a_cell_that_says_nothing_is_no_group_of_people(mark: str) -> None:
    """A point among words was a third sex, compared with the others and held constant."""
    with pytest.raises(ResponseDataError, match=r"1 cell holds an undeclared mark|hold an undeclared mark"):
        read(["woman", "man", mark, "woman"])


def test_plus_and_minus_are_categories() -> None:
    assert read(["+", "-", "++", "-"]).tolist() == ["+", "-", "++", "-"]


@pytest.mark.parametrize("word", ["none", "Unknown", "k. A.", "k.A.", "keine Angabe", "missing", "n. a."])
def test_a_word_for_nothing_known_is_a_category_and_said_aloud(word: str) -> None:
    notes: list[str] = []
    assert read(["woman", "man", word, "woman", word], notes).tolist()[2] == word
    assert notes == [
        "suspicion: t.csv: column 'v': 2 cells may mean that nothing is known, and are taken for a category "
        "(lines 4, 6)"
    ]
    quiet: list[str] = []
    read(["woman", "man", "nonesuch"], quiet)
    assert quiet == []


def test_dates_of_two_figures_each_may_begin_with_the_year() -> None:
    """25-03-10 was told to be day first, since every 25 is above 12: the hint gave another year and day."""
    with pytest.raises(ResponseDataError, match="day or year first") as caught:
        recognised_form([f"25-03-{day:02d} 10:00" for day in range(1, 29)], "f", "at")
    assert "'D-M-y'" in str(caught.value) and "'y-M-D'" in str(caught.value)
    with pytest.raises(ResponseDataError, match="only month first") as caught:
        recognised_form([f"03/{day:02d}/25" for day in range(1, 29)], "f", "at")
    assert "y/M/D" not in str(caught.value)
