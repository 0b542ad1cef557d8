"""Which function draws which figure: a new figure is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.figures.base import Builder, Figure, Section
from analysis.figures.flow import flow_figure

FIGURES: dict[str, Builder] = {
    "flow": flow_figure,
}


def build_figures(section: Section, meta: Mapping[str, Any]) -> dict[str, Figure]:
    """Build every figure that a section of the results tree asks for.

    Parameters
    ----------
    section
        Section of the tree, plain data.
    meta
        The tree's `meta`.

    Returns
    -------
    dict
        Name to figure, in the section's order.
    """
    return {name: FIGURES[name](section, meta) for name in section["figures"]}
