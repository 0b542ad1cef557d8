"""Days on which a log holds nothing of anyone, though people were there: it began late, or lost them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from instrument.reading.people import labels_as_text
from instrument.reading.raw import count_of

Floats = NDArray[np.float64]
EXPECTED = 20.0  # days of use of different people in a silence that no chance leaves out
PEOPLE = 10.0  # of them, where each counts once a week: who has left stays away
PART = 0.05  # of the days that people were watched: from there on their use is missing
WEEK, LONGEST = 7, 20_000  # days; calendars longer than that hold a date that is wrong
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """First and last of some days of the calendar without any event, and their share of all watched days."""

    first: int
    last: int
    share: float


def silences(
    joined: Floats,
    until: Floats,
    who: NDArray[np.int64],
    day: Floats,
    elsewhere: NDArray[np.int64] | None = None,
) -> list[Silence]:
    """Find stretches of the calendar on which nobody did anything, though that many people would have.

    Parameters
    ----------
    joined, until : array, shape (n,)
        Day of the calendar on which each person joined; days since then until which each was watched.
    who : array, shape (m,)
        Place of the person of each event.
    day : array, shape (m,)
        When it was, in days since that person joined.
    elsewhere : array, optional
        Days of the calendar of events beside these: of other people, or that count for nothing else.

    Returns
    -------
    list of Silence
        From the first who joined up to the last event of anyone.

    Notes
    -----
    Counted are days on which a person used the app, not events: twenty events may be one sitting. What was to
    be expected of a day: for each person then watched the mean of all people in that week of theirs, times
    the part of use that falls on that day of the week (an app used on one day of the week is silent on six).
    A silence counts where 20 days of use were to be expected in it, and, since who has left stays away, 10
    people where each counts once a week: the holiday of the last one who uses an app is no loss.

    Examples
    --------
    >>> joined = np.arange(40.0)
    >>> who, day = np.repeat(np.arange(40), 30), np.tile(np.arange(30.0), 40)
    >>> kept = joined[who] + day >= 14
    >>> silences(joined, np.full(40, 30.0), who[kept], day[kept])[0].last
    13
    """
    start = int(np.floor(joined.min())) if len(joined) else 0
    first = np.floor(joined).astype(np.int64) - start
    if not len(day) or int((joined[who] + day).max()) - start > LONGEST:
        return []
    on = first[who] + np.floor(day).astype(np.int64)
    length = int(on.max()) + 1
    days = np.minimum(np.ceil(np.maximum(until, 0.0)).astype(np.int64), length - first)
    days = np.maximum(days, 0)
    weeks = -(-int(days.max()) // WEEK) if days.max() else 0
    if not weeks:
        return []
    # how many are watched on each day of the calendar, by week of their own
    watched = np.zeros((weeks, length + 1))
    for week in range(weeks):
        here = days > WEEK * week
        begins = first[here] + WEEK * week
        ends = first[here] + np.minimum(days[here], WEEK * (week + 1))
        np.add.at(watched[week], begins, 1.0)
        np.add.at(watched[week], ends, -1.0)
    watched = np.cumsum(watched, axis=1)[:, :length]
    own = np.unique(np.column_stack([who, np.floor(day).astype(np.int64)]), axis=0)
    used = np.minimum(own[:, 1] // WEEK, weeks - 1)
    people = np.unique(np.column_stack([own[:, 0], used]), axis=0)[:, 1]
    of_all = np.maximum(watched.sum(axis=1), 1.0)
    plain = np.bincount(used, minlength=weeks) / of_all @ watched
    active = np.bincount(people, minlength=weeks) / of_all @ watched
    weekday = np.arange(length) % WEEK
    seen = np.bincount(first[own[:, 0]] + own[:, 1], minlength=length)
    usual = np.array([seen[weekday == k].sum() / max(plain[weekday == k].sum(), 1e-12) for k in range(WEEK)])
    expected = plain * usual[weekday]
    found = []
    silent = seen == 0
    if elsewhere is not None:
        beside = elsewhere - start
        silent[beside[(beside >= 0) & (beside < length)]] = False
    for a, b in _runs(silent):
        once = active[a:b].sum() * max(WEEK / (b - a), 1.0)
        if expected[a:b].sum() >= EXPECTED and once >= PEOPLE:
            share = float(watched[:, a:b].sum() / watched.sum())
            found.append(Silence(first=start + a, last=start + b - 1, share=share))
    return found


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of true flags, from one place up to another one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def silent_days(
    seen: pd.DataFrame,
    people: pd.DataFrame | None,
    study_days: float,
    counted: str,
    every_day: Callable[[], NDArray[np.int64]],
) -> tuple[str, bool]:
    """Say on what days a log is silent.

    Parameters
    ----------
    seen
        Events looked at: participant, day, kind, aside.
    people
        participant, and where known `joined`, `observed_day`, `withdrawn_day`.
    study_days
        Length of the study.
    counted
        Kind of event that counts; empty where all do.
    every_day
        Gives the days of the calendar with such an event of any known person in the whole log. It is asked
        only where those looked at are silent, so that nothing is said of anyone but what holds of all.

    Returns
    -------
    tuple
        What is to be told, empty where there is nothing; and whether it is a twentieth of all watched days.
    """
    if people is None or "joined" not in people:
        return "", False
    here = seen[~seen["aside"].astype(bool)]
    here = here[here["kind"] == counted] if counted else here
    ids = labels_as_text(here["participant"])
    mine = people.assign(participant=labels_as_text(people["participant"]))
    mine = mine[mine["participant"].isin(set(ids)) & mine["joined"].notna()].reset_index(drop=True)
    place = pd.Series(mine.index, index=mine["participant"])
    who = ids.map(place)
    known = who.notna().to_numpy(dtype=bool)
    until = np.full(len(mine), study_days)
    for name in ("observed_day", "withdrawn_day"):
        if name in mine:
            until = np.fmin(until, mine[name].to_numpy(dtype=float))
    looked_at = (
        mine["joined"].to_numpy(dtype=float),
        until,
        who[known].to_numpy(dtype=np.int64),
        here["day"].to_numpy(dtype=float)[known],
    )
    found = silences(*looked_at) and silences(*looked_at, every_day())
    if not found:
        return "", False
    naming = _dated if "enrolled_us" in people else _numbered
    said = _said(found, counted, naming)
    return said, sum(silence.share for silence in found) >= PART


def _said(found: list[Silence], counted: str, name: Callable[[int], str]) -> str:
    stretches = [
        f"on {name(s.first)}" if s.first == s.last else f"from {name(s.first)} to {name(s.last)}"
        for s in found
    ]
    listed = ", ".join(stretches[:MOST_NAMED])
    if len(stretches) > MOST_NAMED:
        listed += f" and at {count_of(len(stretches) - MOST_NAMED, 'other time')}"
    return (
        f"the log holds no event{f' of kind {counted!r}' if counted else ''} of anyone {listed}, though "
        "people were in the study then who use the app on other days: it may have begun late or lost these "
        "days, or nobody could use the app"
    )


def _dated(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _numbered(day: int) -> str:
    return f"day {day} of enrolment's calendar"
