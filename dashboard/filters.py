"""Filters by study, wave, group and language: offered where a table has the column, for all that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
    kept = {name: _kept(table, chosen) for name, table in section["tables"].items()}
    tables = {
        name: table if rows is None else {key: [column[row] for row in rows] for key, column in table.items()}
        for (name, table), rows in zip(section["tables"].items(), kept.values(), strict=True)
    }
    hidden = {
        name: columns if kept.get(name) is None else _moved(columns, kept[name] or [])
        for name, columns in (section.get("suppressed") or {}).items()
    }
    return {**section, "tables": tables, "suppressed": hidden}


def is_touched(section: Mapping[str, Any], chosen: Mapping[str, str]) -> bool:
    """Say whether what was chosen is a dimension of any table of a section."""
    return bool(touching(section, chosen))


def touching(section: Mapping[str, Any], chosen: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Give what of a choice is a dimension of any table of a section: the rest changes nothing there."""
    dimensions = {key for table in section["tables"].values() for key in table}
    return tuple(sorted((key, value) for key, value in chosen.items() if key in dimensions))


def is_of(section: Mapping[str, Any], path: str, chosen: Mapping[str, str]) -> bool:
    """Say whether the number at a path stands in a row of what was chosen.

    Parameters
    ----------
    section
        Section of the tree, whole.
    path
        Of a number of that section; one that is in no table with the dimension is of everything.
    chosen
        Dimension to the value chosen.
    """
    found = _CELL.search(path)
    if found is None or found[1] not in section["tables"]:
        return False
    rows = _kept(section["tables"][found[1]], chosen)
    return rows is not None and int(found[2]) in rows


_CELL = re.compile(r"\.tables\.(\w+)\.\w+\[(\d+)\]$")


def _kept(table: Mapping[str, list[Any]], chosen: Mapping[str, str]) -> list[int] | None:
    """Rows of what was chosen; None where the table has no such dimension."""
    wanted = {key: value for key, value in chosen.items() if key in table}
    if not wanted:
        return None
    n_rows = max((len(column) for column in table.values()), default=0)
    return [
        row
        for row in range(n_rows)
        if all(table[key][row] is not None and str(table[key][row]) == v for key, v in wanted.items())
    ]


def _moved(columns: Mapping[str, Sequence[int]], rows: Sequence[int]) -> dict[str, list[int]]:
    """Places of hidden cells among the rows that are left."""
    place = {row: position for position, row in enumerate(rows)}
    return {key: [place[row] for row in hidden if row in place] for key, hidden in columns.items()}
