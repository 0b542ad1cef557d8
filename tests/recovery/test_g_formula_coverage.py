"""Intervals of the g-formula hold the truth about as often as they say."""

import numpy as np
import pandas as pd
import pytest

from tests.recovery.g_formula_coverage import TABLE, truth
from tests.recovery.test_g_formula_recovery import POPULATIONS


def test_the_kept_table_covers_as_it_says() -> None:
    """Within what 300 studies tell of 95 %: 91.2 to 97.5 % (1 in 1,000 on either side)."""
    rows = pd.read_csv(TABLE)
    assert set(rows["population"]) == set(POPULATIONS) and (rows["replications"] >= 300).all()
    assert rows["coverage"].between(0.91, 0.98).all()
    assert (
        (rows["mean"] - rows["true"]).abs() < 3.5 * rows["sd"] / np.sqrt(rows["replications"]) + 0.01
    ).all()


@pytest.mark.parametrize(("level", "time", "true"), [(0, 3, 0.0), (1, 1, 0.3), (1, 4, 0.6)])
def test_the_truth_is_worked_out_by_hand(level: int, time: int, true: float) -> None:
    assert truth(0.3, level, time) == pytest.approx(true)
