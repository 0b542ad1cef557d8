"""Weighted models of an exposure that changes over time, and dose and response, against R by formula."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import dose_response, marginal_structural
from analysis.adherence.dose.dose_response import sup_t
from analysis.adherence.dose.threshold import differences, places_of
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.over_time.joint_landmarks import Landmarked, equal_effects, joint_effects
from analysis.adherence.over_time.marginal_structural import HELD, UNWEIGHTED, WEIGHTED, MarginalResult

HERE = Path(__file__).parent
TABLE = HERE / "data" / "marginal.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "marginal.json").read_text(encoding="utf-8"))
LANDMARKS: dict[str, Any] = json.loads((HERE / "values" / "landmarks.json").read_text(encoding="utf-8"))
DOSE: dict[str, Any] = json.loads((HERE / "values" / "dose_response.json").read_text(encoding="utf-8"))
# The same closed forms, and Newton's method on both sides of the same equations.
BY_FORMULA = 1e-7
COMPARED = [
    (
        "Marginal structural models: weights, effects, jackknife errors, balance, positivity",
        "R lm, glm",
        BY_FORMULA,
    ),
    (
        "Dose and response: curve, HC3 errors, tests, every step and AIC; landmarks together",
        "R lm, glm",
        BY_FORMULA,
    ),
]
CASES = {
    "number_number": ("alliance", "sessions", 0.0),
    "number_cut": ("alliance", "sessions", 0.025),
    "number_choice": ("alliance", "active", 0.0),
    "choice_number": ("reminded", "sessions", 0.0),
    "choice_choice": ("reminded", "active", 0.0),
}


@pytest.fixture(scope="module")
def weeks() -> pd.DataFrame:
    return pd.read_csv(TABLE)


def fitted(weeks: pd.DataFrame, case: str, **changes: Any) -> MarginalResult:
    exposure, outcome, share = CASES[case]
    return marginal_structural(
        weeks,
        exposure=exposure,
        outcome=outcome,
        varying=["minutes"],
        baseline=["distress", "sex"],
        time="week",
        truncate=share,
        **changes,
    )


def close(found: Any, wanted: Any) -> None:
    wanted = np.asarray(wanted, dtype=float)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(np.asarray(found, dtype=float), wanted, rtol=BY_FORMULA, atol=BY_FORMULA)


def test_the_weeks_are_those_of_the_script() -> None:
    assert hashlib.sha256(TABLE.read_bytes()).hexdigest() == VALUES["data_sha256"][0]
    assert DOSE["data_sha256"] == VALUES["data_sha256"]


@pytest.mark.parametrize("case", CASES)
def test_weights_and_effects(weeks: pd.DataFrame, case: str) -> None:
    wanted = VALUES[case]
    found = fitted(weeks, case)
    assert (found.effects["n_rows"] == wanted["n_rows"][0]).all()
    assert (found.effects["n_people"] == wanted["n_people"][0]).all()
    assert (found.effects["df"] == wanted["n_people"][0] - 1).all()
    close(found.weights["weight"], wanted["weights"])
    for model, key in ((WEIGHTED, "both"), (UNWEIGHTED, "naive"), (HELD, "held")):
        mine = found.effects[found.effects["model"] == model]
        assert mine["term"].tolist() == ["this time", "earlier times"]
        close(mine["estimate"], wanted[key])
        close(mine["se_known"], wanted[f"{key}_se"])
        assert (mine["se"] == mine["se_known"]).all() == (model != WEIGHTED)
    for history in ("mean", "current"):
        mine = fitted(weeks, case, history=history).effects.query("model == @WEIGHTED")
        close(mine["estimate"], wanted[history])
        close(mine["se_known"], wanted[f"{history}_se"])
    place = found.positivity
    if case != "number_cut":  # cut weights are those of the model; R's are before the cut
        close(place["mean_weight"], wanted["weight_mean"])
        close(place["largest"], wanted["weight_max"])
        close(place["effective"], wanted["ess"])
        close(place["effective_share"], np.array(wanted["ess"]) / place["n"])
    close(
        place["explained" if case.startswith("number") else "least"],
        wanted["explained" if case.startswith("number") else "least"],
    )
    used = found.truncation[found.truncation["used"]]
    close(used["estimate"], wanted["both"])
    close(used["se"], found.effects.query("model == @WEIGHTED")["se"])


@pytest.mark.parametrize(("case", "key"), [("number_number", "number"), ("choice_number", "choice")])
def test_balance_of_causes(weeks: pd.DataFrame, case: str, key: str) -> None:
    close(fitted(weeks, case).balance[["before", "after"]], VALUES[f"balance_{key}"])


def test_errors_are_near_those_of_the_sandwich(weeks: pd.DataFrame) -> None:
    # sandwich's HC3 takes leverage of weighted rows another way: near, not the same
    mine = fitted(weeks, "number_number").effects.query("model == @WEIGHTED")["se_known"]
    np.testing.assert_allclose(mine, VALUES["vcovCL_HC3"], rtol=0.02)


@pytest.mark.parametrize("outcome", ["sessions", "active"])
def test_dose_and_response(weeks: pd.DataFrame, outcome: str) -> None:
    wanted = DOSE[outcome]
    first = weeks[weeks["week"] == 1]
    found = dose_response(first, dose="minutes", outcome=outcome, adjust_for=["distress", "sex"], draws=50)
    close(found.curve["estimate"], wanted["estimate"])
    close(found.curve["se"], wanted["se"])
    close(found.curve["ci_lower"], wanted["lower"])
    close(found.curve["ci_upper"], wanted["upper"])
    close(found.tests["f"], [wanted["any"][0], wanted["curved"][0]])
    assert (found.tests["df2"] == wanted["df"][0]).all()
    row = found.threshold.iloc[0]
    for name in ("at", "apparent", "aic_step", "aic_line", "aic_curve"):
        close(row[name], wanted[name][0])
    dose, y = first["minutes"].to_numpy(float), first[outcome].to_numpy(float)
    sex = (first["sex"] != first["sex"].iloc[0]).to_numpy(float)
    others = np.column_stack([np.ones(len(y)), first["distress"], sex])
    places = places_of(dose)
    close(places, wanted["places"])
    close(differences(dose, y, others, places)[0], wanted["all_steps"])
    # 20,000 draws here, quasi-random integration there
    drawn = sup_t(np.array(wanted["correlation"]), wanted["df"][0], 0.95, 1)
    np.testing.assert_allclose(drawn, wanted["sup_t"][0], rtol=0.01)


def landmarked(weeks: pd.DataFrame) -> list[Landmarked]:
    """The weeks as the script in R makes them: units due differ, use is a share of them."""
    number = pd.Index(weeks["participant"].unique())
    made = []
    for _, mine in weeks.dropna(subset=["alliance", "active", "minutes"]).groupby("week"):
        due = 1.0 + mine["participant"].str[1:].astype(int) % 3
        done = mine["active"] * np.maximum(1.0, due - 1)
        logs, distress = np.log1p(mine["minutes"]), mine["distress"]
        columns = [np.ones(len(mine)), mine["alliance"] - mine["alliance"].mean()]
        columns += [(c - c.mean()) / c.std() for c in (logs, distress)]
        made.append(
            Landmarked(
                person=number.get_indexer(mine["participant"]),
                design=np.column_stack(columns),
                done=done.to_numpy(dtype=float),
                due=due.to_numpy(dtype=float),
            )
        )
    return made


@pytest.mark.parametrize("grouped", [False, True])
def test_landmarks_vary_together_as_influences_by_hand_do(weeks: pd.DataFrame, grouped: bool) -> None:
    assert hashlib.md5(TABLE.read_bytes()).hexdigest() == LANDMARKS["md5"]
    people, made = weeks["participant"].unique(), landmarked(weeks)
    groups = np.array([int(name[1:]) % 14 for name in people])
    joint = joint_effects(made, len(people), Clusters(groups, 14) if grouped else None)
    assert [len(one.done) for one in made] == LANDMARKS["n"]
    assert joint.df == (13 if grouped else LANDMARKS["df"])
    for fit, wanted in zip(joint.fits, LANDMARKS["coefficients"], strict=True):
        close(fit.coefficients, wanted)
    close(joint.effects, LANDMARKS["effects"])
    close(joint.covariance, LANDMARKS["covariance_groups" if grouped else "covariance"])
    found, wanted = equal_effects(joint), LANDMARKS["equal_groups" if grouped else "equal"]
    close([found["f"], found["pvalue"]], [wanted["f"], wanted["pvalue"]])
    if not grouped:
        se = np.sqrt(np.diag(joint.covariance))
        critical = sup_t(joint.covariance / np.outer(se, se), joint.df, 0.95, 1)
        assert critical == pytest.approx(LANDMARKS["critical"], rel=0.01)
