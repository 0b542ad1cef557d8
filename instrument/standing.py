"""Whether an administration was finished: one column, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from instrument.errors import ResponseDataError, fact_and_hint

STATUS = "status"
COMPLETED, OPEN = "completed", "open"


def status_of(responses: pd.DataFrame, caller: str) -> pd.Series:
    """Status of each administration: `completed` or `open`.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table; without a column `status` every administration counts as completed.
    caller
        Public function named in a message.

    Returns
    -------
    pandas.Series, shape (n_administrations,)
        Text.

    Raises
    ------
    ResponseDataError
        Another word stands in the column.

    Examples
    --------
    >>> status_of(pd.DataFrame({"status": ["open", "completed"]}), "wide_csv").tolist()
    ['open', 'completed']
    """
    if STATUS not in responses.columns:
        return pd.Series(COMPLETED, index=responses.index, dtype=object)
    given = responses[STATUS].astype(object)
    if wrong := int((~given.isin([COMPLETED, OPEN])).sum()):
        fact = f"column 'status' holds neither 'completed' nor 'open' in {wrong} of {len(given)} rows."
        raise ResponseDataError(fact_and_hint(caller, fact, "mend the column, or leave it out."))
    return given


def with_status(frame: pd.DataFrame, statuses: Sequence[str]) -> pd.DataFrame:
    """Put the status beside the answers when one of them was not finished.

    Parameters
    ----------
    frame : pandas.DataFrame
        Checked response table.
    statuses
        One for each row.

    Returns
    -------
    pandas.DataFrame
        The table, with a last column `status` and a note when a row is open; else as it was.
    """
    n_open = sum(status == OPEN for status in statuses)
    if not n_open:
        return frame
    kept = dict(frame.attrs)
    made = frame.assign(**{STATUS: list(statuses)})
    made.attrs = {**kept, "notes": [*kept.get("notes", []), _note(n_open, len(frame))]}
    return made


def _note(n_open: int, n: int) -> str:
    return f"{n_open} of {n} administrations were not finished: column status says open"
