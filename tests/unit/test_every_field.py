"""Every field of the results of public functions is the one that was written down, on the project's own tables."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.design.windows import use_by_window
from analysis.common.result import Result
from analysis.simulation.simulated_study import SimulatedStudy
from instrument.study import as_study
from tests.ledger import of_result, unlike_ledger
from tests.recovery.held_populations import Held, base_study, recovering
from tests.recovery.held_recovery import batch

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
LEDGERS = Path(__file__).parent / "values"
NORTH, EIGHT = [f"q{k}" for k in range(1, 5)], [f"q{k}" for k in range(1, 9)]
SOUTH, TWELVE = EIGHT[4:], [f"q{k}" for k in range(1, 13)]
NINE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
TWO = "north =~ q1 + q2 + q3 + q4\nsouth =~ q5 + q6 + q7 + q8"
ONE = "north =~ q1 + q2 + q3 + q4"
GENERAL = "g =~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9\n" + NINE
CURVE = "i =~ 1*a1_1 + 1*a1_2 + 1*a1_3 + 1*a1_4; s =~ 0*a1_1 + 1*a1_2 + 2*a1_3 + 3*a1_4"
PATHS = f"{NINE}\nspeed ~ c*visual + b*textual\ntextual ~ a*visual\nab := a*b\ntotal := c + a*b"
DTA = instrument.load("dta")
NUMBER = re.compile(r"[-+−]?(?:\d+(?:[.,]\d+)*|(?<![\w.])[.]\d+)%?")


@cache
def read(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv", dtype={"version": str})


@cache
def nine(**options: Any) -> Any:
    return analysis.cfa(NINE, read("continuous"), **options)


@cache
def two() -> Any:
    return analysis.cfa(TWO, read("likert"), ordered=True)


@cache
def study() -> SimulatedStudy:
    return analysis.simulate_study("dta_example", n=220, seed=4)


@cache
def usage() -> Any:
    return analysis.summarise_usage(study().usage, study().study, participants=study().enrolment)


@cache
def scores() -> Any:
    return instrument.score(study().responses, DTA)


def sides() -> dict[str, Any]:
    return {"study": study().study, "outcomes": study().outcomes, "covariates": study().covariates}


def with_clinics() -> dict[str, Any]:
    people = study().covariates
    return {**sides(), "covariates": people.assign(clinic=[f"clinic {k % 20}" for k in range(len(people))])}


def moderate(model: str, data: str, **options: Any) -> dict[str, Any]:
    """A fit with everything that is computed from it."""
    fit = analysis.cfa(model, read(data), **options)
    return {
        "fit": fit,
        "standardized": fit.standardized(),
        "latent": fit.standardized("lv"),
        "modification": fit.modification_indices(),
        "misfits": fit.misfits(),
        **{kind: fit.residuals(kind) for kind in ("raw", "correlation", "z")},
        "implied": fit.implied(),
        "latent_covariance": fit.latent_covariance(),
        "errors": np.sqrt(np.diag(fit.vcov())),
        "scores": fit.factor_scores(),
    }


def in_clusters() -> Any:
    """People of twenty clinics; three in four stay to the end."""
    rng, n = np.random.default_rng(3), 160
    score = rng.standard_normal(n)
    stops = np.minimum(rng.exponential(80, n) + 10, 84)
    days = [np.sort(rng.random(rng.poisson(s * 0.3) + 1) * s) for s in stops]
    people = [f"p{k:03d}" for k in range(n)]
    log = pd.DataFrame(
        {"participant": np.repeat(people, [len(d) for d in days]), "day": np.concatenate(days)}
    )
    log = log.assign(kind="session_completed", duration=9.0)
    ids, plan = pd.DataFrame({"participant": people}), base_study(cluster=None)
    found = analysis.summarise_usage(log, plan, participants=ids)
    side = ids.assign(clinic=np.arange(n) % 20 + 1, age=rng.integers(20, 60, n))
    return analysis.relate_adherence(
        ids.assign(wave="1", total=score), found, plan, covariates=side, cluster="clinic"
    )


def of_ends() -> Any:
    """People some of whom get better and leave for it."""
    held = Held(draw=recovering(True), n=300, study={"ends_well": ["recovered"]})
    drawn, found, plan = batch(held, np.random.SeedSequence(8), 1)
    table = pd.DataFrame({"participant": found.people["participant"], "wave": "1", "total": drawn.score})
    return analysis.relate_adherence(table, found, plan, predictors=["total"])


def two_raters() -> pd.DataFrame:
    return (
        read("likert_missing")[["q1", "q2", "q3"]]
        .rename_axis("participant")
        .reset_index()
        .melt("participant", var_name="wave", value_name="score")
    )


def panel() -> Any:
    names = {n: [f"{n}{k}" for k in range(1, 5)] for n in "ad"}
    return analysis.panel_model(read("panel_two_variables"), names, kind="CLPM")


def audit() -> Any:
    return analysis.audit_agreement(read("audit"))


CALLS: dict[str, Callable[[], Any]] = {
    "summarise_usage": usage,
    "score": scores,
    "score_rescaled": lambda: instrument.score(study().responses, DTA, rescale="0-100", prorate_at=0.8),
    "use_by_window": lambda: use_by_window(
        study().usage, as_study(study().study), participants=study().enrolment
    ),
    "relate_adherence": lambda: analysis.relate_adherence(
        scores(), usage(), context=DTA.themes[-1].id, **sides()
    ),
    "relate_adherence_plain": lambda: analysis.relate_adherence(
        scores(), usage(), study().study, predictors=["total"], adjust_for=[], confidence=0.9
    ),
    "relate_adherence_clusters": in_clusters,
    "relate_adherence_ends": of_ends,
    "relate_waves": lambda: analysis.relate_waves(
        scores(), study().usage, participants=study().enrolment, predictors=["total"], **sides()
    ),
    "priority_map": lambda: analysis.priority_map(study().responses, DTA, usage(), draws=30, **sides()),
    "priority_map_clusters": lambda: analysis.priority_map(
        study().responses, DTA, usage(), draws=30, cluster="clinic", **with_clinics()
    ),
    "relate_waves_clusters": lambda: analysis.relate_waves(
        scores(),
        study().usage,
        participants=study().enrolment,
        predictors=["total"],
        cluster="clinic",
        **with_clinics(),
    ),
    "mediate_adherence": lambda: analysis.mediate_adherence(
        study().responses, DTA, usage(), draws=60, **sides()
    ),
    "latent_adherence": lambda: analysis.latent_adherence(
        study().responses, DTA, usage(), targets=["total"], **sides()
    ),
    "cronbach_alpha": lambda: analysis.cronbach_alpha(read("likert_missing")[NORTH]),
    "cronbach_alpha_pairwise": lambda: analysis.cronbach_alpha(
        read("likert_missing")[NORTH], missing="pairwise", confidence=0.9
    ),
    "congeneric_omega": lambda: analysis.congeneric_omega(read("likert_missing")[NORTH], draws=20),
    "omega": lambda: analysis.omega(read("likert")[TWELVE], 3, draws=20),
    "lower_bounds": lambda: analysis.lower_bounds(read("likert_missing")[EIGHT]),
    "item_statistics": lambda: analysis.item_statistics(read("likert_missing")[EIGHT], bounds=(1, 5)),
    "kmo": lambda: analysis.kmo(read("likert_missing")[EIGHT]),
    "bartlett_sphericity": lambda: analysis.bartlett_sphericity(read("likert_missing")[EIGHT]),
    "efa": lambda: analysis.efa(read("likert_missing")[EIGHT], 2),
    "efa_ml": lambda: analysis.efa(
        read("likert")[EIGHT], 2, extraction="ml", rotation="promax", correlation="polychoric"
    ),
    "factor_retention": lambda: analysis.factor_retention(
        read("likert")[EIGHT], draws=10, correlation="pearson"
    ),
    "polychoric": lambda: analysis.polychoric(read("likert_missing")[NORTH]),
    "polyserial": lambda: analysis.polyserial(read("mixed")[["q1", "q2"]], read("mixed")[["y1", "y2"]]),
    "mixed_correlations": lambda: analysis.mixed_correlations(
        read("mixed")[["q1m", "q2m", "y1m", "y2m"]], ["q1m", "q2m"]
    ),
    "htmt": lambda: analysis.htmt(read("likert_missing"), {"north": NORTH, "south": SOUTH}, draws=20),
    "icc": lambda: analysis.icc(two_raters()),
    "limits_of_agreement": lambda: analysis.limits_of_agreement(
        read("likert_missing")["q1"], read("likert_missing")["q2"], coverage=0.9, confidence=0.8
    ),
    "reliable_change": lambda: analysis.reliable_change(
        read("likert_missing")["q1"], read("likert_missing")["q2"], sem=0.5
    ),
    "graded_response": lambda: analysis.graded_response(read("likert_missing")[NORTH]),
    "dif": lambda: analysis.dif(read("likert")[EIGHT], read("likert")["group"]),
    "dif_totals": lambda: analysis.dif(
        read("likert")[EIGHT], read("likert")["site"], matching="total", rule="cosmin", adjust="bh"
    ),
    "dif_moderation": lambda: analysis.dif_moderation(read("likert")[EIGHT], np.arange(600.0) % 50),
    "known_groups": lambda: analysis.known_groups(read("likert"), "q1", "site"),
    "incremental_validity": lambda: analysis.incremental_validity(
        read("continuous"), "x1", ["x2", "x3"], baseline=["x4"], draws=50
    ),
    "extracted_variance": lambda: analysis.extracted_variance(
        pd.Series([0.7, 0.6, 0.5, 0.8], list("abcd")), {"u": list("ab"), "v": list("cd")}
    ),
    "screen": lambda: analysis.screen(study().responses, DTA),
    "audit_agreement": audit,
    "relate_features": lambda: analysis.relate_features(audit(), read("audit_people")),
    "impute_items": lambda: analysis.impute_items(read("likert_missing")[EIGHT], 2, sweeps=2),
    "pool_consistency": lambda: analysis.pool_consistency(
        [read("likert")[NORTH], read("likert")[NORTH].iloc[:500]]
    ),
    "pool_model": lambda: analysis.pool_model(ONE, [read("likert")[NORTH], read("likert")[NORTH].iloc[:550]]),
    "cfa_robust": lambda: moderate(NINE, "continuous", estimator="MLR"),
    "cfa_ordinal": lambda: moderate(TWO, "likert", ordered=True),
    "cfa_ordinal_theta": lambda: moderate(
        TWO, "likert", ordered=True, estimator="ULSMV", parameterization="theta", group="group"
    ),
    "cfa_groups": lambda: moderate(
        NINE, "continuous", estimator="ML", group="grp", group_equal=["loadings", "intercepts"]
    ),
    "cfa_groups_robust": lambda: moderate(
        NINE, "continuous", estimator="MLR", group="grp", group_equal=["loadings"]
    ),
    "cfa_missing": lambda: moderate(NINE, "continuous_missing", estimator="MLR", missing="fiml"),
    "equivalence": lambda: nine(estimator="MLR").equivalence(),
    "sem": lambda: analysis.sem(PATHS, read("continuous"), "ML"),
    "sam": lambda: analysis.sam(PATHS, read("continuous"), estimator="ML"),
    "misspecifications": lambda: analysis.misspecifications(nine(estimator="MLR")),
    "misspecifications_ordinal": lambda: analysis.misspecifications(two()),
    "bootstrap_model": lambda: analysis.bootstrap_model(nine(estimator="ML"), draws=20),
    "compare_models": lambda: analysis.compare_models(
        {
            "free": nine(estimator="MLR"),
            "apart": analysis.cfa(f"{NINE}\nvisual ~~ 0*speed", read("continuous"), "MLR"),
        }
    ),
    "compare_models_ordinal": lambda: analysis.compare_models(
        {"two": two(), "apart": analysis.cfa(f"{TWO}\nnorth ~~ 0*south", read("likert"), ordered=True)}
    ),
    "nested": lambda: analysis.nested(
        nine(estimator="MLR"), analysis.cfa(f"{NINE}\nvisual ~~ 0*speed", read("continuous"), "MLR")
    ),
    "invariance": lambda: analysis.invariance(NINE, read("continuous"), "grp", ordered=False).table,
    "invariance_ordinal": lambda: analysis.invariance(ONE, read("likert"), "group").table,
    "longitudinal_invariance": lambda: (
        analysis.longitudinal_invariance(ONE, read("context_over_time"), ordered=False).table
    ),
    "panel_model": panel,
    "growth": lambda: analysis.growth(CURVE, read("panel_latent")),
    "intraclass_correlations": lambda: analysis.intraclass_correlations(
        read("likert")[["q1", "q2", "q3"]].assign(team=np.arange(600) % 40), "team"
    ),
    "multilevel_reliability": lambda: analysis.multilevel_reliability(
        read("likert")[["q1", "q2", "q3"]].assign(team=np.arange(600) // 15), "team"
    ),
    "bifactor_strength": lambda: analysis.bifactor_strength(
        analysis.cfa(GENERAL, read("continuous"), "ML", orthogonal=True)
    ),
    "composite_or_effect": lambda: analysis.composite_or_effect(
        read("continuous")[[f"x{k}" for k in range(1, 6)]], ordered=False
    ),
    "content_validity_indices": lambda: instrument.content_validity_indices(
        pd.DataFrame({"q": [4, 4, 3, 4, 2, None], "r": [1, 2, 3, 4, 4, 4]})
    ),
    "content_validity_ratio": lambda: instrument.content_validity_ratio(
        pd.DataFrame({"q": [1, 1, 1, 1, 1, 0], "r": [1, 0, 0, 1, None, 1]})
    ),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_every_field_is_that_of_the_ledger(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = CALLS[name]()
        found = of_result(result)
        if isinstance(result, Result):
            found["said"] = NUMBER.findall(result.summary())
    assert unlike_ledger(LEDGERS / f"{name}.json", found) == []
