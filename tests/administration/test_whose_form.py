"""A form belongs to the person, the study and the wave it was made for, whatever else the browser opened."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import HERE, Form, Tab, at, place_of
from study_of_tests import open_study, raw_study

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.store import tables
from instrument.store.people import invite
from instrument.store.tokens import Keyring
from instrument.study import make_study


@dataclass
class Place:
    """A server, one shared browser, and links of two people."""

    engine: Engine
    keyring: Keyring
    client: TestClient
    tokens: list[str]

    def tab(self) -> Tab:
        return Tab(self.client)

    def days_pass(self, days: int) -> None:
        """Let everyone have been enrolled so many days earlier."""
        with self.engine.begin() as connection:
            enrolled = datetime.now(UTC) - timedelta(days=days)
            connection.execute(update(tables.participant).values(enrolled_at=enrolled))

    def rows(self, table: str) -> int:
        with self.engine.connect() as connection:
            query = select(func.count()).select_from(tables.metadata.tables[table])
            return int(connection.execute(query).scalar_one())

    def completed(self) -> int:
        query = select(func.count()).where(tables.administration.c.status == "completed")
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def answers(self, token: str) -> dict[str, int]:
        """Every answer that is stored under the person of a link."""
        query = (
            select(tables.item.c.name, tables.response.c.value)
            .join(tables.response, tables.response.c.item_id == tables.item.c.id)
            .join(tables.administration, tables.administration.c.id == tables.response.c.administration_id)
            .join(tables.participant, tables.participant.c.id == tables.administration.c.participant_id)
            .where(tables.participant.c.token_hash == self.keyring.hash(token))
            .where(tables.response.c.value.is_not(None))
        )
        with self.engine.connect() as connection:
            return {row.name: row.value for row in connection.execute(query)}


@pytest.fixture(params=["one study", "two studies"])
def place(request: pytest.FixtureRequest, engine: Engine, keyring: Keyring) -> Iterator[Place]:
    if request.param == "one study":
        _, _, tokens = open_study(engine, keyring, people=2)
    else:
        _, _, tokens = open_study(engine, keyring)
        tokens += open_study(engine, keyring, id="other", title="Another trial")[2]
    with TestClient(create_app(engine, keyring, limit=GuessLimit(1000))) as client:
        yield Place(engine, keyring, client, tokens)


def test_a_page_of_one_person_never_stores_under_another(place: Place) -> None:
    one, other = place.tab(), place.tab()
    one.begin(place.tokens[0]).press(tick="3")
    other.begin(place.tokens[1])
    one.press(tick="2")
    if one.page.has_form:  # a page that asks to press once more would have it pressed
        one.press(tick="2")
    assert place.answers(place.tokens[1]) == {}
    assert set(place.answers(place.tokens[0]).values()) == {3}
    other.press(tick="4")
    assert set(place.answers(place.tokens[1]).values()) == {4}


def test_a_page_of_another_link_keeps_nothing_says_what_to_do_and_the_link_leads_on(place: Place) -> None:
    one = place.tab().begin(place.tokens[0]).press(tick="3")
    place.tab().begin(place.tokens[1])
    one.press(tick="2")
    assert one.response.status_code == 403
    assert "This page belongs to another link" in one.page.said
    assert "open the link in your invitation again" in one.page.said
    assert "Trial of the app" in one.page.said
    assert "team@example.org" in one.page.said
    assert not one.page.has_form
    one.open(f"/q/{place.tokens[0]}")
    assert at(one.response) == "/survey/page/2"
    assert one.page.main.ticked == {}
    assert at(one.press(tick="2").response) == "/survey/page/3"
    assert sorted(set(place.answers(place.tokens[0]).values())) == [2, 3]


@pytest.mark.parametrize("end", ["", "/survey", "/survey/page/1", "/survey/review", "/survey/done"])
def test_a_page_that_is_loaded_again_never_shows_the_other_person(place: Place, end: str) -> None:
    """By reload, by the back button, or because the phone had thrown the tab away."""
    one = place.tab().begin(place.tokens[0]).press(tick="3")
    mine = place_of(one.response)
    other = place.tab().begin(place.tokens[1]).press(tick="4")
    theirs = place_of(other.response)
    one.open(mine + end)
    assert (one.response.status_code, one.page.has_form) == (403, False)
    assert theirs not in one.response.text
    assert other.reload().response.status_code == 200
    assert at(other.response) == "/survey/page/2"


def test_after_one_has_finished_the_next_sees_neither_thanks_nor_code(place: Place) -> None:
    one, code = place.tab().begin_with_code(place.tokens[0])
    one.press(tick="3")
    one.open(place_of(one.response) + "/survey/review").press()
    assert at(one.response) == "/survey/done"
    assert code not in one.response.text
    other = place.tab().open(f"/q/{place.tokens[1]}")
    assert at(other.response) == "/survey/consent"
    one.reload()
    assert one.response.status_code == 403
    assert code not in one.response.text
    assert "Thank you" not in one.response.text


def test_a_stale_tab_adds_nothing_when_the_other_person_has_finished(place: Place) -> None:
    one = place.tab().begin(place.tokens[0])
    other = place.tab().begin(place.tokens[1])
    other.press(tick="4")
    other.open(place_of(other.response) + "/survey/review").press()
    before = place.answers(place.tokens[1])
    one.press(tick="2")
    assert one.response.status_code == 403
    assert (place.answers(place.tokens[0]), place.answers(place.tokens[1])) == ({}, before)
    assert place.completed() == 1


def test_consent_start_review_and_language_of_one_do_nothing_to_the_other(place: Place) -> None:
    one, other = place.tab().open(f"/q/{place.tokens[0]}"), place.tab()
    other.open(f"/q/{place.tokens[1]}")
    assert one.press(tick={"consent": "yes"}).response.status_code == 403
    assert place.rows("consent") == 0
    one.open(f"/q/{place.tokens[0]}").press(tick={"consent": "yes"})
    other.open(f"/q/{place.tokens[1]}").press(tick={"consent": "yes"})
    assert one.press().response.status_code == 403
    assert place.rows("administration") == 0
    one.begin(place.tokens[0]).press(tick="3")
    one.open(place_of(one.response) + "/survey/review")
    language = one.page.forms[0]
    other.open(f"/q/{place.tokens[1]}").press()
    assert one.press(form=language).response.status_code == 403
    one.take(one.client.get("/health"))
    assert '<html lang="en">' in other.reload().response.text
    assert place.completed() == 0


def test_a_review_of_one_is_not_sent_as_the_others(place: Place) -> None:
    one = place.tab().begin(place.tokens[0]).press(tick="3")
    one.open(place_of(one.response) + "/survey/review")
    place.tab().begin(place.tokens[1]).press(tick="4")
    assert one.press().response.status_code == 403
    assert place.completed() == 0


def test_a_page_changed_in_language_keeps_its_owner(place: Place) -> None:
    one = place.tab().begin(place.tokens[0])
    other = place.tab().begin(place.tokens[1])
    one.press(("lang", "de"), tick="2")
    assert one.response.status_code == 403
    assert place.answers(place.tokens[1]) == {}
    assert other.reload().page.lang == "en"
    other.press(("lang", "de"), tick="4")
    assert other.page.lang == "de"
    assert other.page.main.ticked == dict.fromkeys(other.page.main.choices, "4")


def test_a_withdrawal_erases_whom_the_code_names_and_leaves_the_other_in_peace(place: Place) -> None:
    one, code = place.tab().begin_with_code(place.tokens[0])
    one.press(tick="3")
    one.open(place_of(one.response) + "/withdraw")
    other = place.tab().begin(place.tokens[1])
    form = one.page.main
    one.take(one.client.post(form.action, data={"code": code, "choice": "delete"}, headers=HERE))
    assert "Your answers are erased" in one.page.said
    assert "another one, and stays" in one.page.said
    other.press(tick="4")
    assert at(other.response) == "/survey/page/2"
    assert set(place.answers(place.tokens[1]).values()) == {4}
    assert place.rows("participant") == 1
    gone = place.tab().open(f"/q/{place.tokens[0]}")
    assert (gone.response.status_code, "These answers are erased" in gone.page.said) == (404, True)


def test_a_link_opened_on_a_second_device_goes_on_and_both_forms_are_the_persons(place: Place) -> None:
    one = place.tab().begin(place.tokens[0]).press(tick="3")
    with TestClient(create_app(place.engine, place.keyring)) as phone:
        second = Tab(phone).open(f"/q/{place.tokens[0]}")
        assert at(second.response) == "/survey/page/2"
        second.press(tick="4")
        one.press(tick="5")
    assert at(one.response) == "/survey/page/3"
    assert sorted(place.answers(place.tokens[0]).values()) == [3] * 6 + [5] * 6


def test_a_form_from_elsewhere_keeps_its_ticks_only_in_its_own_session(place: Place) -> None:
    one = place.tab().begin(place.tokens[0])
    one.press(tick="2", headers={"origin": "http://elsewhere.example"})
    assert one.response.status_code == 403
    assert set(one.page.main.ticked.values()) == {"2"}
    assert place.answers(place.tokens[0]) == {}
    one.press()
    assert set(place.answers(place.tokens[0]).values()) == {2}
    place.tab().begin(place.tokens[1])
    one.press(tick="5", headers={"origin": "http://elsewhere.example"})
    assert (one.response.status_code, one.page.has_form) == (403, False)


def test_a_browser_without_cookies_is_told_so(place: Place) -> None:
    with TestClient(create_app(place.engine, place.keyring)) as client:
        first = client.get(f"/q/{place.tokens[0]}", follow_redirects=False)
        client.cookies.clear()
        shown = client.get(first.headers["location"])
    assert shown.status_code == 403
    assert "must allow cookies" in shown.text
    assert "Trial of the app" in shown.text or "Another trial" in shown.text


def test_a_new_key_throws_nobody_out_and_a_new_link_ends_the_old(place: Place) -> None:
    one = place.tab().begin(place.tokens[0])
    with TestClient(create_app(place.engine, place.keyring.rotated())) as client:
        client.cookies.update(place.client.cookies)
        one.client = client
        one.press(tick="3")
        assert at(one.response) == "/survey/page/2"
        one.press(tick="3")
        assert len(place.answers(place.tokens[0])) == 12
        with place.engine.begin() as connection:
            changed = {"token_hash": place.keyring.hash("another token")}
            connection.execute(update(tables.participant).where(tables.participant.c.id == 1).values(changed))
        one.press(tick="5")
    assert one.response.status_code == 403
    assert 5 not in place.answers("another token").values()
    assert len(place.answers("another token")) == 12


@pytest.mark.parametrize("begun", [False, True])
def test_a_page_of_one_wave_stores_nothing_at_the_next(engine: Engine, keyring: Keyring, begun: bool) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        here = Place(engine, keyring, client, tokens)
        old, new = here.tab().begin(tokens[0]).press(tick="3"), here.tab()
        here.days_pass(22)
        if begun:
            new.open(f"/q/{tokens[0]}").press()
            assert at(new.response) == "/survey/page/1"
        old.press(tick="5")
        assert old.response.status_code == 409
        assert "The time for these questions is over" in old.page.said
        assert 5 not in here.answers(tokens[0]).values()
        assert at(old.follow("Go on from where you are").response) == (
            "/survey/page/1" if begun else "/survey/start"
        )


def test_a_review_that_outlasts_its_days_is_not_thanked(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        here = Place(engine, keyring, client, tokens)
        tab = here.tab().begin(tokens[0]).press(tick="3")
        tab.open(place_of(tab.response) + "/survey/review")
        here.days_pass(12)
        tab.press()
        assert (tab.response.status_code, here.completed()) == (409, 0)
        tab.open(place_of(tab.response) + "/survey/done")
        assert "Thank you" not in tab.page.said


def test_what_comes_after_sending_is_refused_in_words(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        here = Place(engine, keyring, client, tokens)
        tab, late = here.tab().begin(tokens[0]), here.tab()
        late.open(tab.path)
        tab.press(tick="3")
        tab.open(place_of(tab.response) + "/survey/review")
        form = tab.page.main
        assert at(tab.press(form=form).response) == "/survey/done"
        assert at(tab.press(form=form).response) == "/survey/done"
        late.press(tick="5")
        assert late.response.status_code == 409
        assert "You have sent these answers already" in late.page.said
        assert set(here.answers(tokens[0]).values()) == {3}


def test_a_void_attempt_takes_nothing_from_its_old_pages(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        here = Place(engine, keyring, client, tokens)
        old = here.tab().begin(tokens[0])
        with engine.begin() as connection:
            connection.execute(update(tables.administration).values(status="void", attempt=2))
        here.tab().open(f"/q/{tokens[0]}").press()
        old.press(tick="5")
        assert old.response.status_code == 403
        assert here.answers(tokens[0]) == {}


def test_consent_is_kept_for_the_text_that_was_read(engine: Engine, keyring: Keyring) -> None:
    study, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        here = Place(engine, keyring, client, tokens)
        english, other = here.tab().open(f"/q/{tokens[0]}"), here.tab()
        other.open(english.path).press(form=other.page.forms[0])
        assert other.page.lang == "de"
        english.press(tick={"consent": "yes"})
        assert study.consent is not None
        with engine.connect() as connection:
            kept = connection.execute(select(tables.consent.c.lang, tables.consent.c.text_hash)).one()
        assert tuple(kept) == ("en", study.consent.hash_of("en"))


def test_consent_to_a_text_that_was_replaced_is_asked_again(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring)
    with TestClient(create_app(engine, keyring)) as client:
        here = Place(engine, keyring, client, tokens)
        tab = here.tab().open(f"/q/{tokens[0]}")
        changed = {**raw_study(), "consent": {"version": "2", "text": {"en": "Other.", "de": "Anders."}}}
        with engine.begin() as connection:
            connection.execute(update(tables.study).values(definition=make_study(changed).to_json()))
        tab.press(tick={"consent": "yes"})
        assert tab.response.status_code == 403
        assert here.rows("consent") == 0


def test_behind_a_proxy_with_a_prefix_a_form_belongs_to_its_session(engine: Engine, keyring: Keyring) -> None:
    _, _, tokens = open_study(engine, keyring, people=2)
    inner = create_app(engine, keyring, prefix="/alliance")

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert scope["path"].startswith("/alliance/"), scope["path"]
            scope = {**scope, "path": scope["path"].removeprefix("/alliance")}
        await inner(scope, receive, send)

    with TestClient(proxy) as client:
        here = Place(engine, keyring, client, tokens)
        one, other = here.tab().open(f"/alliance/q/{tokens[0]}"), here.tab()
        one.press(tick={"consent": "yes"}).press()
        other.open(f"/alliance/q/{tokens[1]}").press(tick={"consent": "yes"}).press()
        assert one.press(tick="2").response.status_code == 403
        assert re.fullmatch(r"/alliance/s/\w{26}/survey\?lang=de", one.page.links["Deutsch"])
        other.press(tick="4")
        assert (here.answers(tokens[0]), set(here.answers(tokens[1]).values())) == ({}, {4})


ACTIONS = st.tuples(
    st.sampled_from(
        ["link", "next", "next", "next", "twice", "back", "reload", "lang", "help", "withdraw", "old", "send"]
    ),
    st.integers(0, 2),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, min_size=10, max_size=40))
def test_whatever_is_pressed_in_a_shared_browser_each_answer_is_its_persons(
    engine: Engine, keyring: Keyring, done: list[tuple[str, int]]
) -> None:
    """Each of three people answers with a code of their own, in a tab of their own."""
    with engine.begin() as connection:
        known = connection.execute(select(tables.study.c.id)).first()
    if known is None:
        open_study(engine, keyring)
    with engine.begin() as connection:
        tokens = [link.token for link in invite(connection, 1, keyring, 3)]
    client = TestClient(create_app(engine, keyring, limit=GuessLimit(10**6)))
    here = Place(engine, keyring, client, tokens)
    tabs = [here.tab().begin(token) for token in tokens]
    kept: list[list[Form]] = [[], [], []]
    stored: list[dict[str, int]] = [{}, {}, {}]
    for action, who in done:
        tab, code = tabs[who], str(who + 1)
        if not tab.page.has_form:
            action = "link"
        elif "/survey/page/" in tab.path:
            kept[who].append(tab.page.main)
        if action == "link":
            tab.open(f"/q/{tokens[who]}")
        elif action == "reload":
            tab.reload()
        elif action == "old" and kept[who]:
            form = kept[who][0]
            tab.press(form=form, tick=code)
        elif action == "send":
            tab.open(place_of(tab.response) + "/survey/review")
            if tab.page.has_form:
                tab.press()
        elif "/survey/page/" in tab.path:
            step = {"back": ("go", "back"), "lang": ("lang", "de"), "help": ("go", "help")}
            form = tab.page.main
            pressed = step.get(action, ("go", action if action == "withdraw" else "next"))
            tab.press(pressed if pressed in form.buttons else ("go", "next"), tick=code, form=form)
            if action == "twice":
                tab.press(("go", "next"), tick=code, form=form)
        elif tab.page.has_form and "/withdraw" not in tab.path:
            tab.press(tick={"consent": "yes"} if "consent" in tab.page.main.choices else None)
        for other, token in enumerate(tokens):
            now = here.answers(token)
            assert set(now.values()) <= {other + 1}
            assert stored[other].items() <= now.items()
            stored[other] = now
    client.close()
