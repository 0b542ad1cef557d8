"""The questionnaire over HTTP: every rule of storage and safety, on SQLite and on PostgreSQL."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
from sqlalchemy import Engine, func, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import at, form_token, place_of
from study_of_tests import open_study

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.store import tables
from instrument.store.retrieval import responses_of
from instrument.store.tokens import Keyring

HERE = {"sec-fetch-site": "same-origin"}
HELP = 'Call the made-up line <a href="tel:000">000</a>.'
MONTHS_DE = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]


class Person:
    """A browser that keeps cookies and fills in forms; paths are those within the person's own pages."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.place = ""

    def _path(self, path: str) -> str:
        known = ("/survey", "/language", "/help", "/withdraw")
        return self.place + path if path.startswith(known) else path

    def get(self, path: str) -> httpx.Response:
        found = self.client.get(self._path(path))
        self.place = place_of(found) or self.place
        return found

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        shown = {"/survey/submit": "/survey/review", "/language": "/survey"}.get(path, path)
        if "form_token" not in fields and 'name="form_token"' in (page := self.get(shown).text):
            fields["form_token"] = form_token(page)
        return self.client.post(self._path(path), data=fields, headers=HERE if headers is None else headers)

    def begin(self, token: str) -> httpx.Response:
        self.get(f"/q/{token}")
        self.post("/survey/consent", consent="yes")
        return self.post("/survey/start")

    def fields_on(self, number: int) -> list[str]:
        return list(dict.fromkeys(re.findall(r'name="(item-\w+)"', self.get(f"/survey/page/{number}").text)))

    def answer(self, number: int, code: str = "4") -> httpx.Response:
        return self.post(f"/survey/page/{number}", go="next", **dict.fromkeys(self.fields_on(number), code))


@pytest.fixture
def site(engine: Engine, keyring: Keyring) -> Iterator[tuple[Person, str]]:
    _, _, (token,) = open_study(engine, keyring)
    with TestClient(
        create_app(engine, keyring, limit=GuessLimit(guesses=5)), base_url="http://testserver"
    ) as client:
        yield Person(client), token


def test_a_person_walks_from_link_to_thanks_and_each_answer_is_in_the_store(
    site: tuple[Person, str], engine: Engine
) -> None:
    person, token = site
    first = person.get(f"/q/{token}")
    assert at(first) == "/survey/consent"
    assert "You agree to &lt;b&gt;nothing&lt;/b&gt;." in first.text
    assert person.post("/survey/consent").status_code == 422
    start = person.post("/survey/consent", consent="yes")
    assert at(start) == "/survey/start"
    code = re.search(r"code is ((?:\w{4}-?){4})", start.text)
    assert code is not None
    assert at(person.post("/survey/start")) == "/survey/page/1"
    assert "Question 1 of 40" in person.get("/survey/page/1").text
    for number in range(1, 8):
        last = person.answer(number)
    assert at(last) == "/survey/review"
    mine = form_token(last.text)
    done = person.post("/survey/submit", submit_key="x", form_token=mine)
    assert at(done) == "/survey/done"
    assert code.group(1) not in done.text
    assert "is not shown again" in done.text
    assert at(person.post("/survey/submit", submit_key="x", form_token=mine)) == "/survey/done"
    with engine.connect() as connection:
        wide = responses_of(connection, "trial", completed_only=True)
    assert len(wide) == 1
    assert (wide.filter(regex=r"\d$") == 4).all().all()
    assert wide.attrs["reasons"].empty


def test_nothing_is_preselected_and_every_item_is_a_fieldset(site: tuple[Person, str]) -> None:
    person, token = site
    page = person.begin(token).text
    assert "checked" not in page
    assert page.count("<fieldset") == page.count("<legend") == 6
    assert page.count('type="radio"') == 6 * 7
    assert "<table" not in page
    assert "<script" not in page


def test_the_link_resumes_on_another_device_at_the_first_open_item(
    site: tuple[Person, str], engine: Engine, keyring: Keyring
) -> None:
    person, token = site
    person.begin(token)
    person.answer(1)
    with TestClient(create_app(engine, keyring)) as phone:
        other = Person(phone)
        assert at(other.get(f"/q/{token}")) == "/survey/page/2"
        assert other.get("/survey/page/1").text.count("checked") == 6


def test_a_blank_gets_one_soft_prompt_with_answers_saved_and_then_a_way_on(
    site: tuple[Person, str], engine: Engine
) -> None:
    person, token = site
    person.begin(token)
    fields = person.fields_on(1)
    prompt = person.post("/survey/page/1", go="next", **{fields[0]: "2"})
    assert prompt.status_code == 422
    assert prompt.text.count('href="#item-') == 5
    assert "autofocus" in prompt.text
    assert person.get("/survey/page/1").text.count("checked") == 1
    assert at(person.post("/survey/page/1", go="continue")) == "/survey/page/2"
    with engine.connect() as connection:
        reasons = responses_of(connection, "trial").attrs["reasons"]["reason"].value_counts()
    assert reasons.to_dict() == {"not_seen": 34, "skipped": 5}


def test_outside_answers_keep_their_reason(site: tuple[Person, str], engine: Engine) -> None:
    person, token = site
    person.begin(token)
    person.answer(1, "96")
    person.answer(2, "97")
    with engine.connect() as connection:
        reasons = responses_of(connection, "trial").attrs["reasons"]["reason"].value_counts().to_dict()
    assert reasons["not_applicable"] == 6
    assert reasons["declined"] == 6


@pytest.mark.parametrize("value", ["0", "6", "x", "4 ", "१", "4.0", "-1"])
def test_a_choice_that_does_not_exist_is_not_stored(
    site: tuple[Person, str], engine: Engine, value: str
) -> None:
    person, token = site
    person.begin(token)
    fields = person.fields_on(1)
    answer = person.post("/survey/page/1", go="continue", **{**dict.fromkeys(fields, "3"), fields[0]: value})
    assert answer.status_code == 422
    assert "Please choose one of the options shown" in answer.text
    with engine.connect() as connection:
        answered = (
            select(func.count()).select_from(tables.response).where(tables.response.c.state == "answered")
        )
        assert connection.execute(answered).scalar_one() == 5


def test_going_back_saves_and_fields_of_other_pages_are_ignored(
    site: tuple[Person, str], engine: Engine
) -> None:
    person, token = site
    person.begin(token)
    first = person.fields_on(1)
    person.answer(1)
    second = person.fields_on(2)
    back = person.post("/survey/page/2", go="back", **{second[0]: "5", first[0]: "1"})
    assert at(back) == "/survey/page/1"
    assert person.get("/survey/page/2").text.count("checked") == 1
    with engine.connect() as connection:
        assert responses_of(connection, "trial")[first[0].removeprefix("item-")].item() == 4


def test_languages_change_at_any_time_and_lose_nothing(site: tuple[Person, str]) -> None:
    person, token = site
    person.begin(token)
    fields = person.fields_on(1)
    german = person.post("/survey/page/1", lang="de", **{fields[0]: "3"})
    assert '<html lang="de">' in german.text
    assert "nicht validiert" in german.text
    assert german.text.count("checked") == 1
    language = re.findall(r'name="form_token" value="([^"]+)"', person.get("/survey/review").text)[0]
    english = person.post("/language", lang="en", back="/survey/review", form_token=language)
    assert '<html lang="en">' in english.text
    assert at(english) == "/survey/review"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_a_post_from_elsewhere_saves_nothing_and_keeps_the_answers_on_the_page(
    site: tuple[Person, str], engine: Engine, headers: dict[str, str]
) -> None:
    person, token = site
    person.begin(token)
    fields = dict.fromkeys(person.fields_on(1), "3")
    answer = person.post("/survey/page/1", headers=headers, go="next", **fields)
    assert answer.status_code == 403
    assert answer.text.count("checked") == 6
    with engine.connect() as connection:
        assert responses_of(connection, "trial").filter(regex=r"\d$").isna().all().all()


def test_a_form_without_the_sessions_token_saves_nothing(site: tuple[Person, str]) -> None:
    person, token = site
    person.begin(token)
    fields = dict.fromkeys(person.fields_on(1), "3")
    assert person.post("/survey/page/1", go="next", form_token="forged", **fields).status_code == 403
    good = person.post("/survey/page/1", headers={"origin": "http://testserver"}, go="next", **fields)
    assert at(good) == "/survey/page/2"


def test_an_old_tab_loses_nothing(site: tuple[Person, str]) -> None:
    person, token = site
    person.begin(token)
    fields = person.fields_on(1)
    person.post("/survey/page/1", go="next", **{fields[0]: "1"})
    person.post("/survey/page/1", go="next", **{fields[1]: "2"})
    assert person.get("/survey/page/1").text.count("checked") == 2


def test_a_finished_questionnaire_stays_as_it_was(site: tuple[Person, str], engine: Engine) -> None:
    person, token = site
    person.begin(token)
    fields = dict.fromkeys(person.fields_on(1), "3")
    person.post("/survey/page/1", go="next", **fields)
    person.post("/survey/submit", submit_key="a")
    person.post("/survey/page/1", go="next", **dict.fromkeys(fields, "5"))
    with engine.connect() as connection:
        wide = responses_of(connection, "trial", completed_only=True)
    answered = wide.filter(regex=r"\d$").stack().dropna()
    assert (len(answered), set(answered)) == (6, {3})


def test_refusal_of_consent_stores_nothing_but_the_choice(site: tuple[Person, str], engine: Engine) -> None:
    person, token = site
    person.get(f"/q/{token}")
    assert "That is fine" in person.post("/survey/consent", consent="no").text
    assert at(person.get("/survey/page/1")) == "/survey"
    assert at(person.post("/survey/start")) == "/survey"
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.administration)).scalar_one() == 0
        assert connection.execute(select(tables.consent.c.granted)).scalar_one() is False


def test_a_wave_opens_and_closes_on_its_days(site: tuple[Person, str], engine: Engine) -> None:
    person, token = site
    person.get(f"/q/{token}")
    person.post("/survey/consent", consent="yes")
    for days, expected in [
        (10, "The next questions open on"),
        (25, "There are 40 questions"),
        (40, "no more questions"),
    ]:
        with engine.begin() as connection:
            enrolled = datetime.now(UTC) - timedelta(days=days)
            connection.execute(update(tables.participant).values(enrolled_at=enrolled))
        shown = person.get("/survey").text
        assert expected in shown
        if days == 10:  # the day as people write it, in the language of the page
            opens = enrolled.date() + timedelta(days=20)
            assert f"open on {opens.day} {opens:%B %Y}." in shown and opens.isoformat() not in shown
            person.post("/language", lang="de", back="/survey", form_token=form_token(shown))
            shown = person.get("/survey").text
            assert f"öffnen am {opens.day}. {MONTHS_DE[opens.month - 1]} {opens.year}." in shown
            person.post("/language", lang="en", back="/survey", form_token=form_token(shown))


def test_a_closed_study_takes_no_answers(site: tuple[Person, str], engine: Engine) -> None:
    person, token = site
    person.begin(token)
    with engine.begin() as connection:
        connection.execute(update(tables.study).values(status="closed"))
    assert person.get("/survey/page/1").status_code == 403
    assert "This study is closed" in person.post("/survey/page/1", go="next").text
    assert HELP in person.get("/help").text


def test_help_is_on_every_page_and_the_same_for_everyone(site: tuple[Person, str]) -> None:
    person, token = site
    assert HELP in person.get(f"/q/{token}").text
    person.begin(token)
    pages = ["/survey/page/1", "/survey/review", "/withdraw", "/help"]
    assert all("Help now</" in person.get(path).text for path in pages)
    assert HELP in person.get("/withdraw").text
    assert HELP in person.get("/help").text
    person.post("/survey/submit", submit_key="a")
    assert HELP in person.get("/survey/done").text


def test_withdrawal_erases_and_ends_the_link(site: tuple[Person, str], engine: Engine) -> None:
    person, token = site
    person.get(f"/q/{token}")
    shown = person.post("/survey/consent", consent="yes").text
    code = re.search(r"((?:\w{4}-){3}\w{4})", shown).group(1)
    assert code in person.get("/survey/start").text  # a reload before the first question loses nothing
    person.begin(token)
    person.answer(1)
    for page in (
        "/survey/start",
        "/survey/page/1",
        "/survey/review",
        "/survey/consent",
        "/help",
        "/withdraw",
    ):
        assert code not in person.get(page).text
    assert "is not shown again" in person.get("/survey/start").text
    assert person.client.post("/withdraw", data={"code": code}).status_code == 403
    assert person.post("/withdraw", code="AAAA", choice="delete").status_code == 422
    sent = person.post("/withdraw", code=code.lower(), choice="delete")
    assert "Your answers are erased" in sent.text
    assert person.get(f"/q/{token}").status_code == 404
    assert person.get("/survey").status_code == 403
    with engine.connect() as connection:
        for table in ("participant", "administration", "response", "consent"):
            assert (
                connection.execute(
                    select(func.count()).select_from(tables.metadata.tables[table])
                ).scalar_one()
                == 0
            )


def test_headers_close_every_door(site: tuple[Person, str]) -> None:
    person, token = site
    for path in (f"/q/{token}", "/survey/page/1", "/withdraw", "/nowhere", "/static/style.css"):
        headers = person.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "noindex" in headers["x-robots-tag"]


def test_the_cookie_is_signed_http_only_and_holds_no_token(site: tuple[Person, str]) -> None:
    person, token = site
    sent = person.client.get(f"/q/{token}", follow_redirects=False).headers["set-cookie"]
    assert token not in sent
    assert "HttpOnly" in sent
    assert "SameSite=lax" in sent
    value = person.client.cookies["dta_session"]
    person.get(f"/q/{token}")
    for forged in (
        value[:-1] + ("A" if value[-1] != "A" else "B"),
        "1.x",
        "2." + value.split(".")[1],
        "x",
        "9" * 40 + ".a",
    ):
        person.client.cookies.clear()
        person.client.cookies.set("dta_session", forged)
        assert person.get("/survey").status_code == 403


def test_guessing_is_slowed(site: tuple[Person, str]) -> None:
    person, token = site
    codes = [person.get(f"/q/guess{k}").status_code for k in range(7)]
    assert codes == [404] * 5 + [429] * 2
    assert person.get(f"/q/{token}").status_code == 200


@pytest.mark.parametrize("how", ["length", "chunks", "fields", "file"])
def test_oversized_bodies_are_refused(site: tuple[Person, str], how: str) -> None:
    person, token = site
    person.begin(token)
    if how == "fields":
        sent = person.client.post(
            f"{person.place}/survey/page/1", data={f"f{k}": "1" for k in range(500)}, headers=HERE
        )
    elif how == "file":
        sent = person.client.post(f"{person.place}/survey/page/1", files={"f": b"x" * 10}, headers=HERE)
    else:
        body = b"a=" + b"x" * 200_000
        content = body if how == "length" else iter([body[:100_000], body[100_000:]])
        kind = {"content-type": "application/x-www-form-urlencoded"}
        sent = person.client.post(f"{person.place}/survey/page/1", content=content, headers={**HERE, **kind})
    assert sent.status_code in (400, 413)
    assert "too much at once" in sent.text


@pytest.mark.parametrize("path", ["/q/{}/", "/q/{}//", "/q/{}", "/survey/", "/withdraw/", "/static"])
def test_no_redirect_holds_a_token_or_a_foreign_host(site: tuple[Person, str], path: str) -> None:
    person, token = site
    sent = person.client.get(path.format(token), headers={"host": "evil.example"}, follow_redirects=False)
    assert "evil.example" not in str(sent.headers)
    assert token not in str(sent.headers)
    assert token not in sent.text


def test_logs_hold_the_route_and_no_token_and_no_answer(
    site: tuple[Person, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, token = site
    # a server that another test started in this process keeps its lines to itself
    monkeypatch.setattr(logging.getLogger("dta.questionnaire"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("dta.questionnaire"), "disabled", False)
    with caplog.at_level(logging.DEBUG, logger="dta.questionnaire"):
        person.begin(token)
        person.answer(1)
        person.get("/q/notatoken")
    ours = [record.getMessage() for record in caplog.records if record.name == "dta.questionnaire"]
    assert any('"/q/{token}"' in line for line in ours)
    assert any('"/s/{place}/survey/page/{number}"' in line for line in ours)
    assert not any(token in line or "notatoken" in line or "item-" in line for line in ours)


def test_unknown_pages_and_numbers_are_no_faults(site: tuple[Person, str]) -> None:
    person, token = site
    person.begin(token)
    assert person.get("/nowhere").status_code == 404
    for number in ("0", "-1", "x", "99999999999999999999"):
        assert person.get(f"/survey/page/{number}").status_code == 404
    assert at(person.get("/survey/page/99")) == "/survey/page/1"
    assert at(person.post("/survey/page/99", go="next")) == "/survey/page/1"


def test_health_speaks_of_the_store(site: tuple[Person, str], engine: Engine) -> None:
    person, _ = site
    assert person.get("/health").json() == {"status": "ok"}
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'old'")
    assert person.get("/health").status_code == 503


def test_behind_a_prefix_every_link_and_the_cookie_bear_it(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring, prefix="alliance/", secure=True)) as client:
        sent = client.get(f"/q/{token}", follow_redirects=False)
    assert re.fullmatch(r"/alliance/s/[0-9a-f]{26}/survey", sent.headers["location"])
    assert "Path=/alliance" in sent.headers["set-cookie"]
    assert "Secure" in sent.headers["set-cookie"]
