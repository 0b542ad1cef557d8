"""A study read whole from the store, for an analysis that writes nothing to it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, func, select, update

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

import dta
from analysis import pipeline
from analysis.jobs.record import new_job
from analysis.jobs.validation import validate_into
from analysis.pipeline.topics import TOPICS
from instrument.errors import ResponseDataError
from instrument.store.answers import Placement, start_administration
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.intake import UsageEvent, keep_events, people_of
from instrument.store.keyed_tables import keep_table
from instrument.store.people import give_consent, invite
from instrument.store.retrieval import CONSENT, responses_of
from instrument.store.study_data import studies_in, study_data
from instrument.store.tables import administration, consent, participant
from instrument.store.tokens import Keyring


def fill(engine: Engine, keyring: Keyring, n: int) -> pd.DataFrame:
    study, scale, _ = open_study(engine, keyring, people=1)
    rng = np.random.default_rng(5)
    codes = np.clip(
        np.rint(3 + rng.normal(size=(n, 1)) + rng.normal(size=(n, len(scale.item_ids)))), 1, 5
    ).astype(int)
    answers = pd.DataFrame(codes, columns=scale.item_ids).astype("Int64")
    answers.insert(0, "participant", [f"p{k}" for k in range(n)])
    answers.insert(1, "wave", "first")
    answers.iloc[0, 4] = pd.NA
    now = datetime.now(UTC)
    with engine.begin() as connection:
        row: Any = find_study(connection, study.id)
        keep_table(connection, row, answers, keyring, mode="import", lang="en", enrol=True)
        people = people_of(connection, int(row.id), answers["participant"])
        events = [
            UsageEvent("e1", "p0", "session", now + timedelta(days=3), 12.5),
            UsageEvent("e2", "p1", "session", now + timedelta(days=1)),
        ]
        keep_events(connection, int(row.id), "app", events, people)
    return answers


def test_a_study_comes_with_answers_use_and_everyone_enrolled(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    answers = fill(engine, keyring, 8)
    kept = study_data(store_url, "trial")
    assert studies_in(store_url) == ["trial"]
    assert (kept.scale.id, kept.study.id) == ("dta", "trial")
    assert list(kept.responses.columns) == list(answers.columns)
    values = kept.responses.set_index("participant").loc[answers["participant"], kept.scale.item_ids]
    assert values.fillna(0).to_numpy().tolist() == answers[kept.scale.item_ids].fillna(0).to_numpy().tolist()
    assert len(kept.responses.attrs["reasons"]) == 1
    assert kept.usage is not None
    assert kept.usage.sort_values("day")["participant"].tolist() == ["p1", "p0"]
    assert kept.usage.sort_values("day")["day"].tolist() == [1, 3]
    assert (
        kept.enrolment["participant"].tolist() == answers["participant"].tolist()
    )  # an invitation is no yes


def test_trial_links_stay_out_and_waves_come_in_the_order_of_the_study(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    waves = [
        {"id": "zeta", "day": 0, "opens": 0, "closes": 9},
        {"id": "alpha", "day": 20, "opens": 20, "closes": 29},
    ]
    study, scale, _ = open_study(engine, keyring, people=1, waves=waves)
    rows = pd.DataFrame({item: pd.array([4, 4, 4], dtype="Int64") for item in scale.item_ids})
    rows.insert(0, "participant", ["anna", "anna", "tried"])
    rows.insert(1, "wave", ["alpha", "zeta", "zeta"])
    with engine.begin() as connection:
        row: Any = find_study(connection, study.id)
        invite(connection, int(row.id), keyring, ["tried"], is_test=True)
        keep_table(connection, row, rows, keyring, mode="import", lang="en", enrol=True)
        now = datetime.now(UTC)
        people = people_of(connection, int(row.id), ["anna", "tried"])
        events = [UsageEvent(f"e {name}", name, "session", now) for name in people]
        keep_events(connection, int(row.id), "app", events, people)
        for with_tests, wanted in ((False, []), (True, [("tried", "zeta")])):
            found = responses_of(connection, "trial", with_tests=with_tests)
            held = list(zip(found["participant"], found["wave"], strict=True))
            assert sorted(held) == sorted([("anna", "zeta"), ("anna", "alpha"), *wanted])
            assert [wave for name, wave in held if name == "anna"] == ["zeta", "alpha"]
    kept = study_data(store_url, "trial")
    assert kept.usage is not None
    assert set(kept.responses["participant"]) == {"anna"} == set(kept.usage["participant"])
    assert kept.enrolment["participant"].tolist() == ["anna"]


def test_use_past_midnight_keeps_its_time_by_the_sessions_of_the_study(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    """45 minutes lie between 23:40 and 00:25: one session where 60 end it. The first time stays; the day after begins."""
    study, scale, _ = open_study(engine, keyring, people=1, session_gap_minutes=60)
    late = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC) + timedelta(days=3, hours=23)
    with engine.begin() as connection:
        row: Any = find_study(connection, study.id)
        invite(connection, int(row.id), keyring, ["anna"])
        people = people_of(connection, int(row.id), ["anna"])
        minutes = (40, 85)
        events = [UsageEvent(f"e{m}", "anna", "session", late + timedelta(minutes=m)) for m in minutes]
        keep_events(connection, int(row.id), "app", events, people)
        keep_table(
            connection,
            row,
            pd.DataFrame({"participant": ["anna"], "wave": ["first"]}).assign(
                **{item: pd.array([4], dtype="Int64") for item in scale.item_ids}
            ),
            keyring,
            mode="import",
            lang="en",
        )
    kept = study_data(store_url, "trial")
    assert kept.usage is not None
    assert (kept.usage["day"] % 1).tolist() == pytest.approx([(23 * 60 + 40) / 1440, 0], abs=1e-5)


def test_those_are_enrolled_who_consented_or_came_with_data_from_elsewhere(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    """Yes, no, yes then no, no then yes, and never asked: with nothing, answers, a void attempt, or use."""
    choices = {"yes": [1], "no": [0], "back": [1, 0], "again": [0, 1], "unasked": []}
    acts = ["nothing", "answers", "void", "use"]
    names = [f"{choice}-{act}" for choice in choices for act in acts]
    fill(engine, keyring, 4)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        before = study_data_names(connection, int(row.id))
        invite(connection, int(row.id), keyring, names)
        invite(connection, int(row.id), keyring, ["trial-yes"], is_test=True)
        people = people_of(connection, int(row.id), [*names, "trial-yes"])
        give_consent(connection, people["trial-yes"], "hash", "1", "en", True)
        wave = waves_of(connection, int(row.id))[0]
        layout = [
            Placement(next(iter(item_numbers(connection, int(row.instrument_version_id)).values())), 1, 1)
        ]
        for name in names:
            choice, _, act = name.partition("-")
            if act in ("answers", "void"):
                attempt = start_administration(
                    connection,
                    people[name],
                    int(wave.id),
                    int(row.instrument_version_id),
                    layout,
                    lang="en",
                    order_seed=1,
                )
                if act == "void":
                    change = update(administration).where(administration.c.id == attempt)
                    connection.execute(change.values(status="void"))
            if act == "use":
                event = UsageEvent(f"e-{name}", name, "session", datetime.now(UTC))
                keep_events(connection, int(row.id), "app", [event], people)
            for granted in choices[choice]:
                give_consent(connection, people[name], "hash", "1", "en", bool(granted))
    with engine.begin() as connection:
        enrolled_at = datetime.now(UTC) - timedelta(days=5)
        connection.execute(update(participant).values(enrolled_at=enrolled_at))
    found = study_data(store_url, "trial").enrolment.set_index("participant")["withdrawn_day"]
    agreed = {f"{c}-{a}" for c in ("yes", "again", "back") for a in acts}
    came = {f"{c}-{a}" for c in ("no", "unasked") for a in ("answers", "use")}
    assert set(found.index) - before == agreed | came
    left = {f"back-{a}" for a in acts} | {"no-answers", "no-use"}
    assert found.dropna().to_dict() == dict.fromkeys(sorted(left, key=list(found.index).index), 5)


def study_data_names(connection: Connection, study_id: int) -> set[str]:
    query = select(participant.c.pseudonym).where(participant.c.study_id == study_id)
    return set(connection.scalars(query))


def test_answers_come_with_what_their_person_said_to_which_text_and_when(
    engine: Engine, keyring: Keyring
) -> None:
    fill(engine, keyring, 4)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        people = people_of(connection, int(row.id), ["p0", "p1", "p2"])
        enrolled = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
        connection.execute(update(participant).values(enrolled_at=enrolled))
        said = [
            ("p0", "1", True, 0),
            ("p1", "1", True, 0),
            ("p1", "2", True, 2),
            ("p2", "1", True, 1),
            ("p2", "2", False, 26),
        ]
        for name, version, granted, hours in said:
            give_consent(connection, people[name], "hash", version, "en", granted)
            newest = select(func.max(consent.c.id)).scalar_subquery()
            moment = enrolled + timedelta(hours=hours)
            connection.execute(update(consent).where(consent.c.id == newest).values(at=moment))
        table = responses_of(connection, "trial").set_index("participant")[CONSENT]
    assert table.astype(object).where(table.notna(), None).to_dict("index") == {
        "p0": {"consent": "yes", "consent_version": "1", "consent_day": 0},
        "p1": {
            "consent": "yes",
            "consent_version": "2",
            "consent_day": 1,
        },  # the second midnight is not reached
        "p2": {"consent": "no", "consent_version": "2", "consent_day": 2},
        "p3": {"consent": None, "consent_version": None, "consent_day": None},
    }


def test_a_study_without_answers_or_of_another_name_is_explained(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    open_study(engine, keyring)
    with pytest.raises(ResponseDataError, match="no row of answers"):
        study_data(store_url, "trial")
    with pytest.raises(StoreError, match="there is no study 'other'"):
        study_data(store_url, "other")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        studies_in(str(tmp_path / "none.sqlite"))
    assert list(tmp_path.iterdir()) == []


def test_a_job_validates_what_the_store_holds(
    engine: Engine, store_url: str, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, keyring, 60)
    monkeypatch.setenv("DTA_STORE", store_url)
    whole = pipeline.validate
    monkeypatch.setattr(
        pipeline, "validate", lambda data, **given: whole(data, **given, topics=["flow", "items"])
    )
    seen: list[str] = []
    job = new_job(tmp_path / "results", "trial", {"study": "trial"}, {})
    message = validate_into(job, lambda topic, number, count: seen.append(topic))
    assert "rules were asked" in message
    tree = json.loads((job.folder / "made" / "results.json").read_text(encoding="utf-8"))
    assert (tree["meta"]["participants"], tree["meta"]["study"]["id"]) == (60, "trial")
    assert set(tree["meta"]["checksums"]) == {"responses", "usage", "enrolment"}
    assert seen[0] == "Reading"
    assert seen[-1] == "Writing the report"


def test_a_job_of_the_dashboard_gives_what_the_command_gives_of_a_store(
    engine: Engine, store_url: str, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what only the store knows: how long people took, by which careless answers are told."""
    fill(engine, keyring, 30)
    began = datetime.now(UTC)  # on the day they were enrolled, at whatever hour this runs
    with engine.begin() as connection:
        numbers = list(connection.scalars(select(administration.c.id).order_by(administration.c.id)))
        for place, number in enumerate(numbers):
            ended = began + timedelta(seconds=9 if place < 4 else 300 + place)
            values = {"mode": "web", "status": "completed", "started_at": began, "completed_at": ended}
            connection.execute(update(administration).where(administration.c.id == number).values(**values))
    kept = study_data(store_url, "trial")
    assert kept.times is not None
    assert kept.times["seconds"].tolist() == [9.0] * 4 + [300.0 + place for place in range(4, 30)]
    monkeypatch.setenv("DTA_STORE", store_url)
    request = {"study": "trial", "seed": 3, "forms": ["markdown"]}
    job: Any = SimpleNamespace(folder=tmp_path / "job", request=request)
    monkeypatch.setattr(
        "analysis.pipeline.run.TOPICS", [t for t in TOPICS if t.name in ("flow", "screening")]
    )
    validate_into(job, lambda *_: None)
    command = ["validate", "--store", store_url, "--study", "trial", "--seed", "3", "--forms", "markdown"]
    with pytest.raises(SystemExit) as ended_by:
        dta.main([*command, "--out", str(tmp_path / "by-command")])
    assert ended_by.value.code == 0
    by_job, by_command = (
        json.loads((folder / "results.json").read_text("utf-8"))
        for folder in (tmp_path / "job" / "made", tmp_path / "by-command")
    )
    assert by_job["sections"] == by_command["sections"]
    for tree in (by_job, by_command):  # where the seed was said is the only difference
        assert tree["meta"]["plan"]["entries"].pop("seed")["value"] == 3
    assert by_job["meta"] == by_command["meta"]
    assert "times" in by_job["meta"]["checksums"]
