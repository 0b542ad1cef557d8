"""Dose and response: where people are, a band over all doses, and a step that is not found where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis import dose_response
from analysis.adherence.dose.dose_response import DoseClaim, DoseResult, _claim, sup_t
from analysis.adherence.dose.threshold import differences, find_threshold, places_of
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError


def people(n: int = 300, seed: int = 3, step: float = 0.0, slope: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n)
    use = rng.gamma(4, 2, n).round(1)
    better = slope * use + step * (use >= 8) + 0.5 * severity + rng.normal(size=n)
    site = np.where(np.arange(n) % 3, "x", "y")
    return pd.DataFrame({"use": use, "better": better, "severity": severity, "site": site})


def fitted(table: Any, **changes: Any) -> DoseResult:
    given = {"dose": "use", "outcome": "better", "adjust_for": ["severity"], "draws": 60, **changes}
    return dose_response(table, **given)


@pytest.fixture(scope="module")
def found() -> DoseResult:
    return fitted(people(step=1.0))


def test_a_step_is_found_where_it_is_and_is_smaller_once_searching_is_paid_for(found: DoseResult) -> None:
    row = found.threshold.iloc[0]
    assert row["claim"] == str(DoseClaim.FOUND)
    assert row["at_lower"] <= 8 <= row["at_upper"] and row["ci_lower"] <= 1 <= row["ci_upper"]
    assert row["corrected"] == row["apparent"] - row["optimism"] and row["optimism"] > 0
    assert row["people_below"] + row["people_above"] == found.design["n"] == 300
    assert row["pvalue"] == pytest.approx(1 / 61) and "step at" in found.summary()
    assert found.tests["pvalue"].min() < 0.001 and "p = 0" not in found.summary()
    assert "p < .001" in found.summary().replace("\u00a0", " ")


def test_bands_hold_all_doses_and_are_wider_than_one(found: DoseResult) -> None:
    curve = found.curve
    assert (curve["band_lower"] < curve["ci_lower"]).all() and (curve["ci_upper"] < curve["band_upper"]).all()
    assert found.design["critical"] < 4.0
    independent = sup_t(np.eye(3), 1e6, 0.95, 1)
    assert independent == pytest.approx(2.388, abs=0.03)  # (2Φ(c) − 1)³ = .95
    assert sup_t(np.ones((3, 3)), 1e6, 0.95, 1) == pytest.approx(1.96, abs=0.03)


def test_where_few_are_is_marked(found: DoseResult) -> None:
    use = people(step=1.0)["use"]
    for row in found.curve.to_dict("records"):
        near = (abs(use - row["dose"]) <= 0.1 * (use.max() - use.min())).sum()
        beyond = min((use <= row["dose"]).mean(), (use >= row["dose"]).mean())
        assert row["people_near"] == near and row["share_beyond"] == beyond
        assert row["supported"] == (near / 300 >= 0.05 and beyond >= 0.05)
    ranges = found.ranges
    assert ranges["supported"].tolist() == [False, True, False]
    assert ranges["people"].sum() == 300 and ranges["share"].sum() == pytest.approx(1)
    assert (ranges["from_dose"].iloc[1:].to_numpy() == ranges["to_dose"].iloc[:-1].to_numpy()).all()
    at, kind = found.curve["dose"].tolist(), found.curve["supported"].tolist()
    between = [(at[k] + at[k + 1]) / 2 for k in range(len(at) - 1) if kind[k] != kind[k + 1]]
    assert ranges["from_dose"].tolist() == [use.min(), *between]
    assert ranges["people"].tolist() == np.diff([0, *(int((use < b).sum()) for b in between), 300]).tolist()


def test_a_number_that_looks_like_a_code_is_a_number_where_that_is_said() -> None:
    table = people().assign(visits=np.arange(300) % 4)
    coded, number = (fitted(table, adjust_for=["visits"], numbers=n) for n in ([], ["visits"]))
    assert "taken as categories: visits" in coded.notes
    assert not any("taken as categories" in note for note in number.notes)
    line = sm.OLS(table["better"], np.column_stack([np.ones(300), table["use"], table["visits"]])).fit()
    constant = 300 * (1 + np.log(2 * np.pi)) - 2
    assert number.threshold["aic_line"].item() == pytest.approx(line.aic - constant)


def test_a_line_is_no_threshold_and_nothing_is_nothing() -> None:
    line = fitted(people(400, slope=0.4)).threshold.iloc[0]
    assert line["claim"] == str(DoseClaim.NO_THRESHOLD) and line["aic_line"] < line["aic_step"]
    nothing = fitted(people(300, seed=11)).threshold.iloc[0]
    assert nothing["claim"] == str(DoseClaim.NO_ASSOCIATION) and nothing["pvalue"] > 0.05


def test_searching_finds_something_in_noise_and_takes_it_back() -> None:
    rng = np.random.default_rng(7)
    apparent, corrected = [], []
    for k in range(25):
        d, y = rng.gamma(4, 2, 150), rng.normal(size=150)
        step = find_threshold(d, y, np.ones((150, 1)), draws=40, level=0.95, seed=k)
        apparent.append(abs(step.apparent))
        corrected.append(abs(step.apparent - np.sign(step.apparent) * abs(step.optimism)))
    assert np.mean(corrected) < np.mean(apparent)


def test_differences_by_hand() -> None:
    d, y = np.array([1.0, 1, 2, 2, 3, 3]), np.array([0.0, 2, 4, 6, 5, 1])
    size, gained = differences(d, y, np.ones((6, 1)), np.array([2.0, 3.0]))
    assert size.tolist() == pytest.approx([3.0, 0.0])  # 4 − 1, and 3 − 3
    assert gained.tolist() == pytest.approx([9 * 4 / 3, 0.0])  # b² n₀ n₁ / n
    assert places_of(np.repeat([0.0, 1.0], [19, 1])).tolist() == [1.0]
    assert len(places_of(np.arange(1000.0))) == 40


def test_units_and_order_do_not_matter(found: DoseResult) -> None:
    table = people(step=1.0)
    minutes = fitted(table.assign(use=60 * table["use"]))
    np.testing.assert_allclose(minutes.curve["estimate"], found.curve["estimate"], rtol=1e-7)
    np.testing.assert_allclose(minutes.threshold["at"], 60 * found.threshold["at"])
    np.testing.assert_allclose(minutes.tests["f"], found.tests["f"], rtol=1e-6)
    turned = fitted(table.iloc[::-1])
    np.testing.assert_allclose(turned.curve["band_upper"], found.curve["band_upper"], rtol=1e-9)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"dose": "nothing"}, "no column 'nothing'"),
    ({"dose": "site"}, "not numeric: 'site'"),
    ({"outcome": "use"}, "two parts at once: 'use'"),
    ({"draws": 10}, "draws is 10"),
    ({"draws": True}, "draws is a bool"),
    ({"knots": 2}, "knots is 2"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(
        (DefinitionError, ResponseDataError), match=rf"^dose_response: .*{message}.*\.\nHint: "
    ):
        fitted(people(), **changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(use=1.0), "'use' has one value only"),
        (lambda t: t.assign(better=1.0), "'better' has one value only"),
        (lambda t: t[:40], "40 of 40 people have dose"),
        (lambda t: t.assign(severity=2 * t["use"] + 1), "repeat each other or the dose"),
        (lambda t: t.assign(use=(t["use"] > 8).astype(float)), "too few distinct values"),
    ],
)
def test_what_cannot_be_estimated_is_refused(change: Any, message: str) -> None:
    with pytest.raises(NotEstimableError, match=rf"{message}.*\.\nHint: "):
        fitted(change(people()))


@pytest.mark.parametrize("column", ["use", "better", "severity"])
def test_infinite_numbers_are_refused(column: str) -> None:
    table = people()
    with pytest.raises(ResponseDataError, match=f"infinite values in '{column}'"):
        fitted(table.assign(**{column: table[column].where(table.index > 0, np.inf)}))


def test_people_without_all_of_it_are_counted() -> None:
    table = people(step=1.0)
    table.loc[:9, "better"] = np.nan
    table.loc[5:14, "site"] = None
    made = fitted(table, adjust_for=["severity", "site"])
    assert made.design["n"] == 285
    assert any("15 of 300 people lack dose, outcome or adjustment" in note for note in made.notes)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_gentle_line_has_a_best_step_that_is_not_claimed(seed: int) -> None:
    row = fitted(people(400, seed=seed, slope=0.12)).threshold.iloc[0]
    assert row["pvalue"] < 0.05 and row["ci_lower"] > 0  # the step alone would be claimed
    assert row["aic_line"] < row["aic_step"] and row["claim"] == str(DoseClaim.NO_THRESHOLD)


def bent(dose: Any, knots: list[float]) -> Any:
    """Natural cubic splines on truncated powers (Hastie, Tibshirani & Friedman, 5.4)."""

    def d(k: int) -> Any:
        above = [np.maximum(dose - knots[j], 0) ** 3 for j in (k, -1)]
        return (above[0] - above[1]) / (knots[-1] - knots[k])

    return np.column_stack([d(k) - d(len(knots) - 2) for k in range(len(knots) - 2)])


def test_curve_tests_and_criteria_are_those_of_least_squares_elsewhere() -> None:
    table = people(step=0.6, slope=0.1)
    found = fitted(table, adjust_for=["severity", "site"], confidence=0.9)
    use, better = table["use"].to_numpy(), table["better"].to_numpy()
    held = np.column_stack([table["severity"], table["site"] == "y"]).astype(float)
    knots = found.design["knots"]
    own = np.column_stack([np.ones(300), use, bent(use, knots), held])
    curve = sm.OLS(better, own).fit(cov_type="HC3", use_t=True)
    at = found.curve["dose"].to_numpy()
    rows = np.column_stack([np.ones(len(at)), at, bent(at, knots), np.tile(held.mean(axis=0), (len(at), 1))])
    told = curve.get_prediction(rows).summary_frame(alpha=0.1)
    np.testing.assert_allclose(
        found.curve[["estimate", "se", "ci_lower", "ci_upper"]],
        told[["mean", "mean_se", "mean_ci_lower", "mean_ci_upper"]],
        rtol=1e-7,
    )
    for row, first in zip(found.tests.to_dict("records"), (1, 2), strict=True):
        restricted = np.eye(own.shape[1])[first : 2 + len(knots) - 2]
        test = curve.f_test(restricted)
        assert (row["f"], row["df1"]) == (pytest.approx(float(test.fvalue), rel=1e-6), len(restricted))
        assert row["pvalue"] == pytest.approx(float(test.pvalue), rel=1e-6)
    threshold = found.threshold.iloc[0]
    step = np.column_stack([np.ones(300), use >= threshold["at"], held])
    line = np.column_stack([np.ones(300), use, held])
    constant = 300 * (1 + np.log(2 * np.pi)) - 2  # of the likelihood, and the parameter of the spread
    for name, x, more in (("line", line, 0), ("curve", own, 0), ("step", step, 2)):
        assert threshold[f"aic_{name}"] == pytest.approx(sm.OLS(better, x).fit().aic + more - constant)
    assert threshold["apparent"] == pytest.approx(sm.OLS(better, step).fit().params[1])
    sought = find_threshold(use, better, np.column_stack([np.ones(300), held]), draws=60, level=0.9, seed=1)
    assert threshold["ci_lower"] == pytest.approx(sought.lower - sought.optimism)
    assert threshold["ci_upper"] == pytest.approx(sought.upper - sought.optimism)
    assert threshold["people_below"] == (use < threshold["at"]).sum()


def test_a_step_is_claimed_at_the_level_asked_for_and_two_below_the_others(found: DoseResult) -> None:
    strict = fitted(people(step=1.0), confidence=0.99)  # 60 permutations say no less than 1 / 61
    assert strict.threshold["claim"].item() == str(DoseClaim.NO_THRESHOLD)
    table = people(step=1.0)
    others = np.column_stack([np.ones(300), table["severity"]])
    step = find_threshold(
        table["use"].to_numpy(), table["better"].to_numpy(), others, draws=60, level=0.95, seed=1
    )
    for distance, claim in ((1.9, DoseClaim.NO_THRESHOLD), (2.0, DoseClaim.FOUND)):
        aic = {"aic_step": 0.0, "aic_line": distance, "aic_curve": 9.0}
        assert _claim(step, found.tests, aic, 0.05) is claim
    unsure = replace(step, pvalue=0.2)
    aic = {"aic_step": 0.0, "aic_line": 9.0, "aic_curve": 9.0}
    assert _claim(unsure, found.tests, aic, 0.05) is DoseClaim.NO_THRESHOLD
    nothing = found.tests.assign(pvalue=0.2)
    assert _claim(unsure, nothing, aic, 0.05) is DoseClaim.NO_ASSOCIATION
    assert _claim(step, nothing, aic, 0.05) is DoseClaim.FOUND
