"""A log that begins late, or lost days, is told; an app used on one weekday, by few or by nobody left is not."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import summarise_usage
from analysis.usage import suspicions
from analysis.usage.silence import silences
from instrument.study import as_study
from tests.recovery.held_populations import base_study

DONE, N = "session_completed", 120


def cohort(seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """People who join over 100 days, in no order, and come about twice a week, ever less."""
    rng = np.random.default_rng(seed)
    joined = np.append(rng.integers(0, 100, N - 1), 0)
    number = rng.poisson(24, N)
    who = np.repeat(np.arange(N), number)
    day = 84 * rng.random(len(who)) ** 1.5
    events = pd.DataFrame({"participant": who, "day": day, "kind": DONE, "duration": 5.0})
    return events, pd.DataFrame({"participant": np.arange(N), "enrolled_day": joined})


def told(events: pd.DataFrame, people: pd.DataFrame, **how: Any) -> tuple[list[str], str]:
    found = summarise_usage(events, as_study(base_study(observed_until=None)), participants=people, **how)
    return [note for note in found.notes if "holds no event" in note], str(found.rule["lost"])


def calendar(events: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    return (events["day"] + people["enrolled_day"].to_numpy()[events["participant"]]).to_numpy()


def test_a_log_that_begins_late_is_lost_use() -> None:
    events, people = cohort()
    late = events[calendar(events, people) >= 40]
    notes, lost = told(late, people)
    assert len(notes) == 1 and "of anyone from day 0 of enrolment's calendar to day 39" in notes[0]
    assert lost and notes[0] == f"suspicion: {lost}"
    # other kinds that went on being written do not hide it
    login = events.assign(kind="login")
    assert told(pd.concat([late, login], ignore_index=True), people)[1] == lost


@pytest.mark.parametrize(
    ("days", "told_of", "is_lost"), [(12, True, True), (3, True, False), (0, False, False)]
)
def test_lost_days_are_told_and_are_lost_use_from_a_twentieth_of_the_days_on(
    days: int, told_of: bool, is_lost: bool
) -> None:
    events, people = cohort()
    dates = people.assign(
        enrolled=pd.Timestamp("2026-01-05") + pd.to_timedelta(people["enrolled_day"], unit="D")
    )
    there = calendar(events, people)
    kept = events[(there < 60) | (there >= 60 + days)]
    notes, lost = told(kept, dates.drop(columns="enrolled_day"))
    assert (len(notes) == 1, bool(lost)) == (told_of, is_lost)
    if told_of:
        last = {12: "2026-03-17", 3: "2026-03-08"}[days]
        assert f"of anyone from 2026-03-06 to {last}, though" in notes[0]


def test_an_app_used_on_one_weekday_or_by_few_is_not_silent() -> None:
    events, people = cohort()
    tuesday = calendar(events, people).astype(int) % 7 == 1
    assert told(events[tuesday], people) == ([], "")
    few = events[events["participant"] < 10]
    there = calendar(few, people)
    assert told(few[(there < 60) | (there >= 63)], people.iloc[:10]) == ([], "")
    # nobody knows which days of a calendar these are
    assert told(events[events["day"] >= 30], people[["participant"]])[0] == []
    # all joined on one day and paused together for weeks of their own, as in a school in its holidays
    assert told(events[(events["day"] < 28) | (events["day"] >= 42)], people.assign(enrolled_day=0)) == (
        [],
        "",
    )


def test_nothing_is_said_of_anyone_but_what_holds_of_the_whole_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large log some people are looked at; of those one app lost its days, and the others went on."""
    events, people = cohort()
    there = calendar(events, people)
    lost = (there >= 60) & (there < 72)
    monkeypatch.setattr(suspicions, "LOOKED_AT", len(events) // 2)
    ids = sorted(map(str, range(N)), key=lambda name: (zlib.crc32(name.encode()), name))
    half = events["participant"].astype(str).isin(ids[: N // 2])
    assert told(events[~(lost & half)], people) == ([], "")
    assert told(events[~lost], people)[1]
    # an event set aside, here one before its person was enrolled, is an event of that day all the same
    late = people["enrolled_day"].idxmax()
    early = 65.5 - people.loc[late, "enrolled_day"]
    assert early < 0
    one = pd.DataFrame({"participant": [late], "day": [early], "kind": [DONE], "duration": [5.0]})
    parts = told(pd.concat([events[~lost], one], ignore_index=True), people)[0]
    assert "from day 60 of enrolment's calendar to day 64" in parts[0]
    assert "from day 66 of enrolment's calendar to day 71" in parts[0]


def test_what_was_to_be_expected_is_that_of_the_weeks_and_weekdays_of_the_people() -> None:
    """By hand: 30 people join on days 0 to 29 and come every day for 20 days; from day 10 to 14 nothing is kept."""
    joined = np.arange(30.0)
    who, day = np.repeat(np.arange(30), 20), np.tile(np.arange(20.0) + 0.5, 30)
    there = np.floor(joined[who] + day)
    kept = (there < 10) | (there > 14)
    (found,) = silences(joined, np.full(30, 20.0), who[kept], day[kept])
    assert (found.first, found.last) == (10, 14)
    # on a calendar that begins elsewhere, others were there on day 12: then each part is too short to tell
    some = (joined + 500, np.full(30, 20.0), who[kept], day[kept])
    assert [(one.first, one.last) for one in silences(*some)] == [(510, 514)]
    assert [(one.first, one.last) for one in silences(*some, np.array([509, 510, 600]))] == [(511, 514)]
    # of day 10 eleven people are watched, of day 14 fifteen; of all 600 days of 30 people
    assert found.share == pytest.approx((11 + 12 + 13 + 14 + 15) / 600)
    # shorter watched: who was watched for ten days alone is there on fewer of these
    (short,) = silences(joined, np.full(30, 10.0), who[kept & (day < 10)], day[kept & (day < 10)])
    assert short.share == pytest.approx(50 / 300)
    assert silences(joined, np.full(30, 20.0), who[:0], day[:0]) == []
    assert silences(joined, np.zeros(30), who, day) == []
    assert silences(np.append(joined, 1e6), np.full(31, 20.0), np.append(who, 30), np.append(day, 1.0)) == []


def test_many_events_in_one_sitting_or_one_person_who_stays_away_make_no_silence() -> None:
    """Eight people open the app once a fortnight and leave thirty events each time; then a late joiner who rests."""
    rng = np.random.default_rng(3)
    sittings = [(i, d) for i in range(8) for d in range(84) if rng.random() < 0.08]
    who, day = (np.repeat([pair[k] for pair in sittings], 30) for k in range(2))
    assert silences(np.floor(100 * rng.random(8)), np.full(8, 84.0), who, day.astype(float)) == []
    joined = np.append(np.zeros(30), 100.0)
    who, day = np.append(np.repeat(np.arange(30), 28), 30), np.append(np.tile(np.arange(28.0), 30), 40.0)
    assert silences(joined, np.full(31, 84.0), who, day) == []
