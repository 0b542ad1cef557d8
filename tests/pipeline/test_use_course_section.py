"""The section on the course of use says what its models say, and no more, whatever the population."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.claims.claims import Claim, Doubt
from analysis.adherence.design.landmark import assemble
from analysis.adherence.over_time import pauses
from analysis.adherence.over_time.landmark_scan import ScanResult, landmarks_of, scan_course
from analysis.adherence.over_time.pauses import ComingBack, returns_of, stretches_away
from analysis.figures.base import to_svg
from analysis.figures.registry import build_figures
from analysis.pipeline.context import Context, build_context
from analysis.pipeline.topics import use_course as topic
from analysis.pipeline.topics.adherence import TOPIC
from analysis.report.view import prose
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.course import use_course
from instrument.common.formatting import fill_prose
from instrument.errors import NotEstimableError
from instrument.study import as_study
from instrument.study_data import StudyData
from tests.recovery import held_doubts  # noqa: F401  adds its populations
from tests.recovery.held_populations import POPULATIONS, base_study, logs

SCALE = instrument.load("dta")
LONGEST = 9
CAUSAL = re.compile(
    r"\b(keeps?|leads? to|improves?|because of|brings back|effect of|drives?|makes people come)\b"
)


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=180, seed=5)


def context_of(data: SimulatedStudy, **changes: Any) -> Context:
    given = {name: getattr(data, name) for name in ("usage", "outcomes", "covariates", "enrolment")}
    given |= {
        "study": as_study(data.study).model_copy(update={"pause_days": LONGEST}),
    }
    return build_context(StudyData(responses=data.responses, scale=SCALE, **(given | changes)), seed=1)


@pytest.fixture(scope="module")
def context(data: SimulatedStudy) -> Context:
    return context_of(data)


@pytest.fixture(scope="module")
def section(context: Context) -> dict[str, Any]:
    return {**topic.TOPIC.run(context).plain(), "title": topic.TOPIC.title, "status": "ok"}


def test_the_scan_is_that_of_the_public_function(section: dict[str, Any], data: SimulatedStudy) -> None:
    scores = instrument.score(data.responses, SCALE)
    made = analysis.landmark_scan(
        scores,
        data.usage,
        data.study,
        participants=data.enrolment,
        outcomes=data.outcomes,
        covariates=data.covariates,
        seed=1,
    )
    shown = pd.DataFrame(section["tables"]["scan"])
    expected = made.effects.drop(columns=["n", "later_answers"])
    assert shown["day"].tolist() == list(range(28, 84, 7)) and set(shown) == set(expected)
    for name in expected:
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(shown[name].to_numpy(float), expected[name], rtol=1e-9)
        else:
            assert shown[name].tolist() == expected[name].tolist()
    assert section["values"]["scan_p"] == made.tests["pvalue"].iloc[0]
    assert section["method"]["n"] == section["values"]["scan_people"] == made.effects["n"].min()


def test_landmarks_of_the_scan_are_a_week_apart_whatever_the_landmark_of_the_study(
    data: SimulatedStudy,
) -> None:
    """Use and leaving are followed from the study's own landmark: those days are none of the scan's."""
    study = as_study(data.study)
    assert study.landmark is not None
    moved = study.model_copy(update={"landmark": study.landmark.model_copy(update={"day": 31})})
    made = topic.TOPIC.run(context_of(data, study=moved)).plain()
    assert made["tables"]["scan"]["day"] == [28, 35, 42, 49, 56, 63, 70, 77]
    assert made["values"]["scan_landmarks"] == 8


def test_no_landmark_lies_where_no_whole_unit_is_due_any_more(data: SimulatedStudy) -> None:
    """Of twelve sessions in twelve weeks none is due after day 77; the default looks no further."""
    study = as_study(data.study)
    later = [w.model_copy(update={"closes": 32, "opens": 21}) if w.id == "week3" else w for w in study.waves]
    assert landmarks_of(study.model_copy(update={"waves": later})) == [32, 39, 46, 53, 60, 67, 74]


def test_returns_are_those_of_the_public_function_on_rows_made_by_pandas(
    section: dict[str, Any], data: SimulatedStudy, context: Context
) -> None:
    study = as_study(data.study)
    usage = analysis.summarise_usage(data.usage, study, participants=data.enrolment)
    end = usage.people.assign(participant=usage.people["participant"].astype(str)).set_index("participant")
    log = data.usage.assign(participant=data.usage["participant"].astype(str))
    late = log["day"] > log["received_day"] + 5 / 1440  # a clock ahead: taken at arrival
    log["day"] = log["day"].where(~late, log["received_day"]).astype(float)
    rows = []
    for who, mine in log.groupby("participant"):
        if who not in end.index:
            continue
        seen = float(end.loc[who, "end_day"])
        days = np.sort(mine["day"][(mine["day"] >= 0) & (mine["day"] <= seen)].to_numpy(float))
        days = days[days < study.study_days]
        for last, back in itertools.pairwise([*days, np.inf]):
            start, stop = max(last + LONGEST, 28.0), min(back, seen)
            if stop > start:
                rows.append((who, start, stop, float(back <= seen)))
    away = pd.DataFrame(rows, columns=["participant", "from", "to", "back"])
    names = sorted(context.card.names, key=lambda name: name != "total")
    design = assemble(context.card.scores, usage, study, data.outcomes, data.covariates, names, None, "week3")
    away = away.merge(design.frame, on="participant")
    values, table = section["values"], pd.DataFrame(section["tables"]["returns"]).set_index("predictor")
    assert values["pauses"] == len(away) and values["pause_returns"] == away["back"].sum()
    assert values["pause_people"] == away["participant"].nunique()
    assert list(table.index) == names
    others = [name for name in design.adjusters if name not in design.early]
    room = int(away["back"].sum()) // 10 - 1
    candidates = [*design.early[:2], *others, *design.early[2:]]
    held = [name for name in candidates if away[name].nunique() > 1][:room]
    made = analysis.recurrent_events(
        away, start="from", stop="to", event="back", predictors=["total"], adjust_for=held, numbers=held
    ).effects.iloc[0]
    for name in ("n_people", "n_rows", "events", "ratio", "se", "ci_lower", "ci_upper", "pvalue"):
        assert table.loc["total", name] == pytest.approx(made[name], rel=1e-9)
    assert values["return_ratio"] == pytest.approx(made["ratio"])
    assert values.get("pause_left_out", 0) == len(design.adjusters) - len(held)
    assert values["pause_days"] == LONGEST and values["pause_from"] == 28


def test_figures_show_every_row(section: dict[str, Any]) -> None:
    figures = build_figures(section, {})
    assert list(figures) == ["scan", "returns"]
    for name, column in (("scan", "estimate"), ("returns", "ratio")):
        assert to_svg(figures[name], 350).startswith("<svg")
        digits = 1 if name == "scan" else 2
        for value in section["tables"][name][column]:
            assert f"{value:.{digits}f}".replace("-", "−") in figures[name].alt


def scan_with(bands: list[tuple[float, float]], claims: list[Claim], doubts: list[str], p: float) -> Any:
    frame = pd.DataFrame({"day": [28 + 7 * k for k in range(len(bands))], "n": 90})
    frame[["band_lower", "band_upper"]] = bands
    frame = frame.assign(claim=[str(claim) for claim in claims], doubts=doubts)
    return SimpleNamespace(effects=frame, tests=pd.DataFrame({"pvalue": [p]}))


NOT, UNTOLD, SUPPORTED = Claim.NOT_FOUND, Claim.UNTOLD, Claim.SUPPORTED
ZERO, ABOVE, BELOW = (-1.0, 1.0), (0.1, 2.0), (-2.0, -0.1)


@pytest.mark.parametrize(
    ("bands", "claims", "doubts", "said", "unsaid"),
    [
        ([ZERO, ZERO], [NOT, NOT], ["", ""], "not found, which does not show", "cannot be told|supported"),
        (
            [ABOVE, ZERO],
            [UNTOLD, NOT],
            ["habit", ""],
            "on day 28: .* lasting habit",
            "supported|not found, which",
        ),
        ([ABOVE, BELOW], [UNTOLD, UNTOLD], ["habit, silence", "groups"], "days 28, 35: .*alike", "supported"),
        ([BELOW, ZERO], [UNTOLD, NOT], ["", ""], "no model of it stood up", "supported"),
        (
            [ABOVE, ABOVE],
            [SUPPORTED, UNTOLD],
            ["", "habit"],
            "supported on day 28 as.*leaves the unrelated feature and rating alone, can give",
            "lasting",
        ),
        (
            [ZERO, ZERO],
            [UNTOLD, NOT],
            ["lost use", ""],
            "zero at every one of them[.] Of day 28 nothing can be told although .*: the log shows that use",
            "not found, which|supported",
        ),
        (
            [ABOVE, ZERO],
            [UNTOLD, UNTOLD],
            ["habit", "withdrawal"],
            "on day 28: .* lasting habit that moves rating and use would look the same[.] Of day 35 .*withdraws",
            "supported",
        ),
    ],
)
def test_words_of_the_scan_follow_band_and_claim(
    bands: list[tuple[float, float]], claims: list[Claim], doubts: list[str], said: str, unsaid: str
) -> None:
    for p in (0.01, 0.4):
        sentences, values = topic.scan_told(scan_with(bands, claims, doubts, p), "Total")
        text = " ".join(fill_prose(sentence, values) for sentence in sentences)
        assert re.search(said, text) and not re.search(unsaid, text)
        assert ("differ between landmarks (p" in text) == (p < 0.05)
        assert not CAUSAL.search(text) and "{" not in text


@pytest.mark.parametrize(
    ("limits", "claim", "said"),
    [
        ((0.8, 1.2), NOT, "not found, which does not show"),
        ((0.8, 1.2), UNTOLD, "it includes 1, but whether the score goes with it cannot be told"),
        ((0.8, 1.0), UNTOLD, "it includes 1, but"),
        ((1.1, 1.6), UNTOLD, "an association, of which it cannot be told"),
    ],
)
def test_coming_back_is_told_by_claim_and_interval(
    limits: tuple[float, float], claim: Claim, said: str
) -> None:
    row = {"predictor": "total", "ratio": 1.0, "ci_lower": limits[0], "ci_upper": limits[1]}
    made = SimpleNamespace(
        effects=pd.DataFrame([{**row, "claim": str(claim)}]), n_people=20, n_stretches=30, n_returns=20
    )
    sentences, values = topic.returns_told(made, "total", {"total": "Total"}, 7.0, 28)
    assert said in " ".join(fill_prose(sentence, values) for sentence in sentences)


@pytest.mark.parametrize("lost", [True, False])
def test_returns_are_told_only_of_a_log_that_holds_them(lost: bool) -> None:
    effects = pd.DataFrame({"term": ["total"], "ci_lower": [0.8], "ci_upper": [1.3]})
    row = pauses._row("total", SimpleNamespace(effects=effects), lost=lost).iloc[0]
    assert row["claim"] == str(UNTOLD if lost else NOT) and row["predictor"] == "total"
    away = effects.assign(ci_lower=1.1)
    assert pauses._row("total", SimpleNamespace(effects=away), lost=lost)["claim"].tolist() == [str(UNTOLD)]


def test_every_doubt_has_words() -> None:
    assert set(topic.DOUBTS) == set(Doubt) and set(topic.RETURN_SAID) == {NOT, UNTOLD}


def one_study(name: str, seed: int = 3) -> tuple[ScanResult, ComingBack | str]:
    """Scan and returns of one study of a population, its rating given at one wave."""
    held = POPULATIONS[name]
    rng = np.random.default_rng([seed, list(POPULATIONS).index(name)])
    n = min(held.n, 300)
    drawn = held.draw(rng, n, np.zeros(n, dtype=int))
    log = logs(drawn, rng)
    people = pd.DataFrame({"participant": np.arange(n), **drawn.enrolment})
    plan = as_study(base_study(**held.study))
    course = use_course(log, plan, [28, 42, 56], longest=7.0, participants=people)
    scores = pd.DataFrame({"participant": np.arange(n), "wave": "1", "total": drawn.score}).dropna()
    side = pd.DataFrame({"participant": np.arange(n), **drawn.covariates})
    made = scan_course(scores, course, plan, predictor="total", covariates=side)
    design = assemble(scores, course.at[28], plan, None, side, ["total"], None, "1", plan.cluster)
    away = stretches_away(course.pauses, course.at[28].people, longest=7.0, landmark=28.0)
    try:
        return made, returns_of(away, design, ["total"])
    except NotEstimableError as error:
        return made, str(error)


def sentences_of(name: str) -> str:
    scan, back = one_study(name)
    said, values = topic.scan_told(scan, "Total")
    filled = [fill_prose(sentence, values) for sentence in said]
    away = (scan.effects["band_lower"] > 0) | (scan.effects["band_upper"] < 0)
    # the words claim nothing where the band includes zero, and no more than the landmark model does
    assert any(sentence.startswith("The band does not include zero") for sentence in filled) == bool(
        away.any()
    )
    assert ("supported on" in " ".join(filled)) == bool((scan.effects["claim"] == str(SUPPORTED)).any())
    if isinstance(back, ComingBack):
        said, values = topic.returns_told(back, "total", {"total": "Total"}, 7.0, 28)
        filled += [fill_prose(sentence, values) for sentence in said]
        row = back.effects.iloc[0]
        found = not row["ci_lower"] <= 1 <= row["ci_upper"]
        assert any("whether it has a reason of its own. Only people who pause" in s for s in filled) == found
        assert set(back.effects["claim"]) <= {str(NOT), str(UNTOLD)}
    return " ".join(filled)


HOSTILE = (
    "a hidden habit",
    "no effect, early use far beyond",
    "sicker people leave and rate lower, severity hidden",
    "recovery ends use, no reason is known",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_sentence_claims_what_a_population_does_not_hold(name: str) -> None:
    text = sentences_of(name)
    assert not CAUSAL.search(text) and "supported" not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in POPULATIONS if name not in HOSTILE])
def test_no_sentence_claims_what_any_population_does_not_hold(name: str) -> None:
    text = sentences_of(name)
    assert not CAUSAL.search(text)
    if not name.startswith(("true effect", "something")):
        assert "supported" not in text


def test_a_summary_alone_names_what_is_missing_and_a_reader_of_the_log_is_asked(
    data: SimulatedStudy, context: Context, section: dict[str, Any]
) -> None:
    usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
    with pytest.raises(NotEstimableError, match="the log was summarised before"):
        topic.TOPIC.run(context_of(data, usage=usage))
    asked: list[Any] = []

    def over_time(days: list[int], *, longest: float) -> Any:
        asked.append((days, longest))
        return topic.course_of(context)

    again = topic.TOPIC.run(context_of(data, usage=usage, use_over_time=over_time)).plain()
    assert asked == [(list(range(28, 84, 7)), float(LONGEST))]
    assert again["tables"] == section["tables"] and prose(again) == prose(section)


def test_without_a_landmark_the_section_says_what_it_needs(data: SimulatedStudy) -> None:
    bare = as_study(data.study).model_copy(update={"landmark": None})
    assert "Needs a landmark" in topic.TOPIC.lacks(context_of(data, study=bare))
    assert "usage log" in topic.TOPIC.lacks(context_of(data, usage=None))


def test_a_rating_that_came_late_enters_neither_leaving_nor_coming_back() -> None:
    """It was asked at the landmark wave and answered when the use that it goes with had begun."""
    drawn = simulate_study("dta_example", n=120, seed=2)
    landmark = as_study(drawn.study).landmark
    assert landmark is not None
    rated = drawn.responses.loc[drawn.responses["wave"].astype(str) == str(landmark.wave), "participant"]
    late = set(rated.iloc[:9])
    times = pd.DataFrame({"participant": rated, "wave": str(landmark.wave)})
    times = times.assign(day=np.where(rated.isin(late), landmark.day + 5.0, landmark.day - 2.0))
    found = {}
    for name, given in (("all", None), ("in time", times)):
        context = build_context(replace(drawn.data, times=given), seed=1)
        design = topic._design(context, topic.course_of(context), {"total": "Total"})
        found[name] = set(design.frame["participant"])
        table = TOPIC.analysed(context)["later_use"]
        assert set(table["participant"]) == found[name]  # the same people are fitted again in R
    assert found["all"] & late and found["in time"] == found["all"] - late


@pytest.mark.parametrize("every", [3, None], ids=["everybody to the end", "nobody"])
def test_sections_on_use_are_written_where_all_did_alike(data: SimulatedStudy, every: int | None) -> None:
    """A small study in which all did everything, or nobody came after the first day, ended in an error."""
    days = [0.5] if every is None else np.arange(0.5, 84, every)
    names = list(data.enrolment["participant"])
    log = pd.DataFrame(
        [(name, day, "session_completed", 5.0) for name in names for day in days],
        columns=["participant", "day", "kind", "duration"],
    )
    enrolment = data.enrolment.assign(withdrawn_day=np.nan)
    log["kind"] = log["kind"] if every else "login"
    context = context_of(data, usage=log, enrolment=enrolment)
    later = TOPIC.run(context).plain()
    assert later["values"]["had_left"] == (0 if every else len(names))
    share = "the same share" if every else "nothing"
    assert any(f"everybody analysed did {share} of what was still due" in line for line in later["problems"])
    assert any(
        "repeated ratings: no model could be estimated: the outcome has" in p for p in later["problems"]
    )
    assert not later["tables"].get("measured") and "effect" not in later["values"]
    reason = "nobody of those who can be analysed " + ("paused after" if every else "was using the app at")
    with pytest.raises(NotEstimableError, match=f"{reason} the landmark"):
        topic.TOPIC.run(context)
