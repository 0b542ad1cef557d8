"""Keywords of public functions against relations that must hold exactly: sizes, powers of ten, "
"other programs' rules."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.simulation.population import load_population
from analysis.usage.reading import LogReading
from instrument.definition import Instrument
from instrument.errors import ToolkitError
from tests.unit.test_options_take_effect import (
    EIGHT,
    LARGER,
    LEVELS,
    NINE,
    NORTH,
    SEEDS,
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


HOLDS: dict[str, Callable[[], bool]] = {
    # one keyword each: a relation that holds only where it takes effect
    "bartlett_sphericity n_obs": lambda: (
        chisq(200) / chisq(100) == near((199 - 21 / 6) / (99 - 21 / 6), rel=1e-12)
    ),
    "bartlett_sphericity correlation": lambda: (
        analysis.bartlett_sphericity(complete(), correlation="polychoric").chisq
        == near(analysis.bartlett_sphericity(latent(), **GIVEN).chisq, rel=1e-9)
    ),
    "bartlett_sphericity missing": lambda: (
        analysis.bartlett_sphericity(gaps()[EIGHT], missing="pairwise").n_obs > len(COMPLETE)
        and analysis.bartlett_sphericity(gaps()[EIGHT]).n_obs == len(COMPLETE)
    ),
    "kmo correlation": lambda: (
        analysis.kmo(complete(), correlation="polychoric").overall
        == near(analysis.kmo(latent(), **GIVEN).overall)
        != near(analysis.kmo(complete()).overall)
    ),
    "kmo missing": lambda: (
        analysis.kmo(gaps()[EIGHT], missing="pairwise").overall
        == near(analysis.kmo(gaps()[EIGHT].corr(), **GIVEN).overall)
        != near(analysis.kmo(gaps()[EIGHT]).overall)
    ),
    "kmo n_obs": lambda: analysis.kmo(R, correlation="given", n_obs=77).n_obs == 77,
    "efa n_obs": lambda: (
        factors(items=R, correlation="given", n_obs=100).fit["chisq"]
        * (199 - (2 * 8 + 5) / 6 - 4 / 3)
        / (99 - (2 * 8 + 5) / 6 - 4 / 3)
        == near(factors(items=R, **GIVEN).fit["chisq"], rel=1e-6)
    ),
    "efa correlation": lambda: alike(factors(correlation="polychoric").correlations, latent()),
    "efa missing": lambda: (
        factors(items=gaps()[EIGHT]).n_obs == len(COMPLETE)
        and alike(factors(items=gaps()[EIGHT], missing="pairwise").correlations, gaps()[EIGHT].corr())
    ),
    "efa extraction": lambda: (
        factors(extraction="ml").fit["chisq"] != near(factors().fit["chisq"], abs=1e-6)
        and factors(extraction="ml").fit["chisq"] <= factors().fit["chisq"]  # what it makes smallest
    ),
    "efa rotation": lambda: (
        alike(factors(rotation="varimax").factor_correlations, np.eye(2))
        and not alike(factors().factor_correlations, np.eye(2), 0.01)
        and alike(factors(rotation="varimax").communalities, factors().communalities, 1e-6)
    ),
    "efa random_starts": lambda: factors(random_starts=7).rotation_starts == 8,
    "efa seed": lambda: factors(seed=5).seed == 5,
    "congeneric_omega missing": lambda: (
        one_factor(items=gaps()[EIGHT]).estimate == near(one_factor(items=COMPLETE).estimate, abs=1e-12)
        and one_factor(items=gaps()[EIGHT], missing="pairwise").estimate
        != near(one_factor(items=COMPLETE).estimate, abs=1e-6)
    ),
    "congeneric_omega extraction": lambda: (
        one_factor(extraction="minres").estimate != near(one_factor().estimate, abs=1e-6)
    ),
    "congeneric_omega draws": lambda: one_factor().ci is None and one_factor(draws=20).ci is not None,
    "omega correlation": lambda: (
        reliability(correlation="polychoric").alpha
        == near(reliability(items=latent(), **GIVEN).alpha, abs=1e-8)
        != near(reliability().alpha, abs=1e-6)
    ),
    "omega missing": lambda: (
        reliability(items=gaps()[EIGHT]).total == near(reliability(items=COMPLETE).total, abs=1e-10)
        and reliability(items=gaps()[EIGHT], missing="pairwise").total
        == near(reliability(items=gaps()[EIGHT].corr(), **GIVEN).total, abs=1e-8)
    ),
    "omega extraction": lambda: reliability(extraction="ml").total != near(reliability().total, abs=1e-6),
    "omega n_obs": lambda: reliability(items=R, correlation="given", n_obs=77).n_obs == 77,
    "omega draws": lambda: reliability().total_ci is None and reliability(draws=20).total_ci is not None,
    "omega interval": lambda: (
        not alike(reliability(draws=30).total_ci, reliability(draws=30, interval="percentile").total_ci)
    ),
    "cronbach_alpha interval": lambda: (
        not alike(
            analysis.cronbach_alpha(COMPLETE).ci,
            analysis.cronbach_alpha(COMPLETE, interval="bootstrap", draws=60).ci,
            1e-4,
        )
    ),
    "cronbach_alpha draws": lambda: (
        not alike(
            analysis.cronbach_alpha(COMPLETE, interval="bootstrap", draws=60).ci,
            analysis.cronbach_alpha(COMPLETE, interval="bootstrap", draws=120).ci,
        )
    ),
    "lower_bounds standardized": lambda: (
        analysis.lower_bounds(COMPLETE[NORTH], standardized=True).table.loc["lambda3", "estimate"]
        == near(4 / 3 * (1 - 4 / theirs(COMPLETE[NORTH].corr()).sum()), rel=1e-12)
    ),
    "factor_retention correlation": lambda: (
        retained(correlation="polychoric").eigenvalues["observed"].tolist()
        == near(np.linalg.eigvalsh(latent())[::-1].tolist(), abs=1e-9)
    ),
    "factor_retention missing": lambda: (
        analysis.factor_retention(gaps()[EIGHT], correlation="pearson", missing="pairwise", draws=10)
        .eigenvalues["observed"]
        .tolist()
        == near(np.linalg.eigvalsh(gaps()[EIGHT].corr())[::-1].tolist(), abs=1e-9)
    ),
    "factor_retention draws": lambda: (
        not alike(retained(draws=10).eigenvalues, retained(draws=19).eigenvalues)
    ),
    "polychoric missing": lambda: (
        analysis.polychoric(gaps()[NORTH], missing="listwise").n_obs
        == len(gaps()[NORTH].dropna())
        < analysis.polychoric(gaps()[NORTH]).pair_n.to_numpy().max()
    ),
    "mixed_correlations missing": lambda: (
        alike(
            analysis.mixed_correlations(gaps()[NORTH], ordered=[], missing="listwise").correlations,
            gaps()[NORTH].dropna().corr(),
        )
        and analysis.mixed_correlations(gaps()[NORTH], ordered=[]).pair_n.loc["q1", "q3"]
        == len(gaps()[["q1", "q3"]].dropna())
    ),
    "mixed_correlations ordered": lambda: (
        not alike(
            analysis.mixed_correlations(COMPLETE[NORTH], ordered=NORTH).correlations,
            COMPLETE[NORTH].corr(),
            1e-3,
        )
    ),
    "cfa estimator": lambda: (
        # robust errors around the same estimates
        alike(
            fit(NINE, estimator="MLR").parameters["est"].iloc[:21],
            fit(NINE, estimator="ML").parameters["est"].iloc[:21],
            1e-4,
        )
        and "chisq_scaled" in fit(NINE, estimator="MLR").fit
        and "chisq_scaled" not in fit(NINE, estimator="ML").fit
    ),
    "cfa ordered": lambda: (
        ordinal().parameters["op"].eq("|").sum() == 16 and three().parameters["op"].eq("|").sum() == 0
    ),
    "cfa missing": lambda: (
        three(data=holes(), missing="fiml").n_obs
        > three(data=holes(), missing="listwise").n_obs
        == len(holes()[["x4", "x5", "x6"]].dropna())
    ),
    "cfa group": lambda: (
        list(three(group="grp").groups) != []
        and len(three(group="grp").groups) == read("continuous")["grp"].nunique()
    ),
    "cfa parameterization": lambda: (
        # theta holds residual variances at 1 where delta holds the totals there
        alike(ordinal(parameterization="theta").fit["chisq"], ordinal().fit["chisq"], 1e-3)
        and alike(
            ordinal(parameterization="theta").parameters.query("op == '~~' and lhs != 'f'")["est"], np.ones(4)
        )
        and not alike(ordinal().parameters.query("op == '~~' and lhs != 'f'")["est"], np.ones(4), 0.1)
    ),
    "cfa cluster": lambda: (
        len(three(data=weighted(), cluster="c", estimator="MLR").parameters)
        == 11  # both levels
        != len(three(data=weighted(), estimator="MLR").parameters)
    ),
    "cfa sampling_weights": lambda: (
        not alike(
            three(data=weighted(), sampling_weights="w", estimator="MLR").parameters["est"],
            three(data=weighted(), estimator="MLR").parameters["est"],
            1e-3,
        )
    ),
    "dif adjust": lambda: (
        (fair(adjust="none").table["p_adjusted_total"] <= fair().table["p_adjusted_total"]).all()
        and (fair(adjust="bh").table["p_adjusted_total"] <= fair().table["p_adjusted_total"] + 1e-12).all()
        and not alike(fair().table["p_adjusted_total"], fair(adjust="none").table["p_adjusted_total"])
    ),
    "dif rule": lambda: fair(rule="zumbo").rule == "zumbo" != fair().rule,
    "dif anchors": lambda: fair(anchors=["q1", "q2"]).anchors == ["q1", "q2"],
    "dif matching": lambda: not alike(fair().logliks, fair(matching="theta").logliks, 1e-3),
    "extracted_variance error_variances": lambda: (
        # sum of squared loadings over that sum and the errors: .98 / (.98 + .2 + .2)
        shared(error_variances=pd.Series(0.2, index=list("abcd")))["ave"].iloc[0] == near(0.98 / 1.38)
        and shared()["ave"].iloc[0] == near(0.49)
    ),
    "check_hypotheses correlation": lambda: (
        guessed(correlation="spearman")["estimate"] == near(spearman(complete()).loc["q1", "q2"], abs=1e-12)
        and guessed()["estimate"] == near(complete().corr().loc["q1", "q2"], abs=1e-12)
    ),
    "check_hypotheses confidence": lambda: (
        guessed(confidence=0.5)["ci_upper"] - guessed(confidence=0.5)["ci_lower"]
        < guessed()["ci_upper"] - guessed()["ci_lower"]
    ),
    "check_hypotheses values": lambda: (
        analysis.check_hypotheses([GUESS[0] | {"measure": "other"}], values={"h": 0.25})
        .table["estimate"]
        .item()
        == 0.25
    ),
    "icc targets": lambda: (
        analysis.icc(ratings("who", "judge", "mark"), targets="who", raters="judge", ratings="mark")
        .to_frame()
        .equals(analysis.icc(ratings("participant", "wave", "score")).to_frame())
    ),
    "item_statistics scale": lambda: (
        analysis.item_statistics(answers()[NORTH], scale()).bounds.to_numpy().tolist() == [[0, 7]] * 4
    ),
    "item_statistics bounds": lambda: (
        analysis.item_statistics(complete(), bounds=(0, 7)).table["floor_share"].eq(0).all()
        and analysis.item_statistics(complete(), bounds=(1, 5)).table["ceiling_share"].tolist()
        == near(complete().eq(5).mean().tolist())
    ),
    "known_groups expected": lambda: (
        analysis.known_groups(read("likert"), "q1", "group", expected=["b", "a"]).as_expected
        is not analysis.known_groups(read("likert"), "q1", "group", expected=["a", "b"]).as_expected
    ),
    "screen least_flags": lambda: (
        analysis.screen(answers(), scale(), least_flags=1).table["flagged"].sum()
        == (analysis.screen(answers(), scale()).table["n_flags"] >= 1).sum()
        > analysis.screen(answers(), scale(), least_flags=3).table["flagged"].sum()
    ),
    "screen times": lambda: (
        analysis.screen(answers(), scale(), times=seconds(1.0)).table["n_flags"].sum()
        == analysis.screen(answers(), scale(), times=seconds(60.0)).table["n_flags"].sum() + 2
    ),
    "simulate_study n": lambda: len(analysis.simulate_study("dta_example", n=13).enrolment) == 13,
    "summarise_usage skew_minutes": lambda: (
        (used().counts["skewed"], used(skew_minutes=20.0).counts["skewed"]) == (1, 0)
    ),
    "summarise_usage participants": lambda: (
        len(used(participants=pd.DataFrame({"participant": ["p", "q", "r"]})).people)
        == 3
        != len(used().people)
    ),
    "summarise_usage engine": lambda: used(engine="duckdb://").people.equals(used().people),
    "summarise_usage reading": lambda: (
        used(reading=LogReading(durations="h")).people["minutes_whole"].sum()
        == 60 * used().people["minutes_whole"].sum()
    ),
    "impute_items imputations": lambda: len(analysis.impute_items(gaps()[EIGHT], 3, sweeps=1)) == 3,
    "impute_items sweeps": lambda: (
        not analysis.impute_items(gaps()[EIGHT], 2, sweeps=1)[0].equals(
            analysis.impute_items(gaps()[EIGHT], 2, sweeps=2)[0]
        )
    ),
    "htmt correlation": lambda: (
        not alike(
            analysis.htmt(complete(), {"u": NORTH, "v": EIGHT[4:]}, draws=20, correlation="polychoric").htmt,
            analysis.htmt(complete(), {"u": NORTH, "v": EIGHT[4:]}, draws=20).htmt,
            1e-4,
        )
    ),
    "htmt missing": lambda: alike(
        analysis.htmt(gaps(), {"u": NORTH, "v": EIGHT[4:]}, draws=20, missing="listwise").htmt,
        analysis.htmt(COMPLETE, {"u": NORTH, "v": EIGHT[4:]}, draws=20).htmt,
    ),
    "dose_response adjust_for": lambda: (
        abs(dosed(adjust_for=("severity",)).curve.iloc[-1, 1] - dosed().curve.iloc[-1, 1]) > 1e-3
    ),
    "dose_response draws": lambda: (
        dosed(draws=60).design["draws"] == 60
        and not alike(
            dosed(draws=60).threshold.select_dtypes("number"), dosed().threshold.select_dtypes("number")
        )
    ),
    "recurrent_events adjust_for": lambda: (
        not alike(
            repeated(adjust_for=["severity"]).select_dtypes("number").iloc[:1],
            repeated().select_dtypes("number").iloc[:1],
            1e-6,
        )
    ),
    "joint_model adjust_for": lambda: not alike(joined(adjust_for=["severity"]), joined(), 1e-6),
    "joint_model left": lambda: (
        not alike(
            joined(silent_weeks().query("week <= gone"), left="left"),
            joined(silent_weeks().query("week <= gone")),
            1e-6,
        )
    ),
    "joint_model participant": lambda: alike(
        joined(silent_weeks().rename(columns={"participant": "who"}), participant="who"), joined()
    ),
    "joint_model time": lambda: alike(
        joined(silent_weeks().rename(columns={"week": "nth"}), time="nth"), joined()
    ),
    "joint_model numbers": lambda: (
        not alike(
            joined(adjust_for=["site"], numbers=["site"]),
            joined(silent_weeks().assign(site=lambda t: t["site"].astype(str)), adjust_for=["site"]),
            1e-6,
        )
    ),
    "joint_model cluster": lambda: not alike(joined(cluster="clinic"), joined(), 1e-6),
    "joint_model confidence": lambda: widths(joined(confidence=0.5)) < widths(joined()),
    "recurrent_events participant": lambda: repeated(
        again().rename(columns={"participant": "who"}), participant="who"
    ).equals(repeated()),
    "recurrent_events numbers": lambda: (
        not alike(
            repeated(adjust_for=["site"], numbers=["site"]).select_dtypes("number").iloc[:1],
            repeated(again().assign(site=again()["site"].astype(str)), adjust_for=["site"])
            .select_dtypes("number")
            .iloc[:1],
            1e-6,
        )
    ),
    "recurrent_events cluster": lambda: (
        not alike(
            repeated(cluster="clinic").select_dtypes("number").iloc[:1],
            repeated().select_dtypes("number").iloc[:1],
            1e-6,
        )
    ),
    "relate_features score": lambda: (
        audited(people=read("audit_people").rename(columns={"total": "mark"}), score="mark")
        .to_frame()
        .equals(audited().to_frame())
    ),
    "relate_features app": lambda: (
        audited(people=read("audit_people").rename(columns={"app": "product"}), app="product")
        .to_frame()
        .equals(audited().to_frame())
    ),
    "relate_features adjust_for": lambda: (
        not alike(
            audited(adjust_for=["age"]).to_frame().select_dtypes("number").iloc[0],
            audited().to_frame().select_dtypes("number").iloc[0],
            1e-6,
        )
    ),
    "misspecifications correlation_size": lambda: (
        not alike(
            analysis.misspecifications(fit(estimator="ML"), correlation_size=0.3).to_frame()["power"],
            analysis.misspecifications(fit(estimator="ML")).to_frame()["power"],
            1e-6,
        )
    ),
    "incremental_validity baseline": lambda: (
        added(baseline=["x5"]).r_squared_baseline
        == near(read("continuous")[["x1", "x5"]].corr().iloc[0, 1] ** 2)
    ),
    "bootstrap_model draws": lambda: (
        not alike(
            analysis.bootstrap_model(three(), draws=6).table["se"],
            analysis.bootstrap_model(three(), draws=9).table["se"],
        )
    ),
    "cfa rotation": lambda: (
        not alike(
            rotated(rotation="geomin").parameters["est"], rotated(rotation="oblimin").parameters["est"], 1e-3
        )
    ),
    "cfa bounds": lambda: (
        (
            boxed(bounds="pos.var").parameters.query("op == '~~' and lhs == rhs and lhs != 'f'")["est"]
            >= -1e-9
        ).all()
        and (boxed().parameters.query("op == '~~' and lhs == rhs and lhs != 'f'")["est"] < -1e-3).any()
    ),
    "cfa fixed_x": lambda: (
        regressed(fixed_x=False).n_parameters
        == regressed().n_parameters + 3  # two variances and their covariance
    ),
    "check_hypotheses judged_by": lambda: (
        str(guessed(judged_by="interval", data=complete().head(12))["status"])
        != str(guessed(data=complete().head(12))["status"])
    ),
    "check_hypotheses data": lambda: (
        guessed(data=complete().head(50))["estimate"] == near(complete().head(50).corr().loc["q1", "q2"])
    ),
    "compare_models method": lambda: (
        # the usual difference is that of the two statistics, the scaled one is not
        compared("standard")["chisq_diff"].iloc[1] == near(compared("standard")["chisq"].diff().iloc[1])
        and compared("standard").equals(compared("auto"))
        and "does not suit ML" in refusal(lambda: compared("satorra_2000"))
    ),
    "dif purify": lambda: len(fair(purify=None).anchors) == 8 and fair(purify=None).rounds <= fair().rounds,
    "dif max_rounds": lambda: fair(alpha=0.9, max_rounds=1).rounds <= 1 < fair(alpha=0.9).rounds,
    "dose_response knots": lambda: len(dosed(knots=5).design["knots"]) == 5 != len(dosed().design["knots"]),
    "dose_response confidence": lambda: widths(dosed(confidence=0.8).curve) < widths(dosed().curve),
    "dose_response seed": lambda: dosed(seed=3).design["critical"] != dosed().design["critical"],
    "dose_response numbers": lambda: (
        len(
            analysis.dose_response(
                doses().assign(site=doses()["site"].astype(str)),
                dose="use",
                outcome="better",
                draws=50,
                adjust_for=["site"],
                knots=3,
            ).tests
        )
        == len(dosed(adjust_for=("site",), numbers=("site",)).tests)
        and not alike(
            dosed(adjust_for=("site",), numbers=("site",)).curve["estimate"],
            analysis.dose_response(
                doses().assign(site=doses()["site"].astype(str)),
                dose="use",
                outcome="better",
                draws=50,
                adjust_for=["site"],
                knots=3,
            ).curve["estimate"],
            1e-6,
        )
    ),
    "efa engine": lambda: alike(
        factors(engine="factor_analyzer").communalities, factors().communalities, 0.02
    ),
    "extracted_variance factor_correlations": lambda: (
        analysis.extracted_variance(
            LOADINGS.sum(axis=1),
            THEMES,
            factor_correlations=pd.DataFrame([[1, 0.6], [0.6, 1]], index=["f", "g"], columns=["f", "g"]),
        )
        .to_frame()
        .size
        > shared().size
    ),
    "factor_retention n_obs": lambda: (
        not alike(
            analysis.factor_retention(R, correlation="given", n_obs=100, draws=10).eigenvalues,
            analysis.factor_retention(R, correlation="given", n_obs=1000, draws=10).eigenvalues,
            1e-3,
        )
    ),
    "growth group": lambda: len(grown(group="grp").groups) == 2 and len(grown().groups) <= 1,
    "growth orthogonal": lambda: grown(orthogonal=True).fit["df"] == grown().fit["df"] + 1,
    "growth group_equal": lambda: (
        grown(group="grp", group_equal=("means",)).fit["df"] == grown(group="grp").fit["df"] + 2
    ),
    "growth group_partial": lambda: (
        grown(group="grp", group_equal=("means",), group_partial=("i ~ 1",)).fit["df"]
        == grown(group="grp").fit["df"] + 1
    ),
    "growth estimator": lambda: (
        "chisq_scaled" in grown(estimator="MLR").fit and "chisq_scaled" not in grown().fit
    ),
    "growth sampling_weights": lambda: (
        not alike(
            grown(data=weighted(), sampling_weights="w", estimator="MLR").parameters["est"],
            grown(data=weighted(), estimator="MLR").parameters["est"],
            1e-3,
        )
    ),
    "growth missing": lambda: (
        grown(data=holes(), missing="fiml").n_obs > grown(data=holes(), missing="listwise").n_obs
    ),
    "growth cluster": lambda: (
        not alike(
            standard_errors(grown(data=weighted(), cluster="c", estimator="MLR")),
            standard_errors(grown(data=weighted(), estimator="MLR")),
            1e-4,
        )
    ),
    "icc raters": lambda: (
        not analysis.icc(ratings("who", "judge", "mark"), targets="judge", raters="who", ratings="mark")
        .to_frame()
        .equals(analysis.icc(ratings("participant", "wave", "score")).to_frame())
    ),
    "icc ratings": lambda: (
        analysis.icc(ratings("participant", "wave", "mark").assign(score=1.0), ratings="mark")
        .to_frame()
        .equals(analysis.icc(ratings("participant", "wave", "score")).to_frame())
    ),
    "incremental_validity seed": lambda: added(seed=2).ci_lower != added().ci_lower,
    "incremental_validity draws": lambda: added(draws=40).ci_lower != added().ci_lower,
    "incremental_validity adjust_for": lambda: (
        added(adjust_for=["x6"]).r_squared_baseline > added().r_squared_baseline
    ),
    "invariance ordered": lambda: (
        "thresholds"
        in analysis.invariance("f =~ q1 + q2 + q3 + q4", read("likert"), "group").table["level"].tolist()
        and "thresholds"
        not in analysis.invariance("f =~ q1 + q2 + q3 + q4", read("likert"), "group", ordered=False)
        .table["level"]
        .tolist()
    ),
    "invariance estimator": lambda: (
        "chisq_scaled" in next(iter(equal(estimator="MLR").fits.values())).fit
        and "chisq_scaled" not in next(iter(equal(estimator="ML").fits.values())).fit
    ),
    "polychoric zero_add": lambda: (
        not alike(
            analysis.polychoric(sparse(), correct=0.5).correlations,
            analysis.polychoric(sparse()).correlations,
            1e-4,
        )
    ),
    "recurrent_events confidence": lambda: (
        widths(repeated(confidence=0.5).query("ci_lower == ci_lower"))
        < widths(repeated().query("ci_lower == ci_lower"))
    ),
    "g_formula participant": lambda: alike(
        followed(weeks().rename(columns={"participant": "who"}), participant="who"), followed()
    ),
    "g_formula time": lambda: alike(
        followed(weeks().rename(columns={"time": "week"}), time="week"), followed()
    ),
    "g_formula baseline": lambda: (
        not alike(followed(baseline=["site"], numbers=["site"]), followed(), 1e-6)
        and not alike(followed(baseline=["site"]), followed(baseline=["site"], numbers=["site"]), 1e-6)
    ),
    "g_formula cluster": lambda: not alike(followed(cluster="clinic"), followed(), 1e-6),
    "g_formula confidence": lambda: widths(followed(confidence=0.5)) < widths(followed()),
    "g_formula draws": lambda: not alike(followed(draws=30), followed(), 1e-6),
    "g_formula seed": lambda: not alike(followed(seed=2), followed(), 1e-6),
    "marginal_structural participant": lambda: alike(
        weighed(weeks().rename(columns={"participant": "who"}), participant="who")
        .to_frame()
        .select_dtypes("number"),
        weighed().to_frame().select_dtypes("number"),
    ),
    "marginal_structural time": lambda: alike(
        weighed(weeks().rename(columns={"time": "week"}), time="week").to_frame().select_dtypes("number"),
        weighed().to_frame().select_dtypes("number"),
    ),
    "marginal_structural baseline": lambda: (
        not alike(
            weighed(baseline=["site"], numbers=["site"]).to_frame().select_dtypes("number"),
            weighed().to_frame().select_dtypes("number"),
            1e-6,
        )
    ),
    "marginal_structural cluster": lambda: (
        not alike(
            weighed(cluster="clinic").to_frame().select_dtypes("number"),
            weighed().to_frame().select_dtypes("number"),
            1e-6,
        )
    ),
    "marginal_structural truncate": lambda: (
        not alike(
            weighed(truncate=0.05).to_frame().select_dtypes("number"),
            weighed().to_frame().select_dtypes("number"),
            1e-6,
        )
    ),
    "marginal_structural confidence": lambda: (
        widths(weighed(confidence=0.5).to_frame()) < widths(weighed().to_frame())
    ),
    "sam method": lambda: (
        not alike(apart(method="global").parameters["est"], apart().parameters["est"], 1e-6)
    ),
    "sam estimator": lambda: (
        analysis.sam(
            "f =~ q1 + q2 + q3\ng =~ q4 + q5 + q6\ng ~ f",
            read("likert", 300),
            ordered=EIGHT[:6],
            estimator="WLSMV",
        ).estimator
        == "WLSMV"
        != apart().estimator
    ),
    "misspecifications regression_size": lambda: (
        not alike(allowed("~", regression_size=0.4), allowed("~"), 1e-6)
    ),
    "misspecifications intercept_size": lambda: (
        not alike(allowed("~1", intercept_size=0.6), allowed("~1"), 1e-6)
    ),
    "plan_power answered": lambda: planned(answered=0.9)["analysed"] > planned()["analysed"],
    "plan_power left": lambda: planned(left=0.4)["mean_se"] > 1.1 * planned()["mean_se"],
    "plan_power n": lambda: planned(n=(120,))["analysed"] > 1.4 * planned()["analysed"],
    "plan_power odds_ratio": lambda: (
        planned(odds_ratio=2.5)["mean_estimate"] > planned()["mean_estimate"] + 0.2
    ),
    "plan_power reliability": lambda: planned(reliability=0.4)["mean_estimate"] < planned()["mean_estimate"],
    "plan_power spread": lambda: planned(spread=0.9)["mean_se"] > 1.2 * planned()["mean_se"],
    "plan_power replications": lambda: planned(replications=41)["replications"] == 41,
    "plan_power progress": lambda: told() and told()[-1][1] == told()[-1][2],
    "sam group": lambda: len(apart(group="grp").parameters) > len(apart().parameters),
}


@pytest.mark.parametrize("name", list(HOLDS))
@pytest.mark.filterwarnings("ignore")
def test_a_keyword_takes_effect_by_a_relation(name: str) -> None:
    assert HOLDS[name]()


ELSEWHERE = {
    # what these do is shown by tests of the function itself: where, and which keywords
    "audit_agreement": {"unit/test_audit.py": "principles"},
    "cfa": {"reference/test_lavaan07_models_values.py": "auxiliary rotation_args"},
    "compare_theories": {"pipeline/test_reviewer_sections.py": "estimator missing"},
    "composite_or_effect": {"unit/test_tetrads.py": "ordered"},
    "congeneric_omega": {"unit/test_smoothing.py": "smooth"},
    "context_over_time": {
        "unit/test_context_over_time.py": "context measured_by participant wave estimator missing",
        "pipeline/test_longitudinal_section.py": "waves",
    },
    "cross_level_invariance": {
        "unit/test_multilevel_reliability.py": "levels",
        "unit/test_answers_door.py": "estimator missing",
    },
    "dif_moderation": {"unit/test_dif.py": "matching purify anchors max_rounds adjust alpha rule"},
    "dynamic_cutoffs": {"unit/test_structural_dynamic.py": "replications seed workers"},
    "efa": {"unit/test_smoothing.py": "smooth"},
    "factor_retention": {"unit/test_smoothing.py": "smooth comparison_samples"},
    "graded_response": {
        "unit/test_graded_response.py": "max_iter",
        "unit/test_options_never_used.py": "options",
    },
    "htmt": {"pipeline/test_validity_section.py": "draws"},
    "intraclass_correlations": {
        "unit/test_every_field.py": "missing",
        "unit/test_two_level_ordinal.py": "ordered",
    },
    "invariance": {"unit/test_every_field.py": "missing"},
    "kmo": {"unit/test_smoothing.py": "smooth"},
    "landmark_scan": {
        "unit/test_landmark_scan.py": "times days participants predictor confidence engine reading",
        "pipeline/test_use_course_section.py": "covariates outcomes seed",
    },
    "latent_adherence": {
        "unit/test_every_field.py": "cluster adjust_for confidence targets wave covariates outcomes",
        "pipeline/test_adherence_measured.py": "scored",
    },
    "longitudinal_invariance": {
        "reference/test_invariance_over_time_values.py": "levels waves participant ordered wave",
        "unit/test_every_field.py": "missing",
        "pipeline/test_kept_by_the_plan.py": "estimator",
    },
    "g_formula": {
        "unit/test_g_formula.py": "times lags products shift at_least set_to",
        "unit/test_keywords_take_effect.py": "numbers",
    },
    "marginal_structural": {
        "unit/test_marginal_structural.py": "times lags leaving history",
        "pipeline/test_adherence_measured.py": "numbers",
    },
    "mediate_adherence": {
        "unit/test_mediation.py": "context outcome_day alliance context_wave wave draws covariates "
        "outcomes seed",
        "unit/test_every_field.py": "cluster confidence",
    },
    "multilevel_reliability": {"unit/test_every_field.py": "missing"},
    "omega": {"unit/test_smoothing.py": "smooth", "unit/test_reliability_omega.py": "rotation"},
    "panel_model": {
        "unit/test_panel_models.py": "times waves participant measured_by scale estimator wave equal kind "
        "group group_equal",
        "unit/test_every_field.py": "missing",
    },
    "plan_table": {
        "unit/test_plan_table.py": "correlations reliability answered left followed done spread days "
        "overdispersion disengaged habit before_alliance enrolment_days read_day alpha target seed scheduler "
        "workers progress replications"
    },
    "plan_power": {
        "unit/test_power_planning.py": "read_day alpha target cluster_alliance cluster_size workers "
        "before_alliance "
        "cluster_use earlier_odds_ratio done enrolment_days hidden_cause seed scheduler",
    },
    "polychoric": {"unit/test_correlation_input.py": "smooth"},
    "polyserial": {"unit/test_every_field.py": "missing"},
    "priority_map": {
        "unit/test_priority_map.py": "confidence wave draws covariates outcomes seed",
        "unit/test_every_field.py": "cluster",
    },
    "relate_adherence": {
        "unit/test_every_field.py": "context cluster adjust_for confidence predictors wave covariates "
        "outcomes seed",
        "unit/test_late_answers.py": "times",
    },
    "relate_waves": {
        "unit/test_every_field.py": "cluster adjust_for confidence predictors participants covariates "
        "outcomes",
        "unit/test_adherence_waves.py": "engine",
    },
    "sam": {
        "reference/test_sam_values.py": "blocks group_equal meanstructure missing",
        "unit/test_sam.py": "ordered cluster sampling_weights",
    },
    "sem": {
        "reference/test_lavaan07_models_values.py": "missing bounds auxiliary group_equal rotation_args "
        "estimator "
        "rotation fixed_x group meanstructure",
        "unit/test_every_field.py": "orthogonal cluster parameterization ordered",
        "unit/test_structural_bad_input.py": "std_lv group_partial",
        "unit/test_keywords_take_effect.py": "sampling_weights",
    },
    "validate": {
        "pipeline/test_plan_entries.py": "half study correlation times plan covariates outcomes topics "
        "measures smooth "
        "seed",
        "pipeline/test_figures_all.py": "enrolment audit usage",
        "pipeline/test_two_processes.py": "workers",
        "unit/test_wave_order.py": "waves",
        "pipeline/test_content_section.py": "content",
        "pipeline/test_pipeline_tree.py": "progress",
        "pipeline/test_reproduced_numbers.py": "analysed",
        "unit/test_study_as_one_object.py": "use_over_time scale",
    },
}
NOT_SHOWN = {
    "validate": {"use_by_wave"},
}
"""Keywords whose effect no test of Python shows; a shorter list is better, a longer one fails."""
INEXACT = {"reliable_change level": "confidence", "misspecifications loading": "loading_size"}


def test_every_optional_keyword_is_shown_somewhere() -> None:
    shown = {(name.split()[0], "confidence") for name in LEVELS} | {
        (name.split()[0], "seed") for name in SEEDS
    }
    for name in (*LARGER, *HOLDS):
        function, option = name.split()[:2]
        shown.add((function, INEXACT.get(name, option)))
    for function, places in ELSEWHERE.items():
        for file, options in places.items():
            text = (ROOT / file).read_text(encoding="utf-8")
            assert f"{function}(" in text, (function, file)
            for option in options.split():
                assert f"{option}=" in text or f'"{option}":' in text, (function, option, file)
                shown.add((function, option))
    left: dict[str, set[str]] = {}
    for name in analysis.__all__:
        function = getattr(analysis, name)
        if inspect.isfunction(function):
            options = inspect.signature(function).parameters.values()
            optional = {option.name for option in options if option.default is not option.empty}
            if unseen := {option for option in optional if (name, option) not in shown}:
                left[name] = unseen
    assert left == NOT_SHOWN


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"std_lv": True},
        {"orthogonal": True},
        {"meanstructure": True},
        {"missing": "fiml"},
        {"sampling_weights": "weight"},
        {"cluster": "clinic"},
        {"bounds": "pos.var"},
        {"group": "half", "group_equal": "loadings", "group_partial": "visual=~x2"},
        {"estimator": "MLR"},
    ],
)
def test_sem_takes_the_options_of_cfa(options: dict[str, Any]) -> None:
    data = read("continuous")
    k = np.arange(len(data))
    data = data.assign(weight=1.0 + k % 3, clinic=k % 30, half=k % 2)
    given = {"estimator": "ML", **options}
    one, other = (function(NINE, data, **given) for function in (analysis.cfa, analysis.sem))
    assert one.fit["chisq"] == near(other.fit["chisq"], rel=1e-9) and one.n_parameters == other.n_parameters
    assert alike(one.parameters["est"], other.parameters["est"])
