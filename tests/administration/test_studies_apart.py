"""Two studies in one store: whatever is read of one is what it would be if the other had never been.

Both have the same instrument, waves of the same names, people of the same pseudonyms and events of the same
ids, and their acts come one after the other by turns, so that a condition on study, person or wave that is
dropped or turned round changes what is read.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, update

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

from instrument.store.answers import (
    Answer,
    Placement,
    answers_of,
    attempts_of,
    complete_administration,
    live_administration,
    save_answers,
    start_administration,
)
from instrument.store.connect import open_store, reading, upgrade_store
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.funnel import funnel_of, standing_of
from instrument.store.intake import (
    UsageEvent,
    keep_events,
    new_interface_key,
    people_of,
    study_of_key,
)
from instrument.store.people import (
    by_token,
    consent_of,
    erase_by_code,
    erase_person,
    give_consent,
    invite,
    issue_withdrawal_code,
    without_consent,
)
from instrument.store.retrieval import BESIDE, responses_of
from instrument.store.study_data import studies_in, study_data
from instrument.store.tables import administration
from instrument.store.tokens import Keyring

NAMES = [f"p{k:02d}" for k in range(9)]
MINE, OTHER = "mine", "other"


def acts(engine: Engine, keyring: Keyring, study_id: str, seed: int, found: dict[str, Any]) -> Iterator[None]:
    """Lead a study of a few people, one transaction at a time; `found` gets its tokens, codes and key."""
    rng = random.Random(seed)
    found |= {"codes": {}, "rows": [], "events": [], "choices": {}}
    open_study(engine, keyring, people=1, id=study_id)
    yield
    with engine.begin() as connection:
        row: Any = find_study(connection, study_id)
        number, version = int(row.id), int(row.instrument_version_id)
        links = invite(connection, number, keyring, NAMES)
        trial = invite(connection, number, keyring, ["trial"], is_test=True)
        found["tokens"] = {link.pseudonym: link.token for link in [*links, *trial]}
        found["key"] = new_interface_key(connection, keyring, study_id)
    yield
    order = [*NAMES, "trial"]
    rng.shuffle(order)
    for name in order:
        with engine.begin() as connection:
            person = people_of(connection, number, [name])[name]
            for granted in rng.choice([(), (True,), (False,), (True, False), (False, True)]):
                give_consent(connection, person, "hash", "1", "en", granted)
                found["choices"][name] = granted
        yield
        with engine.begin() as connection:
            named = item_numbers(connection, version)
            items = list(named.values())
            for wave in waves_of(connection, number)[: rng.choice([0, 1, 1, 2])]:
                layout = [Placement(item, k, 1 + k // 10) for k, item in enumerate(items, start=1)]
                attempt = start_administration(
                    connection,
                    person,
                    int(wave.id),
                    version,
                    layout,
                    lang="en",
                    order_seed=rng.randint(1, 99),
                )
                given = {item: Answer("answered", rng.randint(1, 5)) for item in items[: rng.randint(1, 9)]}
                save_answers(connection, attempt, given)
                ends = rng.choice(["open", "complete", "complete", "void"])
                if ends != "void":
                    codes = {item: given[number].value for item, number in named.items() if number in given}
                    found["rows"].append(
                        (name, wave.name, "completed" if ends == "complete" else "open", codes)
                    )
                if ends == "complete":
                    complete_administration(connection, attempt, f"{study_id}{attempt}")
                if ends == "void":
                    change = update(administration).where(administration.c.id == attempt)
                    connection.execute(change.values(status="void"))
        yield
        with engine.begin() as connection:
            if not without_consent(connection, [person]):
                moments = [datetime.now(UTC) + timedelta(days=rng.randint(0, 80)) for _ in range(3)]
                events = [
                    UsageEvent(f"e{name}{k}", name, rng.choice(["session", "open"]), at, k + 0.5)
                    for k, at in enumerate(moments)
                ]
                keep_events(connection, number, "app", events, {name: person})
                found["events"] += [(name, event.kind, event.at, event.duration) for event in events]
            if rng.random() < 0.5:
                found["codes"][name] = issue_withdrawal_code(connection, keyring, person)
        yield


def seen(engine: Engine, keyring: Keyring, study_id: str, found: dict[str, Any]) -> dict[str, Any]:
    """Everything that can be read of a study, in words that do not depend on numbers of rows."""
    today = datetime.now(UTC).date()
    read: dict[str, Any] = {}
    with reading(engine) as connection:
        number = int(find_study(connection, study_id).id)  # type: ignore[attr-defined]
        waves = waves_of(connection, number)
        read["waves"] = [(wave.name, wave.opens_day, wave.closes_day) for wave in waves]
        for days in (-1, 0, 9, 10, 29, 30):
            day = today + timedelta(days=days)
            read[f"funnel {days}"] = funnel_of(connection, study_id, day).to_dict("records")
            standing = standing_of(connection, study_id, day)
            standing = standing[standing["participant"].isin(NAMES)]  # one more has a pseudonym by chance
            read[f"standing {days}"] = standing.to_dict("records")
        for options in ({}, {"completed_only": True}, {"with_tests": True}):
            table = responses_of(connection, study_id, **options)
            read[f"responses {options}"] = table.astype(object).fillna("none").to_dict("records")
            read[f"reasons {options}"] = len(table.attrs["reasons"])
        people = people_of(connection, number, [*NAMES, "trial", "nobody"])
        assert set(people) == {*NAMES, "trial"} - found.get("gone", set())
        read["barred"] = sorted(name for name in people if without_consent(connection, [people[name]]))
        for name, person in people.items():
            attempts = attempts_of(connection, number, person)
            read[f"attempts {name}"] = [(row.opens_day, row.closes_day, row.status) for row in attempts]
            choice: Any = consent_of(connection, person)
            read[f"consent {name}"] = None if choice is None else choice.granted
            for wave, attempt in zip(waves, attempts, strict=True):
                live: Any = live_administration(connection, person, wave.id)
                assert (live and live.id) == attempt.administration_id
                read[f"answers {name} {wave.name}"] = live and [
                    (answer.name, answer.state, answer.value) for answer in answers_of(connection, live.id)
                ]
            owner: Any = by_token(connection, keyring, found["tokens"][name])
            assert (owner.id, owner.study_id) == (person, number)
        assert study_of_key(connection, keyring, found["key"]).id == number
    kept = study_data(engine.url.render_as_string(hide_password=False), study_id)
    assert kept.study.id == study_id
    assert kept.usage is not None
    read["usage"] = sorted(kept.usage.to_records(index=False).tolist(), key=str)
    read["checked"] = kept.responses.astype(object).fillna("none").to_dict("records")
    read["enrolment"] = sorted(set(kept.enrolment["participant"]) & set(NAMES))
    read["enrolled"] = len(kept.enrolment)
    return read


def answers_by_hand(found: dict[str, Any], statuses: set[str], tests: bool) -> list[Any]:
    return sorted(
        (
            (name, wave, status, codes)
            for name, wave, status, codes in found["rows"]
            if status in statuses and (tests or name != "trial") and name not in found.get("gone", set())
        ),
        key=str,
    )


def read_answers(engine: Engine, study_id: str, **options: bool) -> list[Any]:
    with reading(engine) as connection:
        table = responses_of(connection, study_id, **options)
    items = [name for name in table.columns if name not in ("participant", "wave", *BESIDE)]
    codes = [{item: row[item] for item in items if not pd.isna(row[item])} for _, row in table.iterrows()]
    assert len(table.attrs["reasons"]) == sum(len(items) - len(given) for given in codes)
    heads = zip(table["participant"], table["wave"], table["status"], codes, strict=True)
    return sorted(heads, key=str)


def test_what_is_read_is_what_was_done(engine: Engine, keyring: Keyring) -> None:
    found: dict[str, Any] = {}
    others: dict[str, Any] = {}
    other = acts(engine, keyring, OTHER, 107, others)
    for _ in acts(engine, keyring, MINE, 7, found):
        next(other, None)
    both, done = {"open", "completed"}, {"completed"}
    assert read_answers(engine, MINE) == answers_by_hand(found, both, False)
    assert read_answers(engine, MINE, completed_only=True) == answers_by_hand(found, done, False)
    assert read_answers(engine, MINE, with_tests=True) == answers_by_hand(found, both, True)
    every = read_answers(engine, MINE, with_tests=True, completed_only=True)
    assert every == answers_by_hand(found, done, True)
    kept = study_data(engine.url.render_as_string(hide_password=False), MINE)
    assert kept.usage is not None
    now = datetime.now(UTC).date()  # everyone was enrolled today
    expected = [(n, kind, (at.date() - now).days, length) for n, kind, at, length in found["events"]]
    got = kept.usage[["participant", "kind", "day", "duration"]].itertuples(index=False, name=None)
    assert sorted(got) == sorted(row for row in expected if row[0] != "trial")
    with reading(engine) as connection:
        number = int(find_study(connection, MINE).id)  # type: ignore[attr-defined]
        people = people_of(connection, number, [*NAMES, "trial"])
        barred = {name for name in people if without_consent(connection, [people[name]])}
    assert barred == {name for name, granted in found["choices"].items() if not granted}


def own_store(folder: Path) -> Engine:
    made = open_store(f"sqlite:///{folder / 'alone.sqlite'}")
    upgrade_store(made)
    return made


def test_a_study_reads_as_if_it_were_alone(engine: Engine, keyring: Keyring, tmp_path: Path) -> None:
    alone, expected, found, others = own_store(tmp_path), {}, {}, {}
    for _ in acts(alone, keyring, MINE, 3, expected):
        pass
    mine, other = acts(engine, keyring, MINE, 3, found), acts(engine, keyring, OTHER, 103, others)
    next(other)  # the other study comes first, so that no number of a row is the same
    for _ in mine:
        next(other, None)
    list(other)
    assert seen(engine, keyring, MINE, found) == seen(alone, keyring, MINE, expected)
    alone.dispose()
    assert studies_in(engine.url.render_as_string(hide_password=False)) == [MINE, OTHER]


def test_erasing_people_of_one_study_leaves_the_other_as_it_was(engine: Engine, keyring: Keyring) -> None:
    found: dict[str, Any] = {}
    others: dict[str, Any] = {}
    mine, other = acts(engine, keyring, MINE, 4, found), acts(engine, keyring, OTHER, 5, others)
    for _ in mine:
        next(other, None)
    list(other)
    before = seen(engine, keyring, MINE, found)
    codes = list(others["codes"].items())
    assert len(codes) > 1
    with engine.begin() as connection:
        number = int(find_study(connection, OTHER).id)  # type: ignore[attr-defined]
        for _, code in codes[:1]:
            assert erase_by_code(connection, keyring, code)
        left = [name for name in NAMES if name not in dict(codes[:1])]
        erase_person(connection, people_of(connection, number, left[:1])[left[0]], keyring)
    assert seen(engine, keyring, MINE, found) == before
    others["gone"] = {*dict(codes[:1]), left[0]}
    after = seen(engine, keyring, OTHER, others)
    assert not set(after["enrolment"]) & others["gone"]
