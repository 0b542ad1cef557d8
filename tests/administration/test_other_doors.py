"""No one else's door: tokens, cookies, form tokens and keys of another person, study or time open nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
import yaml
from patient_servers import PATIENCE
from sqlalchemy import Engine, func, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import form_token, place_of
from study_of_tests import open_study, raw_study
from test_serving import Served, run

from instrument.administer.application import create_app
from instrument.administer.session import COOKIE, GuessLimit
from instrument.store import tables
from instrument.store.definitions import set_study_status
from instrument.store.intake import new_interface_key
from instrument.store.people import by_token, erase_person
from instrument.store.tokens import Keyring

HERE = {"sec-fetch-site": "same-origin"}


@dataclass
class Two:
    """Two open studies in one store, each with one person and a key for its app."""

    client: TestClient
    tokens: tuple[str, str]
    keys: tuple[str, str]
    pseudonyms: tuple[str, str]


@pytest.fixture
def two(engine: Engine, keyring: Keyring) -> Iterator[Two]:
    _, _, (first,) = open_study(engine, keyring)
    _, _, (second,) = open_study(engine, keyring, id="other", title="Another trial")
    with engine.begin() as connection:
        keys = (
            new_interface_key(connection, keyring, "trial"),
            new_interface_key(connection, keyring, "other"),
        )
        people = select(tables.participant.c.pseudonym).order_by(tables.participant.c.id)
        mine, theirs = connection.execute(people).scalars()
    app = create_app(engine, keyring, limit=GuessLimit(guesses=1000))
    with TestClient(app, headers=HERE) as client:
        yield Two(client, (first, second), keys, (mine, theirs))


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        query = select(func.count()).select_from(tables.metadata.tables[table])
        return int(connection.execute(query).scalar_one())


def begin(client: TestClient, token: str) -> str:
    return begin_with_code(client, token)[0]


def begin_with_code(client: TestClient, token: str) -> tuple[str, re.Match[str]]:
    """Place of the pages, and the withdrawal code, which is shown once on the way to the first question."""
    shown = client.get(f"/q/{token}")
    place = place_of(shown)
    start = client.post(
        f"{place}/survey/consent", data={"form_token": form_token(shown.text), "consent": "yes"}
    )
    code = re.search(r"((?:\w{4}-){3}\w{4})", start.text)
    assert code is not None
    client.post(f"{place}/survey/start", data={"form_token": form_token(start.text)})
    return place, code


def altered(token: str) -> list[str]:
    """Every single-character change near the start, middle and end; shorter, longer, other case."""
    changed = [
        token[:k] + ("A" if token[k] != "A" else "B") + token[k + 1 :]
        for k in (0, len(token) // 2, len(token) - 1)
    ]
    return [*changed, token[:-1], token + "A", token.swapcase(), token[::-1], token + "%00", token + "="]


def test_an_altered_token_is_nobodys(two: Two) -> None:
    for wrong in altered(two.tokens[0]):
        two.client.cookies.clear()
        assert two.client.get(f"/q/{wrong}").status_code == 404, len(wrong)
        assert COOKIE not in two.client.cookies


def test_the_cookie_of_one_person_is_not_that_of_another(two: Two) -> None:
    values, places = [], []
    for token in two.tokens:
        two.client.cookies.clear()
        places.append(place_of(two.client.get(f"/q/{token}")))
        values.append(two.client.cookies[COOKIE])
    (one, signed), (other, _) = (value.split(".") for value in values)
    assert one != other
    assert places[0] != places[1]
    for place in places:
        two.client.cookies.clear()
        two.client.cookies.set(COOKIE, f"{other}.{signed}")
        assert two.client.get(f"{place}/survey").status_code == 403
        two.client.cookies.clear()
        two.client.cookies.set(COOKIE, values[places.index(place) - 1])
        assert two.client.get(f"{place}/survey").status_code == 403


def test_the_form_token_of_another_study_saves_nothing(two: Two, engine: Engine) -> None:
    mine = begin(two.client, two.tokens[0])
    two.client.cookies.clear()
    other = begin(two.client, two.tokens[1])
    theirs = form_token(two.client.get(f"{other}/survey/page/1").text)
    two.client.cookies.clear()
    two.client.get(f"/q/{two.tokens[0]}")
    page = two.client.get(f"{mine}/survey/page/1").text
    fields = dict.fromkeys(re.findall(r'name="(item-\w+)"', page), "1")
    for place in (mine, other):
        sent = two.client.post(f"{place}/survey/page/1", data={**fields, "form_token": theirs, "go": "next"})
        assert sent.status_code == 403
        assert "checked" not in sent.text
    with engine.connect() as connection:
        states = set(connection.execute(select(tables.response.c.state)).scalars())
    assert states == {"not_seen"}


def test_a_link_leads_only_to_its_own_study(two: Two, engine: Engine) -> None:
    begin(two.client, two.tokens[0])
    two.client.cookies.clear()
    begin(two.client, two.tokens[1])
    query = select(tables.participant.c.study_id, tables.administration.c.wave_id, tables.wave.c.study_id)
    joined = query.join(
        tables.administration, tables.administration.c.participant_id == tables.participant.c.id
    ).join(tables.wave, tables.wave.c.id == tables.administration.c.wave_id)
    with engine.connect() as connection:
        rows = connection.execute(joined).all()
    assert len(rows) == 2
    assert all(row[0] == row[2] for row in rows)


def test_the_key_of_one_app_does_not_reach_people_of_another_study(two: Two, engine: Engine) -> None:
    event = {
        "id": "e1",
        "participant": two.pseudonyms[1],
        "kind": "session",
        "at": "2026-01-01T10:00:00+00:00",
        "duration": 3.0,
    }
    mine = {"authorization": f"Bearer {two.keys[0]}"}
    sent = two.client.post("/events", json={"source": "app", "events": [event]}, headers=mine)
    assert sent.status_code == 422
    assert [fault["path"] for fault in sent.json()["faults"]] == ["events[0].participant"]
    assert count(engine, "usage_event") == 0
    answers = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "urn:dta:dta/dta|1.0.0",
        "identifier": [{"value": "set-1"}],
        "subject": {"identifier": {"value": two.pseudonyms[1]}},
        "item": [{"linkId": "hum1", "answer": [{"valueInteger": 4}]}],
    }
    assert two.client.post("/fhir/QuestionnaireResponse", json=answers, headers=mine).status_code == 422
    assert count(engine, "response") == 0


@pytest.mark.parametrize("ending", ["expired", "erased", "study closed"])
def test_a_session_ends_with_what_it_rests_on(
    two: Two, engine: Engine, keyring: Keyring, ending: str
) -> None:
    place = begin(two.client, two.tokens[0])
    assert two.client.get(f"{place}/survey/page/1").status_code == 200
    with engine.begin() as connection:
        if ending == "expired":
            yesterday = datetime.now(UTC) - timedelta(days=1)
            connection.execute(update(tables.participant).values(expires_at=yesterday))
        elif ending == "erased":
            found = by_token(connection, keyring, two.tokens[0])
            assert found is not None
            erase_person(connection, found.id)
        else:
            set_study_status(connection, "trial", "closed")
    page = two.client.get(f"{place}/survey/page/1")
    assert page.status_code == 403
    assert "item-" not in page.text


def test_no_secret_is_in_anything_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Walk by HTTP with right and wrong secrets, then run every command that writes; search every byte."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    with Served(tmp_path, "--no-dashboard") as served:
        address = ("--address", served.address)
        assert run("study", "invite", "trial", "--people", "2", "--out", "links.csv", *address) == 0
        links = [line.split(",")[1] for line in (tmp_path / "links.csv").read_text().splitlines()[1:]]
        secrets = [link.rsplit("/", 1)[1] for link in links]
        with httpx.Client(
            base_url=served.address, headers=HERE, follow_redirects=True, timeout=PATIENCE
        ) as client:
            place, code = begin_with_code(client, secrets[0])  # type: ignore[arg-type]
            page = client.get(f"{place}/survey/page/1").text
            fields = dict.fromkeys(re.findall(r'name="(item-\w+)"', page), "2")
            mine = re.search(r'form_token" value="([^"]+)', page)
            assert mine is not None
            client.post(f"{place}/survey/page/1", data={**fields, "form_token": mine.group(1), "go": "next"})
            cookie = client.cookies[COOKIE].split(".")[1]
            client.get(f"/q/{secrets[0]}x")
            client.post(f"/q/{secrets[0]}")
            client.get(f"{place}/survey/page/1?from=/q/{secrets[0]}")
            client.get(f"{place}/survey/page/1", headers={"referer": links[0]})
            client.post("/events", content=b"{", headers={"authorization": f"Bearer {secrets[1]}"})
            client.post("/withdraw", data={"code": code.group(1)[:-1] + "Z", "choice": "delete"})
            secrets += [code.group(1), code.group(1).replace("-", ""), cookie, mine.group(1)]
        for command in (
            ("study", "status", "trial"),
            ("export", "csv-wide", "--study", "trial", "--out", "out_csv"),
            ("store", "backup", "copy.sqlite"),
        ):
            assert run(*command) == 0, command
    printed = "".join(capfd.readouterr())
    assert not [k for k, secret in enumerate(secrets) if secret in printed]
    searched = 0
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "links.csv":
            content, searched = file.read_bytes(), searched + 1
            found = [k for k, secret in enumerate(secrets) if secret.encode() in content]
            assert not found, f"{file.name} holds secret {found}"
    assert searched >= 6


def test_an_erased_person_is_in_no_later_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DTA_SECRET_KEY", raising=False)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw_study(), allow_unicode=True), encoding="utf-8")
    assert run("study", "create", "study.yaml") == 0
    assert run("study", "open", "trial") == 0
    pseudonyms = ["zebraone", "zebratwo"]
    (tmp_path / "people.txt").write_text("\n".join(pseudonyms), encoding="utf-8")
    with Served(tmp_path, "--no-dashboard") as served:
        options = ("--pseudonyms", "people.txt", "--out", "links.csv", "--address", served.address)
        assert run("study", "invite", "trial", *options) == 0
        for line in (tmp_path / "links.csv").read_text().splitlines()[1:]:
            with httpx.Client(
                base_url=served.address, headers=HERE, follow_redirects=True, timeout=PATIENCE
            ) as client:
                token = line.split(",")[1].rsplit("/", 1)[1]
                place, code = begin_with_code(client, token)  # type: ignore[arg-type]
                shown = client.get(f"{place}/survey/page/1").text
                fields = dict.fromkeys(re.findall(r'name="(item-\w+)"', shown), "2")
                mine = re.search(r'form_token" value="([^"]+)', shown)
                assert mine is not None
                client.post(
                    f"{place}/survey/page/1", data={**fields, "form_token": mine.group(1), "go": "next"}
                )
                if line.startswith("zebraone"):
                    sent = {"code": code.group(1), "choice": "delete"}
                    assert "answers are erased" in client.post("/withdraw", data=sent).text
        formats = (
            "csv-wide",
            "csv-long",
            "spss",
            "stata",
            "redcap-data",
            "fhir-r5-answers",
            "bids",
            "psych-ds",
        )
        for form in formats:
            assert run("export", form, "--study", "trial", "--out", f"export_{form}") == 0, form
    for form in formats:
        made = tmp_path / f"export_{form}"
        files = [made] if made.is_file() else [file for file in made.rglob("*") if file.is_file()]
        content = b"".join(file.read_bytes() for file in files)
        assert b"zebraone" not in content, form
        assert b"zebratwo" in content, form
    assert run("store", "audit") == 0
