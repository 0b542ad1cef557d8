"""What a person agreed to: the text in the version and language that was shown, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from instrument.store.definitions import study_written_as
from instrument.store.instants import utc
from instrument.store.tables import consent, participant, study, study_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """The latest yes of a person, with the text it was given to.

    Attributes
    ----------
    title, contact
        Of the study, in the version that held the text.
    study, pseudonym
        Id of the study, and code of the person.
    version, lang, text, text_hash
        Which text, in which language, and its SHA-256 as kept with the choice.
    at
        Moment of the yes.
    ended_at
        Moment of a later no; None where consent holds.
    """

    title: str
    contact: str
    study: str
    pseudonym: str
    version: str
    lang: str
    text: str
    text_hash: str
    at: datetime
    ended_at: datetime | None


def consent_record(connection: Connection, participant_id: int) -> ConsentRecord | None:
    """Give the latest yes of a person.

    Parameters
    ----------
    connection
        An open connection.
    participant_id
        Number of the person.

    Returns
    -------
    ConsentRecord or None
        None where the person never agreed here, or where no version of the study holds the text.
    """
    of_person = select(consent).where(consent.c.participant_id == participant_id).order_by(consent.c.id)
    choices: list[Any] = list(connection.execute(of_person))
    granted = [place for place, choice in enumerate(choices) if choice.granted]
    if not granted:
        return None
    chosen, later = choices[granted[-1]], choices[granted[-1] + 1 :]
    query = select(participant.c.pseudonym, study.c.id, study.c.name, study.c.definition)
    joined = query.join(study, study.c.id == participant.c.study_id)
    person: Any = connection.execute(joined.where(participant.c.id == participant_id)).one()
    versions = select(study_version.c.definition).where(study_version.c.study_id == person.id)
    newest_first = versions.order_by(study_version.c.number.desc())
    for written in (person.definition, *connection.execute(newest_first).scalars()):
        held = study_written_as(str(written))
        shown = held.consent
        if shown is None or chosen.lang not in shown.text or shown.hash_of(chosen.lang) != chosen.text_hash:
            continue
        return ConsentRecord(
            title=held.title_in(chosen.lang),
            contact=held.contact_in(chosen.lang),
            study=str(person.name),
            pseudonym=str(person.pseudonym),
            version=str(chosen.version),
            lang=str(chosen.lang),
            text=shown.text[chosen.lang],
            text_hash=str(chosen.text_hash),
            at=utc(chosen.at),
            ended_at=utc(later[0].at) if later else None,
        )
    return None
