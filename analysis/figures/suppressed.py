"""Rows that a figure cannot show because their numbers are taken out of a shared results tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.figures.base import Section

# a figure that is not named here needs every number of a row but its n
PLOTTED: dict[str, tuple[str, ...]] = {
    "distribution": ("share_",),
    "flow": ("answered", "complete"),
    "scores": ("mean", "sd"),
    "retention": ("on_day", "from_day"),
    "survival": ("surviving", "at_risk"),
}


def without_suppressed(section: Section, figure: str) -> Section:
    """Give the section without the rows a figure cannot show.

    Parameters
    ----------
    section
        Section of a results tree.
    figure
        Name of the figure.

    Returns
    -------
    mapping
        The section; a table may be left without rows.
    """
    suppressed: Mapping[str, Mapping[str, list[int]]] = section.get("suppressed") or {}
    starts = PLOTTED.get(figure)
    made: dict[str, Any] = {}
    for name, gone in suppressed.items():
        table = section["tables"][name]
        keys = [key for key in gone if (key.startswith(starts) if starts else key not in ("n", "text"))]
        rows = {row for key in keys for row in gone[key]}
        if not rows:
            continue
        count = max(len(column) for column in table.values())
        keep = [row for row in range(count) if row not in rows]
        made[name] = {key: [column[row] for row in keep] for key, column in table.items()}
    return {**section, "tables": {**section["tables"], **made}} if made else section
