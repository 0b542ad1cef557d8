"""Answers as CSV, wide and long, with a code for each kind of missing answer."""

from __future__ import annotations

import pandas as pd

from instrument.definition import Instrument
from instrument.exchange.coding import coded_answers, other_columns, reasons_wide
from instrument.reading.written_cells import csv_text
from instrument.standing import STATUS, status_of


def wide_csv(responses: pd.DataFrame, scale: Instrument) -> str:
    """Write answers as CSV text with one row per administration.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table (see `read_responses`).
    scale
        The instrument.

    Returns
    -------
    str
        Columns `participant`, `wave`, the items with codes (missing answers have the code of their
        reason, and are empty where no reason is known), then the covariates.

    Raises
    ------
    DefinitionError
        A reason occurs for which the instrument declares no code.
    ResponseDataError
        The table is no response table of this instrument.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.load("psd_audit")
    >>> frame = pd.DataFrame({"participant": ["r1"], "wave": [1], **{i: [2] for i in scale.item_ids}})
    >>> wide_csv(frame, scale).splitlines()[1][:11]
    'r1,1,2,2,2,'
    """
    coded = coded_answers(responses, scale, "wide_csv")
    others = responses[other_columns(responses, scale)]
    table = pd.concat([responses[["participant", "wave"]], coded, others], axis=1)
    return csv_text(table)


def long_csv(responses: pd.DataFrame, scale: Instrument) -> str:
    """Write answers as CSV text with one row per administration and item.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table.
    scale
        The instrument.

    Returns
    -------
    str
        Columns `participant`, `wave`, `item`, `code` and `state`: answered, or the reason why not; then
        `status` (of the administration: completed or open) where the table has it.

    Raises
    ------
    DefinitionError
        A reason occurs for which the instrument declares no code.
    ResponseDataError
        The table is no response table of this instrument.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.load("psd_audit")
    >>> frame = pd.DataFrame({"participant": ["r1"], "wave": [1], **{i: [2] for i in scale.item_ids}})
    >>> print(long_csv(frame, scale)[:58])
    participant,wave,item,code,state
    r1,1,reduction,2,answered
    """
    coded = coded_answers(responses, scale, "long_csv").reset_index(drop=True)
    states = reasons_wide(responses, scale, "long_csv").reset_index(drop=True)
    keys = responses[["participant", "wave"]].reset_index(drop=True)
    long = coded.melt(var_name="item", value_name="code", ignore_index=False)
    long["state"] = states.melt(value_name="state")["state"].fillna("answered").to_numpy()
    # Melting goes item by item; a stable sort by row keeps the items in their order.
    long = long.sort_index(kind="stable").join(keys)
    columns = ["participant", "wave", "item", "code", "state"]
    if STATUS in responses.columns:
        long = long.join(status_of(responses, "long_csv").reset_index(drop=True).rename(STATUS))
        columns.append(STATUS)
    return csv_text(long[columns])
