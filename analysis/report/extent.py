"""What of the results a form of the report shows: all of it, what answers each question, or the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from analysis.figures.base import Figure, proportion
from analysis.report.view import LONG_TABLE, Tree, filled_tables

MAIN_ROWS, MAIN_COLUMNS = 10, 9
"""A larger table stands in the supplement: on a page of the report it would be the page."""
OPEN_SENTENCES, OPEN_ROWS = 6, 6
"""On the page of the report a section opens with so much; what goes beyond is folded, and printed in full."""
TALLEST = 0.62
"""Height over width of the tallest figure of the report; a taller one stands in the supplement."""


class Extent(Enum):
    """How much of the results a document shows."""

    WHOLE = "whole"
    MAIN = "main"
    SUPPLEMENT = "supplement"


def document_title(tree: Tree, extent: Extent) -> str:
    """Title of a document about a tree."""
    what = "supplement to the validation report" if extent is Extent.SUPPLEMENT else "validation report"
    return f"{tree['meta']['instrument']['title']}: {what}"


def shown_tables(section: Mapping[str, Any], extent: Extent) -> list[str]:
    """Choose the tables of a section for a document.

    Parameters
    ----------
    section
        Section of the tree.
    extent
        `MAIN` shows the first table of at most `MAIN_ROWS` rows and `MAIN_COLUMNS` columns, if there is one.
        The supplement shows every table, so that it needs no other document beside it.

    Returns
    -------
    list of str
        Keys, in the order of the section.
    """
    if extent is not Extent.MAIN:
        return filled_tables(section)
    small = (
        name
        for name in filled_tables(section)
        if len(columns := section["tables"][name]) <= MAIN_COLUMNS and row_count(columns) <= MAIN_ROWS
    )
    return [name for name in [next(small, None)] if name is not None]


def shown_figures(figures: Mapping[str, Figure], extent: Extent) -> dict[str, Figure]:
    """Choose the figures of a section for a document.

    Parameters
    ----------
    figures
        All of them, by key.
    extent
        `MAIN` shows the first that is not taller than `TALLEST`; the supplement shows the others.

    Returns
    -------
    dict of Figure
        By key, in the order of the section.
    """
    if extent is Extent.WHOLE:
        return dict(figures)
    first = next((key for key, figure in figures.items() if proportion(figure) <= TALLEST), None)
    return {key: figure for key, figure in figures.items() if (key == first) is (extent is Extent.MAIN)}


def row_count(columns: Mapping[str, Any]) -> int:
    """Count the rows of a table."""
    return max((len(column) for column in columns.values()), default=0)


def numbered_tables(
    sections: Iterable[tuple[str, Mapping[str, Any]]], extent: Extent
) -> tuple[dict[tuple[str, str], str], list[tuple[str, str]]]:
    """Number the tables of a paper report.

    Parameters
    ----------
    sections
        Key and section, in the order of the report.
    extent
        Of the document. In the whole report long tables go to the end, where they break no sentence, and are
        numbered A1, A2, …; in the supplement every table stands in its section as S1, S2, …

    Returns
    -------
    tuple
        Number of each table that is shown, by section and name, and the tables at the end.
    """
    numbers: dict[tuple[str, str], str] = {}
    last: list[tuple[str, str]] = []
    for key, section in sections:
        for name in shown_tables(section, extent):
            at_end = extent is Extent.WHOLE and row_count(section["tables"][name]) > LONG_TABLE
            if at_end:
                last.append((key, name))
            lead = "S" if extent is Extent.SUPPLEMENT else ""
            numbers[key, name] = f"A{len(last)}" if at_end else f"{lead}{len(numbers) - len(last) + 1}"
    return numbers, last


def elsewhere_line(
    key: str,
    section: Mapping[str, Any],
    extent: Extent,
    numbers: Mapping[tuple[str, str], str],
    supplement: Mapping[tuple[str, str], str],
) -> str:
    """Say where the tables of a section stand that a paper document does not show beside its sentences.

    Parameters
    ----------
    key, section
        The section.
    extent
        Of the document.
    numbers
        Numbers of its tables, from `numbered_tables`.
    supplement
        Numbers in the supplement.

    Returns
    -------
    str
        Empty when every table stands in its section.
    """
    if extent is Extent.MAIN:
        places = [supplement[key, name] for name in filled_tables(section)]
        return f"All tables of this section: {span(places)} of the supplement." if places else ""
    named = [
        f"Table {numbers[key, name]} ({section['captions'][name]['title']})"
        for name in filled_tables(section)
        if numbers[key, name].startswith("A")
    ]
    return f"At the end: {'; '.join(named)}." if named else ""


def span(numbers: list[str]) -> str:
    """Name neighbouring tables in short.

    Examples
    --------
    >>> span(["S3"]), span(["S3", "S4", "S5"])
    ('Table S3', 'Tables S3 to S5')
    """
    return f"Table {numbers[0]}" if len(numbers) == 1 else f"Tables {numbers[0]} to {numbers[-1]}"
