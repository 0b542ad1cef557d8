"""The page of an item, from tables written by hand: which row, which number, in which form, and what is left out."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dashboard.comparison import WAVES, compare
from dashboard.item_sheet import item_sheet


def _section(tables: dict[str, dict[str, list[Any]]], heads: dict[str, dict[str, Any]]) -> dict[str, Any]:
    captions = {name: {"title": f"Title of {name}", "columns": heads.get(name, {})} for name in tables}
    return {"status": "ok", "tables": tables, "captions": captions, "values": {}}


def _tree() -> dict[str, Any]:
    two = ["q1", "q10"]  # one name begins with the other
    head = {"label": "Share on 1", "format": "percent"}
    sections = {
        "flow": {"status": "ok", "tables": {}, "captions": {}, "values": {"first_wave": "Start"}},
        "items": _section(
            {
                "statistics": {
                    "item": two,
                    "n": [50, 40],
                    "mean": [2.5, 3.5],
                    "sd": [None, 1.25],
                    "missing_share": [0.125, 0.5],
                    "item_rest_r": [0.456, 0.789],
                },
                "distribution_a": {
                    "item": two,
                    "share_1": [0.25, 0.5],
                    "share_2": [0.75, 0.5],
                    "n": [50, 40],
                },
                "by_wave": {"item": two, "mean_2": [3.0, 4.0], "missing_2": [7, 8]},
                "by_group": {"item": two, "mean_f": [1.0, 2.0], "median": [9.0, 9.0]},
            },
            {
                "statistics": {
                    "n": {"label": "n", "format": "int"},
                    "item_rest_r": {"label": "r", "format": "r2"},
                    "missing_share": {"label": "missing", "format": "percent"},
                },
                "distribution_a": {"share_1": head, "share_2": {"label": "Share on 2", "format": "percent"}},
                "by_wave": {
                    "mean_2": {"label": "Later", "format": "d2"},
                    "missing_2": {"label": "Missing later", "format": "int"},
                },
                "by_group": {
                    "mean_f": {"label": "Women", "format": "d1"},
                    "median": {"label": "Median", "format": "d1"},
                },
            },
        ),
        "irt": _section(
            {
                "parameters": {
                    "item": [*two, "q3"],
                    "discrimination": [1.5, None, 2.0],
                    "difficulty_1": [-1.0, 0.0, 1.0],
                    "difficulty_1_se": [0.1, 0.1, 0.1],
                    "difficulty_2": [0.5, 1.0, -1.0],
                }
            },
            {},
        ),
        "models": _section({"loadings": {"item": ["q1", "q1"], "loading": [0.7, 0.2]}}, {}),
        "fairness": _section(
            {
                "items": {
                    "item": ["q10", "q1", "q1"],
                    "title": ["A", "A", "A"],
                    "text": ["Ten", "One", "One"],
                    "grouping": ["sex", "sex", "age"],
                    "p": [0.5, 0.04, 0.2],
                }
            },
            {
                "items": {
                    "title": {"label": "Theme", "format": "text"},
                    "item": {"label": "Item", "format": "text"},
                    "text": {"label": "Wording", "format": "text"},
                    "grouping": {"label": "Grouping", "format": "text"},
                    "p": {"label": "p", "format": "p"},
                }
            },
        ),
        "priority": {
            **_section(
                {
                    "items": {
                        "item": two,
                        "effect": [0.5, 0.25],
                        "effect_lower": [0.25, None],
                        "effect_upper": [0.75, 0.5],
                    }
                },
                {},
            ),
            "values": {"unit": "sessions"},
        },
    }
    items = {"q1": "First?", "q10": "Tenth?", "q3": "Third?"}
    themes = [
        {"id": "a", "title": "A", "items": ["q1", "q10"]},
        {"id": "b", "title": "B", "items": ["q3"]},
    ]
    return {"meta": {"instrument": {"items": items, "themes": themes}}, "sections": sections}


def test_every_number_of_the_page_is_that_of_its_own_row() -> None:
    found = item_sheet(_tree(), "q1")
    assert found is not None
    assert (found.wording, found.theme) == ("First?", "A")
    assert [(fact.label, fact.text) for fact in found.facts] == [
        ("People who answered it", "50"),
        ("Left without an answer", "12.5%"),
        ("Mean answer", "2.50"),
        ("Correlation with the rest of its theme", ".46"),
        ("Loading in the model of the themes", ".70"),
        ("Discrimination in the response model", "1.50"),
        ("More sessions later per standard deviation, this question alone", "0.50 (0.25 to 0.75)"),
    ]
    assert found.answers is not None
    assert (found.answers.labels, found.answers.shares) == (("Share on 1", "Share on 2"), (0.25, 0.75))
    assert found.compared == {
        "Mean answer at each wave": (("Start", "2.50"), ("Later", "3.00")),
        "Title of by_group": (("Women", "1.0"),),
    }
    assert [dict(row) for row in found.functioning] == [
        {"Grouping": "sex", "p": ".040"},
        {"Grouping": "age", "p": ".200"},
    ]
    assert found.curves is not None
    assert (found.curves.discrimination, found.curves.difficulties) == (1.5, (-1.0, 0.5))


def test_a_theme_of_two_items_has_an_alpha_and_none_without_either() -> None:
    tree = _tree()
    alphas = {"theme": ["b", "a"], "alpha": [0.61, 0.734]}
    dropped = {"item": ["q3"], "alpha": [0.99], "if_dropped": [0.5]}
    head = {"alpha": {"alpha": {"label": "Alpha", "format": "r2"}}}
    tree["sections"]["reliability"] = _section({"alpha": alphas, "if_dropped": dropped}, head)
    told = {
        item: {fact.label: fact.text for fact in found.facts if "Alpha" in fact.label}
        for item in ("q1", "q3")
        if (found := item_sheet(tree, item)) is not None
    }
    assert told == {
        "q1": {"Alpha of its theme": ".73"},
        "q3": {"Alpha of its theme": ".61", "Alpha of its theme without it": ".50"},
    }


def test_what_is_not_told_is_not_there() -> None:
    other = item_sheet(_tree(), "q10")
    assert other is not None
    labels = [fact.label for fact in other.facts]
    assert "Standard deviation" in labels
    assert not [label for label in labels if label.startswith("More sessions")], "its interval is not told"
    assert other.curves is None, "no discrimination"
    third = item_sheet(_tree(), "q3")
    assert third is not None
    assert third.theme == "B"
    assert third.curves is None, "steps that do not rise are no curve"
    assert third.answers is None
    assert item_sheet(_tree(), "q2") is None


@pytest.mark.parametrize("section", ["items", "irt", "models", "fairness", "priority"])
def test_a_section_that_failed_gives_nothing_though_it_holds_tables(section: str) -> None:
    tree = _tree()
    tree["sections"][section]["status"] = "failed"
    found = item_sheet(tree, "q1")
    assert found is not None
    assert section not in {fact.topic for fact in found.facts}
    assert found.functioning == () if section == "fairness" else len(found.functioning) == 2
    assert (found.curves is None) == (section == "irt")
    assert (found.answers is None) == (section == "items")


def test_a_comparison_takes_no_table_of_a_section_that_failed_and_the_widest_ends() -> None:
    scores = {
        "wave": ["one", "two"],
        "title": ["First", "First"],
        "mean": [2.0, 3.0],
        "mean_lower": [1.5, 2.5],
        "mean_upper": [2.5, 3.5],
        "n": [9, 8],
        "lowest_possible": [1, 0],
        "highest_possible": [5, 7],
    }
    tree = _tree()
    tree["meta"]["wave_order"] = "numbers"
    tree["sections"] = {
        "scores": {"status": "ok", "tables": {"scores": scores}, "values": {}, "findings": []}
    }
    assert compare(tree, WAVES).ends == (0, 7)
    failed = copy.deepcopy(tree)
    failed["sections"]["scores"]["status"] = "failed"
    assert compare(failed, WAVES).sides == ()
