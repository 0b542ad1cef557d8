"""The framework matrix: where each item comes from and what it is meant to stand for."""

from __future__ import annotations

import pandas as pd

from instrument.definition import Facet, Instrument, Item, Theme
from instrument.reading.written_cells import csv_text

SEPARATOR = "; "
COLUMNS = (
    "theme",
    "theme_title",
    "theme_role",
    "theme_grade",
    "facet",
    "facet_title",
    "facet_grade",
    "alliance_dimensions",
    "psd_principles",
    "item",
    "item_text",
    "item_grade",
    "near_criterion",
    "reader",
    "reader_reason",
    "rationale",
)


def framework_matrix(scale: Instrument) -> pd.DataFrame:
    """Lay out theme × facet × alliance dimension × design principle × item × grade of evidence.

    Use it to see at a glance what the content of a scale rests on, and to give expert judges a form.
    It describes intentions, not findings: no column says that an item measures what it stands for.

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    pandas.DataFrame
        One row per item in the order of the instrument; texts only, empty where the instrument says
        nothing. Several dimensions or principles of one item are joined by `"; "`.

    Examples
    --------
    >>> import instrument
    >>> matrix = framework_matrix(instrument.load("dta"))
    >>> matrix.loc[0, ["theme", "facet", "item", "item_grade"]].tolist()
    ['humanness', 'warm_tone', 'hum1', 'P']
    """
    rows = [_row(theme, item) for theme in scale.themes for item in theme.items]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def framework_csv(scale: Instrument) -> str:
    """Write the framework matrix as CSV text (UTF-8 when saved, one line per item).

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    str
        The text, lines ended by a line feed.

    Examples
    --------
    >>> import instrument
    >>> framework_csv(instrument.load("dta")).splitlines()[0].startswith("theme,theme_title")
    True
    """
    return csv_text(framework_matrix(scale))


def _row(theme: Theme, item: Item) -> tuple[str, ...]:
    facet = next((facet for facet in theme.facets if facet.id == item.facet), None)
    return (
        theme.id,
        theme.title,
        theme.role,
        theme.grade or "",
        *_facet_cells(facet),
        SEPARATOR.join(item.alliance),
        SEPARATOR.join(item.psd),
        item.id,
        item.text,
        item.grade or "",
        SEPARATOR.join(item.criterion),
        *(("", "") if item.reader is None else (item.reader.state, item.reader.reason)),
        item.rationale,
    )


def _facet_cells(facet: Facet | None) -> tuple[str, str, str]:
    return ("", "", "") if facet is None else (facet.id, facet.title, facet.grade or "")
