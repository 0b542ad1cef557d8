"""Options of public functions do what their names say: intervals narrow, seeds move draws, rules reach the rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from instrument.errors import ToolkitError
from tests.unit.test_usage_summary import STUDY

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
NORTH, EIGHT = [f"q{k}" for k in range(1, 5)], [f"q{k}" for k in range(1, 9)]
NINE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
THREE = "textual =~ x4 + x5 + x6"


@cache
def read(name: str, n: int | None = None) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv", nrows=n)


def gaps() -> pd.DataFrame:
    return read("likert_missing", 200)


@cache
def fit(model: str = NINE, **options: Any) -> Any:
    return analysis.cfa(model, read("continuous"), **options)


def ratings() -> pd.DataFrame:
    wide = gaps()[["q1", "q2", "q3"]].rename_axis("participant").reset_index()
    return wide.melt("participant", var_name="wave", value_name="score")


def teams() -> pd.DataFrame:
    team = np.arange(200) // 10
    moved = read("likert", 200)[["q1", "q2", "q3"]] + np.random.default_rng(1).normal(size=20)[team][:, None]
    return moved.assign(team=team)


def limits(found: Any) -> np.ndarray:
    """Lower and upper ends of every interval of a result, as two rows."""
    if isinstance(found, tuple):
        return np.array(found, dtype=float)[:, None]
    frame = found if isinstance(found, pd.DataFrame) else found.to_frame()
    ends = [[c for c in frame if str(c).endswith(end)] for end in ("lower", "upper")]
    assert ends[0] and len(ends[0]) == len(ends[1])
    return np.array([frame[names].to_numpy(dtype=float).ravel() for names in ends])


LEVELS: dict[str, Callable[[float], Any]] = {
    "audit_agreement": lambda level: analysis.audit_agreement(read("audit"), confidence=level).table.head(1),
    "bifactor_strength": lambda level: analysis.bifactor_strength(
        fit("g =~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9\n" + NINE, estimator="ML", orthogonal=True),
        confidence=level,
    ),
    "bootstrap_model": lambda level: analysis.bootstrap_model(
        fit(THREE, estimator="ML"), draws=20, confidence=level
    ).table[lambda t: t["se"] > 0],
    "congeneric_omega": lambda level: analysis.congeneric_omega(gaps()[NORTH], draws=20, confidence=level),
    "cronbach_alpha": lambda level: analysis.cronbach_alpha(gaps()[NORTH], confidence=level),
    "cronbach_alpha drawn": lambda level: analysis.cronbach_alpha(
        gaps()[NORTH], confidence=level, interval="bootstrap", draws=100
    ),
    "cronbach_alpha normal": lambda level: tuple(
        analysis.cronbach_alpha(gaps()[NORTH], confidence=level).normal_ci
    ),
    "htmt": lambda level: analysis.htmt(gaps(), {"u": NORTH, "v": EIGHT[4:]}, draws=60, confidence=level),
    "icc": lambda level: analysis.icc(ratings(), confidence=level),
    "incremental_validity": lambda level: analysis.incremental_validity(
        read("continuous"), "x1", ["x2", "x3"], baseline=["x4"], draws=60, confidence=level
    ),
    "intraclass_correlations": lambda level: analysis.intraclass_correlations(
        teams(), "team", confidence=level
    ),
    "known_groups": lambda level: analysis.known_groups(read("likert"), "q1", "group", confidence=level),
    "limits_of_agreement": lambda level: analysis.limits_of_agreement(
        gaps()["q1"], gaps()["q2"], confidence=level
    ),
    "misspecifications": lambda level: analysis.misspecifications(fit(estimator="MLR"), confidence=level),
    "multilevel_reliability": lambda level: analysis.multilevel_reliability(
        teams(), "team", confidence=level
    ),
    "omega": lambda level: analysis.omega(read("likert", 150)[EIGHT], 2, draws=20, confidence=level),
    "pool_consistency": lambda level: analysis.pool_consistency(
        [read("likert")[NORTH], read("likert")[NORTH].iloc[:500]], confidence=level
    ),
    "pool_model": lambda level: analysis.pool_model(
        THREE, [read("continuous"), read("continuous").iloc[:280]], confidence=level, estimator="ML"
    ),
    "relate_features": lambda level: analysis.relate_features(
        analysis.audit_agreement(read("audit")), read("audit_people"), confidence=level
    ),
}


@pytest.mark.parametrize("name", list(LEVELS))
def test_an_interval_of_less_confidence_lies_within_one_of_more(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wide, narrow = limits(LEVELS[name](0.95)), limits(LEVELS[name](0.5))
    known = np.isfinite(wide).all(axis=0) & (wide[0] < wide[1]) & (np.abs(wide) < 1).any(axis=0)
    assert known.any()
    wide, narrow = wide[:, known], narrow[:, known]
    assert (narrow[1] - narrow[0] < wide[1] - wide[0]).all()
    assert (narrow[0] >= wide[0]).all() and (narrow[1] <= wide[1]).all()


@pytest.mark.parametrize("name", list(LEVELS))
@pytest.mark.filterwarnings("ignore")
def test_a_confidence_of_95_is_refused(name: str) -> None:
    with pytest.raises(ToolkitError, match="Hint: "):
        LEVELS[name](95)


SEEDS: dict[str, Callable[[int], Any]] = {
    "bootstrap_model": lambda seed: analysis.bootstrap_model(
        fit(THREE, estimator="ML"), draws=6, seed=seed
    ).table["se"],
    "congeneric_omega": lambda seed: analysis.congeneric_omega(gaps()[NORTH], draws=20, seed=seed).ci,
    "cronbach_alpha": lambda seed: (
        analysis.cronbach_alpha(gaps()[NORTH], interval="bootstrap", draws=30, seed=seed).ci
    ),
    "factor_retention": lambda seed: (
        analysis.factor_retention(
            read("likert", 150)[EIGHT], correlation="pearson", draws=10, seed=seed
        ).eigenvalues
    ),
    "htmt": lambda seed: analysis.htmt(gaps(), {"u": NORTH, "v": EIGHT[4:]}, draws=30, seed=seed).to_frame(),
    "impute_items": lambda seed: analysis.impute_items(gaps()[EIGHT], 2, sweeps=1, seed=seed)[0],
    "lower_bounds": lambda seed: (
        analysis.lower_bounds(read("likert", 150)[EIGHT], most_splits=10, seed=seed).splits
    ),
    "omega": lambda seed: analysis.omega(read("likert", 150)[EIGHT], 2, draws=20, seed=seed).total_ci,
    "simulate_study": lambda seed: analysis.simulate_study("dta_example", n=20, seed=seed).outcomes,
}


@pytest.mark.parametrize("name", list(SEEDS))
def test_a_seed_gives_the_same_draws_again_and_another_seed_others(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, again, other = (pd.DataFrame(SEEDS[name](seed)) for seed in (1, 1, 2))
    assert one.equals(again) and not one.equals(other)


def turned() -> pd.DataFrame:
    return read("likert", 150)[EIGHT].assign(q1=6 - read("likert", 150)["q1"])


def loading(**options: Any) -> float:
    """Loading of the first item: 1 where it gives the factor its unit."""
    return float(fit(THREE, estimator="ML", **options).parameters["est"].iloc[0])


TWO = [[0.7, 0.0], [0.7, 0.0], [0.0, 0.7], [0.0, 0.7]]


def regression_gap() -> float:
    """Variance of regression scores, less the covariance of scores and items by the items' weights."""
    found = fit(estimator="ML")
    scores = found.factor_scores()[["visual", "textual", "speed"]]
    prior, errors = found.latent_covariance()["all"], scores.cov(ddof=0)
    spread = found.factor_scores()[["visual_se"]].iloc[0, 0] ** 2
    return float(prior.loc["visual", "visual"] - spread - errors.loc["visual", "visual"])


@cache
def _measured(**options: Any) -> Any:
    return analysis.invariance(THREE, read("continuous"), "grp", ordered=False, **options)


def measured(**options: Any) -> Any:
    return _measured(**{key: tuple(value) for key, value in options.items()})


def unlike() -> dict[str, Any]:
    """Models of which none restricts the other: one covariance more, and two loadings held equal."""
    more = fit(NINE + "\nx1 ~~ x4", estimator="ML")
    equal = NINE.replace("x2 + x3", "a*x2 + a*x3") + "\nx2 ~~ x5"
    return {"more": more, "equal": fit(equal, estimator="ML")}


def pairs() -> pd.DataFrame:
    cells = {(0, 0): 20, (0, 1): 10, (1, 0): 8, (1, 1): 40, (2, 1): 12}  # nobody has 2 and 0
    rows = [pair for pair, n in cells.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["a", "b"])


def used(**options: Any) -> Any:
    kinds = ["login", "session", "session", "login", "login", "login", "session", "session", "session"]
    rows = [("p", float(day), kind, 5.0) for day, kind in enumerate(kinds)]
    log = pd.DataFrame(rows, columns=["participant", "day", "kind", "duration"])
    return analysis.summarise_usage(log, STUDY, **options)


def threshold(**options: Any) -> float:
    found = analysis.factor_retention(read("likert", 150)[EIGHT], correlation="pearson", draws=20, **options)
    return float(found.eigenvalues["permuted_percentile"].iloc[0])


LARGER: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    # name of the function and option: what is larger, what is smaller
    "cronbach_alpha missing": (
        lambda: analysis.cronbach_alpha(gaps()[NORTH], missing="pairwise").n_obs,
        lambda: analysis.cronbach_alpha(gaps()[NORTH]).n_obs,
    ),
    "lower_bounds missing": (
        lambda: analysis.lower_bounds(gaps()[NORTH], "pairwise").n_obs,
        lambda: analysis.lower_bounds(gaps()[NORTH]).n_obs,
    ),
    "lower_bounds most_splits": (
        lambda: len(analysis.lower_bounds(gaps()[EIGHT]).splits),
        lambda: len(analysis.lower_bounds(gaps()[EIGHT], most_splits=10).splits),
    ),
    "limits_of_agreement coverage": (
        lambda: analysis.limits_of_agreement(gaps()["q1"], gaps()["q2"], coverage=0.99).upper,
        lambda: analysis.limits_of_agreement(gaps()["q1"], gaps()["q2"]).upper,
    ),
    "reliable_change level": (
        lambda: analysis.reliable_change(gaps()["q1"], gaps()["q2"], sem=0.5, confidence=0.99).threshold,
        lambda: analysis.reliable_change(gaps()["q1"], gaps()["q2"], sem=0.5).threshold,
    ),
    "factor_retention percentile": (
        lambda: threshold(percentile=99.0),
        lambda: threshold(percentile=5.0),
    ),
    "omega flip": (
        lambda: analysis.omega(turned(), 2, draws=0, flip=True).total,
        lambda: analysis.omega(turned(), 2, draws=0).total,
    ),
    "congeneric_omega denominator": (
        lambda: abs(
            analysis.congeneric_omega(gaps()[EIGHT], draws=0, denominator="model").estimate
            - analysis.congeneric_omega(gaps()[EIGHT], draws=0).estimate
        ),
        lambda: 1e-4,
    ),
    "cfa std_lv": (lambda: loading(std_lv=False), lambda: loading(std_lv=True)),
    "cfa orthogonal": (
        lambda: fit(estimator="ML", orthogonal=True).fit["df"],
        lambda: fit(estimator="ML").fit["df"],
    ),
    "cfa meanstructure": (
        lambda: fit(estimator="ML", meanstructure=True).n_parameters,
        lambda: fit(estimator="ML").n_parameters,
    ),
    "cfa group_equal": (
        lambda: fit(estimator="ML", group="grp", group_equal=("loadings",)).fit["df"],
        lambda: fit(estimator="ML", group="grp").fit["df"],
    ),
    "cfa group_partial": (
        lambda: fit(estimator="ML", group="grp", group_equal=("loadings",)).fit["df"],
        lambda: fit(
            estimator="ML", group="grp", group_equal=("loadings",), group_partial=("visual =~ x2",)
        ).fit["df"],
    ),
    "misspecifications loading": (
        lambda: analysis.misspecifications(fit(estimator="ML"), loading_size=0.8).to_frame()["power"].mean(),
        lambda: analysis.misspecifications(fit(estimator="ML")).to_frame()["power"].mean(),
    ),
    "misfits high_power": (
        lambda: (
            fit(estimator="ML").misfits({"~~": 0.15}, high_power=0.99).table["decision"] == "cannot tell"
        ).sum(),
        lambda: (
            fit(estimator="ML").misfits({"~~": 0.15}, high_power=0.5).table["decision"] == "cannot tell"
        ).sum(),
    ),
    "misfits smallest": (
        lambda: fit(estimator="ML").misfits({"~~": 0.4}).table["equivalent"].sum(),
        lambda: fit(estimator="ML").misfits({"~~": 0.1}).table["equivalent"].sum(),
    ),
    "factor_scores method": (
        lambda: fit(estimator="ML").factor_scores("bartlett")["visual"].var(),
        lambda: fit(estimator="ML").factor_scores()["visual"].var(),
    ),
    "factor_scores regression": (
        lambda: 1e-9,  # what is expected of a factor by its items has their covariance with it as variance
        lambda: abs(regression_gap()),
    ),
    "residuals kind": (
        lambda: fit(estimator="ML").residuals("z")["all"].abs().max().max(),
        lambda: fit(estimator="ML").residuals()["all"].abs().max().max(),
    ),
    "standardized kind": (
        lambda: fit(THREE, estimator="ML").standardized()["est"].iloc[0],
        lambda: fit(THREE, estimator="ML").standardized("lv")["est"].iloc[0],  # x4 keeps its sd, below 1
    ),
    "invariance levels": (
        lambda: len(measured().table),
        lambda: len(measured(levels=["metric", "configural"]).table),
    ),
    "invariance levels in order": (
        lambda: measured(levels=["metric", "configural"]).table["df"].iloc[1],
        lambda: measured(levels=["metric", "configural"]).table["df"].iloc[0],
    ),
    "invariance partial": (
        lambda: measured().table["df"].iloc[2],
        lambda: measured(partial=["x5 ~ 1"]).table["df"].iloc[2],
    ),
    "compare_models assume_nested": (
        lambda: analysis.compare_models(unlike(), assume_nested=True).table["nested"].iloc[1],
        lambda: analysis.compare_models(unlike()).table["nested"].iloc[1],
    ),
    "polychoric correct": (
        lambda: abs(analysis.polychoric(pairs(), correct=0.0).correlations.iloc[0, 1]),
        lambda: abs(analysis.polychoric(pairs(), correct=0.5).correlations.iloc[0, 1]),
    ),
    "composite_reliability factor_correlations": (
        lambda: analysis.composite_reliability(TWO, [0.5] * 4, [[1, 0.6], [0.6, 1]]),
        lambda: analysis.composite_reliability(TWO, [0.5] * 4),
    ),
    "summarise_usage login_kind": (
        lambda: used(login_kind="session").people["logins_whole"].sum(),
        lambda: used().people["logins_whole"].sum(),
    ),
    "summarise_usage completed_kind": (
        lambda: used(completed_kind="session").people["completed_whole"].sum(),
        lambda: used(completed_kind="login").people["completed_whole"].sum(),
    ),
    "summarise_usage retention_days": (
        lambda: len(used().retention),
        lambda: len(used(retention_days=(3,)).retention),
    ),
    "dif alpha": (
        lambda: len(analysis.dif(read("likert")[EIGHT], read("likert")["site"], matching="total").anchors),
        lambda: len(
            analysis.dif(read("likert")[EIGHT], read("likert")["site"], matching="total", alpha=0.9).anchors
        ),
    ),
}


@pytest.mark.parametrize("name", list(LARGER))
def test_an_option_moves_the_result_the_way_it_says(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        large, small = (call() for call in LARGER[name])
    assert large > small
