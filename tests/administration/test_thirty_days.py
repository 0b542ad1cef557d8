"""Thirty days of prompts and reminders with a fast clock, an ill mail server and people who leave meanwhile.

The ledger is the test's own: days and clocks are written by hand, who left when is drawn here, and a message counts
once the mail server has taken it.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
from large_runs import note_run
from study_of_tests import raw_study
from test_messages import BERLIN, MESSAGES, START, Post, Site, post
from test_prompts import SAMPLING

from instrument.messaging.messenger import by_mail
from instrument.store import tables
from instrument.store.answers import complete_administration, start_administration
from instrument.store.audit import broken_line
from instrument.store.connect import open_store, upgrade_store
from instrument.store.notices import NotSentError
from instrument.store.outbox import Outgoing, send_due, stop_messages
from instrument.store.people import erase_person, withdraw_person
from instrument.store.tokens import Keyring
from instrument.study import make_study

__all__ = ["post"]
DAYS = 30
CLOCKS = (9, 14, 19)
SCALE = {"first": 10, "reminder 1": 13, "reminder 2": 16, "last call": 18}
"""Days of the messages about the scale, open from day 10 to 19: at once, after 3 and 6 days, a day before its end."""
RUNS = [
    "07:30",
    "08:00",
    *(f"{hour:02}:{minute}" for hour in CLOCKS for minute in ("00", "20", "44", "50")),
    "20:30",
]
WAYS = ("withdrawn", "stopped", "erased")


class World:
    """The people, what each was sent, and what each should have been sent."""

    def __init__(self, site: Site, names: list[str], draw: random.Random, post: Post, server: str) -> None:
        self.site, self.names, self.draw, self.post = site, names, draw, post
        self.by_mail = by_mail(server, seconds=0.2)
        self.sent: Counter[tuple[str, str]] = Counter()
        self.wanted: set[tuple[str, str]] = set()
        self.at_a_wrong_time = self.tries = self.failures = self.by_server = 0
        self.gone: dict[str, str] = {}
        self.answered: set[str] = set()
        self.numbers = {name: site.number(name) for name in names}

    def take(self, one: Outgoing, moment: datetime, ill: float, over_smtp: bool) -> None:
        """Hand one message to a server that is ill at this moment with a probability."""
        self.tries += 1
        name = one.address.partition("@")[0]
        mood = self.draw.choice(["refuses", "dies"]) if self.draw.random() < ill else "well"
        if over_smtp:
            self.post.mood = "stalls" if mood == "dies" and self.draw.random() < 0.02 else mood
            self.by_server += 1
            before = len(self.post.taken)
            try:
                self.by_mail(one)
            except NotSentError:
                self.failures += 1
                assert len(self.post.taken) == before
                raise
            assert self.post.taken[before:][0][0] == one.address
        elif mood != "well":
            self.failures += 1
            raise NotSentError(mood)
        local = moment.astimezone(BERLIN)
        about_scale = "bis 2026" in one.body
        right = 8 <= local.hour < 20 and (about_scale or (local.hour in CLOCKS and local.minute < 45))
        self.at_a_wrong_time += not right or name in self.gone
        self.sent[name, f"{local:%d.%m.} {'scale' if about_scale else local.hour}"] += 1

    def leave(self, name: str, way: str) -> None:
        number, self.gone[name] = self.numbers[name], way
        with self.site.engine.begin() as connection:
            if way == "withdrawn":
                withdraw_person(connection, number)
            elif way == "stopped":
                stop_messages(connection, number)
            else:
                erase_person(connection, number, self.site.keyring)

    def answer(self, name: str, wave: str) -> None:
        with self.site.engine.begin() as connection:
            query = select(tables.wave.c.id).where(tables.wave.c.name == wave)
            number = connection.execute(query).scalar_one()
            given: dict[str, Any] = {"lang": "en", "order_seed": 1}
            made = start_administration(connection, self.numbers[name], number, 1, [], **given)
            complete_administration(connection, made, f"key {made}")

    def present(self) -> list[str]:
        return [name for name in self.names if name not in self.gone]

    def run(self, day: int, clock: str) -> None:
        """One run of `dta study send`, after what happened since the last one; the ledger first."""
        midnight = datetime.combine((START + timedelta(days=day)).date(), datetime.min.time())
        hour, minute = int(clock[:2]), int(clock[3:])
        moment = midnight.replace(tzinfo=BERLIN) + timedelta(hours=hour, minutes=minute)
        about = f"{moment:%d.%m.} {'scale' if clock < '09' else hour}"
        asked = day in SCALE.values() if clock == "08:00" else hour in CLOCKS and minute == 0
        if asked:
            self.wanted |= {
                (name, about) for name in self.present() if not (clock == "08:00" and name in self.answered)
            }
        if clock in ("09:20", "14:20", "19:20"):
            self.happens(day, hour, f"{moment:%d.%m.}")
        ill = {"08:00": 0.2, "00": 0.2, "20": 0.1}.get(clock if clock == "08:00" else clock[3:], 0.0)
        over_smtp = (day * len(CLOCKS) + hour // 5) % 10 == 0
        send_due(
            self.site.engine,
            self.site.keyring,
            "trial",
            lambda one: self.take(one, moment, ill, over_smtp),
            address="https://q.example/",
            now=moment,
            clock=lambda: 0.0,
        )

    def happens(self, day: int, hour: int, date_: str) -> None:
        """Some leave, some answer the prompt or the scale: what was not taken before is not wanted any more."""
        waiting = {name for name in self.present() if (name, f"{date_} {hour}") not in self.sent}
        rate = 0.001 if len(self.names) > 100 else 0.004
        for name in self.present():
            if self.draw.random() < rate * (10 if name in waiting else 1):
                self.leave(name, self.draw.choice(WAYS))
                self.wanted -= {(name, about) for about in (f"{date_} {hour}", f"{date_} scale")} - set(
                    self.sent
                )
        for name in sorted(waiting):
            if name not in self.gone and self.draw.random() < 0.05:
                self.answer(name, f"now_d{day:02}_{CLOCKS.index(hour) + 1}")
                self.wanted.discard((name, f"{date_} {hour}"))
        for name in self.present() if day in (12, 15) and hour == 14 else ():
            if name not in self.answered and self.draw.random() < 0.2:
                self.answer(name, "scale")
                self.answered.add(name)


def thirty_days(folder: Path, keyring: Keyring, post: tuple[Post, str], people: int) -> tuple[World, str]:
    """Live through the thirty days and compare; gives one line about them."""
    engine = open_store(f"sqlite:///{folder / 's.sqlite'}")
    upgrade_store(engine)
    names = [f"p{k:04}" for k in range(people)]
    prompts = [{"id": "now", "days": [1, DAYS], "times": [f"{hour:02}:00" for hour in CLOCKS], "minutes": 45}]
    raw = {**raw_study(), **SAMPLING, "waves": [{"id": "scale", "day": 10, "opens": 10, "closes": 19}]}
    study = make_study({**raw, "prompts": prompts})
    unfolded = study.model_dump(mode="json", by_alias=True, exclude_none=True)
    changes = {key: unfolded[key] for key in ("waves", "forms", "zone")}
    world = World(Site(engine, keyring, *names, **changes, messages=MESSAGES), names, random.Random(7), *post)
    for day in range(1, DAYS + 1):
        for clock in RUNS:
            world.run(day, clock)
    with engine.connect() as connection:
        states = Counter(connection.execute(select(tables.message.c.state)).scalars())
        assert broken_line(connection) is None
    engine.dispose()
    kept = sum(n for (name, _), n in world.sent.items() if world.gone.get(name) != "erased")
    assert states["sent"] == kept
    assert set(states) <= {"sent", "skipped", "failed"}
    return world, figures(world)


def figures(world: World) -> str:
    doubled = sum(n - 1 for n in world.sent.values())
    missed, unwanted = len(world.wanted - world.sent.keys()), len(world.sent.keys() - world.wanted)
    ways = Counter(world.gone.values())
    return (
        f"{len(world.names)} people, {DAYS} days, 3 prompts a day and 4 messages about the scale: "
        f"{sum(world.sent.values())} messages taken in {world.tries} tries ({world.failures} failed, "
        f"{world.by_server} over SMTP); {', '.join(f'{ways[way]} {way}' for way in WAYS)}; {doubled} doubled, "
        f"{missed} missed, {unwanted} unwanted, {world.at_a_wrong_time} at a wrong time or after leaving"
    )


def test_thirty_days_of_a_few_people(
    tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, post: tuple[Post, str]
) -> None:
    monkeypatch.setenv("DTA_ADDRESSES", str(tmp_path / "addresses"))
    world, line = thirty_days(tmp_path, keyring, post, people=6)
    assert line.endswith("0 doubled, 0 missed, 0 unwanted, 0 at a wrong time or after leaving")
    assert len(world.wanted) > 100
    one = next(iter(world.sent))
    world.sent[one] += 1
    del world.sent[next(two for two in world.sent if two != one)]
    world.sent["p0000", "29.03. 20"] = 1
    assert "; 1 doubled, 1 missed, 1 unwanted" in figures(world)


@pytest.mark.slow
def test_thirty_days_of_two_thousand_people(
    tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, post: tuple[Post, str]
) -> None:
    monkeypatch.setenv("DTA_ADDRESSES", str(tmp_path / "addresses"))
    _, line = thirty_days(tmp_path, keyring, post, people=2000)
    assert line.endswith("0 doubled, 0 missed, 0 unwanted, 0 at a wrong time or after leaving")
    note_run("thirty days of prompts", "sqlite", line)
