"""What can be chosen on a page, and which rows remain, on tables made by hand."""

from __future__ import annotations

from typing import Any

from dashboard.filters import LABELS, choices, filtered

ROWS: dict[str, list[Any]] = {
    "wave": ["1", "1", "2", "2", "2"],
    "group": ["a", "b", "a", None, "b"],
    "n": [10, 20, 30, 40, 50],
}
TREE: dict[str, Any] = {
    "sections": {
        "items": {"tables": {"facts": ROWS, "one": {"study": ["s", "s"], "n": [1, 2]}}},
        "scores": {"tables": {"facts": {"wave": [3, 1], "language": ["de", "en"], "n": [1, 2]}}},
        "bare": {},
    }
}


def test_choices_are_values_in_order_of_appearance_where_there_are_two() -> None:
    assert choices(TREE, ["items"]) == {"wave": ["1", "2"], "group": ["a", "b"]}
    assert choices(TREE, ["scores", "items"]) == {
        "wave": ["3", "1", "2"],
        "group": ["a", "b"],
        "language": ["de", "en"],
    }
    assert list(choices(TREE, ["scores", "items"])) == ["wave", "group", "language"]
    assert choices(TREE, ["bare", "absent"]) == {} and choices(TREE, []) == {}
    assert list(LABELS) == ["study", "wave", "grouping", "group", "language"]


def test_rows_of_what_was_chosen_remain_whole_and_in_order() -> None:
    section = {"title": "Items", "tables": {"facts": ROWS, "other": {"n": [1, 2, 3]}, "none": {}}}
    found = filtered(section, {"wave": "2"})
    assert found["tables"]["facts"] == {"wave": ["2", "2", "2"], "group": ["a", None, "b"], "n": [30, 40, 50]}
    assert found["tables"]["other"] == {"n": [1, 2, 3]} and found["tables"]["none"] == {}
    assert found["title"] == "Items"
    assert filtered(section, {"wave": "2", "group": "b"})["tables"]["facts"]["n"] == [50]
    assert filtered(section, {"wave": "1", "language": "de"})["tables"]["facts"]["n"] == [10, 20]
    assert filtered(section, {"wave": "7"})["tables"]["facts"] == {"wave": [], "group": [], "n": []}
    assert filtered(section, {})["tables"] == section["tables"]
    assert filtered({"tables": {"t": {"wave": [1, 2], "n": [5, 6]}}}, {"wave": "2"})["tables"]["t"]["n"] == [
        6
    ]
    assert ROWS["n"] == [10, 20, 30, 40, 50]  # nothing of the tree is changed
