"""Models whose correction by MLR comes out below zero: lavaan 0.6-14 gives no scaled test, and neither is one given here.

c <- cfa("f =~ x1 + x2 + x3", d, group = "school", estimator = "MLR", group.equal = c("loadings", "intercepts"))
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis

DATA = Path(__file__).parent / "data" / "holzinger1939.csv"
ITEMS = ["x1", "x2", "x3"]
# statistic, program, tolerance: the README's table is made of these
COMPARED = [
    (
        "equal intercepts by MLR where the correction is below zero: fit and what is unknown",
        "lavaan 0.6-14",
        1e-5,
    )
]


def _cut() -> pd.DataFrame:
    frame = pd.read_csv(DATA)
    for item in ITEMS:
        frame[item] = pd.cut(frame[item], 9, labels=False) + 1.0
    return frame


def _with_gaps() -> pd.DataFrame:
    frame = pd.read_csv(DATA)
    for place, item in enumerate(ITEMS):
        frame.loc[np.arange(len(frame)) % 39 == place * 3, item] = np.nan
    return frame


def _levels(frame: pd.DataFrame, missing: str) -> analysis.InvarianceResult:
    return analysis.invariance(
        "f =~ x1 + x2 + x3", frame, group="school", ordered=False, estimator="MLR", missing=missing
    )


@pytest.mark.parametrize(
    ("frame", "missing", "plain", "robust"),
    [
        (
            _cut(),
            "listwise",
            (25.02696452, 0.80424021, 0.18689171, 0.08244133),
            (math.nan, math.nan, math.nan),
        ),
        (
            _with_gaps(),
            "fiml",
            (23.28515284, 0.81292280, 0.17898362, 0.08388396),
            (0.81410068, 0.72115101, 0.18276915),
        ),
    ],
    ids=["complete", "gaps"],
)
def test_a_correction_below_zero_leaves_the_scaled_test_unknown(frame, missing, plain, robust):
    found = _levels(frame, missing)
    fit = found.fits["scalar"].fit
    assert [fit[name] for name in ("chisq", "cfi", "rmsea", "srmr")] == pytest.approx(plain, abs=1e-5)
    said = [fit[f"{name}_robust"] for name in ("cfi", "tli", "rmsea")]
    assert said == pytest.approx(robust, abs=1e-5, nan_ok=True)
    names = ("chisq_scaled", "pvalue_scaled", "chisq_scaling_factor", "cfi_scaled", "tli_scaled")
    assert np.isnan([fit[name] for name in (*names, "rmsea_scaled", "rmsea_ci_upper_scaled")]).all()
    rows = found.table.set_index("level")
    assert np.isnan(rows.loc[["scalar", "strict"], ["chisq_diff", "pvalue_diff"]].to_numpy()).all()
    assert np.isfinite(rows.loc["metric", "pvalue_diff"])


def test_its_equivalence_and_its_difference_are_unknown_too():
    found = _levels(_cut(), "listwise")
    table = found.fits["scalar"].equivalence().table
    assert table["t_size"].isna().all()
    assert table["estimate"].isna().all()


def test_sections_say_that_it_could_not_be_judged_and_the_rest_goes_on(tmp_path):
    from analysis.pipeline.topics.groups import judged_levels

    found = _levels(_cut(), "listwise")
    judged = judged_levels(
        "Visual, by school", found, 0, "sections.groups.tables.levels", None, ordinal=False
    )
    assert [finding.verdict.value for finding in judged] == ["untested", "untested"]
