"""Ends of use that compete, events that can happen again, use and leaving in one model, against R."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import joint_model, recurrent_events
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.competing import cumulative_incidence, fine_gray
from analysis.adherence.models.survival import cox
from analysis.adherence.over_time.counting import counting_process
from analysis.adherence.over_time.shared_effect import Courses, Likelihood

HERE = Path(__file__).parent
TABLE = HERE / "data" / "adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "competing.json").read_text(encoding="utf-8"))
# Newton's method on both sides of the same equations.
SAME_LIKELIHOOD = 1e-6
CLOSED = 1e-9
# Two searches of one maximum, R's by differences of the likelihood.
JOINT = 1e-4
COMPARED = [
    (
        "Competing ends (Fine-Gray, cause-specific hazards) and events that recur (Andersen-Gill, errors by person)",
        "cmprsk, survival",
        SAME_LIKELIHOOD,
    ),
    ("Competing ends: cumulative incidence with errors", "survival, cmprsk", CLOSED),
    (
        "Weekly use and leaving with a shared propensity, leaving seen or hidden",
        "likelihood by optim in R",
        JOINT,
    ),
]


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """The cohort with ends as the script in R makes them."""
    table = pd.read_csv(TABLE).dropna(subset=["time"])
    cause = np.where(table["event"] == 1, np.where(table["id"] % 3 == 0, 2, 1), 0)
    ends = 5 + (table["id"] * 37) % 90
    table["cause"] = np.where(ends < table["time"], 0, cause)
    table["time"] = np.minimum(table["time"], ends)
    table["weeks"] = np.ceil(table["time"] / 7)
    return table


def close(found: Any, wanted: Any, tolerance: float) -> None:
    wanted = np.asarray(wanted, dtype=float)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_the_data_are_those_of_the_script(people: pd.DataFrame) -> None:
    assert hashlib.sha256(TABLE.read_bytes()).hexdigest() == VALUES["data_sha256"][0]
    assert len(people) == VALUES["n"][0]


@pytest.mark.parametrize(("clock", "which"), [("time", "plain"), ("weeks", "tied")])
@pytest.mark.parametrize(("end", "name"), [(1, "left"), (2, "better")])
def test_models_of_each_end(people: pd.DataFrame, clock: str, which: str, end: int, name: str) -> None:
    wanted = VALUES[which][name]
    columns = [(people[c] - people[c].mean()) / people[c].std() for c in ("score", "distress")]
    x = np.column_stack([*columns, (people["sex"] == "man").astype(float)])
    time, cause = people[clock].to_numpy(float), people["cause"].to_numpy(np.int64)
    assert int((cause == end).sum()) == wanted["events"][0]
    whole = fine_gray(x, time, cause, end)
    close(whole.coefficients, wanted["fine_gray"], SAME_LIKELIHOOD)
    close(whole.se, wanted["fine_gray_se"], SAME_LIKELIHOOD)
    close(whole.log_likelihood, wanted["loglik"][0], SAME_LIKELIHOOD)
    specific = cox(x, time, cause == end)
    close(specific.coefficients, wanted["specific"], SAME_LIKELIHOOD)
    close(specific.se, wanted["specific_se"], SAME_LIKELIHOOD)


@pytest.mark.parametrize(("clock", "which"), [("time", "incidence"), ("weeks", "incidence_tied")])
def test_cumulative_incidence(people: pd.DataFrame, clock: str, which: str) -> None:
    wanted = VALUES[which]
    time, cause = people[clock].to_numpy(float), people["cause"].to_numpy(np.int64)
    found = cumulative_incidence(time, cause, {1: "left", 2: "better"})
    for name in ("left", "better"):
        mine = found[found["end"] == name].reset_index(drop=True)
        at = np.searchsorted(mine["time"], wanted["at"], side="right") - 1
        close(mine["incidence"].iloc[at], wanted[name], CLOSED)
        close(mine["incidence"].iloc[at], wanted[f"cuminc_{name}"], CLOSED)
        close(mine["se"].iloc[at], wanted[f"{name}_se"], CLOSED)


PAUSES = HERE / "data" / "recurrent.csv"
AGAIN: dict[str, Any] = json.loads((HERE / "values" / "recurrent.json").read_text(encoding="utf-8"))
TERMS = ["alliance", "distress", "woman"]


def test_the_pauses_are_those_that_r_read() -> None:
    assert hashlib.md5(PAUSES.read_bytes()).hexdigest() == AGAIN["md5"]


@pytest.mark.parametrize(
    ("case", "unit"), [("person", "participant"), ("clinic", "clinic"), ("untied", "participant")]
)
def test_events_that_happen_again_are_those_of_coxph(case: str, unit: str) -> None:
    table, wanted = pd.read_csv(PAUSES), AGAIN[case]
    shift = 0.001 * ((pd.Categorical(table["participant"]).codes + 1) % 97) / 97 if case == "untied" else 0.0
    codes = pd.factorize(table[unit])[0]
    units = Clusters(codes, int(codes.max()) + 1)
    x = table[TERMS].to_numpy(dtype=float)
    entry, time = (table[name].to_numpy(dtype=float) + shift for name in ("start", "stop"))
    event = table["event"].to_numpy() == 1
    fit, plain = counting_process(x, entry, time, event, units)
    assert (len(table), int(event.sum())) == (wanted["n"], wanted["events"])
    for found, name in ((fit.coefficients, "coefficients"), (fit.se, "left_out"), (plain, "plain")):
        np.testing.assert_allclose(found, wanted[name], rtol=SAME_LIKELIHOOD)
    assert fit.log_likelihood == pytest.approx(wanted["loglik"], rel=SAME_LIKELIHOOD)
    assert fit.df_resid == units.count - 1


def test_the_public_function_tells_the_same_for_one_standard_deviation() -> None:
    table, wanted = pd.read_csv(PAUSES), AGAIN["person"]
    made = recurrent_events(
        table,
        start="start",
        stop="stop",
        event="event",
        predictors=["alliance"],
        adjust_for=["distress", "woman"],
        numbers=["woman"],
    )
    sd = table.groupby("participant")["alliance"].first().std()
    unit = np.array([sd, 1.0, 1.0])
    rows = made.effects
    np.testing.assert_allclose(rows["coefficient"], wanted["coefficients"] * unit, rtol=SAME_LIKELIHOOD)
    np.testing.assert_allclose(rows["se"], wanted["left_out"] * unit, rtol=SAME_LIKELIHOOD)
    np.testing.assert_allclose(rows["se_plain"], wanted["plain"] * unit, rtol=SAME_LIKELIHOOD)
    assert rows["events"].iloc[0] == wanted["events"]


WEEKS = HERE / "data" / "joint.csv"
SHARED = json.loads((HERE / "values" / "joint.json").read_text(encoding="utf-8"))


def test_weeks_are_those_that_r_read() -> None:
    assert hashlib.md5(WEEKS.read_bytes(), usedforsecurity=False).hexdigest() == SHARED["meta"]["data_md5"][0]


def courses_of(table: pd.DataFrame, use: str, left: str | None) -> Courses:
    weeks = table.pivot_table(index="participant", columns="week", values=use).sort_index()
    people = table.groupby("participant").agg(
        alliance=("alliance", "first"),
        distress=("distress", "first"),
        left=("left", "last"),
        n=("week", "size"),
    )
    x = people[["alliance", "distress"]]
    gone = np.where(people["left"] == 1, people["n"], 0)
    return Courses(
        counts=weeks.fillna(0.0).to_numpy(),
        watched=people["n"].to_numpy(),
        x=((x - x.mean()) / x.std()).to_numpy(),
        left=None if left is None else gone,
    )


@pytest.mark.parametrize(
    ("name", "use", "left", "place"),
    [("hidden", "events", None, 0), ("hidden", "days", None, 3), ("seen", "days", "left", 0)],
)
def test_the_joint_likelihood_is_that_of_r(name: str, use: str, left: str | None, place: int) -> None:
    """R: Simpson's rule, `dpois`, every week of leaving; here: places of each person's own."""
    table = pd.read_csv(WEEKS)
    courses = courses_of(table if left is None else table[table["after"] == 0], use, left)
    likelihood = Likelihood(courses)
    for k, point in enumerate(np.array(SHARED["points"]).reshape(3, 10)):
        own = Likelihood(courses, likelihood.places(point))
        wanted = SHARED[name]["at"][place + k]
        assert own.by_person(point, slopes=False)[0].sum() == pytest.approx(wanted, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "use", "left"), [("hidden", "events", None), ("seen", "days", "left"), ("alone", "days", None)]
)
def test_use_and_leaving_in_one_model_agree_with_r(name: str, use: str, left: str | None) -> None:
    """R: `optim` and `optimHess` on its own likelihood; here: exact scores and Newton steps."""
    table, wanted = pd.read_csv(WEEKS), SHARED[name]
    made = joint_model(
        table if left is None else table[table["after"] == 0],
        use=use,
        predictors=["alliance", "distress"],
        left=left,
    )
    theta, se = np.array(wanted["theta"]), np.array(wanted["se"])
    assert made.n_people == wanted["n"][0]
    assert made.design["log_likelihood"] == pytest.approx(wanted["loglik"][0], abs=JOINT)
    rows, places = made.effects, [2, 3, 6, 7]
    assert rows["part"].tolist() == ["use", "use", "leaving", "leaving"]
    np.testing.assert_allclose(rows["coefficient"], theta[places], atol=JOINT)
    np.testing.assert_allclose(rows["se_model"], se[places], rtol=1e-3)
    if name == "alone":
        assert made.shared.isna().all(axis=None)
        return
    tie = made.shared.iloc[0]
    assert tie["association"] == pytest.approx(theta[8], abs=JOINT)
    assert np.log(tie["spread"]) == pytest.approx(theta[9], abs=JOINT)
