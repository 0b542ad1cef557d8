"""A log of a few people worked out on paper: every count, day, gap, share and edge of the table of use."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.usage.faults import check_people, check_twins, refuse_most_set_aside
from analysis.usage.mapping import LogMapping
from analysis.usage.reading import LogReading, _id, checked_reading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from analysis.usage.watching import watching, with_clock
from instrument.errors import DefinitionError, ResponseDataError
from instrument.reading.people import NO_ID
from instrument.study import as_study
from tests.unit.test_usage_summary import STUDY as TWELVE

# Ten sessions in twelve weeks: four before day 28, six after. A pause of 45 minutes is 1/32 of a day.
STUDY: dict[str, Any] = {
    **TWELVE,
    "intended_use": {**TWELVE["intended_use"], "amount": 10},
    "session_gap_minutes": 45,
}
DONE = "session_completed"
ROWS: dict[str, list[tuple[float, str | None, float]]] = {
    "a": [
        (0.0, "login", 0),
        (0.0, "login", 0),
        (7.0, DONE, 45),
        (7.0, DONE, 45),
        (7.0625, "tap", 0),
        (27.96875, "tap", 0),
        (28.0, DONE, 45),
        (40.0, "tap", 90),
        (40.03125, "tap", 0),
        (40.09375, "tap", 0),
        (83.5, "login", 0),
        (84.0, "tap", 0),
        (-0.5, "tap", 0),
    ],
    "c": [(3.0, DONE, 0), (10.0, "tap", 0), (10.5, "tap", 0)],
    "d": [(19.0, DONE, 0), (19.0, None, 0)],
    "e": [(14.0, "tap", -10), (20.0, DONE, 0), (28.5, "tap", 0)],
    "f": [(20.0, DONE, 0), (30.0, "tap", 0), (42.0, "tap", 0), (56.0, "tap", 0), (70.0, "tap", 0)],
    "h": [(float(day), "tap", 0) for day in (20, 30, 40, 50, 60, 70)],
    "j": [(5.0, "tap", 0), (40.0, "tap", 0)],
    "k": [(20.0, DONE, 0), (33.0, "tap", 0), (45.0, DONE, 0)],
    "m": [(1.0, "tap", 0), (27.0, DONE, 0), (80.0, "tap", 0)],
    "stranger": [(2.0, "tap", 0), (3.0, None, 0)],
}
PEOPLE = pd.DataFrame({"participant": ["a", "b", "c", "d", "e", "f", "h", "j", "k", "m"]})
PEOPLE["withdrawn_day"] = [np.nan, np.nan, 10, 20, *[np.nan] * 6]
PEOPLE["enrolled_day"] = [5.0, 3.0, *[4.0] * 8]
PEOPLE["observed_until_day"] = [84.0] * 4 + [28.0] + [84.0] * 3 + [50.0, 84.0]
NAN = float("nan")
PARTS = ("events", "sessions", "completed", "logins", "active_days", "minutes", "first_use", "last_use")
PARTS += ("longest_gap", "intended", "share")
BY_HAND = {
    ("a", "before"): (4, 3, 1, 1, 3, 45, 0, 27.96875, 20.90625, 4, 1 / 4),
    ("a", "after"): (5, 2, 1, 1, 3, 135, 28, 83.5, 43.40625, 6, 1 / 6),
    ("a", "whole"): (9, 5, 2, 2, 6, 180, 0, 83.5, 43.40625, 10, 2 / 10),
    ("b", "before"): (0, 0, 0, 0, 0, 0, NAN, NAN, 28, 4, 0),
    ("b", "after"): (0, 0, 0, 0, 0, 0, NAN, NAN, 56, 6, 0),
    ("b", "whole"): (0, 0, 0, 0, 0, 0, NAN, NAN, 84, 10, 0),
    ("c", "before"): (1, 1, 1, 0, 1, 0, 3, 3, 7, 1, 1),
    ("c", "after"): (0, 0, 0, 0, 0, 0, NAN, NAN, 0, 0, NAN),
    ("c", "whole"): (1, 1, 1, 0, 1, 0, 3, 3, 7, 1, 1),
    ("d", "whole"): (1, 1, 1, 0, 1, 0, 19, 19, 19, 2, 1 / 2),
    ("e", "whole"): (2, 2, 1, 0, 2, 0, 14, 20, 14, 4, 1 / 4),
    ("e", "before"): (2, 2, 1, 0, 2, 0, 14, 20, 14, 4, 1 / 4),
    ("f", "after"): (4, 4, 0, 0, 4, 0, 30, 70, 14, 6, 0),
    ("j", "before"): (1, 1, 0, 0, 1, 0, 5, 5, 23, 4, 0),
    ("j", "after"): (1, 1, 0, 0, 1, 0, 40, 40, 44, 6, 0),
    ("k", "after"): (2, 2, 1, 0, 2, 0, 33, 45, 12, 2, 1 / 2),
    ("k", "whole"): (3, 3, 2, 0, 3, 0, 20, 45, 20, 6, 2 / 6),
    ("m", "before"): (2, 2, 1, 0, 2, 0, 1, 27, 26, 4, 1 / 4),
    ("m", "after"): (1, 1, 0, 0, 1, 0, 80, 80, 52, 6, 0),
    ("m", "whole"): (3, 3, 1, 0, 3, 0, 1, 80, 53, 10, 1 / 10),
}
LEAVING = (
    "end_day",
    "joined",
    "last_use_is_end",
    "idle_at_landmark",
    "at_risk",
    "disengaged_after",
    "disengaged",
)
LEAVING += ("adherent",)
LEFT = {
    "a": (84, 2, False, 0.03125, True, 26.09375, True, False),
    "b": (84, 0, True, 28, False, NAN, False, False),
    "c": (10, 1, False, 25, False, NAN, False, True),
    "d": (20, 1, False, 9, False, NAN, False, True),
    "e": (28, 1, False, 8, False, NAN, False, False),
    "f": (84, 1, True, 8, True, 28, True, False),
    "h": (84, 1, True, 8, True, 56, True, False),
    "j": (84, 1, True, 23, False, NAN, False, False),
    "k": (50, 1, False, 8, True, 22, False, False),
    "m": (84, 1, False, 1, True, 13, True, False),
}


def log_of(rows: dict[str, list[tuple[float, str | None, float]]]) -> pd.DataFrame:
    events = [(name, *row) for name, mine in rows.items() for row in mine]
    return pd.DataFrame(events, columns=["participant", "day", "kind", "duration"])


@cache
def found() -> UsageSummary:
    return summarise_usage(log_of(ROWS), STUDY, participants=PEOPLE, retention_days=(19, 20, 27, 28, 40))


@pytest.mark.parametrize(("who", "period"), list(BY_HAND))
def test_use_of_a_person_in_a_period(who: str, period: str) -> None:
    row = found().people.set_index("participant").loc[who]
    values = [float(row[f"{name}_{period}"]) for name in PARTS]
    np.testing.assert_allclose(values, BY_HAND[who, period], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("who", list(LEFT))
def test_when_a_person_left(who: str) -> None:
    row = found().people.set_index("participant").loc[who]
    np.testing.assert_allclose([float(row[name]) for name in LEAVING], LEFT[who], rtol=1e-12, atol=1e-9)


def test_what_was_set_aside_and_what_is_intended() -> None:
    counts = found().counts
    assert counts == {
        "events": 42,
        "duplicates": 2,
        "unreadable": 1,
        "unknown": 2,
        "skewed": None,
        "before_enrolment": 1,
        "after_withdrawal": 2,
        "after_study": 1,
        "after_observation": 2,
        "negative_duration": 1,
    }
    rule = found().rule
    assert [rule[f"intended_{period}"] for period in ("before", "after", "whole")] == [4, 6, 10]
    assert (rule["completed_kind"], rule["measure"], rule["watched_until"]) == (DONE, "completed", "declared")
    assert rule["people"] == "enrolled"
    assert found().joined == "9 of the 10 people have events that count in the log"


def test_shares_that_used_the_app_on_a_day_and_later() -> None:
    """Watched after day 19: all but c (9), seven of them used it later; after day 20 d is gone, too."""
    table = found().retention.set_index("day")
    last = {"a": 83.5, "d": 19, "e": 20, "f": 70, "h": 70, "j": 40, "k": 45, "m": 80, "b": -1}
    for day, gone in ((19, ""), (20, "d"), (27, "d"), (28, "de"), (40, "de")):
        watched = {who: at for who, at in last.items() if who not in gone}
        assert table.loc[day, "n"] == len(watched)
        assert table.loc[day, "from_day"] == pytest.approx(np.mean([at >= day for at in watched.values()]))
    assert table["on_day"].tolist() == pytest.approx([1 / 9, 4 / 8, 2 / 8, 1 / 7, 3 / 7])
    at = found().retention_at([19, 20, 28, 40])
    assert at["n"].tolist() == [9, 8, 7, 7]
    assert at["from_day"].tolist() == pytest.approx([8 / 9, 7 / 8, 6 / 7, 6 / 7])
    assert found().retention_at([0])["from_day"].item() == pytest.approx(9 / 10)


def test_the_summary_counts_the_adherent_among_those_who_can_be_judged() -> None:
    text = found().summary()
    assert "adherent from 50%: 2 (20.0%)" in text
    assert "left before day 28: 5" in text
    none_due = log_of({"a": [(0.0, DONE, 0)] * 1, "b": [(1.0, "tap", 0)]})
    people = pd.DataFrame({"participant": ["a", "b", "c"], "observed_until_day": [8.4, 8.4, 0.0]})
    seen = summarise_usage(none_due, STUDY, participants=people)
    assert seen.people["adherent"].isna().tolist() == [False, False, True]
    assert "1 (50.0%)" in seen.summary() and "left before day 28: 3" in seen.summary()


def test_who_is_counted_without_a_table_of_people() -> None:
    seen = summarise_usage(log_of({"b": [(20.0, "tap", 0)], "a": [(1.0, "tap", 0)]}), STUDY)
    assert seen.people["participant"].tolist() == ["a", "b"] and seen.rule["people"] == "logged"
    assert seen.counts["unknown"] is None and seen.counts["after_withdrawal"] is None
    assert seen.rule["measure"] == "sessions"
    listed = summarise_usage(
        log_of({"a": [(1.0, "tap", 0)]}), STUDY, participants=PEOPLE[["participant"]].head(2)
    )
    assert listed.counts["unknown"] == 0 and listed.counts["after_withdrawal"] is None


def test_a_study_without_a_landmark_counts_all_as_before_it() -> None:
    study = {key: value for key, value in STUDY.items() if key != "landmark"}
    seen = summarise_usage(log_of({"a": [(1.0, DONE, 0), (60.0, DONE, 0)]}), study)
    row = seen.people.iloc[0]
    assert (row["completed_before"], row["completed_after"], row["intended_before"]) == (2, 0, 10)
    other = STUDY | {"adherence": {**STUDY["adherence"], "metric": "logins"}}
    with pytest.raises(DefinitionError, match="judged on logins, but sessions are intended"):
        summarise_usage(log_of({"a": [(1.0, "tap", 0)]}), other)


def test_weeks_shorter_than_the_study_and_units_that_are_not_whole() -> None:
    """Eight weeks of 84 days: 56 days, half of them after day 28; minutes are not rounded."""
    use = {**TWELVE["intended_use"], "unit": "minutes", "amount": 100, "weeks": 8}
    study = TWELVE | {"intended_use": use, "adherence": {**TWELVE["adherence"], "metric": "minutes"}}
    people = pd.DataFrame({"participant": ["a", "b"], "observed_until_day": [84.0, 35.0]})
    events = log_of({"a": [(1.0, "tap", 60), (30.0, "tap", 10)], "b": [(2.0, "tap", 5)]})
    row = summarise_usage(events, study, participants=people).people
    assert row["intended_before"].tolist() == [50, 50]
    assert row["intended_after"].tolist() == [50, 12.5] and row["intended_whole"].tolist() == [100, 62.5]
    assert row["share_before"].tolist() == [1, 0.1]
    assert row["share_whole"].tolist() == pytest.approx([0.7, 5 / 62.5])
    assert row["adherent"].tolist() == [True, False]


def test_completed_kinds_in_their_order() -> None:
    both = log_of({"a": [(1.0, "session", 0), (2.0, "session", 0), (3.0, DONE, 0)]})
    assert summarise_usage(both, STUDY).people["completed_whole"].item() == 1
    named = summarise_usage(both, STUDY, completed_kind="session", login_kind=DONE).people
    assert named["completed_whole"].item() == 2 and named["logins_whole"].item() == 1


# copies, retries and late arrivals


COPIES = pd.DataFrame(
    [
        ("a", 1.0, "login", 5.0, "x", 1.0, "red"),
        ("a", 1.0, "login", 5.0, "x", 9.0, "red"),  # one id: the first counts
        ("a", 1.0, "login", 5.0, None, 1.0, "red"),
        ("a", 1.0, "login", 5.0, None, 1.5, "red"),  # no id: an exact copy, whenever it came
        ("a", 1.0, "login", 5.0, None, 1.0, "blue"),  # its content differs
        ("a", 2.0, "login", 5.0, "y", 2.0, "red"),  # an id of its own, though alike
        ("a", 2.0, "login", 5.0, "z", 2.0, "red"),
        ("a", 5.0, DONE, 5.0, "v", 2.5, "red"),  # stamped days after it came: taken at its arrival
        ("a", 6.0, DONE, 5.0, "u", 6.0 - 4 / 1440, "red"),  # four minutes are no fault
        ("b", 1.0, "login", 5.0, "x", 1.0, "red"),  # the id of another person's event
        ("b", 2.0, DONE, 7.0, None, 2.0, "red"),
        ("b", 2.0, DONE, 7.0, None, 2.0, "red"),
    ],
    columns=["participant", "day", "kind", "duration", "event_id", "received_day", "colour"],
)


def test_copies_ids_and_arrivals() -> None:
    seen = summarise_usage(COPIES, STUDY)
    table = seen.people.set_index("participant")
    assert table["events_whole"].tolist() == [7, 2]
    assert table["logins_whole"].tolist() == [5, 1] and table["completed_whole"].tolist() == [2, 1]
    assert table["minutes_whole"].tolist() == [35, 12]
    assert table.loc["a", "last_use_whole"] == 6.0 and table.loc["a", "active_days_whole"] == 3
    assert seen.counts["skewed"] == 1 and seen.counts["duplicates"] == 3
    later = summarise_usage(COPIES, STUDY, skew_minutes=3.0)
    assert later.counts["skewed"] == 2


@pytest.mark.parametrize("retry_seconds", [None, 3.0])
def test_no_count_depends_on_the_order_of_rows_nor_on_the_engine_s_own(retry_seconds: float | None) -> None:
    """An event without an id was a copy of one with an id where the engine put that first: one count in many runs."""
    reading = LogReading(retry_seconds=retry_seconds)
    rng = np.random.default_rng(1)
    found = set()
    for _ in range(10):
        seen = summarise_usage(COPIES.iloc[rng.permutation(len(COPIES))], STUDY, reading=reading)
        table = seen.people.sort_values("participant")
        found.add(tuple(map(tuple, table[["events_whole", "logins_whole", "minutes_whole"]].to_numpy())))
    assert found == {((7, 5, 35), (2, 1, 12))}


def test_retries_of_one_kind_are_merged_where_asked() -> None:
    second = 1 / 86_400
    first = next(k / 7 for k in range(7, 99) if k / 7 + 2 * second - k / 7 > 2 * second)  # by rounding
    rows = {"a": [(first, "tap", 5.0), (first + second, "login", 5.0), (first + 2 * second, "tap", 5.0)]}
    rows["a"] += [(first + 5 * second, "tap", 5.0), (20.0, "tap", 5.0)]
    kept = summarise_usage(log_of(rows), STUDY, reading=LogReading(retry_seconds=0))
    assert (kept.people["events_whole"].item(), kept.counts["duplicates"]) == (5, 0)
    merged = summarise_usage(log_of(rows), STUDY, reading=LogReading(retry_seconds=2))
    assert (merged.people["events_whole"].item(), merged.counts["duplicates"]) == (4, 1)
    assert merged.people["minutes_whole"].item() == 20


def test_users_of_a_day_are_people_and_not_events() -> None:
    events = log_of({"a": [(3.0, "tap", 0), (3.5, "tap", 0)], "b": [(1.0, "tap", 0)]})
    seen = summarise_usage(events, STUDY, retention_days=(3,))
    assert seen.retention["on_day"].item() == 0.5


@pytest.mark.parametrize("marks", [[], [None], ["NA", " null ", "", "#N/A"]])
def test_a_large_log_is_counted_as_a_small_one(
    marks: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small log is kept at hand; of a large one ids are taken as written where none names nobody."""
    events = log_of({"a": [(1.0, DONE, 5.0), (9.0, "tap", 0)], " n": [(2.0, "tap", 3.0)]})
    events = pd.concat([events, *(events.head(1).assign(participant=mark) for mark in marks)])
    small = summarise_usage(events, STUDY, reading=LogReading(most_set_aside=1.0))
    assert small.people["participant"].tolist() == [" n", "a"] and small.counts["unreadable"] == len(marks)
    monkeypatch.setattr("analysis.usage.summarise_usage.KEPT_AT_HAND", 0)
    large = summarise_usage(events, STUDY, reading=LogReading(most_set_aside=1.0))
    pd.testing.assert_frame_equal(large.people, small.people)
    assert large.counts == small.counts and large.notes == small.notes


# stamps, clocks, durations


def test_days_by_the_clock_of_the_study_in_the_night_it_changes() -> None:
    """Berlin, 29 March 2026: at 01:00 UTC the clock goes from 02:00 to 03:00."""
    stamps = ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T22:00:00Z"]
    stamps.append("2026-03-28T08:00:00Z")
    events = pd.DataFrame({"participant": list("abcde"), "at": stamps, "kind": "tap", "duration": 1.0})
    people = pd.DataFrame({"participant": list("abcde"), "enrolled": "2026-03-28"})
    people["withdrawn"] = [None, None, "2026-03-29T01:00:00Z", None, "2026-03-28T11:00:00Z"]
    study = STUDY | {"zone": "Europe/Berlin", "observed_until": "2026-06-30"}
    table = summarise_usage(events, study, participants=people).people
    expected = [1 - 1 / 86_400, 1.0, 1.125, 2.0, 0.375]
    np.testing.assert_allclose(table["first_use_whole"], expected, atol=1e-9)
    assert table["end_day"].tolist() == [84, 84, 1.125, 84, 0.5]


@pytest.mark.parametrize(
    ("dates", "stamps", "days"),
    [
        (
            "M/D/Y",
            ["3/2/2026 12:30 AM", "3/2/2026 1:30 AM", "3/2/2026 12:30 PM", "3/2/2026 1:30 PM"],
            [0.5 / 24, 1.5 / 24, 12.5 / 24, 13.5 / 24],
        ),
        ("excel", [46083.25, 46083.5, 46084.0, 46085.75], [0.25, 0.5, 1.0, 2.75]),
    ],
)
def test_stamps_of_spreadsheets(dates: str, stamps: list[Any], days: list[float]) -> None:
    events = pd.DataFrame({"participant": list("abcd"), "at": stamps, "kind": "tap", "duration": 1.0})
    people = pd.DataFrame({"participant": list("abcd"), "enrolled": "2026-03-02"})
    seen = summarise_usage(events, STUDY, participants=people, reading=LogReading(dates=dates))
    np.testing.assert_allclose(seen.people["first_use_whole"], days, atol=1e-9)


@pytest.mark.parametrize(
    ("durations", "cell", "minutes"),
    [
        ("s", 90.0, 1.5),
        ("ms", 90_000.0, 1.5),
        ("h", 1.5, 90.0),
        ("h:mm:ss", "1:30:30", 90.5),
        ("min", 90.0, 90.0),
    ],
)
def test_units_of_durations(durations: str, cell: Any, minutes: float) -> None:
    events = pd.DataFrame({"participant": ["a"], "day": [1.0], "kind": ["tap"], "duration": [cell]})
    seen = summarise_usage(events, STUDY, reading=LogReading(durations=durations))
    assert seen.people["minutes_whole"].item() == pytest.approx(minutes)


def test_the_caller_comes_before_the_file_that_names_the_fields(tmp_path: Path) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("id,participant\nphone 1,a\nphone 2,a\n")
    rows = [
        ("phone 1", "2026-03-02", "08:00:00", "tap", 60.0, "user"),
        ("phone 2", "2026-03-03", "08:00:00", "tap", 60.0, "user"),
        ("b", "2026-03-04", "20:00:00", "tap", 60.0, "user"),
        ("b", "2026-03-05", "20:00:00", "tap", 60.0, "robot 7"),
    ]
    events = pd.DataFrame(rows, columns=["who", "on", "clock", "what", "long", "agent"])
    mapping = LogMapping(
        participant="who",
        at=("on", "clock"),
        kind="what",
        duration="long",
        durations="s",
        ids=str(ids),
        without={"agent": ("robot",)},
    )
    people = pd.DataFrame({"participant": ["a", "b"], "enrolled": "2026-03-02"})
    study = STUDY | {"observed_until": "2026-06-30"}

    def read(**how: Any) -> UsageSummary:
        return summarise_usage(events, study, participants=people, reading=LogReading(mapping=mapping, **how))

    seen = read()
    assert seen.people["events_whole"].tolist() == [2, 1]
    assert seen.people["minutes_whole"].tolist() == [2, 1]
    assert seen.people["first_use_whole"].tolist() == pytest.approx([1 / 3, 2 + 5 / 6])
    assert any(note.startswith("1 event of the log left out by the rule on 'agent'") for note in seen.notes)
    assert "2 ids mapped to 1 people" in " ".join(seen.notes)
    assert read(durations="min").people["minutes_whole"].tolist() == [120, 60]
    ids.write_text("id,participant\nphone 1,a\nphone 1,b\n")
    with pytest.raises(ResponseDataError, match="1 rows of the table of ids repeat an id"):
        read()


def test_cells_that_hold_nothing() -> None:
    events = pd.DataFrame(
        {
            "participant": ["a", "NA", "", "a"],
            "day": 1.0,
            "kind": ["tap", "tap", "tap", "NA"],
            "duration": 1.0,
        }
    )
    seen = summarise_usage(events, STUDY, reading=LogReading(most_set_aside=0.75))
    assert seen.counts["unreadable"] == 3 and seen.people["participant"].tolist() == ["a"]


# what stops the reading


def tally(**flags: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"kind": ["tap", "login"], **flags})


def test_how_many_events_may_be_set_aside() -> None:
    counts: dict[str, int | None] = {"unreadable": 1, "unknown": 4, "before_enrolment": None}
    counts |= {"after_withdrawal": 0, "after_study": 0, "after_observation": 0}
    half = tally(events=[6, 4], set_aside=[3, 2])
    refuse_most_set_aside(half, counts, LogReading())
    with pytest.raises(ResponseDataError) as refused:
        refuse_most_set_aside(half, counts, LogReading(most_set_aside=0.49))
    said = str(refused.value)
    assert (
        "5 of 10 events" in said
        and "1 without time, kind or participant, 4 of people who are not known" in said
    )
    assert "keep only events of the study's people" in said and "say so with most_set_aside='0.5'" in said
    for share in (0.0, 1.01):
        with pytest.raises(ResponseDataError):
            checked_reading(LogReading(most_set_aside=share))
    assert checked_reading(LogReading(most_set_aside=1)).most_set_aside == 1


def test_how_many_may_look_as_if_sent_twice() -> None:
    def said(twins: int) -> list[str]:
        return check_twins(pd.DataFrame({"twins": [twins]}), 100, LogReading())

    assert said(5) == []
    assert said(6)[0].startswith("suspicion: 6 of 100 events follow one of the same kind")
    assert len(said(25)) == 1
    with pytest.raises(ResponseDataError, match="26 of 100 events"):
        said(26)
    assert check_twins(pd.DataFrame({"twins": [99]}), 100, LogReading(retry_seconds=0)) == []


class Names:
    """An engine that gives ids."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __getitem__(self, _: str) -> Names:
        return self

    def cast(self, _: str) -> Names:
        return self

    def name(self, _: str) -> Names:
        return self

    def as_table(self) -> Names:
        return self

    def distinct(self) -> Names:
        return self

    def execute(self, _: Any) -> pd.DataFrame:
        return pd.DataFrame({"participant": self.names})


def test_ids_that_are_not_among_the_people() -> None:
    people = pd.DataFrame({"participant": [f"p{k}" for k in range(10)]})

    def said(*names: str, unknown: int = 7) -> list[str]:
        log = Names(*names)
        notes, lost = check_people(log, people, {"unknown": unknown}, log, LogReading())
        assert bool(lost) == bool(unknown)  # one of ten people is more than a twentieth
        return notes

    assert said("p1", "p2", "x") == [
        "1 of 3 ids in the log are not among the 10 people: their 7 events are set aside"
    ]
    assert said("x", unknown=0) == []
    with pytest.raises(ResponseDataError, match="2 of 2 ids"):
        said("x", "y")
    with pytest.raises(ResponseDataError, match="would match but for"):
        said("p1", *[f"P{k}" for k in range(2, 10)])


@pytest.mark.parametrize(
    ("column", "cells", "fault"),
    [
        (
            "at",
            ["2026-03-02T08:00:00Z", "2026-03-02T08:00:00"],
            "1 stamps carry an offset from UTC and 1 none",
        ),
        ("duration", [300.0, 30.0], "1 of 2 durations above 0 would be longer than 4 hours"),
        ("enrolled", ["2026-03-02", None], "empty for 1 participant "),
    ],
)
def test_logs_that_are_refused(column: str, cells: list[Any], fault: str) -> None:
    events = pd.DataFrame(
        {"participant": ["a", "b"], "at": "2026-03-02T08:00:00Z", "kind": "tap", "duration": 1.0}
    )
    people = pd.DataFrame({"participant": ["a", "b"], "enrolled": "2026-03-02"})
    study = STUDY | {"observed_until": "2026-06-30"}
    seen = summarise_usage(events, study, participants=people)
    assert "stamps of 'at' carry offsets: days are those of UTC" in seen.notes
    (people if column == "enrolled" else events)[column] = cells
    with pytest.raises(ResponseDataError, match=fault):
        summarise_usage(events, study, participants=people)
    if column == "duration":
        named = summarise_usage(events, study, participants=people, reading=LogReading(durations="min"))
        assert named.people["minutes_whole"].tolist() == cells


def test_stamps_of_two_columns_both_carry_offsets_or_neither() -> None:
    events = pd.DataFrame(
        {"participant": ["a"], "at": ["2026-03-02T08:00:00Z"], "kind": "tap", "duration": 1.0}
    )
    people = pd.DataFrame({"participant": ["a"], "enrolled": "2026-03-02"})
    events["received"] = "2026-03-02T08:00:00"
    with pytest.raises(
        ResponseDataError, match="stamps of 'at' carry an offset from UTC and those of 'received'"
    ):
        summarise_usage(events, STUDY, participants=people)


# until when people were watched


def plan(**more: Any) -> Any:
    return as_study(STUDY | more)


def watch(
    observed: list[float] | None = None,
    joined: list[float] | None = None,
    withdrawn: list[float] | None = None,
    last: float = NAN,
    last_day: float = 83.0,
    **more: Any,
) -> tuple[list[float], int, str]:
    people = pd.DataFrame({"participant": ["a", "b"]})
    for name, values in (("observed_day", observed), ("joined", joined), ("withdrawn_day", withdrawn)):
        if values is not None:
            people[name] = values
    seen = watching(people, plan(**more), last, last_day)
    return seen.until.tolist(), seen.cut_short, seen.how


INF = float("inf")
TAKEN, READ_OFF = "taken as the study's length", "the log's last day"


def test_the_end_of_watching() -> None:
    assert watch([50, 60]) == ([50, 60], 0, "declared")
    assert watch([50, NAN]) == ([50, INF], 0, TAKEN)
    # on clocks of their own: 84 days, the log ends on day 75.5: 76 and a week are 83, so that all are cut short
    assert watch(last_day=75.5) == ([INF, INF], 2, TAKEN)
    assert watch(last_day=76.5) == ([INF, INF], 0, TAKEN)
    assert watch(last_day=70.0, withdrawn=[78, 79]) == ([INF, INF], 1, TAKEN)
    # on one calendar: the log ends on day 100.2, so watching on 101 less the day each joined
    assert watch(joined=[0, 24], last=100.2) == ([INF, INF], 0, TAKEN)  # 101 − 24 = 77; 84 is a week later
    assert watch(joined=[0, 25], last=100.2) == ([101, 76], 1, READ_OFF)
    assert watch(joined=[0, 25], last=100.2, withdrawn=[NAN, 83]) == ([INF, INF], 0, TAKEN)
    assert watch([50, NAN], joined=[0, 25], last=100.2) == ([50, 76], 1, READ_OFF)
    assert watch([50, NAN], joined=[0, 0], last=100.2) == ([50, INF], 0, "declared")
    assert watch(joined=[0, 200], last=100.2) == ([101, 0], 1, READ_OFF)
    # the log's last event is asked for
    assert watch(joined=[0, 20], last=100.2, observed_until="last_event") == ([101, 81], 0, READ_OFF)
    assert watch(last_day=70.4, observed_until="last_event") == ([71, 71], 0, READ_OFF)
    assert watch([30, NAN], last_day=70.4, observed_until="last_event") == ([30, 71], 0, READ_OFF)


def clocked(given: dict[str, Any], enrolled: list[str] | None = None, **more: Any) -> list[float]:
    people = pd.DataFrame({"participant": ["a", "b"]})
    if enrolled is not None:
        days = [(date.fromisoformat(day) - date(1970, 1, 1)).days for day in enrolled]
        people["enrolled_us"] = pd.array([86_400_000_000 * day for day in days], dtype="Int64")
    table = with_clock(people, pd.DataFrame({"participant": ["a", "b"], **given}), plan(**more), LogReading())
    assert table is not None
    return table["observed_day"].tolist()


def test_declared_ends_of_watching_on_each_clock() -> None:
    enrolled = ["2026-03-01", "2026-03-11"]
    assert clocked({"observed_until_day": [30.0, 40.0]}) == [30, 40]
    assert clocked({"observed_until": ["2026-03-31", "2026-03-31"]}, enrolled) == [
        31,
        21,
    ]  # to the end of the day
    assert clocked({"observed_until": ["2026-03-31T12:00:00", "2026-03-31"]}, enrolled)[0] == 30.5
    assert clocked({}, enrolled, observed_until="2026-03-31") == [31, 21]
    own = {"observed_until": ["2026-03-21", None]}
    assert clocked(own, enrolled, observed_until="2026-03-31") == [21, 21]
    assert clocked({"enrolled_day": [2.0, 12.0]}, observed_until=42) == [40, 30]
    assert clocked({"enrolled_day": [2.0, 52.0]}, observed_until=42) == [40, 0]
    with pytest.raises(DefinitionError):
        clocked({"enrolled_day": [2.0, 12.0]}, observed_until="2026-03-31")
    with pytest.raises(DefinitionError):
        clocked({}, enrolled, observed_until=42)


def test_a_telephone_that_runs_years_ahead_does_not_show_how_far_the_log_reaches() -> None:
    people = pd.DataFrame({"participant": ["a", "b"], "enrolled_day": [0.0, 0.0]})
    events = log_of({"a": [(1.0, "tap", 0), (30.0, "tap", 0), (900.0, "tap", 0)], "b": [(3.0, "tap", 0)]})
    seen = summarise_usage(events, STUDY, participants=people)
    assert seen.people["end_day"].tolist() == [31, 31] and seen.rule["cut_short"] == 2
    assert SimpleNamespace(**seen.counts).after_study == 1


# Units in the first week and in the last before day 28, taps before and after, days before enrolment.
WEEKS = {
    "a": (0, 0, 2, 3, 1),
    "b": (0, 0, 0, 0, 0),
    "c": (1, 0, 0, 0, 0),
    "d": (0, 0, 0, 0, 0),
    "e": (0, 0, 1, 0, 0),
    "j": (0, 0, 1, 1, 0),
    "k": (0, 0, 0, 1, 0),
    "m": (0, 1, 1, 1, 0),
}


def test_weeks_and_negative_controls_by_hand() -> None:
    rows = {**ROWS, "m": [*ROWS["m"], (-3.0, DONE, 0), (-3.5, "tap", 0), (-9.0, "tap", 0), (-9.1, None, 0)]}
    made = summarise_usage(log_of(rows), {**STUDY, "unrelated_kind": "tap"}, participants=PEOPLE)
    columns = ["first_week_before", "last_week_before", "unrelated_before", "unrelated_after"]
    people = made.people.set_index("participant")[[*columns, "days_before_enrolment"]]
    for who, wanted in WEEKS.items():
        assert tuple(people.loc[who]) == (*wanted[:4], 3 if who == "m" else wanted[4]), who
    assert "unrelated_after" not in found().people
    absent = summarise_usage(log_of(ROWS), {**STUDY, "unrelated_kind": "radio"}, participants=PEOPLE)
    assert "unrelated_after" not in absent.people
    assert any("no event of the unrelated kind radio" in note for note in absent.notes)
    with pytest.raises(DefinitionError, match="counts as intended use"):
        summarise_usage(log_of(ROWS), {**STUDY, "unrelated_kind": DONE}, participants=PEOPLE)


def test_other_kinds_of_event_are_counted_before_the_landmark_the_most_frequent_of_them() -> None:
    """Fourteen kinds, the k-th k + 1 times: the two rarest are left; of a copy one counts, later ones do not."""
    many = [(who, 1.0 + k + n / 100, f"part {k}", 0) for who in "ab" for k in range(14) for n in range(k + 1)]
    rows = {who: [row[1:] for row in many if row[0] == who] for who in "ab"}
    rows["a"] += [rows["a"][-1], (30.0, "part 13", 0), (2.0, DONE, 0), (2.5, "login", 0)]
    people = summarise_usage(log_of(rows), STUDY, participants=PEOPLE).people.set_index("participant")
    kinds = [name for name in people if name.startswith("events_of_")]
    assert kinds == [f"events_of_part {k}_before" for k in sorted(range(2, 14), key=str)]
    assert people.loc["a", kinds].tolist() == people.loc["b", kinds].tolist()
    assert people.loc["a", kinds].tolist() == [k + 1 for k in sorted(range(2, 14), key=str)]
    assert people.loc["c", kinds].tolist() == [0.0] * 12


@pytest.mark.parametrize(
    ("unit", "wanted"), [("active_days", (1, 1)), ("minutes", (0, 0)), ("logins", (1, 0))]
)
def test_weeks_are_counted_in_the_intended_unit(unit: str, wanted: tuple[int, int]) -> None:
    """Of a: two logins on day 0 (one twice), a tap on day 27 and 45 minutes on day 7."""
    plan = {
        **STUDY,
        "intended_use": {**STUDY["intended_use"], "unit": unit},
        "adherence": {**STUDY["adherence"], "metric": unit},
    }
    people = summarise_usage(log_of(ROWS), plan, participants=PEOPLE).people.set_index("participant")
    assert tuple(people.loc["a", ["first_week_before", "last_week_before"]]) == wanted
    # the 45 minutes and the active day of day 7 lie in the second week
    later = {"active_days": (1, 0), "minutes": (45, 0), "logins": (0, 0)}[unit]
    assert tuple(people.loc["a", ["second_week_before", "third_week_before"]]) == later


def test_units_of_each_weekday_and_hour_are_those_of_the_calendar() -> None:
    """2026-03-02 is a Monday; who joined on another day has other days of the study on it."""
    joined = {"m": "2026-03-02", "t": "2026-03-05", "s": "2026-03-08"}
    stamps = {
        "m": ["2026-03-02 09:00", "2026-03-04 09:00", "2026-03-04 20:00", "2026-03-11 09:00"],
        "t": ["2026-03-05 09:00", "2026-03-08 23:30", "2026-03-13 00:30"],
        "s": ["2026-03-09 06:00", "2026-03-14 17:59"],
    }
    events = pd.DataFrame(
        [(who, pd.Timestamp(at), DONE, 5.0) for who, mine in stamps.items() for at in mine],
        columns=["participant", "at", "kind", "duration"],
    )
    people = pd.DataFrame({"participant": list(joined), "enrolled": list(joined.values())})
    found = summarise_usage(events, as_study(STUDY), participants=people).people.set_index("participant")
    days = [f"weekday_{number}_before" for number in range(1, 8)]
    # Monday to Sunday
    assert found.loc["m", days].tolist() == [1, 0, 3, 0, 0, 0, 0]
    assert found.loc["t", days].tolist() == [0, 0, 0, 1, 1, 0, 1]
    assert found.loc["s", days].tolist() == [1, 0, 0, 0, 0, 1, 0]
    hours = ["night_before", "morning_before", "afternoon_before"]  # of six hours each; the evening is left
    assert found.loc["m", hours].tolist() == [0, 3, 0]
    assert found.loc["t", hours].tolist() == [1, 1, 0]
    assert found.loc["s", hours].tolist() == [0, 1, 1]


def test_a_day_on_which_nobody_came_has_no_share() -> None:
    study = as_study(STUDY)
    events = pd.DataFrame(
        [("a", 3.5, DONE, 5.0), ("b", 20.0, DONE, 5.0)], columns=["participant", "day", "kind", "duration"]
    )
    people = pd.DataFrame({"participant": ["a", "b"], "observed_until_day": [84.0, 84.0]})
    table = summarise_usage(events, study, participants=people).retention.set_index("day")
    assert (table["n"] == 2).all() and len(table) >= 2
    assert (table["on_day"] == 0).all()
    assert [table.loc[day, "from_day"] for day in table.index] == [
        np.mean([last >= day for last in (3.5, 20.0)]) for day in table.index
    ]


ENDS = st.sampled_from([*"0aeflnAELN!>-–—.? \t\n", "", "7 ", "é", "ll", "NA"])
CELLS = st.one_of(
    st.none(),
    st.sampled_from(sorted(NO_ID)).flatmap(
        lambda word: st.sampled_from(
            [word, word.upper(), word.title(), f" {word}", f"{word}\t ", f"{word}x", f"1{word}"]
        )
    ),
    st.tuples(st.text("pP01 -éNAna", max_size=4), ENDS).map("".join),
)


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
@settings(max_examples=60, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=12))
@example([form(word) for word in sorted(NO_ID) for form in (str, str.upper, str.title)])
@example([f"{word}{end}" for word in sorted(NO_ID) for end in (" ", "\t", "\n", "\v", "x", "7")])
@example(["NA", "na", " NA", "NA ", "", " ", "A", "p1", "Anna", "0", "-0"])
def test_a_cell_names_somebody_unless_it_is_blank_or_a_mark_of_nobody(cells: list[str | None]) -> None:
    """However it ends: ids that end as no such mark can are not looked at further."""
    table = pd.DataFrame({"place": range(len(cells)), "participant": pd.Series(cells, dtype=object)})
    con = ibis.duckdb.connect()
    log = ibis.memtable(table, schema={"place": "int64", "participant": "string"})
    found = con.execute(log.select("place", who=_id(log, con, LogReading())).order_by("place"))["who"]
    blank = " \t\n\r\v\f"
    expected = [
        None if cell in (None, "NA") or cell.strip(blank).lower() in {"", *NO_ID} else cell for cell in cells
    ]
    assert [None if pd.isna(one) else one for one in found] == expected


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
@pytest.mark.parametrize(
    ("kind", "cells", "texts"),
    [
        ("DECIMAL(5,1)", "(1.5), (20), (NULL)", ["1.5", "20.0", None]),
        ("UUID", "('00000000-0000-0000-0000-00000000000a')", ["00000000-0000-0000-0000-00000000000a"]),
        ("BLOB", "('p7')", ["p7"]),
    ],
)
def test_ids_that_an_engine_holds_as_another_kind_are_read_as_text(
    kind: str, cells: str, texts: list[str | None]
) -> None:
    con = ibis.duckdb.connect()
    con.raw_sql(f"CREATE TABLE log (participant {kind}); INSERT INTO log VALUES {cells}")
    log = con.table("log")
    found = con.execute(log.select(who=_id(log, con, LogReading())))["who"]
    assert [None if pd.isna(one) else one for one in found] == texts


def test_a_log_without_any_event_says_so() -> None:
    """It was refused as one whose "column 'day' holds null"."""
    people = pd.DataFrame({"participant": ["a"], "enrolled_day": [0.0]})
    with pytest.raises(ResponseDataError, match="the log holds no event"):
        summarise_usage(log_of({}), STUDY, participants=people)
