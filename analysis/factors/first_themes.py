"""Groups of items by a first exploratory factor analysis, for a draft whose source names none."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.common.rules import LOADING, STRUCTURE_PER_ITEM
from analysis.factors.efa import efa
from analysis.factors.factor_retention import factor_retention
from instrument.errors import NotEstimableError, ResponseDataError, ToolkitWarning

FEWEST_OF_FACTOR = 3
"""Items with a salient loading that a factor must have before it is a theme."""
FEWEST_IN_ALL = 100
DRAWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstThemes:
    """Groups that a first factor analysis suggests.

    Attributes
    ----------
    place
        Item to the number of its factor, from 1; items without a salient loading are not in it.
    loadings
        Item to its loading on that factor.
    people
        Complete rows that it rests on.
    factors
        How many parallel analysis suggests.
    """

    place: dict[str, int]
    loadings: dict[str, float]
    people: int
    factors: int


def first_themes(items: pd.DataFrame) -> FirstThemes | None:
    """Group items by a first exploratory factor analysis.

    Use it for a draft alone: which items go together in one sample is where the naming of themes may begin,
    and no evidence that they are themes.

    Parameters
    ----------
    items : pandas.DataFrame, shape (n_persons, n_items)
        Codes as they were given; items need not be keyed.

    Returns
    -------
    FirstThemes or None
        None where fewer than a hundred people, or five for each item, gave every answer, where parallel
        analysis suggests one factor, or where the solution leaves a factor without three salient items.

    Notes
    -----
    Number of factors: leading eigenvalues of Pearson correlations with reduced diagonal above the 95th
    percentile of column-wise permuted data (Horn). Minimum residuals, direct oblimin; an item goes to the
    factor of its largest loading where that is salient (at least .40).

    References
    ----------
    Horn, J. L. (1965). Psychometrika, 30, 179-185. https://doi.org/10.1007/BF02289447

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> shared = np.repeat(rng.normal(size=(300, 2)), 3, axis=1)
    >>> answers = pd.DataFrame(np.round(shared + rng.normal(0, 0.8, (300, 6))), columns=list("abcdef"))
    >>> groups = first_themes(answers).place
    >>> groups["a"] == groups["b"] == groups["c"] != groups["d"] == groups["e"] == groups["f"]
    True
    """
    whole = items.dropna()
    whole = whole.loc[:, whole.max() > whole.min()]
    n, p = whole.shape
    if p < 2 * FEWEST_OF_FACTOR or n < FEWEST_IN_ALL or not STRUCTURE_PER_ITEM.holds(n / p):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)
            rules = factor_retention(whole, correlation="pearson", draws=DRAWS)
            suggested: Any = rules.table["n_factors"]["parallel_factors"]
            k = min(int(suggested), p // FEWEST_OF_FACTOR) if pd.notna(suggested) else 0
            if k < 2:
                return None
            loadings = efa(whole, k).loadings
            weights = loadings.to_numpy(dtype=float)
    except (NotEstimableError, ResponseDataError):
        return None
    size = np.abs(weights)
    best = size.argmax(axis=1)
    salient = np.array([LOADING.holds(float(row[at])) for row, at in zip(size, best, strict=True)])
    if any((salient & (best == factor)).sum() < FEWEST_OF_FACTOR for factor in range(k)):
        return None
    names = list(map(str, loadings.index))
    there = np.flatnonzero(salient)
    order = {factor: number for number, factor in enumerate(dict.fromkeys(best[there]), start=1)}
    return FirstThemes(
        place={names[row]: order[best[row]] for row in there},
        loadings={names[row]: float(weights[row, best[row]]) for row in there},
        people=n,
        factors=k,
    )
