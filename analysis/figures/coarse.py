"""Figures of a shared copy print no more digits than the copy holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from analysis.figures.base import Builder, Chart, Figure, Section
from instrument.common.formatting import Coarse, printed_coarsely


def coarse_numbers(section: Section) -> frozenset[float]:
    """Give the numbers in a section's tables that are known to fewer decimals than their formats print."""
    columns = (column for table in section["tables"].values() for column in table.values())
    return frozenset(float(value) for column in columns for value in column if isinstance(value, Coarse))


def drawn_coarsely(build: Builder, section: Section, meta: Mapping[str, Any]) -> Figure:
    """Build a figure whose texts, drawn now or later, keep to the digits its section holds.

    Parameters
    ----------
    build
        Of the figure.
    section, meta
        What it is built from.

    Returns
    -------
    Figure
        Frames make plain numbers of coarse ones, so that they are told by their value.
    """
    numbers = coarse_numbers(section)
    with printed_coarsely(numbers):
        figure = build(section, meta)
    if not numbers:
        return figure

    def kept(draw: Callable[[int], Chart]) -> Callable[[int], Chart]:
        def drawn(width: int) -> Chart:
            with printed_coarsely(numbers):
                return draw(width)

        return drawn

    return replace(figure, draw=kept(figure.draw), live=figure.live and kept(figure.live))
