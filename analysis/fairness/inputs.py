"""What `dif` is given: options, groups, anchors; and what it warns of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.options import is_whole
from analysis.common.rules import DIF_GROUP
from analysis.fairness.dif_result import FLAG_RULES
from analysis.fairness.matching import FEWEST_ANCHORS, STABLE, Array, Items, Purified
from analysis.fairness.testing import ADJUSTMENTS, FEWEST_PERSONS, Settings
from instrument.answers import table_of
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    kind_of,
    name_offenders,
    warn_user,
)

CALLER = "dif"
NO_SEARCH = "none: every item stays an anchor"
GIVEN = "none: the anchors were given"
_CHOICES: dict[str, list[Any]] = {
    "matching": list(FEWEST_ANCHORS),
    "purify": ["flagged", "significant", None],
    "adjust": list(ADJUSTMENTS),
    "rule": list(FLAG_RULES),
}


def check_options(alpha: float, max_rounds: int, **chosen: Any) -> None:
    """Refuse options that do not exist.

    Parameters
    ----------
    alpha
        Level of the tests.
    max_rounds
        Rounds of purification.
    **chosen
        matching, purify, adjust, rule.

    Raises
    ------
    DefinitionError
        One of them is impossible.
    """
    for name, value in chosen.items():
        if value not in _CHOICES[name]:
            options = ", ".join(map(repr, _CHOICES[name]))
            raise DefinitionError(
                fact_and_hint(CALLER, f"{name} {value!r} is unknown.", f"choose one of {options}.")
            )
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.floating)) or not 0 < alpha < 1:
        raise DefinitionError(fact_and_hint(CALLER, f"alpha is {alpha!r}.", "give a level such as 0.05."))
    if not is_whole(max_rounds) or max_rounds < 1:
        raise DefinitionError(fact_and_hint(CALLER, f"max_rounds is {max_rounds!r}.", "give 1 or more."))


def fixed_anchors(anchors: str | Sequence[str] | None, names: list[str], matching: str) -> Items | None:
    """Columns of the anchors that were given.

    Parameters
    ----------
    anchors
        Item names, or None.
    names
        Items of the table.
    matching
        Kind of the matching variable.

    Returns
    -------
    frozenset of int or None
        None where none were given.

    Raises
    ------
    DefinitionError
        Anchors that are no items, or too few.
    """
    if anchors is None:
        return None
    wanted = [str(anchors)] if isinstance(anchors, str) else [str(anchor) for anchor in anchors]
    if unknown := [anchor for anchor in wanted if anchor not in names]:
        fact = f"{len(unknown)} anchors are no items: {name_offenders(unknown)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name columns of the table of items."))
    if len(set(wanted)) < FEWEST_ANCHORS[matching]:
        fact = f"{len(set(wanted))} anchors do not carry matching={matching!r}."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"name {FEWEST_ANCHORS[matching]} or more."))
    return frozenset(names.index(anchor) for anchor in wanted)


def beside(table: pd.DataFrame, given: Any, caller: str) -> tuple[pd.DataFrame, Any]:
    """Take a column that is named out of the table of items; what is given row by row stays as it is.

    Parameters
    ----------
    table
        Items, and the column where it is named.
    given
        Name of a column, or one value per row.
    caller
        Public function that the message names.

    Returns
    -------
    tuple
        The items, and one value per row.

    Raises
    ------
    ResponseDataError
        There is no such column.
    """
    if not isinstance(given, str):
        return table, given
    table = table_of(table, caller)
    if given not in table.columns:
        fact = f"there is no column {given!r} beside the items."
        raise ResponseDataError(fact_and_hint(caller, fact, "name a column, or give one label per row."))
    return table.drop(columns=given), table[given]


def labels_of(group: Sequence[Any] | pd.Series | npt.NDArray[Any], items: pd.DataFrame) -> pd.Series:
    """Group of each row.

    Parameters
    ----------
    group
        As given.
    items
        The answers.

    Returns
    -------
    pandas.Series
        Labels as objects, in the order of the rows.

    Raises
    ------
    ResponseDataError
        They do not fit the rows.
    """
    if isinstance(group, str) or not hasattr(group, "__len__") or np.ndim(group) != 1:
        fact = f"group is {kind_of(group)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one label per row, such as a Series."))
    if len(group) != len(items):
        fact = f"{len(group)} groups for {len(items)} rows of answers."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one label per row."))
    if isinstance(group, pd.Series) and not group.index.equals(items.index):
        fact = "group and items have different indexes."
        hint = "align them, such as with group.reindex(items.index)."
        raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
    return pd.Series(list(group), dtype=object)


def check_groups(groups: list[Any], counts: npt.NDArray[np.integer]) -> None:
    """Refuse one group or tiny groups, warn of small ones.

    Parameters
    ----------
    groups
        Labels.
    counts
        Persons with an answer in each.

    Raises
    ------
    ResponseDataError
        Fewer than two groups, or groups of fewer than 30 persons.
    """
    if len(groups) < 2:
        fact = f"everyone belongs to one group, {groups[0]!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "compare at least two groups."))
    sizes = [f"{label} ({count})" for label, count in zip(groups, counts, strict=True)]
    tiny = [size for size, count in zip(sizes, counts, strict=True) if count < FEWEST_PERSONS]
    if tiny:
        fact = f"{len(tiny)} of {len(groups)} groups have fewer than {FEWEST_PERSONS} persons: "
        hint = "merge or leave out these groups."
        raise ResponseDataError(fact_and_hint(CALLER, f"{fact}{name_offenders(tiny)}.", hint))
    small = [size for size, count in zip(sizes, counts, strict=True) if not DIF_GROUP.holds(count)]
    if small:
        fact = f"{len(small)} of {len(groups)} groups have fewer than {DIF_GROUP.cutoff:g} persons: "
        hint = "expect little power and unsteady effect sizes."
        _warn(f"{fact}{name_offenders(small)}.", hint)


def warn_of_direction(table: Array, names: list[str]) -> None:
    """Warn of items that fall when the others rise: their answers do not belong in a mean.

    Parameters
    ----------
    table
        Answers, shape (n_persons, n_items).
    names
        Items.
    """
    frame = pd.DataFrame(table, columns=names)
    against = [
        name for name in names if frame[name].corr(frame.drop(columns=name).mean(axis=1, skipna=False)) < 0
    ]
    if against:
        fact = f"{len(against)} {'item runs' if len(against) == 1 else 'items run'} against the others: "
        fact += f"{name_offenders(against)}."
        _warn(fact, "turn reversed items first, or use matching='theta'.")


def empty_categories(settings: Settings) -> list[str]:
    """Categories that someone used, but nobody of a group.

    Parameters
    ----------
    settings
        Data.

    Returns
    -------
    list of str
        "item:code (group)".
    """
    matcher = settings.matcher
    found = []
    for name, column in zip(matcher.names, matcher.table.T, strict=True):
        codes = np.unique(column[~np.isnan(column)])
        for place, label in enumerate(settings.groups):
            unused = np.setdiff1d(codes, column[settings.group == place])
            found += [f"{name}:{code:g} ({label})" for code in unused]
    return found


def warn_of_result(ended: Purified, failed: dict[str, str], empty: list[str], n_items: int) -> None:
    """Say what limits a result, and refuse one without any item.

    Parameters
    ----------
    ended
        How purification ended.
    failed
        Items without an estimate, and why.
    empty
        Categories that a group never used.
    n_items
        Items.

    Raises
    ------
    NotEstimableError
        No item could be tested.
    """
    reasons = [f"{name} ({reason})" for name, reason in failed.items()]
    if len(failed) == n_items:
        fact = f"no item can be tested: {reasons[0]}."
        hint = "compare larger groups, or groups that overlap on what is measured."
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
    if failed:
        fact = f"{len(failed)} of {n_items} items cannot be tested: {'; '.join(reasons[:5])}."
        _warn(fact, "merge their rare categories or compare larger groups.")
    if ended.ending not in (STABLE, NO_SEARCH, GIVEN):
        fact = f"purification {ended.ending}, after {ended.rounds} rounds with {len(ended.anchors)} anchors."
        _warn(fact, "name anchors from theory, and read the flags with them.")
    if empty:
        fact = f"{len(empty)} categories are empty in a group: {name_offenders(empty)}."
        _warn(fact, "the groups share thresholds, so tests stand; merge categories to see whether they hold.")


def _warn(fact: str, hint: str) -> None:
    warn_user(fact_and_hint(CALLER, fact, hint))
