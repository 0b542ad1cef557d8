"""Texts that no database keeps are refused with their path; a brake on guessing never stops what is right."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study
from test_administer_interface import App

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.administer.shield import Shield
from instrument.store import tables
from instrument.store.connect import StoreError
from instrument.store.people import invite
from instrument.store.tokens import Keyring

HERE = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def app(engine: Engine, keyring: Keyring) -> Iterator[App]:
    made = App(engine, keyring)
    with made.client:
        yield made


def sent_raw(app: App, path: str, text: str) -> Any:
    headers = {**app.headers, "content-type": "application/json"}
    return app.client.post(path, content=text.encode("ascii"), headers=headers)


@pytest.mark.parametrize("bad", ["\\u0000", "x\\u0000y", "\\ud800", "\\udfffx", "\\ude00\\ud83d"])
@pytest.mark.parametrize("field", ["id", "participant", "kind", "at", "extra"])
def test_events_with_half_a_character_are_refused_by_path(
    app: App, engine: Engine, bad: str, field: str
) -> None:
    event = json.dumps(app.event(1, **{field: "MARK"})).replace("MARK", bad)
    answer = sent_raw(app, "/events", f'{{"source": "app", "events": [{event}]}}')
    assert answer.status_code == 422
    assert answer.json()["faults"] == [
        {"path": f"events[0].{field}", "message": "holds a NUL or half of a character"}
    ]
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.usage_event)).scalar_one() == 0


@pytest.mark.parametrize("bad", ["a\\u0000", "\\ud800"])
@pytest.mark.parametrize(
    "field", ["identifier", "subject", "language", "questionnaire", "status", "item", "key", "deep"]
)
def test_answers_with_half_a_character_are_refused(app: App, engine: Engine, bad: str, field: str) -> None:
    changes: dict[str, Any] = {
        "identifier": {"identifier": [{"value": "MARK", "system": "s"}]},
        "subject": {"subject": {"identifier": {"value": "MARK"}}},
        "item": {"item": [{"linkId": "MARK"}]},
        "key": {"MARK": 1},
        "deep": {"extension": [{"valueString": [[["MARK"]]]}]},
    }.get(field, {field: "MARK"})
    text = json.dumps(app.answers(app.scale, **changes)).replace("MARK", bad)
    answer = sent_raw(app, "/fhir/QuestionnaireResponse?wave=first", text)
    assert answer.status_code == 422
    assert {fault["message"] for fault in answer.json()["faults"]} == {"holds a NUL or half of a character"}
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.administration)).scalar_one() == 0


@pytest.mark.parametrize(
    "text",
    ["[" * 60_000, "[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000, "9" * 6000, "NaN"],
)
@pytest.mark.parametrize("path", ["/events", "/fhir/QuestionnaireResponse?wave=first"])
def test_deep_and_endless_bodies_are_refused(app: App, path: str, text: str) -> None:
    assert sent_raw(app, path, text).status_code in (400, 422)


def test_whole_characters_beyond_the_first_plane_are_kept(app: App) -> None:
    event = json.dumps(app.event(1, id="MARK")).replace("MARK", "\\ud83d\\ude00 \\u00e9")
    assert sent_raw(app, "/events", f'{{"source": "app", "events": [{event}]}}').json() == {
        "kept": 1,
        "known": 0,
    }


@pytest.mark.parametrize("path", ["/events", "/fhir/QuestionnaireResponse?wave=first"])
def test_without_a_key_nothing_is_said_of_a_body(app: App, path: str) -> None:
    answer = app.client.post(path, content=b'{"a": "\\u0000"}', headers={"content-type": "application/json"})
    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_pseudonyms_are_texts(engine: Engine, keyring: Keyring, name: str) -> None:
    open_study(engine, keyring)
    with engine.begin() as connection, pytest.raises(StoreError, match="1 pseudonyms hold a NUL or half"):
        invite(connection, 1, keyring, ["good", name])


@pytest.mark.parametrize("field", ["code", "form_token", "anything"])
@pytest.mark.parametrize("value", ["\0", "a\0b", "\ud800"])
def test_forms_with_half_a_character_are_refused(
    engine: Engine, keyring: Keyring, field: str, value: str
) -> None:
    open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        if value == "\ud800":  # only a charset of the sender's own brings one in
            kind = "multipart/form-data; boundary=b; charset=raw_unicode_escape"
            body = f'--b\r\ncontent-disposition: form-data; name="{field}"\r\n\r\n\\ud800\r\n--b--\r\n'
            answer = client.post("/withdraw", content=body.encode(), headers={**HERE, "content-type": kind})
        else:
            answer = client.post("/withdraw", data={field: value}, headers=HERE)
        assert answer.status_code == 422
        assert "Something went wrong" in answer.text


def test_a_right_key_is_answered_whoever_guesses_from_the_same_address(app: App) -> None:
    for _ in range(12):
        wrong = app.client.post("/events", json={}, headers={"authorization": "Bearer wrong"})
    assert wrong.status_code == 429
    assert app.post("/events", {"source": "app", "events": [app.event(1)]}).status_code == 200
    assert app.client.post("/events", json={}, headers={"authorization": "Bearer w"}).status_code == 429


def test_a_right_link_and_a_right_code_are_taken_whoever_guesses(engine: Engine, keyring: Keyring) -> None:
    from instrument.store.people import issue_withdrawal_code

    _, _, (token, other) = open_study(engine, keyring, people=2)
    with engine.begin() as connection:
        first = select(tables.participant.c.id).order_by(tables.participant.c.id).limit(1)
        code = issue_withdrawal_code(connection, keyring, connection.execute(first).scalar_one())
    with TestClient(create_app(engine, keyring, limit=GuessLimit(guesses=3))) as client:
        for _ in range(4):
            client.get("/q/wrong")
        assert client.get("/q/wrong").status_code == 429
        wrong = {"code": "wrong", "choice": "keep"}
        assert client.post("/withdraw", data=wrong, headers=HERE).status_code == 429
        assert client.get(f"/q/{other}", follow_redirects=False).status_code == 303
        assert client.get(f"/q/{token}", follow_redirects=False).status_code == 303
        right = {"code": code, "choice": "delete"}
        assert client.post("/withdraw", data=right, headers=HERE).status_code == 200
        assert client.get(f"/q/{token}").status_code in (404, 429)
        assert client.get(f"/q/{other}", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("path", "sizes", "status"),
    [
        ("/q/token", [65_536], 200),
        ("/q/token", [65_537], 413),
        ("/q/token", [40_000, 25_537], 413),  # however it is parted
        ("/events", [1_048_576], 200),
        ("/events", [1_000_000, 48_577], 413),
        ("/fhir/Questionnaire", [70_000], 200),
    ],
)
def test_a_page_takes_less_than_a_program_may_send(path: str, sizes: list[int], status: int) -> None:
    said: list[Any] = []

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        answer = 200
        try:
            while (await receive()).get("more_body"):
                pass
        except HTTPException as error:
            answer = error.status_code
        headers = [(b"cache-control", b"max-age=5")]
        await send({"type": "http.response.start", "status": answer, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    parts = iter(sizes)

    async def receive() -> dict[str, Any]:
        size = next(parts)
        return {"type": "http.request", "body": b"x" * size, "more_body": size != sizes[-1]}

    async def send(message: Any) -> None:
        said.append(message)

    shield = Shield(reading, lambda *_: None)  # type: ignore[arg-type,return-value]
    asyncio.run(shield({"type": "http", "path": path, "method": "POST"}, receive, send))
    assert said[0]["status"] == status
    headers = said[0]["headers"]
    assert [value for name, value in headers if name == b"cache-control"] == [b"max-age=5"]
    assert (b"x-content-type-options", b"nosniff") in headers
