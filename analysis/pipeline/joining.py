"""Tables are joined by the ids of people alone, and only where they speak of the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.responses_people import NUMBERED


def refuse_joins_without_ids(
    responses: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame | None],
    measures: Sequence[tuple[pd.DataFrame, Instrument]],
    *,
    usage: bool,
) -> list[str]:
    """Refuse to join tables by row number, or of other people; say how many people a measure shares.

    Parameters
    ----------
    responses
        Answers to the instrument.
    tables
        Tables beside them by name, or None.
    measures
        Answers to other questionnaires.
    usage
        Whether a log of use is given.

    Returns
    -------
    list of str
        Notes: people that each measure shares with the answers.

    Raises
    ------
    ResponseDataError
        A side of a join has row numbers in place of ids, or the sides share nobody.
    """
    beside = [name for name, table in tables.items() if table is not None and not table.attrs.get(NUMBERED)]
    beside += [f"measure {other.id}" for _, other in measures] + (["usage"] if usage else [])
    bare = ["the answers"] if responses.attrs.get(NUMBERED) and beside else []
    bare += [f"measure {other.id}" for answers, other in measures if answers.attrs.get(NUMBERED)]
    if bare:
        fact = f"{name_offenders(bare)} have no participant column; rows are not joined by their number"
        hint = "give participant ids in every table, or leave the other tables out."
        raise ResponseDataError(fact_and_hint("validate", f"{fact} ({name_offenders(beside)}).", hint))
    answered = set(responses["participant"].astype(str))
    notes = []
    for answers, other in measures:
        people = set(answers["participant"].astype(str))
        shared = len(people & answered)
        if people and not shared:
            fact = f"none of the {len(people)} people of measure {other.id!r} is among the {len(answered)}"
            hint = "write the participant ids alike in both."
            raise ResponseDataError(fact_and_hint("validate", f"{fact} who answered.", hint))
        notes.append(f"{other.title}: {shared} of {len(people)} people answered the scale too")
    return notes
