"""The number of people that the planner asks for, held against studies drawn and analysed by other means."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.recovery.power_check import DEFAULTS, SETTINGS, TABLE, check, rejected

POINTS = 0.02


def test_the_kept_table_holds_every_setting_and_its_promise() -> None:
    kept = pd.read_csv(TABLE)
    assert kept["setting"].tolist() == list(SETTINGS)
    assert (kept["replications"] >= 4000).all()
    assert ((kept["power"] - 0.8).abs() <= POINTS).all()
    assert ((kept["power_planned"] - kept["power"]).abs() <= 1.5 * POINTS).all()
    low, high = stats.binom.ppf([0.0005, 0.9995], 4000, 0.05) / 4000
    assert kept["level"].between(low, high).all()
    assert kept["level_planned"].between(low, high).all()


def test_the_other_program_finds_strong_effects_only() -> None:
    rng = np.random.default_rng(3)
    strong, none = (
        np.mean([rejected(rng, 200, {**DEFAULTS, "odds_ratio": ratio}) for _ in range(60)])
        for ratio in (3.0, 1.0)
    )
    assert strong > 0.9
    assert none < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["defaults", "a large effect"])
def test_the_number_asked_for_gives_the_power(setting: str) -> None:
    line = check(setting, 4000)
    assert line["power"] == pytest.approx(0.8, abs=POINTS)
    assert line["level"] == pytest.approx(0.05, abs=0.012)
