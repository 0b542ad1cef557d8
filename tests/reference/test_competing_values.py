"""Ends of use that compete, and events that can happen again, against R's cmprsk and survival."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import recurrent_events
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.competing import cumulative_incidence, fine_gray
from analysis.adherence.models.survival import cox, maximum
from analysis.adherence.over_time.counting import counting_process, score_residuals

HERE = Path(__file__).parent
TABLE = HERE / "data" / "adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "competing.json").read_text(encoding="utf-8"))
# Newton's method on both sides of the same equations.
SAME_LIKELIHOOD = 1e-6
CLOSED = 1e-9
COMPARED = [
    (
        "Competing ends (Fine-Gray, cause-specific hazards) and events that recur (Andersen-Gill, errors by person)",
        "cmprsk, survival",
        SAME_LIKELIHOOD,
    ),
    ("Competing ends: cumulative incidence with errors", "survival, cmprsk", CLOSED),
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
    few = np.sqrt(units.count / (units.count - 1))  # which coxph leaves out
    for found, name in ((fit.coefficients, "coefficients"), (fit.se / few, "robust"), (plain, "plain")):
        np.testing.assert_allclose(found, wanted[name], rtol=SAME_LIKELIHOOD)
    assert fit.log_likelihood == pytest.approx(wanted["loglik"], rel=SAME_LIKELIHOOD)
    residuals = score_residuals(x, entry, time, event, *maximum(x, time, event, entry))
    np.testing.assert_allclose(residuals[:25, 0], wanted["residuals"], rtol=1e-5, atol=1e-7)
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
    people = table["participant"].nunique()
    few = np.sqrt(people / (people - 1))
    rows = made.effects
    np.testing.assert_allclose(rows["coefficient"], wanted["coefficients"] * unit, rtol=SAME_LIKELIHOOD)
    np.testing.assert_allclose(rows["se"], wanted["robust"] * unit * few, rtol=SAME_LIKELIHOOD)
    np.testing.assert_allclose(rows["se_plain"], wanted["plain"] * unit, rtol=SAME_LIKELIHOOD)
    assert rows["events"].iloc[0] == wanted["events"]
