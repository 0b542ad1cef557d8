"""A first grouping of items: who counts, when nothing is said, and which group is the first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.factors.first_themes import first_themes


def answers(n: int, sizes: tuple[int, ...], loads: tuple[float, ...], seed: int = 1) -> pd.DataFrame:
    """Items in blocks, each of one variable of its own."""
    rng = np.random.default_rng(seed)
    blocks = [
        load * rng.normal(size=(n, 1)) + np.sqrt(1 - load**2) * rng.normal(size=(n, size))
        for size, load in zip(sizes, loads, strict=True)
    ]
    table = np.hstack(blocks)
    return pd.DataFrame(table, columns=[f"q{k}" for k in range(table.shape[1])])


def test_the_group_of_the_first_item_is_the_first_however_much_it_accounts_for() -> None:
    found = first_themes(answers(300, (3, 5), (0.75, 0.9)))
    assert found is not None and found.factors == 2
    assert found.place == {f"q{k}": 1 if k < 3 else 2 for k in range(8)}


def test_people_are_those_who_gave_every_answer_and_a_constant_is_no_item() -> None:
    table = answers(300, (3, 3), (0.8, 0.8))
    plain = first_themes(table)
    table.iloc[:40, 2] = np.nan
    found = first_themes(table.assign(always=1.0))
    assert plain is not None and plain.people == 300
    assert found is not None and found.people == 260 and found.place == plain.place


@pytest.mark.parametrize(("n", "told"), [(99, False), (100, True)])
def test_a_hundred_people_are_enough(n: int, told: bool) -> None:
    assert (first_themes(answers(n, (3, 3), (0.9, 0.9))) is not None) is told


@pytest.mark.parametrize(("n", "told"), [(119, False), (120, True)])
def test_five_people_for_each_item_are_enough(n: int, told: bool) -> None:
    assert (first_themes(answers(n, (12, 12), (0.8, 0.8))) is not None) is told


def test_nothing_is_said_of_one_factor_or_of_one_without_three_salient_items() -> None:
    assert first_themes(answers(300, (8,), (0.8,))) is None
    table = answers(500, (4, 3), (0.8, 0.9))
    assert first_themes(table) is not None
    noise = np.random.default_rng(3).normal(size=500)
    weak = table.assign(q6=0.2 * table["q5"] + noise)  # belongs to the second group, and hardly
    assert first_themes(weak) is None
