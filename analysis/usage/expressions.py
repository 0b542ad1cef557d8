"""What is computed from a usage log, written once as Ibis expressions for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from analysis.usage.clock import UTC_SHIFTS, Shifts, on_clock
from analysis.usage.reading import DAY_ALONE, LONG_MINUTES, NOBODY, ReadLog, is_absent, is_there
from instrument.errors import ResponseDataError, fact_and_hint

SECONDS_PER_DAY = 86_400.0
MICROSECONDS_PER_DAY = 86_400_000_000.0
MINUTES_PER_DAY = 1_440.0
ROUNDING = 5e-12  # of a day, half a microsecond: what lies a whole gap apart is not more for a last digit


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
    retry_seconds: float = 0.0
    lasting: bool = True
    shifts: Shifts = UTC_SHIFTS
    measure: str = "sessions"
    unrelated_kind: str = ""
    other_kinds: tuple[str, ...] = ()


def timed(log: ReadLog, people: pd.DataFrame | None, rule: UsageRule) -> Any:
    """Put every event on the clock of its participant, and say what is wrong with it.

    Parameters
    ----------
    log
        Typed columns (see `analysis.usage.reading.read_log`).
    people
        participant (text), and where known `enrolled_us`, `began_day` and `withdrawn_day`.
    rule
        Numbers of the study.

    Returns
    -------
    ibis table
        participant, day, kind, minutes, what tells events apart, `calendar` (day of the event where it is
        known when people joined), and a column per fault (`is_…`), never null.
    """
    table = _with_people(log.table, people)
    day = _day_of(table, people, rule.shifts)
    whole = _is_day_alone(table, "at")
    minutes = table["minutes"] if "minutes" in table.columns else ibis.literal(0.0)
    known: Any = table["is_known"] if "is_known" in table.columns else ibis.literal(True)
    nobody = is_absent(table["participant"])
    received = _received(table, rule.shifts)
    skewed = ibis.literal(False)
    if received is not None:
        some_time = _is_day_alone(table, "received")  # it came at some time of that day
        slack = ibis.cases((some_time, 1.0), else_=rule.skew_minutes / MINUTES_PER_DAY)
        skewed = (day > received + slack).fill_null(False)
        day = ibis.cases((skewed, received), else_=day)
        whole = ibis.cases((skewed, some_time), else_=whole)
    gone: Any = ibis.literal(False)
    if "withdrawn_day" in table.columns:
        gone = _is_past(day, table["withdrawn_day"])
    unwatched: Any = ibis.literal(False)
    if "observed_day" in table.columns:
        unwatched = _is_past(day, table["observed_day"])
    calendar: Any = ibis.literal(None).cast("float64")
    if "joined" in table.columns:
        calendar = day + table["joined"]
    unreadable = nobody | (known & (is_absent(table["kind"]) | is_absent(day)))
    begins: Any = ibis.literal(0.0)
    if "began_day" in table.columns and "day" not in table.columns:
        began = table["began_day"].fill_null(0.0)
        begins = ibis.cases((whole, began.floor()), else_=began)
    before, after = (day < begins).fill_null(False), (day >= rule.study_days).fill_null(False)
    kept = {name: table[name] for name in ("event_id", "content") if name in table.columns}
    flags = {name: table[name] for name in table.columns if name.startswith(("is_misread_", "is_offset_"))}
    if NOBODY in table.columns:
        flags[NOBODY] = table[NOBODY]
    if log.offsets:
        flags |= {f"is_stamp_{name}": is_there(table[f"{name}_us"]) for name in log.offsets}
    return table.select(
        participant=table["participant"],
        day=day,
        kind=table["kind"],
        minutes=ibis.greatest(minutes.fill_null(0.0), 0.0),
        calendar=calendar,
        is_unreadable=unreadable,
        is_unknown=~known & ~nobody,
        is_skewed=skewed,
        is_before_enrolment=before,
        is_after_withdrawal=gone,
        is_after_study=after,
        is_after_observation=unwatched,
        is_negative_duration=(minutes < 0.0).fill_null(False),
        is_set_aside=unreadable | ~known | before | gone | after | unwatched,
        is_lasting=(minutes > 0.0).fill_null(False),
        is_long=(minutes > LONG_MINUTES).fill_null(False),
        **kept,
        **flags,
    )


def _is_past(day: Any, end: Any) -> Any:
    """Whether an event lies after an end: of a day that it begins nothing counts, up to a time of day all."""
    return ((day > end) | ((day == end) & (end == end.floor()))).fill_null(False)


def _with_people(events: Any, people: pd.DataFrame | None) -> Any:
    """Join what is known of each person, by ids as text; by number where both sides hold plain numbers."""
    if people is None:
        return events
    side = people.assign(is_known=True)
    integers = events["participant"].type().is_integer()
    plain = integers and bool(side["participant"].str.fullmatch("0|-?[1-9][0-9]{0,17}").all())
    side["participant"] = side["participant"].astype("int64" if plain else "object")
    if integers and not plain:
        events = events.mutate(participant=events["participant"].cast("string"))
    known = ibis.memtable(side)
    joined = events.left_join(known, "participant")
    extra = [column for column in side.columns if column != "participant"]
    kept = {column: events[column] for column in events.columns if column not in extra}
    kept |= {column: known[column] for column in extra}
    joined = joined.select(**kept)
    return joined.mutate(is_known=joined["is_known"].fill_null(False))


def _day_of(table: Any, people: pd.DataFrame | None, shifts: Shifts) -> Any:
    if "day" in table.columns:
        return table["day"]
    if people is None or "enrolled_us" not in people:
        fact = "events carry timestamps (`at`) but it is not known when anybody was enrolled."
        hint = "pass participants with a column 'enrolled', or give days since enrolment as `day`."
        raise ResponseDataError(fact_and_hint("summarise_usage", fact, hint))
    return _days_between(_by_clock(table, "at", shifts), table["enrolled_us"])


def _by_clock(table: Any, name: str, shifts: Shifts) -> Any:
    """Stamps as the clock showed them: a day without a time is that day wherever the clock stands."""
    stamps, alone = table[f"{name}_us"], f"{DAY_ALONE}{name}"
    shifted = on_clock(stamps, shifts)
    if alone not in table.columns or all(shift == 0 for _, shift in shifts):
        return shifted
    return ibis.cases((table[alone], stamps), else_=shifted)


def _is_day_alone(table: Any, name: str) -> Any:
    alone = f"{DAY_ALONE}{name}"
    return table[alone] if alone in table.columns else ibis.literal(False)


def _days_between(late: Any, early: Any) -> Any:
    return (late - early).cast("float64") / MICROSECONDS_PER_DAY


def _received(table: Any, shifts: Shifts) -> Any:
    if "received_day" in table.columns:
        return table["received_day"]
    if "received_us" in table.columns and "enrolled_us" in table.columns:
        return _days_between(_by_clock(table, "received", shifts), table["enrolled_us"])
    return None


FAULTS = (
    "unreadable",
    "unknown",
    "skewed",
    "before_enrolment",
    "after_withdrawal",
    "after_study",
    "after_observation",
    "negative_duration",
)
SET_ASIDE = (
    "unreadable",
    "unknown",
    "before_enrolment",
    "after_withdrawal",
    "after_study",
    "after_observation",
)
# Equal but for so many seconds, events look like one that was sent twice.
TWIN_SECONDS = 2.0
# Beyond this many kinds they are compared as words.
MOST_NUMBERED = 100


def fault_counts(events: Any, study_days: float) -> Any:
    """Count events and every flag by kind, with the last event on the calendar and on people's own clocks."""
    flags = [name for name in events.columns if name.startswith("is_")]
    counted: dict[str, Any] = {name.removeprefix("is_"): events.count(where=events[name]) for name in flags}
    real = ~events["is_unreadable"] & ~events["is_unknown"] & ~events["is_before_enrolment"]
    # A telephone whose clock runs years ahead does not show that the log reaches so far.
    real = real & (events["day"] < 2 * study_days).fill_null(False)
    counted["last"] = events["calendar"].max(where=real)
    counted["last_day"] = events["day"].max(where=real)
    return events.group_by("kind").aggregate(events=events.count(), **counted)


def on_calendar(clocked: Any, counted: str) -> Any:
    """Days of the calendar with an event of a kind, any where it is empty, of people known; aside or not."""
    mine = clocked.filter(~clocked["is_unreadable"] & ~clocked["is_unknown"])
    mine = mine.filter(mine["kind"] == counted) if counted else mine
    return mine.select(on=mine["calendar"].floor().cast("int64")).distinct()


def usable(events: Any, kinds: list[str]) -> Any:
    """Drop the events that are set aside and the columns that say why; kinds become numbers.

    Numbers sort faster than words; a log with very many kinds keeps its words.
    """
    own = [name for name in ("event_id", "content") if name in events.columns]
    kept = events.filter(~events["is_set_aside"]).select("participant", "day", "kind", "minutes", *own)
    if len(kinds) > MOST_NUMBERED:
        return kept
    numbers = [(kept["kind"] == kind, number) for number, kind in enumerate(kinds)]
    return kept.mutate(kind=ibis.cases(*numbers, else_=-1).cast("int16"))


def without_retries(events: Any) -> Any:
    """Keep the first of the events that bear one id; those without an id all stay."""
    if "event_id" not in events.columns:
        return events
    content = ["content"] if "content" in events.columns else []  # of equals the first is one and the same
    same = ibis.window(group_by=["participant", "event_id"], order_by=["day", "kind", "minutes", *content])
    numbered = events.mutate(copy=ibis.row_number().over(same))
    return numbered.filter(is_absent(numbered["event_id"]) | (numbered["copy"] == 0)).drop("copy")


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
    everything that the log says but its arrival, and without an id of its own, it is a duplicate; on a later
    day, it opens an active day; `gap_days` or more later, the person had stopped in between. It opens a
    session where more than the session gap lies between it and the latest end of every event before it.
    """
    compared = _compared(events, rule, kinds)
    landmark = rule.landmark_day
    before, stop = compared["before_day"], compared["stop"]
    marked = compared.mutate(
        late=compared["day"] >= landmark,
        within=(before >= landmark) | (compared["day"] < landmark),
        in_last_week=(compared["day"] >= landmark - WEEK) & (compared["day"] < landmark),
        stop=ibis.cases((stop > landmark, stop), else_=None),
    )
    return _one_row_each(_by_period(marked, rule), rule)


def _compared(events: Any, rule: UsageRule, kinds: list[str]) -> Any:
    """Put beside each event what the one before it says of it; `stop` is when the person had stopped."""
    alike = ["kind", "minutes", *(["content"] if "content" in events.columns else [])]
    unnamed: Any = is_absent(events["event_id"]) if "event_id" in events.columns else ibis.literal(True)
    # Of events that are alike those without an id come first: a copy is one of them, never of one with an id,
    # in whatever order an engine gives equals.
    last = [] if "event_id" not in events.columns else [~unnamed]
    window = ibis.window(group_by="participant", order_by=["day", *alike, *last])
    earlier = ibis.window(
        group_by="participant", order_by=["day", *alike, *last], preceding=(None, 1), following=None
    )
    ends = events["day"] + events["minutes"] / MINUTES_PER_DAY
    # where nothing lasts, the latest end is the event before: a running maximum would double the time
    before_end = ends.max().over(earlier) if rule.lasting else events["day"].lag().over(window)
    events = events.mutate(
        before_day=events["day"].lag().over(window),
        before_end=before_end,
        **{f"before_{name}": events[name].lag().over(window) for name in alike},
    )
    first = is_absent(events["before_day"])
    same: Any = ibis.literal(True)
    for name in alike:
        same = same & (events[name] == events[f"before_{name}"])
    apart = events["day"] - events["before_day"]
    double = same & (events["day"] == events["before_day"])
    if rule.retry_seconds:
        of_kind = ibis.window(group_by=["participant", *alike], order_by=["day", *last])
        double = events["day"] - events["day"].lag().over(of_kind) <= _days(rule.retry_seconds)
    double = (double & unnamed).fill_null(False)
    twin = (same & unnamed & (apart > 0.0) & (apart <= _days(TWIN_SECONDS))).fill_null(False)
    pause = (events["day"] - events["before_end"]) * MINUTES_PER_DAY
    before = events["before_day"].fill_null(0.0)
    stop = before + rule.gap_days
    return events.select(
        participant=events["participant"],
        day=events["day"],
        before_day=events["before_day"],
        minutes=ibis.cases((double, 0.0), else_=events["minutes"]),
        gap=events["day"] - events["before_day"],
        double=double,
        twin=twin & ~double,
        opens_session=first | (pause > rule.session_gap_minutes + ROUNDING * MINUTES_PER_DAY),
        opens_day=first | (events["day"].floor() > events["before_day"].floor()),
        completes=_is_kind(events, rule.completed_kind, kinds) & ~double,
        is_login=_is_kind(events, rule.login_kind, kinds) & ~double,
        unrelated=_is_kind(events, rule.unrelated_kind, kinds) & ~double,
        stop=ibis.cases((events["day"] >= stop - ROUNDING, stop), else_=None),
        **{
            name: _is_kind(events, kind, kinds) & ~double
            for name, kind in zip(of_kinds(rule), rule.other_kinds, strict=True)
        },
    )


def of_kinds(rule: UsageRule) -> tuple[str, ...]:
    """Names of the columns that count the other kinds of event before the landmark."""
    return tuple(f"kind_{k}" for k in range(len(rule.other_kinds)))


def per_stretch(events: Any, rule: UsageRule, kinds: list[str], days: tuple[int, ...]) -> Any:
    """Aggregate usable events between several landmarks, so that one reading of the log serves them all.

    Notes
    -----
    `bin`: how many of the days the event has reached; `from_bin` the same of the event before it, and
    `stop_bin` how many days lie before the moment at which the person had stopped in between.
    """
    compared = _compared(events, rule, kinds)
    marked = compared.mutate(
        bin=_reached(compared["day"], days),
        from_bin=_reached(compared["before_day"], days),
        stop_bin=_reached(compared["stop"], days, strictly=True),
    )
    grouped = marked.group_by(["participant", "bin", "from_bin", "stop_bin"])
    return _aggregated(grouped, marked, units=_units(marked, rule), **_early(marked, rule))


def _reached(column: Any, days: tuple[int, ...], *, strictly: bool = False) -> Any:
    count: Any = ibis.literal(0)
    for day in days:
        past = (column > day) if strictly else (column >= day)
        count = count + past.fill_null(False).cast("int64")
    return count


def days_before(clocked: Any) -> Any:
    """Count the days with events before day 0 of each person known: use that no rating has followed."""
    early = clocked.filter(
        clocked["is_before_enrolment"] & ~clocked["is_unreadable"] & ~clocked["is_unknown"]
    )
    return early.group_by("participant").aggregate(days_before_enrolment=early["day"].floor().nunique())


def pauses(events: Any, longest: float) -> Any:
    """Give the stretches of more than so many days between two events of one person."""
    window = ibis.window(group_by="participant", order_by="day")
    beside = events.select(
        participant=events["participant"], back=events["day"], last_use=events["day"].lag().over(window)
    )
    return beside.filter((beside["back"] - beside["last_use"] > longest + ROUNDING).fill_null(False))


def _days(seconds: float) -> float:
    """Days of so many seconds, and a millisecond more: days carry rounding."""
    return (seconds + 0.001) / SECONDS_PER_DAY


def _is_kind(events: Any, kind: str, kinds: list[str]) -> Any:
    if kind not in kinds:
        return ibis.literal(False)
    return events["kind"] == (kind if len(kinds) > MOST_NUMBERED else kinds.index(kind))


MEASURES = (
    *("events", "sessions", "completed", "logins", "active_days", "minutes", "unrelated"),
    *("first_use", "last_use"),
)
WEEK = 7.0
EARLY_WEEKS = ("first_week", "second_week", "third_week")
# Six hours each on the clock of the study; what is left is the evening.
EARLY_HOURS = ("night", "morning", "afternoon")
# Days since enrolment in sevens: what weekday each is hangs on the day of enrolment.
EARLY_DAYS = tuple(f"seventh_{k}" for k in range(int(WEEK)))
EARLY = (*EARLY_WEEKS, *EARLY_HOURS, *EARLY_DAYS)
# Columns of an event that say how many of the intended units it is.
UNITS = {
    "sessions": "opens_session",
    "active_days": "opens_day",
    "completed": "completes",
    "logins": "is_login",
    "minutes": "minutes",
}


def _units(marked: Any, rule: UsageRule, where: Any = None) -> Any:
    column = marked[UNITS[rule.measure]]
    return column.sum(where=where) if rule.measure == "minutes" else _count(marked, column, where)


def _count(marked: Any, column: Any, where: Any) -> Any:
    return marked.count(where=column if where is None else column & where)


def _early(marked: Any, rule: UsageRule) -> dict[str, Any]:
    """Units of each of the first weeks, of hours of the day, of every seventh day; events of other kinds."""
    day = marked["day"]
    whole = day.floor()
    quarter, seventh = ((day - whole) * 4).floor(), whole.cast("int64") % int(WEEK)
    places = {
        name: (day < WEEK * (k + 1)) & (day >= WEEK * k if k else True) for k, name in enumerate(EARLY_WEEKS)
    }
    places |= {name: quarter == k for k, name in enumerate(EARLY_HOURS)}
    places |= {name: seventh == k for k, name in enumerate(EARLY_DAYS)}
    units = {name: _units(marked, rule, where) for name, where in places.items()}
    return units | {name: marked.count(where=marked[name]) for name in of_kinds(rule)}


def _by_period(marked: Any, rule: UsageRule) -> Any:
    inner = {
        "inner_gap": marked["gap"].max(where=marked["within"]),
        **_early(marked, rule),
        "last_week": _units(marked, rule, marked["in_last_week"]),
    }
    return _aggregated(marked.group_by(["participant", "late"]), marked, **inner)


def _aggregated(grouped: Any, marked: Any, **further: Any) -> Any:
    return grouped.aggregate(
        duplicates=marked.count(where=marked["double"]),
        twins=marked.count(where=marked["twin"]),
        events=marked.count(where=~marked["double"]),
        sessions=marked.count(where=marked["opens_session"]),
        completed=marked.count(where=marked["completes"]),
        logins=marked.count(where=marked["is_login"]),
        active_days=marked.count(where=marked["opens_day"]),
        minutes=marked["minutes"].sum(),
        unrelated=marked.count(where=marked["unrelated"]),
        first_use=marked["day"].min(),
        last_use=marked["day"].max(),
        **further,
        gap=marked["gap"].max(),
        stop=marked["stop"].min(),
    )


def _one_row_each(table: Any, rule: UsageRule) -> Any:
    measures: dict[str, Any] = {
        "duplicates": table["duplicates"].sum(),
        "twins": table["twins"].sum(),
        "inner_gap_whole": table["gap"].max(),
        "stopped_late": table["stop"].min(),
        **{
            f"{name}_before": table[name].sum(where=~table["late"]).fill_null(0)
            for name in (*EARLY, *of_kinds(rule), "last_week")
        },
    }
    for period, inside in (("before", ~table["late"]), ("after", table["late"])):
        for name in (*MEASURES, "inner_gap"):
            measures[f"{name}_{period}"] = table[name].max(where=inside)
    return table.group_by("participant").aggregate(**measures)
