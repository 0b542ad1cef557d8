"""Missing answers counted by reason, per administration and per item."""

from __future__ import annotations

import pandas as pd

from instrument.reading.raw import reasons_of_table

UNSTATED = "unstated"
NOT_ASKED = "not_seen"
KEYS = ["participant", "wave"]


def reasons_of(responses: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Give the reason of every missing answer; `unstated` where the responses tell none.

    Parameters
    ----------
    responses
        Table with `participant` and `wave`, reasons in `attrs["reasons"]` if known.
    answers
        Its item columns as floats, same order of rows.

    Returns
    -------
    pandas.DataFrame
        `row` (position), `item`, `reason`: one row per missing answer.
    """
    gap = answers.isna().to_numpy()
    rows, columns = gap.nonzero()
    missing = pd.DataFrame({"row": rows, "item": answers.columns[columns]})
    told = reasons_of_table(responses)
    if told is None or told.empty:
        return missing.assign(reason=UNSTATED)
    keys = responses[KEYS].reset_index(drop=True).rename_axis("row").reset_index()
    keyed = missing.merge(keys, on="row")
    joined = keyed.merge(told.drop_duplicates([*KEYS, "item"]), on=[*KEYS, "item"], how="left")
    return joined[["row", "item", "reason"]].fillna({"reason": UNSTATED})


def missing_by_administration(
    keys: pd.DataFrame, answers: pd.DataFrame, reasons: pd.DataFrame
) -> pd.DataFrame:
    """Count answers and missing answers of each administration.

    Parameters
    ----------
    keys
        Participant and wave.
    answers
        Item columns.
    reasons
        From `reasons_of`.

    Returns
    -------
    pandas.DataFrame
        `n_asked`, `n_answered`, `missing_share` of the items asked, `missing_<reason>`.

    Notes
    -----
    Items that were not seen were not asked. With nothing asked the share is NaN.
    """
    counts = pd.crosstab(reasons["row"], reasons["reason"]).reindex(keys.index, fill_value=0)
    asked = answers.shape[1] - _not_asked(counts)
    answered = answers.notna().sum(axis=1)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "n_asked": asked,
                    "n_answered": answered,
                    "missing_share": 1 - answered / asked.where(asked > 0),
                }
            ),
            counts.add_prefix("missing_"),
        ],
        axis=1,
    )


def missing_by_item(answers: pd.DataFrame, keys: pd.DataFrame, reasons: pd.DataFrame) -> pd.DataFrame:
    """Count answers and missing answers of each item.

    Parameters
    ----------
    answers
        Item columns.
    keys
        Participant and wave.
    reasons
        From `reasons_of`.

    Returns
    -------
    pandas.DataFrame
        Index: item; `n_asked`, `n_answered`, `missing_share`, `missing_<reason>`.
    """
    counts = pd.crosstab(reasons["item"], reasons["reason"]).reindex(answers.columns, fill_value=0)
    asked = len(keys) - _not_asked(counts)
    answered = answers.notna().sum()
    table = pd.DataFrame(
        {"n_asked": asked, "n_answered": answered, "missing_share": 1 - answered / asked.where(asked > 0)}
    )
    return pd.concat([table, counts.add_prefix("missing_")], axis=1).rename_axis("item")


def _not_asked(counts: pd.DataFrame) -> pd.Series:
    return counts.reindex(columns=[NOT_ASKED], fill_value=0)[NOT_ASKED]
