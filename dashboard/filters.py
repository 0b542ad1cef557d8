"""Filters of tables by study, wave, group and language: offered where a table has the column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LABELS = {
    "study": "Study",
    "wave": "Wave",
    "grouping": "Grouping",
    "group": "Group",
    "language": "Language",
}


def choices(tree: Mapping[str, Any], topics: Iterable[str]) -> dict[str, list[str]]:
    """Give what can be chosen on a page.

    Parameters
    ----------
    tree
        The results tree.
    topics
        Names of the sections shown.

    Returns
    -------
    dict
        Dimension to its values in order of appearance; only dimensions with two values or more.
    """
    found: dict[str, dict[str, None]] = {}
    for name in topics:
        for table in tree["sections"].get(name, {}).get("tables", {}).values():
            for key in LABELS.keys() & table.keys():
                values = (str(value) for value in table[key] if value is not None)
                found.setdefault(key, {}).update(dict.fromkeys(values))
    return {key: list(found[key]) for key in LABELS if len(found.get(key, ())) > 1}


def filtered(section: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    """Keep the rows of what was chosen; a table without the dimension stays whole.

    Parameters
    ----------
    section
        Section of the tree.
    chosen
        Dimension to the value chosen.

    Returns
    -------
    dict
        The section with fewer rows in its tables.
    """
    tables = {name: _rows(table, chosen) for name, table in section["tables"].items()}
    return {**section, "tables": tables}


def _rows(table: Mapping[str, list[Any]], chosen: Mapping[str, str]) -> Mapping[str, list[Any]]:
    wanted = {key: value for key, value in chosen.items() if key in table}
    if not wanted:
        return table
    n_rows = max((len(column) for column in table.values()), default=0)
    keep = [row for row in range(n_rows) if all(str(table[key][row]) == v for key, v in wanted.items())]
    return {key: [column[row] for row in keep] for key, column in table.items()}
