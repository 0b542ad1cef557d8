"""A topic nobody has seen: random counts and declared sums, attacked by integer programming."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from analysis.disclosure.kinds import TEXT, N, people, share, statistic
from analysis.disclosure.ledger import Account, Place, cell, known, value
from analysis.disclosure.shared import shared_tree
from analysis.disclosure.small_cells import LIMIT
from analysis.pipeline.section import Section, Table

sys.path.insert(0, str(Path(__file__).parent))
from trees_to_share import study

Sum = tuple[dict[str, int], int]


@st.composite
def toys(draw: st.DrawFn) -> dict[str, Any]:
    """People by group and answer, some of whom left; and the sums of these."""
    n_groups, n_answers = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    few_or_many = st.one_of(st.integers(0, 7), st.integers(5, 60))
    inner = [[draw(few_or_many) for _ in range(n_answers)] for _ in range(n_groups)]
    left = [draw(st.integers(0, sum(row))) for row in inner]
    outside = draw(st.one_of(st.integers(0, 6), st.integers(5, 40)))
    return {"inner": inner, "left": left, "outside": outside}


def section_of(
    toy: dict[str, Any],
) -> tuple[dict[str, Any], list[Sum], dict[str, int], dict[str, list[Place]]]:
    """Make the section, what an attacker knows of it, the true numbers, and where each is printed."""
    inner, left, outside = toy["inner"], toy["left"], toy["outside"]
    sizes = [sum(row) for row in inner]
    n = sum(sizes) + outside
    keys = [f"answer{k}" for k in range(len(inner[0]))]
    frame = pd.DataFrame(inner, columns=keys)
    frame.insert(0, "size", sizes)
    frame["left"] = [gone / size if size else None for gone, size in zip(left, sizes, strict=True)]
    frame["mean"] = [1.25] * len(inner)
    frame["who"] = [f"group {k}" for k in range(len(inner))]
    account = Account()
    rows = range(len(inner))
    account.part(N, *(cell("groups", "size", row) for row in rows))
    first = account.population(known("first answer"), sum(row[0] for row in inner))
    account.total([cell("groups", keys[0], row) for row in rows], first)
    account.same(first, value("first"))
    made = Section(
        estimator="counts",
        n=n,
        n_kind=people(weight=9),
        missing="none",
        prose=["{first:int} of them."],
        values={"first": sum(row[0] for row in inner)},
        value_kinds={"first": people(N, weight=3)},
        account=account,
        tables={
            "groups": Table(
                frame=frame,
                title="Groups",
                columns={},
                sums=[(keys, "size")],
                kinds={
                    "who": TEXT,
                    "size": people(weight=1),
                    **dict.fromkeys(keys, people("size")),
                    "left": share("size"),
                    "mean": statistic("size", fraction=True),
                },
            )
        },
    ).plain()
    plain = {**made, "title": "Toy", "question": "?", "status": "ok", "warnings": [], "bears_on": []}
    plain["method"] |= {"software": {}, "data": "0"}
    truth: dict[str, int] = {"n": n, "outside": outside, "first": sum(row[0] for row in inner)}
    places: dict[str, list[Place]] = {"n": [("method", "n")], "outside": [], "first": [("values", "first")]}
    sums: list[Sum] = [({**{f"size{r}": 1 for r in rows}, "outside": 1, "n": -1}, 0)]
    sums.append(({**{f"{keys[0]}{r}": 1 for r in rows}, "first": -1}, 0))
    sums.append(({"first": 1, "not first": 1, "n": -1}, 0))
    truth["not first"], places["not first"] = n - truth["first"], []
    for row in rows:
        sums.append(({**{f"{key}{row}": 1 for key in keys}, f"size{row}": -1}, 0))
        sums.append(({f"left{row}": 1, f"stayed{row}": 1, f"size{row}": -1}, 0))
        truth |= {f"size{row}": sizes[row], f"left{row}": left[row], f"stayed{row}": sizes[row] - left[row]}
        places |= {f"size{row}": [cell("groups", "size", row)], f"stayed{row}": []}
        places[f"left{row}"] = [cell("groups", "left", row)]
        for k, key in enumerate(keys):
            rest = f"not {key}{row}"
            truth |= {f"{key}{row}": inner[row][k], rest: sizes[row] - inner[row][k]}
            places |= {f"{key}{row}": [cell("groups", key, row)], rest: []}
            sums.append(({f"{key}{row}": 1, rest: 1, f"size{row}": -1}, 0))
    return plain, sums, truth, places


def at(part: dict[str, Any], place: Place) -> Any:
    found: Any = part
    for step in place:
        found = found[step]
    return found


def range_of(name: str, sums: list[Sum], fixed: dict[str, int], names: list[str]) -> tuple[int, int]:
    rows = [*sums, *(({other: 1}, number) for other, number in fixed.items())]
    matrix = np.array([[terms.get(other, 0) for other in names] for terms, _ in rows], dtype=float)
    known_totals = np.array([total for _, total in rows], dtype=float)
    found = []
    for sign in (1.0, -1.0):
        result = milp(
            sign * np.array([other == name for other in names], dtype=float),
            constraints=LinearConstraint(matrix, known_totals, known_totals),
            integrality=np.ones(len(names), dtype=np.int64),
            bounds=Bounds(0, 5_000),
        )
        assert result.success
        found.append(round(sign * result.fun))
    return found[0], found[1]


@settings(deadline=None, max_examples=12)
@given(toys())
def test_the_counts_of_a_new_topic_cannot_be_worked_out(toy: dict[str, Any]) -> None:
    plain, sums, truth, places = section_of(toy)
    tree = study(90, [[20, 20, 20, 20, 10]], [0])
    tree["sections"] = {"toy": plain}
    tree["meta"] = {"participants": 5000, "administrations": 5000, "notes": []}
    seen = shared_tree(tree)["sections"]["toy"]
    if seen["status"] != "ok":
        assert truth["n"] < LIMIT
        return
    fixed = {}
    for name, where in places.items():
        shown = [place for place in where if at(seen, place) is not None]
        if shown:
            fixed[name] = truth[name]
            assert truth[name] >= LIMIT, name
    if not seen["prose"][0].startswith("{first"):
        assert "first" not in fixed
    names = list(truth)
    for name, number in truth.items():
        if number >= LIMIT or (name == "outside" and number == 0):
            continue
        if name.startswith("not answer") and len(toy["inner"][0]) == 1:
            continue  # nobody, by what the one column means
        low, high = range_of(name, sums, fixed, names)
        assert low == 0, name
        assert high >= LIMIT - 1, name
    for row, size in enumerate(plain["tables"]["groups"]["size"]):
        assert size >= LIMIT or seen["tables"]["groups"]["mean"][row] is None


def test_a_topic_that_declares_a_false_sum_is_not_shown() -> None:
    plain, *_ = section_of({"inner": [[10, 20]], "left": [6], "outside": 9})
    plain["account"]["sums"].append(
        {"parts": [list(cell("groups", "size", 0))], "whole": ["values", "first"], "rest": False}
    )
    tree = study(90, [[20, 20, 20, 20, 10]], [0])
    tree["sections"] = {"toy": plain}
    with pytest.raises(ValueError, match="do not"):
        shared_tree(tree)
