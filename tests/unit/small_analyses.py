"""Analyses of small tables, each with one keyword to vary, for relations that must hold exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.simulation.population import load_population
from instrument.definition import Instrument
from instrument.errors import ToolkitError
from tests.unit.test_options_take_effect import (
    EIGHT,
    NINE,
    NORTH,
    TWO,
    fit,
    gaps,
    read,
)
from tests.unit.test_usage_summary import STUDY

ROOT = Path(__file__).resolve().parents[1]
PILOT = load_population("dta_example").study
COMPLETE = gaps()[EIGHT].dropna()
R = COMPLETE.corr()
near = pytest.approx


@cache
def complete() -> pd.DataFrame:
    return read("likert", 200)[EIGHT]


def theirs(frame: Any) -> np.ndarray:
    return np.asarray(frame, dtype=float)


def alike(one: Any, other: Any, tolerance: float = 1e-8) -> bool:
    return bool(np.allclose(theirs(one), theirs(other), rtol=0, atol=tolerance, equal_nan=True))


def chisq(n: int) -> float:
    return float(analysis.bartlett_sphericity(R, correlation="given", n_obs=n).chisq)


@cache
def latent() -> pd.DataFrame:
    return analysis.polychoric(complete()).correlations


GIVEN: dict[str, Any] = {"correlation": "given", "n_obs": 200}


def spearman(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rank().corr()


def retained(**options: Any) -> Any:
    return analysis.factor_retention(complete(), **{"correlation": "pearson", "draws": 10, **options})


def factors(**options: Any) -> Any:
    return analysis.efa(options.pop("items", complete()), 2, **{"random_starts": 1, **options})


def reliability(**options: Any) -> Any:
    return analysis.omega(options.pop("items", complete()), 2, **{"draws": 0, **options})


def one_factor(**options: Any) -> Any:
    return analysis.congeneric_omega(options.pop("items", complete()), **{"draws": 0, **options})


def ordinal(**options: Any) -> Any:
    return analysis.cfa("f =~ q1 + q2 + q3 + q4", read("likert", 300), ordered=NORTH, **options)


def three(**options: Any) -> Any:
    return analysis.cfa(
        "f =~ x4 + x5 + x6", options.pop("data", read("continuous")), **{"estimator": "ML", **options}
    )


def standard_errors(found: Any) -> np.ndarray:
    return np.asarray(found.parameters["se"], dtype=float)


def weighted() -> pd.DataFrame:
    table = read("continuous")
    return table.assign(w=np.where(table.index < 100, 2.0, 1.0), c=table.index // 3)


def holes() -> pd.DataFrame:
    return read("continuous_missing")


def fair(**options: Any) -> Any:
    return analysis.dif(read("likert")[EIGHT], read("likert")["site"], **{"matching": "total", **options})


LOADINGS = pd.DataFrame(TWO, index=list("abcd"), columns=["f", "g"])
THEMES = {"f": ["a", "b"], "g": ["c", "d"]}


def shared(**options: Any) -> Any:
    return analysis.extracted_variance(LOADINGS.sum(axis=1), THEMES, **options).to_frame()


GUESS = [{"id": "h", "text": "They go together.", "measure": "correlation q1, q2", "expected": ">= 0.2"}]


def guessed(**options: Any) -> Any:
    return analysis.check_hypotheses(GUESS, options.pop("data", complete()), **options).table.iloc[0]


def ratings(*names: str) -> pd.DataFrame:
    wide = complete()[["q1", "q2", "q3"]].rename_axis(names[0]).reset_index()
    return wide.melt(names[0], var_name=names[1], value_name=names[2])


def scale() -> Instrument:
    items = [{"id": item, "text": item} for item in NORTH]
    made = {
        "schema": 1,
        "id": "x",
        "version": "1",
        "title": "X",
        "themes": [{"id": "t", "title": "T", "items": items}],
    }
    options = {"response_scales": {"s": {"options": {k: str(k) for k in range(0, 8)}}}}
    return Instrument.model_validate(made | options)


def answers() -> pd.DataFrame:
    table = read("likert", 60)[NORTH].astype("Int64")
    table.loc[5, :] = 3
    table.insert(0, "participant", [f"p{k}" for k in range(60)])
    table.insert(1, "wave", 1)
    return table


def seconds(n: float) -> pd.DataFrame:
    table = answers()[["participant", "wave"]].assign(seconds=60.0)
    table.loc[[3, 5], "seconds"] = n
    return table


def used(**options: Any) -> Any:
    rows = [("p", 1.0, "login", 5.0, 0.99), ("p", 2.0, "session", 5.0, 2.0), ("q", 3.0, "session", 5.0, 3.0)]
    log = pd.DataFrame(rows, columns=["participant", "day", "kind", "duration", "received_day"])
    return analysis.summarise_usage(log, STUDY, **options)


def doses(n: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    severity, site = rng.normal(size=n), rng.integers(0, 3, n)
    use = rng.gamma(4, 2, n).round(1) + severity
    better = 0.2 * use + 0.8 * severity + 0.5 * (site == 1) + rng.normal(size=n)
    return pd.DataFrame({"use": use, "better": better, "severity": severity, "site": site})


@cache
def dosed(**options: Any) -> Any:
    given = {"dose": "use", "outcome": "better", "draws": 50, "knots": 3}
    return analysis.dose_response(doses(), **(given | options))


@cache
def again(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for person in range(n):
        score, day = rng.normal(), 0.0
        for _ in range(3):
            stop = day + rng.exponential(10) + 0.5
            rows.append(
                (
                    f"p{person}",
                    day,
                    stop,
                    float(rng.random() < 0.8),
                    score,
                    rng.normal(),
                    person % 8,
                    person % 3,
                )
            )
            day = stop
    columns = ["participant", "from", "to", "back", "score", "severity", "clinic", "site"]
    return pd.DataFrame(rows, columns=columns)


def repeated(table: pd.DataFrame | None = None, **options: Any) -> Any:
    given = {"start": "from", "stop": "to", "event": "back", "predictors": ["score"]}
    return analysis.recurrent_events(again() if table is None else table, **(given | options)).to_frame()


def silent_weeks() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    rows = []
    for person in range(120):
        score, severity, own = rng.normal(size=3)
        gone = rng.integers(1, 12)
        rate = np.exp(0.3 + 0.2 * score + 0.7 * own)
        for week in range(1, 8):
            used = rng.poisson(rate) if week <= gone else 0
            left = float(week == gone)
            rows.append(
                (person, week, used, rng.poisson(1.0), left, gone, score, severity, person % 12, person % 3)
            )
    columns = ["participant", "week", "days", "taps", "left", "gone", "score", "severity", "clinic", "site"]
    return pd.DataFrame(rows, columns=columns)


def joined(table: pd.DataFrame | None = None, **options: Any) -> Any:
    given = {"use": "days", "predictors": ["score"]}
    found = analysis.joint_model(silent_weeks() if table is None else table, **(given | options)).to_frame()
    return found[found["term"] == "score"].select_dtypes("number")


def weeks() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n, rows, use, alliance = 150, [], np.zeros(150), np.zeros(150)
    for time in (1, 2, 3):
        use = 0.4 * use + 0.4 * alliance + rng.normal(size=n)
        alliance = 0.4 * use + rng.normal(size=n)
        after = 0.3 * alliance + 0.5 * use + rng.normal(size=n)
        part = {"participant": np.arange(n), "time": time, "use": use, "alliance": alliance, "after": after}
        rows.append(pd.DataFrame(part | {"site": np.arange(n) % 3, "clinic": np.arange(n) % 30}))
    return pd.concat(rows, ignore_index=True)


def followed(table: pd.DataFrame | None = None, **options: Any) -> Any:
    given = {"exposure": "alliance", "outcome": "after", "varying": ["use"], "draws": 20}
    table = weeks() if table is None else table
    return analysis.g_formula(table, **(given | options)).to_frame().select_dtypes("number")


def weighed(table: pd.DataFrame | None = None, **options: Any) -> Any:
    given = {"exposure": "alliance", "outcome": "after", "varying": ["use"]}
    return analysis.marginal_structural(weeks() if table is None else table, **(given | options))


def audited(**options: Any) -> Any:
    return analysis.relate_features(
        analysis.audit_agreement(read("audit")), options.pop("people", read("audit_people")), **options
    )


def rotated(**options: Any) -> Any:
    model = 'efa("e")*f + efa("e")*g =~ x1 + x2 + x3 + x4 + x5 + x6'
    return analysis.cfa(model, read("continuous"), estimator="ML", **options)


def boxed(**options: Any) -> Any:
    """One variable that goes with two better than these with each other: its error comes out negative."""
    rng = np.random.default_rng(2)
    r = np.array([[1, 0.8, 0.8], [0.8, 1, 0.5], [0.8, 0.5, 1]])
    table = pd.DataFrame(rng.multivariate_normal(np.zeros(3), r, 200), columns=["a", "b", "c"])
    return analysis.cfa("f =~ a + b + c", table, estimator="ML", **options)


def regressed(**options: Any) -> Any:
    return analysis.sem("x1 ~ x2 + x3", read("continuous"), estimator="ML", **options)


def compared(method: str) -> pd.DataFrame:
    models = {"more": fit(NINE + "\nx1 ~~ x4", estimator="ML"), "less": fit(NINE, estimator="ML")}
    return analysis.compare_models(models, method=method).table


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ToolkitError) as refused:
        call()
    return str(refused.value)


def widths(table: pd.DataFrame) -> float:
    return float((table["ci_upper"] - table["ci_lower"]).sum())


def grown(**options: Any) -> Any:
    model = "i =~ 1*x4 + 1*x5 + 1*x6\ns =~ 0*x4 + 1*x5 + 2*x6"
    return analysis.growth(model, options.pop("data", read("continuous")), **options)


def added(**options: Any) -> Any:
    given = {"baseline": ["x4"], "draws": 20} | options
    return analysis.incremental_validity(read("continuous"), "x1", ["x2"], **given)


def equal(**options: Any) -> Any:
    return analysis.invariance("f =~ x4 + x5 + x6", read("continuous"), "grp", ordered=False, **options)


def sparse() -> pd.DataFrame:
    cells = {(0, 0): 20, (0, 1): 10, (1, 0): 8, (1, 1): 40, (2, 1): 12}
    return pd.DataFrame([pair for pair, n in cells.items() for _ in range(n)], columns=["a", "b"])


def apart(**options: Any) -> Any:
    model = f"{NINE}\ntextual ~ visual\nspeed ~ textual"
    return analysis.sam(model, read("continuous"), **{"estimator": "ML", **options})


def allowed(op: str, **options: Any) -> pd.Series:
    """Power to see what is left out of a model with a regression and a mean structure, by kind."""
    model = f"{NINE}\ntextual ~ visual\nspeed ~ textual\nx1 ~ 4*1"
    fitted = analysis.sem(model, read("continuous"), estimator="ML", meanstructure=True)
    table = analysis.misspecifications(fitted, **options).to_frame()
    return table.loc[table["op"] == op, "power"]


@cache
def planned(**options: Any) -> pd.Series:
    given = {"n": (80,), "replications": 40, "target": 0.01}
    return analysis.plan_power(PILOT, **(given | options)).table.iloc[0]


def told() -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    analysis.plan_power(
        PILOT, n=(60,), replications=20, target=0.01, progress=lambda *call: calls.append(call)
    )
    return calls
