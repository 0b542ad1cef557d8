"""What every frozen result shares: conversion to plain data and a rounded summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from instrument.common.extras import naming_extras


def to_plain(value: Any) -> Any:
    """Turn a result, table or array into plain JSON data without rounding.

    Parameters
    ----------
    value
        A result, a pandas or numpy object, a mapping, a sequence or a scalar.

    Returns
    -------
    object
        Dictionaries, lists, strings, numbers, booleans and None (for NaN, infinities and NA).

    Examples
    --------
    >>> to_plain(pd.Series([0.5, float("nan")], index=["a", "b"]))
    {'a': 0.5, 'b': None}
    """
    if isinstance(value, Result):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)  # type: ignore[arg-type]
            if not field.name.startswith("_")
        }
    if isinstance(value, pd.DataFrame):
        plain = value.reset_index() if value.index.nlevels > 1 or value.index.name else value
        records = {str(column): to_plain(plain[column].tolist()) for column in plain.columns}
        if plain is value and not isinstance(value.index, pd.RangeIndex):
            return {"index": [str(label) for label in value.index], **records}
        return records
    if isinstance(value, pd.Series):
        return {_key(label): to_plain(entry) for label, entry in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {_key(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(entry) for entry in value]
    return _scalar(value)


def _key(label: Any) -> str:
    return ":".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _scalar(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, (bool, int, str)):
        return value
    return str(value)


MOST_LINES = 12  # of a repr: more scrolls the session away
MOST_SHOWN = 60  # characters of a text: longer ones are sentences for a report


def _glance(value: Any) -> str:
    """Say what a field is on one line: numbers and short texts themselves, collections by their size.

    Collections are never spelled out, since they may be keyed or filled by person.
    """
    if isinstance(value, pd.DataFrame):
        names = ", ".join(map(str, value.columns[:6])) + (", …" if value.shape[1] > 6 else "")
        return f"table of {value.shape[0]:,} × {value.shape[1]:,} ({names})"
    if isinstance(value, (pd.Series, np.ndarray)):
        return f"{' × '.join(f'{size:,}' for size in value.shape)} values"
    if isinstance(value, Result):
        return type(value).__name__
    if isinstance(value, tuple) and 0 < len(value) <= 3 and all(isinstance(v, (int, float)) for v in value):
        return f"({', '.join(_glance(entry) for entry in value)})"
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return f"{len(value):,} {'entry' if len(value) == 1 else 'entries'}"
    if not (value is None or isinstance(value, (str, bool, int, float, np.generic))):
        return type(value).__name__
    plain = _scalar(value)
    if isinstance(plain, float):
        return f"{plain:.4g}"
    text = f"{plain:,}" if isinstance(plain, int) and not isinstance(plain, bool) else str(plain)
    return text if len(text) <= MOST_SHOWN and "\n" not in text else f"{len(text):,} characters"


def is_of_people(frame: pd.DataFrame) -> bool:
    """Whether the rows of a table are single people or administrations.

    Parameters
    ----------
    frame
        A main table.

    Returns
    -------
    bool
        It names participants in a column or an index.
    """
    return "participant" in {*map(str, frame.columns), *map(str, frame.index.names)}


class Result:
    """Base of every result: frozen, full precision in data, rounding only in `summary()`.

    Subclasses are `@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)` and override
    `to_frame` to give their main table.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Give a dozen lines: single values as they are, tables by their size, no answers.

        Returns
        -------
        str
            The name of the result, then a line for each field.
        """
        lines = [type(self).__name__, *(f"  {name}: {words}" for name, words in self.glances())]
        if len(lines) > MOST_LINES:
            lines[MOST_LINES - 1 :] = [f"  and {len(lines) - MOST_LINES + 1} more fields"]
        return "\n".join(lines)

    def glances(self) -> list[tuple[str, str]]:
        """Say what each field is: single values as they are, collections by their size.

        Returns
        -------
        list of tuple
            Name and words, without anyone's answers.
        """
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        names = [field.name for field in fields if not field.name.startswith("_")]
        return [(name, _glance(getattr(self, name))) for name in names]

    def _repr_html_(self) -> str:
        """Give the main table for a notebook; the fields alone where its rows are people."""
        with naming_extras("_repr_html_"):
            from analysis.report.session import html_of

            return html_of(self)

    def to_markdown(self, number: int = 1) -> str:
        """Give the main table as Markdown in APA style: number, caption, table, note.

        Parameters
        ----------
        number
            Of the table.

        Returns
        -------
        str
            Rounded as the report rounds. A table whose rows are people gives its fields alone.
        """
        with naming_extras("to_markdown"):
            from analysis.report.session import markdown_of

            return markdown_of(self, number)

    def to_latex(self) -> str:
        """Give the main table as LaTeX in APA style, as `to_markdown` does.

        Returns
        -------
        str
            Needs the packages booktabs, threeparttable and, where it is wide, pdflscape.
        """
        with naming_extras("to_latex"):
            from analysis.report.session import latex_of

            return latex_of(self)

    def to_docx(self, path: str | Path | None = None, number: int = 1) -> bytes:
        """Give the main table as a Word document in APA style, on its side where it is wide.

        Parameters
        ----------
        path
            Where to write it, too.
        number
            Of the table.

        Returns
        -------
        bytes
            The file.
        """
        with naming_extras("to_docx"):
            from analysis.report.session import docx_of

            return docx_of(self, path, number)

    def plot(self, width: int = 640) -> Any:
        """Draw the figure that the report has of such a result.

        Parameters
        ----------
        width
            Of the plotting area, in pixels.

        Returns
        -------
        altair.Chart
            Shown by a notebook; `.save("figure.svg")` writes it.

        Raises
        ------
        DefinitionError
            The report has no figure of it.
        """
        with naming_extras("plot"):
            from analysis.report.session import chart_of

            return chart_of(self, width)

    def to_frame(self) -> pd.DataFrame:
        """Give the main table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per unit of the analysis.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Give every field as plain JSON data, unrounded.

        Returns
        -------
        dict
            Field name to plain value.
        """
        plain: dict[str, Any] = to_plain(self)
        return plain

    def summary(self, digits: int = 3) -> str:
        """Give the main table as text, rounded.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            The table.
        """
        return str(self.to_frame().round(digits).to_string())
