"""A shared results tree gives no small count away: an attacker with every sum finds a range, not a number."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

sys.path.insert(0, str(Path(__file__).parent))
from trees_to_share import OPTIONS, study

from analysis.disclosure.shared import shared_tree
from analysis.disclosure.small_cells import LIMIT


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
@example(study(9, [[0, 0, 0, 0, 9]] * 3 + [[0, 0, 0, 0, 4]], [0, 0, 0, 5]))
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
