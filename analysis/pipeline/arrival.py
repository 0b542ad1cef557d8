"""What came in: rows of the answers, the log and the tables beside them, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.pipeline.context import known_arrival
from instrument.errors import ToolkitError
from instrument.recognition.came_in import OF_ANSWERS

if TYPE_CHECKING:
    from analysis.pipeline.context import Context
    from analysis.usage.summarise_usage import UsageSummary

ANSWERS, LOG, TIMES = "Answers", "Log of use", "Times of answering"
BESIDE = {
    "enrolment": "Enrolled",
    "covariates": "Covariates",
    "outcomes": "Outcomes",
    "times": TIMES,
}
STAMPS = {"enrolment": "enrolled", "times": "at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One table or log as it came in.

    Attributes
    ----------
    source
        What it is, in words.
    rows, kept
        Rows or events read, and those that count.
    what
        What they are called.
    people
        Ids in it.
    first, last
        Days from and to.
    left
        Why how many were left out, and of what.
    is_reshaped
        Whether a row of the file is no administration.
    is_ruled
        Whether a rule of the mapping left events out.
    """

    source: str
    rows: int
    kept: int
    people: frozenset[str]
    what: str = "rows"
    first: str | None = None
    last: str | None = None
    left: Sequence[tuple[str, int, str]] = ()
    is_reshaped: bool = False
    is_ruled: bool = False


def arrivals(context: Context) -> list[Arrival]:
    """Gather what came in, the answers first.

    Parameters
    ----------
    context
        The validation.

    Returns
    -------
    list of Arrival
        Answers, other questionnaires, tables beside them, and the log.
    """
    found = [_of_answers(ANSWERS, context.responses, context.came_in)]
    found += [_of_answers(other.title, table, known_arrival(table)) for table, other in context.measures]
    for name, words in BESIDE.items():
        table: pd.DataFrame | None = getattr(context, name)
        if table is None or table.attrs.get(OF_ANSWERS):
            continue
        first, last = _days(table, STAMPS.get(name))
        people = _ids(table)
        found.append(
            Arrival(source=words, rows=len(table), kept=len(table), people=people, first=first, last=last)
        )
    log = _of_log(context)
    return found if log is None else [*found, log]


def _of_answers(source: str, table: pd.DataFrame, came: dict[str, Any]) -> Arrival:
    left = [(str(why), int(n), str(what)) for why, n, what in came.get("left", ())]
    rows = int(came.get("rows", len(table)))
    kept = rows - sum(n for _, n, what in left if what == "rows")
    return Arrival(
        source=source,
        rows=rows,
        kept=kept,
        people=_ids(table),
        first=came.get("from"),
        last=came.get("to"),
        left=left,
        is_reshaped=kept != len(table),
    )


def _of_log(context: Context) -> Arrival | None:
    """Events of the log; as given where there is no study to say what use is."""
    from analysis.pipeline.topics.use import FAULTS, summary_of
    from analysis.usage.expressions import SET_ASIDE

    if context.usage is None:
        return None
    found: UsageSummary | None = None
    if context.study is not None:
        try:
            found = summary_of(context)
        except ToolkitError:
            found = None  # the section on use says why
    if found is None:
        given = context.usage
        if not isinstance(given, pd.DataFrame) or "participant" not in given.columns:
            return None
        n = len(given)
        return Arrival(source=LOG, what="events", rows=n, kept=n, people=_ids(given))
    used = found.people[found.people["events_whole"] > 0]
    left = [(f"by the rule on {name!r}", n, "events") for name, n in found.left_out if n]
    ruled = sum(n for _, n, _ in left)
    read = int(found.counts["events"] or 0) + ruled
    for fault in (*SET_ASIDE, "duplicates"):
        if number := found.counts.get(fault):
            words = FAULTS.get(fault, fault)
            left.append((words[0].lower() + words[1:], int(number), "events"))
    return Arrival(
        source=LOG,
        what="events",
        rows=read,
        kept=int(used["events_whole"].sum()),
        people=_ids(used),
        first=_of_enrolment(used["first_use_whole"].min()),
        last=_of_enrolment(used["last_use_whole"].max()),
        left=left,
        is_ruled=ruled > 0,
    )


def _of_enrolment(day: float) -> str | None:
    return None if pd.isna(day) else f"day {int(day)} after enrolment"


def _ids(table: pd.DataFrame) -> frozenset[str]:
    return frozenset(table["participant"].dropna().astype(str))


def _days(table: pd.DataFrame, name: str | None) -> tuple[str | None, str | None]:
    """First and last day of a column of stamps."""
    if name is None or name not in table.columns:
        return None, None
    stamps = pd.to_datetime(table[name], errors="coerce", utc=True).dropna()
    return (str(stamps.min().date()), str(stamps.max().date())) if len(stamps) else (None, None)
