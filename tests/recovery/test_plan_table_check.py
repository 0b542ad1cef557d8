"""Numbers that the planner's table asks for, held against studies drawn and fitted by other means."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from tests.recovery.plan_table_check import SCALES, SETTINGS, TABLE, partial_likelihood, share

POINTS = 0.02


def test_the_kept_table_holds_its_promise() -> None:
    kept = pd.read_csv(TABLE)
    assert set(kept["setting"]) <= set(SETTINGS) and set(kept["analysis"]) == set(SCALES)
    late = [name for name in SETTINGS if "40 % had left" in name and "read on day" in name]
    needed = [*(name for name in SETTINGS if "published size" in name), *late]
    assert len(needed) == 8 and len(late) == 4
    for kind in ("remaining use, logit", "threshold, logistic"):
        mine = set(kept.loc[kept["analysis"] == kind, "setting"])
        assert mine >= {*needed, *(name for name in SETTINGS if name.startswith("total (.21), "))}
    assert (kept["replications"] >= 2000).all()
    assert ((kept["power"] - 0.8).abs() <= POINTS).all()
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.05) / 2000
    assert (kept["level"] <= high).all()
    assert (kept["level"] >= low).all()


def test_the_other_program_finds_strong_effects_only() -> None:
    for kind in ("threshold, logistic", "outcome at follow-up, linear"):
        strong, none = (share(kind, 150, r, {}, 60, [3]) for r in (0.6, 0.0))
        assert strong > 0.9 and none < 0.2, kind
    assert np.isfinite(share("remaining use, logit", 150, 0.4, {}, 5, [4]))


def test_the_other_program_fits_hazards_as_statsmodels_does() -> None:
    rng = np.random.default_rng(2)
    x = np.column_stack([rng.normal(size=(120, 2)), rng.uniform(size=120)])
    time = rng.exponential(np.exp(-0.4 * x[:, 0]))
    event = time < 1.2
    fit = PHReg(np.minimum(time, 1.2), x, event).fit()
    found = partial_likelihood(np.minimum(time, 1.2), x, event, plain=True)
    assert found == pytest.approx((float(fit.params[0]), float(fit.pvalues[0])), rel=1e-5)


def test_the_other_program_s_errors_are_near_those_of_fits_without_each_person() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(100, 2))
    time = rng.exponential(np.exp(-0.4 * x[:, 0]))
    cut, event = np.minimum(time, 1.2), time < 1.2
    b, p = partial_likelihood(cut, x, event)
    others = [np.arange(100) != i for i in range(100)]
    moved = np.array([partial_likelihood(cut[k], x[k], event[k], plain=True)[0] - b for k in others])
    assert abs(b) / stats.norm.isf(p / 2) == pytest.approx(np.sqrt(np.sum(moved**2)), rel=0.03)
