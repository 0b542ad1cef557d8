"""Suspicions about a response table: answers that look reversed before the toolkit does it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ToolkitWarning, fact_and_hint, name_offenders
from instrument.keying import keyed_numbers

STRENGTH = 4.0
"""An item-rest correlation below −STRENGTH/√n is called negative: chance gives that once in 30,000 items."""
LEAST = 0.1
"""A correlation nearer to zero than this is never called negative, however many the people."""


def keying_suspicions(responses: pd.DataFrame, scale: Instrument) -> list[str]:
    """Say which items run against their theme although they are keyed.

    Parameters
    ----------
    responses
        Wide frame of codes; what it knows to be keyed is taken as keyed.
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
    return _in_words(*_opposing(responses, scale))


def warn_of_keying(caller: str, responses: pd.DataFrame, scale: Instrument) -> list[str]:
    """Warn where answers do not say that they are keyed and look as if they were.

    Parameters
    ----------
    caller
        Public function that the message names.
    responses
        Wide frame of codes.
    scale
        The instrument.

    Returns
    -------
    list of str
        What was warned of: reversed items that run against their theme after keying. What reading the table
        said already is not said again.

    Warns
    -----
    ToolkitWarning
        There is such a suspicion.
    """
    said = responses.attrs.get("suspicions", ())
    found = [words for words in _in_words(_opposing(responses, scale)[0], []) if words not in said]
    for suspicion in found:
        hint = "give the answers as they were given, or as reverse_key gave them; nothing was changed."
        warnings.warn(fact_and_hint(caller, f"{suspicion}.", hint), ToolkitWarning, stacklevel=3)
    return found


def _opposing(responses: pd.DataFrame, scale: Instrument) -> tuple[list[str], list[str]]:
    """Items that run against their theme: those that the instrument reverses, and the others."""
    names = set(responses.columns)
    reversed_before: list[str] = []
    unmarked: list[str] = []
    for theme in scale.themes:
        present = [item.id for item in theme.items if item.id in names]
        members = [item for item in present if scale.scale_of(item).n_options > 1]
        if len(members) < 3:
            continue
        keyed = _keyed(responses, scale, members)
        anchors = [i for i, member in enumerate(members) if not scale.item(member).reverse]
        for i, member in enumerate(members):
            rest = [j for j in (anchors if len(anchors) > 2 else range(len(members))) if j != i]
            if not _runs_against(keyed[:, i], keyed[:, rest]):
                continue
            (reversed_before if scale.item(member).reverse else unmarked).append(member)
    return reversed_before, unmarked


def _keyed(responses: pd.DataFrame, scale: Instrument, members: list[str]) -> np.ndarray:
    """Answers as shares of their range, keyed; shape (n_rows, n_items)."""
    keyed = keyed_numbers(responses, scale, members).to_numpy()
    ends = [(scale.scale_of(member).minimum, scale.scale_of(member).maximum) for member in members]
    lowest, highest = np.array(ends, dtype=float).T
    return np.asarray((keyed - lowest) / (highest - lowest))


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
