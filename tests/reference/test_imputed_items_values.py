"""Pooling over completed tables: alpha, omega, every parameter and the test of fit against mice and lavaan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from instrument.errors import NotEstimableError, ResponseDataError

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "imputed_items.json").read_text(encoding="utf-8"))
COMPARED = [
    (
        "Imputed items: pooled alpha, omega, every parameter with df and lost information",
        "mice 3.15.0, lavaan 0.6-14",
        1e-4,
    ),
    ("Imputed items: pooled test of fit (D2)", "formula in R", 1e-4),
]
ITEMS = ["q1", "q2", "q3", "q4"]
MODEL = (
    "f =~ a*q1 + b*q2 + c*q3 + d*q4\nq1 ~~ e*q1\nq2 ~~ g*q2\nq3 ~~ h*q3\nq4 ~~ k*q4\n"
    "omega := (a + b + c + d)^2 / ((a + b + c + d)^2 + e + g + h + k)"
)


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    data = pd.read_csv(HERE / "data" / "likert_missing.csv")[ITEMS].astype(float)
    return data.assign(q4=6 - data["q4"])


@pytest.fixture(scope="module")
def completed(items: pd.DataFrame) -> list[pd.DataFrame]:
    """Gaps filled by the rule of the R script: only the pooling is compared."""
    sets = []
    for m in range(1, 6):
        table = items.copy()
        for j, name in enumerate(ITEMS):
            rows = np.flatnonzero(table[name].isna())
            table.iloc[rows, j] = (rows + 2 * j + m) % 5 + 1
        sets.append(table)
    return sets


def test_parameters_are_pooled_as_by_mice(completed: list[pd.DataFrame]) -> None:
    found = analysis.pool_model(MODEL, completed, estimator="ML", std_lv=True)
    ours = found.parameters.set_index(["lhs", "op", "rhs"])
    assert found.converged == found.imputations == 5
    for row in VALUES["parameters"]:
        mine = ours.loc[
            (row["lhs"], row["op"], row["rhs"] if row["op"] != ":=" else ours.loc["omega"].index[0][1])
        ]
        assert mine["est"] == pytest.approx(row["estimate"], abs=1e-6)
        assert mine["se"] ** 2 == pytest.approx(row["total"], rel=1e-5)
        assert mine["df"] == pytest.approx(row["df"], rel=1e-4)
        assert mine["missing_information"] == pytest.approx(row["fmi"], rel=1e-4)
    assert len(ours) == len(VALUES["parameters"])
    for name in ("statistic", "df1", "df2", "pvalue"):
        assert found.fit[name] == pytest.approx(VALUES["d2"][name], rel=1e-4)


def test_alpha_and_omega_are_pooled_as_by_mice(completed: list[pd.DataFrame]) -> None:
    from scipy import stats

    found = analysis.pool_consistency(completed)
    row, known = found.table.loc["alpha"], VALUES["alpha"]
    assert row["estimate"] == pytest.approx(1 - np.exp(known["estimate"]), abs=1e-10)
    half = stats.t.ppf(0.975, known["df"]) * np.sqrt(known["total"])
    ends = sorted(1 - np.exp(known["estimate"] + np.array([-half, half])))
    assert [row["ci_lower"], row["ci_upper"]] == pytest.approx(ends, abs=1e-10)
    assert row["missing_information"] == pytest.approx(known["fmi"], rel=1e-8)
    omega = next(entry for entry in VALUES["parameters"] if entry["lhs"] == "omega")
    assert found.table.loc["omega", "estimate"] == pytest.approx(omega["estimate"], abs=1e-6)
    half = stats.t.ppf(0.975, omega["df"]) * np.sqrt(omega["total"])
    assert found.table.loc["omega", "ci_upper"] == pytest.approx(omega["estimate"] + half, abs=1e-5)


def test_imputed_answers_are_codes_and_what_was_given_stays(items: pd.DataFrame) -> None:
    sets = analysis.impute_items(items, 4, seed=3)
    kept = items.dropna(how="all")
    for table in sets:
        assert not table.isna().any().any() and set(np.unique(table)) <= {1.0, 2.0, 3.0, 4.0, 5.0}
        pd.testing.assert_frame_equal(table.where(kept.notna()), kept)
    assert not sets[0].equals(sets[1])
    again = analysis.impute_items(items, 4, seed=3)
    assert all(one.equals(other) for one, other in zip(sets, again, strict=True))
    assert not analysis.impute_items(items, 4, seed=4)[0].equals(sets[0])


def test_imputation_recovers_what_gaps_that_depend_on_answers_distort() -> None:
    rng = np.random.default_rng(11)
    f = rng.normal(size=3000)
    latent = 0.8 * f[:, None] + 0.6 * rng.normal(size=(3000, 4))
    whole = pd.DataFrame(np.digitize(latent, [-1.2, -0.4, 0.4, 1.2]) + 1.0, columns=ITEMS)
    holed = whole.copy()
    low = whole["q1"] <= 2
    for name in ITEMS[1:]:
        holed.loc[low & (rng.random(3000) < 0.7), name] = np.nan
    truth = analysis.cronbach_alpha(whole).estimate
    listwise = analysis.cronbach_alpha(holed).estimate
    found = analysis.pool_consistency(analysis.impute_items(holed, 10, seed=5)).table.loc["alpha"]
    assert truth - listwise > 0.02
    assert abs(found["estimate"] - truth) < 0.012
    assert found["ci_lower"] < truth < found["ci_upper"] and 0.05 < found["missing_information"] < 0.9


def test_what_cannot_be_imputed_or_pooled_is_refused(
    items: pd.DataFrame, completed: list[pd.DataFrame]
) -> None:
    with pytest.raises(ResponseDataError, match="nobody answered 'q3'"):
        analysis.impute_items(items.assign(q3=np.nan))
    with pytest.raises(ResponseDataError, match="cannot be imputed from each other"):
        analysis.impute_items(items[["q1"]])
    with pytest.raises(NotEstimableError, match="cannot be pooled"):
        analysis.pool_consistency(completed[:1])
    with pytest.raises(NotEstimableError, match="1 of 1 fits"):
        analysis.pool_model(MODEL, completed[:1], estimator="ML", std_lv=True)
