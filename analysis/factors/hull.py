"""The hull method: the number of factors after which fit stops rising for its price in parameters."""

from __future__ import annotations

import numpy as np

from analysis.factors.adequacy import sampling_adequacy
from analysis.factors.pattern import Array

ON_LINE = 1e-12  # fit above a straight line that rounding alone can make


def common_part_accounted_for(correlations: Array, common: Array) -> float:
    """How little common variance a solution leaves in the residuals.

    Parameters
    ----------
    correlations, common : ndarray, shape (n_items, n_items)
        Observed correlations, and those the factors reproduce.

    Returns
    -------
    float
        1 minus the Kaiser-Meyer-Olkin measure of the residuals.
    """
    residuals = correlations - common
    np.fill_diagonal(residuals, 1.0)
    overall, _ = sampling_adequacy(residuals)
    return 1 - overall


def _slope(fits: Array, dfs: Array, simple: int, complex_: int) -> float:
    """Gain in fit for each degree of freedom that is given up."""
    return float((fits[complex_] - fits[simple]) / (dfs[simple] - dfs[complex_]))


def _on_hull(fits: Array, dfs: Array) -> list[int]:
    """Positions on the upper border of fit against parameters."""
    hull: list[int] = []
    for model, fit in enumerate(fits):
        if hull and fit <= max(fits[hull]):
            continue  # a simpler model fits as well
        while len(hull) > 1:
            reached = fits[hull[-2]] + _slope(fits, dfs, hull[-2], model) * (dfs[hull[-2]] - dfs[hull[-1]])
            if fits[hull[-1]] > reached + ON_LINE:
                break
            hull.pop()
        hull.append(model)
    return hull


def elbow(fits: Array, dfs: Array) -> tuple[int, Array]:
    """Find where the hull bends most.

    Parameters
    ----------
    fits : ndarray, shape (n_models,)
        Fit with 0, 1, 2, … factors, higher is better.
    dfs : ndarray, shape (n_models,)
        Degrees of freedom.

    Returns
    -------
    tuple of int and ndarray
        Number of factors (0 where the hull has no inner point), and the bend of each model on the hull.
    """
    hull = _on_hull(fits, dfs)
    bends = np.full(len(fits), np.nan)
    for before, here, after in zip(hull, hull[1:], hull[2:], strict=False):
        bends[here] = _slope(fits, dfs, before, here) / _slope(fits, dfs, here, after)
    return (int(np.nanargmax(bends)) if len(hull) > 2 else 0), bends
