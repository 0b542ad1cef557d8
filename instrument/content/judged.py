"""What judges said of the items, from the records: relevance and clarity by experts and by people."""

from __future__ import annotations

import pandas as pd

from instrument.content.item_sorting import ItemSorting, item_sorting
from instrument.content.records import ContentRecords
from instrument.content.rounds import compare_rounds
from instrument.content.validity_indices import ContentValidity, content_validity_indices
from instrument.errors import NotEstimableError

FEWEST = 3  # judges of an item below whom no index is given


def indices_of(records: ContentRecords, aspect: str, role: str) -> ContentValidity | None:
    """Indices of relevance, or the same of clarity, on the last rating of each judge.

    Parameters
    ----------
    records
        The work on content.
    aspect
        Relevance or comprehensibility.
    role
        `expert` or `user`.

    Returns
    -------
    ContentValidity or None
        Items with three ratings or more; None where there are none.
    """
    table = records.rated(aspect, role)
    kept = table.loc[:, table.notna().sum() >= FEWEST]
    if kept.shape[1] == 0:
        return None
    scale = records.file.rating
    return content_validity_indices(kept, scale.relevant_from, scale.lowest, scale.highest)


def ratings_by_item(records: ContentRecords) -> pd.DataFrame:
    """Give one row per item with the indices of experts and of the people the scale is meant for.

    Parameters
    ----------
    records
        The work on content.

    Returns
    -------
    pandas.DataFrame
        item, then for relevance of `expert` and `user`: n, i_cvi, kappa, aiken_v with limits, met (the
        criterion of I-CVI); for clarity the share of judges who call it clear. Missing below three ratings.
    """
    table = pd.DataFrame({"item": list(records.items)})
    wanted = ("n_experts", "i_cvi", "kappa", "aiken_v", "aiken_v_lower", "aiken_v_upper", "i_cvi_met")
    for role in ("expert", "user"):
        found = indices_of(records, "relevance", role)
        rows = pd.DataFrame(columns=["item"]) if found is None else found.items
        for name in wanted:
            told = dict(zip(rows["item"], rows.get(name, []), strict=False))
            table[f"{role}_{name.removeprefix('n_experts') or 'n'}"] = table["item"].map(told)
        clear = indices_of(records, "comprehensibility", role)
        shares = {} if clear is None else dict(zip(clear.items["item"], clear.items["i_cvi"], strict=True))
        table[f"{role}_clear"] = table["item"].map(shares)
    return table


def last_rounds_compared(records: ContentRecords, role: str = "expert") -> pd.DataFrame | None:
    """Compare the relevance ratings of the last two rounds; None where nothing can be paired."""
    if len(records.rounds) < 2:
        return None
    first, second = (records.rated("relevance", role, number) for number in records.rounds[-2:])
    scale = records.file.rating
    between = records.decisions[records.decisions["round"] == records.rounds[-2]]
    changed = between.loc[between["decision"] == "reword", "item"]
    try:
        return compare_rounds(
            first, second, scale.relevant_from, scale.lowest, scale.highest, reworded=list(changed)
        )
    except NotEstimableError:
        return None


def sorting_of(records: ContentRecords) -> ItemSorting | None:
    """Where judges put each item, against its theme; None where it cannot be told."""
    if records.sorting.empty:
        return None
    wide = records.sorting.pivot(index="judge", columns="item", values="theme").rename_axis(columns=None)
    home = {item: theme.id for theme in records.scale.themes for item in records.scale.theme_items(theme.id)}
    try:
        return item_sorting(wide.loc[:, wide.notna().sum() >= 2], home)
    except NotEstimableError:
        return None
