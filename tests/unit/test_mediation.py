"""The chain: order in time is checked, hidden causes are told, resampling finds known routes."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.chain.drawn_moments import drawn_counts, drawn_covariances, left_out_covariances
from analysis.adherence.chain.mediate_adherence import MediationResult, mediate_adherence
from analysis.adherence.chain.routes import all_routes, chain_slopes, strength_of, sums_of
from analysis.adherence.claims.hidden_cause import indirect_given_rho, under_hidden_cause
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import mechanism
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


def followed(data: SimulatedStudy, usage: UsageSummary, **changes: Any) -> MediationResult:
    given: dict[str, Any] = {"study": data.study, "outcomes": data.outcomes, "draws": 200, **changes}
    return mediate_adherence(data.responses, SCALE, usage, **given)


@pytest.fixture(scope="module")
def found(data: SimulatedStudy, usage: UsageSummary) -> MediationResult:
    return followed(data, usage)


def test_routes_add_up_to_totals(found: MediationResult) -> None:
    effects = found.effects
    single = effects[effects["kind"].isin(["direct", "indirect"])]
    for row in effects[effects["kind"] == "total"].to_dict("records"):
        parts = single[(single["start"] == row["start"]) & (single["end"] == row["end"])]
        assert len(parts) > 1
        assert parts["estimate"].sum() == pytest.approx(row["estimate"])
    for name in ("mc", "boot", "bca"):
        inside = (effects[f"{name}_lower"] < effects["estimate"]) & (
            effects["estimate"] < effects[f"{name}_upper"]
        )
        assert inside.all(), name
    assert (effects["e_value"].notna() == (effects["end"] == "outcome")).all()


def test_the_total_is_the_effect_without_the_steps_between(
    found: MediationResult, data: SimulatedStudy, usage: UsageSummary
) -> None:
    shorter = followed(data, usage, outcomes=data.outcomes.drop(columns="distress_followup"))
    assert shorter.design["chain"] == ["context", "alliance", "later use"]
    assert set(shorter.effects["end"]) == {"alliance", "later use"}
    assert shorter.design["n"] >= found.design["n"]
    assert shorter.robustness["route"].tolist() == ["context → alliance → later use"]
    assert any("'distress_followup' is not in the data" in note for note in shorter.notes)
    assert shorter.order["step"].tolist() == shorter.design["chain"]
    assert not any("the chain ends" in note for note in found.notes)


def test_latent_and_simple_models_stand_beside(found: MediationResult) -> None:
    assert found.failed.empty
    assert found.latent["route"].tolist() == found.effects["route"].tolist()
    assert {"cfi", "rmsea", "srmr", "chisq", "df", "pvalue"} == set(found.latent_fit)
    route = found.effects.set_index("route").loc["alliance → later use → outcome", "estimate"]
    simple = found.simple.set_index("path")["estimate"]
    assert simple["Indirect"] == pytest.approx(route)


def test_alliance_of_fewer_than_three_themes_is_no_failed_latent_variable(
    data: SimulatedStudy, usage: UsageSummary, found: MediationResult
) -> None:
    """Two themes cannot measure a latent variable: that is said once, and nothing is there to be mended."""
    theme = SCALE.dimension_themes[0]
    alone = followed(data, usage, alliance=theme)
    assert alone.failed.empty and alone.latent.empty and alone.latent_fit == {}
    assert sum("not modelled as a latent variable" in note for note in alone.notes) == 1
    assert list(alone.latent.columns) == [name for name in found.latent.columns if name in alone.latent]
    assert not any("latent variable" in note for note in found.notes)


def test_what_was_asked_together_has_no_order(found: MediationResult) -> None:
    order = found.order.set_index("step")["before_next"].to_dict()
    assert order == {"context": "no", "alliance": "yes", "later use": "open", "outcome": ""}
    assert any("rated together" in note for note in found.notes)
    assert any("taken to be after use" in note for note in found.notes)


def test_an_earlier_wave_gives_the_context_its_order(data: SimulatedStudy, usage: UsageSummary) -> None:
    early = [{"id": "week1", "day": 7, "opens": 5, "closes": 10}]
    study = {**data.study, "waves": [*early, *data.study["waves"]]}
    answers = data.responses[data.responses["wave"].astype(str) == "week3"].assign(wave="week1")
    both = pd.concat([data.responses, answers], ignore_index=True)
    both.attrs = {}
    result = mediate_adherence(
        both, SCALE, usage, study, data.outcomes, context_wave="week1", outcome_day=90, draws=50
    )
    assert result.order["before_next"].tolist() == ["yes", "yes", "yes", ""]
    assert result.notes == [] or not any("together" in note for note in result.notes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"wave": "week6"}, DefinitionError, "they overlap"),
        (
            {"context_wave": "week6"},
            DefinitionError,
            r"alliance opens on day 21.\nHint: rate the context before",
        ),
        ({"context_wave": "week9"}, DefinitionError, "there is no wave 'week9'"),
        ({"outcome_day": 60}, DefinitionError, "outcome of day 60 lies before day 84"),
        ({"context": "weather"}, DefinitionError, "no score is called 'weather'"),
        ({"context": "humanness", "alliance": "humanness"}, DefinitionError, "named twice"),
        ({"draws": 3}, ResponseDataError, "3 draws asked for"),
        ({"seed": -1}, ResponseDataError, "seed"),
    ],
)
def test_disorder_and_nonsense_are_refused(
    changes: Any, error: type[Exception], message: str, data: SimulatedStudy, usage: UsageSummary
) -> None:
    with pytest.raises(error, match=message):
        followed(data, usage, **changes)


def test_too_few_with_an_outcome_are_refused(data: SimulatedStudy, usage: UsageSummary) -> None:
    outcomes = data.outcomes.copy()
    outcomes.loc[25:, "distress_followup"] = np.nan
    with pytest.raises(NotEstimableError, match="people have every step of the chain"):
        followed(data, usage, outcomes=outcomes)


def test_a_known_hidden_cause_is_allowed_for() -> None:
    """With errors made to correlate by 0.4, the formula at 0.4 gives the true route, at 0 a wrong one."""
    rng = np.random.default_rng(6)
    n, rho = 200_000, 0.4
    x = rng.standard_normal(n)
    errors = rng.multivariate_normal([0, 0], [[1, rho * 1.5], [rho * 1.5, 2.25]], n)
    middle = 0.5 * x + errors[:, 0]
    end = 0.3 * x + 0.6 * middle + errors[:, 1]
    covariance = np.cov(np.column_stack([x, middle, end]), rowvar=False)[None]
    naive, right = indirect_given_rho(covariance, np.array([0.0, rho]))[0]
    assert right == pytest.approx(0.5 * 0.6, abs=0.01)
    assert naive - right > 0.2


def test_the_limit_of_doubt_lies_between_none_and_nothing() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal(500)
    middle = 0.5 * x + rng.standard_normal(500)
    end = 0.4 * middle + rng.standard_normal(500)
    table = np.column_stack([x, middle, end])
    found = under_hidden_cause(np.cov(table, rowvar=False), drawn_covariances(table, 300, 1))
    assert 0 < found.at_limit <= found.at_zero < 1
    unrelated = np.column_stack([x, middle, rng.standard_normal(500)])
    none = under_hidden_cause(np.cov(unrelated, rowvar=False), drawn_covariances(unrelated, 300, 1))
    assert none.at_limit == 0


def test_resamples_are_real_resamples() -> None:
    rng = np.random.default_rng(3)
    table = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 3))
    for k, covariance in enumerate(left_out_covariances(table)):
        wanted = np.cov(np.delete(table, k, axis=0), rowvar=False, ddof=0)
        np.testing.assert_allclose(covariance * 40 / 40, wanted, rtol=1e-6, atol=1e-7)
    drawn = drawn_covariances(table, 4000, 1)
    np.testing.assert_allclose(drawn.mean(axis=0), np.cov(table, rowvar=False, ddof=0) * 39 / 40, rtol=0.1)


def test_routes_of_a_known_chain() -> None:
    slopes = np.zeros((1, 4, 4))
    slopes[0, 1, 0], slopes[0, 2, 1], slopes[0, 3, 2], slopes[0, 3, 0] = 2, 3, 5, 7
    routes = all_routes(4)
    named = dict(zip(routes, strength_of(slopes, routes)[0], strict=True))
    assert named[0, 1, 2, 3] == 30 and named[0, 3] == 7 and named[0, 1, 3] == 0
    rows, sums = sums_of(routes)
    totals = dict(zip(rows, sums @ strength_of(slopes, routes)[0], strict=True))
    assert totals["total", 0, 3] == 37 and totals["all indirect", 0, 3] == 30
    identity = np.eye(4)[None]
    assert not chain_slopes(identity, 4).any()


def test_section_words_and_figures(data: SimulatedStudy) -> None:
    study = replace(data.data, covariates=None, times=None, scale=SCALE)
    context = build_context(study, seed=1)
    section = {**mechanism.TOPIC.run(context).plain(), "title": mechanism.TOPIC.title}
    for sentence in section["prose"]:
        for key in re.findall(r"\{(\w+)", sentence):
            assert key in section["values"], key
    words = " ".join(section["prose"])
    assert "cannot be read off these figures" in words
    assert not re.search(r"\b(improves|leads to|because of|mediates)\b", words)
    figures = build_figures(section, {})
    assert list(figures) == ["mechanism", "hidden_cause"]
    for figure in figures.values():
        assert to_svg(figure, 350).startswith("<svg")
        assert set(figure.tables) <= set(section["tables"])
    routes = pd.DataFrame(section["tables"]["routes"])
    for row in routes[routes["kind"] == "indirect"].to_dict("records"):
        assert f"{row['route']} {row['standardized']:.2f}".replace("-", "−") in figures["mechanism"].alt


def test_it_says_what_is_missing(data: SimulatedStudy) -> None:
    bare = build_context(StudyData(responses=data.responses, scale=SCALE, usage=data.usage), seed=1)
    assert "study file" in mechanism.TOPIC.lacks(bare)


def test_one_theme_makes_no_chain(data: SimulatedStudy, usage: UsageSummary) -> None:
    last = SCALE.themes[-1]
    alone = SCALE.model_copy(update={"themes": (last,)})
    with pytest.raises(DefinitionError, match="named twice"):
        mediate_adherence(data.responses, alone, usage, data.study, data.outcomes, draws=50)


@pytest.mark.parametrize(("units", "draws"), [(2, 30), (7, 99), (7, 100), (12, 101), (5, 250)])
def test_samples_are_those_of_one_call_however_many_are_drawn_at_once(units: int, draws: int) -> None:
    whole = np.random.default_rng(4).multinomial(units, np.full(units, 1 / units), size=draws)
    counts = drawn_counts(units, draws, 4)
    np.testing.assert_array_equal(counts, whole)
    assert not counts.flags.writeable and not np.array_equal(counts, drawn_counts(units, draws, 5))


def test_what_two_thousand_samples_hold_stays_small() -> None:
    """Before, a square of people was held to leave each out once: 0.8 GB of 10,000."""
    rng = np.random.default_rng(1)
    table = rng.normal(size=(4_000, 6))
    tracemalloc.start()
    left_out_covariances(table)
    drawn_covariances(table, 200, 1)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 30e6
