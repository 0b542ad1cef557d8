"""Until when each person was watched: declared, or read off the log, never simply taken for granted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.usage.clock import MICROSECONDS_PER_DAY, moments_by_clock
from analysis.usage.reading import LogReading
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint
from instrument.reading.side_columns import Place, amounts
from instrument.study import LAST_EVENT, Study

CALLER = "summarise_usage"
Floats = NDArray[np.float64]
# Nobody need use an app on the very last days: a silent week at the end says nothing about the export.
SILENT_DAYS = 7.0
DECLARED, READ_OFF, TAKEN = "declared", "the log's last day", "taken as the study's length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """When each person's watch ended, on the person's own clock.

    `until`, shape (n_people,): days since enrolment, infinite where nothing bounds it. `cut_short` counts
    people whose study ends after the log's last event though nothing says when watching stopped. `how` says
    where `until` is from.
    """

    until: Floats
    cut_short: int
    how: str
    notes: list[str]


def with_clock(
    people: pd.DataFrame | None, given: pd.DataFrame | None, plan: Study, reading: LogReading
) -> pd.DataFrame | None:
    """Add to the checked people when they joined, and until when it is declared that they were watched.

    Parameters
    ----------
    people
        participant, and where known enrolled_us (see `people_table`), withdrawn_day.
    given
        The table as it came: `enrolled_day` (day of a calendar of its own), `observed_until` (date) or
        `observed_until_day` (days since enrolment) are read from it.
    plan
        The study; its `observed_until` holds for everyone without one of their own.
    reading
        How dates in text are written.

    Returns
    -------
    DataFrame or None
        With `joined` (days on one calendar) and `observed_day` (days since enrolment) where known.

    Raises
    ------
    DefinitionError
        A date is declared where it is not known when people were enrolled, or a number where dates are.
    ResponseDataError
        A column is not a date, or not a number.
    """
    if people is None or given is None:
        _refuse_undatable(plan, None)
        return people
    table = people.copy()
    given = given.reset_index(drop=True)
    place = Place(
        caller=reading.caller, source="the table of participants", lines=np.arange(1, len(given) + 1)
    )
    if "enrolled_us" in table:
        table["joined"] = table["enrolled_us"].astype("Float64").astype(float) / MICROSECONDS_PER_DAY
    elif "enrolled_day" in given:
        table["joined"] = amounts(given["enrolled_day"], "enrolled_day", place)
    _refuse_undatable(plan, table)
    own = np.full(len(table), np.nan)
    if "observed_until_day" in given:
        own = amounts(given["observed_until_day"], "observed_until_day", place)
    elif "observed_until" in given:
        if "enrolled_us" not in table:
            fact = "`observed_until` is given for people of whom it is not known when they were enrolled."
            hint = "add the column enrolled, or give observed_until_day, days since enrolment."
            raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
        ends, is_day, empty = moments_by_clock(
            given["observed_until"], "observed_until", place, plan.zone, reading
        )
        until = ends / MICROSECONDS_PER_DAY + is_day  # a date alone stands for the end of that day
        own = np.where(empty, np.nan, until) - table["joined"].to_numpy(dtype=float)
    declared = plan.observed_until
    if isinstance(declared, date):
        everyone = float((declared - date(1970, 1, 1)).days + 1)  # to the end of that day
        own = np.where(np.isnan(own), everyone - table["joined"].to_numpy(dtype=float), own)
    elif isinstance(declared, (int, float)):
        joined = table["joined"].to_numpy(dtype=float) if "joined" in table else np.zeros(len(table))
        own = np.where(np.isnan(own), float(declared) - joined, own)
    if np.isfinite(own).any():
        table["observed_day"] = np.maximum(own, 0.0)
    return table


def _refuse_undatable(plan: Study, table: pd.DataFrame | None) -> None:
    dated = table is not None and "enrolled_us" in table
    if isinstance(plan.observed_until, date) and not dated:
        fact = f"observation ended on {plan.observed_until}, but it is not known when anybody was enrolled."
        hint = "give the table of everyone enrolled a column enrolled, or declare a day instead of a date."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if isinstance(plan.observed_until, (int, float)) and dated:
        fact = f"observation ended on day {plan.observed_until:g}, but people were enrolled on dates."
        raise DefinitionError(fact_and_hint(CALLER, fact, "declare observed_until as a date."))


def watching(people: pd.DataFrame, plan: Study, last: float, last_day: float) -> Watching:
    """Give the end of each person's watch.

    Parameters
    ----------
    people
        As finished: one row per person, with `joined`, `observed_day`, `withdrawn_day` where known.
    plan
        The study.
    last
        Last event of the log on the calendar of `joined`; NaN where there is no such calendar.
    last_day
        Last event of the log in days since each person's own enrolment.

    Returns
    -------
    Watching
        Where nothing is declared and the calendar is known, people whose study ends more than a week
        after the log's last event are taken as watched until the end of that event's day.
    """
    n = len(people)
    days = float(plan.study_days)
    own = people["observed_day"].to_numpy(dtype=float) if "observed_day" in people else np.full(n, np.nan)
    known = np.isfinite(own)
    until = np.where(known, own, np.inf)
    gone = people["withdrawn_day"].to_numpy(dtype=float) if "withdrawn_day" in people else np.full(n, np.nan)
    ends = np.fmin(gone, days)
    joined = people["joined"].to_numpy(dtype=float) if "joined" in people else np.full(n, np.nan)
    logged = np.floor(last) + 1.0 - joined
    asked = plan.observed_until == LAST_EVENT
    if asked and not np.isfinite(logged).any():
        logged = np.full(n, np.floor(last_day) + 1.0)
    if asked:
        until = np.where(known, until, np.where(np.isfinite(logged), np.maximum(logged, 0.0), np.inf))
        return Watching(until=until, cut_short=0, how=READ_OFF, notes=[])
    if known.all() and n:
        return Watching(until=until, cut_short=0, how=DECLARED, notes=[])
    if not np.isfinite(logged).any():
        # People on clocks of their own: only a log that ends early for everyone shows.
        short = ~known & (ends > np.floor(last_day) + 1.0 + SILENT_DAYS)
        notes = [f"until when people were watched is not known: taken as {days:g} days for everyone"]
        return Watching(until=until, cut_short=int(short.sum()), how=TAKEN, notes=notes)
    short = ~known & np.isfinite(logged) & (ends > logged + SILENT_DAYS)
    if not short.any():
        return Watching(until=until, cut_short=0, how=DECLARED if known.any() else TAKEN, notes=[])
    # A log that ends early for some ends then for all.
    until = np.where(~known & np.isfinite(logged), np.maximum(logged, 0.0), until)
    notes = [
        f"the study of {int(short.sum())} of {n} people ends more than {SILENT_DAYS:g} days after the log's "
        "last event and nothing says until when they were watched: they are taken as watched until that day"
    ]
    return Watching(until=until, cut_short=int(short.sum()), how=READ_OFF, notes=notes)
