"""The section on later use says what the landmark models say, and draws only what stands in its tables."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.design.steps import Step
from analysis.adherence.models.context import REMAINING
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline import populations
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import adherence
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.words import DAYS_WATCHED, EARLY_USE, ENROLLED, JOINED, START, WATCHABLE
from instrument.common.formatting import fill_prose
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


def test_the_first_theme_of_context_is_held_constant_where_it_has_a_score() -> None:
    def held(roles: list[str], names: list[str]) -> str | None:
        themes = [SimpleNamespace(id=f"t{k}", role=role) for k, role in enumerate(roles)]
        card = SimpleNamespace(names=names)
        context: Any = SimpleNamespace(scale=SimpleNamespace(themes=themes), card=card)
        return adherence.held_constant(context)

    roles = ["dimension", "context", "context"]
    assert held(roles, ["t0", "t1", "t2"]) == "t1"
    assert held(roles, ["t0", "t2"]) is None
    assert held(["dimension"], ["t0"]) is None


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
    # a shared copy leaves steps of few people out, so that the last one shown may be long before the end
    copy = build_figures({**section, "suppressed": {}}, {})["survival"].alt
    assert "Still using the app at the end: " in figures["survival"].alt
    assert copy == figures["survival"].alt.replace("at the end", "after the last step shown")


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


def told(**design: Any) -> list[str]:
    """Sentences on who was analysed, an effect, and the naive look, of a result put together by hand."""
    flow = pd.DataFrame(
        [
            (str(Step.ENROLLED), design.pop("start", START[ENROLLED]), 90),
            (str(Step.WITHDRAWN), "gone", 0),
            (str(Step.UNWATCHED), "later", 0),
            (str(Step.HAD_LEFT), "left", 11),
            (str(Step.ANALYSED), "analysed", 70),
        ],
        columns=["id", "step", "n"],
    )
    made = {"day": 21.0, "due": 6.0, "unit": "active_days", "due_differs": False, "adjusted_for": []}
    naive = pd.DataFrame({"odds_ratio": design.pop("naive", [1.9, 1.2])})
    effect = {"first": "Total", "effect": 0.4, "effect_lower": 0.1, "effect_upper": 0.7, "e_value": 1.5}
    effect |= design.pop("changed", {})
    found: Any = SimpleNamespace(flow=flow, design=made | design, naive=naive)
    values = {**adherence._counts(found), **effect, **adherence._naive(found)}
    return [fill_prose(sentence, values) for sentence in adherence._prose(values, found)]


def test_sentences_of_people_effect_and_naive_look_hold_their_own_numbers() -> None:
    who, gone, effect, naive = told()
    assert who == (
        "Of 90 people enrolled, 11 of those still watched on day 21, when the score counts as given, had left; "
        "70 could be analysed. 6 active days were still due."
    )
    assert gone == "Before that day 0 had withdrawn, and 0 were not watched for so long."
    assert "did 0.40 more of the 6 active days still due (95% interval 0.10 to 0.70)" in effect
    assert "with use before the landmark held constant" in effect and "1.50 to explain it away" in effect
    less = told(changed={"effect": -0.4, "effect_lower": -0.7, "effect_upper": -0.1})[2]
    assert "did less of the 6 active days still due (difference −0.40, 95% interval −0.70 to −0.10)" in less
    assert (
        "an odds ratio of 1.90, where use after it gives 1.20" in naive
    )  # with early use first, then without
    gone = told(changed={"withdrawn": 20, "unwatched": 3})[1]
    assert gone == "Before that day 20 had withdrawn, and 3 were not watched for so long."
    who = told(due_differs=True, start="people with use in the log")[0]
    assert who.startswith("Of 90 people with use in the log, 11")
    assert who.endswith("6 active days were still due of those watched to the end.")
    assert len(told(naive=[1.9])) == len(told(naive=[])) == 3


@pytest.mark.parametrize(
    ("adjusted", "held"),
    [
        ([], "use before the landmark"),
        ([*EARLY_USE, "events_of_coach, message_before"], "use before the landmark"),
        ([JOINED], "use before the landmark and the time of enrolment"),
        (
            [JOINED, "the weekday of enrolment", "the time of the month of enrolment"],
            "use before the landmark and the time of enrolment",
        ),
        (
            [JOINED, "the time of enrolment as a curve", "early use by the time of enrolment"],
            "use before the landmark and the time of enrolment",
        ),
        (["early use by friends"], "use before the landmark and the declared covariates"),
        (["age", WATCHABLE], f"use before the landmark, {DAYS_WATCHED} and the declared covariates"),
        (
            [JOINED, WATCHABLE, "age", "site"],
            f"use before the landmark, the time of enrolment, {DAYS_WATCHED} and the declared covariates",
        ),
    ],
)
def test_what_was_held_constant_is_named_once_each(adjusted: list[str], held: str) -> None:
    assert f", with {held} held constant." in told(adjusted_for=adjusted)[2]


def test_the_naive_odds_are_those_of_the_naive_analysis(section: dict[str, Any]) -> None:
    table = section["tables"]["naive"]
    naive, landmark = table["odds_ratio"]
    assert "landmark" in table["analysis"][1] and "landmark" not in table["analysis"][0]
    assert (section["values"]["naive_odds"], section["values"]["landmark_odds"]) == (naive, landmark)


def test_checks_of_hazards_are_of_all_terms_and_of_the_score_by_name() -> None:
    rows = [("total", "GLOBAL", 7.0, 0.1), ("total", "total", 3.0, 0.2), ("total", "age", 2.0, 0.3)]
    hazards = pd.DataFrame(rows, columns=["predictor", "term", "chisq", "pvalue"])
    none = pd.DataFrame()
    found: Any = SimpleNamespace(proportional_hazards=hazards, shape=none, discrimination=none)
    frame = adherence._checks(found, {"total": "Total"}).frame
    assert frame[["check", "value", "pvalue", "title"]].values.tolist() == [
        ["Constant hazard ratio, all terms", 7.0, 0.1, "Total"],
        ["Constant hazard ratio, this score", 3.0, 0.2, "Total"],
    ]


def test_a_thinned_curve_is_where_the_curve_stands_at_even_times() -> None:
    times = np.sort(np.random.default_rng(2).uniform(0, 60, 700))
    curves = pd.DataFrame({"third": "middle", "group": "middle of Total", "time": times})
    curves = curves.assign(surviving=np.linspace(1, 0.4, 700))
    even = np.linspace(times[0], times[-1], adherence.MOST_STEPS)
    want = sorted({max(time for time in times if time <= moment) for moment in even})
    assert adherence.thinned(curves)["time"].tolist() == want
    none: Any = SimpleNamespace(curves=curves.head(9), risk_table=curves.head(0))
    many: Any = SimpleNamespace(curves=curves, risk_table=curves.head(0))
    notes = [adherence._survival(found, "Total")["curves"].note for found in (none, many)]
    assert notes[0] == "" and "150 evenly spaced in time are kept" in notes[1]


def test_those_who_left_are_without_a_score_without_a_covariate_or_analysed(section: dict[str, Any]) -> None:
    flow = section["tables"]["flow"]
    n = dict(zip(flow["id"], flow["n"], strict=True))
    wanted = n[Step.HAD_LEFT] - n[Step.NO_SCORE_LEFT] - n[Step.ANALYSED_LEFT]
    name = populations.step("left, a covariate is missing")[1]
    assert section["account"]["populations"][name] == wanted and n[Step.NO_SCORE_LEFT] > 0
