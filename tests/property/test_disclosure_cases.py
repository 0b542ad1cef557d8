"""A shared results tree, case by case: what is left out, where else it would be told, and what stays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from analysis.disclosure.kinds import GIVEN, PERSON, TEXT, Kind, N, each, people, share, statistic, words
from analysis.disclosure.ledger import Account, cell, known, value

sys.path.insert(0, str(Path(__file__).parent))
from trees_to_share import caption, section, study

from analysis.disclosure.shared import shared_tree
from analysis.report.questions import question_rows

WEIGHTS = [9, 2, 2, 0, 8]


def test_a_shared_tree_leaves_the_original_alone_and_rounds_what_stays() -> None:
    true = study(60, [[10, 10, 10, 10, 13], [10, 9, 11, 12, 10]], [7, 8])
    seen = shared_tree(true)
    assert true["sections"]["items"]["tables"]["statistics"]["mean"][0] == 165 / 53
    assert seen["sections"]["items"]["tables"]["statistics"]["mean"][0] == 3.11
    assert seen["sections"]["items"]["suppressed"] == {}
    assert "shared" not in true["meta"]


def test_four_people_are_nobody() -> None:
    true = study(4, [[1, 1, 1, 1, 0]], [0])
    seen = shared_tree(true)
    assert seen["meta"]["participants"] is None
    assert {part["status"] for part in seen["sections"].values()} == {"not_applicable"}
    assert {str(part["tables"]) for part in seen["sections"].values()} == {"{}"}


def test_tables_of_persons_and_their_names_are_left_out() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    items = true["sections"]["items"]
    items["tables"]["people"] = {"participant": ["p1", "p2"], "score": [3.0, 4.0]}
    items["captions"]["people"] = caption(
        {"participant": "text", "score": "d2"}, {"participant": PERSON, "score": statistic()}
    )
    items["warnings"] = ["2 rows dropped: participants ['p1', 'p2']."]
    seen = shared_tree(true)["sections"]["items"]
    assert "people" not in seen["tables"]
    assert not any("p1" in warning or "2 rows" in warning for warning in seen["warnings"])


def test_a_statistic_of_four_people_is_left_out_and_so_is_its_claim() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    table: dict[str, list[Any]] = {
        "group": ["north", "south"],
        "n": [56, 4],
        "mean": [3.1, 2.2],
        "r": [0.5, 0.9],
    }
    path = "sections.later.tables.groups.r"
    claim = {
        "claim": "They go together",
        "rule": "",
        "source": "",
        "note": "",
        "passed": True,
        "verdict": "met",
        "cause": None,
        "property": None,
        "question": "Do they go together?",
        "cutoff": 0.3,
        "higher": True,
        "format": "r2",
    }
    true["sections"]["later"] = section(
        "later",
        n=60,
        tables={"groups": table},
        captions={
            "groups": caption(
                {"group": "text", "n": "int", "mean": "d2", "r": "r2"},
                {"group": TEXT, "n": people(), **each(statistic("n", fraction=True), "mean r")},
            )
        },
        findings=[{**claim, "value": table["r"][row], "path": f"{path}[{row}]"} for row in (0, 1)],
    )
    seen = shared_tree(true)["sections"]["later"]
    # the groups add up to everyone: four could be worked out from 60 and 56
    assert seen["tables"]["groups"] == {
        "group": ["north", "south"],
        "n": [None, None],
        "mean": [3.1, None],
        "r": [0.5, None],
    }
    # the claim is counted as left out: neither its number nor its verdict is told
    assert [finding["value"] for finding in seen["findings"]] == [0.5, None]
    assert [(f["verdict"], f["passed"]) for f in seen["findings"]] == [("met", True), ("hidden", None)]
    row = question_rows({"sections": {"later": seen}})[0]
    assert (row.met, row.tally.hidden, row.rest) == ("1 of 1", 1, "1 left out here")
    assert row.highest == "" and row.worst_value == ".5"


def test_steps_of_a_survival_curve_stand_for_five_people() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    curve: dict[str, list[Any]] = {"third": [], "time": [], "at_risk": [], "events": [], "surviving": []}
    left = 30
    for day in range(25):
        gone = 0 if day == 0 else 1
        for key, number in zip(curve, ("low", float(day), left, gone, (left - gone) / 30), strict=True):
            curve[key].append(number)
        left -= gone
    true["sections"]["adherence"] = section(
        "adherence",
        n=60,
        tables={"curves": curve},
        captions={
            "curves": caption(
                {"third": "text", "time": "d1", "at_risk": "int", "surviving": "percent"},
                {
                    "third": TEXT,
                    "time": GIVEN,
                    **each(people(), "at_risk events"),
                    "surviving": statistic(),
                },
                curve={"time": "time", "at_risk": "at_risk", "events": "events", "by": "third"},
            )
        },
    )
    seen = shared_tree(true)["sections"]["adherence"]
    assert seen["tables"]["curves"]["time"] == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert "at_risk" not in seen["captions"]["curves"]["columns"]
    assert set(seen["tables"]["curves"]["events"]) == {None}


def test_a_hidden_number_is_hidden_wherever_it_stands() -> None:
    """Complete answers but two: n of that item would tell the two, and so would the n of another table."""
    true = study(60, [[10, 10, 10, 10, 18], [9, 9, 9, 9, 14]], [2, 10])
    again = {"item": ["q0", "q1"], "n": [58, 50], "level": [50.0, 60.0]}
    true["sections"]["later"] = section(
        "later",
        n=60,
        values={"n": 58},
        value_kinds={"n": people()},
        prose=["On {n:int} people."],
        tables={"items": again},
        captions={
            "items": caption(
                {"item": "text", "n": "int", "level": "d1"},
                {"item": TEXT, "n": people(), "level": statistic("n")},
            )
        },
    )
    seen = shared_tree(true)["sections"]
    assert seen["items"]["tables"]["statistics"]["n"][0] is None
    assert seen["later"]["tables"]["items"]["n"][0] is None
    assert seen["later"]["values"]["n"] is None
    assert "{n:int}" not in "".join(seen["later"]["prose"])


def test_the_few_in_no_group_are_not_given_away_by_the_groups() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    names: dict[str, list[Any]] = {"kind": ["sex", "sex"], "part": ["woman", "man"], "theme": ["a", "a"]}
    account = Account()
    account.part(cell("alpha", "n", 0), cell("by_part", "n", 0), cell("by_part", "n", 1))
    true["sections"]["reliability"] = section(
        "reliability",
        n=60,
        tables={
            "alpha": {"theme": ["a"], "n": [60], "alpha": [0.8]},
            "by_part": {**names, "n": [30, 27], "alpha": [0.8, 0.7]},
        },
        account=account,
        captions={
            "alpha": caption(
                {"theme": "text", "n": "int", "alpha": "r2"},
                {"theme": TEXT, "n": people(weight=1), "alpha": statistic("n")},
            ),
            "by_part": caption(
                {"kind": "text", "part": "text", "theme": "text", "n": "int", "alpha": "r2"},
                {**each(TEXT, "kind part theme"), "n": people(), "alpha": statistic("n")},
            ),
        },
    )
    seen = shared_tree(true)["sections"]["reliability"]["tables"]
    assert seen["by_part"]["n"] == [30, None]
    assert seen["alpha"]["n"] == [60]


def test_changes_of_few_people_are_not_given_away_by_the_sentence() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    changes: dict[str, list[Any]] = {
        "title": ["A"],
        "n": [50],
        "higher": [3],
        "same": [40],
        "lower": [7],
        "share_higher": [3 / 50],
        "share_lower": [7 / 50],
    }
    account = Account()
    account.same(value("both"), N)
    changed = value("change_most")
    account.total([cell("changes", "higher", 0), cell("changes", "lower", 0)], changed)
    account.total([changed, cell("changes", "same", 0)], cell("changes", "n", 0))
    true["sections"]["longitudinal"] = section(
        "longitudinal",
        n=50,
        account=account,
        value_kinds={
            "change_most": share(cell("changes", "n", 0), weight=3),
            "change_most_title": TEXT,
            "both": people("at_first", weight=1),
            "at_first": people(weight=9),
            "stayed": people("both", weight=1),
        },
        values={"change_most": 10 / 50, "change_most_title": "A", "both": 50, "at_first": 60, "stayed": 40},
        prose=["At most {change_most:percent} changed ({change_most_title})."],
        tables={"changes": changes},
        captions={
            "changes": caption(
                {
                    "title": "text",
                    "n": "int",
                    "higher": "int",
                    "same": "int",
                    "lower": "int",
                    "share_higher": "percent",
                    "share_lower": "percent",
                },
                {
                    "title": TEXT,
                    "n": people(weight=1),
                    **each(people("n"), "higher same lower"),
                    "share_higher": share("n", count="higher"),
                    "share_lower": share("n", count="lower"),
                },
                sums=[[["higher", "same", "lower"], "n"]],
            )
        },
    )
    seen = shared_tree(true)["sections"]["longitudinal"]
    table = seen["tables"]["changes"]
    assert table["higher"] == table["share_higher"] == [None]
    hidden = [table["same"][0] is None, table["lower"][0] is None, seen["values"]["change_most"] is None]
    # higher + lower = changed, changed + same = n: one more of each sum must go
    assert hidden == [False, True, False]
    assert table["share_lower"] == [None]


def test_a_step_printed_in_two_sections_is_hidden_in_both() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    steps: dict[str, list[Any]] = {
        "step": [
            "enrolled",
            "  withdrawn before the landmark",
            "  no score at the landmark wave",
            "  scored, but a covariate is missing",
            "analysed: remaining intended use",
        ],
        "n": [90, 8, 20, 2, 60],
    }
    account = Account()
    account.total([known("step", k) for k in range(1, 5)], known("step", 0))
    for name in ("adherence", "mechanism"):
        true["sections"][name] = section(
            name,
            n=60,
            tables={"flow": {key: list(column) for key, column in steps.items()}},
            account=account,
            captions={
                "flow": caption(
                    {"step": "text", "n": "int"},
                    {"step": TEXT, "n": people(names=[f"step/{k}" for k in range(5)], weights=WEIGHTS)},
                )
            },
        )
    seen = shared_tree(true)["sections"]
    assert seen["adherence"]["tables"]["flow"]["n"] == [90, None, 20, None, 60]
    assert seen["mechanism"]["tables"]["flow"]["n"] == seen["adherence"]["tables"]["flow"]["n"]


def test_groups_in_words_lose_their_numbers() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    groups: dict[str, list[Any]] = {
        "grouping": ["sex", "site"],
        "groups": ["woman (30), man (27)", "north (30), south (30)"],
        "smallest": [27, 30],
    }
    account = Account()
    account.part(N, known("woman"), known("man"), known("another"))
    account.part(N, known("north"), known("south"))
    true["sections"]["fairness"] = section(
        "fairness",
        n=60,
        values={"small_groups": "man (sex, 27) and another (sex, 3)"},
        value_kinds={
            "small_groups": words(
                ["man (sex, {0}) and another (sex, {1})"], [[27, 3]], names=["man", "another"]
            )
        },
        account=account,
        tables={"groupings": groups},
        captions={
            "groupings": caption(
                {"grouping": "text", "groups": "text", "smallest": "int"},
                {
                    "grouping": TEXT,
                    "groups": words(
                        ["woman ({0}), man ({1})", "north ({0}), south ({1})"],
                        [[30, 27], [30, 30]],
                        names=["woman", "man", "north", "south"],
                    ),
                    "smallest": people(names=["man", "south"]),
                },
            )
        },
    )
    seen = shared_tree(true)["sections"]["fairness"]
    assert seen["tables"]["groupings"]["groups"] == ["woman (30), man (–)", "north (30), south (30)"]
    assert seen["tables"]["groupings"]["smallest"] == [None, 30]
    assert seen["values"]["small_groups"] == "man (sex, –) and another (sex, –)"


def test_ratings_of_apps_are_no_people() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    true["sections"]["psd_audit"] = section(
        "psd_audit",
        n=2,
        n_kind=GIVEN,
        tables={"apps": {"app": ["one"], "rated": [4], "present": [3]}},
        captions={
            "apps": caption(
                {"app": "text", "rated": "int", "present": "int"},
                {"app": TEXT, **each(GIVEN, "rated present")},
            )
        },
    )
    assert shared_tree(true)["sections"]["psd_audit"]["tables"]["apps"]["rated"] == [4]


def test_a_figure_leaves_out_the_rows_that_are_not_there() -> None:
    from analysis.figures.suppressed import without_suppressed

    true = study(60, [[2, 11, 10, 10, 20], [10, 9, 11, 12, 10]], [7, 8])
    seen = shared_tree(true)["sections"]["items"]
    assert None in seen["tables"]["distribution_a"]["share_1"]
    drawn = without_suppressed(seen, "distribution")["tables"]["distribution_a"]
    assert drawn["item"] == ["q1"]
    assert seen["tables"]["distribution_a"]["item"] == ["q0", "q1"]


def test_where_nearly_everyone_stands_at_an_end_the_mean_goes_with_those_who_do_not() -> None:
    """Of 50, 48 have the highest score: the mean would tell the two others. Ten of 50 tell nobody."""
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    table: dict[str, list[Any]] = {
        "score": ["high", "middle", "low"],
        "n": [50, 50, 50],
        "ceiling": [0.96, 0.2, 0.0],
        "floor": [0.0, 0.0, 0.92],
        "mean": [4.98, 3.2, 1.1],
    }
    kinds = {"score": TEXT, "n": people(), **each(share("n"), "ceiling floor")}
    kinds["mean"] = statistic("n", ends=("floor", "ceiling"))
    true["sections"]["later"] = section(
        "later", n=60, tables={"t": table}, captions={"t": caption({"mean": "d2"}, kinds)}
    )
    seen = shared_tree(true)["sections"]["later"]
    assert seen["tables"]["t"]["mean"] == [None, 3.2, None]
    assert seen["suppressed"]["t"]["mean"] == [0, 2]


def test_notes_and_what_was_not_tested_lose_their_numbers_and_no_account_goes_out() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    true["meta"]["notes"] = ["3 of 60 rows are left out."]
    later = section("later", n=60)
    later["untested"] = [{"what": "Theme: 4 people", "cause": "few_people"}]
    true["sections"]["later"] = later
    seen = shared_tree(true)
    assert seen["meta"]["notes"][0] == "– of – rows are left out."
    assert seen["sections"]["later"]["untested"] == [{"what": "Theme: – people", "cause": "few_people"}]
    kept = {"account", "twins", "kinds"} & {key for part in seen["sections"].values() for key in part}
    assert not kept and "kinds" not in str([part["captions"] for part in seen["sections"].values()])


def test_a_count_that_is_told_by_another_is_no_longer_printed_beside_it() -> None:
    """The mean of those who stayed tells the hidden number of those who left."""
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    kinds: dict[str, Kind] = {"who": TEXT, "left": people(), "mean": statistic(tells=["left"])}
    true["sections"]["later"] = section(
        "later",
        n=60,
        tables={"t": {"who": ["a", "b"], "left": [30, 3], "mean": [1.5, 2.5]}},
        captions={"t": caption({"mean": "d2"}, kinds)},
    )
    table = shared_tree(true)["sections"]["later"]["tables"]["t"]
    assert table == {"who": ["a", "b"], "left": [30, None], "mean": [1.5, None]}
