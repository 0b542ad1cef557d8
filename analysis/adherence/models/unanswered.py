"""What would become of an association had people without a score rated otherwise than people alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.imputation import PooledUse, pooled_moves

Floats = NDArray[np.float64]
SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
COLUMNS = ("shift", "n", "imputed", "effect", "effect_lower", "effect_upper", "pvalue")


def shifted_use(
    completed: Sequence[Floats],
    silent: NDArray[np.bool_],
    done: Floats,
    due: Floats,
    columns: int,
    level: float = 0.95,
    clusters: Clusters | None = None,
    shifts: Sequence[float] = SHIFTS,
    unshifted: PooledUse | None = None,
) -> pd.DataFrame:
    """Shift the imputed scores of people without one, and pool remaining use anew for each shift.

    Parameters
    ----------
    completed
        Tables whose first column is the score and whose first `columns` enter the model.
    silent : array, shape (n,)
        Who has no score of their own.
    done, due : array, shape (n,)
        Units done and due.
    columns
        Number of columns that enter the model.
    level
        Level of the intervals.
    clusters
        Clusters of the people; None where they are independent.
    shifts
        Standard deviations of the score by which all of them are shifted.
    unshifted
        What `pooled_use` gives of the same tables, if it is known already.

    Returns
    -------
    DataFrame
        shift, n, imputed (people shifted), effect in units per standard deviation with its limits, pvalue.

    Notes
    -----
    Imputation takes people without a score to rate as people alike who gave one (use after the landmark
    among what makes them alike). A pattern-mixture model lets the two differ: the score of those without one
    is that of people alike, plus `shift` standard deviations, which no data tell. The unit stays the
    standard deviation at `shift = 0`, where the row is that of the imputed model.

    References
    ----------
    Little (1993), doi 10.1080/01621459.1993.10594302. Carpenter & Kenward (2013), doi 10.1002/9781119942283,
    chapter 10 (delta method of sensitivity).
    """
    asked = [shift for shift in shifts if shift or unshifted is None]
    moves = [shift * silent.astype(float) for shift in asked]
    made = pooled_moves(list(completed), done, due, columns, moves, level, clusters)
    found = dict(zip(asked, made, strict=True))
    if unshifted is not None:
        found[0.0] = unshifted
    rows = [
        (shift, len(done), int(silent.sum()), *found[shift][1], found[shift][0].pvalue) for shift in shifts
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
