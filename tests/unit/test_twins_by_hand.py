"""What the scripts beside a report say of its numbers, worked by hand: no study is analysed here."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.twins.again import count_numbers, differing, run_again, told
from analysis.twins.parts import METHOD, VALUES, Reason, Twin, Twins, is_number, sort_numbers
from analysis.twins.python_script import python_script
from analysis.twins.script import literal, printed_digits, r_script, section_script

leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(trees)
def test_a_tree_does_not_differ_from_itself(tree: Any) -> None:
    assert list(differing(tree, tree)) == []


@pytest.mark.parametrize(
    ("given", "again", "said"),
    [
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}, ["b: no number in results.json, 2 again"]),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}, ["b: 2 in results.json, no number again"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a: 2 entries in results.json, 1 again"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a: 1 entries in results.json, 2 again"]),
        ({"a": None}, {"a": 3}, ["a: no number in results.json, 3 again"]),
        ({"a": "met"}, {"a": "not met"}, ["a: other words"]),
        ({"a": [{"b": 1.0}]}, {"a": [{"b": 1.00001}]}, ["a[0].b: 1 in results.json, 1.00001 again"]),
        ({"a": 1.0}, {"a": 1.0 + 1e-12}, []),
        ({"versions": "1", "notes": [1]}, {"versions": "2", "warnings": ["x"]}, []),
    ],
)
def test_what_stands_in_one_tree_alone_is_named(given: Any, again: Any, said: list[str]) -> None:
    assert list(differing(given, again)) == said


def of(**sections: float) -> dict[str, Any]:
    return {"sections": dict(sections), "meta": {"seed": 1}, "properties": {"p": 1}}


@pytest.mark.parametrize(
    ("given", "again", "status", "last"),
    [
        (of(a=1, b=2), of(a=1, b=2), 0, "Every number agrees."),
        (of(a=1, b=2), of(a=1, b=3), 1, "1 differ."),
        (of(a=1), of(a=1, b=3, c=4), 1, "2 differ."),
        (of(a=1, b=3), of(a=1), 1, "1 differ."),
        (of(a=1), of(a=1) | {"meta": {"seed": 2}}, 1, "1 differ."),
        (of(a=1), of(a=1) | {"properties": {"p": 2}}, 1, "1 differ."),
    ],
)
def test_sections_of_either_run_count(
    given: Any, again: Any, status: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(given, again) == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last
    if set(again["sections"]) - set(given["sections"]):
        assert lines[0] == "Sections that results.json lacks: b, c"


def test_numbers_are_counted_without_what_is_not_compared() -> None:
    assert count_numbers({"a": [1, 2.5, None, "x", True], "notes": [3], "b": {"c": 4}}) == 3


def test_files_are_found_by_their_path_or_by_their_name_alone(tmp_path: Path) -> None:
    report, data = tmp_path / "report", tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    report.mkdir()
    for name in ("a.csv", "m.csv", "m.yaml", "deep/b.csv"):
        (data / name).write_text("")
    asked: list[list[str]] = []

    def run(arguments: Any) -> None:
        asked.append(list(arguments))
        out = Path(arguments[arguments.index("--out") + 1])
        out.mkdir()
        for folder in (out, report):
            (folder / "results.json").write_text('{"sections": {"a": 1}}')

    command = [
        "old/place/a.csv",
        "--usage",
        "deep/b.csv",
        "--measure",
        "x/m.csv=x/m.yaml",
        "--seed",
        "a.csv.x",
    ]
    files = ["old/place/a.csv", "deep/b.csv", "x/m.csv=x/m.yaml", "gone.csv"]
    assert run_again(report, command, files, data, run) == 0
    assert asked[0][:-4] == [
        *(str(data / "a.csv"), "--usage", str(data / "deep" / "b.csv"), "--measure"),
        *(f"{data / 'm.csv'}={data / 'm.yaml'}", "--seed", "a.csv.x"),
    ]
    assert asked[0][-4:][::2] == ["--out", "--forms"]
    assert asked[0][-1] == ""


def section(twins: Twins) -> dict[str, Any]:
    """A section with two tables, of which one has columns of several lengths."""
    captions = {
        "t": {"columns": {"x": {"format": "b2"}}, "kinds": {"k": {"what": "given"}, "x": {"what": "made"}}},
        "u": {"columns": {}, "kinds": {}},
    }
    tables = {"t": {"x": [0.5, None, 0.7], "y": [1, 2, 3], "k": [5, 5, 5]}, "u": {"z": [1.5], "w": [None]}}
    prose = ["A share of {part:percent} of {n:int}.", "A p of {p:p} and {mean:d2}."]
    values = {"part": 0.5, "p": 0.1, "mean": 2.0, "bare": 4, "yes": True, "name": "x"}
    return {
        **{"tables": tables, "values": values, "method": {"n": 9}, "captions": captions, "prose": prose},
        **{"twins": twins.plain(), "kinds": {"n": {}, "values": {"bare": {"what": "given"}}}},
    }


def test_every_number_has_its_call_or_the_reason_it_was_given() -> None:
    twins = Twins()
    twins.add("first", "x", table="t")
    twins.add("nothing", "w", table="u")
    twins.leave(Reason.SEEDED, "y z", "t")
    twins.leave(Reason.WORDS, "*", VALUES)
    found = sort_numbers(section(twins))
    assert [call["call"] for call in found.calls] == ["first"]
    assert found.calls[0]["rows"] == [0, 1, 2]
    assert found.calls[0]["exact"] is True
    assert {reason: list(places) for reason, places in found.reasons.items()} == {
        Reason.SEEDED: [("t", "y", 0), ("t", "y", 1), ("t", "y", 2)],
        Reason.GIVEN: [("t", "k", 0), ("t", "k", 1), ("t", "k", 2), (VALUES, "bare", 0)],
        Reason.NOT_WRITTEN: [("u", "z", 0), (METHOD, "n", 0)],
        Reason.WORDS: [(VALUES, "part", 0), (VALUES, "p", 0), (VALUES, "mean", 0)],
    }


def test_a_call_for_every_row_reaches_the_longest_column() -> None:
    twins = Twins()
    twins.add("all", "x y", table="t")
    uneven = section(twins)
    uneven["tables"]["t"]["k"] = [5]
    assert sort_numbers(uneven).calls[0]["rows"] == [0, 1, 2]


def test_lines_of_a_section_give_rows_digits_and_gaps() -> None:
    twins = Twins()
    twins.add("first", {"x": "alpha"}, table="t", level=0.9, whole=True)
    twins.add("second", {"n": "n"}, table=METHOD, exact=False)
    lines = list(section_script("s", section(twins)))
    assert lines[1:6] == [
        'section("s")',
        'twin("first", list(level = 0.9, whole = TRUE), "t", 1:3,',
        '  numbers = c(x = "alpha"), digits = c(2), exact = TRUE, empty = list(x = c(2)))',
        'twin("second", list(), "method", 1,',
        '  numbers = c(n = "n"), digits = c(0), exact = FALSE)',
    ]
    unwritten, given = Reason.NOT_WRITTEN.value, Reason.GIVEN.value
    assert lines[6:] == [
        f'without("t", c("y"), 1:3, "{unwritten}")',
        f'without("u", c("z"), 1, "{unwritten}")',
        f'without("values", c("part", "p", "mean"), 1, "{unwritten}")',
        f'without("t", c("k"), 1:3, "{given}")',
        f'without("values", c("bare"), 1, "{given}")',
    ]


def test_digits_are_those_that_are_printed() -> None:
    one = section(Twins())
    digits = {name: printed_digits(one, VALUES, name) for name in one["values"]}
    assert digits == {"part": 3, "p": 3, "mean": 2, "bare": None, "yes": None, "name": None}
    assert printed_digits(one, METHOD, "n") == 0
    assert printed_digits(one, "t", "x") == 2
    assert printed_digits(one, "t", "y") is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12))
def test_numbers_are_written_whole(number: float) -> None:
    assert float(literal(number)) == number


def test_yes_and_no_and_what_is_no_number_are_told_apart() -> None:
    assert [literal(value) for value in (True, False, float("nan"), float("inf"))] == [
        "TRUE",
        "FALSE",
        "NA",
        "NA",
    ]
    assert literal({"a": False}) == "list(a = FALSE)"
    assert [is_number(value) for value in (1, 1.5, True, False, None, "1")] == [True, True, *[False] * 4]


def study(**source: Any) -> list[str]:
    items = {
        "one": {"reversed": False, "codes": [1, 2, 3], "reasons": {"na": 8}},
        "two": {"reversed": True, "codes": [0, 5], "reasons": {}},
    }
    scale = {"items": items, "missing": "pairwise", "ordinal": "WLSMV", "continuous": "MLR"}
    scale |= {"reasons": ["na"], "scoring": {"a": 1}, "measures": {"other": {}}}
    return r_script({"meta": {"twins": scale}, "sections": {}}, source or None).splitlines()


def test_the_script_says_what_the_instrument_and_the_run_say() -> None:
    lines = study(
        files={"responses": "folder/a.csv", "measure 1": "m.csv"},
        separator=";",
        participant="person",
        decimal=",",
    )
    for line in (
        'items <- data.frame(item = c("one", "two"), reversed = as.logical(c(0, 1)), stringsAsFactors = FALSE)',
        "options_of <- list(one = c(1, 2, 3), two = c(0, 5))",
        'rule_missing <- "pairwise"; rule_ordinal <- "WLSMV"',
        'rule_continuous <- "MLR"',
        "reasons_of <- list(one = list(na = 8), two = list())",
        'files <- list(responses = "folder/a.csv", `measure other` = "m.csv")',
        'reading <- list(participant = "person", wave = "wave", separator = ";", encoding = "UTF-8", decimal = ",", '
        'missing = c("NA"))',
    ):
        assert line in lines
    assert "files <- list()" in study()


def test_a_session_is_made_again_with_its_own_seed_topics_and_choices() -> None:
    for smooth, kept in (("none", False), ("nearest", "nearest")):
        meta = {"seed": 7, "correlation": "pearson", "smooth": smooth, "instrument": {"id": "dta@0.2.0"}}
        text = python_script({"meta": meta, "sections": {"items": {}, "scores": {}}})
        found = re.search(r"options = (\{.*\})", text)
        assert found is not None
        assert ast.literal_eval(found[1]) == {
            **{"seed": 7, "topics": ["items", "scores"], "correlation": "pearson", "smooth": kept}
        }
        assert "instrument.load('dta@0.2.0')" in text


def test_a_command_is_made_again_with_the_files_it_named() -> None:
    source = {"command": ["a.csv", "-i", "x.yaml"], "arguments_of_files": ["a.csv", "x.yaml"]}
    lines = python_script({"meta": {}}, source).splitlines()
    assert "COMMAND = ['a.csv', '-i', 'x.yaml']" in lines
    assert "FILES = ['a.csv', 'x.yaml']" in lines


def test_a_call_says_by_itself_whether_it_is_exact() -> None:
    assert Twin(call="a", numbers={}).plain()["exact"] is True
    assert Twin(call="a", numbers={}, exact=False).plain() == {
        **{"call": "a", "arguments": {}, "table": VALUES, "rows": None, "numbers": {}, "exact": False}
    }
