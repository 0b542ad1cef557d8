"""Who works with the team page: the sign-in says who, the lists of the operator say with which role."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dashboard.services import is_shared
from instrument.commands.people import DEFAULT_ADDRESS, links_text
from instrument.store.people import Invitation
from instrument.team import STORE, Member, Role, role_of


def role(user: Mapping[str, Any] | None) -> Role | None:
    """Role of who looks.

    Parameters
    ----------
    user
        Claims of a person whom the sign-in admits; None where the dashboard has no sign-in.

    Returns
    -------
    Role or None
        Without sign-in the operator alone, on the operator's own machine, is owner. None without a store, in
        a shared view without sign-in, and for a person on no list of the team.
    """
    if not os.environ.get(STORE, "").strip():
        return None
    if user is None:
        return None if is_shared() else Role.OWNER
    email = user.get("email")
    return role_of(email) if isinstance(email, str) else None


def member(user: Mapping[str, Any] | None, study: str) -> Member | None:
    """Give who looks as a member at work in a study; None for who is none.

    Parameters
    ----------
    user, study
        As for `role`, and the id of the study.
    """
    found = role(user)
    who = "" if user is None else str(user.get("email", ""))
    return None if found is None else Member(who, found, study)


def links_file(links: list[Invitation], address: str) -> str:
    """Give links as the CSV file that the command line writes.

    Parameters
    ----------
    links, address
        As made, and the public address of the questionnaire.
    """
    return links_text(links, address.strip() or DEFAULT_ADDRESS)
