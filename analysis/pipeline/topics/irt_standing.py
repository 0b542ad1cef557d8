"""Where people stand on the latent variable of a theme, and where its items have their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.disclosure.kinds import GIVEN, PERSON, TEXT, each
from analysis.pipeline.section import Table

if TYPE_CHECKING:
    from analysis.irt.graded_response import GradedResponseResult

EDGES = np.arange(-3.0, 3.25, 0.25)


def standing_of(theme: str, title: str, result: GradedResponseResult) -> pd.DataFrame:
    """Count people by their score, and steps between options by their place, for a person-item map.

    Parameters
    ----------
    theme, title
        Of the theme.
    result
        Its graded response model.

    Returns
    -------
    DataFrame
        theme, title, start, end (in standard deviations of the people), people, share (of those with a
        score), steps: a row for each quarter of a standard deviation from -3 to 3. Who or what lies beyond
        is counted in the first or last row.

    References
    ----------
    Wright, B. D., & Masters, G. N. (1982). Rating scale analysis. MESA Press.
    """
    scores = result.scores()["score"].dropna().to_numpy(dtype=float)
    steps = result.parameters.filter(regex=r"^difficulty_\d+$").to_numpy(dtype=float).ravel()
    inside = np.nextafter(EDGES[-1], 0.0)  # what lies beyond an end is counted at the end
    people, counted = (
        np.histogram(np.clip(places[np.isfinite(places)], EDGES[0], inside), bins=EDGES)[0]
        for places in (scores, steps)
    )
    return pd.DataFrame(
        {
            "theme": theme,
            "title": title,
            "start": EDGES[:-1],
            "end": EDGES[1:],
            "people": people,
            "share": people / max(len(scores), 1),
            "steps": counted,
        }
    )


def standing_table(parts: list[pd.DataFrame]) -> Table:
    """Put the themes below each other; it is not shared, since a place may hold one person."""
    return Table(
        frame=pd.concat(parts, ignore_index=True),
        kinds={
            **each(TEXT, "theme title"),
            **each(GIVEN, "start end"),
            **each(PERSON, "people share"),
            "steps": GIVEN,
        },
        title="Where people stand, and where items have their steps",
        columns={
            "title": ("Theme", "text"),
            "start": ("Standing from", "d2"),
            "end": ("to", "d2"),
            "people": ("People", "int"),
            "share": ("Share", "percent"),
            "steps": ("Steps between options", "int"),
        },
        note="Standing in standard deviations of these people. Who or what lies beyond −3 or 3 is counted at "
        "that end.",
    )
