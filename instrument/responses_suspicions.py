"""Suspicions about a checked response table: answers that look reversed before the toolkit does it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import name_offenders

STRENGTH = 4.0
"""An item-rest correlation below −STRENGTH/√n is called negative: chance gives that once in 30,000 items."""
LEAST = 0.1
"""A correlation nearer to zero than this is never called negative, however many the people."""


def keying_suspicions(responses: pd.DataFrame, scale: Instrument) -> list[str]:
    """Say which items run against their theme although they are keyed.

    Parameters
    ----------
    responses
        Checked wide frame.
    scale
        The instrument.

    Returns
    -------
    list of str
        Suspicions in words; empty when there are none.

    Notes
    -----
    Each item, keyed as the instrument says, is correlated with the mean of the other items of its
    theme (all waves together, answered pairs only). Reversed items are left out of that mean where at
    least two others remain, so that several items reversed alike cannot hide one another.
    """
    reversed_before: list[str] = []
    unmarked: list[str] = []
    for theme in scale.themes:
        members = [item.id for item in theme.items if scale.scale_of(item.id).n_options > 1]
        if len(members) < 3:
            continue
        keyed = _keyed(responses, scale, members)
        anchors = [i for i, member in enumerate(members) if not scale.item(member).reverse]
        for i, member in enumerate(members):
            rest = [j for j in (anchors if len(anchors) > 2 else range(len(members))) if j != i]
            if not _runs_against(keyed[:, i], keyed[:, rest]):
                continue
            (reversed_before if scale.item(member).reverse else unmarked).append(member)
    return _in_words(reversed_before, unmarked)


def _keyed(responses: pd.DataFrame, scale: Instrument, members: list[str]) -> np.ndarray:
    """Answers as shares of their range, keyed; shape (n_rows, n_items)."""
    columns = []
    for member in members:
        options = scale.scale_of(member)
        share = responses[member].to_numpy(dtype=float, na_value=np.nan) - options.minimum
        share = share / (options.maximum - options.minimum)
        columns.append(1 - share if scale.item(member).reverse else share)
    return np.column_stack(columns)


def _runs_against(item: np.ndarray, rest: np.ndarray) -> bool:
    answered = ~np.isnan(rest)
    n_rest = answered.sum(axis=1)
    mean_rest = np.where(answered, rest, 0).sum(axis=1) / np.maximum(n_rest, 1)
    both = ~np.isnan(item) & (n_rest > 0)
    n = int(both.sum())
    if n < 3 or np.ptp(item[both]) == 0 or np.ptp(mean_rest[both]) == 0:
        return False
    correlation = np.corrcoef(item[both], mean_rest[both])[0, 1]
    return bool(correlation < -max(LEAST, STRENGTH / np.sqrt(n)))


def _in_words(reversed_before: list[str], unmarked: list[str]) -> list[str]:
    found = []
    if reversed_before:
        found.append(
            f"{name_offenders(reversed_before)}: negative item-rest correlation after reverse keying, "
            "as if these answers had been reversed before"
        )
    if unmarked:
        found.append(
            f"{name_offenders(unmarked)}: negative item-rest correlation, as if worded against the theme "
            "but not marked reverse in the instrument"
        )
    return found
