"""What else the log says of use before the landmark: time spent, pauses, single weeks, other counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.design.calendar_steps import gains
from analysis.adherence.models.shape import knots_of, restricted_cubic
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
RECORDED = (
    *("minutes_before", "longest_gap_before", "second_week_before", "third_week_before"),
    *("sessions_before", "logins_before", "events_before"),
)
BY_CHANCE = 0.01  # p value of one column below which it is held constant
PEOPLE_PER_COLUMN = 60
FEWEST_VALUES = 5


def recorded_use(
    frame: pd.DataFrame, analysed: NDArray[np.bool_], held: Floats, targets: Sequence[Floats]
) -> dict[str, Floats]:
    """Give the measures of early use, beyond those held always, that score or later use go with.

    Parameters
    ----------
    frame
        Rows of everyone, with those of `RECORDED` that are known.
    analysed : array, shape (N,)
        Rows of the analysis, n of them.
    held : array, shape (n, p)
        What is held constant already.
    targets : sequence of array, shape (n,)
        Later use, and every score.

    Returns
    -------
    dict
        `log(1 + x)` and columns of its restricted cubic spline by name, one value for each of the N rows; at
        most one for 60 people analysed.

    Notes
    -----
    How often people came does not tell how long they stayed, nor who went away for a while and came back, nor
    what was done in one of the weeks between the first and the last. All of it comes before the rating and
    lies in the log. Held where later use or a score goes with it (p < .01; double selection): what moves both
    makes a true null an association, and an unrelated feature need not show it.

    References
    ----------
    Belloni, Chernozhukov & Hansen (2014), doi 10.1093/restud/rdt044.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> known = pd.DataFrame({"minutes_before": np.exp(rng.normal(3, 1, 200))})
    >>> everyone, line = np.ones(200, dtype=bool), rng.normal(size=(200, 1))
    >>> later = np.log(known["minutes_before"].to_numpy()) + rng.normal(size=200)
    >>> list(recorded_use(known, everyone, line, [later]))
    ['minutes_before, log']
    """
    columns: dict[str, Floats] = {}
    for name in RECORDED:
        if name in frame:
            line = np.log1p(np.maximum(frame[name].to_numpy(dtype=float), 0.0))
            columns |= {f"{name}, log": line, **_curves(name, line, analysed)}
    offered = {
        name: column
        for name, column in columns.items()
        if np.isfinite(column).all() and column[analysed].std() > 0
    }
    names = list(offered)
    if not names:
        return {}
    n = int(analysed.sum())
    here = np.column_stack([offered[name][analysed] for name in names])
    here = (here - here.mean(axis=0)) / here.std(axis=0)
    basis = np.column_stack([np.ones(n), held])
    found: list[int] = []
    for target in targets:
        while len(found) < min(n // PEOPLE_PER_COLUMN, len(names)):
            known = np.column_stack([basis, here[:, found]])
            f, free = gains(target, known, here), n - known.shape[1] - 1
            best = int(f.argmax())
            if free < 1 or not f[best] > stats.f.isf(BY_CHANCE, 1, free):
                break
            found.append(best)
    return {names[k]: offered[names[k]] for k in sorted(found)}


def _curves(name: str, line: Floats, analysed: NDArray[np.bool_]) -> dict[str, Floats]:
    here = line[analysed]
    if not np.isfinite(line).all() or len(np.unique(here)) < FEWEST_VALUES:
        return {}
    try:
        curved = restricted_cubic(line, knots_of(here))
    except NotEstimableError:
        return {}
    return {f"{name}, curve {k + 1}": curved[:, k] for k in range(curved.shape[1])}
