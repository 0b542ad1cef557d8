"""Features of apps and a score: who is counted, what counts as there, and its models by restricted likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import instrument
from analysis import audit_agreement, relate_features
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError

NAMES = instrument.load("psd_audit").item_ids
HAS = {NAMES[0]: {1, 2, 3}, NAMES[1]: {1}, NAMES[2]: {1, 2, 3, 4, 5, 6, 7}, NAMES[3]: {2, 5, 7}}
"""Apps that have a principle: three, one, all but one, three; all others are in no app."""


def ratings(**changes: Any) -> pd.DataFrame:
    rows = [
        (str(app), "1.0", rater, name, "present" if app in HAS.get(name, ()) else "absent")
        for app in range(1, 9)
        for rater in "xy"
        for name in NAMES
    ]
    return pd.DataFrame(rows, columns=["app", "version", "rater", "principle", "rating"]).assign(**changes)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    app = np.repeat(np.arange(1, 10), [9, 8, 7, 9, 6, 8, 7, 9, 5])  # nobody audited the ninth
    made = pd.DataFrame({"app": app.astype(float), "total": rng.standard_normal(len(app)) + 0.4 * (app % 3)})
    made["age"], made["city"] = rng.normal(40, 9, len(app)), (app % 2).astype(float)
    made.loc[0, "app"] = np.nan
    made.loc[10, "total"] = np.nan
    made.loc[20, "age"] = np.nan
    return made


def mixed(
    outcome: pd.Series, columns: np.ndarray, app: pd.Series
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Coefficients, errors, variance between apps and within: restricted likelihood along their ratio."""
    y, n, p = outcome.to_numpy(), len(outcome), columns.shape[1]
    same = (app.to_numpy()[:, None] == app.to_numpy()).astype(float)

    def solve(ratio: float) -> tuple[float, np.ndarray, np.ndarray, float]:
        weights = np.linalg.inv(np.eye(n) + ratio * same)
        bread = np.linalg.inv(columns.T @ weights @ columns)
        b = bread @ columns.T @ weights @ y
        rest = float((y - columns @ b) @ weights @ (y - columns @ b)) / (n - p)
        logs = (n - p) * np.log(rest) - np.linalg.slogdet(weights)[1] - np.linalg.slogdet(bread)[1]
        return float(logs), b, np.sqrt(rest * np.diag(bread)), rest

    best = optimize.minimize_scalar(
        lambda at: solve(at)[0], bounds=(0, 5), method="bounded", options={"xatol": 1e-9}
    )
    ratio = 0.0 if solve(0.0)[0] <= best.fun else float(best.x)
    _, b, se, rest = solve(ratio)
    return b, se, ratio * rest, rest


def test_effects_people_and_apps_are_those_of_a_mixed_model_by_hand(people: pd.DataFrame) -> None:
    found = relate_features(audit_agreement(ratings()), people, adjust_for=["age", "city"], confidence=0.9)
    kept = people.dropna()
    kept = kept[kept["app"] < 9].reset_index(drop=True)
    assert (found.n, found.n_apps, len(kept)) == (60, 8, 60)
    assert found.notes[-1] == f"8 of {len(people)} people lack a score, a covariate or an audited app"
    table = found.effects.set_index(["kind", "feature"])
    groups = {"primary_task": 14 / 7}  # of seven principles of the group, the apps have these four only
    assert found.apps["app"].tolist() == [str(k) for k in range(1, 9)]
    counts = kept.groupby("app")["total"]
    np.testing.assert_array_equal(found.apps["n"], counts.size())
    np.testing.assert_allclose(found.apps["mean"], counts.mean())
    number = np.array([sum(k in apps for apps in HAS.values()) for k in range(1, 9)])
    np.testing.assert_allclose(found.apps["share"], number / len(NAMES))
    app = kept["app"].to_numpy(dtype=int)
    held = np.column_stack([np.ones(60), kept["age"], kept["city"]])
    for key, values in (
        (("principle", NAMES[0]), np.isin(app, [1, 2, 3]).astype(float)),
        (("principle", NAMES[3]), np.isin(app, [2, 5, 7]).astype(float)),
        (("all principles", "share"), number[app - 1] / len(NAMES)),
        (("group", "primary_task"), number[app - 1] / 7),
    ):
        row, fit = table.loc[key], mixed(kept["total"], np.column_stack([held, values]), kept["app"])
        assert (row["estimate"], row["se"]) == pytest.approx((fit[0][-1], fit[1][-1]), rel=1e-5)
        assert row["df"] == 8 - 2 - 1  # the city is the same within an app, age is not
        half = stats.t.ppf(0.95, 5) * row["se"]
        assert (row["ci_lower"], row["ci_upper"]) == pytest.approx(
            (row["estimate"] - half, row["estimate"] + half)
        )
        assert row["pvalue"] == pytest.approx(2 * stats.t.sf(abs(row["estimate"] / row["se"]), 5))
    assert table.loc[("principle", NAMES[0]), "apps_with"] == 3 and groups["primary_task"] == 2
    assert pd.isna(table.loc[("group", "primary_task"), "apps_with"])
    # one app with it, or one without, is too few
    left = found.left_out.set_index("feature")["reason"]
    assert {NAMES[1], NAMES[2]} <= set(left.index) and "fewer than 2 apps" in left[NAMES[1]]
    assert left["social"] == "the same in every app" and set(table.loc["principle"].index) == {
        NAMES[0],
        NAMES[3],
    }
    # adjusted among principles, of which two could be tested, and not among all rows
    p = table.loc["principle", "pvalue"].astype(float).sort_values()
    holm = np.minimum(np.maximum.accumulate(p.to_numpy() * [2, 1]), 1)
    np.testing.assert_allclose(table.loc["principle"].loc[p.index, "p_adjusted"].astype(float), holm)
    between, rest = mixed(kept["total"], held, kept["app"])[2:]
    expected = {"between_apps": between, "residual": rest, "icc": between / (between + rest)}
    assert found.variance == pytest.approx(expected, rel=1e-5) and between > 0
    assert found.confidence == 0.9


def test_a_feature_is_there_where_both_raters_found_it(people: pd.DataFrame) -> None:
    rows = ratings()
    rows.loc[(rows["app"] == "2") & (rows["rater"] == "y") & (rows["principle"] == NAMES[3]), "rating"] = (
        "unclear"
    )
    found = relate_features(audit_agreement(rows), people).effects
    assert found.loc[found["feature"] == NAMES[3], "apps_with"].tolist() == [2]


def test_what_cannot_be_asked_of_apps_is_refused(people: pd.DataFrame) -> None:
    audit = audit_agreement(ratings())
    with pytest.raises(NotEstimableError, match="5 apps have both an audit and people"):
        relate_features(audit, people[people["app"] < 6])
    assert relate_features(audit, people[people["app"] < 7]).n_apps == 6
    with pytest.raises(NotEstimableError, match="'total' has one value only"):
        relate_features(audit, people.assign(total=2.1))
    with pytest.raises(ResponseDataError, match="no column 'absent'"):
        relate_features(audit, people, adjust_for=["absent"])
    with pytest.raises(DefinitionError, match="audit is a DataFrame"):
        relate_features(ratings(), people)  # type: ignore[arg-type]
    two = ratings()
    two = pd.concat([two, two[two["app"] == "3"].assign(version="2.0")])
    with pytest.raises(ResponseDataError, match="1 apps have several versions in the audit: '3'"):
        relate_features(audit_agreement(two), people)
    full = people[people["app"] < 9].dropna()
    assert not [note for note in relate_features(audit, full).notes if "lack" in note]
