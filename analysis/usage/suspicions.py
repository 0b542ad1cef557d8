"""Signs that a log holds events twice, under two names, or not at all, counted on a part of its people."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.usage.expressions import TWIN_SECONDS
from analysis.usage.reading import LogReading
from instrument.reading.ids import CAUSES, MOST_LOST
from instrument.reading.raw import count_of

Floats = NDArray[np.float64]
LOOKED_AT = 60_000  # events at most; of a larger log those of some people
SOME, MANY, FEWEST = 0.05, 0.25, 20
AGAIN_SECONDS = 60.0
QUARTER = 900  # seconds; clocks of time zones differ by whole quarters of an hour
APART = 420  # no time zones differ by so many seconds more
ZONES = tuple(range(3600, 15 * 3600, 3600)) + tuple(
    int(3600 * hours) for hours in (3.5, 4.5, 5.5, 5.75, 6.5, 9.5, 10.5)
)
FEWEST_PEOPLE, OFTEN = 8, 3
FAR_DAYS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicions:
    """What a log lets one suspect.

    `notes` are told; `lost` says why use of some people may be missing from the counts, empty where nothing
    shows it.
    """

    notes: list[str]
    lost: str


def looked_at(clocked: Any, events: int, con: Any, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """Fetch the events of known people, of so many people that there are about `LOOKED_AT`.

    Who is looked at follows from ids alone (the lowest by CRC-32): every engine looks at the same people.

    Parameters
    ----------
    clocked
        Ibis table of `analysis.usage.expressions.timed`.
    events
        Events of the log.
    con
        Its engine.
    people
        Those known, by `participant` (text); None: everyone in the log.

    Returns
    -------
    DataFrame
        participant, day, kind, minutes, aside (whether the event is set aside); one row for each id of an
        event.
    """
    mine = clocked.filter(~clocked["is_unreadable"] & ~clocked["is_unknown"])
    parts = -(-events // LOOKED_AT)
    if parts > 1:
        # Joined, not listed: thousands of ids in a condition take seconds to be put into words.
        mine = mine.semi_join(ibis.memtable(_some_of(mine, parts, con, people)), "participant")
    own = ["event_id"] if "event_id" in mine.columns else []
    found: pd.DataFrame = con.execute(
        mine.select("participant", "day", "kind", "minutes", *own, aside=mine["is_set_aside"])
    )
    # Engines give rows in any order; of events of one id the first is kept.
    found = found.sort_values(
        [name for name in ("participant", "day", "kind", "minutes", *own) if name in found],
        ignore_index=True,
        kind="stable",
    )
    if own:
        again = found["event_id"].notna() & found.duplicated(["participant", "event_id"])
        found = found[~again].drop(columns="event_id")
    return found


def _some_of(mine: Any, parts: int, con: Any, people: pd.DataFrame | None) -> pd.DataFrame:
    """A part of the ids, one at least, as the log writes them."""
    if people is None:
        ids = con.execute(mine.select("participant").distinct())["participant"].dropna()
    else:
        ids = people["participant"]
    ordered = sorted({str(name) for name in ids}, key=lambda name: (zlib.crc32(name.encode()), name))
    few = ordered[: -(-len(ordered) // parts)]
    if mine["participant"].type().is_integer():
        return pd.DataFrame({"participant": np.array(few, dtype=np.int64)})
    return pd.DataFrame({"participant": few}, dtype=object)


def suspicions(
    seen: pd.DataFrame, counted: str, study_days: float, reading: LogReading, *, named: bool
) -> Suspicions:
    """Look for second copies, for kinds that only some people's apps write, and for clocks that are far off.

    Parameters
    ----------
    seen
        From `looked_at`.
    counted
        Kind of event that counts; empty where sessions are split by pauses.
    study_days
        Length of the study.
    reading
        Who asks; with `retry_seconds` copies were thought of.
    named
        Whether the caller named the kind that counts.

    Returns
    -------
    Suspicions

    Raises
    ------
    ResponseDataError
        A twentieth of what counts, and 20 events or more, stand there again on another clock, or a quarter
        within a minute.

    Notes
    -----
    *Another clock.* An event has a copy where one of the same person, kind and duration follows after a
    difference of two time zones (whole hours up to 14, and those with halves), to the second. By chance as
    many follow seven minutes after that; five times as many are no chance. Stamps on whole quarters of an
    hour tell nothing and are left out.

    *Within a minute.* Nobody completes two sessions within a minute: such events are copies with rounded
    stamps or durations, or bursts.

    *Another name.* Where eight people or more, and a twentieth, have no event of the kind that counts but
    three or more of a kind that nearly nobody else has, their app may call it otherwise.

    *Far away.* Where all events of a person lie more than half a year before enrolment or after the study,
    the clock of the device is wrong.

    Examples
    --------
    >>> day = np.arange(40) + 0.4321
    >>> log = pd.DataFrame({"participant": "a", "day": day, "kind": "done", "minutes": 5.0, "aside": False})
    >>> suspicions(log, "done", 84, LogReading(), named=False)
    Suspicions(notes=[], lost='')
    """
    notes: list[str] = []
    lost: list[str] = []
    here = seen[~seen["aside"].astype(bool)]
    mine = here[here["kind"] == counted] if counted else here
    if reading.retry_seconds is None and len(mine):
        notes += _copies(mine, bool(counted), reading)
    if counted and not named:
        lost += _other_names(here, counted)
    lost += _far_away(seen, study_days)
    return Suspicions(notes=[*notes, *(f"suspicion: {fact}" for fact in lost)], lost="; ".join(lost))


def _copies(mine: pd.DataFrame, counted: bool, reading: LogReading) -> list[str]:
    seconds = np.rint(mine["day"].to_numpy(dtype=float) * 86_400).astype(np.int64)
    told = seconds % QUARTER != 0
    mine, seconds = mine[told], seconds[told]
    if len(mine) < FEWEST:
        return []
    person = pd.factorize(mine["participant"])[0].astype(np.int64)
    lasting = np.rint(mine["minutes"].to_numpy(dtype=float) * 60_000).astype(np.int64)
    like = pd.MultiIndex.from_arrays([person, pd.factorize(mine["kind"])[0], lasting]).factorize()[0]
    hint = (
        f"keep one of the copies, or name the id of each event with {reading.option('event_id', 'COLUMN')}; "
        f"{reading.option('retry_seconds', '0')} keeps all."
    )
    again, chance = on_another_clock(like.astype(np.int64), seconds)
    if again >= max(FEWEST, SOME * len(mine), 5 * chance):
        fact = (
            f"{again} of {len(mine)} events looked at have their like after a difference of time zones, to "
            f"the second ({chance} by chance): the log may hold a second copy on another clock."
        )
        raise reading.fault(fact, hint)
    if not counted:
        return []  # sessions split by pauses are one within a minute
    close = within_a_minute(person, seconds, lasting)
    if close <= SOME * len(mine) or close < FEWEST:
        return []
    fact = f"{close} of {len(mine)} events looked at that count follow another of the person within a minute"
    if close <= MANY * len(mine):
        return [f"suspicion: {fact}; they may stand there twice"]
    raise reading.fault(f"{fact}: they may stand there twice, with rounded stamps or durations.", hint)


def on_another_clock(like: NDArray[np.int64], seconds: NDArray[np.int64]) -> tuple[int, int]:
    """Count events that have their like after a difference of time zones, and as many seconds more.

    Parameters
    ----------
    like, seconds : array, shape (n,)
        What events must share (0, 1, …), and when they were.

    Returns
    -------
    tuple of int
        Events with a copy on another clock, and events with one seven minutes beside it: chance.

    Examples
    --------
    >>> at = np.array([10, 100_000, 207_001, 3610, 103_600, 210_601])
    >>> on_another_clock(np.zeros(6, dtype=int), at)
    (3, 0)
    """
    start = int(seconds.min())
    span = int(seconds.max()) - start + max(ZONES) + APART + 1
    keys = like * span + (seconds - start)
    known = np.unique(keys)
    found = [np.zeros(len(keys), dtype=bool) for _ in range(2)]
    for shift in ZONES:
        for flags, more in zip(found, (0, APART), strict=True):
            place = np.minimum(np.searchsorted(known, keys + shift + more), len(known) - 1)
            flags |= known[place] == keys + shift + more
    return int(found[0].sum()), int(found[1].sum())


def within_a_minute(person: NDArray[np.int64], seconds: NDArray[np.int64], lasting: NDArray[np.int64]) -> int:
    """Count events that follow another of the person within a minute, aside from their like within 2 seconds.

    Parameters
    ----------
    person, seconds, lasting : array, shape (n,)

    Returns
    -------
    int

    Examples
    --------
    >>> within_a_minute(np.zeros(4, dtype=int), np.array([0, 0, 30, 500]), np.array([5, 5, 5, 5]))
    1
    """
    order = np.lexsort((lasting, seconds, person))
    person, seconds, lasting = person[order], seconds[order], lasting[order]
    apart, same = np.diff(seconds), np.diff(person) == 0
    double = (apart <= TWIN_SECONDS) & (np.diff(lasting) == 0)  # `check_twins` tells of these
    return int((same & (apart <= AGAIN_SECONDS) & ~double).sum())


def _other_names(here: pd.DataFrame, counted: str) -> list[str]:
    table = here.groupby(["participant", "kind"]).size().unstack(fill_value=0)
    if counted not in table:
        return []
    without = (table[counted] == 0).to_numpy(dtype=bool)
    found = []
    for kind in table.columns:
        here_too = table[kind].to_numpy(dtype=int)
        theirs, others = int((without & (here_too >= OFTEN)).sum()), int((~without & (here_too > 0)).sum())
        if theirs >= max(FEWEST_PEOPLE, SOME * len(table)) and 10 * others <= theirs:
            found.append(
                f"of {theirs} people looked at the log has events of kind {kind!r} and "
                f"none of kind {counted!r}, which counts, and of others none or next to none: one app may "
                "call it otherwise"
            )
    return found


def _far_away(seen: pd.DataFrame, study_days: float) -> list[str]:
    day = seen["day"].to_numpy(dtype=float)
    far = (day < -FAR_DAYS) | (day > study_days + FAR_DAYS)
    if not far.any():
        return []
    every = pd.Series(far).groupby(seen["participant"].to_numpy()).all()
    n = int(every.sum())
    if not n or n < SOME * len(every):
        return []
    return [
        f"all events of {n} of {len(every)} people looked at lie more than half a year before their "
        "enrolment or after their study: their clocks may be wrong, and they count as no use"
    ]


def written_twice(unknown: set[str], people: set[str]) -> tuple[int, str]:
    """Count ids that are nobody's but for the writing of somebody's id.

    Parameters
    ----------
    unknown, people
        Ids that are nobody's, and everybody's.

    Returns
    -------
    tuple
        How many, and what most differ in.

    Examples
    --------
    >>> written_twice({"p001", "X9"}, {"P001", "P002"})
    (1, 'capitals')
    """
    causes: Counter[str] = Counter()
    left = set(unknown)
    for cause, plain in CAUSES[:-1]:
        targets = Counter(map(plain, people))
        hit = {name for name in left if targets[plain(name)] == 1}
        causes[cause] += len(hit)
        left -= hit
    n = sum(causes.values())
    return n, causes.most_common(1)[0][0] if n else ""


def lost_ids(names: set[str], people: set[str]) -> str:
    """Say that ids of the log belong to nobody, where there are enough of them to matter.

    Parameters
    ----------
    names, people
        Ids of the log, and of everyone enrolled.

    Returns
    -------
    str
        Empty where fewer than a twentieth of the people.

    Examples
    --------
    >>> lost_ids({"a", "b", "new"}, {"a", "b"})
    '1 id of the log belongs to nobody enrolled: people who install the app again may go on under a new one'
    """
    unknown = names - people
    if len(unknown) < MOST_LOST * len(people) or not unknown:
        return ""
    verb = "belongs" if len(unknown) == 1 else "belong"
    return (
        f"{count_of(len(unknown), 'id')} of the log {verb} to nobody enrolled: people who install the app "
        "again may go on under a new one"
    )
