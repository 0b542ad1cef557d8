"""Answers to an item where an option has few: a run of options is hidden, with what would tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.disclosure.counts import Path, is_number, kinds_of, rows_of
from analysis.disclosure.kinds import Kind, Moment, What
from analysis.disclosure.small_cells import hidden_run


def hide_distributions(section: Mapping[str, Any]) -> set[Path]:
    """Find what to hide of the answers to each item.

    Parameters
    ----------
    section
        A section; tables with shares of options say in `answers_of` where the statistics of the items are.

    Returns
    -------
    set of tuple
        Places: shares of a run of options, the shares at the ends and the moments beyond the mean; the mean
        as well where it alone would tell the rest.
    """
    hidden: set[Path] = set()
    for name, table in section["tables"].items():
        kinds = kinds_of(section, name)
        keys = [key for key, kind in kinds.items() if kind.what is What.OPTION]
        if keys:
            keys.sort(key=lambda key: kinds[key].code or 0)
            for row in range(rows_of(table)):
                hidden |= _hide_row(section, name, kinds, keys, row)
    return hidden


def _hide_row(
    section: Mapping[str, Any], name: str, kinds: Mapping[str, Kind], keys: Sequence[str], row: int
) -> set[Path]:
    table = section["tables"][name]
    codes = [code for key in keys if (code := kinds[key].code) is not None]
    of = kinds[keys[0]].of
    counts = _counts(table, keys, str(of), row)
    if counts is None:
        return {("tables", name, key, row) for key in keys}
    run, without_mean = hidden_run(counts, codes)
    hidden: set[Path] = {("tables", name, keys[place], row) for place in run}
    statistics, by = section["captions"][name].get("answers_of", (None, None))
    if not run or statistics not in section["tables"]:
        return hidden
    others = section["tables"][statistics]
    if table[by][row] not in others[by]:
        return hidden
    place = others[by].index(table[by][row])
    told = {Moment.SPREAD}
    if without_mean:
        told.add(Moment.MEAN)
    if {0, len(codes) - 1} & set(run):  # a reversed item's lowest is the other end
        told.add(Moment.END)
    return hidden | {
        ("tables", statistics, key, place)
        for key, kind in kinds_of(section, statistics).items()
        if kind.moment in told
    }


def _counts(table: Mapping[str, Sequence[Any]], keys: Sequence[str], of: str, row: int) -> list[int] | None:
    n = table[of][row]
    if not is_number(n) or any(not is_number(table[key][row]) for key in keys):
        return None
    return [round(table[key][row] * n) for key in keys]
