"""What a table means, worked out on tables of a few cells: texts, shapes, people, occasions, rows, files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.exchange.coding import coded_answers, missing_codes_of, reasons_wide, value_labels
from instrument.exchange.several import ASSUMED, put_together
from instrument.reading.people import NUMBERED
from instrument.reading.raw import RawTable, ReasonTable
from instrument.recognition.answers import AnswerTexts, cell_text, read_answer_texts
from instrument.recognition.beside_items import (
    ColumnMeaning,
    Found,
    day_column,
    people_column,
    rows_left_out,
    rows_of_nobody,
    status_column,
    wave_column,
)
from instrument.recognition.came_in import came_in
from instrument.recognition.items import Ground, match_items, wording_keys
from instrument.recognition.mapping import LongForm, Mapping
from instrument.recognition.shapes import find_long, find_occasions, lengthen, widen
from instrument.recognition.tools import TOOLS, Tool

AGREE = {1: "Not at all", 2: "Partly", 3: "Very much"}


def scale_of(
    options: dict[int, str] | None = None, *, texts: dict[str, str] | None = None, **more: Any
) -> Instrument:
    words = texts or {f"a{k}": f"Words of question {k}." for k in range(1, 5)}
    items = [{"id": item, "text": text} for item, text in words.items()]
    made = {"schema": 1, "id": "mini", "version": "1", "title": "Mini"}
    made |= {"response_scales": {"agree": {"options": options or AGREE, **more.pop("scale", {})}}}
    made |= {"themes": [{"id": "t", "title": "T", "items": items}]}
    return Instrument.model_validate(made | more)


SCALE = scale_of(missing_codes={"declined": 9})


def raw_of(columns: dict[str, list[Any]], **more: Any) -> RawTable:
    n = len(next(iter(columns.values())))
    return RawTable(
        caller="f",
        source="a.csv",
        columns=list(columns),
        cells=list(columns.values()),
        lines=np.arange(2, n + 2),
        unit="line",
        **more,
    )


# texts of answers


def texts(
    cells: list[Any], tool: str = "", scale: Instrument = SCALE, decimal: str = ".", **more: Any
) -> AnswerTexts:
    columns = {item: cells if item == "a1" else [] for item in scale.item_ids}
    labels, missing = more.get("labels", {}), more.get("missing", {})
    return read_answer_texts(columns, scale, tool, labels, missing, decimal)["agree"]


def test_cells_as_texts() -> None:
    assert [cell_text(cell) for cell in (3.0, 2.5, -1.0, np.nan, None, pd.NA, pd.NaT, " x ", True)] == [
        "3",
        "2.5",
        "-1",
        "",
        "",
        "",
        "",
        "x",
        "True",
    ]


def test_codes_and_labels_side_by_side_are_doubted_only_where_both_are_answers() -> None:
    doubt = "labels and bare codes stand side by side: see that they count from the same code"
    assert texts(["NA", "1"]).unsure == [] and texts(["NA"]).meanings == {}
    assert texts(["1", "2", "9"]).unsure == [] and texts(["1", "2"]).kinds == {"codes": 2}
    assert texts(["partly", "very much"]).unsure == []
    assert texts(["1", "partly"]).unsure == [doubt]
    assert texts(["9", "partly"]).unsure == []  # a missing answer's code says nothing of where codes begin
    outside = scale_of(scale={"outside": [{"code": 8, "label": "Not for me", "reason": "not_applicable"}]})
    assert texts(["1", "not for me"], scale=outside).unsure == []
    assert texts(["1", "not for me"], scale=outside).meanings == {"not for me": 8}


def test_codes_beside_labels_decimals_and_formulas() -> None:
    found = texts(["1 - Not at all", "Partly (2)", '="3"', '="7"', "2,0"], decimal=",")
    assert found.meanings == {"1 - Not at all": 1, "Partly (2)": 2, '="3"': 3, "2,0": 2}
    assert texts(["2,0"]).meanings == {}
    assert texts(["1 - Partly", "2 = Not at all"]).meanings == {}  # the code of another
    numbers = scale_of({1: "3", 2: "2", 3: "1"})
    assert texts(["3", "1"], scale=numbers).kinds["labels"] == 0
    assert texts(["10."], scale=scale_of({1: "10", 2: "20"})).meanings == {}  # a number is no label


def test_one_label_of_two_codes_means_neither() -> None:
    assert texts(["AGREE"], scale=scale_of({1: "Agree", 2: "agree!", 3: "Other"})).meanings == {}


@pytest.mark.parametrize(
    ("tool", "text", "means"),
    [
        ("limesurvey", "N/A", (True, 0)),
        ("", "N/A", (True, 1)),
        ("sosci", "-9", (True, 1)),
        ("unipark", "-9", (False, 1)),
        ("redcap", "NASK", (True, 1)),
        ("", "NASK", (False, 0)),
        ("stata", "b", (True, 1)),
        ("", ".b", (True, 1)),
    ],
)
def test_marks_of_missing_answers(tool: str, text: str, means: tuple[bool, int]) -> None:
    found = texts([text, text, "1"], tool)
    assert (text in found.meanings, len(found.unsure)) == means
    assert found.meanings.get(text) is None


def test_codes_of_another_program_are_offered_within_the_scale_only() -> None:
    found = texts(["AO01", "AO03", "AO07"])
    assert found.meanings == {"AO01": 1, "AO03": 3}
    assert found.unsure == ["'AO01' as 1 (1 cells)", "'AO03' as 3 (1 cells)"]
    assert texts(["AO01", "so so"]).meanings == {}  # not all are written so


def test_texts_without_a_meaning_are_named_only_where_many_cells_hold_them() -> None:
    found = texts(["7", "7", "6", *["so so"] * 5, *["well"] * 4])
    assert found.unsure == [
        "'7' means no code of the scale (2 cells): give it a code, or null",
        "'so so' means no code of the scale (5 cells): give it a code, or null",
    ]
    assert found.kinds["without a meaning"] == 12
    many = texts([f"own words {chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(41) for _ in range(5)])
    assert many.unsure == []


def test_codes_that_the_file_declares_missing_mean_no_answer() -> None:
    found = texts([1, 2, 7, 8], missing={"a1": [(7, 8)]})
    assert found.kinds == {"codes": 2} and found.unsure == []
    assert texts(["7", "7"], missing={"a1": [(7, 8)]}).kinds["without a meaning"] == 2


def labelled(pairs: dict[int, str], scale: Instrument = SCALE) -> dict[str, Any]:
    return dict.fromkeys(scale.item_ids, pairs)


def test_codes_of_a_file_with_the_labels_at_other_codes() -> None:
    moved = {0: "not at all", 1: "partly", 2: "very much"}
    found = texts([0, 1, 2], labels=labelled(moved))
    assert found.meanings == {"0": 1, "1": 2, "2": 3}
    assert found.unsure == ["by the labels of the file 0 is 1, 1 is 2, 2 is 3"]
    assert texts([1, 2], labels=labelled(AGREE)).meanings == {}  # the same: nothing to say
    turned = {1: "very much", 2: "partly", 3: "not at all"}
    assert texts([1, 2], labels=labelled(turned)).meanings == {}
    strange = {**moved, 3: "something else"}
    assert texts([0, 1], labels=labelled(strange)).meanings == {}
    assert texts([0, 1], labels={"a1": moved}).meanings == {}  # the others have none
    assert texts([0, 1], labels=labelled(moved) | {"a2": AGREE}).meanings == {}


# shapes


def test_waves_beside_each_other_need_half_of_the_items_twice() -> None:
    labels = [f"a{k}_t{wave}" for wave in (1, 2) for k in (1, 2)]
    found = find_occasions(["id", *labels], SCALE)
    assert found == {f"t{w}": {"a1": f"a1_t{w}", "a2": f"a2_t{w}"} for w in (1, 2)}
    assert find_occasions(["a1_t1", "a1_t2"], SCALE) == {}
    assert find_occasions(["a1_t1", "a2_t1", "a1_t2"], SCALE) == {}
    assert list(find_occasions([*labels, "a1_t3"], SCALE)) == ["t1", "t2"]
    assert list(find_occasions(["t1_a1", "t1_a2", "t2_a1", "t2_a2"], SCALE)) == ["t1", "t2"]
    own = scale_of(texts={"a": "One.", "b": "Two.", "a_1": "Three.", "b_1": "Four."})
    assert find_occasions(["a_1", "b_1", "a_2", "b_2"], own) == {}  # the ids of the scale are no waves


def long_table(people: int = 3) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {"id": [], "item": [], "value": []}
    for k in range(people):
        for place, item in enumerate(SCALE.item_ids):
            for key, cell in zip(made, (f"p{k}", item, 1 + (k + place) % 3), strict=True):
                made[key].append(cell)
    return made


def test_a_row_for_each_answer_is_told_from_a_list_of_items() -> None:
    long, named, doubt = find_long(raw_of(long_table()), SCALE)
    assert long == LongForm(item="item", answer="value") and doubt == ""
    assert named == {item: item for item in SCALE.item_ids}
    one = long_table(1)
    assert find_long(raw_of(one), SCALE)[0] is None  # as many rows as items: nobody answered twice
    half = {
        key: [c for c, item in zip(cells, long_table()["item"], strict=True) if item in ("a1", "a2")]
        for key, cells in long_table().items()
    }
    assert find_long(raw_of(half), SCALE)[0] == long
    other = long_table()
    other["what"] = other.pop("item")
    assert find_long(raw_of(other), SCALE)[2] == "long: column 'what' names the items"
    for extra in ({"score": [1] * 12}, {}):
        table = long_table() | extra
        if not extra:
            table["number"] = table.pop("value")
        with pytest.raises(ResponseDataError, match=r"(2|no) columns may hold their answers"):
            find_long(raw_of(table), SCALE)


def test_rows_become_columns() -> None:
    table = long_table()
    table["seen"] = ["x"] * 12
    table["when"] = [str(k) for k in range(12)]
    for key, cell in zip(table, ("p0", "other", 3, "x", "0"), strict=True):
        table[key].insert(2, cell)
    wide = widen(raw_of(table), LongForm(item="item", answer="value"), ["id"], SCALE.item_ids)
    assert wide.columns == ["id", "seen", *SCALE.item_ids]
    assert [list(wide.column(item)) for item in ("a1", "a4")] == [[1, 2, 3], [1, 2, 3]]
    assert wide.lines.tolist() == [2, 7, 11]
    assert wide.notes == [
        "1 row of other items left out",
        "column 'when' differs between the answers of an administration: left out",
    ]
    same = long_table()
    for key in same:
        same[key].append(same[key][0])
    assert list(widen(raw_of(same), LongForm(item="item", answer="value"), ["id"], ["a1"]).column("a1")) == [
        1,
        2,
        3,
    ]
    same["value"][-1] = 3
    with pytest.raises(
        ResponseDataError, match="2 rows give one item of one administration different answers"
    ):
        widen(raw_of(same), LongForm(item="item", answer="value"), ["id"], ["a1"])


def test_waves_are_put_below_each_other_without_those_who_gave_no_answer() -> None:
    first = raw_of({"id": ["p1", "p2", "p3"], "a1": ["1", "", "3"], "a2": ["", "", "2"]})
    second = raw_of({"id": ["p1", "p2", "p3"], "a1": ["", "2", ""], "a2": ["", "", "1"]})
    made = lengthen({"pre": first, "post": second}, ["a1", "a2"])
    assert list(made.column("id")) == ["p1", "p3", "p2", "p3"]
    assert list(made.column("wave")) == ["pre", "pre", "post", "post"]
    assert made.lines.tolist() == [2, 4, 3, 4]
    assert made.notes[-1] == "2 administrations without any answer left out"


# items


def test_like_wordings_are_offered_where_no_other_is_near() -> None:
    own = scale_of(
        texts={"x": "I feel that the app listens to me.", "y": "Nothing here is of use to anybody."}
    )

    def matched(*labels: str) -> dict[str, tuple[str, Ground, str, tuple[str, ...]]]:
        found, _ = match_items(labels, [(label,) for label in labels], own)
        return {m.item: (m.column, m.ground, m.doubt, m.beside) for m in found}

    near = "I feel that the app listened to me."
    assert matched(near)["x"][:2] == (near, Ground.ALIKE)
    assert "x" not in matched("I feel that my friend talks to me.")  # it shares two thirds
    assert "x" not in matched(near, "I feel that the app listening to me.")  # two are near
    assert matched("x", "x[x]", "form[x]")["x"] == ("x", Ground.ID, "", ())
    assert matched("form[x]", "other[x]")["x"] == ("form[x]", Ground.PART, "", ("other[x]",))
    assert matched("x_1")["x"][0] == "x_1" and "x" not in matched("x_1", "x_2")
    worded = matched("I feel that the app listens to me.", "How far? [I feel that the app listens to me.]")
    assert worded["x"] == ("I feel that the app listens to me.", Ground.WORDING, "", ())
    two = scale_of(
        texts={"x": "I feel that the app listens to me.", "y": "I feel that the app listens to us."}
    )
    found, _ = match_items(
        ["I feel that the app listens to you."], [("I feel that the app listens to you.",)], two
    )
    assert len(found) <= 1


def test_what_two_items_share_names_neither() -> None:
    own = scale_of(texts={"x": "I trust it.", "y": "I trust it", "z": "I like it."})
    assert wording_keys(own) == {"i like it": "z"}


def test_a_column_named_by_one_item_and_worded_as_another_goes_by_its_wording() -> None:
    headers = [("a1", "Words of question 2."), ("a2", "Words of question 1."), ("a3",), ("a4",)]
    found, _ = match_items(["a1", "a2", "a3", "a4"], headers, SCALE)
    assert {m.item: m.column for m in found} == {"a1": "a2", "a2": "a1", "a3": "a3", "a4": "a4"}
    assert found[0].doubt == "named 'a2', worded as 'a1'"


# what came in


def test_what_came_in_shows_kinds_and_no_cell() -> None:
    table = {
        "id": ["p1", "", "p3", "P3", "x"],
        "kind": ["real", "real", "test", "test", "real"],
        "more": ["a", "a", "a", "b", "b"],
        "on": ["2026-03-09", "2026-03-02", "2026-01-01", "", ""],
        "a1": ["3", "secret", "", "1", "2"],
    }
    mapping = Mapping(
        instrument="mini",
        participant="id",
        items={"a1": "a1"},
        completed_on="on",
        without_rows={"kind": ("test",), "more": ("b",)},
    )
    columns = [ColumnMeaning(column=name, meaning="", n=1, why="", is_sure=True) for name in ("on", "a1")]
    assert came_in(raw_of(table), mapping, columns) == [
        "rows: 5 read, 2 kept, 2 left out by 'kind', 1 left out by 'more'",
        "people: 1",
        "days of answers: 2026-03-02 to 2026-03-09, in every row",
        "line 2: 'on' a date, 'a1' a number",
        "line 3: 'on' a date, 'a1' a text",
    ]
    table["on"][1] = ""
    said = came_in(raw_of(table), mapping, columns)
    assert said[2] == "days of answers: 2026-03-09 to 2026-03-09, in 1 of 2 rows"
    assert not any("secret" in line for line in said)


# people, occasions, states


PLAIN = Tool(name="plain")
REDCAP = next(tool for tool in TOOLS if tool.name == "redcap")


def everybody(raw: RawTable) -> np.ndarray:
    return np.ones(len(raw.lines), dtype=bool)


def person(columns: dict[str, list[Any]], tool: Tool = PLAIN) -> tuple[str | None, list[str]]:
    raw, found = raw_of(columns), Found()
    return people_column(raw, tool, found, everybody(raw)), found.unsure


def test_who_is_the_person() -> None:
    assert person({"participant": ["p1", ""], "x": ["a", "b"]}) == ("participant", [])
    assert person({"x": ["AB12", "CD34"]}) == ("x", ["participant: column 'x'"])
    assert person({"x": ["AB12", "007"]}) == ("x", ["participant: column 'x'"])
    assert person({"x": ["AB12", "007", "A-7", "7b"]})[0] is None  # written in four ways
    assert person({"x": ["AB12", "12"]})[0] is None
    same = {"x": ["AB12"] * 40 + ["CD34"] * 2}
    assert person(same)[0] is None  # two codes for 42 rows tell nobody apart
    assert person({"x": ["AB12"] * 38 + ["CD34"] * 2})[0] == "x"
    named = Tool(name="tool", people=("handle",), responses=("number",))
    assert person({"handle": ["t", "u"], "number": ["1", "2"]}, named) == ("handle", [])
    half = person({"handle": ["t", ""], "number": ["1", "2"]}, named)
    assert half == (
        "number",
        ["participant: column 'handle' names the person in 1 of 2 rows, and was left out"],
    )


def test_redcap_records_entered_twice_are_refused() -> None:
    table = {"record_id": ["P1--1", "P1--2", "P2"], "mini_complete": ["2", "2", "2"]}
    with pytest.raises(ResponseDataError, match="2 rows of double data entry"):
        person(table, REDCAP)
    assert person({"record_id": ["P--12", "P2"]}, REDCAP)[0] == "record_id"


def occasion(columns: dict[str, list[Any]], tool: Tool = PLAIN, kept: list[bool] | None = None) -> Any:
    raw = raw_of(columns)
    return wave_column(raw, tool, Found(), np.array(kept) if kept else everybody(raw))


def test_which_column_is_the_occasion() -> None:
    assert occasion({"wave": ["1", "1"]}) == "wave"
    assert occasion({"wave": ["", "1"]}, kept=[True, False]) is None
    both = {"redcap_event_name": ["a", "b"], "redcap_repeat_instance": ["1", "2"]}
    assert occasion(both, REDCAP) == ("redcap_event_name", "redcap_repeat_instance")
    one = {"redcap_event_name": ["a", "a"], "redcap_repeat_instance": ["1", "2"]}
    assert occasion(one, REDCAP) == "redcap_repeat_instance"
    assert occasion({"time": ["pre", "post"]}) == "time"
    assert occasion({"time": ["12:30", "13:45"]}) is None
    assert occasion({"time": ["12:30", "post"]}) == "time"
    assert occasion({"time": [str(k) for k in range(50)]}) == "time"
    assert occasion({"time": [str(k) for k in range(51)]}) is None


def state(columns: dict[str, list[Any]], tool: Tool = PLAIN) -> tuple[str | None, dict[str, Any]]:
    return status_column(raw_of(columns), tool, SCALE, Found())


def test_which_column_says_what_was_finished() -> None:
    assert state({"status": ["completed", "open"]}) == ("status", {"completed": "completed", "open": "open"})
    assert state({"status": ["married", "single"]}) == (None, {})
    assert state({"finished": ["True", "False"]}) == ("finished", {"false": "open", "true": "completed"})
    assert state({"one_complete": ["2"], "mini_complete": ["0"]}, REDCAP)[0] == "mini_complete"
    assert state({"one_complete": ["2"], "two_complete": ["0"]}, REDCAP)[0] is None
    assert state({"one_complete": ["2"]}, REDCAP)[0] == "one_complete"


def test_days_and_rows_that_are_left_out() -> None:
    tool = Tool(name="tool", completed=("ended",), without_rows={"kind": ("preview", "test")})
    found = Found()
    dates = {"ended": ["2026-03-02", "2026-03-03 10:00"], "kind": ["preview", "real"], "a1": ["1", "2"]}
    assert day_column(raw_of(dates), tool, None, found) == "ended"
    mixed = Found()
    assert day_column(raw_of(dates | {"ended": ["2026-03-02", "3/4/2026"]}), tool, None, mixed) is None
    assert mixed.notes == ["dates of 'ended' are not written as 2026-03-31: the day of answers stays empty"]
    assert rows_left_out(raw_of(dates), tool, ["a1"], found) == {"kind": ("preview",)}
    forms = {"redcap_repeat_instrument": ["mini", "diary", "mini", "visits"], "a1": ["1", "", "", ""]}
    left = rows_left_out(raw_of(forms), REDCAP, ["a1"], Found())
    assert left == {"redcap_repeat_instrument": ("diary", "visits")}
    assert rows_left_out(raw_of(forms | {"a1": [""] * 4}), REDCAP, ["a1"], Found()) == {}


def test_rows_of_nobody() -> None:
    people = [f"p{k}" for k in range(30)]
    found = rows_of_nobody(raw_of({"id": [*people, "Total", "test", "id"]}), "id", (), Found())
    assert found == {"id": ("Total", "test", "id")}
    tests = raw_of({"id": ["p1", "test1", "test2", "test3"]})
    assert rows_of_nobody(tests, "id", (), Found()) == {}  # a study whose people are called so


def test_remarks_below_the_answers_are_rows_of_nobody() -> None:
    ids = ["p1 of site north", "p2", "as of 3 March", "p4", "some more words", "checked by all"]
    table = raw_of({"id": ids, "a1": ["1", "2", "", "3", "", " "], "a2": ["", "2", "", "1", "", ""]})
    found = Found()
    assert rows_of_nobody(table, "id", ("a1", "a2"), found) == {"id": ("checked by all", "some more words")}
    assert "2 rows without an answer" in found.unsure[0]
    assert "checked" not in found.unsure[0]  # what stands there may be somebody's
    answered = raw_of({"id": ["p1", "one two three"], "a1": ["1", "2"]})
    assert rows_of_nobody(answered, "id", ("a1",), Found()) == {}
    nothing = raw_of({"id": ["one two three", "p2"], "a1": ["", ""]})
    assert rows_of_nobody(nothing, "id", ("a1",), Found()) == {}


# files that are written


OUTSIDE = scale_of(
    scale={"outside": [{"code": 8, "label": "Not for me", "reason": "not_applicable"}]},
    missing_codes={"declined": 9, "skipped": 7},
)


def answers(reasons: list[tuple[str, str, str, str]], **cells: Any) -> pd.DataFrame:
    table = pd.DataFrame({"participant": ["p1", "p2"], "wave": [1, 1]})
    for item in OUTSIDE.item_ids:
        table[item] = pd.array(cells.get(item, [1, 2]), dtype="Int64")
    listed = pd.DataFrame(reasons, columns=["participant", "wave", "item", "reason"])
    table.attrs["reasons"] = ReasonTable(listed)
    return table


def test_codes_of_missing_answers_in_files() -> None:
    assert missing_codes_of(OUTSIDE, "a1") == {"skipped": 7, "not_applicable": 8, "declined": 9}
    words = value_labels(OUTSIDE, OUTSIDE.wording(None), "a1")
    assert words == {**AGREE, 8: "Not for me", 7: "Skipped", 9: "Prefers not to answer"}
    told = [("p1", "1", "a1", "declined"), ("p2", "1", "a2", "not_applicable"), ("p1", "1", "zz", "skipped")]
    told.append(("p9", "1", "a1", "skipped"))
    table = answers(told, a1=[None, 2], a2=[3, None], a3=[None, 1])
    coded = coded_answers(table, OUTSIDE, "f")
    assert coded["a1"].tolist() == [9, 2] and coded["a2"].tolist() == [3, 8]
    assert coded["a3"].isna().tolist() == [True, False]
    wide = reasons_wide(table, OUTSIDE, "f")
    assert wide["a1"].tolist() == ["declined", None] and wide["a3"].tolist() == ["unstated", None]
    with pytest.raises(ResponseDataError, match="1 answers have a reason for being missing as well"):
        coded_answers(answers(told[:2], a1=[3, 2], a2=[3, None]), OUTSIDE, "f")
    with pytest.raises(DefinitionError, match="declares no code for"):
        coded_answers(answers([("p1", "1", "a1", "not_seen")], a1=[None, 2]), OUTSIDE, "f")
    doubled = pd.concat([table, table.head(1)], ignore_index=True)
    with pytest.raises(ResponseDataError, match="1 of 3 rows repeat"):
        reasons_wide(doubled, OUTSIDE, "f")


def file_of(
    people: list[str], wave: Any = 1, notes: tuple[str, ...] = (ASSUMED,), **more: Any
) -> pd.DataFrame:
    table = pd.DataFrame({"participant": people, "wave": wave, "a1": 1, **more})
    table.attrs["notes"] = list(notes)
    table.attrs["reasons"] = ReasonTable(
        pd.DataFrame([(people[0], 1, "a1", "skipped")], columns=["participant", "wave", "item", "reason"])
    )
    return table


def test_files_are_put_below_each_other_with_their_waves_and_reasons() -> None:
    made = put_together([file_of(["p1", "p2"]), file_of(["p1"])], ["a", "b"], ["pre", "post"], "f")
    assert made["wave"].tolist() == ["pre", "pre", "post"]
    assert made.attrs["reasons"][["participant", "wave"]].to_numpy().tolist() == [
        ["p1", "pre"],
        ["p1", "post"],
    ]
    assert made.attrs["notes"] == ["rows: 2 of a, 1 of b"]
    named = put_together([file_of(["p1"], 1, ()), file_of(["p1"], 2, ())], ["a", "b"], [], "f")
    assert named["wave"].tolist() == [1, 2]
    states = [file_of(["p1"], status=["open"]), file_of(["p2"])]
    assert put_together(states, ["a", "b"], [], "f")["status"].tolist() == ["open", "completed"]


def test_files_that_do_not_fit_together_are_refused() -> None:
    one, two = file_of(["p1", "p2"]), file_of(["p2", "p3"])
    with pytest.raises(ResponseDataError, match="1 administration stand both in a and in b"):
        put_together([one, two], ["a", "b"], [], "f")
    assert len(put_together([one, two], ["a", "b"], ["x", "y"], "f")) == 4
    with pytest.raises(ResponseDataError, match="3 waves named for 2 files"):
        put_together([one, two], ["a", "b"], ["x", "y", "z"], "f")
    with pytest.raises(ResponseDataError, match="b names its waves itself"):
        put_together([one, file_of(["p3"], 2, ())], ["a", "b"], ["x", "y"], "f")
    numbered = file_of(["1", "2"])
    numbered.attrs[NUMBERED] = True
    with pytest.raises(ResponseDataError, match="a file names no participants"):
        put_together([numbered, file_of(["p3"])], ["a", "b"], [], "f")
    first, second = [f"p{k}" for k in range(10)], [f"P{k}" for k in range(6)] + ["x1", "x2", "x3", "x4"]
    with pytest.raises(ResponseDataError, match="6 pairs of ids differ in"):
        put_together([file_of(first), file_of(second)], ["a", "b"], ["x", "y"], "f")
