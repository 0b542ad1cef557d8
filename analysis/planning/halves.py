"""Which half of the people a person is in: by a seed and the person's id alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analysis.planning.definition import Split

EXPLORATION, CONFIRMATION = "exploration", "confirmation"
HALVES = (EXPLORATION, CONFIRMATION)


def half_of(participants: pd.Series, split: Split) -> pd.Series:
    """Say of each id which half it is in, whatever else is in the table.

    Parameters
    ----------
    participants
        Ids, as often as they occur.
    split
        Seed and share to explore.

    Returns
    -------
    pandas.Series
        "exploration" or "confirmation", so that every wave and table of a person is in one half.
    """
    drawn = {str(name): _draw(str(name), split.seed) for name in participants.unique()}
    return participants.map(
        lambda name: EXPLORATION if drawn[str(name)] < split.explore else CONFIRMATION
    ).astype(object)


def _draw(name: str, seed: int) -> float:
    """Number in [0, 1) that seed and id give."""
    digest = hashlib.sha256(f"{seed}\n{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
