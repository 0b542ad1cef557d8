"""Levels and importance of themes, places only where intervals allow, words that claim no cause."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import analysis
import instrument
from analysis.adherence.models.context import REMAINING
from analysis.adherence.priorities.dominance import general_dominance
from analysis.adherence.priorities.priority_map import (
    PriorityMap,
    _far,
    _spread_of_means,
    priority_map,
)
from analysis.adherence.priorities.several_scores import Comparison, compare_with_mean, separate_effects
from analysis.adherence.priorities.words import told
from analysis.common.standing import Place, Side, place_of
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import priority
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.summarise_usage import UsageSummary
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError
from instrument.study_data import StudyData

SCALE = instrument.load("dta")


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=220, seed=4)


@pytest.fixture(scope="module")
def usage(data: SimulatedStudy) -> UsageSummary:
    return analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)


def mapped(data: SimulatedStudy, usage: UsageSummary, **changes: Any) -> PriorityMap:
    given: dict[str, Any] = {"responses": data.responses, "draws": 60, **changes}
    responses = given.pop("responses")
    return priority_map(responses, SCALE, usage, data.study, outcomes=data.outcomes, **given)


@pytest.fixture(scope="module")
def found(data: SimulatedStudy, usage: UsageSummary) -> PriorityMap:
    return mapped(data, usage)


def test_effects_are_those_of_the_landmark_models(
    found: PriorityMap, data: SimulatedStudy, usage: UsageSummary
) -> None:
    scores = instrument.score(data.responses, SCALE, rescale="0-100")
    names = [theme.id for theme in SCALE.themes]
    models = analysis.relate_adherence(scores, usage, data.study, data.outcomes, predictors=names)
    effects = models.effects[models.effects["model"] == REMAINING].set_index("predictor").loc[names]
    for name in ("effect", "effect_lower", "effect_upper", "pvalue", "p_adjusted"):
        np.testing.assert_allclose(found.themes[name], effects[name], rtol=1e-8)
    assert (found.themes["n"] == effects["n"].to_numpy()).all()
    here = scores.scores[scores.scores["wave"].astype(str) == "week3"][names].dropna()
    np.testing.assert_allclose(found.themes["level"], here.mean(), rtol=1e-12)
    assert found.themes["n_rated"].unique().tolist() == [len(here)]


def test_items_stand_with_their_theme_and_one_family(found: PriorityMap) -> None:
    assert found.items["item"].tolist() == list(SCALE.item_ids)
    assert found.items["level"].between(0, 100).all()
    smallest = found.items["pvalue"].idxmin()
    wanted = min(1.0, len(found.items) * found.items["pvalue"][smallest])
    assert found.items["p_adjusted"][smallest] == pytest.approx(wanted)
    assert (found.items["p_adjusted"] >= found.items["p_adjusted_bh"]).all()


def test_the_order_of_people_does_not_matter(
    found: PriorityMap, data: SimulatedStudy, usage: UsageSummary
) -> None:
    shuffled = data.responses.sample(frac=1, random_state=2)
    shuffled.attrs = data.responses.attrs
    again = mapped(data, usage, responses=shuffled)
    columns = found.themes.select_dtypes("number").columns
    np.testing.assert_allclose(again.themes[columns], found.themes[columns], rtol=1e-7, atol=1e-10)
    columns = found.items.select_dtypes("number").columns
    np.testing.assert_allclose(again.items[columns], found.items[columns], rtol=1e-7, atol=1e-10)


def test_places_need_both_directions() -> None:
    assert place_of(Side.LOWER, Side.HIGHER) is Place.FIRST
    for sides in ((Side.LOWER, Side.UNCLEAR), (Side.UNCLEAR, Side.HIGHER), (Side.UNCLEAR,) * 2):
        assert place_of(*sides) is Place.UNCLEAR


def test_a_clear_map_is_told_as_clear_and_an_unclear_one_as_unclear() -> None:
    rng = np.random.default_rng(8)
    n = 1500
    scores = rng.standard_normal((n, 3))
    due = np.full(n, 8.0)
    done = rng.binomial(8, 1 / (1 + np.exp(-scores[:, 0]))).astype(float)
    held = np.empty((n, 0))
    clear = separate_effects(scores, held, done, due)
    found = compare_with_mean(clear.estimate, clear.covariance, clear.df)
    assert found.sides == ["higher", "lower", "lower"] and found.pvalue < 1e-6
    chance = separate_effects(scores, held, rng.permutation(done), due)
    found = compare_with_mean(chance.estimate, chance.covariance, chance.df)
    assert found.sides == ["not told apart"] * 3 and found.pvalue > 0.05


def test_the_covariance_across_models_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(150):
        z = rng.standard_normal((200, 1))
        scores = 0.7 * z + 0.7 * rng.standard_normal((200, 3))
        p = rng.beta(*(3 * np.array([q := 1 / (1 + np.exp(-0.5 * z[:, 0])), 1 - q])))
        one = separate_effects(
            scores, np.empty((200, 0)), rng.binomial(8, p).astype(float), np.full(200, 8.0)
        )
        drawn.append((one.estimate, np.diag(one.covariance), one.covariance[0, 1]))
    estimates, variances, shared = (np.array(part) for part in zip(*drawn, strict=True))
    empirical = np.cov(estimates, rowvar=False)
    # 150 samples give a variance to about 12%; the three are exchangeable, so their mean is steadier.
    assert np.diag(empirical).mean() == pytest.approx(variances.mean(), rel=0.25)
    assert empirical[np.triu_indices(3, 1)].mean() == pytest.approx(shared.mean(), rel=0.35)


def test_dominance_adds_up_and_splits_twins_evenly() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((400, 2))
    outcome = x @ [0.6, 0.3] + rng.standard_normal(400)
    found = general_dominance(x, outcome, draws=50)
    r2 = 1 - np.linalg.lstsq(np.column_stack([np.ones(400), x]), outcome, rcond=None)[1][0] / (
        400 * outcome.var()
    )
    assert found.explained == pytest.approx(r2)
    assert found.shares.sum() == pytest.approx(1)
    assert ((found.lower < found.weights) & (found.weights < found.upper)).all()
    np.testing.assert_allclose(general_dominance(5 * x + 2, outcome, draws=50).weights, found.weights)


def test_the_paragraph_is_filled_and_claims_no_cause(found: PriorityMap) -> None:
    words = found.in_words()
    assert "{" not in words and "nan" not in words
    assert "differences between people, not what a change of the app would bring" in words
    assert "What would change this picture" in words
    assert not re.search(r"\b(improves|leads to|causes|because of|increases)\b", words)


def test_section_and_figure_hold_the_map(data: SimulatedStudy) -> None:
    study = replace(data.data, covariates=None, times=None, scale=SCALE)
    context = build_context(study, seed=1)
    section = {**priority.TOPIC.run(context).plain(), "title": priority.TOPIC.title}
    themes = pd.DataFrame(section["tables"]["themes"])
    figure = build_figures(section, {})["priority"]
    for row in themes.to_dict("records"):
        assert f"level {row['level']:.1f} ({row['level_lower']:.1f}" in figure.alt
        assert f"importance {row['effect']:.2f}".replace("-", "−") in figure.alt
    assert to_svg(figure, 350).startswith("<svg") and to_svg(figure, 800).startswith("<svg")
    for sentence in section["prose"]:
        for key in re.findall(r"\{(\w+)", sentence):
            assert key in section["values"], key
    assert "study file" in priority.TOPIC.lacks(build_context_without_study(data))


def build_context_without_study(data: SimulatedStudy) -> Any:
    return build_context(StudyData(responses=data.responses, scale=SCALE, usage=data.usage), seed=1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"draws": 5}, ResponseDataError, r"priority_map: 5 bootstrap draws"),
        ({"confidence": 1.2}, ResponseDataError, r"priority_map: confidence"),
        ({"wave": "week12"}, DefinitionError, r"they overlap"),
    ],
)
def test_bad_requests_are_refused(
    changes: Any, error: type[Exception], message: str, data: SimulatedStudy, usage: UsageSummary
) -> None:
    with pytest.raises(error, match=message):
        mapped(data, usage, **changes)


def test_items_without_variation_are_named_not_estimated(data: SimulatedStudy, usage: UsageSummary) -> None:
    stuck = data.responses.assign(hum1=pd.array([3] * len(data.responses), dtype="Int64"))
    stuck.attrs = data.responses.attrs
    found = mapped(data, usage, responses=stuck)
    assert found.failed["item"].tolist() == ["hum1"]
    assert "hum1" not in found.items["item"].tolist() and len(found.items) == len(SCALE.item_ids) - 1


def test_too_few_people_are_refused(data: SimulatedStudy, usage: UsageSummary) -> None:
    few = data.responses[data.responses["participant"].isin(data.responses["participant"].unique()[:20])]
    few.attrs = data.responses.attrs
    with pytest.raises(NotEstimableError, match="at least 30"):
        mapped(data, usage, responses=few)


def test_a_theme_of_which_more_is_not_better_has_no_place(
    found: PriorityMap, data: SimulatedStudy, usage: UsageSummary
) -> None:
    content = SCALE.model_dump(mode="json", by_alias=True)
    content["themes"][1]["role"] = "plain"
    reduced = instrument.Instrument.model_validate(content)
    kept = [theme.id for theme in reduced.themes if theme.role != "plain"]
    map_ = priority_map(data.responses, reduced, usage, data.study, data.outcomes, draws=60)
    assert map_.themes["theme"].tolist() == kept and len(kept) == 4
    assert map_.items["theme"].unique().tolist() == kept
    assert (
        "Not on the map, since more of it need not be better: “Personal meaningfulness”." in map_.in_words()
    )
    assert "Not on the map" not in found.in_words()
    scores = instrument.score(data.responses, reduced, rescale="0-100")
    models = analysis.relate_adherence(scores, usage, data.study, data.outcomes, predictors=kept)
    effects = models.effects[models.effects["model"] == REMAINING].set_index("predictor").loc[kept]
    for name in ("effect", "effect_lower", "effect_upper", "pvalue", "p_adjusted"):
        np.testing.assert_allclose(map_.themes[name], effects[name], rtol=1e-8)
    for theme in content["themes"][1:]:
        theme["role"] = "plain"
    content["scoring"]["total_themes"] = None
    with pytest.raises(DefinitionError, match=r"1 theme\(s\) that are dimensions or context"):
        priority_map(data.responses, instrument.Instrument.model_validate(content), usage, data.study)


def said(
    themes: dict[str, list[Any]], items: dict[str, list[Any]] | None = None, p: float = 0.01
) -> tuple[list[str], dict[str, Any]]:
    """What is said of a map made by hand."""
    plain = {
        "title": ["A", "B", "C"],
        "level": [40.0, 60.0, 80.0],
        "level_side": [Side.LOWER, Side.UNCLEAR, Side.HIGHER],
        "effect": [0.4, -0.6, 0.1],
        "effect_lower": [0.2, -0.9, -0.2],
        "effect_upper": [0.6, -0.3, 0.4],
        "p_adjusted": [0.01, 0.001, 0.5],
        "importance_side": [Side.HIGHER, Side.LOWER, Side.UNCLEAR],
        "place": [Place.FIRST, Place.UNCLEAR, Place.UNCLEAR],
    }
    questions = pd.DataFrame({"pvalue": [0.2, p]})
    single = {"item": ["q1", "q2"], "effect": [0.3, -0.9], "level": [50.0, 60.0], "p_adjusted": [0.01, 0.4]}
    more = {"analysed": 90, "needed": 400, "farthest": 2, "due": 8, "confidence": 0.9, "unit": "sessions"}
    return told(
        pd.DataFrame({**plain, **themes}),
        pd.DataFrame({**single, **(items or {})}),
        questions,
        {**more, "apart": []},
    )


def test_each_sentence_of_the_map_is_about_its_own_themes() -> None:
    sentences, values = said({})
    assert "Clearly below the average of the themes: “A”." in sentences
    assert "Clearly above the average of the themes: “C”." in sentences
    assert not any("No theme can be told from" in one for one in sentences)
    assert any("rate higher “A” and “B” did more or fewer of the" in one for one in sentences)
    assert "Tied to later use more closely than the average theme: “A”." in sentences
    assert "Tied to later use less closely than the average theme: “B”." in sentences
    assert any(one.startswith("Look first at “A”: rated below the average") for one in sentences)
    assert "The other themes have no sure place on the map." in sentences
    assert (values["strongest"], values["strongest_effect"]) == ("B", -0.6)  # the largest, whatever its sign
    assert (values["lowest"], values["highest"], values["farthest"]) == ("A", "C", "C")
    assert (values["p_level"], values["p_importance"]) == (0.2, 0.01)
    assert (values["items"], values["items_sure"], values["item"]) == (2, 1, "q1")


def test_sentences_change_with_what_the_map_holds() -> None:
    unclear = {
        "level_side": [Side.UNCLEAR] * 3,
        "importance_side": [Side.UNCLEAR] * 3,
        "p_adjusted": [0.01, 0.2, 0.03],
    }
    sentences, _ = said(unclear, {"p_adjusted": [0.2, 0.4]}, p=0.4)
    assert "No theme can be told from the average of the themes." in sentences
    assert any("rate higher “A” and “C” did more of the" in one for one in sentences)
    assert any(one.startswith("Which theme matters more for staying cannot be told") for one in sentences)
    assert any("none stands out, after allowing" in one for one in sentences)
    sentences, _ = said(
        {"p_adjusted": [0.3, 0.2, 0.5], "place": [Place.KEEP, Place.WAIT, Place.ENOUGH]}, p=0.4
    )
    assert any(one.startswith("For no theme can these data show") for one in sentences)
    assert any("what follows is a hint at most" in one for one in sentences)
    assert not any(one.startswith("Look first") or "no sure place" in one for one in sentences)


def test_how_many_people_would_tell_the_farthest_of_the_open_themes_apart() -> None:
    found = Comparison(
        difference=np.array([0.9, -0.2, 0.1]),
        se=np.array([0.1, 0.1, 0.1]),
        lower=np.array([0.6, -0.5, -0.2]),
        upper=np.array([1.2, 0.1, 0.4]),
        pvalue=0.01,
        criterion=2.4,
    )
    told_far = _far(found, 100)
    assert told_far["farthest"] == 1  # the first is told apart already
    assert told_far["needed"] == int(np.ceil(100 * ((2.4 + 0.8416212335729143) / 2) ** 2))
    assert (
        _far(replace(found, lower=found.difference - 0.01, upper=found.difference + 0.01), 100)["needed"]
        is None
    )


def test_intervals_of_the_map_are_of_the_level_asked_for(
    found: PriorityMap, data: SimulatedStudy, usage: UsageSummary
) -> None:
    narrow = mapped(data, usage, confidence=0.8).themes
    for name in ("level", "level_difference", "effect", "effect_difference", "effect_together", "dominance"):
        of_95, of_80 = (t[f"{name}_upper"] - t[f"{name}_lower"] for t in (found.themes, narrow))
        assert (of_80 < of_95).all(), name
    n, k = found.themes["n_rated"].iloc[0], len(narrow)
    widths = [t["level_difference_upper"] - t["level_difference_lower"] for t in (found.themes, narrow)]
    expected = [stats.t.ppf(1 - (1 - level) / 2 / k, n - 1) for level in (0.95, 0.8)]
    np.testing.assert_allclose(widths[0] / widths[1], expected[0] / expected[1])


def test_people_without_a_cluster_stand_alone_in_means() -> None:
    rated = np.random.default_rng(2).normal(size=(16, 3))
    people = pd.Series([f"p{k}" for k in range(16)])
    labels = pd.Series({f"p{k}": f"clinic {k // 2}" for k in range(14)})  # seven of two; two have none
    spread, df = _spread_of_means(rated, people, labels)
    moved = (rated - rated.mean(axis=0)) / 16
    sums = np.vstack([moved[:14].reshape(7, 2, 3).sum(axis=1), moved[14:]])
    np.testing.assert_allclose(spread, sums.T @ sums * 9 / 8)
    assert df == 8
