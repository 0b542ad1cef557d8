"""Analyses run from the store alone, with the numbers of its exported files; days of use keep sessions apart."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, update

sys.path.insert(0, str(Path(__file__).parent))
from large_runs import note_run
from test_days_brought import run

import instrument
from instrument.reading.read_responses import missing_reasons, read_responses
from instrument.store import tables
from instrument.store.definitions import find_study
from instrument.store.intake import UsageEvent, keep_events, people_of
from instrument.store.keyed_tables import keep_table
from instrument.store.tokens import Keyring
from instrument.store.use_days import Use, days_of_use
from instrument.store.windows import PersonDays
from instrument.study_data import StudyData

EXAMPLE = Path(__file__).resolve().parents[1] / "example_0_1"
START = datetime(2026, 1, 5, tzinfo=UTC)
PEOPLE = 60


def kept(name: str) -> pd.DataFrame:
    table = pd.read_csv(EXAMPLE / f"{name}.csv")
    return table[table["participant"] <= f"syn{PEOPLE:04d}"].reset_index(drop=True)


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, store_url: str, keyring: Keyring
) -> Path:
    """The first people of the example study in a store: answers on their days, every event at its moment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DTA_STORE", store_url)
    assert run("study", "create", str(EXAMPLE / "study.yaml")) == 0
    assert run("study", "open", "dta_example") == 0
    when = kept("administrations").assign(wave=lambda t: t["wave"].astype(str))
    people = set(kept("responses")["participant"])
    scale = instrument.load("dta")
    kept("responses").to_csv("answers.csv", index=False)
    answers = read_responses("answers.csv", scale)
    joined = answers.merge(when, on=["participant", "wave"], how="left", validate="1:1")
    joined.loc[joined["wave"].eq("week6").idxmax(), "day"] += 30  # outside its window
    day_of = [(START + timedelta(days=int(day))).date().isoformat() for day in joined["day"]]
    answers = answers.assign(completed_on=day_of, enrolled_on=START.date().isoformat())
    events = kept("usage")
    events = events[events["participant"].isin(people)]
    with engine.begin() as connection:
        row: Any = find_study(connection, "dta_example")
        how: dict[str, Any] = {"mode": "import", "lang": "en", "enrol": True, "outside_window": True}
        keep_table(connection, row, answers, keyring, **how)
        known = people_of(connection, row.id, people)
        sent = [
            UsageEvent(
                f"e{k}", one.participant, one.kind, START + timedelta(days=float(one.day)), one.duration
            )
            for k, one in enumerate(events.itertuples())
        ]
        keep_events(connection, row.id, "app", sent, known)
        connection.execute(
            update(tables.participant)
            .where(tables.participant.c.pseudonym == "syn0001")
            .values(enrolled_at=START + timedelta(hours=21))
        )
    return tmp_path


SORT = ["participant", "wave"]
BESIDE = ("--outcomes", "outcomes.csv", "--covariates", "covariates.csv")
NAMED = (
    *("files/responses.csv", "--instrument", "files/instrument.yaml", "--study", "files/study.yaml"),
    *("--usage", "files/usage.csv", "--enrolment", "files/enrolment.csv"),
)


def taken(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """What a command gives to the analysis, which does not run."""
    found: dict[str, Any] = {}

    def keep(data: StudyData, **options: Any) -> None:
        found.update({field.name: getattr(data, field.name) for field in fields(data)} | options)
        raise SystemExit(0)

    with monkeypatch.context() as patched:
        patched.setattr("analysis.pipeline.validate", keep)
        assert run(*arguments, "--out", "nowhere") == 0
    return found


def same(one: Any, other: Any) -> None:
    assert isinstance(one, pd.DataFrame)
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("command", ["adherence", "validate"])
def test_the_store_alone_gives_what_its_exported_files_give(
    folder: Path, store_url: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert run("study", "export", "dta_example", "--out", "files") == 0
    files = folder / "files"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (files, *files.iterdir()))
    kept("outcomes").to_csv("outcomes.csv", index=False)
    kept("covariates").to_csv("covariates.csv", index=False)
    one = taken(monkeypatch, command, *NAMED, *BESIDE)
    other = taken(monkeypatch, command, "--store", store_url, "--study", "dta_example", *BESIDE)
    assert one.keys() == other.keys()
    for name in ("responses", "enrolment", "outcomes", "covariates"):
        same(one[name], other[name])
    same(one["usage"].people, other["usage"].people)
    same(missing_reasons(one["responses"]), missing_reasons(other["responses"]))
    assert one["study"].content_hash == other["study"].content_hash
    assert one["scale"].content_hash == other["scale"].content_hash
    for part in ("responses", "enrolment"):  # the same bytes were read
        assert one[part].attrs["checksum"] == other[part].attrs["checksum"]
    set_aside = [note for note in other["responses"].attrs["notes"] if "are set aside" in note]
    assert [note.split(" of ")[0] for note in set_aside] == ["1"]
    # and it is what the example's own files hold: each answer, and each session of each person
    mine = one["responses"].sort_values(SORT).reset_index(drop=True)
    own = read_responses("answers.csv", one["scale"])
    inside = mine[SORT].merge(own, on=SORT).sort_values(SORT).reset_index(drop=True)
    assert len(mine) > PEOPLE
    pd.testing.assert_frame_equal(
        mine[one["scale"].item_ids], inside[one["scale"].item_ids], check_dtype=False
    )
    reasons = one["responses"].attrs["reasons"]
    told = own.attrs["reasons"]
    told = told[pd.MultiIndex.from_frame(told[SORT]).isin(pd.MultiIndex.from_frame(inside[SORT]))]
    where = ["participant", "wave", "item"]
    pd.testing.assert_frame_equal(
        reasons.sort_values(where, ignore_index=True), told.sort_values(where, ignore_index=True)
    )
    assert set(reasons["reason"]) == {"not_applicable", "declined", "skipped", "not_seen"}
    plain = kept("usage")[["participant", "day", "kind", "duration"]]
    plain[plain["participant"].isin(set(own["participant"]))].to_csv("plain.csv", index=False)
    named = (
        "answers.csv",
        "--instrument",
        "dta",
        "--study",
        str(EXAMPLE / "study.yaml"),
        "--usage",
        "plain.csv",
    )
    theirs = taken(monkeypatch, command, *named, *BESIDE, "--enrolment", "files/enrolment.csv")
    counted = ["participant", *(f"{what}_whole" for what in ("sessions", "active_days", "logins", "events"))]
    same(one["usage"].people[counted], theirs["usage"].people[counted])
    assert one["usage"].people["sessions_whole"].sum() > one["usage"].people["active_days_whole"].sum()


def cells(folder: Path) -> dict[str, bytes]:
    """Tables and results of a report."""
    found = {path.name: path.read_bytes() for path in (folder / "tables").iterdir()}
    tree = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {**found, "sections": json.dumps(tree["sections"], sort_keys=True).encode()}


@pytest.mark.slow
def test_reports_are_the_same_cell_by_cell(folder: Path, store_url: str) -> None:
    assert run("study", "export", "dta_example", "--out", "files") == 0
    kept("outcomes").to_csv("outcomes.csv", index=False)
    kept("covariates").to_csv("covariates.csv", index=False)
    counts: list[str] = []
    for command in ("adherence", "validate"):
        assert run(command, *NAMED, *BESIDE, "--out", f"{command}1") == 0
        of_store = ("--store", store_url, "--study", "dta_example")
        assert run(command, *of_store, *BESIDE, "--out", f"{command}2") == 0
        one, other = cells(folder / f"{command}1"), cells(folder / f"{command}2")
        assert len(one) > 3
        assert one == other
        counts.append(
            f"dta {command}: {len(one) - 1} tables and the results, {sum(map(len, one.values()))} bytes"
        )
    database = "sqlite" if store_url.startswith("sqlite") else "postgresql"
    note_run("reports from files and from the store", database, "; ".join([*counts, "every cell the same"]))


def test_a_store_is_named_with_a_study_and_without_files(
    folder: Path, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("validate", "adherence"):
        both = (command, "answers.csv", "--store", store_url, "--study", "dta_example", "--out", "x")
        for arguments, words in (
            (both, "'responses' named beside a store"),
            ((*both[:1], *both[2:], "--enrolment", "e.csv"), "'enrolment' named beside a store"),
            ((command, "--store", store_url, "--study", "nobody", "--out", "x"), "no study 'nobody'"),
            (
                (command, "--store", "none.sqlite", "--study", "s", "--out", "x"),
                "there is no store 'none.sqlite'",
            ),
            ((command, "--study", str(EXAMPLE / "study.yaml"), "--out", "x"), "no answers are named"),
        ):
            capsys.readouterr()
            assert run(*arguments) == 2, arguments
            assert words in capsys.readouterr().err
    assert run("validate", "--store", store_url, "--out", "x") == 2
    assert "add --study ID" in capsys.readouterr().err
    assert run("validate", "answers.csv", "--out", "x") == 2
    assert "add --instrument NAME" in capsys.readouterr().err
    assert not Path("x").exists()
    assert run("study", "export", "dta_example", "--out", "files") == 0
    assert run("study", "export", "dta_example", "--out", "files") == 2


def sessions(points: list[tuple[float, float]], pause: float) -> list[bool]:
    """Which events open a session, as the analysis counts it; days and minutes."""
    opens, end = [], -np.inf
    for day, minutes in points:
        opens.append(bool((day - end) * 1440 > pause))
        end = max(end, day + minutes / 1440)
    return opens


MOMENTS = st.lists(
    st.tuples(st.integers(0, 4 * 1440 - 1), st.sampled_from([None, 0, 1, 7, 45, 600])),
    min_size=1,
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(MOMENTS)
@example([(1440, 7), (2095, 1), (2879, 600), (2879, None), (3102, 1), (3582, 600)])
@example([(1910, 1500), (4295, 45), (4505, 7)])  # the second event goes on past midnight
@example([(2640, 600), (2700, None), (3100, 1), (3280, 7)])  # a short event after a long one ends nothing
def test_sessions_and_days_of_the_calendar_stay_and_the_time_of_day_goes(given: list[Any]) -> None:
    given = sorted(given, key=lambda one: one[0])
    zero = date(2026, 3, 28)
    start = datetime(2026, 3, 28, tzinfo=UTC)
    events = [Use(1, start + timedelta(minutes=minute), lasted) for minute, lasted in given]
    found = days_of_use(events, {1: PersonDays(zero=zero, given={})}, 30.5)
    true = [minute / 1440 for minute, _ in given]
    assert [int(day) for day in found] == [int(day) for day in true]
    assert found == sorted(found)
    lasted = [float(minutes or 0) for _, minutes in given]
    assert sessions(list(zip(found, lasted, strict=True)), 30.5) == sessions(
        list(zip(true, lasted, strict=True)), 30.5
    )
    for k, day in enumerate(found[1:], start=1):
        if int(day) == int(found[k - 1]):
            assert (day - found[k - 1]) * 1440 == pytest.approx(given[k][0] - given[k - 1][0], abs=0.01)


def test_the_hour_of_use_is_not_in_the_file() -> None:
    zero = date(2026, 3, 28)
    for hour in (0, 7, 22):
        at = datetime(2026, 3, 29, hour, 15, tzinfo=UTC)
        events = [Use(1, at, None), Use(1, at + timedelta(minutes=36), 4.0)]
        assert days_of_use(events, {1: PersonDays(zero=zero, given={})}, 30.0) == [1.0, 1.025]
    assert np.isnan(
        days_of_use(
            [Use(1, datetime(2026, 3, 29, tzinfo=UTC), None)], {1: PersonDays(zero=None, given={})}, 30.0
        )[0]
    )


def test_a_pause_of_just_the_gap_ends_no_session_and_no_day_is_rounded_up() -> None:
    start, zero = datetime(2026, 3, 28, tzinfo=UTC), date(2026, 3, 28)
    midnight = 24 * 3600.0

    def days(*seconds: float) -> list[float]:
        events = [Use(1, start + timedelta(seconds=one), None) for one in seconds]
        return days_of_use(events, {1: PersonDays(zero=zero, given={})}, 30.0)

    # 23:50 and 0:20 are one session: the first keeps its time, so that ten minutes are left to midnight
    assert days(midnight - 600, midnight + 1200) == [round(1 - 600 / midnight, 6), 1.0]
    assert days(midnight - 600, midnight + 1201) == [0.0, 1.0]  # a second more, and they are two
    assert days(midnight - 0.01, midnight + 60) == [0.999999, 1.0]


def test_study_files_load_and_hold_who_is_enrolled(folder: Path) -> None:
    assert run("study", "export", "dta_example", "--out", "files") == 0
    raw = yaml.safe_load((folder / "files" / "study.yaml").read_text(encoding="utf-8"))
    assert raw["id"] == "dta_example"
    enrolment = pd.read_csv("files/enrolment.csv")
    assert set(enrolment["participant"]) == set(kept("responses")["participant"])
    assert not (
        folder / "files" / "times.csv"
    ).exists()  # nothing is known of time where answers were imported
