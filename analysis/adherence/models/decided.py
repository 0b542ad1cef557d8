"""Groups in which everyone fares alike: their coefficients have no end, and the others do without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.fit import Fit
from analysis.common.variation import varies
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
REPEATED = 1e-7  # part of a column's length below which nothing is left of it


def undecided(x: Floats, terms: Sequence[str], *alike: Flags, scores: int = 1) -> tuple[Flags, Flags]:
    """Rows and columns that are left when groups that a model tells nothing of are set apart.

    Where nobody of a group left, or everyone reached the threshold, the likelihood rises for ever as the
    coefficient of the group grows; at its limit the group adds nothing, and the other coefficients and
    their errors are those of the rest.

    Parameters
    ----------
    x : array, shape (n, p)
        Columns; the first are scores, which are never set apart. Columns of two values are groups.
    terms
        Names of the columns: those of one covariate begin alike, up to a colon. Columns that begin alike and
        overlap, as of two covariates, are no groups of one.
    *alike : array of bool, shape (n,)
        Each an outcome that ends the search where a whole group has it.
    scores
        How many scores there are.

    Returns
    -------
    tuple of array of bool
        Shape (n,) and (p,). Columns that others repeat in these rows are not left either.

    Raises
    ------
    NotEstimableError
        A score has nothing of its own in these rows.

    Examples
    --------
    Nobody of the third group left:

    >>> x = np.column_stack([np.arange(6.0), [0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]])
    >>> stayed = np.array([False, False, True, True, False, True])
    >>> rows, columns = undecided(x, ["score", "site:b", "site:c"], stayed)
    >>> rows.tolist(), columns.tolist()
    ([True, True, False, False, True, True], [True, True, False])
    """
    rows, columns = np.ones(len(x), dtype=bool), np.ones(x.shape[1], dtype=bool)
    families: dict[str, list[int]] = {}
    for j in range(scores, x.shape[1]):
        if len(np.unique(x[:, j])) == 2:
            families.setdefault(terms[j].split(":", 1)[0], []).append(j)
    member = x == x.max(axis=0)
    apart = [own for family in families.values() for own in _without_overlap(member, family)]
    while not _all_alike(rows, alike):
        for own in apart:
            left = [j for j in own if columns[j]]
            found = next((j for j in left if _all_alike(rows & member[:, j], alike)), None)
            if found is not None:
                rows, columns[found] = rows & ~member[:, found], False
                break
            rest = rows & ~member[:, left].any(axis=1)  # the group that has no column of its own
            if left and _all_alike(rest, alike):
                rows, columns[left[0]] = rows & ~rest, False
                break
        else:
            break
    varying = varies(x[rows]) | (np.arange(x.shape[1]) < scores)
    return rows, _of_their_own(x, rows, columns & varying, scores)


def _of_their_own(x: Floats, rows: Flags, columns: Flags, scores: int) -> Flags:
    """Columns that say in these rows what none of those before them says together; scores come last."""
    order = [*range(scores, x.shape[1]), *range(scores)]
    basis, own = np.full((int(rows.sum()), 1), 1 / np.sqrt(max(rows.sum(), 1))), columns.copy()
    for j in order:
        if not columns[j]:
            continue
        left = x[rows, j]
        size = np.sqrt(left @ left)
        for _ in range(2):  # once more, for what rounding left
            left = left - basis @ (basis.T @ left)
        length = np.sqrt(left @ left)
        if length > REPEATED * size:
            basis = np.column_stack([basis, left / length])
        elif j >= scores:
            own[j] = False
        elif np.ptp(x[:, j]) > 0:
            fact = (
                "where groups in which everyone fares alike are set apart, columns say what the score says."
            )
            raise NotEstimableError(fact_and_hint("relate_adherence", fact, "adjust for less."))
    return own


def _without_overlap(member: Flags, family: Sequence[int]) -> list[list[int]]:
    """Columns of one name, parted so that nobody is in two groups of one part."""
    parts: list[list[int]] = []
    for j in family:
        mine = next((own for own in parts if not (member[:, own].any(axis=1) & member[:, j]).any()), None)
        if mine is None:
            parts.append([j])
        else:
            mine.append(j)
    return parts


def _all_alike(group: Flags, alike: Sequence[Flags]) -> bool:
    return bool(group.any()) and any(bool(outcome[group].all()) for outcome in alike)


def with_places(fit: Fit, kept: Flags, n: int) -> Fit:
    """Give a fit of some columns the places of all: those set apart have no number (NaN).

    Parameters
    ----------
    fit
        Of the columns kept, in their order; further coefficients before them stay where they are.
    kept : array of bool, shape (p,)
        Columns kept.
    n
        People, those set apart among them.

    Returns
    -------
    Fit
        With as many coefficients more as columns were set apart.
    """
    before = len(fit.coefficients) - int(kept.sum())
    place = np.concatenate([np.arange(before), before + np.flatnonzero(kept)])
    size = before + len(kept)
    coefficients, covariance = np.full(size, np.nan), np.full((size, size), np.nan)
    coefficients[place] = fit.coefficients
    covariance[np.ix_(place, place)] = fit.covariance
    alone = tuple(int(place[j]) for j in fit.alone)
    return replace(fit, coefficients=coefficients, covariance=covariance, alone=alone, n=n)
