"""A new link for the same person: answers stay, every earlier link ends at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from instrument.errors import fact_and_hint, name_offenders
from instrument.store.audit import record
from instrument.store.connect import StoreError
from instrument.store.erasures import ENDED_LINK, note_erasure
from instrument.store.intake import people_of
from instrument.store.people import Invitation, expired, hold_people, issue_withdrawal_code
from instrument.store.tables import administration, former_link, participant, study
from instrument.store.tokens import Keyring, new_token


def relink(
    connection: Connection,
    study_id: int,
    keyring: Keyring,
    pseudonyms: Sequence[str],
    *,
    expires_at: datetime | None = None,
) -> list[Invitation]:
    """Give people of a study new links; pages, forms and sessions of the old ones end at once.

    Answers, choices about consent and the days of the study stay as they are. Who has not begun yet is shown
    another withdrawal code with the new link; for all others the code that they were shown stays good.

    Parameters
    ----------
    connection
        An open transaction, which has held no one yet.
    study_id
        Number of the study.
    keyring
        Keys of the token hashes.
    pseudonyms
        Whose links.
    expires_at
        When the new links end; as the old ones by default.

    Returns
    -------
    list of Invitation
        In the order given.

    Raises
    ------
    StoreError
        No one is named, someone twice or who is not in the study, or the time of a link is over and no other
        end is given; no link is changed then.
    """
    caller, names = "relink", list(pseudonyms)
    if not names:
        raise StoreError(fact_and_hint(caller, "no one is named.", "give pseudonyms."))
    people = people_of(connection, study_id, names)
    if unfit := sorted({name for name in names if name not in people or names.count(name) > 1}):
        fact = f"{len(unfit)} pseudonyms are not in the study, or named twice: {name_offenders(unfit)}."
        raise StoreError(fact_and_hint(caller, fact, "check the list; who is new is invited."))
    held = hold_people(connection, people.values())
    rows: dict[str, Any] = {
        row.pseudonym: row
        for name in names
        if people[name] in held
        for row in connection.execute(select(participant).where(participant.c.id == people[name]))
    }
    if gone := [name for name in names if name not in rows]:
        fact = f"{len(gone)} people were erased at this moment: {name_offenders(gone)}."
        raise StoreError(fact_and_hint(caller, fact, "take them out of the list."))
    ended = [name for name in names if expires_at is None and expired(rows[name].expires_at)]
    if ended:
        fact = f"the time of {len(ended)} links is over: {name_offenders(ended)}."
        raise StoreError(fact_and_hint(caller, fact, "add --days to say how long the new ones last."))
    now = datetime.now(UTC)
    made = [Invitation(name, new_token()) for name in names]
    for one in made:
        row = rows[one.pseudonym]
        note_erasure(connection.engine, row.token_hash, now, ENDED_LINK)  # a copy must not bring it back
        end_link(connection, row, keyring.hash(one.token), now)
        _renew_code(connection, keyring, row)
        if expires_at is not None:
            later = update(participant).where(participant.c.id == row.id)
            connection.execute(later.values(expires_at=expires_at))
    record(connection, "person.relink", f"study {study_id}", len(made))
    return made


def end_link(connection: Connection, person: Any, token_hash: str, at: datetime) -> None:
    """Put the hash of another link in place of a person's present one.

    Parameters
    ----------
    connection
        An open transaction that holds the person.
    person
        Row of the participant.
    token_hash
        Of the new link.
    at
        Moment at which the old one ends.
    """
    connection.execute(
        insert(former_link).values(participant_id=person.id, token_hash=person.token_hash, ended_at=at)
    )
    changed = update(participant).where(participant.c.id == person.id)
    connection.execute(changed.values(token_hash=token_hash))


def _renew_code(connection: Connection, keyring: Keyring, person: Any) -> None:
    """Give who has not begun the withdrawal code that the page before the first questionnaire will show."""
    begun = select(administration.c.id).where(
        administration.c.participant_id == person.id, administration.c.mode == "web"
    )
    if person.erasure_hash is None or connection.execute(begun.limit(1)).first() is not None:
        return
    changed = update(participant).where(participant.c.id == person.id)
    connection.execute(changed.values(erasure_hash=None))
    issue_withdrawal_code(connection, keyring, int(person.id))


def study_of_former_link(connection: Connection, keyring: Keyring, token: str) -> Any:
    """Study of a link that ended because its person has a newer one.

    Parameters
    ----------
    connection
        An open connection.
    keyring
        Keys of the token hashes; each is tried.
    token
        Secret part of the old link.

    Returns
    -------
    sqlalchemy.Row or None
        Row of the study; None for a link that never was, or of someone who was erased.
    """
    query = (
        select(study)
        .join(participant, participant.c.study_id == study.c.id)
        .join(former_link, former_link.c.participant_id == participant.c.id)
        .where(former_link.c.token_hash.in_(keyring.candidates(token[:128])))
    )
    return connection.execute(query).first()


def person_of_former_link(connection: Connection, keyring: Keyring, token: str) -> int | None:
    """Number of the person whose link this was before a newer one.

    Parameters
    ----------
    connection, keyring, token
        As for `study_of_former_link`.

    Returns
    -------
    int or None
        None for a link that never was, or of someone who was erased.
    """
    query = select(former_link.c.participant_id).where(
        former_link.c.token_hash.in_(keyring.candidates(token[:128]))
    )
    return connection.execute(query).scalar_one_or_none()


def links_held(connection: Connection, study_id: int, keyring: Keyring, links: dict[str, str]) -> list[str]:
    """Name people whose given link is not their present one.

    Parameters
    ----------
    connection
        An open connection.
    study_id
        Number of the study.
    keyring
        Keys of the token hashes.
    links
        Pseudonym to token.

    Returns
    -------
    list of str
        Pseudonyms whose link ended, was changed, or belongs to someone else.
    """
    present = select(participant.c.pseudonym, participant.c.token_hash, participant.c.expires_at).where(
        participant.c.study_id == study_id
    )
    kept: dict[str, Any] = {row.pseudonym: row for row in connection.execute(present)}
    return [
        name
        for name, token in links.items()
        if name not in kept
        or kept[name].token_hash not in keyring.candidates(token)
        or expired(kept[name].expires_at)
    ]
