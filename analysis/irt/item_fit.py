"""S-X²: observed against expected answers within groups of the same total score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.irt.graded_model import GradedItems, category_probabilities
from analysis.irt.quadrature import Quadrature

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTables:
    """Counts of one item's categories by total score.

    Attributes
    ----------
    observed, expected
        Shape (n_totals, k).
    """

    observed: Array
    expected: Array


def total_distribution(probability: Array) -> Array:
    """Distribution of the sum of independent items at each node (Lord & Wingersky, 1984).

    Parameters
    ----------
    probability
        Category probabilities, shape (n_items, k, q).

    Returns
    -------
    numpy.ndarray
        Shape (n_items · (k − 1) + 1, q).
    """
    n_items, k, q = probability.shape
    total = np.zeros((n_items * (k - 1) + 1, q))
    total[0] = 1.0
    for item in range(n_items):
        wider = np.zeros_like(total)
        for category in range(k):
            wider[category:] += total[: len(total) - category] * probability[item, category]
        total = wider
    return total


def score_tables(positions: npt.NDArray[np.int8], items: GradedItems, grid: Quadrature) -> list[ScoreTables]:
    """Tabulate every item by total score, observed and as the model expects.

    Parameters
    ----------
    positions
        Complete answers, shape (n_items, n_persons).
    items
        Parameters.
    grid
        Quadrature.

    Returns
    -------
    list of ScoreTables
        One per item; totals are sums of positions.
    """
    probability = category_probabilities(items, grid.nodes)
    k = probability.shape[1]
    top = int((items.n_categories - 1).sum())
    totals = positions.astype(np.int64).sum(0)
    sizes = np.bincount(totals, minlength=top + 1).astype(float)
    whole = total_distribution(probability)[: top + 1] @ grid.weights
    tables = []
    for item, size in enumerate(items.n_categories):
        rest = total_distribution(np.delete(probability, item, axis=0))
        joint = np.zeros((top + 1, size))
        for category in range(size):
            reached = min(len(rest), top + 1 - category)
            weighted = (rest[:reached] * probability[item, category]) @ grid.weights
            joint[category : category + reached, category] = weighted
        expected = sizes[:, None] * joint / whole[:, None]
        cells = np.bincount(totals * k + positions[item], minlength=(top + 1) * k).reshape(-1, k)
        tables.append(ScoreTables(observed=cells[:, :size].astype(float), expected=expected))
    return tables


def merged(tables: ScoreTables, least: float) -> list[tuple[Array, Array]]:
    """Merge neighbouring categories, then neighbouring totals, until every expected count suffices.

    A group of a total is too small when its categories have to be merged into one, which compares nothing:
    it joins the next group towards higher totals, the last ones join the group below (Orlando & Thissen,
    2000).

    Parameters
    ----------
    tables
        Of one item.
    least
        Smallest expected count of a cell.

    Returns
    -------
    list of tuple
        Per group of totals the observed and expected counts of its cells.
    """
    inner = slice(1, len(tables.observed) - 1)
    groups: list[tuple[Array, Array]] = []
    observed, expected = np.zeros(tables.observed.shape[1]), np.zeros(tables.observed.shape[1])
    for o, e in zip(tables.observed[inner], tables.expected[inner], strict=True):
        observed, expected = observed + o, expected + e
        if len(_merge_row(observed, expected, least)[1]) > 1:
            groups.append((observed, expected))
            observed, expected = np.zeros_like(observed), np.zeros_like(expected)
    if groups:
        last_observed, last_expected = groups.pop()
        groups.append((last_observed + observed, last_expected + expected))
    return [_merge_row(o, e, least) for o, e in groups]


def _merge_row(observed: Array, expected: Array, least: float) -> tuple[Array, Array]:
    o, e = list(observed), list(expected)
    while len(e) > 1 and min(e) < least:
        at = int(np.argmin(e))
        side = at + 1 if at == 0 or (at + 1 < len(e) and e[at + 1] < e[at - 1]) else at - 1
        o[side] += o.pop(at) if side < at else o[at]
        e[side] += e.pop(at) if side < at else e[at]
        if side > at:
            o.pop(at)
            e.pop(at)
    return np.array(o), np.array(e)
