"""Numbers that the planner's table asks for, held against studies drawn and fitted by other means."""

import numpy as np
import pandas as pd
from scipy import stats

from tests.recovery.plan_table_check import SCALES, SETTINGS, TABLE, share

POINTS = 0.02


def test_the_kept_table_holds_its_promise() -> None:
    kept = pd.read_csv(TABLE)
    assert set(kept["setting"]) <= set(SETTINGS) and set(kept["analysis"]) == set(SCALES)
    assert (kept["replications"] >= 2000).all()
    assert ((kept["power"] - 0.8).abs() <= POINTS).all()
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.05) / 2000
    zeros = kept["analysis"] == "active days, negative binomial"  # who left widens its errors
    assert (kept["level"] <= high).all()
    assert (kept.loc[~zeros, "level"] >= low).all()


def test_the_other_program_finds_strong_effects_only() -> None:
    for kind in ("threshold, logistic", "outcome at follow-up, linear"):
        strong, none = (share(kind, 150, r, {}, 60, [3]) for r in (0.6, 0.0))
        assert strong > 0.9 and none < 0.2, kind
    assert np.isfinite(share("remaining use, logit", 150, 0.4, {}, 5, [4]))
