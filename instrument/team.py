"""What members of a team may do in a study from the pages: three roles, and every act in the audit."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine

from instrument.administer.consent_paper import consent_pdf
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint
from instrument.store.audit import record
from instrument.store.connect import StoreError, open_store, require_newest_schema
from instrument.store.consents import consent_record
from instrument.store.definitions import find_study, refuse_closed, set_study_status, study_written_as
from instrument.store.intake import people_of
from instrument.store.keys import keys_for
from instrument.store.mending import (
    CORRECTION_COLUMNS,
    Because,
    Corrected,
    correct_answers,
    reopen_administration,
    void_administration,
)
from instrument.store.people import Invitation, erase_person, invite, withdraw_person
from instrument.store.relinking import relink
from instrument.store.study_files import study_files
from instrument.store.tokens import Keyring

READERS, MANAGERS, OWNERS = "DTA_TEAM_READERS", "DTA_TEAM_MANAGERS", "DTA_TEAM_OWNERS"
STORE, KEYS = "DTA_STORE", "DTA_KEY_FILE"
MOST_AT_ONCE = 1_000


class Role(StrEnum):
    """Who a member is; each may do what the one before may."""

    READER = "reader"
    MANAGER = "data manager"
    OWNER = "owner"


class Act(StrEnum):
    """What is done from the pages; its name stands in the audit."""

    LOOK = "look"
    INVITE = "invite"
    RELINK = "relink"
    WITHDRAW = "withdraw"
    VOID = "void"
    REOPEN = "reopen"
    CORRECT = "correct"
    CONSENT = "consent"
    EXPORT = "export"
    ERASE = "erase"
    OPEN = "open"
    CLOSE = "close"


_MENDS = {Act.VOID, Act.REOPEN, Act.CORRECT}
_MANAGES = {Act.LOOK, Act.INVITE, Act.RELINK, Act.WITHDRAW, Act.EXPORT, Act.CONSENT, *_MENDS}
MAY: Mapping[Role, frozenset[Act]] = {
    Role.READER: frozenset({Act.LOOK}),
    Role.MANAGER: frozenset(_MANAGES),
    Role.OWNER: frozenset(Act),
}


def role_of(email: str, environment: Mapping[str, str] | None = None) -> Role | None:
    """Role of a signed-in person.

    Parameters
    ----------
    email
        As the provider of the sign-in says it.
    environment
        `DTA_TEAM_OWNERS`, `DTA_TEAM_MANAGERS` and `DTA_TEAM_READERS`: addresses, with commas between; the
        process's by default. A whole domain is no member.

    Returns
    -------
    Role or None
        The highest; None for who is on no list.

    Examples
    --------
    >>> role_of("Anna@example.org", {"DTA_TEAM_OWNERS": "ben@example.org, anna@example.org"})
    <Role.OWNER: 'owner'>
    """
    known = os.environ if environment is None else environment
    name = email.strip().lower()
    for role, variable in ((Role.OWNER, OWNERS), (Role.MANAGER, MANAGERS), (Role.READER, READERS)):
        listed = {one.strip().lower() for one in known.get(variable, "").split(",")}
        if name.count("@") == 1 and not name.startswith("@") and name in listed:
            return role
    return None


class Member:
    """One member of the team at work in one study of the store.

    Parameters
    ----------
    who
        Address of the person, for the audit; empty on the operator's own machine.
    role
        What the person may do.
    study
        Id of the study.
    environment
        Names the store and the key file; the process's by default.
    """

    def __init__(
        self, who: str, role: Role, study: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.role, self.study = role, study
        self._who = who.strip()[:64] or "operator"
        self._environment = os.environ if environment is None else environment

    def may(self, act: Act) -> bool:
        """Whether the role allows an act."""
        return act in MAY[self.role]

    def invite(self, people: int | Sequence[str]) -> list[Invitation]:
        """Make links for new people; they are given once and not kept."""
        with self._acting(Act.INVITE) as (connection, row, keyring):
            _refuse_many(people)
            refuse_closed(row)
            made = invite(connection, int(row.id), keyring, people)
            self._note(connection, Act.INVITE, row, len(made))
        return made

    def relink(self, pseudonyms: Sequence[str]) -> list[Invitation]:
        """Make new links for people of the study; earlier ones end at once, answers stay."""
        with self._acting(Act.RELINK) as (connection, row, keyring):
            _refuse_many(pseudonyms)
            made = relink(connection, int(row.id), keyring, pseudonyms)
            self._note(connection, Act.RELINK, row, len(made))
        return made

    def withdraw(self, pseudonym: str) -> bool:
        """Record that a person withdrew; False where that was so already."""
        with self._acting(Act.WITHDRAW) as (connection, row, _):
            changed = withdraw_person(connection, _number(connection, row, pseudonym))
            self._note(connection, Act.WITHDRAW, row, int(changed))
        return changed

    def void(self, pseudonym: str, wave: str, reason: str) -> None:
        """Take a questionnaire out of every export and count."""
        with self._acting(Act.VOID) as (connection, row, _):
            void_administration(connection, row, pseudonym, wave, Because(reason, self._who))
            self._note(connection, Act.VOID, row, 1)

    def reopen(self, pseudonym: str, wave: str, reason: str) -> None:
        """Open a finished questionnaire again."""
        with self._acting(Act.REOPEN) as (connection, row, _):
            reopen_administration(connection, row, pseudonym, wave, Because(reason, self._who))
            self._note(connection, Act.REOPEN, row, 1)

    def correct(self, pseudonym: str, wave: str, item: str, code: str, reason: str) -> Corrected:
        """Correct one answer to an item of the scale, or to a question of a form (`form.question`)."""
        with self._acting(Act.CORRECT) as (connection, row, _):
            one = pd.DataFrame([(pseudonym, wave, item, code)], columns=list(CORRECTION_COLUMNS))
            done = correct_answers(connection, row, one, Because(reason, self._who))
            self._note(connection, Act.CORRECT, row, done.changed)
        return done

    def consent(self, pseudonym: str) -> bytes:
        """Give the text that a person agreed to as a PDF."""
        with self._acting(Act.CONSENT) as (connection, row, _):
            found = consent_record(connection, _number(connection, row, pseudonym))
            if found is None:
                fact = f"{pseudonym!r} has agreed to no text that the store holds."
                raise ResponseDataError(fact_and_hint("team", fact, "consent on paper lies with the team."))
            self._note(connection, Act.CONSENT, row, 1)
        return consent_pdf(found)

    def erase(self, pseudonym: str, repeated: str) -> None:
        """Erase a person for good; the pseudonym is given twice."""
        with self._acting(Act.ERASE) as (connection, row, keyring):
            if pseudonym != repeated:
                fact = "the two pseudonyms differ; nobody was erased."
                raise ResponseDataError(fact_and_hint("erase", fact, "write the same one twice."))
            erase_person(connection, _number(connection, row, pseudonym), keyring)
            self._note(connection, Act.ERASE, row, 1)

    def turn(self, act: Act) -> None:
        """Open or close the study."""
        with self._acting(act) as (connection, row, _):
            faults = study_written_as(row.definition).faults_before_opening() if act is Act.OPEN else []
            if faults:
                listed = "\n".join(f"  {fault}" for fault in faults)
                fact = f"study {self.study!r} cannot open.\n{listed}"
                raise DefinitionError(fact_and_hint("team", fact, "mend the file; create it anew."))
            set_study_status(connection, self.study, "open" if act is Act.OPEN else "closed")
            self._note(connection, act, row, 1)

    def export(self) -> bytes:
        """Give the files of the study in one archive, without answers that may tell who somebody is."""
        files = study_files(self._store, self.study, forms_alone=True)[0] if self.may(Act.EXPORT) else {}
        with self._acting(Act.EXPORT) as (connection, row, _):
            self._note(connection, Act.EXPORT, row)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(files.items()):
                archive.writestr(f"{self.study}/{name}", text)
        return packed.getvalue()

    @property
    def _store(self) -> str:
        return self._environment.get(STORE, "").strip()

    @contextmanager
    def _acting(self, act: Act) -> Iterator[tuple[Connection, Any, Keyring]]:
        """A transaction for an act that the role allows; a refusal stands in the audit too."""
        engine = open_store(self._store)
        try:
            require_newest_schema(engine)
            if not self.may(act):
                self._refuse(engine, act)
            keyring = keys_for(engine, Path(self._environment.get(KEYS, "dta.keys")), self._environment)
            with engine.begin() as connection:
                yield connection, find_study(connection, self.study), keyring
        finally:
            engine.dispose()

    def _refuse(self, engine: Engine, act: Act) -> None:
        with engine.begin() as connection:
            row: Any = find_study(connection, self.study)
            record(connection, "team.refused", f"study {row.id} {act} by {self._who}")
        fact = f"a {self.role} may not {act}."
        raise DefinitionError(fact_and_hint("team", fact, "ask an owner of the study."))

    def _note(self, connection: Connection, act: Act, row: Any, count: int = 0) -> None:
        record(connection, f"team.{act}", f"study {row.id} by {self._who}", count)


def _refuse_many(people: int | Sequence[str]) -> None:
    count = people if isinstance(people, int) else len(people)
    if count > MOST_AT_ONCE:
        fact = f"{count} people at once are more than {MOST_AT_ONCE}."
        raise ResponseDataError(fact_and_hint("team", fact, "use the command line for so many."))


def _number(connection: Connection, row: Any, pseudonym: str) -> int:
    found = people_of(connection, int(row.id), [pseudonym])
    if pseudonym not in found:
        fact = f"the study has no person {pseudonym!r}."
        raise StoreError(fact_and_hint("team", fact, "check the pseudonym."))
    return found[pseudonym]
