"""Tables beside the use of an app speak of the same people, under the same ids."""

from __future__ import annotations

import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint, warn_user
from instrument.reading.ids import MOST_LOST, compare_ids
from instrument.reading.people import labels_as_text


def refuse_strangers(named: pd.Series, people: pd.Series, what: str, caller: str) -> None:
    """Refuse a table that holds none of the people whose use is known; warn where many almost match.

    Without it a join leaves every covariate of these people empty, and what should be held constant is not.

    Parameters
    ----------
    named : Series of shape (n_rows,)
        Ids of the table.
    people : Series of shape (n,)
        Ids of those whose use is known.
    what
        What the table holds.
    caller
        Public function that the message names.

    Raises
    ------
    ResponseDataError
        No id of the table is among these people.
    """
    match = compare_ids(labels_as_text(people), labels_as_text(named))
    cause = f" ({match.cause})" if match.near else ""
    if len(named) and not match.known:
        fact = f"none of the {named.nunique()} people of the table of {what} is among the {match.unknown}"
        hint = f"write the participant ids alike in both{cause}."
        raise ResponseDataError(fact_and_hint(caller, f"{fact} whose use is known.", hint))
    if match.near_share > MOST_LOST:
        fact = f"{match.near} of {match.known + match.unknown} people whose use is known would have a row"
        fact += f" in the table of {what} but for {match.cause}."
        hint = "write the participant ids alike in both; they count as people without one."
        warn_user(fact_and_hint(caller, fact, hint))
