"""What can be chosen on a page, and which rows remain, on tables made by hand."""

from __future__ import annotations

from typing import Any

from dashboard.filters import LABELS, choices, filtered, is_of, is_touched, touching

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


def test_a_hidden_cell_stays_hidden_in_the_row_where_its_number_stood() -> None:
    section = {
        "tables": {"facts": ROWS, "other": {"n": [1, 2, 3]}},
        "suppressed": {"facts": {"n": [1, 3, 4], "group": [0]}, "other": {"n": [2]}},
    }
    assert filtered(section, {"wave": "2"})["suppressed"] == {
        "facts": {"n": [1, 2], "group": []},
        "other": {"n": [2]},
    }
    assert filtered(section, {"wave": "2", "group": "b"})["suppressed"]["facts"] == {"n": [0], "group": []}
    assert filtered(section, {"wave": "1"})["suppressed"]["facts"] == {"n": [1], "group": [0]}
    assert filtered(section, {"wave": "7"})["suppressed"]["facts"] == {"n": [], "group": []}
    assert filtered(section, {})["suppressed"] == section["suppressed"]
    assert filtered({"tables": {"facts": ROWS}, "suppressed": None}, {"wave": "2"})["suppressed"] == {}


def test_what_is_chosen_touches_a_section_whose_tables_have_the_dimension() -> None:
    section = {"tables": {"facts": ROWS, "other": {"language": ["de"]}}}
    chosen = {"wave": "2", "study": "s", "language": "de"}
    assert touching(section, chosen) == (("language", "de"), ("wave", "2"))
    assert is_touched(section, chosen) and is_touched(section, {"group": "a"})
    assert not is_touched(section, {"study": "s"}) and not is_touched(section, {})
    assert touching({"tables": {}}, chosen) == ()


def test_a_number_is_of_what_was_chosen_where_its_row_is() -> None:
    section = {"tables": {"facts": ROWS, "other": {"n": [1, 2]}}}
    at = "sections.items.tables.{}.n[{}]".format
    assert [is_of(section, at("facts", row), {"wave": "2"}) for row in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert [is_of(section, at("facts", row), {"wave": "2", "group": "b"}) for row in range(5)] == [
        *[False] * 4,
        True,
    ]
    assert not is_of(section, at("other", 1), {"wave": "2"})  # of everything
    assert not is_of(section, at("absent", 1), {"wave": "2"})
    assert not is_of(section, "sections.items.values.alpha", {"wave": "2"})


def test_a_row_without_a_group_is_not_of_a_group_that_is_called_none() -> None:
    table = {"group": ["None", None, "b"], "n": [1, 2, 3]}
    assert filtered({"tables": {"t": table}}, {"group": "None"})["tables"]["t"]["n"] == [1]
