"""Discrete time, moderation, curves, repeated ratings, pooling and zero-heavy counts against R."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.models.context import context_in_hazard, context_in_use
from analysis.adherence.models.counts import CountModels, count_effects, count_models
from analysis.adherence.models.discrete import DiscreteTime, discrete_time, still_using
from analysis.adherence.models.imputation import pool
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.models.shape import compare_shapes, knots_of

HERE = Path(__file__).parent
TABLE = HERE / "data" / "adherence.csv"
VALUES: dict[str, Any] = json.loads((HERE / "values" / "adherence_models.json").read_text(encoding="utf-8"))
# Both sides solve the same equations to their own stopping rule; 1e-6 is the project's limit.
SAME_LIKELIHOOD = 1e-6
# lmer's optimiser stops on the criterion, whose flat top leaves about 1e-6 in the ratio of variances.
FLAT_TOP = 1e-5
# Both informations of zero-heavy counts are second differences with steps of 0.001.
DIFFERENCES = 1e-4
CLOSED = 1e-12
COMPARED = [
    (
        "Use after the landmark: discrete time, context as moderator, curve",
        "R glm, survival, splines",
        SAME_LIKELIHOOD,
    ),
    ("Repeated waves: mixed model by REML", "lme4", FLAT_TOP),
    ("Multiple imputation: Rubin's rules, Barnard and Rubin's degrees of freedom", "mice", CLOSED),
    ("Zero-inflated and hurdle counts", "likelihoods maximised in R", DIFFERENCES),
]


def scaled(column: pd.Series) -> np.ndarray:
    return ((column - column.mean()) / column.std()).to_numpy(float)


def close(found: Any, wanted: Any, tolerance: float = SAME_LIKELIHOOD) -> None:
    wanted = np.asarray(wanted, dtype=float)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(np.atleast_1d(found), wanted, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(TABLE)


@pytest.fixture(scope="module")
def x(table: pd.DataFrame) -> np.ndarray:
    columns = [scaled(table["score"]), scaled(table["before"]), scaled(table["distress"])]
    return np.column_stack([*columns, (table["sex"] == "man").astype(float)])


@pytest.fixture(scope="module")
def watched(table: pd.DataFrame, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    here = table["time"].notna().to_numpy()
    return x[here], table["time"].to_numpy(float)[here], table["event"].to_numpy(bool)[here]


@pytest.fixture(scope="module")
def weekly(watched: tuple[np.ndarray, np.ndarray, np.ndarray]) -> DiscreteTime:
    return discrete_time(*watched)


@pytest.fixture(scope="module")
def counts(table: pd.DataFrame, x: np.ndarray) -> CountModels:
    return count_models(np.column_stack([np.ones(len(x)), x]), table["days"].to_numpy(float))


def test_the_values_belong_to_the_committed_table() -> None:
    assert VALUES["meta"]["md5"] == [hashlib.md5(TABLE.read_bytes()).hexdigest()]
    assert set(VALUES) == {"meta", "discrete", "context", "shape", "mixed", "pooling", "counts"}


def test_discrete_time(weekly: DiscreteTime, watched: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    wanted = VALUES["discrete"]
    close(weekly.fit.coefficients, wanted["coefficients"])
    close(weekly.fit.se, wanted["se"])
    close(weekly.fit.log_likelihood, wanted["loglik"], 1e-9)
    # two people were watched for less than a week and have no row
    assert [len(weekly.rows.person), weekly.fit.n] == [wanted["rows"][0], len(watched[0]) - 2]
    assert weekly.fit.n == len(np.unique(weekly.rows.person))
    value, low, high = still_using(weekly, watched[0], 0)
    close(value, wanted["still"])
    close((high - low) / 2 / stats.norm.ppf(0.975), wanted["still_se"])


def test_context_held_constant_and_as_moderator_of_use(table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["context"]
    done, due = table["done"].to_numpy(float), table["due"].to_numpy(float)
    rows = context_in_use(x[:, 0], x[:, 2], x[:, [1, 3]], done, due)
    found = {row["quantity"]: row for row in rows}
    df = len(table) - 5
    for name, b, se in zip(
        ("score, context held constant", "context, score held constant"),
        wanted["held"],
        wanted["held_se"],
        strict=True,
    ):
        _log_ratio(found[name], b, se, df)
    crossed = found["interaction"]
    _log_ratio(crossed, wanted["interaction"][0], wanted["interaction_se"][0], df - 1)
    close(crossed["pvalue"], wanted["interaction_p"])
    levels = [row for name, row in found.items() if name.startswith("score, context") and "mean" in name]
    for k, row in enumerate(levels):
        _log_ratio(row, wanted["level_log"][k], wanted["level_se"][k], df - 1)
        close(row["effect"], wanted["level_units"][k])
        half = (row["effect_upper"] - row["effect_lower"]) / 2
        close(half / stats.t.ppf(0.975, df - 1), wanted["level_units_se"][k])
    assert len(levels) == 3


def _log_ratio(row: dict[str, Any], estimate: float, se: float, df: float) -> None:
    close(np.log(row["ratio"]), estimate)
    half = (np.log(row["ci_upper"]) - np.log(row["ci_lower"])) / 2
    close(half / stats.t.ppf(0.975, df), se)


def test_context_as_moderator_of_the_hazard(watched: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    wanted = VALUES["context"]
    x, time, event = watched
    found = {row["quantity"]: row for row in context_in_hazard(x[:, 0], x[:, 2], x[:, [1, 3]], time, event)}
    # their errors: test_adherence_errors_values.py
    close(np.log(found["interaction"]["ratio"]), wanted["hazard"][2])
    close(np.log(found["score, context at its mean"]["ratio"]), wanted["hazard"][0])


def test_curve_against_straight_line(table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["shape"]
    done, due = table["done"].to_numpy(float), table["due"].to_numpy(float)
    score = table["score"].to_numpy(float)
    found = compare_shapes(score, x[:, 1:], done, due)
    close(found.knots, wanted["knots"], CLOSED)
    close(found.f, wanted["f"])
    assert [found.df1, found.df2] == [wanted["df1"][0], wanted["df2"][0]]
    close(found.pvalue, wanted["p"])
    close(knots_of(score), wanted["knots"], CLOSED)
    at = wanted["at"][0]
    fine = compare_shapes(score, x[:, 1:], done, due, points=2_001)
    nearest = int(np.abs(fine.at - at).argmin())
    # between neighbours 0.0012 apart the curve leaves its chord by less than the tolerance
    for name, value in zip(("fitted", "lower", "upper"), wanted["curve"], strict=True):
        close(
            np.interp(at, fine.at[nearest - 1 : nearest + 2], getattr(fine, name)[nearest - 1 : nearest + 2]),
            value,
        )


def test_random_intercept(table: pd.DataFrame, x: np.ndarray) -> None:
    wanted = VALUES["mixed"]
    kept = (table["id"] % 7 != 0).to_numpy()
    person = pd.factorize((table["id"] - 1) // 3)[0][kept]
    person = pd.factorize(person)[0].astype(np.int64)
    design = np.column_stack([np.ones(len(x)), x])[kept]
    found = random_intercept(design, table["days"].to_numpy(float)[kept], person)
    assert [found.n, found.n_people] == [wanted["n"][0], wanted["people"][0]]
    close(found.criterion, wanted["criterion"], 1e-9)
    close(found.coefficients, wanted["coefficients"], FLAT_TOP)
    close(found.se, wanted["se"], FLAT_TOP)
    close(found.residual, wanted["residual"], FLAT_TOP)
    close(found.between_people, wanted["between"], 1e-4)  # the ratio itself, at a top flat in it


@pytest.mark.parametrize(("size", "df"), [("small", 120.0), ("large", np.inf)])
def test_pooling(size: str, df: float) -> None:
    given, wanted = VALUES["pooling"], VALUES["pooling"][size]
    found = pool(np.array(given["estimates"]), np.array(given["variances"]), df)
    for own, theirs in (("estimate", "qbar"), ("within", "ubar"), ("between", "b"), ("total", "t")):
        close(getattr(found, own), wanted[theirs], CLOSED)
    # mice has no infinite degrees of freedom; 1e12 leave a relative difference of 1e-10
    close([found.df, found.missing_information], [wanted["df"][0], wanted["fmi"][0]], 1e-9)
    assert found.se == pytest.approx(np.sqrt(wanted["t"][0]))


@pytest.mark.parametrize(("model", "node"), [("zero-inflated", "zero_inflated"), ("hurdle", "hurdle")])
def test_zero_heavy_counts(model: str, node: str, counts: CountModels, x: np.ndarray) -> None:
    wanted = VALUES["counts"]
    fit = counts.rivals[model]
    assert fit.converged and fit.covariance is not None
    close(fit.theta, wanted[node], 1e-5)  # nlm stops on its own differences
    close(np.sqrt(np.diag(fit.covariance)), wanted[f"{node}_se"], DIFFERENCES)
    design = np.column_stack([np.ones(len(x)), x])
    ratio, effect = count_effects(fit, design, 1)
    log_ratio, ratio_se, value, value_se = wanted[f"{node}_effects"]
    close(ratio[:2], [log_ratio, ratio_se], DIFFERENCES)
    z = stats.norm.ppf(0.975)
    close([effect[0], (effect[2] - effect[1]) / 2 / z], [value, value_se], DIFFERENCES)
