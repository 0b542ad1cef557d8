"""The time of enrolment: a yearly wave where people joined over most of a year, and one cause with the rest."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.adherence.design.early_use import calendar


@pytest.mark.parametrize(("days", "waves"), [(100.0, 0), (299.0, 0), (300.0, 2), (730.0, 2)])
def test_a_yearly_wave_where_enrolment_took_long(days: float, waves: int) -> None:
    joined = np.linspace(0, days, 200)
    everyone = np.ones(200, dtype=bool)
    found = calendar(joined, everyone, bent=True)
    assert sum("season" in name for name in found) == waves
    assert all(name == "joined" or name.startswith("joined, ") for name in found)
    assert not any("season" in name for name in calendar(joined, everyone, bent=False))


def test_two_winters_are_told_whatever_day_is_called_the_first() -> None:
    joined = np.arange(0.0, 730.0, 2)
    winter = np.cos(2 * np.pi * (joined - 47) / 365.25)
    columns = calendar(joined, np.ones(len(joined), dtype=bool), bent=True)
    with_waves = np.column_stack([np.ones(len(joined)), *columns.values()])
    without = np.column_stack(
        [np.ones(len(joined)), *(column for name, column in columns.items() if "season" not in name)]
    )
    left = [winter - x @ np.linalg.lstsq(x, winter, rcond=None)[0] for x in (with_waves, without)]
    assert left[0].var() < 1e-12 and left[1].var() > 0.3 * winter.var()
