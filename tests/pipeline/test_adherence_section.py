"""The section on later use says what the landmark models say, and draws only what stands in its tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.models.context import REMAINING
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import adherence
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from instrument.study_data import StudyData


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=250, seed=3)


def section_of(data: SimulatedStudy, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "usage": data.usage,
        "outcomes": data.outcomes,
        "covariates": data.covariates,
        "study": data.study,
        "enrolment": data.enrolment,
        **changes,
    }
    study = StudyData(responses=data.responses, scale=instrument.load("dta"), **given)
    return adherence.TOPIC.run(build_context(study, seed=1)).plain()


@pytest.fixture(scope="module")
def section(data: SimulatedStudy) -> dict[str, Any]:
    return {**section_of(data), "title": adherence.TOPIC.title}


def test_values_are_those_of_the_models(section: dict[str, Any], data: SimulatedStudy) -> None:
    scores = instrument.score(data.responses, instrument.load("dta"))
    usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
    context = instrument.load("dta").themes[-1].id
    found = analysis.relate_adherence(
        scores, usage, data.study, data.outcomes, data.covariates, context=context
    )
    effects = found.effects
    row = effects[(effects["model"] == REMAINING) & (effects["predictor"] == "total")].iloc[0]
    for name in ("effect", "effect_lower", "effect_upper", "pvalue", "e_value"):
        assert section["values"][name] == row[name]
    flow = dict(zip(found.flow["step"].str.strip(), found.flow["n"], strict=True))
    assert section["values"]["enrolled"] == flow["enrolled"] == 250
    assert section["values"]["analysed"] == row["n"] == flow["analysed: remaining intended use"]
    assert section["method"]["n"] == row["n"]
    shown = [len(section["tables"][name]["model"]) for name in ("effects", "models")]
    assert sum(shown) == len(found.effects)
    assert shown[0] == found.effects["predictor"].nunique()


def test_figures_are_drawn_from_the_tables(section: dict[str, Any]) -> None:
    figures = build_figures(section, {})
    assert list(figures) == ["forest", "survival"]
    for figure in figures.values():
        assert to_svg(figure, 350).startswith("<svg")
        assert set(figure.tables) <= set(section["tables"])
        assert len(figure.alt) > 60
    effects = pd.DataFrame(section["tables"]["effects"])
    for value in effects["effect"]:
        assert f"{value:.2f}".replace("-", "−") in figures["forest"].alt


def test_a_curve_of_many_steps_keeps_points_of_its_own() -> None:
    times = np.sort(np.random.default_rng(1).uniform(0, 60, 900))
    long = pd.DataFrame({"third": "highest", "time": times, "surviving": np.linspace(1, 0.4, 900)})
    short = pd.DataFrame({"third": "lowest", "time": [0.0, 5.0], "surviving": [1.0, 0.5]})
    both = pd.concat([long, short], ignore_index=True)
    kept = adherence.thinned(both)
    curve = kept[kept["third"] == "highest"]
    assert 100 < len(curve) <= adherence.MOST_STEPS + 1
    assert curve.iloc[[0, -1]].to_numpy().tolist() == long.iloc[[0, -1]].to_numpy().tolist()
    assert set(curve["time"]) <= set(times)
    assert kept[kept["third"] == "lowest"].to_numpy().tolist() == short.to_numpy().tolist()


def test_words_claim_no_cause(section: dict[str, Any]) -> None:
    assert any("association, not proof" in sentence for sentence in section["prose"])
    assert not any(word in " ".join(section["prose"]) for word in ("leads to", "improves", "because of"))


def test_without_a_log_or_a_study_file_it_says_what_is_missing(data: SimulatedStudy) -> None:
    alone = StudyData(responses=data.responses, scale=instrument.load("dta"))
    bare = build_context(alone, seed=1)
    assert "usage log and a study file" in adherence.TOPIC.lacks(bare)
    no_study = build_context(replace(alone, usage=data.usage), seed=1)
    assert "study file" in adherence.TOPIC.lacks(no_study)
