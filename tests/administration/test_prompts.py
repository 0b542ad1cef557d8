"""Prompts by the clock with expiry, waves after an event of the app; what was begun in time is kept."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert, update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study
from test_forms import both, choices, fill, goto, kept
from test_messages import BERLIN, MESSAGES, START, Site

from instrument.administer import journey
from instrument.administer.application import create_app
from instrument.administer.entry import person_numbered
from instrument.administer.journey import occasion_of
from instrument.administer.texts import day_in_words, page_texts
from instrument.errors import DefinitionError
from instrument.messaging.prompts import Between
from instrument.store import funnel, tables
from instrument.store.connect import open_store, upgrade_store
from instrument.store.definitions import find_study
from instrument.store.form_answers import form_tables
from instrument.store.funnel import standing_of
from instrument.store.outbox import Outgoing
from instrument.store.tokens import Keyring
from instrument.store.windows import day_given, days_of_people, rules_of
from instrument.study import make_study

MOOD = {
    "id": "mood",
    "title": both("Now"),
    "waves": ["now"],
    "questions": [
        {"id": "well", "kind": "single", "text": both("Well?"), "choices": choices(c0="no", c1="yes")}
    ],
}
PROMPTS = [{"id": "now", "days": [0, 2], "times": ["09:00", "14:00", "19:00"], "minutes": 45}]
WAVE = {"id": "scale", "day": 0, "opens": 0, "closes": 9}
SAMPLING = {"waves": [WAVE], "prompts": PROMPTS, "forms": [MOOD], "zone": "Europe/Berlin"}


def test_prompts_unfold_into_waves_once() -> None:
    study = make_study({**raw_study(), **SAMPLING})
    assert [wave.name for wave in study.waves][:4] == ["scale", "now_d0_1", "now_d0_2", "now_d0_3"]
    assert len(study.waves) == 10
    assert study.wave("now_d2_3").between == Between(start="19:00", end="19:45")
    assert [form.id for form in study.forms_at("now_d1_2")] == ["mood"]
    import json

    assert make_study(json.loads(study.to_json())).content_hash == study.content_hash
    for prompts, words in (
        ({"times": ["09:00", "09:30"]}, "prompts: .*times: must rise"),
        ({"times": ["23:30"]}, "ends on its day"),
        ({"days": [3, 2]}, "lies after the last"),
        ({"minutes": 1}, "prompts: minutes"),
        ({"times": ["9:00"]}, "prompts: times"),
    ):
        with pytest.raises(DefinitionError, match=words):
            make_study({**raw_study(), **SAMPLING, "prompts": [{**PROMPTS[0], **prompts}]})
    odd: list[tuple[dict[str, Any], str]] = [
        ({"prompts": 7}, "prompts: must be a list"),
        ({"prompts": [7]}, "prompts: "),
        ({"waves": None}, "waves"),
        ({"waves": [7]}, "waves"),
        ({"waves": [{**WAVE, "between": "noon"}]}, "between"),
        ({"forms": 7}, "forms"),
        ({"forms": [{**MOOD, "waves": [["now"]]}]}, "forms"),
        ({"zone": "Berlin"}, "'Berlin' is no time zone"),
    ]
    for changes, words in odd:
        with pytest.raises(DefinitionError, match=words):
            make_study({**raw_study(), **SAMPLING, **changes})


@pytest.mark.parametrize(
    ("zone", "day", "clock", "found"),
    [
        ("Europe/Berlin", 1, "09:00", "now_d1_1"),
        ("Europe/Berlin", 1, "08:59", "scale"),
        ("Europe/Berlin", 1, "09:44", "now_d1_1"),
        ("Europe/Berlin", 1, "09:45", "scale"),
        ("Pacific/Auckland", 1, "09:10", "now_d1_1"),  # the evening before in UTC
        ("America/Los_Angeles", 2, "19:30", "now_d2_3"),  # the next day in UTC
    ],
)
def test_a_prompt_is_open_by_the_clock_of_the_study(
    zone: str, day: int, clock: str, found: str, tmp_path: Path, keyring: Keyring
) -> None:
    engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
    upgrade_store(engine)
    open_study(engine, keyring, **{**SAMPLING, "zone": zone})
    with engine.begin() as connection:
        connection.execute(update(tables.participant).values(enrolled_at=START))
        person = person_numbered(connection, 1)
        local = datetime.combine(
            (START + timedelta(days=day)).date(), datetime.strptime(clock, "%H:%M").time()
        )
        moment = local.replace(tzinfo=ZoneInfo(zone))
        assert occasion_of(connection, person, START.date(), moment).wave == found
    engine.dispose()


def at_clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return moment.astimezone(tz)

    monkeypatch.setattr(journey, "datetime", Clock)


def test_what_was_begun_in_time_is_kept_and_the_scale_under_way_too(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, (token,) = open_study(engine, keyring, **SAMPLING)
    today = datetime.now(UTC).date()
    with engine.begin() as connection:
        noon = datetime.combine(today, datetime.min.time(), UTC) + timedelta(hours=12)
        connection.execute(update(tables.participant).values(enrolled_at=noon))

    def clock(text: str) -> None:
        at_clock(monkeypatch, datetime.fromisoformat(f"{today}T{text}").replace(tzinfo=BERLIN))

    with TestClient(create_app(engine, keyring)) as client:
        clock("13:00")
        tab = Tab(client).begin(token)
        assert at(tab.response) == "/survey/page/1"
        clock("14:05")  # a prompt opens while the person is on a page of the scale
        tab.press(tick="4")
        assert at(tab.response) == "/survey/start"
        tab.press()
        assert at(tab.response) == "/survey/form/mood/1"
        page = tab.response
        clock("14:59")  # begun in time, sent fourteen minutes late
        fill(tab, well="1")
        tab.press()
        assert kept(engine, 2) == {"mood": {"well": "1"}}
        tab.open(f"/q/{token}")
        assert at(tab.response) == "/survey/page/2"  # of the scale, whose first page was kept
        clock("19:10")
        tab.open(f"/q/{token}").press()
        clock("20:01")
        late = fill(tab, well="0")
        assert late.response.status_code == 409
        assert "The time for these questions is over" in late.page.said
        tab.take(page)
    with engine.connect() as connection:
        row: Any = find_study(connection, "trial")
        made = form_tables(connection, "trial")["mood"]
        standing = standing_of(connection, "trial", today)
        given = days_of_people(connection, row)[1].given
    assert made[["wave", "status", "well"]].fillna("").to_numpy().tolist() == [
        ["now_d0_2", "completed", "1"],
        ["now_d0_3", "open", ""],
    ]
    assert set(given) == {"scale", "now_d0_2", "now_d0_3"}
    assert standing.set_index("wave")["status"]["now_d0_2"] == "completed"


@pytest.mark.parametrize(("clock", "wanted"), [("08:59", "later"), ("09:00", "open"), ("09:45", "over")])
def test_a_prompt_of_today_stands_where_the_clock_of_the_study_says(
    clock: str, wanted: str, engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study(engine, keyring, **SAMPLING)
    moment = datetime.fromisoformat(f"2026-03-20T{clock}").replace(tzinfo=BERLIN)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return moment.astimezone(tz)

    monkeypatch.setattr(funnel, "datetime", Clock)
    monkeypatch.setattr(funnel, "present_day", lambda: moment.date())
    with engine.begin() as connection:
        connection.execute(update(tables.participant).values(enrolled_at=START))
        found = standing_of(connection, "trial").set_index("wave")
    assert START.date() == moment.date()
    assert found.loc["now_d0_1", "window"] == wanted
    assert found.loc["now_d0_1", "todo"] == {"later": "", "open": "due", "over": "overdue"}[wanted]


def test_the_day_of_a_prompt_is_that_of_the_clock_of_the_study() -> None:
    rules = rules_of(make_study({**raw_study(), **SAMPLING, "zone": "Pacific/Auckland"}).to_json())
    morning = datetime(2026, 3, 20, 20, 10, tzinfo=UTC)  # ten past nine on the 21st in Auckland
    attempt = SimpleNamespace(completed_on=None, mode="web", started_at=morning)
    assert day_given(attempt, rules, "now_d1_1") == date(2026, 3, 21)
    assert day_given(attempt, rules, "scale") == date(2026, 3, 20)


def test_who_began_in_time_has_a_quarter_of_an_hour_more() -> None:
    def days(hours: Between, *clocks: str, begun: bool) -> list[int | None]:
        moments = [datetime.fromisoformat(f"2026-03-{clock}").replace(tzinfo=BERLIN) for clock in clocks]
        found = [hours.day(moment, begun=begun) for moment in moments]
        return [None if day is None else day.day for day in found]

    late, short = Between(start="23:00", end="23:55"), Between(start="00:10", end="00:15")
    clocks = ("28T22:59", "28T23:00", "28T23:54", "28T23:55", "29T00:09", "29T00:10")
    assert days(late, *clocks, begun=False) == [None, 28, 28, None, None, None]
    assert days(late, *clocks, begun=True) == [None, 28, 28, 28, 28, None]
    clocks = ("28T00:05", "28T00:10", "28T00:16", "28T00:29", "28T00:30")
    assert days(short, *clocks, begun=True) == [None, 28, 28, 28, None]


def test_three_messages_a_day_each_once_in_its_time_and_none_after(
    engine: Engine, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTA_ADDRESSES", str(tmp_path / "addresses"))
    names = ["anna", "ben", "cleo"]
    prompts = [{"id": "now", "days": [7, 10], "times": ["09:00", "14:00", "19:30"], "minutes": 45}]
    waves = [{"id": "scale", "day": 20, "opens": 20, "closes": 22}]
    study = make_study({**raw_study(), **SAMPLING, "waves": waves, "prompts": prompts})
    changes = {
        "waves": [wave.model_dump(mode="json", exclude_defaults=True) for wave in study.waves],
        "forms": [form.model_dump(mode="json") for form in study.forms],
        "zone": "Europe/Berlin",
        "messages": MESSAGES,
    }
    site, sent = Site(engine, keyring, *names, **changes), []
    moment, end = START + timedelta(days=6, hours=22), START + timedelta(days=11, hours=23)

    def take(one: Outgoing) -> None:
        sent.append((one.address.partition("@")[0], moment.astimezone(BERLIN), one.body))

    while moment < end:  # over the night in which the clocks of Berlin change
        if (moment.hour, moment.minute) == (12, 30) and moment.day == 28:
            site.tokens.pop("cleo")
            with engine.begin() as connection:
                connection.execute(
                    update(tables.participant)
                    .where(tables.participant.c.pseudonym == "cleo")
                    .values(no_messages_at=moment)
                )
        site.send(take, moment)
        moment += timedelta(minutes=30)
    clocks = Counter(f"{at_local:%H:%M}" for _, at_local, _ in sent)
    assert set(clocks) == {"09:00", "14:00", "19:30"}
    by_name = Counter(name for name, _, _ in sent)
    assert by_name == Counter(anna=12, ben=12, cleo=4)  # days 7 to 10, three a day; cleo stopped on day 8
    assert len({(name, at_local) for name, at_local, _ in sent}) == len(sent)
    assert all("bis 09:45" in body for _, at_local, body in sent if at_local.hour == 9)


def test_a_prompt_is_sent_before_what_can_wait(tmp_path: Path, keyring: Keyring) -> None:
    engine = open_store(f"sqlite:///{tmp_path / 's.sqlite'}")
    upgrade_store(engine)
    raw = {**raw_study(), **SAMPLING, "waves": [{**WAVE, "closes": 3}]}
    unfolded = make_study(raw).model_dump(mode="json", by_alias=True, exclude_none=True)
    changes = {key: unfolded[key] for key in ("waves", "forms", "zone")}
    site, sent = Site(engine, keyring, "anna", **changes, messages=MESSAGES), []
    for minute in (0, 10, 20):
        site.send(sent.append, START + timedelta(hours=8, minutes=minute))  # 9 o'clock in Berlin
    assert [one.body.split("bis ")[1].split(". ")[0] for one in sent] == ["09:45", "2026-03-23"]
    engine.dispose()


def test_a_wave_follows_an_event_of_the_app(engine: Engine, keyring: Keyring) -> None:
    after = {"event": "module_3", "days": [1, 4]}
    waves = [
        {"id": "base", "day": 0, "opens": 0, "closes": 2},
        {"id": "next", "day": 5, "opens": 5, "closes": 30, "after": after},
    ]
    open_study(engine, keyring, 3, waves=waves)
    row: Any
    with engine.begin() as connection:
        connection.execute(update(tables.participant).values(enrolled_at=START))
        events = [(1, "module_3", 10), (1, "module_3", 3), (1, "login", 1), (2, "module_3", 28)]
        connection.execute(
            insert(tables.usage_event),
            [
                {
                    "study_id": 1,
                    "participant_id": person,
                    "source": "app",
                    "source_id": str(place),
                    "kind": kind,
                    "at": START + timedelta(days=day, hours=9),
                }
                for place, (person, kind, day) in enumerate(events)
            ],
        )
        standing = standing_of(connection, "trial", (START + timedelta(days=6)).date())
        row = find_study(connection, "trial")
        people = [person_numbered(connection, number) for number in (1, 2, 3)]
        days = [5, 6, 7, 8, 29, 30, 31]
        found = [
            [occasion_of(connection, person, (START + timedelta(days=day)).date()).wave for day in days]
            for person in people
        ]
    of_next = standing[standing["wave"] == "next"].set_index("participant")
    day = [None if one is None else (one - START.date()).days for one in of_next["opens"]]
    assert day == [5, 29, None]  # first event on day 3: days 4-7, and not before day 5; never after day 30
    assert [None if one is None else (one - START.date()).days for one in of_next["closes"]] == [7, 30, None]
    assert found == [
        ["next", "next", "next", "", "", "", ""],
        ["", "", "", "", "next", "next", ""],
        [""] * 7,
    ]
    assert '"event": "module_3"' in row.definition
    assert '"wave": null' not in row.definition
    with pytest.raises(DefinitionError, match="give either wave or event"):
        make_study({**raw_study(), "waves": [waves[0], {**waves[1], "after": {"days": [1, 2]}}]})


def test_the_way_back_into_a_prompt_that_is_over(
    engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = {**SAMPLING, "waves": [{**WAVE, "day": 50, "opens": 50, "closes": 52}]}
    _, _, (token,) = open_study(engine, keyring, **raw)
    today = datetime.now(UTC).date()
    with engine.begin() as connection:
        noon = datetime.combine(today, datetime.min.time(), UTC) + timedelta(hours=12)
        connection.execute(update(tables.participant).values(enrolled_at=noon))
    with TestClient(create_app(engine, keyring)) as client:
        at_clock(monkeypatch, datetime.fromisoformat(f"{today}T10:00").replace(tzinfo=BERLIN))
        tab = Tab(client).open(f"/q/{token}")
        tab.press(tick={"consent": "yes"})
        assert f"open on {day_in_words(today, page_texts('en'))} at 14:00" in tab.page.said
        goto(tab, "form/mood/1")
        assert f"open on {day_in_words(today, page_texts('en'))} at 14:00" in tab.page.said
