"""Suspicions about a log at their edges: which events are looked at, and how many must speak for one."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from analysis.usage.reading import LogReading
from analysis.usage.suspicions import (
    FAR_DAYS,
    Suspicions,
    looked_at,
    lost_ids,
    on_another_clock,
    suspicions,
    within_a_minute,
    written_twice,
)
from instrument.errors import ResponseDataError

DONE, OTHER = "done", "finished"
DAY = 86_400


def events(
    seconds: Any, who: Any = "a", kind: Any = DONE, minutes: Any = None, aside: Any = False
) -> pd.DataFrame:
    """Events at these seconds; without minutes each has a length of its own, so that none is like another."""
    seconds = np.asarray(seconds, dtype=float)
    own = np.arange(len(seconds)) / 100 + 1
    return pd.DataFrame(
        {
            **{"participant": who, "day": seconds / DAY, "kind": kind},
            **{"minutes": own if minutes is None else minutes, "aside": aside},
        }
    )


def found(seen: pd.DataFrame, counted: str = DONE, named: bool = False, **reading: Any) -> Suspicions:
    return suspicions(seen, counted, 84.0, LogReading(**reading), named=named)


def spread(n: int) -> np.ndarray:
    """Seconds an odd hour and more apart, on no quarter of an hour."""
    return 5_000 * np.arange(n) + 7


def close(n: int, pairs: int, **told: Any) -> pd.DataFrame:
    """So many events, of which so many follow another within a minute."""
    seconds = spread(n)
    seconds[1 : 2 * pairs : 2] = seconds[0 : 2 * pairs : 2] + 41
    return events(seconds, **told)


@pytest.mark.parametrize(
    ("n", "pairs", "said"),
    [
        (100, 19, ""),  # too few, whatever their share
        (400, 20, ""),  # a twentieth
        (399, 20, "note"),
        (1000, 51, "note"),
        (400, 100, "note"),  # a quarter
        (399, 100, "refused"),
    ],
)
def test_events_within_a_minute_are_told_from_a_twentieth_on_and_refused_above_a_quarter(
    n: int, pairs: int, said: str
) -> None:
    log = close(n, pairs)
    if said == "refused":
        with pytest.raises(
            ResponseDataError, match=f"{pairs} of {n} events looked at that count follow another"
        ):
            found(log)
        return
    notes = found(log).notes
    assert len(notes) == (said == "note")
    assert all(f"{pairs} of {n} events looked at that count follow another" in note for note in notes)


def test_only_what_counts_and_was_not_set_aside_is_looked_at_for_copies() -> None:
    for told in ({"kind": OTHER}, {"aside": True}):
        seen = pd.concat([events(spread(300)), close(300, 120, **told)])
        assert found(seen).notes == []
    assert found(close(300, 120), counted="").notes == []  # sessions split by pauses
    assert found(close(300, 120), retry_seconds=0.0).notes == []
    apart = pd.concat([close(300, 120).assign(participant=np.arange(300) % 2)])
    assert found(apart).notes == []  # of two people


def test_a_minute_and_a_double_are_told_at_their_edges() -> None:
    one = np.zeros(2, dtype=np.int64)
    for apart, lasting, counted in ((60, 0, 1), (61, 0, 0), (2, 0, 0), (3, 0, 1), (2, 1, 1), (0, 0, 0)):
        seconds = np.array([10, 10 + apart])
        assert within_a_minute(one, seconds, np.array([5, 5 + lasting])) == counted
    assert within_a_minute(np.array([0, 1]), np.array([10, 20]), one) == 0


def test_a_regular_rhythm_is_no_second_copy() -> None:
    """Every seven minutes: as many lie seven hours apart as seven hours and seven minutes."""
    seconds = 420 * np.arange(400) + 1
    seconds = seconds[seconds % 900 != 0]
    again, chance = on_another_clock(np.zeros(len(seconds), dtype=np.int64), seconds)
    assert again > 20 and 5 * chance > again
    assert found(events(seconds, minutes=3.0)) == Suspicions(notes=[], lost="")


@pytest.mark.parametrize(("copies", "refused"), [(19, False), (20, True)])
def test_copies_on_another_clock_are_refused_from_twenty_on(copies: int, refused: bool) -> None:
    seconds = spread(200)
    log = pd.concat([events(seconds), events(seconds[:copies] + 3600)])
    if not refused:
        assert found(log).notes == []
        return
    with pytest.raises(
        ResponseDataError, match=f"{copies} of {200 + copies} events .* time zones, to the second"
    ):
        found(log)
    assert found(log.assign(participant=[*["a"] * 200, *["b"] * copies])).notes == []  # of two people
    assert found(log.assign(kind=[*[DONE] * 200, *[OTHER] * copies])).notes == []
    quarters = pd.concat([events(900 * np.arange(100)), events(900 * np.arange(100) + 3600)])
    assert found(quarters).notes == []


def apps(people: int, theirs: int, others: int = 0, often: int = 3) -> pd.DataFrame:
    """People of whom some have events of another kind only, and some others one such event beside theirs."""
    parts = []
    for k in range(people):
        start = 40 * DAY * (k % 2) / 40 + 11 * k
        if k < theirs:
            parts.append(events(start + spread(often), who=f"p{k}", kind=OTHER))
        else:
            parts.append(events(start + spread(4), who=f"p{k}"))
            if k < theirs + others:
                parts.append(events([start + 900_001], who=f"p{k}", kind=OTHER))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("people", "theirs", "others", "often", "told"),
    [
        (60, 8, 0, 3, True),
        (60, 7, 0, 3, False),  # fewer than eight
        (200, 10, 0, 3, True),
        (220, 10, 0, 3, False),  # less than a twentieth
        (60, 10, 1, 3, True),
        (60, 10, 2, 3, False),  # others have it, too
        (60, 10, 0, 2, False),  # too rarely to be what counts
    ],
)
def test_a_kind_that_only_some_have_is_told_from_eight_people_and_a_twentieth_on(
    people: int, theirs: int, others: int, often: int, told: bool
) -> None:
    seen = apps(people, theirs, others, often)
    lost = found(seen).lost
    assert (f"of {theirs} people looked at the log has events of kind '{OTHER}'" in lost) is told
    assert bool(lost) is told
    assert found(seen, named=True).lost == ""  # the caller said which kind counts
    assert found(seen, counted="").lost == ""
    assert found(seen.assign(aside=seen["kind"] == OTHER)).lost == ""
    assert found(seen).notes == ([f"suspicion: {lost}"] if told else [])


@pytest.mark.parametrize("far", [-FAR_DAYS - 1, 84 + FAR_DAYS + 1])
def test_people_all_of_whose_events_are_far_away_are_told(far: float) -> None:
    def of(away: int, part: int = 0, people: int = 40) -> str:
        rows = [events(spread(2) + 13 * k, who=f"p{k:03d}") for k in range(people)]
        log = pd.concat(rows, ignore_index=True)
        log.loc[log["participant"] < f"p{away:03d}", "day"] += far
        partly = log.groupby("participant").cumcount().eq(0) & (log["participant"] >= f"p{people - part:03d}")
        log.loc[partly, "day"] += far
        return found(log).lost

    assert "all events of 2 of 40 people looked at lie more than half a year" in of(2)
    assert of(1) == "" and of(0) == ""  # less than a twentieth; nobody
    assert of(0, part=10) == ""  # some of their events only
    near = events([(far - np.sign(far) * 2) * DAY], who="a")
    assert found(near).lost == ""
    assert found(events([far * DAY], aside=True)).lost != ""  # set aside for that very reason


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
def test_an_id_is_of_one_person_and_events_without_one_are_all_kept() -> None:
    table = pd.DataFrame(
        {
            **{"participant": ["a", "a", "b", "a", "a", "a"], "day": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]},
            **{"kind": DONE, "minutes": 1.0, "event_id": ["x", "x", "x", None, None, "y"]},
            **{"is_unreadable": [False] * 5 + [True], "is_unknown": False},
            "is_set_aside": [False, False, True, False, False, False],
        }
    )
    seen = looked_at(ibis.memtable(table), len(table), ibis.duckdb.connect())
    assert list(zip(seen["participant"], seen["day"], strict=True)) == [
        ("a", 1.0),
        ("a", 4.0),
        ("a", 5.0),
        ("b", 3.0),
    ]
    assert seen["aside"].tolist() == [False, False, False, True]
    assert "event_id" not in seen


def test_ids_are_counted_once_and_only_where_they_mean_one_person() -> None:
    assert written_twice({"p1 ", "P1"}, {"p1", "p2"}) == (2, "blanks")
    assert written_twice({"P1", "P2", "p3 "}, {"p1", "p2", "p3"}) == (3, "capitals")
    assert written_twice({"P1"}, {"p1", "p1 "}) == (0, "")  # which of the two is not known
    assert written_twice({"nobody"}, {"p1"}) == written_twice(set(), {"p1"}) == (0, "")


def test_ids_of_nobody_are_told_from_a_twentieth_of_the_people_on() -> None:
    people = {f"p{k}" for k in range(100)}
    strangers = {f"x{k}" for k in range(5)}
    assert lost_ids(people | strangers, people).startswith("5 ids of the log belong to nobody enrolled")
    assert lost_ids(people | {"x1", "x2", "x3", "x4"}, people) == ""
    assert lost_ids(people, people) == lost_ids(set(), people) == ""
    assert lost_ids({"a", "q"}, {"a"}).startswith("1 id of the log belongs to nobody enrolled")
