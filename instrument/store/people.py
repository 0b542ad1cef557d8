"""People of a study: invited by link, known by pseudonym, erased by code."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from instrument.common.storable import is_storable
from instrument.errors import fact_and_hint, name_offenders
from instrument.store.addresses import forget_address
from instrument.store.audit import record
from instrument.store.connect import StoreError
from instrument.store.erasures import Erasure, note_erasure, noted_erasures
from instrument.store.notices import note_withdrawal
from instrument.store.purge import mark_erased
from instrument.store.tables import (
    administration,
    consent,
    erasure,
    former_link,
    participant,
    response,
    study,
)
from instrument.store.tokens import Keyring, new_token, plain_code


@dataclass(frozen=True, slots=True)
class Invitation:
    """A pseudonym with the token of its link; the token is shown once and not kept.

    Attributes
    ----------
    pseudonym
        Random unless given.
    token
        Secret part of the link.
    """

    pseudonym: str
    token: str


class Withdrawal(StrEnum):
    """What becomes of the answers of a person who withdraws."""

    KEEP = "keep"
    DELETE = "delete"


def hold_people(connection: Connection, numbers: Iterable[int]) -> set[int]:
    """Hold people until the transaction ends: their consent and their answers change one after the other.

    Whoever stores something of a person, and whoever records or takes back consent, holds the person first
    and reads the latest choice afterwards: an answer and a no that come at the same moment are put in an
    order, and after the no nothing is stored. SQLite lets one transaction write at a time anyway.

    Parameters
    ----------
    connection
        An open transaction, which has held no one yet.
    numbers
        Numbers of the people.

    Returns
    -------
    set of int
        Those who are in the store.
    """
    wanted = sorted(set(numbers))
    found: set[int] = set()
    for start in range(0, len(wanted), 500):
        query = select(participant.c.id).where(participant.c.id.in_(wanted[start : start + 500]))
        held = query.order_by(participant.c.id).with_for_update(key_share=True)
        found |= {int(number) for number in connection.execute(held).scalars()}
    return found


def _random_pseudonym() -> str:
    return "r" + secrets.token_hex(5)


def invite(
    connection: Connection,
    study_id: int,
    keyring: Keyring,
    people: int | Sequence[str],
    *,
    is_test: bool = False,
    expires_at: datetime | None = None,
    readmit: bool = False,
    token: str | None = None,
) -> list[Invitation]:
    """Make links for a number of people or for a list of pseudonyms.

    Parameters
    ----------
    connection
        An open transaction.
    study_id
        Number of the study.
    keyring
        Keys of the token hashes.
    people
        How many, or their pseudonyms.
    is_test
        Marks trial links, whose answers no export holds unless asked.
    expires_at
        When the links end; never by default.
    readmit
        Take in pseudonyms of people who were erased: only where they asked for it.
    token
        Secret part of the link where one person is invited; drawn by default.

    Returns
    -------
    list of Invitation
        In the order given.

    Raises
    ------
    StoreError
        No one is named, pseudonyms are doubled or already in the study, or of people who were erased.
    """
    names = [_random_pseudonym() for _ in range(people)] if isinstance(people, int) else list(people)
    known = select(participant.c.pseudonym).where(participant.c.study_id == study_id)
    kept = {row.pseudonym for row in connection.execute(known)}
    if not names:
        raise StoreError(fact_and_hint("invite", "no one to invite.", "give a number or pseudonyms."))
    if taken := sorted({n for n in names if n in kept or names.count(n) > 1}):
        fact = f"{len(taken)} pseudonyms are doubled or in the study already: {name_offenders(taken)}."
        raise StoreError(fact_and_hint("invite", fact, "take them out of the list."))
    if odd := [name for name in names if not is_storable(name)]:
        fact = f"{len(odd)} pseudonyms hold a NUL or half of a character: {name_offenders(odd)}."
        raise StoreError(fact_and_hint("invite", fact, "mend the list; save it as UTF-8 text."))
    study_name = connection.execute(select(study.c.name).where(study.c.id == study_id)).scalar_one_or_none()
    gone = [] if isinstance(people, int) else erased_before(connection, keyring, str(study_name), names)
    if gone and not readmit:
        fact = f"{len(gone)} of {len(names)} people were erased from the study: {name_offenders(gone)}."
        hint = "take them out; add --readmit only if they asked to come back."
        raise StoreError(fact_and_hint("invite", fact, hint))
    now = datetime.now(UTC)
    made = [Invitation(name, token or new_token()) for name in names]
    connection.execute(
        insert(participant),
        [
            {
                "study_id": study_id,
                "pseudonym": one.pseudonym,
                "token_hash": keyring.hash(one.token),
                "is_test": is_test,
                "enrolled_at": now,
                "expires_at": expires_at,
            }
            for one in made
        ],
    )
    record(connection, "study.invite", f"study {study_id}", len(made))
    if gone:
        record(connection, "person.readmit", f"study {study_id}", len(gone))
    return made


def link_of(connection: Connection, keyring: Keyring, token: str) -> Row[tuple[object, ...]] | None:
    """Person behind a link, with the name and status of the study, also when its time is over.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys of the token hashes; each is tried.
    token
        Secret part of the link.

    Returns
    -------
    sqlalchemy.Row or None
        None when the token is unknown, altered or erased.
    """
    query = (
        select(participant, study.c.name.label("study_name"), study.c.status.label("study_status"))
        .join(study, study.c.id == participant.c.study_id)
        .where(participant.c.token_hash.in_(keyring.candidates(token[:128])))
    )
    return connection.execute(query).first()


def by_token(connection: Connection, keyring: Keyring, token: str) -> Row[tuple[object, ...]] | None:
    """Person behind a link that has not ended.

    Parameters
    ----------
    connection, keyring, token
        As for `link_of`.

    Returns
    -------
    sqlalchemy.Row or None
        None when the token is unknown, altered, erased or expired.
    """
    found = link_of(connection, keyring, token)
    return None if found is None or expired(found.expires_at) else found


def expired(moment: datetime | None) -> bool:
    """Whether the time of a link is over.

    Parameters
    ----------
    moment
        Last moment of the link, None when it has no end.

    Returns
    -------
    bool
        True after that moment.
    """
    return moment is not None and aware(moment) < datetime.now(UTC)


def aware(moment: datetime) -> datetime:
    """Moment with its time zone; one without is UTC.

    Parameters
    ----------
    moment
        From the store, or made by hand.

    Returns
    -------
    datetime.datetime
        In UTC.
    """
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def give_consent(
    connection: Connection, participant_id: int, text_hash: str, version: str, lang: str, granted: bool
) -> None:
    """Record which consent text was shown and what the person chose.

    Parameters
    ----------
    connection
        An open transaction.
    participant_id
        Number of the person.
    text_hash, version, lang
        Which text it was.
    granted
        Yes or no.
    """
    hold_people(connection, [participant_id])
    before: Any = consent_of(connection, participant_id)
    if not granted and before is not None and before.granted:
        note_withdrawal(connection, participant_id, deleted=False)
    connection.execute(
        insert(consent).values(
            participant_id=participant_id,
            text_hash=text_hash,
            version=version,
            lang=lang,
            granted=granted,
            at=datetime.now(UTC),
        )
    )


def consent_of(connection: Connection, participant_id: int) -> Row[tuple[object, ...]] | None:
    """Latest choice of a person.

    Parameters
    ----------
    connection
        An open connection.
    participant_id
        Number of the person.

    Returns
    -------
    sqlalchemy.Row or None
        None before the first choice.
    """
    query = select(consent).where(consent.c.participant_id == participant_id)
    return connection.execute(query.order_by(consent.c.id.desc()).limit(1)).first()


def latest_choices(connection: Connection, numbers: Iterable[int]) -> dict[int, Row[Any]]:
    """Latest choice of each of several people.

    Parameters
    ----------
    connection
        An open connection.
    numbers
        Numbers of the people to look at.

    Returns
    -------
    dict of sqlalchemy.Row
        Number of the person to version, lang, granted and at; who was never asked here is left out.
    """
    wanted = sorted(set(numbers))
    found: dict[int, Row[Any]] = {}
    for start in range(0, len(wanted), 500):
        latest = (
            select(func.max(consent.c.id))
            .where(consent.c.participant_id.in_(wanted[start : start + 500]))
            .group_by(consent.c.participant_id)
        )
        query = select(consent).where(consent.c.id.in_(latest))
        found |= {int(row.participant_id): row for row in connection.execute(query)}
    return found


def without_consent(connection: Connection, numbers: Iterable[int]) -> set[int]:
    """People whose latest choice is no; who was never asked here may have consented elsewhere.

    Parameters
    ----------
    connection
        An open connection.
    numbers
        Numbers of the people to look at.

    Returns
    -------
    set of int
        Those who declined or took their consent back.
    """
    return {number for number, choice in latest_choices(connection, numbers).items() if not choice.granted}


def set_language(connection: Connection, participant_id: int, lang: str) -> None:
    """Remember the language a person reads in.

    Parameters
    ----------
    connection
        An open transaction.
    participant_id
        Number of the person.
    lang
        Language tag.
    """
    connection.execute(update(participant).where(participant.c.id == participant_id).values(lang=lang))


def issue_withdrawal_code(connection: Connection, keyring: Keyring, participant_id: int) -> str:
    """Give a person's withdrawal code; only its hash is kept, and it is the same each time.

    Parameters
    ----------
    connection
        An open transaction.
    keyring
        Keys of the hashes; the code is derived from the key that first made it.
    participant_id
        Number of the person.

    Returns
    -------
    str
        The code.

    Raises
    ------
    StoreError
        There is no such person, or the list of erasures beside the store cannot be written.
    """
    found = connection.execute(select(participant).where(participant.c.id == participant_id)).first()
    if found is None:
        raise StoreError(fact_and_hint("withdrawal", "there is no such person.", "use the link again."))
    key = found.erasure_hash.split(":")[0] if found.erasure_hash else ""
    lost = key not in keyring.keys  # given up by `rotate-key --lost`: the old code opens nothing any more
    key = keyring.newest if lost else key
    code = keyring.code_for(f"{found.study_id}:{found.id}:{found.token_hash}", key)
    if lost:
        hashed = keyring.hash(plain_code(code), key)
        connection.execute(
            update(participant).where(participant.c.id == participant_id).values(erasure_hash=hashed)
        )
    return code


def person_of_code(connection: Connection, keyring: Keyring, code: str) -> Row[tuple[object, ...]] | None:
    """Person whose withdrawal code this is, with the definition of the study.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys of the hashes; each is tried.
    code
        As typed.

    Returns
    -------
    sqlalchemy.Row or None
        None for an unknown code.
    """
    query = select(participant, study.c.definition).join(study, study.c.id == participant.c.study_id)
    hashes = keyring.candidates(plain_code(code))
    return connection.execute(query.where(participant.c.erasure_hash.in_(hashes))).first()


def withdraw_by_code(connection: Connection, keyring: Keyring, code: str, choice: Withdrawal) -> int | None:
    """Withdraw the person whose withdrawal code this is.

    Parameters
    ----------
    connection
        An open transaction.
    keyring
        Keys of the hashes.
    code
        As typed.
    choice
        Whether the person's answers stay or are erased.

    Returns
    -------
    int or None
        Number of the person (no longer in the store after an erasure); None for an unknown code.
    """
    found: Any = person_of_code(connection, keyring, code)
    if found is None or not hold_people(connection, [int(found.id)]):
        return None
    if choice is Withdrawal.DELETE:
        erase_person(connection, int(found.id), keyring)
    else:
        withdraw_person(connection, int(found.id))
    return int(found.id)


def erase_by_code(connection: Connection, keyring: Keyring, code: str) -> bool:
    """Erase the person whose withdrawal code this is.

    Parameters
    ----------
    connection
        An open transaction.
    keyring
        Keys of the hashes.
    code
        As typed.

    Returns
    -------
    bool
        Whether there was such a person.
    """
    return withdraw_by_code(connection, keyring, code, Withdrawal.DELETE) is not None


def withdraw_person(connection: Connection, participant_id: int) -> bool:
    """Record that a person withdrew: what was given stays, nothing more is stored, nothing is due.

    Parameters
    ----------
    connection
        An open transaction.
    participant_id
        Number of the person.

    Returns
    -------
    bool
        False where the person's latest choice is no already: nothing changes then. The choice names the
        consent text that was agreed to; no text where the person was never asked here.

    Raises
    ------
    StoreError
        There is no such person.
    """
    if not hold_people(connection, [participant_id]):
        raise StoreError(fact_and_hint("withdraw_person", "there is no such person.", "check the pseudonym."))
    said: Any = consent_of(connection, participant_id)
    if said is not None and not said.granted:
        return False
    text = ("", "", "") if said is None else (str(said.text_hash), str(said.version), str(said.lang))
    if said is None:  # consented elsewhere, as on paper
        note_withdrawal(connection, participant_id, deleted=False)
    give_consent(connection, participant_id, *text, False)
    of_study = select(participant.c.study_id).where(participant.c.id == participant_id)
    record(connection, "person.withdraw", f"study {connection.execute(of_study).scalar_one()}")
    return True


def _person(study_name: str, pseudonym: str) -> str:
    return json.dumps(["person", study_name, pseudonym])


def erased_before(
    connection: Connection, keyring: Keyring, study_name: str, pseudonyms: Sequence[str]
) -> list[str]:
    """Pseudonyms of people who were erased from a study.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys; each is tried.
    study_name
        Id of the study.
    pseudonyms
        Whom to look for.

    Returns
    -------
    list of str
        Those on the list of erasures of the store, or on the one outside it.
    """
    listed = connection.execute(select(erasure.c.person_hash).where(erasure.c.person_hash.is_not(None)))
    hashes = set(listed.scalars()) | {entry["person_hash"] for entry in noted_erasures(connection.engine)}
    if not hashes - {None}:
        return []
    return [
        name for name in pseudonyms if not hashes.isdisjoint(keyring.candidates(_person(study_name, name)))
    ]


def erase_person(
    connection: Connection,
    participant_id: int,
    keyring: Keyring | None = None,
    *,
    noted: Erasure | None = None,
) -> None:
    """Remove a person from every table; the audit line keeps a count, the erasure list a hash.

    Parameters
    ----------
    connection
        An open transaction.
    participant_id
        Number of the person.
    keyring
        Keys, to know the person again should anyone import or invite the same pseudonym; without them that
        stays unseen.
    noted
        The person's entry where the list of erasures has one already.

    Raises
    ------
    StoreError
        There is no such person, or the list of erasures beside the store cannot be written.
    """
    hold_people(connection, [participant_id])
    found = connection.execute(select(participant).where(participant.c.id == participant_id)).first()
    if found is None:
        raise StoreError(fact_and_hint("erase_person", "there is no such person.", "check the pseudonym."))
    answers = connection.execute(
        select(func.count(response.c.item_id))
        .join(administration)
        .where(administration.c.participant_id == participant_id)
    ).scalar_one()
    now = datetime.now(UTC)
    person_hash = noted["person_hash"] if noted else None
    if noted is None and keyring is not None:
        named = connection.execute(select(study.c.name).where(study.c.id == found.study_id)).scalar_one()
        person_hash = keyring.hash(_person(named, found.pseudonym))
    of_study = connection.execute(select(study.c.name).where(study.c.id == found.study_id)).scalar_one()
    forget_address(connection.engine, of_study, found.pseudonym)
    ended = select(former_link.c.token_hash).where(former_link.c.participant_id == participant_id)
    hashes = [found.token_hash, *connection.execute(ended).scalars()]  # an old copy knows an older link
    if noted is None:
        for token_hash in hashes:
            note_erasure(connection.engine, token_hash, now, person_hash)
        note_withdrawal(connection, participant_id, deleted=True)
    mark_erased(connection)
    listed = set(connection.execute(select(erasure.c.token_hash)).scalars())
    for token_hash in [name for name in hashes if name not in listed]:
        connection.execute(insert(erasure).values(token_hash=token_hash, at=now, person_hash=person_hash))
    connection.execute(delete(participant).where(participant.c.id == participant_id))
    record(connection, "person.erase", f"study {found.study_id}", answers)
