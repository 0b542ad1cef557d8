"""Where one of several stands against the mean of all, and its place on the map of level and importance."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """On which side of the mean of all a simultaneous interval lies; the value is what tables say."""

    HIGHER = "higher"
    LOWER = "lower"
    UNCLEAR = "not told apart"


class Place(StrEnum):
    """Quarter of the map of level and importance, or none; the value is what tables and sentences say."""

    FIRST = "look at first"
    KEEP = "keep as it is"
    WAIT = "can wait"
    ENOUGH = "no more effort needed"
    UNCLEAR = "cannot be told apart"


def place_of(level: Side, importance: Side) -> Place:
    """Name the quarter of the map, or say that the intervals allow none.

    Parameters
    ----------
    level, importance
        Sides of the mean of all.

    Returns
    -------
    Place
        One of four quarters, or `Place.UNCLEAR`.

    Examples
    --------
    >>> print(place_of(Side.LOWER, Side.HIGHER), "–", place_of(Side.LOWER, Side.UNCLEAR))
    look at first – cannot be told apart
    """
    quarters = {
        (Side.LOWER, Side.HIGHER): Place.FIRST,
        (Side.HIGHER, Side.HIGHER): Place.KEEP,
        (Side.LOWER, Side.LOWER): Place.WAIT,
        (Side.HIGHER, Side.LOWER): Place.ENOUGH,
    }
    return quarters.get((level, importance), Place.UNCLEAR)
