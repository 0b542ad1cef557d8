"""Answers to an item where an option has few: a run of options is hidden, with what would tell them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.report.disclosure_counts import Path, is_number, rows_of
from analysis.report.small_cells import hidden_run

TELLING = ("sd", "se", "median", "trimmed", "mad", "minimum", "maximum", "skew", "kurtosis")
ENDS = ("floor_share", "ceiling_share")
_SHARE = re.compile(r"share_(-?\d+)")


def hide_distributions(section: Mapping[str, Any]) -> set[Path]:
    """Find what to hide of the answers to each item.

    Parameters
    ----------
    section
        The section on items.

    Returns
    -------
    set of tuple
        Places: shares of a run of options, the shares at the ends and the moments beyond the mean; the mean
        as well where it alone would tell the rest.
    """
    hidden: set[Path] = set()
    statistics = section["tables"].get("statistics", {"item": []})
    for name, table in section["tables"].items():
        keys = [key for key in table if _SHARE.fullmatch(key)]
        if not name.startswith("distribution_") or not keys:
            continue
        codes = [int(key.removeprefix("share_")) for key in keys]
        for row in range(rows_of(table)):
            counts = _counts(table, keys, row)
            if counts is None:
                continue
            run, without_mean = hidden_run(counts, codes)
            hidden |= {("tables", name, keys[place], row) for place in run}
            if run and table["item"][row] in statistics["item"]:
                place = statistics["item"].index(table["item"][row])
                told = [*TELLING, *(["mean"] if without_mean else [])]
                if {0, len(codes) - 1} & set(run):  # a reversed item's lowest is the other end
                    told += ENDS
                hidden |= {("tables", "statistics", key, place) for key in told if key in statistics}
    return hidden


def _counts(table: Mapping[str, Sequence[Any]], keys: Sequence[str], row: int) -> list[int] | None:
    n = table["n"][row]
    if not is_number(n) or any(table[key][row] is None for key in keys):
        return None
    return [round(table[key][row] * n) for key in keys]
