"""A study as one object: the same validation as its tables one by one, and nobody's answers in its words."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.design.windows import Windows, use_by_window
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.course import UseCourse, use_course
from instrument.errors import DefinitionError, ResponseDataError, ToolkitError
from instrument.study import as_study
from instrument.study_data import StudyData

TOPICS = ("flow", "screening", "scores", "use")


@pytest.fixture(scope="module")
def simulated() -> SimulatedStudy:
    return simulate_study("dta_example_0_2", n=60, seed=3)


def test_it_is_public_under_both_roofs() -> None:
    assert analysis.StudyData is instrument.StudyData is StudyData


def test_a_study_gives_what_its_tables_give(simulated: SimulatedStudy) -> None:
    of_tables = analysis.validate(
        simulated.responses,
        simulated.instrument,
        simulated.usage,
        simulated.outcomes,
        as_study(simulated.study),
        simulated.covariates,
        times=simulated.administrations[["participant", "wave", "seconds"]],
        enrolment=simulated.enrolment,
        audit=simulated.audit,
        topics=TOPICS,
        seed=4,
    )
    of_study = analysis.validate(simulated.data, topics=TOPICS, seed=4)
    assert of_study.to_dict() == of_tables.to_dict()
    assert of_study.to_dict()["sections"]["flow"]["status"] == "ok"


def test_every_table_of_the_study_is_used(simulated: SimulatedStudy) -> None:
    """Leaving out any of them changes the fingerprints of what was analysed."""
    whole = set(analysis.validate(simulated.data, topics=["flow"]).to_dict()["meta"]["checksums"])
    for name in ("usage", "outcomes", "covariates", "times", "enrolment", "audit"):
        fewer = replace(simulated.data, **{name: None})
        left = set(analysis.validate(fewer, topics=["flow"]).to_dict()["meta"]["checksums"])
        assert whole - left == {name}


def test_a_log_that_was_summarised_is_read_again_by_what_comes_with_it(simulated: SimulatedStudy) -> None:
    study = as_study(simulated.study)
    summary = analysis.summarise_usage(simulated.usage, study, participants=simulated.enrolment)
    asked: list[object] = []

    def over_time(*given: object, **more: object) -> UseCourse:
        asked.append(given)
        return use_course(simulated.usage, study, *given, participants=simulated.enrolment, **more)

    without = analysis.validate(replace(simulated.data, usage=summary), topics=["use_course"]).to_dict()
    with_log = analysis.validate(
        simulated.responses,
        simulated.instrument,
        summary,
        study=study,
        enrolment=simulated.enrolment,
        use_over_time=over_time,
        topics=["use_course"],
    ).to_dict()
    assert without["sections"]["use_course"]["status"] != "ok" and asked
    assert with_log["sections"]["use_course"]["status"] == "ok"


def test_use_between_ratings_comes_from_whoever_reads_the_log_again(simulated: SimulatedStudy) -> None:
    study = as_study(simulated.study)
    summary = analysis.summarise_usage(simulated.usage, study, participants=simulated.enrolment)
    asked: list[int] = []

    def by_wave() -> Windows:
        asked.append(1)
        return use_by_window(simulated.usage, study, participants=simulated.enrolment, known=summary)

    found = analysis.validate(
        simulated.responses,
        simulated.instrument,
        summary,
        study=study,
        enrolment=simulated.enrolment,
        use_by_wave=by_wave,
        topics=["adherence"],
    ).to_dict()
    assert asked == [1]
    assert set(found["sections"]["adherence"]["tables"]) >= {"waves", "wave_people"}


@pytest.mark.parametrize("name", ["scale", "usage", "outcomes", "study", "times", "measures", "waves"])
def test_two_of_one_kind_are_refused(simulated: SimulatedStudy, name: str) -> None:
    given = {
        "scale": simulated.instrument,
        "usage": simulated.usage,
        "outcomes": simulated.outcomes,
        "study": as_study(simulated.study),
        "times": simulated.administrations,
        "measures": [(simulated.responses, simulated.instrument)],
        "waves": ["t1"],
    }[name]
    with pytest.raises(DefinitionError, match=f"'{name}' given beside a study that holds its own tables"):
        analysis.validate(simulated.data, **{name: given})


@pytest.mark.parametrize("measures", [((1,),), ((1, 2, 3),), ("ab",), (None,)])
def test_other_questionnaires_are_pairs(simulated: SimulatedStudy, measures: tuple[object, ...]) -> None:
    with pytest.raises(ToolkitError, match="measures holds something other than pairs"):
        analysis.validate(replace(simulated.data, measures=measures), topics=["flow"])
    with pytest.raises(DefinitionError, match="the scale is a str, not an instrument"):
        analysis.validate(replace(simulated.data, measures=((simulated.responses, "dta"),)), topics=["flow"])


def test_what_holds_the_tables_is_not_taken_for_one_of_them(simulated: SimulatedStudy) -> None:
    with pytest.raises(
        ResponseDataError, match=r"is a SimulatedStudy\.\nHint: .*study\.data in place of study"
    ):
        analysis.validate(simulated)  # type: ignore[arg-type]
    for held in (simulated, simulated.data):
        with pytest.raises(ResponseDataError, match=r"Hint: .*study\.responses in place of study"):
            instrument.score(held, simulated.instrument)  # type: ignore[arg-type]


def test_answers_without_a_scale_are_refused(simulated: SimulatedStudy) -> None:
    with pytest.raises(ToolkitError):
        analysis.validate(simulated.responses)


def test_it_tells_how_much_there_is_and_nobody() -> None:
    scale = instrument.load("dta@0.2.0")
    answers = pd.DataFrame({"participant": ["anna", "anna", "ben"], "wave": ["a", "b", "a"]})
    alone = StudyData(responses=answers, scale=scale)
    assert repr(alone) == "StudyData: dta 0.2.0, 3 administrations of 2 people"
    one = StudyData(responses=answers.head(1), scale=scale, usage=answers, outcomes=answers.head(1))
    words = "StudyData: dta 0.2.0, 1 administration of 1 person; with usage (3 rows), outcomes (1 row)"
    assert repr(one) == words
    assert one._repr_html_() == f"<p>{words}</p>"
    summary = StudyData(responses=answers, scale=scale, usage=object(), measures=((answers, scale),))
    assert repr(summary).endswith("of 2 people; with usage, measures")
    assert "anna" not in repr(one) + repr(summary)
