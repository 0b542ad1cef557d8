"""Options of the commands that read answers, by the names that `read_responses` gives them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instrument.errors import DefinitionError, fact_and_hint, name_offenders

if TYPE_CHECKING:
    from instrument.recognition import Mapping

Participant = Annotated[str, typer.Option("--participant", help="Name of the participant column.")]
WaveColumn = Annotated[str, typer.Option("--wave", help="Name of the wave column.")]
Labels = Annotated[bool, typer.Option("--labels", help="Answers are the option labels of the instrument.")]
Delimiter = Annotated[str | None, typer.Option("--delimiter", help="Between the fields of text files.")]
Encoding = Annotated[str, typer.Option("--encoding", help="Encoding of a text file of answers.")]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook.")]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", help="How columns and answers are understood: what `dta import FILE` wrote."),
]
Missing = Annotated[str, typer.Option("--na", help="Texts that mean a missing value: NA,-.")]


def mapping_in(path: Path | None) -> Mapping | None:
    """Read the mapping that was given on the command line.

    Parameters
    ----------
    path
        The file; None where none was given.

    Returns
    -------
    Mapping or None
        Checked.
    """
    from instrument.recognition import load_mapping

    return None if path is None else load_mapping(path)


TABLES = ("answers", "usage", "outcomes", "covariates", "enrolment", "times")
"""Tables that a command reads together, as an option may name one of them."""


def said_of(said: str | None, table: str) -> str | None:
    """Give what an option says of one table: `, usage=.` is a comma for all but the log.

    Parameters
    ----------
    said
        A value for every table, `TABLE=VALUE` for one, or several of these with blanks between.
    table
        One of `TABLES`.

    Returns
    -------
    str or None
        The value; None where the option says nothing of this table.

    Raises
    ------
    DefinitionError
        There is no such table.

    Examples
    --------
    >>> said_of(", usage=.", "usage"), said_of(", usage=.", "covariates"), said_of("usage=.", "times")
    ('.', ',', None)
    """
    if said is None or "=" not in said[1:]:
        return said
    parts = said.split()
    named = {name: value for name, mark, value in (part.partition("=") for part in parts) if mark}
    if strange := [name for name in named if name not in TABLES]:
        fact = f"{name_offenders(strange)} is no table that is read here."
        raise DefinitionError(
            fact_and_hint("dta", fact, f"name one of {', '.join(TABLES)}, as in 'usage=.'.")
        )
    return named.get(table, next((part for part in parts if "=" not in part), None))


def names_in(text: str | None) -> tuple[str, ...]:
    """Split a list of names given on the command line.

    Parameters
    ----------
    text
        Names with commas between.

    Returns
    -------
    tuple of str
        Each without blanks around it.

    Examples
    --------
    >>> names_in("a, b"), names_in(None)
    (('a', 'b'), ())
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
