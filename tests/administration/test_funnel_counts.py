"""How far a study has come: every count of every wave on the days before, on and after each edge, by hand."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select, update

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

from instrument.reading.raw import ReasonTable
from instrument.store.answers import Placement, complete_administration, start_administration
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.funnel import FUNNEL_COLUMNS, funnel_of, standing_of
from instrument.store.keyed_tables import keep_table
from instrument.store.people import give_consent, invite
from instrument.store.progress import BLANK_COLUMNS, DAY_COLUMNS, blanks_of, days_of
from instrument.store.tables import administration, participant, response, wave
from instrument.store.tokens import Keyring

DAY_0 = date(2026, 3, 2)
# Windows are days 0-9 and 20-29. What each person did: consent, then the state of each wave.
PEOPLE: dict[str, tuple[bool | None, str, str]] = {
    "both": (True, "completed", "completed"),
    "first": (True, "completed", "none"),
    "begun": (True, "open", "none"),
    "waits": (True, "none", "none"),
    "void": (True, "void", "none"),
    "no": (False, "none", "none"),
    "changed": (False, "open", "none"),
    "unasked": (None, "none", "none"),
}
# day: (opened, due, overdue) of each wave. Whoever said no has nothing to do; `both` and `first` completed.
BY_HAND = {
    -1: ((0, 0, 0), (0, 0, 0)),
    0: ((8, 4, 0), (0, 0, 0)),
    9: ((8, 4, 0), (0, 0, 0)),
    10: ((8, 0, 4), (0, 0, 0)),
    19: ((8, 0, 4), (0, 0, 0)),
    20: ((8, 0, 4), (8, 5, 0)),
    29: ((8, 0, 4), (8, 5, 0)),
    30: ((8, 0, 4), (8, 0, 5)),
}


@pytest.fixture
def filled(engine: Engine, keyring: Keyring) -> Engine:
    open_study(engine, keyring, people=1)
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        version = int(row.instrument_version_id)
        connection.execute(participant.delete())
        invite(connection, int(row.id), keyring, list(PEOPLE))
        invite(connection, int(row.id), keyring, ["looked at by the team"], is_test=True)
        noon = datetime(DAY_0.year, DAY_0.month, DAY_0.day, 12, tzinfo=UTC)
        connection.execute(update(participant).values(enrolled_at=noon))
        numbers = {row.pseudonym: int(row.id) for row in connection.execute(participant.select())}
        layout = [Placement(n, k, 1) for k, n in enumerate(item_numbers(connection, version).values(), 1)]
        acts = {**PEOPLE, "looked at by the team": (True, "completed", "open")}
        for name, (consented, *states) in acts.items():
            if name == "changed":
                give_consent(connection, numbers[name], "hash", "1", "en", True)
            if consented is not None:
                give_consent(connection, numbers[name], "hash", "1", "en", consented)
            for wave, state in zip(waves_of(connection, int(row.id)), states, strict=True):
                if state == "none":
                    continue
                attempt = start_administration(
                    connection, numbers[name], int(wave.id), version, layout, lang="en", order_seed=1
                )
                if state == "completed":
                    complete_administration(connection, attempt, f"key {name} {wave.name}")
                if state == "void":
                    change = update(administration).where(administration.c.id == attempt)
                    connection.execute(change.values(status="void"))
    return engine


def test_the_funnel_counts_each_person_where_they_stand(filled: Engine) -> None:
    for day, (first, second) in BY_HAND.items():
        with filled.connect() as connection:
            funnel = funnel_of(connection, "trial", DAY_0 + timedelta(days=day))
        assert list(funnel.columns) == FUNNEL_COLUMNS
        expected = [
            dict(zip(FUNNEL_COLUMNS, ("first", 8, 5, first[0], 4, 2, first[1], first[2]), strict=True)),
            dict(zip(FUNNEL_COLUMNS, ("second", 8, 5, second[0], 1, 1, second[1], second[2]), strict=True)),
        ]
        assert funnel.to_dict("records") == expected, day


def test_everyone_has_a_standing_at_every_wave(filled: Engine) -> None:
    with filled.connect() as connection:
        standing = standing_of(connection, "trial", DAY_0 + timedelta(days=20))
    assert standing["participant"].tolist() == [*PEOPLE, *PEOPLE]
    at_first = standing[standing["wave"] == "first"].set_index("participant")
    assert (at_first["window"] == "over").all()
    assert at_first["consented"].to_dict() == {name: bool(said[0]) for name, said in PEOPLE.items()}
    states = {name: "none" if said[1] == "void" else said[1] for name, said in PEOPLE.items()}
    assert at_first["status"].to_dict() == states
    at_second = standing[standing["wave"] == "second"].set_index("participant")
    assert (at_second["window"] == "open").all()
    late = {name for name, todo in at_first["todo"].items() if todo == "overdue"}
    assert late == {"begun", "waits", "void", "unasked"}
    due = {name for name, todo in at_second["todo"].items() if todo == "due"}
    assert due == {"first", "begun", "waits", "void", "unasked"}
    assert set(standing["todo"]) == {"", "due", "overdue"}


def test_without_a_day_the_present_one_in_utc_counts(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(participant).values(enrolled_at=datetime.now(UTC) - timedelta(days=25)))
        now, on_the_day = (
            funnel_of(connection, "trial"),
            funnel_of(connection, "trial", datetime.now(UTC).date()),
        )
    pd.testing.assert_frame_equal(now, on_the_day)
    assert now["due"].tolist() == [0, 5]


def test_attempts_are_counted_at_their_own_wave_and_study(filled: Engine, keyring: Keyring) -> None:
    """Another study of the same people with other acts changes no count."""
    with filled.connect() as connection:
        before = funnel_of(connection, "trial", DAY_0)
    open_study(filled, keyring, people=2, id="another")
    with filled.begin() as connection:
        row: Any = find_study(connection, "another")
        invite(connection, int(row.id), keyring, list(PEOPLE))
        connection.execute(
            insert(administration).values(
                participant_id=connection.execute(participant.select().order_by(participant.c.id))
                .all()[-1]
                .id,
                wave_id=waves_of(connection, int(row.id))[0].id,
                instrument_version_id=row.instrument_version_id,
                mode="web",
                lang="en",
                order_seed=1,
                started_at=datetime.now(UTC),
            )
        )
        pd.testing.assert_frame_equal(funnel_of(connection, "trial", DAY_0), before)
        assert funnel_of(connection, "another", DAY_0)["started"].tolist() == [1, 0]


def test_days_and_blanks_count_what_is_finished_and_no_trial(filled: Engine) -> None:
    with filled.begin() as connection:
        attempts = {
            (row.pseudonym, row.name): row.id
            for row in connection.execute(
                select(administration.c.id, participant.c.pseudonym, wave.c.name)
                .join(participant, participant.c.id == administration.c.participant_id)
                .join(wave, wave.c.id == administration.c.wave_id)
            )
        }
        at = {("both", "first"): (2, 23), ("first", "first"): (5, 1), ("both", "second"): (5, 22)}
        for who, (day, hour) in at.items():
            when = datetime(2026, 3, day, hour, tzinfo=UTC)
            change = update(administration).where(administration.c.id == attempts[who])
            connection.execute(change.values(completed_at=when))
        paper = update(administration).where(administration.c.id == attempts["both", "second"])
        connection.execute(paper.values(completed_on=date(2026, 3, 4)))
        row: Any = find_study(connection, "trial")
        items = list(item_numbers(connection, int(row.instrument_version_id)).values())
        layout = [Placement(number, k, 1) for k, number in enumerate(items, 1)]
        waits = connection.scalars(select(participant.c.id).where(participant.c.pseudonym == "waits")).one()
        first = int(waves_of(connection, int(row.id))[0].id)
        begun = start_administration(
            connection, waits, first, int(row.instrument_version_id), layout, lang="en", order_seed=1
        )
        mine = response.c.administration_id == begun
        answered = update(response).where(mine, response.c.item_id.in_(items[:3]))
        connection.execute(answered.values(value=2, state="answered"))
        complete_administration(connection, begun, "key waits")
        late = update(administration).where(administration.c.id == begun)
        connection.execute(late.values(completed_at=datetime(2026, 3, 5, 2, tzinfo=UTC)))
        days, blanks = days_of(connection, "trial"), blanks_of(connection, "trial")
    assert days.to_dict("records") == [
        {"day": date(2026, 3, day), "finished": number} for day, number in ((2, 1), (3, 0), (4, 1), (5, 2))
    ]
    assert list(days.columns) == DAY_COLUMNS and list(blanks.columns) == BLANK_COLUMNS
    # of the first wave `both`, `first` and `waits` are finished; the begun, the voided and the trial do not count
    assert blanks.to_dict("records") == [
        {"wave": "first", "finished": 3, "answers": 3, "blank": 3 * len(items) - 3},
        {"wave": "second", "finished": 1, "answers": 0, "blank": len(items)},
    ]


def test_a_study_without_answers_has_no_days(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring, people=2)
    with engine.connect() as connection:
        assert days_of(connection, "trial").empty
        assert blanks_of(connection, "trial")["finished"].tolist() == [0, 0]


def test_blanks_are_counted_for_every_reason_in_a_study_beside_another(
    engine: Engine, keyring: Keyring
) -> None:
    """Anna leaves four items for four reasons and ben all but one; the waves of the second study are the third and fourth."""
    open_study(engine, keyring)
    _, scale, _ = open_study(engine, keyring, id="second_trial")
    items = scale.item_ids
    rows = pd.DataFrame({item: pd.array([4, pd.NA], dtype="Int64") for item in items})
    rows.insert(0, "participant", ["anna", "ben"])
    rows.insert(1, "wave", "second")
    rows.loc[1, items[0]] = 2
    rows.loc[0, items[:4]] = pd.NA
    why = ("skipped", "declined", "not_applicable", "not_seen")
    told = [("anna", "second", item, reason) for item, reason in zip(items, why, strict=False)]
    rows.attrs["reasons"] = ReasonTable(pd.DataFrame(told, columns=["participant", "wave", "item", "reason"]))
    with engine.begin() as connection:
        row = find_study(connection, "second_trial")
        keep_table(connection, row, rows, keyring, mode="paper", lang="en", enrol=True)
    with engine.connect() as connection:
        found = blanks_of(connection, "second_trial").to_numpy().tolist()
        assert blanks_of(connection, "trial")["finished"].tolist() == [0, 0]
    n = len(items)
    assert found == [["first", 0, 0, 0], ["second", 2, (n - 4) + 1, 4 + (n - 1)]]
