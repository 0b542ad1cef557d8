"""Relations to outcome and use with and without the items flagged as near to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import instrument
from analysis.adherence.relate_adherence import relate_adherence
from analysis.pipeline.context import build_context
from analysis.pipeline.run import validate
from analysis.pipeline.topics.criterion_items import left_out_of, without_flagged
from analysis.simulation.simulate_study import simulate_study
from analysis.usage.summarise_usage import summarise_usage
from instrument.reduced import without_items
from instrument.study import as_study
from instrument.study_data import StudyData

SCALE = instrument.load("dta")
DATA = simulate_study("dta_example", n=260, seed=11)
GIVEN = {
    "usage": DATA.usage,
    "outcomes": DATA.outcomes,
    "covariates": DATA.covariates,
    "enrolment": DATA.enrolment,
    "study": DATA.study,
}
NAME = "criterion_items"


@pytest.fixture(scope="module")
def section() -> dict[str, Any]:
    tree = validate(DATA.responses, SCALE, **GIVEN, seed=2, topics=[NAME]).tree
    found: dict[str, Any] = tree["sections"][NAME]
    assert (found["status"], found["problems"]) == ("ok", [])
    return found


@pytest.fixture(scope="module")
def rows(section: dict[str, Any]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(section["tables"][name]) for name in ("relations", "held")])


def one(rows: pd.DataFrame, relation: str, score: str) -> pd.Series:
    found = rows[(rows["relation"] == relation) & (rows["score"] == score)]
    assert len(found) == 1
    return found.iloc[0]


def scores_without(criterion: str) -> pd.DataFrame:
    """Theme means by hand: without the flagged items, for people who have the whole score."""
    whole = instrument.score(DATA.responses, SCALE)
    gone = SCALE.near_criterion(criterion)
    shorter = without_items(SCALE, gone)
    card = instrument.score(DATA.responses.drop(columns=gone), shorter).scores
    names = [theme.id for theme in SCALE.themes] + ["total"]
    return card[["participant", "wave", *names]].where(whole.scores[["participant", "wave", *names]].notna())


def test_scores_of_the_remaining_items_are_their_means() -> None:
    context = build_context(StudyData(responses=DATA.responses, scale=SCALE, **GIVEN), seed=1)
    shorter = without_flagged(context, "use")
    answers = DATA.responses.set_index(["participant", "wave"])
    left = [item for item in SCALE.theme_items("flexibility") if item not in ("flx7", "flx8")]
    mean = answers[left].astype("Float64").mean(axis=1).to_numpy(dtype=float, na_value=np.nan)
    got = shorter.card.scores["flexibility"].to_numpy(dtype=float)
    have = ~np.isnan(got)
    assert have.sum() > 400
    np.testing.assert_allclose(got[have], mean[have], atol=1e-12)
    whole = context.card.scores["flexibility"].notna().to_numpy()
    assert not (have & ~whole).any()
    assert "flx7" not in shorter.responses and "pro6" not in shorter.responses
    assert shorter.reasons is None or not set(shorter.reasons["item"]) & {"pro6", "flx7", "flx8"}


def test_items_left_out_of_each_score_are_those_it_counts() -> None:
    context = build_context(StudyData(responses=DATA.responses, scale=SCALE, **GIVEN), seed=1)
    assert left_out_of(context, "use") == {
        "total": ["pro6"],
        "progression": ["pro6"],
        "flexibility": ["flx7", "flx8"],
    }
    assert left_out_of(context, "outcome") == {
        "total": ["pro3", "pro4", "pro7"],
        "progression": ["pro3", "pro4", "pro7"],
    }


def test_models_of_use_are_those_of_scores_with_and_without(rows: pd.DataFrame) -> None:
    usage = summarise_usage(DATA.usage, DATA.study, participants=DATA.enrolment)
    tables = {"": instrument.score(DATA.responses, SCALE), "_without": scores_without("use")}
    for ending, scores in tables.items():
        names = ["total", *(theme.id for theme in SCALE.themes)]
        found = relate_adherence(
            scores, usage, DATA.study, DATA.outcomes, DATA.covariates, predictors=names, seed=2
        )
        shown = found.effects[found.effects["predictor"].isin(["total", "progression", "flexibility"])]
        for model in shown[~shown["model"].str.startswith("outcome")].to_dict("records"):
            row = one(rows, f"{model['model']} ({model['measure']})", model["predictor"])
            assert row["criterion"] == "use of the app"
            assert row[f"n{ending}"] == model["n"]
            assert row[f"estimate{ending}"] == pytest.approx(model["ratio"], abs=1e-10)
            assert row[f"ci_lower{ending}"] == pytest.approx(model["ci_lower"], abs=1e-10)
            assert row[f"pvalue{ending}"] == pytest.approx(model["pvalue"], abs=1e-10)


def test_what_a_theme_adds_to_the_outcome_follows_from_least_squares(rows: pd.DataFrame) -> None:
    study = as_study(DATA.study)
    whole = instrument.score(DATA.responses, SCALE).scores
    called = study.outcome.replace("_", " ")  # the study file gives it no label
    row = one(rows, f"added to {called} beyond the other themes (ΔR²)", "progression")
    for ending, scores in {"": whole, "_without": scores_without("outcome")}.items():
        first = scores[scores["wave"] == study.waves[0].name].set_index("participant")
        table = first.join(DATA.covariates.set_index("participant"))
        outcomes = DATA.outcomes.set_index("participant")
        table = table.join(outcomes[[c for c in outcomes if c not in table and c != "wave"]])
        themes = [theme.id for theme in SCALE.themes]
        controls = [name for name in study.baseline if name in table]
        table = table[[study.outcome, *themes, *controls]].dropna().astype(float)
        fits = [
            sm.OLS(table[study.outcome], sm.add_constant(table[columns])).fit().rsquared
            for columns in ([*(t for t in themes if t != "progression"), *controls], [*themes, *controls])
        ]
        assert row[f"n{ending}"] == len(table)
        assert row[f"estimate{ending}"] == pytest.approx(fits[1] - fits[0], abs=1e-10)


def test_only_relations_that_rest_on_a_flagged_item_are_shown(rows: pd.DataFrame) -> None:
    alone = rows[rows["left_out"] != "only of the scores held constant"]
    assert set(alone.loc[alone["criterion"] == "use of the app", "score"]) == {
        "total",
        "progression",
        "flexibility",
    }
    assert set(alone.loc[alone["criterion"] == "the outcome", "score"]) == {"total", "progression"}
    assert (rows["n_without"].dropna() <= rows["n"].dropna()).all()


def test_words_are_those_of_the_table(section: dict[str, Any], rows: pd.DataFrame) -> None:
    values = section["values"]
    assert values["relations"] == len(rows)
    told = rows["pvalue"] < 0.05
    still = rows["pvalue_without"] < 0.05
    known = rows["pvalue"].notna()
    lost = rows["changes"] == "no longer told from chance"
    won = rows["changes"] == "only now told from chance"
    assert (lost[known] == (told & ~still)[known]).all()
    assert (won[known] == (~told & still)[known]).all()
    assert values["changed"] == int((rows["changes"] != "no").sum())
    assert (values["unfitted"], "could not be fitted" in " ".join(section["prose"])) == (0, False)
    assert values["outcome_items"] == "pro3, pro4 and pro7"
    assert (values["n_outcome"], values["n_use"]) == (3, 3)


def changed(**flags: Any) -> instrument.Instrument:
    content = SCALE.model_dump(mode="json", by_alias=True)
    for theme in content["themes"]:
        for item in theme["items"]:
            item["criterion"] = list(flags.get(item["id"], ()))
    return instrument.Instrument.model_validate(content)


def test_an_instrument_without_flags_is_not_asked() -> None:
    found = validate(DATA.responses, changed(), **GIVEN, topics=[NAME]).tree["sections"][NAME]
    assert found["status"] == "not_applicable"
    assert "No item of the instrument is flagged" in found["message"]


def test_without_outcome_and_use_there_is_nothing_to_relate_to() -> None:
    found = validate(DATA.responses, SCALE, topics=[NAME]).tree["sections"][NAME]
    assert found["status"] == "not_applicable"
    assert found["message"].startswith("Needs an outcome of the study, or use.")


def test_a_theme_flagged_whole_is_said_to_be_gone() -> None:
    whole = changed(**{item: ["use"] for item in SCALE.theme_items("flexibility")})
    found = validate(DATA.responses, whole, **GIVEN, seed=2, topics=[NAME]).tree["sections"][NAME]
    rows = pd.DataFrame(found["tables"]["relations"])
    mine = rows[rows["score"] == "flexibility"]
    assert len(mine) >= 8
    assert set(mine["changes"]) == {"could not be fitted"}
    assert mine["estimate_without"].isna().all()
    assert found["values"]["outcome_items"] == ""
    assert "none of the {relations:int} relations could be fitted" in " ".join(found["prose"])


def test_what_could_not_be_fitted_changes_nothing_of_what_it_says() -> None:
    some = changed(hum1=["use"], **{item: ["use"] for item in SCALE.theme_items("flexibility")})
    found = validate(DATA.responses, some, **GIVEN, seed=2, topics=[NAME]).tree["sections"][NAME]
    rows = pd.concat([pd.DataFrame(table) for table in found["tables"].values()])
    lost = rows["estimate_without"].isna()
    assert set(rows.loc[rows["score"] == "flexibility", "changes"]) == {"could not be fitted"}
    assert 0 < found["values"]["unfitted"] == lost.sum() < len(rows) == found["values"]["relations"]
    assert found["values"]["changed"] == ((rows["changes"] != "no") & ~lost).sum()
    assert "{unfitted:int} could not be fitted without these items." in " ".join(found["prose"])


def test_a_scale_flagged_whole_is_not_asked() -> None:
    whole = changed(**{item: ["outcome"] for item in SCALE.item_ids})
    found = validate(DATA.responses, whole, **GIVEN, topics=[NAME]).tree["sections"][NAME]
    assert "Every item is flagged as near to the outcome" in found["message"]


def test_an_item_that_carries_the_relation_is_found_out() -> None:
    """One item made from later use alone: with it the theme goes with use, without it no longer."""
    usage = summarise_usage(DATA.usage, DATA.study, participants=DATA.enrolment)
    done = usage.people.set_index("participant")["sessions_after"].astype(float)
    rng = np.random.default_rng(4)
    answers = DATA.responses.copy()
    for item in SCALE.item_ids:
        answers[item] = pd.array(rng.integers(1, 6, len(answers)), dtype="Int64")
    place = answers["participant"].map(done.rank(pct=True)).fillna(0.5)
    answers["hum1"] = pd.array(np.clip(np.ceil(place * 5), 1, 5), dtype="Int64")
    found = validate(answers, changed(hum1=["use"]), **GIVEN, seed=2, topics=[NAME]).tree["sections"][NAME]
    row = one(pd.DataFrame(found["tables"]["relations"]), "remaining use, logit (odds ratio)", "humanness")
    assert row["changes"] == "no longer told from chance"
    assert row["estimate"] > 1.3
    assert abs(np.log(row["estimate_without"])) < 0.2
    assert found["values"]["changed"] >= 2
    assert re.search("change what they say", " ".join(found["prose"]))


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], section: dict[str, Any]
) -> None:
    assert unlike("criterion_items", {"criterion_items": section}) == []
