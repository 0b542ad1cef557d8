"""What is computed from a usage log, written once as Ibis expressions for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint

SECONDS_PER_DAY = 86_400.0
MINUTES_PER_DAY = 1_440.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRule:
    """Numbers a summary depends on, all from the study file or the caller."""

    study_days: float
    landmark_day: float
    gap_days: float
    session_gap_minutes: float
    completed_kind: str
    login_kind: str
    skew_minutes: float
    retention_days: tuple[int, ...]


def timed(events: Any, people: pd.DataFrame | None, rule: UsageRule) -> Any:
    """Put every event on the clock of its participant, and say what is wrong with it.

    Returns
    -------
    ibis table
        participant, day, kind, minutes, and a column per fault (`is_…`), never null.
    """
    table = _with_people(events, people)
    day = _day_of(table, people)
    minutes = table["duration"].cast("float64") if "duration" in table.columns else ibis.literal(0.0)
    known: Any = table["is_known"] if "is_known" in table.columns else ibis.literal(True)
    received = _received(table)
    skewed = ibis.literal(False)
    if received is not None:
        skewed = (day > received + rule.skew_minutes / MINUTES_PER_DAY).fill_null(False)
        day = ibis.cases((skewed, received), else_=day)
    gone: Any = ibis.literal(False)
    if "withdrawn_day" in table.columns:
        gone = (day > table["withdrawn_day"]).fill_null(False)
    return table.select(
        participant=table["participant"],
        day=day,
        kind=table["kind"].cast("string"),
        minutes=ibis.greatest(minutes.fill_null(0.0), 0.0),
        is_unreadable=_absent(day) | _absent(table["participant"]) | _absent(table["kind"]),
        is_unknown=~known,
        is_skewed=skewed,
        is_before_enrolment=(day < 0.0).fill_null(False),
        is_after_withdrawal=gone,
        is_after_study=(day >= rule.study_days).fill_null(False),
        is_negative_duration=(minutes < 0.0).fill_null(False),
    )


def _absent(column: Any) -> Any:
    return column.isnull()  # noqa: PD003 (a column of Ibis, which has no isna)


def _with_people(events: Any, people: pd.DataFrame | None) -> Any:
    if people is None:
        return events
    side = people.assign(is_known=True)
    integers = events["participant"].type().is_integer()
    side["participant"] = side["participant"].astype("int64" if integers else "object")
    if not integers:
        events = events.mutate(participant=events["participant"].cast("string"))
    known = ibis.memtable(side)
    joined = events.left_join(known, "participant")
    extra = [column for column in side.columns if column != "participant"]
    kept = {column: events[column] for column in events.columns if column not in extra}
    kept |= {column: known[column] for column in extra}
    joined = joined.select(**kept)
    return joined.mutate(is_known=joined["is_known"].fill_null(False))


def _day_of(table: Any, people: pd.DataFrame | None) -> Any:
    if "day" in table.columns:
        return table["day"].cast("float64")
    if people is None or "enrolled" not in people:
        fact = "events carry timestamps (`at`) but it is not known when anybody was enrolled."
        hint = "pass participants with a column 'enrolled', or give days since enrolment as `day`."
        raise ResponseDataError(fact_and_hint("summarise_usage", fact, hint))
    return _days_between(table["at"], table["enrolled"])


def _days_between(late: Any, early: Any) -> Any:
    seconds = late.cast("timestamp").epoch_seconds() - early.cast("timestamp").epoch_seconds()
    return seconds.cast("float64") / SECONDS_PER_DAY


def _received(table: Any) -> Any:
    if "received_day" in table.columns:
        return table["received_day"].cast("float64")
    if "received" in table.columns and "enrolled" in table.columns:
        return _days_between(table["received"], table["enrolled"])
    return None


FAULTS = (
    "unreadable",
    "unknown",
    "skewed",
    "before_enrolment",
    "after_withdrawal",
    "after_study",
    "negative_duration",
)
SET_ASIDE = ("unreadable", "unknown", "before_enrolment", "after_withdrawal", "after_study")


SET_ASIDE = ("unreadable", "unknown", "before_enrolment", "after_withdrawal", "after_study")
# Beyond this many kinds they are compared as words.
MOST_NUMBERED = 100


def fault_counts(events: Any) -> Any:
    """Count events and faults for each kind."""
    counted = {fault: events.count(where=events[f"is_{fault}"]) for fault in FAULTS}
    return events.group_by("kind").aggregate(events=events.count(), **counted)


def usable(events: Any, kinds: list[str]) -> Any:
    """Drop the events that are set aside and the columns that say why; kinds become numbers.

    Numbers sort faster than words; a log with very many kinds keeps its words.
    """
    bad = events["is_unreadable"]
    for fault in SET_ASIDE[1:]:
        bad = bad | events[f"is_{fault}"]
    kept = events.filter(~bad).select("participant", "day", "kind", "minutes")
    if len(kinds) > MOST_NUMBERED:
        return kept
    numbers = [(kept["kind"] == kind, number) for number, kind in enumerate(kinds)]
    return kept.mutate(kind=ibis.cases(*numbers, else_=-1).cast("int16"))


def on_days(events: Any, days: tuple[int, ...]) -> Any:
    """Count the participants who used the app on each of the days."""
    whole = events["day"].floor().cast("int64")
    chosen = events.mutate(whole_day=whole).filter(whole.isin(days))
    return chosen.group_by("whole_day").aggregate(users=chosen["participant"].nunique())


def per_participant(events: Any, rule: UsageRule, kinds: list[str]) -> Any:
    """Aggregate usable events to one row per participant, in one ordered pass.

    Notes
    -----
    Events are ordered by time within a participant. Each is compared with the one before: equal in
    time, kind and minutes, it is a duplicate; more than the session gap after the end of the other, it
    opens a session; on a later day, it opens an active day; `gap_days` or more later, the person had
    stopped in between.
    """
    window = ibis.window(group_by="participant", order_by=["day", "kind", "minutes"])
    events = events.mutate(
        before_day=events["day"].lag().over(window),
        before_kind=events["kind"].lag().over(window),
        before_minutes=events["minutes"].lag().over(window),
    )
    first = _absent(events["before_day"])
    double = (
        (events["day"] == events["before_day"])
        & (events["kind"] == events["before_kind"])
        & (events["minutes"] == events["before_minutes"])
    ).fill_null(False)
    pause = (events["day"] - events["before_day"]) * MINUTES_PER_DAY - events["before_minutes"]
    before = events["before_day"].fill_null(0.0)
    stop = before + rule.gap_days
    stopped = (events["day"] >= stop) & (stop > rule.landmark_day)
    marked = events.select(
        participant=events["participant"],
        late=events["day"] >= rule.landmark_day,
        day=events["day"],
        minutes=ibis.cases((double, 0.0), else_=events["minutes"]),
        gap=events["day"] - events["before_day"],
        within=(events["before_day"] >= rule.landmark_day) | (events["day"] < rule.landmark_day),
        double=double,
        opens_session=first | (pause > rule.session_gap_minutes),
        opens_day=first | (events["day"].floor() > events["before_day"].floor()),
        completes=_is_kind(events, rule.completed_kind, kinds) & ~double,
        is_login=_is_kind(events, rule.login_kind, kinds) & ~double,
        stop=ibis.cases((stopped, stop), else_=None),
    )
    return _one_row_each(_by_period(marked))


def _is_kind(events: Any, kind: str, kinds: list[str]) -> Any:
    if kind not in kinds:
        return ibis.literal(False)
    return events["kind"] == (kind if len(kinds) > MOST_NUMBERED else kinds.index(kind))


MEASURES = ("events", "sessions", "completed", "logins", "active_days", "minutes", "first_use", "last_use")


def _by_period(marked: Any) -> Any:
    return marked.group_by(["participant", "late"]).aggregate(
        duplicates=marked.count(where=marked["double"]),
        events=marked.count(where=~marked["double"]),
        sessions=marked.count(where=marked["opens_session"]),
        completed=marked.count(where=marked["completes"]),
        logins=marked.count(where=marked["is_login"]),
        active_days=marked.count(where=marked["opens_day"]),
        minutes=marked["minutes"].sum(),
        first_use=marked["day"].min(),
        last_use=marked["day"].max(),
        inner_gap=marked["gap"].max(where=marked["within"]),
        gap=marked["gap"].max(),
        stop=marked["stop"].min(),
    )


def _one_row_each(table: Any) -> Any:
    measures: dict[str, Any] = {
        "duplicates": table["duplicates"].sum(),
        "inner_gap_whole": table["gap"].max(),
        "stopped_late": table["stop"].min(),
    }
    for period, inside in (("before", ~table["late"]), ("after", table["late"])):
        for name in (*MEASURES, "inner_gap"):
            measures[f"{name}_{period}"] = table[name].max(where=inside)
    return table.group_by("participant").aggregate(**measures)
