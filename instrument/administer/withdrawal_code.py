"""The withdrawal code is shown once: until the person's first questionnaire is begun, and never again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from instrument.administer.rendering import Page
from instrument.store.people import issue_withdrawal_code
from instrument.store.tables import administration
from instrument.store.tokens import Keyring


def about_code(connection: Connection, keyring: Keyring, person: Any, page: Page) -> str:
    """Say the withdrawal code, or that it was shown.

    Who opens the link later, on a shared tablet or with the back button, must not find it again. It stays on
    the page before the first questionnaire until that is begun: a reload or another language loses nothing.

    Parameters
    ----------
    connection, keyring
        The store and the keys of its hashes.
    person
        Row of the participant.
    page
        Frame of the page, for its texts.

    Returns
    -------
    str
        A sentence or two.
    """
    begun = select(administration.c.id).where(
        administration.c.participant_id == person.id, administration.c.mode == "web"
    )
    if connection.execute(begun.limit(1)).first() is not None:
        return page.t["code_before"]
    return page.t["code_keep"].format(code=issue_withdrawal_code(connection, keyring, person.id))
