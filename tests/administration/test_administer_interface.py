"""Programs speak the same rules as the pages: a key, all or nothing, once per id, a path for each fault."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.definition import Instrument
from instrument.store import tables
from instrument.store.connect import open_store, upgrade_store
from instrument.store.intake import new_interface_key
from instrument.store.people import erase_person
from instrument.store.retrieval import responses_of
from instrument.store.tokens import Keyring


class App:
    """An app with a key for the study, and the pseudonym of one of its people."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        waves = [{"id": name, "day": 0, "opens": 0, "closes": 29} for name in ("first", "second")]
        _, self.scale, (self.token, _) = open_study(engine, keyring, people=2, waves=waves)
        with engine.begin() as connection:
            self.key = new_interface_key(connection, keyring, "trial")
            people = select(tables.participant.c.pseudonym).order_by(tables.participant.c.id)
            self.someone, self.other = connection.execute(people).scalars()
        self.client = TestClient(create_app(engine, keyring, limit=GuessLimit(guesses=5)))
        self.headers = {"authorization": f"Bearer {self.key}"}

    def post(self, path: str, body: Any) -> Any:
        return self.client.post(path, json=body, headers=self.headers)

    def event(self, number: int, **changes: Any) -> dict[str, Any]:
        at = datetime(2026, 1, 1, 12, number % 60, tzinfo=UTC).isoformat()
        return {
            "id": f"e{number}",
            "participant": self.someone,
            "kind": "session",
            "at": at,
            "duration": 4.5,
            **changes,
        }

    def answers(self, scale: Instrument, **changes: Any) -> dict[str, Any]:
        items = [{"linkId": item, "answer": [{"valueCoding": {"code": "4"}}]} for item in scale.item_ids]
        return {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": f"urn:dta:{scale.id}/{scale.id}|{scale.version}",
            "identifier": [{"value": "set-1"}],
            "subject": {"identifier": {"value": self.someone}},
            "item": items,
            **changes,
        }


@pytest.fixture
def app(engine: Engine, keyring: Keyring) -> Iterator[App]:
    made = App(engine, keyring)
    with made.client:
        yield made


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(
            connection.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one()
        )


def test_events_are_kept_once_by_their_id(app: App, engine: Engine) -> None:
    batch = {"source": "app", "events": [app.event(k) for k in range(100)]}
    assert app.post("/events", batch).json() == {"kept": 100, "known": 0}
    assert app.post("/events", batch).json() == {"kept": 0, "known": 100}
    assert app.post(
        "/events", {"source": "app", "events": [app.event(5), app.event(200), app.event(200)]}
    ).json() == {"kept": 1, "known": 2}
    assert count(engine, "usage_event") == 101


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"participant": "nobody"}, "events[1].participant"),
        ({"at": "2026-01-01T10:00:00"}, "events[1].at"),
        ({"at": "yesterday"}, "events[1].at"),
        ({"duration": -1}, "events[1].duration"),
        ({"duration": "4"}, "events[1].duration"),
        ({"kind": "A b"}, "events[1].kind"),
        ({"colour": "red"}, "events[1].colour"),
        ({"id": ""}, "events[1].id"),
    ],
)
def test_one_fault_keeps_the_whole_batch_out_and_names_its_path(
    app: App, engine: Engine, change: dict[str, Any], path: str
) -> None:
    sent = app.post("/events", {"source": "app", "events": [app.event(1), app.event(2, **change)]})
    assert sent.status_code == 422
    assert [fault["path"] for fault in sent.json()["faults"]] == [path]
    assert count(engine, "usage_event") == 0


def test_without_the_key_nothing_opens_and_guessing_is_slowed(app: App, engine: Engine) -> None:
    batch = {"source": "app", "events": [app.event(1)]}
    wrong = [None, "Bearer x", f"Basic {app.key}", "Bearer", f"Bearer {app.key}x"]
    for header in wrong:
        headers = {} if header is None else {"authorization": header}
        assert app.client.post("/events", json=batch, headers=headers).status_code == 401
    assert app.client.post("/events", json=batch, headers=headers).status_code == 429
    assert count(engine, "usage_event") == 0
    assert app.post("/events", batch).status_code == 200
    with engine.connect() as connection:
        assert app.key not in str(connection.execute(select(tables.study)).all())


def test_a_set_of_answers_is_kept_once_and_comes_out_like_any_other(app: App, engine: Engine) -> None:
    items = [{"linkId": item, "answer": [{"valueInteger": 2}]} for item in app.scale.item_ids[:5]]
    items += [
        {"linkId": app.scale.item_ids[5], "answer": [{"valueCoding": {"code": "96"}}]},
        {"linkId": app.scale.item_ids[6]},
    ]
    resource = app.answers(app.scale, item=[{"linkId": "group", "item": items}])
    assert app.post("/fhir/QuestionnaireResponse?wave=first", resource).status_code == 201
    assert app.post("/fhir/QuestionnaireResponse?wave=first", resource).status_code == 200
    other_set = {**resource, "identifier": [{"value": "set-2"}]}
    assert app.post("/fhir/QuestionnaireResponse?wave=first", other_set).status_code == 409
    with engine.connect() as connection:
        wide = responses_of(connection, "trial", completed_only=True)
    assert list(wide.loc[0, app.scale.item_ids[:5]]) == [2] * 5
    reasons = wide.attrs["reasons"].set_index("item")["reason"]
    assert reasons[app.scale.item_ids[5]] == "not_applicable"
    assert reasons[app.scale.item_ids[6]] == "skipped"
    assert (reasons == "not_seen").sum() == 33
    assert wide.loc[0, "mode"] == "app"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"resourceType": "Patient"}, "resourceType"),
        ({"status": "in-progress"}, "status"),
        ({"questionnaire": "urn:dta:other"}, "questionnaire"),
        ({"identifier": []}, "identifier.value"),
        ({"subject": {"identifier": {"value": "nobody"}}}, "subject.identifier.value"),
        ({"subject": None}, "subject.identifier.value"),
        ({"language": "fr"}, "language"),
        ({"item": "x"}, "item"),
        ({"item": [{"linkId": "zz"}]}, "item[0].linkId"),
        ({"item": [{"linkId": "hum1"}, {"linkId": "hum1"}]}, "item[1].linkId"),
        ({"item": [{"linkId": "hum1", "answer": [{"valueCoding": {"code": "7"}}]}]}, "item[0].answer"),
        ({"item": [{"linkId": "hum1", "answer": [{"valueInteger": True}]}]}, "item[0].answer"),
        (
            {"item": [{"linkId": "hum1", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}]},
            "item[0].answer",
        ),
    ],
)
def test_a_faulty_set_is_refused_whole_with_the_path(
    app: App, engine: Engine, change: dict[str, Any], path: str
) -> None:
    sent = app.post("/fhir/QuestionnaireResponse?wave=first", app.answers(app.scale, **change))
    assert sent.status_code == 422
    assert [fault["path"] for fault in sent.json()["faults"]] == [path]
    assert count(engine, "administration") == 0


def test_an_unknown_wave_and_a_closed_study_are_refused(app: App, engine: Engine) -> None:
    sent = app.post("/fhir/QuestionnaireResponse?wave=zz", app.answers(app.scale))
    assert sent.json()["faults"][0]["path"] == "query.wave"
    with engine.begin() as connection:
        connection.execute(update(tables.study).values(status="closed"))
    assert app.post("/fhir/QuestionnaireResponse?wave=first", app.answers(app.scale)).status_code == 409


def test_erasure_reaches_what_programs_sent(app: App, engine: Engine) -> None:
    app.post("/events", {"source": "app", "events": [app.event(1)]})
    app.post("/fhir/QuestionnaireResponse?wave=first", app.answers(app.scale))
    with engine.begin() as connection:
        erase_person(connection, 1)
    assert count(engine, "usage_event") == count(engine, "administration") == count(engine, "response") == 0


def test_the_instrument_is_given_as_fhir_in_each_language(app: App) -> None:
    for language, title in (("en", "Digital therapeutic alliance scale"), ("de", None)):
        sent = app.client.get(f"/fhir/Questionnaire/dta?lang={language}", headers=app.headers)
        assert sent.status_code == 200
        assert sent.headers["content-type"] == "application/fhir+json"
        resource = sent.json()
        assert resource["resourceType"] == "Questionnaire"
        assert title is None or resource["title"] == title
    assert app.client.get("/fhir/Questionnaire/zz", headers=app.headers).status_code == 404
    assert app.client.get("/fhir/Questionnaire/dta?lang=fr", headers=app.headers).status_code == 422


def test_the_interface_describes_itself_and_leaves_the_pages_out(app: App) -> None:
    described = app.client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/events", "/fhir/Questionnaire/{name}", "/fhir/QuestionnaireResponse"}


def test_a_batch_too_large_is_refused(app: App) -> None:
    sent = app.post("/events", {"source": "app", "events": [app.event(k, id="x" * 120) for k in range(5000)]})
    assert sent.status_code in (413, 422)
    assert app.client.post("/events", content=b"x" * 2_000_000, headers=app.headers).status_code == 413


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["linkId", "answer", "item", "valueCoding", "code", "valueInteger", "value", "identifier"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    engine = open_store(str(tmp_path_factory.mktemp("fuzz") / "s.sqlite"))
    upgrade_store(engine)
    made = App(engine, Keyring({"k1": b"1" * 32}))
    with made.client:
        yield made
    engine.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    keys=st.lists(
        st.sampled_from(
            ["resourceType", "status", "questionnaire", "identifier", "subject", "item", "language"]
        ),
        max_size=4,
    ),
    value=JSON,
)
def test_no_resource_makes_a_fault(fuzzed: App, keys: list[str], value: Any) -> None:
    resource = fuzzed.answers(fuzzed.scale, **dict.fromkeys(keys, value))
    assert fuzzed.post("/fhir/QuestionnaireResponse?wave=second", resource).status_code in (
        200,
        201,
        409,
        422,
    )
    assert fuzzed.post(
        "/events", {"source": "app", "events": [fuzzed.event(1, **{"duration": value})]}
    ).status_code in (200, 409, 422)
