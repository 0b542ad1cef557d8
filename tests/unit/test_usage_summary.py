"""Usage logs: the table equals a plain reading of the log, and every fault is counted."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import DefinitionError, ResponseDataError

STUDY: dict[str, Any] = {
    "schema": 1,
    "id": "small",
    "title": "Small",
    "instrument": "dta",
    "waves": [{"id": 1, "day": 21, "opens": 21, "closes": 28}],
    "study_days": 84,
    "landmark": {"wave": 1, "day": 28},
    "intended_use": {
        "unit": "sessions",
        "amount": 12,
        "weeks": 12,
        "justification": "one session a week, 12 weeks",
    },
    "adherence": {"metric": "sessions", "threshold": 0.5, "justification": "half of the sessions at least"},
}


def log(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["participant", "day", "kind", "duration"])


def people(*names: str, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"participant": list(names), **columns})


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=80, seed=5)


@pytest.fixture(scope="module")
def usage(data: SimulatedStudy) -> UsageSummary:
    return summarise_usage(data.usage, data.study, participants=data.enrolment)


def plain_reading(events: pd.DataFrame, enrolment: pd.DataFrame) -> pd.DataFrame:
    """The same table by loops, with no window and no engine."""
    rows = []
    for row in enrolment.itertuples(index=False):
        gone = np.inf if pd.isna(row.withdrawn_day) else float(row.withdrawn_day)
        mine = events[events["participant"] == row.participant].drop(columns="participant")
        late_stamp = mine["day"] > mine["received_day"] + 5 / 1440
        mine = mine.assign(day=mine["day"].where(~late_stamp, mine["received_day"])).drop(
            columns="received_day"
        )
        mine = mine[(mine["day"] >= 0) & (mine["day"] < 84) & ~(mine["day"] > gone)].drop_duplicates()
        mine = mine.sort_values(["day", "kind", "duration"]).to_dict("records")
        end = min(84.0, gone)
        entry: dict[str, Any] = {"participant": row.participant}
        for period, low, high in (("before", 0, 28), ("after", 28, 84), ("whole", 0, 84)):
            inside = [e for e in mine if low <= e["day"] < high]
            entry[f"events_{period}"] = len(inside)
            entry[f"completed_{period}"] = sum(e["kind"] == "session_completed" for e in inside)
            entry[f"logins_{period}"] = sum(e["kind"] == "login" for e in inside)
            entry[f"active_days_{period}"] = len({int(e["day"]) for e in inside})
            entry[f"minutes_{period}"] = sum(e["duration"] for e in inside)
            days = [e["day"] for e in inside]
            closes = max(min(high, end), 0)
            points = [low, *days, closes] if days else [low, max(closes, low)]
            entry[f"longest_gap_{period}"] = max(np.diff(points))
            entry[f"last_use_{period}"] = max(days, default=np.nan)
        sessions = {"before": 0, "after": 0}
        for k, event in enumerate(mine):
            ended = mine[k - 1]["day"] + mine[k - 1]["duration"] / 1440 if k else -np.inf
            if (event["day"] - ended) * 1440 > 30:
                sessions["before" if event["day"] < 28 else "after"] += 1
        entry |= {f"sessions_{period}": n for period, n in sessions.items()}
        early = max((e["day"] for e in mine if e["day"] < 28), default=0.0)
        entry["at_risk"] = 28 - early < 14 and end > 28
        points = [early, *(e["day"] for e in mine if e["day"] >= 28)]
        stops = [
            a + 14 for a, b in zip(points, [*points[1:], np.inf], strict=True) if b - a >= 14 and a + 14 > 28
        ]
        stop = min((s for s in stops if s <= end), default=np.inf)
        entry["disengaged"] = entry["at_risk"] and np.isfinite(stop)
        entry["disengaged_after"] = (min(stop, end) - 28) if entry["at_risk"] else np.nan
        rows.append(entry)
    return pd.DataFrame(rows)


def test_every_measure_equals_a_plain_reading_of_the_log(data: SimulatedStudy, usage: UsageSummary) -> None:
    expected = plain_reading(data.usage, data.enrolment)
    assert usage.people["participant"].tolist() == expected["participant"].tolist()
    for column in expected.columns.drop("participant"):
        found, wanted = usage.people[column].to_numpy(float), expected[column].to_numpy(float)
        # Sums of minutes are taken in another order: 1e-9 is rounding.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9, equal_nan=True, err_msg=column)


def test_faults_are_counted_and_set_aside(data: SimulatedStudy, usage: UsageSummary) -> None:
    counts = usage.counts
    assert counts["events"] == len(data.usage)
    assert counts["unknown"] == counts["skewed"] == counts["before_enrolment"] == 6
    assert counts["duplicates"] == int(data.usage.drop(columns="received_day").duplicated().sum())
    assert (counts["after_study"], counts["unreadable"], counts["negative_duration"]) == (0, 0, 0)


def test_what_cannot_be_known_is_said_to_be_unknown() -> None:
    usage = summarise_usage(log(("a", 1.0, "login", 1.0)), STUDY)
    assert usage.counts["unknown"] is None
    assert usage.counts["skewed"] is None
    assert usage.counts["after_withdrawal"] is None
    assert any("only people who appear in the log" in note for note in usage.notes)


def test_people_without_an_event_count_as_no_use() -> None:
    usage = summarise_usage(log(("a", 1.0, "login", 1.0)), STUDY, participants=people("a", "b"))
    row = usage.people.set_index("participant").loc["b"]
    assert row["events_whole"] == 0
    assert row["longest_gap_whole"] == 84
    assert not row["at_risk"]
    assert not row["adherent"]


def test_sessions_are_split_by_inactivity_after_the_end_of_an_event() -> None:
    minute = 1 / 1440
    events = log(
        ("a", 1.0, "activity", 20.0), ("a", 1.0 + 45 * minute, "activity", 0.0), ("a", 1.1, "activity", 5.0)
    )
    usage = summarise_usage(events, STUDY)
    assert usage.people["sessions_whole"].item() == 2
    assert any("split by the inactivity gap" in note for note in usage.notes)


def test_last_use_near_the_end_is_censored_and_an_early_one_is_an_end() -> None:
    events = log(*[("stays", d, "login", 1.0) for d in range(0, 84, 7)], ("leaves", 20.0, "login", 1.0))
    usage = summarise_usage(events, STUDY).people.set_index("participant")
    assert not usage.loc["stays", "last_use_is_end"]
    assert not usage.loc["stays", "disengaged"]
    assert usage.loc["stays", "disengaged_after"] == 56
    assert usage.loc["leaves", "last_use_is_end"]
    assert usage.loc["leaves", "disengaged"]
    assert usage.loc["leaves", "disengaged_after"] == 6


def test_withdrawal_ends_the_watch() -> None:
    events = log(*[("a", float(d), "login", 1.0) for d in range(0, 40, 5)], ("a", 50.0, "login", 1.0))
    usage = summarise_usage(events, STUDY, participants=people("a", withdrawn_day=[40]))
    row = usage.people.iloc[0]
    assert usage.counts["after_withdrawal"] == 1
    assert row["end_day"] == 40
    assert not row["disengaged"]
    assert row["disengaged_after"] == 12


def test_completed_units_are_capped_at_what_is_intended() -> None:
    events = log(*[("a", 30.0 + d, "session_completed", 40.0) for d in range(12)])
    row = summarise_usage(events, STUDY).people.iloc[0]
    assert row["completed_after"] == 12
    assert row["intended_after"] == 8
    assert row["share_after"] == 1.0
    assert row["adherent"]


def test_timestamps_are_put_on_the_clock_of_each_participant() -> None:
    events = pd.DataFrame(
        {
            "participant": ["a", "b"],
            "at": pd.to_datetime(["2024-01-02 12:00", "2024-03-01 06:00"]),
            "kind": "login",
            "duration": 1.0,
        }
    )
    enrolled = people("a", "b", enrolled=["2024-01-01", "2024-03-01"])
    usage = summarise_usage(events, STUDY, participants=enrolled)
    assert usage.people["last_use_day"].tolist() == [1.5, 0.25]
    with pytest.raises(ResponseDataError, match="not known when anybody was enrolled"):
        summarise_usage(events, STUDY)


def test_csv_parquet_frame_and_a_table_of_the_engine_give_the_same(
    data: SimulatedStudy, usage: UsageSummary, tmp_path: Path
) -> None:
    data.usage.to_csv(tmp_path / "log.csv", index=False)
    data.usage.to_parquet(tmp_path / "log.parquet")
    for name in ("log.csv", "log.parquet"):
        other = summarise_usage(tmp_path / name, data.study, participants=data.enrolment)
        pd.testing.assert_frame_equal(other.people, usage.people, rtol=0, atol=1e-9)
        assert other.counts == usage.counts


def test_a_large_log_goes_in_parts_with_the_same_table(
    data: SimulatedStudy, usage: UsageSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.usage.summarise_usage.EVENTS_PER_PASS", 500)
    parts = summarise_usage(data.usage, data.study, participants=data.enrolment)
    pd.testing.assert_frame_equal(parts.people, usage.people, rtol=0, atol=1e-9)


def test_the_order_of_events_and_of_people_does_not_matter(data: SimulatedStudy, usage: UsageSummary) -> None:
    shuffled = data.usage.sample(frac=1, random_state=3)
    other = summarise_usage(shuffled, data.study, participants=data.enrolment.iloc[::-1])
    back = other.people.sort_values("participant", ignore_index=True)
    pd.testing.assert_frame_equal(back, usage.people, rtol=0, atol=1e-9)


def test_retention_falls_and_agrees_with_its_table(usage: UsageSummary) -> None:
    curve = usage.retention_at(range(0, 84, 7))["from_day"]
    assert (curve.diff().dropna() <= 0.02).all()
    again = usage.retention_at(usage.retention["day"])
    assert again["from_day"].tolist() == usage.retention["from_day"].tolist()
    assert (usage.retention["on_day"] <= usage.retention["from_day"]).all()


def test_long_table_has_a_row_per_person_and_period(usage: UsageSummary) -> None:
    frame = usage.to_frame()
    assert len(frame) == 3 * len(usage.people)
    assert "participants" in usage.summary()


def test_what_a_log_lacks_is_named() -> None:
    with pytest.raises(ResponseDataError, match="no column 'kind', 'day or at'"):
        summarise_usage(pd.DataFrame({"participant": ["a"]}), STUDY)
    with pytest.raises(ResponseDataError, match=r"no file or table 'nothing\.here'"):
        summarise_usage("nothing.here", STUDY)
    with pytest.raises(ResponseDataError, match="1 participants have several rows: 'a'"):
        summarise_usage(log(("a", 1.0, "login", 1.0)), STUDY, participants=people("a", "a"))
    with pytest.raises(ResponseDataError, match="no event of kind 'chapter'"):
        summarise_usage(log(("a", 1.0, "login", 1.0)), STUDY, completed_kind="chapter")


def test_adherence_in_another_unit_than_intended_is_refused() -> None:
    study = copy.deepcopy(STUDY)
    study["adherence"]["metric"] = "minutes"
    with pytest.raises(DefinitionError, match="judged on minutes, but sessions are intended"):
        summarise_usage(log(("a", 1.0, "login", 1.0)), study)
