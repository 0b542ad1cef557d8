"""What a reader takes away on use, as in the report: printed last on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.report.view import prose
from instrument.common.formatting import format_value


def claimed(tree: Mapping[str, Any]) -> list[str]:
    """Give the sentences that say what these data tell of score and later use.

    Parameters
    ----------
    tree
        Results.

    Returns
    -------
    list of str
        What is claimed, or that nothing is, and that no cause is.
    """
    section = tree["sections"].get("adherence")
    if section is None or section["status"] != "ok":
        return []
    if "claim" not in section["values"] and "claim_unmade" not in section["values"]:
        return []
    return prose(section)[:2]


def beside_each_other(tree: Mapping[str, Any]) -> list[str]:
    """Give the effects of the first score with and without error of measurement, and of repeated ratings.

    Parameters
    ----------
    tree
        Results; a number taken out of a shared tree is a dash.

    Returns
    -------
    list of str
        Lines with a heading each; empty where neither was estimated.
    """
    section = tree["sections"].get("adherence")
    if section is None or section["status"] != "ok":
        return []
    tables, lines = section["tables"], []
    if "measured" in tables:
        lines += _lines(section, "measured", "told", "n", ("estimate", "d2"), section["values"].get("unit"))
        lines.append("  (the observed score holds error of measurement, which makes its effect too small)")
    if "waves" in tables:
        lines += _lines(section, "waves", "described", "n_people", ("effect", "d1"), "percentage points")
        lines.append("  (associations with use after each rating; a hidden cause may move both)")
    return lines


def _lines(
    section: Mapping[str, Any], name: str, what: str, count: str, value: tuple[str, str], unit: Any
) -> list[str]:
    """One line for each row of the first score of a table."""
    table = section["tables"][name]
    rows = [row for row, title in enumerate(table["title"]) if title == table["title"][0]]
    wide = max(len(str(table[what][row])) for row in rows)
    key, form = value
    lines = [f"{table['title'][0]}, one standard deviation more: {unit} (95% interval), people"]
    for row in rows:
        number, low, high = (format_value(table[k][row], form) for k in (key, "ci_lower", "ci_upper"))
        people = format_value(table[count][row], "int")
        lines.append(f"  {table[what][row]!s:<{wide}}  {number} ({low} to {high}), {people}")
    return lines
