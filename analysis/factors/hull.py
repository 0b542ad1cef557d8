"""The hull method: the number of factors after which fit stops rising for its price in parameters."""

from __future__ import annotations

import numpy as np

from analysis.factors.adequacy import sampling_adequacy
from analysis.factors.pattern import Array


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
    residual = correlations - common
    np.fill_diagonal(residual, 1.0)
    overall, _ = sampling_adequacy(residual)
    return 1 - overall


def _on_hull(fits: Array, dfs: Array) -> list[int]:
    """Positions on the upper border of fit against parameters."""
    kept: list[int] = []
    best = -np.inf
    for i, value in enumerate(fits):
        if np.isfinite(value) and value > best:
            kept.append(i)
            best = value
    changed = True
    while changed:
        changed = False
        for before, here, after in zip(kept, kept[1:], kept[2:], strict=False):
            line = fits[before] + (fits[after] - fits[before]) * (dfs[before] - dfs[here]) / (
                dfs[before] - dfs[after]
            )
            if fits[here] <= line:
                kept.remove(here)
                changed = True
                break
    return kept


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
    kept = _on_hull(fits, dfs)
    bends = np.full(len(fits), np.nan)
    for before, here, after in zip(kept, kept[1:], kept[2:], strict=False):
        rise = (fits[here] - fits[before]) / (dfs[before] - dfs[here])
        rest = (fits[after] - fits[here]) / (dfs[here] - dfs[after])
        bends[here] = rise / rest
    return (int(np.nanargmax(bends)) if np.isfinite(bends).any() else 0), bends
