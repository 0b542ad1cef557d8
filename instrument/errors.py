"""Errors and warnings of the whole toolkit: one root, its kinds, one warning."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

MOST_NAMED = 5
LONGEST_NAME = 80
"""Letters of a name in a message; a file of something else can have lines of thousands."""
_VALUE = re.compile(
    r"[^\w\s]?\s?\d[\d\s.,:/eE+−-]*(?:[AaPp][Mm])?\s?[%€$£]?"  # a number, an amount, a date or a time
    r"|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[T ].*"  # a date with its time
)
_HERE = Path(__file__).absolute().parents[1]  # as code is told it lies, behind links too
OWN = tuple(f"{_HERE / name}{os.sep}" for name in ("instrument", "analysis", "dashboard"))
"""Where the toolkit's own code lies: a warning names the line that called it, never a line of its own."""


class ToolkitError(Exception):
    """Root of every error raised for something a user can mend."""


class DefinitionError(ToolkitError):
    """An instrument, study or model definition says something impossible."""


class ResponseDataError(ToolkitError):
    """A table of answers, events or outcomes breaks its contract."""


class NotEstimableError(ToolkitError):
    """The data cannot support the requested estimate, or a fit failed."""


class UnderidentifiedError(NotEstimableError):
    """A model has more unknowns than its items tell apart; more people would not change that."""


class ConvergenceError(NotEstimableError):
    """A search ended without a solution: these data hold none for the model, or too flat a one."""


class MissingExtraError(ToolkitError, ImportError):
    """A library is needed that the light install leaves out."""


class ToolkitWarning(UserWarning):
    """Root of every warning: the result stands, with the limit the warning names."""


def warn_user(message: str, category: type[Warning] = ToolkitWarning) -> None:
    """Warn at the line that called the toolkit, however deep inside the toolkit the reason was found.

    Parameters
    ----------
    message
        Fact and hint.
    category
        Of the warning.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OWN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def kind_of(value: object) -> str:
    """Name the kind of a value with its article, never the value: "a DataFrame", "an int", "nothing"."""
    name = type(value).__name__
    return (
        "nothing"
        if value is None
        else f"{'an' if name[0] in 'AEIOaeio' or name == 'ndarray' else 'a'} {name}"
    )


def fact_and_hint(caller: str, fact: str, hint: str) -> str:
    """Join caller, fact and hint into the form of every message.

    Parameters
    ----------
    caller
        The public function that complains.
    fact
        What is wrong, with counts; never a participant's answers.
    hint
        One action that mends it.

    Returns
    -------
    str
        Two lines.

    Examples
    --------
    >>> print(fact_and_hint("score", "2 of 24 item columns are unknown.", "load the right version."))
    score: 2 of 24 item columns are unknown.
    Hint: load the right version.
    """
    return f"{caller}: {fact}\nHint: {hint}"


def name_offenders(offenders: Iterable[object]) -> str:
    """Name at most five offenders and count the rest.

    Parameters
    ----------
    offenders
        Ids, columns or rows; never answers.

    Returns
    -------
    str
        A list in words.

    Examples
    --------
    >>> name_offenders(["a", "b"])
    "'a', 'b'"
    >>> name_offenders(range(7))
    '0, 1, 2, 3, 4 and 2 more'
    """
    listed = list(offenders)
    named = ", ".join(repr(_short(o)) if isinstance(o, str) else str(o) for o in listed[:MOST_NAMED])
    rest = len(listed) - MOST_NAMED
    return f"{named} and {rest} more" if rest > 0 else named


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def columns_there(names: Iterable[object]) -> str:
    """Say which columns a table has; of a first row that holds numbers nothing is shown: they are somebody's.

    A row of words alone cannot be told from names.

    Parameters
    ----------
    names
        As they were read from the first row.

    Returns
    -------
    str
        Words for a message.

    Examples
    --------
    >>> columns_there(["person", "age"])
    "it has 'person', 'age'"
    >>> columns_there(["p1", "45", "female"])
    'numbers or dates stand in its first row, where the names of columns belong'
    """
    listed = [str(name) for name in names]
    parts = (part.strip(" '\"") for name in listed for part in re.split(r"[;\t|,]", name))
    if any(_VALUE.fullmatch(part) for part in parts):
        return "numbers or dates stand in its first row, where the names of columns belong"
    return f"it has {name_offenders(listed)}"
