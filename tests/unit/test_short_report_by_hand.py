"""The short report of results made by hand, sentence by sentence."""

from __future__ import annotations

import copy
from typing import Any

from analysis.common.verdicts import Property
from analysis.report import opening_words, short_words
from analysis.report.short import honest_lines, short_parts
from analysis.report.short_forms import plain
from tests.unit.made_sections import finding, scores, section, tree_of

# the short report


def part(tree: dict[str, Any], heading: str) -> Any:
    return next(p for p in short_parts(tree) if p.heading == heading)


def rows(grid: Any) -> list[tuple[str, ...]]:
    return [tuple(plain(cell) for cell in row) for row in grid.rows]


def test_people_who_left_are_told_of_only_where_the_order_of_the_waves_is_known() -> None:
    flow = section(
        values={"participants": 20}, tables={"flow": {"wave": ["one", "two"], "answered": [20, 20]}}
    )
    for source, told in (("words", True), ("unknown", False)):
        lines = part(tree_of({"wave_order": source}, flow=flow), "Who answered").lines
        assert ([short_words.STAYED] in lines) is told
    assert "left" not in short_words.STAYED  # all twenty came back


def test_properties_in_plain_words() -> None:
    tree = tree_of(
        models=section(
            finding("met", property="structure"), finding("untested", 0.1, cause="wide", property="structure")
        ),
        groups=section(finding("untested", 0.1, cause="few_in_group", property="invariance")),
        retest=section(finding("untested", 0.1, cause="wide", property="reliability")),
    )
    found = dict(rows(part(tree, opening_words.HEADING).grid))
    assert found[opening_words.POINTS[Property.STRUCTURE]] == (
        "Shown in part: 1 of 2 checks passed, the rest could not be judged"
    )
    assert found[opening_words.POINTS[Property.INVARIANCE]] == (
        "Could not be tested: too few people in a group"
    )
    assert found[opening_words.POINTS[Property.RELIABILITY]] == "Could not be worked out"
    assert found[opening_words.POINTS[Property.ERROR]] == "Not asked"


def test_honest_lines_say_what_holds() -> None:
    few = finding("untested", None, cause="few_people", property="structure")
    draft = tree_of()["meta"]["instrument"] | {"status": "candidate"}
    assert honest_lines(tree_of()) == []
    assert honest_lines(tree_of({"synthetic": True, "instrument": draft})) == [
        short_words.MADE_UP,
        short_words.DRAFT,
    ]
    assert honest_lines(tree_of({"instrument": draft})) == [short_words.DRAFT_ASKED]
    assert "real people" not in short_words.DRAFT_ASKED  # they were asked
    assert honest_lines(tree_of(models=section(few))) == [short_words.FEW]
    judged = section(few, finding("met", property="reliability"))
    assert honest_lines(tree_of(models=judged)) == [short_words.FEW_FOR_SOME]


def weak(*correlations: float, n: int = 30) -> dict[str, Any]:
    table = {"item": [f"q{k}" for k in range(1, 5)], "item_rest_r": list(correlations), "n": [n] * 4}
    return tree_of(items=section(tables={"statistics": table}))


def test_the_weakest_questions() -> None:
    heading = "The weakest questions"
    assert rows(part(weak(0.5, 0.29, 0.3, 0.1), heading).grid) == [
        ("“Words of q4”", ".10"),
        ("“Words of q2”", ".29"),
    ]
    tree = weak(0.5, 0.4, 0.3, 0.6)
    assert tree["meta"]["without_variation"] == ["q3"]
    # a question that everybody answers alike is weaker than any in the list
    assert part(tree, heading).lines[:2] == (
        ["These got no answer, or all the same one, and so tell us nothing: “Words of q3”."],
        [short_words.WEAK_OTHERS],
    )
    tree["meta"]["without_variation"] = []
    strong = part(tree, heading)
    assert strong.lines[0] == [short_words.WEAK_NONE]
    assert rows(strong.grid) == [("“Words of q3”", ".30"), ("“Words of q2”", ".40"), ("“Words of q1”", ".50")]
    for tree in (weak(0.5, 0.29, 0.3, 0.1, n=29), weak(0.5, 0.29, 0.3, None)):  # type: ignore[arg-type]
        assert heading not in [p.heading for p in short_parts(tree)]


def priority(**values: Any) -> dict[str, Any]:
    table = {
        "title": ["First", "Second", "Third", "Fourth", "Fifth"],
        "effect": [0.3, -0.4, 0.2, 0.1, -0.2],
        "effect_lower": [0.1, -0.7, -0.1, None, -0.5],
        "effect_upper": [0.5, -0.1, 0.4, None, 0.1],
        "place": ["keep", "look at first", "look at first", None, None],
        "level_side": ["higher", "middle", "lower", None, None],
    }
    held = {"due": 8, "unit": "sessions", "needed": 900, "analysed": 120} | values
    return section(tables={"themes": table}, values=held)


APP = {"study": {"id": "trial", "notice": ""}}


def test_themes_that_go_with_staying() -> None:
    tree = tree_of(APP, priority=priority(), scores=scores())
    found = part(tree, "Which theme goes with staying")
    assert rows(found.grid) == [
        ("First", "0.30 (likely 0.10 to 0.50)", "goes with staying"),
        ("Second", "−0.40 (likely −0.70 to −0.10)", "goes with leaving"),
        ("Third", "0.20 (likely −0.10 to 0.40)", "we cannot tell"),
        ("Fifth", "−0.20 (likely −0.50 to 0.10)", "we cannot tell"),
    ]
    assert plain(found.lines[1]) == "The table shows how many more of the last 8 sessions that person did."
    assert [plain(line) for line in found.after] == [
        "Rated low, and close to staying: “Second” and “Third”. Look there first.",
        short_words.NOT_CAUSE,
    ]
    assert [plain(line) for line in part(tree, opening_words.LEVELS).after] == [
        "“First” is rated above the rest.",
        "“Third” is rated below the rest.",
    ]
    changes = [plain(line) for line in part(tree, "What would change this picture").points]
    assert changes[0] == (
        "More people. It would take about 900 to see which theme matters most; there were 120."
    )
    assert changes[1:] == [short_words.CHANGE_LOT, short_words.CHANGE_READ]
    for gone in ({"due": None},):
        made = tree_of(APP, priority=priority(**gone))
        assert "Which theme goes with staying" not in [p.heading for p in short_parts(made)]


def test_an_app_is_spoken_of_only_where_there_is_one() -> None:
    log = {"checksums": {"usage": "0" * 64}}
    for meta, app in ((None, False), (APP, True), (log, True)):
        tree = tree_of(meta)
        asked = plain(part(tree, "What was asked").lines[0])
        assert asked == f"{'People who use the app' if app else 'People'} were asked 4 questions."
        unknown = [plain(line) for line in part(tree, "What we do not know").points]
        assert len(unknown) == (2 if app else 1)
        changes = [plain(line) for line in part(tree, "What would change this picture").points]
        assert changes[0] == (short_words.CHANGE_USE if app else short_words.CHANGE_ASK)


def test_counts_and_waves_in_the_short_report() -> None:
    flow = section(
        values={"participants": 40},
        tables={"flow": {"wave": [1, 2], "answered": [40, 35]}},
    )
    tree = tree_of({"participants": 1}, flow=flow, scores=scores())
    assert plain(part(tree, "In one sentence").lines[1]) == "1 person, 2 times, 4 questions."
    none = tree_of({"participants": 0})
    assert plain(part(none, "In one sentence").lines[1]).startswith("0 people")
    answered = part(tree, "Who answered")
    assert [plain(line) for line in answered.lines] == ["40 people gave answers.", short_words.STAYED]
    assert rows(answered.grid) == [("1", "40"), ("2", "35")]
    line = plain(part(tree, opening_words.LEVELS).lines[0])
    assert line == "Each theme gets a mean score from 1 (low) to 5 (high), at 1."
    once = copy.deepcopy(tree)
    once["meta"]["waves"] = [1]
    once["sections"]["flow"]["tables"]["flow"] = {"wave": [1], "answered": [40]}
    assert plain(part(once, opening_words.LEVELS).lines[0]).endswith("to 5 (high).")
    assert [plain(line) for line in part(once, "Who answered").lines] == ["40 people gave answers."]
