"""What stops the reading of a log, and what is said aloud."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.usage.expressions import TWIN_SECONDS
from analysis.usage.reading import LONG_MINUTES, MANY_LONG, LogReading, ReadLog
from analysis.usage.sources import TEXT_FILES, separator_of
from analysis.usage.suspicions import lost_ids, written_twice
from instrument.errors import name_offenders
from instrument.reading.clock import microseconds, named_form
from instrument.reading.ids import MOST_LOST, compare_ids
from instrument.reading.raw import count_of, name_rows
from instrument.reading.side_columns import plain_numbers

SOME_TWINS, MANY_TWINS = 0.05, 0.25
FEW_TOLD = 5
ROWS_AT_ONCE = 200_000
IN_WORDS = {
    "unreadable": "without time, kind or participant",
    "unknown": "of people who are not known",
    "before_enrolment": "before enrolment",
    "after_withdrawal": "after withdrawal",
    "after_study": "after the study's end",
    "after_observation": "after the end of watching",
}
CURES = {
    "unreadable": "fill time, kind and participant of every event.",
    "unknown": "keep only events of the study's people, or give the table of everyone enrolled.",
    "before_enrolment": "check the dates of enrolment and of the log.",
    "after_withdrawal": "check the days of withdrawal.",
    "after_study": "check study_days and the dates of enrolment.",
    "after_observation": "check observed_until, in the study file and in the table of everyone enrolled.",
}


def refuse_unplaced(log: ReadLog, people: pd.DataFrame | None, reading: LogReading) -> None:
    """Refuse people without a day of enrolment where events carry timestamps: they would count as no use."""
    if people is None or "enrolled_us" not in people or "day" in log.table.columns:
        return
    unplaced = people.loc[people["enrolled_us"].isna(), "participant"]
    if len(unplaced):
        fact = (
            f"column 'enrolled' is empty for {count_of(len(unplaced), 'participant')} "
            f"({name_offenders(unplaced)}), so no event of theirs can be placed."
        )
        raise reading.fault(fact, "fill in the day of enrolment, or leave these people out.")


def check_tally(tally: pd.DataFrame, log: ReadLog, zone: str, reading: LogReading, events: Any) -> list[str]:
    """Refuse cells that are not of their column's form, mixed offsets and durations that are no minutes."""
    totals = tally.drop(columns="kind").sum()
    for name in log.misread:
        if n := int(totals[f"misread_{name}"]):
            form = log.forms.get(name)
            what = f"are not written as the others ({form})" if form else "are no plain numbers"
            where = _lines_of(name, form, reading, events)
            fact = f"{reading.source}: column {name!r}: {count_of(n, 'cell')} {what}{where}."
            raise reading.fault(fact, "write every cell in one form, or leave it empty.")
    notes = []
    clock = "days are those of UTC" if zone == "UTC" else f"days are those of the clock of {zone}"
    carried = {name: int(totals[f"offset_{name}"]) > 0 for name in log.offsets if totals[f"stamp_{name}"]}
    if len(set(carried.values())) > 1:
        some, none = sorted(carried, key=lambda name: not carried[name])
        fact = f"{reading.source}: stamps of {some!r} carry an offset from UTC and those of {none!r} none."
        raise reading.fault(fact, "write the offset at every stamp of both columns, or at none.")
    for name in log.offsets:
        with_offset, stamps = int(totals[f"offset_{name}"]), int(totals[f"stamp_{name}"])
        if 0 < with_offset < stamps:
            fact = (
                f"{reading.source}: column {name!r}: {with_offset} stamps carry an offset from UTC and "
                f"{stamps - with_offset} none."
            )
            raise reading.fault(fact, "write the offset at every stamp, or at none.")
        if with_offset:
            notes.append(f"stamps of {name!r} carry offsets: {clock}")
    lasting, lengthy = int(totals["lasting"]), int(totals["long"])
    if reading.durations is None and lengthy > MANY_LONG * lasting:
        fact = (
            f"{reading.source}: {lengthy} of {lasting} durations above 0 would be longer than "
            f"{LONG_MINUTES / 60:g} hours, were they minutes."
        )
        options = " or ".join(reading.option("durations", unit) for unit in ("s", "ms", "min"))
        raise reading.fault(fact, f"say what they are with {options}.")
    return notes


def refuse_twin_kinds(tally: pd.DataFrame, counted: tuple[str, ...], reading: LogReading) -> None:
    """Refuse kinds that are one but for capitals, blanks or marks, where one is counted and others are not.

    Parameters
    ----------
    tally
        `kind`, and `events` of each.
    counted
        Kinds that the table counts.
    reading
        Who asks.

    Raises
    ------
    ResponseDataError
        A counted kind is written in several ways.
    """
    numbers = {
        str(kind): int(n) for kind, n in zip(tally["kind"], tally["events"], strict=True) if pd.notna(kind)
    }
    for kind in filter(None, counted):
        others = [name for name in numbers if name != kind and _folded(name) == _folded(kind)]
        if kind in numbers and others:
            n = sum(numbers[name] for name in others)
            fact = (
                f"{reading.source}: {count_of(numbers[kind], 'event')} of kind {kind!r} count, "
                f"and {n} more are called {name_offenders(others)}."
            )
            raise reading.fault(fact, "write one kind in one way, or give kinds that differ other names.")


def _folded(kind: str) -> str:
    """A kind without capitals, blanks, marks and signs that cannot be seen."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", kind).casefold() if sign.isalnum())


def _lines_of(name: str, form: str | None, reading: LogReading, events: Any) -> str:
    """Name the first lines of a local text file whose cell cannot be read; empty for other logs."""
    path = Path(str(events)) if isinstance(events, (str, Path)) else None
    named_otherwise = reading.mapping is not None
    if named_otherwise or path is None or not path.is_file() or not path.name.endswith(TEXT_FILES):
        return ""
    found: list[int] = []
    parts = pd.read_csv(
        path,
        sep=separator_of(path.name, reading),
        usecols=[name],
        dtype=str,
        keep_default_na=False,
        na_values=["", "NA"],
        chunksize=ROWS_AT_ONCE,
        skip_blank_lines=False,
    )
    for part in parts:
        cells = part[name].astype("string")
        if form is not None:
            read = microseconds(cells, named_form(form, reading.caller))[1]
        else:
            plain = plain_numbers(cells.str.strip(), reading.decimal, reading.thousands)
            read = pd.to_numeric(plain, errors="coerce").notna().to_numpy()
        wrong = cells.notna().to_numpy() & ~read
        found += (part.index.to_numpy()[wrong] + 2).tolist()
        if len(found) > FEW_TOLD:
            break
    return f" ({name_rows(found[:FEW_TOLD], 'line')})" if found else ""


def check_people(
    log: Any, people: pd.DataFrame, counts: dict[str, int | None], con: Any, reading: LogReading
) -> tuple[list[str], str]:
    """Refuse a log of which nobody is known, or whose ids are written in another way; say who is unknown.

    The second value says that so many are unknown that use of people may be lost; empty where it is not so.
    """
    unknown = counts["unknown"] or 0
    if not unknown:
        return [], ""
    column = log["participant"].cast("string").name("participant")
    names = con.execute(column.as_table().distinct())["participant"].dropna().astype(str)
    match = compare_ids(names, people["participant"])
    alike = f"; {match.near} would match but for {match.cause}" if match.near else ""
    fact = f"{match.unknown} of {len(names)} ids in {reading.source} are not among the {len(people)} people"
    if match.known == 0 or match.near_share > MOST_LOST:
        cure = (
            f"write ids alike in every table ({match.cause})."
            if match.near
            else "give the log of these people."
        )
        raise reading.fault(f"{fact}{alike}.", cure)
    everyone = set(people["participant"])
    twice, how = written_twice(set(names) - everyone, everyone)
    if twice > match.near:
        alike = f"; {twice} are those of people but for {how}"
        if twice > MOST_LOST * len(people):
            raise reading.fault(f"{fact}{alike}.", f"write ids alike in every table ({how}).")
    lost = lost_ids(set(names), everyone)
    return [f"{fact}{alike}: their {count_of(unknown, 'event')} are set aside"], lost


def refuse_most_set_aside(tally: pd.DataFrame, counts: dict[str, int | None], reading: LogReading) -> None:
    """Refuse a log most of whose events would not count."""
    total, aside = int(tally["events"].sum()), int(tally["set_aside"].sum())
    if not total or aside <= reading.most_set_aside * total:
        return
    reasons = {name: counts[name] or 0 for name in IN_WORDS}
    listed = ", ".join(f"{n} {IN_WORDS[name]}" for name, n in reasons.items() if n)
    largest = max(reasons, key=lambda name: reasons[name])
    fact = f"{aside} of {total} events of {reading.source} would be set aside: {listed}."
    share = np.ceil(100 * aside / total) / 100
    allow = reading.option("most_set_aside", f"{min(share, 1.0):g}")
    raise reading.fault(fact, f"{CURES[largest]} If all is as it should be, say so with {allow}.")


def check_twins(table: pd.DataFrame, seen: int, reading: LogReading) -> list[str]:
    """Say that many events look as if they had been sent twice; refuse where it is a quarter or more."""
    if reading.retry_seconds is not None or not seen or not len(table):
        return []
    twins = int(table["twins"].sum())
    if twins <= SOME_TWINS * seen:
        return []
    fact = (
        f"{twins} of {seen} events follow one of the same kind and duration within {TWIN_SECONDS:g} seconds"
    )
    if twins <= MANY_TWINS * seen:
        return [f"suspicion: {fact}; they may have been sent twice"]
    ids, merge, keep = (
        reading.option("event_id", "COLUMN"),
        reading.option("retry_seconds", f"{TWIN_SECONDS:g}"),
        reading.option("retry_seconds", "0"),
    )
    hint = f"name the id of each event with {ids}; without ids, merge them ({merge}) or keep all ({keep})."
    raise reading.fault(f"{fact}: they may have been sent twice.", hint)
