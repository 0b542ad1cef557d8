"""Mean answer to each item at the other waves and in every group, where it tells of no few people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.disclosure.kinds import TEXT, each, statistic
from analysis.disclosure.small_cells import LIMIT
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table
from analysis.pipeline.topics.groups import groupings

MOSTLY = 0.9
"""Above this share of one answer a mean says how many gave another, and little else."""
NOTE = (
    "Reversed items are turned first. Left out where hardly anybody gave an answer other than the commonest: "
    "the mean would tell how many."
)


def comparison_tables(context: Context) -> dict[str, Table]:
    """Compare each item between waves and between groups.

    Parameters
    ----------
    context
        Of the validation.

    Returns
    -------
    dict of Table
        `by_wave` where there is more than one wave, `by_group` where there are groups to compare.

    Notes
    -----
    The mean of the first wave stands among the statistics, where a shared copy hides it if it would tell the
    few who chose an option; it is not given a second time here. Means of groups have one decimal: with two,
    those of the groups and of all would tell the mean of the few who are in none of them. No mean rests on
    fewer than twice five people: five at least gave another answer than the commonest.
    """
    made = {}
    waves = {
        context.wave_name(wave): _answered(context, wave)
        for wave in context.waves
        if wave != context.first_wave
    }
    if waves:
        made["by_wave"] = _table(context, waves, "Mean answer at each other wave", "d2")
    groups = {f"{label} ({grouping})": rows for grouping, label, rows in _groups(context)}
    if groups:
        made["by_group"] = _table(context, groups, "Mean answer in each group at the first wave", "d1")
    return made


def _answered(context: Context, wave: object) -> pd.DataFrame:
    return context.keyed(context.at_wave(wave)).dropna(how="all")


def _groups(context: Context) -> Iterator[tuple[str, object, pd.DataFrame]]:
    for grouping, labels in groupings(context).items():
        known = labels.reindex(context.items.index)
        for label in known.dropna().unique():
            yield grouping, label, context.items[known == label]


def _table(context: Context, parts: Mapping[str, pd.DataFrame], title: str, form: str) -> Table:
    keys = {head: f"mean_{number}" for number, head in enumerate(parts, start=1)}
    rows = [
        {"item": item, "text": context.scale.item(item).text}
        | {keys[head]: telling_mean(answers[item].to_numpy(dtype=float)) for head, answers in parts.items()}
        for item in context.item_ids
    ]
    columns = {"item": ("Item", "text"), "text": ("Wording", "text")}
    columns |= {key: (head, form) for head, key in keys.items()}
    kinds = {**each(TEXT, "item text"), **each(statistic(), *keys.values())}
    return Table(frame=pd.DataFrame(rows), kinds=kinds, title=title, columns=columns, note=NOTE)


def telling_mean(answers: np.ndarray | Sequence[float]) -> float | None:
    """Mean of the answers there are; None where nearly all of them are the same.

    Examples
    --------
    >>> telling_mean([1.0] * 5 + [4.0] * 5), telling_mean([1.0] * 9 + [4.0]), telling_mean([float("nan")])
    (2.5, None, None)
    """
    given = np.asarray(answers, dtype=float)
    given = given[~np.isnan(given)]
    if not len(given):
        return None
    commonest = int(np.unique(given, return_counts=True)[1].max())
    others = len(given) - commonest
    return None if commonest > MOSTLY * len(given) or others < LIMIT else float(given.mean())
