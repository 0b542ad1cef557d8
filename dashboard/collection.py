"""How the collection of answers goes, read from the store at the moment: for those who administer."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pandas as pd

from analysis.jobs.validation import STORE
from dashboard.services import is_shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How far a study has come.

    Attributes
    ----------
    study, status
        Its id, and whether it is open.
    funnel
        Counts of people at each wave.
    due
        Who is due or overdue at which wave, and until when: pseudonyms, no answers.
    days
        Questionnaires finished each day.
    blanks
        Answers at each wave: given, and left without.
    """

    study: str
    status: str
    funnel: pd.DataFrame
    due: pd.DataFrame
    days: pd.DataFrame
    blanks: pd.DataFrame


def is_offered() -> bool:
    """Say whether the page is there: a store is named, and nobody but its operator sees the dashboard."""
    return bool(os.environ.get(STORE, "").strip()) and not is_shared()


def studies() -> list[str]:
    """Name the studies of the store.

    Raises
    ------
    StoreError
        There is no such store, or it has another schema.
    """
    from instrument.store.study_data import studies_in

    return studies_in(os.environ.get(STORE, "").strip())


def collected(study: str) -> Collected:
    """Read how far a study has come.

    Parameters
    ----------
    study
        Its id.

    Raises
    ------
    ToolkitError
        The store is away, or has no such study.
    """
    from instrument.store.connect import open_store, reading, require_newest_schema
    from instrument.store.definitions import find_study
    from instrument.store.funnel import due_of, funnel_of
    from instrument.store.progress import blanks_of, days_of

    engine = open_store(os.environ.get(STORE, "").strip())
    try:
        require_newest_schema(engine)
        with reading(engine) as connection:
            return Collected(
                study=study,
                status=str(find_study(connection, study).status),
                funnel=funnel_of(connection, study),
                due=due_of(connection, study),
                days=days_of(connection, study),
                blanks=blanks_of(connection, study),
            )
    finally:
        engine.dispose()
