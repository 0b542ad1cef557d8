"""Errors and warnings of the whole toolkit: one root, its kinds, one warning."""

from __future__ import annotations

from collections.abc import Iterable

MOST_NAMED = 5


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


class MissingExtraError(ToolkitError, ImportError):
    """A library is needed that the light install leaves out."""


class ToolkitWarning(UserWarning):
    """Root of every warning: the result stands, with the limit the warning names."""


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
    named = ", ".join(repr(str(o)) if isinstance(o, str) else str(o) for o in listed[:MOST_NAMED])
    rest = len(listed) - MOST_NAMED
    return f"{named} and {rest} more" if rest > 0 else named
