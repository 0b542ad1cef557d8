"""Options at the door of every analysis: a coverage, a seed, a number of people."""

from __future__ import annotations

import numpy as np

from instrument.errors import ResponseDataError, fact_and_hint


def is_whole(value: object) -> bool:
    """Whether a value is a whole number (a truth value is none).

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        True for int and numpy's integers.
    """
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def checked_level(level: float, caller: str) -> float:
    """Give back a coverage between 0 and 1, or say that it is none.

    Parameters
    ----------
    level
        Coverage.
    caller
        Public function that the message names.

    Returns
    -------
    float
        The same number.

    Raises
    ------
    ResponseDataError
        It is not inside (0, 1).
    """
    if not 0 < level < 1:
        raise ResponseDataError(
            fact_and_hint(
                caller, f"confidence is {level!r}.", "give a coverage between 0 and 1, such as 0.95."
            )
        )
    return level


def checked_seed(seed: int, caller: str) -> int:
    """Give back a whole number from 0, or say that it is none.

    Parameters
    ----------
    seed
        Seed of random draws.
    caller
        Public function that the message names.

    Returns
    -------
    int
        The same number.

    Raises
    ------
    ResponseDataError
        It is not a whole number from 0.
    """
    if not is_whole(seed) or seed < 0:
        raise ResponseDataError(
            fact_and_hint(caller, f"seed is {seed!r}.", "give a whole number from 0, such as 1.")
        )
    return int(seed)
