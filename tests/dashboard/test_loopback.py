"""A dashboard without sign-in: this machine alone, by its own names; and redirects that no Host can bend."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import dta
from dashboard.gate import Gate
from dashboard.loopback import refusal
from dashboard.signing_in import sign_in_from

PATHS = [
    "/dashboard/",
    "/dashboard/reliability",
    "/dashboard/media/abc.csv",
    "/dashboard/component/x/index.html",
    "/dashboard/app/static/x.csv",
    "/dashboard/static/js/index.js",
    "/dashboard/_stcore/health",
    "/dashboard/_stcore/host-config",
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    results: Path = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("DTA_RESULTS", "DTA_SHARED"):  # serving sets them for the pages; other tests read them
            environment.setenv(name, "")
            environment.delenv(name)
        yield TestClient(dta.compose(results), base_url="http://127.0.0.1:8000", follow_redirects=False)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:9"],
)
def test_its_own_names_are_answered(host: str) -> None:
    assert refusal([(b"Host", host.encode())]) is None


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example:8000",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "localhost.",
        "127.0.0.1:8000@rebound.example",
        "rebound.example#127.0.0.1",
        "127.0.0.2",
        "0.0.0.0:8000",
        "2130706433",
        "::1",
        "[::1].rebound.example",
        "[::1]:80a",
        "127.0.0.1:",
        "localhost:٣",
        "",
    ],
)
def test_no_other_name_is_answered(host: str) -> None:
    assert refusal([(b"host", host.encode())]) is not None


def test_a_port_has_five_digits_at_most_and_an_origin_the_whole_of_it() -> None:
    assert refusal([(b"host", b"127.0.0.1:65535")]) is None
    assert refusal([(b"host", b"127.0.0.1:123456")]) is not None
    asked = (b"host", b"127.0.0.1:8000")
    assert refusal([asked, (b"origin", b"http://127.0.0.1:8000")]) is None
    assert refusal([asked, (b"origin", b"http://127.0.0.1:80001")]) is not None


def test_one_name_and_no_second() -> None:
    assert refusal([]) is not None
    assert refusal([(b"host", b"localhost"), (b"host", b"rebound.example")]) is not None


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example:8000"},
        {"forwarded": "for=203.0.113.9"},
        {"x-forwarded-for": "203.0.113.9"},
        {"X-Forwarded-Host": "study.example.org"},
        {"x-forwarded-proto": "https"},
        {"x_forwarded_for": "203.0.113.9"},
        {"via": "1.1 proxy"},
        {"x-real-ip": "203.0.113.9"},
        {"origin": "http://rebound.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "same-site", "sec-fetch-dest": "script"},
    ],
)
def test_nothing_is_told_to_others(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 403
    assert answer.text.startswith("The dashboard ")
    assert len(answer.text) < 100


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_uploads_are_refused_likewise(client: TestClient, method: str) -> None:
    path = "/dashboard/_stcore/upload_file/session/file"
    assert client.request(method, path, headers={"host": "rebound.example"}).status_code == 403
    assert client.request(method, path, headers={"x-forwarded-for": "1.2.3.4"}).status_code == 403
    assert client.request(method, path, headers={"origin": "https://rebound.example"}).status_code == 403
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}
    assert client.request(method, path, headers=followed).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example:8000", "origin": "http://rebound.example:8000"},
        {"host": "127.0.0.1:8000", "origin": "http://rebound.example"},
        {"host": "127.0.0.1:8000", "x-forwarded-for": "203.0.113.9"},
        {"host": "127.0.0.1:8000", "forwarded": "host=study.example.org"},
    ],
)
def test_sockets_of_others_are_closed_before_they_open(client: TestClient, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/dashboard/_stcore/stream", headers=headers),
    ):
        raise AssertionError("opened")


def test_a_link_followed_from_elsewhere_opens() -> None:
    host, document = (b"host", b"localhost:8000"), (b"sec-fetch-dest", b"document")
    assert refusal([host, (b"sec-fetch-site", b"cross-site"), document]) is None
    assert refusal([host, (b"sec-fetch-site", b"cross-site"), document], method="POST") is not None
    assert refusal([host, (b"sec-fetch-site", b"none")]) is None
    assert refusal([host, (b"sec-fetch-site", b"same-origin"), (b"origin", b"http://localhost:8000")]) is None


def test_the_questionnaire_beside_it_answers_by_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def questionnaire(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(Request(scope).url.path)(scope, receive, send)

    monkeypatch.setattr("dashboard.serving.dashboard_application", lambda *_, **__: (questionnaire, None))
    site = TestClient(dta.compose(None, questionnaire), follow_redirects=False)
    assert site.get("/q/token", headers={"host": "survey.example.org"}).text == "/q/token"
    assert site.get("/q/token/", headers={"host": "survey.example.org"}).text == "/q/token/"


@pytest.mark.parametrize("path", ["/dashboard", "/"])
def test_redirects_of_the_whole_are_relative(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"host": "evil.example"})
    assert answer.headers["location"] == "dashboard/"


def test_behind_the_gate_a_redirect_repeats_no_foreign_host() -> None:
    sign_in = sign_in_from(
        {
            "DTA_OIDC_PROVIDER": "https://id.example.org",
            "DTA_OIDC_CLIENT_ID": "dashboard",
            "DTA_OIDC_CLIENT_SECRET": "quiet-word-of-the-client",
            "DTA_OIDC_ADDRESS": "https://study.example.org/dashboard",
            "DTA_OIDC_ALLOWED": "anna@example.org",
        }
    )
    assert sign_in is not None
    sent: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"location", b"http://evil.example//other.example/static/")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/static", "root_path": "", "headers": [(b"host", b"evil.example")]}
    asyncio.run(Gate(inner, sign_in)(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["headers"] == [(b"location", b"/other.example/static/")]
