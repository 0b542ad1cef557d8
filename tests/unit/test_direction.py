"""Unkeyed items are told wherever answers are taken as keyed, and models name the function that was called."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.factors.efa import efa
from analysis.fairness.dif import dif
from analysis.irt.graded_response import graded_response
from analysis.items.item_statistics import item_statistics
from analysis.reliability.cronbach_alpha import cronbach_alpha
from analysis.reliability.lower_bounds import lower_bounds
from analysis.structural.families.invariance import invariance
from instrument.errors import ToolkitWarning

RAW = pd.read_csv(Path(__file__).resolve().parents[1] / "reference" / "data" / "likert.csv")
NAMES = [f"q{k}" for k in (1, 2, 3, 5, 6)]
KEYED = RAW[NAMES].head(300)

CALLS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "cronbach_alpha": cronbach_alpha,
    "lower_bounds": lower_bounds,
    "item_statistics": item_statistics,
    "graded_response": graded_response,
    "efa": lambda items: efa(items, 1, rotation="none"),
}


def opposed(call: Callable[[pd.DataFrame], Any], items: pd.DataFrame) -> list[str]:
    """What is said of items that oppose the others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(items)
    return [str(w.message) for w in caught if "oppose the others" in str(w.message)]


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize("turned", [["q1"], ["q6"], ["q2", "q5"]])
def test_reversed_items_are_named_by_every_function_that_takes_keyed_answers(
    caller: str, turned: list[str]
) -> None:
    raw = KEYED.assign(**{name: 6 - KEYED[name] for name in turned})
    named = ", ".join(map(repr, turned))
    assert opposed(CALLS[caller], raw) == [
        f"{caller}: {len(turned)} item{'' if len(turned) == 1 else 's'} found to oppose the others: {named}; "
        "nothing was reversed."
        "\nHint: check the keying and reverse them before."
    ]
    assert opposed(CALLS[caller], KEYED) == []


def test_factors_that_oppose_each_other_are_no_unkeyed_items() -> None:
    rng = np.random.default_rng(8)
    first, second = rng.standard_normal(500), rng.standard_normal(500)
    table = {f"a{k}": first + 0.6 * rng.standard_normal(500) for k in range(4)}
    table |= {f"b{k}": second - 0.5 * first + 0.6 * rng.standard_normal(500) for k in range(4)}
    items = pd.DataFrame(table)
    assert opposed(lambda frame: efa(frame, 2), items) == []
    told = opposed(lambda frame: efa(frame, 2), items.assign(b2=-items["b2"]))
    assert len(told) == 1 and "1 item found to oppose the others: 'b2'" in told[0]


def test_items_tested_between_groups_may_run_against_the_others() -> None:
    group = np.where(np.arange(300) % 2, "x", "y")
    raw = KEYED.assign(q1=6 - KEYED["q1"])
    assert opposed(lambda items: dif(items, group), raw) == []


def test_warnings_of_invariance_name_invariance() -> None:
    rows = RAW.head(40)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        invariance("f =~ q1 + q2 + q3 + q5", rows, group="group", ordered=False)
    told = [str(w.message) for w in caught if issubclass(w.category, ToolkitWarning)]
    assert any(text.startswith("invariance: groups with fewer than two rows per parameter") for text in told)
    assert not [text for text in told if text.startswith(("cfa:", "sem:"))]
