"""Columns of adjustment: quantities, categories, and what repeats a score or another column."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from instrument.common.formatting import format_value

Floats = NDArray[np.float64]
MOST_CODES, FEWEST_PER_CODE = 30, 3
LEAST_OF_ITS_OWN = 0.01  # of a column's variance that other columns leave unsaid
MOST_LEVELS, FEWEST_APART = 7, 8  # of an undeclared column of labels; people on either side


def is_code(column: pd.Series) -> bool:
    """Say whether a column of numbers holds codes: at most 30 whole numbers, three people or more for each.

    The number of a clinic is a name. Taken as a quantity it would put clinic 20 twice as far as clinic 10.
    Two values are alike either way.
    """
    known = column.dropna().astype(float)
    values = known.unique()
    return bool(
        2 < len(values) <= MOST_CODES
        and len(known) >= FEWEST_PER_CODE * len(values)
        and (values == np.round(values)).all()
    )


def coded_columns(
    frame: pd.DataFrame,
    names: Sequence[str],
    quantities: Collection[str] = (),
    categories: Collection[str] = (),
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Quantities stay numbers; labels and codes become one 0/1 column per level but the commonest.

    Parameters
    ----------
    frame
        One row per person.
    names
        Columns to code.
    quantities
        Columns that are quantities whatever their values.
    categories
        Columns of numbers that are categories, however many people are left of each.

    Returns
    -------
    tuple
        The frame with the new columns, their names, and the columns of whole numbers taken as categories.
    """
    added: dict[str, Any] = {}
    adjusters, codes = [], []
    for name in names:
        column = frame[name]
        number = is_number_column(column)
        if number and (name in categories or (name not in quantities and is_code(column))):
            codes.append(name)
            number = False
            column = column.astype("Float64").map(lambda v: f"{v:.0f}", na_action="ignore")
        if number:
            added[name] = column.astype("Float64").astype(float)
            adjusters.append(name)
            continue
        for level in levels_of(column)[1:]:
            label = f"{name}:{level}"
            added[label] = (column == level).astype(float).where(column.notna())
            adjusters.append(label)
    kept = frame.drop(columns=[n for n in added if n in frame])
    return pd.concat([kept, pd.DataFrame(added, index=frame.index)], axis=1), adjusters, codes


def levels_of(column: pd.Series) -> list[Any]:
    """Levels from the commonest to the rarest, equals by their names: in whatever order people stand."""
    counts = column.dropna().value_counts(sort=False)
    counts = counts[counts > 0]
    return sorted(counts.index, key=lambda level: (-int(counts[level]), str(level)))


def is_number_column(column: pd.Series) -> bool:
    """Whether a column holds numbers; yes and no are labels."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def without_decided(
    frame: pd.DataFrame, names: Sequence[str], quantities: Collection[str], kept: pd.Series
) -> tuple[pd.DataFrame, list[str]]:
    """Take labels as missing where everyone who has them is alike: did all that was due, or nothing.

    One person of a third gender who never came back would have a coefficient without end, and no model of
    anybody's use could be fitted; without these people it is the same for everyone else.

    Parameters
    ----------
    frame
        One row per person, with `done` and `due`.
    names, quantities
        As `coded_columns` takes them.
    kept : Series of bool
        Those who could be analysed, were no covariate missing.

    Returns
    -------
    tuple
        The frame, and the columns in which labels were taken as missing.
    """
    labels = [name for name in names if _holds_labels(frame[name], quantity=name in quantities)]
    frame, touched = frame.copy(), []
    alike = np.select([frame["done"] <= 0, frame["done"] >= frame["due"]], [-1, 1], default=0)
    while True:
        here = kept & frame[list(names)].notna().all(axis=1)
        for name in labels:
            for _, rows in frame[here].groupby(name, sort=False, observed=True).groups.items():
                own = frame.index.isin(rows)
                rest = here & ~own
                # Where the others are alike too it is no matter of this label.
                side = alike[own][0]
                if side and (alike[own] == side).all() and (alike[rest] != side).any():
                    label = frame.loc[rows[0], name]
                    frame[name] = frame[name].where(frame[name] != label)
                    touched.append(name)
                    break
            else:
                continue
            break
        else:
            return frame, list(dict.fromkeys(touched))


def _holds_labels(column: pd.Series, *, quantity: bool) -> bool:
    """Whether values tell people apart as labels do; two values do so in any case."""
    if column.nunique() == 2 or not is_number_column(column):
        return True
    return not quantity and is_code(column)


def undeclared_columns(raw: pd.DataFrame, quantities: Collection[str] = ()) -> dict[str, Floats]:
    """Give columns that nobody declared as numbers that a model could hold constant.

    Parameters
    ----------
    raw : DataFrame, shape (n, k)
        Those analysed.
    quantities
        Columns that are quantities whatever their values.

    Returns
    -------
    dict of array, shape (n, q)
        By name. Labels and codes of two to seven values: a 0/1 column for each that eight people or more have
        but the commonest; numbers as they are, gaps at their mean. Gaps of eight people or more have a column
        of their own. Columns of more labels put people into groups, and are none of these.

    Examples
    --------
    >>> raw = pd.DataFrame({"pays": ["yes"] * 10 + ["no"] * 20, "age": np.arange(30.0) / 7})
    >>> {name: columns.shape for name, columns in undeclared_columns(raw).items()}
    {'pays': (30, 1), 'age': (30, 1)}
    """
    found: dict[str, Floats] = {}
    for name in raw.columns:
        column = raw[name]
        parts: list[Floats] = []
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        counts = column.value_counts()
        if number and (name in quantities or not is_code(column)):
            values = column.astype("Float64").astype(float)
            if _told_apart(np.asarray(values.dropna(), dtype=np.float64)):
                parts.append(np.asarray(values.fillna(values.mean()), dtype=np.float64))
        elif len(counts) <= MOST_LEVELS:
            plain = column.astype(object)  # else a gap of text or of yes and no is neither
            parts += [np.asarray(plain == level, dtype=np.float64) for level in counts.index[1:]]
        parts.append(np.asarray(column.isna(), dtype=np.float64))
        kept = [part for part in parts if _told_apart(part)]
        if kept:
            found[str(name)] = np.column_stack(kept)
    return found


def _told_apart(column: Floats) -> bool:
    """Whether eight people or more have another value than the commonest."""
    if not len(column) or not np.isfinite(column).all():
        return False
    return len(column) - int(np.unique(column, return_counts=True)[1].max()) >= FEWEST_APART


def without_repeats(
    frame: pd.DataFrame, scores: Sequence[str], adjusters: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Leave out columns that say what a score or another column says, each with a sentence.

    Parameters
    ----------
    frame
        Those analysed: no gaps in these columns.
    scores
        Predictors: a column that shares more than 99 % of its variance with one of them is left out.
    adjusters
        Columns of adjustment, in the order in which they are kept.

    Returns
    -------
    tuple of list
        Columns kept, and sentences about the others.
    """
    kept: list[str] = []
    said: list[str] = []
    basis = np.ones((len(frame), 1))
    standard = {name: _standardized(frame[name]) for name in (*scores, *adjusters)}
    for name in adjusters:
        own = standard[name]
        with_scores = {score: float((own * standard[score]).mean()) for score in scores}
        nearest = max(with_scores, key=lambda score: abs(with_scores[score]), default="")
        if nearest and with_scores[nearest] ** 2 > 1 - LEAST_OF_ITS_OWN:
            said.append(_sentence(name, f"the score {nearest}", with_scores[nearest]))
            continue
        left = own - basis @ np.linalg.lstsq(basis, own, rcond=None)[0]
        if left @ left > LEAST_OF_ITS_OWN * len(own):
            kept.append(name)
            basis = np.column_stack([basis, own])
            continue
        others = {other: float((own * standard[other]).mean()) for other in kept}
        nearest = max(others, key=lambda other: abs(others[other]))
        if others[nearest] ** 2 > 1 - LEAST_OF_ITS_OWN:
            said.append(_sentence(name, nearest, others[nearest]))
        else:
            said.append(f"left out of the adjustment: {name} is a sum of other columns held constant")
    return kept, said


def own_share(column: Floats, others: Floats) -> float:
    """Share of a column's variance that other columns leave unsaid (tolerance), 0 to 1."""
    basis = np.column_stack([np.ones(len(column)), others])
    left = column - basis @ np.linalg.lstsq(basis, column, rcond=None)[0]
    return float(left @ left / ((column - column.mean()) ** 2).sum())


def condition_number(design: Floats) -> float:
    """Largest over smallest singular value of columns scaled to length 1 (Belsley, Kuh & Welsch 1980).

    From 30 on columns are near to repeating each other. Belsley et al.: doi 10.1002/0471725153.
    """
    values = np.linalg.svd(design / np.sqrt((design**2).sum(axis=0)), compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else float("inf")


def _sentence(name: str, other: str, correlation: float) -> str:
    return (
        f"left out of the adjustment: {name} repeats {other} (correlation {format_value(correlation, 'r3')})"
    )


def _standardized(column: pd.Series) -> Floats:
    values = column.to_numpy(dtype=float)
    return np.asarray((values - values.mean()) / values.std(), dtype=np.float64)
