"""Which themes a structure is made of: by role, by kind and by how many of their items there are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from analysis.structural.families import compare_theories
from analysis.structural.families.compare_theories import composites_of, keyed_answers, roles_of
from tests.unit.test_context_over_time import make_scale

THEMES = {"a": 3, "b": 2, "one": 1, "k": 3, "list": 3, "beside": 2}


def _scale(dimensions: tuple[str, ...], context: tuple[str, ...]) -> Any:
    themes = [
        SimpleNamespace(id=name, items=[SimpleNamespace(id=f"{name}{k}") for k in range(n)])
        for name, n in THEMES.items()
    ]
    return cast(
        Any,
        SimpleNamespace(
            themes=themes,
            composite_themes=("list", "beside"),
            context_themes=context,
            dimension_themes=dimensions,
        ),
    )


ANSWERS = pd.DataFrame(columns=[f"{name}{k}" for name, n in THEMES.items() for k in range(n)])


def _items(*names: str) -> dict[str, list[str]]:
    return {name: [f"{name}{k}" for k in range(THEMES[name])] for name in names}


def test_dimensions_and_context_are_themes_of_two_items_behind_which_a_factor_may_stand() -> None:
    scale = _scale(("b", "a", "one", "list"), ("k", "beside"))
    assert roles_of(ANSWERS, scale) == (_items("b", "a"), _items("k"))
    # where no theme is a dimension, all are that are no context; items that nobody was asked do not count
    assert roles_of(ANSWERS, _scale((), ("k",))) == (_items("a", "b"), _items("k"))
    assert roles_of(ANSWERS.drop(columns="b1"), _scale(("a", "b"), ())) == (_items("a"), {})


def test_composites_are_those_of_the_context_or_all_where_none_is() -> None:
    assert composites_of(ANSWERS, _scale(("a",), ("k", "beside"))) == _items("beside")
    assert composites_of(ANSWERS, _scale(("a",), ("k",))) == _items("list", "beside")
    assert composites_of(ANSWERS.drop(columns="beside0"), _scale(("a",), ("beside",))) == _items("list")


def test_answers_are_turned_and_only_rows_without_any_are_dropped() -> None:
    table = pd.DataFrame({"a1": [1, None, None], "a2": [2, 5, None], "a3": [None, 4, None]}, dtype="Int64")
    found = keyed_answers(table, make_scale({"a": "dimension"}, reverse="a2"), ["a1", "a2", "a3"])
    assert found.index.tolist() == [0, 1]
    assert found["a2"].tolist() == [4.0, 1.0] and found["a1"].isna().tolist() == [False, True]


def test_models_are_equivalent_only_among_those_of_the_same_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_theories, "equivalent_models", lambda same: [list(same)])
    kinds = {
        "one": "dimensions",
        "two": "all",
        "three": "dimensions",
        "four": "composites",
        "five": "composites",
    }
    models = cast(Any, {name: SimpleNamespace(items=items) for name, items in kinds.items()})
    fits = cast(Any, dict.fromkeys(kinds))
    assert compare_theories._equivalent(models, fits) == [["one", "three"], ["four", "five"]]
