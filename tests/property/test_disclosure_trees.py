"""A shared results tree gives no small count away: an attacker with every sum finds a range, not a number."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from analysis.report.disclosure import shared_tree
from analysis.report.small_cells import LIMIT

OPTIONS = 5


def section(name: str, **parts: Any) -> dict[str, Any]:
    empty = {
        "title": name,
        "question": "",
        "status": "ok",
        "message": "",
        "problems": [],
        "warnings": [],
        "prose": [],
        "values": {},
        "findings": [],
        "figures": [],
        "tables": {},
        "captions": {},
    }
    method = {"estimator": "counts", "n": parts.pop("n"), "missing": "", "seed": None, "options": {}}
    return {**empty, "method": {**method, "software": {}, "data": "0"}, **parts}


def caption(**formats: str) -> dict[str, Any]:
    columns = {key: {"label": key, "format": form} for key, form in formats.items()}
    return {"title": "", "note": "", "columns": columns}


def study(people: int, answers: list[list[int]], absent: list[int]) -> dict[str, Any]:
    """Flow and items of a study at one wave, from the counts of each option and of the missing."""
    n_items = len(answers)
    given = [people - gone for gone in absent]
    codes = np.arange(1, OPTIONS + 1)
    points = [np.repeat(codes, counts) for counts in answers]
    statistics: dict[str, list[Any]] = {
        "item": [f"q{k}" for k in range(n_items)],
        "n": given,
        "missing": absent,
        "missing_share": [gone / people for gone in absent],
        "mean": [float(p.mean()) for p in points],
        "sd": [float(p.std(ddof=1)) for p in points],
        "floor_share": [counts[0] / n for counts, n in zip(answers, given, strict=True)],
        "ceiling_share": [counts[-1] / n for counts, n in zip(answers, given, strict=True)],
    }
    shares = {
        f"share_{code}": [counts[code - 1] / n for counts, n in zip(answers, given, strict=True)]
        for code in codes
    }
    rate = sum(absent) / (people * n_items)
    flow: dict[str, list[Any]] = {
        "wave": ["1"],
        "administrations": [people],
        "answered": [people],
        "complete": [people - max(absent)],
        "retained": [1.0],
        "missing_rate": [rate],
    }
    items = section(
        "items",
        n=people,
        prose=["{missing_highest:percent} at most."],
        values={"missing_highest": max(statistics["missing_share"])},
        tables={
            "statistics": statistics,
            "distribution_a": {"item": statistics["item"], "n": given, **shares},
        },
        captions={
            "statistics": caption(
                item="text",
                n="int",
                missing_share="percent",
                mean="d2",
                sd="d2",
                floor_share="percent",
                ceiling_share="percent",
            ),
            "distribution_a": caption(item="text", n="int", **dict.fromkeys(shares, "percent")),
        },
        findings=[],
    )
    first = section(
        "flow",
        n=people,
        values={"items": n_items, "first_n": people, "complete_rate": flow["complete"][0] / people},
        prose=["{complete_rate:percent} of {first_n:int} answered everything."],
        tables={"flow": flow},
        captions={
            "flow": caption(
                wave="text",
                administrations="int",
                answered="int",
                complete="int",
                retained="percent",
                missing_rate="percent",
            )
        },
    )
    meta = {"participants": people, "administrations": people, "notes": []}
    return {"schema": 1, "meta": meta, "sections": {"flow": first, "items": items}}


@st.composite
def studies(draw: st.DrawFn) -> dict[str, Any]:
    people = draw(st.integers(LIMIT, 90))
    answers, absent = [], []
    for _ in range(draw(st.integers(1, 4))):
        gone = draw(st.one_of(st.integers(0, min(6, people - 2)), st.integers(0, people - 2)))
        cuts = sorted(draw(st.lists(st.integers(0, people - gone), min_size=4, max_size=4)))
        answers.append(np.diff([0, *cuts, people - gone]).tolist())
        absent.append(gone)
    return study(people, answers, absent)


class Attacker:
    """Whole numbers that are not negative, and every sum of them that is known."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.rows: list[tuple[dict[str, float], float]] = []

    def knows(self, terms: dict[str, float], total: float) -> None:
        self.names += [name for name in terms if name not in self.names]
        self.rows.append((terms, total))

    def range_of(self, name: str) -> tuple[int, int]:
        matrix = np.array([[terms.get(n, 0.0) for n in self.names] for terms, _ in self.rows])
        known = np.array([total for _, total in self.rows])
        found = []
        for sign in (1.0, -1.0):
            result = milp(
                sign * np.array([n == name for n in self.names], float),
                constraints=LinearConstraint(matrix, known, known),
                integrality=np.ones(len(self.names), dtype=np.int64),
                bounds=Bounds(0, 10_000),
            )
            assert result.success
            found.append(round(sign * result.fun))
        return found[0], found[1]


def attack(true: dict[str, Any], seen: dict[str, Any]) -> Attacker:
    """Take everything that is shown, exactly: more than a reader of rounded numbers has."""
    attacker = Attacker()
    people = seen["meta"]["participants"]
    told, real = seen["sections"]["items"]["tables"], true["sections"]["items"]["tables"]
    rate = seen["sections"]["flow"]["tables"]["flow"]["missing_rate"][0]
    n_items = len(real["statistics"]["item"])
    for k in range(n_items):
        attacker.knows({f"n{k}": 1, f"missing{k}": 1}, people)
        options = {f"c{k}_{code}": float(code) for code in range(1, OPTIONS + 1)}
        attacker.knows({**dict.fromkeys(options, 1.0), f"n{k}": -1}, 0)
        n = real["statistics"]["n"][k]
        if told["statistics"]["n"][k] is None:
            continue  # shares of an unknown number, rounded
        attacker.knows({f"n{k}": 1}, n)
        for code in range(1, OPTIONS + 1):
            if told["distribution_a"][f"share_{code}"][k] is not None:
                count = real["distribution_a"][f"share_{code}"][k] * n
                attacker.knows({f"c{k}_{code}": 1}, round(count))
        if told["statistics"]["mean"][k] is not None:
            attacker.knows(options, round(real["statistics"]["mean"][k] * n))
        for key, code in (("floor_share", 1), ("ceiling_share", OPTIONS)):
            if told["statistics"][key][k] is not None:
                attacker.knows({f"c{k}_{code}": 1}, round(real["statistics"][key][k] * n))
    for k in range(n_items):
        if told["statistics"]["missing_share"][k] is not None:
            attacker.knows({f"missing{k}": 1}, real["statistics"]["missing"][k])
    if rate is not None:
        attacker.knows({f"missing{k}": 1.0 for k in range(n_items)}, sum(real["statistics"]["missing"]))
    return attacker


@settings(deadline=None, max_examples=15)
@given(studies())
def test_no_small_count_of_a_study_is_given_away(true: dict[str, Any]) -> None:
    seen = shared_tree(true)
    real = true["sections"]["items"]["tables"]
    told = seen["sections"]["items"]["tables"]
    attacker = attack(true, seen)
    for k, n in enumerate(real["statistics"]["n"]):
        small = {f"missing{k}": real["statistics"]["missing"][k]}
        small |= {
            f"c{k}_{code}": round(real["distribution_a"][f"share_{code}"][k] * n)
            for code in range(1, OPTIONS + 1)
        }
        for name, count in small.items():
            if count >= LIMIT:
                continue
            shown = (
                told["statistics"]["missing_share"][k]
                if name.startswith("m")
                else told["distribution_a"][f"share_{name[-1]}"][k]
            )
            assert shown is None, name
            low, high = attacker.range_of(name)
            assert low < high, name
            if name.startswith("m"):
                assert low == 0
                assert high >= LIMIT - 1


@settings(deadline=None, max_examples=15)
@given(studies())
def test_nothing_printed_is_or_tells_a_small_number(true: dict[str, Any]) -> None:
    seen = shared_tree(true)
    for name, part in seen["sections"].items():
        real = true["sections"][name]
        for table, columns in part["tables"].items():
            forms = part["captions"][table]["columns"]
            for key, column in columns.items():
                for row, value in enumerate(column):
                    if key in ("administrations", "answered", "complete", "n", "missing"):
                        assert value is None or value >= LIMIT, (table, key)
                    if (
                        forms.get(key, {}).get("format") == "percent"
                        and value is not None
                        and key != "retained"
                    ):
                        base = real["method"]["n"]
                        if key != "missing_share":
                            base = real["tables"][table].get("n", [base] * len(column))[row]
                        count = real["tables"][table][key][row] * base
                        if key != "missing_rate":
                            assert LIMIT <= round(count) <= base - LIMIT or key.startswith("share"), key
        for sentence in part["prose"]:
            for key in part["values"]:
                assert "{" + key not in sentence or part["values"][key] is not None
    assert shared_tree(seen) == seen


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
    items["captions"]["people"] = caption(participant="text", score="d2")
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
        "format": "r2",
    }
    true["sections"]["later"] = section(
        "later",
        n=60,
        tables={"groups": table},
        captions={"groups": caption(group="text", n="int", mean="d2", r="r2")},
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
    assert [finding["value"] for finding in seen["findings"]] == [0.5]


def test_steps_of_a_survival_curve_stand_for_five_people() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    curve: dict[str, list[Any]] = {"third": [], "time": [], "at_risk": [], "events": [], "surviving": []}
    left = 30
    for day in range(25):
        gone = 0 if day == 0 else 1
        for key, value in zip(curve, ("low", float(day), left, gone, (left - gone) / 30), strict=True):
            curve[key].append(value)
        left -= gone
    true["sections"]["adherence"] = section(
        "adherence",
        n=60,
        tables={"curves": curve},
        captions={"curves": caption(third="text", time="d1", at_risk="int", surviving="percent")},
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
        prose=["On {n:int} people."],
        tables={"items": again},
        captions={"items": caption(item="text", n="int", level="d1")},
    )
    seen = shared_tree(true)["sections"]
    assert seen["items"]["tables"]["statistics"]["n"][0] is None
    assert seen["later"]["tables"]["items"]["n"][0] is None
    assert seen["later"]["values"]["n"] is None
    assert "{n:int}" not in "".join(seen["later"]["prose"])


def test_the_few_in_no_group_are_not_given_away_by_the_groups() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    names: dict[str, list[Any]] = {"kind": ["sex", "sex"], "part": ["woman", "man"], "theme": ["a", "a"]}
    true["sections"]["reliability"] = section(
        "reliability",
        n=60,
        tables={
            "alpha": {"theme": ["a"], "n": [60], "alpha": [0.8]},
            "by_part": {**names, "n": [30, 27], "alpha": [0.8, 0.7]},
        },
        captions={
            "alpha": caption(theme="text", n="int", alpha="r2"),
            "by_part": caption(kind="text", part="text", theme="text", n="int", alpha="r2"),
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
    true["sections"]["longitudinal"] = section(
        "longitudinal",
        n=50,
        values={"change_most": 10 / 50, "change_most_title": "A", "both": 50, "at_first": 60, "stayed": 40},
        prose=["At most {change_most:percent} changed ({change_most_title})."],
        tables={"changes": changes},
        captions={
            "changes": caption(
                title="text",
                n="int",
                higher="int",
                same="int",
                lower="int",
                share_higher="percent",
                share_lower="percent",
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
    for name in ("adherence", "mechanism"):
        true["sections"][name] = section(
            name,
            n=60,
            tables={"flow": {key: list(column) for key, column in steps.items()}},
            captions={"flow": caption(step="text", n="int")},
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
    true["sections"]["fairness"] = section(
        "fairness",
        n=60,
        values={"small_groups": "man (sex, 27) and another (sex, 3)"},
        tables={"groupings": groups},
        captions={"groupings": caption(grouping="text", groups="text", smallest="int")},
    )
    seen = shared_tree(true)["sections"]["fairness"]
    assert seen["tables"]["groupings"]["groups"] == ["woman (–), man (–)", "north (30), south (30)"]
    assert seen["tables"]["groupings"]["smallest"] == [None, 30]
    assert seen["values"]["small_groups"] == "man (sex, 27) and another (sex, –)"


def test_ratings_of_apps_are_no_people() -> None:
    true = study(60, [[10, 10, 10, 10, 13]], [7])
    true["sections"]["psd_audit"] = section(
        "psd_audit",
        n=2,
        tables={"apps": {"app": ["one"], "rated": [4], "present": [3]}},
        captions={"apps": caption(app="text", rated="int", present="int")},
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
