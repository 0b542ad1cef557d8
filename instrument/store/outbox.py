"""Messages that are due, each sent once: reserved in the store, sent, then noted; never in quiet hours."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from instrument.errors import DefinitionError, fact_and_hint
from instrument.messaging.messages import Kind, Messages
from instrument.store.addresses import Contact, addresses_of
from instrument.store.audit import record
from instrument.store.connect import StoreError, reading
from instrument.store.definitions import find_study, study_written_as, waves_of
from instrument.store.notices import NotSentError
from instrument.store.people import aware, hold_people
from instrument.store.tables import administration, consent, message, participant
from instrument.store.tokens import Keyring
from instrument.store.windows import PersonDays, Rules, days_of_people, rules_of
from instrument.study import Study

CHANNELS = ("mail", "sms")
MOST_TRIES = 12
"""Tries of a short message; the waits between them add up to some seven hours."""
AWAY = 3
"""Short messages one after the other that failed: the gateway is away, the rest waits for the next run."""
HANDLED = ("sent", "failed", "refused", "unknown")
AGAIN = ("failed",)
"""States after which a message is tried again; of one that was under way nobody knows whether it arrived."""


# What is asked for each message is written once: building a statement costs as much as running it.
_PERSON = select(
    participant,
    select(consent.c.granted)
    .where(consent.c.participant_id == participant.c.id)
    .order_by(consent.c.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("consent_granted"),
).where(participant.c.id == bindparam("number"))
_FINISHED = select(administration.c.participant_id, administration.c.wave_id).where(
    administration.c.wave_id.in_(bindparam("waves", expanding=True)), administration.c.status == "completed"
)
_MESSAGES = select(message).where(message.c.wave_id.in_(bindparam("waves", expanding=True)))
_FINISHED_BY_SOME = _FINISHED.where(administration.c.participant_id.in_(bindparam("people", expanding=True)))
_MESSAGES_TO_SOME = _MESSAGES.where(message.c.participant_id.in_(bindparam("people", expanding=True)))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message: to whom, what, and an id that stays the same when it is tried again.

    Of a short message (`channel` is `sms`) the address is a telephone number, there is no subject and no
    sender, and `template` is the gateway's id of the text, or what stands in its place.
    """

    address: str = field(repr=False)
    subject: str
    body: str = field(repr=False)
    sender: str
    message_id: str
    stop: str = field(repr=False, default="")
    channel: str = "mail"
    lang: str = ""
    template: str = ""


Transport = Callable[[Outgoing], None]


def send_due(
    engine: Engine,
    keyring: Keyring,
    study_name: str,
    transport: Transport,
    *,
    address: str,
    now: datetime | None = None,
    most: int = 100_000,
    channels: Collection[str] = CHANNELS,
    clock: Callable[[], float] = time.monotonic,
) -> Counter[str]:
    """Send what is due to people whose addresses are kept, at most one message to each and day.

    Parameters
    ----------
    engine, keyring
        The store and the keys of its hashes.
    study_name
        Id of the study, which says what is sent when.
    transport
        Sends one message, or raises `NotSentError`.
    address
        Public address of the questionnaire.
    now
        Moment to judge by, the present one by default.
    most
        Stop after so many.
    channels
        Ways that there are: a person with a number gets a short message where the study has texts for it.
    clock
        Seconds that pass meanwhile: a run that lasts into the quiet hours ends there.

    Returns
    -------
    collections.Counter
        sent, failed (tried again later), refused (never again), unknown (was under way when a sender ended),
        unreached (something is due, and there is no way to the person).

    Raises
    ------
    DefinitionError
        The study file has no messages.
    """
    began, started = (now or datetime.now(UTC)).astimezone(UTC), clock()
    moment = began
    done: Counter[str] = Counter()
    with reading(engine) as connection:
        row: Any = find_study(connection, study_name)
    study = study_written_as(row.definition)
    plan = study.messages
    if plan is None:
        fact = f"study {study_name!r} has no messages."
        raise DefinitionError(fact_and_hint("dta study send", fact, "write `messages:` into its file."))
    if row.status != "open" or plan.is_quiet(moment.astimezone(plan.clock).hour):
        return done
    done["unknown"] = _give_up_those_under_way(engine, int(row.id), moment)
    outcome: tuple[int, str, datetime] | None = None  # of the last one, noted when the next is reserved
    in_a_row = 0  # short messages that failed one after the other
    people = _worth_a_look(engine, row, plan, moment, addresses_of(engine, study_name), channels)
    done["unreached"] = sum(not one.channel for one in people)
    for contact in people:
        if not contact.channel or (contact.channel == "sms" and in_a_row >= AWAY):
            continue
        moment = began + timedelta(seconds=clock() - started)
        if sum(done[state] for state in HANDLED) >= most or plan.is_quiet(moment.astimezone(plan.clock).hour):
            break
        try:
            with engine.begin() as connection:
                reserved = _reserve(connection, row, study, plan, keyring, contact, moment)
                if outcome is not None:
                    _note(connection, *outcome)
        except BaseException:
            _note_alone(engine, outcome)
            raise
        outcome = None
        if reserved is None:
            continue
        number, tries = reserved.number, reserved.tries
        state = "sent"
        try:
            transport(_outgoing(study, plan, contact, reserved, address.rstrip("/")))
        except NotSentError as error:
            given_up = contact.channel == "sms" and tries >= MOST_TRIES
            state = "refused" if error.for_good or given_up else "failed"
            if error.unwanted:
                with engine.begin() as connection:
                    stop_messages(connection, contact.number)
        if contact.channel == "sms":
            in_a_row = in_a_row + 1 if state == "failed" else 0
        outcome = (number, state, moment)
        done[state] += 1
    _note_alone(engine, outcome)
    return done


def _outgoing(study: Study, plan: Messages, contact: _Addressee, due: _Reserved, base: str) -> Outgoing:
    """Put a message together in the language and for the way of its person."""
    stop = f"{base}/stop/{contact.token}"
    texts: Mapping[str, object] = (plan.sms if contact.channel == "sms" else plan.texts)[due.kind]
    lang = due.lang if due.lang in texts else next(iter(texts))
    places = {"title": study.title_in(lang), "link": f"{base}/q/{contact.token}", "stop": stop}
    places |= {"closes": due.closes, "contact": study.contact_in(lang)}
    if contact.channel == "sms":
        short = plan.sms[due.kind]
        text, template = short[lang].text.format(**places), short[lang].template
        named = template or f"{study.id}.{due.kind}.{lang}"
        code = f"{study.id}.{due.number}"
        return Outgoing(contact.address, "", text, "", code, stop, "sms", lang, named)
    subject, body = plan.texts[due.kind][lang].filled(**places)
    made_at = f"<{study.id}.{due.number}@{base.rpartition('//')[2].partition(':')[0] or 'localhost'}>"
    return Outgoing(contact.address, subject, body, plan.sender, made_at, stop, lang=lang)


def stop_messages(connection: Connection, participant_id: int) -> None:
    """Note that a person wants no more messages; answering with the link goes on as before."""
    connection.execute(
        update(participant).where(participant.c.id == participant_id).values(no_messages_at=datetime.now(UTC))
    )
    record(connection, "person.stop_messages", "store")


def _reserve(
    connection: Connection,
    row: Any,
    study: Study,
    plan: Messages,
    keyring: Keyring,
    contact: _Addressee,
    moment: datetime,
) -> _Reserved | None:
    """Reserve the message that is due to a person now, if any; the person is held meanwhile."""
    if not hold_people(connection, [contact.number]):
        return None
    person: Any = connection.execute(_PERSON, {"number": contact.number}).first()
    if person is None or person.no_messages_at is not None:
        return None
    if person.token_hash not in keyring.candidates(contact.token):
        return None  # the link was renewed, and the new one is not with the addresses yet
    if person.consent_granted is False:
        return None
    if person.expires_at is not None and aware(person.expires_at) < moment:
        return None
    standing = _standing(connection, row, moment, numbers=[contact.number], waves=contact.waves)
    due = _due(standing, plan, contact.number, moment, contact.channel)
    if due is None:
        return None
    wave_id, kind, name, closes, skipped = due
    kept: Any = standing.messages.get(contact.number, {}).get((wave_id, name))
    values = {"participant_id": person.id, "wave_id": wave_id, "at": moment}
    if skipped:
        passed_over = [{**values, "kind": other, "state": "skipped", "attempts": 0} for other in skipped]
        connection.execute(insert(message), passed_over)
    if kept is None:
        made = connection.execute(
            insert(message), {**values, "kind": name, "state": "sending", "attempts": 1}
        )
        key = made.inserted_primary_key
        if key is None:
            raise StoreError(fact_and_hint("send", "the database gave no number.", "report it."))
        number = int(key[0])
    else:
        number = int(kept.id)
        again = {"state": "sending", "attempts": kept.attempts + 1, "at": moment}
        connection.execute(update(message).where(message.c.id == number).values(**again))
    lang = person.lang if person.lang in study.languages else study.languages[0]
    return _Reserved(number, kind, lang, closes, 1 if kept is None else int(kept.attempts) + 1)


@dataclass(frozen=True, slots=True)
class _Reserved:
    """A message that was reserved: its number, kind, language, last day of its wave, and which try it is."""

    number: int
    kind: Kind
    lang: str
    closes: str
    tries: int


@dataclass(frozen=True, slots=True)
class _Addressee:
    """Someone to whom something may be due: number, address, link, way, and the waves of the study.

    `channel` is empty where there is no way to the person.
    """

    number: int
    address: str = field(repr=False)
    token: str = field(repr=False)
    channel: str
    waves: list[Any]


@dataclass(frozen=True, slots=True)
class _Standing:
    """Prompts that are open for someone, other waves; of people their days, completed waves, messages."""

    prompts: list[Any]
    waves: list[Any]
    rules: Rules
    days: Mapping[int, PersonDays]
    completed: set[tuple[int, int]]
    messages: Mapping[int, dict[tuple[int, str], Any]]


def _standing(
    connection: Connection,
    row: Any,
    moment: datetime,
    *,
    numbers: list[int] | None = None,
    waves: list[Any] | None = None,
) -> _Standing:
    """Read what messages depend on, for everyone or some people; of prompts only those that are open."""
    rules = rules_of(str(row.definition))
    every = _rows(waves_of(connection, int(row.id))) if waves is None else waves
    days = days_of_people(connection, row, numbers, waves=every)
    prompts = _open_prompts(rules, every, days, moment)
    others = [wave for wave in every if wave.name not in rules.hours]
    asked: dict[str, Any] = {"waves": [int(wave.id) for wave in (*prompts, *others)]}
    if numbers is None:
        finished, sent = _FINISHED, _MESSAGES
    else:
        finished, sent = _FINISHED_BY_SOME, _MESSAGES_TO_SOME
        asked["people"] = numbers
    kept: dict[int, dict[tuple[int, str], Any]] = {}
    for one in connection.execute(sent, asked):
        kept.setdefault(int(one.participant_id), {})[one.wave_id, one.kind] = one
    completed = {(int(person), int(wave)) for person, wave in connection.execute(finished, asked)}
    return _Standing(prompts, others, rules, days, completed, kept)


def _open_prompts(
    rules: Rules, waves: list[Any], days: Mapping[int, PersonDays], moment: datetime
) -> list[Any]:
    """Prompts whose hours it is, on a day on which they are open for one of the people."""
    local = moment.astimezone(rules.zone)
    zeros = {one.zero: one for one in days.values()}.values()
    found = []
    for wave in waves:
        day = rules.hours[wave.name].day(local) if wave.name in rules.hours else None
        if day is None:
            continue
        windows = (one.window(rules, wave.name, wave.opens_day, wave.closes_day) for one in zeros)
        if wave.name in rules.after or any(window is not None and window.holds(day) for window in windows):
            found.append(wave)
    return found


def _worth_a_look(
    engine: Engine,
    row: Any,
    plan: Messages,
    moment: datetime,
    contacts: list[Contact],
    channels: Collection[str],
) -> list[_Addressee]:
    """People to whom something may be due: the rest need no transaction of their own."""
    with reading(engine) as connection:
        waves = _rows(waves_of(connection, int(row.id)))
        standing = _standing(connection, row, moment, waves=waves)
        query = select(participant.c.pseudonym, participant.c.id).where(participant.c.study_id == row.id)
        numbers = {str(name): int(number) for name, number in connection.execute(query)}
    ways = [(one, *_way(one, plan, channels)) for one in contacts]
    return [
        _Addressee(number, address, one.token, channel, waves)
        for one, channel, address in ways
        if (number := numbers.get(one.participant)) is not None
        and number in standing.days
        and _due(standing, plan, number, moment, channel) is not None
    ]


def _way(contact: Contact, plan: Messages, channels: Collection[str]) -> tuple[str, str]:
    """Channel and address of a person: the telephone first, then the letter; both empty for none."""
    if contact.number and plan.sms and "sms" in channels:
        return "sms", contact.number
    if contact.address and plan.texts and "mail" in channels:
        return "mail", contact.address
    return "", ""


def _waits(kept: Any, moment: datetime, channel: str) -> bool:
    """Whether a short message failed so lately that it is not tried yet: 2, 4, 8, … at most 60 minutes."""
    if channel != "sms" or kept is None or kept.state not in AGAIN:
        return False
    return moment < aware(kept.at) + timedelta(minutes=min(2 ** int(kept.attempts), 60))


def _due(
    standing: _Standing, plan: Messages, person: int, moment: datetime, channel: str
) -> tuple[int, Kind, str, str, list[str]] | None:
    """Wave, kind and name of the message that is due, last day of the window, names that are passed over."""
    days, rules, today = standing.days[person], standing.rules, moment.date()
    kept = standing.messages.get(person, {})
    for wave in standing.prompts:
        end = _prompt_due(standing, rules, wave, person, moment)
        before = kept.get((wave.id, "first"))
        if end and (before is None or (before.state in AGAIN and not _waits(before, moment, channel))):
            return int(wave.id), "first", "first", end, []
    others = {wave.id for wave in standing.waves}
    spent = [one for one in kept.values() if one.state not in ("failed", "skipped")]
    if any(one.at.date() == today and one.wave_id in others for one in spent):
        return None
    for wave in standing.waves:
        window = days.window(rules, wave.name, wave.opens_day, wave.closes_day)
        if window is None or not window.holds(today) or (person, wave.id) in standing.completed:
            continue
        names = _schedule(plan, window.opens, window.closes)
        ripe = [(name, kind) for name, kind, day in names if day <= today]
        open_ones = [
            (name, kind)
            for name, kind in ripe
            if (wave.id, name) not in kept or kept[wave.id, name].state in AGAIN
        ]
        over = [
            name
            for (of_wave, name), one in kept.items()
            if of_wave == wave.id and one.state not in (*AGAIN, "skipped")
        ]
        later = [place for place, (name, _) in enumerate(ripe) if name in over]
        open_ones = [one for one in open_ones if ripe.index(one) > max(later, default=-1)]
        if not open_ones:
            continue
        first = open_ones[0] if open_ones[0][1] == "first" else open_ones[-1]
        if _waits(kept.get((wave.id, first[0])), moment, channel):
            continue
        if first[1] == "first":
            passed = [name for name, _ in open_ones[1:] if (wave.id, name) not in kept]
        else:
            passed = [name for name, _ in open_ones[:-1] if (wave.id, name) not in kept]
        return int(wave.id), first[1], first[0], window.closes.isoformat(), passed
    return None


def _prompt_due(standing: _Standing, rules: Rules, wave: Any, person: int, moment: datetime) -> str:
    """Clock at which a prompt ends that is open now and not completed; empty where there is none."""
    local, hours = moment.astimezone(rules.zone), rules.hours[wave.name]
    window = standing.days[person].window(rules, wave.name, wave.opens_day, wave.closes_day)
    day = hours.day(local)
    open_now = window is not None and day is not None and window.holds(day)
    return hours.end if open_now and (person, wave.id) not in standing.completed else ""


def _schedule(plan: Messages, opens: Any, closes: Any) -> list[tuple[str, Kind, Any]]:
    """Names, kinds and days of a wave's messages, in order of their days."""
    made: list[tuple[str, Kind, Any]] = [("first", "first", opens + timedelta(days=plan.first))]
    made += [
        (f"reminder {k}", "reminder", opens + timedelta(days=after))
        for k, after in enumerate(plan.reminders, start=1)
    ]
    if plan.last_call is not None:
        made.append(("last call", "last_call", closes - timedelta(days=plan.last_call)))
    return sorted(made, key=lambda one: (one[1] != "first", one[2]))


def _give_up_those_under_way(engine: Engine, study_id: int, moment: datetime) -> int:
    """Messages that a sender was about to hand over when it ended: they may have arrived, and stay unsent."""
    people = select(participant.c.id).where(participant.c.study_id == study_id)
    old = message.c.at < moment - timedelta(hours=1)
    under_way = (message.c.state == "sending") & old & message.c.participant_id.in_(people)
    with engine.begin() as connection:
        numbers = list(connection.execute(select(message.c.id).where(under_way)).scalars())
        for number in numbers:
            _note(connection, int(number), "unknown", moment)
    return len(numbers)


def _note_alone(engine: Engine, outcome: tuple[int, str, datetime] | None) -> None:
    if outcome is not None:
        with engine.begin() as connection:
            _note(connection, *outcome)


def _note(connection: Connection, number: int, state: str, moment: datetime) -> None:
    connection.execute(update(message).where(message.c.id == number).values(state=state, at=moment))
    record(connection, f"message.{state}", f"message {number}")


def _rows(rows: Any) -> list[Any]:
    return list(rows)


def counted(done: Mapping[str, int]) -> str:
    """Counts in words."""
    parts = [f"{done[state]} {state}" for state in (*HANDLED, "unreached") if done.get(state)]
    return ", ".join(parts) or "nothing was due"
