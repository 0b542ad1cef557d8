"""Use of the app against the use that was intended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.adherence.design.steps import Step
from analysis.common.software import used
from analysis.disclosure.kinds import GIVEN, PERSON, TEXT, each, notes, share, statistic
from analysis.disclosure.kinds import people as counted_people
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.twinned.in_use import twins_of_use
from analysis.usage.words import ANSWERED, COVARIATES, ENROLLED, MEASURE_WORDS, START
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint

if TYPE_CHECKING:
    from analysis.usage.summarise_usage import UsageSummary
    from instrument.study import Study

EVERYBODY = counted_people(weight=9, names=[populations.label(populations.step(Step.ENROLLED))])
PERIODS = {
    "before": "Before the landmark",
    "after": "After the landmark",
    "whole": "Whole study",
}
WHO = {**START, ENROLLED: "people enrolled"}
MISSING = {who: f"{text} without events count as no use" for who, text in WHO.items()}
FAULTS = {
    "events": "Events in the log",
    "duplicates": "Exact duplicates, counted once",
    "skewed": "Stamped after their arrival, taken at arrival",
    "unknown": "Of unknown participants, set aside",
    "unreadable": "Of nobody, or without time or kind, set aside",
    "before_enrolment": "Before enrolment, set aside",
    "after_withdrawal": "After withdrawal, set aside",
    "after_study": "After the study's end, set aside",
    "after_observation": "After the end of observation, set aside",
    "negative_duration": "Of negative duration, taken as none",
}


def usage_of(context: Context) -> UsageSummary:
    """Summarise the usage log; refuse one of people who were not watched to the end."""
    found = summary_of(context)
    _refuse_cut_short(found)
    return found


def summary_of(context: Context) -> UsageSummary:
    """Summarise the usage log once per validation; a summary made elsewhere is taken as it is."""
    from analysis.usage.summarise_usage import UsageSummary, summarise_usage

    if context.study is None:
        raise NotEstimableError(fact_and_hint("validate", "there is no study file.", "give one."))
    study = context.study
    people, who = enrolled(context)
    if isinstance(context.usage, UsageSummary):
        used("ibis-framework", *([engine] if (engine := context.usage.rule.get("engine")) else []))
        found = context.usage
    else:
        found = context.once(
            "usage",
            lambda: summarise_usage(
                context.usage, study, participants=people, retention_days=days_told(study)
            ),
        )
    return replace(found, rule={**found.rule, "people": who})


LOOKED_AT = (7, 15, 30, 60)
"""Days by which the table tells who still used the app."""
MOST_DAYS = 400


def days_told(study: Study) -> tuple[int, ...]:
    """Give the days for which retention is counted: each, where they are not too many, and the usual ones."""
    every = range(study.study_days) if study.study_days <= MOST_DAYS else range(0)
    return tuple(sorted({*LOOKED_AT, *every}))


def _refuse_cut_short(found: UsageSummary) -> None:
    """Refuse to call people who were not watched to the end people who stopped."""
    short = int(found.rule.get("cut_short", 0))
    if short:
        fact = (
            f"the study of {short} of {len(found.people)} people ends after the log's last event, and "
            "nothing says until when they were watched."
        )
        hint = (
            "declare it: observed_until in the study file (a date, a day, or last_event) or as a column of "
            "the table of everyone enrolled."
        )
        raise ResponseDataError(fact_and_hint("validate", fact, hint))


def enrolled(context: Context) -> tuple[pd.DataFrame, str]:
    """People whose use is counted, and who they are: enrolled, of the covariates, or those who answered."""
    if context.enrolment is not None:
        return context.enrolment, ENROLLED
    if context.covariates is not None:
        return context.covariates[["participant"]], COVARIATES
    return context.responses[["participant"]].drop_duplicates(), ANSWERED


def section_use(context: Context) -> Section:
    """Share of the intended use that was done, and who still used the app when."""
    found = usage_of(context)
    people, rule = found.people, found.rule
    noted, note_values, note_kinds = notes(found.notes)
    values = {
        "people": len(people),
        "never": int((people["events_whole"] == 0).sum()),
        "judged": int(people["adherent"].notna().sum()),
        "adherent_share": float(people["adherent"].astype("Float64").mean()),
        "threshold": rule["threshold"],
        "amount": rule["amount"],
        "unit": str(rule["unit"]).replace("_", " "),
        "weeks": rule["weeks"],
        "study_days": rule["study_days"],
        "median_done": float(people[f"{rule['measure']}_whole"].median()),
        "share_mean": float(people["share_whole"].mean()),
        "gap_days": rule["gap_days"],
        "disengaged": int(people["disengaged"].fillna(False).astype(bool).sum()),
        "at_risk": int(people["at_risk"].sum()),
        "landmark_day": rule["landmark_day"],
    }
    return Section(
        estimator="counts per person from the usage log",
        n=len(people),
        n_kind=EVERYBODY,
        missing=MISSING[rule["people"]],
        options={
            "measure": rule["measure"],
            "reason for the intended use": rule["justification"],
            "session gap, minutes": rule["session_gap_minutes"],
        },
        option_kinds={
            "measure": TEXT,
            "reason for the intended use": TEXT,
            "session gap, minutes": GIVEN,
        },
        prose=[*_prose(found, values), *noted],
        values={**values, **note_values},
        value_kinds={
            **each(GIVEN, "threshold amount weeks study_days gap_days landmark_day"),
            "unit": TEXT,
            "people": EVERYBODY,
            # that something was due for everybody is the plan of the study, and tells of nobody
            "judged": counted_people("people", open_at_zero=True),
            "never": counted_people("people"),
            "at_risk": counted_people("people", weight=4, names=[populations.label(populations.AT_RISK)]),
            "disengaged": counted_people("at_risk"),
            "adherent_share": share("judged"),
            **each(statistic(), "median_done share_mean"),
            **note_kinds,
        },
        tables={
            "periods": _periods(people, str(rule["measure"])),
            "retention": Table(
                frame=_looked_at(found),
                kinds={
                    "day": GIVEN,
                    "n": counted_people(weight=1),
                    "on_day": share("n"),
                    "from_day": share("n", falls=True),
                },
                title="Who still used the app",
                columns={
                    "day": ("Day", "int"),
                    "n": ("Watched", "int"),
                    "on_day": ("Used it that day", "percent"),
                    "from_day": ("Used it then or later", "percent"),
                },
                note="Unguided mental-health apps keep a median of 3.9% of users on day 15 and 3.3% on day "
                "30 (Baumel et al. 2019, doi:10.2196/14567): daily use, people who chose the app themselves.",
            ),
            **_daily(found),
            "faults": _faults(found.counts),
        },
        figures=["retention", *(["daily"] if _daily(found) else [])],
    )


def _looked_at(found: UsageSummary) -> pd.DataFrame:
    """Days of the short table: of those counted one by one the usual ones, else all that were asked for."""
    if not _daily(found):
        return found.retention
    return found.retention[found.retention["day"].isin(LOOKED_AT)].reset_index(drop=True)


def _daily(found: UsageSummary) -> dict[str, Table]:
    """Each day that somebody was watched to its end; nothing where days were not counted one by one.

    Who is not seen in the last days may yet come back: nothing is told of later use in as many of them as a
    pause may last.
    """
    days = found.retention[found.retention["n"] > 0].copy()
    if len(days):
        days.loc[days["day"] > days["day"].max() - found.rule["gap_days"], "from_day"] = float("nan")
    if len(days) < 2 or not (days["day"].diff().dropna() == 1).all():
        return {}
    return {
        "daily": Table(
            frame=days.reset_index(drop=True),
            kinds={"day": GIVEN, **each(PERSON, "n on_day from_day")},
            title="Who used the app, day by day",
            columns={
                "day": ("Day", "int"),
                "n": ("Watched", "int"),
                "on_day": ("Used it that day", "percent"),
                "from_day": ("Used it then or later", "percent"),
            },
            note="Shares of those who were watched to the end of the day; day 0 is that of enrolment. "
            "Nothing is told of later use where less time was left to watch than a pause may last.",
        )
    }


LATER = "What was done after that, until day {study_days:int}, counts here, too. "


def _prose(found: UsageSummary, values: dict[str, Any]) -> list[str]:
    rule, people = found.rule, found.people
    who = WHO[rule["people"]]
    part = ""
    if (people["intended_whole"] < rule["intended_whole"]).any():
        part = " for the time they were watched"
    judged = (
        "of {judged:int} people of whom anything was due, " if values["judged"] < values["people"] else ""
    )
    said = [
        "Intended were {amount:int} {unit} in {weeks:int} [[week|weeks]]. "
        + (LATER if 7 * rule["weeks"] < rule["study_days"] else "")
        + f"Half of the {{people:int}} {who} did {{median_done:int}} or fewer; "
        f"{judged}{{adherent_share:percent}} did at "
        f"least {{threshold:percent}} of what was intended{part}, which counts as adherent here. "
        "{never:int} never used the app.",
        "{at_risk:int} [[person was|people were]] still using it on day {landmark_day:int}, when the score "
        "counts as given (last use less than {gap_days:int} [[day|days]] before); {disengaged:int} of them "
        "later came to {gap_days:int} [[day|days]] or more without use.",
    ]
    if rule["people"] != ENROLLED:
        said.append(
            f"There is no table of everyone enrolled: the {{people:int}} are {who}, and shares are of them. "
            "People who joined and are not among them are missing from every figure here."
        )
    return said


def _periods(people: pd.DataFrame, measure: str) -> Table:
    rows = [
        {
            "period": label,
            "intended": float(people[f"intended_{key}"].mean()),
            "done": float(people[f"{measure}_{key}"].mean()),
            "share": float(people[f"share_{key}"].mean()),
            "active_days": float(people[f"active_days_{key}"].mean()),
            "minutes": float(people[f"minutes_{key}"].mean()),
        }
        for key, label in PERIODS.items()
        if f"intended_{key}" in people.columns
    ]
    return Table(
        frame=pd.DataFrame(rows),
        kinds=each(TEXT, "period") | each(statistic(), "intended done share active_days minutes"),
        title="Mean use per person",
        columns={
            "period": ("Period", "text"),
            "intended": ("Intended", "d1"),
            "done": (f"Done ({MEASURE_WORDS[measure]})", "d1"),
            "share": ("Share", "percent"),
            "active_days": ("Active days", "d1"),
            "minutes": ("Minutes", "d1"),
        },
    )


def _faults(counts: dict[str, int | None]) -> Table:
    rows = [{"fault": key, "label": FAULTS.get(key, key), "events": number} for key, number in counts.items()]
    return Table(
        frame=pd.DataFrame(rows),
        kinds=each(TEXT, "fault label")
        | {"events": counted_people(names=populations.labels(map(populations.faulty, counts)))},
        title="What the log held",
        columns={"label": ("Events", "text"), "events": ("Number", "int")},
    )


def lacks_use(context: Context) -> str:
    """Say what is missing before use can be described."""
    if context.usage is None and context.study is None:
        return "Needs the usage log and a study file: dta validate … --usage FILE --study FILE."
    if context.usage is None:
        return "Needs the usage log: dta validate … --usage FILE."
    if context.study is None:
        return "Needs a study file that says what use is intended and why: dta validate … --study FILE."
    return ""


TOPIC = Topic(
    name="use",
    title="Use of the app",
    question="How much of the intended use was done?",
    run=section_use,
    twins=twins_of_use,
    lacks=lacks_use,
    of_use=True,
)
