"""Other decisions: every path is followed by the same functions, and the shares are counted right."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.disclosure.shared import to_share
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.pipeline.topics.multiverse import paths_of
from analysis.planning.definition import Plan
from instrument.definition import Instrument
from instrument.errors import DefinitionError

MODEL = "n =~ q1 + q2 + q3 + q4"
PLAN: dict[str, Any] = {
    "topics": ["flow"],
    "factors": 1,
    "hypotheses": [{"id": "h1", "text": "N, S.", "score": "north", "with": "south", "expected": ">= 0.27"}],
    "models": {"one": MODEL},
    "multiverse": {
        "headline": [
            "hypothesis h1",
            "alpha north",
            "rmsea_robust one",
            "sections.exploration.values.explained",
        ],
        "alternatives": {
            "missing": ["listwise", "fiml"],
            "exclude_flagged": [False, True],
            "estimator": ["WLSMV", "MLR"],
            "factors": [1, 2],
        },
    },
}


def test_a_threshold_left_free_stops_no_path_of_an_estimator_without_thresholds(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    plan = {
        **{"topics": ["flow"], "models": {"one": MODEL}, "partial": ["q1|t1", "q2~1"]},
        "multiverse": {"headline": ["alpha north"], "alternatives": {"estimator": ["WLSMV", "MLR", "ML"]}},
    }
    paths = validate(answers, scale, plan=plan).tree["sections"]["multiverse"]["tables"]["paths"]
    assert paths["estimator"] == ["WLSMV", "MLR", "ML"] and paths["reason"] == [""] * 3
    assert len(set(paths["estimate"])) == 1 and paths["estimate"][0] is not None


def test_an_index_is_followed_as_each_estimator_judges_it(answers: pd.DataFrame, scale: Instrument) -> None:
    first = answers[answers["wave"] == 1].reset_index(drop=True)
    plan = {
        "topics": ["flow"],
        "models": {"one": MODEL},
        "missing": "listwise",
        "multiverse": {
            "headline": ["cfi one", "cfi_robust one", "rmsea one"],
            "alternatives": {"estimator": ["MLR", "ML", "WLSMV"]},
        },
    }
    table = validate(first, scale, plan=plan).tree["sections"]["multiverse"]["tables"]["paths"]
    rows = pd.DataFrame(
        {name: table[name] for name in ("headline", "estimator", "estimate", "ci_upper", "reason")}
    )
    keyed = instrument.reverse_key(first, scale)[scale.item_ids].astype(float)
    for estimator, ending in (("ML", ""), ("MLR", "_robust"), ("WLSMV", "_robust")):
        fit = analysis.sem(
            MODEL, keyed, estimator=estimator, ordered=estimator == "WLSMV", missing="listwise"
        ).fit
        own = rows[rows["estimator"] == estimator].set_index("headline")
        assert own.loc["cfi one", "estimate"] == pytest.approx(float(fit[f"cfi{ending}"]), abs=1e-9)
        assert own.loc["rmsea one", "ci_upper"] == pytest.approx(
            float(fit[f"rmsea_ci_upper{ending}"]), abs=1e-9
        )
        if estimator == "ML":
            assert own.loc["cfi_robust one", "reason"] == "ML has no cfi_robust"
        else:
            assert own.loc["cfi_robust one", "estimate"] == own.loc["cfi one", "estimate"]


@pytest.fixture(scope="module")
def first(answers: pd.DataFrame) -> pd.DataFrame:
    return answers[answers["wave"] == 1].reset_index(drop=True)


@pytest.fixture(scope="module")
def result(first: pd.DataFrame, scale: Instrument) -> Any:
    return validate(first, scale, plan=PLAN)


@pytest.fixture(scope="module")
def section(result: Any) -> dict[str, Any]:
    found: dict[str, Any] = result.tree["sections"]["multiverse"]
    assert found["status"] == "ok", found["message"]
    return found


def test_every_combination_is_a_path_and_the_plan_is_the_first(section: dict[str, Any]) -> None:
    assert len(paths_of(Plan.model_validate(PLAN))) == 3 * 2 * 3 * 2
    paths = paths_of(Plan.model_validate(PLAN), {"estimator": "WLSMV"})
    assert len(paths) == 3 * 2 * 2 * 2  # with what the plan itself says of missing
    assert paths[0] == {"missing": None, "exclude_flagged": False, "estimator": "WLSMV", "factors": 1}
    assert len({tuple(path.values()) for path in paths}) == len(paths)
    table = pd.DataFrame(section["tables"]["paths"])
    assert len(table) == 4 * len(paths) and section["values"]["paths"] == len(paths)
    assert set(table.loc[table["planned"] != "", "path"]) == {1}


def test_each_path_is_what_the_functions_give_with_these_arguments(
    section: dict[str, Any], first: pd.DataFrame, scale: Instrument
) -> None:
    table = pd.DataFrame(section["tables"]["paths"])
    kept = {"no": first, "yes": analysis.screen(first, scale).without_flagged(first)}
    assert len(kept["yes"]) < len(first)
    asked = [{"id": "h1", "measure": "correlation north, south", "expected": ">= 0.27"}]
    chosen = table[(table["missing"] == "listwise") | (table["missing"] == "fiml")]
    seen = 0
    for out, rule in itertools.product(("no", "yes"), ("listwise", "fiml")):
        rows = kept[out]
        scores = instrument.score(rows, scale).scores
        expected = analysis.check_hypotheses(asked, scores, judged_by="interval").table.iloc[0]
        keyed = instrument.reverse_key(rows, scale)[scale.item_ids].astype(float)
        fit = analysis.sem(MODEL, keyed, estimator="MLR", ordered=False, missing=rule).fit
        north = keyed[scale.theme_items("north")]
        alpha = analysis.cronbach_alpha(north, missing="listwise", interval="jackknife")
        path = chosen[
            (chosen["exclude_flagged"] == out) & (chosen["missing"] == rule) & (chosen["estimator"] == "MLR")
        ]
        for row in path.to_dict("records"):
            seen += 1
            if row["headline"] == "hypothesis h1":
                assert (row["estimate"], row["n"]) == (pytest.approx(expected["estimate"]), expected["n"])
                assert row["status"] == expected["status"]
            elif row["headline"] == "alpha north":
                assert (row["estimate"], row["n"]) == (pytest.approx(alpha.estimate), alpha.n_obs)
                assert row["ci_lower"] == pytest.approx(alpha.ci.lower)
            elif row["headline"] == "rmsea_robust one":
                assert row["estimate"] == pytest.approx(float(fit["rmsea_robust"]), abs=1e-9)
                assert row["ci_upper"] == pytest.approx(float(fit["rmsea_ci_upper_robust"]))
            else:
                how = {
                    "correlation": "polychoric",
                    "missing": "listwise" if rule == "listwise" else "pairwise",
                }
                rotation = "oblimin" if row["factors"] == "2" else "none"
                efa = analysis.efa(keyed, int(row["factors"]), rotation=rotation, smooth="nearest", **how)
                assert row["estimate"] == pytest.approx(float(efa.variance["proportion"].sum()))
    assert seen == 4 * 4 * 2


def test_paths_that_contradict_themselves_say_why(section: dict[str, Any]) -> None:
    table = pd.DataFrame(section["tables"]["paths"])
    impossible = table[(table["missing"] == "fiml") & (table["estimator"] != "MLR")]
    assert len(impossible) and impossible["estimate"].isna().all()
    assert impossible["reason"].str.contains("fiml").all()
    assert section["values"]["lost"] == table["estimate"].isna().sum() == len(impossible)


def test_shares_are_counted_over_the_paths_that_could_be_followed(section: dict[str, Any]) -> None:
    table, shares = (pd.DataFrame(section["tables"][name]) for name in ("paths", "shares"))
    for row in shares.to_dict("records"):
        own = table[(table["headline"] == row["headline"]) & table["estimate"].notna()]
        assert row["followed"] == len(own) and row["planned"] == own["estimate"].iloc[0]
        assert row["lowest"] == own["estimate"].min() and row["highest"] == own["estimate"].max()
        assert row["median"] == np.median(own["estimate"])
        assert row["positive"] == (own["estimate"] > 0).mean()
        assert sorted(own["position"]) == list(range(1, len(own) + 1))


def test_outcomes_of_a_hypothesis_are_counted(section: dict[str, Any]) -> None:
    told = pd.DataFrame(section["tables"]["paths"]).query("headline == 'hypothesis h1' and status.notna()")
    (row,) = pd.DataFrame(section["tables"]["statuses"]).to_dict("records")
    for status in ("confirmed", "not confirmed", "cannot be told", "not evaluated"):
        assert row[status] == (told["status"] == status).mean()
    assert row["planned"] == told["status"].iloc[0] and row["followed"] == len(told)
    assert row["same"] == (told["status"] == told["status"].iloc[0]).mean()


def test_a_curve_is_drawn_of_every_headline(result: Any, section: dict[str, Any]) -> None:
    figures = build_figures(section, result.tree["meta"])
    assert list(figures) == [f"specification@{name}" for name in PLAN["multiverse"]["headline"]]
    table = pd.DataFrame(section["tables"]["paths"])
    for name, figure in figures.items():
        own = table[(table["headline"] == name.partition("@")[2]) & table["estimate"].notna()]["estimate"]
        told = f"over {len(own)} paths, from {own.min():.3f} to {own.max():.3f}".replace("-", "−")
        assert re.sub(r"([ −])0\.", r"\1.", told) in re.sub(r"([ −])0\.", r"\1.", figure.alt)


def test_it_can_be_shared_and_written(result: Any, tmp_path: Any) -> None:
    shared = to_share(result)
    assert shared.tree["sections"]["multiverse"]["status"] == "ok"
    result.write(tmp_path / "report", forms=["html", "markdown"])
    assert "Every headline number over all paths" in (tmp_path / "report" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("headline", "message"),
    [
        ("hypothesis h9", r"headline\[0\]: there is no 'h9'"),
        ("alpha nord", r"headline\[0\]: there is no 'nord'; did you mean 'north'"),
        ("cfi_robst one", r"headline\[0\]: there is no 'cfi_robst'; did you mean 'cfi_robust'"),
        ("cfi_robust two", r"headline\[0\]: there is no 'two'"),
    ],
)
def test_a_number_that_there_is_not_is_refused(
    first: pd.DataFrame, scale: Instrument, headline: str, message: str
) -> None:
    wrong = PLAN | {"multiverse": PLAN["multiverse"] | {"headline": [headline]}}
    with pytest.raises(DefinitionError, match=message):
        validate(first, scale, plan=wrong)


def test_too_many_paths_are_refused() -> None:
    many = {"seed": list(range(50)), "factors": list(range(1, 48))}
    plan = Plan.model_validate({"multiverse": {"headline": ["alpha north"], "alternatives": many}})
    with pytest.raises(DefinitionError, match="at most 2,000"):
        paths_of(plan)


@pytest.mark.slow
def test_two_hundred_paths_are_followed_and_say_how_long_it_took(
    first: pd.DataFrame, scale: Instrument
) -> None:
    import time

    several = {
        "missing": ["listwise", "pairwise"],
        "exclude_flagged": [False, True],
        "estimator": ["WLSMV", "ULSMV"],
        "correlation": ["polychoric", "pearson"],
        "rules": [{}, {"CARELESS_FLAGS": 3}, {"CARELESS_FLAGS": 4}],
        "smooth": ["nearest", "none"],
    }
    several["collapse"] = [{}, {"all": {5: 4}}]
    models = {"three": "\n".join(f"{t.id} =~ " + " + ".join(scale.theme_items(t.id)) for t in scale.themes)}
    plan = PLAN | {
        "models": models,
        "multiverse": {
            "headline": ["hypothesis h1", "alpha north", "omega north", "rmsea_robust three"],
            "alternatives": several,
        },
    }
    start = time.process_time()  # of this process alone, however busy the machine is
    section = validate(first, scale, plan=plan).tree["sections"]["multiverse"]
    taken = time.process_time() - start
    print(f"{taken:.0f} seconds of processor time")
    assert section["values"]["paths"] == 288 and section["values"]["lost"] == 0


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], section: dict[str, Any]
) -> None:
    assert unlike("multiverse", {"multiverse": section}) == []
