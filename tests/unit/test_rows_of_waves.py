"""Long tables put side by side: rows that name nobody are no person, and rows of no wave are no wave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import context_over_time, longitudinal_invariance, panel_model
from instrument.errors import ResponseDataError
from tests.unit.test_context_over_time import make_scale

N, WAVES = 120, (1, 2, 3)
THEMES = ("a", "k")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    state, frames = rng.normal(size=N), []
    for wave in WAVES:
        state = 0.6 * state + 0.8 * rng.normal(size=N)
        table: dict[str, Any] = {"participant": [f"p{k}" for k in range(N)], "wave": wave}
        for scale in THEMES:
            own = 0.8 * state + 0.6 * rng.normal(size=N)
            for k in (1, 2, 3):
                noisy = own + 0.7 * rng.normal(size=N)
                table[f"{scale}{k}"] = 1 + np.searchsorted([-1.2, -0.3, 0.5, 1.3], noisy)
        frames.append(pd.DataFrame(table))
    return pd.concat(frames, ignore_index=True)


ROLES = {"a": "dimension", "k": "context"}
CALLS: dict[str, Callable[[pd.DataFrame], tuple[int, float]]] = {}


def _call(function: Callable[[pd.DataFrame], tuple[int, float]]) -> None:
    CALLS[function.__name__] = function


@_call
def over_time(table: pd.DataFrame) -> tuple[int, float]:
    found = longitudinal_invariance("f =~ a1 + a2 + a3", table, levels=["configural"], ordered=False)
    return found.n_obs, float(found.table["chisq"].iloc[0])


@_call
def ordinal_over_time(table: pd.DataFrame) -> tuple[int, float]:
    found = longitudinal_invariance("f =~ a1 + a2 + a3", table, levels=["configural"])
    return found.n_obs, float(found.table["chisq"].iloc[0])


@_call
def panel(table: pd.DataFrame) -> tuple[int, float]:
    found = panel_model(table, ["a", "k"], scale=make_scale(ROLES))
    return found.n_obs, float(found.paths["estimate"].iloc[0])


@_call
def context(table: pd.DataFrame) -> tuple[int, float]:
    found = context_over_time(table, make_scale(ROLES), measured_by="scores")
    return found.n_both, float(found.paths["estimate"].iloc[0])


@pytest.mark.parametrize("name", CALLS)
def test_rows_without_a_name_are_not_one_person_over_the_waves(name: str, rows: pd.DataFrame) -> None:
    unnamed = rows.copy()
    unnamed.loc[[0, N + 5], "participant"] = None  # another person's row at the second wave
    with pytest.raises(ResponseDataError, match=r"names? no participant"):
        CALLS[name](unnamed)


@pytest.mark.parametrize("name", CALLS)
def test_a_row_of_no_wave_adds_no_wave(name: str, rows: pd.DataFrame) -> None:
    lost = rows["wave"].astype(object).where(rows.index != 3)
    with_gap, without = rows.assign(wave=lost), rows.drop(index=3)
    assert CALLS[name](with_gap) == pytest.approx(CALLS[name](without))


@pytest.mark.parametrize("name", CALLS)
def test_a_person_twice_at_a_wave_is_refused(name: str, rows: pd.DataFrame) -> None:
    with pytest.raises(ResponseDataError, match="2 rows repeat a participant at a wave"):
        CALLS[name](pd.concat([rows, rows.head(2).assign(a1=lambda t: t["a1"] % 5 + 1)], ignore_index=True))


@pytest.mark.parametrize("name", CALLS)
def test_each_answer_stays_with_its_person_whatever_the_order_within_waves(
    name: str, rows: pd.DataFrame
) -> None:
    mixed = rows.sample(frac=1, random_state=2).sort_values("wave", kind="stable")
    assert CALLS[name](mixed) == pytest.approx(CALLS[name](rows), rel=1e-5)
