"""Scores and use over the course of a study: landmark after landmark, and coming back after a pause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.adherence.claims.claims import Claim, Doubt
from analysis.adherence.design.landmark import assemble, refuse_overlap
from analysis.adherence.design.steps import Step
from analysis.adherence.over_time.landmark_scan import WEEK, landmarks_of, scan_course
from analysis.adherence.over_time.pauses import returns_of, stretches_away
from analysis.adherence.over_time.weeks_together import together
from analysis.disclosure.kinds import GIVEN, TEXT, each, notes, people, statistic
from analysis.disclosure.ledger import Account
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.in_time import card_in_time, days_of
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.topics.adherence_measured import Part
from analysis.pipeline.topics.use import enrolled, lacks_use, usage_of
from analysis.pipeline.topics.use_course_together import together_part
from analysis.pipeline.twinned.in_use import twins_of_use
from instrument.errors import NotEstimableError, ToolkitError, fact_and_hint

if TYPE_CHECKING:
    from analysis.adherence.design.landmark import LandmarkDesign
    from analysis.adherence.over_time.landmark_scan import ScanResult
    from analysis.adherence.over_time.pauses import ComingBack
    from analysis.usage.course import UseCourse

WHAT = (
    "The same question was asked at {scan_landmarks:int} landmarks from day {scan_first:int} to day "
    "{scan_last:int}, a week apart: whether the last rating of {scan_title} given by then goes with what is "
    "done of what is still due, use before held constant. The band holds at all of them at once, since among "
    "so many one would look large by chance."
)
BUT_UNTOLD = (
    "Of {scan_untold} nothing can be told although the band includes zero there: {scan_untold_doubts}."
)
NOWHERE_TOLD = "The band includes zero at every one of them."
NOWHERE = (
    "The band includes zero at every one of them: not found, which does not show that there is no "
    "association."
)
SOMEWHERE = "The band does not include zero on {scan_days}: "
UNTOLD = (
    "an association with {scan_direction} use, of which it cannot be told from these data whether it has a "
    "reason of its own: {scan_doubts}."
)
SUPPORTED = (
    "an association with {scan_direction} use, supported on {scan_supported} as far as one rating can be: it "
    "survives the doubts that the section on later use names, and stands or falls with them. A larger cause "
    "that nobody measured, and that leaves the unrelated feature and rating alone, can give the same "
    "picture, and so does what the app or its people did in answer to a rating. Nobody was given a rating."
)
DOUBTS = {
    Doubt.BENCHMARK: "a hidden cause as strong as a measured one would explain it away",
    Doubt.HABIT: "a lasting habit that moves rating and use would look the same",
    Doubt.SILENCE: "who chose to answer could produce it",
    Doubt.GROUPS: "people of one group may be alike",
    Doubt.COLUMN: "with a column held constant that nobody declared it is not found",
    Doubt.EARLIER: "it goes with use before enrolment, which no rating can have moved",
    Doubt.CONTROL: "one hidden cause of all use of the app would look the same",
    Doubt.RATING: "one hidden cause of ratings and use would look the same",
    Doubt.NO_RATING: (
        "nothing in the answers could show a cause of rating and intended use alone (the study names no "
        "unrelated rating)"
    ),
    Doubt.WITHDRAWAL: "who withdraws goes with the score, and that moves the estimate",
    Doubt.LOST: "the log shows that use of some people may be missing from it",
    Doubt.NO_CONTROL: (
        "nothing in the log could show a cause that nobody measured (the study names no unrelated feature)"
    ),
}
NO_MODEL = "no model of it stood up to being asked"
DIFFER = (
    "The effects differ between landmarks (p = {scan_p:p}). That does not say in which week a rating "
    "matters: ratings grow old, and less is due from week to week."
)
ALIKE = "That the effects differ between landmarks was not found (p = {scan_p:p})."
PAUSES = (
    "A pause is more than {pause_days:int} [[day|days]] without use. Of those analysed, "
    "{pause_people:int} had {pauses:int} [[pause|pauses]] after day {pause_from:int}, of which "
    "{pause_returns:int} ended by coming back. "
    "Among them one standard deviation more of {pause_title} goes with {return_ratio:d2} times the rate of "
    "coming back (95% interval {return_lower:d2} to {return_upper:d2})"
)
RETURN_SAID = {
    Claim.NOT_FOUND: ": not found, which does not show that there is no association.",
    Claim.UNTOLD: (
        ": an association, of which it cannot be told whether it has a reason of its own. Only people who "
        "pause are compared: who pauses may hang on the score and on what brings people back, and a lasting "
        "habit would do the same."
    ),
}
RETURN_UNSEEN = (
    ": it includes 1, but whether the score goes with it cannot be told, since use of some people may be "
    "missing from the log."
)
FEWER = (
    "So few returns allow less adjustment than the models of remaining use: {pause_left_out:int} "
    "[[column is|columns are]] not held constant here, of use before the landmark and of covariates."
)
GONE = "Whoever left for good counts as away until the end of watching."


def section_use_course(context: Context) -> Section:
    """Scan the landmarks of every week for the first score; returns after a pause for every score."""
    study = context.study
    if study is None:
        raise NotEstimableError(fact_and_hint("validate", "there is no study file.", "give one."))
    names = sorted(context.card.names, key=lambda name: name != "total")
    titles = {name: context.title_of(name) for name in names}
    first = next(iter(titles))
    course = course_of(context)
    scanned = _scanned(context, course, first, titles[first])
    returned = _returned(context, course, titles)
    parts = (scanned, _together(context, course, titles), returned)
    if not any(part.tables for part in parts):
        said = "; ".join(problem for part in parts for problem in part.problems)
        raise NotEstimableError(fact_and_hint("use_course", f"{said}.", "gather more people."))
    known = {key: value for part in parts for key, value in part.values.items()}
    account = Account()
    steps = {"scan_people": "scanned", "joint_people": "together", "pause_people": "paused"}
    for key, name in steps.items():
        if key in known:
            account.part(populations.step(Step.ENROLLED), populations.step(name))
    if any(key in known for key in steps):
        account.population(populations.step(Step.ENROLLED), len(usage_of(context).people))
    tables = {name: table for part in parts for name, table in part.tables.items()}
    return Section(
        estimator="quasi-binomial logit at each landmark; weekly counts and leaving with a shared "
        "propensity; Andersen-Gill model of coming back",
        n=known.get("scan_people", known.get("pause_people")),
        n_kind=people(weight=3),
        missing="complete cases: a rating by the landmark, and what is held constant",
        seed=context.seed,
        options={"pause, days": study.longest_without_pause},
        option_kinds={"pause, days": GIVEN},
        prose=[sentence for part in parts for sentence in part.sentences],
        values=known,
        value_kinds={key: kind for part in parts for key, kind in part.kinds.items()},
        account=account,
        tables=tables,
        figures=[name for name in ("scan", "returns") if name in tables],
        problems=[problem for part in parts for problem in part.problems],
    )


def course_of(context: Context) -> UseCourse:
    """Read the log once for all landmarks; whoever summarised it before hands a reader over."""
    from analysis.usage.course import use_course
    from analysis.usage.summarise_usage import UsageSummary

    study = context.study
    if study is None or study.landmark is None:
        raise NotEstimableError(fact_and_hint("use_course", "there is no landmark.", "name one."))
    usage_of(context)  # refuses a log that ends too early
    # Weeks from the landmark on, too: use and leaving are followed from there.
    weeks = range(study.landmark.day, study.study_days, WEEK)
    days = sorted({*landmarks_of(study), *weeks})
    longest = float(study.longest_without_pause)
    if context.use_over_time is not None:
        return context.once("course", partial(context.use_over_time, days, longest=longest))
    if isinstance(context.usage, UsageSummary):
        fact = "the log was summarised before, so that use around other landmarks is not known."
        hint = "give the log itself, or use_over_time."
        raise NotEstimableError(fact_and_hint("use_course", fact, hint))
    return context.once(
        "course",
        lambda: use_course(context.usage, study, days, longest=longest, participants=enrolled(context)[0]),
    )


def _scanned(context: Context, course: UseCourse, name: str, title: str) -> Part:
    if context.study is None:
        raise ValueError("asked of a study only")
    times = days_of(context)
    weekly = {day: course.at[day] for day in landmarks_of(context.study)}  # not those of use and leaving
    try:
        made = scan_course(
            context.card.scores,
            replace(course, at=weekly),
            context.study,
            predictor=name,
            times=times,
            outcomes=context.outcomes,
            covariates=context.known_covariates,
            seed=context.seed,
        )
    except ToolkitError as error:
        return Part(problems=by_reason([("landmark after landmark", _reason(error))]))
    said, values = scan_told(made, title)
    noted, more, note_kinds = notes(made.notes)
    kinds = {
        **each(GIVEN, "scan_landmarks scan_first scan_last"),
        **each(TEXT, "scan_title scan_days scan_direction scan_doubts scan_supported"),
        **each(TEXT, "scan_untold scan_untold_doubts"),
        "scan_people": people(weight=3, names=[populations.label(populations.step("scanned"))]),
        "scan_p": statistic(),
    }
    left_out = [(f"landmark on day {row['day']}", row["reason"]) for row in made.left_out.to_dict("records")]
    return Part(
        sentences=[*said, *noted],
        values=values | more,
        kinds={key: kinds[key] for key in values} | note_kinds,
        tables={"scan": _scan_table(made, title)},
        problems=by_reason(left_out),
    )


def scan_told(made: ScanResult, title: str) -> tuple[list[str], dict[str, Any]]:
    """Say what the scan found, and give the values in the sentences.

    Parameters
    ----------
    made
        The scan.
    title
        Title of the score.

    Returns
    -------
    tuple
        Sentences with places, and their values.
    """
    frame = made.effects
    p = float(made.tests["pvalue"].iloc[0])
    values: dict[str, Any] = {
        "scan_title": title,
        "scan_landmarks": len(frame),
        "scan_first": int(frame["day"].min()),
        "scan_last": int(frame["day"].max()),
        "scan_people": int(frame["n"].min()),
        "scan_p": p,
    }
    away = frame[(frame["band_lower"] > 0) | (frame["band_upper"] < 0)]
    supported = away[away["claim"] == str(Claim.SUPPORTED)]
    said = [WHAT]
    untold = frame.drop(index=away.index)
    untold = untold[untold["claim"] == str(Claim.UNTOLD)]
    if not len(away):
        said.append(NOWHERE_TOLD if len(untold) else NOWHERE)
    else:
        values["scan_days"] = _days(away["day"])
        signs = {"more": away["band_lower"] > 0, "less": away["band_upper"] < 0}
        values["scan_direction"] = " and ".join(word for word, here in signs.items() if here.any())
        if len(supported):
            values["scan_supported"] = _days(supported["day"])
            said.append(SOMEWHERE + SUPPORTED)
        else:
            values["scan_doubts"] = _reasons(away)
            said.append(SOMEWHERE + UNTOLD)
    if len(untold):
        values |= {"scan_untold": _days(untold["day"]), "scan_untold_doubts": _reasons(untold)}
        said.append(BUT_UNTOLD)
    said.append(DIFFER if p < 0.05 else ALIKE)
    return said, values


def _reasons(rows: pd.DataFrame) -> str:
    named = [name for row in rows["doubts"] for name in row.split(", ") if name]
    return "; ".join(DOUBTS[Doubt(name)] for name in dict.fromkeys(named)) or NO_MODEL


def _days(days: pd.Series) -> str:
    return ("day " if len(days) == 1 else "days ") + ", ".join(f"{day:d}" for day in days)


def _scan_table(made: ScanResult, title: str) -> Table:
    return Table(
        frame=made.effects.drop(columns=["n", "later_answers"]),
        kinds={
            **each(GIVEN, "day due"),
            **each(TEXT, "claim doubts"),
            **each(statistic(), "estimate se ci_lower ci_upper band_lower band_upper pvalue"),
        },
        title=f"Use still due and the last rating of {title}, landmark after landmark",
        columns={
            "day": ("Landmark, day", "int"),
            "due": ("Still due", "int"),
            "estimate": ("Points", "d1"),
            "ci_lower": ("95%, this one alone, from", "d1"),
            "ci_upper": ("to", "d1"),
            "band_lower": ("All at once, from", "d1"),
            "band_upper": ("to", "d1"),
            "pvalue": ("p of the largest", "p"),
            "claim": ("Claim", "text"),
        },
        note="Points: percentage points of what was still due, for one standard deviation of the rating. "
        "Only the band may be read over several landmarks. How many people stand behind each is not told: "
        "two weeks would tell of whoever left between them.",
    )


def _together(context: Context, course: UseCourse, titles: Mapping[str, str]) -> Part:
    study = context.study
    if study is None or study.landmark is None:
        raise ValueError("asked of a study with a landmark only")
    try:
        design = _design(context, course, titles)
        found = together(course, design, list(titles)[:1], float(study.study_days))
    except ToolkitError as error:
        return Part(problems=by_reason([("weekly use and leaving together", _reason(error))]))
    return together_part(found, titles, study.landmark.day)


def _design(context: Context, course: UseCourse, titles: Mapping[str, str]) -> LandmarkDesign:
    study = context.study
    if study is None or study.landmark is None:
        raise ValueError("asked of a study with a landmark only")
    usage = course.at[study.landmark.day]
    wave = refuse_overlap(study, usage, None, "use_course")
    given = (context.outcomes, context.known_covariates, list(titles), None, wave, study.cluster)
    return assemble(card_in_time(context).scores, usage, study, *given)


def _returned(context: Context, course: UseCourse, titles: Mapping[str, str]) -> Part:
    study = context.study
    if study is None or study.landmark is None:
        raise ValueError("asked of a study with a landmark only")
    day = study.landmark.day
    usage = course.at[day]
    try:
        design = _design(context, course, titles)
        away = stretches_away(course.pauses, usage.people, longest=course.longest, landmark=float(day))
        made = returns_of(away, design, list(titles))
    except ToolkitError as error:
        return Part(problems=by_reason([("coming back after a pause", _reason(error))]))
    said, values = returns_told(made, next(iter(titles)), titles, course.longest, day)
    numbers = "return_ratio return_lower return_upper"
    kinds = {
        **each(GIVEN, "pause_days pause_from"),
        "pause_title": TEXT,
        "pause_people": people(weight=3, names=[populations.label(populations.step("paused"))]),
        "pauses": people(weight=1),
        "pause_returns": people("pauses"),
        **each(statistic("pause_people"), numbers),
    }
    if made.left_out and said:
        said.append(FEWER)
        values["pause_left_out"] = len(made.left_out)
        kinds["pause_left_out"] = GIVEN
    return Part(
        sentences=said,
        values=values,
        kinds={key: kinds[key] for key in values},
        tables={"returns": _returns_table(made, titles)},
        problems=by_reason([(f"coming back, {titles[name]}", reason) for name, reason in made.failed]),
    )


def returns_told(
    made: ComingBack, first: str, titles: Mapping[str, str], longest: float, day: int
) -> tuple[list[str], dict[str, Any]]:
    """Say what is known of coming back, and give the values in the sentences."""
    mine = made.effects[made.effects["predictor"] == first].to_dict("records")
    if not mine:
        return [], {}
    row = mine[0]
    values = {
        "pause_days": int(longest),
        "pause_from": day,
        "pause_title": titles[first],
        "pause_people": made.n_people,
        "pauses": made.n_stretches,
        "pause_returns": made.n_returns,
        "return_ratio": float(row["ratio"]),
        "return_lower": float(row["ci_lower"]),
        "return_upper": float(row["ci_upper"]),
    }
    claim = Claim(row["claim"])
    unseen = claim is Claim.UNTOLD and float(row["ci_lower"]) <= 1 <= float(row["ci_upper"])
    return [PAUSES + (RETURN_UNSEEN if unseen else RETURN_SAID[claim]), GONE], values


def _returns_table(made: ComingBack, titles: Mapping[str, str]) -> Table:
    frame = made.effects.assign(title=made.effects["predictor"].map(titles))
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "predictor title claim"),
            **each(people(weight=1), "n_people n_rows"),
            "events": people("n_rows"),
            **each(
                statistic("n_people", "events"),
                "coefficient se se_plain ratio ci_lower ci_upper df pvalue",
            ),
        },
        title="Coming back after a pause, one standard deviation more of a score",
        columns={
            "title": ("Score", "text"),
            "n_people": ("People who pause", "int"),
            "n_rows": ("Pauses", "int"),
            "events": ("Came back", "int"),
            "ratio": ("Rate ratio", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
            "pvalue": ("p", "p"),
            "claim": ("Claim", "text"),
        },
        note="Andersen-Gill: the rate among those away, use before the landmark and the declared covariates "
        "held constant as far as the returns bear it; errors by person. Never called supported.",
    )


def _reason(error: ToolkitError) -> str:
    return str(error).split("\n")[0].split(": ", 1)[-1].rstrip(".")


def lacks_course(context: Context) -> str:
    """Say what is missing before use can be followed from landmark to landmark."""
    said = lacks_use(context)
    if not said and context.study is not None and context.study.landmark is None:
        return "Needs a landmark in the study file: landmark: {wave: …, day: …}."
    return said


TOPIC = Topic(
    name="use_course",
    title="Use over the course of the study",
    subject="use over the course of the study",
    question="When does a rating go with use, and with coming back after a pause?",
    run=section_use_course,
    twins=twins_of_use,
    lacks=lacks_course,
    predicts=True,
    of_use=True,
)
