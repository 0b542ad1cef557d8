"""Scores, side columns, waves and written tables against values worked out by hand, edge by edge."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from instrument.errors import ResponseDataError
from instrument.reading.side_columns import Place, amounts, is_blank, plain_numbers, points_in_time
from instrument.reading.side_variables import FAR, SENTINELS, sentinel_suspicions, variable
from instrument.reading.wave_order import OrderSource, order_of_waves, waves_in_time
from instrument.reading.written_cells import csv_text
from instrument.scoring.keying import as_keyed

SCALE = instrument.Instrument.model_validate(
    {
        "schema": 1,
        "id": "four",
        "version": "1",
        "title": "Four questions",
        "response_scales": {"agree": {"options": {1: "no", 2: "little", 3: "some", 4: "much", 5: "yes"}}},
        "themes": [
            {
                "id": "t",
                "title": "T",
                "items": [{"id": f"q{k}", "text": "-", "reverse": k == 4} for k in range(1, 5)],
            },
            {"id": "u", "title": "U", "items": [{"id": "q5", "text": "-"}, {"id": "q6", "text": "-"}]},
        ],
    }
)
ANSWERS = pd.DataFrame(
    {
        "participant": ["a", "b", "c"],
        "wave": [1, 1, 1],
        "q1": [5, 4, 1],
        "q2": [4, None, None],
        "q3": [3, 2, None],
        "q4": [2, 1, None],  # turned round: 4, 5
        "q5": [1, 2, 3],
        "q6": [2, 2, None],
    }
)


def test_sums_are_means_times_the_items_of_the_theme_and_means_are_not() -> None:
    mean = instrument.score(ANSWERS, SCALE, method="mean", prorate_at=0.75).scores
    total = instrument.score(ANSWERS, SCALE, method="sum", prorate_at=0.75).scores
    assert np.isnan(
        instrument.score(ANSWERS, SCALE, prorate_at=0.76).scores["t"][1]
    )  # three of four are less
    assert mean["t"].tolist()[:2] == pytest.approx([(5 + 4 + 3 + 4) / 4, (4 + 2 + 5) / 3])
    assert total["t"].tolist()[:2] == pytest.approx([16, 4 * (4 + 2 + 5) / 3])
    assert np.isnan(mean["t"][2]) and np.isnan(total["t"][2])
    assert mean["u"].tolist()[:2] == [1.5, 2] and total["u"].tolist()[:2] == [3, 4]
    assert mean["t_n"].tolist() == [4, 3, 1]


@pytest.mark.parametrize(("gaps", "said"), [(ANSWERS, 1), (ANSWERS.head(1), 0)])
def test_answers_without_reasons_are_said_to_be_so_where_one_is_missing(
    gaps: pd.DataFrame, said: int
) -> None:
    notes = instrument.score(gaps, SCALE).notes
    assert len([note for note in notes if "no reasons" in note]) == said


def test_a_reversed_item_that_nobody_answered_is_scored_as_missing() -> None:
    bare = ANSWERS.assign(q4=pd.Series([None] * 3, dtype=object))
    found = instrument.score(bare, SCALE, prorate_at=0.5).scores
    assert found["t_n"].tolist() == [3, 2, 1] and found["t"][0] == pytest.approx(4)


@pytest.mark.parametrize(
    "kind", ["object", "string", "category", "boolean", "datetime64[ns]", "Int64", "float"]
)
def test_a_column_without_any_answer_is_turned_whatever_its_type(kind: str) -> None:
    bare = ANSWERS.assign(q4=pd.Series([None] * 3, dtype=kind))
    keyed = as_keyed(bare[SCALE.item_ids], SCALE)
    assert keyed["q4"].isna().all() and keyed["q1"].tolist() == [5, 4, 1]
    assert as_keyed(ANSWERS[SCALE.item_ids], SCALE)["q4"].tolist()[:2] == [4, 5]


def place(rows: int) -> Place:
    """A file whose first row is its second line."""
    return Place(caller="f", source="t.csv", lines=np.arange(2, 2 + rows), unit="line")


def stamps_of(cells: list[Any]) -> tuple[pd.Series, bool]:
    return points_in_time(pd.Series(cells, dtype=object), "at", place(len(cells)))


def amounts_of(cells: list[Any], *marks: Any, **how: Any) -> list[float]:
    column = (
        pd.Series(cells)
        if all(isinstance(cell, (bool, float)) for cell in cells)
        else pd.Series(cells, dtype=object)
    )
    return list(amounts(column, "x", place(len(cells)), *marks, **how))


def suspected(values: list[float]) -> list[str]:
    return sentinel_suspicions(np.array(values, dtype=float), "x", place(len(values)))


def test_a_column_of_dates_and_texts_is_read_as_texts() -> None:
    stamps, aware = stamps_of([datetime.date(2026, 1, 1), "2026-01-02", None])
    assert stamps.tolist()[:2] == [pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02")]
    assert pd.isna(stamps[2]) and not aware
    with pytest.raises(ResponseDataError, match="of 2 looked at, 1 as ISO 8601"):
        stamps_of([datetime.date(2026, 1, 1), "03/04/2026"])
    assert stamps_of([datetime.date(2026, 1, 1), None])[0].tolist()[0] == pd.Timestamp("2026-01-01")
    assert stamps_of([None, None])[0].isna().all()
    with pytest.raises(ResponseDataError, match="line 3"):
        stamps_of(["2026-01-01", "2026-01-32", "2026-01-03"])
    assert stamps_of(["2026-01-01", "", "2026-01-03"])[0].notna().tolist() == [True, False, True]
    with pytest.raises(ResponseDataError, match=r"no offset.*line 3"):
        stamps_of(["2026-01-01T10:00:00Z", "2026-01-01T10:00:00"])


def test_amounts_by_hand() -> None:
    found = amounts_of(["1,5", " 2 ", "NA", "-3"], ",")
    assert found[:2] == [1.5, 2] and np.isnan(found[2]) and found[3] == -3
    assert amounts_of(["1.234,5", "7"], ",", thousands=".") == [1234.5, 7]
    assert amounts_of(["45 %", "7%"], percent=True) == [45, 7]
    for cells, words in (
        ([True, "3"], "line 2"),
        ([False, "3"], "line 2"),
        (["3", "1,5"], "line 3"),
        (["3", "45%"], "line 3"),
        (["3", "1:30:00"], "line 3"),
    ):
        with pytest.raises(ResponseDataError, match=words):
            amounts_of(cells)
    with pytest.raises(ResponseDataError, match=r"no percent sign where others do.*line 3"):
        amounts_of(["45%", "7"], percent=True)
    with pytest.raises(ResponseDataError, match=r"infinite.*line 3"):
        amounts_of([1.0, np.inf])
    with pytest.raises(ResponseDataError, match="true or false"):
        amounts_of([True, False])
    assert plain_numbers(pd.Series(["1.5"], dtype="string"), ",").tolist() == ["point"]
    assert is_blank(pd.Series(["", " ", "NA", "0", None], dtype=object)).tolist() == [
        True,
        True,
        True,
        False,
        True,
    ]


def read(cells: list[Any]) -> pd.Series:
    return variable(pd.Series(cells, dtype=object), "x", place(len(cells)), ".", ("NA",), [])


def test_half_of_the_cells_being_numbers_makes_no_column_of_numbers() -> None:
    assert read(["1", "2", "a", "b"]).tolist() == ["1", "2", "a", "b"]
    with pytest.raises(ResponseDataError, match="line 4"):
        read(["1", "2", "a"])
    assert read(["1", "2", "3"]).tolist() == [1, 2, 3] and read(["1", "2", "3"]).dtype == np.int64
    assert read(["1", "NA", "3"]).dtype == float
    assert read(["007", "008"]).tolist() == ["007", "008"]


def test_marks_of_missing_values_are_those_that_files_use() -> None:
    assert SENTINELS == (-999, -998, -99, -98, -9, -8, 88, 99, 888, 998, 999, 8888, 9999) and FAR == 3
    for mark in (-999.0, 888.0, 998.0, 999.0, 8888.0, 9999.0):
        (said,) = suspected([1.0, 2, 3, mark, np.nan])
        assert "1 cell looks like a mark of a missing value (line 5)" in said
    assert len(suspected([1.0, 2, -99])) == 1  # two others are enough
    assert suspected([1.0, -99, -99]) == []
    assert suspected([1.0, 2, 3, 1000]) == []
    assert suspected([80.0, 99, 120, 100]) == []


@pytest.mark.parametrize(
    ("waves", "order", "source"),
    [
        (["week10", "week2"], ("week2", "week10"), OrderSource.NUMBERS),
        (["10", "9"], ("9", "10"), OrderSource.NUMBERS),
        ([10, 9], (9, 10), OrderSource.NUMBERS),
        (["post", "pre"], ("pre", "post"), OrderSource.WORDS),
        (
            ["followup2", "followup1", "post", "pre"],
            ("pre", "post", "followup1", "followup2"),
            OrderSource.WORDS,
        ),
        (["week2", "baseline", "week1"], ("baseline", "week1", "week2"), OrderSource.NUMBERS),
        (["winter", "autumn"], ("winter", "autumn"), OrderSource.UNKNOWN),
        (["one"], ("one",), OrderSource.ONE),
    ],
)
def test_waves_in_the_order_of_their_names(
    waves: list[Any], order: tuple[Any, ...], source: OrderSource
) -> None:
    found = order_of_waves(waves)
    assert found.waves == order
    assert found.source is source or {found.source, source} <= {OrderSource.NUMBERS, OrderSource.WORDS}


def test_waves_in_the_order_of_their_times_or_none() -> None:
    def times(*rows: tuple[str, str, float]) -> pd.DataFrame:
        return pd.DataFrame(rows, columns=["participant", "wave", "day"])

    fall = [("a", "x", 5), ("a", "y", 2), ("b", "x", 9), ("b", "y", 8)]
    assert waves_in_time(times(*fall), ["x", "y"]) == ("y", "x")
    assert waves_in_time(times(*fall, ("c", "x", 1), ("c", "y", 3)), ["x", "y"]) is None
    assert waves_in_time(times(*fall, ("c", "x", 3), ("c", "y", 3)), ["x", "y"]) is None
    assert waves_in_time(times(*fall, ("a", "y", 3)), ["x", "y"]) is None
    assert waves_in_time(times(("a", "x", 1), ("b", "y", 2)), ["x", "y"]) is None
    assert order_of_waves(["x", "y"], times=times(*fall)).source is OrderSource.TIMES


def test_a_carriage_return_in_one_cell_is_quoted() -> None:
    frame = pd.DataFrame({"a": ["x", "y\rz"], "n": [1, 2], "b": ["=1", "w"]})
    assert csv_text(frame) == '"a","n","b"\n"x",1,"\'=1"\n"y\rz",2,"w"\n'
    assert csv_text(frame.head(1)) == "a,n,b\nx,1,'=1\n"
    assert csv_text(pd.DataFrame({"a\r": [1]})) == '"a\r"\n1\n'


def test_scores_are_described_number_by_number() -> None:
    card = instrument.score(ANSWERS, SCALE, prorate_at=0.75, reliability={"t": 0.75})
    found = card.describe()
    first, second = 4.0, 11 / 3  # the third person answered one of four
    sd = (first - second) / np.sqrt(2)
    assert list(found.index) == ["t", "u", "total"]
    both = [(first + 1.5) / 2, (second + 2) / 2]
    assert found.loc["total", ["mean", "minimum", "maximum"]].tolist() == pytest.approx(
        [sum(both) / 2, min(both), max(both)]
    )
    assert found.loc["total", ["prorated", "does_not_apply", "sem"]].isna().all()
    row = found.loc["t"]
    assert (row["n"], row["missing"], row["prorated"], row["does_not_apply"]) == (2, 1, 1, 0)
    numbers = [row[name] for name in ("mean", "sd", "minimum", "maximum", "sem")]
    assert numbers == pytest.approx([(first + second) / 2, sd, second, first, sd / 2])
    assert found.loc["u", ["n", "missing", "minimum", "maximum", "prorated"]].tolist() == [2, 1, 1.5, 2, 0]
    assert pd.isna(found.loc["u", "sem"])
    lines = card.summary().splitlines()
    assert lines[2].split() == ["t", "2", "1", "3.83", "0.24", "3.67", "4.00", "1", "0.00", "0.12"]
    assert lines[3].split() == ["u", "2", "1", "1.75", "0.35", "1.50", "2.00", "0", "0.00"]
    assert lines[4].split() == ["total", "2", "1", "2.79", "0.06", "2.75", "2.83"]
    assert lines[5] == (
        "Theme score: mean of the answered items, when at least 75% of the applicable items are answered. "
        "Reversed before: q4. Total: mean of the theme means of t, u, all required. Instrument four 1."
    )
    tree = card.to_dict()
    assert tree["scores"]["t"] == pytest.approx([first, second, None], nan_ok=True)
    assert tree["sem"] == pytest.approx({"t": sd / 2}) and tree["reliability"] == {"t": 0.75}
    rule = instrument.score(ANSWERS, SCALE, rescale="0-100").rule
    assert "0–100 first" in rule.describe()
    assert "Total: the score of u." in replace(rule, total_themes=("u",)).describe()
    assert "Total: the score of Use." in replace(rule, total_themes=("u",)).describe({"t": "T", "u": "Use"})
    assert "No total." in replace(rule, total_themes=()).describe()


def test_a_scorecard_names_six_scores_and_no_more() -> None:
    def of(themes: int) -> str:
        raw = SCALE.model_dump(mode="json", by_alias=True)
        items = [{"id": f"i{k}", "text": "-"} for k in range(themes)]
        raw["themes"] = [{"id": f"t{k}", "title": "T", "items": [item]} for k, item in enumerate(items)]
        answers = pd.DataFrame({"participant": ["a"], "wave": [1]} | {item["id"]: [3] for item in items})
        return repr(instrument.score(answers, instrument.Instrument.model_validate(raw))).splitlines()[1]

    assert of(5) == "  scores: t0, t1, t2, t3, t4, total"
    assert of(6) == "  scores: t0, t1, t2, t3, t4, t5, …"
