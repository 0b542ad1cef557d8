"""Ends of use that compete, against R's cmprsk and survival."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.competing import cumulative_incidence, fine_gray
from analysis.adherence.survival import cox

HERE = Path(__file__).parent
TABLE = HERE / "data" / "adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "competing.json").read_text(encoding="utf-8"))
# Newton's method on both sides of the same equations.
SAME_LIKELIHOOD = 1e-6
CLOSED = 1e-9
COMPARED = [
    ("Competing ends: Fine-Gray model with its covariance, cause-specific hazards", "cmprsk, survival", SAME_LIKELIHOOD),
    ("Competing ends: cumulative incidence with errors", "survival, cmprsk", CLOSED),
]  # fmt: skip


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
