"""Every public function, given any wrong kind of object, answers with one fact and one hint."""

from __future__ import annotations

import inspect
import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from instrument.errors import DefinitionError, ResponseDataError, ToolkitError

ITEMS = ["a1", "a2", "a3", "b1", "b2", "b3"]
SCALE = instrument.Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {"often": {"options": {code: str(code) for code in range(1, 6)}}},
        "themes": [
            {
                "id": name,
                "title": name,
                "role": role,
                "items": [{"id": f"{name}{k}", "text": "-"} for k in "123"],
            }
            for name, role in (("a", "dimension"), ("b", "context"))
        ],
    }
)
MODEL = "f =~ a1 + a2 + a3"
GROWTH = "i =~ 1*a1 + 1*a2 + 1*a3; s =~ 0*a1 + 1*a2 + 2*a3; i ~~ 0*s; s ~~ 0*s"


@cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    common = np.repeat(rng.normal(size=(60, 1)), 2, axis=0)
    codes = np.clip(np.round(3 + common + rng.normal(size=(120, 6))), 1, 5)
    people = [f"p{k // 2:02}" for k in range(120)]
    frame = pd.DataFrame({"participant": people, "wave": [1, 2] * 60})
    frame[ITEMS] = codes
    frame["site"] = np.repeat(["x", "y"], 60)
    return frame


@cache
def study() -> Any:
    return analysis.simulate_study("dta_example", n=30)


@cache
def fit() -> Any:
    return analysis.cfa(MODEL, table(), "ML")


@cache
def usage() -> Any:
    return analysis.summarise_usage(study().usage, study().study, participants=study().enrolment)


def audited() -> pd.DataFrame:
    names = instrument.load("psd_audit").item_ids
    rows = [(f"app{a}", r, p, "present") for a in range(6) for r in "xy" for p in names]
    return pd.DataFrame(rows, columns=["app", "rater", "principle", "rating"])


@cache
def good() -> dict[str, dict[str, Any]]:
    """What each function needs, all of it right."""
    data, items = table(), table()[ITEMS]
    responses, scale = study().responses, instrument.load("dta")
    chain: dict[str, Any] = {
        "responses": responses,
        "scale": scale,
        "usage": usage(),
        "study": study().study,
        "outcomes": study().outcomes,
        "covariates": study().covariates,
    }
    scored = {**chain, "scores": instrument.score(responses, scale)}
    del scored["responses"], scored["scale"]
    of_items = [
        "bartlett_sphericity",
        "composite_or_effect",
        "congeneric_omega",
        "cronbach_alpha",
        "factor_retention",
        "graded_response",
        "impute_items",
        "item_statistics",
        "kmo",
        "lower_bounds",
        "polychoric",
    ]
    of_result = ["bifactor_strength", "bootstrap_model", "dynamic_cutoffs", "misspecifications"]
    completed = [items, items]
    return {
        **{name: {"items": items} for name in of_items},
        **{name: {"result": fit()} for name in of_result},
        **{name: {"model": MODEL, "data": data} for name in ("cfa", "sem", "sam", "longitudinal_invariance")},
        "growth": {"model": GROWTH, "data": data},
        "efa": {"items": items, "n_factors": 1},
        "omega": {"items": items, "n_factors": 2},
        "dif": {"items": items, "group": data["site"]},
        "dif_moderation": {"items": items, "covariate": data["wave"]},
        "item_statistics": {"items": items, "scale": SCALE},
        "invariance": {"model": MODEL, "data": data, "group": "site"},
        "cross_level_invariance": {"model": MODEL, "data": data, "cluster": "participant"},
        "intraclass_correlations": {"items": data[[*ITEMS, "participant"]], "cluster": "participant"},
        "multilevel_reliability": {"items": data[[*ITEMS, "participant"]], "cluster": "participant"},
        "compare_models": {"models": {"one": fit(), "two": fit()}},
        "compare_theories": {"responses": data, "scale": SCALE},
        "context_over_time": {"responses": data, "scale": SCALE},
        "nested": {"general": fit(), "restricted": fit()},
        "panel_model": {"data": data, "variables": ["a1", "b1"]},
        "composite_reliability": {"loadings": [0.7, 0.7], "uniquenesses": [0.5, 0.5]},
        "extracted_variance": {"loadings": pd.Series({"a1": 0.7, "a2": 0.7}), "themes": {"a": ["a1", "a2"]}},
        "check_hypotheses": {
            "hypotheses": [{"id": "h", "measure": "correlation a1, a2", "expected": "> 0"}],
            "data": data,
        },
        "dose_response": {"data": data, "dose": "a1", "outcome": "a2"},
        "g_formula": {
            "data": data,
            "exposure": "a1",
            "outcome": "a2",
            "varying": ["b1"],
            "time": "wave",
            "draws": 20,
        },
        "marginal_structural": {
            "data": data,
            "exposure": "a1",
            "outcome": "a2",
            "varying": ["b1"],
            "time": "wave",
        },
        "htmt": {"data": items, "scale": {"a": ITEMS[:3], "b": ITEMS[3:]}},
        "icc": {"data": data, "ratings": "a1"},
        "incremental_validity": {"data": data, "outcome": "a1", "predictors": "b1"},
        "known_groups": {"data": data, "score": "a1", "group": "site"},
        "limits_of_agreement": {"first": data["a1"], "second": data["a2"]},
        "reliable_change": {"first": data["a1"], "second": data["a2"], "sem": 0.5},
        "standard_error_of_measurement": {"sd": 1.0, "reliability": 0.8},
        "mixed_correlations": {"data": items, "ordered": ITEMS[:2]},
        "polyserial": {"items": items[ITEMS[:3]], "continuous": items[ITEMS[3:]]},
        "pool_consistency": {"completed": completed},
        "pool_model": {"model": MODEL, "completed": completed},
        "audit_agreement": {"audit": audited()},
        "relate_features": {"audit": analysis.audit_agreement(audited()), "people": data},
        "summarise_usage": {"events": study().usage, "study": study().study},
        "latent_adherence": chain,
        "mediate_adherence": chain,
        "priority_map": chain,
        "relate_adherence": scored,
        "landmark_scan": {"scores": scored["scores"], "events": study().usage, "study": study().study},
        "joint_model": {"data": data, "use": "a1", "predictors": ["b1"]},
        "recurrent_events": {"data": data, "start": "a1", "stop": "a2", "event": "a3", "predictors": ["b1"]},
        "relate_waves": {"scores": scored["scores"], "events": study().usage, "study": study().study},
        "screen": {"responses": data, "scale": SCALE},
        "validate": {"responses": data, "scale": SCALE},
        "simulate_study": {"population": "dta_example", "n": 5},
        "plan_power": {"study": study().study},
        "plan_table": {"study": study().study},
        "rule_table": {},
        "available": {},
        "check_responses": {"frame": data, "scale": SCALE},
        "content_validity_indices": {"ratings": items.clip(1, 4)},
        "content_validity_ratio": {"essential": (items > 3).astype(int)},
        "load": {"name": "dta"},
        "load_study": {"path": "study.yaml"},
        "missing_reasons": {"responses": data},
        "read_responses": {"path": "answers.csv", "scale": SCALE},
        "reverse_key": {"responses": data, "scale": SCALE},
        "score": {"responses": data, "scale": SCALE},
    }


def wrongs() -> dict[str, Any]:
    return {
        "nothing": None,
        "a text": "dta",
        "a number": 3,
        "a list": [1, 2],
        "a mapping": {"a": 1},
        "a path": Path("answers.csv"),
        "an instrument": SCALE,
        "a table": table(),
        "an empty table": pd.DataFrame(),
        "a table without rows": table().iloc[:0],
        "events": study().usage,
        "a column": table()["a1"],
        "a result": fit(),
        "an object": object(),
    }


PUBLIC = {
    name: getattr(package, name)
    for package in (analysis, instrument)
    for name in package.__all__
    if inspect.isfunction(getattr(package, name))
}
DOOR = re.compile(r"\A\w+: .+\nHint: .+", re.DOTALL)
FITTING = {  # what is right for an argument although it stands among the wrong kinds
    "model": {"a text"},
    "data": {"a table"},
    "responses": {"a table"},
    "frame": {"a table"},
    "items": {"a table"},
    "scale": {"an instrument"},
    "result": {"a result"},
    "general": {"a result"},
    "restricted": {"a result"},
    "events": {"events"},
    "first": {"a column"},
    "second": {"a column"},
}


TAKEN = {  # what serves after all, because the argument may be left out, or the function judges what it finds
    ("check_hypotheses", "data"): {"nothing", "an empty table", "events"},  # with a warning: not evaluated
    ("composite_reliability", "loadings"): {"a list"},
    ("composite_reliability", "uniquenesses"): {"a list"},
    ("dif_moderation", "covariate"): {"a column"},
    ("efa", "n_factors"): {"a number"},
    ("omega", "n_factors"): {"a number"},
    ("item_statistics", "scale"): {"nothing"},
    ("load", "name"): {"a text"},
    ("missing_reasons", "responses"): {
        "an empty table",
        "a table without rows",
        "events",
    },  # no reason in them
    ("reliable_change", "sem"): {"a number"},
    ("reverse_key", "responses"): {"a table without rows"},
    ("score", "responses"): {"a table without rows"},
    ("simulate_study", "n"): {"nothing"},
    ("standard_error_of_measurement", "sd"): {"a number"},
    **{
        (name, part): {"nothing"}
        for part in ("outcomes", "covariates")
        for name in ("latent_adherence", "mediate_adherence", "priority_map", "relate_adherence")
    },
}


def test_every_public_function_is_tried() -> None:
    assert good().keys() == PUBLIC.keys()
    assert all(
        given.keys() <= inspect.signature(PUBLIC[name]).parameters.keys() for name, given in good().items()
    )


def called(name: str, /, **given: Any) -> ToolkitError | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            PUBLIC[name](**given)
        except ToolkitError as error:
            return error
    return None


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_any_wrong_kind_gives_one_fact_and_one_hint(name: str) -> None:
    for argument in good()[name]:
        for kind, wrong in wrongs().items():
            if kind in FITTING.get(argument, ()):
                continue
            if kind in TAKEN.get((name, argument), ()):
                continue
            where = f"{name}({argument}={kind})"
            error = called(name, **{**good()[name], argument: wrong})
            assert error is not None, f"{where} was taken"
            assert DOOR.match(str(error)), f"{where}: {error}"
            assert str(error).count("\nHint: ") == 1, f"{where}: {error}"


NAMED = [
    (lambda: analysis.validate(table(), "dta"), "validate: the scale is a str, not an instrument."),
    (lambda: analysis.screen(SCALE, table()), "screen: responses is an Instrument."),
    (
        lambda: analysis.relate_adherence(table(), study().usage, study().study),
        "relate_adherence: usage is a DataFrame.",
    ),
    (lambda: analysis.relate_features(table(), table()), "relate_features: audit is a DataFrame."),
    (lambda: analysis.cronbach_alpha("answers.csv"), "cronbach_alpha: items is a str."),
    (lambda: analysis.cronbach_alpha(), "cronbach_alpha: missing a required argument: 'items'."),
    (
        lambda: analysis.cronbach_alpha(table()[ITEMS], level=0.9, confidence=0.9),
        "cronbach_alpha: level and confidence are one argument, given twice.",
    ),
    (
        lambda: analysis.cronbach_alpha(table()[ITEMS], nonsense=1),
        "cronbach_alpha: got an unexpected keyword argument 'nonsense'.",
    ),
    (
        lambda: analysis.mixed_correlations(table()[ITEMS], ordered="a1"),
        "mixed_correlations: ordered is a str.",
    ),
    (lambda: analysis.efa(table()[ITEMS], "two"), "efa: n_factors is a str."),
]


@pytest.mark.parametrize("number", range(len(NAMED)))
def test_the_fact_names_the_argument_and_what_was_given(number: int) -> None:
    call, fact = NAMED[number]
    with pytest.raises((DefinitionError, ResponseDataError)) as caught:
        call()
    assert str(caught.value).split("\nHint: ")[0] == fact
    assert str(caught.value).split("\nHint: ")[1]


def test_swapped_arguments_are_called_so() -> None:
    for call in (lambda: analysis.screen(SCALE, table()), lambda: instrument.score(SCALE, table())):
        with pytest.raises(ResponseDataError, match="the table comes first, the scale second"):
            call()


def test_no_message_repeats_what_was_given() -> None:
    secret = "patient 7319 said no"
    for call in (
        lambda: analysis.efa(table()[ITEMS], secret),
        lambda: analysis.kmo(secret),
        lambda: analysis.screen(table(), secret),
        lambda: analysis.cfa(MODEL, secret),
    ):
        with pytest.raises(ToolkitError) as caught:
            call()
        assert secret not in str(caught.value)


def test_a_former_keyword_still_works_and_says_its_name_of_today() -> None:
    with pytest.warns(DeprecationWarning, match="'level' is called 'confidence' now"):
        former = analysis.cronbach_alpha(table()[ITEMS], level=0.9)
    assert former.ci == analysis.cronbach_alpha(table()[ITEMS], confidence=0.9).ci


def test_a_worker_finds_a_public_function_again() -> None:
    import pickle

    assert pickle.loads(pickle.dumps(analysis.kmo)) is analysis.kmo
    assert analysis.kmo.__module__ == "analysis" and instrument.score.__module__ == "instrument"
