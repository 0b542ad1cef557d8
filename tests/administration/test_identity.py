"""Known means all the same: id, person, wave and content; the same id with anything else is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

sys.path.insert(0, str(Path(__file__).parent))
from test_administer_interface import App, count

from instrument.store import tables
from instrument.store.intake import RefusedError, UsageEvent, keep_events, people_of
from instrument.store.retrieval import responses_of
from instrument.store.tokens import Keyring

SET = "/fhir/QuestionnaireResponse?wave=first"


@pytest.fixture
def app(engine: Engine, keyring: Keyring) -> Iterator[App]:
    made = App(engine, keyring)
    with made.client:
        yield made


def faults(sent: Any) -> list[str]:
    return [fault["path"] for fault in sent.json()["faults"]]


def other_answers(app: App) -> list[dict[str, Any]]:
    items = app.answers(app.scale)["item"]
    return [{"linkId": items[0]["linkId"], "answer": [{"valueInteger": 1}]}, *items[1:]]


def test_an_identifier_seen_before_with_anything_else_is_refused_and_nothing_is_dropped(
    app: App, engine: Engine
) -> None:
    first = app.answers(app.scale)
    assert app.post(SET, first).status_code == 201
    changes: list[tuple[str, dict[str, Any]]] = [
        (SET, {"subject": {"identifier": {"value": app.other}}}),
        (SET.replace("first", "second"), {}),
        (SET, {"item": other_answers(app)}),
        (SET, {"item": first["item"][:-1]}),
        (SET, {"language": "de"}),
    ]
    for address, change in changes:
        sent = app.post(address, {**first, **change})
        assert (sent.status_code, faults(sent)) == (409, ["identifier.value"]), change
    assert app.post(SET, first).json() == {"outcome": "known"}
    with engine.connect() as connection:
        kept = responses_of(connection, "trial")
    assert kept["participant"].tolist() == [app.someone]
    assert set(kept.loc[0, app.scale.item_ids]) == {4}


def test_the_system_of_an_identifier_counts(app: App, engine: Engine) -> None:
    first = app.answers(app.scale, identifier=[{"system": "urn:a", "value": "1"}])
    other = app.answers(
        app.scale,
        identifier=[{"system": "urn:b", "value": "1"}],
        subject={"identifier": {"value": app.other}},
    )
    assert app.post(SET, first).status_code == 201
    assert app.post(SET, other).status_code == 201
    assert (app.post(SET, first).status_code, app.post(SET, other).status_code) == (200, 200)
    again = {**first, "identifier": [{"system": "urn:b", "value": "1"}]}
    assert faults(app.post(SET, again)) == ["identifier.value"]
    assert count(engine, "administration") == 2
    assert faults(app.post(SET, {**first, "identifier": [{"system": 3, "value": "9"}]})) == [
        "identifier.system"
    ]


def test_a_web_form_cannot_take_the_key_of_what_a_program_will_send(app: App, engine: Engine) -> None:
    import hashlib

    assert app.post(SET, app.answers(app.scale)).status_code == 201
    with engine.connect() as connection:
        key = connection.execute(select(tables.administration.c.submit_key)).scalar_one()
    assert key != hashlib.sha256(b"1:set-1").hexdigest()


def test_a_set_kept_before_systems_were_kept_is_known_by_all_that_was(app: App, engine: Engine) -> None:
    import hashlib

    first = app.answers(app.scale, identifier=[{"system": "urn:a", "value": "1"}])
    assert app.post(SET, first).status_code == 201
    former = hashlib.sha256(b"1:1").hexdigest()
    with engine.begin() as connection:
        connection.execute(update(tables.administration).values(submit_key=former))
    assert app.post(SET, first).json() == {"outcome": "known"}
    assert faults(app.post(SET, {**first, "item": other_answers(app)})) == ["query.wave"]
    someone = {**first, "subject": {"identifier": {"value": app.other}}}
    assert app.post(SET, someone).status_code == 201  # another system may have used the same value


@pytest.mark.parametrize("items", [[], None, [{"linkId": "group", "item": []}]])
def test_no_item_is_no_set_of_answers(app: App, engine: Engine, items: Any) -> None:
    sent = app.post(SET, app.answers(app.scale, item=items))
    assert (sent.status_code, faults(sent)) == (422, ["item"])
    assert count(engine, "administration") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"participant": "other"},
        {"kind": "login"},
        {"at": "2026-01-01T12:01:00.001Z"},
        {"duration": 4.6},
        {"duration": None},
    ],
)
def test_an_event_id_seen_before_with_anything_else_is_refused(
    app: App, engine: Engine, change: dict[str, Any]
) -> None:
    assert app.post("/events", {"source": "app", "events": [app.event(1)]}).json()["kept"] == 1
    if "participant" in change:
        change = {"participant": app.other}
    batch = [app.event(2), app.event(1, **change)]
    for events, path in ((batch, "events[1].id"), ([app.event(3), app.event(3, **change)], "events[1].id")):
        sent = app.post("/events", {"source": "app", "events": events})
        assert (sent.status_code, faults(sent)) == (409, [path])
    assert count(engine, "usage_event") == 1
    assert app.post("/events", {"source": "app2", "events": batch[1:]}).json() == {"kept": 1, "known": 0}


def test_the_same_moment_in_another_offset_is_the_same_event(app: App, engine: Engine) -> None:
    for at in ("2026-01-01T12:01:00Z", "2026-01-02T02:01:00+14:00", "2026-01-01T04:01:00-08:00"):
        assert app.post("/events", {"source": "app", "events": [app.event(1, at=at)]}).status_code == 200
    assert count(engine, "usage_event") == 1


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "1970-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
        1767225600,
        1767225600000,
        "1767225600",
        "2026-01-01",
        True,
    ],
)
def test_moments_far_from_the_study_or_without_form_are_refused(app: App, engine: Engine, at: Any) -> None:
    sent = app.post("/events", {"source": "app", "events": [app.event(1), app.event(2, at=at)]})
    assert (sent.status_code, faults(sent)) == (422, ["events[1].at"])
    assert count(engine, "usage_event") == 0


def test_ten_years_around_the_study_are_kept(app: App, engine: Engine) -> None:
    """3,653 days before day 0 and after the last day of the study, and not a day more."""
    query = select(tables.participant.c.enrolled_at).where(tables.participant.c.pseudonym == app.someone)
    with engine.connect() as connection:
        people = people_of(connection, 1, [app.someone])
        enrolled = connection.execute(query).scalar_one().replace(tzinfo=UTC)
        length = json.loads(connection.execute(select(tables.study.c.definition)).scalar_one())["study_days"]
    for edge, outwards in ((-3_653, -1), (length + 3_653, 1)):
        for days, kept in ((edge, True), (edge + outwards, False)):
            at = enrolled + timedelta(days=days)
            event = [UsageEvent(f"e{days}", app.someone, "s", at)]
            with engine.begin() as connection:
                if kept:
                    assert keep_events(connection, 1, "app", event, people) == 1
                else:
                    with pytest.raises(RefusedError, match="more than ten years"):
                        keep_events(connection, 1, "app", event, people)


def test_the_same_set_of_another_day_is_another_set(app: App) -> None:
    first = {**app.answers(app.scale), "authored": datetime.now(UTC).date().isoformat()}
    assert app.post(SET, first).status_code == 201
    assert app.post(SET, first).json() == {"outcome": "known"}
    before = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    sent = app.post(SET, {**first, "authored": before})
    assert (sent.status_code, faults(sent)) == (409, ["identifier.value"])


def test_the_store_itself_refuses_what_no_door_has_looked_at(app: App, engine: Engine) -> None:
    with engine.begin() as connection:
        people = people_of(connection, 1, [app.someone])
        for at in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), datetime(2026, 1, 1)):
            with pytest.raises(RefusedError, match=r"events\[0\]\.at") as refused:
                keep_events(connection, 1, "app", [UsageEvent("e", app.someone, "s", at)], people)
            assert not refused.value.clash
    assert count(engine, "usage_event") == 0
