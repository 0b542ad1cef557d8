"""Where a person stands, by hand: what a field says, what is shown as chosen, until when, and what was seen."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import HERE, Tab, at, place_of
from study_of_tests import open_study
from test_forms import FORMS, fill

import instrument
from instrument.administer.application import create_app
from instrument.administer.entry import person_numbered
from instrument.administer.journey import chosen_code, occasion_of, read_form
from instrument.administer.layout import order_items, page_sizes
from instrument.administer.session import GuessLimit
from instrument.administer.sheets import shown_at
from instrument.store import tables
from instrument.store.answers import Answer
from instrument.store.tokens import Keyring

SCALE = instrument.load("dta")
SHOWN = {"hum1": 11, "hum2": 12}


@pytest.mark.parametrize(
    ("sent", "answers", "wrong"),
    [
        ({}, {}, []),
        ({"item-hum1": ""}, {}, []),
        ({"item-hum1": "3", "item-mea1": "2"}, {11: Answer("answered", 3)}, []),
        ({"item-hum1": "96"}, {11: Answer("not_applicable")}, []),
        ({"item-hum1": "97", "item-hum2": "5"}, {11: Answer("declined"), 12: Answer("answered", 5)}, []),
        *(({"item-hum1": odd}, {}, ["hum1"]) for odd in ("0", "6", "98", "3.0", "03", " 3", "three", "٣")),
        ({"item-hum1": "9", "item-hum2": "1"}, {12: Answer("answered", 1)}, ["hum1"]),
    ],
)
def test_a_field_says_one_thing(sent: dict[str, str], answers: dict[int, Answer], wrong: list[str]) -> None:
    assert read_form(SCALE, SHOWN, sent) == (answers, wrong)


def test_what_was_stored_is_shown_as_the_choice_it_was() -> None:
    stored = [
        ("answered", 4),
        ("not_applicable", None),
        ("declined", None),
        ("skipped", None),
        ("not_seen", None),
    ]
    assert [chosen_code(SCALE, "hum1", *one) for one in stored] == [4, 96, 97, None, None]


def test_a_wave_is_open_to_the_end_of_its_last_day(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    with engine.connect() as connection:
        person = person_numbered(connection, 1)
        first = person.enrolled_at.date()
        found = occasion_of(connection, person, first)
        last = occasion_of(connection, person, first + timedelta(days=9))
        over = occasion_of(connection, person, first + timedelta(days=10))
    day_after: date = first + timedelta(days=10)
    assert found.until == last.until == datetime(day_after.year, day_after.month, day_after.day, tzinfo=UTC)
    assert (found.wave, last.wave, over.wave, over.until) == ("first", "first", "", None)
    assert over.next_opens == first + timedelta(days=20)


def seen(engine: Engine) -> list[int]:
    """Pages whose questions were shown."""
    query = select(tables.response.c.page).where(tables.response.c.shown_at.is_not(None)).distinct()
    with engine.connect() as connection:
        return sorted(connection.execute(query).scalars())


def test_questions_count_as_seen_when_they_are_shown_and_not_while_a_form_stands_before_them(
    engine: Engine, keyring: Keyring
) -> None:
    whole = {**FORMS, "waves": FORMS["waves"][1:]}  # scale and form in one wave
    forms = [{**form, "waves": ["first"]} for form in FORMS["forms"]]
    _, _, (token,) = open_study(engine, keyring, **{**whole, "forms": forms})
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}").press(tick={"consent": "yes"})
        tab.press()
        assert "Used an app?" in tab.page.said
        assert seen(engine) == []
        fill(tab, used="0")
        fill(tab, age="30")
        assert seen(engine) == []
        fill(tab, since="2020-01-01")
        assert "Question 1 of" in tab.page.said
        assert seen(engine) == [1]


def states(engine: Engine) -> dict[str, tuple[str, int | None]]:
    """State and value of the items of the first page."""
    rows = select(tables.item.c.name, tables.response.c.state, tables.response.c.value)
    query = rows.join(tables.item, tables.item.c.id == tables.response.c.item_id).where(
        tables.response.c.page == 1
    )
    with engine.connect() as connection:
        return {row.name: (row.state, row.value) for row in connection.execute(query)}


def post(tab: Tab, go: str, **ticks: str) -> Tab:
    """Post the page with these fields alone, as a page that was made earlier would."""
    sent = {**tab.page.main.hidden, "go": go, **{f"item-{name}": code for name, code in ticks.items()}}
    answer = tab.client.post(tab.page.main.action, data=sent, headers=HERE, follow_redirects=True)
    return tab.take(answer)


def test_a_page_asks_for_what_is_blank_and_takes_nothing_back(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring, item_order={"policy": "fixed", "per_page": 3})
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        early = tab.response
        first, second, third = (name.removeprefix("item-") for name in tab.page.main.choices)
        post(tab, "next", **{first: "4", second: "96"})
        assert tab.response.status_code == 422, "one is blank: asked about once"
        assert seen(engine) == [1], "the next page was not shown"
        assert states(engine) == {
            first: ("answered", 4),
            second: ("not_applicable", None),
            third: ("not_seen", None),
        }
        post(tab, "continue", **{third: "99"})
        assert tab.response.status_code == 422, "no such choice: neither an answer nor a blank"
        assert states(engine)[third] == ("not_seen", None)
        post(tab, "continue")
        assert at(tab.response) == "/survey/page/2"
        assert seen(engine) == [1, 2]
        after = {first: ("answered", 4), second: ("not_applicable", None), third: ("skipped", None)}
        assert states(engine) == after
        tab.take(early)  # the page as it was before anything was answered
        post(tab, "next")
        assert tab.response.status_code == 422, "what was skipped is asked about again"
        post(tab, "continue")
        assert states(engine) == after, "an answer is not taken back by a page that does not hold it"
        tab.open(place_of(tab.response) + "/survey/page/1?from=review")
        post(tab, "next")
        assert at(tab.response) == "/survey/review", "from the review a blank may stay one"


def kept_of(engine: Engine) -> tuple[str | None, list[tuple[str, str, bool]]]:
    """Language of the person, and language, hash and answer of each choice about consent."""
    choice = tables.consent.c
    with engine.connect() as connection:
        lang = connection.execute(select(tables.participant.c.lang)).scalar_one()
        query = select(choice.lang, choice.text_hash, choice.granted).order_by(choice.id)
        return lang, [tuple(row) for row in connection.execute(query)]


def test_a_choice_is_kept_with_the_text_that_was_read_and_a_no_sets_no_language(
    engine: Engine, keyring: Keyring
) -> None:
    study, _, (token,) = open_study(engine, keyring)
    assert study.consent is not None
    de, en = (study.consent.hash_of(tag) for tag in ("de", "en"))
    assert de != en
    with TestClient(create_app(engine, keyring), headers={"accept-language": "de"}) as client:
        tab = Tab(client).open(f"/q/{token}")
        german = tab.response
        tab.press(tick={"consent": "no"})
        assert kept_of(engine) == (None, [("de", de, False)])
        tab.take(german)
        languages = next(form for form in tab.page.forms if form.action.endswith("/language"))
        tab.press(("lang", "en"), form=languages)
        assert kept_of(engine)[0] == "en"
        tab.take(german).press(tick={"consent": "yes"})  # the German text was read and agreed to
    assert kept_of(engine) == ("en", [("de", de, False), ("de", de, True)])


def test_a_choice_that_is_none_and_a_start_of_another_moment_keep_nothing(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (token, other) = open_study(engine, keyring, 2)
    with TestClient(create_app(engine, keyring)) as client:
        strange = Tab(client).open(f"/q/{other}").press(tick={"consent": "yes"})
        foreign = strange.page.main.hidden
        tab = Tab(client).open(f"/q/{token}").press(tick={"consent": "perhaps"})
        assert tab.response.status_code == 422
        with engine.connect() as connection:
            granted = select(tables.consent.c.granted).order_by(tables.consent.c.id)
            assert connection.execute(granted).scalars().all() == [True], "of the other alone"
        tab.press(tick={"consent": "yes"})
        answer = client.post(tab.page.main.action, data=foreign, headers=HERE, follow_redirects=False)
        assert answer.status_code == 403
        with engine.connect() as connection:
            assert connection.execute(select(tables.administration.c.id)).all() == []
        assert at(tab.press().response) == "/survey/page/1"


def test_who_has_begun_again_is_led_on_and_not_thanked(engine: Engine, keyring: Keyring) -> None:
    waves = [
        {"id": "first", "day": 0, "opens": 0, "closes": 9},
        {"id": "again", "day": 0, "opens": 0, "closes": 9},
    ]
    _, _, (token,) = open_study(engine, keyring, waves=waves, item_order={"policy": "fixed", "per_page": 8})
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        while at(tab.response) != "/survey/review":
            tab.press(("go", "continue"))
        tab.press()
        assert at(tab.response) == "/survey/done"
        assert "Thank you" in tab.page.said
        place = place_of(tab.response)
        tab.open(place + "/survey").press()
        assert at(tab.response) == "/survey/page/1"
        assert at(tab.open(place + "/survey/done").response) == "/survey/page/1"


def test_a_link_that_has_ended_opens_no_session(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring)
    with engine.begin() as connection:
        ended = update(tables.participant).values(expires_at=datetime.now(UTC) - timedelta(days=1))
        connection.execute(ended)
    with TestClient(create_app(engine, keyring)) as client:
        answer = client.get(f"/q/{token}", follow_redirects=False)
        assert answer.status_code == 404
        assert "set-cookie" not in answer.headers
        assert "Trial of the app" in answer.text


def test_codes_of_withdrawal_cannot_be_guessed_for_long(engine: Engine, keyring: Keyring) -> None:
    open_study(engine, keyring)
    app = create_app(engine, keyring)
    app.state.site = replace(app.state.site, limit=GuessLimit(guesses=3))
    with TestClient(app) as client:
        sent = {"code": "AAAA-BBBB-CCCC-DDDD", "choice": "delete"}
        codes = [client.post("/withdraw", data=sent, headers=HERE).status_code for _ in range(5)]
    assert codes == [422, 422, 422, 429, 429]


def test_a_language_is_changed_by_a_form_of_the_person_alone(engine: Engine, keyring: Keyring) -> None:
    _, _, (token, other) = open_study(engine, keyring, 2)
    with TestClient(create_app(engine, keyring)) as client:
        strange = Tab(client).open(f"/q/{other}")
        foreign = next(form for form in strange.page.forms if form.action.endswith("/language")).hidden
        tab = Tab(client).open(f"/q/{token}")
        languages = next(form for form in tab.page.forms if form.action.endswith("/language"))
        sent = {**foreign, "lang": "de"}
        client.post(languages.action, data=sent, headers=HERE, follow_redirects=True)
        with engine.connect() as connection:
            assert connection.execute(select(tables.participant.c.lang)).scalars().all() == [None, None]
        assert tab.press(("lang", "de"), form=languages).page.lang == "de"


def test_instructions_of_the_scale_stand_before_the_scale_alone(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = open_study(engine, keyring, **FORMS)
    instructions = " ".join(SCALE.wording("en").instructions.split())
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{token}").press(tick={"consent": "yes"})
        assert instructions not in " ".join(tab.page.said.split()), "this wave asks a form alone"
    _, _, (another,) = open_study(engine, keyring, id="second")
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).open(f"/q/{another}").press(tick={"consent": "yes"})
        assert instructions in " ".join(tab.page.said.split())


def test_a_header_stands_once_and_a_fault_is_logged_without_what_was_sent(
    engine: Engine, keyring: Keyring, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a server that another test started in this process keeps its lines to itself
    monkeypatch.setattr(logging.getLogger("dta.questionnaire"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("dta.questionnaire"), "disabled", False)
    app = create_app(engine, keyring)

    @app.get("/fails")
    def fails() -> None:
        raise ValueError("the answer was 4711")

    with TestClient(app) as client, caplog.at_level(logging.DEBUG):
        worker = client.get("/worker.js")
        assert worker.headers.get_list("cache-control") == ["no-cache"]
        assert len(worker.headers.get_list("content-security-policy")) == 1
        assert "dta-forget" not in worker.headers
        answer = client.get("/fails")
        assert answer.status_code == 500
        assert "4711" not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name == "dta.questionnaire"]
    assert any(line.startswith("ValueError at ") for line in ours)
    assert not [line for line in ours if "4711" in line]


def test_a_browser_is_told_to_forget_only_where_the_study_let_it_keep(
    engine: Engine, keyring: Keyring
) -> None:
    for number, offline in enumerate((True, False)):
        _, _, (token,) = open_study(engine, keyring, id=f"study{number}", offline=offline)
        with TestClient(create_app(engine, keyring)) as client:
            tab = Tab(client).open(f"/q/{token}").press(tick={"consent": "no"})
            assert ("dta-forget" in tab.response.headers) == offline


def test_an_id_of_a_page_made_with_another_key_is_none_of_ours(keyring: Keyring) -> None:
    name = f"{keyring.newest}.{'a' * 16}.1700000000000"
    assert shown_at(keyring, name) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert shown_at(keyring, name.replace(keyring.newest, "k99", 1)) is None


def test_pages_are_of_like_size_and_orders_move_what_they_may(keyring: Keyring) -> None:
    assert [page_sizes(n, 6) for n in (1, 6, 12, 13)] == [[1], [6], [6, 6], [5, 4, 4]]
    items, themes = list(SCALE.item_ids), [[item.id for item in theme.items] for theme in SCALE.themes]
    assert order_items(SCALE, "fixed", 1) == items
    whole = order_items(SCALE, "overall", 1)
    assert whole != items
    assert sorted(whole) == sorted(items)
    within = order_items(SCALE, "within_theme", 1)
    assert within != items
    ends = [sum(map(len, themes[:k])) for k in range(len(themes) + 1)]
    for theme, start, end in zip(themes, ends, ends[1:], strict=False):
        assert sorted(within[start:end]) == sorted(theme)


def test_what_was_seen_and_left_blank_is_sent_as_left_out_and_what_was_not_seen_as_that(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (token,) = open_study(engine, keyring, item_order={"policy": "fixed", "per_page": 3})
    with TestClient(create_app(engine, keyring)) as client:
        tab = Tab(client).begin(token)
        place = place_of(tab.response)
        assert at(post(tab, "back").response) == "/survey/page/1", "nothing stands before the first page"
        post(tab, "continue")
        assert at(tab.open(place + "/survey").response) == "/survey/page/2", "what was left out is not open"
        tab.open(place + "/survey/review").press()
        assert at(tab.response) == "/survey/done"
    query = select(tables.response.c.page, tables.response.c.state).distinct()
    with engine.connect() as connection:
        sent = {(row.page, row.state) for row in connection.execute(query)}
    assert {one for one in sent if one[0] < 3} == {(1, "skipped"), (2, "skipped")}
    assert {state for page, state in sent if page > 2} == {"not_seen"}
