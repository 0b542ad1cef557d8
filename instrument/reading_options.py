"""Options of the commands that read answers, by the names that `read_responses` gives them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
