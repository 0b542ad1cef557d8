"""Rows of a long table that are put side by side: every one of a person, once at a wave."""

from __future__ import annotations

from typing import Any

import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint


def waves_there(data: pd.DataFrame, wave: str) -> list[Any]:
    """Waves in order of appearance; rows without one are of none."""
    return list(pd.unique(data[wave].dropna()))


def check_people(rows: pd.DataFrame, participant: str, wave: str, caller: str) -> None:
    """Refuse rows that cannot be told by whom they are, and two of one person at a wave.

    Parameters
    ----------
    rows
        Of the waves in use.
    participant, wave
        Names of the key columns.
    caller
        Public function that the message names.

    Raises
    ------
    ResponseDataError
        Rows without a participant, which would be joined with each other over the waves; repeated rows.
    """
    if unnamed := int(rows[participant].isna().sum()):
        fact = f"{unnamed} row{' names' if unnamed == 1 else 's name'} no participant."
        raise ResponseDataError(fact_and_hint(caller, fact, "say whose they are, or leave them out."))
    if doubled := int(rows.duplicated([participant, wave]).sum()):
        fact = f"{doubled} rows repeat a participant at a wave."
        raise ResponseDataError(fact_and_hint(caller, fact, "keep one row for each."))
