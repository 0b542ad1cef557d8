"""Who may look: settings of the sign-in, the list of addresses, and the gate before the dashboard."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import HTTPConnection

import dta
from dashboard.gate import Gate, is_open, user_of, without_host
from dashboard.signing_in import SignIn, sign_in_from
from instrument.errors import DefinitionError

SETTINGS = {
    "DTA_OIDC_PROVIDER": "https://id.example.org",
    "DTA_OIDC_CLIENT_ID": "dashboard",
    "DTA_OIDC_CLIENT_SECRET": "quiet-word-of-the-client",
    "DTA_OIDC_ADDRESS": "https://study.example.org/alliance/dashboard/",
    "DTA_OIDC_ALLOWED": "Anna@Example.org, @uni.example",
}


def configured(**changes: str) -> SignIn:
    found = sign_in_from({**SETTINGS, **changes})
    assert found is not None
    return found


def user(**changes: Any) -> dict[str, Any]:
    return {
        "is_logged_in": True,
        "email": "anna@example.org",
        "email_verified": True,
        "iat": time.time() - 60,
        **changes,
    }


def test_nothing_set_means_no_sign_in() -> None:
    assert sign_in_from({"DTA_OIDC_ALLOWED": " ", "HOME": "/"}) is None


def test_settings_are_read_and_the_secrets_are_in_no_printed_form() -> None:
    found = configured()
    assert found.metadata == "https://id.example.org/.well-known/openid-configuration"
    assert found.path == "/alliance/dashboard"
    assert found.allowed == ("anna@example.org", "@uni.example")
    assert "quiet-word" not in repr(found)
    assert found.cookie_secret not in repr(found)
    assert configured().cookie_secret != found.cookie_secret
    assert (
        found.for_streamlit()["redirect_uri"] == "https://study.example.org/alliance/dashboard/oauth2callback"
    )


def test_the_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-a-file\n", encoding="utf-8")
    rest = {name: value for name, value in SETTINGS.items() if name != "DTA_OIDC_CLIENT_SECRET"}
    found = sign_in_from({**rest, "DTA_OIDC_CLIENT_SECRET_FILE": str(file)})
    assert found is not None
    assert found.client_secret == "from-a-file"
    with pytest.raises(DefinitionError, match="cannot be read"):
        sign_in_from({**rest, "DTA_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("name", list(SETTINGS))
def test_half_a_sign_in_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match=f"{name} is not set"):
        configured(**{name: ""})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DTA_OIDC_ADDRESS", "http://study.example.org/dashboard", "not encrypted"),
        ("DTA_OIDC_PROVIDER", "http://id.example.org", "not encrypted"),
        ("DTA_OIDC_ADDRESS", "study.example.org", "no address of a page"),
        ("DTA_OIDC_ALLOWED", "anna", "1 of 1 entries"),
    ],
)
def test_what_cannot_be_safe_is_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        configured(**{name: value})
    assert "quiet-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("claims", "admitted"),
    [
        ({}, True),
        ({"email": "ANNA@example.org"}, True),
        ({"email": "somebody@uni.example"}, True),
        ({"email": "ben@example.org"}, False),
        ({"email": "somebody@not-uni.example"}, False),
        ({"email": "somebody@sub.uni.example"}, False),
        ({"email": "anna@example.org@evil.example"}, False),
        ({"email": "@uni.example"}, False),
        ({"email": None}, False),
        ({"email_verified": False}, False),
        ({"email_verified": None}, False),
        ({"email_verified": "true"}, False),
        ({"is_logged_in": False}, False),
        ({"iat": time.time() - 13 * 3600}, False),
        ({"iat": None}, False),
    ],
)
def test_who_is_admitted(claims: dict[str, Any], admitted: bool) -> None:
    assert configured().admits(user(**claims)) is admitted


def test_an_address_that_is_not_said_to_be_verified_counts_only_where_the_operator_says_so() -> None:
    trusting = configured(DTA_OIDC_UNVERIFIED="yes")
    assert trusting.admits(user(email_verified=None))
    assert not trusting.admits(user(email_verified=False))


@pytest.mark.parametrize(
    ("path", "anyone"),
    [
        ("", True),
        ("reliability", True),
        ("static/js/main.js", True),
        ("auth/login", True),
        ("_stcore/stream", True),
        ("media/abc.csv", False),
        ("media", False),
        ("_stcore/upload_file/1/2", False),
        ("_stcore/agent/mcp", False),
        ("_stcore/metrics", False),
        ("component/x/index.html", False),
        ("app/static/x.csv", False),
        ("static/../media/abc.csv", False),
    ],
)
def test_the_gate_opens_for_the_sign_in_alone(path: str, anyone: bool) -> None:
    assert is_open(path) is anyone


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        dta.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_without_sign_in_nothing_is_served_beyond_this_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for arguments in (["--host", "0.0.0.0"], ["--behind-proxy"]):
        assert "no sign-in" in refused(["serve", *arguments], capsys)


def test_with_sign_in_others_never_see_small_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    error = refused(["serve", "--behind-proxy", "--not-shared"], capsys)
    assert "leave --not-shared" in error
    monkeypatch.delenv("DTA_OIDC_ALLOWED")
    error = refused(["serve", "--behind-proxy"], capsys)
    assert "DTA_OIDC_ALLOWED is not set" in error
    assert "quiet-word" not in error


@pytest.mark.parametrize(
    ("email", "admitted"),
    [
        ("anna@example.org", True),
        (" ANNA@example.org ", True),
        ("joanna@example.org", False),
        ("bob@example.org", False),
        ("bob@uni.example", True),
        ("bob@sub.uni.example", False),
        ("bob@notuni.example", False),
        ("anna@example.org@uni.example", False),
    ],
)
def test_a_name_is_on_the_list_whole_or_by_its_domain(email: str, admitted: bool) -> None:
    assert configured().admits(user(email=email)) is admitted


@pytest.mark.parametrize("entry", ["anna", "a@b@c", "anna@", "@"])
def test_an_entry_of_the_list_is_one_address_or_one_domain(entry: str) -> None:
    with pytest.raises(DefinitionError, match="1 of 2 entries"):
        configured(DTA_OIDC_ALLOWED=f"bob@example.org, {entry}")


def gate_of(admitted: bool = False, encrypted: bool = True, path: str = "/board") -> Gate:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "path": scope["path"]})

    known: Any = SimpleNamespace(path=path, encrypted=encrypted, cookie_secret="x", admits=lambda _: admitted)
    return Gate(inner, known)


def answered(gate: Gate, kind: str, path: str) -> list[dict[str, Any]]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read of who is not admitted")

    scope = {"type": kind, "path": f"/board/{path}", "root_path": "/board", "headers": [], "method": "GET"}
    asyncio.run(gate(scope, receive, send))
    return said


@pytest.mark.parametrize("path", ["media", "media/a.csv", "component", "app", "app/static/a", "_stcore"])
def test_who_is_not_admitted_is_refused_in_the_way_of_the_request(path: str) -> None:
    page = answered(gate_of(), "http", path)
    assert page[0]["status"] == 401 and page[1]["body"] == b"Sign in first."
    assert answered(gate_of(), "websocket", path) == [{"type": "websocket.close", "code": 1008}]
    (let,) = answered(gate_of(admitted=True), "http", path)
    assert (let["status"], let["path"]) == (200, f"/board/{path}")
    assert answered(gate_of(), "http", "reliability")[0]["status"] == 200


def test_cookies_are_bound_to_the_path_and_to_encryption_where_there_is_one() -> None:
    plain, secret = gate_of(encrypted=False), gate_of()
    assert plain._cookie(b"a=1; Path=/; HttpOnly") == b"a=1; Path=/board; HttpOnly"
    assert secret._cookie(b"a=1; path=/") == b"a=1; Path=/board; Secure"
    assert secret._cookie(b"a=1; Path=/x; secure") == b"a=1; Path=/x; secure"
    assert gate_of(path="")._cookie(b"a=1; Path=/") == b"a=1; Path=/; Secure"


def test_a_redirect_to_this_server_loses_its_name_however_it_is_written() -> None:
    for location in (b"http://Evil.example/a", b"https://evil.EXAMPLE//a", b"https://evil.example/a"):
        assert without_host(location, [b"other", b"Evil.Example"]) == b"/a"
    assert without_host(b"https://evil.example.org/a", [b"evil.example"]) == b"https://evil.example.org/a"


def test_a_signed_cookie_that_holds_no_claims_is_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    known: Any = SimpleNamespace(cookie_secret="x")
    for text, wanted in (('{"email": "a@b.c"}', {"email": "a@b.c"}), ("[1]", {}), ('"a"', {}), ("{", {})):
        monkeypatch.setattr("streamlit.auth_util.get_cookie_with_chunks", lambda *_, text=text: text)
        scope = {"type": "http", "headers": [], "path": "/"}
        assert user_of(HTTPConnection(scope), known) == wanted
