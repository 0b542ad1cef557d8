"""Until when people were watched: interim exports, rolling enrolment, withdrawal, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dta
from analysis.adherence.relate_adherence import relate_adherence
from analysis.pipeline import validate
from analysis.simulation.simulate_study import simulate_study
from analysis.usage.expressions import SET_ASIDE
from analysis.usage.faults import CURES, IN_WORDS
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import summarise_usage
from instrument.errors import DefinitionError, ResponseDataError
from instrument.study import as_study
from tests.unit.test_usage_summary import STUDY

EXPORT = 120.0
ANY = LogReading(most_set_aside=1.0)  # what is set aside is not the question here


def weekly(joined: np.ndarray, export: float = EXPORT) -> pd.DataFrame:
    """Everybody completes a session each Monday of theirs, until the day of the export; nobody stops."""
    rows = [
        (f"p{k:03d}", float(day) + 0.5, "session_completed", 20.0)
        for k, start in enumerate(joined)
        for day in range(0, 84, 7)
        if start + day + 0.5 < export
    ]
    return pd.DataFrame(rows, columns=["participant", "day", "kind", "duration"])


def table(joined: np.ndarray, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"participant": [f"p{k:03d}" for k in range(len(joined))], "enrolled_day": joined, **columns}
    )


@pytest.fixture(scope="module")
def joined() -> np.ndarray:
    # 85 of 200 have not reached day 84 when the log is exported on day 120
    return np.concatenate([np.linspace(0, 36, 115).round(), np.linspace(40, 110, 85).round()])


def test_an_interim_export_makes_nobody_a_leaver(joined: np.ndarray) -> None:
    seen = np.minimum(EXPORT - joined, 84)
    for study, columns in (
        (STUDY, {"observed_until_day": seen}),
        ({**STUDY, "observed_until": EXPORT}, {}),
        ({**STUDY, "observed_until": "last_event"}, {}),
        (STUDY, {}),
    ):
        usage = summarise_usage(weekly(joined), study, participants=table(joined, **columns))
        people = usage.people
        assert int(people["disengaged"].sum()) == 0
        assert people["adherent"].dropna().all()
        np.testing.assert_allclose(people["end_day"], seen, atol=1)
        np.testing.assert_allclose(people["share_whole"].dropna(), 1.0)
        # what was due: one session for each whole week that was watched
        np.testing.assert_array_equal(people["intended_whole"], np.floor(people["end_day"] / 7))


def test_what_the_log_shows_is_told_and_counted(joined: np.ndarray) -> None:
    usage = summarise_usage(weekly(joined), STUDY, participants=table(joined))
    cut = int((joined + 84 > 119 + 1 + 7).sum())
    assert usage.rule["cut_short"] == cut
    assert any(f"the study of {cut} of 200 people ends more than 7 days" in note for note in usage.notes)
    declared = summarise_usage(
        weekly(joined), {**STUDY, "observed_until": EXPORT}, participants=table(joined)
    )
    assert declared.rule["cut_short"] == 0
    assert declared.rule["watched_until"] == "declared"


def test_dates_and_days_give_the_same(joined: np.ndarray) -> None:
    start = pd.Timestamp("2026-01-01")
    days = weekly(joined)
    at = days.assign(
        at=start + pd.to_timedelta(days["day"] + joined[days["participant"].str[1:].astype(int)], unit="D")
    )
    dated = table(joined, enrolled=start + pd.to_timedelta(joined, unit="D")).drop(columns="enrolled_day")
    until = (start + pd.Timedelta(days=EXPORT - 1)).date()  # the export holds the whole of that day
    by_date = summarise_usage(at.drop(columns="day"), {**STUDY, "observed_until": until}, participants=dated)
    own = dated.assign(observed_until=str(until))
    by_column = summarise_usage(at.drop(columns="day"), STUDY, participants=own)
    by_day = summarise_usage(days, {**STUDY, "observed_until": EXPORT}, participants=table(joined))
    for found in (by_date, by_column):
        pd.testing.assert_frame_equal(found.people, by_day.people, rtol=0, atol=1e-9)


def test_someone_withdrawn_on_day_30_is_not_due_eight_more_sessions() -> None:
    events = pd.DataFrame(
        [(name, float(d) + 0.5, "session_completed", 20.0) for name in "ab" for d in range(0, 84, 7)],
        columns=["participant", "day", "kind", "duration"],
    )
    people = pd.DataFrame({"participant": ["a", "b"], "withdrawn_day": [30.0, np.nan]})
    table = summarise_usage(events, STUDY, participants=people).people.set_index("participant")
    assert table.loc["a", ["intended_before", "intended_after", "intended_whole"]].tolist() == [4, 0, 4]
    assert table.loc["b", ["intended_before", "intended_after", "intended_whole"]].tolist() == [4, 8, 12]
    assert table.loc["a", "share_whole"] == 1.0
    assert np.isnan(table.loc["a", "share_after"])


def test_events_after_the_end_of_observation_are_set_aside_and_counted() -> None:
    events = pd.DataFrame({"participant": "a", "day": [1.0, 50.0, 61.0], "kind": "login", "duration": 1.0})
    people = pd.DataFrame({"participant": ["a"], "observed_until_day": [60]})
    usage = summarise_usage(events, STUDY, participants=people)
    assert usage.counts["after_observation"] == 1
    assert usage.people["events_whole"].item() == 2


def test_a_log_most_of_which_lies_after_the_end_of_watching_is_refused_for_that() -> None:
    """The counts named no reason at all, and the hint spoke of empty cells."""
    events = pd.DataFrame(
        {"participant": "a", "day": [1.0, 50.0, 61.0, 62.0, 63.0], "kind": "login", "duration": 1.0}
    )
    people = pd.DataFrame({"participant": ["a"], "observed_until_day": [40]})
    said = r"4 of 5 events of the log would be set aside: 4 after the end of watching\.\nHint: check observed_until"
    with pytest.raises(ResponseDataError, match=said):
        summarise_usage(events, STUDY, participants=people)


def test_every_reason_to_set_an_event_aside_has_its_words_and_cure() -> None:
    assert set(IN_WORDS) == set(CURES) == set(SET_ASIDE)


def test_an_event_of_a_stranger_is_not_unreadable_too() -> None:
    events = pd.DataFrame(
        {
            "participant": ["a", "stranger", None, "a"],
            "at": ["2026-01-02", "2026-01-02", "2026-01-02", None],
            "kind": "login",
            "duration": 1.0,
        }
    ).astype({"at": "datetime64[ns]"})
    people = pd.DataFrame({"participant": ["a"], "enrolled": ["2026-01-01"]})
    counts = summarise_usage(events, STUDY, participants=people, reading=ANY).counts
    assert (counts["unknown"], counts["unreadable"]) == (1, 2)


def test_a_silent_week_at_the_end_is_no_early_export() -> None:
    for last, expected in ((77.2, 0), (75.9, 2)):
        events = pd.DataFrame({"participant": ["a", "a"], "day": [1.0, last], "kind": "login"})
        people = pd.DataFrame({"participant": ["a", "b"], "enrolled_day": [0, 0]})
        assert summarise_usage(events, STUDY, participants=people).rule["cut_short"] == expected


def test_an_event_before_enrolment_does_not_show_how_far_the_log_reaches() -> None:
    """The log ends on calendar day 30; b's event of day 60 lies 40 days before b was enrolled."""
    events = pd.DataFrame(
        [("a", 1.0, "login", 1.0), ("a", 30.0, "login", 1.0), ("b", -40.0, "login", 1.0)],
        columns=["participant", "day", "kind", "duration"],
    )
    people = pd.DataFrame({"participant": ["a", "b"], "enrolled_day": [0, 100]})
    usage = summarise_usage(
        events, {**STUDY, "observed_until": "last_event"}, participants=people, reading=ANY
    )
    assert usage.counts["before_enrolment"] == 1
    watched = usage.people.set_index("participant")["end_day"]
    assert watched["a"] == 31.0  # days 0 to 30; with b's event it would be 61


def test_a_telephone_whose_clock_runs_ahead_does_not_hide_an_early_export(joined: np.ndarray) -> None:
    wrong = pd.DataFrame([("p000", 3000.0, "login", 1.0)], columns=["participant", "day", "kind", "duration"])
    usage = summarise_usage(pd.concat([weekly(joined), wrong]), STUDY, participants=table(joined))
    assert usage.rule["cut_short"] > 0


@settings(max_examples=25, deadline=None)
@given(
    starts=st.lists(st.integers(0, 120), min_size=2, max_size=8),
    export=st.integers(90, 204),
    gone=st.lists(st.one_of(st.none(), st.integers(1, 83)), min_size=8, max_size=8),
)
def test_nothing_is_due_and_nobody_stops_after_the_watch(
    starts: list[int], export: int, gone: list[int | None]
) -> None:
    assume(min(starts) < export)  # else there is no event at all
    joined = np.array(starts, dtype=float)
    withdrawn = np.array([np.nan if day is None else day for day in gone[: len(joined)]], dtype=float)
    people = summarise_usage(
        weekly(joined, export),
        {**STUDY, "observed_until": export},
        participants=table(joined, withdrawn_day=withdrawn),
        reading=ANY,
    ).people
    end = np.fmin(np.fmin(withdrawn, 84), np.maximum(export - joined, 0))
    np.testing.assert_allclose(people["end_day"], end)
    np.testing.assert_array_equal(people["intended_whole"], np.floor(end / 7 + 1e-9))
    assert (people["intended_before"] + people["intended_after"] == people["intended_whole"]).all()
    stopped = people[people["disengaged"]]
    assert (28 + stopped["disengaged_after"] <= stopped["end_day"]).all()
    assert people["share_whole"].dropna().between(0, 1).all()


def test_retention_on_the_studys_last_day_is_of_nobody() -> None:
    events = pd.DataFrame({"participant": ["a"], "day": [83.5], "kind": "login"})
    people = pd.DataFrame({"participant": ["a", "b"], "withdrawn_day": [np.nan, 83.0]})
    usage = summarise_usage(events, STUDY, participants=people, retention_days=(82, 83, 84))
    assert usage.retention["n"].tolist() == [2, 1, 0]
    assert usage.retention["on_day"].tolist()[1] == 1.0
    assert usage.retention_at([83, 84])["n"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("study", "columns", "message"),
    [
        ({"observed_until": dt.date(2026, 5, 1)}, {}, "not known when anybody was enrolled"),
        ({"observed_until": 120}, {"enrolled": "2026-01-01"}, "people were enrolled on dates"),
        ({}, {"observed_until": "2026-01-01"}, "not known when they were enrolled"),
        ({}, {"observed_until_day": "soon"}, "observed_until_day"),
        (
            {},
            {"enrolled": "2026-01-01", "observed_until": "soon"},
            "column 'observed_until' is not read as dates",
        ),
    ],
)
def test_what_cannot_be_put_on_a_calendar_is_refused(
    study: dict[str, Any], columns: dict[str, Any], message: str
) -> None:
    events = pd.DataFrame({"participant": ["a"], "day": [1.0], "kind": "login"})
    people = pd.DataFrame({"participant": ["a"], **columns})
    with pytest.raises((DefinitionError, ResponseDataError), match=message):
        summarise_usage(events, {**STUDY, **study}, participants=people)


def test_a_study_file_that_says_nothing_new_keeps_its_hash() -> None:
    plain = as_study(STUDY)
    assert "observed_until" not in plain.to_json()
    assert as_study({**STUDY, "observed_until": 84}).content_hash != plain.content_hash


@pytest.fixture(scope="module")
def interim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's people, enrolled over 100 days, exported on day 120, with nothing declared."""
    folder = tmp_path_factory.mktemp("interim")
    data = simulate_study("dta_example", n=120, seed=4)
    data.write(folder)
    study = {key: value for key, value in data.study.items() if key != "observed_until"}
    start = np.floor(np.linspace(0, 100, 120))
    where = dict(zip(data.enrolment["participant"], start, strict=True))
    usage = data.usage[data.usage["day"] + data.usage["participant"].map(where).fillna(0) < 120]
    usage.to_csv(folder / "usage.csv", index=False)
    data.enrolment.assign(enrolled_day=start).to_csv(folder / "enrolment.csv", index=False)
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder


def run(folder: Path, out: Path) -> int:
    given = ["adherence", str(folder / "responses.csv"), "--out", str(out)]
    for name in ("usage", "outcomes", "covariates", "enrolment"):
        given += [f"--{name}", str(folder / f"{name}.csv")]
    with pytest.raises(SystemExit) as stop:
        dta.main([*given, "--study", str(folder / "study.yaml")])
    return int(stop.value.code or 0)


def test_the_command_refuses_an_undeclared_interim_export(
    interim: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(interim, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "of 120 people ends after the log's last event" in said
    assert "Hint: declare it: observed_until" in said
    assert not (tmp_path / "out" / "report.html").exists()


def test_an_api_user_gets_shares_of_what_was_due(interim: Path) -> None:
    data = simulate_study("dta_example", n=120, seed=4)
    study = {key: value for key, value in data.study.items() if key != "observed_until"}
    people = pd.read_csv(interim / "enrolment.csv")
    usage = summarise_usage(interim / "usage.csv", study, participants=people)
    table = data.responses[["participant", "wave"]].copy()
    table["total"] = data.responses.iloc[:, 2:34].astype(float).mean(axis=1)
    found = relate_adherence(table, usage, study, data.outcomes, data.covariates)
    steps = dict(zip(found.flow["step"].str.strip(), found.flow["n"], strict=True))
    assert steps["not yet watched at the landmark"] > 0
    assert found.design["due_differs"]
    assert "joined" in found.design["adjusted_for"]


def test_shares_of_people_who_answered_are_not_called_shares_of_the_enrolled() -> None:
    data = simulate_study("dta_example", n=120, seed=4)
    topics = ("use", "adherence")
    known = validate(
        data.responses,
        data.instrument,
        usage=data.usage,
        study=as_study(data.study),
        enrolment=data.enrolment,
        topics=topics,
    ).tree["sections"]
    answered = validate(
        data.responses, data.instrument, usage=data.usage, study=as_study(data.study), topics=topics
    ).tree["sections"]
    whole = " ".join(known["use"]["prose"] + known["adherence"]["prose"])
    part = " ".join(answered["use"]["prose"] + answered["adherence"]["prose"])
    assert "people enrolled" in whole
    assert "people enrolled" not in part
    assert "people who answered" in part and "no table of everyone enrolled" in part
    # without covariates none can have been held constant
    assert "covariates held constant" not in part
    assert "with use before the landmark held constant" in part


def test_what_is_printed_as_done_is_what_the_rule_counts() -> None:
    data = simulate_study("dta_example", n=120, seed=4)
    log = data.usage[data.usage["kind"] != "session_completed"]
    found = validate(
        data.responses,
        data.instrument,
        usage=log,
        study=as_study(data.study),
        enrolment=data.enrolment,
        topics=("use",),
    ).tree["sections"]["use"]
    done = found["tables"]["periods"]["done"]
    people = summarise_usage(log, data.study, participants=data.enrolment).people
    assert done[2] == pytest.approx(people["sessions_whole"].mean())
    assert done[2] > 1
    assert found["values"]["median_done"] == people["sessions_whole"].median()
