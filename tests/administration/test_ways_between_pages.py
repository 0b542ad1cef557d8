"""Ways off a page keep what was ticked and lead back; ended links still say whose study it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update
from starlette.requests import Request
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at, place_of
from study_of_tests import open_study, raw_study

from instrument.administer.application import create_app
from instrument.administer.entry import _language_for
from instrument.administer.linking import with_telephone_links
from instrument.administer.texts import FOLDER, page_texts
from instrument.errors import DefinitionError
from instrument.store import tables
from instrument.store.tokens import Keyring
from instrument.study import make_study


def test_help_and_withdraw_keep_the_ticks_and_lead_back(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        for step, code in (("help", "2"), ("withdraw", "4")):
            tab.press(("go", step), tick=code)
            assert at(tab.response) == f"/{step}"
            assert "made-up line 000" in tab.page.said
            tab.follow("Back to the questions")
            assert at(tab.response) == "/survey/page/1"
            assert tab.page.main.ticked == dict.fromkeys(tab.page.main.choices, code)


NAMED = {"titles": {"de": "Erprobung der App"}, "contacts": {"de": "hilfe@beispiel.de"}}


@pytest.mark.parametrize("lang", ["en", "de"])
def test_every_page_names_study_and_contact_in_its_language(
    engine: Engine, keyring: Keyring, lang: str
) -> None:
    _, _, (token,) = open_study(engine, keyring, **NAMED)
    said = {"en": ("Trial of the app", "team@example.org"), "de": ("Erprobung der App", "hilfe@beispiel.de")}
    (title, contact), (other, another) = said[lang], said["de" if lang == "en" else "en"]
    with TestClient(create_app(engine, keyring), headers={"accept-language": lang}) as client:
        stranger = Tab(client).open("/q/" + "x" * len(token))
        tab = Tab(client).open(f"/q/{token}")
        place, seen = place_of(tab.response), [stranger.page.said, tab.page.said]
        tab.press(tick={"consent": "yes"})
        seen.append(tab.page.said)
        for path in ("/survey/page/1", "/survey/review", "/help", "/withdraw"):
            seen.append(tab.open(place + path).page.said)
    for text in seen:
        assert title in text
        assert contact in text
        assert other not in text
        assert another not in text


@pytest.mark.parametrize(
    ("asked", "lang"), [("de-AT, en;q=0.5", "de"), ("fr", "en"), ("", "en"), ("en-GB", "en")]
)
def test_a_link_opens_in_the_language_the_browser_asks_for_and_stays_in_the_one_agreed_in(
    engine: Engine, keyring: Keyring, asked: str, lang: str
) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring), headers={"accept-language": asked}) as client:
        tab = Tab(client).open(f"/q/{token}")
        assert f'<html lang="{lang}"' in tab.response.text
        tab.press(tick={"consent": "yes"})
        assert f'<html lang="{lang}"' in tab.response.text
    other = "en" if lang == "de" else "de"
    with TestClient(create_app(engine, keyring), headers={"accept-language": other}) as client:
        tab = Tab(client).open(f"/q/{token}")
        assert f'<html lang="{lang}"' in tab.response.text
        client.cookies.delete("dta_language")
        assert f'<html lang="{lang}"' in tab.reload().response.text, (
            "what was agreed in goes before the browser"
        )
    with engine.connect() as connection:
        assert connection.execute(select(tables.participant.c.lang)).scalars().all() == [lang]
        assert connection.execute(select(tables.consent.c.lang)).scalars().all() == [lang]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("de", "de"),
        ("de-AT", "de-AT"),
        ("de-CH", "de-AT"),
        ("fr, de;q=0.5", "de"),
        ("nl", "en"),
        ("EN-us", "en"),
    ],
)
def test_the_nearest_language_that_is_offered_is_taken(asked: str, found: str) -> None:
    scope = {"type": "http", "headers": [(b"accept-language", asked.encode())], "query_string": b""}
    assert _language_for(Request(scope), ["en", "de-AT", "de"], "en") == found


def test_contacts_of_several_studies_are_given_in_the_language_of_the_page(
    engine: Engine, keyring: Keyring
) -> None:
    open_study(engine, keyring, **NAMED)
    open_study(engine, keyring, id="second", contact="two@example.org")
    with TestClient(create_app(engine, keyring), headers={"accept-language": "de"}) as client:
        said = Tab(client).open("/q/" + "x" * 32).page.said
    assert "hilfe@beispiel.de; two@example.org" in said
    assert "team@example.org" not in said


def test_a_draft_is_named_to_nobody(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    open_study(engine, keyring, id="second", title="Not yet told", contact="two@example.org")
    with engine.begin() as connection:
        second = tables.study.c.name == "second"
        connection.execute(update(tables.study).where(second).values(status="draft"))
    with TestClient(create_app(engine, keyring)) as client:
        said = Tab(client).open("/q/" + "x" * 32).page.said
    assert "Trial of the app" in said, "the only study that people may know of"
    assert "team@example.org" in said
    assert "two@example.org" not in said
    assert "Not yet told" not in said


def test_a_title_in_a_language_that_is_not_offered_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"titles\.fr: is none of the languages \(en, de\)"):
        make_study({**raw_study(), "titles": {"fr": "Essai"}})
    assert make_study({**raw_study(), "titles": {}}).content_hash == make_study(raw_study()).content_hash


def test_a_change_from_the_review_leads_back_to_it(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token).press(tick="3").press(tick="3")
        tab.open(place_of(tab.response) + "/survey/review").follow("Change page 1")
        tab.press(tick="5")
        assert at(tab.response) == "/survey/review"
    with engine.connect() as connection:
        query = select(tables.response.c.value).order_by(tables.response.c.display_order).limit(12)
        assert list(connection.execute(query).scalars()) == [5] * 6 + [3] * 6


@pytest.mark.parametrize(
    ("status", "words"), [("draft", "This study is not open yet"), ("closed", "This study is closed")]
)
def test_a_study_that_takes_no_answers_says_why(
    engine: Engine, keyring: Keyring, status: str, words: str
) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with engine.begin() as connection:
        connection.execute(update(tables.study).values(status=status))
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}")
    assert words in tab.page.said
    assert "Trial of the app" in tab.page.said
    assert "team@example.org" in tab.page.said


def test_lost_links_name_the_study_and_change_language(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open("/q/unknown")
        assert (tab.response.status_code, "team@example.org" in tab.page.said) == (404, True)
        german = client.get("/q/unknown" + tab.page.links["Deutsch"]).text
    assert '<html lang="de">' in german
    assert "Dieser Link gilt nicht" in german


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Call 116 123 or +49 (0)30 1234567.", ["tel:116123", "tel:+49301234567"]),
        ("In the US: 1-800-555-0100, (800) 555-0100.", ["tel:18005550100", "tel:8005550100"]),
        ("Rufen Sie 112 an, 24 Stunden, 24/7, seit 2019.", ["tel:112"]),
        ("On 01.02.2026 and 2026-02-01 at 08:00 in room 305, 120 minutes.", []),
    ],
)
def test_telephone_numbers_and_nothing_else_are_links(text: str, numbers: list[str]) -> None:
    made = str(with_telephone_links(text))
    assert [part.split('"')[0] for part in made.split('href="')[1:]] == numbers


def test_every_language_of_the_pages_is_whole_and_claims_no_random_code() -> None:
    keys = set(page_texts("en"))
    for file in FOLDER.glob("*.yaml"):
        texts = page_texts(file.stem)
        assert set(texts) == keys, file.name
        assert not any("random" in text or "Zufall" in text for text in texts.values())
