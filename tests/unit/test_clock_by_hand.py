"""Points in time as files write them, each form at its edges and against a reading of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.errors import ResponseDataError
from instrument.reading.clock import (
    EARLIEST,
    LATEST,
    ClockForm,
    microseconds,
    named_form,
    option_of,
    recognised_form,
    recognised_number,
)
from instrument.reading.side_columns import Place, check_marks, is_blank, plain_numbers, points_in_time

ZERO = dt.datetime(1970, 1, 1)
STAMPS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda at: at.replace(microsecond=0)
)


def since(at: dt.datetime) -> int:
    return round((at - ZERO).total_seconds()) * 1_000_000


def read(texts: list[str], form: str) -> tuple[list[int], list[bool]]:
    values, fine = microseconds(pd.Series(texts, dtype="string"), ClockForm(name=form))
    return values.tolist(), fine.tolist()


PATTERNS = {
    "D.M.Y": "%d.%m.%Y",
    "M/D/Y": "%m/%d/%Y",
    "D-M-Y": "%d-%m-%Y",
    "Y/M/D": "%Y/%m/%d",
    "DMY": "%d%m%Y",
    "YMD": "%Y%m%d",
    "MDY": "%m%d%Y",
    "iso": "%Y-%m-%d",
}


@settings(max_examples=8, deadline=None)
@given(st.lists(STAMPS, min_size=1, max_size=5))
def test_every_order_of_parts_is_read_as_it_was_written(stamps: list[dt.datetime]) -> None:
    for form, pattern in PATTERNS.items():
        for clock in (" %H:%M:%S", "T%H:%M:%S", " %I:%M:%S %p", " %I:%M:%S%p"):
            if form == "iso" and "%p" in clock:
                continue
            texts = [at.strftime(pattern + clock) for at in stamps]
            assert read(texts, form) == ([since(at) for at in stamps], [True] * len(stamps)), (form, clock)
        days = [at.strftime(pattern) for at in stamps]
        assert read(days, form)[0] == [since(at.replace(hour=0, minute=0, second=0)) for at in stamps]


@settings(max_examples=15, deadline=None)
@given(st.lists(STAMPS.filter(lambda at: at.year >= 2000), min_size=1, max_size=5))
def test_years_of_two_digits_are_of_this_century(stamps: list[dt.datetime]) -> None:
    for form, pattern in {"D.M.y": "%d.%m.%y", "y-M-D": "%y-%m-%d", "M/D/y": "%m/%d/%y"}.items():
        texts = [at.strftime(pattern + " %H:%M") for at in stamps]
        assert read(texts, form)[0] == [since(at.replace(second=0)) for at in stamps]


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:30 AM", 0), ("1:30 am", 1), ("11:30 AM", 11), ("12:30 PM", 12), ("1:30 pm", 13), ("11:30PM", 23)],
)
def test_twelve_hours_are_of_the_morning_or_of_the_evening(text: str, hour: int) -> None:
    assert read([f"3/1/2026 {text}"], "M/D/Y")[0] == [since(dt.datetime(2026, 3, 1, hour, 30))]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("", 0),
        ("Z", 0),
        (" UTC", 0),
        ("+01:00", -1),
        ("-05:30", 5.5),
        (" +0200", -2),
        ("+02", -2),
        ("z", 0),
        (" GMT", 0),
    ],
)
def test_an_offset_is_taken_off(text: str, hours: float) -> None:
    expected = since(dt.datetime(2026, 3, 1, 12)) + round(hours * 3_600_000_000)
    assert read([f"2026-03-01 12:00:00{text}"], "iso") == ([expected], [True])
    assert read([f"2026-03-01T12:00{text}"], "iso") == ([expected], [True])


def test_short_parts_fractions_and_commas_are_read() -> None:
    assert read(["2026-3-1 9:05"], "iso")[0] == [since(dt.datetime(2026, 3, 1, 9, 5))]
    assert read(["1.3.2026, 09:05"], "D.M.Y")[0] == [since(dt.datetime(2026, 3, 1, 9, 5))]
    assert read(["2026-03-01T09:05:00,25"], "iso")[0] == [since(dt.datetime(2026, 3, 1, 9, 5)) + 250_000]
    assert read(["31.2.2026", "2026-03-01", "1.13.2026", "x"], "D.M.Y") == ([0] * 4, [False] * 4)


@settings(max_examples=25, deadline=None)
@given(st.integers(EARLIEST, LATEST - 1))
def test_numbers_of_every_unit_are_read_and_recognised(value: int) -> None:
    seconds = value // 1_000_000
    for unit, text in {"s": f"{seconds}", "ms": f"{seconds * 1_000}", "us": f"{seconds * 1_000_000}"}.items():
        expected = seconds * 1_000_000
        assert read([text], unit) == ([expected], [True])
        assert recognised_form([text], "f", "at").name == unit
        assert recognised_number(float(text), float(text), "f", "at").name == unit
    nano = seconds * 1_000_000_000
    assert recognised_form([str(nano)], "f", "at").name == "ns"
    (found,), fine = read([str(nano)], "ns")
    assert fine == [True] and abs(found - seconds * 1_000_000) <= 1


def test_excel_counts_days_from_the_end_of_1899() -> None:
    assert read(["46082", "46082.5", "46082.75"], "excel")[0] == [
        since(dt.datetime(2026, 3, 1, hour)) for hour in (0, 12, 18)
    ]
    for low, high in ((32_874, 32_874), (73_050, 73_050), (46_082, 46_100)):
        with pytest.raises(ResponseDataError, match="such as Excel counts days with"):
            recognised_form([str(low), str(high)], "f", "at")
    for odd in (["32873"], ["73051"], ["46082", "1772000000"]):
        with pytest.raises(ResponseDataError, match="no single kind of epoch time"):
            recognised_form(odd, "f", "at")


def test_nothing_outside_1990_to_2100_is_a_stamp_of_a_study() -> None:
    inside, outside = ["1990-01-01", "2099-12-31T23:59:59"], ["1989-12-31T23:59:59", "2100-01-01"]
    assert read(inside, "iso")[1] == [True, True]
    assert read(outside, "iso") == ([0, 0], [False, False])
    assert read([str(EARLIEST // 10**6), str(LATEST // 10**6 - 1)], "s")[1] == [True, True]
    assert read([str(EARLIEST // 10**6 - 1), str(LATEST // 10**6)], "s") == ([0, 0], [False, False])


@pytest.mark.parametrize(
    ("cells", "said", "hint"),
    [
        (
            ["13.1.2026", "1.2.2026"],
            "of 2 looked at, 1 can only be day first, 0 only month first, 1 either",
            "D.M.Y.",
        ),
        (["1/13/2026", "1/2/2026"], "0 can only be day first, 1 only month first, 1 either", "M/D/Y."),
        (["12.12.2026"], "0 can only be day first, 0 only month first, 1 either", "D.M.Y or --dates M.D.Y"),
        (
            ["13.1.2026", "1.13.2026"],
            "1 can only be day first, 1 only month first, 0 either",
            "write every one as",
        ),
        (["1.2.2026", "1/2/2026"], "0 only month first, 2 either", "write every one as"),
        (
            ["26.3.14", "26.3.15", "26.4.13"],
            "3 can only be day or year first",
            "say which with --dates D.M.y or --dates y.M.D.",
        ),
        (["31.1.26", "30.1.26", "29.1.26"], "3 can only be day first", "D.M.y"),
        (["2026/3/1", "2026/13/1"], "writes its 2 dates as Y/M/D", "Y/M/D"),
        (
            ["2026-03-01", "x", "12"],
            "of 3 looked at, 1 as ISO 8601, 1 as numbers, 1 as other text",
            "write every",
        ),
    ],
)
def test_what_is_not_plain_is_said_in_counts_and_never_guessed(
    cells: list[str], said: str, hint: str
) -> None:
    with pytest.raises(ResponseDataError) as error:
        recognised_form(cells, "dta validate", "column 'at'")
    assert said in str(error.value)
    assert hint in str(error.value).partition("Hint: ")[2]


def test_a_name_serves_the_columns_that_are_not_plainly_iso() -> None:
    named = named_form("D.M.Y", "f")
    assert recognised_form(["2026-03-01"], "f", "at", named).name == "iso"
    assert recognised_form(["1.3.2026", "2026-03-01"], "f", "at", named) is named
    assert recognised_form(["1772000000"], "f", "at", named) is named


@pytest.mark.parametrize("name", ["D.M", "D.M.M", "D.M/Y", "DM.Y", "D M Y", "d.m.y", "", "D.M.Y.", "W.M.Y"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ResponseDataError, match="names no way of writing dates"):
        named_form(name, "f")


def test_an_option_is_named_where_the_reader_stands() -> None:
    assert option_of("dta validate", "most_set_aside", "0.5") == "--most-set-aside 0.5"
    assert option_of("dta validate", "decimal", ",") == "--decimal ','"
    assert option_of("summarise_usage", "decimal", ",") == "decimal=','"
    assert option_of("upload", "encoding", "x") == "“Encoding”"


def place() -> Place:
    return Place(caller="f", source="the table", lines=np.arange(2, 6), unit="line")


def test_blank_cells_offsets_and_types_of_a_column() -> None:
    texts = pd.Series(["2026-03-01T12:00+01:00", " ", "NA", "2026-03-02T12:00+01:00"])
    stamps, aware = points_in_time(texts, "at", place())
    assert aware and stamps.isna().tolist() == [False, True, True, False]
    assert stamps.iloc[0] == pd.Timestamp("2026-03-01 11:00")
    assert not points_in_time(pd.Series(["2026-03-01", None, "", "2026-03-02"]), "at", place())[1]
    mixed = pd.Series(["2026-03-01T12:00Z", "2026-03-01T12:00", "", "2026-03-01T12:00"])
    with pytest.raises(ResponseDataError, match="2 cells hold no offset from UTC where others do"):
        points_in_time(mixed, "at", place())
    with_zone = pd.Series(pd.to_datetime(["2026-03-01 12:00"] * 4).tz_localize("Europe/Berlin"))
    stamps, aware = points_in_time(with_zone, "at", place())
    assert aware and set(stamps) == {pd.Timestamp("2026-03-01 11:00")}
    plain = pd.Series(pd.to_datetime(["2026-03-01 12:00"] * 4))
    assert not points_in_time(plain, "at", place())[1]
    numbers: pd.Series[Any] = pd.Series([1772366400, None, 1772366401, 1772366402])
    stamps, aware = points_in_time(numbers, "at", place())
    assert not aware and stamps.iloc[0] == pd.Timestamp("2026-03-01 12:00") and stamps.isna().sum() == 1
    later = pd.Series(["2026-03-01"] * 3 + ["1.3.2026"])
    with pytest.raises(ResponseDataError):
        points_in_time(later, "at", place())
    assert is_blank(pd.Series(["", " ", "NA", "-9", None, "x"]), ("NA", "-9")).tolist() == [True] * 5 + [
        False
    ]


def test_marks_of_numbers_are_those_that_were_named() -> None:
    def plain(texts: list[str], *marks: str | None) -> list[str]:
        return plain_numbers(pd.Series(texts, dtype="string"), *marks).to_list()  # type: ignore[arg-type]

    assert plain(["1,5", "1.5", "2"], ",") == ["1.5", "point", "2"]
    assert plain(["1,5", "1.5"], ".") == ["1,5", "1.5"]
    assert plain(["1.234", "12.34", "1.234,5", "1.234.567"], ",", ".") == [
        "1234",
        "marks",
        "1234.5",
        "1234567",
    ]
    assert plain(["1,234.5", "1234.5", "1,23"], ".", ",") == ["1234.5", "1234.5", "marks"]
    for decimal, thousands in ((";", None), (",", ","), (".", "x")):
        with pytest.raises(ResponseDataError):
            check_marks(decimal, thousands, "f")
    check_marks(",", ".", "f")
