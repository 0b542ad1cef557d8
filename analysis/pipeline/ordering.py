"""Tables in one order of people, however the rows of a file stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from instrument.reading.people import as_label, labels_as_text

_FIGURES = re.compile(r"([0-9]+)")


def by_person(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table in the order of its people, numbers in ids by their size.

    What is drawn at random is drawn by row: with one seed, people in another order would give other limits.

    Parameters
    ----------
    table
        Answers, or a table beside them.

    Returns
    -------
    pandas.DataFrame
        The same rows, those of a person in their order in the file; the table itself where it stands so
        already, or has no column `participant`.

    Examples
    --------
    >>> by_person(pd.DataFrame({"participant": ["p10", "p9", "p10"], "wave": [2, 1, 1]})).values.tolist()
    [['p9', 1], ['p10', 2], ['p10', 1]]
    """
    if "participant" not in table.columns:
        return table
    names = labels_as_text(table["participant"]).fillna("")
    codes, people = pd.factorize(names)
    places = {name: place for place, name in enumerate(sorted(people, key=_by_size))}
    order = np.array([places[name] for name in people], dtype=np.int64)[codes]
    if (np.diff(order) >= 0).all():
        return table
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def most_answered_first(answers: pd.DataFrame, items: Sequence[str]) -> tuple[Any, ...]:
    """Give the waves of answers by how many people answered them, ties by their names.

    Parameters
    ----------
    answers
        Answers of several waves.
    items
        Columns of answers.

    Returns
    -------
    tuple
        Every wave once: an order that does not hang on how the rows stand, for where no other is known.

    Examples
    --------
    >>> table = pd.DataFrame({"wave": ["may", "june", "june"], "q1": [1, 2, 3]})
    >>> most_answered_first(table, ["q1"])
    ('june', 'may')
    """
    given = answers.loc[answers[list(items)].notna().any(axis=1), "wave"].value_counts()
    counts = {wave: int(given.get(wave, 0)) for wave in pd.unique(answers["wave"])}
    return tuple(sorted(counts, key=lambda wave: (-counts[wave], _by_size(as_label(wave)))))


def _by_size(name: str) -> tuple[tuple[str | int, ...], str]:
    parts = _FIGURES.split(name)  # text and figures in turn, text first
    return tuple(int(part) if k % 2 else part for k, part in enumerate(parts)), name
