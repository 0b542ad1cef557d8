"""From a log of usage events to adherence per participant and period."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.common.result import Result
from analysis.common.software import used as ran
from analysis.usage.clock import MICROSECONDS_PER_DAY, UTC_SHIFTS, Shifts, shifts_of
from analysis.usage.expressions import (
    FAULTS,
    UsageRule,
    days_before,
    fault_counts,
    on_calendar,
    on_days,
    per_participant,
    timed,
    usable,
    without_retries,
)
from analysis.usage.faults import (
    check_people,
    check_tally,
    check_twins,
    refuse_most_set_aside,
    refuse_twin_kinds,
    refuse_unplaced,
)
from analysis.usage.people import COUNTED, PERIODS, everybody, finish, measure_of, retention, share_of
from analysis.usage.reading import NOBODY, LogReading, ReadLog, checked_reading, read_log
from analysis.usage.silence import silent_days
from analysis.usage.sources import (
    CALLER,
    clock_on_utc,
    connect,
    events_table,
    faults_in_words,
    people_table,
    quiet_driver,
)
from analysis.usage.suspicions import looked_at, suspicions
from analysis.usage.watching import watching, with_clock
from analysis.usage.words import ENROLLED, LOGGED
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.people import labels_as_text
from instrument.study import Study, as_study

EVENTS_PER_PASS = 34_000_000
KEPT_AT_HAND = 200_000  # events of a log that is small
MOST_OTHER_KINDS = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class UsageSummary(Result):
    """Use of the app by participant, before and after the landmark.

    Attributes
    ----------
    people : DataFrame, shape (n_participants, …)
        One row per participant. For each period (`before` and `after` the landmark, `whole` study):
        `events_`, `sessions_` (by inactivity gap), `completed_` (intended units), `logins_`,
        `active_days_`, `minutes_`, `first_use_`, `last_use_` (days since enrolment), `longest_gap_`
        (days), `intended_` (due while watched), `share_` (of that, at most 1; NaN where nothing was due).
        Then `withdrawn_day`, `end_day` (last day watched), `observable_day` (the same, had nobody withdrawn),
        `joined` (days after the first who was enrolled),
        `last_use_day` with `last_use_is_end` (False: censored), `idle_at_landmark`, `at_risk`,
        `disengaged_after` (days from the landmark) with `disengaged` (False: censored), and
        `adherent` by the declared rule (NA where nothing was due). `first_week_before`,
        `second_week_before`, `third_week_before` and `last_week_before`: units in those weeks before the
        landmark, the last one being the seven days that end with it; `night_before`, `morning_before`,
        `afternoon_before`: those from 0, 6 and 12 o'clock on, six hours each, on the clock of the study (of
        a log of days since enrolment, of those days), and where the day of enrolment of all is known
        `weekday_1_before` (Monday; of a calendar without dates any day) to `weekday_7_before`.
        `events_of_KIND_before`: events of each further kind, of the twelve most frequent ones. Where the
        study names an `unrelated_kind`: `unrelated_` per period, events of that kind. Where the log reaches
        back before enrolment: `days_before_enrolment` (active days; set aside from everything else).
    retention : DataFrame
        day, on_day (share that used the app on that day), from_day (share that used it then or later).
    counts : dict
        Events, and how many were duplicates, skewed, set aside and why; None where it cannot be known.
    rule : dict
        Unit, amount, threshold, metric, gaps, landmark and completed kind behind the table; `watched_until`
        (what bounds the watch), `cut_short` (people whose study ends after the log does, undeclared) and
        `lost` (signs that use of some people is missing; empty where there are none).
    notes : list of str
        What was assumed.
    joined : str
        How many of the people enrolled have events in the log; empty where nobody is listed as enrolled.
    left_out : tuple of tuple
        Field of each rule that left out events while the log was opened, and how many; `counts` begin after.
    """

    people: pd.DataFrame
    retention: pd.DataFrame
    counts: dict[str, int | None]
    rule: dict[str, Any]
    notes: list[str]
    joined: str = ""
    left_out: tuple[tuple[str, int], ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Give one row per participant and period.

        Returns
        -------
        DataFrame
            participant, period, then the measures of `people` without their suffix.
        """
        names = [*COUNTED, "first_use", "last_use", "longest_gap", "intended", "share"]
        parts = []
        for period in PERIODS:
            part = self.people[[f"{name}_{period}" for name in names]]
            part.columns = names
            part.insert(0, "participant", self.people["participant"])
            part.insert(1, "period", period)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def retention_at(self, days: Iterable[float]) -> pd.DataFrame:
        """Give the share of participants who used the app on or after each day.

        Parameters
        ----------
        days
            Days since enrolment.

        Returns
        -------
        DataFrame
            day, n (watched at that day), from_day.
        """
        last = self.people["last_use_whole"].to_numpy(dtype=float)
        end = self.people["end_day"].to_numpy(dtype=float)
        rows = []
        for day in days:
            watched = end > day
            used = np.nan_to_num(last, nan=-1.0)[watched] >= day
            rows.append({"day": day, "n": int(watched.sum()), "from_day": share_of(used)})
        return pd.DataFrame(rows)

    def summary(self, digits: int = 3) -> str:
        """Give counts, adherence and mean use in words.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        people = self.people
        rule = self.rule
        lines = [
            f"{len(people)} participants, {self.counts['events']} events; engine {rule['engine']}",
            f"intended: {rule['amount']:g} {rule['unit']}; adherent from {rule['threshold']:.0%}: "
            f"{int(people['adherent'].sum())} ({people['adherent'].astype('Float64').mean():.1%})",
            f"left before day {rule['landmark_day']:g}: {int((~people['at_risk']).sum())}",
        ]
        means = self.to_frame().groupby("period", sort=False)[[*COUNTED, "share"]].mean().round(digits)
        faults = ", ".join(f"{name} {'not known' if n is None else n}" for name, n in self.counts.items())
        return "\n".join(
            [
                *lines,
                "means per participant:",
                means.to_string(),
                f"events: {faults}",
                *filter(None, [self.joined]),
                *self.notes,
            ]
        )


def summarise_usage(
    events: Any,
    study: Study | dict[str, Any] | str | Path,
    engine: Any = None,
    *,
    participants: pd.DataFrame | None = None,
    completed_kind: str | None = None,
    login_kind: str = "login",
    skew_minutes: float = 5.0,
    retention_days: tuple[int, ...] = (7, 15, 30, 60),
    reading: LogReading | None = None,
) -> UsageSummary:
    """Summarise a usage log by participant and period, on any engine that Ibis knows.

    Use it for logs of any size. Do not use it for logs without an intended use: adherence is use of what
    was intended, and the study file must say what and why.

    Parameters
    ----------
    events
        Long table: participant, `day` (days since enrolment, with fraction) or `at` (timestamp), kind,
        duration (minutes), and, where known, `received_day` or `received`. A DataFrame, an Ibis
        table, a path of CSV or Parquet, or the name of a table of the engine.
    study
        The study, its file, or what the file would hold.
    engine
        None for DuckDB here; a connection string (`spark:local[2]`, `spark://host:7077`, `duckdb://file`);
        or an Ibis backend.
    participants
        One row per enrolled participant: `participant`, and where known `enrolled` (needed for `at`; or
        `enrolled_day`, a day of one calendar), `withdrawn_day`, the `reason` for leaving the app (see
        `ends_well` of the study), and until when the person was watched:
        `observed_until` (date) or `observed_until_day` (days since enrolment).
        Those without events count as no use. By default, only those in the log.
    completed_kind
        Kind of event that counts as one intended unit done. By default `session_completed` for the unit
        sessions (`module_completed` for modules), or that word alone, when the log has it; otherwise
        sessions are those by inactivity gap.
    login_kind
        Kind of event that counts as a login.
    skew_minutes
        An event stamped more than this after its arrival is skewed; it is taken at its arrival.
    retention_days
        Days for the share that used the app on that very day.
    reading
        How stamps, numbers and events of the log are to be understood where its cells do not say it
        (`LogReading(dates="D.M.Y", durations="s", …)`).

    Returns
    -------
    UsageSummary
        Table, counts of faults, retention.

    Raises
    ------
    ResponseDataError
        A column is missing; cells are not of the form recognised or named; ids of the log are written in
        another way than those of the people, or none is known; most events would be set aside; or the
        log holds no usable event.
    DefinitionError
        The metric of the adherence rule is not the unit of the intended use.

    Notes
    -----
    Set aside and counted: events of unknown participants, before enrolment, after withdrawal, after the
    study's end, and those without time, kind or participant. Events with one `event_id` count once; without
    ids, exact copies do (in everything but their arrival). Sessions are split where more than
    `session_gap_minutes` pass between the latest end of all earlier events and the next.

    Stamps are instants: those with an offset are put on UTC, those without one are taken as UTC. Days are
    calendar days by the clock of the study (`zone` of the study file, UTC where it names none): day 0 is the
    whole day of enrolment, whatever time of day stands beside it, and a date without a time is a day on that
    clock. Where times of day are given, events of day 0 before that of enrolment are set aside, use counts
    until the time of withdrawal (of a date alone nothing of that day counts), and `observed_until` ends at
    its time (a date alone at its end). A note says so.

    Disengagement is the first time that `gap_days` have passed without use, a moment that depends on the
    past only. Those idle for that long at the landmark are not at risk after it. A person whose last use
    lies less than `gap_days` before the end of watching (study end or withdrawal) is censored there.

    A person is watched until the study's end, withdrawal, or the end of observation, whichever comes first.
    The end of observation is the person's own, else the study file's `observed_until`; where neither is
    declared and the person's study ends more than a week after the log's last event, it is the day of that
    event. Units are due, people are at risk and shares are taken only while they were watched.

    The intended units of a period are those whose weeks lie in it: for 12 weekly sessions and a landmark
    at day 28, four before and eight after.

    References
    ----------
    Sieverink et al. (2017), doi 10.2196/jmir.8578. Donkin et al. (2011), doi 10.2196/jmir.1772.
    Baumel et al. (2019), doi 10.2196/14567.

    Examples
    --------
    >>> from analysis.simulation.simulate_study import simulate_study
    >>> data = simulate_study("dta_example", n=40)
    >>> usage = summarise_usage(data.usage, data.study, participants=data.enrolment)
    >>> len(usage.people)
    40
    >>> usage.rule["intended_after"]
    8
    """
    plan = with_one_unit(as_study(study))
    how = checked_reading(mapped(reading or LogReading()))
    people = with_clock(people_table(participants, how, plan.zone), participants, plan, how)
    with quiet_driver():
        con = connect(engine)
        with clock_on_utc(con), faults_in_words(how, events):
            return _summarise(
                plan, people, events, con, completed_kind, login_kind, skew_minutes, retention_days, how
            )


def mapped(reading: LogReading) -> LogReading:
    """Take dates and units of durations from the mapping where the caller does not name them."""
    if reading.mapping is None:
        return replace(reading, notes=[], left=[])
    dates, durations = reading.mapping.dates, reading.mapping.durations
    return replace(
        reading, dates=reading.dates or dates, durations=reading.durations or durations, notes=[], left=[]
    )


def _summarise(
    plan: Study,
    people: pd.DataFrame | None,
    events: Any,
    con: Any,
    completed_kind: str | None,
    login_kind: str,
    skew_minutes: float,
    retention_days: tuple[int, ...],
    reading: LogReading,
) -> UsageSummary:
    opened = opened_log(
        plan, people, events, con, completed_kind, login_kind, skew_minutes, retention_days, reading
    )
    rule, notes, counts, tally = opened.rule, opened.notes, opened.counts, opened.tally
    table = in_parts(
        con,
        opened.used,
        int(tally["events"].sum()),
        lambda mine: per_participant(mine, rule, opened.kinds),
    )
    seen = int(table[[f"events_{period}" for period in ("before", "after")]].sum().sum()) if len(table) else 0
    counts["duplicates"] = int(tally["events"].sum() - tally["set_aside"].sum()) - seen
    notes += check_twins(table, seen, reading)
    users = con.execute(on_days(opened.used, rule.retention_days))
    matched = len(table)
    table = everybody(table, people)
    table = with_earlier(table, before_enrolment(con, opened, people))
    joined = ""
    if people is None:
        notes.append("no table of participants: only people who appear in the log are counted")
    else:  # no note: a sentence of the report holds no number of people but as a value of a known kind
        joined = f"{matched} of the {len(table)} people have events that count in the log"
    if not len(table):
        fact = f"none of {counts['events']} events can be used."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "see that ids and days match the study."))
    watched = watching(table, plan, float(tally["last"].max()), float(tally["last_day"].max()))
    finished, intended = finish(table, watched.until, plan, rule)
    return UsageSummary(
        people=finished,
        retention=retention(finished, users, rule),
        counts=counts,
        rule={
            **rule_in_words(plan, rule),
            **intended,
            "watched_until": watched.how,
            "cut_short": watched.cut_short,
            "people": LOGGED if people is None else ENROLLED,
            "engine": con.name,
            "lost": opened.lost,
        },
        notes=[*notes, *watched.notes],
        joined=joined,
        left_out=tuple(reading.left),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLog:
    """A log on the clocks of its people: usable events, how they are understood, what was set aside.

    `lost` says by what signs use of people may be missing from it; empty where there are none.
    """

    used: Any
    clocked: Any
    kinds: list[str]
    rule: UsageRule
    tally: pd.DataFrame
    counts: dict[str, int | None]
    notes: list[str]
    lost: str = ""


def opened_log(
    plan: Study,
    people: pd.DataFrame | None,
    events: Any,
    con: Any,
    completed_kind: str | None,
    login_kind: str,
    skew_minutes: float,
    retention_days: tuple[int, ...],
    reading: LogReading,
) -> OpenedLog:
    """Read a log, refuse what cannot be understood, and keep the events that count."""
    ran("ibis-framework", con.name)
    log = read_log(events_table(events, con, reading), con, reading)
    left_out = list(reading.notes)
    refuse_unplaced(log, people, reading)
    rule, notes = _rule(plan, login_kind, skew_minutes, retention_days)
    notes += left_out
    shifts = _shifts(plan, people)
    rule = replace(rule, retry_seconds=reading.retry_seconds or 0.0, shifts=shifts)
    clocked = timed(log, people, rule)
    tally = con.execute(fault_counts(clocked, rule.study_days))
    notes += check_tally(tally, log, plan.zone, reading, events)
    if con.name == "duckdb" and tally["events"].sum() <= KEPT_AT_HAND:
        clocked = ibis.memtable(con.to_pyarrow(clocked))  # else each question reads and clocks it again
    elif not tally.get(NOBODY.removeprefix("is_"), pd.Series([0])).sum():
        clocked = timed(log.with_ids_as_written(), people, rule)
    kinds = sorted(str(kind) for kind in tally["kind"].dropna())
    completed = _completed_kind(plan, kinds, completed_kind, notes)
    refuse_twin_kinds(tally, (completed, login_kind), reading)
    rule = replace(rule, completed_kind=completed, lasting=bool(tally["lasting"].sum()))
    rule = replace(
        rule,
        measure=measure_of(plan, rule),
        unrelated_kind=_unrelated(plan, kinds, rule, notes),
        other_kinds=_others(tally, (completed, login_kind)),
    )
    counts = _counts(tally, log, people)
    lost = ""
    if people is not None:
        said, lost = check_people(log.table, people, counts, con, reading)
        notes += said
    refuse_most_set_aside(tally, counts, reading)
    seen = looked_at(clocked, int(tally["events"].sum()), con, people)
    suspected = suspicions(seen, completed, rule.study_days, reading, named=completed_kind is not None)
    notes += suspected.notes

    def every_day() -> NDArray[np.int64]:
        days = con.execute(on_calendar(clocked, completed))["on"].dropna()
        return days.to_numpy(dtype=np.int64)

    silent, much = silent_days(seen, people, rule.study_days, completed, every_day)
    notes += [f"suspicion: {silent}"] if silent else []
    used = without_retries(usable(clocked, kinds))
    return OpenedLog(
        used=used,
        clocked=clocked,
        kinds=kinds,
        rule=rule,
        tally=tally,
        counts=counts,
        notes=notes,
        lost="; ".join(filter(None, [lost, suspected.lost, silent if much else ""])),
    )


def before_enrolment(con: Any, opened: OpenedLog, people: pd.DataFrame | None) -> pd.DataFrame | None:
    """Active days of each person before enrolment; None where the log does not reach back."""
    if people is None or not opened.counts["before_enrolment"]:
        return None
    found: pd.DataFrame = con.execute(days_before(opened.clocked))
    return found.assign(participant=labels_as_text(found["participant"]))


def with_earlier(table: pd.DataFrame, earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Add the active days before enrolment to a row per participant."""
    if earlier is None:
        return table
    days = table["participant"].map(earlier.set_index("participant")["days_before_enrolment"])
    return table.assign(days_before_enrolment=days.astype(float).fillna(0.0))


def _shifts(plan: Study, people: pd.DataFrame | None) -> Shifts:
    """How far the study's clock is ahead of UTC while anybody is in the study."""
    if plan.zone == "UTC" or people is None or "enrolled_us" not in people:
        return UTC_SHIFTS
    days = people["enrolled_us"].dropna()
    if not len(days):
        return UTC_SHIFTS
    last = int(days.max()) + 2 * int(plan.study_days + 1) * MICROSECONDS_PER_DAY
    return shifts_of(plan.zone, int(days.min()) - 2 * MICROSECONDS_PER_DAY, last)


def with_one_unit(plan: Study) -> Study:
    """Refuse a study whose adherence is judged on another unit than it intends."""
    if plan.adherence.metric != plan.intended_use.unit:
        fact = f"adherence is judged on {plan.adherence.metric}, but {plan.intended_use.unit} are intended."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use one unit for both in the study file."))
    return plan


def _rule(
    plan: Study, login_kind: str, skew_minutes: float, retention_days: tuple[int, ...]
) -> tuple[UsageRule, list[str]]:
    notes = []
    if plan.landmark is None:
        notes.append("the study names no landmark: everything counts as before it")
    landmark = float(plan.landmark.day) if plan.landmark else float(plan.study_days)
    rule = UsageRule(
        study_days=float(plan.study_days),
        landmark_day=landmark,
        gap_days=float(plan.gap_days),
        session_gap_minutes=plan.session_gap_minutes,
        completed_kind="",
        login_kind=login_kind,
        skew_minutes=skew_minutes,
        retention_days=tuple(retention_days),
    )
    return rule, notes


def _completed_kind(plan: Study, kinds: list[str], named: str | None, notes: list[str]) -> str:
    """Kind of event that counts as an intended unit; empty where none does."""
    if named is not None and named not in kinds:
        fact = f"the log has no event of kind {named!r}; it has {name_offenders(kinds)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "name one of these kinds."))
    unit = plan.intended_use.unit
    word = unit.removesuffix("s")
    kind = named or next((k for k in (f"{word}_completed", word) if k in kinds), "")
    if unit == "modules" and not kind:
        fact = f"modules are intended, but no kind of event says so: {name_offenders(kinds)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "name it with completed_kind."))
    if unit == "sessions" and not kind:
        notes.append("no event marks a completed session: sessions are those split by the inactivity gap")
    return kind


def _unrelated(plan: Study, kinds: list[str], rule: UsageRule, notes: list[str]) -> str:
    """Kind of event of the unrelated feature; empty where the study names none or the log has none."""
    kind = plan.unrelated_kind or ""
    if kind and kind == rule.completed_kind:
        fact = f"unrelated_kind {kind!r} is the kind of event that counts as intended use."
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "name a feature that the alliance has no reason to move.")
        )
    if kind and kind not in kinds:
        notes.append(f"the log has no event of the unrelated kind {kind}: there is no negative control")
        return ""
    return kind


def _others(tally: pd.DataFrame, counted: tuple[str, ...]) -> tuple[str, ...]:
    """Kinds of event beside those counted by name: the most frequent ones, in the order of the alphabet."""
    used = tally[tally["kind"].notna() & ~tally["kind"].isin(counted)]
    kept = used.assign(kind=used["kind"].astype(str), left=used["events"] - used["set_aside"])
    kept = kept[kept["left"] > 0].sort_values(["left", "kind"], ascending=[False, True])
    return tuple(sorted(kept["kind"].head(MOST_OTHER_KINDS)))


def _counts(tally: pd.DataFrame, log: ReadLog, people: pd.DataFrame | None) -> dict[str, int | None]:
    counts: dict[str, int | None] = {name: int(tally[name].sum()) for name in ("events", *FAULTS)}
    if people is None:
        counts["unknown"] = None
    if people is None or "withdrawn_day" not in people:
        counts["after_withdrawal"] = None
    if not {"received_us", "received_day"} & set(log.table.columns):
        counts["skewed"] = None
    return counts


def in_parts(con: Any, events: Any, n_events: int, query: Callable[[Any], Any]) -> pd.DataFrame:
    """Run an ordered pass; a large log on DuckDB goes in parts by participant, to bound its memory."""
    parts = max(1, -(-n_events // EVENTS_PER_PASS)) if con.name == "duckdb" else 1
    if parts == 1:
        return con.execute(query(events))
    tables = []
    for part in range(parts):
        mine = events.filter((events["participant"].hash().abs() % parts) == part)
        tables.append(con.execute(query(mine)))
    return pd.concat(tables, ignore_index=True)


def rule_in_words(plan: Study, rule: UsageRule) -> dict[str, Any]:
    """Give what a summary depends on."""
    return {
        "unit": plan.intended_use.unit,
        "amount": plan.intended_use.amount,
        "weeks": plan.intended_use.weeks,
        "justification": plan.intended_use.justification,
        "metric": plan.adherence.metric,
        "threshold": plan.adherence.threshold,
        "measure": measure_of(plan, rule),
        "completed_kind": rule.completed_kind or None,
        "study_days": rule.study_days,
        "landmark_day": rule.landmark_day,
        "gap_days": rule.gap_days,
        "session_gap_minutes": rule.session_gap_minutes,
    }
